/*
 * peer.c - see peer.h. One thread accepts, one thread plays each connection; all socket calls
 * block, with a pipe beside them that peer_stop closes.
 */
#include "support/peer_lane.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 4096
#define STREAMS 100

typedef struct connection {
    peer *owner;
    int fd;
    const peer_step *script;
    pthread_t thread;
    char *received;
    size_t length;
    size_t capacity;
    size_t consumed; /* by the steps so far */
    bool is_closed;  /* by the client */
    peer_action at;
    bool is_over; /* the script */
    bool was_reset;
} connection;

/* A connection on which HTTP/2 may be spoken; what is, it says itself. */
typedef struct front {
    peer *owner;
    int fd;
    pthread_t thread;
} front;

struct peer {
    int listener;
    int stop_pipe[2];
    uint16_t port;
    char url[256];
    char host[64];
    const peer_step *const *scripts;
    size_t script_count;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    connection *connections[CONNECTIONS_MAX];
    size_t connection_count;
    front *fronts[CONNECTIONS_MAX];
    size_t front_count;
    uint32_t streams; /* at once on an HTTP/2 connection */
    peer_leaving leaving;
    size_t request_count;
    size_t signals_given;
    size_t signals_taken;
    bool is_stopping;
};

static void (*thread_hook)(void);
static uint32_t streams_next = STREAMS;
static peer_leaving leaving_next;

void peer_set_thread_hook(void (*hook)(void))
{
    thread_hook = hook;
}

static void enter_thread(void)
{
    if (thread_hook != NULL)
        thread_hook();
}

static void die(const char *what)
{
    fprintf(stderr, "peer: %s: %s\n", what, strerror(errno));
    abort();
}

/* Waits for `events` on fd; false when the peer is being stopped. */
static bool wait_for(const peer *p, int fd, short events)
{
    struct pollfd fds[2] = {{.fd = fd, .events = events},
                            {.fd = p->stop_pipe[0], .events = POLLIN}};
    while (poll(fds, 2, -1) < 0)
        if (errno != EINTR)
            die("poll");
    return fds[1].revents == 0;
}

/* One read, appended to what was received. False at the client's end or at the peer's. */
static bool receive(connection *c)
{
    char data[16384];
    if (!wait_for(c->owner, c->fd, POLLIN))
        return false;
    ssize_t count = read(c->fd, data, sizeof data);
    pthread_mutex_lock(&c->owner->mutex);
    if (count > 0) {
        if (c->length + (size_t)count + 1 > c->capacity) {
            c->capacity = 2 * (c->length + (size_t)count + 1);
            c->received = realloc(c->received, c->capacity);
        }
        if (c->received == NULL)
            die("realloc");
        memcpy(c->received + c->length, data, (size_t)count);
        c->length += (size_t)count;
        c->received[c->length] = '\0';
    } else {
        c->is_closed = true;
        pthread_cond_broadcast(&c->owner->changed);
    }
    pthread_mutex_unlock(&c->owner->mutex);
    return count > 0;
}

static bool read_until_length(connection *c, size_t length)
{
    while (c->length < length)
        if (!receive(c))
            return false;
    return true;
}

static bool read_text_until(connection *c, size_t from, const char *end, size_t *where)
{
    for (;;) {
        char *found = c->length > from
                          ? memmem(c->received + from, c->length - from, end, strlen(end))
                          : NULL;
        if (found != NULL) {
            *where = (size_t)(found - c->received) + strlen(end);
            return true;
        }
        if (!receive(c))
            return false;
    }
}

static bool read_request(connection *c, bool with_body)
{
    size_t end;
    if (!read_text_until(c, c->consumed, "\r\n\r\n", &end))
        return false;
    size_t start = c->consumed;
    c->consumed = end;
    char head[65536];
    size_t length = end - start < sizeof head ? end - start : sizeof head - 1;
    memcpy(head, c->received + start, length);
    head[length] = '\0';
    const char *field = strcasestr(head, "\r\ncontent-length:");
    if (with_body && field != NULL) {
        c->consumed += strtoul(field + 17, NULL, 10);
        if (!read_until_length(c, c->consumed))
            return false;
    } else if (with_body && strcasestr(head, "\r\ntransfer-encoding: chunked") != NULL) {
        if (!read_text_until(c, c->consumed, "0\r\n\r\n", &c->consumed))
            return false;
    }
    pthread_mutex_lock(&c->owner->mutex);
    c->owner->request_count++;
    pthread_cond_broadcast(&c->owner->changed);
    pthread_mutex_unlock(&c->owner->mutex);
    return true;
}

static bool send_bytes(connection *c, const char *data, size_t length)
{
    while (length > 0) {
        if (!wait_for(c->owner, c->fd, POLLOUT))
            return false;
        ssize_t count = send(c->fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (count < 0)
            return false;
        data += count;
        length -= (size_t)count;
    }
    return true;
}

/* Until everything sent so far has been acknowledged: no sleep, the kernel's queue tells. */
static void wait_taken(connection *c)
{
    for (;;) {
        struct tcp_info info;
        socklen_t size = sizeof info;
        if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 || info.tcpi_unacked == 0 ||
            info.tcpi_state == TCP_CLOSE)
            return;
        sched_yield();
    }
}

static bool wait_signal(connection *c)
{
    peer *p = c->owner;
    pthread_mutex_lock(&p->mutex);
    while (p->signals_taken >= p->signals_given && !p->is_stopping)
        pthread_cond_wait(&p->changed, &p->mutex);
    p->signals_taken++;
    bool goes_on = !p->is_stopping;
    pthread_mutex_unlock(&p->mutex);
    return goes_on;
}

static bool send_repeated(connection *c, const peer_step *step)
{
    for (size_t i = 0; i < step->count; i++)
        if (!send_bytes(c, step->text, strlen(step->text)))
            return false;
    return true;
}

static bool send_bytewise(connection *c, const peer_step *step)
{
    size_t length = step->count != 0 ? step->count : strlen(step->text);
    for (size_t i = 0; i < length; i++) {
        if (!send_bytes(c, step->text + i, 1))
            return false;
        wait_taken(c);
    }
    return true;
}

static void reset(connection *c)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    c->was_reset = true;
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

/* One step; false ends the script. */
static bool play(connection *c, const peer_step *step)
{
    switch (step->action) {
    case PEER_READ_REQUEST:
        return read_request(c, true);
    case PEER_READ_HEAD:
        return read_request(c, false);
    case PEER_READ_BYTES:
        c->consumed += step->count;
        return read_until_length(c, c->consumed);
    case PEER_SEND:
        return send_bytes(c, step->text, step->count != 0 ? step->count : strlen(step->text));
    case PEER_SEND_SPLIT:
        if (!send_bytes(c, step->text, step->count))
            return false;
        wait_taken(c);
        return send_bytes(c, step->text + step->count, strlen(step->text) - step->count);
    case PEER_SEND_BYTEWISE:
        return send_bytewise(c, step);
    case PEER_SEND_REPEATED:
        return send_repeated(c, step);
    case PEER_WAIT_CLOSE:
        while (receive(c))
            ;
        return true;
    case PEER_WAIT_SIGNAL:
        return wait_signal(c);
    case PEER_SHUTDOWN:
        shutdown(c->fd, SHUT_WR);
        return true;
    case PEER_RESET:
        reset(c);
        return false;
    case PEER_END:
    case PEER_LOOP:
        break;
    }
    return false;
}

static void enter_step(connection *c, peer_action action)
{
    pthread_mutex_lock(&c->owner->mutex);
    c->at = action;
    pthread_cond_broadcast(&c->owner->changed);
    pthread_mutex_unlock(&c->owner->mutex);
}

static void *play_script(void *argument)
{
    connection *c = argument;
    enter_thread();
    const peer_step *step = c->script;
    while (step->action != PEER_END) {
        if (step->action == PEER_LOOP) {
            step = c->script;
            continue;
        }
        enter_step(c, step->action);
        if (!play(c, step))
            break;
        step++;
    }
    pthread_mutex_lock(&c->owner->mutex);
    close(c->fd);
    c->fd = -1;
    c->is_over = true;
    pthread_cond_broadcast(&c->owner->changed);
    pthread_mutex_unlock(&c->owner->mutex);
    return NULL;
}

static size_t begin(peer *p, int fd)
{
    connection *c = calloc(1, sizeof *c);
    if (c == NULL)
        die("calloc");
    c->owner = p;
    c->fd = fd;
    pthread_mutex_lock(&p->mutex);
    if (p->connection_count == CONNECTIONS_MAX)
        die("too many connections");
    size_t index = p->connection_count++;
    c->script = p->scripts[index < p->script_count ? index : p->script_count - 1];
    p->connections[index] = c;
    if (pthread_create(&c->thread, NULL, play_script, c) != 0)
        die("pthread_create");
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->mutex);
    return index;
}

/* --- HTTP/2 ---------------------------------------------------------------------------------- */

int peer__lane_open(peer *p, size_t *index)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        die("socketpair");
    *index = begin(p, pair[1]);
    return pair[0];
}

static bool is_at_rest(const connection *c)
{
    return c->is_over || c->at == PEER_READ_REQUEST || c->at == PEER_READ_HEAD ||
           c->at == PEER_READ_BYTES || c->at == PEER_WAIT_CLOSE || c->at == PEER_WAIT_SIGNAL;
}

peer_lane_state peer__lane_look(peer *p, size_t index)
{
    pthread_mutex_lock(&p->mutex);
    const connection *c = p->connections[index];
    while (!is_at_rest(c) && !p->is_stopping)
        pthread_cond_wait(&p->changed, &p->mutex);
    peer_lane_state state = c->was_reset ? PEER_LANE_RESET
                            : c->is_over ? PEER_LANE_ENDED
                                         : PEER_LANE_RESTS;
    pthread_mutex_unlock(&p->mutex);
    return state;
}

void peer_allow_streams(uint32_t count)
{
    streams_next = count;
}

uint32_t peer__streams(const peer *p)
{
    return p->streams;
}

void peer_leave(const peer_leaving *leaving)
{
    leaving_next = *leaving;
}

peer_leaving peer__leaving(peer *p)
{
    pthread_mutex_lock(&p->mutex);
    peer_leaving leaving = p->leaving;
    if (p->leaving.connections > 0)
        p->leaving.connections--;
    else
        leaving.farewell = PEER_LEAVES_NOT;
    pthread_mutex_unlock(&p->mutex);
    return leaving;
}

int peer__stop_fd(const peer *p)
{
    return p->stop_pipe[0];
}

/* Has the client begun with what every HTTP/2 connection begins with? RFC 9113 §3.4 */
static bool begins_with_preface(const front *f)
{
    char text[14];
    ssize_t count = 0;
    while (count >= 0 && count < (ssize_t)sizeof text) {
        if (!wait_for(f->owner, f->fd, POLLIN))
            return false;
        count = recv(f->fd, text, sizeof text, MSG_PEEK);
        if (count <= 0 || memcmp(text, "PRI * HTTP/2.0", (size_t)count) != 0)
            return false;
    }
    return true;
}

static void *serve_front(void *argument)
{
    front *f = argument;
    enter_thread();
    if (begins_with_preface(f))
        peer__h2_serve(f->owner, f->fd);
    else
        begin(f->owner, f->fd);
    return NULL;
}

static void begin_front(peer *p, int fd)
{
    front *f = calloc(1, sizeof *f);
    if (f == NULL || p->front_count == CONNECTIONS_MAX)
        die("too many connections");
    f->owner = p;
    f->fd = fd;
    p->fronts[p->front_count++] = f;
    if (pthread_create(&f->thread, NULL, serve_front, f) != 0)
        die("pthread_create");
}

bool peer_speaks_http2(void)
{
    const char *protocol = getenv("HH_TEST_PROTOCOL");
    return protocol != NULL && strcmp(protocol, "h2") == 0;
}

/* --- the listener ---------------------------------------------------------------------------- */

static void *accept_all(void *argument)
{
    peer *p = argument;
    enter_thread();
    while (wait_for(p, p->listener, POLLIN)) {
        int one = 1, fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (peer_speaks_http2())
            begin_front(p, fd);
        else
            begin(p, fd);
    }
    return NULL;
}

static peer *start(const struct sockaddr *address, socklen_t length,
                   const peer_step *const *scripts, size_t count)
{
    peer *p = calloc(1, sizeof *p);
    if (p == NULL || pipe2(p->stop_pipe, O_CLOEXEC) != 0)
        die("pipe");
    p->streams = streams_next;
    streams_next = STREAMS;
    p->leaving = leaving_next;
    leaving_next = (peer_leaving){PEER_LEAVES_NOT, 0, false, 0, 0};
    p->scripts = scripts;
    p->script_count = count;
    p->listener = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (p->listener < 0 || bind(p->listener, address, length) != 0 ||
        listen(p->listener, 1024) != 0)
        die("listen");
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->changed, NULL);
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    } bound;
    socklen_t bound_length = sizeof bound;
    if (getsockname(p->listener, &bound.any, &bound_length) != 0)
        die("getsockname");
    p->port = bound.any.sa_family == AF_INET    ? ntohs(bound.v4.sin_port)
              : bound.any.sa_family == AF_INET6 ? ntohs(bound.v6.sin6_port)
                                                : 80;
    snprintf(p->host, sizeof p->host, "%s",
             bound.any.sa_family == AF_INET    ? "127.0.0.1"
             : bound.any.sa_family == AF_INET6 ? "[::1]"
                                               : "local");
    if (pthread_create(&p->thread, NULL, accept_all, p) != 0)
        die("pthread_create");
    return p;
}

peer *peer_start(const peer_step *const *scripts, size_t count)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return start((const struct sockaddr *)&address, sizeof address, scripts, count);
}

peer *peer_start_v6(const peer_step *const *scripts, size_t count)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    return start((const struct sockaddr *)&address, sizeof address, scripts, count);
}

peer *peer_start_unix(const char *path, const peer_step *const *scripts, size_t count)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    return start((const struct sockaddr *)&address, sizeof address, scripts, count);
}

void peer_stop(peer *p)
{
    pthread_mutex_lock(&p->mutex);
    p->is_stopping = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->mutex);
    close(p->stop_pipe[1]);
    pthread_join(p->thread, NULL);
    for (size_t i = 0; i < p->front_count; i++) {
        pthread_join(p->fronts[i]->thread, NULL);
        free(p->fronts[i]);
    }
    for (size_t i = 0; i < p->connection_count; i++) {
        pthread_join(p->connections[i]->thread, NULL);
        free(p->connections[i]->received);
        free(p->connections[i]);
    }
    close(p->stop_pipe[0]);
    close(p->listener);
    pthread_mutex_destroy(&p->mutex);
    pthread_cond_destroy(&p->changed);
    free(p);
}

uint16_t peer_port(const peer *p)
{
    return p->port;
}

const char *peer_url(peer *p, const char *path)
{
    snprintf(p->url, sizeof p->url, "http://%s:%u%s", p->host, p->port, path);
    return p->url;
}

void peer_signal(peer *p)
{
    pthread_mutex_lock(&p->mutex);
    p->signals_given++;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->mutex);
}

size_t peer_connections(peer *p)
{
    pthread_mutex_lock(&p->mutex);
    size_t count = p->connection_count;
    pthread_mutex_unlock(&p->mutex);
    return count;
}

char *peer_received(peer *p, size_t index)
{
    pthread_mutex_lock(&p->mutex);
    const connection *c = index < p->connection_count ? p->connections[index] : NULL;
    char *copy = strdup(c != NULL && c->received != NULL ? c->received : "");
    pthread_mutex_unlock(&p->mutex);
    if (copy == NULL)
        die("strdup");
    return copy;
}

size_t peer_requests(peer *p)
{
    pthread_mutex_lock(&p->mutex);
    size_t count = p->request_count;
    pthread_mutex_unlock(&p->mutex);
    return count;
}

int peer_is_closed(peer *p, size_t index)
{
    pthread_mutex_lock(&p->mutex);
    int is_closed = index < p->connection_count && p->connections[index]->is_closed;
    pthread_mutex_unlock(&p->mutex);
    return is_closed;
}

int peer_wait_closed(peer *p, size_t index)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    int waited = 0;
    pthread_mutex_lock(&p->mutex);
    while (waited == 0 && !(index < p->connection_count && p->connections[index]->is_closed))
        waited = pthread_cond_timedwait(&p->changed, &p->mutex, &until);
    int is_closed = index < p->connection_count && p->connections[index]->is_closed;
    pthread_mutex_unlock(&p->mutex);
    return is_closed;
}
