/*
 * h2_send.c - the way out: requests into nghttp2, its frames into the assembly, that into one
 * write.
 *
 * Everything a step has to say is gathered first: control frames and HEADERS in the assembly, DATA
 * payloads of any size as pieces that point at the call's own body (RFC 9113 §6.1, so that nothing
 * is copied on its way to writev; a TLS stream gathers them into records by itself). Writes at once
 * and waits for writability only after a short write; while bytes are left no more are gathered, so
 * what is pending stays bounded.
 */
#include <assert.h>
#include <string.h>

#include "base/failure.h"
#include "base/memory.h"
#include "conn/h2_internal.h"

#define ASSEMBLY_FULL_BYTES 65536 /* enough for one write */
#define LEND_MIN_BYTES 1024       /* less is copied: a piece costs more than that */
#define PUSH_MIN_ROOM_BYTES 1024

/* --- the assembly ---------------------------------------------------------------------------- */

static bool has_room(const hh_h2 *h2)
{
    /* A DATA frame takes two pieces: its head, unless the assembly's last piece takes that, and its
     * payload. */
    return h2->piece_first + h2->piece_count + 2 <= HH_H2_PIECES_MAX &&
           h2->out.length < ASSEMBLY_FULL_BYTES;
}

/* A request's HEADERS may come behind answers of nghttp2's and a DATA frame that found no room
 * before: they must all fit, for nothing of a request may stay with nghttp2. */
static bool has_room_for_request(const hh_h2 *h2)
{
    return h2->piece_first + h2->piece_count + 4 <= HH_H2_PIECES_MAX &&
           h2->out.length < ASSEMBLY_FULL_BYTES / 2;
}

static hh_h2_piece *add_piece(hh_h2 *h2)
{
    assert(h2->piece_first + h2->piece_count < HH_H2_PIECES_MAX);
    hh_h2_piece *piece = &h2->pieces[h2->piece_first + h2->piece_count++];
    *piece = (hh_h2_piece){.length = 0};
    return piece;
}

/* Copies bytes to the end of what is to be written. False: no memory. */
static bool assemble(hh_h2 *h2, const void *data, size_t length)
{
    hh__bytes_append(&h2->out, data, length);
    if (h2->out.status != HH_OK)
        return false;
    hh_h2_piece *last =
        h2->piece_count > 0 ? &h2->pieces[h2->piece_first + h2->piece_count - 1] : NULL;
    if (last == NULL || last->data != NULL)
        last = add_piece(h2);
    last->length += length;
    h2->assembled += length;
    return true;
}

static void lend(hh_h2_stream *s, const char *data, size_t length)
{
    hh_h2_piece *piece = add_piece(s->h2);
    piece->lender = s;
    piece->data = data;
    piece->length = length;
    s->h2->assembled += length;
}

static void drop_piece(hh_h2 *h2)
{
    hh__buf_release(h2->conn.env->buffers, h2->pieces[h2->piece_first].copy);
    h2->piece_first++;
    h2->piece_count--;
}

void hh__h2_drop_pieces(hh_h2 *h2)
{
    while (h2->piece_count > 0)
        drop_piece(h2);
}

/* So many bytes are with the system. */
static void advance(hh_h2 *h2, size_t written)
{
    h2->conn.env->bytes_sent += written;
    h2->written += written;
    while (written > 0) {
        hh_h2_piece *piece = &h2->pieces[h2->piece_first];
        size_t step = written < piece->length ? written : piece->length;
        if (piece->data != NULL)
            piece->data += step;
        else
            h2->out_sent += step;
        piece->length -= step;
        written -= step;
        if (piece->length == 0)
            drop_piece(h2);
    }
    if (h2->piece_count > 0)
        return;
    h2->piece_first = 0;
    h2->out_sent = 0;
    hh__bytes_clear(&h2->out);
}

static hh_io write_pieces(hh_h2 *h2)
{
    struct iovec vectors[HH_H2_PIECES_MAX];
    char *assembled = h2->out.data + h2->out_sent;
    size_t written = 0;
    for (unsigned i = 0; i < h2->piece_count; i++) {
        const hh_h2_piece *piece = &h2->pieces[h2->piece_first + i];
        vectors[i].iov_len = piece->length;
        vectors[i].iov_base = piece->data != NULL ? hh__iovec_base(piece->data) : assembled;
        assembled += piece->data != NULL ? 0 : piece->length;
    }
    hh_io io = hh__stream_write(h2->stream, vectors, (int)h2->piece_count, &written);
    if (io == HH_IO_OK)
        advance(h2, written);
    return io;
}

void hh__h2_disown(hh_h2_stream *s)
{
    hh_h2 *h2 = s->h2;
    for (unsigned i = 0; i < h2->piece_count; i++) {
        hh_h2_piece *piece = &h2->pieces[h2->piece_first + i];
        if (piece->lender != s)
            continue;
        piece->lender = NULL;
        piece->copy = hh__buf_create((uint32_t)piece->length);
        if (piece->copy == NULL) { /* half a frame can't be taken back */
            hh__h2_break(h2, HH_ERR_NO_MEMORY, 0, "no memory for what it was being sent");
            h2->is_mute = true;
            return;
        }
        memcpy(piece->copy->data, piece->data, piece->length);
        piece->data = piece->copy->data;
    }
}

/* --- nghttp2's frames ------------------------------------------------------------------------ */

/* Gives the alias in a SETTINGS frame, if it is one, its true number. */
static void name_setting(char *frame, size_t length)
{
    enum { TYPE = 3, ENTRY_BYTES = 6 };
    if (length <= HH_H2_FRAME_HEAD_BYTES || frame[TYPE] != NGHTTP2_SETTINGS)
        return;
    for (size_t at = HH_H2_FRAME_HEAD_BYTES; at + ENTRY_BYTES <= length; at += ENTRY_BYTES) {
        unsigned id = (unsigned)(unsigned char)frame[at] << 8 | (unsigned char)frame[at + 1];
        if (id != HH_H2_SETTING_ALIAS)
            continue;
        frame[at] = 0;
        frame[at + 1] = HH_H2_SETTING_NO_RFC7540_PRIORITIES;
    }
}

/* One frame of nghttp2's into the assembly. False: it has none, or there is no room, or it broke.
 */
static bool pull_frame(hh_h2 *h2)
{
    const uint8_t *data;
    bool is_preface = h2->settings_sent_ns == 0;
    h2->is_inside = true;
    ssize_t length = nghttp2_session_mem_send(h2->session, &data);
    h2->is_inside = false;
    if (length < 0) {
        /* The table of the compression may be ahead of what the peer has seen: not a word more. */
        h2->is_mute = true;
        hh__h2_break(h2, length == NGHTTP2_ERR_NOMEM ? HH_ERR_NO_MEMORY : HH_ERR_PROTOCOL,
                     NGHTTP2_INTERNAL_ERROR, nghttp2_strerror((int)length));
    }
    if (length <= 0)
        return false;
    if (!assemble(h2, data, (size_t)length)) {
        hh__h2_break(h2, HH_ERR_NO_MEMORY, 0, "no memory for what it is sent");
        h2->is_mute = true;
        return false;
    }
    if (is_preface)
        name_setting(h2->out.data + h2->out.length - length, (size_t)length);
    return true;
}

static size_t pushed_bytes(const hh_h2_stream *s)
{
    return s->out.length - s->out_sent;
}

/* How much of the body is there to be sent. */
static size_t available(const hh_h2_stream *s)
{
    if (s->send != HH_H2_SEND_BODY)
        return 0;
    if (s->call->body_kind == HH_BODY_MEMORY)
        return s->call->body.length - (size_t)s->memory_sent;
    return pushed_bytes(s);
}

static bool is_whole(const hh_h2_stream *s)
{
    return s->call->body_kind == HH_BODY_MEMORY || s->push_end == HH_PUSH_LAST;
}

static ssize_t on_read_body(nghttp2_session *session, int32_t id, uint8_t *buf, size_t length,
                            uint32_t *flags, nghttp2_data_source *source, void *user)
{
    (void)buf, (void)source, (void)user;
    hh_h2_stream *s = nghttp2_session_get_stream_user_data(session, id);
    if (s == NULL)
        return NGHTTP2_ERR_DEFERRED; /* its call has gone, its reset comes */
    size_t there = available(s);
    if (s->send != HH_H2_SEND_BODY || (there == 0 && !is_whole(s))) {
        s->is_deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    size_t count = there < length ? there : length;
    if (count == there && is_whole(s))
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (count > 0)
        *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    return (ssize_t)count;
}

static bool has_body(const hh_call *call)
{
    return call->body_kind == HH_BODY_PUSHED ||
           (call->body_kind == HH_BODY_MEMORY && call->body.length > 0);
}

static void fail_start(hh_h2_stream *s, int result)
{
    hh_error error;
    bool is_memory = result == NGHTTP2_ERR_NOMEM;
    hh__fail(&error, is_memory ? HH_ERR_NO_MEMORY : HH_ERR_REFUSED, HH_PHASE_SEND,
             "can't begin a stream to %s: %s", s->h2->conn.remote, nghttp2_strerror(result));
    hh__h2_fail_later(s, &error);
}

/* The oldest waiting request goes out, as far as the assembly: nghttp2 sends HEADERS before DATA,
 * and what it answers by itself is bounded, so they are there after a few frames. False: none may.
 */
static bool start_next(hh_h2 *h2)
{
    hh_link *link = hh__list_first(&h2->waiting);
    if (link == NULL || h2->failure != HH_OK || h2->live >= h2->streams_max ||
        !has_room_for_request(h2))
        return false;
    hh_h2_stream *s = HH_CONTAINER_OF(link, hh_h2_stream, link);
    if (s->failure != NULL)
        return false;
    const hh_h2_request *request = s->call->h2_request;
    nghttp2_data_provider body = {.source = {.ptr = s}, .read_callback = on_read_body};
    hh__list_remove(&s->link);
    hh__list_push_back(&h2->open, &s->link);
    hh__h2_set_send(s, HH_H2_SEND_HEAD);
    hh__h2_window_init(&s->window, HH_H2_WINDOW_BYTES, HH_H2_WINDOW_MAX_BYTES,
                       hh__loop_now(h2->conn.env->loop));
    int32_t id = nghttp2_submit_request(h2->session, NULL, request->fields, request->count,
                                        has_body(s->call) ? &body : NULL, s);
    if (id < 0) {
        fail_start(s, id);
        if (id == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE)
            hh__h2_drain(h2);
        return true;
    }
    s->id = id;
    s->begins_at = h2->assembled;
    while (s->send == HH_H2_SEND_HEAD && s->failure == NULL && pull_frame(h2))
        ;
    return true;
}

/* RFC 9113 §10.5: a peer that makes us answer and doesn't read the answers. */
static void check_outbound(hh_h2 *h2)
{
    size_t frames = nghttp2_session_get_outbound_queue_size(h2->session);
    if (frames > HH_H2_OUTBOUND_FRAMES_MAX + h2->live)
        hh__h2_break(h2, HH_ERR_PROTOCOL, NGHTTP2_ENHANCE_YOUR_CALM,
                     "it reads nothing and keeps asking");
}

static void gather(hh_h2 *h2)
{
    while (has_room(h2) && !h2->is_mute) {
        bool has_started = start_next(h2);
        if (!pull_frame(h2) && !has_started)
            return;
    }
}

static void keep_send_error(hh_h2 *h2)
{
    hh__stream_describe(h2->stream, HH_PHASE_SEND, h2->conn.remote, &h2->io_error);
    h2->is_mute = true;
    /* The peer may have said why before it closed: the task reads first. */
    hh__h2_later(h2, HH_H2_LATER_READ);
}

void hh__h2_flush(hh_h2 *h2)
{
    assert(!h2->is_inside);
    while (h2->state != HH_H2_CLOSED && !h2->is_mute) {
        gather(h2);
        if (h2->piece_count == 0 || h2->is_mute)
            break;
        hh_io io = write_pieces(h2);
        if (io == HH_IO_WAIT) {
            check_outbound(h2);
            break;
        }
        if (io != HH_IO_OK)
            keep_send_error(h2);
    }
}

/* --- requests -------------------------------------------------------------------------------- */

/* On both sides; nghttp2 forgets the stream right after the callback that brought the end. */
static bool has_ended(const hh_h2_stream *s)
{
    return s->is_closed || (s->receive == HH_H2_RECEIVE_ENDED &&
                            nghttp2_session_get_stream_local_close(s->h2->session, s->id) != 0);
}

void hh__h2_reset(hh_h2_stream *s, uint32_t code)
{
    hh_h2 *h2 = s->h2;
    if (s->id == 0 || s->is_reset || h2->state == HH_H2_CLOSED || has_ended(s))
        return;
    s->is_reset = true;
    if (nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, s->id, code) != 0)
        hh__h2_break(h2, HH_ERR_NO_MEMORY, NGHTTP2_INTERNAL_ERROR, "no memory to reset a stream");
    hh__h2_later(h2, HH_H2_LATER_FLUSH);
}

void hh__h2_head_is_out(hh_h2_stream *s)
{
    const hh_call *call = s->call;
    if (has_body(call)) {
        if (call->expect == HH_EXPECT_CONTINUE && !s->is_continued) {
            hh__h2_set_send(s, HH_H2_SEND_EXPECT);
        } else {
            hh__h2_set_send(s, HH_H2_SEND_BODY);
            s->wants_body = call->body_kind == HH_BODY_PUSHED;
        }
    } else {
        hh__h2_set_send(s, HH_H2_SEND_DONE);
    }
    if (s->wants_body)
        hh__h2_report_later(s);
    hh__h2_touch(s);
}

static void resume_body(hh_h2_stream *s)
{
    if (!s->is_deferred || s->is_closed)
        return;
    s->is_deferred = false;
    if (nghttp2_session_resume_data(s->h2->session, s->id) == NGHTTP2_ERR_NOMEM)
        hh__h2_break(s->h2, HH_ERR_NO_MEMORY, NGHTTP2_INTERNAL_ERROR, "no memory to send a body");
    hh__h2_later(s->h2, HH_H2_LATER_FLUSH);
}

void hh__h2_send_continue(hh_h2_stream *s)
{
    s->is_continued = true;
    if (s->send != HH_H2_SEND_EXPECT)
        return;
    hh__h2_set_send(s, HH_H2_SEND_BODY);
    if (s->call->body_kind == HH_BODY_PUSHED) {
        s->wants_body = true;
        hh__h2_report_later(s);
    } else {
        resume_body(s);
    }
    hh__h2_touch(s);
}

bool hh__h2_has_unsent(const hh_h2_stream *s)
{
    if (s->send == HH_H2_SEND_WAITING || s->send == HH_H2_SEND_HEAD)
        return true;
    if (s->send != HH_H2_SEND_BODY)
        return false;
    return s->call->body_kind == HH_BODY_MEMORY || pushed_bytes(s) > 0 ||
           s->push_end == HH_PUSH_LAST;
}

/* The payload of a DATA frame: lent, or copied when it is small or was pushed. False: no memory. */
static bool put_payload(hh_h2_stream *s, size_t length)
{
    if (s->call->body_kind == HH_BODY_MEMORY) {
        const char *data = s->call->body.data + s->memory_sent;
        s->memory_sent += length;
        if (length < LEND_MIN_BYTES)
            return assemble(s->h2, data, length);
        lend(s, data, length);
        return true;
    }
    bool is_put = assemble(s->h2, s->out.data + s->out_sent, length);
    s->out_sent += length;
    if (pushed_bytes(s) == 0) {
        hh__bytes_clear(&s->out);
        s->out_sent = 0;
        s->wants_body = s->push_end == HH_PUSH_MORE;
        if (s->wants_body)
            hh__h2_report_later(s);
    }
    return is_put;
}

int hh__h2_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                     size_t length, nghttp2_data_source *source, void *user)
{
    hh_h2 *h2 = user;
    hh_h2_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    (void)source;
    if (!has_room(h2))
        return NGHTTP2_ERR_WOULDBLOCK;
    if (s == NULL) /* its call has gone: nghttp2 leaves the frame out */
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (!assemble(h2, head, HH_H2_FRAME_HEAD_BYTES) || !put_payload(s, length)) {
        hh__h2_break(h2, HH_ERR_NO_MEMORY, 0, "no memory for what it is sent");
        h2->is_mute = true;
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    s->call->sent_bytes += HH_H2_FRAME_HEAD_BYTES + length;
    hh__h2_touch(s);
    return 0;
}

/* --- pushed bodies --------------------------------------------------------------------------- */

static hh_status check_push(const hh_h2_stream *s, const hh_call *call, hh_slice data,
                            hh_push_end end)
{
    if (s == NULL || s->send != HH_H2_SEND_BODY || s->failure != NULL ||
        call->body_kind != HH_BODY_PUSHED || s->push_end == HH_PUSH_LAST)
        return HH_ERR_STATE;
    return hh__call_check_length(call, data, end);
}

/* Takes as much as there is room for. */
static hh_status keep_pushed(hh_h2_stream *s, hh_slice data, size_t *taken)
{
    size_t held = pushed_bytes(s);
    size_t room = held < HH_PUSH_BUFFER_MAX_BYTES ? HH_PUSH_BUFFER_MAX_BYTES - held : 0;
    *taken = data.length <= room ? data.length : (room >= PUSH_MIN_ROOM_BYTES ? room : 0);
    if (*taken == 0)
        return HH_OK;
    if (s->out_sent > 0) {
        hh__bytes_consume(&s->out, s->out_sent);
        s->out_sent = 0;
    }
    if (hh__bytes_reserve(&s->out, *taken) == NULL) {
        s->out.status = HH_OK; /* what is held stays whole */
        return HH_ERR_NO_MEMORY;
    }
    hh__bytes_append(&s->out, data.data, *taken);
    s->call->pushed_bytes += *taken;
    return HH_OK;
}

hh_status hh__h2_push(hh_conn *conn, hh_call *call, hh_slice data, hh_push_end end,
                      size_t *accepted)
{
    hh_h2_stream *s = call->stream;
    size_t taken;
    (void)conn;
    hh_status status = check_push(s, call, data, end);
    if (status == HH_OK)
        status = keep_pushed(s, data, &taken);
    if (status != HH_OK)
        return status;
    if (taken == data.length && (end == HH_PUSH_LAST || call->pushed_bytes == call->body_length))
        s->push_end = HH_PUSH_LAST;
    *accepted = taken;
    resume_body(s);
    hh__h2_touch(s);
    return HH_OK;
}
