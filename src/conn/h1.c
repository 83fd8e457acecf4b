/*
 * h1.c - the life of an HTTP/1 connection: start and end of calls, deadlines, idling, closing.
 *
 * Sending is in h1_send.c, receiving in h1_receive.c; the states are drawn in h1_internal.h. One
 * lazy timer serves all deadlines of a connection: waiting for 100, writing, reading, and idling
 * (RFC 9112 §9.5).
 */
#include "conn/h1.h"

#include <assert.h>

#include "base/failure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "conn/h1_internal.h"

#define FREE_WORK_MAX 256

void hh__h1_set_send(hh_h1 *h1, hh_h1_send send)
{
    assert(send != HH_H1_SEND_PUSHED || h1->call->body_kind == HH_BODY_PUSHED);
    assert(send == HH_H1_SEND_IDLE || h1->call != NULL);
    h1->send = send;
    int64_t now = hh__loop_now(h1->conn.env->loop);
    if (send == HH_H1_SEND_DONE && h1->call->sent_ns == 0)
        h1->call->sent_ns = now;
    if (send == HH_H1_SEND_EXPECT)
        h1->work->expect_due_ns = now + (int64_t)HH_EXPECT_WAIT_MS * 1000000;
}

void hh__h1_set_receive(hh_h1 *h1, hh_h1_receive receive)
{
    assert(h1->receive != HH_H1_RECEIVE_CLOSED);
    assert(receive != HH_H1_RECEIVE_BODY || h1->receive == HH_H1_RECEIVE_HEAD);
    h1->receive = receive;
}

void hh__h1_later(hh_h1 *h1, unsigned later)
{
    h1->later |= later;
    hh__task_post(h1->conn.env->loop, &h1->task);
}

hh_processed hh__h1_processed(const hh_h1 *h1)
{
    if (h1->call->received_bytes > 0)
        return HH_PROCESSED_YES;
    return h1->call->sent_bytes > 0 ? HH_PROCESSED_MAYBE : HH_PROCESSED_NO;
}

/* Per-call state, from the environment's store or new; NULL when out of memory. */
static hh_conn_work *take_work(hh_conn_env *env)
{
    hh_conn_work *work = env->free_work;
    if (work != NULL) {
        env->free_work = work->next_free;
        env->free_work_count--;
        return work;
    }
    work = hh__calloc(1, sizeof *work);
    if (work == NULL)
        return NULL;
    hh__h1_parser_init(&work->parser);
    hh__chunked_init(&work->chunked);
    hh__bytes_init(&work->out, HH_PUSH_BUFFER_MAX_BYTES + 64);
    return work;
}

static void destroy_work(hh_conn_work *work)
{
    hh__h1_parser_finish(&work->parser);
    hh__chunked_finish(&work->chunked);
    hh__bytes_finish(&work->out);
    hh__free(work);
}

static void give_work(hh_conn_env *env, hh_conn_work *work)
{
    if (work == NULL)
        return;
    if (env->free_work_count >= FREE_WORK_MAX) {
        destroy_work(work);
        return;
    }
    if (work->framing.kind == HH_FRAMING_CHUNKED) {
        hh__chunked_finish(&work->chunked);
        hh__chunked_init(&work->chunked);
    }
    hh__bytes_finish(&work->out);
    work->next_free = env->free_work;
    env->free_work = work;
    env->free_work_count++;
}

void hh__h1_env_finish(hh_conn_env *env)
{
    while (env->free_work != NULL) {
        hh_conn_work *work = env->free_work;
        env->free_work = work->next_free;
        destroy_work(work);
    }
    env->free_work_count = 0;
}

size_t hh__h1_env_spare_bytes(const hh_conn_env *env)
{
    return env->free_work_count * sizeof(hh_conn_work);
}

/* Which deadline the present states call for; 0: none. */
static int64_t due_time(const hh_h1 *h1)
{
    int64_t now = hh__loop_now(h1->conn.env->loop);
    const hh_call *call = h1->call;
    if (h1->send == HH_H1_SEND_EXPECT)
        return h1->work->expect_due_ns;
    if (hh__h1_has_unsent(h1))
        return call->write_timeout_ns != 0 ? now + call->write_timeout_ns : 0;
    /* A body that waits for the caller, or an answer nobody reads, is not the peer's delay. */
    if (h1->send == HH_H1_SEND_PUSHED || h1->is_paused)
        return 0;
    return call->read_timeout_ns != 0 ? now + call->read_timeout_ns : 0;
}

void hh__h1_touch(hh_h1 *h1)
{
    if (h1->call == NULL)
        return;
    int64_t due = due_time(h1);
    if (due == 0) {
        hh__timer_unset(&h1->timer);
        return;
    }
    if (hh__timer_set(h1->conn.env->loop, &h1->timer, due) != HH_OK) {
        hh__fail(&h1->work->failure, HH_ERR_NO_MEMORY, HH_PHASE_SEND, "no memory for a deadline");
        hh__h1_fail_later(h1);
    }
}

static hh_delay delay_of(const hh_h1 *h1)
{
    if (hh__h1_has_unsent(h1))
        return HH_DELAY_SENDING;
    return h1->receive == HH_H1_RECEIVE_HEAD ? HH_DELAY_HEAD : HH_DELAY_BODY;
}

static void fail_by_deadline(hh_h1 *h1)
{
    hh_error error;
    if (h1->has_send_error && h1->call->received_bytes == 0)
        error = h1->work->failure; /* no answer came beside it: that is what happened */
    else
        hh__conn_describe_delay(&h1->conn, h1->call, delay_of(h1), &error);
    hh__h1_fail(h1, &error);
}

/* No use any more, found out while idle. */
static void spend_idle(hh_h1 *h1, hh_status why)
{
    if (h1->is_spent)
        return; /* the keeper knows */
    h1->is_spent = true;
    h1->conn.keeper_ops->on_spent(&h1->conn, why);
}

static void on_timer(hh_timer *timer)
{
    hh_h1 *h1 = HH_CONTAINER_OF(timer, hh_h1, timer);
    if (h1->receive == HH_H1_RECEIVE_CLOSED || (h1->later & HH_H1_LATER_FAIL) != 0)
        return;
    if (h1->call == NULL) {
        spend_idle(h1, HH_OK);
        return;
    }
    if (h1->send == HH_H1_SEND_EXPECT) {
        hh__h1_send_continue(h1);
        return;
    }
    fail_by_deadline(h1);
}

/* Readiness while no call is under way: session tickets are fine, anything else ends the
 * connection. */
static void check_idle(hh_h1 *h1)
{
    if (hh__stream_probe(h1->stream) != HH_IO_WAIT)
        spend_idle(h1, HH_ERR_RECEIVE);
}

static void on_ready(hh_stream *stream, unsigned ready)
{
    hh_h1 *h1 = stream->owner;
    /* A call that has failed already is only waiting for its task; it may have no work. */
    if (h1->receive == HH_H1_RECEIVE_CLOSED || (h1->later & HH_H1_LATER_FAIL) != 0)
        return;
    if (h1->call == NULL) {
        check_idle(h1);
        return;
    }
    if (h1->work == NULL)
        return; /* no memory for the call: the task says so */
    if ((ready & HH_READY_WRITE) != 0 && hh__h1_has_unsent(h1))
        hh__h1_flush(h1);
    if ((ready & (HH_READY_READ | HH_READY_ERROR)) != 0 && h1->call != NULL && !h1->is_paused)
        hh__h1_receive_ready(h1);
}

static void on_task(hh_task *task)
{
    hh_h1 *h1 = HH_CONTAINER_OF(task, hh_h1, task);
    unsigned later = h1->later;
    h1->later = 0;
    if (h1->receive == HH_H1_RECEIVE_CLOSED || h1->call == NULL)
        return;
    if ((later & HH_H1_LATER_FAIL) != 0) {
        hh_error error;
        if (h1->work != NULL)
            error = h1->work->failure;
        else
            hh__fail(&error, HH_ERR_NO_MEMORY, HH_PHASE_SEND, "no memory for a call");
        hh__h1_fail(h1, &error);
        return;
    }
    if ((later & HH_H1_LATER_WANT_BODY) != 0 && h1->send == HH_H1_SEND_PUSHED &&
        h1->work->push_end == HH_PUSH_MORE)
        h1->call->ops->on_want_body(h1->call);
    if ((later & HH_H1_LATER_RECEIVE) != 0 && h1->call != NULL && !h1->is_paused)
        hh__h1_receive_ready(h1);
}

static void start(hh_conn *conn, hh_call *call)
{
    hh_h1 *h1 = hh__h1_of(conn);
    assert(h1->call == NULL && h1->receive == HH_H1_RECEIVE_IDLE && !h1->is_spent);
    hh__call_begin(call, hh__loop_now(conn->env->loop));
    h1->call = call;
    h1->is_paused = h1->has_send_error = h1->was_written = h1->was_read_full = false;
    h1->later = 0;
    h1->turn++;
    hh__timer_unset(&h1->timer); /* the one for idling */
    hh_conn_work *work = h1->work = take_work(conn->env);
    hh__h1_set_receive(h1, HH_H1_RECEIVE_HEAD);
    if (work == NULL) {
        hh__h1_fail_later(h1);
        return;
    }
    hh__h1_parser_reset(&work->parser);
    work->parser.max_bytes = conn->env->max_head_bytes;
    work->parser.max_fields = conn->env->max_fields;
    work->framing.kind = HH_FRAMING_NONE;
    work->out_sent = 0;
    work->memory_sent = work->memory_limit = 0;
    work->is_continued = false;
    work->push_end = HH_PUSH_MORE;
    work->informational = 0;
    hh__h1_send_start(h1);
}

/* Separates the call from the connection and gives back what only calls need. */
static hh_call *detach_call(hh_h1 *h1)
{
    hh_call *call = h1->call;
    h1->call = NULL;
    h1->later = 0;
    hh__task_cancel(&h1->task);
    hh__timer_unset(&h1->timer);
    hh__h1_set_send(h1, HH_H1_SEND_IDLE);
    hh__h1_set_receive(h1, HH_H1_RECEIVE_IDLE);
    return call;
}

void hh__h1_release(hh_h1 *h1)
{
    hh_conn_env *env = h1->conn.env;
    if (h1->is_reporting)
        return;
    hh__buf_release(env->buffers, h1->buf);
    h1->buf = NULL;
    h1->start = h1->end = 0;
    give_work(env, h1->work);
    h1->work = NULL;
}

/* RFC 9112 §9.3, §9.6, §6.3: only when both messages are complete and nothing came behind the
 * answer. */
static bool may_serve_again(const hh_h1 *h1)
{
    if (h1->is_spent || h1->call->reuse == HH_REUSE_REFUSED || !h1->work->framing.keeps_alive ||
        h1->send != HH_H1_SEND_DONE || h1->start < h1->end)
        return false;
    return !h1->was_read_full || hh__stream_probe(h1->stream) == HH_IO_WAIT;
}

void hh__h1_complete(hh_h1 *h1)
{
    hh_conn *conn = &h1->conn;
    hh_conn_env *env = conn->env;
    hh_conn_work *work = h1->work;
    bool is_chunked = work->framing.kind == HH_FRAMING_CHUNKED;

    h1->is_spent = !may_serve_again(h1);
    if (work->framing.keep_alive_timeout_s != UINT32_MAX)
        conn->keep_alive_timeout_s = work->framing.keep_alive_timeout_s;
    conn->served++;
    h1->work = NULL;
    hh_call *call = detach_call(h1);
    if (h1->is_spent)
        h1->start = h1->end;
    hh__h1_release_buffer(h1);

    /* The connection is free before the call learns of its end: what follows from it finds it free.
     */
    if (h1->is_spent)
        conn->keeper_ops->on_spent(conn, HH_OK);
    else
        conn->keeper_ops->on_free(conn);
    if (is_chunked)
        call->ops->on_done(call, &work->chunked.trailers,
                           hh__bytes_slice(&work->chunked.trailer_text));
    else
        call->ops->on_done(call, NULL, (hh_slice){NULL, 0});
    give_work(env, work);
}

void hh__h1_fail(hh_h1 *h1, const hh_error *error)
{
    hh_conn *conn = &h1->conn;
    hh_conn_env *env = conn->env;
    hh_conn_work *work = h1->work;
    hh_error copy = *error;

    copy.processed = hh__h1_processed(h1);
    h1->work = NULL;
    hh_call *call = detach_call(h1);
    h1->is_spent = true;
    h1->start = h1->end;
    hh__h1_release_buffer(h1);
    conn->keeper_ops->on_spent(conn, copy.code);
    call->ops->on_failed(call, &copy);
    give_work(env, work);
}

void hh__h1_fail_later(hh_h1 *h1)
{
    hh__h1_later(h1, HH_H1_LATER_FAIL);
}

static void cancel(hh_conn *conn, hh_call *call)
{
    hh_h1 *h1 = hh__h1_of(conn);
    if (h1->call != call)
        return;
    /* A TLS stream that was given bytes may keep a record of them for its next write. */
    bool is_untouched = !h1->was_written && call->received_bytes == 0;
    detach_call(h1);
    hh__h1_release(h1);
    if (is_untouched && hh__stream_listen(h1->stream, HH_READY_READ) == HH_OK) {
        conn->keeper_ops->on_free(conn);
        return;
    }
    h1->is_spent = true;
    conn->keeper_ops->on_spent(conn, HH_ERR_CANCELLED);
}

static void resume(hh_conn *conn, hh_call *call)
{
    hh_h1 *h1 = hh__h1_of(conn);
    if (h1->call != call || !h1->is_paused)
        return;
    h1->is_paused = false;
    hh__h1_later(h1, HH_H1_LATER_RECEIVE);
    if (hh__stream_listen(h1->stream, HH_READY_READ) != HH_OK) {
        hh__fail(&h1->work->failure, HH_ERR_SYSTEM, HH_PHASE_BODY,
                 "can't watch the connection to %s", conn->remote);
        hh__h1_fail_later(h1);
    }
    hh__h1_touch(h1);
}

static void park(hh_conn *conn, int64_t expires_ns)
{
    hh_h1 *h1 = hh__h1_of(conn);
    assert(h1->call == NULL && h1->buf == NULL && h1->work == NULL);
    if (expires_ns == 0)
        hh__timer_unset(&h1->timer);
    else if (hh__timer_set(conn->env->loop, &h1->timer, expires_ns) != HH_OK)
        hh__timer_unset(&h1->timer); /* no deadline then; the peer's close still ends it */
}

static hh_io probe(hh_conn *conn)
{
    return hh__stream_probe(hh__h1_of(conn)->stream);
}

static void destroy(hh_discard *discard)
{
    hh__free(HH_CONTAINER_OF(discard, hh_h1, discard));
}

static void close_conn(hh_conn *conn, hh_close how)
{
    hh_h1 *h1 = hh__h1_of(conn);
    if (h1->receive == HH_H1_RECEIVE_CLOSED)
        return;
    h1->call = NULL;
    h1->later = 0;
    h1->send = HH_H1_SEND_IDLE;
    hh__task_cancel(&h1->task);
    hh__timer_stop(conn->env->loop, &h1->timer);
    hh__h1_release(h1);
    hh__h1_set_receive(h1, HH_H1_RECEIVE_CLOSED);
    hh__stream_close(h1->stream, how);
    h1->stream = NULL;
    hh__loop_discard(conn->env->loop, &h1->discard, destroy);
}

static size_t unsent(const hh_conn *conn, const hh_call *call)
{
    const hh_h1 *h1 = (const hh_h1 *)conn;
    return h1->call == call && h1->work != NULL ? h1->work->out.length - h1->work->out_sent : 0;
}

static const hh_conn_ops h1_ops = {
    .start = start,
    .cancel = cancel,
    .resume = resume,
    .push = hh__h1_push,
    .unsent = unsent,
    .park = park,
    .probe = probe,
    .close = close_conn,
};

hh_status hh__h1_create(hh_conn_env *env, hh_stream *stream, const char *remote,
                        const hh_keeper_ops *keeper_ops, void *keeper, hh_conn **out)
{
    hh_h1 *h1 = hh__calloc(1, sizeof *h1);
    if (h1 == NULL)
        return HH_ERR_NO_MEMORY;
    hh__conn_init(&h1->conn, env, remote, keeper_ops, keeper);
    h1->conn.ops = &h1_ops;
    h1->conn.capacity = 1;
    h1->stream = stream;
    h1->timer.on_due = on_timer;
    h1->task.run = on_task;
    if (hh__stream_listen(stream, HH_READY_READ) != HH_OK) {
        hh__free(h1);
        return HH_ERR_NO_MEMORY;
    }
    stream->owner = h1;
    stream->on_ready = on_ready;
    *out = &h1->conn;
    return HH_OK;
}
