/* Tests of the tests' own tool: which allocation fails, what is counted, which threads count. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "support/alloc_fail.h"

/* Through pointers, so that no compiler sees a pair it could drop. */
static void *(*volatile call_malloc)(size_t) = malloc;
static void *(*volatile call_calloc)(size_t, size_t) = calloc;
static void *(*volatile call_realloc)(void *, size_t) = realloc;
static void *(*volatile call_reallocarray)(void *, size_t, size_t) = reallocarray;
static char *(*volatile call_strdup)(const char *) = strdup;
static char *(*volatile call_strndup)(const char *, size_t) = strndup;
static int (*volatile call_posix_memalign)(void **, size_t, size_t) = posix_memalign;
static void *(*volatile call_aligned_alloc)(size_t, size_t) = aligned_alloc;

static int allocates(int kind)
{
    void *block = NULL;
    switch (kind) {
    case 0:
        block = call_malloc(8);
        break;
    case 1:
        block = call_calloc(2, 8);
        break;
    case 2:
        block = call_realloc(NULL, 8);
        break;
    case 3:
        block = call_reallocarray(NULL, 2, 8);
        break;
    case 4:
        block = call_strdup("text");
        break;
    case 5:
        block = call_strndup("text", 2);
        break;
    case 6:
        if (call_posix_memalign(&block, 64, 64) != 0)
            block = NULL;
        break;
    default:
        block = call_aligned_alloc(64, 64);
        break;
    }
    int worked = block != NULL;
    free(block);
    return worked;
}

enum { KINDS = 8 };

static void test_off_by_default(void **state)
{
    (void)state;
    alloc_fail_count_start();
    for (int kind = 0; kind < KINDS; kind++)
        assert_true(allocates(kind));
    assert_int_equal(alloc_fail_count(), KINDS);
    assert_int_equal(alloc_fail_hits(), 0);
}

static void test_nth_fails_once(void **state)
{
    (void)state;
    for (int nth = 1; nth <= KINDS; nth++) {
        alloc_fail_at((uint64_t)nth);
        for (int kind = 0; kind < KINDS; kind++) {
            errno = 0;
            assert_int_equal(allocates(kind), kind + 1 != nth);
        }
        assert_true(allocates(0));
        alloc_fail_off();
        assert_int_equal(alloc_fail_hits(), 1);
    }
}

static void test_from_nth_all_fail(void **state)
{
    (void)state;
    alloc_fail_from(3);
    assert_true(allocates(0));
    assert_true(allocates(1));
    for (int kind = 0; kind < KINDS; kind++)
        assert_false(allocates(kind));
    assert_int_equal(errno, ENOMEM);
    alloc_fail_off();
    assert_true(allocates(0));
    assert_int_equal(alloc_fail_hits(), KINDS);
    assert_int_equal(alloc_fail_count(), KINDS + 3);
}

static void test_failed_realloc_keeps_block(void **state)
{
    (void)state;
    char *block = call_malloc(4);
    assert_non_null(block);
    memcpy(block, "abc", 4);
    alloc_fail_at(1);
    assert_null(call_realloc(block, 4000));
    alloc_fail_off();
    assert_string_equal(block, "abc");
    free(block);
}

static void *exempt_thread(void *argument)
{
    int *worked = argument;
    alloc_fail_exempt_thread();
    for (int kind = 0; kind < KINDS; kind++)
        *worked += allocates(kind);
    return NULL;
}

static void test_exempt_thread(void **state)
{
    (void)state;
    pthread_t thread;
    int worked = 0;
    alloc_fail_from(1);
    int error = pthread_create(&thread, NULL, exempt_thread, &worked);
    if (error == 0)
        pthread_join(thread, NULL);
    alloc_fail_off();
    assert_int_equal(error, 0);
    assert_int_equal(worked, KINDS);
    assert_int_equal(alloc_fail_count(), 0);
}

enum { THREADS = 4, ROUNDS = 1000 };

static void *busy_thread(void *argument)
{
    int *failed = argument;
    for (int i = 0; i < ROUNDS; i++)
        *failed += !allocates(0);
    return NULL;
}

static void test_threads_share_one_count(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    int failed[THREADS] = {0};
    alloc_fail_at(THREADS * ROUNDS / 2);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, busy_thread, &failed[i]), 0);
    int sum = 0;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        sum += failed[i];
    }
    alloc_fail_off();
    assert_int_equal(sum, 1);
    assert_int_equal(alloc_fail_count(), THREADS * ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_off_by_default),    cmocka_unit_test(test_nth_fails_once),
        cmocka_unit_test(test_from_nth_all_fail), cmocka_unit_test(test_failed_realloc_keeps_block),
        cmocka_unit_test(test_exempt_thread),     cmocka_unit_test(test_threads_share_one_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
