/*
 * dial.c - resolve, connect, TLS: one small state machine (dial.h).
 *
 *              first attempt          connected, TLS wanted          handshake done
 *   RESOLVE ----------------> CONNECT ---------------------> TLS ----------------> DONE --> GONE
 *      |                         |  connected, plain          |                    ^
 *      |                         +-----------------------------------------------> |
 *      +-- no address, deadline -+-- all failed, deadline ----+-- failed, deadline +
 *
 * RESOLVE ends when the first attempt starts, not when the name is fully resolved: the lookup may
 * go on through CONNECT and feed the connector (RFC 8305 §3). DONE: the result stands, a task will
 * report it, so on_done never runs inside hh__dial_start. GONE: reported or cancelled, the memory
 * goes at the end of the run. enter() makes every transition and asserts that it is one of these.
 *
 * Invariants: from DONE on there is no lookup, no attempt, no deadline; the stream belongs to
 * `stream` in TLS, to `result` in DONE, to nobody or the receiver in GONE.
 *
 * Leaves to others: names (resolver), order and sockets (connector), the handshake (tls).
 */
#include "net/dial.h"

#include <assert.h>
#include <stdio.h>
#include <sys/un.h>

#include "base/failure.h"
#include "base/memory.h"
#include "net/connector.h"

#define NS_PER_MS INT64_C(1000000)

typedef enum dial_state { DIAL_RESOLVE, DIAL_CONNECT, DIAL_TLS, DIAL_DONE, DIAL_GONE } dial_state;

struct hh_dial {
    hh_loop *loop;
    hh_resolver *resolver;
    void *owner;
    void (*on_done)(void *owner, hh_dial_result *result);
    dial_state state;
    hh_phase phase;     /* where it is, and in DONE where it ended */
    int64_t bounded_ns; /* when the deadline was given */
    int64_t entered_ns; /* the state */
    int64_t deadline_ns;
    hh_timer deadline;
    hh_task report;
    hh_discard discard;
    hh_connector connector;
    hh_lookup lookup;
    bool is_looking_up;
    hh_stream *stream;
    hh_tls_config *tls;
    hh_tls_sessions *sessions;
    uint16_t port;
    size_t alpn_length;
    const unsigned char *alpn; /* these three stand in `strings` */
    const char *host;          /* without brackets */
    const char *unix_path;     /* NULL: none */
    hh_dial_result result;
    char strings[];
};

static void enter(hh_dial *dial, dial_state next)
{
    /* Read anew: a handshake is work within a run. */
    int64_t now_ns = hh__loop_refresh(dial->loop);
    int64_t spent_ns = now_ns - dial->entered_ns;

    switch (dial->state) {
    case DIAL_RESOLVE:
        assert(next == DIAL_CONNECT || next == DIAL_DONE || next == DIAL_GONE);
        dial->result.resolve_ns = spent_ns;
        break;
    case DIAL_CONNECT:
        assert(next == DIAL_TLS || next == DIAL_DONE || next == DIAL_GONE);
        dial->result.connect_ns = spent_ns;
        break;
    case DIAL_TLS:
        assert(next == DIAL_DONE || next == DIAL_GONE);
        dial->result.tls_ns = spent_ns;
        break;
    case DIAL_DONE:
        assert(next == DIAL_GONE);
        break;
    case DIAL_GONE:
        assert(!"a dial that is gone does nothing");
        break;
    }
    dial->state = next;
    dial->entered_ns = now_ns;
    if (next == DIAL_CONNECT)
        dial->phase = HH_PHASE_CONNECT;
    else if (next == DIAL_TLS)
        dial->phase = HH_PHASE_TLS;
}

/* Ends. */

static void stop_lookup(hh_dial *dial)
{
    if (dial->is_looking_up)
        hh__lookup_cancel(dial->resolver, &dial->lookup);
    dial->is_looking_up = false;
}

static void stop_work(hh_dial *dial)
{
    hh__timer_stop(dial->loop, &dial->deadline);
    hh__connector_cancel(&dial->connector);
    stop_lookup(dial);
}

static void destroy(hh_discard *discard)
{
    hh__free(HH_CONTAINER_OF(discard, hh_dial, discard));
}

static void release(hh_dial *dial)
{
    if (dial->tls != NULL)
        hh__tls_config_unref(dial->tls);
    hh__loop_discard(dial->loop, &dial->discard, destroy);
}

static void report(hh_task *task)
{
    hh_dial *dial = HH_CONTAINER_OF(task, hh_dial, report);

    enter(dial, DIAL_GONE);
    dial->on_done(dial->owner, &dial->result);
    release(dial);
}

/* The receiver may take a while to put its own handler in place. */
static void ignore_ready(hh_stream *stream, unsigned ready)
{
    (void)stream;
    (void)ready;
}

static void finish(hh_dial *dial, hh_stream *stream)
{
    stop_work(dial);
    dial->stream = NULL;
    dial->result.stream = stream;
    if (stream != NULL) {
        stream->owner = NULL;
        stream->on_ready = ignore_ready;
    }
    static_assert(sizeof(dial->result.remote) == sizeof(dial->connector.remote), "same text");
    memcpy(dial->result.remote, dial->connector.remote, sizeof(dial->connector.remote));
    enter(dial, DIAL_DONE);
    hh__task_post(dial->loop, &dial->report);
}

/* With result.error filled. */
static void finish_failed(hh_dial *dial)
{
    if (dial->stream != NULL)
        hh__stream_close(dial->stream, HH_CLOSE_ABORT);
    finish(dial, NULL);
}

static void on_deadline(hh_timer *timer)
{
    hh_dial *dial = HH_CONTAINER_OF(timer, hh_dial, deadline);
    hh_error *error = &dial->result.error;
    int64_t after_ms = (dial->deadline_ns - dial->bounded_ns + NS_PER_MS / 2) / NS_PER_MS;

    if (after_ms < 0)
        after_ms = 0;
    switch (dial->state) {
    case DIAL_RESOLVE:
        hh__fail(error, HH_ERR_TIMEOUT_CONNECT, HH_PHASE_RESOLVE,
                 "resolve %s timed out after %lld ms", dial->host, (long long)after_ms);
        break;
    case DIAL_CONNECT:
        hh__connector_describe_timeout(&dial->connector, after_ms, error);
        break;
    case DIAL_TLS:
        hh__fail(error, HH_ERR_TIMEOUT_CONNECT, HH_PHASE_TLS,
                 "TLS handshake with %s at %s timed out after %lld ms", dial->host,
                 dial->connector.remote, (long long)after_ms);
        break;
    case DIAL_DONE:
    case DIAL_GONE:
        return;
    }
    finish_failed(dial);
}

/* TLS. */

static void finish_handshake(hh_dial *dial)
{
    hh_dial_result *result = &dial->result;
    hh_tls_info info;

    memset(&info, 0, sizeof(info));
    hh__tls_stream_info(dial->stream, &info);
    result->is_tls = true;
    result->is_resumed = info.is_resumed;
    snprintf(result->tls_version, sizeof(result->tls_version), "%s",
             info.version != NULL ? info.version : "");
    snprintf(result->tls_cipher, sizeof(result->tls_cipher), "%s",
             info.cipher != NULL ? info.cipher : "");
    if (info.alpn.length < sizeof(result->alpn) && info.alpn.length > 0)
        memcpy(result->alpn, info.alpn.data, info.alpn.length);
    finish(dial, dial->stream);
}

static void move_handshake(hh_dial *dial)
{
    char peer[HH_HOST_MAX_BYTES + 16];

    switch (hh__tls_handshake(dial->stream)) {
    case HH_IO_OK:
        finish_handshake(dial);
        break;
    case HH_IO_WAIT:
        break;
    case HH_IO_EOF:
    case HH_IO_ERROR:
        snprintf(peer, sizeof(peer), strchr(dial->host, ':') != NULL ? "[%s]:%u" : "%s:%u",
                 dial->host, (unsigned)dial->port);
        hh__stream_describe(dial->stream, HH_PHASE_TLS, peer, &dial->result.error);
        finish_failed(dial);
        break;
    }
}

static void on_stream_ready(hh_stream *stream, unsigned ready)
{
    hh_dial *dial = stream->owner;

    (void)ready;
    move_handshake(dial);
}

/* What SNI and the certificate know: without the root's dot (RFC 6066 §3) or an address's zone. */
static void format_server_name(const hh_dial *dial, char out[HH_HOST_MAX_BYTES + 2])
{
    size_t length = strlen(dial->host);
    const char *zone = strchr(dial->host, ':') != NULL ? strchr(dial->host, '%') : NULL;

    if (zone != NULL)
        length = (size_t)(zone - dial->host);
    else if (length > 0 && dial->host[length - 1] == '.')
        length--;
    memcpy(out, dial->host, length);
    out[length] = '\0';
}

static void start_tls(hh_dial *dial, hh_stream *below)
{
    char server_name[HH_HOST_MAX_BYTES + 2];
    hh_tls_target target = {server_name, dial->alpn, dial->alpn_length, dial->sessions};
    hh_stream *stream;

    enter(dial, DIAL_TLS);
    format_server_name(dial, server_name);
    dial->stream = below;
    if (hh__tls_stream_create(below, dial->tls, &target, &stream, &dial->result.error) != HH_OK) {
        finish_failed(dial);
        return;
    }
    dial->stream = stream;
    stream->owner = dial;
    stream->on_ready = on_stream_ready;
    move_handshake(dial);
}

/* Connecting. */

static void on_connect_begin(hh_connector *connector)
{
    enter(connector->owner, DIAL_CONNECT);
}

static void on_connect_end(hh_connector *connector)
{
    hh_dial *dial = connector->owner;
    hh_stream *stream = connector->stream;

    if (stream == NULL) {
        hh__connector_describe(connector, &dial->result.error);
        finish_failed(dial);
        return;
    }
    stop_lookup(dial);
    if (dial->tls != NULL)
        start_tls(dial, stream);
    else
        finish(dial, stream);
}

/* Resolving. */

static void take_addresses(hh_dial *dial)
{
    hh_lookup *lookup = &dial->lookup;

    if (lookup->is_finished)
        dial->is_looking_up = false;
    if (lookup->is_finished && lookup->count == 0) {
        dial->result.error = lookup->error;
        finish_failed(dial);
        return;
    }
    if (lookup->is_finished)
        hh__eyeballs_complete(&dial->connector.eyeballs);
    hh__connector_add(&dial->connector, lookup->addresses, lookup->count);
}

static void on_lookup_progress(hh_lookup *lookup)
{
    take_addresses(lookup->owner);
}

/* Starting. */

static hh_slice strip_brackets(hh_slice host)
{
    if (host.length >= 2 && host.data[0] == '[' && host.data[host.length - 1] == ']') {
        host.data++;
        host.length -= 2;
    }
    return host;
}

static hh_status check(const hh_dial_target *target, hh_slice host, hh_address *local)
{
    struct sockaddr_un any;

    /* One byte more: the root's dot. */
    if (host.length > HH_HOST_MAX_BYTES + 1 ||
        (host.length > 0 && memchr(host.data, '\0', host.length) != NULL))
        return HH_ERR_INVALID_ARGUMENT;
    if (target->unix_path != NULL &&
        (target->unix_path[0] == '\0' || strlen(target->unix_path) >= sizeof(any.sun_path)))
        return HH_ERR_INVALID_ARGUMENT;
    if (host.length == 0 &&
        (target->tls != NULL || (target->unix_path == NULL && target->addresses == NULL)))
        return HH_ERR_INVALID_ARGUMENT;
    if (target->addresses != NULL && target->address_count == 0)
        return HH_ERR_INVALID_ARGUMENT;
    if (target->local_address != NULL)
        return hh__address_parse(hh_slice_of(target->local_address), 0, local);
    return HH_OK;
}

/* A dial with everything copied, or NULL: out of memory. */
static hh_dial *create(const hh_dial_target *target, hh_slice host)
{
    size_t path_size = target->unix_path != NULL ? strlen(target->unix_path) + 1 : 0;
    hh_dial *dial =
        hh__calloc(1, sizeof(*dial) + host.length + 1 + path_size + target->alpn_length);
    char *room;

    if (dial == NULL)
        return NULL;
    room = dial->strings;
    dial->host = room;
    if (host.length > 0)
        memcpy(room, host.data, host.length);
    room += host.length + 1;
    if (path_size > 0) {
        dial->unix_path = memcpy(room, target->unix_path, path_size);
        room += path_size;
    }
    if (target->alpn_length > 0) {
        dial->alpn = memcpy(room, target->alpn, target->alpn_length);
        dial->alpn_length = target->alpn_length;
    }
    dial->port = target->port;
    dial->deadline_ns = target->deadline_ns;
    if (target->tls != NULL)
        dial->tls = hh__tls_config_ref(target->tls);
    dial->sessions = target->sessions;
    return dial;
}

static void start(hh_dial *dial, const hh_dial_target *target)
{
    if (dial->unix_path != NULL) {
        hh__connector_start_unix(&dial->connector, dial->unix_path);
        return;
    }
    if (target->addresses != NULL) {
        hh__eyeballs_complete(&dial->connector.eyeballs);
        hh__connector_add(&dial->connector, target->addresses, target->address_count);
        return;
    }
    dial->lookup.owner = dial;
    dial->lookup.on_progress = on_lookup_progress;
    dial->is_looking_up = true;
    hh__lookup_start(dial->resolver, &dial->lookup, hh_slice_of(dial->host), dial->port);
    if (dial->lookup.is_finished || dial->lookup.count > 0)
        take_addresses(dial);
}

hh_status hh__dial_start(hh_loop *loop, hh_resolver *resolver, const hh_dial_target *target,
                         void *owner, void (*on_done)(void *owner, hh_dial_result *result),
                         hh_dial **out)
{
    hh_slice host = strip_brackets(target->host);
    hh_address local = {.any = {.sa_family = AF_UNSPEC}};
    hh_dial *dial;
    hh_status status = check(target, host, &local);

    if (status != HH_OK)
        return status;
    dial = create(target, host);
    if (dial == NULL)
        return HH_ERR_NO_MEMORY;
    dial->loop = loop;
    dial->resolver = resolver;
    dial->owner = owner;
    dial->on_done = on_done;
    dial->phase = HH_PHASE_RESOLVE;
    dial->report.run = report;
    dial->deadline.on_due = on_deadline;
    dial->connector.loop = loop;
    dial->connector.owner = dial;
    dial->connector.on_begin = on_connect_begin;
    dial->connector.on_end = on_connect_end;
    hh__connector_init(&dial->connector, target->local_address != NULL ? &local : NULL);

    /* The last run may be long ago. */
    dial->bounded_ns = hh__loop_now(loop); /* the clock that the caller reckoned by */
    dial->entered_ns = hh__loop_refresh(loop);
    if (dial->deadline_ns != 0) {
        status = hh__timer_set(loop, &dial->deadline, dial->deadline_ns);
        if (status != HH_OK) {
            release(dial);
            return status;
        }
    }
    *out = dial;
    start(dial, target);
    return HH_OK;
}

hh_status hh__dial_bound(hh_dial *dial, int64_t deadline_ns)
{
    if (dial->state == DIAL_DONE || dial->state == DIAL_GONE)
        return HH_OK;
    if (deadline_ns != 0) {
        hh_status status = hh__timer_set(dial->loop, &dial->deadline, deadline_ns);
        if (status != HH_OK)
            return status;
    } else {
        hh__timer_unset(&dial->deadline);
    }
    dial->deadline_ns = deadline_ns;
    dial->bounded_ns = hh__loop_now(dial->loop);
    return HH_OK;
}

void hh__dial_cancel(hh_dial *dial)
{
    if (dial == NULL || dial->state == DIAL_GONE)
        return;
    stop_work(dial);
    hh__task_cancel(&dial->report);
    hh__stream_close(dial->stream, HH_CLOSE_ABORT);
    hh__stream_close(dial->result.stream, HH_CLOSE_ABORT);
    enter(dial, DIAL_GONE);
    release(dial);
}

hh_phase hh__dial_phase(const hh_dial *dial)
{
    return dial->phase;
}
