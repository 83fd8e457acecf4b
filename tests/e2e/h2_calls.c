/*
 * h2_calls.c - many requests through the library's public calls, for test_h2_servers.py: what was
 * answered, by what, over how many connections, as one JSON object.
 *
 *     h2_calls [option...] URL
 *       --ca FILE           trusted instead of the system's store
 *       --plain             HTTP/2 with prior knowledge
 *       --requests N        of them (1)
 *       --at-once N         in flight at most (100)
 *       --method NAME       (GET)
 *       --body FILE         sent with each
 *       --push N            the body pushed, N bytes at a time
 *       --cancel            every other request: the first of four at once, the third in its body
 *       --beside URL        before the others: a request that may wait --silence ms for its answer
 *       --silence MS
 *       --ping MS           a connection silent for so long is asked whether it lives (never)
 *       --say N             "N answered" on standard output, once N are
 *       --again             when all is answered: waits until idle connections are gone, prints
 *                           "idle" and starts over
 */
#include <getopt.h>
#include <hyperhttp/hyperhttp.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KINDS_MAX 16
#define IDLE_WAIT_MS 20000

typedef struct kind {
    char text[80];
    unsigned count;
} kind;

typedef struct plan {
    const char *url;
    const char *beside;
    const char *method;
    char *body;
    size_t body_length;
    size_t piece;
    unsigned requests;
    unsigned at_once;
    unsigned say;
    int64_t silence_ms;
    int cancels;
    int again;
    hh_client_options options;
} plan;

typedef struct call {
    hh_id id;
    EVP_MD_CTX *hash;
    unsigned number;
    unsigned terminals;
    int cancels_in_body;
} call;

typedef struct run {
    const plan *plan;
    hh_client *client;
    call *calls;
    unsigned started;
    unsigned ended;
    unsigned answered;
    unsigned cancelled;
    unsigned trailers;
    uint64_t bytes;
    kind statuses[KINDS_MAX];
    kind versions[KINDS_MAX];
    kind hashes[KINDS_MAX];
    kind errors[KINDS_MAX];
} run;

static void give_up(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("h2_calls: ", stderr);
    vfprintf(stderr, format, arguments);
    fputs("\n", stderr);
    va_end(arguments);
    exit(2);
}

static void count(kind *kinds, const char *text)
{
    size_t i = 0;
    while (kinds[i].count > 0 && strcmp(kinds[i].text, text) != 0)
        if (++i == KINDS_MAX)
            give_up("more than %d kinds, the last is %s", KINDS_MAX, text);
    snprintf(kinds[i].text, sizeof kinds[i].text, "%s", text);
    kinds[i].count++;
}

static void count_number(kind *kinds, int number)
{
    char text[16];
    snprintf(text, sizeof text, "%d", number);
    count(kinds, text);
}

/* --- requests -------------------------------------------------------------------------------- */

static void check(hh_status status, const char *what)
{
    if (status != HH_OK)
        give_up("%s: %s", what, hh_status_name(status));
}

static void submit(run *r, const char *url, int64_t silence_ms)
{
    const plan *p = r->plan;
    call *c = &r->calls[r->started];
    hh_request *request = NULL;
    c->number = r->started++;
    c->hash = EVP_MD_CTX_new();
    if (c->hash == NULL || EVP_DigestInit_ex(c->hash, EVP_sha256(), NULL) != 1)
        give_up("no SHA-256");
    check(hh_request_create(r->client, p->method, url, &request), url);
    if (p->piece > 0)
        check(hh_request_set_body_stream(request, p->body_length, HH_REWIND_POSSIBLE), "stream");
    else if (p->body != NULL)
        check(hh_request_set_body_borrowed(request, p->body, p->body_length), "body");
    hh_timeouts timeouts = {.read_ms = silence_ms};
    check(hh_request_set_timeouts(request, &timeouts), "time-outs");
    check(hh_submit(r->client, request, c, &c->id), "submit");
    hh_request_destroy(request);
    if (p->cancels && c->number % 4 == 0)
        check(hh_cancel(r->client, c->id), "cancel");
    c->cancels_in_body = p->cancels && c->number % 4 == 2;
}

static void push(const run *r, const hh_event *event)
{
    const plan *p = r->plan;
    size_t offset = (size_t)event->body_offset, taken = 1;
    while (taken > 0 && offset < p->body_length) {
        size_t left = p->body_length - offset, length = left < p->piece ? left : p->piece;
        hh_body_end end = length == left ? HH_BODY_LAST : HH_BODY_MORE;
        if (hh_body_push(r->client, event->id, (hh_slice){p->body + offset, length}, end, &taken) !=
            HH_OK)
            return;
        offset += taken;
    }
}

static void finish(run *r, call *c, const hh_event *event)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char text[2 * EVP_MAX_MD_SIZE + 1];
    unsigned length = 0;
    EVP_DigestFinal_ex(c->hash, digest, &length);
    for (unsigned i = 0; i < length; i++)
        snprintf(text + 2 * (size_t)i, 3, "%02x", digest[i]);
    EVP_MD_CTX_free(c->hash);
    c->terminals++;
    r->ended++;
    if (event->type == HH_EVENT_ERROR && event->error->code == HH_ERR_CANCELLED) {
        r->cancelled++;
    } else if (event->type == HH_EVENT_ERROR) {
        fprintf(stderr, "%s\n", event->error->message);
        count(r->errors, hh_status_name(event->error->code));
    } else {
        r->answered++;
        r->trailers += hh_response_trailer_count(event->response) > 0;
        count_number(r->statuses, hh_response_status(event->response));
        count_number(r->versions, hh_response_version(event->response));
        count(r->hashes, text);
        if (r->answered == r->plan->say) {
            printf("%u answered\n", r->answered);
            fflush(stdout);
        }
    }
}

static void take(run *r, const hh_event *event)
{
    call *c = event->tag;
    if (c->terminals > 0)
        give_up("request %u: an event after its last", c->number);
    switch (event->type) {
    case HH_EVENT_BODY:
        EVP_DigestUpdate(c->hash, event->body.data, event->body.length);
        r->bytes += event->body.length;
        if (c->cancels_in_body)
            check(hh_cancel(r->client, c->id), "cancel in the body");
        c->cancels_in_body = 0;
        break;
    case HH_EVENT_WANT_BODY:
        push(r, event);
        break;
    case HH_EVENT_DONE:
    case HH_EVENT_ERROR:
        finish(r, c, event);
        break;
    case HH_EVENT_HEADERS:
    case HH_EVENT_INFORMATION:
    case HH_EVENT_ASK:
    case HH_EVENT_TRACE:
        break;
    }
    hh_event_release(r->client, event);
}

static void step(const run *r, int timeout_ms)
{
    hh_status status = hh_client_step(r->client, timeout_ms);
    if (status != HH_OK && status != HH_INTERRUPTED)
        give_up("step: %s", hh_status_name(status));
}

static void run_all(run *r)
{
    const plan *p = r->plan;
    unsigned end = r->started + p->requests + (p->beside != NULL);
    if (p->beside != NULL)
        submit(r, p->beside, p->silence_ms);
    while (r->ended < end) {
        const hh_event *event;
        while (r->started < end && r->started - r->ended < p->at_once)
            submit(r, p->url, 0);
        step(r, -1);
        while ((event = hh_next_event(r->client)) != NULL)
            take(r, event);
    }
}

static hh_client_stats look(const run *r)
{
    hh_client_stats stats = {.size = sizeof stats};
    hh_client_get_stats(r->client, &stats);
    return stats;
}

static void wait_until_none_is_idle(const run *r)
{
    for (int waited = 0; look(r).connections_open > 0; waited += 10) {
        if (waited > IDLE_WAIT_MS)
            give_up("idle connections stay open");
        step(r, 10);
    }
    puts("idle");
    fflush(stdout);
}

/* --- the report ------------------------------------------------------------------------------ */

static void print_kinds(const char *name, const kind *kinds)
{
    printf("\"%s\": {", name);
    for (size_t i = 0; i < KINDS_MAX && kinds[i].count > 0; i++)
        printf("%s\"%s\": %u", i > 0 ? ", " : "", kinds[i].text, kinds[i].count);
    printf("}, ");
}

static void report(const run *r)
{
    hh_client_stats stats = look(r);
    printf("{");
    print_kinds("statuses", r->statuses);
    print_kinds("versions", r->versions);
    print_kinds("hashes", r->hashes);
    print_kinds("errors", r->errors);
    printf("\"answered\": %u, \"cancelled\": %u, \"trailers\": %u, \"bytes\": %llu, ", r->answered,
           r->cancelled, r->trailers, (unsigned long long)r->bytes);
    printf("\"connections\": %llu, \"handshakes\": %llu, \"attempts\": %llu, \"replays\": %llu, "
           "\"redirects\": %llu, \"buffers\": %llu}\n",
           (unsigned long long)stats.connections_opened, (unsigned long long)stats.tls_handshakes,
           (unsigned long long)stats.attempts, (unsigned long long)stats.replays,
           (unsigned long long)stats.redirects, (unsigned long long)stats.buffers_in_use);
}

/* --- options --------------------------------------------------------------------------------- */

static void read_body(plan *p, const char *name)
{
    FILE *file = fopen(name, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        give_up("can't read %s", name);
    p->body_length = (size_t)ftell(file);
    p->body = malloc(p->body_length + 1);
    rewind(file);
    if (p->body == NULL || fread(p->body, 1, p->body_length, file) != p->body_length)
        give_up("can't read %s", name);
    fclose(file);
}

static void set_option(plan *p, int option)
{
    switch (option) {
    case 'c':
        p->options.tls.ca_file = optarg;
        break;
    case 'p':
        p->options.http2_prior_knowledge = HH_ON;
        break;
    case 'n':
        p->requests = (unsigned)strtoul(optarg, NULL, 10);
        break;
    case 'm':
        p->at_once = (unsigned)strtoul(optarg, NULL, 10);
        break;
    case 'X':
        p->method = optarg;
        break;
    case 'd':
        read_body(p, optarg);
        break;
    case 'P':
        p->piece = strtoul(optarg, NULL, 10);
        break;
    case 'C':
        p->cancels = 1;
        break;
    case 'b':
        p->beside = optarg;
        break;
    case 's':
        p->silence_ms = strtoll(optarg, NULL, 10);
        break;
    case 'i':
        p->options.http2_keepalive_ms = strtoll(optarg, NULL, 10);
        break;
    case 'S':
        p->say = (unsigned)strtoul(optarg, NULL, 10);
        break;
    case 'a':
        p->again = 1;
        break;
    default:
        give_up("see the comment at the head of h2_calls.c");
    }
}

static void read_options(plan *p, int count, char **values)
{
    static const struct option options[] = {
        {"ca", required_argument, NULL, 'c'},       {"plain", no_argument, NULL, 'p'},
        {"requests", required_argument, NULL, 'n'}, {"at-once", required_argument, NULL, 'm'},
        {"method", required_argument, NULL, 'X'},   {"body", required_argument, NULL, 'd'},
        {"push", required_argument, NULL, 'P'},     {"cancel", no_argument, NULL, 'C'},
        {"beside", required_argument, NULL, 'b'},   {"silence", required_argument, NULL, 's'},
        {"ping", required_argument, NULL, 'i'},     {"say", required_argument, NULL, 'S'},
        {"again", no_argument, NULL, 'a'},          {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(count, values, "", options, NULL)) != -1;)
        set_option(p, option);
    if (optind + 1 != count)
        give_up("one URL, please");
    p->url = values[optind];
}

int main(int argc, char **argv)
{
    plan p = {.method = "GET", .requests = 1, .at_once = 100, .options = HH_CLIENT_OPTIONS_INIT};
    read_options(&p, argc, argv);
    run r = {.plan = &p};
    r.calls = calloc(2 * (p.requests + 1), sizeof *r.calls);
    if (r.calls == NULL)
        give_up("no memory");
    check(hh_client_create(&p.options, &r.client), "client");
    run_all(&r);
    if (p.again) {
        wait_until_none_is_idle(&r);
        run_all(&r);
    }
    report(&r);
    hh_client_destroy(r.client);
    free(r.calls);
    free(p.body);
    return 0;
}
