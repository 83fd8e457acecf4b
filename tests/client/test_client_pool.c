/*
 * The pool seen from outside: who gets which connection, when, and how many there are.
 */
#include "whole.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "inside.h"
#include "support/held_clock.h"

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static const peer_step echo[] = {READ, SEND(OK_HELLO), LOOP};
static const peer_step held[] = {READ, WAIT_SIGNAL, SEND(OK_HELLO), LOOP};

typedef struct caps {
    unsigned total, per_origin, idle;
    int64_t expiry_ms;
} caps;

static hh_client *capped(caps of)
{
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.max_connections = of.total;
    options.max_connections_per_origin = of.per_origin;
    options.max_idle_connections = of.idle;
    options.keepalive_expiry_ms = of.expiry_ms;
    return whole_client(&options);
}

static void submit_path(hh_client *client, peer *server, const char *path, answer *to)
{
    hh_request *request = whole_request(client, NULL, peer_url(server, path));
    whole_submit(client, request, to);
    hh_request_destroy(request);
}

/* Opens `count` connections to the server at once and leaves them idle. */
static void open_idle(hh_client *client, peer *server, size_t count)
{
    answer got[8];
    memset(got, 0, sizeof got);
    size_t before = peer_requests(server);
    for (size_t i = 0; i < count; i++)
        submit_path(client, server, "/open", &got[i]);
    whole_until_requests(client, server, before + count);
    for (size_t i = 0; i < count; i++)
        peer_signal(server);
    whole_drain(client);
    for (size_t i = 0; i < count; i++) {
        assert_answered(&got[i], 200, "hello");
        answer_clear(&got[i]);
    }
}

static void test_idle_is_lifo(void **state)
{
    (void)state;
    peer *server = peer_of(held);
    hh_client *client = capped((caps){0});
    open_idle(client, server, 3);
    assert_int_equal(whole_stats(client).connections_idle, 3);
    answer got = {.id = 0};
    for (int i = 0; i < 5; i++) {
        peer_signal(server);
        submit_path(client, server, "/again", &got);
        whole_drain(client);
        assert_answered(&got, 200, "hello");
        answer_clear(&got);
    }
    /* All five went over one connection: the most recently used. */
    size_t users = 0;
    for (size_t i = 0; i < 3; i++) {
        char *seen = peer_received(server, i);
        size_t count = count_of(seen, "/again");
        assert_true(count == 0 || count == 5);
        users += count > 0;
        free(seen);
    }
    assert_int_equal(users, 1);
    assert_int_equal(whole_stats(client).connections_opened, 3);
    assert_int_equal(whole_stats(client).connections_reused, 5);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_waiters_are_fifo(void **state)
{
    (void)state;
    peer *server = peer_of(held);
    hh_client *client = capped((caps){.total = 1});
    answer got[10];
    memset(got, 0, sizeof got);
    for (int i = 0; i < 10; i++) {
        char path[16];
        snprintf(path, sizeof path, "/n%d", i);
        submit_path(client, server, path, &got[i]);
        peer_signal(server);
    }
    assert_int_equal(whole_stats(client).exchanges_queued, 10);
    whole_drain(client);
    char *seen = peer_received(server, 0);
    const char *at = seen;
    for (int i = 0; i < 10; i++) {
        char path[32];
        snprintf(path, sizeof path, "GET /n%d ", i);
        at = strstr(at, path);
        assert_non_null(at);
        answer_clear(&got[i]);
    }
    free(seen);
    assert_int_equal(peer_connections(server), 1);
    assert_at_rest(client);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_caps_are_never_exceeded(void **state)
{
    (void)state;
    peer *servers[4];
    for (int i = 0; i < 4; i++)
        servers[i] = peer_of(echo);
    hh_client *client = capped((caps){.total = 5, .per_origin = 2});
    enum { COUNT = 200 };
    answer *got = calloc(COUNT, sizeof *got);
    assert_non_null(got);
    for (int i = 0; i < COUNT; i++)
        submit_path(client, servers[i % 4], "/", &got[i]);
    while (hh_client_pending(client) > 0) {
        hh_client_stats stats = whole_stats(client);
        assert_true(stats.connections_open <= 5);
        assert_true(inside_most_open_here(client) <= 2);
        assert_int_equal(inside_pool_balances(client), 1);
        whole_step(client, 1000);
    }
    for (int i = 0; i < COUNT; i++) {
        assert_answered(&got[i], 200, "hello");
        answer_clear(&got[i]);
    }
    free(got);
    assert_at_rest(client);
    hh_client_destroy(client);
    for (int i = 0; i < 4; i++)
        peer_stop(servers[i]);
}

static void test_capped_origin_blocks_no_other(void **state)
{
    (void)state;
    peer *slow = peer_of(held), *fast = peer_of(echo);
    hh_client *client = capped((caps){.total = 10, .per_origin = 1});
    answer waiting[5], got = {.id = 0};
    memset(waiting, 0, sizeof waiting);
    for (int i = 0; i < 5; i++)
        submit_path(client, slow, "/", &waiting[i]);
    for (int i = 0; i < 5; i++) {
        submit_path(client, fast, "/", &got);
        whole_until(client, &got, 'D');
        assert_answered(&got, 200, "hello");
        answer_clear(&got);
    }
    for (int i = 0; i < 5; i++)
        peer_signal(slow);
    whole_drain(client);
    for (int i = 0; i < 5; i++) {
        assert_answered(&waiting[i], 200, "hello");
        answer_clear(&waiting[i]);
    }
    assert_int_equal(peer_connections(slow), 1);
    hh_client_destroy(client);
    peer_stop(slow);
    peer_stop(fast);
}

static void test_an_idle_stranger_makes_room(void **state)
{
    (void)state;
    peer *first = peer_of(held), *second = peer_of(echo);
    hh_client *client = capped((caps){.total = 2});
    open_idle(client, first, 2);
    assert_int_equal(whole_stats(client).connections_open, 2);
    answer got = {.id = 0};
    submit_path(client, second, "/", &got);
    whole_drain(client);
    assert_answered(&got, 200, "hello");
    answer_clear(&got);
    assert_int_equal(whole_stats(client).connections_evicted, 1);
    assert_int_equal(whole_stats(client).connections_open, 2);
    assert_at_rest(client);
    hh_client_destroy(client);
    peer_stop(first);
    peer_stop(second);
}

/* At the total cap an origin without a connection gets the next one that comes free. */
static void test_no_origin_starves(void **state)
{
    (void)state;
    peer *busy = peer_of(held), *other = peer_of(echo);
    hh_client *client = capped((caps){.total = 1});
    answer mine[4], theirs = {.id = 0};
    memset(mine, 0, sizeof mine);
    submit_path(client, busy, "/", &mine[0]);
    whole_until_requests(client, busy, 1);
    submit_path(client, other, "/", &theirs);
    for (int i = 1; i < 4; i++)
        submit_path(client, busy, "/", &mine[i]);
    peer_signal(busy);
    whole_until(client, &theirs, 'D'); /* before those that came later */
    assert_int_equal(mine[1].terminals, 0);
    for (int i = 0; i < 3; i++)
        peer_signal(busy);
    whole_drain(client);
    for (int i = 0; i < 4; i++) {
        assert_answered(&mine[i], 200, "hello");
        answer_clear(&mine[i]);
    }
    assert_answered(&theirs, 200, "hello");
    answer_clear(&theirs);
    assert_at_rest(client);
    hh_client_destroy(client);
    peer_stop(busy);
    peer_stop(other);
}

/* The same when the busy origin has waited for the total cap too, and before anybody else. */
static void test_a_backlog_starves_no_other(void **state)
{
    (void)state;
    peer *busy = peer_of(held), *other = peer_of(echo), *slow = peer_of(held);
    hh_client *client = capped((caps){.total = 2});
    answer mine[6], theirs = {.id = 0}, slows = {.id = 0};
    memset(mine, 0, sizeof mine);
    submit_path(client, slow, "/", &slows);
    whole_until_requests(client, slow, 1);
    for (int i = 0; i < 3; i++)
        submit_path(client, busy, "/", &mine[i]);
    whole_until_requests(client, busy, 1);
    submit_path(client, other, "/", &theirs);
    for (int i = 3; i < 6; i++)
        submit_path(client, busy, "/", &mine[i]);
    for (int i = 0; i < 3; i++)
        peer_signal(busy);
    whole_until(client, &theirs, 'D'); /* before those that came later */
    assert_int_equal(mine[2].terminals, 1);
    assert_int_equal(mine[3].terminals, 0);
    for (int i = 0; i < 3; i++)
        peer_signal(busy);
    peer_signal(slow);
    whole_drain(client);
    for (int i = 0; i < 6; i++) {
        assert_answered(&mine[i], 200, "hello");
        answer_clear(&mine[i]);
    }
    answer_clear(&theirs);
    answer_clear(&slows);
    assert_at_rest(client);
    hh_client_destroy(client);
    peer_stop(busy);
    peer_stop(other);
    peer_stop(slow);
}

/* A dial whose request was cancelled must not hold the last place, though it lasts for ever. */
static void test_a_spare_dial_makes_room(void **state)
{
    (void)state;
    peer *dead_tls = peer_of(SCRIPT(WAIT_CLOSE)), *other = peer_of(echo);
    hh_client *client = capped((caps){.total = 1});
    for (int order = 0; order < 2; order++) {
        char url[64];
        snprintf(url, sizeof url, "https://127.0.0.1:%u/", peer_port(dead_tls));
        hh_request *request = whole_request(client, NULL, url);
        answer gone = {.id = 0}, got = {.id = 0};
        whole_submit(client, request, &gone);
        whole_step(client, 0);
        if (order == 0)
            assert_int_equal(hh_cancel(client, gone.id), HH_OK);
        submit_path(client, other, "/", &got);
        if (order == 1)
            assert_int_equal(hh_cancel(client, gone.id), HH_OK);
        whole_drain(client);
        assert_answered(&got, 200, "hello");
        answer_clear(&got);
        answer_clear(&gone);
        hh_request_destroy(request);
        assert_at_rest(client);
        assert_int_equal(whole_stats(client).connections_open, 1);
    }
    hh_client_destroy(client);
    peer_stop(dead_tls);
    peer_stop(other);
}

/* --- the end of idling ----------------------------------------------------------------------- */

static void until_none_idle(hh_client *client)
{
    int64_t until = clock_ms() + 60000;
    while (whole_stats(client).connections_idle > 0) {
        assert_true(clock_ms() < until);
        whole_step(client, 1000);
    }
}

/* What is idle goes when it has been so for that long, and no sooner. */
static void expire_after(hh_client *client, int64_t ms)
{
    assert_int_equal(whole_stats(client).connections_idle, 1);
    whole_pass(client, ms - 1);
    assert_int_equal(whole_stats(client).connections_idle, 1);
    whole_pass(client, 1);
    assert_int_equal(whole_stats(client).connections_idle, 0);
}

static void test_expiry_by_option(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO), WAIT_CLOSE));
    hh_client *client = capped((caps){.expiry_ms = 30});
    answer got = {.id = 0};
    whole_get(client, peer_url(server, "/"), &got);
    answer_clear(&got);
    expire_after(client, 30);
    assert_true(peer_wait_closed(server, 0));
    assert_int_equal(whole_stats(client).connections_expired, 1);
    /* Expired while nobody stepped: not lent any more. */
    whole_get(client, peer_url(server, "/"), &got);
    answer_clear(&got);
    held_clock_pass(30);
    whole_get(client, peer_url(server, "/"), &got);
    assert_answered(&got, 200, "hello");
    assert_int_equal(hh_response_is_reused(got.response), 0);
    assert_int_equal(hh_response_attempt_count(got.response), 1);
    answer_clear(&got);
    assert_int_equal(whole_stats(client).connections_expired, 2);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_expiry_by_the_peers_word(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ,
                                  SEND("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1, max=9\r\n"
                                       "Content-Length: 5\r\n\r\nhello"),
                                  WAIT_CLOSE));
    hh_client *client = capped((caps){0});
    answer got = {.id = 0};
    whole_get(client, peer_url(server, "/"), &got);
    answer_clear(&got);
    expire_after(client, 500); /* with a margin */
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_connection_close_is_heeded(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nConnection: x, CLOSE\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello"};
    for (size_t i = 0; i < 4; i++) {
        peer *server = peer_of(SCRIPT(READ, SEND(texts[i]), WAIT_CLOSE));
        hh_client *client = capped((caps){0});
        answer got = {.id = 0};
        whole_get(client, peer_url(server, "/"), &got);
        assert_answered(&got, 200, "hello");
        answer_clear(&got);
        assert_int_equal(whole_stats(client).connections_idle, i == 3);
        hh_client_destroy(client);
        peer_stop(server);
    }
}

static void test_servers_close_retires_it(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO), WAIT_SIGNAL));
    hh_client *client = capped((caps){0});
    answer got = {.id = 0};
    whole_get(client, peer_url(server, "/"), &got);
    answer_clear(&got);
    assert_int_equal(whole_stats(client).connections_idle, 1);
    peer_signal(server);
    until_none_idle(client);
    assert_int_equal(whole_stats(client).connections_open, 0);
    hh_client_destroy(client);
    peer_stop(server);
}

/* Closed by the server while the caller was away for longer than 100 ms: it is looked at before it
 * is lent, so not even a POST goes to a dead connection. */
static void test_unseen_for_long_is_checked(void **state)
{
    (void)state;
    peer *server = peer_of_two(SCRIPT(READ, SEND(OK_HELLO), WAIT_SIGNAL), echo);
    hh_client *client = capped((caps){0});
    answer got = {.id = 0};
    whole_get(client, peer_url(server, "/"), &got);
    answer_clear(&got);
    peer_signal(server);
    while (!inside_idle_is_dead(client))
        usleep(1000);
    held_clock_pass(HH_POOL_CHECK_AFTER_MS + 1);
    hh_request *request = whole_request(client, "POST", peer_url(server, "/post"));
    whole_submit(client, request, &got);
    whole_drain(client);
    assert_answered(&got, 200, "hello");
    assert_int_equal(hh_response_attempt_count(got.response), 1);
    assert_int_equal(whole_stats(client).replays, 0);
    answer_clear(&got);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_idle_count_is_bounded(void **state)
{
    (void)state;
    peer *server = peer_of(held);
    hh_client *client = capped((caps){.idle = 2});
    open_idle(client, server, 5);
    assert_int_equal(whole_stats(client).connections_idle, 2);
    assert_int_equal(whole_stats(client).connections_open, 2);
    assert_int_equal(peer_connections(server), 5);
    assert_at_rest(client);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_statistics(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ,
                                  SEND("HTTP/1.1 302 X\r\nLocation: /b\r\n"
                                       "Content-Length: 0\r\n\r\n"),
                                  READ, SEND(OK_HELLO), READ));
    hh_client *client = capped((caps){0});
    answer got = {.id = 0};
    whole_get(client, peer_url(server, "/a"), &got);
    assert_answered(&got, 200, "hello");
    answer_clear(&got);
    hh_client_stats stats = whole_stats(client);
    assert_int_equal(stats.exchanges_started, 1);
    assert_int_equal(stats.exchanges_done, 1);
    assert_int_equal(stats.attempts, 2);
    assert_int_equal(stats.redirects, 1);
    assert_int_equal(stats.connections_opened, 1);
    assert_int_equal(stats.connections_reused, 1);
    assert_int_equal(stats.buffers_in_use, 0);
    assert_int_equal(
        stats.bytes_received,
        strlen("HTTP/1.1 302 X\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n" OK_HELLO));
    char *seen = peer_received(server, 0);
    assert_int_equal(stats.bytes_sent, strlen(seen));
    free(seen);
    /* An older caller's smaller struct is filled as far as it goes. */
    struct {
        hh_client_stats stats;
        char canary;
    } small = {.stats = {.size = offsetof(hh_client_stats, exchanges_done)}, .canary = 'c'};
    small.stats.exchanges_done = 77;
    hh_client_get_stats(client, &small.stats);
    assert_int_equal(small.stats.exchanges_started, 1);
    assert_int_equal(small.stats.exchanges_done, 77);
    assert_int_equal(small.canary, 'c');
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_queued_exchange_is_small(void **state)
{
    (void)state;
    assert_true(inside_exchange_bytes() <= 512);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle_is_lifo),
        cmocka_unit_test(test_waiters_are_fifo),
        cmocka_unit_test(test_caps_are_never_exceeded),
        cmocka_unit_test(test_capped_origin_blocks_no_other),
        cmocka_unit_test(test_an_idle_stranger_makes_room),
        cmocka_unit_test(test_no_origin_starves),
        cmocka_unit_test(test_a_backlog_starves_no_other),
        WHOLE_HELD(test_a_spare_dial_makes_room),
        WHOLE_HELD(test_expiry_by_option),
        WHOLE_HELD(test_expiry_by_the_peers_word),
        cmocka_unit_test(test_connection_close_is_heeded),
        cmocka_unit_test(test_servers_close_retires_it),
        WHOLE_HELD(test_unseen_for_long_is_checked),
        cmocka_unit_test(test_idle_count_is_bounded),
        cmocka_unit_test(test_statistics),
        cmocka_unit_test(test_queued_exchange_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
