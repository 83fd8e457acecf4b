/*
 * An HTTP/2 server that breaks the rules of framing, streams, flow control and compression: what is
 * an error of the connection ends it, once and with GOAWAY; what is one of a stream costs that
 * stream; what must be tolerated is. RFC 9113 §4 to §6, §8.4, RFC 7541.
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

#define ANY UINT32_MAX /* of the error codes */

/* Feeds what stands in rig->say, which must be the end of the connection, whole or byte by byte. */
static void expect_end(h2_rig *rig, uint32_t code)
{
    h2_rig_say(rig);
    assert_null(rig->conn);
    assert_int_equal(rig->spent_count, 1);
    assert_int_equal(rig->why, HH_ERR_PROTOCOL);
    assert_true(rig->peer.has_goaway);
    assert_true(rig->peer.goaway_code != H2_NO_ERROR);
    if (code != ANY)
        assert_int_equal(rig->peer.goaway_code, code);
    for (unsigned i = 0; i < 2; i++) {
        const rig_call *c = rig->calls[i];
        if (c->counts[RIG_DONE] == 1)
            continue;
        assert_int_equal(c->counts[RIG_FAILED], 1);
        assert_int_equal(c->error.code, HH_ERR_PROTOCOL);
        assert_int_equal(c->error.http2_error, rig->peer.goaway_code);
        assert_non_null(strstr(c->error.message, "peer:80"));
        assert_true(strlen(c->error.message) > strlen("peer:80 broke the rules of HTTP/2: "));
    }
}

/* Feeds what stands in rig->say, which must cost stream 1 and nothing else. */
static void expect_reset(h2_rig *rig, uint32_t code)
{
    h2_rig_say(rig);
    assert_non_null(rig->conn);
    assert_int_equal(rig->calls[0]->counts[RIG_FAILED], 1);
    assert_int_equal(rig->calls[0]->error.code, HH_ERR_PROTOCOL);
    assert_true(h2_peer_stream(&rig->peer, 1)->is_reset);
    if (code != ANY)
        assert_int_equal(h2_peer_stream(&rig->peer, 1)->reset_code, code);
    assert_true(rig->calls[1]->is_active);
    assert_true(h2_rig_serves(rig));
}

/* Feeds what stands in rig->say, which must do no harm. */
static void expect_tolerated(h2_rig *rig)
{
    h2_rig_say(rig);
    assert_non_null(rig->conn);
    assert_true(rig->calls[0]->is_active && rig->calls[1]->is_active);
    assert_true(h2_rig_serves(rig));
}

/* A frame that must end the connection. The payload is text with its length. */
typedef struct bad_frame {
    const char *what;
    unsigned type;
    unsigned flags;
    uint32_t stream;
    const char *payload;
    size_t length;
    uint32_t code;
} bad_frame;

#define PAYLOAD(text) text, sizeof text - 1

static void play_bad(h2_rig *rig, const bad_frame *bad, size_t split)
{
    h2_rig_begin(rig, 2);
    rig->split = split;
    h2_put_frame(&rig->say, bad->type, bad->flags, bad->stream,
                 (hh_slice){bad->payload, bad->length});
    h2_put_ping(&rig->say, 0, "and more"); /* behind it: nobody looks at it any more */
    h2_rig_feed(rig);
    rig->split = 0;
    if (rig->conn != NULL)
        h2_rig_run(rig);
    if (rig->conn != NULL)
        fail_msg("%s did no harm", bad->what);
    expect_end(rig, bad->code);
}

/* --- Frames (RFC 9113 §4, §6) ----------------------------------------------------------------- */

static const bad_frame bad_frames[] = {
    {"DATA on stream 0", H2_DATA, 0, 0, PAYLOAD("x"), H2_PROTOCOL_ERROR},
    {"DATA on an idle stream", H2_DATA, 0, 7, PAYLOAD("x"), H2_PROTOCOL_ERROR},
    {"DATA on an even stream", H2_DATA, 0, 2, PAYLOAD("x"), H2_PROTOCOL_ERROR},
    {"DATA of padding beyond its end", H2_DATA, H2_PADDED, 1, PAYLOAD("\5abc"), H2_PROTOCOL_ERROR},
    {"padded DATA without its length", H2_DATA, H2_PADDED, 1, PAYLOAD(""), ANY},
    {"HEADERS on stream 0", H2_HEADERS, H2_END_HEADERS, 0, PAYLOAD("\x88"), H2_PROTOCOL_ERROR},
    {"HEADERS on an idle stream", H2_HEADERS, H2_END_HEADERS, 9, PAYLOAD("\x88"),
     H2_PROTOCOL_ERROR},
    {"HEADERS on an even stream", H2_HEADERS, H2_END_HEADERS, 2, PAYLOAD("\x88"),
     H2_PROTOCOL_ERROR},
    {"HEADERS of padding beyond its end", H2_HEADERS, H2_END_HEADERS | H2_PADDED, 1,
     PAYLOAD("\7\x88"), ANY},
    {"HEADERS too short for its priority", H2_HEADERS, H2_END_HEADERS | H2_WITH_PRIORITY, 1,
     PAYLOAD("\0\0\0"), ANY},
    {"PRIORITY on stream 0", H2_PRIORITY, 0, 0, PAYLOAD("\0\0\0\0\1"), H2_PROTOCOL_ERROR},
    {"RST_STREAM on stream 0", H2_RST_STREAM, 0, 0, PAYLOAD("\0\0\0\0"), H2_PROTOCOL_ERROR},
    {"RST_STREAM on an idle stream", H2_RST_STREAM, 0, 7, PAYLOAD("\0\0\0\0"), H2_PROTOCOL_ERROR},
    {"RST_STREAM too short", H2_RST_STREAM, 0, 1, PAYLOAD("\0\0\0"), H2_FRAME_SIZE_ERROR},
    {"RST_STREAM too long", H2_RST_STREAM, 0, 1, PAYLOAD("\0\0\0\0\0"), H2_FRAME_SIZE_ERROR},
    {"SETTINGS on a stream", H2_SETTINGS, 0, 1, PAYLOAD(""), H2_PROTOCOL_ERROR},
    {"SETTINGS of an odd length", H2_SETTINGS, 0, 0, PAYLOAD("\0\1\0\0\0"), H2_FRAME_SIZE_ERROR},
    {"SETTINGS ACK with a payload", H2_SETTINGS, H2_ACK, 0, PAYLOAD("\0\3\0\0\0\1"),
     H2_FRAME_SIZE_ERROR},
    {"SETTINGS ACK of nothing", H2_SETTINGS, H2_ACK, 0, PAYLOAD(""), H2_PROTOCOL_ERROR},
    {"ENABLE_PUSH by a server", H2_SETTINGS, 0, 0, PAYLOAD("\0\2\0\0\0\1"), H2_PROTOCOL_ERROR},
    {"ENABLE_PUSH of 2", H2_SETTINGS, 0, 0, PAYLOAD("\0\2\0\0\0\2"), H2_PROTOCOL_ERROR},
    {"INITIAL_WINDOW_SIZE over 2^31-1", H2_SETTINGS, 0, 0, PAYLOAD("\0\4\x80\0\0\0"),
     H2_FLOW_CONTROL_ERROR},
    {"MAX_FRAME_SIZE under 2^14", H2_SETTINGS, 0, 0, PAYLOAD("\0\5\0\0\x3f\xff"),
     H2_PROTOCOL_ERROR},
    {"MAX_FRAME_SIZE over 2^24-1", H2_SETTINGS, 0, 0, PAYLOAD("\0\5\1\0\0\0"), H2_PROTOCOL_ERROR},
    {"PUSH_PROMISE", H2_PUSH_PROMISE, H2_END_HEADERS, 1, PAYLOAD("\0\0\0\2\x82\x87\x84"),
     H2_PROTOCOL_ERROR},
    {"PUSH_PROMISE on stream 0", H2_PUSH_PROMISE, H2_END_HEADERS, 0, PAYLOAD("\0\0\0\2\x82"),
     H2_PROTOCOL_ERROR},
    {"PUSH_PROMISE without an id", H2_PUSH_PROMISE, H2_END_HEADERS, 1, PAYLOAD("\0"), ANY},
    {"PING on a stream", H2_PING, 0, 1, PAYLOAD("12345678"), H2_PROTOCOL_ERROR},
    {"PING too short", H2_PING, 0, 0, PAYLOAD("1234567"), H2_FRAME_SIZE_ERROR},
    {"PING too long", H2_PING, 0, 0, PAYLOAD("123456789"), H2_FRAME_SIZE_ERROR},
    {"GOAWAY on a stream", H2_GOAWAY, 0, 1, PAYLOAD("\0\0\0\1\0\0\0\0"), H2_PROTOCOL_ERROR},
    {"GOAWAY too short", H2_GOAWAY, 0, 0, PAYLOAD("\0\0\0\1\0\0\0"), H2_FRAME_SIZE_ERROR},
    {"WINDOW_UPDATE too short", H2_WINDOW_UPDATE, 0, 0, PAYLOAD("\0\0\1"), H2_FRAME_SIZE_ERROR},
    {"WINDOW_UPDATE too long", H2_WINDOW_UPDATE, 0, 1, PAYLOAD("\0\0\0\1\0"), H2_FRAME_SIZE_ERROR},
    {"WINDOW_UPDATE of zero", H2_WINDOW_UPDATE, 0, 0, PAYLOAD("\0\0\0\0"), H2_PROTOCOL_ERROR},
    {"WINDOW_UPDATE on an idle stream", H2_WINDOW_UPDATE, 0, 7, PAYLOAD("\0\0\0\1"),
     H2_PROTOCOL_ERROR},
    {"WINDOW_UPDATE beyond 2^31-1", H2_WINDOW_UPDATE, 0, 0, PAYLOAD("\x7f\xff\xff\xff"),
     H2_FLOW_CONTROL_ERROR},
    {"CONTINUATION of nothing", H2_CONTINUATION, H2_END_HEADERS, 1, PAYLOAD("\x88"),
     H2_PROTOCOL_ERROR},
    {"CONTINUATION on stream 0", H2_CONTINUATION, H2_END_HEADERS, 0, PAYLOAD("\x88"),
     H2_PROTOCOL_ERROR},
};

static void test_frames_that_end_the_connection(void **state)
{
    for (size_t i = 0; i < HH_COUNT_OF(bad_frames); i++)
        play_bad(*state, &bad_frames[i], 0);
}

static void test_frames_that_end_the_connection_bytewise(void **state)
{
    for (size_t i = 0; i < HH_COUNT_OF(bad_frames); i++)
        play_bad(*state, &bad_frames[i], 1);
}

/* RFC 9113 §4.2: its header suffices; what it announces is not waited for. */
static void test_frame_over_the_size_limit(void **state)
{
    h2_rig *rig = *state;
    for (unsigned type = 0; type < 12; type++) {
        h2_rig_begin(rig, 2);
        h2_put_frame_header(&rig->say, type, 0, type % 2, HH_H2_FRAME_MAX_BYTES + 1);
        expect_end(rig, H2_FRAME_SIZE_ERROR);
    }
    h2_rig_begin(rig, 2);
    h2_put_frame_header(&rig->say, H2_DATA, 0, 1, 0xffffff);
    expect_end(rig, H2_FRAME_SIZE_ERROR);
}

/* RFC 9113 §6.10: nothing may come between the frames of a block. */
static void test_frames_inside_a_header_block(void **state)
{
    static const unsigned types[] = {H2_DATA,     H2_HEADERS, H2_PRIORITY,      H2_RST_STREAM,
                                     H2_SETTINGS, H2_PING,    H2_WINDOW_UPDATE, 0x77};
    h2_rig *rig = *state;
    for (size_t i = 0; i < HH_COUNT_OF(types); i++) {
        h2_rig_begin(rig, 2);
        h2_put_frame(&rig->say, H2_HEADERS, 0, 1, hh_slice_of("\x88"));
        h2_put_frame(&rig->say, types[i], types[i] == H2_HEADERS ? H2_END_HEADERS : 0, 3,
                     (hh_slice){PAYLOAD("\0\0\0\0\0\0\0\0")});
        expect_end(rig, H2_PROTOCOL_ERROR);
    }
    h2_rig_begin(rig, 2);
    h2_put_frame(&rig->say, H2_HEADERS, 0, 1, hh_slice_of("\x88"));
    h2_put_frame(&rig->say, H2_CONTINUATION, H2_END_HEADERS, 3, hh_slice_of(""));
    expect_end(rig, H2_PROTOCOL_ERROR);
}

/* RFC 9113 §4.1, §5.5, §6.5.2: what we don't know we overlook; unused flags and bits as well. */
static void test_unknown_things_are_overlooked(void **state)
{
    h2_rig *rig = *state;
    for (int i = 0; i < 9; i++) {
        h2_rig_begin(rig, 2);
        if (i == 0)
            h2_put_setting(&rig->say, 0x7777, 1);
        else if (i == 1)
            h2_put_setting(&rig->say, 0, 1);
        else if (i == 2)
            h2_put_frame(&rig->say, 0xfe, 0xff, 1, hh_slice_of("whatever"));
        else if (i == 3)
            h2_put_frame(&rig->say, 0xfe, 0xff, 4000, hh_slice_of("whatever"));
        else if (i == 4)
            h2_put_frame(&rig->say, H2_PING, 0xfe, 0, hh_slice_of("12345678"));
        else if (i == 5)
            h2_put_frame(&rig->say, H2_SETTINGS, 0xfe, 0x80000000u, hh_slice_of(""));
        else if (i == 6)
            h2_put_priority(&rig->say, 100, 0, 1);
        else if (i == 7)
            h2_put_frame(&rig->say, H2_ALTSVC, 0, 1, hh_slice_of("\0"));
        else
            h2_put_frame(&rig->say, H2_PRIORITY_UPDATE, 0, 0, (hh_slice){PAYLOAD("\0\0\0\1u=1")});
        expect_tolerated(rig);
    }
}

static void test_bad_priority_costs_no_connection(void **state)
{
    h2_rig *rig = *state;
    h2_rig_begin(rig, 2);
    h2_put_priority(&rig->say, 7, 7, 1); /* depends on itself */
    h2_rig_say(rig);
    /* RFC 9113 §5.3.2 takes the signal out of use; older rules make it an error. Either way each
     * call has its one end or goes on. */
    assert_true(rig->conn == NULL || rig->calls[0]->is_active);
}

/* --- Streams (RFC 9113 §5.1) ------------------------------------------------------------------ */

static void test_data_after_the_end(void **state)
{
    h2_rig *rig = *state;
    for (int i = 0; i < 2; i++) {
        h2_rig_open(rig, FAKE_PLAIN);
        rig_call *c = h2_rig_call_at(rig, 0);
        c->call.body_kind = HH_BODY_PUSHED; /* our side stays open */
        c->acts[RIG_HEAD] = RIG_PAUSE;
        h2_rig_start(rig, 0);
        h2_rig_get(rig, 1);
        h2_rig_run(rig);
        h2_put_headers(&rig->say, 1, H2_END_STREAM, OK);
        if (i == 0)
            h2_put_data(&rig->say, 1, 0, "late");
        else
            h2_put_headers(&rig->say, 1, H2_END_STREAM, "late: 1");
        h2_rig_say(rig);
        if (rig->peer.has_goaway) { /* §5.1 allows that; the answer is whole */
            assert_int_equal(rig->peer.goaway_code, H2_STREAM_CLOSED);
            assert_int_equal(rig->calls[1]->error.code, HH_ERR_PROTOCOL);
            h2_rig_resume(rig, 0);
            h2_rig_run(rig);
            assert_int_equal(c->ends, 1);
            if (i == 0)
                assert_string_equal(c->log, "head 200;done;");
            assert_null(rig->conn);
            continue;
        }
        assert_true(h2_peer_stream(&rig->peer, 1)->is_reset);
        assert_true(h2_rig_serves(rig));
    }
}

/* Streams that are over: what was on its way is overlooked, or an error of the connection, never
 * anything else; and it returns its credit. */
static void test_frames_on_closed_streams(void **state)
{
    h2_rig *rig = *state;
    for (int i = 0; i < 10; i++) {
        h2_rig_begin(rig, 3);
        if (i < 5)
            h2_put_headers(&rig->say, 5, H2_END_STREAM, OK);
        else
            h2_rig_cancel(rig, 2);
        h2_rig_say(rig);
        if (i % 5 == 0)
            h2_put_pattern(&rig->say, 5, H2_END_STREAM, 0, 30000);
        else if (i % 5 == 1)
            h2_put_headers(&rig->say, 5, H2_END_STREAM, OK "\nx-table: indexed");
        else if (i % 5 == 2)
            h2_put_reset(&rig->say, 5, H2_STREAM_CLOSED);
        else if (i % 5 == 3)
            h2_put_window_update(&rig->say, 5, 100);
        else
            h2_put_priority(&rig->say, 5, 0, 1);
        h2_rig_say(rig);
        if (i < 2 && rig->conn == NULL) {
            assert_int_equal(rig->peer.goaway_code, H2_STREAM_CLOSED);
            continue;
        }
        expect_tolerated(rig);
        assert_true(rig->peer.allowance > HH_H2_CONN_WINDOW_BYTES / 2);
    }
}

/* RFC 9113 §6.8: what comes behind a GOAWAY is answered as before. */
static void test_frames_after_goaway(void **state)
{
    h2_rig *rig = *state;
    h2_rig_begin(rig, 2);
    h2_put_goaway(&rig->say, 1, H2_NO_ERROR, "closing");
    h2_put_setting(&rig->say, H2_INITIAL_WINDOW_SIZE, 100);
    h2_put_ping(&rig->say, 0, "12345678");
    h2_put_window_update(&rig->say, 0, 100);
    h2_put_headers(&rig->say, 3, H2_END_STREAM, OK); /* of a stream it has disowned */
    h2_put_goaway(&rig->say, 1, H2_NO_ERROR, "closing");
    h2_rig_say(rig);
    assert_non_null(strstr(h2_rig_wrote(rig), "PING ack;"));
    assert_int_equal(rig->calls[1]->error.code, HH_ERR_REFUSED);
    assert_true(rig->calls[0]->is_active);
    h2_put_headers(&rig->say, 1, H2_END_STREAM, OK);
    h2_rig_say(rig);
    assert_string_equal(rig->calls[0]->log, "head 200;done;");
    assert_null(rig->conn);
    assert_int_equal(rig->why, HH_OK);
}

/* A last id may only become less. */
static void test_goaway_that_takes_back(void **state)
{
    h2_rig *rig = *state;
    h2_rig_begin(rig, 2);
    h2_put_goaway(&rig->say, 1, H2_NO_ERROR, "");
    h2_put_goaway(&rig->say, 3, H2_NO_ERROR, "");
    h2_rig_say(rig);
    assert_null(rig->conn);
    assert_int_equal(rig->calls[1]->error.code, HH_ERR_REFUSED);
    assert_int_equal(rig->calls[0]->error.code, HH_ERR_PROTOCOL);
}

/* --- Flow control (RFC 9113 §5.2, §6.9) ------------------------------------------------------- */

static void test_window_update_of_zero_on_a_stream(void **state)
{
    h2_rig *rig = *state;
    h2_rig_begin(rig, 2);
    h2_put_window_update(&rig->say, 1, 0);
    h2_rig_say(rig);
    if (rig->conn != NULL)
        expect_reset(rig, H2_PROTOCOL_ERROR);
    else
        expect_end(rig, H2_PROTOCOL_ERROR);
}

static void test_window_update_overflow_on_a_stream(void **state)
{
    h2_rig *rig = *state;
    h2_rig_begin(rig, 2);
    h2_put_window_update(&rig->say, 1, INT32_MAX);
    expect_reset(rig, H2_FLOW_CONTROL_ERROR);
}

static void test_initial_window_overflows_a_stream(void **state)
{
    h2_rig *rig = *state;
    h2_rig_begin(rig, 2);
    h2_put_window_update(&rig->say, 1, 1000);
    h2_put_setting(&rig->say, H2_INITIAL_WINDOW_SIZE, INT32_MAX);
    h2_rig_say(rig);
    if (rig->conn != NULL)
        expect_reset(rig, H2_FLOW_CONTROL_ERROR);
    else
        expect_end(rig, H2_FLOW_CONTROL_ERROR);
}

/* A paused stream's window is what it is: one byte more is an error. */
static void test_data_beyond_the_stream_window(void **state)
{
    h2_rig *rig = *state;
    for (int i = 0; i < 2; i++) {
        h2_rig_begin(rig, 2);
        rig->calls[0]->acts[RIG_HEAD] = RIG_PAUSE;
        h2_put_headers(&rig->say, 1, 0, OK);
        h2_put_pattern(&rig->say, 1, 0, 0, HH_H2_WINDOW_BYTES);
        h2_rig_say(rig);
        assert_true(rig->calls[0]->is_active);
        if (i == 0)
            h2_put_data(&rig->say, 1, 0, "x");
        else
            h2_put_padded_data(&rig->say, 1, 0, "", 0);
        h2_rig_say(rig);
        assert_true(rig->env.held_bytes <= HH_H2_WINDOW_BYTES);
        if (rig->conn == NULL || rig->peer.has_goaway)
            assert_int_equal(rig->peer.goaway_code, H2_FLOW_CONTROL_ERROR);
        else
            assert_int_equal(h2_peer_stream(&rig->peer, 1)->reset_code, H2_FLOW_CONTROL_ERROR);
    }
}

static void test_data_beyond_the_connection_window(void **state)
{
    enum { STREAMS = 90 };
    h2_rig *rig = *state;
    h2_rig_begin(rig, STREAMS);
    for (unsigned i = 0; i < STREAMS; i++) {
        rig->calls[i]->acts[RIG_HEAD] = RIG_PAUSE;
        h2_put_headers(&rig->say, 2 * i + 1, 0, OK);
    }
    h2_rig_say(rig);
    for (unsigned i = 0; i < STREAMS && !rig->peer.has_goaway; i++) {
        h2_put_pattern(&rig->say, 2 * i + 1, 0, 0, HH_H2_WINDOW_BYTES);
        h2_rig_say(rig);
    }
    assert_true(rig->peer.has_goaway);
    assert_int_equal(rig->peer.goaway_code, H2_FLOW_CONTROL_ERROR);
    assert_true(rig->env.held_bytes <= HH_H2_HELD_MAX_BYTES + HH_H2_CONN_WINDOW_MAX_BYTES);
}

/* --- Compression (RFC 7541) ------------------------------------------------------------------- */

static void test_bad_compression(void **state)
{
    static const bad_frame bad[] = {
        {"index 0", H2_HEADERS, H2_END_HEADERS, 1, PAYLOAD("\x80"), H2_COMPRESSION_ERROR},
        {"an index beyond the tables", H2_HEADERS, H2_END_HEADERS, 1, PAYLOAD("\x88\xff\x80\x01"),
         H2_COMPRESSION_ERROR},
        {"an endless integer", H2_HEADERS, H2_END_HEADERS, 1,
         PAYLOAD("\x88\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), H2_COMPRESSION_ERROR},
        {"a name cut off", H2_HEADERS, H2_END_HEADERS, 1, PAYLOAD("\x88\x40\x0axyz"),
         H2_COMPRESSION_ERROR},
        {"a value cut off", H2_HEADERS, H2_END_HEADERS, 1, PAYLOAD("\x88\x40\x01x\x05v"),
         H2_COMPRESSION_ERROR},
        {"a string of 2^32 bytes", H2_HEADERS, H2_END_HEADERS, 1,
         PAYLOAD("\x88\x40\x7f\x81\xff\xff\xff\x0f"), H2_COMPRESSION_ERROR},
        {"Huffman padding of zeros", H2_HEADERS, H2_END_HEADERS, 1,
         PAYLOAD("\x88\x40\x81\x00\x01v"), H2_COMPRESSION_ERROR},
        {"a Huffman EOS", H2_HEADERS, H2_END_HEADERS, 1,
         PAYLOAD("\x88\x40\x84\xff\xff\xff\xff\x01v"), H2_COMPRESSION_ERROR},
        {"a table of more than we allow", H2_HEADERS, H2_END_HEADERS, 1,
         PAYLOAD("\x3f\xe2\x1f\x88"), H2_COMPRESSION_ERROR},
        {"a new table size behind a field", H2_HEADERS, H2_END_HEADERS, 1, PAYLOAD("\x88\x20"),
         H2_COMPRESSION_ERROR},
    };
    for (size_t i = 0; i < 2 * HH_COUNT_OF(bad); i++)
        play_bad(*state, &bad[i / 2], i % 2);
}

/* Blocks nobody wants any more still change the table that later ones refer to. */
static void test_blocks_of_forgotten_streams_count(void **state)
{
    h2_rig *rig = *state;
    h2_rig_begin(rig, 2);
    h2_rig_cancel(rig, 0);
    h2_rig_run(rig);
    h2_put_frame(&rig->say, H2_HEADERS, H2_END_HEADERS | H2_END_STREAM, 1,
                 hh_slice_of("\x88\x40\x01x\x05value"));
    h2_put_frame(&rig->say, H2_HEADERS, H2_END_HEADERS | H2_END_STREAM, 3, hh_slice_of("\x88\xbe"));
    h2_rig_say(rig);
    assert_string_equal(rig->calls[1]->log, "head 200 x=value;done;");
}

/* --- No HTTP/2 at all ------------------------------------------------------------------------- */

static void test_no_http2_at_all(void **state)
{
    static const char *const texts[] = {
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.0 505 HTTP Version Not Supported\r\n\r\n",
        "\x15\x03\x01\x00\x02\x02\x46",
        "SSH-2.0-OpenSSH_9.2p1\r\n",
        "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    };
    h2_rig *rig = *state;
    for (size_t i = 0; i < 2 * HH_COUNT_OF(texts); i++) {
        assert_int_equal(h2_rig_connect(rig, FAKE_PLAIN), HH_OK);
        h2_rig_get(rig, 0);
        h2_rig_get(rig, 1);
        h2_rig_run(rig);
        const char *text = texts[i / 2];
        if (i % 2 == 0)
            fake_stream_feed(&rig->fake, text, strlen(text));
        else
            for (; *text != '\0'; text++)
                fake_stream_feed(&rig->fake, text, 1);
        fake_stream_end(&rig->fake, FAKE_EOF);
        h2_rig_run(rig);
        assert_null(rig->conn);
        for (unsigned k = 0; k < 2; k++) {
            assert_int_equal(rig->calls[k]->counts[RIG_FAILED], 1);
            /* Too short to be a frame: then its end is what is seen. */
            if (i / 2 != 2)
                assert_int_equal(rig->calls[k]->error.code, HH_ERR_PROTOCOL);
            assert_int_equal(rig->calls[k]->error.processed, HH_PROCESSED_MAYBE);
        }
        if (i / 2 < 2)
            assert_non_null(strstr(rig->calls[0]->error.message, "HTTP/1"));
    }
}

/* Closed at once, before or inside anything. */
static void test_ends_anywhere(void **state)
{
    static const fake_end ends[] = {FAKE_EOF, FAKE_TRUNCATED, FAKE_ERROR};
    h2_rig *rig = *state;
    hh_bytes all;
    hh__bytes_init(&all, SIZE_MAX);
    h2_put_settings(&all);
    h2_put_settings_ack(&all);
    h2_put_headers(&all, 1, 0, OK "\nlong: enough");
    h2_put_padded_data(&all, 1, 0, "abcdef", 3);
    for (size_t i = 0; i < 3 * (all.length + 1); i++) {
        size_t length = i / 3;
        assert_int_equal(h2_rig_connect(rig, FAKE_PLAIN), HH_OK);
        h2_rig_get(rig, 0);
        h2_rig_run(rig);
        hh__bytes_append(&rig->say, all.data, length);
        h2_rig_say(rig);
        fake_stream_end(&rig->fake, ends[i % 3]);
        h2_rig_run(rig);
        const hh_error *error = &rig->calls[0]->error;
        assert_null(rig->conn);
        assert_int_equal(rig->calls[0]->counts[RIG_FAILED], 1);
        if (ends[i % 3] == FAKE_ERROR)
            assert_int_equal(error->code, HH_ERR_RECEIVE);
        else
            assert_int_equal(error->code, rig->calls[0]->counts[RIG_HEAD] == 0
                                              ? HH_ERR_EMPTY_RESPONSE
                                              : HH_ERR_TRUNCATED);
        assert_int_equal(error->processed, rig->calls[0]->counts[RIG_HEAD] == 0 ? HH_PROCESSED_MAYBE
                                                                                : HH_PROCESSED_YES);
        /* RFC 9113 §3.4: whoever ends before its SETTINGS came may be no HTTP/2 server at all. */
        bool is_silent = length < H2_FRAME_HEADER_BYTES;
        assert_int_equal(strstr(error->message, "before its HTTP/2 SETTINGS came") != NULL,
                         is_silent);
        assert_int_equal(strstr(error->message, "turn http2 off (--http1.1)") != NULL, is_silent);
        assert_non_null(strstr(error->message, "peer"));
    }
    hh__bytes_finish(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_frames_that_end_the_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_frames_that_end_the_connection_bytewise, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_frame_over_the_size_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_frames_inside_a_header_block, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unknown_things_are_overlooked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_priority_costs_no_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_data_after_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_frames_on_closed_streams, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_frames_after_goaway, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_goaway_that_takes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_window_update_of_zero_on_a_stream, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_window_update_overflow_on_a_stream, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_initial_window_overflows_a_stream, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_data_beyond_the_stream_window, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_data_beyond_the_connection_window, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_compression, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_blocks_of_forgotten_streams_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_http2_at_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ends_anywhere, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
