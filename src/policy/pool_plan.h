/*
 * pool_plan.h - what the pool does for a request that found no free slot: pure counting.
 *
 * The pool keeps the books and acts; this decides. An origin's cap never blocks another origin, and
 * the total cap is shared by evicting the least recently used idle connection of another origin.
 *
 * An origin that may speak HTTP/2 shares: one connection may turn out to be enough for all who
 * wait, so one dial at a time is under way, and a further connection is made only when those that
 * stand have been full for longer than making one takes.
 */
#ifndef HH_POLICY_POOL_PLAN_H
#define HH_POLICY_POOL_PLAN_H

#include <stddef.h>
#include <stdint.h>

/* The versions of HTTP that may be spoken, as a mask. */
typedef enum hh_protocols {
    HH_PROTOCOLS_HTTP1 = 1,
    HH_PROTOCOLS_HTTP2 = 2,
    HH_PROTOCOLS_BOTH = 3
} hh_protocols;

/* What an origin spoke when it was last dialled. */
typedef enum hh_spoken { HH_SPOKEN_UNKNOWN = 0, HH_SPOKEN_HTTP1, HH_SPOKEN_HTTP2 } hh_spoken;

typedef enum hh_pool_sharing {
    HH_POOL_APART = 0, /* a connection for each request under way */
    HH_POOL_SHARED     /* one may serve many */
} hh_pool_sharing;
hh_pool_sharing hh__decide_pool_sharing(hh_protocols protocols, hh_spoken spoken);

/* The last dial of an origin. */
typedef enum hh_dialled { HH_DIALLED_WELL = 0, HH_DIALLED_IN_VAIN } hh_dialled;
typedef struct hh_last_dial {
    int64_t ended_ns; /* 0: there was none */
    int64_t took_ns;
    hh_dialled outcome;
} hh_last_dial;
/* When one more shared connection is due, as far as a waiter queued at `queued_ns` goes. */
int64_t hh__decide_growth_due(int64_t queued_ns, const hh_last_dial *last);

typedef enum hh_pool_wish {
    HH_POOL_ANY = 0,
    HH_POOL_FRESH /* a connection that has served before has just failed this waiter */
} hh_pool_wish;

typedef struct hh_pool_counts {
    size_t open_here; /* connections of the origin, dials included */
    size_t cap_here;
    size_t open_total;
    size_t cap_total;
    size_t idle_elsewhere; /* idle connections of other origins */
    /* What matters to a shared origin only. */
    hh_pool_sharing sharing;
    size_t dialling_here;
    size_t usable_here; /* connections that stand and take calls, all full now */
    hh_pool_wish wish;
    int64_t now_ns;
    int64_t growth_due_ns;
} hh_pool_counts;

typedef enum hh_pool_action {
    HH_POOL_DIAL = 0,
    HH_POOL_EVICT_AND_DIAL,
    HH_POOL_WAIT_DIAL, /* the dial under way may serve this one too */
    HH_POOL_WAIT_SLOT, /* until growth_due_ns, for a slot on a connection that is full */
    HH_POOL_WAIT_HERE, /* the origin's own cap: one of its own connections must come back */
    HH_POOL_WAIT_TOTAL /* the total cap: any connection must come back */
} hh_pool_action;

hh_pool_action hh__decide_pool_action(const hh_pool_counts *counts);

/* May a connection that has just come free, and whose own origin has waiters, be closed in favour
 * of another origin that the total cap keeps waiting? Only when that one has none at all, or has
 * waited too long. */
typedef enum hh_pool_turn { HH_POOL_KEEP = 0, HH_POOL_GIVE_WAY } hh_pool_turn;
hh_pool_turn hh__decide_pool_turn(size_t other_open, int64_t other_waited_ns,
                                  int64_t own_waited_ns);

/* When an idle connection expires: after the client's limit or the peer's own (`peer_timeout_s`,
 * UINT32_MAX: none given), with a margin so that a request doesn't cross the peer's close. 0:
 * never. Nanoseconds. */
int64_t hh__decide_idle_expiry(int64_t now_ns, int64_t limit_ns, uint32_t peer_timeout_s);

#endif
