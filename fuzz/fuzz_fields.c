/*
 * fuzz_fields.c - a header block whole and in two pieces must give the same entries; each entry
 * must be findable by its name, and its id be the one of its name.
 */
#include "codec/field_lines.h"

#include "base/ascii.h"
#include "fuzz_target.h"

#define MAX_FIELDS 64

static hh_lines_result feed(hh_field_lines *lines, hh_slice data, hh_fields *fields)
{
    hh_slice copy = exact_copy(data);
    hh_lines_result result = hh__field_lines_parse(lines, copy, MAX_FIELDS, fields);
    exact_free(copy);
    return result;
}

static void check_entries(const hh_fields *fields, const char *base)
{
    CHECK(fields->count <= MAX_FIELDS);
    for (uint32_t i = 0; i < fields->count; i++) {
        const hh_field_entry *entry = &fields->entries[i];
        hh_slice name = hh__entry_name(entry, base);
        hh_slice value = hh__entry_value(entry, base);
        CHECK(hh__is_token(name) && hh__is_field_value(value));
        CHECK(hh__slice_equal(value, hh__slice_trim(value)));
        CHECK(entry->id == hh__field_id(name));
        const hh_field_entry *found = hh__fields_find(fields->entries, fields->count, base, name);
        CHECK(found != NULL && found <= entry);
        uint32_t cursor = i;
        CHECK(hh__fields_next_id(fields->entries, fields->count, (hh_field_id)entry->id, &cursor) ==
              entry);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    hh_slice data = {(const char *)input, size};
    hh_field_lines lines = {.line_start = 0};
    hh_fields fields;
    hh__fields_init(&fields);
    hh_lines_result whole = feed(&lines, data, &fields);
    check_entries(&fields, data.data);

    size_t step = size / 16 + 1;
    for (size_t split = 0; split < size; split += step) {
        hh_field_lines again = {.line_start = 0};
        hh_fields twice;
        hh__fields_init(&twice);
        hh_lines_result result = feed(&again, (hh_slice){data.data, split}, &twice);
        if (result == HH_LINES_NEED_MORE) {
            result = feed(&again, data, &twice);
        }
        CHECK(result == whole && again.failure == lines.failure);
        CHECK(again.problem == lines.problem && again.line_start == lines.line_start);
        CHECK(twice.count == fields.count);
        CHECK(memcmp(twice.entries, fields.entries, fields.count * sizeof(fields.entries[0])) == 0);
        hh__fields_finish(&twice);
    }
    hh__fields_finish(&fields);
    return 0;
}
