/*
 * Connections that die under a request: what is sent again unasked, what isn't, and two attempts of
 * one exchange that race.
 */
#include "whole.h"

#include <stdlib.h>
#include <string.h>

#include "inside.h"

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define OK_FIRST "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst"

static void warm_up(hh_client *client, peer *server)
{
    answer got = {.id = 0};
    whole_get(client, peer_url(server, "/warm"), &got);
    assert_answered(&got, 200, "hello");
    answer_clear(&got);
    assert_int_equal(whole_stats(client).connections_idle, 1);
}

typedef struct death {
    const char *method;
    const char *body; /* NULL: none */
    peer_action how;  /* PEER_END or PEER_RESET, after reading the request */
    int is_replayed;
} death;

static void test_dies_under_the_request(void **state)
{
    (void)state;
    static const death cases[] = {
        {"GET", NULL, PEER_END, 1},    {"GET", NULL, PEER_RESET, 1},
        {"HEAD", NULL, PEER_RESET, 1}, {"PUT", "body", PEER_RESET, 1},
        {"DELETE", NULL, PEER_END, 1}, {"POST", "body", PEER_END, 0},
        {"POST", NULL, PEER_RESET, 0}, {"PATCH", "b", PEER_END, 0},
        {"QUERY", NULL, PEER_END, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const death *now = &cases[i];
        int is_head = strcmp(now->method, "HEAD") == 0;
        peer *server =
            peer_of_two(SCRIPT(READ, SEND(OK_HELLO), READ, {now->how, NULL, 0}),
                        SCRIPT(READ, SEND(is_head ? "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
                                                  : OK_HELLO)));
        hh_client *client = whole_client(NULL);
        warm_up(client, server);
        hh_request *request = whole_request(client, now->method, peer_url(server, "/x"));
        if (now->body != NULL)
            assert_int_equal(hh_request_set_body_copy(request, now->body, strlen(now->body)),
                             HH_OK);
        answer got = {.id = 0};
        whole_submit(client, request, &got);
        whole_drain(client);
        if (now->is_replayed) {
            assert_answered(&got, 200, is_head ? "" : "hello");
            assert_int_equal(hh_response_attempt_count(got.response), 2);
            assert_int_equal(hh_response_is_reused(got.response), 0);
            assert_int_equal(hh_response_redirect_count(got.response), 0);
        } else {
            assert_int_equal(got.terminals, 1);
            assert_true(got.error.code == HH_ERR_EMPTY_RESPONSE ||
                        got.error.code == HH_ERR_RECEIVE);
            assert_int_equal(got.error.processed, HH_PROCESSED_MAYBE);
        }
        assert_int_equal(whole_stats(client).replays, now->is_replayed);
        assert_int_equal(peer_connections(server), 1 + (size_t)now->is_replayed);
        answer_clear(&got);
        assert_at_rest(client);
        hh_request_destroy(request);
        hh_client_destroy(client);
        peer_stop(server);
    }
}

/* The server closed while nobody stepped: the request goes out on a dead connection, or finds out
 * before. Either way it is answered. */
static void test_closed_while_idle(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        peer *server =
            peer_of_two(SCRIPT(READ, SEND(OK_HELLO), WAIT_SIGNAL), SCRIPT(READ, SEND(OK_HELLO)));
        hh_client *client = whole_client(NULL);
        warm_up(client, server);
        peer_signal(server);
        answer got = {.id = 0};
        whole_get(client, peer_url(server, "/x"), &got);
        assert_answered(&got, 200, "hello");
        answer_clear(&got);
        hh_client_destroy(client);
        peer_stop(server);
    }
}

/* A connection made for the request alone that dies is a failure to report. */
static void test_fresh_connection_is_not_replayed(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ));
    hh_client *client = whole_client(NULL);
    answer got = {.id = 0};
    whole_get(client, peer_url(server, "/"), &got);
    assert_failed(&got, HH_ERR_EMPTY_RESPONSE, HH_PHASE_HEADERS, NULL);
    assert_int_equal(peer_connections(server), 1);
    answer_clear(&got);
    hh_client_destroy(client);
    peer_stop(server);
}

/* A server that is coming up or going down may take the connection dialled for a replay, and close
 * it, too. One more is made. */
static void test_dies_under_the_replay(void **state)
{
    (void)state;
    for (int is_reset = 0; is_reset < 2; is_reset++) {
        peer_step dies[] = {READ, {is_reset ? PEER_RESET : PEER_END, NULL, 0}, {PEER_END, NULL, 0}};
        peer *server =
            peer_of_three(SCRIPT(READ, SEND(OK_HELLO), READ), dies, SCRIPT(READ, SEND(OK_HELLO)));
        hh_client *client = whole_client(NULL);
        warm_up(client, server);
        answer got = {.id = 0};
        whole_get(client, peer_url(server, "/x"), &got);
        assert_answered(&got, 200, "hello");
        assert_int_equal(hh_response_attempt_count(got.response), 3);
        assert_int_equal(whole_stats(client).replays, 2);
        assert_int_equal(peer_connections(server), 3);
        answer_clear(&got);
        assert_at_rest(client);
        hh_client_destroy(client);
        peer_stop(server);
    }
}

static void test_not_a_third_time(void **state)
{
    (void)state;
    peer *server = peer_of_two(SCRIPT(READ, SEND(OK_HELLO), READ), SCRIPT(READ));
    hh_client *client = whole_client(NULL);
    warm_up(client, server);
    answer got = {.id = 0};
    whole_get(client, peer_url(server, "/x"), &got);
    assert_failed(&got, HH_ERR_EMPTY_RESPONSE, HH_PHASE_HEADERS, NULL);
    assert_int_equal(whole_stats(client).replays, 2);
    assert_int_equal(peer_connections(server), 3);
    answer_clear(&got);
    hh_client_destroy(client);
    peer_stop(server);
}

/* Not once an answer has begun, be it a 1xx or half a head. */
static void test_not_after_a_byte_of_an_answer(void **state)
{
    (void)state;
    static const char *const begun[] = {"H", "HTTP/1.1 100 Continue\r\n\r\n"};
    for (size_t i = 0; i < 2; i++) {
        peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO), READ, SEND(begun[i])));
        hh_client *client = whole_client(NULL);
        warm_up(client, server);
        answer got = {.id = 0};
        whole_get(client, peer_url(server, "/x"), &got);
        assert_failed(&got, HH_ERR_TRUNCATED, HH_PHASE_HEADERS, NULL);
        assert_int_equal(got.error.processed, HH_PROCESSED_YES);
        assert_int_equal(whole_stats(client).replays, 0);
        answer_clear(&got);
        hh_client_destroy(client);
        peer_stop(server);
    }
}

/* A POST of which provably nothing was sent goes out again. The dead connections are all found out
 * by one request. */
static void test_unsent_post_goes_again(void **state)
{
    (void)state;
    peer *server = peer_of_two(SCRIPT(READ, SEND(OK_HELLO), RESET), SCRIPT(READ, SEND(OK_HELLO)));
    hh_client *client = whole_client(NULL);
    answer got = {.id = 0};
    whole_get(client, peer_url(server, "/warm"), &got);
    answer_clear(&got);
    /* The reset arrives, unseen by a step. Over HTTP/2 the warm-up's last step may have seen it. */
    while (whole_stats(client).connections_idle > 0 && !inside_idle_is_dead(client))
        ;
    hh_request *request = whole_request(client, "POST", peer_url(server, "/x"));
    assert_int_equal(hh_request_set_body_copy(request, "once", 4), HH_OK);
    whole_submit(client, request, &got);
    whole_drain(client);
    assert_answered(&got, 200, "hello");
    answer_clear(&got);
    char *seen = peer_received(server, 1);
    assert_int_equal(count_of(seen, "once"), 1);
    free(seen);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

/* --- races ----------------------------------------------------------------------------------- */

/* Two idle connections, then one exchange on both. `late`: whose answer comes second. */
static void test_racing_attempts_see_one_answer(void **state)
{
    (void)state;
    for (int delivery = HH_DELIVER_STREAM; delivery <= HH_DELIVER_WHOLE; delivery++) {
        peer *server = peer_of(SCRIPT(READ, WAIT_SIGNAL, SEND(OK_HELLO), READ, WAIT_SIGNAL,
                                      SEND(OK_FIRST), WAIT_CLOSE));
        hh_client *client = whole_client(NULL);
        hh_request *request = whole_request(client, NULL, peer_url(server, "/race"));
        assert_int_equal(hh_request_set_delivery(request, (hh_delivery)delivery), HH_OK);
        answer warm[2] = {{.id = 0}, {.id = 0}};
        whole_submit(client, request, &warm[0]);
        whole_submit(client, request, &warm[1]);
        whole_until_requests(client, server, 2);
        peer_signal(server);
        peer_signal(server);
        whole_drain(client);
        assert_int_equal(whole_stats(client).connections_idle, 2);

        answer got = {.id = 0};
        whole_submit(client, request, &got);
        assert_int_equal(inside_race(client, got.id), 1);
        assert_int_equal(inside_race(client, got.id), 0);
        whole_until_requests(client, server, 4);
        peer_signal(server); /* both answer at once */
        peer_signal(server);
        whole_drain(client);
        assert_answered(&got, 200, "first");
        assert_string_equal(got.events, delivery == HH_DELIVER_STREAM ? "HBD" : "D");
        assert_int_equal(hh_response_attempt_count(got.response), 2);
        for (int i = 0; i < 5; i++)
            whole_step(client, 1);
        assert_int_equal(got.terminals, 1);
        assert_int_equal(whole_stats(client).connections_open, 1); /* the loser is closed */
        assert_at_rest(client);
        answer_clear(&got);
        answer_clear(&warm[0]);
        answer_clear(&warm[1]);
        hh_request_destroy(request);
        hh_client_destroy(client);
        peer_stop(server);
    }
}

/* One attempt dies, the other answers; and both die. */
static void test_racing_attempts_that_die(void **state)
{
    (void)state;
    for (int both = 0; both < 2; both++) {
        const peer_step *dying = SCRIPT(READ, WAIT_SIGNAL, SEND(OK_HELLO), READ, RESET);
        peer *server = peer_of_three(
            dying, both ? dying : SCRIPT(READ, WAIT_SIGNAL, SEND(OK_HELLO), READ, SEND(OK_FIRST)),
            SCRIPT(READ, SEND(OK_HELLO)));
        hh_client *client = whole_client(NULL);
        hh_request *request = whole_request(client, NULL, peer_url(server, "/race"));
        answer warm[2] = {{.id = 0}, {.id = 0}};
        whole_submit(client, request, &warm[0]);
        whole_submit(client, request, &warm[1]);
        whole_until_requests(client, server, 2);
        peer_signal(server);
        peer_signal(server);
        whole_drain(client);
        answer got = {.id = 0};
        whole_submit(client, request, &got);
        assert_int_equal(inside_race(client, got.id), 1);
        whole_drain(client);
        assert_answered(&got, 200, both ? "hello" : "first");
        assert_int_equal(whole_stats(client).replays, both);
        assert_at_rest(client);
        answer_clear(&got);
        answer_clear(&warm[0]);
        answer_clear(&warm[1]);
        hh_request_destroy(request);
        hh_client_destroy(client);
        peer_stop(server);
    }
}

/* The first attempt may have been heard, though the second couldn't even connect. */
static void test_failed_replay_may_have_been_processed(void **state)
{
    (void)state;
    peer *server = peer_of(
        SCRIPT(READ, SEND("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), READ, WAIT_CLOSE));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    answer got = {.id = 0};
    whole_submit(client, request, &got);
    whole_drain(client);
    assert_answered(&got, 200, "ok");
    answer_clear(&got);
    memset(&got, 0, sizeof got);
    whole_submit(client, request, &got);
    whole_until_requests(client, server, 2);
    peer_stop(server);
    whole_drain(client);
    assert_failed(&got, HH_ERR_CONNECT, HH_PHASE_CONNECT, NULL);
    assert_int_equal(got.error.processed, HH_PROCESSED_MAYBE);
    assert_int_equal(whole_stats(client).replays, 1);
    answer_clear(&got);
    hh_request_destroy(request);
    hh_client_destroy(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dies_under_the_request),
        cmocka_unit_test(test_closed_while_idle),
        cmocka_unit_test(test_fresh_connection_is_not_replayed),
        cmocka_unit_test(test_dies_under_the_replay),
        cmocka_unit_test(test_not_a_third_time),
        cmocka_unit_test(test_not_after_a_byte_of_an_answer),
        cmocka_unit_test(test_unsent_post_goes_again),
        cmocka_unit_test(test_racing_attempts_see_one_answer),
        cmocka_unit_test(test_racing_attempts_that_die),
        cmocka_unit_test(test_failed_replay_may_have_been_processed),
    };
    static const whole_h1_only h1_only[] = {
        {"test_fresh_connection_is_not_replayed", "an HTTP/2 connection is for whoever comes"},
        {"test_not_after_a_byte_of_an_answer", "a head comes whole or not at all"},
        {"test_racing_attempts_see_one_answer", "a race takes two connections"},
        {"test_racing_attempts_that_die", "a race takes two connections"},
    };
    return whole_run(&(whole_suite){WHOLE_TESTS(tests), WHOLE_H1_ONLY(h1_only)});
}
