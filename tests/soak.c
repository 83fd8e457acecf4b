/*
 * soak.c - a great many requests against peers that misbehave, with random cancels and time-outs:
 * `make soak`, or `soak [requests [seed]]`. Ends with 1 at the first wrong turn, prints what came
 * of it all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "client/storm.h"

static storm what = {.requests = 100000, .at_once = 64, .with_trouble = 1};

static void test_soak(void **state)
{
    (void)state;
    storm_run(&what);
    assert_int_equal(what.answered + what.failed, what.requests);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_soak)};
    what.seed = (uint64_t)time(NULL);
    if (argc > 1)
        what.requests = strtoul(argv[1], NULL, 10);
    if (argc > 2)
        what.seed = strtoull(argv[2], NULL, 10);
    printf("soak: %zu requests, seed %llu\n", what.requests, (unsigned long long)what.seed);
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    printf("soak: %zu answered (%zu redirected), %zu cancelled, %zu timed out, %zu broken; "
           "%zu questions, %zu pushes\n",
           what.answered, what.redirected, what.cancelled, what.timed_out, what.broken, what.asked,
           what.pushed);
    return failures != 0;
}
