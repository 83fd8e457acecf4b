/*
 * fake_stream.c - see fake_stream.h.
 */
#include "support/fake_stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/failure.h"
#include "base/memory.h"

#define HELD_MAX 16384
#define OUT_FIRST_BYTES 4096

static void rule(bool is_kept, const char *what)
{
    if (is_kept)
        return;
    fprintf(stderr, "fake_stream: %s\n", what);
    abort();
}

static fake_stream *fake_of(hh_stream *stream)
{
    fake_stream *fake = HH_CONTAINER_OF(stream, fake_stream, stream);
    rule(!fake->is_closed, "used after close");
    return fake;
}

static bool is_readable(const fake_stream *fake)
{
    return fake->pieces != NULL || fake->end != FAKE_OPEN;
}

static void post_if_readable(fake_stream *fake)
{
    if (!fake->is_closed && is_readable(fake) && (fake->interest & HH_READY_READ) != 0)
        hh__task_post(fake->stream.loop, &fake->task);
}

static void run_task(hh_task *task)
{
    fake_stream *fake = HH_CONTAINER_OF(task, fake_stream, task);
    unsigned ready = 0;
    if (is_readable(fake) && (fake->interest & HH_READY_READ) != 0)
        ready |= HH_READY_READ;
    if (fake->end == FAKE_ERROR && fake->pieces == NULL)
        ready |= HH_READY_ERROR | HH_READY_WRITE;
    if (fake->is_blocked && fake->write_room > 0) {
        fake->is_blocked = false;
        ready |= HH_READY_WRITE;
    }
    if (ready != 0 && fake->stream.on_ready != NULL)
        fake->stream.on_ready(&fake->stream, ready);
    post_if_readable(fake);
}

static hh_io read_fake(hh_stream *stream, char *data, size_t capacity, size_t *count)
{
    fake_stream *fake = fake_of(stream);
    fake_piece *piece = fake->pieces;
    rule(capacity > 0, "a read without room");
    fake->reads++;
    if (piece == NULL) {
        stream->was_truncated = fake->end == FAKE_TRUNCATED;
        if (fake->end == FAKE_OPEN)
            return HH_IO_WAIT;
        return fake->end == FAKE_ERROR ? HH_IO_ERROR : HH_IO_EOF;
    }
    size_t left = piece->length - piece->taken;
    *count = left < capacity ? left : capacity;
    memcpy(data, piece->data + piece->taken, *count);
    piece->taken += *count;
    if (piece->taken == piece->length) {
        fake->pieces = piece->next;
        if (fake->pieces == NULL)
            fake->last_piece = &fake->pieces;
        free(piece);
    }
    return HH_IO_OK;
}

static size_t lesser(size_t a, size_t b)
{
    return a < b ? a : b;
}

typedef struct run {
    const struct iovec *pieces;
    int count;
    size_t skip; /* bytes at the front that are left out */
} run;

/* The first bytes of the run, at most `max`; returns how many. */
static size_t copy_run(run from, char *to, size_t max)
{
    size_t used = 0;
    for (int i = 0; i < from.count && used < max; i++) {
        const struct iovec *piece = &from.pieces[i];
        size_t skip = lesser(piece->iov_len, from.skip);
        size_t length = lesser(piece->iov_len - skip, max - used);
        if (length != 0)
            memcpy(to + used, (const char *)piece->iov_base + skip, length);
        from.skip -= skip;
        used += length;
    }
    return used;
}

static bool is_as_held(const fake_stream *fake, const struct iovec *pieces, int count)
{
    char start[HELD_MAX];
    size_t length = copy_run((run){pieces, count, 0}, start, fake->held_length);
    return length == fake->held_length && memcmp(start, fake->held, length) == 0;
}

static void make_room(fake_stream *fake, size_t more)
{
    if (fake->out_length + more < fake->out_capacity)
        return;
    fake->out_capacity = (fake->out_length + more) * 2;
    fake->out = realloc(fake->out, fake->out_capacity);
    rule(fake->out != NULL, "out of memory");
}

static hh_io write_fake(hh_stream *stream, const struct iovec *pieces, int count, size_t *written)
{
    fake_stream *fake = fake_of(stream);
    rule(count >= 1 && count <= 8, "a write of no or too many pieces");
    rule(!fake->has_write_failed, "a write after one that failed");
    fake->writes++;
    size_t length = 0;
    for (int i = 0; i < count; i++)
        length += pieces[i].iov_len;
    rule(length > 0, "a write of nothing");
    rule(is_as_held(fake, pieces, count), "another write than the one that had to wait");
    if (fake->write_breaks == 0) {
        fake->has_write_failed = true;
        return HH_IO_ERROR;
    }
    if (fake->is_blocked || fake->write_room == 0) {
        fake->held_length = copy_run((run){pieces, count, 0}, fake->held, HELD_MAX);
        fake->is_blocked = true;
        return HH_IO_WAIT;
    }
    size_t taken = lesser(lesser(length, fake->write_room), fake->write_breaks);
    if (fake->write_step != 0 && taken >= fake->write_step) {
        taken = fake->write_step;
        fake->is_blocked = true;
        hh__task_post(stream->loop, &fake->task);
    }
    if (fake->write_room != SIZE_MAX)
        fake->write_room -= taken;
    if (fake->write_breaks != SIZE_MAX)
        fake->write_breaks -= taken;
    make_room(fake, taken);
    fake->out_length += copy_run((run){pieces, count, 0}, fake->out + fake->out_length, taken);
    fake->held_length = copy_run((run){pieces, count, taken}, fake->held, HELD_MAX);
    *written = taken;
    return HH_IO_OK;
}

static hh_status listen_fake(hh_stream *stream, unsigned interest)
{
    fake_stream *fake = fake_of(stream);
    fake->listens++;
    if (fake->listen_fails != HH_OK)
        return fake->listen_fails;
    fake->interest = interest;
    post_if_readable(fake);
    return HH_OK;
}

static hh_io probe_fake(hh_stream *stream)
{
    fake_stream *fake = fake_of(stream);
    fake->probes++;
    if (fake->pieces != NULL)
        return HH_IO_OK;
    if (fake->end == FAKE_OPEN)
        return HH_IO_WAIT;
    return fake->end == FAKE_ERROR ? HH_IO_ERROR : HH_IO_EOF;
}

static void describe_fake(const hh_stream *stream, hh_phase phase, const char *peer,
                          hh_error *error)
{
    const fake_stream *fake =
        (const fake_stream *)(const void *)((const char *)stream - offsetof(fake_stream, stream));
    if (fake->has_write_failed)
        (void)hh__fail_os(error, HH_ERR_SEND, phase, EPIPE, "sending to %s failed", peer);
    else
        (void)hh__fail_os(error, HH_ERR_RECEIVE, phase, ECONNRESET, "receiving from %s failed",
                          peer);
}

static void close_fake(hh_stream *stream, hh_close how)
{
    fake_stream *fake = fake_of(stream);
    fake->is_closed = true;
    fake->how = how;
    hh__task_cancel(&fake->task);
}

void fake_stream_init(fake_stream *fake, hh_loop *loop, fake_kind kind)
{
    static const hh_stream_ops ops = {
        .read = read_fake,
        .write = write_fake,
        .listen = listen_fake,
        .probe = probe_fake,
        .describe = describe_fake,
        .close = close_fake,
    };
    memset(fake, 0, sizeof *fake);
    fake->stream.ops = &ops;
    fake->stream.loop = loop;
    fake->stream.short_read_is_last = kind == FAKE_PLAIN;
    fake->task.run = run_task;
    fake->last_piece = &fake->pieces;
    fake->write_room = fake->write_breaks = SIZE_MAX;
    /* Here, so that a test that fails allocations meets none of ours later on. */
    make_room(fake, OUT_FIRST_BYTES);
    fake->held = malloc(HELD_MAX);
    rule(fake->held != NULL, "out of memory");
}

void fake_stream_finish(fake_stream *fake)
{
    rule(fake->is_closed, "never closed");
    while (fake->pieces != NULL) {
        fake_piece *piece = fake->pieces;
        fake->pieces = piece->next;
        free(piece);
    }
    free(fake->out);
    free(fake->held);
}

void fake_stream_feed(fake_stream *fake, const char *data, size_t length)
{
    if (length == 0)
        return;
    fake_piece *piece = malloc(sizeof *piece + length);
    rule(piece != NULL, "out of memory");
    piece->next = NULL;
    piece->length = length;
    piece->taken = 0;
    memcpy(piece->data, data, length);
    *fake->last_piece = piece;
    fake->last_piece = &piece->next;
    post_if_readable(fake);
}

void fake_stream_end(fake_stream *fake, fake_end end)
{
    fake->end = end;
    post_if_readable(fake);
}

void fake_stream_allow(fake_stream *fake, size_t bytes)
{
    fake->write_room = bytes > SIZE_MAX - fake->write_room ? SIZE_MAX : fake->write_room + bytes;
    fake_stream_wake(fake);
}

void fake_stream_wake(fake_stream *fake)
{
    if (fake->is_closed)
        return;
    hh__task_post(fake->stream.loop, &fake->task);
}
