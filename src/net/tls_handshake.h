/*
 * tls_handshake.h - what OpenSSL calls back for each stream; tls_context.c hands these to SSL_CTX.
 */
#ifndef HH_NET_TLS_HANDSHAKE_H
#define HH_NET_TLS_HANDSHAKE_H

#include <openssl/ssl.h>

/* Keeps the first refusal for the error's sentence; never overrules OpenSSL. */
int hh__tls_stream_on_verify(int is_accepted, X509_STORE_CTX *chain);
/* Gives a new session to the store of the stream's target. 1: it took ownership. */
int hh__tls_stream_on_session(SSL *ssl, SSL_SESSION *session);

#endif
