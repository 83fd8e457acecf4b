/*
 * How streams end before their time on an HTTP/2 connection: reset by the peer, cancelled, closed
 * under calls, out of time. What happens to one is no matter of its neighbours.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/memory.h"
#include "h2_fixture.h"

/* --- Resets ----------------------------------------------------------------------------------- */

static void test_resets_by_the_peer(void **state)
{
    static const uint32_t codes[] = {
        H2_NO_ERROR, H2_PROTOCOL_ERROR,    H2_INTERNAL_ERROR,          H2_REFUSED_STREAM,
        H2_CANCEL,   H2_ENHANCE_YOUR_CALM, 13 /* HTTP_1_1_REQUIRED */, 0xdeadbeef};
    h2_rig *rig = *state;
    for (size_t i = 0; i < 2 * HH_COUNT_OF(codes); i++) {
        uint32_t code = codes[i / 2];
        bool has_begun = i % 2 == 1;
        h2_rig_begin(rig, 2);
        if (has_begun) {
            h2_put_headers(&rig->say, 1, 0, OK);
            h2_put_data(&rig->say, 1, 0, "abc");
        }
        h2_put_reset(&rig->say, 1, code);
        h2_rig_say(rig);
        const hh_error *error = &rig->calls[0]->error;
        bool is_refused = code == H2_REFUSED_STREAM && !has_begun;
        if (code != H2_REFUSED_STREAM || !has_begun) {
            assert_int_equal(error->code, is_refused ? HH_ERR_REFUSED : HH_ERR_STREAM_RESET);
            assert_int_equal(error->processed, is_refused  ? HH_PROCESSED_NO
                                               : has_begun ? HH_PROCESSED_YES
                                                           : HH_PROCESSED_MAYBE);
            assert_int_equal(error->http2_error, code);
        }
        assert_non_null(strstr(error->message, "peer:80"));
        assert_int_equal(rig->free_count, 1);
        assert_true(rig->calls[1]->is_active);
        assert_null(strstr(h2_rig_wrote(rig), "RST_STREAM"));
        assert_true(h2_rig_serves(rig));
    }
}

/* RFC 9113 §8.7: REFUSED_STREAM says that nothing was processed. After an answer has begun that is
 * a lie, and must not lead to a second request. */
static void test_refused_after_the_head(void **state)
{
    h2_rig *rig = *state;
    rig_call *c = h2_rig_begin(rig, 1);
    h2_put_headers(&rig->say, 1, 0, OK);
    h2_put_reset(&rig->say, 1, H2_REFUSED_STREAM);
    h2_rig_say(rig);
    assert_int_equal(c->error.code, HH_ERR_STREAM_RESET);
    assert_int_equal(c->error.processed, HH_PROCESSED_YES);
}

/* A reset behind the complete answer is about the request only (RFC 9113 §8.1). */
static void test_reset_after_the_end(void **state)
{
    h2_rig *rig = *state;
    rig_call *c = h2_rig_begin(rig, 1);
    h2_put_headers(&rig->say, 1, H2_END_STREAM, OK);
    h2_put_reset(&rig->say, 1, H2_NO_ERROR);
    h2_rig_say(rig);
    assert_string_equal(c->log, "head 200;done;");
    assert_true(h2_rig_serves(rig));
}

/* --- Cancelling ------------------------------------------------------------------------------- */

/* In every state; what was on its way is accepted, and gives its credit back. */
static void test_cancel_in_every_state(void **state)
{
    h2_rig *rig = *state;
    for (int i = 0; i < 7; i++) {
        h2_rig_begin(rig, 2);
        if (i >= 1)
            h2_put_headers(&rig->say, 1, 0, ":status: 103");
        if (i == 5)
            rig->calls[0]->acts[RIG_HEAD] = RIG_PAUSE;
        if (i >= 2)
            h2_put_headers(&rig->say, 1, 0, OK);
        if (i >= 3)
            h2_put_data(&rig->say, 1, i == 5 ? H2_END_STREAM : 0, "abc");
        if (i == 6)
            rig->fake.write_room = 0;
        h2_rig_say(rig);
        h2_rig_cancel(rig, 0);
        assert_int_equal(rig->free_count, 1);
        fake_stream_allow(&rig->fake, SIZE_MAX);
        if (i == 5) /* it had ended: nothing to reset */
            assert_null(strstr(h2_rig_writes(rig), "RST_STREAM"));
        else
            assert_non_null(strstr(h2_rig_writes(rig), "RST_STREAM 1 8;"));
        if (i < 2)
            h2_put_headers(&rig->say, 1, 0, OK);
        if (i < 5)
            h2_put_pattern(&rig->say, 1, H2_END_STREAM, 0, 500000);
        h2_put_headers(&rig->say, 3, H2_END_STREAM, OK);
        h2_rig_say(rig);
        assert_string_equal(rig->calls[1]->log, "head 200;done;");
        assert_true(h2_rig_serves(rig));
    }
}

/* Data for cancelled streams must not use up the connection's window. */
static void test_cancelled_streams_return_credit(void **state)
{
    h2_rig *rig = *state;
    h2_rig_begin(rig, 1);
    for (uint32_t i = 0; i < 60; i++) {
        h2_rig_cancel(rig, 0);
        assert_true(h2_peer_may_send(&rig->peer, 2 * i + 1) >= HH_H2_WINDOW_BYTES);
        h2_put_headers(&rig->say, 2 * i + 1, 0, OK);
        h2_put_pattern(&rig->say, 2 * i + 1, H2_END_STREAM, 0, HH_H2_WINDOW_BYTES);
        h2_rig_say(rig);
        h2_rig_get(rig, 0);
        h2_rig_run(rig);
    }
    assert_true(rig->peer.allowance > HH_H2_CONN_WINDOW_BYTES / 2);
}

/* Nor what was read together with the byte on which its call was cancelled. */
static void test_cancel_inside_a_read_returns_credit(void **state)
{
    enum { PIECE = 250, PIECES = 60, ROUNDS = 1500 };
    h2_rig *rig = *state;
    h2_rig_begin(rig, 1);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        rig->calls[0]->acts[RIG_BODY] = RIG_CANCEL;
        h2_put_headers(&rig->say, 2 * i + 1, 0, OK);
        for (int k = 0; k < PIECES; k++)
            h2_put_pattern(&rig->say, 2 * i + 1, 0, 0, PIECE);
        h2_rig_say(rig);
        assert_false(rig->calls[0]->is_active);
        h2_rig_get(rig, 0);
        h2_rig_run(rig);
    }
    assert_true(rig->peer.allowance >= HH_H2_CONN_WINDOW_BYTES / 2);
}

/* Cuts the frame in front of its byte `cut` and says the rest after the cancel, which comes there
 * (`act` GO), or on the first of its body (CANCEL). */
static void cancel_inside(h2_rig *rig, hh_slice frame, size_t cut, rig_act act)
{
    rig_call *c = h2_rig_get(rig, 0);
    h2_rig_run(rig);
    h2_put_headers(&rig->say, rig->peer.last_id, 0, OK);
    h2_rig_say(rig);
    c->acts[RIG_BODY] = act;
    hh__bytes_append(&rig->say, frame.data, cut);
    h2_rig_say(rig);
    if (act == RIG_GO)
        h2_rig_cancel(rig, 0);
    hh__bytes_append(&rig->say, frame.data + cut, frame.length - cut);
    h2_rig_say(rig);
    assert_false(c->is_active);
    (void)h2_rig_wrote(rig);
}

/* A DATA frame of `body` for the next stream, cut in many places, a cancel for each. */
static void cancel_at_every_cut(h2_rig *rig, const char *body, uint8_t padding, rig_act act)
{
    for (size_t cut = 0, length = 1; cut < length; cut += 1 + length / 64) {
        hh_bytes frame;
        hh__bytes_init(&frame, SIZE_MAX);
        h2_put_padded_data(&frame, rig->peer.last_id + 2, 0, body, padding);
        length = frame.length;
        cancel_inside(rig, hh__bytes_slice(&frame), cut, act);
        hh__bytes_finish(&frame);
    }
}

/* Not a byte of credit is lost where a frame is half here when its call is cancelled: of its body,
 * over several reads, or of its padding (RFC 9113 §6.1). What is returned next is all of it. */
static void test_cancel_inside_a_frame_returns_credit(void **state)
{
    enum { LONG = 12000, SHORT = 4000 }; /* bodies of more and of less than one read */
    static const rig_act acts[] = {RIG_GO, RIG_CANCEL};
    static char body[LONG + 1];
    h2_rig *rig = *state;
    memset(body, 'x', LONG);
    h2_rig_begin(rig, 1);
    h2_rig_cancel(rig, 0);
    assert_in_range(rig->buffers.capacity, SHORT + H2_FRAME_HEADER_BYTES, LONG);
    hh__h2_of(rig->conn)->rtt_ns = 0; /* windows that grow would blur it */
    for (size_t i = 0; i < HH_COUNT_OF(acts); i++) {
        cancel_at_every_cut(rig, "0123456789", 20, acts[i]);
        cancel_at_every_cut(rig, "0123456789", 0, acts[i]);
        cancel_at_every_cut(rig, body, 255, acts[i]);
    }
    assert_true(rig->peer.allowance < HH_H2_CONN_WINDOW_BYTES);
    h2_rig_get(rig, 0);
    h2_rig_run(rig);
    h2_put_headers(&rig->say, rig->peer.last_id, 0, OK);
    for (int64_t before = INT64_MAX; rig->peer.allowance < before;) {
        before = rig->peer.allowance;
        h2_put_pattern(&rig->say, rig->peer.last_id, 0, 0, SHORT);
        h2_rig_say(rig);
        (void)h2_rig_wrote(rig);
    }
    assert_int_equal(rig->peer.allowance, HH_H2_CONN_WINDOW_BYTES);
}

static void test_cancel_before_anything_left(void **state)
{
    h2_rig *rig = *state;
    h2_rig_begin(rig, 1);
    (void)h2_rig_wrote(rig);
    h2_rig_get(rig, 1);
    h2_rig_cancel(rig, 1); /* it waited for the step's one write */
    assert_int_equal(rig->free_count, 1);
    assert_string_equal(h2_rig_writes(rig), "");
    assert_true(h2_rig_serves(rig));
}

/* Inside each report: the call itself, its neighbour, and the connection; and new calls. */
static void test_act_inside_reports(void **state)
{
    static const rig_act acts[] = {RIG_CANCEL, RIG_CLOSE, RIG_START, RIG_RESUME};
    h2_rig *rig = *state;
    for (unsigned i = 0; i < 2 * HH_COUNT_OF(acts) * 2 * RIG_REPORTS; i++) {
        rig_act act = acts[i / 2 % HH_COUNT_OF(acts)];
        rig_report report = (rig_report)(i / 2 / HH_COUNT_OF(acts) % RIG_REPORTS);
        h2_rig_open(rig, FAKE_PLAIN);
        rig_call *c = h2_rig_call_at(rig, 0);
        h2_rig_call_at(rig, 1);
        h2_rig_call_at(rig, 2);
        c->acts[report] = act;
        c->target = act == RIG_START ? 2 : i % 2;
        c->push = hh_slice_of("pushed");
        c->call.body_kind = report == RIG_WANT ? HH_BODY_PUSHED : HH_BODY_NONE;
        rig->split = i / 2 / HH_COUNT_OF(acts) / RIG_REPORTS == 0 ? 0 : 1;
        h2_rig_start(rig, 0);
        h2_rig_start(rig, 1);
        h2_rig_run(rig);
        h2_put_headers(&rig->say, 1, 0, ":status: 103");
        h2_put_headers(&rig->say, 1, 0, OK);
        h2_put_headers(&rig->say, 3, 0, OK);
        h2_put_data(&rig->say, 1, 0, "abc");
        h2_put_data(&rig->say, 3, 0, "def");
        if (report == RIG_FAILED)
            h2_put_reset(&rig->say, 1, H2_INTERNAL_ERROR);
        else
            h2_put_headers(&rig->say, 1, H2_END_STREAM, "t: v");
        h2_put_data(&rig->say, 3, H2_END_STREAM, "ghi");
        if (rig->conn != NULL)
            h2_rig_say(rig);
        else
            hh__bytes_clear(&rig->say);
        assert_true(c->counts[report] >= 1);
        if (act == RIG_CLOSE) {
            assert_null(rig->conn);
        } else {
            assert_true(!c->is_active || report == RIG_WANT);
            if (act != RIG_CANCEL || i % 2 == 0)
                assert_string_equal(rig->calls[1]->log, "head 200;body 6 defghi;done;");
            if (act == RIG_START) {
                h2_put_headers(&rig->say, (uint32_t)rig->calls[2]->call.stream_id, H2_END_STREAM,
                               OK);
                h2_rig_say(rig);
                assert_string_equal(rig->calls[2]->log, "head 200;done;");
            }
        }
        rig->split = 0;
    }
}

/* The same call's memory again, from within its own end. */
static void test_restart_inside_done(void **state)
{
    h2_rig *rig = *state;
    rig_call *c = h2_rig_begin(rig, 1);
    c->acts[RIG_DONE] = RIG_START;
    h2_put_headers(&rig->say, 1, H2_END_STREAM, ":status: 201");
    h2_rig_say(rig);
    assert_true(c->is_active);
    assert_int_equal(c->call.stream_id, 3);
    h2_put_headers(&rig->say, 3, H2_END_STREAM, ":status: 202");
    h2_rig_say(rig);
    assert_string_equal(c->log, "head 202;done;");
    assert_int_equal(rig->conn->served, 2);
}

/* --- Deadlines -------------------------------------------------------------------------------- */

static rig_call *begin_timed(h2_rig *rig, hh_body_kind kind)
{
    h2_rig_begin(rig, 1);
    rig_call *c = h2_rig_call_at(rig, 1);
    c->call.read_timeout_ns = c->call.write_timeout_ns = HOUR_NS;
    c->call.body_kind = kind;
    c->call.body = hh_slice_of(kind == HH_BODY_MEMORY ? "hello" : "");
    return c;
}

/* Progress of a stream is its own: while the neighbour's goes on it is given up, and reset. */
static void test_read_deadline(void **state)
{
    h2_rig *rig = *state;
    for (int i = 0; i < 3; i++) {
        rig_call *c = begin_timed(rig, HH_BODY_NONE);
        h2_rig_start(rig, 1);
        h2_rig_run(rig);
        shifted_clock_set(-2 * HOUR_NS);
        if (i == 0) {
            h2_rig_cancel(rig, 1);
            h2_rig_start(rig, 1);
            h2_rig_step(rig);
        } else {
            h2_put_headers(&rig->say, 3, 0, OK);
            if (i == 2)
                h2_put_data(&rig->say, 3, 0, "hel");
            h2_rig_feed(rig);
            h2_rig_step(rig);
        }
        shifted_clock_set(0);
        h2_put_headers(&rig->say, 1, 0, ":status: 103");
        h2_rig_feed(rig);
        h2_rig_wait(rig, 1);
        assert_int_equal(c->error.code, HH_ERR_TIMEOUT_READ);
        assert_int_equal(c->error.phase, i == 0 ? HH_PHASE_HEADERS : HH_PHASE_BODY);
        assert_int_equal(c->error.processed, i == 0 ? HH_PROCESSED_MAYBE : HH_PROCESSED_YES);
        const char *wrote = h2_rig_writes(rig);
        assert_non_null(strstr(wrote, i == 0 ? "RST_STREAM 5 8;" : "RST_STREAM 3 8;"));
        assert_true(rig->conn != NULL && rig->calls[0]->is_active);
        assert_true(h2_rig_serves(rig));
    }
}

/* Nothing at all has come in that time: the connection takes no new calls, and ends with its last.
 */
static void test_read_deadline_in_silence(void **state)
{
    h2_rig *rig = *state;
    begin_timed(rig, HH_BODY_NONE);
    h2_rig_close(rig, HH_CLOSE_ABORT);
    h2_rig_open(rig, FAKE_PLAIN);
    shifted_clock_set(-2 * HOUR_NS);
    h2_put_ping(&rig->say, 0, "01234567"); /* the last that came */
    h2_rig_say(rig);
    rig_call *c = h2_rig_call_at(rig, 1);
    c->call.read_timeout_ns = HOUR_NS;
    h2_rig_start(rig, 1);
    h2_rig_get(rig, 0);
    shifted_clock_set(0);
    h2_rig_wait(rig, 1);
    assert_int_equal(c->error.code, HH_ERR_TIMEOUT_READ);
    assert_int_equal(rig->conn->capacity, 0);
    assert_true(rig->calls[0]->is_active);
    h2_rig_run(rig);
    h2_put_headers(&rig->say, (uint32_t)rig->calls[0]->call.stream_id, H2_END_STREAM, OK);
    h2_rig_say(rig);
    assert_string_equal(rig->calls[0]->log, "head 200;done;");
    assert_null(rig->conn);
}

/* What has come is looked at before the clock is. */
static void test_data_beats_the_deadline(void **state)
{
    h2_rig *rig = *state;
    h2_rig_open(rig, FAKE_PLAIN);
    rig_call *c = h2_rig_call_at(rig, 0);
    c->call.read_timeout_ns = HOUR_NS;
    shifted_clock_set(-2 * HOUR_NS);
    h2_rig_start(rig, 0); /* leaves at once: it is the first */
    assert_int_equal(c->call.stream_id, 1);
    shifted_clock_set(0);
    h2_put_headers(&rig->say, 1, H2_END_STREAM, OK);
    h2_rig_say(rig);
    assert_string_equal(c->log, "head 200;done;");
}

static void test_write_deadline(void **state)
{
    h2_rig *rig = *state;
    for (int i = 0; i < 2; i++) {
        rig_call *c = begin_timed(rig, HH_BODY_MEMORY);
        h2_put_setting(&rig->say, H2_INITIAL_WINDOW_SIZE, 0);
        h2_rig_say(rig);
        if (i == 0)
            rig->fake.write_room = 0; /* nothing at all; else its head alone */
        shifted_clock_set(-2 * HOUR_NS);
        h2_rig_start(rig, 1);
        h2_rig_step(rig);
        shifted_clock_set(0);
        h2_rig_wait(rig, 1);
        assert_int_equal(c->error.code, HH_ERR_TIMEOUT_WRITE);
        assert_int_equal(c->error.phase, HH_PHASE_SEND);
        if (i == 1)
            assert_int_equal(c->error.processed, HH_PROCESSED_MAYBE);
    }
}

/* A body the caller hasn't given, and an answer it doesn't read, are nobody else's delay. */
static void test_no_deadline_for_the_caller(void **state)
{
    h2_rig *rig = *state;
    rig_call *c = begin_timed(rig, HH_BODY_PUSHED);
    shifted_clock_set(-2 * HOUR_NS);
    h2_rig_start(rig, 1);
    h2_rig_step(rig);
    h2_rig_step(rig);
    shifted_clock_set(0);
    h2_rig_run(rig);
    assert_true(c->is_active);

    c = begin_timed(rig, HH_BODY_NONE);
    c->acts[RIG_HEAD] = RIG_PAUSE;
    h2_rig_start(rig, 1);
    h2_rig_run(rig);
    shifted_clock_set(-2 * HOUR_NS);
    h2_put_headers(&rig->say, 3, 0, OK);
    h2_put_data(&rig->say, 3, 0, "abc");
    h2_rig_feed(rig);
    h2_rig_step(rig);
    shifted_clock_set(0);
    h2_rig_run(rig);
    assert_true(c->is_active);
    assert_string_equal(c->log, "head 200;");
    shifted_clock_set(-2 * HOUR_NS);
    h2_rig_resume(rig, 1);
    h2_rig_step(rig);
    shifted_clock_set(0);
    h2_rig_wait(rig, 1);
    assert_int_equal(c->error.code, HH_ERR_TIMEOUT_READ);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_resets_by_the_peer, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_refused_after_the_head, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_reset_after_the_end, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_cancel_in_every_state, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_cancelled_streams_return_credit, set_up_open,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_cancel_inside_a_read_returns_credit, set_up_open,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_cancel_inside_a_frame_returns_credit, set_up_open,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_cancel_before_anything_left, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_act_inside_reports, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_restart_inside_done, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_read_deadline, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_read_deadline_in_silence, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_data_beats_the_deadline, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_write_deadline, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_no_deadline_for_the_caller, set_up_open, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
