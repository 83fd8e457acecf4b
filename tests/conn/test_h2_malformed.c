/*
 * Answers that are well framed and malformed all the same (RFC 9113 §8): each costs its stream,
 * with RST_STREAM and a sentence, and leaves the connection to its neighbours.
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

/* Stream 1 has failed, and nothing else; `what` says of which case. */
static void expect_malformed(h2_rig *rig, const char *what)
{
    const rig_call *c = rig->calls[0];
    h2_rig_say(rig);
    if (rig->conn == NULL || c->counts[RIG_FAILED] != 1 || !rig->calls[1]->is_active)
        fail_msg("%s: %s", what, c->log);
    assert_int_equal(c->error.code, HH_ERR_PROTOCOL);
    assert_int_equal(c->error.http2_error, H2_PROTOCOL_ERROR);
    assert_int_equal(c->error.processed, HH_PROCESSED_YES);
    assert_non_null(strstr(c->error.message, "peer:80"));
    assert_true(h2_peer_stream(&rig->peer, 1)->is_reset);
    assert_int_equal(h2_peer_stream(&rig->peer, 1)->reset_code, H2_PROTOCOL_ERROR);
    assert_int_equal(rig->free_count, 1);
    assert_true(h2_rig_serves(rig));
}

/* --- Heads ------------------------------------------------------------------------------------ */

static void test_malformed_heads(void **state)
{
    static const char *const heads[] = {
        "",
        "a: b",
        "a: b\n" OK,
        OK "\n" OK,
        OK "\n:status: 404",
        OK "\na: b\n:status: 200",
        ":status: ",
        ":status: 20",
        ":status: 2000",
        ":status: 2x0",
        ":status: +20",
        ":status:  200",
        ":status: 099",
        ":status: 000",
        ":status: 101",
        OK "\n:path: /",
        OK "\n:method: GET",
        OK "\n:authority: a",
        OK "\n:unknown: x",
        OK "\nX-Upper: b",
        OK "\nx-Upper: b",
        OK "\n: empty name",
        OK "\na b: c",
        OK "\na\x7f: c",
        OK "\na\xe9: c",
        OK "\nconnection: close",
        OK "\nconnection: keep-alive",
        OK "\nkeep-alive: timeout=5",
        OK "\nproxy-connection: close",
        OK "\ntransfer-encoding: chunked",
        OK "\nupgrade: h2c",
        OK "\na: x\x01y",
        OK "\na: x\x7fy",
        OK "\na: x\ry",
        OK "\ncontent-length: ",
        OK "\ncontent-length: -1",
        OK "\ncontent-length: +5",
        OK "\ncontent-length: 5x",
        OK "\ncontent-length: 99999999999999999999999",
        OK "\ncontent-length: 5\ncontent-length: 6",
    };
    h2_rig *rig = *state;
    for (size_t i = 0; i < 2 * HH_COUNT_OF(heads); i++) {
        h2_rig_begin(rig, 2);
        h2_put_headers(&rig->say, 1, i % 2 == 0 ? 0 : H2_END_STREAM, heads[i / 2]);
        if (i % 2 == 0)
            h2_put_data(&rig->say, 1, H2_END_STREAM, "hello");
        expect_malformed(rig, heads[i / 2]);
        assert_int_equal(rig->calls[0]->counts[RIG_HEAD], 0);
    }
}

/* What text can't show. */
static void test_malformed_bytes(void **state)
{
    static const struct {
        const char *name;
        size_t name_length;
        const char *value;
        size_t value_length;
    } fields[] = {
        {"a", 1, "x\0y", 3}, {"a", 1, "x\ny", 3},  {"a\0b", 3, "x", 1}, {"a:b", 3, "x", 1},
        {"a\n", 2, "x", 1},  {"a\r\n", 3, "x", 1}, {" a", 2, "x", 1},   {"a ", 2, "x", 1},
    };
    h2_rig *rig = *state;
    for (size_t i = 0; i < HH_COUNT_OF(fields); i++) {
        hh_bytes block;
        hh__bytes_init(&block, SIZE_MAX);
        h2_rig_begin(rig, 2);
        h2_put_fields(&block, OK);
        h2_put_field(&block, (hh_slice){fields[i].name, fields[i].name_length},
                     (hh_slice){fields[i].value, fields[i].value_length});
        h2_put_frame(&rig->say, H2_HEADERS, H2_END_HEADERS | H2_END_STREAM, 1,
                     hh__bytes_slice(&block));
        hh__bytes_finish(&block);
        expect_malformed(rig, fields[i].name);
    }
}

/* Odd, and fine. */
static void test_heads_that_are_fine(void **state)
{
    static const struct {
        const char *head;
        const char *log;
    } fine[] = {
        {OK "\na: \xc3\xa9", "head 200 a=\xc3\xa9;done;"},
        {OK "\na: x\ty", "head 200 a=x\ty;done;"},
        {OK "\ncontent-length: 0\ncontent-length: 0",
         "head 200 content-length=0 content-length=0;done;"},
        {":status: 599\na_b!#: c", "head 599 a_b!#=c;done;"},
        {":status: 999", "head 999;done;"},
        {OK "\ndate: ", "head 200 date=;done;"},
    };
    h2_rig *rig = *state;
    for (size_t i = 0; i < HH_COUNT_OF(fine); i++) {
        h2_rig_begin(rig, 2);
        h2_put_headers(&rig->say, 1, H2_END_STREAM, fine[i].head);
        h2_rig_say(rig);
        assert_string_equal(rig->calls[0]->log, fine[i].log);
    }
}

/* RFC 9113 §8.1: 1xx don't end a stream, 101 doesn't exist, and a final head must come. */
static void test_malformed_interim_answers(void **state)
{
    static const char *const heads[] = {":status: 100", ":status: 103\nlink: x"};
    h2_rig *rig = *state;
    for (size_t i = 0; i < HH_COUNT_OF(heads); i++) {
        h2_rig_begin(rig, 2);
        h2_put_headers(&rig->say, 1, H2_END_STREAM, heads[i]);
        expect_malformed(rig, "an interim answer at the end");
        h2_rig_begin(rig, 2);
        h2_put_headers(&rig->say, 1, 0, heads[i]);
        h2_put_data(&rig->say, 1, H2_END_STREAM, "x");
        expect_malformed(rig, "a body behind an interim answer");
    }
    h2_rig_begin(rig, 2);
    h2_put_headers(&rig->say, 1, 0, ":status: 103\nConnection: x");
    h2_put_headers(&rig->say, 1, H2_END_STREAM, OK);
    expect_malformed(rig, "a malformed interim answer");
}

/* --- Bodies ----------------------------------------------------------------------------------- */

static void test_data_before_the_head(void **state)
{
    h2_rig *rig = *state;
    for (unsigned i = 0; i < 2; i++) {
        h2_rig_begin(rig, 2);
        h2_put_data(&rig->say, 1, i == 0 ? 0 : H2_END_STREAM, "x");
        h2_rig_say(rig);
        assert_int_equal(rig->calls[0]->error.code, HH_ERR_PROTOCOL);
        assert_int_equal(rig->calls[0]->counts[RIG_FAILED], 1);
        assert_true(rig->conn == NULL || h2_rig_serves(rig));
    }
}

/* RFC 9113 §8.1.1: the length that was declared is the sum of the DATA. */
static void test_body_of_another_length(void **state)
{
    static const char *const lengths[] = {OK "\ncontent-length: 6", OK "\ncontent-length: 4",
                                          OK "\ncontent-length: 0",
                                          OK "\ncontent-length: 18446744073709551614"};
    h2_rig *rig = *state;
    for (size_t i = 0; i < 3 * HH_COUNT_OF(lengths); i++) {
        h2_rig_begin(rig, 2);
        h2_put_headers(&rig->say, 1, 0, lengths[i / 3]);
        if (i % 3 == 0) {
            h2_put_data(&rig->say, 1, H2_END_STREAM, "hello");
        } else if (i % 3 == 1) {
            h2_put_padded_data(&rig->say, 1, 0, "he", 4); /* padding doesn't count here */
            h2_put_data(&rig->say, 1, 0, "llo");
            h2_put_data(&rig->say, 1, H2_END_STREAM, "");
        } else {
            h2_put_data(&rig->say, 1, 0, "hello");
            h2_put_headers(&rig->say, 1, H2_END_STREAM, "t: v");
        }
        expect_malformed(rig, lengths[i / 3]);
        assert_int_equal(rig->calls[0]->counts[RIG_DONE], 0);
    }
    h2_rig_begin(rig, 2);
    h2_put_headers(&rig->say, 1, H2_END_STREAM, OK "\ncontent-length: 5");
    expect_malformed(rig, "no body at all");
}

/* The part that is right may be reported; too much never is. */
static void test_no_byte_beyond_the_length(void **state)
{
    h2_rig *rig = *state;
    for (size_t split = 0; split < 2; split++) {
        h2_rig_begin(rig, 2);
        rig->split = split;
        h2_put_headers(&rig->say, 1, 0, OK "\ncontent-length: 4");
        h2_put_data(&rig->say, 1, 0, "good");
        h2_put_data(&rig->say, 1, 0, "evil");
        h2_rig_say(rig);
        rig->split = 0;
        assert_non_null(strstr(rig->calls[0]->log, ";body 4 good;failed HH_ERR_PROTOCOL"));
        assert_true(h2_rig_serves(rig));
    }
}

/* RFC 9110 §6.4.1. */
static void test_body_where_there_is_none(void **state)
{
    static const char *const heads[] = {OK, ":status: 204", ":status: 304",
                                        OK "\ncontent-length: 1"};
    h2_rig *rig = *state;
    for (size_t i = 0; i < HH_COUNT_OF(heads); i++) {
        h2_rig_open(rig, FAKE_PLAIN);
        rig_call *c = h2_rig_call_at(rig, 0);
        if (i % 3 == 0) {
            h2_rig_set_head(c, "HEAD / HTTP/1.1\r\nHost: peer\r\n\r\n");
            c->call.request_kind = HH_REQUEST_HEAD;
        }
        h2_rig_start(rig, 0);
        h2_rig_get(rig, 1);
        h2_rig_run(rig);
        h2_put_headers(&rig->say, 1, 0, heads[i]);
        h2_put_data(&rig->say, 1, H2_END_STREAM, "x");
        expect_malformed(rig, heads[i]);
        assert_int_equal(c->body_bytes, 0);
    }
}

/* --- Trailers --------------------------------------------------------------------------------- */

static void test_malformed_trailers(void **state)
{
    static const char *const trailers[] = {
        ":status: 200",      "a: b\n:status: 200",         ":path: /",  "Upper: x",
        "connection: close", "transfer-encoding: chunked", "a: x\x01y", "a b: c"};
    h2_rig *rig = *state;
    for (size_t i = 0; i < HH_COUNT_OF(trailers); i++) {
        h2_rig_begin(rig, 2);
        h2_put_headers(&rig->say, 1, 0, OK);
        h2_put_data(&rig->say, 1, 0, "abc");
        h2_put_headers(&rig->say, 1, H2_END_STREAM, trailers[i]);
        expect_malformed(rig, trailers[i]);
    }
}

/* RFC 9113 §8.1: trailers end the stream; another head can't come. */
static void test_trailers_that_end_nothing(void **state)
{
    static const char *const blocks[] = {"t: v", OK, ":status: 103"};
    h2_rig *rig = *state;
    for (size_t i = 0; i < HH_COUNT_OF(blocks); i++) {
        h2_rig_begin(rig, 2);
        h2_put_headers(&rig->say, 1, 0, OK);
        h2_put_data(&rig->say, 1, 0, "abc");
        h2_put_headers(&rig->say, 1, 0, blocks[i]);
        expect_malformed(rig, blocks[i]);
    }
}

/* While the call is paused and has bytes held: it fails once, and they go. */
static void test_malformed_while_paused(void **state)
{
    h2_rig *rig = *state;
    for (int i = 0; i < 3; i++) {
        h2_rig_begin(rig, 2);
        rig->calls[0]->acts[RIG_HEAD] = RIG_PAUSE;
        h2_put_headers(&rig->say, 1, 0, OK "\ncontent-length: 5");
        h2_put_data(&rig->say, 1, 0, "abc");
        h2_rig_say(rig);
        if (i == 0)
            h2_put_data(&rig->say, 1, H2_END_STREAM, "");
        else if (i == 1)
            h2_put_data(&rig->say, 1, 0, "defghi");
        else
            h2_put_headers(&rig->say, 1, H2_END_STREAM, "Upper: x");
        h2_rig_say(rig);
        h2_rig_resume(rig, 0);
        h2_rig_run(rig);
        assert_int_equal(rig->calls[0]->counts[RIG_FAILED], 1);
        assert_int_equal(rig->calls[0]->error.code, HH_ERR_PROTOCOL);
        assert_int_equal(rig->env.held_bytes, 0);
        assert_true(h2_rig_serves(rig));
    }
}

/* Malformed for a call that is still sending: the body stops with it. */
static void test_malformed_while_sending(void **state)
{
    static char body[200000];
    h2_rig *rig = *state;
    h2_rig_open(rig, FAKE_PLAIN);
    rig_call *c = h2_rig_call_at(rig, 0);
    c->call.body_kind = HH_BODY_MEMORY;
    c->call.body = (hh_slice){body, sizeof body};
    h2_rig_start(rig, 0);
    h2_rig_get(rig, 1);
    h2_rig_run(rig);
    h2_put_headers(&rig->say, 1, 0, "no: status");
    h2_put_window_update(&rig->say, 0, sizeof body);
    h2_put_window_update(&rig->say, 1, sizeof body);
    expect_malformed(rig, "no status");
    assert_true(h2_peer_stream(&rig->peer, 1)->data_bytes < sizeof body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_malformed_heads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_malformed_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_heads_that_are_fine, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_malformed_interim_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_data_before_the_head, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_body_of_another_length, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_byte_beyond_the_length, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_body_where_there_is_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_malformed_trailers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_trailers_that_end_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_malformed_while_paused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_malformed_while_sending, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
