/*
 * url_encode.c - percent-encode sets and UTF-8. See url_encode.h for the contract.
 *
 * URL Standard, "Percent-encoded bytes"; Encoding Standard, "UTF-8 decoder". A '%' in the input is
 * never encoded again, so encoding twice changes nothing.
 */
#include "codec/url_encode.h"

#include "base/ascii.h"

/* The bits of url_encode.h for each ASCII byte, one row for 16. */
/* clang-format off */
const unsigned char hh__url_classes[128] = {
    0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f,
    0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f,
    0x1f, 0x00, 0x0f, 0x3e, 0x00, 0x10, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x38,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x18, 0x08, 0x1f, 0x08, 0x1f, 0x3c,
    0x18, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x18, 0x38, 0x18, 0x1c, 0x00,
    0x0d, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0c, 0x18, 0x0c, 0x00, 0x1f,
};
/* clang-format on */

/* How many bytes follow this lead byte, and the range of the first of them. 0: no lead byte. */
static size_t utf8_needed(unsigned char lead, unsigned char *lower, unsigned char *upper)
{
    *lower = 0x80;
    *upper = 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF)
        return 1;
    if (lead >= 0xE0 && lead <= 0xEF) {
        if (lead == 0xE0)
            *lower = 0xA0; /* no overlong forms */
        if (lead == 0xED)
            *upper = 0x9F; /* no surrogates */
        return 2;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        if (lead == 0xF0)
            *lower = 0x90;
        if (lead == 0xF4)
            *upper = 0x8F; /* nothing past U+10FFFF */
        return 3;
    }
    return 0;
}

size_t hh__utf8_step(hh_slice text, bool *valid)
{
    const unsigned char *bytes = (const unsigned char *)text.data;
    *valid = bytes[0] < 0x80;
    if (*valid)
        return 1;
    unsigned char lower;
    unsigned char upper;
    size_t needed = utf8_needed(bytes[0], &lower, &upper);
    if (needed == 0)
        return 1;
    for (size_t i = 1; i <= needed; i++) {
        if (i == text.length || bytes[i] < lower || bytes[i] > upper)
            return i;
        lower = 0x80;
        upper = 0xBF;
    }
    *valid = true;
    return needed + 1;
}

static void append_percent(hh_bytes *out, unsigned char byte)
{
    static const char digits[] = "0123456789ABCDEF";
    char text[3] = {'%', digits[byte >> 4], digits[byte & 15]};
    hh__bytes_append(out, text, sizeof(text));
}

void hh__url_append_encoded(hh_bytes *out, hh_slice text, unsigned set)
{
    const char *at = text.data;
    const char *end = text.data + text.length;
    while (at < end) {
        const char *run = at;
        while (at < end && (hh__url_class(*at) & set) == 0)
            at++;
        if (at > run)
            hh__bytes_append(out, run, (size_t)(at - run));
        if (at == end)
            break;
        bool valid;
        size_t step = hh__utf8_step((hh_slice){at, (size_t)(end - at)}, &valid);
        if (!valid)
            hh__bytes_append_text(out, "%EF%BF%BD");
        for (size_t i = 0; valid && i < step; i++)
            append_percent(out, (unsigned char)at[i]);
        at += step;
    }
}

size_t hh__url_percent_decode(hh_slice text, char *out)
{
    size_t length = 0;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        if (c == '%' && text.length - i > 2) {
            int high = hh__hex_value(text.data[i + 1]);
            int low = hh__hex_value(text.data[i + 2]);
            if (high >= 0 && low >= 0) {
                c = (char)(high * 16 + low);
                i += 2;
            }
        }
        out[length++] = c;
    }
    return length;
}
