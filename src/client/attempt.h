/*
 * attempt.h - one try of an exchange on the wire: its place on a connection, its call, its timings.
 *
 *   SENT ──► ANSWERING ──► ENDED         SENT: no final head yet; the exchange may still go
 * elsewhere │  └─► DRAINING ───► ENDED         ANSWERING: its answer is the exchange's answer
 *     └──────────────────► ENDED         DRAINING: a redirect's body is read away for the
 * connection's sake
 *
 * hh__attempt_enter (attempt.c) makes every transition. An attempt that isn't ENDED owns a lent
 * connection; the end gives it back, whatever the reason, so a cancelled caller can't leak it.
 */
#ifndef HH_CLIENT_ATTEMPT_H
#define HH_CLIENT_ATTEMPT_H

#include "client/pool.h"
#include "client/wire.h"
#include <hyperhttp/response.h>

typedef struct hh_exchange hh_exchange;

typedef enum hh_attempt_state {
    HH_ATTEMPT_SENT = 0,
    HH_ATTEMPT_ANSWERING,
    HH_ATTEMPT_DRAINING,
    HH_ATTEMPT_ENDED
} hh_attempt_state;

typedef struct hh_attempt {
    hh_call call;
    hh_exchange *exchange;
    hh_pooled *pooled; /* NULL once ENDED */
    hh_wire *wire;     /* a share */
    hh_attempt_state state;
    bool is_reused;
    bool had_idled; /* the connection, before this attempt; true of every reused one */
    bool is_shared; /* with calls under way when this one began */
    bool has_room;  /* once it has failed: the connection would take another call */
    uint64_t drained_bytes;
    hh_dial_story story;
    struct hh_attempt *next_free;
} hh_attempt;

/* Spare attempts, so that a request costs no allocation. */
typedef struct hh_attempt_store {
    hh_attempt *free_attempts;
    size_t count;
} hh_attempt_store;

typedef struct hh_attempt_timeouts {
    int64_t read_ns;
    int64_t write_ns;
} hh_attempt_timeouts;

/* Takes over the lent connection and starts the call. NULL when out of memory: the connection is
 * still lent. */
hh_attempt *hh__attempt_start(hh_attempt_store *store, hh_exchange *exchange, hh_wire *wire,
                              hh_pooled *pooled, const hh_attempt_timeouts *timeouts);
void hh__attempt_enter(hh_attempt *attempt, hh_attempt_state state);
/* Ends the call without a report, if it is under way, and gives the memory back. */
void hh__attempt_destroy(hh_attempt_store *store, hh_attempt *attempt);
void hh__attempt_store_finish(hh_attempt_store *store);

/* Adds this attempt's times to `timings`, as far as they have come by `now_ns`. */
void hh__attempt_timings(const hh_attempt *attempt, int64_t now_ns, hh_timings *timings);

#endif
