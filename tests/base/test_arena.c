/* Alignment, the limit, blocks that grow, and that no two allocations overlap. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdalign.h>
#include <string.h>

#include "base/arena.h"
#include "support/alloc_fail.h"
#include "support/prng.h"

static void test_aligned_and_apart(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    static unsigned char *rooms[COUNT];
    static size_t sizes[COUNT];
    uint64_t seed = 1;
    hh_arena arena;
    hh__arena_init(&arena, SIZE_MAX);
    for (size_t i = 0; i < COUNT; i++) {
        uint64_t bound = prng_below(&seed, 20) == 0 ? 100000 : 100;
        sizes[i] = (size_t)prng_below(&seed, bound);
        rooms[i] = hh__arena_alloc(&arena, sizes[i]);
        assert_non_null(rooms[i]);
        assert_int_equal((uintptr_t)rooms[i] % alignof(max_align_t), 0);
        memset(rooms[i], (int)(i % 251), sizes[i]);
        if (i % 3 == 0) /* leaves the block at an odd place */
            assert_non_null(hh__arena_copy(&arena, hh_slice_of("ab")).data);
    }
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < sizes[i]; j++)
            assert_int_equal(rooms[i][j], i % 251);
    }
    hh__arena_finish(&arena);
    assert_null(arena.blocks);
    assert_int_equal(arena.used, 0);
}

static void test_copy(void **state)
{
    (void)state;
    hh_arena arena;
    hh__arena_init(&arena, 1000);
    hh_slice whole = {"a\0b", 3};
    hh_slice copy = hh__arena_copy(&arena, whole);
    assert_int_equal(copy.length, 3);
    assert_ptr_not_equal(copy.data, whole.data);
    assert_memory_equal(copy.data, "a\0b", 4);
    hh_slice nothing = {NULL, 0};
    copy = hh__arena_copy(&arena, nothing);
    assert_int_equal(copy.length, 0);
    assert_string_equal(copy.data, "");
    hh__arena_finish(&arena);
}

static void test_limit(void **state)
{
    (void)state;
    hh_arena arena;
    hh__arena_init(&arena, 100);
    alloc_fail_count_start();
    assert_null(hh__arena_alloc(&arena, 101));
    assert_int_equal(alloc_fail_count(), 0);
    assert_non_null(hh__arena_copy(&arena, hh_slice_of("123456789")).data);
    assert_int_equal(arena.used, 10);
    assert_null(hh__arena_alloc(&arena, 91));
    assert_null(hh__arena_alloc(&arena, SIZE_MAX));
    hh_slice endless = {"", SIZE_MAX};
    assert_null(hh__arena_copy(&arena, endless).data);
    for (int i = 0; i < 9; i++)
        assert_non_null(hh__arena_copy(&arena, hh_slice_of("123456789")).data);
    assert_int_equal(arena.used, 100);
    assert_null(hh__arena_alloc(&arena, 1));
    assert_null(hh__arena_alloc(&arena, 0));
    assert_null(hh__arena_copy(&arena, hh_slice_of("")).data);
    hh__arena_finish(&arena);

    hh__arena_init(&arena, SIZE_MAX);
    assert_null(hh__arena_alloc(&arena, SIZE_MAX));
    assert_null(hh__arena_alloc(&arena, SIZE_MAX - 8));
    hh__arena_finish(&arena);
}

static void test_small_allocations_share_blocks(void **state)
{
    (void)state;
    hh_arena arena;
    hh__arena_init(&arena, SIZE_MAX);
    alloc_fail_count_start();
    for (int i = 0; i < 32768; i++)
        assert_non_null(hh__arena_alloc(&arena, 32));
    /* 1 MiB: 1, 2, 4, 8, 16, 32, then blocks of 64 KiB. */
    assert_true(alloc_fail_count() >= 20);
    assert_true(alloc_fail_count() <= 23);
    hh__arena_finish(&arena);
}

static void test_large_allocation_wastes_no_block(void **state)
{
    (void)state;
    hh_arena arena;
    hh__arena_init(&arena, SIZE_MAX);
    char *first = hh__arena_alloc(&arena, 16);
    alloc_fail_count_start();
    assert_non_null(hh__arena_alloc(&arena, 200000));
    char *second = hh__arena_alloc(&arena, 16);
    assert_int_equal(alloc_fail_count(), 1);
    assert_ptr_equal(second, first + 16);
    hh__arena_finish(&arena);
}

static void test_failed_allocation(void **state)
{
    (void)state;
    hh_arena arena;
    hh__arena_init(&arena, SIZE_MAX);
    alloc_fail_from(1);
    void *first = hh__arena_alloc(&arena, 8);
    const char *second = hh__arena_copy(&arena, hh_slice_of("a")).data;
    alloc_fail_off();
    assert_null(first);
    assert_null(second);
    assert_int_equal(arena.used, 0);
    assert_non_null(hh__arena_alloc(&arena, 8));
    size_t used = arena.used;
    alloc_fail_from(1);
    first = hh__arena_alloc(&arena, 8000);
    alloc_fail_off();
    assert_null(first);
    assert_int_equal(arena.used, used);
    assert_non_null(hh__arena_alloc(&arena, 8000));
    hh__arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aligned_and_apart),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_small_allocations_share_blocks),
        cmocka_unit_test(test_large_allocation_wastes_no_block),
        cmocka_unit_test(test_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
