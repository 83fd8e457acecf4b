/*
 * fetch_options.h - the options of `hyperhttp [options] URL...`.
 */
#ifndef CLI_FETCH_OPTIONS_H
#define CLI_FETCH_OPTIONS_H

#include "body.h"
#include "common.h"
#include "retry.h"

/* Tags in `outputs`: each takes the answer to the next URL, in order. */
typedef enum cli_output_choice {
    CLI_OUTPUT_NAMED = 1, /* -o */
    CLI_OUTPUT_REMOTE     /* -O */
} cli_output_choice;

typedef struct fetch_options {
    cli_common common;
    cli_list urls;
    cli_list outputs;
    cli_list data; /* tagged with cli_data_kind */
    const char *output_directory;
    int create_directories;
    int include;
    int head;
    int get;
    int silent;
    int show_error;
    int verbose;
    int fail_with_body;
    int fail_early;
    int compressed;
    int no_meter;
    int bar;
    int no_buffer;
    int help;
    int version;
    const char *write_out;
    uint64_t max_bytes;
    uint64_t retries;
    int64_t retry_delay_ms;
    int64_t retry_max_time_ms;
    int retry_all_errors;
    int retry_connection_refused;

    /* Made by fetch_options_prepare. */
    cli_body body;
    cli_text write_out_text;
    const char *method;
} fetch_options;

extern const char fetch_usage[];

void fetch_options_init(fetch_options *options);
void fetch_options_finish(fetch_options *options);
hh_status fetch_options_parse(fetch_options *options, int argc, char **argv, cli_text *problem);
/* Reads files, checks what excludes what. As cli_common_prepare. */
hh_status fetch_options_prepare(fetch_options *options, cli_exit *exit, cli_text *problem);
void fetch_options_print_help(void);
cli_retry_policy fetch_retry_policy(const fetch_options *options);

#endif
