/* Addresses given by hand, as curl's --resolve. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/memory.h"
#include "net/resolve_override.h"

static const char *const texts[] = {
    "one.example:80:192.0.2.1,192.0.2.2",
    "+two.example:443:[2001:db8::1],2001:db8::2",
    "*:80:192.0.2.99",
    "One.Example:8080: 192.0.2.3",
    "gone.example:80:192.0.2.4",
    "-gone.example:80",
    "twice.example:80:192.0.2.5",
    "twice.example:80:192.0.2.6",
    "[2001:db8::7]:80:192.0.2.7",
    "dot.example.:443:192.0.2.8",
    "back.example:443:192.0.2.1",
    "-back.example:443",
    "back.example:443:192.0.2.10",
};

static const struct {
    const char *host;
    uint16_t port;
    const char *expected;
} finds[] = {
    {"one.example", 80, "192.0.2.1:80 192.0.2.2:80"},
    {"ONE.example", 80, "192.0.2.1:80 192.0.2.2:80"},
    {"one.example.", 80, "192.0.2.1:80 192.0.2.2:80"},
    {"one.example", 8080, "192.0.2.3:8080"},
    {"one.example", 443, ""},
    {"two.example", 443, "[2001:db8::1]:443 [2001:db8::2]:443"},
    {"any.example", 80, "192.0.2.99:80"},
    {"any.example", 81, ""},
    {"gone.example", 80, "192.0.2.99:80"},
    {"twice.example", 80, "192.0.2.6:80"},
    {"2001:db8::7", 80, "192.0.2.7:80"},
    {"[2001:db8::7]", 80, "192.0.2.7:80"},
    {"dot.example", 443, "192.0.2.8:443"},
    {"back.example", 443, "192.0.2.10:443"},
    {"", 80, "192.0.2.99:80"},
};

static void test_finds(void **state)
{
    (void)state;
    hh_overrides *overrides = NULL;
    hh_error error;
    assert_int_equal(hh__overrides_create(texts, HH_COUNT_OF(texts), &overrides, &error), HH_OK);
    for (size_t i = 0; i < HH_COUNT_OF(finds); i++) {
        hh_address found[HH_ADDRESSES_MAX];
        char joined[512] = "";
        size_t count = hh__overrides_find(overrides, hh_slice_of(finds[i].host), finds[i].port,
                                          found, HH_COUNT_OF(found));
        for (size_t n = 0; n < count; n++) {
            char one[HH_ADDRESS_TEXT_BYTES];
            hh__address_format(&found[n], one);
            strcat(joined, n != 0 ? " " : "");
            strcat(joined, one);
        }
        assert_string_equal(joined, finds[i].expected);
    }
    hh_address one;
    assert_int_equal(hh__overrides_find(overrides, hh_slice_of("one.example"), 80, &one, 1), 1);
    hh__overrides_destroy(overrides);
    assert_int_equal(hh__overrides_find(NULL, hh_slice_of("one.example"), 80, &one, 1), 0);
}

static const char *const bad[] = {
    "",
    "one.example",
    "one.example:80",
    "one.example:80:",
    "one.example:80:x",
    "one.example:80:192.0.2.1,",
    "one.example:80:,192.0.2.1",
    "one.example:0:192.0.2.1",
    "one.example:65536:192.0.2.1",
    "one.example:+80:192.0.2.1",
    "one.example::192.0.2.1",
    ":80:192.0.2.1",
    "[2001:db8::7:80:192.0.2.1",
    "[2001:db8::7]80:192.0.2.1",
    "[]:80:192.0.2.1",
    "2001:db8::7:80:192.0.2.1",
    "one.example:80:192.0.2.1:81",
    "one.example:80:[2001:db8::1",
    "-one.example",
    "-one.example:",
    "-one.example:80:192.0.2.1",
    "-",
    "+",
};

static void test_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(bad); i++) {
        const char *list[2] = {"one.example:80:192.0.2.1", bad[i]};
        hh_overrides *overrides = NULL;
        hh_error error;
        if (hh__overrides_create(list, 2, &overrides, &error) != HH_ERR_INVALID_ARGUMENT)
            fail_msg("not refused: %s", bad[i]);
        assert_null(overrides);
        assert_int_equal(error.code, HH_ERR_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, bad[i]));
    }
}

static void test_bounds(void **state)
{
    (void)state;
    hh_overrides *overrides = NULL;
    hh_error error;
    char many[1024] = "a:80:192.0.2.1";
    for (int i = 1; i < HH_ADDRESSES_MAX; i++)
        strcat(many, ",192.0.2.1");
    const char *list[1] = {many};
    assert_int_equal(hh__overrides_create(list, 1, &overrides, &error), HH_OK);
    hh__overrides_destroy(overrides);
    strcat(many, ",192.0.2.1");
    assert_int_equal(hh__overrides_create(list, 1, &overrides, &error), HH_ERR_INVALID_ARGUMENT);
    assert_int_equal(hh__overrides_create(NULL, HH_OVERRIDES_MAX + 1, &overrides, &error),
                     HH_ERR_LIMIT);
    assert_int_equal(hh__overrides_create(NULL, 0, &overrides, &error), HH_OK);
    hh__overrides_destroy(overrides);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
