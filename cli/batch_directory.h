/*
 * batch_directory.h - the output directory: one run at a time, files appear only whole, and nothing
 * is ever written outside, whatever links stand in the way.
 */
#ifndef CLI_BATCH_DIRECTORY_H
#define CLI_BATCH_DIRECTORY_H

#include "output.h"

#define BATCH_JOURNAL_NAME ".hyperhttp-batch.jsonl"

/* Makes the directory if it is missing, locks it against other runs, and removes temporary files a
 * killed run left. *out is the caller's to close. HH_ERR_FILE with a sentence. */
hh_status batch_directory_open(const char *path, int *out, cli_text *problem);

/* Makes the directories of the relative `path` and lets `output` appear there. On failure nothing
 * appears and output->os_error says why. No symbolic link below the directory is followed. */
hh_status batch_directory_place(int directory, cli_output *output, const char *path);

#endif
