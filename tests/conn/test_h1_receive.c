/*
 * What comes in on an HTTP/1 connection: the same answers whole, byte by byte and split in two at
 * every place give the same reports; where the answer ends, breaks off, or is refused.
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
#include "support/body_sum.h"

#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#define NO_ANSWER                                                                                  \
    "failed HH_ERR_EMPTY_RESPONSE headers 1: peer:80 closed the connection without an answer;"

typedef enum fate { SPENT = 0, KEPT } fate;

typedef struct golden {
    const char *input;
    const char *reports;
    fate fate;
    fake_end end;
    hh_request_kind request;
} golden;

static const golden goldens[] = {
    {OK_5 "hello", "head 200 11 OK Content-Length=5;body 5 hello;done;", KEPT, FAKE_OPEN,
     HH_REQUEST_OTHER},
    {"\r\n" OK_5 "hello", "head 200 11 OK Content-Length=5;body 5 hello;done;", KEPT, FAKE_OPEN,
     HH_REQUEST_OTHER},
    {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "head 200 11  Content-Length=0;done;", KEPT,
     FAKE_OPEN, HH_REQUEST_OTHER},
    {"HTTP/1.1 404 Not Found\r\nContent-Length: 2, 2\r\n\r\nno",
     "head 404 11 Not Found Content-Length=2, 2;body 2 no;done;", KEPT, FAKE_OPEN,
     HH_REQUEST_OTHER},
    /* No body, whatever is declared (RFC 9112 §6.3). */
    {OK_5, "head 200 11 OK Content-Length=5;done;", KEPT, FAKE_OPEN, HH_REQUEST_HEAD},
    {CHUNKED, "head 200 11 OK Transfer-Encoding=chunked;done;", KEPT, FAKE_OPEN, HH_REQUEST_HEAD},
    {"HTTP/1.1 204 No Content\r\n\r\n", "head 204 11 No Content;done;", KEPT, FAKE_OPEN,
     HH_REQUEST_OTHER},
    {"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n",
     "head 204 11 No Content Content-Length=3;done;", SPENT, FAKE_OPEN, HH_REQUEST_OTHER},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 30\r\n\r\n",
     "head 304 11 Not Modified Content-Length=30;done;", KEPT, FAKE_OPEN, HH_REQUEST_OTHER},
    /* 1xx. */
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" OK_5 "hello",
     "1xx 100 11 Continue;1xx 103 11 Early Hints Link=</a>;"
     "head 200 11 OK Content-Length=5;body 5 hello;done;",
     KEPT, FAKE_OPEN, HH_REQUEST_OTHER},
    {"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 204 \r\n\r\n",
     "1xx 102 11 Processing;head 204 11 ;done;", KEPT, FAKE_OPEN, HH_REQUEST_OTHER},
    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
     "failed HH_ERR_PROTOCOL headers 2: peer:80 sent a malformed answer: "
     "it switches protocols, unasked;",
     SPENT, FAKE_OPEN, HH_REQUEST_OTHER},
    /* Chunks. */
    {CHUNKED "5\r\nhello\r\n0\r\n\r\n",
     "head 200 11 OK Transfer-Encoding=chunked;body 5 hello;done;", KEPT, FAKE_OPEN,
     HH_REQUEST_OTHER},
    {CHUNKED "2;a=\"b\"\r\nhe\r\n03\r\nllo\r\n000\r\n\r\n",
     "head 200 11 OK Transfer-Encoding=chunked;body 5 hello;done;", KEPT, FAKE_OPEN,
     HH_REQUEST_OTHER},
    {CHUNKED "0\r\n\r\n", "head 200 11 OK Transfer-Encoding=chunked;done;", KEPT, FAKE_OPEN,
     HH_REQUEST_OTHER},
    {CHUNKED "1\r\na\r\n0\r\nDigest: abc\r\nX: y\r\n\r\n",
     "head 200 11 OK Transfer-Encoding=chunked;body 1 a;done Digest=abc X=y;", KEPT, FAKE_OPEN,
     HH_REQUEST_OTHER},
    {CHUNKED "1\r\nab\r\n",
     "head 200 11 OK Transfer-Encoding=chunked;body 1 a;failed HH_ERR_PROTOCOL body 2: "
     "peer:80 sent a malformed answer: chunk data that CRLF doesn't follow;",
     SPENT, FAKE_OPEN, HH_REQUEST_OTHER},
    {CHUNKED "1\r\na\r\n",
     "head 200 11 OK Transfer-Encoding=chunked;body 1 a;failed "
     "HH_ERR_TRUNCATED body 2: server closed the connection after 1 body "
     "bytes, before the last chunk (peer:80);",
     SPENT, FAKE_EOF, HH_REQUEST_OTHER},
    {CHUNKED "0\r\nX: y\r\n",
     "head 200 11 OK Transfer-Encoding=chunked;failed "
     "HH_ERR_TRUNCATED body 2: server closed the connection after 0 body "
     "bytes, before the last chunk (peer:80);",
     SPENT, FAKE_EOF, HH_REQUEST_OTHER},
    /* Until the end of the connection. */
    {"HTTP/1.1 200 OK\r\n\r\nhello", "head 200 11 OK;body 5 hello;done;", SPENT, FAKE_EOF,
     HH_REQUEST_OTHER},
    {"HTTP/1.0 200 OK\r\n\r\n", "head 200 10 OK;done;", SPENT, FAKE_EOF, HH_REQUEST_OTHER},
    {"HTTP/1.1 200 OK\r\n\r\nhel",
     "head 200 11 OK;body 3 hel;failed HH_ERR_TRUNCATED body 2: peer:80 closed the connection "
     "after "
     "3 body bytes without TLS close_notify: the body may be cut off;",
     SPENT, FAKE_TRUNCATED, HH_REQUEST_OTHER},
    {"HTTP/1.1 200 OK\r\n\r\nhel",
     "head 200 11 OK;body 3 hel;failed HH_ERR_RECEIVE body 2: "
     "receiving from peer:80 failed: Connection reset by peer;",
     SPENT, FAKE_ERROR, HH_REQUEST_OTHER},
    /* RFC 9112 §9.3. */
    {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na",
     "head 200 11 OK Connection=close Content-Length=1;body 1 a;done;", SPENT, FAKE_OPEN,
     HH_REQUEST_OTHER},
    {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na",
     "head 200 10 OK Content-Length=1;body 1 a;done;", SPENT, FAKE_OPEN, HH_REQUEST_OTHER},
    {"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\na",
     "head 200 10 OK Connection=Keep-Alive Content-Length=1;body 1 a;done;", KEPT, FAKE_OPEN,
     HH_REQUEST_OTHER},
    /* Short. */
    {"", NO_ANSWER, SPENT, FAKE_EOF, HH_REQUEST_OTHER},
    {"", NO_ANSWER, SPENT, FAKE_TRUNCATED, HH_REQUEST_OTHER},
    {"",
     "failed HH_ERR_RECEIVE headers 1: receiving from peer:80 failed: Connection reset by peer;",
     SPENT, FAKE_ERROR, HH_REQUEST_OTHER},
    {"HTTP/1.1 200 OK\r\nConte",
     "failed HH_ERR_TRUNCATED headers 2: peer:80 closed the connection inside the response "
     "headers;",
     SPENT, FAKE_EOF, HH_REQUEST_OTHER},
    {"HTTP/1.1 100 Continue\r\n\r\n",
     "1xx 100 11 Continue;failed HH_ERR_TRUNCATED headers 2: "
     "peer:80 closed the connection inside the response headers;",
     SPENT, FAKE_EOF, HH_REQUEST_OTHER},
    {OK_5 "hell",
     "head 200 11 OK Content-Length=5;body 4 hell;failed HH_ERR_TRUNCATED body 2: server closed "
     "the "
     "connection after 4 of 5 body bytes (peer:80);",
     SPENT, FAKE_EOF, HH_REQUEST_OTHER},
    {OK_5 "hell",
     "head 200 11 OK Content-Length=5;body 4 hell;failed HH_ERR_RECEIVE body 2: "
     "receiving from peer:80 failed: Connection reset by peer;",
     SPENT, FAKE_ERROR, HH_REQUEST_OTHER},
    /* Refused: what could be read in two ways. */
    {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
     "failed HH_ERR_PROTOCOL headers 2: peer:80 sent a malformed answer: Content-Lengths that "
     "differ;",
     SPENT, FAKE_OPEN, HH_REQUEST_OTHER},
    {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "failed HH_ERR_PROTOCOL headers 2: peer:80 sent a malformed answer: both Content-Length and "
     "Transfer-Encoding;",
     SPENT, FAKE_OPEN, HH_REQUEST_OTHER},
    {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "failed HH_ERR_PROTOCOL headers 2: peer:80 sent a malformed answer: Transfer-Encoding in an "
     "HTTP/1.0 answer;",
     SPENT, FAKE_OPEN, HH_REQUEST_OTHER},
    {"SSH-2.0-OpenSSH\r\n",
     "failed HH_ERR_PROTOCOL headers 2: peer:80 sent a malformed answer: no HTTP status line;",
     SPENT, FAKE_OPEN, HH_REQUEST_OTHER},
    {"HTTP/1.1 200 OK\r\n X: folded\r\n\r\n", NULL, SPENT, FAKE_OPEN, HH_REQUEST_OTHER},
    {"HTTP/1.1 200 OK\r\nX : y\r\n\r\n", NULL, SPENT, FAKE_OPEN, HH_REQUEST_OTHER},
};

typedef struct way {
    fake_kind kind;
    uint32_t buffer_bytes;
    size_t place_step;
    bool holds_buffers;
} way;

static const way ways[] = {
    {FAKE_PLAIN, 65536, 0, false}, {FAKE_RECORDS, 65536, 0, true}, {FAKE_PLAIN, 256, 3, false},
    {FAKE_RECORDS, 256, 5, false}, {FAKE_PLAIN, 160, 0, true},
};

/* Plays the input cut at `cut`, or into single bytes when cut is SIZE_MAX. */
static void play(h1_rig *rig, const golden *one, const way *how, size_t cut)
{
    size_t length = strlen(one->input);
    assert_int_equal(h1_rig_connect(rig, how->kind), HH_OK);
    rig->c.call.request_kind = one->request;
    h1_rig_start(rig);
    if (cut == SIZE_MAX) {
        for (size_t i = 0; i < length; i++)
            fake_stream_feed(&rig->fake, one->input + i, 1);
    } else {
        fake_stream_feed(&rig->fake, one->input, cut);
        h1_rig_run(rig);
        fake_stream_feed(&rig->fake, one->input + cut, length - cut);
    }
    fake_stream_end(&rig->fake, one->end);
    h1_rig_run(rig);
    if (one->reports != NULL)
        assert_string_equal(rig->c.log, one->reports);
    else
        assert_true(strncmp(rig->c.log, "failed HH_ERR_PROTOCOL headers", 30) == 0);
    assert_false(rig->c.is_active);
    assert_int_equal(rig->free_count, one->fate == KEPT);
    assert_int_equal(rig->spent_count, one->fate == SPENT);
    assert_int_equal(rig->idle_spent_count, 0);
}

static void test_goldens(void **state)
{
    (void)state;
    for (size_t w = 0; w < HH_COUNT_OF(ways); w++) {
        h1_rig *rig = malloc(sizeof *rig);
        h1_rig_init(rig, ways[w].kind, ways[w].buffer_bytes);
        rig->c.place_step = ways[w].place_step;
        rig->kept.is_wanted = ways[w].holds_buffers;
        for (size_t i = 0; i < HH_COUNT_OF(goldens); i++) {
            play(rig, &goldens[i], &ways[w], SIZE_MAX);
            for (size_t cut = 0; cut <= strlen(goldens[i].input); cut++)
                play(rig, &goldens[i], &ways[w], cut);
        }
        h1_rig_finish(rig);
        free(rig);
    }
}

/* --- Singly ----------------------------------------------------------------------------------- */

static void test_information_flood(void **state)
{
    h1_rig *rig = *state;
    h1_rig_start(rig);
    for (int i = 0; i < HH_INFORMATIONAL_MAX; i++)
        h1_rig_feed(rig, "HTTP/1.1 103 Early Hints\r\n\r\n");
    h1_rig_run(rig);
    assert_true(rig->c.is_active);
    assert_int_equal(rig->c.counts[RIG_INFORMATION], HH_INFORMATIONAL_MAX);
    h1_rig_feed(rig, "HTTP/1.1 103 Early Hints\r\n\r\n");
    h1_rig_run(rig);
    assert_int_equal(rig->c.counts[RIG_INFORMATION], HH_INFORMATIONAL_MAX);
    assert_int_equal(rig->c.error.code, HH_ERR_PROTOCOL);
    assert_int_equal(rig->spent_count, 1);
}

static void test_many_calls_on_one_connection(void **state)
{
    h1_rig *rig = *state;
    for (unsigned i = 1; i <= 5; i++) {
        h1_rig_prepare(rig);
        h1_rig_start(rig);
        h1_rig_feed(rig, i % 2 == 0 ? OK_5 "hello" : CHUNKED "2\r\nhi\r\n0\r\nT: u\r\n\r\n");
        h1_rig_run(rig);
        assert_true(h1_rig_is_idle(rig));
        assert_int_equal(rig->conn->served, i);
        assert_int_equal(rig->buffers.in_use, 0);
        assert_int_equal(rig->c.call.body_bytes, i % 2 == 0 ? 5 : 2);
        assert_true(rig->c.call.first_byte_ns != 0 && rig->c.call.sent_ns != 0);
    }
    assert_int_equal(rig->fake.probes, 0);
    assert_int_equal(rig->fake.listens, 1);
    assert_int_equal(rig->env.free_work_count, 1);
}

static void test_keep_alive_hint(void **state)
{
    h1_rig *rig = *state;
    assert_int_equal(rig->conn->keep_alive_timeout_s, UINT32_MAX);
    h1_rig_start(rig);
    h1_rig_feed(rig, "HTTP/1.1 204 \r\nKeep-Alive: timeout=5, max=9\r\n\r\n");
    h1_rig_run(rig);
    assert_int_equal(rig->conn->keep_alive_timeout_s, 5);
    h1_rig_start(rig);
    h1_rig_feed(rig, "HTTP/1.1 204 \r\n\r\n");
    h1_rig_run(rig);
    assert_int_equal(rig->conn->keep_alive_timeout_s, 5);
    h1_rig_start(rig);
    h1_rig_feed(rig, "HTTP/1.1 204 \r\nKeep-Alive: timeout=7\r\n\r\n");
    h1_rig_run(rig);
    assert_int_equal(rig->conn->keep_alive_timeout_s, 7);
}

static void expect_spent_after(h1_rig *rig, const char *input)
{
    h1_rig_start(rig);
    h1_rig_feed(rig, input);
    h1_rig_run(rig);
    assert_int_equal(rig->c.counts[RIG_DONE], 1);
    assert_int_equal(rig->spent_count, 1);
    assert_null(rig->conn);
    assert_int_equal(h1_rig_connect(rig, FAKE_PLAIN), HH_OK);
}

static void test_surplus_spends(void **state)
{
    h1_rig *rig = *state;
    expect_spent_after(rig, OK_5 "hello!");
    expect_spent_after(rig, "HTTP/1.1 204 \r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
    expect_spent_after(rig, CHUNKED "0\r\n\r\n\r\n");
    rig->c.call.request_kind = HH_REQUEST_HEAD;
    expect_spent_after(rig, OK_5 "hello");
}

/* RFC 9112 §9.6: after our own "Connection: close", whatever the answer says. */
static void test_own_close_spends(void **state)
{
    h1_rig *rig = *state;
    rig->c.call.reuse = HH_REUSE_REFUSED;
    expect_spent_after(rig, OK_5 "hello");
    rig->c.call.reuse = HH_REUSE_ALLOWED;
    h1_rig_start(rig);
    h1_rig_feed(rig, OK_5 "hello");
    h1_rig_run(rig);
    assert_true(h1_rig_is_idle(rig));
}

/* The read ended with the answer because its room did: what stands behind it must be found. */
static void test_surplus_behind_a_full_read(void **state)
{
    h1_rig *rig = *state;
    rig->c.place_step = 5;
    h1_rig_start(rig);
    h1_rig_feed(rig, OK_5);
    h1_rig_feed(rig, "hello!");
    h1_rig_run(rig);
    assert_string_equal(rig->c.log, "head 200 11 OK Content-Length=5;body 5 hello;done;");
    assert_int_equal(rig->spent_count, 1);

    assert_int_equal(h1_rig_connect(rig, FAKE_PLAIN), HH_OK);
    h1_rig_start(rig);
    h1_rig_feed(rig, OK_5);
    h1_rig_feed(rig, "hello");
    h1_rig_run(rig);
    assert_true(h1_rig_is_idle(rig));
    assert_int_equal(rig->fake.probes, 1);
}

/* What comes later finds an idle connection. */
static void test_surplus_while_idle(void **state)
{
    h1_rig *rig = *state;
    h1_rig_start(rig);
    h1_rig_feed(rig, OK_5 "hello");
    h1_rig_feed(rig, "!");
    h1_rig_run(rig);
    assert_int_equal(rig->free_count, 1);
    assert_int_equal(rig->idle_spent_count, 1);
    assert_null(rig->conn);
}

/* --- Pausing ---------------------------------------------------------------------------------- */

static void test_pause_everywhere(void **state)
{
    static const char *const inputs[] = {OK_5 "hello", CHUNKED "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
                                         "HTTP/1.1 200 OK\r\n\r\nhello", "HTTP/1.1 204 \r\n\r\n"};
    (void)state;
    for (size_t i = 0; i < 2 * HH_COUNT_OF(inputs); i++) {
        h1_rig *rig = malloc(sizeof *rig);
        const char *input = inputs[i / 2];
        h1_rig_init(rig, i % 2 == 0 ? FAKE_PLAIN : FAKE_RECORDS, 4096);
        rig->c.acts[RIG_HEAD] = rig->c.acts[RIG_BODY] = RIG_PAUSE;
        rig->c.call.read_timeout_ns = 1;
        h1_rig_start(rig);
        for (const char *at = input; *at != '\0'; at++)
            fake_stream_feed(&rig->fake, at, 1);
        fake_stream_end(&rig->fake, FAKE_EOF);
        unsigned resumes = 0;
        for (h1_rig_run(rig); rig->c.is_active && resumes < 20; h1_rig_run(rig), resumes++) {
            assert_int_equal(rig->fake.interest, 0);
            assert_int_equal(rig->c.counts[RIG_HEAD] + rig->c.counts[RIG_BODY], resumes + 1);
            rig->c.call.read_timeout_ns = 0;
            hh__conn_resume(rig->conn, &rig->c.call);
            hh__conn_resume(rig->conn, &rig->c.call);
            assert_int_equal(rig->fake.interest, HH_READY_READ);
        }
        assert_int_equal(rig->c.counts[RIG_DONE], 1);
        assert_int_equal(resumes, strchr(input, '4') != NULL ? 1 : 6);
        h1_rig_finish(rig);
        free(rig);
    }
}

/* A pause holds what was read with the piece; the answer's end waits for resume too. */
static void test_pause_at_the_last_byte(void **state)
{
    h1_rig *rig = *state;
    rig->c.acts[RIG_BODY] = RIG_PAUSE;
    h1_rig_start(rig);
    h1_rig_feed(rig, OK_5 "hello");
    h1_rig_run(rig);
    assert_int_equal(rig->c.counts[RIG_BODY], 1);
    assert_int_equal(rig->c.counts[RIG_DONE], 0);
    hh__conn_resume(rig->conn, &rig->c.call);
    assert_int_equal(rig->c.counts[RIG_DONE], 0);
    h1_rig_run(rig);
    assert_string_equal(rig->c.log, "head 200 11 OK Content-Length=5;body 5 hello;done;");
    assert_true(h1_rig_is_idle(rig));
    assert_int_equal(rig->fake.interest, HH_READY_READ);
}

static void test_paused_connection_reads_nothing(void **state)
{
    h1_rig *rig = *state;
    rig->c.acts[RIG_HEAD] = RIG_PAUSE;
    h1_rig_start(rig);
    h1_rig_feed(rig, OK_5);
    h1_rig_run(rig);
    unsigned reads = rig->fake.reads;
    h1_rig_feed(rig, "hello");
    fake_stream_wake(&rig->fake);
    h1_rig_run(rig);
    assert_int_equal(rig->fake.reads, reads);
    hh__conn_resume(rig->conn, &rig->c.call);
    h1_rig_run(rig);
    assert_int_equal(rig->c.counts[RIG_DONE], 1);
}

/* When the stream can't be told, resuming fails the call. */
static void test_resume_fails(void **state)
{
    h1_rig *rig = *state;
    rig->c.acts[RIG_HEAD] = RIG_PAUSE;
    h1_rig_start(rig);
    h1_rig_feed(rig, OK_5);
    h1_rig_run(rig);
    rig->fake.listen_fails = HH_ERR_SYSTEM;
    hh__conn_resume(rig->conn, &rig->c.call);
    assert_int_equal(rig->c.counts[RIG_FAILED], 0);
    h1_rig_run(rig);
    assert_int_equal(rig->c.error.code, HH_ERR_SYSTEM);
    assert_int_equal(rig->spent_count, 1);
}

/* --- Buffers and heads ------------------------------------------------------------------------ */

/* A head of `length` bytes in all. */
static char *make_head(size_t length)
{
    static const char start[] = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nX: ";
    char *head = malloc(length + 1);
    assert_non_null(head);
    memset(head, 'x', length);
    memcpy(head, start, sizeof start - 1);
    memcpy(head + length - 4, "\r\n\r\n", 4);
    head[length] = '\0';
    return head;
}

static void test_head_against_its_limits(void **state)
{
    static const struct {
        size_t head_bytes;
        uint32_t buffer_bytes;
        uint32_t max_head_bytes;
        hh_status status;
    } cases[] = {
        {4096, 4096, 65536, HH_OK},
        {4097, 4096, 65536, HH_ERR_HEADERS_TOO_LARGE},
        {65536, 65536, 65536, HH_OK},
        {65537, 65536, 65536, HH_ERR_HEADERS_TOO_LARGE},
        {65537, 131072, 65536, HH_ERR_HEADERS_TOO_LARGE},
        {1000, 65536, 1000, HH_OK},
        {1001, 65536, 1000, HH_ERR_HEADERS_TOO_LARGE},
    };
    (void)state;
    for (size_t i = 0; i < 3 * HH_COUNT_OF(cases); i++) {
        h1_rig *rig = malloc(sizeof *rig);
        char *head = make_head(cases[i / 3].head_bytes);
        h1_rig_init(rig, i % 2 == 0 ? FAKE_PLAIN : FAKE_RECORDS, cases[i / 3].buffer_bytes);
        rig->env.max_head_bytes = cases[i / 3].max_head_bytes;
        h1_rig_start(rig);
        if (i % 3 == 0)
            h1_rig_feed(rig, "HTTP/1.1 100 Continue\r\n\r\n"); /* so that it doesn't begin at 0 */
        size_t step = i % 3 == 1 ? 1 : 999;
        for (size_t at = 0; at < cases[i / 3].head_bytes; at += step) {
            size_t left = cases[i / 3].head_bytes - at;
            fake_stream_feed(&rig->fake, head + at, left < step ? left : step);
        }
        h1_rig_feed(rig, "a");
        h1_rig_run(rig);
        if (cases[i / 3].status == HH_OK)
            assert_int_equal(rig->c.counts[RIG_DONE], 1);
        else
            assert_int_equal(rig->c.error.code, cases[i / 3].status);
        free(head);
        h1_rig_finish(rig);
        free(rig);
    }
}

static void test_too_many_fields(void **state)
{
    h1_rig *rig = *state;
    rig->env.max_fields = 2;
    h1_rig_start(rig);
    h1_rig_feed(rig, "HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\nE: f\r\n\r\n");
    h1_rig_run(rig);
    assert_int_equal(rig->c.error.code, HH_ERR_HEADERS_TOO_LARGE);
    assert_int_equal(rig->c.error.phase, HH_PHASE_HEADERS);
}

/* Pieces the consumer still holds must not be overwritten by what comes later. */
static void test_held_pieces_stay(void **state)
{
    enum { TOTAL = 300000, PIECE = 3001 };
    (void)state;
    for (int i = 0; i < 4; i++) {
        h1_rig *rig = malloc(sizeof *rig);
        char *body = malloc(TOTAL);
        h1_rig_init(rig, i % 2 == 0 ? FAKE_PLAIN : FAKE_RECORDS, i < 2 ? 65536 : 5000);
        rig->kept.is_wanted = true;
        for (int j = 0; j < TOTAL; j++)
            body[j] = (char)(j * 7 + j / 251);
        h1_rig_start(rig);
        h1_rig_feed(rig, "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n");
        for (size_t at = 0; at < TOTAL; at += PIECE)
            fake_stream_feed(&rig->fake, body + at, TOTAL - at < PIECE ? TOTAL - at : PIECE);
        h1_rig_run(rig);
        assert_int_equal(rig->c.counts[RIG_DONE], 1);
        assert_int_equal(rig->c.body_bytes, TOTAL);
        assert_int_equal(rig->c.body_sum, body_sum(BODY_SUM_START, body, TOTAL));
        assert_true(rig->kept.count > 4);
        assert_true(h1_rig_is_idle(rig));
        free(body);
        h1_rig_finish(rig);
        free(rig);
    }
}

/* --- Placing ---------------------------------------------------------------------------------- */

static void test_placed_with_any_room(void **state)
{
    (void)state;
    for (size_t room = 1; room <= 12; room++) {
        h1_rig *rig = malloc(sizeof *rig);
        h1_rig_init(rig, room % 2 == 0 ? FAKE_PLAIN : FAKE_RECORDS, 65536);
        rig->c.place_step = room;
        h1_rig_start(rig);
        h1_rig_feed(rig, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01");
        h1_rig_feed(rig, "234567");
        h1_rig_feed(rig, "89");
        h1_rig_run(rig);
        assert_string_equal(rig->c.log,
                            "head 200 11 OK Content-Length=10;body 10 0123456789;done;");
        assert_true(h1_rig_is_idle(rig));
        h1_rig_finish(rig);
        free(rig);
    }
}

static void test_placed_is_never_chunked(void **state)
{
    h1_rig *rig = *state;
    rig->c.place_step = 100;
    h1_rig_start(rig);
    h1_rig_feed(rig, CHUNKED);
    h1_rig_feed(rig, "5\r\nhello\r\n0\r\n\r\n");
    h1_rig_run(rig);
    assert_string_equal(rig->c.log, "head 200 11 OK Transfer-Encoding=chunked;body 5 hello;done;");
}

static void test_placed_until_close_and_paused(void **state)
{
    h1_rig *rig = *state;
    rig->c.place_step = 2;
    rig->c.acts[RIG_BODY] = RIG_PAUSE;
    h1_rig_start(rig);
    h1_rig_feed(rig, "HTTP/1.1 200 OK\r\n\r\n");
    h1_rig_feed(rig, "hello");
    fake_stream_end(&rig->fake, FAKE_EOF);
    for (h1_rig_run(rig); rig->c.is_active; h1_rig_run(rig))
        hh__conn_resume(rig->conn, &rig->c.call);
    assert_string_equal(rig->c.log, "head 200 11 OK;body 5 hello;done;");
    assert_int_equal(rig->c.counts[RIG_BODY], 3);
}

/* --- Fairness --------------------------------------------------------------------------------- */

/* One run reads within its budget, however much there is. */
static void test_budget_of_a_step(void **state)
{
    h1_rig *rig = *state;
    enum { PIECES = 20, PIECE = 65536 };
    char *piece = calloc(1, PIECE);
    rig->fake.stream.short_read_is_last = false;
    h1_rig_start(rig);
    h1_rig_feed(rig, "HTTP/1.1 200 OK\r\n\r\n");
    for (int i = 0; i < PIECES; i++)
        fake_stream_feed(&rig->fake, piece, PIECE);
    assert_int_equal(hh__loop_run(rig->loop), HH_OK);
    assert_true(rig->c.body_bytes > 0);
    assert_true(rig->c.body_bytes <=
                2 * (HH_CONN_STEP_BYTES_MAX + PIECE)); /* two rounds of tasks */
    fake_stream_end(&rig->fake, FAKE_EOF);
    h1_rig_run(rig);
    assert_int_equal(rig->c.body_bytes, PIECES * PIECE);
    assert_int_equal(rig->c.counts[RIG_DONE], 1);
    free(piece);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goldens),
        cmocka_unit_test_setup_teardown(test_information_flood, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_calls_on_one_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keep_alive_hint, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_surplus_spends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_own_close_spends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_surplus_behind_a_full_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_surplus_while_idle, set_up, tear_down),
        cmocka_unit_test(test_pause_everywhere),
        cmocka_unit_test_setup_teardown(test_pause_at_the_last_byte, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_paused_connection_reads_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_resume_fails, set_up, tear_down),
        cmocka_unit_test(test_head_against_its_limits),
        cmocka_unit_test_setup_teardown(test_too_many_fields, set_up, tear_down),
        cmocka_unit_test(test_held_pieces_stay),
        cmocka_unit_test(test_placed_with_any_room),
        cmocka_unit_test_setup_teardown(test_placed_is_never_chunked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_placed_until_close_and_paused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_budget_of_a_step, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
