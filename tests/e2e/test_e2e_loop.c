/*
 * The client in somebody else's loop, under a storm of signals, across a fork, and with many
 * threads on one client: all against a real server.
 */
#include "e2e.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/dns_server.h"

/* --- loops of others ------------------------------------------------------------------------- */

enum { REQUESTS = 5000, IN_FLIGHT = 64 };

typedef enum loop_kind { LOOP_EPOLL, LOOP_POLL } loop_kind;

typedef struct foreign {
    hh_client *client;
    hh_request *requests[2];
    size_t submitted;
    size_t done;
    size_t failed;
    size_t wrong;
    size_t steps;
} foreign;

static void submit_one(foreign *run)
{
    size_t which = run->submitted++ % 2;
    assert_int_equal(hh_submit(run->client, run->requests[which], run->requests[which], NULL),
                     HH_OK);
}

static void take_all(foreign *run)
{
    const nginx_file *file = &servers.nginx.files[NGINX_F100];
    const hh_event *event;
    while ((event = hh_next_event(run->client)) != NULL) {
        if (event->type == HH_EVENT_ERROR) {
            run->failed++;
            print_message("%s\n", event->error->message);
        } else {
            hh_slice body = hh_response_body(event->response);
            assert_int_equal(event->type, HH_EVENT_DONE);
            run->wrong +=
                body.length != file->length || memcmp(body.data, file->data, body.length) != 0;
        }
        run->done++;
        hh_event_release(run->client, event);
        if (run->submitted < REQUESTS)
            submit_one(run);
    }
}

/* Waits in the foreign loop for the client's descriptor; false: nothing, and it hangs. */
static bool await(loop_kind kind, int epoll, int fd)
{
    if (kind == LOOP_EPOLL) {
        struct epoll_event event;
        return epoll_wait(epoll, &event, 1, FAR_MS) == 1;
    }
    struct pollfd watched = {.fd = fd, .events = POLLIN};
    return poll(&watched, 1, FAR_MS) == 1;
}

static bool is_readable(int fd, int timeout_ms)
{
    struct pollfd watched = {.fd = fd, .events = POLLIN};
    return poll(&watched, 1, timeout_ms) == 1;
}

static void make_requests(foreign *run, nginx_site site)
{
    static const char *const paths[] = {"/f100", "/gzip/f100"};
    for (size_t i = 0; i < 2; i++) {
        run->requests[i] =
            whole_request(run->client, NULL, nginx_url(&servers.nginx, site, paths[i]));
        assert_int_equal(hh_request_set_delivery(run->requests[i], HH_DELIVER_WHOLE), HH_OK);
    }
}

static void run_foreign(loop_kind kind, nginx_site site)
{
    hh_client_options options = e2e_options();
    options.max_connections = 20;
    foreign run = {.client = whole_client(&options)};
    int fd = hh_client_fd(run.client);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
    make_requests(&run, site);
    for (size_t i = 0; i < IN_FLIGHT; i++)
        submit_one(&run);
    while (run.done < REQUESTS) {
        if (!await(kind, epoll, fd))
            fail_msg("the descriptor sleeps with %zu of %d done", run.done, (int)REQUESTS);
        assert_int_equal(hh_client_step(run.client, 0), HH_OK);
        run.steps++;
        take_all(&run);
    }
    assert_int_equal(run.failed, 0);
    assert_int_equal(run.wrong, 0);
    assert_true(run.steps <= 4 * REQUESTS); /* it doesn't spin */
    assert_int_equal(hh_client_pending(run.client), 0);
    hh_client_stats stats = whole_stats(run.client);
    assert_int_equal(stats.connections_opened, 20);
    assert_int_equal(stats.exchanges_done, REQUESTS);
    /* At rest the descriptor is silent. */
    while (is_readable(fd, 0))
        assert_int_equal(hh_client_step(run.client, 0), HH_OK);
    assert_false(is_readable(fd, 50));
    assert_at_rest(run.client);
    hh_request_destroy(run.requests[0]);
    hh_request_destroy(run.requests[1]);
    hh_client_destroy(run.client);
    close(epoll);
}

static void test_foreign_epoll(void **state)
{
    (void)state;
    run_foreign(LOOP_EPOLL, NGINX_PLAIN);
    run_foreign(LOOP_EPOLL, NGINX_TLS);
}

static void test_foreign_poll(void **state)
{
    (void)state;
    run_foreign(LOOP_POLL, NGINX_PLAIN);
}

/* Ends in the time it has; false: before there was any body. */
static bool run_into_deadline(int64_t total_ms)
{
    hh_client_options options = e2e_options();
    options.timeout.total_ms = total_ms;
    options.body_window_bytes = 65536;
    hh_client *client = whole_client(&options);
    answer got = {.holds = 1};
    hh_request *request = whole_request(client, NULL, nginx_url(&servers.nginx, NGINX_TLS, "/f8m"));
    int64_t begun = clock_ms();
    whole_submit(client, request, &got);
    hh_request_destroy(request);
    while (got.terminals == 0) {
        assert_true(is_readable(hh_client_fd(client), FAR_MS));
        assert_int_equal(hh_client_step(client, 0), HH_OK);
        whole_take(client);
    }
    assert_true(clock_ms() - begun >= total_ms);
    assert_int_equal(got.error.code, HH_ERR_TIMEOUT_TOTAL);
    bool had_body = got.error.phase == HH_PHASE_BODY;
    whole_release(client, &got, got.held_count);
    answer_clear(&got);
    assert_at_rest(client);
    hh_client_destroy(client);
    return had_body;
}

/* A deadline alone makes the descriptor readable. */
static void test_deadline_wakes(void **state)
{
    (void)state;
    int64_t ms = 100;
    while (!run_into_deadline(ms)) /* however busy the machine is */
        ms *= 2;
}

/* --- signals --------------------------------------------------------------------------------- */

static atomic_uint alarms;

static void on_alarm(int number)
{
    (void)number;
    atomic_fetch_add(&alarms, 1);
}

static void storm(long microseconds)
{
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    struct itimerval timer = {{0, microseconds}, {0, microseconds}};
    sigemptyset(&action.sa_mask);
    if (microseconds != 0)
        sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
}

/* A blocking call under fire ends well or as interrupted, never otherwise; and the client is none
 * the worse for it. */
static void test_signals_and_blocking_calls(void **state)
{
    (void)state;
    static const nginx_site sites[] = {NGINX_PLAIN, NGINX_TLS};
    for (size_t s = 0; s < 2; s++) {
        const char *url = nginx_url(&servers.nginx, sites[s], "/f65537");
        const nginx_file *file = &servers.nginx.files[NGINX_F65537];
        hh_client *client = e2e_client();
        size_t good = 0, interrupted = 0, in_a_row = 0;
        long period = 1500;
        storm(period);
        int64_t until = clock_ms() + 120000;
        while (good < 100 || interrupted < 5) {
            assert_true(clock_ms() < until);
            if (in_a_row == 10) { /* the machine is too busy for one to get through */
                in_a_row = 0;
                storm(period *= 2);
            }
            hh_response *response = NULL;
            hh_error error;
            hh_status status = hh_get(client, url, &response, &error);
            if (status == HH_INTERRUPTED) {
                interrupted++;
                in_a_row++;
                assert_null(response);
                continue;
            }
            if (status != HH_OK) {
                storm(0);
                fail_msg("%s", error.message);
            }
            assert_bytes(hh_response_body(response), (hh_slice){file->data, file->length});
            hh_response_destroy(response);
            good++;
            in_a_row = 0;
        }
        storm(0);
        hh_client_stats stats = whole_stats(client);
        assert_int_equal(stats.exchanges_done, good);
        assert_int_equal(stats.exchanges_failed, interrupted);
        assert_at_rest(client);
        hh_response *response = NULL;
        assert_int_equal(hh_get(client, url, &response, NULL), HH_OK);
        hh_response_destroy(response);
        assert_int_equal(hh_client_pending(client), 0);
        hh_client_destroy(client);
    }
}

/* Steps say so when a signal cut them short, and go on: every exchange ends well. */
static void test_signals_and_steps(void **state)
{
    (void)state;
    enum { COUNT = 40 };
    hh_client_options options = e2e_options();
    options.max_connections = 4;
    hh_client *client = whole_client(&options);
    answer *got = calloc(COUNT, sizeof *got);
    size_t interrupted = 0;
    assert_non_null(got);
    storm(500);
    for (size_t i = 0; i < COUNT; i++) {
        hh_request *request =
            whole_request(client, NULL, nginx_url(&servers.nginx, NGINX_TLS, "/gzip/f1m"));
        whole_submit(client, request, &got[i]);
        hh_request_destroy(request);
    }
    int64_t until = clock_ms() + FAR_MS;
    while (hh_client_pending(client) > 0 && clock_ms() < until) {
        hh_status status = hh_client_step(client, 1000);
        if (status != HH_OK && status != HH_INTERRUPTED) {
            storm(0);
            fail_msg("%s", hh_status_name(status));
        }
        interrupted += status == HH_INTERRUPTED;
        whole_take(client);
    }
    /* With nothing to do a step is cut short by the next signal, not by its time. */
    int64_t begun = clock_ms();
    while (hh_client_step(client, FAR_MS) != HH_INTERRUPTED)
        ;
    storm(0);
    assert_true(clock_ms() - begun < FAR_MS);
    assert_true(atomic_load(&alarms) > 0);
    print_message("%zu steps interrupted\n", interrupted);
    for (size_t i = 0; i < COUNT; i++) {
        assert_file(&got[i], NGINX_F1M);
        answer_clear(&got[i]);
    }
    free(got);
    assert_at_rest(client);
    hh_client_destroy(client);
}

/* --- fork ------------------------------------------------------------------------------------ */

enum { FORK_CONNECTIONS = 100 };

/* Runs the client's end in a child; it must end, and well. */
static void end_in_child(hh_client *client, hh_request *request)
{
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGALRM, SIG_DFL);
        alarm(120);
        hh_id id = 0;
        int is_refused =
            request == NULL || hh_submit(client, request, NULL, &id) == HH_ERR_CLIENT_CLOSED;
        hh_client_destroy(client);
        _exit(is_refused ? 0 : 3);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("the child ended by %x", (unsigned)status);
}

static void submit_all(hh_client *client, nginx_site site, const char *path, answer *got)
{
    hh_request *request = whole_request(client, NULL, nginx_url(&servers.nginx, site, path));
    for (size_t i = 0; i < FORK_CONNECTIONS; i++) {
        answer_clear(&got[i]);
        whole_submit(client, request, &got[i]);
    }
    hh_request_destroy(request);
}

static void expect_all(const answer *got, nginx_file_name name)
{
    for (size_t i = 0; i < FORK_CONNECTIONS; i++)
        assert_file(&got[i], name);
}

/* A hundred idle connections: the child closes its copies and says nothing to any peer. */
static void test_fork_idle(void **state)
{
    (void)state;
    static const nginx_site sites[] = {NGINX_PLAIN, NGINX_TLS, NGINX_TLS_1_2};
    answer *got = calloc(FORK_CONNECTIONS, sizeof *got);
    assert_non_null(got);
    for (size_t s = 0; s < 3; s++) {
        hh_client *client = e2e_client();
        hh_request *request =
            whole_request(client, NULL, nginx_url(&servers.nginx, sites[s], "/f1"));
        submit_all(client, sites[s], "/f65537", got);
        whole_drain(client);
        expect_all(got, NGINX_F65537);
        /* Those still being dialled become idle too. */
        int64_t until = clock_ms() + FAR_MS;
        while (whole_stats(client).connections_dialling > 0 && clock_ms() < until)
            whole_step(client, 1000);
        uint64_t opened = whole_stats(client).connections_opened;
        assert_int_equal(opened, FORK_CONNECTIONS);
        for (int forks = 0; forks < 2; forks++) {
            end_in_child(client, request);
            submit_all(client, sites[s], "/f100", got);
            whole_drain(client);
            expect_all(got, NGINX_F100);
        }
        hh_client_stats stats = whole_stats(client);
        assert_int_equal(stats.connections_opened, opened);
        assert_int_equal(stats.connections_open, opened);
        assert_int_equal(stats.exchanges_failed, 0);
        assert_int_equal(stats.replays, 0);
        assert_at_rest(client);
        hh_request_destroy(request);
        for (size_t i = 0; i < FORK_CONNECTIONS; i++)
            answer_clear(&got[i]);
        hh_client_destroy(client);
    }
    free(got);
}

/* A hundred bodies half-way, some held by the caller. */
static void test_fork_busy(void **state)
{
    (void)state;
    static const nginx_site sites[] = {NGINX_PLAIN, NGINX_TLS};
    answer *got = calloc(FORK_CONNECTIONS, sizeof *got);
    assert_non_null(got);
    for (size_t s = 0; s < 2; s++) {
        hh_client_options options = e2e_options();
        options.body_window_bytes = 32768;
        hh_client *client = whole_client(&options);
        submit_all(client, sites[s], "/gzip/f65537", got);
        for (size_t i = 0; i < FORK_CONNECTIONS; i += 2)
            got[i].holds = 1;
        whole_until(client, &got[FORK_CONNECTIONS - 1], 'B');
        assert_true(hh_client_pending(client) > 10);
        end_in_child(client, NULL);
        whole_step(client, 0);
        for (size_t i = 0; i < FORK_CONNECTIONS; i++) {
            got[i].holds = 0;
            whole_release(client, &got[i], got[i].held_count);
        }
        whole_drain(client);
        expect_all(got, NGINX_F65537);
        assert_int_equal(whole_stats(client).exchanges_failed, 0);
        assert_at_rest(client);
        for (size_t i = 0; i < FORK_CONNECTIONS; i++)
            answer_clear(&got[i]);
        hh_client_destroy(client);
    }
    free(got);
}

/* While a name is being asked for, and while handshakes are under way. */
static void test_fork_dialling(void **state)
{
    (void)state;
    dns_server *server = dns_server_start();
    dns_server_add(server, &(dns_rule){.name = "held.wild.test",
                                       .reply = DNS_ADDRESSES,
                                       .addresses = "127.0.0.1",
                                       .ttl = 60,
                                       .is_held = 1});
    hh_client_options options = e2e_options();
    options.dns_servers = dns_server_address(server);
    options.resolver = HH_RESOLVER_BUILTIN;
    hh_client *client = whole_client(&options);
    answer named = {.id = 0};
    answer *got = calloc(FORK_CONNECTIONS, sizeof *got);
    assert_non_null(got);
    hh_request *request = whole_request(
        client, NULL, nginx_url_as(&servers.nginx, NGINX_TLS, "held.wild.test", "/f1"));
    whole_submit(client, request, &named);
    hh_request_destroy(request);
    dns_server_wait(server, "held.wild.test", DNS_A, 1);
    submit_all(client, NGINX_TLS, "/f100", got);
    whole_step(client, 100);
    end_in_child(client, NULL);
    dns_server_release(server, "held.wild.test", DNS_A);
    dns_server_release(server, "held.wild.test", DNS_AAAA);
    whole_drain(client);
    expect_all(got, NGINX_F100);
    assert_file(&named, NGINX_F1);
    for (size_t i = 0; i < FORK_CONNECTIONS; i++)
        answer_clear(&got[i]);
    answer_clear(&named);
    free(got);
    assert_at_rest(client);
    hh_client_destroy(client);
    dns_server_stop(server);
}

/* The resolver's threads don't exist in the child, and it doesn't wait for them. */
static void test_fork_with_resolver_threads(void **state)
{
    (void)state;
    char host[256] = "";
    assert_int_equal(gethostname(host, sizeof host - 1), 0);
    hh_client_options options = e2e_options();
    options.resolver = HH_RESOLVER_SYSTEM;
    hh_client *client = whole_client(&options);
    answer got = {.id = 0};
    whole_get(client, nginx_url_as(&servers.nginx, NGINX_PLAIN, host, "/f1"), &got);
    assert_int_equal(got.terminals, 1); /* what the name leads to is this machine's affair */
    answer_clear(&got);
    end_in_child(client, NULL);
    whole_get(client, nginx_url(&servers.nginx, NGINX_PLAIN, "/f1"), &got);
    assert_file(&got, NGINX_F1);
    answer_clear(&got);
    hh_client_destroy(client);
}

/* --- threads --------------------------------------------------------------------------------- */

enum { SUBMITTERS = 4, SUBMITS = 300 };

typedef struct submitter {
    hh_client *client;
    hh_request *request;
    size_t refused;
    size_t cancelled;
} submitter;

static void *submit_many(void *argument)
{
    submitter *mine = argument;
    for (int i = 0; i < SUBMITS; i++) {
        hh_id id = 0;
        if (hh_submit(mine->client, mine->request, mine, &id) != HH_OK)
            mine->refused++;
        else if (i % 7 == 0 && hh_cancel(mine->client, id) == HH_OK)
            mine->cancelled++;
    }
    return NULL;
}

/* Others submit and cancel while this thread waits in steps: each submit has one end, and none is
 * overslept. */
static void test_submits_from_threads(void **state)
{
    (void)state;
    static const nginx_site sites[] = {NGINX_PLAIN, NGINX_TLS};
    for (size_t s = 0; s < 2; s++) {
        hh_client_options options = e2e_options();
        options.max_connections = 16;
        hh_client *client = whole_client(&options);
        hh_request *request =
            whole_request(client, NULL, nginx_url(&servers.nginx, sites[s], "/gzip/f100"));
        pthread_t threads[SUBMITTERS];
        submitter submitters[SUBMITTERS];
        size_t done = 0, cancelled = 0, expected = 0;
        assert_int_equal(hh_request_set_delivery(request, HH_DELIVER_WHOLE), HH_OK);
        for (int i = 0; i < SUBMITTERS; i++) {
            submitters[i] = (submitter){.client = client, .request = request};
            assert_int_equal(pthread_create(&threads[i], NULL, submit_many, &submitters[i]), 0);
        }
        int64_t begun = clock_ms();
        while (done + cancelled < (size_t)SUBMITTERS * SUBMITS && clock_ms() - begun < FAR_MS) {
            const hh_event *event;
            assert_int_equal(hh_client_step(client, FAR_MS), HH_OK);
            while ((event = hh_next_event(client)) != NULL) {
                if (event->type == HH_EVENT_DONE)
                    done++;
                else if (event->error->code == HH_ERR_CANCELLED)
                    cancelled++;
                else
                    fail_msg("%s", event->error->message);
                hh_event_release(client, event);
            }
        }
        for (int i = 0; i < SUBMITTERS; i++) {
            pthread_join(threads[i], NULL);
            assert_int_equal(submitters[i].refused, 0);
            expected += submitters[i].cancelled;
        }
        assert_int_equal(done + cancelled, SUBMITTERS * SUBMITS);
        assert_int_equal(cancelled, expected);
        assert_at_rest(client);
        hh_request_destroy(request);
        hh_client_destroy(client);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_foreign_epoll),
        cmocka_unit_test(test_foreign_poll),
        cmocka_unit_test(test_deadline_wakes),
        cmocka_unit_test(test_signals_and_blocking_calls),
        cmocka_unit_test(test_signals_and_steps),
        cmocka_unit_test(test_fork_idle),
        cmocka_unit_test(test_fork_busy),
        cmocka_unit_test(test_fork_dialling),
        cmocka_unit_test(test_fork_with_resolver_threads),
        cmocka_unit_test(test_submits_from_threads),
    };
    signal(SIGPIPE, SIG_DFL);
    return cmocka_run_group_tests(tests, e2e_setup, e2e_teardown);
}
