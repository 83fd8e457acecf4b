/*
 * test_sentence.c - the engine's sentences in the words of the command line.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "sentence.h"

static void check(const char *message, cli_scheme scheme, const char *wanted)
{
    cli_text out = {0};
    cli_sentence_add(&out, message, scheme);
    assert_string_equal(cli_text_string(&out), wanted);
    cli_text_finish(&out);
}

static void names_options(void **state)
{
    (void)state;
    check("give its CA with ca_file", CLI_SCHEME_GIVEN, "give its CA with --cacert");
    check("cert_file x holds no key; key_file: none", CLI_SCHEME_GIVEN,
          "--cert x holds no key; --key: none");
    check("at http://h; max_redirects sets how many", CLI_SCHEME_GIVEN,
          "at http://h; --max-redirs sets how many");
}

static void leaves_other_words(void **state)
{
    (void)state;
    static const char *const same[] = {
        "",
        " ",
        "a  b ",
        "_",
        "http://h/ca_file?cert_file",
        "ca_files my_ca_file",
        "ca_file.pem",
        "ca_file/x",
        "plain words",
    };
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        check(same[i], CLI_SCHEME_GIVEN, same[i]);
}

static void drops_the_guess(void **state)
{
    (void)state;
    check("\"http://a b\" is not a URL: its host", CLI_SCHEME_GUESSED,
          "\"a b\" is not a URL: its host");
    check("\"http://a b\" is not a URL: its host", CLI_SCHEME_GIVEN,
          "\"http://a b\" is not a URL: its host");
    check("connect to \"http://x\"", CLI_SCHEME_GUESSED, "connect to \"http://x\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_options),
        cmocka_unit_test(leaves_other_words),
        cmocka_unit_test(drops_the_guess),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
