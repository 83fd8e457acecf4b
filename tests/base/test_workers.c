/*
 * Jobs run or are dropped, each once; threads stay under their cap and out of the way of signals.
 *
 * Nothing sleeps: a gate holds jobs back and counters are waited for. pthread_create and
 * pthread_join are wrapped at link time, to fail, and to open the gate once the pool is ending.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/workers.h"
#include "support/alloc_fail.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int gate_is_open;
static int running;
static int running_most;
static int finished;
static int dropped;
static int creations_to_fail;
static int creations;
static int join_opens_gate;

typedef struct test_job {
    hh_job job;
    int runs;
    int drops;
    int blocked_signals;
    hh_workers *resubmit_to;
    struct test_job *resubmit;
} test_job;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *argument);
int __real_pthread_join(pthread_t thread, void **result);
int __wrap_pthread_join(pthread_t thread, void **result);

static void open_gate(void)
{
    pthread_mutex_lock(&lock);
    gate_is_open = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *argument)
{
    if (creations_to_fail > 0) {
        creations_to_fail--;
        return EAGAIN;
    }
    creations++;
    return __real_pthread_create(thread, attributes, run, argument);
}

int __wrap_pthread_join(pthread_t thread, void **result)
{
    if (join_opens_gate)
        open_gate();
    return __real_pthread_join(thread, result);
}

static int set_up(void **state)
{
    (void)state;
    gate_is_open = 1;
    running = running_most = finished = dropped = 0;
    creations_to_fail = creations = join_opens_gate = 0;
    return 0;
}

static void wait_until(const int *counter, int value)
{
    pthread_mutex_lock(&lock);
    while (*counter < value)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void run_job(hh_job *job)
{
    test_job *self = HH_CONTAINER_OF(job, test_job, job);
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    if (self->resubmit != NULL)
        self->runs += hh__workers_submit(self->resubmit_to, &self->resubmit->job) != HH_OK;
    pthread_mutex_lock(&lock);
    self->runs++;
    self->blocked_signals = sigismember(&mask, SIGINT) && sigismember(&mask, SIGTERM) &&
                            sigismember(&mask, SIGALRM) && sigismember(&mask, SIGPIPE) &&
                            sigismember(&mask, SIGUSR1);
    running++;
    if (running > running_most)
        running_most = running;
    pthread_cond_broadcast(&changed);
    while (!gate_is_open)
        pthread_cond_wait(&changed, &lock);
    running--;
    finished++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void drop_job(hh_job *job)
{
    test_job *self = HH_CONTAINER_OF(job, test_job, job);
    self->drops++;
    dropped++;
}

static test_job *create_jobs(size_t count)
{
    test_job *jobs = hh__calloc(count, sizeof(*jobs));
    assert_non_null(jobs);
    for (size_t i = 0; i < count; i++) {
        jobs[i].job.run = run_job;
        jobs[i].job.drop = drop_job;
    }
    return jobs;
}

static hh_workers *create_workers(unsigned threads_max)
{
    hh_workers *workers = NULL;
    assert_int_equal(hh__workers_create(threads_max, &workers), HH_OK);
    assert_non_null(workers);
    return workers;
}

static void test_all_jobs_run_once(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    hh_workers *workers = create_workers(3);
    test_job *jobs = create_jobs(COUNT);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(hh__workers_submit(workers, &jobs[i].job), HH_OK);
    wait_until(&finished, COUNT);
    hh__workers_destroy(workers);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(jobs[i].runs, 1);
        assert_int_equal(jobs[i].drops, 0);
    }
    assert_in_range(creations, 1, 3);
    hh__free(jobs);
}

static void test_threads_up_to_cap(void **state)
{
    (void)state;
    enum { COUNT = 12 };
    hh_workers *workers = create_workers(100);
    test_job *jobs = create_jobs(COUNT);
    assert_int_equal(creations, 0); /* none before there is work */
    gate_is_open = 0;
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(hh__workers_submit(workers, &jobs[i].job), HH_OK);
    wait_until(&running, HH_WORKERS_MAX); /* hangs if fewer threads were started */
    open_gate();
    wait_until(&finished, COUNT);
    hh__workers_destroy(workers);
    assert_int_equal(running_most, HH_WORKERS_MAX);
    assert_int_equal(creations, HH_WORKERS_MAX);
    hh__free(jobs);
}

static void test_destroy_waits_and_drops(void **state)
{
    (void)state;
    enum { COUNT = 10 };
    hh_workers *workers = create_workers(2);
    test_job *jobs = create_jobs(COUNT);
    gate_is_open = 0;
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(hh__workers_submit(workers, &jobs[i].job), HH_OK);
    wait_until(&running, 2);
    join_opens_gate = 1;
    hh__workers_destroy(workers);
    assert_int_equal(finished, 2);
    assert_int_equal(dropped, COUNT - 2);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(jobs[i].runs + jobs[i].drops, 1);
    hh__free(jobs);
}

static void test_queue_limit(void **state)
{
    (void)state;
    hh_workers *workers = create_workers(1);
    test_job *jobs = create_jobs(HH_WORKER_QUEUE_MAX + 2);
    gate_is_open = 0;
    assert_int_equal(hh__workers_submit(workers, &jobs[0].job), HH_OK);
    wait_until(&running, 1);
    for (size_t i = 1; i <= HH_WORKER_QUEUE_MAX; i++)
        assert_int_equal(hh__workers_submit(workers, &jobs[i].job), HH_OK);
    hh_job *refused = &jobs[HH_WORKER_QUEUE_MAX + 1].job;
    assert_int_equal(hh__workers_submit(workers, refused), HH_ERR_LIMIT);
    open_gate();
    wait_until(&finished, HH_WORKER_QUEUE_MAX + 1);
    assert_int_equal(hh__workers_submit(workers, refused), HH_OK);
    wait_until(&finished, HH_WORKER_QUEUE_MAX + 2);
    hh__workers_destroy(workers);
    assert_int_equal(dropped, 0);
    hh__free(jobs);
}

static void test_signals_stay_away(void **state)
{
    (void)state;
    sigset_t before;
    sigset_t after;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    hh_workers *workers = create_workers(1);
    test_job *jobs = create_jobs(1);
    assert_int_equal(hh__workers_submit(workers, &jobs[0].job), HH_OK);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    wait_until(&finished, 1);
    hh__workers_destroy(workers);
    assert_true(jobs[0].blocked_signals);
    assert_int_equal(sigismember(&after, SIGINT), sigismember(&before, SIGINT));
    assert_int_equal(sigismember(&after, SIGUSR1), 0);
    hh__free(jobs);
}

static void test_no_thread_to_be_had(void **state)
{
    (void)state;
    hh_workers *workers = create_workers(2);
    test_job *jobs = create_jobs(3);
    creations_to_fail = 1;
    assert_int_equal(hh__workers_submit(workers, &jobs[0].job), HH_ERR_SYSTEM);
    assert_int_equal(creations_to_fail, 0);
    gate_is_open = 0;
    assert_int_equal(hh__workers_submit(workers, &jobs[1].job), HH_OK);
    wait_until(&running, 1);
    /* One thread lives: the second job may wait for it. */
    creations_to_fail = 1;
    assert_int_equal(hh__workers_submit(workers, &jobs[2].job), HH_OK);
    assert_int_equal(creations_to_fail, 0);
    open_gate();
    wait_until(&finished, 2);
    hh__workers_destroy(workers);
    assert_int_equal(jobs[0].runs + jobs[0].drops, 0);
    assert_int_equal(jobs[1].runs, 1);
    assert_int_equal(jobs[2].runs, 1);
    hh__free(jobs);
}

static void test_job_submits_job(void **state)
{
    (void)state;
    hh_workers *workers = create_workers(1);
    test_job *jobs = create_jobs(2);
    jobs[0].resubmit_to = workers;
    jobs[0].resubmit = &jobs[1];
    assert_int_equal(hh__workers_submit(workers, &jobs[0].job), HH_OK);
    wait_until(&finished, 2);
    hh__workers_destroy(workers);
    assert_int_equal(jobs[0].runs, 1);
    assert_int_equal(jobs[1].runs, 1);
    hh__free(jobs);
}

static void free_job(hh_job *job)
{
    hh__free(job);
    pthread_mutex_lock(&lock);
    finished++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void test_job_may_free_itself(void **state)
{
    (void)state;
    hh_workers *workers = create_workers(2);
    for (int i = 0; i < 50; i++) {
        hh_job *job = hh__calloc(1, sizeof(*job));
        assert_non_null(job);
        job->run = free_job;
        job->drop = free_job;
        assert_int_equal(hh__workers_submit(workers, job), HH_OK);
    }
    hh__workers_destroy(workers);
    assert_int_equal(finished, 50); /* run or dropped */
}

static void test_create(void **state)
{
    (void)state;
    hh_workers *workers = NULL;
    assert_int_equal(hh__workers_create(0, &workers), HH_ERR_INVALID_ARGUMENT);
    alloc_fail_at(1);
    hh_status status = hh__workers_create(1, &workers);
    alloc_fail_off();
    assert_int_equal(status, HH_ERR_NO_MEMORY);
    assert_null(workers);
    hh__workers_destroy(NULL);
    workers = create_workers(1);
    hh__workers_destroy(workers);
    assert_int_equal(creations, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_all_jobs_run_once, set_up),
        cmocka_unit_test_setup(test_threads_up_to_cap, set_up),
        cmocka_unit_test_setup(test_destroy_waits_and_drops, set_up),
        cmocka_unit_test_setup(test_queue_limit, set_up),
        cmocka_unit_test_setup(test_signals_stay_away, set_up),
        cmocka_unit_test_setup(test_no_thread_to_be_had, set_up),
        cmocka_unit_test_setup(test_job_submits_job, set_up),
        cmocka_unit_test_setup(test_job_may_free_itself, set_up),
        cmocka_unit_test_setup(test_create, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
