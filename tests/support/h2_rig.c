/*
 * h2_rig.c - see h2_rig.h.
 */
#include "support/h2_rig.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

#define RUNS_MAX 400000
#define WAIT_MS 60000
#define OUT_BYTES (1u << 20)

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static h2_rig_call *call_of(hh_call *call)
{
    return HH_CONTAINER_OF(call, h2_rig_call, call);
}

/* --- The log ---------------------------------------------------------------------------------- */

static void add(h2_rig_call *c, const char *data, size_t length)
{
    if (length >= H2_RIG_LOG_BYTES - c->log_length)
        return;
    memcpy(c->log + c->log_length, data, length);
    c->log_length += length;
    c->log[c->log_length] = '\0';
}

static void print(h2_rig_call *c, const char *format, ...) HH_PRINTF(2, 3);
static void print(h2_rig_call *c, const char *format, ...)
{
    char text[1024];
    va_list list;
    va_start(list, format);
    int length = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    CHECK(length >= 0 && (size_t)length < sizeof text);
    add(c, text, (size_t)length);
}

/* The body so far as one entry, in whatever pieces it came. */
static void log_body(h2_rig_call *c)
{
    if (c->piece_bytes == 0)
        return;
    print(c, "body %llu ", (unsigned long long)c->piece_bytes);
    if (c->piece_bytes <= H2_RIG_BODY_SHOWN)
        add(c, c->piece, (size_t)c->piece_bytes);
    else
        print(c, "%08x", (unsigned)c->piece_sum);
    add(c, ";", 1);
    c->piece_bytes = 0;
    c->piece_sum = H2_SUM_START;
}

static void log_fields(h2_rig_call *c, const hh_field_entry *entries, uint32_t count,
                       const char *base)
{
    for (uint32_t i = 0; i < count; i++) {
        hh_slice name = hh__entry_name(&entries[i], base);
        hh_slice value = hh__entry_value(&entries[i], base);
        add(c, " ", 1);
        add(c, name.data, name.length);
        add(c, "=", 1);
        add(c, value.data, value.length);
    }
}

/* --- Acting inside reports -------------------------------------------------------------------- */

static void act_on_target(h2_rig *rig, h2_rig_act act, unsigned target)
{
    switch (act) {
    case H2_RIG_GO:
    case H2_RIG_PAUSE:
        break;
    case H2_RIG_CANCEL:
        h2_rig_cancel(rig, target);
        break;
    case H2_RIG_CLOSE:
        h2_rig_close(rig, HH_CLOSE_ABORT);
        break;
    case H2_RIG_START:
        if (rig->conn != NULL && rig->conn->capacity > 0 && !rig->calls[target]->is_active)
            h2_rig_start(rig, target);
        break;
    case H2_RIG_RESUME:
        h2_rig_resume(rig, target);
        break;
    }
}

static hh_flow act(h2_rig_call *c, h2_rig_report report)
{
    unsigned nth = ++c->counts[report];
    h2_rig_act what = c->acts[report];
    if (nth < c->act_from[report])
        return HH_FLOW_GO;
    if (what == H2_RIG_PAUSE)
        return HH_FLOW_PAUSE;
    if (what == H2_RIG_START)
        c->acts[report] = H2_RIG_GO;
    act_on_target(c->rig, what, c->target);
    return HH_FLOW_GO;
}

static void touch_bytes(const char *data, size_t length)
{
    unsigned sum = 0;
    for (size_t i = 0; i < length; i++)
        sum += (unsigned char)data[i];
    CHECK(sum <= length * 255);
}

static void check_head(const hh_head *head)
{
    char line[32];
    int length = snprintf(line, sizeof line, "HTTP/2 %d", head->status);
    CHECK(head->version == 20 && head->reason_length == 0);
    CHECK(head->text.length >= (size_t)length + 4);
    CHECK(memcmp(head->text.data, line, (size_t)length) == 0);
    CHECK(memcmp(head->text.data + head->text.length - 4, "\r\n\r\n", 4) == 0);
}

static hh_flow take_head(h2_rig_call *c, h2_rig_report report, const hh_head *head)
{
    check_head(head);
    log_body(c);
    print(c, "%s %d", report == H2_RIG_HEAD ? "head" : "1xx", head->status);
    log_fields(c, head->entries, head->entry_count, head->text.data);
    add(c, ";", 1);
    hh_field_entry first = {0};
    if (head->entry_count > 0)
        first = head->entries[0];
    hh_flow flow = act(c, report);
    touch_bytes(head->text.data, head->text.length);
    if (head->entry_count > 0)
        CHECK(memcmp(&first, &head->entries[0], sizeof first) == 0);
    return flow;
}

/* --- A call's reports ------------------------------------------------------------------------- */

static void on_information(hh_call *call, const hh_head *head)
{
    h2_rig_call *c = call_of(call);
    CHECK(c->is_active && c->counts[H2_RIG_HEAD] == 0);
    CHECK(head->status >= 100 && head->status < 200 && head->status != 101);
    (void)take_head(c, H2_RIG_INFORMATION, head);
}

static hh_flow on_head(hh_call *call, const hh_head *head)
{
    h2_rig_call *c = call_of(call);
    CHECK(c->is_active && c->counts[H2_RIG_HEAD] == 0 && head->status >= 200);
    c->framing = head->framing;
    c->content_length = head->content_length;
    return take_head(c, H2_RIG_HEAD, head);
}

static hh_flow take_body(h2_rig_call *c, const char *data, size_t length)
{
    CHECK(c->is_active && c->counts[H2_RIG_HEAD] == 1 && length > 0);
    for (size_t i = 0; i < length && c->piece_bytes + i < H2_RIG_BODY_SHOWN; i++)
        c->piece[c->piece_bytes + i] = data[i];
    c->piece_bytes += length;
    c->body_bytes += length;
    c->piece_sum = h2_sum(c->piece_sum, data, length);
    c->body_sum = h2_sum(c->body_sum, data, length);
    CHECK(c->call.body_bytes >= c->body_bytes);
    return act(c, H2_RIG_BODY);
}

static hh_flow on_body(hh_call *call, hh_slice data, hh_buf *buf)
{
    h2_rig_call *c = call_of(call);
    h2_rig *rig = c->rig;
    CHECK(data.data >= buf->data && data.data + data.length <= buf->data + buf->capacity);
    if (rig->holds_buffers && rig->held_count < H2_RIG_HELD_MAX)
        rig->held[rig->held_count++] = hh_buf_ref(buf);
    hh_flow flow = take_body(c, data.data, data.length);
    touch_bytes(data.data, data.length);
    return flow;
}

static size_t place(hh_call *call, uint64_t remaining, char **where)
{
    h2_rig_call *c = call_of(call);
    CHECK(c->is_active && c->counts[H2_RIG_HEAD] == 1 && remaining > 0);
    if (c->place_step == 0)
        return 0;
    *where = c->place;
    return c->place_step;
}

static hh_flow on_placed(hh_call *call, size_t count)
{
    h2_rig_call *c = call_of(call);
    CHECK(count <= c->place_step);
    return take_body(c, c->place, count);
}

static void push_some(h2_rig_call *c)
{
    size_t left = c->push.length - c->push_offset;
    size_t length = c->push_step != 0 && c->push_step < left ? c->push_step : left;
    size_t accepted = 0;
    hh_slice data = {c->push.data + c->push_offset, length};
    c->push_status = hh__conn_push(c->rig->conn, &c->call, data,
                                   length == left ? HH_PUSH_LAST : HH_PUSH_MORE, &accepted);
    CHECK(accepted <= length);
    c->push_offset += accepted;
    CHECK(c->call.pushed_bytes == c->push_offset);
}

static void on_want_body(hh_call *call)
{
    h2_rig_call *c = call_of(call);
    CHECK(c->is_active && call->body_kind == HH_BODY_PUSHED);
    (void)act(c, H2_RIG_WANT);
    if (c->is_active && c->push.data != NULL)
        push_some(c);
}

static void end_call(h2_rig_call *c)
{
    h2_rig *rig = c->rig;
    CHECK(c->is_active && c->ends == 0);
    c->ends++;
    c->is_active = false;
    rig->ends++;
    log_body(c);
    /* The keeper knows first, unless the connection is coming to its end. */
    CHECK(rig->conn == NULL || rig->free_count >= rig->ends || rig->conn->capacity == 0);
    CHECK(rig->free_count <= rig->ends);
}

static void on_done(hh_call *call, const hh_fields *trailers, hh_slice trailer_text)
{
    h2_rig_call *c = call_of(call);
    CHECK(c->counts[H2_RIG_HEAD] == 1);
    end_call(c);
    print(c, "done");
    if (trailers != NULL)
        log_fields(c, trailers->entries, trailers->count, trailer_text.data);
    add(c, ";", 1);
    (void)act(c, H2_RIG_DONE);
    touch_bytes(trailer_text.data, trailer_text.length);
}

static void on_failed(hh_call *call, const hh_error *error)
{
    h2_rig_call *c = call_of(call);
    end_call(c);
    CHECK(error->code != HH_OK && error->message[0] != '\0');
    CHECK(strchr(error->message, '\n') == NULL);
    c->error = *error;
    print(c, "failed %s %s %d: %s;", hh_status_name(error->code), hh_phase_name(error->phase),
          (int)error->processed, error->message);
    (void)act(c, H2_RIG_FAILED);
    touch_bytes(error->message, sizeof error->message);
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

static void release_held(h2_rig *rig)
{
    while (rig->held_count > 0)
        hh__buf_release(&rig->buffers, rig->held[--rig->held_count]);
}

static void drop_connection(h2_rig *rig)
{
    h2_rig_close(rig, HH_CLOSE_ORDERLY);
    CHECK(hh__loop_run(rig->loop) == HH_OK);
    release_held(rig);
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

h2_rig_call *h2_rig_call_at(h2_rig *rig, unsigned i)
{
    CHECK(i < H2_RIG_CALLS_MAX && (i == 0 || rig->calls[i - 1] != NULL));
    if (rig->calls[i] == NULL)
        rig->calls[i] = calloc(1, sizeof *rig->calls[i]);
    h2_rig_call *c = rig->calls[i];
    CHECK(c != NULL && !c->is_active);
    hh__h2_request_destroy(c->request);
    memset(c, 0, sizeof *c);
    c->rig = rig;
    c->target = i;
    c->call = (hh_call){.ops = &call_ops, .body_length = UINT64_MAX};
    h2_rig_set_head(c, "GET / HTTP/1.1\r\nHost: peer\r\n\r\n");
    return c;
}

void h2_rig_set_head(h2_rig_call *call, const char *head)
{
    hh__h2_request_destroy(call->request);
    call->call.head = hh_slice_of(head);
    CHECK(hh__h2_request_create(call->call.head, hh_slice_of("http"), &call->request) == HH_OK);
    call->call.h2_request = call->request;
}

void h2_rig_start(h2_rig *rig, unsigned i)
{
    h2_rig_call *c = rig->calls[i];
    CHECK(!c->is_active && rig->conn != NULL);
    memset(c->counts, 0, sizeof c->counts);
    c->ends = 0;
    c->push_offset = 0;
    c->body_bytes = c->piece_bytes = 0;
    c->body_sum = c->piece_sum = H2_SUM_START;
    c->log_length = 0;
    c->log[0] = '\0';
    c->is_active = true;
    rig->starts++;
    unsigned told = rig->free_count + rig->spent_count;
    hh__conn_start(rig->conn, &c->call);
    CHECK(c->log_length == 0 && c->ends == 0 && rig->free_count + rig->spent_count == told);
}

h2_rig_call *h2_rig_get(h2_rig *rig, unsigned i)
{
    h2_rig_call *c = h2_rig_call_at(rig, i);
    h2_rig_start(rig, i);
    return c;
}

void h2_rig_begin(h2_rig *rig, unsigned count)
{
    h2_rig_open(rig, FAKE_PLAIN);
    for (unsigned i = 0; i < count; i++)
        h2_rig_get(rig, i);
    h2_rig_run(rig);
    h2_peer_forget(&rig->peer);
}

bool h2_rig_serves(h2_rig *rig)
{
    unsigned i = 0;
    while (rig->calls[i] != NULL && !rig->calls[i]->is_probe)
        i++;
    if (rig->conn == NULL || rig->conn->capacity == 0)
        return false;
    h2_rig_call *c = h2_rig_get(rig, i);
    c->is_probe = true;
    h2_rig_run(rig);
    h2_put_headers(&rig->say, (uint32_t)c->call.stream_id, H2_END_STREAM, ":status: 299");
    h2_rig_say(rig);
    return strcmp(c->log, "head 299;done;") == 0;
}

/* Its end without a report. */
static void drop_call(h2_rig_call *c)
{
    c->is_active = false;
    c->ends++;
    c->rig->ends++;
}

void h2_rig_cancel(h2_rig *rig, unsigned i)
{
    h2_rig_call *c = rig->calls[i];
    if (rig->conn == NULL || !c->is_active)
        return;
    unsigned told = rig->free_count + rig->spent_count;
    drop_call(c);
    hh_conn *conn = rig->conn;
    bool is_ending = conn->capacity == 0;
    size_t length = c->log_length;
    hh__conn_cancel(conn, &c->call);
    CHECK(is_ending || rig->free_count + rig->spent_count == told + 1);
    CHECK(c->log_length == length);
}

void h2_rig_resume(h2_rig *rig, unsigned i)
{
    h2_rig_call *c = rig->calls[i];
    if (rig->conn == NULL || !c->is_active)
        return;
    size_t length = c->log_length;
    hh__conn_resume(rig->conn, &c->call);
    CHECK(c->log_length == length && c->is_active);
}

void h2_rig_close(h2_rig *rig, hh_close how)
{
    hh_conn *conn = rig->conn;
    if (conn == NULL)
        return;
    rig->conn = NULL;
    for (unsigned i = 0; i < H2_RIG_CALLS_MAX && rig->calls[i] != NULL; i++)
        if (rig->calls[i]->is_active)
            drop_call(rig->calls[i]);
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
    memcpy(text, rig->peer.text, rig->peer.text_length + 1);
    h2_peer_forget(&rig->peer);
    return text;
}

const char *h2_rig_writes(h2_rig *rig)
{
    h2_rig_run(rig);
    return h2_rig_wrote(rig);
}
