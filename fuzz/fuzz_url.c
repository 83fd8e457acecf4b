/*
 * fuzz_url.c - any bytes as a URL, and as a reference to a base.
 *
 * The input is one text, or two with a line feed between: the base and the reference. What parses
 * must hold what url_internal.h promises of an hh_url; what doesn't must leave a sentence without
 * controls.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/ascii.h"
#include "base/limits.h"
#include "base/memory.h"
#include "codec/url.h"

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_printable(hh_slice text)
{
    for (size_t i = 0; i < text.length; i++)
        REQUIRE(text.data[i] > ' ' && text.data[i] < 0x7F);
}

/* The parts, set side by side with their marks, are the text. */
static void check_parts(const hh_url *url)
{
    hh_slice text = hh_url_text(url);
    hh_slice authority = hh__url_authority(url);
    hh_slice target = hh__url_target(url);
    hh_slice host = hh_url_host(url);
    check_printable(text);
    REQUIRE(text.length <= HH_URL_MAX_BYTES);
    REQUIRE(host.length > 0 && authority.length >= host.length);
    REQUIRE(target.length > 0 && target.data[0] == '/');
    REQUIRE(authority.data + authority.length == target.data);
    REQUIRE(hh_url_port(url) != 0 || authority.length > host.length);
    REQUIRE(memchr(host.data, '@', host.length) == NULL);
    REQUIRE(memchr(host.data, '%', host.length) == NULL);
    hh_slice fragment = hh_url_fragment(url);
    REQUIRE(fragment.data + fragment.length == text.data + text.length);
    hh_slice path = hh_url_path(url);
    REQUIRE(memchr(path.data, '?', path.length) == NULL);
    REQUIRE(memchr(path.data, '#', path.length) == NULL);
}

static hh_url *parse(hh_slice text, const hh_url *base)
{
    hh_url *url = NULL;
    hh_error error = {0};
    hh_status status = hh_url_parse(text, base, &url, &error);
    if (status == HH_OK)
        return url;
    REQUIRE(url == NULL && error.code == status && error.message[0] != '\0');
    for (const char *at = error.message; *at != '\0'; at++)
        REQUIRE((unsigned char)*at >= ' ' && *at != 0x7F);
    return NULL;
}

static void check_same_text(const hh_url *a, const hh_url *b)
{
    REQUIRE(hh__slice_equal(hh_url_text(a), hh_url_text(b)));
    REQUIRE(hh__url_same_origin(a, b));
}

static void check_copies(const hh_url *url)
{
    hh_url *bare = NULL;
    REQUIRE(hh__url_without_userinfo(url, &bare) == HH_OK);
    check_parts(bare);
    REQUIRE(!hh__url_has_userinfo(bare));
    REQUIRE(hh__url_same_origin(url, bare));
    REQUIRE(hh__slice_equal(hh__url_safe_text(url), hh__url_safe_text(bare)));
    hh_url *again = parse(hh_url_text(bare), NULL);
    REQUIRE(again != NULL);
    check_same_text(bare, again);
    hh_url_destroy(again);
    hh_url_destroy(bare);
    char *username;
    char *password;
    if (hh__url_userinfo_decoded(url, &username, &password) == HH_OK) {
        hh__free(username);
        hh__free(password);
    }
}

static void check_url(hh_url *url)
{
    check_parts(url);
    hh_url *again = parse(hh_url_text(url), NULL);
    REQUIRE(again != NULL);
    check_same_text(url, again);
    hh_url_destroy(again);
    /* A URL is the same against any base. */
    again = parse(hh_url_text(url), url);
    REQUIRE(again != NULL);
    check_same_text(url, again);
    hh_url_destroy(again);
    check_copies(url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hh_slice text = {(const char *)data, size};
    const char *feed = size != 0 ? memchr(data, '\n', size) : NULL;
    hh_slice first = {text.data, feed != NULL ? (size_t)(feed - text.data) : size};
    hh_url *base = parse(first, NULL);
    if (base != NULL)
        check_url(base);
    if (feed != NULL) {
        hh_slice second = {feed + 1, size - first.length - 1};
        hh_url *url = parse(second, base);
        if (url != NULL)
            check_url(url);
        hh_url_destroy(url);
    }
    hh_url_destroy(base);
    return 0;
}
