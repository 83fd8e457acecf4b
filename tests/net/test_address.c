/* Addresses: what parses, how it prints, what equals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "net/address.h"

typedef struct good {
    const char *text;
    const char *printed;
} good;

/* A copy of exactly the given length, so a sanitizer sees each byte read too much. */
static hh_status parse(const char *text, size_t length, uint16_t port, hh_address *out)
{
    char *copy = malloc(length > 0 ? length : 1);
    hh_slice slice = {copy, length};
    hh_status status;

    assert_non_null(copy);
    memcpy(copy, text, length);
    status = hh__address_parse(slice, port, out);
    free(copy);
    return status;
}

static hh_address parsed(const char *text, uint16_t port)
{
    hh_address address;

    assert_int_equal(parse(text, strlen(text), port, &address), HH_OK);
    return address;
}

static void test_good(void **state)
{
    static const good table[] = {
        {"127.0.0.1", "127.0.0.1:80"},
        {"0.0.0.0", "0.0.0.0:80"},
        {"255.255.255.255", "255.255.255.255:80"},
        {"::1", "[::1]:80"},
        {"[::1]", "[::1]:80"},
        {"[2001:DB8:0:0:0:0:0:1]", "[2001:db8::1]:80"},
        {"::ffff:10.0.0.1", "[::ffff:10.0.0.1]:80"},
        {"fe80::1%7", "[fe80::1%7]:80"},
        {"[fe80::1%4294967295]", "[fe80::1%4294967295]:80"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
         "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:80"},
    };

    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(table); i++) {
        char text[HH_ADDRESS_TEXT_BYTES];
        hh_address address = parsed(table[i].text, 80);

        assert_int_equal(hh__address_format(&address, text), strlen(table[i].printed));
        assert_string_equal(text, table[i].printed);
    }
}

static void test_zone_by_name(void **state)
{
    hh_address address = parsed("fe80::1%lo", 80);

    (void)state;
    assert_int_equal(address.v6.sin6_scope_id, if_nametoindex("lo"));
}

static void test_bad(void **state)
{
    static const char *const table[] = {
        "",
        "[",
        "]",
        "[]",
        "localhost",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "01.2.3.4",
        "1.2.3.4 ",
        " 1.2.3.4",
        "0x7f.1",
        "127.1",
        "[1.2.3.4]",
        "[::1",
        "::1]",
        "[::1]x",
        "[[::1]]",
        ":::",
        "1::2::3",
        "::12345",
        "::1%",
        "::1%0",
        "::1%no-such-if",
        "1.2.3.4%1",
        "%1",
        "::1%1%2",
        "::1%+1",
        "::1%4294967296",
        "1.2.3.4:80",
        "[::1]:80",
        "1111111111111111111111111111111111111111111111111111111111111111111111111111111",
        "::1%1111111111111111111111111111111111111111111111111111111111111111111111111",
    };
    hh_address address;

    (void)state;
    memset(&address, 0x5a, sizeof(address));
    for (size_t i = 0; i < HH_COUNT_OF(table); i++) {
        hh_address copy = address;
        if (parse(table[i], strlen(table[i]), 80, &copy) != HH_ERR_INVALID_ARGUMENT)
            fail_msg("taken: '%s'", table[i]);
        assert_memory_equal(&copy, &address, sizeof(copy));
    }
    assert_int_equal(parse("1.2.3.4\0x", 9, 80, &address), HH_ERR_INVALID_ARGUMENT);
    assert_int_equal(parse("::1\0", 4, 80, &address), HH_ERR_INVALID_ARGUMENT);
}

static void test_equal(void **state)
{
    static const char *const table[] = {"1.2.3.4", "1.2.3.5",   "::1",
                                        "::2",     "fe80::1%1", "fe80::1%2"};

    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(table); i++) {
        for (size_t j = 0; j < HH_COUNT_OF(table); j++) {
            hh_address a = parsed(table[i], 80), b = parsed(table[j], 80), c = b;

            assert_int_equal(hh__address_equal(&a, &b), i == j);
            hh__address_set_port(&c, 81);
            assert_false(hh__address_equal(&a, &c));
            hh__address_set_port(&c, 80);
            assert_true(hh__address_equal(&b, &c));
        }
    }
}

static void test_loopback(void **state)
{
    static const char *const yes[] = {"127.0.0.1", "127.255.255.254", "::1", "::ffff:127.9.9.9"};
    static const char *const no[] = {"128.0.0.1", "126.0.0.1", "::2", "::", "::ffff:10.0.0.1"};

    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(yes); i++) {
        hh_address address = parsed(yes[i], 1);
        assert_true(hh__address_is_loopback(&address));
    }
    for (size_t i = 0; i < HH_COUNT_OF(no); i++) {
        hh_address address = parsed(no[i], 1);
        assert_false(hh__address_is_loopback(&address));
    }
}

static void test_length_and_odd_family(void **state)
{
    hh_address v4 = parsed("1.2.3.4", 1), v6 = parsed("::1", 1), none;
    char text[HH_ADDRESS_TEXT_BYTES];

    (void)state;
    memset(&none, 0, sizeof(none));
    assert_int_equal(hh__address_length(&v4), sizeof(struct sockaddr_in));
    assert_int_equal(hh__address_length(&v6), sizeof(struct sockaddr_in6));
    assert_int_equal(hh__address_format(&none, text), 1);
    assert_false(hh__address_is_loopback(&none));
    assert_false(hh__address_equal(&none, &v4));
    hh__address_set_port(&none, 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),     cmocka_unit_test(test_zone_by_name),
        cmocka_unit_test(test_bad),      cmocka_unit_test(test_equal),
        cmocka_unit_test(test_loopback), cmocka_unit_test(test_length_and_odd_family),
    };

    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
