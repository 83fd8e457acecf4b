/*
 * socket_stream.h - a stream (stream.h) over a connected TCP or Unix socket.
 *
 * Reads and writes go to the kernel at once; the loop is asked about writing only after the kernel
 * took less than it was given. A paused stream (listen 0) reports nothing, not even a hang-up: all
 * of it is still there when the owner listens again.
 */
#ifndef HH_NET_SOCKET_STREAM_H
#define HH_NET_SOCKET_STREAM_H

#include "net/stream.h"

typedef enum hh_socket_kind { HH_SOCKET_TCP, HH_SOCKET_UNIX } hh_socket_kind;

/* A stream that listens for reading. `fd` is connected and non-blocking. `watch` is the watch that
 * has it already, and is taken over, or NULL. From HH_OK on the stream owns fd; else nothing has
 * changed. TCP_NODELAY and keep-alive probes are switched on for TCP. HH_ERR_NO_MEMORY,
 * HH_ERR_SYSTEM with errno set. */
HH_WARN_UNUSED hh_status hh__socket_stream_create(hh_loop *loop, int fd, hh_socket_kind kind,
                                                  hh_watch *watch, hh_stream **out);

#endif
