/*
 * stream.h - a connected byte stream: TCP, Unix socket, TLS over another stream. One small vtable,
 * stackable.
 *
 * A stream belongs to one owner, who may change (dial hands it to a connection). It never reads or
 * writes by itself: it reports readiness through on_ready, and the owner calls read and write until
 * WAIT. A call that can't go on arms what it needs to go on (TLS may need to write in order to
 * read), so after WAIT on_ready will be called when it is worth trying again. Source: conventions
 * of net/loop.h; TLS in net/tls_stream.c.
 */
#ifndef HH_NET_STREAM_H
#define HH_NET_STREAM_H

#include <stdbool.h>
#include <sys/uio.h>

#include "net/loop.h"

typedef enum hh_io {
    HH_IO_OK = 0, /* at least one byte moved */
    HH_IO_WAIT,   /* nothing now; on_ready will tell */
    HH_IO_EOF,    /* read: orderly end. TLS: close_notify came */
    HH_IO_ERROR   /* hh__stream_error says what */
} hh_io;

typedef enum hh_close {
    HH_CLOSE_ORDERLY, /* TLS: try to send close_notify, without waiting */
    HH_CLOSE_ABORT    /* just close */
} hh_close;

typedef struct hh_stream hh_stream;

typedef struct hh_stream_ops {
    /* Reads up to `capacity` (> 0) bytes. */
    hh_io (*read)(hh_stream *stream, char *data, size_t capacity, size_t *count);
    /* Writes from `count` (1 to 8) pieces in order; *written may be less than their sum. Never
     * raises SIGPIPE. */
    hh_io (*write)(hh_stream *stream, const struct iovec *pieces, int count, size_t *written);
    /* Which readiness the owner wants to hear of: HH_READY_READ or 0 (paused). Interest in writing
     * comes and goes by itself with WAIT. A stream that holds unread bytes itself reports them
     * without the descriptor. */
    hh_status (*listen)(hh_stream *stream, unsigned interest);
    /* Looks at an idle stream without consuming data: WAIT: alive and silent. OK: unexpected data.
     * EOF, ERROR: dead. TLS reads what isn't data (session tickets). */
    hh_io (*probe)(hh_stream *stream);
    /* Fills `error` with the last failure, in the given phase; the sentence names `peer`. */
    void (*describe)(const hh_stream *stream, hh_phase phase, const char *peer, hh_error *error);
    /* Stops watching, closes the descriptor and what lies below, discards the memory through the
     * loop. In a forked child closes descriptors only. */
    void (*close)(hh_stream *stream, hh_close how);
} hh_stream_ops;

struct hh_stream {
    const hh_stream_ops *ops;
    hh_loop *loop;
    void *owner;
    void (*on_ready)(hh_stream *stream,
                     unsigned ready); /* set by the owner; called in hh__loop_run only */
    bool short_read_is_last; /* a read of less than asked means: nothing more now (plain sockets) */
    bool was_truncated; /* EOF came without the end that the protocol itself has (TLS close_notify)
                         */
};

/* Bytes to be written as an iovec has them: it knows no const, but a write only reads. */
static inline void *hh__iovec_base(const char *data)
{
    union {
        const char *in;
        void *out;
    } pointer = {.in = data};
    return pointer.out;
}
static inline hh_io hh__stream_read(hh_stream *stream, char *data, size_t capacity, size_t *count)
{
    return stream->ops->read(stream, data, capacity, count);
}
static inline hh_io hh__stream_write(hh_stream *stream, const struct iovec *pieces, int count,
                                     size_t *written)
{
    return stream->ops->write(stream, pieces, count, written);
}
static inline hh_status hh__stream_listen(hh_stream *stream, unsigned interest)
{
    return stream->ops->listen(stream, interest);
}
static inline hh_io hh__stream_probe(hh_stream *stream)
{
    return stream->ops->probe(stream);
}
static inline void hh__stream_describe(const hh_stream *stream, hh_phase phase, const char *peer,
                                       hh_error *error)
{
    stream->ops->describe(stream, phase, peer, error);
}
/* NULL is fine. */
static inline void hh__stream_close(hh_stream *stream, hh_close how)
{
    if (stream != NULL)
        stream->ops->close(stream, how);
}

#endif
