/*
 * exchange.c - the life of an exchange: waiting for a place, attempts, the end. States in
 * exchange.h, deadlines in exchange_deadline.c.
 */
#include "client/exchange.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/failure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "client/client.h"
#include "policy/replay.h"

#define BIT(state) (1u << (state))

/* From which states each state may be entered. */
static const unsigned allowed_from[] = {
    [HH_EXCHANGE_NEW] = 0,
    [HH_EXCHANGE_QUEUED] = BIT(HH_EXCHANGE_NEW) | BIT(HH_EXCHANGE_ACTIVE) | BIT(HH_EXCHANGE_ASKING),
    [HH_EXCHANGE_ACTIVE] = BIT(HH_EXCHANGE_NEW) | BIT(HH_EXCHANGE_QUEUED) |
                           BIT(HH_EXCHANGE_ACTIVE) | BIT(HH_EXCHANGE_ASKING),
    [HH_EXCHANGE_ASKING] = BIT(HH_EXCHANGE_NEW) | BIT(HH_EXCHANGE_ACTIVE),
    [HH_EXCHANGE_COMMITTED] = BIT(HH_EXCHANGE_ACTIVE) | BIT(HH_EXCHANGE_ASKING),
    [HH_EXCHANGE_FINISHED] = BIT(HH_EXCHANGE_NEW) | BIT(HH_EXCHANGE_QUEUED) |
                             BIT(HH_EXCHANGE_ACTIVE) | BIT(HH_EXCHANGE_ASKING) |
                             BIT(HH_EXCHANGE_COMMITTED),
};

void hh__exchange_enter(hh_exchange *exchange, hh_exchange_state state)
{
    assert((allowed_from[state] & BIT(exchange->state)) != 0);
    assert(state != HH_EXCHANGE_COMMITTED ||
           (exchange->winner != NULL && exchange->response != NULL));
    assert(state != HH_EXCHANGE_QUEUED || exchange->attempts[0] == NULL);
    exchange->state = (uint8_t)state;
}

const hh_request *hh__exchange_request(const hh_exchange *exchange)
{
    return exchange->request;
}

hh_attempt *hh__exchange_current(const hh_exchange *exchange)
{
    for (size_t i = HH_EXCHANGE_ATTEMPTS_MAX; i-- > 0;) {
        hh_attempt *attempt = exchange->attempts[i];
        if (attempt != NULL && attempt->state != HH_ATTEMPT_DRAINING &&
            attempt->state != HH_ATTEMPT_ENDED)
            return attempt;
    }
    return NULL;
}

hh_shown_url hh__exchange_show_url(const hh_exchange *exchange)
{
    hh_shown_url shown;
    static const char cut[] = "...";
    hh_slice url = hh_url_text(exchange->wire->url); /* ASCII, so it may be cut anywhere */
    bool is_long = url.length >= HH_URL_SHOWN_BYTES;
    size_t length = is_long ? HH_URL_SHOWN_BYTES - sizeof cut : url.length;
    memcpy(shown.text, url.data, length);
    memcpy(shown.text + length, is_long ? cut : "", is_long ? sizeof cut : 1);
    return shown;
}

void hh__exchange_fail(hh_exchange *exchange, hh_status code, hh_phase phase, const char *format,
                       ...)
{
    hh_error error;
    char text[HH_ERROR_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    hh__fail(&error, code, phase, "%s", text);
    const hh_attempt *attempt = hh__exchange_current(exchange);
    if (attempt != NULL)
        error.processed = attempt->call.received_bytes > 0 ? HH_PROCESSED_YES
                          : attempt->call.sent_bytes > 0   ? HH_PROCESSED_MAYBE
                                                           : HH_PROCESSED_NO;
    hh__exchange_finish(exchange, &error);
}

/* --- waiting for a place --------------------------------------------------------------------- */

static void on_lent(hh_waiter *waiter, hh_pooled *pooled)
{
    hh__exchange_launch(HH_CONTAINER_OF(waiter, hh_exchange, waiter), pooled);
}

static void on_wait_failed(hh_waiter *waiter, const hh_error *error)
{
    hh__exchange_finish(HH_CONTAINER_OF(waiter, hh_exchange, waiter), error);
}

/* Its own dial keeps its time itself. */
static void expect_connection(hh_exchange *exchange)
{
    const hh_waiter *waiter = &exchange->waiter;
    exchange->connect_check_ns = 0;
    if (waiter->dial == NULL && waiter->connect_timeout_ns != 0 && hh__waiter_may_share(waiter)) {
        exchange->connect_check_ns = waiter->queued_ns + waiter->connect_timeout_ns;
        hh__exchange_set_timer(exchange);
    }
}

static void wait_for_place(hh_exchange *exchange, hh_origin *origin)
{
    hh_client *client = exchange->client;
    hh_timeouts timeouts = hh__exchange_timeouts(exchange);
    hh__exchange_enter(exchange, HH_EXCHANGE_QUEUED);
    exchange->waiter.connect_timeout_ns = hh__timeout_ns(timeouts.connect_ms);
    exchange->waiter.prefers_fresh = exchange->wants_fresh;
    exchange->waiter.came_ns = exchange->refusals > 0 ? exchange->started_ns : 0;
    exchange->waiter.addresses = exchange->addresses;
    exchange->waiter.address_count = exchange->address_count;
    exchange->waiter.on_lent = on_lent;
    exchange->waiter.on_failed = on_wait_failed;
    int64_t pool_ns = hh__timeout_ns(timeouts.pool_ms);
    if (pool_ns != 0) {
        hh__exchange_bound_wait(exchange, pool_ns);
        if (exchange->state == HH_EXCHANGE_FINISHED)
            return;
    }
    hh__pool_wait(&client->pool, origin, &exchange->waiter);
    if (exchange->state == HH_EXCHANGE_QUEUED)
        expect_connection(exchange);
}

/* The connect time-out bounds resolving, whoever does it. */
static void ask_resolve(hh_exchange *exchange)
{
    int64_t connect_ns = hh__timeout_ns(hh__exchange_timeouts(exchange).connect_ms);
    hh__exchange_ask_resolve(exchange);
    if (exchange->state == HH_EXCHANGE_ASKING && connect_ns != 0)
        hh__exchange_bound_wait(exchange, connect_ns);
}

static hh_status find_origin(hh_exchange *exchange, hh_origin **origin)
{
    const hh_wire *wire = exchange->wire;
    hh_pool_target target = {
        .key = wire->key,
        .host = hh_url_host(wire->url),
        .port = hh_url_port(wire->url),
        .is_secure = hh__url_is_secure(wire->url),
    };
    return hh__pool_origin(&exchange->client->pool, &target, &exchange->wire->hint, origin);
}

void hh__exchange_seek(hh_exchange *exchange)
{
    hh_pool *pool = &exchange->client->pool;
    hh_origin *origin;
    if (exchange->attempt_count >= HH_ATTEMPTS_MAX) {
        hh__exchange_fail(exchange, HH_ERR_LIMIT, HH_PHASE_QUEUE, "more than %d attempts",
                          HH_ATTEMPTS_MAX);
        return;
    }
    if (find_origin(exchange, &origin) != HH_OK) {
        hh__exchange_fail(exchange, HH_ERR_NO_MEMORY, HH_PHASE_QUEUE, "no memory for an origin");
        return;
    }
    if (exchange->wants_fresh && exchange->replays > 0)
        hh__pool_distrust(pool, origin);
    hh_pooled *pooled = exchange->wants_fresh ? NULL : hh__pool_take(pool, origin);
    if (pooled != NULL)
        hh__exchange_launch(exchange, pooled);
    else if ((exchange->request->questions & HH_ASK_RESOLVE) != 0 && !exchange->was_asked_resolve)
        ask_resolve(exchange);
    else
        wait_for_place(exchange, origin);
}

void hh__exchange_begin(hh_exchange *exchange)
{
    hh_timeouts timeouts = hh__exchange_timeouts(exchange);
    int64_t total_ns = hh__timeout_ns(timeouts.total_ms);
    exchange->timer.on_due = hh__exchange_on_due;
    exchange->started_ns = exchange->hop_ns = hh__loop_now(exchange->client->loop);
    if (total_ns != 0) {
        exchange->total_due_ns = exchange->started_ns + total_ns;
        hh__exchange_set_timer(exchange);
        if (exchange->state == HH_EXCHANGE_FINISHED)
            return;
    }
    hh__exchange_seek(exchange);
}

/* --- attempts -------------------------------------------------------------------------------- */

void hh__exchange_launch(hh_exchange *exchange, hh_pooled *pooled)
{
    hh_client *client = exchange->client;
    hh_timeouts timeouts = hh__exchange_timeouts(exchange);
    hh_attempt_timeouts wire_timeouts = {
        .read_ns = hh__timeout_ns(timeouts.read_ms),
        .write_ns = hh__timeout_ns(timeouts.write_ms),
    };
    size_t place = exchange->attempts[0] == NULL ? 0 : 1;
    assert(exchange->attempts[place] == NULL);
    hh__exchange_enter(exchange, HH_EXCHANGE_ACTIVE);
    hh_attempt *attempt =
        hh__attempt_start(&client->attempts, exchange, exchange->wire, pooled, &wire_timeouts);
    if (attempt == NULL) {
        hh__exchange_fail(exchange, HH_ERR_NO_MEMORY, HH_PHASE_SEND, "no memory for an attempt");
        hh__pool_give_back(pooled);
        return;
    }
    exchange->attempts[place] = attempt;
    exchange->attempt_count++;
    client->stats.attempts++;
    exchange->wants_fresh = false;
    exchange->is_push_welcome = false;
    exchange->is_paused = false;
    if (exchange->request->has_trace)
        hh__exchange_trace_launch(exchange, attempt);
}

void hh__exchange_drop_attempt(hh_exchange *exchange, hh_attempt *attempt)
{
    for (size_t i = 0; i < HH_EXCHANGE_ATTEMPTS_MAX; i++)
        if (exchange->attempts[i] == attempt)
            exchange->attempts[i] = NULL;
    if (exchange->attempts[0] == NULL) {
        exchange->attempts[0] = exchange->attempts[1];
        exchange->attempts[1] = NULL;
    }
    if (exchange->winner == attempt)
        exchange->winner = NULL;
    hh__attempt_destroy(&exchange->client->attempts, attempt);
}

static hh_replay_connection connection_of(const hh_attempt *attempt)
{
    if (attempt->call.h2_request != NULL)
        return HH_REPLAY_CONNECTION_SHARED;
    return attempt->had_idled ? HH_REPLAY_CONNECTION_REUSED : HH_REPLAY_CONNECTION_FRESH;
}

static hh_replay decide_replay(const hh_exchange *exchange, const hh_attempt *attempt,
                               const hh_error *error)
{
    const hh_call *call = &attempt->call;
    bool is_spent = call->pushed_bytes > 0 && exchange->request->rewind == HH_REWIND_IMPOSSIBLE;
    hh_replay_input input = {
        .failure = error->code,
        .http2_error = error->http2_error,
        .method = attempt->wire->method,
        .connection = connection_of(attempt),
        .room = attempt->has_room ? HH_REPLAY_ROOM_FREE : HH_REPLAY_ROOM_NONE,
        .answer = call->received_bytes > 0 ? HH_REPLAY_ANSWER_BEGUN : HH_REPLAY_ANSWER_NONE,
        .sent_bytes = call->sent_bytes,
        .body = is_spent ? HH_REPLAY_BODY_SPENT : HH_REPLAY_BODY_READY,
        .replays = exchange->replays,
        .refusals = exchange->refusals,
    };
    return hh__decide_replay(&input);
}

/* Sends once more what died with `error` on an attempt that is gone. */
static void replay(hh_exchange *exchange, const hh_error *error, hh_replay verdict)
{
    if (error->processed > (hh_processed)exchange->processed)
        exchange->processed = (uint8_t)error->processed;
    exchange->wants_fresh = verdict == HH_REPLAY_YES;
    exchange->client->stats.replays++;
    if (error->code == HH_ERR_REFUSED) {
        exchange->refusals++;
        hh__exchange_trace(exchange, "turned away unprocessed: sending once more%s",
                           exchange->wants_fresh ? " on a fresh connection" : "");
    } else {
        exchange->replays++;
        hh__exchange_trace(exchange, "%s; sending once more on a fresh connection", error->message);
    }
    hh__exchange_seek(exchange);
}

void hh__exchange_on_failed(hh_exchange *exchange, hh_attempt *attempt, hh_attempt_state was,
                            const hh_error *error)
{
    const hh_error copy = *error; /* it may lie in what is dropped */
    hh_replay verdict = HH_REPLAY_NO;
    if (was == HH_ATTEMPT_DRAINING) {
        hh__exchange_drop_attempt(exchange, attempt);
        hh__exchange_follow(exchange); /* the redirect was understood: its body doesn't matter */
        return;
    }
    if (was == HH_ATTEMPT_SENT && exchange->attempts[1] != NULL) {
        hh__exchange_drop_attempt(exchange, attempt); /* the other one goes on */
        return;
    }
    if (was == HH_ATTEMPT_SENT)
        verdict = decide_replay(exchange, attempt, &copy);
    if (verdict != HH_REPLAY_NO) {
        hh__exchange_drop_attempt(exchange, attempt);
        replay(exchange, &copy, verdict);
        return;
    }
    hh__exchange_finish(exchange, &copy);
}

/* --- the end --------------------------------------------------------------------------------- */

static void fill_response(hh_exchange *exchange)
{
    hh_response *response = exchange->response;
    int64_t now = hh__loop_now(exchange->client->loop);
    hh_timings *timings = &response->timings;
    for (size_t i = 0; i < HH_EXCHANGE_ATTEMPTS_MAX; i++)
        if (exchange->attempts[i] != NULL)
            hh__attempt_timings(exchange->attempts[i], now, timings);
    timings->total_ns = (uint64_t)(now - exchange->started_ns);
    timings->redirect_ns = (uint64_t)(exchange->hop_ns - exchange->started_ns);
    uint64_t known = timings->redirect_ns + timings->resolve_ns + timings->connect_ns +
                     timings->tls_ns + timings->send_ns + timings->wait_ns + timings->receive_ns;
    timings->queue_ns = timings->total_ns > known ? timings->total_ns - known : 0;
    response->attempt_count = exchange->attempt_count;
    response->redirect_count = exchange->redirects;
}

/* A failure without memory for its own sentence still has one. */
static const hh_error no_memory_error = {
    .code = HH_ERR_NO_MEMORY,
    .category = HH_CATEGORY_FATAL,
    .processed = HH_PROCESSED_MAYBE,
    .message = "out of memory",
};

static const hh_error *keep_error(hh_exchange *exchange, const hh_error *error)
{
    exchange->error = hh__malloc(sizeof *exchange->error);
    if (exchange->error == NULL)
        return &no_memory_error;
    *exchange->error = *error;
    /* A later attempt that never left takes nothing back of what an earlier one did. */
    if (exchange->error->processed < (hh_processed)exchange->processed)
        exchange->error->processed = (hh_processed)exchange->processed;
    return exchange->error;
}

static void release_means(hh_exchange *exchange)
{
    hh_client *client = exchange->client;
    hh__pool_abandon(&client->pool, &exchange->waiter);
    while (exchange->attempts[0] != NULL)
        hh__exchange_drop_attempt(exchange, exchange->attempts[0]);
    hh__timer_unset(&exchange->timer); /* it stays in the heap, for the next that is made of this */
    hh__list_remove(&exchange->ready_link);
    hh__decoder_destroy(exchange->decoder);
    exchange->decoder = NULL;
    hh__buf_release(&client->buffers, exchange->pending_buf);
    exchange->pending_buf = NULL;
    hh__wire_unref(exchange->next_wire);
    exchange->next_wire = NULL;
}

void hh__exchange_finish(hh_exchange *exchange, const hh_error *error)
{
    hh_client *client = exchange->client;
    hh_response *response = exchange->response;
    if (response != NULL)
        fill_response(exchange);
    hh__exchange_enter(exchange, HH_EXCHANGE_FINISHED);
    if (error != NULL)
        error = keep_error(exchange, error);
    release_means(exchange);
    if (response != NULL && response->previous == NULL) {
        response->previous = exchange->history;
        exchange->history = NULL;
    }
    exchange->response = NULL;
    client->in_flight--;
    if (error == NULL)
        client->stats.exchanges_done++;
    else
        client->stats.exchanges_failed++;

    if (exchange->mailbox != NULL) {
        hh__mailbox_deliver(client, exchange, response, error);
        return;
    }
    hh_event_node *node = &exchange->terminal;
    node->home = HH_NODE_IN_EXCHANGE;
    node->event = (hh_event){
        .type = error == NULL ? HH_EVENT_DONE : HH_EVENT_ERROR,
        .id = exchange->id,
        .tag = exchange->tag,
        .response = response,
        .error = error,
    };
    hh__client_emit(exchange, node);
}

/* --- memory ---------------------------------------------------------------------------------- */

#define FREE_EXCHANGES_MAX 1024

hh_exchange *hh__exchange_create(hh_client *client)
{
    hh_exchange_store *store = &client->exchanges;
    hh_exchange *exchange = store->free_exchanges;
    if (exchange != NULL) {
        hh_timer timer = exchange->timer; /* may still lie in the heap */
        store->free_exchanges = exchange->next_free;
        store->count--;
        *exchange = (hh_exchange){.timer = timer};
    } else {
        exchange = hh__calloc(1, sizeof *exchange);
        if (exchange == NULL)
            return NULL;
    }
    exchange->client = client;
    return exchange;
}

void hh__exchange_destroy(hh_exchange *exchange)
{
    hh_exchange_store *store = &exchange->client->exchanges;
    assert(!hh__link_is_listed(&exchange->ready_link) &&
           !hh__link_is_listed(&exchange->waiter.link) && exchange->attempts[0] == NULL);
    hh_response_destroy(exchange->response);
    hh_response_destroy(exchange->history);
    hh__free(exchange->error);
    hh__free(exchange->addresses);
    hh__wire_unref(exchange->wire);
    hh__request_unref(exchange->request);
    if (store->count >= FREE_EXCHANGES_MAX) {
        hh__timer_stop(exchange->client->loop, &exchange->timer);
        hh__free(exchange);
        return;
    }
    exchange->next_free = store->free_exchanges;
    store->free_exchanges = exchange;
    store->count++;
}

void hh__exchange_store_finish(hh_exchange_store *store)
{
    while (store->free_exchanges != NULL) {
        hh_exchange *exchange = store->free_exchanges;
        store->free_exchanges = exchange->next_free;
        hh__free(exchange);
    }
    store->count = 0;
}
