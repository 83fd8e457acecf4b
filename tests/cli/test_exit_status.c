/*
 * test_exit_status.c - every status has curl's number.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "exit_status.h"

static void maps_every_status(void **state)
{
    (void)state;
    static const struct {
        hh_status status;
        int exit;
    } rows[] = {
        {HH_OK, 0},
        {HH_ERR_UNSUPPORTED_PROTOCOL, 1},
        {HH_ERR_INVALID_ARGUMENT, 2},
        {HH_ERR_INVALID_URL, 3},
        {HH_ERR_RESOLVE, 6},
        {HH_ERR_RESOLVE_TEMPORARY, 6},
        {HH_ERR_CONNECT, 7},
        {HH_ERR_PROTOCOL, 8},
        {HH_ERR_TRUNCATED, 18},
        {HH_ERR_BODY_LENGTH, 26},
        {HH_ERR_NO_MEMORY, 27},
        {HH_ERR_TIMEOUT_CONNECT, 28},
        {HH_ERR_TIMEOUT_READ, 28},
        {HH_ERR_TIMEOUT_WRITE, 28},
        {HH_ERR_TIMEOUT_POOL, 28},
        {HH_ERR_TIMEOUT_TOTAL, 28},
        {HH_ERR_TLS, 35},
        {HH_ERR_TOO_MANY_REDIRECTS, 47},
        {HH_ERR_EMPTY_RESPONSE, 52},
        {HH_ERR_SEND, 55},
        {HH_ERR_RECEIVE, 56},
        {HH_ERR_HEADERS_TOO_LARGE, 56},
        {HH_ERR_CERTIFICATE, 60},
        {HH_ERR_DECODE, 61},
        {HH_ERR_DECODE_LIMIT, 61},
        {HH_ERR_RESPONSE_TOO_LARGE, 63},
        {HH_ERR_BODY_NOT_REWINDABLE, 65},
        {HH_ERR_FILE, 77},
        {HH_ERR_CANCELLED, 130},
        {HH_INTERRUPTED, 130},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(cli_exit_of_status(rows[i].status), rows[i].exit);
    assert_int_not_equal(cli_exit_of_status((hh_status)12345), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(maps_every_status)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
