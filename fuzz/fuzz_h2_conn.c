/*
 * fuzz_h2_conn.c - an HTTP/2 connection against any bytes, in any pieces, under any actions.
 *
 * Input: a byte of settings, a byte that seeds the split, a byte n, n bytes of actions, and what
 * the server sends. Without actions the bytes are played whole and split, and as long as no rule
 * was broken both must give the same reports. With actions the rig's own rules are what is checked
 * (support/h2_rig.h, support/h2_peer.h): the books after each step, one end for each call, the
 * keeper told before it, windows kept to, nothing left behind.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/h2_rig.h"
#include "support/prng.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

#define SERVER_BYTES_MAX 65536
#define CALLS 3

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

enum { SET_RECORDS = 1, SET_HOLD = 2, SET_OPEN = 4, SET_HEAD = 8, SET_BODY = 16, SET_PUSH = 32 };
enum { SET_EXPECT = 64, SET_NARROW = 128 };

typedef struct plan {
    uint8_t settings;
    uint64_t seed;
    const uint8_t *actions;
    size_t action_count;
    const char *data;
    size_t length;
} plan;

static h2_rig *rigs[2]; /* with large buffers, with small ones */

static void prepare(h2_rig *rig, const plan *how, unsigned i)
{
    static const char body[100000];
    h2_rig_call *c = h2_rig_call_at(rig, i);
    c->push_step = how->seed % 50;
    if ((how->settings & SET_HEAD) != 0 && i == 0) {
        h2_rig_set_head(c, "HEAD / HTTP/1.1\r\nHost: peer\r\n\r\n");
        c->call.request_kind = HH_REQUEST_HEAD;
    }
    if ((how->settings & SET_PUSH) != 0 && i == 1) {
        c->call.body_kind = HH_BODY_PUSHED;
        c->push = hh_slice_of("pushed bytes");
    } else if ((how->settings & SET_BODY) != 0) {
        c->call.body_kind = HH_BODY_MEMORY;
        c->call.body = (hh_slice){body, how->seed * 391};
    }
    if ((how->settings & SET_EXPECT) != 0)
        c->call.expect = HH_EXPECT_CONTINUE;
}

static h2_rig *take_rig(const plan *how)
{
    size_t i = (how->settings & SET_NARROW) != 0;
    fake_kind kind = (how->settings & SET_RECORDS) != 0 ? FAKE_RECORDS : FAKE_PLAIN;
    if (rigs[i] == NULL) {
        rigs[i] = malloc(sizeof(h2_rig));
        CHECK(rigs[i] != NULL);
        h2_rig_init(rigs[i], kind, i == 0 ? 65536 : 4096);
    }
    h2_rig *rig = rigs[i];
    rig->holds_buffers = (how->settings & SET_HOLD) != 0;
    if ((how->settings & SET_OPEN) != 0)
        h2_rig_open(rig, kind);
    else
        CHECK(h2_rig_connect(rig, kind) == HH_OK);
    for (unsigned k = 0; k < CALLS; k++) {
        prepare(rig, how, k);
        h2_rig_start(rig, k);
    }
    return rig;
}

static void feed(h2_rig *rig, const char *data, size_t length)
{
    h2_peer_said(&rig->peer, data, length);
    fake_stream_feed(&rig->fake, data, length);
}

/* --- Whole and split -------------------------------------------------------------------------- */

static char *play(const plan *how, uint64_t seed)
{
    h2_rig *rig = take_rig(how);
    h2_rig_run(rig);
    for (size_t at = 0; at < how->length;) {
        size_t left = how->length - at;
        size_t length = seed == 0 ? left : 1 + prng_below(&seed, (how->seed & 15) * 3 + 1);
        length = length < left ? length : left;
        feed(rig, how->data + at, length);
        at += length;
        if (seed != 0 && prng_below(&seed, 4) == 0)
            h2_rig_run(rig);
    }
    h2_rig_run(rig);
    fake_stream_end(&rig->fake, (how->seed & 16) != 0 ? FAKE_TRUNCATED : FAKE_EOF);
    h2_rig_run(rig);
    CHECK(rig->conn == NULL && rig->starts == rig->ends);
    char *logs = malloc(CALLS * H2_RIG_LOG_BYTES + 1);
    CHECK(logs != NULL);
    size_t used = 0;
    for (unsigned i = 0; i < CALLS; i++) {
        memcpy(logs + used, rig->calls[i]->log, rig->calls[i]->log_length);
        used += rig->calls[i]->log_length;
    }
    logs[used] = '\0';
    /* How much had been told before a fault was seen depends on the pieces. */
    if (rig->peer.has_goaway || strstr(logs, "failed HH_ERR_PROTOCOL") != NULL)
        logs[0] = '\0';
    return logs;
}

static void compare(const plan *how)
{
    char *whole = play(how, 0);
    char *split = play(how, how->seed + 1);
    bool is_plain = (how->settings & (SET_BODY | SET_PUSH | SET_EXPECT)) == 0;
    bool is_same = strcmp(whole, split) == 0;
    if (is_plain && whole[0] != '\0' && split[0] != '\0' && !is_same) {
        fprintf(stderr, "whole: %s\nsplit: %s\n", whole, split);
        abort();
    }
    free(whole);
    free(split);
}

/* --- Actions ---------------------------------------------------------------------------------- */

static void set_act(h2_rig *rig, unsigned argument)
{
    static const h2_rig_act acts[] = {H2_RIG_PAUSE, H2_RIG_CANCEL, H2_RIG_START, H2_RIG_RESUME};
    h2_rig_call *c = rig->calls[argument % CALLS];
    h2_rig_report report = (h2_rig_report)(argument % H2_RIG_REPORTS);
    h2_rig_act act = argument == 15 ? H2_RIG_CLOSE : acts[argument / 4];
    bool can_pause = report == H2_RIG_HEAD || report == H2_RIG_BODY;
    c->acts[report] = act == H2_RIG_PAUSE && !can_pause ? H2_RIG_GO : act;
    c->target = argument * 7 % CALLS;
}

static void start_again(h2_rig *rig, unsigned i)
{
    if (rig->conn != NULL && rig->conn->capacity > 0 && !rig->calls[i]->is_active &&
        rig->starts < 200)
        h2_rig_start(rig, i);
}

static void act(h2_rig *rig, plan *how, uint8_t action)
{
    unsigned argument = action >> 4;
    size_t length = argument * argument * argument + 1;
    switch (action & 15) {
    case 0:
    case 1:
    case 2:
        length = length < how->length ? length : how->length;
        feed(rig, how->data, length);
        how->data += length;
        how->length -= length;
        break;
    case 3:
    case 4:
        h2_rig_run(rig);
        break;
    case 5:
        h2_rig_step(rig);
        break;
    case 6:
        h2_rig_resume(rig, argument % CALLS);
        break;
    case 7:
        h2_rig_cancel(rig, argument % CALLS);
        break;
    case 8:
        fake_stream_allow(&rig->fake, argument == 15 ? SIZE_MAX : length);
        break;
    case 9:
        rig->fake.write_step = argument * 5;
        break;
    case 10:
        rig->fake.write_room = length - 1;
        break;
    case 11:
        set_act(rig, argument);
        break;
    case 12:
        fake_stream_end(&rig->fake, (fake_end)(1 + argument % 3));
        break;
    case 13:
        if (argument == 0)
            rig->fake.write_breaks = 0;
        else
            fake_stream_wake(&rig->fake);
        break;
    case 14:
        start_again(rig, argument % CALLS);
        break;
    default:
        if (argument == 15)
            h2_rig_close(rig, HH_CLOSE_ORDERLY);
        break;
    }
}

static void play_actions(plan *how)
{
    h2_rig *rig = take_rig(how);
    for (size_t i = 0; i < how->action_count && rig->conn != NULL; i++)
        act(rig, how, how->actions[i]);
    if (rig->conn != NULL)
        feed(rig, how->data, how->length);
    h2_rig_run(rig);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    if (size < 3)
        return 0;
    plan how = {.settings = input[0], .seed = input[1], .actions = input + 3};
    how.action_count = input[2] < size - 3 ? input[2] : size - 3;
    how.data = (const char *)input + 3 + how.action_count;
    how.length = size - 3 - how.action_count;
    if (how.length > SERVER_BYTES_MAX)
        return 0;
    if (how.action_count == 0)
        compare(&how);
    else
        play_actions(&how);
    return 0;
}
