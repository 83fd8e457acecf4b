/*
 * fetch.c - see fetch.h.
 *
 * All that can be known before sending is checked before sending: options, files to read,
 * directories to write. Then each URL has its tries (transfer.c, retry.c), its error sentence and
 * its -w text. The exit status is the last failure's, 0 when there was none: curl's is that of the
 * last URL, but a failure that a later success hides is of no use to a script.
 */
#include "fetch.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "files.h"
#include "remote_name.h"
#include "report.h"
#include "sentence.h"
#include "signals.h"
#include "transfer.h"
#include "writeout.h"

/* One URL and where its answer goes. */
typedef struct fetch_target {
    const char *given;
    char *url;
    cli_scheme scheme;
    char *path; /* NULL: standard output */
    int is_output_chosen;
} fetch_target;

typedef struct fetch_session {
    fetch_options options;
    hh_client *client;
    fetch_target *targets;
    size_t target_count;
} fetch_session;

static int is_loud(const fetch_options *options)
{
    return !options->silent || options->show_error;
}

static hh_status add_query(const fetch_options *options, const char *url, cli_text *out)
{
    size_t length = strcspn(url, "#");
    cli_text_add(out, url, length);
    cli_text_add_char(out, memchr(url, '?', length) != NULL ? '&' : '?');
    cli_text_add_slice(out, cli_text_slice(&options->body.bytes));
    cli_text_add_string(out, url + length);
    return cli_text_is_good(out) ? HH_OK : HH_ERR_NO_MEMORY;
}

static hh_status prepare_url(const fetch_options *options, fetch_target *target)
{
    cli_text url = {0};
    hh_status status = cli_guess_scheme(target->given, &url, &target->scheme);
    if (status == HH_OK && options->get && options->body.is_present) {
        cli_text whole = {0};
        status = add_query(options, cli_text_string(&url), &whole);
        cli_text_finish(&url);
        url = whole;
    }
    target->url = cli_text_take(&url);
    return status == HH_OK && target->url == NULL ? HH_ERR_NO_MEMORY : status;
}

/* The path an answer is written to; a URL that is none is left for the transfer to complain about.
 */
static hh_status choose_name(const fetch_options *options, const cli_list_entry *choice,
                             const char *url_text, cli_text *out)
{
    if (options->output_directory != NULL)
        cli_text_printf(out, "%s/", options->output_directory);
    if (choice->tag == CLI_OUTPUT_NAMED) {
        cli_text_add_string(out, choice->text);
        return HH_OK;
    }
    hh_url *url;
    if (hh_url_parse(hh_slice_of(url_text), NULL, &url, NULL) != HH_OK) {
        cli_text_clear(out);
        return HH_OK;
    }
    hh_status status = cli_remote_name(hh_url_path(url), out);
    hh_url_destroy(url);
    return status;
}

static hh_status prepare_output(const fetch_options *options, const cli_list_entry *choice,
                                fetch_target *target, cli_exit *exit, cli_text *problem)
{
    if (choice->tag == CLI_OUTPUT_NAMED && strcmp(choice->text, "-") == 0) {
        target->is_output_chosen = 1;
        return HH_OK;
    }
    cli_text path = {0};
    hh_status status = choose_name(options, choice, target->url, &path);
    if (status == HH_ERR_INVALID_ARGUMENT) {
        *exit = CLI_EXIT_WRITE;
        cli_text_printf(problem, "'%s' has no file name for -O; use -o FILE", target->given);
    } else if (status == HH_OK && path.length > 0) {
        if (options->create_directories)
            status = cli_output_make_parents(cli_text_string(&path), problem);
        if (status == HH_OK)
            status = cli_output_check_path(cli_text_string(&path), problem);
        target->path = cli_text_take(&path);
        if (status == HH_OK && target->path == NULL)
            status = HH_ERR_NO_MEMORY;
    }
    cli_text_finish(&path);
    return status;
}

static hh_status prepare_targets(fetch_session *session, cli_exit *exit, cli_text *problem)
{
    const fetch_options *options = &session->options;
    *exit = CLI_EXIT_USAGE;
    session->targets = calloc(options->urls.count, sizeof(fetch_target));
    if (session->targets == NULL)
        return HH_ERR_NO_MEMORY;
    session->target_count = options->urls.count;
    for (size_t i = 0; i < session->target_count; i++) {
        fetch_target *target = &session->targets[i];
        target->given = options->urls.entries[i].text;
        hh_status status = prepare_url(options, target);
        if (status == HH_OK && i < options->outputs.count)
            status = prepare_output(options, &options->outputs.entries[i], target, exit, problem);
        if (status != HH_OK)
            return status;
    }
    if (options->outputs.count > session->target_count && !options->silent)
        cli_report_warning("more outputs than URLs were given");
    return HH_OK;
}

/* Before the first request: what is wrong with all of them. */
static hh_status create_client(fetch_session *session, cli_exit *exit, cli_text *problem)
{
    const cli_common *common = &session->options.common;
    hh_error error;
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    cli_common_client_options(common, &options);
    options.max_response_bytes = session->options.max_bytes;
    hh_status status = hh_client_create_error(&options, &session->client, &error);
    if (status != HH_OK)
        cli_sentence_add(problem, error.message, CLI_SCHEME_GIVEN);
    else
        status = cli_common_check(common, session->client, session->options.method, problem);
    if (status != HH_OK)
        *exit = cli_common_exit(common, status);
    return status;
}

static cli_progress_style choose_style(const fetch_options *options, const fetch_target *target)
{
    if (options->silent || options->no_meter || options->verbose || !isatty(STDERR_FILENO))
        return CLI_PROGRESS_NONE;
    if (target->path == NULL && isatty(STDOUT_FILENO))
        return CLI_PROGRESS_NONE;
    return options->bar ? CLI_PROGRESS_BAR : CLI_PROGRESS_LINE;
}

/* The method of the last request: a redirect may have changed it (RFC 9110 §15.4). */
static const char *method_sent(const char *method, const hh_response *response)
{
    const hh_response *previous = response != NULL ? hh_response_previous(response) : NULL;
    if (previous == NULL)
        return method;
    method = method_sent(method, previous);
    int status = hh_response_status(previous);
    if (status == 303 && strcmp(method, "HEAD") != 0)
        return "GET";
    return (status == 301 || status == 302) && strcmp(method, "POST") == 0 ? "GET" : method;
}

static size_t head_bytes(const hh_response *response)
{
    size_t bytes = 0;
    for (; response != NULL; response = hh_response_previous(response))
        bytes += hh_response_head(response).length;
    return bytes;
}

/* Where an answer that wasn't followed points to; empty when nowhere. */
static hh_url *redirect_target(const hh_response *response)
{
    hh_slice location = hh_response_header(response, "location");
    int status = hh_response_status(response);
    hh_url *base = NULL;
    hh_url *url = NULL;
    if (location.data == NULL || status < 300 || status > 399)
        return NULL;
    if (hh_url_parse(hh_response_url(response), NULL, &base, NULL) == HH_OK &&
        hh_url_parse(location, base, &url, NULL) != HH_OK)
        url = NULL;
    hh_url_destroy(base);
    return url;
}

static void fill_answer(cli_writeout_facts *facts, const hh_response *response, hh_field *fields)
{
    facts->effective_url = hh_response_url(response);
    facts->remote_address = hh_response_remote_address(response);
    facts->content_type = hh_response_header(response, "content-type");
    facts->status = hh_response_status(response);
    facts->version = hh_response_version(response);
    facts->redirect_count = hh_response_redirect_count(response);
    facts->download_bytes = hh_response_wire_bytes(response);
    facts->header_bytes = head_bytes(response);
    uint64_t total_ns = facts->timings.total_ns;
    facts->timings = hh_response_timings(response);
    facts->timings.total_ns = total_ns;
    for (size_t i = 0; fields != NULL && i < hh_response_field_count(response); i++)
        fields[facts->header_count++] = hh_response_field_at(response, i);
    facts->headers = fields;
}

/* What -w prints for one URL. */
static cli_exit write_out(const fetch_session *session, size_t index, const cli_transfer *transfer,
                          uint64_t retries)
{
    const fetch_target *target = &session->targets[index];
    const hh_response *response = transfer->response;
    cli_text out = {0};
    cli_text err = {0};
    cli_writeout_facts facts = {
        .url = target->given,
        .effective_url = hh_slice_of(transfer->url),
        .method = hh_slice_of(method_sent(session->options.method, response)),
        .filename = target->path,
        .error_message = transfer->message,
        .exit = (int)transfer->exit,
        .url_number = index,
        .retry_count = retries,
        .connect_count = transfer->connect_count,
        .upload_bytes = transfer->upload_bytes,
        .timings = {.total_ns = transfer->total_ns},
    };
    hh_field *fields = NULL;
    hh_url *redirect = NULL;
    if (response != NULL) {
        fields = calloc(hh_response_field_count(response) + 1, sizeof(*fields));
        fill_answer(&facts, response, fields);
        redirect = redirect_target(response);
        if (redirect != NULL)
            facts.redirect_url = hh_url_text(redirect);
    }
    cli_writeout_format(session->options.write_out, &facts, &out, &err);
    int os_error = cli_file_write(STDOUT_FILENO, cli_text_slice(&out));
    cli_file_write(STDERR_FILENO, cli_text_slice(&err));
    cli_text_finish(&out);
    cli_text_finish(&err);
    hh_url_destroy(redirect);
    free(fields);
    return os_error == 0 ? CLI_EXIT_OK : CLI_EXIT_WRITE;
}

/* Waits between two tries; 0 when a signal ended it. */
static int wait_for_retry(int64_t wait_ms)
{
    uint64_t until = cli_clock_ns() + (uint64_t)wait_ms * 1000000u;
    while (cli_signals_received() == CLI_EXIT_OK) {
        uint64_t now = cli_clock_ns();
        if (now >= until)
            return 1;
        uint64_t left_ms = (until - now) / 1000000u + 1;
        poll(NULL, 0, left_ms > CLI_TICK_MS ? CLI_TICK_MS : (int)left_ms);
    }
    return 0;
}

static void warn_retry(const fetch_session *session, const cli_transfer *transfer, int64_t wait_ms,
                       uint64_t left)
{
    if (session->options.silent)
        return;
    cli_text text = {0};
    if (transfer->exit == CLI_EXIT_OK || transfer->exit == CLI_EXIT_STATUS)
        cli_text_printf(&text, "the server answered %d", hh_response_status(transfer->response));
    else
        cli_text_add_string(&text, transfer->message);
    cli_text_printf(&text, "; trying again in %g s, %llu %s left", (double)wait_ms / 1000,
                    (unsigned long long)left, left == 1 ? "try" : "tries");
    cli_report_warning(cli_text_string(&text));
    cli_text_finish(&text);
}

static void prepare_transfer(const fetch_session *session, const fetch_target *target,
                             cli_transfer *transfer)
{
    memset(transfer, 0, sizeof(*transfer));
    transfer->client = session->client;
    transfer->options = &session->options;
    transfer->url = target->url;
    transfer->scheme = target->scheme;
    transfer->output_path = target->path;
    transfer->is_output_chosen = target->is_output_chosen;
    cli_progress_start(&transfer->progress, choose_style(&session->options, target));
}

/* Tries until it works or the rules say stop. */
static void run_with_retries(const fetch_session *session, const fetch_target *target,
                             cli_transfer *transfer, uint64_t *retries)
{
    cli_retry_policy policy = fetch_retry_policy(&session->options);
    cli_retry_state state = {0, 0};
    uint64_t start = cli_clock_ns();
    for (;;) {
        int64_t wait_ms = 0;
        prepare_transfer(session, target, transfer);
        transfer->can_retry = state.done < policy.retries;
        cli_transfer_run(transfer);
        *retries = state.done;
        int status = transfer->response != NULL ? hh_response_status(transfer->response) : 0;
        cli_retry_outcome outcome = {transfer->exit, status, transfer->retry_after_ms};
        int64_t elapsed_ms = (int64_t)((cli_clock_ns() - start) / 1000000u);
        if (cli_signals_received() != CLI_EXIT_OK || cli_transfer_has_left(transfer) ||
            cli_retry_decide(&policy, &state, &outcome, elapsed_ms, &wait_ms) == CLI_RETRY_NO)
            return;
        warn_retry(session, transfer, wait_ms, policy.retries - state.done);
        if (!wait_for_retry(wait_ms)) {
            transfer->exit = cli_signals_received();
            return;
        }
        cli_transfer_finish(transfer);
    }
}

static cli_exit run_target(const fetch_session *session, size_t index)
{
    const fetch_options *options = &session->options;
    cli_transfer transfer;
    uint64_t retries = 0;
    run_with_retries(session, &session->targets[index], &transfer, &retries);
    cli_exit exit = transfer.exit;
    int is_interrupt = exit == CLI_EXIT_INTERRUPTED || exit == CLI_EXIT_TERMINATED;
    if (exit != CLI_EXIT_OK && is_loud(options) && !transfer.is_quiet && !is_interrupt)
        cli_report_failure(exit, transfer.message);
    if (options->write_out != NULL && !is_interrupt && !transfer.is_quiet) {
        cli_exit written = write_out(session, index, &transfer, retries);
        exit = exit == CLI_EXIT_OK ? written : exit;
    }
    cli_transfer_finish(&transfer);
    return exit;
}

static cli_exit run_all(const fetch_session *session)
{
    cli_exit exit = CLI_EXIT_OK;
    for (size_t i = 0; i < session->target_count; i++) {
        cli_exit one = run_target(session, i);
        if (one != CLI_EXIT_OK)
            exit = one;
        if (cli_signals_received() != CLI_EXIT_OK)
            return cli_signals_received();
        if (exit != CLI_EXIT_OK && session->options.fail_early)
            return exit;
    }
    return exit;
}

static cli_exit run_session(fetch_session *session)
{
    cli_text problem = {0};
    cli_exit exit = CLI_EXIT_USAGE;
    hh_status status = fetch_options_prepare(&session->options, &exit, &problem);
    if (status == HH_OK)
        status = prepare_targets(session, &exit, &problem);
    if (status == HH_OK) {
        status = create_client(session, &exit, &problem);
        if (status == HH_OK)
            exit = run_all(session);
    }
    if (status != HH_OK && cli_signals_received() != CLI_EXIT_OK) {
        exit = cli_signals_received();
    } else if (status == HH_ERR_NO_MEMORY) {
        cli_report_failure(CLI_EXIT_NO_MEMORY, "out of memory");
        exit = CLI_EXIT_NO_MEMORY;
    } else if (status != HH_OK && exit == CLI_EXIT_USAGE) {
        cli_report_usage(fetch_usage, cli_text_string(&problem));
    } else if (status != HH_OK) {
        cli_report_failure(exit, cli_text_string(&problem));
    }
    cli_text_finish(&problem);
    hh_client_destroy(session->client);
    for (size_t i = 0; i < session->target_count; i++) {
        free(session->targets[i].url);
        free(session->targets[i].path);
    }
    free(session->targets);
    return exit;
}

int cli_fetch(int argc, char **argv)
{
    fetch_session session;
    memset(&session, 0, sizeof(session));
    fetch_options_init(&session.options);
    cli_text problem = {0};
    cli_exit exit = CLI_EXIT_OK;
    hh_status status = fetch_options_parse(&session.options, argc, argv, &problem);
    if (status != HH_OK) {
        exit = cli_report_usage(
            fetch_usage, status == HH_ERR_NO_MEMORY ? "out of memory" : cli_text_string(&problem));
    } else if (session.options.help) {
        fetch_options_print_help();
    } else if (session.options.version) {
        printf("hyperhttp %s\n", hh_version());
    } else {
        cli_signals_init();
        exit = run_session(&session);
    }
    cli_text_finish(&problem);
    fetch_options_finish(&session.options);
    return (int)exit;
}
