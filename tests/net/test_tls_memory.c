/*
 * test_tls_memory.c - each allocation fails in turn, OpenSSL's own among them: every call either
 * works or says HH_ERR_NO_MEMORY (or, deep within OpenSSL, some other failure), and leaks nothing.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/tls_context.h"
#include "support/alloc_fail.h"
#include "tls_fixture.h"

static tls_server *server;
static char ca_path[256];
static char client_path[256];
static char locked_path[256];
static char ca_text[8192];

/* OpenSSL's allocations, by way of the replaced ones. */
static void *allocate(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return malloc(size);
}

static void *reallocate(void *old, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return realloc(old, size);
}

static void release(void *old, const char *file, int line)
{
    (void)file;
    (void)line;
    free(old);
}

static int set_up(void **state)
{
    int result = tls_set_up(state);
    snprintf(ca_path, sizeof(ca_path), "%s", certificates_path(&made, "ca.crt"));
    snprintf(client_path, sizeof(client_path), "%s", certificates_path(&made, "client.crt"));
    snprintf(locked_path, sizeof(locked_path), "%s", certificates_path(&made, "locked.key"));
    FILE *file = fopen(ca_path, "r");
    if (file == NULL)
        return -1;
    ca_text[fread(ca_text, 1, sizeof(ca_text) - 1, file)] = '\0';
    fclose(file);
    server = start_server("good", (tls_server_options){.on_thread = alloc_fail_exempt_thread});
    return result;
}

static int tear_down(void **state)
{
    (void)tls_server_stop(server);
    return tls_tear_down(state);
}

static hh_tls_settings every_setting(void)
{
    return (hh_tls_settings){.ca_file = ca_path,
                             .ca_pem = ca_text,
                             .cert_file = client_path,
                             .key_file = locked_path,
                             .key_password = CERTIFICATES_PASSWORD};
}

static void creating_a_config_may_fail_anywhere(void **state)
{
    (void)state;
    const hh_tls_settings settings = every_setting();
    uint64_t nth = 1;
    for (;; nth++) {
        hh_tls_config *config = NULL;
        hh_error error;
        alloc_fail_at(nth);
        hh_status status = hh__tls_config_create(&settings, &config, &error);
        alloc_fail_off();
        if (status == HH_OK) {
            hh__tls_config_unref(config);
            if (alloc_fail_hits() == 0)
                break;
            continue;
        }
        assert_int_equal(status, HH_ERR_NO_MEMORY);
        assert_int_equal(error.code, HH_ERR_NO_MEMORY);
        assert_null(config);
    }
    assert_true(nth > 5);
}

/* The first allocations are ours; OpenSSL's thousands are sampled, ever more thinly. */
static uint64_t next_nth(uint64_t nth)
{
    return nth + 1 + nth / 12;
}

static void loading_a_config_may_fail_anywhere(void **state)
{
    (void)state;
    const hh_tls_settings settings = every_setting();
    uint64_t nth = 1;
    unsigned failures = 0;
    for (;; nth = next_nth(nth)) {
        hh_tls_config *config = NULL;
        hh_error error;
        hh__tls_contexts_drop();
        assert_int_equal(hh__tls_config_create(&settings, &config, &error), HH_OK);
        alloc_fail_at(nth);
        hh_status status = hh__tls_config_load(config, &error);
        alloc_fail_off();
        uint64_t hits = alloc_fail_hits();
        if (status != HH_OK) {
            failures++;
            assert_int_equal(error.code, status);
            assert_int_equal(hh__tls_contexts_kept(), 0);
            /* It works as soon as there is memory again. */
            assert_int_equal(hh__tls_config_load(config, &error), HH_OK);
        }
        hh__tls_config_unref(config);
        if (hits == 0)
            break;
    }
    assert_true(failures > 15);
}

/* What OpenSSL sets up once for the process stays broken when that fails: it is done beforehand. */
static void warm_up(hh_tls_config *config)
{
    tls_client client = {.loop = loop, .server = server};
    const hh_tls_target target = {.server_name = "localhost"};
    assert_int_equal(tls_client_open(&client, config, &target), HH_IO_OK);
    tls_client_close(&client, HH_CLOSE_ORDERLY);
}

static void a_connection_may_fail_anywhere(void **state)
{
    (void)state;
    const hh_tls_settings settings = every_setting();
    hh_tls_config *config = NULL;
    hh_error error;
    unsigned failures = 0;
    assert_int_equal(hh__tls_config_create(&settings, &config, &error), HH_OK);
    assert_int_equal(hh__tls_config_load(config, &error), HH_OK);
    warm_up(config);
    for (uint64_t nth = 1;; nth = next_nth(nth)) {
        hh_tls_sessions *sessions = NULL;
        tls_client client = {.loop = loop, .server = server};
        tls_client_connect(&client);
        alloc_fail_at(nth);
        hh_io io = HH_IO_ERROR;
        if (hh__tls_sessions_create(&sessions) == HH_OK) {
            const hh_tls_target target = {.server_name = "localhost", .sessions = sessions};
            char byte;
            if (tls_client_begin(&client, config, &target) == HH_OK &&
                tls_client_shake(&client) == HH_IO_OK) {
                io = tls_client_write_all(&client, "x", 1);
                if (io == HH_IO_OK)
                    io = tls_client_read_all(&client, &byte, 1);
            }
        }
        alloc_fail_off();
        uint64_t hits = alloc_fail_hits();
        failures += io != HH_IO_OK ? 1 : 0;
        tls_client_close(&client, HH_CLOSE_ORDERLY);
        hh__tls_sessions_destroy(sessions);
        assert_int_equal(hh__loop_run(loop), HH_OK);
        if (hits == 0) {
            if (io != HH_IO_OK)
                fail_msg("allocation %u: %s", (unsigned)nth, client.error.message);
            break;
        }
    }
    assert_true(failures > 20);
    hh__tls_config_unref(config);
}

int main(void)
{
    if (CRYPTO_set_mem_functions(allocate, reallocate, release) != 1)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(creating_a_config_may_fail_anywhere),
        cmocka_unit_test(loading_a_config_may_fail_anywhere),
        cmocka_unit_test(a_connection_may_fail_anywhere),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
