/* Lists of name servers, and the resolver's options in resolv.conf. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "net/resolv_conf.h"

static const struct {
    const char *text;
    const char *expected; /* NULL: refused */
} lists[] = {
    {"192.0.2.1", "192.0.2.1:53"},
    {"192.0.2.1:5353", "192.0.2.1:5353"},
    {"192.0.2.1, [::1]:5353 ,2001:db8::1,[2001:db8::2]",
     "192.0.2.1:53 [::1]:5353 [2001:db8::1]:53 [2001:db8::2]:53"},
    {"", NULL},
    {",", NULL},
    {"192.0.2.1,", NULL},
    {",192.0.2.1", NULL},
    {"192.0.2.1,,192.0.2.2", NULL},
    {"dns.example", NULL},
    {"192.0.2.1:0", NULL},
    {"192.0.2.1:65536", NULL},
    {"192.0.2.1:", NULL},
    {"192.0.2.1:53x", NULL},
    {"[::1", NULL},
    {"[::1]53", NULL},
    {"[::1]:", NULL},
    {"fe80::1%lo", NULL},
    {":53", NULL},
    {"1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4,1.1.1.5,1.1.1.6,1.1.1.7,1.1.1.8,1.1.1.9,1.1.1.10,1.1.1.11,"
     "1.1.1.12,1.1.1.13,1.1.1.14,1.1.1.15,1.1.1.16,1.1.1.17",
     NULL},
};

static void test_servers(void **state)
{
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(lists); i++) {
        hh_name_servers servers = {.count = 0};
        char joined[1024] = "";
        hh_status status = hh__name_servers_parse(hh_slice_of(lists[i].text), &servers);
        if (lists[i].expected == NULL) {
            if (status != HH_ERR_INVALID_ARGUMENT)
                fail_msg("not refused: %s", lists[i].text);
            continue;
        }
        assert_int_equal(status, HH_OK);
        for (size_t n = 0; n < servers.count; n++) {
            char one[HH_ADDRESS_TEXT_BYTES];
            hh__address_format(&servers.list[n], one);
            strcat(joined, n != 0 ? " " : "");
            strcat(joined, one);
        }
        assert_string_equal(joined, lists[i].expected);
    }
}

static const struct {
    const char *text;
    unsigned timeout_ms;
    unsigned attempts;
} confs[] = {
    {"", HH_DNS_TRY_MS, HH_DNS_TRIES},
    {"nameserver 192.0.2.1\n", HH_DNS_TRY_MS, HH_DNS_TRIES},
    {"options timeout:1 attempts:4\n", 1000, 4},
    {"options\ttimeout:7\r\noptions ndots:2 attempts:1", 7000, 1},
    {"options timeout:99 attempts:99\n", 30000, 5},
    {"options timeout:99999999999999999999\n", 30000, HH_DNS_TRIES},
    {"options timeout:0 attempts:0\n", HH_DNS_TRY_MS, HH_DNS_TRIES},
    {"options timeout: attempts:x timeout\n", HH_DNS_TRY_MS, HH_DNS_TRIES},
    {"#options timeout:1\n;options timeout:1\noptionstimeout:1", HH_DNS_TRY_MS, HH_DNS_TRIES},
};

static void test_options(void **state)
{
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(confs); i++) {
        hh_resolv_conf conf = hh__resolv_conf_parse(hh_slice_of(confs[i].text));
        assert_int_equal(conf.timeout_ms, confs[i].timeout_ms);
        assert_int_equal(conf.attempts, confs[i].attempts);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_servers),
        cmocka_unit_test(test_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
