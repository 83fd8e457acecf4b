/*
 * certificates.h - a CA and certificates of every kind a client must judge, made at test start.
 *
 * Made with OpenSSL's API in milliseconds (ECDSA P-256), so no file in the tree can expire. PEM
 * files in a directory of the test's own: NAME.crt (leaf alone) and NAME.key for each name below,
 * ca.crt, other-ca.crt (trusts nothing of these), and locked.key: client.key encrypted under
 * CERTIFICATES_PASSWORD. Any failure aborts: a test without certificates says nothing.
 */
#ifndef TESTS_SUPPORT_CERTIFICATES_H
#define TESTS_SUPPORT_CERTIFICATES_H

#define CERTIFICATES_PASSWORD "open sesame"

/* good         DNS:localhost, DNS:*.wild.test, DNS:xn--bcher-kva.test, IP:127.0.0.1, IP:::1
 * expired      as good, ended on 2024-05-01
 * early        as good, begins on 2099-01-01
 * wrong-name   DNS:other.example
 * many-names   DNS:a.example to e.example
 * no-ip        DNS:localhost; its CN is 127.0.0.1
 * cn-only      CN=localhost, no subjectAltName
 * partial      DNS:local*, DNS:*, DNS:*.*.wild.test, DNS:fo*.part.test
 * nul-name     DNS:"localhost\0.other.example"
 * self-signed  as good, signed by itself
 * chained      as good, signed by the intermediate CA; the file holds both
 * headless     as chained, the intermediate left out
 * old-issuer   as good, signed by an intermediate that expired on 2024-05-01; the file holds both
 * client       for TLS clients, CN=client
 * alien        for TLS clients, signed by other-ca */
typedef struct certificates {
    char directory[128];
} certificates;

/* Makes a fresh directory below TMPDIR and fills it. */
void certificates_make(certificates *made);
/* Removes it with all files in it. */
void certificates_remove(const certificates *made);
/* The path of a file in it. Four buffers of static memory take turns; one thread. */
const char *certificates_path(const certificates *made, const char *file);

#endif
