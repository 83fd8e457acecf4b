/*
 * resolver_fixture.c - see resolver_fixture.h.
 */
#include "resolver_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

int fixture_set_up(void **state)
{
    fixture *all = calloc(1, sizeof(*all));
    assert_non_null(all);
    all->server = dns_server_start();
    rig_init(&all->rig);
    rig_open(&all->rig, HH_RESOLVE_BUILTIN, dns_server_address(all->server));
    *state = all;
    return 0;
}

int fixture_tear_down(void **state)
{
    fixture *all = *state;
    rig_finish(&all->rig);
    dns_server_stop(all->server);
    free(all);
    return 0;
}

void script(fixture *all, const char *name, int type, const char *addresses, int is_held)
{
    dns_rule rule = {name, type, DNS_ADDRESSES, addresses, 300, NULL, 60, is_held};
    dns_server_add(all->server, &rule);
}

void script_reply(fixture *all, const char *name, int type, dns_reply reply)
{
    dns_rule rule = {.name = name, .type = type, .reply = reply, .soa_minimum = 5};
    rule.addresses = "192.0.2.1,2001:db8::1";
    rule.ttl = 300;
    dns_server_add(all->server, &rule);
}

void assert_says(const rig_lookup *one, hh_status code, const char *part)
{
    assert_true(one->lookup.is_finished);
    assert_int_equal(one->lookup.count, 0);
    assert_int_equal(one->lookup.error.code, code);
    assert_int_equal(one->lookup.error.phase, HH_PHASE_RESOLVE);
    if (strstr(one->lookup.error.message, part) == NULL)
        fail_msg("\"%s\" isn't in: %s", part, one->lookup.error.message);
}
