/*
 * pool_internal.h - origins and dials, shared by pool.c (lending) and pool_dial.c (opening).
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
    hh_protocols protocols; /* that may be spoken with it */
    size_t open;            /* connections, dials included */
    hh_list roomy;          /* hh_pooled that are lent and have free slots */
    hh_list idle;           /* hh_pooled, most recently used first */
    hh_list bound;          /* hh_waiter with a dial */
    hh_list unbound;        /* hh_waiter without */
    hh_list spare;          /* hh_pool_dial whose waiter has gone */
    hh_link starved_link;
    hh_link unused_link;
    hh_tls_sessions *sessions;
    size_t idle_count;
};

struct hh_pool_dial {
    hh_pool *pool;
    hh_origin *origin;
    hh_waiter *waiter; /* NULL: spare */
    hh_dial *dial;
    hh_link link;      /* in origin->spare while it has no waiter */
    hh_link pool_link; /* in pool->spares likewise */
    hh_pooled *pooled; /* made beforehand: a dial that succeeds can't fail for memory */
};

/* Moves `waiter` to the bound ones, dialling for it. On failure it is told so. */
void hh__pool_dial_for(hh_pool *pool, hh_waiter *waiter);
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
extern const hh_keeper_ops hh__pool_keeper;

#endif
