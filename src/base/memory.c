/*
 * memory.c - the one door to the heap. See memory.h for the contract.
 *
 * A size of 0 gives a real block, so that NULL always means failure. Sizes past PTRDIFF_MAX are
 * refused here already: no object may be so large, and instrumented allocators abort on them.
 */
#include "base/memory.h"

#include <stdint.h>
#include <string.h>

static int size_is_sane(size_t count, size_t size)
{
    return size == 0 || count <= (size_t)PTRDIFF_MAX / size;
}

void *hh__calloc(size_t count, size_t size)
{
    if (!size_is_sane(count, size))
        return NULL;
    if (count == 0 || size == 0)
        return calloc(1, 1);
    return calloc(count, size);
}

void *hh__malloc(size_t size)
{
    if (!size_is_sane(size, 1))
        return NULL;
    return malloc(size != 0 ? size : 1);
}

void *hh__realloc_array(void *old, size_t count, size_t size)
{
    if (!size_is_sane(count, size))
        return NULL;
    size_t total = count * size;
    /* realloc to 0 frees the block in some libraries. */
    return realloc(old, total != 0 ? total : 1);
}

char *hh__copy_text(const char *data, size_t length)
{
    if (length >= (size_t)PTRDIFF_MAX)
        return NULL;
    char *copy = hh__malloc(length + 1);
    if (copy == NULL)
        return NULL;
    if (length != 0)
        memcpy(copy, data, length);
    copy[length] = '\0';
    return copy;
}
