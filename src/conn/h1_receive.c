/*
 * h1_receive.c - the answer's way in: heads, 1xx, bodies by length, chunks or close (RFC 9112 §6,
 * §9).
 *
 * Reads into a pooled buffer, or straight to where the call wants an identity body. Stops at the
 * step's byte budget, at a pause, at the end of the answer; the level-triggered descriptor (or the
 * TLS stream's own task) brings it back.
 */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/failure.h"
#include "base/limits.h"
#include "conn/h1_internal.h"

#define MIN_ROOM 4096 /* a buffer with less room left is given up for a new one */

static hh_slice unread(const hh_h1 *h1)
{
    return (hh_slice){h1->buf->data + h1->start, h1->end - h1->start};
}

void hh__h1_release_buffer(hh_h1 *h1)
{
    if (h1->buf == NULL || h1->start < h1->end)
        return;
    hh__buf_release(h1->conn.env->buffers, h1->buf);
    h1->buf = NULL;
    h1->start = h1->end = 0;
}

static void fail(hh_h1 *h1, hh_status code, hh_phase phase, const char *problem)
{
    hh_error error;
    hh__fail(&error, code, phase, "%s sent a malformed answer: %s", h1->conn.remote, problem);
    hh__h1_fail(h1, &error);
}

static void fail_no_memory(hh_h1 *h1)
{
    hh_error error;
    hh__fail(&error, HH_ERR_NO_MEMORY,
             h1->receive == HH_H1_RECEIVE_HEAD ? HH_PHASE_HEADERS : HH_PHASE_BODY,
             "no memory to receive from %s", h1->conn.remote);
    hh__h1_fail(h1, &error);
}

/* After a report that borrowed buf or work. False: the call was cancelled or closed from within. */
static bool end_report(hh_h1 *h1, const hh_call *call)
{
    h1->is_reporting = false;
    if (h1->call == call)
        return true;
    hh__h1_release(h1);
    return false;
}

static void follow(hh_h1 *h1, const hh_call *call, hh_flow flow)
{
    if (!end_report(h1, call) || flow != HH_FLOW_PAUSE)
        return;
    h1->is_paused = true;
    if (hh__stream_listen(h1->stream, 0) != HH_OK)
        h1->is_spent = true; /* it stays readable: resume still works, at the price of spinning */
}

/* Room behind `end` in a buffer nobody but us writes to. A head in progress stays contiguous. */
static bool make_room(hh_h1 *h1)
{
    hh_buf_pool *pool = h1->conn.env->buffers;
    uint32_t held = h1->end - h1->start;
    if (h1->buf != NULL) {
        bool is_ours = atomic_load_explicit(&h1->buf->refs, memory_order_acquire) == 1;
        if (held == 0 && is_ours)
            h1->start = h1->end = 0;
        if (h1->buf->capacity - h1->end >= MIN_ROOM ||
            (h1->start == 0 && h1->end < h1->buf->capacity))
            return true;
        if (is_ours && h1->start > 0) {
            memmove(h1->buf->data, h1->buf->data + h1->start, held);
            h1->start = 0;
            h1->end = held;
            return true;
        }
    }
    hh_buf *buf = hh__buf_take(pool);
    if (buf == NULL)
        return false;
    if (h1->buf != NULL) {
        memcpy(buf->data, h1->buf->data + h1->start, held);
        hh__buf_release(pool, h1->buf);
    }
    h1->buf = buf;
    h1->start = 0;
    h1->end = held;
    return true;
}

static hh_head head_view(const hh_h1 *h1)
{
    const hh_h1_parser *parser = &h1->work->parser;
    hh_head head = {
        .status = parser->status,
        .version = parser->version,
        .text = {h1->buf->data + h1->start, parser->head_length},
        .reason_offset = parser->reason_offset,
        .reason_length = parser->reason_length,
        .entries = parser->fields.entries,
        .entry_count = parser->fields.count,
        .content_length = h1->work->framing.length,
        .framing = h1->work->framing.kind,
    };
    return head;
}

/* 100 lets the body go; other 1xx are passed on; all are bounded (RFC 9110 §15.2). */
static void take_information(hh_h1 *h1)
{
    hh_conn_work *work = h1->work;
    if (++work->informational > HH_INFORMATIONAL_MAX) {
        fail(h1, HH_ERR_PROTOCOL, HH_PHASE_HEADERS, "too many informational responses");
        return;
    }
    hh_call *call = h1->call;
    hh_head head = head_view(h1);
    h1->is_reporting = true;
    call->ops->on_information(call, &head);
    if (!end_report(h1, call))
        return;
    h1->start += work->parser.head_length;
    bool is_continue = work->parser.status == 100;
    hh__h1_parser_reset(&work->parser);
    if (is_continue)
        hh__h1_send_continue(h1);
}

static void take_final_head(hh_h1 *h1)
{
    hh_call *call = h1->call;
    hh_conn_work *work = h1->work;
    call->first_byte_ns = hh__loop_now(h1->conn.env->loop);
    h1->peer_version = work->parser.version;
    /* RFC 9112 §9.5: a final answer before the request is out; go on only if it is welcome. */
    bool is_early = h1->send != HH_H1_SEND_DONE && h1->send != HH_H1_SEND_STOPPED;
    if (is_early && (work->parser.status >= 300 || h1->send == HH_H1_SEND_EXPECT)) {
        hh__h1_set_send(h1, HH_H1_SEND_STOPPED);
        h1->is_spent = true;
    }
    hh_head head = head_view(h1);
    hh__h1_set_receive(h1, HH_H1_RECEIVE_BODY);
    work->remaining = work->framing.kind == HH_FRAMING_LENGTH ? work->framing.length : 0;
    h1->start += work->parser.head_length;
    h1->is_reporting = true;
    hh_flow flow = call->ops->on_head(call, &head);
    follow(h1, call, flow);
}

static void take_head(hh_h1 *h1)
{
    hh_conn_work *work = h1->work;
    switch (hh__h1_parse(&work->parser, unread(h1))) {
    case HH_H1_NEED_MORE:
        if (h1->end - h1->start >= h1->conn.env->buffers->capacity)
            fail(h1, HH_ERR_HEADERS_TOO_LARGE, HH_PHASE_HEADERS, "the head is too large");
        return;
    case HH_H1_ERROR:
        fail(h1, work->parser.failure, HH_PHASE_HEADERS, work->parser.problem);
        return;
    case HH_H1_COMPLETE:
        break;
    }
    if (hh__h1_framing(&work->parser, h1->buf->data + h1->start, h1->call->request_kind,
                       &work->framing) != HH_OK) {
        fail(h1, HH_ERR_PROTOCOL, HH_PHASE_HEADERS, work->framing.problem);
        return;
    }
    /* RFC 9110 §7.8: 101 only when asked for; a tunnel only to a CONNECT. */
    if (work->framing.kind == HH_FRAMING_TUNNEL)
        fail(h1, HH_ERR_PROTOCOL, HH_PHASE_HEADERS, "it switches protocols, unasked");
    else if (work->parser.status < 200)
        take_information(h1);
    else
        take_final_head(h1);
}

static void take_body(hh_h1 *h1, size_t length)
{
    hh_call *call = h1->call;
    hh_slice data = {h1->buf->data + h1->start, length};
    h1->start += (uint32_t)length;
    call->body_bytes += length;
    h1->is_reporting = true;
    hh_flow flow = call->ops->on_body(call, data, h1->buf);
    follow(h1, call, flow);
}

static void take_chunked(hh_h1 *h1)
{
    hh_conn_work *work = h1->work;
    hh_slice body;
    size_t used = 0;
    hh_chunked_result result = hh__chunked_next(&work->chunked, unread(h1), &used, &body);
    h1->start += (uint32_t)used;
    switch (result) {
    case HH_CHUNKED_NEED_MORE:
        return;
    case HH_CHUNKED_PIECE: {
        hh_call *call = h1->call;
        call->body_bytes += body.length;
        h1->is_reporting = true;
        hh_flow flow = call->ops->on_body(call, body, h1->buf);
        follow(h1, call, flow);
        return;
    }
    case HH_CHUNKED_COMPLETE:
        hh__h1_complete(h1);
        return;
    case HH_CHUNKED_ERROR:
        fail(h1, work->chunked.failure, HH_PHASE_BODY, work->chunked.problem);
        return;
    }
}

/* Consumes some of the buffer according to the framing; completes the call where the body ends. */
static void take_framed(hh_h1 *h1)
{
    hh_conn_work *work = h1->work;
    size_t held = h1->end - h1->start;
    switch (work->framing.kind) {
    case HH_FRAMING_NONE:
    case HH_FRAMING_TUNNEL:
        hh__h1_complete(h1);
        return;
    case HH_FRAMING_LENGTH:
        if (work->remaining == 0) {
            hh__h1_complete(h1);
        } else if (held > 0) {
            size_t length = held < work->remaining ? held : (size_t)work->remaining;
            work->remaining -= length;
            take_body(h1, length);
        }
        return;
    case HH_FRAMING_CHUNKED:
        if (held > 0)
            take_chunked(h1);
        return;
    case HH_FRAMING_CLOSE:
        if (held > 0)
            take_body(h1, held);
        return;
    }
}

/* Consumes what lies in the buffer until it needs more, pauses, or the call is over. */
static void consume(hh_h1 *h1, const hh_call *call)
{
    for (;;) {
        uint32_t start = h1->start;
        hh_h1_receive receive = h1->receive;
        if (receive == HH_H1_RECEIVE_HEAD && h1->start < h1->end)
            take_head(h1);
        else if (receive == HH_H1_RECEIVE_BODY)
            take_framed(h1);
        if (h1->call != call || h1->is_paused)
            return;
        if (h1->start == start && h1->receive == receive)
            return;
    }
}

static void on_close_delimited_end(hh_h1 *h1)
{
    /* RFC 9112 §9.8: without close_notify nobody knows whether this was the end. */
    if (!h1->stream->was_truncated) {
        hh__h1_complete(h1);
        return;
    }
    hh_error error;
    hh__fail(&error, HH_ERR_TRUNCATED, HH_PHASE_BODY,
             "%s closed the connection after %" PRIu64
             " body bytes without TLS close_notify: the body may be cut off",
             h1->conn.remote, h1->call->body_bytes);
    hh__h1_fail(h1, &error);
}

static void on_end(hh_h1 *h1)
{
    const hh_call *call = h1->call;
    hh_error error;
    if (h1->receive == HH_H1_RECEIVE_HEAD) {
        if (h1->has_send_error && h1->start == h1->end)
            error = h1->work->failure;
        else if (h1->start == h1->end && h1->work->informational == 0)
            hh__fail(&error, HH_ERR_EMPTY_RESPONSE, HH_PHASE_HEADERS,
                     "%s closed the connection without an answer", h1->conn.remote);
        else
            hh__fail(&error, HH_ERR_TRUNCATED, HH_PHASE_HEADERS,
                     "%s closed the connection inside the response headers", h1->conn.remote);
    } else if (h1->work->framing.kind == HH_FRAMING_CLOSE) {
        on_close_delimited_end(h1);
        return;
    } else if (h1->work->framing.kind == HH_FRAMING_LENGTH) {
        hh__fail(&error, HH_ERR_TRUNCATED, HH_PHASE_BODY,
                 "server closed the connection after %" PRIu64 " of %" PRIu64 " body bytes (%s)",
                 call->body_bytes, h1->work->framing.length, h1->conn.remote);
    } else {
        hh__fail(&error, HH_ERR_TRUNCATED, HH_PHASE_BODY,
                 "server closed the connection after %" PRIu64
                 " body bytes, before the last chunk (%s)",
                 call->body_bytes, h1->conn.remote);
    }
    hh__h1_fail(h1, &error);
}

static void on_read_error(hh_h1 *h1)
{
    hh_error error;
    bool is_head = h1->receive == HH_H1_RECEIVE_HEAD;
    if (h1->has_send_error && is_head && h1->start == h1->end)
        error = h1->work->failure;
    else
        hh__stream_describe(h1->stream, is_head ? HH_PHASE_HEADERS : HH_PHASE_BODY, h1->conn.remote,
                            &error);
    hh__h1_fail(h1, &error);
}

/* Where the next bytes go: the call's own memory for an identity body, else the buffer. */
typedef struct target {
    char *data;
    size_t capacity;
    bool is_placed;
} target;

static bool choose_target(hh_h1 *h1, target *out)
{
    const hh_conn_work *work = h1->work;
    if (h1->receive == HH_H1_RECEIVE_BODY && h1->start == h1->end &&
        (work->framing.kind == HH_FRAMING_LENGTH || work->framing.kind == HH_FRAMING_CLOSE)) {
        uint64_t left = work->framing.kind == HH_FRAMING_LENGTH ? work->remaining : UINT64_MAX;
        size_t room = h1->call->ops->place(h1->call, left, &out->data);
        if (room > 0) {
            out->capacity = room < left ? room : (size_t)left;
            out->is_placed = true;
            return true;
        }
    }
    if (!make_room(h1))
        return false;
    out->data = h1->buf->data + h1->end;
    out->capacity = h1->buf->capacity - h1->end;
    out->is_placed = false;
    return true;
}

static void take_received(hh_h1 *h1, const target *where, size_t count)
{
    hh_call *call = h1->call;
    call->received_bytes += count;
    h1->conn.env->bytes_received += count;
    if (where->is_placed) {
        call->body_bytes += count;
        if (h1->work->framing.kind == HH_FRAMING_LENGTH)
            h1->work->remaining -= count;
        h1->is_reporting = true;
        hh_flow flow = call->ops->on_placed(call, count);
        follow(h1, call, flow);
    } else {
        h1->end += (uint32_t)count;
    }
    if (h1->call == call && !h1->is_paused)
        consume(h1, call);
}

/* One read and what follows from it. True: there may be more to read now. */
static bool receive_once(hh_h1 *h1, size_t *budget)
{
    const hh_call *call = h1->call;
    uint32_t turn = h1->turn;
    target where;
    size_t count = 0;
    if (!choose_target(h1, &where)) {
        fail_no_memory(h1);
        return false;
    }
    switch (hh__stream_read(h1->stream, where.data, where.capacity, &count)) {
    case HH_IO_WAIT:
        return false;
    case HH_IO_EOF:
        on_end(h1);
        return false;
    case HH_IO_ERROR:
        on_read_error(h1);
        return false;
    case HH_IO_OK:
        break;
    }
    h1->was_read_full = count == where.capacity;
    bool is_short = h1->stream->short_read_is_last && !h1->was_read_full;
    *budget -= count < *budget ? count : *budget;
    take_received(h1, &where, count);
    return h1->call == call && h1->turn == turn && !h1->is_paused && !is_short;
}

void hh__h1_receive_ready(hh_h1 *h1)
{
    const hh_call *call = h1->call;
    uint32_t turn = h1->turn;
    uint64_t received = call->received_bytes;
    size_t budget = HH_CONN_STEP_BYTES_MAX;

    if (h1->receive == HH_H1_RECEIVE_BODY || h1->start < h1->end)
        consume(h1, call); /* left over from a pause */
    while (h1->call == call && h1->turn == turn && !h1->is_paused && budget > 0 &&
           receive_once(h1, &budget))
        ;
    if (h1->receive == HH_H1_RECEIVE_CLOSED || h1->call == NULL)
        return;
    if (h1->start == h1->end)
        hh__h1_release_buffer(h1);
    /* Readiness without a byte of the answer (a TLS ticket, say) is no progress. */
    if (h1->turn != turn || h1->call->received_bytes != received)
        hh__h1_touch(h1);
}
