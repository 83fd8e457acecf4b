/*
 * Cancelling, closing and destroying at every moment; what outlives the client; a short storm.
 */
#include "whole.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inside.h"
#include "storm.h"

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define HALF "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"
#define LEADS "HTTP/1.1 302 X\r\nLocation: /n\r\nContent-Length: 0\r\n\r\n"

static void check_cancelled(hh_client *client, answer *got, const char *events)
{
    assert_int_equal(hh_cancel(client, got->id), HH_OK);
    assert_int_equal(hh_cancel(client, got->id), HH_ERR_STATE);
    assert_int_equal(hh_client_pending(client), 1); /* until it is pulled */
    whole_drain(client);
    assert_failed(got, HH_ERR_CANCELLED, HH_PHASE_NONE, "was cancelled");
    assert_int_equal(got->error.category, HH_CATEGORY_FATAL);
    if (events != NULL)
        assert_string_equal(got->events, events);
    for (int i = 0; i < 3; i++)
        whole_step(client, 0);
    assert_int_equal(got->terminals, 1);
    answer_clear(got);
    assert_int_equal(inside_pool_balances(client), 1);
}

static void test_before_connecting(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO), LOOP));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    answer got = {.id = 0};
    whole_submit(client, request, &got);
    check_cancelled(client, &got, "E");
    /* The dial that was under way serves the next one. */
    whole_submit(client, request, &got);
    whole_drain(client);
    assert_answered(&got, 200, "hello");
    answer_clear(&got);
    assert_int_equal(peer_connections(server), 1);
    assert_at_rest(client);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_while_queued(void **state)
{
    (void)state;
    peer_allow_streams(1);
    peer *server = peer_of(SCRIPT(READ, WAIT_SIGNAL, SEND(OK_HELLO), LOOP));
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.max_connections = 1;
    hh_client *client = whole_client(&options);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    answer first = {.id = 0}, second = {.id = 0}, third = {.id = 0};
    whole_submit(client, request, &first);
    whole_until_requests(client, server, 1);
    whole_step(client, 0); /* and what it allows */
    whole_submit(client, request, &second);
    whole_submit(client, request, &third);
    assert_int_equal(whole_stats(client).exchanges_queued, 2);
    assert_int_equal(hh_cancel(client, second.id), HH_OK);
    assert_int_equal(whole_stats(client).exchanges_queued, 1);
    peer_signal(server);
    peer_signal(server);
    whole_drain(client);
    assert_answered(&first, 200, "hello");
    assert_failed(&second, HH_ERR_CANCELLED, HH_PHASE_NONE, NULL);
    assert_answered(&third, 200, "hello");
    answer_clear(&first);
    answer_clear(&second);
    answer_clear(&third);
    assert_at_rest(client);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_after_sending(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, WAIT_CLOSE));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    answer got = {.id = 0};
    whole_submit(client, request, &got);
    whole_until_requests(client, server, 1);
    assert_int_equal(hh_cancel(client, got.id), HH_OK);
    whole_drain(client);
    assert_int_equal(got.error.processed, HH_PROCESSED_MAYBE);
    answer_clear(&got);
    whole_until_closed(client, server, 0); /* no later answer can be mistaken for another's */
    assert_int_equal(whole_stats(client).connections_open, whole_version() == 20);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_after_headers_and_in_the_body(void **state)
{
    (void)state;
    for (int step = 0; step < 2; step++) {
        peer *server = peer_of(SCRIPT(READ, SEND(HALF), WAIT_CLOSE));
        hh_client *client = whole_client(NULL);
        hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
        answer got = {.id = 0};
        whole_submit(client, request, &got);
        whole_until(client, &got, step == 0 ? 'H' : 'B');
        /* HTTP/1 has both in one piece. */
        check_cancelled(client, &got, step == 0 && whole_version() == 20 ? NULL : "HBE");
        whole_until_closed(client, server, 0);
        hh_request_destroy(request);
        hh_client_destroy(client);
        peer_stop(server);
    }
}

/* Events that are queued already still come, and the terminal one comes last. */
static void test_while_events_are_queued(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND(HALF), WAIT_CLOSE));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    answer got = {.id = 0};
    whole_submit(client, request, &got);
    while (whole_stats(client).unreleased_bytes < 5)
        assert_int_equal(hh_client_step(client, 1000), HH_OK);
    check_cancelled(client, &got, "HBE");
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_after_the_end_but_before_pulling(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO), LOOP));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    answer got = {.id = 0};
    whole_submit(client, request, &got);
    while (whole_stats(client).exchanges_done == 0)
        assert_int_equal(hh_client_step(client, 1000), HH_OK);
    assert_int_equal(hh_cancel(client, got.id), HH_ERR_STATE);
    whole_drain(client);
    assert_answered(&got, 200, "hello");
    answer_clear(&got);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_while_asking(void **state)
{
    (void)state;
    static const unsigned masks[] = {HH_ASK_RESOLVE, HH_ASK_REDIRECT};
    for (size_t i = 0; i < 2; i++) {
        peer *server = peer_of(SCRIPT(READ, SEND(LEADS), WAIT_CLOSE));
        hh_client *client = whole_client(NULL);
        hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
        assert_int_equal(hh_request_set_questions(request, masks[i]), HH_OK);
        answer got = {.id = 0};
        whole_submit(client, request, &got);
        whole_until(client, &got, 'A');
        check_cancelled(client, &got, "AE");
        hh_request_destroy(request);
        hh_client_destroy(client);
        peer_stop(server);
    }
}

/* From within the handling of each event. */
static void cancel_at(hh_client *client, const hh_event *event, answer *to)
{
    const hh_event_type *type = to->context;
    if (event->type == *type)
        assert_int_equal(hh_cancel(client, event->id), HH_OK);
}

static void test_from_each_event(void **state)
{
    (void)state;
    static const hh_event_type types[] = {HH_EVENT_HEADERS, HH_EVENT_BODY, HH_EVENT_WANT_BODY,
                                          HH_EVENT_ASK, HH_EVENT_TRACE};
    for (size_t i = 0; i < 5; i++) {
        peer *server = peer_of(SCRIPT(READ, SEND(LEADS), READ, SEND(HALF), WAIT_CLOSE));
        hh_client *client = whole_client(NULL);
        hh_request *request = whole_request(client, "PUT", peer_url(server, "/"));
        if (types[i] == HH_EVENT_ASK)
            assert_int_equal(hh_request_set_questions(request, HH_ASK_REDIRECT), HH_OK);
        if (types[i] == HH_EVENT_WANT_BODY)
            assert_int_equal(hh_request_set_body_stream(request, 5, HH_REWIND_POSSIBLE), HH_OK);
        if (types[i] == HH_EVENT_TRACE)
            assert_int_equal(hh_request_set_trace(request, HH_ON), HH_OK);
        hh_event_type type = types[i];
        answer got = {.hook = cancel_at, .context = &type};
        if (type == HH_EVENT_TRACE)
            got.hook = NULL;
        whole_submit(client, request, &got);
        if (type == HH_EVENT_TRACE) {
            whole_until(client, &got, 'T');
            assert_int_equal(hh_cancel(client, got.id), HH_OK);
        }
        whole_drain(client);
        assert_failed(&got, HH_ERR_CANCELLED, HH_PHASE_NONE, NULL);
        answer_clear(&got);
        assert_at_rest(client);
        hh_request_destroy(request);
        hh_client_destroy(client);
        peer_stop(server);
    }
}

/* --- the whole client ------------------------------------------------------------------------ */

#define KINDS 7

typedef struct crowd {
    peer *servers[4];
    hh_client *client;
    hh_request *requests[KINDS];
    answer got[KINDS];
} crowd;

/* One request in each state: dialling, queued, sent, in the body, held events, asking, asked for a
 * body. */
static void gather(crowd *of)
{
    memset(of, 0, sizeof *of);
    static const peer_step scripts[4][4] = {{READ, WAIT_CLOSE},
                                            {READ, SEND(HALF), WAIT_CLOSE},
                                            {READ, SEND(LEADS), WAIT_CLOSE},
                                            {READ_HEAD, WAIT_CLOSE}};
    for (size_t i = 0; i < 4; i++)
        of->servers[i] = peer_of(scripts[i]);
    static const int where[KINDS] = {0, 0, 1, 1, 2, 2, 3};
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.max_connections_per_origin = 1;
    options.max_connections = 10;
    of->client = whole_client(&options);
    for (size_t i = 0; i < KINDS; i++) {
        of->requests[i] = whole_request(of->client, i == 6 ? "POST" : "GET",
                                        peer_url(of->servers[where[i]], "/"));
        if (i == 4 || i == 5)
            assert_int_equal(hh_request_set_questions(of->requests[i],
                                                      i == 4 ? HH_ASK_REDIRECT : HH_ASK_RESOLVE),
                             HH_OK);
        if (i == 6)
            assert_int_equal(hh_request_set_body_stream(of->requests[i], 100, HH_REWIND_IMPOSSIBLE),
                             HH_OK);
        of->got[i].holds = 1;
        whole_submit(of->client, of->requests[i], &of->got[i]);
    }
    whole_until(of->client, &of->got[2], 'B');
    whole_until(of->client, &of->got[4], 'A');
    whole_until(of->client, &of->got[6], 'W');
    whole_until_requests(of->client, of->servers[0], 1);
}

static void disperse(crowd *of)
{
    for (size_t i = 0; i < KINDS; i++) {
        hh_request_destroy(of->requests[i]);
        answer_clear(&of->got[i]);
    }
    for (size_t i = 0; i < 4; i++)
        peer_stop(of->servers[i]);
}

static void test_close_with_everything_in_flight(void **state)
{
    (void)state;
    static crowd of;
    size_t before = open_descriptors();
    gather(&of);
    hh_client_close(of.client);
    assert_int_equal(hh_client_pending(of.client), KINDS);
    hh_id id;
    assert_int_equal(hh_submit(of.client, of.requests[0], NULL, &id), HH_ERR_CLIENT_CLOSED);
    whole_drain(of.client);
    for (size_t i = 0; i < KINDS; i++) {
        assert_failed(&of.got[i], HH_ERR_CLIENT_CLOSED, HH_PHASE_NONE, "closed");
        whole_release(of.client, &of.got[i], of.got[i].held_count);
    }
    hh_client_close(of.client);
    assert_at_rest(of.client);
    hh_client_destroy(of.client);
    disperse(&of);
    assert_int_equal(open_descriptors(), before);
}

static void test_destroy_with_everything_in_flight(void **state)
{
    (void)state;
    static crowd of;
    size_t before = open_descriptors();
    gather(&of);
    hh_client_destroy(of.client); /* events held by us go with it */
    disperse(&of);                /* requests may be destroyed later */
    assert_int_equal(open_descriptors(), before);
}

static void test_destroy_with_events_unpulled(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO), LOOP));
    for (int pulled = 0; pulled < 4; pulled++) {
        hh_client *client = whole_client(NULL);
        hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
        answer got = {.id = 0};
        whole_submit(client, request, &got);
        while (whole_stats(client).exchanges_done == 0)
            assert_int_equal(hh_client_step(client, 1000), HH_OK);
        for (int i = 0; i < pulled; i++)
            assert_non_null(hh_next_event(client));
        hh_request_destroy(request);
        hh_client_destroy(client);
    }
    peer_stop(server);
}

static void keep_buf(hh_client *client, const hh_event *event, answer *to)
{
    (void)client;
    if (event->type == HH_EVENT_BODY) {
        hh_event *copy = to->context;
        *copy = *event;
        hh_buf_ref(copy->buf);
    }
}

static void test_responses_and_bufs_outlive_the_client(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO), LOOP));
    hh_client *client = whole_client(NULL);
    hh_event kept = {.type = HH_EVENT_BODY};
    answer got = {.hook = keep_buf, .context = &kept};
    whole_get(client, peer_url(server, "/"), &got);
    hh_client_destroy(client);
    peer_stop(server);
    assert_answered(&got, 200, "hello");
    assert_slice(kept.body, "hello");
    assert_contains(hh_response_url(got.response).data, "http://127.0.0.1");
    hh_buf_unref(kept.buf);
    answer_clear(&got);
}

static void test_request_outlives_the_client(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO), LOOP));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    hh_request *unsent = whole_request(client, NULL, peer_url(server, "/"));
    answer got = {.id = 0};
    whole_submit(client, request, &got);
    hh_client_destroy(client);
    hh_request_destroy(request);
    hh_request_destroy(unsent);
    hh_client_destroy(NULL);
    peer_stop(server);
}

/* --- storms ---------------------------------------------------------------------------------- */

static void test_storm_of_cancels(void **state)
{
    (void)state;
    storm what = {.seed = 20260101, .requests = 3000, .at_once = 40};
    storm_run(&what);
    assert_int_equal(what.answered + what.failed, 3000);
    assert_true(what.answered > 500 && what.cancelled > 100 && what.pushed > 50);
    assert_true(what.asked > 20 && what.redirected > 20);
}

static void test_storm_of_trouble(void **state)
{
    (void)state;
    storm what = {.seed = 7, .requests = 2000, .at_once = 40, .with_trouble = 1};
    storm_run(&what);
    assert_int_equal(what.answered + what.failed, 2000);
    assert_true(what.broken > 20 && what.timed_out > 20 && what.answered > 100);
}

/* A request of a client that has gone names none that came after, wherever that one lies. */
static void test_request_of_a_client_that_has_gone(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        hh_client *gone = whole_client(NULL);
        hh_request *request = whole_request(gone, NULL, "http://127.0.0.1:1/");
        hh_client_destroy(gone);
        hh_client *client = whole_client(NULL);
        assert_int_equal(hh_submit(client, request, NULL, NULL), HH_ERR_INVALID_ARGUMENT);
        hh_request_destroy(request);
        hh_client_destroy(client);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before_connecting),
        cmocka_unit_test(test_while_queued),
        cmocka_unit_test(test_after_sending),
        cmocka_unit_test(test_after_headers_and_in_the_body),
        cmocka_unit_test(test_while_events_are_queued),
        cmocka_unit_test(test_after_the_end_but_before_pulling),
        cmocka_unit_test(test_while_asking),
        cmocka_unit_test(test_from_each_event),
        cmocka_unit_test(test_close_with_everything_in_flight),
        cmocka_unit_test(test_destroy_with_everything_in_flight),
        cmocka_unit_test(test_destroy_with_events_unpulled),
        cmocka_unit_test(test_responses_and_bufs_outlive_the_client),
        cmocka_unit_test(test_request_outlives_the_client),
        cmocka_unit_test(test_storm_of_cancels),
        cmocka_unit_test(test_storm_of_trouble),
        cmocka_unit_test(test_request_of_a_client_that_has_gone),
    };
    return whole_run(&(whole_suite){WHOLE_TESTS(tests)});
}
