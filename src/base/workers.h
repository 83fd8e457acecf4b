/*
 * workers.h - a few threads for blocking work (getaddrinfo), started when first needed.
 *
 * A job is the caller's memory and runs once on some thread, under no lock; it reports by means of
 * its own. hh__workers_destroy waits for running jobs and drops queued ones, calling `drop` for
 * each. After fork the child must not touch a pool of its parent.
 */
#ifndef HH_BASE_WORKERS_H
#define HH_BASE_WORKERS_H

#include <hyperhttp/base.h>

typedef struct hh_workers hh_workers;
typedef struct hh_job {
    void (*run)(struct hh_job *job); /* on a worker thread */
    void (*drop)(
        struct hh_job *job); /* never ran: give it back; on the thread that finishes the pool */
    struct hh_job *next;
} hh_job;

/* At most `threads_max` threads, all signals blocked in them. */
HH_WARN_UNUSED hh_status hh__workers_create(unsigned threads_max, hh_workers **out);
void hh__workers_destroy(hh_workers *workers);
/* HH_ERR_LIMIT: HH_WORKER_QUEUE_MAX jobs wait already. HH_ERR_SYSTEM: no thread could be started.
 * HH_ERR_STATE: the pool is being destroyed. On failure the job stays the caller's. */
HH_WARN_UNUSED hh_status hh__workers_submit(hh_workers *workers, hh_job *job);

#endif
