/*
 * batch_options.c - see batch_options.h.
 */
#include "batch_options.h"

#include <unistd.h>

#define FIELD(name) offsetof(batch_options, name)

const char batch_usage[] =
    "usage: hyperhttp batch [options] [-i FILE] [URL...]   (hyperhttp batch --help lists them)";

static const cli_option list_options[] = {
    {'i', "input", CLI_OPTION_TEXT, FIELD(input), 0, "FILE",
     "one URL a line, or JSON Lines with url, method, headers, body, id; '-' is standard input"},
    {0, "concurrency", CLI_OPTION_COUNT, FIELD(concurrency), 0, "N",
     "requests in flight at once (100)"},
    {0, "per-host", CLI_OPTION_COUNT, FIELD(per_host), 0, "N", "of these, to one host and port"},
    {0, "rate", CLI_OPTION_RATE, FIELD(rate), 0, "R", "start at most R requests a second"},
    {0, "timeout", CLI_OPTION_SECONDS, FIELD(common.total_timeout_ms), 0, "SECONDS",
     "time for the whole of one request"},
    {'m', "max-time", CLI_OPTION_SECONDS, FIELD(common.total_timeout_ms), 0, "SECONDS", NULL},
    {0, "max-bytes", CLI_OPTION_SIZE, FIELD(max_bytes), 0, "BYTES",
     "an answer may have so many bytes; k, M and G are understood"},
    {0, "max-filesize", CLI_OPTION_SIZE, FIELD(max_bytes), 0, "BYTES", NULL},
    {0, "raw", CLI_OPTION_FLAG, FIELD(raw), 1, NULL, "don't ask for compression or undo it"},
    {0, "compressed", CLI_OPTION_FLAG, FIELD(compressed), 1, NULL, NULL},
};

static const cli_option result_options[] = {
    {0, "output-dir", CLI_OPTION_TEXT, FIELD(output_directory), 0, "DIR",
     "write each answer to a file in DIR, named by host and path"},
    {0, "jsonl", CLI_OPTION_TEXT, FIELD(results), 0, "FILE",
     "write one result a line, as they come; '-' is standard output"},
    {0, "resume", CLI_OPTION_FLAG, FIELD(resume), 1, NULL,
     "skip what a former run into the same FILE or DIR finished"},
    {0, "progress", CLI_OPTION_TEXT, FIELD(progress), 0, "WHEN",
     "the live line: auto (on a terminal), always or never"},
    {'q', "quiet", CLI_OPTION_FLAG, FIELD(quiet), 1, NULL, "no live line, no summary"},
    {'s', "silent", CLI_OPTION_FLAG, FIELD(quiet), 1, NULL, NULL},
    {'h', "help", CLI_OPTION_FLAG, FIELD(help), 1, NULL, "this text"},
};

#define SET_COUNT 4

static void get_sets(batch_options *options, cli_option_set sets[SET_COUNT])
{
    const cli_option_set own[] = {
        {"Requests", CLI_OPTION_ROWS(list_options), options},
        {"Results", CLI_OPTION_ROWS(result_options), options},
    };
    sets[0] = own[0];
    sets[1] = own[1];
    sets[2] = cli_common_request_set(&options->common);
    sets[2].title = "Every request";
    sets[3] = cli_common_connection_set(&options->common);
}

void batch_options_init(batch_options *options)
{
    memset(options, 0, sizeof(*options));
    cli_common_init(&options->common);
    options->concurrency = BATCH_CONCURRENCY_DEFAULT;
    options->progress = "auto";
}

void batch_options_finish(batch_options *options)
{
    cli_common_finish(&options->common);
    cli_list_finish(&options->urls);
}

static const char *find_mistake(const batch_options *options)
{
    if (options->concurrency == 0 || options->concurrency > BATCH_CONCURRENCY_MAX)
        return "option --concurrency wants a number from 1 to 100000";
    if (strcmp(options->progress, "auto") != 0 && strcmp(options->progress, "always") != 0 &&
        strcmp(options->progress, "never") != 0)
        return "option --progress wants auto, always or never";
    if (options->raw && options->compressed)
        return "--raw and --compressed exclude each other";
    int is_piped = options->results != NULL && strcmp(options->results, "-") == 0;
    if (options->resume && options->output_directory == NULL &&
        (options->results == NULL || is_piped))
        return "--resume wants the --jsonl FILE or the --output-dir of the former run";
    if (options->input == NULL && options->urls.count == 0)
        return "no URL and no list given";
    return NULL;
}

hh_status batch_options_parse(batch_options *options, int argc, char **argv, cli_text *problem)
{
    cli_option_set sets[SET_COUNT];
    get_sets(options, sets);
    cli_command_line line = {sets, SET_COUNT, &options->urls, 0};
    hh_status status = cli_options_parse(&line, argc, argv, problem);
    if (status != HH_OK || options->help)
        return status;
    if (options->input == NULL && options->urls.count == 0 && !isatty(STDIN_FILENO))
        options->input = "-";
    const char *mistake = find_mistake(options);
    if (mistake != NULL) {
        cli_text_add_string(problem, mistake);
        return HH_ERR_INVALID_ARGUMENT;
    }
    return HH_OK;
}

void batch_options_print_help(void)
{
    batch_options options;
    batch_options_init(&options);
    cli_option_set sets[SET_COUNT];
    get_sets(&options, sets);
    fputs("usage: hyperhttp batch [options] [-i FILE] [URL...]\n"
          "\n"
          "Sends many requests at once and tells what came of each. Exit status: 0 when\n"
          "all went well, 1 when some failed, 2 for a mistake on the command line, 130\n"
          "after Ctrl-C.\n",
          stdout);
    cli_options_print_help(stdout, sets, SET_COUNT);
    batch_options_finish(&options);
}
