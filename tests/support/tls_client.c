/*
 * tls_client.c - see tls_client.h.
 */
#include "support/tls_client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/socket_stream.h"

static void must(bool is_so, const char *what)
{
    if (is_so)
        return;
    fprintf(stderr, "tls_client: %s failed\n", what);
    abort();
}

static void on_ready(hh_stream *stream, unsigned ready)
{
    tls_client *client = stream->owner;
    client->ready |= ready;
    client->reports++;
}

static int connect_pair(tls_client *client)
{
    int ends[2];
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
    for (int i = 0; i < 2 && client->buffer_bytes > 0; i++)
        setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &client->buffer_bytes, sizeof(int));
    tls_server_attach(client->server, ends[1]);
    return ends[0];
}

static int connect_tcp(tls_client *client)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons(tls_server_port(client->server))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "connect");
    return fd;
}

void tls_client_connect(tls_client *client)
{
    int fd = client->path == TLS_CLIENT_PAIR ? connect_pair(client) : connect_tcp(client);
    hh_stream *socket = NULL;
    must(fcntl(fd, F_SETFL, O_NONBLOCK) == 0, "O_NONBLOCK");
    must(hh__socket_stream_create(client->loop, fd,
                                  client->path == TLS_CLIENT_PAIR ? HH_SOCKET_UNIX : HH_SOCKET_TCP,
                                  NULL, &socket) == HH_OK,
         "socket stream");
    client->narrow = narrow_stream_create(socket);
    client->narrow->stream.short_read_is_last = true; /* as the socket's own */
    client->stream = NULL;
    client->ready = 0;
    client->reports = 0;
}

hh_status tls_client_begin(tls_client *client, hh_tls_config *config, const hh_tls_target *target)
{
    hh_status status = hh__tls_stream_create(&client->narrow->stream, config, target,
                                             &client->stream, &client->error);
    if (status != HH_OK)
        return status;
    client->stream->owner = client;
    client->stream->on_ready = on_ready;
    return HH_OK;
}

void tls_client_run(tls_client *client)
{
    hh_status status;
    do {
        status = hh__loop_wait(client->loop, 10000);
    } while (status == HH_INTERRUPTED);
    must(status == HH_OK, "waiting");
    must(hh__loop_run(client->loop) == HH_OK, "running");
}

void tls_client_await(tls_client *client, unsigned ready)
{
    for (int i = 0; (client->ready & ready) == 0; i++) {
        must(i < 10000, "getting ready");
        tls_client_run(client);
    }
    client->ready = 0;
}

hh_io tls_client_shake(tls_client *client)
{
    hh_io io;
    while ((io = hh__tls_handshake(client->stream)) == HH_IO_WAIT)
        tls_client_await(client, HH_READY_READ | HH_READY_WRITE);
    if (io != HH_IO_OK)
        tls_client_describe(client, HH_PHASE_TLS);
    return io;
}

hh_io tls_client_open(tls_client *client, hh_tls_config *config, const hh_tls_target *target)
{
    tls_client_connect(client);
    if (tls_client_begin(client, config, target) != HH_OK)
        return HH_IO_ERROR;
    return tls_client_shake(client);
}

hh_io tls_client_read(tls_client *client, char *data, size_t capacity, size_t *count)
{
    hh_io io;
    while ((io = hh__stream_read(client->stream, data, capacity, count)) == HH_IO_WAIT)
        tls_client_await(client, HH_READY_READ);
    return io;
}

hh_io tls_client_read_all(tls_client *client, char *data, size_t count)
{
    size_t got = 0;
    hh_io io = HH_IO_OK;
    while (got < count && io == HH_IO_OK) {
        size_t piece = 0;
        io = tls_client_read(client, data + got, count - got, &piece);
        got += piece;
    }
    return io;
}

hh_io tls_client_write_all(tls_client *client, const char *data, size_t count)
{
    size_t sent = 0;
    while (sent < count) {
        const char *from = data + sent;
        struct iovec piece;
        memcpy(&piece.iov_base, &from, sizeof(from));
        piece.iov_len = count - sent;
        size_t written = 0;
        hh_io io = hh__stream_write(client->stream, &piece, 1, &written);
        if (io == HH_IO_WAIT)
            tls_client_await(client, HH_READY_WRITE);
        else if (io != HH_IO_OK)
            return io;
        sent += written;
    }
    return HH_IO_OK;
}

void tls_client_describe(tls_client *client, hh_phase phase)
{
    hh__stream_describe(client->stream, phase, "the-peer", &client->error);
}

void tls_client_close(tls_client *client, hh_close how)
{
    if (client->stream != NULL)
        hh__stream_close(client->stream, how);
    else if (client->narrow != NULL)
        hh__stream_close(&client->narrow->stream, how);
    client->stream = NULL;
    client->narrow = NULL;
}
