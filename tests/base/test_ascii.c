/* Classes of all 256 bytes, list elements, numbers and base64 (RFC 4648 §10). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/ascii.h"

static hh_slice slice(const char *text)
{
    return hh_slice_of(text);
}

static void test_classes(void **state)
{
    (void)state;
    static const char tchars[] = "!#$%&'*+-.^_`|~0123456789"
                                 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char hex[] = "0123456789abcdef";
    for (int i = 0; i < 256; i++) {
        char c = (char)i;
        hh_slice one = {&c, 1};
        int is_tchar = i != 0 && strchr(tchars, c) != NULL;
        assert_int_equal(hh__is_tchar(c), is_tchar);
        assert_int_equal(hh__is_token(one), is_tchar);
        assert_int_equal(hh__is_field_value(one), i != '\r' && i != '\n' && i != 0);
        assert_int_equal(hh__is_digit(c), i >= '0' && i <= '9');
        int is_upper = i >= 'A' && i <= 'Z';
        assert_int_equal(hh__ascii_lower(c), is_upper ? (char)(i + 32) : c);
        assert_int_equal(hh__is_alpha(c), is_upper || (i >= 'a' && i <= 'z'));
        const char *place = i != 0 ? strchr(hex, hh__ascii_lower(c)) : NULL;
        assert_int_equal(hh__hex_value(c), place != NULL ? place - hex : -1);
    }
}

static void test_tokens_and_values(void **state)
{
    (void)state;
    hh_slice nothing = {NULL, 0};
    assert_false(hh__is_token(nothing));
    assert_true(hh__is_field_value(nothing));
    assert_true(hh__is_token(slice("X-Request_Id.1")));
    assert_false(hh__is_token(slice("X Request")));
    assert_false(hh__is_token(slice("name:")));
    assert_true(hh__is_field_value(slice("a b\t\"c\" \xc3\xa9\x01")));
    assert_false(hh__is_field_value(slice("a\r\nb")));
    assert_false(hh__is_field_value(slice("ends\n")));
    hh_slice with_nul = {"a\0b", 3};
    assert_false(hh__is_field_value(with_nul));
}

static void test_equality(void **state)
{
    (void)state;
    hh_slice nothing = {NULL, 0};
    assert_true(hh__slice_equal(nothing, slice("")));
    assert_true(hh__slice_equal_nocase(nothing, slice("")));
    assert_true(hh__slice_is(slice("abc"), "abc"));
    assert_false(hh__slice_is(slice("abc"), "abC"));
    assert_false(hh__slice_is(slice("abc"), "ab"));
    assert_false(hh__slice_is(slice("ab"), "abc"));
    assert_true(hh__slice_is_nocase(slice("CHUNKED"), "chunked"));
    assert_false(hh__slice_is_nocase(slice("chunke"), "chunked"));
    /* Not letters, though 32 apart. */
    assert_false(hh__slice_is_nocase(slice("@"), "`"));
    assert_false(hh__slice_is_nocase(slice("[x]"), "{x}"));
    assert_false(hh__slice_is_nocase(slice("\xc3\x89"), "\xc3\xa9"));
}

static void test_trim_and_lower(void **state)
{
    (void)state;
    assert_true(hh__slice_is(hh__slice_trim(slice(" \t a b\t ")), "a b"));
    assert_true(hh__slice_is(hh__slice_trim(slice(" \t ")), ""));
    assert_true(hh__slice_is(hh__slice_trim(slice("\r\na")), "\r\na"));
    hh_slice nothing = {NULL, 0};
    assert_int_equal(hh__slice_trim(nothing).length, 0);
    char text[] = "ABC-xyZ\xc9[";
    hh__lower_in_place(text, 7);
    assert_string_equal(text, "abc-xyz\xc9[");
}

static void check_list(const char *text, const char *const expected[])
{
    hh_slice rest = slice(text);
    hh_slice element = {NULL, 0};
    size_t count = 0;
    while (hh__list_element_next(&rest, &element)) {
        assert_non_null(expected[count]);
        assert_true(hh__slice_is(element, expected[count]));
        count++;
    }
    assert_null(expected[count]);
    assert_int_equal(rest.length, 0);
    assert_false(hh__list_element_next(&rest, &element));
}

static void test_list_elements(void **state)
{
    (void)state;
    check_list("", (const char *const[]){NULL});
    check_list(" , ,\t,", (const char *const[]){NULL});
    check_list("gzip", (const char *const[]){"gzip", NULL});
    check_list(" a ,b\t, ,c d,", (const char *const[]){"a", "b", "c d", NULL});
    check_list("a=\"x,y\", b", (const char *const[]){"a=\"x,y\"", "b", NULL});
    check_list("a=\"x\\\",y\",b", (const char *const[]){"a=\"x\\\",y\"", "b", NULL});
    check_list("a=\"x\\\\\",b", (const char *const[]){"a=\"x\\\\\"", "b", NULL});
    check_list("a\\,b", (const char *const[]){"a\\", "b", NULL});
    check_list("a, \"open, b", (const char *const[]){"a", "\"open, b", NULL});
    check_list("a,\"\\", (const char *const[]){"a", "\"\\", NULL});
}

static void check_number(const char *text, uint64_t max, hh_status expected, uint64_t value)
{
    uint64_t out = 77;
    assert_int_equal(hh__parse_unsigned(slice(text), max, &out), expected);
    assert_true(out == (expected == HH_OK ? value : 77));
}

static void test_parse_unsigned(void **state)
{
    (void)state;
    static const char *const bad[] = {"",    " ",   "+5", "-1",   "5 ",  " 5",
                                      "0x5", "1,2", "1.", "five", "5\n", "\xb2"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        check_number(bad[i], UINT64_MAX, HH_ERR_INVALID_ARGUMENT, 0);
    check_number("0", 0, HH_OK, 0);
    check_number("000000000000000000000000000007", 7, HH_OK, 7);
    check_number("8", 7, HH_ERR_LIMIT, 0);
    check_number("18446744073709551615", UINT64_MAX, HH_OK, UINT64_MAX);
    check_number("18446744073709551616", UINT64_MAX, HH_ERR_LIMIT, 0);
    check_number("18446744073709551620", UINT64_MAX, HH_ERR_LIMIT, 0);
    check_number("99999999999999999999999999", UINT64_MAX, HH_ERR_LIMIT, 0);
    check_number("184467440737095516160", UINT64_MAX, HH_ERR_LIMIT, 0);
    check_number("99999999999999999999999999x", UINT64_MAX, HH_ERR_INVALID_ARGUMENT, 0);
    hh_slice with_nul = {"1\0", 2};
    uint64_t out = 0;
    assert_int_equal(hh__parse_unsigned(with_nul, 9, &out), HH_ERR_INVALID_ARGUMENT);
}

static void test_format_unsigned(void **state)
{
    (void)state;
    char out[HH_UNSIGNED_TEXT_BYTES];
    assert_int_equal(hh__format_unsigned(0, out), 1);
    assert_int_equal(out[0], '0');
    assert_int_equal(hh__format_unsigned(1200, out), 4);
    assert_memory_equal(out, "1200", 4);
    assert_int_equal(hh__format_unsigned(UINT64_MAX, out), 20);
    assert_memory_equal(out, "18446744073709551615", 20);
    for (uint64_t value = 1; value < UINT64_MAX / 11; value *= 11) {
        hh_slice text = {out, hh__format_unsigned(value, out)};
        uint64_t back = 0;
        assert_int_equal(hh__parse_unsigned(text, UINT64_MAX, &back), HH_OK);
        assert_true(back == value);
    }
}

static void check_base64(hh_slice data, const char *expected)
{
    char out[128];
    memset(out, '#', sizeof(out));
    size_t length = hh__base64_encode(data, out);
    assert_int_equal(length, strlen(expected));
    assert_int_equal(length, 4 * ((data.length + 2) / 3));
    assert_memory_equal(out, expected, length);
    assert_int_equal(out[length], '#');
}

static void test_base64(void **state)
{
    (void)state;
    check_base64(slice(""), "");
    check_base64(slice("f"), "Zg==");
    check_base64(slice("fo"), "Zm8=");
    check_base64(slice("foo"), "Zm9v");
    check_base64(slice("foob"), "Zm9vYg==");
    check_base64(slice("fooba"), "Zm9vYmE=");
    check_base64(slice("foobar"), "Zm9vYmFy");
    check_base64(slice("Aladdin:open sesame"), "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="); /* RFC 7617 §2 */
    check_base64(slice("\xff"), "/w==");
    check_base64(slice("\xfb\xff"), "+/8=");
    hh_slice nuls = {"\0\0\0\0", 4};
    check_base64(nuls, "AAAAAA==");
    static const unsigned char every_digit[48] = {
        0x00, 0x10, 0x83, 0x10, 0x51, 0x87, 0x20, 0x92, 0x8b, 0x30, 0xd3, 0x8f,
        0x41, 0x14, 0x93, 0x51, 0x55, 0x97, 0x61, 0x96, 0x9b, 0x71, 0xd7, 0x9f,
        0x82, 0x18, 0xa3, 0x92, 0x59, 0xa7, 0xa2, 0x9a, 0xab, 0xb2, 0xdb, 0xaf,
        0xc3, 0x1c, 0xb3, 0xd3, 0x5d, 0xb7, 0xe3, 0x9e, 0xbb, 0xf3, 0xdf, 0xbf};
    hh_slice all = {(const char *)every_digit, sizeof(every_digit)};
    check_base64(all, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),         cmocka_unit_test(test_tokens_and_values),
        cmocka_unit_test(test_equality),        cmocka_unit_test(test_trim_and_lower),
        cmocka_unit_test(test_list_elements),   cmocka_unit_test(test_parse_unsigned),
        cmocka_unit_test(test_format_unsigned), cmocka_unit_test(test_base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
