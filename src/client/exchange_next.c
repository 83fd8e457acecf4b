/*
 * exchange_next.c - answers that lead on: redirects (RFC 9110 §15.4), and requests that are sent
 * once more, without an expectation (417) or on another connection (421).
 *
 * What the next request is, is decided when the head comes, and stands in next_wire. The answer's
 * own body is read away if that is cheap, so that the connection can be used again.
 */
#include "base/failure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "client/client.h"
#include "policy/redirect.h"

/* The exchange's own memory of the hops so far moves on with `plan`. */
static hh_status prepare_hop(hh_exchange *exchange, hh_redirect_plan *plan)
{
    hh_wire_plan next = {
        .url = plan->url,
        .method = plan->method == HH_METHOD_GET ? hh_slice_of("GET") : exchange->wire->method,
        .redirect = *plan,
    };
    hh_status status = hh__wire_create(exchange->request, &exchange->client->settings, &next,
                                       &exchange->next_wire);
    exchange->body_dropped = (uint8_t)plan->body;
    exchange->credentials_dropped = (uint8_t)plan->credentials;
    return status;
}

static hh_status plan_redirect(const hh_exchange *exchange, hh_redirect_plan *plan, hh_error *error)
{
    const hh_request *request = exchange->request;
    const hh_settings *settings = &exchange->client->settings;
    hh_redirect_input input = {
        .status = exchange->response->status,
        .method = exchange->wire->method,
        .url = exchange->wire->url,
        .location = hh__response_value(exchange->response, HH_FIELD_LOCATION),
        .followed = exchange->redirects,
        .max = request->max_redirects != 0 ? request->max_redirects : settings->max_redirects,
        .downgrade = settings->downgrade == HH_DOWNGRADE_ALLOW ? HH_REDIRECT_DOWNGRADE_ALLOW
                                                               : HH_REDIRECT_DOWNGRADE_REFUSE,
        .body = (hh_redirect_body)exchange->body_dropped,
        .credentials = (hh_redirect_credentials)exchange->credentials_dropped,
    };
    return hh__decide_redirect(&input, plan, error);
}

static bool follows_redirects(const hh_exchange *exchange)
{
    hh_redirects mode = exchange->request->redirects;
    if (mode == HH_REDIRECTS_DEFAULT)
        mode = exchange->client->settings.redirects;
    return mode == HH_REDIRECTS_FOLLOW;
}

/* RFC 9110 §10.1.1: 417 repeats the request without the expectation. */
static bool repeats_without_expect(const hh_exchange *exchange)
{
    return exchange->response->status == 417 && exchange->wire->expect == HH_EXPECT_CONTINUE;
}

/* RFC 9110 §15.5.20, RFC 9113 §9.1.1: 421 is about the connection, so the request is sent once more
 * on another, if its body still can be. On a connection of its own it is the answer. */
static bool repeats_elsewhere(const hh_exchange *exchange)
{
    const hh_attempt *attempt = exchange->winner;
    bool can_resend = exchange->wire->body_kind != HH_BODY_PUSHED ||
                      attempt->call.pushed_bytes == 0 ||
                      exchange->request->rewind == HH_REWIND_POSSIBLE;
    return exchange->response->status == 421 && !exchange->was_misdirected && can_resend &&
           (attempt->is_reused || attempt->is_shared);
}

bool hh__exchange_repeats(const hh_exchange *exchange)
{
    return repeats_without_expect(exchange) || repeats_elsewhere(exchange);
}

static hh_status prepare_without_expect(hh_exchange *exchange)
{
    hh_wire_plan next = {
        .url = exchange->wire->url,
        .method = exchange->wire->method,
        .redirect = {.kind = exchange->redirects > 0 ? HH_REDIRECT_FOLLOW : HH_REDIRECT_NONE,
                     .body = (hh_redirect_body)exchange->body_dropped,
                     .credentials = (hh_redirect_credentials)exchange->credentials_dropped},
        .expect = HH_WIRE_EXPECT_DROP,
    };
    return hh__wire_create(exchange->request, &exchange->client->settings, &next,
                           &exchange->next_wire);
}

bool hh__exchange_decide_next(hh_exchange *exchange)
{
    hh_redirect_plan plan = {.kind = HH_REDIRECT_NONE};
    hh_error error;
    hh_status status = HH_OK;
    if (repeats_without_expect(exchange)) {
        status = prepare_without_expect(exchange);
    } else if (repeats_elsewhere(exchange)) {
        exchange->next_wire = hh__wire_ref(exchange->wire);
    } else if (follows_redirects(exchange)) {
        status = plan_redirect(exchange, &plan, &error);
        if (status != HH_OK && status != HH_ERR_NO_MEMORY) {
            error.processed = HH_PROCESSED_YES;
            hh__exchange_finish(exchange, &error);
            return false;
        }
        if (status == HH_OK && plan.kind == HH_REDIRECT_FOLLOW)
            status = prepare_hop(exchange, &plan);
        hh_url_destroy(plan.url);
    }
    if (status != HH_OK) {
        hh__exchange_fail(exchange, status, HH_PHASE_REDIRECT, "can't prepare the next request: %s",
                          hh_status_name(status));
        return false;
    }
    return true;
}

/* A body that was pushed, or is being, can only go along if the caller can rewind it. */
static bool can_resend_body(const hh_exchange *exchange)
{
    const hh_attempt *attempt = exchange->winner;
    return exchange->next_wire->body_kind != HH_BODY_PUSHED || attempt == NULL ||
           attempt->call.pushed_bytes == 0 || exchange->request->rewind == HH_REWIND_POSSIBLE;
}

void hh__exchange_follow(hh_exchange *exchange)
{
    if (exchange->state == HH_EXCHANGE_FINISHED)
        return;
    hh__wire_unref(exchange->wire);
    exchange->wire = exchange->next_wire;
    exchange->next_wire = NULL;
    exchange->winner = NULL;
    exchange->wait_due_ns = 0;
    exchange->hop_ns = hh__loop_now(exchange->client->loop);
    exchange->replays = 0;
    exchange->was_asked_resolve = false;
    hh__free(exchange->addresses);
    exchange->addresses = NULL;
    exchange->address_count = 0;
    hh__exchange_seek(exchange);
}

static void remember_redirect(hh_exchange *exchange)
{
    hh_response *response = exchange->response;
    exchange->redirects++;
    exchange->processed = HH_PROCESSED_YES;
    exchange->client->stats.redirects++;
    hh__exchange_trace(exchange, "%d leads to %.*s", response->status,
                       HH_SLICE_ARGS(hh_url_text(exchange->next_wire->url)));
    response->attempt_count = exchange->attempt_count;
    response->previous = exchange->history;
    exchange->history = response;
    exchange->response = NULL;
}

/* A refused expectation or connection is no redirect: it leaves no trace in the answer. */
static void forget_refusal(hh_exchange *exchange)
{
    if (repeats_elsewhere(exchange)) {
        exchange->was_misdirected = true;
        exchange->wants_fresh = true;
        hh__exchange_trace(exchange, "421: sending once more on a fresh connection");
    } else {
        hh__exchange_trace(exchange, "417: sending once more without Expect");
    }
    hh_response_destroy(exchange->response);
    exchange->response = NULL;
}

void hh__exchange_leave(hh_exchange *exchange)
{
    hh_attempt *attempt = exchange->winner;
    hh_response *response = exchange->response;
    if (!can_resend_body(exchange)) {
        hh__exchange_fail(exchange, HH_ERR_BODY_NOT_REWINDABLE, HH_PHASE_REDIRECT,
                          "%d from %s asks for the body again, but it can't be rewound",
                          response->status, hh__exchange_show_url(exchange).text);
        return;
    }
    bool is_long =
        response->content_length != UINT64_MAX && response->content_length > HH_DRAIN_MAX_BYTES;
    if (hh__exchange_repeats(exchange))
        forget_refusal(exchange);
    else
        remember_redirect(exchange);
    hh__attempt_enter(attempt, HH_ATTEMPT_DRAINING);
    if (!is_long && attempt->call.sent_ns != 0) {
        hh__exchange_bound_wait(exchange, (int64_t)HH_DRAIN_MAX_MS * 1000000);
        return; /* on_done follows, or the end of that wait */
    }
    hh__exchange_drop_attempt(exchange, attempt);
    hh__exchange_follow(exchange);
}
