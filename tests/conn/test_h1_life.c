/*
 * The life of an HTTP/1 connection: deadlines, idling, cancelling and closing at every point and
 * from inside every report, want of memory. The rig itself checks that the keeper is told once, in
 * time, and that nothing is reported or touched afterwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "conn/h1_internal.h"
#include "h1_fixture.h"
#include "support/alloc_fail.h"

static void new_call(h1_rig *rig, hh_body_kind kind)
{
    shifted_clock_set(0);
    memset(rig->c.acts, 0, sizeof rig->c.acts);
    assert_int_equal(h1_rig_connect(rig, FAKE_PLAIN), HH_OK);
    h1_rig_prepare(rig);
    rig->c.call.head = hh_slice_of(PUT);
    rig->c.call.body_kind = kind;
    rig->c.call.body = hh_slice_of(kind == HH_BODY_MEMORY ? "hello" : "");
    rig->c.call.read_timeout_ns = HOUR_NS;
    rig->c.call.write_timeout_ns = HOUR_NS;
    rig->c.push = (hh_slice){NULL, 0};
}

/* --- Deadlines -------------------------------------------------------------------------------- */

static void expect_timeout(h1_rig *rig, hh_status code, hh_phase phase, hh_processed processed)
{
    h1_rig_wait(rig);
    assert_int_equal(rig->c.error.code, code);
    assert_int_equal(rig->c.error.phase, phase);
    assert_int_equal(rig->c.error.processed, processed);
    assert_int_equal(rig->why, code);
    assert_int_equal(rig->spent_count, 1);
}

static void test_read_deadline(void **state)
{
    h1_rig *rig = *state;
    new_call(rig, HH_BODY_NONE);
    shifted_clock_set(-2 * HOUR_NS);
    h1_rig_start(rig);
    expect_timeout(rig, HH_ERR_TIMEOUT_READ, HH_PHASE_HEADERS, HH_PROCESSED_MAYBE);

    static const char *const parts[] = {"HTTP/1.1 2", OK_5, OK_5 "hel"};
    for (size_t i = 0; i < HH_COUNT_OF(parts); i++) {
        new_call(rig, HH_BODY_NONE);
        h1_rig_start(rig);
        h1_rig_run(rig);
        assert_true(rig->c.is_active);
        shifted_clock_set(-2 * HOUR_NS);
        h1_rig_feed(rig, parts[i]);
        expect_timeout(rig, HH_ERR_TIMEOUT_READ, i == 0 ? HH_PHASE_HEADERS : HH_PHASE_BODY,
                       HH_PROCESSED_YES);
    }
}

/* A peer that keeps the descriptor busy without sending a byte of the answer gains no time by it.
 */
static void test_readiness_without_bytes_is_no_progress(void **state)
{
    h1_rig *rig = *state;
    new_call(rig, HH_BODY_NONE);
    shifted_clock_set(-2 * HOUR_NS);
    h1_rig_start(rig);
    shifted_clock_set(0);
    rig->fake.stream.on_ready(&rig->fake.stream, HH_READY_READ);
    expect_timeout(rig, HH_ERR_TIMEOUT_READ, HH_PHASE_HEADERS, HH_PROCESSED_MAYBE);
}

/* What has come is looked at before the clock is. */
static void test_data_beats_the_deadline(void **state)
{
    h1_rig *rig = *state;
    new_call(rig, HH_BODY_NONE);
    shifted_clock_set(-2 * HOUR_NS);
    h1_rig_start(rig);
    h1_rig_say(rig, OK_0);
    assert_true(h1_rig_is_idle(rig));
}

static void test_write_deadline(void **state)
{
    h1_rig *rig = *state;
    for (int i = 0; i < 2; i++) {
        new_call(rig, HH_BODY_MEMORY);
        rig->fake.write_room = i == 0 ? 0 : 3;
        shifted_clock_set(-2 * HOUR_NS);
        h1_rig_start(rig);
        expect_timeout(rig, HH_ERR_TIMEOUT_WRITE, HH_PHASE_SEND,
                       i == 0 ? HH_PROCESSED_NO : HH_PROCESSED_MAYBE);
    }
    new_call(rig, HH_BODY_PUSHED);
    rig->fake.write_room = strlen(PUT);
    h1_rig_start(rig);
    h1_rig_run(rig);
    size_t accepted = 0;
    shifted_clock_set(-2 * HOUR_NS);
    assert_int_equal(
        hh__conn_push(rig->conn, &rig->c.call, hh_slice_of("hello"), HH_PUSH_LAST, &accepted),
        HH_OK);
    expect_timeout(rig, HH_ERR_TIMEOUT_WRITE, HH_PHASE_SEND, HH_PROCESSED_MAYBE);
}

/* A body the caller hasn't given, and an answer it doesn't read, are nobody else's delay. */
static void test_no_deadline_for_the_caller(void **state)
{
    h1_rig *rig = *state;
    new_call(rig, HH_BODY_PUSHED);
    shifted_clock_set(-2 * HOUR_NS);
    h1_rig_start(rig);
    h1_rig_run(rig);
    assert_true(rig->c.is_active);

    new_call(rig, HH_BODY_NONE);
    rig->c.acts[RIG_HEAD] = RIG_PAUSE;
    h1_rig_start(rig);
    shifted_clock_set(-2 * HOUR_NS);
    h1_rig_say(rig, OK_5);
    assert_true(rig->c.is_active);
    assert_int_equal(rig->c.counts[RIG_HEAD], 1);
    hh__conn_resume(rig->conn, &rig->c.call);
    expect_timeout(rig, HH_ERR_TIMEOUT_READ, HH_PHASE_BODY, HH_PROCESSED_YES);
}

static void test_no_deadline_when_none_is_set(void **state)
{
    h1_rig *rig = *state;
    for (int i = 0; i < 2; i++) {
        new_call(rig, HH_BODY_MEMORY);
        rig->c.call.read_timeout_ns = rig->c.call.write_timeout_ns = 0;
        rig->fake.write_room = i == 0 ? 0 : SIZE_MAX;
        shifted_clock_set(-2 * HOUR_NS);
        h1_rig_start(rig);
        h1_rig_run(rig);
        assert_true(rig->c.is_active);
        assert_int_equal(hh__loop_timer_count(rig->loop), 0);
    }
}

/* --- Idling ----------------------------------------------------------------------------------- */

static void become_idle(h1_rig *rig)
{
    new_call(rig, HH_BODY_NONE);
    h1_rig_start(rig);
    h1_rig_say(rig, OK_0);
    assert_true(h1_rig_is_idle(rig));
}

static void test_idle_ends_by_the_peer(void **state)
{
    h1_rig *rig = *state;
    for (int i = 0; i < 3; i++) {
        unsigned before = rig->idle_spent_count;
        become_idle(rig);
        assert_int_equal(hh__conn_probe(rig->conn), HH_IO_WAIT);
        if (i == 0)
            fake_stream_end(&rig->fake, FAKE_EOF);
        else if (i == 1)
            fake_stream_end(&rig->fake, FAKE_ERROR);
        else
            h1_rig_feed(rig, "HTTP/1.1 408 Request Timeout\r\n\r\n");
        assert_int_not_equal(hh__conn_probe(rig->conn), HH_IO_WAIT);
        h1_rig_run(rig);
        assert_int_equal(rig->idle_spent_count, before + 1);
        assert_int_equal(rig->why, HH_ERR_RECEIVE);
        assert_null(rig->conn);
        assert_int_equal(rig->fake.reads, 1);
    }
}

static void test_idle_expires(void **state)
{
    h1_rig *rig = *state;
    rig->expires_ns = 1;
    new_call(rig, HH_BODY_NONE);
    h1_rig_start(rig);
    h1_rig_feed(rig, OK_0);
    while (rig->conn != NULL) {
        assert_int_equal(hh__loop_wait(rig->loop, 10000), HH_OK);
        assert_int_equal(hh__loop_run(rig->loop), HH_OK);
    }
    assert_int_equal(rig->idle_spent_count, 1);
    assert_int_equal(rig->why, HH_OK);
}

/* The idle deadline ends with idling. */
static void test_expiry_is_for_idle_only(void **state)
{
    h1_rig *rig = *state;
    become_idle(rig);
    hh__conn_park(rig->conn, hh__loop_refresh(rig->loop) + 1000000);
    rig->c.call.read_timeout_ns = 0;
    h1_rig_start(rig);
    int64_t until = hh__loop_refresh(rig->loop) + 3000000;
    while (hh__loop_refresh(rig->loop) < until)
        h1_rig_run(rig);
    h1_rig_run(rig);
    assert_true(rig->c.is_active);
    h1_rig_say(rig, OK_0);
    assert_true(h1_rig_is_idle(rig));
}

static void test_spurious_readiness(void **state)
{
    h1_rig *rig = *state;
    become_idle(rig);
    rig->fake.stream.on_ready(&rig->fake.stream, HH_READY_READ | HH_READY_WRITE);
    assert_true(h1_rig_is_idle(rig));
    h1_rig_start(rig);
    rig->fake.stream.on_ready(&rig->fake.stream, HH_READY_READ | HH_READY_WRITE);
    assert_true(rig->c.is_active);
    h1_rig_say(rig, OK_0);
    assert_true(h1_rig_is_idle(rig));
}

/* --- Cancelling and closing ------------------------------------------------------------------- */

static const char whole[] = "HTTP/1.1 103 Hints\r\nA: b\r\n\r\n"
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                            "3\r\nabc\r\n3\r\ndef\r\n0\r\nX: y\r\n\r\n";

/* At each byte of the answer, from outside. */
static void test_cancel_at_every_byte(void **state)
{
    h1_rig *rig = *state;
    for (size_t at = 0; at < 2 * sizeof whole - 2; at++) {
        new_call(rig, HH_BODY_NONE);
        h1_rig_start(rig);
        fake_stream_feed(&rig->fake, whole, at / 2);
        h1_rig_run(rig);
        assert_true(rig->c.is_active);
        if (at % 2 == 0) {
            h1_rig_cancel(rig);
            assert_int_equal(rig->spent_count, 1);
            assert_int_equal(rig->why, HH_ERR_CANCELLED);
        } else {
            h1_rig_close(rig);
            assert_int_equal(rig->spent_count, 0);
        }
        assert_true(rig->fake.is_closed);
        h1_rig_run(rig);
        assert_int_equal(rig->c.counts[RIG_DONE] + rig->c.counts[RIG_FAILED], 0);
        assert_int_equal(rig->buffers.in_use, 0);
    }
}

static void test_cancel_at_every_written_byte(void **state)
{
    h1_rig *rig = *state;
    for (int kind = HH_BODY_MEMORY; kind <= HH_BODY_PUSHED; kind++) {
        for (size_t at = 0; at <= strlen(PUT); at++) {
            new_call(rig, (hh_body_kind)kind);
            rig->fake.write_room = at;
            h1_rig_start(rig);
            if (at % 2 == 0)
                h1_rig_run(rig);
            /* Even when nothing went out: a TLS stream has a record of this call in hand. */
            h1_rig_cancel(rig);
            assert_int_equal(rig->spent_count, 1);
        }
    }
}

/* From inside each report, with what is around it in the same buffer or not. */
static void test_act_inside_reports(void **state)
{
    static const rig_act acts[] = {RIG_CANCEL, RIG_CLOSE};
    h1_rig *rig = *state;
    for (unsigned i = 0; i < 2 * 4 * RIG_REPORTS; i++) {
        rig_report report = (rig_report)(i / 8);
        new_call(rig, report == RIG_WANT ? HH_BODY_PUSHED : HH_BODY_NONE);
        rig->c.acts[report] = acts[i % 2];
        rig->c.act_from[report] = i / 2 % 2 == 0 ? 1 : 2;
        rig->c.place_step = i / 4 % 2 == 0 ? 0 : 4;
        h1_rig_start(rig);
        h1_rig_run(rig);
        for (size_t at = 0; rig->c.is_active && at < sizeof whole - 1;
             at += i / 4 % 2 == 0 ? 500 : 1)
            fake_stream_feed(&rig->fake, whole + at, i / 4 % 2 == 0 ? sizeof whole - 1 : 1);
        if (report == RIG_FAILED && rig->conn != NULL)
            fake_stream_feed(&rig->fake, "x", 1);
        h1_rig_run(rig);
        bool is_cut = report <= RIG_WANT && rig->c.counts[report] >= rig->c.act_from[report];
        if (is_cut)
            assert_int_equal(rig->c.counts[RIG_DONE] + rig->c.counts[RIG_FAILED], 0);
        h1_rig_close(rig);
        assert_int_equal(rig->buffers.in_use, 0);
    }
    rig->c.place_step = 0;
}

/* A cancel inside a report, and at once another call that takes the cancelled one's state. */
typedef struct second {
    hh_keeper_ops keeper_ops;
    fake_stream fake;
    hh_conn *conn;
    hh_call call;
    unsigned ends;
} second;

static void on_second_done(hh_call *call, const hh_fields *trailers, hh_slice trailer_text)
{
    (void)trailers;
    (void)trailer_text;
    HH_CONTAINER_OF(call, second, call)->ends++;
}

static hh_flow on_second_head(hh_call *call, const hh_head *head)
{
    (void)call;
    assert_int_equal(head->status, 200);
    return HH_FLOW_GO;
}

static void on_second_free(hh_conn *conn)
{
    hh__conn_park(conn, 0);
}

static h1_rig *cancelled_rig;
static second *second_one;

static void cancel_and_start_second(hh_call *call, const hh_head *head)
{
    (void)call;
    (void)head;
    h1_rig_cancel(cancelled_rig);
    hh__conn_start(second_one->conn, &second_one->call);
}

static hh_flow on_head_cancel_and_start(hh_call *call, const hh_head *head)
{
    uint32_t count = head->entry_count;
    hh_field_entry entry = head->entries[0];
    cancel_and_start_second(call, head);
    assert_int_equal(head->entry_count, count);
    assert_memory_equal(&head->entries[0], &entry, sizeof entry);
    assert_int_equal(head->text.data[0], 'H');
    return HH_FLOW_PAUSE;
}

static void test_cancelled_state_goes_to_another_call(void **state)
{
    static const hh_call_ops second_ops = {.on_head = on_second_head, .on_done = on_second_done};
    h1_rig *rig = *state;
    for (int i = 0; i < 2; i++) {
        second other = {.keeper_ops = {.on_free = on_second_free}};
        new_call(rig, HH_BODY_NONE);
        hh_call_ops ops = *rig->c.call.ops;
        if (i == 0)
            ops.on_information = cancel_and_start_second;
        else
            ops.on_head = on_head_cancel_and_start;
        rig->c.call.ops = &ops;
        cancelled_rig = rig;
        second_one = &other;
        fake_stream_init(&other.fake, rig->loop, FAKE_PLAIN);
        assert_int_equal(hh__h1_create(&rig->env, &other.fake.stream, "second", &other.keeper_ops,
                                       &other, &other.conn),
                         HH_OK);
        other.call = rig->c.call;
        other.call.ops = &second_ops;
        h1_rig_start(rig);
        fake_stream_feed(&rig->fake, whole, sizeof whole - 1);
        h1_rig_run(rig);
        assert_null(rig->conn);
        fake_stream_feed(&other.fake, OK_0, strlen(OK_0));
        h1_rig_run(rig);
        assert_int_equal(other.ends, 1);
        hh__conn_close(other.conn, HH_CLOSE_ABORT);
        fake_stream_finish(&other.fake);
        h1_rig_run(rig);
        assert_int_equal(rig->buffers.in_use, 0);
    }
}

/* The same call's memory, on the same connection, from within its own end. */
static void test_restart_inside_done(void **state)
{
    h1_rig *rig = *state;
    for (int i = 0; i < 2; i++) {
        new_call(rig, HH_BODY_NONE);
        rig->c.acts[RIG_DONE] = RIG_START;
        h1_rig_start(rig);
        if (i == 0) {
            h1_rig_say(rig, OK_0);
        } else {
            for (const char *at = OK_5 "hello"; *at != '\0'; at++)
                fake_stream_feed(&rig->fake, at, 1);
            h1_rig_run(rig);
        }
        assert_true(rig->c.is_active);
        assert_int_equal(rig->c.call.received_bytes, 0);
        h1_rig_say(rig, OK_5);
        h1_rig_say(rig, "world");
        assert_string_equal(rig->c.log, "head 200 11 OK Content-Length=5;body 5 world;done;");
        assert_true(h1_rig_is_idle(rig));
        assert_int_equal(rig->conn->served, 2);
    }
}

static void test_cancel_of_another_call(void **state)
{
    h1_rig *rig = *state;
    new_call(rig, HH_BODY_NONE);
    h1_rig_start(rig);
    hh_call other = rig->c.call;
    hh__conn_cancel(rig->conn, &other);
    hh__conn_resume(rig->conn, &other);
    h1_rig_say(rig, OK_0);
    assert_true(h1_rig_is_idle(rig));
    hh__conn_cancel(rig->conn, &rig->c.call); /* over already */
    assert_true(h1_rig_is_idle(rig));
}

static void test_close_orderly_or_not(void **state)
{
    h1_rig *rig = *state;
    become_idle(rig);
    h1_rig_close(rig);
    assert_int_equal(rig->fake.how, HH_CLOSE_ORDERLY);
    new_call(rig, HH_BODY_NONE);
    h1_rig_start(rig);
    h1_rig_cancel(rig);
    assert_int_equal(rig->fake.how, HH_CLOSE_ABORT);
}

static void test_long_remote_is_cut(void **state)
{
    h1_rig *rig = *state;
    char name[300];
    hh_conn *conn;
    fake_stream fake;
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    fake_stream_init(&fake, rig->loop, FAKE_PLAIN);
    assert_int_equal(hh__h1_create(&rig->env, &fake.stream, name, NULL, NULL, &conn), HH_OK);
    assert_int_equal(strlen(conn->remote), HH_REMOTE_TEXT_BYTES - 1);
    hh__conn_close(conn, HH_CLOSE_ABORT);
    fake_stream_finish(&fake);
    h1_rig_run(rig);
}

/* --- Want of memory --------------------------------------------------------------------------- */

static void test_start_without_memory(void **state)
{
    static const fake_end ends[] = {FAKE_OPEN, FAKE_EOF, FAKE_ERROR};
    h1_rig *rig = *state;
    for (size_t i = 0; i < 2 * HH_COUNT_OF(ends); i++) {
        new_call(rig, HH_BODY_NONE);
        hh__conn_env_finish(&rig->env);
        alloc_fail_at(1);
        h1_rig_start(rig);
        alloc_fail_off();
        assert_int_equal(alloc_fail_hits(), 1);
        size_t accepted = 0;
        assert_int_equal(
            hh__conn_push(rig->conn, &rig->c.call, hh_slice_of("x"), HH_PUSH_MORE, &accepted),
            HH_ERR_STATE);
        hh__conn_resume(rig->conn, &rig->c.call);
        if (i % 2 == 1) {
            h1_rig_cancel(rig); /* nothing was sent: as good as new */
            assert_int_equal(rig->free_count, 1);
            h1_rig_start(rig);
            h1_rig_say(rig, OK_0);
            assert_int_equal(rig->c.counts[RIG_DONE], 1);
            assert_int_equal(rig->conn->served, 1);
            continue;
        }
        /* Readiness comes before the task that is to report. */
        if (ends[i / 2] == FAKE_OPEN)
            h1_rig_feed(rig, OK_0);
        fake_stream_end(&rig->fake, ends[i / 2]);
        rig->fake.stream.on_ready(&rig->fake.stream, HH_READY_READ | HH_READY_WRITE);
        h1_rig_run(rig);
        assert_int_equal(rig->c.error.code, HH_ERR_NO_MEMORY);
        assert_int_equal(rig->c.error.processed, HH_PROCESSED_NO);
    }
}

static void feed_bytewise(h1_rig *rig, const char *text)
{
    for (; *text != '\0'; text++)
        fake_stream_feed(&rig->fake, text, 1);
}

/* Every allocation of one whole call in turn. */
static void test_each_allocation_fails(void **state)
{
    h1_rig *rig = *state;
    uint64_t nth = 1;
    for (; nth < 100; nth++) {
        new_call(rig, HH_BODY_PUSHED);
        hh__conn_env_finish(&rig->env);
        rig->c.push = hh_slice_of("hello");
        rig->c.push_step = 2;
        rig->fake.write_step = 3;
        feed_bytewise(rig, whole);
        alloc_fail_at(nth);
        h1_rig_start(rig);
        for (int i = 0; i < 1000 && rig->c.is_active; i++)
            assert_int_equal(hh__loop_run(rig->loop), HH_OK);
        alloc_fail_off();
        if (alloc_fail_hits() == 0)
            break;
        /* Either the call fails by it, or a push was refused and nothing else came of it. */
        if (rig->c.counts[RIG_FAILED] == 1) {
            assert_int_equal(rig->c.error.code, HH_ERR_NO_MEMORY);
            assert_int_equal(rig->spent_count, 1);
        }
        h1_rig_close(rig);
        assert_int_equal(rig->buffers.in_use, 0);
    }
    assert_in_range(nth, 5, 99);
    assert_int_equal(rig->c.counts[RIG_DONE], 1);
}

/* A push refused for want of memory has taken nothing; the next one goes through, on this call and
 * with this state on the next. */
static void test_push_without_memory(void **state)
{
    h1_rig *rig = *state;
    for (int i = 0; i < 2; i++) {
        new_call(rig, HH_BODY_PUSHED);
        h1_rig_start(rig);
        h1_rig_run(rig);
        size_t accepted = 77;
        hh_slice data = hh_slice_of(i == 0 ? "hello" : "");
        alloc_fail_at(1);
        assert_int_equal(hh__conn_push(rig->conn, &rig->c.call, data, HH_PUSH_LAST, &accepted),
                         HH_ERR_NO_MEMORY);
        alloc_fail_off();
        assert_int_equal(accepted, 77);
        assert_int_equal(rig->c.call.pushed_bytes, 0);
        h1_rig_run(rig);
        assert_string_equal(h1_rig_sent(rig), PUT);
        assert_int_equal(hh__conn_push(rig->conn, &rig->c.call, data, HH_PUSH_LAST, &accepted),
                         HH_OK);
        assert_int_equal(accepted, data.length);
        assert_string_equal(h1_rig_sent(rig),
                            i == 0 ? PUT "5\r\nhello\r\n0\r\n\r\n" : PUT "0\r\n\r\n");
        h1_rig_say(rig, OK_0);
        assert_true(h1_rig_is_idle(rig));
    }
    new_call(rig, HH_BODY_PUSHED);
    h1_rig_start(rig);
    h1_rig_run(rig);
    size_t accepted = 0;
    alloc_fail_at(1);
    assert_int_equal(
        hh__conn_push(rig->conn, &rig->c.call, hh_slice_of("x"), HH_PUSH_LAST, &accepted),
        HH_ERR_NO_MEMORY);
    alloc_fail_off();
    h1_rig_cancel(rig);
    new_call(rig, HH_BODY_PUSHED);
    rig->c.push = hh_slice_of("y");
    h1_rig_start(rig);
    h1_rig_run(rig);
    assert_int_equal(rig->c.push_status, HH_OK);
}

/* Memory ends in the middle of a large push: what was taken is told, and the rest goes later. */
static void test_large_push_without_memory(void **state)
{
    enum { TOTAL = 60000 };
    h1_rig *rig = *state;
    char *body = calloc(1, TOTAL);
    for (uint64_t nth = 1; nth < 6; nth++) {
        new_call(rig, HH_BODY_PUSHED);
        rig->c.call.body_length = TOTAL;
        h1_rig_start(rig);
        h1_rig_run(rig);
        rig->fake.write_room = 100;
        size_t taken = 0;
        alloc_fail_at(nth);
        hh_status status =
            hh__conn_push(rig->conn, &rig->c.call, (hh_slice){body, TOTAL}, HH_PUSH_LAST, &taken);
        alloc_fail_off();
        assert_int_equal(status, taken > 0 ? HH_OK : HH_ERR_NO_MEMORY);
        assert_int_equal(rig->c.call.pushed_bytes, taken);
        fake_stream_allow(&rig->fake, SIZE_MAX);
        h1_rig_run(rig);
        while (taken < TOTAL) {
            size_t accepted = 0;
            assert_int_equal(hh__conn_push(rig->conn, &rig->c.call,
                                           (hh_slice){body + taken, TOTAL - taken}, HH_PUSH_LAST,
                                           &accepted),
                             HH_OK);
            taken += accepted;
        }
        assert_int_equal(rig->fake.out_length, strlen(PUT) + TOTAL);
        h1_rig_say(rig, OK_0);
        assert_true(h1_rig_is_idle(rig));
    }
    free(body);
}

static void test_create_without_memory(void **state)
{
    h1_rig *rig = *state;
    h1_rig_close(rig);
    h1_rig_run(rig);
    fake_stream fake;
    fake_stream_init(&fake, rig->loop, FAKE_PLAIN);
    hh_conn *conn = NULL;
    alloc_fail_at(1);
    hh_status status = hh__h1_create(&rig->env, &fake.stream, "x", NULL, NULL, &conn);
    alloc_fail_off();
    assert_int_equal(status, HH_ERR_NO_MEMORY);
    fake.listen_fails = HH_ERR_SYSTEM;
    assert_int_equal(hh__h1_create(&rig->env, &fake.stream, "x", NULL, NULL, &conn),
                     HH_ERR_NO_MEMORY);
    assert_null(conn);
    assert_false(fake.is_closed);
    hh__stream_close(&fake.stream, HH_CLOSE_ABORT);
    fake_stream_finish(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_read_deadline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_data_beats_the_deadline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_write_deadline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_deadline_for_the_caller, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_deadline_when_none_is_set, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_idle_ends_by_the_peer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_idle_expires, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_expiry_is_for_idle_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_spurious_readiness, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_readiness_without_bytes_is_no_progress, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_cancel_at_every_byte, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancel_at_every_written_byte, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_act_inside_reports, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancelled_state_goes_to_another_call, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_restart_inside_done, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancel_of_another_call, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_close_orderly_or_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_remote_is_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_start_without_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_each_allocation_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_push_without_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_large_push_without_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_create_without_memory, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
