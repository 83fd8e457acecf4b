/*
 * h2_rig.h - one HTTP/2 connection over a fake stream, its keeper, many calls (rig_call.h), and the
 * peer's view of it: for tests and fuzzing of conn/h2.
 *
 * Always checked, by abort, beside the calls' own rules: the peer's (h2_peer.h); the connection's
 * books after every run of the loop (hh__h2_check); the keeper is told before a call's end; at the
 * end no buffer, timer or held byte is left.
 */
#ifndef TESTS_SUPPORT_H2_RIG_H
#define TESTS_SUPPORT_H2_RIG_H

#include "conn/h1.h"
#include "conn/h2_internal.h"
#include "support/fake_stream.h"
#include "support/h2_peer.h"
#include "support/rig_call.h"

#define H2_RIG_CALLS_MAX 2048

typedef struct h2_rig {
    hh_loop *loop;
    hh_buf_pool buffers;
    hh_conn_env env;
    fake_stream fake;
    hh_conn *conn; /* NULL once closed */
    rig_home home;
    rig_kept kept;
    rig_call *calls[H2_RIG_CALLS_MAX];
    int64_t expires_ns;

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
} h2_rig;

/* Buffers of `buffer_bytes`, given back to malloc at once, so that late uses are seen. */
void h2_rig_init(h2_rig *rig, fake_kind kind, uint32_t buffer_bytes);
/* Closes what is open and checks that nothing is left behind. */
void h2_rig_finish(h2_rig *rig);
/* A new fake stream, connection and peer; the old ones are closed. HH_ERR_NO_MEMORY. */
hh_status h2_rig_connect(h2_rig *rig, fake_kind kind);
/* The same, and both sides' SETTINGS are exchanged; what was written until then is forgotten. */
void h2_rig_open(h2_rig *rig, fake_kind kind);

/* A new connection with `count` plain calls under way, streams 1, 3, 5 ...; the first of them. */
rig_call *h2_rig_begin(h2_rig *rig, unsigned count);
/* Whether the connection still serves: makes one more call, in a place of its own, and answers. */
bool h2_rig_serves(h2_rig *rig);

/* A fresh call number `i`: "GET / HTTP/1.1" to http://peer, no body. Change it before start. */
rig_call *h2_rig_call_at(h2_rig *rig, unsigned i);
/* Its request head, with the blank line; the text must live as long as the call. */
void h2_rig_set_head(rig_call *call, const char *head);
void h2_rig_start(h2_rig *rig, unsigned i);
/* Prepares the call as it comes, and starts it. */
rig_call *h2_rig_get(h2_rig *rig, unsigned i);
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
