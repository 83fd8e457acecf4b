/*
 * test_h2_request.c - HTTP/1 heads as the fields HTTP/2 sends: a line "name: value" each, with '!'
 * before those that no compressor may keep.
 */
#include "conn/h2_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/memory.h"
#include "codec/h1_writer.h"
#include "conn/h2_internal.h"
#include "support/alloc_fail.h"

#define GET "GET / HTTP/1.1\r\nHost: a.test\r\n"
#define USUAL ":method: GET\n:scheme: https\n:authority: a.test\n:path: /\n"

static const hh_slice https = {"https", 5};

/* From memory of its exact size, which is gone before the fields are looked at. */
static hh_status create(hh_slice head, hh_slice scheme, hh_h2_request **out)
{
    char *exact = hh__malloc(head.length + scheme.length + 1);
    assert_non_null(exact);
    if (scheme.length != 0)
        memcpy(exact + 1, scheme.data, scheme.length);
    if (head.length != 0)
        memcpy(exact + 1 + scheme.length, head.data, head.length);
    hh_slice head_there = {exact + 1 + scheme.length, head.length};
    hh_slice scheme_there = {exact + 1, scheme.length};
    hh_status status = hh__h2_request_create(head_there, scheme_there, out);
    memset(exact, '#', head.length + scheme.length + 1);
    hh__free(exact);
    return status;
}

static void render(const hh_h2_request *request, hh_bytes *out)
{
    const unsigned usual = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
    for (size_t i = 0; i < request->count; i++) {
        const nghttp2_nv *field = &request->fields[i];
        assert_int_equal(field->flags & ~(unsigned)NGHTTP2_NV_FLAG_NO_INDEX, usual);
        if ((field->flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0)
            hh__bytes_append_char(out, '!');
        hh__bytes_append(out, field->name, field->namelen);
        hh__bytes_append_text(out, ": ");
        hh__bytes_append(out, field->value, field->valuelen);
        hh__bytes_append_char(out, '\n');
    }
    assert_int_equal(out->status, HH_OK);
}

static void expect_fields(hh_slice head, hh_slice scheme, const char *wanted)
{
    hh_h2_request *request = NULL;
    if (create(head, scheme, &request) != HH_OK)
        fail_msg("refused: %.*s", HH_SLICE_ARGS(head));
    hh_bytes text;
    hh__bytes_init(&text, SIZE_MAX);
    render(request, &text);
    assert_string_equal(text.data, wanted);
    hh__bytes_finish(&text);
    hh__h2_request_destroy(request);
}

static void expect_refused(hh_slice head, hh_slice scheme)
{
    static hh_h2_request untouched;
    hh_h2_request *request = &untouched;
    if (create(head, scheme, &request) != HH_ERR_INVALID_ARGUMENT)
        fail_msg("not refused: %.*s", HH_SLICE_ARGS(head));
    assert_ptr_equal(request, &untouched);
}

typedef struct row {
    const char *head; /* without the blank line */
    const char *fields;
} row;

static void check_rows(const row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        hh_bytes head;
        hh__bytes_init(&head, SIZE_MAX);
        hh__bytes_append_text(&head, rows[i].head);
        hh__bytes_append_text(&head, "\r\n");
        expect_fields(hh__bytes_slice(&head), https, rows[i].fields);
        hh__bytes_finish(&head);
    }
}

static void test_pseudo_fields(void **state)
{
    (void)state;
    static const row rows[] = {
        {GET, USUAL},
        {"PATCH /a/b?c=d%20e HTTP/1.1\r\nAccept: */*\r\nhOsT:  [::1]:8443 \r\n",
         ":method: PATCH\n:scheme: https\n:authority: [::1]:8443\n:path: /a/b?c=d%20e\n"
         "accept: */*\n"},
        {"OPTIONS * HTTP/1.1\r\nHost: a.test\r\n",
         ":method: OPTIONS\n:scheme: https\n:authority: a.test\n:path: *\n"},
        {"M-SEARCH // HTTP/1.1\r\nHost: a.test\r\n",
         ":method: M-SEARCH\n:scheme: https\n:authority: a.test\n:path: //\n"},
    };
    check_rows(rows, HH_COUNT_OF(rows));
    expect_fields(hh_slice_of(GET "\r\n"), hh_slice_of("http"),
                  ":method: GET\n:scheme: http\n:authority: a.test\n:path: /\n");
}

static void test_names_are_lowered_values_are_not(void **state)
{
    (void)state;
    static const row rows[] = {
        {GET "User-Agent: It/1 (Me)\r\nX-ALL_Caps.~!: ABC\r\n",
         USUAL "user-agent: It/1 (Me)\nx-all_caps.~!: ABC\n"},
        {GET "A: 1\r\nB: 2\r\na: 3\r\n", USUAL "a: 1\nb: 2\na: 3\n"},
        {GET "Empty:\r\nBlank: \t \r\nPadded: \t a b \t\r\nColon: a: b\r\n",
         USUAL "empty: \nblank: \npadded: a b\ncolon: a: b\n"},
        {GET "Bytes: \x80\xff\x01\r\n", USUAL "bytes: \x80\xff\x01\n"},
    };
    check_rows(rows, HH_COUNT_OF(rows));
}

static void test_fields_of_the_connection_are_left_out(void **state)
{
    (void)state;
    static const row rows[] = {
        {GET "Connection: close\r\nKeep-Alive: timeout=5\r\nproxy-connection: keep-alive\r\n"
             "TRANSFER-ENCODING: chunked\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
             "Accept: */*\r\n",
         USUAL "accept: */*\n"},
        {GET "X-Hop: 1\r\nX-Stay: 2\r\nConnection: close, x-HOP\r\nx-hop: 3\r\n",
         USUAL "x-stay: 2\n"},
        {GET "Connection: a\r\nA: 1\r\nB: 2\r\nC: 3\r\nConnection: ,, \t c ,\r\n", USUAL "b: 2\n"},
        {GET "A: b\r\nB: 1\r\nConnection: a\r\nX: y\r\n", USUAL "b: 1\nx: y\n"},
        {GET "Connection:\r\nA: 1\r\n", USUAL "a: 1\n"},
        {GET "X-Upgrade: 1\r\nKeep-Alives: 2\r\nHTTP2-Setting: 3\r\n",
         USUAL "x-upgrade: 1\nkeep-alives: 2\nhttp2-setting: 3\n"},
    };
    check_rows(rows, HH_COUNT_OF(rows));
}

static void test_te_says_trailers_or_nothing(void **state)
{
    (void)state;
    static const row rows[] = {
        {GET "TE: trailers\r\n", USUAL "te: trailers\n"},
        {GET "TE: trailers\r\nConnection: TE\r\n", USUAL "te: trailers\n"},
        {GET "te: gzip;q=0.5, TRAILERS, deflate\r\n", USUAL "te: trailers\n"},
        {GET "TE: gzip\r\n", USUAL},
        {GET "TE: trailers;q=1\r\n", USUAL},
        {GET "TE:\r\n", USUAL},
    };
    check_rows(rows, HH_COUNT_OF(rows));
}

static void test_secrets_are_never_indexed(void **state)
{
    (void)state;
    static const row rows[] = {
        {GET "Authorization: Basic Og==\r\nAuthorizations: 1\r\n",
         USUAL "!authorization: Basic Og==\nauthorizations: 1\n"},
        {GET "PROXY-AUTHORIZATION: Basic Og==\r\n", USUAL "!proxy-authorization: Basic Og==\n"},
        {GET "Cookie: a=1; b=2;c=3\r\ncookie: d\r\n", USUAL "!cookie: a=1; b=2;c=3\n!cookie: d\n"},
    };
    check_rows(rows, HH_COUNT_OF(rows));
}

static void test_refused_heads(void **state)
{
    (void)state;
    static const char *const heads[] = {
        "GET / HTTP/1.1\r\n\r\n",                              /* no Host */
        "GET / HTTP/1.1\r\nHost:\r\n\r\n",                     /* an empty one */
        GET "Host: b.test\r\n\r\n",                            /* two of them */
        GET "\r\nmore",                                        /* surplus */
        GET "\r\n\r\n",                                        /* likewise */
        GET "No colon\r\n\r\n",                                /* no field */
        GET "Bad name: 1\r\n\r\n",                             /* no token */
        GET ": 1\r\n\r\n",                                     /* no name */
        GET ":path: /\r\n\r\n",                                /* a pseudo-field */
        GET "A: 1\n\r\n",                                      /* LF alone */
        GET "A: 1\r2\r\n\r\n",                                 /* CR alone */
        GET " folded: 1\r\n\r\n",                              /* obs-fold */
        "GET / HTTP/1.0\r\nHost: a.test\r\n\r\n",              /* another version */
        "GET /\r\nHost: a.test\r\n\r\n",                       /* none */
        "GET  HTTP/1.1\r\nHost: a.test\r\n\r\n",               /* no target */
        "GET HTTP/1.1\r\nHost: a.test\r\n\r\n",                /* likewise */
        "GET / / HTTP/1.1\r\nHost: a.test\r\n\r\n",            /* a space in it */
        " / HTTP/1.1\r\nHost: a.test\r\n\r\n",                 /* no method */
        "G(T / HTTP/1.1\r\nHost: a.test\r\n\r\n",              /* no token */
        "GET * HTTP/1.1\r\nHost: a.test\r\n\r\n",              /* only OPTIONS has that */
        "GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n", /* a proxy's form */
        "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n",
        "GET /\r HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "CONNECT / HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "\r\n",
        "\n",
        "",
    };
    for (size_t i = 0; i < HH_COUNT_OF(heads); i++)
        expect_refused(hh_slice_of(heads[i]), https);
    static const char with_nul[] = GET "A: 1\0002\r\n\r\n";
    expect_refused((hh_slice){with_nul, sizeof(with_nul) - 1}, https);
    expect_refused(hh_slice_of(GET "\r\n"), hh_slice_of(""));
}

static void test_every_cut_is_refused(void **state)
{
    (void)state;
    static const char head[] = GET "Connection: close\r\nCookie: a=b\r\nTE: trailers\r\n\r\n";
    for (size_t length = 0; length < sizeof(head) - 1; length++)
        expect_refused((hh_slice){head, length}, https);
    expect_fields(hh_slice_of(head), https, USUAL "!cookie: a=b\nte: trailers\n");
}

/* What the writer lets through can be sent, whatever it is. */
static void test_largest_head(void **state)
{
    (void)state;
    hh_bytes head;
    hh_bytes wanted;
    hh__bytes_init(&head, HH_REQUEST_HEAD_MAX_BYTES + HH_URL_MAX_BYTES);
    hh__bytes_init(&wanted, SIZE_MAX);
    hh_status status = hh__h1_write_request_line(&head, hh_slice_of("GET"), hh_slice_of("/"));
    assert_int_equal(status, HH_OK);
    assert_int_equal(hh__h1_write_field(&head, hh_slice_of("Host"), hh_slice_of("a.test")), HH_OK);
    hh__bytes_append_text(&wanted, USUAL);
    while (head.limit - head.length >= sizeof("A: 1\r\n\r\n") - 1) {
        status = hh__h1_write_field(&head, hh_slice_of("A"), hh_slice_of("1"));
        assert_int_equal(status, HH_OK);
        hh__bytes_append_text(&wanted, "a: 1\n");
    }
    assert_int_equal(hh__h1_write_end(&head), HH_OK);
    expect_fields(hh__bytes_slice(&head), https, wanted.data);

    head.limit = SIZE_MAX;
    head.length -= 2;
    hh__bytes_append_text(&head, "A: 12345\r\n\r\n");
    expect_refused(hh__bytes_slice(&head), https);
    hh__bytes_finish(&head);
    hh__bytes_finish(&wanted);
}

static void test_failed_allocation(void **state)
{
    (void)state;
    hh_h2_request *request = NULL;
    alloc_fail_at(1);
    hh_status status = hh__h2_request_create(hh_slice_of(GET "A: 1\r\n\r\n"), https, &request);
    alloc_fail_off();
    assert_int_equal(alloc_fail_hits(), 1);
    assert_int_equal(status, HH_ERR_NO_MEMORY);
    assert_null(request);

    alloc_fail_count_start();
    status = hh__h2_request_create(hh_slice_of(GET "A: 1\r\n\r\n"), https, &request);
    assert_int_equal(status, HH_OK);
    assert_int_equal(alloc_fail_count(), 1);
    hh__h2_request_destroy(request);
    hh__h2_request_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pseudo_fields),
        cmocka_unit_test(test_names_are_lowered_values_are_not),
        cmocka_unit_test(test_fields_of_the_connection_are_left_out),
        cmocka_unit_test(test_te_says_trailers_or_nothing),
        cmocka_unit_test(test_secrets_are_never_indexed),
        cmocka_unit_test(test_refused_heads),
        cmocka_unit_test(test_every_cut_is_refused),
        cmocka_unit_test(test_largest_head),
        cmocka_unit_test(test_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
