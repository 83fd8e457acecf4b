/*
 * relay.c - a path with delay: passes bytes on to a server, each so many milliseconds after it
 * came.
 *
 *     bench_relay TARGET_PORT DELAY_MS
 *
 * Prints the port it listens on, on 127.0.0.1. Either direction has the delay, so a round trip
 * takes two; only bytes are delayed, not the opening of a connection. Nothing is lost, and the rate
 * isn't bounded but by the HELD_MAX bytes that one direction may have under way. For kernels
 * without netem; it shares the server's core.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "common.h"

enum { PIECE_BYTES = 65536, HELD_MAX = 256 << 20, ROUTES_MAX = 64 };

/* What was received at once. */
typedef struct piece {
    struct piece *next;
    int64_t due_ns;
    size_t length; /* 0: the end */
    size_t sent;
    char data[];
} piece;

typedef struct direction {
    int from, to;
    piece *first;
    piece **last;
    size_t held;
    int has_ended; /* nothing more will come */
    int is_over;   /* and all was passed on */
} direction;

typedef struct route {
    direction ways[2];
} route;

typedef struct relay {
    int listener;
    uint16_t target;
    int64_t delay_ns;
    route *routes[ROUTES_MAX];
    size_t count;
} relay;

static struct sockaddr_in local(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void listen_somewhere(relay *r)
{
    struct sockaddr_in address = local(0);
    socklen_t length = sizeof address;
    r->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (r->listener < 0 ||
        bind(r->listener, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(r->listener, ROUTES_MAX) != 0 ||
        getsockname(r->listener, (struct sockaddr *)&address, &length) != 0)
        bench_die("listen", strerror(errno));
    printf("%u\n", ntohs(address.sin_port));
    fflush(stdout);
}

static void open_route(relay *r)
{
    int on = 1;
    struct sockaddr_in address = local(r->target);
    int near = accept(r->listener, NULL, NULL);
    int far = socket(AF_INET, SOCK_STREAM, 0);
    route *made = calloc(1, sizeof *made);
    if (near < 0 || far < 0 || made == NULL || r->count == ROUTES_MAX ||
        connect(far, (const struct sockaddr *)&address, sizeof address) != 0)
        bench_die("connect", strerror(errno));
    setsockopt(near, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(far, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    made->ways[0] = (direction){.from = near, .to = far};
    made->ways[1] = (direction){.from = far, .to = near};
    for (int i = 0; i < 2; i++)
        made->ways[i].last = &made->ways[i].first;
    r->routes[r->count++] = made;
}

static void take(direction *d, int64_t delay_ns)
{
    piece *got = malloc(sizeof *got + PIECE_BYTES);
    if (got == NULL)
        bench_die("receive", "out of memory");
    ssize_t count = recv(d->from, got->data, PIECE_BYTES, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        free(got);
        return;
    }
    size_t length = count > 0 ? (size_t)count : 0; /* a reset passes on as an end */
    piece *cut = realloc(got, sizeof *got + length);
    got = cut != NULL ? cut : got;
    *got = (piece){.due_ns = bench_now_ns() + delay_ns, .length = length};
    *d->last = got;
    d->last = &got->next;
    d->held += length;
    d->has_ended = length == 0;
}

static void pass_on(direction *d, int64_t now_ns)
{
    while (d->first != NULL && d->first->due_ns <= now_ns) {
        piece *head = d->first;
        if (head->length == 0) {
            shutdown(d->to, SHUT_WR);
            d->is_over = 1;
        } else {
            ssize_t sent = send(d->to, head->data + head->sent, head->length - head->sent,
                                MSG_DONTWAIT | MSG_NOSIGNAL);
            if (sent < 0 && errno == EAGAIN)
                return;
            if (sent < 0)
                sent = (ssize_t)(head->length - head->sent); /* nobody is there to have it */
            head->sent += (size_t)sent;
            if (head->sent < head->length)
                return;
        }
        d->held -= head->length;
        d->first = head->next;
        if (d->first == NULL)
            d->last = &d->first;
        free(head);
    }
}

static void close_route(relay *r, size_t index)
{
    close(r->routes[index]->ways[0].from);
    close(r->routes[index]->ways[0].to);
    free(r->routes[index]);
    r->routes[index] = r->routes[--r->count];
}

/* How long until a piece is due: at most `wait_ns`. What is due and doesn't fit waits for room. */
static int64_t until_due(const direction *d, int64_t now_ns, int64_t wait_ns)
{
    if (d->first == NULL || d->first->due_ns <= now_ns)
        return wait_ns;
    int64_t left_ns = d->first->due_ns - now_ns;
    return left_ns < wait_ns ? left_ns : wait_ns;
}

static short watch(const direction *reading, const direction *writing, int64_t now_ns)
{
    short events = 0;
    if (!reading->has_ended && reading->held < HELD_MAX)
        events |= POLLIN;
    if (writing->first != NULL && writing->first->due_ns <= now_ns)
        events |= POLLOUT;
    return events;
}

static void wait_for_more(relay *r)
{
    struct pollfd watched[1 + 2 * ROUTES_MAX];
    int64_t now_ns = bench_now_ns(), wait_ns = 1000000000;
    watched[0] = (struct pollfd){.fd = r->listener, .events = POLLIN};
    for (size_t i = 0; i < r->count; i++) {
        direction *ways = r->routes[i]->ways;
        for (int k = 0; k < 2; k++) {
            short events = watch(&ways[k], &ways[1 - k], now_ns);
            watched[1 + 2 * i + (size_t)k] =
                (struct pollfd){.fd = events != 0 ? ways[k].from : -1, .events = events};
            wait_ns = until_due(&ways[k], now_ns, wait_ns);
        }
    }
    size_t count = r->count;
    struct timespec timeout = {wait_ns / 1000000000, wait_ns % 1000000000};
    if (ppoll(watched, 1 + 2 * count, &timeout, NULL) < 0)
        bench_die("poll", strerror(errno));
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < 2; k++)
            if ((watched[1 + 2 * i + k].revents & (POLLIN | POLLHUP | POLLERR)) != 0 &&
                !r->routes[i]->ways[k].has_ended)
                take(&r->routes[i]->ways[k], r->delay_ns);
    if ((watched[0].revents & POLLIN) != 0)
        open_route(r);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        bench_die("usage", "bench_relay TARGET_PORT DELAY_MS");
    relay r = {.target = (uint16_t)bench_number(argv[1], "TARGET_PORT"),
               .delay_ns = bench_number(argv[2], "DELAY_MS") * 1000000};
    listen_somewhere(&r);
    for (;;) {
        wait_for_more(&r);
        int64_t now_ns = bench_now_ns();
        for (size_t i = r.count; i-- > 0;) {
            direction *ways = r.routes[i]->ways;
            pass_on(&ways[0], now_ns);
            pass_on(&ways[1], now_ns);
            if (ways[0].is_over && ways[1].is_over)
                close_route(&r, i);
        }
    }
}
