/*
 * h2_churn.h - an HTTP/2 server that keeps all the rules and is never twice the same: it answers in
 * any order, in pieces, early or late, resets, refuses, changes its settings, says GOAWAY, hangs
 * up.
 *
 * It lives in the test's own thread and moves only in h2_churn_step, so that a seed repeats a run
 * as far as the kernel does. Prior knowledge, plain TCP, framing by nghttp2's server session. A
 * client that breaks a rule of RFC 9113, or sends a request body that isn't what was agreed, is
 * told in h2_churn_complaint.
 *
 * A request's path is "/NUMBER"; its x-body field says how long its body is. The answer's x-number
 * and x-length say the same of the answer. Byte i of either is h2_churn_byte(NUMBER, i).
 */
#ifndef TESTS_SUPPORT_H2_CHURN_H
#define TESTS_SUPPORT_H2_CHURN_H

#include <stddef.h>
#include <stdint.h>

typedef struct h2_churn h2_churn;

typedef enum h2_churn_mood {
    H2_CHURN_CALM = 0, /* answers, settings, GOAWAYs: every request can be answered */
    H2_CHURN_WILD      /* and resets streams and hangs up */
} h2_churn_mood;

typedef struct h2_churn_options {
    uint64_t seed;
    size_t requests; /* numbers are below that */
    size_t turn;     /* a connection says GOAWAY after some so many requests */
    h2_churn_mood mood;
} h2_churn_options;

/* What has become of a request, as the server saw it: how often … */
typedef struct h2_churn_fate {
    uint8_t seen;     /* its head came */
    uint8_t refused;  /* REFUSED_STREAM */
    uint8_t orphaned; /* beyond a GOAWAY's last id */
    uint8_t reset;    /* otherwise, before the answer's end */
    uint8_t answered; /* to the end */
} h2_churn_fate;

typedef struct h2_churn_counts {
    size_t connections, streams, answered, resets, refusals, goaways, orphans, cuts, settings;
    size_t cancels; /* RST_STREAM of the client's */
} h2_churn_counts;

/* Listens on a free loopback port. NULL on failure. */
h2_churn *h2_churn_start(const h2_churn_options *options);
void h2_churn_stop(h2_churn *churn);
uint16_t h2_churn_port(const h2_churn *churn);
/* Does what can be done without waiting. 0 when that was nothing. */
int h2_churn_step(h2_churn *churn);
const h2_churn_fate *h2_churn_fate_of(const h2_churn *churn, size_t number);
const h2_churn_counts *h2_churn_count(const h2_churn *churn);
/* What the client did wrong; empty: nothing. */
const char *h2_churn_complaint(const h2_churn *churn);

static inline char h2_churn_byte(size_t number, size_t offset)
{
    return (char)('!' + (number * 31 + offset * 7 + offset / 89) % 90);
}

#endif
