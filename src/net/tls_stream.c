/*
 * tls_stream.c - TLS over the stream below, once the handshake is over: reading, writing, closing.
 *
 * Leaves to others: creating and the handshake (tls_handshake.c), sentences (tls_error.c), bytes to
 * and from the stream below (tls_bio.c).
 *
 * Within OPEN each direction ends by itself: read_end and write_end are HH_IO_OK while it goes on.
 *
 * Invariants:
 *  - the stream below listens for reading while the owner does, the handshake runs, or a write
 *    waits for the peer (hh__tls_sync_below);
 *  - bytes OpenSSL holds back cause no readiness of the descriptor, so while the owner listens and
 *    they are there, `redrive` is posted or the owner's read is about to find them;
 *  - a write that had to wait is repeated with the same first blocked_bytes, whatever the pieces
 *    are then: OpenSSL has encrypted them already.
 *  - no OpenSSL call begins with an error in the thread's queue.
 *
 * RFC 8446; RFC 9112 §9.8 for the end without close_notify, which was_truncated reports.
 */
#include "net/tls_stream.h"

#include <assert.h>
#include <errno.h>

#include "base/failure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "net/tls_config.h"

/* --- Results of OpenSSL's calls --------------------------------------------------------------- */

hh_io hh__tls_fail(hh_tls_stream *tls, hh_tls_failure_kind kind)
{
    tls->failure.kind = kind;
    return HH_IO_ERROR;
}

hh_io hh__tls_fail_system(hh_tls_stream *tls)
{
    tls->failure.os_error = errno;
    return hh__tls_fail(tls, HH_TLS_FAILURE_SYSTEM);
}

hh_status hh__tls_sync_below(hh_tls_stream *tls)
{
    bool needs_read = tls->wanted != 0 || tls->state == HH_TLS_SHAKING || tls->write_needs_read;
    return hh__stream_listen(tls->bio.below, needs_read ? HH_READY_READ : 0);
}

hh_io hh__tls_settle(hh_tls_stream *tls, int result, bool *needs_other_way, int other_way)
{
    int reason = SSL_get_error(tls->ssl, result);
    hh_io io = HH_IO_WAIT;
    *needs_other_way = reason == other_way;
    if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE)
        goto done;
    if (reason == SSL_ERROR_ZERO_RETURN) {
        io = HH_IO_EOF;
        goto done;
    }
    tls->failure.packed = 0;
    if (tls->bio.has_failed) {
        io = hh__tls_fail(tls, HH_TLS_FAILURE_BELOW);
    } else if (tls->bio.is_ended && reason == SSL_ERROR_SYSCALL) {
        tls->stream.was_truncated = true;
        io = HH_IO_EOF;
    } else {
        tls->failure.packed = ERR_peek_error();
        io = hh__tls_fail(tls, tls->failure.verify != X509_V_OK ? HH_TLS_FAILURE_CERTIFICATE
                                                                : HH_TLS_FAILURE_PROTOCOL);
    }
done:
    ERR_clear_error();
    return io;
}

/* --- Readiness -------------------------------------------------------------------------------- */

static void report(hh_tls_stream *tls, unsigned ready)
{
    if (tls->stream.on_ready != NULL)
        tls->stream.on_ready(&tls->stream, ready);
}

static bool has_unread(const hh_tls_stream *tls)
{
    return tls->read_end != HH_IO_OK || SSL_has_pending(tls->ssl) == 1;
}

void hh__tls_redrive_if_unread(hh_tls_stream *tls)
{
    if (tls->wanted != 0 && has_unread(tls))
        hh__task_post(tls->stream.loop, &tls->redrive);
}

void hh__tls_run_redrive(hh_task *task)
{
    hh_tls_stream *tls = HH_CONTAINER_OF(task, hh_tls_stream, redrive);
    report(tls, HH_READY_READ);
}

void hh__tls_on_below_ready(hh_stream *below, unsigned ready)
{
    hh_tls_stream *tls = below->owner;
    unsigned told = ready;
    if ((ready & (HH_READY_READ | HH_READY_ERROR)) != 0)
        tls->bio.is_drained = false;
    if ((ready & HH_READY_READ) != 0 && tls->write_needs_read)
        told |= HH_READY_WRITE;
    if ((ready & HH_READY_WRITE) != 0 && tls->read_needs_write)
        told |= HH_READY_READ;
    if (tls->wanted == 0 && tls->state != HH_TLS_SHAKING && !tls->read_needs_write)
        told &= ~(unsigned)HH_READY_READ;
    if (told != 0)
        report(tls, told);
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* A read or probe that can't go on: arms what it waits for, or keeps the end. */
static hh_io stop_reading(hh_tls_stream *tls, int result)
{
    hh_io io = hh__tls_settle(tls, result, &tls->read_needs_write, SSL_ERROR_WANT_WRITE);
    if (io != HH_IO_WAIT)
        tls->read_end = io;
    return io;
}

static hh_io read_tls(hh_stream *stream, char *data, size_t capacity, size_t *count)
{
    hh_tls_stream *tls = hh__tls_of(stream);
    hh_io io = tls->state == HH_TLS_OPEN ? tls->read_end : HH_IO_ERROR;
    size_t got = 0;
    assert(capacity > 0);
    while (io == HH_IO_OK && got < capacity) {
        size_t piece = 0;
        hh__tls_prepare(tls);
        int result = SSL_read_ex(tls->ssl, data + got, capacity - got, &piece);
        if (result == 1)
            got += piece;
        else
            io = stop_reading(tls, result);
    }
    hh__task_cancel(&tls->redrive);
    if (io == HH_IO_WAIT) {
        tls->wanted = HH_READY_READ;
        if (hh__tls_sync_below(tls) != HH_OK)
            io = tls->read_end = hh__tls_fail_system(tls);
    }
    if (got == 0)
        return io;
    /* No descriptor will tell of what OpenSSL holds, nor of the end it has seen. */
    if (io != HH_IO_WAIT)
        hh__tls_redrive_if_unread(tls);
    *count = got;
    return HH_IO_OK;
}

static hh_status listen_tls(hh_stream *stream, unsigned interest)
{
    hh_tls_stream *tls = hh__tls_of(stream);
    tls->wanted = interest & HH_READY_READ;
    if (tls->state == HH_TLS_OPEN) {
        if (tls->wanted != 0)
            hh__tls_redrive_if_unread(tls);
        else
            hh__task_cancel(&tls->redrive);
    }
    return hh__tls_sync_below(tls);
}

static hh_io probe_tls(hh_stream *stream)
{
    hh_tls_stream *tls = hh__tls_of(stream);
    char byte;
    size_t count = 0;
    if (tls->state != HH_TLS_OPEN)
        return HH_IO_ERROR;
    if (tls->read_end != HH_IO_OK)
        return tls->read_end;
    hh_io io = HH_IO_WAIT;
    /* A ticket may have come in one piece and the end, or data, behind it. */
    for (int i = 0; io == HH_IO_WAIT && i < HH_TLS_PROBE_READS_MAX; i++) {
        if (i > 0 && !tls->bio.is_drained)
            break;
        tls->bio.is_drained = false;
        hh__tls_prepare(tls);
        int result = SSL_peek_ex(tls->ssl, &byte, 1, &count);
        if (result == 1)
            return HH_IO_OK;
        io = stop_reading(tls, result);
    }
    /* Looking must not wake a stream its owner has put to rest. */
    if (io == HH_IO_WAIT && hh__tls_sync_below(tls) != HH_OK)
        io = tls->read_end = hh__tls_fail_system(tls);
    return io;
}

/* --- Writing ---------------------------------------------------------------------------------- */

/* How far a write has come in its pieces. */
typedef struct cursor {
    const struct iovec *pieces;
    int count;
    size_t offset; /* in the first piece */
} cursor;

static void advance(cursor *at, size_t bytes)
{
    while (at->count > 0 && bytes >= at->pieces->iov_len - at->offset) {
        bytes -= at->pieces->iov_len - at->offset;
        at->pieces++;
        at->count--;
        at->offset = 0;
    }
    at->offset += bytes;
}

/* The next record's bytes, at most `wanted`: in place when the first piece has so many or nothing
 * follows it, else gathered in `room`. */
static hh_slice next_record(cursor at, size_t wanted, char *room)
{
    const char *first = (const char *)at.pieces->iov_base + at.offset;
    size_t length = at.pieces->iov_len - at.offset;
    if (length >= wanted || at.count == 1)
        return (hh_slice){first, length < wanted ? length : wanted};
    size_t used = 0;
    while (at.count > 0 && used < wanted) {
        size_t take = at.pieces->iov_len - at.offset;
        if (take > wanted - used)
            take = wanted - used;
        if (take > 0)
            memcpy(room + used, (const char *)at.pieces->iov_base + at.offset, take);
        used += take;
        advance(&at, take);
    }
    return (hh_slice){room, used};
}

/* A server that refuses says why in an alert and closes; the write then fails first, while the
 * alert still waits to be read. */
static hh_io fail_writing(hh_tls_stream *tls)
{
    char byte;
    size_t count = 0;
    tls->write_end = HH_IO_ERROR;
    if (tls->failure.kind != HH_TLS_FAILURE_BELOW || tls->read_end != HH_IO_OK)
        return HH_IO_ERROR;
    hh__tls_prepare(tls);
    tls->bio.is_drained = false;
    int result = SSL_peek_ex(tls->ssl, &byte, 1, &count);
    if (result != 1 && SSL_get_error(tls->ssl, result) == SSL_ERROR_SSL && !tls->bio.has_failed)
        (void)stop_reading(tls, result);
    ERR_clear_error();
    return HH_IO_ERROR;
}

static hh_io write_tls(hh_stream *stream, const struct iovec *pieces, int count, size_t *written)
{
    hh_tls_stream *tls = hh__tls_of(stream);
    char room[HH_TLS_RECORD_BYTES];
    cursor at = {pieces, count, 0};
    size_t total = 0;
    hh_io io = tls->state == HH_TLS_OPEN ? tls->write_end : HH_IO_ERROR;
    assert(count >= 1 && count <= 8);
    advance(&at, 0);
    while (io == HH_IO_OK && at.count > 0) {
        size_t sent = 0;
        size_t wanted = tls->blocked_bytes != 0 ? tls->blocked_bytes : HH_TLS_RECORD_BYTES;
        hh_slice record = next_record(at, wanted, room);
        assert(tls->blocked_bytes == 0 || record.length == tls->blocked_bytes);
        hh__tls_prepare(tls);
        int result = SSL_write_ex(tls->ssl, record.data, record.length, &sent);
        if (result == 1) {
            tls->blocked_bytes = 0;
            tls->write_needs_read = false;
            total += sent;
            advance(&at, sent);
            continue;
        }
        io = hh__tls_settle(tls, result, &tls->write_needs_read, SSL_ERROR_WANT_READ);
        if (io == HH_IO_WAIT)
            tls->blocked_bytes = (uint16_t)record.length;
        else
            io = fail_writing(tls);
    }
    if (tls->write_needs_read && io == HH_IO_WAIT && hh__tls_sync_below(tls) != HH_OK)
        io = tls->write_end = hh__tls_fail_system(tls);
    if (total == 0 && io != HH_IO_OK)
        return io;
    *written = total;
    return HH_IO_OK;
}

/* --- Describing and closing ------------------------------------------------------------------- */

static void describe_tls(const hh_stream *stream, hh_phase phase, const char *peer, hh_error *error)
{
    const hh_tls_stream *tls = hh__const_tls_of(stream);
    const hh_tls_peer who = {.name = tls->name,
                             .label = peer,
                             .is_address = tls->is_address,
                             .is_established = tls->state == HH_TLS_OPEN};
    if (tls->failure.kind != HH_TLS_FAILURE_BELOW) {
        hh__tls_failure_describe(&tls->failure, &who, phase, error);
        return;
    }
    hh__stream_describe(tls->bio.below, phase, peer, error);
    if (tls->state == HH_TLS_BROKEN && error->os_error != 0)
        (void)hh__fail_os(error, HH_ERR_TLS, phase, error->os_error, "handshake with %s failed",
                          peer);
}

void hh__tls_release(hh_tls_stream *tls)
{
    SSL_free(tls->ssl);
    tls->ssl = NULL;
    hh__tls_sessions_unref(tls->sessions);
    tls->sessions = NULL;
    hh__tls_failure_finish(&tls->failure);
    hh__tls_config_unref(tls->config);
    tls->config = NULL;
}

static void destroy_tls(hh_discard *discard)
{
    hh__free(HH_CONTAINER_OF(discard, hh_tls_stream, discard));
}

static void close_tls(hh_stream *stream, hh_close how)
{
    hh_tls_stream *tls = hh__tls_of(stream);
    hh_stream *below = tls->bio.below;
    assert(!tls->is_closed);
    tls->is_closed = true;
    hh__task_cancel(&tls->redrive);
    if (!hh__loop_is_forked(stream->loop)) {
        bool can_say = tls->state == HH_TLS_OPEN && tls->write_end == HH_IO_OK &&
                       tls->read_end != HH_IO_ERROR && tls->blocked_bytes == 0;
        hh__tls_prepare(tls);
        if (how == HH_CLOSE_ORDERLY && can_say)
            (void)SSL_shutdown(tls->ssl);
        /* Else freeing would make the last ticket unusable, which is in the store by now. A session
         * that met a protocol error is not to be resumed. */
        if (tls->failure.kind != HH_TLS_FAILURE_PROTOCOL &&
            tls->failure.kind != HH_TLS_FAILURE_CERTIFICATE)
            SSL_set_shutdown(tls->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
    hh__tls_release(tls);
    ERR_clear_error();
    hh__stream_close(below, how);
    hh__loop_discard(stream->loop, &tls->discard, destroy_tls);
}

const hh_stream_ops hh__tls_stream_ops = {
    .read = read_tls,
    .write = write_tls,
    .listen = listen_tls,
    .probe = probe_tls,
    .describe = describe_tls,
    .close = close_tls,
};
