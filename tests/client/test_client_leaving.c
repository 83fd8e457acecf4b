/*
 * HTTP/2 servers that are going down take connections, and leave them without having answered:
 * before their SETTINGS, behind them, or behind a GOAWAY that leaves nothing out. Requests are sent
 * again as on stale connections; a server that never does anything else is soon reported.
 */
#include "whole.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/certificates.h"
#include "support/sys_fail.h"
#include "support/tls_server.h"

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define ENHANCE_YOUR_CALM 0xb
#define SILENCE "before its HTTP/2 SETTINGS came"
#define ADVICE "turn http2 off (--http1.1)"

static const peer_step answering[] = {READ, SEND(OK_HELLO), LOOP};

/* Where it doesn't leave it answers. */
static peer *leaving_peer(const peer_leaving *leaving)
{
    peer_leave(leaving);
    return peer_of(answering);
}

/* A request with a body, where `body` isn't NULL. */
static hh_request *request_of(hh_client *client, const char *method, const char *url,
                              const char *body)
{
    hh_request *request = whole_request(client, method, url);
    if (body != NULL)
        assert_int_equal(hh_request_set_body_copy(request, body, strlen(body)), HH_OK);
    return request;
}

/* Every farewell, closed and reset, once and twice: what goes on in each. */
typedef void case_run(const peer_leaving *leaving);

static void for_each_farewell(case_run *run)
{
    for (int farewell = PEER_LEAVES_UNGREETED; farewell <= PEER_LEAVES_GOODBYE; farewell++)
        for (size_t connections = 1; connections <= 2; connections++)
            for (int is_reset = 0; is_reset < 2; is_reset++)
                run(&(peer_leaving){.farewell = (peer_farewell)farewell,
                                    .is_reset = is_reset,
                                    .connections = connections,
                                    .requests = 1});
}

/* --- one request ----------------------------------------------------------------------------- */

static void answers_in_the_end(const peer_leaving *leaving)
{
    static const struct {
        const char *method;
        const char *body;
    } cases[] = {{"GET", NULL}, {"PUT", "body"}, {"DELETE", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        peer *server = leaving_peer(leaving);
        hh_client *client = whole_client(NULL);
        answer got = {.id = 0};
        hh_request *request =
            request_of(client, cases[i].method, peer_url(server, "/"), cases[i].body);
        whole_submit(client, request, &got);
        whole_drain(client);
        assert_answered(&got, 200, "hello");
        assert_int_equal(hh_response_attempt_count(got.response), 1 + leaving->connections);
        assert_int_equal(whole_stats(client).replays, leaving->connections);
        assert_int_equal(whole_stats(client).connections_opened, 1 + leaving->connections);
        char *seen = whole_received(server);
        if (cases[i].body != NULL)
            assert_int_equal(count_of(seen, cases[i].body), 1);
        free(seen);
        answer_clear(&got);
        assert_at_rest(client);
        hh_request_destroy(request);
        hh_client_destroy(client);
        peer_stop(server);
    }
}

static void test_idempotent_requests_go_again(void **state)
{
    (void)state;
    for_each_farewell(answers_in_the_end);
}

/* RFC 9113 §8.7: only GOAWAY and REFUSED_STREAM prove that nothing was processed. */
static void is_reported(const peer_leaving *leaving)
{
    static const char *const methods[] = {"POST", "PATCH", "QUERY"};
    bool is_silent = leaving->farewell == PEER_LEAVES_UNGREETED;
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        peer *server = leaving_peer(leaving);
        hh_client *client = whole_client(NULL);
        answer got = {.id = 0};
        hh_request *request = request_of(client, methods[i], peer_url(server, "/"), "body");
        whole_submit(client, request, &got);
        whole_drain(client);
        assert_failed(&got, leaving->is_reset ? got.error.code : HH_ERR_EMPTY_RESPONSE,
                      HH_PHASE_HEADERS, NULL);
        assert_int_equal(got.error.category, HH_CATEGORY_CONNECTION);
        assert_int_equal(got.error.processed, HH_PROCESSED_MAYBE);
        assert_int_equal(strstr(got.error.message, SILENCE) != NULL, is_silent);
        assert_int_equal(whole_stats(client).replays, 0);
        assert_int_equal(whole_stats(client).connections_opened, 1);
        answer_clear(&got);
        assert_at_rest(client);
        hh_request_destroy(request);
        hh_client_destroy(client);
        peer_stop(server);
    }
}

static void test_others_are_reported(void **state)
{
    (void)state;
    for_each_farewell(is_reported);
}

/* It says who closed, before what, and what may help. */
static void test_a_server_that_always_leaves(void **state)
{
    (void)state;
    for (int is_reset = 0; is_reset < 2; is_reset++) {
        peer *server = leaving_peer(&(peer_leaving){.farewell = PEER_LEAVES_UNGREETED,
                                                    .is_reset = is_reset,
                                                    .connections = SIZE_MAX,
                                                    .requests = 1});
        char address[32];
        snprintf(address, sizeof address, "127.0.0.1:%u", peer_port(server));
        hh_client *client = whole_client(NULL);
        for (size_t round = 1; round <= 2; round++) {
            answer got = {.id = 0};
            whole_get(client, peer_url(server, "/"), &got);
            assert_failed(&got, is_reset ? HH_ERR_RECEIVE : HH_ERR_EMPTY_RESPONSE, HH_PHASE_HEADERS,
                          SILENCE);
            assert_int_equal(got.error.os_error, is_reset ? ECONNRESET : 0);
            assert_non_null(strstr(got.error.message, address));
            assert_non_null(strstr(got.error.message, ADVICE));
            assert_int_equal(whole_stats(client).replays, 2 * round);
            assert_int_equal(whole_stats(client).connections_opened, 3 * round);
            answer_clear(&got);
        }
        hh_client_destroy(client);
        peer_stop(server);
    }
}

/* RFC 9113 §7: what the server objects to isn't said again; its own troubles may be over. */
static void test_objections(void **state)
{
    static const struct {
        uint32_t code;
        bool goes_again;
    } cases[] = {{0x2, true}, {0x7a, true}, {0x1, false}, {ENHANCE_YOUR_CALM, false}};
    (void)state;
    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        uint32_t code = cases[i / 2].code;
        peer *server = leaving_peer(&(peer_leaving){.farewell = PEER_LEAVES_GOODBYE,
                                                    .code = code,
                                                    .is_reset = i % 2 != 0,
                                                    .connections = 1,
                                                    .requests = 1});
        hh_client *client = whole_client(NULL);
        answer got = {.id = 0};
        whole_get(client, peer_url(server, "/"), &got);
        if (cases[i / 2].goes_again) {
            assert_answered(&got, 200, "hello");
        } else {
            assert_failed(&got, got.error.code, HH_PHASE_HEADERS, NULL);
            assert_int_equal(got.error.category, HH_CATEGORY_CONNECTION);
            assert_int_equal(got.error.http2_error, code);
        }
        assert_int_equal(whole_stats(client).replays, cases[i / 2].goes_again);
        answer_clear(&got);
        hh_client_destroy(client);
        peer_stop(server);
    }
}

/* A body that was pushed goes again if it can be rewound. */
static void push_all(hh_client *client, const hh_event *event, answer *to)
{
    size_t taken;
    (void)to;
    if (event->type != HH_EVENT_WANT_BODY)
        return;
    assert_int_equal(event->body_offset, 0);
    assert_int_equal(hh_body_push(client, event->id, hh_slice_of("pushed"), HH_BODY_LAST, &taken),
                     HH_OK);
    assert_int_equal(taken, 6);
}

/* The second request brings the farewell about: by then the body has been asked for. */
static void test_pushed_bodies(void **state)
{
    (void)state;
    for (int rewind = 0; rewind < 2; rewind++) {
        peer *server = leaving_peer(
            &(peer_leaving){.farewell = PEER_LEAVES_GREETED, .connections = 1, .requests = 2});
        hh_client *client = whole_client(NULL);
        answer got = {.hook = push_all}, beside = {.id = 0};
        hh_request *request = whole_request(client, "PUT", peer_url(server, "/"));
        assert_int_equal(hh_request_set_body_stream(
                             request, 6, rewind ? HH_REWIND_POSSIBLE : HH_REWIND_IMPOSSIBLE),
                         HH_OK);
        whole_submit(client, request, &got);
        whole_until(client, &got, 'W');
        whole_get(client, peer_url(server, "/beside"), &beside);
        whole_drain(client);
        assert_answered(&beside, 200, "hello");
        if (rewind)
            assert_answered(&got, 200, "hello");
        else
            assert_failed(&got, HH_ERR_EMPTY_RESPONSE, HH_PHASE_HEADERS, NULL);
        answer_clear(&got);
        answer_clear(&beside);
        hh_request_destroy(request);
        hh_client_destroy(client);
        peer_stop(server);
    }
}

/* --- neighbours ------------------------------------------------------------------------------ */

#define MANY 40

/* All that were under way share the next connection, too, which may have to wait for the place of
 * the one that died. POSTs among them are reported. */
static void many_go_again(const peer_leaving *leaving)
{
    peer_leaving all = *leaving;
    all.requests = MANY;
    peer *server = leaving_peer(&all);
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.max_connections_per_origin = leaving->is_reset ? 1 : 0;
    hh_client *client = whole_client(&options);
    answer *got = calloc(MANY, sizeof *got);
    assert_non_null(got);
    hh_request *get = whole_request(client, "GET", peer_url(server, "/"));
    hh_request *post = whole_request(client, "POST", peer_url(server, "/"));
    bool has_posts = leaving->connections == 1;
    size_t post_count = 0;
    for (size_t i = 0; i < MANY; i++)
        whole_submit(client, has_posts && i % 4 == 3 ? post : get, &got[i]);
    whole_drain(client);
    for (size_t i = 0; i < MANY; i++) {
        if (has_posts && i % 4 == 3) {
            assert_failed(&got[i], got[i].error.code, HH_PHASE_HEADERS, NULL);
            assert_int_equal(got[i].error.processed, HH_PROCESSED_MAYBE);
            post_count++;
        } else {
            assert_answered(&got[i], 200, "hello");
            assert_int_equal(hh_response_attempt_count(got[i].response), 1 + leaving->connections);
        }
        answer_clear(&got[i]);
    }
    assert_int_equal(whole_stats(client).replays, leaving->connections * (MANY - post_count));
    assert_int_equal(whole_stats(client).connections_opened, 1 + leaving->connections);
    assert_at_rest(client);
    free(got);
    hh_request_destroy(get);
    hh_request_destroy(post);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_neighbours_go_together(void **state)
{
    (void)state;
    for_each_farewell(many_go_again);
}

/* --- what never left ------------------------------------------------------------------------- */

/* The first write on a new connection fails: nothing was sent, so a POST goes again, too. An HTTP/1
 * connection is read from until its end comes. */
static void test_unsent_on_a_new_connection(void **state)
{
    static const sys_fail_call writes[] = {SYS_FAIL_SEND, SYS_FAIL_SENDMSG, SYS_FAIL_WRITE,
                                           SYS_FAIL_WRITEV};
    static const peer_step gone[] = {RESET, {PEER_END, NULL, 0}};
    size_t failed = 0;
    (void)state;
    for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++) {
        peer *server = peer_speaks_http2() ? peer_of(answering) : peer_of_two(gone, answering);
        hh_client *client = whole_client(NULL);
        answer got = {.id = 0};
        hh_request *request = request_of(client, "POST", peer_url(server, "/"), "body");
        sys_fail_at(writes[i], 1, EPIPE);
        whole_submit(client, request, &got);
        whole_drain(client);
        sys_fail_off();
        if (sys_fail_hits() > 0) {
            assert_answered(&got, 200, "hello");
            assert_int_equal(whole_stats(client).replays, 1);
            assert_int_equal(whole_stats(client).connections_opened, 2);
            failed++;
        }
        answer_clear(&got);
        hh_request_destroy(request);
        hh_client_destroy(client);
        peer_stop(server);
    }
    assert_true(failed > 0);
}

/* --- over TLS -------------------------------------------------------------------------------- */

static certificates made;

static int set_up(void **state)
{
    (void)state;
    certificates_make(&made);
    peer_set_thread_hook(sys_fail_exempt_thread);
    return setenv("HH_TEST_PROTOCOL", "h2", 1);
}

static int tear_down(void **state)
{
    (void)state;
    certificates_remove(&made);
    return unsetenv("HH_TEST_PROTOCOL");
}

static int speak_http1(void **state)
{
    (void)state;
    return unsetenv("HH_TEST_PROTOCOL");
}

static int speak_http2(void **state)
{
    (void)state;
    return setenv("HH_TEST_PROTOCOL", "h2", 1);
}

#define PREFACE_BYTES 24
#define FRAME_HEAD_BYTES 9
#define HEADERS 1

/* Reads until a HEADERS frame has come. False: the client ended before. */
static bool hears_request(SSL *ssl)
{
    unsigned char data[4096];
    size_t used = 0, at = PREFACE_BYTES;
    for (;;) {
        int count = SSL_read(ssl, data + used, (int)(sizeof data - used));
        if (count <= 0)
            return false;
        used += (size_t)count;
        while (at + FRAME_HEAD_BYTES <= used) {
            if (data[at + 3] == HEADERS)
                return true;
            at += FRAME_HEAD_BYTES + ((size_t)data[at] << 16 | data[at + 1] << 8 | data[at + 2]);
        }
    }
}

/* Two connections end when the handshake is over; the others get SETTINGS and, on stream 1, 204. */
static void serve_the_third(SSL *ssl, void *context)
{
    static const unsigned char settings[] = {0, 0, 0, 4, 0, 0, 0, 0, 0};
    static const unsigned char no_content[] = {0, 0, 1, HEADERS, 5, 0, 0, 0, 1, 0x89};
    unsigned *left = context;
    char rest[4096];
    if (*left > 0) {
        (*left)--;
        return;
    }
    if (SSL_write(ssl, settings, sizeof settings) <= 0 || !hears_request(ssl) ||
        SSL_write(ssl, no_content, sizeof no_content) <= 0)
        return;
    while (SSL_read(ssl, rest, sizeof rest) > 0)
        ;
}

static void test_over_tls(void **state)
{
    (void)state;
    for (int end = TLS_SERVER_NOTIFY; end <= TLS_SERVER_RESET; end++) {
        unsigned left = 2;
        tls_server_options server_options = {
            .certificate_file = certificates_path(&made, "good.crt"),
            .key_file = certificates_path(&made, "good.key"),
            .alpn = (const unsigned char *)"\x02h2",
            .alpn_length = 3,
            .end = (tls_server_end)end,
            .serve = serve_the_third,
            .context = &left,
            .on_thread = sys_fail_exempt_thread,
        };
        tls_server *server = tls_server_start(&server_options);
        hh_client_options options = HH_CLIENT_OPTIONS_INIT;
        options.tls.verify = HH_OFF;
        hh_client *client = whole_client(&options);
        char url[64];
        snprintf(url, sizeof url, "https://127.0.0.1:%u/", tls_server_port(server));
        answer got = {.id = 0};
        whole_get(client, url, &got);
        assert_answered(&got, 204, "");
        assert_int_equal(whole_stats(client).replays, 2);
        assert_int_equal(whole_stats(client).connections_opened, 3);
        answer_clear(&got);

        hh_client_destroy(client);
        tls_server_stop(server);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idempotent_requests_go_again),
        cmocka_unit_test(test_others_are_reported),
        cmocka_unit_test(test_a_server_that_always_leaves),
        cmocka_unit_test(test_objections),
        cmocka_unit_test(test_pushed_bodies),
        cmocka_unit_test(test_neighbours_go_together),
        cmocka_unit_test(test_unsent_on_a_new_connection),
        cmocka_unit_test_setup_teardown(test_unsent_on_a_new_connection, speak_http1, speak_http2),
        cmocka_unit_test(test_over_tls),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
