/*
 * test_retry.c - curl's rules for --retry.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "retry.h"

static cli_retry_verdict decide(const cli_retry_policy *policy, cli_exit exit, int status)
{
    cli_retry_state state_now = {0, 0};
    cli_retry_outcome outcome = {exit, status, 0};
    int64_t wait;
    return cli_retry_decide(policy, &state_now, &outcome, 0, &wait);
}

static void knows_what_is_transient(void **state)
{
    (void)state;
    cli_retry_policy policy = {.retries = 1};
    static const int yes[] = {408, 429, 500, 502, 503, 504};
    static const int no[] = {200, 301, 400, 401, 403, 404, 501, 505};
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        assert_int_equal(decide(&policy, CLI_EXIT_OK, yes[i]), CLI_RETRY_YES);
        assert_int_equal(decide(&policy, CLI_EXIT_STATUS, yes[i]), CLI_RETRY_YES);
    }
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        assert_int_equal(decide(&policy, CLI_EXIT_OK, no[i]), CLI_RETRY_NO);
    assert_int_equal(decide(&policy, CLI_EXIT_TIMEOUT, 0), CLI_RETRY_YES);
    assert_int_equal(decide(&policy, CLI_EXIT_RESOLVE, 0), CLI_RETRY_YES);
    assert_int_equal(decide(&policy, CLI_EXIT_CONNECT, 0), CLI_RETRY_NO);
    assert_int_equal(decide(&policy, CLI_EXIT_STATUS, 404), CLI_RETRY_NO);
    policy.connection_refused = 1;
    assert_int_equal(decide(&policy, CLI_EXIT_CONNECT, 0), CLI_RETRY_YES);
    assert_int_equal(decide(&policy, CLI_EXIT_RECEIVE, 0), CLI_RETRY_NO);
    policy.all_errors = 1;
    assert_int_equal(decide(&policy, CLI_EXIT_RECEIVE, 0), CLI_RETRY_YES);
    assert_int_equal(decide(&policy, CLI_EXIT_STATUS, 404), CLI_RETRY_YES);
    assert_int_equal(decide(&policy, CLI_EXIT_OK, 404), CLI_RETRY_NO);
    policy.retries = 0;
    assert_int_equal(decide(&policy, CLI_EXIT_TIMEOUT, 0), CLI_RETRY_NO);
}

static void waits_longer_each_time(void **state)
{
    (void)state;
    cli_retry_policy policy = {.retries = 12};
    cli_retry_state now = {0, 0};
    cli_retry_outcome outcome = {CLI_EXIT_TIMEOUT, 0, 0};
    static const int64_t waits[] = {1000,  2000,   4000,   8000,   16000,  32000,
                                    64000, 128000, 256000, 512000, 600000, 600000};
    int64_t wait;
    for (size_t i = 0; i < 12; i++) {
        assert_int_equal(cli_retry_decide(&policy, &now, &outcome, 0, &wait), CLI_RETRY_YES);
        assert_int_equal(wait, waits[i]);
    }
    assert_int_equal(cli_retry_decide(&policy, &now, &outcome, 0, &wait), CLI_RETRY_NO);
    assert_int_equal(now.done, 12);
}

static void obeys_delay_server_and_bound(void **state)
{
    (void)state;
    cli_retry_policy policy = {.retries = 5, .delay_ms = 300};
    cli_retry_state now = {0, 0};
    cli_retry_outcome outcome = {CLI_EXIT_OK, 503, 7000};
    int64_t wait;
    assert_int_equal(cli_retry_decide(&policy, &now, &outcome, 0, &wait), CLI_RETRY_YES);
    assert_int_equal(wait, 300);
    policy.delay_ms = 0;
    assert_int_equal(cli_retry_decide(&policy, &now, &outcome, 0, &wait), CLI_RETRY_YES);
    assert_int_equal(wait, 7000);
    policy.max_time_ms = 10000;
    assert_int_equal(cli_retry_decide(&policy, &now, &outcome, 3000, &wait), CLI_RETRY_YES);
    assert_int_equal(cli_retry_decide(&policy, &now, &outcome, 3001, &wait), CLI_RETRY_NO);
}

static void reads_retry_after(void **state)
{
    (void)state;
    assert_int_equal(cli_retry_after_ms(hh_slice_of("120"), 0), 120000);
    assert_int_equal(cli_retry_after_ms(hh_slice_of("0"), 0), 0);
    assert_int_equal(cli_retry_after_ms(hh_slice_of("-5"), 0), 0);
    assert_int_equal(cli_retry_after_ms(hh_slice_of("soon"), 0), 0);
    assert_int_equal(cli_retry_after_ms(hh_slice_of(""), 0), 0);
    assert_int_equal(cli_retry_after_ms(hh_slice_of("99999999999999999999"), 0), 31536000000);
    assert_int_equal(cli_retry_after_ms(hh_slice_of("Sun, 06 Nov 1994 08:49:37 GMT"), 784111770),
                     7000);
    assert_int_equal(cli_retry_after_ms(hh_slice_of("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_what_is_transient),
        cmocka_unit_test(waits_longer_each_time),
        cmocka_unit_test(obeys_delay_server_and_bound),
        cmocka_unit_test(reads_retry_after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
