/*
 * h1_rig.h - one HTTP/1 connection over a fake stream, its keeper, and one call at a time, with
 * every report written down: for tests and fuzzing of conn/h1.
 *
 * Everywhere and always checked, by abort: no report when no call is under way; reports in order;
 * the keeper is told once for each call and before the call's own end; a free connection owns no
 * buffer and no work; what a report borrows stays readable until it returns, whatever was done in
 * it.
 */
#ifndef TESTS_SUPPORT_H1_RIG_H
#define TESTS_SUPPORT_H1_RIG_H

#include "conn/h1.h"
#include "support/fake_stream.h"

#define RIG_LOG_BYTES 65536
#define RIG_HELD_MAX 4096

typedef enum rig_report {
    RIG_INFORMATION = 0,
    RIG_HEAD,
    RIG_BODY, /* placed too */
    RIG_WANT,
    RIG_DONE,
    RIG_FAILED,
    RIG_REPORTS
} rig_report;

/* What is done inside a report. */
typedef enum rig_act {
    RIG_GO = 0,
    RIG_PAUSE, /* HEAD, BODY */
    RIG_CANCEL,
    RIG_CLOSE,
    RIG_RESTART /* DONE: the same call once more, if the connection lives */
} rig_act;

typedef struct h1_rig {
    hh_loop *loop;
    hh_buf_pool buffers;
    hh_conn_env env;
    fake_stream fake;
    hh_conn *conn; /* NULL once closed */
    hh_call call;
    rig_act acts[RIG_REPORTS];
    unsigned act_from[RIG_REPORTS]; /* the n-th report and all later ones; 0 as 1 */
    int64_t expires_ns;

    /* The body that is pushed when asked for: `push_step` bytes at a time, 0: as many as go. */
    hh_slice push;
    size_t push_step;
    size_t push_offset;
    hh_status push_status;

    /* Where the body is to be placed: at most place_step bytes at a time, 0: nowhere. */
    size_t place_step;
    char *placed_at;
    bool holds_buffers; /* keeps a share of each body piece's buffer until the end */

    /* What has happened since rig_start. */
    bool is_active;
    unsigned counts[RIG_REPORTS];
    unsigned free_count;
    unsigned spent_count; /* for the call */
    hh_status why;        /* of the last on_spent */
    hh_error error;       /* of on_failed */
    hh_framing_kind framing;
    uint64_t content_length;
    unsigned idle_spent_count; /* without a call, since rig_init */
    size_t log_length;
    char log[RIG_LOG_BYTES]; /* reports as text: "1xx 103;head 200 ...;body 5 hello;done;" */
    char *body;
    size_t body_length;
    size_t body_logged;
    hh_buf *held[RIG_HELD_MAX];
    size_t held_count;
} h1_rig;

/* Buffers of `buffer_bytes`, given back to malloc at once, so that late uses are seen. */
void rig_init(h1_rig *rig, fake_kind kind, uint32_t buffer_bytes);
/* Closes what is open and checks that nothing is left behind. */
void rig_finish(h1_rig *rig);
/* A new fake stream and connection; the old ones are closed. HH_ERR_NO_MEMORY. */
hh_status rig_connect(h1_rig *rig, fake_kind kind);

/* Fills rig->call for "GET / HTTP/1.1" with no body; change it before rig_start. */
void rig_prepare(h1_rig *rig);
/* Forgets the last call's record and starts rig->call. */
void rig_start(h1_rig *rig);
void rig_cancel(h1_rig *rig);
void rig_close(h1_rig *rig);
/* Runs the loop until nothing is ready. Aborts when that never comes. */
void rig_run(h1_rig *rig);
/* Runs it until the call is over or the connection gone, waiting for its deadlines. */
void rig_wait(h1_rig *rig);

/* Text to the peer's side, in one piece. */
void rig_feed(h1_rig *rig, const char *text);
/* What the peer got so far, as a NUL-terminated text of the fake's. */
const char *rig_sent(h1_rig *rig);
bool rig_is_idle(const h1_rig *rig);

#endif
