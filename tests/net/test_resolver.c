/* The resolver against a scripted name server: what needs no server, what it asks, keeps and
 * shares, and what it does with resolv.conf. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "resolver_fixture.h"

#define SECOND 1000000000LL

/* ---- without a server ---- */

static const struct {
    const char *host;
    const char *expected;
} at_once[] = {
    {"192.0.2.7", "192.0.2.7:80"},
    {"2001:db8::7", "[2001:db8::7]:80"},
    {"[2001:db8::7]", "[2001:db8::7]:80"},
    {"localhost", "[::1]:80 127.0.0.1:80"},
    {"LocalHost.", "[::1]:80 127.0.0.1:80"},
    {"a.b.localhost", "[::1]:80 127.0.0.1:80"},
    {"given.example", "192.0.2.50:80 [2001:db8::50]:80"},
    {"192.0.2.8", "192.0.2.51:80"},
    {"in-file.example", "192.0.2.60:80 192.0.2.61:80"},
    {"In-File.Example.", "192.0.2.60:80 192.0.2.61:80"},
};

static void test_answers_at_once(void **state)
{
    fixture *all = *state;
    static const char *const overrides[] = {"given.example:80:192.0.2.50,[2001:db8::50]",
                                            "192.0.2.8:80:192.0.2.51"};
    hh_error error;
    hh_resolver_options options = {.with = HH_RESOLVE_BUILTIN,
                                   .servers = dns_server_address(all->server),
                                   .overrides = overrides,
                                   .override_count = 2,
                                   .hosts_path = all->rig.hosts,
                                   .resolv_conf_path = all->rig.resolv_conf};
    rig_close_resolver(&all->rig);
    rig_write(all->rig.hosts, "192.0.2.60 in-file.example\n192.0.2.61 IN-FILE.example\n"
                              "192.0.2.66 localhost evil.localhost\n");
    assert_int_equal(hh__resolver_create(all->rig.loop, &options, &all->rig.resolver, &error),
                     HH_OK);
    for (size_t i = 0; i < HH_COUNT_OF(at_once); i++) {
        rig_lookup one = {0};
        rig_start(&all->rig, &one, at_once[i].host, 80);
        assert_true(one.lookup.is_finished);
        assert_true(one.lookup.from_cache);
        assert_string_equal(rig_text(&one), at_once[i].expected);
        hh__lookup_cancel(all->rig.resolver, &one.lookup);
    }
    assert_int_equal(hh__resolver_stats(all->rig.resolver).queries, 0);
    assert_int_equal(dns_server_count(all->server, NULL, DNS_BOTH), 0);
}

static void test_refuses_what_is_no_name(void **state)
{
    fixture *all = *state;
    static const hh_slice bad[] = {
        {"", 0},       {"a..b", 4},          {"127.1", 5},   {"0x7f.1", 6},
        {"a b", 3},    {"127.0.0.1\0x", 11}, {"a\r\nb", 4},  {"[::1", 4},
        {"a\0b.c", 5}, {"x.invalid", 9},     {"a.onion", 7}, {"[127.0.0.1]", 11},
    };
    for (size_t i = 0; i < HH_COUNT_OF(bad); i++) {
        rig_lookup one = {0};
        hh__lookup_start(all->rig.resolver, &one.lookup, bad[i], 80);
        assert_says(&one, HH_ERR_RESOLVE, "host");
    }
    char longest[4000];
    memset(longest, 'a', sizeof(longest));
    rig_lookup one = {0};
    hh_slice name = {longest, sizeof(longest)};
    hh__lookup_start(all->rig.resolver, &one.lookup, name, 80);
    assert_says(&one, HH_ERR_RESOLVE, "longer than 253");
    assert_int_equal(dns_server_count(all->server, NULL, DNS_BOTH), 0);
}

static void test_refuses_bad_options(void **state)
{
    fixture *all = *state;
    static const char *const overrides[] = {"nonsense"};
    hh_resolver *resolver = NULL;
    hh_error error;
    hh_resolver_options options = {.servers = "10.0.0.1,dns.example"};
    assert_int_equal(hh__resolver_create(all->rig.loop, &options, &resolver, &error),
                     HH_ERR_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "dns.example"));
    options.servers = NULL;
    options.overrides = overrides;
    options.override_count = 1;
    assert_int_equal(hh__resolver_create(all->rig.loop, &options, &resolver, &error),
                     HH_ERR_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "nonsense"));
    options.override_count = 0;
    options.servers = "10.0.0.1";
    options.with = HH_RESOLVE_SYSTEM;
    assert_int_equal(hh__resolver_create(all->rig.loop, &options, &resolver, &error),
                     HH_ERR_INVALID_ARGUMENT);
    assert_null(resolver);
    hh__resolver_destroy(NULL);
}

static void test_hosts_file_is_read_again(void **state)
{
    fixture *all = *state;
    rig_lookup one;
    rig_resolve(&all->rig, &one, "changing.example");
    assert_says(&one, HH_ERR_RESOLVE, "changing.example");
    rig_write(all->rig.hosts, "192.0.2.70 changing.example\n");
    rig_ahead_ns += SECOND;
    rig_resolve(&all->rig, &one, "changing.example");
    assert_string_equal(rig_text(&one), "192.0.2.70:80");
}

/* ---- answers ---- */

static void test_both_families(void **state)
{
    fixture *all = *state;
    rig_lookup one;
    script(all, "www.example", DNS_BOTH, "192.0.2.1,192.0.2.2,2001:db8::1,192.0.2.1", 0);
    rig_resolve(&all->rig, &one, "WWW.example");
    assert_int_equal(one.lookup.count, 3);
    assert_non_null(strstr(rig_text(&one), "192.0.2.1:80 192.0.2.2:80"));
    assert_non_null(strstr(rig_text(&one), "[2001:db8::1]:80"));
    assert_false(one.lookup.from_cache);
    assert_int_equal(one.lookup.error.code, HH_OK);
    assert_int_equal(hh__resolver_stats(all->rig.resolver).queries, 1);
}

/* The first family's addresses don't wait for the second's. */
static void test_families_come_apart(void **state)
{
    fixture *all = *state;
    static const int order[2][2] = {{DNS_A, DNS_AAAA}, {DNS_AAAA, DNS_A}};
    static const char *const names[2] = {"apart.example", "other.example"};
    static const char *const texts[2] = {"192.0.2.1:80 [2001:db8::1]:80",
                                         "[2001:db8::1]:80 192.0.2.1:80"};
    for (int i = 0; i < 2; i++) {
        rig_lookup one = {0};
        script(all, names[i], DNS_A, "192.0.2.1", 1);
        script(all, names[i], DNS_AAAA, "2001:db8::1", 1);
        rig_start(&all->rig, &one, names[i], 80);
        dns_server_wait(all->server, names[i], DNS_BOTH, 2);
        rig_run(&all->rig);
        assert_int_equal(one.progress, 0);
        dns_server_release(all->server, names[i], order[i][0]);
        rig_wait_count(&all->rig, &one, 1);
        assert_false(one.lookup.is_finished);
        assert_int_equal(one.lookup.count, 1);
        assert_int_equal(one.progress, 1);
        dns_server_release(all->server, names[i], order[i][1]);
        rig_wait(&all->rig, &one);
        assert_int_equal(one.progress, 2);
        assert_string_equal(rig_text(&one), texts[i]);
    }
}

static void test_one_family_only(void **state)
{
    fixture *all = *state;
    rig_lookup one;
    script(all, "four.example", DNS_BOTH, "192.0.2.1", 0);
    rig_resolve(&all->rig, &one, "four.example");
    assert_string_equal(rig_text(&one), "192.0.2.1:80");
    script(all, "six.example", DNS_BOTH, "2001:db8::1", 0);
    rig_resolve(&all->rig, &one, "six.example");
    assert_string_equal(rig_text(&one), "[2001:db8::1]:80");
    /* Servers that say NXDOMAIN for a family they don't know. */
    script(all, "odd.example", DNS_A, "192.0.2.1", 0);
    rig_resolve(&all->rig, &one, "odd.example");
    assert_string_equal(rig_text(&one), "192.0.2.1:80");
}

static void test_alias(void **state)
{
    fixture *all = *state;
    rig_lookup one;
    dns_rule rule = {
        "alias.example", DNS_BOTH, DNS_ADDRESSES, "192.0.2.1", 300, "true.example", 60, 0};
    dns_server_add(all->server, &rule);
    rig_resolve(&all->rig, &one, "alias.example");
    assert_string_equal(rig_text(&one), "192.0.2.1:80");
    rule.name = "dangling.example";
    rule.addresses = NULL;
    dns_server_add(all->server, &rule);
    rig_resolve(&all->rig, &one, "dangling.example");
    assert_says(&one, HH_ERR_RESOLVE, "no address");
}

static void test_no_such_name(void **state)
{
    fixture *all = *state;
    rig_lookup one;
    rig_resolve(&all->rig, &one, "nope.example");
    assert_says(&one, HH_ERR_RESOLVE, "no such host: \"nope.example\" (NXDOMAIN)");
    assert_int_equal(one.lookup.error.category, HH_CATEGORY_DNS);
    assert_int_equal(one.lookup.error.dns_error, 4); /* ARES_ENOTFOUND */
    script(all, "empty.example", DNS_BOTH, NULL, 0);
    rig_resolve(&all->rig, &one, "empty.example");
    assert_says(&one, HH_ERR_RESOLVE, "\"empty.example\" has no address");
    assert_int_equal(one.lookup.error.dns_error, 1); /* ARES_ENODATA */
}

static void test_failing_server(void **state)
{
    fixture *all = *state;
    rig_lookup one;
    static const dns_reply replies[] = {DNS_SERVFAIL, DNS_REFUSED, DNS_DAMAGED};
    static const char *const names[] = {"fail.example", "refused.example", "damaged.example"};
    static const char *const words[] = {"SERVFAIL", "REFUSED", "damaged"};
    for (size_t i = 0; i < HH_COUNT_OF(replies); i++) {
        script_reply(all, names[i], DNS_BOTH, replies[i]);
        rig_resolve(&all->rig, &one, names[i]);
        assert_says(&one, HH_ERR_RESOLVE_TEMPORARY, words[i]);
        assert_non_null(strstr(one.lookup.error.message, names[i]));
        assert_int_equal(one.lookup.error.category, HH_CATEGORY_TRANSIENT);
        /* Nothing of it is kept. */
        script(all, names[i], DNS_BOTH, "192.0.2.1", 0);
        rig_resolve(&all->rig, &one, names[i]);
        assert_string_equal(rig_text(&one), "192.0.2.1:80");
        assert_false(one.lookup.from_cache);
    }
}

static void test_one_family_fails(void **state)
{
    fixture *all = *state;
    rig_lookup one;
    script(all, "half.example", DNS_A, "192.0.2.1", 0);
    script_reply(all, "half.example", DNS_AAAA, DNS_SERVFAIL);
    rig_resolve(&all->rig, &one, "half.example");
    assert_string_equal(rig_text(&one), "192.0.2.1:80");
    /* Kept, but not for the whole 300 s. */
    rig_ahead_ns += 29 * SECOND;
    rig_resolve(&all->rig, &one, "half.example");
    assert_true(one.lookup.from_cache);
    rig_ahead_ns += 2 * SECOND;
    rig_resolve(&all->rig, &one, "half.example");
    assert_false(one.lookup.from_cache);
    /* No address and a failure: it may work later. */
    script(all, "none.example", DNS_A, NULL, 0);
    script_reply(all, "none.example", DNS_AAAA, DNS_SERVFAIL);
    rig_resolve(&all->rig, &one, "none.example");
    assert_says(&one, HH_ERR_RESOLVE_TEMPORARY, "SERVFAIL");
}

static void test_silent_server(void **state)
{
    fixture *all = *state;
    rig_lookup one;
    script_reply(all, "silent.example", DNS_BOTH, DNS_SILENT);
    rig_give_up_after(&all->rig, 1);
    rig_resolve(&all->rig, &one, "silent.example");
    assert_says(&one, HH_ERR_RESOLVE_TEMPORARY,
                "name servers did not answer for \"silent.example\"");
    assert_non_null(strstr(one.lookup.error.message, "no answer in time"));
    assert_int_equal(dns_server_count(all->server, "silent.example", DNS_A), 1);
}

static void test_garbage_is_no_answer(void **state)
{
    fixture *all = *state;
    rig_lookup one;
    script_reply(all, "garbage.example", DNS_BOTH, DNS_GARBAGE);
    rig_give_up_after(&all->rig, 1);
    rig_resolve(&all->rig, &one, "garbage.example");
    assert_says(&one, HH_ERR_RESOLVE_TEMPORARY, "garbage.example");
}

static void test_wrong_id_is_not_believed(void **state)
{
    fixture *all = *state;
    rig_lookup one;
    script_reply(all, "spoofed.example", DNS_BOTH, DNS_WRONG_ID);
    rig_resolve(&all->rig, &one, "spoofed.example");
    assert_int_equal(one.lookup.count, 2);
    assert_non_null(strstr(rig_text(&one), "192.0.2.1:80"));
    assert_non_null(strstr(rig_text(&one), "[2001:db8::1]:80"));
}

static void test_truncated_goes_to_tcp(void **state)
{
    fixture *all = *state;
    rig_lookup one;
    script_reply(all, "big.example", DNS_BOTH, DNS_TRUNCATED);
    rig_resolve(&all->rig, &one, "big.example");
    assert_int_equal(one.lookup.count, 2);
    assert_int_equal(dns_server_tcp_count(all->server), 2);
}

static void test_tcp_server_hangs_up(void **state)
{
    fixture *all = *state;
    rig_lookup one;
    script_reply(all, "rude.example", DNS_BOTH, DNS_HANGUP);
    rig_resolve(&all->rig, &one, "rude.example");
    assert_says(&one, HH_ERR_RESOLVE_TEMPORARY, "rude.example");
    assert_true(dns_server_tcp_count(all->server) >= 1);
    script_reply(all, "polite.example", DNS_BOTH, DNS_TRUNCATED);
    rig_resolve(&all->rig, &one, "polite.example");
    assert_int_equal(one.lookup.count, 2);
}

static void test_many_addresses(void **state)
{
    fixture *all = *state;
    rig_lookup one;
    char list[1000] = "";
    for (int i = 1; i <= 40; i++)
        snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s10.0.0.%d", i > 1 ? "," : "",
                 i);
    script(all, "many.example", DNS_BOTH, list, 0);
    rig_resolve(&all->rig, &one, "many.example");
    assert_int_equal(one.lookup.count, HH_ADDRESSES_MAX);
}

/* Closes the port again, so nobody answers there. */
static void dead_address(char out[32])
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    close(fd);
    snprintf(out, 32, "127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
}

static void test_dead_server(void **state)
{
    fixture *all = *state;
    rig_lookup one;
    char dead[32];
    char both[96];
    dead_address(dead);
    rig_close_resolver(&all->rig);
    rig_give_up_after(&all->rig, 2);
    rig_open(&all->rig, HH_RESOLVE_AUTO, dead);
    rig_resolve(&all->rig, &one, "www.example");
    assert_says(&one, HH_ERR_RESOLVE_TEMPORARY, "could not be reached");
    rig_close_resolver(&all->rig);
    snprintf(both, sizeof(both), "%s,%s", dead, dns_server_address(all->server));
    script(all, "www.example", DNS_BOTH, "192.0.2.1", 0);
    rig_open(&all->rig, HH_RESOLVE_AUTO, both);
    rig_resolve(&all->rig, &one, "www.example");
    assert_string_equal(rig_text(&one), "192.0.2.1:80");
}

/* ---- cache and sharing ---- */

static void test_cache(void **state)
{
    fixture *all = *state;
    rig_lookup one;
    dns_rule rule = {
        "kept.example", DNS_BOTH, DNS_ADDRESSES, "192.0.2.2,192.0.2.1", 20, NULL, 60, 0};
    dns_server_add(all->server, &rule);
    rig_resolve(&all->rig, &one, "kept.example");
    for (int i = 0; i < 3; i++) {
        memset(&one, 0, sizeof(one));
        rig_start(&all->rig, &one, "Kept.example", (uint16_t)(8000 + i));
        assert_true(one.lookup.is_finished);
        assert_true(one.lookup.from_cache);
        char expected[64];
        snprintf(expected, sizeof(expected), "192.0.2.2:%d 192.0.2.1:%d", 8000 + i, 8000 + i);
        assert_string_equal(rig_text(&one), expected);
    }
    rig_run(&all->rig);
    assert_int_equal(one.progress, 0);
    assert_int_equal(dns_server_count(all->server, "kept.example", DNS_BOTH), 2);
    assert_int_equal(hh__resolver_stats(all->rig.resolver).queries, 1);
    assert_int_equal(hh__resolver_stats(all->rig.resolver).cache_hits, 3);
    rig_ahead_ns += 19 * SECOND;
    rig_resolve(&all->rig, &one, "kept.example");
    assert_true(one.lookup.from_cache);
    rig_ahead_ns += 2 * SECOND;
    rig_resolve(&all->rig, &one, "kept.example");
    assert_false(one.lookup.from_cache);
    assert_int_equal(dns_server_count(all->server, "kept.example", DNS_BOTH), 4);
}

static void test_negative_cache(void **state)
{
    fixture *all = *state;
    rig_lookup one;
    script_reply(all, "absent.example", DNS_BOTH, DNS_NXDOMAIN); /* SOA minimum 5 */
    rig_resolve(&all->rig, &one, "absent.example");
    rig_ahead_ns += 4 * SECOND;
    memset(&one, 0, sizeof(one));
    rig_start(&all->rig, &one, "absent.example", 80);
    assert_says(&one, HH_ERR_RESOLVE, "no such host: \"absent.example\" (NXDOMAIN)");
    assert_int_equal(one.lookup.error.dns_error, 4);
    assert_true(one.lookup.from_cache);
    assert_int_equal(dns_server_count(all->server, "absent.example", DNS_BOTH), 2);
    rig_ahead_ns += 2 * SECOND;
    rig_resolve(&all->rig, &one, "absent.example");
    assert_false(one.lookup.from_cache);
    assert_int_equal(dns_server_count(all->server, "absent.example", DNS_BOTH), 4);
}

static void test_equal_lookups_share(void **state)
{
    fixture *all = *state;
    static rig_lookup many[100];
    memset(many, 0, sizeof(many));
    script(all, "shared.example", DNS_A, "192.0.2.1", 1);
    script(all, "shared.example", DNS_AAAA, "2001:db8::1", 1);
    for (size_t i = 0; i < 50; i++)
        rig_start(&all->rig, &many[i], "shared.example", (uint16_t)(1 + i));
    dns_server_wait(all->server, "shared.example", DNS_BOTH, 2);
    dns_server_release(all->server, "shared.example", DNS_A);
    rig_wait_count(&all->rig, &many[0], 1);
    /* Who comes late has at once what is known. */
    for (size_t i = 50; i < 100; i++) {
        rig_start(&all->rig, &many[i], "shared.example", (uint16_t)(1 + i));
        assert_int_equal(many[i].lookup.count, 1);
        assert_false(many[i].lookup.is_finished);
    }
    dns_server_release(all->server, "shared.example", DNS_AAAA);
    for (size_t i = 0; i < 100; i++) {
        char expected[64];
        rig_wait(&all->rig, &many[i]);
        snprintf(expected, sizeof(expected), "192.0.2.1:%zu [2001:db8::1]:%zu", 1 + i, 1 + i);
        assert_string_equal(rig_text(&many[i]), expected);
        assert_int_equal(many[i].progress, i < 50 ? 2 : 1);
    }
    assert_int_equal(dns_server_count(all->server, NULL, DNS_BOTH), 2);
    assert_int_equal(hh__resolver_stats(all->rig.resolver).queries, 1);
}

static void test_too_many_names(void **state)
{
    fixture *all = *state;
    rig_lookup *many = calloc(HH_DNS_QUERIES_MAX + 1, sizeof(*many));
    assert_non_null(many);
    for (unsigned i = 0; i <= HH_DNS_QUERIES_MAX; i++) {
        char name[32];
        snprintf(name, sizeof(name), "name-%u.example", i);
        rig_start(&all->rig, &many[i], name, 80);
        assert_int_equal(many[i].lookup.is_finished, i == HH_DNS_QUERIES_MAX);
    }
    assert_says(&many[HH_DNS_QUERIES_MAX], HH_ERR_LIMIT, "too many names");
    for (unsigned i = 0; i <= HH_DNS_QUERIES_MAX; i++)
        hh__lookup_cancel(all->rig.resolver, &many[i].lookup);
    rig_close_resolver(&all->rig);
    free(many);
}

/* ---- resolv.conf ---- */

static void test_search_domains(void **state)
{
    fixture *all = *state;
    rig_lookup one;
    rig_write(all->rig.resolv_conf, "search first.example second.example\noptions timeout:1 "
                                    "attempts:1 ndots:1\n");
    script(all, "db.second.example", DNS_BOTH, "192.0.2.1", 0);
    rig_resolve(&all->rig, &one, "db");
    assert_string_equal(rig_text(&one), "192.0.2.1:80");
    assert_int_equal(dns_server_count(all->server, "db.first.example", DNS_BOTH), 2);
    assert_int_equal(dns_server_count(all->server, "db", DNS_BOTH), 0);
    /* A trailing dot: as it stands. */
    rig_resolve(&all->rig, &one, "db.");
    assert_says(&one, HH_ERR_RESOLVE, "\"db.\"");
    assert_int_equal(dns_server_count(all->server, "db", DNS_BOTH), 2);
    assert_int_equal(dns_server_count(all->server, "db.first.example", DNS_BOTH), 2);
    /* Enough dots: as it stands first, then with the domains. */
    script(all, "a.db.second.example", DNS_BOTH, "192.0.2.2", 0);
    rig_resolve(&all->rig, &one, "a.db");
    assert_string_equal(rig_text(&one), "192.0.2.2:80");
    assert_int_equal(dns_server_count(all->server, "a.db", DNS_BOTH), 2);
    /* Nowhere: each once, the bare name last. */
    rig_resolve(&all->rig, &one, "nowhere");
    assert_says(&one, HH_ERR_RESOLVE, "no such host: \"nowhere\"");
    assert_int_equal(dns_server_count(all->server, "nowhere", DNS_BOTH), 2);
    assert_int_equal(dns_server_count(all->server, "nowhere.second.example", DNS_BOTH), 2);
    /* A server that fails for one domain may know the next; a failure isn't an absence. */
    script_reply(all, "web.first.example", DNS_BOTH, DNS_SERVFAIL);
    rig_resolve(&all->rig, &one, "web");
    assert_says(&one, HH_ERR_RESOLVE_TEMPORARY, "SERVFAIL");
    assert_int_equal(dns_server_count(all->server, "web.second.example", DNS_BOTH), 2);
    /* A name without an address is known to be there. */
    script(all, "mail.first.example", DNS_BOTH, NULL, 0);
    rig_resolve(&all->rig, &one, "mail");
    assert_says(&one, HH_ERR_RESOLVE, "no address");
}

static void test_ndots(void **state)
{
    fixture *all = *state;
    rig_lookup one;
    rig_write(all->rig.resolv_conf, "search svc.example\noptions timeout:1 attempts:1 ndots:2\n");
    script(all, "a.b.svc.example", DNS_BOTH, "192.0.2.1", 0);
    rig_resolve(&all->rig, &one, "a.b");
    assert_string_equal(rig_text(&one), "192.0.2.1:80");
    assert_int_equal(dns_server_count(all->server, "a.b", DNS_BOTH), 0);
    /* A name too long for the domain is tried without. */
    char name[254];
    memset(name, 'a', 250);
    name[63] = name[127] = name[191] = '.';
    name[250] = '\0';
    rig_resolve(&all->rig, &one, name);
    assert_says(&one, HH_ERR_RESOLVE, "no such host");
    assert_int_equal(dns_server_count(all->server, name, DNS_BOTH), 2);
}

static void test_resolv_conf_is_read_again(void **state)
{
    fixture *all = *state;
    rig_lookup old = {0};
    rig_lookup one;
    rig_write(all->rig.resolv_conf, "search old.example\noptions timeout:9 attempts:1\n");
    script(all, "slow.old.example", DNS_BOTH, "192.0.2.1", 1);
    script(all, "db.old.example", DNS_BOTH, "192.0.2.2", 0);
    script(all, "db.new.example", DNS_BOTH, "192.0.2.3", 0);
    rig_start(&all->rig, &old, "slow", 80);
    rig_resolve(&all->rig, &one, "db");
    assert_string_equal(rig_text(&one), "192.0.2.2:80");
    rig_write(all->rig.resolv_conf, "search new.example\noptions timeout:1 attempts:1\n");
    rig_resolve(&all->rig, &one, "db");
    assert_true(one.lookup.from_cache); /* too soon to look */
    rig_ahead_ns += SECOND;
    rig_resolve(&all->rig, &one, "db");
    assert_string_equal(rig_text(&one), "192.0.2.3:80");
    /* What was under way ends as it began, and its channel with it. */
    dns_server_wait(all->server, "slow.old.example", DNS_BOTH, 2);
    size_t timers = hh__loop_timer_count(all->rig.loop);
    dns_server_release(all->server, "slow.old.example", DNS_BOTH);
    rig_wait(&all->rig, &old);
    assert_string_equal(rig_text(&old), "192.0.2.1:80");
    assert_true(hh__loop_timer_count(all->rig.loop) < timers);
    rig_ahead_ns += SECOND;
    unlink(all->rig.resolv_conf);
    rig_resolve(&all->rig, &one, "db.new.example");
    assert_string_equal(rig_text(&one), "192.0.2.3:80");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_answers_at_once),
        TEST(test_refuses_what_is_no_name),
        TEST(test_refuses_bad_options),
        TEST(test_hosts_file_is_read_again),
        TEST(test_both_families),
        TEST(test_families_come_apart),
        TEST(test_one_family_only),
        TEST(test_alias),
        TEST(test_no_such_name),
        TEST(test_failing_server),
        TEST(test_one_family_fails),
        TEST(test_silent_server),
        TEST(test_garbage_is_no_answer),
        TEST(test_wrong_id_is_not_believed),
        TEST(test_truncated_goes_to_tcp),
        TEST(test_tcp_server_hangs_up),
        TEST(test_many_addresses),
        TEST(test_dead_server),
        TEST(test_cache),
        TEST(test_negative_cache),
        TEST(test_equal_lookups_share),
        TEST(test_too_many_names),
        TEST(test_search_domains),
        TEST(test_ndots),
        TEST(test_resolv_conf_is_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
