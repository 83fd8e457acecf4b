/* Tests of URLs as values: sentences of failures, copies, shares, failed allocations. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "support/alloc_fail.h"
#include "url_check.h"

/* Sentences. */

static void check_message(const char *text, hh_status status, const char *message)
{
    hh_error error;
    parse_fails(hh_slice_of(text), NULL, status, &error);
    assert_string_equal(error.message, message);
}

static void test_messages(void **state)
{
    (void)state;
    check_message("example.com/x", HH_ERR_INVALID_URL,
                  "\"example.com/x\" is not a URL: it has no scheme; write http:// or https:// "
                  "before it");
    check_message("", HH_ERR_INVALID_URL, "\"\" is not a URL: it is empty");
    check_message(" \n", HH_ERR_INVALID_URL, "\"\" is not a URL: it is empty");
    check_message("ftp://h/", HH_ERR_UNSUPPORTED_PROTOCOL,
                  "the scheme \"ftp\" is not supported: URLs begin with http, https, ws or wss");
    check_message("localhost:80", HH_ERR_UNSUPPORTED_PROTOCOL,
                  "the scheme \"localhost\" is not supported: URLs begin with http, https, ws or "
                  "wss; if it is a host, write http:// or https:// before it");
    check_message("http://", HH_ERR_INVALID_URL, "\"http://\" is not a URL: it has no host");
    check_message("http://h:65536/", HH_ERR_INVALID_URL,
                  "\"http://h:65536/\" is not a URL: its port \"65536\" is over 65535");
    check_message("http://h:x/", HH_ERR_INVALID_URL,
                  "\"http://h:x/\" is not a URL: its port \"x\" is not a number");
    check_message("http://a b/", HH_ERR_INVALID_URL,
                  "\"http://a b/\" is not a URL: its host \"a b\" has a character that no host may "
                  "have");
    check_message("http://[1::2::3]/", HH_ERR_INVALID_URL,
                  "\"http://[1::2::3]/\" is not a URL: its host \"[1::2::3]\" is not a valid IPv6 "
                  "address");
    check_message("http://1.2.3.256/", HH_ERR_INVALID_URL,
                  "\"http://1.2.3.256/\" is not a URL: its host \"1.2.3.256\" ends in a number but "
                  "is not a valid IPv4 address");
    check_message("http://xn--a/", HH_ERR_INVALID_URL,
                  "\"http://xn--a/\" is not a URL: its host \"xn--a\" is not a valid "
                  "internationalized domain name");
}

static void test_messages_hide_user_info(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "http://user:hunter2@",
        "http://user:hunter2@h:x/",
        "http://user:hunter2@a b/",
        "http://user:hunter2@:80/",
        "http://hunter2@/",
        "http:user:hunter2@/",
        "http:\\\\user:hunter2@a b",
        "http//user:hunter2@h/",
        "//user:hunter2@h/",
        "user.name:hunter2@h/",
        "hunter2:x@h",
        "hunter2@h",
        " http://user:hunter2@h:99999/",
        "ht\ntp://user:hun\tter2@a b",
        "1http://user:hunter2@h",
        "http://user:x/hunter2@h",
        "http://user:x?hunter2@h",
        "http://user:x#hunter2@h",
        "http://user:hunter2/@h",
        "http://user:p@hunter2:x@h y",
        "ftp://user:hunter2@h/",
        "see http://user:hunter2@h/",
    };
    for (size_t i = 0; i < HH_COUNT_OF(texts); i++) {
        hh_url *url = NULL;
        hh_error error = {0};
        assert_int_not_equal(hh_url_parse(hh_slice_of(texts[i]), NULL, &url, &error), HH_OK);
        if (strstr(error.message, "hunter2") != NULL || strstr(error.message, "user:x") != NULL)
            fail_msg("%s: %s", texts[i], error.message);
    }
    check_message("https://me:secret@h:x/", HH_ERR_INVALID_URL,
                  "\"https://[redacted]@h:x/\" is not a URL: its port \"x\" is not a number");
    check_message("http://user:se/cret@h", HH_ERR_INVALID_URL,
                  "\"http://[redacted]@h\" is not a URL: its port \"[redacted]\" is not a number");
}

static void test_messages_are_clean(void **state)
{
    (void)state;
    check_message("a\x01\x1b[31m\x7f", HH_ERR_INVALID_URL,
                  "\"a%01%1B[31m%7F\" is not a URL: it has no scheme; write http:// or https:// "
                  "before it");
    check_message("\xC3\xA9\xC2\x85\xFF\xE2\x80\xAE", HH_ERR_INVALID_URL,
                  "\"\xC3\xA9%C2%85%FF%E2%80%AE\" is not a URL: it has no scheme; write http:// or "
                  "https:// before it");
    hh_error error;
    char text[4096];
    memset(text, 'x', sizeof(text));
    parse_fails((hh_slice){text, sizeof(text)}, NULL, HH_ERR_INVALID_URL, &error);
    assert_non_null(strstr(error.message, "xxx...\" is not a URL: it has no scheme"));
    memcpy(text, "http://", 7);
    text[1000] = ' ';
    parse_fails((hh_slice){text, sizeof(text)}, NULL, HH_ERR_INVALID_URL, &error);
    assert_non_null(strstr(error.message, "has a character that no host may have"));
    for (int byte = 0; byte < 256; byte++) {
        char one[] = {'q', (char)byte, 'q'};
        parse_fails((hh_slice){one, sizeof(one)}, NULL,
                    byte == ':' ? HH_ERR_UNSUPPORTED_PROTOCOL : HH_ERR_INVALID_URL, &error);
    }
}

/* Copies and shares. */

static void test_userinfo_decoded(void **state)
{
    (void)state;
    char *username = NULL;
    char *password = NULL;
    hh_url *url = parse_url("http://us%40er:p%3a%C3%A4 %zz%@h/");
    assert_int_equal(hh__url_userinfo_decoded(url, &username, &password), HH_OK);
    assert_string_equal(username, "us@er");
    assert_string_equal(password, "p:\xC3\xA4 %zz%");
    hh__free(username);
    hh__free(password);
    hh_url_destroy(url);
    url = parse_url("http://h/");
    assert_int_equal(hh__url_userinfo_decoded(url, &username, &password), HH_OK);
    assert_string_equal(username, "");
    assert_string_equal(password, "");
    hh__free(username);
    hh__free(password);
    hh_url_destroy(url);
    username = NULL;
    url = parse_url("http://u:a%00b@h/");
    assert_int_equal(hh__url_userinfo_decoded(url, &username, &password), HH_ERR_INVALID_URL);
    assert_null(username);
    hh_url_destroy(url);
}

static void test_same_origin(void **state)
{
    (void)state;
    static const struct {
        const char *a;
        const char *b;
        bool same;
    } rows[] = {
        {"http://h/", "http://h/x?y#z", true}, {"http://h/", "http://u:p@h:80/", true},
        {"http://H/", "http://h/", true},      {"http://127.1/", "http://0x7f000001/", true},
        {"http://h/", "https://h/", false},    {"http://h:443/", "https://h:443/", false},
        {"http://h/", "ws://h/", false},       {"http://h/", "http://h:81/", false},
        {"http://h/", "http://h./", false},    {"http://h/", "http://hh/", false},
        {"http://a.h/", "http://h/", false},
    };
    for (size_t i = 0; i < HH_COUNT_OF(rows); i++) {
        hh_url *a = parse_url(rows[i].a);
        hh_url *b = parse_url(rows[i].b);
        if (hh__url_same_origin(a, b) != rows[i].same || hh__url_same_origin(b, a) != rows[i].same)
            fail_msg("%s and %s", rows[i].a, rows[i].b);
        hh_url_destroy(a);
        hh_url_destroy(b);
    }
}

static void test_without_userinfo(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"http://u:p@h:81/a?b#c", "http://h:81/a?b#c"},
        {"https://:p@h/", "https://h/"},
        {"ws://u@[::1]/?#", "ws://[::1]/?#"},
        {"http://h/a", "http://h/a"},
    };
    for (size_t i = 0; i < HH_COUNT_OF(rows); i++) {
        hh_url *url = parse_url(rows[i][0]);
        hh_url *bare = NULL;
        assert_int_equal(hh__url_without_userinfo(url, &bare), HH_OK);
        assert_slice(hh_url_text(bare), rows[i][1]);
        assert_false(hh__url_has_userinfo(bare));
        assert_slice(hh_url_username(bare), "");
        check_invariants(bare);
        assert_true(hh__url_same_origin(url, bare));
        assert_slice(hh_url_text(url), rows[i][0]);
        hh_url_destroy(url);
        hh_url_destroy(bare);
    }
}

static void test_with_fragment(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"http://u:p@h/a?b", "c", "http://u:p@h/a?b#c"},
        {"http://h/", "a b`", "http://h/#a%20b%60"},
        {"http://h/", "%20", "http://h/#%20"},
        {"http://h/#own", "c", "http://h/#own"},
        {"http://h/#", "c", "http://h/#"},
        {"http://h/", "", "http://h/"},
    };
    for (size_t i = 0; i < HH_COUNT_OF(rows); i++) {
        hh_url *url = parse_url(rows[i][0]);
        hh_url *with = NULL;
        assert_int_equal(hh__url_with_fragment(url, hh_slice_of(rows[i][1]), &with), HH_OK);
        assert_slice(hh_url_text(with), rows[i][2]);
        check_invariants(with);
        check_idempotent(with);
        hh_url_destroy(url);
        hh_url_destroy(with);
    }
    hh_url *url = parse_url("http://h/");
    hh_url *with = NULL;
    char *text = malloc(HH_URL_MAX_BYTES);
    assert_non_null(text);
    memset(text, 'a', HH_URL_MAX_BYTES);
    assert_int_equal(hh__url_with_fragment(url, (hh_slice){text, HH_URL_MAX_BYTES}, &with),
                     HH_ERR_LIMIT);
    memset(text, 0xFF, HH_URL_MAX_BYTES);
    assert_int_equal(hh__url_with_fragment(url, (hh_slice){text, HH_URL_MAX_BYTES}, &with),
                     HH_ERR_LIMIT);
    assert_null(with);
    free(text);
    hh_url_destroy(url);
}

static void *share(void *argument)
{
    for (int i = 0; i < 10000; i++)
        hh_url_destroy(hh__url_ref(argument));
    return NULL;
}

static void test_shares(void **state)
{
    (void)state;
    hh_url *url = parse_url("http://h/a");
    assert_ptr_equal(hh__url_ref(url), url);
    hh_url_destroy(url);
    assert_slice(hh_url_text(url), "http://h/a");
    pthread_t threads[4];
    for (size_t i = 0; i < HH_COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, share, url), 0);
    for (size_t i = 0; i < HH_COUNT_OF(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_slice(hh_url_text(url), "http://h/a");
    hh_url_destroy(url);
    hh_url_destroy(NULL);
}

/* The result belongs to nobody else: not to the input, not to the base. */
static void test_result_stands_alone(void **state)
{
    (void)state;
    char text[] = "https://u@h/a/b";
    hh_url *base = parse_url(text);
    memset(text, 'x', sizeof(text) - 1);
    hh_url *url = NULL;
    char reference[] = "../c";
    assert_int_equal(hh_url_parse(hh_slice_of(reference), base, &url, NULL), HH_OK);
    memset(reference, 'x', sizeof(reference) - 1);
    hh_url_destroy(base);
    assert_slice(hh_url_text(url), "https://u@h/c");
    hh_url_destroy(url);
}

static void test_empty_slice(void **state)
{
    (void)state;
    hh_error error;
    parse_fails((hh_slice){NULL, 0}, NULL, HH_ERR_INVALID_URL, &error);
    hh_url *base = parse_url("http://h/a#b");
    hh_url *url = NULL;
    assert_int_equal(hh_url_parse((hh_slice){NULL, 0}, base, &url, NULL), HH_OK);
    assert_slice(hh_url_text(url), "http://h/a");
    hh_url_destroy(url);
    hh_url_destroy(base);
}

/* Every prefix of a URL, each in memory that ends with it. */
static void test_prefixes(void **state)
{
    (void)state;
    static const char text[] =
        "htt\tps://u:p@b\xC3\xBC%63h.xn--p1ai:80/a/%2e%2E/\xF0\x9F\x98\x80?c'#d";
    for (size_t length = 0; length < sizeof(text); length++) {
        char *exact = malloc(length != 0 ? length : 1);
        assert_non_null(exact);
        memcpy(exact, text, length);
        hh_url *url = NULL;
        hh_error error;
        if (hh_url_parse((hh_slice){exact, length}, NULL, &url, &error) == HH_OK) {
            check_invariants(url);
            check_idempotent(url);
        }
        hh_url_destroy(url);
        free(exact);
    }
}

/* Failed allocations. */

typedef hh_status operation(hh_slice text, const hh_url *base, hh_url **out);

static hh_status run_parse(hh_slice text, const hh_url *base, hh_url **out)
{
    hh_error error = {0};
    hh_status status = hh_url_parse(text, base, out, &error);
    if (status == HH_ERR_NO_MEMORY)
        assert_string_equal(error.message, "out of memory while parsing a URL");
    return status;
}

static hh_status run_without_userinfo(hh_slice text, const hh_url *base, hh_url **out)
{
    (void)text;
    return hh__url_without_userinfo(base, out);
}

static hh_status run_with_fragment(hh_slice text, const hh_url *base, hh_url **out)
{
    return hh__url_with_fragment(base, text, out);
}

static hh_status run_userinfo(hh_slice text, const hh_url *base, hh_url **out)
{
    char *username;
    char *password;
    hh_status status = hh__url_userinfo_decoded(base, &username, &password);
    if (status != HH_OK)
        return status;
    hh__free(username);
    hh__free(password);
    return hh_url_parse(text, base, out, NULL);
}

/* Fails each allocation of `run` in turn; returns how many it has. */
static uint64_t fail_each(operation *run, hh_slice text, const hh_url *base)
{
    for (uint64_t nth = 1;; nth++) {
        hh_url *url = NULL;
        alloc_fail_at(nth);
        hh_status status = run(text, base, &url);
        alloc_fail_off();
        if (alloc_fail_hits() == 0) {
            assert_int_equal(status, HH_OK);
            check_invariants(url);
            hh_url_destroy(url);
            return nth - 1;
        }
        assert_int_equal(status, HH_ERR_NO_MEMORY);
        assert_null(url);
    }
}

static void test_failed_allocations(void **state)
{
    (void)state;
    hh_url *base = parse_url("https://user:pass@host:8443/a/b/c?q");
    /* The usual URL is one block. */
    assert_int_equal(fail_each(run_parse, hh_slice_of("http://127.0.0.1:8080/a/b?c=d"), NULL), 1);
    assert_int_equal(fail_each(run_parse, hh_slice_of("../d/./e?f#g"), base), 1);
    static const char *const texts[] = {
        "http://us er:p\xFF@b\xC3\xBCxcher.example/ \xF0\x9F\x98\x80 ' \" < > ` { } ^ | \xFF",
        "ht\ntp://h/a\tb",
        "//b%c3%bccher.\xE2\x98\x83.xn--n3h/../x",
        "http://user:pass@h/          ",
        "\n?\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\t#\xFE\xFE\xFE\xFEx",
    };
    for (size_t i = 0; i < HH_COUNT_OF(texts); i++)
        assert_true(fail_each(run_parse, hh_slice_of(texts[i]), base) >= 1);
    assert_int_equal(fail_each(run_without_userinfo, hh_slice_of(""), base), 1);
    assert_true(fail_each(run_with_fragment, hh_slice_of("x y"), base) >= 1);
    assert_true(fail_each(run_userinfo, hh_slice_of("x"), base) >= 3);
    hh_url_destroy(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_messages_hide_user_info),
        cmocka_unit_test(test_messages_are_clean),
        cmocka_unit_test(test_userinfo_decoded),
        cmocka_unit_test(test_same_origin),
        cmocka_unit_test(test_without_userinfo),
        cmocka_unit_test(test_with_fragment),
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_result_stands_alone),
        cmocka_unit_test(test_empty_slice),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
