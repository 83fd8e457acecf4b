/*
 * retry.h - whether --retry tries again, and how long it waits first: curl's rules.
 *
 * Transient are a time-out, a name that can't be resolved, and the statuses 408, 429, 500, 502, 503
 * and 504; --retry-connrefused adds a refused connection, --retry-all-errors every failure. The
 * wait is --retry-delay, or one second doubling up to ten minutes; Retry-After (RFC 9110 §10.2.3)
 * wins over the doubling. Pure: time comes in as numbers.
 */
#ifndef CLI_RETRY_H
#define CLI_RETRY_H

#include "exit_status.h"

typedef struct cli_retry_policy {
    uint64_t retries;
    int64_t delay_ms;    /* 0: doubling */
    int64_t max_time_ms; /* 0: no bound */
    int connection_refused;
    int all_errors;
} cli_retry_policy;

typedef struct cli_retry_outcome {
    cli_exit exit;
    int status;             /* of the answer; 0: none */
    int64_t retry_after_ms; /* 0: not said */
} cli_retry_outcome;

typedef struct cli_retry_state {
    uint64_t done; /* retries so far */
    int64_t next_wait_ms;
} cli_retry_state;

typedef enum cli_retry_verdict { CLI_RETRY_NO = 0, CLI_RETRY_YES } cli_retry_verdict;

int cli_retry_is_transient_status(int status);

/* Decides, `elapsed_ms` after the first try began; on YES *wait_ms is set and `state` advanced. */
cli_retry_verdict cli_retry_decide(const cli_retry_policy *policy, cli_retry_state *state,
                                   const cli_retry_outcome *outcome, int64_t elapsed_ms,
                                   int64_t *wait_ms);

/* A Retry-After value, seconds or an IMF-fixdate, as milliseconds from `now` (Unix seconds); 0 when
 * it says nothing usable. */
int64_t cli_retry_after_ms(hh_slice value, int64_t now);

#endif
