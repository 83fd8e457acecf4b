/* Tests of policy/redirect as tables: RFC 9110 §15.4 and what follows credentials, schemes, loops.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/limits.h"
#include "base/memory.h"
#include "policy/redirect.h"
#include "support/alloc_fail.h"

static hh_url *parse(const char *text)
{
    hh_url *url = NULL;
    assert_int_equal(hh_url_parse(hh_slice_of(text), NULL, &url, NULL), HH_OK);
    return url;
}

static hh_redirect_input input_of(int status, const char *method, const hh_url *url,
                                  const char *location)
{
    hh_redirect_input input = {.status = status,
                               .method = hh_slice_of(method),
                               .url = url,
                               .location = hh_slice_of(location),
                               .max = 20};
    return input;
}

static const hh_redirect_plan untouched = {HH_REDIRECT_FOLLOW, NULL, HH_METHOD_GET, HH_BODY_DROP,
                                           HH_CREDENTIALS_DROP};

static void assert_untouched(const hh_redirect_plan *plan)
{
    assert_int_equal(plan->kind, untouched.kind);
    assert_null(plan->url);
    assert_int_equal(plan->method, untouched.method);
    assert_int_equal(plan->body, untouched.body);
    assert_int_equal(plan->credentials, untouched.credentials);
}

static hh_redirect_plan decide(const hh_redirect_input *input)
{
    hh_redirect_plan plan = untouched;
    hh_error error = {.code = HH_OK};
    assert_int_equal(hh__decide_redirect(input, &plan, &error), HH_OK);
    assert_int_equal(error.code, HH_OK);
    if (plan.kind == HH_REDIRECT_NONE)
        assert_null(plan.url);
    else
        assert_non_null(plan.url);
    return plan;
}

static hh_error decide_failing(const hh_redirect_input *input, hh_status status)
{
    hh_redirect_plan plan = untouched;
    hh_error error = {.code = HH_OK};
    assert_int_equal(hh__decide_redirect(input, &plan, &error), status);
    assert_int_equal(hh__decide_redirect(input, &plan, NULL), status);
    assert_untouched(&plan);
    assert_int_equal(error.code, status);
    assert_int_equal(error.phase, HH_PHASE_REDIRECT);
    assert_int_not_equal(error.message[0], '\0');
    return error;
}

static void assert_url(const hh_url *url, const char *text)
{
    hh_slice got = hh_url_text(url);
    assert_int_equal(got.length, strlen(text));
    assert_memory_equal(got.data, text, got.length);
}

static void test_method_and_body(void **state)
{
    static const struct {
        int status;
        const char *method;
        hh_redirect_method method_plan;
        hh_redirect_body body;
    } cases[] = {
        {301, "GET", HH_METHOD_KEEP, HH_BODY_KEEP},
        {301, "HEAD", HH_METHOD_KEEP, HH_BODY_KEEP},
        {301, "POST", HH_METHOD_GET, HH_BODY_DROP},
        {301, "PUT", HH_METHOD_KEEP, HH_BODY_KEEP},
        {301, "DELETE", HH_METHOD_KEEP, HH_BODY_KEEP},
        {301, "PATCH", HH_METHOD_KEEP, HH_BODY_KEEP},
        {301, "post", HH_METHOD_KEEP, HH_BODY_KEEP},
        {302, "GET", HH_METHOD_KEEP, HH_BODY_KEEP},
        {302, "HEAD", HH_METHOD_KEEP, HH_BODY_KEEP},
        {302, "POST", HH_METHOD_GET, HH_BODY_DROP},
        {302, "PUT", HH_METHOD_KEEP, HH_BODY_KEEP},
        {303, "GET", HH_METHOD_GET, HH_BODY_DROP},
        {303, "HEAD", HH_METHOD_KEEP, HH_BODY_DROP},
        {303, "POST", HH_METHOD_GET, HH_BODY_DROP},
        {303, "PUT", HH_METHOD_GET, HH_BODY_DROP},
        {303, "DELETE", HH_METHOD_GET, HH_BODY_DROP},
        {303, "PROPFIND", HH_METHOD_GET, HH_BODY_DROP},
        {307, "GET", HH_METHOD_KEEP, HH_BODY_KEEP},
        {307, "POST", HH_METHOD_KEEP, HH_BODY_KEEP},
        {307, "PUT", HH_METHOD_KEEP, HH_BODY_KEEP},
        {307, "HEAD", HH_METHOD_KEEP, HH_BODY_KEEP},
        {308, "GET", HH_METHOD_KEEP, HH_BODY_KEEP},
        {308, "POST", HH_METHOD_KEEP, HH_BODY_KEEP},
        {308, "PATCH", HH_METHOD_KEEP, HH_BODY_KEEP},
    };
    hh_url *url = parse("http://a.test/x");
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(cases); i++) {
        hh_redirect_input input = input_of(cases[i].status, cases[i].method, url, "/y");
        hh_redirect_plan plan = decide(&input);
        assert_int_equal(plan.kind, HH_REDIRECT_FOLLOW);
        assert_int_equal(plan.method, cases[i].method_plan);
        assert_int_equal(plan.body, cases[i].body);
        assert_int_equal(plan.credentials, HH_CREDENTIALS_KEEP);
        assert_url(plan.url, "http://a.test/y");
        hh_url_destroy(plan.url);
    }
    hh_url_destroy(url);
}

static void test_answers_like_any_other(void **state)
{
    static const int statuses[] = {101, 200, 201, 204, 299, 300, 304, 305, 306, 309, 399, 400, 503};
    static const int redirects[] = {301, 302, 303, 307, 308};
    static const char *const nowhere[] = {NULL, "", " ", "\t"};
    hh_url *url = parse("https://a.test/");
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(statuses); i++) {
        hh_redirect_input input = input_of(statuses[i], "GET", url, "ftp://bad");
        input.max = 0;
        assert_int_equal(decide(&input).kind, HH_REDIRECT_NONE);
    }
    for (size_t i = 0; i < HH_COUNT_OF(redirects); i++) {
        for (size_t j = 0; j < HH_COUNT_OF(nowhere); j++) {
            hh_redirect_input input = input_of(redirects[i], "POST", url, nowhere[j]);
            hh_redirect_plan plan = decide(&input);
            assert_int_equal(plan.kind, HH_REDIRECT_NONE);
            assert_int_equal(plan.method, HH_METHOD_KEEP);
            assert_int_equal(plan.body, HH_BODY_KEEP);
            assert_int_equal(plan.credentials, HH_CREDENTIALS_KEEP);
        }
    }
    hh_url_destroy(url);
}

static void test_location_is_resolved(void **state)
{
    static const struct {
        const char *from;
        const char *location;
        const char *to;
    } cases[] = {
        {"http://a.test/b/c?q", "/y", "http://a.test/y"},
        {"http://a.test/b/c?q", "y", "http://a.test/b/y"},
        {"http://a.test/b/c?q", "../../y", "http://a.test/y"},
        {"http://a.test/b/c?q", "?z=1", "http://a.test/b/c?z=1"},
        {"http://a.test/b/c?q", "//b.test/y", "http://b.test/y"},
        {"http://a.test/b/c?q", " http://b.test \t", "http://b.test/"},
        {"http://a.test:8080/", "/y", "http://a.test:8080/y"},
        {"http://a.test/", "HTTP://B.TEST:80/y z", "http://b.test/y%20z"},
        {"http://a.test/", "\\\\b.test\\y", "http://b.test/y"},
        {"http://a.test/", "http:y", "http://a.test/y"},
        {"http://a.test/", "https:y", "https://y/"},
        {"http://a.test/", "http://0x7f.1/", "http://127.0.0.1/"},
        /* RFC 9110 §10.2.2: the fragment goes along unless there is another. */
        {"http://a.test/b#top", "/y", "http://a.test/y#top"},
        {"http://a.test/b#top", "http://b.test/y", "http://b.test/y#top"},
        {"http://a.test/b#top", "/y#own", "http://a.test/y#own"},
        {"http://a.test/b", "/y#own", "http://a.test/y#own"},
        {"http://a.test/b#top", "#own", "http://a.test/b#own"},
        /* Bytes beyond ASCII: UTF-8, or any. */
        {"http://a.test/", "/\xc3\xa9?\xe2\x82\xac", "http://a.test/%C3%A9?%E2%82%AC"},
        {"http://a.test/", "/\xe9t\xe9?\xff", "http://a.test/%E9t%E9?%FF"},
        {"http://a.test/", "/\xc3", "http://a.test/%C3"},
        {"http://a.test/", "/\xc0\xaf", "http://a.test/%C0%AF"},
        {"http://a.test/", "/\xed\xa0\x80", "http://a.test/%ED%A0%80"},
        {"http://a.test/", "/\xf4\x90\x80\x80", "http://a.test/%F4%90%80%80"},
        {"http://a.test/",
         "http://b\xc3\xbc"
         "cher.test/",
         "http://xn--bcher-kva.test/"},
    };
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(cases); i++) {
        hh_url *url = parse(cases[i].from);
        hh_redirect_input input = input_of(302, "GET", url, cases[i].location);
        hh_redirect_plan plan = decide(&input);
        assert_int_equal(plan.kind, HH_REDIRECT_FOLLOW);
        assert_url(plan.url, cases[i].to);
        hh_url_destroy(plan.url);
        hh_url_destroy(url);
    }
}

static void test_invalid_location(void **state)
{
    static const char *const locations[] = {"http://",
                                            "http://[::1",
                                            "http://a b/",
                                            "http://a.test:99999/",
                                            "//%00/",
                                            "http://\xff/",
                                            "http://\xfcnique.test/",
                                            "http://a<b/"};
    hh_url *url = parse("http://user:secret@a.test/path-secret?query-secret");
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(locations); i++) {
        hh_redirect_input input = input_of(301, "GET", url, locations[i]);
        hh_error error = decide_failing(&input, HH_ERR_PROTOCOL);
        assert_non_null(strstr(error.message, "http://a.test"));
        assert_non_null(strstr(error.message, "301"));
        assert_null(strstr(error.message, "secret"));
    }
    hh_url_destroy(url);
}

static void test_too_long_location(void **state)
{
    char *text = hh__malloc(HH_URL_MAX_BYTES + 1);
    hh_url *url = parse("http://a.test/");
    (void)state;
    assert_non_null(text);
    memset(text, 'a', HH_URL_MAX_BYTES + 1);
    hh_redirect_input input = input_of(301, "GET", url, "");
    input.location = (hh_slice){text, HH_URL_MAX_BYTES + 1};
    (void)decide_failing(&input, HH_ERR_PROTOCOL);
    memset(text, '\xff', HH_URL_MAX_BYTES / 2);
    input.location.length = HH_URL_MAX_BYTES / 2;
    (void)decide_failing(&input, HH_ERR_PROTOCOL);
    hh_url_destroy(url);
    hh__free(text);
}

static void test_other_schemes_are_refused(void **state)
{
    static const char *const locations[] = {"ftp://b.test/",    "file:///etc/passwd",
                                            "scp://b.test/x",   "gopher://b.test/",
                                            "data:text/html,x", "javascript:alert(1)",
                                            "mailto:x@b.test",  "ws://b.test/",
                                            "wss://b.test/",    "FILE:///C:/Windows/System",
                                            "about:blank",      "unix:/run/docker.sock"};
    static const int statuses[] = {301, 302, 303, 307, 308};
    hh_url *url = parse("https://a.test/");
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(locations); i++) {
        hh_redirect_input input =
            input_of(statuses[i % HH_COUNT_OF(statuses)], "GET", url, locations[i]);
        input.downgrade = HH_REDIRECT_DOWNGRADE_ALLOW;
        hh_error error = decide_failing(&input, HH_ERR_REDIRECT_REFUSED);
        assert_non_null(strstr(error.message, "https://a.test"));
        assert_non_null(strstr(error.message, "http and https") != NULL
                            ? strstr(error.message, "http and https")
                            : strstr(error.message, "neither http nor https"));
    }
    hh_url_destroy(url);
    url = parse("ws://a.test/");
    hh_redirect_input input = input_of(301, "GET", url, "/elsewhere");
    (void)decide_failing(&input, HH_ERR_REDIRECT_REFUSED);
    hh_url_destroy(url);
}

static void test_downgrade(void **state)
{
    static const char *const locations[] = {"http://a.test/", "http://a.test:443/",
                                            "http://b.test/", "HTTP://A.TEST", "http:\\\\a.test"};
    hh_url *url = parse("https://user:secret@a.test/path-secret?query-secret");
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(locations); i++) {
        hh_redirect_input input = input_of(307, "GET", url, locations[i]);
        hh_error error = decide_failing(&input, HH_ERR_REDIRECT_REFUSED);
        assert_non_null(strstr(error.message, "from https://a.test"));
        assert_non_null(strstr(error.message, "to http://"));
        assert_non_null(strstr(error.message, "downgrade"));
        assert_null(strstr(error.message, "secret"));

        input.downgrade = HH_REDIRECT_DOWNGRADE_ALLOW;
        hh_redirect_plan plan = decide(&input);
        assert_int_equal(plan.credentials, HH_CREDENTIALS_DROP);
        hh_url_destroy(plan.url);
    }
    hh_url_destroy(url);
}

static void test_upgrade_is_fine(void **state)
{
    hh_url *url = parse("http://a.test/");
    hh_redirect_input input = input_of(301, "GET", url, "https://a.test/");
    hh_redirect_plan plan = decide(&input);
    (void)state;
    assert_url(plan.url, "https://a.test/");
    assert_int_equal(plan.credentials, HH_CREDENTIALS_DROP);
    hh_url_destroy(plan.url);
    hh_url_destroy(url);
}

static void test_redirects_are_counted(void **state)
{
    static const struct {
        unsigned followed;
        unsigned max;
        hh_status status;
    } cases[] = {
        {0, 0, HH_ERR_TOO_MANY_REDIRECTS},   {0, 1, HH_OK},
        {1, 1, HH_ERR_TOO_MANY_REDIRECTS},   {19, 20, HH_OK},
        {20, 20, HH_ERR_TOO_MANY_REDIRECTS}, {21, 20, HH_ERR_TOO_MANY_REDIRECTS},
    };
    hh_url *url = parse("http://a.test/loop");
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(cases); i++) {
        hh_redirect_input input = input_of(302, "GET", url, "/loop");
        input.followed = cases[i].followed;
        input.max = cases[i].max;
        if (cases[i].status == HH_OK) {
            hh_url_destroy(decide(&input).url);
            continue;
        }
        hh_error error = decide_failing(&input, cases[i].status);
        assert_non_null(strstr(error.message, "max_redirects"));
    }
    hh_url_destroy(url);
}

static void test_credentials_stay_with_their_origin(void **state)
{
    static const struct {
        const char *from;
        const char *location;
        hh_redirect_credentials credentials;
    } cases[] = {
        {"https://a.test/x", "/y", HH_CREDENTIALS_KEEP},
        {"https://a.test/x", "https://a.test/y", HH_CREDENTIALS_KEEP},
        {"https://a.test/x", "https://A.TEST:443/y", HH_CREDENTIALS_KEEP},
        {"https://a.test:8443/x", "/y", HH_CREDENTIALS_KEEP},
        {"http://127.0.0.1/", "http://0x7f.1/", HH_CREDENTIALS_KEEP},
        {"https://a.test/x", "https://b.test/y", HH_CREDENTIALS_DROP},
        {"https://a.test/x", "//b.test/y", HH_CREDENTIALS_DROP},
        {"https://a.test/x", "https://a.test:8443/y", HH_CREDENTIALS_DROP},
        {"https://a.test:8443/x", "https://a.test/y", HH_CREDENTIALS_DROP},
        {"https://a.test/x", "https://sub.a.test/y", HH_CREDENTIALS_DROP},
        {"https://sub.a.test/x", "https://a.test/y", HH_CREDENTIALS_DROP},
        {"https://a.test/x", "https://a.test./y", HH_CREDENTIALS_DROP},
        {"https://a.test/x", "https://a.test.evil.test/y", HH_CREDENTIALS_DROP},
        {"https://a.test/x", "https://a.test@b.test/y", HH_CREDENTIALS_DROP},
        {"https://a.test/x", "https://b.test\\@a.test/y", HH_CREDENTIALS_DROP},
        {"https://a.test/x", "https:\\\\b.test/", HH_CREDENTIALS_DROP},
        {"http://a.test/x", "https://a.test/y", HH_CREDENTIALS_DROP},
        {"http://a.test:443/x", "https://a.test/y", HH_CREDENTIALS_DROP},
        {"https://a.test/x", "http://a.test/y", HH_CREDENTIALS_DROP},
        {"https://[::1]/x", "https://[::2]/y", HH_CREDENTIALS_DROP},
    };
    static const int statuses[] = {301, 302, 303, 307, 308};
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(cases); i++) {
        for (size_t j = 0; j < HH_COUNT_OF(statuses); j++) {
            hh_url *url = parse(cases[i].from);
            hh_redirect_input input = input_of(statuses[j], "GET", url, cases[i].location);
            input.downgrade = HH_REDIRECT_DOWNGRADE_ALLOW;
            hh_redirect_plan plan = decide(&input);
            assert_int_equal(plan.credentials, cases[i].credentials);
            hh_url_destroy(plan.url);
            hh_url_destroy(url);
        }
    }
}

static void test_user_info_is_never_taken_over(void **state)
{
    static const struct {
        const char *from;
        const char *location;
        const char *to;
    } cases[] = {
        {"http://a.test/", "http://user:word@a.test/y", "http://a.test/y"},
        {"http://a.test/", "http://user:word@b.test/y", "http://b.test/y"},
        {"http://a.test/", "//user@b.test/y#z", "http://b.test/y#z"},
        {"http://a.test/#top", "http://user@b.test/y", "http://b.test/y#top"},
        {"http://me:word@a.test/", "/y", "http://a.test/y"},
        {"http://me:word@a.test/", "//b.test/", "http://b.test/"},
    };
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(cases); i++) {
        hh_url *url = parse(cases[i].from);
        hh_redirect_input input = input_of(302, "GET", url, cases[i].location);
        hh_redirect_plan plan = decide(&input);
        assert_url(plan.url, cases[i].to);
        assert_int_equal(hh_url_username(plan.url).length, 0);
        assert_int_equal(hh_url_password(plan.url).length, 0);
        hh_url_destroy(plan.url);
        hh_url_destroy(url);
    }
}

static bool is_dropped(const char *name, const hh_redirect_plan *plan)
{
    return hh__is_field_dropped_on_redirect(hh_slice_of(name), plan);
}

static const char *const credential_names[] = {
    "Authorization", "authorization", "AUTHORIZATION", "aUtHoRiZaTiOn", "Cookie",
    "cookie",        "COOKIE",        "Cookie2",       "Host",          "hOsT"};
static const char *const body_names[] = {"Content-Type",
                                         "content-length",
                                         "CONTENT-ENCODING",
                                         "Content-Language",
                                         "content-Location",
                                         "Content-MD5",
                                         "Content-Range",
                                         "Content-Disposition",
                                         "Transfer-Encoding",
                                         "transfer-encoding",
                                         "Expect",
                                         "EXPECT",
                                         "Trailer",
                                         "Digest",
                                         "repr-digest",
                                         "Last-Modified"};
static const char *const other_names[] = {"Accept",
                                          "Accept-Encoding",
                                          "User-Agent",
                                          "X-Content-Type",
                                          "Content",
                                          "Contents-Type",
                                          "Cookies",
                                          "Authorizatio",
                                          "Range",
                                          "If-None-Match",
                                          "X-Authorization",
                                          "",
                                          "TE",
                                          "Via"};

static void test_dropped_fields(void **state)
{
    (void)state;
    for (int credentials = HH_CREDENTIALS_KEEP; credentials <= HH_CREDENTIALS_DROP; credentials++) {
        for (int body = HH_BODY_KEEP; body <= HH_BODY_DROP; body++) {
            hh_redirect_plan plan = {HH_REDIRECT_FOLLOW, NULL, HH_METHOD_KEEP,
                                     (hh_redirect_body)body, (hh_redirect_credentials)credentials};
            for (size_t i = 0; i < HH_COUNT_OF(credential_names); i++)
                assert_int_equal(is_dropped(credential_names[i], &plan),
                                 credentials == HH_CREDENTIALS_DROP);
            for (size_t i = 0; i < HH_COUNT_OF(body_names); i++)
                assert_int_equal(is_dropped(body_names[i], &plan), body == HH_BODY_DROP);
            for (size_t i = 0; i < HH_COUNT_OF(other_names); i++)
                assert_false(is_dropped(other_names[i], &plan));
            assert_true(is_dropped("Proxy-Authorization", &plan));
            assert_true(is_dropped("proxy-AUTHORIZATION", &plan));
        }
    }
    hh_redirect_plan none = {HH_REDIRECT_NONE, NULL, HH_METHOD_KEEP, HH_BODY_DROP,
                             HH_CREDENTIALS_DROP};
    assert_false(is_dropped("Authorization", &none));
    assert_false(is_dropped("Proxy-Authorization", &none));
    assert_false(is_dropped("Content-Type", &none));
}

/* Away, on, and back to the first origin: what was dropped on the way stays dropped. */
static void test_several_hops(void **state)
{
    static const struct {
        int status;
        const char *location;
        hh_redirect_credentials credentials;
        hh_redirect_body body;
    } hops[] = {
        {307, "/step", HH_CREDENTIALS_KEEP, HH_BODY_KEEP},
        {307, "https://b.test/", HH_CREDENTIALS_DROP, HH_BODY_KEEP},
        {308, "/more", HH_CREDENTIALS_DROP, HH_BODY_KEEP},
        {303, "https://a.test/", HH_CREDENTIALS_DROP, HH_BODY_DROP},
        {307, "/end", HH_CREDENTIALS_DROP, HH_BODY_DROP},
    };
    hh_url *url = parse("https://a.test/");
    hh_redirect_plan plan = {0};
    const char *method = "POST";
    (void)state;
    for (unsigned i = 0; i < HH_COUNT_OF(hops); i++) {
        hh_redirect_input input = input_of(hops[i].status, method, url, hops[i].location);
        input.followed = i;
        input.body = plan.body;
        input.credentials = plan.credentials;
        plan = decide(&input);
        assert_int_equal(plan.credentials, hops[i].credentials);
        assert_int_equal(plan.body, hops[i].body);
        assert_int_equal(is_dropped("Authorization", &plan),
                         hops[i].credentials == HH_CREDENTIALS_DROP);
        assert_int_equal(is_dropped("Content-Length", &plan), hops[i].body == HH_BODY_DROP);
        if (plan.method == HH_METHOD_GET)
            method = "GET";
        hh_url_destroy(url);
        url = plan.url;
    }
    assert_string_equal(method, "GET");
    assert_url(url, "https://a.test/end");
    hh_url_destroy(url);
}

static void test_failed_allocations(void **state)
{
    hh_url *url = parse("http://a.test/#top");
    hh_redirect_input input = input_of(302, "GET", url, "http://user:word@b.test/\xff");
    uint64_t nth = 1;
    (void)state;
    for (;; nth++) {
        hh_redirect_plan plan = untouched;
        hh_error error = {.code = HH_OK};
        alloc_fail_at(nth);
        hh_status status = hh__decide_redirect(&input, &plan, &error);
        alloc_fail_off();
        if (alloc_fail_hits() == 0) {
            assert_int_equal(status, HH_OK);
            assert_url(plan.url, "http://b.test/%FF#top");
            hh_url_destroy(plan.url);
            break;
        }
        assert_int_equal(status, HH_ERR_NO_MEMORY);
        assert_int_equal(error.code, HH_ERR_NO_MEMORY);
        assert_untouched(&plan);
    }
    assert_true(nth > 4);
    hh_url_destroy(url);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_method_and_body),
        cmocka_unit_test(test_answers_like_any_other),
        cmocka_unit_test(test_location_is_resolved),
        cmocka_unit_test(test_invalid_location),
        cmocka_unit_test(test_too_long_location),
        cmocka_unit_test(test_other_schemes_are_refused),
        cmocka_unit_test(test_downgrade),
        cmocka_unit_test(test_upgrade_is_fine),
        cmocka_unit_test(test_redirects_are_counted),
        cmocka_unit_test(test_credentials_stay_with_their_origin),
        cmocka_unit_test(test_user_info_is_never_taken_over),
        cmocka_unit_test(test_dropped_fields),
        cmocka_unit_test(test_several_hops),
        cmocka_unit_test(test_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
