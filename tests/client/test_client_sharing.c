/*
 * Origins that may speak HTTP/2: one dial for all who wait, connections that many share, and when
 * there is one more. Some tests ask the pool itself, with the capacity of real connections changed
 * by hand; the others are whole clients.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "client/client.h"
#include "client/pool_internal.h"
#include "support/certificates.h"
#include "support/held_clock.h"
#include "support/tls_server.h"
/* Behind the engine's headers: they use the name of its type. */
#include "whole.h"

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
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

static void rig_start(rig *r, unsigned max_total, unsigned max_per_origin)
{
    static const peer_step silent[] = {{PEER_WAIT_CLOSE, NULL, 0}, {PEER_END, NULL, 0}};
    static const peer_step *const scripts[] = {silent};
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.http2_prior_knowledge = HH_ON;
    options.max_connections = max_total;
    options.max_connections_per_origin = max_per_origin;
    r->server = peer_start(scripts, 1);
    assert_int_equal(hh_client_create(&options, &r->client), HH_OK);
    r->pool = &r->client->pool;
    r->origin = origin_at(r->client, peer_port(r->server));
}

static void rig_stop(rig *r)
{
    assert_true(hh__pool_check(r->pool));
    assert_int_equal(r->pool->waiting, 0);
    hh_client_destroy(r->client);
    peer_stop(r->server);
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

static void give_back(rig *r, taker *t)
{
    hh__pool_give_back(t->got);
    t->got = NULL;
    assert_true(hh__pool_check(r->pool));
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
    wait_for(r, t);
    until_over(r, t);
    set_capacity(r, t->got, 1);
    r->origin->streams = 0;
    assert_int_equal(t->got->state, HH_POOLED_FULL);
}

static void test_one_dial_serves_all(void **state)
{
    (void)state;
    rig r;
    taker takers[TAKERS] = {{.got = NULL}};
    rig_start(&r, 0, 0);
    turns = 0;
    for (size_t i = 0; i < TAKERS; i++)
        wait_for(&r, &takers[i]);
    assert_int_equal(r.pool->dialling, 1);
    assert_int_equal(r.pool->open, 1);
    assert_int_equal(hh__waiter_phase(&takers[0].waiter), HH_PHASE_CONNECT);
    assert_int_equal(hh__waiter_phase(&takers[5].waiter), HH_PHASE_CONNECT);
    for (size_t i = 0; i < TAKERS; i++) {
        until_over(&r, &takers[i]);
        assert_ptr_equal(takers[i].got, takers[0].got);
        assert_int_equal(takers[i].turn, i + 1);
    }
    assert_int_equal(r.origin->spoken, HH_SPOKEN_HTTP2);
    assert_int_equal(r.pool->stats.opened, 1);
    for (size_t i = 0; i < TAKERS; i++)
        give_back(&r, &takers[i]);
    assert_int_equal(r.pool->idle, 1);
    rig_stop(&r);
}

static void test_the_dial_outlives_who_began_it(void **state)
{
    (void)state;
    rig r;
    taker takers[2] = {{.got = NULL}};
    rig_start(&r, 0, 0);
    wait_for(&r, &takers[0]);
    wait_for(&r, &takers[1]);
    hh__pool_abandon(r.pool, &takers[0].waiter);
    assert_true(hh__pool_check(r.pool));
    assert_non_null(takers[1].waiter.dial);
    assert_int_equal(r.pool->open, 1);
    until_over(&r, &takers[1]);
    give_back(&r, &takers[1]);
    rig_stop(&r);
}

static void test_one_more_when_full_for_long(void **state)
{
    (void)state;
    rig r;
    taker takers[4] = {{.got = NULL}};
    rig_start(&r, 0, 0);
    fill_one(&r, &takers[0]);
    turns = 0;
    for (size_t i = 1; i < 4; i++)
        wait_for(&r, &takers[i]);
    assert_int_equal(r.pool->dialling, 0); /* it may come free yet */
    assert_true(r.origin->growth.due_ns >=
                takers[1].waiter.queued_ns + HH_H2_DIAL_WAIT_MIN_MS * 1000000);
    assert_int_equal(hh__waiter_connect_due(&takers[1].waiter), 0);
    for (size_t i = 1; i < 4; i++)
        until_over(&r, &takers[i]);
    assert_ptr_not_equal(takers[1].got, takers[0].got);
    assert_int_equal(takers[1].turn, 1);
    assert_ptr_equal(takers[2].got, takers[1].got); /* it has room for all */
    assert_ptr_equal(takers[3].got, takers[1].got);
    assert_int_equal(r.pool->open, 2);
    assert_int_equal(r.origin->growth.due_ns, 0);
    for (size_t i = 0; i < 4; i++)
        give_back(&r, &takers[i]);
    rig_stop(&r);
}

/* Until it says otherwise a new connection is taken to allow what the last one did. */
static void test_limit_is_remembered(void **state)
{
    (void)state;
    rig r;
    taker takers[4] = {{.got = NULL}};
    rig_start(&r, 0, 0);
    wait_for(&r, &takers[0]);
    until_over(&r, &takers[0]);
    set_capacity(&r, takers[0].got, 1);
    for (size_t i = 1; i < 4; i++)
        wait_for(&r, &takers[i]);
    for (size_t i = 1; i < 4; i++)
        until_over(&r, &takers[i]); /* a connection each */
    assert_int_equal(r.pool->open, 4);
    assert_int_equal(takers[3].got->conn->capacity, 1);
    set_capacity(&r, takers[3].got, 50);
    assert_int_equal(r.origin->streams, 50);
    for (size_t i = 0; i < 4; i++)
        give_back(&r, &takers[i]);
    rig_stop(&r);
}

/* A slot that comes free is taken by the oldest, and the dial for one more is ended: it isn't
 * needed. */
static void test_a_slot_comes_first(void **state)
{
    (void)state;
    rig r;
    taker takers[3] = {{.got = NULL}};
    rig_start(&r, 0, 0);
    fill_one(&r, &takers[0]);
    wait_for(&r, &takers[1]);
    wait_for(&r, &takers[2]);
    hh_pooled *pooled = takers[0].got;
    give_back(&r, &takers[0]);
    assert_ptr_equal(takers[1].got, pooled);
    give_back(&r, &takers[1]);
    assert_ptr_equal(takers[2].got, pooled);
    assert_int_equal(r.origin->growth.due_ns, 0);
    give_back(&r, &takers[2]);
    assert_int_equal(r.pool->stats.opened, 1);
    rig_stop(&r);
}

static void test_no_more_than_the_cap(void **state)
{
    (void)state;
    rig r;
    taker takers[2] = {{.got = NULL}};
    rig_start(&r, 0, 1);
    fill_one(&r, &takers[0]);
    wait_for(&r, &takers[1]);
    takers[1].waiter.queued_ns -= INT64_C(1000000000); /* it has waited for long */
    hh__pool_pump(r.pool, r.origin);
    assert_int_equal(r.pool->dialling, 0);
    assert_int_equal(r.pool->open, 1);
    give_back(&r, &takers[0]);
    assert_non_null(takers[1].got);
    give_back(&r, &takers[1]);
    rig_stop(&r);
}

/* GOAWAY: what it serves it serves; who waited for its slots gets another connection at once. */
static void test_draining(void **state)
{
    (void)state;
    rig r;
    taker takers[3] = {{.got = NULL}};
    rig_start(&r, 0, 0);
    fill_one(&r, &takers[0]);
    wait_for(&r, &takers[1]);
    assert_int_equal(r.pool->dialling, 0);
    set_capacity(&r, takers[0].got, 0);
    assert_int_equal(takers[0].got->state, HH_POOLED_DRAINING);
    assert_int_equal(r.pool->dialling, 1);
    assert_non_null(takers[1].waiter.dial);
    wait_for(&r, &takers[2]);
    assert_int_equal(r.pool->dialling, 1);
    until_over(&r, &takers[1]);
    until_over(&r, &takers[2]);
    assert_ptr_not_equal(takers[1].got, takers[0].got);
    give_back(&r, &takers[0]); /* its last: it is closed */
    assert_int_equal(r.pool->open, 1);
    give_back(&r, &takers[1]);
    give_back(&r, &takers[2]);
    rig_stop(&r);
}

/* Capacity may shrink below what is lent. */
static void test_fewer_slots_than_calls(void **state)
{
    (void)state;
    rig r;
    taker takers[4] = {{.got = NULL}};
    rig_start(&r, 0, 1);
    for (size_t i = 0; i < 3; i++) {
        wait_for(&r, &takers[i]);
        until_over(&r, &takers[i]);
    }
    set_capacity(&r, takers[0].got, 1);
    assert_int_equal(takers[0].got->state, HH_POOLED_FULL);
    wait_for(&r, &takers[3]);
    give_back(&r, &takers[0]);
    give_back(&r, &takers[1]);
    assert_null(takers[3].got);
    give_back(&r, &takers[2]);
    assert_non_null(takers[3].got);
    give_back(&r, &takers[3]);
    rig_stop(&r);
}

static void test_a_fresh_one_is_dialled_beside_room(void **state)
{
    (void)state;
    rig r;
    taker takers[3] = {{.got = NULL}};
    rig_start(&r, 0, 0);
    wait_for(&r, &takers[0]);
    until_over(&r, &takers[0]);
    hh_pooled *old = takers[0].got;
    old->conn->served = 1;
    takers[1].waiter.prefers_fresh = true;
    takers[2].waiter.prefers_fresh = true;
    wait_for(&r, &takers[1]);
    wait_for(&r, &takers[2]);
    assert_non_null(takers[1].waiter.dial);
    assert_null(takers[2].got); /* although there is room */
    assert_int_equal(r.pool->dialling, 1);
    assert_ptr_equal(hh__pool_take(r.pool, r.origin), old); /* anybody else may have it */
    hh__pool_give_back(old);
    until_over(&r, &takers[1]);
    until_over(&r, &takers[2]);
    assert_ptr_not_equal(takers[1].got, old);
    assert_ptr_equal(takers[2].got, takers[1].got);
    for (size_t i = 0; i < 3; i++)
        give_back(&r, &takers[i]);
    rig_stop(&r);
}

/* At the cap it takes what there is. */
static void test_no_fresh_one_at_the_cap(void **state)
{
    (void)state;
    rig r;
    taker takers[2] = {{.got = NULL}};
    rig_start(&r, 0, 1);
    wait_for(&r, &takers[0]);
    until_over(&r, &takers[0]);
    takers[0].got->conn->served = 1;
    takers[1].waiter.prefers_fresh = true;
    wait_for(&r, &takers[1]);
    assert_ptr_equal(takers[1].got, takers[0].got);
    give_back(&r, &takers[0]);
    give_back(&r, &takers[1]);
    rig_stop(&r);
}

/* Who began the dial that fails fails with it; the others try for themselves. */
static void test_a_failed_dial_takes_nobody_along(void **state)
{
    (void)state;
    rig r;
    taker takers[TAKERS] = {{.got = NULL}};
    rig_start(&r, 0, 0);
    peer *gone = peer_of(SCRIPT(WAIT_CLOSE));
    hh_origin *origin = origin_at(r.client, peer_port(gone));
    peer_stop(gone);
    for (size_t i = 0; i < TAKERS; i++)
        wait_at(&r, origin, &takers[i]);
    assert_int_equal(r.pool->dialling, 1);
    until_over(&r, &takers[0]);
    assert_int_equal(takers[0].failed, HH_ERR_CONNECT);
    size_t failed = 0;
    for (size_t i = 0; i < TAKERS; i++)
        failed += takers[i].failed != HH_OK;
    assert_int_equal(failed + r.pool->dialling, TAKERS); /* all the rest at once */
    for (size_t i = 0; i < TAKERS; i++) {
        until_over(&r, &takers[i]);
        assert_int_equal(takers[i].failed, HH_ERR_CONNECT);
    }
    assert_int_equal(r.pool->open, 0);
    rig_stop(&r);
}

/* A connection that never comes free gives its place up nevertheless. */
static void test_a_shared_connection_gives_way(void **state)
{
    (void)state;
    rig r;
    taker mine[2] = {{.got = NULL}}, later = {.got = NULL}, theirs = {.got = NULL};
    rig_start(&r, 1, 0);
    peer *other = peer_of(SCRIPT(WAIT_CLOSE));
    hh_origin *stranger = origin_at(r.client, peer_port(other));
    for (size_t i = 0; i < 2; i++) {
        wait_for(&r, &mine[i]);
        until_over(&r, &mine[i]);
    }
    wait_at(&r, stranger, &theirs);
    assert_int_equal(r.pool->dialling, 0);
    hh_pooled *pooled = mine[0].got;
    give_back(&r, &mine[0]);
    assert_int_equal(pooled->state, HH_POOLED_DRAINING);
    assert_null(hh__pool_take(r.pool, r.origin));
    wait_for(&r, &later);
    give_back(&r, &mine[1]);
    assert_int_equal(pooled->state, HH_POOLED_CLOSED);
    until_over(&r, &theirs);
    assert_null(later.got);
    give_back(&r, &theirs); /* its turn again */
    until_over(&r, &later);
    give_back(&r, &later);
    rig_stop(&r);
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
    (void)state;
    rig r;
    taker takers[TAKERS] = {{.got = NULL}};
    rig_start(&r, 0, 0);
    r.origin->is_secure = true; /* the server never shakes hands */
    for (size_t i = 0; i < TAKERS; i++) {
        takers[i].waiter.connect_timeout_ns = (i == 3 ? 600000 : 50) * INT64_C(1000000);
        wait_for(&r, &takers[i]);
    }
    held_clock_pass(50);
    until_over(&r, &takers[0]);
    for (size_t i = 0; i < TAKERS; i++)
        assert_int_equal(takers[i].failed, i == 3 ? HH_OK : HH_ERR_TIMEOUT_CONNECT);
    assert_non_null(takers[3].waiter.dial);
    assert_int_equal(r.pool->dialling, 1);
    hh__pool_abandon(r.pool, &takers[3].waiter);
    rig_stop(&r);
}

/* --- ALPN ------------------------------------------------------------------------------------ */

static certificates made;

static int make_certificates(void **state)
{
    (void)state;
    certificates_make(&made);
    return 0;
}

static int remove_certificates(void **state)
{
    (void)state;
    certificates_remove(&made);
    return 0;
}

/* One answer for each blank line. */
static void serve_http1(SSL *ssl, void *context)
{
    char text[4096];
    size_t used = 0;
    int count;
    (void)context;
    while ((count = SSL_read(ssl, text + used, (int)(sizeof text - 1 - used))) > 0) {
        used += (size_t)count;
        text[used] = '\0';
        if (strstr(text, "\r\n\r\n") == NULL)
            continue;
        used = 0;
        if (SSL_write(ssl, OK_HELLO, (int)strlen(OK_HELLO)) <= 0)
            return;
    }
}

static tls_server *http1_server(const char *alpn)
{
    tls_server_options options = {
        .certificate_file = certificates_path(&made, "good.crt"),
        .key_file = certificates_path(&made, "good.key"),
        .alpn = (const unsigned char *)alpn,
        .alpn_length = alpn != NULL ? strlen(alpn) : 0,
        .serve = serve_http1,
    };
    return tls_server_start(&options);
}

static hh_client *lax_client(hh_switch http1, hh_switch http2)
{
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.tls.verify = HH_OFF;
    options.http1 = http1;
    options.http2 = http2;
    hh_client *client;
    assert_int_equal(hh_client_create(&options, &client), HH_OK);
    return client;
}

static void test_http1_fans_out(void **state)
{
    (void)state;
    enum { COUNT = 8 };
    tls_server *server = http1_server("\x08http/1.1");
    hh_client *client = lax_client(HH_DEFAULT, HH_DEFAULT);
    answer *got = calloc(COUNT, sizeof *got);
    char url[64];
    assert_non_null(got);
    snprintf(url, sizeof url, "https://127.0.0.1:%u/", tls_server_port(server));
    hh_request *request = whole_request(client, NULL, url);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < COUNT; i++)
            whole_submit(client, request, &got[i]);
        if (round == 0)
            assert_int_equal(whole_stats(client).connections_dialling, 1);
        whole_drain(client);
        for (size_t i = 0; i < COUNT; i++) {
            assert_answered(&got[i], 200, "hello");
            assert_int_equal(hh_response_version(got[i].response), 11);
            answer_clear(&got[i]);
            got[i] = (answer){.id = 0};
        }
    }
    assert_true(whole_stats(client).connections_opened > 1);
    free(got);
    hh_request_destroy(request);
    hh_client_destroy(client);
    assert_string_equal(tls_server_stop(server).last_alpn, "http/1.1");
}

static void test_what_is_not_offered(void **state)
{
    (void)state;
    static const struct {
        const char *alpn;
        hh_switch http1, http2;
        const char *part;
    } cases[] = {
        {NULL, HH_OFF, HH_ON, "doesn't offer HTTP/2 (it chose nothing), and http1 is off"},
        {"\x08http/1.1", HH_OFF, HH_ON, "doesn't offer HTTP/2, and http1 is off: turn it on"},
        {"\x02h2", HH_ON, HH_OFF, "doesn't offer HTTP/1.1, and http2 is off: turn it on"},
    };
    for (size_t i = 0; i < HH_COUNT_OF(cases); i++) {
        char url[64];
        answer got = {.id = 0};
        tls_server *server = http1_server(cases[i].alpn);
        hh_client *client = lax_client(cases[i].http1, cases[i].http2);
        snprintf(url, sizeof url, "https://127.0.0.1:%u/", tls_server_port(server));
        whole_get(client, url, &got);
        assert_failed(&got, HH_ERR_UNSUPPORTED_PROTOCOL, HH_PHASE_TLS, cases[i].part);
        answer_clear(&got);
        assert_int_equal(whole_stats(client).connections_open, 0);
        hh_client_destroy(client);
        tls_server_stop(server);
    }
}

static void test_options_that_make_no_sense(void **state)
{
    (void)state;
    static const struct {
        hh_client_options options;
        const char *part;
    } cases[] = {
        {{.size = sizeof(hh_client_options), .http1 = HH_OFF, .http2 = HH_OFF}, "both off"},
        {{.size = sizeof(hh_client_options), .http2 = HH_OFF, .http2_prior_knowledge = HH_ON},
         "http2 is off"},
        {{.size = sizeof(hh_client_options), .http2_keepalive_ms = -2}, "http2_keepalive_ms"},
    };
    for (size_t i = 0; i < HH_COUNT_OF(cases); i++) {
        hh_client *client;
        hh_error error;
        assert_int_equal(hh_client_create_error(&cases[i].options, &client, &error),
                         HH_ERR_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, cases[i].part));
    }
}

/* --- 421 and priorities ---------------------------------------------------------------------- */

#define MISDIRECTED "HTTP/1.1 421 Misdirected Request\r\nContent-Length: 4\r\n\r\nnope"

static void test_misdirected(void **state)
{
    (void)state;
    peer *server = peer_of_two(SCRIPT(READ, SEND(OK_HELLO), READ, SEND(MISDIRECTED), WAIT_CLOSE),
                               SCRIPT(READ, SEND(OK_HELLO), WAIT_CLOSE));
    hh_client *client = whole_client(NULL);
    answer got = {.id = 0};
    whole_get(client, peer_url(server, "/warm"), &got);
    answer_clear(&got);
    got = (answer){.id = 0};
    hh_request *request = whole_request(client, "POST", peer_url(server, "/x"));
    assert_int_equal(hh_request_set_body_copy(request, "body", 4), HH_OK);
    whole_submit(client, request, &got);
    whole_drain(client);
    assert_answered(&got, 200, "hello");
    assert_int_equal(hh_response_attempt_count(got.response), 2);
    assert_int_equal(hh_response_redirect_count(got.response), 0);
    assert_null(hh_response_previous(got.response));
    answer_clear(&got);
    assert_at_rest(client);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

/* On a connection of its own it is the answer; and after one more try it is, too. */
static void test_misdirected_for_good(void **state)
{
    (void)state;
    peer *server = peer_of_two(SCRIPT(READ, SEND(OK_HELLO), READ, SEND(MISDIRECTED), WAIT_CLOSE),
                               SCRIPT(READ, SEND(MISDIRECTED), WAIT_CLOSE));
    hh_client *client = whole_client(NULL);
    answer got = {.id = 0};
    whole_get(client, peer_url(server, "/warm"), &got);
    answer_clear(&got);
    got = (answer){.id = 0};
    whole_get(client, peer_url(server, "/x"), &got);
    assert_answered(&got, 421, "nope");
    assert_int_equal(hh_response_attempt_count(got.response), 2);
    answer_clear(&got);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_priority(void **state)
{
    (void)state;
    static const struct {
        unsigned urgency;
        hh_switch incremental;
        const char *own; /* a header of that name */
        const char *line;
    } cases[] = {
        {0, HH_OFF, NULL, "Priority: u=0\r\n"},     {1, HH_ON, NULL, "Priority: u=1, i\r\n"},
        {3, HH_ON, NULL, "Priority: i\r\n"},        {3, HH_OFF, NULL, NULL},
        {7, HH_DEFAULT, NULL, "Priority: u=7\r\n"}, {7, HH_ON, "u=2", "priority: u=2\r\n"},
    };
    for (size_t i = 0; i < HH_COUNT_OF(cases); i++) {
        peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO)));
        hh_client *client = whole_client(NULL);
        hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
        answer got = {.id = 0};
        assert_int_equal(hh_request_set_priority(request, 8, HH_ON), HH_ERR_INVALID_ARGUMENT);
        assert_int_equal(hh_request_set_priority(request, cases[i].urgency, cases[i].incremental),
                         HH_OK);
        if (cases[i].own != NULL)
            assert_int_equal(hh_request_set_header(request, "priority", cases[i].own), HH_OK);
        whole_submit(client, request, &got);
        whole_drain(client);
        assert_int_equal(hh_request_set_priority(request, 1, HH_ON), HH_ERR_STATE);
        char *seen = peer_received(server, 0);
        assert_int_equal(count_of(seen, "riority:"), cases[i].line != NULL);
        if (cases[i].line != NULL)
            assert_non_null(strstr(seen, cases[i].line));
        free(seen);
        answer_clear(&got);
        hh_request_destroy(request);
        hh_client_destroy(client);
        peer_stop(server);
    }
}

/* --- over HTTP/2 itself ---------------------------------------------------------------------- */

static int speak_http2(void **state)
{
    (void)state;
    return setenv("HH_TEST_PROTOCOL", "h2", 1);
}

static int speak_http1(void **state)
{
    (void)state;
    return unsetenv("HH_TEST_PROTOCOL");
}

typedef struct story {
    char text[4096];
    size_t length;
} story;

static void gather_trace(hh_client *client, const hh_event *event, answer *to)
{
    story *told = to->context;
    (void)client;
    if (event->type != HH_EVENT_TRACE || event->body.length > sizeof told->text - 2 - told->length)
        return;
    memcpy(told->text + told->length, event->body.data, event->body.length);
    told->length += event->body.length;
    told->text[told->length++] = '\n';
    told->text[told->length] = '\0';
}

static void get_traced(hh_client *client, const char *url, story *told)
{
    hh_request *request = whole_request(client, NULL, url);
    answer got = {.hook = gather_trace, .context = told};
    *told = (story){.length = 0};
    assert_int_equal(hh_request_set_trace(request, HH_ON), HH_OK);
    whole_submit(client, request, &got);
    whole_drain(client);
    assert_answered(&got, 200, "hello");
    assert_int_equal(hh_response_version(got.response), 20);
    answer_clear(&got);
    hh_request_destroy(request);
}

static void test_the_trace_tells_of_streams(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO), LOOP));
    hh_client *client = whole_client(NULL);
    story first, second;
    get_traced(client, peer_url(server, "/a"), &first);
    get_traced(client, peer_url(server, "/b"), &second);
    assert_non_null(strstr(first.text, "GET /a HTTP/2\r\n"));
    assert_null(strstr(first.text, "HTTP/1"));
    assert_non_null(strstr(first.text, "streams at once"));
    assert_non_null(strstr(first.text, "HTTP/2, stream 1\n"));
    assert_non_null(strstr(second.text, "HTTP/2, stream 3\n"));
    assert_null(strstr(second.text, "streams at once")); /* once is enough */
    hh_client_destroy(client);
    peer_stop(server);
}

/* Before its SETTINGS come the server is sent more than it allows. What it refuses goes out again,
 * POST or not, and nothing of that shows. */
static void test_what_is_refused_goes_out_again(void **state)
{
    (void)state;
    enum { COUNT = 30 };
    peer_allow_streams(2);
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO), LOOP));
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.max_connections_per_origin = 2;
    hh_client *client = whole_client(&options);
    answer *got = calloc(COUNT, sizeof *got);
    assert_non_null(got);
    hh_request *request = whole_request(client, "POST", peer_url(server, "/"));
    for (size_t i = 0; i < COUNT; i++)
        whole_submit(client, request, &got[i]);
    whole_drain(client);
    for (size_t i = 0; i < COUNT; i++) {
        assert_answered(&got[i], 200, "hello");
        answer_clear(&got[i]);
    }
    assert_true(whole_stats(client).connections_opened <= 2);
    assert_at_rest(client);
    free(got);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_dial_serves_all),
        cmocka_unit_test(test_the_dial_outlives_who_began_it),
        cmocka_unit_test(test_one_more_when_full_for_long),
        cmocka_unit_test(test_limit_is_remembered),
        cmocka_unit_test(test_a_slot_comes_first),
        cmocka_unit_test(test_no_more_than_the_cap),
        cmocka_unit_test(test_draining),
        cmocka_unit_test(test_fewer_slots_than_calls),
        cmocka_unit_test(test_a_fresh_one_is_dialled_beside_room),
        cmocka_unit_test(test_no_fresh_one_at_the_cap),
        cmocka_unit_test(test_a_failed_dial_takes_nobody_along),
        cmocka_unit_test(test_a_shared_connection_gives_way),
        WHOLE_HELD(test_each_waits_for_the_dial_by_its_own_time_out),
        WHOLE_HELD(test_a_dial_that_times_out_is_the_end_of_all),
        WHOLE_HELD(test_the_late_end_with_the_dial),
        cmocka_unit_test(test_http1_fans_out),
        cmocka_unit_test(test_what_is_not_offered),
        cmocka_unit_test(test_options_that_make_no_sense),
        cmocka_unit_test(test_misdirected),
        cmocka_unit_test(test_misdirected_for_good),
        cmocka_unit_test(test_priority),
        cmocka_unit_test_setup_teardown(test_the_trace_tells_of_streams, speak_http2, speak_http1),
        cmocka_unit_test_setup_teardown(test_what_is_refused_goes_out_again, speak_http2,
                                        speak_http1),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
