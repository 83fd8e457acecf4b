/*
 * Channels: one exchange event by event, beside blocking calls and events on the same client.
 */
#include "whole.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define BIG_HEAD "HTTP/1.1 200 OK\r\nContent-Length: 1024000000\r\n\r\n"
#define LEADS "HTTP/1.1 302 X\r\nLocation: /n\r\nContent-Length: 3\r\n\r\nbye"
#define THREADS 6
#define ROUNDS 150

static const peer_step echo[] = {READ, SEND(OK_HELLO), LOOP};
static const peer_step held[] = {READ, WAIT_SIGNAL, SEND(OK_HELLO), LOOP};
static const peer_step leading[] = {READ, SEND(LEADS), READ, SEND(OK_HELLO), LOOP};
static char piece_1k[1025];
static const peer_step endless[] = {
    READ, SEND(BIG_HEAD), {PEER_SEND_REPEATED, piece_1k, 1000000}, WAIT_CLOSE};

static int make_piece(void **state)
{
    (void)state;
    memset(piece_1k, 'p', 1024);
    return 0;
}

static hh_channel *open_on(hh_client *client, hh_request *request)
{
    hh_channel *channel = NULL;
    hh_error error;
    hh_status status = hh_channel_open(client, request, &channel, &error);
    if (status != HH_OK)
        fail_msg("no channel: %s", error.message);
    assert_true(hh_channel_id(channel) != 0);
    return channel;
}

static hh_channel *open_get(hh_client *client, const char *url)
{
    hh_request *request = whole_request(client, NULL, url);
    hh_channel *channel = open_on(client, request);
    hh_request_destroy(request);
    return channel;
}

static const hh_event *next_of(hh_channel *channel, hh_event_type type)
{
    const hh_event *event = NULL;
    assert_int_equal(hh_channel_next(channel, -1, &event), HH_OK);
    assert_non_null(event);
    assert_int_equal(event->type, type);
    assert_true(event->id == hh_channel_id(channel));
    assert_null(event->tag);
    return event;
}

static void pass_by(hh_client *client, hh_channel *channel, hh_event_type type)
{
    hh_event_release(client, next_of(channel, type));
}

static void assert_over(hh_channel *channel)
{
    const hh_event *event = (const hh_event *)channel;
    assert_int_equal(hh_channel_next(channel, -1, &event), HH_ERR_STATE);
    assert_null(event);
}

static void assert_ended(hh_client *client, hh_channel *channel, hh_status code)
{
    const hh_event *event = next_of(channel, HH_EVENT_ERROR);
    assert_int_equal(event->error->code, code);
    hh_event_release(client, event);
    assert_over(channel);
}

static void test_stream(void **state)
{
    (void)state;
    peer *server = peer_of(echo);
    hh_client *client = whole_client(NULL);
    hh_channel *channel = open_get(client, peer_url(server, "/"));
    assert_int_equal(hh_client_pending(client), 0);
    const hh_event *head = next_of(channel, HH_EVENT_HEADERS);
    assert_int_equal(hh_response_status(head->response), 200);
    const hh_event *body = next_of(channel, HH_EVENT_BODY);
    assert_slice(body->body, "hello");
    hh_event_release(client, body);
    const hh_event *done = next_of(channel, HH_EVENT_DONE);
    assert_over(channel);
    assert_over(channel);
    assert_int_equal(hh_client_pending(client), 0);
    assert_null(hh_next_event(client));
    hh_channel_close(channel);
    /* What was pulled lives on. */
    assert_int_equal(hh_response_status(head->response), 200);
    assert_true(hh_response_body_bytes(done->response) == 5);
    hh_event_release(client, done);
    hh_event_release(client, head);
    hh_channel_close(NULL);
    assert_at_rest(client);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_refused(void **state)
{
    (void)state;
    hh_client *client = whole_client(NULL), *other = whole_client(NULL);
    hh_channel *channel = NULL;
    hh_error error;
    hh_request *request = whole_request(other, NULL, "http://127.0.0.1:1/");
    assert_int_equal(hh_channel_open(client, request, &channel, &error), HH_ERR_INVALID_ARGUMENT);
    assert_contains(error.message, "another client");
    assert_int_equal(hh_channel_open(client, NULL, &channel, &error), HH_ERR_INVALID_ARGUMENT);
    assert_contains(error.message, "NULL");
    assert_int_equal(hh_channel_open(NULL, request, &channel, NULL), HH_ERR_INVALID_ARGUMENT);
    assert_int_equal(hh_channel_open(other, request, NULL, NULL), HH_ERR_INVALID_ARGUMENT);
    hh_client_close(other);
    assert_int_equal(hh_channel_open(other, request, &channel, &error), HH_ERR_CLIENT_CLOSED);
    assert_contains(error.message, "closed");
    assert_null(channel);
    const hh_event *event;
    assert_int_equal(hh_channel_next(NULL, -1, &event), HH_ERR_INVALID_ARGUMENT);
    hh_request_destroy(request);
    /* A failure at once is an event like any other. */
    channel = open_get(client, "http://[::1]:1/");
    assert_int_equal(hh_channel_next(channel, -1, NULL), HH_ERR_INVALID_ARGUMENT);
    assert_ended(client, channel, HH_ERR_CONNECT);
    hh_channel_close(channel);
    hh_client_destroy(client);
    hh_client_destroy(other);
}

static void test_deliveries(void **state)
{
    (void)state;
    static char body[64];
    peer *server =
        peer_of(SCRIPT(READ,
                       SEND("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r"
                            "\n0\r\n\r\n"),
                       LOOP));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    assert_int_equal(hh_request_set_delivery(request, HH_DELIVER_WHOLE), HH_OK);
    hh_channel *channel = open_on(client, request);
    const hh_event *event = next_of(channel, HH_EVENT_DONE);
    assert_slice(hh_response_body(event->response), "hello");
    hh_event_release(client, event);
    hh_channel_close(channel);
    hh_request_destroy(request);

    request = whole_request(client, NULL, peer_url(server, "/"));
    assert_int_equal(hh_request_set_delivery(request, HH_DELIVER_SINK), HH_OK);
    channel = open_on(client, request);
    event = next_of(channel, HH_EVENT_HEADERS);
    assert_int_equal(hh_set_sink(client, hh_channel_id(channel), body, sizeof body), HH_OK);
    hh_event_release(client, event);
    event = next_of(channel, HH_EVENT_DONE);
    assert_memory_equal(body, "hello", 5);
    hh_event_release(client, event);
    hh_channel_close(channel);
    hh_request_destroy(request);
    assert_at_rest(client);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_push(void **state)
{
    (void)state;
    peer *server = peer_of(echo);
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, "PUT", peer_url(server, "/"));
    assert_int_equal(hh_request_set_body_stream(request, HH_LENGTH_UNKNOWN, HH_REWIND_IMPOSSIBLE),
                     HH_OK);
    hh_channel *channel = open_on(client, request);
    const hh_event *event = next_of(channel, HH_EVENT_WANT_BODY);
    assert_true(event->body_offset == 0);
    size_t taken = 0;
    assert_int_equal(hh_body_push(client, event->id, hh_slice_of("some"), HH_BODY_MORE, &taken),
                     HH_OK);
    assert_int_equal(taken, 4);
    assert_int_equal(hh_body_push(client, event->id, hh_slice_of("thing"), HH_BODY_LAST, &taken),
                     HH_OK);
    assert_int_equal(taken, 5);
    hh_event_release(client, event);
    pass_by(client, channel, HH_EVENT_HEADERS);
    pass_by(client, channel, HH_EVENT_BODY);
    pass_by(client, channel, HH_EVENT_DONE);
    hh_channel_close(channel);
    char *seen = whole_received(server);
    assert_contains(seen, "\r\n\r\nsomething");
    free(seen);
    hh_request_destroy(request);
    assert_at_rest(client);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_questions_and_story(void **state)
{
    (void)state;
    static const char *const here[] = {"127.0.0.1"};
    hh_answer_data yes = {
        .size = sizeof yes, .verdict = HH_ANSWER_YES, .addresses = here, .address_count = 1};
    peer *server = peer_of(leading);
    hh_client *client = whole_client(NULL);
    char url[100];
    snprintf(url, sizeof url, "http://asked.example:%d/", peer_port(server));
    hh_request *request = whole_request(client, NULL, url);
    assert_int_equal(hh_request_set_questions(request, HH_ASK_REDIRECT | HH_ASK_RESOLVE), HH_OK);
    assert_int_equal(hh_request_set_trace(request, HH_ON), HH_OK);
    hh_channel *channel = open_on(client, request);
    unsigned asked = 0, told = 0;
    int status = 0;
    for (const hh_event *event; hh_channel_next(channel, -1, &event) == HH_OK;) {
        if (event->type == HH_EVENT_ASK) {
            asked |= event->question->ask;
            assert_int_equal(hh_answer(client, event->id, &yes), HH_OK);
        }
        told += event->type == HH_EVENT_TRACE;
        if (event->type == HH_EVENT_DONE)
            status = hh_response_status(event->response);
        hh_event_release(client, event);
    }
    assert_int_equal(asked, HH_ASK_REDIRECT | HH_ASK_RESOLVE);
    assert_int_equal(status, 200);
    assert_true(told >= 4);
    hh_channel_close(channel);
    hh_request_destroy(request);
    assert_at_rest(client);
    hh_client_destroy(client);
    peer_stop(server);
}

/* --- many threads ---------------------------------------------------------------------------- */

typedef struct worker {
    pthread_t thread;
    hh_client *client;
    hh_request *request;
    unsigned rounds;
    unsigned answered;
} worker;

/* No cmocka in here: its assertions belong to the test's thread. */
static void *send_many(void *argument)
{
    worker *self = argument;
    for (unsigned i = 0; i < self->rounds; i++) {
        hh_response *response = NULL;
        if (hh_send(self->client, self->request, &response, NULL) != HH_OK)
            break;
        hh_slice body = hh_response_body(response);
        self->answered += body.length == 5 && memcmp(body.data, "hello", 5) == 0;
        hh_response_destroy(response);
    }
    return NULL;
}

/* Every third is given up after its head. */
static void *read_many(void *argument)
{
    worker *self = argument;
    for (unsigned i = 0; i < self->rounds; i++) {
        hh_channel *channel = NULL;
        const hh_event *event;
        if (hh_channel_open(self->client, self->request, &channel, NULL) != HH_OK)
            break;
        int got_head = 0, got_body = 0, is_done = 0;
        while (hh_channel_next(channel, -1, &event) == HH_OK) {
            got_head += event->type == HH_EVENT_HEADERS;
            got_body += event->type == HH_EVENT_BODY && event->body.length == 5;
            is_done += event->type == HH_EVENT_DONE;
            hh_event_release(self->client, event);
            if (i % 3 == 2 && got_head)
                break;
        }
        hh_channel_close(channel);
        self->answered += got_head == 1 && (i % 3 == 2 || (got_body == 1 && is_done == 1));
    }
    return NULL;
}

static void start(worker *self, hh_client *client, hh_request *request, void *(*run)(void *))
{
    *self = (worker){.client = client, .request = request, .rounds = ROUNDS};
    assert_int_equal(pthread_create(&self->thread, NULL, run, self), 0);
}

static void finish(worker *self)
{
    assert_int_equal(pthread_join(self->thread, NULL), 0);
    assert_int_equal(self->answered, self->rounds);
}

static void test_many_threads(void **state)
{
    (void)state;
    peer *server = peer_of(echo);
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.max_connections = 4; /* so they also queue */
    hh_client *client = whole_client(&options);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    static worker workers[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        start(&workers[i], client, request, i % 2 == 0 ? send_many : read_many);
    for (size_t i = 0; i < THREADS; i++)
        finish(&workers[i]);
    assert_at_rest(client);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

/* One thread, two channels by turns, beside submits: what comes for one waits there. */
static void test_by_turns(void **state)
{
    (void)state;
    peer *server = peer_of(echo);
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    answer got = {.id = 0};
    hh_channel *one = open_on(client, request), *two = open_on(client, request);
    whole_submit(client, request, &got);
    pass_by(client, two, HH_EVENT_HEADERS);
    pass_by(client, one, HH_EVENT_HEADERS);
    pass_by(client, two, HH_EVENT_BODY);
    pass_by(client, two, HH_EVENT_DONE);
    whole_drain(client);
    assert_string_equal(got.events, "HBD");
    pass_by(client, one, HH_EVENT_BODY);
    pass_by(client, one, HH_EVENT_DONE);
    hh_channel_close(one);
    hh_channel_close(two);
    answer_clear(&got);
    assert_at_rest(client);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

/* Many exchanges in one channel, told apart by tag and id; more may be added at any time. */
static void test_several_in_one(void **state)
{
    (void)state;
    enum { COUNT = 30 };
    peer *server = peer_of(echo);
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.max_connections = 4;
    hh_client *client = whole_client(&options);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    assert_int_equal(hh_request_set_delivery(request, HH_DELIVER_WHOLE), HH_OK);
    hh_channel *channel = NULL;
    unsigned ended[COUNT] = {0};
    hh_id ids[COUNT];
    assert_int_equal(hh_channel_create(client, &channel), HH_OK);
    assert_true(hh_channel_id(channel) == 0);
    assert_over(channel);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(hh_channel_add(channel, request, &ended[i], &ids[i]), HH_OK);
    assert_true(hh_channel_id(channel) == ids[0]);
    assert_int_equal(hh_cancel(client, ids[7]), HH_OK);
    const hh_event *event;
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(hh_channel_next(channel, -1, &event), HH_OK);
        unsigned *tag = event->tag;
        ++*tag;
        assert_true(event->id == ids[tag - ended]);
        assert_int_equal(event->type == HH_EVENT_ERROR, tag == &ended[7]);
        hh_event_release(client, event);
    }
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(ended[i], 1);
    assert_over(channel);
    assert_int_equal(hh_channel_add(channel, request, &ended[0], NULL), HH_OK);
    assert_int_equal(hh_channel_next(channel, -1, &event), HH_OK);
    hh_event_release(client, event);
    assert_over(channel);
    assert_int_equal(hh_channel_add(channel, NULL, NULL, NULL), HH_ERR_INVALID_ARGUMENT);
    assert_int_equal(hh_channel_add(NULL, request, NULL, NULL), HH_ERR_INVALID_ARGUMENT);
    assert_int_equal(hh_channel_create(NULL, &channel), HH_ERR_INVALID_ARGUMENT);
    assert_int_equal(hh_channel_create(client, NULL), HH_ERR_INVALID_ARGUMENT);
    hh_client_close(client);
    assert_int_equal(hh_channel_add(channel, request, NULL, NULL), HH_ERR_CLIENT_CLOSED);
    hh_channel_close(channel);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

/* One held by the caller, some unread, some queued, some under way. */
static void test_several_given_up(void **state)
{
    (void)state;
    enum { COUNT = 12 };
    static const peer_step *const scripts[] = {echo, held, echo};
    peer *server = peer_start(scripts, 3);
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.max_connections = 2;
    hh_client *client = whole_client(&options);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    assert_int_equal(hh_request_set_delivery(request, HH_DELIVER_WHOLE), HH_OK);
    for (int round = 0; round < 2; round++) {
        hh_channel *channel = NULL;
        const hh_event *event = NULL;
        assert_int_equal(hh_channel_create(client, &channel), HH_OK);
        for (size_t i = 0; i < COUNT; i++)
            assert_int_equal(hh_channel_add(channel, request, NULL, NULL), HH_OK);
        assert_int_equal(hh_channel_next(channel, -1, &event), HH_OK);
        hh_channel_close(channel);
        assert_int_equal(whole_stats(client).exchanges_in_flight, 0);
        assert_int_equal(hh_response_status(event->response), 200);
        if (round == 0)
            hh_event_release(client, event); /* else it goes with the client */
    }
    hh_channel *empty = NULL;
    assert_int_equal(hh_channel_create(client, &empty), HH_OK);
    hh_channel_close(empty);
    assert_int_equal(hh_channel_create(client, &empty), HH_OK);
    hh_request_destroy(request);
    hh_client_destroy(client);
    const hh_event *none;
    assert_int_equal(hh_channel_next(empty, -1, &none), HH_ERR_CLIENT_CLOSED);
    assert_int_equal(hh_channel_add(empty, NULL, NULL, NULL), HH_ERR_CLIENT_CLOSED);
    hh_channel_close(empty);
    peer_stop(server);
}

/* What nobody reads is bounded by its credit, doesn't make the descriptor readable, and isn't in
 * the queue beside which a blocking call would nap. */
static void test_slow_reader_holds_nobody_up(void **state)
{
    (void)state;
    peer *big = peer_of(endless), *server = peer_of(echo);
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.body_window_bytes = 100000;
    hh_client *client = whole_client(&options);
    hh_channel *slow = open_get(client, peer_url(big, "/"));
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    while (whole_stats(client).bytes_received < 100000)
        assert_int_equal(hh_client_step(client, 1000), HH_OK);
    struct pollfd one = {.fd = hh_client_fd(client), .events = POLLIN};
    while (poll(&one, 1, 0) > 0)
        assert_int_equal(hh_client_step(client, 0), HH_OK);
    uint64_t received = whole_stats(client).bytes_received;
    assert_true(received < whole_ahead() + 100000 + 2 * 65536);
    assert_null(hh_next_event(client));

    static worker workers[4];
    for (size_t i = 0; i < 4; i++)
        start(&workers[i], client, request, i % 2 == 0 ? send_many : read_many);
    for (size_t i = 0; i < 4; i++)
        finish(&workers[i]);
    assert_null(hh_next_event(client));

    pass_by(client, slow, HH_EVENT_HEADERS);
    for (size_t seen = 0; seen < 1000000;) {
        const hh_event *event = next_of(slow, HH_EVENT_BODY);
        seen += event->body.length;
        hh_event_release(client, event);
    }
    hh_channel_close(slow);
    assert_at_rest(client);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(big);
    peer_stop(server);
}

/* Events that nobody pulls stop other streams from filling the queue, but a channel has its own. */
static void test_full_queue_holds_no_channel_up(void **state)
{
    (void)state;
    enum { COUNT = 1100 };
    peer *server = peer_of(echo);
    hh_client *client = whole_client(NULL);
    hh_request *failing = whole_request(client, NULL, "http://[::1]:1/");
    static answer answers[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        whole_submit(client, failing, &answers[i]);
    while (whole_stats(client).exchanges_in_flight > 0)
        assert_int_equal(hh_client_step(client, 0), HH_OK);
    hh_channel *channel = open_get(client, peer_url(server, "/"));
    pass_by(client, channel, HH_EVENT_HEADERS);
    pass_by(client, channel, HH_EVENT_BODY);
    pass_by(client, channel, HH_EVENT_DONE);
    hh_channel_close(channel);
    whole_drain(client);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(answers[i].terminals, 1);
    hh_request_destroy(failing);
    hh_client_destroy(client);
    peer_stop(server);
}

/* --- being cut short ------------------------------------------------------------------------- */

typedef struct reader {
    pthread_t thread;
    hh_channel *channel;
    hh_status last; /* of the call that ended it */
    hh_status error;
    atomic_uint interrupts;
} reader;

static void *read_to_end(void *argument)
{
    reader *self = argument;
    const hh_event *event;
    while ((self->last = hh_channel_next(self->channel, -1, &event)) == HH_OK ||
           self->last == HH_INTERRUPTED) {
        if (self->last == HH_INTERRUPTED) {
            atomic_fetch_add(&self->interrupts, 1);
            continue;
        }
        if (event->type == HH_EVENT_ERROR)
            self->error = event->error->code;
        /* Kept: the client takes back what it has lent. */
    }
    return NULL;
}

static void start_reader(reader *self, hh_channel *channel)
{
    self->channel = channel;
    self->last = self->error = HH_OK;
    atomic_init(&self->interrupts, 0);
    assert_int_equal(pthread_create(&self->thread, NULL, read_to_end, self), 0);
}

/* The one that drives and the ones that sleep. */
static void test_cancel_and_close_wake_readers(void **state)
{
    (void)state;
    enum { READERS = 3 };
    peer *server = peer_of(held);
    hh_client *client = whole_client(NULL);
    static reader readers[READERS];
    for (size_t i = 0; i < READERS; i++) {
        start_reader(&readers[i], open_get(client, peer_url(server, "/")));
        while (peer_requests(server) < i + 1)
            usleep(1000);
    }
    assert_int_equal(hh_cancel(client, hh_channel_id(readers[0].channel)), HH_OK);
    pthread_join(readers[0].thread, NULL);
    assert_int_equal(readers[0].error, HH_ERR_CANCELLED);
    hh_client_close(client);
    for (size_t i = 1; i < READERS; i++) {
        pthread_join(readers[i].thread, NULL);
        assert_int_equal(readers[i].error, HH_ERR_CLIENT_CLOSED);
    }
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(readers[i].last, HH_ERR_STATE);
        hh_channel_close(readers[i].channel);
    }
    hh_client_destroy(client);
    peer_stop(server);
}

static void on_signal(int number)
{
    (void)number;
}

static void test_signal_cuts_a_wait_short(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = on_signal}, old;
    assert_int_equal(sigaction(SIGUSR1, &action, &old), 0);
    for (int victim = 0; victim < 2; victim++) {
        peer *server = peer_of(held);
        hh_client *client = whole_client(NULL);
        static reader two[2];
        for (size_t i = 0; i < 2; i++) {
            start_reader(&two[i], open_get(client, peer_url(server, "/")));
            while (peer_requests(server) < i + 1)
                usleep(1000);
        }
        /* The signal may come before the thread waits; so again, until it is noticed. */
        while (atomic_load(&two[victim].interrupts) < 3) {
            pthread_kill(two[victim].thread, SIGUSR1);
            usleep(1000);
        }
        assert_int_equal(atomic_load(&two[1 - victim].interrupts), 0);
        peer_signal(server);
        peer_signal(server);
        for (size_t i = 0; i < 2; i++) {
            pthread_join(two[i].thread, NULL);
            assert_int_equal(two[i].error, HH_OK);
            assert_int_equal(two[i].last, HH_ERR_STATE);
            hh_channel_close(two[i].channel);
        }
        hh_client_destroy(client);
        peer_stop(server);
    }
    sigaction(SIGUSR1, &old, NULL);
}

/* The one that drives and the one that sleeps give a bound, and get their answers afterwards. */
static void test_wait_has_a_bound(void **state)
{
    (void)state;
    peer *server = peer_of(held);
    hh_client *client = whole_client(NULL);
    static reader driver;
    hh_channel *channel = open_get(client, peer_url(server, "/"));
    const hh_event *event = (const hh_event *)channel;
    assert_int_equal(hh_channel_next(channel, 0, &event), HH_OK);
    assert_null(event);
    event = (const hh_event *)channel;
    assert_int_equal(hh_channel_next(channel, 20, &event), HH_OK);
    assert_null(event);
    start_reader(&driver, open_get(client, peer_url(server, "/")));
    while (peer_requests(server) < 2)
        usleep(1000);
    for (int i = 0; i < 3; i++) {
        event = (const hh_event *)channel;
        assert_int_equal(hh_channel_next(channel, i, &event), HH_OK);
        assert_null(event);
    }
    peer_signal(server);
    peer_signal(server);
    pass_by(client, channel, HH_EVENT_HEADERS);
    pass_by(client, channel, HH_EVENT_BODY);
    pass_by(client, channel, HH_EVENT_DONE);
    assert_over(channel);
    pthread_join(driver.thread, NULL);
    assert_int_equal(driver.error, HH_OK);
    hh_channel_close(channel);
    hh_channel_close(driver.channel);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_closing_early_frees_the_slot(void **state)
{
    (void)state;
    peer *server = peer_of_two(endless, echo);
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.max_connections = 1;
    hh_client *client = whole_client(&options);
    hh_channel *first = open_get(client, peer_url(server, "/"));
    hh_channel *queued = open_get(client, peer_url(server, "/")), *unread;
    const hh_event *head = next_of(first, HH_EVENT_HEADERS);
    const hh_event *body = next_of(first, HH_EVENT_BODY);
    hh_channel_close(first);
    assert_int_equal(body->body.data[0], 'p'); /* still its reader's */
    hh_event_release(client, body);
    unread = open_get(client, peer_url(server, "/"));
    pass_by(client, queued, HH_EVENT_HEADERS);
    pass_by(client, queued, HH_EVENT_BODY);
    pass_by(client, queued, HH_EVENT_DONE);
    hh_channel_close(queued);
    hh_channel_close(unread);
    hh_event_release(client, head);
    assert_int_equal(whole_stats(client).exchanges_in_flight, 0);
    /* Closed with all its events unread. */
    unread = open_get(client, peer_url(server, "/"));
    while (whole_stats(client).exchanges_in_flight > 0)
        assert_int_equal(hh_client_step(client, 1000), HH_OK);
    hh_channel_close(unread);
    assert_at_rest(client);
    hh_client_destroy(client);
    peer_stop(server);
}

/* A channel left open is worth nothing, but may still be closed. */
static void test_client_destroyed_first(void **state)
{
    (void)state;
    peer *server = peer_of(echo), *slow = peer_of(held);
    hh_client *client = whole_client(NULL);
    hh_channel *channels[3];
    const hh_event *event;
    channels[0] = open_get(client, peer_url(slow, "/"));
    channels[1] = open_get(client, peer_url(server, "/")); /* its events unread */
    channels[2] = open_get(client, peer_url(server, "/")); /* its events not given back */
    while (hh_channel_next(channels[2], -1, &event) == HH_OK)
        ;
    while (whole_stats(client).exchanges_in_flight > 1)
        assert_int_equal(hh_client_step(client, 1000), HH_OK);
    hh_client_destroy(client);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(hh_channel_next(channels[i], -1, &event), HH_ERR_CLIENT_CLOSED);
        hh_channel_close(channels[i]);
    }
    peer_stop(server);
    peer_stop(slow);
}

static int child_of_fork(hh_client *client, hh_request *request, hh_channel *const *channels)
{
    const hh_event *event;
    hh_channel *none = NULL;
    int is_refused = hh_channel_next(channels[0], -1, &event) == HH_ERR_CLIENT_CLOSED &&
                     hh_channel_open(client, request, &none, NULL) == HH_ERR_CLIENT_CLOSED &&
                     hh_send(client, request, &(hh_response *){NULL}, NULL) == HH_ERR_CLIENT_CLOSED;
    hh_channel_close(channels[0]);
    hh_client_destroy(client);
    hh_channel_close(channels[1]);
    hh_request_destroy(request);
    return is_refused ? 0 : 1;
}

static void test_fork(void **state)
{
    (void)state;
    peer *server = peer_of(held);
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    hh_channel *channels[2] = {open_on(client, request), open_on(client, request)};
    while (peer_requests(server) < 2)
        assert_int_equal(hh_client_step(client, 10), HH_OK);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(child_of_fork(client, request, channels));
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    for (size_t i = 0; i < 2; i++) {
        peer_signal(server);
    }
    for (size_t i = 0; i < 2; i++) {
        pass_by(client, channels[i], HH_EVENT_HEADERS);
        pass_by(client, channels[i], HH_EVENT_BODY);
        pass_by(client, channels[i], HH_EVENT_DONE);
        hh_channel_close(channels[i]);
    }
    assert_at_rest(client);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_deliveries),
        cmocka_unit_test(test_push),
        cmocka_unit_test(test_questions_and_story),
        cmocka_unit_test(test_many_threads),
        cmocka_unit_test(test_by_turns),
        cmocka_unit_test(test_several_in_one),
        cmocka_unit_test(test_several_given_up),
        cmocka_unit_test(test_slow_reader_holds_nobody_up),
        cmocka_unit_test(test_full_queue_holds_no_channel_up),
        cmocka_unit_test(test_cancel_and_close_wake_readers),
        cmocka_unit_test(test_signal_cuts_a_wait_short),
        cmocka_unit_test(test_wait_has_a_bound),
        cmocka_unit_test(test_closing_early_frees_the_slot),
        cmocka_unit_test(test_client_destroyed_first),
        cmocka_unit_test(test_fork),
    };
    return whole_run(&(whole_suite){WHOLE_TESTS(tests), .setup = make_piece});
}
