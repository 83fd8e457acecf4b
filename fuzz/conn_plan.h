/*
 * conn_plan.h - what the fuzz targets of the connections share: how an input says what is played.
 *
 * Input: a byte of settings, a byte that seeds the split, a byte n, n bytes of actions, and what
 * the server sends. Without actions the bytes are played whole and split, to compare the reports;
 * with actions it is the rig's own rules that are checked.
 */
#ifndef FUZZ_CONN_PLAN_H
#define FUZZ_CONN_PLAN_H

#include "fuzz_target.h"
#include "support/fake_stream.h"
#include "support/prng.h"

#define SERVER_BYTES_MAX 65536

/* Bit 2 is each target's own. */
enum { SET_RECORDS = 1, SET_HOLD = 2, SET_HEAD = 8, SET_BODY = 16, SET_PUSH = 32 };
enum { SET_EXPECT = 64, SET_NARROW = 128 };

typedef struct conn_plan {
    uint8_t settings;
    uint64_t seed;
    const uint8_t *actions;
    size_t action_count;
    const char *data; /* what the server has yet to send */
    size_t length;
} conn_plan;

static inline bool conn_plan_has(const conn_plan *plan, unsigned setting)
{
    return (plan->settings & setting) != 0;
}

/* False: the input is none. */
static inline bool conn_plan_read(const uint8_t *input, size_t size, conn_plan *plan)
{
    if (size < 3)
        return false;
    size_t count = input[2] < size - 3 ? input[2] : size - 3;
    *plan = (conn_plan){.settings = input[0],
                        .seed = input[1],
                        .actions = input + 3,
                        .action_count = count,
                        .data = (const char *)input + 3 + count,
                        .length = size - 3 - count};
    return plan->length <= SERVER_BYTES_MAX;
}

static inline fake_kind conn_plan_kind(const conn_plan *plan)
{
    return conn_plan_has(plan, SET_RECORDS) ? FAKE_RECORDS : FAKE_PLAIN;
}

/* How the server ends when it has sent everything. */
static inline fake_end conn_plan_end(const conn_plan *plan)
{
    return (plan->seed & 16) != 0 ? FAKE_TRUNCATED : FAKE_EOF;
}

/* What the server sends next, at most `length` bytes. */
static inline hh_slice conn_plan_next(conn_plan *plan, size_t length)
{
    hh_slice next = {plan->data, length < plan->length ? length : plan->length};
    plan->data += next.length;
    plan->length -= next.length;
    return next;
}

#endif
