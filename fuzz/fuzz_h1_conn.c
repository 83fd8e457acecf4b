/*
 * fuzz_h1_conn.c - an HTTP/1 connection against any bytes, in any pieces, under any actions.
 *
 * Input: a byte of settings, a byte that seeds the split, a byte n, n bytes of actions, and what
 * the server sends. Without actions the bytes are played whole and split, and both must give the
 * same reports. With actions the rig's own rules are what is checked (support/h1_rig.h): one end
 * for each call, the keeper told once and before it, nothing reported, borrowed or held afterwards.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conn/h1_internal.h"
#include "support/h1_rig.h"
#include "support/prng.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

#define SERVER_BYTES_MAX 65536

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

enum { SET_RECORDS = 1, SET_HOLD = 2, SET_PLACE = 4, SET_HEAD = 8, SET_BODY = 16, SET_PUSH = 32 };
enum { SET_EXPECT = 64, SET_NARROW = 128 };

typedef struct plan {
    uint8_t settings;
    uint64_t seed;
    const uint8_t *actions;
    size_t action_count;
    const char *data;
    size_t length;
} plan;

static h1_rig *rigs[2]; /* with large buffers, with small ones */

static h1_rig *take_rig(const plan *how)
{
    size_t i = (how->settings & SET_NARROW) != 0;
    if (rigs[i] == NULL) {
        rigs[i] = malloc(sizeof(h1_rig));
        CHECK(rigs[i] != NULL);
        rig_init(rigs[i], FAKE_PLAIN, i == 0 ? 65536 : 512);
    }
    h1_rig *rig = rigs[i];
    CHECK(rig_connect(rig, (how->settings & SET_RECORDS) != 0 ? FAKE_RECORDS : FAKE_PLAIN) ==
          HH_OK);
    memset(rig->acts, 0, sizeof rig->acts);
    rig_prepare(rig);
    rig->holds_buffers = (how->settings & SET_HOLD) != 0;
    rig->place_step = (how->settings & SET_PLACE) != 0 ? 7 : 0;
    rig->push = (hh_slice){NULL, 0};
    if ((how->settings & SET_HEAD) != 0)
        rig->call.request_kind = HH_REQUEST_HEAD;
    return rig;
}

static void leave_rig(h1_rig *rig)
{
    rig_close(rig);
    rig->call.head = (hh_slice){NULL, 0}; /* nobody may look at it any more */
    CHECK(hh__loop_run(rig->loop) == HH_OK);
    while (rig->held_count > 0)
        hh__buf_release(&rig->buffers, rig->held[--rig->held_count]);
    CHECK(rig->buffers.in_use == 0 && hh__loop_timer_count(rig->loop) == 0);
}

/* --- Whole and split -------------------------------------------------------------------------- */

static char *play(const plan *how, uint64_t seed)
{
    h1_rig *rig = take_rig(how);
    rig_start(rig);
    for (size_t at = 0; at < how->length;) {
        size_t left = how->length - at;
        size_t length = seed == 0 ? left : 1 + prng_below(&seed, (how->seed & 15) + 1);
        fake_stream_feed(&rig->fake, how->data + at, length < left ? length : left);
        at += length < left ? length : left;
        if (seed != 0 && prng_below(&seed, 4) == 0)
            rig_run(rig);
    }
    fake_stream_end(&rig->fake, (how->seed & 16) != 0 ? FAKE_TRUNCATED : FAKE_EOF);
    rig_run(rig);
    CHECK(!rig->is_active && rig->conn == NULL);
    CHECK(rig->counts[RIG_DONE] + rig->counts[RIG_FAILED] == 1);
    char *log = strdup(rig->log);
    CHECK(log != NULL);
    leave_rig(rig);
    return log;
}

static void compare(const plan *how)
{
    char *whole = play(how, 0);
    char *split = play(how, how->seed + 1);
    CHECK(strcmp(whole, split) == 0);
    free(whole);
    free(split);
}

/* --- Actions ---------------------------------------------------------------------------------- */

static void set_act(h1_rig *rig, unsigned argument)
{
    rig_report report = (rig_report)(argument % RIG_REPORTS);
    unsigned what = argument / RIG_REPORTS;
    if (report == RIG_DONE)
        rig->acts[report] = what == 0 ? RIG_RESTART : what == 1 ? RIG_CLOSE : RIG_GO;
    else if (report == RIG_HEAD || report == RIG_BODY)
        rig->acts[report] = what == 0 ? RIG_PAUSE : what == 1 ? RIG_CANCEL : RIG_CLOSE;
    else
        rig->acts[report] = what == 0 ? RIG_CANCEL : what == 1 ? RIG_CLOSE : RIG_GO;
}

static void push_now(h1_rig *rig, unsigned argument)
{
    static const char bytes[40000];
    static const size_t sizes[] = {0, 1, 2, 15, 16, 17, 1023, sizeof bytes};
    size_t accepted = 0;
    if (rig->conn == NULL)
        return;
    hh_slice data = {bytes, sizes[argument & 7]};
    uint64_t before = rig->call.pushed_bytes;
    hh_status status = hh__conn_push(rig->conn, &rig->call, data,
                                     (argument & 8) != 0 ? HH_PUSH_LAST : HH_PUSH_MORE, &accepted);
    CHECK(accepted <= data.length && (status == HH_OK || accepted == 0));
    CHECK(rig->call.pushed_bytes - before == accepted);
}

static void start_again(h1_rig *rig)
{
    if (!rig_is_idle(rig))
        return;
    rig_start(rig);
}

static void act(h1_rig *rig, plan *how, uint8_t action)
{
    unsigned argument = action >> 4;
    size_t length = argument * argument + 1;
    switch (action & 15) {
    case 0:
    case 1:
        length = length < how->length ? length : how->length;
        fake_stream_feed(&rig->fake, how->data, length);
        how->data += length;
        how->length -= length;
        break;
    case 2:
    case 3:
        rig_run(rig);
        break;
    case 4:
        CHECK(hh__loop_run(rig->loop) == HH_OK);
        break;
    case 5:
        if (rig->conn != NULL)
            hh__conn_resume(rig->conn, &rig->call);
        break;
    case 6:
    case 7:
        push_now(rig, argument);
        break;
    case 8:
        fake_stream_allow(&rig->fake, argument == 15 ? SIZE_MAX : length);
        break;
    case 9:
        rig->fake.write_step = argument;
        break;
    case 10:
        rig->fake.write_breaks = argument * 3;
        break;
    case 11:
        set_act(rig, argument);
        break;
    case 12:
        fake_stream_end(&rig->fake, (fake_end)(1 + argument % 3));
        break;
    case 13:
        fake_stream_wake(&rig->fake);
        break;
    case 14:
        start_again(rig);
        break;
    default:
        if (argument < 8)
            rig_cancel(rig);
        else
            rig_close(rig);
        break;
    }
}

static void play_actions(plan *how)
{
    static const char body[] = "some body";
    h1_rig *rig = take_rig(how);
    if ((how->settings & SET_PUSH) != 0) {
        rig->call.body_kind = HH_BODY_PUSHED;
        rig->call.body_length = (how->seed & 1) != 0 ? UINT64_MAX : how->seed * 100;
    } else if ((how->settings & SET_BODY) != 0) {
        rig->call.body_kind = HH_BODY_MEMORY;
        rig->call.body = hh_slice_of(body);
    }
    if ((how->settings & SET_EXPECT) != 0)
        rig->call.expect = HH_EXPECT_CONTINUE;
    if ((how->seed & 2) != 0)
        rig->fake.write_room = how->seed;
    rig_start(rig);
    for (size_t i = 0; i < how->action_count; i++) {
        act(rig, how, how->actions[i]);
        if (!rig->is_active && rig->conn == NULL)
            break;
    }
    rig_run(rig);
    leave_rig(rig);
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
