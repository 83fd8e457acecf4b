/*
 * url.h - what the engine needs of a URL beyond the public header: the pieces a request line, a
 * Host field and a pool key are made of.
 *
 * One parse decides policy and dialling alike: everything here is derived from the serialized form
 * once. struct hh_url is in url_internal.h, for url.c and url_parse.c alone.
 */
#ifndef HH_CODEC_URL_H
#define HH_CODEC_URL_H

#include <stdbool.h>

#include <hyperhttp/url.h>

typedef enum hh_scheme {
    HH_SCHEME_HTTP = 0,
    HH_SCHEME_HTTPS,
    HH_SCHEME_WS,
    HH_SCHEME_WSS
} hh_scheme;

/* https or wss. */
bool hh__url_is_secure(const hh_url *url);
hh_scheme hh__url_scheme_id(const hh_url *url);
/* host, with ":port" unless it is the scheme's own; never user info. What Host carries (RFC 9112
 * §3.2). Borrowed. */
hh_slice hh__url_authority(const hh_url *url);
/* path and "?query": the origin-form target. Never empty. Borrowed. */
hh_slice hh__url_target(const hh_url *url);
/* The text without user info and without fragment; with `hh_slice` semantics as above. Borrowed. */
hh_slice hh__url_safe_text(const hh_url *url);
bool hh__url_has_userinfo(const hh_url *url);
/* Username and password with %XX undone, as basic authentication wants them; copies, hh__free each.
 * HH_ERR_NO_MEMORY; HH_ERR_INVALID_URL when one of them holds a NUL (%00). */
HH_WARN_UNUSED hh_status hh__url_userinfo_decoded(const hh_url *url, char **username,
                                                  char **password);
/* Same scheme, host and port. */
bool hh__url_same_origin(const hh_url *a, const hh_url *b);
/* A copy of `url` without user info. */
HH_WARN_UNUSED hh_status hh__url_without_userinfo(const hh_url *url, hh_url **out);
/* A copy of `url` that has `fragment` when it has none itself (RFC 9110 §10.2.2); an empty one adds
 * nothing. HH_ERR_LIMIT, HH_ERR_NO_MEMORY. */
HH_WARN_UNUSED hh_status hh__url_with_fragment(const hh_url *url, hh_slice fragment, hh_url **out);
/* Another share (atomic count); hh_url_destroy gives it back. */
hh_url *hh__url_ref(hh_url *url);

#endif
