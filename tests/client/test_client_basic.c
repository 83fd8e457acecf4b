/*
 * What one request and its answer look like to the caller: framings, deliveries, events. Everything
 * through the public API.
 */
#include "whole.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define CHUNKED_HELLO                                                                              \
    "HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"                    \
    "2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nX-Sum: 42\r\nX-Other: a b\r\n\r\n"

/* Gets one URL of a peer that answers `text` and closes. */
static void get_once(const char *text, answer *to)
{
    peer *server = peer_of(SCRIPT(READ, SEND(text)));
    hh_client *client = whole_client(NULL);
    whole_get(client, peer_url(server, "/"), to);
    assert_at_rest(client);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_body_by_length(void **state)
{
    (void)state;
    answer got = {.id = 0};
    get_once("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\nx-a:  2 \r\n\r\nhello", &got);
    assert_answered(&got, 200, "hello");
    assert_string_equal(got.events, "HBD");
    assert_int_equal(hh_response_version(got.response), whole_version());
    assert_slice(hh_response_reason(got.response), whole_version() == 11 ? "OK" : "");
    assert_int_equal(hh_response_field_count(got.response), 3);
    assert_slice(hh_response_header(got.response, "X-a"), "1");
    assert_slice(hh_response_field_at(got.response, 2).name, "x-a");
    assert_slice(hh_response_field_at(got.response, 2).value, "2");
    assert_null(hh_response_field_at(got.response, 3).name.data);
    assert_null(hh_response_header(got.response, "absent").data);
    assert_int_equal(hh_response_content_length(got.response), 5);
    assert_int_equal(hh_response_wire_bytes(got.response), 5);
    assert_int_equal(hh_response_body_bytes(got.response), 5);
    assert_int_equal(hh_response_attempt_count(got.response), 1);
    assert_int_equal(hh_response_redirect_count(got.response), 0);
    assert_int_equal(hh_response_is_reused(got.response), 0);
    assert_null(hh_response_previous(got.response));
    assert_true(hh_response_timings(got.response).total_ns > 0);
    assert_contains(hh_response_remote_address(got.response).data, "127.0.0.1:");
    answer_clear(&got);
}

static void test_chunks_and_trailers(void **state)
{
    (void)state;
    answer got = {.id = 0};
    get_once(CHUNKED_HELLO, &got);
    assert_answered(&got, 200, "hello");
    assert_int_equal(hh_response_content_length(got.response), UINT64_MAX);
    assert_int_equal(hh_response_trailer_count(got.response), 2);
    assert_name(hh_response_trailer_at(got.response, 0).name, "X-Sum");
    assert_slice(hh_response_trailer_at(got.response, 0).value, "42");
    assert_slice(hh_response_trailer_at(got.response, 1).value, "a b");
    assert_null(hh_response_trailer_at(got.response, 2).name.data);
    assert_null(hh_response_header(got.response, "X-Sum").data);
    answer_clear(&got);
}

static void test_body_until_close(void **state)
{
    (void)state;
    answer got = {.id = 0};
    get_once("HTTP/1.1 200 OK\r\n\r\nuntil the end", &got);
    assert_answered(&got, 200, "until the end");
    answer_clear(&got);
}

static void test_http_1_0(void **state)
{
    (void)state;
    answer got = {.id = 0};
    get_once("HTTP/1.0 200 OK\r\n\r\nold", &got);
    assert_answered(&got, 200, "old");
    assert_int_equal(hh_response_version(got.response), 10);
    answer_clear(&got);
}

static void test_no_body(void **state)
{
    (void)state;
    static const char *const heads[] = {
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n",
    };
    static const int statuses[] = {204, 304, 200, 200, 404};
    for (size_t i = 0; i < 5; i++) {
        answer got = {.id = 0};
        get_once(heads[i], &got);
        assert_answered(&got, statuses[i], "");
        assert_string_equal(got.events, "HD");
        answer_clear(&got);
    }
}

static void test_head_has_no_body(void **state)
{
    (void)state;
    peer *server =
        peer_of(SCRIPT(READ, SEND("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"), LOOP));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, "HEAD", peer_url(server, "/x"));
    for (int i = 0; i < 3; i++) {
        answer got = {.id = 0};
        whole_submit(client, request, &got);
        whole_drain(client);
        assert_answered(&got, 200, "");
        assert_int_equal(hh_response_content_length(got.response), 1000);
        assert_int_equal(hh_response_is_reused(got.response), i > 0);
        answer_clear(&got);
    }
    assert_int_equal(peer_connections(server), 1);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

/* RFC 9112 §9.6: nothing more is sent behind our own "Connection: close". */
static void test_own_close_is_kept_to(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO), LOOP));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, "GET", peer_url(server, "/x"));
    assert_int_equal(hh_request_set_header(request, "connection", "TE, Close"), HH_OK);
    for (size_t i = 1; i <= 2; i++) {
        answer got = {.id = 0};
        whole_submit(client, request, &got);
        whole_drain(client);
        assert_answered(&got, 200, "hello");
        assert_int_equal(peer_connections(server), i);
        answer_clear(&got);
    }
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_post(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO), LOOP));
    hh_client *client = whole_client(NULL);
    hh_request *copied = whole_request(client, "POST", peer_url(server, "/post?q=1#frag"));
    char body[] = "a=1&b=2";
    assert_int_equal(hh_request_set_body_copy(copied, body, strlen(body)), HH_OK);
    memset(body, 'x', strlen(body));
    hh_request *borrowed = whole_request(client, "PUT", peer_url(server, "/put"));
    assert_int_equal(hh_request_set_body_borrowed(borrowed, "lent", 4), HH_OK);
    hh_request *empty = whole_request(client, "POST", peer_url(server, "/empty"));
    hh_request *delete = whole_request(client, "DELETE", peer_url(server, "/gone"));
    hh_request *all[] = {copied, borrowed, empty, delete};
    for (size_t i = 0; i < 4; i++) {
        answer got = {.id = 0};
        whole_submit(client, all[i], &got);
        whole_drain(client);
        assert_answered(&got, 200, "hello");
        answer_clear(&got);
        hh_request_destroy(all[i]);
    }
    char *seen = peer_received(server, 0);
    assert_contains(seen, "POST /post?q=1 HTTP/1.1\r\nHost: 127.0.0.1:");
    assert_contains(seen, "Content-Length: 7\r\n\r\na=1&b=2PUT /put HTTP/1.1\r\n");
    assert_contains(seen, "Content-Length: 4\r\n\r\nlentPOST /empty HTTP/1.1\r\n");
    assert_contains(seen, "Content-Length: 0\r\n\r\nDELETE /gone");
    assert_int_equal(count_of(seen, "Content-Length"), 3);
    assert_lacks(seen, "#frag");
    free(seen);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_delivery_whole(void **state)
{
    (void)state;
    peer *server = peer_of_three(SCRIPT(READ, SEND(OK_HELLO), READ, SEND(CHUNKED_HELLO), READ,
                                        SEND("HTTP/1.1 200 OK\r\n\r\nclosed")),
                                 SCRIPT(READ, SEND(OK_HELLO)), SCRIPT(READ, SEND(OK_HELLO)));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    assert_int_equal(hh_request_set_delivery(request, HH_DELIVER_WHOLE), HH_OK);
    static const char *const bodies[] = {"hello", "hello", "closed"};
    for (size_t i = 0; i < 3; i++) {
        answer got = {.id = 0};
        whole_submit(client, request, &got);
        whole_drain(client);
        assert_answered(&got, 200, bodies[i]);
        assert_string_equal(got.events, "D");
        assert_slice(hh_response_body(got.response), bodies[i]);
        answer_clear(&got);
    }
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

/* --- the sink -------------------------------------------------------------------------------- */

#define BIG_BYTES 200000

typedef struct sink {
    char *memory;
    size_t capacity;
    hh_status status;
} sink;

static void set_sink(hh_client *client, const hh_event *event, answer *to)
{
    sink *into = to->context;
    if (event->type == HH_EVENT_HEADERS && into->memory != NULL)
        into->status = hh_set_sink(client, event->id, into->memory, into->capacity);
}

static char *big_answer(const char *framing, const char *tail, char **body)
{
    char *text = malloc(BIG_BYTES + 300);
    *body = malloc(BIG_BYTES + 1);
    assert_true(text != NULL && *body != NULL);
    for (size_t i = 0; i < BIG_BYTES; i++)
        (*body)[i] = (char)('a' + i % 23);
    (*body)[BIG_BYTES] = '\0';
    sprintf(text, "HTTP/1.1 200 OK\r\n%s%s%s", framing, *body, tail);
    return text;
}

static void run_sink(const char *text, sink *into, answer *to)
{
    peer *server = peer_of(SCRIPT(READ, SEND(text)));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    assert_int_equal(hh_request_set_delivery(request, HH_DELIVER_SINK), HH_OK);
    to->hook = set_sink;
    to->context = into;
    whole_submit(client, request, to);
    whole_drain(client);
    assert_int_equal(hh_set_sink(client, to->id, into, 1), HH_ERR_STATE);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_delivery_sink(void **state)
{
    (void)state;
    static const char *const framings[] = {"Content-Length: 200000\r\n\r\n", "\r\n",
                                           "Transfer-Encoding: chunked\r\n\r\n30d40\r\n"};
    static const char *const tails[] = {"", "", "\r\n0\r\n\r\n"};
    for (size_t i = 0; i < 3; i++) {
        char *body;
        char *text = big_answer(framings[i], tails[i], &body);
        char *memory = malloc(BIG_BYTES);
        assert_non_null(memory);
        sink into = {memory, BIG_BYTES, HH_ERR_STATE};
        answer got = {.id = 0};
        run_sink(text, &into, &got);
        assert_int_equal(into.status, HH_OK);
        assert_answered(&got, 200, "");
        assert_string_equal(got.events, "HD");
        assert_int_equal(hh_response_body_bytes(got.response), BIG_BYTES);
        assert_memory_equal(memory, body, BIG_BYTES);
        answer_clear(&got);

        /* Without one it is collected. */
        sink none = {NULL, 0, HH_OK};
        run_sink(text, &none, &got);
        assert_answered(&got, 200, body);
        assert_string_equal(got.events, "HD");
        answer_clear(&got);

        sink narrow = {memory, BIG_BYTES - 1, HH_ERR_STATE};
        run_sink(text, &narrow, &got);
        assert_failed(&got, HH_ERR_RESPONSE_TOO_LARGE, HH_PHASE_BODY, "199999");
        answer_clear(&got);
        free(memory);
        free(body);
        free(text);
    }
}

static void test_sink_only_for_bodies_that_are_worth_it(void **state)
{
    (void)state;
    static const char *const texts[] = {OK_HELLO, "HTTP/1.1 204 None\r\n\r\n",
                                        "HTTP/1.1 304 Same\r\n\r\n"};
    for (size_t i = 0; i < 3; i++) {
        sink none = {NULL, 0, HH_OK};
        answer got = {.id = 0};
        run_sink(texts[i], &none, &got);
        assert_string_equal(got.events, "D");
        answer_clear(&got);
    }
}

/* --- ids, counts, sameness ------------------------------------------------------------------- */

static void test_pending_tag_and_stale_id(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO), LOOP));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    answer first = {.id = 0}, second = {.id = 0};
    assert_int_equal(hh_client_pending(client), 0);
    whole_submit(client, request, &first);
    assert_int_equal(hh_client_pending(client), 1);
    whole_submit(client, request, &second);
    assert_int_equal(hh_client_pending(client), 2);
    assert_true(first.id != second.id);
    whole_drain(client);
    assert_answered(&first, 200, "hello");
    assert_answered(&second, 200, "hello");
    assert_int_equal(hh_client_pending(client), 0);
    assert_int_equal(hh_cancel(client, first.id), HH_ERR_STATE);
    assert_int_equal(hh_cancel(client, 0), HH_ERR_STATE);
    assert_int_equal(hh_cancel(client, UINT64_MAX), HH_ERR_STATE);
    hh_answer_data data = {.size = sizeof data};
    assert_int_equal(hh_answer(client, first.id, &data), HH_ERR_STATE);
    size_t taken;
    assert_int_equal(hh_body_push(client, first.id, hh_slice_of("x"), HH_BODY_LAST, &taken),
                     HH_ERR_STATE);
    /* The old id doesn't hit whoever has its place now. */
    answer third = {.id = 0};
    whole_submit(client, request, &third);
    assert_int_equal(hh_cancel(client, first.id), HH_ERR_STATE);
    assert_int_equal(hh_cancel(client, second.id), HH_ERR_STATE);
    whole_drain(client);
    assert_answered(&third, 200, "hello");
    assert_null(hh_next_event(client));
    hh_event_release(client, NULL);
    answer_clear(&first);
    answer_clear(&second);
    answer_clear(&third);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_same_bytes_each_time(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO), LOOP));
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.max_connections = 1;
    hh_client *client = whole_client(&options);
    hh_request *request = whole_request(client, "POST", peer_url(server, "/again"));
    assert_int_equal(hh_request_set_header(request, "X-Mine", "yes"), HH_OK);
    assert_int_equal(hh_request_set_basic_auth(request, "user", "pass"), HH_OK);
    assert_int_equal(hh_request_set_body_copy(request, "body", 4), HH_OK);
    answer *got = calloc(100, sizeof *got);
    assert_non_null(got);
    for (int i = 0; i < 100; i++)
        whole_submit(client, request, &got[i]);
    hh_request_destroy(request); /* each submit has a share of its own */
    whole_drain(client);
    for (int i = 0; i < 100; i++) {
        assert_answered(&got[i], 200, "hello");
        answer_clear(&got[i]);
    }
    free(got);
    char *seen = whole_received(server);
    size_t length = strlen(seen) / 100;
    assert_int_equal(strlen(seen), 100 * length);
    for (size_t i = 1; i < 100; i++)
        assert_memory_equal(seen, seen + i * length, length);
    free(seen);
    assert_int_equal(whole_stats(client).connections_opened, 1);
    assert_at_rest(client);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_fixed_at_first_submit(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO), LOOP));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    answer got = {.id = 0};
    whole_submit(client, request, &got);
    hh_timeouts timeouts = {.read_ms = 5};
    for (int round = 0; round < 2; round++) {
        assert_int_equal(hh_request_set_header(request, "A", "b"), HH_ERR_STATE);
        assert_int_equal(hh_request_add_header(request, hh_slice_of("A"), hh_slice_of("b")),
                         HH_ERR_STATE);
        assert_int_equal(hh_request_remove_header(request, "A"), HH_ERR_STATE);
        assert_int_equal(hh_request_set_basic_auth(request, "u", "p"), HH_ERR_STATE);
        assert_int_equal(hh_request_set_body_copy(request, "x", 1), HH_ERR_STATE);
        assert_int_equal(hh_request_set_body_borrowed(request, "x", 1), HH_ERR_STATE);
        assert_int_equal(hh_request_set_body_stream(request, 1, HH_REWIND_POSSIBLE), HH_ERR_STATE);
        assert_int_equal(hh_request_set_timeouts(request, &timeouts), HH_ERR_STATE);
        assert_int_equal(hh_request_set_delivery(request, HH_DELIVER_WHOLE), HH_ERR_STATE);
        assert_int_equal(hh_request_set_redirects(request, HH_REDIRECTS_MANUAL, 1), HH_ERR_STATE);
        assert_int_equal(hh_request_set_decoding(request, HH_DECODING_NONE), HH_ERR_STATE);
        assert_int_equal(hh_request_set_max_response_bytes(request, 1), HH_ERR_STATE);
        assert_int_equal(hh_request_set_expect_continue(request, HH_ON), HH_ERR_STATE);
        assert_int_equal(hh_request_set_questions(request, HH_ASK_REDIRECT), HH_ERR_STATE);
        assert_int_equal(hh_request_set_trace(request, HH_ON), HH_ERR_STATE);
        whole_drain(client);
    }
    assert_answered(&got, 200, "hello");
    answer_clear(&got);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

/* --- what goes on the wire ------------------------------------------------------------------- */

static void test_injection_is_refused(void **state)
{
    (void)state;
    hh_client *client = whole_client(NULL);
    hh_request *request = NULL;
    static const char *const methods[] = {
        "GET /x HTTP/1.1\r\nEvil: 1\r\n\r\nGET", "GE T", "", "CONNECT", "G\nT", "G:T"};
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(hh_request_create(client, methods[i], "http://a/", &request),
                         HH_ERR_INVALID_ARGUMENT);
    static const char *const urls[] = {"http://a b/", "http://", "http://[::1/",
                                       "/relative",   "",        "http://a:99999/"};
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(hh_request_create(client, "GET", urls[i], &request), HH_ERR_INVALID_URL);
    assert_int_equal(hh_request_create(client, "GET", "ftp://a/", &request),
                     HH_ERR_UNSUPPORTED_PROTOCOL);
    assert_int_equal(hh_request_create(client, "GET", "ws://a/", &request),
                     HH_ERR_UNSUPPORTED_PROTOCOL);
    assert_null(request);

    /* Browsers drop line breaks from URLs, and spaces become %20: nothing of it reaches the wire.
     */
    request = whole_request(client, NULL, "http://a/x\r\nEvil: 1");
    assert_slice(hh_request_url(request), "http://a/xEvil:%201");
    static const char *const values[] = {"a\r\nEvil: 1", "a\nb", "a\rb", "\r\n"};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(hh_request_set_header(request, "X", values[i]), HH_ERR_INVALID_ARGUMENT);
        assert_int_equal(hh_request_set_header(request, values[i], "x"), HH_ERR_INVALID_ARGUMENT);
    }
    assert_int_equal(hh_request_add_header(request, hh_slice_of("X"), (hh_slice){"a\0b", 3}),
                     HH_ERR_INVALID_ARGUMENT);
    assert_int_equal(hh_request_set_header(request, "", "x"), HH_ERR_INVALID_ARGUMENT);
    assert_int_equal(hh_request_set_header(request, "X Y", "x"), HH_ERR_INVALID_ARGUMENT);
    assert_int_equal(hh_request_set_header(request, "X:", "x"), HH_ERR_INVALID_ARGUMENT);
    assert_int_equal(hh_request_set_header(request, "content-length", "5"),
                     HH_ERR_INVALID_ARGUMENT);
    assert_int_equal(hh_request_set_header(request, "Transfer-encoding", "chunked"),
                     HH_ERR_INVALID_ARGUMENT);
    assert_int_equal(hh_request_set_basic_auth(request, "a:b", "c"), HH_ERR_INVALID_ARGUMENT);
    hh_request_destroy(request);
    hh_client_destroy(client);
}

static void test_framing_in_default_headers_is_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"Content-Length", "transfer-encoding", "Bad Name", ""};
    for (size_t i = 0; i < 4; i++) {
        hh_field field = {hh_slice_of(names[i]), hh_slice_of("1")};
        hh_client_options options = HH_CLIENT_OPTIONS_INIT;
        options.headers = &field;
        options.header_count = 1;
        hh_client *client = NULL;
        hh_error error;
        assert_int_equal(hh_client_create_error(&options, &client, &error),
                         HH_ERR_INVALID_ARGUMENT);
        assert_contains(error.message, "header");
        assert_null(client);
    }
}

static void test_base_url(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO), LOOP));
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    char base[300];
    snprintf(base, sizeof base, "http://base:word@127.0.0.1:%u/api/v1/", peer_port(server));
    options.base_url = base;
    hh_client *client = whole_client(&options);
    static const char *const urls[] = {"users?x=1", "/root", "../up"};
    static const char *const lines[] = {"GET /api/v1/users?x=1 HTTP", "GET /root HTTP",
                                        "GET /api/up HTTP"};
    for (size_t i = 0; i < 3; i++) {
        answer got = {.id = 0};
        whole_get(client, urls[i], &got);
        assert_answered(&got, 200, "hello");
        answer_clear(&got);
    }
    char *seen = peer_received(server, 0);
    for (size_t i = 0; i < 3; i++)
        assert_contains(seen, lines[i]);
    assert_int_equal(count_of(seen, "Authorization: Basic YmFzZTp3b3Jk\r\n"), 3);
    free(seen);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_url_credentials(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO), RESET));
    hh_client *client = whole_client(NULL);
    char url[200];
    snprintf(url, sizeof url, "http://me%%40x:s%%3Acret@127.0.0.1:%u/private", peer_port(server));
    hh_request *request = whole_request(client, NULL, url);
    assert_lacks(hh_request_url(request).data, "cret");
    answer got = {.id = 0};
    whole_submit(client, request, &got);
    whole_drain(client);
    assert_answered(&got, 200, "hello");
    assert_null(
        memmem(hh_response_url(got.response).data, hh_response_url(got.response).length, "me", 2));
    answer_clear(&got);
    char *seen = peer_received(server, 0);
    assert_contains(seen, "Authorization: Basic bWVAeDpzOmNyZXQ=\r\n"); /* me@x:s:cret */
    assert_contains(seen, "GET /private HTTP/1.1\r\nHost: 127.0.0.1:");
    free(seen);

    whole_submit(client, request, &got);
    assert_int_equal(hh_cancel(client, got.id), HH_OK);
    whole_drain(client);
    assert_failed(&got, HH_ERR_CANCELLED, HH_PHASE_NONE, "/private");
    assert_lacks(got.error.message, "cret");
    answer_clear(&got);
    hh_request_destroy(request);

    hh_error error;
    assert_int_equal(hh_request_create_slice(client, hh_slice_of("GET"),
                                             hh_slice_of("http://a%3Ab:secret@host/"), &request,
                                             &error),
                     HH_ERR_INVALID_URL);
    assert_lacks(error.message, "secret");
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_other_transports(void **state)
{
    (void)state;
    peer *server = peer_start_v6((const peer_step *const[]){SCRIPT(READ, SEND(OK_HELLO))}, 1);
    hh_client *client = whole_client(NULL);
    answer got = {.id = 0};
    whole_get(client, peer_url(server, "/"), &got);
    assert_answered(&got, 200, "hello");
    assert_contains(hh_response_remote_address(got.response).data, "[::1]:");
    answer_clear(&got);
    hh_client_destroy(client);
    peer_stop(server);

    char path[] = "/tmp/hh-unix-XXXXXX";
    assert_non_null(mkdtemp(path));
    char socket_path[64];
    snprintf(socket_path, sizeof socket_path, "%s/socket", path);
    server =
        peer_start_unix(socket_path, (const peer_step *const[]){SCRIPT(READ, SEND(OK_HELLO))}, 1);
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.unix_socket = socket_path;
    client = whole_client(&options);
    whole_get(client, "http://any.example/x", &got);
    assert_answered(&got, 200, "hello");
    assert_slice(hh_response_remote_address(got.response), socket_path);
    answer_clear(&got);
    char *seen = peer_received(server, 0);
    assert_contains(seen, "Host: any.example\r\n");
    free(seen);
    hh_client_destroy(client);
    peer_stop(server);
    remove(socket_path);
    remove(path);
}

static void test_limits_of_answers(void **state)
{
    (void)state;
    static const char *const texts[] = {OK_HELLO, CHUNKED_HELLO, "HTTP/1.1 200 OK\r\n\r\nhello"};
    for (size_t i = 0; i < 3; i++) {
        for (uint64_t limit = 4; limit <= 5; limit++) {
            peer *server = peer_of(SCRIPT(READ, SEND(texts[i])));
            hh_client_options options = HH_CLIENT_OPTIONS_INIT;
            options.max_response_bytes = 1;
            hh_client *client = whole_client(&options);
            hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
            assert_int_equal(hh_request_set_max_response_bytes(request, limit), HH_OK);
            answer got = {.id = 0};
            whole_submit(client, request, &got);
            whole_drain(client);
            if (limit == 5)
                assert_answered(&got, 200, "hello");
            else
                assert_failed(&got, HH_ERR_RESPONSE_TOO_LARGE, HH_PHASE_BODY, "4 bytes");
            answer_clear(&got);
            hh_request_destroy(request);
            hh_client_destroy(client);
            peer_stop(server);
        }
    }
}

static void test_trace_and_information(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(
        READ, SEND("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: "
                   "s=1\r\nContent-Length: 0\r\n\r\n")));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    assert_int_equal(hh_request_set_trace(request, HH_ON), HH_OK);
    answer got = {.id = 0};
    whole_submit(client, request, &got);
    whole_drain(client);
    assert_answered(&got, 200, "");
    assert_string_equal(got.events, whole_version() == 20 ? "TTTITTTHD" : "TTTITHD");
    answer_clear(&got);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

static void gather_trace(hh_client *client, const hh_event *event, answer *to)
{
    (void)client;
    char *all = to->context;
    size_t used = strlen(all);
    if (event->type == HH_EVENT_TRACE)
        snprintf(all + used, 4096 - used, "%.*s\n", HH_SLICE_ARGS(event->body));
}

/* Passwords stand in more places than in the fields made for them. */
static void test_trace_shows_no_secrets(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(
        READ, SEND("HTTP/1.1 302 Found\r\nLocation: http://eve:pa55@127.0.0.1:1/a@b\r\n"
                   "Set-Cookie: s=pa55\r\nX-Mail: to@example.org\r\nContent-Length: 0\r\n\r\n")));
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    hh_field fields[] = {{hh_slice_of("aUTHORIZATION"), hh_slice_of("Bearer pa55")},
                         {hh_slice_of("Cookie"), hh_slice_of("c=pa55")}};
    options.headers = fields;
    options.header_count = 2;
    options.redirects = HH_REDIRECTS_MANUAL;
    hh_client *client = whole_client(&options);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/?at=x@y"));
    assert_int_equal(hh_request_set_trace(request, HH_ON), HH_OK);
    assert_int_equal(hh_request_set_header(request, "Referer", "https://bob:pa55@example.org/r"),
                     HH_OK);
    char all[4096] = "";
    answer got = {.hook = gather_trace, .context = all};
    whole_submit(client, request, &got);
    whole_drain(client);
    assert_lacks(all, "pa55");
    assert_contains(all, "aUTHORIZATION: [redacted]\r\n");
    assert_contains(all, "Location: http://[redacted]@127.0.0.1:1/a@b\r\n");
    assert_contains(all, "Referer: https://[redacted]@example.org/r\r\n");
    assert_contains(all, "X-Mail: to@example.org\r\n");
    assert_contains(all, whole_version() == 20 ? "GET /?at=x@y HTTP/2\r\n"
                                               : "GET /?at=x@y HTTP/1.1\r\n");
    answer_clear(&got);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

/* Counts without what they count. */
static void test_impossible_options(void **state)
{
    (void)state;
    const char *const nothing[1] = {NULL};
    hh_client *client = NULL;
    hh_error error;
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.header_count = 1;
    assert_int_equal(hh_client_create_error(&options, &client, &error), HH_ERR_INVALID_ARGUMENT);
    assert_contains(error.message, "headers");
    options.header_count = 0;
    options.resolve_count = 1;
    assert_int_equal(hh_client_create_error(&options, &client, &error), HH_ERR_INVALID_ARGUMENT);
    assert_contains(error.message, "resolve");
    options.resolve = nothing;
    assert_int_equal(hh_client_create_error(&options, &client, &error), HH_ERR_INVALID_ARGUMENT);
    assert_contains(error.message, "resolve");
    options.resolve_count = 0;
    options.timeout.read_ms = -2;
    assert_int_equal(hh_client_create_error(&options, &client, &error), HH_ERR_INVALID_ARGUMENT);
    assert_contains(error.message, "time-out");
    assert_null(client);
}

/* A setter that fails leaves what was there. */
static void test_failed_setter_changes_nothing(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO)));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    static char huge[200001];
    memset(huge, 'x', sizeof huge - 1);
    assert_int_equal(hh_request_set_header(request, "If-Match", "\"1\""), HH_OK);
    assert_int_equal(hh_request_set_header(request, "If-Match", huge), HH_ERR_LIMIT);
    answer got = {.id = 0};
    whole_submit(client, request, &got);
    whole_drain(client);
    char *seen = peer_received(server, 0);
    assert_contains(seen, "If-Match: \"1\"\r\n");
    free(seen);
    answer_clear(&got);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_refused_connection(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ));
    char url[64];
    snprintf(url, sizeof url, "%s", peer_url(server, "/"));
    peer_stop(server);
    hh_client *client = whole_client(NULL);
    answer got = {.id = 0};
    whole_get(client, url, &got);
    assert_failed(&got, HH_ERR_CONNECT, HH_PHASE_CONNECT, "127.0.0.1");
    assert_int_equal(got.error.category, HH_CATEGORY_CONNECTION);
    assert_int_equal(got.error.processed, HH_PROCESSED_NO);
    assert_string_equal(got.events, "E");
    assert_at_rest(client);
    answer_clear(&got);
    hh_client_destroy(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_body_by_length),
        cmocka_unit_test(test_chunks_and_trailers),
        cmocka_unit_test(test_body_until_close),
        cmocka_unit_test(test_http_1_0),
        cmocka_unit_test(test_no_body),
        cmocka_unit_test(test_head_has_no_body),
        cmocka_unit_test(test_own_close_is_kept_to),
        cmocka_unit_test(test_post),
        cmocka_unit_test(test_delivery_whole),
        cmocka_unit_test(test_delivery_sink),
        cmocka_unit_test(test_sink_only_for_bodies_that_are_worth_it),
        cmocka_unit_test(test_pending_tag_and_stale_id),
        cmocka_unit_test(test_same_bytes_each_time),
        cmocka_unit_test(test_fixed_at_first_submit),
        cmocka_unit_test(test_injection_is_refused),
        cmocka_unit_test(test_framing_in_default_headers_is_refused),
        cmocka_unit_test(test_base_url),
        cmocka_unit_test(test_url_credentials),
        cmocka_unit_test(test_other_transports),
        cmocka_unit_test(test_limits_of_answers),
        cmocka_unit_test(test_trace_and_information),
        cmocka_unit_test(test_trace_shows_no_secrets),
        cmocka_unit_test(test_impossible_options),
        cmocka_unit_test(test_failed_setter_changes_nothing),
        cmocka_unit_test(test_refused_connection),
    };
    static const whole_h1_only h1_only[] = {
        {"test_http_1_0", "a version of its own"},
        {"test_own_close_is_kept_to", "RFC 9113 §8.2.2: no Connection field"},
    };
    return whole_run(&(whole_suite){WHOLE_TESTS(tests), WHOLE_H1_ONLY(h1_only)});
}
