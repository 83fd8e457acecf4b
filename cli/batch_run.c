/*
 * batch_run.c - see batch_run.h.
 *
 * The loop: start what may start, step, take the events, write the results, wait. On a stop
 * everything in flight is cancelled and its events are still taken, so every file and share is
 * given back.
 */
#include "batch_run.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "batch_directory.h"
#include "clock.h"
#include "sentence.h"
#include "signals.h"

/* Gives an item back, with the body bytes counted for it. */
static void drop_item(batch_run *run, batch_item *item)
{
    run->body_bytes -= item->body.length;
    batch_item_destroy(item);
}

static void stop(batch_run *run, batch_stop why)
{
    if (run->stop != BATCH_STOP_NOT)
        return;
    run->stop = why;
    run->is_input_over = 1;
    hh_client_close(run->client);
}

static void break_off(batch_run *run, const char *sentence)
{
    if (run->stop == BATCH_STOP_NOT) {
        cli_text_clear(&run->problem);
        cli_text_add_string(&run->problem, sentence);
    }
    stop(run, BATCH_STOP_BROKEN);
}

static void report(batch_run *run, const batch_item *item, const hh_response *response,
                   const batch_failure *failure)
{
    if (batch_results_add(&run->results, item, response, failure) != HH_OK)
        break_off(run, "out of memory");
}

static void report_invalid(batch_run *run, batch_item *item, hh_status code, const char *sentence)
{
    batch_failure failure = {hh_category_name(HH_CATEGORY_CLIENT), hh_phase_name(HH_PHASE_NONE),
                             hh_status_name(code), sentence};
    item->is_invalid = 1;
    batch_summary_add_invalid(run->summary, item->line, sentence);
    report(run, item, NULL, &failure);
}

/* Parses the URL for what the engine's request doesn't tell: its host, and its place on disk. */
static hh_status locate(batch_run *run, batch_item *item, cli_text *problem)
{
    hh_url *url;
    hh_error error;
    if (run->options.per_host == 0 && run->directory < 0)
        return HH_OK; /* nothing to know; making the request checks the URL */
    hh_status status = hh_url_parse(hh_slice_of(item->url), NULL, &url, &error);
    if (status != HH_OK) {
        cli_sentence_add(problem, error.message, item->scheme);
        return status;
    }
    cli_text text = {0};
    if (run->options.per_host > 0) {
        cli_text_printf(&text, "%.*s:%u", HH_SLICE_ARGS(hh_url_host(url)), hh_url_port(url));
        item->place = cli_text_take(&text);
        status = item->place != NULL ? HH_OK : HH_ERR_NO_MEMORY;
    }
    if (status == HH_OK && run->directory >= 0) {
        status = batch_paths_assign(&run->paths, url, item->index, &text);
        item->file = cli_text_take(&text);
        status = item->file != NULL ? status : HH_ERR_NO_MEMORY;
    }
    hh_url_destroy(url);
    return status;
}

/* Takes an item from the list into the queue of its host, or reports why not. */
static void take_item(batch_run *run, batch_item *item, cli_text *problem)
{
    hh_status status = locate(run, item, problem);
    if (status != HH_OK && status != HH_ERR_NO_MEMORY) {
        report_invalid(run, item, status, cli_text_string(problem));
        drop_item(run, item);
        return;
    }
    if (status == HH_OK && run->options.resume &&
        cli_resume_has(&run->resume, batch_item_key(item))) {
        run->summary->skipped++;
        drop_item(run, item);
        return;
    }
    if (status == HH_OK)
        status = batch_hosts_admit(&run->hosts, item);
    if (status != HH_OK) {
        drop_item(run, item);
        break_off(run, "out of memory");
    }
}

/* Reads one item; 0 when there is none to be had now. */
static int has_read(batch_run *run)
{
    batch_item *item = NULL;
    cli_text problem = {0};
    batch_input_result result = batch_input_next(&run->input, &item, &problem);
    run->is_input_waiting = result == BATCH_INPUT_WAIT;
    if (item != NULL)
        run->body_bytes += item->body.length;
    switch (result) {
    case BATCH_INPUT_ITEM:
        take_item(run, item, &problem);
        break;
    case BATCH_INPUT_INVALID:
        report_invalid(run, item, HH_ERR_INVALID_URL, cli_text_string(&problem));
        drop_item(run, item);
        break;
    case BATCH_INPUT_WAIT:
        break;
    case BATCH_INPUT_END:
        run->is_input_over = 1;
        break;
    case BATCH_INPUT_ERROR:
        break_off(run, cli_text_string(&problem));
        break;
    }
    cli_text_finish(&problem);
    return result == BATCH_INPUT_ITEM || result == BATCH_INPUT_INVALID;
}

static hh_status configure(const batch_run *run, const batch_item *item, hh_request *request,
                           cli_text *problem)
{
    hh_status status = cli_common_apply(&run->options.common, request, problem);
    if (status == HH_OK)
        status = cli_fields_apply(&item->fields, request, problem);
    if (status == HH_OK && item->has_body)
        status =
            hh_request_set_body_borrowed(request, cli_text_string(&item->body), item->body.length);
    return status;
}

/* Submits the item; on failure `problem` says why. */
static hh_status submit(batch_run *run, batch_item *item, cli_text *problem)
{
    const char *method = item->method != NULL ? item->method : run->options.common.method;
    hh_request *request;
    hh_error error;
    hh_status status =
        hh_request_create_slice(run->client, hh_slice_of(method != NULL ? method : "GET"),
                                hh_slice_of(item->url), &request, &error);
    if (status != HH_OK) {
        cli_sentence_add(problem, error.message, item->scheme);
        return status;
    }
    status = configure(run, item, request, problem);
    item->start_ns = cli_clock_ns();
    if (status == HH_OK)
        status = hh_submit(run->client, request, item, &item->exchange);
    hh_request_destroy(request);
    if (status != HH_OK && problem->length == 0)
        cli_text_add_string(problem, hh_status_name(status));
    return status;
}

static void start(batch_run *run, batch_item *item)
{
    cli_text problem = {0};
    hh_status status = submit(run, item, &problem);
    if (status == HH_OK) {
        run->in_flight++;
    } else {
        if (item->place != NULL)
            batch_hosts_release(&run->hosts, item->place);
        if (status == HH_ERR_NO_MEMORY)
            break_off(run, "out of memory");
        else if (run->stop == BATCH_STOP_NOT)
            report_invalid(run, item, status, cli_text_string(&problem));
        drop_item(run, item);
    }
    cli_text_finish(&problem);
}

static int may_read(const batch_run *run)
{
    return !run->is_input_over && run->hosts.waiting < BATCH_WAITING_MAX &&
           run->body_bytes < BATCH_BODY_BYTES_MAX;
}

/* Starts requests until all places are taken, the pace says wait, nothing is left to start, or this
 * turn has read enough. */
static void fill(batch_run *run)
{
    unsigned reads = 0;
    run->pace_wait_ns = 0;
    run->is_input_left = 0;
    while (run->stop == BATCH_STOP_NOT && run->in_flight < run->options.concurrency) {
        if (run->hosts.ready == NULL) {
            if (!may_read(run))
                return;
            if (reads++ == BATCH_READS_MAX) {
                run->is_input_left = 1;
                return;
            }
            if (!has_read(run))
                return;
            continue;
        }
        run->pace_wait_ns = cli_pace_take(&run->pace, cli_clock_ns());
        if (run->pace_wait_ns > 0)
            return;
        start(run, batch_hosts_next(&run->hosts));
    }
}

static void fail_file(batch_run *run, batch_item *item, int os_error)
{
    item->os_error = os_error;
    item->is_dropped = 1;
    cli_output_discard(&item->output);
    hh_cancel(run->client, item->exchange);
}

static void on_headers(batch_run *run, batch_item *item, const hh_response *response)
{
    item->is_dropped = (run->options.common.fail && hh_response_status(response) >= 400) ||
                       cli_common_refuses(&run->options.common, response);
    if (item->file == NULL || item->is_dropped)
        return;
    if (cli_output_open_temporary(&item->output, run->directory) != HH_OK)
        fail_file(run, item, item->output.os_error);
}

static void on_body(batch_run *run, batch_item *item, hh_slice data)
{
    item->bytes += data.length;
    run->summary->bytes += data.length;
    if (item->output.kind != CLI_OUTPUT_CLOSED && cli_output_write(&item->output, data) != HH_OK)
        fail_file(run, item, item->output.os_error);
}

/* Gives back the item's place and reports it. */
static void end_item(batch_run *run, batch_item *item, const hh_response *response,
                     const batch_failure *failure)
{
    if (failure->class != NULL)
        batch_summary_add_failure(run->summary, failure->class, failure->message);
    else
        run->summary->ok++;
    report(run, item, response, failure);
    run->in_flight--;
    if (item->place != NULL)
        batch_hosts_release(&run->hosts, item->place);
    drop_item(run, item);
}

static void describe_file_failure(const batch_item *item, int os_error, cli_text *sentence,
                                  batch_failure *failure)
{
    cli_text_printf(sentence, "can't write '%s': %s", item->file, strerror(os_error));
    failure->class = "file";
    failure->phase = hh_phase_name(HH_PHASE_BODY);
    failure->code = hh_status_name(HH_ERR_FILE);
    failure->message = cli_text_string(sentence);
}

static void describe_status_failure(int status, cli_text *sentence, batch_failure *failure)
{
    cli_text_printf(sentence, "the server answered %d", status);
    failure->class = hh_category_name(status >= 500 ? HH_CATEGORY_SERVER : HH_CATEGORY_CLIENT);
    failure->phase = hh_phase_name(HH_PHASE_HEADERS);
    failure->code = "HTTP_STATUS";
    failure->message = cli_text_string(sentence);
}

static void on_done(batch_run *run, batch_item *item, const hh_response *response)
{
    static const batch_failure refused = {"protocol", "redirect", "HH_ERR_TOO_MANY_REDIRECTS",
                                          cli_common_refusal};
    batch_failure failure = {NULL, NULL, NULL, NULL};
    cli_text sentence = {0};
    int status = hh_response_status(response);
    batch_summary_add_answer(run->summary, status, hh_response_timings(response).total_ns);
    if (item->os_error != 0) {
        describe_file_failure(item, item->os_error, &sentence, &failure);
    } else if (cli_common_refuses(&run->options.common, response)) {
        failure = refused;
    } else if (run->options.common.fail && status >= 400) {
        describe_status_failure(status, &sentence, &failure);
    } else if (item->output.kind != CLI_OUTPUT_CLOSED &&
               batch_directory_place(run->directory, &item->output, item->file) != HH_OK) {
        describe_file_failure(item, item->output.os_error, &sentence, &failure);
    }
    end_item(run, item, response, &failure);
    cli_text_finish(&sentence);
}

static void on_error(batch_run *run, batch_item *item, const hh_error *error,
                     const hh_response *response)
{
    batch_failure failure = {hh_category_name(error->category), hh_phase_name(error->phase),
                             hh_status_name(error->code), NULL};
    cli_text sentence = {0};
    if (item->os_error != 0) {
        describe_file_failure(item, item->os_error, &sentence, &failure);
    } else if (run->stop != BATCH_STOP_NOT &&
               (error->code == HH_ERR_CLIENT_CLOSED || error->code == HH_ERR_CANCELLED)) {
        /* Neither done nor failed: --resume takes it up again. */
        run->summary->cancelled++;
        run->in_flight--;
        drop_item(run, item);
        return;
    } else {
        cli_sentence_add(&sentence, error->message, item->scheme);
        failure.message = cli_text_string(&sentence);
    }
    end_item(run, item, response, &failure);
    cli_text_finish(&sentence);
}

static void on_event(batch_run *run, const hh_event *event)
{
    batch_item *item = event->tag;
    switch (event->type) {
    case HH_EVENT_HEADERS:
        on_headers(run, item, event->response);
        return;
    case HH_EVENT_BODY:
        on_body(run, item, event->body);
        return;
    case HH_EVENT_DONE:
        on_done(run, item, event->response);
        return;
    case HH_EVENT_ERROR:
        on_error(run, item, event->error, event->response);
        return;
    case HH_EVENT_WANT_BODY:
    case HH_EVENT_INFORMATION:
    case HH_EVENT_ASK:
    case HH_EVENT_TRACE:
        return;
    }
}

static size_t take_events(batch_run *run)
{
    size_t count = 0;
    const hh_event *event;
    while ((event = hh_next_event(run->client)) != NULL) {
        on_event(run, event);
        hh_event_release(run->client, event);
        count++;
    }
    return count;
}

static void flush(batch_run *run)
{
    if (batch_results_flush(&run->results) == HH_OK)
        return;
    if (run->results.has_standard_failed && run->results.os_error == EPIPE) {
        stop(run, BATCH_STOP_QUIET);
    } else if (run->results.os_error != EINTR) {
        cli_text sentence = {0};
        cli_text_printf(&sentence, "can't write the results: %s", strerror(run->results.os_error));
        break_off(run, cli_text_string(&sentence));
        cli_text_finish(&sentence);
    }
}

/* How long the loop may wait: a tick, or until the pace allows the next start. */
static int wait_ms(const batch_run *run)
{
    if (run->pace_wait_ns == 0)
        return CLI_TICK_MS;
    uint64_t ms = run->pace_wait_ns / 1000000u + 1;
    return ms < CLI_TICK_MS ? (int)ms : CLI_TICK_MS;
}

/* Steps. Where the list is the thing to wait for, waits for both it and the engine. */
static void step(batch_run *run, int timeout_ms)
{
    if (run->is_input_waiting && !run->is_input_over && timeout_ms > 0) {
        struct pollfd waits[] = {
            {.fd = hh_client_fd(run->client), .events = POLLIN},
            {.fd = batch_input_descriptor(&run->input), .events = POLLIN},
        };
        poll(waits, 2, timeout_ms);
        timeout_ms = 0;
    }
    hh_status status = hh_client_step(run->client, timeout_ms);
    if (status != HH_OK && status != HH_INTERRUPTED)
        break_off(run, "the engine can't go on");
}

static void draw(batch_run *run)
{
    run->summary->elapsed_ns = cli_clock_ns() - run->summary->started_ns;
    if (!cli_progress_is_due(&run->progress))
        return;
    cli_text line = {0};
    batch_summary_format_progress(run->summary, run->in_flight, &line);
    cli_progress_draw(&run->progress, &line);
    cli_text_finish(&line);
}

void batch_run_loop(batch_run *run)
{
    size_t events = 0;
    for (;;) {
        if (cli_signals_received() != CLI_EXIT_OK)
            stop(run, BATCH_STOP_SIGNAL);
        fill(run);
        int is_idle = run->is_input_over && run->hosts.ready == NULL && run->hosts.waiting == 0;
        if (run->in_flight == 0 && (is_idle || run->stop != BATCH_STOP_NOT))
            break;
        step(run, events > 0 || run->is_input_left ? 0 : wait_ms(run));
        events = take_events(run);
        flush(run);
        draw(run);
    }
    flush(run);
    run->summary->elapsed_ns = cli_clock_ns() - run->summary->started_ns;
    cli_progress_erase(&run->progress);
}
