/*
 * tls_stream.h - one TLS stream, as tls_handshake.c makes and opens it and tls_stream.c uses it.
 *
 * SHAKING until hh__tls_handshake says OK, then OPEN, or BROKEN for good.
 */
#ifndef HH_NET_TLS_STREAM_H
#define HH_NET_TLS_STREAM_H

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/memory.h"
#include "net/tls_bio.h"
#include "net/tls_config.h"
#include "net/tls_error.h"
#include "net/tls_session.h"

typedef enum hh_tls_state { HH_TLS_SHAKING, HH_TLS_OPEN, HH_TLS_BROKEN } hh_tls_state;

typedef struct hh_tls_stream {
    hh_stream stream;
    hh_tls_bio bio;
    SSL *ssl;
    hh_tls_config *config;
    hh_tls_sessions *sessions; /* NULL: no resumption */
    hh_task redrive;
    hh_discard discard;
    hh_tls_failure failure; /* the last one */
    unsigned wanted;        /* the owner's interest: HH_READY_READ or 0 */
    uint16_t blocked_bytes; /* see tls_stream.c; 0: no write waits */
    hh_tls_state state;
    hh_io read_end;
    hh_io write_end;
    bool read_needs_write;
    bool write_needs_read;
    bool is_closed;
    bool is_address;
    char name[]; /* as verified: no dot at the end, no zone */
} hh_tls_stream;

static inline hh_tls_stream *hh__tls_of(hh_stream *stream)
{
    return HH_CONTAINER_OF(stream, hh_tls_stream, stream);
}

static inline const hh_tls_stream *hh__const_tls_of(const hh_stream *stream)
{
    return (const hh_tls_stream *)(const void *)((const char *)stream -
                                                 offsetof(hh_tls_stream, stream));
}

extern const hh_stream_ops hh__tls_stream_ops;

/* Before each call of OpenSSL's. Looking is cheap, emptying what is empty isn't: OpenSSL 3 writes
 * to each of 16 places, which were a twelfth of the instructions of a small request over TLS. */
static inline void hh__tls_prepare(hh_tls_stream *tls)
{
    if (ERR_peek_error() != 0)
        ERR_clear_error();
    tls->bio.has_failed = false;
}

/* What a call that didn't succeed came to. Keeps what describe will need. */
hh_io hh__tls_settle(hh_tls_stream *tls, int result, bool *needs_other_way, int other_way);
/* HH_IO_ERROR; describe will say why. */
hh_io hh__tls_fail(hh_tls_stream *tls, hh_tls_failure_kind kind);
hh_io hh__tls_fail_system(hh_tls_stream *tls);
/* Listens below as the present states ask. */
hh_status hh__tls_sync_below(hh_tls_stream *tls);

/* Its task and its owner of the stream below. */
void hh__tls_run_redrive(hh_task *task);
void hh__tls_on_below_ready(hh_stream *below, unsigned ready);
void hh__tls_redrive_if_unread(hh_tls_stream *tls);

/* Lets go of all it holds but its memory. */
void hh__tls_release(hh_tls_stream *tls);

#endif
