/*
 * streams.c - our C API over HTTP/2 alone, one process, one thread.
 *
 *     bench_streams get URL[,URL...] IN_FLIGHT REQUESTS CONNECTIONS    small answers, whole
 *     bench_streams discard URL[,URL...] IN_FLIGHT REQUESTS CONNECTIONS   bodies, piece by piece
 *     bench_streams upload URL IN_FLIGHT REQUESTS CONNECTIONS BYTES    bodies from memory
 *
 * Several URLs are asked for in turn. CONNECTIONS is the client's cap: it opens a further one only
 * when each has as many streams as its server allows. What is counted begins with the first dial.
 * CA_FILE in the environment names the certificates to trust.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hyperhttp/hyperhttp.h>

#include "common.h"

enum { URLS_MAX = 8 };

typedef struct load {
    hh_client *client;
    hh_request *requests[URLS_MAX];
    size_t kinds;
    long in_flight;
    long total;
    long sent;
    int64_t *started_ns; /* by tag */
    bench_run run;
} load;

static void check(hh_status status, const char *what)
{
    if (status != HH_OK)
        bench_die(what, hh_status_name(status));
}

static hh_client *make_client(long connections)
{
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    hh_client *client;
    hh_error error;
    options.http1 = HH_OFF;
    options.max_connections = (unsigned)connections;
    options.redirects = HH_REDIRECTS_MANUAL;
    options.tls.ca_file = getenv("CA_FILE");
    if (hh_client_create_error(&options, &client, &error) != HH_OK)
        bench_die("client", error.message);
    return client;
}

static void make_request(load *l, const char *method, const char *url, hh_delivery delivery)
{
    hh_request **made = &l->requests[l->kinds++];
    check(hh_request_create(l->client, method, url, made), "request");
    check(hh_request_set_delivery(*made, delivery), "delivery");
    check(hh_request_set_decoding(*made, HH_DECODING_NONE), "decoding");
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

static void submit(load *l, size_t tag)
{
    l->started_ns[tag] = bench_now_ns();
    hh_request *request = l->requests[(size_t)l->sent % l->kinds];
    check(hh_submit(l->client, request, &l->started_ns[tag], NULL), "submit");
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

static void drive(load *l)
{
    for (long i = 0; i < l->in_flight && l->sent < l->total; i++)
        submit(l, (size_t)i);
    while (hh_client_pending(l->client) > 0) {
        check(hh_client_step(l->client, -1), "step");
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
        check(hh_request_set_body_borrowed(l->requests[i], body, (size_t)bytes), "body");
    return body;
}

int main(int argc, char **argv)
{
    if (argc < 6)
        bench_die("usage",
                  "bench_streams MODE URL[,URL...] IN_FLIGHT REQUESTS CONNECTIONS [BYTES]");
    load l = {.in_flight = bench_number(argv[3], "IN_FLIGHT")};
    char *body = NULL;
    l.total = bench_number(argv[4], "REQUESTS");
    l.client = make_client(bench_number(argv[5], "CONNECTIONS"));
    make_requests(&l, argv[1], argv[2]);
    if (strcmp(argv[1], "upload") == 0)
        body = make_body(&l, bench_number(argc > 6 ? argv[6] : "", "BYTES"));
    l.started_ns = calloc((size_t)l.in_flight, sizeof *l.started_ns);
    if (l.started_ns == NULL)
        bench_die("start", "out of memory");
    bench_begin(&l.run, (size_t)l.total);
    drive(&l);
    hh_client_stats stats = {.size = sizeof stats};
    hh_client_get_stats(l.client, &stats);
    l.run.connections = stats.connections_opened;
    bench_end(&l.run);
    for (size_t i = 0; i < l.kinds; i++)
        hh_request_destroy(l.requests[i]);
    hh_client_destroy(l.client);
    free(l.started_ns);
    free(body);
    return l.run.failures == 0 ? 0 : 1;
}
