/*
 * field_lines.c - name, colon, value, CRLF, again and again, until the blank line.
 *
 * One pass: the scanner runs over the name to the colon and over the value to its CR, and both
 * places are remembered when the bytes end early. White space around the value is cut off once the
 * line is whole. RFC 9112 §5, RFC 9110 §5.5 and §5.6.2.
 */
#include "codec/field_lines.h"

#include <assert.h>
#include <stdbool.h>

#include "codec/scan.h"

static hh_lines_result fail(hh_field_lines *lines, hh_status failure, const char *problem)
{
    lines->failure = failure;
    lines->problem = problem;
    return HH_LINES_ERROR;
}

const char *hh__line_problem(char stopped_at)
{
    switch (stopped_at) {
    case '\n':
        return "a line that ends in LF without CR";
    case '\r':
        return "a CR that no LF follows";
    case '\0':
        return "a NUL byte";
    default:
        return "a control character";
    }
}

/* The name ended at `at`, with something else than a colon or with nothing before it. */
static const char *name_problem(const char *line, const char *at)
{
    switch (*at) {
    case ' ':
    case '\t':
        /* RFC 9112 §5.2: obs-fold; §5.1: no white space before the colon. */
        return at == line ? "a line that begins with white space"
                          : "space before the colon of a field";
    case ':':
        return "a field without a name";
    case '\n':
        return at == line ? hh__line_problem('\n') : "a field line without a colon";
    case '\r':
        return "a field line without a colon";
    case '\0':
        return hh__line_problem('\0');
    default:
        return "a byte that no field name may hold";
    }
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The line from line_start ends at `line_end`, where its CR is. */
static hh_lines_result add_line(hh_field_lines *lines, const char *base, const char *line_end,
                                uint32_t max_fields, hh_fields *fields)
{
    const char *line = base + lines->line_start;
    const char *colon = base + lines->colon;
    const char *value = colon + 1;
    while (value != line_end && is_blank(*value)) {
        value++;
    }
    const char *value_end = line_end;
    while (value_end != value && is_blank(value_end[-1])) {
        value_end--;
    }
    hh_slice name = {line, (size_t)(colon - line)};
    if (name.length > UINT16_MAX) {
        return fail(lines, HH_ERR_HEADERS_TOO_LARGE, "a field name over 65535 bytes");
    }
    hh_field_entry entry = {
        .name_offset = lines->line_start,
        .value_offset = (uint32_t)(value - base),
        .value_length = (uint32_t)(value_end - value),
        .name_length = (uint16_t)name.length,
        .id = (uint16_t)hh__field_id(name),
    };
    /* The call is left to growth and refusal: it is a tenth of what a head costs. */
    if (fields->count < max_fields && fields->count < fields->capacity) {
        fields->entries[fields->count++] = entry;
        return HH_LINES_COMPLETE;
    }
    hh_status status = hh__fields_add(fields, entry, max_fields);
    if (status != HH_OK) {
        return fail(lines, status,
                    status == HH_ERR_NO_MEMORY ? "out of memory for fields" : "too many fields");
    }
    return HH_LINES_COMPLETE;
}

/* The blank line, or what is wrong instead of a name. */
static hh_lines_result end_block(hh_field_lines *lines, hh_slice data, const char *at)
{
    const char *line = data.data + lines->line_start;
    if (at != line || *at != '\r') {
        return fail(lines, HH_ERR_PROTOCOL, name_problem(line, at));
    }
    lines->scanned = lines->line_start;
    if (data.length - lines->line_start < 2) {
        return HH_LINES_NEED_MORE;
    }
    if (at[1] != '\n') {
        return fail(lines, HH_ERR_PROTOCOL, hh__line_problem('\r'));
    }
    lines->line_start += 2;
    lines->scanned = lines->line_start;
    return HH_LINES_COMPLETE;
}

hh_lines_result hh__field_lines_parse(hh_field_lines *lines, hh_slice data, uint32_t max_fields,
                                      hh_fields *fields)
{
    assert(data.length <= UINT32_MAX && lines->scanned <= data.length);
    const hh_scanner *scan = hh__scanner();
    const char *end = data.data + data.length;
    const char *at = data.data + lines->scanned;
    for (;;) {
        if (lines->colon == 0) {
            at = scan->name_end(at, end);
            if (at == end) {
                break;
            }
            if (*at != ':' || at == data.data + lines->line_start) {
                return end_block(lines, data, at);
            }
            lines->colon = (uint32_t)(at - data.data);
            at++;
        }
        at = scan->value_end(at, end);
        if (at == end || (*at == '\r' && at + 1 == end)) {
            break;
        }
        if (*at != '\r' || at[1] != '\n') {
            return fail(lines, HH_ERR_PROTOCOL, hh__line_problem(*at));
        }
        if (add_line(lines, data.data, at, max_fields, fields) == HH_LINES_ERROR) {
            return HH_LINES_ERROR;
        }
        at += 2;
        lines->line_start = (uint32_t)(at - data.data);
        lines->colon = 0;
    }
    lines->scanned = (uint32_t)(at - data.data);
    return HH_LINES_NEED_MORE;
}
