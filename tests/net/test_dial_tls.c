/*
 * The whole way: "localhost" through the true resolver, Happy Eyeballs, a TLS handshake with a
 * server of the test's own. What the result says, resumption, and a handshake that fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "net/dial.h"
#include "support/certificates.h"
#include "support/tls_server.h"

#define FAR_MS 60000

static const unsigned char alpn[] = "\x02h2\x08http/1.1";
static const unsigned char server_alpn[] = "\x08http/1.1";

static certificates made;
static tls_server *server;
static hh_loop *loop;
static hh_resolver *resolver;
static hh_tls_config *config;
static hh_dial_result result;
static unsigned done;

static int set_up(void **state)
{
    static char paths[2][256];
    static const hh_resolver_options options = {.with = HH_RESOLVE_BUILTIN};
    tls_server_options how = {.alpn = server_alpn, .alpn_length = sizeof(server_alpn) - 1};
    hh_tls_settings settings = {.min_version = 12};

    (void)state;
    certificates_make(&made);
    snprintf(paths[0], sizeof(paths[0]), "%s", certificates_path(&made, "good.crt"));
    snprintf(paths[1], sizeof(paths[1]), "%s", certificates_path(&made, "good.key"));
    how.certificate_file = paths[0];
    how.key_file = paths[1];
    server = tls_server_start(&how);
    settings.ca_file = certificates_path(&made, "ca.crt");
    if (hh__loop_create(&loop, NULL) != HH_OK ||
        hh__resolver_create(loop, &options, &resolver, NULL) != HH_OK ||
        hh__tls_config_create(&settings, &config, NULL) != HH_OK)
        return -1;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    hh__tls_config_unref(config);
    hh__resolver_destroy(resolver);
    hh__loop_destroy(loop);
    tls_server_stop(server);
    certificates_remove(&made);
    return 0;
}

static void on_done(void *owner, hh_dial_result *got)
{
    (void)owner;
    done++;
    result = *got;
}

static void turn(void)
{
    struct pollfd one = {hh__loop_fd(loop), POLLIN, 0};

    assert_int_equal(poll(&one, 1, FAR_MS), 1);
    assert_int_equal(hh__loop_run(loop), HH_OK);
}

static void dial(const char *host, hh_tls_config *tls, hh_tls_sessions *sessions)
{
    hh_dial_target target = {.host = hh_slice_of(host),
                             .port = tls_server_port(server),
                             .tls = tls,
                             .sessions = sessions,
                             .alpn = alpn,
                             .alpn_length = sizeof(alpn) - 1};
    hh_dial *one = NULL;

    done = 0;
    assert_int_equal(hh__dial_start(loop, resolver, &target, NULL, on_done, &one), HH_OK);
    while (done == 0)
        turn();
}

static void ignore_ready(hh_stream *stream, unsigned ready)
{
    (void)stream;
    (void)ready;
}

/* The server echoes a byte; tickets come with it. */
static void say_a_byte(void)
{
    char byte = 'x', got = 0;
    struct iovec piece = {&byte, 1};
    size_t count;
    hh_io io;

    result.stream->on_ready = ignore_ready;
    assert_int_equal(hh__stream_write(result.stream, &piece, 1, &count), HH_IO_OK);
    while ((io = hh__stream_read(result.stream, &got, 1, &count)) == HH_IO_WAIT)
        turn();
    assert_int_equal(io, HH_IO_OK);
    assert_int_equal(got, 'x');
    hh__stream_close(result.stream, HH_CLOSE_ORDERLY);
}

static void test_handshake(void **state)
{
    char remote[64];

    (void)state;
    dial("localhost", config, NULL);
    assert_string_equal(result.error.message, "");
    assert_non_null(result.stream);
    assert_true(result.is_tls);
    assert_false(result.is_resumed);
    assert_string_equal(result.tls_version, "TLSv1.3");
    assert_int_equal(strncmp(result.tls_cipher, "TLS_", 4), 0);
    assert_string_equal(result.alpn, "http/1.1");
    assert_true(result.connect_ns > 0 && result.tls_ns > 0);
    snprintf(remote, sizeof(remote), "127.0.0.1:%u", (unsigned)tls_server_port(server));
    assert_string_equal(result.remote, remote);
    assert_string_equal(tls_server_look(server).last_name, "localhost");
    say_a_byte();
}

/* RFC 6066 §3: no dot at the end of a server name; the certificate has none either. */
static void test_trailing_dot(void **state)
{
    (void)state;
    dial("localhost.", config, NULL);
    assert_non_null(result.stream);
    assert_string_equal(tls_server_look(server).last_name, "localhost");
    say_a_byte();
}

static void test_address_as_host(void **state)
{
    (void)state;
    dial("127.0.0.1", config, NULL);
    assert_non_null(result.stream);
    say_a_byte();
}

static void test_resumption(void **state)
{
    hh_tls_sessions *sessions = NULL;

    (void)state;
    assert_int_equal(hh__tls_sessions_create(&sessions), HH_OK);
    dial("localhost", config, sessions);
    assert_non_null(result.stream);
    assert_false(result.is_resumed);
    say_a_byte();
    dial("localhost", config, sessions);
    assert_non_null(result.stream);
    assert_true(result.is_resumed);
    say_a_byte();
    hh__tls_sessions_destroy(sessions);
}

static void test_untrusted(void **state)
{
    hh_tls_settings settings = {.min_version = 12};
    hh_tls_config *stranger = NULL;

    (void)state;
    settings.ca_file = certificates_path(&made, "other-ca.crt");
    assert_int_equal(hh__tls_config_create(&settings, &stranger, NULL), HH_OK);
    dial("localhost", stranger, NULL);
    assert_null(result.stream);
    assert_int_equal(result.error.code, HH_ERR_CERTIFICATE);
    assert_int_equal(result.error.phase, HH_PHASE_TLS);
    assert_int_not_equal(result.error.tls_verify, 0);
    assert_non_null(strstr(result.error.message, "localhost"));
    hh__tls_config_unref(stranger);
}

static void test_missing_trust_file(void **state)
{
    hh_tls_settings settings = {.ca_file = "/nonexistent/ca.crt", .min_version = 12};
    hh_tls_config *broken = NULL;

    (void)state;
    assert_int_equal(hh__tls_config_create(&settings, &broken, NULL), HH_OK);
    dial("localhost", broken, NULL);
    assert_null(result.stream);
    assert_int_equal(result.error.code, HH_ERR_FILE);
    hh__tls_config_unref(broken);
}

static void test_plain_goes_through_the_same_door(void **state)
{
    (void)state;
    dial("localhost", NULL, NULL);
    assert_non_null(result.stream);
    assert_false(result.is_tls);
    hh__stream_close(result.stream, HH_CLOSE_ABORT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake),
        cmocka_unit_test(test_trailing_dot),
        cmocka_unit_test(test_address_as_host),
        cmocka_unit_test(test_resumption),
        cmocka_unit_test(test_untrusted),
        cmocka_unit_test(test_missing_trust_file),
        cmocka_unit_test(test_plain_goes_through_the_same_door),
    };

    return cmocka_run_group_tests_name("dial over TLS", tests, set_up, tear_down);
}
