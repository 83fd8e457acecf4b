/*
 * The pool's slots, with connections of any capacity: what a protocol that multiplexes will need.
 * The connection is a stub that does nothing; the first one comes to the pool by a real dial and is
 * then made to look roomier.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/memory.h"
#include "client/client.h"
#include "client/pool_internal.h"
#include "support/peer.h"

#define WAITERS 4

typedef struct taker {
    hh_waiter waiter;
    hh_pooled *got;
} taker;

typedef struct rig {
    peer *server;
    hh_client *client;
    hh_origin *origin;
    hh_pooled *pooled;
} rig;

static const peer_step answers[] = {
    {PEER_READ_REQUEST, NULL, 0},
    {PEER_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 0},
    {PEER_LOOP, NULL, 0},
};
static const peer_step *const scripts[] = {answers};

static void on_lent(hh_waiter *waiter, hh_pooled *pooled)
{
    ((taker *)waiter)->got = pooled;
}

static void on_failed(hh_waiter *waiter, const hh_error *error)
{
    (void)waiter;
    fail_msg("%s", error->message);
}

static int set_up(void **state)
{
    static rig r;
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    hh_response *response;
    memset(&r, 0, sizeof r);
    options.max_connections = 1;
    r.server = peer_start(scripts, 1);
    assert_int_equal(hh_client_create(&options, &r.client), HH_OK);
    assert_int_equal(hh_get(r.client, peer_url(r.server, "/"), &response, NULL), HH_OK);
    hh_response_destroy(response);
    hh_link *idle = hh__list_first(&r.client->pool.lru);
    assert_non_null(idle);
    r.pooled = HH_CONTAINER_OF(idle, hh_pooled, lru_link);
    r.origin = r.pooled->origin;
    *state = &r;
    return 0;
}

static int tear_down(void **state)
{
    rig *r = *state;
    assert_true(hh__pool_check(&r->client->pool));
    hh_client_destroy(r->client);
    peer_stop(r->server);
    return 0;
}

static void wait_for(rig *r, taker *t)
{
    *t = (taker){.waiter = {.on_lent = on_lent, .on_failed = on_failed}};
    hh__pool_wait(&r->client->pool, r->origin, &t->waiter);
}

static void test_lends_as_many_slots_as_there_are(void **state)
{
    rig *r = *state;
    hh_pool *pool = &r->client->pool;
    r->pooled->conn->capacity = 3;
    for (unsigned i = 0; i < 3; i++) {
        assert_ptr_equal(hh__pool_take(pool, r->origin), r->pooled);
        assert_int_equal(r->pooled->state, i < 2 ? HH_POOLED_ROOMY : HH_POOLED_FULL);
        assert_true(hh__pool_check(pool));
    }
    assert_null(hh__pool_take(pool, r->origin));
    assert_int_equal(pool->idle, 0);
    hh__pool_give_back(r->pooled);
    assert_int_equal(r->pooled->state, HH_POOLED_ROOMY);
    assert_ptr_equal(hh__pool_take(pool, r->origin), r->pooled);
    for (unsigned i = 0; i < 3; i++)
        hh__pool_give_back(r->pooled);
    assert_int_equal(r->pooled->state, HH_POOLED_IDLE);
    assert_int_equal(pool->idle, 1);
}

static void test_waiters_get_each_slot_that_comes_free(void **state)
{
    rig *r = *state;
    hh_pool *pool = &r->client->pool;
    taker takers[WAITERS];
    r->pooled->conn->capacity = 2;
    assert_non_null(hh__pool_take(pool, r->origin));
    assert_non_null(hh__pool_take(pool, r->origin));
    for (size_t i = 0; i < WAITERS; i++)
        wait_for(r, &takers[i]);
    for (size_t i = 0; i < WAITERS; i++) {
        assert_null(takers[i].got);
        hh__pool_give_back(r->pooled);
        assert_ptr_equal(takers[i].got, r->pooled); /* first come, first served */
        assert_true(hh__pool_check(pool));
    }
    hh__pool_give_back(r->pooled);
    hh__pool_give_back(r->pooled);
    assert_int_equal(r->pooled->state, HH_POOLED_IDLE);
}

static void test_more_capacity_serves_those_who_wait(void **state)
{
    rig *r = *state;
    hh_pool *pool = &r->client->pool;
    taker takers[WAITERS];
    assert_non_null(hh__pool_take(pool, r->origin));
    for (size_t i = 0; i < WAITERS; i++)
        wait_for(r, &takers[i]);
    r->pooled->conn->capacity = 3;
    r->pooled->conn->keeper_ops->on_capacity(r->pooled->conn);
    assert_non_null(takers[0].got);
    assert_non_null(takers[1].got);
    assert_null(takers[2].got);
    assert_int_equal(r->pooled->state, HH_POOLED_FULL);
    hh__pool_abandon(pool, &takers[2].waiter);
    hh__pool_abandon(pool, &takers[3].waiter);
    for (unsigned i = 0; i < 3; i++)
        hh__pool_give_back(r->pooled);
}

static void test_no_capacity_lends_nothing_more(void **state)
{
    rig *r = *state;
    hh_pool *pool = &r->client->pool;
    taker waiting;
    r->pooled->conn->capacity = 4;
    assert_non_null(hh__pool_take(pool, r->origin));
    r->pooled->conn->capacity = 0; /* it goes away: what it has it may finish */
    r->pooled->conn->keeper_ops->on_capacity(r->pooled->conn);
    assert_int_equal(r->pooled->state, HH_POOLED_DRAINING);
    assert_null(hh__pool_take(pool, r->origin));
    wait_for(r, &waiting);
    assert_null(waiting.got);
    hh__pool_abandon(pool, &waiting.waiter);
    r->pooled->conn->capacity = 1;
    hh__pool_give_back(r->pooled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lends_as_many_slots_as_there_are, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_waiters_get_each_slot_that_comes_free, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_more_capacity_serves_those_who_wait, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_no_capacity_lends_nothing_more, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
