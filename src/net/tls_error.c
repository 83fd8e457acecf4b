/*
 * tls_error.c - packed errors, alerts and verify results as sentences: what happened, to whom, and
 * what to do about it.
 *
 * Text from a certificate is the peer's and goes into a sentence only as printable ASCII, bounded.
 * Alerts: RFC 8446 §6. Names of a certificate: RFC 9110 §4.3.4 (subjectAltName only).
 */
#include "net/tls_error.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

#include "base/failure.h"
#include "base/limits.h"
#include "base/memory.h"

#define NAME_TEXT_BYTES 80
#define NAMES_TEXT_BYTES 200

/* --- Text from a certificate ------------------------------------------------------------------ */

/* Appends printable ASCII, '?' for the rest; keeps the NUL; cuts at the room there is. */
static void append_visible(char *out, size_t room, const unsigned char *data, size_t length)
{
    size_t used = strlen(out);
    for (size_t i = 0; i < length && used + 1 < room; i++)
        out[used++] = data[i] >= 0x20 && data[i] < 0x7f ? (char)data[i] : '?';
    out[used] = '\0';
}

static void append_text(char *out, size_t room, const char *text)
{
    append_visible(out, room, (const unsigned char *)text, strlen(text));
}

static void format_date(const ASN1_TIME *when, char out[16])
{
    struct tm parts;
    if (when == NULL || ASN1_TIME_to_tm(when, &parts) != 1 ||
        strftime(out, 16, "%Y-%m-%d", &parts) == 0)
        memcpy(out, "an unknown day", sizeof("an unknown day"));
}

/* The name's common name, else its organisation. */
static void format_name(const X509_NAME *name, char out[NAME_TEXT_BYTES])
{
    static const int kinds[] = {NID_commonName, NID_organizationalUnitName, NID_organizationName};
    out[0] = '\0';
    for (size_t i = 0; i < HH_COUNT_OF(kinds) && out[0] == '\0'; i++) {
        int place = X509_NAME_get_index_by_NID(name, kinds[i], -1);
        if (place < 0)
            continue;
        const ASN1_STRING *text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, place));
        append_visible(out, NAME_TEXT_BYTES, ASN1_STRING_get0_data(text),
                       (size_t)ASN1_STRING_length(text));
    }
    if (out[0] == '\0')
        append_text(out, NAME_TEXT_BYTES, "(without a name)");
}

static bool append_general_name(char *out, size_t room, const GENERAL_NAME *name)
{
    if (name->type == GEN_DNS) {
        append_visible(out, room, ASN1_STRING_get0_data(name->d.dNSName),
                       (size_t)ASN1_STRING_length(name->d.dNSName));
        return true;
    }
    if (name->type != GEN_IPADD)
        return false;
    char text[INET6_ADDRSTRLEN] = "(damaged address)";
    int length = ASN1_STRING_length(name->d.iPAddress);
    const unsigned char *bytes = ASN1_STRING_get0_data(name->d.iPAddress);
    if (length == 4)
        (void)inet_ntop(AF_INET, bytes, text, sizeof(text));
    else if (length == 16)
        (void)inet_ntop(AF_INET6, bytes, text, sizeof(text));
    append_text(out, room, text);
    return true;
}

/* "a.example, b.example, and 3 more"; false when it names no host at all. */
static bool format_hosts(const X509 *certificate, char out[NAMES_TEXT_BYTES])
{
    out[0] = '\0';
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    int shown = 0;
    int more = 0;
    for (int i = 0; names != NULL && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_DNS && name->type != GEN_IPADD)
            continue;
        if (shown == HH_TLS_NAMES_SHOWN_MAX) {
            more++;
            continue;
        }
        if (shown > 0)
            append_text(out, NAMES_TEXT_BYTES, ", ");
        /* Room is kept for the count behind it. */
        append_general_name(out, NAMES_TEXT_BYTES - 24, name);
        shown++;
    }
    GENERAL_NAMES_free(names);
    if (more > 0) {
        char count[24];
        snprintf(count, sizeof(count), " and %d more", more);
        append_text(out, NAMES_TEXT_BYTES, count);
    }
    return shown > 0;
}

/* --- Certificates ----------------------------------------------------------------------------- */

static void describe_dates(const hh_tls_failure *failure, const hh_tls_peer *peer, hh_phase phase,
                           hh_error *error)
{
    char date[16];
    char whose[NAME_TEXT_BYTES + 32] = "";
    bool is_over = failure->verify == X509_V_ERR_CERT_HAS_EXPIRED;
    format_date(is_over ? X509_get0_notAfter(failure->certificate)
                        : X509_get0_notBefore(failure->certificate),
                date);
    if (failure->depth > 0) {
        char name[NAME_TEXT_BYTES];
        format_name(X509_get_subject_name(failure->certificate), name);
        snprintf(whose, sizeof(whose), " can't be checked: its issuer %s", name);
    }
    if (is_over)
        (void)hh__fail(error, HH_ERR_CERTIFICATE, phase, "certificate of %s%s expired on %s",
                       peer->name, whose, date);
    else
        (void)hh__fail(error, HH_ERR_CERTIFICATE, phase,
                       "certificate of %s%s is valid only from %s on; check this machine's clock",
                       peer->name, whose, date);
}

static void describe_wrong_name(const hh_tls_failure *failure, const hh_tls_peer *peer,
                                hh_phase phase, hh_error *error)
{
    char hosts[NAMES_TEXT_BYTES];
    const char *what = peer->is_address ? "address" : "name";
    if (format_hosts(failure->certificate, hosts)) {
        (void)hh__fail(error, HH_ERR_CERTIFICATE, phase,
                       "certificate of %s is for %s, not for this %s", peer->name, hosts, what);
        return;
    }
    char name[NAME_TEXT_BYTES];
    format_name(X509_get_subject_name(failure->certificate), name);
    (void)hh__fail(error, HH_ERR_CERTIFICATE, phase,
                   "certificate of %s names no host: its subject %s doesn't count, only a "
                   "subjectAltName does",
                   peer->name, name);
}

static void describe_untrusted(const hh_tls_failure *failure, const hh_tls_peer *peer,
                               hh_phase phase, hh_error *error)
{
    char issuer[NAME_TEXT_BYTES];
    switch (failure->verify) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        (void)hh__fail(error, HH_ERR_CERTIFICATE, phase,
                       "certificate of %s is not trusted: self-signed certificate; give its CA "
                       "with ca_file",
                       peer->name);
        return;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        format_name(X509_get_issuer_name(failure->certificate), issuer);
        (void)hh__fail(error, HH_ERR_CERTIFICATE, phase,
                       "certificate of %s is not trusted: unknown issuer %s; give its CA with "
                       "ca_file",
                       peer->name, issuer);
        return;
    default:
        (void)hh__fail(error, HH_ERR_CERTIFICATE, phase, "certificate of %s is not trusted: %s",
                       peer->name, X509_verify_cert_error_string(failure->verify));
    }
}

static void describe_certificate(const hh_tls_failure *failure, const hh_tls_peer *peer,
                                 hh_phase phase, hh_error *error)
{
    bool is_date = failure->verify == X509_V_ERR_CERT_HAS_EXPIRED ||
                   failure->verify == X509_V_ERR_CERT_NOT_YET_VALID;
    bool is_name = failure->verify == X509_V_ERR_HOSTNAME_MISMATCH ||
                   failure->verify == X509_V_ERR_IP_ADDRESS_MISMATCH;
    if (failure->certificate == NULL)
        (void)hh__fail(error, HH_ERR_CERTIFICATE, phase, "certificate of %s is not trusted: %s",
                       peer->name, X509_verify_cert_error_string(failure->verify));
    else if (is_date)
        describe_dates(failure, peer, phase, error);
    else if (is_name)
        describe_wrong_name(failure, peer, phase, error);
    else
        describe_untrusted(failure, peer, phase, error);
}

/* --- The protocol ----------------------------------------------------------------------------- */

/* What a reason tells a person; alerts have OpenSSL's offset on their number. */
typedef struct hint {
    int reason;
    const char *text;
} hint;

#define ALERT(number) (SSL_AD_REASON_OFFSET + (number))

static const hint hints[] = {
    {SSL_R_WRONG_VERSION_NUMBER, "the server speaks no TLS (answered with something else)"},
    {SSL_R_HTTP_REQUEST, "the server speaks no TLS (answered with something else)"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "the server's TLS version is too old; see min_version"},
    {SSL_R_VERSION_TOO_LOW, "the server's TLS version is too old; see min_version"},
    {SSL_R_DH_KEY_TOO_SMALL, "the server's Diffie-Hellman key is too small to be safe"},
    {SSL_R_EE_KEY_TOO_SMALL, "the client certificate's key is too small to be safe"},
    {SSL_R_UNSAFE_LEGACY_RENEGOTIATION_DISABLED,
     "the server lacks secure renegotiation (RFC 5746)"},
    {SSL_R_UNEXPECTED_EOF_WHILE_READING, "the server closed the connection"},
    {ALERT(SSL_AD_HANDSHAKE_FAILURE),
     "the server refused (alert handshake failure): no cipher in common, or it wants a client "
     "certificate"},
    {ALERT(SSL_AD_PROTOCOL_VERSION),
     "the server refused (alert protocol version): it speaks no TLS version allowed by "
     "min_version"},
    {ALERT(SSL_AD_UNRECOGNIZED_NAME),
     "the server refused (alert unrecognized name): it knows no host of this name"},
    {ALERT(SSL_AD_CERTIFICATE_REQUIRED),
     "the server refused (alert certificate required): it wants a client certificate; give "
     "cert_file"},
    {ALERT(SSL_AD_UNKNOWN_CA),
     "the server refused (alert unknown CA): it doesn't trust the client certificate"},
    {ALERT(SSL_AD_BAD_CERTIFICATE),
     "the server refused (alert bad certificate): it doesn't accept the client certificate"},
    {ALERT(SSL_AD_CERTIFICATE_EXPIRED),
     "the server refused (alert certificate expired): the client certificate has expired"},
    {ALERT(SSL_AD_NO_APPLICATION_PROTOCOL),
     "the server refused (alert no application protocol): no HTTP version in common"},
};

static const char *find_hint(int reason)
{
    for (size_t i = 0; i < HH_COUNT_OF(hints); i++)
        if (hints[i].reason == reason)
            return hints[i].text;
    return NULL;
}

static void describe_protocol(const hh_tls_failure *failure, const hh_tls_peer *peer,
                              hh_phase phase, hh_error *error)
{
    const char *begin = peer->is_established ? "TLS connection to" : "handshake with";
    const char *middle = peer->is_established ? "broke" : "failed";
    int reason = ERR_GET_LIB(failure->packed) == ERR_LIB_SSL ? ERR_GET_REASON(failure->packed) : 0;
    const char *text = find_hint(reason);
    if (text != NULL) {
        hh_status code = reason == ALERT(SSL_AD_NO_APPLICATION_PROTOCOL)
                             ? HH_ERR_UNSUPPORTED_PROTOCOL
                             : HH_ERR_TLS;
        (void)hh__fail(error, code, phase, "%s %s %s: %s", begin, peer->label, middle, text);
        return;
    }
    if (reason > SSL_AD_REASON_OFFSET) {
        (void)hh__fail(error, HH_ERR_TLS, phase, "%s %s %s: the server sent the alert %s", begin,
                       peer->label, middle,
                       SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET));
        return;
    }
    text = ERR_reason_error_string(failure->packed);
    if (text != NULL)
        (void)hh__fail(error, HH_ERR_TLS, phase, "%s %s %s: %s", begin, peer->label, middle, text);
    else
        (void)hh__fail(error, HH_ERR_TLS, phase, "%s %s %s: OpenSSL error %lx", begin, peer->label,
                       middle, failure->packed);
}

void hh__tls_failure_describe(const hh_tls_failure *failure, const hh_tls_peer *peer,
                              hh_phase phase, hh_error *error)
{
    switch (failure->kind) {
    case HH_TLS_FAILURE_CERTIFICATE:
        describe_certificate(failure, peer, phase, error);
        break;
    case HH_TLS_FAILURE_PROTOCOL:
        describe_protocol(failure, peer, phase, error);
        break;
    case HH_TLS_FAILURE_SYSTEM:
        (void)hh__fail_os(error, HH_ERR_SYSTEM, phase, failure->os_error,
                          "TLS connection to %s can't be watched", peer->label);
        break;
    case HH_TLS_FAILURE_CLOSED:
        (void)hh__fail(error, HH_ERR_TLS, phase,
                       "handshake with %s failed: the server closed the connection", peer->label);
        break;
    case HH_TLS_FAILURE_NONE:
    case HH_TLS_FAILURE_BELOW:
        (void)hh__fail(error, HH_ERR_TLS, phase, "TLS connection to %s has ended", peer->label);
        break;
    }
    error->tls_verify = failure->verify;
    error->tls_error = failure->packed;
}

void hh__tls_failure_finish(hh_tls_failure *failure)
{
    X509_free(failure->certificate);
    failure->certificate = NULL;
}
