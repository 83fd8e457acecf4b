/*
 * exchange_answer.c - what comes back: heads, redirects (RFC 9110 §15.4), the commit point, bodies.
 *
 * Body bytes go wire ─► decoder ─► delivery. Credit bounds what an event caller holds: past the
 * window the connection is paused, and encoded bytes that are already here wait undecoded.
 */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/failure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "client/client.h"
#include "policy/redirect.h"

#define EVENT_CREDIT_MIN_BYTES 512 /* an event costs memory, however little it carries */

static void fail_no_memory(hh_exchange *exchange)
{
    hh__exchange_fail(exchange, HH_ERR_NO_MEMORY, HH_PHASE_BODY, "no memory for the answer");
}

/* --- events ---------------------------------------------------------------------------------- */

/* A node for this exchange, or NULL and the exchange has failed. */
static hh_event_node *take_node(hh_exchange *exchange, hh_event_type type)
{
    hh_event_node *node = hh__events_take(&exchange->client->events);
    if (node == NULL) {
        fail_no_memory(exchange);
        return NULL;
    }
    node->event.type = type;
    node->event.id = exchange->id;
    node->event.tag = exchange->tag;
    return node;
}

void hh__exchange_on_information(hh_exchange *exchange, const hh_head *head)
{
    hh_response *response;
    hh__exchange_trace_head(exchange, HH_TRACE_RESPONSE_HEAD, head->text);
    if (!exchange->request->has_trace || exchange->mailbox != NULL)
        return;
    if (hh__response_create(head, exchange->wire->url, "", 0, &response) != HH_OK)
        return; /* a 1xx is only told for the story */
    hh_event_node *node = hh__events_take(&exchange->client->events);
    if (node == NULL) {
        hh_response_destroy(response);
        return;
    }
    node->event.type = HH_EVENT_INFORMATION;
    node->event.id = exchange->id;
    node->event.tag = exchange->tag;
    node->event.response = response;
    hh__client_emit(exchange, node);
}

void hh__exchange_on_want_body(hh_exchange *exchange)
{
    if (exchange->is_want_queued || exchange->state == HH_EXCHANGE_FINISHED)
        return;
    if (exchange->mailbox != NULL) {
        hh__exchange_fail(exchange, HH_ERR_STATE, HH_PHASE_SEND,
                          "a blocking call can't push a body: give it as memory");
        return;
    }
    hh_event_node *node = take_node(exchange, HH_EVENT_WANT_BODY);
    if (node == NULL)
        return;
    exchange->is_want_queued = true;
    hh__client_emit(exchange, node);
}

/* --- redirects ------------------------------------------------------------------------------- */

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

/* The request itself is sent again: no redirect. */
static bool repeats(const hh_exchange *exchange)
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

/* Decides whether this head leads elsewhere; then next_wire is set. False: the exchange has failed.
 */
static bool decide_next(hh_exchange *exchange)
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

/* The drained redirect's successor, now. */
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

/* The head led elsewhere: remember it, and read its body away if that is cheap. */
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
    if (repeats(exchange))
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

/* --- the commit point ------------------------------------------------------------------------ */

static bool makes_decoder(hh_exchange *exchange)
{
    hh_decoding decoding = exchange->request->decoding;
    const char *problem = "";
    hh_bytes codings;
    if (decoding == HH_DECODING_DEFAULT)
        decoding = exchange->client->settings.decoding;
    if (decoding == HH_DECODING_NONE)
        return true;
    hh__bytes_init(&codings, HH_HEAD_MAX_BYTES);
    hh__response_join(exchange->response, HH_FIELD_CONTENT_ENCODING, &codings);
    hh_status status = codings.status;
    if (status == HH_OK && codings.length > 0)
        status = hh__decoder_create(hh__bytes_slice(&codings), &exchange->decoder, &problem);
    hh__bytes_finish(&codings);
    if (status == HH_OK)
        return true;
    hh__exchange_fail(exchange, status, HH_PHASE_BODY, "can't decode the answer of %s: %s",
                      hh__exchange_show_url(exchange).text, problem);
    return false;
}

static uint64_t body_limit(const hh_exchange *exchange)
{
    uint64_t limit = exchange->request->max_response_bytes;
    return limit != 0 ? limit : exchange->client->settings.max_response_bytes;
}

static void fail_too_large(hh_exchange *exchange)
{
    hh__exchange_fail(exchange, HH_ERR_RESPONSE_TOO_LARGE, HH_PHASE_BODY,
                      "the body of %s is larger than the limit of %" PRIu64 " bytes",
                      hh__exchange_show_url(exchange).text,
                      exchange->sink != NULL ? exchange->sink_capacity : body_limit(exchange));
}

static bool has_body(const hh_exchange *exchange)
{
    int status = exchange->response->status;
    return exchange->wire->kind != HH_REQUEST_HEAD && status != 204 && status != 304;
}

static bool announces_headers(const hh_exchange *exchange)
{
    if (exchange->mailbox != NULL || exchange->request->delivery == HH_DELIVER_WHOLE)
        return false;
    if (exchange->request->delivery == HH_DELIVER_STREAM)
        return true;
    /* An unknown length is UINT64_MAX. */
    return has_body(exchange) && exchange->response->content_length >= HH_SINK_MIN_BYTES;
}

static void announce(hh_exchange *exchange)
{
    hh_event_node *node = take_node(exchange, HH_EVENT_HEADERS);
    if (node == NULL)
        return;
    exchange->response->redirect_count = exchange->redirects;
    exchange->response->attempt_count = exchange->attempt_count;
    exchange->response->previous = exchange->history;
    exchange->history = NULL;
    node->event.response = hh_response_ref(exchange->response);
    exchange->waits_for_sink = exchange->request->delivery == HH_DELIVER_SINK;
    hh__client_emit(exchange, node);
}

void hh__exchange_commit(hh_exchange *exchange)
{
    const hh_response *response = exchange->response;
    hh__attempt_enter(exchange->winner, HH_ATTEMPT_ANSWERING);
    hh__exchange_enter(exchange, HH_EXCHANGE_COMMITTED);
    if (has_body(exchange) && !makes_decoder(exchange))
        return;
    if (has_body(exchange) && exchange->decoder == NULL && response->content_length != UINT64_MAX &&
        response->content_length > body_limit(exchange)) {
        fail_too_large(exchange);
        return;
    }
    if (announces_headers(exchange))
        announce(exchange);
}

static void drop_losers(hh_exchange *exchange, const hh_attempt *winner)
{
    for (size_t i = HH_EXCHANGE_ATTEMPTS_MAX; i-- > 0;)
        if (exchange->attempts[i] != NULL && exchange->attempts[i] != winner)
            hh__exchange_drop_attempt(exchange, exchange->attempts[i]);
}

static hh_flow flow_of(hh_exchange *exchange)
{
    if (exchange->state == HH_EXCHANGE_FINISHED)
        return HH_FLOW_GO;
    if (exchange->state == HH_EXCHANGE_ASKING || exchange->waits_for_sink ||
        exchange->pending_buf != NULL ||
        exchange->window_used >= exchange->client->settings.body_window_bytes) {
        exchange->is_paused = true;
        return HH_FLOW_PAUSE;
    }
    if (exchange->mailbox == NULL && exchange->channel == NULL &&
        exchange->request->delivery == HH_DELIVER_STREAM &&
        exchange->client->events.queued >= HH_STEP_EVENTS_MAX) {
        exchange->is_paused = true;
        hh__list_remove(&exchange->ready_link);
        hh__list_push_back(&exchange->client->stalled, &exchange->ready_link);
        return HH_FLOW_PAUSE;
    }
    return HH_FLOW_GO;
}

/* A small body that is to be collected lies in the response's own block. */
static size_t inline_room(const hh_exchange *exchange, const hh_head *head)
{
    bool is_collected =
        exchange->mailbox != NULL || exchange->request->delivery != HH_DELIVER_STREAM;
    if (!is_collected || head->framing != HH_FRAMING_LENGTH ||
        head->content_length > HH_SMALL_BODY_BYTES)
        return 0;
    return (size_t)head->content_length;
}

hh_flow hh__exchange_on_head(hh_exchange *exchange, hh_attempt *attempt, const hh_head *head)
{
    hh__exchange_trace_stream(exchange, attempt);
    hh__exchange_trace_head(exchange, HH_TRACE_RESPONSE_HEAD, head->text);
    exchange->winner = attempt;
    drop_losers(exchange, attempt);
    if (hh__response_create(head, attempt->wire->url, attempt->pooled->conn->remote,
                            inline_room(exchange, head), &exchange->response) != HH_OK) {
        fail_no_memory(exchange);
        return HH_FLOW_GO;
    }
    exchange->response->is_reused = attempt->is_reused;
    if (!decide_next(exchange))
        return HH_FLOW_GO;
    if (exchange->next_wire == NULL)
        hh__exchange_commit(exchange);
    else if ((exchange->request->questions & HH_ASK_REDIRECT) != 0 && !repeats(exchange))
        hh__exchange_ask_redirect(exchange);
    else
        hh__exchange_leave(exchange);
    return flow_of(exchange);
}

/* --- bodies ---------------------------------------------------------------------------------- */

/* A share of the block the piece lies in; of a small piece a copy, for a few bytes must not pin a
 * large block. NULL: out of memory. */
static hh_buf *share_piece(hh_slice *data, hh_buf *buf)
{
    if (data->length >= HH_SMALL_BODY_BYTES)
        return hh_buf_ref(buf);
    hh_buf *copy = hh__buf_create((uint32_t)data->length);
    if (copy == NULL)
        return NULL;
    memcpy(copy->data, data->data, data->length);
    data->data = copy->data;
    return copy;
}

static void emit_body(hh_exchange *exchange, hh_slice data, hh_buf *buf)
{
    hh_event_node *node = take_node(exchange, HH_EVENT_BODY);
    if (node == NULL)
        return;
    node->event.buf = share_piece(&data, buf);
    if (node->event.buf == NULL) {
        hh__events_release(&exchange->client->events, &exchange->client->buffers, node);
        fail_no_memory(exchange);
        return;
    }
    node->event.body = data;
    node->credit =
        (uint32_t)(data.length > EVENT_CREDIT_MIN_BYTES ? data.length : EVENT_CREDIT_MIN_BYTES);
    exchange->window_used += node->credit;
    hh__client_emit(exchange, node);
}

/* Decoded bytes to wherever the caller wants them. */
static void deliver(hh_exchange *exchange, hh_slice data, hh_buf *buf)
{
    hh_response *response = exchange->response;
    if (data.length > body_limit(exchange) - response->body_bytes) {
        fail_too_large(exchange);
        return;
    }
    response->body_bytes += data.length;
    if (exchange->sink != NULL) {
        size_t used = response->body_length;
        if (data.length > exchange->sink_capacity - used) {
            fail_too_large(exchange);
            return;
        }
        memcpy(exchange->sink + used, data.data, data.length);
        response->body_length += data.length;
    } else if (exchange->mailbox != NULL || exchange->request->delivery != HH_DELIVER_STREAM) {
        if (hh__response_append(response, data) != HH_OK)
            fail_no_memory(exchange);
    } else {
        emit_body(exchange, data, buf);
    }
}

static void fail_decoding(hh_exchange *exchange)
{
    const char *problem = "";
    hh_status status = hh__decoder_failure(exchange->decoder, &problem);
    hh__exchange_fail(exchange, status, HH_PHASE_BODY, "can't decode the answer of %s: %s",
                      hh__exchange_show_url(exchange).text, problem);
}

static bool has_credit(const hh_exchange *exchange)
{
    return exchange->window_used < exchange->client->settings.body_window_bytes;
}

/* One buffer of decoded bytes. False: stop, for want of input, of memory, or because it failed. */
static bool decode_once(hh_exchange *exchange, hh_slice *input)
{
    hh_buf_pool *pool = &exchange->client->buffers;
    hh_buf *out = hh__buf_take(pool);
    if (out == NULL) {
        fail_no_memory(exchange);
        return false;
    }
    size_t used = 0, produced = 0;
    hh_decode_result result =
        hh__decoder_next(exchange->decoder, *input, &used, out->data, out->capacity, &produced);
    input->data += used;
    input->length -= used;
    if (produced > 0)
        deliver(exchange, (hh_slice){out->data, produced}, out);
    hh__buf_release(pool, out);
    if (exchange->state == HH_EXCHANGE_FINISHED)
        return false;
    if (result == HH_DECODE_ERROR || (result == HH_DECODE_COMPLETE && input->length > 0)) {
        fail_decoding(exchange);
        return false;
    }
    return result == HH_DECODE_OUTPUT || input->length > 0;
}

/* Decodes until the input is used up or credit ends; what is left waits in exchange->pending. */
static void decode(hh_exchange *exchange, hh_slice input, hh_buf *buf)
{
    bool has_more = true;
    while (has_more && has_credit(exchange))
        has_more = decode_once(exchange, &input);
    if (exchange->state == HH_EXCHANGE_FINISHED || !has_more)
        return;
    exchange->pending = input;
    exchange->pending_buf = hh_buf_ref(buf);
}

static hh_flow drain(hh_exchange *exchange, hh_attempt *attempt, size_t length)
{
    attempt->drained_bytes += length;
    if (attempt->drained_bytes > HH_DRAIN_MAX_BYTES) {
        hh__exchange_drop_attempt(exchange, attempt);
        hh__exchange_follow(exchange);
    }
    return HH_FLOW_GO;
}

hh_flow hh__exchange_on_body(hh_exchange *exchange, hh_attempt *attempt, hh_slice data, hh_buf *buf)
{
    if (attempt->state == HH_ATTEMPT_DRAINING)
        return drain(exchange, attempt, data.length);
    exchange->response->wire_bytes += data.length;
    if (exchange->decoder != NULL)
        decode(exchange, data, buf);
    else
        deliver(exchange, data, buf);
    return flow_of(exchange);
}

size_t hh__exchange_place(hh_exchange *exchange, uint64_t remaining, char **place)
{
    hh_response *response = exchange->response;
    uint64_t allowed = body_limit(exchange) - response->body_bytes;
    if (exchange->decoder != NULL || allowed == 0 || remaining < HH_SMALL_BODY_BYTES)
        return 0;
    if (remaining > allowed)
        remaining = allowed;
    if (exchange->sink != NULL) {
        size_t room = exchange->sink_capacity - response->body_length;
        *place = exchange->sink + response->body_length;
        return room < remaining ? room : (size_t)remaining;
    }
    if (exchange->mailbox == NULL && exchange->request->delivery == HH_DELIVER_STREAM)
        return 0;
    /* Nobody knows how much will come: as much again as has come, but nothing for a small body. */
    if (response->content_length == UINT64_MAX && remaining > response->body_length)
        remaining = response->body_length;
    return remaining < HH_SMALL_BODY_BYTES ? 0 : hh__response_body_room(response, remaining, place);
}

hh_flow hh__exchange_on_placed(hh_exchange *exchange, size_t count)
{
    exchange->response->wire_bytes += count;
    exchange->response->body_bytes += count;
    exchange->response->body_length += count;
    return HH_FLOW_GO;
}

void hh__exchange_resume(hh_exchange *exchange)
{
    hh_attempt *attempt = exchange->winner;
    if (exchange->state != HH_EXCHANGE_COMMITTED || !exchange->is_paused)
        return;
    if (exchange->pending_buf != NULL) {
        hh_slice input = exchange->pending;
        hh_buf *buf = exchange->pending_buf;
        exchange->pending = (hh_slice){NULL, 0};
        exchange->pending_buf = NULL;
        decode(exchange, input, buf);
        hh__buf_release(&exchange->client->buffers, buf);
    }
    if (flow_of(exchange) == HH_FLOW_PAUSE || exchange->state == HH_EXCHANGE_FINISHED)
        return;
    exchange->is_paused = false;
    hh__conn_resume(attempt->pooled->conn, &attempt->call);
}

void hh__exchange_on_done(hh_exchange *exchange, hh_attempt *attempt, hh_attempt_state was,
                          const hh_fields *trailers, hh_slice trailer_text)
{
    if (was == HH_ATTEMPT_DRAINING) {
        hh__exchange_drop_attempt(exchange, attempt);
        hh__exchange_follow(exchange);
        return;
    }
    if (exchange->decoder != NULL && exchange->response->wire_bytes > 0 &&
        hh__decoder_end(exchange->decoder) != HH_OK) {
        hh__exchange_fail(exchange, HH_ERR_DECODE, HH_PHASE_BODY,
                          "the encoded body of %s ends too early",
                          hh__exchange_show_url(exchange).text);
        return;
    }
    if (hh__response_set_trailers(exchange->response, trailers, trailer_text) != HH_OK) {
        fail_no_memory(exchange);
        return;
    }
    hh__exchange_finish(exchange, NULL);
}
