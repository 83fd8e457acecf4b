/*
 * histogram.c - see histogram.h.
 */
#include "histogram.h"

#include <math.h>
#include <stddef.h>

static size_t bucket_of(uint64_t value)
{
    if (value < CLI_HISTOGRAM_LINEAR)
        return (size_t)value;
    unsigned shift = 0;
    while (value >> shift >= CLI_HISTOGRAM_LINEAR)
        shift++;
    if (shift > CLI_HISTOGRAM_SHIFTS)
        return CLI_HISTOGRAM_BUCKETS - 1;
    return CLI_HISTOGRAM_LINEAR + (size_t)(shift - 1) * CLI_HISTOGRAM_HALF +
           (size_t)((value >> shift) - CLI_HISTOGRAM_HALF);
}

/* The highest value that falls into the bucket. */
static uint64_t top_of(size_t bucket)
{
    if (bucket < CLI_HISTOGRAM_LINEAR)
        return bucket;
    size_t above = bucket - CLI_HISTOGRAM_LINEAR;
    unsigned shift = (unsigned)(above / CLI_HISTOGRAM_HALF) + 1;
    uint64_t lead = above % CLI_HISTOGRAM_HALF + CLI_HISTOGRAM_HALF;
    return ((lead + 1) << shift) - 1;
}

void cli_histogram_add(cli_histogram *histogram, uint64_t value)
{
    histogram->counts[bucket_of(value)]++;
    histogram->total++;
    if (value > histogram->max)
        histogram->max = value;
}

uint64_t cli_histogram_percentile(const cli_histogram *histogram, double percent)
{
    uint64_t rank = (uint64_t)ceil(percent / 100 * (double)histogram->total);
    uint64_t seen = 0;
    if (rank == 0)
        rank = 1;
    for (size_t i = 0; i < CLI_HISTOGRAM_BUCKETS; i++) {
        seen += histogram->counts[i];
        if (seen >= rank) {
            uint64_t top = top_of(i);
            return top < histogram->max ? top : histogram->max;
        }
    }
    return histogram->max;
}
