/*
 * streams.c - our C API over HTTP/2 alone, one process, one thread.
 *
 *     bench_streams get URL[,URL...] IN_FLIGHT REQUESTS CONNECTIONS    small answers, whole
 *     bench_streams discard URL[,URL...] IN_FLIGHT REQUESTS CONNECTIONS   bodies, piece by piece
 *     bench_streams upload URL IN_FLIGHT REQUESTS CONNECTIONS BYTES    bodies from memory
 *
 * Several URLs are asked for in turn. CONNECTIONS is the client's cap: it opens a further one only
 * when each has as many streams as its server allows, so a warm-up goes on until all are there, for
 * two seconds at most. What is counted is all before it, the process's start, and all behind it.
 * CA_FILE in the environment names the certificates to trust.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "library.h"

enum { URLS_MAX = 8, WARM_UP_SECONDS = 2 };

typedef struct load {
    hh_client *client;
    hh_request *requests[URLS_MAX];
    size_t kinds;
    long in_flight;
    long total;
    long sent;
    long connections;
    int64_t warm_until_ns; /* while it warms up; else 0 */
    int64_t *started_ns;   /* by tag */
    bench_run run;
} load;

static void make_request(load *l, const char *method, const char *url, hh_delivery delivery)
{
    hh_request **made = &l->requests[l->kinds++];
    bench_check(hh_request_create(l->client, method, url, made), "request");
    bench_check(hh_request_set_delivery(*made, delivery), "delivery");
    bench_check(hh_request_set_decoding(*made, HH_DECODING_NONE), "decoding");
}

static void make_requests(load *l, const char *mode, char *urls)
{
    const char *method = strcmp(mode, "upload") == 0 ? "POST" : "GET";
    hh_delivery delivery = strcmp(mode, "discard") == 0 ? HH_DELIVER_STREAM : HH_DELIVER_WHOLE;
    for (char *url = strtok(urls, ","); url != NULL && l->kinds < URLS_MAX; url = strtok(NULL, ","))
        make_request(l, method, url, delivery);
    if (l->kinds == 0)
        bench_die("usage", "a URL, please");
}

static uint64_t count_connections(load *l)
{
    hh_client_stats stats = {.size = sizeof stats};
    hh_client_get_stats(l->client, &stats);
    return stats.connections_opened;
}

static void submit(load *l, size_t tag)
{
    l->started_ns[tag] = bench_now_ns();
    hh_request *request = l->requests[(size_t)l->sent % l->kinds];
    bench_check(hh_submit(l->client, request, &l->started_ns[tag], NULL), "submit");
    l->sent++;
}

static void finish(load *l, const hh_event *event)
{
    int64_t *started_ns = event->tag;
    bench_note(&l->run, *started_ns);
    if (event->type == HH_EVENT_ERROR || hh_response_status(event->response) != 200 ||
        hh_response_version(event->response) != 20) {
        if (l->run.failures++ == 0)
            fprintf(stderr, "bench: %s\n",
                    event->error != NULL ? event->error->message : "not 200, or not HTTP/2");
    } else {
        l->run.bytes += hh_response_body_bytes(event->response);
    }
    if (l->sent < l->total)
        submit(l, (size_t)(started_ns - l->started_ns));
}

/* Whether more is to be sent: so many requests, or for so long as the warm-up takes. */
static void look_at_warm_up(load *l)
{
    if (l->warm_until_ns != 0 &&
        (bench_now_ns() > l->warm_until_ns || count_connections(l) >= (uint64_t)l->connections))
        l->total = l->sent;
}

static void drive(load *l)
{
    l->sent = 0;
    for (long i = 0; i < l->in_flight && l->sent < l->total; i++)
        submit(l, (size_t)i);
    while (hh_client_pending(l->client) > 0) {
        look_at_warm_up(l);
        bench_check(hh_client_step(l->client, -1), "step");
        for (const hh_event *event; (event = hh_next_event(l->client)) != NULL;) {
            if (event->type == HH_EVENT_DONE || event->type == HH_EVENT_ERROR)
                finish(l, event);
            hh_event_release(l->client, event);
        }
    }
}

/* Touched beforehand, so that page faults aren't counted as the client's. */
static char *make_body(load *l, long bytes)
{
    char *body = malloc((size_t)bytes);
    if (body == NULL)
        bench_die("body", "out of memory");
    memset(body, 'x', (size_t)bytes);
    for (size_t i = 0; i < l->kinds; i++)
        bench_check(hh_request_set_body_borrowed(l->requests[i], body, (size_t)bytes), "body");
    return body;
}

/* Until the client has all its connections; what comes of the requests is of no interest. */
static void warm_up(load *l)
{
    long total = l->total;
    l->total = LONG_MAX;
    l->warm_until_ns = bench_now_ns() + (int64_t)WARM_UP_SECONDS * 1000000000;
    drive(l);
    l->warm_until_ns = 0;
    l->total = total;
}

int main(int argc, char **argv)
{
    if (argc < 6)
        bench_die("usage",
                  "bench_streams MODE URL[,URL...] IN_FLIGHT REQUESTS CONNECTIONS [BYTES]");
    load l = {.in_flight = bench_number(argv[3], "IN_FLIGHT")};
    char *body = NULL;
    l.total = bench_number(argv[4], "REQUESTS");
    l.connections = bench_number(argv[5], "CONNECTIONS");
    l.client = bench_make_client(l.connections, HH_OFF);
    make_requests(&l, argv[1], argv[2]);
    int64_t cpu_before_ns = bench_cpu_ns(); /* filling a body isn't the client's work */
    if (strcmp(argv[1], "upload") == 0)
        body = make_body(&l, bench_number(argc > 6 ? argv[6] : "", "BYTES"));
    l.started_ns = calloc((size_t)l.in_flight, sizeof *l.started_ns);
    if (l.started_ns == NULL)
        bench_die("start", "out of memory");
    if (l.connections > 1)
        warm_up(&l);
    bench_begin(&l.run, (size_t)l.total);
    l.run.cpu_before_ns = cpu_before_ns;
    drive(&l);
    l.run.connections = count_connections(&l);
    bench_end(&l.run);
    for (size_t i = 0; i < l.kinds; i++)
        hh_request_destroy(l.requests[i]);
    hh_client_destroy(l.client);
    free(l.started_ns);
    free(body);
    return l.run.failures == 0 ? 0 : 1;
}
