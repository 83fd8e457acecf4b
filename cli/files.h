/*
 * files.h - small certainties about files: read one whole, write all bytes, is it there.
 */
#ifndef CLI_FILES_H
#define CLI_FILES_H

#include <sys/types.h>

#include "text.h"

/* Appends the file at `path` ("-": standard input) to `out`. HH_ERR_FILE with a sentence in
 * `problem` when it can't be opened or read; HH_ERR_NO_MEMORY. */
hh_status cli_file_read(const char *path, cli_text *out, cli_text *problem);

/* As read(), but waits for something to read, and a signal that asked us to stop ends the wait with
 * EINTR. */
ssize_t cli_file_read_some(int descriptor, void *memory, size_t capacity);

/* Writes all of `data`, waiting where the descriptor is non-blocking. 0, or the errno. A signal
 * that asked us to stop ends a wait with EINTR. */
int cli_file_write(int descriptor, hh_slice data);

/* HH_ERR_FILE and a sentence when `path` can't be opened for reading. */
hh_status cli_file_check_readable(const char *path, cli_text *problem);

/* Fills the numbers 0 to 2 where a shell closed them, so that no socket or file of ours takes their
 * place and gets what was meant for them. Using them fails as before. */
void cli_file_hold_standard(void);

#endif
