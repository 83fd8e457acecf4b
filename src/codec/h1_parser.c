/*
 * h1_parser.c - the status line, and the order of things in a response head: at most
 * HH_LEADING_CRLF_MAX empty lines, the status line, field lines up to the blank one. The field
 * lines themselves are read by field_lines.c, the body's framing is judged by h1_framing.c.
 *
 * Every limit is reached at a fixed byte and every fault found at the byte that makes it, so whole
 * and split input end alike. The twelve bytes before the reason phrase may be looked at more than
 * once, all others only once. RFC 9112 §2.2, §4.
 */
#include "codec/h1_parser.h"

#include "base/ascii.h"
#include "codec/scan.h"

/* '#' is a digit. */
static const char status_pattern[] = "HTTP/1.# ###";
#define STATUS_PATTERN_BYTES (sizeof(status_pattern) - 1)
#define MINOR_OFFSET 7
#define CODE_OFFSET 9

void hh__h1_parser_init(hh_h1_parser *parser)
{
    hh__fields_init(&parser->fields);
    parser->max_bytes = HH_HEAD_MAX_BYTES;
    parser->max_fields = HH_HEAD_MAX_FIELDS;
    hh__h1_parser_reset(parser);
}

void hh__h1_parser_finish(hh_h1_parser *parser)
{
    hh__fields_finish(&parser->fields);
    hh__h1_parser_reset(parser);
}

void hh__h1_parser_reset(hh_h1_parser *parser)
{
    static const hh_field_lines start_of_lines;
    parser->state = HH_H1_START;
    parser->lines = start_of_lines;
    parser->head_length = 0;
    parser->status = 0;
    parser->version = 0;
    parser->reason_offset = 0;
    parser->reason_length = 0;
    parser->failure = HH_OK;
    parser->problem = NULL;
    hh__fields_clear(&parser->fields);
}

static hh_h1_result fail(hh_h1_parser *parser, hh_status failure, const char *problem)
{
    parser->state = HH_H1_FAILED;
    parser->failure = failure;
    parser->problem = problem;
    return HH_H1_ERROR;
}

static hh_h1_result read_start(hh_h1_parser *parser, hh_slice data)
{
    hh_field_lines *lines = &parser->lines;
    while (lines->line_start < data.length && data.data[lines->line_start] == '\r') {
        if (lines->line_start / 2 == HH_LEADING_CRLF_MAX) {
            return fail(parser, HH_ERR_PROTOCOL, "too many empty lines before the status line");
        }
        if (data.length - lines->line_start < 2) {
            return HH_H1_NEED_MORE;
        }
        if (data.data[lines->line_start + 1] != '\n') {
            return fail(parser, HH_ERR_PROTOCOL, hh__line_problem('\r'));
        }
        lines->line_start += 2;
    }
    lines->scanned = lines->line_start;
    if (lines->line_start == data.length) {
        return HH_H1_NEED_MORE;
    }
    parser->state = HH_H1_STATUS_LINE;
    return HH_H1_COMPLETE;
}

/* The usual beginning, found with two comparisons; anything else is left to status_problem. */
static bool is_usual_status(const char *line, size_t available)
{
    static const char usual[] = "HTTP/1.1 ";
    return available > STATUS_PATTERN_BYTES && memcmp(line, usual, sizeof(usual) - 1) == 0 &&
           line[CODE_OFFSET] >= '1' && line[CODE_OFFSET] <= '9' &&
           hh__is_digit(line[CODE_OFFSET + 1]) && hh__is_digit(line[CODE_OFFSET + 2]) &&
           line[STATUS_PATTERN_BYTES] == ' ';
}

/* Told by the first byte alone, so that it is the same however the bytes come: TLS sends a record
 * (RFC 8446 §5.1), an alert most likely, and HTTP/2 the length of its SETTINGS (RFC 9113 §4.1). */
static const char *other_protocol(char first)
{
    enum { TLS_ALERT = 21, TLS_HANDSHAKE = 22 };
    if (first == TLS_ALERT || first == TLS_HANDSHAKE) {
        return "TLS instead of an HTTP status line; does the URL lack the s of https?";
    }
    if (first == '\0') {
        return "no HTTP status line but, as it seems, HTTP/2; prior knowledge "
               "(--http2-prior-knowledge) would speak it";
    }
    return "no HTTP status line";
}

/* What is wrong with the first bytes of a status line, NULL when nothing is as far as they go. */
static const char *status_problem(const char *line, size_t available)
{
    for (size_t i = 0; i < available && i < STATUS_PATTERN_BYTES; i++) {
        char wanted = status_pattern[i];
        if (i == CODE_OFFSET && line[i] == '0') {
            return "a status below 100";
        }
        if (wanted == '#' ? hh__is_digit(line[i]) : line[i] == wanted) {
            continue;
        }
        if (i < sizeof("HTTP/") - 1) {
            return i == 0 ? other_protocol(line[0]) : "no HTTP status line";
        }
        if (i < CODE_OFFSET) {
            return "an HTTP version other than 1.0 and 1.1";
        }
        return "a status that isn't three digits";
    }
    if (available <= STATUS_PATTERN_BYTES) {
        return NULL;
    }
    /* RFC 9112 §4 has a space here even before an empty reason; many servers leave both out. */
    char next = line[STATUS_PATTERN_BYTES];
    if (next == ' ' || next == '\r') {
        return NULL;
    }
    return next == '\n' ? hh__line_problem('\n') : "a status that isn't three digits";
}

static hh_h1_result read_status_line(hh_h1_parser *parser, hh_slice data)
{
    hh_field_lines *lines = &parser->lines;
    const char *line = data.data + lines->line_start;
    size_t available = data.length - lines->line_start;
    const char *problem = is_usual_status(line, available) ? NULL : status_problem(line, available);
    if (problem != NULL) {
        return fail(parser, HH_ERR_PROTOCOL, problem);
    }
    if (available <= STATUS_PATTERN_BYTES) {
        return HH_H1_NEED_MORE;
    }

    const char *reason = line + STATUS_PATTERN_BYTES + (line[STATUS_PATTERN_BYTES] == ' ' ? 1 : 0);
    const char *from = data.data + lines->scanned;
    size_t looked_at =
        available > HH_STATUS_LINE_MAX_BYTES ? HH_STATUS_LINE_MAX_BYTES + 1 : available;
    const char *at = hh__scanner()->value_end(from > reason ? from : reason, line + looked_at);
    lines->scanned = (uint32_t)(at - data.data);
    if (at == line + HH_STATUS_LINE_MAX_BYTES + 1) {
        return fail(parser, HH_ERR_HEADERS_TOO_LARGE, "a status line over 8192 bytes");
    }
    if (at == line + available || (*at == '\r' && at + 1 == line + available)) {
        return HH_H1_NEED_MORE;
    }
    if (*at != '\r' || at[1] != '\n') {
        return fail(parser, HH_ERR_PROTOCOL, hh__line_problem(*at));
    }

    const char *code = line + CODE_OFFSET;
    parser->version = line[MINOR_OFFSET] == '0' ? 10 : 11;
    parser->status = (uint16_t)((code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0'));
    parser->reason_offset = (uint32_t)(reason - data.data);
    parser->reason_length = (uint32_t)(at - reason);
    lines->line_start = lines->scanned + 2;
    lines->scanned = lines->line_start;
    parser->state = HH_H1_FIELDS;
    return HH_H1_COMPLETE;
}

static hh_h1_result read_fields(hh_h1_parser *parser, hh_slice data)
{
    switch (hh__field_lines_parse(&parser->lines, data, parser->max_fields, &parser->fields)) {
    case HH_LINES_NEED_MORE:
        return HH_H1_NEED_MORE;
    case HH_LINES_COMPLETE:
        parser->head_length = parser->lines.line_start;
        parser->state = HH_H1_DONE;
        return HH_H1_COMPLETE;
    case HH_LINES_ERROR:
        break;
    }
    return fail(parser, parser->lines.failure, parser->lines.problem);
}

static hh_h1_result read_on(hh_h1_parser *parser, hh_slice data)
{
    hh_h1_result result = HH_H1_COMPLETE;
    if (parser->state == HH_H1_START) {
        result = read_start(parser, data);
    }
    if (result == HH_H1_COMPLETE && parser->state == HH_H1_STATUS_LINE) {
        result = read_status_line(parser, data);
    }
    if (result == HH_H1_COMPLETE && parser->state == HH_H1_FIELDS) {
        result = read_fields(parser, data);
    }
    return result;
}

hh_h1_result hh__h1_parse(hh_h1_parser *parser, hh_slice data)
{
    if (parser->state == HH_H1_FAILED) {
        return HH_H1_ERROR;
    }
    if (data.length == 0) {
        return HH_H1_NEED_MORE;
    }
    uint32_t max = parser->max_bytes < HH_HEAD_MAX_BYTES ? parser->max_bytes : HH_HEAD_MAX_BYTES;
    hh_slice looked_at = {data.data, data.length < max ? data.length : max};
    hh_h1_result result = looked_at.length == 0 ? HH_H1_NEED_MORE : read_on(parser, looked_at);
    if (result == HH_H1_NEED_MORE && data.length >= max) {
        return fail(parser, HH_ERR_HEADERS_TOO_LARGE, "a response head over its size limit");
    }
    return result;
}
