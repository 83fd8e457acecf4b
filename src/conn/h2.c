/*
 * h2.c - the life of an HTTP/2 connection: calls begin, the loop brings news, it fails or idles,
 * drains, closes.
 *
 * A call's stream is in h2_stream.c, sending in h2_send.c, receiving in h2_receive.c and
 * h2_credit.c, deadlines in h2_deadline.c, nghttp2 in h2_session.c, sentences in h2_describe.c; the
 * states are drawn in h2_internal.h.
 */
#include "conn/h2.h"

#include <assert.h>
#include <string.h>

#include "base/failure.h"
#include "base/memory.h"
#include "conn/h2_internal.h"

/* --- states ---------------------------------------------------------------------------------- */

void hh__h2_set_state(hh_h2 *h2, hh_h2_state state)
{
    assert(state >= h2->state && h2->state != HH_H2_CLOSED);
    h2->state = state;
    if (state != HH_H2_OPEN)
        h2->conn.capacity = 0;
}

void hh__h2_later(hh_h2 *h2, unsigned later)
{
    h2->later |= later;
    hh__task_post(h2->conn.env->loop, &h2->task);
}

bool hh__h2_is_idle(const hh_h2 *h2)
{
    return hh__list_is_empty(&h2->waiting) && hh__list_is_empty(&h2->open) &&
           hh__list_is_empty(&h2->failing);
}

void hh__h2_spend(hh_h2 *h2, hh_status why)
{
    h2->conn.keeper_ops->on_spent(&h2->conn, why);
}

void hh__h2_free_slot(hh_h2 *h2)
{
    if (h2->is_dying)
        return;
    if (h2->state == HH_H2_DRAINING && hh__h2_is_idle(h2))
        hh__h2_spend(h2, h2->failure);
    else if (h2->state != HH_H2_CLOSED)
        h2->conn.keeper_ops->on_free(&h2->conn);
}

/* --- the connection's end -------------------------------------------------------------------- */

static void refuse_waiting(hh_h2 *h2)
{
    for (hh_link *link = hh__list_first(&h2->waiting); link != NULL;
         link = hh__list_next(&h2->waiting, link)) {
        hh_error error;
        hh__fail(&error, HH_ERR_REFUSED, HH_PHASE_SEND,
                 "%s takes no new requests on this connection", h2->conn.remote);
        hh__h2_fail_later(HH_CONTAINER_OF(link, hh_h2_stream, link), &error);
    }
}

void hh__h2_drain(hh_h2 *h2)
{
    if (h2->state != HH_H2_OPEN)
        return;
    hh__h2_set_state(h2, HH_H2_DRAINING);
    refuse_waiting(h2);
    h2->conn.keeper_ops->on_capacity(&h2->conn);
}

void hh__h2_break(hh_h2 *h2, hh_status failure, uint32_t fault, const char *problem)
{
    if (h2->failure != HH_OK)
        return;
    h2->failure = failure;
    h2->fault = fault;
    if (h2->problem == NULL)
        h2->problem = problem;
    hh__h2_later(h2, HH_H2_LATER_REPORT);
}

/* Calls that found no memory for a stream learn of it. */
static void fail_calls(hh_h2 *h2)
{
    hh_error error;
    hh_link *link;
    while ((link = hh__list_pop_front(&h2->failing)) != NULL) {
        hh_call *call = HH_CONTAINER_OF(link, hh_call, link);
        hh__fail(&error, HH_ERR_NO_MEMORY, HH_PHASE_SEND, "no memory for a call");
        hh__h2_free_slot(h2);
        call->ops->on_failed(call, &error);
    }
}

void hh__h2_fail_ended(hh_h2_stream *s)
{
    hh_error error;
    hh__h2_describe_end(s, &error);
    hh__h2_fail(s, &error, NGHTTP2_CANCEL);
}

/* An answer that is here, whole or in part, reaches its call however slow that is. */
static bool outlives(const hh_h2_stream *s)
{
    return s->failure == NULL && (s->receive == HH_H2_RECEIVE_ENDED || s->held_first != NULL);
}

/* Fails the calls that have nothing more to come. Reports may cancel others: so the list turns, and
 * each stream is met once. */
static void fail_open(hh_h2 *h2)
{
    size_t left = 0;
    for (hh_link *link = hh__list_first(&h2->open); link != NULL;
         link = hh__list_next(&h2->open, link))
        left++;
    hh_link *link;
    for (; left > 0 && (link = hh__list_pop_front(&h2->open)) != NULL; left--) {
        hh_h2_stream *s = HH_CONTAINER_OF(link, hh_h2_stream, link);
        hh__list_push_back(&h2->open, link);
        if (s->failure != NULL) {
            hh_error error = *s->failure;
            hh__h2_fail(s, &error, NGHTTP2_CANCEL);
        } else if (outlives(s)) {
            hh__h2_touch(s);
        } else {
            hh__h2_fail_ended(s);
        }
    }
}

static void fail_waiting(hh_h2 *h2)
{
    hh_link *link;
    while ((link = hh__list_first(&h2->waiting)) != NULL)
        hh__h2_fail_ended(HH_CONTAINER_OF(link, hh_h2_stream, link));
}

/* Says why, as far as the peer listens, and hangs up. */
static void hang_up(hh_h2 *h2)
{
    if (h2->fault != 0) {
        (void)nghttp2_session_terminate_session(h2->session, h2->fault);
        hh__h2_flush(h2);
    }
    h2->is_mute = true;
    hh__h2_drop_pieces(h2);
    hh__stream_close(h2->stream, HH_CLOSE_ABORT);
    h2->stream = NULL;
}

/* The connection has failed: its calls fail with it, and the last one spends it. */
static void die(hh_h2 *h2)
{
    h2->is_dying = true;
    if (h2->state == HH_H2_OPEN) {
        hh__h2_set_state(h2, HH_H2_DRAINING);
        h2->conn.keeper_ops->on_capacity(&h2->conn);
    }
    if (h2->stream != NULL)
        hang_up(h2);
    fail_calls(h2);
    fail_open(h2);
    fail_waiting(h2);
    h2->is_dying = false;
    if (h2->state != HH_H2_CLOSED && hh__h2_is_idle(h2))
        hh__h2_spend(h2, h2->failure);
}

void hh__h2_settle(hh_h2 *h2)
{
    if (h2->state == HH_H2_CLOSED || h2->is_dying)
        return;
    hh__h2_flush(h2);
    if (h2->failure != HH_OK)
        die(h2);
    else if (h2->state == HH_H2_DRAINING && hh__h2_is_idle(h2))
        hh__h2_spend(h2, HH_OK);
}

/* --- what the loop brings -------------------------------------------------------------------- */

static void on_ready(hh_stream *stream, unsigned ready)
{
    hh_h2 *h2 = stream->owner;
    if (h2->state == HH_H2_CLOSED)
        return;
    if ((ready & (HH_READY_READ | HH_READY_ERROR)) != 0)
        hh__h2_read(h2);
    hh__h2_settle(h2);
}

/* Tells one stream's call what could not be told where it happened. */
static void report(hh_h2_stream *s)
{
    hh_h2 *h2 = s->h2;
    if (s->failure != NULL) {
        hh_error error = *s->failure;
        hh__h2_fail(s, &error, error.http2_error != 0 ? error.http2_error : NGHTTP2_CANCEL);
        return;
    }
    if (s->wants_body) {
        s->wants_body = false;
        if (s->send == HH_H2_SEND_BODY && s->push_end == HH_PUSH_MORE) {
            hh_call *call = hh__h2_begin_report(s);
            call->ops->on_want_body(call);
            if (!hh__h2_end_report(h2, s))
                return;
        }
    }
    hh__h2_deliver(s);
}

static void on_task(hh_task *task)
{
    hh_h2 *h2 = HH_CONTAINER_OF(task, hh_h2, task);
    unsigned later = h2->later;
    h2->later = 0;
    hh_link end = {NULL, NULL};
    hh_link *link;
    if (h2->state == HH_H2_CLOSED)
        return;
    if ((later & HH_H2_LATER_READ) != 0)
        hh__h2_read(h2);
    if ((later & HH_H2_LATER_REPORT) != 0) {
        fail_calls(h2);
        hh__list_push_back(&h2->reports, &end); /* what is reported from here on waits its turn */
        while ((link = hh__list_pop_front(&h2->reports)) != &end) {
            report(HH_CONTAINER_OF(link, hh_h2_stream, report_link));
            if (h2->state == HH_H2_CLOSED)
                break;
        }
        hh__list_remove(&end);
    }
    hh__h2_settle(h2);
}

/* --- conn.h ---------------------------------------------------------------------------------- */

static void start(hh_conn *conn, hh_call *call)
{
    hh_h2 *h2 = hh__h2_of(conn);
    assert(h2->state == HH_H2_OPEN && call->h2_request != NULL);
    bool was_idle = hh__h2_is_idle(h2);
    hh__call_begin(call, hh__h2_now(h2));
    hh_h2_stream *s = hh__h2_stream_create(h2, call);
    call->stream = s;
    if (s == NULL) {
        hh__list_push_back(&h2->failing, &call->link);
        hh__h2_later(h2, HH_H2_LATER_REPORT);
        return;
    }
    hh__list_push_back(&h2->waiting, &s->link);
    hh__h2_touch(s);
    /* The first of a quiet connection goes out at once, more of them together with their
     * neighbours; when several answers have just come, several requests are to be expected. */
    if (was_idle && !h2->is_inside && h2->burst <= 1)
        hh__h2_flush(h2);
    else
        hh__h2_later(h2, HH_H2_LATER_FLUSH);
}

static void cancel(hh_conn *conn, hh_call *call)
{
    hh_h2 *h2 = hh__h2_of(conn);
    hh_h2_stream *s = call->stream;
    if (h2->state == HH_H2_CLOSED)
        return;
    if (s == NULL) {
        if (!hh__link_is_listed(&call->link))
            return;
        hh__list_remove(&call->link);
    } else {
        hh__h2_reset(s, NGHTTP2_CANCEL);
        hh__h2_stream_drop(s);
        hh__h2_later(h2, HH_H2_LATER_FLUSH);
    }
    hh__h2_free_slot(h2);
}

static void resume(hh_conn *conn, hh_call *call)
{
    (void)conn;
    hh_h2_stream *s = call->stream;
    if (s == NULL || !s->is_paused)
        return;
    s->is_paused = false;
    hh__h2_report_later(s);
    hh__h2_touch(s);
}

static void park(hh_conn *conn, int64_t expires_ns)
{
    hh_h2 *h2 = hh__h2_of(conn);
    h2->expires_ns = expires_ns;
    if (h2->piece_count == 0)
        hh__bytes_finish(&h2->out);
    hh__h2_arm(h2);
}

/* What has come while nobody looked may be a PING or a GOAWAY: then the answer to the next request
 * is a refusal, and that goes elsewhere. */
static hh_io probe(hh_conn *conn)
{
    hh_io io = hh__stream_probe(hh__h2_of(conn)->stream);
    return io == HH_IO_OK ? HH_IO_WAIT : io;
}

static void destroy(hh_discard *discard)
{
    hh_h2 *h2 = HH_CONTAINER_OF(discard, hh_h2, discard);
    nghttp2_session_del(h2->session);
    hh__h2_head_finish(&h2->head);
    hh__free(h2);
}

static void forget_calls(hh_list *list)
{
    hh_link *link;
    while ((link = hh__list_first(list)) != NULL)
        hh__h2_stream_drop(HH_CONTAINER_OF(link, hh_h2_stream, link));
}

/* RFC 9113 §6.8: GOAWAY before the close, where it costs no waiting. */
static void say_goodbye(hh_h2 *h2, hh_close how)
{
    if (how != HH_CLOSE_ORDERLY || h2->is_dying || h2->is_inside ||
        hh__loop_is_forked(h2->conn.env->loop))
        return;
    if (nghttp2_session_terminate_session(h2->session, NGHTTP2_NO_ERROR) == 0)
        hh__h2_flush(h2);
}

static void close_conn(hh_conn *conn, hh_close how)
{
    hh_h2 *h2 = hh__h2_of(conn);
    hh_conn_env *env = conn->env;
    if (h2->state == HH_H2_CLOSED)
        return;
    forget_calls(&h2->open);
    forget_calls(&h2->waiting);
    for (hh_link *link; (link = hh__list_pop_front(&h2->failing)) != NULL;)
        ;
    say_goodbye(h2, how);
    hh__h2_set_state(h2, HH_H2_CLOSED);
    hh__task_cancel(&h2->task);
    hh__timer_stop(env->loop, &h2->timer);
    hh__h2_drop_pieces(h2);
    hh__bytes_finish(&h2->out);
    hh__stream_close(h2->stream, how);
    h2->stream = NULL;
    hh__loop_discard(env->loop, &h2->discard, destroy);
}

static size_t unsent(const hh_conn *conn, const hh_call *call)
{
    (void)conn;
    return call->stream != NULL ? call->stream->out.length - call->stream->out_sent : 0;
}

static const hh_conn_ops h2_ops = {
    .start = start,
    .cancel = cancel,
    .resume = resume,
    .push = hh__h2_push,
    .unsent = unsent,
    .park = park,
    .probe = probe,
    .close = close_conn,
    .describe = hh__h2_describe,
};

hh_status hh__h2_create(hh_conn_env *env, hh_stream *stream, const char *remote,
                        const hh_keeper_ops *keeper_ops, void *keeper, hh_conn **out)
{
    hh_h2 *h2 = hh__calloc(1, sizeof *h2);
    if (h2 == NULL)
        return HH_ERR_NO_MEMORY;
    hh__conn_init(&h2->conn, env, remote, keeper_ops, keeper);
    h2->conn.ops = &h2_ops;
    h2->conn.protocol = HH_PROTOCOL_HTTP2;
    h2->conn.capacity = h2->streams_max = HH_H2_STREAMS_ASSUMED;
    h2->stream = stream;
    h2->received_ns = hh__h2_now(h2);
    h2->timer.on_due = hh__h2_on_conn_timer;
    h2->task.run = on_task;
    hh__list_init(&h2->waiting);
    hh__list_init(&h2->open);
    hh__list_init(&h2->reports);
    hh__list_init(&h2->failing);
    hh__h2_guard_init(&h2->guard);
    hh__h2_head_init(&h2->head);
    hh__h2_window_init(&h2->window, HH_H2_CONN_WINDOW_BYTES, HH_H2_CONN_WINDOW_MAX_BYTES,
                       h2->received_ns);
    hh__bytes_init(&h2->out, HH_H2_ASSEMBLY_MAX_BYTES);
    if (hh__h2_session_create(h2) != HH_OK || hh__stream_listen(stream, HH_READY_READ) != HH_OK) {
        destroy(&h2->discard);
        return HH_ERR_NO_MEMORY;
    }
    stream->owner = h2;
    stream->on_ready = on_ready;
    hh__h2_arm(h2);
    hh__h2_later(h2, HH_H2_LATER_FLUSH);
    *out = &h2->conn;
    return HH_OK;
}
