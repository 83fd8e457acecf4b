/*
 * ascii.c - classes of bytes, slices, numbers, base64. See ascii.h for the contract.
 *
 * All of it is table or arithmetic: no locale, no allocation, and any byte is legal input.
 */
#include "base/ascii.h"

enum { IS_TCHAR = 1, ENDS_FIELD_VALUE = 2 };

/* RFC 9110 §5.6.2 and §5.5, one row for 16 bytes. clang-format off keeps the rows. */
/* clang-format off */
static const unsigned char classes[256] = {
    2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 2, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 1, 0, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 1, 1, 0,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0,
    0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 0, 1, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
};

static const signed char hex_values[256] = {
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, -1, -1, -1, -1, -1, -1,
    -1, 10, 11, 12, 13, 14, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, 10, 11, 12, 13, 14, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
};
/* clang-format on */

int hh__hex_value(char c)
{
    return hex_values[(unsigned char)c];
}

bool hh__is_tchar(char c)
{
    return (classes[(unsigned char)c] & IS_TCHAR) != 0;
}

bool hh__is_token(hh_slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (!hh__is_tchar(text.data[i]))
            return false;
    }
    return text.length != 0;
}

bool hh__is_field_value(hh_slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        if ((classes[(unsigned char)text.data[i]] & ENDS_FIELD_VALUE) != 0)
            return false;
    }
    return true;
}

bool hh__slice_equal(hh_slice a, hh_slice b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

bool hh__slice_equal_nocase(hh_slice a, hh_slice b)
{
    if (a.length != b.length)
        return false;
    for (size_t i = 0; i < a.length; i++) {
        if (hh__ascii_lower(a.data[i]) != hh__ascii_lower(b.data[i]))
            return false;
    }
    return true;
}

bool hh__slice_is(hh_slice a, const char *text)
{
    return hh__slice_equal(a, hh_slice_of(text));
}

bool hh__slice_is_nocase(hh_slice a, const char *text)
{
    return hh__slice_equal_nocase(a, hh_slice_of(text));
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

hh_slice hh__slice_trim(hh_slice text)
{
    while (text.length != 0 && is_blank(text.data[0])) {
        text.data++;
        text.length--;
    }
    while (text.length != 0 && is_blank(text.data[text.length - 1]))
        text.length--;
    return text;
}

void hh__lower_in_place(char *data, size_t length)
{
    for (size_t i = 0; i < length; i++)
        data[i] = hh__ascii_lower(data[i]);
}

/* The index of the comma that ends the first element, or the length. */
static size_t element_end(hh_slice text)
{
    bool is_quoted = false;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        if (c == '"')
            is_quoted = !is_quoted;
        else if (c == '\\' && is_quoted)
            i++; /* RFC 9110 §5.6.4: a quoted pair stands for its second byte */
        else if (c == ',' && !is_quoted)
            return i;
    }
    return text.length;
}

bool hh__list_element_next(hh_slice *rest, hh_slice *element)
{
    while (rest->length != 0) {
        size_t end = element_end(*rest);
        size_t step = end < rest->length ? end + 1 : end;
        hh_slice found = {rest->data, end};
        found = hh__slice_trim(found);
        rest->data += step;
        rest->length -= step;
        if (found.length != 0) {
            *element = found;
            return true;
        }
    }
    return false;
}

hh_status hh__parse_unsigned(hh_slice text, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    bool is_over = false;
    if (text.length == 0)
        return HH_ERR_INVALID_ARGUMENT;
    for (size_t i = 0; i < text.length; i++) {
        if (!hh__is_digit(text.data[i]))
            return HH_ERR_INVALID_ARGUMENT;
        unsigned digit = (unsigned)(text.data[i] - '0');
        if (value > (UINT64_MAX - digit) / 10)
            is_over = true;
        else
            value = value * 10 + digit;
    }
    if (is_over || value > max)
        return HH_ERR_LIMIT;
    *out = value;
    return HH_OK;
}

size_t hh__format_unsigned(uint64_t value, char out[HH_UNSIGNED_TEXT_BYTES])
{
    char reversed[HH_UNSIGNED_TEXT_BYTES];
    size_t length = 0;
    do {
        reversed[length++] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    for (size_t i = 0; i < length; i++)
        out[i] = reversed[length - 1 - i];
    return length;
}

size_t hh__base64_encode(hh_slice data, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *from = (const unsigned char *)data.data;
    size_t left = data.length;
    char *to = out;
    for (; left >= 3; left -= 3, from += 3) {
        *to++ = digits[from[0] >> 2];
        *to++ = digits[(from[0] & 3) << 4 | from[1] >> 4];
        *to++ = digits[(from[1] & 15) << 2 | from[2] >> 6];
        *to++ = digits[from[2] & 63];
    }
    if (left != 0) {
        unsigned second = left == 2 ? from[1] : 0;
        *to++ = digits[from[0] >> 2];
        *to++ = digits[(from[0] & 3u) << 4 | second >> 4];
        *to++ = left == 2 ? digits[(second & 15) << 2] : '=';
        *to++ = '=';
    }
    return (size_t)(to - out);
}
