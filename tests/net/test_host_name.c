/* What counts as a host name that may be asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "net/host_name.h"

#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define L61 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const char *const good[] = {
    "a",
    "example.com",
    "example.com.",
    "a_b-c.example",
    "xn--bcher-kva.example",
    "1.2.3.example",
    "9a",
    "0xg",
    L63 ".x",
    L63 "." L63 "." L63 "." L61,
    L63 "." L63 "." L63 "." L61 ".",
};

static const hh_slice bad[] = {
    {"", 0},          {".", 1},           {"..", 2},
    {"a..b", 4},      {".a", 2},          {"a..", 3},
    {"a b", 3},       {"a\0b", 3},        {"a\n.example", 10},
    {"a/b", 3},       {"a\\b", 3},        {"a%b", 3},
    {"b\xc3\xbc", 3}, {"127.1", 5},       {"1", 1},
    {"0x7f.1", 6},    {"0x7f000001", 10}, {"0x", 2},
    {"a.0", 3},       {"1.2.3.4.5", 9},   {"127.0.0.1.", 10},
    {"[::1", 4},      {"a:80", 4},        {"*", 1},
    {"a.0X1F", 6},
};

static void test_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(good); i++) {
        const char *fault = hh__host_name_fault(hh_slice_of(good[i]));
        if (fault != NULL)
            fail_msg("refused: %s (%s)", good[i], fault);
    }
    for (size_t i = 0; i < HH_COUNT_OF(bad); i++) {
        if (hh__host_name_fault(bad[i]) == NULL)
            fail_msg("accepted: %.*s", HH_SLICE_ARGS(bad[i]));
    }
}

static void test_lengths(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *word;
    } cases[] = {
        {L63 "a.x", "63"},
        {"x." L63 "a", "63"},
        {L63 "." L63 "." L63 "." L61 "a", "253"},
    };
    for (size_t i = 0; i < HH_COUNT_OF(cases); i++) {
        const char *fault = hh__host_name_fault(hh_slice_of(cases[i].name));
        assert_non_null(fault);
        assert_non_null(strstr(fault, cases[i].word));
    }
}

static void test_special(void **state)
{
    (void)state;
    static const char *const local[] = {"localhost", "LOCALHOST", "localhost.", "a.b.localhost",
                                        "a.localhost."};
    static const char *const remote[] = {"localhost.example", "xlocalhost", "local", "", "."};
    static const char *const never[] = {"invalid", "x.invalid.", "abc.onion", "a.ONION"};
    for (size_t i = 0; i < HH_COUNT_OF(local); i++)
        assert_true(hh__host_name_is_localhost(hh_slice_of(local[i])));
    for (size_t i = 0; i < HH_COUNT_OF(remote); i++) {
        assert_false(hh__host_name_is_localhost(hh_slice_of(remote[i])));
        assert_false(hh__host_name_is_never_asked(hh_slice_of(remote[i])));
    }
    for (size_t i = 0; i < HH_COUNT_OF(never); i++)
        assert_true(hh__host_name_is_never_asked(hh_slice_of(never[i])));
    assert_false(hh__host_name_is_never_asked(hh_slice_of("onions")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_special),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
