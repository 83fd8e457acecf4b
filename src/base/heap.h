/*
 * heap.h - a 4-ary min-heap of deadlines, intrusive: the item holds its own place, so removal is
 * O(log n).
 */
#ifndef HH_BASE_HEAP_H
#define HH_BASE_HEAP_H

#include <hyperhttp/base.h>

typedef struct hh_heap_item {
    int64_t key;
    size_t place; /* index + 1; 0: in no heap */
} hh_heap_item;

typedef struct hh_heap {
    hh_heap_item **items;
    size_t count;
    size_t capacity;
} hh_heap;

void hh__heap_init(hh_heap *heap);
void hh__heap_finish(hh_heap *heap);
/* Room for `count` items in all, so that adding can't fail later. */
HH_WARN_UNUSED hh_status hh__heap_reserve(hh_heap *heap, size_t count);
/* Adds an item that is in no heap, under item->key. HH_ERR_NO_MEMORY. */
HH_WARN_UNUSED hh_status hh__heap_add(hh_heap *heap, hh_heap_item *item);
/* Takes it out; harmless when it isn't in. */
void hh__heap_remove(hh_heap *heap, hh_heap_item *item);
/* Moves an item that is in the heap to its new key. */
void hh__heap_move(hh_heap *heap, hh_heap_item *item, int64_t key);
/* The smallest, or NULL. */
hh_heap_item *hh__heap_first(const hh_heap *heap);

#endif
