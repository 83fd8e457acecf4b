/*
 * batch_summary.c - see batch_summary.h.
 */
#include "batch_summary.h"

#include <stdio.h>

void batch_summary_add_failure(batch_summary *summary, const char *class, const char *message)
{
    summary->failed++;
    for (size_t i = 0; i < BATCH_CLASSES_MAX; i++) {
        batch_class_count *count = &summary->classes[i];
        if (count->class == NULL) {
            count->class = class;
            snprintf(count->example, sizeof(count->example), "%s", message);
        }
        if (strcmp(count->class, class) == 0) {
            count->count++;
            return;
        }
    }
}

void batch_summary_add_invalid(batch_summary *summary, uint64_t line, const char *reason)
{
    if (summary->invalid < BATCH_INVALID_SHOWN) {
        summary->invalid_lines[summary->invalid] = line;
        snprintf(summary->invalid_reasons[summary->invalid], sizeof(summary->invalid_reasons[0]),
                 "%s", reason);
    }
    summary->invalid++;
}

void batch_summary_add_answer(batch_summary *summary, int status, uint64_t total_ns)
{
    if (status >= 0 && status < BATCH_STATUSES)
        summary->statuses[status]++;
    cli_histogram_add(&summary->latency_us, total_ns / 1000);
}

uint64_t batch_summary_requests(const batch_summary *summary)
{
    return summary->ok + summary->failed;
}

static void add_ms(cli_text *out, uint64_t microseconds)
{
    double ms = (double)microseconds / 1000;
    cli_text_printf(out, "%.*f ms", ms < 10 ? 2 : ms < 100 ? 1 : 0, ms);
}

static void add_counts(const batch_summary *summary, cli_text *out)
{
    double seconds = (double)summary->elapsed_ns / 1e9;
    uint64_t requests = batch_summary_requests(summary);
    cli_text_add_string(out, "requests   ");
    cli_text_add_count(out, requests);
    cli_text_printf(out, " in %.2f s", seconds);
    if (seconds > 0)
        cli_text_printf(out, ", %.1f/s", (double)requests / seconds);
    cli_text_add_string(out, "\nok         ");
    cli_text_add_count(out, summary->ok);
    cli_text_add_string(out, "\nfailed     ");
    cli_text_add_count(out, summary->failed);
    if (summary->skipped > 0) {
        cli_text_add_string(out, "\nskipped    ");
        cli_text_add_count(out, summary->skipped);
        cli_text_add_string(out, " finished by a former run");
    }
    if (summary->cancelled > 0) {
        cli_text_add_string(out, "\ncancelled  ");
        cli_text_add_count(out, summary->cancelled);
        cli_text_add_string(out, " in flight");
    }
    cli_text_add_string(out, "\nbytes      ");
    cli_text_add_size(out, (double)summary->bytes);
    if (seconds > 0) {
        cli_text_add_string(out, ", ");
        cli_text_add_size(out, (double)summary->bytes / seconds);
        cli_text_add_string(out, "/s");
    }
    cli_text_add_char(out, '\n');
}

static void add_latency(const batch_summary *summary, cli_text *out)
{
    static const double percents[] = {50, 90, 95, 99};
    if (summary->latency_us.total == 0)
        return;
    cli_text_add_string(out, "latency   ");
    for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
        cli_text_printf(out, " p%.0f ", percents[i]);
        add_ms(out, cli_histogram_percentile(&summary->latency_us, percents[i]));
        cli_text_add_char(out, ',');
    }
    cli_text_add_string(out, " max ");
    add_ms(out, summary->latency_us.max);
    cli_text_add_char(out, '\n');
}

static void add_statuses(const batch_summary *summary, cli_text *out)
{
    const char *separator = "statuses   ";
    for (int status = 0; status < BATCH_STATUSES; status++) {
        if (summary->statuses[status] == 0)
            continue;
        cli_text_printf(out, "%s%d: ", separator, status);
        cli_text_add_count(out, summary->statuses[status]);
        separator = ", ";
    }
    if (separator[0] == ',')
        cli_text_add_char(out, '\n');
}

static void add_errors(const batch_summary *summary, cli_text *out)
{
    for (size_t i = 0; i < BATCH_CLASSES_MAX && summary->classes[i].class != NULL; i++) {
        cli_text_add_string(out, i == 0 ? "errors     " : "           ");
        cli_text_printf(out, "%s: ", summary->classes[i].class);
        cli_text_add_count(out, summary->classes[i].count);
        cli_text_printf(out, ", such as: %s\n", summary->classes[i].example);
    }
}

static void add_invalid(const batch_summary *summary, cli_text *out)
{
    if (summary->invalid == 0)
        return;
    cli_text_add_string(out, "invalid    ");
    cli_text_add_count(out, summary->invalid);
    cli_text_add_string(out, summary->invalid == 1 ? " line\n" : " lines\n");
    for (size_t i = 0; i < BATCH_INVALID_SHOWN && i < summary->invalid; i++) {
        if (summary->invalid_lines[i] == 0)
            cli_text_add_string(out, "           command line");
        else
            cli_text_printf(out, "           line %llu",
                            (unsigned long long)summary->invalid_lines[i]);
        cli_text_printf(out, ": %s\n", summary->invalid_reasons[i]);
    }
    if (summary->invalid > BATCH_INVALID_SHOWN) {
        cli_text_add_string(out, "           and ");
        cli_text_add_count(out, summary->invalid - BATCH_INVALID_SHOWN);
        cli_text_add_string(out, " more\n");
    }
}

void batch_summary_format(const batch_summary *summary, cli_text *out)
{
    add_counts(summary, out);
    add_latency(summary, out);
    add_statuses(summary, out);
    add_errors(summary, out);
    add_invalid(summary, out);
}

void batch_summary_format_progress(const batch_summary *summary, uint64_t in_flight, cli_text *out)
{
    double seconds = (double)summary->elapsed_ns / 1e9;
    uint64_t requests = batch_summary_requests(summary);
    cli_text_add_count(out, requests);
    cli_text_printf(out, " done  %.0f/s  ", seconds > 0 ? (double)requests / seconds : 0.0);
    cli_text_add_count(out, in_flight);
    cli_text_add_string(out, " in flight  ");
    if (summary->failed + summary->invalid > 0) {
        cli_text_add_count(out, summary->failed + summary->invalid);
        cli_text_add_string(out, " failed  ");
    }
    cli_text_add_size(out, (double)summary->bytes);
    if (summary->skipped > 0) {
        cli_text_add_string(out, "  ");
        cli_text_add_count(out, summary->skipped);
        cli_text_add_string(out, " skipped");
    }
}
