/*
 * test_fields.c - the index over a header block: names, growth, limits, look-up.
 */
#include "codec/fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>

#include "base/memory.h"
#include "support/alloc_fail.h"

static const struct {
    const char *name;
    hh_field_id id;
} known[] = {
    {"Connection", HH_FIELD_CONNECTION},
    {"Content-Encoding", HH_FIELD_CONTENT_ENCODING},
    {"Content-Length", HH_FIELD_CONTENT_LENGTH},
    {"Keep-Alive", HH_FIELD_KEEP_ALIVE},
    {"Location", HH_FIELD_LOCATION},
    {"Transfer-Encoding", HH_FIELD_TRANSFER_ENCODING},
    {"Proxy-Connection", HH_FIELD_PROXY_CONNECTION},
    {"Upgrade", HH_FIELD_UPGRADE},
    {"Host", HH_FIELD_HOST},
    {"Authorization", HH_FIELD_AUTHORIZATION},
    {"Cookie", HH_FIELD_COOKIE},
    {"Proxy-Authorization", HH_FIELD_PROXY_AUTHORIZATION},
    {"Content-Type", HH_FIELD_CONTENT_TYPE},
    {"Expect", HH_FIELD_EXPECT},
    {"User-Agent", HH_FIELD_USER_AGENT},
    {"Accept", HH_FIELD_ACCEPT},
    {"Accept-Encoding", HH_FIELD_ACCEPT_ENCODING},
    {"TE", HH_FIELD_TE},
    {"Trailer", HH_FIELD_TRAILER},
    {"Set-Cookie", HH_FIELD_SET_COOKIE},
    {"Retry-After", HH_FIELD_RETRY_AFTER},
    {"Content-Language", HH_FIELD_CONTENT_LANGUAGE},
    {"Content-Location", HH_FIELD_CONTENT_LOCATION},
};

static void test_known_names_in_any_case(void **state)
{
    (void)state;
    assert_int_equal(HH_COUNT_OF(known), HH_FIELD_CONTENT_LOCATION);
    for (size_t i = 0; i < HH_COUNT_OF(known); i++) {
        char text[32];
        size_t length = strlen(known[i].name);
        assert_int_equal(hh__field_id(hh_slice_of(known[i].name)), known[i].id);
        for (size_t c = 0; c <= length; c++) {
            text[c] = (char)toupper((unsigned char)known[i].name[c]);
        }
        assert_int_equal(hh__field_id(hh_slice_of(text)), known[i].id);
        for (size_t c = 0; c <= length; c++) {
            text[c] = (char)tolower((unsigned char)known[i].name[c]);
        }
        assert_int_equal(hh__field_id(hh_slice_of(text)), known[i].id);
    }
}

/* Every byte of every known name replaced by every other byte. */
static void test_near_misses_are_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(known); i++) {
        char text[32];
        size_t length = strlen(known[i].name);
        memcpy(text, known[i].name, length + 1);
        for (size_t place = 0; place < length; place++) {
            for (int byte = 0; byte < 256; byte++) {
                hh_field_id wanted =
                    byte < 128 && tolower(byte) == tolower((unsigned char)known[i].name[place])
                        ? known[i].id
                        : HH_FIELD_OTHER;
                text[place] = (char)byte;
                assert_int_equal(hh__field_id((hh_slice){text, length}), wanted);
            }
            text[place] = known[i].name[place];
        }
        assert_int_equal(hh__field_id((hh_slice){text, length - 1}), HH_FIELD_OTHER);
        text[length] = 'x';
        assert_int_equal(hh__field_id((hh_slice){text, length + 1}), HH_FIELD_OTHER);
    }
    assert_int_equal(hh__field_id((hh_slice){NULL, 0}), HH_FIELD_OTHER);
}

static hh_field_entry entry_of(uint32_t number)
{
    hh_field_entry entry = {.name_offset = number, .id = (uint16_t)(number % 3)};
    return entry;
}

static void test_growth_keeps_what_is_there(void **state)
{
    (void)state;
    hh_fields fields;
    hh__fields_init(&fields);
    for (uint32_t i = 0; i < 200; i++) {
        assert_int_equal(hh__fields_add(&fields, entry_of(i), 200), HH_OK);
    }
    assert_int_equal(hh__fields_add(&fields, entry_of(200), 200), HH_ERR_HEADERS_TOO_LARGE);
    assert_int_equal(fields.count, 200);
    for (uint32_t i = 0; i < 200; i++) {
        assert_int_equal(fields.entries[i].name_offset, i);
    }
    hh__fields_clear(&fields);
    assert_int_equal(fields.count, 0);
    assert_int_equal(hh__fields_add(&fields, entry_of(7), 1), HH_OK);
    assert_int_equal(fields.entries[0].name_offset, 7);
    hh__fields_finish(&fields);
    assert_int_equal(fields.count, 0);
}

static void test_few_fields_allocate_nothing(void **state)
{
    (void)state;
    hh_fields fields;
    alloc_fail_from(1);
    hh__fields_init(&fields);
    for (uint32_t i = 0; i < HH_FIELDS_INLINE; i++) {
        assert_int_equal(hh__fields_add(&fields, entry_of(i), 100), HH_OK);
    }
    assert_int_equal(alloc_fail_count(), 0);
    hh_status status = hh__fields_add(&fields, entry_of(0), 100);
    alloc_fail_off();
    assert_int_equal(status, HH_ERR_NO_MEMORY);
    assert_int_equal(fields.count, HH_FIELDS_INLINE);
    assert_int_equal(hh__fields_add(&fields, entry_of(99), 100), HH_OK);
    assert_int_equal(fields.entries[HH_FIELDS_INLINE].name_offset, 99);
    assert_int_equal(fields.entries[HH_FIELDS_INLINE - 1].name_offset, HH_FIELDS_INLINE - 1);
    hh__fields_finish(&fields);
}

static void test_next_id_walks_all_of_one(void **state)
{
    (void)state;
    hh_field_entry entries[9];
    for (uint32_t i = 0; i < HH_COUNT_OF(entries); i++) {
        entries[i] = entry_of(i);
    }
    uint32_t cursor = 0;
    for (uint32_t i = 1; i < HH_COUNT_OF(entries); i += 3) {
        assert_ptr_equal(hh__fields_next_id(entries, 9, (hh_field_id)1, &cursor), &entries[i]);
    }
    assert_null(hh__fields_next_id(entries, 9, (hh_field_id)1, &cursor));
    assert_null(hh__fields_next_id(entries, 9, (hh_field_id)1, &cursor));
    cursor = 0;
    assert_null(hh__fields_next_id(entries, 9, HH_FIELD_HOST, &cursor));
}

static void test_find_takes_any_case_and_the_first(void **state)
{
    (void)state;
    static const char text[] = "X-OneX-TwoX-one";
    const hh_field_entry entries[] = {
        {.name_offset = 0, .name_length = 5},
        {.name_offset = 5, .name_length = 5},
        {.name_offset = 10, .name_length = 5},
    };
    assert_ptr_equal(hh__fields_find(entries, 3, text, hh_slice_of("x-ONE")), &entries[0]);
    assert_ptr_equal(hh__fields_find(entries, 3, text, hh_slice_of("x-two")), &entries[1]);
    assert_null(hh__fields_find(entries, 3, text, hh_slice_of("x-tw")));
    assert_null(hh__fields_find(entries, 0, text, hh_slice_of("x-two")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_names_in_any_case),
        cmocka_unit_test(test_near_misses_are_other),
        cmocka_unit_test(test_growth_keeps_what_is_there),
        cmocka_unit_test(test_few_fields_allocate_nothing),
        cmocka_unit_test(test_next_id_walks_all_of_one),
        cmocka_unit_test(test_find_takes_any_case_and_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
