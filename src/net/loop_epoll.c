/*
 * loop_epoll.c - the loop's contract (loop.h) on Linux: epoll, eventfd, timerfd.
 *
 * The epoll descriptor itself is what the owner polls. An eventfd in the set stands for work that
 * has no descriptor (tasks left over, a wake from another thread), a timerfd for the earliest
 * deadline. Both are watches like any other, so a report costs one indirect call and nothing else.
 *
 * Invariants:
 *  - every entry of reports[next_report, report_count) is NULL or a watch that is still watched,
 *    between runs too: those are reports that a run cut short has left, and the eventfd is written;
 *  - outside of a run: tasks waiting => the eventfd is written; timers in the heap => the timerfd
 *    is armed for the first of them or earlier;
 *  - is_woken is false only when the eventfd is empty or about to be written by whoever set it;
 *  - in a forked child no call touches the three descriptors, which are shared with the parent,
 *    other than to close them.
 */
#include "net/loop.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/failure.h"
#include "base/fork.h"
#include "base/limits.h"
#include "base/memory.h"

#define NS_PER_S 1000000000

struct hh_loop {
    int epoll_fd;
    int wake_fd;
    int timer_fd;
    unsigned forks; /* up to the process that made the loop */
    atomic_bool is_woken;
    bool is_running;
    bool is_cut_short; /* this run: no more reports */
    int64_t now_ns;
    int64_t run_ns; /* when the reports were taken: what came due later had no chance at I/O yet */
    int64_t armed_ns; /* what the timerfd is set to; 0: nothing, or it has fired */
    hh_heap timers;
    hh_list tasks;
    hh_discard *discards;
    hh_watch wake_watch;
    hh_watch timer_watch;
    size_t watch_count;
    size_t reports_since_timers; /* in runs that left deadlines for later, see deadlines_may_wait */
    int next_report;
    int report_count;
    struct epoll_event reports[HH_LOOP_EVENTS_MAX];
};

bool hh__loop_is_forked(const hh_loop *loop)
{
    return hh__forks() != loop->forks;
}

static int64_t clock_ns(void)
{
    struct timespec time = {0, 0};
    int64_t ns;

    clock_gettime(CLOCK_MONOTONIC, &time);
    ns = (int64_t)time.tv_sec * NS_PER_S + time.tv_nsec;
    return ns > 0 ? ns : 1;
}

int64_t hh__loop_now(const hh_loop *loop)
{
    return loop->now_ns;
}

int64_t hh__loop_refresh(hh_loop *loop)
{
    loop->now_ns = clock_ns();
    return loop->now_ns;
}

int hh__loop_fd(const hh_loop *loop)
{
    return loop->epoll_fd;
}

/* Watches. */

/* Edge-triggered when nothing is wanted: epoll reports errors and hang-ups regardless, and a paused
 * watch would keep the descriptor readable for ever. So it hears of them once. */
static uint32_t events_of(unsigned interest)
{
    return ((interest & HH_READY_READ) != 0 ? (uint32_t)EPOLLIN : 0) |
           ((interest & HH_READY_WRITE) != 0 ? (uint32_t)EPOLLOUT : 0) |
           (interest == 0 ? (uint32_t)EPOLLET : 0);
}

static unsigned ready_of(uint32_t events, unsigned interest)
{
    unsigned ready = ((events & EPOLLIN) != 0 ? HH_READY_READ : 0) |
                     ((events & EPOLLOUT) != 0 ? HH_READY_WRITE : 0);

    ready &= interest; /* an earlier handler of this batch may have changed it */
    if ((events & (EPOLLERR | EPOLLHUP)) != 0)
        ready |= HH_READY_READ | HH_READY_WRITE;
    if ((events & EPOLLERR) != 0)
        ready |= HH_READY_ERROR;
    return ready;
}

static hh_status control(hh_loop *loop, int operation, hh_watch *watch, int fd, unsigned interest)
{
    struct epoll_event event = {.events = events_of(interest), .data = {.ptr = watch}};

    if (hh__loop_is_forked(loop)) {
        errno = EPERM;
        return HH_ERR_STATE;
    }
    return epoll_ctl(loop->epoll_fd, operation, fd, &event) == 0 ? HH_OK : HH_ERR_SYSTEM;
}

/* A watch may be stopped and started again on another descriptor before its old report's turn
 * comes, so reports are struck out here, not checked later. */
static void drop_reports(hh_loop *loop, const hh_watch *watch)
{
    for (int i = loop->next_report; i < loop->report_count; i++) {
        if (loop->reports[i].data.ptr == watch)
            loop->reports[i].data.ptr = NULL;
    }
}

hh_status hh__watch_start(hh_loop *loop, hh_watch *watch, int fd, unsigned interest)
{
    hh_status status;

    assert(!watch->is_watched);
    status = control(loop, EPOLL_CTL_ADD, watch, fd, interest);
    if (status != HH_OK)
        return status;
    watch->fd = fd;
    watch->interest = interest;
    watch->is_watched = true;
    loop->watch_count++;
    return HH_OK;
}

hh_status hh__watch_set(hh_loop *loop, hh_watch *watch, unsigned interest)
{
    hh_status status;

    assert(watch->is_watched);
    if (watch->interest == interest)
        return HH_OK;
    status = control(loop, EPOLL_CTL_MOD, watch, watch->fd, interest);
    if (status == HH_OK)
        watch->interest = interest;
    return status;
}

static void forget(hh_loop *loop, hh_watch *watch)
{
    drop_reports(loop, watch);
    watch->is_watched = false;
    watch->interest = 0;
    loop->watch_count--;
}

void hh__watch_stop(hh_loop *loop, hh_watch *watch)
{
    struct epoll_event unused = {0};

    if (!watch->is_watched)
        return;
    if (!hh__loop_is_forked(loop))
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, &unused);
    forget(loop, watch);
}

hh_status hh__watch_move(hh_loop *loop, hh_watch *from, hh_watch *to, unsigned interest)
{
    hh_status status;

    assert(from->is_watched && !to->is_watched);
    status = control(loop, EPOLL_CTL_MOD, to, from->fd, interest);
    if (status != HH_OK)
        return status;
    to->fd = from->fd;
    to->interest = interest;
    to->is_watched = true;
    loop->watch_count++;
    forget(loop, from);
    return HH_OK;
}

/* Waking. */

/* One write is outstanding at most: whoever turns the flag writes, and only a run that has read the
 * eventfd turns it back. */
void hh__loop_wake(hh_loop *loop)
{
    static const uint64_t one = 1;

    if (hh__loop_is_forked(loop) || atomic_exchange(&loop->is_woken, true))
        return;
    while (write(loop->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

static void on_wake(hh_watch *watch, unsigned ready)
{
    hh_loop *loop = HH_CONTAINER_OF(watch, hh_loop, wake_watch);
    uint64_t count;

    (void)ready;
    while (read(loop->wake_fd, &count, sizeof(count)) < 0 && errno == EINTR)
        ;
    atomic_store(&loop->is_woken, false);
}

/* Timers. */

/* Arms the timerfd when it is not set or set too late. Too early is fine: that run arms it anew. */
static void arm_timer_fd(hh_loop *loop)
{
    const hh_heap_item *first = hh__heap_first(&loop->timers);
    struct itimerspec when = {{0, 0}, {0, 0}};

    if (first == NULL || (loop->armed_ns != 0 && loop->armed_ns <= first->key) ||
        hh__loop_is_forked(loop))
        return;
    when.it_value.tv_sec = (time_t)(first->key / NS_PER_S);
    when.it_value.tv_nsec = (long)(first->key % NS_PER_S);
    if (timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &when, NULL) == 0)
        loop->armed_ns = first->key;
    else
        hh__loop_wake(loop); /* a deadline must not sleep: try again in the next run */
}

static void on_timer_fd(hh_watch *watch, unsigned ready)
{
    hh_loop *loop = HH_CONTAINER_OF(watch, hh_loop, timer_watch);
    uint64_t count;

    (void)ready;
    while (read(loop->timer_fd, &count, sizeof(count)) < 0 && errno == EINTR)
        ;
    loop->armed_ns = 0;
}

hh_status hh__timer_set(hh_loop *loop, hh_timer *timer, int64_t due_ns)
{
    if (due_ns < 1)
        due_ns = 1;
    if (timer->item.place == 0) {
        hh_status status = HH_ERR_LIMIT;
        if (loop->timers.count < HH_LOOP_TIMERS_MAX) {
            timer->item.key = due_ns;
            status = hh__heap_add(&loop->timers, &timer->item);
        }
        if (status != HH_OK)
            return status;
    } else if (due_ns < timer->item.key) {
        hh__heap_move(&loop->timers, &timer->item, due_ns);
    }
    timer->due_ns = due_ns;
    if (!loop->is_running)
        arm_timer_fd(loop);
    return HH_OK;
}

void hh__timer_unset(hh_timer *timer)
{
    timer->due_ns = 0;
}

void hh__timer_stop(hh_loop *loop, hh_timer *timer)
{
    timer->due_ns = 0;
    hh__heap_remove(&loop->timers, &timer->item);
}

size_t hh__loop_timer_count(const hh_loop *loop)
{
    return loop->timers.count;
}

/* Bounded by the timers there were at the start: one that sets itself to the past waits for the
 * next run. */
static void run_timers(hh_loop *loop)
{
    for (size_t left = loop->timers.count; left > 0; left--) {
        hh_heap_item *item = hh__heap_first(&loop->timers);
        hh_timer *timer;

        if (item == NULL || item->key > loop->run_ns)
            return;
        timer = HH_CONTAINER_OF(item, hh_timer, item);
        if (timer->due_ns > loop->run_ns) {
            hh__heap_move(&loop->timers, item, timer->due_ns);
            continue;
        }
        hh__heap_remove(&loop->timers, item);
        if (timer->due_ns != 0) {
            timer->due_ns = 0;
            timer->on_due(timer);
        }
    }
}

/* True when the batch was full and reports of some watches may still be to come: a deadline now
 * could be a false one. Ready watches come in turn, so after as many reports as there are watches
 * each had its chance. */
static bool deadlines_may_wait(hh_loop *loop)
{
    if (loop->report_count == HH_LOOP_EVENTS_MAX) {
        loop->reports_since_timers += HH_LOOP_EVENTS_MAX;
        if (loop->reports_since_timers < loop->watch_count)
            return true;
    }
    loop->reports_since_timers = 0;
    return false;
}

/* Tasks and discards. */

void hh__task_post(hh_loop *loop, hh_task *task)
{
    bool was_empty = hh__list_is_empty(&loop->tasks) != 0;

    if (hh__link_is_listed(&task->link))
        return;
    hh__list_push_back(&loop->tasks, &task->link);
    if (was_empty && !loop->is_running)
        hh__loop_wake(loop);
}

void hh__task_cancel(hh_task *task)
{
    hh__list_remove(&task->link);
}

static void run_tasks(hh_loop *loop)
{
    hh_link end = {NULL, NULL};
    hh_link *link;

    if (hh__list_is_empty(&loop->tasks))
        return;
    hh__list_push_back(&loop->tasks, &end);
    while ((link = hh__list_pop_front(&loop->tasks)) != &end) {
        hh_task *task = HH_CONTAINER_OF(link, hh_task, link);
        task->run(task);
    }
}

void hh__loop_discard(hh_loop *loop, hh_discard *discard, void (*destroy)(hh_discard *discard))
{
    discard->destroy = destroy;
    discard->next = loop->discards;
    loop->discards = discard;
}

static void run_discards(hh_loop *loop)
{
    while (loop->discards != NULL) {
        hh_discard *discard = loop->discards;
        loop->discards = discard->next;
        discard->destroy(discard);
    }
}

/* The run. */

static void run_reports(hh_loop *loop)
{
    while (loop->next_report < loop->report_count && !loop->is_cut_short) {
        const struct epoll_event *report = &loop->reports[loop->next_report++];
        hh_watch *watch = report->data.ptr;
        unsigned ready;

        if (watch == NULL)
            continue;
        ready = ready_of(report->events, watch->interest);
        if (ready != 0)
            watch->on_ready(watch, ready);
    }
}

static hh_status take_reports(hh_loop *loop)
{
    int count;

    do {
        count = epoll_wait(loop->epoll_fd, loop->reports, HH_LOOP_EVENTS_MAX, 0);
    } while (count < 0 && errno == EINTR);
    if (count < 0)
        return HH_ERR_SYSTEM;
    loop->next_report = 0;
    loop->report_count = count;
    return HH_OK;
}

void hh__loop_cut_short(hh_loop *loop)
{
    loop->is_cut_short = true;
}

hh_status hh__loop_run(hh_loop *loop)
{
    bool has_kept = loop->next_report < loop->report_count;
    bool keeps;

    assert(!loop->is_running);
    if (hh__loop_is_forked(loop))
        return HH_ERR_STATE;
    if (!has_kept && take_reports(loop) != HH_OK)
        return HH_ERR_SYSTEM;

    hh__loop_refresh(loop);
    if (!has_kept)
        loop->run_ns = loop->now_ns;
    loop->is_running = true;
    loop->is_cut_short = false;
    run_reports(loop);
    keeps = loop->next_report < loop->report_count;
    run_tasks(loop);
    if (!keeps && !deadlines_may_wait(loop))
        run_timers(loop);
    run_tasks(loop);
    run_discards(loop);
    loop->is_running = false;

    arm_timer_fd(loop);
    if (keeps || !hh__list_is_empty(&loop->tasks))
        hh__loop_wake(loop);
    return HH_OK;
}

hh_status hh__loop_wait(const hh_loop *loop, int timeout_ms)
{
    struct pollfd one = {.fd = loop->epoll_fd, .events = POLLIN, .revents = 0};
    int count = poll(&one, 1, timeout_ms);

    if (count < 0)
        return errno == EINTR ? HH_INTERRUPTED : HH_ERR_SYSTEM;
    return (one.revents & POLLNVAL) == 0 ? HH_OK : HH_ERR_SYSTEM;
}

/* Life. */

static void close_descriptor(int fd)
{
    if (fd >= 0)
        close(fd);
}

static hh_status open_descriptors(hh_loop *loop, hh_error *error)
{
    static const char what[] = "setting up the event loop failed";

    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd >= 0)
        loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->wake_fd >= 0)
        loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (loop->timer_fd < 0 ||
        hh__watch_start(loop, &loop->wake_watch, loop->wake_fd, HH_READY_READ) != HH_OK ||
        hh__watch_start(loop, &loop->timer_watch, loop->timer_fd, HH_READY_READ) != HH_OK)
        return hh__fail_os(error, HH_ERR_SYSTEM, HH_PHASE_NONE, errno, "%s", what);
    return HH_OK;
}

hh_status hh__loop_create(hh_loop **out, hh_error *error)
{
    static const char no_memory[] = "no memory for the event loop";
    hh_loop *loop;
    hh_status status;

    loop = hh__forks_watch() == HH_OK ? hh__calloc(1, sizeof(*loop)) : NULL;
    if (loop == NULL)
        return hh__fail(error, HH_ERR_NO_MEMORY, HH_PHASE_NONE, "%s", no_memory);
    loop->epoll_fd = loop->wake_fd = loop->timer_fd = -1;
    loop->forks = hh__forks();
    atomic_init(&loop->is_woken, false);
    loop->wake_watch.on_ready = on_wake;
    loop->timer_watch.on_ready = on_timer_fd;
    hh__heap_init(&loop->timers);
    hh__list_init(&loop->tasks);
    loop->now_ns = clock_ns();

    status = open_descriptors(loop, error);
    if (status != HH_OK) {
        hh__loop_destroy(loop);
        return status;
    }
    *out = loop;
    return HH_OK;
}

void hh__loop_destroy(hh_loop *loop)
{
    if (loop == NULL)
        return;
    run_discards(loop);
    hh__heap_finish(&loop->timers);
    close_descriptor(loop->timer_fd);
    close_descriptor(loop->wake_fd);
    close_descriptor(loop->epoll_fd);
    hh__free(loop);
}
