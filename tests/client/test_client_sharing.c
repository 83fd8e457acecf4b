/*
 * Origins that may speak HTTP/2: one dial for all who wait, connections that many share, and when
 * there is one more. Most tests ask the pool itself, with the capacity of real connections changed
 * by hand; the others are whole clients.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "client/client.h"
#include "client/pool_internal.h"
#include "support/held_clock.h"
/* Behind the engine's headers: they use the name of its type. */
#include "whole.h"

#define TAKERS 6

typedef struct taker {
    hh_waiter waiter;
    hh_pooled *got;
    hh_status failed;
    unsigned turn; /* in which it was served */
} taker;

typedef struct rig {
    peer *server;
    hh_client *client;
    hh_pool *pool;
    hh_origin *origin;
    taker takers[TAKERS]; /* what they have at the end is given back */
} rig;

static unsigned turns;

static void on_lent(hh_waiter *waiter, hh_pooled *pooled)
{
    taker *t = (taker *)waiter;
    t->got = pooled;
    t->turn = ++turns;
}

static void on_failed(hh_waiter *waiter, const hh_error *error)
{
    ((taker *)waiter)->failed = error->code;
}

static hh_origin *origin_at(hh_client *client, uint16_t port)
{
    char key[32];
    hh_origin_hint hint = {.epoch = 0};
    hh_origin *origin;
    snprintf(key, sizeof key, "test:%u", port);
    hh_pool_target target = {
        .key = hh_slice_of(key), .host = hh_slice_of("127.0.0.1"), .port = port};
    assert_int_equal(hh__pool_origin(&client->pool, &target, &hint, &origin), HH_OK);
    return origin;
}

static int start_rig(void **state, unsigned max_total, unsigned max_per_origin)
{
    static const peer_step silent[] = {{PEER_WAIT_CLOSE, NULL, 0}, {PEER_END, NULL, 0}};
    static const peer_step *const scripts[] = {silent};
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    rig *r = calloc(1, sizeof *r);
    if (r == NULL)
        return -1;
    options.http2_prior_knowledge = HH_ON;
    options.max_connections = max_total;
    options.max_connections_per_origin = max_per_origin;
    r->server = peer_start(scripts, 1);
    assert_int_equal(hh_client_create(&options, &r->client), HH_OK);
    r->pool = &r->client->pool;
    r->origin = origin_at(r->client, peer_port(r->server));
    turns = 0;
    *state = r;
    return 0;
}

static int set_up(void **state)
{
    return start_rig(state, 0, 0);
}

static int set_up_one_in_all(void **state)
{
    return start_rig(state, 1, 0);
}

static int set_up_one_for_each_origin(void **state)
{
    return start_rig(state, 0, 1);
}

static int set_up_held(void **state)
{
    return whole_hold_clock(state) == 0 ? set_up(state) : -1;
}

static void give_back(rig *r, taker *t)
{
    hh__pool_give_back(t->got);
    t->got = NULL;
    assert_true(hh__pool_check(r->pool));
}

static int tear_down(void **state)
{
    rig *r = *state;
    for (size_t i = 0; i < TAKERS; i++)
        if (r->takers[i].got != NULL)
            give_back(r, &r->takers[i]);
    assert_true(hh__pool_check(r->pool));
    assert_int_equal(r->pool->waiting, 0);
    hh_client_destroy(r->client);
    peer_stop(r->server);
    free(r);
    return 0;
}

static int tear_down_held(void **state)
{
    int result = tear_down(state);
    return whole_let_clock_go(state) == 0 ? result : -1;
}

static void wait_at(rig *r, hh_origin *origin, taker *t)
{
    t->waiter.on_lent = on_lent;
    t->waiter.on_failed = on_failed;
    hh__loop_refresh(r->client->loop);
    hh__pool_wait(r->pool, origin, &t->waiter);
    assert_true(hh__pool_check(r->pool));
}

static void wait_for(rig *r, taker *t)
{
    wait_at(r, r->origin, t);
}

static void until_over(rig *r, const taker *t)
{
    for (int i = 0; i < 1000 && t->got == NULL && t->failed == HH_OK; i++) {
        assert_int_equal(hh_client_step(r->client, 100), HH_OK);
        assert_true(hh__pool_check(r->pool));
    }
    assert_true(t->got != NULL || t->failed != HH_OK);
}

/* Waits until it has a slot. */
static void take(rig *r, taker *t)
{
    wait_for(r, t);
    until_over(r, t);
}

static void set_capacity(rig *r, hh_pooled *pooled, unsigned capacity)
{
    pooled->conn->capacity = capacity;
    pooled->conn->keeper_ops->on_capacity(pooled->conn);
    assert_true(hh__pool_check(r->pool));
}

/* A connection with one slot, lent to `t`. The next one may have more. */
static void fill_one(rig *r, taker *t)
{
    take(r, t);
    set_capacity(r, t->got, 1);
    r->origin->streams = 0;
    assert_int_equal(t->got->state, HH_POOLED_FULL);
}

static void test_one_dial_serves_all(void **state)
{
    rig *r = *state;
    taker *takers = r->takers;
    for (size_t i = 0; i < TAKERS; i++)
        wait_for(r, &takers[i]);
    assert_int_equal(r->pool->dialling, 1);
    assert_int_equal(r->pool->open, 1);
    assert_int_equal(hh__waiter_phase(&takers[0].waiter), HH_PHASE_CONNECT);
    assert_int_equal(hh__waiter_phase(&takers[5].waiter), HH_PHASE_CONNECT);
    for (size_t i = 0; i < TAKERS; i++) {
        until_over(r, &takers[i]);
        assert_ptr_equal(takers[i].got, takers[0].got);
        assert_int_equal(takers[i].turn, i + 1);
    }
    assert_int_equal(r->origin->spoken, HH_SPOKEN_HTTP2);
    assert_int_equal(r->pool->stats.opened, 1);
    for (size_t i = 0; i < TAKERS; i++)
        give_back(r, &takers[i]);
    assert_int_equal(r->pool->idle, 1);
}

static void test_the_dial_outlives_who_began_it(void **state)
{
    rig *r = *state;
    taker *takers = r->takers;
    wait_for(r, &takers[0]);
    wait_for(r, &takers[1]);
    hh__pool_abandon(r->pool, &takers[0].waiter);
    assert_true(hh__pool_check(r->pool));
    assert_non_null(takers[1].waiter.dial);
    assert_int_equal(r->pool->open, 1);
    until_over(r, &takers[1]);
}

static void test_one_more_when_full_for_long(void **state)
{
    rig *r = *state;
    taker *takers = r->takers;
    fill_one(r, &takers[0]);
    turns = 0;
    for (size_t i = 1; i < 4; i++)
        wait_for(r, &takers[i]);
    assert_int_equal(r->pool->dialling, 0); /* it may come free yet */
    assert_true(r->origin->growth.due_ns >=
                takers[1].waiter.queued_ns + HH_H2_DIAL_WAIT_MIN_MS * 1000000);
    assert_int_equal(hh__waiter_connect_due(&takers[1].waiter), 0);
    for (size_t i = 1; i < 4; i++)
        until_over(r, &takers[i]);
    assert_ptr_not_equal(takers[1].got, takers[0].got);
    assert_int_equal(takers[1].turn, 1);
    assert_ptr_equal(takers[2].got, takers[1].got); /* it has room for all */
    assert_ptr_equal(takers[3].got, takers[1].got);
    assert_int_equal(r->pool->open, 2);
    assert_int_equal(r->origin->growth.due_ns, 0);
}

/* Until it says otherwise a new connection is taken to allow what the last one did. */
static void test_limit_is_remembered(void **state)
{
    rig *r = *state;
    taker *takers = r->takers;
    take(r, &takers[0]);
    set_capacity(r, takers[0].got, 1);
    for (size_t i = 1; i < 4; i++)
        wait_for(r, &takers[i]);
    for (size_t i = 1; i < 4; i++)
        until_over(r, &takers[i]); /* a connection each */
    assert_int_equal(r->pool->open, 4);
    assert_int_equal(takers[3].got->conn->capacity, 1);
    set_capacity(r, takers[3].got, 50);
    assert_int_equal(r->origin->streams, 50);
}

/* A slot that comes free is taken by the oldest, and the dial for one more is ended: it isn't
 * needed. */
static void test_a_slot_comes_first(void **state)
{
    rig *r = *state;
    taker *takers = r->takers;
    fill_one(r, &takers[0]);
    wait_for(r, &takers[1]);
    wait_for(r, &takers[2]);
    hh_pooled *pooled = takers[0].got;
    give_back(r, &takers[0]);
    assert_ptr_equal(takers[1].got, pooled);
    give_back(r, &takers[1]);
    assert_ptr_equal(takers[2].got, pooled);
    assert_int_equal(r->origin->growth.due_ns, 0);
    give_back(r, &takers[2]);
    assert_int_equal(r->pool->stats.opened, 1);
}

static void test_no_more_than_the_cap(void **state)
{
    rig *r = *state;
    taker *takers = r->takers;
    fill_one(r, &takers[0]);
    wait_for(r, &takers[1]);
    takers[1].waiter.queued_ns -= INT64_C(1000000000); /* it has waited for long */
    hh__pool_pump(r->pool, r->origin);
    assert_int_equal(r->pool->dialling, 0);
    assert_int_equal(r->pool->open, 1);
    give_back(r, &takers[0]);
    assert_non_null(takers[1].got);
}

/* GOAWAY: what it serves it serves; who waited for its slots gets another connection at once. */
static void test_draining(void **state)
{
    rig *r = *state;
    taker *takers = r->takers;
    fill_one(r, &takers[0]);
    wait_for(r, &takers[1]);
    assert_int_equal(r->pool->dialling, 0);
    set_capacity(r, takers[0].got, 0);
    assert_int_equal(takers[0].got->state, HH_POOLED_DRAINING);
    assert_int_equal(r->pool->dialling, 1);
    assert_non_null(takers[1].waiter.dial);
    wait_for(r, &takers[2]);
    assert_int_equal(r->pool->dialling, 1);
    until_over(r, &takers[1]);
    until_over(r, &takers[2]);
    assert_ptr_not_equal(takers[1].got, takers[0].got);
    give_back(r, &takers[0]); /* its last: it is closed */
    assert_int_equal(r->pool->open, 1);
}

/* Capacity may shrink below what is lent. */
static void test_fewer_slots_than_calls(void **state)
{
    rig *r = *state;
    taker *takers = r->takers;
    for (size_t i = 0; i < 3; i++) {
        take(r, &takers[i]);
    }
    set_capacity(r, takers[0].got, 1);
    assert_int_equal(takers[0].got->state, HH_POOLED_FULL);
    wait_for(r, &takers[3]);
    give_back(r, &takers[0]);
    give_back(r, &takers[1]);
    assert_null(takers[3].got);
    give_back(r, &takers[2]);
    assert_non_null(takers[3].got);
}

static void test_a_fresh_one_is_dialled_beside_room(void **state)
{
    rig *r = *state;
    taker *takers = r->takers;
    take(r, &takers[0]);
    hh_pooled *old = takers[0].got;
    old->conn->served = 1;
    takers[1].waiter.prefers_fresh = true;
    takers[2].waiter.prefers_fresh = true;
    wait_for(r, &takers[1]);
    wait_for(r, &takers[2]);
    assert_non_null(takers[1].waiter.dial);
    assert_null(takers[2].got); /* although there is room */
    assert_int_equal(r->pool->dialling, 1);
    assert_ptr_equal(hh__pool_take(r->pool, r->origin), old); /* anybody else may have it */
    hh__pool_give_back(old);
    until_over(r, &takers[1]);
    until_over(r, &takers[2]);
    assert_ptr_not_equal(takers[1].got, old);
    assert_ptr_equal(takers[2].got, takers[1].got);
}

/* At the cap it takes what there is. */
static void test_no_fresh_one_at_the_cap(void **state)
{
    rig *r = *state;
    taker *takers = r->takers;
    take(r, &takers[0]);
    takers[0].got->conn->served = 1;
    takers[1].waiter.prefers_fresh = true;
    wait_for(r, &takers[1]);
    assert_ptr_equal(takers[1].got, takers[0].got);
}

/* Who began the dial that fails fails with it; the others try for themselves. */
static void test_a_failed_dial_takes_nobody_along(void **state)
{
    rig *r = *state;
    taker *takers = r->takers;
    peer *gone = peer_of(SCRIPT(WAIT_CLOSE));
    hh_origin *origin = origin_at(r->client, peer_port(gone));
    peer_stop(gone);
    for (size_t i = 0; i < TAKERS; i++)
        wait_at(r, origin, &takers[i]);
    assert_int_equal(r->pool->dialling, 1);
    until_over(r, &takers[0]);
    assert_int_equal(takers[0].failed, HH_ERR_CONNECT);
    size_t failed = 0;
    for (size_t i = 0; i < TAKERS; i++)
        failed += takers[i].failed != HH_OK;
    assert_int_equal(failed + r->pool->dialling, TAKERS); /* all the rest at once */
    for (size_t i = 0; i < TAKERS; i++) {
        until_over(r, &takers[i]);
        assert_int_equal(takers[i].failed, HH_ERR_CONNECT);
    }
    assert_int_equal(r->pool->open, 0);
}

/* A connection that never comes free gives its place up nevertheless. */
static void test_a_shared_connection_gives_way(void **state)
{
    rig *r = *state;
    taker mine[2] = {{.got = NULL}}, later = {.got = NULL}, theirs = {.got = NULL};
    peer *other = peer_of(SCRIPT(WAIT_CLOSE));
    hh_origin *stranger = origin_at(r->client, peer_port(other));
    for (size_t i = 0; i < 2; i++) {
        take(r, &mine[i]);
    }
    wait_at(r, stranger, &theirs);
    assert_int_equal(r->pool->dialling, 0);
    hh_pooled *pooled = mine[0].got;
    give_back(r, &mine[0]);
    assert_int_equal(pooled->state, HH_POOLED_DRAINING);
    assert_null(hh__pool_take(r->pool, r->origin));
    wait_for(r, &later);
    give_back(r, &mine[1]);
    assert_int_equal(pooled->state, HH_POOLED_CLOSED);
    until_over(r, &theirs);
    assert_null(later.got);
    give_back(r, &theirs); /* its turn again */
    until_over(r, &later);
    give_back(r, &later);
    peer_stop(other);
}

/* --- time-outs ------------------------------------------------------------------------------- */

static void submit_with_timeout(hh_client *client, peer *server, int64_t connect_ms, answer *to)
{
    char url[64];
    hh_timeouts timeouts = {.connect_ms = connect_ms};
    snprintf(url, sizeof url, "https://127.0.0.1:%u/", peer_port(server));
    hh_request *request = whole_request(client, NULL, url);
    assert_int_equal(hh_request_set_timeouts(request, &timeouts), HH_OK);
    whole_submit(client, request, to);
    hh_request_destroy(request);
}

/* So the client's side of the connection stands, too. */
static void until_accepted(hh_client *client, peer *server)
{
    for (int64_t until = clock_ms() + 60000; peer_connections(server) == 0;) {
        assert_true(clock_ms() < until);
        whole_step(client, 1);
    }
}

/* The dial is bound by the time-out of who began it; each other one by its own. */
static void test_each_waits_for_the_dial_by_its_own_time_out(void **state)
{
    (void)state;
    peer *mute = peer_of(SCRIPT(WAIT_CLOSE)); /* accepts, and never shakes hands */
    hh_client *client = whole_client(NULL);
    answer patient = {.id = 0}, hasty = {.id = 0};
    submit_with_timeout(client, mute, 600000, &patient);
    submit_with_timeout(client, mute, 30, &hasty);
    assert_int_equal(whole_stats(client).connections_dialling, 1);
    until_accepted(client, mute);
    whole_pass(client, 29);
    assert_int_equal(hasty.terminals, 0);
    whole_pass(client, 1);
    assert_failed(&hasty, HH_ERR_TIMEOUT_CONNECT, HH_PHASE_TLS, "within 30 ms");
    assert_int_equal(patient.terminals, 0);
    assert_int_equal(hh_cancel(client, patient.id), HH_OK);
    whole_drain(client);
    answer_clear(&patient);
    answer_clear(&hasty);
    hh_client_destroy(client);
    peer_stop(mute);
}

/* No chain of dials, each of which takes its whole time. */
static void test_a_dial_that_times_out_is_the_end_of_all(void **state)
{
    (void)state;
    enum { COUNT = 20 };
    peer *mute = peer_of(SCRIPT(WAIT_CLOSE));
    hh_client *client = whole_client(NULL);
    answer *got = calloc(COUNT, sizeof *got);
    assert_non_null(got);
    for (size_t i = 0; i < COUNT; i++)
        submit_with_timeout(client, mute, 100, &got[i]);
    whole_pass(client, 99);
    assert_int_equal(whole_stats(client).exchanges_failed, 0);
    whole_pass(client, 1);
    whole_drain(client);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(got[i].error.code, HH_ERR_TIMEOUT_CONNECT);
        answer_clear(&got[i]);
    }
    assert_at_rest(client);
    free(got);
    hh_client_destroy(client);
    peer_stop(mute);
}

/* Those whose time is over end with the dial; who has time left dials for itself. */
static void test_the_late_end_with_the_dial(void **state)
{
    rig *r = *state;
    taker *takers = r->takers;
    r->origin->is_secure = true; /* the server never shakes hands */
    for (size_t i = 0; i < TAKERS; i++) {
        takers[i].waiter.connect_timeout_ns = (i == 3 ? 600000 : 50) * INT64_C(1000000);
        wait_for(r, &takers[i]);
    }
    held_clock_pass(50);
    until_over(r, &takers[0]);
    for (size_t i = 0; i < TAKERS; i++)
        assert_int_equal(takers[i].failed, i == 3 ? HH_OK : HH_ERR_TIMEOUT_CONNECT);
    assert_non_null(takers[3].waiter.dial);
    assert_int_equal(r->pool->dialling, 1);
    hh__pool_abandon(r->pool, &takers[3].waiter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_dial_serves_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_dial_outlives_who_began_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_more_when_full_for_long, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limit_is_remembered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_slot_comes_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_more_than_the_cap, set_up_one_for_each_origin,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_draining, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fewer_slots_than_calls, set_up_one_for_each_origin,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_fresh_one_is_dialled_beside_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_fresh_one_at_the_cap, set_up_one_for_each_origin,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_failed_dial_takes_nobody_along, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_shared_connection_gives_way, set_up_one_in_all,
                                        tear_down),
        WHOLE_HELD(test_each_waits_for_the_dial_by_its_own_time_out),
        WHOLE_HELD(test_a_dial_that_times_out_is_the_end_of_all),
        cmocka_unit_test_setup_teardown(test_the_late_end_with_the_dial, set_up_held,
                                        tear_down_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
