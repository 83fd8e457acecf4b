/*
 * whole.h - a whole client under test by its public calls, its events gathered per submit.
 *
 * A submit's tag is its `answer`. Whatever waits, waits at most a minute of steps and then fails
 * the test. Every failure inside ends the running test by a cmocka assertion.
 *
 * With HH_TEST_PROTOCOL=h2 in the environment the same tests run over HTTP/2: peers speak it (see
 * peer.h) and clients know so beforehand. A suite names the tests it leaves out then, and why.
 */
#ifndef TESTS_CLIENT_WHOLE_H
#define TESTS_CLIENT_WHOLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <hyperhttp/hyperhttp.h>

#include "support/peer.h"

typedef struct answer answer;

#define HELD_MAX 4096

struct answer {
    hh_id id;
    char events[256]; /* one letter each: H B D E W I A T; more than fit are only counted */
    size_t event_count;
    size_t terminals;
    hh_response *response; /* of the last event that had one */
    hh_error error;
    char *body; /* BODY events joined; with a NUL */
    size_t length;
    size_t capacity;
    /* Called before the event is released. */
    void (*hook)(hh_client *client, const hh_event *event, answer *to);
    void *context;
    /* Set by the test: BODY events are kept, to be released by whole_release. */
    int holds;
    const hh_event *held[HELD_MAX];
    size_t held_count;
};

/* The options given, with http2_prior_knowledge where HTTP/2 is what the tests speak. */
hh_client *whole_client(const hh_client_options *options);
/* GET when `method` is NULL. */
hh_request *whole_request(hh_client *client, const char *method, const char *url);

/* Submits; the answer must be zeroed but for hook, context and holds. */
void whole_submit(hh_client *client, hh_request *request, answer *to);
/* Takes all events that are there. */
void whole_take(hh_client *client);
/* One step of at most `timeout_ms`, and its events. */
void whole_step(hh_client *client, int timeout_ms);
/* Until every submit has ended. */
void whole_drain(hh_client *client);
/* Until the answer has an event of that letter. */
void whole_until(hh_client *client, const answer *of, char letter);
/* Until the peer has read that many requests in all. */
void whole_until_requests(hh_client *client, peer *server, size_t count);
/* Until the client has closed the peer's connection `index`, or, over HTTP/2, reset the stream. */
void whole_until_closed(hh_client *client, peer *server, size_t index);
/* Releases the oldest `count` held events. */
void whole_release(hh_client *client, answer *of, size_t count);
void answer_clear(answer *of);

/* Request made, submitted, drained, request destroyed. */
void whole_get(hh_client *client, const char *url, answer *to);

/* The answer ended well with that status and body (its own or its response's). */
void assert_answered(const answer *of, int status, const char *body);
/* It ended by an error of that code and phase, whose sentence has `part` in it (NULL: any). */
void assert_failed(const answer *of, hh_status code, hh_phase phase, const char *part);
/* The whole body, from BODY events or the response. */
hh_slice answer_body(const answer *of);
void assert_slice(hh_slice slice, const char *text);
/* What peer_received gives has field names in lower case over HTTP/2; there, case doesn't count. */
void assert_contains(const char *text, const char *part);
void assert_lacks(const char *text, const char *part);
size_t count_of(const char *text, const char *part);
/* Where it first is; NULL: nowhere. */
const char *find_in(const char *text, const char *part);
/* A field's name, in lower case over HTTP/2. */
void assert_name(hh_slice name, const char *text);
/* What all connections of a peer received, one after the other, chunked bodies put together: DATA
 * frames fall as they like. The caller frees it. */
char *whole_received(peer *server);

hh_client_stats whole_stats(hh_client *client);
/* Nothing is lent, dialled or queued, and the pool's books balance. */
void assert_at_rest(hh_client *client);
/* The true time, whatever clock a test holds. */
int64_t clock_ms(void);
/* For a test that holds the clock (held_clock.h) as long as it lasts. */
int whole_hold_clock(void **state);
int whole_let_clock_go(void **state);
#define WHOLE_HELD(test) cmocka_unit_test_setup_teardown(test, whole_hold_clock, whole_let_clock_go)
/* So many milliseconds of the held clock pass, and the client steps once. */
void whole_pass(hh_client *client, int64_t ms);
size_t open_descriptors(void);

/* 11, or 20 over HTTP/2. */
int whole_version(void);

/* What a peer may send beyond the credit of an exchange. An HTTP/2 connection is read on for
 * others: the stream's own window. 0 over HTTP/1. */
size_t whole_ahead(void);

/* A test that only HTTP/1 can have, and the reason. */
typedef struct whole_h1_only {
    const char *name;
    const char *reason;
} whole_h1_only;

typedef struct whole_suite {
    const struct CMUnitTest *tests;
    size_t count;
    const whole_h1_only *h1_only;
    size_t h1_only_count;
    CMFixtureFunction setup;
    CMFixtureFunction teardown;
} whole_suite;

/* cmocka_run_group_tests, without what HTTP/2 leaves out where that is spoken. */
int whole_run(const whole_suite *suite);
#define WHOLE_TESTS(array) .tests = (array), .count = sizeof(array) / sizeof((array)[0])
#define WHOLE_H1_ONLY(array) .h1_only = (array), .h1_only_count = sizeof(array) / sizeof((array)[0])

/* A script from steps, ended by PEER_END. */
#define SCRIPT(...) ((const peer_step[]){__VA_ARGS__, {PEER_END, NULL, 0}})
#define READ                                                                                       \
    {                                                                                              \
        PEER_READ_REQUEST, NULL, 0                                                                 \
    }
#define READ_HEAD                                                                                  \
    {                                                                                              \
        PEER_READ_HEAD, NULL, 0                                                                    \
    }
#define SEND(text)                                                                                 \
    {                                                                                              \
        PEER_SEND, text, 0                                                                         \
    }
#define WAIT_CLOSE                                                                                 \
    {                                                                                              \
        PEER_WAIT_CLOSE, NULL, 0                                                                   \
    }
#define WAIT_SIGNAL                                                                                \
    {                                                                                              \
        PEER_WAIT_SIGNAL, NULL, 0                                                                  \
    }
#define LOOP                                                                                       \
    {                                                                                              \
        PEER_LOOP, NULL, 0                                                                         \
    }
#define RESET                                                                                      \
    {                                                                                              \
        PEER_RESET, NULL, 0                                                                        \
    }

/* One script for every connection. */
peer *peer_of(const peer_step *script);
/* The i-th connection plays the i-th. */
peer *peer_of_two(const peer_step *first, const peer_step *second);
peer *peer_of_three(const peer_step *first, const peer_step *second, const peer_step *third);

#endif
