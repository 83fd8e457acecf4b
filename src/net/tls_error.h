/*
 * tls_error.h - OpenSSL's failures as sentences a person can act on.
 */
#ifndef HH_NET_TLS_ERROR_H
#define HH_NET_TLS_ERROR_H

#include <openssl/x509.h>
#include <stdbool.h>

#include <hyperhttp/error.h>

typedef enum hh_tls_failure_kind {
    HH_TLS_FAILURE_NONE = 0,
    HH_TLS_FAILURE_BELOW,       /* the stream below failed and knows more */
    HH_TLS_FAILURE_CLOSED,      /* it ended amid the handshake */
    HH_TLS_FAILURE_CERTIFICATE, /* see verify */
    HH_TLS_FAILURE_PROTOCOL,    /* see packed */
    HH_TLS_FAILURE_SYSTEM       /* see os_error */
} hh_tls_failure_kind;

/* What went wrong, small enough to lie in each stream. */
typedef struct hh_tls_failure {
    hh_tls_failure_kind kind;
    int verify;           /* X509_V_ERR_ */
    int depth;            /* of the certificate in its chain, 0: the server's own */
    int os_error;         /* errno */
    unsigned long packed; /* OpenSSL's error */
    X509 *certificate;    /* the one refused; owned */
} hh_tls_failure;

/* Who was spoken to. */
typedef struct hh_tls_peer {
    const char *name;  /* as verified: a host name or an IP literal */
    const char *label; /* as the caller wants the peer called, "example.org:443" */
    bool is_address;
    bool is_established; /* the handshake was over */
} hh_tls_peer;

/* Any kind but HH_TLS_FAILURE_BELOW. HH_ERR_CERTIFICATE, HH_ERR_TLS, HH_ERR_SYSTEM, or
 * HH_ERR_UNSUPPORTED_PROTOCOL (ALPN found nothing in common, RFC 7301 §3.2) with its detail. */
void hh__tls_failure_describe(const hh_tls_failure *failure, const hh_tls_peer *peer,
                              hh_phase phase, hh_error *error);
void hh__tls_failure_finish(hh_tls_failure *failure);

#endif
