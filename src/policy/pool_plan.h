/*
 * pool_plan.h - what the pool does for a request that found no idle connection: pure counting.
 *
 * The pool keeps the books and acts; this decides. An origin's cap never blocks another origin, and
 * the total cap is shared by evicting the least recently used idle connection of another origin.
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

typedef struct hh_pool_counts {
    size_t open_here; /* connections of the origin, dials included */
    size_t cap_here;
    size_t open_total;
    size_t cap_total;
    size_t idle_elsewhere; /* idle connections of other origins */
} hh_pool_counts;

typedef enum hh_pool_action {
    HH_POOL_DIAL = 0,
    HH_POOL_EVICT_AND_DIAL,
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
