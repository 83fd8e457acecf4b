/*
 * h2_memory.c - see h2_memory.h. Each block has its size class in front of it, since nghttp2 tells
 * none when it frees. Under AddressSanitizer nothing is kept: every use after free shows.
 */
#include "conn/h2_memory.h"

#include <string.h>

#include "base/limits.h"
#include "base/memory.h"

#define CLASS_STEP_BYTES 64 /* class n has n + 1 of them */
#define CLASS_NONE HH_H2_BLOCK_CLASSES

#if defined(__SANITIZE_ADDRESS__)
static const unsigned kept_max = 0;
#else
static const unsigned kept_max = HH_H2_BLOCKS_KEPT_MAX;
#endif

/* In front of the bytes that nghttp2 gets, which stay aligned for any type. */
typedef struct block {
    _Alignas(16) struct block *next_free;
    uint32_t kind;
} block;

static block *block_of(void *memory)
{
    return (block *)memory - 1;
}

static void *allocate(size_t size, void *user)
{
    hh_conn_env *env = user;
    size_t kind = size == 0 ? 0 : (size - 1) / CLASS_STEP_BYTES;
    block *taken;
    if (size > SIZE_MAX - sizeof(block))
        return NULL;
    if (kind >= HH_H2_BLOCK_CLASSES) {
        taken = hh__malloc(sizeof(block) + size);
        kind = CLASS_NONE;
    } else if (env->h2_blocks[kind].free != NULL) {
        taken = env->h2_blocks[kind].free;
        env->h2_blocks[kind].free = taken->next_free;
        env->h2_blocks[kind].count--;
    } else {
        taken = hh__malloc(sizeof(block) + (kind + 1) * CLASS_STEP_BYTES);
    }
    if (taken == NULL)
        return NULL;
    taken->kind = (uint32_t)kind;
    return taken + 1;
}

static void release(void *memory, void *user)
{
    hh_conn_env *env = user;
    if (memory == NULL)
        return;
    block *given = block_of(memory);
    uint32_t kind = given->kind;
    if (kind == CLASS_NONE || env->keeps_no_blocks || env->h2_blocks[kind].count >= kept_max) {
        hh__free(given);
        return;
    }
    given->next_free = env->h2_blocks[kind].free;
    env->h2_blocks[kind].free = given;
    env->h2_blocks[kind].count++;
}

static void *allocate_zeroed(size_t count, size_t size, void *user)
{
    if (size != 0 && count > SIZE_MAX / size)
        return NULL;
    void *memory = allocate(count * size, user);
    if (memory != NULL)
        memset(memory, 0, count * size);
    return memory;
}

/* A kept block isn't smaller than its class; a larger one is told by the general allocator alone.
 */
static void *reallocate(void *memory, size_t size, void *user)
{
    if (memory == NULL)
        return allocate(size, user);
    block *given = block_of(memory);
    if (given->kind == CLASS_NONE) {
        block *moved = size > SIZE_MAX - sizeof(block)
                           ? NULL
                           : hh__realloc_array(given, 1, sizeof(block) + size);
        return moved != NULL ? moved + 1 : NULL;
    }
    size_t held = (given->kind + 1) * (size_t)CLASS_STEP_BYTES;
    if (size <= held)
        return memory;
    void *moved = allocate(size, user);
    if (moved == NULL)
        return NULL;
    memcpy(moved, memory, held);
    release(memory, user);
    return moved;
}

nghttp2_mem hh__h2_memory(hh_conn_env *env)
{
    return (nghttp2_mem){env, allocate, release, allocate_zeroed, reallocate};
}

void hh__h2_memory_finish(hh_conn_env *env)
{
    env->keeps_no_blocks = true;
    for (size_t kind = 0; kind < HH_H2_BLOCK_CLASSES; kind++) {
        block *kept;
        while ((kept = env->h2_blocks[kind].free) != NULL) {
            env->h2_blocks[kind].free = kept->next_free;
            hh__free(kept);
        }
        env->h2_blocks[kind].count = 0;
    }
}

size_t hh__h2_memory_spare_bytes(const hh_conn_env *env)
{
    size_t bytes = 0;
    for (size_t kind = 0; kind < HH_H2_BLOCK_CLASSES; kind++)
        bytes +=
            env->h2_blocks[kind].count * (sizeof(block) + (kind + 1) * (size_t)CLASS_STEP_BYTES);
    return bytes;
}
