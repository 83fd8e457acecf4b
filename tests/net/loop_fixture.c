/*
 * loop_fixture.c - watches, timers and tasks under test (loop_fixture.h).
 */
#include "loop_fixture.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/memory.h"
#include "support/alloc_fail.h"
#include "support/held_clock.h"
#include "support/sys_fail.h"

unsigned open_descriptors(void)
{
    unsigned count = 0;

    for (int fd = 0; fd < 2048; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

hh_loop *make_loop(void)
{
    hh_loop *loop = NULL;

    assert_int_equal(hh__loop_create(&loop, NULL), HH_OK);
    return loop;
}

bool is_readable(const hh_loop *loop, int timeout_ms)
{
    struct pollfd one = {hh__loop_fd(loop), POLLIN, 0};

    return poll(&one, 1, timeout_ms) == 1;
}

void run(hh_loop *loop)
{
    assert_int_equal(hh__loop_run(loop), HH_OK);
}

/* Waits and runs until `*count` has come to `wanted`. */
void run_until(hh_loop *loop, const unsigned *count, unsigned wanted)
{
    while (*count < wanted) {
        assert_true(is_readable(loop, FAR_MS));
        run(loop);
    }
}

char story[STORY_BYTES];

static void tell(char what)
{
    size_t length = strlen(story);

    if (length + 1 < sizeof(story)) {
        story[length] = what;
        story[length + 1] = '\0';
    }
}

int setup(void **state)
{
    (void)state;
    story[0] = '\0';
    sys_fail_off();
    sys_fail_count_start();
    alloc_fail_off();
    held_clock_let_go();
    return 0;
}

void on_probe(hh_watch *watch, unsigned ready)
{
    probe *self = HH_CONTAINER_OF(watch, probe, watch);
    uint64_t value;

    self->reports++;
    self->last_ready = ready;
    tell('i');
    if (self->drains)
        assert_int_equal(read(watch->fd, &value, sizeof(value)), sizeof(value));
    if (self->then != NULL)
        self->then(self);
}

void probe_open(probe *self, hh_loop *loop, unsigned count)
{
    memset(self, 0, sizeof(*self));
    self->loop = loop;
    self->watch.on_ready = on_probe;
    assert_int_equal(
        hh__watch_start(loop, &self->watch, eventfd(count, EFD_NONBLOCK), HH_READY_READ), HH_OK);
}

void probe_close(probe *self)
{
    hh__watch_stop(self->loop, &self->watch);
    close(self->watch.fd);
}

void probe_signal(const probe *self)
{
    uint64_t one = 1;

    assert_int_equal(write(self->watch.fd, &one, sizeof(one)), sizeof(one));
}

static void on_clockwork(hh_timer *timer)
{
    clockwork *self = HH_CONTAINER_OF(timer, clockwork, timer);

    assert_int_equal(timer->due_ns, 0);
    self->fired++;
    self->fired_ns = hh__loop_now(self->loop);
    tell('t');
    if (self->again_ns != 0)
        assert_int_equal(hh__timer_set(self->loop, timer, self->again_ns), HH_OK);
}

clockwork make_clockwork(hh_loop *loop)
{
    clockwork self;

    memset(&self, 0, sizeof(self));
    self.loop = loop;
    self.timer.on_due = on_clockwork;
    return self;
}

void run_job(hh_task *task)
{
    job *self = HH_CONTAINER_OF(task, job, task);

    self->runs++;
    tell('w');
    if (self->again > 0) {
        self->again--;
        hh__task_post(self->loop, task);
    }
}
