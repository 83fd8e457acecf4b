/*
 * whole.c - see whole.h.
 */
#include "whole.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "inside.h"
#include "support/held_clock.h"

#define PATIENCE_MS 60000 /* only waited for in vain; a machine may be busy, a sanitizer slow */

int64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now); /* which goes on while a test holds the other one */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int whole_hold_clock(void **state)
{
    (void)state;
    held_clock_hold();
    return 0;
}

int whole_let_clock_go(void **state)
{
    (void)state;
    held_clock_let_go();
    return 0;
}

size_t open_descriptors(void)
{
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

hh_client *whole_client(const hh_client_options *options)
{
    hh_client *client = NULL;
    hh_error error;
    hh_client_options with_http2 = HH_CLIENT_OPTIONS_INIT;
    if (peer_speaks_http2()) {
        if (options != NULL)
            with_http2 = *options;
        with_http2.http2_prior_knowledge = HH_ON;
        options = &with_http2;
    }
    hh_status status = hh_client_create_error(options, &client, &error);
    if (status != HH_OK)
        fail_msg("no client: %s", error.message);
    return client;
}

hh_request *whole_request(hh_client *client, const char *method, const char *url)
{
    hh_request *request = NULL;
    hh_error error;
    hh_slice verb = hh_slice_of(method != NULL ? method : "GET");
    hh_status status = hh_request_create_slice(client, verb, hh_slice_of(url), &request, &error);
    if (status != HH_OK)
        fail_msg("no request for %s: %s", url, error.message);
    return request;
}

void whole_submit(hh_client *client, hh_request *request, answer *to)
{
    assert_int_equal(hh_submit(client, request, to, &to->id), HH_OK);
    assert_true(to->id != 0);
}

static char letter_of(hh_event_type type)
{
    switch (type) {
    case HH_EVENT_HEADERS:
        return 'H';
    case HH_EVENT_BODY:
        return 'B';
    case HH_EVENT_DONE:
        return 'D';
    case HH_EVENT_ERROR:
        return 'E';
    case HH_EVENT_WANT_BODY:
        return 'W';
    case HH_EVENT_INFORMATION:
        return 'I';
    case HH_EVENT_ASK:
        return 'A';
    case HH_EVENT_TRACE:
        return 'T';
    }
    return '?';
}

static void keep_body(answer *to, hh_slice body)
{
    if (to->length + body.length + 1 > to->capacity) {
        to->capacity = 2 * (to->length + body.length + 1);
        to->body = realloc(to->body, to->capacity);
    }
    assert_non_null(to->body);
    memcpy(to->body + to->length, body.data, body.length);
    to->length += body.length;
    to->body[to->length] = '\0';
}

static void record(hh_client *client, const hh_event *event)
{
    answer *to = event->tag;
    assert_non_null(to);
    assert_true(to->terminals == 0); /* nothing follows the terminal event */
    if (to->event_count + 1 < sizeof to->events)
        to->events[to->event_count] = letter_of(event->type);
    to->event_count++;
    if (event->response != NULL && event->type != HH_EVENT_INFORMATION) {
        hh_response_destroy(to->response);
        to->response = hh_response_ref(event->response);
    }
    if (event->type == HH_EVENT_BODY)
        keep_body(to, event->body);
    if (event->type == HH_EVENT_DONE || event->type == HH_EVENT_ERROR)
        to->terminals++;
    if (event->type == HH_EVENT_ERROR) {
        assert_non_null(event->error);
        to->error = *event->error;
    }
    if (to->hook != NULL)
        to->hook(client, event, to);
    if (event->type == HH_EVENT_BODY && to->holds) {
        assert_true(to->held_count < HELD_MAX);
        to->held[to->held_count++] = event;
        return;
    }
    hh_event_release(client, event);
}

void whole_take(hh_client *client)
{
    const hh_event *event;
    while ((event = hh_next_event(client)) != NULL)
        record(client, event);
}

void whole_step(hh_client *client, int timeout_ms)
{
    assert_int_equal(hh_client_step(client, timeout_ms), HH_OK);
    whole_take(client);
}

void whole_pass(hh_client *client, int64_t ms)
{
    held_clock_pass(ms);
    whole_step(client, 0);
}

void whole_drain(hh_client *client)
{
    int64_t until = clock_ms() + PATIENCE_MS;
    whole_take(client);
    while (hh_client_pending(client) > 0) {
        if (clock_ms() > until)
            fail_msg("%zu submits didn't end", hh_client_pending(client));
        whole_step(client, 1000);
    }
}

void whole_until(hh_client *client, const answer *of, char letter)
{
    int64_t until = clock_ms() + PATIENCE_MS;
    whole_take(client);
    while (strchr(of->events, letter) == NULL) {
        if (clock_ms() > until)
            fail_msg("no event %c, only \"%s\"", letter, of->events);
        whole_step(client, 1000);
    }
}

void whole_until_requests(hh_client *client, peer *server, size_t count)
{
    int64_t until = clock_ms() + PATIENCE_MS;
    while (peer_requests(server) < count) {
        if (clock_ms() > until)
            fail_msg("the peer read only %zu requests", peer_requests(server));
        whole_step(client, 1);
    }
}

void whole_until_closed(hh_client *client, peer *server, size_t index)
{
    int64_t until = clock_ms() + PATIENCE_MS;
    while (!peer_is_closed(server, index)) {
        if (clock_ms() > until)
            fail_msg("the client doesn't close connection %zu", index);
        whole_step(client, 1);
    }
}

void whole_release(hh_client *client, answer *of, size_t count)
{
    assert_true(count <= of->held_count);
    for (size_t i = 0; i < count; i++)
        hh_event_release(client, of->held[i]);
    of->held_count -= count;
    memmove(of->held, of->held + count, of->held_count * sizeof of->held[0]);
}

void answer_clear(answer *of)
{
    hh_response_destroy(of->response);
    free(of->body);
    memset(of, 0, sizeof *of);
}

void whole_get(hh_client *client, const char *url, answer *to)
{
    hh_request *request = whole_request(client, NULL, url);
    whole_submit(client, request, to);
    hh_request_destroy(request);
    whole_drain(client);
}

hh_slice answer_body(const answer *of)
{
    if (of->body != NULL || of->response == NULL)
        return (hh_slice){of->body, of->length};
    return hh_response_body(of->response);
}

void assert_slice(hh_slice slice, const char *text)
{
    if (slice.length != strlen(text) ||
        (slice.length > 0 && memcmp(slice.data, text, slice.length) != 0))
        fail_msg("\"%.*s\" instead of \"%s\"", HH_SLICE_ARGS(slice), text);
}

const char *find_in(const char *text, const char *part)
{
    return peer_speaks_http2() ? strcasestr(text, part) : strstr(text, part);
}

void assert_contains(const char *text, const char *part)
{
    if (find_in(text, part) == NULL)
        fail_msg("no \"%s\" in \"%s\"", part, text);
}

void assert_lacks(const char *text, const char *part)
{
    if (find_in(text, part) != NULL)
        fail_msg("\"%s\" in \"%s\"", part, text);
}

size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = text; (at = find_in(at, part)) != NULL; at += strlen(part))
        count++;
    return count;
}

void assert_name(hh_slice name, const char *text)
{
    char *copy = strndup(name.data, name.length);
    assert_non_null(copy);
    if ((peer_speaks_http2() ? strcasecmp(copy, text) : strcmp(copy, text)) != 0)
        fail_msg("the name \"%s\" instead of \"%s\"", copy, text);
    free(copy);
}

/* Puts the chunked bodies of `text` together, where they stand. */
static void join_chunks(char *text)
{
    char *to = text, *from = text, *field;
    while ((field = strcasestr(from, "\r\nTransfer-Encoding: chunked\r\n")) != NULL) {
        char *end = strstr(field, "\r\n\r\n");
        size_t size = 1, length = end != NULL ? (size_t)(end + 4 - from) : strlen(from);
        memmove(to, from, length);
        to += length;
        for (from += length; size > 0 && strstr(from, "\r\n") != NULL;) {
            size = strtoul(from, NULL, 16);
            from = strstr(from, "\r\n") + 2;
            size = size < strlen(from) ? size : strlen(from);
            memmove(to, from, size);
            to += size;
            from += strlen(from) < size + 2 ? strlen(from) : size + 2;
        }
    }
    memmove(to, from, strlen(from) + 1);
}

char *whole_received(peer *server)
{
    char *all = calloc(1, 1);
    for (size_t i = 0; i < peer_connections(server); i++) {
        char *one = peer_received(server, i);
        join_chunks(one);
        all = realloc(all, strlen(all) + strlen(one) + 1);
        assert_non_null(all);
        strcat(all, one);
        free(one);
    }
    return all;
}

int whole_version(void)
{
    return peer_speaks_http2() ? 20 : 11;
}

size_t whole_ahead(void)
{
    return peer_speaks_http2() ? HH_H2_WINDOW_BYTES : 0;
}

static bool is_h1_only(const whole_suite *suite, const char *name)
{
    for (size_t i = 0; i < suite->h1_only_count; i++)
        if (strcmp(suite->h1_only[i].name, name) == 0)
            return true;
    return false;
}

int whole_run(const whole_suite *suite)
{
    struct CMUnitTest chosen[64];
    size_t count = 0;
    assert_true(suite->count <= sizeof chosen / sizeof chosen[0]);
    for (size_t i = 0; i < suite->count; i++)
        if (!peer_speaks_http2() || !is_h1_only(suite, suite->tests[i].name))
            chosen[count++] = suite->tests[i];
    /* A name that fits none is a test left out no more, or by mistake. */
    assert_true(!peer_speaks_http2() || count + suite->h1_only_count == suite->count);
    return _cmocka_run_group_tests(peer_speaks_http2() ? "over HTTP/2" : "over HTTP/1", chosen,
                                   count, suite->setup, suite->teardown);
}

void assert_answered(const answer *of, int status, const char *body)
{
    if (of->terminals != 1 || of->error.code != HH_OK)
        fail_msg("%zu terminal events (\"%s\"), error %s: %s", of->terminals, of->events,
                 hh_status_name(of->error.code), of->error.message);
    assert_non_null(of->response);
    assert_int_equal(hh_response_status(of->response), status);
    assert_slice(answer_body(of), body);
}

void assert_failed(const answer *of, hh_status code, hh_phase phase, const char *part)
{
    assert_int_equal(of->terminals, 1);
    if (of->error.code != code || of->error.phase != phase)
        fail_msg("%s in phase %s: %s, instead of %s in phase %s", hh_status_name(of->error.code),
                 hh_phase_name(of->error.phase), of->error.message, hh_status_name(code),
                 hh_phase_name(phase));
    assert_true(of->error.message[0] != '\0');
    assert_null(strchr(of->error.message, '\n'));
    if (part != NULL)
        assert_contains(of->error.message, part);
}

hh_client_stats whole_stats(hh_client *client)
{
    hh_client_stats stats = {.size = sizeof stats};
    hh_client_get_stats(client, &stats);
    return stats;
}

void assert_at_rest(hh_client *client)
{
    hh_client_stats stats = whole_stats(client);
    assert_true(inside_pool_balances(client));
    assert_int_equal(stats.exchanges_in_flight, 0);
    assert_int_equal(stats.exchanges_queued, 0);
    assert_int_equal(stats.exchanges_started, stats.exchanges_done + stats.exchanges_failed);
    assert_int_equal(stats.connections_open, stats.connections_idle + stats.connections_dialling);
}

peer *peer_of(const peer_step *script)
{
    static const peer_step *scripts[16];
    static unsigned next;
    const peer_step **place = &scripts[next++ % 16]; /* lives as long as the peer */
    *place = script;
    return peer_start(place, 1);
}

peer *peer_of_three(const peer_step *first, const peer_step *second, const peer_step *third)
{
    static const peer_step *scripts[16][3];
    static unsigned next;
    const peer_step **place = scripts[next++ % 16];
    place[0] = first;
    place[1] = second;
    place[2] = third;
    return peer_start(place, 3);
}

peer *peer_of_two(const peer_step *first, const peer_step *second)
{
    return peer_of_three(first, second, second);
}
