/* Growth, the limit, errors that stick, and the NUL behind the content. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/bytes.h"
#include "base/memory.h"
#include "support/alloc_fail.h"

static void test_append_kinds(void **state)
{
    (void)state;
    hh_bytes bytes;
    hh__bytes_init(&bytes, 1000);
    hh__bytes_append(&bytes, "ab", 2);
    hh__bytes_append_slice(&bytes, hh_slice_of("cd"));
    hh__bytes_append_text(&bytes, "ef");
    hh__bytes_append_char(&bytes, 'g');
    hh__bytes_append_unsigned(&bytes, 0);
    hh__bytes_append_unsigned(&bytes, UINT64_MAX);
    assert_int_equal(bytes.status, HH_OK);
    assert_string_equal(bytes.data, "abcdefg018446744073709551615");
    assert_int_equal(bytes.length, strlen(bytes.data));
    assert_int_equal(hh__bytes_slice(&bytes).length, bytes.length);
    assert_ptr_equal(hh__bytes_slice(&bytes).data, bytes.data);
    hh__bytes_finish(&bytes);
    assert_null(bytes.data);
}

static void test_empty_append_ends_with_nul(void **state)
{
    (void)state;
    hh_bytes bytes;
    hh__bytes_init(&bytes, 0);
    assert_null(hh__bytes_detach(&bytes));
    hh__bytes_append(&bytes, NULL, 0);
    assert_int_equal(bytes.status, HH_OK);
    assert_non_null(bytes.data);
    assert_int_equal(bytes.data[0], 0);
    hh__bytes_append_char(&bytes, 'a');
    assert_int_equal(bytes.status, HH_ERR_LIMIT);
    hh__bytes_finish(&bytes);
}

static void test_byte_by_byte_equals_whole(void **state)
{
    (void)state;
    hh_bytes whole;
    hh_bytes single;
    char text[5000];
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)(i * 7);
    hh__bytes_init(&whole, sizeof(text));
    hh__bytes_init(&single, sizeof(text));
    hh__bytes_append(&whole, text, sizeof(text));
    alloc_fail_count_start();
    for (size_t i = 0; i < sizeof(text); i++) {
        hh__bytes_append_char(&single, text[i]);
        assert_int_equal(single.data[single.length], 0);
    }
    assert_true(alloc_fail_count() < 10);
    assert_int_equal(single.status, HH_OK);
    assert_int_equal(single.length, sizeof(text));
    assert_memory_equal(single.data, text, sizeof(text));
    assert_memory_equal(whole.data, text, sizeof(text));
    assert_true(single.capacity <= sizeof(text) + 1);
    hh__bytes_finish(&whole);
    hh__bytes_finish(&single);
}

static void test_limit_sticks(void **state)
{
    (void)state;
    hh_bytes bytes;
    hh__bytes_init(&bytes, 5);
    hh__bytes_append_text(&bytes, "12345");
    assert_int_equal(bytes.status, HH_OK);
    hh__bytes_append_text(&bytes, "");
    assert_int_equal(bytes.status, HH_OK);
    hh__bytes_append_text(&bytes, "6");
    assert_int_equal(bytes.status, HH_ERR_LIMIT);
    hh__bytes_consume(&bytes, 3);
    hh__bytes_append_text(&bytes, "7");
    assert_int_equal(bytes.status, HH_ERR_LIMIT);
    assert_string_equal(bytes.data, "45");
    assert_null(hh__bytes_reserve(&bytes, 1));
    hh__bytes_clear(&bytes);
    assert_int_equal(bytes.status, HH_OK);
    assert_string_equal(bytes.data, "");
    hh__bytes_append_text(&bytes, "789");
    assert_string_equal(bytes.data, "789");
    hh__bytes_finish(&bytes);
}

static void test_huge_sizes(void **state)
{
    (void)state;
    hh_bytes bytes;
    hh__bytes_init(&bytes, SIZE_MAX);
    hh__bytes_append_text(&bytes, "abc");
    assert_null(hh__bytes_reserve(&bytes, SIZE_MAX - 3));
    assert_int_equal(bytes.status, HH_ERR_NO_MEMORY);
    hh__bytes_clear(&bytes);
    hh__bytes_append_text(&bytes, "abc");
    assert_null(hh__bytes_reserve(&bytes, SIZE_MAX));
    assert_int_equal(bytes.status, HH_ERR_LIMIT);
    hh__bytes_clear(&bytes);
    assert_null(hh__bytes_reserve(&bytes, SIZE_MAX - 1));
    assert_int_equal(bytes.status, HH_ERR_NO_MEMORY);
    hh__bytes_finish(&bytes);
}

static void test_reserve(void **state)
{
    (void)state;
    hh_bytes bytes;
    hh__bytes_init(&bytes, 300);
    hh__bytes_append_text(&bytes, "ab");
    char *room = hh__bytes_reserve(&bytes, 298);
    assert_non_null(room);
    assert_ptr_equal(room, bytes.data + 2);
    memset(room, 'c', 298);
    bytes.length += 298;
    assert_true(bytes.capacity > bytes.length);
    assert_non_null(hh__bytes_reserve(&bytes, 0));
    assert_null(hh__bytes_reserve(&bytes, 1));
    char *text = hh__bytes_detach(&bytes);
    assert_non_null(text);
    assert_int_equal(strlen(text), 300);
    hh__free(text);
    hh__bytes_finish(&bytes);
}

static void test_consume(void **state)
{
    (void)state;
    hh_bytes bytes;
    hh__bytes_init(&bytes, 100);
    hh__bytes_consume(&bytes, 5);
    hh__bytes_append_text(&bytes, "abcdef");
    hh__bytes_consume(&bytes, 0);
    assert_string_equal(bytes.data, "abcdef");
    hh__bytes_consume(&bytes, 2);
    assert_string_equal(bytes.data, "cdef");
    hh__bytes_append_text(&bytes, "g");
    assert_string_equal(bytes.data, "cdefg");
    hh__bytes_consume(&bytes, 99);
    assert_int_equal(bytes.length, 0);
    assert_string_equal(bytes.data, "");
    hh__bytes_finish(&bytes);
}

static void test_detach_leaves_empty(void **state)
{
    (void)state;
    hh_bytes bytes;
    hh__bytes_init(&bytes, 100);
    hh__bytes_append_text(&bytes, "first");
    char *first = hh__bytes_detach(&bytes);
    assert_int_equal(bytes.length, 0);
    hh__bytes_append_text(&bytes, "second");
    assert_string_equal(first, "first");
    assert_string_equal(bytes.data, "second");
    hh__free(first);
    hh__bytes_finish(&bytes);
}

static void test_failed_allocation(void **state)
{
    (void)state;
    hh_bytes bytes;
    hh__bytes_init(&bytes, 1000);
    hh__bytes_append_text(&bytes, "kept");
    char large[500];
    memset(large, 'x', sizeof(large));
    alloc_fail_at(1);
    hh__bytes_append(&bytes, large, sizeof(large));
    alloc_fail_off();
    assert_int_equal(bytes.status, HH_ERR_NO_MEMORY);
    assert_string_equal(bytes.data, "kept");
    hh__bytes_append_text(&bytes, "a");
    assert_int_equal(bytes.status, HH_ERR_NO_MEMORY);
    assert_string_equal(bytes.data, "kept");
    hh__bytes_finish(&bytes);
    assert_int_equal(bytes.status, HH_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append_kinds),
        cmocka_unit_test(test_empty_append_ends_with_nul),
        cmocka_unit_test(test_byte_by_byte_equals_whole),
        cmocka_unit_test(test_limit_sticks),
        cmocka_unit_test(test_huge_sizes),
        cmocka_unit_test(test_reserve),
        cmocka_unit_test(test_consume),
        cmocka_unit_test(test_detach_leaves_empty),
        cmocka_unit_test(test_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
