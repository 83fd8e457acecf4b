/*
 * peer.h - a server that does exactly what a script says, byte by byte: the counterpart of
 * whole-client tests.
 *
 * It listens on a free loopback port (or a Unix socket) in threads of its own. The i-th accepted
 * connection plays the i-th script; connections beyond the last script play the last one again.
 * Everything received is kept, per connection, for the test to look at. Nothing sleeps: a script
 * waits for bytes, for the client's close, or for peer_signal.
 *
 * With HH_TEST_PROTOCOL=h2 in the environment the same scripts serve a client that speaks HTTP/2
 * with prior knowledge: peer_h2.c translates. What a connection is to HTTP/1, a stream is then to
 * the script; streams that follow each other on one connection go on with one script, as requests
 * on one HTTP/1 connection do. "Connection" below means that. A client that begins with anything
 * but HTTP/2's preface meets the script itself.
 */
#ifndef TEST_PEER_H
#define TEST_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct peer peer;

typedef enum peer_action {
    PEER_END = 0,      /* end of a script: close in an orderly way */
    PEER_READ_REQUEST, /* until a blank line, then Content-Length or chunked body if there is one */
    PEER_READ_HEAD,    /* until a blank line only */
    PEER_READ_BYTES,   /* `count` bytes */
    PEER_SEND,         /* text (or data of `count` bytes, if count is not 0) */
    PEER_SEND_SPLIT, /* text in two writes: the first `count` bytes, then, after the client's kernel
                        has taken them, the rest */
    PEER_SEND_BYTEWISE, /* one byte a write, no delay */
    PEER_SEND_REPEATED, /* text, `count` times; stops quietly when the client closes */
    PEER_WAIT_CLOSE,    /* until the client closes or resets */
    PEER_WAIT_SIGNAL,   /* until peer_signal was called once more */
    PEER_SHUTDOWN,      /* send FIN, go on reading */
    PEER_RESET,         /* RST at once */
    PEER_LOOP           /* back to the script's start */
} peer_action;

typedef struct peer_step {
    peer_action action;
    const char *text;
    size_t count;
} peer_step;

/* Called first on each thread of every peer started from then on, for alloc_fail_exempt_thread and
 * the like. */
void peer_set_thread_hook(void (*hook)(void));

/* `scripts`: `count` arrays, each ended by PEER_END. They must live as long as the peer. Aborts the
 * test on failure. */
peer *peer_start(const peer_step *const *scripts, size_t count);
/* The same on 127.0.0.1 `port`s chosen free, on ::1, or at a Unix path. */
peer *peer_start_v6(const peer_step *const *scripts, size_t count);
peer *peer_start_unix(const char *path, const peer_step *const *scripts, size_t count);
/* Closes everything, ends the threads. */
void peer_stop(peer *peer);

uint16_t peer_port(const peer *peer);
/* "http://127.0.0.1:PORT" plus `path`; static per peer, overwritten by the next call. */
const char *peer_url(peer *peer, const char *path);
/* Is HTTP/2 what peers are to speak? */
bool peer_speaks_http2(void);
/* How many streams the peer started next allows at once on an HTTP/2 connection; else 100. */
void peer_allow_streams(uint32_t count);
/* How an HTTP/2 connection ends that the peer leaves without having answered. */
typedef enum peer_farewell {
    PEER_LEAVES_NOT = 0,
    PEER_LEAVES_UNGREETED, /* before its SETTINGS */
    PEER_LEAVES_GREETED,   /* behind them */
    PEER_LEAVES_GOODBYE    /* behind a GOAWAY that leaves nothing out, with `code` */
} peer_farewell;
typedef struct peer_leaving {
    peer_farewell farewell;
    uint32_t code;
    bool is_reset;      /* and not closed in an orderly way */
    size_t connections; /* so many, the first ones */
    size_t requests;    /* once so many have come on it */
} peer_leaving;
/* What the peer started next does to HTTP/2 connections, whatever its scripts say. */
void peer_leave(const peer_leaving *leaving);
/* Lets one PEER_WAIT_SIGNAL go on. */
void peer_signal(peer *peer);

/* How many connections were accepted so far. */
size_t peer_connections(peer *peer);
/* A NUL-terminated copy of what connection `index` received so far; "" when there is none. The
 * caller frees it. */
char *peer_received(peer *peer, size_t index);
/* How many requests (READ_REQUEST or READ_HEAD completed) were read on all connections. */
size_t peer_requests(peer *peer);
/* 1 when the client has closed the connection `index`. */
int peer_is_closed(peer *peer, size_t index);
/* Waits until the connection `index` was closed by the client (as its script saw it), at most 60 s;
 * 1 if so. */
int peer_wait_closed(peer *peer, size_t index);

#endif
