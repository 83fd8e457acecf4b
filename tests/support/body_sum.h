/*
 * body_sum.h - FNV-1a, to compare bodies by that are too large to keep.
 */
#ifndef TESTS_SUPPORT_BODY_SUM_H
#define TESTS_SUPPORT_BODY_SUM_H

#include <stddef.h>
#include <stdint.h>

#define BODY_SUM_START 2166136261u

/* The sum of what came before, which begins with BODY_SUM_START, and of `length` more bytes. */
static inline uint32_t body_sum(uint32_t sum, const char *data, size_t length)
{
    for (size_t i = 0; i < length; i++)
        sum = (sum ^ (unsigned char)data[i]) * 16777619u;
    return sum;
}

#endif
