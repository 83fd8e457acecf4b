/*
 * shifted_clock.h - a clock for connections that a test moves, put in at link time.
 *
 * A test that links shifted_clock_dep has hh__loop_now of every object but the loop itself
 * replaced. The loop goes on looking at the true time, so a deadline that was set while the clock
 * was far behind is due at once.
 */
#ifndef TESTS_SUPPORT_SHIFTED_CLOCK_H
#define TESTS_SUPPORT_SHIFTED_CLOCK_H

#include <stdint.h>

#define SECOND_NS INT64_C(1000000000)
#define HOUR_NS (3600 * SECOND_NS)

/* The true time, moved by so much; negative: behind. 0 at first. */
void shifted_clock_set(int64_t shift_ns);
/* Stands still at the true time of the next look at it, until set. */
void shifted_clock_freeze(void);
/* Moves it on by so much, frozen or not. */
void shifted_clock_advance(int64_t ns);

#endif
