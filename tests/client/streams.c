/*
 * streams.c - see streams.h.
 */
#include "streams.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "inside.h"
#include "support/prng.h"
#include "whole.h"

#define PARTS 20      /* between them everything is let come to rest, and memory is looked at */
#define EARLY_PARTS 3 /* by then whatever is kept for the next use is there */
#define HELD_AT_ONCE 64
#define CREDIT_BYTES 3000          /* of one answer: small, so that streams pause */
#define KEPT_MAX_BYTES (16u << 20) /* the limits on what may be kept, together */
#define STEPS_WITHOUT_MOVE 30000   /* of a millisecond each: it hangs */
#define URL_BYTES 64
/* With events waiting a step leaves connections for later. One whose events could all be pulled has
 * left none, but may have dealt with those left before; the next has looked at all. */
#define PULLS_MAX (HH_STEP_ANSWERS_MAX - 4)
#define LOOKS 2

size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

typedef struct flight {
    hh_id id; /* 0: this place is free */
    size_t number;
    size_t length; /* of the answer, as far as it came by BODY events */
    size_t body_length;
    char *sink;
    hh_delivery delivery;
    int is_repeatable; /* GET, PUT */
    int is_pushed;
    int is_rewindable;
    int is_cancelled;
    int is_cut; /* the server has hung up on some connection meanwhile */
} flight;

typedef struct stage {
    streams *what;
    uint64_t random;
    hh_client *client;
    h2_churn *server;
    flight *flights;
    char *body; /* room for a request's */
    uint8_t *terminals;
    size_t in_flight;
    size_t launched;
    size_t cuts;
    unsigned unseen; /* looks until the client knows of all that the server has cut */
    const hh_event *held[HELD_AT_ONCE];
    size_t held_count;
} stage;

static size_t chance(stage *s, size_t bound)
{
    return (size_t)prng_below(&s->random, bound);
}

static size_t heap_bytes(void)
{
    if (__sanitizer_get_current_allocated_bytes != NULL)
        return __sanitizer_get_current_allocated_bytes();
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static size_t resident_bytes(void)
{
    unsigned long all = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu %lu", &all, &resident), 2);
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* --- requests --------------------------------------------------------------------------------- */

static size_t pick_body_length(stage *s)
{
    size_t kind = chance(s, 32);
    return kind == 0 ? chance(s, 100000) : kind < 3 ? chance(s, 20000) : chance(s, 300);
}

static void set_body(stage *s, flight *of, hh_request *request)
{
    char length[24];
    of->body_length = pick_body_length(s);
    of->is_pushed = chance(s, 2) == 0;
    of->is_rewindable = !of->is_pushed || chance(s, 2) == 0;
    snprintf(length, sizeof length, "%zu", of->body_length);
    assert_int_equal(hh_request_set_header(request, "x-body", length), HH_OK);
    if (of->is_pushed) {
        uint64_t declared = chance(s, 2) == 0 ? of->body_length : HH_LENGTH_UNKNOWN;
        assert_int_equal(hh_request_set_body_stream(request, declared,
                                                    of->is_rewindable ? HH_REWIND_POSSIBLE
                                                                      : HH_REWIND_IMPOSSIBLE),
                         HH_OK);
    } else {
        for (size_t i = 0; i < of->body_length; i++)
            s->body[i] = h2_churn_byte(of->number, i);
        assert_int_equal(hh_request_set_body_copy(request, s->body, of->body_length), HH_OK);
    }
    if (of->body_length > 0 && chance(s, 1000) == 0)
        assert_int_equal(hh_request_set_expect_continue(request, HH_ON), HH_OK);
}

static void launch(stage *s)
{
    static const char *const methods[] = {"GET", "GET", "GET", "POST", "PUT"};
    char url[URL_BYTES];
    flight *of = s->flights;
    while (of->id != 0)
        of++;
    size_t method = chance(s, 5);
    *of = (flight){.number = s->launched++,
                   .is_repeatable = method != 3,
                   .is_rewindable = 1,
                   .is_cut = s->unseen > 0};
    snprintf(url, sizeof url, "http://127.0.0.1:%u/%zu", h2_churn_port(s->server), of->number);
    hh_request *request = whole_request(s->client, methods[method], url);
    if (method >= 3)
        set_body(s, of, request);
    of->delivery = (hh_delivery)chance(s, 3);
    assert_int_equal(hh_request_set_delivery(request, of->delivery), HH_OK);
    if (chance(s, 8) == 0)
        assert_int_equal(hh_request_set_priority(request, (unsigned)chance(s, 8),
                                                 chance(s, 2) == 0 ? HH_ON : HH_OFF),
                         HH_OK);
    assert_int_equal(hh_submit(s->client, request, of, &of->id), HH_OK);
    hh_request_destroy(request);
    s->in_flight++;
}

static void maybe_cancel(stage *s)
{
    if (chance(s, 50) != 0)
        return;
    flight *of = &s->flights[chance(s, s->what->at_once)];
    if (of->id != 0 && hh_cancel(s->client, of->id) == HH_OK)
        of->is_cancelled = 1;
}

/* --- answers ---------------------------------------------------------------------------------- */

static size_t number_field(const hh_response *response, const char *name)
{
    hh_slice value = hh_response_header(response, name);
    char copy[24] = "";
    assert_true(value.length > 0 && value.length < sizeof copy);
    memcpy(copy, value.data, value.length);
    return strtoul(copy, NULL, 10);
}

static void check_bytes(const flight *of, hh_slice data, size_t offset)
{
    for (size_t i = 0; i < data.length; i++)
        if (data.data[i] != h2_churn_byte(of->number, offset + i))
            fail_msg("request %zu: byte %zu of its answer is wrong", of->number, offset + i);
}

static void judge_answer(const flight *of, const hh_response *response)
{
    size_t length = number_field(response, "x-length");
    assert_int_equal(hh_response_status(response), 200);
    assert_int_equal(hh_response_version(response), 20);
    assert_int_equal(number_field(response, "x-number"), of->number);
    assert_int_equal(hh_response_body_bytes(response), length);
    if (of->sink != NULL)
        check_bytes(of, (hh_slice){of->sink, length}, 0);
    else if (of->delivery != HH_DELIVER_STREAM)
        check_bytes(of, hh_response_body(response), 0);
    else
        assert_int_equal(of->length, length);
}

/* Whether the server, or the caller, has given a reason for this failure. */
static int is_reason(stage *s, const flight *of, const hh_error *error)
{
    const h2_churn_fate *fate = h2_churn_fate_of(s->server, of->number);
    int turned_away = fate->refused + fate->orphaned;
    switch ((int)error->code) {
    case HH_ERR_CANCELLED:
        s->what->cancelled++;
        return of->is_cancelled;
    case HH_ERR_STREAM_RESET:
        s->what->reset++;
        return fate->reset > 0;
    case HH_ERR_REFUSED:
        if (!of->is_rewindable) { /* a GOAWAY may leave out what its server never saw */
            s->what->unrewound++;
            return 1;
        }
        s->what->refused++;
        return turned_away >= 4;
    case HH_ERR_SEND:
    case HH_ERR_RECEIVE:
    case HH_ERR_EMPTY_RESPONSE:
    case HH_ERR_TRUNCATED:
        s->what->broken++;
        return of->is_cut;
    default:
        return 0;
    }
}

static void land(stage *s, flight *of, const hh_event *event)
{
    const h2_churn_fate *fate = h2_churn_fate_of(s->server, of->number);
    s->terminals[of->number]++;
    if (event->type == HH_EVENT_DONE) {
        judge_answer(of, event->response);
        assert_true(fate->answered > 0);
        s->what->answered++;
    } else if (!is_reason(s, of, event->error)) {
        fail_msg("request %zu: %s: %s (seen %d, refused %d, orphaned %d, reset %d, answered %d)",
                 of->number, hh_status_name(event->error->code), event->error->message, fate->seen,
                 fate->refused, fate->orphaned, fate->reset, fate->answered);
    }
    if (!of->is_repeatable && fate->seen - fate->refused - fate->orphaned > 1)
        fail_msg("request %zu was repeated", of->number);
    free(of->sink);
    of->id = 0;
    s->in_flight--;
}

static void push(stage *s, const flight *of, const hh_event *event)
{
    size_t offset = (size_t)event->body_offset, taken = 0;
    assert_true(offset <= of->body_length);
    size_t left = of->body_length - offset;
    size_t count = left > 1 && chance(s, 4) == 0 ? 1 + chance(s, left) : left;
    for (size_t i = 0; i < count; i++)
        s->body[i] = h2_churn_byte(of->number, offset + i);
    hh_status status = hh_body_push(s->client, event->id, (hh_slice){s->body, count},
                                    count == left ? HH_BODY_LAST : HH_BODY_MORE, &taken);
    assert_true(status == HH_OK || status == HH_ERR_STATE); /* cancelled, or reset, meanwhile */
    s->what->pushes++;
}

static void on_head(stage *s, flight *of, const hh_event *event)
{
    if (of->delivery != HH_DELIVER_SINK || chance(s, 4) == 0)
        return;
    size_t length = number_field(event->response, "x-length");
    of->sink = malloc(length + 1);
    assert_non_null(of->sink);
    if (hh_set_sink(s->client, event->id, of->sink, length) != HH_OK) { /* cancelled meanwhile */
        free(of->sink);
        of->sink = NULL;
    }
}

static void take_event(stage *s, const hh_event *event)
{
    flight *of = event->tag;
    assert_true(of->id == event->id);
    switch (event->type) {
    case HH_EVENT_HEADERS:
        on_head(s, of, event);
        break;
    case HH_EVENT_BODY:
        check_bytes(of, event->body, of->length);
        of->length += event->body.length;
        if (chance(s, 8) == 0 && s->held_count < HELD_AT_ONCE) {
            s->held[s->held_count++] = event;
            s->what->pauses++;
            return;
        }
        break;
    case HH_EVENT_DONE:
    case HH_EVENT_ERROR:
        land(s, of, event);
        break;
    case HH_EVENT_WANT_BODY:
        push(s, of, event);
        break;
    case HH_EVENT_INFORMATION:
    case HH_EVENT_ASK:
    case HH_EVENT_TRACE:
        fail_msg("an event of type %d that nobody asked for", (int)event->type);
        break;
    }
    hh_event_release(s->client, event);
}

static void release_held(stage *s)
{
    while (s->held_count > 0)
        hh_event_release(s->client, s->held[--s->held_count]);
}

/* --- the run ---------------------------------------------------------------------------------- */

static int step_server(stage *s)
{
    int moved = h2_churn_step(s->server);
    if (*h2_churn_complaint(s->server) != '\0')
        fail_msg("the server complains: %s", h2_churn_complaint(s->server));
    if (h2_churn_count(s->server)->cuts != s->cuts) {
        s->cuts = h2_churn_count(s->server)->cuts;
        s->unseen = LOOKS;
        for (size_t i = 0; i < s->what->at_once; i++)
            s->flights[i].is_cut = 1;
    }
    return moved;
}

static int step_client(stage *s, int wait_ms)
{
    int moved = 0;
    const hh_event *event;
    assert_int_equal(hh_client_step(s->client, wait_ms), HH_OK);
    for (size_t most = 1 + chance(s, PULLS_MAX); most > 0; most--) {
        event = hh_next_event(s->client);
        if (event == NULL) {
            s->unseen -= s->unseen > 0;
            break;
        }
        take_event(s, event);
        moved = 1;
    }
    s->what->checks++;
    if (!inside_streams_balance(s->client))
        fail_msg("the books don't balance after %zu requests", s->launched);
    return moved;
}

/* Until so many have been launched, and all have ended. */
static void fly(stage *s, size_t until)
{
    int idle = 0;
    while (s->launched < until || s->in_flight > 0) {
        size_t before = s->in_flight;
        for (size_t burst = chance(s, 24);
             burst > 0 && s->launched < until && s->in_flight < s->what->at_once; burst--) {
            launch(s);
            maybe_cancel(s);
        }
        int moved = s->in_flight != before;
        if (chance(s, 6) == 0 || s->launched == until)
            release_held(s);
        s->what->naps += idle > 10;
        moved |= step_client(s, idle > 10 ? 1 : 0);
        moved |= step_server(s);
        idle = moved ? 0 : idle + 1;
        if (idle > STEPS_WITHOUT_MOVE)
            fail_msg("nothing moves, and %zu requests are in flight", s->in_flight);
    }
    release_held(s);
}

static void sample(stage *s, size_t part)
{
    streams *what = s->what;
    assert_null(hh_next_event(s->client));
    assert_int_equal(hh_client_pending(s->client), 0);
    /* What cancelled requests have left is seen off, and a connection that goes may go. */
    for (int quiet = 0; quiet < 50; quiet++)
        if (step_client(s, 0) | step_server(s))
            quiet = 0;
    assert_at_rest(s->client);
    hh_client_stats stats = whole_stats(s->client);
    assert_int_equal(stats.buffers_in_use, 0);
    size_t kept = (size_t)(stats.buffers_kept_bytes + stats.spares_bytes);
    size_t heap = heap_bytes() - kept, resident = resident_bytes();
    what->samples++;
    what->kept_most = kept > what->kept_most ? kept : what->kept_most;
    if (stats.buffers_kept_bytes > HH_BUFFERS_KEPT_MAX * HH_BUFFER_BYTES || kept > KEPT_MAX_BYTES)
        fail_msg("%zu bytes are kept for the next use", kept);
    if (part <= EARLY_PARTS) {
        what->heap_early = heap > what->heap_early ? heap : what->heap_early;
        what->resident_early = resident > what->resident_early ? resident : what->resident_early;
    }
    what->heap_most = heap > what->heap_most ? heap : what->heap_most;
    what->resident_most = resident > what->resident_most ? resident : what->resident_most;
    if (what->memory_slack > 0 && heap > what->heap_early + what->memory_slack)
        fail_msg("the heap grows: %zu bytes early on, %zu after %zu requests", what->heap_early,
                 heap, s->launched);
    if (what->resident_slack > 0 && resident > what->resident_early + what->resident_slack)
        fail_msg("the process grows: %zu bytes early on, %zu after %zu requests",
                 what->resident_early, resident, s->launched);
}

static void begin(stage *s)
{
    h2_churn_options options = {.seed = s->what->seed + 1,
                                .requests = s->what->requests,
                                .turn = s->what->turn,
                                .mood = s->what->mood};
    hh_client_options of_client = HH_CLIENT_OPTIONS_INIT;
    of_client.http2_prior_knowledge = HH_ON;
    of_client.max_connections = s->what->connections;
    of_client.body_window_bytes = CREDIT_BYTES;
    s->server = h2_churn_start(&options);
    assert_non_null(s->server);
    s->client = whole_client(&of_client);
    s->flights = calloc(s->what->at_once, sizeof *s->flights);
    s->terminals = malloc(s->what->requests);
    s->body = malloc(100000);
    assert_true(s->flights != NULL && s->terminals != NULL && s->body != NULL);
    memset(s->terminals, 0, s->what->requests);
}

void streams_run(streams *what)
{
    stage s = {.what = what, .random = what->seed};
    size_t descriptors = open_descriptors();
    begin(&s);
    for (size_t part = 1; part <= PARTS; part++) {
        fly(&s, what->requests / PARTS * part + (part == PARTS ? what->requests % PARTS : 0));
        sample(&s, part);
    }
    for (size_t i = 0; i < what->requests; i++)
        assert_int_equal(s.terminals[i], 1);
    what->server = *h2_churn_count(s.server);
    hh_client_destroy(s.client);
    h2_churn_stop(s.server);
    free(s.flights);
    free(s.terminals);
    free(s.body);
    assert_int_equal(open_descriptors(), descriptors);
}
