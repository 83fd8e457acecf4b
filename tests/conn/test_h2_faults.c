/*
 * An HTTP/2 connection under every failed allocation and every failing read and write: each call
 * ends once, what fails says so, nothing is left behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/memory.h"
#include "h2_fixture.h"
#include "support/alloc_fail.h"

#define CALLS 3

static char body[70000]; /* more than the windows at first */

/* Three calls: one with a body in memory, one that pushes, one that is paused at its head. */
static void prepare(h2_rig *rig)
{
    for (unsigned i = 0; i < CALLS; i++) {
        rig_call *c = h2_rig_call_at(rig, i);
        c->call.read_timeout_ns = c->call.write_timeout_ns = INT64_C(3600000000000);
        if (i == 0) {
            c->call.body_kind = HH_BODY_MEMORY;
            c->call.body = (hh_slice){body, sizeof body};
        } else if (i == 1) {
            c->call.body_kind = HH_BODY_PUSHED;
            c->push = hh_slice_of("pushed");
            c->push_step = 3;
        } else {
            c->acts[RIG_HEAD] = RIG_PAUSE;
        }
    }
}

/* What the peer says in the conversation; where it goes wrong the rest is of no use. */
static void feed_all(h2_rig *rig)
{
    h2_put_settings(&rig->say);
    h2_put_settings_ack(&rig->say);
    h2_put_window_update(&rig->say, 0, 100000);
    h2_put_window_update(&rig->say, 1, 100000);
    h2_put_headers(&rig->say, 1, 0, ":status: 103\nlink: x");
    h2_put_headers(&rig->say, 5, 0, ":status: 200\na: b");
    h2_put_pattern(&rig->say, 5, 0, 0, 30000);
    h2_put_headers(&rig->say, 1, 0, ":status: 200");
    h2_put_data(&rig->say, 1, 0, "abc");
    h2_put_headers(&rig->say, 5, H2_END_STREAM, "t: v");
    h2_put_data(&rig->say, 1, H2_END_STREAM, "def");
    h2_put_headers(&rig->say, 3, H2_END_STREAM, ":status: 204");
    h2_rig_feed(rig);
}

static void play(h2_rig *rig)
{
    for (unsigned i = 0; i < CALLS && rig->conn != NULL && rig->conn->capacity > 0; i++)
        h2_rig_start(rig, i);
    for (unsigned i = 0; i < 40 && rig->conn != NULL; i++) {
        h2_rig_step(rig);
        h2_rig_resume(rig, 2);
    }
}

static unsigned ended(const h2_rig *rig)
{
    unsigned count = 0;
    for (unsigned i = 0; i < CALLS; i++)
        count += rig->calls[i]->counts[RIG_DONE] + rig->calls[i]->counts[RIG_FAILED];
    return count;
}

/* A call that never left says that, too. Once a call has no stream, the peer speaks to the wrong
 * ones, and may find itself at fault. */
static bool is_for_want_of_memory(const h2_rig *rig, const rig_call *c)
{
    bool is_unsent = c->error.code == HH_ERR_REFUSED && c->error.processed == HH_PROCESSED_NO;
    bool is_confused = c->error.code == HH_ERR_PROTOCOL && rig->calls[2]->call.stream_id != 5;
    return c->error.code == HH_ERR_NO_MEMORY || is_unsent || is_confused;
}

static void test_each_allocation_fails(void **state)
{
    h2_rig *rig = *state;
    uint64_t nth = 1;
    unsigned failures = 0;
    for (; nth < 2000; nth++) {
        assert_int_equal(h2_rig_connect(rig, FAKE_PLAIN), HH_OK);
        hh__conn_env_finish(&rig->env);
        prepare(rig);
        feed_all(rig);
        alloc_fail_at(nth);
        play(rig);
        alloc_fail_off();
        if (alloc_fail_hits() == 0)
            break;
        h2_rig_run(rig);
        for (unsigned i = 0; i < CALLS; i++) {
            const rig_call *c = rig->calls[i];
            if (c->counts[RIG_FAILED] == 0)
                continue;
            failures++;
            assert_true(is_for_want_of_memory(rig, c));
        }
        h2_rig_close(rig, HH_CLOSE_ABORT);
        assert_int_equal(rig->env.held_bytes, 0);
    }
    assert_in_range(nth, 10, 1999);
    assert_int_equal(ended(rig), CALLS);
    assert_true(failures > 10);
    assert_string_equal(rig->calls[0]->log, "1xx 103 link=x;head 200;body 6 abcdef;done;");
    assert_string_equal(rig->calls[1]->log, "head 204;done;");
    assert_int_equal(rig->calls[2]->body_bytes, 30000);
}

/* From some point on there is none at all: then calls that can't even be told by a stream of their
 * own are told all the same. */
static void test_no_allocation_from_some_point(void **state)
{
    h2_rig *rig = *state;
    for (uint64_t nth = 1; nth < 2000; nth++) {
        assert_int_equal(h2_rig_connect(rig, FAKE_PLAIN), HH_OK);
        hh__conn_env_finish(&rig->env);
        prepare(rig);
        feed_all(rig);
        alloc_fail_from(nth);
        play(rig);
        alloc_fail_off();
        if (alloc_fail_hits() == 0)
            break;
        h2_rig_run(rig);
        for (unsigned i = 0; i < CALLS; i++)
            if (rig->calls[i]->counts[RIG_FAILED] == 1)
                assert_true(is_for_want_of_memory(rig, rig->calls[i]));
        if (rig->conn == NULL)
            assert_int_equal(rig->starts, rig->ends);
    }
}

static void test_create_without_memory(void **state)
{
    h2_rig *rig = *state;
    for (uint64_t nth = 1;; nth++) {
        fake_stream fake;
        hh_conn *conn = NULL;
        fake_stream_init(&fake, rig->loop, FAKE_PLAIN);
        alloc_fail_at(nth);
        hh_status status = hh__h2_create(&rig->env, &fake.stream, "x", NULL, NULL, &conn);
        alloc_fail_off();
        if (alloc_fail_hits() == 0) {
            assert_int_equal(status, HH_OK);
            hh__conn_close(conn, HH_CLOSE_ABORT);
            h2_rig_run(rig);
            fake_stream_finish(&fake);
            assert_true(nth > 3);
            break;
        }
        assert_int_equal(status, HH_ERR_NO_MEMORY);
        assert_null(conn);
        assert_false(fake.is_closed);
        hh__stream_close(&fake.stream, HH_CLOSE_ABORT);
        fake_stream_finish(&fake);
    }
}

static void test_create_when_listening_fails(void **state)
{
    h2_rig *rig = *state;
    fake_stream fake;
    hh_conn *conn = NULL;
    fake_stream_init(&fake, rig->loop, FAKE_PLAIN);
    fake.listen_fails = HH_ERR_SYSTEM;
    assert_int_not_equal(hh__h2_create(&rig->env, &fake.stream, "x", NULL, NULL, &conn), HH_OK);
    assert_null(conn);
    assert_false(fake.is_closed);
    hh__stream_close(&fake.stream, HH_CLOSE_ABORT);
    fake_stream_finish(&fake);
}

/* Writing breaks at each byte; what the peer has said before is heard. */
static void test_writes_break_at_each_byte(void **state)
{
    h2_rig *rig = *state;
    for (size_t at = 0; at < 300; at++) {
        for (int i = 0; i < 2; i++) {
            assert_int_equal(h2_rig_connect(rig, FAKE_PLAIN), HH_OK);
            rig->fake.write_breaks = at;
            for (unsigned k = 0; k < 2; k++) {
                h2_rig_call_at(rig, k);
                rig->calls[k]->call.body_kind = HH_BODY_MEMORY;
                rig->calls[k]->call.body = (hh_slice){body, 100};
                h2_rig_start(rig, k);
            }
            if (i == 1) { /* it is all there when writing fails */
                h2_put_settings(&rig->say);
                h2_put_headers(&rig->say, 1, H2_END_STREAM, ":status: 413");
                h2_rig_feed(rig);
            }
            h2_rig_run(rig);
            bool has_broken = rig->fake.has_write_failed;
            assert_true(has_broken == (rig->conn == NULL));
            for (unsigned k = 0; has_broken && k < 2; k++) {
                const rig_call *c = rig->calls[k];
                assert_int_equal(c->counts[RIG_DONE] + c->counts[RIG_FAILED], 1);
                if (c->counts[RIG_FAILED] == 0)
                    continue;
                assert_true(c->error.code == HH_ERR_SEND || c->error.code == HH_ERR_PROTOCOL);
                if (c->call.stream_id == 0)
                    assert_int_equal(c->error.processed, HH_PROCESSED_NO);
            }
        }
    }
}

/* A call that waits when the connection breaks was never sent. */
static void test_break_with_waiting_calls(void **state)
{
    static const fake_end ends[] = {FAKE_EOF, FAKE_ERROR};
    h2_rig *rig = *state;
    for (size_t i = 0; i < HH_COUNT_OF(ends); i++) {
        h2_rig_open(rig, FAKE_PLAIN);
        h2_put_setting(&rig->say, H2_MAX_CONCURRENT_STREAMS, 1);
        h2_rig_say(rig);
        h2_rig_get(rig, 0);
        h2_rig_get(rig, 1);
        h2_rig_run(rig);
        fake_stream_end(&rig->fake, ends[i]);
        h2_rig_run(rig);
        assert_null(rig->conn);
        assert_int_equal(rig->calls[0]->error.processed, HH_PROCESSED_MAYBE);
        assert_int_equal(rig->calls[1]->error.processed, HH_PROCESSED_NO);
        assert_true(rig->calls[1]->counts[RIG_FAILED] == 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_allocation_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_allocation_from_some_point, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_create_without_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_create_when_listening_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_writes_break_at_each_byte, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_break_with_waiting_calls, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
