/*
 * inside.h - what a few tests need of the client's private parts, behind functions of their own.
 */
#ifndef TESTS_CLIENT_INSIDE_H
#define TESTS_CLIENT_INSIDE_H

#include <stdint.h>

#include <hyperhttp/hyperhttp.h>

/* 1 when the pool's books balance. */
int inside_pool_balances(hh_client *client);

/* 1 when the pool's books balance, and those of every HTTP/2 connection that has a call or is idle.
 */
int inside_streams_balance(hh_client *client);

/* Launches one more attempt of `id` on an idle connection of its origin. 1: done, 0: there is none.
 */
int inside_race(hh_client *client, hh_id id);

/* 1 when the peer's close has reached the least recently used idle connection. */
int inside_idle_is_dead(hh_client *client);

/* The most connections any origin has open, dials included. */
size_t inside_most_open_here(hh_client *client);
/* Holds the client's lock, as a call under way does. */
void inside_lock(hh_client *client);
void inside_unlock(hh_client *client);
/* What a queued exchange costs. */
size_t inside_exchange_bytes(void);

#endif
