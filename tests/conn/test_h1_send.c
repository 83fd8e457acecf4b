/*
 * What goes out on an HTTP/1 connection: exactly the right bytes however few the peer takes at a
 * time; 100 Continue in every order; early answers; a peer that takes no more.
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

#define NO_100 "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n"
#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

static void prepare(h1_rig *rig, hh_body_kind kind, const char *body)
{
    h1_rig_prepare(rig);
    rig->c.call.head = hh_slice_of(PUT);
    rig->c.call.body_kind = kind;
    if (kind == HH_BODY_MEMORY)
        rig->c.call.body = hh_slice_of(body);
    rig->c.push = kind == HH_BODY_PUSHED ? hh_slice_of(body) : (hh_slice){NULL, 0};
}

/* --- From memory ------------------------------------------------------------------------------ */

static void test_head_and_body_in_one_write(void **state)
{
    h1_rig *rig = *state;
    prepare(rig, HH_BODY_MEMORY, "hello");
    h1_rig_start(rig);
    assert_int_equal(rig->fake.writes, 1);
    assert_string_equal(h1_rig_sent(rig), PUT "hello");
    assert_int_equal(rig->c.call.sent_bytes, strlen(PUT "hello"));
    assert_int_equal(rig->env.bytes_sent, strlen(PUT "hello"));
    assert_true(rig->c.call.sent_ns != 0);
    h1_rig_say(rig, OK_0);
    assert_true(h1_rig_is_idle(rig));
    assert_int_equal(rig->fake.writes, 1);
}

static void test_empty_body_in_memory(void **state)
{
    h1_rig *rig = *state;
    prepare(rig, HH_BODY_MEMORY, "");
    rig->c.call.expect = HH_EXPECT_CONTINUE;
    h1_rig_start(rig);
    assert_string_equal(h1_rig_sent(rig), PUT);
    h1_rig_say(rig, OK_0);
    assert_true(h1_rig_is_idle(rig));
}

/* What remains is blocked at each byte once, and comes in steps of each size. */
static void test_short_writes_from_memory(void **state)
{
    h1_rig *rig = *state;
    size_t total = strlen(PUT "hello");
    for (size_t room = 0; room <= total; room++) {
        assert_int_equal(h1_rig_connect(rig, FAKE_PLAIN), HH_OK);
        prepare(rig, HH_BODY_MEMORY, "hello");
        rig->fake.write_room = room;
        h1_rig_start(rig);
        h1_rig_run(rig);
        assert_int_equal(rig->fake.out_length, room);
        assert_int_equal(rig->c.call.sent_bytes, room);
        assert_true((rig->c.call.sent_ns != 0) == (room == total));
        fake_stream_allow(&rig->fake, SIZE_MAX);
        h1_rig_run(rig);
        assert_string_equal(h1_rig_sent(rig), PUT "hello");
        h1_rig_say(rig, OK_0);
        assert_true(h1_rig_is_idle(rig));
    }
    for (size_t step = 1; step <= total; step++) {
        assert_int_equal(h1_rig_connect(rig, FAKE_RECORDS), HH_OK);
        prepare(rig, HH_BODY_MEMORY, "hello");
        rig->fake.write_step = step;
        h1_rig_start(rig);
        h1_rig_run(rig);
        assert_string_equal(h1_rig_sent(rig), PUT "hello");
        h1_rig_say(rig, OK_0);
        assert_true(h1_rig_is_idle(rig));
    }
}

/* --- Pushed ----------------------------------------------------------------------------------- */

/* Undoes chunks, strictly; returns the body's length. */
static size_t unchunk(const char *data, size_t length, char *body)
{
    hh_chunked chunked;
    size_t total = 0;
    hh__chunked_init(&chunked);
    for (;;) {
        hh_slice piece;
        size_t used = 0;
        hh_chunked_result result =
            hh__chunked_next(&chunked, (hh_slice){data, length}, &used, &piece);
        assert_int_not_equal(result, HH_CHUNKED_ERROR);
        assert_int_not_equal(result, HH_CHUNKED_NEED_MORE);
        data += used;
        length -= used;
        if (result == HH_CHUNKED_COMPLETE)
            break;
        memcpy(body + total, piece.data, piece.length);
        total += piece.length;
    }
    assert_int_equal(length, 0);
    hh__chunked_finish(&chunked);
    return total;
}

static void expect_pushed(h1_rig *rig, hh_slice body)
{
    size_t head = strlen(PUT);
    const char *sent = h1_rig_sent(rig);
    size_t length = rig->fake.out_length - head;
    assert_true(rig->fake.out_length >= head);
    assert_memory_equal(sent, PUT, head);
    if (rig->c.call.body_length == UINT64_MAX) {
        char *plain = malloc(length + 1);
        assert_int_equal(unchunk(sent + head, length, plain), body.length);
        assert_memory_equal(plain, body.data, body.length);
        free(plain);
    } else {
        assert_int_equal(length, body.length);
        assert_memory_equal(sent + head, body.data, body.length);
    }
    assert_int_equal(rig->c.call.sent_bytes, rig->fake.out_length);
}

static void test_pushed_in_any_pieces(void **state)
{
    h1_rig *rig = *state;
    static const char text[] = "The quick brown fox.";
    for (int i = 0; i < 4; i++) {
        for (size_t push = 0; push <= sizeof text - 1; push++) {
            for (size_t step = 0; step <= 2 * sizeof text; step++) {
                assert_int_equal(h1_rig_connect(rig, i % 2 == 0 ? FAKE_PLAIN : FAKE_RECORDS),
                                 HH_OK);
                prepare(rig, HH_BODY_PUSHED, text);
                rig->c.call.body_length = i < 2 ? UINT64_MAX : sizeof text - 1;
                rig->c.push_step = push;
                rig->fake.write_step = step;
                h1_rig_start(rig);
                h1_rig_run(rig);
                expect_pushed(rig, hh_slice_of(text));
                assert_int_equal(rig->c.push_status, HH_OK);
                h1_rig_say(rig, OK_0);
                assert_true(h1_rig_is_idle(rig));
            }
        }
    }
}

static void test_pushed_one_chunk_one_write(void **state)
{
    h1_rig *rig = *state;
    prepare(rig, HH_BODY_PUSHED, "hello");
    h1_rig_start(rig);
    assert_string_equal(h1_rig_sent(rig), PUT);
    h1_rig_run(rig);
    assert_string_equal(h1_rig_sent(rig), PUT "5\r\nhello\r\n0\r\n\r\n");
    assert_int_equal(rig->fake.writes, 2);
    assert_int_equal(rig->c.counts[RIG_WANT], 1);
}

/* Large bodies, a peer that takes little and then all, pushes of each size. */
static void test_pushed_large(void **state)
{
    static const size_t pushes[] = {0, 1, 1023, 1024, 1025, 32768, 65536, 100000};
    enum { TOTAL = 300000 };
    h1_rig *rig = *state;
    char *body = malloc(TOTAL);
    for (int i = 0; i < TOTAL; i++)
        body[i] = (char)(i * 13 + i / 255);
    for (size_t i = 0; i < 2 * HH_COUNT_OF(pushes); i++) {
        size_t total = pushes[i / 2] == 1 ? 20000 : TOTAL;
        assert_int_equal(h1_rig_connect(rig, FAKE_PLAIN), HH_OK);
        prepare(rig, HH_BODY_PUSHED, "");
        rig->c.push = (hh_slice){body, total};
        rig->c.push_step = pushes[i / 2];
        rig->c.call.body_length = i % 2 == 0 ? UINT64_MAX : total;
        rig->fake.write_step = 7777;
        h1_rig_start(rig);
        h1_rig_run(rig);
        expect_pushed(rig, rig->c.push);
        h1_rig_say(rig, OK_0);
        assert_true(h1_rig_is_idle(rig));
        assert_int_equal(rig->c.push_status, HH_OK);
    }
    free(body);
}

/* A peer that takes nothing: what is held stays within its bound, whatever the size of pushes. */
static void test_push_is_bounded(void **state)
{
    static const size_t sizes[] = {1, 2, 3, 15, 16, 17, 1000, 40000};
    h1_rig *rig = *state;
    char *body = calloc(1, 65536);
    for (size_t i = 0; i < 2 * HH_COUNT_OF(sizes); i++) {
        assert_int_equal(h1_rig_connect(rig, FAKE_PLAIN), HH_OK);
        prepare(rig, HH_BODY_PUSHED, "");
        rig->c.push = (hh_slice){NULL, 0};
        rig->c.call.body_length = i % 2 == 0 ? UINT64_MAX : 1u << 30;
        rig->fake.write_room = strlen(PUT);
        h1_rig_start(rig);
        h1_rig_run(rig);
        assert_int_equal(rig->c.counts[RIG_WANT], 1);
        size_t accepted = 1, total = 0;
        while (accepted > 0) {
            assert_int_equal(hh__conn_push(rig->conn, &rig->c.call, (hh_slice){body, sizes[i / 2]},
                                           HH_PUSH_MORE, &accepted),
                             HH_OK);
            total += accepted;
            assert_true(hh__h1_of(rig->conn)->work->out.length <= HH_PUSH_BUFFER_MAX_BYTES);
        }
        assert_true(total > HH_PUSH_BUFFER_MAX_BYTES / 8);
        h1_rig_run(rig);
        assert_int_equal(rig->c.counts[RIG_WANT], 1);
        /* Then it takes all: more is welcome, and the end comes whole. */
        fake_stream_allow(&rig->fake, SIZE_MAX);
        h1_rig_run(rig);
        assert_int_equal(rig->c.counts[RIG_WANT], 2);
        if (i % 2 != 0)
            continue;
        assert_int_equal(
            hh__conn_push(rig->conn, &rig->c.call, (hh_slice){NULL, 0}, HH_PUSH_LAST, &accepted),
            HH_OK);
        char *plain = malloc(total + 1);
        assert_int_equal(
            unchunk(h1_rig_sent(rig) + strlen(PUT), rig->fake.out_length - strlen(PUT), plain),
            total);
        free(plain);
        h1_rig_say(rig, OK_0);
        assert_true(h1_rig_is_idle(rig));
    }
    free(body);
}

static hh_status push(h1_rig *rig, const char *text, hh_push_end end)
{
    size_t accepted = 0;
    hh_status status = hh__conn_push(rig->conn, &rig->c.call, hh_slice_of(text), end, &accepted);
    assert_int_equal(accepted, status == HH_OK ? strlen(text) : 0);
    return status;
}

static void test_push_when_it_is_not_due(void **state)
{
    h1_rig *rig = *state;
    prepare(rig, HH_BODY_PUSHED, "");
    rig->c.push = (hh_slice){NULL, 0};
    rig->c.call.body_length = 5;
    rig->fake.write_room = 3;
    h1_rig_start(rig);
    assert_int_equal(push(rig, "he", HH_PUSH_MORE), HH_ERR_STATE); /* the head isn't out */
    fake_stream_allow(&rig->fake, SIZE_MAX);
    h1_rig_run(rig);
    hh_call other = rig->c.call;
    size_t accepted = 0;
    assert_int_equal(hh__conn_push(rig->conn, &other, hh_slice_of("x"), HH_PUSH_MORE, &accepted),
                     HH_ERR_STATE);
    assert_int_equal(push(rig, "he", HH_PUSH_MORE), HH_OK);
    assert_int_equal(push(rig, "llo!", HH_PUSH_MORE), HH_ERR_BODY_LENGTH);
    assert_int_equal(push(rig, "ll", HH_PUSH_LAST), HH_ERR_BODY_LENGTH);
    assert_int_equal(push(rig, "", HH_PUSH_LAST), HH_ERR_BODY_LENGTH);
    assert_int_equal(push(rig, "llo", HH_PUSH_MORE), HH_OK); /* all there is to come */
    assert_int_equal(push(rig, "", HH_PUSH_LAST), HH_ERR_STATE);
    assert_string_equal(h1_rig_sent(rig), PUT "hello");
    h1_rig_say(rig, OK_0);
    assert_true(h1_rig_is_idle(rig));
    assert_int_equal(push(rig, "x", HH_PUSH_MORE), HH_ERR_STATE);
}

/* Nothing more is wanted once the last piece was given, though it isn't out yet. */
static void test_no_want_after_the_last(void **state)
{
    h1_rig *rig = *state;
    prepare(rig, HH_BODY_PUSHED, "");
    rig->c.push = (hh_slice){NULL, 0};
    h1_rig_start(rig);
    rig->fake.write_room = 2;
    assert_int_equal(push(rig, "hello", HH_PUSH_LAST), HH_OK); /* before the task asked */
    h1_rig_run(rig);
    assert_int_equal(rig->c.counts[RIG_WANT], 0);
    fake_stream_allow(&rig->fake, SIZE_MAX);
    h1_rig_run(rig);
    assert_int_equal(rig->c.counts[RIG_WANT], 0);
    assert_string_equal(h1_rig_sent(rig), PUT "5\r\nhello\r\n0\r\n\r\n");
}

static void test_pushed_empty(void **state)
{
    h1_rig *rig = *state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(h1_rig_connect(rig, FAKE_PLAIN), HH_OK);
        prepare(rig, HH_BODY_PUSHED, "");
        rig->c.call.body_length = i == 0 ? UINT64_MAX : 0;
        h1_rig_start(rig);
        h1_rig_run(rig);
        expect_pushed(rig, (hh_slice){"", 0});
        h1_rig_say(rig, OK_0);
        assert_true(h1_rig_is_idle(rig));
    }
}

/* RFC 9112 §6.1: no chunks to a server that answered as HTTP/1.0. */
static void test_no_chunks_to_1_0(void **state)
{
    h1_rig *rig = *state;
    h1_rig_start(rig);
    h1_rig_say(rig, "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n");
    assert_true(h1_rig_is_idle(rig));
    size_t before = rig->fake.out_length;
    prepare(rig, HH_BODY_PUSHED, "hello");
    rig->c.call.body_length = 5;
    h1_rig_start(rig);
    h1_rig_run(rig);
    h1_rig_say(rig, "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n");
    assert_true(h1_rig_is_idle(rig));
    assert_int_equal(rig->fake.out_length, before + strlen(PUT "hello"));

    before = rig->fake.out_length;
    rig->c.call.body_length = UINT64_MAX;
    h1_rig_start(rig);
    fake_stream_wake(&rig->fake);
    h1_rig_run(rig);
    assert_int_equal(rig->c.error.code, HH_ERR_PROTOCOL);
    assert_int_equal(rig->c.error.phase, HH_PHASE_SEND);
    assert_int_equal(rig->c.error.processed, HH_PROCESSED_NO);
    assert_int_equal(rig->fake.out_length, before);
}

/* --- 100 Continue ----------------------------------------------------------------------------- */

static void expecting(h1_rig *rig, hh_body_kind kind)
{
    assert_int_equal(h1_rig_connect(rig, FAKE_PLAIN), HH_OK);
    prepare(rig, kind, "hello");
    rig->c.call.body_length = 5;
    rig->c.call.expect = HH_EXPECT_CONTINUE;
}

static void test_continue_comes(void **state)
{
    h1_rig *rig = *state;
    for (int kind = HH_BODY_MEMORY; kind <= HH_BODY_PUSHED; kind++) {
        expecting(rig, (hh_body_kind)kind);
        h1_rig_start(rig);
        h1_rig_run(rig);
        assert_string_equal(h1_rig_sent(rig), PUT);
        h1_rig_say(rig, "HTTP/1.1 103 Hints\r\n\r\n");
        assert_string_equal(h1_rig_sent(rig), PUT);
        assert_int_equal(rig->c.counts[RIG_WANT], 0);
        h1_rig_say(rig, CONTINUE);
        assert_string_equal(h1_rig_sent(rig), PUT "hello");
        h1_rig_say(rig, CONTINUE); /* twice is harmless */
        h1_rig_say(rig, OK_0);
        assert_string_equal(h1_rig_sent(rig), PUT "hello");
        assert_true(h1_rig_is_idle(rig));
    }
}

static void test_continue_before_the_head_is_out(void **state)
{
    h1_rig *rig = *state;
    for (int kind = HH_BODY_MEMORY; kind <= HH_BODY_PUSHED; kind++) {
        expecting(rig, (hh_body_kind)kind);
        rig->fake.write_room = 5;
        h1_rig_start(rig);
        h1_rig_say(rig, CONTINUE);
        assert_int_equal(rig->fake.out_length, 5);
        fake_stream_allow(&rig->fake, SIZE_MAX);
        h1_rig_run(rig);
        assert_string_equal(h1_rig_sent(rig), PUT "hello");
        h1_rig_say(rig, OK_0);
        assert_true(h1_rig_is_idle(rig));
    }
}

static void test_continue_and_answer_at_once(void **state)
{
    h1_rig *rig = *state;
    for (int kind = HH_BODY_MEMORY; kind <= HH_BODY_PUSHED; kind++) {
        expecting(rig, (hh_body_kind)kind);
        h1_rig_start(rig);
        h1_rig_say(rig, CONTINUE OK_0);
        assert_int_equal(rig->c.counts[RIG_DONE], 1);
        /* A pushed body wasn't even asked for, so that connection isn't in step any more. */
        assert_int_equal(rig->free_count, kind == HH_BODY_MEMORY);
    }
}

/* RFC 9110 §10.1.1: a server that knows no Expect doesn't keep us for ever; and hints that come
 * meanwhile don't put the time off. */
static void test_continue_never_comes(void **state)
{
    h1_rig *rig = *state;
    for (int kind = HH_BODY_MEMORY; kind <= HH_BODY_PUSHED; kind++) {
        expecting(rig, (hh_body_kind)kind);
        shifted_clock_set(-(int64_t)(HH_EXPECT_WAIT_MS + 1000) * 1000000);
        h1_rig_start(rig);
        shifted_clock_set(0);
        h1_rig_feed(rig, "HTTP/1.1 103 Hints\r\n\r\n");
        h1_rig_run(rig);
        assert_string_equal(h1_rig_sent(rig), PUT "hello");
        h1_rig_say(rig, OK_0);
        assert_true(h1_rig_is_idle(rig));
    }
    expecting(rig, HH_BODY_MEMORY);
    h1_rig_start(rig);
    h1_rig_run(rig);
    assert_string_equal(h1_rig_sent(rig), PUT);
}

static void test_final_answer_instead_of_continue(void **state)
{
    h1_rig *rig = *state;
    for (int i = 0; i < 4; i++) {
        expecting(rig, i % 2 == 0 ? HH_BODY_MEMORY : HH_BODY_PUSHED);
        h1_rig_start(rig);
        h1_rig_say(rig, i < 2 ? NO_100 : OK_0);
        assert_int_equal(rig->c.counts[RIG_DONE], 1);
        assert_string_equal(h1_rig_sent(rig), PUT);
        assert_int_equal(rig->c.counts[RIG_WANT], 0);
        assert_int_equal(rig->spent_count, 1);
    }
}

/* --- Early answers ---------------------------------------------------------------------------- */

#define EARLY(status) "HTTP/1.1 " status " Early\r\nContent-Length: 4\r\n\r\n"

static void test_early_refusal_stops_sending(void **state)
{
    h1_rig *rig = *state;
    for (int kind = HH_BODY_MEMORY; kind <= HH_BODY_PUSHED; kind++) {
        assert_int_equal(h1_rig_connect(rig, FAKE_PLAIN), HH_OK);
        prepare(rig, (hh_body_kind)kind, "hello");
        rig->fake.write_room = strlen(PUT) + 2;
        h1_rig_start(rig);
        h1_rig_say(rig, EARLY("413"));
        fake_stream_allow(&rig->fake, SIZE_MAX);
        h1_rig_run(rig);
        assert_int_equal(rig->fake.out_length, strlen(PUT) + 2);
        h1_rig_say(rig, "done");
        assert_string_equal(rig->c.log, "head 413 11 Early Content-Length=4;body 4 done;done;");
        assert_int_equal(rig->spent_count, 1);
    }
}

static void test_early_welcome_goes_on(void **state)
{
    h1_rig *rig = *state;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(h1_rig_connect(rig, FAKE_PLAIN), HH_OK);
        prepare(rig, i % 2 == 0 ? HH_BODY_MEMORY : HH_BODY_PUSHED, "hello");
        rig->c.call.body_length = 5;
        rig->fake.write_room = strlen(PUT) + 2;
        h1_rig_start(rig);
        h1_rig_say(rig, EARLY("200"));
        if (i < 2) { /* the request ends first */
            fake_stream_allow(&rig->fake, SIZE_MAX);
            h1_rig_run(rig);
            assert_string_equal(h1_rig_sent(rig), PUT "hello");
        }
        h1_rig_say(rig, "done");
        assert_string_equal(rig->c.log, "head 200 11 Early Content-Length=4;body 4 done;done;");
        assert_int_equal(rig->free_count, i < 2);
        assert_int_equal(rig->spent_count, i >= 2);
    }
}

/* --- A peer that takes no more ---------------------------------------------------------------- */

/* RFC 9112 §9.5: it may have answered before it closed. At each byte of the request. */
static void test_answer_before_the_write_failed(void **state)
{
    h1_rig *rig = *state;
    for (int kind = HH_BODY_MEMORY; kind <= HH_BODY_PUSHED; kind++) {
        for (size_t at = 0; at < strlen(PUT "hello"); at++) {
            assert_int_equal(h1_rig_connect(rig, FAKE_PLAIN), HH_OK);
            prepare(rig, (hh_body_kind)kind, "hello");
            rig->fake.write_breaks = at;
            h1_rig_feed(rig, "HTTP/1.1 413 Large\r\nContent-Length: 2\r\n\r\nno");
            fake_stream_end(&rig->fake, FAKE_ERROR);
            h1_rig_start(rig);
            h1_rig_run(rig);
            assert_string_equal(rig->c.log, "head 413 11 Large Content-Length=2;body 2 no;done;");
            assert_int_equal(rig->spent_count, 1);
        }
    }
}

static void test_write_fails_without_answer(void **state)
{
    static const fake_end ends[] = {FAKE_EOF, FAKE_TRUNCATED, FAKE_ERROR};
    h1_rig *rig = *state;
    for (int kind = HH_BODY_MEMORY; kind <= HH_BODY_PUSHED; kind++) {
        for (size_t at = 0; at < 3 * strlen(PUT "hello"); at++) {
            assert_int_equal(h1_rig_connect(rig, FAKE_PLAIN), HH_OK);
            prepare(rig, (hh_body_kind)kind, "hello");
            rig->fake.write_breaks = at / 3;
            h1_rig_start(rig);
            fake_stream_end(&rig->fake, ends[at % 3]);
            if (at / 3 >= strlen(PUT) && kind == HH_BODY_PUSHED)
                continue; /* it ends before the push is asked for */
            h1_rig_run(rig);
            assert_int_equal(rig->c.error.code, HH_ERR_SEND);
            assert_int_equal(rig->c.error.phase, HH_PHASE_SEND);
            assert_int_equal(rig->c.error.processed,
                             at / 3 == 0 ? HH_PROCESSED_NO : HH_PROCESSED_MAYBE);
            assert_int_equal(rig->why, HH_ERR_SEND);
            assert_int_equal(rig->spent_count, 1);
        }
    }
}

/* The failure of the write is what counts when only 1xx came, not when the answer itself broke. */
static void test_write_fails_inside_an_answer(void **state)
{
    static const struct {
        const char *input;
        hh_status code;
        hh_phase phase;
    } cases[] = {
        {CONTINUE, HH_ERR_SEND, HH_PHASE_SEND},
        {"HTTP/1.1 4", HH_ERR_TRUNCATED, HH_PHASE_HEADERS},
        {EARLY("413") "do", HH_ERR_TRUNCATED, HH_PHASE_BODY},
    };
    h1_rig *rig = *state;
    for (size_t i = 0; i < HH_COUNT_OF(cases); i++) {
        assert_int_equal(h1_rig_connect(rig, FAKE_PLAIN), HH_OK);
        prepare(rig, HH_BODY_MEMORY, "hello");
        rig->fake.write_breaks = 9;
        h1_rig_start(rig);
        h1_rig_feed(rig, cases[i].input);
        fake_stream_end(&rig->fake, FAKE_EOF);
        h1_rig_run(rig);
        assert_int_equal(rig->c.error.code, cases[i].code);
        assert_int_equal(rig->c.error.phase, cases[i].phase);
        assert_int_equal(rig->c.error.processed, HH_PROCESSED_YES);
    }
}

/* While the answer may still come the call waits for it, as long as reading may take. */
static void test_write_fails_and_the_peer_stays(void **state)
{
    h1_rig *rig = *state;
    prepare(rig, HH_BODY_PUSHED, "hello");
    rig->c.call.read_timeout_ns = INT64_C(3600000000000);
    rig->fake.write_breaks = strlen(PUT) + 1;
    h1_rig_start(rig);
    h1_rig_run(rig);
    assert_true(rig->c.is_active);
    assert_int_equal(rig->c.push_status, HH_OK);
    assert_int_equal(push(rig, "x", HH_PUSH_MORE), HH_ERR_STATE);
    shifted_clock_set(-2 * HOUR_NS);
    fake_stream_wake(&rig->fake);
    h1_rig_feed(rig, CONTINUE);
    h1_rig_wait(rig);
    assert_int_equal(rig->c.error.code, HH_ERR_TIMEOUT_READ);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_head_and_body_in_one_write, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_empty_body_in_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_short_writes_from_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pushed_in_any_pieces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pushed_one_chunk_one_write, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pushed_large, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_push_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_push_when_it_is_not_due, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_want_after_the_last, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pushed_empty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_chunks_to_1_0, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_continue_comes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_continue_before_the_head_is_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_continue_and_answer_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_continue_never_comes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_final_answer_instead_of_continue, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_early_refusal_stops_sending, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_early_welcome_goes_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_answer_before_the_write_failed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_write_fails_without_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_write_fails_inside_an_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_write_fails_and_the_peer_stays, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
