/*
 * transfer.h - one try at one URL: submitted, stepped, and written where it belongs as it comes.
 *
 * Leaves to others: retries, naming of outputs, and what is printed at the end (fetch.c). A body is
 * never held: each BODY event is written and released.
 */
#ifndef CLI_TRANSFER_H
#define CLI_TRANSFER_H

#include "fetch_options.h"
#include "output.h"
#include "progress.h"
#include "typed_url.h"

typedef struct cli_transfer {
    /* Given by the caller. */
    hh_client *client;
    const fetch_options *options;
    const char *url; /* with a scheme */
    cli_scheme scheme;
    const char *output_path; /* NULL: standard output */
    int is_output_chosen;    /* "-o -": binary data may go to the terminal */
    int can_retry;           /* a transient status will be tried again: keep its body out */

    /* The outcome. */
    cli_exit exit;
    int is_quiet; /* a reader of our output went away: nothing to say */
    char message[HH_ERROR_MESSAGE_BYTES];
    hh_response *response; /* owned; NULL: none */
    uint64_t total_ns;
    uint64_t upload_bytes;
    uint64_t connect_count;
    int64_t retry_after_ms;

    /* While it runs. */
    cli_output output;
    cli_progress progress;
    hh_id id;
    uint64_t expected_bytes;
    uint64_t received_bytes;
    int is_body_dropped;
    int is_finished;
    int is_cancelled;
} cli_transfer;

/* Runs it to its end. The outcome's response is to be given back with cli_transfer_finish. */
void cli_transfer_run(cli_transfer *transfer);
void cli_transfer_finish(cli_transfer *transfer);

/* Whether bytes of this try already left for good, so that another would repeat them. */
int cli_transfer_has_left(const cli_transfer *transfer);

#endif
