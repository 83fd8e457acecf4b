/*
 * report.h - what the command says on standard error: one sentence a failure.
 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "exit_status.h"

/* "hyperhttp: <sentence>", the usage line, and CLI_EXIT_USAGE. */
cli_exit cli_report_usage(const char *usage, const char *sentence);
/* "hyperhttp: (7) <sentence>"; returns `exit`. */
cli_exit cli_report_failure(cli_exit exit, const char *sentence);
/* "Warning: <sentence>". */
void cli_report_warning(const char *sentence);

#endif
