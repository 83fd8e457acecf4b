/*
 * fake_stream.h - a byte stream in memory, driven by a test: what comes in, in which pieces, what
 * goes out, how much of it at a time, and where either direction breaks.
 *
 * It lives in the test's memory, so its record outlives the close. Readiness is reported from a
 * task in hh__loop_run, level-triggered as a socket's: while there is something to read and the
 * owner listens. It aborts when its owner breaks a stream's rules: use after close, room for
 * nothing, or another write than the one that had to wait (a TLS stream holds that one's record).
 */
#ifndef TESTS_SUPPORT_FAKE_STREAM_H
#define TESTS_SUPPORT_FAKE_STREAM_H

#include "net/stream.h"

typedef enum fake_kind {
    FAKE_PLAIN = 0, /* a short read means: nothing more now */
    FAKE_RECORDS    /* it means nothing */
} fake_kind;

typedef enum fake_end {
    FAKE_OPEN = 0,
    FAKE_EOF,
    FAKE_TRUNCATED, /* EOF without the protocol's own end */
    FAKE_ERROR
} fake_end;

typedef struct fake_piece {
    struct fake_piece *next;
    size_t length;
    size_t taken;
    char data[];
} fake_piece;

typedef struct fake_stream {
    hh_stream stream;
    hh_task task;
    fake_piece *pieces;
    fake_piece **last_piece;
    fake_end end; /* behind the last piece */
    char *out;    /* all that was written; not ended by NUL */
    size_t out_length;
    size_t out_capacity;
    size_t write_step;      /* of one write, which then waits for a run; 0: no bound */
    size_t write_room;      /* until writes wait for fake_stream_allow; SIZE_MAX at first */
    size_t write_breaks;    /* bytes until writes fail; SIZE_MAX at first */
    hh_status listen_fails; /* what listen says; HH_OK at first */
    char *held;             /* begin of the write that had to wait */
    size_t held_length;
    bool is_blocked;
    bool has_write_failed;
    bool is_closed;
    hh_close how; /* as closed */
    unsigned interest;
    unsigned reads; /* calls */
    unsigned writes;
    unsigned listens;
    unsigned probes;
} fake_stream;

void fake_stream_init(fake_stream *fake, hh_loop *loop, fake_kind kind);
/* Frees what it holds; the owner must have closed it. */
void fake_stream_finish(fake_stream *fake);

/* One more piece: a read returns bytes of one only. `length` 0 adds none. */
void fake_stream_feed(fake_stream *fake, const char *data, size_t length);
void fake_stream_end(fake_stream *fake, fake_end end);
/* So many more bytes may be written. */
void fake_stream_allow(fake_stream *fake, size_t bytes);
/* Reports WRITE in the next run, needed or not. */
void fake_stream_wake(fake_stream *fake);

#endif
