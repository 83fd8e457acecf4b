/*
 * soak.c - a great many requests against peers that misbehave, with random cancels and time-outs:
 * `make soak`, or `soak [requests [seed]]`; over HTTP/2 ten times as many, all over one connection
 * and those that follow its GOAWAY. Ends with 1 at the first wrong turn, prints what came of it
 * all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "client/storm.h"
#include "client/streams.h"

#define MEGABYTE ((size_t)1 << 20)

static storm what = {.requests = 100000, .at_once = 64, .with_trouble = 1};
static streams over = {.at_once = 100,
                       .connections = 1,
                       .turn = 5000,
                       .mood = H2_CHURN_WILD,
                       .memory_slack = MEGABYTE,
                       .resident_slack = 24 * MEGABYTE};

#if defined(__SANITIZE_ADDRESS__)
const char *__asan_default_options(void);
/* Freed memory is kept from use for a while; less of it here, so that what the process holds can
 * tell whether it grows. */
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=16";
}
#endif

static void test_soak(void **state)
{
    (void)state;
    storm_run(&what);
    assert_int_equal(what.answered + what.failed, what.requests);
}

static void test_streams(void **state)
{
    (void)state;
    streams_run(&over);
}

static void say_streams(void)
{
    const h2_churn_counts *server = &over.server;
    printf(
        "soak: HTTP/2: %zu answered, %zu cancelled, %zu reset, %zu refused for good, %zu broken, "
        "%zu not sent again\n",
        over.answered, over.cancelled, over.reset, over.refused, over.broken, over.unrewound);
    printf("soak: HTTP/2: %zu pushes, %zu pauses; books balanced after each of %zu steps, %zu of "
           "them waits\n",
           over.pushes, over.pauses, over.checks, over.naps);
    printf(
        "soak: HTTP/2: the server saw %zu connections, %zu streams, %zu cancels; sent %zu resets, "
        "%zu refusals, %zu GOAWAYs (%zu streams beyond), %zu SETTINGS; hung up %zu times\n",
        server->connections, server->streams, server->cancels, server->resets, server->refusals,
        server->goaways, server->orphans, server->settings, server->cuts);
    printf(
        "soak: HTTP/2: heap in use at rest %zu KiB early on, %zu KiB at most, beside up to %zu KiB "
        "kept for the next use; resident %zu MiB and %zu MiB; %zu samples\n",
        over.heap_early >> 10, over.heap_most >> 10, over.kept_most >> 10,
        over.resident_early >> 20, over.resident_most >> 20, over.samples);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_soak), cmocka_unit_test(test_streams)};
    what.seed = (uint64_t)time(NULL);
    if (argc > 1)
        what.requests = strtoul(argv[1], NULL, 10);
    if (argc > 2)
        what.seed = strtoull(argv[2], NULL, 10);
    over.requests = 10 * what.requests;
    over.seed = what.seed;
    printf("soak: %zu requests, over HTTP/2 %zu, seed %llu\n", what.requests, over.requests,
           (unsigned long long)what.seed);
    fflush(stdout);
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    printf("soak: %zu answered (%zu redirected), %zu cancelled, %zu timed out, %zu broken; "
           "%zu questions, %zu pushes\n",
           what.answered, what.redirected, what.cancelled, what.timed_out, what.broken, what.asked,
           what.pushed);
    say_streams();
    return failures != 0;
}
