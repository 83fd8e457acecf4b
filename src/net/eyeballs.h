/*
 * eyeballs.h - Happy Eyeballs v2 (RFC 8305) as a pure decision: which address to try next, and
 * when.
 *
 * Addresses come in while attempts are under way. IPv6 goes first, then the families take turns
 * (§4); within a family the order given is kept, for the resolver has sorted by RFC 6724. A first
 * answer without IPv6 waits the resolution delay (§3); attempts start a stagger apart (§5), or at
 * once after one has failed.
 *
 * Leaves to others: sockets (connector), names (resolver), reading the clock. Invariant: an address
 * is handed out at most once, and at most HH_ADDRESSES_MAX in all.
 */
#ifndef HH_NET_EYEBALLS_H
#define HH_NET_EYEBALLS_H

#include "base/limits.h"
#include "net/address.h"

typedef enum hh_eyeballs_step {
    HH_EYEBALLS_TRY,      /* start an attempt on the address given, now */
    HH_EYEBALLS_WAIT,     /* ask again at the time given (0: at the next change) */
    HH_EYEBALLS_EXHAUSTED /* every address there will be has been handed out */
} hh_eyeballs_step;

typedef struct hh_eyeballs {
    hh_address addresses[HH_ADDRESSES_MAX];
    bool is_taken[HH_ADDRESSES_MAX];
    unsigned count;
    unsigned taken;
    int only_family; /* AF_UNSPEC: any */
    int last_family; /* of the address handed out last; AF_UNSPEC: none yet */
    bool is_complete;
    int64_t next_ns; /* not before this time; 0: at once */
} hh_eyeballs;

/* `only_family`: AF_INET or AF_INET6 to leave the other one out, else AF_UNSPEC. */
void hh__eyeballs_init(hh_eyeballs *eyeballs, int only_family);
/* Takes up what it doesn't know yet. `now_ns` starts the resolution delay with the first one. */
void hh__eyeballs_add(hh_eyeballs *eyeballs, const hh_address *addresses, size_t count,
                      int64_t now_ns);
/* No more addresses will come. */
void hh__eyeballs_complete(hh_eyeballs *eyeballs);
/* An attempt failed: the next one need not wait. */
void hh__eyeballs_fail(hh_eyeballs *eyeballs);
/* TRY fills *address, WAIT fills *until_ns. */
hh_eyeballs_step hh__eyeballs_decide(hh_eyeballs *eyeballs, int64_t now_ns, hh_address *address,
                                     int64_t *until_ns);

#endif
