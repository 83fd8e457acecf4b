/* The error value, the sentence in it, and the names and categories of every number. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/failure.h"
#include "support/alloc_fail.h"

static const hh_status statuses[] = {
    HH_OK,
    HH_INTERRUPTED,
    HH_ERR_NO_MEMORY,
    HH_ERR_INVALID_ARGUMENT,
    HH_ERR_STATE,
    HH_ERR_INVALID_URL,
    HH_ERR_UNSUPPORTED_PROTOCOL,
    HH_ERR_LIMIT,
    HH_ERR_SYSTEM,
    HH_ERR_FILE,
    HH_ERR_RESOLVE,
    HH_ERR_RESOLVE_TEMPORARY,
    HH_ERR_CONNECT,
    HH_ERR_TLS,
    HH_ERR_CERTIFICATE,
    HH_ERR_SEND,
    HH_ERR_RECEIVE,
    HH_ERR_EMPTY_RESPONSE,
    HH_ERR_TRUNCATED,
    HH_ERR_PROTOCOL,
    HH_ERR_HEADERS_TOO_LARGE,
    HH_ERR_RESPONSE_TOO_LARGE,
    HH_ERR_DECODE,
    HH_ERR_DECODE_LIMIT,
    HH_ERR_REFUSED,
    HH_ERR_STREAM_RESET,
    HH_ERR_TOO_MANY_REDIRECTS,
    HH_ERR_REDIRECT_REFUSED,
    HH_ERR_BODY_NOT_REWINDABLE,
    HH_ERR_BODY_LENGTH,
    HH_ERR_CANCELLED,
    HH_ERR_CLIENT_CLOSED,
    HH_ERR_TIMEOUT_CONNECT,
    HH_ERR_TIMEOUT_READ,
    HH_ERR_TIMEOUT_WRITE,
    HH_ERR_TIMEOUT_POOL,
    HH_ERR_TIMEOUT_TOTAL,
};
enum { STATUSES = sizeof(statuses) / sizeof(statuses[0]) };

/* Every byte set, so that a field left alone shows. */
static hh_error dirty_error(void)
{
    hh_error error;
    memset(&error, 0x55, sizeof(error));
    return error;
}

static void test_sets_every_field(void **state)
{
    (void)state;
    hh_error error = dirty_error();
    hh_status status = hh__fail(&error, HH_ERR_CONNECT, HH_PHASE_CONNECT, "%s:%d refused", "h", 80);
    assert_int_equal(status, HH_ERR_CONNECT);
    assert_string_equal(error.message, "h:80 refused");
    hh_error expected;
    memset(&expected, 0, sizeof(expected));
    expected.code = HH_ERR_CONNECT;
    expected.category = HH_CATEGORY_CONNECTION;
    expected.phase = HH_PHASE_CONNECT;
    memcpy(expected.message, "h:80 refused", 12);
    assert_memory_equal(&error, &expected, sizeof(error));
}

static void test_no_error_to_fill(void **state)
{
    (void)state;
    assert_int_equal(hh__fail(NULL, HH_ERR_TLS, HH_PHASE_TLS, "%s", "x"), HH_ERR_TLS);
    assert_int_equal(hh__fail_os(NULL, HH_ERR_SEND, HH_PHASE_SEND, EPIPE, "x"), HH_ERR_SEND);
}

static void test_os_error(void **state)
{
    (void)state;
    hh_error error = dirty_error();
    hh_status status =
        hh__fail_os(&error, HH_ERR_CONNECT, HH_PHASE_CONNECT, ECONNREFUSED, "can't reach %s", "h");
    assert_int_equal(status, HH_ERR_CONNECT);
    assert_int_equal(error.os_error, ECONNREFUSED);
    assert_int_equal(error.category, HH_CATEGORY_CONNECTION);
    assert_string_equal(error.message, "can't reach h: Connection refused");
    assert_true(error.tls_error == 0 && error.dns_error == 0 && error.http2_error == 0);
    hh__fail_os(&error, HH_ERR_SYSTEM, HH_PHASE_NONE, 987654, "odd");
    assert_int_equal(error.os_error, 987654);
    assert_memory_equal(error.message, "odd: ", 5);
    assert_non_null(strstr(error.message, "987654"));
}

/* `text` repeated behind `offset` letters, in an error. */
static void fail_with_repeated(hh_error *error, size_t offset, const char *text)
{
    char sentence[2000];
    memset(sentence, 'a', offset);
    size_t length = offset;
    while (length + strlen(text) < sizeof(sentence) - 1) {
        memcpy(sentence + length, text, strlen(text));
        length += strlen(text);
    }
    sentence[length] = '\0';
    *error = dirty_error();
    hh__fail(error, HH_ERR_PROTOCOL, HH_PHASE_BODY, "%s", sentence);
}

static void test_cut_at_character(void **state)
{
    (void)state;
    static const char *const characters[] = {"b", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    for (size_t i = 0; i < 4; i++) {
        size_t width = strlen(characters[i]);
        for (size_t offset = 0; offset < 5; offset++) {
            hh_error error;
            fail_with_repeated(&error, offset, characters[i]);
            size_t fits = (HH_ERROR_MESSAGE_BYTES - 1 - offset) / width;
            assert_int_equal(strlen(error.message), offset + fits * width);
            assert_null(strchr(error.message, '?'));
            for (size_t k = 0; k < fits; k++)
                assert_memory_equal(error.message + offset + k * width, characters[i], width);
        }
    }
}

static void test_os_text_is_cut_too(void **state)
{
    (void)state;
    for (int length = HH_ERROR_MESSAGE_BYTES - 30; length < HH_ERROR_MESSAGE_BYTES + 5; length++) {
        hh_error error = dirty_error();
        hh__fail_os(&error, HH_ERR_SEND, HH_PHASE_SEND, EPIPE, "%0*d", length, 0);
        size_t expected = (size_t)length + strlen(": Broken pipe");
        if (expected > HH_ERROR_MESSAGE_BYTES - 1)
            expected = HH_ERROR_MESSAGE_BYTES - 1;
        assert_int_equal(strlen(error.message), expected);
        assert_int_equal(error.os_error, EPIPE);
    }
}

static void check_cleaned(const char *text, const char *expected)
{
    hh_error error = dirty_error();
    hh__fail(&error, HH_ERR_PROTOCOL, HH_PHASE_HEADERS, "%s", text);
    assert_string_equal(error.message, expected);
}

static void test_cleans_text(void **state)
{
    (void)state;
    check_cleaned("", "");
    check_cleaned("a\r\nb\tc\x1b[2J\x7f", "a??b?c?[2J?");
    check_cleaned("x\xc2\x9by", "x?y");        /* C1 CSI */
    check_cleaned("x\xc2\xa0y", "x\xc2\xa0y"); /* the first behind C1 */
    check_cleaned("\xff\xfe", "??");
    check_cleaned("\x80"
                  "a",
                  "?a");
    check_cleaned("\xc0\xaf", "??");           /* overlong */
    check_cleaned("\xe0\x9f\xbf", "???");      /* overlong */
    check_cleaned("\xf0\x8f\xbf\xbf", "????"); /* overlong */
    check_cleaned("\xed\xa0\x80", "???");      /* surrogate */
    check_cleaned("\xf4\x90\x80\x80", "????"); /* past U+10FFFF */
    check_cleaned("\xf5\x80\x80\x80", "????");
    check_cleaned("\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf",
                  "\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf");
    check_cleaned("\xe2\x82"
                  "a",
                  "??a");
    check_cleaned("a\xe2\x82", "a??");
    check_cleaned("a\xf0\x9f\x98", "a???");
}

static void test_message_may_be_an_argument(void **state)
{
    (void)state;
    hh_error error = dirty_error();
    hh__fail(&error, HH_ERR_CONNECT, HH_PHASE_CONNECT, "inner");
    hh__fail(&error, HH_ERR_TIMEOUT_CONNECT, HH_PHASE_CONNECT, "outer: %s", error.message);
    assert_string_equal(error.message, "outer: inner");
    hh__fail_os(&error, HH_ERR_SEND, HH_PHASE_SEND, EPIPE, "%s", error.message);
    assert_string_equal(error.message, "outer: inner: Broken pipe");
}

static void test_never_allocates(void **state)
{
    (void)state;
    hh_error error;
    alloc_fail_from(1);
    hh__fail(&error, HH_ERR_NO_MEMORY, HH_PHASE_NONE, "no memory for %d bytes", 3);
    hh__fail_os(&error, HH_ERR_SYSTEM, HH_PHASE_NONE, ENOMEM, "no memory for %d bytes", 3);
    alloc_fail_off();
    assert_int_equal(alloc_fail_count(), 0);
    assert_string_equal(error.message, "no memory for 3 bytes: Cannot allocate memory");
}

static void test_status_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < STATUSES; i++) {
        const char *name = hh_status_name(statuses[i]);
        assert_memory_equal(name, "HH_", 3);
        assert_string_not_equal(name, "HH_UNKNOWN");
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(name, hh_status_name(statuses[j]));
        hh_category category = hh__status_category(statuses[i]);
        assert_int_equal(category == HH_CATEGORY_NONE, statuses[i] < HH_ERR_NO_MEMORY);
    }
    assert_string_equal(hh_status_name(HH_OK), "HH_OK");
    assert_string_equal(hh_status_name(HH_ERR_TIMEOUT_TOTAL), "HH_ERR_TIMEOUT_TOTAL");
    int named = 0;
    for (int i = -2; i < 200; i++)
        named += strcmp(hh_status_name((hh_status)i), "HH_UNKNOWN") != 0;
    assert_int_equal(named, STATUSES);
    assert_int_equal(hh__status_category((hh_status)9999), HH_CATEGORY_FATAL);
}

static void test_categories(void **state)
{
    (void)state;
    static const struct {
        hh_status status;
        hh_category category;
    } rows[] = {
        {HH_ERR_NO_MEMORY, HH_CATEGORY_FATAL},
        {HH_ERR_CANCELLED, HH_CATEGORY_FATAL},
        {HH_ERR_INVALID_URL, HH_CATEGORY_CLIENT},
        {HH_ERR_BODY_LENGTH, HH_CATEGORY_CLIENT},
        {HH_ERR_RESOLVE, HH_CATEGORY_DNS},
        {HH_ERR_RESOLVE_TEMPORARY, HH_CATEGORY_TRANSIENT},
        {HH_ERR_CONNECT, HH_CATEGORY_CONNECTION},
        {HH_ERR_EMPTY_RESPONSE, HH_CATEGORY_CONNECTION},
        {HH_ERR_TRUNCATED, HH_CATEGORY_CONNECTION},
        {HH_ERR_TLS, HH_CATEGORY_TLS},
        {HH_ERR_CERTIFICATE, HH_CATEGORY_TLS},
        {HH_ERR_PROTOCOL, HH_CATEGORY_PROTOCOL},
        {HH_ERR_DECODE_LIMIT, HH_CATEGORY_PROTOCOL},
        {HH_ERR_REFUSED, HH_CATEGORY_CONNECTION},
        {HH_ERR_STREAM_RESET, HH_CATEGORY_PROTOCOL},
        {HH_ERR_TIMEOUT_CONNECT, HH_CATEGORY_TIMEOUT},
        {HH_ERR_TIMEOUT_TOTAL, HH_CATEGORY_TIMEOUT},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(hh__status_category(rows[i].status), rows[i].category);
}

static void test_other_names(void **state)
{
    (void)state;
    static const char *const categories[] = {"none",   "transient",  "timeout",  "connection",
                                             "dns",    "tls",        "protocol", "server",
                                             "client", "rate_limit", "fatal"};
    static const char *const phases[] = {"none", "queue",   "resolve", "connect", "tls",
                                         "send", "headers", "body",    "redirect"};
    for (int i = 0; i < 11; i++)
        assert_string_equal(hh_category_name((hh_category)i), categories[i]);
    for (int i = 0; i < 9; i++)
        assert_string_equal(hh_phase_name((hh_phase)i), phases[i]);
    assert_string_equal(hh_category_name((hh_category)11), "unknown");
    assert_string_equal(hh_phase_name((hh_phase)9), "unknown");
    int major = -1;
    int minor = -1;
    int patch = -1;
    char rest = '\0';
    assert_int_equal(sscanf(hh_version(), "%d.%d.%d%c", &major, &minor, &patch, &rest), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets_every_field),
        cmocka_unit_test(test_no_error_to_fill),
        cmocka_unit_test(test_os_error),
        cmocka_unit_test(test_cut_at_character),
        cmocka_unit_test(test_os_text_is_cut_too),
        cmocka_unit_test(test_cleans_text),
        cmocka_unit_test(test_message_may_be_an_argument),
        cmocka_unit_test(test_never_allocates),
        cmocka_unit_test(test_status_names),
        cmocka_unit_test(test_categories),
        cmocka_unit_test(test_other_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
