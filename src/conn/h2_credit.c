/*
 * h2_credit.c - how much an HTTP/2 peer may send: credit for what it sent, and the bytes that are
 * held while a stream is paused.
 *
 * The connection's credit returns on receipt, a stream's when its bytes are taken. A paused
 * stream's bytes are copied into a chain of its own. They are bounded by the stream's window, and
 * all chains of a client by HH_H2_HELD_MAX_BYTES: beyond that the connection gets no credit for
 * them either (RFC 9113 §5.2.2), until they fit again.
 */
#include <string.h>

#include "base/failure.h"
#include "base/memory.h"
#include "conn/h2_internal.h"

/* --- credit ---------------------------------------------------------------------------------- */

static void fail_credit(hh_h2 *h2)
{
    hh__h2_break(h2, HH_ERR_NO_MEMORY, NGHTTP2_INTERNAL_ERROR, "no memory to return credit");
}

void hh__h2_credit_conn(hh_h2 *h2, size_t count)
{
    if (count == 0 || h2->state == HH_H2_CLOSED)
        return;
    int result = nghttp2_session_consume_connection(h2->session, count);
    uint32_t size = hh__h2_window_consume(&h2->window, (uint32_t)count,
                                          hh__loop_now(h2->conn.env->loop), h2->rtt_ns);
    if (result == 0 && size != 0)
        result =
            nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0, (int32_t)size);
    if (result != 0)
        fail_credit(h2);
}

void hh__h2_credit_stream(hh_h2_stream *s, size_t count)
{
    hh_h2 *h2 = s->h2;
    s->consumed += count;
    if (s->is_closed || s->is_ending)
        return; /* nothing more will come */
    int result = nghttp2_session_consume_stream(h2->session, s->id, count);
    uint32_t size = hh__h2_window_consume(&s->window, (uint32_t)count,
                                          hh__loop_now(h2->conn.env->loop), h2->rtt_ns);
    if (result == 0 && size != 0)
        result = nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, s->id,
                                                       (int32_t)size);
    if (result != 0)
        fail_credit(h2);
}

/* --- bytes held for paused streams ----------------------------------------------------------- */

/* Room at the end of the chain; NULL when out of memory. */
static hh_h2_held *held_room(hh_h2_stream *s)
{
    hh_h2_held *last = s->held_last;
    if (last != NULL && last->end < last->buf->capacity &&
        atomic_load_explicit(&last->buf->refs, memory_order_acquire) == 1)
        return last;
    hh_h2_held *held = hh__calloc(1, sizeof *held);
    if (held == NULL)
        return NULL;
    held->buf = hh__buf_take(s->h2->conn.env->buffers);
    if (held->buf == NULL) {
        hh__free(held);
        return NULL;
    }
    if (last != NULL)
        last->next = held;
    else
        s->held_first = held;
    s->held_last = held;
    return held;
}

static void withhold(hh_h2_stream *s, size_t count)
{
    hh_list *withholding = &s->h2->conn.env->withholding;
    if (withholding->head.next == NULL) /* the first ever: the environment began as zeros */
        hh__list_init(withholding);
    if (s->withheld == 0)
        hh__list_push_back(withholding, &s->withheld_link);
    s->withheld += count;
}

static void give_credit_back(hh_h2_stream *s, uint64_t count)
{
    s->withheld -= count;
    if (s->withheld == 0)
        hh__list_remove(&s->withheld_link);
    hh__h2_credit_conn(s->h2, (size_t)count);
}

/* All that is held fits again: no paused stream starves the neighbours on its connection. */
static void give_all_credit_back(hh_conn_env *env)
{
    hh_link *link;
    if (env->withholding.head.next == NULL)
        return;
    while ((link = hh__list_first(&env->withholding)) != NULL) {
        hh_h2_stream *s = HH_CONTAINER_OF(link, hh_h2_stream, withheld_link);
        hh__h2_later(s->h2, HH_H2_LATER_FLUSH);
        give_credit_back(s, s->withheld);
    }
}

/* Copies to the end of the chain; returns how much memory was there for. */
static size_t keep(hh_h2_stream *s, hh_slice data)
{
    size_t kept = 0;
    while (kept < data.length) {
        hh_h2_held *held = held_room(s);
        if (held == NULL)
            break;
        uint32_t room = held->buf->capacity - held->end;
        uint32_t step = data.length - kept < room ? (uint32_t)(data.length - kept) : room;
        memcpy(held->buf->data + held->end, data.data + kept, step);
        held->end += step;
        kept += step;
    }
    return kept;
}

void hh__h2_hold(hh_h2_stream *s, hh_slice data)
{
    hh_h2 *h2 = s->h2;
    hh_conn_env *env = h2->conn.env;
    size_t kept = keep(s, data);
    bool is_within = env->held_bytes + kept <= HH_H2_HELD_MAX_BYTES;
    s->held += kept;
    s->consumed += data.length - kept;
    env->held_bytes += kept;
    if (!is_within && kept > 0)
        withhold(s, kept);
    hh__h2_credit_conn(h2, is_within ? data.length : data.length - kept);
    if (kept == data.length)
        return;
    hh_error error;
    hh__fail(&error, HH_ERR_NO_MEMORY, HH_PHASE_BODY, "no memory to receive from %s",
             h2->conn.remote);
    hh__h2_fail_later(s, &error);
}

/* So many held bytes are gone: the budget, and the connection's credit for what exceeded it. */
static void unhold(hh_h2_stream *s, uint64_t count)
{
    hh_conn_env *env = s->h2->conn.env;
    s->held -= count;
    env->held_bytes -= count;
    if (s->withheld != 0)
        give_credit_back(s, count < s->withheld ? count : s->withheld);
    if (env->held_bytes <= HH_H2_HELD_MAX_BYTES)
        give_all_credit_back(env);
}

static void pop_held(hh_h2_stream *s)
{
    hh_h2_held *held = s->held_first;
    s->held_first = held->next;
    if (held->next == NULL)
        s->held_last = NULL;
    hh__buf_release(s->h2->conn.env->buffers, held->buf);
    hh__free(held);
}

hh_buf *hh__h2_take_held(hh_h2_stream *s, hh_slice *data)
{
    hh_h2_held *held = s->held_first;
    hh_buf *buf = hh_buf_ref(held->buf);
    *data = (hh_slice){buf->data + held->start, held->end - held->start};
    pop_held(s);
    unhold(s, data->length);
    return buf;
}

void hh__h2_drop_held(hh_h2_stream *s)
{
    if (s->held > 0)
        unhold(s, s->held);
    while (s->held_first != NULL)
        pop_held(s);
}

/* --- books ----------------------------------------------------------------------------------- */

static uint64_t count_held(const hh_h2_stream *s)
{
    uint64_t count = 0;
    for (const hh_h2_held *held = s->held_first; held != NULL; held = held->next)
        count += held->end - held->start;
    return count;
}

/* What nghttp2 has not announced again covers what this stream still holds. */
static bool is_balanced(const hh_h2 *h2, const hh_h2_stream *s)
{
    if (s->received != s->consumed + s->held || s->held != count_held(s) || s->withheld > s->held)
        return false;
    if (s->id == 0 || s->is_closed || h2->state == HH_H2_CLOSED)
        return true;
    int32_t unannounced = nghttp2_session_get_stream_effective_recv_data_length(h2->session, s->id);
    int32_t window = nghttp2_session_get_stream_effective_local_window_size(h2->session, s->id);
    return unannounced < 0 || (s->held <= (uint64_t)unannounced && unannounced <= window);
}

bool hh__h2_check(const hh_conn *conn)
{
    const hh_h2 *h2 = (const hh_h2 *)conn;
    uint64_t held = 0, withheld = 0;
    for (hh_link *link = hh__list_first(&h2->open); link != NULL;
         link = hh__list_next(&h2->open, link)) {
        const hh_h2_stream *s = HH_CONTAINER_OF(link, const hh_h2_stream, link);
        if (!is_balanced(h2, s))
            return false;
        held += s->held;
        withheld += s->withheld;
    }
    if (held > h2->conn.env->held_bytes)
        return false;
    if (h2->state == HH_H2_CLOSED)
        return true;
    int32_t unannounced = nghttp2_session_get_effective_recv_data_length(h2->session);
    return withheld <= (uint64_t)unannounced &&
           unannounced <= nghttp2_session_get_effective_local_window_size(h2->session);
}
