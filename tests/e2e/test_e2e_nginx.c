/*
 * The whole client against a real web server: every kind of listener and delivery, bodies compared
 * byte for byte, connections counted, and a server that goes away.
 */
#include "e2e.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- listeners and deliveries ---------------------------------------------------------------- */

typedef enum route { BY_TCP, BY_UNIX, BY_UNIX_TLS } route;

static const struct listener {
    const char *name;
    nginx_site site;
    route route;
} listeners[] = {
    {"IPv4", NGINX_PLAIN, BY_TCP},         {"IPv6", NGINX_PLAIN_V6, BY_TCP},
    {"Unix", NGINX_PLAIN, BY_UNIX},        {"TLS", NGINX_TLS, BY_TCP},
    {"TLS on IPv6", NGINX_TLS_V6, BY_TCP}, {"TLS over Unix", NGINX_TLS, BY_UNIX_TLS},
    {"TLS 1.2", NGINX_TLS_1_2, BY_TCP},    {"TLS 1.3", NGINX_TLS_1_3, BY_TCP},
};

static hh_client *client_for(const struct listener *listener)
{
    hh_client_options options = e2e_options();
    if (listener->route == BY_UNIX)
        options.unix_socket = servers.nginx.unix_path;
    else if (listener->route == BY_UNIX_TLS)
        options.unix_socket = servers.nginx.unix_tls_path;
    return whole_client(&options);
}

typedef struct sink {
    char *memory;
    size_t capacity;
    int is_taken;
} sink;

static void give_sink(hh_client *client, const hh_event *event, answer *to)
{
    sink *into = to->context;
    if (event->type != HH_EVENT_HEADERS)
        return;
    assert_int_equal(hh_set_sink(client, event->id, into->memory, into->capacity), HH_OK);
    into->is_taken = 1;
}

static void get_file(hh_client *client, const char *url, hh_delivery delivery, nginx_file_name name)
{
    const nginx_file *file = &servers.nginx.files[name];
    answer got = {.id = 0};
    sink into = {.memory = NULL};
    hh_request *request = whole_request(client, NULL, url);
    assert_int_equal(hh_request_set_delivery(request, delivery), HH_OK);
    if (delivery == HH_DELIVER_SINK) {
        into = (sink){.memory = malloc(file->length + 1), .capacity = file->length};
        got.hook = give_sink;
        got.context = &into;
    }
    whole_submit(client, request, &got);
    hh_request_destroy(request);
    whole_drain(client);
    if (into.is_taken) {
        assert_int_equal(got.error.code, HH_OK);
        assert_string_equal(got.events, "HD");
        assert_int_equal(hh_response_body_bytes(got.response), file->length);
        assert_bytes((hh_slice){into.memory, file->length}, (hh_slice){file->data, file->length});
    } else {
        assert_file(&got, name);
    }
    if (delivery == HH_DELIVER_WHOLE)
        assert_string_equal(got.events, "D");
    else if (delivery == HH_DELIVER_SINK)
        assert_int_equal(into.is_taken, file->length >= 65536 || strstr(url, "gzip") != NULL);
    else
        assert_true(got.events[0] == 'H');
    free(into.memory);
    answer_clear(&got);
}

static void test_listeners(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof listeners / sizeof listeners[0]; i++) {
        const struct listener *listener = &listeners[i];
        hh_client *client = client_for(listener);
        for (int delivery = HH_DELIVER_STREAM; delivery <= HH_DELIVER_SINK; delivery++) {
            for (int file = 0; file < NGINX_ALIKE; file++) {
                char path[32];
                snprintf(path, sizeof path, "/%s", servers.nginx.files[file].name);
                get_file(client, nginx_url(&servers.nginx, listener->site, path),
                         (hh_delivery)delivery, (nginx_file_name)file);
            }
        }
        hh_client_stats stats = whole_stats(client);
        if (stats.connections_opened != 1)
            fail_msg("%s: %d connections", listener->name, (int)stats.connections_opened);
        assert_int_equal(stats.connections_reused, 3 * NGINX_ALIKE - 1);
        assert_int_equal(stats.tls_handshakes, listener->site >= NGINX_TLS ? 1 : 0);
        assert_at_rest(client);
        hh_client_destroy(client);
    }
}

static void test_remote_address(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof listeners / sizeof listeners[0]; i++) {
        const struct listener *listener = &listeners[i];
        char wanted[160];
        answer got = {.id = 0};
        hh_client *client = client_for(listener);
        whole_get(client, nginx_url(&servers.nginx, listener->site, "/f1"), &got);
        assert_file(&got, NGINX_F1);
        if (listener->route == BY_UNIX)
            snprintf(wanted, sizeof wanted, "%s", servers.nginx.unix_path);
        else if (listener->route == BY_UNIX_TLS)
            snprintf(wanted, sizeof wanted, "%s", servers.nginx.unix_tls_path);
        else
            snprintf(wanted, sizeof wanted, "%s:%u",
                     strstr(listener->name, "IPv6") != NULL ? "[::1]" : "127.0.0.1",
                     servers.nginx.ports[listener->site]);
        assert_slice(hh_response_remote_address(got.response), wanted);
        answer_clear(&got);
        hh_client_destroy(client);
    }
}

static void test_local_address(void **state)
{
    (void)state;
    static const struct {
        const char *local;
        nginx_site site;
        const char *seen; /* NULL: no way */
    } cases[] = {
        {"127.0.0.2", NGINX_PLAIN, "127.0.0.2"}, {"127.0.0.3", NGINX_TLS, "127.0.0.3"},
        {"::1", NGINX_PLAIN_V6, "::1"},          {"127.0.0.2", NGINX_PLAIN_V6, NULL},
        {"192.0.2.1", NGINX_PLAIN, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        answer got = {.id = 0};
        hh_client_options options = e2e_options();
        options.local_address = cases[i].local;
        hh_client *client = whole_client(&options);
        whole_get(client, nginx_url(&servers.nginx, cases[i].site, "/from"), &got);
        if (cases[i].seen != NULL)
            assert_answered(&got, 200, cases[i].seen);
        else
            assert_failed(&got, HH_ERR_CONNECT, HH_PHASE_CONNECT, NULL);
        answer_clear(&got);
        assert_at_rest(client);
        hh_client_destroy(client);
    }
}

/* --- codings and messages -------------------------------------------------------------------- */

static void test_gzip(void **state)
{
    (void)state;
    static const nginx_file_name files[] = {NGINX_F1, NGINX_F100, NGINX_F65537, NGINX_F1M,
                                            NGINX_TEXT};
    hh_client *client = e2e_client();
    for (int delivery = HH_DELIVER_STREAM; delivery <= HH_DELIVER_SINK; delivery++) {
        for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
            char path[32];
            snprintf(path, sizeof path, "/gzip/%s", servers.nginx.files[files[i]].name);
            get_file(client, nginx_url(&servers.nginx, NGINX_PLAIN, path), (hh_delivery)delivery,
                     files[i]);
        }
    }
    answer got = {.id = 0};
    whole_get(client, nginx_url(&servers.nginx, NGINX_TLS, "/gzip/text"), &got);
    assert_file(&got, NGINX_TEXT);
    assert_slice(hh_response_header(got.response, "content-encoding"), "gzip");
    assert_slice(hh_response_header(got.response, "transfer-encoding"), "chunked");
    assert_true(hh_response_wire_bytes(got.response) < hh_response_body_bytes(got.response));
    answer_clear(&got);
    assert_at_rest(client);
    hh_client_destroy(client);
}

static void test_undecoded(void **state)
{
    (void)state;
    hh_client *client = e2e_client();
    answer got = {.id = 0};
    hh_request *request =
        whole_request(client, NULL, nginx_url(&servers.nginx, NGINX_PLAIN, "/gzip/text"));
    assert_int_equal(hh_request_set_decoding(request, HH_DECODING_NONE), HH_OK);
    assert_int_equal(hh_request_set_header(request, "Accept-Encoding", "gzip"), HH_OK);
    whole_submit(client, request, &got);
    hh_request_destroy(request);
    whole_drain(client);
    assert_int_equal(got.error.code, HH_OK);
    hh_slice body = answer_body(&got);
    assert_true(body.length > 2 && (unsigned char)body.data[0] == 0x1f &&
                (unsigned char)body.data[1] == 0x8b);
    assert_int_equal(hh_response_wire_bytes(got.response), body.length);
    answer_clear(&got);
    hh_client_destroy(client);
}

static void test_head(void **state)
{
    (void)state;
    hh_client *client = e2e_client();
    static const char *const paths[] = {"/f100", "/gzip/text", "/f8m"};
    for (size_t i = 0; i < 3; i++) {
        answer got = {.id = 0};
        hh_request *request =
            whole_request(client, "HEAD", nginx_url(&servers.nginx, NGINX_PLAIN, paths[i]));
        whole_submit(client, request, &got);
        hh_request_destroy(request);
        whole_drain(client);
        assert_answered(&got, 200, "");
        answer_clear(&got);
    }
    assert_int_equal(whole_stats(client).connections_opened, 1);
    hh_client_destroy(client);
}

static void get_with(hh_client *client, const char *path, const char *name, const char *value,
                     answer *to)
{
    hh_request *request = whole_request(client, NULL, nginx_url(&servers.nginx, NGINX_TLS, path));
    assert_int_equal(hh_request_set_header(request, name, value), HH_OK);
    whole_submit(client, request, to);
    hh_request_destroy(request);
    whole_drain(client);
}

static void test_conditions_and_ranges(void **state)
{
    (void)state;
    hh_client *client = e2e_client();
    answer got = {.id = 0};
    char tag[128];
    whole_get(client, nginx_url(&servers.nginx, NGINX_TLS, "/f65537"), &got);
    assert_file(&got, NGINX_F65537);
    hh_slice etag = hh_response_header(got.response, "etag");
    assert_true(etag.length > 2);
    snprintf(tag, sizeof tag, "%.*s", HH_SLICE_ARGS(etag));
    answer_clear(&got);

    get_with(client, "/f65537", "If-None-Match", tag, &got);
    assert_answered(&got, 304, "");
    answer_clear(&got);

    get_with(client, "/f65537", "Range", "bytes=65000-65009", &got);
    assert_int_equal(hh_response_status(got.response), 206);
    assert_slice(hh_response_header(got.response, "content-range"), "bytes 65000-65009/65537");
    assert_bytes(answer_body(&got), (hh_slice){servers.nginx.files[NGINX_F65537].data + 65000, 10});
    answer_clear(&got);

    get_with(client, "/f100", "Range", "bytes=100-", &got);
    assert_int_equal(hh_response_status(got.response), 416);
    answer_clear(&got);
    assert_int_equal(whole_stats(client).connections_opened, 1);
    assert_at_rest(client);
    hh_client_destroy(client);
}

static void test_redirects(void **state)
{
    (void)state;
    static const int codes[] = {301, 302, 303, 307, 308};
    hh_client *client = e2e_client();
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        char path[32];
        answer got = {.id = 0};
        snprintf(path, sizeof path, "/redirect/%d", codes[i]);
        whole_get(client, nginx_url(&servers.nginx, NGINX_TLS, path), &got);
        assert_file(&got, NGINX_F100);
        assert_int_equal(hh_response_redirect_count(got.response), 1);
        const hh_response *first = hh_response_previous(got.response);
        assert_non_null(first);
        assert_int_equal(hh_response_status(first), codes[i]);
        assert_slice(hh_response_url(got.response), nginx_url(&servers.nginx, NGINX_TLS, "/f100"));
        answer_clear(&got);
    }
    assert_int_equal(whole_stats(client).redirects, 5);
    assert_int_equal(whole_stats(client).connections_opened, 1);
    hh_client_destroy(client);
}

static void test_large_headers(void **state)
{
    (void)state;
    hh_client *client = e2e_client();
    answer got = {.id = 0};
    whole_get(client, nginx_url(&servers.nginx, NGINX_PLAIN, "/large"), &got);
    assert_answered(&got, 200, "large");
    assert_int_equal(hh_response_header(got.response, "x-large-23").length, 1000);
    answer_clear(&got);
    hh_client_destroy(client);
}

static void test_bad_gateway(void **state)
{
    (void)state;
    hh_client *client = e2e_client();
    answer got = {.id = 0};
    whole_get(client, nginx_url(&servers.nginx, NGINX_PLAIN, "/dead"), &got);
    assert_int_equal(got.error.code, HH_OK);
    assert_int_equal(hh_response_status(got.response), 502);
    answer_clear(&got);
    hh_client_destroy(client);
}

/* --- bodies sent ----------------------------------------------------------------------------- */

static void push_body(hh_client *client, const hh_event *event, answer *to)
{
    const nginx_file *file = to->context;
    size_t accepted = 0;
    if (event->type != HH_EVENT_WANT_BODY)
        return;
    size_t at = (size_t)event->body_offset;
    assert_int_equal(hh_body_push(client, event->id, (hh_slice){file->data + at, file->length - at},
                                  HH_BODY_LAST, &accepted),
                     HH_OK);
    assert_true(accepted <= file->length - at);
}

static void put_and_get(nginx_site site, nginx_file_name name, int kind)
{
    hh_client *client = e2e_client();
    nginx_file *file = &servers.nginx.files[name];
    char path[32];
    answer got = {.id = 0};
    snprintf(path, sizeof path, "/put/%d-%d-%s", (int)site, kind, file->name);
    hh_request *request = whole_request(client, "PUT", nginx_url(&servers.nginx, site, path));
    if (kind == 0)
        assert_int_equal(hh_request_set_body_copy(request, file->data, file->length), HH_OK);
    else if (kind == 1)
        assert_int_equal(hh_request_set_body_borrowed(request, file->data, file->length), HH_OK);
    else
        assert_int_equal(hh_request_set_body_stream(request,
                                                    kind == 2 ? file->length : HH_LENGTH_UNKNOWN,
                                                    HH_REWIND_POSSIBLE),
                         HH_OK);
    got.hook = push_body;
    got.context = file;
    whole_submit(client, request, &got);
    hh_request_destroy(request);
    whole_drain(client);
    assert_answered(&got, 201, "");
    answer_clear(&got);
    whole_get(client, nginx_url(&servers.nginx, site, path), &got);
    assert_file(&got, name);
    answer_clear(&got);
    assert_at_rest(client);
    hh_client_destroy(client);
}

static void test_bodies_sent(void **state)
{
    (void)state;
    static const nginx_file_name files[] = {NGINX_F0, NGINX_F1, NGINX_F65537, NGINX_F8M};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        for (int kind = 0; kind < 4; kind++) {
            put_and_get(NGINX_PLAIN, files[i], kind);
            put_and_get(NGINX_TLS, files[i], kind);
        }
    }
}

/* --- connections ----------------------------------------------------------------------------- */

static void test_thousand_over_few(void **state)
{
    (void)state;
    enum { COUNT = 1000, CONNECTIONS = 5 };
    static const nginx_site sites[] = {NGINX_PLAIN, NGINX_TLS};
    for (size_t s = 0; s < 2; s++) {
        hh_client_options options = e2e_options();
        options.max_connections = CONNECTIONS;
        hh_client *client = whole_client(&options);
        answer *got = calloc(COUNT, sizeof *got);
        assert_non_null(got);
        for (size_t i = 0; i < COUNT; i++) {
            const char *path = i % 2 == 0 ? "/gzip/f100" : "/f65537";
            hh_request *request =
                whole_request(client, NULL, nginx_url(&servers.nginx, sites[s], path));
            assert_int_equal(
                hh_request_set_delivery(request, i % 3 == 0 ? HH_DELIVER_STREAM : HH_DELIVER_WHOLE),
                HH_OK);
            whole_submit(client, request, &got[i]);
            hh_request_destroy(request);
        }
        whole_drain(client);
        for (size_t i = 0; i < COUNT; i++) {
            assert_file(&got[i], i % 2 == 0 ? NGINX_F100 : NGINX_F65537);
            answer_clear(&got[i]);
        }
        hh_client_stats stats = whole_stats(client);
        assert_int_equal(stats.connections_opened, CONNECTIONS);
        assert_int_equal(stats.connections_open, CONNECTIONS);
        assert_int_equal(stats.connections_idle, CONNECTIONS);
        assert_int_equal(stats.connections_reused, COUNT - CONNECTIONS);
        assert_int_equal(stats.attempts, COUNT);
        assert_int_equal(stats.exchanges_done, COUNT);
        assert_int_equal(stats.exchanges_failed, 0);
        assert_int_equal(stats.replays, 0);
        assert_int_equal(stats.buffers_in_use, 0);
        assert_at_rest(client);
        free(got);
        hh_client_destroy(client);
    }
}

/* A server that closes after three requests: no error, no replay, a new connection each. */
static void test_requests_per_connection(void **state)
{
    (void)state;
    enum { COUNT = 30 };
    hh_client *client = e2e_client();
    for (unsigned i = 0; i < COUNT; i++) {
        answer got = {.id = 0};
        char wanted[8];
        whole_get(client, nginx_url(&servers.nginx, NGINX_FEW, "/connection"), &got);
        assert_int_equal(got.error.code, HH_OK);
        hh_slice body = answer_body(&got);
        snprintf(wanted, sizeof wanted, " %u", i % 3 + 1);
        assert_true(body.length > 2);
        assert_slice((hh_slice){body.data + body.length - 2, 2}, wanted);
        assert_int_equal(hh_response_is_reused(got.response), i % 3 != 0);
        assert_slice(hh_response_header(got.response, "connection"),
                     i % 3 == 2 ? "close" : "keep-alive");
        answer_clear(&got);
    }
    hh_client_stats stats = whole_stats(client);
    assert_int_equal(stats.connections_opened, COUNT / 3);
    assert_int_equal(stats.replays, 0);
    assert_int_equal(stats.connections_open, 0);
    assert_at_rest(client);
    hh_client_destroy(client);
}

static void test_no_answer(void **state)
{
    (void)state;
    static const nginx_site sites[] = {NGINX_PLAIN, NGINX_TLS};
    for (size_t s = 0; s < 2; s++) {
        hh_client *client = e2e_client();
        for (int warm = 0; warm < 2; warm++) {
            answer got = {.id = 0};
            if (warm) {
                whole_get(client, nginx_url(&servers.nginx, sites[s], "/f1"), &got);
                assert_file(&got, NGINX_F1);
                answer_clear(&got);
            }
            whole_get(client, nginx_url(&servers.nginx, sites[s], "/close"), &got);
            assert_failed(&got, HH_ERR_EMPTY_RESPONSE, HH_PHASE_HEADERS, NULL);
            answer_clear(&got);
            assert_at_rest(client);
        }
        hh_client_destroy(client);
    }
}

/* Answers longer than what it takes in unread. */
static hh_client *narrow_client(void)
{
    hh_client_options options = e2e_options();
    options.body_window_bytes = 65536;
    return whole_client(&options);
}

/* So many requests at once, each on a connection of its own: none is dialled and left unused, for
 * which a server that ends in an orderly way would wait. */
static void warm_up(hh_client *client, nginx_site site, answer *got, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        hh_request *request = whole_request(client, NULL, nginx_url(&servers.nginx, site, "/f1m"));
        memset(&got[i], 0, sizeof got[i]);
        got[i].holds = 1;
        whole_submit(client, request, &got[i]);
        hh_request_destroy(request);
    }
    for (size_t i = 0; i < count; i++)
        whole_until(client, &got[i], 'B');
    for (size_t i = 0; i < count; i++) {
        while (got[i].terminals == 0) {
            whole_release(client, &got[i], got[i].held_count);
            whole_step(client, 1000);
        }
        whole_release(client, &got[i], got[i].held_count);
        assert_file(&got[i], NGINX_F1M);
        answer_clear(&got[i]);
    }
    assert_int_equal(whole_stats(client).connections_idle, count);
}

/* The server goes with connections idle: the next request is refused cleanly, the one after the
 * server's return is fine. */
static void test_server_goes_and_returns(void **state)
{
    (void)state;
    enum { COUNT = 8 };
    static const int signals[] = {SIGQUIT, SIGTERM};
    static const nginx_site sites[] = {NGINX_PLAIN, NGINX_TLS};
    answer *got = calloc(COUNT, sizeof *got);
    for (size_t s = 0; s < 4; s++) {
        nginx_site site = sites[s % 2];
        bool is_seen = s / 2 == 0; /* else the request may go out on a dead connection first */
        hh_client *client = narrow_client();
        warm_up(client, site, got, COUNT);
        nginx_halt(&servers.nginx, signals[s / 2]);
        if (is_seen)
            e2e_until_idle(client, 0);
        memset(&got[0], 0, sizeof got[0]);
        whole_get(client, nginx_url(&servers.nginx, site, "/f1"), &got[0]);
        assert_failed(&got[0], HH_ERR_CONNECT, HH_PHASE_CONNECT, "refused");
        if (is_seen)
            assert_int_equal(got[0].error.processed, HH_PROCESSED_NO);
        answer_clear(&got[0]);
        e2e_until_idle(client, 0);
        nginx_resume(&servers.nginx);
        whole_get(client, nginx_url(&servers.nginx, site, "/f1"), &got[0]);
        assert_file(&got[0], NGINX_F1);
        answer_clear(&got[0]);
        warm_up(client, site, got, COUNT);
        assert_at_rest(client);
        hh_client_destroy(client);
    }
    free(got);
}

/* Gone and back before the client looks: nobody sees an error. */
static void test_restart_unseen(void **state)
{
    (void)state;
    enum { COUNT = 8 };
    static const nginx_site sites[] = {NGINX_PLAIN, NGINX_TLS};
    answer *got = calloc(COUNT, sizeof *got);
    for (size_t s = 0; s < 2; s++) {
        hh_client *client = narrow_client();
        warm_up(client, sites[s], got, COUNT);
        nginx_halt(&servers.nginx, SIGQUIT);
        nginx_resume(&servers.nginx);
        warm_up(client, sites[s], got, COUNT);
        assert_int_equal(whole_stats(client).exchanges_failed, 0);
        assert_at_rest(client);
        hh_client_destroy(client);
    }
    free(got);
}

/* Reloaded while requests stream in: the old worker closes what is idle; no request fails. */
static void test_reload(void **state)
{
    (void)state;
    hh_client *client = e2e_client();
    char first[32] = "";
    int64_t until = clock_ms() + FAR_MS;
    for (int reloads = 0; reloads < 3;) {
        answer got = {.id = 0};
        whole_get(client, nginx_url(&servers.nginx, NGINX_PLAIN, "/pid"), &got);
        if (got.error.code != HH_OK)
            fail_msg("%s", got.error.message);
        hh_slice pid = answer_body(&got);
        if (strlen(first) != pid.length || memcmp(first, pid.data, pid.length) != 0) {
            snprintf(first, sizeof first, "%.*s", HH_SLICE_ARGS(pid));
            if (++reloads < 3)
                nginx_reload(&servers.nginx);
        }
        answer_clear(&got);
        assert_true(clock_ms() < until);
    }
    assert_int_equal(whole_stats(client).exchanges_failed, 0);
    hh_client_destroy(client);
}

/* The server's own announcement bounds how long a connection is kept. */
static void test_keep_alive_announced(void **state)
{
    (void)state;
    hh_client *client = e2e_client();
    answer got = {.id = 0};
    whole_get(client, nginx_url(&servers.nginx, NGINX_PLAIN, "/five"), &got);
    assert_answered(&got, 200, "five");
    assert_slice(hh_response_header(got.response, "keep-alive"), "timeout=5");
    answer_clear(&got);
    whole_pass(client, 3999); /* a second before the server means to close it */
    assert_int_equal(whole_stats(client).connections_idle, 1);
    whole_pass(client, 1);
    assert_int_equal(whole_stats(client).connections_idle, 0);
    assert_int_equal(whole_stats(client).connections_expired, 1);
    hh_client_destroy(client);
}

static void test_time_outs(void **state)
{
    (void)state;
    hh_client_options options = e2e_options();
    options.timeout.total_ms = 300;
    hh_client *client = whole_client(&options);
    answer got = {.id = 0};
    hh_request *request =
        whole_request(client, NULL, nginx_url(&servers.nginx, NGINX_TLS, "/slow/f8m"));
    whole_submit(client, request, &got);
    hh_request_destroy(request);
    whole_until(client, &got, 'B');
    whole_pass(client, 299);
    assert_int_equal(got.terminals, 0);
    whole_pass(client, 1);
    assert_failed(&got, HH_ERR_TIMEOUT_TOTAL, HH_PHASE_BODY, NULL);
    assert_int_equal(got.error.processed, HH_PROCESSED_YES);
    assert_true(got.length >= 1);
    assert_memory_equal(got.body, servers.nginx.files[NGINX_F8M].data, got.length);
    answer_clear(&got);
    assert_int_equal(whole_stats(client).connections_open, 0);
    assert_at_rest(client);
    hh_client_destroy(client);
}

/* So that one failed test doesn't take the others along. */
static int ensure_nginx(void **state)
{
    (void)state;
    if (servers.nginx.pid == 0)
        nginx_resume(&servers.nginx);
    return 0;
}

static int hold_clock(void **state)
{
    return ensure_nginx(state) != 0 ? -1 : whole_hold_clock(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listeners),
        cmocka_unit_test(test_remote_address),
        cmocka_unit_test(test_local_address),
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_undecoded),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_conditions_and_ranges),
        cmocka_unit_test(test_redirects),
        cmocka_unit_test(test_large_headers),
        cmocka_unit_test(test_bad_gateway),
        cmocka_unit_test(test_bodies_sent),
        cmocka_unit_test(test_thousand_over_few),
        cmocka_unit_test(test_requests_per_connection),
        cmocka_unit_test(test_no_answer),
        cmocka_unit_test(test_server_goes_and_returns),
        cmocka_unit_test_setup(test_restart_unseen, ensure_nginx),
        cmocka_unit_test_setup(test_reload, ensure_nginx),
        cmocka_unit_test_setup_teardown(test_keep_alive_announced, hold_clock, whole_let_clock_go),
        cmocka_unit_test_setup_teardown(test_time_outs, hold_clock, whole_let_clock_go),
    };
    signal(SIGPIPE, SIG_DFL);
    return cmocka_run_group_tests(tests, e2e_setup, e2e_teardown);
}
