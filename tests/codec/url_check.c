/* url_check.c - see url_check.h. */
#include "url_check.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"

void assert_slice_at(hh_slice slice, const char *text, int line)
{
    if (!hh__slice_is(slice, text))
        fail_msg("line %d: \"%.*s\" is not \"%s\"", line, HH_SLICE_ARGS(slice), text);
}

hh_url *parse_url(const char *text)
{
    hh_url *url = NULL;
    hh_error error = {0};
    hh_status status = hh_url_parse(hh_slice_of(text), NULL, &url, &error);
    if (status != HH_OK)
        fail_msg("\"%s\": %s: %s", text, hh_status_name(status), error.message);
    return url;
}

void parse_fails(hh_slice text, const hh_url *base, hh_status status, hh_error *error)
{
    hh_url *url = NULL;
    memset(error, 0, sizeof(*error));
    assert_int_equal(hh_url_parse(text, base, &url, error), status);
    assert_null(url);
    assert_int_equal(error->code, status);
    assert_int_equal(error->phase, HH_PHASE_NONE);
    for (const char *at = error->message; *at != '\0'; at++)
        assert_true((unsigned char)*at >= ' ' && *at != 0x7F);
}

void check_invariants(const hh_url *url)
{
    hh_slice text = hh_url_text(url);
    for (size_t i = 0; i < text.length; i++)
        assert_true(text.data[i] > ' ' && text.data[i] < 0x7F);
    hh_slice query = hh_url_query(url);
    hh_slice fragment = hh_url_fragment(url);
    hh_slice username = hh_url_username(url);
    hh_slice password = hh_url_password(url);
    hh_slice target = hh__url_target(url);
    char again[2048];
    bool has_query = target.length > hh_url_path(url).length;
    bool has_fragment = target.data + target.length < text.data + text.length;
    snprintf(again, sizeof(again), "%.*s://%.*s%s%.*s%s%.*s%.*s%s%.*s%s%.*s",
             HH_SLICE_ARGS(hh_url_scheme(url)), HH_SLICE_ARGS(username),
             password.length != 0 ? ":" : "", HH_SLICE_ARGS(password),
             hh__url_has_userinfo(url) ? "@" : "", HH_SLICE_ARGS(hh__url_authority(url)),
             HH_SLICE_ARGS(hh_url_path(url)), has_query ? "?" : "", HH_SLICE_ARGS(query),
             has_fragment ? "#" : "", HH_SLICE_ARGS(fragment));
    assert_slice(text, again);
    hh_slice host = hh_url_host(url);
    char authority[512];
    snprintf(authority, sizeof(authority), "%.*s", HH_SLICE_ARGS(host));
    uint16_t standard = hh__url_is_secure(url) ? 443 : 80;
    if (hh_url_port(url) != standard)
        snprintf(authority + host.length, sizeof(authority) - host.length, ":%u",
                 (unsigned)hh_url_port(url));
    assert_slice(hh__url_authority(url), authority);
    char safe[2048];
    snprintf(safe, sizeof(safe), "%.*s://%s%.*s", HH_SLICE_ARGS(hh_url_scheme(url)), authority,
             HH_SLICE_ARGS(target));
    assert_slice(hh__url_safe_text(url), safe);
}

void check_idempotent(const hh_url *url)
{
    hh_url *base = parse_url("wss://other.example:1/a/b?c#d");
    for (int round = 0; round < 2; round++) {
        hh_url *again = NULL;
        assert_int_equal(hh_url_parse(hh_url_text(url), round == 0 ? NULL : base, &again, NULL),
                         HH_OK);
        assert_true(hh__slice_equal(hh_url_text(url), hh_url_text(again)));
        assert_true(hh__url_same_origin(url, again));
        hh_url_destroy(again);
    }
    hh_url_destroy(base);
}
