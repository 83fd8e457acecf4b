/* The resolver against a real name server, dnsmasq. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory.h"
#include "resolver_rig.h"
#include "support/dnsmasq.h"

#define SECOND 1000000000LL
#define EXIT_SKIPPED 77

typedef struct fixture {
    resolver_rig rig;
    dnsmasq server;
} fixture;

static const char *const options[] = {
    "--local=/test/",
    "--host-record=both.test,192.0.2.1,2001:db8::1",
    "--host-record=four.test,192.0.2.4",
    "--host-record=many.test,192.0.2.11",
    "--host-record=many.test,192.0.2.12",
    "--host-record=many.test,192.0.2.13",
    "--host-record=many.test,192.0.2.14",
    "--cname=alias.test,both.test",
    "--address=/wild.test/192.0.2.99",
    "--local-ttl=20",
    NULL,
};

static int set_up(void **state)
{
    fixture *all = calloc(1, sizeof(*all));
    assert_non_null(all);
    if (dnsmasq_start(&all->server, options) != 0) {
        free(all);
        print_message("dnsmasq isn't installed\n");
        exit(EXIT_SKIPPED);
    }
    rig_init(&all->rig);
    rig_open(&all->rig, HH_RESOLVE_AUTO, all->server.address);
    *state = all;
    return 0;
}

static int tear_down(void **state)
{
    fixture *all = *state;
    rig_finish(&all->rig);
    dnsmasq_stop(&all->server);
    free(all);
    return 0;
}

static void test_addresses(void **state)
{
    fixture *all = *state;
    rig_lookup one;
    static const char *const both[] = {"both.test", "alias.test", "BOTH.test", "both.test."};
    for (size_t i = 0; i < HH_COUNT_OF(both); i++) {
        rig_resolve(&all->rig, &one, both[i]);
        assert_int_equal(one.lookup.count, 2);
        assert_non_null(strstr(rig_text(&one), "192.0.2.1:80"));
        assert_non_null(strstr(rig_text(&one), "[2001:db8::1]:80"));
    }
    rig_resolve(&all->rig, &one, "four.test");
    assert_string_equal(rig_text(&one), "192.0.2.4:80");
    rig_resolve(&all->rig, &one, "deep.down.wild.test");
    assert_string_equal(rig_text(&one), "192.0.2.99:80");
    rig_resolve(&all->rig, &one, "many.test");
    assert_int_equal(one.lookup.count, 4);
    static const char *const each[] = {"192.0.2.11:80", "192.0.2.12:80", "192.0.2.13:80",
                                       "192.0.2.14:80"};
    for (size_t i = 0; i < HH_COUNT_OF(each); i++)
        assert_non_null(strstr(rig_text(&one), each[i]));
}

static void test_no_such_name(void **state)
{
    fixture *all = *state;
    rig_lookup one;
    rig_resolve(&all->rig, &one, "nope.test");
    assert_int_equal(one.lookup.error.code, HH_ERR_RESOLVE);
    assert_string_equal(one.lookup.error.message, "no such host: \"nope.test\" (NXDOMAIN)");
    rig_resolve(&all->rig, &one, "nope.test");
    assert_true(one.lookup.from_cache);
    assert_int_equal(hh__resolver_stats(all->rig.resolver).queries, 1);
}

static void test_time_to_live(void **state)
{
    fixture *all = *state;
    rig_lookup one;
    rig_resolve(&all->rig, &one, "both.test");
    rig_ahead_ns += 18 * SECOND;
    rig_resolve(&all->rig, &one, "both.test");
    assert_true(one.lookup.from_cache);
    rig_ahead_ns += 3 * SECOND;
    rig_resolve(&all->rig, &one, "both.test");
    assert_false(one.lookup.from_cache);
}

/* One server is dead, at first or for good. */
static void test_dead_server(void **state)
{
    fixture *all = *state;
    rig_lookup one;
    char servers[80];
    dnsmasq dead;
    assert_int_equal(dnsmasq_start(&dead, options), 0);
    dnsmasq_stop(&dead);
    snprintf(servers, sizeof(servers), "%s,%s", dead.address, all->server.address);
    rig_close_resolver(&all->rig);
    rig_give_up_after(&all->rig, 2);
    rig_open(&all->rig, HH_RESOLVE_AUTO, servers);
    rig_resolve(&all->rig, &one, "both.test");
    assert_int_equal(one.lookup.count, 2);
    dnsmasq_stop(&all->server);
    rig_resolve(&all->rig, &one, "both.test");
    assert_true(one.lookup.from_cache);
    rig_resolve(&all->rig, &one, "four.test");
    assert_int_equal(one.lookup.error.code, HH_ERR_RESOLVE_TEMPORARY);
    assert_non_null(strstr(one.lookup.error.message, "four.test"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_addresses),
        TEST(test_no_such_name),
        TEST(test_time_to_live),
        TEST(test_dead_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
