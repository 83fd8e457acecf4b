/*
 * lines.h - a file or pipe, line by line, in bounded memory.
 *
 * A line longer than CLI_LINE_MAX_BYTES is reported as such and skipped without being held. The
 * reader never blocks: where there is nothing to read yet it says so, and the caller polls.
 */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include "text.h"

#define CLI_LINE_MAX_BYTES (8u << 20)

typedef enum cli_lines_result {
    CLI_LINES_LINE = 0, /* `line` is one, without its end */
    CLI_LINES_TOO_LONG, /* one was too long; `line` is its beginning */
    CLI_LINES_WAIT,     /* nothing there yet: poll the descriptor */
    CLI_LINES_END,
    CLI_LINES_ERROR /* os_error says why, or ENOMEM */
} cli_lines_result;

typedef struct cli_lines {
    int descriptor;
    char *buffer;
    size_t capacity;
    size_t start;
    size_t end;
    size_t scanned;    /* bytes after `start` known to hold no newline */
    uint64_t number;   /* of the line last returned, from 1 */
    uint64_t consumed; /* bytes up to the end of that line */
    int is_skipping;   /* inside a line that was too long */
    int is_at_end;
    int is_unterminated; /* the line last returned had no newline */
    int os_error;
} cli_lines;

/* `descriptor` is borrowed. */
void cli_lines_init(cli_lines *lines, int descriptor);
void cli_lines_finish(cli_lines *lines);
/* `line` is borrowed until the next call. */
cli_lines_result cli_lines_next(cli_lines *lines, hh_slice *line);

#endif
