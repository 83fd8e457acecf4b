/*
 * h2_rig.h - one HTTP/2 connection over a fake stream, its keeper, many calls, and the peer's view
 * of it, with every report written down: for tests and fuzzing of conn/h2.
 *
 * Everywhere and always checked, by abort: the peer's rules (h2_peer.h); the connection's books
 * after every run of the loop (hh__h2_check); no report to a call that isn't under way; reports in
 * order, one end for each call, the keeper told before it; what a report borrows stays readable
 * until it returns, whatever was done in it; at the end no buffer, timer or held byte is left.
 */
#ifndef TESTS_SUPPORT_H2_RIG_H
#define TESTS_SUPPORT_H2_RIG_H

#include "conn/h1.h"
#include "conn/h2_internal.h"
#include "support/fake_stream.h"
#include "support/h2_peer.h"

#define H2_RIG_CALLS_MAX 2048
#define H2_RIG_LOG_BYTES 4096
#define H2_RIG_BODY_SHOWN 64
#define H2_RIG_PLACE_BYTES 4096
#define H2_RIG_HELD_MAX 1024

typedef enum h2_rig_report {
    H2_RIG_INFORMATION = 0,
    H2_RIG_HEAD,
    H2_RIG_BODY, /* placed too */
    H2_RIG_WANT,
    H2_RIG_DONE,
    H2_RIG_FAILED,
    H2_RIG_REPORTS
} h2_rig_report;

/* What is done inside a report. */
typedef enum h2_rig_act {
    H2_RIG_GO = 0,
    H2_RIG_PAUSE,  /* HEAD, BODY */
    H2_RIG_CANCEL, /* the call `target` */
    H2_RIG_CLOSE,
    H2_RIG_START, /* the call `target`, if the connection takes it */
    H2_RIG_RESUME /* the call `target` */
} h2_rig_act;

typedef struct h2_rig h2_rig;

typedef struct h2_rig_call {
    hh_call call;
    h2_rig *rig;
    hh_h2_request *request;
    h2_rig_act acts[H2_RIG_REPORTS];
    unsigned act_from[H2_RIG_REPORTS]; /* the n-th report and all later ones; 0 as 1 */
    unsigned target;

    /* The body that is pushed when asked for: `push_step` bytes at a time, 0: as many as go. */
    hh_slice push;
    size_t push_step;
    size_t push_offset;
    hh_status push_status;

    /* Where the body is to be placed: at most place_step bytes at a time, 0: nowhere. */
    size_t place_step;
    char place[H2_RIG_PLACE_BYTES];

    /* What has happened since h2_rig_start. */
    bool is_active;
    bool is_probe; /* made by h2_rig_serves */
    unsigned ends; /* reports of an end, cancels, and the connection's close */
    unsigned counts[H2_RIG_REPORTS];
    hh_error error; /* of on_failed */
    hh_framing_kind framing;
    uint64_t content_length;
    uint64_t body_bytes;
    uint32_t body_sum; /* h2_sum of all of it */
    uint32_t piece_sum;
    uint64_t piece_bytes; /* of it, since it was last logged */
    char piece[H2_RIG_BODY_SHOWN];
    size_t log_length;
    char log[H2_RIG_LOG_BYTES]; /* reports as text: "1xx 103;head 200 a=b;body 5 hello;done;" */
} h2_rig_call;

struct h2_rig {
    hh_loop *loop;
    hh_buf_pool buffers;
    hh_conn_env env;
    fake_stream fake;
    hh_conn *conn; /* NULL once closed */
    h2_rig_call *calls[H2_RIG_CALLS_MAX];
    int64_t expires_ns;
    bool holds_buffers; /* keeps a share of body pieces' buffers until the end */

    /* What the keeper was told since the last connect. */
    unsigned starts;
    unsigned ends; /* of calls, however */
    unsigned free_count;
    unsigned capacity_count;
    unsigned spent_count;
    hh_status why; /* of on_spent */

    hh_bytes say; /* frames to be fed by h2_rig_say */
    size_t split; /* in pieces of so many bytes, with a run after each; 0: in one */
    h2_peer peer;
    hh_buf *held[H2_RIG_HELD_MAX];
    size_t held_count;
};

/* Buffers of `buffer_bytes`, given back to malloc at once, so that late uses are seen. */
void h2_rig_init(h2_rig *rig, fake_kind kind, uint32_t buffer_bytes);
/* Closes what is open and checks that nothing is left behind. */
void h2_rig_finish(h2_rig *rig);
/* A new fake stream, connection and peer; the old ones are closed. HH_ERR_NO_MEMORY. */
hh_status h2_rig_connect(h2_rig *rig, fake_kind kind);
/* The same, and both sides' SETTINGS are exchanged; what was written until then is forgotten. */
void h2_rig_open(h2_rig *rig, fake_kind kind);

/* A new connection with `count` plain calls under way: streams 1, 3, 5 ... */
void h2_rig_begin(h2_rig *rig, unsigned count);
/* Whether the connection still serves: makes one more call, in a place of its own, and answers. */
bool h2_rig_serves(h2_rig *rig);

/* A fresh call number `i`: "GET / HTTP/1.1" to http://peer, no body. Change it before start. */
h2_rig_call *h2_rig_call_at(h2_rig *rig, unsigned i);
/* Its request head, with the blank line; the text must live as long as the call. */
void h2_rig_set_head(h2_rig_call *call, const char *head);
void h2_rig_start(h2_rig *rig, unsigned i);
/* Prepares the call as it comes, and starts it. */
h2_rig_call *h2_rig_get(h2_rig *rig, unsigned i);
void h2_rig_cancel(h2_rig *rig, unsigned i);
void h2_rig_resume(h2_rig *rig, unsigned i);
/* Every call that is under way is forgotten. */
void h2_rig_close(h2_rig *rig, hh_close how);

/* Feeds what stands in rig->say, and runs. */
void h2_rig_say(h2_rig *rig);
/* Feeds it without running. */
void h2_rig_feed(h2_rig *rig);
/* One run of the loop. */
void h2_rig_step(h2_rig *rig);
/* Runs the loop until nothing is ready. Aborts when that never comes. */
void h2_rig_run(h2_rig *rig);
/* Runs it until the call is over or the connection gone, waiting for its deadlines. */
void h2_rig_wait(h2_rig *rig, unsigned i);
/* What the client wrote since it was last asked, as h2_peer.h's text. Borrowed until the next. */
const char *h2_rig_wrote(h2_rig *rig);
/* The same, with a run before. */
const char *h2_rig_writes(h2_rig *rig);

#endif
