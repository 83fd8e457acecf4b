/*
 * h1_writer.c - request line, fields and chunk heads as bytes.
 *
 * A call writes its whole line or nothing: room is taken at once, after the text was found safe.
 * Which fields there are and in what order is the caller's matter. RFC 9112 §3, §5, §7.1.
 */
#include "codec/h1_writer.h"

#include <stdbool.h>

#include "base/ascii.h"
#include "base/limits.h"

static char *put(char *at, hh_slice text)
{
    if (text.length != 0) {
        memcpy(at, text.data, text.length);
    }
    return at + text.length;
}

#define PUT_LITERAL(at, literal) put((at), (hh_slice){(literal), sizeof(literal) - 1})

static void close_line(hh_bytes *out, char *end)
{
    out->length = (size_t)(end - out->data);
    *end = '\0';
}

/* RFC 9112 §3.2: a request-target is made of visible ASCII; a space would end it. */
static bool is_target(hh_slice target)
{
    for (size_t i = 0; i < target.length; i++) {
        if (target.data[i] <= ' ' || target.data[i] > '~') {
            return false;
        }
    }
    return target.length != 0;
}

hh_status hh__h1_write_request_line(hh_bytes *out, hh_slice method, hh_slice target)
{
    static const char version[] = " HTTP/1.1\r\n";
    if (method.length > HH_METHOD_MAX_BYTES || !hh__is_token(method) || !is_target(target)) {
        return HH_ERR_INVALID_ARGUMENT;
    }
    char *at = hh__bytes_reserve(out, method.length + 1 + target.length + sizeof(version) - 1);
    if (at == NULL) {
        return out->status;
    }
    at = put(at, method);
    *at++ = ' ';
    at = put(at, target);
    at = PUT_LITERAL(at, version);
    close_line(out, at);
    return HH_OK;
}

hh_status hh__h1_write_field(hh_bytes *out, hh_slice name, hh_slice value)
{
    if (!hh__is_token(name) || !hh__is_field_value(value)) {
        return HH_ERR_INVALID_ARGUMENT;
    }
    char *at = hh__bytes_reserve(out, name.length + 2 + value.length + 2);
    if (at == NULL) {
        return out->status;
    }
    at = put(at, name);
    at = PUT_LITERAL(at, ": ");
    at = put(at, value);
    at = PUT_LITERAL(at, "\r\n");
    close_line(out, at);
    return HH_OK;
}

hh_status hh__h1_write_end(hh_bytes *out)
{
    hh__bytes_append(out, "\r\n", 2);
    return out->status;
}

size_t hh__h1_format_chunk_head(uint64_t size, char out[HH_CHUNK_HEAD_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    size_t count = 1;
    for (uint64_t rest = size >> 4; rest != 0; rest >>= 4) {
        count++;
    }
    for (size_t i = count; i != 0; i--, size >>= 4) {
        out[i - 1] = digits[size & 0xf];
    }
    out[count] = '\r';
    out[count + 1] = '\n';
    return count + 2;
}
