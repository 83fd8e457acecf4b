/* Checked arithmetic and NULL on failure, whatever the sizes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/memory.h"
#include "support/alloc_fail.h"

static const size_t half_max = SIZE_MAX / 2;

static void test_overflow_is_refused(void **state)
{
    (void)state;
    alloc_fail_count_start();
    assert_null(hh__calloc(half_max, 3));
    assert_null(hh__calloc(3, half_max));
    assert_null(hh__malloc(SIZE_MAX));
    assert_null(hh__malloc((size_t)PTRDIFF_MAX + 1));
    assert_null(hh__realloc_array(NULL, half_max, 3));
    assert_null(hh__realloc_array(NULL, SIZE_MAX, 1));
    assert_null(hh__copy_text("", SIZE_MAX));
    /* None of them reached the allocator, where a wrapped product would have looked small. */
    assert_int_equal(alloc_fail_count(), 0);
}

static void test_empty_is_a_block(void **state)
{
    (void)state;
    void *blocks[] = {hh__calloc(0, 8), hh__calloc(8, 0), hh__malloc(0),
                      hh__realloc_array(NULL, 0, 8)};
    for (size_t i = 0; i < HH_COUNT_OF(blocks); i++)
        assert_non_null(blocks[i]);
    blocks[2] = hh__realloc_array(blocks[2], 0, 0);
    for (size_t i = 0; i < HH_COUNT_OF(blocks); i++) {
        assert_non_null(blocks[i]);
        hh__free(blocks[i]);
    }
    hh__free(NULL);
}

static void test_calloc_zeroes(void **state)
{
    (void)state;
    unsigned char *block = hh__calloc(100, 3);
    assert_non_null(block);
    for (size_t i = 0; i < 300; i++)
        assert_int_equal(block[i], 0);
    hh__free(block);
}

static void test_copy_text(void **state)
{
    (void)state;
    char *copy = hh__copy_text("ab\0cd", 5);
    assert_non_null(copy);
    assert_memory_equal(copy, "ab\0cd", 6);
    hh__free(copy);
    copy = hh__copy_text(NULL, 0);
    assert_non_null(copy);
    assert_string_equal(copy, "");
    hh__free(copy);
}

static void test_failed_allocation(void **state)
{
    (void)state;
    alloc_fail_from(1);
    void *first = hh__calloc(1, 1);
    void *second = hh__malloc(1);
    void *third = hh__realloc_array(NULL, 1, 1);
    void *fourth = hh__copy_text("a", 1);
    alloc_fail_off();
    assert_null(first);
    assert_null(second);
    assert_null(third);
    assert_null(fourth);
    assert_int_equal(alloc_fail_hits(), 4);
}

static void test_failed_growth_keeps_block(void **state)
{
    (void)state;
    char *block = hh__copy_text("keep", 4);
    assert_non_null(block);
    alloc_fail_at(1);
    void *grown = hh__realloc_array(block, 100, 8);
    alloc_fail_off();
    assert_null(grown);
    assert_null(hh__realloc_array(block, half_max, 8));
    assert_string_equal(block, "keep");
    hh__free(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overflow_is_refused),
        cmocka_unit_test(test_empty_is_a_block),
        cmocka_unit_test(test_calloc_zeroes),
        cmocka_unit_test(test_copy_text),
        cmocka_unit_test(test_failed_allocation),
        cmocka_unit_test(test_failed_growth_keeps_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
