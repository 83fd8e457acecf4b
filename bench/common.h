/*
 * common.h - what the benchmark programs share: clock, CPU time, latencies, one line of JSON at the
 * end.
 */
#ifndef HH_BENCH_COMMON_H
#define HH_BENCH_COMMON_H

#include <stddef.h>
#include <stdint.h>

typedef struct bench_run {
    int64_t started_ns;
    int64_t cpu_started_ns;
    int64_t cpu_before_ns;  /* of the process, its warm-up left out; 0: not told */
    uint32_t *latencies_us; /* of each request, `capacity` places */
    size_t count;
    size_t capacity;
    uint64_t failures;
    uint64_t bytes;
    uint64_t connections; /* opened */
} bench_run;

int64_t bench_now_ns(void);
/* User and system time of this process. */
int64_t bench_cpu_ns(void);
/* `capacity`: how many requests there will be at most. Ends the program when out of memory. */
void bench_begin(bench_run *run, size_t capacity);
void bench_note(bench_run *run, int64_t started_ns);
/* Prints one line of JSON: requests, seconds, cpu_us, process_cpu_us (with cpu_before_ns), p50_us,
 * p99_us, failures, bytes, connections, rss_kib. */
void bench_end(bench_run *run);
long bench_number(const char *text, const char *what);
void bench_die(const char *what, const char *why);

#endif
