/*
 * url.h - URLs as browsers parse them (WHATWG URL Standard), for http, https, ws and wss.
 *
 * An hh_url is immutable once made. Thread rule: any thread, no lock needed; destroy it once.
 * Source: https://url.spec.whatwg.org/ (parser, host parser, serializer), RFC 5891 through libidn2.
 */
#ifndef HYPERHTTP_URL_H
#define HYPERHTTP_URL_H

#include <hyperhttp/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hh_url hh_url;

/* Parses `text` (UTF-8), against `base` when it is relative; `base` may be NULL. On success *out is
 * the caller's to destroy. HH_ERR_INVALID_URL: no URL; HH_ERR_UNSUPPORTED_PROTOCOL: a scheme other
 * than the four; HH_ERR_LIMIT: longer than 64 KiB; HH_ERR_NO_MEMORY. `error` may be NULL; on
 * failure it says which part is wrong. */
HH_API HH_WARN_UNUSED hh_status hh_url_parse(hh_slice text, const hh_url *base, hh_url **out,
                                             hh_error *error);

/* Gives the URL back. NULL is fine. */
HH_API void hh_url_destroy(hh_url *url);

/* The serialized URL, and its parts as the Standard's attributes name them, but without their
 * punctuation: scheme "https", host "example.org" or "[::1]", query without '?', fragment without
 * '#'. Username and password are percent-encoded, as they stand in the URL. Borrowed until the URL
 * is destroyed. */
HH_API hh_slice hh_url_text(const hh_url *url);
HH_API hh_slice hh_url_scheme(const hh_url *url);
HH_API hh_slice hh_url_username(const hh_url *url);
HH_API hh_slice hh_url_password(const hh_url *url);
HH_API hh_slice hh_url_host(const hh_url *url);
HH_API hh_slice hh_url_path(const hh_url *url);
HH_API hh_slice hh_url_query(const hh_url *url);
HH_API hh_slice hh_url_fragment(const hh_url *url);

/* The port in effect: the one written, or the scheme's own (80, 443). */
HH_API uint16_t hh_url_port(const hh_url *url);

#ifdef __cplusplus
}
#endif
#endif
