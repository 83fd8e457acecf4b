/*
 * workers.c - threads for blocking work. See workers.h for the contract.
 *
 * A thread is started when a job comes and no thread is free, up to the cap; it then lives until
 * the pool ends. One mutex guards everything. Invariants: `waiting` counts the jobs of the list;
 * a job is in the list or running or done, never two of these.
 */
#include "base/workers.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

#include "base/limits.h"
#include "base/memory.h"

struct hh_workers {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    hh_job *first;
    hh_job **end; /* where the next job is linked in */
    unsigned waiting;
    unsigned idle; /* threads that wait for a job */
    unsigned threads_max;
    unsigned thread_count;
    bool is_ending;
    pthread_t threads[HH_WORKERS_MAX];
};

static hh_job *take_job(hh_workers *workers)
{
    hh_job *job = workers->first;
    workers->first = job->next;
    if (workers->first == NULL)
        workers->end = &workers->first;
    workers->waiting--;
    job->next = NULL;
    return job;
}

static void *work(void *argument)
{
    hh_workers *workers = argument;
    pthread_mutex_lock(&workers->lock);
    while (!workers->is_ending) {
        if (workers->first == NULL) {
            workers->idle++;
            pthread_cond_wait(&workers->wake, &workers->lock);
            workers->idle--;
            continue;
        }
        hh_job *job = take_job(workers);
        pthread_mutex_unlock(&workers->lock);
        job->run(job); /* the job may be gone behind this */
        pthread_mutex_lock(&workers->lock);
    }
    pthread_mutex_unlock(&workers->lock);
    return NULL;
}

/* The host program's signals must never be handled on a thread it doesn't know. */
static bool start_thread(hh_workers *workers)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
        return false;
    int error = pthread_create(&workers->threads[workers->thread_count], NULL, work, workers);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0)
        return false;
    workers->thread_count++;
    return true;
}

hh_status hh__workers_create(unsigned threads_max, hh_workers **out)
{
    if (threads_max == 0)
        return HH_ERR_INVALID_ARGUMENT;
    hh_workers *workers = hh__calloc(1, sizeof(*workers));
    if (workers == NULL)
        return HH_ERR_NO_MEMORY;
    workers->end = &workers->first;
    workers->threads_max = threads_max < HH_WORKERS_MAX ? threads_max : HH_WORKERS_MAX;
    if (pthread_mutex_init(&workers->lock, NULL) != 0)
        goto free_workers;
    if (pthread_cond_init(&workers->wake, NULL) != 0)
        goto destroy_lock;
    *out = workers;
    return HH_OK;

destroy_lock:
    pthread_mutex_destroy(&workers->lock);
free_workers:
    hh__free(workers);
    return HH_ERR_SYSTEM;
}

void hh__workers_destroy(hh_workers *workers)
{
    if (workers == NULL)
        return;
    pthread_mutex_lock(&workers->lock);
    workers->is_ending = true;
    hh_job *job = workers->first;
    workers->first = NULL;
    workers->end = &workers->first;
    workers->waiting = 0;
    pthread_cond_broadcast(&workers->wake);
    pthread_mutex_unlock(&workers->lock);

    for (unsigned i = 0; i < workers->thread_count; i++)
        pthread_join(workers->threads[i], NULL);
    while (job != NULL) {
        hh_job *next = job->next;
        job->next = NULL;
        if (job->drop != NULL)
            job->drop(job);
        job = next;
    }
    pthread_cond_destroy(&workers->wake);
    pthread_mutex_destroy(&workers->lock);
    hh__free(workers);
}

hh_status hh__workers_submit(hh_workers *workers, hh_job *job)
{
    hh_status status = HH_OK;
    pthread_mutex_lock(&workers->lock);
    if (workers->is_ending) {
        status = HH_ERR_STATE;
        goto done;
    }
    if (workers->waiting >= HH_WORKER_QUEUE_MAX) {
        status = HH_ERR_LIMIT;
        goto done;
    }
    /* An idle thread may already be spoken for by a job that still waits in the list. */
    if (workers->idle <= workers->waiting && workers->thread_count < workers->threads_max &&
        !start_thread(workers) && workers->thread_count == 0) {
        status = HH_ERR_SYSTEM;
        goto done;
    }
    job->next = NULL;
    *workers->end = job;
    workers->end = &job->next;
    workers->waiting++;
    pthread_cond_signal(&workers->wake);
done:
    pthread_mutex_unlock(&workers->lock);
    return status;
}
