/*
 * h1_framing.c - how long the body is and whether the connection lives on: RFC 9112 §6.3 and §9.3.
 *
 * Two parties that disagree about where an answer ends are how answers get smuggled, so what could
 * be read in two ways is an error, even where no body follows. The one exception is a tunnel: it
 * ends HTTP on the connection and §6.3 has its lengths ignored.
 */
#include "codec/h1_parser.h"

#include "base/ascii.h"

typedef struct framing_fields {
    uint64_t length; /* UINT64_MAX: none declared */
    unsigned coding_count;
    unsigned chunked_count;
    bool has_coding, has_close, has_keep_alive;
    uint32_t keep_alive_timeout_s;
    const char *problem; /* the first there is with lengths and codings */
} framing_fields;

/* Equal lengths may repeat, within a field and over several (RFC 9112 §6.3, RFC 9110 §8.6). */
static void read_length(framing_fields *found, hh_slice value)
{
    for (;;) {
        const char *comma = value.length != 0 ? memchr(value.data, ',', value.length) : NULL;
        hh_slice element = {value.data,
                            comma != NULL ? (size_t)(comma - value.data) : value.length};
        uint64_t length;
        hh_status status = hh__parse_unsigned(hh__slice_trim(element), INT64_MAX, &length);
        if (status != HH_OK) {
            found->problem = status == HH_ERR_LIMIT ? "a Content-Length over 2^63-1"
                                                    : "a Content-Length that is no number";
            return;
        }
        if (found->length != UINT64_MAX && found->length != length) {
            found->problem = "Content-Lengths that differ";
            return;
        }
        found->length = length;
        if (comma == NULL) {
            return;
        }
        value.length -= element.length + 1;
        value.data = comma + 1;
    }
}

static void read_codings(framing_fields *found, hh_slice value)
{
    found->has_coding = true;
    hh_slice coding;
    while (hh__list_element_next(&value, &coding)) {
        found->coding_count++;
        if (hh__slice_is_nocase(coding, "chunked")) {
            found->chunked_count++;
        }
    }
}

static void read_connection(framing_fields *found, hh_slice value)
{
    hh_slice option;
    while (hh__list_element_next(&value, &option)) {
        if (hh__slice_is_nocase(option, "close")) {
            found->has_close = true;
        } else if (hh__slice_is_nocase(option, "keep-alive")) {
            found->has_keep_alive = true;
        }
    }
}

/* "timeout=5, max=100". What can't be read is passed over: the field is only a hint. */
static void read_keep_alive(framing_fields *found, hh_slice value)
{
    static const char timeout[] = "timeout";
    hh_slice element;
    while (hh__list_element_next(&value, &element)) {
        const char *equals = memchr(element.data, '=', element.length);
        if (equals == NULL) {
            continue;
        }
        hh_slice name = {element.data, (size_t)(equals - element.data)};
        hh_slice number = {equals + 1, element.length - name.length - 1};
        uint64_t seconds;
        if (!hh__slice_is_nocase(hh__slice_trim(name), timeout)) {
            continue;
        }
        if (hh__parse_unsigned(hh__slice_trim(number), UINT32_MAX - 1, &seconds) == HH_OK) {
            found->keep_alive_timeout_s = (uint32_t)seconds;
        }
    }
}

static framing_fields collect(const hh_h1_parser *parser, const char *data)
{
    framing_fields found = {.length = UINT64_MAX, .keep_alive_timeout_s = UINT32_MAX};
    for (uint32_t i = 0; i < parser->fields.count; i++) {
        const hh_field_entry *entry = &parser->fields.entries[i];
        hh_slice value = hh__entry_value(entry, data);
        if (entry->id == HH_FIELD_CONTENT_LENGTH && found.problem == NULL) {
            read_length(&found, value);
        } else if (entry->id == HH_FIELD_TRANSFER_ENCODING) {
            read_codings(&found, value);
        } else if (entry->id == HH_FIELD_CONNECTION) {
            read_connection(&found, value);
        } else if (entry->id == HH_FIELD_KEEP_ALIVE) {
            read_keep_alive(&found, value);
        }
    }
    return found;
}

static const char *framing_problem(const framing_fields *found, uint8_t version)
{
    if (found->problem != NULL || !found->has_coding) {
        return found->problem;
    }
    if (found->length != UINT64_MAX) {
        return "both Content-Length and Transfer-Encoding";
    }
    /* RFC 9112 §6.1: in an answer of HTTP/1.0 it is faulty framing. */
    if (version < 11) {
        return "Transfer-Encoding in an HTTP/1.0 answer";
    }
    /* No TE was sent, so no coding but chunked was asked for (RFC 9112 §7.4). */
    if (found->chunked_count != found->coding_count) {
        return "a transfer coding other than chunked";
    }
    if (found->chunked_count > 1) {
        return "chunked twice in Transfer-Encoding";
    }
    return found->chunked_count == 0 ? "an empty Transfer-Encoding" : NULL;
}

static hh_framing_kind decide_kind(const hh_h1_parser *parser, hh_request_kind request,
                                   const framing_fields *found)
{
    unsigned status = parser->status;
    if (status == 101 || (request == HH_REQUEST_CONNECT && status / 100 == 2)) {
        return HH_FRAMING_TUNNEL;
    }
    if (request == HH_REQUEST_HEAD || status / 100 == 1 || status == 204 || status == 304) {
        return HH_FRAMING_NONE;
    }
    if (found->has_coding) {
        return HH_FRAMING_CHUNKED;
    }
    return found->length != UINT64_MAX ? HH_FRAMING_LENGTH : HH_FRAMING_CLOSE;
}

/* RFC 9112 §9.3, and what makes the end of the answer doubtful. */
static bool decide_keeps_alive(const hh_h1_parser *parser, hh_framing_kind kind,
                               const framing_fields *found)
{
    if (kind == HH_FRAMING_TUNNEL || kind == HH_FRAMING_CLOSE || found->has_close) {
        return false;
    }
    if (parser->version < 11 && !found->has_keep_alive) {
        return false;
    }
    /* A 204 that announces a body (RFC 9112 §6.1, RFC 9110 §8.6 forbid it) may well send one. */
    bool announces_body = found->has_coding || (found->length != UINT64_MAX && found->length != 0);
    return parser->status != 204 || !announces_body;
}

hh_status hh__h1_framing(const hh_h1_parser *parser, const char *data, hh_request_kind request,
                         hh_framing *out)
{
    framing_fields found = collect(parser, data);
    hh_framing_kind kind = decide_kind(parser, request, &found);
    const char *problem =
        kind == HH_FRAMING_TUNNEL ? NULL : framing_problem(&found, parser->version);
    if (problem != NULL) {
        out->problem = problem;
        return HH_ERR_PROTOCOL;
    }
    out->kind = kind;
    out->length = found.length;
    out->keeps_alive = decide_keeps_alive(parser, kind, &found);
    out->keep_alive_timeout_s = found.keep_alive_timeout_s;
    out->problem = NULL;
    return HH_OK;
}
