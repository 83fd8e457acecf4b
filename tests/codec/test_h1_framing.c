/*
 * test_h1_framing.c - where bodies end and which connections live on, as a table.
 */
#include "codec/h1_parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/memory.h"

#define NONE UINT64_MAX
#define KEEP true
#define SHUT false

typedef struct framing_row {
    const char *head; /* without the blank line */
    hh_request_kind request;
    hh_framing_kind kind;
    uint64_t length;
    bool keeps_alive;
} framing_row;

static hh_status frame(const char *head, hh_request_kind request, hh_framing *out)
{
    char data[2048];
    snprintf(data, sizeof(data), "%s\r\n", head);
    hh_h1_parser parser;
    hh__h1_parser_init(&parser);
    if (hh__h1_parse(&parser, hh_slice_of(data)) != HH_H1_COMPLETE) {
        fail_msg("not a head: %s", head);
    }
    hh_status status = hh__h1_framing(&parser, data, request, out);
    hh__h1_parser_finish(&parser);
    return status;
}

static void check_rows(const framing_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const framing_row *row = &rows[i];
        hh_framing framing;
        if (frame(row->head, row->request, &framing) != HH_OK) {
            fail_msg("row %zu: %s: %s", i, row->head, framing.problem);
        }
        if (framing.kind != row->kind || framing.length != row->length ||
            framing.keeps_alive != row->keeps_alive || framing.problem != NULL) {
            fail_msg("row %zu: %s: kind %d, length %llu, keeps alive %d", i, row->head,
                     (int)framing.kind, (unsigned long long)framing.length, framing.keeps_alive);
        }
    }
}

#define OK11 "HTTP/1.1 200 OK\r\n"
#define OK10 "HTTP/1.0 200 OK\r\n"
#define GET HH_REQUEST_OTHER

static void test_delimiters(void **state)
{
    (void)state;
    static const framing_row rows[] = {
        {OK11 "Content-Length: 5\r\n", GET, HH_FRAMING_LENGTH, 5, KEEP},
        {OK11 "Content-Length: 0\r\n", GET, HH_FRAMING_LENGTH, 0, KEEP},
        {OK11 "Content-Length: 0005\r\n", GET, HH_FRAMING_LENGTH, 5, KEEP},
        {OK11 "Content-Length: 9223372036854775807\r\n", GET, HH_FRAMING_LENGTH, INT64_MAX, KEEP},
        {OK11 "Transfer-Encoding: chunked\r\n", GET, HH_FRAMING_CHUNKED, NONE, KEEP},
        {OK11 "TRANSFER-ENCODING: ChUnKeD\r\n", GET, HH_FRAMING_CHUNKED, NONE, KEEP},
        {OK11 "Transfer-Encoding: , chunked ,\r\n", GET, HH_FRAMING_CHUNKED, NONE, KEEP},
        {OK11, GET, HH_FRAMING_CLOSE, NONE, SHUT},
        {OK11 "Connection: keep-alive\r\n", GET, HH_FRAMING_CLOSE, NONE, SHUT},
        {"HTTP/1.1 404 no\r\nContent-Length: 5\r\n", HH_REQUEST_CONNECT, HH_FRAMING_LENGTH, 5,
         KEEP},
    };
    check_rows(rows, HH_COUNT_OF(rows));
}

static void test_equal_lengths_may_repeat(void **state)
{
    (void)state;
    static const framing_row rows[] = {
        {OK11 "Content-Length: 5\r\nContent-Length: 5\r\n", GET, HH_FRAMING_LENGTH, 5, KEEP},
        {OK11 "Content-Length: 5, 5\r\n", GET, HH_FRAMING_LENGTH, 5, KEEP},
        {OK11 "Content-Length: 5,5 ,\t5\r\ncontent-length: 05\r\n", GET, HH_FRAMING_LENGTH, 5,
         KEEP},
    };
    check_rows(rows, HH_COUNT_OF(rows));
}

static void test_answers_without_body(void **state)
{
    (void)state;
    static const framing_row rows[] = {
        {OK11 "Content-Length: 5\r\n", HH_REQUEST_HEAD, HH_FRAMING_NONE, 5, KEEP},
        {OK11 "Transfer-Encoding: chunked\r\n", HH_REQUEST_HEAD, HH_FRAMING_NONE, NONE, KEEP},
        {OK11, HH_REQUEST_HEAD, HH_FRAMING_NONE, NONE, KEEP},
        {OK10, HH_REQUEST_HEAD, HH_FRAMING_NONE, NONE, SHUT},
        {"HTTP/1.1 100 Continue\r\n", GET, HH_FRAMING_NONE, NONE, KEEP},
        {"HTTP/1.1 103 Early Hints\r\n", HH_REQUEST_CONNECT, HH_FRAMING_NONE, NONE, KEEP},
        {"HTTP/1.1 204 No Content\r\n", GET, HH_FRAMING_NONE, NONE, KEEP},
        {"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n", GET, HH_FRAMING_NONE, 0, KEEP},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n", GET, HH_FRAMING_NONE, 5, KEEP},
        /* An announced body that must not be there makes what follows doubtful. */
        {"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n", GET, HH_FRAMING_NONE, 5, SHUT},
        {"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n", GET, HH_FRAMING_NONE, NONE,
         SHUT},
    };
    check_rows(rows, HH_COUNT_OF(rows));
}

static void test_tunnels_ignore_lengths(void **state)
{
    (void)state;
    static const framing_row rows[] = {
        {OK11, HH_REQUEST_CONNECT, HH_FRAMING_TUNNEL, NONE, SHUT},
        {"HTTP/1.1 299 x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
         HH_REQUEST_CONNECT, HH_FRAMING_TUNNEL, 5, SHUT},
        {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n", GET, HH_FRAMING_TUNNEL, NONE,
         SHUT},
        {OK10 "Content-Length: x\r\n", HH_REQUEST_CONNECT, HH_FRAMING_TUNNEL, NONE, SHUT},
    };
    check_rows(rows, HH_COUNT_OF(rows));
}

static void test_persistence(void **state)
{
    (void)state;
#define BODY "Content-Length: 1\r\n"
    static const framing_row rows[] = {
        {OK11 BODY "Connection: close\r\n", GET, HH_FRAMING_LENGTH, 1, SHUT},
        {OK11 BODY "Connection: CLOSE\r\n", GET, HH_FRAMING_LENGTH, 1, SHUT},
        {OK11 BODY "Connection: foo, close, bar\r\n", GET, HH_FRAMING_LENGTH, 1, SHUT},
        {OK11 BODY "Connection: keep-alive\r\nConnection: close\r\n", GET, HH_FRAMING_LENGTH, 1,
         SHUT},
        {OK11 BODY "Connection: close, keep-alive\r\n", GET, HH_FRAMING_LENGTH, 1, SHUT},
        {OK11 BODY "Connection: closed\r\n", GET, HH_FRAMING_LENGTH, 1, KEEP},
        {OK11 BODY "Connection: \"a, close\"\r\n", GET, HH_FRAMING_LENGTH, 1, KEEP},
        {OK10 BODY, GET, HH_FRAMING_LENGTH, 1, SHUT},
        {OK10 BODY "Connection: Keep-Alive\r\n", GET, HH_FRAMING_LENGTH, 1, KEEP},
        {OK10 BODY "Connection: keep-alive, close\r\n", GET, HH_FRAMING_LENGTH, 1, SHUT},
        {OK10 BODY "Proxy-Connection: keep-alive\r\n", GET, HH_FRAMING_LENGTH, 1, SHUT},
        {OK10 "Connection: keep-alive\r\n", GET, HH_FRAMING_CLOSE, NONE, SHUT},
        {OK11 "Transfer-Encoding: chunked\r\nConnection: close\r\n", GET, HH_FRAMING_CHUNKED, NONE,
         SHUT},
    };
#undef BODY
    check_rows(rows, HH_COUNT_OF(rows));
}

/* security.md: Content-Length / Transfer-Encoding conflict. */
static void test_conflicts_are_errors(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        const char *problem;
    } rows[] = {
        {OK11 "Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Lengths that differ"},
        {OK11 "Content-Length: 5, 6\r\n", "Content-Lengths that differ"},
        {OK11 "Content-Length: +5\r\n", "a Content-Length that is no number"},
        {OK11 "Content-Length: -1\r\n", "a Content-Length that is no number"},
        {OK11 "Content-Length: 0x5\r\n", "a Content-Length that is no number"},
        {OK11 "Content-Length: 5 5\r\n", "a Content-Length that is no number"},
        {OK11 "Content-Length: 5_0\r\n", "a Content-Length that is no number"},
        {OK11 "Content-Length: \"5\"\r\n", "a Content-Length that is no number"},
        {OK11 "Content-Length:\r\n", "a Content-Length that is no number"},
        {OK11 "Content-Length: 5,\r\n", "a Content-Length that is no number"},
        {OK11 "Content-Length: ,5\r\n", "a Content-Length that is no number"},
        {OK11 "Content-Length: 5\r\nContent-Length: x\r\n", "a Content-Length that is no number"},
        {OK11 "Content-Length: 9223372036854775808\r\n", "a Content-Length over 2^63-1"},
        {OK11 "Content-Length: 18446744073709551621\r\n", "a Content-Length over 2^63-1"},
        {OK11 "Content-Length: 99999999999999999999999999\r\n", "a Content-Length over 2^63-1"},
        {OK11 "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
         "both Content-Length and Transfer-Encoding"},
        {OK11 "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
         "both Content-Length and Transfer-Encoding"},
        {OK10 "Transfer-Encoding: chunked\r\n", "Transfer-Encoding in an HTTP/1.0 answer"},
        {OK11 "Transfer-Encoding: identity\r\n", "a transfer coding other than chunked"},
        {OK11 "Transfer-Encoding: gzip, chunked\r\n", "a transfer coding other than chunked"},
        {OK11 "Transfer-Encoding: chunked, gzip\r\n", "a transfer coding other than chunked"},
        {OK11 "Transfer-Encoding: chunked;q=1\r\n", "a transfer coding other than chunked"},
        {OK11 "Transfer-Encoding: xchunked\r\n", "a transfer coding other than chunked"},
        {OK11 "Transfer-Encoding: \"chunked\"\r\n", "a transfer coding other than chunked"},
        {OK11 "Transfer-Encoding: chunked, chunked\r\n", "chunked twice in Transfer-Encoding"},
        {OK11 "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
         "chunked twice in Transfer-Encoding"},
        {OK11 "Transfer-Encoding:\r\n", "an empty Transfer-Encoding"},
    };
    for (size_t i = 0; i < HH_COUNT_OF(rows); i++) {
        hh_framing framing = {.problem = NULL};
        hh_status status = frame(rows[i].head, GET, &framing);
        if (status != HH_ERR_PROTOCOL || framing.problem == NULL ||
            strcmp(framing.problem, rows[i].problem) != 0) {
            fail_msg("row %zu: %s: %s", i, rows[i].head,
                     framing.problem != NULL ? framing.problem : "accepted");
        }
        /* Doubtful lengths stay an error where no body follows. */
        assert_int_equal(frame(rows[i].head, HH_REQUEST_HEAD, &framing), HH_ERR_PROTOCOL);
    }
}

static void test_keep_alive_timeout(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        uint32_t timeout_s;
    } rows[] = {
        {OK11, UINT32_MAX},
        {OK11 "Keep-Alive: timeout=5, max=100\r\n", 5},
        {OK11 "Keep-Alive: max=100, TIMEOUT = 15\r\n", 15},
        {OK11 "Keep-Alive: timeout=0\r\n", 0},
        {OK11 "Keep-Alive: timeout\r\n", UINT32_MAX},
        {OK11 "Keep-Alive: timeout=\r\n", UINT32_MAX},
        {OK11 "Keep-Alive: timeout=-5\r\n", UINT32_MAX},
        {OK11 "Keep-Alive: timeout=5s\r\n", UINT32_MAX},
        {OK11 "Keep-Alive: timeout=99999999999\r\n", UINT32_MAX},
        {OK11 "Keep-Alive: xtimeout=5\r\n", UINT32_MAX},
        {OK11 "Keep-Alive:\r\n", UINT32_MAX},
    };
    for (size_t i = 0; i < HH_COUNT_OF(rows); i++) {
        hh_framing framing;
        assert_int_equal(frame(rows[i].head, GET, &framing), HH_OK);
        assert_int_equal(framing.keep_alive_timeout_s, rows[i].timeout_s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delimiters),
        cmocka_unit_test(test_equal_lengths_may_repeat),
        cmocka_unit_test(test_answers_without_body),
        cmocka_unit_test(test_tunnels_ignore_lengths),
        cmocka_unit_test(test_persistence),
        cmocka_unit_test(test_conflicts_are_errors),
        cmocka_unit_test(test_keep_alive_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
