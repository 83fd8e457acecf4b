/*
 * h2_rig.c - see h2_rig.h.
 */
#include "support/h2_rig.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "support/check.h"

#define RUNS_MAX 400000
#define WAIT_MS 60000
#define OUT_BYTES (1u << 20)

/* --- For the calls ---------------------------------------------------------------------------- */

static void act(void *of, rig_act what, unsigned target)
{
    h2_rig *rig = of;
    switch (what) {
    case RIG_GO:
    case RIG_PAUSE:
        break;
    case RIG_CANCEL:
        h2_rig_cancel(rig, target);
        break;
    case RIG_CLOSE:
        h2_rig_close(rig, HH_CLOSE_ABORT);
        break;
    case RIG_START:
        if (rig->conn != NULL && rig->conn->capacity > 0 && !rig->calls[target]->is_active)
            h2_rig_start(rig, target);
        break;
    case RIG_RESUME:
        h2_rig_resume(rig, target);
        break;
    }
}

static void on_end(void *of, const rig_call *call)
{
    h2_rig *rig = of;
    (void)call;
    rig->ends++;
    /* The keeper knows first, unless the connection is coming to its end. */
    CHECK(rig->conn == NULL || rig->free_count >= rig->ends || rig->conn->capacity == 0);
    CHECK(rig->free_count <= rig->ends);
}

/* --- The keeper ------------------------------------------------------------------------------- */

static void on_free(hh_conn *conn)
{
    h2_rig *rig = conn->keeper;
    CHECK(conn == rig->conn && rig->spent_count == 0);
    rig->free_count++;
    if (rig->starts == rig->free_count)
        hh__conn_park(conn, rig->expires_ns);
}

static void on_capacity(hh_conn *conn)
{
    h2_rig *rig = conn->keeper;
    CHECK(conn == rig->conn && rig->spent_count == 0);
    rig->capacity_count++;
}

static void on_spent(hh_conn *conn, hh_status why)
{
    h2_rig *rig = conn->keeper;
    CHECK(conn == rig->conn && rig->spent_count == 0);
    rig->why = why;
    rig->spent_count++;
    rig->conn = NULL;
    hh__conn_close(conn, HH_CLOSE_ORDERLY);
}

/* --- Life ------------------------------------------------------------------------------------- */

static void look(h2_rig *rig)
{
    h2_peer_look(&rig->peer, rig->fake.out, rig->fake.out_length);
}

static void drop_connection(h2_rig *rig)
{
    h2_rig_close(rig, HH_CLOSE_ORDERLY);
    CHECK(hh__loop_run(rig->loop) == HH_OK);
    rig_kept_release(&rig->kept, &rig->buffers);
    CHECK(rig->env.held_bytes == 0 && rig->buffers.in_use == 0);
    for (unsigned i = 0; i < H2_RIG_CALLS_MAX && rig->calls[i] != NULL; i++)
        CHECK(!rig->calls[i]->is_active);
    CHECK(rig->starts == rig->ends);
    if (rig->fake.stream.ops == NULL)
        return;
    look(rig);
    h2_peer_finish(&rig->peer);
    fake_stream_finish(&rig->fake);
    rig->fake.stream.ops = NULL;
}

hh_status h2_rig_connect(h2_rig *rig, fake_kind kind)
{
    static const hh_keeper_ops keeper_ops = {
        .on_free = on_free, .on_capacity = on_capacity, .on_spent = on_spent};
    drop_connection(rig);
    fake_stream_init(&rig->fake, rig->loop, kind);
    h2_peer_init(&rig->peer);
    rig->fake.out = realloc(rig->fake.out, OUT_BYTES);
    rig->fake.out_capacity = OUT_BYTES;
    CHECK(rig->fake.out != NULL);
    rig->starts = rig->ends = rig->free_count = rig->capacity_count = rig->spent_count = 0;
    rig->why = HH_OK;
    hh__bytes_clear(&rig->say);
    hh_status status =
        hh__h2_create(&rig->env, &rig->fake.stream, "peer:80", &keeper_ops, rig, &rig->conn);
    if (status != HH_OK)
        hh__stream_close(&rig->fake.stream, HH_CLOSE_ABORT);
    return status;
}

void h2_rig_open(h2_rig *rig, fake_kind kind)
{
    CHECK(h2_rig_connect(rig, kind) == HH_OK);
    h2_put_settings(&rig->say);
    h2_put_settings_ack(&rig->say);
    h2_rig_say(rig);
    CHECK(rig->conn != NULL && rig->peer.acks == 1);
    h2_peer_forget(&rig->peer);
}

void h2_rig_init(h2_rig *rig, fake_kind kind, uint32_t buffer_bytes)
{
    hh_error error;
    memset(rig, 0, sizeof *rig);
    CHECK(hh__loop_create(&rig->loop, &error) == HH_OK);
    hh__buf_pool_init(&rig->buffers, buffer_bytes, 0);
    hh__bytes_init(&rig->say, SIZE_MAX);
    rig->env.loop = rig->loop;
    rig->env.buffers = &rig->buffers;
    rig->env.max_head_bytes = HH_HEAD_MAX_BYTES;
    rig->env.max_fields = HH_HEAD_MAX_FIELDS;
    rig->home = (rig_home){
        .rig = rig, .conn = &rig->conn, .kept = &rig->kept, .act = act, .on_end = on_end};
    CHECK(h2_rig_connect(rig, kind) == HH_OK);
}

void h2_rig_finish(h2_rig *rig)
{
    drop_connection(rig);
    hh__conn_env_finish(&rig->env);
    CHECK(hh__loop_timer_count(rig->loop) == 0);
    for (unsigned i = 0; i < H2_RIG_CALLS_MAX; i++) {
        if (rig->calls[i] != NULL)
            hh__h2_request_destroy(rig->calls[i]->request);
        free(rig->calls[i]);
    }
    hh__bytes_finish(&rig->say);
    hh__buf_pool_finish(&rig->buffers);
    hh__loop_destroy(rig->loop);
}

/* --- Calls ------------------------------------------------------------------------------------ */

rig_call *h2_rig_call_at(h2_rig *rig, unsigned i)
{
    CHECK(i < H2_RIG_CALLS_MAX && (i == 0 || rig->calls[i - 1] != NULL));
    if (rig->calls[i] == NULL)
        rig->calls[i] = calloc(1, sizeof *rig->calls[i]);
    rig_call *c = rig->calls[i];
    CHECK(c != NULL && !c->is_active);
    hh__h2_request_destroy(c->request);
    rig_call_init(c, &rig->home);
    rig_call_prepare(c, (hh_slice){NULL, 0});
    c->target = i;
    h2_rig_set_head(c, "GET / HTTP/1.1\r\nHost: peer\r\n\r\n");
    return c;
}

void h2_rig_set_head(rig_call *call, const char *head)
{
    hh__h2_request_destroy(call->request);
    call->call.head = hh_slice_of(head);
    CHECK(hh__h2_request_create(call->call.head, hh_slice_of("http"), &call->request) == HH_OK);
    call->call.h2_request = call->request;
}

void h2_rig_start(h2_rig *rig, unsigned i)
{
    rig_call *c = rig->calls[i];
    rig_call_begin(c);
    rig->starts++;
    unsigned told = rig->free_count + rig->spent_count;
    hh__conn_start(rig->conn, &c->call);
    CHECK(c->log[0] == '\0' && c->ends == 0 && rig->free_count + rig->spent_count == told);
}

rig_call *h2_rig_get(h2_rig *rig, unsigned i)
{
    rig_call *c = h2_rig_call_at(rig, i);
    h2_rig_start(rig, i);
    return c;
}

rig_call *h2_rig_begin(h2_rig *rig, unsigned count)
{
    h2_rig_open(rig, FAKE_PLAIN);
    for (unsigned i = 0; i < count; i++)
        h2_rig_get(rig, i);
    h2_rig_run(rig);
    h2_peer_forget(&rig->peer);
    return rig->calls[0];
}

bool h2_rig_serves(h2_rig *rig)
{
    unsigned i = 0;
    while (rig->calls[i] != NULL && !rig->calls[i]->is_probe)
        i++;
    if (rig->conn == NULL || rig->conn->capacity == 0)
        return false;
    rig_call *c = h2_rig_get(rig, i);
    c->is_probe = true;
    h2_rig_run(rig);
    h2_put_headers(&rig->say, (uint32_t)c->call.stream_id, H2_END_STREAM, ":status: 299");
    h2_rig_say(rig);
    return strcmp(c->log, "head 299;done;") == 0;
}

static void drop_call(h2_rig *rig, unsigned i)
{
    rig_call_drop(rig->calls[i]);
    rig->ends++;
}

void h2_rig_cancel(h2_rig *rig, unsigned i)
{
    rig_call *c = rig->calls[i];
    if (rig->conn == NULL || !c->is_active)
        return;
    unsigned told = rig->free_count + rig->spent_count;
    drop_call(rig, i);
    hh_conn *conn = rig->conn;
    bool is_ending = conn->capacity == 0;
    size_t length = c->written.length;
    hh__conn_cancel(conn, &c->call);
    CHECK(is_ending || rig->free_count + rig->spent_count == told + 1);
    CHECK(c->written.length == length);
}

void h2_rig_resume(h2_rig *rig, unsigned i)
{
    rig_call *c = rig->calls[i];
    if (rig->conn == NULL || !c->is_active)
        return;
    size_t length = c->written.length;
    hh__conn_resume(rig->conn, &c->call);
    CHECK(c->written.length == length && c->is_active);
}

void h2_rig_close(h2_rig *rig, hh_close how)
{
    hh_conn *conn = rig->conn;
    if (conn == NULL)
        return;
    rig->conn = NULL;
    for (unsigned i = 0; i < H2_RIG_CALLS_MAX && rig->calls[i] != NULL; i++)
        if (rig->calls[i]->is_active)
            drop_call(rig, i);
    hh__conn_close(conn, how);
}

/* --- Time passes ------------------------------------------------------------------------------ */

static bool is_ready(const h2_rig *rig, int timeout_ms)
{
    struct pollfd one = {.fd = hh__loop_fd(rig->loop), .events = POLLIN};
    return poll(&one, 1, timeout_ms) > 0;
}

static void run_once(h2_rig *rig)
{
    CHECK(hh__loop_run(rig->loop) == HH_OK);
    CHECK(rig->conn == NULL || hh__h2_check(rig->conn));
}

void h2_rig_step(h2_rig *rig)
{
    run_once(rig);
    look(rig);
}

void h2_rig_run(h2_rig *rig)
{
    for (unsigned i = 0; is_ready(rig, 0); i++) {
        CHECK(i < RUNS_MAX);
        run_once(rig);
    }
    look(rig);
}

void h2_rig_wait(h2_rig *rig, unsigned i)
{
    while (rig->conn != NULL && rig->calls[i]->is_active) {
        CHECK(is_ready(rig, WAIT_MS));
        run_once(rig);
    }
    look(rig);
}

void h2_rig_feed(h2_rig *rig)
{
    CHECK(rig->say.status == HH_OK);
    h2_peer_said(&rig->peer, rig->say.data, rig->say.length);
    size_t step = rig->split != 0 ? rig->split : rig->say.length;
    for (size_t at = 0; at < rig->say.length; at += step) {
        size_t left = rig->say.length - at;
        fake_stream_feed(&rig->fake, rig->say.data + at, left < step ? left : step);
        if (rig->split != 0)
            h2_rig_run(rig);
    }
    hh__bytes_clear(&rig->say);
}

void h2_rig_say(h2_rig *rig)
{
    h2_rig_feed(rig);
    h2_rig_run(rig);
}

const char *h2_rig_wrote(h2_rig *rig)
{
    static char text[H2_PEER_TEXT_BYTES];
    look(rig);
    memcpy(text, rig->peer.text, rig->peer.written.length + 1);
    h2_peer_forget(&rig->peer);
    return text;
}

const char *h2_rig_writes(h2_rig *rig)
{
    h2_rig_run(rig);
    return h2_rig_wrote(rig);
}
