/*
 * fuzz_h1_parser.c - a response head whole, byte by byte and split in two must come out the same;
 * and every scanner this CPU runs must agree with the plain one on the same bytes.
 *
 * The first byte of the input chooses the split and the kind of request. Bytes are fed in memory
 * of their exact size, so that a read past the end is seen.
 */
#include "codec/h1_parser.h"

#include "codec/scan.h"
#include "fuzz_target.h"

#define BYTE_BY_BYTE_MAX 512
#define SCAN_PLACES_MAX 64

static hh_h1_result feed(hh_h1_parser *parser, hh_slice data)
{
    hh_slice copy = exact_copy(data);
    hh_h1_result result = hh__h1_parse(parser, copy);
    exact_free(copy);
    return result;
}

static void check_places(const hh_h1_parser *parser, hh_slice data)
{
    CHECK(parser->status >= 100 && parser->status <= 999);
    CHECK(parser->head_length <= data.length && parser->fields.count <= HH_HEAD_MAX_FIELDS);
    for (uint32_t i = 0; i < parser->fields.count; i++) {
        const hh_field_entry *entry = &parser->fields.entries[i];
        CHECK(entry->name_length > 0);
        CHECK(entry->name_offset + entry->name_length < entry->value_offset);
        CHECK(entry->value_offset + entry->value_length <= parser->head_length - 4);
        hh_slice value = hh__entry_value(entry, data.data);
        CHECK(hh__scanner_plain.value_end(value.data, value.data + value.length) ==
              value.data + value.length);
        CHECK(entry->id == hh__field_id(hh__entry_name(entry, data.data)));
    }
}

static void check_same(const hh_h1_parser *a, const hh_h1_parser *b)
{
    CHECK(a->state == b->state || (a->state < HH_H1_DONE && b->state < HH_H1_DONE));
    CHECK(a->failure == b->failure && a->problem == b->problem);
    if (a->state != HH_H1_DONE) {
        return;
    }
    CHECK(a->status == b->status && a->version == b->version && a->head_length == b->head_length);
    CHECK(a->reason_offset == b->reason_offset && a->reason_length == b->reason_length);
    CHECK(a->fields.count == b->fields.count);
    CHECK(memcmp(a->fields.entries, b->fields.entries,
                 a->fields.count * sizeof(a->fields.entries[0])) == 0);
}

static void check_split(const hh_h1_parser *whole, hh_slice data, size_t first, size_t step)
{
    hh_h1_parser parser;
    hh__h1_parser_init(&parser);
    for (size_t length = first;; length += step) {
        length = length < data.length ? length : data.length;
        if (feed(&parser, (hh_slice){data.data, length}) != HH_H1_NEED_MORE ||
            length == data.length) {
            break;
        }
    }
    check_same(whole, &parser);
    hh__h1_parser_finish(&parser);
}

static void check_scanners(hh_slice data)
{
    const char *end = data.data + data.length;
    const hh_scanner *scan;
    for (unsigned v = 0; (scan = hh__scanner_variant(v)) != NULL; v++) {
        const char *at = data.data;
        for (int i = 0; i < SCAN_PLACES_MAX; i++) {
            const char *name = hh__scanner_plain.name_end(at, end);
            CHECK(scan->name_end(at, end) == name);
            CHECK(scan->value_end(at, end) == hh__scanner_plain.value_end(at, end));
            CHECK(scan->line_end(at, end) == hh__scanner_plain.line_end(at, end));
            if (name == end) {
                break;
            }
            at = name + 1;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    if (size == 0) {
        return 0;
    }
    hh_slice data = {(const char *)input + 1, size - 1};
    hh_h1_parser whole;
    hh__h1_parser_init(&whole);
    if (feed(&whole, data) == HH_H1_COMPLETE) {
        hh_framing framing = {.problem = NULL};
        hh_status status =
            hh__h1_framing(&whole, data.data, (hh_request_kind)(input[0] % 3), &framing);
        CHECK(status == HH_OK ? framing.problem == NULL : framing.problem != NULL);
        check_places(&whole, data);
    } else {
        CHECK((whole.state == HH_H1_FAILED) == (whole.problem != NULL));
    }
    if (data.length > 0) {
        check_split(&whole, data, input[0] * data.length / 256, data.length);
    }
    if (data.length > 0 && data.length <= BYTE_BY_BYTE_MAX) {
        check_split(&whole, data, 1, 1);
    }
    hh__h1_parser_finish(&whole);
    check_scanners(data);
    return 0;
}
