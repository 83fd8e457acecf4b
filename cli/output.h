/*
 * output.h - where a body goes: standard output, a device, or a file that appears only when whole.
 *
 * A file is written under a temporary name in the directory it will live in (or one the caller
 * names), and renamed at the end. So nobody ever sees half a file under the final name, and what
 * was there before stays until then. Devices, pipes and standard output are written directly.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "text.h"

/* Temporary files are called so, then process id, number and ".part". */
#define CLI_OUTPUT_TEMPORARY_PREFIX ".hyperhttp-"

typedef enum cli_output_kind {
    CLI_OUTPUT_CLOSED = 0,
    CLI_OUTPUT_DIRECT, /* the descriptor is borrowed or a device: nothing to rename */
    CLI_OUTPUT_FILE
} cli_output_kind;

typedef struct cli_output {
    cli_output_kind kind;
    int descriptor;
    int directory;   /* the temporary name is relative to it */
    char *temporary; /* FILE */
    char *final;     /* FILE opened by path */
    uint64_t written;
    int os_error; /* of the last failure */
} cli_output;

/* HH_ERR_FILE (os_error says why), HH_ERR_NO_MEMORY. A failed output is closed. */
hh_status cli_output_open_standard(cli_output *output);
hh_status cli_output_open_path(cli_output *output, const char *path);
/* A temporary file inside `directory`, to be placed by cli_output_commit_at. */
hh_status cli_output_open_temporary(cli_output *output, int directory);

hh_status cli_output_write(cli_output *output, hh_slice data);
/* Back to empty, for another try. HH_ERR_STATE where bytes are gone for good. */
hh_status cli_output_rewind(cli_output *output);
/* Makes the file appear, and closes. On failure nothing appears. */
hh_status cli_output_commit(cli_output *output);
hh_status cli_output_commit_at(cli_output *output, int directory, const char *name);
/* Drops what was written, and closes. A closed output is fine. */
void cli_output_discard(cli_output *output);

/* Whether `path` could be written: its directory is there and writable, and it is no directory
 * itself. `problem` gets the sentence. */
hh_status cli_output_check_path(const char *path, cli_text *problem);
/* Makes the directories `path` stands in. */
hh_status cli_output_make_parents(const char *path, cli_text *problem);

#endif
