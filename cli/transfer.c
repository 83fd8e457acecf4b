/*
 * transfer.c - see transfer.h.
 */
#include "transfer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "files.h"
#include "sentence.h"
#include "signals.h"

#define PUSH_BYTES 65536

static void HH_PRINTF(3, 4)
    set_failure(cli_transfer *transfer, cli_exit exit, const char *format, ...)
{
    if (transfer->exit != CLI_EXIT_OK)
        return; /* the first failure is the cause */
    transfer->exit = exit;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(transfer->message, sizeof(transfer->message), format, arguments);
    va_end(arguments);
}

static void cancel(cli_transfer *transfer)
{
    if (!transfer->is_cancelled)
        hh_cancel(transfer->client, transfer->id);
    transfer->is_cancelled = 1;
}

static void fail_write(cli_transfer *transfer)
{
    int os_error = transfer->output.os_error;
    if (os_error == EINTR) {
        set_failure(transfer, cli_signals_received(), "interrupted");
    } else {
        transfer->is_quiet = os_error == EPIPE && transfer->output_path == NULL;
        set_failure(transfer, CLI_EXIT_WRITE, "can't write '%s': %s",
                    transfer->output_path != NULL ? transfer->output_path : "standard output",
                    strerror(os_error));
    }
    cancel(transfer);
}

static void write_output(cli_transfer *transfer, hh_slice data)
{
    if (transfer->is_cancelled || data.length == 0)
        return;
    if (cli_output_write(&transfer->output, data) != HH_OK)
        fail_write(transfer);
}

static void write_heads(cli_transfer *transfer, const hh_response *response)
{
    const hh_response *previous = hh_response_previous(response);
    if (previous != NULL)
        write_heads(transfer, previous);
    write_output(transfer, hh_response_head(response));
}

static void on_headers(cli_transfer *transfer, hh_response *response)
{
    const fetch_options *options = transfer->options;
    int status = hh_response_status(response);
    if (transfer->response == NULL)
        transfer->response = hh_response_ref(response);
    transfer->retry_after_ms =
        cli_retry_after_ms(hh_response_header(response, "retry-after"), (int64_t)time(NULL));
    if (cli_common_refuses(&options->common, response)) {
        set_failure(transfer, CLI_EXIT_REDIRECTS, "%s", cli_common_refusal);
        cancel(transfer);
        return;
    }
    int is_retried = transfer->can_retry && cli_retry_is_transient_status(status);
    transfer->is_body_dropped = is_retried || (options->common.fail && status >= 400);
    if (is_retried || (transfer->is_body_dropped && !options->include && !options->head))
        return;
    hh_status opened = transfer->output_path != NULL
                           ? cli_output_open_path(&transfer->output, transfer->output_path)
                           : cli_output_open_standard(&transfer->output);
    if (opened != HH_OK) {
        fail_write(transfer);
        return;
    }
    if (options->include || options->head)
        write_heads(transfer, response);
    transfer->expected_bytes = hh_response_content_length(response);
}

/* Binary data makes a terminal unusable; curl's test is a NUL byte. */
static int spoils_terminal(const cli_transfer *transfer, hh_slice data)
{
    return transfer->received_bytes == 0 && transfer->output_path == NULL &&
           !transfer->is_output_chosen && memchr(data.data, '\0', data.length) != NULL &&
           isatty(STDOUT_FILENO);
}

static void on_body(cli_transfer *transfer, hh_slice data)
{
    if (data.length == 0)
        return;
    if (!transfer->is_body_dropped && !transfer->is_cancelled) {
        if (spoils_terminal(transfer, data)) {
            set_failure(transfer, CLI_EXIT_WRITE,
                        "the answer is binary and would spoil the terminal; use '-o FILE', or "
                        "'-o -' if you mean it");
            cancel(transfer);
            return;
        }
        write_output(transfer, data);
    }
    transfer->received_bytes += data.length;
}

/* Gives the next bytes of the file, from where the engine says it stands. */
static void on_want_body(cli_transfer *transfer, uint64_t offset)
{
    const cli_body *body = &transfer->options->body;
    char block[PUSH_BYTES];
    for (;;) {
        ssize_t length = pread(body->descriptor, block, sizeof(block), (off_t)offset);
        if (length < 0 && errno == EINTR)
            continue;
        if (length <= 0) {
            set_failure(transfer, CLI_EXIT_READ, "the file to send %s",
                        length == 0 ? "became shorter while it was sent" : strerror(errno));
            cancel(transfer);
            return;
        }
        hh_slice data = {block, (size_t)length};
        if (data.length > body->file_bytes - offset)
            data.length = (size_t)(body->file_bytes - offset);
        hh_body_end end = offset + data.length == body->file_bytes ? HH_BODY_LAST : HH_BODY_MORE;
        size_t accepted = 0;
        if (hh_body_push(transfer->client, transfer->id, data, end, &accepted) != HH_OK)
            return; /* the terminal event says why */
        offset += accepted;
        if (offset > transfer->upload_bytes)
            transfer->upload_bytes = offset;
        if (accepted < data.length || end == HH_BODY_LAST)
            return;
    }
}

static void on_trace(hh_trace kind, hh_slice text)
{
    const char *mark = "* ";
    switch (kind) {
    case HH_TRACE_NONE:
    case HH_TRACE_INFO:
        break;
    case HH_TRACE_REQUEST_HEAD:
        mark = "> ";
        break;
    case HH_TRACE_RESPONSE_HEAD:
        mark = "< ";
        break;
    }
    cli_text lines = {0};
    while (text.length > 0) {
        const char *newline = memchr(text.data, '\n', text.length);
        size_t length = newline != NULL ? (size_t)(newline - text.data) : text.length;
        size_t taken = length + (newline != NULL);
        if (length > 0 && text.data[length - 1] == '\r')
            length--;
        cli_text_add_string(&lines, mark);
        cli_text_add(&lines, text.data, length);
        cli_text_add_char(&lines, '\n');
        text.data += taken;
        text.length -= taken;
    }
    cli_file_write(STDERR_FILENO, cli_text_slice(&lines));
    cli_text_finish(&lines);
}

static void on_done(cli_transfer *transfer, hh_response *response)
{
    const cli_common *common = &transfer->options->common;
    transfer->is_finished = 1;
    if (response != NULL && transfer->response == NULL)
        transfer->response = hh_response_ref(response);
    int status = transfer->response != NULL ? hh_response_status(transfer->response) : 0;
    if (status >= 400 && (common->fail || transfer->options->fail_with_body))
        set_failure(transfer, CLI_EXIT_STATUS, "the server answered %d", status);
}

static void on_error(cli_transfer *transfer, const hh_error *error, hh_response *response)
{
    transfer->is_finished = 1;
    if (response != NULL && transfer->response == NULL)
        transfer->response = hh_response_ref(response);
    cli_exit exit = cli_common_exit(&transfer->options->common, error->code);
    if (exit == CLI_EXIT_INTERRUPTED && cli_signals_received() != CLI_EXIT_OK)
        exit = cli_signals_received();
    cli_text sentence = {0};
    cli_sentence_add(&sentence, error->message, transfer->scheme);
    set_failure(transfer, exit, "%s",
                sentence.length > 0 ? cli_text_string(&sentence) : hh_status_name(error->code));
    cli_text_finish(&sentence);
}

static void on_event(cli_transfer *transfer, const hh_event *event)
{
    switch (event->type) {
    case HH_EVENT_HEADERS:
        on_headers(transfer, event->response);
        return;
    case HH_EVENT_BODY:
        on_body(transfer, event->body);
        return;
    case HH_EVENT_DONE:
        on_done(transfer, event->response);
        return;
    case HH_EVENT_ERROR:
        on_error(transfer, event->error, event->response);
        return;
    case HH_EVENT_WANT_BODY:
        on_want_body(transfer, event->body_offset);
        return;
    case HH_EVENT_TRACE:
        on_trace(event->trace, event->body);
        return;
    case HH_EVENT_INFORMATION:
    case HH_EVENT_ASK:
        return;
    }
}

static void draw(cli_transfer *transfer)
{
    if (!cli_progress_is_due(&transfer->progress))
        return;
    cli_text line = {0};
    cli_progress_format(transfer->progress.style, transfer->received_bytes,
                        transfer->expected_bytes, cli_clock_ns() - transfer->progress.started_ns,
                        &line);
    cli_progress_draw(&transfer->progress, &line);
    cli_text_finish(&line);
}

static void loop(cli_transfer *transfer)
{
    while (!transfer->is_finished) {
        hh_status status = hh_client_step(transfer->client, CLI_TICK_MS);
        if (cli_signals_received() != CLI_EXIT_OK)
            cancel(transfer);
        if (status != HH_OK && status != HH_INTERRUPTED) {
            set_failure(transfer, cli_exit_of_status(status), "the engine can't go on: %s",
                        strerror(errno));
            return;
        }
        const hh_event *event;
        while ((event = hh_next_event(transfer->client)) != NULL) {
            on_event(transfer, event);
            hh_event_release(transfer->client, event);
        }
        draw(transfer);
    }
}

static hh_status set_body(const cli_transfer *transfer, hh_request *request)
{
    const fetch_options *options = transfer->options;
    const cli_body *body = &options->body;
    if (!body->is_present || options->get)
        return HH_OK;
    if (body->descriptor >= 0)
        return hh_request_set_body_stream(request, body->file_bytes, HH_REWIND_POSSIBLE);
    return hh_request_set_body_borrowed(request, cli_text_string(&body->bytes), body->bytes.length);
}

static hh_status configure(const cli_transfer *transfer, hh_request *request, cli_text *problem)
{
    const fetch_options *options = transfer->options;
    hh_status status = cli_common_apply(&options->common, request, problem);
    if (status == HH_OK)
        status = set_body(transfer, request);
    if (status == HH_OK)
        status = hh_request_set_decoding(request,
                                         options->compressed ? HH_DECODING_AUTO : HH_DECODING_NONE);
    if (status == HH_OK)
        status = hh_request_set_trace(request, options->verbose ? HH_ON : HH_OFF);
    return status;
}

/* Builds and submits the request; on failure the outcome is set. */
static hh_status begin(cli_transfer *transfer)
{
    hh_request *request = NULL;
    hh_error error;
    memset(&error, 0, sizeof(error));
    cli_text problem = {0};
    hh_status status =
        hh_request_create_slice(transfer->client, hh_slice_of(transfer->options->method),
                                hh_slice_of(transfer->url), &request, &error);
    if (status == HH_OK) {
        status = configure(transfer, request, &problem);
        if (status == HH_OK)
            status = hh_submit(transfer->client, request, NULL, &transfer->id);
        hh_request_destroy(request);
    } else {
        cli_sentence_add(&problem, error.message, transfer->scheme);
    }
    if (status != HH_OK)
        set_failure(transfer, cli_exit_of_status(status), "%s",
                    problem.length > 0 ? cli_text_string(&problem) : hh_status_name(status));
    else if (transfer->options->body.descriptor < 0 && !transfer->options->get)
        transfer->upload_bytes = transfer->options->body.bytes.length;
    cli_text_finish(&problem);
    return status;
}

static uint64_t count_connections(hh_client *client)
{
    hh_client_stats stats;
    memset(&stats, 0, sizeof(stats));
    stats.size = sizeof(stats);
    hh_client_get_stats(client, &stats);
    return stats.connections_opened;
}

static void end_output(cli_transfer *transfer)
{
    int is_kept = transfer->exit == CLI_EXIT_OK ||
                  (transfer->exit == CLI_EXIT_STATUS && !transfer->is_body_dropped);
    if (transfer->output.kind == CLI_OUTPUT_CLOSED)
        return;
    if (!is_kept)
        cli_output_discard(&transfer->output);
    else if (cli_output_commit(&transfer->output) != HH_OK)
        fail_write(transfer);
}

void cli_transfer_run(cli_transfer *transfer)
{
    uint64_t connections = count_connections(transfer->client);
    uint64_t start = cli_clock_ns();
    transfer->expected_bytes = UINT64_MAX;
    if (begin(transfer) == HH_OK)
        loop(transfer);
    transfer->total_ns = cli_clock_ns() - start;
    transfer->connect_count = count_connections(transfer->client) - connections;
    cli_progress_erase(&transfer->progress);
    end_output(transfer);
}

int cli_transfer_has_left(const cli_transfer *transfer)
{
    return transfer->output_path == NULL && transfer->output.written > 0;
}

void cli_transfer_finish(cli_transfer *transfer)
{
    hh_response_destroy(transfer->response);
    transfer->response = NULL;
    cli_output_discard(&transfer->output);
}
