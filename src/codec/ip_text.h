/*
 * ip_text.h - IP addresses in hosts of URLs, read and written as the URL Standard has them.
 *
 * This isn't inet_pton: "0x7f.1" and "017700000001" are IPv4 addresses to every browser, so to what
 * decides a policy here as well.
 */
#ifndef HH_CODEC_IP_TEXT_H
#define HH_CODEC_IP_TEXT_H

#include <stdbool.h>

#include <hyperhttp/base.h>

#define HH_IPV4_TEXT_BYTES 15
#define HH_IPV6_TEXT_BYTES 39

/* The Standard's "ends in a number" checker: the host must then be IPv4 or is invalid. */
bool hh__host_ends_in_number(hh_slice host);

/* An IPv4 address written as hh__ipv4_format does. */
bool hh__ipv4_is_plain(hh_slice host);
/* One to four parts, decimal, octal or hexadecimal, perhaps a dot behind. HH_ERR_INVALID_URL. */
HH_WARN_UNUSED hh_status hh__ipv4_parse(hh_slice host, uint32_t *out);
/* Dotted decimal, no NUL; returns the length. */
size_t hh__ipv4_format(uint32_t address, char out[HH_IPV4_TEXT_BYTES]);

/* The text between the brackets; no zone. Pieces in the machine's order. HH_ERR_INVALID_URL. */
HH_WARN_UNUSED hh_status hh__ipv6_parse(hh_slice text, uint16_t out[8]);
/* Lower case, the first longest run of zero pieces compressed (RFC 5952 §4, but never with dotted
 * decimal), no brackets, no NUL; returns the length. */
size_t hh__ipv6_format(const uint16_t pieces[8], char out[HH_IPV6_TEXT_BYTES]);

#endif
