/*
 * fuzz_h1_conn.c - an HTTP/1 connection against any bytes, in any pieces, under any actions.
 *
 * How an input is read: conn_plan.h. Whole and split must give the same reports. With actions the
 * rig's own rules are what is checked (support/h1_rig.h, support/rig_call.h): one end for each
 * call, the keeper told once and before it, nothing reported, borrowed or held afterwards.
 */
#include "conn/h1_internal.h"
#include "conn_plan.h"
#include "support/h1_rig.h"

enum { SET_PLACE = 4 };

static h1_rig *rigs[2]; /* with large buffers, with small ones */

static h1_rig *take_rig(const conn_plan *how)
{
    size_t i = conn_plan_has(how, SET_NARROW);
    if (rigs[i] == NULL) {
        rigs[i] = malloc(sizeof(h1_rig));
        CHECK(rigs[i] != NULL);
        h1_rig_init(rigs[i], FAKE_PLAIN, i == 0 ? 65536 : 512);
    }
    h1_rig *rig = rigs[i];
    CHECK(h1_rig_connect(rig, conn_plan_kind(how)) == HH_OK);
    memset(rig->c.acts, 0, sizeof rig->c.acts);
    h1_rig_prepare(rig);
    rig->kept.is_wanted = conn_plan_has(how, SET_HOLD);
    rig->c.place_step = conn_plan_has(how, SET_PLACE) ? 7 : 0;
    rig->c.push = (hh_slice){NULL, 0};
    if (conn_plan_has(how, SET_HEAD))
        rig->c.call.request_kind = HH_REQUEST_HEAD;
    return rig;
}

static void feed(h1_rig *rig, hh_slice data)
{
    fake_stream_feed(&rig->fake, data.data, data.length);
}

static void leave_rig(h1_rig *rig)
{
    h1_rig_close(rig);
    rig->c.call.head = (hh_slice){NULL, 0}; /* nobody may look at it any more */
    CHECK(hh__loop_run(rig->loop) == HH_OK);
    rig_kept_release(&rig->kept, &rig->buffers);
    CHECK(rig->buffers.in_use == 0 && hh__loop_timer_count(rig->loop) == 0);
}

/* --- Whole and split -------------------------------------------------------------------------- */

static char *play(const conn_plan *how, uint64_t seed)
{
    conn_plan rest = *how;
    h1_rig *rig = take_rig(how);
    h1_rig_start(rig);
    while (rest.length > 0) {
        size_t length = seed == 0 ? SIZE_MAX : 1 + prng_below(&seed, (how->seed & 15) + 1);
        feed(rig, conn_plan_next(&rest, length));
        if (seed != 0 && prng_below(&seed, 4) == 0)
            h1_rig_run(rig);
    }
    fake_stream_end(&rig->fake, conn_plan_end(how));
    h1_rig_run(rig);
    CHECK(!rig->c.is_active && rig->conn == NULL);
    CHECK(rig->c.counts[RIG_DONE] + rig->c.counts[RIG_FAILED] == 1);
    char *log = strdup(rig->c.log);
    CHECK(log != NULL);
    leave_rig(rig);
    return log;
}

static void compare(const conn_plan *how)
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
        rig->c.acts[report] = what == 0 ? RIG_START : what == 1 ? RIG_CLOSE : RIG_GO;
    else if (report == RIG_HEAD || report == RIG_BODY)
        rig->c.acts[report] = what == 0 ? RIG_PAUSE : what == 1 ? RIG_CANCEL : RIG_CLOSE;
    else
        rig->c.acts[report] = what == 0 ? RIG_CANCEL : what == 1 ? RIG_CLOSE : RIG_GO;
}

static void push_now(h1_rig *rig, unsigned argument)
{
    static const char bytes[40000];
    static const size_t sizes[] = {0, 1, 2, 15, 16, 17, 1023, sizeof bytes};
    size_t accepted = 0;
    if (rig->conn == NULL)
        return;
    hh_slice data = {bytes, sizes[argument & 7]};
    uint64_t before = rig->c.call.pushed_bytes;
    hh_status status = hh__conn_push(rig->conn, &rig->c.call, data,
                                     (argument & 8) != 0 ? HH_PUSH_LAST : HH_PUSH_MORE, &accepted);
    CHECK(accepted <= data.length && (status == HH_OK || accepted == 0));
    CHECK(rig->c.call.pushed_bytes - before == accepted);
}

static void start_again(h1_rig *rig)
{
    if (!h1_rig_is_idle(rig))
        return;
    h1_rig_start(rig);
}

static void act(h1_rig *rig, conn_plan *how, uint8_t action)
{
    unsigned argument = action >> 4;
    size_t length = argument * argument + 1;
    switch (action & 15) {
    case 0:
    case 1:
        feed(rig, conn_plan_next(how, length));
        break;
    case 2:
    case 3:
        h1_rig_run(rig);
        break;
    case 4:
        CHECK(hh__loop_run(rig->loop) == HH_OK);
        break;
    case 5:
        h1_rig_resume(rig);
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
            h1_rig_cancel(rig);
        else
            h1_rig_close(rig);
        break;
    }
}

static void play_actions(conn_plan *how)
{
    static const char body[] = "some body";
    h1_rig *rig = take_rig(how);
    if (conn_plan_has(how, SET_PUSH)) {
        rig->c.call.body_kind = HH_BODY_PUSHED;
        rig->c.call.body_length = (how->seed & 1) != 0 ? UINT64_MAX : how->seed * 100;
    } else if (conn_plan_has(how, SET_BODY)) {
        rig->c.call.body_kind = HH_BODY_MEMORY;
        rig->c.call.body = hh_slice_of(body);
    }
    if (conn_plan_has(how, SET_EXPECT))
        rig->c.call.expect = HH_EXPECT_CONTINUE;
    if ((how->seed & 2) != 0)
        rig->fake.write_room = how->seed;
    h1_rig_start(rig);
    for (size_t i = 0; i < how->action_count; i++) {
        act(rig, how, how->actions[i]);
        if (!rig->c.is_active && rig->conn == NULL)
            break;
    }
    h1_rig_run(rig);
    leave_rig(rig);
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
