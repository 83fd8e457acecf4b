/*
 * test_pace.c - the rate holds, with no more burst than promised.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pace.h"

static uint64_t run(double rate, uint64_t seconds)
{
    cli_pace pace;
    uint64_t now = 5000000000u;
    uint64_t end = now + seconds * 1000000000u;
    uint64_t starts = 0;
    cli_pace_init(&pace, rate);
    while (now < end) {
        uint64_t wait = cli_pace_take(&pace, now);
        if (wait == 0)
            starts++;
        else
            now += wait;
    }
    return starts;
}

static void keeps_the_rate(void **state)
{
    (void)state;
    assert_in_range(run(2, 10), 20, 21);
    assert_in_range(run(100, 10), 1000, 1002);
    assert_in_range(run(5000, 2), 10000, 10051);
    assert_in_range(run(0.5, 10), 5, 6);
}

static void does_not_save_up(void **state)
{
    (void)state;
    cli_pace pace;
    cli_pace_init(&pace, 10);
    assert_int_equal(cli_pace_take(&pace, 1000000000u), 0);
    /* An hour of silence buys one start, not 36,000. */
    assert_int_equal(cli_pace_take(&pace, 3600000000000u), 0);
    assert_in_range(cli_pace_take(&pace, 3600000000000u), 99000000u, 100000000u);
}

static void no_rate_never_waits(void **state)
{
    (void)state;
    cli_pace pace;
    cli_pace_init(&pace, 0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(cli_pace_take(&pace, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_rate),
        cmocka_unit_test(does_not_save_up),
        cmocka_unit_test(no_rate_never_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
