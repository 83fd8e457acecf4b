/*
 * e2e.h - one nginx and its certificates for a whole test program, and clients that trust them.
 *
 * Leaves to others: the client's events (../client/whole.h), the servers (support/).
 */
#ifndef TESTS_E2E_E2E_H
#define TESTS_E2E_E2E_H

#include "whole.h"

#include "support/certificates.h"
#include "support/nginx.h"

#define FAR_MS 60000 /* a bound that is only met when something hangs */

typedef struct e2e {
    certificates certificates;
    nginx nginx;
    char ca_file[160];
} e2e;

extern e2e servers;

/* Starts and stops them. Where nginx isn't installed the program ends with 77, "skipped". */
int e2e_setup(void **state);
int e2e_teardown(void **state);

/* Options that trust the CA. */
hh_client_options e2e_options(void);
/* A client of them. */
hh_client *e2e_client(void);
/* One GET by a client of these options, which leaves nothing behind. */
void e2e_get(const hh_client_options *options, const char *url, answer *to);

/* The answer ended well, with status 200 and the file, byte for byte. */
void assert_file(const answer *of, nginx_file_name name);
void assert_bytes(hh_slice got, hh_slice wanted);
/* A minute of steps at most until the client's books show no more than `count` idle ones. */
void e2e_until_idle(hh_client *client, uint64_t count);

#endif
