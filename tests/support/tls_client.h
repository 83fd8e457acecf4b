/*
 * tls_client.h - the TLS stream under test, driven to the end of each call, against a tls_server.
 *
 * Waiting is done in the loop until on_ready comes; ten seconds without it abort the test.
 */
#ifndef TESTS_SUPPORT_TLS_CLIENT_H
#define TESTS_SUPPORT_TLS_CLIENT_H

#include "net/tls.h"
#include "support/narrow_stream.h"
#include "support/tls_server.h"

typedef enum tls_client_path {
    TLS_CLIENT_PAIR = 0, /* a socketpair */
    TLS_CLIENT_TCP
} tls_client_path;

typedef struct tls_client {
    hh_loop *loop;
    tls_server *server;
    tls_client_path path;
    int buffer_bytes; /* of the socketpair's ends; 0: the system's */
    hh_stream *stream;
    narrow_stream *narrow; /* below it */
    unsigned ready;        /* reported and not yet taken */
    unsigned reports;      /* of any kind so far */
    hh_error error;        /* of the last failure */
} tls_client;

/* A plain connection to the server as narrow_stream; `stream` is NULL. */
void tls_client_connect(tls_client *client);
/* The TLS stream over it, no byte sent. */
hh_status tls_client_begin(tls_client *client, hh_tls_config *config, const hh_tls_target *target);
/* Drives the handshake; HH_IO_OK or HH_IO_ERROR, `error` then filled for peer "the-peer". */
hh_io tls_client_shake(tls_client *client);
/* All three; HH_IO_ERROR also when the stream can't be made. */
hh_io tls_client_open(tls_client *client, hh_tls_config *config, const hh_tls_target *target);
/* One run of the loop, waiting for work at most ten seconds. */
void tls_client_run(tls_client *client);
/* Until any of `ready` was reported; takes the reports. */
void tls_client_await(tls_client *client, unsigned ready);
/* Never HH_IO_WAIT. */
hh_io tls_client_read(tls_client *client, char *data, size_t capacity, size_t *count);
/* Exactly so many bytes; HH_IO_OK, or what came instead. */
hh_io tls_client_read_all(tls_client *client, char *data, size_t count);
hh_io tls_client_write_all(tls_client *client, const char *data, size_t count);
/* Fills client->error. */
void tls_client_describe(tls_client *client, hh_phase phase);
/* Harmless when not open. */
void tls_client_close(tls_client *client, hh_close how);

#endif
