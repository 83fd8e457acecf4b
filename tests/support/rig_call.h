/*
 * rig_call.h - one call on a connection under test, with every report written down: what h1_rig.h
 * and h2_rig.h have in common.
 *
 * Always checked, by abort: no report when the call isn't under way; reports in order, one end;
 * what a report borrows stays readable until it returns, whatever was done in it; a body's pieces
 * don't change while a share of their buffer is kept.
 */
#ifndef TESTS_SUPPORT_RIG_CALL_H
#define TESTS_SUPPORT_RIG_CALL_H

#include "conn/conn.h"
#include "support/text_log.h"

#define RIG_LOG_BYTES 8192
#define RIG_BODY_SHOWN 64
#define RIG_PLACE_BYTES 4096
#define RIG_KEPT_MAX 4096

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
    RIG_START, /* once, if the connection takes it */
    RIG_RESUME
} rig_act;

/* Body pieces of which a share is kept. */
typedef struct rig_kept {
    bool is_wanted;
    size_t count;
    struct {
        hh_buf *buf;
        hh_slice data;
        uint32_t sum;
    } pieces[RIG_KEPT_MAX];
} rig_kept;

typedef struct rig_call rig_call;

/* What a call knows of the rig it belongs to. */
typedef struct rig_home {
    void *rig;
    hh_conn *const *conn; /* NULL in it: closed */
    rig_kept *kept;
    /* Does to the call `target`, or to the connection, what is to be done inside a report. */
    void (*act)(void *rig, rig_act what, unsigned target);
    /* The call is over: what must the rig's keeper have heard? */
    void (*on_end)(void *rig, const rig_call *call);
} rig_home;

struct rig_call {
    hh_call call;
    const rig_home *home;
    struct hh_h2_request *request; /* HTTP/2: the head */
    bool is_probe;                 /* made by h2_rig_serves */
    rig_act acts[RIG_REPORTS];
    unsigned act_from[RIG_REPORTS]; /* the n-th report and all later ones; 0 as 1 */
    unsigned target;                /* of CANCEL, START, RESUME */

    /* The body that is pushed when asked for: `push_step` bytes at a time, 0: as many as go. */
    hh_slice push;
    size_t push_step;
    size_t push_offset;
    hh_status push_status;

    /* Where the body is to be placed: at most place_step bytes at a time, 0: nowhere. */
    size_t place_step;
    char place[RIG_PLACE_BYTES];

    /* What has happened since rig_call_begin. */
    bool is_active;
    unsigned ends; /* reports of an end, cancels, and the connection's close */
    unsigned counts[RIG_REPORTS];
    hh_error error; /* of on_failed */
    hh_framing_kind framing;
    uint64_t content_length;
    uint64_t body_bytes;
    uint32_t body_sum; /* body_sum of all of it */
    uint32_t piece_sum;
    uint64_t piece_bytes; /* of it, since it was last logged */
    char piece[RIG_BODY_SHOWN];
    text_log written;
    /* Reports as text: "1xx 103;head 200 a=b;body 5 hello;done;", over HTTP/1 "head 200 11 OK". */
    char log[RIG_LOG_BYTES];
};

void rig_call_init(rig_call *call, const rig_home *home);
/* A request with this head, which must outlive it, and no body; what is done inside reports stays
 * as it is set. */
void rig_call_prepare(rig_call *call, hh_slice head);
/* Forgets what has happened: it is about to be started. */
void rig_call_begin(rig_call *call);
/* Its end without a report. */
void rig_call_drop(rig_call *call);

/* Gives back what is kept, having looked whether it is as it was. */
void rig_kept_release(rig_kept *kept, hh_buf_pool *buffers);

#endif
