/*
 * exchange_deadline.c - how long an exchange may take, and each of its waits: for a place, for a
 * dial that others wait for too, for the caller's resolver, for a redirect's body to end.
 *
 * One lazy timer serves them all. Waits on the wire are the connection's (conn/), those of a dial
 * of its own the dial's (net/dial.h).
 */
#include <inttypes.h>

#include "base/limits.h"
#include "base/memory.h"
#include "client/client.h"

hh_timeouts hh__exchange_timeouts(const hh_exchange *exchange)
{
    return hh__timeouts_merge(exchange->request->timeouts, exchange->client->settings.timeouts);
}

static bool is_draining(const hh_exchange *exchange)
{
    return exchange->winner != NULL && exchange->winner->state == HH_ATTEMPT_DRAINING;
}

static bool is_asking_resolve(const hh_exchange *exchange)
{
    return exchange->state == HH_EXCHANGE_ASKING && exchange->asking == HH_ASK_RESOLVE;
}

static int64_t next_due(const hh_exchange *exchange)
{
    int64_t due = exchange->total_due_ns;
    bool is_waiting = exchange->state == HH_EXCHANGE_QUEUED || is_draining(exchange) ||
                      is_asking_resolve(exchange);
    if (is_waiting && exchange->wait_due_ns != 0 && (due == 0 || exchange->wait_due_ns < due))
        due = exchange->wait_due_ns;
    if (exchange->state == HH_EXCHANGE_QUEUED && exchange->connect_check_ns != 0 &&
        (due == 0 || exchange->connect_check_ns < due))
        due = exchange->connect_check_ns;
    return due;
}

void hh__exchange_set_timer(hh_exchange *exchange)
{
    int64_t due = next_due(exchange);
    if (due == 0)
        hh__timer_unset(&exchange->timer);
    else if (hh__timer_set(exchange->client->loop, &exchange->timer, due) != HH_OK)
        hh__exchange_fail(exchange, HH_ERR_NO_MEMORY, HH_PHASE_QUEUE, "no memory for a deadline");
}

static hh_phase present_phase(const hh_exchange *exchange)
{
    const hh_attempt *attempt = hh__exchange_current(exchange);
    if (exchange->state == HH_EXCHANGE_COMMITTED)
        return HH_PHASE_BODY;
    if (exchange->state == HH_EXCHANGE_QUEUED)
        return hh__waiter_phase(&exchange->waiter);
    if (is_asking_resolve(exchange))
        return HH_PHASE_RESOLVE;
    if (exchange->state == HH_EXCHANGE_ASKING || attempt == NULL)
        return HH_PHASE_REDIRECT;
    return attempt->call.sent_ns == 0 ? HH_PHASE_SEND : HH_PHASE_HEADERS;
}

/* The wait has lasted too long. True: the exchange has moved on, or ended. */
static bool end_wait(hh_exchange *exchange, int64_t spent_ms)
{
    if (is_draining(exchange)) {
        hh__exchange_drop_attempt(exchange, exchange->winner);
        hh__exchange_follow(exchange);
        return true;
    }
    if (is_asking_resolve(exchange)) {
        hh__exchange_fail(exchange, HH_ERR_TIMEOUT_CONNECT, HH_PHASE_RESOLVE,
                          "the caller's resolver gave no address for %.*s within %" PRId64 " ms",
                          HH_SLICE_ARGS(hh_url_host(exchange->wire->url)), spent_ms);
        return true;
    }
    /* The pool's deadline bounds waiting for a place, not the dial that was made for us. */
    if (exchange->state != HH_EXCHANGE_QUEUED || exchange->waiter.dial != NULL)
        return false;
    if (hh__waiter_connect_due(&exchange->waiter) != 0) { /* nor the dial that was made for all */
        exchange->wait_due_ns = hh__loop_now(exchange->client->loop) +
                                hh__timeout_ns(hh__exchange_timeouts(exchange).pool_ms);
        return false;
    }
    hh__exchange_fail(exchange, HH_ERR_TIMEOUT_POOL, HH_PHASE_QUEUE,
                      "no connection to %.*s came free within %" PRId64
                      " ms: raise max_connections or the pool time-out",
                      HH_SLICE_ARGS(hh_url_host(exchange->wire->url)), spent_ms);
    return true;
}

/* A dial that others wait for too must not take longer than this one's connect time-out. True: it
 * did. */
static bool end_connecting(hh_exchange *exchange, int64_t now)
{
    const hh_waiter *waiter = &exchange->waiter;
    int64_t due = hh__waiter_connect_due(waiter);
    if (exchange->state != HH_EXCHANGE_QUEUED || due == 0 || due > now) {
        exchange->connect_check_ns = due != 0 ? due : now + waiter->connect_timeout_ns;
        return false;
    }
    hh_phase phase = hh__waiter_phase(waiter);
    hh__exchange_fail(exchange, HH_ERR_TIMEOUT_CONNECT, phase,
                      "no connection to %.*s within %" PRId64 " ms, while in phase %s",
                      HH_SLICE_ARGS(hh_url_host(exchange->wire->url)),
                      waiter->connect_timeout_ns / 1000000, hh_phase_name(phase));
    return true;
}

void hh__exchange_on_due(hh_timer *timer)
{
    hh_exchange *exchange = HH_CONTAINER_OF(timer, hh_exchange, timer);
    int64_t now = hh__loop_now(exchange->client->loop);
    int64_t spent_ms = (now - exchange->started_ns) / 1000000;
    if (exchange->state == HH_EXCHANGE_FINISHED)
        return;
    if (exchange->total_due_ns != 0 && exchange->total_due_ns <= now) {
        hh_phase phase = present_phase(exchange);
        hh__exchange_fail(exchange, HH_ERR_TIMEOUT_TOTAL, phase,
                          "%s took longer than its total time-out: %" PRId64
                          " ms, while in phase %s",
                          hh__exchange_show_url(exchange).text, spent_ms, hh_phase_name(phase));
        return;
    }
    if (exchange->wait_due_ns != 0 && exchange->wait_due_ns <= now) {
        exchange->wait_due_ns = 0;
        if (end_wait(exchange, spent_ms))
            return;
    }
    if (exchange->connect_check_ns != 0 && exchange->connect_check_ns <= now &&
        end_connecting(exchange, now))
        return;
    hh__exchange_set_timer(exchange);
}

void hh__exchange_bound_wait(hh_exchange *exchange, int64_t wait_ns)
{
    exchange->wait_due_ns = hh__loop_now(exchange->client->loop) + wait_ns;
    hh__exchange_set_timer(exchange);
}
