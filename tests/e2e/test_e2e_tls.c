/*
 * The whole client over TLS against nginx, and against a TLS server of our own where one must
 * misbehave: whom it trusts, what it says of those it doesn't, which sessions it takes up again,
 * and how bodies end.
 */
#include "base/bytes.h"
#include "client/pool_key.h"

#include "e2e.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/tls_server.h"

static char other_ca[160], client_crt[160], client_key[160], alien_crt[160], alien_key[160];
static char locked_key[160];

static void name_file(char out[160], const char *file)
{
    snprintf(out, 160, "%s", certificates_path(&servers.certificates, file));
}

static int setup(void **state)
{
    if (e2e_setup(state) != 0)
        return -1;
    name_file(other_ca, "other-ca.crt");
    name_file(client_crt, "client.crt");
    name_file(client_key, "client.key");
    name_file(alien_crt, "alien.crt");
    name_file(alien_key, "alien.key");
    name_file(locked_key, "locked.key");
    /* "The system's trust", alike on every machine. */
    setenv("SSL_CERT_FILE", other_ca, 1);
    setenv("SSL_CERT_DIR", "/nonexistent", 1);
    return 0;
}

/* /tls of that site; its body without the session's part, "version=... ". */
static void expect_story(const hh_client_options *options, const char *url, const char *wanted)
{
    answer got;
    e2e_get(options, url, &got);
    if (got.error.code != HH_OK)
        fail_msg("%s: %s", url, got.error.message);
    char story[512];
    snprintf(story, sizeof story, "%.*s", HH_SLICE_ARGS(answer_body(&got)));
    assert_contains(story, wanted);
    answer_clear(&got);
}

/* --- trust ----------------------------------------------------------------------------------- */

static void test_trusted_by_file(void **state)
{
    (void)state;
    hh_client_options options = e2e_options();
    expect_story(&options, nginx_url(&servers.nginx, NGINX_TLS, "/tls"),
                 "reused=. version=TLSv1.3 name=localhost alpn=http/1.1 client=");
}

static void make_hashed(char directory[160])
{
    char link[200];
    snprintf(directory, 160, "%s/trusted", servers.nginx.directory);
    FILE *file = fopen(servers.ca_file, "r");
    assert_non_null(file);
    X509 *ca = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    assert_non_null(ca);
    assert_int_equal(mkdir(directory, 0755), 0);
    snprintf(link, sizeof link, "%s/%08lx.0", directory, X509_subject_name_hash(ca));
    X509_free(ca);
    assert_int_equal(symlink(servers.ca_file, link), 0);
}

static void test_trusted_by_directory(void **state)
{
    (void)state;
    char directory[160];
    answer got;
    make_hashed(directory);
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.tls.ca_directory = directory;
    e2e_get(&options, nginx_url(&servers.nginx, NGINX_TLS, "/f65537"), &got);
    assert_file(&got, NGINX_F65537);
    answer_clear(&got);
    e2e_get(&options, nginx_url(&servers.nginx, NGINX_SELF_SIGNED, "/f1"), &got);
    assert_failed(&got, HH_ERR_CERTIFICATE, HH_PHASE_TLS, "self-signed");
    answer_clear(&got);
}

/* The text is the client's own from its creation on. */
static void test_trusted_by_memory(void **state)
{
    (void)state;
    char text[8192];
    answer got = {.id = 0};
    FILE *file = fopen(servers.ca_file, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.tls.ca_pem = text;
    hh_client *client = whole_client(&options);
    memset(text, 'x', sizeof text - 1);
    whole_get(client, nginx_url(&servers.nginx, NGINX_TLS, "/f65537"), &got);
    assert_file(&got, NGINX_F65537);
    answer_clear(&got);
    hh_client_destroy(client);
    options.tls.ca_pem = "no certificate";
    e2e_get(&options, nginx_url(&servers.nginx, NGINX_TLS, "/f1"), &got);
    assert_failed(&got, HH_ERR_INVALID_ARGUMENT, got.error.phase, "ca_pem holds no certificate");
    answer_clear(&got);
}

static void test_system_trusts_not(void **state)
{
    (void)state;
    answer got;
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    e2e_get(&options, nginx_url(&servers.nginx, NGINX_TLS, "/f1"), &got);
    assert_failed(&got, HH_ERR_CERTIFICATE, HH_PHASE_TLS, "unknown issuer");
    assert_contains(got.error.message, "localhost");
    assert_int_equal(got.error.category, HH_CATEGORY_TLS);
    assert_int_equal(got.error.processed, HH_PROCESSED_NO);
    answer_clear(&got);
    options.tls.ca_file = other_ca;
    e2e_get(&options, nginx_url(&servers.nginx, NGINX_TLS, "/f1"), &got);
    assert_failed(&got, HH_ERR_CERTIFICATE, HH_PHASE_TLS, "unknown issuer");
    answer_clear(&got);
}

static void test_trust_missing(void **state)
{
    (void)state;
    answer got;
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.tls.ca_file = "/nonexistent/ca.pem";
    e2e_get(&options, nginx_url(&servers.nginx, NGINX_TLS, "/f1"), &got);
    assert_failed(&got, HH_ERR_FILE, got.error.phase, "/nonexistent/ca.pem");
    answer_clear(&got);
}

static const struct judgement {
    nginx_site site;
    const char *host;
    const char *sentence;
    int verify;
} judgements[] = {
    {NGINX_EXPIRED, "localhost", "certificate of localhost expired on 2024-05-01",
     X509_V_ERR_CERT_HAS_EXPIRED},
    {NGINX_EARLY, "localhost", "certificate of localhost is valid only from 2099-01-01",
     X509_V_ERR_CERT_NOT_YET_VALID},
    {NGINX_WRONG_NAME, "localhost", "certificate of localhost is for other.example",
     X509_V_ERR_HOSTNAME_MISMATCH},
    {NGINX_WRONG_NAME, "127.0.0.1", "certificate of 127.0.0.1 is for other.example",
     X509_V_ERR_IP_ADDRESS_MISMATCH},
    {NGINX_SELF_SIGNED, "localhost",
     "certificate of localhost is not trusted: self-signed certificate",
     X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT},
};

/* Each twice with one client: nothing learnt from the first refusal softens the second. */
static void test_judgements(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof judgements / sizeof judgements[0]; i++) {
        const struct judgement *judged = &judgements[i];
        hh_client *client = e2e_client();
        for (int again = 0; again < 2; again++) {
            answer got = {.id = 0};
            whole_get(client, nginx_url_as(&servers.nginx, judged->site, judged->host, "/f1"),
                      &got);
            assert_failed(&got, HH_ERR_CERTIFICATE, HH_PHASE_TLS, judged->sentence);
            assert_int_equal(got.error.tls_verify, judged->verify);
            assert_int_equal(got.error.processed, HH_PROCESSED_NO);
            answer_clear(&got);
        }
        assert_int_equal(whole_stats(client).tls_handshakes, 0);
        assert_int_equal(whole_stats(client).bytes_sent, 0);
        assert_at_rest(client);
        hh_client_destroy(client);
    }
}

static void test_blocking_judgement(void **state)
{
    (void)state;
    hh_client *client = e2e_client();
    hh_response *response = NULL;
    hh_error error;
    hh_status status =
        hh_get(client, nginx_url(&servers.nginx, NGINX_EXPIRED, "/f1"), &response, &error);
    assert_int_equal(status, HH_ERR_CERTIFICATE);
    assert_null(response);
    assert_int_equal(error.code, status);
    assert_int_equal(error.phase, HH_PHASE_TLS);
    assert_contains(error.message, "expired on 2024-05-01");
    hh_client_destroy(client);
}

static void test_verify_off(void **state)
{
    (void)state;
    static const nginx_site sites[] = {NGINX_TLS, NGINX_EXPIRED, NGINX_EARLY, NGINX_WRONG_NAME,
                                       NGINX_SELF_SIGNED};
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.tls.verify = HH_OFF;
    for (size_t i = 0; i < sizeof sites / sizeof sites[0]; i++) {
        answer got;
        e2e_get(&options, nginx_url(&servers.nginx, sites[i], "/f100"), &got);
        assert_file(&got, NGINX_F100);
        answer_clear(&got);
    }
    options.tls.verify = HH_ON;
    answer got;
    e2e_get(&options, nginx_url(&servers.nginx, NGINX_EXPIRED, "/f100"), &got);
    assert_failed(&got, HH_ERR_CERTIFICATE, HH_PHASE_TLS, NULL);
    answer_clear(&got);
}

/* --- client certificates --------------------------------------------------------------------- */

static void test_client_certificate(void **state)
{
    (void)state;
    answer got;
    hh_client_options options = e2e_options();
    e2e_get(&options, nginx_url(&servers.nginx, NGINX_MUTUAL, "/f1"), &got);
    assert_int_equal(got.error.code, HH_OK);
    assert_int_equal(hh_response_status(got.response), 400);
    answer_clear(&got);

    options.tls.cert_file = client_crt;
    options.tls.key_file = client_key;
    expect_story(&options, nginx_url(&servers.nginx, NGINX_MUTUAL, "/tls"), "client=CN=client");

    options.tls.key_file = locked_key;
    options.tls.key_password = CERTIFICATES_PASSWORD;
    expect_story(&options, nginx_url(&servers.nginx, NGINX_MUTUAL, "/tls"), "client=CN=client");

    options.tls.key_password = "wrong";
    e2e_get(&options, nginx_url(&servers.nginx, NGINX_MUTUAL, "/f1"), &got);
    assert_failed(&got, HH_ERR_FILE, got.error.phase, "locked.key");
    assert_lacks(got.error.message, "wrong\"");
    answer_clear(&got);

    options.tls.key_password = NULL;
    options.tls.key_file = alien_key;
    e2e_get(&options, nginx_url(&servers.nginx, NGINX_MUTUAL, "/f1"), &got);
    assert_failed(&got, HH_ERR_FILE, got.error.phase, "alien.key");
    answer_clear(&got);

    options.tls.cert_file = alien_crt;
    e2e_get(&options, nginx_url(&servers.nginx, NGINX_MUTUAL, "/f1"), &got);
    assert_int_equal(got.error.code, HH_OK);
    assert_int_equal(hh_response_status(got.response), 400);
    answer_clear(&got);
}

static tls_server *start_server(tls_server_options options)
{
    static char crt[160], key[160];
    name_file(crt, "good.crt");
    name_file(key, "good.key");
    options.certificate_file = crt;
    options.key_file = key;
    return tls_server_start(&options);
}

static const char *server_url(const tls_server *server)
{
    static char url[64];
    snprintf(url, sizeof url, "https://localhost:%u/", tls_server_port(server));
    return url;
}

/* A server that insists: with 1.2 it refuses within the handshake, with 1.3 after it. */
static void test_client_certificate_demanded(void **state)
{
    (void)state;
    for (int version = 12; version <= 13; version++) {
        tls_server *server = start_server((tls_server_options){
            .client_ca_file = servers.ca_file, .min_version = version, .max_version = version});
        for (int alien = 0; alien < 2; alien++) {
            answer got;
            hh_client_options options = e2e_options();
            if (alien) {
                options.tls.cert_file = alien_crt;
                options.tls.key_file = alien_key;
            }
            e2e_get(&options, server_url(server), &got);
            if (version == 12)
                assert_failed(&got, HH_ERR_TLS, HH_PHASE_TLS, "client certificate");
            else if (alien)
                assert_failed(&got, HH_ERR_TLS, got.error.phase, "client certificate");
            else
                assert_failed(&got, HH_ERR_TLS, got.error.phase, "give cert_file");
            answer_clear(&got);
        }
        assert_int_equal(tls_server_stop(server).handshakes, 0);
    }
}

/* --- versions, names ------------------------------------------------------------------------- */

static void test_versions(void **state)
{
    (void)state;
    answer got;
    hh_client_options options = e2e_options();
    expect_story(&options, nginx_url(&servers.nginx, NGINX_TLS_1_2, "/tls"), "version=TLSv1.2");
    expect_story(&options, nginx_url(&servers.nginx, NGINX_TLS_1_3, "/tls"), "version=TLSv1.3");
    options.tls.min_version = HH_TLS_1_2;
    expect_story(&options, nginx_url(&servers.nginx, NGINX_TLS_1_2, "/tls"), "version=TLSv1.2");
    options.tls.min_version = HH_TLS_1_3;
    expect_story(&options, nginx_url(&servers.nginx, NGINX_TLS, "/tls"), "version=TLSv1.3");
    e2e_get(&options, nginx_url(&servers.nginx, NGINX_TLS_1_2, "/tls"), &got);
    assert_failed(&got, HH_ERR_TLS, HH_PHASE_TLS, "min_version");
    assert_int_equal(got.error.category, HH_CATEGORY_TLS);
    answer_clear(&got);

    tls_server *old = start_server((tls_server_options){.min_version = 10, .max_version = 11});
    options.tls.min_version = HH_TLS_DEFAULT;
    e2e_get(&options, server_url(old), &got);
    assert_failed(&got, HH_ERR_TLS, HH_PHASE_TLS, NULL);
    answer_clear(&got);
    assert_int_equal(tls_server_stop(old).handshakes, 0);
}

static void test_names(void **state)
{
    (void)state;
    hh_client_options options = e2e_options();
    char override[64];
    snprintf(override, sizeof override, "*:%u:127.0.0.1", servers.nginx.ports[NGINX_TLS]);
    const char *const given[] = {override};
    options.resolve = given;
    options.resolve_count = 1;
    const nginx *server = &servers.nginx;
    expect_story(&options, nginx_url_as(server, NGINX_TLS, "a.wild.test", "/tls"),
                 "name=a.wild.test ");
    expect_story(&options, nginx_url_as(server, NGINX_TLS, "A.WILD.test", "/tls"),
                 "name=a.wild.test ");
    expect_story(&options,
                 nginx_url_as(server, NGINX_TLS,
                              "b\xc3\xbc"
                              "cher.test",
                              "/tls"),
                 "name=xn--bcher-kva.test ");
    /* RFC 6066 §3: an address is no name to send; it is checked against the certificate's. */
    expect_story(&options, nginx_url_as(server, NGINX_TLS, "127.0.0.1", "/tls"), "name= ");
    expect_story(&options, nginx_url(server, NGINX_TLS_V6, "/tls"), "name= ");
    answer got;
    e2e_get(&options, nginx_url_as(server, NGINX_TLS, "a.b.wild.test", "/tls"), &got);
    assert_failed(&got, HH_ERR_CERTIFICATE, HH_PHASE_TLS, "a.b.wild.test");
    answer_clear(&got);
    e2e_get(&options, nginx_url_as(server, NGINX_TLS, "wild.test", "/tls"), &got);
    assert_failed(&got, HH_ERR_CERTIFICATE, HH_PHASE_TLS, "certificate of wild.test is for");
    answer_clear(&got);
}

static void test_no_tls_there(void **state)
{
    (void)state;
    char url[64];
    answer got;
    hh_client_options options = e2e_options();
    snprintf(url, sizeof url, "https://localhost:%u/", servers.nginx.ports[NGINX_PLAIN]);
    e2e_get(&options, url, &got);
    assert_failed(&got, HH_ERR_TLS, HH_PHASE_TLS, "speaks no TLS");
    answer_clear(&got);
}

/* --- sessions -------------------------------------------------------------------------------- */

static char reused_mark(hh_client *client, const char *url)
{
    answer got = {.id = 0};
    hh_request *request = whole_request(client, NULL, url);
    assert_int_equal(hh_request_set_header(request, "Connection", "close"), HH_OK);
    whole_submit(client, request, &got);
    hh_request_destroy(request);
    whole_drain(client);
    if (got.error.code != HH_OK)
        fail_msg("%s: %s", url, got.error.message);
    hh_slice body = answer_body(&got);
    assert_true(body.length > 8 && memcmp(body.data, "reused=", 7) == 0);
    char mark = body.data[7];
    answer_clear(&got);
    assert_int_equal(whole_stats(client).connections_open, 0);
    return mark;
}

static void test_resumption(void **state)
{
    (void)state;
    static const nginx_site sites[] = {NGINX_TLS, NGINX_TLS_1_2, NGINX_TLS_1_3};
    for (size_t s = 0; s < 3; s++) {
        const char *url = nginx_url(&servers.nginx, sites[s], "/tls");
        hh_client *client = e2e_client();
        assert_int_equal(reused_mark(client, url), '.');
        for (int i = 0; i < 10; i++)
            assert_int_equal(reused_mark(client, url), 'r');
        hh_client_stats stats = whole_stats(client);
        assert_int_equal(stats.tls_handshakes, 11);
        assert_int_equal(stats.tls_resumptions, 10);
        hh_client_destroy(client);
    }
}

/* Another name for the same server is another origin: its certificate is checked afresh. */
static void test_no_resumption_across_names(void **state)
{
    (void)state;
    hh_client *client = e2e_client();
    assert_int_equal(reused_mark(client, nginx_url(&servers.nginx, NGINX_TLS, "/tls")), '.');
    assert_int_equal(
        reused_mark(client, nginx_url_as(&servers.nginx, NGINX_TLS, "127.0.0.1", "/tls")), '.');
    /* nginx keeps one cache for both ports, so it would agree. */
    assert_int_equal(reused_mark(client, nginx_url(&servers.nginx, NGINX_TLS_1_3, "/tls")), '.');
    assert_int_equal(reused_mark(client, nginx_url(&servers.nginx, NGINX_TLS, "/tls")), 'r');
    hh_client_destroy(client);
}

enum {
    FLIP_VERIFY,
    FLIP_CA_FILE,
    FLIP_CERTIFICATE,
    FLIP_MIN_VERSION,
    FLIP_KEYLOG,
    FLIP_UNIX,
    FLIP_LOCAL,
    FLIPS
};

static char second_ca[160], keylog[160];

static void flip(hh_client_options *options, int field)
{
    switch (field) {
    case FLIP_VERIFY:
        options->tls.verify = HH_OFF;
        break;
    case FLIP_CA_FILE:
        options->tls.ca_file = second_ca;
        break;
    case FLIP_CERTIFICATE:
        options->tls.cert_file = client_crt;
        options->tls.key_file = client_key;
        break;
    case FLIP_MIN_VERSION:
        options->tls.min_version = HH_TLS_1_3;
        break;
    case FLIP_KEYLOG:
        options->tls.keylog = HH_ON;
        break;
    case FLIP_UNIX:
        options->unix_socket = servers.nginx.unix_tls_path;
        break;
    case FLIP_LOCAL:
        options->local_address = "127.0.0.2";
        break;
    }
}

/* Every subset of the fields is a client of its own: its first connection starts from nothing, its
 * second resumes its own session, whatever the others have done. */
static void test_configurations_apart(void **state)
{
    (void)state;
    const char *url = nginx_url(&servers.nginx, NGINX_TLS, "/tls");
    hh_client *clients[1 << FLIPS];
    char command[400];
    snprintf(second_ca, sizeof second_ca, "%s/second.crt", servers.nginx.directory);
    snprintf(keylog, sizeof keylog, "%s/keys-apart", servers.nginx.directory);
    snprintf(command, sizeof command, "cp %s %s", servers.ca_file, second_ca);
    assert_int_equal(system(command), 0);
    setenv("SSLKEYLOGFILE", keylog, 1);
    for (int mask = 0; mask < 1 << FLIPS; mask++) {
        hh_client_options options = e2e_options();
        for (int field = 0; field < FLIPS; field++) {
            if ((mask & 1 << field) != 0)
                flip(&options, field);
        }
        clients[mask] = whole_client(&options);
        if (reused_mark(clients[mask], url) != '.')
            fail_msg("the client of fields %x took a session of another's", (unsigned)mask);
    }
    for (int mask = 0; mask < 1 << FLIPS; mask++) {
        assert_int_equal(reused_mark(clients[mask], url), 'r');
        assert_int_equal(whole_stats(clients[mask]).connections_opened, 2);
        hh_client_destroy(clients[mask]);
    }
    unsetenv("SSLKEYLOGFILE");
}

/* No two configurations or targets lead to the same connections; equal ones do. */
static void append_key(hh_bytes *out, int mask, const char *text, unsigned questions)
{
    hh_settings settings;
    hh_url *url = NULL;
    hh_error error;
    hh_client_options options = e2e_options();
    for (int field = 0; field < FLIPS; field++) {
        if ((mask & 1 << field) != 0)
            flip(&options, field);
    }
    assert_int_equal(hh__settings_init(&settings, &options, &error), HH_OK);
    assert_int_equal(hh_url_parse(hh_slice_of(text), NULL, &url, NULL), HH_OK);
    hh__pool_key_append(out, &settings, url, questions);
    assert_int_equal(out->status, HH_OK);
    hh_url_destroy(url);
    hh__settings_finish(&settings);
}

static void test_keys_apart(void **state)
{
    (void)state;
    static const char *const urls[] = {"https://a.test/", "https://b.test/", "https://a.test:444/",
                                       "https://127.0.0.1/", "https://[::1]/"};
    enum { URLS = 5, KEYS = (1 << FLIPS) * URLS * 2 };
    hh_bytes *keys = calloc(KEYS, sizeof *keys);
    assert_non_null(keys);
    setenv("SSLKEYLOGFILE", "/nonexistent", 1);
    for (int i = 0; i < KEYS; i++) {
        hh_bytes again;
        int mask = i / (URLS * 2);
        const char *url = urls[i / 2 % URLS];
        unsigned questions = i % 2 != 0 ? HH_ASK_RESOLVE : 0;
        hh__bytes_init(&keys[i], 65536);
        append_key(&keys[i], mask, url, questions);
        hh__bytes_init(&again, 65536);
        append_key(&again, mask, url, questions);
        assert_bytes(hh__bytes_slice(&again), hh__bytes_slice(&keys[i]));
        hh__bytes_finish(&again);
        for (int k = 0; k < i; k++) {
            if (keys[k].length == keys[i].length &&
                memcmp(keys[k].data, keys[i].data, keys[i].length) == 0)
                fail_msg("%d and %d have one key: %.*s", k, i,
                         HH_SLICE_ARGS(hh__bytes_slice(&keys[i])));
        }
    }
    unsetenv("SSLKEYLOGFILE");
    for (int i = 0; i < KEYS; i++)
        hh__bytes_finish(&keys[i]);
    free(keys);
}

/* --- the key log ----------------------------------------------------------------------------- */

static void test_key_log(void **state)
{
    (void)state;
    char path[160], text[8192] = "";
    struct stat status;
    answer got;
    snprintf(path, sizeof path, "%s/keys", servers.nginx.directory);
    setenv("SSLKEYLOGFILE", path, 1);
    hh_client_options options = e2e_options();
    for (int off = 0; off < 2; off++) {
        options.tls.keylog = off ? HH_OFF : HH_DEFAULT;
        e2e_get(&options, nginx_url(&servers.nginx, NGINX_TLS, "/f1"), &got);
        assert_file(&got, NGINX_F1);
        answer_clear(&got);
        assert_int_not_equal(stat(path, &status), 0);
    }
    options.tls.keylog = HH_ON;
    for (int i = 0; i < 2; i++) {
        e2e_get(&options, nginx_url(&servers.nginx, NGINX_TLS, "/f1"), &got);
        assert_file(&got, NGINX_F1);
        answer_clear(&got);
    }
    unsetenv("SSLKEYLOGFILE");
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    assert_int_equal(count_of(text, "CLIENT_TRAFFIC_SECRET_0 "), 2);
    assert_int_equal(count_of(text, "SERVER_TRAFFIC_SECRET_0 "), 2);
}

/* --- how bodies end -------------------------------------------------------------------------- */

typedef struct script {
    const char *text;
} script;

static void serve_text(SSL *ssl, void *context)
{
    const script *says = context;
    char data[4096];
    size_t count;
    if (SSL_read_ex(ssl, data, sizeof data, &count) == 1)
        (void)SSL_write_ex(ssl, says->text, strlen(says->text), &count);
}

static const struct ending {
    const char *text;
    tls_server_end end;
    hh_status wanted;
    const char *body;
} endings[] = {
    {"HTTP/1.1 200 OK\r\n\r\nall of it", TLS_SERVER_NOTIFY, HH_OK, "all of it"},
    {"HTTP/1.1 200 OK\r\n\r\nhalf", TLS_SERVER_TRUNCATE, HH_ERR_TRUNCATED, NULL},
    {"HTTP/1.0 200 OK\r\n\r\n", TLS_SERVER_TRUNCATE, HH_ERR_TRUNCATED, NULL},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole", TLS_SERVER_TRUNCATE, HH_OK, "whole"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nwhole", TLS_SERVER_NOTIFY, HH_ERR_TRUNCATED,
     NULL},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n", TLS_SERVER_NOTIFY,
     HH_ERR_TRUNCATED, NULL},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n0\r\n\r\n",
     TLS_SERVER_TRUNCATE, HH_OK, "whole"},
    {"HTTP/1.1 200 OK\r\nConte", TLS_SERVER_NOTIFY, HH_ERR_TRUNCATED, NULL},
    {"", TLS_SERVER_NOTIFY, HH_ERR_EMPTY_RESPONSE, NULL},
    {"", TLS_SERVER_TRUNCATE, HH_ERR_EMPTY_RESPONSE, NULL},
};

static void test_endings(void **state)
{
    (void)state;
    hh_client_options options = e2e_options();
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        script says = {endings[i].text};
        tls_server *server = start_server(
            (tls_server_options){.serve = serve_text, .context = &says, .end = endings[i].end});
        for (int delivery = HH_DELIVER_STREAM; delivery <= HH_DELIVER_WHOLE; delivery++) {
            answer got = {.id = 0};
            hh_client *client = whole_client(&options);
            hh_request *request = whole_request(client, NULL, server_url(server));
            assert_int_equal(hh_request_set_delivery(request, (hh_delivery)delivery), HH_OK);
            whole_submit(client, request, &got);
            hh_request_destroy(request);
            whole_drain(client);
            if (got.error.code != endings[i].wanted)
                fail_msg("ending %zu: %s: %s", i, hh_status_name(got.error.code),
                         got.error.message);
            if (endings[i].wanted == HH_OK)
                assert_answered(&got, 200, endings[i].body);
            else
                assert_true(got.error.phase == HH_PHASE_BODY ||
                            got.error.phase == HH_PHASE_HEADERS);
            answer_clear(&got);
            hh_client_destroy(client);
        }
        tls_server_stop(server);
    }
}

/* --- credit ---------------------------------------------------------------------------------- */

/* Eight MiB through a window of 64 KiB: nothing comes beyond it until events are given back, and
 * everything comes once they are, also what OpenSSL had read ahead. */
static void test_paused_stream(void **state)
{
    (void)state;
    enum { WINDOW = 64 << 10 };
    static const char *const paths[] = {"/f8m", "/gzip/f8m", "/gzip/alike"};
    for (size_t p = 0; p < 3; p++) {
        hh_client_options options = e2e_options();
        options.body_window_bytes = WINDOW;
        hh_client *client = whole_client(&options);
        answer *got = calloc(1, sizeof *got);
        assert_non_null(got);
        got->holds = 1;
        hh_request *request =
            whole_request(client, NULL, nginx_url(&servers.nginx, NGINX_TLS, paths[p]));
        whole_submit(client, request, got);
        hh_request_destroy(request);
        whole_until(client, got, 'B');
        size_t released = 0;
        int64_t until = clock_ms() + 120000;
        while (got->terminals == 0) {
            size_t before = got->length;
            assert_true(clock_ms() < until);
            whole_step(client, got->held_count > 0 ? 0 : 1000);
            if (got->length != before)
                continue;
            assert_true(got->length - released <= WINDOW + (64 << 10));
            released = got->length;
            whole_release(client, got, got->held_count);
        }
        whole_release(client, got, got->held_count);
        assert_file(got, p < 2 ? NGINX_F8M : NGINX_ALIKE);
        assert_int_equal(whole_stats(client).buffers_in_use, 0);
        answer_clear(got);
        free(got);
        assert_at_rest(client);
        hh_client_destroy(client);
    }
}

/* --- threads --------------------------------------------------------------------------------- */

enum { THREADS = 8, GETS = 40 };

typedef struct getter {
    hh_client *client;
    char url[128];
    hh_status status;
    hh_error error;
    size_t wrong;
} getter;

static void *get_many(void *argument)
{
    getter *mine = argument;
    const nginx_file *file = &servers.nginx.files[NGINX_F65537];
    for (int i = 0; i < GETS && mine->status == HH_OK; i++) {
        hh_response *response = NULL;
        mine->status = hh_get(mine->client, mine->url, &response, &mine->error);
        if (mine->status != HH_OK)
            break;
        hh_slice body = hh_response_body(response);
        if (hh_response_status(response) != 200 || body.length != file->length ||
            memcmp(body.data, file->data, body.length) != 0)
            mine->wrong++;
        hh_response_destroy(response);
    }
    return NULL;
}

static void run_threads(nginx_site site, unsigned connections)
{
    hh_client_options options = e2e_options();
    options.max_connections = connections;
    hh_client *client = whole_client(&options);
    pthread_t threads[THREADS];
    getter getters[THREADS] = {{.client = client}};
    for (int i = 0; i < THREADS; i++) {
        getters[i].client = client;
        snprintf(getters[i].url, sizeof getters[i].url, "%s",
                 nginx_url(&servers.nginx, site, i % 2 == 0 ? "/f65537" : "/gzip/f65537"));
        assert_int_equal(pthread_create(&threads[i], NULL, get_many, &getters[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        if (getters[i].status != HH_OK)
            fail_msg("thread %d: %s", i, getters[i].error.message);
        assert_int_equal(getters[i].wrong, 0);
    }
    hh_client_stats stats = whole_stats(client);
    assert_int_equal(stats.exchanges_done, THREADS * GETS);
    assert_int_equal(stats.exchanges_failed, 0);
    assert_true(stats.connections_opened <= (site == NGINX_FEW ? THREADS * GETS : connections));
    assert_at_rest(client);
    hh_client_destroy(client);
}

static void test_threads(void **state)
{
    (void)state;
    run_threads(NGINX_TLS, THREADS);
    run_threads(NGINX_TLS, 3);
    run_threads(NGINX_PLAIN, THREADS);
    run_threads(NGINX_FEW, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trusted_by_file),
        cmocka_unit_test(test_trusted_by_directory),
        cmocka_unit_test(test_trusted_by_memory),
        cmocka_unit_test(test_system_trusts_not),
        cmocka_unit_test(test_trust_missing),
        cmocka_unit_test(test_judgements),
        cmocka_unit_test(test_blocking_judgement),
        cmocka_unit_test(test_verify_off),
        cmocka_unit_test(test_client_certificate),
        cmocka_unit_test(test_client_certificate_demanded),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_no_tls_there),
        cmocka_unit_test(test_resumption),
        cmocka_unit_test(test_no_resumption_across_names),
        cmocka_unit_test(test_configurations_apart),
        cmocka_unit_test(test_keys_apart),
        cmocka_unit_test(test_key_log),
        cmocka_unit_test(test_endings),
        cmocka_unit_test(test_paused_stream),
        cmocka_unit_test(test_threads),
    };
    signal(SIGPIPE, SIG_DFL);
    return cmocka_run_group_tests(tests, setup, e2e_teardown);
}
