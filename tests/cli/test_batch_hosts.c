/*
 * test_batch_hosts.c - a host's bound, its line, and fairness between hosts.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>

#include "batch_hosts.h"

static batch_item *make(const char *place, uint64_t index)
{
    batch_item *item = calloc(1, sizeof(*item));
    assert_non_null(item);
    item->index = index;
    item->place = strdup(place);
    return item;
}

static void expect(batch_hosts *hosts, uint64_t index)
{
    batch_item *item = batch_hosts_next(hosts);
    if (index == 0) {
        assert_null(item);
        return;
    }
    assert_non_null(item);
    assert_int_equal(item->index, index);
    batch_item_destroy(item);
}

static void holds_back(void **state)
{
    (void)state;
    batch_hosts hosts;
    assert_int_equal(batch_hosts_init(&hosts, 2), HH_OK);
    for (uint64_t i = 1; i <= 5; i++)
        assert_int_equal(batch_hosts_admit(&hosts, make("a:80", i)), HH_OK);
    assert_int_equal(batch_hosts_admit(&hosts, make("b:80", 6)), HH_OK);
    assert_int_equal(hosts.waiting, 3);
    expect(&hosts, 1);
    expect(&hosts, 2);
    expect(&hosts, 6);
    expect(&hosts, 0);
    batch_hosts_release(&hosts, "b:80");
    expect(&hosts, 0);
    batch_hosts_release(&hosts, "a:80");
    batch_hosts_release(&hosts, "a:80");
    expect(&hosts, 3);
    expect(&hosts, 4);
    expect(&hosts, 0);
    assert_int_equal(hosts.waiting, 1);
    batch_hosts_release(&hosts, "a:80");
    expect(&hosts, 5);
    batch_hosts_release(&hosts, "a:80");
    batch_hosts_release(&hosts, "a:80");
    /* Nothing of "a:80" is left: its count starts over. */
    assert_int_equal(batch_hosts_admit(&hosts, make("a:80", 7)), HH_OK);
    assert_int_equal(batch_hosts_admit(&hosts, make("a:80", 8)), HH_OK);
    assert_int_equal(hosts.waiting, 0);
    assert_int_equal(batch_hosts_admit(&hosts, make("a:80", 9)), HH_OK);
    assert_int_equal(hosts.waiting, 1);
    batch_hosts_finish(&hosts);
}

static void many_hosts(void **state)
{
    (void)state;
    batch_hosts hosts;
    char place[32];
    assert_int_equal(batch_hosts_init(&hosts, 1), HH_OK);
    for (uint64_t i = 1; i <= 20000; i++) {
        snprintf(place, sizeof(place), "h%u:80", (unsigned)(i % 10000));
        assert_int_equal(batch_hosts_admit(&hosts, make(place, i)), HH_OK);
    }
    assert_int_equal(hosts.waiting, 10000);
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 10000; i++) {
            batch_item *item = batch_hosts_next(&hosts);
            assert_non_null(item);
            batch_hosts_release(&hosts, item->place);
            batch_item_destroy(item);
        }
    }
    expect(&hosts, 0);
    batch_hosts_finish(&hosts);
}

static void without_bound_all_are_ready(void **state)
{
    (void)state;
    batch_hosts hosts;
    assert_int_equal(batch_hosts_init(&hosts, 0), HH_OK);
    for (uint64_t i = 1; i <= 3; i++)
        assert_int_equal(batch_hosts_admit(&hosts, make("a:80", i)), HH_OK);
    expect(&hosts, 1);
    batch_hosts_release(&hosts, "a:80");
    expect(&hosts, 2);
    batch_hosts_finish(&hosts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_back),
        cmocka_unit_test(many_hosts),
        cmocka_unit_test(without_bound_all_are_ready),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
