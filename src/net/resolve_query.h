/*
 * resolve_query.h - one name under way: the seam between the resolver's front (resolver.c) and the
 * two that can ask (resolve_cares.c, resolve_system.c).
 *
 * A query is the front's memory and is shared by all lookups of its name. Whoever asks adds what it
 * finds and finishes it exactly once; the front reports to the lookups later, from the loop, so
 * both calls are legal at any moment, also while the query is being started. Internal to the
 * resolver.
 */
#ifndef HH_NET_RESOLVE_QUERY_H
#define HH_NET_RESOLVE_QUERY_H

#include "net/resolver.h"

typedef enum hh_resolve_outcome {
    HH_RESOLVE_FOUND = 0,
    HH_RESOLVE_NO_NAME,    /* NXDOMAIN */
    HH_RESOLVE_NO_ADDRESS, /* the name is there, an address isn't */
    HH_RESOLVE_NO_ANSWER,  /* the servers failed; may work later */
    HH_RESOLVE_NO_MEMORY
} hh_resolve_outcome;

typedef struct hh_resolve_end {
    hh_resolve_outcome outcome;
    int64_t ttl_ms;     /* 0: not to be cached */
    uint32_t dns_error; /* c-ares' status, or getaddrinfo's without its sign */
    const char *detail; /* static, NULL: none */
} hh_resolve_end;

typedef struct hh_resolve_query {
    hh_resolver *resolver;
    hh_slice name; /* lower case, NUL-terminated, perhaps with the root's dot */
    hh_list lookups;
    hh_link ready; /* in the front's list of news */
    hh_address addresses[HH_ADDRESSES_MAX];
    size_t count;
    bool is_finished;
    hh_resolve_end end;
    char text[]; /* of name */
} hh_resolve_query;

/* Adds addresses (ports 0), leaving out what is there already and what is over HH_ADDRESSES_MAX. */
void hh__query_add(hh_resolve_query *query, const hh_address *addresses, size_t count);
/* With addresses found, the outcome must be HH_RESOLVE_FOUND. The query is the front's again. */
void hh__query_finish(hh_resolve_query *query, const hh_resolve_end *end);

#endif
