/*
 * certificates.c - see certificates.h. One function makes any certificate from a row of a table.
 */
#include "support/certificates.h"

#include <dirent.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GOOD_NAMES                                                                                 \
    "DNS:localhost,DNS:*.wild.test,DNS:xn--bcher-kva.test,IP:127.0.0.1,IP:0:0:0:0:0:0:0:1"

typedef struct identity {
    X509 *certificate;
    EVP_PKEY *key;
} identity;

typedef enum usage { USE_SERVER, USE_CLIENT, USE_CA } usage;

typedef struct recipe {
    const char *file;
    const char *common_name;
    const char *names; /* subjectAltName; NULL: none */
    usage use;
    const char *begins; /* NULL: an hour ago */
    const char *ends;   /* NULL: in a day */
} recipe;

static void must(bool is_so, const char *what)
{
    if (is_so)
        return;
    fprintf(stderr, "certificates: %s failed\n", what);
    abort();
}

static void add_extension(X509 *certificate, X509 *issuer, int kind, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    must(extension != NULL && X509_add_ext(certificate, extension, -1) == 1, value);
    X509_EXTENSION_free(extension);
}

/* A dNSName with a NUL inside, which no text form of an extension can say. */
static void add_nul_name(X509 *certificate)
{
    static const char text[] = "localhost\0.other.example";
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *string = ASN1_IA5STRING_new();
    must(names != NULL && name != NULL && string != NULL, "memory");
    must(ASN1_STRING_set(string, text, sizeof(text) - 1) == 1, "NUL name");
    GENERAL_NAME_set0_value(name, GEN_DNS, string);
    must(sk_GENERAL_NAME_push(names, name) > 0, "NUL name");
    must(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, 0) == 1, "NUL name");
    GENERAL_NAMES_free(names);
}

static void set_times(X509 *certificate, const recipe *wanted)
{
    if (wanted->begins != NULL)
        must(ASN1_TIME_set_string_X509(X509_getm_notBefore(certificate), wanted->begins) == 1,
             "notBefore");
    else
        X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    if (wanted->ends != NULL)
        must(ASN1_TIME_set_string_X509(X509_getm_notAfter(certificate), wanted->ends) == 1,
             "notAfter");
    else
        X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
}

/* Signed by `issuer`, or by itself when that is NULL. */
static identity make(const recipe *wanted, const identity *issuer)
{
    static long serial = 1;
    identity made = {X509_new(), EVP_EC_gen("P-256")};
    must(made.certificate != NULL && made.key != NULL, "key");
    X509 *signer = issuer != NULL ? issuer->certificate : made.certificate;
    X509_set_version(made.certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.certificate), serial++);
    set_times(made.certificate, wanted);
    X509_set_pubkey(made.certificate, made.key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made.certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)wanted->common_name, -1, -1, 0);
    X509_set_issuer_name(made.certificate, X509_get_subject_name(signer));
    add_extension(made.certificate, signer, NID_subject_key_identifier, "hash");
    switch (wanted->use) {
    case USE_CA:
        add_extension(made.certificate, signer, NID_basic_constraints, "critical,CA:TRUE");
        add_extension(made.certificate, signer, NID_key_usage, "critical,keyCertSign,cRLSign");
        break;
    case USE_SERVER:
        add_extension(made.certificate, signer, NID_ext_key_usage, "serverAuth");
        break;
    case USE_CLIENT:
        add_extension(made.certificate, signer, NID_ext_key_usage, "clientAuth");
        break;
    }
    if (wanted->names != NULL && strcmp(wanted->names, "NUL") == 0)
        add_nul_name(made.certificate);
    else if (wanted->names != NULL)
        add_extension(made.certificate, signer, NID_subject_alt_name, wanted->names);
    must(X509_sign(made.certificate, issuer != NULL ? issuer->key : made.key, EVP_sha256()) > 0,
         "signing");
    return made;
}

static void forget(identity *made)
{
    X509_free(made->certificate);
    EVP_PKEY_free(made->key);
}

static FILE *create(const certificates *made, const char *name, const char *ending)
{
    char path[256];
    int length = snprintf(path, sizeof(path), "%s/%s.%s", made->directory, name, ending);
    must(length > 0 && (size_t)length < sizeof(path), "path");
    FILE *file = fopen(path, "w");
    must(file != NULL, path);
    return file;
}

static void write_out(const certificates *made, const char *name, const identity *leaf,
                      const identity *above)
{
    FILE *file = create(made, name, "crt");
    must(PEM_write_X509(file, leaf->certificate) == 1, "writing a certificate");
    if (above != NULL)
        must(PEM_write_X509(file, above->certificate) == 1, "writing a certificate");
    fclose(file);
    file = create(made, name, "key");
    must(PEM_write_PrivateKey(file, leaf->key, NULL, NULL, 0, NULL, NULL) == 1, "writing a key");
    fclose(file);
}

static void write_locked_key(const certificates *made, const identity *owner)
{
    unsigned char password[] = CERTIFICATES_PASSWORD;
    FILE *file = create(made, "locked", "key");
    must(PEM_write_PrivateKey(file, owner->key, EVP_aes_128_cbc(), password,
                              (int)sizeof(password) - 1, NULL, NULL) == 1,
         "writing a locked key");
    fclose(file);
}

static void make_from(const certificates *made, const recipe *wanted, const identity *issuer,
                      const identity *shown)
{
    identity leaf = make(wanted, issuer);
    write_out(made, wanted->file, &leaf, shown);
    if (strcmp(wanted->file, "client") == 0)
        write_locked_key(made, &leaf);
    forget(&leaf);
}

static const recipe ca_recipe = {"ca", "Test CA", NULL, USE_CA, NULL, NULL};
static const recipe other_recipe = {"other-ca", "Other CA", NULL, USE_CA, NULL, NULL};
static const recipe between_recipe = {"between", "Between CA", NULL, USE_CA, NULL, NULL};
static const recipe old_recipe = {"old-ca", "Old CA",          NULL,
                                  USE_CA,   "20200101000000Z", "20240501120000Z"};

static const recipe by_ca[] = {
    {"good", "good", GOOD_NAMES, USE_SERVER, NULL, NULL},
    {"expired", "expired", GOOD_NAMES, USE_SERVER, "20200101000000Z", "20240501120000Z"},
    {"early", "early", GOOD_NAMES, USE_SERVER, "20990101000000Z", "20990601000000Z"},
    {"wrong-name", "localhost", "DNS:other.example", USE_SERVER, NULL, NULL},
    {"many-names", "many", "DNS:a.example,DNS:b.example,DNS:c.example,DNS:d.example,DNS:e.example",
     USE_SERVER, NULL, NULL},
    {"no-ip", "127.0.0.1", "DNS:localhost", USE_SERVER, NULL, NULL},
    {"cn-only", "localhost", NULL, USE_SERVER, NULL, NULL},
    {"partial", "partial", "DNS:local*,DNS:*,DNS:*.*.wild.test,DNS:fo*.part.test", USE_SERVER, NULL,
     NULL},
    {"nul-name", "nul", "NUL", USE_SERVER, NULL, NULL},
    {"client", "client", NULL, USE_CLIENT, NULL, NULL},
};
static const recipe self_recipe = {"self-signed", "self", GOOD_NAMES, USE_SERVER, NULL, NULL};
static const recipe chained_recipe = {"chained", "chained", GOOD_NAMES, USE_SERVER, NULL, NULL};
static const recipe headless_recipe = {"headless", "headless", GOOD_NAMES, USE_SERVER, NULL, NULL};
static const recipe old_issuer_recipe = {"old-issuer", "old", GOOD_NAMES, USE_SERVER, NULL, NULL};
static const recipe alien_recipe = {"alien", "alien", NULL, USE_CLIENT, NULL, NULL};

void certificates_make(certificates *made)
{
    const char *base = getenv("TMPDIR");
    snprintf(made->directory, sizeof(made->directory), "%s/hh-certificates-XXXXXX",
             base != NULL && strlen(base) < 90 ? base : "/tmp");
    must(mkdtemp(made->directory) != NULL, "mkdtemp");
    identity ca = make(&ca_recipe, NULL);
    identity other = make(&other_recipe, NULL);
    identity between = make(&between_recipe, &ca);
    identity old = make(&old_recipe, &ca);
    write_out(made, "ca", &ca, NULL);
    write_out(made, "other-ca", &other, NULL);
    write_out(made, "between", &between, NULL);
    for (size_t i = 0; i < sizeof(by_ca) / sizeof(by_ca[0]); i++)
        make_from(made, &by_ca[i], &ca, NULL);
    make_from(made, &self_recipe, NULL, NULL);
    make_from(made, &chained_recipe, &between, &between);
    make_from(made, &headless_recipe, &between, NULL);
    make_from(made, &old_issuer_recipe, &old, &old);
    make_from(made, &alien_recipe, &other, NULL);
    forget(&ca);
    forget(&other);
    forget(&between);
    forget(&old);
}

void certificates_remove(const certificates *made)
{
    DIR *directory = opendir(made->directory);
    if (directory == NULL)
        return;
    const struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%s", made->directory, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlink(path);
    }
    closedir(directory);
    rmdir(made->directory);
}

const char *certificates_path(const certificates *made, const char *file)
{
    static char paths[4][256];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", made->directory, file);
    return path;
}
