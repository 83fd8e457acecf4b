/*
 * tls_bio.h - OpenSSL's way to the stream below: a BIO without buffers of its own.
 */
#ifndef HH_NET_TLS_BIO_H
#define HH_NET_TLS_BIO_H

#include <openssl/bio.h>

#include "net/stream.h"

/* Lives in the TLS stream; the BIO borrows it and must be freed first. */
typedef struct hh_tls_bio {
    hh_stream *below;
    bool is_drained; /* the last read was short and so the last: ask again only when told */
    bool is_ended;   /* below read HH_IO_EOF */
    bool has_failed; /* below read or wrote HH_IO_ERROR; its owner resets it */
} hh_tls_bio;

/* A BIO over `state`, the caller's (SSL_set_bio takes it). NULL: out of memory. Any thread. */
BIO *hh__tls_bio_create(hh_tls_bio *state);

#endif
