/*
 * tls_handshake.c - from a stream below to a TLS stream that is open: the peer's name, a session to
 * resume, the handshake, the verdict on certificates, and what came of it all.
 *
 * Leaves to others: contexts and trust (tls_context.c), tickets (tls_session.c), sentences
 * (tls_error.c), all that comes after (tls_stream.c).
 *
 * RFC 8446, RFC 9110 §4.3.4.
 */
#include "net/tls_handshake.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>

#include "base/ascii.h"
#include "base/failure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "net/tls.h"
#include "net/tls_config.h"
#include "net/tls_stream.h"

/* --- What OpenSSL calls back ------------------------------------------------------------------ */

int hh__tls_stream_on_verify(int is_accepted, X509_STORE_CTX *chain)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
    hh_tls_stream *tls = ssl != NULL ? SSL_get_app_data(ssl) : NULL;
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
    hh_tls_stream *tls = SSL_get_app_data(ssl);
    if (tls->sessions == NULL)
        return 0;
    hh__tls_sessions_add(tls->sessions, session);
    return 1;
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
static hh_status allocate(const char *server_name, hh_tls_stream **out, hh_error *error)
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
    hh_tls_stream *tls = hh__calloc(1, sizeof(*tls) + length + 1);
    if (tls == NULL)
        return hh__fail(error, HH_ERR_NO_MEMORY, HH_PHASE_TLS, "no memory for a TLS stream");
    memcpy(tls->name, server_name, length);
    *out = tls;
    return HH_OK;
}

static bool set_peer(hh_tls_stream *tls)
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
static void set_session(hh_tls_stream *tls, hh_tls_sessions *sessions)
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

static hh_status make_ssl(hh_tls_stream *tls, const hh_tls_target *target)
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

hh_status hh__tls_stream_create(hh_stream *below, hh_tls_config *config,
                                const hh_tls_target *target, hh_stream **out, hh_error *error)
{
    hh_status status = hh__tls_config_load(config, error);
    if (status != HH_OK)
        return status;
    hh_tls_stream *tls = NULL;
    status = allocate(target->server_name, &tls, error);
    if (status != HH_OK)
        return status;
    tls->stream.ops = &hh__tls_stream_ops;
    tls->stream.loop = below->loop;
    tls->stream.short_read_is_last = true;
    tls->bio.below = below;
    tls->config = hh__tls_config_ref(config);
    tls->redrive.run = hh__tls_run_redrive;
    tls->wanted = HH_READY_READ;
    ERR_clear_error();
    status = make_ssl(tls, target);
    ERR_clear_error();
    if (status != HH_OK) {
        hh__tls_release(tls);
        hh__free(tls);
        return hh__fail(error, status, HH_PHASE_TLS,
                        status == HH_ERR_NO_MEMORY ? "no memory for a TLS stream"
                                                   : "the list of protocols for ALPN is damaged");
    }
    set_session(tls, target->sessions);
    below->owner = tls;
    below->on_ready = hh__tls_on_below_ready;
    *out = &tls->stream;
    return HH_OK;
}

/* --- Handshake -------------------------------------------------------------------------------- */

static hh_io open_stream(hh_tls_stream *tls)
{
    /* A resumed session carries the verdict on the certificate it began with. */
    long verdict = SSL_get_verify_result(tls->ssl);
    if (hh__tls_config_is_verifying(tls->config) && verdict != X509_V_OK) {
        tls->state = HH_TLS_BROKEN;
        tls->failure.verify = (int)verdict;
        return hh__tls_fail(tls, HH_TLS_FAILURE_CERTIFICATE);
    }
    tls->state = HH_TLS_OPEN;
    if (hh__tls_sync_below(tls) != HH_OK) {
        tls->state = HH_TLS_BROKEN;
        return hh__tls_fail_system(tls);
    }
    /* Data may have come in one piece with the handshake's end. */
    hh__tls_redrive_if_unread(tls);
    return HH_IO_OK;
}

hh_io hh__tls_handshake(hh_stream *stream)
{
    hh_tls_stream *tls = hh__tls_of(stream);
    if (tls->state != HH_TLS_SHAKING)
        return tls->state == HH_TLS_OPEN ? HH_IO_OK : HH_IO_ERROR;
    hh__tls_prepare(tls);
    int result = SSL_do_handshake(tls->ssl);
    if (result == 1)
        return open_stream(tls);
    hh_io io = hh__tls_settle(tls, result, &tls->read_needs_write, SSL_ERROR_WANT_WRITE);
    if (io == HH_IO_WAIT) {
        if (hh__tls_sync_below(tls) == HH_OK)
            return HH_IO_WAIT;
        io = hh__tls_fail_system(tls);
    }
    if (io == HH_IO_EOF)
        (void)hh__tls_fail(tls, HH_TLS_FAILURE_CLOSED);
    tls->state = HH_TLS_BROKEN;
    return HH_IO_ERROR;
}

void hh__tls_stream_info(const hh_stream *stream, hh_tls_info *info)
{
    const hh_tls_stream *tls = hh__const_tls_of(stream);
    const unsigned char *alpn = NULL;
    unsigned alpn_length = 0;
    const SSL_CIPHER *cipher = SSL_get_current_cipher(tls->ssl);
    SSL_get0_alpn_selected(tls->ssl, &alpn, &alpn_length);
    info->version = SSL_get_version(tls->ssl);
    info->cipher = cipher != NULL ? SSL_CIPHER_get_name(cipher) : "";
    info->is_resumed = SSL_session_reused(tls->ssl) == 1;
    info->alpn = (hh_slice){(const char *)alpn, alpn_length};
}
