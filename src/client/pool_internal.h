/*
 * pool_internal.h - origins and dials, shared by pool.c (lending), pool_queue.c (waiting) and
 * pool_dial.c (opening).
 */
#ifndef HH_CLIENT_POOL_INTERNAL_H
#define HH_CLIENT_POOL_INTERNAL_H

#include "client/pool.h"

struct hh_origin {
    hh_pool *pool;
    hh_slice key; /* the text lies behind the struct, host after it */
    hh_slice host;
    uint16_t port;
    bool is_secure;
    bool is_fanned;         /* the dial for all has failed: each tries for itself */
    hh_protocols protocols; /* that may be spoken with it */
    hh_spoken spoken;
    hh_last_dial last_dial;
    unsigned streams; /* at once, as its last connection came to know; 0: never told otherwise */
    int64_t lone_since_ns; /* when a dial began that all waiters depend on; 0: none of late */
    hh_timer growth;       /* one more connection; set while waiters queue on full shared ones */
    size_t open;           /* connections, dials included */
    hh_list roomy;         /* hh_pooled that are lent and have free slots */
    hh_list idle;          /* hh_pooled, most recently used first */
    hh_list bound;         /* hh_waiter with a dial */
    hh_list unbound;       /* hh_waiter without */
    hh_list spare;         /* hh_pool_dial whose waiter has gone */
    hh_link starved_link;
    hh_link unused_link;
    hh_tls_sessions *sessions;
    size_t idle_count;
    size_t dialling;
    size_t draining;
};

struct hh_pool_dial {
    hh_pool *pool;
    hh_origin *origin;
    hh_waiter *waiter; /* NULL: spare, or for one more shared connection */
    hh_dial *dial;
    hh_link link;      /* in origin->spare while it has no waiter */
    hh_link pool_link; /* in pool->spares likewise */
    hh_pooled *pooled; /* made beforehand: a dial that succeeds can't fail for memory */
};

/* Whether one connection of the origin may serve many. */
static inline bool hh__origin_shares(const hh_origin *origin)
{
    return hh__decide_pool_sharing(origin->protocols, origin->spoken) == HH_POOL_SHARED;
}
/* Connections that stand and take calls. */
static inline size_t hh__origin_usable(const hh_origin *origin)
{
    return origin->open - origin->dialling - origin->draining;
}

/* Moves `waiter` to the bound ones, dialling for it. On failure it is told so. */
void hh__pool_dial_for(hh_pool *pool, hh_waiter *waiter);
/* Dials for nobody in particular, as `waiter` would; it stays where it is. */
void hh__pool_dial_more(hh_pool *pool, const hh_waiter *waiter);
/* Whether a dial without a waiter is to serve `waiter`; not if slots will do. */
static inline bool hh__waiter_inherits(const hh_waiter *waiter)
{
    const hh_origin *origin = waiter->origin;
    return !hh__origin_shares(origin) || hh__origin_usable(origin) == 0 || waiter->prefers_fresh;
}
/* A spare dial, or one whose waiter has just gone, goes on for `waiter`. */
void hh__pool_inherit(hh_pool_dial *dial, hh_waiter *waiter);
/* The waiter goes; its dial, if any, becomes spare or serves the next unbound waiter. */
void hh__pool_unbind(hh_waiter *waiter);
/* Ends a spare dial. */
void hh__pool_drop_dial(hh_pool_dial *dial);

/* pool.c: a lent slot has come back: lend it on, park the connection or close it. */
void hh__pool_offer(hh_pooled *pooled);
/* pool.c: room may have come: dial for whoever waits, here and among the starved. */
void hh__pool_pump(hh_pool *pool, hh_origin *origin);
void hh__pool_pump_starved(hh_pool *pool);
void hh__pool_rest(hh_origin *origin);
/* pool_queue.c: when the connect time-out ends of a waiter for which a dial begins now. */
int64_t hh__waiter_dial_deadline(const hh_waiter *waiter);
/* pool_queue.c: a dial that others depended on has timed out: those fail with it whose time is over
 * too. */
void hh__pool_fail_late(hh_origin *origin, const hh_error *error);
/* pool_queue.c: one more connection when the growth is due. */
void hh__pool_on_growth(hh_timer *timer);
/* pool.c: lends a free slot of the origin to who waits unbound; false: there is none, or nobody for
 * it. */
bool hh__pool_lend_free(hh_pool *pool, hh_origin *origin);
/* pool.c: closes the idle connection of another origin that was used longest ago, if there is one.
 */
bool hh__pool_evict_idle(hh_pool *pool, const hh_origin *origin);
extern const hh_keeper_ops hh__pool_keeper;

#endif
