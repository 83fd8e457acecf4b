/*
 * tls_trust.c - finds and loads the system's trust anchors.
 *
 * A hashed directory comes first: opening it costs microseconds and a CA is read when a chain asks
 * for it, where parsing the bundle costs tens of milliseconds. One store is shared by all contexts
 * with the system's trust, so neither is done twice in a process. What a single configuration adds
 * (host, flags) lives in the SSL object's own parameters, never in the store.
 */
#include "net/tls_trust.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/ascii.h"
#include "base/failure.h"
#include "base/limits.h"
#include "base/memory.h"

/* The store kept, and what it was made from. */
static X509_STORE *kept_store;
static hh_bytes kept_identity;

/* Bundles of the usual systems, behind OpenSSL's own. */
static const char *const usual_bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
};

/* "5d3033c5.0", the form OpenSSL's directory lookup opens. */
static bool is_hash_link(const char *name)
{
    for (int i = 0; i < 8; i++)
        if (hh__hex_value(name[i]) < 0)
            return false;
    return name[8] == '.' && hh__is_digit(name[9]);
}

static bool directory_has_link(const char *path)
{
    DIR *directory = opendir(path);
    if (directory == NULL)
        return false;
    const struct dirent *entry;
    bool found = false;
    while (!found && (entry = readdir(directory)) != NULL)
        found = is_hash_link(entry->d_name);
    closedir(directory);
    return found;
}

/* `list` is one path or several with colons between, as X509_LOOKUP_add_dir takes them. */
static bool list_has_link(const char *list)
{
    const char *rest = list;
    while (*rest != '\0') {
        size_t length = strcspn(rest, ":");
        char *path = hh__copy_text(rest, length);
        if (path == NULL)
            return false;
        bool found = length > 0 && directory_has_link(path);
        hh__free(path);
        if (found)
            return true;
        rest += length + (rest[length] == ':' ? 1 : 0);
    }
    return false;
}

static bool is_readable_file(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && !S_ISDIR(status.st_mode);
}

static const char *find_bundle(void)
{
    const char *built_in = X509_get_default_cert_file();
    if (is_readable_file(built_in))
        return built_in;
    for (size_t i = 0; i < HH_COUNT_OF(usual_bundles); i++)
        if (is_readable_file(usual_bundles[i]))
            return usual_bundles[i];
    return NULL;
}

static const char *environment_path(const char *name)
{
    const char *value = secure_getenv(name);
    return value != NULL && *value != '\0' ? value : NULL;
}

hh_status hh__tls_trust_find(hh_tls_trust *out, hh_error *error)
{
    hh_tls_trust trust = {NULL, NULL};
    const char *directory = environment_path(X509_get_default_cert_dir_env());
    if (directory == NULL)
        directory = X509_get_default_cert_dir();
    if (list_has_link(directory))
        trust.directory = directory;

    trust.file = environment_path(X509_get_default_cert_file_env());
    if (trust.file != NULL && !is_readable_file(trust.file))
        return hh__fail_os(error, HH_ERR_FILE, HH_PHASE_NONE, errno,
                           "the file %s, which %s names, can't be read", trust.file,
                           X509_get_default_cert_file_env());
    if (trust.file == NULL && trust.directory == NULL)
        trust.file = find_bundle();
    if (trust.file == NULL && trust.directory == NULL)
        return hh__fail(error, HH_ERR_FILE, HH_PHASE_NONE,
                        "this system has no trusted certificates in %s or %s; give a ca_file",
                        directory, X509_get_default_cert_file());
    *out = trust;
    return HH_OK;
}

void hh__tls_trust_identify(const hh_tls_trust *trust, hh_bytes *identity)
{
    if (trust->directory != NULL) {
        hh__bytes_append_text(identity, "system-directory=");
        hh__bytes_append_text(identity, trust->directory);
        hh__bytes_append_char(identity, '\n');
    }
    struct stat status;
    if (trust->file == NULL || stat(trust->file, &status) != 0)
        return;
    hh__bytes_append_text(identity, "system-file=");
    hh__bytes_append_text(identity, trust->file);
    hh__bytes_append_char(identity, '\n');
    hh__bytes_append_unsigned(identity, (uint64_t)status.st_ino);
    hh__bytes_append_char(identity, '.');
    hh__bytes_append_unsigned(identity, (uint64_t)status.st_size);
    hh__bytes_append_char(identity, '.');
    hh__bytes_append_unsigned(identity, (uint64_t)status.st_mtim.tv_sec);
    hh__bytes_append_char(identity, '\n');
}

static hh_status make_store(const hh_tls_trust *trust, X509_STORE **out, hh_error *error)
{
    X509_STORE *store = X509_STORE_new();
    if (store == NULL)
        return hh__fail(error, HH_ERR_NO_MEMORY, HH_PHASE_NONE,
                        "no memory for trusted certificates");
    if (trust->directory != NULL && X509_STORE_load_path(store, trust->directory) != 1) {
        X509_STORE_free(store);
        return hh__fail(error, HH_ERR_FILE, HH_PHASE_NONE,
                        "the directory %s of trusted certificates can't be used", trust->directory);
    }
    if (trust->file != NULL && X509_STORE_load_file(store, trust->file) != 1) {
        X509_STORE_free(store);
        return hh__fail(error, HH_ERR_FILE, HH_PHASE_NONE,
                        "%s holds no trusted certificates in PEM form", trust->file);
    }
    *out = store;
    return HH_OK;
}

hh_status hh__tls_trust_load(const hh_tls_trust *trust, X509_STORE **out, hh_error *error)
{
    hh_bytes identity;
    hh__bytes_init(&identity, HH_TLS_KEY_MAX_BYTES);
    hh__tls_trust_identify(trust, &identity);
    hh_status status = identity.status;
    if (status != HH_OK) {
        (void)hh__fail(error, status, HH_PHASE_NONE, "no memory for trusted certificates");
        goto done;
    }
    if (kept_store == NULL ||
        !hh__slice_equal(hh__bytes_slice(&identity), hh__bytes_slice(&kept_identity))) {
        X509_STORE *store = NULL;
        ERR_clear_error();
        status = make_store(trust, &store, error);
        ERR_clear_error();
        if (status != HH_OK)
            goto done;
        X509_STORE_free(kept_store);
        hh__bytes_finish(&kept_identity);
        kept_store = store;
        kept_identity = identity;
        hh__bytes_init(&identity, HH_TLS_KEY_MAX_BYTES);
    }
    X509_STORE_up_ref(kept_store);
    *out = kept_store;
done:
    hh__bytes_finish(&identity);
    return status;
}
