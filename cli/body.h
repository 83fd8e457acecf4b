/*
 * body.h - a request body as -d, --data-binary, --data-urlencode, --json and their kin spell it.
 *
 * Pieces are joined in the order given: with '&', but for JSON, which is simply appended. All is
 * held in memory, except that a single large file given by --data-binary @FILE is read as it is
 * sent.
 */
#ifndef CLI_BODY_H
#define CLI_BODY_H

#include "options.h"

typedef enum cli_data_kind {
    CLI_DATA_FORM = 1,  /* -d: '@' names a file, whose CR, LF and NUL are dropped */
    CLI_DATA_RAW,       /* --data-raw: '@' means nothing */
    CLI_DATA_BINARY,    /* --data-binary: '@' names a file, taken as it is */
    CLI_DATA_URLENCODE, /* content, =content, name=content, @file, name@file */
    CLI_DATA_JSON       /* --json: as --data-binary */
} cli_data_kind;

typedef struct cli_body {
    cli_text bytes;
    int is_present;
    int is_json;    /* some piece is --json */
    int descriptor; /* a file to be read while sending, else -1 */
    uint64_t file_bytes;
} cli_body;

void cli_body_init(cli_body *body);
void cli_body_finish(cli_body *body);
/* `pieces` are tagged with cli_data_kind. HH_ERR_FILE with a sentence, HH_ERR_NO_MEMORY. */
hh_status cli_body_build(cli_body *body, const cli_list *pieces, cli_text *problem);

/* Percent-encodes all but RFC 3986's unreserved characters; a blank becomes '+', as in a form. */
void cli_form_encode(cli_text *out, hh_slice in);

#endif
