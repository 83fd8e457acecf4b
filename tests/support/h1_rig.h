/*
 * h1_rig.h - one HTTP/1 connection over a fake stream, its keeper, and one call at a time
 * (rig_call.h): for tests and fuzzing of conn/h1.
 *
 * Always checked, by abort, beside the call's own rules: the keeper is told once for each call and
 * before the call's own end; a free connection owns no buffer and no work.
 */
#ifndef TESTS_SUPPORT_H1_RIG_H
#define TESTS_SUPPORT_H1_RIG_H

#include "conn/h1.h"
#include "support/fake_stream.h"
#include "support/rig_call.h"

typedef struct h1_rig {
    hh_loop *loop;
    hh_buf_pool buffers;
    hh_conn_env env;
    fake_stream fake;
    hh_conn *conn; /* NULL once closed */
    rig_home home;
    rig_kept kept;
    rig_call c;
    int64_t expires_ns;

    /* What the keeper was told since h1_rig_start. */
    unsigned free_count;
    unsigned spent_count;      /* for the call */
    hh_status why;             /* of the last on_spent */
    unsigned idle_spent_count; /* without a call, since h1_rig_init */
} h1_rig;

/* Buffers of `buffer_bytes`, given back to malloc at once, so that late uses are seen. */
void h1_rig_init(h1_rig *rig, fake_kind kind, uint32_t buffer_bytes);
/* Closes what is open and checks that nothing is left behind. */
void h1_rig_finish(h1_rig *rig);
/* A new fake stream and connection; the old ones are closed. HH_ERR_NO_MEMORY. */
hh_status h1_rig_connect(h1_rig *rig, fake_kind kind);

/* Fills rig->c.call for "GET / HTTP/1.1" with no body; change it before h1_rig_start. */
void h1_rig_prepare(h1_rig *rig);
/* Forgets the last call's record and starts rig->c. */
void h1_rig_start(h1_rig *rig);
void h1_rig_cancel(h1_rig *rig);
void h1_rig_resume(h1_rig *rig);
void h1_rig_close(h1_rig *rig);
/* Runs the loop until nothing is ready. Aborts when that never comes. */
void h1_rig_run(h1_rig *rig);
/* Runs it until the call is over or the connection gone, waiting for its deadlines. */
void h1_rig_wait(h1_rig *rig);

/* Text to the peer's side, in one piece. */
void h1_rig_feed(h1_rig *rig, const char *text);
/* The same, and runs. */
void h1_rig_say(h1_rig *rig, const char *text);
/* What the peer got so far, as a NUL-terminated text of the fake's. */
const char *h1_rig_sent(h1_rig *rig);
bool h1_rig_is_idle(const h1_rig *rig);

#endif
