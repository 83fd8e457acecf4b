/*
 * tls_server.h - a TLS server within the test: OpenSSL on threads of its own, blocking.
 *
 * It listens on a free loopback port and also takes descriptors directly (one end of a socketpair).
 * What is said after the handshake is up to `serve`, run on the connection's thread. The threads
 * block SIGPIPE for themselves, so that a SIGPIPE of the code under test still kills the test. A
 * failure to start aborts.
 */
#ifndef TESTS_SUPPORT_TLS_SERVER_H
#define TESTS_SUPPORT_TLS_SERVER_H

#include <openssl/ssl.h>
#include <stdint.h>

typedef struct tls_server tls_server;

typedef enum tls_server_end {
    TLS_SERVER_NOTIFY = 0, /* close_notify, then close */
    TLS_SERVER_TRUNCATE,   /* close without close_notify */
    TLS_SERVER_RESET       /* TCP reset; on a socketpair as TRUNCATE */
} tls_server_end;

typedef struct tls_server_options {
    const char *certificate_file; /* PEM chain */
    const char *key_file;
    const char *client_ca_file; /* not NULL: asks for a client certificate and insists */
    int min_version;            /* 10 to 13; 0: OpenSSL's own bounds */
    int max_version;
    const unsigned char *alpn; /* wire format, by preference; an alert when none is offered */
    size_t alpn_length;
    int tickets;              /* of each TLS 1.3 handshake; 0: two, -1: none */
    const char *refused_name; /* SNI answered with the alert unrecognized_name */
    const char *plain_answer; /* not NULL: said at once, in the clear, instead of TLS */
    tls_server_end end;       /* what follows serve */
    int send_buffer_bytes;    /* 0: the system's */
    int receive_buffer_bytes;
    /* NULL: echoes until the client's end. Blocking SSL calls; returns to end the connection. */
    void (*serve)(SSL *ssl, void *context);
    void *context;
    void (*on_thread)(void); /* called first on each thread, for alloc_fail_exempt_thread */
} tls_server_options;

/* What has happened so far. */
typedef struct tls_server_stats {
    unsigned connections;
    unsigned handshakes; /* finished */
    unsigned resumed;    /* of these */
    unsigned notified;   /* connections the client ended with close_notify, seen by the echo */
    int last_version;    /* TLS1_3_VERSION */
    char last_name[256]; /* SNI; empty: none came */
    char last_alpn[32];
    char last_client[64]; /* CN of the client's certificate */
} tls_server_stats;

/* The options' strings must outlive the server. */
tls_server *tls_server_start(const tls_server_options *options);
/* Waits until all connections made so far have ended by themselves. */
void tls_server_join(tls_server *server);
/* Cuts what is open, waits for the threads, and returns all that has happened. */
tls_server_stats tls_server_stop(tls_server *server);
uint16_t tls_server_port(const tls_server *server);
/* Serves a connected, blocking socket, which it takes over. */
void tls_server_attach(tls_server *server, int fd);
tls_server_stats tls_server_look(tls_server *server);

#endif
