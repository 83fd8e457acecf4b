/*
 * tls_trust.h - the system's trust anchors, as OpenSSL was built and the environment says.
 */
#ifndef HH_NET_TLS_TRUST_H
#define HH_NET_TLS_TRUST_H

#include <openssl/x509_vfy.h>

#include "base/bytes.h"
#include <hyperhttp/error.h>

/* Where the anchors come from. Borrowed: from OpenSSL, the environment or static text. */
typedef struct hh_tls_trust {
    const char *directory; /* hashed; may be a colon-separated list. NULL: none */
    const char *file;      /* a bundle. NULL: none */
} hh_tls_trust;

/* Looks for them, the contents of no file read. SSL_CERT_DIR and SSL_CERT_FILE stand in for
 * OpenSSL's built-in paths. A directory counts when it holds a hash link; the built-in bundle only
 * without a directory, one named by SSL_CERT_FILE always. HH_ERR_FILE: there is none. */
HH_WARN_UNUSED hh_status hh__tls_trust_find(hh_tls_trust *out, hh_error *error);

/* Appends what tells this trust from another, the bundle's date and size included. */
void hh__tls_trust_identify(const hh_tls_trust *trust, hh_bytes *identity);

/* A store with them; one share is the caller's (X509_STORE_free). The last one made is kept, so a
 * bundle is parsed once for the process. The caller holds the lock of tls_context.c. HH_ERR_FILE,
 * HH_ERR_NO_MEMORY. */
HH_WARN_UNUSED hh_status hh__tls_trust_load(const hh_tls_trust *trust, X509_STORE **out,
                                            hh_error *error);

#endif
