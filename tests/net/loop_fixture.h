/*
 * loop_fixture.h - what the tests of the loop share: watches, timers and tasks that tell what
 * happened to them.
 */
#ifndef TESTS_NET_LOOP_FIXTURE_H
#define TESTS_NET_LOOP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/loop.h"

#define NS_PER_MS INT64_C(1000000)
#define FAR_MS 60000 /* a bound that is only met when something hangs */

/* What happened in which order: 'i' a report, 't' a timer, 'w' a task; only the beginning of a long
 * story. */
#define STORY_BYTES 64
extern char story[STORY_BYTES];

int setup(void **state);
unsigned open_descriptors(void);
hh_loop *make_loop(void);
bool is_readable(const hh_loop *loop, int timeout_ms);
void run(hh_loop *loop);
/* Waits and runs until `*count` has come to `wanted`. */
void run_until(hh_loop *loop, const unsigned *count, unsigned wanted);

/* A watch over an eventfd that counts its reports, and a note of what to do in the handler. */
typedef struct probe {
    hh_watch watch;
    hh_loop *loop;
    unsigned reports;
    unsigned last_ready;
    bool drains;
    void (*then)(struct probe *probe);
    struct probe *other;
    hh_timer *timer;
    hh_task *task;
} probe;

void on_probe(hh_watch *watch, unsigned ready);
void probe_open(probe *self, hh_loop *loop, unsigned count);
void probe_close(probe *self);
void probe_signal(const probe *self);

typedef struct clockwork {
    hh_timer timer;
    hh_loop *loop;
    unsigned fired;
    int64_t fired_ns;
    int64_t again_ns; /* sets itself to this, when not 0 */
} clockwork;

clockwork make_clockwork(hh_loop *loop);

typedef struct job {
    hh_task task;
    hh_loop *loop;
    unsigned runs;
    unsigned again; /* so many times it posts itself */
} job;

void run_job(hh_task *task);

#define TEST(name) cmocka_unit_test_setup(name, setup)

#endif
