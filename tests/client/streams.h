/*
 * streams.h - a great many requests over HTTP/2, against a server that resets, refuses, changes its
 * windows and says GOAWAY at random, with random cancels: the short form is a test, the long one
 * the soak.
 */
#ifndef TESTS_CLIENT_STREAMS_H
#define TESTS_CLIENT_STREAMS_H

#include <stddef.h>
#include <stdint.h>

#include "support/h2_churn.h"

typedef struct streams {
    uint64_t seed;
    size_t requests;
    size_t at_once; /* submits in flight, at most */
    unsigned
        connections; /* the client's cap. With 1 there is never a second beside one that goes */
    size_t turn;     /* a connection says GOAWAY after some so many requests */
    h2_churn_mood mood;
    /* How much more heap may be in use, and memory resident, than early on, whenever nothing is in
     * flight; 0: isn't looked at. */
    size_t memory_slack;
    size_t resident_slack;
    /* What came of it. */
    size_t answered, cancelled, reset, refused, broken, unrewound;
    size_t pushes, pauses, checks, samples;
    size_t naps; /* steps that waited: few, all live in one thread and none waits for a clock */
    size_t heap_early, heap_most; /* bytes in use; all peers included, but not what is … */
    size_t kept_most;             /* … kept for the next use: a late burst may add to it */
    size_t resident_early, resident_most; /* bytes of the process */
    h2_churn_counts server;
} streams;

/* Runs it on a client of its own. Fails the running test at any wrong turn: an answer that isn't
 * what the server sent, a failure the server gave no reason for, a missing or second terminal
 * event, a request that can't be repeated and was, books of pool or flow control that don't
 * balance after a step, a rule of the protocol broken, memory that grows. */
void streams_run(streams *what);

#endif
