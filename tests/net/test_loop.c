/*
 * The loop's contract, point by point (src/net/loop.h): readable when there is work, interrupted
 * waits, deadlines after I/O, work left over, fork. Time passes only where a deadline is what is
 * tested.
 */
#include "loop_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "support/held_clock.h"
#include "support/sys_fail.h"

/* The heap, watched. */

static unsigned heap_adds, heap_moves;

hh_status __real_hh__heap_add(hh_heap *heap, hh_heap_item *item);
hh_status __wrap_hh__heap_add(hh_heap *heap, hh_heap_item *item);
hh_status __wrap_hh__heap_add(hh_heap *heap, hh_heap_item *item)
{
    heap_adds++;
    return __real_hh__heap_add(heap, item);
}

void __real_hh__heap_move(hh_heap *heap, hh_heap_item *item, int64_t key);
void __wrap_hh__heap_move(hh_heap *heap, hh_heap_item *item, int64_t key);
void __wrap_hh__heap_move(hh_heap *heap, hh_heap_item *item, int64_t key)
{
    heap_moves++;
    __real_hh__heap_move(heap, item, key);
}

/* 1. The descriptor is readable whenever a run has something to do. A foreign epoll sleeps on it.
 */

static void foreign_wait(const hh_loop *loop)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = 0}};
    int foreign = epoll_create1(EPOLL_CLOEXEC);

    assert_int_equal(epoll_ctl(foreign, EPOLL_CTL_ADD, hh__loop_fd(loop), &event), 0);
    assert_int_equal(epoll_wait(foreign, &event, 1, FAR_MS), 1);
    close(foreign);
}

static void test_readable_for_io(void **state)
{
    hh_loop *loop = make_loop();
    probe one;

    (void)state;
    assert_false(is_readable(loop, 0));
    probe_open(&one, loop, 0);
    assert_false(is_readable(loop, 0));
    probe_signal(&one);
    foreign_wait(loop);
    run(loop);
    assert_int_equal(one.reports, 1);
    assert_int_equal(one.last_ready, HH_READY_READ);
    assert_true(is_readable(loop, 0)); /* level-triggered: nobody has read it */
    one.drains = true;
    run(loop);
    assert_false(is_readable(loop, 0));
    probe_close(&one);
    hh__loop_destroy(loop);
}

static void test_readable_for_deadline(void **state)
{
    hh_loop *loop = make_loop();
    clockwork one = make_clockwork(loop);
    int64_t due_ns = hh__loop_refresh(loop) + 20 * NS_PER_MS;

    (void)state;
    assert_int_equal(hh__timer_set(loop, &one.timer, due_ns), HH_OK);
    foreign_wait(loop);
    run(loop);
    assert_int_equal(one.fired, 1);
    assert_true(one.fired_ns >= due_ns);
    assert_false(is_readable(loop, 0));
    /* A deadline in the past is one, too. */
    assert_int_equal(hh__timer_set(loop, &one.timer, -5), HH_OK);
    foreign_wait(loop);
    run(loop);
    assert_int_equal(one.fired, 2);
    assert_false(is_readable(loop, 0));
    hh__loop_destroy(loop);
}

static void test_readable_for_task(void **state)
{
    hh_loop *loop = make_loop();
    job one = {.task = {.run = run_job}, .loop = loop};

    (void)state;
    hh__task_post(loop, &one.task);
    hh__task_post(loop, &one.task);
    foreign_wait(loop);
    run(loop);
    assert_int_equal(one.runs, 1);
    assert_false(is_readable(loop, 0));
    hh__task_post(loop, &one.task);
    hh__task_cancel(&one.task);
    hh__task_cancel(&one.task);
    run(loop);
    assert_int_equal(one.runs, 1);
    assert_false(is_readable(loop, 0));
    hh__loop_destroy(loop);
}

static void *wake_once(void *loop)
{
    hh__loop_wake(loop);
    return NULL;
}

static void test_wake_from_another_thread(void **state)
{
    hh_loop *loop = make_loop();
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, wake_once, loop), 0);
    assert_int_equal(hh__loop_wait(loop, -1), HH_OK);
    pthread_join(thread, NULL);
    assert_true(is_readable(loop, 0));
    run(loop);
    assert_false(is_readable(loop, 0));
    hh__loop_wake(loop);
    hh__loop_wake(loop);
    assert_true(is_readable(loop, 0));
    run(loop);
    assert_false(is_readable(loop, 0));
    hh__loop_destroy(loop);
}

enum { WAKES = 20000 };
typedef struct wake_race {
    hh_loop *loop;
    atomic_uint published;
} wake_race;

static void *publish_and_wake(void *memory)
{
    wake_race *race = memory;

    for (unsigned i = 0; i < WAKES; i++) {
        atomic_fetch_add(&race->published, 1);
        hh__loop_wake(race->loop);
    }
    return NULL;
}

/* What was published before a wake is seen after the run that the wake asked for. */
static void test_no_wake_is_lost(void **state)
{
    wake_race race = {.loop = make_loop()};
    pthread_t threads[2];

    (void)state;
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, publish_and_wake, &race), 0);
    while (atomic_load(&race.published) < 2 * WAKES) {
        assert_true(is_readable(race.loop, FAR_MS));
        run(race.loop);
    }
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    hh__loop_destroy(race.loop);
}

/* 2. Waiting. */

static void on_alarm(int number)
{
    (void)number;
}

static void test_wait_is_interrupted_by_a_signal(void **state)
{
    hh_loop *loop = make_loop();
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART}, old;
    /* Repeating, so that one arrives inside poll whatever the scheduler does. */
    struct itimerval often = {{0, 3000}, {0, 3000}}, never = {{0, 0}, {0, 0}};

    (void)state;
    sigaction(SIGALRM, &action, &old);
    setitimer(ITIMER_REAL, &often, NULL);
    assert_int_equal(hh__loop_wait(loop, -1), HH_INTERRUPTED);
    setitimer(ITIMER_REAL, &never, NULL);
    sigaction(SIGALRM, &old, NULL);
    assert_int_equal(hh__loop_wait(loop, 0), HH_OK);
    hh__loop_destroy(loop);
}

static void test_wait_ends_in_time(void **state)
{
    hh_loop *loop = make_loop();
    int64_t before_ns = hh__loop_refresh(loop);

    (void)state;
    assert_int_equal(hh__loop_wait(loop, 15), HH_OK);
    assert_true(hh__loop_refresh(loop) - before_ns >= 14 * NS_PER_MS);
    hh__loop_destroy(loop);
}

/* 3. Deadlines. */

static void move_timer_later(probe *self)
{
    assert_int_equal(
        hh__timer_set(self->loop, self->timer, hh__loop_now(self->loop) + 3600000 * NS_PER_MS),
        HH_OK);
}

static void test_due_timers_come_after_io(void **state)
{
    hh_loop *loop = make_loop();
    clockwork late = make_clockwork(loop), saved = make_clockwork(loop);
    probe one;

    (void)state;
    /* Both are over; the caller was busy; data has come meanwhile and saves one of them. */
    assert_int_equal(hh__timer_set(loop, &late.timer, 1), HH_OK);
    assert_int_equal(hh__timer_set(loop, &saved.timer, 1), HH_OK);
    probe_open(&one, loop, 1);
    one.drains = true;
    one.timer = &saved.timer;
    one.then = move_timer_later;
    run(loop);
    assert_string_equal(story, "it");
    assert_int_equal(late.fired, 1);
    assert_int_equal(saved.fired, 0);
    hh__timer_stop(loop, &saved.timer);
    probe_close(&one);
    hh__loop_destroy(loop);
}

static void refresh_past_deadline(probe *self)
{
    held_clock_pass(50);
    assert_true(hh__loop_refresh(self->loop) >= self->timer->due_ns);
}

/* A deadline that passes during the run hasn't had its look at I/O. */
static void test_due_is_measured_at_the_start_of_the_run(void **state)
{
    hh_loop *loop = make_loop();
    clockwork soon = make_clockwork(loop);
    probe one;

    (void)state;
    held_clock_hold();
    probe_open(&one, loop, 1);
    one.drains = true;
    one.timer = &soon.timer;
    one.then = refresh_past_deadline;
    assert_int_equal(hh__timer_set(loop, &soon.timer, hh__loop_refresh(loop) + 50 * NS_PER_MS),
                     HH_OK);
    run(loop);
    assert_int_equal(soon.fired, 0);
    run(loop);
    assert_int_equal(soon.fired, 1);
    held_clock_let_go();
    probe_close(&one);
    hh__loop_destroy(loop);
}

static void test_moving_later_touches_neither_heap_nor_kernel(void **state)
{
    hh_loop *loop = make_loop();
    clockwork one = make_clockwork(loop);
    int64_t start_ns = hh__loop_refresh(loop);

    (void)state;
    heap_adds = heap_moves = 0;
    assert_int_equal(hh__timer_set(loop, &one.timer, start_ns + 10 * NS_PER_MS), HH_OK);
    assert_int_equal(heap_adds, 1);
    assert_int_equal(sys_fail_count(SYS_FAIL_TIMERFD_SETTIME), 1);
    for (int i = 11; i <= 30; i++)
        assert_int_equal(hh__timer_set(loop, &one.timer, start_ns + i * NS_PER_MS), HH_OK);
    assert_int_equal(heap_adds, 1);
    assert_int_equal(heap_moves, 0);
    assert_int_equal(sys_fail_count(SYS_FAIL_TIMERFD_SETTIME), 1);
    run_until(loop, &one.fired, 1);
    assert_true(one.fired_ns >= start_ns + 30 * NS_PER_MS);
    assert_string_equal(story, "t");
    hh__loop_destroy(loop);
}

static void test_kernel_timer_is_armed_only_for_an_earlier_deadline(void **state)
{
    hh_loop *loop = make_loop();
    clockwork timers[4];
    int64_t base_ns = hh__loop_refresh(loop) + 3600000 * NS_PER_MS;

    (void)state;
    for (size_t i = 0; i < 4; i++)
        timers[i] = make_clockwork(loop);
    assert_int_equal(hh__timer_set(loop, &timers[0].timer, base_ns), HH_OK);
    assert_int_equal(sys_fail_count(SYS_FAIL_TIMERFD_SETTIME), 1);
    assert_int_equal(hh__timer_set(loop, &timers[1].timer, base_ns + 5), HH_OK);
    assert_int_equal(sys_fail_count(SYS_FAIL_TIMERFD_SETTIME), 1);
    assert_int_equal(hh__timer_set(loop, &timers[2].timer, base_ns - 5), HH_OK);
    assert_int_equal(sys_fail_count(SYS_FAIL_TIMERFD_SETTIME), 2);
    /* Moved earlier within the heap. */
    assert_int_equal(hh__timer_set(loop, &timers[1].timer, base_ns - 9), HH_OK);
    assert_int_equal(sys_fail_count(SYS_FAIL_TIMERFD_SETTIME), 3);
    hh__timer_unset(&timers[1].timer);
    assert_int_equal(hh__timer_set(loop, &timers[1].timer, base_ns), HH_OK);
    hh__timer_stop(loop, &timers[1].timer);
    hh__timer_stop(loop, &timers[1].timer);
    run(loop);
    assert_int_equal(sys_fail_count(SYS_FAIL_TIMERFD_SETTIME), 3);
    for (size_t i = 0; i < 4; i++)
        hh__timer_stop(loop, &timers[i].timer);
    hh__loop_destroy(loop);
}

static void set_three(probe *self)
{
    for (int i = 3; i > 0; i--)
        assert_int_equal(hh__timer_set(self->loop, &self->timer[i - 1],
                                       hh__loop_now(self->loop) + i * 3600000 * NS_PER_MS),
                         HH_OK);
}

/* Within a run the kernel's timer is set at most once, at the end. */
static void test_kernel_timer_is_armed_once_a_run(void **state)
{
    hh_loop *loop = make_loop();
    hh_timer timers[3];
    probe one;

    (void)state;
    memset(timers, 0, sizeof(timers));
    probe_open(&one, loop, 1);
    one.timer = timers;
    one.then = set_three;
    run(loop);
    assert_int_equal(sys_fail_count(SYS_FAIL_TIMERFD_SETTIME), 1);
    for (size_t i = 0; i < 3; i++)
        hh__timer_stop(loop, &timers[i]);
    probe_close(&one);
    hh__loop_destroy(loop);
}

static void test_unset_timer_never_fires(void **state)
{
    hh_loop *loop = make_loop();
    clockwork unset = make_clockwork(loop), stopped = make_clockwork(loop);
    clockwork other = make_clockwork(loop);

    (void)state;
    assert_int_equal(hh__timer_set(loop, &unset.timer, 1), HH_OK);
    assert_int_equal(hh__timer_set(loop, &stopped.timer, 2), HH_OK);
    assert_int_equal(hh__timer_set(loop, &other.timer, 3), HH_OK);
    hh__timer_unset(&unset.timer);
    hh__timer_stop(loop, &stopped.timer);
    run(loop);
    assert_int_equal(other.fired, 1);
    assert_int_equal(unset.fired + stopped.fired, 0);
    assert_false(is_readable(loop, 0));
    hh__loop_destroy(loop);
}

static void test_timer_set_to_the_past_by_itself_waits_for_the_next_run(void **state)
{
    hh_loop *loop = make_loop();
    clockwork one = make_clockwork(loop);

    (void)state;
    one.again_ns = 1;
    assert_int_equal(hh__timer_set(loop, &one.timer, 1), HH_OK);
    run(loop);
    assert_int_equal(one.fired, 1);
    assert_true(is_readable(loop, FAR_MS));
    run(loop);
    assert_int_equal(one.fired, 2);
    hh__timer_stop(loop, &one.timer);
    hh__loop_destroy(loop);
}

static void test_many_timers_fire_once_and_not_early(void **state)
{
    enum { COUNT = 500 };
    hh_loop *loop = make_loop();
    clockwork *timers = calloc(COUNT, sizeof(*timers));
    int64_t *due_ns = calloc(COUNT, sizeof(*due_ns));
    int64_t start_ns = hh__loop_refresh(loop);
    unsigned seed = 7, fired = 0;

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        timers[i] = make_clockwork(loop);
        for (int moves = 0; moves < 3; moves++) {
            seed = seed * 1103515245u + 12345u;
            due_ns[i] = start_ns + (int64_t)(seed >> 8) % (40 * NS_PER_MS);
            assert_int_equal(hh__timer_set(loop, &timers[i].timer, due_ns[i]), HH_OK);
        }
    }
    while (fired < COUNT) {
        assert_true(is_readable(loop, FAR_MS));
        run(loop);
        fired = 0;
        for (size_t i = 0; i < COUNT; i++)
            fired += timers[i].fired;
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(timers[i].fired, 1);
        assert_true(timers[i].fired_ns >= due_ns[i]);
    }
    free(timers);
    free(due_ns);
    hh__loop_destroy(loop);
}

/* 4. What is left over keeps the descriptor readable. */

static void test_tasks_left_over(void **state)
{
    hh_loop *loop = make_loop();
    job one = {.task = {.run = run_job}, .loop = loop, .again = 4};

    (void)state;
    hh__task_post(loop, &one.task);
    run(loop); /* two rounds a run */
    assert_int_equal(one.runs, 2);
    assert_true(is_readable(loop, 0));
    run(loop);
    assert_int_equal(one.runs, 4);
    assert_true(is_readable(loop, 0));
    run(loop);
    assert_int_equal(one.runs, 5);
    assert_false(is_readable(loop, 0));
    hh__loop_destroy(loop);
}

static void post_job(probe *self)
{
    hh__task_post(self->loop, self->task);
}

static void test_order_within_a_run(void **state)
{
    hh_loop *loop = make_loop();
    clockwork due = make_clockwork(loop);
    job one = {.task = {.run = run_job}, .loop = loop, .again = 1};
    probe io;

    (void)state;
    probe_open(&io, loop, 1);
    io.then = post_job;
    io.task = &one.task;
    io.drains = true;
    assert_int_equal(hh__timer_set(loop, &due.timer, 1), HH_OK);
    run(loop);
    assert_string_equal(story, "iwtw");
    probe_close(&io);
    hh__loop_destroy(loop);
}

enum { MANY = HH_LOOP_EVENTS_MAX + 44 };

static probe *open_many(hh_loop *loop)
{
    probe *many = calloc(MANY, sizeof(*many));

    for (size_t i = 0; i < MANY; i++)
        probe_open(&many[i], loop, 1);
    return many;
}

static void close_many(probe *many)
{
    for (size_t i = 0; i < MANY; i++)
        probe_close(&many[i]);
    free(many);
}

static unsigned count_served(const probe *many)
{
    unsigned served = 0;

    for (size_t i = 0; i < MANY; i++)
        served += many[i].reports > 0;
    return served;
}

static void test_more_than_one_batch(void **state)
{
    hh_loop *loop = make_loop();
    probe *many = open_many(loop);

    (void)state;
    for (size_t i = 0; i < MANY; i++)
        many[i].drains = true;
    run(loop);
    assert_int_equal(count_served(many), HH_LOOP_EVENTS_MAX);
    assert_true(is_readable(loop, 0));
    run(loop);
    assert_int_equal(count_served(many), MANY);
    assert_false(is_readable(loop, 0));
    close_many(many);
    hh__loop_destroy(loop);
}

/* A deadline waits until every watch had its chance, and no longer, though all stay ready. */
static void test_deadlines_wait_for_the_rest_of_the_batch(void **state)
{
    hh_loop *loop = make_loop();
    probe *many = open_many(loop);
    clockwork due = make_clockwork(loop);

    (void)state;
    assert_int_equal(hh__timer_set(loop, &due.timer, 1), HH_OK);
    run(loop);
    assert_int_equal(due.fired, 0);
    assert_true(is_readable(loop, 0));
    run(loop);
    assert_int_equal(count_served(many), MANY);
    assert_int_equal(due.fired, 1);
    close_many(many);
    hh__loop_destroy(loop);
}

static void cut_short(probe *self)
{
    hh__loop_cut_short(self->loop);
}

/* What a run leaves comes first in the next one, before what is ready anew and before deadlines;
 * what is stopped meanwhile isn't reported. */
static void test_cut_short(void **state)
{
    hh_loop *loop = make_loop();
    probe *many = open_many(loop);
    clockwork due = make_clockwork(loop);
    size_t served = 0;

    (void)state;
    for (size_t i = 0; i < MANY; i++)
        many[i].then = cut_short; /* and leaves its descriptor readable */
    assert_int_equal(hh__timer_set(loop, &due.timer, 1), HH_OK);
    run(loop);
    assert_int_equal(count_served(many), 1);
    for (size_t i = 0; i < MANY && served < 1; i++) {
        if (many[i].reports == 0) {
            hh__watch_stop(loop, &many[i].watch);
            served++;
        }
    }
    for (unsigned runs = 1; count_served(many) < HH_LOOP_EVENTS_MAX - 1; runs++) {
        assert_true(runs < HH_LOOP_EVENTS_MAX);
        assert_int_equal(due.fired, 0);
        assert_true(is_readable(loop, 0));
        run(loop);
    }
    for (size_t i = 0; i < MANY; i++)
        assert_true(many[i].reports <= 1);            /* nobody twice before all had their turn */
    for (unsigned runs = 0; due.fired == 0; runs++) { /* though every run is cut short */
        assert_true(runs <= HH_LOOP_EVENTS_MAX);
        run(loop);
    }
    for (size_t i = 0; i < MANY; i++)
        many[i].drains = true;
    for (unsigned runs = 0; is_readable(loop, 0); runs++) {
        assert_true(runs <= 2 * MANY);
        run(loop);
    }
    assert_int_equal(count_served(many), MANY - 1);
    close_many(many);
    hh__loop_destroy(loop);
}

/* 5. Fork. */

static int child_of_fork(hh_loop *loop, probe *one, clockwork *timer)
{
    hh_error error;
    hh_loop *own = NULL;
    hh_watch another = {.fd = -1};

    if (!hh__loop_is_forked(loop))
        return 1;
    sys_fail_count_start();
    hh__loop_wake(loop);
    if (hh__loop_run(loop) != HH_ERR_STATE ||
        hh__watch_start(loop, &another, one->watch.fd, HH_READY_READ) == HH_OK ||
        hh__watch_set(loop, &one->watch, 0) == HH_OK ||
        hh__timer_set(loop, &timer->timer, 1) != HH_OK)
        return 2;
    hh__watch_stop(loop, &one->watch);
    if (one->watch.is_watched || sys_fail_count(SYS_FAIL_EPOLL_CTL) != 0 ||
        sys_fail_count(SYS_FAIL_TIMERFD_SETTIME) != 0)
        return 3;
    close(one->watch.fd);
    hh__timer_stop(loop, &timer->timer);
    hh__loop_destroy(loop);
    /* A loop of the child's own works. */
    if (hh__loop_create(&own, &error) != HH_OK || hh__loop_is_forked(own) ||
        hh__loop_run(own) != HH_OK)
        return 4;
    hh__loop_destroy(own);
    return 0;
}

static void test_fork_leaves_the_parent_alone(void **state)
{
    hh_loop *loop = make_loop();
    clockwork timer = make_clockwork(loop);
    probe one;
    pid_t child;
    int status = -1;

    (void)state;
    probe_open(&one, loop, 0);
    assert_int_equal(
        hh__timer_set(loop, &timer.timer, hh__loop_refresh(loop) + 3600000 * NS_PER_MS), HH_OK);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(child_of_fork(loop, &one, &timer));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);

    assert_false(hh__loop_is_forked(loop));
    assert_false(is_readable(loop, 0)); /* neither woken nor armed by the child */
    probe_signal(&one);
    assert_true(is_readable(loop, 0));
    run(loop);
    assert_int_equal(one.reports, 1);
    hh__timer_stop(loop, &timer.timer);
    probe_close(&one);
    hh__loop_destroy(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_readable_for_io),
        TEST(test_readable_for_deadline),
        TEST(test_readable_for_task),
        TEST(test_wake_from_another_thread),
        TEST(test_no_wake_is_lost),
        TEST(test_wait_is_interrupted_by_a_signal),
        TEST(test_wait_ends_in_time),
        TEST(test_due_timers_come_after_io),
        TEST(test_due_is_measured_at_the_start_of_the_run),
        TEST(test_moving_later_touches_neither_heap_nor_kernel),
        TEST(test_kernel_timer_is_armed_only_for_an_earlier_deadline),
        TEST(test_kernel_timer_is_armed_once_a_run),
        TEST(test_unset_timer_never_fires),
        TEST(test_timer_set_to_the_past_by_itself_waits_for_the_next_run),
        TEST(test_many_timers_fire_once_and_not_early),
        TEST(test_tasks_left_over),
        TEST(test_order_within_a_run),
        TEST(test_more_than_one_batch),
        TEST(test_deadlines_wait_for_the_rest_of_the_batch),
        TEST(test_cut_short),
        TEST(test_fork_leaves_the_parent_alone),
    };

    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
