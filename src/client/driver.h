/*
 * driver.h - many threads waiting on one client, one of them driving the loop for all.
 *
 * A sleeper stands for one thread's wait, of a blocking call or of a channel. The first thread that
 * has to wait becomes the driver: it waits on the loop, without the lock, and runs it. The others
 * sleep on their semaphores. A driver that has what it waited for hands over to the oldest sleeper.
 * Whoever serves somebody else's sleeper wakes that thread: by its semaphore, or, if it is the
 * driver, by the loop's descriptor. Everything here is under the client's lock.
 */
#ifndef HH_CLIENT_DRIVER_H
#define HH_CLIENT_DRIVER_H

#include <semaphore.h>
#include <stdbool.h>

#include "base/list.h"
#include <hyperhttp/request.h>

/* Where its thread waits now, without the lock. */
typedef enum hh_sleep { HH_SLEEP_NONE = 0, HH_SLEEP_ON_LOOP, HH_SLEEP_ON_SEMAPHORE } hh_sleep;

typedef struct hh_sleeper {
    hh_link link; /* in client->blocked while asleep and not driving */
    sem_t wake;
    hh_sleep sleep;
    bool is_served; /* what the thread waits for is there */
} hh_sleeper;

/* HH_ERR_SYSTEM. Zeroes it. */
HH_WARN_UNUSED hh_status hh__sleeper_init(hh_sleeper *sleeper);
void hh__sleeper_finish(hh_sleeper *sleeper);
/* What it waits for is there: wakes its thread if that sleeps. */
void hh__sleeper_serve(hh_client *client, hh_sleeper *sleeper);
/* Waits until it is served, or for about `timeout_ms` (negative: no bound), driving for all if
 * nobody else does. Lets the lock go meanwhile. HH_OK either way, HH_INTERRUPTED, HH_ERR_SYSTEM. */
HH_WARN_UNUSED hh_status hh__sleeper_wait(hh_client *client, hh_sleeper *sleeper, int timeout_ms);

#endif
