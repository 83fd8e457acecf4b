/*
 * h1_fixture.h - the rig that tests of HTTP/1 connections begin with, one for each test: *state is
 * an h1_rig. The clock is the true one, until the test moves it.
 */
#ifndef TESTS_CONN_H1_FIXTURE_H
#define TESTS_CONN_H1_FIXTURE_H

#include "support/h1_rig.h"
#include "support/shifted_clock.h"

#define PUT "PUT / HTTP/1.1\r\nHost: peer\r\n\r\n"
#define OK_0 "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define OK_5 "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"

int set_up(void **state);
int tear_down(void **state);

#endif
