/*
 * h2_receive.c - the answers' way in: reads, guards, lets nghttp2 cut it into frames, and reports.
 *
 * Body bytes are reported where they lie in the receive buffer; a paused stream's are held, so that
 * neighbours go on (h2_credit.c).
 */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/failure.h"
#include "base/memory.h"
#include "conn/h2_internal.h"

#define MIN_ROOM 4096 /* a buffer with less room left is given up for a new one */

/* --- reports --------------------------------------------------------------------------------- */

static void fail_stream(hh_h2_stream *s, hh_status code, hh_phase phase, const char *problem)
{
    hh_error error;
    hh__fail(&error, code, phase, "%s sent a malformed answer: %s", s->h2->conn.remote, problem);
    error.http2_error = NGHTTP2_PROTOCOL_ERROR;
    hh__h2_fail(s, &error, NGHTTP2_PROTOCOL_ERROR);
}

/* Reports a piece of body. False: the call ended in it. */
static bool report_body(hh_h2_stream *s, hh_slice data, hh_buf *buf)
{
    hh_h2 *h2 = s->h2;
    hh_call *call = hh__h2_begin_report(s);
    hh_flow flow = call->ops->on_body(call, data, buf);
    if (!hh__h2_end_report(h2, s))
        return false;
    s->is_paused = flow == HH_FLOW_PAUSE;
    hh__h2_credit_stream(s, data.length);
    return true;
}

static void end_if_delivered(hh_h2_stream *s)
{
    if (s->held_first != NULL || s->is_paused)
        return;
    if (s->receive == HH_H2_RECEIVE_ENDED)
        hh__h2_complete(s, s->trailers);
    else if (s->h2->failure != HH_OK)
        hh__h2_fail_ended(s); /* what had come was worth waiting for */
}

void hh__h2_deliver(hh_h2_stream *s)
{
    while (s->held_first != NULL && !s->is_paused) {
        hh_buf_pool *pool = s->h2->conn.env->buffers;
        hh_slice data;
        hh_buf *buf = hh__h2_take_held(s, &data);
        bool is_there = report_body(s, data, buf);
        hh__buf_release(pool, buf);
        if (!is_there)
            return;
    }
    hh__h2_touch(s);
    end_if_delivered(s);
}

/* --- heads and trailers ---------------------------------------------------------------------- */

/* RFC 9110 §6.4.1: an answer without a body, whatever length it declares. */
static bool is_bodiless(const hh_h2_stream *s, int status)
{
    return s->call->request_kind == HH_REQUEST_HEAD || status == 204 || status == 304;
}

static hh_head head_view(const hh_h2_stream *s, hh_h2_end end)
{
    const hh_h2_head *head = &s->h2->head;
    bool is_known = head->content_length != UINT64_MAX;
    bool is_empty = end == HH_H2_LAST || is_bodiless(s, head->status);
    hh_framing_kind framing = is_empty   ? HH_FRAMING_NONE
                              : is_known ? HH_FRAMING_LENGTH
                                         : HH_FRAMING_CHUNKED;
    return (hh_head){
        .status = head->status,
        .version = 20,
        .text = hh__bytes_slice(&head->text),
        .entries = head->fields.entries,
        .entry_count = head->fields.count,
        .content_length = head->content_length,
        .framing = framing,
    };
}

static void take_information(hh_h2_stream *s, hh_h2_end end)
{
    hh_h2 *h2 = s->h2;
    bool is_continue = h2->head.status == 100;
    if (end == HH_H2_LAST) { /* RFC 9113 §8.1 */
        fail_stream(s, HH_ERR_PROTOCOL, HH_PHASE_HEADERS, "it ends with an informational response");
        return;
    }
    if (++s->informational > HH_INFORMATIONAL_MAX) {
        fail_stream(s, HH_ERR_PROTOCOL, HH_PHASE_HEADERS, "too many informational responses");
        return;
    }
    hh_head head = head_view(s, end);
    hh_call *call = hh__h2_begin_report(s);
    call->ops->on_information(call, &head);
    if (!hh__h2_end_report(h2, s))
        return;
    if (is_continue)
        hh__h2_send_continue(s);
    hh__h2_touch(s);
}

/* RFC 9113 §8.1: a final answer before the request is out; go on sending only if it is welcome. */
static void stop_unwelcome_body(hh_h2_stream *s)
{
    bool is_unwelcome =
        s->send == HH_H2_SEND_EXPECT || (s->send == HH_H2_SEND_BODY && s->h2->head.status >= 300);
    if (is_unwelcome)
        hh__h2_set_send(s, HH_H2_SEND_STOPPED);
}

/* False: the call ended in the report. */
static bool take_final_head(hh_h2_stream *s, hh_h2_end end)
{
    hh_h2 *h2 = s->h2;
    hh_head head = head_view(s, end);
    s->call->first_byte_ns = hh__loop_now(h2->conn.env->loop);
    hh__h2_set_receive(s, HH_H2_RECEIVE_BODY);
    s->declared = is_bodiless(s, head.status) ? 0 : head.content_length;
    stop_unwelcome_body(s);
    hh_call *call = hh__h2_begin_report(s);
    hh_flow flow = call->ops->on_head(call, &head);
    if (!hh__h2_end_report(h2, s))
        return false;
    s->is_paused = flow == HH_FLOW_PAUSE;
    hh__h2_touch(s);
    return true;
}

/* The trailers wait for the body before them to be taken. */
static void keep_trailers(hh_h2_stream *s)
{
    const hh_h2_head *head = &s->h2->head;
    const char *base = head->text.data;
    s->trailers = hh__malloc(sizeof *s->trailers);
    if (s->trailers != NULL) {
        hh__h2_head_init(s->trailers);
        hh__h2_head_begin(s->trailers, HH_H2_BLOCK_TRAILERS, HH_TRAILER_MAX_BYTES,
                          HH_TRAILER_MAX_FIELDS);
        for (uint32_t i = 0; i < head->fields.count; i++)
            hh__h2_head_add(s->trailers, hh__entry_name(&head->fields.entries[i], base),
                            hh__entry_value(&head->fields.entries[i], base));
    }
    if (s->trailers != NULL && s->trailers->failure == HH_OK)
        return;
    hh_error error;
    hh__fail(&error, HH_ERR_NO_MEMORY, HH_PHASE_BODY, "no memory to receive from %s",
             s->h2->conn.remote);
    hh__h2_fail_later(s, &error);
}

/* RFC 9113 §8.1.1: the DATA frames add up to what was declared. False: the stream has failed. */
static bool has_all(hh_h2_stream *s)
{
    if (s->declared == UINT64_MAX || s->received == s->declared)
        return true;
    fail_stream(s, HH_ERR_PROTOCOL, HH_PHASE_BODY, "a body shorter than its Content-Length");
    return false;
}

static void take_trailers(hh_h2_stream *s)
{
    if (!has_all(s))
        return;
    hh__h2_set_receive(s, HH_H2_RECEIVE_ENDED);
    if (s->held_first == NULL && !s->is_paused) {
        hh__h2_complete(s, &s->h2->head);
        return;
    }
    hh__h2_touch(s);
    keep_trailers(s);
}

void hh__h2_take_block(hh_h2_stream *s, hh_h2_end end)
{
    hh_h2_head *head = &s->h2->head;
    hh_phase phase = s->receive == HH_H2_RECEIVE_HEAD ? HH_PHASE_HEADERS : HH_PHASE_BODY;
    if (s->failure != NULL)
        return;
    s->call->received_bytes += HH_H2_FRAME_HEAD_BYTES + head->text.length;
    if (hh__h2_head_end(head) != HH_OK) {
        fail_stream(s, head->failure, phase, head->problem);
        return;
    }
    if (s->receive == HH_H2_RECEIVE_BODY) {
        if (end == HH_H2_LAST)
            take_trailers(s);
        else
            fail_stream(s, HH_ERR_PROTOCOL, phase, "a second head");
        return;
    }
    if (head->status < 200) {
        take_information(s, end);
        return;
    }
    if (take_final_head(s, end) && end == HH_H2_LAST)
        hh__h2_take_end(s);
}

/* --- bodies ---------------------------------------------------------------------------------- */

/* RFC 9113 §8.1, §8.1.1: DATA comes after the head, where there is a body, and no more than
 * declared. */
static bool may_come(const hh_h2_stream *s)
{
    return s->receive == HH_H2_RECEIVE_BODY && s->received <= s->declared;
}

static void fail_surplus(hh_h2_stream *s)
{
    if (s->receive == HH_H2_RECEIVE_HEAD)
        fail_stream(s, HH_ERR_PROTOCOL, HH_PHASE_HEADERS, "DATA before the head");
    else if (s->declared == 0)
        fail_stream(s, HH_ERR_PROTOCOL, HH_PHASE_BODY, "DATA where there is no body");
    else
        fail_stream(s, HH_ERR_PROTOCOL, HH_PHASE_BODY, "a body longer than its Content-Length");
}

void hh__h2_take_data(hh_h2_stream *s, hh_slice data, hh_h2_end end)
{
    hh_h2 *h2 = s->h2;
    s->is_ending = end == HH_H2_LAST;
    s->received += data.length;
    s->call->received_bytes += data.length;
    s->call->body_bytes += data.length;
    if (s->failure != NULL) {
        s->consumed += data.length;
        hh__h2_credit_conn(h2, data.length);
        return;
    }
    if (!may_come(s)) {
        hh__h2_credit_conn(h2, data.length);
        fail_surplus(s);
        return;
    }
    if (s->is_paused || s->held_first != NULL) {
        hh__h2_hold(s, data);
        return;
    }
    hh__h2_credit_conn(h2, data.length);
    if (report_body(s, data, h2->in))
        hh__h2_touch(s);
}

void hh__h2_take_end(hh_h2_stream *s)
{
    if (s->failure != NULL)
        return;
    if (s->receive == HH_H2_RECEIVE_HEAD) {
        fail_stream(s, HH_ERR_PROTOCOL, HH_PHASE_HEADERS, "DATA before the head");
        return;
    }
    if (!has_all(s))
        return;
    hh__h2_set_receive(s, HH_H2_RECEIVE_ENDED);
    hh__h2_touch(s);
    end_if_delivered(s);
}

/* --- reading --------------------------------------------------------------------------------- */

/* Room behind in_end in a buffer nobody but us writes to. */
static bool make_room(hh_h2 *h2)
{
    hh_buf_pool *pool = h2->conn.env->buffers;
    if (h2->in != NULL) {
        if (atomic_load_explicit(&h2->in->refs, memory_order_acquire) == 1)
            h2->in_end = 0;
        if (h2->in->capacity - h2->in_end >= MIN_ROOM)
            return true;
        hh__buf_release(pool, h2->in);
    }
    h2->in = hh__buf_take(pool);
    h2->in_end = 0;
    return h2->in != NULL;
}

static void feed(hh_h2 *h2, hh_slice data)
{
    hh_h2_verdict verdict = hh__h2_guard_scan(&h2->guard, data, hh__loop_now(h2->conn.env->loop));
    if (verdict.error != 0) {
        hh__h2_break(h2, HH_ERR_PROTOCOL, verdict.error, verdict.problem);
        return;
    }
    h2->objection = NULL;
    h2->is_inside = true;
    ssize_t taken = nghttp2_session_mem_recv(h2->session, (const uint8_t *)data.data, data.length);
    h2->is_inside = false;
    if (h2->state == HH_H2_CLOSED || taken >= 0)
        return;
    hh__h2_break(h2, taken == NGHTTP2_ERR_NOMEM ? HH_ERR_NO_MEMORY : HH_ERR_PROTOCOL,
                 taken == NGHTTP2_ERR_FLOODED ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR,
                 nghttp2_strerror((int)taken));
}

/* What the end of the peer's bytes means for the connection. */
static void on_end(hh_h2 *h2, hh_io io)
{
    if (h2->is_mute && h2->io_error.code != HH_OK) {
        hh__h2_break(h2, HH_ERR_SEND, 0, "it takes nothing more");
    } else if (io == HH_IO_EOF) {
        h2->is_mute = true;
        hh__h2_break(h2, HH_ERR_EMPTY_RESPONSE, 0, NULL);
    } else {
        hh__stream_describe(h2->stream, HH_PHASE_HEADERS, h2->conn.remote, &h2->io_error);
        h2->is_mute = true;
        hh__h2_break(h2, HH_ERR_RECEIVE, 0, "it can't be read from");
    }
}

/* One read and what follows from it. True: there may be more to read now. */
static bool read_once(hh_h2 *h2, size_t *budget)
{
    size_t count = 0;
    if (!make_room(h2)) {
        hh__h2_break(h2, HH_ERR_NO_MEMORY, NGHTTP2_INTERNAL_ERROR, "no memory to receive");
        return false;
    }
    char *place = h2->in->data + h2->in_end;
    size_t capacity = h2->in->capacity - h2->in_end;
    hh_io io = hh__stream_read(h2->stream, place, capacity, &count);
    if (io != HH_IO_OK) {
        if (io != HH_IO_WAIT)
            on_end(h2, io);
        else if (h2->is_mute && h2->io_error.code != HH_OK)
            hh__h2_break(h2, HH_ERR_SEND, 0, "it takes nothing more");
        return false;
    }
    /* After a failed write only the end of what the peer has said is of interest. */
    bool is_short = h2->stream->short_read_is_last && count < capacity && !h2->is_mute;
    h2->conn.env->bytes_received += count;
    h2->received_ns = hh__loop_now(h2->conn.env->loop);
    h2->in_end += (uint32_t)count;
    *budget -= count < *budget ? count : *budget;
    feed(h2, (hh_slice){place, count});
    return h2->state != HH_H2_CLOSED && h2->failure == HH_OK && !is_short;
}

void hh__h2_read(hh_h2 *h2)
{
    size_t budget = HH_CONN_STEP_BYTES_MAX;
    h2->burst = 0;
    while (h2->state != HH_H2_CLOSED && h2->failure == HH_OK && budget > 0 &&
           read_once(h2, &budget))
        ;
    /* Here and not at the close, which may happen inside a report that has lent the buffer. */
    hh__buf_release(h2->conn.env->buffers, h2->in);
    h2->in = NULL;
}
