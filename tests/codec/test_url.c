/* Tests of the URL parser: golden tables, parts, encode sets, host confusion, limits. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/limits.h"
#include "base/memory.h"
#include "url_check.h"

/* Golden tables. */

/* Undoes the escapes in place; returns the length. */
static size_t unescape(char *text)
{
    static const char names[] = "tnr\\";
    static const char bytes[] = "\t\n\r\\";
    char *out = text;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at != '\\') {
            *out++ = *at;
            continue;
        }
        at++;
        if (*at == 'x') {
            *out++ = (char)(hh__hex_value(at[1]) * 16 + hh__hex_value(at[2]));
            at += 2;
            continue;
        }
        const char *name = strchr(names, *at);
        assert_true(*at != '\0' && name != NULL);
        *out++ = bytes[name - names];
    }
    return (size_t)(out - text);
}

static void check_row(hh_slice input, const hh_url *base, const char *expected, const char *where)
{
    hh_url *url = NULL;
    hh_error error = {0};
    /* An exact copy, so that a read past the end is seen. */
    char *exact = malloc(input.length != 0 ? input.length : 1);
    assert_non_null(exact);
    memcpy(exact, input.data, input.length);
    hh_status status = hh_url_parse((hh_slice){exact, input.length}, base, &url, &error);
    free(exact);
    hh_status wanted = strcmp(expected, "!invalid") == 0    ? HH_ERR_INVALID_URL
                       : strcmp(expected, "!protocol") == 0 ? HH_ERR_UNSUPPORTED_PROTOCOL
                                                            : HH_OK;
    if (status != wanted)
        fail_msg("%s: %s %s", where, hh_status_name(status), error.message);
    if (status != HH_OK) {
        assert_null(url);
        assert_int_equal(error.code, status);
        return;
    }
    if (!hh__slice_is(hh_url_text(url), expected))
        fail_msg("%s: %.*s", where, HH_SLICE_ARGS(hh_url_text(url)));
    check_invariants(url);
    check_idempotent(url);
    hh_url_destroy(url);
}

typedef void golden_row(char *line, const char *where);

/* Runs every row; returns how many there were. */
static int run_golden(const char *file, golden_row *row)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/%s", HH_GOLDEN_DIR, file);
    FILE *stream = fopen(path, "r");
    assert_non_null(stream);
    char line[4096];
    int count = 0;
    for (int number = 1; fgets(line, sizeof(line), stream) != NULL; number++) {
        char where[4200];
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "# ", 2) == 0)
            continue;
        snprintf(where, sizeof(where), "%s:%d: %s", file, number, line);
        row(line, where);
        count++;
    }
    fclose(stream);
    return count;
}

/* Cuts `line` at its first tab and returns what is behind. */
static char *cut(char *line)
{
    char *tab = strchr(line, '\t');
    assert_non_null(tab);
    *tab = '\0';
    return tab + 1;
}

static void parse_row(char *line, const char *where)
{
    char *expected = cut(line);
    size_t length = unescape(line);
    check_row((hh_slice){line, length}, NULL, expected, where);
}

static void join_row(char *line, const char *where)
{
    char *reference = cut(line);
    char *expected = cut(reference);
    hh_url *base = parse_url(line);
    size_t length = unescape(reference);
    check_row((hh_slice){reference, length}, base, expected, where);
    hh_url_destroy(base);
}

static void test_golden_parse(void **state)
{
    (void)state;
    assert_true(run_golden("url/parse.txt", parse_row) >= 500);
}

static void test_golden_join(void **state)
{
    (void)state;
    assert_true(run_golden("url/join.txt", join_row) >= 140);
}

/* Parts. */

static void test_parts_of_full_url(void **state)
{
    (void)state;
    hh_url *url = parse_url("HTTPS://us%41er:p@ss:w@EXAMPLE.com:8443/a b/c?d=e&f#g h");
    assert_slice(hh_url_text(url),
                 "https://us%41er:p%40ss%3Aw@example.com:8443/a%20b/c?d=e&f#g%20h");
    assert_slice(hh_url_scheme(url), "https");
    assert_slice(hh_url_username(url), "us%41er");
    assert_slice(hh_url_password(url), "p%40ss%3Aw");
    assert_slice(hh_url_host(url), "example.com");
    assert_int_equal(hh_url_port(url), 8443);
    assert_slice(hh_url_path(url), "/a%20b/c");
    assert_slice(hh_url_query(url), "d=e&f");
    assert_slice(hh_url_fragment(url), "g%20h");
    assert_slice(hh__url_authority(url), "example.com:8443");
    assert_slice(hh__url_target(url), "/a%20b/c?d=e&f");
    assert_slice(hh__url_safe_text(url), "https://example.com:8443/a%20b/c?d=e&f");
    assert_true(hh__url_has_userinfo(url));
    assert_true(hh__url_is_secure(url));
    assert_int_equal(hh__url_scheme_id(url), HH_SCHEME_HTTPS);
    hh_url_destroy(url);
}

static void test_parts_of_bare_url(void **state)
{
    (void)state;
    hh_url *url = parse_url("ws://[::1]");
    assert_slice(hh_url_username(url), "");
    assert_slice(hh_url_password(url), "");
    assert_slice(hh_url_host(url), "[::1]");
    assert_int_equal(hh_url_port(url), 80);
    assert_slice(hh_url_path(url), "/");
    assert_slice(hh_url_query(url), "");
    assert_slice(hh_url_fragment(url), "");
    assert_slice(hh__url_authority(url), "[::1]");
    assert_slice(hh__url_target(url), "/");
    assert_slice(hh__url_safe_text(url), "ws://[::1]/");
    assert_false(hh__url_has_userinfo(url));
    assert_false(hh__url_is_secure(url));
    assert_int_equal(hh__url_scheme_id(url), HH_SCHEME_WS);
    hh_url_destroy(url);
}

static void test_parts_of_odd_urls(void **state)
{
    (void)state;
    hh_url *url = parse_url("wss://:p@h/?#");
    assert_slice(hh_url_username(url), "");
    assert_slice(hh_url_password(url), "p");
    assert_slice(hh_url_query(url), "");
    assert_slice(hh_url_fragment(url), "");
    assert_slice(hh__url_target(url), "/?");
    assert_slice(hh_url_text(url), "wss://:p@h/?#");
    assert_slice(hh__url_safe_text(url), "wss://h/?");
    assert_true(hh__url_is_secure(url));
    assert_int_equal(hh_url_port(url), 443);
    hh_url_destroy(url);
    url = parse_url("http://u:@h:0/#f");
    assert_slice(hh_url_text(url), "http://u@h:0/#f");
    assert_slice(hh_url_username(url), "u");
    assert_slice(hh_url_password(url), "");
    assert_int_equal(hh_url_port(url), 0);
    assert_slice(hh_url_fragment(url), "f");
    hh_url_destroy(url);
}

/* The encode sets, byte by byte, against the Standard's own words. */

static bool is_in(const char *set, int byte)
{
    return byte < 0x20 || byte > 0x7E || strchr(set, byte) != NULL;
}

/* Puts `byte` at the '$' of `shape`, parses, and looks for what must stand between X and Y. */
static void check_encoding(const char *shape, const char *set, int byte)
{
    char text[64];
    size_t length = strlen(shape);
    assert_true(length < sizeof(text));
    memcpy(text, shape, length);
    text[strcspn(shape, "$")] = (char)byte;
    hh_url *url = NULL;
    assert_int_equal(hh_url_parse((hh_slice){text, length}, NULL, &url, NULL), HH_OK);
    char wanted[16];
    if (byte == '\t' || byte == '\n' || byte == '\r')
        snprintf(wanted, sizeof(wanted), "XY");
    else if (byte >= 0x80)
        snprintf(wanted, sizeof(wanted), "X%%EF%%BF%%BDY");
    else
        snprintf(wanted, sizeof(wanted), is_in(set, byte) ? "X%%%02XY" : "X%cY", byte);
    char got[256];
    snprintf(got, sizeof(got), "%.*s", HH_SLICE_ARGS(hh_url_text(url)));
    if (strstr(got, wanted) == NULL)
        fail_msg("byte 0x%02x in %s: %s, not %s", (unsigned)byte, shape, got, wanted);
    hh_url_destroy(url);
}

static void test_encode_sets(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        check_encoding("http://h/#X$Y", " \"<>`", byte);
        if (byte != '#')
            check_encoding("http://h/?X$Y", " \"#<>'", byte);
        if (byte != '#' && byte != '?' && byte != '/' && byte != '\\')
            check_encoding("http://h/X$Y", " \"#<>?^`{}", byte);
        if (byte == '#' || byte == '?' || byte == '/' || byte == '\\')
            continue;
        check_encoding("http://u:X$Y@h/", " \"#<>?^`{}/:;=@[\\]|", byte);
        if (byte != ':')
            check_encoding("http://X$Y@h/", " \"#<>?^`{}/:;=@[\\]|", byte);
    }
}

static void test_forbidden_host_bytes(void **state)
{
    (void)state;
    for (int byte = 0; byte < 128; byte++) {
        if (byte == '\t' || byte == '\n' || byte == '\r' || strchr("/\\?#@:", byte) != NULL)
            if (byte != 0)
                continue;
        char raw[] = "http://a?b.example/";
        char encoded[64];
        raw[8] = (char)byte;
        snprintf(encoded, sizeof(encoded), "http://a%%%02xb.example/", (unsigned)byte);
        bool is_forbidden = byte <= ' ' || byte == 0x7F || strchr("<>[]^|%", byte) != NULL;
        hh_status wanted = is_forbidden ? HH_ERR_INVALID_URL : HH_OK;
        hh_url *url = NULL;
        assert_int_equal(hh_url_parse((hh_slice){raw, sizeof(raw) - 1}, NULL, &url, NULL), wanted);
        hh_url_destroy(url);
        url = NULL;
        assert_int_equal(hh_url_parse(hh_slice_of(encoded), NULL, &url, NULL), wanted);
        hh_url_destroy(url);
    }
    static const char delimiters[] = "\t\n\r/\\?#@:";
    for (size_t i = 0; i < sizeof(delimiters) - 1; i++) {
        char encoded[64];
        snprintf(encoded, sizeof(encoded), "http://a%%%02xb.example/", (unsigned)delimiters[i]);
        hh_error error;
        parse_fails(hh_slice_of(encoded), NULL, HH_ERR_INVALID_URL, &error);
    }
}

/* Host confusion: what a policy sees is what is dialled. */

static void test_host_confusion(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *host;
    } rows[] = {
        {"http://good.example@evil.example/", "evil.example"},
        {"http://good.example:80@evil.example/", "evil.example"},
        {"http://evil.example\\@good.example/", "evil.example"},
        {"http://evil.example\\.good.example/", "evil.example"},
        {"http://evil.example/@good.example/", "evil.example"},
        {"http://evil.example?@good.example/", "evil.example"},
        {"http://evil.example#@good.example/", "evil.example"},
        {"http://a@b@evil.example:81@good.example/", "good.example"},
        {"http:evil.example", "evil.example"},
        {"http:\\\\evil.example", "evil.example"},
        {"http:////evil.example", "evil.example"},
        {"http://evil%2eexample/", "evil.example"},
        {"http://%65vil.example/", "evil.example"},
        {"http://\xEF\xBD\x85vil.example/", "evil.example"},
        {"http://evil\xE3\x80\x82"
         "example/",
         "evil.example"},
        {"http://evil.exam\tple/", "evil.example"},
        {"http://EVIL.example/", "evil.example"},
        {"http://0x7f.1/", "127.0.0.1"},
        {"http://0x7f000001/", "127.0.0.1"},
        {"http://017700000001/", "127.0.0.1"},
        {"http://2130706433/", "127.0.0.1"},
        {"http://127.1/", "127.0.0.1"},
        {"http://%31%32%37.0.0.1/", "127.0.0.1"},
        {"http://\xE2\x91\xA0\xE2\x91\xA1\xE2\x91\xA6.1/", "127.0.0.1"},
        {"http://0251.0376.0251.0376/", "169.254.169.254"},
        {"http://[::ffff:127.0.0.1]/", "[::ffff:7f00:1]"},
        {"http://[::FFFF:7F00:1]/", "[::ffff:7f00:1]"},
        {"http://[0:0:0:0:0:ffff:169.254.169.254]/", "[::ffff:a9fe:a9fe]"},
        {"http://[0000::0001]/", "[::1]"},
    };
    for (size_t i = 0; i < HH_COUNT_OF(rows); i++) {
        hh_url *url = parse_url(rows[i].text);
        if (!hh__slice_is(hh_url_host(url), rows[i].host))
            fail_msg("%s: %.*s", rows[i].text, HH_SLICE_ARGS(hh_url_host(url)));
        hh_url_destroy(url);
    }
}

static void test_host_confusion_refused(void **state)
{
    (void)state;
    static const char nul[] = "http://good.example\0.evil.example/";
    hh_error error;
    parse_fails((hh_slice){nul, sizeof(nul) - 1}, NULL, HH_ERR_INVALID_URL, &error);
    static const char *const texts[] = {
        "http://good.example%00.evil.example/",
        "http://\xC3\xA9%00.evil.example/",
        "http://good.example%2f.evil.example/",
        "http://good.example%5c.evil.example/",
        "http://good.example%40evil.example/",
        "http://good.example%23.evil.example/",
        "http://good.example%0d%0aX-Header:1/",
        "http://good.example%20evil.example/",
        "http://good.example\xEF\xBC\x8F.evil.example/",
        "http://good.example\xEF\xBC\xA0www.evil.example/",
        "http://[fe80::1%25eth0]/",
        "http://[::1]evil.example/",
        "http://127.0.0.1.5/",
        "http://127.0.0.256/",
        "http://4294967296/",
    };
    for (size_t i = 0; i < HH_COUNT_OF(texts); i++) {
        hh_url *url = NULL;
        hh_status status = hh_url_parse(hh_slice_of(texts[i]), NULL, &url, NULL);
        if (status != HH_ERR_INVALID_URL)
            fail_msg("%s: %s", texts[i], hh_status_name(status));
        hh_url_destroy(url);
    }
}

/* Limits. */

/* "http://" and a host of `length` bytes: labels of 50 'a' with dots between. */
static hh_slice long_host(char *room, size_t length, const char *tail)
{
    size_t at = (size_t)sprintf(room, "http://");
    for (size_t i = 0; i < length; i++)
        room[at++] = i % 51 == 50 ? '.' : 'a';
    at += (size_t)sprintf(room + at, "%s", tail);
    return (hh_slice){room, at};
}

static void test_host_length(void **state)
{
    (void)state;
    char *room = malloc(40000);
    assert_non_null(room);
    hh_url *url = NULL;
    hh_error error;
    assert_int_equal(hh_url_parse(long_host(room, 253, "/"), NULL, &url, NULL), HH_OK);
    assert_int_equal(hh_url_host(url).length, 253);
    check_idempotent(url);
    hh_url_destroy(url);
    url = NULL;
    assert_int_equal(hh_url_parse(long_host(room, 253, "./"), NULL, &url, NULL), HH_OK);
    assert_int_equal(hh_url_host(url).length, 254);
    check_idempotent(url);
    hh_url_destroy(url);
    parse_fails(long_host(room, 254, "/"), NULL, HH_ERR_INVALID_URL, &error);
    assert_non_null(strstr(error.message, "over 253 bytes"));
    parse_fails(long_host(room, 254, "./"), NULL, HH_ERR_INVALID_URL, &error);
    parse_fails(long_host(room, HH_HOST_INPUT_MAX_BYTES + 1, "/"), NULL, HH_ERR_INVALID_URL,
                &error);
    parse_fails(long_host(room, 30000, "/"), NULL, HH_ERR_INVALID_URL, &error);
    assert_non_null(strstr(error.message, "over 253 bytes"));
    /* Zeros in front make a number long, not large. */
    size_t at = (size_t)sprintf(room, "http://0x");
    memset(room + at, '0', 3000);
    sprintf(room + at + 3000, "7f.1/");
    url = parse_url(room);
    assert_slice(hh_url_host(url), "127.0.0.1");
    hh_url_destroy(url);
    free(room);
}

static void test_label_length(void **state)
{
    (void)state;
    hh_error error;
    /* Sixty-four letters beyond ASCII in one label. */
    char international[] = "http://"
                           "________________________________________________________________"
                           "________________________________________________________________"
                           ".example/";
    for (size_t i = 7; international[i] == '_'; i += 2)
        memcpy(international + i, "\xC3\xA9", 2);
    parse_fails(hh_slice_of(international), NULL, HH_ERR_INVALID_URL, &error);
    /* An A-label of 64 bytes. */
    parse_fails(
        hh_slice_of("http://xn--"
                    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example/"),
        NULL, HH_ERR_INVALID_URL, &error);
}

static void test_url_length(void **state)
{
    (void)state;
    size_t size = HH_URL_MAX_BYTES + 1;
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, 'a', size);
    memcpy(text, "http://h/", 9);
    hh_url *url = NULL;
    hh_error error;
    assert_int_equal(hh_url_parse((hh_slice){text, size - 1}, NULL, &url, NULL), HH_OK);
    assert_int_equal(hh_url_text(url).length, HH_URL_MAX_BYTES);
    /* A joined text counts as one. */
    parse_fails(hh_slice_of("?q"), url, HH_ERR_LIMIT, &error);
    hh_url_destroy(url);
    parse_fails((hh_slice){text, size}, NULL, HH_ERR_LIMIT, &error);
    assert_string_equal(error.message, "the URL is over 65536 bytes long");
    /* What encoding makes of it counts too. */
    memset(text + 9, ' ', size - 9);
    text[size - 2] = 'z';
    parse_fails((hh_slice){text, size - 1}, NULL, HH_ERR_LIMIT, &error);
    memset(text + 9, 0xFF, size - 9);
    parse_fails((hh_slice){text, size - 1}, NULL, HH_ERR_LIMIT, &error);
    text[12] = '\n';
    parse_fails((hh_slice){text, size - 1}, NULL, HH_ERR_LIMIT, &error);
    /* Dot segments and tabs shrink it. */
    for (size_t i = 8; i + 4 <= size - 1; i += 4)
        memcpy(text + i, "/a/.", 4);
    text[size - 2] = '\t';
    assert_int_equal(hh_url_parse((hh_slice){text, size - 1}, NULL, &url, NULL), HH_OK);
    hh_url_destroy(url);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_parse),           cmocka_unit_test(test_golden_join),
        cmocka_unit_test(test_parts_of_full_url),      cmocka_unit_test(test_parts_of_bare_url),
        cmocka_unit_test(test_parts_of_odd_urls),      cmocka_unit_test(test_encode_sets),
        cmocka_unit_test(test_forbidden_host_bytes),   cmocka_unit_test(test_host_confusion),
        cmocka_unit_test(test_host_confusion_refused), cmocka_unit_test(test_host_length),
        cmocka_unit_test(test_label_length),           cmocka_unit_test(test_url_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
