/*
 * batch.c - see batch.h.
 *
 * Opens everything before anything is sent: the list, the directory, the results. Then batch_run.c
 * runs, and the summary is printed: on standard output, unless the results go there.
 */
#include "batch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "batch_directory.h"
#include "batch_run.h"
#include "clock.h"
#include "files.h"
#include "report.h"
#include "sentence.h"
#include "signals.h"

/* Beside a socket and a file for each request. */
#define OTHER_DESCRIPTORS 64

static const char *const out_of_memory = "out of memory";

/* Raises the limit on descriptors as far as it goes, and stays below what it comes to. */
static void fit_descriptors(batch_options *options)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0 && getrlimit(RLIMIT_NOFILE, &limit) != 0)
            return;
    }
    uint64_t each = options->output_directory != NULL ? 2 : 1;
    uint64_t most = limit.rlim_cur > OTHER_DESCRIPTORS + each
                        ? ((uint64_t)limit.rlim_cur - OTHER_DESCRIPTORS) / each
                        : 1;
    if (options->concurrency <= most)
        return;
    char sentence[128];
    snprintf(sentence, sizeof(sentence),
             "the system's limit on open files allows a concurrency of %llu only",
             (unsigned long long)most);
    cli_report_warning(sentence);
    options->concurrency = most;
}

static hh_status create_client(batch_run *run)
{
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    hh_error error;
    memset(&error, 0, sizeof(error));
    cli_common_client_options(&run->options.common, &options);
    options.max_connections = (unsigned)run->options.concurrency;
    if (run->options.per_host > 0 && run->options.per_host < run->options.concurrency)
        options.max_connections_per_origin = (unsigned)run->options.per_host;
    options.max_response_bytes = run->options.max_bytes;
    options.decoding = run->options.raw ? HH_DECODING_NONE : HH_DECODING_AUTO;
    hh_status status = hh_client_create_error(&options, &run->client, &error);
    if (status != HH_OK) {
        cli_sentence_add(&run->problem, error.message, CLI_SCHEME_GIVEN);
        return status;
    }
    const char *method = run->options.common.method;
    return cli_common_check(&run->options.common, run->client, method != NULL ? method : "GET",
                            &run->problem);
}

static hh_status open_all(batch_run *run, cli_exit *exit)
{
    const batch_options *options = &run->options;
    batch_results_mode mode = options->resume ? BATCH_RESULTS_RESUME : BATCH_RESULTS_NEW;
    hh_status status = cli_common_prepare(&run->options.common, exit, &run->problem);
    *exit = CLI_EXIT_USAGE;
    if (status == HH_OK)
        status = batch_input_open(&run->input, options, &run->problem);
    if (status == HH_OK)
        status = create_client(run);
    if (status == HH_OK && options->output_directory != NULL)
        status = batch_directory_open(options->output_directory, &run->directory, &run->problem);
    if (status == HH_OK && run->directory >= 0)
        status = batch_paths_init(&run->paths);
    if (status == HH_OK)
        status = batch_results_open(&run->results, options->results, run->directory, mode,
                                    &run->resume, &run->problem);
    if (status == HH_OK)
        status = batch_hosts_init(&run->hosts, options->per_host);
    if (status == HH_ERR_NO_MEMORY) {
        cli_text_clear(&run->problem);
        cli_text_add_string(&run->problem, out_of_memory);
    }
    return status;
}

static cli_progress_style choose_style(const batch_options *options)
{
    if (options->quiet || strcmp(options->progress, "never") == 0)
        return CLI_PROGRESS_NONE;
    if (strcmp(options->progress, "always") == 0 || isatty(STDERR_FILENO))
        return CLI_PROGRESS_LINE;
    return CLI_PROGRESS_NONE;
}

/* Returns 0, or the errno that kept it from being printed. */
static int print_summary(const batch_run *run)
{
    cli_text text = {0};
    int is_piped = run->options.results != NULL && strcmp(run->options.results, "-") == 0;
    if (run->options.quiet || run->stop == BATCH_STOP_QUIET)
        return 0;
    if (run->stop == BATCH_STOP_SIGNAL)
        cli_text_add_string(&text, "interrupted; this was done:\n");
    batch_summary_format(run->summary, &text);
    int os_error = cli_file_write(is_piped ? STDERR_FILENO : STDOUT_FILENO, cli_text_slice(&text));
    cli_text_finish(&text);
    return os_error;
}

static cli_exit run_opened(batch_run *run)
{
    cli_pace_init(&run->pace, run->options.rate);
    cli_progress_start(&run->progress, choose_style(&run->options));
    run->summary->started_ns = cli_clock_ns();
    batch_run_loop(run);
    if (run->stop == BATCH_STOP_BROKEN)
        fprintf(stderr, "hyperhttp: %s\n", cli_text_string(&run->problem));
    int os_error = print_summary(run);
    if (run->stop == BATCH_STOP_SIGNAL)
        return cli_signals_received();
    if (os_error != 0 && os_error != EPIPE)
        fprintf(stderr, "hyperhttp: can't write the summary: %s\n", strerror(os_error));
    if (os_error != 0 || run->stop != BATCH_STOP_NOT || run->summary->failed > 0 ||
        run->summary->invalid > 0)
        return CLI_EXIT_BATCH_FAILURES;
    return CLI_EXIT_OK;
}

static void finish(batch_run *run)
{
    batch_hosts_finish(&run->hosts);
    hh_client_destroy(run->client);
    batch_results_finish(&run->results);
    batch_paths_finish(&run->paths);
    batch_input_finish(&run->input);
    cli_resume_finish(&run->resume);
    cli_text_finish(&run->problem);
    batch_options_finish(&run->options);
    if (run->directory >= 0)
        close(run->directory);
    free(run->summary);
}

int cli_batch(int argc, char **argv)
{
    batch_run run;
    memset(&run, 0, sizeof(run));
    run.directory = -1;
    run.input.lines.descriptor = -1;
    batch_options_init(&run.options);
    batch_results_init(&run.results);
    cli_exit exit = CLI_EXIT_OK;
    hh_status status = batch_options_parse(&run.options, argc, argv, &run.problem);
    run.summary = calloc(1, sizeof(*run.summary));
    if (run.summary == NULL)
        status = HH_ERR_NO_MEMORY;
    if (status == HH_OK && run.options.help) {
        batch_options_print_help();
        finish(&run);
        return 0;
    }
    if (status == HH_OK) {
        cli_signals_init();
        fit_descriptors(&run.options);
        status = open_all(&run, &exit);
    }
    if (status == HH_OK)
        exit = run_opened(&run);
    else if (cli_signals_received() != CLI_EXIT_OK)
        exit = cli_signals_received();
    else
        exit = cli_report_usage(batch_usage, run.problem.length > 0 ? cli_text_string(&run.problem)
                                                                    : out_of_memory);
    finish(&run);
    return (int)exit;
}
