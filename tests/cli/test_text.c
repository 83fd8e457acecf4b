/*
 * test_text.c - JSON strings, counts and sizes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "text.h"

static void check_json(const char *data, size_t length, const char *wanted)
{
    cli_text out = {0};
    hh_slice slice = {data, length};
    cli_text_add_json(&out, slice);
    assert_string_equal(cli_text_string(&out), wanted);
    cli_text_finish(&out);
}

static void writes_json(void **state)
{
    (void)state;
    check_json("", 0, "\"\"");
    check_json("a\"b\\c", 5, "\"a\\\"b\\\\c\"");
    check_json("\n\r\t\x01\x7f\0", 6, "\"\\n\\r\\t\\u0001\\u007f\\u0000\"");
    check_json("\xC3\xA9", 2, "\"\xC3\xA9\"");
    check_json("\xF0\x9F\x98\x80", 4, "\"\xF0\x9F\x98\x80\"");
    /* No UTF-8: cut off, overlong, surrogate, too high, lone. */
    check_json("\xC3", 1, "\"\\u00c3\"");
    check_json("\xC0\xAF", 2, "\"\\u00c0\\u00af\"");
    check_json("\xED\xA0\x80", 3, "\"\\u00ed\\u00a0\\u0080\"");
    check_json("\xF4\x90\x80\x80", 4, "\"\\u00f4\\u0090\\u0080\\u0080\"");
    check_json("\xE9tude", 5, "\"\\u00e9tude\"");
}

static void writes_numbers(void **state)
{
    (void)state;
    cli_text out = {0};
    cli_text_add_count(&out, 0);
    cli_text_add_char(&out, ' ');
    cli_text_add_count(&out, 999);
    cli_text_add_char(&out, ' ');
    cli_text_add_count(&out, 1000);
    cli_text_add_char(&out, ' ');
    cli_text_add_count(&out, 12345678);
    cli_text_add_char(&out, ' ');
    cli_text_add_size(&out, 1023);
    cli_text_add_char(&out, ' ');
    cli_text_add_size(&out, 1536);
    assert_string_equal(cli_text_string(&out), "0 999 1,000 12,345,678 1023 B 1.5 KiB");
    cli_text_finish(&out);
}

static void writes_digits(void **state)
{
    (void)state;
    cli_text out = {0};
    cli_text_add_number(&out, 0, 1);
    cli_text_add_char(&out, ' ');
    cli_text_add_number(&out, 7, 3);
    cli_text_add_char(&out, ' ');
    cli_text_add_number(&out, 1234, 3);
    cli_text_add_char(&out, ' ');
    cli_text_add_number(&out, UINT64_MAX, 1);
    cli_text_add_char(&out, ' ');
    cli_text_add_number(&out, 1, 20);
    assert_string_equal(cli_text_string(&out),
                        "0 007 1234 18446744073709551615 00000000000000000001");
    cli_text_finish(&out);
}

static void writes_versions(void **state)
{
    (void)state;
    static const struct {
        int version;
        const char *wanted;
    } cases[] = {{0, "0"}, {10, "1.0"}, {11, "1.1"}, {20, "2"}, {30, "3"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cli_text out = {0};
        cli_text_add_http_version(&out, cases[i].version);
        assert_string_equal(cli_text_string(&out), cases[i].wanted);
        cli_text_finish(&out);
    }
}

static void prints_what_fits_and_what_does_not(void **state)
{
    (void)state;
    for (int width = 0; width < 300; width++) {
        cli_text out = {0};
        cli_text_add_string(&out, "abc");
        cli_text_printf(&out, "%*s", width, "");
        cli_text_printf(&out, "%d", 12345);
        assert_int_equal(out.length, 3 + width + 5);
        assert_memory_equal(cli_text_string(&out), "abc", 3);
        assert_string_equal(cli_text_string(&out) + 3 + width, "12345");
        cli_text_finish(&out);
    }
}

static void trims_blanks(void **state)
{
    (void)state;
    hh_slice with_nul = {"\0a\0", 3};
    assert_int_equal(cli_trim(with_nul).length, 3);
    hh_slice trimmed = cli_trim(hh_slice_of(" \t\r a b \r"));
    assert_int_equal(trimmed.length, 3);
    assert_memory_equal(trimmed.data, "a b", 3);
    assert_int_equal(cli_trim(hh_slice_of("  ")).length, 0);
}

static void fails_once_and_for_all(void **state)
{
    (void)state;
    cli_text out = {0};
    cli_text_add_string(&out, "abc");
    cli_text_add(&out, "", SIZE_MAX / 2);
    cli_text_add_string(&out, "def");
    assert_false(cli_text_is_good(&out));
    assert_string_equal(cli_text_string(&out), "");
    assert_null(cli_text_take(&out));
    assert_true(cli_text_is_good(&out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_json),
        cmocka_unit_test(writes_numbers),
        cmocka_unit_test(writes_digits),
        cmocka_unit_test(writes_versions),
        cmocka_unit_test(prints_what_fits_and_what_does_not),
        cmocka_unit_test(trims_blanks),
        cmocka_unit_test(fails_once_and_for_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
