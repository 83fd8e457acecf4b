/*
 * test_header_json.c - header fields as a JSON object.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "header_json.h"

static void check(const hh_field *fields, size_t count, const char *separator, const char *wanted)
{
    cli_text out = {0};
    cli_text_add_string(&out, "ABC");
    cli_header_json_add(&out, fields, count, separator);
    assert_string_equal(cli_text_string(&out) + 3, wanted);
    assert_memory_equal(cli_text_string(&out), "ABC", 3);
    cli_text_finish(&out);
}

static void joins_repeats(void **state)
{
    (void)state;
    static const hh_field fields[] = {
        {{"Set-Cookie", 10}, {"a=1", 3}},
        {{"X", 1}, {"\"Y\"", 3}},
        {{"set-COOKIE", 10}, {"B=2", 3}},
    };
    check(fields, 0, ",", "{}");
    check(fields, 1, ",", "{\"set-cookie\":[\"a=1\"]}");
    check(fields, 3, ",", "{\"set-cookie\":[\"a=1\",\"B=2\"],\"x\":[\"\\\"Y\\\"\"]}");
    check(fields, 2, ",\n", "{\"set-cookie\":[\"a=1\"],\n\"x\":[\"\\\"Y\\\"\"]}");
}

static void compares_names(void **state)
{
    (void)state;
    assert_true(cli_is_same_field(hh_slice_of("Content-Type"), hh_slice_of("content-TYPE")));
    assert_false(cli_is_same_field(hh_slice_of("Content-Type"), hh_slice_of("Content-Typ")));
    assert_false(cli_is_same_field(hh_slice_of("a"), hh_slice_of("b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_repeats),
        cmocka_unit_test(compares_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
