/*
 * header_json.h - header fields as one JSON object: {"name": ["value", ...]}, names in lower case,
 * each once, where it first stood.
 */
#ifndef CLI_HEADER_JSON_H
#define CLI_HEADER_JSON_H

#include "text.h"

/* What an answer may have at most; the engine refuses more. */
#define CLI_HEADER_FIELDS_MAX 256

/* `separator` stands between two names: "," or ",\n". */
void cli_header_json_add(cli_text *out, const hh_field *fields, size_t count,
                         const char *separator);
/* Whether the two are the same field name, in any letter case. */
int cli_is_same_field(hh_slice a, hh_slice b);

#endif
