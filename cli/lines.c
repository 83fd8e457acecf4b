/*
 * lines.c - see lines.h.
 */
#include "lines.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define FIRST_BYTES 65536
#define SAMPLE_BYTES 200 /* of a line that was too long, for the report */

void cli_lines_init(cli_lines *lines, int descriptor)
{
    memset(lines, 0, sizeof(*lines));
    lines->descriptor = descriptor;
}

void cli_lines_finish(cli_lines *lines)
{
    free(lines->buffer);
    lines->buffer = NULL;
}

/* Moves what is there to the front and grows until something can be read. */
static int has_room(cli_lines *lines)
{
    if (lines->start > 0) {
        memmove(lines->buffer, lines->buffer + lines->start, lines->end - lines->start);
        lines->end -= lines->start;
        lines->start = 0;
    }
    if (lines->end < lines->capacity)
        return 1;
    size_t capacity = lines->capacity == 0 ? FIRST_BYTES : lines->capacity * 2;
    char *buffer = realloc(lines->buffer, capacity);
    if (buffer == NULL)
        return 0;
    lines->buffer = buffer;
    lines->capacity = capacity;
    return 1;
}

/* One read. LINE means "bytes came". */
static cli_lines_result fill(cli_lines *lines)
{
    struct pollfd ready = {.fd = lines->descriptor, .events = POLLIN};
    if (!has_room(lines)) {
        lines->os_error = ENOMEM;
        return CLI_LINES_ERROR;
    }
    if (poll(&ready, 1, 0) <= 0)
        return CLI_LINES_WAIT;
    ssize_t length =
        read(lines->descriptor, lines->buffer + lines->end, lines->capacity - lines->end);
    if (length < 0 && (errno == EINTR || errno == EAGAIN))
        return CLI_LINES_WAIT;
    if (length < 0) {
        lines->os_error = errno;
        return CLI_LINES_ERROR;
    }
    lines->is_at_end = length == 0;
    lines->end += (size_t)length;
    return CLI_LINES_LINE;
}

/* Takes `length` bytes as a line; `taken` includes its newline. */
static void give(cli_lines *lines, size_t length, size_t taken, hh_slice *line)
{
    line->data = lines->buffer + lines->start;
    line->length = length;
    lines->start += taken;
    lines->consumed += taken;
    lines->scanned = 0;
    lines->is_unterminated = length == taken;
}

/* Drops the rest of a line that was too long. 1 once its end is behind us. */
static int has_skipped(cli_lines *lines)
{
    size_t held = lines->end - lines->start;
    const char *newline = held > 0 ? memchr(lines->buffer + lines->start, '\n', held) : NULL;
    size_t dropped = newline != NULL ? (size_t)(newline - lines->buffer) - lines->start + 1 : held;
    lines->start += dropped;
    lines->consumed += dropped;
    lines->is_skipping = newline == NULL;
    return newline != NULL;
}

cli_lines_result cli_lines_next(cli_lines *lines, hh_slice *line)
{
    for (;;) {
        size_t held = lines->end - lines->start;
        if (!lines->is_skipping || has_skipped(lines)) {
            held = lines->end - lines->start;
            const char *from = held > 0 ? lines->buffer + lines->start : NULL;
            const char *newline = held > lines->scanned
                                      ? memchr(from + lines->scanned, '\n', held - lines->scanned)
                                      : NULL;
            if (newline != NULL && (size_t)(newline - from) <= CLI_LINE_MAX_BYTES) {
                lines->number++;
                give(lines, (size_t)(newline - from), (size_t)(newline - from) + 1, line);
                return CLI_LINES_LINE;
            }
            if (held > CLI_LINE_MAX_BYTES) {
                lines->number++;
                give(lines, SAMPLE_BYTES, SAMPLE_BYTES, line);
                lines->is_skipping = 1;
                return CLI_LINES_TOO_LONG;
            }
            lines->scanned = held;
            if (lines->is_at_end && held > 0) {
                lines->number++;
                give(lines, held, held, line);
                return CLI_LINES_LINE;
            }
        }
        if (lines->is_at_end)
            return CLI_LINES_END;
        cli_lines_result result = fill(lines);
        if (result != CLI_LINES_LINE)
            return result;
    }
}
