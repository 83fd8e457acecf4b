/*
 * What goes out on an HTTP/2 connection: requests as they were made, bodies within both windows,
 * exactly the right bytes however few the peer takes at a time, 100 Continue, early answers. That
 * no window is exceeded is checked by the peer (support/h2_peer.h).
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

#define PUT "PUT /x HTTP/1.1\r\nHost: peer\r\n\r\n"

static char *pattern; /* as much as any test sends */
enum { PATTERN_BYTES = 400000 };

static int make_pattern(void **state)
{
    (void)state;
    pattern = malloc(PATTERN_BYTES);
    for (size_t i = 0; pattern != NULL && i < PATTERN_BYTES; i++)
        pattern[i] = h2_pattern(i);
    return pattern != NULL ? 0 : -1;
}

static int drop_pattern(void **state)
{
    (void)state;
    free(pattern);
    return 0;
}

static rig_call *prepare(h2_rig *rig, unsigned i, hh_body_kind kind, size_t length)
{
    rig_call *c = h2_rig_call_at(rig, i);
    h2_rig_set_head(c, PUT);
    c->call.body_kind = kind;
    if (kind == HH_BODY_MEMORY)
        c->call.body = (hh_slice){pattern, length};
    else if (kind == HH_BODY_PUSHED)
        c->push = (hh_slice){pattern, length};
    return c;
}

static rig_call *put(h2_rig *rig, unsigned i, hh_body_kind kind, size_t length)
{
    rig_call *c = prepare(rig, i, kind, length);
    h2_rig_start(rig, i);
    return c;
}

static void expect_sent(h2_rig *rig, uint32_t stream, size_t length)
{
    const h2_seen *seen = h2_peer_stream(&rig->peer, stream);
    assert_int_equal(seen->data_bytes, length);
    assert_int_equal(seen->data_sum, h2_pattern_sum(length));
    assert_true(seen->has_ended);
}

static void answer(h2_rig *rig, uint32_t stream)
{
    h2_put_headers(&rig->say, stream, H2_END_STREAM, ":status: 200");
    h2_rig_say(rig);
}

/* --- Heads ------------------------------------------------------------------------------------ */

/* RFC 9113 §8.2, §8.3.1: pseudo-fields first, lower case, nothing of the connection. */
static void test_head_as_given(void **state)
{
    h2_rig *rig = *state;
    rig_call *c = h2_rig_call_at(rig, 0);
    h2_rig_set_head(c, "PROPFIND /a?b=c HTTP/1.1\r\nHost: Example.test:8080\r\nX-Some: A b\r\n"
                       "Connection: x-hop, close\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n"
                       "Cookie: a=1; b=2\r\nX-Some: again\r\n\r\n");
    h2_rig_start(rig, 0);
    assert_string_equal(h2_rig_writes(rig),
                        "HEADERS 1 end :method=PROPFIND :scheme=http :authority=Example.test:8080"
                        " :path=/a?b=c x-some=A b cookie=a=1; b=2 x-some=again;");
    answer(rig, 1);
    assert_string_equal(c->log, "head 200;done;");
}

/* The same fields again and again: later blocks are shorter, and mean the same. */
static void test_heads_are_compressed(void **state)
{
    h2_rig *rig = *state;
    size_t lengths[3];
    for (unsigned i = 0; i < 3; i++) {
        rig_call *c = h2_rig_call_at(rig, i);
        h2_rig_set_head(c, "GET /some/long/path/that/stays HTTP/1.1\r\nHost: peer\r\n"
                           "User-Agent: something of length\r\n\r\n");
        size_t before = rig->fake.out_length;
        h2_rig_start(rig, i);
        h2_rig_run(rig);
        lengths[i] = rig->fake.out_length - before;
        char expected[256];
        (void)snprintf(expected, sizeof expected,
                       "HEADERS %u end :method=GET :scheme=http :authority=peer"
                       " :path=/some/long/path/that/stays user-agent=something of length;",
                       2 * i + 1);
        assert_string_equal(h2_rig_wrote(rig), expected);
    }
    assert_true(lengths[1] < lengths[0] && lengths[2] == lengths[1]);
}

/* A head beyond one frame would need CONTINUATION; ours fits, whatever the peer's limit. */
static void test_large_head(void **state)
{
    h2_rig *rig = *state;
    char *head = malloc(HH_REQUEST_HEAD_MAX_BYTES);
    int length = snprintf(head, HH_REQUEST_HEAD_MAX_BYTES, "GET / HTTP/1.1\r\nHost: peer\r\nX: ");
    memset(head + length, '~', 12000);
    strcpy(head + length + 12000, "\r\n\r\n");
    rig_call *c = h2_rig_call_at(rig, 0);
    h2_rig_set_head(c, head);
    h2_rig_start(rig, 0);
    h2_rig_run(rig);
    assert_int_equal(rig->peer.last_id, 1);
    answer(rig, 1);
    assert_string_equal(c->log, "head 200;done;");
    free(head);
}

/* --- Bodies from memory ----------------------------------------------------------------------- */

static void test_small_body_in_one_write(void **state)
{
    h2_rig *rig = *state;
    unsigned before = rig->fake.writes;
    rig_call *c = prepare(rig, 0, HH_BODY_MEMORY, 0);
    c->call.body = hh_slice_of("hello");
    h2_rig_start(rig, 0);
    assert_int_equal(rig->fake.writes, before + 1);
    const char *wrote = h2_rig_wrote(rig);
    assert_non_null(strstr(wrote, "HEADERS 1 :method=PUT"));
    assert_non_null(strstr(wrote, ";DATA 1 5 end hello;"));
    assert_true(c->call.sent_ns != 0 && c->call.sent_bytes > 5);
    answer(rig, 1);
    assert_string_equal(c->log, "head 200;done;");
}

static void test_empty_body(void **state)
{
    h2_rig *rig = *state;
    put(rig, 0, HH_BODY_MEMORY, 0);
    assert_non_null(strstr(h2_rig_writes(rig), "HEADERS 1 end :method=PUT"));
    answer(rig, 1);
    prepare(rig, 1, HH_BODY_PUSHED, 0)->push = hh_slice_of("");
    h2_rig_start(rig, 1);
    assert_non_null(strstr(h2_rig_writes(rig), "DATA 3 0 end;"));
    answer(rig, 3);
}

/* RFC 9113 §6.9: both windows hold, and credit for either lets more out. */
static void test_body_across_windows(void **state)
{
    h2_rig *rig = *state;
    for (int kind = HH_BODY_MEMORY; kind <= HH_BODY_PUSHED; kind++) {
        h2_rig_open(rig, FAKE_PLAIN);
        rig_call *c = put(rig, 0, (hh_body_kind)kind, 200000);
        h2_rig_run(rig);
        const h2_seen *seen = h2_peer_stream(&rig->peer, 1);
        assert_int_equal(seen->data_bytes, WINDOW);
        h2_put_window_update(&rig->say, 1, 100000); /* of no use: the connection's is empty */
        h2_rig_say(rig);
        assert_int_equal(seen->data_bytes, WINDOW);
        h2_put_window_update(&rig->say, 0, 1);
        h2_rig_say(rig);
        assert_int_equal(seen->data_bytes, WINDOW + 1);
        h2_put_window_update(&rig->say, 0, 200000);
        h2_rig_say(rig);
        assert_int_equal(seen->data_bytes, WINDOW + 100000);
        h2_put_window_update(&rig->say, 1, 200000);
        h2_rig_say(rig);
        expect_sent(rig, 1, 200000);
        assert_true(c->call.sent_ns != 0);
        answer(rig, 1);
        assert_string_equal(c->log, "head 200;done;");
    }
}

/* One byte of credit at a time, to either side of the body's end. */
static void test_body_by_single_credits(void **state)
{
    h2_rig *rig = *state;
    h2_put_setting(&rig->say, H2_INITIAL_WINDOW_SIZE, 0);
    h2_rig_say(rig);
    put(rig, 0, HH_BODY_MEMORY, 10);
    h2_rig_run(rig);
    const h2_seen *seen = h2_peer_stream(&rig->peer, 1);
    assert_int_equal(seen->data_bytes, 0);
    for (size_t i = 1; i <= 10; i++) {
        assert_false(seen->has_ended);
        h2_put_window_update(&rig->say, 1, 1);
        h2_rig_say(rig);
        assert_int_equal(seen->data_bytes, i);
    }
    expect_sent(rig, 1, 10);
    answer(rig, 1);
}

/* RFC 9113 §6.9.2: a new initial window moves that of open streams, below zero even. */
static void test_initial_window_changes(void **state)
{
    h2_rig *rig = *state;
    h2_put_setting(&rig->say, H2_INITIAL_WINDOW_SIZE, 1000);
    h2_rig_say(rig);
    put(rig, 0, HH_BODY_MEMORY, 5000);
    h2_rig_run(rig);
    const h2_seen *seen = h2_peer_stream(&rig->peer, 1);
    assert_int_equal(seen->data_bytes, 1000);
    h2_put_setting(&rig->say, H2_INITIAL_WINDOW_SIZE, 1500);
    h2_rig_say(rig);
    assert_int_equal(seen->data_bytes, 1500);
    h2_put_setting(&rig->say, H2_INITIAL_WINDOW_SIZE, 100); /* it is -1400 now */
    h2_put_window_update(&rig->say, 1, 1400);
    h2_rig_say(rig);
    assert_int_equal(seen->data_bytes, 1500);
    h2_put_window_update(&rig->say, 1, 1);
    h2_rig_say(rig);
    assert_int_equal(seen->data_bytes, 1501);
    h2_put_setting(&rig->say, H2_INITIAL_WINDOW_SIZE, 0);
    h2_put_setting(&rig->say, H2_INITIAL_WINDOW_SIZE, 10000);
    h2_rig_say(rig);
    expect_sent(rig, 1, 5000);
    answer(rig, 1);
}

/* The order of things in one read is kept: data never exceeds what each ACK has agreed to. */
static void test_window_shrinks_under_uploads(void **state)
{
    h2_rig *rig = *state;
    for (unsigned i = 0; i < 4; i++)
        put(rig, i, HH_BODY_MEMORY, 60000);
    for (unsigned i = 0; i < 40; i++) {
        h2_put_setting(&rig->say, H2_INITIAL_WINDOW_SIZE, i % 2 == 0 ? 100 : 65535);
        h2_put_window_update(&rig->say, 0, 7000);
        h2_rig_say(rig);
        shifted_clock_advance(SECOND_NS); /* so many SETTINGS are welcome only in time */
    }
    for (unsigned i = 0; i < 4; i++) {
        expect_sent(rig, 2 * i + 1, 60000);
        answer(rig, 2 * i + 1);
    }
}

/* RFC 9113 §4.2: the peer may allow more than 16384, and need not be given it. */
static void test_frame_size_setting(void **state)
{
    h2_rig *rig = *state;
    h2_put_setting(&rig->say, H2_MAX_FRAME_SIZE, 16777215);
    h2_rig_say(rig);
    put(rig, 0, HH_BODY_MEMORY, 60000);
    h2_rig_run(rig);
    expect_sent(rig, 1, 60000);
    answer(rig, 1);
    h2_put_setting(&rig->say, H2_MAX_FRAME_SIZE, 16384);
    h2_put_window_update(&rig->say, 0, 60000);
    h2_rig_say(rig);
    put(rig, 1, HH_BODY_MEMORY, 60000);
    h2_rig_run(rig);
    expect_sent(rig, 3, 60000);
    answer(rig, 3);
}

/* Bodies beside each other: none waits for the other's end. */
static void test_uploads_share(void **state)
{
    h2_rig *rig = *state;
    h2_put_setting(&rig->say, H2_INITIAL_WINDOW_SIZE, 0);
    h2_rig_say(rig);
    for (unsigned i = 0; i < 3; i++)
        put(rig, i, i == 1 ? HH_BODY_PUSHED : HH_BODY_MEMORY, 60000);
    h2_rig_run(rig);
    h2_put_setting(&rig->say, H2_INITIAL_WINDOW_SIZE, 65535);
    h2_rig_say(rig);
    for (unsigned i = 0; i < 3; i++)
        assert_true(h2_peer_stream(&rig->peer, 2 * i + 1)->data_bytes > 5000);
    h2_put_window_update(&rig->say, 0, 200000);
    h2_rig_say(rig);
    for (unsigned i = 0; i < 3; i++) {
        expect_sent(rig, 2 * i + 1, 60000);
        answer(rig, 2 * i + 1);
    }
    assert_int_equal(rig->free_count, 3);
}

/* An upload that waits for credit of its own holds up no neighbour. */
static void test_uploads_beside_each_other(void **state)
{
    h2_rig *rig = *state;
    h2_put_setting(&rig->say, H2_INITIAL_WINDOW_SIZE, 20000);
    h2_rig_say(rig);
    for (unsigned i = 0; i < 3; i++)
        put(rig, i, i == 1 ? HH_BODY_PUSHED : HH_BODY_MEMORY, 60000);
    h2_rig_run(rig);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(h2_peer_stream(&rig->peer, 2 * i + 1)->data_bytes, 20000);
    h2_put_window_update(&rig->say, 0, 200000);
    for (unsigned i = 3; i-- > 0;) {
        h2_put_window_update(&rig->say, 2 * i + 1, 40000);
        h2_rig_say(rig);
        expect_sent(rig, 2 * i + 1, 60000);
        answer(rig, 2 * i + 1);
    }
    assert_int_equal(rig->free_count, 3);
}

/* --- Writes that take little ------------------------------------------------------------------ */

static void upload_two(h2_rig *rig, size_t length)
{
    rig_call *first = put(rig, 0, HH_BODY_MEMORY, length);
    rig_call *second = put(rig, 1, HH_BODY_PUSHED, length);
    h2_rig_run(rig);
    expect_sent(rig, 1, length);
    expect_sent(rig, 3, length);
    answer(rig, 1);
    answer(rig, 3);
    assert_string_equal(first->log, "head 200;done;");
    assert_string_equal(second->log, "head 200;done;");
}

/* The fake stream checks that a write which had to wait is tried again with the same bytes. */
static void test_few_bytes_a_write(void **state)
{
    h2_rig *rig = *state;
    for (size_t step = 1; step < 40; step += 1 + step / 8) {
        h2_rig_open(rig, step % 2 == 0 ? FAKE_PLAIN : FAKE_RECORDS);
        rig->fake.write_step = step;
        upload_two(rig, step < 8 ? 2000 : 20000);
    }
}

/* Everything stops at each byte once, from the preface on. */
static void test_writes_stop_at_each_byte(void **state)
{
    h2_rig *rig = *state;
    for (size_t room = 0;; room++) {
        assert_int_equal(h2_rig_connect(rig, FAKE_PLAIN), HH_OK);
        rig->fake.write_room = room;
        rig_call *c = put(rig, 0, HH_BODY_MEMORY, 1500);
        h2_put_settings(&rig->say);
        h2_rig_say(rig);
        bool is_whole = rig->fake.write_room > 0;
        assert_true(is_whole || rig->fake.out_length == room);
        fake_stream_allow(&rig->fake, SIZE_MAX);
        h2_rig_run(rig);
        expect_sent(rig, 1, 1500);
        assert_int_equal(rig->peer.acks, 1);
        answer(rig, 1);
        assert_string_equal(c->log, "head 200;done;");
        if (is_whole)
            break;
    }
}

/* A call that is cancelled while half of its body is written leaves whole frames behind, and
 * memory that nobody looks at any more. */
static void test_cancel_inside_a_blocked_write(void **state)
{
    h2_rig *rig = *state;
    for (size_t room = 0; room < 24000; room += 1 + room / 5) {
        h2_rig_open(rig, FAKE_PLAIN);
        char *body = malloc(20000);
        memcpy(body, pattern, 20000);
        rig->fake.write_room = room;
        prepare(rig, 0, HH_BODY_MEMORY, 0)->call.body = (hh_slice){body, 20000};
        h2_rig_start(rig, 0);
        h2_rig_run(rig);
        h2_rig_cancel(rig, 0);
        memset(body, '?', 20000);
        free(body);
        rig_call *c = put(rig, 1, HH_BODY_MEMORY, 3000);
        h2_rig_run(rig);
        fake_stream_allow(&rig->fake, SIZE_MAX);
        h2_rig_run(rig);
        uint32_t id = (uint32_t)c->call.stream_id;
        expect_sent(rig, id, 3000);
        if (id == 3) {
            const h2_seen *seen = h2_peer_stream(&rig->peer, 1);
            assert_int_equal(seen->data_sum, h2_pattern_sum(seen->data_bytes));
            assert_true(seen->has_ended || seen->is_reset);
        }
        answer(rig, id);
        assert_string_equal(c->log, "head 200;done;");
    }
}

/* RFC 9113 §9.2.2 says nothing of it, but a packet for each frame is waste: what one step has to
 * say is one write. */
static void test_answers_are_coalesced(void **state)
{
    h2_rig *rig = *state;
    for (unsigned i = 0; i < 8; i++)
        h2_rig_get(rig, i);
    h2_rig_run(rig);
    unsigned before = rig->fake.writes;
    h2_put_setting(&rig->say, H2_INITIAL_WINDOW_SIZE, 70000);
    for (unsigned i = 0; i < 20; i++)
        h2_put_ping(&rig->say, 0, "01234567");
    for (unsigned i = 0; i < 8; i++)
        h2_put_headers(&rig->say, 2 * i + 1, H2_END_STREAM, "bad: first\n:status: 200");
    h2_rig_say(rig);
    assert_int_equal(rig->peer.ping_acks, 20);
    assert_int_equal(rig->fake.writes, before + 1);
}

/* --- Pushed ----------------------------------------------------------------------------------- */

static void test_pushed_in_steps(void **state)
{
    h2_rig *rig = *state;
    static const size_t steps[] = {1, 7, 1000, 16384, 0};
    for (size_t i = 0; i < HH_COUNT_OF(steps); i++) {
        h2_rig_open(rig, FAKE_PLAIN);
        size_t length = steps[i] == 1 ? 300 : 60000;
        prepare(rig, 0, HH_BODY_PUSHED, length)->push_step = steps[i];
        h2_rig_start(rig, 0);
        h2_rig_run(rig);
        expect_sent(rig, 1, length);
        answer(rig, 1);
        assert_string_equal(rig->calls[0]->log, "head 200;done;");
    }
}

/* A declared length ends the body by itself, and is held to. */
static void test_pushed_with_length(void **state)
{
    h2_rig *rig = *state;
    rig_call *c = prepare(rig, 0, HH_BODY_PUSHED, 0);
    size_t accepted = 0;
    c->push = (hh_slice){NULL, 0};
    c->call.body_length = 10;
    h2_rig_start(rig, 0);
    h2_rig_run(rig);
    assert_int_equal(c->counts[RIG_WANT], 1);
    hh_slice eleven = {pattern, 11}, four = {pattern, 4}, six = {pattern + 4, 6};
    assert_int_equal(hh__conn_push(rig->conn, &c->call, eleven, HH_PUSH_LAST, &accepted),
                     HH_ERR_BODY_LENGTH);
    assert_int_equal(hh__conn_push(rig->conn, &c->call, four, HH_PUSH_LAST, &accepted),
                     HH_ERR_BODY_LENGTH);
    assert_int_equal(hh__conn_push(rig->conn, &c->call, four, HH_PUSH_MORE, &accepted), HH_OK);
    assert_int_equal(accepted, 4);
    h2_rig_run(rig);
    assert_int_equal(c->counts[RIG_WANT], 2);
    assert_int_equal(hh__conn_push(rig->conn, &c->call, six, HH_PUSH_MORE, &accepted), HH_OK);
    h2_rig_run(rig);
    expect_sent(rig, 1, 10);
    assert_int_equal(c->counts[RIG_WANT], 2);
    assert_int_equal(hh__conn_push(rig->conn, &c->call, four, HH_PUSH_MORE, &accepted),
                     HH_ERR_STATE);
    answer(rig, 1);
}

/* What push takes is bounded while the peer gives no credit, and told by unsent. */
static void test_push_is_bounded(void **state)
{
    h2_rig *rig = *state;
    rig_call *c = prepare(rig, 0, HH_BODY_PUSHED, 0);
    c->push = (hh_slice){NULL, 0};
    h2_put_setting(&rig->say, H2_INITIAL_WINDOW_SIZE, 0);
    h2_rig_say(rig);
    h2_rig_start(rig, 0);
    h2_rig_run(rig);
    size_t total = 0, accepted = 0;
    do {
        hh_slice data = {pattern + total, 10000};
        assert_int_equal(hh__conn_push(rig->conn, &c->call, data, HH_PUSH_MORE, &accepted), HH_OK);
        total += accepted;
        assert_int_equal(hh__conn_unsent(rig->conn, &c->call), total);
    } while (accepted > 0);
    assert_in_range(total, 10000, HH_PUSH_BUFFER_MAX_BYTES);
    h2_rig_run(rig);
    assert_int_equal(h2_peer_stream(&rig->peer, 1)->data_bytes, 0);
    unsigned wanted = c->counts[RIG_WANT];
    h2_put_setting(&rig->say, H2_INITIAL_WINDOW_SIZE, 1000000);
    h2_put_window_update(&rig->say, 0, 1000000);
    h2_rig_say(rig);
    assert_true(c->counts[RIG_WANT] > wanted);
    assert_int_equal(hh__conn_unsent(rig->conn, &c->call), 0);
    hh_slice rest = {pattern + total, 5};
    assert_int_equal(hh__conn_push(rig->conn, &c->call, rest, HH_PUSH_LAST, &accepted), HH_OK);
    h2_rig_run(rig);
    expect_sent(rig, 1, total + 5);
    answer(rig, 1);
}

static void test_push_at_the_wrong_time(void **state)
{
    h2_rig *rig = *state;
    size_t accepted = 0;
    rig_call *c = put(rig, 0, HH_BODY_MEMORY, 5);
    hh_slice data = {pattern, 5};
    h2_rig_run(rig);
    assert_int_equal(hh__conn_push(rig->conn, &c->call, data, HH_PUSH_LAST, &accepted),
                     HH_ERR_STATE);
    answer(rig, 1);
    assert_int_equal(hh__conn_push(rig->conn, &c->call, data, HH_PUSH_LAST, &accepted),
                     HH_ERR_STATE);
    assert_int_equal(hh__conn_unsent(rig->conn, &c->call), 0);
}

/* --- Expect ----------------------------------------------------------------------------------- */

/* RFC 9110 §10.1.1. */
static void test_expect_continue(void **state)
{
    h2_rig *rig = *state;
    for (int kind = HH_BODY_MEMORY; kind <= HH_BODY_PUSHED; kind++) {
        h2_rig_open(rig, FAKE_PLAIN);
        rig_call *c = prepare(rig, 0, (hh_body_kind)kind, 5000);
        c->call.expect = HH_EXPECT_CONTINUE;
        h2_rig_start(rig, 0);
        h2_rig_run(rig);
        assert_int_equal(h2_peer_stream(&rig->peer, 1)->data_bytes, 0);
        assert_int_equal(c->counts[RIG_WANT], 0);
        h2_put_headers(&rig->say, 1, 0, ":status: 100");
        h2_rig_say(rig);
        expect_sent(rig, 1, 5000);
        answer(rig, 1);
        assert_string_equal(c->log, "1xx 100;head 200;done;");
    }
}

/* The wait is bounded: the peer may not know of it. */
static void test_expect_without_an_answer(void **state)
{
    h2_rig *rig = *state;
    for (int kind = HH_BODY_MEMORY; kind <= HH_BODY_PUSHED; kind++) {
        h2_rig_open(rig, FAKE_PLAIN);
        rig_call *c = prepare(rig, 0, (hh_body_kind)kind, 5000);
        c->call.expect = HH_EXPECT_CONTINUE;
        c->call.read_timeout_ns = c->call.write_timeout_ns = 3600 * SECOND_NS;
        shifted_clock_set(-60 * SECOND_NS);
        h2_rig_start(rig, 0);
        shifted_clock_set(0);
        while (h2_peer_stream(&rig->peer, 1)->data_bytes == 0) {
            assert_int_equal(hh__loop_wait(rig->loop, 20000), HH_OK);
            h2_rig_run(rig);
        }
        expect_sent(rig, 1, 5000);
        answer(rig, 1);
        assert_string_equal(c->log, "head 200;done;");
    }
}

/* A final answer instead: the body stays here, and the stream is given up. */
static void test_expect_refused(void **state)
{
    h2_rig *rig = *state;
    for (int i = 0; i < 2; i++) {
        h2_rig_open(rig, FAKE_PLAIN);
        rig_call *c = prepare(rig, 0, HH_BODY_MEMORY, 5000);
        c->call.expect = HH_EXPECT_CONTINUE;
        h2_rig_start(rig, 0);
        h2_rig_run(rig);
        h2_put_headers(&rig->say, 1, i == 0 ? H2_END_STREAM : 0, ":status: 417");
        h2_rig_say(rig);
        if (i == 1) {
            h2_put_data(&rig->say, 1, H2_END_STREAM, "no");
            h2_rig_say(rig);
        }
        assert_string_equal(c->log, i == 0 ? "head 417;done;" : "head 417;body 2 no;done;");
        const h2_seen *seen = h2_peer_stream(&rig->peer, 1);
        assert_int_equal(seen->data_bytes, 0);
        assert_true(seen->is_reset);
        assert_int_equal(rig->free_count, 1);
        assert_non_null(rig->conn);
    }
}

/* --- Early answers ---------------------------------------------------------------------------- */

/* RFC 9113 §8.1: an answer that is whole before the request is ends the call; the stream is reset,
 * by us, or by the peer with NO_ERROR. */
static void test_early_answer(void **state)
{
    h2_rig *rig = *state;
    for (int kind = HH_BODY_MEMORY; kind <= HH_BODY_PUSHED; kind++) {
        for (int i = 0; i < 2; i++) {
            h2_rig_open(rig, FAKE_PLAIN);
            rig_call *c = put(rig, 0, (hh_body_kind)kind, 300000);
            h2_rig_run(rig);
            h2_put_headers(&rig->say, 1, 0, ":status: 413");
            h2_put_data(&rig->say, 1, H2_END_STREAM, "too much");
            if (i == 1)
                h2_put_reset(&rig->say, 1, H2_NO_ERROR);
            h2_rig_say(rig);
            assert_string_equal(c->log, "head 413;body 8 too much;done;");
            assert_true(i == 1 || h2_peer_stream(&rig->peer, 1)->is_reset);
            assert_non_null(rig->conn);
            h2_rig_get(rig, 1);
            h2_rig_run(rig);
            answer(rig, 3);
            assert_string_equal(rig->calls[1]->log, "head 200;done;");
        }
    }
}

/* A 2xx that begins before the body is out doesn't stop the body. */
static void test_answer_beside_the_request(void **state)
{
    h2_rig *rig = *state;
    rig_call *c = put(rig, 0, HH_BODY_PUSHED, 100000);
    h2_rig_run(rig);
    h2_put_headers(&rig->say, 1, 0, ":status: 200");
    h2_put_data(&rig->say, 1, 0, "echo ");
    h2_rig_say(rig);
    assert_true(c->is_active);
    h2_put_window_update(&rig->say, 0, 100000);
    h2_put_window_update(&rig->say, 1, 100000);
    h2_rig_say(rig);
    expect_sent(rig, 1, 100000);
    h2_put_data(&rig->say, 1, H2_END_STREAM, "end");
    h2_rig_say(rig);
    assert_string_equal(c->log, "head 200;body 8 echo end;done;");
}

/* An error that begins early stops it: the peer doesn't want the rest. */
static void test_error_stops_the_request(void **state)
{
    h2_rig *rig = *state;
    rig_call *c = put(rig, 0, HH_BODY_MEMORY, 300000);
    h2_rig_run(rig);
    h2_put_headers(&rig->say, 1, 0, ":status: 500");
    h2_rig_say(rig);
    h2_put_window_update(&rig->say, 0, 300000);
    h2_put_window_update(&rig->say, 1, 300000);
    h2_rig_say(rig);
    assert_int_equal(h2_peer_stream(&rig->peer, 1)->data_bytes, WINDOW);
    h2_put_data(&rig->say, 1, H2_END_STREAM, "sorry");
    h2_rig_say(rig);
    assert_string_equal(c->log, "head 500;body 5 sorry;done;");
    assert_true(h2_peer_stream(&rig->peer, 1)->is_reset);
}

/* Cancelled at each stage of an upload: the stream is reset once, the connection goes on. */
static void test_cancel_uploads(void **state)
{
    h2_rig *rig = *state;
    h2_put_window_update(&rig->say, 0, 10000000);
    h2_rig_say(rig);
    for (unsigned i = 0; i < 12; i++) {
        rig_call *c = prepare(rig, 0, i % 2 == 0 ? HH_BODY_MEMORY : HH_BODY_PUSHED,
                              i % 3 == 0 ? 300000 : 100);
        if (i >= 9)
            c->call.expect = HH_EXPECT_CONTINUE;
        h2_rig_start(rig, 0);
        if (i % 4 != 0)
            h2_rig_run(rig);
        h2_rig_cancel(rig, 0);
        assert_int_equal(rig->free_count, i + 1);
        h2_rig_run(rig);
        uint32_t id = rig->peer.last_id;
        if (c->call.stream_id != 0) {
            assert_true(h2_peer_stream(&rig->peer, id)->is_reset);
            assert_int_equal(h2_peer_stream(&rig->peer, id)->reset_code, H2_CANCEL);
        }
    }
    assert_int_equal(rig->peer.open_count, 0);
    h2_rig_get(rig, 0);
    h2_rig_run(rig);
    answer(rig, rig->peer.last_id);
    assert_string_equal(rig->calls[0]->log, "head 200;done;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_head_as_given, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_heads_are_compressed, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_large_head, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_small_body_in_one_write, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_empty_body, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_body_across_windows, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_body_by_single_credits, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_initial_window_changes, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_window_shrinks_under_uploads, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_frame_size_setting, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_uploads_share, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_uploads_beside_each_other, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_few_bytes_a_write, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_writes_stop_at_each_byte, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_cancel_inside_a_blocked_write, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_answers_are_coalesced, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_pushed_in_steps, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_pushed_with_length, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_push_is_bounded, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_push_at_the_wrong_time, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_expect_continue, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_expect_without_an_answer, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_expect_refused, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_early_answer, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_answer_beside_the_request, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_error_stops_the_request, set_up_open, tear_down),
        cmocka_unit_test_setup_teardown(test_cancel_uploads, set_up_open, tear_down),
    };
    return cmocka_run_group_tests(tests, make_pattern, drop_pattern);
}
