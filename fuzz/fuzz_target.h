/*
 * fuzz_target.h - what every fuzz target stands on: its entry, CHECK, and bytes in memory of their
 * exact size, so that the sanitizer sees a read past the end.
 */
#ifndef FUZZ_FUZZ_TARGET_H
#define FUZZ_FUZZ_TARGET_H

#include <stdint.h>
#include <string.h>

#include "base/ascii.h"
#include "support/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

/* A copy for exact_free. A byte stands before it, for memory of no size at all would be rounded up.
 */
static inline hh_slice exact_copy(hh_slice data)
{
    char *memory = malloc(data.length + 1);
    CHECK(memory != NULL);
    if (data.length != 0)
        memcpy(memory + 1, data.data, data.length);
    return (hh_slice){memory + 1, data.length};
}

static inline void exact_free(hh_slice copy)
{
    free((void *)(uintptr_t)(copy.data - 1));
}

#endif
