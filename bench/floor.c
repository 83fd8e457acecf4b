/*
 * floor.c - the floor: what the kernel's send, receive and epoll_wait cost, and nothing else.
 *
 *     bench_floor PORT PATH CONNECTIONS REQUESTS
 *
 * Fixed bytes go out, memmem finds the end of the head, the body's length is learnt from the first
 * answer. No client can be cheaper; this one is no client.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

#define EVENTS 256

static char request[4096];
static size_t request_length;
static size_t answer_length;

typedef struct connection {
    int fd;
    size_t received;
    int64_t started_ns;
} connection;

static void send_request(connection *c)
{
    c->received = 0;
    c->started_ns = bench_now_ns();
    if (send(c->fd, request, request_length, MSG_NOSIGNAL) != (ssize_t)request_length)
        bench_die("send", strerror(errno));
}

static void open_connection(connection *c, uint16_t port, int epoll_fd)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0)
        bench_die("connect", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event);
}

/* How long an answer is, from its first read. */
static size_t measure(const char *data, size_t length)
{
    const char *end = memmem(data, length, "\r\n\r\n", 4);
    const char *field = memmem(data, length, "Content-Length: ", 16);
    if (end == NULL || field == NULL)
        bench_die("answer", "no head with a length in the first read");
    return (size_t)(end - data) + 4 + strtoul(field + 16, NULL, 10);
}

/* True when an answer is complete. */
static int receive(connection *c)
{
    static char data[65536];
    ssize_t count = recv(c->fd, data, sizeof data, MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN)
        return 0;
    if (count <= 0)
        bench_die("recv", count == 0 ? "closed" : strerror(errno));
    if (c->received == 0 && memmem(data, (size_t)count, "\r\n\r\n", 4) == NULL)
        bench_die("answer", "a head in pieces");
    if (answer_length == 0)
        answer_length = measure(data, (size_t)count);
    c->received += (size_t)count;
    return c->received >= answer_length;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        bench_die("usage", "bench_floor PORT PATH CONNECTIONS REQUESTS");
    uint16_t port = (uint16_t)bench_number(argv[1], "PORT");
    long connections = bench_number(argv[3], "CONNECTIONS");
    long total = bench_number(argv[4], "REQUESTS");
    request_length = (size_t)snprintf(
        request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n", argv[2], port);
    int epoll_fd = epoll_create1(0);
    connection *all = calloc((size_t)connections, sizeof *all);
    if (all == NULL || epoll_fd < 0)
        bench_die("start", "no memory or no epoll");
    for (long i = 0; i < connections; i++)
        open_connection(&all[i], port, epoll_fd);

    bench_run run;
    bench_begin(&run, (size_t)total);
    long sent = 0;
    for (; sent < connections && sent < total; sent++)
        send_request(&all[sent]);
    while (run.count < (size_t)total) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(epoll_fd, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            connection *c = events[i].data.ptr;
            if (!receive(c))
                continue;
            bench_note(&run, c->started_ns);
            if (sent < total) {
                sent++;
                send_request(c);
            }
        }
    }
    run.connections = (uint64_t)connections;
    bench_end(&run);
    free(all);
    return 0;
}
