/*
 * pool.h - lends slots of connections, origin by origin, and keeps the books balanced.
 *
 * A connection has as many slots as its protocol can run calls at once: one for HTTP/1, and what
 * the peer allows for one that multiplexes; the number may change, down to none. An origin is
 * everything that affects trust or routing, as one key (client/pool_key.h); keys compare in full.
 * Idle connections are LIFO, waiters FIFO for each origin. A waiter is either bound to a dial made
 * for it or unbound; the bound ones are the older ones. When the total cap keeps an origin waiting
 * it stands in the starved list and takes over the next connection that comes free; one that many
 * share and that never comes free takes no new calls then, and goes when its last one ends.
 *
 *   connection:  DIALLING ─► FULL ⇄ ROOMY ⇄ IDLE     FULL ⇄ IDLE     any ─► DRAINING     any ─►
 * CLOSED
 *
 * An origin that may speak HTTP/2 (policy/pool_plan.h) is dialled once, whoever waits: the first
 * one bound, the rest not. If that speaks HTTP/2, it serves as many as it can; if it speaks HTTP/1,
 * the rest dial for themselves; if it fails, they do too, but for those whose time for connecting
 * is over. Connections beyond the first are dialled for nobody in particular.
 *
 * Invariants (hh__pool_check): open = dialling + full + roomy + idle + draining; a lent slot has
 * exactly one call or its holder is about to start one; an idle connection stands in its origin's
 * list and in the LRU list; no origin has both a free slot and an unbound waiter, unless that one
 * waits for a fresh connection that is being dialled; who waits unbound waits for a dial, a slot or
 * a cap. Everything O(1), but for the hash of the key. Belongs to one client, under its lock.
 *
 * pool.c: lending, parking. pool_queue.c: waiting. pool_dial.c: opening.
 */
#ifndef HH_CLIENT_POOL_H
#define HH_CLIENT_POOL_H

#include <stdbool.h>

#include "base/list.h"
#include "base/map.h"
#include "conn/conn.h"
#include "net/dial.h"
#include "policy/pool_plan.h"

typedef struct hh_origin hh_origin;
typedef struct hh_pool hh_pool;
typedef struct hh_pool_dial hh_pool_dial;

typedef enum hh_pooled_state {
    HH_POOLED_FULL = 0, /* as many slots lent as it has */
    HH_POOLED_ROOMY,    /* some lent, some free */
    HH_POOLED_IDLE,     /* none lent */
    HH_POOLED_DRAINING, /* to be closed when the last slot has come back */
    HH_POOLED_CLOSED
} hh_pooled_state;

/* What the dial of a connection took; told to the first call on it. */
typedef struct hh_dial_story {
    int64_t resolve_ns;
    int64_t connect_ns;
    int64_t tls_ns;
    bool is_tls;
    bool is_resumed;
    char tls_version[16];
    char tls_cipher[48];
} hh_dial_story;

/* A connection in the pool. `conn` is NULL once closed; the memory lives until the end of the run.
 */
typedef struct hh_pooled {
    hh_pool *pool;
    hh_origin *origin;
    hh_conn *conn;
    hh_pooled_state state;
    unsigned lent;       /* slots, of conn->capacity */
    hh_link origin_link; /* in the origin's roomy or idle list */
    hh_link lru_link;    /* in the pool's LRU list while idle */
    int64_t expires_ns;  /* while idle; 0: never */
    bool is_leaving;     /* another origin needs its place */
    bool is_described;   /* a trace has told what the peer's settings are */
    bool has_idled;      /* so it may have died unnoticed, though it never served */
    hh_dial_story story;
    hh_discard discard;
} hh_pooled;

/* Somebody who needs a place. Embedded in the exchange; not listed: not waiting. */
typedef struct hh_waiter {
    hh_link link;
    hh_origin *origin;
    hh_pool_dial *dial; /* bound to it, or NULL */
    int64_t queued_ns;
    int64_t connect_timeout_ns; /* 0: none */
    int64_t came_ns; /* it had a slot and was refused: since when it has been there; 0: it is new */
    bool prefers_fresh;          /* a reused connection has just died on it */
    const hh_address *addresses; /* asked for: dial these; ports set. NULL: resolve */
    size_t address_count;
    /* Exactly one of these ends the wait, never from within hh__pool_acquire with a HH_OK answer.
     */
    void (*on_lent)(struct hh_waiter *waiter, hh_pooled *pooled);
    void (*on_failed)(struct hh_waiter *waiter, const hh_error *error);
} hh_waiter;

/* What an origin's key says, in words; the slices stay valid as long as a waiter of the origin
 * does. */
typedef struct hh_pool_target {
    hh_slice key;
    hh_slice host;
    uint16_t port;
    bool is_secure;
} hh_pool_target;

typedef struct hh_pool_limits {
    size_t max_total;
    size_t max_per_origin;
    size_t max_idle;
    int64_t idle_limit_ns;  /* 0: none */
    hh_protocols protocols; /* over TLS, and over plain connections */
    hh_protocols plain_protocols;
    const char *unix_path;
    const char *local_address;
} hh_pool_limits;

typedef struct hh_pool_stats {
    uint64_t opened, reused, evicted, expired, tls_handshakes, tls_resumptions;
} hh_pool_stats;

struct hh_pool {
    hh_conn_env *env;
    hh_resolver *resolver;
    hh_tls_config *tls;
    hh_pool_limits limits;
    hh_map origins;
    hh_list lru;     /* idle connections, least recently used first */
    hh_list starved; /* origins the total cap keeps waiting, longest first */
    hh_list spares;  /* dials nobody waits for, oldest first: they give way like idle connections */
    hh_list unused;  /* origins with nothing but memories, oldest first */
    size_t unused_count;
    size_t open, dialling, idle, waiting, spare_count;
    size_t leaving;       /* connections that are; one at a time */
    uint64_t epoch;       /* moves whenever an origin goes: hh_origin_hint */
    int64_t last_step_ns; /* when a step last looked at the sockets */
    bool is_closed;
    hh_pool_stats stats;
};

/* A remembered way to the origin, good while `epoch` is the pool's. */
typedef struct hh_origin_hint {
    hh_origin *origin;
    uint64_t epoch;
} hh_origin_hint;

void hh__pool_init(hh_pool *pool, hh_conn_env *env, hh_resolver *resolver, hh_tls_config *tls,
                   const hh_pool_limits *limits);
/* Closes everything; nobody may be waiting. */
void hh__pool_finish(hh_pool *pool);

/* The origin of `target`, made at first sight. HH_ERR_NO_MEMORY. */
HH_WARN_UNUSED hh_status hh__pool_origin(hh_pool *pool, const hh_pool_target *target,
                                         hh_origin_hint *hint, hh_origin **out);
/* A slot, lent to the caller, or NULL: of a connection in use before an idle one. Looks at an idle
 * one first when no step has done so for long. */
hh_pooled *hh__pool_take(hh_pool *pool, hh_origin *origin);
/* A reused connection has just died: makes room for a fresh one, at the cost of the oldest idle
 * one. */
void hh__pool_distrust(hh_pool *pool, hh_origin *origin);
/* Queues the waiter, and dials for it where the caps allow. */
void hh__pool_wait(hh_pool *pool, hh_origin *origin, hh_waiter *waiter);
/* Whether it would be lent once more. */
static inline bool hh__pooled_has_room(const hh_pooled *pooled)
{
    return pooled->state == HH_POOLED_ROOMY || pooled->state == HH_POOLED_IDLE;
}
/* A slot that was taken and isn't wanted after all. */
void hh__pool_give_back(hh_pooled *pooled);
/* The waiter wants no more. Harmless when it isn't waiting. */
void hh__pool_abandon(hh_pool *pool, hh_waiter *waiter);

/* What a waiter is waiting for: RESOLVE, CONNECT or TLS of the dial it depends on, its own or the
 * one for all; else HH_PHASE_QUEUE. */
hh_phase hh__waiter_phase(const hh_waiter *waiter);
/* Whether it may come to depend on a dial that isn't its own. */
bool hh__waiter_may_share(const hh_waiter *waiter);
/* When the connect time-out of a waiter ends that depends on a dial not its own, which looks after
 * its own waiter only; 0: it doesn't, or has none. It can't come to depend on one whose end is due
 * sooner than a whole time-out from now. */
int64_t hh__waiter_connect_due(const hh_waiter *waiter);

/* Counts everything anew and compares; false when the books don't balance. For tests and the soak.
 */
bool hh__pool_check(const hh_pool *pool);

#endif
