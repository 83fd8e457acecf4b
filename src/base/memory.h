/*
 * memory.h - allocation with checked arithmetic.
 *
 * Everything on the heap comes from here, so a test can fail each allocation in turn by wrapping
 * malloc, calloc and realloc at link time. NULL means: out of memory, or the sizes overflow.
 */
#ifndef HH_BASE_MEMORY_H
#define HH_BASE_MEMORY_H

#include <stddef.h>
#include <stdlib.h>

/* Room for `count` zeroed items of `size` bytes. */
void *hh__calloc(size_t count, size_t size);
/* Uninitialised room. */
void *hh__malloc(size_t size);
/* `count` items of `size` bytes; `old` stays valid when NULL comes back. */
void *hh__realloc_array(void *old, size_t count, size_t size);
/* A NUL-terminated copy of `length` bytes. */
char *hh__copy_text(const char *data, size_t length);
static inline void hh__free(void *memory)
{
    free(memory);
}

#define HH_CONTAINER_OF(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))
#define HH_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
