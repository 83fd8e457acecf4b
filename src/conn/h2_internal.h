/*
 * h2_internal.h - what h2.c (life), h2_stream.c (calls), h2_deadline.c, h2_describe.c, h2_session.c
 * (nghttp2 and its callbacks), h2_send.c, h2_receive.c and h2_credit.c share.
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

/* Whether a frame carries END_STREAM. */
typedef enum hh_h2_end { HH_H2_MORE = 0, HH_H2_LAST } hh_h2_end;

/* What the task has to do when it runs; one bit each. */
enum { HH_H2_LATER_FLUSH = 1, HH_H2_LATER_REPORT = 2, HH_H2_LATER_READ = 4 };

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
    const void *owner;     /* of the call */
    hh_link link;          /* in h2->waiting or h2->open */
    hh_link report_link;   /* in h2->reports: the task has something to tell the call */
    hh_link withheld_link; /* in env->withholding, while `withheld` isn't 0 */
    struct hh_h2_stream *next_free;
    int32_t id;
    uint8_t send;     /* hh_h2_send */
    uint8_t receive;  /* hh_h2_receive */
    bool is_closed;   /* nghttp2 has forgotten it */
    bool is_reset;    /* an RST_STREAM of ours is on its way */
    bool is_out;      /* its HEADERS are in the assembly, or further */
    bool is_deferred; /* nghttp2 waits to be told that there is body again */
    bool is_ending;   /* the DATA frame that is arriving ends it */
    bool is_paused;
    bool wants_body;   /* the report: push is welcome */
    bool is_continued; /* 100 Continue came, maybe before the head was out */
    uint8_t informational;
    hh_push_end push_end;
    hh_bytes out; /* pushed, not yet handed to the assembly */
    size_t out_sent;
    uint64_t begins_at;   /* h2->assembled before its HEADERS */
    uint64_t memory_sent; /* of call->body */
    uint64_t received;    /* body bytes; nghttp2 gives padding back by itself */
    uint64_t declared;    /* by Content-Length, 0 where there is no body; UINT64_MAX: nothing */
    uint64_t consumed;    /* of those received */
    uint64_t held;        /* of those, in the chain */
    uint64_t withheld;    /* of those, not given back to the connection's window either */
    hh_h2_held *held_first;
    hh_h2_held *held_last;
    hh_h2_window window;
    hh_h2_head *trailers;    /* NULL: none */
    const hh_error *failure; /* to be reported by the task */
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
#define HH_H2_FRAME_HEAD_BYTES 9 /* RFC 9113 §4.1 */
/* SETTINGS_NO_RFC7540_PRIORITIES (RFC 9218 §2.1), and the number under which nghttp2 gets it:
 * knowing the setting it would send our bodies one after the other, in the order of their streams.
 */
#define HH_H2_SETTING_NO_RFC7540_PRIORITIES 9
#define HH_H2_SETTING_ALIAS 0xfaaa
#define HH_H2_PROBLEM_BYTES 160
#define HH_H2_ASSEMBLY_MAX_BYTES                                                                   \
    (1u << 18) /* filled to a quarter, and what one more request takes */

struct hh_h2 {
    hh_conn conn;
    hh_stream *stream;
    nghttp2_session *session;
    hh_h2_state state;
    bool is_inside;    /* nghttp2 is calling back */
    bool is_dying;     /* every call is being failed */
    bool is_mute;      /* nothing more can be written */
    bool has_settings; /* the peer's first have come */
    bool is_pinging;   /* an answer is due by ping_due_ns */
    hh_list waiting;   /* streams whose request has not left */
    hh_list open;      /* streams whose request has */
    hh_list failing;   /* hh_call that found no memory for a stream */
    hh_list reports;   /* streams the task has to look at */
    size_t live;       /* streams nghttp2 knows, those of forgotten calls included */
    size_t burst; /* calls completed since the last reading began: as many may follow at once */
    uint32_t streams_max; /* of the peer, up to HH_H2_STREAMS_MAX */
    hh_buf *in;           /* receive buffer, while something is read */
    uint32_t in_end;
    hh_bytes out; /* the assembly */
    size_t out_sent;
    uint64_t assembled; /* bytes that ever came to the pieces */
    uint64_t written;   /* of those, with the system */
    hh_h2_piece pieces[HH_H2_PIECES_MAX];
    unsigned piece_first;
    unsigned piece_count;
    hh_h2_guard guard;
    hh_h2_window window;
    hh_h2_head head;
    hh_h2_stream *head_stream; /* whose block is being read; NULL: nobody's */
    hh_h2_stream *recent;      /* that a frame was about; NULL: nobody known */
    hh_h2_stream *reporting;   /* to its call, just now; NULL: nobody, or it has gone meanwhile */
    int64_t settings_sent_ns;
    int64_t rtt_ns;      /* 0: not known yet */
    int64_t received_ns; /* when something last came */
    int64_t ping_due_ns;
    int64_t expires_ns;    /* while idle; 0: never */
    hh_status failure;     /* why the connection ends, told by the next settle; HH_OK: it doesn't */
    uint32_t fault;        /* what a GOAWAY of ours says then, RFC 9113 §7; 0: none is said */
    uint32_t peer_fault;   /* what a GOAWAY of the peer's said, likewise */
    const char *problem;   /* what the peer did, for sentences; NULL: nothing */
    const char *objection; /* of nghttp2's to a frame just read: of the stream's end or the
                              connection's */
    char said[HH_H2_PROBLEM_BYTES]; /* by nghttp2 about it: `problem` may point here */
    hh_error io_error;              /* with failure HH_ERR_SEND or HH_ERR_RECEIVE */
    unsigned later;
    hh_timer timer;
    hh_task task;
    hh_discard discard;
};

static inline hh_h2 *hh__h2_of(hh_conn *conn)
{
    return (hh_h2 *)conn;
}

static inline int64_t hh__h2_now(const hh_h2 *h2)
{
    return hh__loop_now(h2->conn.env->loop);
}

/* h2.c */
void hh__h2_set_state(hh_h2 *h2, hh_h2_state state);
/* Posts the task with one more thing to do. */
void hh__h2_later(hh_h2 *h2, unsigned later);
/* A call's slot is free again, unless the connection has no use beyond this call. */
void hh__h2_free_slot(hh_h2 *h2);
/* The call is over because its connection is. In hh__loop_run only, like _settle. */
void hh__h2_fail_ended(hh_h2_stream *s);
/* No new calls any more: those that wait are refused. */
void hh__h2_drain(hh_h2 *h2);
/* The connection is to end: `failure` is told by the next _settle. The first reason counts, and the
 * first `problem`, static or NULL. */
void hh__h2_break(hh_h2 *h2, hh_status failure, uint32_t fault, const char *problem);
/* Writes what there is to write, and draws the consequences of what has happened. */
void hh__h2_settle(hh_h2 *h2);
/* Nothing under way: the keeper may park it. */
bool hh__h2_is_idle(const hh_h2 *h2);
void hh__h2_spend(hh_h2 *h2, hh_status why);

/* h2_stream.c */
/* A fresh one, in no list; NULL when out of memory. */
hh_h2_stream *hh__h2_stream_create(hh_h2 *h2, hh_call *call);
/* The call is forgotten, the stream's memory given back. */
void hh__h2_stream_drop(hh_h2_stream *s);
void hh__h2_set_send(hh_h2_stream *s, hh_h2_send send);
void hh__h2_set_receive(hh_h2_stream *s, hh_h2_receive receive);
hh_processed hh__h2_processed(const hh_h2_stream *s);
/* Around a report to the stream's call. End says whether the stream is still there. */
hh_call *hh__h2_begin_report(hh_h2_stream *s);
bool hh__h2_end_report(hh_h2 *h2, const hh_h2_stream *s);
/* Has the task look at this stream. */
void hh__h2_report_later(hh_h2_stream *s);
/* The answer is complete and all of it was delivered. Trailers' offsets count from their text. In
 * hh__loop_run only, like _fail. */
void hh__h2_complete(hh_h2_stream *s, const hh_h2_head *trailers);
/* The call is over; the stream is reset with `reset`, unless it has ended. */
void hh__h2_fail(hh_h2_stream *s, const hh_error *error, uint32_t reset);
/* As _fail, from a place that must not report; without memory for the error it is that. */
void hh__h2_fail_later(hh_h2_stream *s, const hh_error *error);

/* h2_deadline.c */
/* Moves the stream's deadline to what its present states call for. */
void hh__h2_touch(hh_h2_stream *s);
/* Sets the connection's timer to what it waits for. */
void hh__h2_arm(hh_h2 *h2);
void hh__h2_on_stream_timer(hh_timer *timer);
void hh__h2_on_conn_timer(hh_timer *timer);

/* h2_session.c */
HH_WARN_UNUSED hh_status hh__h2_session_create(hh_h2 *h2);

/* h2_describe.c */
/* What the connection's end means for the stream's call. */
void hh__h2_describe_end(const hh_h2_stream *s, hh_error *error);
/* What it means that the stream was closed early, with an RFC 9113 §7 code. */
void hh__h2_describe_reset(const hh_h2_stream *s, uint32_t code, hh_error *error);
size_t hh__h2_describe(const hh_conn *conn, char *text, size_t capacity);

/* h2_send.c */
/* Writes until all is out or the peer takes no more. Never reports. */
void hh__h2_flush(hh_h2 *h2);
/* Resets the stream with an RFC 9113 §7 code, unless it has ended on both sides. */
void hh__h2_reset(hh_h2_stream *s, uint32_t code);
/* What is still to be written of the call's own body is copied. */
void hh__h2_disown(hh_h2_stream *s);
void hh__h2_drop_pieces(hh_h2 *h2);
/* The request is on its way: its body, or the end of it, comes next. */
void hh__h2_head_is_out(hh_h2_stream *s);
/* 100 Continue came, or the wait for it is over. */
void hh__h2_send_continue(hh_h2_stream *s);
bool hh__h2_has_unsent(const hh_h2_stream *s);
hh_status hh__h2_push(hh_conn *conn, hh_call *call, hh_slice data, hh_push_end end,
                      size_t *accepted);
/* nghttp2 wants the payload of a DATA frame written (nghttp2_send_data_callback). */
int hh__h2_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                     size_t length, nghttp2_data_source *source, void *user);

/* h2_receive.c */
/* Reads within the step's budget and lets nghttp2 take it. */
void hh__h2_read(hh_h2 *h2);
/* From nghttp2's callbacks: a header block, a piece of body, its end. */
void hh__h2_take_block(hh_h2_stream *s, hh_h2_end end);
void hh__h2_take_data(hh_h2_stream *s, hh_slice data, hh_h2_end end);
void hh__h2_take_end(hh_h2_stream *s);
/* Hands on what was held while the stream was paused. */
void hh__h2_deliver(hh_h2_stream *s);

/* h2_credit.c */
/* Body bytes or padding that came: credit for them goes back to the connection. */
void hh__h2_credit_conn(hh_h2 *h2, size_t count);
/* The call has taken so many bytes of this stream. */
void hh__h2_credit_stream(hh_h2_stream *s, size_t count);
/* Copies body bytes, for later. */
void hh__h2_hold(hh_h2_stream *s, hh_slice data);
/* The oldest that are held, and held no more; a share of the buffer they lie in. */
hh_buf *hh__h2_take_held(hh_h2_stream *s, hh_slice *data);
void hh__h2_drop_held(hh_h2_stream *s);

#endif
