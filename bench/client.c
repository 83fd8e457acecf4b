/*
 * client.c - our C API under load, one process, one thread.
 *
 *     bench_client keepalive URL CONNECTIONS REQUESTS     many at once, connections reused
 *     bench_client connect URL CONNECTIONS REQUESTS       a connection for each request
 *     bench_client batch URL CONNECTIONS REQUESTS         each with its own URL, responses kept
 *     bench_client sink URL 1 REQUESTS                    big bodies, received into memory
 *     bench_client file URL 1 REQUESTS PATH               big bodies, written to PATH
 *     bench_client idle URL CONNECTIONS 1                 opens all; what does an idle one hold?
 *     bench_client create URL 1 TIMES                     makes and destroys clients
 *
 * CA_FILE in the environment names the certificates to trust.
 */
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "library.h"

enum { BATCH_IN_FLIGHT = 1024, URL_BYTES = 256 };

typedef struct load {
    hh_client *client;
    hh_request *request;
    hh_response **kept; /* batch: the answers, as they come */
    const char *url;
    const char *mode;
    long connections;
    long in_flight;
    long total;
    long sent;
    int file;
    char *memory;
    size_t memory_bytes;
    int64_t *started_ns; /* by tag */
    bench_run run;
} load;

/* The batch's requests are made one by one, as a caller with a list of URLs has to. */
static void submit_own(load *l, size_t tag)
{
    char url[URL_BYTES];
    hh_request *request;
    snprintf(url, sizeof url, "%s?%ld", l->url, l->sent);
    bench_check(hh_request_create(l->client, "GET", url, &request), "request");
    bench_check(hh_request_set_delivery(request, HH_DELIVER_WHOLE), "delivery");
    bench_check(hh_submit(l->client, request, &l->started_ns[tag], NULL), "submit");
    hh_request_destroy(request);
}

static void submit(load *l, size_t tag)
{
    l->started_ns[tag] = bench_now_ns();
    if (l->kept != NULL)
        submit_own(l, tag);
    else
        bench_check(hh_submit(l->client, l->request, &l->started_ns[tag], NULL), "submit");
    l->sent++;
}

static void finish(load *l, const hh_event *event)
{
    int64_t *started_ns = event->tag;
    bench_note(&l->run, *started_ns);
    if (event->type == HH_EVENT_ERROR || hh_response_status(event->response) != 200) {
        if (l->run.failures++ == 0)
            fprintf(stderr, "bench: %s\n",
                    event->error != NULL ? event->error->message : "not 200");
    } else {
        l->run.bytes += hh_response_body_bytes(event->response);
        if (l->kept != NULL)
            l->kept[l->run.count - 1] = hh_response_ref(event->response);
    }
    if (l->sent < l->total)
        submit(l, (size_t)(started_ns - l->started_ns));
}

static void write_out(const load *l, hh_slice data)
{
    while (data.length > 0) {
        ssize_t count = write(l->file, data.data, data.length);
        if (count <= 0)
            bench_die("write", "failed");
        data.data += count;
        data.length -= (size_t)count;
    }
}

/* Gives the sink its memory, touched once so that page faults aren't counted as the client's. */
static void give_sink(load *l, const hh_event *event)
{
    uint64_t length = hh_response_content_length(event->response);
    if (l->memory == NULL) {
        l->memory_bytes = (size_t)length;
        l->memory = malloc(l->memory_bytes);
        if (l->memory == NULL)
            bench_die("sink", "out of memory");
        memset(l->memory, 1, l->memory_bytes);
        bench_begin(&l->run, (size_t)l->total);
    }
    bench_check(hh_set_sink(l->client, event->id, l->memory, l->memory_bytes), "sink");
}

static void take(load *l, const hh_event *event)
{
    switch (event->type) {
    case HH_EVENT_DONE:
    case HH_EVENT_ERROR:
        finish(l, event);
        break;
    case HH_EVENT_BODY:
        write_out(l, event->body);
        break;
    case HH_EVENT_HEADERS:
        if (strcmp(l->mode, "sink") == 0)
            give_sink(l, event);
        break;
    case HH_EVENT_WANT_BODY:
    case HH_EVENT_INFORMATION:
    case HH_EVENT_ASK:
    case HH_EVENT_TRACE:
        break;
    }
}

static void drive(load *l)
{
    l->sent = 0;
    bench_begin(&l->run, (size_t)l->total);
    for (long i = 0; i < l->in_flight && l->sent < l->total; i++)
        submit(l, (size_t)i);
    while (hh_client_pending(l->client) > 0) {
        bench_check(hh_client_step(l->client, -1), "step");
        for (const hh_event *event; (event = hh_next_event(l->client)) != NULL;) {
            take(l, event);
            hh_event_release(l->client, event);
        }
    }
}

static void drop_kept(load *l)
{
    for (long i = 0; l->kept != NULL && i < l->total; i++) {
        hh_response_destroy(l->kept[i]);
        l->kept[i] = NULL;
    }
}

/* Opens the connections, which the floor doesn't count either. */
static void warm_up(load *l)
{
    long total = l->total;
    l->total = l->connections;
    drive(l);
    free(l->run.latencies_us);
    drop_kept(l);
    l->total = total;
}

static void measure_idle(load *l)
{
    struct mallinfo2 before = mallinfo2();
    drive(l);
    struct mallinfo2 after = mallinfo2();
    hh_client_stats stats = {.size = sizeof stats};
    hh_client_get_stats(l->client, &stats);
    printf("{\"idle_connections\":%llu,\"bytes_each\":%.0f}\n",
           (unsigned long long)stats.connections_idle,
           (double)(after.uordblks + after.hblkhd - before.uordblks - before.hblkhd) /
               (double)stats.connections_idle);
    free(l->run.latencies_us);
}

static void measure_create(long times)
{
    int64_t started_ns = bench_now_ns();
    for (long i = 0; i < times; i++)
        hh_client_destroy(bench_make_client(100, HH_DEFAULT));
    printf("{\"create_us\":%.2f}\n", (double)(bench_now_ns() - started_ns) / 1e3 / (double)times);
}

static void *zeroed(long count, size_t size)
{
    void *memory = calloc((size_t)count, size);
    if (memory == NULL)
        bench_die("start", "out of memory");
    return memory;
}

static void prepare(load *l)
{
    bench_check(hh_request_create(l->client, "GET", l->url, &l->request), "request");
    hh_delivery delivery = strcmp(l->mode, "sink") == 0   ? HH_DELIVER_SINK
                           : strcmp(l->mode, "file") == 0 ? HH_DELIVER_STREAM
                                                          : HH_DELIVER_WHOLE;
    bench_check(hh_request_set_delivery(l->request, delivery), "delivery");
    bench_check(hh_request_set_decoding(l->request, HH_DECODING_NONE), "decoding");
    if (strcmp(l->mode, "connect") == 0)
        bench_check(hh_request_set_header(l->request, "Connection", "close"), "header");
    l->in_flight = l->connections;
    if (strcmp(l->mode, "batch") == 0) {
        l->in_flight = BATCH_IN_FLIGHT;
        l->kept = zeroed(l->total > l->connections ? l->total : l->connections, sizeof *l->kept);
    }
    l->started_ns = zeroed(l->in_flight, sizeof *l->started_ns);
}

int main(int argc, char **argv)
{
    if (argc < 5)
        bench_die("usage", "bench_client MODE URL CONNECTIONS REQUESTS [PATH]");
    load l = {.mode = argv[1], .url = argv[2], .file = -1};
    l.connections = bench_number(argv[3], "CONNECTIONS");
    l.total = bench_number(argv[4], "REQUESTS");
    if (strcmp(l.mode, "create") == 0) {
        measure_create(l.total);
        return 0;
    }
    if (strcmp(l.mode, "idle") == 0)
        l.total = l.connections;
    if (strcmp(l.mode, "file") == 0) {
        l.file = argc > 5 ? open(argv[5], O_WRONLY | O_CREAT | O_TRUNC, 0644) : -1;
        if (l.file < 0)
            bench_die("file", "can't be opened");
    }
    l.client = bench_make_client(l.connections, HH_DEFAULT);
    prepare(&l);
    if (strcmp(l.mode, "idle") == 0) {
        measure_idle(&l);
    } else {
        if (strcmp(l.mode, "keepalive") == 0 || l.kept != NULL)
            warm_up(&l);
        drive(&l);
        hh_client_stats stats = {.size = sizeof stats};
        hh_client_get_stats(l.client, &stats);
        l.run.connections = stats.connections_opened;
        bench_end(&l.run);
        drop_kept(&l);
    }
    hh_request_destroy(l.request);
    hh_client_destroy(l.client);
    free(l.started_ns);
    free(l.kept);
    free(l.memory);
    return l.run.failures == 0 ? 0 : 1;
}
