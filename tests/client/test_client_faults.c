/*
 * Whole requests with each allocation and each system call failing in turn: a clean error or the
 * right answer, exactly one terminal event, nothing leaked, nothing hung.
 *
 * The runner allocates nothing itself and asserts only once the injection is off.
 */
#include "whole.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "inside.h"
#include "support/alloc_fail.h"
#include "support/sys_fail.h"

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define LEADS "HTTP/1.1 302 X\r\nLocation: /n\r\nContent-Length: 3\r\n\r\nbye"
#define CHUNKED                                                                                    \
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nT: "         \
    "1\r\n\r\n"

typedef struct scenario {
    const char *name;
    const peer_step *script;
    hh_delivery delivery;
    const char *method;
    unsigned questions;
    int pushes;
    int has_trace;
    int blocks;       /* hh_send */
    int by_a_channel; /* hh_channel_next */
} scenario;

typedef struct outcome {
    hh_status made;  /* of client, request, setters, submit: the first that failed */
    hh_status ended; /* of the terminal event */
    unsigned terminals;
    unsigned after; /* events behind it */
    char body[64];
    size_t length;
    int is_balanced;
    int is_hung;
} outcome;

static void take_body(outcome *out, hh_slice body)
{
    if (out->length + body.length < sizeof out->body) {
        memcpy(out->body + out->length, body.data, body.length);
        out->length += body.length;
    }
}

static void react(hh_client *client, const hh_event *event)
{
    static const char *const here[] = {"127.0.0.1"};
    size_t taken;
    hh_answer_data data = {
        .size = sizeof data, .verdict = HH_ANSWER_YES, .addresses = here, .address_count = 1};
    hh_status status = HH_OK;
    if (event->type == HH_EVENT_ASK)
        status = hh_answer(client, event->id, &data);
    if (event->type == HH_EVENT_WANT_BODY)
        status = hh_body_push(client, event->id, hh_slice_of("payload"), HH_BODY_LAST, &taken);
    if (status != HH_OK)
        hh_cancel(client, event->id);
}

static void take_event(hh_client *client, const hh_event *event, outcome *out)
{
    out->after += out->terminals > 0;
    if (event->type == HH_EVENT_BODY)
        take_body(out, event->body);
    if (event->type == HH_EVENT_DONE || event->type == HH_EVENT_ERROR) {
        out->terminals++;
        out->ended = event->error != NULL ? event->error->code : HH_OK;
        if (event->error == NULL && out->length == 0)
            take_body(out, hh_response_body(event->response));
    }
    react(client, event);
    hh_event_release(client, event);
}

static void take(hh_client *client, outcome *out)
{
    const hh_event *event;
    while ((event = hh_next_event(client)) != NULL)
        take_event(client, event, out);
}

static void run_events(hh_client *client, hh_request *request, outcome *out)
{
    out->made = hh_submit(client, request, NULL, NULL);
    if (out->made != HH_OK)
        return;
    int64_t until = clock_ms() + 70000;
    while (out->terminals == 0 && clock_ms() < until) {
        hh_client_step(client, 10); /* a failing step is called again */
        take(client, out);
    }
    hh_client_step(client, 0);
    take(client, out);
    out->is_hung = out->terminals == 0;
}

static void run_blocking(hh_client *client, hh_request *request, outcome *out)
{
    hh_response *response = NULL;
    hh_error error;
    out->ended = hh_send(client, request, &response, &error);
    out->terminals = 1;
    if (response != NULL)
        take_body(out, hh_response_body(response));
    hh_response_destroy(response);
}

static void run_channel(hh_client *client, hh_request *request, outcome *out)
{
    hh_channel *channel = NULL;
    const hh_event *event;
    out->made = hh_channel_open(client, request, &channel, NULL);
    if (out->made != HH_OK)
        return;
    int64_t until = clock_ms() + 70000;
    /* A failing wait is begun again. */
    for (hh_status status = HH_OK; status != HH_ERR_STATE && clock_ms() < until;) {
        status = hh_channel_next(channel, -1, &event);
        if (status == HH_OK)
            take_event(client, event, out);
    }
    out->is_hung = out->terminals == 0;
    hh_channel_close(channel);
}

static int64_t patience_ms = 60000;

static hh_status prepare(const scenario *of, hh_request *request)
{
    hh_timeouts timeouts = {
        .connect_ms = patience_ms, .read_ms = patience_ms, .write_ms = patience_ms};
    hh_status status = hh_request_set_delivery(request, of->delivery);
    if (status == HH_OK)
        status = hh_request_set_timeouts(request, &timeouts);
    if (status == HH_OK)
        status = hh_request_set_header(request, "X-Mine", "value");
    if (status == HH_OK)
        status = hh_request_set_basic_auth(request, "user", "password");
    if (status == HH_OK)
        status = hh_request_set_questions(request, of->questions);
    if (status == HH_OK && of->has_trace)
        status = hh_request_set_trace(request, HH_ON);
    if (status == HH_OK && of->pushes)
        status = hh_request_set_body_stream(request, HH_LENGTH_UNKNOWN, HH_REWIND_POSSIBLE);
    return status;
}

static outcome run(const scenario *of, const char *url)
{
    outcome out = {.made = HH_OK};
    hh_client *client = NULL;
    hh_request *request = NULL;
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    hh_field field = {hh_slice_of("X-Default"), hh_slice_of("d")};
    options.headers = &field;
    options.header_count = 1;
    out.made = hh_client_create(&options, &client);
    if (out.made != HH_OK)
        return out;
    out.made = hh_request_create(client, of->method != NULL ? of->method : "GET", url, &request);
    if (out.made == HH_OK)
        out.made = prepare(of, request);
    if (out.made == HH_OK && of->blocks)
        run_blocking(client, request, &out);
    else if (out.made == HH_OK && of->by_a_channel)
        run_channel(client, request, &out);
    else if (out.made == HH_OK)
        run_events(client, request, &out);
    out.is_balanced = inside_pool_balances(client);
    hh_request_destroy(request);
    hh_client_destroy(client);
    return out;
}

static void check(const scenario *of, const outcome *out, const char *what, unsigned long long nth)
{
    const char *problem = NULL;
    if (out->is_hung)
        problem = "hung";
    else if (out->made == HH_OK && (out->terminals != 1 || out->after != 0))
        problem = "not exactly one terminal event, and last";
    else if (out->made == HH_OK && out->ended == HH_OK &&
             (out->length != 5 || memcmp(out->body, "hello", 5) != 0))
        problem = "a wrong answer";
    else if (out->made == HH_OK && !out->is_balanced)
        problem = "the pool's books";
    if (problem != NULL)
        fail_msg("%s: %s number %llu: %s (%s, %s)", of->name, what, nth, problem,
                 hh_status_name(out->made), hh_status_name(out->ended));
}

static void exempt(void)
{
    alloc_fail_exempt_thread();
    sys_fail_exempt_thread();
}

static char gzipped[200];
static size_t gzipped_length;

static int make_gzip(void **state)
{
    (void)state;
    char packed[100];
    z_stream z = {.next_in = (Bytef *)(uintptr_t) "hello", .avail_in = 5};
    z.next_out = (Bytef *)packed;
    z.avail_out = sizeof packed;
    if (deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
        deflate(&z, Z_FINISH) != Z_STREAM_END)
        return -1;
    size_t length = sizeof packed - z.avail_out;
    deflateEnd(&z);
    int head = snprintf(gzipped, sizeof gzipped,
                        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
                        length);
    memcpy(gzipped + head, packed, length);
    gzipped_length = (size_t)head + length;
    peer_set_thread_hook(exempt);
    return 0;
}

static const peer_step plain[] = {READ, SEND(OK_HELLO), LOOP};
static const peer_step leading[] = {READ, SEND(LEADS), READ, SEND(OK_HELLO), LOOP};
static const peer_step chunked[] = {READ, SEND(CHUNKED), LOOP};

#define SCENARIOS 9

static void fill(scenario list[SCENARIOS], peer_step gzip_script[3])
{
    gzip_script[0] = (peer_step){PEER_READ_REQUEST, NULL, 0};
    gzip_script[1] = (peer_step){PEER_SEND, gzipped, gzipped_length};
    gzip_script[2] = (peer_step){PEER_LOOP, NULL, 0};
    list[0] = (scenario){.name = "plain", .script = plain};
    list[1] = (scenario){.name = "whole", .script = chunked, .delivery = HH_DELIVER_WHOLE};
    list[2] = (scenario){.name = "redirect", .script = leading};
    list[3] = (scenario){.name = "gzip", .script = gzip_script};
    list[4] = (scenario){.name = "push", .script = plain, .method = "PUT", .pushes = 1};
    list[5] = (scenario){.name = "asked",
                         .script = leading,
                         .questions = HH_ASK_REDIRECT | HH_ASK_RESOLVE,
                         .has_trace = 1};
    list[6] = (scenario){.name = "blocking", .script = plain, .blocks = 1};
    list[7] = list[4];
    list[7].name = "channel, push";
    list[8] = list[5];
    list[8].name = "channel, asked";
    list[7].by_a_channel = list[8].by_a_channel = 1;
}

static void test_each_allocation(void **state)
{
    (void)state;
    scenario list[SCENARIOS];
    peer_step gzip_script[3];
    fill(list, gzip_script);
    for (size_t i = 0; i < SCENARIOS; i++) {
        peer *server = peer_of(list[i].script);
        const char *url = peer_url(server, "/");
        size_t before = open_descriptors();
        for (int sticky = 0; sticky < 2; sticky++) {
            for (uint64_t nth = 1;; nth++) {
                if (sticky)
                    alloc_fail_from(nth);
                else
                    alloc_fail_at(nth);
                outcome out = run(&list[i], url);
                alloc_fail_off();
                check(&list[i], &out, "allocation", nth);
                hh_status worst = out.made != HH_OK ? out.made : out.ended;
                if (worst != HH_OK && worst != HH_ERR_NO_MEMORY && worst != HH_ERR_CANCELLED)
                    fail_msg("%s: allocation %llu: %s", list[i].name, (unsigned long long)nth,
                             hh_status_name(worst));
                if (alloc_fail_hits() == 0) {
                    assert_int_equal(worst, HH_OK);
                    assert_true(nth > 10);
                    break;
                }
            }
        }
        peer_stop(server);
        assert_true(open_descriptors() <= before);
    }
}

static void fail_each_call(const scenario *of, peer *server, sys_fail_call call, int error)
{
    for (uint64_t nth = 1;; nth++) {
        const char *url = peer_url(server, "/");
        sys_fail_at(call, nth, error);
        outcome out = run(of, url);
        sys_fail_off();
        char what[64];
        snprintf(what, sizeof what, "%s (%s)", sys_fail_name(call), strerror(error));
        check(of, &out, what, nth);
        if (sys_fail_hits() == 0)
            break;
    }
}

static void test_each_system_call(void **state)
{
    (void)state;
    static const int errors[] = {EIO, EINTR, ENOMEM};
    scenario list[SCENARIOS];
    peer_step gzip_script[3];
    fill(list, gzip_script);
    patience_ms = 50; /* a request that couldn't be sent waits for an answer all the same */
    for (size_t i = 0; i < SCENARIOS; i++) {
        peer *server = peer_of(list[i].script);
        size_t before = open_descriptors();
        for (int call = SYS_FAIL_ANY + 1; call < SYS_FAIL_CALLS; call++)
            for (size_t e = 0; e < 3; e++)
                fail_each_call(&list[i], server, (sys_fail_call)call, errors[e]);
        peer_stop(server);
        assert_true(open_descriptors() <= before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_allocation),
        cmocka_unit_test(test_each_system_call),
    };
    return cmocka_run_group_tests(tests, make_gzip, NULL);
}
