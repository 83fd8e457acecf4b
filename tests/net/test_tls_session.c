/*
 * test_tls_session.c - tickets: that they are used, once, and only where they belong.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "base/memory.h"
#include "net/tls_session.h"
#include "tls_fixture.h"

static hh_tls_config *config;

static int set_up(void **state)
{
    int result = tls_set_up(state);
    hh_tls_settings settings = trusting("ca.crt");
    config = make_config(&settings);
    return result;
}

static int tear_down(void **state)
{
    hh__tls_config_unref(config);
    return tls_tear_down(state);
}

static tls_server *start(const char *certificate, int version, int tickets)
{
    return start_server(certificate,
                        (tls_server_options){.max_version = version, .tickets = tickets});
}

static hh_tls_sessions *make_store(void)
{
    hh_tls_sessions *sessions = NULL;
    assert_int_equal(hh__tls_sessions_create(&sessions), HH_OK);
    return sessions;
}

/* A connection begun, its session taken from the store already. */
static void begin(tls_client *client, tls_server *server, hh_tls_config *with,
                  hh_tls_sessions *sessions, const char *name)
{
    const hh_tls_target target = {.server_name = name, .sessions = sessions};
    *client = (tls_client){.loop = loop, .server = server};
    tls_client_connect(client);
    assert_int_equal(tls_client_begin(client, with, &target), HH_OK);
}

/* The rest of it: handshake, a byte there and back (so that the tickets have come). True: resumed.
 */
static bool go_on(tls_client *client)
{
    hh_tls_info info;
    char byte;
    if (tls_client_shake(client) != HH_IO_OK)
        fail_msg("%s", client->error.message);
    assert_int_equal(tls_client_write_all(client, "x", 1), HH_IO_OK);
    assert_int_equal(tls_client_read_all(client, &byte, 1), HH_IO_OK);
    hh__tls_stream_info(client->stream, &info);
    return info.is_resumed;
}

static bool is_resumed_with(tls_server *server, hh_tls_config *with, hh_tls_sessions *sessions,
                            const char *name, hh_close how)
{
    tls_client client;
    begin(&client, server, with, sessions, name);
    bool is_resumed = go_on(&client);
    tls_client_close(&client, how);
    return is_resumed;
}

static bool is_resumed(tls_server *server, hh_tls_sessions *sessions)
{
    return is_resumed_with(server, config, sessions, "localhost", HH_CLOSE_ORDERLY);
}

static void sessions_are_resumed(void **state)
{
    (void)state;
    static const hh_close ways[] = {HH_CLOSE_ORDERLY, HH_CLOSE_ABORT};
    for (int version = 12; version <= 13; version++) {
        for (size_t i = 0; i < HH_COUNT_OF(ways); i++) {
            tls_server *server = start("good", version, 1);
            hh_tls_sessions *sessions = make_store();
            assert_false(is_resumed_with(server, config, sessions, "localhost", ways[i]));
            assert_true(is_resumed_with(server, config, sessions, "localhost", ways[i]));
            assert_true(is_resumed_with(server, config, sessions, "localhost", ways[i]));
            hh__tls_sessions_destroy(sessions);
            assert_int_equal(tls_server_stop(server).resumed, 2);
        }
    }
}

static void nothing_is_resumed_without_a_store(void **state)
{
    (void)state;
    tls_server *server = start("good", 0, 0);
    assert_false(is_resumed(server, NULL));
    assert_false(is_resumed(server, NULL));
    assert_int_equal(tls_server_stop(server).resumed, 0);
}

/* RFC 8446 §C.4. */
static void a_tls13_ticket_is_used_once(void **state)
{
    (void)state;
    tls_server *server = start("good", 13, 1);
    hh_tls_sessions *sessions = make_store();
    tls_client first, second;
    assert_false(is_resumed(server, sessions));
    begin(&first, server, config, sessions, "localhost");
    begin(&second, server, config, sessions, "localhost");
    assert_true(go_on(&first));
    assert_false(go_on(&second));
    tls_client_close(&first, HH_CLOSE_ORDERLY);
    tls_client_close(&second, HH_CLOSE_ORDERLY);
    hh__tls_sessions_destroy(sessions);
    assert_int_equal(tls_server_stop(server).resumed, 1);
}

static void a_tls12_session_serves_many(void **state)
{
    (void)state;
    tls_server *server = start("good", 12, 0);
    hh_tls_sessions *sessions = make_store();
    tls_client first, second;
    assert_false(is_resumed(server, sessions));
    begin(&first, server, config, sessions, "localhost");
    begin(&second, server, config, sessions, "localhost");
    assert_true(go_on(&first));
    assert_true(go_on(&second));
    tls_client_close(&first, HH_CLOSE_ORDERLY);
    tls_client_close(&second, HH_CLOSE_ORDERLY);
    hh__tls_sessions_destroy(sessions);
    (void)tls_server_stop(server);
}

static void a_store_keeps_the_newest_few(void **state)
{
    (void)state;
    tls_server *server = start("good", 13, 3 * HH_TLS_SESSIONS_MAX);
    hh_tls_sessions *sessions = make_store();
    tls_client clients[HH_TLS_SESSIONS_MAX + 1];
    assert_false(is_resumed(server, sessions));
    for (size_t i = 0; i < HH_COUNT_OF(clients); i++)
        begin(&clients[i], server, config, sessions, "localhost");
    for (size_t i = 0; i < HH_COUNT_OF(clients); i++) {
        assert_int_equal(go_on(&clients[i]), i < HH_TLS_SESSIONS_MAX);
        tls_client_close(&clients[i], HH_CLOSE_ORDERLY);
    }
    hh__tls_sessions_destroy(sessions);
    (void)tls_server_stop(server);
}

static void a_ticket_stays_with_its_name(void **state)
{
    (void)state;
    tls_server *server = start("good", 0, 0);
    hh_tls_sessions *sessions = make_store();
    assert_false(is_resumed(server, sessions));
    assert_false(is_resumed_with(server, config, sessions, "a.wild.test", HH_CLOSE_ORDERLY));
    assert_false(is_resumed_with(server, config, sessions, "127.0.0.1", HH_CLOSE_ORDERLY));
    assert_false(is_resumed_with(server, config, sessions, "xn--bcher-kva.test", HH_CLOSE_ORDERLY));
    assert_true(is_resumed(server, sessions));
    hh__tls_sessions_destroy(sessions);
    (void)tls_server_stop(server);
}

static void a_ticket_stays_in_its_store(void **state)
{
    (void)state;
    tls_server *server = start("good", 0, 0);
    hh_tls_sessions *one = make_store();
    hh_tls_sessions *other = make_store();
    assert_false(is_resumed(server, one));
    assert_false(is_resumed(server, other));
    assert_true(is_resumed(server, one));
    hh__tls_sessions_destroy(one);
    hh__tls_sessions_destroy(other);
    (void)tls_server_stop(server);
}

/* A resumed handshake shows no certificate, so a ticket gained without verification would let any
 * server pass a verifying client. */
static void a_ticket_gained_unverified_proves_nothing(void **state)
{
    (void)state;
    for (int version = 12; version <= 13; version++) {
        const hh_tls_settings careless = {.verify = HH_TLS_VERIFY_NONE};
        hh_tls_config *unverified = make_config(&careless);
        tls_server *server = start("self-signed", version, 0);
        hh_tls_sessions *sessions = make_store();
        tls_client client;
        assert_false(is_resumed_with(server, unverified, sessions, "localhost", HH_CLOSE_ORDERLY));
        begin(&client, server, config, sessions, "localhost");
        assert_int_equal(tls_client_shake(&client), HH_IO_ERROR);
        assert_int_equal(client.error.code, HH_ERR_CERTIFICATE);
        tls_client_close(&client, HH_CLOSE_ORDERLY);
        /* It does serve where it came from. */
        assert_true(is_resumed_with(server, unverified, sessions, "localhost", HH_CLOSE_ORDERLY));
        hh__tls_sessions_destroy(sessions);
        (void)tls_server_stop(server);
        hh__tls_config_unref(unverified);
    }
}

/* The same paths, but the CA's file has changed since. */
static void a_ticket_ends_with_the_files_it_was_judged_by(void **state)
{
    (void)state;
    char from[256], to[256], line[256];
    snprintf(from, sizeof(from), "%s/ca.crt", made.directory);
    snprintf(to, sizeof(to), "%s/changing.crt", made.directory);
    FILE *in = fopen(from, "r");
    FILE *out = fopen(to, "w");
    assert_true(in != NULL && out != NULL);
    while (fgets(line, sizeof(line), in) != NULL)
        fputs(line, out);
    fclose(in);
    fclose(out);
    tls_server *server = start("good", 0, 0);
    hh_tls_sessions *sessions = make_store();
    hh_tls_settings settings = trusting("changing.crt");
    hh_tls_config *before = make_config(&settings);
    assert_false(is_resumed_with(server, before, sessions, "localhost", HH_CLOSE_ORDERLY));
    out = fopen(to, "a");
    assert_non_null(out);
    fputs("\n", out);
    fclose(out);
    hh_tls_config *after = make_config(&settings);
    assert_false(is_resumed_with(server, after, sessions, "localhost", HH_CLOSE_ORDERLY));
    assert_true(is_resumed_with(server, before, sessions, "localhost", HH_CLOSE_ORDERLY));
    hh__tls_sessions_destroy(sessions);
    hh__tls_config_unref(before);
    hh__tls_config_unref(after);
    (void)tls_server_stop(server);
}

/* Another server behind the same name: its keys can't read the ticket, nor is that an error. */
static void a_ticket_nobody_knows_costs_nothing(void **state)
{
    (void)state;
    tls_server *one = start("good", 0, 0);
    tls_server *other = start("good", 0, 0);
    hh_tls_sessions *sessions = make_store();
    assert_false(is_resumed(one, sessions));
    assert_false(is_resumed(other, sessions));
    hh__tls_sessions_destroy(sessions);
    assert_int_equal(tls_server_stop(other).resumed, 0);
    (void)tls_server_stop(one);
}

static void streams_outlive_their_store(void **state)
{
    (void)state;
    tls_server *server = start("good", 13, 2);
    hh_tls_sessions *sessions = make_store();
    tls_client client;
    begin(&client, server, config, sessions, "localhost");
    assert_int_equal(tls_client_shake(&client), HH_IO_OK);
    hh__tls_sessions_destroy(sessions);
    assert_false(go_on(&client)); /* the tickets come now */
    tls_client_close(&client, HH_CLOSE_ORDERLY);
    (void)tls_server_stop(server);
}

static SSL_SESSION *make_session(int64_t age_s, long lifetime_s)
{
    static const unsigned char id[] = "some session";
    SSL_SESSION *session = SSL_SESSION_new();
    assert_non_null(session);
    assert_int_equal(SSL_SESSION_set1_id(session, id, sizeof(id)), 1);
    assert_int_equal(SSL_SESSION_set_protocol_version(session, TLS1_2_VERSION), 1);
    (void)SSL_SESSION_set_time(session, (long)(time(NULL) - age_s));
    (void)SSL_SESSION_set_timeout(session, lifetime_s);
    return session;
}

static void expired_sessions_are_dropped(void **state)
{
    (void)state;
    hh_tls_sessions *sessions = make_store();
    SSL_SESSION *fresh = make_session(0, 3600);
    hh__tls_sessions_add(sessions, fresh);
    hh__tls_sessions_add(sessions, make_session(3601, 3600));
    hh__tls_sessions_add(sessions, make_session(10, 5));
    SSL_SESSION *taken = hh__tls_sessions_take(sessions);
    assert_ptr_equal(taken, fresh);
    SSL_SESSION_free(taken);
    hh__tls_sessions_destroy(sessions);
    sessions = make_store();
    hh__tls_sessions_add(sessions, make_session(10, 5));
    assert_null(hh__tls_sessions_take(sessions));
    assert_null(hh__tls_sessions_take(sessions));
    hh__tls_sessions_destroy(sessions);
    hh__tls_sessions_destroy(NULL);
}

static void a_store_is_bound_to_what_used_it_first(void **state)
{
    (void)state;
    hh_tls_sessions *sessions = make_store();
    const hh_slice ab = hh_slice_of("ab");
    const hh_slice c = hh_slice_of("c");
    assert_true(hh__tls_sessions_fit(sessions, ab, c));
    assert_true(hh__tls_sessions_fit(sessions, ab, c));
    /* The same letters, cut elsewhere. */
    assert_false(hh__tls_sessions_fit(sessions, hh_slice_of("a"), hh_slice_of("bc")));
    assert_false(hh__tls_sessions_fit(sessions, hh_slice_of("abc"), hh_slice_of("")));
    assert_false(hh__tls_sessions_fit(sessions, ab, hh_slice_of("d")));
    assert_false(hh__tls_sessions_fit(sessions, hh_slice_of("xb"), c));
    hh__tls_sessions_destroy(sessions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_are_resumed),
        cmocka_unit_test(nothing_is_resumed_without_a_store),
        cmocka_unit_test(a_tls13_ticket_is_used_once),
        cmocka_unit_test(a_tls12_session_serves_many),
        cmocka_unit_test(a_store_keeps_the_newest_few),
        cmocka_unit_test(a_ticket_stays_with_its_name),
        cmocka_unit_test(a_ticket_stays_in_its_store),
        cmocka_unit_test(a_ticket_gained_unverified_proves_nothing),
        cmocka_unit_test(a_ticket_ends_with_the_files_it_was_judged_by),
        cmocka_unit_test(a_ticket_nobody_knows_costs_nothing),
        cmocka_unit_test(streams_outlive_their_store),
        cmocka_unit_test(expired_sessions_are_dropped),
        cmocka_unit_test(a_store_is_bound_to_what_used_it_first),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
