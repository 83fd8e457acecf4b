/*
 * ascii.h - bytes as HTTP sees them: no locale, no NUL, no sign. RFC 9110 §5.6.2 for tokens.
 */
#ifndef HH_BASE_ASCII_H
#define HH_BASE_ASCII_H

#include <stdbool.h>

#include <hyperhttp/base.h>

static inline char hh__ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}
static inline bool hh__is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static inline bool hh__is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
/* 0 to 15, or -1. */
int hh__hex_value(char c);
/* RFC 9110 §5.6.2 tchar. */
bool hh__is_tchar(char c);
/* Not empty and all tchar. */
bool hh__is_token(hh_slice text);
/* No CR, LF or NUL: safe as a field value (RFC 9110 §5.5). */
bool hh__is_field_value(hh_slice text);

bool hh__slice_equal(hh_slice a, hh_slice b);
/* Without regard to ASCII letter case. */
bool hh__slice_equal_nocase(hh_slice a, hh_slice b);
bool hh__slice_is(hh_slice a, const char *text);
bool hh__slice_is_nocase(hh_slice a, const char *text);
/* Without SP and HTAB at both ends. */
hh_slice hh__slice_trim(hh_slice text);
void hh__lower_in_place(char *data, size_t length);

/* Takes the next element of a comma-separated list (RFC 9110 §5.6.1), trimmed, empty ones skipped,
 * commas in quoted strings respected. False at the end. *rest moves on. */
bool hh__list_element_next(hh_slice *rest, hh_slice *element);

/* Digits only, no sign, no space, at least one. HH_ERR_INVALID_ARGUMENT when it isn't so,
 * HH_ERR_LIMIT when over `max`. */
HH_WARN_UNUSED hh_status hh__parse_unsigned(hh_slice text, uint64_t max, uint64_t *out);

#define HH_UNSIGNED_TEXT_BYTES 20
/* Decimal digits into `out`, no NUL; returns how many. */
size_t hh__format_unsigned(uint64_t value, char out[HH_UNSIGNED_TEXT_BYTES]);

/* Standard base64 with padding (RFC 4648 §4); `out` has room for 4 * ((length + 2) / 3). Returns
 * its length. */
size_t hh__base64_encode(hh_slice data, char *out);

#endif
