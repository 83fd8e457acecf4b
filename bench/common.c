/*
 * common.c - see common.h.
 */
#include "common.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

void bench_die(const char *what, const char *why)
{
    fprintf(stderr, "bench: %s: %s\n", what, why);
    exit(2);
}

int64_t bench_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t bench_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void bench_begin(bench_run *run, size_t capacity)
{
    *run = (bench_run){.capacity = capacity};
    run->latencies_us = calloc(capacity + 1, sizeof *run->latencies_us);
    if (run->latencies_us == NULL)
        bench_die("begin", "out of memory");
    run->started_ns = bench_now_ns();
    run->cpu_started_ns = bench_cpu_ns();
}

void bench_note(bench_run *run, int64_t started_ns)
{
    if (run->count < run->capacity)
        run->latencies_us[run->count++] = (uint32_t)((bench_now_ns() - started_ns) / 1000);
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void bench_end(bench_run *run)
{
    double seconds = (double)(bench_now_ns() - run->started_ns) / 1e9;
    double cpu_us = (double)(bench_cpu_ns() - run->cpu_started_ns) / 1e3;
    double process_cpu_us = cpu_us + (double)run->cpu_before_ns / 1e3;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    qsort(run->latencies_us, run->count, sizeof *run->latencies_us, compare);
    size_t last = run->count > 0 ? run->count - 1 : 0;
    printf("{\"requests\":%zu,\"seconds\":%.6f,\"cpu_us\":%.1f,\"process_cpu_us\":%.1f,\"p50_us\":%"
           "u,\"p99_us\":%u,"
           "\"failures\":%llu,\"bytes\":%llu,\"connections\":%llu,\"rss_kib\":%ld}\n",
           run->count, seconds, cpu_us, process_cpu_us, run->latencies_us[last / 2],
           run->latencies_us[last * 99 / 100], (unsigned long long)run->failures,
           (unsigned long long)run->bytes, (unsigned long long)run->connections, usage.ru_maxrss);
    free(run->latencies_us);
}

long bench_number(const char *text, const char *what)
{
    char *end;
    long number = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || number <= 0)
        bench_die(what, "a number above 0, please");
    return number;
}
