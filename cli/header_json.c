/*
 * header_json.c - see header_json.h.
 */
#include "header_json.h"

#include <strings.h>

int cli_is_same_field(hh_slice a, hh_slice b)
{
    return a.length == b.length && strncasecmp(a.data, b.data, a.length) == 0;
}

static void add_name(cli_text *out, hh_slice name)
{
    size_t start = out->length;
    cli_text_add_json(out, name);
    /* What JSON escapes is written in lower case as it is. */
    for (size_t i = start; i < out->length; i++) {
        if (out->data[i] >= 'A' && out->data[i] <= 'Z')
            out->data[i] = (char)(out->data[i] + 'a' - 'A');
    }
    cli_text_add_string(out, ":[");
}

void cli_header_json_add(cli_text *out, const hh_field *fields, size_t count, const char *separator)
{
    int is_first = 1;
    cli_text_add_char(out, '{');
    for (size_t i = 0; i < count; i++) {
        size_t earlier = 0;
        while (earlier < i && !cli_is_same_field(fields[earlier].name, fields[i].name))
            earlier++;
        if (earlier < i)
            continue;
        if (!is_first)
            cli_text_add_string(out, separator);
        is_first = 0;
        add_name(out, fields[i].name);
        cli_text_add_json(out, fields[i].value);
        for (size_t k = i + 1; k < count; k++) {
            if (cli_is_same_field(fields[k].name, fields[i].name)) {
                cli_text_add_char(out, ',');
                cli_text_add_json(out, fields[k].value);
            }
        }
        cli_text_add_char(out, ']');
    }
    cli_text_add_char(out, '}');
}
