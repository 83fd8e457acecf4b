/*
 * socket_stream.c - recv and send on a socket, as a stream (socket_stream.h).
 *
 * Writing: is_blocked is set when the kernel took less than it was given, and the watch then waits
 * for WRITE. While it is set, a write returns WAIT without asking the kernel again. A report of
 * WRITE clears it; when the owner's write then goes through in full, or nothing was left to write,
 * the interest in WRITE is given up, so an idle stream never spins.
 *
 * Invariants: interest of the watch is listening, plus WRITE while is_blocked or until the next
 * report; after close nothing of the owner is called.
 */
#include "net/socket_stream.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/failure.h"
#include "base/limits.h"
#include "base/memory.h"

#define PIECES_MAX 8

typedef enum last_call { CALL_NONE, CALL_READ, CALL_WRITE } last_call;

typedef struct socket_stream {
    hh_stream stream;
    hh_watch watch;
    unsigned listening; /* what the owner asked for */
    bool is_blocked;
    bool is_closed;
    last_call failed_call; /* which call failed with os_error */
    int os_error;
    hh_discard discard;
} socket_stream;

static socket_stream *socket_of(hh_stream *stream)
{
    return HH_CONTAINER_OF(stream, socket_stream, stream);
}

static hh_io fail(socket_stream *socket, last_call call, int os_error)
{
    socket->failed_call = call;
    socket->os_error = os_error;
    return HH_IO_ERROR;
}

static hh_status rearm(socket_stream *socket)
{
    return hh__watch_set(socket->stream.loop, &socket->watch,
                         socket->listening | (socket->is_blocked ? HH_READY_WRITE : 0));
}

static hh_io read_socket(hh_stream *stream, char *data, size_t capacity, size_t *count)
{
    socket_stream *socket = socket_of(stream);
    ssize_t got;

    assert(capacity > 0);
    do {
        got = recv(socket->watch.fd, data, capacity, 0);
    } while (got < 0 && errno == EINTR);
    if (got > 0) {
        *count = (size_t)got;
        return HH_IO_OK;
    }
    if (got == 0)
        return HH_IO_EOF;
    if (errno != EAGAIN && errno != EWOULDBLOCK)
        return fail(socket, CALL_READ, errno);
    if ((socket->listening & HH_READY_READ) == 0) {
        socket->listening |= HH_READY_READ;
        if (rearm(socket) != HH_OK)
            return fail(socket, CALL_READ, errno);
    }
    return HH_IO_WAIT;
}

static ssize_t send_pieces(int fd, const struct iovec *pieces, int count)
{
    struct iovec copy[PIECES_MAX]; /* sendmsg wants them writable */
    struct msghdr message = {.msg_iov = copy, .msg_iovlen = (size_t)count};

    if (count == 1)
        return send(fd, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL);
    memcpy(copy, pieces, (size_t)count * sizeof(copy[0]));
    return sendmsg(fd, &message, MSG_NOSIGNAL);
}

static hh_io write_socket(hh_stream *stream, const struct iovec *pieces, int count, size_t *written)
{
    socket_stream *socket = socket_of(stream);
    size_t wanted = 0;
    ssize_t sent;

    assert(count >= 1 && count <= PIECES_MAX);
    if (socket->is_blocked)
        return HH_IO_WAIT;
    for (int i = 0; i < count; i++)
        wanted += pieces[i].iov_len;
    do {
        sent = send_pieces(socket->watch.fd, pieces, count);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
        return fail(socket, CALL_WRITE, errno);
    if (sent < 0 || (size_t)sent < wanted) {
        socket->is_blocked = true;
        if (rearm(socket) != HH_OK)
            return fail(socket, CALL_WRITE, errno);
    }
    if (sent < 0)
        return HH_IO_WAIT;
    *written = (size_t)sent;
    return HH_IO_OK;
}

static hh_status listen_socket(hh_stream *stream, unsigned interest)
{
    socket_stream *socket = socket_of(stream);
    unsigned waiting = socket->watch.interest & HH_READY_WRITE;

    socket->listening = interest & HH_READY_READ;
    return hh__watch_set(stream->loop, &socket->watch, socket->listening | waiting);
}

static hh_io probe_socket(hh_stream *stream)
{
    socket_stream *socket = socket_of(stream);
    char byte;
    ssize_t got;

    do {
        got = recv(socket->watch.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    if (got > 0)
        return HH_IO_OK;
    if (got == 0)
        return HH_IO_EOF;
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return HH_IO_WAIT;
    return fail(socket, CALL_READ, errno);
}

static void describe_socket(const hh_stream *stream, hh_phase phase, const char *peer,
                            hh_error *error)
{
    const socket_stream *socket =
        (const socket_stream *)(const void *)((const char *)stream -
                                              offsetof(socket_stream, stream));

    switch (socket->failed_call) {
    case CALL_NONE:
        hh__fail(error, HH_ERR_RECEIVE, phase, "%s closed the connection", peer);
        break;
    case CALL_READ:
        hh__fail_os(error, HH_ERR_RECEIVE, phase, socket->os_error, "receiving from %s failed",
                    peer);
        break;
    case CALL_WRITE:
        hh__fail_os(error, HH_ERR_SEND, phase, socket->os_error, "sending to %s failed", peer);
        break;
    }
}

static void destroy_socket(hh_discard *discard)
{
    hh__free(HH_CONTAINER_OF(discard, socket_stream, discard));
}

static void close_socket(hh_stream *stream, hh_close how)
{
    socket_stream *socket = socket_of(stream);

    (void)how; /* the kernel sends what it has taken either way */
    assert(!socket->is_closed);
    socket->is_closed = true;
    hh__watch_stop(stream->loop, &socket->watch);
    close(socket->watch.fd);
    hh__loop_discard(stream->loop, &socket->discard, destroy_socket);
}

static void on_socket_ready(hh_watch *watch, unsigned ready)
{
    socket_stream *socket = HH_CONTAINER_OF(watch, socket_stream, watch);
    hh_stream *stream = &socket->stream;
    unsigned wanted = watch->interest;

    /* A hang-up reads as both; the owner hears only of what it waits for. */
    if ((ready & wanted) == 0)
        return;
    ready &= wanted | HH_READY_ERROR;
    if ((ready & HH_READY_WRITE) != 0)
        socket->is_blocked = false;
    if (stream->on_ready != NULL)
        stream->on_ready(stream, ready);
    if ((ready & HH_READY_WRITE) == 0 || socket->is_closed || socket->is_blocked)
        return;
    if (rearm(socket) != HH_OK)
        fail(socket, CALL_WRITE,
             errno); /* can't happen but by a full kernel; the next write says */
}

static const hh_stream_ops socket_ops = {
    .read = read_socket,
    .write = write_socket,
    .listen = listen_socket,
    .probe = probe_socket,
    .describe = describe_socket,
    .close = close_socket,
};

/* Tuning only: a socket without it works too, so failures are passed over. */
static void tune(int fd)
{
    const int on = 1;
    const int idle_s = HH_TCP_KEEPALIVE_IDLE_S;
    const int interval_s = HH_TCP_KEEPALIVE_INTERVAL_S;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s));
}

hh_status hh__socket_stream_create(hh_loop *loop, int fd, hh_socket_kind kind, hh_watch *watch,
                                   hh_stream **out)
{
    socket_stream *socket = hh__calloc(1, sizeof(*socket));
    hh_status status;

    if (socket == NULL)
        return HH_ERR_NO_MEMORY;
    socket->stream.ops = &socket_ops;
    socket->stream.loop = loop;
    socket->stream.short_read_is_last = true;
    socket->watch.on_ready = on_socket_ready;
    socket->listening = HH_READY_READ;
    status = watch != NULL ? hh__watch_move(loop, watch, &socket->watch, HH_READY_READ)
                           : hh__watch_start(loop, &socket->watch, fd, HH_READY_READ);
    if (status != HH_OK) {
        hh__free(socket);
        return status;
    }
    if (kind == HH_SOCKET_TCP)
        tune(fd);
    *out = &socket->stream;
    return HH_OK;
}
