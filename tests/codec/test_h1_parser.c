/*
 * test_h1_parser.c - heads of responses: golden cases whole, byte by byte and split in two, limits,
 * and that nothing is scanned twice.
 */
#include "codec/h1_parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "codec/golden.h"

/* Longer inputs are split at steps instead of everywhere. */
#define SPLIT_EVERYWHERE_BYTES 4096
#define SPLIT_STEP_BYTES 4093

static void dump(hh_bytes *out, const hh_h1_parser *parser, hh_h1_result result, const char *base)
{
    char line[128];
    hh__bytes_clear(out);
    if (result == HH_H1_NEED_MORE) {
        hh__bytes_append_text(out, "need more\n");
        return;
    }
    if (result == HH_H1_ERROR) {
        hh__bytes_append_text(out, hh_status_name(parser->failure));
        hh__bytes_append_text(out, ": ");
        hh__bytes_append_text(out, parser->problem);
        hh__bytes_append_text(out, "\n");
        return;
    }
    snprintf(line, sizeof(line), "complete %d %d [", parser->version, parser->status);
    hh__bytes_append_text(out, line);
    golden_dump(out, (hh_slice){base + parser->reason_offset, parser->reason_length});
    snprintf(line, sizeof(line), "] %u\n", (unsigned)parser->head_length);
    hh__bytes_append_text(out, line);
    for (uint32_t i = 0; i < parser->fields.count; i++) {
        const hh_field_entry *entry = &parser->fields.entries[i];
        snprintf(line, sizeof(line), "%u [", entry->id);
        hh__bytes_append_text(out, line);
        golden_dump(out, hh__entry_name(entry, base));
        hh__bytes_append_text(out, "] [");
        golden_dump(out, hh__entry_value(entry, base));
        hh__bytes_append_text(out, "]\n");
    }
}

/* Feeds `first` bytes, then `step` more at a time. Each feed stands in memory of its exact size,
 * so that the address sanitizer sees a read past the end. */
static void feed(const golden_case *golden, const char *way, size_t first, size_t step)
{
    hh_slice input = hh__bytes_slice(&golden->input);
    hh_bytes out;
    hh__bytes_init(&out, 1u << 20);
    hh_h1_parser parser;
    hh__h1_parser_init(&parser);
    hh_h1_result result = HH_H1_NEED_MORE;
    char *copy = NULL;
    for (size_t length = first; result == HH_H1_NEED_MORE; length += step) {
        length = length < input.length ? length : input.length;
        free(copy);
        copy = malloc(length + 1);
        assert_non_null(copy);
        char *exact = copy + 1;
        memcpy(exact, input.data, length);
        result = hh__h1_parse(&parser, (hh_slice){exact, length});
        if (length == input.length) {
            break;
        }
    }
    dump(&out, &parser, result, copy + 1);
    golden_compare(golden, way, hh__bytes_slice(&out));
    hh__h1_parser_finish(&parser);
    hh__bytes_finish(&out);
    free(copy);
}

static void run_case(const golden_case *golden)
{
    size_t length = golden->input.length;
    size_t step = length <= SPLIT_EVERYWHERE_BYTES ? 1 : SPLIT_STEP_BYTES;
    feed(golden, "whole", length, 1);
    feed(golden, "in steps", 1, step);
    for (size_t split = 0; split < length; split += step) {
        feed(golden, "split in two", split, length);
    }
    if (length > SPLIT_EVERYWHERE_BYTES) {
        feed(golden, "all but one byte, then it", length - 1, 1);
    }
}

static void test_golden_heads(void **state)
{
    (void)state;
    assert_true(golden_run_file("h1/heads.txt", run_case) >= 16);
}

/* security.md: lenient header parsing. */
static void test_lenient_syntax_is_refused(void **state)
{
    (void)state;
    assert_true(golden_run_file("h1/errors.txt", run_case) >= 38);
}

/* security.md: floods of fields. */
static void test_floods_meet_their_limits(void **state)
{
    (void)state;
    assert_true(golden_run_file("h1/limits.txt", run_case) >= 9);
}

static void test_limits_can_be_lowered(void **state)
{
    (void)state;
    static const char head[] = "HTTP/1.1 200 OK\r\na: b\r\nc: d\r\n\r\n";
    hh_slice data = {head, sizeof(head) - 1};
    hh_h1_parser parser;
    hh__h1_parser_init(&parser);
    parser.max_bytes = (uint32_t)data.length;
    parser.max_fields = 2;
    assert_int_equal(hh__h1_parse(&parser, data), HH_H1_COMPLETE);

    hh__h1_parser_reset(&parser);
    assert_int_equal(parser.max_fields, 2);
    parser.max_bytes--;
    assert_int_equal(hh__h1_parse(&parser, data), HH_H1_ERROR);
    assert_int_equal(parser.failure, HH_ERR_HEADERS_TOO_LARGE);

    hh__h1_parser_reset(&parser);
    parser.max_bytes++;
    parser.max_fields--;
    assert_int_equal(hh__h1_parse(&parser, data), HH_H1_ERROR);
    assert_int_equal(parser.failure, HH_ERR_HEADERS_TOO_LARGE);
    assert_string_equal(parser.problem, "too many fields");
    hh__h1_parser_finish(&parser);
}

static void test_reset_parses_the_next_head(void **state)
{
    (void)state;
    static const char heads[] = "HTTP/1.1 100 Continue\r\nx: y\r\n\r\nHTTP/1.0 200 OK\r\n\r\n";
    hh_slice data = {heads, sizeof(heads) - 1};
    hh_h1_parser parser;
    hh__h1_parser_init(&parser);
    assert_int_equal(hh__h1_parse(&parser, data), HH_H1_COMPLETE);
    assert_int_equal(parser.status, 100);
    assert_int_equal(parser.fields.count, 1);
    assert_int_equal(hh__h1_parse(&parser, data), HH_H1_COMPLETE);
    data.data += parser.head_length;
    data.length -= parser.head_length;
    hh__h1_parser_reset(&parser);
    assert_int_equal(hh__h1_parse(&parser, data), HH_H1_COMPLETE);
    assert_int_equal(parser.status, 200);
    assert_int_equal(parser.version, 10);
    assert_int_equal(parser.fields.count, 0);
    assert_int_equal(parser.head_length, data.length);
    hh__h1_parser_finish(&parser);
}

static void test_failure_sticks(void **state)
{
    (void)state;
    static const char bad[] = "HTTP/1.1 200 OK\r\na: b\0";
    static const char good[] = "HTTP/1.1 200 OK\r\na: bcdef\r\n\r\n";
    hh_h1_parser parser;
    hh__h1_parser_init(&parser);
    assert_int_equal(hh__h1_parse(&parser, (hh_slice){bad, sizeof(bad) - 1}), HH_H1_ERROR);
    assert_int_equal(hh__h1_parse(&parser, (hh_slice){good, sizeof(good) - 1}), HH_H1_ERROR);
    assert_int_equal(parser.failure, HH_ERR_PROTOCOL);
    hh__h1_parser_finish(&parser);
}

/* security.md: quadratic work. What was scanned is overwritten with what would be an error, byte
 * by byte: a parser that looked at it again would fail. */
static void test_long_lines_are_scanned_once(void **state)
{
    (void)state;
    static const struct {
        const char *before;
        char filler;
        const char *after;
    } lines[] = {
        {"HTTP/1.1 200 OK\r\na: x", 'v', "x\r\n\r\n"},
        {"HTTP/1.1 200 OK\r\nx", 'n', ": x\r\n\r\n"},
        {"HTTP/1.1 200 x", 'r', "x\r\n\r\n"},
        {"HTTP/1.1 200 OK\r\na: x", ' ', "x\r\n\r\n"},
    };
    enum { FILLERS = 8000 };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char data[FILLERS + 64];
        size_t before = strlen(lines[i].before);
        size_t length = before + FILLERS + strlen(lines[i].after);
        memcpy(data, lines[i].before, before);
        memset(data + before, lines[i].filler, FILLERS);
        memcpy(data + before + FILLERS, lines[i].after, strlen(lines[i].after));
        hh_h1_parser parser;
        hh__h1_parser_init(&parser);
        for (size_t fed = 1; fed <= length; fed++) {
            hh_h1_result result = hh__h1_parse(&parser, (hh_slice){data, fed});
            assert_int_equal(result, fed == length ? HH_H1_COMPLETE : HH_H1_NEED_MORE);
            if (fed > before && fed <= before + FILLERS) {
                data[fed - 1] = '\0';
            }
        }
        hh__h1_parser_finish(&parser);
    }
}

static void test_many_short_fields_are_scanned_once(void **state)
{
    (void)state;
    char data[4096] = "HTTP/1.1 200 OK\r\n";
    size_t start = strlen(data);
    for (int i = 0; i < 200; i++) {
        strcat(data, "ab: c\r\n");
    }
    strcat(data, "\r\n");
    size_t length = strlen(data);
    hh_h1_parser parser;
    hh__h1_parser_init(&parser);
    for (size_t fed = 1; fed <= length; fed++) {
        hh_h1_result result = hh__h1_parse(&parser, (hh_slice){data, fed});
        assert_int_equal(result, fed == length ? HH_H1_COMPLETE : HH_H1_NEED_MORE);
        if (fed > start && (fed - start) % 7 == 0) {
            memset(data + fed - 7, 0, 7);
        }
    }
    assert_int_equal(parser.fields.count, 200);
    hh__h1_parser_finish(&parser);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_heads),
        cmocka_unit_test(test_lenient_syntax_is_refused),
        cmocka_unit_test(test_floods_meet_their_limits),
        cmocka_unit_test(test_limits_can_be_lowered),
        cmocka_unit_test(test_reset_parses_the_next_head),
        cmocka_unit_test(test_failure_sticks),
        cmocka_unit_test(test_long_lines_are_scanned_once),
        cmocka_unit_test(test_many_short_fields_are_scanned_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
