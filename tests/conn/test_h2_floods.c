/*
 * An HTTP/2 server that means harm by doing too much: each kind of flood ends the connection at a
 * named limit (base/limits.h, HH_H2_), with GOAWAY, memory bounded, and every call told why, once.
 * Below its limit none does harm. CVE-2019-9511 to 9518, CVE-2023-44487, CVE-2024-28182.
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
#include "support/alloc_fail.h"

#define CALLS 2

/* The connection has ended by a GOAWAY of this code, and each call knows why. */
static void expect_end(h2_rig *rig, uint32_t code, const char *word)
{
    assert_null(rig->conn);
    assert_int_equal(rig->spent_count, 1);
    assert_int_equal(rig->why, HH_ERR_PROTOCOL);
    assert_true(rig->peer.has_goaway);
    assert_int_equal(rig->peer.goaway_code, code);
    for (unsigned i = 0; i < CALLS; i++) {
        const hh_error *error = &rig->calls[i]->error;
        assert_int_equal(rig->calls[i]->counts[RIG_FAILED], 1);
        assert_int_equal(error->code, HH_ERR_PROTOCOL);
        assert_int_equal(error->http2_error, code);
        assert_non_null(strstr(error->message, "peer:80"));
        if (strstr(error->message, word) == NULL)
            fail_msg("no \"%s\" in: %s", word, error->message);
    }
}

typedef void (*put_one)(hh_bytes *out, unsigned i);

/* `harmless` of them are fine, one after the other; soon after, at `deadly` in all, it is over. */
static void flood(h2_rig *rig, put_one put, unsigned harmless, unsigned deadly, const char *word)
{
    h2_rig_begin(rig, CALLS);
    for (unsigned i = 0; i < harmless; i++)
        put(&rig->say, i);
    h2_rig_say(rig);
    assert_non_null(rig->conn);
    assert_true(rig->calls[0]->is_active && rig->calls[1]->is_active);
    for (unsigned i = harmless; i < deadly; i++)
        put(&rig->say, i);
    alloc_fail_count_start();
    h2_rig_say(rig);
    expect_end(rig, H2_ENHANCE_YOUR_CALM, word);
}

/* --- One kind each ---------------------------------------------------------------------------- */

static void put_settings(hh_bytes *out, unsigned i)
{
    h2_put_setting(out, H2_INITIAL_WINDOW_SIZE, 60000 + i);
}

static void test_settings_flood(void **state)
{
    flood(*state, put_settings, HH_H2_SETTINGS_BURST - 2, HH_H2_SETTINGS_BURST + 1, "SETTINGS");
}

static void put_ping(hh_bytes *out, unsigned i)
{
    char opaque[8] = {(char)i};
    h2_put_ping(out, 0, opaque);
}

static void test_ping_flood(void **state)
{
    flood(*state, put_ping, HH_H2_PING_BURST - 1, HH_H2_PING_BURST + 1, "PING");
}

static void put_ping_ack(hh_bytes *out, unsigned i)
{
    char opaque[8] = {(char)i};
    h2_put_ping(out, H2_ACK, opaque);
}

/* Answers to what nobody has asked. */
static void test_ping_ack_flood(void **state)
{
    flood(*state, put_ping_ack, HH_H2_PING_BURST - 1, HH_H2_PING_BURST + 1, "PING");
}

static void put_reset(hh_bytes *out, unsigned i)
{
    (void)i;
    h2_put_reset(out, 5, H2_CANCEL);
}

/* RST_STREAM again and again for a stream that is long over. */
static void test_reset_flood(void **state)
{
    h2_rig *rig = *state;
    h2_rig_begin(rig, 3);
    h2_put_headers(&rig->say, 5, H2_END_STREAM, OK);
    h2_rig_say(rig);
    for (unsigned i = 0; i < HH_H2_RESET_SLACK; i++)
        put_reset(&rig->say, i);
    h2_rig_say(rig);
    assert_non_null(rig->conn);
    for (unsigned i = 0; i < 4; i++)
        put_reset(&rig->say, i);
    h2_rig_say(rig);
    expect_end(rig, H2_ENHANCE_YOUR_CALM, "RST_STREAM");
}

static void put_empty_data(hh_bytes *out, unsigned i)
{
    (void)i;
    h2_put_data(out, 1, 0, "");
}

static void put_padding(hh_bytes *out, unsigned i)
{
    h2_put_padded_data(out, 1, 0, "", (uint8_t)i);
}

static void test_empty_data_flood(void **state)
{
    static const put_one puts[] = {put_empty_data, put_padding};
    h2_rig *rig = *state;
    for (size_t k = 0; k < HH_COUNT_OF(puts); k++) {
        h2_rig_begin(rig, CALLS);
        h2_put_headers(&rig->say, 1, 0, OK);
        for (unsigned i = 0; i < HH_H2_EMPTY_DATA_BURST - 1; i++)
            puts[k](&rig->say, i);
        h2_rig_say(rig);
        assert_non_null(rig->conn);
        for (unsigned i = 0; i < 2; i++)
            puts[k](&rig->say, i);
        h2_rig_say(rig);
        expect_end(rig, H2_ENHANCE_YOUR_CALM, "DATA");
    }
}

static void put_window_update(hh_bytes *out, unsigned i)
{
    h2_put_window_update(out, i % 2, 1);
}

static void test_window_update_flood(void **state)
{
    flood(*state, put_window_update, HH_H2_WINDOW_UPDATE_SLACK,
          HH_H2_WINDOW_UPDATE_SLACK + 4 * CALLS + 5, "WINDOW_UPDATE");
}

static void put_priority(hh_bytes *out, unsigned i)
{
    h2_put_priority(out, 2 * i + 1, 0, 16);
}

static void test_priority_flood(void **state)
{
    flood(*state, put_priority, HH_H2_PRIORITY_SLACK, HH_H2_PRIORITY_SLACK + CALLS + 2, "PRIORITY");
}

static void put_unknown(hh_bytes *out, unsigned i)
{
    h2_put_frame(out, 0x20 + i % 100, (uint8_t)i, i % 3, hh_slice_of("grease"));
}

static void test_unknown_frame_flood(void **state)
{
    flood(*state, put_unknown, HH_H2_UNKNOWN_BURST - 1, HH_H2_UNKNOWN_BURST + 1, "unknown");
}

static void put_altsvc(hh_bytes *out, unsigned i)
{
    (void)i;
    h2_put_frame(out, H2_ALTSVC, 0, 0, hh_slice_of("\0\x04peerh3=\":443\""));
}

static void test_altsvc_flood(void **state)
{
    flood(*state, put_altsvc, HH_H2_UNKNOWN_BURST - 1, HH_H2_UNKNOWN_BURST + 1, "");
}

static void test_settings_of_too_many_entries(void **state)
{
    h2_rig *rig = *state;
    hh_bytes payload;
    hh__bytes_init(&payload, SIZE_MAX);
    for (unsigned i = 0; i <= HH_H2_SETTINGS_ENTRIES_MAX; i++) {
        h2_rig_begin(rig, CALLS);
        if (i == HH_H2_SETTINGS_ENTRIES_MAX) { /* as many as may be */
            h2_put_frame(&rig->say, H2_SETTINGS, 0, 0, hh__bytes_slice(&payload));
            h2_rig_say(rig);
            assert_non_null(rig->conn);
        }
        h2_put_setting_entry(&payload, 0x4000 + i, i);
    }
    h2_put_frame(&rig->say, H2_SETTINGS, 0, 0, hh__bytes_slice(&payload));
    h2_rig_say(rig);
    expect_end(rig, H2_ENHANCE_YOUR_CALM, "SETTINGS");
    hh__bytes_finish(&payload);
}

/* --- Header blocks ---------------------------------------------------------------------------- */

/* CVE-2024-28182: a block that never ends, of empty frames or of full ones. */
static void test_continuation_flood(void **state)
{
    h2_rig *rig = *state;
    static char filler[16000];
    for (size_t length = 0; length <= sizeof filler; length += sizeof filler / 2) {
        h2_rig_begin(rig, CALLS);
        hh_bytes block;
        hh__bytes_init(&block, SIZE_MAX);
        h2_put_fields(&block, OK);
        h2_put_frame(&rig->say, H2_HEADERS, 0, 1, hh__bytes_slice(&block));
        h2_rig_say(rig);
        for (unsigned i = 0; i < HH_H2_CONTINUATIONS_MAX + 1 && rig->conn != NULL; i++) {
            hh__bytes_clear(&block);
            memset(filler, 'x', sizeof filler);
            if (length > 0)
                h2_put_field(&block, hh_slice_of("x"), (hh_slice){filler, length});
            h2_put_frame(&rig->say, H2_CONTINUATION, 0, 1, hh__bytes_slice(&block));
            h2_rig_say(rig);
            if (length == sizeof filler / 2 && i >= 8)
                assert_null(rig->conn); /* 64 KiB coded */
        }
        hh__bytes_finish(&block);
        expect_end(rig, H2_ENHANCE_YOUR_CALM, "");
    }
}

static void expect_one_failed(h2_rig *rig, hh_status code)
{
    assert_non_null(rig->conn);
    assert_int_equal(rig->calls[0]->counts[RIG_FAILED], 1);
    assert_int_equal(rig->calls[0]->error.code, code);
    assert_non_null(strstr(rig->calls[0]->error.message, "peer:80"));
    assert_true(rig->calls[1]->is_active);
    assert_true(h2_peer_stream(&rig->peer, 1)->is_reset);
    assert_true(h2_rig_serves(rig));
}

/* A head beyond our limits costs its stream only: the block can be read to its end. */
static void test_too_many_fields(void **state)
{
    h2_rig *rig = *state;
    for (unsigned count = HH_HEAD_MAX_FIELDS - 1; count < HH_HEAD_MAX_FIELDS + 2; count++) {
        h2_rig_begin(rig, CALLS);
        hh_bytes block;
        hh__bytes_init(&block, SIZE_MAX);
        h2_put_fields(&block, OK);
        for (unsigned i = 0; i < count; i++)
            h2_put_fields(&block, "a: b");
        h2_put_frame(&rig->say, H2_HEADERS, H2_END_HEADERS | H2_END_STREAM, 1,
                     hh__bytes_slice(&block));
        hh__bytes_finish(&block);
        h2_rig_say(rig);
        if (count > HH_HEAD_MAX_FIELDS)
            expect_one_failed(rig, HH_ERR_HEADERS_TOO_LARGE);
        else if (count < HH_HEAD_MAX_FIELDS)
            assert_int_equal(rig->calls[0]->counts[RIG_DONE], 1);
    }
}

/* CVE-2016-6581: one entry in the table of the compression, and a byte for each time it is meant.
 */
static void test_compression_bomb(void **state)
{
    static char value[4000];
    h2_rig *rig = *state;
    for (int i = 0; i < 2; i++) {
        h2_rig_begin(rig, CALLS);
        hh_bytes block;
        hh__bytes_init(&block, SIZE_MAX);
        hh__bytes_append(&block, "\x88\x40\x01x\x7f\xa1\x1e", 7); /* :status 200, x with 4000 */
        memset(value, 'v', sizeof value);
        hh__bytes_append(&block, value, sizeof value);
        for (int k = 0; k < (i == 0 ? 3 : 12000); k++)
            hh__bytes_append_char(&block, (char)0xbe);
        h2_put_frame(&rig->say, H2_HEADERS, H2_END_HEADERS | H2_END_STREAM, 1,
                     hh__bytes_slice(&block));
        hh__bytes_finish(&block);
        h2_rig_say(rig);
        if (i == 0)
            assert_int_equal(rig->calls[0]->counts[RIG_DONE], 1);
        else
            expect_one_failed(rig, HH_ERR_HEADERS_TOO_LARGE);
    }
}

static void test_too_large_trailers(void **state)
{
    static char value[HH_TRAILER_MAX_BYTES / 2];
    h2_rig *rig = *state;
    h2_rig_begin(rig, CALLS);
    hh_bytes block;
    hh__bytes_init(&block, SIZE_MAX);
    memset(value, 'v', sizeof value);
    h2_put_headers(&rig->say, 1, 0, OK);
    h2_put_data(&rig->say, 1, 0, "abc");
    h2_put_field(&block, hh_slice_of("a"), (hh_slice){value, sizeof value});
    h2_put_frame(&rig->say, H2_HEADERS, H2_END_STREAM, 1, hh__bytes_slice(&block));
    h2_put_frame(&rig->say, H2_CONTINUATION, H2_END_HEADERS, 1, hh__bytes_slice(&block));
    hh__bytes_finish(&block);
    h2_rig_say(rig);
    assert_int_equal(rig->calls[0]->error.code, HH_ERR_HEADERS_TOO_LARGE);
    assert_true(h2_rig_serves(rig));
}

static void test_interim_flood(void **state)
{
    h2_rig *rig = *state;
    h2_rig_begin(rig, CALLS);
    for (unsigned i = 0; i < HH_INFORMATIONAL_MAX; i++)
        h2_put_headers(&rig->say, 1, 0, ":status: 103");
    h2_rig_say(rig);
    assert_true(rig->calls[0]->is_active);
    h2_put_headers(&rig->say, 1, 0, ":status: 103");
    h2_rig_say(rig);
    expect_one_failed(rig, HH_ERR_PROTOCOL);
}

/* --- A peer that doesn't read ----------------------------------------------------------------- */

/* CVE-2019-9512, CVE-2019-9515: it asks at a pace that is allowed, and takes no answer. */
static void test_answers_nobody_reads(void **state)
{
    h2_rig *rig = *state;
    for (int kind = 0; kind < 2; kind++) {
        h2_rig_begin(rig, CALLS);
        rig->fake.write_room = 0;
        unsigned asked = 0;
        while (rig->conn != NULL && asked < 10000) {
            assert_true(hh__h2_of(rig->conn)->out.capacity <= HH_H2_ASSEMBLY_MAX_BYTES);
            unsigned step = kind == 0 ? HH_H2_PING_PER_S : HH_H2_SETTINGS_PER_S;
            for (unsigned i = 0; i < step; i++, asked++) {
                if (kind == 0)
                    put_ping(&rig->say, i);
                else
                    put_settings(&rig->say, i);
            }
            h2_rig_say(rig);
            shifted_clock_advance(SECOND_NS);
        }
        assert_null(rig->conn);
        assert_in_range(asked, HH_H2_OUTBOUND_FRAMES_MAX, 9999);
        for (unsigned i = 0; i < CALLS; i++)
            assert_int_equal(rig->calls[i]->error.code, HH_ERR_PROTOCOL);
    }
}

/* CVE-2019-9517: uploads under way to it as well; what is pending stays what one write takes. */
static void test_upload_nobody_reads(void **state)
{
    static char body[60000];
    h2_rig *rig = *state;
    h2_rig_open(rig, FAKE_PLAIN);
    h2_put_setting(&rig->say, H2_INITIAL_WINDOW_SIZE, INT32_MAX);
    h2_put_window_update(&rig->say, 0, INT32_MAX - 65535);
    h2_rig_say(rig);
    rig->fake.write_room = 0;
    for (unsigned i = 0; i < 100; i++) {
        rig_call *c = h2_rig_call_at(rig, i);
        c->call.body_kind = HH_BODY_MEMORY;
        c->call.body = (hh_slice){body, sizeof body};
        h2_rig_start(rig, i);
    }
    h2_rig_run(rig);
    const hh_h2 *h2 = hh__h2_of(rig->conn);
    assert_true(h2->out.capacity <= 2 * HH_H2_ASSEMBLY_MAX_BYTES);
    assert_true(nghttp2_session_get_outbound_queue_size(h2->session) <= 300);
    for (unsigned i = 0; i < 100; i += 2)
        h2_rig_cancel(rig, i);
    h2_rig_run(rig);
    fake_stream_allow(&rig->fake, SIZE_MAX);
    h2_rig_run(rig);
    for (unsigned i = 1; i < 100; i += 2)
        assert_int_equal(
            h2_peer_stream(&rig->peer, (uint32_t)rig->calls[i]->call.stream_id)->data_bytes,
            sizeof body);
}

/* CVE-2023-44487 turned around: a server that resets whatever it is sent. Each call fails once, and
 * nothing is left behind. */
static void test_every_stream_is_reset(void **state)
{
    h2_rig *rig = *state;
    h2_rig_begin(rig, 1);
    for (unsigned i = 0; i < 3000; i++) {
        h2_put_reset(&rig->say, 2 * i + 1, i % 2 == 0 ? H2_REFUSED_STREAM : H2_CANCEL);
        h2_rig_say(rig);
        assert_non_null(rig->conn);
        assert_int_equal(rig->calls[0]->error.code,
                         i % 2 == 0 ? HH_ERR_REFUSED : HH_ERR_STREAM_RESET);
        h2_rig_get(rig, 0);
        h2_rig_run(rig);
    }
    assert_int_equal(hh__h2_of(rig->conn)->live, 1);
}

/* --- In the long run -------------------------------------------------------------------------- */

/* What is rare is allowed for ever: allowances fill up again. */
static void test_allowances_fill_up(void **state)
{
    h2_rig *rig = *state;
    h2_rig_begin(rig, CALLS);
    h2_put_headers(&rig->say, 1, 0, OK);
    for (unsigned i = 0; i < 500; i++) {
        put_settings(&rig->say, i);
        put_ping(&rig->say, i);
        put_empty_data(&rig->say, i);
        put_unknown(&rig->say, i);
        h2_rig_say(rig);
        shifted_clock_advance(SECOND_NS / HH_H2_SETTINGS_PER_S);
    }
    h2_put_data(&rig->say, 1, H2_END_STREAM, "end");
    h2_rig_say(rig);
    assert_string_equal(rig->calls[0]->log, "head 200;body 3 end;done;");
    assert_int_equal(rig->peer.ping_acks, 500);
    assert_true(h2_rig_serves(rig));
}

/* WINDOW_UPDATE and PRIORITY are in proportion to what we send. */
static void test_allowances_grow_with_use(void **state)
{
    h2_rig *rig = *state;
    h2_rig_begin(rig, 1);
    for (uint32_t i = 0; i < 500; i++) {
        uint32_t id = 2 * i + 1;
        h2_put_window_update(&rig->say, 0, 1);
        h2_put_window_update(&rig->say, id, 1);
        h2_put_priority(&rig->say, id, 0, 16);
        h2_put_headers(&rig->say, id, H2_END_STREAM, OK);
        h2_put_window_update(&rig->say, id, 1);
        h2_rig_say(rig);
        assert_string_equal(rig->calls[0]->log, "head 200;done;");
        h2_rig_get(rig, 0);
        h2_rig_run(rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_settings_flood, set_up_frozen, tear_down),
        cmocka_unit_test_setup_teardown(test_ping_flood, set_up_frozen, tear_down),
        cmocka_unit_test_setup_teardown(test_ping_ack_flood, set_up_frozen, tear_down),
        cmocka_unit_test_setup_teardown(test_reset_flood, set_up_frozen, tear_down),
        cmocka_unit_test_setup_teardown(test_empty_data_flood, set_up_frozen, tear_down),
        cmocka_unit_test_setup_teardown(test_window_update_flood, set_up_frozen, tear_down),
        cmocka_unit_test_setup_teardown(test_priority_flood, set_up_frozen, tear_down),
        cmocka_unit_test_setup_teardown(test_unknown_frame_flood, set_up_frozen, tear_down),
        cmocka_unit_test_setup_teardown(test_altsvc_flood, set_up_frozen, tear_down),
        cmocka_unit_test_setup_teardown(test_settings_of_too_many_entries, set_up_frozen,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_continuation_flood, set_up_frozen, tear_down),
        cmocka_unit_test_setup_teardown(test_too_many_fields, set_up_frozen, tear_down),
        cmocka_unit_test_setup_teardown(test_compression_bomb, set_up_frozen, tear_down),
        cmocka_unit_test_setup_teardown(test_too_large_trailers, set_up_frozen, tear_down),
        cmocka_unit_test_setup_teardown(test_interim_flood, set_up_frozen, tear_down),
        cmocka_unit_test_setup_teardown(test_answers_nobody_reads, set_up_frozen, tear_down),
        cmocka_unit_test_setup_teardown(test_upload_nobody_reads, set_up_frozen, tear_down),
        cmocka_unit_test_setup_teardown(test_every_stream_is_reset, set_up_frozen, tear_down),
        cmocka_unit_test_setup_teardown(test_allowances_fill_up, set_up_frozen, tear_down),
        cmocka_unit_test_setup_teardown(test_allowances_grow_with_use, set_up_frozen, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
