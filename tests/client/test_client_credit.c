/*
 * Backpressure: what the caller hasn't released holds the engine back, and nothing else.
 */
#include "whole.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/limits.h"

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define ENDLESS_HEAD "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"
#define FIVE_CHUNKS "1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n"
#define TEN_CHUNKS FIVE_CHUNKS FIVE_CHUNKS
#define WINDOW 100000

static char piece_1k[1025];

static int make_piece(void **state)
{
    (void)state;
    memset(piece_1k, 'p', 1024);
    return 0;
}

static hh_client *small_window(size_t bytes)
{
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.body_window_bytes = bytes;
    return whole_client(&options);
}

/* Steps until so much of the body is there, and then until nothing more comes in: several steps
 * without a byte. */
static void settle(hh_client *client, const answer *of, size_t least)
{
    uint64_t seen = UINT64_MAX;
    for (int64_t until = clock_ms() + 60000; of->length < least;) {
        assert_true(clock_ms() < until);
        whole_step(client, 1000);
    }
    for (int quiet = 0; quiet < 5; quiet++) {
        whole_step(client, 20);
        uint64_t now = whole_stats(client).bytes_received;
        if (now != seen)
            quiet = 0;
        seen = now;
    }
}

static void test_window_stops_reading(void **state)
{
    (void)state;
    peer *server = peer_of(
        SCRIPT(READ, SEND(ENDLESS_HEAD), {PEER_SEND_REPEATED, piece_1k, 976562}, WAIT_CLOSE));
    hh_client *client = small_window(WINDOW);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    static answer got;
    got = (answer){.holds = 1};
    whole_submit(client, request, &got);
    settle(client, &got, WINDOW);
    assert_true(got.length < WINDOW + 2 * 65536);
    assert_true(whole_stats(client).bytes_received < whole_ahead() + WINDOW + 2 * 65536);

    /* Each release lets about as much in. */
    for (int round = 0; round < 5; round++) {
        size_t before = got.length;
        whole_release(client, &got, got.held_count);
        settle(client, &got, before + WINDOW / 2);
        assert_true(got.length - before < WINDOW + 2 * 65536);
    }
    /* Cancelled while paused. */
    assert_int_equal(hh_cancel(client, got.id), HH_OK);
    whole_drain(client);
    assert_failed(&got, HH_ERR_CANCELLED, HH_PHASE_NONE, NULL);
    whole_release(client, &got, got.held_count); /* long after the end */
    for (int i = 0; i < 3; i++)
        whole_step(client, 0);
    answer_clear(&got);
    assert_int_equal(whole_stats(client).buffers_in_use, 0);
    assert_at_rest(client);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_paused_stream_stops_no_other(void **state)
{
    (void)state;
    peer *server =
        peer_of_two(SCRIPT(READ, SEND(ENDLESS_HEAD), {PEER_SEND_REPEATED, piece_1k, 976562}),
                    SCRIPT(READ, SEND(OK_HELLO), LOOP));
    hh_client *client = small_window(WINDOW);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    static answer slow;
    slow = (answer){.holds = 1};
    whole_submit(client, request, &slow);
    settle(client, &slow, WINDOW);
    for (int i = 0; i < 20; i++) {
        answer got = {.id = 0};
        whole_submit(client, request, &got);
        whole_until(client, &got, 'D');
        assert_answered(&got, 200, "hello");
        answer_clear(&got);
    }
    assert_int_equal(hh_cancel(client, slow.id), HH_OK);
    whole_drain(client);
    whole_release(client, &slow, slow.held_count);
    answer_clear(&slow);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

/* Neither time-outs nor the peer's close get at what is there while the caller is slow. */
static void test_slow_caller_gets_everything(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND("HTTP/1.1 200 OK\r\nContent-Length: 409600\r\n\r\n"),
                                  {PEER_SEND_REPEATED, piece_1k, 400}));
    hh_client *client = small_window(20000);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    hh_timeouts timeouts = {.read_ms = 30};
    assert_int_equal(hh_request_set_timeouts(request, &timeouts), HH_OK);
    static answer got;
    got = (answer){.holds = 1};
    whole_submit(client, request, &got);
    settle(client, &got, 20000);
    whole_pass(client, 100);
    assert_int_equal(got.terminals, 0);
    while (got.terminals == 0) {
        whole_release(client, &got, got.held_count);
        whole_step(client, 1000);
    }
    whole_release(client, &got, got.held_count);
    assert_int_equal(got.error.code, HH_OK);
    assert_int_equal(got.length, 409600);
    answer_clear(&got);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

static size_t gzip(const char *from, size_t length, char *to, size_t room)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)from, .avail_in = (uInt)length};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = (Bytef *)to;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t used = room - z.avail_out;
    deflateEnd(&z);
    return used;
}

static void test_expanding_body_keeps_to_the_window(void **state)
{
    (void)state;
    size_t length = 8u << 20;
    char *plain = calloc(1, length), *packed = malloc(length);
    assert_true(plain != NULL && packed != NULL);
    size_t packed_length = gzip(plain, length, packed, length);
    assert_true(packed_length < 50000);
    char head[200];
    snprintf(head, sizeof head,
             "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
             packed_length);
    peer *server = peer_of(SCRIPT(READ, SEND(head), {PEER_SEND, packed, packed_length}));
    hh_client *client = small_window(WINDOW);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    static answer got;
    got = (answer){.holds = 1};
    whole_submit(client, request, &got);
    settle(client, &got, WINDOW);
    assert_true(got.length < WINDOW + 2 * 65536);
    while (got.terminals == 0) {
        whole_release(client, &got, got.held_count);
        whole_step(client, 1000);
        size_t held = 0;
        for (size_t i = 0; i < got.held_count; i++)
            held += got.held[i]->body.length;
        assert_true(held < WINDOW + 2 * 65536);
    }
    whole_release(client, &got, got.held_count);
    assert_int_equal(got.error.code, HH_OK);
    assert_int_equal(got.length, length);
    assert_int_equal(hh_response_body_bytes(got.response), length);
    assert_int_equal(hh_response_wire_bytes(got.response), packed_length);
    answer_clear(&got);
    assert_int_equal(whole_stats(client).buffers_in_use, 0);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
    free(plain);
    free(packed);
}

typedef struct sink {
    char *memory;
    size_t capacity;
    uint64_t declared;
} sink;

static void set_sink(hh_client *client, const hh_event *event, answer *to)
{
    sink *into = to->context;
    if (event->type != HH_EVENT_HEADERS)
        return;
    into->declared = hh_response_content_length(event->response);
    if (into->memory != NULL)
        assert_int_equal(hh_set_sink(client, event->id, into->memory, into->capacity), HH_OK);
}

/* A sink takes decoded bytes, of which the declared length says nothing. */
static void test_sink_of_a_coded_body(void **state)
{
    (void)state;
    enum { LENGTH = 1 << 20 };
    char *plain = malloc(LENGTH), *packed = malloc(LENGTH), *memory = malloc(LENGTH);
    assert_true(plain != NULL && packed != NULL && memory != NULL);
    uint32_t noise = 1;
    for (size_t i = 0; i < LENGTH; i++) {
        noise = noise * 1664525 + 1013904223;
        plain[i] = (char)('a' + (noise >> 30)); /* two bits each: packs to a third or so */
    }
    size_t packed_length = gzip(plain, LENGTH, packed, LENGTH);
    assert_true(packed_length > 65536 && packed_length < LENGTH / 2);
    char head[200];
    snprintf(head, sizeof head,
             "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
             packed_length);
    peer *server = peer_of(SCRIPT(READ, SEND(head), {PEER_SEND, packed, packed_length}, LOOP));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    assert_int_equal(hh_request_set_delivery(request, HH_DELIVER_SINK), HH_OK);
    sink ample = {memory, LENGTH, 0}, narrow = {memory, packed_length, 0}, none = {NULL, 0, 0};
    sink *sinks[] = {&ample, &none, &narrow};
    for (size_t i = 0; i < 3; i++) {
        answer got = {.hook = set_sink, .context = sinks[i]};
        whole_submit(client, request, &got);
        whole_drain(client);
        assert_int_equal(sinks[i]->declared, packed_length);
        if (i == 2) {
            assert_failed(&got, HH_ERR_RESPONSE_TOO_LARGE, HH_PHASE_BODY, NULL);
        } else {
            assert_string_equal(got.events, "HD");
            assert_int_equal(hh_response_body_bytes(got.response), LENGTH);
            hh_slice body = hh_response_body(got.response);
            assert_int_equal(body.length, i == 0 ? 0 : LENGTH);
            assert_memory_equal(i == 0 ? memory : body.data, plain, LENGTH);
        }
        answer_clear(&got);
    }
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
    free(plain);
    free(packed);
    free(memory);
}

/* Many tiny chunks: each event costs more than its byte, and counts for more. */
static void test_tiny_chunks_are_bounded(void **state)
{
    (void)state;
    peer *server =
        peer_of(SCRIPT(READ, SEND("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
                       {PEER_SEND_REPEATED, TEN_CHUNKS, 100000}, WAIT_CLOSE));
    hh_client *client = small_window(WINDOW);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    static answer got;
    got = (answer){.holds = 1};
    whole_submit(client, request, &got);
    for (int64_t until = clock_ms() + 60000; got.held_count <= 10;) {
        assert_true(clock_ms() < until);
        whole_step(client, 1000);
    }
    settle(client, &got, 0);
    assert_true(got.held_count <= 400);
    assert_true(whole_stats(client).buffers_in_use <= 4 + whole_ahead() / HH_BUFFER_BYTES);
    assert_int_equal(hh_cancel(client, got.id), HH_OK);
    whole_drain(client);
    whole_release(client, &got, got.held_count);
    answer_clear(&got);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

/* With a huge window the queue of events itself is the bound. */
static void test_event_queue_is_bounded(void **state)
{
    (void)state;
    peer *server =
        peer_of(SCRIPT(READ, SEND("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
                       {PEER_SEND_REPEATED, TEN_CHUNKS, 10000}, SEND("0\r\n\r\n"), WAIT_CLOSE));
    hh_client *client = small_window(1u << 30);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    answer got = {.id = 0};
    whole_submit(client, request, &got);
    for (int i = 0; i < 100; i++)
        assert_int_equal(hh_client_step(client, 5), HH_OK);
    assert_true(whole_stats(client).bytes_received < 200000);
    whole_drain(client);
    assert_int_equal(got.error.code, HH_OK);
    assert_int_equal(got.length, 100000);
    answer_clear(&got);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

/* A peer that resets while the caller is slow must not make the descriptor readable for ever. */
static void test_reset_while_paused_spins_not(void **state)
{
    (void)state;
    for (int how = 0; how < 2; how++) {
        peer *server = peer_of(SCRIPT(READ, SEND(ENDLESS_HEAD), {PEER_SEND_REPEATED, piece_1k, 300},
                                      WAIT_SIGNAL, {how == 0 ? PEER_RESET : PEER_END, NULL, 0}));
        hh_client *client = small_window(20000);
        hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
        static answer got;
        got = (answer){.holds = 1};
        whole_submit(client, request, &got);
        settle(client, &got, 20000);
        peer_signal(server);
        int64_t until = clock_ms() + 200;
        unsigned steps = 0;
        while (clock_ms() < until) {
            whole_step(client, 50);
            steps++;
        }
        assert_true(steps < 30);
        assert_int_equal(got.terminals, 0); /* it isn't even read */
        while (got.terminals == 0) {
            whole_release(client, &got, got.held_count);
            whole_step(client, 1000);
        }
        whole_release(client, &got, got.held_count);
        assert_int_equal(got.error.code, how == 0 ? HH_ERR_RECEIVE : HH_ERR_TRUNCATED);
        assert_int_equal(got.error.phase, HH_PHASE_BODY);
        answer_clear(&got);
        hh_request_destroy(request);
        hh_client_destroy(client);
        peer_stop(server);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_window_stops_reading),
        cmocka_unit_test(test_paused_stream_stops_no_other),
        WHOLE_HELD(test_slow_caller_gets_everything),
        cmocka_unit_test(test_expanding_body_keeps_to_the_window),
        cmocka_unit_test(test_sink_of_a_coded_body),
        cmocka_unit_test(test_tiny_chunks_are_bounded),
        cmocka_unit_test(test_event_queue_is_bounded),
        cmocka_unit_test(test_reset_while_paused_spins_not),
    };
    static const whole_h1_only h1_only[] = {
        {"test_reset_while_paused_spins_not",
         "a connection of many streams is read on, so its end is seen at once"},
    };
    return whole_run(
        &(whole_suite){WHOLE_TESTS(tests), WHOLE_H1_ONLY(h1_only), .setup = make_piece});
}
