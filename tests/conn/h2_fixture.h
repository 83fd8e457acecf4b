/*
 * h2_fixture.h - the rig that tests of HTTP/2 connections begin with, one for each test: *state is
 * an h2_rig. The clock is the true one, until the test moves it.
 */
#ifndef TESTS_CONN_H2_FIXTURE_H
#define TESTS_CONN_H2_FIXTURE_H

#include "support/h2_rig.h"
#include "support/shifted_clock.h"

#define OK ":status: 200"
#define WINDOW 65535 /* of a stream and of a connection, at first (RFC 9113 §6.9.2) */

int set_up(void **state);
/* The same, and both sides' SETTINGS are exchanged. */
int set_up_open(void **state);
/* The clock stands: no allowance fills up again unless the test says so. */
int set_up_frozen(void **state);
int tear_down(void **state);

#endif
