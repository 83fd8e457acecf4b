/*
 * The public descriptor in a loop of the caller's own, fairness within a step, signals, fork.
 */
#include "whole.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inside.h"
#include "support/prng.h"

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static const peer_step echo[] = {READ, SEND(OK_HELLO), LOOP};

typedef struct foreign {
    int epoll;
    hh_client *client;
    unsigned wakes;
} foreign;

static void foreign_start(foreign *loop, hh_client *client)
{
    struct epoll_event event = {.events = EPOLLIN};
    *loop = (foreign){.client = client, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    assert_true(loop->epoll >= 0);
    assert_int_equal(epoll_ctl(loop->epoll, EPOLL_CTL_ADD, hh_client_fd(client), &event), 0);
}

/* Sleeps on the descriptor alone; what doesn't show there hangs, and fails after five seconds. */
static void foreign_drain(foreign *loop)
{
    struct epoll_event event;
    whole_take(loop->client);
    while (hh_client_pending(loop->client) > 0) {
        int ready = epoll_wait(loop->epoll, &event, 1, 5000);
        if (ready != 1)
            fail_msg("asleep with %zu submits pending", hh_client_pending(loop->client));
        loop->wakes++;
        whole_step(loop->client, 0);
    }
}

static void test_sleeping_on_the_descriptor(void **state)
{
    (void)state;
    static const peer_step mute[] = {READ, WAIT_CLOSE, {PEER_END, NULL, 0}};
    static const peer_step leading[] = {
        READ,
        SEND("HTTP/1.1 302 X\r\nLocation: /n\r\nContent-Length: 0\r\n\r\n"),
        READ,
        SEND(OK_HELLO),
        {PEER_END, NULL, 0}};
    peer *servers[3] = {peer_of(echo), peer_of(mute), peer_of(leading)};
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.max_connections = 3;
    options.body_window_bytes = 3;
    hh_client *client = whole_client(&options);
    foreign loop;
    foreign_start(&loop, client);
    uint64_t random = 11;
    static answer got[8];
    for (int round = 0; round < 60; round++) {
        size_t count = 1 + prng_below(&random, 8);
        for (size_t i = 0; i < count; i++) {
            peer *server = servers[prng_below(&random, 3)];
            hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
            hh_timeouts timeouts = {.total_ms = 1 + (int64_t)prng_below(&random, 50)};
            assert_int_equal(hh_request_set_timeouts(request, &timeouts), HH_OK);
            assert_int_equal(hh_request_set_delivery(request, (hh_delivery)prng_below(&random, 3)),
                             HH_OK);
            whole_submit(client, request, &got[i]);
            hh_request_destroy(request);
            if (prng_below(&random, 4) == 0)
                hh_cancel(client, got[prng_below(&random, i + 1)].id);
        }
        foreign_drain(&loop);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(got[i].terminals, 1);
            answer_clear(&got[i]);
        }
    }
    assert_at_rest(client);
    close(loop.epoll);
    hh_client_destroy(client);
    for (int i = 0; i < 3; i++)
        peer_stop(servers[i]);
}

static void answer_yes(hh_client *client, const hh_event *event, answer *to)
{
    static const char *const here[] = {"127.0.0.1"};
    (void)to;
    size_t taken;
    hh_answer_data data = {
        .size = sizeof data, .verdict = HH_ANSWER_YES, .addresses = here, .address_count = 1};
    if (event->type == HH_EVENT_ASK)
        assert_int_equal(hh_answer(client, event->id, &data), HH_OK);
    if (event->type == HH_EVENT_WANT_BODY)
        assert_int_equal(hh_body_push(client, event->id, hh_slice_of("abc"), HH_BODY_LAST, &taken),
                         HH_OK);
}

/* hh_answer, hh_body_push, a release that returns credit: each makes what follows happen. */
static void test_every_call_makes_its_work_visible(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(
        READ, SEND("HTTP/1.1 307 X\r\nLocation: /n\r\nContent-Length: 0\r\n\r\n"), READ,
        SEND("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nworld\r\n"
             "0\r\n\r\n"),
        LOOP));
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.body_window_bytes = 1;
    hh_client *client = whole_client(&options);
    foreign loop;
    foreign_start(&loop, client);
    hh_request *request = whole_request(client, "POST", peer_url(server, "/"));
    assert_int_equal(hh_request_set_questions(request, HH_ASK_RESOLVE | HH_ASK_REDIRECT), HH_OK);
    assert_int_equal(hh_request_set_body_stream(request, 3, HH_REWIND_POSSIBLE), HH_OK);
    answer got = {.hook = answer_yes};
    whole_submit(client, request, &got);
    foreign_drain(&loop);
    assert_answered(&got, 200, "helloworld");
    assert_string_equal(got.events, "AWAWHBBD");
    answer_clear(&got);
    close(loop.epoll);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

static int is_readable(hh_client *client)
{
    struct pollfd one = {.fd = hh_client_fd(client), .events = POLLIN};
    return poll(&one, 1, 0) == 1;
}

/* Steps until the descriptor has nothing to say. */
static void fall_silent(hh_client *client)
{
    int64_t until = clock_ms() + 60000;
    while (is_readable(client)) {
        assert_true(clock_ms() < until);
        whole_step(client, 0);
    }
}

/* An event that no step has queued makes the descriptor readable at once. */
static void test_events_outside_a_step_show(void **state)
{
    (void)state;
    peer *slow = peer_of(SCRIPT(READ, WAIT_CLOSE));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, NULL, "http://asked.example/");
    assert_int_equal(hh_request_set_questions(request, HH_ASK_RESOLVE), HH_OK);
    answer asked = {.id = 0}, cancelled = {.id = 0}, closed = {.id = 0};
    fall_silent(client);
    whole_submit(client, request, &asked); /* asks at once */
    assert_true(is_readable(client));
    whole_take(client);
    assert_string_equal(asked.events, "A");
    hh_request_destroy(request);

    request = whole_request(client, NULL, peer_url(slow, "/"));
    whole_submit(client, request, &cancelled);
    whole_submit(client, request, &closed);
    whole_until_requests(client, slow, 2);
    fall_silent(client);
    hh_answer_data no = {.size = sizeof no, .verdict = HH_ANSWER_NO};
    assert_int_equal(hh_answer(client, asked.id, &no), HH_OK);
    assert_true(is_readable(client));
    fall_silent(client);
    assert_failed(&asked, HH_ERR_RESOLVE, HH_PHASE_RESOLVE, "no address");
    assert_int_equal(hh_cancel(client, cancelled.id), HH_OK);
    assert_true(is_readable(client));
    fall_silent(client);
    assert_failed(&cancelled, HH_ERR_CANCELLED, HH_PHASE_NONE, NULL);
    hh_client_close(client);
    assert_true(is_readable(client));
    fall_silent(client);
    assert_failed(&closed, HH_ERR_CLIENT_CLOSED, HH_PHASE_NONE, NULL);
    answer_clear(&asked);
    answer_clear(&cancelled);
    answer_clear(&closed);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(slow);
}

/* With nothing to do the descriptor is silent, and waiting costs no steps. */
static void test_idle_client_is_silent(void **state)
{
    (void)state;
    peer *server = peer_of(echo);
    hh_client *client = whole_client(NULL);
    answer got = {.id = 0};
    whole_get(client, peer_url(server, "/"), &got);
    answer_clear(&got);
    foreign loop;
    foreign_start(&loop, client);
    struct epoll_event event;
    unsigned wakes = 0;
    while (wakes < 20 && epoll_wait(loop.epoll, &event, 1, 100) == 1) {
        whole_step(client, 0);
        wakes++;
    }
    assert_true(wakes < 5);
    int64_t began = clock_ms();
    assert_int_equal(hh_client_step(client, 50), HH_OK);
    assert_true(clock_ms() - began >= 49);
    close(loop.epoll);
    hh_client_destroy(client);
    peer_stop(server);
}

static void on_alarm(int number)
{
    (void)number;
}

static void test_signal_cuts_a_step_short(void **state)
{
    (void)state;
    hh_client *client = whole_client(NULL);
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART}, old;
    struct itimerval soon = {.it_value = {.tv_usec = 20000}, .it_interval = {.tv_usec = 20000}};
    struct itimerval never = {.it_value = {.tv_usec = 0}};
    assert_int_equal(sigaction(SIGALRM, &action, &old), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
    assert_int_equal(hh_client_step(client, 10000), HH_INTERRUPTED);
    assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
    assert_int_equal(sigaction(SIGALRM, &old, NULL), 0);
    assert_int_equal(hh_client_step(client, 0), HH_OK);
    hh_client_destroy(client);
}

/* Two endless answers: both go on in every few steps, within the budget of a step. */
static void test_fast_connection_starves_no_other(void **state)
{
    (void)state;
    static char piece[65537];
    memset(piece, 'f', 65536);
    const peer_step *endless =
        SCRIPT(READ, SEND("HTTP/1.1 200 OK\r\n\r\n"), {PEER_SEND_REPEATED, piece, 100000});
    peer *servers[2] = {peer_of(endless), peer_of(endless)};
    hh_client *client = whole_client(NULL);
    answer got[2] = {{.id = 0}, {.id = 0}};
    for (int i = 0; i < 2; i++) {
        hh_request *request = whole_request(client, NULL, peer_url(servers[i], "/"));
        whole_submit(client, request, &got[i]);
        hh_request_destroy(request);
    }
    whole_until(client, &got[0], 'B');
    whole_until(client, &got[1], 'B');
    for (int round = 0; round < 30; round++) {
        unsigned steps = 0; /* a peer's thread may get no time for a while */
        got[0].length = got[1].length = 0;
        while (got[0].length == 0 || got[1].length == 0) {
            uint64_t received = whole_stats(client).bytes_received;
            whole_step(client, 1000);
            assert_true(whole_stats(client).bytes_received - received <=
                        2 * ((512u << 10) + 65536));
            assert_true(++steps < 3000);
        }
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(hh_cancel(client, got[i].id), HH_OK);
    whole_drain(client);
    answer_clear(&got[0]);
    answer_clear(&got[1]);
    hh_client_destroy(client);
    peer_stop(servers[0]);
    peer_stop(servers[1]);
}

/* The child closes its copies and says nothing; the parent goes on as if nothing had been. */
static void test_fork(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO), READ, WAIT_SIGNAL, SEND(OK_HELLO), LOOP));
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.max_connections = 2;
    hh_client *client = whole_client(&options);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    answer got = {.id = 0}, flying = {.id = 0}, queued = {.id = 0};
    whole_submit(client, request, &got);
    whole_drain(client);
    assert_answered(&got, 200, "hello");
    answer_clear(&got);
    whole_submit(client, request, &flying); /* on the idle connection */
    whole_until_requests(client, server, 2);
    whole_submit(client, request, &got);
    whole_submit(client, request, &queued);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        hh_id id;
        int is_refused = hh_submit(client, request, NULL, &id) == HH_ERR_CLIENT_CLOSED;
        hh_client_destroy(client);
        hh_request_destroy(request);
        _exit(is_refused ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    peer_signal(server);
    peer_signal(server);
    peer_signal(server);
    whole_drain(client);
    assert_answered(&flying, 200, "hello");
    assert_answered(&got, 200, "hello");
    assert_answered(&queued, 200, "hello");
    assert_int_equal(whole_stats(client).replays, 0);
    /* Four requests and not a byte more. */
    char *seen = whole_received(server);
    assert_int_equal(count_of(seen, "GET "), 4);
    assert_int_equal(strlen(seen), 4 * (strstr(seen, "\r\n\r\n") + 4 - seen));
    free(seen);
    answer_clear(&got);
    answer_clear(&flying);
    answer_clear(&queued);
    assert_at_rest(client);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

/* Every call in the child of a fork; none may wait for a lock that never comes free. */
static int calls_after_fork(hh_client *client, hh_request *request, hh_id id)
{
    hh_answer_data yes = {.size = sizeof yes};
    hh_client_stats stats = {.size = sizeof stats};
    hh_request *own = NULL;
    hh_response *response = NULL;
    size_t taken = 0;
    char memory[8];
    int is_well =
        hh_request_create(client, "GET", "http://127.0.0.1/", &own) == HH_OK &&
        hh_submit(client, own, NULL, NULL) == HH_ERR_CLIENT_CLOSED &&
        hh_send(client, request, &response, NULL) == HH_ERR_CLIENT_CLOSED &&
        hh_client_step(client, -1) == HH_ERR_CLIENT_CLOSED && hh_next_event(client) == NULL &&
        hh_cancel(client, id) == HH_ERR_STATE && hh_answer(client, id, &yes) == HH_ERR_STATE &&
        hh_body_push(client, id, hh_slice_of("x"), HH_BODY_LAST, &taken) == HH_ERR_STATE &&
        hh_set_sink(client, id, memory, sizeof memory) == HH_ERR_STATE &&
        hh_client_pending(client) == 0;
    hh_client_get_stats(client, &stats);
    hh_client_close(client);
    hh_client_destroy(client);
    hh_request_destroy(own);
    hh_request_destroy(request);
    return is_well && stats.exchanges_started == 0 ? 0 : 1;
}

static void assert_child_is_well(hh_client *client, hh_request *request, hh_id id)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(120);
        _exit(calls_after_fork(client, request, id));
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

typedef struct caller {
    hh_client *client;
    hh_request *request;
    atomic_int is_over;
} caller;

static void *send_until_over(void *argument)
{
    caller *self = argument;
    while (!atomic_load(&self->is_over)) {
        hh_response *response = NULL;
        if (hh_send(self->client, self->request, &response, NULL) != HH_OK)
            return self;
        hh_response_destroy(response);
    }
    return NULL;
}

/* The fork falls into another thread's call: first for certain, then wherever it may. */
static void test_fork_amid_calls(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO), LOOP)),
         *slow = peer_of(SCRIPT(READ, WAIT_CLOSE));
    hh_client *client = whole_client(NULL);
    caller other = {.client = client};
    other.request = whole_request(client, NULL, peer_url(server, "/"));
    hh_request *request = whole_request(client, NULL, peer_url(slow, "/"));
    answer got = {.id = 0};
    whole_submit(client, request, &got);
    inside_lock(client);
    assert_child_is_well(client, request, got.id);
    inside_unlock(client);
    pthread_t thread;
    void *failed = NULL;
    assert_int_equal(pthread_create(&thread, NULL, send_until_over, &other), 0);
    for (int i = 0; i < 30; i++)
        assert_child_is_well(client, request, got.id);
    atomic_store(&other.is_over, 1);
    pthread_join(thread, &failed);
    assert_null(failed);
    assert_int_equal(hh_cancel(client, got.id), HH_OK);
    whole_drain(client);
    answer_clear(&got);
    assert_at_rest(client);
    hh_request_destroy(request);
    hh_request_destroy(other.request);
    hh_client_destroy(client);
    peer_stop(server);
    peer_stop(slow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sleeping_on_the_descriptor),
        cmocka_unit_test(test_every_call_makes_its_work_visible),
        cmocka_unit_test(test_events_outside_a_step_show),
        cmocka_unit_test(test_idle_client_is_silent),
        cmocka_unit_test(test_signal_cuts_a_step_short),
        cmocka_unit_test(test_fast_connection_starves_no_other),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_fork_amid_calls),
    };
    return whole_run(&(whole_suite){WHOLE_TESTS(tests)});
}
