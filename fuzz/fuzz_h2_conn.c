/*
 * fuzz_h2_conn.c - an HTTP/2 connection against any bytes, in any pieces, under any actions.
 *
 * How an input is read: conn_plan.h. Whole and split must give the same reports, as long as no rule
 * was broken. With actions the rig's own rules are what is checked (support/h2_rig.h, h2_peer.h and
 * rig_call.h): the books after each step, one end for each call, the keeper told before it, windows
 * kept to, nothing left behind.
 */
#include "conn_plan.h"
#include "support/h2_rig.h"

#define CALLS 3

enum { SET_OPEN = 4 };

static h2_rig *rigs[2]; /* with large buffers, with small ones */

static void prepare(h2_rig *rig, const conn_plan *how, unsigned i)
{
    static const char body[100000];
    rig_call *c = h2_rig_call_at(rig, i);
    c->push_step = how->seed % 50;
    if (conn_plan_has(how, SET_HEAD) && i == 0) {
        h2_rig_set_head(c, "HEAD / HTTP/1.1\r\nHost: peer\r\n\r\n");
        c->call.request_kind = HH_REQUEST_HEAD;
    }
    if (conn_plan_has(how, SET_PUSH) && i == 1) {
        c->call.body_kind = HH_BODY_PUSHED;
        c->push = hh_slice_of("pushed bytes");
    } else if (conn_plan_has(how, SET_BODY)) {
        c->call.body_kind = HH_BODY_MEMORY;
        c->call.body = (hh_slice){body, how->seed * 391};
    }
    if (conn_plan_has(how, SET_EXPECT))
        c->call.expect = HH_EXPECT_CONTINUE;
}

static h2_rig *take_rig(const conn_plan *how)
{
    size_t i = conn_plan_has(how, SET_NARROW);
    fake_kind kind = conn_plan_kind(how);
    if (rigs[i] == NULL) {
        rigs[i] = malloc(sizeof(h2_rig));
        CHECK(rigs[i] != NULL);
        h2_rig_init(rigs[i], kind, i == 0 ? 65536 : 4096);
    }
    h2_rig *rig = rigs[i];
    rig->kept.is_wanted = conn_plan_has(how, SET_HOLD);
    if (conn_plan_has(how, SET_OPEN))
        h2_rig_open(rig, kind);
    else
        CHECK(h2_rig_connect(rig, kind) == HH_OK);
    for (unsigned k = 0; k < CALLS; k++) {
        prepare(rig, how, k);
        h2_rig_start(rig, k);
    }
    return rig;
}

static void feed(h2_rig *rig, hh_slice data)
{
    h2_peer_said(&rig->peer, data.data, data.length);
    fake_stream_feed(&rig->fake, data.data, data.length);
}

/* --- Whole and split -------------------------------------------------------------------------- */

static char *play(const conn_plan *how, uint64_t seed)
{
    conn_plan rest = *how;
    h2_rig *rig = take_rig(how);
    h2_rig_run(rig);
    while (rest.length > 0) {
        size_t length = seed == 0 ? SIZE_MAX : 1 + prng_below(&seed, (how->seed & 15) * 3 + 1);
        feed(rig, conn_plan_next(&rest, length));
        if (seed != 0 && prng_below(&seed, 4) == 0)
            h2_rig_run(rig);
    }
    h2_rig_run(rig);
    fake_stream_end(&rig->fake, conn_plan_end(how));
    h2_rig_run(rig);
    CHECK(rig->conn == NULL && rig->starts == rig->ends);
    char *logs = malloc(CALLS * RIG_LOG_BYTES + 1);
    CHECK(logs != NULL);
    size_t used = 0;
    for (unsigned i = 0; i < CALLS; i++) {
        const text_log *written = &rig->calls[i]->written;
        memcpy(logs + used, written->text, written->length);
        used += written->length;
    }
    logs[used] = '\0';
    /* How much had been told before a fault was seen depends on the pieces. */
    if (rig->peer.has_goaway || strstr(logs, "failed HH_ERR_PROTOCOL") != NULL)
        logs[0] = '\0';
    return logs;
}

static void compare(const conn_plan *how)
{
    char *whole = play(how, 0);
    char *split = play(how, how->seed + 1);
    bool is_plain = !conn_plan_has(how, SET_BODY | SET_PUSH | SET_EXPECT);
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
    static const rig_act acts[] = {RIG_PAUSE, RIG_CANCEL, RIG_START, RIG_RESUME};
    rig_call *c = rig->calls[argument % CALLS];
    rig_report report = (rig_report)(argument % RIG_REPORTS);
    rig_act act = argument == 15 ? RIG_CLOSE : acts[argument / 4];
    bool can_pause = report == RIG_HEAD || report == RIG_BODY;
    c->acts[report] = act == RIG_PAUSE && !can_pause ? RIG_GO : act;
    c->target = argument * 7 % CALLS;
}

static void start_again(h2_rig *rig, unsigned i)
{
    if (rig->conn != NULL && rig->conn->capacity > 0 && !rig->calls[i]->is_active &&
        rig->starts < 200)
        h2_rig_start(rig, i);
}

static void act(h2_rig *rig, conn_plan *how, uint8_t action)
{
    unsigned argument = action >> 4;
    size_t length = argument * argument * argument + 1;
    switch (action & 15) {
    case 0:
    case 1:
    case 2:
        feed(rig, conn_plan_next(how, length));
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

static void play_actions(conn_plan *how)
{
    h2_rig *rig = take_rig(how);
    for (size_t i = 0; i < how->action_count && rig->conn != NULL; i++)
        act(rig, how, how->actions[i]);
    if (rig->conn != NULL)
        feed(rig, conn_plan_next(how, SIZE_MAX));
    h2_rig_run(rig);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    conn_plan how;
    if (!conn_plan_read(input, size, &how))
        return 0;
    if (how.action_count == 0)
        compare(&how);
    else
        play_actions(&how);
    return 0;
}
