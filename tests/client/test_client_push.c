/*
 * Bodies that the caller pushes, and Expect: 100-continue.
 */
#include "whole.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "support/held_clock.h"

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define BIG (16u << 20)

typedef struct source {
    const char *data;
    size_t length;
    size_t piece; /* pushed at once, at most */
    size_t offset;
    unsigned wants;
    unsigned partial; /* pushes not taken whole */
    hh_status last;
} source;

/* Pushes pieces until one isn't taken whole, or all is out. */
static void feed(hh_client *client, const hh_event *event, answer *to)
{
    source *from = to->context;
    if (event->type != HH_EVENT_WANT_BODY)
        return;
    from->wants++;
    from->offset = event->body_offset;
    for (;;) {
        size_t left = from->length - from->offset;
        size_t length = left < from->piece ? left : from->piece;
        size_t taken = 99;
        hh_body_end end = length == left ? HH_BODY_LAST : HH_BODY_MORE;
        from->last = hh_body_push(client, event->id, (hh_slice){from->data + from->offset, length},
                                  end, &taken);
        if (from->last != HH_OK) {
            assert_int_equal(taken, 0);
            return;
        }
        assert_true(taken <= length);
        from->offset += taken;
        from->partial += taken < length;
        if (taken < length || from->offset == from->length)
            return;
    }
}

static hh_request *stream_request(hh_client *client, peer *server, uint64_t length,
                                  hh_rewind rewind)
{
    hh_request *request = whole_request(client, "PUT", peer_url(server, "/up"));
    assert_int_equal(hh_request_set_body_stream(request, length, rewind), HH_OK);
    return request;
}

static void test_small_pushes(void **state)
{
    (void)state;
    for (int chunked = 0; chunked < 2; chunked++) {
        peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO), LOOP));
        hh_client *client = whole_client(NULL);
        hh_request *request =
            stream_request(client, server, chunked ? HH_LENGTH_UNKNOWN : 9, HH_REWIND_IMPOSSIBLE);
        for (int i = 0; i < 2; i++) { /* the connection is reused after it */
            source from = {.data = "body text", .length = 9, .piece = 4};
            answer got = {.hook = feed, .context = &from};
            whole_submit(client, request, &got);
            whole_drain(client);
            assert_answered(&got, 200, "hello");
            assert_int_equal(from.last, HH_OK);
            assert_true(from.wants >= 1);
            answer_clear(&got);
        }
        char *seen = peer_received(server, 0);
        if (chunked) {
            assert_contains(seen, "Transfer-Encoding: chunked\r\n");
            assert_lacks(seen, "Content-Length");
            if (whole_version() == 11)
                assert_contains(seen, "\r\n\r\n4\r\nbody\r\n4\r\n tex\r\n1\r\nt\r\n0\r\n\r\nPUT");
            free(seen);
            seen = whole_received(server);
            assert_contains(seen, "\r\n\r\nbody textPUT");
        } else {
            assert_contains(seen, "Content-Length: 9\r\n");
            assert_contains(seen, "\r\n\r\nbody textPUT");
        }
        free(seen);
        assert_int_equal(peer_connections(server), 1);
        assert_at_rest(client);
        hh_request_destroy(request);
        hh_client_destroy(client);
        peer_stop(server);
    }
}

static void test_empty_pushed_body(void **state)
{
    (void)state;
    for (int chunked = 0; chunked < 2; chunked++) {
        peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO)));
        hh_client *client = whole_client(NULL);
        hh_request *request =
            stream_request(client, server, chunked ? HH_LENGTH_UNKNOWN : 0, HH_REWIND_IMPOSSIBLE);
        source from = {.data = "", .length = 0, .piece = 4};
        answer got = {.hook = feed, .context = &from};
        whole_submit(client, request, &got);
        whole_drain(client);
        assert_answered(&got, 200, "hello");
        answer_clear(&got);
        hh_request_destroy(request);
        hh_client_destroy(client);
        peer_stop(server);
    }
}

/* More than the kernel and the push buffer hold, to a peer that reads late. */
static void test_big_push_is_taken_in_parts(void **state)
{
    (void)state;
    char *data = malloc(BIG);
    assert_non_null(data);
    for (size_t i = 0; i < BIG; i++)
        data[i] = (char)('A' + i % 26);
    for (int chunked = 0; chunked < 2; chunked++) {
        peer *server = peer_of(SCRIPT(READ_HEAD, WAIT_SIGNAL, {PEER_READ_BYTES, NULL, BIG},
                                      SEND(OK_HELLO), WAIT_CLOSE));
        hh_client *client = whole_client(NULL);
        hh_request *request =
            stream_request(client, server, chunked ? HH_LENGTH_UNKNOWN : BIG, HH_REWIND_IMPOSSIBLE);
        source from = {.data = data, .length = BIG, .piece = BIG};
        answer got = {.hook = feed, .context = &from};
        whole_submit(client, request, &got);
        whole_until(client, &got, 'W');
        peer_signal(server);
        whole_drain(client);
        assert_answered(&got, 200, "hello");
        assert_true(from.partial > 0 && from.wants > 1);
        assert_int_equal(from.offset, BIG);
        if (!chunked) {
            char *seen = peer_received(server, 0);
            char *body = strstr(seen, "\r\n\r\n");
            assert_non_null(body);
            assert_memory_equal(body + 4, data, BIG);
            free(seen);
        }
        answer_clear(&got);
        hh_request_destroy(request);
        hh_client_destroy(client);
        peer_stop(server);
    }
    free(data);
}

static void test_wrong_lengths(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO), LOOP));
    hh_client *client = whole_client(NULL);
    hh_request *request = stream_request(client, server, 9, HH_REWIND_IMPOSSIBLE);
    answer got = {.id = 0};
    size_t taken;
    whole_submit(client, request, &got);
    assert_int_equal(hh_body_push(client, got.id, hh_slice_of("x"), HH_BODY_MORE, &taken),
                     HH_ERR_STATE); /* not asked for yet */
    whole_until(client, &got, 'W');
    assert_int_equal(hh_body_push(client, got.id, hh_slice_of("0123456789"), HH_BODY_MORE, &taken),
                     HH_ERR_BODY_LENGTH);
    assert_int_equal(taken, 0);
    assert_int_equal(hh_body_push(client, got.id, hh_slice_of("01234"), HH_BODY_LAST, &taken),
                     HH_ERR_BODY_LENGTH);
    assert_int_equal(hh_body_push(client, got.id, hh_slice_of("01234"), HH_BODY_MORE, &taken),
                     HH_OK);
    assert_int_equal(taken, 5);
    assert_int_equal(hh_body_push(client, got.id, hh_slice_of("56789"), HH_BODY_MORE, &taken),
                     HH_ERR_BODY_LENGTH);
    /* What was wrong was not sent: the right rest still makes a sound body. */
    assert_int_equal(hh_body_push(client, got.id, hh_slice_of("5678"), HH_BODY_LAST, &taken),
                     HH_OK);
    assert_int_equal(taken, 4);
    assert_int_equal(hh_body_push(client, got.id, hh_slice_of("x"), HH_BODY_MORE, &taken),
                     HH_ERR_STATE);
    assert_int_equal(hh_body_push(client, got.id, hh_slice_of(""), HH_BODY_LAST, &taken),
                     HH_ERR_STATE);
    whole_drain(client);
    assert_answered(&got, 200, "hello");
    answer_clear(&got);
    char *seen = peer_received(server, 0);
    assert_contains(seen, "\r\n\r\n012345678");
    free(seen);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

/* The declared length is reached without HH_BODY_LAST: that is the end, too. */
static void test_last_is_implied_by_the_length(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO), LOOP));
    hh_client *client = whole_client(NULL);
    hh_request *request = stream_request(client, server, 4, HH_REWIND_IMPOSSIBLE);
    answer got = {.id = 0};
    size_t taken;
    whole_submit(client, request, &got);
    whole_until(client, &got, 'W');
    assert_int_equal(hh_body_push(client, got.id, hh_slice_of("full"), HH_BODY_MORE, &taken),
                     HH_OK);
    whole_drain(client);
    assert_answered(&got, 200, "hello");
    answer_clear(&got);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_pushing_to_a_request_without_a_stream(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO), LOOP));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, "PUT", peer_url(server, "/"));
    answer got = {.id = 0};
    whole_submit(client, request, &got);
    size_t taken = 7;
    assert_int_equal(hh_body_push(client, got.id, hh_slice_of("x"), HH_BODY_LAST, &taken),
                     HH_ERR_STATE);
    assert_int_equal(taken, 0);
    whole_drain(client);
    assert_answered(&got, 200, "hello");
    answer_clear(&got);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

/* --- early answers --------------------------------------------------------------------------- */

static void test_early_refusal_of_a_pushed_body(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(
        READ_HEAD, SEND("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig"), WAIT_CLOSE));
    hh_client *client = whole_client(NULL);
    hh_request *request = stream_request(client, server, HH_LENGTH_UNKNOWN, HH_REWIND_IMPOSSIBLE);
    answer got = {.id = 0};
    size_t taken;
    whole_submit(client, request, &got);
    whole_until(client, &got, 'W');
    assert_int_equal(hh_body_push(client, got.id, hh_slice_of("some"), HH_BODY_MORE, &taken),
                     HH_OK);
    whole_until(client, &got, 'H');
    assert_int_equal(hh_body_push(client, got.id, hh_slice_of("more"), HH_BODY_MORE, &taken),
                     HH_ERR_STATE);
    whole_drain(client);
    assert_answered(&got, 413, "big");
    answer_clear(&got);
    assert_true(peer_wait_closed(server, 0)); /* half a request must not be followed by another */
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_early_refusal_of_a_big_body(void **state)
{
    (void)state;
    char *data = calloc(1, 2 * BIG);
    assert_non_null(data);
    for (int reset = 0; reset < 2; reset++) {
        peer *server = peer_of(
            SCRIPT(READ_HEAD, SEND("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig"),
                   {reset ? PEER_SHUTDOWN : PEER_WAIT_CLOSE, NULL, 0}, WAIT_CLOSE));
        hh_client *client = whole_client(NULL);
        hh_request *request = whole_request(client, "POST", peer_url(server, "/"));
        assert_int_equal(hh_request_set_body_borrowed(request, data, 2 * BIG), HH_OK);
        answer got = {.id = 0};
        whole_submit(client, request, &got);
        whole_drain(client);
        assert_answered(&got, 413, "big");
        answer_clear(&got);
        if (whole_version() == 11)
            assert_int_equal(whole_stats(client).connections_open, 0);
        hh_request_destroy(request);
        hh_client_destroy(client);
        peer_stop(server);
    }
    free(data);
}

/* The answer lies there already when writing fails: it is read, not the failure reported. */
static void test_answer_before_the_broken_pipe(void **state)
{
    (void)state;
    char *data = calloc(1, 2 * BIG);
    assert_non_null(data);
    peer *server =
        peer_of(SCRIPT(READ_HEAD, SEND("HTTP/1.1 403 No\r\nContent-Length: 3\r\n\r\nbad"),
                       {PEER_READ_BYTES, NULL, 100000}, WAIT_CLOSE));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, "POST", peer_url(server, "/"));
    assert_int_equal(hh_request_set_body_borrowed(request, data, 2 * BIG), HH_OK);
    answer got = {.id = 0};
    whole_submit(client, request, &got);
    whole_drain(client);
    assert_answered(&got, 403, "bad");
    answer_clear(&got);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
    free(data);
}

/* --- Expect: 100-continue -------------------------------------------------------------------- */

static hh_request *expecting(hh_client *client, peer *server, int pushed)
{
    hh_request *request = whole_request(client, "PUT", peer_url(server, "/up"));
    if (pushed)
        assert_int_equal(hh_request_set_body_stream(request, 4, HH_REWIND_POSSIBLE), HH_OK);
    else
        assert_int_equal(hh_request_set_body_copy(request, "text", 4), HH_OK);
    assert_int_equal(hh_request_set_expect_continue(request, HH_ON), HH_OK);
    return request;
}

static void test_100_lets_the_body_go(void **state)
{
    (void)state;
    for (int pushed = 0; pushed < 2; pushed++) {
        peer *server = peer_of(SCRIPT(READ_HEAD, SEND("HTTP/1.1 100 Continue\r\n\r\n"),
                                      {PEER_READ_BYTES, NULL, 4}, SEND(OK_HELLO), LOOP));
        hh_client *client = whole_client(NULL);
        hh_request *request = expecting(client, server, pushed);
        for (int i = 0; i < 2; i++) {
            source from = {.data = "text", .length = 4, .piece = 4};
            answer got = {.hook = feed, .context = &from};
            whole_submit(client, request, &got);
            whole_drain(client);
            assert_answered(&got, 200, "hello");
            assert_int_equal(from.wants, pushed);
            answer_clear(&got);
        }
        assert_int_equal(peer_connections(server), 1);
        hh_request_destroy(request);
        hh_client_destroy(client);
        peer_stop(server);
    }
}

static void until_head(hh_client *client, peer *server)
{
    int64_t until = clock_ms() + 60000;
    for (bool has_come = false; !has_come;) {
        char *seen = peer_received(server, 0);
        has_come = strstr(seen, "\r\n\r\n") != NULL;
        free(seen);
        assert_true(clock_ms() < until);
        whole_step(client, 1);
    }
}

static void assert_unsent(peer *server)
{
    char *seen = peer_received(server, 0);
    assert_lacks(seen, "text");
    free(seen);
}

static void test_no_100_ever(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO)));
    hh_client *client = whole_client(NULL);
    hh_request *request = expecting(client, server, 0);
    answer got = {.id = 0};
    whole_submit(client, request, &got);
    until_head(client, server);
    for (int i = 0; i < 3; i++) { /* whatever the peer has to say beside */
        whole_step(client, 10);
        assert_unsent(server);
    }
    uint64_t sent = whole_stats(client).bytes_sent;
    whole_pass(client, HH_EXPECT_WAIT_MS - 1);
    if (whole_version() == 11) /* else it may be about the connection */
        assert_int_equal(whole_stats(client).bytes_sent, sent);
    assert_unsent(server);
    held_clock_pass(1);
    whole_drain(client);
    assert_answered(&got, 200, "hello");
    answer_clear(&got);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_final_answer_instead_of_100(void **state)
{
    (void)state;
    static const char *const texts[] = {"HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno",
                                        "HTTP/1.1 200 Done\r\nContent-Length: 2\r\n\r\nno"};
    for (size_t i = 0; i < 4; i++) {
        peer *server = peer_of(SCRIPT(READ_HEAD, SEND(texts[i / 2]), WAIT_CLOSE));
        hh_client *client = whole_client(NULL);
        hh_request *request = expecting(client, server, (int)(i % 2));
        source from = {.data = "text", .length = 4, .piece = 4};
        answer got = {.hook = feed, .context = &from};
        whole_submit(client, request, &got);
        whole_drain(client);
        assert_answered(&got, i / 2 == 0 ? 401 : 200, "no");
        assert_int_equal(from.wants, 0);
        answer_clear(&got);
        assert_true(peer_wait_closed(server, 0));
        assert_unsent(server);
        hh_request_destroy(request);
        hh_client_destroy(client);
        peer_stop(server);
    }
}

/* --- once more from the start ---------------------------------------------------------------- */

static void test_replay_asks_from_the_start(void **state)
{
    (void)state;
    for (int rewind = HH_REWIND_IMPOSSIBLE; rewind <= HH_REWIND_POSSIBLE; rewind++) {
        peer *server =
            peer_of_two(SCRIPT(READ, SEND(OK_HELLO), READ, RESET), SCRIPT(READ, SEND(OK_HELLO)));
        hh_client *client = whole_client(NULL);
        answer got = {.id = 0};
        whole_get(client, peer_url(server, "/"), &got);
        answer_clear(&got);
        hh_request *request = stream_request(client, server, 4, (hh_rewind)rewind);
        source from = {.data = "text", .length = 4, .piece = 4};
        got.hook = feed;
        got.context = &from;
        whole_submit(client, request, &got);
        whole_drain(client);
        if (rewind == HH_REWIND_POSSIBLE) {
            assert_answered(&got, 200, "hello");
            assert_int_equal(from.wants, 2);
        } else {
            assert_int_equal(got.error.code, HH_ERR_RECEIVE);
            assert_int_equal(from.wants, 1);
        }
        answer_clear(&got);
        hh_request_destroy(request);
        hh_client_destroy(client);
        peer_stop(server);
    }
}

static void test_no_chunks_to_an_old_server(void **state)
{
    (void)state;
    peer *server = peer_of(
        SCRIPT(READ, SEND("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"),
               WAIT_CLOSE));
    hh_client *client = whole_client(NULL);
    answer got = {.id = 0};
    whole_get(client, peer_url(server, "/"), &got);
    answer_clear(&got);
    hh_request *request = stream_request(client, server, HH_LENGTH_UNKNOWN, HH_REWIND_IMPOSSIBLE);
    whole_submit(client, request, &got);
    whole_drain(client);
    assert_failed(&got, HH_ERR_PROTOCOL, HH_PHASE_SEND, "HTTP/1.0");
    answer_clear(&got);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_pushes),
        cmocka_unit_test(test_empty_pushed_body),
        cmocka_unit_test(test_big_push_is_taken_in_parts),
        cmocka_unit_test(test_wrong_lengths),
        cmocka_unit_test(test_last_is_implied_by_the_length),
        cmocka_unit_test(test_pushing_to_a_request_without_a_stream),
        cmocka_unit_test(test_early_refusal_of_a_pushed_body),
        cmocka_unit_test(test_early_refusal_of_a_big_body),
        cmocka_unit_test(test_answer_before_the_broken_pipe),
        WHOLE_HELD(test_100_lets_the_body_go),
        WHOLE_HELD(test_no_100_ever),
        WHOLE_HELD(test_final_answer_instead_of_100),
        cmocka_unit_test(test_replay_asks_from_the_start),
        cmocka_unit_test(test_no_chunks_to_an_old_server),
    };
    static const whole_h1_only h1_only[] = {
        {"test_no_chunks_to_an_old_server", "HTTP/1.0"},
    };
    return whole_run(&(whole_suite){WHOLE_TESTS(tests), WHOLE_H1_ONLY(h1_only)});
}
