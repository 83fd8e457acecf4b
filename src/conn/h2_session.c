/*
 * h2_session.c - nghttp2: the session, its settings, and its callbacks, which do nothing but tell
 * h2.c, h2_send.c and h2_receive.c.
 *
 * A callback that finds the connection closed by a report stops the session; it lives on until the
 * end of the run. Whatever nghttp2 itself objects to ends the stream or the connection.
 */
#include <string.h>

#include "base/failure.h"
#include "conn/h2_internal.h"
#include "conn/h2_memory.h"

#define DEFAULT_WINDOW_BYTES 65535 /* RFC 9113 §6.9.2 */

/* The stream a frame is about; mostly the one of the frame before. */
static hh_h2_stream *stream_of(hh_h2 *h2, int32_t id)
{
    if (h2->recent == NULL || h2->recent->id != id)
        h2->recent = nghttp2_session_get_stream_user_data(h2->session, id);
    return h2->recent;
}

/* What a callback returns: a closed connection has nothing more to say. */
static int go_on(const hh_h2 *h2)
{
    return h2->state == HH_H2_CLOSED ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

/* --- header blocks --------------------------------------------------------------------------- */

#define CACHE_LINE_BYTES 64
#define OWNER_BYTES 512

static void prefetch(const void *memory, size_t length)
{
    for (size_t at = 0; at < length; at += CACHE_LINE_BYTES)
        __builtin_prefetch((const char *)memory + at, 1);
}

/* With many streams an answer finds its call out of the caches. Until it is needed the header block
 * has to be decoded: time enough to fetch it. */
static void prefetch_call(const hh_h2_stream *s)
{
    prefetch(s->call, sizeof *s->call);
    prefetch(s, sizeof *s);
    if (s->owner != NULL)
        prefetch(s->owner, OWNER_BYTES);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    hh_h2 *h2 = user;
    (void)session;
    hh_h2_stream *s = stream_of(h2, frame->hd.stream_id);
    h2->head_stream = s;
    if (s == NULL)
        return 0;
    prefetch_call(s);
    if (s->receive == HH_H2_RECEIVE_HEAD)
        hh__h2_head_begin(&h2->head, HH_H2_BLOCK_HEAD, h2->conn.env->max_head_bytes,
                          h2->conn.env->max_fields);
    else
        hh__h2_head_begin(&h2->head, HH_H2_BLOCK_TRAILERS, HH_TRAILER_MAX_BYTES,
                          HH_TRAILER_MAX_FIELDS);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
                     void *user)
{
    hh_h2 *h2 = user;
    (void)session, (void)frame, (void)flags;
    if (h2->head_stream != NULL)
        hh__h2_head_add(&h2->head, (hh_slice){(const char *)name, name_length},
                        (hh_slice){(const char *)value, value_length});
    return 0;
}

/* Fails the stream for what its messages are like; nghttp2 has reset it, or will. */
static void fail_malformed(hh_h2_stream *s, const char *problem)
{
    hh_error error;
    hh__fail(&error, HH_ERR_PROTOCOL,
             s->receive == HH_H2_RECEIVE_HEAD ? HH_PHASE_HEADERS : HH_PHASE_BODY,
             "%s sent a malformed answer: %s", s->h2->conn.remote, problem);
    error.http2_error = NGHTTP2_PROTOCOL_ERROR;
    hh__h2_fail(s, &error, NGHTTP2_PROTOCOL_ERROR);
}

/* --- frames ---------------------------------------------------------------------------------- */

static hh_h2_end end_of(const nghttp2_frame *frame)
{
    return (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 ? HH_H2_LAST : HH_H2_MORE;
}

static void take_settings(hh_h2 *h2)
{
    uint32_t allowed =
        nghttp2_session_get_remote_settings(h2->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    unsigned capacity = allowed < HH_H2_STREAMS_MAX ? allowed : HH_H2_STREAMS_MAX;
    h2->has_settings = true;
    h2->streams_max = capacity;
    if (h2->state != HH_H2_OPEN || capacity == h2->conn.capacity)
        return;
    if (capacity == 0) { /* it takes no requests (RFC 9113 §5.1.2): others may */
        hh__h2_drain(h2);
        return;
    }
    h2->conn.capacity = capacity;
    h2->conn.keeper_ops->on_capacity(&h2->conn);
}

static void take_settings_frame(hh_h2 *h2, const nghttp2_frame *frame)
{
    if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0)
        take_settings(h2);
    else if (h2->rtt_ns == 0)
        h2->rtt_ns = hh__loop_now(h2->conn.env->loop) - h2->settings_sent_ns + 1;
}

/* RFC 9113 §6.8. The streams it leaves out have been closed already, as refused. */
static void take_goaway(hh_h2 *h2, const nghttp2_frame *frame)
{
    if (frame->goaway.error_code != NGHTTP2_NO_ERROR)
        h2->peer_fault = frame->goaway.error_code;
    if (h2->peer_fault != 0 && h2->problem == NULL)
        h2->problem = nghttp2_http2_strerror(h2->peer_fault);
    hh__h2_drain(h2);
}

/* Padding counts as data (RFC 9113 §6.1), and nghttp2 gives it back by itself. */
static void take_data_frame(hh_h2 *h2, const nghttp2_frame *frame)
{
    hh_h2_stream *s = stream_of(h2, frame->hd.stream_id);
    if (s != NULL && end_of(frame) == HH_H2_LAST)
        hh__h2_take_end(s);
}

static void take_headers_frame(hh_h2 *h2, const nghttp2_frame *frame)
{
    hh_h2_stream *s = h2->head_stream;
    h2->head_stream = NULL;
    if (s != NULL)
        hh__h2_take_block(s, end_of(frame));
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    hh_h2 *h2 = user;
    (void)session;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        take_headers_frame(h2, frame);
        break;
    case NGHTTP2_DATA:
        take_data_frame(h2, frame);
        break;
    case NGHTTP2_SETTINGS:
        take_settings_frame(h2, frame);
        break;
    case NGHTTP2_GOAWAY:
        take_goaway(h2, frame);
        break;
    case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0)
            h2->is_pinging = false;
        break;
    default: /* a library's numbers: the others need nothing from us */
        break;
    }
    return go_on(h2);
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                         size_t length, void *user)
{
    hh_h2 *h2 = user;
    (void)session;
    hh_h2_stream *s = stream_of(h2, id);
    hh_h2_end end = (flags & NGHTTP2_FLAG_END_STREAM) != 0 ? HH_H2_LAST : HH_H2_MORE;
    if (s != NULL)
        hh__h2_take_data(s, (hh_slice){(const char *)data, length}, end);
    else
        hh__h2_credit_conn(h2, length);
    return go_on(h2);
}

static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int code,
                            void *user)
{
    hh_h2 *h2 = user;
    (void)session;
    hh_h2_stream *s = frame->hd.stream_id != 0 ? stream_of(h2, frame->hd.stream_id) : NULL;
    h2->objection = nghttp2_strerror(code);
    if (h2->head_stream == s)
        h2->head_stream = NULL;
    if (s != NULL) {
        s->is_reset = true; /* by nghttp2 */
        fail_malformed(s, nghttp2_strerror(code));
    }
    return go_on(h2);
}

/* nghttp2's own words on why it gives a connection up; they come before it queues its GOAWAY. */
static int on_error(nghttp2_session *session, int code, const char *text, size_t length, void *user)
{
    hh_h2 *h2 = user;
    (void)session, (void)code;
    if (h2->problem != NULL)
        return 0;
    memcpy(h2->said, text, length < sizeof h2->said ? length : sizeof h2->said - 1);
    h2->problem = h2->said;
    return 0;
}

/* --- streams' ends --------------------------------------------------------------------------- */

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
    hh_h2 *h2 = user;
    (void)session;
    hh_h2_stream *s = stream_of(h2, id);
    if (s == NULL || s->is_out)
        h2->live--;
    if (s == NULL)
        return go_on(h2);
    s->is_closed = true;
    if (s->receive == HH_H2_RECEIVE_ENDED || s->failure != NULL)
        return go_on(h2); /* all of it is here; or its end is known */
    hh_error error;
    hh__h2_describe_reset(s, code, &error);
    /* A reset of ours closes its stream while we write, where nothing may be reported. */
    hh__h2_fail_later(s, &error);
    return go_on(h2);
}

/* --- what has been written ------------------------------------------------------------------- */

static void request_is_out(hh_h2 *h2, hh_h2_stream *s, const nghttp2_frame *frame)
{
    h2->live++;
    hh__h2_guard_opened(&h2->guard);
    s->is_out = true;
    s->call->stream_id = s->id;
    s->call->sent_bytes += HH_H2_FRAME_HEAD_BYTES + frame->hd.length;
    hh__h2_head_is_out(s);
}

static void data_is_out(hh_h2 *h2, hh_h2_stream *s, const nghttp2_frame *frame)
{
    hh__h2_guard_sent_data(&h2->guard, frame->hd.length);
    if (s != NULL && s->send == HH_H2_SEND_BODY && end_of(frame) == HH_H2_LAST) {
        hh__h2_set_send(s, HH_H2_SEND_DONE);
        hh__h2_touch(s); /* from now on the answer is waited for */
    }
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    hh_h2 *h2 = user;
    (void)session;
    hh_h2_stream *s;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        s = stream_of(h2, frame->hd.stream_id);
        if (s != NULL)
            request_is_out(h2, s, frame);
        break;
    case NGHTTP2_DATA:
        data_is_out(h2, stream_of(h2, frame->hd.stream_id), frame);
        break;
    case NGHTTP2_SETTINGS:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0)
            h2->settings_sent_ns = hh__loop_now(h2->conn.env->loop);
        break;
    case NGHTTP2_RST_STREAM:
        s = stream_of(h2, frame->hd.stream_id);
        if (s != NULL)
            s->is_reset = true; /* by nghttp2, which has found a fault */
        break;
    case NGHTTP2_GOAWAY:
        /* Of nghttp2's own making: it has found a fault, or had no memory. */
        if (frame->goaway.error_code == NGHTTP2_INTERNAL_ERROR)
            hh__h2_break(h2, HH_ERR_NO_MEMORY, NGHTTP2_INTERNAL_ERROR, "no memory for a request");
        else if (frame->goaway.error_code != NGHTTP2_NO_ERROR)
            hh__h2_break(h2, HH_ERR_PROTOCOL, frame->goaway.error_code,
                         h2->objection != NULL ? h2->objection
                                               : nghttp2_http2_strerror(frame->goaway.error_code));
        break;
    default:
        break;
    }
    return 0;
}

static int on_frame_not_send(nghttp2_session *session, const nghttp2_frame *frame, int code,
                             void *user)
{
    hh_h2 *h2 = user;
    (void)session;
    if (frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    hh_h2_stream *s = stream_of(h2, frame->hd.stream_id);
    if (s == NULL)
        return 0;
    hh_error error;
    hh__fail(&error, HH_ERR_REFUSED, HH_PHASE_SEND, "the request to %s could not be sent: %s",
             h2->conn.remote, nghttp2_strerror(code));
    hh__h2_fail_later(s, &error);
    return 0;
}

/* --- making one ------------------------------------------------------------------------------ */

static nghttp2_session_callbacks *make_callbacks(void)
{
    nghttp2_session_callbacks *c;
    if (nghttp2_session_callbacks_new(&c) != 0)
        return NULL;
    nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(c, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data_chunk);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(c, on_invalid_frame);
    nghttp2_session_callbacks_set_error_callback2(c, on_error);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(c, on_frame_send);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(c, on_frame_not_send);
    nghttp2_session_callbacks_set_send_data_callback(c, hh__h2_send_data);
    return c;
}

static nghttp2_option *make_options(void)
{
    nghttp2_option *option;
    if (nghttp2_option_new(&option) != 0)
        return NULL;
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_http_messaging(option, 1); /* h2_head.c and h2_receive.c are as strict */
    nghttp2_option_set_peer_max_concurrent_streams(option, HH_H2_STREAMS_ASSUMED);
    nghttp2_option_set_max_outbound_ack(option, HH_H2_OUTBOUND_FRAMES_MAX);
    nghttp2_option_set_max_settings(option, HH_H2_SETTINGS_ENTRIES_MAX);
    nghttp2_option_set_max_send_header_block_length(option, 2 * (size_t)HH_REQUEST_HEAD_MAX_BYTES);
    return option;
}

/* RFC 9113 §6.5: no push, our windows, our bound on header lists, RFC 9218 instead of the old
 * priorities. */
static int submit_preface(hh_h2 *h2)
{
    nghttp2_settings_entry entries[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HH_H2_WINDOW_BYTES},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, h2->conn.env->max_head_bytes},
        {HH_H2_SETTING_ALIAS, 1},
    };
    int result = nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, entries,
                                         sizeof entries / sizeof entries[0]);
    if (result != 0)
        return result;
    return nghttp2_submit_window_update(h2->session, NGHTTP2_FLAG_NONE, 0,
                                        HH_H2_CONN_WINDOW_BYTES - DEFAULT_WINDOW_BYTES);
}

hh_status hh__h2_session_create(hh_h2 *h2)
{
    nghttp2_mem memory = hh__h2_memory(h2->conn.env);
    nghttp2_session_callbacks *callbacks = make_callbacks();
    nghttp2_option *option = make_options();
    int result = NGHTTP2_ERR_NOMEM;
    if (callbacks != NULL && option != NULL)
        result = nghttp2_session_client_new3(&h2->session, callbacks, h2, option, &memory);
    if (result == 0)
        result = submit_preface(h2);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
    return result == 0 ? HH_OK : HH_ERR_NO_MEMORY;
}
