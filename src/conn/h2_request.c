/*
 * h2_request.c - see h2_request.h for the contract.
 *
 * One block: the array of fields, the names of the pseudo-fields, the scheme, and a copy of the
 * head whose names are lowered where they stand. The head is read twice: to count its fields and to
 * learn what Connection names, then to fill in.
 */
#include "conn/h2_request.h"

#include <stdbool.h>

#include "base/ascii.h"
#include "base/limits.h"
#include "base/memory.h"
#include "codec/fields.h"
#include "conn/h2_internal.h"

#define METHOD_NAME ":method"
#define SCHEME_NAME ":scheme"
#define AUTHORITY_NAME ":authority"
#define PATH_NAME ":path"
#define PSEUDO_NAMES METHOD_NAME SCHEME_NAME AUTHORITY_NAME PATH_NAME

/* As long as client/wire renders one; it keeps the sizes below from overflowing, too. */
#define HEAD_MAX_BYTES (HH_REQUEST_HEAD_MAX_BYTES + HH_URL_MAX_BYTES)

enum { PSEUDO_COUNT = 4 };

typedef struct field_line {
    hh_slice name;
    hh_slice value;
    hh_field_id id;
} field_line;

/* Which part of a head is where. */
typedef struct head_parts {
    hh_slice method;
    hh_slice target;
    hh_slice fields;     /* the lines, without the blank one */
    hh_slice host;       /* its value */
    size_t count;        /* lines */
    hh_slice connection; /* the lines from the first Connection to the last; mostly empty */
} head_parts;

/* Takes a line that CRLF ends, without that. False when there is none. */
static bool next_line(hh_slice *rest, hh_slice *line)
{
    const char *end = rest->length != 0 ? memchr(rest->data, '\n', rest->length) : NULL;
    if (end == NULL || end == rest->data || end[-1] != '\r')
        return false;
    *line = (hh_slice){rest->data, (size_t)(end - rest->data) - 1};
    rest->length -= line->length + 2;
    rest->data = end + 1;
    return true;
}

static bool read_field(hh_slice line, field_line *out)
{
    const char *colon = line.length != 0 ? memchr(line.data, ':', line.length) : NULL;
    if (colon == NULL)
        return false;
    out->name = (hh_slice){line.data, (size_t)(colon - line.data)};
    out->value = hh__slice_trim((hh_slice){colon + 1, line.length - out->name.length - 1});
    out->id = hh__field_id(out->name);
    return true;
}

/* CONNECT has other pseudo-fields (RFC 9113 §8.5), and is no request of ours. */
static bool read_request_line(hh_slice line, head_parts *parts)
{
    static const char version[] = " HTTP/1.1";
    size_t version_length = sizeof(version) - 1;
    const char *space = line.length != 0 ? memchr(line.data, ' ', line.length) : NULL;
    if (space == NULL || line.length < version_length)
        return false;
    const char *target = space + 1;
    const char *end = line.data + line.length - version_length;
    if (end <= target || memcmp(end, version, version_length) != 0)
        return false;
    parts->method = (hh_slice){line.data, (size_t)(space - line.data)};
    parts->target = (hh_slice){target, (size_t)(end - target)};
    if (!hh__is_token(parts->method) || hh__slice_is(parts->method, "CONNECT") ||
        memchr(target, ' ', parts->target.length) != NULL || !hh__is_field_value(parts->target))
        return false;
    return target[0] == '/' ||
           (hh__slice_is(parts->target, "*") && hh__slice_is(parts->method, "OPTIONS"));
}

/* False when the field makes a head invalid. */
static bool take_field(head_parts *parts, hh_slice line)
{
    field_line field;
    if (!read_field(line, &field) || !hh__is_token(field.name) || !hh__is_field_value(field.value))
        return false;
    parts->count++;
    if (field.id == HH_FIELD_CONNECTION) {
        if (parts->connection.data == NULL)
            parts->connection.data = line.data;
        parts->connection.length = (size_t)(line.data - parts->connection.data) + line.length + 2;
    }
    if (field.id != HH_FIELD_HOST)
        return true;
    bool is_first = parts->host.length == 0;
    parts->host = field.value;
    return is_first;
}

static bool read_head(hh_slice head, head_parts *parts)
{
    hh_slice line;
    if (head.length > HEAD_MAX_BYTES || !next_line(&head, &line) || !read_request_line(line, parts))
        return false;
    parts->fields = head;
    while (next_line(&head, &line) && line.length != 0) {
        if (!take_field(parts, line))
            return false;
    }
    bool is_complete = line.length == 0 && head.length == 0;
    parts->fields.length -= is_complete ? 2 : 0;
    return is_complete && parts->host.length != 0;
}

/* RFC 9110 §7.6.1: a field that Connection names is for this hop alone. */
static bool is_named_by_connection(hh_slice lines, hh_slice name)
{
    hh_slice line;
    field_line field;
    hh_slice element;
    while (next_line(&lines, &line) && read_field(line, &field)) {
        if (field.id != HH_FIELD_CONNECTION)
            continue;
        while (hh__list_element_next(&field.value, &element)) {
            if (hh__slice_equal_nocase(element, name))
                return true;
        }
    }
    return false;
}

/* RFC 9113 §8.2.2. Host is :authority already. */
static bool is_left_out(const head_parts *parts, const field_line *field)
{
    static const char http2_settings[] = "http2-settings";
    if (field->id == HH_FIELD_HOST || field->id == HH_FIELD_CONNECTION ||
        field->id == HH_FIELD_KEEP_ALIVE || field->id == HH_FIELD_PROXY_CONNECTION ||
        field->id == HH_FIELD_TRANSFER_ENCODING || field->id == HH_FIELD_UPGRADE ||
        hh__slice_is_nocase(field->name, http2_settings))
        return true;
    /* Connection has to name TE in HTTP/1.1 (RFC 9110 §10.1.4); here it stands for itself. */
    return field->id != HH_FIELD_TE && is_named_by_connection(parts->connection, field->name);
}

/* The one word TE may still say. False when it doesn't. */
static bool find_trailers(hh_slice *value)
{
    hh_slice element;
    while (hh__list_element_next(value, &element)) {
        if (hh__slice_is_nocase(element, "trailers")) {
            *value = element;
            return true;
        }
    }
    return false;
}

/* The compressor's table would let whoever can add requests guess these, bit by bit (RFC 7541
 * §7.1.3). */
static bool is_secret(hh_field_id id)
{
    return id == HH_FIELD_AUTHORIZATION || id == HH_FIELD_PROXY_AUTHORIZATION ||
           id == HH_FIELD_COOKIE;
}

typedef struct filler {
    hh_h2_request *request;
    const char *head; /* as given */
    char *copy;       /* of it */
    char *names;      /* what isn't used yet of PSEUDO_NAMES */
} filler;

/* Where a part of the head lies in its copy. */
static uint8_t *copied(const filler *fill, hh_slice part)
{
    return (uint8_t *)fill->copy + (part.data - fill->head);
}

static void add_pseudo(filler *fill, size_t name_length, uint8_t *value, size_t value_length)
{
    fill->request->fields[fill->request->count++] = (nghttp2_nv){
        .name = (uint8_t *)fill->names,
        .namelen = name_length,
        .value = value,
        .valuelen = value_length,
        .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE,
    };
    fill->names += name_length;
}

static void add_field(filler *fill, const field_line *field)
{
    uint8_t secret = is_secret(field->id) ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
    nghttp2_nv *added = &fill->request->fields[fill->request->count++];
    *added = (nghttp2_nv){
        .name = copied(fill, field->name),
        .namelen = field->name.length,
        .value = copied(fill, field->value),
        .valuelen = field->value.length,
        .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE | secret,
    };
    hh__lower_in_place((char *)added->name, added->namelen);
    if (field->id == HH_FIELD_TE)
        hh__lower_in_place((char *)added->value, added->valuelen);
}

/* Pseudo-fields come first (RFC 9113 §8.3). */
static void fill_in(filler *fill, const head_parts *parts, hh_slice scheme, char *scheme_copy)
{
    add_pseudo(fill, sizeof(METHOD_NAME) - 1, copied(fill, parts->method), parts->method.length);
    add_pseudo(fill, sizeof(SCHEME_NAME) - 1, (uint8_t *)scheme_copy, scheme.length);
    add_pseudo(fill, sizeof(AUTHORITY_NAME) - 1, copied(fill, parts->host), parts->host.length);
    add_pseudo(fill, sizeof(PATH_NAME) - 1, copied(fill, parts->target), parts->target.length);
    hh_slice rest = parts->fields;
    hh_slice line;
    field_line field;
    while (next_line(&rest, &line) && read_field(line, &field)) {
        if (is_left_out(parts, &field) || (field.id == HH_FIELD_TE && !find_trailers(&field.value)))
            continue;
        add_field(fill, &field);
    }
}

hh_status hh__h2_request_create(hh_slice head, hh_slice scheme, hh_h2_request **out)
{
    head_parts parts = {.count = 0};
    if (scheme.length == 0 || !read_head(head, &parts))
        return HH_ERR_INVALID_ARGUMENT;
    size_t array_bytes = (PSEUDO_COUNT + parts.count) * sizeof(nghttp2_nv);
    size_t names_bytes = sizeof(PSEUDO_NAMES) - 1;
    hh_h2_request *request =
        hh__malloc(sizeof(*request) + array_bytes + names_bytes + scheme.length + head.length);
    if (request == NULL)
        return HH_ERR_NO_MEMORY;
    char *text = (char *)(request->fields + PSEUDO_COUNT + parts.count);
    char *scheme_copy = text + names_bytes;
    filler fill = {
        .request = request,
        .head = head.data,
        .copy = scheme_copy + scheme.length,
        .names = text,
    };
    memcpy(text, PSEUDO_NAMES, names_bytes);
    memcpy(scheme_copy, scheme.data, scheme.length);
    memcpy(fill.copy, head.data, head.length);
    request->count = 0;
    fill_in(&fill, &parts, scheme, scheme_copy);
    *out = request;
    return HH_OK;
}

void hh__h2_request_destroy(hh_h2_request *request)
{
    hh__free(request);
}
