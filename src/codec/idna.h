/*
 * idna.h - a domain as people write it into the ASCII that DNS carries.
 *
 * The URL Standard's "domain to ASCII" with beStrict false: UTS #46, non-transitional, STD3 rules
 * and hyphen checks off. Forbidden code points and the length of the whole are the host parser's.
 */
#ifndef HH_CODEC_IDNA_H
#define HH_CODEC_IDNA_H

#include <stdbool.h>

#include "base/bytes.h"

/* Appends the ASCII form of `domain` (UTF-8, no NUL) to `out`, lower case; empty labels stay.
 * HH_ERR_INVALID_URL: no valid domain; HH_ERR_LIMIT: past out's own limit; HH_ERR_NO_MEMORY. */
HH_WARN_UNUSED hh_status hh__domain_to_ascii(hh_slice domain, hh_bytes *out);

/* Some label begins with "xn--", in any letter case. */
bool hh__domain_has_alabel(hh_slice domain);

#endif
