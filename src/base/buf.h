/*
 * buf.h - pooled, counted blocks of bytes: what is received lives here and travels as slices.
 *
 * hh_buf is public by name only (hyperhttp/event.h). Its count is atomic, so any thread may drop
 * the last share, then its memory goes back to malloc. Under the client's lock, hh__buf_release
 * gives the last share back to the pool instead. A pool belongs to one thread at a time and may die
 * before its buffers; their common books, in which the drops outside of the pool are counted,
 * outlive both.
 */
#ifndef HH_BASE_BUF_H
#define HH_BASE_BUF_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <hyperhttp/base.h>

typedef struct hh_buf_books {
    atomic_uint refs; /* the pool's, and one for each buffer it made */
    atomic_uint_fast64_t dropped;
} hh_buf_books;

typedef struct hh_buf {
    atomic_uint refs;
    uint32_t capacity;
    hh_buf_books *books;      /* NULL: of no pool */
    struct hh_buf *next_free; /* in the pool's list only */
    char data[];
} hh_buf;

/* All buffers of one pool have the capacity given here. */
typedef struct hh_buf_pool {
    hh_buf *free_list;
    uint32_t capacity;
    unsigned free_count;
    unsigned kept_max;
    uint64_t in_use;     /* taken and not released through the pool: also what was dropped since */
    hh_buf_books *books; /* NULL until the first buffer is made */
} hh_buf_pool;

void hh__buf_pool_init(hh_buf_pool *pool, uint32_t capacity, unsigned kept_max);
void hh__buf_pool_finish(hh_buf_pool *pool);

/* A buffer with one share, content undefined; NULL when out of memory. */
hh_buf *hh__buf_take(hh_buf_pool *pool);
/* How many of the pool's buffers somebody holds. */
uint64_t hh__buf_pool_in_use(const hh_buf_pool *pool);
/* Drops one share; the last one puts the buffer back into `pool`. NULL is fine. */
void hh__buf_release(hh_buf_pool *pool, hh_buf *buf);
/* A buffer outside of any pool, `capacity` bytes, one share; NULL when out of memory. */
hh_buf *hh__buf_create(uint32_t capacity);

/* hh_buf_ref and hh_buf_unref (public) live in buf.c. */
HH_API hh_buf *hh_buf_ref(hh_buf *buf);
HH_API void hh_buf_unref(hh_buf *buf);

#endif
