/*
 * The identity of an origin: whatever affects trust or routing makes another key, whatever doesn't
 * leaves it alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/pool_key.h"
#include "codec/url.h"

typedef struct variant {
    const char *name;
    hh_client_options options;
    const char *url;
    unsigned questions;
} variant;

static char *key_of(const variant *from, size_t *length)
{
    hh_settings settings;
    hh_error error;
    hh_url *url = NULL;
    hh_bytes key;
    if (hh__settings_init(&settings, &from->options, &error) != HH_OK)
        fail_msg("%s: %s", from->name, error.message);
    assert_int_equal(hh_url_parse(hh_slice_of(from->url), NULL, &url, &error), HH_OK);
    hh__bytes_init(&key, 1 << 20);
    hh__pool_key_append(&key, &settings, url, from->questions);
    assert_int_equal(key.status, HH_OK);
    char *copy = malloc(key.length + 1);
    assert_non_null(copy);
    memcpy(copy, key.data, key.length);
    *length = key.length;
    hh__bytes_finish(&key);
    hh_url_destroy(url);
    hh__settings_finish(&settings);
    return copy;
}

static int same(const variant *a, const variant *b)
{
    size_t a_length, b_length;
    char *a_key = key_of(a, &a_length), *b_key = key_of(b, &b_length);
    int result = a_length == b_length && memcmp(a_key, b_key, a_length) == 0;
    free(a_key);
    free(b_key);
    return result;
}

#define SIZED .size = sizeof(hh_client_options)

static const variant base = {"base", HH_CLIENT_OPTIONS_INIT, "https://example.org/a?b", 0};

static void test_each_field_makes_another_key(void **state)
{
    (void)state;
    static const hh_client_options plain = HH_CLIENT_OPTIONS_INIT;
    const variant variants[] = {
        base,
        {"scheme", plain, "http://example.org:443/a?b", 0},
        {"host", plain, "https://example.com/a?b", 0},
        {"port", plain, "https://example.org:444/a?b", 0},
        {"unix_socket", {SIZED, .unix_socket = "/tmp/s"}, base.url, 0},
        {"unix_socket 2", {SIZED, .unix_socket = "/tmp/t"}, base.url, 0},
        {"local_address", {SIZED, .local_address = "127.0.0.1"}, base.url, 0},
        {"local_address 2", {SIZED, .local_address = "127.0.0.2"}, base.url, 0},
        {"verify", {SIZED, .tls = {.verify = HH_OFF}}, base.url, 0},
        {"ca_file", {SIZED, .tls = {.ca_file = "/a.pem"}}, base.url, 0},
        {"ca_file 2", {SIZED, .tls = {.ca_file = "/b.pem"}}, base.url, 0},
        {"ca_directory", {SIZED, .tls = {.ca_directory = "/a.pem"}}, base.url, 0},
        {"ca_pem", {SIZED, .tls = {.ca_pem = "/a.pem"}}, base.url, 0},
        {"ca_pem 2", {SIZED, .tls = {.ca_pem = "/b.pem"}}, base.url, 0},
        {"cert_file", {SIZED, .tls = {.cert_file = "/a.pem"}}, base.url, 0},
        {"key_file", {SIZED, .tls = {.cert_file = "/a.pem", .key_file = "/k"}}, base.url, 0},
        {"key_password",
         {SIZED, .tls = {.cert_file = "/a.pem", .key_file = "/k", .key_password = "x"}},
         base.url,
         0},
        {"min_version", {SIZED, .tls = {.min_version = HH_TLS_1_3}}, base.url, 0},
        {"questions", plain, base.url, HH_ASK_RESOLVE},
        {"http1 off", {SIZED, .http1 = HH_OFF}, base.url, 0},
        {"http2 off", {SIZED, .http2 = HH_OFF}, base.url, 0},
        {"plain", plain, "http://example.org/a?b", 0},
        {"plain h2", {SIZED, .http2_prior_knowledge = HH_ON}, "http://example.org/a?b", 0},
    };
    size_t count = sizeof variants / sizeof variants[0];
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++)
            if (same(&variants[i], &variants[j]) != (i == j))
                fail_msg("%s and %s", variants[i].name, variants[j].name);
}

/* The boundary between two parts can't be moved. */
static void test_parts_do_not_run_together(void **state)
{
    (void)state;
    const variant one = {"one", {SIZED, .unix_socket = "/a1:b"}, "http://h/", 0};
    const variant two = {"two", {SIZED, .unix_socket = "/a"}, "http://h/", 0};
    const variant three = {
        "three", {SIZED, .unix_socket = "/a", .local_address = "::1"}, "http://h/", 0};
    assert_false(same(&one, &two));
    assert_false(same(&two, &three));
}

static void test_the_rest_leaves_it_alone(void **state)
{
    (void)state;
    const variant others[] = {
        {"path", HH_CLIENT_OPTIONS_INIT, "https://EXAMPLE.org:443/other#f", 0},
        {"redirects", {SIZED, .redirects = HH_REDIRECTS_MANUAL}, base.url, HH_ASK_REDIRECT},
        {"numbers", {SIZED, .max_connections = 3, .keepalive_expiry_ms = 5}, base.url, 0},
        {"agent", {SIZED, .user_agent = "x"}, base.url, 0},
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (!same(&base, &others[i]))
            fail_msg("%s", others[i].name);
    /* TLS settings are nothing to plain connections. */
    const variant plain = {"plain", HH_CLIENT_OPTIONS_INIT, "http://h/", 0};
    const variant lax = {"lax", {SIZED, .tls = {.verify = HH_OFF}}, "http://h/", 0};
    assert_true(same(&plain, &lax));
    /* Nor is ALPN; and how a plain connection comes to speak HTTP/2 is all the same. */
    const variant no_http2 = {"no http2", {SIZED, .http2 = HH_OFF}, "http://h/", 0};
    const variant known = {"known", {SIZED, .http2_prior_knowledge = HH_ON}, "http://h/", 0};
    const variant only = {"only", {SIZED, .http1 = HH_OFF}, "http://h/", 0};
    assert_true(same(&plain, &no_http2));
    assert_true(same(&known, &only));
    assert_false(same(&plain, &known));
    const variant keen = {"keen", {SIZED, .http2_prior_knowledge = HH_ON}, base.url, 0};
    assert_true(same(&base, &keen));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_field_makes_another_key),
        cmocka_unit_test(test_parts_do_not_run_together),
        cmocka_unit_test(test_the_rest_leaves_it_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
