/*
 * test_tls_config.c - keys, shared contexts, files that can't be used, the system's trust, the key
 * log.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/pem.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/limits.h"
#include "base/memory.h"
#include "net/tls_config.h"
#include "tls_fixture.h"

static char ca_path[256];
static char client_path[256];
static char client_key_path[256];
static char locked_path[256];
static char garbage_path[256];
static char missing_path[256];

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int set_up(void **state)
{
    int result = tls_set_up(state);
    snprintf(ca_path, sizeof(ca_path), "%s/ca.crt", made.directory);
    snprintf(client_path, sizeof(client_path), "%s/client.crt", made.directory);
    snprintf(client_key_path, sizeof(client_key_path), "%s/client.key", made.directory);
    snprintf(locked_path, sizeof(locked_path), "%s/locked.key", made.directory);
    snprintf(garbage_path, sizeof(garbage_path), "%s/garbage", made.directory);
    snprintf(missing_path, sizeof(missing_path), "%s/missing", made.directory);
    write_file(garbage_path, "-----BEGIN CERTIFICATE-----\nnot base64 at all\n");
    return result;
}

static hh_tls_config *load_config(const hh_tls_settings *settings)
{
    hh_tls_config *config = make_config(settings);
    hh_error error;
    if (hh__tls_config_load(config, &error) != HH_OK)
        fail_msg("%s", error.message);
    return config;
}

/* --- Keys ------------------------------------------------------------------------------------- */

static bool keys_are_equal(const hh_tls_settings *a, const hh_tls_settings *b)
{
    hh_tls_config *one = make_config(a);
    hh_tls_config *other = make_config(b);
    bool are_equal = hh__slice_equal(hh__tls_config_key(one), hh__tls_config_key(other));
    hh__tls_config_unref(one);
    hh__tls_config_unref(other);
    return are_equal;
}

static void every_field_stands_in_the_key(void **state)
{
    (void)state;
    const hh_tls_settings base = {.ca_file = "/a",
                                  .ca_directory = "/b",
                                  .ca_pem = "g",
                                  .cert_file = "/c",
                                  .key_file = "/d",
                                  .key_password = "e",
                                  .min_version = 12,
                                  .keylog_file = "/f"};
    hh_tls_settings changed[] = {base, base, base, base, base, base, base, base,
                                 base, base, base, base, base, base, base, base};
    changed[0].verify = HH_TLS_VERIFY_NONE;
    changed[1].ca_file = "/aa";
    changed[2].ca_file = NULL;
    changed[3].ca_directory = "/bb";
    changed[4].ca_directory = NULL;
    changed[5].cert_file = "/cc";
    changed[6].key_file = "/dd";
    changed[7].key_file = NULL;
    changed[8].key_password = "ee";
    changed[9].key_password = NULL;
    changed[10].key_password = "";
    changed[11].min_version = 13;
    changed[12].keylog_file = "/ff";
    changed[13].keylog_file = NULL;
    changed[14].ca_pem = "gg";
    changed[15].ca_pem = NULL;
    assert_true(keys_are_equal(&base, &base));
    for (size_t i = 0; i < HH_COUNT_OF(changed); i++) {
        assert_false(keys_are_equal(&base, &changed[i]));
        assert_true(keys_are_equal(&changed[i], &changed[i]));
        for (size_t j = 0; j < i; j++)
            assert_false(keys_are_equal(&changed[j], &changed[i]));
    }
}

static void keys_cant_be_forged_by_odd_paths(void **state)
{
    (void)state;
    const hh_tls_settings apart = {.ca_file = "/a", .ca_directory = "/b"};
    const hh_tls_settings joined = {.ca_file = "/a;ca_directory=2:/b"};
    const hh_tls_settings swapped = {.ca_file = "/b", .ca_directory = "/a"};
    assert_false(keys_are_equal(&apart, &joined));
    assert_false(keys_are_equal(&apart, &swapped));
}

static void the_password_isnt_in_the_key(void **state)
{
    (void)state;
    const hh_tls_settings settings = {.cert_file = "/c", .key_password = "hunter2hunter2"};
    hh_tls_config *config = make_config(&settings);
    hh_slice key = hh__tls_config_key(config);
    assert_null(memmem(key.data, key.length, "hunter2", 7));
    hh__tls_config_unref(config);
}

static void impossible_settings_are_refused(void **state)
{
    (void)state;
    static char long_text[70000];
    memset(long_text, 'x', sizeof(long_text) - 1);
    char *long_pem = malloc((16u << 20) + 2);
    assert_non_null(long_pem);
    memset(long_pem, 'x', (16u << 20) + 1);
    long_pem[(16u << 20) + 1] = '\0';
    const hh_tls_settings wrong[] = {
        {.min_version = 11},
        {.min_version = 14},
        {.min_version = -1},
        {.ca_file = ""},
        {.ca_pem = ""},
        {.ca_pem = long_pem},
        {.key_file = "/k"},
        {.key_password = "p"},
        {.cert_file = "/c", .key_password = long_text},
        {.ca_file = long_text},
        {.verify = (hh_tls_verify)7},
    };
    for (size_t i = 0; i < HH_COUNT_OF(wrong); i++) {
        hh_tls_config *config = NULL;
        hh_error error;
        assert_int_equal(hh__tls_config_create(&wrong[i], &config, &error),
                         HH_ERR_INVALID_ARGUMENT);
        assert_int_equal(error.code, HH_ERR_INVALID_ARGUMENT);
        assert_null(config);
        /* A caller without interest in the reason. */
        assert_int_equal(hh__tls_config_create(&wrong[i], &config, NULL), HH_ERR_INVALID_ARGUMENT);
    }
    free(long_pem);
}

/* --- Files ------------------------------------------------------------------------------------ */

static void expect_failure(const hh_tls_settings *settings, const char *file, const char *why)
{
    hh_error error;
    memset(&error, 0, sizeof(error));
    hh_tls_config *config = make_config(settings); /* reads nothing yet */
    assert_int_equal(hh__tls_config_load(config, &error), HH_ERR_FILE);
    assert_int_equal(error.code, HH_ERR_FILE);
    if (strstr(error.message, file) == NULL || strstr(error.message, why) == NULL)
        fail_msg("'%s' lacks '%s' or '%s'", error.message, file, why);
    assert_null(hh__tls_config_context(config));
    hh__tls_config_unref(config);
}

static void missing_files_are_named(void **state)
{
    (void)state;
    const char *why = "can't be read: No such file";
    expect_failure(&(hh_tls_settings){.ca_file = missing_path}, missing_path, why);
    expect_failure(&(hh_tls_settings){.ca_directory = missing_path}, missing_path, why);
    expect_failure(&(hh_tls_settings){.cert_file = missing_path}, missing_path, why);
    expect_failure(&(hh_tls_settings){.cert_file = client_path, .key_file = missing_path},
                   missing_path, why);
    expect_failure(&(hh_tls_settings){.keylog_file = "/nonexistent/keys"}, "/nonexistent/keys",
                   "can't be written: No such file");
}

static void useless_files_are_named(void **state)
{
    (void)state;
    char empty_path[256];
    snprintf(empty_path, sizeof(empty_path), "%s/empty", made.directory);
    write_file(empty_path, "");
    expect_failure(&(hh_tls_settings){.ca_file = garbage_path}, garbage_path,
                   "holds no certificate");
    expect_failure(&(hh_tls_settings){.ca_file = empty_path}, empty_path, "holds no certificate");
    expect_failure(&(hh_tls_settings){.ca_file = client_key_path}, client_key_path,
                   "holds no certificate");
    expect_failure(&(hh_tls_settings){.ca_file = made.directory}, made.directory, "is a directory");
    expect_failure(&(hh_tls_settings){.ca_directory = ca_path}, ca_path, "is no directory");
    expect_failure(&(hh_tls_settings){.cert_file = garbage_path, .key_file = client_key_path},
                   garbage_path, "holds no certificate");
    expect_failure(&(hh_tls_settings){.cert_file = client_path}, client_path,
                   "holds no private key");
    expect_failure(&(hh_tls_settings){.cert_file = client_path, .key_file = garbage_path},
                   garbage_path, "holds no private key");
    expect_failure(&(hh_tls_settings){.keylog_file = made.directory}, made.directory,
                   "can't be written");
}

static void keys_that_dont_fit_are_named(void **state)
{
    (void)state;
    char other_path[256];
    snprintf(other_path, sizeof(other_path), "%s/good.key", made.directory);
    expect_failure(&(hh_tls_settings){.cert_file = client_path, .key_file = other_path}, other_path,
                   "is not that of");
    /* No prompt: the test would hang on a terminal. */
    expect_failure(&(hh_tls_settings){.cert_file = client_path, .key_file = locked_path},
                   locked_path, "is encrypted; give key_password");
    expect_failure(&(hh_tls_settings){.cert_file = client_path,
                                      .key_file = locked_path,
                                      .key_password = "wrong"},
                   locked_path, "can't be decrypted with the key_password given");
    hh__tls_config_unref(load_config(&(hh_tls_settings){
        .cert_file = client_path, .key_file = locked_path, .key_password = CERTIFICATES_PASSWORD}));
}

static void a_failed_load_may_be_repeated(void **state)
{
    (void)state;
    char late_path[256];
    char text[4096];
    hh_error error;
    snprintf(late_path, sizeof(late_path), "%s/late.crt", made.directory);
    hh_tls_config *config = make_config(&(hh_tls_settings){.ca_file = late_path});
    assert_int_equal(hh__tls_config_load(config, &error), HH_ERR_FILE);
    FILE *file = fopen(ca_path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    write_file(late_path, text);
    assert_int_equal(hh__tls_config_load(config, &error), HH_OK);
    /* From now on the file isn't needed. */
    assert_int_equal(unlink(late_path), 0);
    assert_int_equal(hh__tls_config_load(config, &error), HH_OK);
    hh__tls_config_unref(config);
}

/* --- Shared contexts -------------------------------------------------------------------------- */

static void equal_settings_share_a_context(void **state)
{
    (void)state;
    const hh_tls_settings settings = {.ca_file = ca_path};
    const hh_tls_settings stricter = {.ca_file = ca_path, .min_version = 13};
    hh__tls_contexts_drop();
    assert_int_equal(hh__tls_contexts_kept(), 0);
    hh_tls_config *one = load_config(&settings);
    hh_tls_config *two = load_config(&settings);
    hh_tls_config *other = load_config(&stricter);
    hh_tls_context *context = hh__tls_config_context(one);
    assert_ptr_equal(context, hh__tls_config_context(two));
    assert_ptr_not_equal(context, hh__tls_config_context(other));
    assert_int_equal(hh__tls_contexts_kept(), 2);
    /* Kept when nobody uses it: the next client finds it. */
    hh__tls_config_unref(one);
    hh__tls_config_unref(two);
    hh__tls_config_unref(other);
    assert_int_equal(hh__tls_contexts_kept(), 2);
    one = load_config(&settings);
    assert_ptr_equal(context, hh__tls_config_context(one));
    two = hh__tls_config_ref(one);
    hh__tls_config_unref(one);
    assert_ptr_equal(context, hh__tls_config_context(two));
    hh__tls_config_unref(two);
}

static void a_changed_file_makes_another_context(void **state)
{
    (void)state;
    char path[256], text[4096];
    snprintf(path, sizeof(path), "%s/renewed.crt", made.directory);
    FILE *file = fopen(ca_path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    write_file(path, text);
    const hh_tls_settings settings = {.ca_file = path};
    hh_tls_config *before = load_config(&settings);
    strcat(text, "\n");
    write_file(path, text);
    hh_tls_config *after = load_config(&settings);
    assert_ptr_not_equal(hh__tls_config_context(before), hh__tls_config_context(after));
    assert_true(hh__slice_equal(hh__tls_config_key(before), hh__tls_config_key(after)));
    hh__tls_config_unref(before);
    hh__tls_config_unref(after);
}

/* One directory under many names gives many configurations. */
static hh_tls_config *load_numbered(unsigned number)
{
    char path[512];
    snprintf(path, sizeof(path), "%s", made.directory);
    for (unsigned i = 0; i <= number; i++)
        strcat(path, "/.");
    return load_config(&(hh_tls_settings){.ca_file = ca_path, .ca_directory = path});
}

static void contexts_kept_are_bounded(void **state)
{
    (void)state;
    enum { MORE = HH_TLS_CONTEXTS_MAX + 10 };
    hh_tls_config *configs[MORE];
    hh__tls_contexts_drop();
    for (unsigned i = 0; i < MORE; i++) {
        configs[i] = load_numbered(i);
        assert_int_equal(hh__tls_contexts_kept(),
                         i < HH_TLS_CONTEXTS_MAX ? i + 1 : HH_TLS_CONTEXTS_MAX);
        if (i > 0) { /* the first one stays in use */
            hh_tls_config *first = load_numbered(0);
            assert_ptr_equal(hh__tls_config_context(first), hh__tls_config_context(configs[0]));
            hh__tls_config_unref(first);
        }
    }
    /* The second fell off; it works on for who has it, and a newcomer gets another. */
    hh_tls_config *second = load_numbered(1);
    assert_ptr_not_equal(hh__tls_config_context(second), hh__tls_config_context(configs[1]));
    assert_non_null(hh__tls_context_ssl(hh__tls_config_context(configs[1])));
    hh__tls_config_unref(second);
    for (unsigned i = 0; i < MORE; i++)
        hh__tls_config_unref(configs[i]);
    assert_int_equal(hh__tls_contexts_kept(), HH_TLS_CONTEXTS_MAX);
    hh__tls_contexts_drop();
    assert_int_equal(hh__tls_contexts_kept(), 0);
}

typedef struct loader {
    pthread_t thread;
    hh_tls_config *shared;
    unsigned failures;
} loader;

static void *load_many(void *argument)
{
    loader *mine = argument;
    hh_error error;
    for (int i = 0; i < 50; i++) {
        hh_tls_config *config = NULL;
        const hh_tls_settings settings = {.ca_file = ca_path, .min_version = 12 + i % 2};
        if (hh__tls_config_load(mine->shared, &error) != HH_OK ||
            hh__tls_config_create(&settings, &config, &error) != HH_OK ||
            hh__tls_config_load(config, &error) != HH_OK)
            mine->failures++;
        hh__tls_config_unref(config);
        hh__tls_config_unref(hh__tls_config_ref(mine->shared));
    }
    OPENSSL_thread_stop();
    return NULL;
}

static void threads_may_share_all_of_it(void **state)
{
    (void)state;
    loader loaders[4];
    const hh_tls_settings settings = {.ca_file = ca_path};
    hh__tls_contexts_drop();
    hh_tls_config *shared = make_config(&settings);
    for (size_t i = 0; i < HH_COUNT_OF(loaders); i++) {
        loaders[i] = (loader){.shared = shared};
        assert_int_equal(pthread_create(&loaders[i].thread, NULL, load_many, &loaders[i]), 0);
    }
    for (size_t i = 0; i < HH_COUNT_OF(loaders); i++) {
        pthread_join(loaders[i].thread, NULL);
        assert_int_equal(loaders[i].failures, 0);
    }
    assert_int_equal(hh__tls_contexts_kept(), 2);
    hh__tls_config_unref(shared);
    hh__tls_config_unref(NULL);
}

/* --- Handshakes that need a configuration ----------------------------------------------------- */

static hh_io shake(const hh_tls_settings *settings, hh_error *error)
{
    tls_server *server = start_server("good", (tls_server_options){.max_version = 0});
    tls_client client = {.loop = loop, .server = server};
    const hh_tls_target target = {.server_name = "localhost"};
    hh_tls_config *config = make_config(settings);
    hh_io io = tls_client_open(&client, config, &target);
    *error = client.error;
    tls_client_close(&client, HH_CLOSE_ORDERLY);
    (void)tls_server_stop(server);
    hh__tls_config_unref(config);
    return io;
}

/* A directory as c_rehash makes them; returns its path. */
static const char *make_hashed_directory(void)
{
    static char directory[256];
    char link[300];
    snprintf(directory, sizeof(directory), "%s-hashed", made.directory);
    FILE *file = fopen(ca_path, "r");
    assert_non_null(file);
    X509 *ca = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    assert_non_null(ca);
    snprintf(link, sizeof(link), "%s/%08lx.0", directory, X509_subject_name_hash(ca));
    X509_free(ca);
    assert_int_equal(mkdir(directory, 0700), 0);
    assert_int_equal(symlink(ca_path, link), 0);
    return directory;
}

static void remove_hashed_directory(const char *directory)
{
    const certificates hashed_files = {{0}};
    certificates hashed = hashed_files;
    snprintf(hashed.directory, sizeof(hashed.directory), "%s", directory);
    certificates_remove(&hashed);
}

static void a_ca_directory_is_trusted(void **state)
{
    (void)state;
    hh_error error;
    const char *directory = make_hashed_directory();
    assert_int_equal(shake(&(hh_tls_settings){.ca_directory = directory}, &error), HH_IO_OK);
    /* Without hash links it holds nothing to OpenSSL. */
    assert_int_equal(shake(&(hh_tls_settings){.ca_directory = made.directory}, &error),
                     HH_IO_ERROR);
    assert_int_equal(error.code, HH_ERR_CERTIFICATE);
    remove_hashed_directory(directory);
}

/* The file's text; the caller frees it. */
static char *read_text(const char *path)
{
    char *text = malloc(65536);
    FILE *file = fopen(path, "r");
    assert_non_null(text);
    assert_non_null(file);
    text[fread(text, 1, 65535, file)] = '\0';
    fclose(file);
    return text;
}

static void expect_useless_pem(const char *text, const char *why)
{
    hh_error error;
    hh_tls_config *config = make_config(&(hh_tls_settings){.ca_pem = text});
    assert_int_equal(hh__tls_config_load(config, &error), HH_ERR_INVALID_ARGUMENT);
    assert_int_equal(error.code, HH_ERR_INVALID_ARGUMENT);
    assert_string_equal(error.message, why);
    hh__tls_config_unref(config);
}

static void certificates_in_memory_are_trusted(void **state)
{
    (void)state;
    hh_error error;
    char path[256], both[20000], damaged[20000];
    snprintf(path, sizeof(path), "%s/other-ca.crt", made.directory);
    char *right = read_text(ca_path), *other = read_text(path);
    snprintf(both, sizeof(both), "a remark\n%s\nanother\n%s\n", other, right);
    snprintf(damaged, sizeof(damaged), "%s-----BEGIN CERTIFICATE-----\nMIIB\n", right);
    assert_int_equal(shake(&(hh_tls_settings){.ca_pem = right}, &error), HH_IO_OK);
    assert_int_equal(shake(&(hh_tls_settings){.ca_pem = both}, &error), HH_IO_OK);
    /* Instead of the system's, and beside what the other options name. */
    setenv("SSL_CERT_FILE", ca_path, 1);
    assert_int_equal(shake(&(hh_tls_settings){.ca_pem = other}, &error), HH_IO_ERROR);
    assert_int_equal(error.code, HH_ERR_CERTIFICATE);
    unsetenv("SSL_CERT_FILE");
    assert_int_equal(shake(&(hh_tls_settings){.ca_pem = other, .ca_file = ca_path}, &error),
                     HH_IO_OK);
    expect_useless_pem("nonsense", "ca_pem holds no certificate in PEM form");
    expect_useless_pem(damaged, "ca_pem: certificate number 2 is damaged");
    free(right);
    free(other);
}

static void equal_texts_share_a_context(void **state)
{
    (void)state;
    char *text = read_text(ca_path), *copy = read_text(ca_path);
    hh__tls_contexts_drop();
    hh_tls_config *one = load_config(&(hh_tls_settings){.ca_pem = text});
    hh_tls_config *two = load_config(&(hh_tls_settings){.ca_pem = copy});
    assert_ptr_equal(hh__tls_config_context(one), hh__tls_config_context(two));
    assert_true(hh__tls_config_key(one).length < 200);
    hh__tls_config_unref(one);
    hh__tls_config_unref(two);
    free(text);
    free(copy);
}

static void the_environment_says_what_the_system_trusts(void **state)
{
    (void)state;
    hh_error error;
    const hh_tls_settings settings = {.min_version = 12};
    assert_int_equal(shake(&settings, &error), HH_IO_ERROR);
    assert_int_equal(error.code, HH_ERR_CERTIFICATE);

    setenv("SSL_CERT_FILE", ca_path, 1);
    assert_int_equal(shake(&settings, &error), HH_IO_OK);
    setenv("SSL_CERT_FILE", missing_path, 1);
    expect_failure(&settings, missing_path, "SSL_CERT_FILE");
    setenv("SSL_CERT_FILE", garbage_path, 1);
    expect_failure(&settings, garbage_path, "holds no trusted certificates");
    unsetenv("SSL_CERT_FILE");

    const char *directory = make_hashed_directory();
    char list[600];
    snprintf(list, sizeof(list), "/nonexistent:%s", directory);
    setenv("SSL_CERT_DIR", directory, 1);
    assert_int_equal(shake(&settings, &error), HH_IO_OK);
    setenv("SSL_CERT_DIR", list, 1);
    assert_int_equal(shake(&settings, &error), HH_IO_OK);
    /* A ca_file stands instead of it all. */
    char other[256];
    snprintf(other, sizeof(other), "%s/other-ca.crt", made.directory);
    assert_int_equal(shake(&(hh_tls_settings){.ca_file = other}, &error), HH_IO_ERROR);
    assert_int_equal(error.code, HH_ERR_CERTIFICATE);
    unsetenv("SSL_CERT_DIR");
    remove_hashed_directory(directory);
    /* And back to the system's. */
    assert_int_equal(shake(&settings, &error), HH_IO_ERROR);
}

static void clients_of_the_system_share_its_trust(void **state)
{
    (void)state;
    hh__tls_contexts_drop();
    setenv("SSL_CERT_FILE", ca_path, 1);
    hh_tls_config *one = load_config(&(hh_tls_settings){.min_version = 12});
    hh_tls_config *two = load_config(&(hh_tls_settings){.min_version = 13});
    unsetenv("SSL_CERT_FILE");
    assert_ptr_not_equal(hh__tls_config_context(one), hh__tls_config_context(two));
    assert_ptr_equal(SSL_CTX_get_cert_store(hh__tls_context_ssl(hh__tls_config_context(one))),
                     SSL_CTX_get_cert_store(hh__tls_context_ssl(hh__tls_config_context(two))));
    hh__tls_config_unref(one);
    hh__tls_config_unref(two);
}

static void contexts_are_strict(void **state)
{
    (void)state;
    hh_tls_config *config = load_config(&(hh_tls_settings){.ca_file = ca_path});
    SSL_CTX *ssl = hh__tls_context_ssl(hh__tls_config_context(config));
    uint64_t options = SSL_CTX_get_options(ssl);
    assert_true((options & SSL_OP_NO_COMPRESSION) != 0);
    assert_true((options & SSL_OP_NO_RENEGOTIATION) != 0);
    assert_true((options & SSL_OP_IGNORE_UNEXPECTED_EOF) == 0);
    assert_int_equal(SSL_CTX_get_verify_mode(ssl), SSL_VERIFY_PEER);
    assert_int_equal(SSL_CTX_get_min_proto_version(ssl), TLS1_2_VERSION);
    hh__tls_config_unref(config);
}

/* --- The key log ------------------------------------------------------------------------------ */

static unsigned count_lines(const char *path, const char *beginning, unsigned *others)
{
    char line[1024];
    unsigned count = 0;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    *others = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        assert_true(line[strlen(line) - 1] == '\n');
        if (strncmp(line, beginning, strlen(beginning)) == 0)
            count++;
        else
            (*others)++;
    }
    fclose(file);
    return count;
}

static void secrets_are_logged_by_line(void **state)
{
    (void)state;
    char path[256];
    hh_error error;
    struct stat status;
    unsigned others;
    snprintf(path, sizeof(path), "%s/keys", made.directory);
    const hh_tls_settings settings = {.ca_file = ca_path, .keylog_file = path};
    assert_int_equal(shake(&settings, &error), HH_IO_OK);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(count_lines(path, "CLIENT_TRAFFIC_SECRET_0 ", &others), 1);
    assert_true(others >= 3);
    assert_int_equal(shake(&settings, &error), HH_IO_OK);
    assert_int_equal(count_lines(path, "CLIENT_TRAFFIC_SECRET_0 ", &others), 2);
    /* A log taken away is begun anew by the next client. */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(shake(&settings, &error), HH_IO_OK);
    assert_int_equal(count_lines(path, "CLIENT_TRAFFIC_SECRET_0 ", &others), 1);
    /* Who didn't ask writes none. */
    assert_int_equal(shake(&(hh_tls_settings){.ca_file = ca_path}, &error), HH_IO_OK);
    assert_int_equal(count_lines(path, "CLIENT_TRAFFIC_SECRET_0 ", &others), 1);
}

int main(void)
{
    unsetenv("SSL_CERT_FILE");
    unsetenv("SSL_CERT_DIR");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_stands_in_the_key),
        cmocka_unit_test(keys_cant_be_forged_by_odd_paths),
        cmocka_unit_test(the_password_isnt_in_the_key),
        cmocka_unit_test(impossible_settings_are_refused),
        cmocka_unit_test(missing_files_are_named),
        cmocka_unit_test(useless_files_are_named),
        cmocka_unit_test(keys_that_dont_fit_are_named),
        cmocka_unit_test(a_failed_load_may_be_repeated),
        cmocka_unit_test(equal_settings_share_a_context),
        cmocka_unit_test(a_changed_file_makes_another_context),
        cmocka_unit_test(contexts_kept_are_bounded),
        cmocka_unit_test(threads_may_share_all_of_it),
        cmocka_unit_test(a_ca_directory_is_trusted),
        cmocka_unit_test(certificates_in_memory_are_trusted),
        cmocka_unit_test(equal_texts_share_a_context),
        cmocka_unit_test(the_environment_says_what_the_system_trusts),
        cmocka_unit_test(clients_of_the_system_share_its_trust),
        cmocka_unit_test(contexts_are_strict),
        cmocka_unit_test(secrets_are_logged_by_line),
    };
    return cmocka_run_group_tests(tests, set_up, tls_tear_down);
}
