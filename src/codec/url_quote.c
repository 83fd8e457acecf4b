/*
 * url_quote.c - a URL, or a part of one, as an error message may show it. See url_internal.h.
 *
 * The text failed to parse, so where its user info ends is anybody's guess: everything between the
 * beginning of what may be an authority and the last '@' counts as secret, since a password may
 * hold
 * '/', '?' or '#' that its owner forgot to encode. Rather too much is hidden than a byte too
 * little.
 */
#include "codec/url_internal.h"

#include "base/ascii.h"
#include "codec/url_encode.h"

static const char REDACTED[] = "[redacted]";
static const char CUT[] = "...";

typedef struct quote {
    char *out;
    size_t length;
    bool is_cut;
} quote;

static void put(quote *quoted, const char *data, size_t length)
{
    size_t room = HH_URL_QUOTE_BYTES - sizeof(CUT) - quoted->length;
    if (quoted->is_cut || length > room) {
        quoted->is_cut = true;
        return;
    }
    memcpy(quoted->out + quoted->length, data, length);
    quoted->length += length;
}

/* Controls of both sets, and what turns or hides text on a terminal (UAX #9 §2). `code` is a whole
 * UTF-8 code point. */
static bool is_unprintable(hh_slice code)
{
    const unsigned char *bytes = (const unsigned char *)code.data;
    if (code.length == 1)
        return bytes[0] < 0x20 || bytes[0] == 0x7F;
    if (code.length == 2)
        return (bytes[0] == 0xC2 && bytes[1] < 0xA0) || (bytes[0] == 0xD8 && bytes[1] == 0x9C);
    if (code.length == 3 && bytes[0] == 0xE2) {
        bool is_mark = bytes[1] == 0x80 && ((bytes[2] >= 0x8B && bytes[2] <= 0x8F) ||
                                            (bytes[2] >= 0xA8 && bytes[2] <= 0xAE));
        return is_mark || (bytes[1] == 0x81 && bytes[2] >= 0xA0 && bytes[2] <= 0xAF);
    }
    return code.length == 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0;
}

static void put_text(quote *quoted, const char *data, const char *end)
{
    static const char digits[] = "0123456789ABCDEF";
    while (data < end) {
        bool valid;
        size_t step = hh__utf8_step((hh_slice){data, (size_t)(end - data)}, &valid);
        bool shown = valid && !is_unprintable((hh_slice){data, step});
        if (shown)
            put(quoted, data, step);
        for (size_t i = 0; !shown && i < step; i++) {
            unsigned char byte = (unsigned char)data[i];
            char escaped[3] = {'%', digits[byte >> 4], digits[byte & 15]};
            put(quoted, escaped, sizeof(escaped));
        }
        data += step;
    }
}

static bool is_slash(char c)
{
    return c == '/' || c == '\\';
}

/* Where user info may begin: behind the slashes, and behind the scheme if there is one for sure. */
static const char *find_secret(hh_slice whole)
{
    const char *end = whole.data + whole.length;
    const char *at = whole.data;
    while (at < end &&
           (hh__is_alpha(*at) || hh__is_digit(*at) || *at == '+' || *at == '-' || *at == '.'))
        at++;
    bool is_scheme = at < end && *at == ':';
    hh_slice name = {whole.data, (size_t)(at - whole.data)};
    bool is_known = false;
    for (size_t i = 0; is_scheme && i < HH_SCHEME_COUNT; i++)
        is_known = is_known || hh__slice_is_nocase(name, hh__schemes[i].name);
    if (is_scheme && !is_known)
        is_scheme = end - at > 1 && is_slash(at[1]);
    at = is_scheme ? at + 1 : whole.data;
    while (at < end && is_slash(*at))
        at++;
    return at;
}

const char *hh__url_quote(hh_slice whole, hh_slice part, char out[HH_URL_QUOTE_BYTES])
{
    quote quoted = {out, 0, false};
    const char *at = part.data;
    const char *end = part.data + part.length;
    const char *sign = whole.length != 0 ? memrchr(whole.data, '@', whole.length) : NULL;
    if (sign != NULL) {
        const char *secret = find_secret(whole);
        if (at < secret) {
            const char *stop = end < secret ? end : secret;
            put_text(&quoted, at, stop);
            at = stop;
        }
        if (at < end && at >= secret && at < sign) {
            put(&quoted, REDACTED, sizeof(REDACTED) - 1);
            at = end < sign ? end : sign;
        }
    }
    put_text(&quoted, at, end);
    if (quoted.is_cut) {
        memcpy(out + quoted.length, CUT, sizeof(CUT) - 1);
        quoted.length += sizeof(CUT) - 1;
    }
    out[quoted.length] = '\0';
    return out;
}
