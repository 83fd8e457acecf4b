/*
 * heap.c - the 4-ary min-heap. See heap.h for the contract.
 *
 * Four children to a node halve the depth of a binary heap, and the children compared stand in one
 * cache line. Invariants: items[i]->place == i + 1; items[i]->key >= its parent's key.
 */
#include "base/heap.h"

#include <assert.h>

#include "base/memory.h"

enum { ARITY = 4, FIRST_CAPACITY = 16 };

void hh__heap_init(hh_heap *heap)
{
    heap->items = NULL;
    heap->count = 0;
    heap->capacity = 0;
}

void hh__heap_finish(hh_heap *heap)
{
    hh__free(heap->items);
    hh__heap_init(heap);
}

hh_status hh__heap_reserve(hh_heap *heap, size_t count)
{
    if (count <= heap->capacity)
        return HH_OK;
    size_t capacity = heap->capacity != 0 ? heap->capacity : FIRST_CAPACITY;
    while (capacity < count)
        capacity = capacity > SIZE_MAX / 2 ? count : capacity * 2;
    hh_heap_item **items = hh__realloc_array(heap->items, capacity, sizeof(*items));
    if (items == NULL)
        return HH_ERR_NO_MEMORY;
    heap->items = items;
    heap->capacity = capacity;
    return HH_OK;
}

static void put(hh_heap *heap, size_t index, hh_heap_item *item)
{
    heap->items[index] = item;
    item->place = index + 1;
}

/* Both start from a hole at `index` and end with `item` in its right place. */
static void sift_up(hh_heap *heap, size_t index, hh_heap_item *item)
{
    while (index != 0) {
        size_t parent = (index - 1) / ARITY;
        if (heap->items[parent]->key <= item->key)
            break;
        put(heap, index, heap->items[parent]);
        index = parent;
    }
    put(heap, index, item);
}

static void sift_down(hh_heap *heap, size_t index, hh_heap_item *item)
{
    for (;;) {
        size_t child = index * ARITY + 1;
        if (child >= heap->count)
            break;
        size_t end = heap->count - child > ARITY ? child + ARITY : heap->count;
        size_t smallest = child;
        for (child++; child < end; child++) {
            if (heap->items[child]->key < heap->items[smallest]->key)
                smallest = child;
        }
        if (heap->items[smallest]->key >= item->key)
            break;
        put(heap, index, heap->items[smallest]);
        index = smallest;
    }
    put(heap, index, item);
}

static void sift(hh_heap *heap, size_t index, hh_heap_item *item)
{
    if (index != 0 && heap->items[(index - 1) / ARITY]->key > item->key)
        sift_up(heap, index, item);
    else
        sift_down(heap, index, item);
}

hh_status hh__heap_add(hh_heap *heap, hh_heap_item *item)
{
    assert(item->place == 0);
    hh_status status = hh__heap_reserve(heap, heap->count + 1);
    if (status != HH_OK)
        return status;
    heap->count++;
    sift_up(heap, heap->count - 1, item);
    return HH_OK;
}

void hh__heap_remove(hh_heap *heap, hh_heap_item *item)
{
    if (item->place == 0)
        return;
    size_t index = item->place - 1;
    assert(index < heap->count && heap->items[index] == item);
    item->place = 0;
    heap->count--;
    if (index != heap->count)
        sift(heap, index, heap->items[heap->count]);
}

void hh__heap_move(hh_heap *heap, hh_heap_item *item, int64_t key)
{
    assert(item->place != 0 && heap->items[item->place - 1] == item);
    item->key = key;
    sift(heap, item->place - 1, item);
}

hh_heap_item *hh__heap_first(const hh_heap *heap)
{
    return heap->count != 0 ? heap->items[0] : NULL;
}
