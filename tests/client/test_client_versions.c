/*
 * Which version of HTTP is spoken, as ALPN and the options say, and what only HTTP/2 has: 421,
 * priorities, streams in the trace, more requests than a server allows at once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "support/certificates.h"
#include "support/tls_server.h"
#include "whole.h"

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

/* --- ALPN ------------------------------------------------------------------------------------ */

static certificates made;

static int make_certificates(void **state)
{
    (void)state;
    certificates_make(&made);
    return 0;
}

static int remove_certificates(void **state)
{
    (void)state;
    certificates_remove(&made);
    return 0;
}

/* One answer for each blank line. */
static void serve_http1(SSL *ssl, void *context)
{
    char text[4096];
    size_t used = 0;
    int count;
    (void)context;
    while ((count = SSL_read(ssl, text + used, (int)(sizeof text - 1 - used))) > 0) {
        used += (size_t)count;
        text[used] = '\0';
        if (strstr(text, "\r\n\r\n") == NULL)
            continue;
        used = 0;
        if (SSL_write(ssl, OK_HELLO, (int)strlen(OK_HELLO)) <= 0)
            return;
    }
}

static tls_server *http1_server(const char *alpn)
{
    tls_server_options options = {
        .certificate_file = certificates_path(&made, "good.crt"),
        .key_file = certificates_path(&made, "good.key"),
        .alpn = (const unsigned char *)alpn,
        .alpn_length = alpn != NULL ? strlen(alpn) : 0,
        .serve = serve_http1,
    };
    return tls_server_start(&options);
}

static hh_client *lax_client(hh_switch http1, hh_switch http2)
{
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.tls.verify = HH_OFF;
    options.http1 = http1;
    options.http2 = http2;
    hh_client *client;
    assert_int_equal(hh_client_create(&options, &client), HH_OK);
    return client;
}

static void test_http1_fans_out(void **state)
{
    (void)state;
    enum { COUNT = 8 };
    tls_server *server = http1_server("\x08http/1.1");
    hh_client *client = lax_client(HH_DEFAULT, HH_DEFAULT);
    answer *got = calloc(COUNT, sizeof *got);
    char url[64];
    assert_non_null(got);
    snprintf(url, sizeof url, "https://127.0.0.1:%u/", tls_server_port(server));
    hh_request *request = whole_request(client, NULL, url);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < COUNT; i++)
            whole_submit(client, request, &got[i]);
        if (round == 0) {
            assert_int_equal(whole_stats(client).connections_dialling, 1);
            whole_until(client, &got[0], 'D'); /* the others dial since it turned out HTTP/1.1 */
            hh_client_stats now = whole_stats(client);
            assert_true(now.connections_opened + now.connections_dialling > 1);
        }
        whole_drain(client);
        for (size_t i = 0; i < COUNT; i++) {
            assert_answered(&got[i], 200, "hello");
            assert_int_equal(hh_response_version(got[i].response), 11);
            answer_clear(&got[i]);
            got[i] = (answer){.id = 0};
        }
    }
    free(got);
    hh_request_destroy(request);
    hh_client_destroy(client);
    assert_string_equal(tls_server_stop(server).last_alpn, "http/1.1");
}

static void test_what_is_not_offered(void **state)
{
    (void)state;
    static const struct {
        const char *alpn;
        hh_switch http1, http2;
        const char *part;
    } cases[] = {
        {NULL, HH_OFF, HH_ON, "doesn't offer HTTP/2 (it chose nothing), and http1 is off"},
        {"\x08http/1.1", HH_OFF, HH_ON, "doesn't offer HTTP/2, and http1 is off: turn it on"},
        {"\x02h2", HH_ON, HH_OFF, "doesn't offer HTTP/1.1, and http2 is off: turn it on"},
    };
    for (size_t i = 0; i < HH_COUNT_OF(cases); i++) {
        char url[64];
        answer got = {.id = 0};
        tls_server *server = http1_server(cases[i].alpn);
        hh_client *client = lax_client(cases[i].http1, cases[i].http2);
        snprintf(url, sizeof url, "https://127.0.0.1:%u/", tls_server_port(server));
        whole_get(client, url, &got);
        assert_failed(&got, HH_ERR_UNSUPPORTED_PROTOCOL, HH_PHASE_TLS, cases[i].part);
        answer_clear(&got);
        assert_int_equal(whole_stats(client).connections_open, 0);
        hh_client_destroy(client);
        tls_server_stop(server);
    }
}

static void test_options_that_make_no_sense(void **state)
{
    (void)state;
    static const struct {
        hh_client_options options;
        const char *part;
    } cases[] = {
        {{.size = sizeof(hh_client_options), .http1 = HH_OFF, .http2 = HH_OFF}, "both off"},
        {{.size = sizeof(hh_client_options), .http2 = HH_OFF, .http2_prior_knowledge = HH_ON},
         "http2 is off"},
        {{.size = sizeof(hh_client_options), .http2_keepalive_ms = -2}, "http2_keepalive_ms"},
    };
    for (size_t i = 0; i < HH_COUNT_OF(cases); i++) {
        hh_client *client;
        hh_error error;
        assert_int_equal(hh_client_create_error(&cases[i].options, &client, &error),
                         HH_ERR_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, cases[i].part));
    }
}

/* --- 421 and priorities ---------------------------------------------------------------------- */

#define MISDIRECTED "HTTP/1.1 421 Misdirected Request\r\nContent-Length: 4\r\n\r\nnope"

static void test_misdirected(void **state)
{
    (void)state;
    peer *server = peer_of_two(SCRIPT(READ, SEND(OK_HELLO), READ, SEND(MISDIRECTED), WAIT_CLOSE),
                               SCRIPT(READ, SEND(OK_HELLO), WAIT_CLOSE));
    hh_client *client = whole_client(NULL);
    answer got = {.id = 0};
    whole_get(client, peer_url(server, "/warm"), &got);
    answer_clear(&got);
    got = (answer){.id = 0};
    hh_request *request = whole_request(client, "POST", peer_url(server, "/x"));
    assert_int_equal(hh_request_set_body_copy(request, "body", 4), HH_OK);
    whole_submit(client, request, &got);
    whole_drain(client);
    assert_answered(&got, 200, "hello");
    assert_int_equal(hh_response_attempt_count(got.response), 2);
    assert_int_equal(hh_response_redirect_count(got.response), 0);
    assert_null(hh_response_previous(got.response));
    answer_clear(&got);
    assert_at_rest(client);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

/* On a connection of its own it is the answer; and after one more try it is, too. */
static void test_misdirected_for_good(void **state)
{
    (void)state;
    peer *server = peer_of_two(SCRIPT(READ, SEND(OK_HELLO), READ, SEND(MISDIRECTED), WAIT_CLOSE),
                               SCRIPT(READ, SEND(MISDIRECTED), WAIT_CLOSE));
    hh_client *client = whole_client(NULL);
    answer got = {.id = 0};
    whole_get(client, peer_url(server, "/warm"), &got);
    answer_clear(&got);
    got = (answer){.id = 0};
    whole_get(client, peer_url(server, "/x"), &got);
    assert_answered(&got, 421, "nope");
    assert_int_equal(hh_response_attempt_count(got.response), 2);
    answer_clear(&got);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_priority(void **state)
{
    (void)state;
    static const struct {
        unsigned urgency;
        hh_switch incremental;
        const char *own; /* a header of that name */
        const char *line;
    } cases[] = {
        {0, HH_OFF, NULL, "Priority: u=0\r\n"},     {1, HH_ON, NULL, "Priority: u=1, i\r\n"},
        {3, HH_ON, NULL, "Priority: i\r\n"},        {3, HH_OFF, NULL, NULL},
        {7, HH_DEFAULT, NULL, "Priority: u=7\r\n"}, {7, HH_ON, "u=2", "priority: u=2\r\n"},
    };
    for (size_t i = 0; i < HH_COUNT_OF(cases); i++) {
        peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO)));
        hh_client *client = whole_client(NULL);
        hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
        answer got = {.id = 0};
        assert_int_equal(hh_request_set_priority(request, 8, HH_ON), HH_ERR_INVALID_ARGUMENT);
        assert_int_equal(hh_request_set_priority(request, cases[i].urgency, cases[i].incremental),
                         HH_OK);
        if (cases[i].own != NULL)
            assert_int_equal(hh_request_set_header(request, "priority", cases[i].own), HH_OK);
        whole_submit(client, request, &got);
        whole_drain(client);
        assert_int_equal(hh_request_set_priority(request, 1, HH_ON), HH_ERR_STATE);
        char *seen = peer_received(server, 0);
        assert_int_equal(count_of(seen, "riority:"), cases[i].line != NULL);
        if (cases[i].line != NULL)
            assert_non_null(strstr(seen, cases[i].line));
        free(seen);
        answer_clear(&got);
        hh_request_destroy(request);
        hh_client_destroy(client);
        peer_stop(server);
    }
}

/* --- over HTTP/2 itself ---------------------------------------------------------------------- */

static int speak_http2(void **state)
{
    (void)state;
    return setenv("HH_TEST_PROTOCOL", "h2", 1);
}

static int speak_http1(void **state)
{
    (void)state;
    return unsetenv("HH_TEST_PROTOCOL");
}

typedef struct story {
    char text[4096];
    size_t length;
} story;

static void gather_trace(hh_client *client, const hh_event *event, answer *to)
{
    story *told = to->context;
    (void)client;
    if (event->type != HH_EVENT_TRACE || event->body.length > sizeof told->text - 2 - told->length)
        return;
    memcpy(told->text + told->length, event->body.data, event->body.length);
    told->length += event->body.length;
    told->text[told->length++] = '\n';
    told->text[told->length] = '\0';
}

static void get_traced(hh_client *client, const char *url, story *told)
{
    hh_request *request = whole_request(client, NULL, url);
    answer got = {.hook = gather_trace, .context = told};
    *told = (story){.length = 0};
    assert_int_equal(hh_request_set_trace(request, HH_ON), HH_OK);
    whole_submit(client, request, &got);
    whole_drain(client);
    assert_answered(&got, 200, "hello");
    assert_int_equal(hh_response_version(got.response), 20);
    answer_clear(&got);
    hh_request_destroy(request);
}

static void test_the_trace_tells_of_streams(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO), LOOP));
    hh_client *client = whole_client(NULL);
    story first, second;
    get_traced(client, peer_url(server, "/a"), &first);
    get_traced(client, peer_url(server, "/b"), &second);
    assert_non_null(strstr(first.text, "GET /a HTTP/2\r\n"));
    assert_null(strstr(first.text, "HTTP/1"));
    assert_non_null(strstr(first.text, "streams at once"));
    assert_non_null(strstr(first.text, "HTTP/2, stream 1\n"));
    assert_non_null(strstr(second.text, "HTTP/2, stream 3\n"));
    assert_null(strstr(second.text, "streams at once")); /* once is enough */
    hh_client_destroy(client);
    peer_stop(server);
}

/* Before its SETTINGS come the server is sent more than it allows. What it refuses goes out again,
 * POST or not, and nothing of that shows. */
static void test_what_is_refused_goes_out_again(void **state)
{
    (void)state;
    enum { COUNT = 30 };
    peer_allow_streams(2);
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO), LOOP));
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.max_connections_per_origin = 2;
    hh_client *client = whole_client(&options);
    answer *got = calloc(COUNT, sizeof *got);
    assert_non_null(got);
    hh_request *request = whole_request(client, "POST", peer_url(server, "/"));
    for (size_t i = 0; i < COUNT; i++)
        whole_submit(client, request, &got[i]);
    whole_drain(client);
    for (size_t i = 0; i < COUNT; i++) {
        assert_answered(&got[i], 200, "hello");
        answer_clear(&got[i]);
    }
    assert_true(whole_stats(client).connections_opened <= 2);
    assert_at_rest(client);
    free(got);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http1_fans_out),
        cmocka_unit_test(test_what_is_not_offered),
        cmocka_unit_test(test_options_that_make_no_sense),
        cmocka_unit_test(test_misdirected),
        cmocka_unit_test(test_misdirected_for_good),
        cmocka_unit_test(test_priority),
        cmocka_unit_test_setup_teardown(test_the_trace_tells_of_streams, speak_http2, speak_http1),
        cmocka_unit_test_setup_teardown(test_what_is_refused_goes_out_again, speak_http2,
                                        speak_http1),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
