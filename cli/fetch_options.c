/*
 * fetch_options.c - see fetch_options.h.
 */
#include "fetch_options.h"

#include "files.h"

#define FIELD(name) offsetof(fetch_options, name)

const char fetch_usage[] = "usage: hyperhttp [options] URL...   (hyperhttp --help lists them)";

static const cli_option body_options[] = {
    {'d', "data", CLI_OPTION_LIST, FIELD(data), CLI_DATA_FORM, "DATA",
     "send DATA as a form by POST; @FILE reads it, without line ends"},
    {0, "data-raw", CLI_OPTION_LIST, FIELD(data), CLI_DATA_RAW, "DATA",
     "the same, but '@' means nothing"},
    {0, "data-ascii", CLI_OPTION_LIST, FIELD(data), CLI_DATA_FORM, "DATA", NULL},
    {0, "data-binary", CLI_OPTION_LIST, FIELD(data), CLI_DATA_BINARY, "DATA",
     "the same, files as they are"},
    {0, "data-urlencode", CLI_OPTION_LIST, FIELD(data), CLI_DATA_URLENCODE, "DATA",
     "the same, percent-encoded: TEXT, NAME=TEXT, @FILE or NAME@FILE"},
    {0, "json", CLI_OPTION_LIST, FIELD(data), CLI_DATA_JSON, "DATA",
     "send JSON by POST, and ask for JSON"},
    {'G', "get", CLI_OPTION_FLAG, FIELD(get), 1, NULL, "put the data into the URL's query"},
    {'I', "head", CLI_OPTION_FLAG, FIELD(head), 1, NULL, "ask for the headers only"},
    {0, "compressed", CLI_OPTION_FLAG, FIELD(compressed), 1, NULL,
     "ask for compression, and undo it"},
    {0, "url", CLI_OPTION_LIST, FIELD(urls), 0, "URL", "one more URL"},
};

static const cli_option output_options[] = {
    {'o', "output", CLI_OPTION_LIST, FIELD(outputs), CLI_OUTPUT_NAMED, "FILE",
     "write the answer to FILE; '-' is standard output"},
    {'O', "remote-name", CLI_OPTION_MARK, FIELD(outputs), CLI_OUTPUT_REMOTE, NULL,
     "write it to a file named as in the URL"},
    {0, "output-dir", CLI_OPTION_TEXT, FIELD(output_directory), 0, "DIR",
     "put those files into DIR"},
    {0, "create-dirs", CLI_OPTION_FLAG, FIELD(create_directories), 1, NULL,
     "make directories that are missing"},
    {'i', "include", CLI_OPTION_FLAG, FIELD(include), 1, NULL, "print the headers, too"},
    {'w', "write-out", CLI_OPTION_TEXT, FIELD(write_out), 0, "FORMAT",
     "print this at the end; %{http_code}, %{json} and so on"},
    {'s', "silent", CLI_OPTION_FLAG, FIELD(silent), 1, NULL, "no progress, no error sentence"},
    {'S', "show-error", CLI_OPTION_FLAG, FIELD(show_error), 1, NULL,
     "with -s: the error sentence, still"},
    {'v', "verbose", CLI_OPTION_FLAG, FIELD(verbose), 1, NULL, "tell the story"},
    {'#', "progress-bar", CLI_OPTION_FLAG, FIELD(bar), 1, NULL, "show progress as a bar"},
    {0, "no-progress-meter", CLI_OPTION_FLAG, FIELD(no_meter), 1, NULL, "show no progress"},
    {'N', "no-buffer", CLI_OPTION_FLAG, FIELD(no_buffer), 1, NULL,
     "accepted; output is never held back"},
    {0, "fail-with-body", CLI_OPTION_FLAG, FIELD(fail_with_body), 1, NULL,
     "as -f, but keep the body"},
    {0, "fail-early", CLI_OPTION_FLAG, FIELD(fail_early), 1, NULL,
     "stop at the first URL that fails"},
    {0, "max-filesize", CLI_OPTION_SIZE, FIELD(max_bytes), 0, "BYTES",
     "an answer may have so many bytes; k, M and G are understood"},
};

static const cli_option retry_options[] = {
    {'m', "max-time", CLI_OPTION_SECONDS, FIELD(common.total_timeout_ms), 0, "SECONDS",
     "time for the whole of one transfer"},
    {0, "retry", CLI_OPTION_COUNT, FIELD(retries), 0, "N",
     "try again after time-outs and the statuses 408 429 500 502 503 504"},
    {0, "retry-delay", CLI_OPTION_SECONDS, FIELD(retry_delay_ms), 0, "SECONDS",
     "wait so long between (1 s, doubling; Retry-After counts)"},
    {0, "retry-max-time", CLI_OPTION_SECONDS, FIELD(retry_max_time_ms), 0, "SECONDS",
     "no retry past so much time"},
    {0, "retry-connrefused", CLI_OPTION_FLAG, FIELD(retry_connection_refused), 1, NULL,
     "a refused connection counts, too"},
    {0, "retry-all-errors", CLI_OPTION_FLAG, FIELD(retry_all_errors), 1, NULL,
     "every failure counts"},
    {'h', "help", CLI_OPTION_FLAG, FIELD(help), 1, NULL, "this text"},
    {'V', "version", CLI_OPTION_FLAG, FIELD(version), 1, NULL, "the version"},
};

#define SET_COUNT 5

static void get_sets(fetch_options *options, cli_option_set sets[SET_COUNT])
{
    const cli_option_set own[] = {
        {"Body", CLI_OPTION_ROWS(body_options), options},
        {"Output", CLI_OPTION_ROWS(output_options), options},
        {"Time and retries", CLI_OPTION_ROWS(retry_options), options},
    };
    sets[0] = cli_common_request_set(&options->common);
    sets[1] = own[0];
    sets[2] = own[1];
    sets[3] = own[2];
    sets[4] = cli_common_connection_set(&options->common);
}

void fetch_options_init(fetch_options *options)
{
    memset(options, 0, sizeof(*options));
    cli_common_init(&options->common);
    cli_body_init(&options->body);
}

void fetch_options_finish(fetch_options *options)
{
    cli_common_finish(&options->common);
    cli_list_finish(&options->urls);
    cli_list_finish(&options->outputs);
    cli_list_finish(&options->data);
    cli_body_finish(&options->body);
    cli_text_finish(&options->write_out_text);
}

hh_status fetch_options_parse(fetch_options *options, int argc, char **argv, cli_text *problem)
{
    cli_option_set sets[SET_COUNT];
    get_sets(options, sets);
    cli_command_line line = {sets, SET_COUNT, &options->urls, 0};
    hh_status status = cli_options_parse(&line, argc, argv, problem);
    if (status != HH_OK || options->help || options->version)
        return status;
    if (options->urls.count == 0) {
        cli_text_add_string(problem, "no URL given");
        return HH_ERR_INVALID_ARGUMENT;
    }
    if (options->head && options->data.count > 0 && !options->get) {
        cli_text_add_string(problem, "-I and a body exclude each other");
        return HH_ERR_INVALID_ARGUMENT;
    }
    const char *referer = options->common.referer;
    if (referer != NULL && strlen(referer) >= 5 &&
        strcmp(referer + strlen(referer) - 5, ";auto") == 0) {
        cli_text_add_string(problem, "option -e can't set the referer of redirects (;auto)");
        return HH_ERR_INVALID_ARGUMENT;
    }
    if (options->common.fail && options->fail_with_body) {
        cli_text_add_string(problem, "-f and --fail-with-body exclude each other");
        return HH_ERR_INVALID_ARGUMENT;
    }
    return HH_OK;
}

static hh_status add_default(cli_fields *fields, const char *name, const char *value)
{
    if (cli_fields_has(fields, name))
        return HH_OK;
    return cli_fields_add(fields, hh_slice_of(name), hh_slice_of(value), CLI_FIELD_SEND);
}

static hh_status prepare_fields(fetch_options *options)
{
    cli_fields *fields = &options->common.fields;
    hh_status status = HH_OK;
    if (!options->body.is_present || options->get)
        return HH_OK;
    if (options->body.is_json) {
        status = add_default(fields, "Content-Type", "application/json");
        if (status == HH_OK)
            status = add_default(fields, "Accept", "application/json");
        return status;
    }
    return add_default(fields, "Content-Type", "application/x-www-form-urlencoded");
}

static void choose_method(fetch_options *options)
{
    if (options->common.method != NULL)
        options->method = options->common.method;
    else if (options->head)
        options->method = "HEAD";
    else
        options->method = options->body.is_present && !options->get ? "POST" : "GET";
}

hh_status fetch_options_prepare(fetch_options *options, cli_exit *exit, cli_text *problem)
{
    hh_status status = cli_common_prepare(&options->common, exit, problem);
    if (status != HH_OK)
        return status;
    status = cli_body_build(&options->body, &options->data, problem);
    if (status == HH_OK)
        status = prepare_fields(options);
    if (status == HH_OK && options->get && options->body.descriptor >= 0) {
        cli_text_add_string(problem, "the file is too large for a URL");
        status = HH_ERR_INVALID_ARGUMENT;
    }
    if (status == HH_OK && options->write_out != NULL && options->write_out[0] == '@') {
        status = cli_file_read(options->write_out + 1, &options->write_out_text, problem);
        options->write_out = cli_text_string(&options->write_out_text);
    }
    if (status == HH_ERR_NO_MEMORY) {
        *exit = CLI_EXIT_NO_MEMORY;
        cli_text_add_string(problem, "out of memory");
    }
    choose_method(options);
    return status;
}

void fetch_options_print_help(void)
{
    fetch_options options;
    fetch_options_init(&options);
    cli_option_set sets[SET_COUNT];
    get_sets(&options, sets);
    fputs("usage: hyperhttp [options] URL...\n"
          "       hyperhttp batch [options] [URL...]    many requests at once\n"
          "\n"
          "Sends one request for each URL; options are spelled as curl spells them.\n",
          stdout);
    cli_options_print_help(stdout, sets, SET_COUNT);
    fetch_options_finish(&options);
}

cli_retry_policy fetch_retry_policy(const fetch_options *options)
{
    cli_retry_policy policy = {
        .retries = options->retries,
        .delay_ms = options->retry_delay_ms,
        .max_time_ms = options->retry_max_time_ms,
        .connection_refused = options->retry_connection_refused,
        .all_errors = options->retry_all_errors,
    };
    return policy;
}
