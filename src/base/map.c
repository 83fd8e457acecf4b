/*
 * map.c - the hash map and its hash. See map.h for the contract.
 *
 * Linear probing, at most three quarters full. Removal moves the followers of a run back instead of
 * leaving tombstones, so a map that lives long stays as fast as a fresh one. Invariant: between an
 * entry's home slot and its place no slot is empty.
 *
 * SipHash-1-3 under a secret key: whoever chooses the keys (host names, field names) can't choose
 * collisions. Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012.
 */
#include "base/map.h"

#include <assert.h>
#include <endian.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/memory.h"
#include "base/random.h"

enum { FIRST_CAPACITY = 8 };

static uint64_t hash_key[2];
static pthread_once_t hash_key_once = PTHREAD_ONCE_INIT;

static void make_hash_key(void)
{
    hh__random_bytes(hash_key, sizeof(hash_key));
}

static inline uint64_t rotate_left(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate_left(v[1], 13) ^ v[0];
    v[3] = rotate_left(v[3], 16) ^ v[2];
    v[0] = rotate_left(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate_left(v[1], 17) ^ v[2];
    v[3] = rotate_left(v[3], 21) ^ v[0];
    v[2] = rotate_left(v[2], 32);
}

/* Fewer than 8 bytes. */
static inline uint64_t read_rest(const unsigned char *bytes, size_t count)
{
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

uint64_t hh__hash_keyed(hh_slice key, const uint64_t secret[2])
{
    uint64_t v[4] = {
        secret[0] ^ 0x736f6d6570736575u,
        secret[1] ^ 0x646f72616e646f6du,
        secret[0] ^ 0x6c7967656e657261u,
        secret[1] ^ 0x7465646279746573u,
    };
    const unsigned char *bytes = (const unsigned char *)key.data;
    size_t left = key.length;
    for (; left >= 8; left -= 8, bytes += 8) {
        uint64_t word;
        memcpy(&word, bytes, sizeof(word));
        word = le64toh(word);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    uint64_t last = (uint64_t)key.length << 56 | read_rest(bytes, left);
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t hh__hash(hh_slice key)
{
    pthread_once(&hash_key_once, make_hash_key);
    return hh__hash_keyed(key, hash_key);
}

void hh__map_init(hh_map *map)
{
    map->entries = NULL;
    map->capacity = 0;
    map->count = 0;
}

void hh__map_finish(hh_map *map)
{
    hh__free(map->entries);
    hh__map_init(map);
}

static bool keys_equal(hh_slice a, hh_slice b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

/* The entry of `key`, or the empty slot where it belongs. The map has at least one empty slot. */
static hh_map_entry *find(const hh_map *map, hh_slice key, uint64_t hash)
{
    size_t mask = map->capacity - 1;
    for (size_t i = (size_t)hash & mask;; i = (i + 1) & mask) {
        hh_map_entry *entry = &map->entries[i];
        if (entry->value == NULL || (entry->hash == hash && keys_equal(entry->key, key)))
            return entry;
    }
}

static hh_status grow(hh_map *map)
{
    if (map->capacity > SIZE_MAX / 2)
        return HH_ERR_NO_MEMORY;
    hh_map larger;
    larger.capacity = map->capacity != 0 ? map->capacity * 2 : FIRST_CAPACITY;
    larger.count = map->count;
    larger.entries = hh__calloc(larger.capacity, sizeof(*larger.entries));
    if (larger.entries == NULL)
        return HH_ERR_NO_MEMORY;
    for (size_t i = 0; i < map->capacity; i++) {
        const hh_map_entry *entry = &map->entries[i];
        if (entry->value != NULL)
            *find(&larger, entry->key, entry->hash) = *entry;
    }
    hh__free(map->entries);
    *map = larger;
    return HH_OK;
}

void *hh__map_get(const hh_map *map, hh_slice key)
{
    if (map->count == 0)
        return NULL;
    return find(map, key, hh__hash(key))->value;
}

hh_status hh__map_set(hh_map *map, hh_slice key, void *value)
{
    assert(value != NULL);
    uint64_t hash = hh__hash(key);
    hh_map_entry *entry = map->capacity != 0 ? find(map, key, hash) : NULL;
    if (entry == NULL || entry->value == NULL) {
        if (map->count >= map->capacity - map->capacity / 4) {
            hh_status status = grow(map);
            if (status != HH_OK)
                return status;
            entry = find(map, key, hash);
        }
        map->count++;
    }
    entry->key = key;
    entry->value = value;
    entry->hash = hash;
    return HH_OK;
}

void *hh__map_remove(hh_map *map, hh_slice key)
{
    if (map->count == 0)
        return NULL;
    hh_map_entry *entry = find(map, key, hh__hash(key));
    void *value = entry->value;
    if (value == NULL)
        return NULL;
    size_t mask = map->capacity - 1;
    size_t hole = (size_t)(entry - map->entries);
    for (size_t i = (hole + 1) & mask; map->entries[i].value != NULL; i = (i + 1) & mask) {
        /* It may fill the hole only when that isn't before its home slot. */
        size_t home = (size_t)map->entries[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            map->entries[hole] = map->entries[i];
            hole = i;
        }
    }
    memset(&map->entries[hole], 0, sizeof(map->entries[hole]));
    map->count--;
    return value;
}

void *hh__map_next(const hh_map *map, size_t *cursor)
{
    while (*cursor < map->capacity) {
        void *value = map->entries[(*cursor)++].value;
        if (value != NULL)
            return value;
    }
    return NULL;
}
