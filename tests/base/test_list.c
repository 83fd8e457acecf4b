/* The ring: order, both ends, removal from anywhere and twice. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/list.h"
#include "base/memory.h"
#include "support/prng.h"

typedef struct item {
    int number;
    hh_link link;
} item;

static int number_of(const hh_link *link)
{
    const char *start = (const char *)link - offsetof(item, link);
    return ((const item *)(const void *)start)->number;
}

static void test_empty(void **state)
{
    (void)state;
    hh_list list;
    hh__list_init(&list);
    assert_true(hh__list_is_empty(&list));
    assert_null(hh__list_first(&list));
    assert_null(hh__list_last(&list));
    assert_null(hh__list_pop_front(&list));
}

static void test_order(void **state)
{
    (void)state;
    hh_list list;
    item items[4] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}};
    hh__list_init(&list);
    assert_false(hh__link_is_listed(&items[0].link));
    hh__list_push_back(&list, &items[1].link);
    hh__list_push_back(&list, &items[3].link);
    hh__list_push_front(&list, &items[0].link);
    hh__list_insert_after(&items[1].link, &items[2].link);
    assert_true(hh__link_is_listed(&items[0].link));
    assert_ptr_equal(HH_CONTAINER_OF(hh__list_first(&list), item, link), &items[0]);
    assert_ptr_equal(hh__list_last(&list), &items[3].link);
    int expected = 0;
    for (const hh_link *link = hh__list_first(&list); link != NULL;
         link = hh__list_next(&list, link))
        assert_int_equal(number_of(link), expected++);
    assert_int_equal(expected, 4);
    for (int i = 0; i < 4; i++)
        assert_ptr_equal(hh__list_pop_front(&list), &items[i].link);
    assert_true(hh__list_is_empty(&list));
}

static void test_remove(void **state)
{
    (void)state;
    hh_list list;
    item items[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
    hh__list_init(&list);
    for (int i = 0; i < 3; i++)
        hh__list_push_back(&list, &items[i].link);
    hh__list_remove(&items[1].link);
    assert_false(hh__link_is_listed(&items[1].link));
    hh__list_remove(&items[1].link);
    assert_ptr_equal(hh__list_next(&list, &items[0].link), &items[2].link);
    hh__list_remove(&items[2].link);
    assert_ptr_equal(hh__list_last(&list), &items[0].link);
    hh__list_remove(&items[0].link);
    assert_true(hh__list_is_empty(&list));
    hh__list_push_front(&list, &items[1].link);
    assert_ptr_equal(hh__list_first(&list), &items[1].link);
    assert_ptr_equal(hh__list_last(&list), &items[1].link);
}

/* Against an array of the numbers in the list's order. */
static void test_model(void **state)
{
    (void)state;
    enum { COUNT = 20 };
    item items[COUNT] = {{0}};
    int model[COUNT];
    int length = 0;
    uint64_t seed = 7;
    hh_list list;
    hh__list_init(&list);
    for (int i = 0; i < COUNT; i++)
        items[i].number = i;
    for (int round = 0; round < 5000; round++) {
        int chosen = (int)prng_below(&seed, COUNT);
        int at = 0;
        while (at < length && model[at] != chosen)
            at++;
        if (at < length) {
            hh__list_remove(&items[chosen].link);
            length--;
            for (int i = at; i < length; i++)
                model[i] = model[i + 1];
        } else if (prng_below(&seed, 2) == 0) {
            hh__list_push_back(&list, &items[chosen].link);
            model[length++] = chosen;
        } else {
            hh__list_push_front(&list, &items[chosen].link);
            for (int i = length++; i > 0; i--)
                model[i] = model[i - 1];
            model[0] = chosen;
        }
        int i = 0;
        for (const hh_link *link = hh__list_first(&list); link != NULL;
             link = hh__list_next(&list, link)) {
            assert_true(i < length);
            assert_int_equal(number_of(link), model[i++]);
        }
        assert_int_equal(i, length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_remove),
        cmocka_unit_test(test_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
