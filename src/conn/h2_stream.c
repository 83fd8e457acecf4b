/*
 * h2_stream.c - a call's stream on an HTTP/2 connection: its memory, its states, reports to the
 * call, and the call's end.
 */
#include <assert.h>

#include "base/failure.h"
#include "base/memory.h"
#include "conn/h2.h"
#include "conn/h2_internal.h"
#include "conn/h2_memory.h"

#define FREE_STREAMS_MAX 1024

/* --- states ---------------------------------------------------------------------------------- */

void hh__h2_set_send(hh_h2_stream *s, hh_h2_send send)
{
    assert(send > s->send || (s->send == HH_H2_SEND_EXPECT && send == HH_H2_SEND_BODY));
    s->send = (uint8_t)send;
    int64_t now = hh__h2_now(s->h2);
    if (send == HH_H2_SEND_DONE && s->call->sent_ns == 0)
        s->call->sent_ns = now;
    if (send == HH_H2_SEND_EXPECT)
        s->expect_due_ns = now + (int64_t)HH_EXPECT_WAIT_MS * 1000000;
}

void hh__h2_set_receive(hh_h2_stream *s, hh_h2_receive receive)
{
    assert(receive > s->receive);
    s->receive = (uint8_t)receive;
}

/* Whether a byte of the request is with the system. */
static bool has_left(const hh_h2_stream *s)
{
    return s->is_out && s->h2->written > s->begins_at;
}

hh_processed hh__h2_processed(const hh_h2_stream *s)
{
    if (s->call->received_bytes > 0)
        return HH_PROCESSED_YES;
    return has_left(s) ? HH_PROCESSED_MAYBE : HH_PROCESSED_NO;
}

/* --- memory ---------------------------------------------------------------------------------- */

static hh_h2_stream *take_stream(hh_conn_env *env)
{
    hh_h2_stream *s = env->free_streams;
    if (s != NULL) {
        env->free_streams = s->next_free;
        env->free_stream_count--;
        return s;
    }
    s = hh__calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->timer.on_due = hh__h2_on_stream_timer;
    hh__bytes_init(&s->out, HH_PUSH_BUFFER_MAX_BYTES + 64);
    return s;
}

static void destroy_stream(hh_conn_env *env, hh_h2_stream *s)
{
    hh__timer_stop(env->loop, &s->timer);
    hh__bytes_finish(&s->out);
    hh__free(s);
}

/* The failure of a stream for whose own there was no memory. */
static const hh_error no_memory = {.code = HH_ERR_NO_MEMORY,
                                   .category = HH_CATEGORY_FATAL,
                                   .phase = HH_PHASE_BODY,
                                   .message = "no memory for an error"};

static void drop_failure(hh_h2_stream *s)
{
    union {
        const hh_error *in;
        void *out;
    } pointer = {.in = s->failure}; /* it is const for what it may be besides memory of ours */
    if (s->failure != &no_memory)
        hh__free(pointer.out);
    s->failure = NULL;
}

static void give_stream(hh_conn_env *env, hh_h2_stream *s)
{
    if (s->trailers != NULL) {
        hh__h2_head_finish(s->trailers);
        hh__free(s->trailers);
    }
    drop_failure(s);
    if (env->free_stream_count >= FREE_STREAMS_MAX) {
        destroy_stream(env, s);
        return;
    }
    hh__bytes_finish(&s->out);
    s->trailers = NULL;
    s->next_free = env->free_streams;
    env->free_streams = s;
    env->free_stream_count++;
}

void hh__h2_env_finish(hh_conn_env *env)
{
    while (env->free_streams != NULL) {
        hh_h2_stream *s = env->free_streams;
        env->free_streams = s->next_free;
        destroy_stream(env, s);
    }
    env->free_stream_count = 0;
    hh__h2_memory_finish(env);
}

size_t hh__h2_env_spare_bytes(const hh_conn_env *env)
{
    return env->free_stream_count * sizeof(hh_h2_stream) + hh__h2_memory_spare_bytes(env);
}

hh_h2_stream *hh__h2_stream_create(hh_h2 *h2, hh_call *call)
{
    hh_h2_stream *s = take_stream(h2->conn.env);
    if (s == NULL)
        return NULL;
    /* All but its memory and its timer, which may still lie in the heap. */
    hh_timer timer = s->timer;
    hh_bytes out = s->out;
    *s = (hh_h2_stream){.h2 = h2, .call = call, .owner = call->owner, .timer = timer, .out = out};
    return s;
}

/* --- reports --------------------------------------------------------------------------------- */

hh_call *hh__h2_begin_report(hh_h2_stream *s)
{
    assert(s->h2->reporting == NULL);
    s->h2->reporting = s;
    return s->call;
}

bool hh__h2_end_report(hh_h2 *h2, const hh_h2_stream *s)
{
    bool is_there = h2->reporting == s;
    h2->reporting = NULL;
    return is_there;
}

void hh__h2_report_later(hh_h2_stream *s)
{
    if (!hh__link_is_listed(&s->report_link))
        hh__list_push_back(&s->h2->reports, &s->report_link);
    hh__h2_later(s->h2, HH_H2_LATER_REPORT);
}

/* Separates call and stream; the stream's memory is still the caller's to give back. */
static hh_call *detach(hh_h2_stream *s)
{
    hh_h2 *h2 = s->h2;
    hh_call *call = s->call;
    hh__list_remove(&s->link);
    hh__list_remove(&s->report_link);
    hh__timer_unset(&s->timer);
    hh__h2_drop_held(s);
    hh__h2_disown(s);
    if (s->send == HH_H2_SEND_HEAD && s->id != 0) { /* its fields are still lent to nghttp2 */
        hh__h2_break(h2, HH_ERR_REFUSED, NGHTTP2_INTERNAL_ERROR, "a request could not leave");
        h2->is_mute = true;
    }
    if (s->id != 0 && !s->is_closed)
        nghttp2_session_set_stream_user_data(h2->session, s->id, NULL);
    if (h2->reporting == s)
        h2->reporting = NULL;
    if (h2->recent == s)
        h2->recent = NULL;
    if (h2->head_stream == s)
        h2->head_stream = NULL;
    call->stream = NULL;
    return call;
}

void hh__h2_stream_drop(hh_h2_stream *s)
{
    hh_conn_env *env = s->h2->conn.env;
    detach(s);
    give_stream(env, s);
}

void hh__h2_complete(hh_h2_stream *s, const hh_h2_head *trailers)
{
    hh_h2 *h2 = s->h2;
    hh_conn_env *env = h2->conn.env;
    /* RFC 9113 §8.1: the answer is whole before the request is; the rest of that is of no use. */
    if (s->send != HH_H2_SEND_DONE)
        hh__h2_reset(s, NGHTTP2_CANCEL);
    hh_call *call = detach(s);
    h2->conn.served++;
    h2->burst++;
    /* The slot is free before the call learns of its end: what follows from it finds it free. */
    hh__h2_free_slot(h2);
    if (trailers != NULL)
        call->ops->on_done(call, &trailers->fields, hh__bytes_slice(&trailers->text));
    else
        call->ops->on_done(call, NULL, (hh_slice){NULL, 0});
    give_stream(env, s);
}

void hh__h2_fail(hh_h2_stream *s, const hh_error *error, uint32_t reset)
{
    hh_h2 *h2 = s->h2;
    hh_conn_env *env = h2->conn.env;
    hh_error copy = *error;
    if (!has_left(s))
        s->call->sent_bytes = 0;
    copy.processed = copy.code == HH_ERR_REFUSED ? HH_PROCESSED_NO : hh__h2_processed(s);
    hh__h2_reset(s, reset);
    hh_call *call = detach(s);
    hh__h2_free_slot(h2);
    call->ops->on_failed(call, &copy);
    give_stream(env, s);
}

void hh__h2_fail_later(hh_h2_stream *s, const hh_error *error)
{
    if (s->failure == NULL) {
        hh_error *copy = hh__malloc(sizeof *copy);
        if (copy != NULL)
            *copy = *error;
        s->failure = copy != NULL ? copy : &no_memory;
    }
    hh__h2_report_later(s);
}
