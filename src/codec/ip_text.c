/*
 * ip_text.c - IPv4 and IPv6 texts. See ip_text.h for the contract.
 *
 * URL Standard, "Host parsing": the IPv4 parser, the "ends in a number" checker, the IPv6 parser,
 * and both serializers. No allocation, no locale, no system call; numbers saturate, so no input
 * overflows.
 */
#include "codec/ip_text.h"

#include "base/ascii.h"

/* More than any IPv4 address; a number of any length stops growing here. */
static const uint64_t NUMBER_TOO_LARGE = (uint64_t)1 << 33;

/* The Standard's IPv4 number parser. False: no number. */
static bool parse_number(hh_slice text, uint64_t *out)
{
    unsigned base = 10;
    if (text.length == 0)
        return false;
    if (text.length >= 2 && text.data[0] == '0') {
        bool is_hex = text.data[1] == 'x' || text.data[1] == 'X';
        base = is_hex ? 16 : 8;
        text.data += is_hex ? 2 : 1;
        text.length -= is_hex ? 2 : 1;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < text.length; i++) {
        int digit = hh__hex_value(text.data[i]);
        if (digit < 0 || (unsigned)digit >= base)
            return false;
        value = value * base + (unsigned)digit;
        if (value > NUMBER_TOO_LARGE)
            value = NUMBER_TOO_LARGE;
    }
    *out = value;
    return true;
}

/* Without one dot at the end, unless there is nothing else. */
static hh_slice without_last_dot(hh_slice host)
{
    if (host.length > 1 && host.data[host.length - 1] == '.')
        host.length--;
    return host;
}

static hh_slice last_label(hh_slice host)
{
    size_t start = host.length;
    while (start > 0 && host.data[start - 1] != '.')
        start--;
    return (hh_slice){host.data + start, host.length - start};
}

bool hh__host_ends_in_number(hh_slice host)
{
    hh_slice last = last_label(without_last_dot(host));
    if (last.length == 0 || !hh__is_digit(last.data[0]))
        return false;
    bool all_digits = true;
    for (size_t i = 0; i < last.length && all_digits; i++)
        all_digits = hh__is_digit(last.data[i]);
    uint64_t ignored;
    return all_digits || parse_number(last, &ignored);
}

/* Exactly four decimal numbers to 255, no zero in front: what may end an IPv6 address, and how an
 * IPv4 address is written. */
static bool parse_dotted(hh_slice text, uint16_t out[2])
{
    size_t at = 0;
    unsigned bytes[4];
    for (size_t i = 0; i < 4; i++) {
        if (i > 0) {
            if (at == text.length || text.data[at] != '.')
                return false;
            at++;
        }
        size_t start = at;
        unsigned value = 0;
        while (at < text.length && hh__is_digit(text.data[at])) {
            if (at > start && text.data[start] == '0')
                return false;
            value = value * 10 + (unsigned)(text.data[at] - '0');
            if (value > 255)
                return false;
            at++;
        }
        if (at == start)
            return false;
        bytes[i] = value;
    }
    if (at != text.length)
        return false;
    out[0] = (uint16_t)(bytes[0] << 8 | bytes[1]);
    out[1] = (uint16_t)(bytes[2] << 8 | bytes[3]);
    return true;
}

bool hh__ipv4_is_plain(hh_slice host)
{
    uint16_t ignored[2];
    return parse_dotted(host, ignored);
}

hh_status hh__ipv4_parse(hh_slice host, uint32_t *out)
{
    uint64_t numbers[4];
    size_t count = 0;
    hh_slice rest = without_last_dot(host);
    for (bool more = true; more;) {
        const char *dot = rest.length != 0 ? memchr(rest.data, '.', rest.length) : NULL;
        size_t length = dot != NULL ? (size_t)(dot - rest.data) : rest.length;
        if (count == 4 || !parse_number((hh_slice){rest.data, length}, &numbers[count]))
            return HH_ERR_INVALID_URL;
        count++;
        more = dot != NULL;
        if (more) {
            rest.data += length + 1;
            rest.length -= length + 1;
        }
    }
    /* The last number fills all the bytes the others left over. */
    uint64_t last = numbers[count - 1];
    if (last >= (uint64_t)1 << (8 * (5 - count)))
        return HH_ERR_INVALID_URL;
    uint64_t address = last;
    for (size_t i = 0; i + 1 < count; i++) {
        if (numbers[i] > 255)
            return HH_ERR_INVALID_URL;
        address += numbers[i] << (8 * (3 - i));
    }
    *out = (uint32_t)address;
    return HH_OK;
}

size_t hh__ipv4_format(uint32_t address, char out[HH_IPV4_TEXT_BYTES])
{
    size_t length = 0;
    for (int shift = 24; shift >= 0; shift -= 8) {
        char digits[HH_UNSIGNED_TEXT_BYTES];
        size_t count = hh__format_unsigned((address >> shift) & 255, digits);
        memcpy(out + length, digits, count);
        length += count;
        if (shift != 0)
            out[length++] = '.';
    }
    return length;
}

typedef struct ipv6_reader {
    hh_slice rest;
    uint16_t pieces[8];
    size_t count;
    size_t compress; /* the piece "::" stands before; 8: none */
} ipv6_reader;

static void skip(ipv6_reader *reader, size_t count)
{
    reader->rest.data += count;
    reader->rest.length -= count;
}

/* One piece and the colon behind it, or "::"'s second colon. False: invalid. */
static bool read_piece(ipv6_reader *reader)
{
    if (reader->count == 8)
        return false;
    if (reader->rest.data[0] == ':') {
        if (reader->compress != 8)
            return false;
        skip(reader, 1);
        reader->compress = reader->count;
        return true;
    }
    unsigned value = 0;
    size_t length = 0;
    while (length < 4 && length < reader->rest.length &&
           hh__hex_value(reader->rest.data[length]) >= 0) {
        value = value * 16 + (unsigned)hh__hex_value(reader->rest.data[length]);
        length++;
    }
    if (length < reader->rest.length && reader->rest.data[length] == '.') {
        if (reader->count > 6 || !parse_dotted(reader->rest, &reader->pieces[reader->count]))
            return false;
        reader->count += 2;
        skip(reader, reader->rest.length);
        return true;
    }
    skip(reader, length);
    if (reader->rest.length != 0) {
        if (reader->rest.data[0] != ':' || reader->rest.length == 1)
            return false;
        skip(reader, 1);
    }
    reader->pieces[reader->count++] = (uint16_t)value;
    return true;
}

hh_status hh__ipv6_parse(hh_slice text, uint16_t out[8])
{
    ipv6_reader reader = {.rest = text, .compress = 8};
    if (text.length == 0)
        return HH_ERR_INVALID_URL;
    if (text.data[0] == ':') {
        if (text.length == 1 || text.data[1] != ':')
            return HH_ERR_INVALID_URL;
        skip(&reader, 2);
        reader.compress = 0;
    }
    while (reader.rest.length != 0) {
        if (!read_piece(&reader))
            return HH_ERR_INVALID_URL;
    }
    if (reader.compress == 8 ? reader.count != 8 : reader.count == 8)
        return HH_ERR_INVALID_URL;
    memset(out, 0, 8 * sizeof(out[0]));
    size_t head = reader.compress == 8 ? 8 : reader.compress;
    size_t tail = reader.count - head;
    memcpy(out, reader.pieces, head * sizeof(out[0]));
    memcpy(out + (8 - tail), reader.pieces + head, tail * sizeof(out[0]));
    return HH_OK;
}

/* The first longest run of at least two zero pieces: its place, 8 when there is none. */
static size_t longest_zeros(const uint16_t pieces[8], size_t *length)
{
    size_t best = 8;
    *length = 1;
    for (size_t i = 0; i < 8; i++) {
        size_t run = 0;
        while (i + run < 8 && pieces[i + run] == 0)
            run++;
        if (run > *length) {
            best = i;
            *length = run;
        }
        i += run;
    }
    return best;
}

static size_t format_hex(uint16_t value, char *out)
{
    static const char digits[] = "0123456789abcdef";
    size_t length = 0;
    for (int shift = 12; shift >= 0; shift -= 4) {
        unsigned digit = (value >> shift) & 15u;
        if (digit != 0 || length != 0 || shift == 0)
            out[length++] = digits[digit];
    }
    return length;
}

size_t hh__ipv6_format(const uint16_t pieces[8], char out[HH_IPV6_TEXT_BYTES])
{
    size_t zeros;
    size_t compress = longest_zeros(pieces, &zeros);
    size_t length = 0;
    for (size_t i = 0; i < 8;) {
        if (i == compress) {
            if (i == 0)
                out[length++] = ':';
            out[length++] = ':';
            i += zeros;
            continue;
        }
        length += format_hex(pieces[i], out + length);
        i++;
        if (i < 8)
            out[length++] = ':';
    }
    return length;
}
