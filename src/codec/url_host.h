/*
 * url_host.h - the host of a URL: a domain, an IPv4 address or an IPv6 address in brackets.
 */
#ifndef HH_CODEC_URL_HOST_H
#define HH_CODEC_URL_HOST_H

#include <hyperhttp/base.h>

#include "base/limits.h"

/* A domain with the root's dot; any IP address is shorter. */
#define HH_HOST_TEXT_BYTES (HH_HOST_MAX_BYTES + 1)

typedef struct hh_host_text {
    size_t length;
    char data[HH_HOST_TEXT_BYTES];
} hh_host_text;

/* The URL Standard's host parser and serializer in one, for special schemes. `raw` is the host as
 * written, with its brackets, without user info and port. HH_ERR_INVALID_URL: *reason becomes what
 * to say of the host, a static string that goes on after "its host ...". HH_ERR_NO_MEMORY. After a
 * failure `out` holds nothing of use. */
HH_WARN_UNUSED hh_status hh__host_parse(hh_slice raw, hh_host_text *out, const char **reason);

#endif
