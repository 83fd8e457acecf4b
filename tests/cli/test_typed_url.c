/*
 * test_typed_url.c - URLs with and without a scheme.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "typed_url.h"

static void guesses_schemes(void **state)
{
    (void)state;
    static const struct {
        const char *typed;
        const char *url;
        cli_scheme scheme;
    } rows[] = {
        {"example.org", "http://example.org", CLI_SCHEME_GUESSED},
        {"localhost:80/x", "http://localhost:80/x", CLI_SCHEME_GUESSED},
        {" \thttp://h/", "http://h/", CLI_SCHEME_GIVEN},
        {"HTTPS://h/", "HTTPS://h/", CLI_SCHEME_GIVEN},
        {"h/?u=http://x", "http://h/?u=http://x", CLI_SCHEME_GUESSED},
        {"://h", "http://://h", CLI_SCHEME_GUESSED},
        {"[::1]:80", "http://[::1]:80", CLI_SCHEME_GUESSED},
        {"", "http://", CLI_SCHEME_GUESSED},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cli_text out = {0};
        cli_scheme scheme = CLI_SCHEME_GIVEN;
        assert_int_equal(cli_guess_scheme(rows[i].typed, &out, &scheme), HH_OK);
        assert_string_equal(cli_text_string(&out), rows[i].url);
        assert_int_equal(scheme, rows[i].scheme);
        cli_text_clear(&out);
        assert_int_equal(cli_guess_scheme(rows[i].typed, &out, NULL), HH_OK);
        assert_string_equal(cli_text_string(&out), rows[i].url);
        cli_text_finish(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guesses_schemes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
