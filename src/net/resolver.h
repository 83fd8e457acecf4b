/*
 * resolver.h - names to addresses, as the system says (ARCHITECTURE.md): overrides, IP literals,
 * "localhost" always loopback (RFC 6761 §6.3), the hosts file, a TTL cache with negative entries,
 * then c-ares in the loop, or getaddrinfo on a thread where nsswitch.conf asks for more than
 * "files" and "dns" or the caller wants it.
 *
 * Leaves to others: which address to try first and when (net/dial). Sharing: lookups of the same
 * name under way at once share one pair of queries. Bounds: HH_DNS_ constants. Belongs to one loop.
 */
#ifndef HH_NET_RESOLVER_H
#define HH_NET_RESOLVER_H

#include "base/limits.h"
#include "net/address.h"
#include "net/loop.h"

typedef struct hh_resolver hh_resolver;

typedef enum hh_resolve_with {
    HH_RESOLVE_AUTO = 0,
    HH_RESOLVE_BUILTIN,
    HH_RESOLVE_SYSTEM
} hh_resolve_with;

typedef struct hh_resolver_options {
    hh_resolve_with with;
    const char *servers; /* "10.0.0.1,[::1]:5353"; NULL: resolv.conf, re-read when it changes */
    const char *const
        *overrides; /* "host:port:addr[,addr]..." as curl's --resolve; "*" matches all hosts */
    size_t override_count;
    const char *hosts_path;       /* NULL: /etc/hosts */
    const char *nsswitch_path;    /* NULL: /etc/nsswitch.conf */
    const char *resolv_conf_path; /* NULL: /etc/resolv.conf; search domains also with `servers` */
} hh_resolver_options;

typedef struct hh_resolver_stats {
    uint64_t queries; /* names sent to a server or a thread */
    uint64_t cache_hits;
} hh_resolver_stats;

/* One question. The caller's memory, zeroed but for the first two fields; stays in place until
 * finished or cancelled. */
typedef struct hh_lookup {
    void *owner;
    /* New addresses, or the end. Called in hh__loop_run only, never from hh__lookup_start. */
    void (*on_progress)(struct hh_lookup *lookup);

    hh_address addresses[HH_ADDRESSES_MAX]; /* in the order found; ports set */
    size_t count;
    bool is_finished; /* no more will come; with count 0, error says why */
    bool from_cache;  /* override, literal, hosts file and cache count */
    hh_error error;

    hh_link link; /* the resolver's */
    uint16_t port;
    void *query;
} hh_lookup;

/* HH_ERR_INVALID_ARGUMENT (an override or server list that can't be read; the sentence quotes it),
 * HH_ERR_NO_MEMORY. Opens nothing yet: the c-ares channel and the threads come with the first
 * question. */
HH_WARN_UNUSED hh_status hh__resolver_create(hh_loop *loop, const hh_resolver_options *options,
                                             hh_resolver **out, hh_error *error);
/* All lookups must be over or cancelled. */
void hh__resolver_destroy(hh_resolver *resolver);

/* Asks for `host` (as in a URL: lower case, A-labels, or an IP literal with or without brackets).
 * May finish at once: look at is_finished. Failing to start is a finished lookup with an error, so
 * there is no status. */
void hh__lookup_start(hh_resolver *resolver, hh_lookup *lookup, hh_slice host, uint16_t port);
/* No on_progress afterwards. Harmless when finished. */
void hh__lookup_cancel(hh_resolver *resolver, hh_lookup *lookup);

hh_resolver_stats hh__resolver_stats(const hh_resolver *resolver);

#endif
