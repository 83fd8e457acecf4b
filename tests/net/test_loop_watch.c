/*
 * Watches that change under a batch of reports, discarded memory, and failed calls in the loop.
 */
#include "loop_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "support/alloc_fail.h"
#include "support/sys_fail.h"

/* Watches that change under a batch. */

static void stop_other(probe *self)
{
    hh__watch_stop(self->loop, &self->other->watch);
}

static void test_stop_drops_a_report_already_taken(void **state)
{
    hh_loop *loop = make_loop();
    probe one, two;

    (void)state;
    probe_open(&one, loop, 1);
    probe_open(&two, loop, 1);
    one.other = &two;
    two.other = &one;
    one.then = two.then = stop_other; /* whichever comes first */
    run(loop);
    assert_int_equal(one.reports + two.reports, 1);
    probe_close(&one);
    probe_close(&two);
    hh__watch_stop(loop, &two.watch); /* harmless twice */
    hh__loop_destroy(loop);
}

static void restart_other_on_a_silent_one(probe *self)
{
    hh_watch *watch = &self->other->watch;

    hh__watch_stop(self->loop, watch);
    close(watch->fd);
    /* Most likely the same number again. */
    assert_int_equal(hh__watch_start(self->loop, watch, eventfd(0, EFD_NONBLOCK), HH_READY_READ),
                     HH_OK);
}

static void test_report_does_not_reach_a_restarted_watch(void **state)
{
    hh_loop *loop = make_loop();
    probe one, two;

    (void)state;
    probe_open(&one, loop, 1);
    probe_open(&two, loop, 1);
    one.other = &two;
    two.other = &one;
    one.then = two.then = restart_other_on_a_silent_one;
    run(loop);
    assert_int_equal(one.reports + two.reports, 1);
    probe_close(&one);
    probe_close(&two);
    hh__loop_destroy(loop);
}

static void pause_other(probe *self)
{
    assert_int_equal(hh__watch_set(self->loop, &self->other->watch, 0), HH_OK);
}

static void test_report_does_not_reach_a_paused_watch(void **state)
{
    hh_loop *loop = make_loop();
    probe one, two;

    (void)state;
    probe_open(&one, loop, 1);
    probe_open(&two, loop, 1);
    one.other = &two;
    two.other = &one;
    one.then = two.then = pause_other;
    run(loop);
    assert_int_equal(one.reports + two.reports, 1);
    probe_close(&one);
    probe_close(&two);
    hh__loop_destroy(loop);
}

static void test_same_interest_costs_no_call(void **state)
{
    hh_loop *loop = make_loop();
    probe one;

    (void)state;
    probe_open(&one, loop, 0);
    sys_fail_count_start();
    assert_int_equal(hh__watch_set(loop, &one.watch, HH_READY_READ), HH_OK);
    assert_int_equal(sys_fail_count(SYS_FAIL_EPOLL_CTL), 0);
    assert_int_equal(hh__watch_set(loop, &one.watch, HH_READY_READ | HH_READY_WRITE), HH_OK);
    assert_int_equal(sys_fail_count(SYS_FAIL_EPOLL_CTL), 1);
    run(loop);
    assert_int_equal(one.last_ready, HH_READY_WRITE);
    probe_close(&one);
    hh__loop_destroy(loop);
}

static void test_hangup_of_a_paused_watch_does_not_spin(void **state)
{
    hh_loop *loop = make_loop();
    probe one = {.loop = loop, .watch = {.on_ready = on_probe}};
    int ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    assert_int_equal(hh__watch_start(loop, &one.watch, ends[0], 0), HH_OK);
    close(ends[1]);
    run(loop);
    assert_int_equal(one.reports, 1);
    assert_int_equal(one.last_ready & (HH_READY_READ | HH_READY_WRITE),
                     HH_READY_READ | HH_READY_WRITE);
    assert_false(is_readable(loop, 0));
    /* Asked for again, it is there again. */
    assert_int_equal(hh__watch_set(loop, &one.watch, HH_READY_READ), HH_OK);
    assert_true(is_readable(loop, 0));
    run(loop);
    assert_int_equal(one.reports, 2);
    probe_close(&one);
    hh__loop_destroy(loop);
}

static void test_moved_watch(void **state)
{
    hh_loop *loop = make_loop();
    probe one, two = {.loop = loop, .watch = {.on_ready = on_probe}};

    (void)state;
    probe_open(&one, loop, 1);
    sys_fail_count_start();
    assert_int_equal(hh__watch_move(loop, &one.watch, &two.watch, HH_READY_READ), HH_OK);
    assert_int_equal(sys_fail_count(SYS_FAIL_EPOLL_CTL), 1);
    assert_false(one.watch.is_watched);
    run(loop);
    assert_int_equal(one.reports, 0);
    assert_int_equal(two.reports, 1);
    sys_fail_at(SYS_FAIL_EPOLL_CTL, 1, ENOSPC);
    assert_int_equal(hh__watch_move(loop, &two.watch, &one.watch, HH_READY_READ), HH_ERR_SYSTEM);
    assert_int_equal(errno, ENOSPC);
    sys_fail_off();
    assert_true(two.watch.is_watched && !one.watch.is_watched);
    probe_close(&two);
    hh__loop_destroy(loop);
}

static void test_watch_errors(void **state)
{
    hh_loop *loop = make_loop();
    hh_watch watch = {.fd = 0};
    FILE *file = tmpfile();

    (void)state;
    errno = 0;
    assert_int_equal(hh__watch_start(loop, &watch, -1, HH_READY_READ), HH_ERR_SYSTEM);
    assert_int_equal(errno, EBADF);
    assert_false(watch.is_watched);
    if (file != NULL) {
        assert_int_equal(hh__watch_start(loop, &watch, fileno(file), HH_READY_READ), HH_ERR_SYSTEM);
        assert_int_equal(errno, EPERM);
        fclose(file);
    }
    hh__watch_stop(loop, &watch);
    hh__loop_destroy(loop);
}

/* Discards. */

typedef struct litter {
    hh_watch watch;
    hh_discard discard;
    hh_loop *loop;
    struct litter *next;
    unsigned reports;
} litter;

static unsigned destroyed;

static void destroy_litter(hh_discard *discard)
{
    litter *self = HH_CONTAINER_OF(discard, litter, discard);

    destroyed++;
    if (self->next != NULL)
        hh__loop_discard(self->loop, &self->next->discard, destroy_litter);
    free(self);
}

static void on_litter(hh_watch *watch, unsigned ready)
{
    litter *self = HH_CONTAINER_OF(watch, litter, watch);

    (void)ready;
    hh__watch_stop(self->loop, watch);
    close(watch->fd);
    hh__loop_discard(self->loop, &self->discard, destroy_litter);
    assert_int_equal(destroyed, 0);
    self->reports++; /* still ours */
}

static litter *make_litter(hh_loop *loop, litter *next)
{
    litter *self = calloc(1, sizeof(*self));

    self->loop = loop;
    self->next = next;
    self->watch.on_ready = on_litter;
    return self;
}

static void test_discards_go_at_the_end_of_the_run(void **state)
{
    hh_loop *loop = make_loop();
    litter *one = make_litter(loop, make_litter(loop, NULL));
    litter *two = make_litter(loop, NULL);

    (void)state;
    destroyed = 0;
    assert_int_equal(hh__watch_start(loop, &one->watch, eventfd(1, EFD_NONBLOCK), HH_READY_READ),
                     HH_OK);
    assert_int_equal(hh__watch_start(loop, &two->watch, eventfd(1, EFD_NONBLOCK), HH_READY_READ),
                     HH_OK);
    run(loop);
    assert_int_equal(destroyed, 3);
    hh__loop_destroy(loop);
}

static void test_discards_go_with_the_loop(void **state)
{
    hh_loop *loop = make_loop();
    litter *one = make_litter(loop, NULL);

    (void)state;
    destroyed = 0;
    hh__loop_discard(loop, &one->discard, destroy_litter);
    hh__loop_destroy(loop);
    assert_int_equal(destroyed, 1);
    hh__loop_destroy(NULL);
}

/* Failures. */

static void test_create_fails_cleanly_at_each_call(void **state)
{
    unsigned before = open_descriptors();
    uint64_t nth;

    (void)state;
    for (nth = 1;; nth++) {
        hh_loop *loop = NULL;
        hh_error error;
        hh_status status;

        memset(&error, 0, sizeof(error));
        sys_fail_at(SYS_FAIL_ANY, nth, EMFILE);
        status = hh__loop_create(&loop, &error);
        sys_fail_off();
        if (sys_fail_hits() == 0) {
            assert_int_equal(status, HH_OK);
            hh__loop_destroy(loop);
            break;
        }
        assert_int_equal(status, HH_ERR_SYSTEM);
        assert_int_equal(error.code, HH_ERR_SYSTEM);
        assert_int_equal(error.os_error, EMFILE);
        assert_null(loop);
        assert_int_equal(open_descriptors(), before);
    }
    assert_int_equal(nth, 6); /* epoll, eventfd, timerfd and two watches fail before */
    assert_int_equal(open_descriptors(), before);
}

static void test_create_without_memory(void **state)
{
    hh_loop *loop = NULL;
    hh_error error;

    (void)state;
    alloc_fail_at(1);
    assert_int_equal(hh__loop_create(&loop, &error), HH_ERR_NO_MEMORY);
    alloc_fail_off();
    assert_int_equal(error.code, HH_ERR_NO_MEMORY);
    assert_null(loop);
}

static void test_run_and_wait_report_failed_calls(void **state)
{
    hh_loop *loop = make_loop();
    probe one;

    (void)state;
    probe_open(&one, loop, 1);
    sys_fail_at(SYS_FAIL_EPOLL_WAIT, 1, EBADF);
    assert_int_equal(hh__loop_run(loop), HH_ERR_SYSTEM);
    sys_fail_at(SYS_FAIL_EPOLL_WAIT, 1, EINTR);
    run(loop);
    assert_int_equal(one.reports, 1);
    sys_fail_at(SYS_FAIL_POLL, 1, ENOMEM);
    assert_int_equal(hh__loop_wait(loop, -1), HH_ERR_SYSTEM);
    sys_fail_at(SYS_FAIL_POLL, 1, EINTR);
    assert_int_equal(hh__loop_wait(loop, -1), HH_INTERRUPTED);
    probe_close(&one);
    hh__loop_destroy(loop);
}

static void test_timer_without_memory(void **state)
{
    hh_loop *loop = make_loop();
    clockwork one = make_clockwork(loop);

    (void)state;
    alloc_fail_at(1);
    assert_int_equal(hh__timer_set(loop, &one.timer, 5), HH_ERR_NO_MEMORY);
    alloc_fail_off();
    assert_int_equal(one.timer.due_ns, 0);
    run(loop);
    assert_int_equal(one.fired, 0);
    assert_int_equal(hh__timer_set(loop, &one.timer, 5), HH_OK);
    run(loop);
    assert_int_equal(one.fired, 1);
    hh__loop_destroy(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_stop_drops_a_report_already_taken),
        TEST(test_report_does_not_reach_a_restarted_watch),
        TEST(test_report_does_not_reach_a_paused_watch),
        TEST(test_same_interest_costs_no_call),
        TEST(test_hangup_of_a_paused_watch_does_not_spin),
        TEST(test_moved_watch),
        TEST(test_watch_errors),
        TEST(test_discards_go_at_the_end_of_the_run),
        TEST(test_discards_go_with_the_loop),
        TEST(test_create_fails_cleanly_at_each_call),
        TEST(test_create_without_memory),
        TEST(test_run_and_wait_report_failed_calls),
        TEST(test_timer_without_memory),
    };

    return cmocka_run_group_tests_name("loop watches", tests, NULL, NULL);
}
