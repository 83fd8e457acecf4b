/*
 * arena.c - allocations that end together. See arena.h for the contract.
 *
 * The newest block is the one that is filled; what doesn't fit into a block of usual size gets one
 * of its own, put behind the newest so that the room left in that isn't lost. `used` counts bytes
 * given out with their padding, so the limit bounds memory and not merely what was asked for.
 */
#include "base/arena.h"

#include <stdalign.h>

#include "base/memory.h"

enum { FIRST_BLOCK_BYTES = 1024, LARGEST_BLOCK_BYTES = 65536 };

struct hh_arena_block {
    hh_arena_block *next;
    size_t capacity; /* of data */
    size_t used;
    alignas(max_align_t) char data[];
};

void hh__arena_init(hh_arena *arena, size_t limit_bytes)
{
    arena->blocks = NULL;
    arena->used = 0;
    arena->limit = limit_bytes;
}

void hh__arena_finish(hh_arena *arena)
{
    hh_arena_block *block = arena->blocks;
    while (block != NULL) {
        hh_arena_block *next = block->next;
        hh__free(block);
        block = next;
    }
    hh__arena_init(arena, arena->limit);
}

/* A new block with room for `size` bytes, linked in. */
static hh_arena_block *add_block(hh_arena *arena, size_t size)
{
    hh_arena_block *newest = arena->blocks;
    size_t total = FIRST_BLOCK_BYTES;
    if (newest != NULL) {
        total = (sizeof(hh_arena_block) + newest->capacity) * 2;
        if (total > LARGEST_BLOCK_BYTES)
            total = LARGEST_BLOCK_BYTES;
    }
    size_t capacity = total - sizeof(hh_arena_block);
    int has_own_block = size > capacity;
    if (has_own_block)
        capacity = size;
    if (capacity > SIZE_MAX - sizeof(hh_arena_block))
        return NULL;
    hh_arena_block *block = hh__malloc(sizeof(hh_arena_block) + capacity);
    if (block == NULL)
        return NULL;
    block->capacity = capacity;
    block->used = 0;
    if (has_own_block && newest != NULL) {
        block->next = newest->next;
        newest->next = block;
    } else {
        block->next = newest;
        arena->blocks = block;
    }
    return block;
}

/* `alignment` is a power of two. */
static char *take(hh_arena *arena, size_t size, size_t alignment)
{
    hh_arena_block *block = arena->blocks;
    size_t left = arena->limit - arena->used;
    size_t padding = block != NULL ? (size_t)-block->used & (alignment - 1) : 0;
    if (block == NULL || padding > block->capacity - block->used ||
        size > block->capacity - block->used - padding) {
        if (size > left)
            return NULL;
        block = add_block(arena, size);
        if (block == NULL)
            return NULL;
        padding = 0;
    }
    if (padding > left || size > left - padding)
        return NULL;
    char *room = block->data + block->used + padding;
    block->used += padding + size;
    arena->used += padding + size;
    return room;
}

void *hh__arena_alloc(hh_arena *arena, size_t size)
{
    /* Two allocations never share an address, not even empty ones. */
    return take(arena, size != 0 ? size : 1, alignof(max_align_t));
}

hh_slice hh__arena_copy(hh_arena *arena, hh_slice text)
{
    hh_slice copy = {NULL, 0};
    if (text.length == SIZE_MAX)
        return copy;
    char *room = take(arena, text.length + 1, 1);
    if (room == NULL)
        return copy;
    if (text.length != 0)
        memcpy(room, text.data, text.length);
    room[text.length] = '\0';
    copy.data = room;
    copy.length = text.length;
    return copy;
}
