/*
 * dns_cache.h - answers of the name servers, kept for their time: addresses, and the knowledge that
 * there are none (RFC 2308).
 *
 * Pure: the time comes in as an argument. Times to live are clamped to HH_DNS_TTL_MIN_MS and
 * HH_DNS_TTL_MAX_MS, or HH_DNS_NEGATIVE_TTL_MAX_MS for a negative answer. The least recently used
 * entry makes room for a new one. Addresses keep their order. Names are compared byte by byte: the
 * caller gives them in lower case.
 */
#ifndef HH_NET_DNS_CACHE_H
#define HH_NET_DNS_CACHE_H

#include "net/address.h"

typedef struct hh_dns_cache hh_dns_cache;

typedef struct hh_dns_answer {
    const hh_address *addresses; /* ports 0 */
    size_t count;                /* 0: a negative answer, `outcome` says which */
    int outcome;                 /* the caller's, kept as it is */
    int64_t ttl_ms;
    uint32_t dns_error; /* the caller's, kept as it is */
} hh_dns_answer;

HH_WARN_UNUSED hh_status hh__dns_cache_create(size_t entries_max, hh_dns_cache **out);
void hh__dns_cache_destroy(hh_dns_cache *cache);
/* Copies name and answer; an entry of the same name is replaced. HH_ERR_NO_MEMORY leaves no entry
 * of that name. */
HH_WARN_UNUSED hh_status hh__dns_cache_put(hh_dns_cache *cache, hh_slice name,
                                           const hh_dns_answer *answer, int64_t now_ns);
/* False when there is none that is still valid. The addresses are borrowed until the next put or
 * clear. */
bool hh__dns_cache_get(hh_dns_cache *cache, hh_slice name, int64_t now_ns, hh_dns_answer *out);
void hh__dns_cache_clear(hh_dns_cache *cache);
size_t hh__dns_cache_count(const hh_dns_cache *cache);

#endif
