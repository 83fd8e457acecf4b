/*
 * h2_request.h - a rendered HTTP/1 request head as the fields HTTP/2 sends (RFC 9113 §8.3.1).
 *
 * Made once for each wire and kept with it, so that sending a request costs no work here. Method
 * and target become :method and :path (an empty path "/", OPTIONS * as it is), Host becomes
 * :authority, `scheme` :scheme. Names turn to lower case. Connection, the fields it names,
 * Keep-Alive, Proxy-Connection, Transfer-Encoding, Upgrade and HTTP2-Settings don't exist in HTTP/2
 * (§8.2.2) and are left out; TE stays only as "trailers". Cookie stays in one piece.
 */
#ifndef HH_CONN_H2_REQUEST_H
#define HH_CONN_H2_REQUEST_H

#include <hyperhttp/base.h>

/* One block of memory, its insides in h2_internal.h. */
typedef struct hh_h2_request hh_h2_request;

/* `head` as codec/h1_writer renders it: request line to blank line. HH_ERR_NO_MEMORY,
 * HH_ERR_INVALID_ARGUMENT (not such a head, or without Host). */
HH_WARN_UNUSED hh_status hh__h2_request_create(hh_slice head, hh_slice scheme, hh_h2_request **out);
/* NULL is fine. */
void hh__h2_request_destroy(hh_h2_request *request);

#endif
