/* Shares and the pool: who frees what, what is kept, and that either side may end first. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "base/buf.h"
#include "base/memory.h"
#include "support/alloc_fail.h"

static void test_take_and_release(void **state)
{
    (void)state;
    hh_buf_pool pool;
    hh__buf_pool_init(&pool, 100, 2);
    hh_buf *first = hh__buf_take(&pool);
    assert_non_null(first);
    assert_int_equal(first->capacity, 100);
    memset(first->data, 'x', 100);
    assert_int_equal(pool.in_use, 1);
    hh__buf_release(&pool, first);
    assert_int_equal(pool.in_use, 0);
    assert_int_equal(pool.free_count, 1);
    alloc_fail_count_start();
    hh_buf *again = hh__buf_take(&pool);
    assert_int_equal(alloc_fail_count(), 0);
    assert_ptr_equal(again, first);
    assert_int_equal(pool.free_count, 0);
    hh__buf_release(&pool, again);
    hh__buf_release(&pool, NULL);
    hh__buf_pool_finish(&pool);
    assert_int_equal(pool.free_count, 0);
    assert_null(pool.free_list);
}

static void test_last_in_first_out(void **state)
{
    (void)state;
    hh_buf_pool pool;
    hh__buf_pool_init(&pool, 8, 8);
    hh_buf *first = hh__buf_take(&pool);
    hh_buf *second = hh__buf_take(&pool);
    assert_non_null(first);
    assert_non_null(second);
    assert_ptr_not_equal(first, second);
    hh__buf_release(&pool, first);
    hh__buf_release(&pool, second);
    assert_ptr_equal(hh__buf_take(&pool), second);
    assert_ptr_equal(hh__buf_take(&pool), first);
    hh__buf_release(&pool, first);
    hh__buf_release(&pool, second);
    hh__buf_pool_finish(&pool);
}

static void test_keeps_no_more_than_told(void **state)
{
    (void)state;
    hh_buf_pool pool;
    hh_buf *bufs[5];
    hh__buf_pool_init(&pool, 8, 2);
    for (size_t i = 0; i < 5; i++) {
        bufs[i] = hh__buf_take(&pool);
        assert_non_null(bufs[i]);
    }
    assert_int_equal(pool.in_use, 5);
    for (size_t i = 0; i < 5; i++)
        hh__buf_release(&pool, bufs[i]);
    assert_int_equal(pool.free_count, 2);
    assert_int_equal(pool.in_use, 0);
    hh__buf_pool_finish(&pool);
}

static void test_shared_buffer_waits_for_last(void **state)
{
    (void)state;
    hh_buf_pool pool;
    hh__buf_pool_init(&pool, 8, 2);
    hh_buf *buf = hh__buf_take(&pool);
    assert_non_null(buf);
    assert_ptr_equal(hh_buf_ref(buf), buf);
    hh__buf_release(&pool, buf);
    assert_int_equal(pool.free_count, 0);
    assert_int_equal(pool.in_use, 1);
    buf->data[7] = 'z';
    hh__buf_release(&pool, buf);
    assert_int_equal(pool.free_count, 1);
    assert_int_equal(pool.in_use, 0);
    hh__buf_pool_finish(&pool);
}

/* A share dropped outside of the pool, in whatever order, leaves no buffer counted that is gone. */
static void test_drops_outside_are_counted(void **state)
{
    (void)state;
    hh_buf_pool pool;
    hh__buf_pool_init(&pool, 8, 2);
    assert_int_equal(hh__buf_pool_in_use(&pool), 0);
    for (int is_last_outside = 0; is_last_outside < 2; is_last_outside++) {
        hh_buf *buf = hh_buf_ref(hh__buf_take(&pool));
        assert_non_null(buf);
        assert_int_equal(hh__buf_pool_in_use(&pool), 1);
        if (is_last_outside)
            hh__buf_release(&pool, buf);
        else
            hh_buf_unref(buf);
        assert_int_equal(hh__buf_pool_in_use(&pool), 1);
        if (is_last_outside)
            hh_buf_unref(buf);
        else
            hh__buf_release(&pool, buf);
        assert_int_equal(hh__buf_pool_in_use(&pool), 0);
    }
    /* One of another pool isn't taken in. */
    hh_buf_pool other;
    hh__buf_pool_init(&other, 8, 2);
    hh__buf_release(&pool, hh__buf_take(&other));
    assert_int_equal(pool.free_count, 0);
    assert_int_equal(hh__buf_pool_in_use(&pool), 0);
    hh__buf_pool_finish(&other);
    hh__buf_pool_finish(&pool);
}

static void test_outlives_pool(void **state)
{
    (void)state;
    hh_buf_pool pool;
    hh__buf_pool_init(&pool, 8, 2);
    hh_buf *buf = hh__buf_take(&pool);
    assert_non_null(buf);
    hh__buf_pool_finish(&pool);
    memcpy(buf->data, "12345678", 8);
    hh_buf_ref(buf);
    hh_buf_unref(buf);
    assert_memory_equal(buf->data, "12345678", 8);
    hh_buf_unref(buf);
    assert_null(hh_buf_ref(NULL));
    hh_buf_unref(NULL);
}

static void test_foreign_size_is_not_pooled(void **state)
{
    (void)state;
    hh_buf_pool pool;
    hh__buf_pool_init(&pool, 8, 2);
    hh_buf *taken = hh__buf_take(&pool);
    hh_buf *other = hh__buf_create(3);
    assert_non_null(taken);
    assert_non_null(other);
    assert_int_equal(other->capacity, 3);
    hh__buf_release(&pool, other);
    assert_int_equal(pool.free_count, 0);
    assert_int_equal(pool.in_use, 1);
    hh__buf_release(&pool, taken);
    hh__buf_pool_finish(&pool);
}

static void test_failed_allocation(void **state)
{
    (void)state;
    hh_buf_pool pool;
    hh__buf_pool_init(&pool, 8, 2);
    alloc_fail_from(1);
    hh_buf *buf = hh__buf_take(&pool);
    hh_buf *other = hh__buf_create(8);
    alloc_fail_off();
    assert_null(buf);
    assert_null(other);
    assert_int_equal(pool.in_use, 0);
    hh__buf_pool_finish(&pool);
}

enum { THREADS = 4, ROUNDS = 20000 };

static void *share_and_drop(void *argument)
{
    hh_buf *buf = argument;
    for (int i = 0; i < ROUNDS; i++) {
        hh_buf_ref(buf);
        hh_buf_unref(buf);
    }
    hh_buf_unref(buf);
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    hh_buf *buf = hh__buf_create(16);
    assert_non_null(buf);
    for (int i = 0; i < THREADS; i++) {
        hh_buf_ref(buf);
        assert_int_equal(pthread_create(&threads[i], NULL, share_and_drop, buf), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&buf->refs), 1);
    hh_buf_unref(buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_take_and_release),
        cmocka_unit_test(test_last_in_first_out),
        cmocka_unit_test(test_keeps_no_more_than_told),
        cmocka_unit_test(test_shared_buffer_waits_for_last),
        cmocka_unit_test(test_drops_outside_are_counted),
        cmocka_unit_test(test_outlives_pool),
        cmocka_unit_test(test_foreign_size_is_not_pooled),
        cmocka_unit_test(test_failed_allocation),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
