/*
 * response.h - what came back: status, header fields, body, timings.
 *
 * An hh_response is counted: hh_response_ref takes a share, hh_response_destroy gives one back;
 * both are atomic, legal on any thread, and the response may outlive its client. Its head is fixed
 * by the time the caller sees it; body, trailers and timings are fixed once its request's terminal
 * event is out. Until then read it only where no other thread steps the client. Every slice
 * returned is borrowed from the response.
 */
#ifndef HYPERHTTP_RESPONSE_H
#define HYPERHTTP_RESPONSE_H

#include <hyperhttp/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hh_response hh_response;

/* One header or trailer field, as received; the value has no white space around it. */
typedef struct hh_field {
    hh_slice name;
    hh_slice value;
} hh_field;

/* Where the time went, in nanoseconds; 0 for what didn't happen (a reused connection resolves
 * nothing). queue_ns is the wait for a connection, and what else the other times leave of total_ns,
 * which counts from submit to last byte. Zero in a redirect of hh_response_previous. */
typedef struct hh_timings {
    uint64_t queue_ns;
    uint64_t resolve_ns;
    uint64_t connect_ns;
    uint64_t tls_ns;
    uint64_t send_ns;    /* first byte of the head to last byte of the body */
    uint64_t wait_ns;    /* request sent to first byte of the final answer */
    uint64_t receive_ns; /* first byte to last byte of the answer */
    uint64_t total_ns;
    uint64_t redirect_ns; /* all hops before the last */
    uint64_t reserved[3];
} hh_timings;

HH_API hh_response *hh_response_ref(hh_response *response);
HH_API void hh_response_destroy(hh_response *response);

/* 100 to 999. */
HH_API int hh_response_status(const hh_response *response);
/* 10 for HTTP/1.0, 11 for HTTP/1.1, 20 for HTTP/2. */
HH_API int hh_response_version(const hh_response *response);
/* The reason phrase; may be empty. */
HH_API hh_slice hh_response_reason(const hh_response *response);

/* Header fields in the order received, repeats kept. hh_response_field_at: `index` below the count,
 * else an empty field. hh_response_header: the first value under `name` (any letter case), an empty
 * slice with data NULL when there is none. */
HH_API size_t hh_response_field_count(const hh_response *response);
HH_API hh_field hh_response_field_at(const hh_response *response, size_t index);
HH_API hh_slice hh_response_header(const hh_response *response, const char *name);
/* The head as it came, status line to blank line, for printing; of an HTTP/2 answer as HTTP/1 would
 * have written it. */
HH_API hh_slice hh_response_head(const hh_response *response);

/* Trailer fields of a chunked body (RFC 9112 §7.1.2) or of an HTTP/2 stream (RFC 9113 §8.1), kept
 * apart from the headers. */
HH_API size_t hh_response_trailer_count(const hh_response *response);
HH_API hh_field hh_response_trailer_at(const hh_response *response, size_t index);

/* The whole decoded body, where the request collects it (HH_DELIVER_WHOLE, blocking calls); else
 * empty. */
HH_API hh_slice hh_response_body(const hh_response *response);
/* Body bytes: as they came over the wire (after chunked framing), and decoded. */
HH_API uint64_t hh_response_wire_bytes(const hh_response *response);
HH_API uint64_t hh_response_body_bytes(const hh_response *response);
/* The declared Content-Length, UINT64_MAX when there is none. */
HH_API uint64_t hh_response_content_length(const hh_response *response);

/* The URL this response came from: the last one after redirects, without its user info. */
HH_API hh_slice hh_response_url(const hh_response *response);
/* The redirect response that led here, or NULL. Borrowed from this response. */
HH_API const hh_response *hh_response_previous(const hh_response *response);
/* The peer's address, "127.0.0.1:8080", "[::1]:443" or a Unix socket's path. */
HH_API hh_slice hh_response_remote_address(const hh_response *response);
/* How many redirects, and how many attempts in all, it took. */
HH_API unsigned hh_response_redirect_count(const hh_response *response);
HH_API unsigned hh_response_attempt_count(const hh_response *response);
/* 1 when the answer came over a connection that had served before, else 0. */
HH_API int hh_response_is_reused(const hh_response *response);
HH_API hh_timings hh_response_timings(const hh_response *response);

#ifdef __cplusplus
}
#endif
#endif
