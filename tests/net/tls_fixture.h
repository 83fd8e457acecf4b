/*
 * tls_fixture.h - what the tests of TLS begin with: certificates, a loop, and servers that have the
 * ones and are reached from the other.
 */
#ifndef TESTS_NET_TLS_FIXTURE_H
#define TESTS_NET_TLS_FIXTURE_H

#include "support/certificates.h"
#include "support/tls_client.h"

extern certificates made;
extern hh_loop *loop;

/* Of a group of tests. */
int tls_set_up(void **state);
int tls_tear_down(void **state);

/* Fails the test where that can't be done. */
hh_tls_config *make_config(const hh_tls_settings *settings);
/* Settings that trust the CA in this file, of `made`; its path is good until the next call. */
hh_tls_settings trusting(const char *ca_file);
/* A server with these options and the certificate of this name. */
tls_server *start_server(const char *certificate, tls_server_options options);

#endif
