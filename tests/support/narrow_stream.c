/*
 * narrow_stream.c - see narrow_stream.h.
 */
#include "support/narrow_stream.h"

#include <errno.h>
#include <stdlib.h>

#include "base/failure.h"
#include "base/memory.h"

static narrow_stream *narrow_of(hh_stream *stream)
{
    return HH_CONTAINER_OF(stream, narrow_stream, stream);
}

static hh_io read_narrow(hh_stream *stream, char *data, size_t capacity, size_t *count)
{
    narrow_stream *narrow = narrow_of(stream);
    size_t wanted =
        narrow->read_max != 0 && capacity > narrow->read_max ? narrow->read_max : capacity;
    narrow->reads++;
    if (narrow->read_fails_after == 0)
        return HH_IO_ERROR;
    if (narrow->read_ends_after == 0)
        return HH_IO_EOF;
    if (wanted > narrow->read_ends_after)
        wanted = narrow->read_ends_after;
    if (wanted > narrow->read_fails_after)
        wanted = narrow->read_fails_after;
    hh_io io = hh__stream_read(narrow->below, data, wanted, count);
    if (io == HH_IO_OK && narrow->read_fails_after != SIZE_MAX)
        narrow->read_fails_after -= *count;
    if (io == HH_IO_OK && narrow->read_ends_after != SIZE_MAX)
        narrow->read_ends_after -= *count;
    if (io == HH_IO_OK && narrow->damage_after != SIZE_MAX) {
        if (narrow->damage_after < *count) {
            data[narrow->damage_after] ^= 1;
            narrow->damage_after = SIZE_MAX;
        } else {
            narrow->damage_after -= *count;
        }
    }
    return io;
}

static hh_io write_narrow(hh_stream *stream, const struct iovec *pieces, int count, size_t *written)
{
    narrow_stream *narrow = narrow_of(stream);
    struct iovec piece = pieces[0];
    (void)count;
    narrow->writes++;
    if (narrow->write_fails_after == 0)
        return HH_IO_ERROR;
    if (narrow->write_allowance == 0)
        return HH_IO_WAIT;
    if (narrow->write_max != 0 && piece.iov_len > narrow->write_max)
        piece.iov_len = narrow->write_max;
    if (piece.iov_len > narrow->write_allowance)
        piece.iov_len = narrow->write_allowance;
    if (piece.iov_len > narrow->write_fails_after)
        piece.iov_len = narrow->write_fails_after;
    hh_io io = hh__stream_write(narrow->below, &piece, 1, written);
    if (io == HH_IO_OK && narrow->write_allowance != SIZE_MAX)
        narrow->write_allowance -= *written;
    if (io == HH_IO_OK && narrow->write_fails_after != SIZE_MAX)
        narrow->write_fails_after -= *written;
    return io;
}

static hh_status listen_narrow(hh_stream *stream, unsigned interest)
{
    narrow_of(stream)->interest = interest;
    return hh__stream_listen(narrow_of(stream)->below, interest);
}

static hh_io probe_narrow(hh_stream *stream)
{
    return hh__stream_probe(narrow_of(stream)->below);
}

static void describe_narrow(const hh_stream *stream, hh_phase phase, const char *peer,
                            hh_error *error)
{
    (void)stream;
    (void)hh__fail_os(error, HH_ERR_RECEIVE, phase, EIO, "narrow stream to %s failed", peer);
}

static void destroy_narrow(hh_discard *discard)
{
    free(HH_CONTAINER_OF(discard, narrow_stream, discard));
}

static void close_narrow(hh_stream *stream, hh_close how)
{
    narrow_stream *narrow = narrow_of(stream);
    narrow->is_closed = true;
    hh__task_cancel(&narrow->wake);
    hh__stream_close(narrow->below, how);
    hh__loop_discard(stream->loop, &narrow->discard, destroy_narrow);
}

static void on_below_ready(hh_stream *below, unsigned ready)
{
    narrow_stream *narrow = below->owner;
    if (narrow->stream.on_ready != NULL)
        narrow->stream.on_ready(&narrow->stream, ready);
}

static void run_wake(hh_task *task)
{
    narrow_stream *narrow = HH_CONTAINER_OF(task, narrow_stream, wake);
    if (narrow->stream.on_ready != NULL)
        narrow->stream.on_ready(&narrow->stream, HH_READY_WRITE);
}

narrow_stream *narrow_stream_create(hh_stream *below)
{
    static const hh_stream_ops ops = {
        .read = read_narrow,
        .write = write_narrow,
        .listen = listen_narrow,
        .probe = probe_narrow,
        .describe = describe_narrow,
        .close = close_narrow,
    };
    narrow_stream *narrow = calloc(1, sizeof(*narrow));
    if (narrow == NULL)
        abort();
    narrow->stream.ops = &ops;
    narrow->stream.loop = below->loop;
    narrow->below = below;
    narrow->wake.run = run_wake;
    narrow->write_allowance = SIZE_MAX;
    narrow->read_fails_after = SIZE_MAX;
    narrow->write_fails_after = SIZE_MAX;
    narrow->damage_after = SIZE_MAX;
    narrow->read_ends_after = SIZE_MAX;
    below->owner = narrow;
    below->on_ready = on_below_ready;
    return narrow;
}

void narrow_stream_allow(narrow_stream *narrow, size_t bytes)
{
    narrow->write_allowance += bytes;
    hh__task_post(narrow->stream.loop, &narrow->wake);
}
