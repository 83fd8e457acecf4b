/*
 * fork.c - see fork.h.
 */
#include "base/fork.h"

#include <pthread.h>
#include <stdatomic.h>

/* Written in a child while it has one thread. */
static atomic_uint fork_count;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int once_result;

static void count_fork(void)
{
    atomic_fetch_add_explicit(&fork_count, 1, memory_order_relaxed);
}

static void watch(void)
{
    once_result = pthread_atfork(NULL, NULL, count_fork);
}

hh_status hh__forks_watch(void)
{
    pthread_once(&once, watch);
    return once_result == 0 ? HH_OK : HH_ERR_NO_MEMORY;
}

unsigned hh__forks(void)
{
    return atomic_load_explicit(&fork_count, memory_order_relaxed);
}
