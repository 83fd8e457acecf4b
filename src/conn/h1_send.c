/*
 * h1_send.c - the request's way out: head and body from memory in one write, pushed bodies with or
 * without chunks (RFC 9112 §7.1), Expect: 100-continue (RFC 9110 §10.1.1).
 *
 * Writes at once and waits for writability only after a short write. A failing write doesn't fail
 * the call by itself: the peer may have answered before it closed (RFC 9112 §9.5), so the answer is
 * read first and the failure kept for the case that there is none.
 */
#include <assert.h>
#include <string.h>

#include "base/failure.h"
#include "base/limits.h"
#include "codec/h1_writer.h"
#include "conn/h1_internal.h"

#define PIECE_MIN_BYTES 1024

bool hh__h1_has_unsent(const hh_h1 *h1)
{
    const hh_conn_work *work = h1->work;
    if (work == NULL)
        return false;
    if (h1->send == HH_H1_SEND_MEMORY)
        return work->memory_sent < work->memory_limit;
    return h1->send == HH_H1_SEND_PUSHED && work->out_sent < work->out.length;
}

static void keep_send_error(hh_h1 *h1)
{
    hh__stream_describe(h1->stream, HH_PHASE_SEND, h1->conn.remote, &h1->work->failure);
    h1->has_send_error = true;
    h1->is_spent = true;
    hh__h1_set_send(h1, HH_H1_SEND_STOPPED);
    hh__h1_touch(h1); /* from now on the answer is waited for */
    hh__h1_later(h1, HH_H1_LATER_RECEIVE);
}

static hh_io write_pieces(hh_h1 *h1, const struct iovec *pieces, int count, size_t *written)
{
    *written = 0;
    h1->was_written = true;
    hh_io io = hh__stream_write(h1->stream, pieces, count, written);
    if (io == HH_IO_OK) {
        h1->call->sent_bytes += *written;
        h1->conn.env->bytes_sent += *written;
    } else if (io != HH_IO_WAIT) {
        keep_send_error(h1);
    }
    return io;
}

/* The part of head and body from memory that isn't out yet, up to the limit. */
static int memory_pieces(const hh_h1 *h1, struct iovec pieces[2])
{
    const hh_call *call = h1->call;
    uint64_t from = h1->work->memory_sent;
    int count = 0;
    if (from < call->head.length) {
        pieces[count].iov_base = hh__iovec_base(call->head.data + from);
        pieces[count++].iov_len = call->head.length - (size_t)from;
        from = call->head.length;
    }
    if (from < h1->work->memory_limit) {
        pieces[count].iov_base = hh__iovec_base(call->body.data + (from - call->head.length));
        pieces[count++].iov_len = (size_t)(h1->work->memory_limit - from);
    }
    return count;
}

/* The head is out, or head and body are. */
static void memory_is_out(hh_h1 *h1)
{
    const hh_call *call = h1->call;
    bool has_more = call->body_kind != HH_BODY_NONE &&
                    h1->work->memory_limit == call->head.length &&
                    (call->body_kind == HH_BODY_PUSHED || call->body.length > 0);
    if (!has_more) {
        hh__h1_set_send(h1, HH_H1_SEND_DONE);
    } else if (call->expect == HH_EXPECT_CONTINUE) {
        hh__h1_set_send(h1, HH_H1_SEND_EXPECT);
        if (h1->work->is_continued)
            hh__h1_send_continue(h1);
    } else {
        hh__h1_set_send(h1, HH_H1_SEND_PUSHED);
        hh__h1_later(h1, HH_H1_LATER_WANT_BODY);
    }
}

static void flush_memory(hh_h1 *h1)
{
    while (h1->work->memory_sent < h1->work->memory_limit) {
        struct iovec pieces[2];
        int count = memory_pieces(h1, pieces);
        size_t written;
        if (write_pieces(h1, pieces, count, &written) != HH_IO_OK)
            return;
        h1->work->memory_sent += written;
    }
    memory_is_out(h1);
}

static void pushed_is_out(hh_h1 *h1)
{
    hh_conn_work *work = h1->work;
    hh__bytes_clear(&work->out);
    work->out_sent = 0;
    if (work->push_end == HH_PUSH_LAST)
        hh__h1_set_send(h1, HH_H1_SEND_DONE);
    else
        hh__h1_later(h1, HH_H1_LATER_WANT_BODY);
}

static void flush_pushed(hh_h1 *h1)
{
    hh_conn_work *work = h1->work;
    while (work->out_sent < work->out.length) {
        struct iovec piece = {work->out.data + work->out_sent, work->out.length - work->out_sent};
        size_t written;
        if (write_pieces(h1, &piece, 1, &written) != HH_IO_OK)
            return;
        work->out_sent += written;
    }
    pushed_is_out(h1);
}

void hh__h1_flush(hh_h1 *h1)
{
    if (h1->send == HH_H1_SEND_MEMORY)
        flush_memory(h1);
    else if (h1->send == HH_H1_SEND_PUSHED)
        flush_pushed(h1);
    hh__h1_touch(h1);
}

/* RFC 9112 §6.1: a server that answered with HTTP/1.0 may not know the chunked coding. */
static bool knows_no_chunks(const hh_h1 *h1)
{
    return h1->peer_version == 10 && h1->call->body_kind == HH_BODY_PUSHED &&
           h1->call->body_length == UINT64_MAX;
}

void hh__h1_send_start(hh_h1 *h1)
{
    const hh_call *call = h1->call;
    hh_conn_work *work = h1->work;
    hh__h1_set_send(h1, HH_H1_SEND_MEMORY);
    if (knows_no_chunks(h1)) {
        hh__fail(&work->failure, HH_ERR_PROTOCOL, HH_PHASE_SEND,
                 "%s speaks HTTP/1.0, which has no chunked bodies: give the body's length",
                 h1->conn.remote);
        hh__h1_fail_later(h1);
        return;
    }
    work->memory_limit = call->head.length;
    if (call->body_kind == HH_BODY_MEMORY && call->expect == HH_EXPECT_NOTHING)
        work->memory_limit += call->body.length;
    hh__h1_flush(h1);
}

void hh__h1_send_continue(hh_h1 *h1)
{
    h1->work->is_continued = true;
    if (h1->send != HH_H1_SEND_EXPECT)
        return;
    if (h1->call->body_kind == HH_BODY_MEMORY) {
        h1->work->memory_limit = h1->call->head.length + h1->call->body.length;
        hh__h1_set_send(h1, HH_H1_SEND_MEMORY);
    } else {
        hh__h1_set_send(h1, HH_H1_SEND_PUSHED);
        hh__h1_later(h1, HH_H1_LATER_WANT_BODY);
    }
    hh__h1_flush(h1);
}

/* What a piece may need beside its bytes: a chunk's head and end, and the last chunk, so that
 * ending a body whose bytes were taken can't fail. */
#define FRAMING_BYTES (HH_CHUNK_HEAD_BYTES + sizeof HH_CHUNK_END + sizeof HH_CHUNK_LAST)

/* Nothing is lost when there is no room. */
static hh_status reserve(hh_bytes *out, size_t length)
{
    if (hh__bytes_reserve(out, length) != NULL)
        return HH_OK;
    out->status = HH_OK; /* what is held stays whole */
    return HH_ERR_NO_MEMORY;
}

/* Sends one piece at once as far as the peer takes it, and keeps the rest, framing included. */
static hh_status push_piece(hh_h1 *h1, hh_slice data, hh_push_end end)
{
    static const char end_and_last[] = HH_CHUNK_END HH_CHUNK_LAST;
    hh_conn_work *work = h1->work;
    char head[HH_CHUNK_HEAD_BYTES];
    bool is_chunked = h1->call->body_length == UINT64_MAX;
    size_t head_length = is_chunked ? hh__h1_format_chunk_head(data.length, head) : 0;
    struct iovec pieces[3] = {{head, head_length},
                              {hh__iovec_base(data.data), data.length},
                              {hh__iovec_base(end_and_last), 0}};
    size_t first = is_chunked ? 0 : 1;
    size_t written = 0;

    if (is_chunked)
        pieces[2].iov_len = end == HH_PUSH_LAST ? sizeof end_and_last - 1 : sizeof HH_CHUNK_END - 1;
    if (reserve(&work->out, data.length + FRAMING_BYTES) != HH_OK)
        return HH_ERR_NO_MEMORY;
    if (work->out.length == 0 &&
        write_pieces(h1, pieces + first, is_chunked ? 3 : 1, &written) != HH_IO_OK)
        written = 0;
    for (size_t i = first; i < 3; i++) {
        size_t skip = written < pieces[i].iov_len ? written : pieces[i].iov_len;
        hh__bytes_append(&work->out, (char *)pieces[i].iov_base + skip, pieces[i].iov_len - skip);
        written -= skip;
    }
    work->push_end = end;
    return work->out.status;
}

static hh_status finish_push(hh_h1 *h1)
{
    hh_conn_work *work = h1->work;
    if (h1->call->body_length == UINT64_MAX) {
        if (reserve(&work->out, sizeof HH_CHUNK_LAST) != HH_OK)
            return HH_ERR_NO_MEMORY;
        hh__bytes_append_text(&work->out, HH_CHUNK_LAST);
    }
    work->push_end = HH_PUSH_LAST;
    return HH_OK;
}

/* How many of `wanted` bytes the next piece takes; 0: nearly full, not worth a chunk. */
static size_t piece_length(const hh_h1 *h1, size_t wanted)
{
    size_t held = h1->work->out.length + FRAMING_BYTES;
    size_t room = held < HH_PUSH_BUFFER_MAX_BYTES ? (HH_PUSH_BUFFER_MAX_BYTES - held) / 2 : 0;
    if (wanted <= room)
        return wanted;
    return room >= PIECE_MIN_BYTES ? room : 0;
}

/* Takes what there is room for; *taken tells how much, whatever comes of it. */
static hh_status push_pieces(hh_h1 *h1, hh_slice data, hh_push_end end, size_t *taken)
{
    *taken = 0;
    while (*taken < data.length && h1->send == HH_H1_SEND_PUSHED) {
        size_t length = piece_length(h1, data.length - *taken);
        if (length == 0)
            break;
        bool is_last = end == HH_PUSH_LAST && length == data.length - *taken;
        hh_status status = push_piece(h1, (hh_slice){data.data + *taken, length},
                                      is_last ? HH_PUSH_LAST : HH_PUSH_MORE);
        if (status != HH_OK)
            return status;
        *taken += length;
        h1->call->pushed_bytes += length;
    }
    return HH_OK;
}

static hh_status check_push(const hh_h1 *h1, const hh_call *call, hh_slice data, hh_push_end end)
{
    if (h1->call != call || h1->work == NULL || h1->send != HH_H1_SEND_PUSHED ||
        h1->work->push_end == HH_PUSH_LAST)
        return HH_ERR_STATE;
    return hh__call_check_length(call, data, end);
}

hh_status hh__h1_push(hh_conn *conn, hh_call *call, hh_slice data, hh_push_end end,
                      size_t *accepted)
{
    hh_h1 *h1 = hh__h1_of(conn);
    hh_status status = check_push(h1, call, data, end);
    size_t taken;
    if (status != HH_OK)
        return status;

    status = push_pieces(h1, data, end, &taken);
    if (taken == data.length && h1->send == HH_H1_SEND_PUSHED &&
        h1->work->push_end == HH_PUSH_MORE &&
        (end == HH_PUSH_LAST || call->pushed_bytes == call->body_length))
        status = finish_push(h1);
    if (status != HH_OK && taken == 0)
        return status;
    *accepted = taken; /* what was taken must not be pushed again, even if memory ended there */
    if (h1->send == HH_H1_SEND_PUSHED)
        hh__h1_flush(h1);
    return HH_OK;
}
