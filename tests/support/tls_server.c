/*
 * tls_server.c - see tls_server.h. One thread accepts, one more for each connection.
 */
#include "support/tls_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 4096

typedef struct connection {
    tls_server *server;
    pthread_t thread;
    int fd; /* -1: closed */
} connection;

struct tls_server {
    tls_server_options options;
    SSL_CTX *context;
    int listener;
    uint16_t port;
    pthread_t acceptor;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t ended;
    bool is_stopping;
    size_t count;
    connection *connections[CONNECTIONS_MAX];
    tls_server_stats stats;
};

static void must(bool is_so, const char *what)
{
    if (is_so)
        return;
    fprintf(stderr, "tls_server: %s failed: %s\n", what, strerror(errno));
    ERR_print_errors_fp(stderr);
    abort();
}

static void begin_thread(const tls_server *server)
{
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, NULL);
    if (server->options.on_thread != NULL)
        server->options.on_thread();
}

static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *length,
                       const unsigned char *offered, unsigned offered_length, void *context)
{
    const tls_server *server = context;
    unsigned char *chosen = NULL;
    (void)ssl;
    if (SSL_select_next_proto(&chosen, length, server->options.alpn,
                              (unsigned)server->options.alpn_length, offered,
                              offered_length) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int on_name(SSL *ssl, int *alert, void *context)
{
    tls_server *server = context;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    pthread_mutex_lock(&server->mutex);
    snprintf(server->stats.last_name, sizeof(server->stats.last_name), "%s",
             name != NULL ? name : "");
    pthread_mutex_unlock(&server->mutex);
    if (name == NULL || server->options.refused_name == NULL ||
        strcmp(name, server->options.refused_name) != 0)
        return SSL_TLSEXT_ERR_OK;
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int version_of(int number)
{
    return number == 0 ? 0 : TLS1_VERSION + number - 10;
}

static SSL_CTX *make_context(tls_server *server)
{
    static const unsigned char id[] = "tls_server";
    const tls_server_options *options = &server->options;
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    must(context != NULL, "SSL_CTX_new");
    must(SSL_CTX_use_certificate_chain_file(context, options->certificate_file) == 1,
         options->certificate_file);
    must(SSL_CTX_use_PrivateKey_file(context, options->key_file, SSL_FILETYPE_PEM) == 1,
         options->key_file);
    must(SSL_CTX_set_min_proto_version(context, version_of(options->min_version)) == 1, "min");
    must(SSL_CTX_set_max_proto_version(context, version_of(options->max_version)) == 1, "max");
    if (options->max_version != 0 && options->max_version < 12)
        must(SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0") == 1, "ciphers");
    SSL_CTX_set_session_id_context(context, id, sizeof(id) - 1);
    SSL_CTX_set_tlsext_servername_callback(context, on_name);
    SSL_CTX_set_tlsext_servername_arg(context, server);
    if (options->tickets != 0)
        SSL_CTX_set_num_tickets(context, options->tickets > 0 ? (size_t)options->tickets : 0);
    if (options->alpn != NULL)
        SSL_CTX_set_alpn_select_cb(context, choose_alpn, server);
    if (options->client_ca_file != NULL) {
        must(SSL_CTX_load_verify_file(context, options->client_ca_file) == 1, "client CA");
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    return context;
}

static void note_handshake(tls_server *server, SSL *ssl)
{
    const unsigned char *alpn = NULL;
    unsigned alpn_length = 0;
    SSL_get0_alpn_selected(ssl, &alpn, &alpn_length);
    X509 *client = SSL_get0_peer_certificate(ssl);
    pthread_mutex_lock(&server->mutex);
    tls_server_stats *stats = &server->stats;
    stats->handshakes++;
    stats->resumed += SSL_session_reused(ssl) ? 1 : 0;
    stats->last_version = SSL_version(ssl);
    snprintf(stats->last_alpn, sizeof(stats->last_alpn), "%.*s", (int)alpn_length,
             alpn != NULL ? (const char *)alpn : "");
    stats->last_client[0] = '\0';
    if (client != NULL)
        X509_NAME_get_text_by_NID(X509_get_subject_name(client), NID_commonName, stats->last_client,
                                  sizeof(stats->last_client));
    pthread_mutex_unlock(&server->mutex);
}

static void echo(tls_server *server, SSL *ssl)
{
    static _Thread_local char data[16384];
    size_t count;
    while (SSL_read_ex(ssl, data, sizeof(data), &count) == 1) {
        size_t written;
        if (SSL_write_ex(ssl, data, count, &written) != 1)
            return;
    }
    if (SSL_get_error(ssl, 0) == SSL_ERROR_ZERO_RETURN) {
        pthread_mutex_lock(&server->mutex);
        server->stats.notified++;
        pthread_mutex_unlock(&server->mutex);
    }
}

static void speak_tls(tls_server *server, int fd)
{
    SSL *ssl = SSL_new(server->context);
    must(ssl != NULL && SSL_set_fd(ssl, fd) == 1, "SSL_new");
    ERR_clear_error();
    if (SSL_accept(ssl) == 1) {
        note_handshake(server, ssl);
        if (server->options.serve != NULL)
            server->options.serve(ssl, server->options.context);
        else
            echo(server, ssl);
        if (server->options.end == TLS_SERVER_NOTIFY)
            (void)SSL_shutdown(ssl);
    }
    ERR_clear_error();
    SSL_free(ssl);
}

static void speak_plainly(const char *answer, int fd)
{
    char data[4096];
    (void)send(fd, answer, strlen(answer), MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    /* Unread bytes at close would reset the connection and the answer with it. */
    while (recv(fd, data, sizeof(data), 0) > 0) {
    }
}

static void *run_connection(void *argument)
{
    connection *mine = argument;
    tls_server *server = mine->server;
    begin_thread(server);
    if (server->options.plain_answer != NULL)
        speak_plainly(server->options.plain_answer, mine->fd);
    else
        speak_tls(server, mine->fd);
    pthread_mutex_lock(&server->mutex);
    if (server->options.end == TLS_SERVER_RESET) {
        const struct linger now = {.l_onoff = 1, .l_linger = 0};
        setsockopt(mine->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }
    close(mine->fd);
    mine->fd = -1;
    pthread_cond_broadcast(&server->ended);
    pthread_mutex_unlock(&server->mutex);
    OPENSSL_thread_stop();
    return NULL;
}

static void set_buffers(const tls_server_options *options, int fd)
{
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (options->send_buffer_bytes > 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &options->send_buffer_bytes, sizeof(int));
    if (options->receive_buffer_bytes > 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &options->receive_buffer_bytes, sizeof(int));
}

void tls_server_attach(tls_server *server, int fd)
{
    connection *mine = calloc(1, sizeof(*mine));
    must(mine != NULL, "memory");
    set_buffers(&server->options, fd);
    mine->server = server;
    mine->fd = fd;
    pthread_mutex_lock(&server->mutex);
    if (server->is_stopping || server->count == CONNECTIONS_MAX) {
        close(fd);
        free(mine);
    } else {
        server->connections[server->count++] = mine;
        server->stats.connections++;
        must(pthread_create(&mine->thread, NULL, run_connection, mine) == 0, "pthread_create");
    }
    pthread_mutex_unlock(&server->mutex);
}

static void *run_acceptor(void *argument)
{
    tls_server *server = argument;
    begin_thread(server);
    for (;;) {
        int fd = accept(server->listener, NULL, NULL);
        if (fd >= 0)
            tls_server_attach(server, fd);
        else if (errno != EINTR && errno != ECONNABORTED)
            break;
    }
    OPENSSL_thread_stop();
    return NULL;
}

tls_server *tls_server_start(const tls_server_options *options)
{
    tls_server *server = calloc(1, sizeof(*server));
    must(server != NULL, "memory");
    server->options = *options;
    pthread_mutex_init(&server->mutex, NULL);
    pthread_cond_init(&server->ended, NULL);
    if (options->plain_answer == NULL)
        server->context = make_context(server);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(server->listener >= 0, "socket");
    set_buffers(options, server->listener);
    must(bind(server->listener, (struct sockaddr *)&address, length) == 0, "bind");
    must(listen(server->listener, 128) == 0, "listen");
    must(getsockname(server->listener, (struct sockaddr *)&address, &length) == 0, "getsockname");
    server->port = ntohs(address.sin_port);
    must(pthread_create(&server->acceptor, NULL, run_acceptor, server) == 0, "pthread_create");
    return server;
}

void tls_server_join(tls_server *server)
{
    pthread_mutex_lock(&server->mutex);
    for (size_t i = 0; i < server->count; i++)
        while (server->connections[i]->fd >= 0)
            pthread_cond_wait(&server->ended, &server->mutex);
    pthread_mutex_unlock(&server->mutex);
}

tls_server_stats tls_server_stop(tls_server *server)
{
    pthread_mutex_lock(&server->mutex);
    server->is_stopping = true;
    shutdown(server->listener, SHUT_RDWR);
    for (size_t i = 0; i < server->count; i++)
        if (server->connections[i]->fd >= 0)
            shutdown(server->connections[i]->fd, SHUT_RDWR);
    pthread_mutex_unlock(&server->mutex);
    pthread_join(server->acceptor, NULL);
    for (size_t i = 0; i < server->count; i++) {
        pthread_join(server->connections[i]->thread, NULL);
        free(server->connections[i]);
    }
    tls_server_stats stats = server->stats;
    close(server->listener);
    SSL_CTX_free(server->context);
    pthread_mutex_destroy(&server->mutex);
    pthread_cond_destroy(&server->ended);
    free(server);
    return stats;
}

uint16_t tls_server_port(const tls_server *server)
{
    return server->port;
}

tls_server_stats tls_server_look(tls_server *server)
{
    pthread_mutex_lock(&server->mutex);
    tls_server_stats stats = server->stats;
    pthread_mutex_unlock(&server->mutex);
    return stats;
}
