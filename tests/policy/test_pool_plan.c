/* Tests of policy/pool_plan: who dials, who waits for what, as a table. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/limits.h"
#include "base/memory.h"
#include "policy/pool_plan.h"

#define MS INT64_C(1000000)

typedef struct plan_case {
    const char *name;
    hh_pool_counts counts;
    hh_pool_action wanted;
} plan_case;

#define ROOM .cap_here = 4, .cap_total = 8
#define SHARED .sharing = HH_POOL_SHARED

static const plan_case plans[] = {
    {"apart: the first", {ROOM}, HH_POOL_DIAL},
    {"apart: beside a dial", {ROOM, .open_here = 1, .dialling_here = 1}, HH_POOL_DIAL},
    {"apart: its cap", {ROOM, .open_here = 4, .open_total = 4}, HH_POOL_WAIT_HERE},
    {"apart: the total cap", {ROOM, .open_total = 8}, HH_POOL_WAIT_TOTAL},
    {"apart: a stranger idles",
     {ROOM, .open_total = 8, .idle_elsewhere = 1},
     HH_POOL_EVICT_AND_DIAL},
    {"apart: never waits for slots",
     {ROOM, .open_here = 1, .usable_here = 1, .growth_due_ns = 5},
     HH_POOL_DIAL},
    {"shared: the first", {ROOM, SHARED}, HH_POOL_DIAL},
    {"shared: beside a dial",
     {ROOM, SHARED, .open_here = 1, .dialling_here = 1},
     HH_POOL_WAIT_DIAL},
    {"shared: beside a dial, wants a fresh one",
     {ROOM, SHARED, .open_here = 1, .dialling_here = 1, .wish = HH_POOL_FRESH},
     HH_POOL_WAIT_DIAL},
    {"shared: a dial counts before any cap",
     {SHARED, .open_here = 1, .dialling_here = 1, .cap_here = 1, .cap_total = 1, .open_total = 1},
     HH_POOL_WAIT_DIAL},
    {"shared: full, but not for long",
     {ROOM, SHARED, .open_here = 1, .usable_here = 1, .now_ns = 9, .growth_due_ns = 10},
     HH_POOL_WAIT_SLOT},
    {"shared: full for long",
     {ROOM, SHARED, .open_here = 1, .usable_here = 1, .now_ns = 10, .growth_due_ns = 10},
     HH_POOL_DIAL},
    {"shared: full, wants a fresh one",
     {ROOM, SHARED, .open_here = 1, .usable_here = 1, .growth_due_ns = 10, .wish = HH_POOL_FRESH},
     HH_POOL_DIAL},
    {"shared: nothing but draining ones",
     {ROOM, SHARED, .open_here = 2, .now_ns = 1, .growth_due_ns = 10},
     HH_POOL_DIAL},
    {"shared: full for long, at its cap",
     {ROOM, SHARED, .open_here = 4, .open_total = 4, .usable_here = 4, .now_ns = 10},
     HH_POOL_WAIT_HERE},
    {"shared: full for long, at the total cap",
     {ROOM, SHARED, .open_here = 1, .open_total = 8, .usable_here = 1, .now_ns = 10},
     HH_POOL_WAIT_TOTAL},
};

static void test_the_plan(void **state)
{
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(plans); i++)
        if (hh__decide_pool_action(&plans[i].counts) != plans[i].wanted)
            fail_msg("%s: %d", plans[i].name, (int)hh__decide_pool_action(&plans[i].counts));
}

static void test_who_shares(void **state)
{
    (void)state;
    for (int spoken = HH_SPOKEN_UNKNOWN; spoken <= HH_SPOKEN_HTTP2; spoken++) {
        hh_pool_sharing both = hh__decide_pool_sharing(HH_PROTOCOLS_BOTH, (hh_spoken)spoken);
        hh_pool_sharing http1 = hh__decide_pool_sharing(HH_PROTOCOLS_HTTP1, (hh_spoken)spoken);
        assert_int_equal(both, spoken == HH_SPOKEN_HTTP1 ? HH_POOL_APART : HH_POOL_SHARED);
        assert_int_equal(http1, HH_POOL_APART);
    }
}

static void test_when_to_grow(void **state)
{
    (void)state;
    static const struct {
        int64_t queued_ms;
        hh_last_dial last;
        int64_t wanted_ms;
    } cases[] = {
        {100, {0, 0, HH_DIALLED_WELL}, 100 + HH_H2_DIAL_WAIT_MIN_MS},
        {100, {50 * MS, 30 * MS, HH_DIALLED_WELL}, 130},  /* as long as a dial takes */
        {100, {120 * MS, 30 * MS, HH_DIALLED_WELL}, 150}, /* it just has: one after the other */
        {100, {120 * MS, 1 * MS, HH_DIALLED_WELL}, 120 + HH_H2_DIAL_WAIT_MIN_MS},
        {100, {120 * MS, 1 * MS, HH_DIALLED_IN_VAIN}, 120 + HH_H2_GROWTH_RETRY_MS},
        {100, {120 * MS, 3000 * MS, HH_DIALLED_IN_VAIN}, 3120},
    };
    for (size_t i = 0; i < HH_COUNT_OF(cases); i++)
        assert_int_equal(hh__decide_growth_due(cases[i].queued_ms * MS, &cases[i].last),
                         cases[i].wanted_ms * MS);
}

static void test_whose_turn(void **state)
{
    (void)state;
    assert_int_equal(hh__decide_pool_turn(0, 2, 1), HH_POOL_GIVE_WAY);
    assert_int_equal(hh__decide_pool_turn(0, 1, 1), HH_POOL_KEEP);
    assert_int_equal(hh__decide_pool_turn(1, 2, 1), HH_POOL_KEEP);
    assert_int_equal(hh__decide_pool_turn(1, HH_POOL_STARVE_MS * MS + 1, 1), HH_POOL_GIVE_WAY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_plan),
        cmocka_unit_test(test_who_shares),
        cmocka_unit_test(test_when_to_grow),
        cmocka_unit_test(test_whose_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
