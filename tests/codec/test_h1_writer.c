/*
 * test_h1_writer.c - request lines, fields, chunk heads; and that nothing can be injected.
 */
#include "codec/h1_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/ascii.h"
#include "base/limits.h"
#include "base/memory.h"
#include "support/alloc_fail.h"

static hh_status write_line(hh_bytes *out, const char *method, const char *target)
{
    return hh__h1_write_request_line(out, hh_slice_of(method), hh_slice_of(target));
}

static void test_a_whole_head(void **state)
{
    (void)state;
    hh_bytes out;
    hh__bytes_init(&out, 1000);
    assert_int_equal(write_line(&out, "GET", "/a?b=c"), HH_OK);
    assert_int_equal(hh__h1_write_field(&out, hh_slice_of("Host"), hh_slice_of("[::1]:8080")),
                     HH_OK);
    assert_int_equal(hh__h1_write_field(&out, hh_slice_of("X-Empty"), (hh_slice){NULL, 0}), HH_OK);
    assert_int_equal(hh__h1_write_field(&out, hh_slice_of("x"), hh_slice_of("\t\x80\xff ~")),
                     HH_OK);
    assert_int_equal(hh__h1_write_end(&out), HH_OK);
    assert_string_equal(out.data, "GET /a?b=c HTTP/1.1\r\nHost: [::1]:8080\r\nX-Empty: \r\n"
                                  "x: \t\x80\xff ~\r\n\r\n");
    assert_int_equal(out.length, strlen(out.data));
    hh__bytes_finish(&out);
}

static void test_all_forms_of_target(void **state)
{
    (void)state;
    static const char *const targets[] = {"/", "*", "example.org:443", "http://example.org/a%20b"};
    for (size_t i = 0; i < HH_COUNT_OF(targets); i++) {
        hh_bytes out;
        hh__bytes_init(&out, 1000);
        assert_int_equal(write_line(&out, "OPTIONS", targets[i]), HH_OK);
        assert_int_equal(out.length, strlen("OPTIONS  HTTP/1.1\r\n") + strlen(targets[i]));
        hh__bytes_finish(&out);
    }
}

/* security.md: injection by CR, LF, NUL. Every byte, at the start, inside and at the end. */
static void test_each_byte_of_method_target_name_value(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        for (int place = 0; place < 3; place++) {
            char text[] = "abc";
            text[place] = (char)byte;
            hh_slice odd = {text, 3};
            hh_slice plain = hh_slice_of("abc");
            hh_status token = hh__is_tchar((char)byte) ? HH_OK : HH_ERR_INVALID_ARGUMENT;
            hh_status target = byte > ' ' && byte < 0x7f ? HH_OK : HH_ERR_INVALID_ARGUMENT;
            hh_status value =
                byte == '\r' || byte == '\n' || byte == 0 ? HH_ERR_INVALID_ARGUMENT : HH_OK;
            hh_bytes out;
            hh__bytes_init(&out, 1000);
            assert_int_equal(hh__h1_write_request_line(&out, odd, plain), token);
            assert_int_equal(hh__h1_write_request_line(&out, plain, odd), target);
            assert_int_equal(hh__h1_write_field(&out, odd, plain), token);
            assert_int_equal(hh__h1_write_field(&out, plain, odd), value);
            size_t lines = 0;
            for (size_t i = 0; i < out.length; i++) {
                lines += out.data[i] == '\n';
            }
            assert_int_equal(lines, (token == HH_OK) * 2 + (target == HH_OK) + (value == HH_OK));
            hh__bytes_finish(&out);
        }
    }
}

static void test_empty_parts_are_refused(void **state)
{
    (void)state;
    hh_bytes out;
    hh__bytes_init(&out, 1000);
    assert_int_equal(write_line(&out, "", "/"), HH_ERR_INVALID_ARGUMENT);
    assert_int_equal(write_line(&out, "GET", ""), HH_ERR_INVALID_ARGUMENT);
    assert_int_equal(hh__h1_write_field(&out, hh_slice_of(""), hh_slice_of("x")),
                     HH_ERR_INVALID_ARGUMENT);
    assert_int_equal(out.length, 0);
    hh__bytes_finish(&out);
}

static void test_method_limit(void **state)
{
    (void)state;
    char method[HH_METHOD_MAX_BYTES + 2];
    memset(method, 'M', sizeof(method));
    hh_bytes out;
    hh__bytes_init(&out, 1000);
    hh_slice longest = {method, HH_METHOD_MAX_BYTES};
    assert_int_equal(hh__h1_write_request_line(&out, longest, hh_slice_of("/")), HH_OK);
    longest.length++;
    assert_int_equal(hh__h1_write_request_line(&out, longest, hh_slice_of("/")),
                     HH_ERR_INVALID_ARGUMENT);
    hh__bytes_finish(&out);
}

static void test_a_line_is_written_whole_or_not_at_all(void **state)
{
    (void)state;
    static const char line[] = "GET / HTTP/1.1\r\n";
    static const char field[] = "a: b\r\n";
    hh_bytes out;
    hh__bytes_init(&out, sizeof(line) - 1 + sizeof(field) - 1);
    assert_int_equal(write_line(&out, "GET", "/"), HH_OK);
    assert_int_equal(hh__h1_write_field(&out, hh_slice_of("a"), hh_slice_of("bc")), HH_ERR_LIMIT);
    assert_int_equal(out.length, sizeof(line) - 1);
    assert_string_equal(out.data, line);
    out.status = HH_OK;
    assert_int_equal(hh__h1_write_field(&out, hh_slice_of("a"), hh_slice_of("b")), HH_OK);
    assert_int_equal(hh__h1_write_end(&out), HH_ERR_LIMIT);
    hh__bytes_finish(&out);
}

static void test_failed_allocation(void **state)
{
    (void)state;
    hh_bytes out;
    hh__bytes_init(&out, 1000);
    alloc_fail_from(1);
    hh_status line = write_line(&out, "GET", "/");
    hh__bytes_clear(&out);
    hh_status field = hh__h1_write_field(&out, hh_slice_of("a"), hh_slice_of("b"));
    hh__bytes_clear(&out);
    hh_status end = hh__h1_write_end(&out);
    alloc_fail_off();
    assert_int_equal(line, HH_ERR_NO_MEMORY);
    assert_int_equal(field, HH_ERR_NO_MEMORY);
    assert_int_equal(end, HH_ERR_NO_MEMORY);
    assert_int_equal(out.length, 0);
    hh__bytes_finish(&out);
}

static void test_chunk_heads(void **state)
{
    (void)state;
    static const struct {
        uint64_t size;
        const char *head;
    } rows[] = {
        {1, "1\r\n"},
        {15, "f\r\n"},
        {16, "10\r\n"},
        {255, "ff\r\n"},
        {256, "100\r\n"},
        {8000, "1f40\r\n"},
        {UINT32_MAX, "ffffffff\r\n"},
        {INT64_MAX, "7fffffffffffffff\r\n"},
        {UINT64_MAX, "ffffffffffffffff\r\n"},
    };
    for (size_t i = 0; i < HH_COUNT_OF(rows); i++) {
        char out[HH_CHUNK_HEAD_BYTES];
        size_t length = hh__h1_format_chunk_head(rows[i].size, out);
        assert_int_equal(length, strlen(rows[i].head));
        assert_memory_equal(out, rows[i].head, length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_whole_head),
        cmocka_unit_test(test_all_forms_of_target),
        cmocka_unit_test(test_each_byte_of_method_target_name_value),
        cmocka_unit_test(test_empty_parts_are_refused),
        cmocka_unit_test(test_method_limit),
        cmocka_unit_test(test_a_line_is_written_whole_or_not_at_all),
        cmocka_unit_test(test_failed_allocation),
        cmocka_unit_test(test_chunk_heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
