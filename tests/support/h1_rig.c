/*
 * h1_rig.c - see h1_rig.h.
 */
#include "support/h1_rig.h"

#include <poll.h>
#include <string.h>

#include "base/memory.h"
#include "conn/h1_internal.h"
#include "support/check.h"

#define RUNS_MAX 400000
#define WAIT_MS 60000

/* --- For the call ----------------------------------------------------------------------------- */

static void act(void *of, rig_act what, unsigned target)
{
    h1_rig *rig = of;
    (void)target;
    switch (what) {
    case RIG_GO:
    case RIG_PAUSE:
        break;
    case RIG_CANCEL:
        h1_rig_cancel(rig);
        break;
    case RIG_CLOSE:
        h1_rig_close(rig);
        break;
    case RIG_START:
        if (rig->conn != NULL)
            h1_rig_start(rig);
        break;
    case RIG_RESUME:
        h1_rig_resume(rig);
        break;
    }
}

static void on_end(void *of, const rig_call *call)
{
    const h1_rig *rig = of;
    CHECK(rig->free_count + rig->spent_count == 1);
    CHECK(call->call.body_bytes == call->body_bytes);
}

/* --- The keeper ------------------------------------------------------------------------------- */

static void on_free(hh_conn *conn)
{
    h1_rig *rig = conn->keeper;
    const hh_h1 *h1 = hh__h1_of(conn);
    CHECK(rig->c.is_active && rig->free_count + rig->spent_count == 0);
    CHECK(h1->call == NULL && h1->buf == NULL && h1->work == NULL);
    CHECK(h1->send == HH_H1_SEND_IDLE && h1->receive == HH_H1_RECEIVE_IDLE && !h1->is_spent);
    rig->free_count++;
    hh__conn_park(conn, rig->expires_ns);
}

static void on_spent(hh_conn *conn, hh_status why)
{
    h1_rig *rig = conn->keeper;
    CHECK(conn == rig->conn);
    rig->why = why;
    if (rig->c.is_active) {
        CHECK(rig->free_count + rig->spent_count == 0);
        rig->spent_count++;
    } else {
        rig->idle_spent_count++;
    }
    rig->conn = NULL;
    hh__conn_close(conn, HH_CLOSE_ABORT);
}

/* --- Life ------------------------------------------------------------------------------------- */

hh_status h1_rig_connect(h1_rig *rig, fake_kind kind)
{
    static const hh_keeper_ops keeper_ops = {.on_free = on_free, .on_spent = on_spent};
    h1_rig_close(rig);
    rig_kept_release(&rig->kept, &rig->buffers);
    if (rig->fake.stream.ops != NULL)
        fake_stream_finish(&rig->fake);
    fake_stream_init(&rig->fake, rig->loop, kind);
    hh_status status =
        hh__h1_create(&rig->env, &rig->fake.stream, "peer:80", &keeper_ops, rig, &rig->conn);
    if (status != HH_OK)
        hh__stream_close(&rig->fake.stream, HH_CLOSE_ABORT);
    return status;
}

void h1_rig_init(h1_rig *rig, fake_kind kind, uint32_t buffer_bytes)
{
    hh_error error;
    memset(rig, 0, sizeof *rig);
    CHECK(hh__loop_create(&rig->loop, &error) == HH_OK);
    hh__buf_pool_init(&rig->buffers, buffer_bytes, 0);
    rig->env.loop = rig->loop;
    rig->env.buffers = &rig->buffers;
    rig->env.max_head_bytes = HH_HEAD_MAX_BYTES;
    rig->env.max_fields = HH_HEAD_MAX_FIELDS;
    rig->home = (rig_home){
        .rig = rig, .conn = &rig->conn, .kept = &rig->kept, .act = act, .on_end = on_end};
    rig_call_init(&rig->c, &rig->home);
    CHECK(h1_rig_connect(rig, kind) == HH_OK);
    h1_rig_prepare(rig);
}

void h1_rig_finish(h1_rig *rig)
{
    h1_rig_close(rig);
    CHECK(hh__loop_run(rig->loop) == HH_OK);
    rig_kept_release(&rig->kept, &rig->buffers);
    CHECK(rig->buffers.in_use == 0);
    CHECK(hh__loop_timer_count(rig->loop) == 0);
    fake_stream_finish(&rig->fake);
    hh__conn_env_finish(&rig->env);
    hh__buf_pool_finish(&rig->buffers);
    hh__loop_destroy(rig->loop);
}

void h1_rig_prepare(h1_rig *rig)
{
    rig_call_prepare(&rig->c, hh_slice_of("GET / HTTP/1.1\r\nHost: peer\r\n\r\n"));
}

void h1_rig_start(h1_rig *rig)
{
    rig_call_begin(&rig->c);
    rig->free_count = rig->spent_count = 0;
    hh__conn_start(rig->conn, &rig->c.call);
    CHECK(rig->c.log[0] == '\0' && rig->free_count + rig->spent_count == 0);
}

void h1_rig_cancel(h1_rig *rig)
{
    if (rig->conn == NULL || !rig->c.is_active)
        return;
    hh__conn_cancel(rig->conn, &rig->c.call);
    CHECK(rig->free_count + rig->spent_count == 1);
    rig_call_drop(&rig->c);
}

void h1_rig_resume(h1_rig *rig)
{
    if (rig->conn != NULL)
        hh__conn_resume(rig->conn, &rig->c.call);
}

void h1_rig_close(h1_rig *rig)
{
    hh_conn *conn = rig->conn;
    if (conn == NULL)
        return;
    rig->conn = NULL;
    hh__conn_close(conn, HH_CLOSE_ORDERLY);
    if (rig->c.is_active)
        rig_call_drop(&rig->c);
}

static bool is_ready(const h1_rig *rig, int timeout_ms)
{
    struct pollfd one = {.fd = hh__loop_fd(rig->loop), .events = POLLIN};
    return poll(&one, 1, timeout_ms) > 0;
}

void h1_rig_run(h1_rig *rig)
{
    for (unsigned i = 0; is_ready(rig, 0); i++) {
        CHECK(i < RUNS_MAX);
        CHECK(hh__loop_run(rig->loop) == HH_OK);
    }
}

void h1_rig_wait(h1_rig *rig)
{
    while (rig->conn != NULL && rig->c.is_active) {
        CHECK(is_ready(rig, WAIT_MS));
        CHECK(hh__loop_run(rig->loop) == HH_OK);
    }
}

void h1_rig_feed(h1_rig *rig, const char *text)
{
    fake_stream_feed(&rig->fake, text, strlen(text));
}

void h1_rig_say(h1_rig *rig, const char *text)
{
    h1_rig_feed(rig, text);
    h1_rig_run(rig);
}

const char *h1_rig_sent(h1_rig *rig)
{
    static char none[] = "";
    fake_stream *fake = &rig->fake;
    if (fake->out_length == 0)
        return none;
    CHECK(fake->out_length < fake->out_capacity);
    fake->out[fake->out_length] = '\0';
    return fake->out;
}

bool h1_rig_is_idle(const h1_rig *rig)
{
    return rig->conn != NULL && !rig->c.is_active && rig->free_count == 1;
}
