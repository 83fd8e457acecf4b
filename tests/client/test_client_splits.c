/*
 * Answers cut into pieces, cut off, overlong and damaged, as a whole client sees them.
 *
 * Linked with malloc, calloc and realloc wrapped, to see how much a lie about a length makes it
 * allocate.
 */
#include "whole.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static atomic_size_t largest;

static void note(size_t size)
{
    size_t seen = atomic_load(&largest);
    while (size > seen && !atomic_compare_exchange_weak(&largest, &seen, size))
        ;
}

void *__wrap_malloc(size_t size)
{
    note(size);
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    note(count * size);
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    note(size);
    return __real_realloc(old, size);
}

#define CHUNKED_HEAD "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n"
#define CHUNKED CHUNKED_HEAD "5\r\nhello\r\n7;e=\"v\"\r\n, world\r\n0\r\nX-T: 1\r\n\r\n"
#define BY_LENGTH_HEAD "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nX-A: b\r\n\r\n"
#define BY_LENGTH BY_LENGTH_HEAD "hello, world"

typedef struct scripts {
    peer_step (*steps)[4];
    const peer_step **list;
    size_t count;
} scripts;

/* One script for each position of the text, 0 included. */
static scripts scripts_for(const char *text, peer_action action)
{
    scripts made = {.count = strlen(text) + 1};
    made.steps = calloc(made.count, sizeof *made.steps);
    made.list = calloc(made.count, sizeof *made.list);
    assert_true(made.steps != NULL && made.list != NULL);
    for (size_t i = 0; i < made.count; i++) {
        made.steps[i][0] = (peer_step){PEER_READ_REQUEST, NULL, 0};
        if (i > 0 || action != PEER_SEND)
            made.steps[i][1] = (peer_step){action, text, i};
        made.list[i] = made.steps[i];
    }
    return made;
}

static void scripts_free(scripts *made)
{
    free(made->steps);
    free(made->list);
}

static void check_split(const char *text, size_t trailers)
{
    scripts made = scripts_for(text, PEER_SEND_SPLIT);
    peer *server = peer_start(made.list, made.count);
    hh_client *client = whole_client(NULL);
    for (size_t i = 0; i < made.count; i++) {
        answer got = {.id = 0};
        whole_get(client, peer_url(server, "/"), &got);
        assert_answered(&got, 200, "hello, world");
        assert_slice(hh_response_header(got.response, "x-a"), "b");
        assert_int_equal(hh_response_trailer_count(got.response), trailers);
        answer_clear(&got);
    }
    assert_int_equal(peer_connections(server), made.count);
    assert_at_rest(client);
    hh_client_destroy(client);
    peer_stop(server);
    scripts_free(&made);
}

static void test_split_anywhere(void **state)
{
    (void)state;
    check_split(CHUNKED, 1);
    check_split(BY_LENGTH, 0);
}

static void test_byte_by_byte(void **state)
{
    (void)state;
    static const char *const texts[] = {CHUNKED, BY_LENGTH,
                                        "HTTP/1.0 200 OK\r\nX-A: b\r\n\r\nhello, world"};
    for (size_t i = 0; i < 3; i++) {
        peer *server = peer_of(SCRIPT(READ, {PEER_SEND_BYTEWISE, texts[i], 0}));
        hh_client *client = whole_client(NULL);
        answer got = {.id = 0};
        whole_get(client, peer_url(server, "/"), &got);
        assert_answered(&got, 200, "hello, world");
        assert_slice(hh_response_header(got.response, "x-a"), "b");
        answer_clear(&got);
        hh_client_destroy(client);
        peer_stop(server);
    }
}

static void check_truncated(const char *text, size_t head_length)
{
    scripts made = scripts_for(text, PEER_SEND);
    peer *server = peer_start(made.list, made.count - 1);
    hh_client *client = whole_client(NULL);
    for (size_t i = 0; i + 1 < made.count; i++) {
        answer got = {.id = 0};
        whole_get(client, peer_url(server, "/"), &got);
        if (i == 0)
            assert_failed(&got, HH_ERR_EMPTY_RESPONSE, HH_PHASE_HEADERS, "without an answer");
        else if (i < head_length)
            assert_failed(&got, HH_ERR_TRUNCATED, HH_PHASE_HEADERS, "inside the response headers");
        else
            assert_failed(&got, HH_ERR_TRUNCATED, HH_PHASE_BODY, "body bytes");
        assert_int_equal(got.error.processed, i == 0 ? HH_PROCESSED_MAYBE : HH_PROCESSED_YES);
        assert_int_equal(got.error.category, HH_CATEGORY_CONNECTION);
        assert_true((got.response != NULL) == (i >= head_length));
        answer_clear(&got);
    }
    assert_int_equal(whole_stats(client).replays, 0);
    assert_int_equal(whole_stats(client).connections_open, 0);
    assert_at_rest(client);
    hh_client_destroy(client);
    peer_stop(server);
    scripts_free(&made);
}

static void test_truncated_anywhere(void **state)
{
    (void)state;
    check_truncated(CHUNKED, strlen(CHUNKED_HEAD));
    check_truncated(BY_LENGTH, strlen(BY_LENGTH_HEAD));
}

static void test_truncation_says_how_much(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND("HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n"),
                                  {PEER_SEND_REPEATED, "0123456789abcdef", 32}));
    for (int delivery = HH_DELIVER_STREAM; delivery <= HH_DELIVER_WHOLE; delivery++) {
        hh_client *client = whole_client(NULL);
        hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
        assert_int_equal(hh_request_set_delivery(request, (hh_delivery)delivery), HH_OK);
        answer got = {.id = 0};
        whole_submit(client, request, &got);
        whole_drain(client);
        assert_failed(&got, HH_ERR_TRUNCATED, HH_PHASE_BODY, "after 512 of 1024 body bytes");
        assert_int_equal(hh_response_body_bytes(got.response), 512);
        answer_clear(&got);
        hh_request_destroy(request);
        hh_client_destroy(client);
    }
    peer_stop(server);
}

static void test_surplus_ends_the_connection(void **state)
{
    (void)state;
    static const char *const texts[] = {BY_LENGTH
                                        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
                                        CHUNKED "x", "HTTP/1.1 204 No Content\r\n\r\n\r\n",
                                        "HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\nhello"};
    for (size_t i = 0; i < 4; i++) {
        peer *server = peer_of_two(SCRIPT(READ, SEND(texts[i]), WAIT_CLOSE),
                                   SCRIPT(READ, SEND(BY_LENGTH), WAIT_CLOSE));
        hh_client *client = whole_client(NULL);
        answer got = {.id = 0};
        whole_get(client, peer_url(server, "/"), &got);
        assert_int_equal(got.error.code, HH_OK);
        answer_clear(&got);
        assert_int_equal(whole_stats(client).connections_idle, 0);
        whole_get(client, peer_url(server, "/"), &got);
        assert_answered(&got, 200, "hello, world");
        assert_int_equal(hh_response_is_reused(got.response), 0);
        answer_clear(&got);
        assert_int_equal(peer_connections(server), 2);
        hh_client_destroy(client);
        peer_stop(server);
    }
}

/* Surplus that comes after the connection was parked. */
static void test_late_surplus_ends_the_connection(void **state)
{
    (void)state;
    peer *server = peer_of_two(
        SCRIPT(READ, SEND(BY_LENGTH), WAIT_SIGNAL, SEND("HTTP/1.1 200 OK\r\n\r\n"), WAIT_CLOSE),
        SCRIPT(READ, SEND(BY_LENGTH), WAIT_CLOSE));
    hh_client *client = whole_client(NULL);
    answer got = {.id = 0};
    whole_get(client, peer_url(server, "/"), &got);
    assert_answered(&got, 200, "hello, world");
    answer_clear(&got);
    assert_int_equal(whole_stats(client).connections_idle, 1);
    peer_signal(server);
    while (whole_stats(client).connections_idle > 0)
        whole_step(client, 1000);
    whole_get(client, peer_url(server, "/"), &got);
    assert_answered(&got, 200, "hello, world");
    answer_clear(&got);
    assert_int_equal(whole_stats(client).replays, 0);
    hh_client_destroy(client);
    peer_stop(server);
}

/* The answer: `first`, then `piece` a great many times. */
static void check_flood(const char *first, const char *piece, hh_status code, hh_phase phase)
{
    peer *server = peer_of(SCRIPT(READ, SEND(first), {PEER_SEND_REPEATED, piece, 2000000}));
    hh_client *client = whole_client(NULL);
    answer got = {.id = 0};
    whole_get(client, peer_url(server, "/"), &got);
    assert_failed(&got, code, phase, NULL);
    answer_clear(&got);
    assert_int_equal(whole_stats(client).connections_open, 0);
    assert_true(whole_stats(client).bytes_received < 4000000);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_floods_are_bounded(void **state)
{
    (void)state;
    check_flood("HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 102 Processing\r\n\r\n", HH_ERR_PROTOCOL,
                HH_PHASE_HEADERS);
    check_flood("HTTP/1.1 200 OK\r\n", "A: b\r\n", HH_ERR_HEADERS_TOO_LARGE, HH_PHASE_HEADERS);
    check_flood("HTTP/1.1 200 OK\r\nX: ", "xxxxxxxxxxxxxxxx", HH_ERR_HEADERS_TOO_LARGE,
                HH_PHASE_HEADERS);
    check_flood("HTTP/1.1 200 ", "xxxxxxxxxxxxxxxx", HH_ERR_HEADERS_TOO_LARGE, HH_PHASE_HEADERS);
    check_flood("\r\n", "\r\n\r\n\r\n\r\n", HH_ERR_PROTOCOL, HH_PHASE_HEADERS);
    check_flood(CHUNKED_HEAD "0\r\n", "A: b\r\n", HH_ERR_HEADERS_TOO_LARGE, HH_PHASE_BODY);
    check_flood(CHUNKED_HEAD "0\r\nX: ", "xxxxxxxxxxxxxxxx", HH_ERR_HEADERS_TOO_LARGE,
                HH_PHASE_BODY);
    check_flood(CHUNKED_HEAD "1;x=", "xxxxxxxxxxxxxxxx", HH_ERR_PROTOCOL, HH_PHASE_BODY);
    check_flood(CHUNKED_HEAD, "1;xxxxxxxxxxxxxxxxxxxxx\r\nx\r\n", HH_ERR_PROTOCOL, HH_PHASE_BODY);
}

typedef struct bad {
    const char *text;
    size_t length; /* 0: strlen */
    hh_status code;
    hh_phase phase;
} bad;

static void test_garbage(void **state)
{
    (void)state;
    static const bad cases[] = {
        {"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", 0, HH_ERR_PROTOCOL, HH_PHASE_HEADERS},
        {"220 mail.example ESMTP\r\n", 0, HH_ERR_PROTOCOL, HH_PHASE_HEADERS},
        {"<html><body>no head</body></html>", 0, HH_ERR_PROTOCOL, HH_PHASE_HEADERS},
        {"\x15\x03\x01\x00\x02\x02\x28", 7, HH_ERR_PROTOCOL, HH_PHASE_HEADERS},
        {"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n", 28, HH_ERR_PROTOCOL, HH_PHASE_HEADERS},
        {"HTTP/1.1 2\0000 OK\r\n\r\n", 20, HH_ERR_PROTOCOL, HH_PHASE_HEADERS},
        {"HTTP/2.0 200 OK\r\n\r\n", 0, HH_ERR_PROTOCOL, HH_PHASE_HEADERS},
        {"HTTP/1.1 99 Low\r\n\r\n", 0, HH_ERR_PROTOCOL, HH_PHASE_HEADERS},
        {"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", 0, HH_ERR_PROTOCOL, HH_PHASE_HEADERS},
        {"HTTP/1.1 200 OK\r\nX Y: 1\r\n\r\n", 0, HH_ERR_PROTOCOL, HH_PHASE_HEADERS},
        {"HTTP/1.1 200 OK\r\nX : 1\r\n\r\n", 0, HH_ERR_PROTOCOL, HH_PHASE_HEADERS},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 0,
         HH_ERR_PROTOCOL, HH_PHASE_HEADERS},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello", 0, HH_ERR_PROTOCOL,
         HH_PHASE_HEADERS},
        {"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", 0, HH_ERR_PROTOCOL,
         HH_PHASE_HEADERS},
        {"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello", 0, HH_ERR_PROTOCOL,
         HH_PHASE_HEADERS},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nhello", 0, HH_ERR_PROTOCOL,
         HH_PHASE_HEADERS},
        {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhello", 0, HH_ERR_PROTOCOL,
         HH_PHASE_HEADERS},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
         "0\r\n\r\n",
         0, HH_ERR_PROTOCOL, HH_PHASE_HEADERS},
        {CHUNKED_HEAD "5\nhello\n0\n\n", 0, HH_ERR_PROTOCOL, HH_PHASE_BODY},
        {CHUNKED_HEAD "zz\r\nhello\r\n", 0, HH_ERR_PROTOCOL, HH_PHASE_BODY},
        {CHUNKED_HEAD "5\r\nhelloX\r\n", 0, HH_ERR_PROTOCOL, HH_PHASE_BODY},
        {CHUNKED_HEAD "-5\r\nhello\r\n", 0, HH_ERR_PROTOCOL, HH_PHASE_BODY},
        {CHUNKED_HEAD "10000000000000000\r\nx", 0, HH_ERR_PROTOCOL, HH_PHASE_BODY},
        {CHUNKED_HEAD "0\r\nbad trailer\r\n\r\n", 0, HH_ERR_PROTOCOL, HH_PHASE_BODY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t length = cases[i].length != 0 ? cases[i].length : strlen(cases[i].text);
        peer *server = peer_of(SCRIPT(READ, {PEER_SEND, cases[i].text, length}, WAIT_CLOSE));
        hh_client *client = whole_client(NULL);
        hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
        hh_timeouts timeouts = {.read_ms = 60000};
        assert_int_equal(hh_request_set_timeouts(request, &timeouts), HH_OK);
        answer got = {.id = 0};
        whole_submit(client, request, &got);
        whole_drain(client);
        if (got.error.code != cases[i].code)
            print_error("case %zu: %s\n", i, cases[i].text);
        assert_failed(&got, cases[i].code, cases[i].phase, "127.0.0.1:");
        assert_int_equal(got.error.category, HH_CATEGORY_PROTOCOL);
        answer_clear(&got);
        assert_int_equal(whole_stats(client).connections_open, 0);
        hh_request_destroy(request);
        hh_client_destroy(client);
        assert_true(peer_wait_closed(server, 0));
        peer_stop(server);
    }
}

static void test_declared_length_is_not_believed(void **state)
{
    (void)state;
    static const char *const heads[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 1125899906842624\r\n\r\n", CHUNKED_HEAD "fffffffff\r\n",
        "HTTP/1.1 200 OK\r\n\r\n"};
    for (size_t i = 0; i < 3; i++) {
        for (int delivery = HH_DELIVER_STREAM; delivery <= HH_DELIVER_SINK; delivery++) {
            peer *server = peer_of(SCRIPT(
                READ, SEND(heads[i]), {PEER_SEND_REPEATED, "0123456789abcdef", 6400}, WAIT_CLOSE));
            hh_client *client = whole_client(NULL);
            hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
            assert_int_equal(hh_request_set_delivery(request, (hh_delivery)delivery), HH_OK);
            answer *got = calloc(1, sizeof *got);
            assert_non_null(got);
            atomic_store(&largest, 0);
            whole_submit(client, request, got);
            while (whole_stats(client).bytes_received < 102400)
                whole_step(client, 1000);
            assert_true(atomic_load(&largest) <= (1u << 20) + 262144);
            assert_int_equal(hh_cancel(client, got->id), HH_OK);
            whole_drain(client);
            assert_failed(got, HH_ERR_CANCELLED, HH_PHASE_NONE, NULL);
            answer_clear(got);
            free(got);
            hh_request_destroy(request);
            hh_client_destroy(client);
            peer_stop(server);
        }
    }
}

/* A small body of unknown length costs no large block. */
static void test_small_body_costs_little(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND("HTTP/1.1 200 OK\r\n\r\nsmall")));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    assert_int_equal(hh_request_set_delivery(request, HH_DELIVER_WHOLE), HH_OK);
    answer got = {.id = 0};
    atomic_store(&largest, 0);
    whole_submit(client, request, &got);
    whole_drain(client);
    assert_answered(&got, 200, "small");
    assert_true(atomic_load(&largest) < 100000);
    answer_clear(&got);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split_anywhere),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_truncated_anywhere),
        cmocka_unit_test(test_truncation_says_how_much),
        cmocka_unit_test(test_surplus_ends_the_connection),
        cmocka_unit_test(test_late_surplus_ends_the_connection),
        cmocka_unit_test(test_floods_are_bounded),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_declared_length_is_not_believed),
        cmocka_unit_test(test_small_body_costs_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
