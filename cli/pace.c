/*
 * pace.c - see pace.h.
 */
#include "pace.h"

#define BURST_NS 1e7

void cli_pace_init(cli_pace *pace, double rate)
{
    pace->interval_ns = rate > 0 ? 1e9 / rate : 0;
    pace->tolerance_ns = pace->interval_ns < BURST_NS ? BURST_NS - pace->interval_ns : 0;
    pace->arrival_ns = 0;
}

uint64_t cli_pace_take(cli_pace *pace, uint64_t now_ns)
{
    double now = (double)now_ns;
    if (pace->interval_ns <= 0)
        return 0;
    double arrival = pace->arrival_ns > now ? pace->arrival_ns : now;
    if (arrival - pace->tolerance_ns > now) {
        double wait = arrival - pace->tolerance_ns - now;
        return wait < 1 ? 1 : (uint64_t)wait;
    }
    pace->arrival_ns = arrival + pace->interval_ns;
    return 0;
}
