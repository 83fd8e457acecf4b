/*
 * tls_context.c - builds SSL_CTX objects from settings and keeps the last used of them.
 *
 * An SSL_CTX costs a quarter of a millisecond and tens of kilobytes, with trust anchors far more,
 * so equal settings share one across all clients of the process. What is kept is found by identity:
 * the configuration's key plus the state (inode, size, time) of each file, so a renewed certificate
 * is seen by the next client. The list is ordered by last use and never longer than
 * HH_TLS_CONTEXTS_MAX; a context that falls off lives on while configurations hold it. One mutex
 * guards the list and is held while building: two threads that need the same one build it once. It
 * is taken around fork, so that a child finds it free.
 *
 * A context is constant once built. Everything about one peer is set on its SSL (tls_handshake.c).
 */
#include "net/tls_context.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/bytes.h"
#include "base/failure.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/memory.h"
#include "net/tls_handshake.h"
#include "net/tls_trust.h"

struct hh_tls_context {
    hh_link link; /* in kept_contexts, or none */
    atomic_uint refs;
    SSL_CTX *ssl;
    int keylog_fd; /* -1: none */
    hh_bytes identity;
};

static pthread_mutex_t contexts_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;
static hh_list kept_contexts = {{&kept_contexts.head, &kept_contexts.head}};
static size_t kept_count;

static void lock_contexts(void)
{
    pthread_mutex_lock(&contexts_mutex);
}

static void unlock_contexts(void)
{
    pthread_mutex_unlock(&contexts_mutex);
}

static void guard_fork(void)
{
    /* Without memory for the handlers, only a fork amid building is at risk. */
    (void)pthread_atfork(lock_contexts, unlock_contexts, unlock_contexts);
}

void hh__tls_context_unref(hh_tls_context *context)
{
    if (context == NULL || atomic_fetch_sub_explicit(&context->refs, 1, memory_order_acq_rel) != 1)
        return;
    SSL_CTX_free(context->ssl);
    if (context->keylog_fd >= 0)
        close(context->keylog_fd);
    hh__bytes_finish(&context->identity);
    hh__free(context);
}

SSL_CTX *hh__tls_context_ssl(const hh_tls_context *context)
{
    return context->ssl;
}

hh_slice hh__tls_context_identity(const hh_tls_context *context)
{
    return hh__bytes_slice(&context->identity);
}

/* --- Files ------------------------------------------------------------------------------------ */

typedef enum file_kind { FILE_PLAIN, FILE_DIRECTORY } file_kind;

/* Checks that `path` can be used and appends what tells its present content from another. */
static hh_status identify_file(const char *option, const char *path, file_kind kind,
                               hh_bytes *identity, hh_error *error)
{
    struct stat status;
    if (path == NULL)
        return HH_OK;
    if (stat(path, &status) != 0 || faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) != 0)
        return hh__fail_os(error, HH_ERR_FILE, HH_PHASE_NONE, errno, "%s %s can't be read", option,
                           path);
    if (kind == FILE_PLAIN && S_ISDIR(status.st_mode))
        return hh__fail(error, HH_ERR_FILE, HH_PHASE_NONE, "%s %s is a directory", option, path);
    if (kind == FILE_DIRECTORY && !S_ISDIR(status.st_mode))
        return hh__fail(error, HH_ERR_FILE, HH_PHASE_NONE, "%s %s is no directory", option, path);
    const uint64_t marks[] = {(uint64_t)status.st_dev, (uint64_t)status.st_ino,
                              (uint64_t)status.st_size, (uint64_t)status.st_mtim.tv_sec,
                              (uint64_t)status.st_mtim.tv_nsec};
    for (size_t i = 0; i < HH_COUNT_OF(marks); i++) {
        hh__bytes_append_unsigned(identity, marks[i]);
        hh__bytes_append_char(identity, i + 1 < HH_COUNT_OF(marks) ? '.' : '\n');
    }
    return HH_OK;
}

static hh_status open_keylog(hh_tls_context *context, const char *path, hh_error *error)
{
    context->keylog_fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    struct stat status;
    if (context->keylog_fd < 0 || fstat(context->keylog_fd, &status) != 0)
        return hh__fail_os(error, HH_ERR_FILE, HH_PHASE_NONE, errno,
                           "keylog file %s can't be written", path);
    /* Not its time and size: they change with each line. */
    hh__bytes_append_unsigned(&context->identity, (uint64_t)status.st_dev);
    hh__bytes_append_char(&context->identity, '.');
    hh__bytes_append_unsigned(&context->identity, (uint64_t)status.st_ino);
    hh__bytes_append_char(&context->identity, '\n');
    return HH_OK;
}

/* Fills context->identity; opens the key log, whose file may be created by that. */
static hh_status identify(hh_tls_context *context, const hh_tls_settings *settings, hh_slice key,
                          hh_error *error)
{
    hh_bytes *identity = &context->identity;
    hh__bytes_append_slice(identity, key);
    hh__bytes_append_char(identity, '\n');
    hh_status status = identify_file("ca_file", settings->ca_file, FILE_PLAIN, identity, error);
    if (status == HH_OK)
        status =
            identify_file("ca_directory", settings->ca_directory, FILE_DIRECTORY, identity, error);
    if (status == HH_OK)
        status = identify_file("cert_file", settings->cert_file, FILE_PLAIN, identity, error);
    if (status == HH_OK)
        status = identify_file("key_file", settings->key_file, FILE_PLAIN, identity, error);
    if (status == HH_OK && settings->keylog_file != NULL)
        status = open_keylog(context, settings->keylog_file, error);
    return status;
}

/* --- Building --------------------------------------------------------------------------------- */

static void write_keylog(const SSL *ssl, const char *line)
{
    const hh_tls_context *context = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    if (context->keylog_fd < 0)
        return;
    char newline[] = "\n";
    struct iovec pieces[2];
    memcpy(&pieces[0].iov_base, &line, sizeof(line));
    pieces[0].iov_len = strlen(line);
    pieces[1].iov_base = newline;
    pieces[1].iov_len = 1;
    /* One call for each line: O_APPEND keeps the lines of several processes whole. A full disk
     * must not end the connection. */
    ssize_t written = writev(context->keylog_fd, pieces, 2);
    (void)written;
}

/* What OpenSSL asks of whoever knows the key's password. */
typedef struct password {
    const char *text; /* NULL: none was given */
    bool was_asked;
} password;

static int give_password(char *buffer, int capacity, int for_writing, void *context)
{
    password *given = context;
    (void)for_writing;
    given->was_asked = true;
    /* Never OpenSSL's own prompt on the terminal. */
    if (given->text == NULL)
        return -1;
    size_t length = strlen(given->text);
    if (length > (size_t)capacity)
        return -1;
    memcpy(buffer, given->text, length);
    return (int)length;
}

static hh_status load_key(SSL_CTX *ssl, const hh_tls_settings *settings, hh_error *error)
{
    bool is_apart = settings->key_file != NULL;
    const char *option = is_apart ? "key_file" : "cert_file";
    const char *path = is_apart ? settings->key_file : settings->cert_file;
    password given = {settings->key_password, false};
    SSL_CTX_set_default_passwd_cb(ssl, give_password);
    SSL_CTX_set_default_passwd_cb_userdata(ssl, &given);
    int loaded = SSL_CTX_use_PrivateKey_file(ssl, path, SSL_FILETYPE_PEM);
    unsigned long packed = ERR_peek_error();
    SSL_CTX_set_default_passwd_cb_userdata(ssl, NULL);
    SSL_CTX_set_default_passwd_cb(ssl, NULL);
    if (loaded == 1)
        return HH_OK;
    if (ERR_GET_REASON(packed) == X509_R_KEY_VALUES_MISMATCH ||
        ERR_GET_REASON(packed) == X509_R_KEY_TYPE_MISMATCH)
        return hh__fail(error, HH_ERR_FILE, HH_PHASE_NONE, "the key in %s %s is not that of %s",
                        option, path, settings->cert_file);
    if (given.was_asked)
        return hh__fail(error, HH_ERR_FILE, HH_PHASE_NONE,
                        given.text == NULL
                            ? "the key in %s %s is encrypted; give key_password"
                            : "the key in %s %s can't be decrypted with the key_password given",
                        option, path);
    return hh__fail(error, HH_ERR_FILE, HH_PHASE_NONE, "%s %s holds no private key in PEM form",
                    option, path);
}

static hh_status load_identity(SSL_CTX *ssl, const hh_tls_settings *settings, hh_error *error)
{
    if (settings->cert_file == NULL)
        return HH_OK;
    if (SSL_CTX_use_certificate_chain_file(ssl, settings->cert_file) != 1)
        return hh__fail(error, HH_ERR_FILE, HH_PHASE_NONE,
                        "cert_file %s holds no certificate in PEM form", settings->cert_file);
    hh_status status = load_key(ssl, settings, error);
    if (status == HH_OK && SSL_CTX_check_private_key(ssl) != 1)
        return hh__fail(error, HH_ERR_FILE, HH_PHASE_NONE, "the key of %s is not that of %s",
                        settings->key_file != NULL ? settings->key_file : settings->cert_file,
                        settings->cert_file);
    return status;
}

/* Every certificate of the text; what stands between them is skipped, as in a file. */
static hh_status load_pem(X509_STORE *store, const char *text, hh_error *error)
{
    size_t count = 0;
    BIO *bio = BIO_new_mem_buf(text, (int)strlen(text)); /* HH_TLS_PEM_MAX_BYTES at most */
    if (bio == NULL)
        return hh__fail(error, HH_ERR_NO_MEMORY, HH_PHASE_NONE,
                        "no memory for trusted certificates");
    hh_status status = HH_OK;
    for (X509 *one; status == HH_OK && (one = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL)) != NULL;
         count++) {
        if (X509_STORE_add_cert(store, one) != 1)
            status = hh__fail(error, HH_ERR_NO_MEMORY, HH_PHASE_NONE,
                              "no memory for trusted certificates");
        X509_free(one);
    }
    BIO_free(bio);
    bool is_at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    if (status == HH_OK && (count == 0 || !is_at_end))
        status = hh__fail(error, HH_ERR_INVALID_ARGUMENT, HH_PHASE_NONE,
                          count == 0 ? "ca_pem holds no certificate in PEM form"
                                     : "ca_pem: certificate number %zu is damaged",
                          count + 1);
    return status;
}

static hh_status load_given_trust(SSL_CTX *ssl, const hh_tls_settings *settings, hh_error *error)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ssl);
    if (settings->ca_file != NULL && X509_STORE_load_file(store, settings->ca_file) != 1)
        return hh__fail(error, HH_ERR_FILE, HH_PHASE_NONE,
                        "ca_file %s holds no certificate in PEM form", settings->ca_file);
    if (settings->ca_directory != NULL && X509_STORE_load_path(store, settings->ca_directory) != 1)
        return hh__fail(error, HH_ERR_FILE, HH_PHASE_NONE, "ca_directory %s can't be used",
                        settings->ca_directory);
    if (settings->ca_pem != NULL) {
        hh_status status = load_pem(store, settings->ca_pem, error);
        if (status != HH_OK)
            return status;
    }
    /* What the caller names is trusted as it stands, an intermediate or a leaf too. */
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ssl), X509_V_FLAG_PARTIAL_CHAIN);
    return HH_OK;
}

static hh_status set_behaviour(SSL_CTX *ssl, const hh_tls_settings *settings)
{
    int version = settings->min_version == 13 ? TLS1_3_VERSION : TLS1_2_VERSION;
    if (SSL_CTX_set_min_proto_version(ssl, version) != 1)
        return HH_ERR_TLS;
    /* RFC 9325 §3.3, §3.4; renegotiation has no use in HTTP (RFC 9113 §9.2.1). */
    SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_clear_options(ssl, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    /* Header and payload of a record in one read. */
    SSL_CTX_set_read_ahead(ssl, 1);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ssl, hh__tls_stream_on_session);
    SSL_CTX_set_verify(ssl,
                       settings->verify == HH_TLS_VERIFY_PEER ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                       hh__tls_stream_on_verify);
    if (settings->keylog_file != NULL)
        SSL_CTX_set_keylog_callback(ssl, write_keylog);
    return HH_OK;
}

static hh_status build(hh_tls_context *context, const hh_tls_settings *settings,
                       const hh_tls_trust *trust, hh_error *error)
{
    ERR_clear_error();
    context->ssl = SSL_CTX_new(TLS_client_method());
    if (context->ssl == NULL)
        return hh__fail(error, HH_ERR_NO_MEMORY, HH_PHASE_NONE, "no memory for a TLS context");
    SSL_CTX_set_app_data(context->ssl, context);
    hh_status status = set_behaviour(context->ssl, settings);
    if (status != HH_OK)
        return hh__fail(error, status, HH_PHASE_NONE, "this OpenSSL refuses TLS 1.%d",
                        settings->min_version - 10);
    if (trust != NULL) {
        X509_STORE *store = NULL;
        status = hh__tls_trust_load(trust, &store, error);
        if (status != HH_OK)
            return status;
        SSL_CTX_set_cert_store(context->ssl, store);
    } else if (settings->verify == HH_TLS_VERIFY_PEER) {
        status = load_given_trust(context->ssl, settings, error);
    }
    if (status == HH_OK)
        status = load_identity(context->ssl, settings, error);
    return status;
}

/* --- The list --------------------------------------------------------------------------------- */

static hh_tls_context *find_kept(hh_slice identity)
{
    for (hh_link *link = hh__list_first(&kept_contexts); link != NULL;
         link = hh__list_next(&kept_contexts, link)) {
        hh_tls_context *context = HH_CONTAINER_OF(link, hh_tls_context, link);
        if (hh__slice_equal(hh__bytes_slice(&context->identity), identity))
            return context;
    }
    return NULL;
}

static void forget_last(void)
{
    hh_link *link = hh__list_last(&kept_contexts);
    hh__list_remove(link);
    kept_count--;
    hh__tls_context_unref(HH_CONTAINER_OF(link, hh_tls_context, link));
}

/* Under the lock: `fresh` is identified and becomes the result, or one just like it does. */
static hh_status find_or_build(hh_tls_context *fresh, const hh_tls_settings *settings,
                               hh_tls_context **out, hh_error *error)
{
    hh_tls_trust system_trust;
    const hh_tls_trust *trust = NULL;
    if (settings->verify == HH_TLS_VERIFY_PEER && settings->ca_file == NULL &&
        settings->ca_directory == NULL && settings->ca_pem == NULL) {
        hh_status status = hh__tls_trust_find(&system_trust, error);
        if (status != HH_OK)
            return status;
        trust = &system_trust;
        hh__tls_trust_identify(trust, &fresh->identity);
    }
    if (fresh->identity.status != HH_OK)
        return hh__fail(error, fresh->identity.status, HH_PHASE_NONE,
                        "the TLS options' paths are too long, or there is no memory for them");

    hh_tls_context *context = find_kept(hh__bytes_slice(&fresh->identity));
    if (context == NULL) {
        hh_status status = build(fresh, settings, trust, error);
        ERR_clear_error();
        if (status != HH_OK)
            return status;
        if (kept_count == HH_TLS_CONTEXTS_MAX)
            forget_last();
        context = fresh;
        kept_count++; /* the list's own share, taken below */
        atomic_fetch_add_explicit(&context->refs, 1, memory_order_relaxed);
    } else {
        hh__list_remove(&context->link);
    }
    hh__list_push_front(&kept_contexts, &context->link);
    atomic_fetch_add_explicit(&context->refs, 1, memory_order_relaxed);
    *out = context;
    return HH_OK;
}

hh_status hh__tls_context_obtain(const hh_tls_settings *settings, hh_slice key,
                                 hh_tls_context **out, hh_error *error)
{
    hh_tls_context *fresh = hh__calloc(1, sizeof(*fresh));
    if (fresh == NULL)
        return hh__fail(error, HH_ERR_NO_MEMORY, HH_PHASE_NONE, "no memory for a TLS context");
    atomic_init(&fresh->refs, 1);
    fresh->keylog_fd = -1;
    hh__bytes_init(&fresh->identity, HH_TLS_KEY_MAX_BYTES);
    hh_status status = identify(fresh, settings, key, error);
    if (status == HH_OK) {
        pthread_once(&fork_once, guard_fork);
        lock_contexts();
        status = find_or_build(fresh, settings, out, error);
        unlock_contexts();
    }
    hh__tls_context_unref(fresh);
    return status;
}

size_t hh__tls_contexts_kept(void)
{
    lock_contexts();
    size_t count = kept_count;
    unlock_contexts();
    return count;
}

void hh__tls_contexts_drop(void)
{
    lock_contexts();
    while (kept_count > 0)
        forget_last();
    unlock_contexts();
}
