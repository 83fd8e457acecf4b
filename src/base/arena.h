/*
 * arena.h - many small allocations that end together. Blocks double from 1 KiB to 64 KiB; `limit`
 * bounds the sum. Memory is aligned for any type.
 */
#ifndef HH_BASE_ARENA_H
#define HH_BASE_ARENA_H

#include <hyperhttp/base.h>

typedef struct hh_arena_block hh_arena_block;
typedef struct hh_arena {
    hh_arena_block *blocks;
    size_t used;
    size_t limit;
} hh_arena;

void hh__arena_init(hh_arena *arena, size_t limit_bytes);
void hh__arena_finish(hh_arena *arena);
/* NULL when out of memory or past the limit. */
void *hh__arena_alloc(hh_arena *arena, size_t size);
/* A NUL-terminated copy; data NULL on failure. */
hh_slice hh__arena_copy(hh_arena *arena, hh_slice text);

#endif
