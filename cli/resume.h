/*
 * resume.h - which items a former run finished: a set of 128-bit keys, 16 bytes each in a table
 * kept between a third and two thirds full, so 24 to 48 bytes an item.
 */
#ifndef CLI_RESUME_H
#define CLI_RESUME_H

#include "hash.h"
#include "text.h"

typedef struct cli_resume {
    cli_hash *slots; /* all zero: empty */
    size_t capacity; /* a power of two */
    size_t count;
} cli_resume;

void cli_resume_finish(cli_resume *resume);
hh_status cli_resume_add(cli_resume *resume, cli_hash key);
int cli_resume_has(const cli_resume *resume, cli_hash key);

/* Reads results (JSON Lines) from the start of the regular file `descriptor`, adds what ended
 * without an error, and cuts off a last line that was torn. HH_ERR_FILE with a sentence. */
hh_status cli_resume_read(cli_resume *resume, int descriptor, const char *path, cli_text *problem);

/* 32 hexadecimal digits, as results carry a key. */
void cli_key_add(cli_text *out, cli_hash key);

#endif
