/*
 * storm.h - many requests with random cancels, time-outs and misbehaving peers on one client: the
 * short form is a test, the long one the soak.
 */
#ifndef TESTS_CLIENT_STORM_H
#define TESTS_CLIENT_STORM_H

#include <stddef.h>
#include <stdint.h>

typedef struct storm {
    uint64_t seed;
    size_t requests;
    size_t at_once;   /* submits in flight, at most */
    int with_trouble; /* peers that misbehave and time-outs, beside cancels */
    /* What came of it. */
    size_t answered, failed, cancelled, timed_out, broken;
    size_t asked, pushed, redirected;
} storm;

/* Runs it on a client of its own. Fails the running test on any wrong turn: an answer that isn't
 * what its peer sent, a missing or second terminal event, books that don't balance, descriptors
 * left open. */
void storm_run(storm *what);

#endif
