/*
 * h2_internal.h - what h2.c (life, calls), h2_session.c (nghttp2 and its callbacks), h2_send.c and
 * h2_receive.c share.
 *
 *   connection   OPEN ─► DRAINING (GOAWAY, or no ids left) ─► CLOSED       any ─► CLOSED
 *
 *   send         WAITING ─► HEAD ─┬─► EXPECT ─► BODY ─► DONE       any ─► STOPPED
 *                                 ├─► BODY ──────────► DONE
 *                                 └──────────────────► DONE
 *   receive      HEAD ─► BODY ─► ENDED
 *
 * hh__h2_set_state, _set_send and _set_receive make every transition. A call WAITs in h2->waiting
 * until its HEADERS fit into the assembly; then nghttp2 gets them and gives them back as bytes at
 * once, so that it never holds on to memory of a call. What a paused stream receives is kept in its
 * chain of pieces.
 *
 * Reports leave from hh__loop_run only, some of them from inside nghttp2's callbacks. There neither
 * nghttp2_session_mem_recv nor _mem_send may be called: start, cancel and push see is_inside and
 * leave the writing to whoever called nghttp2. The session is deleted at the end of the run.
 *
 * Books (hh__h2_check): what a stream received is what it consumed and what it holds; what nghttp2
 * has not given back yet covers what is held; the client's held_bytes is the sum of all.
 */
#ifndef HH_CONN_H2_INTERNAL_H
#define HH_CONN_H2_INTERNAL_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "conn/h2.h"
#include "conn/h2_guard.h"
#include "conn/h2_head.h"
#include "conn/h2_request.h"
#include "conn/h2_window.h"

struct hh_h2_request {
    size_t count;
    nghttp2_nv fields[]; /* flagged NO_COPY; the text lies behind them */
};

typedef enum hh_h2_state { HH_H2_OPEN = 0, HH_H2_DRAINING, HH_H2_CLOSED } hh_h2_state;

typedef enum hh_h2_send {
    HH_H2_SEND_WAITING = 0, /* nothing of it has left */
    HH_H2_SEND_HEAD,        /* given to nghttp2 */
    HH_H2_SEND_EXPECT,      /* head out, body waits for 100 Continue */
    HH_H2_SEND_BODY,
    HH_H2_SEND_DONE,
    HH_H2_SEND_STOPPED /* given up: reset, by either side */
} hh_h2_send;

typedef enum hh_h2_receive {
    HH_H2_RECEIVE_HEAD = 0,
    HH_H2_RECEIVE_BODY,
    HH_H2_RECEIVE_ENDED
} hh_h2_receive;

/* What the task has to do when it runs; one bit each. */
enum { HH_H2_LATER_FLUSH = 1, HH_H2_LATER_REPORT = 2 };

typedef struct hh_h2 hh_h2;

/* Bytes that came while their stream was paused: a link of its chain. */
typedef struct hh_h2_held {
    struct hh_h2_held *next;
    hh_buf *buf;
    uint32_t start;
    uint32_t end;
} hh_h2_held;

/* A call's state on the connection; kept by the environment between calls. */
typedef struct hh_h2_stream {
    hh_h2 *h2;
    hh_call *call;
    hh_link link;        /* in h2->waiting or h2->open */
    hh_link report_link; /* in h2->reports: the task has something to tell the call */
    struct hh_h2_stream *next_free;
    int32_t id;
    uint8_t send;    /* hh_h2_send */
    uint8_t receive; /* hh_h2_receive */
    bool is_closed;  /* nghttp2 has forgotten it */
    bool is_paused;
    bool wants_body;   /* the report: push is welcome */
    bool is_continued; /* 100 Continue came, maybe before the head was out */
    uint8_t informational;
    hh_push_end push_end;
    hh_bytes out; /* pushed, not yet handed to the assembly */
    size_t out_sent;
    uint64_t memory_sent; /* of call->body */
    uint64_t received;    /* flow-controlled bytes, padding included */
    uint64_t consumed;    /* of those */
    uint64_t held;        /* of those, in the chain */
    uint64_t withheld;    /* of those, not given back to the connection's window either */
    hh_h2_held *held_first;
    hh_h2_held *held_last;
    hh_h2_window window;
    hh_h2_head *trailers; /* NULL: none */
    hh_error *failure;    /* to be reported by the task */
    int64_t expect_due_ns;
    hh_timer timer;
} hh_h2_stream;

/* A run of bytes to be written: of the assembly, or a call's own body. */
typedef struct hh_h2_piece {
    hh_h2_stream *lender; /* NULL: of the assembly, in its order, or of `copy` */
    const char *data;     /* NULL: of the assembly */
    size_t length;
    hh_buf *copy; /* the lender has gone: the rest of its bytes */
} hh_h2_piece;

#define HH_H2_PIECES_MAX 8

struct hh_h2 {
    hh_conn conn;
    hh_stream *stream;
    nghttp2_session *session;
    hh_h2_transport transport;
    hh_h2_state state;
    bool is_inside;    /* nghttp2 is calling back */
    bool is_dying;     /* every call is being failed */
    bool is_suspected; /* a stream timed out in total silence: no new calls */
    bool has_settings; /* the peer's first have come */
    bool is_pinging;   /* an answer is due by keepalive_due_ns */
    hh_list waiting;   /* streams whose request has not left */
    hh_list open;      /* streams whose request has */
    hh_list reports;
    size_t live; /* streams nghttp2 knows, those of forgotten calls included */
    hh_buf *in;  /* receive buffer, while something is read */
    uint32_t in_end;
    hh_bytes out; /* the assembly */
    size_t out_sent;
    hh_h2_piece pieces[HH_H2_PIECES_MAX];
    unsigned piece_first;
    unsigned piece_count;
    hh_h2_guard guard;
    hh_h2_window window;
    hh_h2_head head;
    hh_h2_stream *head_stream; /* whose block is being read; NULL: nobody's */
    int64_t settings_sent_ns;
    int64_t rtt_ns;      /* 0: not known yet */
    int64_t received_ns; /* when something last came */
    int64_t expires_ns;  /* while idle; 0: never */
    uint32_t fault;      /* RFC 9113 §7, with which the connection ends; 0: none */
    char problem[160];   /* what the peer did, for sentences; empty: nothing */
    unsigned later;
    hh_timer timer;
    hh_task task;
    hh_discard discard;
};

static inline hh_h2 *hh__h2_of(hh_conn *conn)
{
    return (hh_h2 *)conn;
}

#endif
