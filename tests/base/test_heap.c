/* The heap against a plain array, by random operations. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/heap.h"
#include "support/alloc_fail.h"
#include "support/prng.h"

enum { ITEMS = 300, ROUNDS = 30000 };

static hh_heap_item items[ITEMS];

static void reset_items(void)
{
    for (size_t i = 0; i < ITEMS; i++) {
        items[i].key = 0;
        items[i].place = 0;
    }
}

static void check(const hh_heap *heap)
{
    size_t present = 0;
    const hh_heap_item *smallest = NULL;
    for (size_t i = 0; i < ITEMS; i++) {
        if (items[i].place == 0)
            continue;
        present++;
        assert_true(items[i].place <= heap->count);
        assert_ptr_equal(heap->items[items[i].place - 1], &items[i]);
        if (items[i].place > 1)
            assert_true(heap->items[(items[i].place - 2) / 4]->key <= items[i].key);
        if (smallest == NULL || items[i].key < smallest->key)
            smallest = &items[i];
    }
    assert_int_equal(present, heap->count);
    const hh_heap_item *first = hh__heap_first(heap);
    if (smallest == NULL)
        assert_null(first);
    else
        assert_true(first != NULL && first->key == smallest->key);
}

static void test_random_operations(void **state)
{
    (void)state;
    uint64_t seed = 3;
    hh_heap heap;
    reset_items();
    hh__heap_init(&heap);
    for (int round = 0; round < ROUNDS; round++) {
        hh_heap_item *item = &items[prng_below(&seed, ITEMS)];
        int64_t key = (int64_t)prng_below(&seed, 1000) - 500; /* many equal ones */
        if (item->place == 0) {
            item->key = key;
            assert_int_equal(hh__heap_add(&heap, item), HH_OK);
        } else if (prng_below(&seed, 2) == 0) {
            hh__heap_move(&heap, item, key);
            assert_true(item->key == key);
        } else {
            hh__heap_remove(&heap, item);
            assert_int_equal(item->place, 0);
        }
        check(&heap);
    }
    hh__heap_finish(&heap);
}

static int compare_keys(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static void test_comes_out_sorted(void **state)
{
    (void)state;
    uint64_t seed = 9;
    int64_t sorted[ITEMS];
    hh_heap heap;
    reset_items();
    hh__heap_init(&heap);
    for (size_t i = 0; i < ITEMS; i++) {
        sorted[i] = (int64_t)prng_next(&seed);
        items[i].key = sorted[i];
        assert_int_equal(hh__heap_add(&heap, &items[i]), HH_OK);
    }
    for (size_t i = 0; i < ITEMS; i += 3) { /* new keys, up and down */
        sorted[i] = (int64_t)prng_next(&seed);
        hh__heap_move(&heap, &items[i], sorted[i]);
    }
    qsort(sorted, ITEMS, sizeof(sorted[0]), compare_keys);
    for (size_t i = 0; i < ITEMS; i++) {
        hh_heap_item *first = hh__heap_first(&heap);
        assert_non_null(first);
        assert_true(first->key == sorted[i]);
        hh__heap_remove(&heap, first);
    }
    assert_null(hh__heap_first(&heap));
    hh__heap_finish(&heap);
}

static void test_extremes(void **state)
{
    (void)state;
    hh_heap heap;
    reset_items();
    hh__heap_init(&heap);
    assert_null(hh__heap_first(&heap));
    hh__heap_remove(&heap, &items[0]);
    items[0].key = INT64_MAX;
    items[1].key = INT64_MIN;
    items[2].key = 0;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(hh__heap_add(&heap, &items[i]), HH_OK);
    assert_ptr_equal(hh__heap_first(&heap), &items[1]);
    hh__heap_move(&heap, &items[1], INT64_MAX);
    assert_ptr_equal(hh__heap_first(&heap), &items[2]);
    hh__heap_move(&heap, &items[0], INT64_MIN);
    assert_ptr_equal(hh__heap_first(&heap), &items[0]);
    hh__heap_remove(&heap, &items[0]);
    hh__heap_remove(&heap, &items[0]);
    assert_int_equal(heap.count, 2);
    hh__heap_finish(&heap);
}

static void test_failed_allocation(void **state)
{
    (void)state;
    hh_heap heap;
    reset_items();
    hh__heap_init(&heap);
    size_t failures = 0;
    for (size_t i = 0; i < ITEMS; i++) {
        items[i].key = (int64_t)(ITEMS - i);
        alloc_fail_from(1);
        hh_status status = hh__heap_add(&heap, &items[i]);
        alloc_fail_off();
        if (status == HH_OK)
            continue;
        assert_int_equal(status, HH_ERR_NO_MEMORY);
        assert_int_equal(items[i].place, 0);
        check(&heap);
        failures++;
        assert_int_equal(hh__heap_add(&heap, &items[i]), HH_OK);
    }
    assert_true(failures >= 4);
    check(&heap);
    hh__heap_finish(&heap);
}

static void test_reserved_room_never_fails(void **state)
{
    (void)state;
    hh_heap heap;
    reset_items();
    hh__heap_init(&heap);
    assert_int_equal(hh__heap_reserve(&heap, SIZE_MAX), HH_ERR_NO_MEMORY);
    assert_int_equal(hh__heap_reserve(&heap, ITEMS), HH_OK);
    alloc_fail_from(1);
    hh_status status = HH_OK;
    for (size_t i = 0; i < ITEMS && status == HH_OK; i++)
        status = hh__heap_add(&heap, &items[i]);
    if (status == HH_OK)
        status = hh__heap_reserve(&heap, 1);
    alloc_fail_off();
    assert_int_equal(status, HH_OK);
    check(&heap);
    hh__heap_finish(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_operations),
        cmocka_unit_test(test_comes_out_sorted),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_failed_allocation),
        cmocka_unit_test(test_reserved_room_never_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
