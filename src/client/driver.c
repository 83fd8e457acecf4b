/*
 * driver.c - see driver.h.
 *
 * Invariants: a sleeper in client->blocked isn't the driver, or is about to find out that it is;
 * `sleep` says where to wake a thread and is reset by who wakes it, so that no semaphore counts up.
 */
#include "client/driver.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "base/memory.h"
#include "client/client.h"

hh_status hh__sleeper_init(hh_sleeper *sleeper)
{
    memset(sleeper, 0, sizeof *sleeper);
    return sem_init(&sleeper->wake, 0, 0) == 0 ? HH_OK : HH_ERR_SYSTEM;
}

void hh__sleeper_finish(hh_sleeper *sleeper)
{
    sem_destroy(&sleeper->wake);
}

static void wake(hh_client *client, hh_sleeper *sleeper)
{
    if (sleeper->sleep == HH_SLEEP_ON_LOOP)
        hh__loop_wake(client->loop);
    else if (sleeper->sleep == HH_SLEEP_ON_SEMAPHORE)
        sem_post(&sleeper->wake);
    sleeper->sleep = HH_SLEEP_NONE;
}

void hh__sleeper_serve(hh_client *client, hh_sleeper *sleeper)
{
    sleeper->is_served = true;
    wake(client, sleeper);
}

/* The driver goes: the oldest sleeper takes over. */
static void hand_over(hh_client *client)
{
    hh_link *link = hh__list_first(&client->blocked);
    client->driver = NULL;
    if (link == NULL)
        return;
    client->driver = HH_CONTAINER_OF(link, hh_sleeper, link);
    wake(client, client->driver);
}

/* Until when a wait goes on, by the loop's clock, which may not have been read for long; 0: no
 * bound. */
static int64_t deadline_of(const hh_client *client, int timeout_ms)
{
    if (timeout_ms < 0)
        return 0;
    if (timeout_ms > 0)
        hh__loop_refresh(client->loop);
    return hh__loop_now(client->loop) + (int64_t)timeout_ms * 1000000;
}

static int left_ms(const hh_client *client, int64_t until_ns)
{
    int64_t left_ns = until_ns - hh__loop_now(client->loop);
    if (until_ns == 0)
        return -1;
    return left_ns <= 0 ? 0 : (int)((left_ns + 999999) / 1000000);
}

/* By a clock that nobody sets, where the system has it. */
static int wait_until(sem_t *semaphore, int timeout_ms)
{
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 30)
    const clockid_t clock = CLOCK_MONOTONIC;
#else
    const clockid_t clock = CLOCK_REALTIME;
#endif
    struct timespec until;
    clock_gettime(clock, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += timeout_ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 30)
    return sem_clockwait(semaphore, clock, &until);
#else
    return sem_timedwait(semaphore, &until);
#endif
}

/* Sleeps until it is woken, or for `timeout_ms` (negative: no bound), without the lock. */
static hh_status sleep_on_semaphore(hh_client *client, hh_sleeper *sleeper, int timeout_ms)
{
    sleeper->sleep = HH_SLEEP_ON_SEMAPHORE;
    pthread_mutex_unlock(&client->mutex);
    int failed = timeout_ms < 0 ? sem_wait(&sleeper->wake) : wait_until(&sleeper->wake, timeout_ms);
    hh_status status = failed != 0 && errno == EINTR ? HH_INTERRUPTED : HH_OK;
    pthread_mutex_lock(&client->mutex);
    if (failed != 0 && sleeper->sleep == HH_SLEEP_NONE)
        (void)sem_trywait(&sleeper->wake); /* it was woken the moment it gave up */
    sleeper->sleep = HH_SLEEP_NONE;
    return status;
}

static hh_status sleep_on_loop(hh_client *client, hh_sleeper *sleeper, int timeout_ms)
{
    sleeper->sleep = HH_SLEEP_ON_LOOP;
    pthread_mutex_unlock(&client->mutex);
    hh_status status = hh__loop_wait(client->loop, timeout_ms);
    pthread_mutex_lock(&client->mutex);
    sleeper->sleep = HH_SLEEP_NONE;
    return status;
}

/* Waits until the loop may have something to do. While events lie there for others to pull, the
 * descriptor is kept readable, for somebody may sleep on it; so the driver can't. */
static hh_status wait_as_driver(hh_client *client, hh_sleeper *sleeper, int timeout_ms)
{
    if (client->events.queued == 0)
        return sleep_on_loop(client, sleeper, timeout_ms);
    hh__loop_wake(client->loop);
    return sleep_on_semaphore(client, sleeper, HH_DRIVER_NAP_MS);
}

/* Drives the loop until the sleeper is served or time is up. The lock is held before and after. */
static hh_status drive(hh_client *client, hh_sleeper *sleeper, int64_t until_ns)
{
    hh_status status = HH_OK;
    while (!sleeper->is_served && status == HH_OK) {
        status = wait_as_driver(client, sleeper, left_ms(client, until_ns));
        if (sleeper->is_served)
            break;
        if (status == HH_OK)
            status = hh__client_run(client);
        if (left_ms(client, until_ns) == 0)
            break;
    }
    if (client->events.queued > 0)
        hh__loop_wake(client->loop);
    return sleeper->is_served ? HH_OK : status;
}

/* Sleeps until the sleeper is served, its thread has become the driver, or time is up. The driver's
 * runs keep the loop's clock, but need not come in time: so it is read here. */
static hh_status sleep_on(hh_client *client, hh_sleeper *sleeper, int64_t until_ns)
{
    hh_status status = HH_OK;
    hh__list_push_back(&client->blocked, &sleeper->link);
    while (!sleeper->is_served && client->driver != sleeper && status == HH_OK) {
        int timeout_ms = left_ms(client, until_ns);
        if (timeout_ms == 0)
            break;
        status = sleep_on_semaphore(client, sleeper, timeout_ms);
        if (until_ns != 0)
            hh__loop_refresh(client->loop);
    }
    hh__list_remove(&sleeper->link);
    return sleeper->is_served ? HH_OK : status;
}

hh_status hh__sleeper_wait(hh_client *client, hh_sleeper *sleeper, int timeout_ms)
{
    hh_status status = HH_OK;
    int64_t until_ns = deadline_of(client, timeout_ms);
    do {
        if (sleeper->is_served)
            break;
        if (client->driver == NULL)
            client->driver = sleeper;
        status = client->driver == sleeper ? drive(client, sleeper, until_ns)
                                           : sleep_on(client, sleeper, until_ns);
    } while (status == HH_OK && left_ms(client, until_ns) != 0);
    if (client->driver == sleeper)
        hand_over(client);
    return status;
}
