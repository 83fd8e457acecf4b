/* The cache of DNS answers, with a time of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/memory.h"
#include "net/dns_cache.h"

#define MS 1000000LL
#define START (5000 * MS)

static hh_dns_cache *create(size_t entries_max)
{
    hh_dns_cache *cache = NULL;
    assert_int_equal(hh__dns_cache_create(entries_max, &cache), HH_OK);
    return cache;
}

static hh_address address(const char *text)
{
    hh_address out;
    assert_int_equal(hh__address_parse(hh_slice_of(text), 0, &out), HH_OK);
    return out;
}

static void put(hh_dns_cache *cache, const char *name, const char *text, int64_t ttl_ms,
                int64_t now_ns)
{
    hh_address one = address(text);
    hh_dns_answer answer = {.addresses = &one, .count = 1, .ttl_ms = ttl_ms};
    assert_int_equal(hh__dns_cache_put(cache, hh_slice_of(name), &answer, now_ns), HH_OK);
}

static bool has(hh_dns_cache *cache, const char *name, int64_t now_ns)
{
    hh_dns_answer answer;
    return hh__dns_cache_get(cache, hh_slice_of(name), now_ns, &answer);
}

static void test_keeps_order_and_fields(void **state)
{
    (void)state;
    hh_dns_cache *cache = create(8);
    hh_address list[3] = {address("192.0.2.2"), address("2001:db8::1"), address("192.0.2.1")};
    hh_dns_answer in = {list, 3, 7, 10000, 9};
    hh_dns_answer out;
    assert_int_equal(hh__dns_cache_put(cache, hh_slice_of("a.example"), &in, START), HH_OK);
    for (int round = 0; round < 3; round++) {
        assert_true(hh__dns_cache_get(cache, hh_slice_of("a.example"), START, &out));
        assert_int_equal(out.count, 3);
        assert_int_equal(out.outcome, 7);
        assert_int_equal(out.dns_error, 9);
        for (size_t i = 0; i < 3; i++)
            assert_true(hh__address_equal(&out.addresses[i], &list[i]));
    }
    assert_false(has(cache, "a.exampl", START));
    assert_false(has(cache, "a.example.", START));
    hh__dns_cache_destroy(cache);
}

static const struct {
    int64_t ttl_ms;
    size_t count;
    int64_t lives_ms;
} lives[] = {
    {10000, 1, 10000},
    {0, 1, HH_DNS_TTL_MIN_MS},
    {-5, 1, HH_DNS_TTL_MIN_MS},
    {INT64_MAX, 1, HH_DNS_TTL_MAX_MS},
    {HH_DNS_TTL_MAX_MS + 1, 1, HH_DNS_TTL_MAX_MS},
    {4000, 0, 4000},
    {0, 0, HH_DNS_TTL_MIN_MS},
    {3600000, 0, HH_DNS_NEGATIVE_TTL_MAX_MS},
};

static void test_times_to_live(void **state)
{
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(lives); i++) {
        hh_dns_cache *cache = create(8);
        hh_address one = address("192.0.2.1");
        hh_dns_answer in = {&one, lives[i].count, 2, lives[i].ttl_ms, 0};
        assert_int_equal(hh__dns_cache_put(cache, hh_slice_of("a"), &in, START), HH_OK);
        assert_true(has(cache, "a", START + lives[i].lives_ms * MS - 1));
        assert_int_equal(hh__dns_cache_count(cache), 1);
        assert_false(has(cache, "a", START + lives[i].lives_ms * MS));
        assert_int_equal(hh__dns_cache_count(cache), 0);
        hh__dns_cache_destroy(cache);
    }
}

static void test_replaces(void **state)
{
    (void)state;
    hh_dns_cache *cache = create(8);
    hh_dns_answer out;
    hh_address second = address("192.0.2.2");
    put(cache, "a", "192.0.2.1", 5000, START);
    put(cache, "a", "192.0.2.2", 5000, START);
    assert_int_equal(hh__dns_cache_count(cache), 1);
    assert_true(hh__dns_cache_get(cache, hh_slice_of("a"), START, &out));
    assert_true(hh__address_equal(&out.addresses[0], &second));
    hh__dns_cache_clear(cache);
    assert_false(has(cache, "a", START));
    put(cache, "a", "192.0.2.1", 5000, START);
    assert_true(has(cache, "a", START));
    hh__dns_cache_destroy(cache);
}

static void test_least_recently_used_goes(void **state)
{
    (void)state;
    hh_dns_cache *cache = create(3);
    put(cache, "a", "192.0.2.1", 5000, START);
    put(cache, "b", "192.0.2.2", 5000, START);
    put(cache, "c", "192.0.2.3", 5000, START);
    assert_true(has(cache, "a", START));
    put(cache, "d", "192.0.2.4", 5000, START);
    assert_int_equal(hh__dns_cache_count(cache), 3);
    assert_false(has(cache, "b", START));
    assert_true(has(cache, "a", START));
    assert_true(has(cache, "c", START));
    assert_true(has(cache, "d", START));
    hh__dns_cache_destroy(cache);
}

static void test_bounds(void **state)
{
    (void)state;
    hh_dns_cache *cache = create(HH_DNS_CACHE_MAX_ENTRIES);
    for (unsigned i = 0; i < 2 * HH_DNS_CACHE_MAX_ENTRIES; i++) {
        char name[32];
        snprintf(name, sizeof(name), "host-%u", i);
        put(cache, name, "192.0.2.1", 5000, START);
    }
    assert_int_equal(hh__dns_cache_count(cache), HH_DNS_CACHE_MAX_ENTRIES);
    assert_false(has(cache, "host-0", START));
    hh_address many[HH_ADDRESSES_MAX + 1];
    memset(many, 0, sizeof(many));
    hh_dns_answer in = {many, HH_ADDRESSES_MAX + 1, 0, 5000, 0};
    assert_int_equal(hh__dns_cache_put(cache, hh_slice_of("x"), &in, START), HH_ERR_LIMIT);
    char longest[HH_HOST_MAX_BYTES + 2];
    memset(longest, 'a', sizeof(longest));
    hh_slice name = {longest, sizeof(longest)};
    in.count = 1;
    assert_int_equal(hh__dns_cache_put(cache, name, &in, START), HH_ERR_LIMIT);
    hh__dns_cache_destroy(cache);
    hh__dns_cache_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_order_and_fields),
        cmocka_unit_test(test_times_to_live),
        cmocka_unit_test(test_replaces),
        cmocka_unit_test(test_least_recently_used_goes),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
