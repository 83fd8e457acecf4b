/*
 * attempt.c - see attempt.h. Everything that comes back is handed to the exchange (exchange.h).
 */
#include "client/attempt.h"

#include <assert.h>

#include "base/memory.h"
#include "client/exchange.h"

#define FREE_ATTEMPTS_MAX 1024

static hh_attempt *of_call(hh_call *call)
{
    return HH_CONTAINER_OF(call, hh_attempt, call);
}

static void on_information(hh_call *call, const hh_head *head)
{
    hh_attempt *attempt = of_call(call);
    hh__exchange_on_information(attempt->exchange, head);
}

static hh_flow on_head(hh_call *call, const hh_head *head)
{
    hh_attempt *attempt = of_call(call);
    return hh__exchange_on_head(attempt->exchange, attempt, head);
}

static hh_flow on_body(hh_call *call, hh_slice data, hh_buf *buf)
{
    hh_attempt *attempt = of_call(call);
    return hh__exchange_on_body(attempt->exchange, attempt, data, buf);
}

static size_t place(hh_call *call, uint64_t remaining, char **where)
{
    hh_attempt *attempt = of_call(call);
    if (attempt->state != HH_ATTEMPT_ANSWERING)
        return 0;
    return hh__exchange_place(attempt->exchange, remaining, where);
}

static hh_flow on_placed(hh_call *call, size_t count)
{
    hh_attempt *attempt = of_call(call);
    return hh__exchange_on_placed(attempt->exchange, count);
}

static void on_want_body(hh_call *call)
{
    hh__exchange_on_want_body(of_call(call)->exchange);
}

static void on_done(hh_call *call, const hh_fields *trailers, hh_slice trailer_text)
{
    hh_attempt *attempt = of_call(call);
    hh_attempt_state state = attempt->state;
    hh__attempt_enter(attempt, HH_ATTEMPT_ENDED);
    hh__exchange_on_done(attempt->exchange, attempt, state, trailers, trailer_text);
}

static void on_failed(hh_call *call, const hh_error *error)
{
    hh_attempt *attempt = of_call(call);
    attempt->has_room = hh__pooled_has_room(attempt->pooled);
    hh_attempt_state state = attempt->state;
    hh__attempt_enter(attempt, HH_ATTEMPT_ENDED);
    hh__exchange_on_failed(attempt->exchange, attempt, state, error);
}

static const hh_call_ops call_ops = {
    .on_information = on_information,
    .on_head = on_head,
    .on_body = on_body,
    .place = place,
    .on_placed = on_placed,
    .on_want_body = on_want_body,
    .on_done = on_done,
    .on_failed = on_failed,
};

void hh__attempt_enter(hh_attempt *attempt, hh_attempt_state state)
{
    assert(attempt->state != HH_ATTEMPT_ENDED);
    assert(state == HH_ATTEMPT_ENDED || attempt->state == HH_ATTEMPT_SENT);
    attempt->state = state;
    if (state == HH_ATTEMPT_ENDED)
        attempt->pooled = NULL; /* the connection has gone back to the pool by itself */
}

hh_attempt *hh__attempt_start(hh_attempt_store *store, hh_exchange *exchange, hh_wire *wire,
                              hh_pooled *pooled, const hh_attempt_timeouts *timeouts)
{
    bool is_h2 = pooled->conn->protocol == HH_PROTOCOL_HTTP2;
    if (is_h2 && hh__wire_prepare_h2(wire) != HH_OK)
        return NULL;
    hh_attempt *attempt = store->free_attempts;
    if (attempt != NULL) {
        store->free_attempts = attempt->next_free;
        store->count--;
    } else {
        attempt = hh__malloc(sizeof *attempt);
        if (attempt == NULL)
            return NULL;
    }
    const hh_request *request = hh__exchange_request(exchange);
    *attempt = (hh_attempt){
        .call = {.ops = &call_ops,
                 .owner = exchange,
                 .head = wire->head,
                 .h2_request = is_h2 ? wire->h2 : NULL,
                 .body = wire->body_kind == HH_BODY_MEMORY ? request->body : (hh_slice){NULL, 0},
                 .body_kind = wire->body_kind,
                 .body_length = request->body_length,
                 .request_kind = wire->kind,
                 .expect = wire->expect,
                 .reuse = wire->reuse,
                 .read_timeout_ns = timeouts->read_ns,
                 .write_timeout_ns = timeouts->write_ns},
        .exchange = exchange,
        .pooled = pooled,
        .wire = hh__wire_ref(wire),
        .is_reused = pooled->conn->served > 0,
        .had_idled = pooled->has_idled || pooled->conn->served > 0,
        .is_shared = pooled->lent > 1,
    };
    if (!attempt->is_reused)
        attempt->story = pooled->story;
    hh__conn_start(pooled->conn, &attempt->call);
    return attempt;
}

void hh__attempt_destroy(hh_attempt_store *store, hh_attempt *attempt)
{
    if (attempt->state != HH_ATTEMPT_ENDED) {
        hh_conn *conn = attempt->pooled->conn;
        hh__attempt_enter(attempt, HH_ATTEMPT_ENDED);
        hh__conn_cancel(conn, &attempt->call);
    }
    hh__wire_unref(attempt->wire);
    if (store->count >= FREE_ATTEMPTS_MAX) {
        hh__free(attempt);
        return;
    }
    attempt->next_free = store->free_attempts;
    store->free_attempts = attempt;
    store->count++;
}

void hh__attempt_store_finish(hh_attempt_store *store)
{
    while (store->free_attempts != NULL) {
        hh_attempt *attempt = store->free_attempts;
        store->free_attempts = attempt->next_free;
        hh__free(attempt);
    }
    store->count = 0;
}

static uint64_t span(int64_t from_ns, int64_t to_ns)
{
    return from_ns != 0 && to_ns > from_ns ? (uint64_t)(to_ns - from_ns) : 0;
}

void hh__attempt_timings(const hh_attempt *attempt, int64_t now_ns, hh_timings *timings)
{
    const hh_call *call = &attempt->call;
    timings->resolve_ns += (uint64_t)attempt->story.resolve_ns;
    timings->connect_ns += (uint64_t)attempt->story.connect_ns;
    timings->tls_ns += (uint64_t)attempt->story.tls_ns;
    timings->send_ns += span(call->started_ns, call->sent_ns);
    timings->wait_ns += span(call->sent_ns, call->first_byte_ns);
    timings->receive_ns += span(call->first_byte_ns, now_ns);
}
