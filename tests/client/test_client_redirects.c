/*
 * Redirects as a whole client follows them: what goes along, what stays behind, what becomes of the
 * connection; and the two questions, HH_ASK_REDIRECT and HH_ASK_RESOLVE.
 */
#include "whole.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "support/held_clock.h"

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define TO(code, where) "HTTP/1.1 " code " X\r\nLocation: " where "\r\nContent-Length: 3\r\n\r\nbye"

static char *to_peer(const char *code, peer *server, const char *path)
{
    char *text = malloc(600);
    assert_non_null(text);
    snprintf(text, 600, "HTTP/1.1 %s X\r\nLocation: %s\r\nContent-Length: 3\r\n\r\nbye", code,
             peer_url(server, path));
    return text;
}

static void run(hh_client *client, hh_request *request, answer *got)
{
    whole_submit(client, request, got);
    whole_drain(client);
}

typedef struct method_case {
    const char *code, *method, *next;
    int keeps_body;
} method_case;

static void test_methods_and_bodies(void **state)
{
    (void)state;
    static const method_case cases[] = {
        {"301", "GET", "GET", 0},   {"302", "GET", "GET", 0},   {"303", "GET", "GET", 0},
        {"307", "GET", "GET", 0},   {"308", "GET", "GET", 0},   {"301", "POST", "GET", 0},
        {"302", "POST", "GET", 0},  {"303", "POST", "GET", 0},  {"307", "POST", "POST", 1},
        {"308", "POST", "POST", 1}, {"301", "PUT", "PUT", 1},   {"302", "PUT", "PUT", 1},
        {"303", "PUT", "GET", 0},   {"303", "HEAD", "HEAD", 0}, {"302", "HEAD", "HEAD", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[200];
        int is_head = strcmp(cases[i].method, "HEAD") == 0;
        snprintf(text, sizeof text,
                 "HTTP/1.1 %s X\r\nLocation: /next\r\nContent-Length: 3\r\n\r\n%s", cases[i].code,
                 is_head ? "" : "bye");
        peer *server = peer_of(
            SCRIPT(READ, SEND(text), READ,
                   SEND(is_head ? "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" : OK_HELLO)));
        hh_client *client = whole_client(NULL);
        hh_request *request = whole_request(client, cases[i].method, peer_url(server, "/first"));
        int has_body = strcmp(cases[i].method, "POST") == 0 || strcmp(cases[i].method, "PUT") == 0;
        if (has_body) {
            assert_int_equal(hh_request_set_body_copy(request, "payload", 7), HH_OK);
            assert_int_equal(hh_request_set_header(request, "content-TYPE", "text/x"), HH_OK);
        }
        answer got = {.id = 0};
        run(client, request, &got);
        assert_answered(&got, 200, is_head ? "" : "hello");
        assert_int_equal(hh_response_redirect_count(got.response), 1);
        assert_int_equal(hh_response_attempt_count(got.response), 2);
        assert_int_equal(hh_response_is_reused(got.response), 1);
        assert_int_equal(peer_connections(server), 1);
        assert_string_equal(got.events, is_head ? "HD" : "HBD");
        answer_clear(&got);
        char *seen = peer_received(server, 0);
        const char *second = strstr(seen, "/next HTTP");
        assert_non_null(second);
        second -= strlen(cases[i].next) + 1;
        assert_memory_equal(second, cases[i].next, strlen(cases[i].next));
        assert_int_equal(find_in(second, "payload") != NULL, cases[i].keeps_body);
        assert_int_equal(find_in(second, "content-TYPE") != NULL, cases[i].keeps_body);
        assert_int_equal(find_in(second, "Content-Length") != NULL, cases[i].keeps_body);
        free(seen);
        hh_request_destroy(request);
        hh_client_destroy(client);
        peer_stop(server);
    }
}

static void test_loops_are_bounded(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND(TO("302", "/")), LOOP));
    hh_client *client = whole_client(NULL);
    answer got = {.id = 0};
    whole_get(client, peer_url(server, "/"), &got);
    assert_failed(&got, HH_ERR_TOO_MANY_REDIRECTS, HH_PHASE_REDIRECT, "20");
    assert_int_equal(got.error.processed, HH_PROCESSED_YES);
    assert_int_equal(peer_requests(server), 21);
    assert_int_equal(peer_connections(server), 1);
    unsigned hops = 0;
    for (const hh_response *at = got.response; at != NULL; at = hh_response_previous(at))
        hops++;
    assert_int_equal(hops, 21);
    answer_clear(&got);

    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    assert_int_equal(hh_request_set_redirects(request, HH_REDIRECTS_FOLLOW, 3), HH_OK);
    run(client, request, &got);
    assert_failed(&got, HH_ERR_TOO_MANY_REDIRECTS, HH_PHASE_REDIRECT, "3");
    assert_int_equal(peer_requests(server), 21 + 4);
    answer_clear(&got);
    assert_at_rest(client);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_locations(void **state)
{
    (void)state;
    static const char *const locations[] = {"/abs?q=2", "rel",   "../up",    "?only",
                                            "//HOST/x", "#frag", "/with#own"};
    static const char *const lines[] = {"GET /abs?q=2 HTTP",  "GET /a/rel HTTP", "GET /up HTTP",
                                        "GET /a/b?only HTTP", "GET /x HTTP",     "GET /a/b?x HTTP",
                                        "GET /with HTTP"};
    static const char *const fragments[] = {"#mine", "#mine", "#mine", "#mine",
                                            "#mine", "#frag", "#own"};
    for (size_t i = 0; i < 7; i++) {
        char text[300], where[100];
        peer *server = peer_of(SCRIPT(READ, SEND(text), READ, SEND(OK_HELLO)));
        snprintf(where, sizeof where, "%s", locations[i]);
        if (strstr(where, "HOST") != NULL)
            snprintf(where, sizeof where, "//127.0.0.1:%u/x", peer_port(server));
        snprintf(text, sizeof text,
                 "HTTP/1.1 302 X\r\nLocation: %s\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "3\r\nbye\r\n0\r\nT: 1\r\n\r\n",
                 where);
        hh_client *client = whole_client(NULL);
        answer got = {.id = 0};
        whole_get(client, peer_url(server, "/a/b?x#mine"), &got);
        assert_answered(&got, 200, "hello");
        hh_slice url = hh_response_url(got.response);
        assert_non_null(memmem(url.data, url.length, fragments[i], strlen(fragments[i])));
        assert_int_equal(hh_response_trailer_count(got.response), 0);
        answer_clear(&got);
        char *seen = peer_received(server, 0);
        assert_contains(seen, lines[i]);
        free(seen);
        hh_client_destroy(client);
        peer_stop(server);
    }
}

static void test_refused_and_bad_locations(void **state)
{
    (void)state;
    static const char *const locations[] = {"ftp://127.0.0.1/", "file:///etc/passwd",
                                            "javascript:alert(1)", "http://[bad/"};
    static const hh_status codes[] = {HH_ERR_REDIRECT_REFUSED, HH_ERR_REDIRECT_REFUSED,
                                      HH_ERR_REDIRECT_REFUSED, HH_ERR_PROTOCOL};
    for (size_t i = 0; i < 4; i++) {
        char text[200];
        snprintf(text, sizeof text, "HTTP/1.1 302 X\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
                 locations[i]);
        peer *server = peer_of(SCRIPT(READ, SEND(text), WAIT_CLOSE));
        hh_client *client = whole_client(NULL);
        answer got = {.id = 0};
        whole_get(client, peer_url(server, "/"), &got);
        assert_failed(&got, codes[i], HH_PHASE_REDIRECT, NULL);
        assert_string_equal(got.events, "E");
        assert_int_equal(hh_response_status(got.response), 302);
        answer_clear(&got);
        assert_at_rest(client);
        hh_client_destroy(client);
        peer_stop(server);
    }
}

static void test_no_location_is_an_answer(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "HTTP/1.1 302 X\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 302 X\r\nLocation:\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 300 X\r\nLocation: /x\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 X\r\nLocation: /x\r\nContent-Length: 5\r\n\r\nhello"};
    static const int statuses[] = {302, 302, 300, 200};
    for (size_t i = 0; i < 4; i++) {
        peer *server = peer_of(SCRIPT(READ, SEND(texts[i])));
        hh_client *client = whole_client(NULL);
        answer got = {.id = 0};
        whole_get(client, peer_url(server, "/"), &got);
        assert_answered(&got, statuses[i], "hello");
        answer_clear(&got);
        hh_client_destroy(client);
        peer_stop(server);
    }
}

static void test_manual_mode(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND(TO("302", "/x")), LOOP));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    assert_int_equal(hh_request_set_redirects(request, HH_REDIRECTS_MANUAL, 0), HH_OK);
    answer got = {.id = 0};
    run(client, request, &got);
    assert_answered(&got, 302, "bye");
    answer_clear(&got);
    hh_request_destroy(request);
    hh_client_destroy(client);

    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.redirects = HH_REDIRECTS_MANUAL;
    client = whole_client(&options);
    whole_get(client, peer_url(server, "/"), &got);
    assert_answered(&got, 302, "bye");
    answer_clear(&got);
    hh_client_destroy(client);
    peer_stop(server);
}

/* --- credentials ----------------------------------------------------------------------------- */

/* first -> second (another origin) -> first again: nothing secret comes back. */
static void check_secrets_stay(const hh_client_options *options, const char *userinfo,
                               void (*prepare)(hh_request *request), const char *const *secrets)
{
    const peer_step start[] = {
        READ,           SEND(TO("302", "/same")), READ, {PEER_SEND, NULL, 0}, READ,
        SEND(OK_HELLO), {PEER_END, NULL, 0}};
    peer_step first_steps[7], second_steps[] = {READ, {PEER_SEND, NULL, 0}, {PEER_END, NULL, 0}};
    memcpy(first_steps, start, sizeof start);
    peer *first = peer_of(first_steps);
    peer *second = peer_of(second_steps);
    char *there = to_peer("307", second, "/there");
    char *back = to_peer("302", first, "/back");
    first_steps[3].text = there;
    second_steps[1].text = back;

    hh_client *client = whole_client(options);
    char url[100];
    snprintf(url, sizeof url, "http://%s127.0.0.1:%u/start", userinfo, peer_port(first));
    hh_request *request = whole_request(client, NULL, url);
    if (prepare != NULL)
        prepare(request);
    answer got = {.id = 0};
    run(client, request, &got);
    assert_answered(&got, 200, "hello");
    assert_int_equal(hh_response_redirect_count(got.response), 3);
    answer_clear(&got);

    char *at_first = peer_received(first, 0), *at_second = peer_received(second, 0);
    char *same = strstr(at_first, "GET /same"), *again = strstr(at_first, "GET /back");
    assert_true(same != NULL && again != NULL);
    for (size_t i = 0; secrets[i] != NULL; i++) {
        assert_contains(at_first, secrets[i]);
        assert_contains(same, secrets[i]); /* kept at the same origin */
        assert_lacks(at_second, secrets[i]);
        assert_lacks(again, secrets[i]);
    }
    free(at_first);
    free(at_second);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(first);
    peer_stop(second);
    free(there);
    free(back);
}

static void add_secrets(hh_request *request)
{
    assert_int_equal(hh_request_set_header(request, "authorIZATION", "Bearer abc"), HH_OK);
    assert_int_equal(hh_request_set_header(request, "cOOKIE", "sid=1"), HH_OK);
    assert_int_equal(hh_request_set_header(request, "hOST", "virtual.example"), HH_OK);
}

static void add_basic(hh_request *request)
{
    assert_int_equal(hh_request_set_basic_auth(request, "u", "p"), HH_OK);
}

static void test_credentials_stay_with_their_origin(void **state)
{
    (void)state;
    check_secrets_stay(NULL, "", add_secrets,
                       (const char *[]){"Bearer abc", "sid=1", "virtual.example", NULL});
    check_secrets_stay(NULL, "", add_basic, (const char *[]){"Basic dTpw", NULL});
    check_secrets_stay(NULL, "u:p@", NULL, (const char *[]){"Basic dTpw", NULL});
    hh_field fields[] = {{hh_slice_of("AUTHORIZATION"), hh_slice_of("Token t")},
                         {hh_slice_of("Cookie"), hh_slice_of("sid=2")},
                         {hh_slice_of("Host"), hh_slice_of("usual.example")}};
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.headers = fields;
    options.header_count = 3;
    check_secrets_stay(&options, "", NULL,
                       (const char *[]){"Token t", "sid=2", "usual.example", NULL});
}

static void test_user_info_in_location_is_dropped(void **state)
{
    (void)state;
    char text[200];
    peer *server = peer_of(SCRIPT(READ, SEND(text), READ, SEND(OK_HELLO)));
    snprintf(text, sizeof text,
             "HTTP/1.1 302 X\r\nLocation: http://evil:pw@127.0.0.1:%u/x\r\n"
             "Content-Length: 0\r\n\r\n",
             peer_port(server));
    hh_client *client = whole_client(NULL);
    answer got = {.id = 0};
    whole_get(client, peer_url(server, "/"), &got);
    assert_answered(&got, 200, "hello");
    answer_clear(&got);
    char *seen = peer_received(server, 0);
    assert_lacks(seen, "Authorization");
    free(seen);
    hh_client_destroy(client);
    peer_stop(server);
}

/* --- the redirect's own body ----------------------------------------------------------------- */

static void test_long_body_costs_the_connection(void **state)
{
    (void)state;
    peer *server = peer_of_two(
        SCRIPT(READ, SEND("HTTP/1.1 302 X\r\nLocation: /n\r\nContent-Length: 99999999\r\n\r\n"),
               WAIT_CLOSE),
        SCRIPT(READ, SEND(OK_HELLO)));
    hh_client *client = whole_client(NULL);
    answer got = {.id = 0};
    whole_get(client, peer_url(server, "/"), &got);
    assert_answered(&got, 200, "hello");
    assert_int_equal(hh_response_is_reused(got.response), 0);
    answer_clear(&got);
    assert_true(peer_wait_closed(server, 0));
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_endless_body_is_left(void **state)
{
    (void)state;
    peer *server =
        peer_of_two(SCRIPT(READ, SEND("HTTP/1.1 302 X\r\nLocation: /n\r\n\r\n"),
                           {PEER_SEND_REPEATED, "0123456789abcdef0123456789abcdef", 3000000}),
                    SCRIPT(READ, SEND(OK_HELLO)));
    hh_client *client = whole_client(NULL);
    answer got = {.id = 0};
    whole_get(client, peer_url(server, "/"), &got);
    assert_answered(&got, 200, "hello");
    assert_true(whole_stats(client).bytes_received < 2000000);
    answer_clear(&got);
    hh_client_destroy(client);
    peer_stop(server);
}

/* A body that dribbles, or never comes, must not hold the request up. */
static void test_slow_body_does_not_stall(void **state)
{
    (void)state;
    peer *server = peer_of_two(
        SCRIPT(READ, SEND("HTTP/1.1 302 X\r\nLocation: /n\r\nContent-Length: 10\r\n\r\nabc"),
               WAIT_CLOSE),
        SCRIPT(READ, SEND(OK_HELLO)));
    hh_client *client = whole_client(NULL);
    answer got = {.id = 0};
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    whole_submit(client, request, &got);
    hh_request_destroy(request);
    for (int64_t until = clock_ms() + 60000; whole_stats(client).redirects == 0;) {
        assert_true(clock_ms() < until);
        whole_step(client, 1000);
    }
    whole_pass(client, HH_DRAIN_MAX_MS - 1);
    assert_int_equal(whole_stats(client).attempts, 1);
    assert_int_equal(whole_stats(client).connections_dialling, 0);
    held_clock_pass(1);
    whole_drain(client);
    assert_answered(&got, 200, "hello");
    answer_clear(&got);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_broken_body_does_not_matter(void **state)
{
    (void)state;
    peer *server = peer_of_two(
        SCRIPT(READ, SEND("HTTP/1.1 302 X\r\nLocation: /n\r\nTransfer-Encoding: chunked\r\n\r\nzz"),
               WAIT_CLOSE),
        SCRIPT(READ, SEND(OK_HELLO)));
    hh_client *client = whole_client(NULL);
    answer got = {.id = 0};
    whole_get(client, peer_url(server, "/"), &got);
    assert_answered(&got, 200, "hello");
    answer_clear(&got);
    hh_client_destroy(client);
    peer_stop(server);
}

/* --- bodies that can't go along -------------------------------------------------------------- */

typedef struct pusher {
    const char *text;
    int pushes;
} pusher;

static void push_all(hh_client *client, const hh_event *event, answer *to)
{
    pusher *from = to->context;
    size_t taken = 0;
    if (event->type != HH_EVENT_WANT_BODY)
        return;
    assert_int_equal(event->body_offset, 0);
    from->pushes++;
    assert_int_equal(hh_body_push(client, event->id, hh_slice_of(from->text), HH_BODY_LAST, &taken),
                     HH_OK);
    assert_int_equal(taken, strlen(from->text));
}

static void test_pushed_body_on_307(void **state)
{
    (void)state;
    for (int rewind = HH_REWIND_IMPOSSIBLE; rewind <= HH_REWIND_POSSIBLE; rewind++) {
        peer *server = peer_of(SCRIPT(READ, SEND(TO("307", "/n")), READ, SEND(OK_HELLO)));
        hh_client *client = whole_client(NULL);
        hh_request *request = whole_request(client, "POST", peer_url(server, "/"));
        assert_int_equal(hh_request_set_body_stream(request, HH_LENGTH_UNKNOWN, (hh_rewind)rewind),
                         HH_OK);
        pusher from = {"stuff", 0};
        answer got = {.hook = push_all, .context = &from};
        run(client, request, &got);
        if (rewind == HH_REWIND_POSSIBLE) {
            assert_answered(&got, 200, "hello");
            assert_int_equal(from.pushes, 2);
        } else {
            assert_failed(&got, HH_ERR_BODY_NOT_REWINDABLE, HH_PHASE_REDIRECT, "307");
            assert_int_equal(from.pushes, 1);
        }
        answer_clear(&got);
        assert_at_rest(client);
        hh_request_destroy(request);
        hh_client_destroy(client);
        peer_stop(server);
    }
}

static void test_pushed_body_is_dropped_on_303(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND(TO("303", "/n")), READ, SEND(OK_HELLO)));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, "POST", peer_url(server, "/"));
    assert_int_equal(hh_request_set_body_stream(request, 5, HH_REWIND_IMPOSSIBLE), HH_OK);
    pusher from = {"stuff", 0};
    answer got = {.hook = push_all, .context = &from};
    run(client, request, &got);
    assert_answered(&got, 200, "hello");
    assert_int_equal(from.pushes, 1);
    answer_clear(&got);
    char *seen = peer_received(server, 0);
    assert_contains(seen, "GET /n");
    assert_lacks(strstr(seen, "GET /n"), "Content-Length");
    free(seen);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_417_repeats_without_expect(void **state)
{
    (void)state;
    peer *server = peer_of_two(
        SCRIPT(READ_HEAD, SEND("HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n"), WAIT_CLOSE),
        SCRIPT(READ, SEND(OK_HELLO)));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, "POST", peer_url(server, "/"));
    assert_int_equal(hh_request_set_body_copy(request, "payload", 7), HH_OK);
    assert_int_equal(hh_request_set_expect_continue(request, HH_ON), HH_OK);
    answer got = {.id = 0};
    run(client, request, &got);
    assert_answered(&got, 200, "hello");
    assert_int_equal(hh_response_redirect_count(got.response), 0);
    assert_int_equal(hh_response_attempt_count(got.response), 2);
    assert_null(hh_response_previous(got.response));
    assert_int_equal(whole_stats(client).redirects, 0);
    answer_clear(&got);
    char *first = peer_received(server, 0), *second = peer_received(server, 1);
    assert_contains(first, "Expect: 100-continue\r\n");
    assert_lacks(first, "payload");
    assert_lacks(second, "Expect");
    assert_contains(second, "\r\n\r\npayload");
    free(first);
    free(second);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

/* What a redirect dropped doesn't come back by way of a 417. */
static void test_417_brings_no_credentials_back(void **state)
{
    (void)state;
    peer *second =
        peer_of_two(SCRIPT(READ_HEAD, SEND("HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n")),
                    SCRIPT(READ, SEND(OK_HELLO)));
    char *there = to_peer("307", second, "/there");
    peer *first = peer_of(SCRIPT(READ_HEAD, SEND(there)));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, "POST", peer_url(first, "/"));
    assert_int_equal(hh_request_set_body_copy(request, "payload", 7), HH_OK);
    assert_int_equal(hh_request_set_expect_continue(request, HH_ON), HH_OK);
    add_secrets(request);
    answer got = {.id = 0};
    run(client, request, &got);
    assert_answered(&got, 200, "hello");
    answer_clear(&got);
    for (size_t i = 0; i < 2; i++) {
        char *seen = peer_received(second, i);
        assert_contains(seen, "POST /there");
        assert_lacks(seen, "Bearer");
        assert_lacks(seen, "sid=1");
        assert_lacks(seen, "virtual.example");
        free(seen);
    }
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(first);
    peer_stop(second);
    free(there);
}

static void test_history(void **state)
{
    (void)state;
    peer *server = peer_of(
        SCRIPT(READ, SEND(TO("301", "/b")), READ, SEND(TO("302", "/c")), READ, SEND(OK_HELLO)));
    for (int delivery = HH_DELIVER_STREAM; delivery <= HH_DELIVER_WHOLE; delivery++) {
        hh_client *client = whole_client(NULL);
        hh_request *request = whole_request(client, NULL, peer_url(server, "/a"));
        assert_int_equal(hh_request_set_delivery(request, (hh_delivery)delivery), HH_OK);
        answer got = {.id = 0};
        run(client, request, &got);
        assert_answered(&got, 200, "hello");
        hh_request_destroy(request);
        hh_client_destroy(client);
        const hh_response *second = hh_response_previous(got.response);
        assert_non_null(second);
        assert_int_equal(hh_response_status(second), 302);
        assert_contains(hh_response_url(second).data, "/b");
        assert_slice(hh_response_header(second, "location"), "/c");
        const hh_response *first = hh_response_previous(second);
        assert_non_null(first);
        assert_int_equal(hh_response_status(first), 301);
        assert_contains(hh_response_url(first).data, "/a");
        assert_null(hh_response_previous(first));
        assert_true(hh_response_timings(got.response).redirect_ns > 0);
        answer_clear(&got);
    }
    peer_stop(server);
}

/* --- asked ----------------------------------------------------------------------------------- */

typedef struct replier {
    hh_answer_data data;
    hh_status status;
    char host[64];
    char location[200];
    char method[16];
    uint16_t port;
    int status_seen;
    unsigned asked;
} replier;

static void reply(hh_client *client, const hh_event *event, answer *to)
{
    replier *with = to->context;
    if (event->type != HH_EVENT_ASK)
        return;
    const hh_question *question = event->question;
    with->asked++;
    with->port = question->port;
    snprintf(with->host, sizeof with->host, "%.*s", HH_SLICE_ARGS(question->host));
    snprintf(with->location, sizeof with->location, "%.*s", HH_SLICE_ARGS(question->location));
    snprintf(with->method, sizeof with->method, "%.*s", HH_SLICE_ARGS(question->method));
    with->status_seen = question->response != NULL ? hh_response_status(question->response) : 0;
    with->status = hh_answer(client, event->id, &with->data);
    assert_int_equal(hh_answer(client, event->id, &with->data), HH_ERR_STATE);
}

static void test_asked_about_redirects(void **state)
{
    (void)state;
    for (int verdict = HH_ANSWER_DEFAULT; verdict <= HH_ANSWER_FAIL; verdict++) {
        for (int delivery = HH_DELIVER_STREAM; delivery <= HH_DELIVER_SINK; delivery++) {
            peer *server = peer_of(SCRIPT(READ, SEND(TO("302", "/next")), READ, SEND(OK_HELLO)));
            hh_client *client = whole_client(NULL);
            hh_request *request = whole_request(client, "POST", peer_url(server, "/"));
            assert_int_equal(hh_request_set_questions(request, HH_ASK_REDIRECT), HH_OK);
            assert_int_equal(hh_request_set_delivery(request, (hh_delivery)delivery), HH_OK);
            replier with = {.data = {.size = sizeof with.data, .verdict = (hh_verdict)verdict}};
            answer got = {.hook = reply, .context = &with};
            run(client, request, &got);
            assert_int_equal(with.status, HH_OK);
            assert_int_equal(with.asked, 1);
            assert_int_equal(with.status_seen, 302);
            assert_string_equal(with.method, "GET");
            assert_contains(with.location, "http://127.0.0.1:");
            assert_contains(with.location, "/next");
            if (verdict == HH_ANSWER_NO)
                assert_answered(&got, 302, "bye");
            else if (verdict == HH_ANSWER_FAIL)
                assert_failed(&got, HH_ERR_CANCELLED, HH_PHASE_NONE, NULL);
            else
                assert_answered(&got, 200, "hello");
            answer_clear(&got);
            assert_at_rest(client);
            hh_request_destroy(request);
            hh_client_destroy(client);
            peer_stop(server);
        }
    }
}

static void test_asked_about_names(void **state)
{
    (void)state;
    static const char *const here[] = {"127.0.0.1"};
    static const char *const nonsense[] = {"example.org"};
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO), LOOP));
    hh_client *client = whole_client(NULL);
    char url[100];
    snprintf(url, sizeof url, "http://no.such.invalid:%u/x", peer_port(server));
    for (int verdict = HH_ANSWER_YES; verdict <= HH_ANSWER_FAIL; verdict++) {
        hh_request *request = whole_request(client, NULL, url);
        assert_int_equal(hh_request_set_questions(request, HH_ASK_RESOLVE), HH_OK);
        replier with = {.data = {.size = sizeof with.data,
                                 .verdict = (hh_verdict)verdict,
                                 .addresses = here,
                                 .address_count = 1}};
        answer got = {.hook = reply, .context = &with};
        if (verdict > HH_ANSWER_YES) /* the idle connection would save the question */
            snprintf(url, sizeof url, "http://other%d.invalid:%u/x", verdict, peer_port(server));
        hh_request_destroy(request);
        request = whole_request(client, NULL, url);
        assert_int_equal(hh_request_set_questions(request, HH_ASK_RESOLVE), HH_OK);
        run(client, request, &got);
        assert_int_equal(with.asked, 1);
        assert_int_equal(with.port, peer_port(server));
        assert_contains(url, with.host);
        if (verdict == HH_ANSWER_YES)
            assert_answered(&got, 200, "hello");
        else if (verdict == HH_ANSWER_NO)
            assert_failed(&got, HH_ERR_RESOLVE, HH_PHASE_RESOLVE, with.host);
        else
            assert_failed(&got, HH_ERR_CANCELLED, HH_PHASE_NONE, NULL);
        answer_clear(&got);
        hh_request_destroy(request);
    }
    /* Answers that are none leave the question open. */
    hh_request *request = whole_request(client, NULL, "http://third.invalid/");
    assert_int_equal(hh_request_set_questions(request, HH_ASK_RESOLVE), HH_OK);
    answer got = {.id = 0};
    whole_submit(client, request, &got);
    whole_until(client, &got, 'A');
    hh_answer_data data = {.size = sizeof data, .verdict = HH_ANSWER_YES};
    assert_int_equal(hh_answer(client, got.id, &data), HH_ERR_INVALID_ARGUMENT);
    data.addresses = nonsense;
    data.address_count = 1;
    assert_int_equal(hh_answer(client, got.id, &data), HH_ERR_INVALID_ARGUMENT);
    data.address_count = 33;
    assert_int_equal(hh_answer(client, got.id, &data), HH_ERR_INVALID_ARGUMENT);
    data.verdict = (hh_verdict)9;
    assert_int_equal(hh_answer(client, got.id, &data), HH_ERR_INVALID_ARGUMENT);
    assert_int_equal(hh_answer(client, got.id, NULL), HH_ERR_INVALID_ARGUMENT);
    assert_int_equal(hh_cancel(client, got.id), HH_OK);
    whole_drain(client);
    assert_string_equal(got.events, "AE");
    answer_clear(&got);
    hh_request_destroy(request);
    assert_at_rest(client);
    hh_client_destroy(client);
    peer_stop(server);
}

/* The connect time-out bounds resolving, the caller's too; once answered it bounds the dial alone.
 */
static void test_asked_about_names_in_time(void **state)
{
    (void)state;
    static const char *const here[] = {"127.0.0.1"};
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO), LOOP));
    hh_client *client = whole_client(NULL);
    hh_timeouts timeouts = {.connect_ms = 30, .read_ms = HH_TIMEOUT_NONE};
    hh_request *request = whole_request(client, NULL, "http://name.invalid/");
    assert_int_equal(hh_request_set_questions(request, HH_ASK_RESOLVE), HH_OK);
    assert_int_equal(hh_request_set_timeouts(request, &timeouts), HH_OK);
    answer got = {.id = 0};
    whole_submit(client, request, &got);
    whole_until(client, &got, 'A');
    whole_pass(client, 29);
    assert_int_equal(got.terminals, 0);
    whole_pass(client, 1);
    assert_string_equal(got.events, "AE");
    assert_failed(&got, HH_ERR_TIMEOUT_CONNECT, HH_PHASE_RESOLVE, "name.invalid");
    hh_answer_data data = {.size = sizeof data, .verdict = HH_ANSWER_YES, .addresses = here};
    data.address_count = 1;
    assert_int_equal(hh_answer(client, got.id, &data), HH_ERR_STATE);
    answer_clear(&got);
    hh_request_destroy(request);

    char url[100];
    snprintf(url, sizeof url, "http://other.invalid:%u/", peer_port(server));
    request = whole_request(client, NULL, url);
    assert_int_equal(hh_request_set_questions(request, HH_ASK_RESOLVE), HH_OK);
    replier with = {.data = data};
    got = (answer){.hook = reply, .context = &with};
    run(client, request, &got);
    assert_answered(&got, 200, "hello");
    answer_clear(&got);
    hh_request_destroy(request);
    assert_at_rest(client);
    hh_client_destroy(client);
    peer_stop(server);
}

/* Who resolves names himself shares no connection with who doesn't. */
static void test_asked_and_unasked_share_nothing(void **state)
{
    (void)state;
    static const char *const here[] = {"127.0.0.1"};
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO), LOOP));
    hh_client *client = whole_client(NULL);
    replier with = {.data = {.size = sizeof with.data,
                             .verdict = HH_ANSWER_YES,
                             .addresses = here,
                             .address_count = 1}};
    hh_request *asked = whole_request(client, NULL, peer_url(server, "/"));
    assert_int_equal(hh_request_set_questions(asked, HH_ASK_RESOLVE), HH_OK);
    hh_request *unasked = whole_request(client, NULL, peer_url(server, "/"));
    for (int round = 0; round < 2; round++) {
        answer got = {.hook = reply, .context = &with};
        run(client, asked, &got);
        assert_answered(&got, 200, "hello");
        assert_int_equal(hh_response_is_reused(got.response), round);
        answer_clear(&got);
        run(client, unasked, &got);
        assert_answered(&got, 200, "hello");
        assert_int_equal(hh_response_is_reused(got.response), round);
        answer_clear(&got);
    }
    assert_int_equal(peer_connections(server), 2);
    assert_int_equal(with.asked, 1);
    hh_request_destroy(asked);
    hh_request_destroy(unasked);
    hh_client_destroy(client);
    peer_stop(server);
}

/* A POST that was answered has been acted on, whatever becomes of the redirect. */
static void test_failure_after_a_redirect_was_processed(void **state)
{
    (void)state;
    peer *closed = peer_of(SCRIPT(READ));
    char answer_text[160];
    snprintf(answer_text, sizeof answer_text,
             "HTTP/1.1 303 See Other\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
             peer_url(closed, "/receipt"));
    peer_stop(closed);
    peer *server = peer_of(SCRIPT(READ, SEND(answer_text)));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, "POST", peer_url(server, "/pay"));
    answer got = {.id = 0};
    whole_submit(client, request, &got);
    whole_drain(client);
    assert_failed(&got, HH_ERR_CONNECT, HH_PHASE_CONNECT, NULL);
    assert_int_equal(got.error.processed, HH_PROCESSED_YES);
    answer_clear(&got);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_methods_and_bodies),
        cmocka_unit_test(test_loops_are_bounded),
        cmocka_unit_test(test_locations),
        cmocka_unit_test(test_refused_and_bad_locations),
        cmocka_unit_test(test_no_location_is_an_answer),
        cmocka_unit_test(test_manual_mode),
        cmocka_unit_test(test_credentials_stay_with_their_origin),
        cmocka_unit_test(test_user_info_in_location_is_dropped),
        cmocka_unit_test(test_long_body_costs_the_connection),
        cmocka_unit_test(test_endless_body_is_left),
        WHOLE_HELD(test_slow_body_does_not_stall),
        cmocka_unit_test(test_broken_body_does_not_matter),
        cmocka_unit_test(test_pushed_body_on_307),
        cmocka_unit_test(test_pushed_body_is_dropped_on_303),
        cmocka_unit_test(test_417_repeats_without_expect),
        cmocka_unit_test(test_417_brings_no_credentials_back),
        cmocka_unit_test(test_history),
        cmocka_unit_test(test_asked_about_redirects),
        cmocka_unit_test(test_asked_about_names),
        WHOLE_HELD(test_asked_about_names_in_time),
        cmocka_unit_test(test_asked_and_unasked_share_nothing),
        cmocka_unit_test(test_failure_after_a_redirect_was_processed),
    };
    return whole_run(&(whole_suite){WHOLE_TESTS(tests)});
}
