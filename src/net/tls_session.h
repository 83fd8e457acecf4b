/*
 * tls_session.h - how a TLS stream takes from and adds to its store of sessions.
 */
#ifndef HH_NET_TLS_SESSION_H
#define HH_NET_TLS_SESSION_H

#include <openssl/ssl.h>

#include "net/tls.h"

/* Binds the store at its first use to one peer under one context; afterwards says whether it is
 * still the same one. False: neither take from nor add to it. */
bool hh__tls_sessions_fit(hh_tls_sessions *sessions, hh_slice context_identity, hh_slice name);
/* The newest session that can be resumed, NULL when there is none. One share is the caller's. A
 * TLS 1.3 ticket leaves the store (RFC 8446 §C.4). */
SSL_SESSION *hh__tls_sessions_take(hh_tls_sessions *sessions);
/* Takes ownership of `session`; past HH_TLS_SESSIONS_MAX the oldest goes. */
void hh__tls_sessions_add(hh_tls_sessions *sessions, SSL_SESSION *session);
/* A stream's share of the store: the shell stays until it is dropped. NULL is fine. */
hh_tls_sessions *hh__tls_sessions_ref(hh_tls_sessions *sessions);
void hh__tls_sessions_unref(hh_tls_sessions *sessions);

#endif
