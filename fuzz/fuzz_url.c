/*
 * fuzz_url.c - any bytes as a URL, and as a reference to a base.
 *
 * The input is one text, or two with a line feed between: the base and the reference. What parses
 * must hold what url_internal.h promises of an hh_url; what doesn't must leave a sentence without
 * controls.
 */

#include "base/ascii.h"
#include "base/limits.h"
#include "base/memory.h"
#include "codec/url.h"
#include "fuzz_target.h"

static void check_printable(hh_slice text)
{
    for (size_t i = 0; i < text.length; i++)
        CHECK(text.data[i] > ' ' && text.data[i] < 0x7F);
}

/* The parts, set side by side with their marks, are the text. */
static void check_parts(const hh_url *url)
{
    hh_slice text = hh_url_text(url);
    hh_slice authority = hh__url_authority(url);
    hh_slice target = hh__url_target(url);
    hh_slice host = hh_url_host(url);
    check_printable(text);
    CHECK(text.length <= HH_URL_MAX_BYTES);
    CHECK(host.length > 0 && authority.length >= host.length);
    CHECK(target.length > 0 && target.data[0] == '/');
    CHECK(authority.data + authority.length == target.data);
    CHECK(hh_url_port(url) != 0 || authority.length > host.length);
    CHECK(memchr(host.data, '@', host.length) == NULL);
    CHECK(memchr(host.data, '%', host.length) == NULL);
    hh_slice fragment = hh_url_fragment(url);
    CHECK(fragment.data + fragment.length == text.data + text.length);
    hh_slice path = hh_url_path(url);
    CHECK(memchr(path.data, '?', path.length) == NULL);
    CHECK(memchr(path.data, '#', path.length) == NULL);
}

static hh_url *parse(hh_slice text, const hh_url *base)
{
    hh_url *url = NULL;
    hh_error error = {0};
    hh_status status = hh_url_parse(text, base, &url, &error);
    if (status == HH_OK)
        return url;
    CHECK(url == NULL && error.code == status && error.message[0] != '\0');
    for (const char *at = error.message; *at != '\0'; at++)
        CHECK((unsigned char)*at >= ' ' && *at != 0x7F);
    return NULL;
}

static void check_same_text(const hh_url *a, const hh_url *b)
{
    CHECK(hh__slice_equal(hh_url_text(a), hh_url_text(b)));
    CHECK(hh__url_same_origin(a, b));
}

static void check_copies(const hh_url *url)
{
    hh_url *bare = NULL;
    CHECK(hh__url_without_userinfo(url, &bare) == HH_OK);
    check_parts(bare);
    CHECK(!hh__url_has_userinfo(bare));
    CHECK(hh__url_same_origin(url, bare));
    CHECK(hh__slice_equal(hh__url_safe_text(url), hh__url_safe_text(bare)));
    hh_url *again = parse(hh_url_text(bare), NULL);
    CHECK(again != NULL);
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
    CHECK(again != NULL);
    check_same_text(url, again);
    hh_url_destroy(again);
    /* A URL is the same against any base. */
    again = parse(hh_url_text(url), url);
    CHECK(again != NULL);
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
