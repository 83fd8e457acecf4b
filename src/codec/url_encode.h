/*
 * url_encode.h - percent-encoding as the URL Standard has it, and the step through UTF-8 it needs.
 *
 * Pure functions over bytes; no part of a URL is known here.
 */
#ifndef HH_CODEC_URL_ENCODE_H
#define HH_CODEC_URL_ENCODE_H

#include <stdbool.h>

#include "base/bytes.h"

/* What a byte is to a URL, as bits. The first four are the Standard's percent-encode sets (all hold
 * every byte outside of ASCII); the query's is the one of special schemes. */
enum {
    HH_URL_SET_FRAGMENT = 1,
    HH_URL_SET_QUERY = 2,
    HH_URL_SET_PATH = 4,
    HH_URL_SET_USERINFO = 8,
    HH_URL_FORBIDDEN = 16, /* forbidden domain code point, or no ASCII */
    HH_URL_DELIMITER = 32  /* slash, backslash, '?', '#' */
};

extern const unsigned char hh__url_classes[128];

static inline unsigned hh__url_class(char c)
{
    unsigned char byte = (unsigned char)c;
    return byte < 128 ? hh__url_classes[byte]
                      : HH_URL_SET_FRAGMENT | HH_URL_SET_QUERY | HH_URL_SET_PATH |
                            HH_URL_SET_USERINFO | HH_URL_FORBIDDEN;
}

/* How many bytes the first code point of `text` (not empty) takes, or what is broken there: the
 * Encoding Standard's maximal subpart, at least 1. *valid tells which. */
size_t hh__utf8_step(hh_slice text, bool *valid);

/* Appends `text` with the bytes of one of the HH_URL_SET_ sets as %XX. Broken UTF-8 becomes U+FFFD,
 * encoded. Errors stick in `out`. */
void hh__url_append_encoded(hh_bytes *out, hh_slice text, unsigned set);

/* Undoes %XX; a '%' without two hex digits stays. `out` has room for text.length bytes. Returns how
 * many were written. */
size_t hh__url_percent_decode(hh_slice text, char *out);

#endif
