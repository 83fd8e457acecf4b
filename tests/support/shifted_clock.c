/*
 * shifted_clock.c - see shifted_clock.h.
 */
#include "support/shifted_clock.h"

#include <stdbool.h>

#include "net/loop.h"

int64_t __real_hh__loop_now(const hh_loop *loop);
int64_t __wrap_hh__loop_now(const hh_loop *loop);

static int64_t shift_ns;
static int64_t frozen_ns; /* 0: not yet looked at */
static bool is_frozen;

int64_t __wrap_hh__loop_now(const hh_loop *loop)
{
    if (!is_frozen)
        return __real_hh__loop_now(loop) + shift_ns;
    if (frozen_ns == 0)
        frozen_ns = __real_hh__loop_now(loop);
    return frozen_ns + shift_ns;
}

void shifted_clock_set(int64_t ns)
{
    is_frozen = false;
    frozen_ns = 0;
    shift_ns = ns;
}

void shifted_clock_freeze(void)
{
    is_frozen = true;
}

void shifted_clock_advance(int64_t ns)
{
    shift_ns += ns;
}
