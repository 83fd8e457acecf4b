/*
 * alloc_fail.c - the wrapped allocators. See alloc_fail.h for the contract.
 *
 * The linker (--wrap) turns each call of X into __wrap_X and each __real_X into X. `left` counts
 * down on every allocation while armed; the one that takes it from 1 to 0 fails, and with the
 * sticky mode all behind it. free isn't wrapped: blocks come from the real allocator.
 */
#include "support/alloc_fail.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t count, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
int __real_posix_memalign(void **out, size_t alignment, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t length_max);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
int __wrap_posix_memalign(void **out, size_t alignment, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t length_max);

enum mode { OFF, ONCE, STICKY };

static atomic_int mode = OFF;
static atomic_llong left;
static atomic_ullong count;
static atomic_ullong hits;
static _Thread_local bool is_exempt;

static void arm(enum mode wanted, uint64_t nth)
{
    atomic_store(&mode, OFF);
    alloc_fail_count_start();
    atomic_store(&left, (long long)nth);
    if (nth != 0)
        atomic_store(&mode, (int)wanted);
}

void alloc_fail_at(uint64_t nth)
{
    arm(ONCE, nth);
}

void alloc_fail_from(uint64_t nth)
{
    arm(STICKY, nth);
}

void alloc_fail_off(void)
{
    atomic_store(&mode, OFF);
}

void alloc_fail_count_start(void)
{
    atomic_store(&count, 0);
    atomic_store(&hits, 0);
}

uint64_t alloc_fail_count(void)
{
    return atomic_load(&count);
}

uint64_t alloc_fail_hits(void)
{
    return atomic_load(&hits);
}

void alloc_fail_exempt_thread(void)
{
    is_exempt = true;
}

static bool must_fail(void)
{
    if (is_exempt)
        return false;
    atomic_fetch_add(&count, 1);
    int now = atomic_load(&mode);
    if (now == OFF)
        return false;
    long long before = atomic_fetch_sub(&left, 1);
    if (before != 1 && (now == ONCE || before > 1))
        return false;
    atomic_fetch_add(&hits, 1);
    errno = ENOMEM;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return must_fail() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t items, size_t size)
{
    return must_fail() ? NULL : __real_calloc(items, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return must_fail() ? NULL : __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t items, size_t size)
{
    return must_fail() ? NULL : __real_reallocarray(old, items, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return must_fail() ? NULL : __real_aligned_alloc(alignment, size);
}

int __wrap_posix_memalign(void **out, size_t alignment, size_t size)
{
    return must_fail() ? ENOMEM : __real_posix_memalign(out, alignment, size);
}

char *__wrap_strdup(const char *text)
{
    return must_fail() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t length_max)
{
    return must_fail() ? NULL : __real_strndup(text, length_max);
}
