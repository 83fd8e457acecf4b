/*
 * tls_config.c - TLS settings as one shared, constant value with a key.
 *
 * Leaves to others: reading files and building the SSL_CTX (tls_context.c), at the first stream or
 * at hh__tls_config_load. The key names every setting with its length, so two different settings
 * never read the same; the password and PEM text stand in it only as hashes salted for this
 * process.
 */
#include "net/tls_config.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/bytes.h"
#include "base/failure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/random.h"

/* The text settings, in the key's order. From TEXT_PEM on hashes stand there. */
enum {
    TEXT_CA_FILE,
    TEXT_CA_DIRECTORY,
    TEXT_CERT,
    TEXT_KEY,
    TEXT_KEYLOG,
    TEXT_PEM,
    TEXT_PASSWORD,
    TEXTS
};

static const char *const text_names[TEXTS] = {
    "ca_file", "ca_directory", "cert_file", "key_file", "keylog_file", "ca_pem", "key_password"};

struct hh_tls_config {
    atomic_uint refs;
    hh_tls_settings settings; /* its strings are those of `texts` */
    char *texts[TEXTS];
    hh_bytes key;
    _Atomic(hh_tls_context *) context; /* NULL until loaded; set once */
};

static unsigned char salt[32];
static pthread_once_t salt_once = PTHREAD_ONCE_INIT;

static void make_salt(void)
{
    hh__random_bytes(salt, sizeof(salt));
}

static hh_status append_hash(hh_bytes *key, const char *text)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    pthread_once(&salt_once, make_salt);
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    if (hash == NULL)
        return HH_ERR_NO_MEMORY;
    int done = EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1 &&
               EVP_DigestUpdate(hash, salt, sizeof(salt)) == 1 &&
               EVP_DigestUpdate(hash, text, strlen(text)) == 1 &&
               EVP_DigestFinal_ex(hash, digest, &length) == 1;
    EVP_MD_CTX_free(hash);
    if (!done)
        return HH_ERR_NO_MEMORY;
    for (unsigned i = 0; i < length; i++) {
        hh__bytes_append_char(key, "0123456789abcdef"[digest[i] >> 4]);
        hh__bytes_append_char(key, "0123456789abcdef"[digest[i] & 15]);
    }
    return HH_OK;
}

static hh_status make_key(hh_tls_config *config)
{
    hh_bytes *key = &config->key;
    hh_status status = HH_OK;
    hh__bytes_append_text(key, config->settings.verify == HH_TLS_VERIFY_PEER ? "verify=peer;min="
                                                                             : "verify=none;min=");
    hh__bytes_append_unsigned(key, (uint64_t)config->settings.min_version);
    for (int i = 0; i < TEXTS; i++) {
        if (config->texts[i] == NULL)
            continue;
        hh__bytes_append_char(key, ';');
        hh__bytes_append_text(key, text_names[i]);
        hh__bytes_append_char(key, '=');
        if (i >= TEXT_PEM) {
            status = append_hash(key, config->texts[i]);
            if (status != HH_OK)
                return status;
            continue;
        }
        hh__bytes_append_unsigned(key, strlen(config->texts[i]));
        hh__bytes_append_char(key, ':');
        hh__bytes_append_text(key, config->texts[i]);
    }
    return key->status;
}

static hh_status check_settings(const hh_tls_settings *settings, hh_error *error)
{
    const char *wrong = NULL;
    if (settings->min_version != 0 && settings->min_version != 12 && settings->min_version != 13)
        wrong = "the lowest TLS version can be 1.2 or 1.3 only";
    else if (settings->verify != HH_TLS_VERIFY_PEER && settings->verify != HH_TLS_VERIFY_NONE)
        wrong = "verify is neither on nor off";
    else if (settings->key_file != NULL && settings->cert_file == NULL)
        wrong = "key_file is given without its cert_file";
    else if (settings->key_password != NULL && settings->cert_file == NULL)
        wrong = "key_password is given without a cert_file";
    else if (settings->key_password != NULL &&
             strlen(settings->key_password) > HH_TLS_PASSWORD_MAX_BYTES)
        wrong = "key_password is too long";
    else if (settings->ca_pem != NULL && strlen(settings->ca_pem) > HH_TLS_PEM_MAX_BYTES)
        wrong = "ca_pem is longer than 16 MiB";
    if (wrong != NULL)
        return hh__fail(error, HH_ERR_INVALID_ARGUMENT, HH_PHASE_NONE, "%s", wrong);
    return HH_OK;
}

static hh_status copy_texts(hh_tls_config *config, const hh_tls_settings *settings, hh_error *error)
{
    const char *const given[TEXTS] = {
        settings->ca_file,     settings->ca_directory, settings->cert_file,   settings->key_file,
        settings->keylog_file, settings->ca_pem,       settings->key_password};
    for (int i = 0; i < TEXTS; i++) {
        if (given[i] == NULL)
            continue;
        if (given[i][0] == '\0' && i != TEXT_PASSWORD)
            return hh__fail(error, HH_ERR_INVALID_ARGUMENT, HH_PHASE_NONE, "%s is empty",
                            text_names[i]);
        config->texts[i] = hh__copy_text(given[i], strlen(given[i]));
        if (config->texts[i] == NULL)
            return hh__fail(error, HH_ERR_NO_MEMORY, HH_PHASE_NONE, "no memory for TLS options");
    }
    config->settings.verify = settings->verify;
    config->settings.min_version = settings->min_version != 0 ? settings->min_version : 12;
    config->settings.ca_file = config->texts[TEXT_CA_FILE];
    config->settings.ca_directory = config->texts[TEXT_CA_DIRECTORY];
    config->settings.ca_pem = config->texts[TEXT_PEM];
    config->settings.cert_file = config->texts[TEXT_CERT];
    config->settings.key_file = config->texts[TEXT_KEY];
    config->settings.keylog_file = config->texts[TEXT_KEYLOG];
    config->settings.key_password = config->texts[TEXT_PASSWORD];
    return HH_OK;
}

hh_status hh__tls_config_create(const hh_tls_settings *settings, hh_tls_config **out,
                                hh_error *error)
{
    hh_status status = check_settings(settings, error);
    if (status != HH_OK)
        return status;
    hh_tls_config *config = hh__calloc(1, sizeof(*config));
    if (config == NULL)
        return hh__fail(error, HH_ERR_NO_MEMORY, HH_PHASE_NONE, "no memory for TLS options");
    atomic_init(&config->refs, 1);
    atomic_init(&config->context, NULL);
    hh__bytes_init(&config->key, HH_TLS_KEY_MAX_BYTES);
    status = copy_texts(config, settings, error);
    if (status != HH_OK)
        goto failed;
    status = make_key(config);
    if (status != HH_OK) {
        if (status == HH_ERR_LIMIT)
            status = HH_ERR_INVALID_ARGUMENT;
        (void)hh__fail(error, status, HH_PHASE_NONE,
                       status == HH_ERR_NO_MEMORY ? "no memory for TLS options"
                                                  : "the TLS options' paths are too long");
        goto failed;
    }
    *out = config;
    return HH_OK;
failed:
    hh__tls_config_unref(config);
    return status;
}

hh_tls_config *hh__tls_config_ref(hh_tls_config *config)
{
    if (config != NULL)
        atomic_fetch_add_explicit(&config->refs, 1, memory_order_relaxed);
    return config;
}

void hh__tls_config_unref(hh_tls_config *config)
{
    if (config == NULL || atomic_fetch_sub_explicit(&config->refs, 1, memory_order_acq_rel) != 1)
        return;
    hh__tls_context_unref(atomic_load(&config->context));
    if (config->texts[TEXT_PASSWORD] != NULL)
        OPENSSL_cleanse(config->texts[TEXT_PASSWORD], strlen(config->texts[TEXT_PASSWORD]));
    for (int i = 0; i < TEXTS; i++)
        hh__free(config->texts[i]);
    hh__bytes_finish(&config->key);
    hh__free(config);
}

hh_slice hh__tls_config_key(const hh_tls_config *config)
{
    return hh__bytes_slice(&config->key);
}

hh_status hh__tls_config_load(hh_tls_config *config, hh_error *error)
{
    if (atomic_load_explicit(&config->context, memory_order_acquire) != NULL)
        return HH_OK;
    hh_tls_context *context;
    hh_status status =
        hh__tls_context_obtain(&config->settings, hh__tls_config_key(config), &context, error);
    if (status != HH_OK)
        return status;
    hh_tls_context *other = NULL;
    if (!atomic_compare_exchange_strong(&config->context, &other, context))
        hh__tls_context_unref(context); /* another thread was first */
    return HH_OK;
}

hh_tls_context *hh__tls_config_context(const hh_tls_config *config)
{
    return atomic_load_explicit(&config->context, memory_order_acquire);
}

bool hh__tls_config_is_verifying(const hh_tls_config *config)
{
    return config->settings.verify == HH_TLS_VERIFY_PEER;
}
