/*
 * test_writeout.c - -w: variables, escapes, streams and JSON.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <jansson.h>

#include "writeout.h"

static cli_writeout_facts facts(void)
{
    static const hh_field fields[] = {
        {{"Content-Type", 12}, {"text/html", 9}},
        {{"Set-Cookie", 10}, {"a=1", 3}},
        {{"set-cookie", 10}, {"b=\"2\"", 5}},
    };
    cli_writeout_facts made = {
        .url = "example.org/x",
        .effective_url = hh_slice_of("https://example.org/x"),
        .method = hh_slice_of("GET"),
        .remote_address = hh_slice_of("[2001:db8::1]:443"),
        .content_type = hh_slice_of("text/html"),
        .filename = "x",
        .error_message = "",
        .headers = fields,
        .header_count = 3,
        .header_bytes = 123,
        .status = 200,
        .version = 11,
        .redirect_count = 0,
        .connect_count = 1,
        .download_bytes = 5000,
        .timings = {.redirect_ns = 500000000,
                    .queue_ns = 1480000000,
                    .resolve_ns = 1000000,
                    .connect_ns = 2000000,
                    .tls_ns = 3000000,
                    .send_ns = 1000000,
                    .wait_ns = 4000000,
                    .receive_ns = 9000000,
                    .total_ns = 2000000000},
    };
    return made;
}

static void check(const cli_writeout_facts *of, const char *format, const char *wanted,
                  const char *wanted_error)
{
    cli_text out = {0};
    cli_text err = {0};
    cli_writeout_format(format, of, &out, &err);
    assert_string_equal(cli_text_string(&out), wanted);
    assert_string_equal(cli_text_string(&err), wanted_error);
    cli_text_finish(&out);
    cli_text_finish(&err);
}

static void fills_variables(void **state)
{
    (void)state;
    cli_writeout_facts of = facts();
    check(&of, "%{http_code} %{response_code} %{http_version}", "200 200 1.1", "");
    check(&of, "%{remote_ip} %{remote_port} %{scheme}", "2001:db8::1 443 https", "");
    check(&of, "%{url} %{url_effective} %{method} %{filename_effective}",
          "example.org/x https://example.org/x GET x", "");
    check(&of, "%{size_download} %{speed_download} %{num_connects} %{num_redirects}",
          "5000 2500 1 0", "");
    check(&of, "%{content_type}|%{errormsg}|%{exitcode}", "text/html||0", "");
    check(&of, "%{time_total} %{time_starttransfer} %{time_pretransfer}",
          "2.000000 1.991000 1.986000", "");
    check(&of, "%{time_appconnect} %{time_connect} %{time_namelookup} %{time_redirect}",
          "1.986000 1.983000 1.981000 0.500000", "");
    check(&of, "%header{SET-cookie}%header{none}", "a=1", "");
    of.version = 20;
    check(&of, "%{http_version}", "2", "");
    of.timings.tls_ns = 0;
    check(&of, "%{time_appconnect} %{time_pretransfer}", "0.000000 1.983000", "");
    of.status = 0;
    of.version = 0;
    of.remote_address = hh_slice_of("/run/x.sock");
    check(&of, "%{http_code} %{http_version} %{remote_port} %{remote_ip}", "000 0 0 ", "");
    check(&of, "%{time_connect} %{time_total}", "0.000000 2.000000", "");
}

static void reads_escapes(void **state)
{
    (void)state;
    cli_writeout_facts of = facts();
    check(&of, "a\\nb\\tc\\rd\\qe\\", "a\nb\tc\rd\\qe\\", "");
    check(&of, "100%% %x %", "100% %x %", "");
    check(&of, "%{http_code", "%{http_code", "");
    check(&of, "<%{nope}>", "<>", "hyperhttp: unknown --write-out variable: 'nope'\n");
    check(&of, "<%{}>", "<>", "hyperhttp: unknown --write-out variable: ''\n");
}

static void switches_streams(void **state)
{
    (void)state;
    cli_writeout_facts of = facts();
    check(&of, "a%{stderr}b%{stdout}c", "ac", "b");
    check(&of, "a%{onerror}b", "a", "");
    of.exit = 22;
    check(&of, "a%{onerror}b", "ab", "");
}

static void writes_json(void **state)
{
    (void)state;
    cli_writeout_facts of = facts();
    cli_text out = {0};
    cli_text err = {0};
    cli_writeout_format("%{json}", &of, &out, &err);
    json_t *root = json_loads(cli_text_string(&out), 0, NULL);
    assert_non_null(root);
    assert_int_equal(json_integer_value(json_object_get(root, "http_code")), 200);
    assert_string_equal(json_string_value(json_object_get(root, "http_version")), "1.1");
    assert_string_equal(json_string_value(json_object_get(root, "remote_ip")), "2001:db8::1");
    assert_int_equal(json_integer_value(json_object_get(root, "remote_port")), 443);
    assert_true(json_is_real(json_object_get(root, "time_total")));
    assert_true(json_is_null(json_object_get(root, "errormsg")));
    json_decref(root);
    cli_text_clear(&out);
    cli_writeout_format("%{header_json}", &of, &out, &err);
    root = json_loads(cli_text_string(&out), 0, NULL);
    assert_non_null(root);
    const json_t *cookies = json_object_get(root, "set-cookie");
    assert_int_equal(json_array_size(cookies), 2);
    assert_string_equal(json_string_value(json_array_get(cookies, 1)), "b=\"2\"");
    json_decref(root);
    cli_text_finish(&out);
    cli_text_finish(&err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_variables),
        cmocka_unit_test(reads_escapes),
        cmocka_unit_test(switches_streams),
        cmocka_unit_test(writes_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
