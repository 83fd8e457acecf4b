/*
 * tls.h - TLS 1.2 and 1.3 by OpenSSL, as a stream over another stream through a BIO of our own.
 *
 * hh_tls_config is everything that decides trust and identity; equal configurations share one
 * SSL_CTX in the process (at most HH_TLS_CONTEXTS_MAX), built at first use, so a client costs
 * nothing until it speaks TLS. The config's key holds every field; pool and session store key on
 * it. Trust: OpenSSL's hashed directory where there is one, else its bundle, loaded once.
 * hh_tls_sessions keeps the tickets of one peer under one configuration; its owner (the pool's
 * origin) provides the keying. Threads: configs are shared and counted atomically; streams and
 * session stores belong to one loop.
 */
#ifndef HH_NET_TLS_H
#define HH_NET_TLS_H

#include "net/stream.h"

typedef struct hh_tls_config hh_tls_config;
typedef struct hh_tls_sessions hh_tls_sessions;

typedef enum hh_tls_verify { HH_TLS_VERIFY_PEER = 0, HH_TLS_VERIFY_NONE } hh_tls_verify;

typedef struct hh_tls_settings {
    hh_tls_verify verify;
    const char *ca_file;
    const char *ca_directory;
    const char *ca_pem; /* certificates themselves */
    const char *cert_file;
    const char *key_file;
    const char *key_password;
    int min_version;         /* 12 or 13 */
    const char *keylog_file; /* NULL: none */
} hh_tls_settings;

/* Copies the settings; reads no file yet. HH_ERR_INVALID_ARGUMENT, HH_ERR_NO_MEMORY. */
HH_WARN_UNUSED hh_status hh__tls_config_create(const hh_tls_settings *settings, hh_tls_config **out,
                                               hh_error *error);
hh_tls_config *hh__tls_config_ref(hh_tls_config *config);
void hh__tls_config_unref(hh_tls_config *config);
/* A canonical serialization of every setting; hashes stand in for the texts of password and PEM.
 * Borrowed. */
hh_slice hh__tls_config_key(const hh_tls_config *config);
/* Builds (or finds) the SSL_CTX now. HH_ERR_FILE names the file and why, HH_ERR_INVALID_ARGUMENT
 * means ca_pem; later streams can't fail on it. */
HH_WARN_UNUSED hh_status hh__tls_config_load(hh_tls_config *config, hh_error *error);

HH_WARN_UNUSED hh_status hh__tls_sessions_create(hh_tls_sessions **out);
/* Streams that use it may outlive it: then their tickets are dropped. */
void hh__tls_sessions_destroy(hh_tls_sessions *sessions);

typedef struct hh_tls_target {
    const char *server_name; /* host of the URL: a name (sent as SNI and verified) or an IP literal
                                without brackets (verified as IP SAN) */
    const unsigned char *alpn; /* wire format, NULL: none */
    size_t alpn_length;
    hh_tls_sessions *sessions; /* NULL: no resumption */
} hh_tls_target;

/* A TLS stream over `below`, which it owns from HH_OK on; it listens for reading. No I/O yet. The
 * handshake runs by hh__tls_handshake. After HH_IO_EOF the stream's was_truncated says that no
 * close_notify came. HH_ERR_INVALID_ARGUMENT (a name no certificate can be for, a damaged ALPN
 * list), HH_ERR_NO_MEMORY, and all of hh__tls_config_load. */
HH_WARN_UNUSED hh_status hh__tls_stream_create(hh_stream *below, hh_tls_config *config,
                                               const hh_tls_target *target, hh_stream **out,
                                               hh_error *error);
/* Moves the handshake on, each time on_ready is called: OK when done, WAIT, ERROR (describe tells:
 * HH_ERR_CERTIFICATE with tls_verify set, or HH_ERR_TLS). EOF counts as ERROR. After it the
 * stream's read and write may be used. */
hh_io hh__tls_handshake(hh_stream *stream);

typedef struct hh_tls_info {
    const char *version; /* "TLSv1.3"; static */
    const char *cipher;  /* static */
    bool is_resumed;
    hh_slice alpn; /* empty: none agreed. Borrowed from the stream */
} hh_tls_info;
void hh__tls_stream_info(const hh_stream *stream, hh_tls_info *info);

#endif
