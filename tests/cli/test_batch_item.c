/*
 * test_batch_item.c - lines of a list: URLs, JSON, and what is neither.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "batch_item.h"

static batch_item *parse(const char *line, hh_status wanted, const char *sentence)
{
    batch_item *item = NULL;
    cli_text problem = {0};
    assert_int_equal(batch_item_parse(hh_slice_of(line), &item, &problem), wanted);
    if (sentence != NULL)
        assert_non_null(strstr(cli_text_string(&problem), sentence));
    cli_text_finish(&problem);
    return item;
}

static void check_url(const char *line, const char *url)
{
    batch_item *item = parse(line, HH_OK, NULL);
    assert_string_equal(item->url, url);
    assert_null(item->method);
    assert_null(item->id);
    assert_false(item->has_body);
    batch_item_destroy(item);
}

static void reads_text(void **state)
{
    (void)state;
    check_url("http://example.org/a", "http://example.org/a");
    check_url("  https://example.org/a b \r", "https://example.org/a b");
    check_url("example.org/x", "http://example.org/x");
    check_url("localhost:8080", "http://localhost:8080");
    check_url("127.0.0.1:80/", "http://127.0.0.1:80/");
    check_url("http:example", "http:example");
    check_url("ftp://example.org/", "ftp://example.org/");
}

static void refuses_what_is_no_url(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *sentence;
    } cases[] = {
        {"not a url", "\"not a url\" is not a URL: it has no scheme"},
        {"not-a-url/with/path.html", "\"not-a-url/with/path.html\" is not a URL: "},
        {"{\"url\":\"hello\"}", "\"hello\" is not a URL: "},
        {"{\"url\":\"\"}", "\"\" is not a URL: it is empty"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        batch_item_destroy(parse(cases[i].line, HH_ERR_INVALID_URL, cases[i].sentence));
    batch_item *item = parse("mailto", HH_ERR_INVALID_URL, NULL);
    assert_string_equal(batch_item_typed_url(item), "mailto");
    batch_item_destroy(item);
    item = parse("a.b/c d", HH_OK, NULL);
    assert_string_equal(item->url, "http://a.b/c d");
    assert_string_equal(batch_item_typed_url(item), "a.b/c d");
    batch_item_destroy(item);
    item = NULL;
    cli_text problem = {0};
    hh_slice line = {"http://h/\0x", 11};
    assert_int_equal(batch_item_parse(line, &item, &problem), HH_ERR_INVALID_URL);
    batch_item_destroy(item);
    cli_text_finish(&problem);
}

static void knows_blank_lines(void **state)
{
    (void)state;
    assert_true(batch_line_is_blank(hh_slice_of("")));
    assert_true(batch_line_is_blank(hh_slice_of(" \t\r")));
    assert_true(batch_line_is_blank(hh_slice_of("# comment")));
    assert_false(batch_line_is_blank(hh_slice_of("x # y")));
}

static void reads_json(void **state)
{
    (void)state;
    batch_item *item = parse(
        " {\"url\":\"http://h/\",\"method\":\"PUT\",\"id\":\"\\u00e9\\\"\",\"body\":\"x\\ny\","
        "\"headers\":{\"A\":\"1\",\"B\":[\"2\",\"3\"],\"C\":null},\"extra\":true}",
        HH_OK, NULL);
    assert_string_equal(item->url, "http://h/");
    assert_string_equal(item->method, "PUT");
    assert_string_equal(item->id, "\"\xC3\xA9\\\"\"");
    assert_string_equal(cli_text_string(&item->body), "x\ny");
    assert_int_equal(item->fields.count, 4);
    assert_string_equal(item->fields.fields[2].name, "B");
    assert_string_equal(item->fields.fields[2].value, "3");
    assert_int_equal(item->fields.fields[3].action, CLI_FIELD_REMOVE);
    batch_item_destroy(item);

    item = parse("{\"url\":\"http://h/\",\"id\":-12,\"body\":{\"a\":[1]}}", HH_OK, NULL);
    assert_string_equal(item->method, "POST");
    assert_string_equal(item->id, "-12");
    assert_string_equal(cli_text_string(&item->body), "{\"a\":[1]}");
    assert_true(cli_fields_has(&item->fields, "Content-Type"));
    batch_item_destroy(item);

    item = parse("{\"url\":\"http://h/\",\"body\":null,\"headers\":null,\"id\":null}", HH_OK, NULL);
    assert_null(item->method);
    assert_false(item->has_body);
    batch_item_destroy(item);
}

static void refuses_bad_json(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *sentence;
    } cases[] = {
        {"{", "no JSON"},
        {"{\"url\":\"http://h/\"} x", "no JSON"},
        {"{}", "\"url\" is missing"},
        {"{\"url\":5}", "\"url\" is missing"},
        {"{\"url\":\"http://h/\",\"headers\":[]}", "\"headers\""},
        {"{\"url\":\"http://h/\",\"headers\":{\"a\":1}}", "\"headers\""},
        {"{\"url\":\"http://h/\",\"headers\":{\"a\":[\"b\",1]}}", "\"headers\""},
        {"{\"url\":\"http://h/\",\"method\":1}", "\"method\""},
        {"{\"url\":\"http://h/\",\"method\":\"\"}", "\"method\""},
        {"{\"url\":\"http://h/\",\"id\":1.5}", "\"id\""},
        {"{\"url\":\"http://h/\\u0000\"}", "no JSON"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        batch_item_destroy(parse(cases[i].line, HH_ERR_INVALID_ARGUMENT, cases[i].sentence));
    batch_item *item = parse("{\"id\":\"known\",\"url\":7}", HH_ERR_INVALID_ARGUMENT, NULL);
    assert_string_equal(item->id, "\"known\"");
    batch_item_destroy(item);
}

static cli_hash key_of(const char *line)
{
    batch_item *item = parse(line, HH_OK, NULL);
    cli_hash key = batch_item_key(item);
    batch_item_destroy(item);
    return key;
}

static void keys_tell_items_apart(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "http://h/a",
        "http://h/b",
        "{\"url\":\"http://h/a\",\"id\":\"http://h/a\"}",
        "{\"url\":\"http://h/a\",\"method\":\"POST\"}",
        "{\"url\":\"http://h/a\",\"method\":\"POST\",\"body\":\"1\"}",
        "{\"url\":\"http://h/a\",\"method\":\"POST\",\"body\":\"2\"}",
        "{\"url\":\"http://h/a\",\"headers\":{\"x\":\"1\"}}",
        "{\"url\":\"http://h/a\",\"headers\":{\"x\":\"2\"}}",
    };
    const size_t count = sizeof(lines) / sizeof(lines[0]);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count; k++) {
            cli_hash a = key_of(lines[i]);
            cli_hash b = key_of(lines[k]);
            assert_int_equal(a.low == b.low && a.high == b.high, i == k);
        }
    }
    cli_hash text = key_of("http://h/a");
    cli_hash json = key_of("{\"url\":\"http://h/a\"}");
    assert_true(text.low == json.low && text.high == json.high);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_text),        cmocka_unit_test(refuses_what_is_no_url),
        cmocka_unit_test(knows_blank_lines), cmocka_unit_test(reads_json),
        cmocka_unit_test(refuses_bad_json),  cmocka_unit_test(keys_tell_items_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
