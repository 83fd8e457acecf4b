/*
 * test_tls_handshake.c - which certificates are accepted for which names, and what is said when
 * they are not. Rows: certificate, name asked for, what comes of it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "tls_fixture.h"

/* One handshake: what came of it, and what each side knows. */
typedef struct outcome {
    hh_io io;
    hh_error error;
    tls_server_stats seen;
} outcome;

static outcome shake(const char *certificate, const tls_server_options *options,
                     const hh_tls_settings *settings, const char *name)
{
    outcome result;
    hh_tls_config *config = make_config(settings);
    tls_server *server = start_server(certificate, *options);
    tls_client client = {.loop = loop, .server = server};
    const hh_tls_target target = {.server_name = name};
    memset(&client.error, 0, sizeof(client.error));
    result.io = tls_client_open(&client, config, &target);
    /* A server of TLS 1.3 may refuse after the client's last word: an answer shows it didn't. */
    if (result.io == HH_IO_OK) {
        char byte;
        result.io = tls_client_write_all(&client, "x", 1);
        if (result.io == HH_IO_OK)
            result.io = tls_client_read_all(&client, &byte, 1);
        if (result.io != HH_IO_OK)
            tls_client_describe(&client, HH_PHASE_HEADERS);
    }
    result.error = client.error;
    tls_client_close(&client, HH_CLOSE_ORDERLY);
    result.seen = tls_server_stop(server);
    hh__tls_config_unref(config);
    return result;
}

typedef struct row {
    const char *certificate;
    const char *name;
    int verify;       /* X509_V_OK: accepted */
    const char *says; /* the whole sentence; NULL: accepted */
} row;

static const row rows[] = {
    {"good", "localhost", X509_V_OK, NULL},
    {"good", "LOCALHOST", X509_V_OK, NULL},
    {"good", "localhost.", X509_V_OK, NULL},
    {"good", "127.0.0.1", X509_V_OK, NULL},
    {"good", "::1", X509_V_OK, NULL},
    {"good", "::1%lo", X509_V_OK, NULL},
    {"good", "0:0:0:0:0:0:0:1", X509_V_OK, NULL},
    {"good", "a.wild.test", X509_V_OK, NULL},
    {"good", "xn--bcher-kva.test", X509_V_OK, NULL},
    {"good", "xn--bcher-kva.wild.test", X509_V_OK, NULL},
    {"chained", "localhost", X509_V_OK, NULL},
    {"good", "a.b.wild.test", X509_V_ERR_HOSTNAME_MISMATCH,
     "certificate of a.b.wild.test is for localhost, *.wild.test, xn--bcher-kva.test and 2 more, "
     "not for this name"},
    {"good", "wild.test", X509_V_ERR_HOSTNAME_MISMATCH,
     "certificate of wild.test is for localhost, *.wild.test, xn--bcher-kva.test and 2 more, not "
     "for this name"},
    {"good", "127.0.0.2", X509_V_ERR_IP_ADDRESS_MISMATCH,
     "certificate of 127.0.0.2 is for localhost, *.wild.test, xn--bcher-kva.test and 2 more, not "
     "for this address"},
    {"good", "::2", X509_V_ERR_IP_ADDRESS_MISMATCH,
     "certificate of ::2 is for localhost, *.wild.test, xn--bcher-kva.test and 2 more, not for "
     "this address"},
    {"wrong-name", "localhost", X509_V_ERR_HOSTNAME_MISMATCH,
     "certificate of localhost is for other.example, not for this name"},
    {"many-names", "f.example", X509_V_ERR_HOSTNAME_MISMATCH,
     "certificate of f.example is for a.example, b.example, c.example and 2 more, not for this "
     "name"},
    {"no-ip", "127.0.0.1", X509_V_ERR_IP_ADDRESS_MISMATCH,
     "certificate of 127.0.0.1 is for localhost, not for this address"},
    {"cn-only", "localhost", X509_V_ERR_HOSTNAME_MISMATCH,
     "certificate of localhost names no host: its subject localhost doesn't count, only a "
     "subjectAltName does"},
    {"partial", "localhost", X509_V_ERR_HOSTNAME_MISMATCH,
     "certificate of localhost is for local*, *, *.*.wild.test and 1 more, not for this name"},
    {"partial", "a.b.wild.test", X509_V_ERR_HOSTNAME_MISMATCH,
     "certificate of a.b.wild.test is for local*, *, *.*.wild.test and 1 more, not for this name"},
    {"partial", "foo.part.test", X509_V_ERR_HOSTNAME_MISMATCH,
     "certificate of foo.part.test is for local*, *, *.*.wild.test and 1 more, not for this name"},
    {"nul-name", "localhost", X509_V_ERR_HOSTNAME_MISMATCH,
     "certificate of localhost is for localhost?.other.example, not for this name"},
    {"nul-name", "other.example", X509_V_ERR_HOSTNAME_MISMATCH,
     "certificate of other.example is for localhost?.other.example, not for this name"},
    {"expired", "localhost", X509_V_ERR_CERT_HAS_EXPIRED,
     "certificate of localhost expired on 2024-05-01"},
    {"early", "localhost", X509_V_ERR_CERT_NOT_YET_VALID,
     "certificate of localhost is valid only from 2099-01-01 on; check this machine's clock"},
    {"old-issuer", "localhost", X509_V_ERR_CERT_HAS_EXPIRED,
     "certificate of localhost can't be checked: its issuer Old CA expired on 2024-05-01"},
    {"self-signed", "localhost", X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
     "certificate of localhost is not trusted: self-signed certificate; give its CA with ca_file"},
    {"headless", "localhost", X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
     "certificate of localhost is not trusted: unknown issuer Between CA; give its CA with "
     "ca_file"},
    {"client", "localhost", X509_V_ERR_INVALID_PURPOSE,
     "certificate of localhost is not trusted: unsuitable certificate purpose"},
};

static void judge(const row *expected, int version)
{
    const tls_server_options options = {.min_version = version, .max_version = version};
    hh_tls_settings settings = trusting("ca.crt");
    outcome got = shake(expected->certificate, &options, &settings, expected->name);
    if (expected->verify == X509_V_OK) {
        if (got.io != HH_IO_OK)
            fail_msg("%s for %s: %s", expected->certificate, expected->name, got.error.message);
        assert_int_equal(got.seen.handshakes, 1);
        return;
    }
    if (got.io != HH_IO_ERROR)
        fail_msg("%s was accepted for %s", expected->certificate, expected->name);
    assert_int_equal(got.error.code, HH_ERR_CERTIFICATE);
    assert_int_equal(got.error.category, HH_CATEGORY_TLS);
    assert_int_equal(got.error.phase, HH_PHASE_TLS);
    assert_int_equal(got.error.tls_verify, expected->verify);
    assert_int_not_equal(got.error.tls_error, 0);
    if (expected->says != NULL)
        assert_string_equal(got.error.message, expected->says);
    assert_int_equal(got.seen.handshakes, 0);
}

static void certificate_rows_tls13(void **state)
{
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(rows); i++)
        judge(&rows[i], 13);
}

static void certificate_rows_tls12(void **state)
{
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(rows); i++)
        judge(&rows[i], 12);
}

static void certificates_of_another_ca_are_refused(void **state)
{
    (void)state;
    const tls_server_options options = {.max_version = 0};
    hh_tls_settings settings = {.ca_file = certificates_path(&made, "other-ca.crt")};
    outcome got = shake("good", &options, &settings, "localhost");
    assert_int_equal(got.io, HH_IO_ERROR);
    assert_int_equal(got.error.tls_verify, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
    assert_string_equal(got.error.message, "certificate of localhost is not trusted: unknown "
                                           "issuer Test CA; give its CA with ca_file");
    /* The system's trust knows no CA made a moment ago. */
    settings.ca_file = NULL;
    got = shake("good", &options, &settings, "localhost");
    assert_int_equal(got.io, HH_IO_ERROR);
    assert_int_equal(got.error.code, HH_ERR_CERTIFICATE);
}

static void trust_in_one_certificate_is_enough(void **state)
{
    (void)state;
    static const char *const anchors[][2] = {
        {"self-signed", "self-signed.crt"}, {"good", "good.crt"}, {"headless", "between.crt"}};
    const tls_server_options options = {.max_version = 0};
    for (size_t i = 0; i < HH_COUNT_OF(anchors); i++) {
        hh_tls_settings settings = {.ca_file = certificates_path(&made, anchors[i][1])};
        outcome got = shake(anchors[i][0], &options, &settings, "localhost");
        assert_int_equal(got.io, HH_IO_OK);
        /* And for no other name. */
        got = shake(anchors[i][0], &options, &settings, "elsewhere.example");
        assert_int_equal(got.io, HH_IO_ERROR);
        assert_int_equal(got.error.tls_verify, X509_V_ERR_HOSTNAME_MISMATCH);
    }
}

static void verification_ends_only_when_asked(void **state)
{
    (void)state;
    static const char *const bad[] = {"expired", "early", "wrong-name", "self-signed", "nul-name"};
    const tls_server_options options = {.max_version = 0};
    const hh_tls_settings settings = {.verify = HH_TLS_VERIFY_NONE};
    for (size_t i = 0; i < HH_COUNT_OF(bad); i++) {
        outcome got = shake(bad[i], &options, &settings, "localhost");
        assert_int_equal(got.io, HH_IO_OK);
        assert_string_equal(got.seen.last_name, "localhost");
    }
}

static void names_are_sent_and_addresses_are_not(void **state)
{
    (void)state;
    static const char *const rows_of_names[][2] = {{"localhost", "localhost"},
                                                   {"localhost.", "localhost"},
                                                   {"a.wild.test", "a.wild.test"},
                                                   {"xn--bcher-kva.test", "xn--bcher-kva.test"},
                                                   {"127.0.0.1", ""},
                                                   {"::1", ""},
                                                   {"::1%lo", ""}};
    const tls_server_options options = {.max_version = 0};
    hh_tls_settings settings = trusting("ca.crt");
    for (size_t i = 0; i < HH_COUNT_OF(rows_of_names); i++) {
        outcome got = shake("good", &options, &settings, rows_of_names[i][0]);
        assert_int_equal(got.io, HH_IO_OK);
        assert_string_equal(got.seen.last_name, rows_of_names[i][1]);
    }
}

/* ".wild.test" would match every name below to OpenSSL. */
static void names_no_certificate_can_be_for_are_refused(void **state)
{
    (void)state;
    char long_name[300];
    memset(long_name, 'a', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    const char *const names[] = {NULL,   "",         ".",      "..",          ".wild.test",
                                 "a..b", "a b",      "a\nb",   "*.wild.test", "\xc3\xbc.test",
                                 "%lo",  "a.test..", long_name};
    hh_tls_settings settings = trusting("ca.crt");
    hh_tls_config *config = make_config(&settings);
    tls_server *server = start_server("good", (tls_server_options){.max_version = 0});
    for (size_t i = 0; i < HH_COUNT_OF(names); i++) {
        tls_client client = {.loop = loop, .server = server};
        const hh_tls_target target = {.server_name = names[i]};
        tls_client_connect(&client);
        hh_status status = tls_client_begin(&client, config, &target);
        if (names[i] != NULL && strcmp(names[i], "%lo") == 0)
            assert_int_equal(status, HH_OK); /* no address, so no zone; it matches nothing */
        else
            assert_int_equal(status, HH_ERR_INVALID_ARGUMENT);
        tls_client_close(&client, HH_CLOSE_ABORT);
        assert_int_equal(hh__loop_run(loop), HH_OK);
    }
    (void)tls_server_stop(server);
    hh__tls_config_unref(config);
}

static void versions_are_agreed_on(void **state)
{
    (void)state;
    hh_tls_settings settings = trusting("ca.crt");
    outcome got = shake("good", &(tls_server_options){.max_version = 12}, &settings, "localhost");
    assert_int_equal(got.io, HH_IO_OK);
    assert_int_equal(got.seen.last_version, TLS1_2_VERSION);
    got = shake("good", &(tls_server_options){.max_version = 13}, &settings, "localhost");
    assert_int_equal(got.io, HH_IO_OK);
    assert_int_equal(got.seen.last_version, TLS1_3_VERSION);

    settings.min_version = 13;
    got = shake("good", &(tls_server_options){.max_version = 12}, &settings, "localhost");
    assert_int_equal(got.io, HH_IO_ERROR);
    assert_int_equal(got.error.code, HH_ERR_TLS);
    assert_string_equal(got.error.message,
                        "handshake with the-peer failed: the server refused (alert protocol "
                        "version): it speaks no TLS version allowed by min_version");
}

static void old_versions_are_never_spoken(void **state)
{
    (void)state;
    hh_tls_settings settings = trusting("ca.crt");
    for (int version = 10; version <= 11; version++) {
        const tls_server_options options = {.min_version = version, .max_version = version};
        outcome got = shake("good", &options, &settings, "localhost");
        assert_int_equal(got.io, HH_IO_ERROR);
        assert_int_equal(got.error.code, HH_ERR_TLS);
        assert_int_equal(got.seen.handshakes, 0);
        assert_non_null(strstr(got.error.message, "version"));
    }
}

static void other_protocols_are_recognised(void **state)
{
    (void)state;
    static const char *const answers[] = {"HTTP/1.1 400 Bad Request\r\n\r\n", "220 mail ESMTP\r\n",
                                          "SSH-2.0-OpenSSH_9.2\r\n"};
    hh_tls_settings settings = trusting("ca.crt");
    for (size_t i = 0; i < HH_COUNT_OF(answers); i++) {
        outcome got = shake("good", &(tls_server_options){.plain_answer = answers[i]}, &settings,
                            "localhost");
        assert_int_equal(got.io, HH_IO_ERROR);
        assert_int_equal(got.error.code, HH_ERR_TLS);
        assert_int_equal(got.error.tls_verify, 0);
        assert_string_equal(got.error.message,
                            "handshake with the-peer failed: the server speaks no TLS (answered "
                            "with something else)");
    }
}

static void a_close_amid_the_handshake_is_an_error(void **state)
{
    (void)state;
    hh_tls_settings settings = trusting("ca.crt");
    outcome got = shake("good", &(tls_server_options){.plain_answer = ""}, &settings, "localhost");
    assert_int_equal(got.io, HH_IO_ERROR);
    assert_int_equal(got.error.code, HH_ERR_TLS);
    assert_string_equal(got.error.message,
                        "handshake with the-peer failed: the server closed the connection");
    /* Half of a record, then nothing more. */
    got = shake("good", &(tls_server_options){.plain_answer = "\x16\x03\x03"}, &settings,
                "localhost");
    assert_int_equal(got.io, HH_IO_ERROR);
    assert_string_equal(got.error.message,
                        "handshake with the-peer failed: the server closed the connection");
}

static void alerts_are_named(void **state)
{
    (void)state;
    hh_tls_settings settings = trusting("ca.crt");
    outcome got =
        shake("good", &(tls_server_options){.refused_name = "localhost"}, &settings, "localhost");
    assert_int_equal(got.io, HH_IO_ERROR);
    assert_int_equal(got.error.code, HH_ERR_TLS);
    assert_string_equal(got.error.message,
                        "handshake with the-peer failed: the server refused (alert unrecognized "
                        "name): it knows no host of this name");
}

static void alpn_is_agreed_on(void **state)
{
    (void)state;
    static const unsigned char both[] = "\x02h2\x08http/1.1";
    static const unsigned char old[] = "\x08http/1.1";
    static const unsigned char other[] = "\x05other";
    const struct {
        const unsigned char *server;
        size_t length;
        const char *agreed; /* NULL: refused */
    } cases[] = {{both, sizeof(both) - 1, "h2"},
                 {old, sizeof(old) - 1, "http/1.1"},
                 {NULL, 0, ""},
                 {other, sizeof(other) - 1, NULL}};
    hh_tls_settings settings = trusting("ca.crt");
    hh_tls_config *config = make_config(&settings);
    for (size_t i = 0; i < HH_COUNT_OF(cases); i++) {
        tls_server *server = start_server(
            "good", (tls_server_options){.alpn = cases[i].server, .alpn_length = cases[i].length});
        tls_client client = {.loop = loop, .server = server};
        const hh_tls_target target = {
            .server_name = "localhost", .alpn = both, .alpn_length = sizeof(both) - 1};
        hh_io io = tls_client_open(&client, config, &target);
        if (cases[i].agreed == NULL) {
            assert_int_equal(io, HH_IO_ERROR);
            assert_string_equal(client.error.message,
                                "handshake with the-peer failed: the server refused (alert no "
                                "application protocol): no HTTP version in common");
        } else {
            hh_tls_info info;
            assert_int_equal(io, HH_IO_OK);
            hh__tls_stream_info(client.stream, &info);
            assert_int_equal(info.alpn.length, strlen(cases[i].agreed));
            assert_memory_equal(info.alpn.data != NULL ? info.alpn.data : "", cases[i].agreed,
                                info.alpn.length);
            assert_string_equal(info.version, "TLSv1.3");
            assert_non_null(strstr(info.cipher, "TLS_"));
            assert_false(info.is_resumed);
        }
        tls_client_close(&client, HH_CLOSE_ORDERLY);
        (void)tls_server_stop(server);
    }
    hh__tls_config_unref(config);
}

static void a_damaged_alpn_list_is_refused(void **state)
{
    (void)state;
    static const unsigned char damaged[] = "\x09h2";
    hh_tls_settings settings = trusting("ca.crt");
    hh_tls_config *config = make_config(&settings);
    tls_server *server = start_server("good", (tls_server_options){.max_version = 0});
    tls_client client = {.loop = loop, .server = server};
    const hh_tls_target target = {
        .server_name = "localhost", .alpn = damaged, .alpn_length = sizeof(damaged) - 1};
    tls_client_connect(&client);
    assert_int_equal(tls_client_begin(&client, config, &target), HH_ERR_INVALID_ARGUMENT);
    tls_client_close(&client, HH_CLOSE_ABORT);
    (void)tls_server_stop(server);
    hh__tls_config_unref(config);
}

static void client_certificates_are_shown(void **state)
{
    (void)state;
    char ca[256];
    snprintf(ca, sizeof(ca), "%s/ca.crt", made.directory);
    for (int version = 12; version <= 13; version++) {
        const tls_server_options options = {.client_ca_file = ca, .max_version = version};
        hh_tls_settings settings = trusting("ca.crt");
        settings.cert_file = certificates_path(&made, "client.crt");
        settings.key_file = certificates_path(&made, "client.key");
        outcome got = shake("good", &options, &settings, "localhost");
        assert_int_equal(got.io, HH_IO_OK);
        assert_string_equal(got.seen.last_client, "client");

        settings = trusting("ca.crt");
        settings.cert_file = certificates_path(&made, "client.crt");
        settings.key_file = certificates_path(&made, "locked.key");
        settings.key_password = CERTIFICATES_PASSWORD;
        got = shake("good", &options, &settings, "localhost");
        assert_int_equal(got.io, HH_IO_OK);
        assert_string_equal(got.seen.last_client, "client");
    }
}

static void a_server_that_wants_a_client_certificate_says_so(void **state)
{
    (void)state;
    char ca[256];
    snprintf(ca, sizeof(ca), "%s/ca.crt", made.directory);
    hh_tls_settings settings = trusting("ca.crt");
    outcome got = shake("good", &(tls_server_options){.client_ca_file = ca, .max_version = 12},
                        &settings, "localhost");
    assert_int_equal(got.io, HH_IO_ERROR);
    assert_string_equal(got.error.message,
                        "handshake with the-peer failed: the server refused (alert handshake "
                        "failure): no cipher in common, or it wants a client certificate");
    /* In TLS 1.3 the client is done before the server has looked. */
    got = shake("good", &(tls_server_options){.client_ca_file = ca}, &settings, "localhost");
    assert_int_equal(got.io, HH_IO_ERROR);
    assert_int_equal(got.error.code, HH_ERR_TLS);
    assert_int_equal(got.error.phase, HH_PHASE_HEADERS);
    assert_string_equal(got.error.message,
                        "TLS connection to the-peer broke: the server refused (alert certificate "
                        "required): it wants a client certificate; give cert_file");
    /* One of a CA the server doesn't know. */
    settings.cert_file = certificates_path(&made, "alien.crt");
    settings.key_file = certificates_path(&made, "alien.key");
    got = shake("good", &(tls_server_options){.client_ca_file = ca, .max_version = 12}, &settings,
                "localhost");
    assert_int_equal(got.io, HH_IO_ERROR);
    assert_string_equal(got.error.message,
                        "handshake with the-peer failed: the server refused (alert unknown CA): "
                        "it doesn't trust the client certificate");
}

/* The handshake byte by byte, and a failure at each point of it. */
static void handshake_survives_any_pace(void **state)
{
    (void)state;
    hh_tls_settings settings = trusting("ca.crt");
    hh_tls_config *config = make_config(&settings);
    tls_server *server = start_server("good", (tls_server_options){.max_version = 0});
    const hh_tls_target target = {.server_name = "localhost"};
    tls_client client = {.loop = loop, .server = server};
    tls_client_connect(&client);
    client.narrow->read_max = 1;
    client.narrow->write_max = 1;
    assert_int_equal(tls_client_begin(&client, config, &target), HH_OK);
    assert_int_equal(tls_client_shake(&client), HH_IO_OK);
    tls_client_close(&client, HH_CLOSE_ORDERLY);
    (void)tls_server_stop(server);
    hh__tls_config_unref(config);
}

static void handshake_fails_wherever_the_line_does(void **state)
{
    (void)state;
    hh_tls_settings settings = trusting("ca.crt");
    hh_tls_config *config = make_config(&settings);
    tls_server *server = start_server("good", (tls_server_options){.max_version = 12});
    const hh_tls_target target = {.server_name = "localhost"};
    unsigned failures = 0;
    for (size_t bytes = 0; bytes < 1200; bytes += 37) {
        tls_client client = {.loop = loop, .server = server};
        tls_client_connect(&client);
        client.narrow->read_fails_after = bytes % 2 == 0 ? bytes : SIZE_MAX;
        client.narrow->write_fails_after = bytes % 2 == 1 ? bytes : SIZE_MAX;
        assert_int_equal(tls_client_begin(&client, config, &target), HH_OK);
        if (tls_client_shake(&client) != HH_IO_OK) {
            failures++;
            assert_int_equal(client.error.code, HH_ERR_TLS);
            assert_non_null(strstr(client.error.message, "handshake with the-peer failed: "));
            assert_int_not_equal(client.error.os_error, 0);
            assert_int_equal(hh__tls_handshake(client.stream), HH_IO_ERROR);
        }
        tls_client_close(&client, HH_CLOSE_ABORT);
        assert_int_equal(hh__loop_run(loop), HH_OK);
    }
    assert_true(failures > 8);
    (void)tls_server_stop(server);
    hh__tls_config_unref(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificate_rows_tls13),
        cmocka_unit_test(certificate_rows_tls12),
        cmocka_unit_test(certificates_of_another_ca_are_refused),
        cmocka_unit_test(trust_in_one_certificate_is_enough),
        cmocka_unit_test(verification_ends_only_when_asked),
        cmocka_unit_test(names_are_sent_and_addresses_are_not),
        cmocka_unit_test(names_no_certificate_can_be_for_are_refused),
        cmocka_unit_test(versions_are_agreed_on),
        cmocka_unit_test(old_versions_are_never_spoken),
        cmocka_unit_test(other_protocols_are_recognised),
        cmocka_unit_test(a_close_amid_the_handshake_is_an_error),
        cmocka_unit_test(alerts_are_named),
        cmocka_unit_test(alpn_is_agreed_on),
        cmocka_unit_test(a_damaged_alpn_list_is_refused),
        cmocka_unit_test(client_certificates_are_shown),
        cmocka_unit_test(a_server_that_wants_a_client_certificate_says_so),
        cmocka_unit_test(handshake_survives_any_pace),
        cmocka_unit_test(handshake_fails_wherever_the_line_does),
    };
    return cmocka_run_group_tests(tests, tls_set_up, tls_tear_down);
}
