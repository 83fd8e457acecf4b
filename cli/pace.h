/*
 * pace.h - at most so many starts a second: the generic cell rate algorithm, with a burst worth ten
 * milliseconds, since a step can't wait for less than one. Pure: time comes in.
 */
#ifndef CLI_PACE_H
#define CLI_PACE_H

#include <stdint.h>

typedef struct cli_pace {
    double interval_ns; /* 0: no limit */
    double tolerance_ns;
    double arrival_ns; /* theoretical arrival of the next start */
} cli_pace;

/* `rate` in starts a second; 0: no limit. */
void cli_pace_init(cli_pace *pace, double rate);
/* 0: start now, and it is counted. Else how many nanoseconds to wait before asking again. */
uint64_t cli_pace_take(cli_pace *pace, uint64_t now_ns);

#endif
