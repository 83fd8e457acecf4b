/*
 * resolve_system.c - getaddrinfo on the process's threads; see resolve_system.h.
 *
 * Who owns what. A job is made by the loop's thread, handed to the workers, and comes back through
 * the mailbox, or frees itself when the mailbox is closed by then. The mailbox is counted: the
 * resolver has one share, each job one. `query` in a job is only touched by the loop's thread.
 * After fork the child has no worker, so everything is the resolver's alone and no lock is taken.
 */
#include "net/resolve_system.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/workers.h"

typedef struct mailbox {
    atomic_uint refs;
    pthread_mutex_t lock;
    hh_list done; /* of jobs; under lock, as is_closed */
    bool is_closed;
    int fd; /* an eventfd, readable when done holds something new */
} mailbox;

typedef struct lookup_job {
    hh_job job;
    hh_link done;    /* in mailbox->done */
    hh_link pending; /* in system->pending, the loop's thread only */
    mailbox *mailbox;
    hh_resolve_query *query;
    int status; /* of getaddrinfo */
    int os_error;
    size_t count;
    hh_address addresses[HH_ADDRESSES_MAX];
    char name[HH_HOST_MAX_BYTES + 2];
} lookup_job;

struct hh_system_resolver {
    hh_loop *loop;
    mailbox *mailbox; /* NULL until the first query */
    hh_watch watch;
    hh_list pending;
};

/* ---- the process's threads ---- */

/* Never destroyed: a thread may sit in getaddrinfo when the process ends. */
typedef struct shared_pool {
    pid_t owner;
    hh_workers *workers;
    struct shared_pool *of_parent; /* not ours to touch, only kept reachable */
} shared_pool;

static _Atomic(shared_pool *) the_pool;

static hh_workers *shared_workers(void)
{
    shared_pool *found = atomic_load(&the_pool);
    pid_t self = getpid();
    while (found == NULL || found->owner != self) {
        shared_pool *fresh = hh__calloc(1, sizeof(*fresh));
        if (fresh == NULL)
            return NULL;
        fresh->owner = self;
        fresh->of_parent = found;
        if (hh__workers_create(HH_WORKERS_MAX, &fresh->workers) != HH_OK) {
            hh__free(fresh);
            return NULL;
        }
        if (atomic_compare_exchange_strong(&the_pool, &found, fresh))
            return fresh->workers;
        hh__workers_destroy(fresh->workers);
        hh__free(fresh);
    }
    return found->workers;
}

/* ---- mailbox ---- */

static mailbox *create_mailbox(void)
{
    mailbox *fresh = hh__calloc(1, sizeof(*fresh));
    if (fresh == NULL)
        return NULL;
    fresh->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fresh->fd < 0 || pthread_mutex_init(&fresh->lock, NULL) != 0) {
        if (fresh->fd >= 0)
            close(fresh->fd);
        hh__free(fresh);
        return NULL;
    }
    atomic_init(&fresh->refs, 1);
    hh__list_init(&fresh->done);
    return fresh;
}

static void unref_mailbox(mailbox *box)
{
    if (atomic_fetch_sub(&box->refs, 1) != 1)
        return;
    close(box->fd);
    pthread_mutex_destroy(&box->lock);
    hh__free(box);
}

static void free_job(lookup_job *job)
{
    unref_mailbox(job->mailbox);
    hh__free(job);
}

static bool is_closed(mailbox *box)
{
    pthread_mutex_lock(&box->lock);
    bool answer = box->is_closed;
    pthread_mutex_unlock(&box->lock);
    return answer;
}

static void hand_back(lookup_job *job)
{
    mailbox *box = job->mailbox;
    pthread_mutex_lock(&box->lock);
    bool closed = box->is_closed;
    if (!closed) {
        bool was_empty = hh__list_is_empty(&box->done) != 0;
        hh__list_push_back(&box->done, &job->done);
        uint64_t one = 1;
        /* Can't fail: the counter is drained whenever the list is. Within the lock, so that the
         * descriptor is still open. */
        if (was_empty)
            (void)!write(box->fd, &one, sizeof(one));
    }
    pthread_mutex_unlock(&box->lock);
    if (closed)
        free_job(job);
}

/* ---- a job, on its thread ---- */

static void add_address(lookup_job *job, const struct addrinfo *info)
{
    hh_address *address = &job->addresses[job->count];
    memset(address, 0, sizeof(*address));
    if (info->ai_family == AF_INET)
        memcpy(&address->v4, info->ai_addr, sizeof(address->v4));
    else if (info->ai_family == AF_INET6)
        memcpy(&address->v6, info->ai_addr, sizeof(address->v6));
    else
        return;
    job->count++;
}

static void run_job(hh_job *base)
{
    lookup_job *job = HH_CONTAINER_OF(base, lookup_job, job);
    if (is_closed(job->mailbox)) {
        free_job(job);
        return;
    }
    struct addrinfo hints = {0};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    struct addrinfo *list = NULL;
    job->status = getaddrinfo(job->name, NULL, &hints, &list);
    job->os_error = errno;
    if (job->status == 0) {
        for (const struct addrinfo *info = list; info != NULL && job->count < HH_ADDRESSES_MAX;
             info = info->ai_next)
            add_address(job, info);
        freeaddrinfo(list);
    }
    hand_back(job);
}

static void drop_job(hh_job *base)
{
    free_job(HH_CONTAINER_OF(base, lookup_job, job));
}

/* ---- results, on the loop's thread ---- */

static hh_resolve_end end_of(const lookup_job *job)
{
    hh_resolve_end end = {HH_RESOLVE_NO_ANSWER, 0, (uint32_t)-job->status, NULL};
    switch (job->status) {
    case 0:
        end.outcome = job->count != 0 ? HH_RESOLVE_FOUND : HH_RESOLVE_NO_ADDRESS;
        end.ttl_ms = job->count != 0 ? HH_DNS_SYSTEM_TTL_MS : HH_DNS_NEGATIVE_TTL_DEFAULT_MS;
        end.dns_error = 0;
        break;
    case EAI_NONAME:
        end.outcome = HH_RESOLVE_NO_NAME;
        end.ttl_ms = HH_DNS_NEGATIVE_TTL_DEFAULT_MS;
        break;
    case EAI_NODATA:
        end.outcome = HH_RESOLVE_NO_ADDRESS;
        end.ttl_ms = HH_DNS_NEGATIVE_TTL_DEFAULT_MS;
        break;
    case EAI_MEMORY:
        end.outcome = HH_RESOLVE_NO_MEMORY;
        break;
    default:
        end.detail = gai_strerror(job->status);
        break;
    }
    return end;
}

static void finish_job(lookup_job *job)
{
    hh_resolve_end end = end_of(job);
    hh__list_remove(&job->pending);
    hh__query_add(job->query, job->addresses, job->count);
    hh__query_finish(job->query, &end);
    free_job(job);
}

static void on_mail(hh_watch *watch, unsigned ready)
{
    mailbox *box = HH_CONTAINER_OF(watch, hh_system_resolver, watch)->mailbox;
    (void)ready;
    hh_list done;
    hh__list_init(&done);
    uint64_t ignored;
    pthread_mutex_lock(&box->lock);
    (void)!read(box->fd, &ignored, sizeof(ignored));
    for (hh_link *link; (link = hh__list_pop_front(&box->done)) != NULL;)
        hh__list_push_back(&done, link);
    pthread_mutex_unlock(&box->lock);
    for (hh_link *link; (link = hh__list_pop_front(&done)) != NULL;)
        finish_job(HH_CONTAINER_OF(link, lookup_job, done));
}

/* ---- the resolver's side ---- */

hh_status hh__system_resolver_create(hh_loop *loop, hh_system_resolver **out)
{
    hh_system_resolver *system = hh__calloc(1, sizeof(*system));
    if (system == NULL)
        return HH_ERR_NO_MEMORY;
    system->loop = loop;
    hh__list_init(&system->pending);
    *out = system;
    return HH_OK;
}

static void close_mailbox(mailbox *box)
{
    hh_list done;
    hh__list_init(&done);
    pthread_mutex_lock(&box->lock);
    box->is_closed = true;
    for (hh_link *link; (link = hh__list_pop_front(&box->done)) != NULL;)
        hh__list_push_back(&done, link);
    pthread_mutex_unlock(&box->lock);
    for (hh_link *link; (link = hh__list_pop_front(&done)) != NULL;)
        free_job(HH_CONTAINER_OF(link, lookup_job, done));
    unref_mailbox(box);
}

/* In a child: the threads that would free the jobs are not there, and one of them may have held the
 * lock at the fork. */
static void abandon_mailbox(hh_system_resolver *system)
{
    for (hh_link *link; (link = hh__list_pop_front(&system->pending)) != NULL;)
        hh__free(HH_CONTAINER_OF(link, lookup_job, pending));
    close(system->mailbox->fd);
    hh__free(system->mailbox);
}

void hh__system_resolver_destroy(hh_system_resolver *system)
{
    if (system == NULL)
        return;
    if (system->mailbox != NULL) {
        hh__watch_stop(system->loop, &system->watch);
        if (hh__loop_is_forked(system->loop)) {
            abandon_mailbox(system);
        } else {
            /* The jobs must not lead back here: each list link in them is cut. */
            while (hh__list_pop_front(&system->pending) != NULL)
                continue;
            close_mailbox(system->mailbox);
        }
    }
    hh__free(system);
}

static hh_status open_mailbox(hh_system_resolver *system)
{
    if (system->mailbox != NULL)
        return HH_OK;
    mailbox *box = create_mailbox();
    if (box == NULL)
        return HH_ERR_NO_MEMORY;
    system->watch.on_ready = on_mail;
    hh_status status = hh__watch_start(system->loop, &system->watch, box->fd, HH_READY_READ);
    if (status != HH_OK) {
        unref_mailbox(box);
        return status;
    }
    system->mailbox = box;
    return HH_OK;
}

static hh_status submit(hh_system_resolver *system, hh_resolve_query *query)
{
    hh_status status = open_mailbox(system);
    hh_workers *workers = status == HH_OK ? shared_workers() : NULL;
    lookup_job *job = workers != NULL ? hh__calloc(1, sizeof(*job)) : NULL;
    if (job == NULL)
        return status != HH_OK ? status : HH_ERR_NO_MEMORY;
    memcpy(job->name, query->name.data, query->name.length);
    job->job.run = run_job;
    job->job.drop = drop_job;
    job->query = query;
    job->mailbox = system->mailbox;
    atomic_fetch_add(&job->mailbox->refs, 1);
    hh__list_push_back(&system->pending, &job->pending);
    status = hh__workers_submit(workers, &job->job);
    if (status != HH_OK) {
        hh__list_remove(&job->pending);
        free_job(job);
    }
    return status;
}

void hh__system_resolver_start(hh_system_resolver *system, hh_resolve_query *query)
{
    hh_status status = submit(system, query);
    if (status == HH_OK)
        return;
    hh_resolve_end end = {HH_RESOLVE_NO_ANSWER, 0, 0, "no thread could be started"};
    if (status == HH_ERR_NO_MEMORY)
        end.outcome = HH_RESOLVE_NO_MEMORY;
    else if (status == HH_ERR_LIMIT)
        end.detail = "too many lookups wait already";
    hh__query_finish(query, &end);
}
