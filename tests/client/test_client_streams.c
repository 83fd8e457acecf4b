/*
 * The short form of the HTTP/2 soak: many requests over one connection, or a few, whose server
 * resets, refuses, changes its windows and says GOAWAY.
 */
#include "streams.h"

#include "whole.h"

#define SLACK_BYTES (1u << 20)

static void check(const streams *what)
{
    size_t failed = what->cancelled + what->reset + what->refused + what->broken + what->unrewound;
    assert_int_equal(what->answered + failed, what->requests);
    assert_true(what->answered > what->requests / 10 * 9);
    assert_true(what->cancelled > what->requests / 1000);
    assert_true(what->pushes > what->requests / 20 && what->pauses > what->requests / 100);
    assert_true(what->naps < what->requests / 20);
    assert_true(what->server.goaways > 2 && what->server.orphans > 2);
    assert_true(what->server.settings > 20 && what->server.refusals > what->requests / 200);
}

/* Every request that isn't cancelled and can be repeated gets its answer, GOAWAY or not. */
static void test_calm(void **state)
{
    (void)state;
    streams what = {.seed = 20,
                    .requests = 10000,
                    .at_once = 60,
                    .connections = 1,
                    .turn = 250,
                    .mood = H2_CHURN_CALM,
                    .memory_slack = SLACK_BYTES};
    streams_run(&what);
    check(&what);
    assert_int_equal(what.broken + what.reset, 0);
}

static void test_wild(void **state)
{
    (void)state;
    streams what = {.seed = 21,
                    .requests = 10000,
                    .at_once = 120,
                    .connections = 4,
                    .turn = 250,
                    .mood = H2_CHURN_WILD,
                    .memory_slack = SLACK_BYTES};
    streams_run(&what);
    check(&what);
    assert_true(what.reset > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_calm), cmocka_unit_test(test_wild)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
