/*
 * connector.c - connect(2) to several addresses, staggered (connector.h). RFC 8305 §5 and §6.
 *
 * Everything that may change what to do next (addresses, the end of the list, a failure, the
 * stagger's end) ends in advance(), which asks eyeballs.h and starts attempts until it is told to
 * wait. An attempt may fail or, for Unix sockets, succeed within connect itself.
 *
 * Invariants: under_way counts the watched attempts; after is_over is set no attempt is watched and
 * the timer isn't set.
 */
#include "net/connector.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/failure.h"
#include "base/memory.h"
#include "net/socket_stream.h"

#define NS_PER_MS INT64_C(1000000)

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

static void close_attempt(hh_connector *connector, hh_attempt *attempt)
{
    if (!attempt->watch.is_watched)
        return;
    hh__watch_stop(connector->loop, &attempt->watch);
    close(attempt->watch.fd);
    connector->under_way--;
}

void hh__connector_cancel(hh_connector *connector)
{
    connector->is_over = true;
    hh__timer_stop(connector->loop, &connector->timer);
    for (unsigned i = 0; i < connector->started; i++)
        close_attempt(connector, &connector->attempts[i]);
}

static void end(hh_connector *connector)
{
    hh__connector_cancel(connector);
    connector->on_end(connector);
}

static void note_failure(hh_connector *connector, hh_connect_call call, int os_error)
{
    connector->failed_call = call;
    connector->os_error = os_error;
}

static void fail_attempt(hh_connector *connector, const hh_attempt *attempt, hh_connect_call call,
                         int os_error)
{
    note_failure(connector, call, os_error);
    hh__address_format(&attempt->address, connector->failed_remote);
    hh__eyeballs_fail(&connector->eyeballs);
}

static void set_timer(hh_connector *connector, int64_t due_ns)
{
    if (hh__timer_set(connector->loop, &connector->timer, due_ns) == HH_OK)
        return;
    note_failure(connector, HH_CONNECT_STREAM, ENOMEM);
    end(connector);
}

/* A connected socket becomes the stream; `watch` has it, or NULL. Takes the descriptor. */
static void win(hh_connector *connector, int fd, hh_socket_kind kind, hh_watch *watch)
{
    bool was_watched = watch != NULL;
    hh_status status =
        hh__socket_stream_create(connector->loop, fd, kind, watch, &connector->stream);

    if (status != HH_OK) {
        note_failure(connector, HH_CONNECT_STREAM, status == HH_ERR_NO_MEMORY ? ENOMEM : errno);
        if (!was_watched)
            close(fd);
    } else if (was_watched) {
        connector->under_way--;
    }
    end(connector);
}

/* TCP lets a socket connect to itself when the kernel gives it, as its own port, the one it is to
 * connect to; on loopback that happens where nobody listens on a port of the ephemeral range. */
static bool is_connected_to_itself(int fd, const hh_address *remote)
{
    hh_address local;
    socklen_t length = sizeof(local);

    if (!hh__address_is_loopback(remote))
        return false;
    memset(&local, 0, sizeof(local));
    return getsockname(fd, &local.any, &length) == 0 && hh__address_equal(&local, remote);
}

static int bind_local(int fd, const hh_address *local)
{
    const int on = 1;

    /* The port is chosen by connect, which knows that only the pair of ends must be unique. */
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    return bind(fd, &local->any, hh__address_length(local));
}

static void advance(hh_connector *connector);

static void on_attempt_ready(hh_watch *watch, unsigned ready)
{
    hh_attempt *attempt = HH_CONTAINER_OF(watch, hh_attempt, watch);
    hh_connector *connector = attempt->connector;
    int os_error = 0;
    socklen_t length = sizeof(os_error);

    (void)ready;
    if (getsockopt(watch->fd, SOL_SOCKET, SO_ERROR, &os_error, &length) != 0)
        os_error = errno;
    if (os_error == 0 && is_connected_to_itself(watch->fd, &attempt->address))
        os_error = ECONNREFUSED;
    if (os_error == 0) {
        hh__address_format(&attempt->address, connector->remote);
        win(connector, watch->fd, HH_SOCKET_TCP, watch);
        return;
    }
    close_attempt(connector, attempt);
    fail_attempt(connector, attempt, HH_CONNECT_CONNECT, os_error);
    advance(connector);
}

/* Opens, binds and connects; the attempt is then under way or has failed. */
static void start_attempt(hh_connector *connector, hh_attempt *attempt)
{
    const hh_address *address = &attempt->address;
    hh_connect_call call = HH_CONNECT_SOCKET;
    int fd =
        socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    int os_error;

    if (fd < 0)
        goto failed;
    if (connector->local.any.sa_family != AF_UNSPEC) {
        call = HH_CONNECT_BIND;
        if (bind_local(fd, &connector->local) != 0)
            goto failed;
    }
    call = HH_CONNECT_CONNECT;
    /* Connected within the call is rare, and then the watch reports at once. An interrupted connect
     * goes on by itself (POSIX). */
    if (connect(fd, &address->any, hh__address_length(address)) != 0 && errno != EINPROGRESS &&
        errno != EINTR)
        goto failed;
    attempt->connector = connector;
    attempt->watch.on_ready = on_attempt_ready;
    call = HH_CONNECT_STREAM;
    if (hh__watch_start(connector->loop, &attempt->watch, fd, HH_READY_WRITE) != HH_OK)
        goto failed;
    connector->under_way++;
    return;

failed:
    os_error = errno;
    if (fd >= 0)
        close(fd);
    fail_attempt(connector, attempt, call, os_error);
}

static void begin_next(hh_connector *connector, const hh_address *address)
{
    hh_attempt *attempt = &connector->attempts[connector->started++];

    attempt->address = *address;
    hh__address_format(address, connector->remote);
    if (connector->started == 1)
        connector->on_begin(connector);
    start_attempt(connector, attempt);
}

static void advance(hh_connector *connector)
{
    hh_address address;
    int64_t until_ns;

    while (!connector->is_over) {
        switch (hh__eyeballs_decide(&connector->eyeballs, hh__loop_now(connector->loop), &address,
                                    &until_ns)) {
        case HH_EYEBALLS_TRY:
            begin_next(connector, &address);
            break;
        case HH_EYEBALLS_WAIT:
            if (until_ns != 0)
                set_timer(connector, until_ns);
            else
                hh__timer_unset(&connector->timer);
            return;
        case HH_EYEBALLS_EXHAUSTED:
            hh__timer_unset(&connector->timer);
            if (connector->under_way == 0)
                end(connector);
            return;
        }
    }
}

static void try_unix(hh_connector *connector)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int os_error;

    if (fd < 0) {
        note_failure(connector, HH_CONNECT_SOCKET, errno);
        end(connector);
        return;
    }
    assert(strlen(connector->unix_path) < sizeof(address.sun_path));
    memcpy(address.sun_path, connector->unix_path, strlen(connector->unix_path) + 1);
    if (connect(fd, (const struct sockaddr *)(const void *)&address, sizeof(address)) == 0) {
        win(connector, fd, HH_SOCKET_UNIX, NULL);
        return;
    }
    os_error = errno;
    close(fd);
    /* unix(7): a full backlog is EAGAIN, and there is nothing to wait for but time. */
    if (os_error == EAGAIN || os_error == EINTR) {
        set_timer(connector, hh__loop_now(connector->loop) + HH_UNIX_RETRY_MS * NS_PER_MS);
        return;
    }
    note_failure(connector, HH_CONNECT_CONNECT, os_error);
    end(connector);
}

static void on_timer(hh_timer *timer)
{
    hh_connector *connector = HH_CONTAINER_OF(timer, hh_connector, timer);

    if (connector->unix_path != NULL)
        try_unix(connector);
    else
        advance(connector);
}

void hh__connector_init(hh_connector *connector, const hh_address *local)
{
    if (local != NULL)
        connector->local = *local;
    hh__eyeballs_init(&connector->eyeballs, connector->local.any.sa_family);
    connector->timer.on_due = on_timer;
}

void hh__connector_add(hh_connector *connector, const hh_address *addresses, size_t count)
{
    if (connector->is_over)
        return;
    hh__eyeballs_add(&connector->eyeballs, addresses, count, hh__loop_now(connector->loop));
    advance(connector);
}

void hh__connector_complete(hh_connector *connector)
{
    if (connector->is_over)
        return;
    hh__eyeballs_complete(&connector->eyeballs);
    advance(connector);
}

void hh__connector_start_unix(hh_connector *connector, const char *path)
{
    connector->unix_path = path;
    snprintf(connector->remote, sizeof(connector->remote), "%s", path);
    memcpy(connector->failed_remote, connector->remote, sizeof(connector->remote));
    connector->on_begin(connector);
    try_unix(connector);
}

/* Sentences. */

#define TRIED_BYTES 40

static void format_tried(const hh_connector *connector, char out[TRIED_BYTES])
{
    out[0] = '\0';
    if (connector->started > 1)
        snprintf(out, TRIED_BYTES, " (last of %u addresses tried)", connector->started);
}

static void describe_untried(const hh_connector *connector, hh_error *error)
{
    int family = connector->local.any.sa_family;

    if (family == AF_UNSPEC)
        hh__fail(error, HH_ERR_CONNECT, HH_PHASE_CONNECT, "no address to connect to");
    else
        hh__fail(error, HH_ERR_CONNECT, HH_PHASE_CONNECT,
                 "no %s address to connect to, as the local address asks for",
                 family == AF_INET6 ? "IPv6" : "IPv4");
}

void hh__connector_describe(const hh_connector *connector, hh_error *error)
{
    const char *kind = connector->unix_path != NULL ? "unix socket " : "";
    const char *remote = connector->failed_remote;
    int os_error = connector->os_error;
    char tried[TRIED_BYTES];
    char local[HH_ADDRESS_TEXT_BYTES];

    format_tried(connector, tried);
    switch (connector->failed_call) {
    case HH_CONNECT_NONE:
        describe_untried(connector, error);
        break;
    case HH_CONNECT_SOCKET:
        hh__fail_os(error, os_error == EAFNOSUPPORT ? HH_ERR_CONNECT : HH_ERR_SYSTEM,
                    HH_PHASE_CONNECT, os_error, "opening a socket to %s%s%s", kind, remote, tried);
        break;
    case HH_CONNECT_BIND:
        hh__address_format(&connector->local, local);
        hh__fail_os(error, HH_ERR_CONNECT, HH_PHASE_CONNECT, os_error, "bind to local address %.*s",
                    (int)(strlen(local) - 2), local);
        break;
    case HH_CONNECT_CONNECT:
        if (os_error == ECONNREFUSED) {
            hh__fail(error, HH_ERR_CONNECT, HH_PHASE_CONNECT, "connect to %s%s refused%s", kind,
                     remote, tried);
            error->os_error = os_error;
        } else {
            hh__fail_os(error, HH_ERR_CONNECT, HH_PHASE_CONNECT, os_error, "connect to %s%s%s",
                        kind, remote, tried);
        }
        break;
    case HH_CONNECT_STREAM:
        hh__fail_os(error, os_error == ENOMEM ? HH_ERR_NO_MEMORY : HH_ERR_SYSTEM, HH_PHASE_CONNECT,
                    os_error, "setting up the connection to %s%s", kind, connector->remote);
        break;
    }
}

void hh__connector_describe_timeout(const hh_connector *connector, int64_t after_ms,
                                    hh_error *error)
{
    const char *kind = connector->unix_path != NULL ? "unix socket " : "";
    char tried[TRIED_BYTES];

    format_tried(connector, tried);
    hh__fail(error, HH_ERR_TIMEOUT_CONNECT, HH_PHASE_CONNECT,
             "connect to %s%s timed out after %lld ms%s", kind, connector->remote,
             (long long)after_ms, tried);
}
