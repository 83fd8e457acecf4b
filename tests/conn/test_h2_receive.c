/*
 * What comes in on an HTTP/2 connection: heads, interim answers, bodies, trailers, how a stream may
 * end, pausing one beside its neighbours.
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

/* --- Heads ------------------------------------------------------------------------------------ */

static void test_head_and_fields(void **state)
{
    h2_rig *rig = *state;
    rig_call *c = h2_rig_begin(rig, 1);
    h2_put_headers(&rig->say, 1, H2_END_STREAM, ":status: 404\nserver: a b\nempty:\nx: 1\nx: 2");
    h2_rig_say(rig);
    assert_string_equal(c->log, "head 404 server=a b empty= x=1 x=2;done;");
    assert_int_equal(c->framing, HH_FRAMING_NONE);
    assert_true(c->call.first_byte_ns != 0 && c->call.received_bytes > 0);
    assert_true(h2_rig_serves(rig));
}

static void test_head_in_many_frames(void **state)
{
    h2_rig *rig = *state;
    for (size_t part = 1; part < 8; part++) {
        rig_call *c = h2_rig_begin(rig, 1);
        hh_bytes block;
        hh__bytes_init(&block, SIZE_MAX);
        h2_put_fields(&block, OK "\na: b");
        unsigned type = H2_HEADERS;
        size_t at = 0, step = block.length / 15 + part;
        for (; at < block.length; at += step, type = H2_CONTINUATION) {
            size_t left = block.length - at;
            unsigned flags = left <= step ? H2_END_HEADERS : 0;
            if (type == H2_HEADERS)
                flags |= H2_END_STREAM;
            h2_put_frame(&rig->say, type, flags, 1,
                         (hh_slice){block.data + at, left < step ? left : step});
        }
        h2_rig_say(rig);
        assert_string_equal(c->log, "head 200 a=b;done;");
        hh__bytes_finish(&block);
    }
}

/* RFC 9113 §6.2: padding, and a priority that nobody heeds any more. */
static void test_head_padded_with_priority(void **state)
{
    h2_rig *rig = *state;
    rig_call *c = h2_rig_begin(rig, 1);
    hh_bytes frame;
    hh__bytes_init(&frame, SIZE_MAX);
    hh__bytes_append(&frame, "\x03\x00\x00\x00\x00\x10", 6);
    h2_put_fields(&frame, OK "\na: b");
    hh__bytes_append(&frame, "\0\0\0", 3);
    h2_put_frame(&rig->say, H2_HEADERS,
                 H2_END_HEADERS | H2_END_STREAM | H2_PADDED | H2_WITH_PRIORITY, 1,
                 hh__bytes_slice(&frame));
    h2_rig_say(rig);
    assert_string_equal(c->log, "head 200 a=b;done;");
    hh__bytes_finish(&frame);
}

static void test_interim_answers(void **state)
{
    h2_rig *rig = *state;
    rig_call *c = h2_rig_begin(rig, 1);
    h2_put_headers(&rig->say, 1, 0, ":status: 103\nlink: </a>");
    h2_put_headers(&rig->say, 1, 0, ":status: 102");
    h2_put_headers(&rig->say, 1, 0, ":status: 100"); /* RFC 9110 §15.2: also unasked */
    h2_put_headers(&rig->say, 1, H2_END_STREAM, OK);
    h2_rig_say(rig);
    assert_string_equal(c->log, "1xx 103 link=</a>;1xx 102;1xx 100;head 200;done;");
    assert_true(h2_rig_serves(rig));
}

/* --- Bodies ----------------------------------------------------------------------------------- */

static void test_body_and_length(void **state)
{
    h2_rig *rig = *state;
    rig_call *c = h2_rig_begin(rig, 1);
    h2_put_headers(&rig->say, 1, 0, OK "\ncontent-length: 11");
    h2_put_data(&rig->say, 1, 0, "hello");
    h2_put_data(&rig->say, 1, H2_END_STREAM, " world");
    h2_rig_say(rig);
    assert_string_equal(c->log, "head 200 content-length=11;body 11 hello world;done;");
    assert_int_equal(c->framing, HH_FRAMING_LENGTH);
    assert_int_equal(c->content_length, 11);
    assert_int_equal(c->call.body_bytes, 11);
}

/* Each way in which END_STREAM may come. */
static void test_ends_of_a_stream(void **state)
{
    h2_rig *rig = *state;
    for (int i = 0; i < 5; i++) {
        rig_call *c = h2_rig_begin(rig, 1);
        h2_put_headers(&rig->say, 1, 0, OK);
        h2_put_data(&rig->say, 1, i == 0 ? H2_END_STREAM : 0, "abc");
        if (i == 1)
            h2_put_data(&rig->say, 1, H2_END_STREAM, "");
        else if (i == 2)
            h2_put_padded_data(&rig->say, 1, H2_END_STREAM, "", 200);
        else if (i == 3)
            h2_put_headers(&rig->say, 1, H2_END_STREAM, "checksum: 1\nb: c");
        else if (i == 4)
            h2_put_headers(&rig->say, 1, H2_END_STREAM, "");
        h2_rig_say(rig);
        assert_string_equal(c->log, i == 3 ? "head 200;body 3 abc;done checksum=1 b=c;"
                                           : "head 200;body 3 abc;done;");
        assert_int_equal(c->framing, HH_FRAMING_CHUNKED);
        assert_true(h2_rig_serves(rig));
    }
}

/* RFC 9110 §6.4.1, RFC 9113 §8.1.1: lengths of answers without a body say nothing. */
static void test_answers_without_a_body(void **state)
{
    static const char *const heads[] = {":status: 200\ncontent-length: 500", ":status: 204",
                                        ":status: 304\ncontent-length: 10",
                                        ":status: 200\ncontent-length: 0"};
    h2_rig *rig = *state;
    for (size_t i = 0; i < 2 * HH_COUNT_OF(heads); i++) {
        h2_rig_open(rig, FAKE_PLAIN);
        rig_call *c = h2_rig_call_at(rig, 0);
        if (i / 2 == 0) {
            h2_rig_set_head(c, "HEAD / HTTP/1.1\r\nHost: peer\r\n\r\n");
            c->call.request_kind = HH_REQUEST_HEAD;
        }
        h2_rig_start(rig, 0);
        h2_rig_run(rig);
        h2_put_headers(&rig->say, 1, i % 2 == 0 ? H2_END_STREAM : 0, heads[i / 2]);
        if (i % 2 == 1)
            h2_put_data(&rig->say, 1, H2_END_STREAM, "");
        h2_rig_say(rig);
        assert_int_equal(c->counts[RIG_HEAD], 1);
        assert_int_equal(c->counts[RIG_DONE], 1);
        assert_int_equal(c->body_bytes, 0);
        assert_true(h2_rig_serves(rig));
    }
}

/* Far more than both windows: credit comes back, in few frames, padding included. */
static void test_large_bodies(void **state)
{
    enum { CHUNK = 40000, TOTAL = 24000000 };
    h2_rig *rig = *state;
    h2_rig_begin(rig, 2);
    uint32_t frames = rig->peer.frames;
    for (uint32_t id = 1; id <= 3; id += 2)
        h2_put_headers(&rig->say, id, 0, OK);
    h2_rig_say(rig);
    for (uint64_t at = 0; at < TOTAL; at += CHUNK) {
        for (uint32_t id = 1; id <= 3; id += 2) {
            assert_true(h2_peer_may_send(&rig->peer, id) >= CHUNK + 256);
            h2_put_pattern(&rig->say, id, 0, at, CHUNK);
            h2_put_padded_data(&rig->say, id, 0, "", 255);
        }
        h2_rig_say(rig);
        shifted_clock_advance(1000000000); /* what has no bytes of a body is allowed in time */
    }
    for (uint32_t id = 1; id <= 3; id += 2)
        h2_put_data(&rig->say, id, H2_END_STREAM, "");
    h2_rig_say(rig);
    uint32_t sum = h2_pattern_sum(TOTAL);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(rig->calls[i]->body_bytes, TOTAL);
        assert_int_equal(rig->calls[i]->body_sum, sum);
        assert_int_equal(rig->calls[i]->counts[RIG_DONE], 1);
    }
    /* 48 MB at half a window each: some 100 for the streams, a few for the connection. */
    assert_in_range(rig->peer.frames - frames, 4, 400);
}

/* Windows grow on a path that needs it: both ends see the same number. */
static void test_windows_grow(void **state)
{
    h2_rig *rig = *state;
    shifted_clock_freeze();
    shifted_clock_advance(HOUR_NS);
    assert_int_equal(h2_rig_connect(rig, FAKE_PLAIN), HH_OK);
    h2_rig_get(rig, 0);
    h2_rig_run(rig);
    shifted_clock_advance(100000000); /* the round trip */
    h2_put_settings(&rig->say);
    h2_put_settings_ack(&rig->say);
    h2_put_headers(&rig->say, 1, 0, OK);
    h2_rig_say(rig);
    int64_t most = 0;
    uint64_t at = 0;
    for (int i = 0; i < 100; i++) {
        int64_t may = h2_peer_may_send(&rig->peer, 1);
        most = may > most ? may : most;
        size_t chunk = may < 600000 ? (size_t)may : 600000;
        h2_put_pattern(&rig->say, 1, 0, at, chunk);
        at += chunk;
        h2_rig_say(rig);
        shifted_clock_advance(10000000);
    }
    assert_in_range(most, 2 * HH_H2_WINDOW_BYTES, HH_H2_WINDOW_MAX_BYTES);
    assert_true(rig->peer.allowance <= HH_H2_CONN_WINDOW_MAX_BYTES);
    assert_int_equal(rig->calls[0]->body_bytes, at);
}

/* RFC 9113 §6.1: padding counts, and comes back though no call takes it. */
static void test_padding_is_credited(void **state)
{
    h2_rig *rig = *state;
    h2_rig_begin(rig, 1);
    h2_put_headers(&rig->say, 1, 0, OK);
    h2_rig_say(rig);
    for (int i = 0; i < 30000; i++) { /* 7.7 MB of padding, seven stream windows */
        assert_true(h2_peer_may_send(&rig->peer, 1) >= 257);
        h2_put_padded_data(&rig->say, 1, 0, "x", 255);
        if (i % 100 == 99)
            h2_rig_say(rig);
    }
    h2_put_data(&rig->say, 1, H2_END_STREAM, "");
    h2_rig_say(rig);
    assert_int_equal(rig->calls[0]->body_bytes, 30000);
    assert_int_equal(rig->calls[0]->counts[RIG_DONE], 1);
}

/* Shares of received buffers that the caller keeps stay what they are. */
static void test_buffers_that_are_kept(void **state)
{
    h2_rig *rig = *state;
    rig->kept.is_wanted = true;
    h2_rig_begin(rig, 2);
    rig->fake.stream.short_read_is_last = false; /* several reads in a run */
    for (int i = 0; i < 20; i++) {
        if (i < 2)
            h2_put_headers(&rig->say, (uint32_t)(2 * i + 1), 0, OK);
        else
            h2_put_pattern(&rig->say, (uint32_t)(i % 2 * 2 + 1), i < 18 ? 0 : H2_END_STREAM,
                           (uint64_t)(i / 2 - 1) * 3000, 3000);
        h2_rig_feed(rig);
        if (i % 6 == 5)
            h2_rig_run(rig);
    }
    h2_rig_run(rig);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(rig->calls[i]->body_sum, h2_pattern_sum(27000));
        assert_int_equal(rig->calls[i]->counts[RIG_DONE], 1);
    }
    rig->kept.is_wanted = false;
}

/* --- Pausing ---------------------------------------------------------------------------------- */

/* A stream that is not read holds its window's worth; its neighbour takes all it wants. */
static void test_paused_stream_beside_another(void **state)
{
    enum { CHUNK = 100000, TOTAL = 20000000 };
    h2_rig *rig = *state;
    h2_rig_begin(rig, 2);
    rig->calls[0]->acts[RIG_HEAD] = RIG_PAUSE;
    for (uint32_t id = 1; id <= 3; id += 2)
        h2_put_headers(&rig->say, id, 0, OK);
    h2_put_pattern(&rig->say, 1, 0, 0, HH_H2_WINDOW_BYTES);
    h2_rig_say(rig);
    assert_int_equal(rig->env.held_bytes, HH_H2_WINDOW_BYTES);
    assert_int_equal(h2_peer_may_send(&rig->peer, 1), 0);
    for (uint64_t at = 0; at < TOTAL; at += CHUNK) {
        assert_true(h2_peer_may_send(&rig->peer, 3) >= CHUNK);
        h2_put_pattern(&rig->say, 3, at + CHUNK == TOTAL ? H2_END_STREAM : 0, at, CHUNK);
        h2_rig_say(rig);
    }
    assert_int_equal(rig->calls[1]->body_sum, h2_pattern_sum(TOTAL));
    assert_int_equal(rig->calls[1]->counts[RIG_DONE], 1);
    assert_string_equal(rig->calls[0]->log, "head 200;");
    h2_rig_resume(rig, 0);
    h2_rig_run(rig);
    assert_int_equal(rig->env.held_bytes, 0);
    assert_int_equal(rig->calls[0]->body_sum, h2_pattern_sum(HH_H2_WINDOW_BYTES));
    assert_true(h2_peer_may_send(&rig->peer, 1) >= HH_H2_WINDOW_BYTES / 2);
    h2_put_data(&rig->say, 1, H2_END_STREAM, "");
    h2_rig_say(rig);
    assert_int_equal(rig->calls[0]->counts[RIG_DONE], 1);
}

/* Everything has come while it was paused: body, trailers, the end; then it is told in order, also
 * when each piece pauses anew. */
static void test_end_waits_for_resume(void **state)
{
    h2_rig *rig = *state;
    for (int i = 0; i < 4; i++) {
        rig_call *c = h2_rig_begin(rig, 1);
        c->acts[RIG_HEAD] = RIG_PAUSE;
        if (i >= 2)
            c->acts[RIG_BODY] = RIG_PAUSE;
        h2_put_headers(&rig->say, 1, 0, OK);
        h2_put_data(&rig->say, 1, 0, "abc");
        h2_put_data(&rig->say, 1, i % 2 == 0 ? H2_END_STREAM : 0, "def");
        if (i % 2 == 1)
            h2_put_headers(&rig->say, 1, H2_END_STREAM, "t: v");
        h2_rig_say(rig);
        assert_string_equal(c->log, "head 200;");
        assert_int_equal(rig->free_count, 0);
        for (int k = 0; k < 10 && c->is_active; k++) {
            h2_rig_resume(rig, 0);
            h2_rig_run(rig);
        }
        assert_string_equal(c->log, i % 2 == 0 ? "head 200;body 6 abcdef;done;"
                                               : "head 200;body 6 abcdef;done t=v;");
        assert_true(h2_rig_serves(rig));
    }
}

/* An answer without a body that was paused at its head. */
static void test_pause_at_the_head_only(void **state)
{
    h2_rig *rig = *state;
    rig_call *c = h2_rig_begin(rig, 1);
    c->acts[RIG_HEAD] = RIG_PAUSE;
    h2_put_headers(&rig->say, 1, H2_END_STREAM, ":status: 204");
    h2_rig_say(rig);
    assert_string_equal(c->log, "head 204;");
    h2_rig_resume(rig, 0);
    h2_rig_run(rig);
    assert_string_equal(c->log, "head 204;done;");
}

/* Beyond the client's budget the connection's window isn't given back either, and comes back whole
 * when what was held is taken or dropped. */
static void test_budget_of_held_bytes(void **state)
{
    enum { STREAMS = 80 };
    h2_rig *rig = *state;
    for (int round = 0; round < 2; round++) {
        h2_rig_begin(rig, STREAMS);
        for (unsigned i = 0; i < STREAMS; i++) {
            rig->calls[i]->acts[RIG_HEAD] = RIG_PAUSE;
            h2_put_headers(&rig->say, 2 * i + 1, 0, OK);
        }
        h2_rig_say(rig);
        uint64_t sent = 0;
        for (unsigned i = 0; i < STREAMS; i++) {
            int64_t may = h2_peer_may_send(&rig->peer, 2 * i + 1);
            h2_put_pattern(&rig->say, 2 * i + 1, 0, 0, (size_t)may);
            h2_rig_say(rig);
            sent += (uint64_t)may;
        }
        assert_int_equal(rig->env.held_bytes, sent);
        assert_in_range(sent, HH_H2_HELD_MAX_BYTES,
                        HH_H2_HELD_MAX_BYTES + HH_H2_CONN_WINDOW_MAX_BYTES);
        assert_true(rig->peer.allowance < HH_H2_WINDOW_BYTES);
        for (unsigned i = 0; i < STREAMS; i++) {
            if (round == 0)
                h2_rig_resume(rig, i);
            else
                h2_rig_cancel(rig, i);
        }
        h2_rig_run(rig);
        assert_int_equal(rig->env.held_bytes, 0);
        assert_true(rig->peer.allowance > HH_H2_CONN_WINDOW_BYTES / 2 - 1);
        if (round == 1)
            assert_true(h2_rig_serves(rig));
    }
}

/* A paused call that the peer resets fails at once. One whose connection has ended gets what had
 * come before it fails. */
static void test_paused_stream_fails(void **state)
{
    h2_rig *rig = *state;
    for (int i = 0; i < 3; i++) {
        rig_call *c = h2_rig_begin(rig, 1);
        c->acts[RIG_HEAD] = RIG_PAUSE;
        h2_put_headers(&rig->say, 1, 0, OK);
        h2_put_data(&rig->say, 1, 0, "abc");
        if (i == 0)
            h2_put_reset(&rig->say, 1, H2_INTERNAL_ERROR);
        h2_rig_say(rig);
        if (i == 1)
            fake_stream_end(&rig->fake, FAKE_EOF);
        else if (i == 2)
            fake_stream_end(&rig->fake, FAKE_ERROR);
        h2_rig_run(rig);
        if (i > 0) {
            assert_true(c->is_active && rig->conn->capacity == 0);
            h2_rig_resume(rig, 0);
            h2_rig_run(rig);
            assert_null(rig->conn);
            assert_non_null(strstr(c->log, "head 200;body 3 abc;failed "));
        }
        assert_false(c->is_active);
        assert_int_equal(c->error.processed, HH_PROCESSED_YES);
        assert_int_equal(c->error.code, i == 0   ? HH_ERR_STREAM_RESET
                                        : i == 1 ? HH_ERR_TRUNCATED
                                                 : HH_ERR_RECEIVE);
        assert_int_equal(rig->env.held_bytes, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_head_and_fields, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_head_in_many_frames, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_head_padded_with_priority, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_interim_answers, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_body_and_length, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_ends_of_a_stream, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_answers_without_a_body, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_large_bodies, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_windows_grow, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_padding_is_credited, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_buffers_that_are_kept, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_paused_stream_beside_another, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_end_waits_for_resume, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_pause_at_the_head_only, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_budget_of_held_bytes, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_paused_stream_fails, set_up_open, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
