/*
 * histogram.h - durations counted in log-linear buckets (as HDR histograms do), two significant
 * digits, in a fixed 35 KiB however many are recorded.
 */
#ifndef CLI_HISTOGRAM_H
#define CLI_HISTOGRAM_H

#include <stdint.h>

/* Values below 256 have a bucket each; above, every power of two has 128. */
#define CLI_HISTOGRAM_LINEAR 256
#define CLI_HISTOGRAM_HALF 128
#define CLI_HISTOGRAM_SHIFTS 32
#define CLI_HISTOGRAM_BUCKETS (CLI_HISTOGRAM_LINEAR + CLI_HISTOGRAM_SHIFTS * CLI_HISTOGRAM_HALF)

typedef struct cli_histogram {
    uint64_t counts[CLI_HISTOGRAM_BUCKETS];
    uint64_t total;
    uint64_t max;
} cli_histogram;

/* `value` in any unit; the largest told apart is 2^40 - 1. */
void cli_histogram_add(cli_histogram *histogram, uint64_t value);
/* The value that `percent` (0 to 100) of those recorded don't exceed, at most 0.8 % too high; 0
 * when nothing was recorded. */
uint64_t cli_histogram_percentile(const cli_histogram *histogram, double percent);

#endif
