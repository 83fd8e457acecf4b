/*
 * narrow_stream.h - a stream over another one that moves few bytes at a time, stops, and fails, as
 * a test says. Counts what passes.
 */
#ifndef TESTS_SUPPORT_NARROW_STREAM_H
#define TESTS_SUPPORT_NARROW_STREAM_H

#include "net/stream.h"

typedef struct narrow_stream {
    hh_stream stream;
    hh_stream *below;
    hh_task wake;
    hh_discard discard;
    size_t read_max;         /* of one call; 0: no bound */
    size_t write_max;        /* of one call; 0: no bound */
    size_t write_allowance;  /* bytes until writes wait; SIZE_MAX at first */
    size_t read_fails_after; /* bytes until reads fail with EIO; SIZE_MAX at first */
    size_t write_fails_after;
    size_t read_ends_after; /* bytes until reads say HH_IO_EOF; SIZE_MAX at first */
    size_t damage_after;    /* bytes read until one is flipped; SIZE_MAX at first */
    unsigned reads;         /* calls */
    unsigned writes;
    unsigned interest; /* as last listened for */
    bool is_closed;    /* its memory goes with the loop's next run */
} narrow_stream;

/* Over `below`, which it owns. Aborts without memory. */
narrow_stream *narrow_stream_create(hh_stream *below);
/* Allows so many more bytes to be written and reports WRITE in the next run. */
void narrow_stream_allow(narrow_stream *narrow, size_t bytes);

#endif
