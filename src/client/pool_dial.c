/*
 * pool_dial.c - opening connections for waiters.
 *
 * A dial is made for one waiter and bound to it. When its waiter has been served otherwise it takes
 * the next one, or goes on as a spare: its connection will be of use. When it fails, its waiter
 * fails with it, and no other but those who depended on it for as long as they may.
 */
#include <assert.h>
#include <string.h>

#include "base/failure.h"
#include "base/memory.h"
#include "client/pool_internal.h"
#include "conn/h1.h"
#include "conn/h2.h"

/* RFC 7301 §3.1, RFC 9113 §3.2: what is offered, the most wanted first. */
static const char *const alpn_lists[] = {
    [HH_PROTOCOLS_HTTP1] = "\x08http/1.1",
    [HH_PROTOCOLS_HTTP2] = "\x02h2",
    [HH_PROTOCOLS_BOTH] = "\x02h2\x08http/1.1",
};

static void unlist_spare(hh_pool_dial *dial)
{
    if (!hh__link_is_listed(&dial->link))
        return;
    hh__list_remove(&dial->link);
    hh__list_remove(&dial->pool_link);
    dial->pool->spare_count--;
}

static void list_spare(hh_pool_dial *dial)
{
    hh__list_push_back(&dial->origin->spare, &dial->link);
    hh__list_push_back(&dial->pool->spares, &dial->pool_link);
    dial->pool->spare_count++;
}

static void attach(hh_pool_dial *dial, hh_waiter *waiter)
{
    assert(dial->waiter == NULL && waiter->dial == NULL);
    unlist_spare(dial);
    hh__list_remove(&waiter->link);
    dial->waiter = waiter;
    waiter->dial = dial;
    hh__list_push_back(&dial->origin->bound, &waiter->link);
}

/* A dial begun for somebody else counts its time anew, by the time-out of who waits now. Without
 * memory for that the time-out of before stands. */
void hh__pool_inherit(hh_pool_dial *dial, hh_waiter *waiter)
{
    attach(dial, waiter);
    hh__dial_bound(dial->dial, hh__waiter_dial_deadline(waiter));
}

void hh__pool_unbind(hh_waiter *waiter)
{
    hh_pool_dial *dial = waiter->dial;
    hh_origin *origin = waiter->origin;
    hh__list_remove(&waiter->link);
    origin->pool->waiting--;
    waiter->dial = NULL;
    if (dial != NULL) {
        hh_link *next = hh__list_first(&origin->unbound);
        dial->waiter = NULL;
        list_spare(dial);
        if (next != NULL && hh__waiter_inherits(HH_CONTAINER_OF(next, hh_waiter, link)))
            hh__pool_inherit(dial, HH_CONTAINER_OF(next, hh_waiter, link));
    }
    if (hh__list_is_empty(&origin->unbound)) {
        hh__list_remove(&origin->starved_link);
        hh__timer_unset(&origin->growth);
    }
}

/* Takes a dial off the books; its waiter must have been told or taken. */
static void forget_dial(hh_pool_dial *dial)
{
    unlist_spare(dial);
    dial->pool->dialling--;
    dial->origin->dialling--;
    hh__free(dial);
}

static void release_place(hh_pool_dial *dial)
{
    dial->pool->open--;
    dial->origin->open--;
    hh__free(dial->pooled);
}

void hh__pool_drop_dial(hh_pool_dial *dial)
{
    assert(dial->waiter == NULL);
    hh__dial_cancel(dial->dial);
    release_place(dial);
    forget_dial(dial);
}

static void copy_story(hh_dial_story *story, const hh_dial_result *result)
{
    story->resolve_ns = result->resolve_ns;
    story->connect_ns = result->connect_ns;
    story->tls_ns = result->tls_ns;
    story->is_tls = result->is_tls;
    story->is_resumed = result->is_resumed;
    memcpy(story->tls_version, result->tls_version, sizeof story->tls_version);
    memcpy(story->tls_cipher, result->tls_cipher, sizeof story->tls_cipher - 1);
}

/* No version of HTTP in common: says which one is off here. */
static void explain_refusal(const hh_origin *origin, hh_error *error)
{
    unsigned long tls_error = error->tls_error;
    if (error->code != HH_ERR_UNSUPPORTED_PROTOCOL || origin->protocols == HH_PROTOCOLS_BOTH)
        return;
    bool is_h2 = origin->protocols == HH_PROTOCOLS_HTTP2;
    hh__fail(error, HH_ERR_UNSUPPORTED_PROTOCOL, HH_PHASE_TLS,
             "%.*s:%u doesn't offer %s, and %s is off: turn it on", HH_SLICE_ARGS(origin->host),
             origin->port, is_h2 ? "HTTP/2" : "HTTP/1.1", is_h2 ? "http1" : "http2");
    error->tls_error = tls_error;
}

static void note_end(hh_origin *origin, hh_dialled outcome)
{
    origin->last_dial.ended_ns = hh__loop_now(origin->pool->env->loop);
    origin->last_dial.outcome = outcome;
}

static void fail_dial(hh_pool_dial *dial, const hh_error *error)
{
    hh_pool *pool = dial->pool;
    hh_origin *origin = dial->origin;
    hh_waiter *waiter = dial->waiter;
    bool was_for_all = hh__origin_shares(origin) && hh__origin_usable(origin) == 0;
    release_place(dial);
    if (waiter != NULL) {
        waiter->dial = NULL;
        hh__list_remove(&waiter->link);
        pool->waiting--;
    }
    forget_dial(dial);
    note_end(origin, HH_DIALLED_IN_VAIN);
    if (waiter != NULL)
        waiter->on_failed(waiter, error);
    if (was_for_all && error->code == HH_ERR_TIMEOUT_CONNECT)
        hh__pool_fail_late(origin, error);
    if (was_for_all)
        origin->is_fanned = true;
    hh__pool_pump_starved(pool);
    hh__pool_pump(pool, origin);
    hh__pool_rest(origin);
}

/* What is spoken on a connection: as ALPN says; without TLS what is known beforehand. A server that
 * chooses nothing speaks HTTP/1 (RFC 9112 §9.7). */
static hh_protocol chosen(const hh_origin *origin, const hh_dial_result *result)
{
    bool is_h2 =
        result->is_tls ? strcmp(result->alpn, "h2") == 0 : origin->protocols == HH_PROTOCOLS_HTTP2;
    return is_h2 ? HH_PROTOCOL_HTTP2 : HH_PROTOCOL_HTTP1;
}

/* Makes a connection of the dialled stream. On failure the stream is closed and `error` filled. */
static hh_status make_conn(hh_pool_dial *dial, const hh_dial_result *result, hh_error *error)
{
    hh_conn_env *env = dial->pool->env;
    hh_origin *origin = dial->origin;
    hh_pooled *pooled = dial->pooled;
    hh_protocol protocol = chosen(origin, result);
    hh_status status;
    if (protocol == HH_PROTOCOL_HTTP1 && origin->protocols == HH_PROTOCOLS_HTTP2) {
        status =
            hh__fail(error, HH_ERR_UNSUPPORTED_PROTOCOL, HH_PHASE_TLS,
                     "%.*s:%u doesn't offer HTTP/2 (it chose %s), and http1 is off: turn it on",
                     HH_SLICE_ARGS(origin->host), origin->port,
                     result->alpn[0] != '\0' ? result->alpn : "nothing");
    } else {
        status = protocol == HH_PROTOCOL_HTTP2
                     ? hh__h2_create(env, result->stream, result->remote, &hh__pool_keeper, pooled,
                                     &pooled->conn)
                     : hh__h1_create(env, result->stream, result->remote, &hh__pool_keeper, pooled,
                                     &pooled->conn);
        if (status != HH_OK)
            hh__fail(error, status, HH_PHASE_CONNECT, "no memory for a connection to %s",
                     result->remote);
    }
    if (status != HH_OK)
        hh__stream_close(result->stream, HH_CLOSE_ABORT);
    return status;
}

static void note_success(hh_origin *origin, const hh_pooled *pooled)
{
    const hh_dial_story *story = &pooled->story;
    bool is_h2 = pooled->conn->protocol == HH_PROTOCOL_HTTP2;
    origin->spoken = is_h2 ? HH_SPOKEN_HTTP2 : HH_SPOKEN_HTTP1;
    origin->last_dial.took_ns = story->resolve_ns + story->connect_ns + story->tls_ns;
    origin->is_fanned = false;
    origin->lone_since_ns = 0;
    note_end(origin, HH_DIALLED_WELL);
}

/* Until the server's own word comes it is taken to allow no more than last time: what is too much
 * for it would be refused. */
static void expect_streams(const hh_origin *origin, hh_conn *conn)
{
    if (origin->streams != 0 && origin->streams < conn->capacity)
        conn->capacity = origin->streams;
}

/* Dials that were begun for nobody, or whose waiters a shared connection has served, while it has
 * room: nobody needs more of them. */
static void drop_surplus(hh_origin *origin)
{
    if (!hh__origin_shares(origin))
        return;
    for (hh_link *link; (link = hh__list_first(&origin->spare)) != NULL &&
                        (origin->idle_count > 0 || !hh__list_is_empty(&origin->roomy));)
        hh__pool_drop_dial(HH_CONTAINER_OF(link, hh_pool_dial, link));
    hh__pool_pump_starved(origin->pool);
}

static void on_dial_done(void *owner, hh_dial_result *result)
{
    hh_pool_dial *dial = owner;
    hh_pool *pool = dial->pool;
    hh_origin *origin = dial->origin;
    hh_pooled *pooled = dial->pooled;
    hh_error error;
    if (result->stream == NULL) {
        explain_refusal(origin, &result->error);
        fail_dial(dial, &result->error);
        return;
    }
    if (make_conn(dial, result, &error) != HH_OK) {
        fail_dial(dial, &error);
        return;
    }
    copy_story(&pooled->story, result);
    note_success(origin, pooled);
    expect_streams(origin, pooled->conn);
    pool->stats.opened++;
    pool->stats.tls_handshakes += result->is_tls;
    pool->stats.tls_resumptions += result->is_resumed;
    /* Its waiter goes back to the front of the line; the offer serves the oldest. */
    hh_waiter *waiter = dial->waiter;
    if (waiter != NULL) {
        hh__list_remove(&waiter->link);
        waiter->dial = NULL;
        hh__list_push_front(&origin->unbound, &waiter->link);
    }
    forget_dial(dial);
    pooled->lent = 1; /* by the dial, which gives it back at once */
    hh__pool_offer(pooled);
    hh__pool_pump(pool, origin);
    drop_surplus(origin);
}

static hh_status start(hh_pool_dial *dial, const hh_waiter *waiter)
{
    hh_pool *pool = dial->pool;
    const hh_origin *origin = dial->origin;
    const char *alpn = origin->is_secure ? alpn_lists[origin->protocols] : NULL;
    hh_dial_target target = {
        .host = origin->host,
        .port = origin->port,
        .unix_path = pool->limits.unix_path,
        .local_address = pool->limits.local_address,
        .addresses = waiter->addresses,
        .address_count = waiter->address_count,
        .tls = origin->is_secure ? pool->tls : NULL,
        .sessions = origin->sessions,
        .alpn = (const unsigned char *)alpn,
        .alpn_length = alpn != NULL ? strlen(alpn) : 0,
        .deadline_ns = hh__waiter_dial_deadline(waiter),
    };
    return hh__dial_start(pool->env->loop, pool->resolver, &target, dial, on_dial_done,
                          &dial->dial);
}

/* Begins to dial as `waiter` wants it, for nobody yet. */
static hh_status begin(hh_pool *pool, const hh_waiter *waiter, hh_pool_dial **out)
{
    hh_origin *origin = waiter->origin;
    hh_pool_dial *dial = hh__calloc(1, sizeof *dial);
    hh_pooled *pooled = hh__calloc(1, sizeof *pooled);
    hh_status status = HH_ERR_NO_MEMORY;
    if (dial != NULL && pooled != NULL) {
        pooled->pool = pool;
        pooled->origin = origin;
        dial->pool = pool;
        dial->origin = origin;
        dial->pooled = pooled;
        status = start(dial, waiter);
    }
    if (status != HH_OK) {
        hh__free(dial);
        hh__free(pooled);
        return status;
    }
    pool->dialling++;
    pool->open++;
    origin->dialling++;
    origin->open++;
    *out = dial;
    return HH_OK;
}

void hh__pool_dial_for(hh_pool *pool, hh_waiter *waiter)
{
    hh_origin *origin = waiter->origin;
    hh_pool_dial *dial;
    hh_status status = begin(pool, waiter, &dial);
    if (status == HH_OK) {
        attach(dial, waiter);
        return;
    }
    hh__list_remove(&waiter->link);
    pool->waiting--;
    hh__pool_rest(origin);
    hh_error error;
    hh__fail(&error, status, HH_PHASE_CONNECT, "can't start to connect to %.*s:%u",
             HH_SLICE_ARGS(origin->host), origin->port);
    waiter->on_failed(waiter, &error);
}

void hh__pool_dial_more(hh_pool *pool, const hh_waiter *waiter)
{
    hh_pool_dial *dial;
    if (begin(pool, waiter, &dial) == HH_OK)
        list_spare(dial);
    else
        note_end(waiter->origin, HH_DIALLED_IN_VAIN); /* there are connections: later, then */
}
