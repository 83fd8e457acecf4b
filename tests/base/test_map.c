/* The hash against the openssl command's SipHash with 1 and 3 rounds; the map against a model. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "support/alloc_fail.h"
#include "support/prng.h"

static void test_hash_vectors(void **state)
{
    (void)state;
    static const uint64_t counting[2] = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
    static const uint64_t zero[2] = {0, 0};
    static const struct {
        const char *text;
        uint64_t counting;
        uint64_t zero;
    } vectors[] = {
        {"", 0xabac0158050fc4dcu, 0xd1fba762150c532cu},
        {"a", 0x1c2697ab786a6237u, 0x407448d2b89b1813u},
        {"siphash", 0xd5518fe19f28c745u, 0x8264ceeccb16bcbeu},
        {"siphash ", 0x902e16da1f0e09cdu, 0x8c8ea9c4c80599fbu},
        {"digest-sip_hash", 0x71783f159400d4b5u, 0xce31007e34130c0au},
        {"api.example.com:443", 0x28c784b4bb70255fu, 0xf06ec6f2dfeecff1u},
    };
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        hh_slice text = hh_slice_of(vectors[i].text);
        assert_true(hh__hash_keyed(text, counting) == vectors[i].counting);
        assert_true(hh__hash_keyed(text, zero) == vectors[i].zero);
    }
}

static void test_hash_is_secret_and_stable(void **state)
{
    (void)state;
    static const uint64_t zero[2] = {0, 0};
    hh_slice text = hh_slice_of("example.com");
    uint64_t first = hh__hash(text);
    assert_true(hh__hash(text) == first);
    assert_true(hh__hash_keyed(text, zero) != first);
    assert_true(hh__hash(hh_slice_of("example.org")) != first);
}

static void test_set_get_remove(void **state)
{
    (void)state;
    int a = 1;
    int b = 2;
    hh_map map;
    hh__map_init(&map);
    assert_null(hh__map_get(&map, hh_slice_of("a")));
    assert_null(hh__map_remove(&map, hh_slice_of("a")));
    assert_int_equal(hh__map_set(&map, hh_slice_of("a"), &a), HH_OK);
    hh_slice empty = {NULL, 0};
    assert_int_equal(hh__map_set(&map, empty, &b), HH_OK);
    assert_ptr_equal(hh__map_get(&map, hh_slice_of("a")), &a);
    assert_ptr_equal(hh__map_get(&map, hh_slice_of("")), &b);
    assert_null(hh__map_get(&map, hh_slice_of("A")));
    hh_slice with_nul = {"a\0", 2};
    assert_null(hh__map_get(&map, with_nul));
    assert_int_equal(map.count, 2);
    assert_ptr_equal(hh__map_remove(&map, hh_slice_of("a")), &a);
    assert_null(hh__map_get(&map, hh_slice_of("a")));
    assert_null(hh__map_remove(&map, hh_slice_of("a")));
    assert_int_equal(map.count, 1);
    hh__map_finish(&map);
    assert_int_equal(map.count, 0);
}

static void test_replace_takes_key_too(void **state)
{
    (void)state;
    int a = 1;
    int b = 2;
    char first[] = "key";
    char second[] = "key";
    hh_map map;
    hh__map_init(&map);
    hh_slice key = {first, 3};
    assert_int_equal(hh__map_set(&map, key, &a), HH_OK);
    key.data = second;
    assert_int_equal(hh__map_set(&map, key, &b), HH_OK);
    assert_int_equal(map.count, 1);
    first[0] = 'x'; /* the old key's memory is the caller's again */
    assert_ptr_equal(hh__map_get(&map, hh_slice_of("key")), &b);
    hh__map_finish(&map);
}

static void test_equal_hash_is_not_equal_key(void **state)
{
    (void)state;
    int a = 1;
    hh_map map;
    hh__map_init(&map);
    assert_int_equal(hh__map_set(&map, hh_slice_of("a"), &a), HH_OK);
    for (size_t i = 0; i < map.capacity; i++) {
        if (map.entries[i].value != NULL)
            map.entries[i].key = hh_slice_of("b"); /* as if it had the hash of "a" */
    }
    assert_null(hh__map_get(&map, hh_slice_of("a")));
    assert_null(hh__map_remove(&map, hh_slice_of("a")));
    assert_int_equal(map.count, 1);
    hh__map_finish(&map);
}

enum { KEYS = 400 };
static char names[KEYS][12];
static int values[KEYS];

static void check_invariant(const hh_map *map)
{
    size_t count = 0;
    for (size_t i = 0; i < map->capacity; i++) {
        const hh_map_entry *entry = &map->entries[i];
        if (entry->value == NULL)
            continue;
        count++;
        size_t mask = map->capacity - 1;
        for (size_t j = (size_t)entry->hash & mask; j != i; j = (j + 1) & mask)
            assert_non_null(map->entries[j].value);
    }
    assert_int_equal(count, map->count);
    assert_true(count * 4 <= map->capacity * 3);
}

static void check_against_model(const hh_map *map, void *const model[KEYS], size_t count)
{
    int seen[KEYS] = {0};
    size_t cursor = 0;
    size_t found = 0;
    for (int *value; (value = hh__map_next(map, &cursor)) != NULL; found++) {
        assert_in_range(value - values, 0, KEYS - 1);
        assert_int_equal(seen[value - values]++, 0);
    }
    assert_int_equal(found, count);
    assert_int_equal(map->count, count);
    for (size_t i = 0; i < KEYS; i++) {
        assert_ptr_equal(hh__map_get(map, hh_slice_of(names[i])), model[i]);
        assert_int_equal(seen[i], model[i] != NULL);
    }
    check_invariant(map);
}

static void test_model(void **state)
{
    (void)state;
    void *model[KEYS] = {NULL};
    size_t count = 0;
    uint64_t seed = 42;
    hh_map map;
    hh__map_init(&map);
    for (size_t i = 0; i < KEYS; i++)
        snprintf(names[i], sizeof(names[i]), "key-%zu", i);
    for (int round = 0; round < 60000; round++) {
        size_t i = (size_t)prng_below(&seed, KEYS);
        hh_slice key = hh_slice_of(names[i]);
        /* Fills up for a while, then empties, so runs of every length come and go. */
        uint64_t share_of_sets = round / 10000 % 2 == 0 ? 7 : 3;
        if (prng_below(&seed, 10) < share_of_sets) {
            assert_int_equal(hh__map_set(&map, key, &values[i]), HH_OK);
            count += model[i] == NULL;
            model[i] = &values[i];
        } else {
            assert_ptr_equal(hh__map_remove(&map, key), model[i]);
            count -= model[i] != NULL;
            model[i] = NULL;
        }
        if (round % 100 == 0)
            check_against_model(&map, model, count);
    }
    for (size_t i = 0; i < KEYS; i++)
        assert_ptr_equal(hh__map_remove(&map, hh_slice_of(names[i])), model[i]);
    assert_int_equal(map.count, 0);
    for (size_t i = 0; i < map.capacity; i++)
        assert_null(map.entries[i].value);
    hh__map_finish(&map);
}

static void test_removal_never_allocates(void **state)
{
    (void)state;
    int value = 1;
    hh_map map;
    hh__map_init(&map);
    for (size_t i = 0; i < KEYS; i++) {
        snprintf(names[i], sizeof(names[i]), "key-%zu", i);
        assert_int_equal(hh__map_set(&map, hh_slice_of(names[i]), &value), HH_OK);
    }
    alloc_fail_count_start();
    for (size_t i = 0; i < KEYS; i++)
        assert_ptr_equal(hh__map_remove(&map, hh_slice_of(names[i])), &value);
    assert_int_equal(alloc_fail_count(), 0);
    hh__map_finish(&map);
}

static void test_failed_allocation_leaves_map(void **state)
{
    (void)state;
    void *model[KEYS] = {NULL};
    hh_map map;
    hh__map_init(&map);
    for (size_t i = 0; i < KEYS; i++)
        snprintf(names[i], sizeof(names[i]), "key-%zu", i);
    size_t failures = 0;
    for (size_t i = 0; i < KEYS; i++) {
        hh_slice key = hh_slice_of(names[i]);
        alloc_fail_from(1);
        hh_status status = hh__map_set(&map, key, &values[i]);
        alloc_fail_off();
        if (status != HH_OK) {
            assert_int_equal(status, HH_ERR_NO_MEMORY);
            assert_int_equal(alloc_fail_hits(), 1);
            check_against_model(&map, model, i);
            failures++;
            assert_int_equal(hh__map_set(&map, key, &values[i]), HH_OK);
        }
        model[i] = &values[i];
        /* Replacing needs no room. */
        alloc_fail_from(1);
        status = hh__map_set(&map, key, &values[i]);
        alloc_fail_off();
        assert_int_equal(status, HH_OK);
    }
    assert_true(failures >= 6);
    check_against_model(&map, model, KEYS);
    hh__map_finish(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash_vectors),
        cmocka_unit_test(test_hash_is_secret_and_stable),
        cmocka_unit_test(test_set_get_remove),
        cmocka_unit_test(test_replace_takes_key_too),
        cmocka_unit_test(test_equal_hash_is_not_equal_key),
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_removal_never_allocates),
        cmocka_unit_test(test_failed_allocation_leaves_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
