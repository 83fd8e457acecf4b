/*
 * h1_internal.h - what h1.c (life, deadlines), h1_send.c and h1_receive.c share.
 *
 * Two directions, two enums:
 *
 *   send     IDLE ─► MEMORY ─┬─────────────────────────────► DONE
 *                            ├─► EXPECT ─► MEMORY | PUSHED ──► DONE
 *                            └─► PUSHED ────────────────────► DONE       MEMORY, PUSHED ─► STOPPED
 *
 *   receive  IDLE ─► HEAD ─► BODY ─► IDLE      HEAD ─► IDLE (no body)    any ─► CLOSED
 *
 * hh__h1_set_send and hh__h1_set_receive make every transition. Invariants: a call is present
 * exactly when neither direction is IDLE; an idle connection has no buffer and no work; bytes of an
 * answer are only read while a call is present.
 */
#ifndef HH_CONN_H1_INTERNAL_H
#define HH_CONN_H1_INTERNAL_H

#include <stdbool.h>

#include "base/bytes.h"
#include "codec/chunked.h"
#include "conn/h1.h"

typedef enum hh_h1_send {
    HH_H1_SEND_IDLE = 0,
    HH_H1_SEND_MEMORY, /* head, and a body in memory */
    HH_H1_SEND_EXPECT, /* head out, body waits for 100 Continue */
    HH_H1_SEND_PUSHED, /* body comes by push */
    HH_H1_SEND_DONE,
    HH_H1_SEND_STOPPED /* given up: a final answer came first, or the peer takes no more */
} hh_h1_send;

typedef enum hh_h1_receive {
    HH_H1_RECEIVE_IDLE = 0,
    HH_H1_RECEIVE_HEAD,
    HH_H1_RECEIVE_BODY,
    HH_H1_RECEIVE_CLOSED
} hh_h1_receive;

/* What the task has to do when it runs. */
enum { HH_H1_LATER_RECEIVE = 1, HH_H1_LATER_WANT_BODY = 2, HH_H1_LATER_FAIL = 4 };

/* State that only a call needs; kept by the environment between calls. */
struct hh_conn_work {
    hh_conn_work *next_free;
    hh_h1_parser parser;
    hh_framing framing;
    uint64_t remaining; /* LENGTH: bytes of the body to come */
    hh_chunked chunked;
    hh_bytes out; /* pushed and framed, not yet on the wire */
    size_t out_sent;
    uint64_t memory_sent;  /* of head + body */
    uint64_t memory_limit; /* how far MEMORY goes: head alone, or head + body */
    hh_push_end push_end;
    int64_t expect_due_ns; /* EXPECT: when the body goes without 100 Continue */
    bool is_continued;     /* 100 Continue came, maybe before the head was out */
    unsigned informational;
    hh_error failure; /* HH_H1_LATER_FAIL, or the send error kept while an answer may still come */
};

typedef struct hh_h1 {
    hh_conn conn;
    hh_stream *stream;
    hh_call *call;
    hh_conn_work *work;
    hh_h1_send send;
    hh_h1_receive receive;
    hh_buf *buf; /* received and not yet consumed: [start, end) */
    uint32_t start;
    uint32_t end;
    bool is_paused;
    bool is_spent;        /* this connection must not serve again */
    bool has_send_error;  /* work->failure holds it */
    bool was_written;     /* the stream was given bytes of this call, and may hold some back */
    bool was_read_full;   /* the last read filled its room: there may be more behind it */
    bool is_reporting;    /* a report that borrows buf and work is under way */
    uint8_t peer_version; /* of the last answer; 0: not known */
    uint32_t turn;        /* calls started: tells one from the next at the same address */
    unsigned later;
    hh_timer timer;
    hh_task task;
    hh_discard discard;
} hh_h1;

static inline hh_h1 *hh__h1_of(hh_conn *conn)
{
    return (hh_h1 *)conn;
}

void hh__h1_set_send(hh_h1 *h1, hh_h1_send send);
void hh__h1_set_receive(hh_h1 *h1, hh_h1_receive receive);

/* Gives back what only a call needs, or leaves that to the end of the report under way. */
void hh__h1_release(hh_h1 *h1);
/* Posts the task with one more thing to do. */
void hh__h1_later(hh_h1 *h1, unsigned later);
/* Moves the deadline to what the present states call for. */
void hh__h1_touch(hh_h1 *h1);
/* The call is over: its answer complete, or failed with `error`. Both inside hh__loop_run only. */
void hh__h1_complete(hh_h1 *h1);
void hh__h1_fail(hh_h1 *h1, const hh_error *error);
/* Fails from a place that must not report: the task does it. Uses work->failure. */
void hh__h1_fail_later(hh_h1 *h1);
/* Whether the server may have acted on what was sent so far. */
hh_processed hh__h1_processed(const hh_h1 *h1);

/* h1_send.c */
void hh__h1_send_start(hh_h1 *h1);
/* Writes what there is until it is out or the peer takes no more. */
void hh__h1_flush(hh_h1 *h1);
/* 100 Continue came, or the wait for it is over. */
void hh__h1_send_continue(hh_h1 *h1);
bool hh__h1_has_unsent(const hh_h1 *h1);
hh_status hh__h1_push(hh_conn *conn, hh_call *call, hh_slice data, hh_push_end end,
                      size_t *accepted);

/* h1_receive.c */
/* Reads within the step's budget and consumes it. */
void hh__h1_receive_ready(hh_h1 *h1);
/* Gives the buffer back when nothing in it is left to consume. */
void hh__h1_release_buffer(hh_h1 *h1);

#endif
