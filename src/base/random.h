/*
 * random.h - unpredictable bytes from the kernel, for hash keys, masks and jitter.
 */
#ifndef HH_BASE_RANDOM_H
#define HH_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Fills `out` from getrandom(2); falls back on /dev/urandom. Never fails: without a source of
 * randomness it aborts, since everything built on it would be a lie. */
void hh__random_bytes(void *out, size_t length);
uint64_t hh__random_u64(void);

#endif
