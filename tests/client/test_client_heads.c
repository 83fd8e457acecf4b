/*
 * The head of a request: the client's fields, the request's own, those that the engine adds, and
 * which of them wins. Everything through the public API.
 */
#include "whole.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static char *head_of(const hh_client_options *options, void (*prepare)(hh_request *request))
{
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO)));
    hh_client *client = whole_client(options);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/p"));
    if (prepare != NULL)
        prepare(request);
    answer got = {.id = 0};
    whole_submit(client, request, &got);
    whole_drain(client);
    assert_answered(&got, 200, "hello");
    answer_clear(&got);
    hh_request_destroy(request);
    hh_client_destroy(client);
    char *seen = peer_received(server, 0);
    peer_stop(server);
    return seen;
}

static void override_defaults(hh_request *request)
{
    assert_int_equal(hh_request_set_header(request, "host", "other.example"), HH_OK);
    assert_int_equal(hh_request_set_header(request, "user-agent", "mine"), HH_OK);
    assert_int_equal(hh_request_remove_header(request, "Accept"), HH_OK);
    assert_int_equal(hh_request_remove_header(request, "x-default"), HH_OK);
    assert_int_equal(hh_request_set_header(request, "X-Second", "own"), HH_OK);
    assert_int_equal(hh_request_add_header(request, hh_slice_of("X-Many"), hh_slice_of(" 1 ")),
                     HH_OK);
    assert_int_equal(hh_request_add_header(request, hh_slice_of("X-Many"), hh_slice_of("2")),
                     HH_OK);
    assert_int_equal(hh_request_set_decoding(request, HH_DECODING_NONE), HH_OK);
}

static void remove_host(hh_request *request)
{
    assert_int_equal(hh_request_remove_header(request, "Host"), HH_OK);
    assert_int_equal(hh_request_remove_header(request, "Accept-Encoding"), HH_OK);
}

static void test_default_headers(void **state)
{
    (void)state;
    hh_field fields[] = {{hh_slice_of("X-Default"), hh_slice_of(" d ")},
                         {hh_slice_of("X-Second"), hh_slice_of("s")},
                         {hh_slice_of("Accept"), hh_slice_of("text/html")}};
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.headers = fields;
    options.header_count = 3;

    char *seen = head_of(NULL, NULL);
    assert_contains(seen, "GET /p HTTP/1.1\r\nHost: 127.0.0.1:");
    assert_contains(seen, "\r\nUser-Agent: hyperhttp/");
    assert_contains(seen, "\r\nAccept: */*\r\n");
    assert_contains(seen, "\r\nAccept-Encoding: ");
    assert_lacks(seen, "Connection:");
    free(seen);

    seen = head_of(&options, NULL);
    assert_contains(seen, "\r\nX-Default: d\r\n");
    assert_contains(seen, "\r\nAccept: text/html\r\n");
    assert_lacks(seen, "*/*");
    free(seen);

    seen = head_of(&options, override_defaults);
    assert_contains(seen, "Host: other.example\r\n");
    assert_int_equal(count_of(seen, "ost: "), 1);
    assert_contains(seen, "user-agent: mine\r\n");
    assert_lacks(seen, "hyperhttp");
    assert_lacks(seen, "Accept");
    assert_lacks(seen, "X-Default");
    assert_contains(seen, "X-Second: own\r\n");
    assert_int_equal(count_of(seen, "X-Second"), 1);
    assert_contains(seen, "X-Many: 1\r\nX-Many: 2\r\n");
    free(seen);

    options.user_agent = "";
    seen = head_of(&options, remove_host);
    assert_contains(seen, "Host: 127.0.0.1:");
    assert_lacks(seen, "User-Agent");
    assert_lacks(seen, "Accept-Encoding");
    free(seen);
}

static void prefer(hh_request *request)
{
    assert_int_equal(hh_request_set_priority(request, 1, HH_OFF), HH_OK);
}

static void decode_nothing(hh_request *request)
{
    assert_int_equal(hh_request_set_decoding(request, HH_DECODING_NONE), HH_OK);
}

static void give_body(hh_request *request)
{
    assert_int_equal(hh_request_set_body_copy(request, "abc", 3), HH_OK);
    assert_int_equal(hh_request_set_expect_continue(request, HH_OFF), HH_OK);
}

/* What stands behind Host is rendered once for all requests that add nothing to it. */
static void test_heads_of_requests_without_fields(void **state)
{
    (void)state;
    static const char usual[] = "\r\nUser-Agent: mine\r\nAccept: */*\r\nAccept-Encoding: ";
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.user_agent = "mine";
    char *seen = head_of(&options, NULL);
    assert_contains(seen, usual);
    assert_lacks(seen, "Priority");
    free(seen);

    seen = head_of(&options, prefer);
    assert_contains(seen, "\r\nPriority: u=1\r\n");
    assert_contains(seen, usual);
    free(seen);

    seen = head_of(&options, decode_nothing);
    assert_contains(seen, "\r\nUser-Agent: mine\r\nAccept: */*\r\n\r\n");
    free(seen);

    seen = head_of(&options, give_body);
    assert_contains(seen, usual);
    assert_contains(seen, "\r\nContent-Length: 3\r\n\r\nabc");
    free(seen);

    hh_field field = {hh_slice_of("Host"), hh_slice_of("usual.example")};
    options.headers = &field;
    options.header_count = 1;
    seen = head_of(&options, NULL);
    assert_contains(seen, "\r\nHost: usual.example\r\nUser-Agent: mine\r\nAccept: */*\r\n");
    free(seen);
}

/* Those that are kept as static text, and others; letter case counts (RFC 9110 §9.1). */
static void test_methods(void **state)
{
    (void)state;
    static const char *const methods[] = {"GET", "OPTIONS", "get", "PURGE"};
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO), LOOP));
    hh_client *client = whole_client(NULL);
    for (size_t i = 0; i < 4; i++) {
        char own[16];
        char line[64];
        snprintf(own, sizeof own, "%s", methods[i]);
        answer got = {.id = 0};
        hh_request *request = whole_request(client, own, peer_url(server, "/p"));
        memset(own, 'X', sizeof own - 1); /* the caller's text isn't kept */
        whole_submit(client, request, &got);
        whole_drain(client);
        assert_answered(&got, 200, "hello");
        answer_clear(&got);
        hh_request_destroy(request);
        char *seen = peer_received(server, 0);
        snprintf(line, sizeof line, "%s /p HTTP/1.1\r\n", methods[i]);
        assert_contains(seen, line);
        free(seen);
    }
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_connection_close_by_default(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO), LOOP));
    hh_field field = {hh_slice_of("Connection"), hh_slice_of("close")};
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.headers = &field;
    options.header_count = 1;
    hh_client *client = whole_client(&options);
    for (unsigned i = 1; i <= 2; i++) {
        answer got = {.id = 0};
        hh_request *request = whole_request(client, NULL, peer_url(server, "/p"));
        whole_submit(client, request, &got);
        whole_drain(client);
        assert_answered(&got, 200, "hello");
        assert_int_equal(whole_stats(client).connections_opened, i);
        answer_clear(&got);
        hh_request_destroy(request);
    }
    hh_client_destroy(client);
    peer_stop(server);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default_headers),
        cmocka_unit_test(test_heads_of_requests_without_fields),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_connection_close_by_default),
    };
    static const whole_h1_only h1_only[] = {
        {"test_connection_close_by_default", "RFC 9113 §8.2.2: no Connection field"},
    };
    return whole_run(&(whole_suite){WHOLE_TESTS(tests), WHOLE_H1_ONLY(h1_only)});
}
