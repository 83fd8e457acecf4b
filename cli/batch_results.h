/*
 * batch_results.h - one JSON object a line for each item that ended: id, url, status, headers,
 * bytes, file, timings, error, and the line of the list it came from.
 *
 * Goes to the --jsonl file or standard output; an output directory without such a file keeps a
 * short journal instead, which is all --resume needs. Lines are gathered and written by
 * batch_results_flush, whole lines at a time.
 */
#ifndef CLI_BATCH_RESULTS_H
#define CLI_BATCH_RESULTS_H

#include "batch_item.h"
#include "resume.h"

/* Why an item failed; `class` NULL: it didn't. */
typedef struct batch_failure {
    const char *class;
    const char *phase;
    const char *code;
    const char *message;
} batch_failure;

typedef struct batch_results {
    int results; /* -1: none */
    int journal; /* -1: none */
    cli_text result_lines;
    cli_text journal_lines;
    int os_error;            /* of the write that failed */
    int has_standard_failed; /* it was standard output that was closed */
} batch_results;

/* How files are opened: anew, or to go on, reading what is finished first. */
typedef enum batch_results_mode { BATCH_RESULTS_NEW = 0, BATCH_RESULTS_RESUME } batch_results_mode;

void batch_results_init(batch_results *results);
/* `path` NULL: no --jsonl; "-": standard output. `directory` -1: no output directory. HH_ERR_FILE
 * with a sentence. */
hh_status batch_results_open(batch_results *results, const char *path, int directory,
                             batch_results_mode mode, cli_resume *resume, cli_text *problem);
void batch_results_finish(batch_results *results);

/* `response` may be NULL. HH_ERR_NO_MEMORY. */
hh_status batch_results_add(batch_results *results, const batch_item *item,
                            const hh_response *response, const batch_failure *failure);
/* HH_ERR_FILE: os_error says why. */
hh_status batch_results_flush(batch_results *results);

#endif
