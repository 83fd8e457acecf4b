/*
 * loop.h - readiness, deadlines and deferred work behind one pollable descriptor.
 *
 * The contract (ARCHITECTURE.md, "The loop"): the descriptor is readable whenever hh__loop_run has
 * something to do, deadlines included (a timerfd in the epoll set); waiting happens only in poll(2)
 * on it, in hh__loop_wait, which touches nothing else and so needs no lock; due timers are looked
 * at after I/O; after fork the child only closes descriptors.
 *
 * Not thread-safe, but for hh__loop_wait and hh__loop_fd: the owner's lock covers every call.
 * Handlers run inside hh__loop_run only. A handler may start, change or stop any watch, timer or
 * task, its own too; memory handed to hh__loop_discard lives until the end of the run, so nobody is
 * left with a dangling watch. Linux: loop_epoll.c. Another system is another file.
 */
#ifndef HH_NET_LOOP_H
#define HH_NET_LOOP_H

#include <stdbool.h>

#include "base/heap.h"
#include "base/list.h"
#include <hyperhttp/error.h>

typedef struct hh_loop hh_loop;

/* Readiness and interest, a mask. ERROR and HANGUP are always reported as READ | WRITE too. */
enum { HH_READY_READ = 1, HH_READY_WRITE = 2, HH_READY_ERROR = 4 };

/* A descriptor that is watched, level-triggered. Zeroed: not watched. */
typedef struct hh_watch {
    int fd;
    unsigned interest; /* as armed now */
    bool is_watched;
    void (*on_ready)(struct hh_watch *watch, unsigned ready);
} hh_watch;

/* A deadline. Zeroed but for on_due: not set. Lazy: moving it later only changes due_ns; the heap
 * learns of it when the old time comes. on_due runs once for each setting, with the timer no longer
 * set. */
typedef struct hh_timer {
    hh_heap_item item;
    int64_t due_ns; /* 0: not set */
    void (*on_due)(struct hh_timer *timer);
} hh_timer;

/* Work for later in this run, or for the next run when none is under way. Zeroed but for run: not
 * posted. */
typedef struct hh_task {
    hh_link link;
    void (*run)(struct hh_task *task);
} hh_task;

/* Memory to be given back at the end of a run. */
typedef struct hh_discard {
    struct hh_discard *next;
    void (*destroy)(struct hh_discard *discard);
} hh_discard;

/* HH_ERR_SYSTEM with errno in error->os_error, HH_ERR_NO_MEMORY. */
HH_WARN_UNUSED hh_status hh__loop_create(hh_loop **out, hh_error *error);
/* Runs what was discarded, closes its descriptors. Watches and timers must not be used afterwards.
 */
void hh__loop_destroy(hh_loop *loop);

int hh__loop_fd(const hh_loop *loop);

/* Waits until the descriptor is readable or `timeout_ms` is over (negative: no bound). HH_OK either
 * way, HH_INTERRUPTED on a signal, HH_ERR_SYSTEM. Any thread, no lock. */
hh_status hh__loop_wait(const hh_loop *loop, int timeout_ms);

/* Takes what is ready without waiting: I/O, then tasks, then due timers, then tasks again, then
 * discards. At most HH_LOOP_EVENTS_MAX reports and the tasks posted before each round began; what
 * is left keeps the descriptor readable. Must not be called from a handler. */
hh_status hh__loop_run(hh_loop *loop);

/* From a handler: enough for this run. Reports that haven't had their turn are kept; the next run
 * begins with them, and asks for no others before they are through; only then deadlines are looked
 * at. */
void hh__loop_cut_short(hh_loop *loop);

/* Makes the descriptor readable until the next run has begun. Any thread. */
void hh__loop_wake(hh_loop *loop);

/* CLOCK_MONOTONIC as read at the start of the run, or by hh__loop_refresh. Nanoseconds, never 0. */
int64_t hh__loop_now(const hh_loop *loop);
int64_t hh__loop_refresh(hh_loop *loop);

/* True in a child that got this loop by fork: only hh__loop_destroy and close(2) are allowed then,
 * and hh__watch_stop does nothing but forget. */
bool hh__loop_is_forked(const hh_loop *loop);

/* HH_ERR_SYSTEM with errno set. `watch` must stay in place until stopped. Interest 0 is fine. */
HH_WARN_UNUSED hh_status hh__watch_start(hh_loop *loop, hh_watch *watch, int fd, unsigned interest);
/* Changes what is waited for; no system call when it is the same. */
HH_WARN_UNUSED hh_status hh__watch_set(hh_loop *loop, hh_watch *watch, unsigned interest);
/* Stops watching, before the descriptor is closed; a report already taken is dropped. Harmless
 * twice. */
void hh__watch_stop(hh_loop *loop, hh_watch *watch);
/* Hands the descriptor `from` watches over to `to`, which isn't watched; `from` is stopped. One
 * system call. HH_ERR_SYSTEM with errno set, and nothing changed. */
HH_WARN_UNUSED hh_status hh__watch_move(hh_loop *loop, hh_watch *from, hh_watch *to,
                                        unsigned interest);

/* Sets or moves the deadline. HH_ERR_NO_MEMORY, HH_ERR_LIMIT (HH_LOOP_TIMERS_MAX); moving a set one
 * can't fail. */
HH_WARN_UNUSED hh_status hh__timer_set(hh_loop *loop, hh_timer *timer, int64_t due_ns);
/* Unsets it lazily: the heap may keep the item until its time. hh__timer_stop before the memory
 * goes. */
void hh__timer_unset(hh_timer *timer);
/* Unsets it and takes it out of the heap. Harmless when it isn't set. */
void hh__timer_stop(hh_loop *loop, hh_timer *timer);
/* How many the heap holds, unset ones too. For tests that look for one left behind. */
size_t hh__loop_timer_count(const hh_loop *loop);

/* Harmless when posted already. */
void hh__task_post(hh_loop *loop, hh_task *task);
void hh__task_cancel(hh_task *task);

void hh__loop_discard(hh_loop *loop, hh_discard *discard, void (*destroy)(hh_discard *discard));

#endif
