/*
 * buf.c - counted buffers and their pool. See buf.h for the contract.
 *
 * The free list is last in, first out: the buffer used last is the one still in the cache. A buffer
 * knows its pool's books, not the pool, so that either may outlive the other. Memory order: a share
 * is dropped with release, and whoever drops the last one acquires, so it sees all that was done to
 * the bytes.
 */
#include "base/buf.h"

#include <assert.h>
#include <stdbool.h>

#include "base/memory.h"

hh_buf *hh__buf_create(uint32_t capacity)
{
    size_t size = sizeof(hh_buf) + capacity;
    hh_buf *buf = size > capacity ? hh__malloc(size) : NULL;
    if (buf == NULL)
        return NULL;
    atomic_init(&buf->refs, 1);
    buf->capacity = capacity;
    buf->books = NULL;
    buf->next_free = NULL;
    return buf;
}

static void unref_books(hh_buf_books *books)
{
    if (books != NULL && atomic_fetch_sub_explicit(&books->refs, 1, memory_order_acq_rel) == 1)
        hh__free(books);
}

static void destroy(hh_buf *buf)
{
    unref_books(buf->books);
    hh__free(buf);
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
    if (buf == NULL || !drop_share(buf))
        return;
    if (buf->books != NULL)
        atomic_fetch_add_explicit(&buf->books->dropped, 1, memory_order_relaxed);
    destroy(buf);
}

void hh__buf_pool_init(hh_buf_pool *pool, uint32_t capacity, unsigned kept_max)
{
    pool->free_list = NULL;
    pool->capacity = capacity;
    pool->free_count = 0;
    pool->kept_max = kept_max;
    pool->in_use = 0;
    pool->books = NULL;
}

void hh__buf_pool_finish(hh_buf_pool *pool)
{
    hh_buf *buf = pool->free_list;
    while (buf != NULL) {
        hh_buf *next = buf->next_free;
        destroy(buf);
        buf = next;
    }
    unref_books(pool->books);
    pool->books = NULL;
    pool->free_list = NULL;
    pool->free_count = 0;
}

static bool open_books(hh_buf_pool *pool)
{
    if (pool->books != NULL)
        return true;
    pool->books = hh__malloc(sizeof *pool->books);
    if (pool->books == NULL)
        return false;
    atomic_init(&pool->books->refs, 1);
    atomic_init(&pool->books->dropped, 0);
    return true;
}

static hh_buf *create_pooled(hh_buf_pool *pool)
{
    hh_buf *buf = open_books(pool) ? hh__buf_create(pool->capacity) : NULL;
    if (buf == NULL)
        return NULL;
    atomic_fetch_add_explicit(&pool->books->refs, 1, memory_order_relaxed);
    buf->books = pool->books;
    return buf;
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
        buf = create_pooled(pool);
        if (buf == NULL)
            return NULL;
    }
    pool->in_use++;
    return buf;
}

uint64_t hh__buf_pool_in_use(const hh_buf_pool *pool)
{
    if (pool->books == NULL)
        return 0;
    return pool->in_use - atomic_load_explicit(&pool->books->dropped, memory_order_relaxed);
}

void hh__buf_release(hh_buf_pool *pool, hh_buf *buf)
{
    if (buf == NULL || !drop_share(buf))
        return;
    if (buf->books == NULL || buf->books != pool->books) {
        destroy(buf);
        return;
    }
    pool->in_use--;
    if (pool->free_count >= pool->kept_max) {
        destroy(buf);
        return;
    }
    buf->next_free = pool->free_list;
    pool->free_list = buf;
    pool->free_count++;
}
