/*
 * alloc_fail.h - failed allocations for tests, put in at link time.
 *
 * A test that links alloc_fail_dep has malloc, calloc, realloc, reallocarray, aligned_alloc,
 * posix_memalign, strdup and strndup of every object linked statically replaced; shared libraries
 * keep theirs. Off until asked for: then everything passes through and is counted only. Any thread;
 * a thread of a test's own (a scripted peer) takes itself out by alloc_fail_exempt_thread.
 *
 * How to fail each allocation of an operation in turn:
 *
 *     for (uint64_t nth = 1;; nth++) {
 *         alloc_fail_at(nth);
 *         hh_status status = operation();
 *         alloc_fail_off();
 *         if (alloc_fail_hits() == 0)
 *             break; // it has fewer allocations than that
 *         assert_int_equal(status, HH_ERR_NO_MEMORY);
 *     }
 */
#ifndef TESTS_SUPPORT_ALLOC_FAIL_H
#define TESTS_SUPPORT_ALLOC_FAIL_H

#include <stdint.h>

/* The `nth` allocation from now (1: the next one) fails, once. Sets count and hits to 0. */
void alloc_fail_at(uint64_t nth);
/* The `nth` and all that follow fail. Sets count and hits to 0. */
void alloc_fail_from(uint64_t nth);
/* Nothing fails any more; count and hits stay. */
void alloc_fail_off(void);
/* Sets count and hits to 0, leaves the rest. */
void alloc_fail_count_start(void);
/* Allocations asked for since they were last set to 0. */
uint64_t alloc_fail_count(void);
/* How many of them were made to fail. */
uint64_t alloc_fail_hits(void);
/* From now on the calling thread's allocations are neither counted nor failed. */
void alloc_fail_exempt_thread(void);

#endif
