/*
 * fields.c - see fields.h.
 */
#include "fields.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "files.h"

void cli_fields_finish(cli_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        free(fields->fields[i].name);
        free(fields->fields[i].value);
    }
    free(fields->fields);
    memset(fields, 0, sizeof(*fields));
}

static char *copy_slice(hh_slice slice)
{
    char *copy = malloc(slice.length + 1);
    if (copy == NULL)
        return NULL;
    if (slice.length > 0)
        memcpy(copy, slice.data, slice.length);
    copy[slice.length] = '\0';
    return copy;
}

hh_status cli_fields_add(cli_fields *fields, hh_slice name, hh_slice value, cli_field_action action)
{
    if (fields->count == fields->capacity) {
        size_t capacity = fields->capacity == 0 ? 8 : fields->capacity * 2;
        cli_field *grown = realloc(fields->fields, capacity * sizeof(*grown));
        if (grown == NULL)
            return HH_ERR_NO_MEMORY;
        fields->fields = grown;
        fields->capacity = capacity;
    }
    cli_field *field = &fields->fields[fields->count];
    field->name = copy_slice(name);
    field->value = copy_slice(value);
    field->action = action;
    if (field->name == NULL || field->value == NULL) {
        free(field->name);
        free(field->value);
        return HH_ERR_NO_MEMORY;
    }
    fields->count++;
    return HH_OK;
}

static hh_status add_line(cli_fields *fields, hh_slice line, cli_text *problem)
{
    const hh_slice none = {"", 0};
    const char *colon = memchr(line.data, ':', line.length);
    if (colon != NULL && colon > line.data) {
        hh_slice name = {line.data, (size_t)(colon - line.data)};
        hh_slice value = {colon + 1, line.length - name.length - 1};
        value = cli_trim(value);
        return cli_fields_add(fields, cli_trim(name), value,
                              value.length > 0 ? CLI_FIELD_SEND : CLI_FIELD_REMOVE);
    }
    line = cli_trim(line);
    if (colon == NULL && line.length > 1 && line.data[line.length - 1] == ';') {
        hh_slice name = {line.data, line.length - 1};
        return cli_fields_add(fields, cli_trim(name), none, CLI_FIELD_SEND);
    }
    cli_text_printf(problem, "'%.*s' is no header field: write 'Name: value'", HH_SLICE_ARGS(line));
    return HH_ERR_INVALID_ARGUMENT;
}

static hh_status add_file(cli_fields *fields, const char *path, cli_text *problem)
{
    cli_text content = {0};
    hh_status status = cli_file_read(path, &content, problem);
    hh_slice rest = cli_text_slice(&content);
    while (status == HH_OK && rest.length > 0) {
        const char *newline = memchr(rest.data, '\n', rest.length);
        size_t length = newline != NULL ? (size_t)(newline - rest.data) : rest.length;
        hh_slice line = {rest.data, length};
        if (cli_trim(line).length > 0)
            status = add_line(fields, line, problem);
        size_t taken = length + (newline != NULL);
        rest.data += taken;
        rest.length -= taken;
    }
    cli_text_finish(&content);
    return status;
}

hh_status cli_fields_add_spelled(cli_fields *fields, const char *spelled, cli_text *problem)
{
    if (spelled[0] == '@')
        return add_file(fields, spelled + 1, problem);
    return add_line(fields, hh_slice_of(spelled), problem);
}

static int has_before(const cli_fields *fields, size_t end, const char *name)
{
    for (size_t i = 0; i < end; i++) {
        if (strcasecmp(fields->fields[i].name, name) == 0)
            return 1;
    }
    return 0;
}

int cli_fields_has(const cli_fields *fields, const char *name)
{
    return has_before(fields, fields->count, name);
}

static hh_status apply(const cli_fields *fields, size_t index, hh_request *request)
{
    const cli_field *field = &fields->fields[index];
    if (field->action == CLI_FIELD_REMOVE)
        return hh_request_remove_header(request, field->name);
    if (has_before(fields, index, field->name))
        return hh_request_add_header(request, hh_slice_of(field->name), hh_slice_of(field->value));
    return hh_request_set_header(request, field->name, field->value);
}

static const char *reason(hh_status status)
{
    if (status == HH_ERR_NO_MEMORY)
        return "out of memory";
    if (status == HH_ERR_LIMIT)
        return "too many fields, or too long";
    return "it is the engine's own, or holds a forbidden character";
}

hh_status cli_fields_apply(const cli_fields *fields, hh_request *request, cli_text *problem)
{
    for (size_t i = 0; i < fields->count; i++) {
        hh_status status = apply(fields, i, request);
        if (status != HH_OK) {
            cli_text_printf(problem, "the header field '%s' can't be set: %s",
                            fields->fields[i].name, reason(status));
            return status;
        }
    }
    return HH_OK;
}
