/*
 * hash.h - 128 bits for a run of bytes: SipHash-2-4 (Aumasson and Bernstein) with a fixed key, so
 * the same bytes give the same value in every run.
 */
#ifndef CLI_HASH_H
#define CLI_HASH_H

#include <hyperhttp/hyperhttp.h>

typedef struct cli_hash {
    uint64_t low;
    uint64_t high;
} cli_hash;

cli_hash cli_hash_of(hh_slice bytes);

#endif
