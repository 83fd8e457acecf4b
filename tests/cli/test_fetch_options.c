/*
 * test_fetch_options.c - the fetch command's options: what they make of a request.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fetch_options.h"
#include "scratch.h"

typedef struct parsed {
    fetch_options options;
    hh_status status;
    cli_exit exit;
    cli_text problem;
    char *words[16]; /* as a process has them: its own to change */
    int count;
} parsed;

static void parse(parsed *out, int argc, const char *const *words)
{
    memset(out, 0, sizeof(*out));
    for (; out->count < argc; out->count++)
        out->words[out->count] = strdup(words[out->count]);
    fetch_options_init(&out->options);
    out->status = fetch_options_parse(&out->options, argc, out->words, &out->problem);
    if (out->status == HH_OK)
        out->status = fetch_options_prepare(&out->options, &out->exit, &out->problem);
}

static void done(parsed *out)
{
    fetch_options_finish(&out->options);
    cli_text_finish(&out->problem);
    for (int i = 0; i < out->count; i++)
        free(out->words[i]);
}

#define PARSE(out, ...)                                                                            \
    do {                                                                                           \
        const char *const words_[] = {__VA_ARGS__};                                                \
        parse(out, (int)(sizeof(words_) / sizeof(words_[0])), words_);                             \
    } while (0)

static const char *field(const parsed *in, const char *name)
{
    for (size_t i = 0; i < in->options.common.fields.count; i++) {
        if (strcmp(in->options.common.fields.fields[i].name, name) == 0)
            return in->options.common.fields.fields[i].value;
    }
    return NULL;
}

static void chooses_the_method(void **state)
{
    (void)state;
    parsed in;
    PARSE(&in, "http://h/");
    assert_int_equal(in.status, HH_OK);
    assert_string_equal(in.options.method, "GET");
    done(&in);
    PARSE(&in, "-I", "http://h/");
    assert_string_equal(in.options.method, "HEAD");
    done(&in);
    PARSE(&in, "-da=1", "http://h/");
    assert_string_equal(in.options.method, "POST");
    assert_string_equal(field(&in, "Content-Type"), "application/x-www-form-urlencoded");
    done(&in);
    PARSE(&in, "-d", "a=1", "-XPUT", "http://h/");
    assert_string_equal(in.options.method, "PUT");
    done(&in);
    PARSE(&in, "-G", "-d", "a=1", "http://h/");
    assert_string_equal(in.options.method, "GET");
    assert_null(field(&in, "Content-Type"));
    done(&in);
}

static void joins_the_body(void **state)
{
    (void)state;
    parsed in;
    scratch at;
    scratch_init(&at);
    scratch_write(&at, "f", "x=1\r\ny\n");
    char spelled[600];
    snprintf(spelled, sizeof(spelled), "@%s", scratch_path(&at, "f"));
    PARSE(&in, "-d", "a", "--data-raw", "@b", "-d", spelled, "--data-binary", spelled, "http://h/");
    assert_int_equal(in.status, HH_OK);
    assert_string_equal(cli_text_string(&in.options.body.bytes), "a&@b&x=1y&x=1\r\ny\n");
    done(&in);
    snprintf(spelled, sizeof(spelled), "n@%s", scratch_path(&at, "f"));
    PARSE(&in, "--data-urlencode", "a b", "--data-urlencode", "=c&d", "--data-urlencode",
          "e=\xC3\xA9~", "--data-urlencode", spelled, "http://h/");
    assert_string_equal(cli_text_string(&in.options.body.bytes),
                        "a+b&c%26d&e=%C3%A9~&n=x%3D1%0D%0Ay%0A");
    done(&in);
    PARSE(&in, "--json", "{\"a\":1", "--json", "}", "http://h/");
    assert_string_equal(cli_text_string(&in.options.body.bytes), "{\"a\":1}");
    assert_string_equal(field(&in, "Content-Type"), "application/json");
    assert_string_equal(field(&in, "Accept"), "application/json");
    done(&in);
    PARSE(&in, "--json", "1", "-H", "content-type: text/x", "http://h/");
    assert_null(field(&in, "Content-Type"));
    assert_string_equal(field(&in, "content-type"), "text/x");
    done(&in);
    PARSE(&in, "-d", "@/nonexistent/file", "http://h/");
    assert_int_equal(in.status, HH_ERR_FILE);
    assert_int_equal(in.exit, CLI_EXIT_USAGE);
    done(&in);
    scratch_finish(&at);
}

static void streams_large_files(void **state)
{
    (void)state;
    parsed in;
    scratch at;
    scratch_init(&at);
    scratch_write(&at, "f", "");
    assert_int_equal(truncate(scratch_path(&at, "f"), 3 << 20), 0);
    char spelled[600];
    snprintf(spelled, sizeof(spelled), "@%s", scratch_path(&at, "f"));
    PARSE(&in, "--data-binary", spelled, "http://h/");
    assert_int_equal(in.status, HH_OK);
    assert_true(in.options.body.descriptor >= 0);
    assert_int_equal(in.options.body.file_bytes, 3 << 20);
    assert_int_equal(in.options.body.bytes.length, 0);
    assert_string_equal(in.options.method, "POST");
    done(&in);
    PARSE(&in, "-G", "--data-binary", spelled, "http://h/");
    assert_int_equal(in.status, HH_ERR_INVALID_ARGUMENT);
    done(&in);
    scratch_finish(&at);
}

static void reads_fields(void **state)
{
    (void)state;
    parsed in;
    scratch at;
    scratch_init(&at);
    scratch_write(&at, "h", "X-One: 1\r\n\nX-Two:2\n");
    char spelled[600];
    snprintf(spelled, sizeof(spelled), "@%s", scratch_path(&at, "h"));
    PARSE(&in, "-H", spelled, "-H", "X-Empty;", "-H", "Accept:", "-H", "X:  y  ", "-e", "r",
          "http://h/");
    assert_int_equal(in.status, HH_OK);
    assert_string_equal(field(&in, "X-One"), "1");
    assert_string_equal(field(&in, "X-Two"), "2");
    assert_string_equal(field(&in, "X-Empty"), "");
    assert_string_equal(field(&in, "X"), "y");
    assert_string_equal(field(&in, "Referer"), "r");
    assert_int_equal(in.options.common.fields.fields[3].action, CLI_FIELD_REMOVE);
    done(&in);
    PARSE(&in, "-H", "nonsense", "http://h/");
    assert_int_equal(in.status, HH_ERR_INVALID_ARGUMENT);
    done(&in);
    PARSE(&in, "-H", ": x", "http://h/");
    assert_int_equal(in.status, HH_ERR_INVALID_ARGUMENT);
    done(&in);
    scratch_finish(&at);
}

static void refuses_contradictions(void **state)
{
    (void)state;
    parsed in;
    PARSE(&in, "-s");
    assert_int_equal(in.status, HH_ERR_INVALID_ARGUMENT);
    done(&in);
    PARSE(&in, "-I", "-d", "x", "http://h/");
    assert_int_equal(in.status, HH_ERR_INVALID_ARGUMENT);
    done(&in);
    PARSE(&in, "-f", "--fail-with-body", "http://h/");
    assert_int_equal(in.status, HH_ERR_INVALID_ARGUMENT);
    done(&in);
    static const char *const absent[] = {"-x", "-F", "-T",      "-b",       "-c",
                                         "-K", "-Z", "--http3", "--digest", "--next"};
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
        PARSE(&in, absent[i], "x", "http://h/");
        assert_int_equal(in.status, HH_ERR_INVALID_ARGUMENT);
        assert_non_null(strstr(cli_text_string(&in.problem), "is unknown"));
        done(&in);
    }
    PARSE(&in, "--interface", "eth0", "http://h/");
    assert_int_equal(in.status, HH_ERR_INVALID_ARGUMENT);
    done(&in);
    PARSE(&in, "--max-redirs", "x", "http://h/");
    assert_int_equal(in.status, HH_ERR_INVALID_ARGUMENT);
    done(&in);
    PARSE(&in, "--cacert", "/nonexistent", "http://h/");
    assert_int_equal(in.status, HH_ERR_FILE);
    assert_int_equal(in.exit, CLI_EXIT_CA_FILE);
    done(&in);
    PARSE(&in, "--cert", "/nonexistent:pass", "http://h/");
    assert_int_equal(in.exit, CLI_EXIT_CLIENT_CERTIFICATE);
    assert_string_equal(in.options.common.cert_file, "/nonexistent");
    done(&in);
}

static void configures_the_client(void **state)
{
    (void)state;
    parsed in;
    hh_client_options client = HH_CLIENT_OPTIONS_INIT;
    PARSE(&in, "-k", "-L", "-m", "2.5", "--tlsv1.3", "--max-redirs", "-1", "-u", "me:a:b",
          "--resolve", "h:80:127.0.0.1", "http://h/");
    assert_int_equal(in.status, HH_OK);
    cli_common_client_options(&in.options.common, &client);
    assert_int_equal(client.tls.verify, HH_OFF);
    assert_int_equal(client.tls.min_version, HH_TLS_1_3);
    assert_int_equal(client.redirects, HH_REDIRECTS_FOLLOW);
    assert_int_equal(client.max_redirects, 60);
    assert_int_equal(client.timeout.total_ms, 2500);
    assert_int_equal(client.timeout.read_ms, HH_TIMEOUT_NONE);
    assert_int_equal(client.resolve_count, 1);
    assert_string_equal(client.resolve[0], "h:80:127.0.0.1");
    assert_string_equal(in.options.common.user_name, "me");
    assert_string_equal(in.options.common.password, "a:b");
    done(&in);
    PARSE(&in, "-L", "--max-redirs", "0", "http://h/");
    cli_common_client_options(&in.options.common, &client);
    assert_int_equal(client.redirects, HH_REDIRECTS_MANUAL);
    done(&in);
}

/* As curl has it: the last one counts. */
static void chooses_the_protocol(void **state)
{
    (void)state;
    static const struct {
        const char *first;
        const char *last;
        hh_switch http2;
        hh_switch prior_knowledge;
    } cases[] = {
        {"-s", "-s", HH_ON, HH_OFF},
        {"-s", "--http2", HH_ON, HH_OFF},
        {"-s", "--http1.1", HH_OFF, HH_OFF},
        {"-s", "--http2-prior-knowledge", HH_ON, HH_ON},
        {"--http1.1", "--http2", HH_ON, HH_OFF},
        {"--http2-prior-knowledge", "--http2", HH_ON, HH_OFF},
        {"--http2-prior-knowledge", "--http1.1", HH_OFF, HH_OFF},
        {"--http1.1", "--http2-prior-knowledge", HH_ON, HH_ON},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        parsed in;
        hh_client_options client = HH_CLIENT_OPTIONS_INIT;
        PARSE(&in, cases[i].first, cases[i].last, "http://h/");
        assert_int_equal(in.status, HH_OK);
        cli_common_client_options(&in.options.common, &client);
        assert_int_equal(client.http1, HH_DEFAULT);
        assert_int_equal(client.http2, cases[i].http2);
        assert_int_equal(client.http2_prior_knowledge, cases[i].prior_knowledge);
        done(&in);
    }
}

static void keeps_secrets_out_of_the_process_list(void **state)
{
    (void)state;
    parsed in;
    PARSE(&in, "-u", "me:pass", "-E/dev/null:word", "--pass=phrase", "http://h/");
    assert_string_equal(in.options.common.user, "me:pass");
    assert_string_equal(in.options.common.password, "pass");
    assert_string_equal(in.options.common.cert, "/dev/null:word");
    assert_string_equal(in.options.common.key_password, "phrase");
    assert_string_equal(in.words[1], "       ");
    assert_string_equal(in.words[2], "-E              ");
    assert_string_equal(in.words[3], "--pass=      ");
    done(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chooses_the_method),
        cmocka_unit_test(joins_the_body),
        cmocka_unit_test(streams_large_files),
        cmocka_unit_test(reads_fields),
        cmocka_unit_test(refuses_contradictions),
        cmocka_unit_test(configures_the_client),
        cmocka_unit_test(chooses_the_protocol),
        cmocka_unit_test(keeps_secrets_out_of_the_process_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
