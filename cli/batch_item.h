/*
 * batch_item.h - one request of a batch: read from a line, identified, carried to its end.
 *
 * A line that starts with '{' is JSON: {"url", "method", "headers", "body", "id"}, only "url" being
 * needed. Any other line is a URL. Pure but for allocation.
 */
#ifndef CLI_BATCH_ITEM_H
#define CLI_BATCH_ITEM_H

#include "fields.h"
#include "hash.h"
#include "output.h"
#include "typed_url.h"

typedef struct batch_item {
    uint64_t index; /* place in the whole run, from 1 */
    uint64_t line;  /* in the list; 0: from the command line */
    char *url;      /* with a scheme, where it could be one */
    cli_scheme scheme;
    char *method; /* NULL: the run's own */
    char *id;     /* as JSON text; NULL: none */
    cli_fields fields;
    cli_text body;
    int has_body;
    int is_invalid; /* no request: it is reported under the URL as typed */

    char *file;  /* relative path inside the output directory; NULL: none */
    char *place; /* "host:port", where a bound per host asks for it; NULL else */
    hh_id exchange;
    cli_output output;
    uint64_t bytes;
    uint64_t start_ns;
    int is_dropped;          /* the body isn't kept */
    int os_error;            /* its file failed */
    struct batch_item *next; /* in a queue */
} batch_item;

void batch_item_destroy(batch_item *item);

/* The URL as it stood in the line; NULL when none was found there. */
const char *batch_item_typed_url(const batch_item *item);

/* A line that holds no request: empty, or a '#' comment of a text list. */
int batch_line_is_blank(hh_slice line);

/* Makes the item a line describes. HH_ERR_INVALID_ARGUMENT or HH_ERR_INVALID_URL with a sentence:
 * no request, but *out is still made, with the id as far as it could be read. HH_ERR_NO_MEMORY: no
 * item. The URL is only looked at as far as guessing its scheme. */
hh_status batch_item_parse(hh_slice line, batch_item **out, cli_text *problem);

/* What --resume knows an item by: its id, else its URL, else, where it isn't a plain GET, all that
 * makes it differ from others with that URL. The last is shown in its result: it can't be told from
 * the rest. */
cli_hash batch_item_key(const batch_item *item);
int batch_item_is_key_shown(const batch_item *item);
cli_hash batch_key_of_id(hh_slice id_json);
cli_hash batch_key_of_url(hh_slice url);
/* An id (a string or a whole number) as canonical JSON text; HH_ERR_INVALID_ARGUMENT else. `json`
 * is a json_t of jansson. */
struct json_t;
hh_status batch_id_text(const struct json_t *json, cli_text *out);

#endif
