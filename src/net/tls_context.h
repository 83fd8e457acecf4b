/*
 * tls_context.h - SSL_CTX objects shared by the process. Any thread.
 */
#ifndef HH_NET_TLS_CONTEXT_H
#define HH_NET_TLS_CONTEXT_H

#include <openssl/ssl.h>

#include "net/tls.h"

typedef struct hh_tls_context hh_tls_context;

/* Finds the context of these settings, or builds it from the files they name. `key` is the
 * configuration's. A file that has changed since makes another context. One share is the caller's.
 * HH_ERR_FILE, HH_ERR_INVALID_ARGUMENT (ca_pem), HH_ERR_NO_MEMORY, HH_ERR_LIMIT (paths too long),
 * HH_ERR_TLS (OpenSSL refused). */
HH_WARN_UNUSED hh_status hh__tls_context_obtain(const hh_tls_settings *settings, hh_slice key,
                                                hh_tls_context **out, hh_error *error);
/* NULL is fine. */
void hh__tls_context_unref(hh_tls_context *context);
SSL_CTX *hh__tls_context_ssl(const hh_tls_context *context);
/* The key and the state of the files it was built from. Borrowed. */
hh_slice hh__tls_context_identity(const hh_tls_context *context);

/* How many the process keeps at hand, at most HH_TLS_CONTEXTS_MAX. */
size_t hh__tls_contexts_kept(void);
/* Lets go of them all; those in use live on. */
void hh__tls_contexts_drop(void);

#endif
