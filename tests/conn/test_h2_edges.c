/*
 * Edges of an HTTP/2 connection's life: deadlines that have lost their object, what a dead
 * connection still owes, and peers that are odd but not wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/limits.h"
#include "h2_fixture.h"

static char body[400000];

static rig_call *upload(h2_rig *rig, size_t length)
{
    rig_call *c = h2_rig_call_at(rig, 0);
    h2_rig_set_head(c, "PUT /x HTTP/1.1\r\nHost: peer\r\n\r\n");
    c->call.body_kind = HH_BODY_MEMORY;
    c->call.body = (hh_slice){body, length};
    return c;
}

/* An upload of which the head and a window's worth has left, with an hour for each next step. What
 * comes next comes two hours ago. Its reader waits from the answer's head on. */
static rig_call *begin_stuck_upload(h2_rig *rig)
{
    h2_rig_open(rig, FAKE_RECORDS);
    rig_call *c = upload(rig, sizeof body);
    c->call.read_timeout_ns = c->call.write_timeout_ns = HOUR_NS;
    c->acts[RIG_HEAD] = RIG_PAUSE;
    h2_rig_start(rig, 0);
    h2_rig_run(rig);
    shifted_clock_set(-2 * HOUR_NS);
    h2_put_headers(&rig->say, 1, 0, OK);
    return c;
}

/* --- Deadlines -------------------------------------------------------------------------------- */

/* The answer is here before the request is out: its reader may take its time, whether the peer
 * resets the stream or leaves it open. */
static void test_whole_answer_waits_for_its_reader(void **state)
{
    static const char *const logs[] = {"head 200;body 5 whole;done;", "head 200;done a=b;"};
    h2_rig *rig = *state;
    for (int i = 0; i < 4; i++) {
        rig_call *c = begin_stuck_upload(rig);
        if (i / 2 == 0)
            h2_put_data(&rig->say, 1, H2_END_STREAM, "whole");
        else
            h2_put_headers(&rig->say, 1, H2_END_STREAM, "a: b");
        if (i % 2 == 1)
            h2_put_reset(&rig->say, 1, H2_NO_ERROR);
        h2_rig_feed(rig);
        h2_rig_step(rig);
        shifted_clock_set(0);
        h2_rig_run(rig);
        assert_true(c->is_active);
        h2_rig_resume(rig, 0);
        h2_rig_run(rig);
        assert_string_equal(c->log, logs[i / 2]);
    }
}

/* The same for what had come before the connection ended. */
static void test_last_bytes_wait_for_their_reader(void **state)
{
    h2_rig *rig = *state;
    rig_call *c = begin_stuck_upload(rig);
    h2_put_data(&rig->say, 1, 0, "some");
    h2_rig_feed(rig);
    fake_stream_end(&rig->fake, FAKE_EOF);
    h2_rig_step(rig);
    shifted_clock_set(0);
    h2_rig_run(rig);
    assert_true(c->is_active);
    h2_rig_resume(rig, 0);
    h2_rig_run(rig);
    assert_memory_equal(c->log, "head 200;body 4 some;failed ", 28);
    assert_int_equal(c->error.code, HH_ERR_TRUNCATED);
}

/* Who learns of the silence and asks again doesn't get the connection that was silent. */
static void test_silent_connection_takes_no_more(void **state)
{
    h2_rig *rig = *state;
    rig_call *c = h2_rig_call_at(rig, 0);
    h2_rig_call_at(rig, 1);
    shifted_clock_set(-2 * HOUR_NS);
    h2_rig_open(rig, FAKE_PLAIN);
    c->call.read_timeout_ns = HOUR_NS;
    c->acts[RIG_FAILED] = RIG_START;
    c->target = 1;
    h2_rig_start(rig, 0);
    shifted_clock_set(0);
    h2_rig_wait(rig, 0);
    assert_int_equal(c->error.code, HH_ERR_TIMEOUT_READ);
    assert_false(rig->calls[1]->is_active);
    assert_null(rig->conn);
}

/* A connection with one call, which reads nothing; two hours later its PING is out. */
static rig_call *begin_pinged(h2_rig *rig)
{
    rig->env.h2_keepalive_ns = HOUR_NS;
    shifted_clock_set(-4 * HOUR_NS);
    assert_int_equal(h2_rig_connect(rig, FAKE_PLAIN), HH_OK);
    rig_call *c = h2_rig_call_at(rig, 0);
    c->acts[RIG_HEAD] = RIG_PAUSE;
    h2_rig_start(rig, 0);
    h2_put_settings(&rig->say);
    h2_put_headers(&rig->say, 1, 0, OK);
    h2_put_data(&rig->say, 1, 0, "some");
    h2_rig_feed(rig);
    h2_rig_step(rig);
    shifted_clock_set(-2 * HOUR_NS);
    for (int i = 0; i < 1000 && rig->peer.pings == 0; i++)
        h2_rig_step(rig);
    assert_int_equal(rig->peer.pings, 1);
    return c;
}

/* A dead connection has nothing more to ask, however long what came from it is left unread. */
static void test_dead_connection_is_not_asked(void **state)
{
    h2_rig *rig = *state;
    rig_call *c = begin_pinged(rig);
    shifted_clock_set(0);
    h2_rig_run(rig); /* comes to rest */
    assert_true(c->is_active && rig->conn != NULL);
    assert_int_equal(rig->conn->capacity, 0);
    h2_rig_resume(rig, 0);
    h2_rig_run(rig);
    assert_int_equal(c->error.code, HH_ERR_TIMEOUT_READ);
    assert_string_equal(c->piece, "some");
    assert_null(rig->conn);
}

/* A peer whose answer to the PING stands behind a body lives. */
static void test_body_answers_a_ping(void **state)
{
    h2_rig *rig = *state;
    rig_call *c = begin_pinged(rig);
    shifted_clock_set(0);
    h2_put_data(&rig->say, 1, H2_END_STREAM, " more");
    h2_rig_say(rig);
    assert_non_null(rig->conn);
    h2_rig_resume(rig, 0);
    h2_rig_run(rig);
    assert_string_equal(c->log, "head 200;body 9 some more;done;");
    assert_true(h2_rig_serves(rig));
}

/* --- What errors say -------------------------------------------------------------------------- */

/* A frame that cost one stream is no reason for what happens to the connection later. */
static void test_reasons_are_not_mixed_up(void **state)
{
    h2_rig *rig = *state;
    h2_rig_begin(rig, 2);
    h2_put_window_update(&rig->say, 1, 0x7fffffff); /* RFC 9113 §6.9.1: a stream error */
    h2_rig_say(rig);
    assert_int_equal(rig->calls[0]->counts[RIG_FAILED], 1);
    assert_true(rig->calls[1]->is_active);
    fake_stream_end(&rig->fake, FAKE_EOF);
    h2_rig_run(rig);
    assert_string_equal(rig->calls[1]->error.message,
                        "peer:80 closed the connection before it answered");
}

/* --- Credit ----------------------------------------------------------------------------------- */

/* What was held beyond the budget is paid for as soon as all fits again, though its own stream
 * still pauses: neighbours on the connection would starve. */
static void test_withheld_credit_returns_with_the_budget(void **state)
{
    enum { STREAMS = 80 };
    h2_rig *rig = *state;
    h2_rig_begin(rig, STREAMS);
    for (unsigned i = 0; i < STREAMS; i++) {
        rig->calls[i]->acts[RIG_HEAD] = RIG_PAUSE;
        h2_put_headers(&rig->say, 2 * i + 1, 0, OK);
        h2_rig_say(rig);
        int64_t may = h2_peer_may_send(&rig->peer, 2 * i + 1);
        h2_put_pattern(&rig->say, 2 * i + 1, 0, 0, (size_t)may);
        h2_rig_say(rig);
    }
    assert_true(rig->env.held_bytes > HH_H2_HELD_MAX_BYTES);
    assert_true(rig->peer.allowance < HH_H2_WINDOW_BYTES);
    for (unsigned i = 0; rig->env.held_bytes > HH_H2_HELD_MAX_BYTES; i++) {
        assert_true(rig->peer.allowance < HH_H2_WINDOW_BYTES);
        h2_rig_resume(rig, i);
        h2_rig_run(rig);
    }
    assert_true(rig->env.held_bytes > HH_H2_HELD_MAX_BYTES - 2 * HH_H2_WINDOW_BYTES);
    assert_true(rig->peer.allowance > HH_H2_CONN_WINDOW_BYTES / 2);
    assert_true(h2_rig_serves(rig));
}

/* --- Peers that are odd ----------------------------------------------------------------------- */

/* A server that reads an upload in small pieces returns credit for each of them, to the stream and
 * to the connection. */
static void test_credit_in_small_pieces(void **state)
{
    enum { PIECE = 512 };
    h2_rig *rig = *state;
    rig_call *c = upload(rig, sizeof body);
    h2_rig_start(rig, 0);
    h2_rig_run(rig);
    uint64_t taken = 0;
    while (taken < sizeof body) {
        uint64_t come = h2_peer_stream(&rig->peer, 1)->data_bytes;
        assert_true(come > taken);
        for (; taken < come; taken += PIECE) {
            h2_put_window_update(&rig->say, 0, PIECE);
            h2_put_window_update(&rig->say, 1, PIECE);
        }
        h2_rig_say(rig);
        assert_non_null(rig->conn);
    }
    h2_put_headers(&rig->say, 1, H2_END_STREAM, OK);
    h2_rig_say(rig);
    assert_string_equal(c->log, "head 200;done;");
}

/* The end of the body was framed while the peer took nothing, and left after the answer had begun
 * to come: nothing is left to be reset. */
static void test_no_reset_behind_the_end(void **state)
{
    enum { BYTES = 6 * HH_H2_FRAME_MAX_BYTES };
    h2_rig *rig = *state;
    for (unsigned bytes = HH_H2_FRAME_MAX_BYTES; bytes <= BYTES; bytes += HH_H2_FRAME_MAX_BYTES) {
        h2_rig_open(rig, FAKE_PLAIN);
        h2_put_window_update(&rig->say, 0, 1000000);
        h2_put_setting(&rig->say, H2_INITIAL_WINDOW_SIZE, 1000000);
        h2_rig_say(rig);
        rig_call *c = upload(rig, bytes);
        rig->fake.write_room = 100; /* head and a little of the first frame */
        h2_rig_start(rig, 0);
        h2_rig_run(rig);
        h2_put_headers(&rig->say, 1, 0, ":status: 413");
        h2_rig_say(rig);
        fake_stream_allow(&rig->fake, 10000000);
        h2_rig_run(rig);
        bool has_ended = h2_peer_stream(&rig->peer, 1)->has_ended;
        h2_put_headers(&rig->say, 1, H2_END_STREAM, "a: b");
        h2_rig_say(rig);
        assert_string_equal(c->log, "head 413;done a=b;");
        assert_true(has_ended != h2_peer_stream(&rig->peer, 1)->is_reset);
        assert_true(h2_rig_serves(rig));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_whole_answer_waits_for_its_reader, set_up_open,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_last_bytes_wait_for_their_reader, set_up_open,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_silent_connection_takes_no_more, set_up_open,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_dead_connection_is_not_asked, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_body_answers_a_ping, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_reasons_are_not_mixed_up, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_withheld_credit_returns_with_the_budget, set_up_open,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_credit_in_small_pieces, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_no_reset_behind_the_end, set_up_open, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
