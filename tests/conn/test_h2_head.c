/*
 * test_h2_head.c - header blocks of HTTP/2 as text and entries, and what is refused of them.
 *
 * A block is written as lines "name: value", each ended by LF.
 */
#include "conn/h2_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/ascii.h"
#include "base/limits.h"
#include "base/memory.h"
#include "support/alloc_fail.h"

#define NONE UINT64_MAX
#define OK ":status: 200\n"
#define OK_TEXT "HTTP/2 200\r\n"

static bool next_field(const char **lines, hh_slice *name, hh_slice *value)
{
    const char *end = strchr(*lines, '\n');
    if (end == NULL)
        return false;
    const char *colon = strstr(*lines, ": ");
    assert_non_null(colon);
    *name = (hh_slice){*lines, (size_t)(colon - *lines)};
    *value = (hh_slice){colon + 2, (size_t)(end - colon) - 2};
    *lines = end + 1;
    return true;
}

static void add_lines(hh_h2_head *head, const char *lines)
{
    hh_slice name;
    hh_slice value;
    while (next_field(&lines, &name, &value))
        hh__h2_head_add(head, name, value);
}

static hh_status read_block(hh_h2_head *head, hh_h2_block block, const char *lines)
{
    hh__h2_head_begin(head, block, HH_HEAD_MAX_BYTES, HH_HEAD_MAX_FIELDS);
    add_lines(head, lines);
    hh_status status = hh__h2_head_end(head);
    assert_int_equal(status, head->failure);
    assert_true((status == HH_OK) == (head->problem == NULL));
    return status;
}

/* The entries are the fields that aren't pseudo, in their order. */
static void check_entries(const hh_h2_head *head, const char *lines)
{
    hh_slice name;
    hh_slice value;
    uint32_t count = 0;
    while (next_field(&lines, &name, &value)) {
        if (name.data[0] == ':')
            continue;
        assert_true(count < head->fields.count);
        const hh_field_entry *entry = &head->fields.entries[count++];
        assert_true(hh__slice_equal(hh__entry_name(entry, head->text.data), name));
        assert_true(hh__slice_equal(hh__entry_value(entry, head->text.data), value));
        assert_int_equal(entry->id, hh__field_id(name));
    }
    assert_int_equal(head->fields.count, count);
}

static void expect_text(hh_h2_head *head, hh_h2_block block, const char *lines, const char *text)
{
    if (read_block(head, block, lines) != HH_OK)
        fail_msg("%s: %s", lines, head->problem);
    assert_string_equal(head->text.data, text);
    assert_int_equal(head->text.length, strlen(text));
    check_entries(head, lines);
}

static void test_heads(void **state)
{
    (void)state;
    static const struct {
        const char *lines;
        int status;
        const char *text;
    } rows[] = {
        {OK, 200, OK_TEXT "\r\n"},
        {":status: 103\nlink: </a.css>; rel=preload\n", 103,
         "HTTP/2 103\r\nlink: </a.css>; rel=preload\r\n\r\n"},
        {":status: 999\n", 999, "HTTP/2 999\r\n\r\n"},
        {":status: 100\n", 100, "HTTP/2 100\r\n\r\n"},
        {OK "content-type: text/plain\nset-cookie: a=1\nx: \nset-cookie: b=2\n", 200,
         OK_TEXT "content-type: text/plain\r\nset-cookie: a=1\r\nx: \r\nset-cookie: b=2\r\n\r\n"},
        {OK "te: trailers\n", 200, OK_TEXT "te: trailers\r\n\r\n"},
    };
    hh_h2_head head;
    hh__h2_head_init(&head);
    for (size_t i = 0; i < HH_COUNT_OF(rows); i++) {
        expect_text(&head, HH_H2_BLOCK_HEAD, rows[i].lines, rows[i].text);
        assert_int_equal(head.status, rows[i].status);
        assert_true(head.content_length == NONE);
    }
    hh__h2_head_finish(&head);
}

static void test_trailers(void **state)
{
    (void)state;
    static const struct {
        const char *lines;
        const char *text;
    } rows[] = {
        {"", "\r\n"},
        {"grpc-status: 0\ngrpc-message: \n", "grpc-status: 0\r\ngrpc-message: \r\n\r\n"},
        {"content-length: none\n", "content-length: none\r\n\r\n"}, /* frames nothing here */
    };
    hh_h2_head head;
    hh__h2_head_init(&head);
    for (size_t i = 0; i < HH_COUNT_OF(rows); i++) {
        expect_text(&head, HH_H2_BLOCK_TRAILERS, rows[i].lines, rows[i].text);
        assert_int_equal(head.status, 0);
        assert_true(head.content_length == NONE);
    }
    hh__h2_head_finish(&head);
}

static void test_content_length(void **state)
{
    (void)state;
    static const struct {
        const char *lines;
        uint64_t length;
    } rows[] = {
        {OK "content-length: 0\n", 0},
        {OK "content-length: 0042\n", 42},
        {OK "content-length: 9223372036854775807\n", INT64_MAX},
        {OK "content-length: 5\nx: 1\ncontent-length: 05\n", 5},
    };
    hh_h2_head head;
    hh__h2_head_init(&head);
    for (size_t i = 0; i < HH_COUNT_OF(rows); i++) {
        assert_int_equal(read_block(&head, HH_H2_BLOCK_HEAD, rows[i].lines), HH_OK);
        assert_true(head.content_length == rows[i].length);
        check_entries(&head, rows[i].lines);
    }
    assert_int_equal(read_block(&head, HH_H2_BLOCK_HEAD, OK), HH_OK);
    assert_true(head.content_length == NONE);
    hh__h2_head_finish(&head);
}

typedef struct refused {
    const char *lines;
    const char *problem;
} refused;

static void check_refused(hh_h2_block block, const refused *rows, size_t count)
{
    hh_h2_head head;
    hh__h2_head_init(&head);
    for (size_t i = 0; i < count; i++) {
        if (read_block(&head, block, rows[i].lines) != HH_ERR_PROTOCOL)
            fail_msg("not refused: %s", rows[i].lines);
        assert_string_equal(head.problem, rows[i].problem);
    }
    hh__h2_head_finish(&head);
}

static void test_refused_pseudo_fields(void **state)
{
    (void)state;
    static const char bad[] = "a :status that isn't three digits from 100 on";
    static const refused heads[] = {
        {"", "a head without :status"},
        {"a: 1\n", "a field before :status"},
        {"a: 1\n" OK, "a field before :status"},
        {OK OK, "a second :status"},
        {OK "a: 1\n" OK, "a second :status"},
        {OK ":path: /\n", "a pseudo-field other than :status"},
        {":method: GET\n" OK, "a pseudo-field other than :status"},
        {":Status: 200\n", "a pseudo-field other than :status"},
        {":: 200\n", "a pseudo-field other than :status"},
        {":status: 101\n", "status 101, which HTTP/2 doesn't have"},
        {":status: \n", bad},
        {":status: 20\n", bad},
        {":status: 2000\n", bad},
        {":status: 099\n", bad},
        {":status: 2x0\n", bad},
        {":status: +20\n", bad},
        {":status: 20 \n", bad},
        {":status:  20\n", bad},
    };
    static const refused trailers[] = {
        {OK, "a pseudo-field in trailers"},
        {"a: 1\n:path: /\n", "a pseudo-field in trailers"},
    };
    check_refused(HH_H2_BLOCK_HEAD, heads, HH_COUNT_OF(heads));
    check_refused(HH_H2_BLOCK_TRAILERS, trailers, HH_COUNT_OF(trailers));
}

static void test_refused_fields(void **state)
{
    (void)state;
    static const char hop[] = "a field of HTTP/1 connections";
    static const refused heads[] = {
        {OK "connection: close\n", hop},
        {OK "keep-alive: timeout=5\n", hop},
        {OK "proxy-connection: close\n", hop},
        {OK "transfer-encoding: chunked\n", hop},
        {OK "upgrade: h2c\n", hop},
        {OK "te: gzip\n", "TE with something else than trailers"},
        {OK "content-length: \n", "a Content-Length that is no number"},
        {OK "content-length: +5\n", "a Content-Length that is no number"},
        {OK "content-length: 5 5\n", "a Content-Length that is no number"},
        {OK "content-length: 0x5\n", "a Content-Length that is no number"},
        {OK "content-length: 5, 5\n", "a Content-Length that is no number"},
        {OK "content-length: 9223372036854775808\n", "a Content-Length over 2^63-1"},
        {OK "content-length: 99999999999999999999999\n", "a Content-Length over 2^63-1"},
        {OK "content-length: 5\ncontent-length: 6\n", "Content-Lengths that differ"},
    };
    static const refused trailers[] = {
        {"connection: close\n", hop},
        {"a: 1\ntransfer-encoding: chunked\n", hop},
    };
    check_refused(HH_H2_BLOCK_HEAD, heads, HH_COUNT_OF(heads));
    check_refused(HH_H2_BLOCK_TRAILERS, trailers, HH_COUNT_OF(trailers));
}

/* Of what a name and a value may not hold; RFC 9113 §8.2.1. */
static void test_characters(void **state)
{
    (void)state;
    static const char name[] = "a field name that isn't one";
    static const char space[] = "a field value with white space around it";
    static const char control[] = "a control character in a field value";
    static const refused rows[] = {
        {"Name: 1\n", name},
        {"nAme: 1\n", name},
        {"namE: 1\n", name},

        {": 1\n", name},
        {"na me: 1\n", name},
        {"name : 1\n", name},
        {"na:me: 1\n", name},
        {"na\rme: 1\n", name},
        {"n\xc3\xa4me: 1\n", name},
        {"name:  1\n", space},
        {"name: 1 \n", space},
        {"name: \t1\n", space},
        {"name: 1\t\n", space},
        {"name:  \n", space},
        {"name: a\rb\n", control},
        {"name: a\r\n", control},
        {"name: \rb\n", control},
        {"name: \x01\n", control},
        {"name: a\x7f\n", control},
        {"a: 1\nname: \x1f"
         "b\nb: 2\n",
         control},
    };
    check_refused(HH_H2_BLOCK_TRAILERS, rows, HH_COUNT_OF(rows));
}

static void expect_field(hh_slice name, hh_slice value, hh_status wanted)
{
    hh_h2_head head;
    hh__h2_head_init(&head);
    hh__h2_head_begin(&head, HH_H2_BLOCK_TRAILERS, HH_HEAD_MAX_BYTES, HH_HEAD_MAX_FIELDS);
    hh__h2_head_add(&head, name, value);
    hh__h2_head_add(&head, hh_slice_of("b"), hh_slice_of("2"));
    hh_status status = hh__h2_head_end(&head);
    if (status != wanted)
        fail_msg("name %d, value %d: %s", name.data[0], value.data[0], head.problem);
    hh__h2_head_finish(&head);
}

static void test_every_character(void **state)
{
    (void)state;
    for (int c = 0; c <= UINT8_MAX; c++) {
        const char text[] = {'x', (char)c, 'y'};
        const hh_slice in_the_middle = {text, sizeof(text)};
        bool is_name = hh__is_tchar((char)c) && (c < 'A' || c > 'Z');
        bool is_value = c == '\t' || (c >= ' ' && c != 0x7f);
        hh_status as_name = is_name ? HH_OK : HH_ERR_PROTOCOL;
        hh_status as_value = is_value ? HH_OK : HH_ERR_PROTOCOL;
        expect_field(in_the_middle, hh_slice_of("1"), as_name);
        expect_field(hh_slice_of("a"), in_the_middle, as_value);
        if (c != ':') /* which makes a pseudo-field of it */
            expect_field((hh_slice){text + 1, 1}, hh_slice_of("1"), as_name);
        if (c != ' ' && c != '\t')
            expect_field(hh_slice_of("a"), (hh_slice){text + 1, 1}, as_value);
    }
}

/* A block with a fault can be read on to its end, and says the first fault. */
static void test_a_fault_sticks_until_the_next_block(void **state)
{
    (void)state;
    hh_h2_head head;
    hh__h2_head_init(&head);
    assert_int_equal(read_block(&head, HH_H2_BLOCK_HEAD, OK "a: 1\nupgrade: x\n" OK "b: 2\n"),
                     HH_ERR_PROTOCOL);
    assert_string_equal(head.problem, "a field of HTTP/1 connections");
    assert_int_equal(head.fields.count, 1);
    assert_string_equal(head.text.data, OK_TEXT "a: 1\r\n");
    expect_text(&head, HH_H2_BLOCK_HEAD, OK "b: 2\n", OK_TEXT "b: 2\r\n\r\n");
    hh__h2_head_finish(&head);
}

static hh_status read_bounded(hh_h2_head *head, hh_h2_block block, const char *lines,
                              uint32_t max_bytes)
{
    hh__h2_head_begin(head, block, max_bytes, HH_HEAD_MAX_FIELDS);
    add_lines(head, lines);
    return hh__h2_head_end(head);
}

static void check_byte_limit(hh_h2_block block, const char *lines, const char *problem)
{
    hh_h2_head head;
    hh__h2_head_init(&head);
    assert_int_equal(read_block(&head, block, lines), HH_OK);
    uint32_t needed = (uint32_t)head.text.length;
    assert_int_equal(read_bounded(&head, block, lines, needed), HH_OK);
    for (uint32_t max_bytes = 0; max_bytes < needed; max_bytes++) {
        assert_int_equal(read_bounded(&head, block, lines, max_bytes), HH_ERR_HEADERS_TOO_LARGE);
        assert_string_equal(head.problem, problem);
        assert_true(head.text.length <= max_bytes);
    }
    hh__h2_head_finish(&head);
}

static void test_byte_limit(void **state)
{
    (void)state;
    check_byte_limit(HH_H2_BLOCK_HEAD, OK "a: 1\nsome: thing\n",
                     "a response head over its size limit");
    check_byte_limit(HH_H2_BLOCK_TRAILERS, "a: 1\nsome: thing\n", "trailers over their size limit");
}

static void test_field_limit(void **state)
{
    (void)state;
    hh_h2_head head;
    hh__h2_head_init(&head);
    hh__h2_head_begin(&head, HH_H2_BLOCK_HEAD, HH_HEAD_MAX_BYTES, 3);
    add_lines(&head, OK "a: 1\nb: 2\nc: 3\n");
    assert_int_equal(head.failure, HH_OK);
    add_lines(&head, "d: 4\n");
    assert_int_equal(hh__h2_head_end(&head), HH_ERR_HEADERS_TOO_LARGE);
    assert_string_equal(head.problem, "too many fields");
    assert_int_equal(head.fields.count, 3);
    assert_string_equal(head.text.data, OK_TEXT "a: 1\r\nb: 2\r\nc: 3\r\n");
    hh__h2_head_finish(&head);
}

static void test_long_names(void **state)
{
    (void)state;
    static char name[UINT16_MAX + 1];
    memset(name, 'n', sizeof(name));
    hh_h2_head head;
    hh__h2_head_init(&head);
    hh__h2_head_begin(&head, HH_H2_BLOCK_TRAILERS, 1u << 20, HH_TRAILER_MAX_FIELDS);
    hh__h2_head_add(&head, (hh_slice){name, UINT16_MAX}, hh_slice_of("v"));
    assert_int_equal(head.failure, HH_OK);
    assert_int_equal(hh__entry_name(&head.fields.entries[0], head.text.data).length, UINT16_MAX);
    hh__h2_head_add(&head, (hh_slice){name, UINT16_MAX + 1}, hh_slice_of("v"));
    assert_int_equal(hh__h2_head_end(&head), HH_ERR_HEADERS_TOO_LARGE);
    assert_string_equal(head.problem, "a field name over 65535 bytes");
    hh__h2_head_finish(&head);
}

/* An HPACK bomb: a large field in the table of the compressor, then a byte on the wire for each
 * time it is said again. Nothing grows past the limit. */
static void test_hpack_bomb(void **state)
{
    (void)state;
    static char value[4000];
    memset(value, 'v', sizeof(value));
    hh_h2_head head;
    hh__h2_head_init(&head);
    hh__h2_head_begin(&head, HH_H2_BLOCK_HEAD, HH_HEAD_MAX_BYTES, HH_HEAD_MAX_FIELDS);
    add_lines(&head, OK);
    for (int i = 0; i < 16384; i++)
        hh__h2_head_add(&head, hh_slice_of("x"), (hh_slice){value, sizeof(value)});
    assert_int_equal(hh__h2_head_end(&head), HH_ERR_HEADERS_TOO_LARGE);
    assert_true(head.text.capacity <= HH_HEAD_MAX_BYTES + 1);

    /* The same of nothing but names. */
    hh__h2_head_begin(&head, HH_H2_BLOCK_HEAD, HH_HEAD_MAX_BYTES, HH_HEAD_MAX_FIELDS);
    add_lines(&head, OK);
    for (int i = 0; i < 16384; i++)
        hh__h2_head_add(&head, hh_slice_of("x"), hh_slice_of(""));
    assert_int_equal(hh__h2_head_end(&head), HH_ERR_HEADERS_TOO_LARGE);
    assert_int_equal(head.fields.count, HH_HEAD_MAX_FIELDS);
    hh__h2_head_finish(&head);
}

static void add_many(hh_h2_head *head, unsigned count, size_t value_length)
{
    static char value[8192];
    memset(value, 'v', sizeof(value));
    for (unsigned i = 0; i < count; i++)
        hh__h2_head_add(head, hh_slice_of("name"), (hh_slice){value, value_length});
}

static hh_status read_many(hh_h2_head *head, unsigned count, size_t value_length)
{
    hh__h2_head_begin(head, HH_H2_BLOCK_HEAD, HH_HEAD_MAX_BYTES, HH_HEAD_MAX_FIELDS);
    add_lines(head, OK);
    add_many(head, count, value_length);
    return hh__h2_head_end(head);
}

static void test_small_memory_is_kept(void **state)
{
    (void)state;
    hh_h2_head head;
    hh__h2_head_init(&head);
    assert_int_equal(read_many(&head, 50, 30), HH_OK);
    alloc_fail_count_start();
    for (int i = 0; i < 10; i++)
        assert_int_equal(read_many(&head, 50, 30), HH_OK);
    assert_int_equal(alloc_fail_count(), 0);
    hh__h2_head_finish(&head);
}

static void test_large_memory_is_given_back(void **state)
{
    (void)state;
    hh_h2_head head;
    hh__h2_head_init(&head);
    assert_int_equal(read_many(&head, 1, 8000), HH_OK);
    assert_true(head.text.capacity > HH_H2_HEAD_KEPT_BYTES);
    hh__h2_head_begin(&head, HH_H2_BLOCK_HEAD, HH_HEAD_MAX_BYTES, HH_HEAD_MAX_FIELDS);
    assert_int_equal(head.text.capacity, 0);

    hh__h2_head_begin(&head, HH_H2_BLOCK_TRAILERS, HH_HEAD_MAX_BYTES, 1000);
    add_many(&head, 300, 0);
    assert_int_equal(hh__h2_head_end(&head), HH_OK);
    assert_true(head.fields.capacity * sizeof(hh_field_entry) > HH_H2_HEAD_KEPT_BYTES);
    hh__h2_head_begin(&head, HH_H2_BLOCK_HEAD, HH_HEAD_MAX_BYTES, HH_HEAD_MAX_FIELDS);
    assert_int_equal(head.fields.capacity, HH_FIELDS_INLINE);
    hh__h2_head_finish(&head);
}

static const char *const much_alike[] = {
    OK "server: a\ncontent-length: 130\ndate: now\n",
    OK "server: a\ncontent-length: 131\ndate: now\n",
    OK "server: a\ncontent-length: 130\ndate: then, which is later\n",
    OK "server: a\n",
    OK "server: a\ncontent-length: 130\ndate: now\nvia: b\nx: \n",
    OK "serve: aa\ncontent-length: 130\n",
    OK "content-length: 130\nserver: a\n",
    OK "server: a\ncontent-length: 130\ncontent-length: 130\n",
    OK "server: a\ncontent-length: 130\ncontent-length: 131\n",
    OK "server: a\nconnection: close\n",
    OK "server: a\ndate: \x01\n",
    OK,
    ":status: 404\nserver: a\ncontent-length: 130\ndate: now\n",
    ":status: 100\n",
    "server: a\n",
};

static void check_same(const hh_h2_head *head, const hh_h2_head *other)
{
    assert_int_equal(head->failure, other->failure);
    if (head->failure != HH_OK)
        return;
    assert_int_equal(head->status, other->status);
    assert_int_equal(head->content_length, other->content_length);
    assert_int_equal(head->text.length, other->text.length);
    assert_memory_equal(head->text.data, other->text.data, head->text.length);
    assert_int_equal(head->fields.count, other->fields.count);
    assert_memory_equal(head->fields.entries, other->fields.entries,
                        head->fields.count * sizeof *head->fields.entries);
}

/* What a head is doesn't depend on the heads before it, also where one of them broke off. */
static void test_heads_after_heads(void **state)
{
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(much_alike); i++) {
        hh_h2_head alone;
        hh__h2_head_init(&alone);
        read_block(&alone, HH_H2_BLOCK_HEAD, much_alike[i]);
        for (size_t before = 0; before < 4 * HH_COUNT_OF(much_alike); before++) {
            const char *lines = much_alike[before / 4];
            hh_h2_head head;
            hh__h2_head_init(&head);
            read_block(&head, HH_H2_BLOCK_HEAD, lines);
            if (before % 4 == 1)
                read_block(&head, HH_H2_BLOCK_TRAILERS, "x-sum: 0123456789abcdef0123456789\n");
            if (before % 4 >= 2) { /* never comes to its end */
                hh__h2_head_begin(&head, HH_H2_BLOCK_HEAD, HH_HEAD_MAX_BYTES, HH_HEAD_MAX_FIELDS);
                add_lines(&head, before % 4 == 2 ? OK "server: a\ndate: \x02\n" : lines);
            }
            read_block(&head, HH_H2_BLOCK_HEAD, much_alike[i]);
            check_same(&head, &alone);
            hh__h2_head_finish(&head);
        }
        hh__h2_head_finish(&alone);
    }
}

static void test_every_failed_allocation(void **state)
{
    (void)state;
    uint64_t nth = 1;
    for (;; nth++) {
        hh_h2_head head;
        hh__h2_head_init(&head);
        alloc_fail_at(nth);
        hh_status status = read_many(&head, 100, 40);
        alloc_fail_off();
        if (alloc_fail_hits() == 0) {
            assert_int_equal(status, HH_OK);
            hh__h2_head_finish(&head);
            break;
        }
        assert_int_equal(status, HH_ERR_NO_MEMORY);
        assert_string_equal(head.problem, "out of memory for fields");
        expect_text(&head, HH_H2_BLOCK_HEAD, OK "a: 1\n", OK_TEXT "a: 1\r\n\r\n");
        hh__h2_head_finish(&head);
    }
    assert_true(nth > 5); /* text and entries grew both */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_trailers),
        cmocka_unit_test(test_content_length),
        cmocka_unit_test(test_refused_pseudo_fields),
        cmocka_unit_test(test_refused_fields),
        cmocka_unit_test(test_characters),
        cmocka_unit_test(test_every_character),
        cmocka_unit_test(test_a_fault_sticks_until_the_next_block),
        cmocka_unit_test(test_byte_limit),
        cmocka_unit_test(test_field_limit),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_hpack_bomb),
        cmocka_unit_test(test_small_memory_is_kept),
        cmocka_unit_test(test_large_memory_is_given_back),
        cmocka_unit_test(test_heads_after_heads),
        cmocka_unit_test(test_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
