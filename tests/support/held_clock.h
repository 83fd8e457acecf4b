/*
 * held_clock.h - the time of everything linked statically, held by a test, put in at link time.
 *
 * A test that links held_clock_dep has clock_gettime(CLOCK_MONOTONIC) replaced. While the clock is
 * held, no time passes but what the test says, however slowly its threads and its peers are
 * scheduled: a time-out that must not fire can't, and one that must does so to the nanosecond.
 *
 * Held, the clock stands an hour ahead of the true one: so no timer of the kernel's that was set by
 * it wakes anybody, and a loop looks at its deadlines when the test runs it. Hold it before what is
 * to live by it is made, let it go after that has ended.
 */
#ifndef TESTS_SUPPORT_HELD_CLOCK_H
#define TESTS_SUPPORT_HELD_CLOCK_H

#include <stdint.h>

void held_clock_hold(void);
/* So many milliseconds pass. */
void held_clock_pass(int64_t ms);
void held_clock_let_go(void);

#endif
