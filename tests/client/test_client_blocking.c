/*
 * hh_get, hh_send and hh_send_all: many threads on one client, and beside events.
 */
#include "whole.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define FAR_MS 60000 /* a bound that is only met when something is missed */
#define THREADS 16
#define GETS 200

static const peer_step echo[] = {READ, SEND(OK_HELLO), LOOP};
static const peer_step held[] = {READ, WAIT_SIGNAL, SEND(OK_HELLO), LOOP};

typedef struct worker {
    pthread_t thread;
    hh_client *client;
    char url[100];
    unsigned count;
    unsigned answered;
    hh_status last;
} worker;

/* No cmocka in here: its assertions belong to the test's thread. */
static void *get_many(void *argument)
{
    worker *self = argument;
    for (unsigned i = 0; i < self->count; i++) {
        hh_response *response = NULL;
        hh_error error;
        self->last = hh_get(self->client, self->url, &response, &error);
        if (self->last != HH_OK) {
            fprintf(stderr, "%s: %s\n", hh_status_name(self->last), error.message);
            break;
        }
        hh_slice body = hh_response_body(response);
        self->answered += body.length == 5 && memcmp(body.data, "hello", 5) == 0;
        hh_response_destroy(response);
    }
    return NULL;
}

static void start(worker *self, hh_client *client, peer *server, unsigned count)
{
    *self = (worker){.client = client, .count = count, .last = HH_OK};
    snprintf(self->url, sizeof self->url, "%s", peer_url(server, "/"));
    assert_int_equal(pthread_create(&self->thread, NULL, get_many, self), 0);
}

static void finish(worker *self)
{
    assert_int_equal(pthread_join(self->thread, NULL), 0);
    assert_int_equal(self->last, HH_OK);
    assert_int_equal(self->answered, self->count);
}

static void test_get(void **state)
{
    (void)state;
    peer *server = peer_of(echo);
    hh_client *client = whole_client(NULL);
    hh_response *response = NULL;
    hh_error error;
    assert_int_equal(hh_get(client, peer_url(server, "/"), &response, &error), HH_OK);
    assert_int_equal(hh_response_status(response), 200);
    assert_slice(hh_response_body(response), "hello");
    assert_null(hh_next_event(client));
    assert_int_equal(hh_client_pending(client), 0);
    hh_response_destroy(response);
    response = NULL;
    assert_int_equal(hh_get(client, "nonsense", &response, &error), HH_ERR_INVALID_URL);
    assert_true(error.message[0] != '\0');
    assert_int_equal(hh_get(client, NULL, &response, &error), HH_ERR_INVALID_ARGUMENT);
    assert_int_equal(hh_get(client, "http://[::1]:1/", &response, NULL), HH_ERR_CONNECT);
    assert_null(response);
    hh_client_close(client);
    assert_int_equal(hh_get(client, peer_url(server, "/"), &response, &error),
                     HH_ERR_CLIENT_CLOSED);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_refused_requests(void **state)
{
    (void)state;
    hh_client *client = whole_client(NULL), *other = whole_client(NULL);
    hh_response *response = NULL;
    hh_error error;
    hh_request *request = whole_request(client, NULL, "http://127.0.0.1:1/");
    assert_int_equal(hh_request_set_questions(request, HH_ASK_REDIRECT), HH_OK);
    assert_int_equal(hh_send(client, request, &response, &error), HH_ERR_STATE);
    assert_contains(error.message, "hh_submit");
    hh_request_destroy(request);
    assert_int_equal(hh_send(client, NULL, &response, &error), HH_ERR_INVALID_ARGUMENT);
    assert_contains(error.message, "NULL");
    request = whole_request(client, "PUT", "http://127.0.0.1:1/");
    assert_int_equal(hh_request_set_body_stream(request, 5, HH_REWIND_POSSIBLE), HH_OK);
    assert_int_equal(hh_send(client, request, &response, &error), HH_ERR_STATE);
    hh_request_destroy(request);
    request = whole_request(other, NULL, "http://127.0.0.1:1/");
    assert_int_equal(hh_send(client, request, &response, &error), HH_ERR_INVALID_ARGUMENT);
    assert_contains(error.message, "another client");
    assert_int_equal(hh_submit(client, request, NULL, NULL), HH_ERR_INVALID_ARGUMENT);
    hh_request_destroy(request);
    assert_null(response);
    hh_client_destroy(client);
    hh_client_destroy(other);
}

static void test_many_threads(void **state)
{
    (void)state;
    peer *server = peer_of(echo);
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.max_connections = 5; /* so they also queue */
    hh_client *client = whole_client(&options);
    static worker workers[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        start(&workers[i], client, server, GETS);
    for (size_t i = 0; i < THREADS; i++)
        finish(&workers[i]);
    assert_int_equal(peer_requests(server), THREADS * GETS);
    assert_true(whole_stats(client).connections_opened <= 5);
    assert_at_rest(client);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_slow_server_holds_nobody_else_up(void **state)
{
    (void)state;
    peer *slow = peer_of(held), *fast = peer_of(echo);
    hh_client *client = whole_client(NULL);
    static worker waiting[3], quick[3];
    for (size_t i = 0; i < 3; i++) /* the first of these drives the loop for all */
        start(&waiting[i], client, slow, 1);
    while (peer_requests(slow) < 3)
        usleep(1000);
    for (size_t i = 0; i < 3; i++)
        start(&quick[i], client, fast, 50);
    for (size_t i = 0; i < 3; i++)
        finish(&quick[i]);
    /* And the other way about: the driver goes, the others go on. */
    for (size_t i = 0; i < 3; i++)
        peer_signal(slow);
    for (size_t i = 0; i < 3; i++)
        finish(&waiting[i]);
    assert_at_rest(client);
    hh_client_destroy(client);
    peer_stop(slow);
    peer_stop(fast);
}

static void test_send_all(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    peer *server = peer_of(echo), *broken = peer_of(SCRIPT(READ, SEND("garbage\r\n\r\n")));
    hh_client *client = whole_client(NULL);
    hh_status why = whole_version() == 20 ? HH_ERR_STREAM_RESET : HH_ERR_PROTOCOL;
    hh_request *requests[COUNT];
    hh_response *responses[COUNT];
    static hh_error errors[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        requests[i] = whole_request(client, NULL, peer_url(i == 37 ? broken : server, "/"));
    assert_int_equal(hh_send_all(client, requests, COUNT, responses, errors), why);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(errors[i].code, i == 37 ? why : HH_OK);
        assert_int_equal(responses[i] == NULL, i == 37);
        if (i != 37)
            assert_slice(hh_response_body(responses[i]), "hello");
        hh_response_destroy(responses[i]);
    }
    /* A hole among them is that item's failure alone; errors may be NULL. */
    hh_request *hole = requests[37];
    hh_request_destroy(hole);
    requests[37] = NULL;
    assert_int_equal(hh_send_all(client, requests, COUNT, responses, NULL),
                     HH_ERR_INVALID_ARGUMENT);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(responses[i] == NULL, i == 37);
        hh_response_destroy(responses[i]);
        hh_request_destroy(requests[i]);
    }
    assert_int_equal(hh_send_all(client, NULL, 0, responses, NULL), HH_OK);
    assert_int_equal(hh_send_all(client, requests, 1000001, responses, NULL), HH_ERR_LIMIT);
    assert_at_rest(client);
    hh_client_destroy(client);
    peer_stop(server);
    peer_stop(broken);
}

/* --- signals --------------------------------------------------------------------------------- */

static void on_signal(int number)
{
    (void)number;
}

static void *interrupted_get(void *argument)
{
    worker *self = argument;
    hh_response *response = NULL;
    self->last = hh_get(self->client, self->url, &response, NULL);
    hh_response_destroy(response);
    return NULL;
}

/* Of two threads, the one that drives and the one that sleeps; each may be interrupted. */
static void test_signal_ends_a_wait(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = on_signal}, old;
    assert_int_equal(sigaction(SIGUSR1, &action, &old), 0);
    for (int victim = 0; victim < 2; victim++) {
        peer *server = peer_of(held);
        hh_client *client = whole_client(NULL);
        static worker two[2];
        for (size_t i = 0; i < 2; i++) {
            two[i] = (worker){.client = client};
            snprintf(two[i].url, sizeof two[i].url, "%s", peer_url(server, "/"));
            assert_int_equal(pthread_create(&two[i].thread, NULL, interrupted_get, &two[i]), 0);
            while (peer_requests(server) < i + 1)
                usleep(1000);
        }
        /* The signal may come before the thread waits again; so again, until it has ended. */
        while (whole_stats(client).exchanges_in_flight == 2) {
            pthread_kill(two[victim].thread, SIGUSR1);
            usleep(2000);
        }
        pthread_join(two[victim].thread, NULL);
        assert_int_equal(two[victim].last, HH_INTERRUPTED);
        peer_signal(server);
        peer_signal(server);
        pthread_join(two[1 - victim].thread, NULL);
        assert_int_equal(two[1 - victim].last, HH_OK);
        assert_at_rest(client);
        hh_client_destroy(client);
        peer_stop(server);
    }
    sigaction(SIGUSR1, &old, NULL);
}

/* --- beside events --------------------------------------------------------------------------- */

/* A blocking call moves submits forward as well; their events wait, and the descriptor says so. */
static void test_blocking_call_moves_submits(void **state)
{
    (void)state;
    peer *server = peer_of(echo), *slow = peer_of(held);
    hh_client *client = whole_client(NULL);
    answer got = {.id = 0};
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    whole_submit(client, request, &got);
    static worker self;
    start(&self, client, slow, 1);
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, hh_client_fd(client), &event), 0);
    int64_t until = clock_ms() + FAR_MS;
    while (got.terminals == 0) { /* a loop of the caller's own, that sleeps on the descriptor */
        assert_true(clock_ms() < until);
        assert_int_equal(epoll_wait(epoll, &event, 1, FAR_MS), 1);
        whole_step(client, 0);
    }
    assert_answered(&got, 200, "hello");
    peer_signal(slow);
    finish(&self);
    answer_clear(&got);

    /* One thread only: what came during the call is announced after it. */
    whole_submit(client, request, &got);
    hh_response *response = NULL;
    while (got.terminals == 0) {
        assert_int_equal(hh_get(client, peer_url(server, "/"), &response, NULL), HH_OK);
        hh_response_destroy(response);
        assert_true(clock_ms() < until);
        if (whole_stats(client).exchanges_in_flight > 0)
            continue;
        assert_int_equal(epoll_wait(epoll, &event, 1, FAR_MS), 1);
        whole_step(client, 0);
    }
    assert_answered(&got, 200, "hello");
    answer_clear(&got);
    close(epoll);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
    peer_stop(slow);
}

typedef struct stepper {
    pthread_t thread;
    hh_client *client;
    hh_request *request;
    unsigned count;
    unsigned ended;
    atomic_int gives_up;
} stepper;

static void *submit_many(void *argument)
{
    stepper *self = argument;
    for (unsigned i = 0; i < self->count; i++) {
        if (hh_submit(self->client, self->request, NULL, NULL) != HH_OK)
            return NULL;
        int ended = 0;
        while (!ended && !atomic_load(&self->gives_up)) {
            const hh_event *event;
            if (hh_client_step(self->client, FAR_MS) != HH_OK)
                return NULL;
            while ((event = hh_next_event(self->client)) != NULL) {
                ended |= event->type == HH_EVENT_DONE;
                hh_event_release(self->client, event);
            }
        }
        self->ended += (unsigned)ended;
    }
    return NULL;
}

/* Steps that may wait for a minute, beside threads in blocking calls: nobody misses anything. */
static void test_threads_that_step_and_threads_that_block(void **state)
{
    (void)state;
    peer *server = peer_of(echo);
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    static worker workers[4];
    static stepper self;
    self = (stepper){.client = client, .request = request, .count = 300};
    int64_t began = clock_ms();
    assert_int_equal(pthread_create(&self.thread, NULL, submit_many, &self), 0);
    for (size_t i = 0; i < 4; i++)
        start(&workers[i], client, server, 300);
    for (size_t i = 0; i < 4; i++)
        finish(&workers[i]);
    pthread_join(self.thread, NULL);
    assert_int_equal(self.ended, 300);
    assert_true(clock_ms() - began < FAR_MS);
    assert_at_rest(client);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

typedef struct restless {
    hh_client *client;
    atomic_int is_over;
    pthread_t thread;
} restless;

static void *step_only(void *argument)
{
    restless *self = argument;
    while (!atomic_load(&self->is_over))
        assert_true(hh_client_step(self->client, 0) == HH_OK);
    return NULL;
}

/* Events that another thread's step has queued end a wait, though the descriptor is silent again.
 */
static void test_events_of_another_step_end_a_wait(void **state)
{
    (void)state;
    peer *server = peer_of(echo);
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    restless other = {.client = client};
    int64_t began = clock_ms();
    assert_int_equal(pthread_create(&other.thread, NULL, step_only, &other), 0);
    for (int i = 0; i < 200; i++) {
        answer got = {.id = 0};
        whole_submit(client, request, &got);
        while (got.terminals == 0)
            whole_step(client, FAR_MS);
        answer_clear(&got);
    }
    atomic_store(&other.is_over, 1);
    pthread_join(other.thread, NULL);
    assert_true(clock_ms() - began < FAR_MS);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

/* Nobody pulls the events meanwhile: the blocking call neither hangs nor spins. */
static void test_unpulled_events_slow_no_blocking_call(void **state)
{
    (void)state;
    peer *server = peer_of(echo);
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    answer got = {.id = 0};
    whole_submit(client, request, &got);
    for (int i = 0; i < 100; i++) {
        hh_response *response = NULL;
        assert_int_equal(hh_get(client, peer_url(server, "/"), &response, NULL), HH_OK);
        hh_response_destroy(response);
    }
    whole_drain(client);
    assert_answered(&got, 200, "hello");
    answer_clear(&got);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_refused_requests),
        cmocka_unit_test(test_many_threads),
        cmocka_unit_test(test_slow_server_holds_nobody_else_up),
        cmocka_unit_test(test_send_all),
        cmocka_unit_test(test_signal_ends_a_wait),
        cmocka_unit_test(test_blocking_call_moves_submits),
        cmocka_unit_test(test_threads_that_step_and_threads_that_block),
        cmocka_unit_test(test_events_of_another_step_end_a_wait),
        cmocka_unit_test(test_unpulled_events_slow_no_blocking_call),
    };
    return whole_run(&(whole_suite){WHOLE_TESTS(tests)});
}
