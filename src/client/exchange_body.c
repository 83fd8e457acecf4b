/*
 * exchange_body.c - an answer's body: wire ─► decoder ─► delivery, its bounds, its end.
 *
 * Credit bounds what an event caller holds: past the window the connection is paused, and encoded
 * bytes that are already here wait undecoded.
 */
#include <inttypes.h>
#include <string.h>

#include "base/failure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "client/client.h"

#define EVENT_CREDIT_MIN_BYTES 512 /* an event costs memory, however little it carries */

/* --- before it comes ------------------------------------------------------------------------- */

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

bool hh__exchange_expect_body(hh_exchange *exchange)
{
    const hh_response *response = exchange->response;
    if (!makes_decoder(exchange))
        return false;
    if (exchange->decoder == NULL && response->content_length != UINT64_MAX &&
        response->content_length > body_limit(exchange)) {
        fail_too_large(exchange);
        return false;
    }
    return true;
}

/* --- delivery -------------------------------------------------------------------------------- */

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
    hh_event_node *node = hh__exchange_take_event(exchange, HH_EVENT_BODY);
    if (node == NULL)
        return;
    node->event.buf = share_piece(&data, buf);
    if (node->event.buf == NULL) {
        hh__events_release(&exchange->client->events, &exchange->client->buffers, node);
        hh__exchange_fail_no_memory(exchange);
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
            hh__exchange_fail_no_memory(exchange);
    } else {
        emit_body(exchange, data, buf);
    }
}

/* --- decoding -------------------------------------------------------------------------------- */

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
        hh__exchange_fail_no_memory(exchange);
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

/* --- what the attempt brings ----------------------------------------------------------------- */

hh_flow hh__exchange_flow(hh_exchange *exchange)
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
    return hh__exchange_flow(exchange);
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
    if (hh__exchange_flow(exchange) == HH_FLOW_PAUSE || exchange->state == HH_EXCHANGE_FINISHED)
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
        hh__exchange_fail_no_memory(exchange);
        return;
    }
    hh__exchange_finish(exchange, NULL);
}
