/*
 * resolver_fixture.h - a resolver that asks a scripted name server, for tests in several files.
 */
#ifndef HH_TESTS_RESOLVER_FIXTURE_H
#define HH_TESTS_RESOLVER_FIXTURE_H

#include "resolver_rig.h"
#include "support/dns_server.h"

typedef struct fixture {
    resolver_rig rig;
    dns_server *server;
} fixture;

/* Of one test: *state is a fixture. */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);

/* Addresses for 300 s; none: no data. */
void script(fixture *all, const char *name, int type, const char *addresses, int is_held);
/* With 192.0.2.1 and 2001:db8::1, and 5 as SOA minimum, where the reply has a use for them. */
void script_reply(fixture *all, const char *name, int type, dns_reply reply);
/* The lookup is over with no address, this code, and a sentence that has `part`. */
void assert_says(const rig_lookup *one, hh_status code, const char *part);

#endif
