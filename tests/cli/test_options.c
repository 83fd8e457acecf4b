/*
 * test_options.c - the option parser: spellings, values, mistakes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "options.h"

typedef struct target {
    int flag;
    int other;
    const char *text;
    cli_list list;
    uint64_t count;
    uint64_t size;
    int64_t ms;
    double rate;
} target;

static const cli_option table[] = {
    {'f', "flag", CLI_OPTION_FLAG, offsetof(target, flag), 7, NULL, "a flag"},
    {'o', "other", CLI_OPTION_FLAG, offsetof(target, other), 1, NULL, NULL},
    {'X', "text", CLI_OPTION_TEXT, offsetof(target, text), 0, "TEXT", "a text"},
    {'d', "data", CLI_OPTION_LIST, offsetof(target, list), 3, "DATA", "data"},
    {'O', "mark", CLI_OPTION_MARK, offsetof(target, list), 4, NULL, "mark"},
    {0, "count", CLI_OPTION_COUNT, offsetof(target, count), 0, "N", "count"},
    {0, "size", CLI_OPTION_SIZE, offsetof(target, size), 0, "BYTES", "size"},
    {'m', "time", CLI_OPTION_SECONDS, offsetof(target, ms), 0, "SECONDS", "time"},
    {0, "rate", CLI_OPTION_RATE, offsetof(target, rate), 0, "R", "rate"},
};

typedef struct outcome {
    hh_status status;
    target target;
    cli_list operands;
    cli_text problem;
} outcome;

static void parse(outcome *out, const char *const *words)
{
    char *argv[16];
    int argc = 0;
    memset(out, 0, sizeof(*out));
    for (; words[argc] != NULL; argc++)
        argv[argc] = strdup(words[argc]);
    cli_option_set set = {"All", table, sizeof(table) / sizeof(table[0]), &out->target};
    cli_command_line line = {&set, 1, &out->operands, 9};
    out->status = cli_options_parse(&line, argc, argv, &out->problem);
    for (int i = 0; i < argc; i++) {
        /* The texts are borrowed from argv: look before freeing. */
        if (out->target.text == argv[i])
            out->target.text = "whole";
    }
    for (size_t i = 0; i < out->operands.count; i++)
        out->operands.entries[i].text = strdup(out->operands.entries[i].text);
    for (size_t i = 0; i < out->target.list.count; i++)
        if (out->target.list.entries[i].text != NULL)
            out->target.list.entries[i].text = strdup(out->target.list.entries[i].text);
    if (out->target.text != NULL)
        out->target.text = strdup(out->target.text);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
}

static void free_list(cli_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        char *text;
        memcpy(&text, &list->entries[i].text, sizeof(text));
        free(text);
    }
    cli_list_finish(list);
}

static void done(outcome *out)
{
    char *text;
    memcpy(&text, &out->target.text, sizeof(text));
    free(text);
    free_list(&out->operands);
    free_list(&out->target.list);
    cli_text_finish(&out->problem);
}

#define WORDS(...)                                                                                 \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

static void reads_spellings(void **state)
{
    (void)state;
    outcome out;
    parse(&out,
          WORDS("-foXPOST", "a", "-d", "1", "--data=2", "--data", "3", "-O", "b", "--", "-f"));
    assert_int_equal(out.status, HH_OK);
    assert_int_equal(out.target.flag, 7);
    assert_int_equal(out.target.other, 1);
    assert_string_equal(out.target.text, "POST");
    assert_int_equal(out.operands.count, 3);
    assert_string_equal(out.operands.entries[0].text, "a");
    assert_string_equal(out.operands.entries[1].text, "b");
    assert_string_equal(out.operands.entries[2].text, "-f");
    assert_int_equal(out.operands.entries[2].tag, 9);
    assert_int_equal(out.target.list.count, 4);
    assert_string_equal(out.target.list.entries[0].text, "1");
    assert_string_equal(out.target.list.entries[1].text, "2");
    assert_string_equal(out.target.list.entries[2].text, "3");
    assert_int_equal(out.target.list.entries[2].tag, 3);
    assert_int_equal(out.target.list.entries[3].tag, 4);
    assert_null(out.target.list.entries[3].text);
    done(&out);
}

static void keeps_odd_values(void **state)
{
    (void)state;
    outcome out;
    parse(&out, WORDS("-X", "-f", "--data=", "-", "--data=a=b", "-X", ""));
    assert_int_equal(out.status, HH_OK);
    assert_int_equal(out.target.flag, 0);
    assert_string_equal(out.target.list.entries[0].text, "");
    assert_string_equal(out.target.list.entries[1].text, "a=b");
    assert_string_equal(out.operands.entries[0].text, "-");
    done(&out);
}

static void reads_numbers(void **state)
{
    (void)state;
    outcome out;
    parse(&out, WORDS("--count", "18446744073709551615", "--size=3k", "-m1.5", "--rate", "0.25"));
    assert_int_equal(out.status, HH_OK);
    assert_true(out.target.count == UINT64_MAX);
    assert_int_equal(out.target.size, 3072);
    assert_int_equal(out.target.ms, 1500);
    assert_true(out.target.rate > 0.249 && out.target.rate < 0.251);
    done(&out);
}

static void names_mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *words[4];
        const char *sentence;
    } cases[] = {
        {{"--nope"}, "option --nope is unknown"},
        {{"--nope=3"}, "option --nope is unknown"},
        {{"-fz"}, "option -z is unknown"},
        {{"-X"}, "option -X wants a value"},
        {{"--text"}, "option --text wants a value"},
        {{"--flag=1"}, "option --flag takes no value"},
        {{"--count", "-1"}, "option --count wants a whole number, not '-1'"},
        {{"--count", ""}, "option --count wants a whole number, not ''"},
        {{"--count", "18446744073709551616"},
         "option --count wants a whole number, not '18446744073709551616'"},
        {{"--size", "1x"}, "option --size wants a number of bytes, not '1x'"},
        {{"-mabc"}, "option -m wants a number of seconds, not 'abc'"},
        {{"--time", "inf"}, "option --time wants a number of seconds, not 'inf'"},
        {{"--rate", "0"}, "option --rate wants a number above zero, not '0'"},
        {{"--fla"}, "option --fla is unknown"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        outcome out;
        parse(&out, cases[i].words);
        assert_int_equal(out.status, HH_ERR_INVALID_ARGUMENT);
        assert_string_equal(cli_text_string(&out.problem), cases[i].sentence);
        done(&out);
    }
}

static void parses_values(void **state)
{
    (void)state;
    uint64_t number;
    int64_t ms;
    double rate;
    assert_int_equal(cli_parse_size("2M", &number), HH_OK);
    assert_int_equal(number, 2u << 20);
    assert_int_equal(cli_parse_size("16777216T", &number), HH_ERR_INVALID_ARGUMENT);
    assert_int_equal(cli_parse_size("k", &number), HH_ERR_INVALID_ARGUMENT);
    assert_int_equal(cli_parse_seconds("0.0001", &ms), HH_OK);
    assert_int_equal(ms, 1);
    assert_int_equal(cli_parse_seconds("0", &ms), HH_OK);
    assert_int_equal(ms, 0);
    assert_int_equal(cli_parse_seconds("1e99", &ms), HH_ERR_INVALID_ARGUMENT);
    assert_int_equal(cli_parse_seconds("1.2.3", &ms), HH_ERR_INVALID_ARGUMENT);
    assert_int_equal(cli_parse_seconds(".", &ms), HH_ERR_INVALID_ARGUMENT);
    assert_int_equal(cli_parse_rate("nan", &rate), HH_ERR_INVALID_ARGUMENT);
}

static void prints_help_in_80_columns(void **state)
{
    (void)state;
    static const cli_option rows[] = {
        {'a', "a-long-name-that-needs-its-own-line", CLI_OPTION_TEXT, 0, 0, "VALUE",
         "words that go on and on and on until they have to be broken somewhere, twice even if "
         "the terminal is as wide as terminals used to be"},
    };
    cli_option_set set = {"Rows", rows, 1, NULL};
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    cli_options_print_help(out, &set, 1);
    fclose(out);
    size_t column = 0;
    for (size_t i = 0; i < length; i++) {
        column = text[i] == '\n' ? 0 : column + 1;
        assert_true(column <= 80);
    }
    assert_non_null(strstr(text, "somewhere,"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_spellings), cmocka_unit_test(keeps_odd_values),
        cmocka_unit_test(reads_numbers),   cmocka_unit_test(names_mistakes),
        cmocka_unit_test(parses_values),   cmocka_unit_test(prints_help_in_80_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
