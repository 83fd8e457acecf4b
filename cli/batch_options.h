/*
 * batch_options.h - the options of `hyperhttp batch`.
 */
#ifndef CLI_BATCH_OPTIONS_H
#define CLI_BATCH_OPTIONS_H

#include "common.h"

#define BATCH_CONCURRENCY_DEFAULT 100
#define BATCH_CONCURRENCY_MAX 100000

typedef struct batch_options {
    cli_common common;
    cli_list urls;
    const char *input; /* NULL: none, "-": standard input */
    uint64_t concurrency;
    uint64_t per_host; /* 0: no bound of its own */
    double rate;       /* starts a second; 0: no bound */
    uint64_t max_bytes;
    const char *output_directory;
    const char *results; /* --jsonl */
    const char *progress;
    int resume;
    int raw;
    int compressed;
    int quiet;
    int help;
} batch_options;

extern const char batch_usage[];

void batch_options_init(batch_options *options);
void batch_options_finish(batch_options *options);
/* Parses and checks; the standard input is taken as the list when nothing else is given and it is
 * no terminal. As cli_options_parse. */
hh_status batch_options_parse(batch_options *options, int argc, char **argv, cli_text *problem);
void batch_options_print_help(void);

#endif
