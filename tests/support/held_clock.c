/*
 * held_clock.c - see held_clock.h.
 */
#include "support/held_clock.h"

#include <stdatomic.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)
#define AHEAD_NS (3600 * NS_PER_S)

int __real_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);

static _Atomic int64_t held_ns; /* 0: not held */

int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
    int64_t ns = atomic_load(&held_ns);
    if (clock != CLOCK_MONOTONIC || ns == 0)
        return __real_clock_gettime(clock, time);
    time->tv_sec = (time_t)(ns / NS_PER_S);
    time->tv_nsec = (long)(ns % NS_PER_S);
    return 0;
}

void held_clock_hold(void)
{
    struct timespec now;
    __real_clock_gettime(CLOCK_MONOTONIC, &now);
    atomic_store(&held_ns, (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec + AHEAD_NS);
}

void held_clock_pass(int64_t ms)
{
    atomic_fetch_add(&held_ns, ms * NS_PER_MS);
}

void held_clock_let_go(void)
{
    atomic_store(&held_ns, 0);
}
