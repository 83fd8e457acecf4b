/*
 * tls_stream.c - TLS over the stream below: handshake, reading, writing, closing.
 *
 * Leaves to others: contexts and trust (tls_context.c), tickets (tls_session.c), sentences
 * (tls_error.c), bytes to and from the stream below (tls_bio.c).
 *
 * States: SHAKING until hh__tls_handshake says OK, then OPEN, or BROKEN for good. Within OPEN each
 * direction ends by itself: read_end and write_end are HH_IO_OK while it goes on.
 *
 * Invariants:
 *  - the stream below listens for reading while the owner does, the handshake runs, or a write
 *    waits for the peer (sync_below);
 *  - bytes OpenSSL holds back cause no readiness of the descriptor, so while the owner listens and
 *    they are there, `redrive` is posted or the owner's read is about to find them;
 *  - a write that had to wait is repeated with the same first blocked_bytes, whatever the pieces
 *    are then: OpenSSL has encrypted them already.
 *  - no OpenSSL call begins with an error in the thread's queue.
 *
 * RFC 8446; RFC 9112 §9.8 for the end without close_notify, which was_truncated reports.
 */
#include "net/tls_stream.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/ascii.h"
#include "base/failure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "net/tls.h"
#include "net/tls_bio.h"
#include "net/tls_config.h"
#include "net/tls_error.h"
#include "net/tls_session.h"

typedef enum tls_state { STATE_SHAKING, STATE_OPEN, STATE_BROKEN } tls_state;

typedef struct tls_stream {
    hh_stream stream;
    hh_tls_bio bio;
    SSL *ssl;
    hh_tls_config *config;
    hh_tls_sessions *sessions; /* NULL: no resumption */
    hh_task redrive;
    hh_discard discard;
    hh_tls_failure failure; /* the last one */
    unsigned wanted;        /* the owner's interest: HH_READY_READ or 0 */
    uint16_t blocked_bytes; /* see above; 0: no write waits */
    tls_state state;
    hh_io read_end;
    hh_io write_end;
    bool read_needs_write;
    bool write_needs_read;
    bool is_closed;
    bool is_address;
    char name[]; /* as verified: no dot at the end, no zone */
} tls_stream;

static tls_stream *tls_of(hh_stream *stream)
{
    return HH_CONTAINER_OF(stream, tls_stream, stream);
}

static const tls_stream *const_tls_of(const hh_stream *stream)
{
    return (const tls_stream *)(const void *)((const char *)stream - offsetof(tls_stream, stream));
}

/* --- Results of OpenSSL's calls --------------------------------------------------------------- */

static void prepare(tls_stream *tls)
{
    ERR_clear_error();
    tls->bio.has_failed = false;
}

static hh_io fail(tls_stream *tls, hh_tls_failure_kind kind)
{
    tls->failure.kind = kind;
    return HH_IO_ERROR;
}

static hh_io fail_system(tls_stream *tls)
{
    tls->failure.os_error = errno;
    return fail(tls, HH_TLS_FAILURE_SYSTEM);
}

static hh_status sync_below(tls_stream *tls)
{
    bool needs_read = tls->wanted != 0 || tls->state == STATE_SHAKING || tls->write_needs_read;
    return hh__stream_listen(tls->bio.below, needs_read ? HH_READY_READ : 0);
}

/* What a call that didn't succeed came to. Keeps what describe will need. */
static hh_io settle(tls_stream *tls, int result, bool *needs_other_way, int other_way)
{
    int reason = SSL_get_error(tls->ssl, result);
    hh_io io = HH_IO_WAIT;
    *needs_other_way = reason == other_way;
    if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE)
        goto done;
    if (reason == SSL_ERROR_ZERO_RETURN) {
        io = HH_IO_EOF;
        goto done;
    }
    tls->failure.packed = 0;
    if (tls->bio.has_failed) {
        io = fail(tls, HH_TLS_FAILURE_BELOW);
    } else if (tls->bio.is_ended && reason == SSL_ERROR_SYSCALL) {
        tls->stream.was_truncated = true;
        io = HH_IO_EOF;
    } else {
        tls->failure.packed = ERR_peek_error();
        io = fail(tls, tls->failure.verify != X509_V_OK ? HH_TLS_FAILURE_CERTIFICATE
                                                        : HH_TLS_FAILURE_PROTOCOL);
    }
done:
    ERR_clear_error();
    return io;
}

int hh__tls_stream_on_verify(int is_accepted, X509_STORE_CTX *chain)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
    tls_stream *tls = ssl != NULL ? SSL_get_app_data(ssl) : NULL;
    if (is_accepted || tls == NULL || tls->failure.verify != X509_V_OK ||
        !hh__tls_config_is_verifying(tls->config))
        return is_accepted;
    tls->failure.verify = X509_STORE_CTX_get_error(chain);
    tls->failure.depth = X509_STORE_CTX_get_error_depth(chain);
    tls->failure.certificate = X509_STORE_CTX_get_current_cert(chain);
    if (tls->failure.certificate != NULL)
        X509_up_ref(tls->failure.certificate);
    return 0;
}

int hh__tls_stream_on_session(SSL *ssl, SSL_SESSION *session)
{
    tls_stream *tls = SSL_get_app_data(ssl);
    if (tls->sessions == NULL)
        return 0;
    hh__tls_sessions_add(tls->sessions, session);
    return 1;
}

/* --- Readiness -------------------------------------------------------------------------------- */

static void report(tls_stream *tls, unsigned ready)
{
    if (tls->stream.on_ready != NULL)
        tls->stream.on_ready(&tls->stream, ready);
}

static bool has_unread(const tls_stream *tls)
{
    return tls->read_end != HH_IO_OK || SSL_has_pending(tls->ssl) == 1;
}

static void redrive_if_unread(tls_stream *tls)
{
    if (tls->wanted != 0 && has_unread(tls))
        hh__task_post(tls->stream.loop, &tls->redrive);
}

static void run_redrive(hh_task *task)
{
    tls_stream *tls = HH_CONTAINER_OF(task, tls_stream, redrive);
    report(tls, HH_READY_READ);
}

static void on_below_ready(hh_stream *below, unsigned ready)
{
    tls_stream *tls = below->owner;
    unsigned told = ready;
    if ((ready & (HH_READY_READ | HH_READY_ERROR)) != 0)
        tls->bio.is_drained = false;
    if ((ready & HH_READY_READ) != 0 && tls->write_needs_read)
        told |= HH_READY_WRITE;
    if ((ready & HH_READY_WRITE) != 0 && tls->read_needs_write)
        told |= HH_READY_READ;
    if (tls->wanted == 0 && tls->state != STATE_SHAKING && !tls->read_needs_write)
        told &= ~(unsigned)HH_READY_READ;
    if (told != 0)
        report(tls, told);
}

/* --- Creating --------------------------------------------------------------------------------- */

typedef union ip_bytes {
    struct in_addr v4;
    struct in6_addr v6;
} ip_bytes;

/* The length of the address in bytes, 0 when `name` is none. */
static size_t parse_address(const char *name, ip_bytes *out)
{
    if (inet_pton(AF_INET, name, out) == 1)
        return sizeof(out->v4);
    if (inet_pton(AF_INET6, name, out) == 1)
        return sizeof(out->v6);
    return 0;
}

/* A host as it can stand in a certificate: not empty, no dot at the front (X509_check_host would
 * take that as "any name below"), no empty label, printable ASCII without spaces or stars. */
static bool is_host(const char *name, size_t length)
{
    if (length == 0 || length > HH_HOST_MAX_BYTES)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (name[i] <= ' ' || name[i] >= 0x7f || name[i] == '*')
            return false;
        if (name[i] == '.' && (i == 0 || i + 1 == length || name[i - 1] == '.'))
            return false;
    }
    return true;
}

/* A tls_stream with its name set: without the root's dot (RFC 6066 §3) and without a zone (RFC 6874
 * has none in certificates). */
static hh_status allocate(const char *server_name, tls_stream **out, hh_error *error)
{
    size_t length = server_name != NULL ? strlen(server_name) : 0;
    const char *zone = length > 0 ? memchr(server_name, '%', length) : NULL;
    if (zone != NULL && memchr(server_name, ':', length) != NULL)
        length = (size_t)(zone - server_name);
    else if (length > 1 && server_name[length - 1] == '.')
        length--;
    if (length == 0 || !is_host(server_name, length))
        return hh__fail(error, HH_ERR_INVALID_ARGUMENT, HH_PHASE_TLS,
                        "%s is no host name a certificate could be checked for",
                        server_name != NULL && *server_name != '\0' ? server_name
                                                                    : "the empty text");
    tls_stream *tls = hh__calloc(1, sizeof(*tls) + length + 1);
    if (tls == NULL)
        return hh__fail(error, HH_ERR_NO_MEMORY, HH_PHASE_TLS, "no memory for a TLS stream");
    memcpy(tls->name, server_name, length);
    *out = tls;
    return HH_OK;
}

static bool set_peer(tls_stream *tls)
{
    ip_bytes address;
    size_t address_bytes = parse_address(tls->name, &address);
    X509_VERIFY_PARAM *param = SSL_get0_param(tls->ssl);
    tls->is_address = address_bytes > 0;
    /* SNI names hosts only (RFC 6066 §3). */
    if (!tls->is_address && SSL_set_tlsext_host_name(tls->ssl, tls->name) != 1)
        return false;
    if (!hh__tls_config_is_verifying(tls->config))
        return true;
    /* RFC 9110 §4.3.4: names are those of subjectAltName. */
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (tls->is_address)
        return X509_VERIFY_PARAM_set1_ip(param, (const unsigned char *)&address, address_bytes) ==
               1;
    return X509_VERIFY_PARAM_set1_host(param, tls->name, 0) == 1;
}

/* Resumption is a gain, never a need: whatever is wrong with it, the handshake is a full one. */
static void set_session(tls_stream *tls, hh_tls_sessions *sessions)
{
    hh_slice identity = hh__tls_context_identity(hh__tls_config_context(tls->config));
    if (sessions == NULL || !hh__tls_sessions_fit(sessions, identity, hh_slice_of(tls->name)))
        return;
    tls->sessions = hh__tls_sessions_ref(sessions);
    SSL_SESSION *session = hh__tls_sessions_take(sessions);
    if (session == NULL)
        return;
    (void)SSL_set_session(tls->ssl, session);
    SSL_SESSION_free(session);
}

static hh_status make_ssl(tls_stream *tls, const hh_tls_target *target)
{
    tls->ssl = SSL_new(hh__tls_context_ssl(hh__tls_config_context(tls->config)));
    if (tls->ssl == NULL)
        return HH_ERR_NO_MEMORY;
    BIO *bio = hh__tls_bio_create(&tls->bio);
    if (bio == NULL)
        return HH_ERR_NO_MEMORY;
    SSL_set_bio(tls->ssl, bio, bio);
    if (SSL_set_app_data(tls->ssl, tls) != 1 || !set_peer(tls))
        return HH_ERR_NO_MEMORY;
    /* Unlike its siblings this one returns 0 for success. */
    if (target->alpn_length > 0 &&
        SSL_set_alpn_protos(tls->ssl, target->alpn, (unsigned)target->alpn_length) != 0)
        return HH_ERR_INVALID_ARGUMENT;
    SSL_set_connect_state(tls->ssl);
    return HH_OK;
}

static void release(tls_stream *tls)
{
    SSL_free(tls->ssl);
    tls->ssl = NULL;
    hh__tls_sessions_unref(tls->sessions);
    tls->sessions = NULL;
    hh__tls_failure_finish(&tls->failure);
    hh__tls_config_unref(tls->config);
    tls->config = NULL;
}

static const hh_stream_ops tls_ops;

hh_status hh__tls_stream_create(hh_stream *below, hh_tls_config *config,
                                const hh_tls_target *target, hh_stream **out, hh_error *error)
{
    hh_status status = hh__tls_config_load(config, error);
    if (status != HH_OK)
        return status;
    tls_stream *tls = NULL;
    status = allocate(target->server_name, &tls, error);
    if (status != HH_OK)
        return status;
    tls->stream.ops = &tls_ops;
    tls->stream.loop = below->loop;
    tls->stream.short_read_is_last = true;
    tls->bio.below = below;
    tls->config = hh__tls_config_ref(config);
    tls->redrive.run = run_redrive;
    tls->wanted = HH_READY_READ;
    ERR_clear_error();
    status = make_ssl(tls, target);
    ERR_clear_error();
    if (status != HH_OK) {
        release(tls);
        hh__free(tls);
        return hh__fail(error, status, HH_PHASE_TLS,
                        status == HH_ERR_NO_MEMORY ? "no memory for a TLS stream"
                                                   : "the list of protocols for ALPN is damaged");
    }
    set_session(tls, target->sessions);
    below->owner = tls;
    below->on_ready = on_below_ready;
    *out = &tls->stream;
    return HH_OK;
}

/* --- Handshake -------------------------------------------------------------------------------- */

static hh_io open_stream(tls_stream *tls)
{
    /* A resumed session carries the verdict on the certificate it began with. */
    long verdict = SSL_get_verify_result(tls->ssl);
    if (hh__tls_config_is_verifying(tls->config) && verdict != X509_V_OK) {
        tls->state = STATE_BROKEN;
        tls->failure.verify = (int)verdict;
        return fail(tls, HH_TLS_FAILURE_CERTIFICATE);
    }
    tls->state = STATE_OPEN;
    if (sync_below(tls) != HH_OK) {
        tls->state = STATE_BROKEN;
        return fail_system(tls);
    }
    /* Data may have come in one piece with the handshake's end. */
    redrive_if_unread(tls);
    return HH_IO_OK;
}

hh_io hh__tls_handshake(hh_stream *stream)
{
    tls_stream *tls = tls_of(stream);
    if (tls->state != STATE_SHAKING)
        return tls->state == STATE_OPEN ? HH_IO_OK : HH_IO_ERROR;
    prepare(tls);
    int result = SSL_do_handshake(tls->ssl);
    if (result == 1)
        return open_stream(tls);
    hh_io io = settle(tls, result, &tls->read_needs_write, SSL_ERROR_WANT_WRITE);
    if (io == HH_IO_WAIT) {
        if (sync_below(tls) == HH_OK)
            return HH_IO_WAIT;
        io = fail_system(tls);
    }
    if (io == HH_IO_EOF)
        (void)fail(tls, HH_TLS_FAILURE_CLOSED);
    tls->state = STATE_BROKEN;
    return HH_IO_ERROR;
}

void hh__tls_stream_info(const hh_stream *stream, hh_tls_info *info)
{
    const tls_stream *tls = const_tls_of(stream);
    const unsigned char *alpn = NULL;
    unsigned alpn_length = 0;
    const SSL_CIPHER *cipher = SSL_get_current_cipher(tls->ssl);
    SSL_get0_alpn_selected(tls->ssl, &alpn, &alpn_length);
    info->version = SSL_get_version(tls->ssl);
    info->cipher = cipher != NULL ? SSL_CIPHER_get_name(cipher) : "";
    info->is_resumed = SSL_session_reused(tls->ssl) == 1;
    info->alpn = (hh_slice){(const char *)alpn, alpn_length};
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* A read or probe that can't go on: arms what it waits for, or keeps the end. */
static hh_io stop_reading(tls_stream *tls, int result)
{
    hh_io io = settle(tls, result, &tls->read_needs_write, SSL_ERROR_WANT_WRITE);
    if (io != HH_IO_WAIT)
        tls->read_end = io;
    return io;
}

static hh_io read_tls(hh_stream *stream, char *data, size_t capacity, size_t *count)
{
    tls_stream *tls = tls_of(stream);
    hh_io io = tls->state == STATE_OPEN ? tls->read_end : HH_IO_ERROR;
    size_t got = 0;
    assert(capacity > 0);
    while (io == HH_IO_OK && got < capacity) {
        size_t piece = 0;
        prepare(tls);
        int result = SSL_read_ex(tls->ssl, data + got, capacity - got, &piece);
        if (result == 1)
            got += piece;
        else
            io = stop_reading(tls, result);
    }
    hh__task_cancel(&tls->redrive);
    if (io == HH_IO_WAIT) {
        tls->wanted = HH_READY_READ;
        if (sync_below(tls) != HH_OK)
            io = tls->read_end = fail_system(tls);
    }
    if (got == 0)
        return io;
    /* No descriptor will tell of what OpenSSL holds, nor of the end it has seen. */
    if (io != HH_IO_WAIT)
        redrive_if_unread(tls);
    *count = got;
    return HH_IO_OK;
}

static hh_status listen_tls(hh_stream *stream, unsigned interest)
{
    tls_stream *tls = tls_of(stream);
    tls->wanted = interest & HH_READY_READ;
    if (tls->state == STATE_OPEN) {
        if (tls->wanted != 0)
            redrive_if_unread(tls);
        else
            hh__task_cancel(&tls->redrive);
    }
    return sync_below(tls);
}

static hh_io probe_tls(hh_stream *stream)
{
    tls_stream *tls = tls_of(stream);
    char byte;
    size_t count = 0;
    if (tls->state != STATE_OPEN)
        return HH_IO_ERROR;
    if (tls->read_end != HH_IO_OK)
        return tls->read_end;
    hh_io io = HH_IO_WAIT;
    /* A ticket may have come in one piece and the end, or data, behind it. */
    for (int i = 0; io == HH_IO_WAIT && i < HH_TLS_PROBE_READS_MAX; i++) {
        if (i > 0 && !tls->bio.is_drained)
            break;
        tls->bio.is_drained = false;
        prepare(tls);
        int result = SSL_peek_ex(tls->ssl, &byte, 1, &count);
        if (result == 1)
            return HH_IO_OK;
        io = stop_reading(tls, result);
    }
    /* Looking must not wake a stream its owner has put to rest. */
    if (io == HH_IO_WAIT && sync_below(tls) != HH_OK)
        io = tls->read_end = fail_system(tls);
    return io;
}

/* --- Writing ---------------------------------------------------------------------------------- */

/* How far a write has come in its pieces. */
typedef struct cursor {
    const struct iovec *pieces;
    int count;
    size_t offset; /* in the first piece */
} cursor;

static void advance(cursor *at, size_t bytes)
{
    while (at->count > 0 && bytes >= at->pieces->iov_len - at->offset) {
        bytes -= at->pieces->iov_len - at->offset;
        at->pieces++;
        at->count--;
        at->offset = 0;
    }
    at->offset += bytes;
}

/* The next record's bytes, at most `wanted`: in place when the first piece has so many or nothing
 * follows it, else gathered in `room`. */
static hh_slice next_record(cursor at, size_t wanted, char *room)
{
    const char *first = (const char *)at.pieces->iov_base + at.offset;
    size_t length = at.pieces->iov_len - at.offset;
    if (length >= wanted || at.count == 1)
        return (hh_slice){first, length < wanted ? length : wanted};
    size_t used = 0;
    while (at.count > 0 && used < wanted) {
        size_t take = at.pieces->iov_len - at.offset;
        if (take > wanted - used)
            take = wanted - used;
        if (take > 0)
            memcpy(room + used, (const char *)at.pieces->iov_base + at.offset, take);
        used += take;
        advance(&at, take);
    }
    return (hh_slice){room, used};
}

/* A server that refuses says why in an alert and closes; the write then fails first, while the
 * alert still waits to be read. */
static hh_io fail_writing(tls_stream *tls)
{
    char byte;
    size_t count = 0;
    tls->write_end = HH_IO_ERROR;
    if (tls->failure.kind != HH_TLS_FAILURE_BELOW || tls->read_end != HH_IO_OK)
        return HH_IO_ERROR;
    prepare(tls);
    tls->bio.is_drained = false;
    int result = SSL_peek_ex(tls->ssl, &byte, 1, &count);
    if (result != 1 && SSL_get_error(tls->ssl, result) == SSL_ERROR_SSL && !tls->bio.has_failed)
        (void)stop_reading(tls, result);
    ERR_clear_error();
    return HH_IO_ERROR;
}

static hh_io write_tls(hh_stream *stream, const struct iovec *pieces, int count, size_t *written)
{
    tls_stream *tls = tls_of(stream);
    char room[HH_TLS_RECORD_BYTES];
    cursor at = {pieces, count, 0};
    size_t total = 0;
    hh_io io = tls->state == STATE_OPEN ? tls->write_end : HH_IO_ERROR;
    assert(count >= 1 && count <= 8);
    advance(&at, 0);
    while (io == HH_IO_OK && at.count > 0) {
        size_t sent = 0;
        size_t wanted = tls->blocked_bytes != 0 ? tls->blocked_bytes : HH_TLS_RECORD_BYTES;
        hh_slice record = next_record(at, wanted, room);
        assert(tls->blocked_bytes == 0 || record.length == tls->blocked_bytes);
        prepare(tls);
        int result = SSL_write_ex(tls->ssl, record.data, record.length, &sent);
        if (result == 1) {
            tls->blocked_bytes = 0;
            tls->write_needs_read = false;
            total += sent;
            advance(&at, sent);
            continue;
        }
        io = settle(tls, result, &tls->write_needs_read, SSL_ERROR_WANT_READ);
        if (io == HH_IO_WAIT)
            tls->blocked_bytes = (uint16_t)record.length;
        else
            io = fail_writing(tls);
    }
    if (tls->write_needs_read && io == HH_IO_WAIT && sync_below(tls) != HH_OK)
        io = tls->write_end = fail_system(tls);
    if (total == 0 && io != HH_IO_OK)
        return io;
    *written = total;
    return HH_IO_OK;
}

/* --- Describing and closing ------------------------------------------------------------------- */

static void describe_tls(const hh_stream *stream, hh_phase phase, const char *peer, hh_error *error)
{
    const tls_stream *tls = const_tls_of(stream);
    const hh_tls_peer who = {.name = tls->name,
                             .label = peer,
                             .is_address = tls->is_address,
                             .is_established = tls->state == STATE_OPEN};
    if (tls->failure.kind != HH_TLS_FAILURE_BELOW) {
        hh__tls_failure_describe(&tls->failure, &who, phase, error);
        return;
    }
    hh__stream_describe(tls->bio.below, phase, peer, error);
    if (tls->state == STATE_BROKEN && error->os_error != 0)
        (void)hh__fail_os(error, HH_ERR_TLS, phase, error->os_error, "handshake with %s failed",
                          peer);
}

static void destroy_tls(hh_discard *discard)
{
    hh__free(HH_CONTAINER_OF(discard, tls_stream, discard));
}

static void close_tls(hh_stream *stream, hh_close how)
{
    tls_stream *tls = tls_of(stream);
    hh_stream *below = tls->bio.below;
    assert(!tls->is_closed);
    tls->is_closed = true;
    hh__task_cancel(&tls->redrive);
    if (!hh__loop_is_forked(stream->loop)) {
        bool can_say = tls->state == STATE_OPEN && tls->write_end == HH_IO_OK &&
                       tls->read_end != HH_IO_ERROR && tls->blocked_bytes == 0;
        prepare(tls);
        if (how == HH_CLOSE_ORDERLY && can_say)
            (void)SSL_shutdown(tls->ssl);
        /* Else freeing would make the last ticket unusable, which is in the store by now. A session
         * that met a protocol error is not to be resumed. */
        if (tls->failure.kind != HH_TLS_FAILURE_PROTOCOL &&
            tls->failure.kind != HH_TLS_FAILURE_CERTIFICATE)
            SSL_set_shutdown(tls->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
    release(tls);
    ERR_clear_error();
    hh__stream_close(below, how);
    hh__loop_discard(stream->loop, &tls->discard, destroy_tls);
}

static const hh_stream_ops tls_ops = {
    .read = read_tls,
    .write = write_tls,
    .listen = listen_tls,
    .probe = probe_tls,
    .describe = describe_tls,
    .close = close_tls,
};
