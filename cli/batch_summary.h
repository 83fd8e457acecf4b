/*
 * batch_summary.h - what a batch came to: counts, latency, statuses, errors by class.
 */
#ifndef CLI_BATCH_SUMMARY_H
#define CLI_BATCH_SUMMARY_H

#include "histogram.h"
#include "text.h"

#define BATCH_STATUSES 1000
#define BATCH_INVALID_SHOWN 10
#define BATCH_CLASSES_MAX 16

typedef struct batch_class_count {
    const char *class; /* a static string */
    uint64_t count;
    char example[HH_ERROR_MESSAGE_BYTES];
} batch_class_count;

typedef struct batch_summary {
    uint64_t ok;
    uint64_t failed;
    uint64_t invalid;   /* lines that are no request */
    uint64_t skipped;   /* finished by a former run */
    uint64_t cancelled; /* in flight when the run was interrupted */
    uint64_t bytes;
    uint64_t started_ns;
    uint64_t elapsed_ns;
    uint64_t statuses[BATCH_STATUSES];
    batch_class_count classes[BATCH_CLASSES_MAX];
    uint64_t invalid_lines[BATCH_INVALID_SHOWN];
    char invalid_reasons[BATCH_INVALID_SHOWN][HH_ERROR_MESSAGE_BYTES];
    cli_histogram latency_us;
} batch_summary;

/* `class` must be a static string. */
void batch_summary_add_failure(batch_summary *summary, const char *class, const char *message);
void batch_summary_add_invalid(batch_summary *summary, uint64_t line, const char *reason);
void batch_summary_add_answer(batch_summary *summary, int status, uint64_t total_ns);

/* Every request that was sent and ended. */
uint64_t batch_summary_requests(const batch_summary *summary);

void batch_summary_format(const batch_summary *summary, cli_text *out);
/* The live line, without line end. */
void batch_summary_format_progress(const batch_summary *summary, uint64_t in_flight, cli_text *out);

#endif
