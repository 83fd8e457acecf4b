/*
 * conn.h - one connection speaking one protocol, seen from above: calls go in, answers come out.
 *
 * A call is one request and its answer on one connection, embedded in its owner's memory. The
 * connection reports to the call's ops and, for its own fate, to its keeper (the pool). Every
 * report to a call is made inside hh__loop_run; start, cancel, resume and push never report from
 * within, so the layers above need no guard against re-entrancy. Only the keeper hears of a cancel
 * at once: the slot is free, or spent. After on_done or on_failed the connection has forgotten the
 * call.
 *
 * Leaves to others: which connection to use (client/pool), content codings, redirects, replays
 * (client/exchange). Implemented by h1.c and h2.c.
 */
#ifndef HH_CONN_CONN_H
#define HH_CONN_CONN_H

#include "base/buf.h"
#include "base/limits.h"
#include "base/list.h"
#include "codec/fields.h"
#include "codec/h1_parser.h"
#include "net/stream.h"

typedef enum hh_protocol { HH_PROTOCOL_HTTP1 = 0, HH_PROTOCOL_HTTP2 } hh_protocol;

typedef struct hh_conn hh_conn;
typedef struct hh_call hh_call;

/* A response head as received. Everything is borrowed for the duration of the report. */
typedef struct hh_head {
    int status;
    int version;   /* 10, 11, 20 */
    hh_slice text; /* status line to blank line; the offsets below count from its start */
    uint32_t reason_offset;
    uint32_t reason_length;
    const hh_field_entry *entries;
    uint32_t entry_count;
    uint64_t content_length; /* UINT64_MAX: not declared */
    hh_framing_kind framing;
} hh_head;

/* Whether the connection shall go on reading for this call. After PAUSE it waits for resume. */
typedef enum hh_flow { HH_FLOW_GO = 0, HH_FLOW_PAUSE } hh_flow;

typedef struct hh_call_ops {
    /* A 1xx other than 101. */
    void (*on_information)(hh_call *call, const hh_head *head);
    /* The final head. */
    hh_flow (*on_head)(hh_call *call, const hh_head *head);
    /* Body bytes as on the wire, transfer coding undone, lying in `buf` (which may be
     * hh_buf_ref'ed). */
    hh_flow (*on_body)(hh_call *call, hh_slice data, hh_buf *buf);
    /* Where the next body bytes shall be received, at most `remaining` of them: sets *place and
     * returns the room there, or 0 for a pooled buffer. Then on_placed says how many have come. */
    size_t (*place)(hh_call *call, uint64_t remaining, char **place);
    hh_flow (*on_placed)(hh_call *call, size_t count);
    /* hh__conn_push is welcome. */
    void (*on_want_body)(hh_call *call);
    /* The answer is complete. The trailers' offsets count from trailer_text. */
    void (*on_done)(hh_call *call, const hh_fields *trailers, hh_slice trailer_text);
    /* The connection broke, timed out or misbehaved. */
    void (*on_failed)(hh_call *call, const hh_error *error);
} hh_call_ops;

typedef enum hh_body_kind {
    HH_BODY_NONE = 0,
    HH_BODY_MEMORY, /* call.body */
    HH_BODY_PUSHED  /* by hh__conn_push */
} hh_body_kind;

typedef enum hh_expect { HH_EXPECT_NOTHING = 0, HH_EXPECT_CONTINUE } hh_expect;

/* RFC 9112 §9.6: a head that says "Connection: close" is the connection's last. */
typedef enum hh_reuse { HH_REUSE_ALLOWED = 0, HH_REUSE_REFUSED } hh_reuse;

struct hh_call {
    /* Set by the owner before start; head and body stay valid until the call is over. */
    const hh_call_ops *ops;
    const void *owner; /* what the reports touch first, fetched ahead of them; NULL: nothing */
    hh_slice head;
    const struct hh_h2_request *h2_request; /* the head as HTTP/2 has it, if that is spoken */
    hh_slice body;
    hh_body_kind body_kind;
    uint64_t body_length; /* PUSHED: declared, or UINT64_MAX for chunked */
    hh_request_kind request_kind;
    hh_expect expect;
    hh_reuse reuse;
    int64_t read_timeout_ns; /* 0: none */
    int64_t write_timeout_ns;

    /* Kept by the connection. */
    uint64_t sent_bytes;     /* of head and body, on the wire */
    uint64_t pushed_bytes;   /* of the body, taken by push */
    uint64_t received_bytes; /* of the answer, heads included */
    uint64_t body_bytes;     /* of the answer's body */
    int32_t stream_id;       /* HTTP/2, once the request has left; else 0 */
    struct hh_h2_stream *stream;
    hh_link link; /* in a list of the connection's, where it has many calls */
    int64_t started_ns;
    int64_t sent_ns;       /* 0 until the request is out */
    int64_t first_byte_ns; /* of the final answer, 0 until then */
};

/* The connection's keeper. */
typedef struct hh_keeper_ops {
    /* A call is over and its slot may be lent again. */
    void (*on_free)(hh_conn *conn);
    /* conn->capacity has changed, maybe to 0: then it serves what it has and is spent after that.
     * Never told by h1. */
    void (*on_capacity)(hh_conn *conn);
    /* The connection is of no use any more: idle and closed by the peer, expired, broken, or its
     * last answer forbids reuse. The keeper closes it. */
    void (*on_spent)(hh_conn *conn, hh_status why);
} hh_keeper_ops;

/* What all connections of a client share. */
typedef struct hh_conn_work hh_conn_work;
typedef struct hh_conn_env {
    hh_loop *loop;
    hh_buf_pool *buffers;
    uint64_t bytes_sent;
    uint64_t bytes_received;
    hh_conn_work *free_work; /* per-call state of h1, kept for the next call */
    unsigned free_work_count;
    struct hh_h2_stream *free_streams; /* likewise of h2 */
    unsigned free_stream_count;
    struct {
        void *free;
        unsigned count;
    } h2_blocks[HH_H2_BLOCK_CLASSES]; /* h2_memory.c's */
    bool keeps_no_blocks;
    uint64_t held_bytes; /* body bytes that paused streams hold, at most HH_H2_HELD_MAX_BYTES and
                            what was under way */
    hh_list withholding; /* streams of h2 whose bytes found that budget used up */
    int64_t h2_keepalive_ns; /* PING a silent connection so often; 0: never */
    uint32_t max_head_bytes;
    uint32_t max_fields;
} hh_conn_env;

/* Gives back what the environment keeps for connections; before its loop goes. */
void hh__conn_env_finish(hh_conn_env *env);
/* What the environment keeps for the next calls, in bytes. */
size_t hh__conn_env_spare_bytes(const hh_conn_env *env);

typedef enum hh_push_end { HH_PUSH_MORE = 0, HH_PUSH_LAST } hh_push_end;

typedef struct hh_conn_ops {
    void (*start)(hh_conn *conn, hh_call *call);
    void (*cancel)(hh_conn *conn, hh_call *call);
    void (*resume)(hh_conn *conn, hh_call *call);
    hh_status (*push)(hh_conn *conn, hh_call *call, hh_slice data, hh_push_end end,
                      size_t *accepted);
    size_t (*unsent)(const hh_conn *conn, const hh_call *call);
    void (*park)(hh_conn *conn, int64_t expires_ns);
    hh_io (*probe)(hh_conn *conn);
    void (*close)(hh_conn *conn, hh_close how);
    size_t (*describe)(const hh_conn *conn, char *text, size_t capacity); /* NULL: nothing to say */
} hh_conn_ops;

#define HH_REMOTE_TEXT_BYTES 112

struct hh_conn {
    const hh_conn_ops *ops;
    const hh_keeper_ops *keeper_ops;
    void *keeper;
    hh_conn_env *env;
    hh_protocol protocol;
    unsigned capacity;                 /* calls at once: 1 for h1 */
    uint64_t served;                   /* calls completed */
    uint32_t keep_alive_timeout_s;     /* the peer's last word, UINT32_MAX when it gave none */
    char remote[HH_REMOTE_TEXT_BYTES]; /* "127.0.0.1:80", for sentences */
};

/* Begins a call on a free connection: writes at once. Failures are reported later, by on_failed. */
static inline void hh__conn_start(hh_conn *conn, hh_call *call)
{
    conn->ops->start(conn, call);
}
/* Forgets the call: no report any more. An h1 connection is spent by that, unless nothing was sent;
 * of an h2 one it costs a stream. */
static inline void hh__conn_cancel(hh_conn *conn, hh_call *call)
{
    conn->ops->cancel(conn, call);
}
/* Reading may go on after HH_FLOW_PAUSE. */
static inline void hh__conn_resume(hh_conn *conn, hh_call *call)
{
    conn->ops->resume(conn, call);
}
/* Gives body bytes to a call of HH_BODY_PUSHED. HH_ERR_STATE, HH_ERR_BODY_LENGTH, HH_ERR_NO_MEMORY.
 */
static inline hh_status hh__conn_push(hh_conn *conn, hh_call *call, hh_slice data, hh_push_end end,
                                      size_t *accepted)
{
    return conn->ops->push(conn, call, data, end, accepted);
}
/* Bytes that push has taken and that aren't on the wire yet, framing included. */
static inline size_t hh__conn_unsent(const hh_conn *conn, const hh_call *call)
{
    return conn->ops->unsent(conn, call);
}
/* Nothing to do until `expires_ns` (0: never expires): watch the peer, own no buffer. */
static inline void hh__conn_park(hh_conn *conn, int64_t expires_ns)
{
    conn->ops->park(conn, expires_ns);
}
/* Is an idle connection still good? HH_IO_WAIT: yes. */
static inline hh_io hh__conn_probe(hh_conn *conn)
{
    return conn->ops->probe(conn);
}
/* What a trace may say of the protocol: "the peer allows 128 streams at once". Returns the length,
 * 0 when there is nothing to say. */
static inline size_t hh__conn_describe(const hh_conn *conn, char *text, size_t capacity)
{
    return conn->ops->describe != NULL ? conn->ops->describe(conn, text, capacity) : 0;
}
/* Closes it; memory goes back at the end of the run. A call on it is forgotten without a report. */
static inline void hh__conn_close(hh_conn *conn, hh_close how)
{
    conn->ops->close(conn, how);
}

/* --- for those who implement a protocol ------------------------------------------------------ */

/* A new connection, of memory that is zeros; the ops, the protocol and the capacity are theirs. */
void hh__conn_init(hh_conn *conn, hh_conn_env *env, const char *remote,
                   const hh_keeper_ops *keeper_ops, void *keeper);

/* What the connection keeps of a call, before it starts. */
static inline void hh__call_begin(hh_call *call, int64_t now_ns)
{
    call->sent_bytes = call->pushed_bytes = call->received_bytes = call->body_bytes = 0;
    call->stream_id = 0;
    call->started_ns = now_ns;
    call->sent_ns = call->first_byte_ns = 0;
}

/* Whether the body may go on with `data`: HH_ERR_BODY_LENGTH where that is more than was declared,
 * or the end of less. */
hh_status hh__call_check_length(const hh_call *call, hh_slice data, hh_push_end end);

/* What a call has waited for when its time is up. */
typedef enum hh_delay { HH_DELAY_SENDING = 0, HH_DELAY_HEAD, HH_DELAY_BODY } hh_delay;
void hh__conn_describe_delay(const hh_conn *conn, const hh_call *call, hh_delay delay,
                             hh_error *error);

#endif
