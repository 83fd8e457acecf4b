/*
 * The life of an HTTP/2 connection: its first words, many calls at once, what the peer allows,
 * idling, GOAWAY, closing.
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

#define GET_FIELDS " :method=GET :scheme=http :authority=peer :path=/"
#define OK_5 ":status: 200\ncontent-length: 5"

static void answer(h2_rig *rig, uint32_t stream, const char *body)
{
    h2_put_headers(&rig->say, stream, 0, ":status: 200");
    h2_put_data(&rig->say, stream, H2_END_STREAM, body);
}

/* --- The first words -------------------------------------------------------------------------- */

/* RFC 9113 §3.4: preface, SETTINGS, and with them the request; it need not wait for the peer. */
static void test_first_words_in_one_write(void **state)
{
    h2_rig *rig = *state;
    assert_int_equal(h2_rig_connect(rig, FAKE_PLAIN), HH_OK);
    assert_int_equal(rig->conn->protocol, HH_PROTOCOL_HTTP2);
    assert_int_equal(rig->fake.writes, 0);
    h2_rig_get(rig, 0);
    assert_int_equal(rig->fake.writes, 1);
    const char *wrote = h2_rig_wrote(rig);
    assert_ptr_equal(strstr(wrote, "preface;SETTINGS 2=0 "), wrote);
    assert_non_null(strstr(wrote, " 4=1048576"));
    assert_non_null(strstr(wrote, ";WINDOW_UPDATE 0 16711681;"));
    assert_non_null(strstr(wrote, "HEADERS 1 end" GET_FIELDS ";"));
    assert_int_equal(rig->peer.client_header_list, HH_HEAD_MAX_BYTES);
    assert_int_equal(rig->calls[0]->call.stream_id, 1);
    h2_put_settings(&rig->say);
    h2_put_settings_ack(&rig->say);
    answer(rig, 1, "hello");
    h2_rig_say(rig);
    assert_string_equal(rig->calls[0]->log, "head 200;body 5 hello;done;");
    assert_string_equal(h2_rig_wrote(rig), "SETTINGS ack;");
    assert_int_equal(rig->conn->served, 1);
}

static void test_first_words_without_a_call(void **state)
{
    h2_rig *rig = *state;
    const char *wrote = h2_rig_writes(rig);
    assert_ptr_equal(strstr(wrote, "preface;SETTINGS "), wrote);
    assert_int_equal(rig->fake.writes, 1);
}

/* RFC 9113 §3.4: the server's own preface is a SETTINGS frame. */
static void test_settings_come_first(void **state)
{
    h2_rig *rig = *state;
    h2_rig_get(rig, 0);
    h2_put_ping(&rig->say, 0, "12345678");
    h2_rig_say(rig);
    assert_null(rig->conn);
    assert_int_equal(rig->why, HH_ERR_PROTOCOL);
    assert_int_equal(rig->peer.goaway_code, H2_PROTOCOL_ERROR);
    assert_int_equal(rig->calls[0]->error.code, HH_ERR_PROTOCOL);
}

/* RFC 9113 §6.5.3: each is acknowledged, in order. */
static void test_settings_are_acknowledged(void **state)
{
    h2_rig *rig = *state;
    h2_put_setting(&rig->say, H2_INITIAL_WINDOW_SIZE, 10);
    h2_put_setting(&rig->say, H2_INITIAL_WINDOW_SIZE, 20);
    h2_put_setting(&rig->say, H2_INITIAL_WINDOW_SIZE, 30);
    h2_rig_say(rig);
    assert_int_equal(rig->peer.acks, 3);
    assert_int_equal(rig->peer.now.window, 30);
}

/* --- Many calls ------------------------------------------------------------------------------- */

static void test_calls_share_the_connection(void **state)
{
    enum { CALLS = 50 };
    h2_rig *rig = *state;
    h2_rig_begin(rig, CALLS);
    assert_int_equal(rig->peer.open_count, CALLS);
    for (unsigned i = CALLS; i-- > 0;) {
        char body[16];
        (void)snprintf(body, sizeof body, "body%u", i);
        assert_int_equal(rig->calls[i]->call.stream_id, 2 * i + 1);
        answer(rig, 2 * i + 1, body);
    }
    h2_rig_say(rig);
    for (unsigned i = 0; i < CALLS; i++) {
        char log[64];
        (void)snprintf(log, sizeof log, "head 200;body %u body%u;done;", i < 10 ? 5 : 6, i);
        assert_string_equal(rig->calls[i]->log, log);
    }
    assert_int_equal(rig->free_count, CALLS);
    assert_int_equal(rig->conn->served, CALLS);
    assert_int_equal(rig->spent_count, 0);
}

/* What one step starts leaves in few writes. */
static void test_starts_are_coalesced(void **state)
{
    enum { CALLS = 60 };
    h2_rig *rig = *state;
    h2_rig_open(rig, FAKE_PLAIN);
    unsigned before = rig->fake.writes;
    for (unsigned i = 0; i < CALLS; i++)
        h2_rig_get(rig, i);
    h2_rig_run(rig);
    assert_int_equal(rig->peer.open_count, CALLS);
    assert_in_range(rig->fake.writes - before, 1, 2);
}

/* Where one answer came one request may follow: it goes at once. Where several came it waits for
 * the others. */
static void test_starts_after_answers(void **state)
{
    h2_rig *rig = *state;
    h2_rig_begin(rig, 3);
    for (unsigned i = 0; i < 3; i++)
        answer(rig, 2 * i + 1, "body");
    h2_rig_say(rig);
    unsigned before = rig->fake.writes;
    for (unsigned i = 3; i < 6; i++)
        h2_rig_get(rig, i);
    assert_int_equal(rig->fake.writes, before);
    h2_rig_run(rig);
    assert_int_equal(rig->fake.writes, before + 1);
    for (unsigned i = 3; i < 6; i++) {
        answer(rig, 2 * i + 1, "body");
        h2_rig_say(rig);
    }
    before = rig->fake.writes;
    h2_rig_get(rig, 6);
    assert_int_equal(rig->fake.writes, before + 1);
}

static void test_capacity_before_settings(void **state)
{
    h2_rig *rig = *state;
    assert_int_equal(rig->conn->capacity, HH_H2_STREAMS_ASSUMED);
    h2_put_settings(&rig->say);
    h2_rig_say(rig);
    /* RFC 9113 §6.5.2: no limit is the default; ours holds. */
    assert_int_equal(rig->conn->capacity, HH_H2_STREAMS_MAX);
    assert_int_equal(rig->capacity_count, 1);
}

static void test_capacity_follows_the_peer(void **state)
{
    static const unsigned values[] = {1, 50, 128, 5000};
    h2_rig *rig = *state;
    h2_rig_open(rig, FAKE_PLAIN);
    for (size_t i = 0; i < HH_COUNT_OF(values); i++) {
        unsigned told = rig->capacity_count;
        h2_put_setting(&rig->say, H2_MAX_CONCURRENT_STREAMS, values[i]);
        h2_rig_say(rig);
        unsigned expected = values[i] < HH_H2_STREAMS_MAX ? values[i] : HH_H2_STREAMS_MAX;
        assert_int_equal(rig->conn->capacity, expected);
        assert_int_equal(rig->capacity_count, told + 1);
    }
    char text[256];
    size_t length = hh__conn_describe(rig->conn, text, sizeof text);
    assert_true(length > 0 && length < sizeof text);
    assert_non_null(strstr(text, "5000 streams"));
}

/* Streams that are open stay so when the peer lowers its limit; more are opened once they end. The
 * peer checks how many there are (RFC 9113 §5.1.2). */
static void test_capacity_lowered_under_calls(void **state)
{
    h2_rig *rig = *state;
    h2_rig_begin(rig, 4);
    h2_put_setting(&rig->say, H2_MAX_CONCURRENT_STREAMS, 2);
    h2_rig_say(rig);
    for (unsigned i = 4; i < 8; i++)
        h2_rig_get(rig, i);
    h2_rig_run(rig);
    assert_int_equal(rig->peer.open_count, 4);
    assert_int_equal(rig->calls[4]->call.stream_id, 0);
    for (unsigned i = 0; i < 8; i++) {
        answer(rig, 2 * i + 1, "x");
        h2_rig_say(rig);
        assert_string_equal(rig->calls[i]->log, "head 200;body 1 x;done;");
        assert_true(rig->peer.open_count <= (i < 2 ? 3u : 2u));
    }
    assert_int_equal(rig->free_count, 8);
}

static void test_capacity_raised_lets_waiting_calls_go(void **state)
{
    h2_rig *rig = *state;
    h2_rig_open(rig, FAKE_PLAIN);
    h2_put_setting(&rig->say, H2_MAX_CONCURRENT_STREAMS, 1);
    h2_rig_say(rig);
    for (unsigned i = 0; i < 3; i++)
        h2_rig_get(rig, i);
    h2_rig_run(rig);
    assert_int_equal(rig->peer.open_count, 1);
    h2_put_setting(&rig->say, H2_MAX_CONCURRENT_STREAMS, 3);
    h2_rig_say(rig);
    assert_int_equal(rig->peer.open_count, 3);
}

/* More calls than the peer turns out to allow, before its SETTINGS have come: it refuses, which is
 * harmless, and the rest waits. */
static void test_limit_learned_late(void **state)
{
    h2_rig *rig = *state;
    for (unsigned i = 0; i < 4; i++)
        h2_rig_get(rig, i);
    h2_rig_run(rig);
    h2_put_setting(&rig->say, H2_MAX_CONCURRENT_STREAMS, 2);
    h2_put_settings_ack(&rig->say);
    h2_put_reset(&rig->say, 5, H2_REFUSED_STREAM);
    h2_put_reset(&rig->say, 7, H2_REFUSED_STREAM);
    h2_rig_say(rig);
    for (unsigned i = 2; i < 4; i++) {
        assert_int_equal(rig->calls[i]->error.code, HH_ERR_REFUSED);
        assert_int_equal(rig->calls[i]->error.processed, HH_PROCESSED_NO);
    }
    answer(rig, 1, "a");
    answer(rig, 3, "b");
    h2_rig_say(rig);
    assert_string_equal(rig->calls[0]->log, "head 200;body 1 a;done;");
    assert_string_equal(rig->calls[1]->log, "head 200;body 1 b;done;");
    assert_non_null(rig->conn);
}

/* A limit of none: what waits is refused and goes elsewhere; what is open ends; then it is spent.
 */
static void test_capacity_none(void **state)
{
    h2_rig *rig = *state;
    h2_rig_open(rig, FAKE_PLAIN);
    h2_put_setting(&rig->say, H2_MAX_CONCURRENT_STREAMS, 1);
    h2_rig_say(rig);
    h2_rig_get(rig, 0);
    h2_rig_get(rig, 1);
    h2_rig_run(rig);
    h2_put_setting(&rig->say, H2_MAX_CONCURRENT_STREAMS, 0);
    h2_rig_say(rig);
    assert_int_equal(rig->conn->capacity, 0);
    assert_int_equal(rig->calls[1]->error.code, HH_ERR_REFUSED);
    assert_int_equal(rig->calls[1]->error.processed, HH_PROCESSED_NO);
    answer(rig, 1, "x");
    h2_rig_say(rig);
    assert_string_equal(rig->calls[0]->log, "head 200;body 1 x;done;");
    assert_null(rig->conn);
    assert_int_equal(rig->why, HH_OK);
}

/* --- GOAWAY ----------------------------------------------------------------------------------- */

/* RFC 9113 §6.8: streams above the last id were not processed; those up to it end as they would. */
static void test_goaway_divides_the_streams(void **state)
{
    h2_rig *rig = *state;
    h2_rig_begin(rig, 4);
    h2_put_goaway(&rig->say, 3, H2_NO_ERROR, "");
    h2_rig_say(rig);
    assert_int_equal(rig->conn->capacity, 0);
    assert_int_equal(rig->capacity_count, 2); /* the first SETTINGS, and this */
    for (unsigned i = 2; i < 4; i++) {
        assert_int_equal(rig->calls[i]->error.code, HH_ERR_REFUSED);
        assert_int_equal(rig->calls[i]->error.processed, HH_PROCESSED_NO);
        assert_non_null(strstr(rig->calls[i]->error.message, "peer:80"));
    }
    assert_true(rig->calls[0]->is_active && rig->calls[1]->is_active);
    answer(rig, 3, "three");
    h2_rig_say(rig);
    assert_string_equal(rig->calls[1]->log, "head 200;body 5 three;done;");
    assert_int_equal(rig->spent_count, 0);
    answer(rig, 1, "one");
    h2_rig_say(rig);
    assert_string_equal(rig->calls[0]->log, "head 200;body 3 one;done;");
    assert_null(rig->conn);
    assert_int_equal(rig->why, HH_OK);
}

/* RFC 9113 §6.8: a first GOAWAY of 2^31-1 warns, a second one tells. */
static void test_goaway_twice(void **state)
{
    h2_rig *rig = *state;
    h2_rig_begin(rig, 2);
    h2_put_goaway(&rig->say, INT32_MAX, H2_NO_ERROR, "");
    h2_rig_say(rig);
    assert_int_equal(rig->conn->capacity, 0);
    assert_true(rig->calls[0]->is_active && rig->calls[1]->is_active);
    h2_put_goaway(&rig->say, 1, H2_NO_ERROR, "");
    h2_rig_say(rig);
    assert_int_equal(rig->calls[1]->error.code, HH_ERR_REFUSED);
    answer(rig, 1, "x");
    h2_rig_say(rig);
    assert_string_equal(rig->calls[0]->log, "head 200;body 1 x;done;");
    assert_null(rig->conn);
}

static void test_goaway_on_an_idle_connection(void **state)
{
    h2_rig *rig = *state;
    h2_rig_open(rig, FAKE_PLAIN);
    h2_put_goaway(&rig->say, 0, H2_NO_ERROR, "");
    h2_rig_say(rig);
    assert_null(rig->conn);
    assert_int_equal(rig->why, HH_OK);
    assert_true(rig->fake.is_closed);
}

/* RFC 9113 §6.8: whoever says GOAWAY and closes has answered what it will. Above the last id:
 * unprocessed; below: maybe. */
static void test_goaway_then_close(void **state)
{
    h2_rig *rig = *state;
    h2_rig_begin(rig, 3);
    h2_put_headers(&rig->say, 1, 0, OK_5);
    h2_put_goaway(&rig->say, 3, H2_ENHANCE_YOUR_CALM, "slow down");
    h2_rig_feed(rig);
    fake_stream_end(&rig->fake, FAKE_EOF);
    h2_rig_run(rig);
    assert_null(rig->conn);
    assert_int_equal(rig->calls[0]->error.code, HH_ERR_TRUNCATED);
    assert_int_equal(rig->calls[0]->error.processed, HH_PROCESSED_YES);
    assert_int_equal(rig->calls[1]->error.code, HH_ERR_EMPTY_RESPONSE);
    assert_int_equal(rig->calls[1]->error.processed, HH_PROCESSED_MAYBE);
    assert_non_null(strstr(rig->calls[1]->error.message, "ENHANCE_YOUR_CALM"));
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(rig->calls[i]->error.http2_error, H2_ENHANCE_YOUR_CALM);
    assert_int_equal(rig->calls[2]->error.code, HH_ERR_REFUSED);
    assert_int_equal(rig->calls[2]->error.processed, HH_PROCESSED_NO);
    assert_non_null(strstr(rig->calls[2]->error.message, "unprocessed: ENHANCE_YOUR_CALM"));
}

/* Calls that wait for a stream when GOAWAY comes were never sent. */
static void test_goaway_refuses_waiting_calls(void **state)
{
    h2_rig *rig = *state;
    h2_rig_open(rig, FAKE_PLAIN);
    h2_put_setting(&rig->say, H2_MAX_CONCURRENT_STREAMS, 1);
    h2_rig_say(rig);
    h2_rig_get(rig, 0);
    h2_rig_get(rig, 1);
    h2_rig_run(rig);
    h2_put_goaway(&rig->say, 1, H2_NO_ERROR, "");
    h2_rig_say(rig);
    assert_int_equal(rig->calls[1]->error.code, HH_ERR_REFUSED);
    assert_int_equal(rig->calls[1]->error.processed, HH_PROCESSED_NO);
    assert_true(rig->calls[0]->is_active);
    answer(rig, 1, "");
    h2_rig_say(rig);
    assert_string_equal(rig->calls[0]->log, "head 200;done;");
}

/* The same, with all of it in one read: the last answer and GOAWAY, in either order. */
static void test_goaway_beside_the_last_answer(void **state)
{
    h2_rig *rig = *state;
    for (int i = 0; i < 2; i++) {
        h2_rig_begin(rig, 1);
        if (i == 0)
            h2_put_goaway(&rig->say, 1, H2_NO_ERROR, "bye");
        answer(rig, 1, "x");
        if (i == 1)
            h2_put_goaway(&rig->say, 1, H2_NO_ERROR, "bye");
        h2_rig_say(rig);
        assert_string_equal(rig->calls[0]->log, "head 200;body 1 x;done;");
        assert_null(rig->conn);
        assert_int_equal(rig->why, HH_OK);
    }
}

/* RFC 9113 §5.1.1: ids can't be used again. */
static void test_ids_run_out(void **state)
{
    h2_rig *rig = *state;
    h2_rig_open(rig, FAKE_PLAIN);
    nghttp2_session *session = hh__h2_of(rig->conn)->session;
    assert_int_equal(nghttp2_session_set_next_stream_id(session, INT32_MAX - 2), 0);
    rig->peer.base_id = INT32_MAX - 2;
    for (unsigned i = 0; i < 3; i++)
        h2_rig_get(rig, i);
    h2_rig_run(rig);
    assert_int_equal(rig->calls[0]->call.stream_id, INT32_MAX - 2);
    assert_int_equal(rig->calls[1]->call.stream_id, INT32_MAX);
    assert_int_equal(rig->calls[2]->error.code, HH_ERR_REFUSED);
    assert_int_equal(rig->calls[2]->error.processed, HH_PROCESSED_NO);
    assert_int_equal(rig->conn->capacity, 0);
    answer(rig, INT32_MAX - 2, "a");
    answer(rig, INT32_MAX, "b");
    h2_rig_say(rig);
    assert_string_equal(rig->calls[0]->log, "head 200;body 1 a;done;");
    assert_string_equal(rig->calls[1]->log, "head 200;body 1 b;done;");
    assert_null(rig->conn);
}

/* --- Idling ----------------------------------------------------------------------------------- */

static void become_idle(h2_rig *rig)
{
    h2_rig_begin(rig, 1);
    answer(rig, 1, "x");
    h2_rig_say(rig);
    assert_non_null(rig->conn);
    assert_int_equal(rig->free_count, 1);
    assert_int_equal(rig->buffers.in_use, 0);
    (void)h2_rig_wrote(rig);
}

static void test_idle_answers_ping(void **state)
{
    h2_rig *rig = *state;
    become_idle(rig);
    assert_int_equal(hh__conn_probe(rig->conn), HH_IO_WAIT);
    h2_put_ping(&rig->say, 0, "abcdefgh");
    h2_rig_say(rig);
    assert_string_equal(h2_rig_wrote(rig), "PING ack;");
    assert_int_equal(hh__conn_probe(rig->conn), HH_IO_WAIT);
    assert_int_equal(rig->buffers.in_use, 0);
}

static void test_idle_ends_by_the_peer(void **state)
{
    static const fake_end ends[] = {FAKE_EOF, FAKE_TRUNCATED, FAKE_ERROR};
    h2_rig *rig = *state;
    for (size_t i = 0; i < HH_COUNT_OF(ends); i++) {
        become_idle(rig);
        fake_stream_end(&rig->fake, ends[i]);
        assert_int_not_equal(hh__conn_probe(rig->conn), HH_IO_WAIT);
        h2_rig_run(rig);
        assert_null(rig->conn);
        assert_int_equal(rig->spent_count, 1);
    }
}

static void test_idle_expires(void **state)
{
    h2_rig *rig = *state;
    rig->expires_ns = 1;
    h2_rig_begin(rig, 1);
    answer(rig, 1, "x");
    h2_rig_feed(rig);
    h2_rig_run(rig);
    while (rig->conn != NULL) {
        assert_int_equal(hh__loop_wait(rig->loop, 20000), HH_OK);
        h2_rig_run(rig);
    }
    assert_int_equal(rig->why, HH_OK);
    assert_non_null(strstr(h2_rig_wrote(rig), "GOAWAY 0 0;"));
}

/* The idle deadline ends with idling. */
static void test_expiry_is_for_idle_only(void **state)
{
    h2_rig *rig = *state;
    become_idle(rig);
    hh__conn_park(rig->conn, hh__loop_refresh(rig->loop) + 1000000);
    h2_rig_get(rig, 0);
    int64_t until = hh__loop_refresh(rig->loop) + 3000000;
    while (hh__loop_refresh(rig->loop) < until)
        h2_rig_run(rig);
    assert_true(rig->calls[0]->is_active);
    answer(rig, 3, "y");
    h2_rig_say(rig);
    assert_string_equal(rig->calls[0]->log, "head 200;body 1 y;done;");
    assert_non_null(rig->conn);
}

static void test_close_says_goaway(void **state)
{
    h2_rig *rig = *state;
    become_idle(rig);
    h2_rig_close(rig, HH_CLOSE_ORDERLY);
    assert_string_equal(h2_rig_wrote(rig), "GOAWAY 0 0;");
    assert_int_equal(rig->fake.how, HH_CLOSE_ORDERLY);
    become_idle(rig);
    h2_rig_close(rig, HH_CLOSE_ABORT);
    assert_string_equal(h2_rig_wrote(rig), "");
    assert_int_equal(rig->fake.how, HH_CLOSE_ABORT);
}

/* Closed under calls in every state: nothing is reported any more. */
static void test_close_under_calls(void **state)
{
    h2_rig *rig = *state;
    for (int i = 0; i < 2; i++) {
        h2_rig_open(rig, FAKE_PLAIN);
        h2_put_setting(&rig->say, H2_MAX_CONCURRENT_STREAMS, 3);
        h2_rig_say(rig);
        for (unsigned k = 0; k < 4; k++)
            h2_rig_get(rig, k);
        rig->calls[2]->acts[RIG_HEAD] = RIG_PAUSE;
        h2_rig_run(rig);
        h2_put_headers(&rig->say, 3, 0, OK_5);
        h2_put_headers(&rig->say, 5, 0, OK_5);
        h2_put_data(&rig->say, 5, 0, "abc");
        h2_rig_say(rig);
        assert_int_equal(rig->env.held_bytes, 3);
        h2_rig_close(rig, i == 0 ? HH_CLOSE_ORDERLY : HH_CLOSE_ABORT);
        assert_int_equal(rig->env.held_bytes, 0);
        h2_rig_run(rig);
        assert_string_equal(rig->calls[0]->log, "");
    }
}

/* --- PING keep-alive -------------------------------------------------------------------------- */

/* The clock is behind while the connection is made, and right when its deadline comes. */
static void test_keepalive_pings_a_silent_peer(void **state)
{
    h2_rig *rig = *state;
    char opaque[8] = {0};
    rig->env.h2_keepalive_ns = HOUR_NS;
    shifted_clock_set(-2 * HOUR_NS);
    assert_int_equal(h2_rig_connect(rig, FAKE_PLAIN), HH_OK);
    h2_rig_get(rig, 0);
    shifted_clock_set(0);
    h2_rig_run(rig);
    assert_int_equal(rig->peer.pings, 1);
    h2_put_settings(&rig->say);
    h2_put_ping(&rig->say, H2_ACK, opaque);
    answer(rig, 1, "x");
    h2_rig_say(rig);
    assert_string_equal(rig->calls[0]->log, "head 200;body 1 x;done;");
    assert_non_null(rig->conn);
    assert_int_equal(rig->peer.pings, 1);
}

/* Anything that has come since is as good as an answer to a PING. */
static void test_keepalive_heeds_what_comes(void **state)
{
    h2_rig *rig = *state;
    rig->env.h2_keepalive_ns = HOUR_NS;
    shifted_clock_set(-2 * HOUR_NS);
    assert_int_equal(h2_rig_connect(rig, FAKE_PLAIN), HH_OK);
    h2_rig_get(rig, 0);
    shifted_clock_set(0);
    h2_put_settings(&rig->say);
    h2_rig_say(rig);
    assert_int_equal(rig->peer.pings, 0);
    answer(rig, 1, "x");
    h2_rig_say(rig);
    assert_string_equal(rig->calls[0]->log, "head 200;body 1 x;done;");
}

/* The second silence is the end: calls learn that the peer is gone. */
static void test_keepalive_ends_a_dead_connection(void **state)
{
    h2_rig *rig = *state;
    rig->env.h2_keepalive_ns = HOUR_NS;
    shifted_clock_set(-4 * HOUR_NS);
    assert_int_equal(h2_rig_connect(rig, FAKE_PLAIN), HH_OK);
    h2_rig_get(rig, 0);
    shifted_clock_set(-2 * HOUR_NS);
    for (int i = 0; i < 1000 && rig->peer.pings == 0; i++)
        h2_rig_step(rig);
    assert_int_equal(rig->peer.pings, 1);
    assert_true(rig->calls[0]->is_active);
    shifted_clock_set(0);
    h2_rig_wait(rig, 0);
    assert_null(rig->conn);
    assert_int_equal(rig->why, HH_ERR_TIMEOUT_READ);
    assert_int_equal(rig->calls[0]->error.code, HH_ERR_TIMEOUT_READ);
    assert_int_equal(rig->calls[0]->error.processed, HH_PROCESSED_MAYBE);
    assert_non_null(strstr(rig->calls[0]->error.message, "PING"));
}

static void test_no_keepalive_unless_asked(void **state)
{
    h2_rig *rig = *state;
    shifted_clock_set(-2 * HOUR_NS);
    h2_rig_begin(rig, 1);
    assert_int_equal(hh__loop_timer_count(rig->loop), 0);
    assert_int_equal(rig->peer.pings, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_first_words_in_one_write, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_first_words_without_a_call, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_settings_come_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_settings_are_acknowledged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_calls_share_the_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_starts_are_coalesced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_starts_after_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_capacity_before_settings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_capacity_follows_the_peer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_capacity_lowered_under_calls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_capacity_raised_lets_waiting_calls_go, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_limit_learned_late, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_capacity_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_goaway_divides_the_streams, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_goaway_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_goaway_on_an_idle_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_goaway_then_close, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_goaway_refuses_waiting_calls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_goaway_beside_the_last_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ids_run_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_idle_answers_ping, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_idle_ends_by_the_peer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_idle_expires, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_expiry_is_for_idle_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_close_says_goaway, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_close_under_calls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keepalive_pings_a_silent_peer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keepalive_heeds_what_comes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keepalive_ends_a_dead_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_keepalive_unless_asked, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
