/*
 * error.h - a failure as data: what happened, to whom, and what to do about it.
 *
 * An hh_error is a plain value. The caller gives room for one and receives a copy, or borrows one
 * from an event until the event is released. It holds no pointer, so it may be copied, stored and
 * sent to another thread. Secrets (credentials, cookies, passwords in URLs) never stand in its
 * message.
 */
#ifndef HYPERHTTP_ERROR_H
#define HYPERHTTP_ERROR_H

#include <hyperhttp/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The kind of failure, coarse enough to base a decision on. */
typedef enum hh_category {
    HH_CATEGORY_NONE = 0,
    HH_CATEGORY_TRANSIENT, /* may well work at the next try */
    HH_CATEGORY_TIMEOUT,
    HH_CATEGORY_CONNECTION,
    HH_CATEGORY_DNS,
    HH_CATEGORY_TLS,
    HH_CATEGORY_PROTOCOL,
    HH_CATEGORY_SERVER, /* a 5xx answer taken as a failure */
    HH_CATEGORY_CLIENT, /* the caller's mistake, or a 4xx taken as a failure */
    HH_CATEGORY_RATE_LIMIT,
    HH_CATEGORY_FATAL /* no memory, cancelled, closed: no retry makes sense */
} hh_category;

/* How far the request had come. */
typedef enum hh_phase {
    HH_PHASE_NONE = 0, /* before anything was begun */
    HH_PHASE_QUEUE,    /* waiting for a connection of the pool */
    HH_PHASE_RESOLVE,
    HH_PHASE_CONNECT,
    HH_PHASE_TLS,
    HH_PHASE_SEND,
    HH_PHASE_HEADERS,
    HH_PHASE_BODY,
    HH_PHASE_REDIRECT
} hh_phase;

/* Whether the server may have acted on the request. */
typedef enum hh_processed {
    HH_PROCESSED_NO = 0, /* provably not: safe to send again, whatever the method */
    HH_PROCESSED_MAYBE,
    HH_PROCESSED_YES /* an answer had begun */
} hh_processed;

#define HH_ERROR_MESSAGE_BYTES 384

typedef struct hh_error {
    hh_status code;
    hh_category category;
    hh_phase phase;
    hh_processed processed;
    int os_error;                         /* errno, 0 if none */
    int tls_verify;                       /* OpenSSL's X509_V_ERR_ number, 0 if none */
    unsigned long tls_error;              /* OpenSSL's packed error, 0 if none */
    uint32_t http2_error;                 /* RFC 9113 §7 error code, 0 if none */
    uint32_t dns_error;                   /* the resolver library's status, 0 if none */
    uint64_t reserved[4];                 /* room to grow; zero */
    char message[HH_ERROR_MESSAGE_BYTES]; /* one sentence, UTF-8, NUL-terminated, no newline */
} hh_error;

/* Static names in lower case: "timeout", "connect". "unknown" for a number that is none. Any
 * thread. */
HH_API const char *hh_category_name(hh_category category);
HH_API const char *hh_phase_name(hh_phase phase);

#ifdef __cplusplus
}
#endif
#endif
