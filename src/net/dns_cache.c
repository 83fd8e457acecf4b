/*
 * dns_cache.c - a map of answers with a list in order of use; see dns_cache.h.
 *
 * An entry is one allocation: addresses behind the struct, the name behind them. Expired entries go
 * when they are asked for, or at the list's end.
 */
#include "net/dns_cache.h"

#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"
#include "base/memory.h"

typedef struct entry {
    hh_link link; /* in cache->by_use, most recently used first */
    hh_slice name;
    int64_t expires_ns;
    int64_t ttl_ms;
    int outcome;
    uint32_t dns_error;
    size_t count;
    hh_address addresses[];
} entry;

struct hh_dns_cache {
    hh_map map;
    hh_list by_use;
    size_t entries_max;
};

hh_status hh__dns_cache_create(size_t entries_max, hh_dns_cache **out)
{
    hh_dns_cache *cache = hh__calloc(1, sizeof(*cache));
    if (cache == NULL)
        return HH_ERR_NO_MEMORY;
    hh__map_init(&cache->map);
    hh__list_init(&cache->by_use);
    cache->entries_max = entries_max;
    *out = cache;
    return HH_OK;
}

void hh__dns_cache_destroy(hh_dns_cache *cache)
{
    if (cache == NULL)
        return;
    hh__dns_cache_clear(cache);
    hh__map_finish(&cache->map);
    hh__free(cache);
}

static void drop(hh_dns_cache *cache, entry *old)
{
    hh__map_remove(&cache->map, old->name);
    hh__list_remove(&old->link);
    hh__free(old);
}

static int64_t clamp_ttl(const hh_dns_answer *answer)
{
    int64_t most = answer->count != 0 ? HH_DNS_TTL_MAX_MS : HH_DNS_NEGATIVE_TTL_MAX_MS;
    if (answer->ttl_ms > most)
        return most;
    return answer->ttl_ms < HH_DNS_TTL_MIN_MS ? HH_DNS_TTL_MIN_MS : answer->ttl_ms;
}

static entry *create_entry(hh_slice name, const hh_dns_answer *answer)
{
    size_t addresses_bytes = answer->count * sizeof(answer->addresses[0]);
    entry *fresh = hh__malloc(sizeof(*fresh) + addresses_bytes + name.length);
    if (fresh == NULL)
        return NULL;
    memset(fresh, 0, sizeof(*fresh));
    if (answer->count != 0)
        memcpy(fresh->addresses, answer->addresses, addresses_bytes);
    char *text = (char *)(fresh->addresses + answer->count);
    if (name.length != 0)
        memcpy(text, name.data, name.length);
    fresh->name.data = text;
    fresh->name.length = name.length;
    fresh->count = answer->count;
    fresh->outcome = answer->outcome;
    fresh->dns_error = answer->dns_error;
    return fresh;
}

hh_status hh__dns_cache_put(hh_dns_cache *cache, hh_slice name, const hh_dns_answer *answer,
                            int64_t now_ns)
{
    entry *old = hh__map_get(&cache->map, name);
    if (old != NULL)
        drop(cache, old);
    if (answer->count > HH_ADDRESSES_MAX || name.length > HH_HOST_MAX_BYTES + 1 ||
        cache->entries_max == 0)
        return HH_ERR_LIMIT;
    entry *fresh = create_entry(name, answer);
    if (fresh == NULL)
        return HH_ERR_NO_MEMORY;
    fresh->ttl_ms = clamp_ttl(answer);
    fresh->expires_ns = now_ns + fresh->ttl_ms * 1000000;
    while (cache->map.count >= cache->entries_max)
        drop(cache, HH_CONTAINER_OF(hh__list_last(&cache->by_use), entry, link));
    hh_status status = hh__map_set(&cache->map, fresh->name, fresh);
    if (status != HH_OK) {
        hh__free(fresh);
        return status;
    }
    hh__list_push_front(&cache->by_use, &fresh->link);
    return HH_OK;
}

bool hh__dns_cache_get(hh_dns_cache *cache, hh_slice name, int64_t now_ns, hh_dns_answer *out)
{
    entry *found = hh__map_get(&cache->map, name);
    if (found == NULL)
        return false;
    if (now_ns >= found->expires_ns) {
        drop(cache, found);
        return false;
    }
    hh__list_remove(&found->link);
    hh__list_push_front(&cache->by_use, &found->link);
    out->addresses = found->addresses;
    out->count = found->count;
    out->outcome = found->outcome;
    out->dns_error = found->dns_error;
    out->ttl_ms = found->ttl_ms;
    return true;
}

void hh__dns_cache_clear(hh_dns_cache *cache)
{
    for (hh_link *link; (link = hh__list_first(&cache->by_use)) != NULL;)
        drop(cache, HH_CONTAINER_OF(link, entry, link));
}

size_t hh__dns_cache_count(const hh_dns_cache *cache)
{
    return cache->map.count;
}
