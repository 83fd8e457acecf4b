/*
 * text.h - a growing run of bytes for building lines, names and JSON.
 *
 * A failed allocation marks the text as failed and drops what follows, so a caller builds first and
 * asks once, at the end (cli_text_is_good). The bytes are always followed by a NUL. Zeroed memory
 * is an empty text. One thread at a time.
 */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <hyperhttp/hyperhttp.h>

typedef struct cli_text {
    char *data; /* NULL until something was added */
    size_t length;
    size_t capacity;
    int failed;
} cli_text;

void cli_text_finish(cli_text *text);
/* Empties it, keeping the memory and forgetting a failure. */
void cli_text_clear(cli_text *text);
int cli_text_is_good(const cli_text *text);
/* The bytes as a string; "" for an empty or failed text. Borrowed until the next change. */
const char *cli_text_string(const cli_text *text);
hh_slice cli_text_slice(const cli_text *text);
/* Hands the bytes over as a string for free(); NULL when memory ran out. The text is empty after.
 */
char *cli_text_take(cli_text *text);

/* `slice` without blanks, tabs and carriage returns at its ends. */
hh_slice cli_trim(hh_slice slice);

void cli_text_add(cli_text *text, const void *data, size_t length);
void cli_text_add_slice(cli_text *text, hh_slice slice);
void cli_text_add_string(cli_text *text, const char *string);
void cli_text_add_char(cli_text *text, char byte);
void cli_text_printf(cli_text *text, const char *format, ...) HH_PRINTF(2, 3);

/* Adds `slice` as a JSON string, quotes included (RFC 8259 §7). Bytes that are no UTF-8 are taken
 * as ISO-8859-1, which is what old servers put into fields. */
void cli_text_add_json(cli_text *text, hh_slice slice);
/* Adds a number in decimal, with zeros in front to at least `digits` digits (1 to 20). */
void cli_text_add_number(cli_text *text, uint64_t number, unsigned digits);
/* Adds a count with commas between thousands: 12,345. */
void cli_text_add_count(cli_text *text, uint64_t count);
/* Adds a size a person reads at a glance: 312 B, 1.5 KiB, 27.1 MiB. */
void cli_text_add_size(cli_text *text, double bytes);
/* Adds what hh_response_version tells: "1.0", "1.1", "2"; "0" for no answer. */
void cli_text_add_http_version(cli_text *text, int version);

#endif
