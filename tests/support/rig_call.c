/*
 * rig_call.c - see rig_call.h.
 */
#include "support/rig_call.h"

#include <string.h>

#include "base/memory.h"
#include "support/body_sum.h"
#include "support/check.h"

static rig_call *call_of(hh_call *call)
{
    return HH_CONTAINER_OF(call, rig_call, call);
}

/* --- The log ---------------------------------------------------------------------------------- */

/* The body so far as one entry, in whatever pieces it came. */
static void log_body(rig_call *c)
{
    if (c->piece_bytes == 0)
        return;
    text_log_print(&c->written, "body %llu ", (unsigned long long)c->piece_bytes);
    if (c->piece_bytes <= RIG_BODY_SHOWN)
        text_log_add(&c->written, c->piece, (size_t)c->piece_bytes);
    else
        text_log_print(&c->written, "%08x", (unsigned)c->piece_sum);
    text_log_add(&c->written, ";", 1);
    c->piece_bytes = 0;
    c->piece_sum = BODY_SUM_START;
}

/* HTTP/2 has a status and no more (RFC 9113 §8.3.2); its text is as if it came over HTTP/1. */
static void check_http2_head(const hh_head *head)
{
    char line[32];
    int length = snprintf(line, sizeof line, "HTTP/2 %d", head->status);
    CHECK(head->reason_length == 0);
    CHECK(head->text.length >= (size_t)length + 4);
    CHECK(memcmp(head->text.data, line, (size_t)length) == 0);
    CHECK(memcmp(head->text.data + head->text.length - 4, "\r\n\r\n", 4) == 0);
}

static void log_head(rig_call *c, const char *kind, const hh_head *head)
{
    log_body(c);
    text_log_print(&c->written, "%s %d", kind, head->status);
    if (head->version == 20) {
        check_http2_head(head);
    } else {
        text_log_print(&c->written, " %d ", head->version);
        text_log_add(&c->written, head->text.data + head->reason_offset, head->reason_length);
    }
    text_log_add_fields(&c->written, head->entries, head->entry_count, head->text.data);
    text_log_add(&c->written, ";", 1);
}

/* --- Acting inside reports -------------------------------------------------------------------- */

static hh_flow act(rig_call *c, rig_report report)
{
    unsigned nth = ++c->counts[report];
    rig_act what = c->acts[report];
    if (what == RIG_GO || nth < c->act_from[report])
        return HH_FLOW_GO;
    if (what == RIG_PAUSE)
        return HH_FLOW_PAUSE;
    if (what == RIG_START)
        c->acts[report] = RIG_GO;
    c->home->act(c->home->rig, what, c->target);
    return HH_FLOW_GO;
}

static void touch_bytes(const char *data, size_t length)
{
    unsigned sum = 0;
    for (size_t i = 0; i < length; i++)
        sum += (unsigned char)data[i];
    CHECK(sum <= length * 255);
}

/* Acts, then looks at what the report has borrowed. */
static hh_flow act_on_head(rig_call *c, rig_report report, const hh_head *head)
{
    hh_field_entry first = {0};
    if (head->entry_count > 0)
        first = head->entries[0];
    hh_flow flow = act(c, report);
    touch_bytes(head->text.data, head->text.length);
    if (head->entry_count > 0)
        CHECK(memcmp(&first, &head->entries[0], sizeof first) == 0);
    return flow;
}

/* --- Reports ---------------------------------------------------------------------------------- */

static void on_information(hh_call *call, const hh_head *head)
{
    rig_call *c = call_of(call);
    CHECK(c->is_active && c->counts[RIG_HEAD] == 0);
    CHECK(head->status >= 100 && head->status < 200 && head->status != 101);
    log_head(c, "1xx", head);
    (void)act_on_head(c, RIG_INFORMATION, head);
}

static hh_flow on_head(hh_call *call, const hh_head *head)
{
    rig_call *c = call_of(call);
    CHECK(c->is_active && c->counts[RIG_HEAD] == 0 && head->status >= 200);
    c->framing = head->framing;
    c->content_length = head->content_length;
    log_head(c, "head", head);
    return act_on_head(c, RIG_HEAD, head);
}

static hh_flow take_body(rig_call *c, const char *data, size_t length)
{
    CHECK(c->is_active && c->counts[RIG_HEAD] == 1 && length > 0);
    for (size_t i = 0; i < length && c->piece_bytes + i < RIG_BODY_SHOWN; i++)
        c->piece[c->piece_bytes + i] = data[i];
    c->piece_bytes += length;
    c->body_bytes += length;
    c->piece_sum = body_sum(c->piece_sum, data, length);
    c->body_sum = body_sum(c->body_sum, data, length);
    CHECK(c->call.body_bytes >= c->body_bytes);
    return act(c, RIG_BODY);
}

static void keep(rig_kept *kept, hh_slice data, hh_buf *buf)
{
    if (!kept->is_wanted || kept->count == RIG_KEPT_MAX)
        return;
    size_t i = kept->count++;
    kept->pieces[i].buf = hh_buf_ref(buf);
    kept->pieces[i].data = data;
    kept->pieces[i].sum = body_sum(BODY_SUM_START, data.data, data.length);
}

static hh_flow on_body(hh_call *call, hh_slice data, hh_buf *buf)
{
    rig_call *c = call_of(call);
    CHECK(data.data >= buf->data && data.data + data.length <= buf->data + buf->capacity);
    keep(c->home->kept, data, buf);
    hh_flow flow = take_body(c, data.data, data.length);
    touch_bytes(data.data, data.length);
    return flow;
}

static size_t place(hh_call *call, uint64_t remaining, char **where)
{
    rig_call *c = call_of(call);
    CHECK(c->is_active && c->counts[RIG_HEAD] == 1 && remaining > 0);
    CHECK(c->place_step <= RIG_PLACE_BYTES);
    if (c->place_step == 0)
        return 0;
    *where = c->place;
    return c->place_step;
}

static hh_flow on_placed(hh_call *call, size_t count)
{
    rig_call *c = call_of(call);
    CHECK(count <= c->place_step);
    return take_body(c, c->place, count);
}

static void push_some(rig_call *c)
{
    size_t left = c->push.length - c->push_offset;
    size_t length = c->push_step != 0 && c->push_step < left ? c->push_step : left;
    size_t accepted = 0;
    hh_slice data = {c->push.data + c->push_offset, length};
    c->push_status = hh__conn_push(*c->home->conn, &c->call, data,
                                   length == left ? HH_PUSH_LAST : HH_PUSH_MORE, &accepted);
    CHECK(accepted <= length);
    c->push_offset += accepted;
    CHECK(c->call.pushed_bytes == c->push_offset);
}

static void on_want_body(hh_call *call)
{
    rig_call *c = call_of(call);
    CHECK(c->is_active && call->body_kind == HH_BODY_PUSHED);
    (void)act(c, RIG_WANT);
    if (c->is_active && c->push.data != NULL)
        push_some(c);
}

static void end(rig_call *c)
{
    CHECK(c->is_active && c->ends == 0);
    rig_call_drop(c);
    log_body(c);
    c->home->on_end(c->home->rig, c);
}

static void on_done(hh_call *call, const hh_fields *trailers, hh_slice trailer_text)
{
    rig_call *c = call_of(call);
    CHECK(c->counts[RIG_HEAD] == 1);
    end(c);
    text_log_print(&c->written, "done");
    if (trailers != NULL)
        text_log_add_fields(&c->written, trailers->entries, trailers->count, trailer_text.data);
    text_log_add(&c->written, ";", 1);
    (void)act(c, RIG_DONE);
    touch_bytes(trailer_text.data, trailer_text.length);
}

static void on_failed(hh_call *call, const hh_error *error)
{
    rig_call *c = call_of(call);
    end(c);
    CHECK(error->code != HH_OK && error->message[0] != '\0');
    CHECK(strchr(error->message, '\n') == NULL);
    c->error = *error;
    text_log_print(&c->written, "failed %s %s %d: %s;", hh_status_name(error->code),
                   hh_phase_name(error->phase), (int)error->processed, error->message);
    (void)act(c, RIG_FAILED);
    touch_bytes(error->message, sizeof error->message);
}

/* --- Life ------------------------------------------------------------------------------------- */

void rig_call_init(rig_call *call, const rig_home *home)
{
    memset(call, 0, sizeof *call);
    call->home = home;
    text_log_init(&call->written, call->log, sizeof call->log);
}

void rig_call_prepare(rig_call *call, hh_slice head)
{
    static const hh_call_ops ops = {
        .on_information = on_information,
        .on_head = on_head,
        .on_body = on_body,
        .place = place,
        .on_placed = on_placed,
        .on_want_body = on_want_body,
        .on_done = on_done,
        .on_failed = on_failed,
    };
    CHECK(!call->is_active);
    call->call = (hh_call){.ops = &ops, .head = head, .body_length = UINT64_MAX};
}

void rig_call_begin(rig_call *call)
{
    CHECK(!call->is_active && *call->home->conn != NULL);
    memset(call->counts, 0, sizeof call->counts);
    call->ends = 0;
    call->push_offset = 0;
    call->body_bytes = call->piece_bytes = 0;
    call->body_sum = call->piece_sum = BODY_SUM_START;
    text_log_clear(&call->written);
    call->is_active = true;
}

void rig_call_drop(rig_call *call)
{
    call->is_active = false;
    call->ends++;
}

void rig_kept_release(rig_kept *kept, hh_buf_pool *buffers)
{
    while (kept->count > 0) {
        size_t i = --kept->count;
        hh_slice data = kept->pieces[i].data;
        CHECK(body_sum(BODY_SUM_START, data.data, data.length) == kept->pieces[i].sum);
        hh__buf_release(buffers, kept->pieces[i].buf);
    }
}
