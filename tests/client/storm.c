/*
 * storm.c - see storm.h.
 */
#include "storm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inside.h"
#include "support/prng.h"
#include "whole.h"

#define ORIGINS 6
#define RECONNECTS_MAX 3500 /* a peer takes 4096 connections in its life */
#define TROUBLES 512        /* scripts a peer goes through */

#define FINE "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"
#define FINE_CHUNKED                                                                               \
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n"
#define LEADS "HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 3\r\n\r\nbye"
#define CUT "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234"

static const peer_step fine[] = {READ, SEND(FINE), READ, SEND(FINE_CHUNKED), LOOP};
static const peer_step leading[] = {READ, SEND(LEADS), READ, SEND(FINE), LOOP};
static const peer_step few[] = {READ, SEND(FINE), READ, SEND(FINE), {PEER_END, NULL, 0}};
static const peer_step resetting[] = {READ, SEND(FINE), READ, RESET, {PEER_END, NULL, 0}};
static const peer_step truncating[] = {
    READ, SEND(FINE_CHUNKED), READ, SEND(CUT), {PEER_END, NULL, 0}};
static const peer_step garbled[] = {READ, SEND("SSH-2.0-x\r\n\r\n"), {PEER_END, NULL, 0}};
static const peer_step silent[] = {READ, SEND(CUT), WAIT_CLOSE, {PEER_END, NULL, 0}};
static const peer_step dripping[] = {READ, {PEER_SEND_BYTEWISE, FINE_CHUNKED, 0}, LOOP};
static const peer_step deaf[] = {WAIT_CLOSE, {PEER_END, NULL, 0}};

static const peer_step *const kind_scripts[] = {fine, leading, dripping, fine, leading};
static const peer_step *const trouble_scripts[] = {
    fine, few, few, few, few, leading, dripping, resetting, silent, garbled, deaf, truncating};

typedef struct flight {
    hh_id id;
    char body[32];
    size_t length;
    size_t terminals;
    int is_stream;
    int is_cancelled;
    int status;
} flight;

typedef struct weather {
    storm *what;
    uint64_t random;
    hh_client *client;
    peer *peers[ORIGINS];
    const peer_step *troubles[ORIGINS][TROUBLES];
    flight *flights;
    size_t in_flight;
    const hh_event *held[64];
    size_t held_count;
} weather;

static void judge(weather *w, const flight *of, const hh_event *event)
{
    if (event->type == HH_EVENT_DONE) {
        hh_slice body =
            of->is_stream ? (hh_slice){of->body, of->length} : hh_response_body(event->response);
        assert_int_equal(hh_response_status(event->response), 200);
        assert_slice(body, "0123456789");
        w->what->answered++;
        return;
    }
    w->what->failed++;
    if (event->error->code == HH_ERR_CANCELLED) {
        assert_true(of->is_cancelled);
        w->what->cancelled++;
    } else if (event->error->category == HH_CATEGORY_TIMEOUT) {
        w->what->timed_out++;
    } else {
        int is_loop =
            event->error->code == HH_ERR_TOO_MANY_REDIRECTS; /* who gets which answer is chance */
        if (!w->what->with_trouble && !is_loop)
            fail_msg("%s: %s", hh_status_name(event->error->code), event->error->message);
        w->what->broken++;
    }
}

static void respond(weather *w, const hh_event *event)
{
    static const char *const here[] = {"127.0.0.1"};
    hh_answer_data data = {.size = sizeof data, .verdict = HH_ANSWER_YES};
    w->what->asked++;
    if (event->question->ask == HH_ASK_RESOLVE) {
        data.addresses = here;
        data.address_count = 1;
    }
    hh_status status = hh_answer(w->client, event->id, &data);
    assert_true(status == HH_OK || status == HH_ERR_STATE); /* cancelled meanwhile */
}

static void push(weather *w, const hh_event *event)
{
    size_t taken = 0;
    static const char payload[] = "payload";
    hh_slice rest = {payload + event->body_offset, 7 - event->body_offset};
    hh_status status = hh_body_push(w->client, event->id, rest, HH_BODY_LAST, &taken);
    assert_true(status == HH_OK || status == HH_ERR_STATE);
    w->what->pushed++;
}

static void take_event(weather *w, const hh_event *event)
{
    flight *of = event->tag;
    assert_int_equal(of->terminals, 0);
    switch (event->type) {
    case HH_EVENT_BODY:
        assert_true(of->length + event->body.length < sizeof of->body);
        memcpy(of->body + of->length, event->body.data, event->body.length);
        of->length += event->body.length;
        if (prng_below(&w->random, 4) == 0 && w->held_count < 64) {
            w->held[w->held_count++] = event;
            return;
        }
        break;
    case HH_EVENT_DONE:
    case HH_EVENT_ERROR:
        of->terminals++;
        w->in_flight--;
        if (event->response != NULL && hh_response_redirect_count(event->response) > 0)
            w->what->redirected++;
        judge(w, of, event);
        break;
    case HH_EVENT_ASK:
        respond(w, event);
        break;
    case HH_EVENT_WANT_BODY:
        push(w, event);
        break;
    case HH_EVENT_HEADERS:
    case HH_EVENT_INFORMATION:
    case HH_EVENT_TRACE:
        break;
    }
    hh_event_release(w->client, event);
}

static void take_some(weather *w, size_t most)
{
    const hh_event *event;
    while (most-- > 0 && (event = hh_next_event(w->client)) != NULL)
        take_event(w, event);
}

static void release_held(weather *w)
{
    while (w->held_count > 0)
        hh_event_release(w->client, w->held[--w->held_count]);
}

static const char *pick_method(uint64_t *random)
{
    static const char *const methods[] = {"GET", "GET", "GET", "POST", "PUT"};
    return methods[prng_below(random, 5)];
}

static void launch(weather *w, flight *of)
{
    peer *server = w->peers[prng_below(&w->random, ORIGINS)];
    const char *method = pick_method(&w->random);
    hh_request *request = whole_request(w->client, method, peer_url(server, "/storm"));
    hh_delivery delivery = (hh_delivery)prng_below(&w->random, 3);
    of->is_stream = delivery == HH_DELIVER_STREAM;
    assert_int_equal(hh_request_set_delivery(request, delivery), HH_OK);
    if (strcmp(method, "GET") != 0 && prng_below(&w->random, 2) == 0)
        assert_int_equal(hh_request_set_body_stream(
                             request, prng_below(&w->random, 2) == 0 ? 7 : HH_LENGTH_UNKNOWN,
                             HH_REWIND_POSSIBLE),
                         HH_OK);
    else if (strcmp(method, "GET") != 0)
        assert_int_equal(hh_request_set_body_copy(request, "payload", 7), HH_OK);
    if (prng_below(&w->random, 8) == 0)
        assert_int_equal(hh_request_set_questions(request, (unsigned)prng_below(&w->random, 4)),
                         HH_OK);
    hh_timeouts timeouts = {.read_ms = 2000, .total_ms = 5000};
    if (w->what->with_trouble) {
        timeouts.read_ms = 1 + (int64_t)prng_below(&w->random, 60);
        timeouts.total_ms = 1 + (int64_t)prng_below(&w->random, 200);
        timeouts.pool_ms = 1 + (int64_t)prng_below(&w->random, 100);
    }
    assert_int_equal(hh_request_set_timeouts(request, &timeouts), HH_OK);
    assert_int_equal(hh_submit(w->client, request, of, &of->id), HH_OK);
    hh_request_destroy(request);
    w->in_flight++;
}

static void maybe_cancel(weather *w, size_t launched)
{
    if (launched == 0 || prng_below(&w->random, 2) != 0)
        return;
    size_t back = prng_below(&w->random, 2 * w->what->at_once);
    flight *of = &w->flights[launched - 1 - (back < launched ? back : launched - 1)];
    if (hh_cancel(w->client, of->id) == HH_OK)
        of->is_cancelled = 1;
}

static void fly(weather *w, size_t count)
{
    for (size_t launched = 0; launched < count || w->in_flight > 0;) {
        size_t burst = prng_below(&w->random, 8);
        while (burst-- > 0 && launched < count && w->in_flight < w->what->at_once)
            launch(w, &w->flights[launched++]);
        maybe_cancel(w, launched);
        if (prng_below(&w->random, 4) == 0)
            release_held(w);
        int may_wait = launched == count || w->in_flight >= w->what->at_once;
        assert_int_equal(hh_client_step(w->client, may_wait ? 5 : 0), HH_OK);
        take_some(w, 1 + prng_below(&w->random, 40));
        if (launched == count)
            release_held(w);
    }
}

static peer *start_peer(weather *w, size_t index)
{
    if (!w->what->with_trouble)
        return peer_start(&kind_scripts[index % 5], 1);
    for (size_t i = 0; i < TROUBLES; i++)
        w->troubles[index][i] = trouble_scripts[prng_below(&w->random, 12)];
    return peer_start(w->troubles[index], TROUBLES);
}

/* A client and its peers live for so many requests, since a peer takes only so many connections. */
static void storm_part(weather *w, size_t count)
{
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.max_connections = 1 + (unsigned)prng_below(&w->random, 24);
    options.max_connections_per_origin = 1 + (unsigned)prng_below(&w->random, 8);
    options.body_window_bytes = 1 + prng_below(&w->random, 2000);
    size_t before = open_descriptors();
    for (size_t i = 0; i < ORIGINS; i++)
        w->peers[i] = start_peer(w, i);
    w->client = whole_client(&options);
    w->flights = calloc(count, sizeof *w->flights);
    assert_non_null(w->flights);
    fly(w, count);
    release_held(w);
    assert_null(hh_next_event(w->client));
    assert_int_equal(hh_client_pending(w->client), 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(w->flights[i].terminals, 1);
    assert_at_rest(w->client);
    assert_int_equal(whole_stats(w->client).buffers_in_use, 0);
    hh_client_destroy(w->client);
    for (size_t i = 0; i < ORIGINS; i++)
        peer_stop(w->peers[i]);
    free(w->flights);
    assert_int_equal(open_descriptors(), before);
}

void storm_run(storm *what)
{
    weather w = {.what = what, .random = what->seed};
    for (size_t left = what->requests; left > 0;) {
        size_t part = left < RECONNECTS_MAX ? left : RECONNECTS_MAX;
        storm_part(&w, part);
        left -= part;
    }
}
