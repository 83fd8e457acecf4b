/*
 * retry.c - see retry.h.
 */
#include "retry.h"

#include <stdlib.h>
#include <time.h>

#define FIRST_WAIT_MS 1000
#define LONGEST_WAIT_MS 600000
#define RETRY_AFTER_MAX_S 31536000

int cli_retry_is_transient_status(int status)
{
    return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
           status == 504;
}

static int is_transient(const cli_retry_policy *policy, const cli_retry_outcome *outcome)
{
    if (outcome->exit == CLI_EXIT_TIMEOUT || outcome->exit == CLI_EXIT_RESOLVE)
        return 1;
    if (policy->connection_refused && outcome->exit == CLI_EXIT_CONNECT)
        return 1;
    if (policy->all_errors && outcome->exit != CLI_EXIT_OK)
        return 1;
    return cli_retry_is_transient_status(outcome->status);
}

cli_retry_verdict cli_retry_decide(const cli_retry_policy *policy, cli_retry_state *state,
                                   const cli_retry_outcome *outcome, int64_t elapsed_ms,
                                   int64_t *wait_ms)
{
    if (state->done >= policy->retries || !is_transient(policy, outcome))
        return CLI_RETRY_NO;
    int64_t doubling = state->next_wait_ms == 0 ? FIRST_WAIT_MS : state->next_wait_ms;
    int64_t wait = policy->delay_ms > 0 ? policy->delay_ms : doubling;
    if (policy->delay_ms == 0 && outcome->retry_after_ms > 0)
        wait = outcome->retry_after_ms;
    if (policy->max_time_ms > 0 && elapsed_ms + wait > policy->max_time_ms)
        return CLI_RETRY_NO;
    state->done++;
    state->next_wait_ms = doubling * 2 > LONGEST_WAIT_MS ? LONGEST_WAIT_MS : doubling * 2;
    *wait_ms = wait;
    return CLI_RETRY_YES;
}

int64_t cli_retry_after_ms(hh_slice value, int64_t now)
{
    char text[64];
    if (value.length == 0 || value.length >= sizeof(text))
        return 0;
    memcpy(text, value.data, value.length);
    text[value.length] = '\0';
    int64_t seconds;
    if (strspn(text, "0123456789") == value.length) {
        seconds = value.length > 9 ? RETRY_AFTER_MAX_S : (int64_t)strtoll(text, NULL, 10);
    } else {
        struct tm date;
        memset(&date, 0, sizeof(date));
        const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &date);
        if (end == NULL || *end != '\0')
            return 0;
        seconds = (int64_t)timegm(&date) - now;
    }
    if (seconds <= 0)
        return 0;
    return (seconds > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : seconds) * 1000;
}
