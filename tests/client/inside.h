/*
 * inside.h - what a few tests need of the client's private parts, behind functions of their own.
 */
#ifndef TESTS_CLIENT_INSIDE_H
#define TESTS_CLIENT_INSIDE_H

#include <stdint.h>

#include <hyperhttp/hyperhttp.h>

/* 1 when the pool's books balance. */
int inside_pool_balances(hh_client *client);

#endif
