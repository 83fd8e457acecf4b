/*
 * fields.h - header fields as -H spells them.
 *
 * "Name: value" sends it, "Name;" sends it empty, "Name:" leaves out the field the engine would
 * send by itself, "@file" reads one of these a line. A name given twice is sent twice; the first
 * replaces the engine's own.
 */
#ifndef CLI_FIELDS_H
#define CLI_FIELDS_H

#include "options.h"

typedef enum cli_field_action { CLI_FIELD_SEND = 0, CLI_FIELD_REMOVE } cli_field_action;

typedef struct cli_field {
    char *name;
    char *value;
    cli_field_action action;
} cli_field;

typedef struct cli_fields {
    cli_field *fields;
    size_t count;
    size_t capacity;
} cli_fields;

void cli_fields_finish(cli_fields *fields);
/* Adds one field of that name and value, copied. */
hh_status cli_fields_add(cli_fields *fields, hh_slice name, hh_slice value,
                         cli_field_action action);
/* Adds what one -H says, files included. HH_ERR_INVALID_ARGUMENT, HH_ERR_FILE: `problem` says why.
 */
hh_status cli_fields_add_spelled(cli_fields *fields, const char *spelled, cli_text *problem);
/* Whether `name`, in any letter case, is set or removed here. */
int cli_fields_has(const cli_fields *fields, const char *name);
/* Puts them all onto `request`; on failure `problem` says which can't be, and why. */
hh_status cli_fields_apply(const cli_fields *fields, hh_request *request, cli_text *problem);

#endif
