/*
 * batch_run.h - the run of a batch: what it holds, and the loop that drives it.
 *
 * At most `concurrency` requests exist in the engine, and a bounded number of items wait for their
 * host, with a bounded number of body bytes; the list is read only as places become free, and only
 * so far at a time, so that results are written and signals seen however little of it is sent. Each
 * item is reported once, as it ends.
 */
#ifndef CLI_BATCH_RUN_H
#define CLI_BATCH_RUN_H

#include "batch_hosts.h"
#include "batch_input.h"
#include "batch_options.h"
#include "batch_paths.h"
#include "batch_results.h"
#include "batch_summary.h"
#include "pace.h"
#include "progress.h"

/* Items that may wait for their host, beside those in flight. */
#define BATCH_WAITING_MAX 4096
/* Request bodies held, waiting and in flight; one more item is let in below this. */
#define BATCH_BODY_BYTES_MAX ((size_t)64 << 20)
/* Lines read before the results are written and the signals looked at. */
#define BATCH_READS_MAX 1024

typedef enum batch_stop {
    BATCH_STOP_NOT = 0,
    BATCH_STOP_SIGNAL,
    BATCH_STOP_QUIET, /* the reader of our results went away */
    BATCH_STOP_BROKEN /* the list, the results or the engine failed; `problem` says how */
} batch_stop;

typedef struct batch_run {
    batch_options options;
    hh_client *client;
    batch_input input;
    batch_hosts hosts;
    batch_paths paths;
    batch_results results;
    cli_resume resume;
    cli_pace pace;
    cli_progress progress;
    batch_summary *summary;
    cli_text problem;
    int directory; /* -1: none */
    size_t in_flight;
    size_t body_bytes; /* of the requests held */
    int is_input_over;
    int is_input_waiting; /* the list has nothing yet */
    int is_input_left;    /* the last turn ended before the list or the places did */
    uint64_t pace_wait_ns;
    batch_stop stop;
} batch_run;

/* Runs to the end, or to the stop. */
void batch_run_loop(batch_run *run);

#endif
