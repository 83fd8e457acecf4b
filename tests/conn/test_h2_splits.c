/*
 * A whole conversation on two streams, in every split of its bytes and under every want of room to
 * write, tells the calls exactly the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "h2_fixture.h"
#include "support/prng.h"

#define CALLS 3

/* A bit of everything that a peer may send; the third stream is left out by the GOAWAY. */
static void write_conversation(hh_bytes *out)
{
    hh_bytes block;
    hh__bytes_init(&block, SIZE_MAX);
    h2_put_setting(out, H2_MAX_CONCURRENT_STREAMS, 10);
    h2_put_settings_ack(out);
    h2_put_headers(out, 1, 0, ":status: 103\nlink: </x>");
    h2_put_headers(out, 3, 0, ":status: 200\ncontent-length: 9");
    h2_put_ping(out, 0, "pingpong");
    h2_put_padded_data(out, 3, 0, "abc", 5);
    h2_put_fields(&block, ":status: 201\na: b");
    h2_put_frame(out, H2_HEADERS, 0, 1, (hh_slice){block.data, 4});
    h2_put_frame(out, H2_CONTINUATION, 0, 1, (hh_slice){block.data + 4, 0});
    h2_put_frame(out, H2_CONTINUATION, H2_END_HEADERS, 1,
                 (hh_slice){block.data + 4, block.length - 4});
    hh__bytes_finish(&block);
    h2_put_data(out, 1, 0, "first");
    h2_put_window_update(out, 0, 1000);
    h2_put_frame(out, 0x55, 0x55, 3, hh_slice_of("unknown"));
    h2_put_setting(out, H2_INITIAL_WINDOW_SIZE, 70000);
    h2_put_data(out, 3, 0, "defghi");
    h2_put_priority(out, 7, 0, 5);
    h2_put_goaway(out, 3, H2_NO_ERROR, "debug text");
    h2_put_data(out, 1, 0, "");
    h2_put_padded_data(out, 3, H2_END_STREAM, "", 0);
    h2_put_data(out, 1, 0, " second");
    h2_put_headers(out, 1, H2_END_STREAM, "t: v");
}

/* Begins anew with the fake stream as it then is. */
static void begin(h2_rig *rig, size_t step)
{
    assert_int_equal(h2_rig_connect(rig, FAKE_PLAIN), HH_OK);
    rig->fake.write_step = step;
    for (unsigned i = 0; i < CALLS; i++) {
        rig_call *c = h2_rig_call_at(rig, i);
        if (i == 0) {
            c->call.body_kind = HH_BODY_PUSHED;
            c->push = hh_slice_of("a body that is pushed");
            c->push_step = 4;
        }
        h2_rig_start(rig, i);
    }
    h2_rig_run(rig);
    hh_bytes all;
    hh__bytes_init(&all, SIZE_MAX);
    write_conversation(&all);
    h2_peer_said(&rig->peer, all.data, all.length);
    hh__bytes_finish(&all);
}

static void expect_all(h2_rig *rig)
{
    h2_rig_run(rig);
    assert_string_equal(rig->calls[0]->log,
                        "1xx 103 link=</x>;head 201 a=b;body 12 first second;done t=v;");
    assert_string_equal(rig->calls[1]->log, "head 200 content-length=9;body 9 abcdefghi;done;");
    assert_int_equal(rig->calls[2]->error.code, HH_ERR_REFUSED);
    assert_int_equal(rig->calls[2]->error.processed, HH_PROCESSED_NO);
    assert_null(rig->conn);
    assert_int_equal(rig->why, HH_OK);
    assert_int_equal(h2_peer_stream(&rig->peer, 1)->data_bytes, 21);
}

static void test_every_split(void **state)
{
    h2_rig *rig = *state;
    hh_bytes all;
    hh__bytes_init(&all, SIZE_MAX);
    write_conversation(&all);
    for (size_t at = 0; at <= all.length; at++) {
        for (int runs = 0; runs < 2; runs++) {
            begin(rig, 0);
            fake_stream_feed(&rig->fake, all.data, at);
            if (runs == 1)
                h2_rig_run(rig);
            fake_stream_feed(&rig->fake, all.data + at, all.length - at);
            expect_all(rig);
        }
    }
    hh__bytes_finish(&all);
}

/* Not smaller ones: nghttp2 releases with a bound on CONTINUATION count each read of one of its
 * headers as a frame. */
static void test_every_piece_size(void **state)
{
    h2_rig *rig = *state;
    hh_bytes all;
    hh__bytes_init(&all, SIZE_MAX);
    write_conversation(&all);
    for (size_t step = 4; step < 60; step++) {
        begin(rig, step);
        for (size_t at = 0; at < all.length; at += step) {
            size_t left = all.length - at;
            fake_stream_feed(&rig->fake, all.data + at, left < step ? left : step);
            if (step % 2 == 1)
                h2_rig_run(rig);
        }
        expect_all(rig);
    }
    hh__bytes_finish(&all);
}

/* The same while calls pause at random, and are resumed at random. */
static void test_splits_with_pauses(void **state)
{
    h2_rig *rig = *state;
    hh_bytes all;
    hh__bytes_init(&all, SIZE_MAX);
    write_conversation(&all);
    for (uint64_t seed = 1; seed < 300; seed++) {
        uint64_t random = seed;
        begin(rig, prng_below(&random, 3) * 7);
        for (unsigned i = 0; i < 2; i++) {
            rig->calls[i]->acts[RIG_HEAD] = RIG_PAUSE;
            rig->calls[i]->acts[RIG_BODY] = RIG_PAUSE;
        }
        for (size_t at = 0; at < all.length;) {
            size_t left = all.length - at;
            size_t step = 4 + prng_below(&random, 40);
            step = step < left ? step : left;
            fake_stream_feed(&rig->fake, all.data + at, step);
            at += step;
            if (prng_below(&random, 2) == 0)
                h2_rig_run(rig);
            h2_rig_resume(rig, (unsigned)prng_below(&random, 3));
        }
        for (int i = 0; i < 1000 && rig->conn != NULL; i++) {
            h2_rig_resume(rig, (unsigned)i % 2);
            h2_rig_run(rig);
        }
        expect_all(rig);
    }
    hh__bytes_finish(&all);
}

/* A cancel behind each byte, of each call: the others aren't touched by it. */
static void test_cancel_behind_every_byte(void **state)
{
    h2_rig *rig = *state;
    hh_bytes all;
    hh__bytes_init(&all, SIZE_MAX);
    write_conversation(&all);
    for (size_t at = 0; at <= 2 * all.length + 1; at++) {
        unsigned who = at % 2;
        begin(rig, 0);
        fake_stream_feed(&rig->fake, all.data, at / 2);
        h2_rig_run(rig);
        h2_rig_cancel(rig, who);
        fake_stream_feed(&rig->fake, all.data + at / 2, all.length - at / 2);
        h2_rig_run(rig);
        if (who == 0)
            assert_string_equal(rig->calls[1]->log,
                                "head 200 content-length=9;body 9 abcdefghi;done;");
        else
            assert_string_equal(rig->calls[0]->log,
                                "1xx 103 link=</x>;head 201 a=b;body 12 first second;done t=v;");
        assert_null(rig->conn);
    }
    hh__bytes_finish(&all);
}

/* A close behind each byte. */
static void test_close_behind_every_byte(void **state)
{
    h2_rig *rig = *state;
    hh_bytes all;
    hh__bytes_init(&all, SIZE_MAX);
    write_conversation(&all);
    for (size_t at = 0; at <= 2 * all.length + 1; at++) {
        begin(rig, 0);
        fake_stream_feed(&rig->fake, all.data, at / 2);
        if (at % 3 == 0)
            h2_rig_run(rig);
        h2_rig_close(rig, at % 2 == 0 ? HH_CLOSE_ORDERLY : HH_CLOSE_ABORT);
        assert_int_equal(rig->env.held_bytes, 0);
    }
    hh__bytes_finish(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_split, set_up_frozen, tear_down),
        cmocka_unit_test_setup_teardown(test_every_piece_size, set_up_frozen, tear_down),
        cmocka_unit_test_setup_teardown(test_splits_with_pauses, set_up_frozen, tear_down),
        cmocka_unit_test_setup_teardown(test_cancel_behind_every_byte, set_up_frozen, tear_down),
        cmocka_unit_test_setup_teardown(test_close_behind_every_byte, set_up_frozen, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
