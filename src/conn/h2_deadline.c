/*
 * h2_deadline.c - how long an HTTP/2 connection waits, and for what.
 *
 * Each stream has a lazy timer for the one deadline that its states call for; the connection has
 * one for idling and for asking a silent peer whether it lives.
 */
#include "base/failure.h"
#include "base/memory.h"
#include "conn/h2_internal.h"

/* --- a stream's ------------------------------------------------------------------------------ */

static int64_t due_time(const hh_h2_stream *s)
{
    int64_t now = hh__h2_now(s->h2);
    const hh_call *call = s->call;
    /* What has come whole, or comes no further, waits for its reader alone. */
    if (s->receive == HH_H2_RECEIVE_ENDED || s->h2->failure != HH_OK)
        return 0;
    if (s->send == HH_H2_SEND_EXPECT)
        return s->expect_due_ns;
    if (hh__h2_has_unsent(s))
        return call->write_timeout_ns != 0 ? now + call->write_timeout_ns : 0;
    /* A body that waits for the caller, or an answer nobody reads, is not the peer's delay. */
    if (s->send == HH_H2_SEND_BODY || s->is_paused)
        return 0;
    return call->read_timeout_ns != 0 ? now + call->read_timeout_ns : 0;
}

void hh__h2_touch(hh_h2_stream *s)
{
    int64_t due = due_time(s);
    if (due == 0) {
        hh__timer_unset(&s->timer);
        return;
    }
    if (hh__timer_set(s->h2->conn.env->loop, &s->timer, due) != HH_OK) {
        hh_error error;
        hh__fail(&error, HH_ERR_NO_MEMORY, HH_PHASE_SEND, "no memory for a deadline");
        hh__h2_fail_later(s, &error);
    }
}

static hh_delay delay_of(const hh_h2_stream *s)
{
    if (hh__h2_has_unsent(s))
        return HH_DELAY_SENDING;
    return s->receive == HH_H2_RECEIVE_HEAD ? HH_DELAY_HEAD : HH_DELAY_BODY;
}

void hh__h2_on_stream_timer(hh_timer *timer)
{
    hh_h2_stream *s = HH_CONTAINER_OF(timer, hh_h2_stream, timer);
    hh_h2 *h2 = s->h2;
    if (s->failure != NULL)
        return; /* the task is on its way */
    if (s->send == HH_H2_SEND_EXPECT) {
        hh__h2_send_continue(s);
        hh__h2_settle(h2);
        return;
    }
    hh_delay delay = delay_of(s);
    int64_t limit =
        delay == HH_DELAY_SENDING ? s->call->write_timeout_ns : s->call->read_timeout_ns;
    /* The whole connection may be dead: the next call, which may be made in the report, had better
     * not find out the same way. */
    if (hh__h2_now(h2) - h2->received_ns >= limit)
        hh__h2_drain(h2);
    hh_error error;
    hh__conn_describe_delay(&h2->conn, s->call, delay, &error);
    hh__h2_fail(s, &error, NGHTTP2_CANCEL);
    hh__h2_settle(h2);
}

/* --- the connection's ------------------------------------------------------------------------ */

/* The connection's own deadline: of idling, and of the next PING or the answer to it. */
void hh__h2_arm(hh_h2 *h2)
{
    int64_t keepalive_ns = h2->conn.env->h2_keepalive_ns;
    int64_t due = hh__h2_is_idle(h2) ? h2->expires_ns : 0;
    if (keepalive_ns != 0 && h2->failure == HH_OK) {
        int64_t ping_ns = h2->is_pinging ? h2->ping_due_ns : h2->received_ns + keepalive_ns;
        due = due == 0 || ping_ns < due ? ping_ns : due;
    }
    if (due == 0)
        hh__timer_unset(&h2->timer);
    else if (hh__timer_set(h2->conn.env->loop, &h2->timer, due) != HH_OK)
        hh__timer_unset(&h2->timer); /* no deadline then; the peer's close still ends it */
}

static void keep_alive(hh_h2 *h2)
{
    int64_t keepalive_ns = h2->conn.env->h2_keepalive_ns;
    int64_t now = hh__h2_now(h2);
    if (keepalive_ns == 0 || h2->failure != HH_OK)
        return;
    if (h2->received_ns + keepalive_ns > now)
        h2->is_pinging = false; /* whatever has come since is as good as an answer */
    if (h2->is_pinging && h2->ping_due_ns <= now) {
        hh__h2_break(h2, HH_ERR_TIMEOUT_READ, NGHTTP2_NO_ERROR, "it answered no PING in time");
    } else if (!h2->is_pinging && h2->received_ns + keepalive_ns <= now) {
        h2->is_pinging = true;
        h2->ping_due_ns = now + keepalive_ns;
        if (nghttp2_submit_ping(h2->session, NGHTTP2_FLAG_NONE, NULL) != 0)
            hh__h2_break(h2, HH_ERR_NO_MEMORY, NGHTTP2_INTERNAL_ERROR, "no memory for a PING");
    }
}

void hh__h2_on_conn_timer(hh_timer *timer)
{
    hh_h2 *h2 = HH_CONTAINER_OF(timer, hh_h2, timer);
    if (h2->state == HH_H2_CLOSED)
        return;
    if (hh__h2_is_idle(h2) && h2->expires_ns != 0 && h2->expires_ns <= hh__h2_now(h2)) {
        hh__h2_spend(h2, HH_OK);
        return;
    }
    keep_alive(h2);
    hh__h2_arm(h2);
    hh__h2_settle(h2);
}
