/*
 * base.h - what every other header builds on: visibility, slices, status codes.
 *
 * Leaves to others: the error value with its sentence (error.h), everything that does something.
 * Thread rule: plain values and pure functions; usable from any thread at any time.
 */
#ifndef HYPERHTTP_BASE_H
#define HYPERHTTP_BASE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__)
#define HH_API __attribute__((visibility("default")))
#define HH_WARN_UNUSED __attribute__((warn_unused_result))
#define HH_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define HH_API
#define HH_WARN_UNUSED
#define HH_PRINTF(text, first)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* A run of bytes that somebody else owns. Never NUL-terminated by promise; may hold any byte.
 * `data` may be NULL only when `length` is 0. */
typedef struct hh_slice {
    const char *data;
    size_t length;
} hh_slice;

/* For "%.*s": a slice as the two arguments printf wants. Slices over INT_MAX bytes can't be printed
 * so. */
#define HH_SLICE_ARGS(slice) (int)(slice).length, (slice).data

/* The slice over a NUL-terminated string, NUL left out. NULL gives the empty slice. */
static inline hh_slice hh_slice_of(const char *string)
{
    hh_slice slice = {string, string != NULL ? strlen(string) : 0};
    return slice;
}

/* What a call came to. HH_OK and HH_INTERRUPTED are no failures; everything from HH_ERR_ on is.
 * The numbers are part of the ABI: new ones are only ever added. */
typedef enum hh_status {
    HH_OK = 0,
    HH_INTERRUPTED = 1, /* a signal arrived while a step waited; call again when you like */

    /* The caller's own mistakes, found before anything is sent. */
    HH_ERR_NO_MEMORY = 10,
    HH_ERR_INVALID_ARGUMENT = 11,
    HH_ERR_STATE = 12, /* legal call, wrong moment: a fixed request, a stale id, a finished body */
    HH_ERR_INVALID_URL = 13,
    HH_ERR_UNSUPPORTED_PROTOCOL = 14, /* a scheme or protocol this client doesn't speak */
    HH_ERR_LIMIT = 15,                /* a named limit of our own was reached */
    HH_ERR_SYSTEM = 16,               /* a system call failed; error.os_error has errno */
    HH_ERR_FILE = 17,                 /* a file named in the options can't be used */

    /* Getting there. */
    HH_ERR_RESOLVE = 30,           /* the name doesn't exist, or has no address */
    HH_ERR_RESOLVE_TEMPORARY = 31, /* the name servers gave no answer; may work later */
    HH_ERR_CONNECT = 32,           /* refused, unreachable, reset while connecting */
    HH_ERR_TLS = 33,               /* the handshake failed, or the TLS stream broke */
    HH_ERR_CERTIFICATE = 34, /* the peer's certificate isn't trusted, valid or for this name */

    /* On the wire. */
    HH_ERR_SEND = 50,
    HH_ERR_RECEIVE = 51,
    HH_ERR_EMPTY_RESPONSE = 52, /* closed before the first byte of an answer */
    HH_ERR_TRUNCATED = 53,      /* closed inside the answer */
    HH_ERR_PROTOCOL = 54,       /* the peer broke HTTP's rules */
    HH_ERR_HEADERS_TOO_LARGE = 55,
    HH_ERR_RESPONSE_TOO_LARGE = 56,
    HH_ERR_DECODE = 57,       /* a content coding is damaged or unknown */
    HH_ERR_DECODE_LIMIT = 58, /* layers, output or ratio of a content coding: a bomb, likely */
    HH_ERR_REFUSED = 59,      /* HTTP/2: turned away unprocessed, by REFUSED_STREAM or GOAWAY */
    HH_ERR_STREAM_RESET = 60, /* HTTP/2: the peer ended the stream; error.http2_error says how */

    /* Decisions. */
    HH_ERR_TOO_MANY_REDIRECTS = 70,
    HH_ERR_REDIRECT_REFUSED = 71, /* to another scheme, or from https to http unless allowed */
    HH_ERR_BODY_NOT_REWINDABLE = 72,
    HH_ERR_BODY_LENGTH = 73, /* the caller pushed more or fewer bytes than declared */
    HH_ERR_CANCELLED = 74,
    HH_ERR_CLIENT_CLOSED = 75, /* the client was destroyed under the request */

    /* Deadlines. */
    HH_ERR_TIMEOUT_CONNECT = 90, /* resolving, connecting and the TLS handshake together */
    HH_ERR_TIMEOUT_READ = 91,
    HH_ERR_TIMEOUT_WRITE = 92,
    HH_ERR_TIMEOUT_POOL = 93,
    HH_ERR_TIMEOUT_TOTAL = 94
} hh_status;

/* The status's own name ("HH_ERR_CONNECT"); "HH_UNKNOWN" for a number that is none. Static string.
 */
HH_API const char *hh_status_name(hh_status status);

/* The library's version, "major.minor.patch". Static string. */
HH_API const char *hh_version(void);

#ifdef __cplusplus
}
#endif
#endif
