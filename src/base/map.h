/*
 * map.h - a hash map from byte strings to pointers: open addressing, keyed hash (SipHash-1-3 under
 * a random key of the process), keys compared in full. Keys are borrowed: they must live as long as
 * their entry.
 */
#ifndef HH_BASE_MAP_H
#define HH_BASE_MAP_H

#include <hyperhttp/base.h>

typedef struct hh_map_entry {
    hh_slice key;
    void *value; /* NULL: empty slot */
    uint64_t hash;
} hh_map_entry;

typedef struct hh_map {
    hh_map_entry *entries;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
} hh_map;

uint64_t hh__hash(hh_slice key);
/* The same under a key of the caller's. */
uint64_t hh__hash_keyed(hh_slice key, const uint64_t secret[2]);

void hh__map_init(hh_map *map);
void hh__map_finish(hh_map *map); /* the table only, not the values */
/* The value under `key`, NULL when there is none. */
void *hh__map_get(const hh_map *map, hh_slice key);
/* Sets it; an entry of the same key is replaced, key and value. HH_ERR_NO_MEMORY leaves the map as
 * it was. */
HH_WARN_UNUSED hh_status hh__map_set(hh_map *map, hh_slice key, void *value);
/* Removes the entry and returns its value, NULL when there was none. Never allocates. */
void *hh__map_remove(hh_map *map, hh_slice key);
/* Goes through all values: *cursor starts at 0; NULL at the end. The map must not change meanwhile.
 */
void *hh__map_next(const hh_map *map, size_t *cursor);

#endif
