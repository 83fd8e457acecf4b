/*
 * url_parse.c - the URL parser: hh_url_parse of hyperhttp/url.h.
 *
 * URL Standard, "URL parsing", for the special schemes http, https, ws and wss only. The Standard's
 * state machine is followed state by state, but each state takes its whole run of bytes at once:
 *
 *     parse_reference   scheme start, scheme, no scheme, special relative or authority
 *     parse_relative    relative, relative slash
 *     parse_authority   special authority (ignore) slashes, authority
 *     parse_host_port   host, port
 *     parse_path        path start, path
 *     parse_tail        query, fragment
 *
 * The serialized text is written as the parts are read, straight into the URL's own block; a
 * relative reference begins with a copy of its base's text. Each part is percent-encoded once, so
 * the result parses to itself.
 */
#include "codec/url.h"

#include "base/ascii.h"
#include "base/failure.h"
#include "base/limits.h"
#include "codec/url_encode.h"
#include "codec/url_host.h"
#include "codec/url_internal.h"

typedef struct url_parser {
    hh_slice whole; /* trimmed, without tabs and newlines */
    const char *at;
    const char *end;
    const hh_url *base; /* may be NULL */
    hh_error *error;    /* may be NULL */
    hh_bytes block;
    hh_url_parts parts;
} url_parser;

static bool is_slash(char c)
{
    return c == '/' || c == '\\';
}

static bool at_slash(const url_parser *parser)
{
    return parser->at < parser->end && is_slash(*parser->at);
}

static bool at_char(const url_parser *parser, char c)
{
    return parser->at < parser->end && *parser->at == c;
}

static hh_slice run_to(const url_parser *parser, const char *end)
{
    return (hh_slice){parser->at, (size_t)(end - parser->at)};
}

/* Where the next slash, backslash, '?' or '#' is, or the end. */
static const char *find_delimiter(const url_parser *parser)
{
    const char *at = parser->at;
    while (at < parser->end && (hh__url_class(*at) & HH_URL_DELIMITER) == 0)
        at++;
    return at;
}

/* Failures. Every sentence quotes by hh__url_quote, so none shows a password. */

static hh_status fail_whole(const url_parser *parser, const char *why)
{
    char quoted[HH_URL_QUOTE_BYTES];
    if (parser->error == NULL)
        return HH_ERR_INVALID_URL;
    return hh__fail(parser->error, HH_ERR_INVALID_URL, HH_PHASE_NONE, "\"%s\" is not a URL: %s",
                    hh__url_quote(parser->whole, parser->whole, quoted), why);
}

static hh_status fail_part(const url_parser *parser, const char *name, hh_slice part,
                           const char *why)
{
    char quoted[HH_URL_QUOTE_BYTES];
    char quoted_part[HH_URL_QUOTE_BYTES];
    if (parser->error == NULL)
        return HH_ERR_INVALID_URL;
    return hh__fail(parser->error, HH_ERR_INVALID_URL, HH_PHASE_NONE,
                    "\"%s\" is not a URL: its %s \"%s\" %s",
                    hh__url_quote(parser->whole, parser->whole, quoted), name,
                    hh__url_quote(parser->whole, part, quoted_part), why);
}

static hh_status fail_scheme(const url_parser *parser, hh_slice scheme)
{
    char quoted[HH_URL_QUOTE_BYTES];
    if (parser->error == NULL)
        return HH_ERR_UNSUPPORTED_PROTOCOL;
    /* "example.com:8080" and "localhost:8080" are URLs with a scheme, alas. */
    const char *behind = scheme.data + scheme.length + 1;
    bool is_like_host = memchr(scheme.data, '.', scheme.length) != NULL ||
                        (behind < parser->end && hh__is_digit(*behind));
    return hh__fail(parser->error, HH_ERR_UNSUPPORTED_PROTOCOL, HH_PHASE_NONE,
                    "the scheme \"%s\" is not supported: URLs begin with http, https, ws or wss%s",
                    hh__url_quote(parser->whole, scheme, quoted),
                    is_like_host ? "; if it is a host, write http:// or https:// before it" : "");
}

static hh_status fail_size(hh_error *error, hh_status status)
{
    if (status == HH_ERR_LIMIT)
        return hh__fail(error, status, HH_PHASE_NONE, "the URL is over %d bytes long",
                        HH_URL_MAX_BYTES);
    return hh__fail(error, status, HH_PHASE_NONE, "out of memory while parsing a URL");
}

/* Query and fragment, whichever are left. `parts` has everything before. */
static hh_status parse_tail(url_parser *parser)
{
    if (at_char(parser, '?')) {
        const char *hash = memchr(parser->at, '#', (size_t)(parser->end - parser->at));
        const char *end = hash != NULL ? hash : parser->end;
        hh__bytes_append_char(&parser->block, '?');
        parser->at++;
        hh__url_append_encoded(&parser->block, run_to(parser, end), HH_URL_SET_QUERY);
        parser->at = end;
    }
    parser->parts.query_end = hh__url_block_text(&parser->block);
    if (at_char(parser, '#')) {
        hh__bytes_append_char(&parser->block, '#');
        parser->at++;
        hh__url_append_encoded(&parser->block, run_to(parser, parser->end), HH_URL_SET_FRAGMENT);
        parser->at = parser->end;
    }
    return HH_OK;
}

/* How many dots `segment` stands for, "%2e" being one: 1 or 2; 0 when it is any other segment. */
static int count_dots(hh_slice segment)
{
    int dots = 0;
    size_t at = 0;
    while (at < segment.length && dots < 3) {
        hh_slice rest = {segment.data + at, segment.length - at};
        if (rest.data[0] == '.')
            at++;
        else if (rest.length >= 3 && hh__slice_is_nocase((hh_slice){rest.data, 3}, "%2e"))
            at += 3;
        else
            return 0;
        dots++;
    }
    return dots == 3 ? 0 : dots;
}

/* Removes the path's last segment with its slash; an empty path stays empty. */
static void shorten_path(url_parser *parser)
{
    hh_bytes *block = &parser->block;
    if (block->status != HH_OK)
        return;
    uint32_t length = hh__url_block_text(block);
    while (length > parser->parts.path_start) {
        length--;
        block->length--;
        if (block->data[block->length] == '/')
            return;
    }
}

/* The path as it stands, when it needs no encoding and has no dot segment; else nothing. */
static bool take_plain_path(url_parser *parser)
{
    const char *at = parser->at;
    const char *end = parser->end;
    if (at == end || *at != '/')
        return false;
    while (at < end && *at != '?' && *at != '#') {
        if ((hh__url_class(*at) & HH_URL_SET_PATH) != 0 || *at == '\\')
            return false;
        if (*at == '/' && end - at > 1 && (at[1] == '.' || at[1] == '%'))
            return false;
        at++;
    }
    hh__bytes_append_slice(&parser->block, run_to(parser, at));
    parser->at = at;
    return true;
}

/* Appends segments to the path written so far, which may be empty. */
static void take_segments(url_parser *parser)
{
    if (at_slash(parser))
        parser->at++;
    for (bool more = true; more;) {
        const char *end = find_delimiter(parser);
        hh_slice segment = run_to(parser, end);
        more = end < parser->end && is_slash(*end);
        parser->at = more ? end + 1 : end;
        int dots = count_dots(segment);
        if (dots == 2)
            shorten_path(parser);
        if (dots == 0 || !more)
            hh__bytes_append_char(&parser->block, '/');
        if (dots == 0)
            hh__url_append_encoded(&parser->block, segment, HH_URL_SET_PATH);
    }
}

static hh_status parse_path(url_parser *parser)
{
    if (!take_plain_path(parser))
        take_segments(parser);
    parser->parts.path_end = hh__url_block_text(&parser->block);
    return parse_tail(parser);
}

/* `text` is what stands behind the host's colon. */
static hh_status parse_port(url_parser *parser, hh_slice text)
{
    uint16_t standard = hh__schemes[parser->parts.scheme].port;
    parser->parts.port = standard;
    if (text.length == 0)
        return HH_OK;
    uint64_t port;
    hh_status status = hh__parse_unsigned(text, UINT16_MAX, &port);
    if (status == HH_ERR_LIMIT)
        return fail_part(parser, "port", text, "is over 65535");
    if (status != HH_OK)
        return fail_part(parser, "port", text, "is not a number");
    parser->parts.port = (uint16_t)port;
    if (port != standard) {
        hh__bytes_append_char(&parser->block, ':');
        hh__bytes_append_unsigned(&parser->block, port);
    }
    return HH_OK;
}

static hh_status parse_host_port(url_parser *parser, const char *end)
{
    /* A colon inside of brackets belongs to the address. */
    const char *colon = parser->at;
    bool in_brackets = false;
    while (colon < end && (*colon != ':' || in_brackets)) {
        if (*colon == '[' || *colon == ']')
            in_brackets = *colon == '[';
        colon++;
    }
    hh_slice raw = run_to(parser, colon);
    if (raw.length == 0)
        return fail_whole(parser, "it has no host");
    hh_host_text host;
    const char *reason = NULL;
    hh_status status = hh__host_parse(raw, &host, &reason);
    if (status == HH_ERR_INVALID_URL)
        return fail_part(parser, "host", raw, reason);
    if (status != HH_OK)
        return fail_size(parser->error, status);
    hh__bytes_append(&parser->block, host.data, host.length);
    parser->parts.host_end = hh__url_block_text(&parser->block);
    parser->at = colon < end ? colon + 1 : end;
    status = parse_port(parser, run_to(parser, end));
    if (status != HH_OK)
        return status;
    parser->at = end;
    parser->parts.path_start = hh__url_block_text(&parser->block);
    return parse_path(parser);
}

/* Username and password; `text` ends before the last '@'. */
static void take_userinfo(url_parser *parser, hh_slice text)
{
    const char *colon = text.length != 0 ? memchr(text.data, ':', text.length) : NULL;
    hh_slice name = {text.data, colon != NULL ? (size_t)(colon - text.data) : text.length};
    hh__url_append_encoded(&parser->block, name, HH_URL_SET_USERINFO);
    parser->parts.username_end = hh__url_block_text(&parser->block);
    if (colon != NULL && name.length + 1 < text.length) {
        hh_slice password = {colon + 1, text.length - name.length - 1};
        hh__bytes_append_char(&parser->block, ':');
        hh__url_append_encoded(&parser->block, password, HH_URL_SET_USERINFO);
    }
    if (hh__url_block_text(&parser->block) > parser->parts.host_start)
        hh__bytes_append_char(&parser->block, '@');
}

/* From the authority's slashes on, however many there are. */
static hh_status parse_authority(url_parser *parser, hh_scheme scheme)
{
    const struct hh_scheme_entry *entry = &hh__schemes[scheme];
    while (at_slash(parser))
        parser->at++;
    parser->parts.scheme = scheme;
    parser->parts.scheme_end = entry->name_length;
    hh__bytes_append(&parser->block, entry->name, entry->name_length);
    hh__bytes_append(&parser->block, "://", HH_SCHEME_SEPARATOR_BYTES);
    uint32_t start = hh__url_block_text(&parser->block);
    parser->parts.username_end = start;
    parser->parts.host_start = start;
    const char *end = find_delimiter(parser);
    hh_slice authority = run_to(parser, end);
    const char *sign =
        authority.length != 0 ? memrchr(authority.data, '@', authority.length) : NULL;
    if (sign != NULL) {
        take_userinfo(parser, run_to(parser, sign));
        parser->parts.host_start = hh__url_block_text(&parser->block);
        parser->at = sign + 1;
    }
    return parse_host_port(parser, end);
}

/* Begins the text with the base's, as far as `length`. */
static void take_base(url_parser *parser, uint32_t length)
{
    parser->parts = parser->base->parts;
    hh__bytes_append(&parser->block, parser->base->text, length);
}

static hh_status parse_relative(url_parser *parser)
{
    const hh_url_parts *base = &parser->base->parts;
    if (at_slash(parser)) {
        if (parser->end - parser->at > 1 && is_slash(parser->at[1]))
            return parse_authority(parser, base->scheme);
        take_base(parser, base->path_start);
        return parse_path(parser);
    }
    if (parser->at == parser->end || *parser->at == '#') {
        take_base(parser, base->query_end);
        return parse_tail(parser);
    }
    take_base(parser, base->path_end);
    if (*parser->at == '?')
        return parse_tail(parser);
    shorten_path(parser);
    take_segments(parser);
    parser->parts.path_end = hh__url_block_text(&parser->block);
    return parse_tail(parser);
}

/* The text before the colon if it is a scheme, else nothing. */
static hh_slice find_scheme(const url_parser *parser)
{
    const char *at = parser->at;
    if (at == parser->end || !hh__is_alpha(*at))
        return (hh_slice){NULL, 0};
    while (at < parser->end &&
           (hh__is_alpha(*at) || hh__is_digit(*at) || *at == '+' || *at == '-' || *at == '.'))
        at++;
    if (at == parser->end || *at != ':')
        return (hh_slice){NULL, 0};
    return run_to(parser, at);
}

static hh_status parse_reference(url_parser *parser)
{
    hh_slice name = find_scheme(parser);
    if (name.length == 0) {
        if (parser->base != NULL)
            return parse_relative(parser);
        if (parser->whole.length == 0)
            return fail_whole(parser, "it is empty");
        return fail_whole(parser, "it has no scheme; write http:// or https:// before it");
    }
    int scheme = 0;
    while (scheme < HH_SCHEME_COUNT && !hh__slice_is_nocase(name, hh__schemes[scheme].name))
        scheme++;
    if (scheme == HH_SCHEME_COUNT)
        return fail_scheme(parser, name);
    parser->at += name.length + 1;
    /* "http:x" is relative to a base of its own scheme; "http://x" comes to the same either way. */
    if (parser->base != NULL && parser->base->parts.scheme == (hh_scheme)scheme)
        return parse_relative(parser);
    return parse_authority(parser, (hh_scheme)scheme);
}

static hh_slice trim(hh_slice text)
{
    while (text.length != 0 && (unsigned char)text.data[0] <= ' ') {
        text.data++;
        text.length--;
    }
    while (text.length != 0 && (unsigned char)text.data[text.length - 1] <= ' ')
        text.length--;
    return text;
}

static bool has_ignored(hh_slice text)
{
    return text.length != 0 && (memchr(text.data, '\t', text.length) != NULL ||
                                memchr(text.data, '\n', text.length) != NULL ||
                                memchr(text.data, '\r', text.length) != NULL);
}

/* A copy without tabs and newlines. Broken UTF-8 is replaced here: what such a byte parted must not
 * become a character. */
static hh_status remove_ignored(hh_slice text, hh_bytes *out)
{
    while (text.length != 0) {
        bool valid;
        size_t step = hh__utf8_step(text, &valid);
        char c = text.data[0];
        if (!valid)
            hh__bytes_append_text(out, "\xEF\xBF\xBD");
        else if (c != '\t' && c != '\n' && c != '\r')
            hh__bytes_append(out, text.data, step);
        text.data += step;
        text.length -= step;
    }
    return out->status;
}

static hh_status parse_clean(hh_slice text, const hh_url *base, hh_url **out, hh_error *error)
{
    url_parser parser = {.whole = text,
                         .at = text.data,
                         .end = text.data + text.length,
                         .base = base,
                         .error = error};
    size_t room = text.length + (base != NULL ? base->parts.query_end : 0) + 1;
    if (!hh__url_block_init(&parser.block, room))
        return fail_size(error, parser.block.status);
    hh_status status = parse_reference(&parser);
    if (status == HH_OK) {
        status = hh__url_block_seal(&parser.block, &parser.parts, out);
        if (status != HH_OK)
            fail_size(error, status);
    }
    hh__bytes_finish(&parser.block);
    return status;
}

hh_status hh_url_parse(hh_slice text, const hh_url *base, hh_url **out, hh_error *error)
{
    if (text.length > HH_URL_MAX_BYTES)
        return fail_size(error, HH_ERR_LIMIT);
    if (text.data == NULL)
        text.data = "";
    text = trim(text);
    if (!has_ignored(text))
        return parse_clean(text, base, out, error);
    hh_bytes clean;
    hh__bytes_init(&clean, 3 * (size_t)HH_URL_MAX_BYTES);
    hh_status status = remove_ignored(text, &clean);
    if (status == HH_OK)
        status = parse_clean(hh__bytes_slice(&clean), base, out, error);
    else
        fail_size(error, status);
    hh__bytes_finish(&clean);
    return status;
}
