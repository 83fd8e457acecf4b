/*
 * report.c - see report.h.
 */
#include "report.h"

#include <stdio.h>

cli_exit cli_report_usage(const char *usage, const char *sentence)
{
    fprintf(stderr, "hyperhttp: %s\n%s\n", sentence, usage);
    return CLI_EXIT_USAGE;
}

cli_exit cli_report_failure(cli_exit exit, const char *sentence)
{
    fprintf(stderr, "hyperhttp: (%d) %s\n", (int)exit, sentence);
    return exit;
}

void cli_report_warning(const char *sentence)
{
    fprintf(stderr, "Warning: %s\n", sentence);
}
