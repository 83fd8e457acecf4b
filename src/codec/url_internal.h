/*
 * url_internal.h - what the files of the URL codec share, and nobody else includes.
 *
 * An hh_url is one block: a count of shares, the offsets of the parts, the serialized text, and
 * behind it the safe text when that isn't simply the text's beginning. The text is
 *
 *     scheme "://" [username [":" password] "@"] host [":" port] path ["?" query] ["#" fragment]
 *
 * so authority and target are runs of it. Invariants: the offsets never decrease in the order they
 * are declared; the path is never empty; the text is ASCII, without controls and spaces, at most
 * HH_URL_MAX_BYTES long, and parses to itself.
 */
#ifndef HH_CODEC_URL_INTERNAL_H
#define HH_CODEC_URL_INTERNAL_H

#include <stdatomic.h>

#include "base/bytes.h"
#include "codec/url.h"

/* Offsets into the text. Username begins behind "://", a password one behind username_end. */
typedef struct hh_url_parts {
    hh_scheme scheme;
    uint16_t port; /* in effect; written only when host_end < path_start */
    uint32_t scheme_end;
    uint32_t username_end;
    uint32_t host_start; /* behind the '@' if there is user info */
    uint32_t host_end;
    uint32_t path_start;
    uint32_t path_end;
    uint32_t query_end; /* < text_length: a fragment follows, '#' included */
    uint32_t text_length;
    uint32_t safe_start;
    uint32_t safe_length;
} hh_url_parts;

struct hh_url {
    atomic_uint shares;
    hh_url_parts parts;
    char text[];
};

enum { HH_SCHEME_COUNT = 4, HH_SCHEME_SEPARATOR_BYTES = 3 };

/* Name and port of each scheme, by hh_scheme. */
extern const struct hh_scheme_entry {
    const char *name;
    uint32_t name_length;
    uint16_t port;
} hh__schemes[HH_SCHEME_COUNT];

/* Starts a block with room for `text_bytes` of text behind the struct. False when there is no
 * memory. hh__bytes_finish gives it back. */
bool hh__url_block_init(hh_bytes *block, size_t text_bytes);
/* How much text the block has. */
uint32_t hh__url_block_text(const hh_bytes *block);
/* Makes the block an hh_url; every offset of `parts` but the text's length and the safe text is
 * set. Takes the block's memory when it succeeds. HH_ERR_LIMIT, HH_ERR_NO_MEMORY. */
HH_WARN_UNUSED hh_status hh__url_block_seal(hh_bytes *block, const hh_url_parts *parts,
                                            hh_url **out);

/* Room for a quotation, its NUL included. */
#define HH_URL_QUOTE_BYTES 112

/* Writes `part`, a run of `whole`, so that a message may show it: anything that may be user info
 * becomes "[redacted]", controls, direction marks and broken UTF-8 become %XX, and what is too long
 * ends in "...". NUL-terminated. Returns `out`. */
const char *hh__url_quote(hh_slice whole, hh_slice part, char out[HH_URL_QUOTE_BYTES]);

#endif
