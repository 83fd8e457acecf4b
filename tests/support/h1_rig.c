/*
 * h1_rig.c - see h1_rig.h.
 */
#include "support/h1_rig.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "conn/h1_internal.h"

#define BODY_BYTES (3u << 20)
#define RUNS_MAX 400000
#define WAIT_MS 60000

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static h1_rig *rig_of(hh_call *call)
{
    return HH_CONTAINER_OF(call, h1_rig, call);
}

static void add(h1_rig *rig, const char *data, size_t length)
{
    CHECK(length < RIG_LOG_BYTES - rig->log_length);
    memcpy(rig->log + rig->log_length, data, length);
    rig->log_length += length;
    rig->log[rig->log_length] = '\0';
}

static void write_log(h1_rig *rig, const char *format, ...) HH_PRINTF(2, 3);
static void write_log(h1_rig *rig, const char *format, ...)
{
    char text[1024];
    va_list list;
    va_start(list, format);
    int length = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    CHECK(length >= 0 && (size_t)length < sizeof text);
    add(rig, text, (size_t)length);
}

/* The body so far as one entry, in whatever pieces it came. */
static void log_body(h1_rig *rig)
{
    size_t length = rig->body_length - rig->body_logged;
    const char *data = rig->body + rig->body_logged;
    if (length == 0)
        return;
    uint32_t sum = 2166136261u;
    for (size_t i = 0; i < length; i++)
        sum = (sum ^ (unsigned char)data[i]) * 16777619u;
    write_log(rig, "body %zu ", length);
    if (length <= 64)
        add(rig, data, length);
    else
        write_log(rig, "%08x", (unsigned)sum);
    add(rig, ";", 1);
    rig->body_logged = rig->body_length;
}

static void log_fields(h1_rig *rig, const hh_field_entry *entries, uint32_t count, const char *base)
{
    for (uint32_t i = 0; i < count; i++) {
        hh_slice name = hh__entry_name(&entries[i], base);
        hh_slice value = hh__entry_value(&entries[i], base);
        if (rig->log_length + name.length + value.length > RIG_LOG_BYTES / 2)
            return;
        add(rig, " ", 1);
        add(rig, name.data, name.length);
        add(rig, "=", 1);
        add(rig, value.data, value.length);
    }
}

/* --- Acting inside reports -------------------------------------------------------------------- */

static hh_flow act(h1_rig *rig, rig_report report)
{
    unsigned nth = ++rig->counts[report];
    if (rig->acts[report] == RIG_GO || nth < rig->act_from[report])
        return HH_FLOW_GO;
    switch (rig->acts[report]) {
    case RIG_GO:
        break;
    case RIG_PAUSE:
        return HH_FLOW_PAUSE;
    case RIG_CANCEL:
        rig_cancel(rig);
        break;
    case RIG_CLOSE:
        rig_close(rig);
        break;
    case RIG_RESTART:
        rig->acts[report] = RIG_GO;
        if (rig->conn != NULL)
            rig_start(rig);
        break;
    }
    return HH_FLOW_GO;
}

static void touch_bytes(const char *data, size_t length)
{
    unsigned sum = 0;
    for (size_t i = 0; i < length; i++)
        sum += (unsigned char)data[i];
    CHECK(sum <= length * 255);
}

static void log_head(h1_rig *rig, const char *kind, const hh_head *head)
{
    log_body(rig);
    write_log(rig, "%s %d %d ", kind, head->status, head->version);
    add(rig, head->text.data + head->reason_offset, head->reason_length);
    log_fields(rig, head->entries, head->entry_count, head->text.data);
    add(rig, ";", 1);
}

/* Acts, then looks at what the report has borrowed. */
static hh_flow act_on_head(h1_rig *rig, rig_report report, const hh_head *head)
{
    hh_field_entry first = {0};
    if (head->entry_count > 0)
        first = head->entries[0];
    hh_flow flow = act(rig, report);
    touch_bytes(head->text.data, head->text.length);
    if (head->entry_count > 0)
        CHECK(memcmp(&first, &head->entries[0], sizeof first) == 0);
    return flow;
}

/* --- The call's reports ----------------------------------------------------------------------- */

static void on_information(hh_call *call, const hh_head *head)
{
    h1_rig *rig = rig_of(call);
    CHECK(rig->is_active && rig->counts[RIG_HEAD] == 0);
    CHECK(head->status >= 100 && head->status < 200 && head->status != 101);
    log_head(rig, "1xx", head);
    (void)act_on_head(rig, RIG_INFORMATION, head);
}

static hh_flow on_head(hh_call *call, const hh_head *head)
{
    h1_rig *rig = rig_of(call);
    CHECK(rig->is_active && rig->counts[RIG_HEAD] == 0 && head->status >= 200);
    rig->framing = head->framing;
    rig->content_length = head->content_length;
    log_head(rig, "head", head);
    return act_on_head(rig, RIG_HEAD, head);
}

static hh_flow take_body(h1_rig *rig, const char *data, size_t length)
{
    CHECK(rig->is_active && rig->counts[RIG_HEAD] == 1 && length > 0);
    CHECK(length <= BODY_BYTES - rig->body_length);
    memcpy(rig->body + rig->body_length, data, length);
    rig->body_length += length;
    CHECK(rig->call.body_bytes == rig->body_length);
    hh_flow flow = act(rig, RIG_BODY);
    return flow;
}

static hh_flow on_body(hh_call *call, hh_slice data, hh_buf *buf)
{
    h1_rig *rig = rig_of(call);
    CHECK(data.data >= buf->data && data.data + data.length <= buf->data + buf->capacity);
    if (rig->holds_buffers && rig->held_count < RIG_HELD_MAX)
        rig->held[rig->held_count++] = hh_buf_ref(buf);
    hh_flow flow = take_body(rig, data.data, data.length);
    touch_bytes(data.data, data.length);
    return flow;
}

static size_t place(hh_call *call, uint64_t remaining, char **where)
{
    h1_rig *rig = rig_of(call);
    CHECK(rig->is_active && rig->counts[RIG_HEAD] == 1 && remaining > 0);
    if (rig->place_step == 0)
        return 0;
    *where = rig->placed_at;
    return rig->place_step;
}

static hh_flow on_placed(hh_call *call, size_t count)
{
    h1_rig *rig = rig_of(call);
    CHECK(count <= rig->place_step);
    return take_body(rig, rig->placed_at, count);
}

static void push_some(h1_rig *rig)
{
    size_t left = rig->push.length - rig->push_offset;
    size_t length = rig->push_step != 0 && rig->push_step < left ? rig->push_step : left;
    size_t accepted = 0;
    hh_slice data = {rig->push.data + rig->push_offset, length};
    rig->push_status = hh__conn_push(rig->conn, &rig->call, data,
                                     length == left ? HH_PUSH_LAST : HH_PUSH_MORE, &accepted);
    CHECK(accepted <= length);
    rig->push_offset += accepted;
    CHECK(rig->call.pushed_bytes == rig->push_offset);
}

static void on_want_body(hh_call *call)
{
    h1_rig *rig = rig_of(call);
    CHECK(rig->is_active && call->body_kind == HH_BODY_PUSHED);
    (void)act(rig, RIG_WANT);
    if (rig->is_active && rig->push.data != NULL)
        push_some(rig);
}

static void end_call(h1_rig *rig)
{
    CHECK(rig->is_active && rig->free_count + rig->spent_count == 1);
    rig->is_active = false;
    log_body(rig);
}

static void on_done(hh_call *call, const hh_fields *trailers, hh_slice trailer_text)
{
    h1_rig *rig = rig_of(call);
    CHECK(rig->counts[RIG_HEAD] == 1);
    end_call(rig);
    write_log(rig, "done");
    if (trailers != NULL)
        log_fields(rig, trailers->entries, trailers->count, trailer_text.data);
    add(rig, ";", 1);
    (void)act(rig, RIG_DONE);
    touch_bytes(trailer_text.data, trailer_text.length);
}

static void on_failed(hh_call *call, const hh_error *error)
{
    h1_rig *rig = rig_of(call);
    end_call(rig);
    CHECK(error->code != HH_OK && error->message[0] != '\0');
    rig->error = *error;
    write_log(rig, "failed %s %s %d: %s;", hh_status_name(error->code), hh_phase_name(error->phase),
              (int)error->processed, error->message);
    (void)act(rig, RIG_FAILED);
    touch_bytes(error->message, sizeof error->message);
}

/* --- The keeper ------------------------------------------------------------------------------- */

static void on_free(hh_conn *conn)
{
    h1_rig *rig = conn->keeper;
    const hh_h1 *h1 = hh__h1_of(conn);
    CHECK(rig->is_active && rig->free_count + rig->spent_count == 0);
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
    if (rig->is_active) {
        CHECK(rig->free_count + rig->spent_count == 0);
        rig->spent_count++;
    } else {
        rig->idle_spent_count++;
    }
    rig->conn = NULL;
    hh__conn_close(conn, HH_CLOSE_ABORT);
}

/* --- Life ------------------------------------------------------------------------------------- */

static void release_held(h1_rig *rig)
{
    while (rig->held_count > 0)
        hh__buf_release(&rig->buffers, rig->held[--rig->held_count]);
}

hh_status rig_connect(h1_rig *rig, fake_kind kind)
{
    static const hh_keeper_ops keeper_ops = {.on_free = on_free, .on_spent = on_spent};
    rig_close(rig);
    release_held(rig);
    if (rig->fake.stream.ops != NULL)
        fake_stream_finish(&rig->fake);
    fake_stream_init(&rig->fake, rig->loop, kind);
    hh_status status =
        hh__h1_create(&rig->env, &rig->fake.stream, "peer:80", &keeper_ops, rig, &rig->conn);
    if (status != HH_OK)
        hh__stream_close(&rig->fake.stream, HH_CLOSE_ABORT);
    return status;
}

void rig_init(h1_rig *rig, fake_kind kind, uint32_t buffer_bytes)
{
    memset(rig, 0, sizeof *rig);
    rig->body = malloc(BODY_BYTES);
    rig->placed_at = malloc(1u << 20);
    CHECK(rig->body != NULL && rig->placed_at != NULL);
    CHECK(hh__loop_create(&rig->loop, &rig->error) == HH_OK);
    hh__buf_pool_init(&rig->buffers, buffer_bytes, 0);
    rig->env.loop = rig->loop;
    rig->env.buffers = &rig->buffers;
    rig->env.max_head_bytes = HH_HEAD_MAX_BYTES;
    rig->env.max_fields = HH_HEAD_MAX_FIELDS;
    CHECK(rig_connect(rig, kind) == HH_OK);
    rig_prepare(rig);
}

void rig_finish(h1_rig *rig)
{
    rig_close(rig);
    CHECK(hh__loop_run(rig->loop) == HH_OK);
    release_held(rig);
    CHECK(rig->buffers.in_use == 0);
    CHECK(hh__loop_timer_count(rig->loop) == 0);
    fake_stream_finish(&rig->fake);
    hh__conn_env_finish(&rig->env);
    hh__buf_pool_finish(&rig->buffers);
    hh__loop_destroy(rig->loop);
    free(rig->body);
    free(rig->placed_at);
}

static const hh_call_ops call_ops = {
    .on_information = on_information,
    .on_head = on_head,
    .on_body = on_body,
    .place = place,
    .on_placed = on_placed,
    .on_want_body = on_want_body,
    .on_done = on_done,
    .on_failed = on_failed,
};

void rig_prepare(h1_rig *rig)
{
    rig->call = (hh_call){.ops = &call_ops,
                          .head = hh_slice_of("GET / HTTP/1.1\r\nHost: peer\r\n\r\n"),
                          .body_length = UINT64_MAX};
}

void rig_start(h1_rig *rig)
{
    CHECK(!rig->is_active && rig->conn != NULL);
    memset(rig->counts, 0, sizeof rig->counts);
    rig->free_count = rig->spent_count = 0;
    rig->push_offset = 0;
    rig->body_length = rig->body_logged = 0;
    rig->log_length = 0;
    rig->log[0] = '\0';
    rig->is_active = true;
    hh__conn_start(rig->conn, &rig->call);
    CHECK(rig->log_length == 0 && rig->free_count + rig->spent_count == 0);
}

void rig_cancel(h1_rig *rig)
{
    if (rig->conn == NULL || !rig->is_active)
        return;
    hh__conn_cancel(rig->conn, &rig->call);
    CHECK(rig->free_count + rig->spent_count == 1);
    rig->is_active = false;
}

void rig_close(h1_rig *rig)
{
    hh_conn *conn = rig->conn;
    if (conn == NULL)
        return;
    rig->conn = NULL;
    hh__conn_close(conn, HH_CLOSE_ORDERLY);
    rig->is_active = false;
}

static bool is_ready(const h1_rig *rig, int timeout_ms)
{
    struct pollfd one = {.fd = hh__loop_fd(rig->loop), .events = POLLIN};
    return poll(&one, 1, timeout_ms) > 0;
}

void rig_run(h1_rig *rig)
{
    for (unsigned i = 0; is_ready(rig, 0); i++) {
        CHECK(i < RUNS_MAX);
        CHECK(hh__loop_run(rig->loop) == HH_OK);
    }
}

void rig_wait(h1_rig *rig)
{
    while (rig->conn != NULL && rig->is_active) {
        CHECK(is_ready(rig, WAIT_MS));
        CHECK(hh__loop_run(rig->loop) == HH_OK);
    }
}

void rig_feed(h1_rig *rig, const char *text)
{
    fake_stream_feed(&rig->fake, text, strlen(text));
}

const char *rig_sent(h1_rig *rig)
{
    static char none[] = "";
    fake_stream *fake = &rig->fake;
    if (fake->out_length == 0)
        return none;
    CHECK(fake->out_length < fake->out_capacity);
    fake->out[fake->out_length] = '\0';
    return fake->out;
}

bool rig_is_idle(const h1_rig *rig)
{
    return rig->conn != NULL && !rig->is_active && rig->free_count == 1;
}
