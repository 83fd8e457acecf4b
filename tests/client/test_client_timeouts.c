/*
 * Silence in every phase: which time-out ends it, with which code, phase and sentence; and that a
 * caller who was busy gets its data and no false time-out. The clock is held throughout: what the
 * peer has to do first is waited for, however long it takes, and then time passes.
 */
#include "whole.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/held_clock.h"

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define SHORT_MS 60
#define FAR_MS 60000 /* a bound that is only met when something hangs */

/* --- a listener whose backlog is full -------------------------------------------------------- */

typedef struct full_listener {
    int listener;
    int fillers[8];
    uint16_t port;
} full_listener;

static void full_start(full_listener *full)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    full->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(full->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(full->listener, 0), 0);
    assert_int_equal(getsockname(full->listener, (struct sockaddr *)&address, &length), 0);
    full->port = ntohs(address.sin_port);
    for (size_t i = 0; i < 8; i++) {
        full->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(full->fillers[i], (struct sockaddr *)&address, sizeof address);
    }
}

static void full_stop(full_listener *full)
{
    for (size_t i = 0; i < 8; i++)
        close(full->fillers[i]);
    close(full->listener);
}

/* A request that ends where everybody is silent, with `connect_ms` (0: the default). */
static void submit_silent(hh_client *client, peer *silent, int64_t connect_ms, answer *to)
{
    char url[64];
    snprintf(url, sizeof url, "https://127.0.0.1:%u/", peer_port(silent));
    hh_request *request = whole_request(client, NULL, url);
    const hh_timeouts timeouts = {.connect_ms = connect_ms};
    assert_int_equal(hh_request_set_timeouts(request, &timeouts), HH_OK);
    whole_submit(client, request, to);
    hh_request_destroy(request);
}

/* Until that many connections have been accepted: so the client's side of them stands, too. */
static void until_connections(hh_client *client, peer *server, size_t count)
{
    for (int64_t until = clock_ms() + FAR_MS; peer_connections(server) < count;) {
        assert_true(clock_ms() < until);
        whole_step(client, 1);
    }
}

static void until_length(hh_client *client, const answer *of, size_t length)
{
    for (int64_t until = clock_ms() + FAR_MS; of->length < length;) {
        assert_true(clock_ms() < until);
        whole_step(client, 1000);
    }
}

/* The kernel has something for the client, which doesn't look. */
static void until_readable(hh_client *client)
{
    struct pollfd one = {.fd = hh_client_fd(client), .events = POLLIN};
    assert_int_equal(poll(&one, 1, FAR_MS), 1);
}

/* So many milliseconds pass, and the last of them ends it. */
static void run_out(hh_client *client, const answer *of, int64_t ms)
{
    whole_pass(client, ms - 1);
    assert_int_equal(of->terminals, 0);
    whole_pass(client, 1);
    assert_int_equal(of->terminals, 1);
    assert_int_equal(of->error.category, HH_CATEGORY_TIMEOUT);
}

/* The same where what is still under way may buy it time. */
static void run_out_in_the_end(hh_client *client, const answer *of, int64_t ms)
{
    whole_pass(client, ms - 1);
    assert_int_equal(of->terminals, 0);
    for (int64_t until = clock_ms() + FAR_MS; of->terminals == 0;) {
        assert_true(clock_ms() < until);
        whole_pass(client, ms);
        whole_step(client, 10);
    }
    assert_int_equal(of->error.category, HH_CATEGORY_TIMEOUT);
}

/* --- one phase each -------------------------------------------------------------------------- */

static void submit_with(hh_client *client, const char *url, const hh_timeouts *timeouts, answer *to)
{
    hh_request *request = whole_request(client, NULL, url);
    assert_int_equal(hh_request_set_timeouts(request, timeouts), HH_OK);
    whole_submit(client, request, to);
    hh_request_destroy(request);
}

static void test_connect(void **state)
{
    (void)state;
    full_listener full;
    full_start(&full);
    hh_client *client = whole_client(NULL);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", full.port);
    answer got = {.id = 0};
    submit_with(client, url, &(hh_timeouts){.connect_ms = SHORT_MS}, &got);
    run_out(client, &got, SHORT_MS);
    assert_failed(&got, HH_ERR_TIMEOUT_CONNECT, HH_PHASE_CONNECT, "127.0.0.1");
    assert_int_equal(got.error.processed, HH_PROCESSED_NO);
    answer_clear(&got);
    submit_with(client, url, &(hh_timeouts){.total_ms = SHORT_MS}, &got);
    run_out(client, &got, SHORT_MS);
    assert_failed(&got, HH_ERR_TIMEOUT_TOTAL, HH_PHASE_CONNECT, "total time-out");
    answer_clear(&got);
    hh_client_destroy(client);
    full_stop(&full);
}

static void test_handshake(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(WAIT_CLOSE));
    hh_client *client = whole_client(NULL);
    char url[64];
    snprintf(url, sizeof url, "https://127.0.0.1:%u/", peer_port(server));
    answer got = {.id = 0};
    submit_with(client, url, &(hh_timeouts){.connect_ms = SHORT_MS}, &got);
    until_connections(client, server, 1);
    run_out(client, &got, SHORT_MS);
    assert_failed(&got, HH_ERR_TIMEOUT_CONNECT, HH_PHASE_TLS, "127.0.0.1");
    answer_clear(&got);
    submit_with(client, url, &(hh_timeouts){.total_ms = SHORT_MS}, &got);
    until_connections(client, server, 2);
    run_out(client, &got, SHORT_MS);
    assert_failed(&got, HH_ERR_TIMEOUT_TOTAL, HH_PHASE_TLS, NULL);
    answer_clear(&got);
    hh_client_destroy(client);
    peer_stop(server);
}

/* On a busy machine what the peer said may come too late. */
static void assert_processed(const answer *got, int has_begun)
{
    assert_true(got->error.processed == HH_PROCESSED_MAYBE ||
                (has_begun && got->error.processed == HH_PROCESSED_YES));
}

static void test_headers(void **state)
{
    (void)state;
    static const char *const begun[] = {NULL, "HTTP/1.1 200 OK\r\nConte",
                                        "HTTP/1.1 100 Continue\r\n\r\n"};
    for (size_t i = 0; i < 3; i++) {
        peer *server = begun[i] == NULL ? peer_of(SCRIPT(READ, WAIT_CLOSE))
                                        : peer_of(SCRIPT(READ, SEND(begun[i]), WAIT_CLOSE));
        hh_client *client = whole_client(NULL);
        answer got = {.id = 0};
        submit_with(client, peer_url(server, "/"), &(hh_timeouts){.read_ms = SHORT_MS}, &got);
        whole_until_requests(client, server, 1);
        run_out_in_the_end(client, &got, SHORT_MS);
        assert_failed(&got, HH_ERR_TIMEOUT_READ, HH_PHASE_HEADERS, "sent nothing for 60 ms");
        assert_processed(&got, i > 0);
        assert_null(got.response);
        answer_clear(&got);
        submit_with(client, peer_url(server, "/"), &(hh_timeouts){.total_ms = SHORT_MS}, &got);
        whole_until_requests(client, server, 2);
        run_out(client, &got, SHORT_MS);
        assert_failed(&got, HH_ERR_TIMEOUT_TOTAL, HH_PHASE_HEADERS, "headers");
        assert_processed(&got, i > 0);
        answer_clear(&got);
        if (whole_version() == 11)
            assert_int_equal(whole_stats(client).connections_open, 0);
        hh_client_destroy(client);
        assert_true(peer_wait_closed(server, 1));
        peer_stop(server);
    }
}

static void test_body(void **state)
{
    (void)state;
    peer *server = peer_of(
        SCRIPT(READ, SEND("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"), WAIT_CLOSE));
    hh_client *client = whole_client(NULL);
    answer got = {.id = 0};
    submit_with(client, peer_url(server, "/"), &(hh_timeouts){.read_ms = SHORT_MS}, &got);
    until_length(client, &got, 5);
    run_out(client, &got, SHORT_MS);
    assert_failed(&got, HH_ERR_TIMEOUT_READ, HH_PHASE_BODY, "after 5 body bytes");
    assert_string_equal(got.events, "HBE");
    assert_int_equal(hh_response_status(got.response), 200);
    answer_clear(&got);
    submit_with(client, peer_url(server, "/"), &(hh_timeouts){.total_ms = SHORT_MS}, &got);
    until_length(client, &got, 5);
    run_out(client, &got, SHORT_MS);
    assert_failed(&got, HH_ERR_TIMEOUT_TOTAL, HH_PHASE_BODY, "body");
    answer_clear(&got);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_write(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(WAIT_SIGNAL));
    hh_client *client = whole_client(NULL);
    size_t length = 32u << 20;
    char *body = calloc(1, length);
    assert_non_null(body);
    for (int total = 0; total < 2; total++) {
        hh_timeouts timeouts = {.write_ms = total ? 5000 : SHORT_MS,
                                .total_ms = total ? SHORT_MS : 0};
        hh_request *request = whole_request(client, "POST", peer_url(server, "/"));
        assert_int_equal(hh_request_set_body_borrowed(request, body, length), HH_OK);
        assert_int_equal(hh_request_set_timeouts(request, &timeouts), HH_OK);
        answer got = {.id = 0};
        whole_submit(client, request, &got);
        until_connections(client, server, (size_t)total + 1);
        run_out_in_the_end(client, &got, SHORT_MS);
        if (total)
            assert_failed(&got, HH_ERR_TIMEOUT_TOTAL, HH_PHASE_SEND, "send");
        else
            assert_failed(&got, HH_ERR_TIMEOUT_WRITE, HH_PHASE_SEND, "took nothing for 60 ms");
        assert_int_equal(got.error.category, HH_CATEGORY_TIMEOUT);
        assert_int_equal(got.error.processed, HH_PROCESSED_MAYBE);
        answer_clear(&got);
        hh_request_destroy(request);
    }
    free(body);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_pool(void **state)
{
    (void)state;
    peer_allow_streams(1);
    peer *server = peer_of(SCRIPT(READ, WAIT_SIGNAL, SEND(OK_HELLO), LOOP));
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.max_connections = 1;
    hh_client *client = whole_client(&options);
    answer holder = {.id = 0}, got = {.id = 0};
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    whole_submit(client, request, &holder);
    whole_until_requests(client, server, 1);
    whole_step(client, 0); /* and what it allows */

    hh_request *waiting = whole_request(client, NULL, peer_url(server, "/w"));
    hh_timeouts timeouts = {.pool_ms = SHORT_MS};
    assert_int_equal(hh_request_set_timeouts(waiting, &timeouts), HH_OK);
    whole_submit(client, waiting, &got);
    run_out(client, &got, SHORT_MS);
    assert_failed(&got, HH_ERR_TIMEOUT_POOL, HH_PHASE_QUEUE, "came free within");
    assert_contains(got.error.message, "max_connections");
    assert_int_equal(got.error.category, HH_CATEGORY_TIMEOUT);
    assert_int_equal(got.error.processed, HH_PROCESSED_NO);
    answer_clear(&got);
    hh_request_destroy(waiting);

    waiting = whole_request(client, NULL, peer_url(server, "/w"));
    timeouts = (hh_timeouts){.total_ms = SHORT_MS};
    assert_int_equal(hh_request_set_timeouts(waiting, &timeouts), HH_OK);
    whole_submit(client, waiting, &got);
    run_out(client, &got, SHORT_MS);
    assert_failed(&got, HH_ERR_TIMEOUT_TOTAL, HH_PHASE_QUEUE, "queue");
    answer_clear(&got);
    hh_request_destroy(waiting);

    peer_signal(server);
    whole_drain(client);
    assert_answered(&holder, 200, "hello");
    answer_clear(&holder);
    assert_at_rest(client);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

/* The pool's time-out bounds queueing, not the dial that was made. */
static void test_pool_does_not_bound_the_dial(void **state)
{
    (void)state;
    full_listener full;
    full_start(&full);
    hh_client *client = whole_client(NULL);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", full.port);
    answer got = {.id = 0};
    submit_with(client, url, &(hh_timeouts){.connect_ms = 3 * SHORT_MS, .pool_ms = 5}, &got);
    run_out(client, &got, 3 * SHORT_MS);
    assert_failed(&got, HH_ERR_TIMEOUT_CONNECT, HH_PHASE_CONNECT, NULL);
    answer_clear(&got);
    hh_client_destroy(client);
    full_stop(&full);
}

/* --- total, whatever happens ----------------------------------------------------------------- */

static void test_total_while_asking(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(
        READ, SEND("HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"), WAIT_CLOSE));
    static const unsigned masks[] = {HH_ASK_RESOLVE, HH_ASK_REDIRECT};
    static const hh_phase phases[] = {HH_PHASE_RESOLVE, HH_PHASE_REDIRECT};
    for (size_t i = 0; i < 2; i++) {
        hh_client *client = whole_client(NULL);
        hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
        hh_timeouts timeouts = {.total_ms = SHORT_MS, .read_ms = 1};
        timeouts.read_ms = i == 0 ? 1 : 5000;
        assert_int_equal(hh_request_set_timeouts(request, &timeouts), HH_OK);
        assert_int_equal(hh_request_set_questions(request, masks[i]), HH_OK);
        answer got = {.id = 0};
        whole_submit(client, request, &got);
        whole_until(client, &got, 'A');
        run_out(client, &got, SHORT_MS);
        assert_string_equal(got.events, "AE");
        assert_failed(&got, HH_ERR_TIMEOUT_TOTAL, phases[i], NULL);
        hh_answer_data data = {.size = sizeof data, .verdict = HH_ANSWER_YES};
        assert_int_equal(hh_answer(client, got.id, &data), HH_ERR_STATE);
        answer_clear(&got);
        hh_request_destroy(request);
        hh_client_destroy(client);
    }
    peer_stop(server);
}

/* The read time-out doesn't run while the caller thinks. */
static void test_asking_is_no_silence(void **state)
{
    (void)state;
    peer *server = peer_of(
        SCRIPT(READ, SEND("HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"), READ,
               SEND(OK_HELLO), WAIT_CLOSE));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    hh_timeouts timeouts = {.read_ms = SHORT_MS};
    assert_int_equal(hh_request_set_timeouts(request, &timeouts), HH_OK);
    assert_int_equal(hh_request_set_questions(request, HH_ASK_REDIRECT), HH_OK);
    answer got = {.id = 0};
    whole_submit(client, request, &got);
    whole_until(client, &got, 'A');
    whole_pass(client, 3 * SHORT_MS);
    assert_int_equal(got.terminals, 0);
    hh_answer_data data = {.size = sizeof data, .verdict = HH_ANSWER_YES};
    assert_int_equal(hh_answer(client, got.id, &data), HH_OK);
    whole_drain(client);
    assert_answered(&got, 200, "hello");
    answer_clear(&got);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

/* A byte now and then keeps the read time-out away, not the total one. */
static void test_drip(void **state)
{
    (void)state;
    peer *server =
        peer_of(SCRIPT(READ, SEND("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"),
                       WAIT_SIGNAL, SEND("x"), WAIT_SIGNAL, SEND("x"), WAIT_SIGNAL, SEND("x"),
                       WAIT_SIGNAL, SEND("x"), WAIT_SIGNAL, SEND("x"), WAIT_SIGNAL, SEND("x"),
                       WAIT_SIGNAL, SEND("x"), WAIT_SIGNAL, SEND("x"), WAIT_CLOSE));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    hh_timeouts timeouts = {.read_ms = 100, .total_ms = 250};
    assert_int_equal(hh_request_set_timeouts(request, &timeouts), HH_OK);
    answer got = {.id = 0};
    whole_submit(client, request, &got);
    whole_until(client, &got, 'H');
    for (size_t i = 1; i <= 7; i++) {
        held_clock_pass(35);
        peer_signal(server);
        until_length(client, &got, i);
    }
    run_out(client, &got, 5);
    assert_failed(&got, HH_ERR_TIMEOUT_TOTAL, HH_PHASE_BODY, NULL);
    assert_int_equal(got.length, 7);
    answer_clear(&got);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_total_spans_redirects(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(
        READ, WAIT_SIGNAL, SEND("HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"),
        READ, WAIT_CLOSE));
    hh_client *client = whole_client(NULL);
    answer got = {.id = 0};
    submit_with(client, peer_url(server, "/a"), &(hh_timeouts){.total_ms = SHORT_MS}, &got);
    whole_until_requests(client, server, 1);
    held_clock_pass(SHORT_MS / 2);
    peer_signal(server);
    whole_until_requests(client, server, 2);
    run_out(client, &got, SHORT_MS / 2);
    assert_failed(&got, HH_ERR_TIMEOUT_TOTAL, HH_PHASE_HEADERS, "/b");
    answer_clear(&got);
    hh_client_destroy(client);
    peer_stop(server);
}

/* --- a busy caller --------------------------------------------------------------------------- */

/* The data was there in time; that nobody looked is no reason to fail. */
static void test_busy_caller_gets_its_data(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"),
                                  WAIT_SIGNAL, SEND("llo"), WAIT_SIGNAL));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    hh_timeouts timeouts = {.read_ms = SHORT_MS};
    assert_int_equal(hh_request_set_timeouts(request, &timeouts), HH_OK);
    answer got = {.id = 0};
    whole_submit(client, request, &got);
    whole_until(client, &got, 'B');
    peer_signal(server);
    until_readable(client);
    held_clock_pass(3 * SHORT_MS); /* busy with something else */
    whole_drain(client);
    assert_answered(&got, 200, "hello");
    answer_clear(&got);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_signal(server);
    peer_stop(server);
}

/* Nor is it when the request itself could not go out while the caller was busy. */
static void test_busy_caller_while_connecting(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO)));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    hh_timeouts timeouts = {.read_ms = SHORT_MS, .connect_ms = SHORT_MS};
    assert_int_equal(hh_request_set_timeouts(request, &timeouts), HH_OK);
    answer got = {.id = 0};
    whole_submit(client, request, &got);
    until_readable(client);
    held_clock_pass(3 * SHORT_MS);
    whole_drain(client);
    assert_answered(&got, 200, "hello");
    answer_clear(&got);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_none_means_none(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, WAIT_SIGNAL, SEND(OK_HELLO)));
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.timeout = (hh_timeouts){.connect_ms = 1000, .read_ms = SHORT_MS, .total_ms = SHORT_MS};
    hh_client *client = whole_client(&options);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    hh_timeouts timeouts = {.read_ms = HH_TIMEOUT_NONE, .total_ms = HH_TIMEOUT_NONE};
    assert_int_equal(hh_request_set_timeouts(request, &timeouts), HH_OK);
    timeouts.read_ms = -2;
    assert_int_equal(hh_request_set_timeouts(request, &timeouts), HH_ERR_INVALID_ARGUMENT);
    answer got = {.id = 0};
    whole_submit(client, request, &got);
    whole_until_requests(client, server, 1);
    whole_pass(client, 3 * SHORT_MS);
    assert_int_equal(got.terminals, 0);
    peer_signal(server);
    whole_drain(client);
    assert_answered(&got, 200, "hello");
    answer_clear(&got);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

/* A dial begun for a request that has gone serves the next one, under that one's time-out. */
static void test_inherited_dial_keeps_the_deadline(void **state)
{
    (void)state;
    peer *silent = peer_of(SCRIPT(WAIT_CLOSE));
    hh_client *client = whole_client(NULL);
    answer gone = {.id = 0}, got = {.id = 0};
    submit_silent(client, silent, 0, &gone);
    until_connections(client, silent, 1);
    held_clock_pass(SHORT_MS / 2);
    assert_int_equal(hh_cancel(client, gone.id), HH_OK);
    submit_silent(client, silent, SHORT_MS, &got);
    run_out(client, &got, SHORT_MS);
    assert_failed(&got, HH_ERR_TIMEOUT_CONNECT, HH_PHASE_TLS, "timed out after");
    answer_clear(&gone);
    answer_clear(&got);

    /* And not under a shorter one of before. */
    memset(&gone, 0, sizeof gone);
    memset(&got, 0, sizeof got);
    submit_silent(client, silent, SHORT_MS, &gone);
    until_connections(client, silent, 2);
    held_clock_pass(SHORT_MS / 2);
    assert_int_equal(hh_cancel(client, gone.id), HH_OK);
    submit_silent(client, silent, 5 * SHORT_MS, &got);
    run_out(client, &got, 5 * SHORT_MS);
    assert_failed(&got, HH_ERR_TIMEOUT_CONNECT, HH_PHASE_TLS, "timed out after");
    answer_clear(&gone);
    answer_clear(&got);
    hh_client_destroy(client);
    peer_stop(silent);
}

/* What a cancel lets go counts its time from the cancel, however long ago the last step was. */
static void test_cancel_after_a_long_pause(void **state)
{
    (void)state;
    peer *silent = peer_of(SCRIPT(WAIT_CLOSE)), *held = peer_of(SCRIPT(READ, WAIT_CLOSE));
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.max_connections = 1;
    hh_client *client = whole_client(&options);
    answer first = {.id = 0}, second = {.id = 0};
    hh_request *request = whole_request(client, NULL, peer_url(held, "/"));
    whole_submit(client, request, &first);
    hh_request_destroy(request);
    whole_until_requests(client, held, 1);
    submit_silent(client, silent, 200, &second);
    held_clock_pass(300);
    assert_int_equal(hh_cancel(client, first.id), HH_OK);
    until_connections(client, silent, 1);
    run_out(client, &second, 200);
    assert_failed(&second, HH_ERR_TIMEOUT_CONNECT, HH_PHASE_TLS, "after 200 ms");
    answer_clear(&first);
    answer_clear(&second);
    hh_client_destroy(client);
    peer_stop(silent);
    peer_stop(held);
}

/* However long the URL, the sentence says what happened to it. */
static void test_long_urls_leave_room_for_the_reason(void **state)
{
    (void)state;
    peer *held = peer_of(SCRIPT(READ, WAIT_CLOSE));
    hh_client *client = whole_client(NULL);
    char url[2001];
    memset(url, 'x', sizeof url - 1);
    url[sizeof url - 1] = '\0';
    const char *start = peer_url(held, "/");
    memcpy(url, start, strlen(start));
    answer got = {.id = 0};
    submit_with(client, url, &(hh_timeouts){.total_ms = SHORT_MS}, &got);
    whole_until_requests(client, held, 1);
    run_out(client, &got, SHORT_MS);
    assert_failed(&got, HH_ERR_TIMEOUT_TOTAL, HH_PHASE_HEADERS, "total time-out");
    assert_contains(got.error.message, "http://127.0.0.1:");
    answer_clear(&got);
    hh_client_destroy(client);
    peer_stop(held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connect),
        cmocka_unit_test(test_handshake),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_body),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_pool),
        cmocka_unit_test(test_pool_does_not_bound_the_dial),
        cmocka_unit_test(test_total_while_asking),
        cmocka_unit_test(test_asking_is_no_silence),
        cmocka_unit_test(test_drip),
        cmocka_unit_test(test_total_spans_redirects),
        cmocka_unit_test(test_busy_caller_gets_its_data),
        cmocka_unit_test(test_busy_caller_while_connecting),
        cmocka_unit_test(test_none_means_none),
        cmocka_unit_test(test_inherited_dial_keeps_the_deadline),
        cmocka_unit_test(test_cancel_after_a_long_pause),
        cmocka_unit_test(test_long_urls_leave_room_for_the_reason),
    };
    return whole_run(&(whole_suite){WHOLE_TESTS(tests), .setup = whole_hold_clock});
}
