/*
 * buf.c - counted buffers and their pool. See buf.h for the contract.
 *
 * The free list is last in, first out: the buffer used last is the one still in the cache. A buffer
 * knows no pool, so that either may outlive the other. Memory order: a share is dropped with
 * release, and whoever drops the last one acquires, so it sees all that was done to the bytes.
 */
#include "base/buf.h"

#include <assert.h>

#include "base/memory.h"

hh_buf *hh__buf_create(uint32_t capacity)
{
    size_t size = sizeof(hh_buf) + capacity;
    hh_buf *buf = size > capacity ? hh__malloc(size) : NULL;
    if (buf == NULL)
        return NULL;
    atomic_init(&buf->refs, 1);
    buf->capacity = capacity;
    buf->next_free = NULL;
    return buf;
}

/* True when the share dropped was the last. */
static int drop_share(hh_buf *buf)
{
    /* Who holds the only share needs no locked instruction: nobody else can add one. */
    if (atomic_load_explicit(&buf->refs, memory_order_acquire) == 1)
        return 1;
    unsigned before = atomic_fetch_sub_explicit(&buf->refs, 1, memory_order_acq_rel);
    assert(before != 0);
    return before == 1;
}

hh_buf *hh_buf_ref(hh_buf *buf)
{
    if (buf != NULL)
        atomic_fetch_add_explicit(&buf->refs, 1, memory_order_relaxed);
    return buf;
}

void hh_buf_unref(hh_buf *buf)
{
    if (buf != NULL && drop_share(buf))
        hh__free(buf);
}

void hh__buf_pool_init(hh_buf_pool *pool, uint32_t capacity, unsigned kept_max)
{
    pool->free_list = NULL;
    pool->capacity = capacity;
    pool->free_count = 0;
    pool->kept_max = kept_max;
    pool->in_use = 0;
}

void hh__buf_pool_finish(hh_buf_pool *pool)
{
    hh_buf *buf = pool->free_list;
    while (buf != NULL) {
        hh_buf *next = buf->next_free;
        hh__free(buf);
        buf = next;
    }
    pool->free_list = NULL;
    pool->free_count = 0;
}

hh_buf *hh__buf_take(hh_buf_pool *pool)
{
    hh_buf *buf = pool->free_list;
    if (buf != NULL) {
        pool->free_list = buf->next_free;
        pool->free_count--;
        buf->next_free = NULL;
        atomic_store_explicit(&buf->refs, 1, memory_order_relaxed);
    } else {
        buf = hh__buf_create(pool->capacity);
        if (buf == NULL)
            return NULL;
    }
    pool->in_use++;
    return buf;
}

void hh__buf_release(hh_buf_pool *pool, hh_buf *buf)
{
    if (buf == NULL || !drop_share(buf))
        return;
    if (buf->capacity != pool->capacity) {
        hh__free(buf);
        return;
    }
    if (pool->in_use != 0)
        pool->in_use--;
    if (pool->free_count >= pool->kept_max) {
        hh__free(buf);
        return;
    }
    buf->next_free = pool->free_list;
    pool->free_list = buf;
    pool->free_count++;
}
