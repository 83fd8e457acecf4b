/*
 * cares_channel.c - see cares_channel.h. Each socket is a watch of the loop.
 */
#include "net/cares_channel.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/memory.h"
#include "net/file_stamp.h"

typedef struct channel_socket {
    hh_watch watch;
    hh_link link;
    hh_discard discard;
    hh_cares_channel *channel;
} channel_socket;

/* ---- sockets: c-ares' own would raise SIGPIPE when a TCP server hangs up ---- */

static ares_socket_t on_socket(int family, int type, int protocol, void *data)
{
    (void)data;
    int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    if (fd >= 0 && (type & SOCK_STREAM) == SOCK_STREAM) {
        int on = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    return fd;
}

static int on_close(ares_socket_t fd, void *data)
{
    (void)data;
    return close(fd);
}

static int on_connect(ares_socket_t fd, const struct sockaddr *address, ares_socklen_t length,
                      void *data)
{
    (void)data;
    return connect(fd, address, length);
}

static ares_ssize_t on_receive(ares_socket_t fd, void *buffer, size_t length, int flags,
                               struct sockaddr *from, ares_socklen_t *from_length, void *data)
{
    (void)data;
    return recvfrom(fd, buffer, length, flags, from, from_length);
}

static ares_ssize_t on_send(ares_socket_t fd, const struct iovec *pieces, int count, void *data)
{
    (void)data;
    struct msghdr message = {0};
    message.msg_iov = (struct iovec *)(uintptr_t)pieces;
    message.msg_iovlen = (size_t)count;
    return sendmsg(fd, &message, MSG_NOSIGNAL);
}

static const struct ares_socket_functions socket_functions = {on_socket, on_close, on_connect,
                                                              on_receive, on_send};

/* ---- the channel ---- */

static void free_channel(hh_discard *discard)
{
    hh__free(HH_CONTAINER_OF(discard, hh_cares_channel, discard));
}

static void free_socket(hh_discard *discard)
{
    hh__free(HH_CONTAINER_OF(discard, channel_socket, discard));
}

void hh__cares_channel_destroy(hh_cares_channel *channel)
{
    /* Closes the sockets and ends every question with ARES_EDESTRUCTION. */
    ares_destroy(channel->ares);
    ares_destroy_options(&channel->options);
    hh__timer_stop(channel->loop, &channel->timer);
    hh__list_remove(&channel->link);
    hh__loop_discard(channel->loop, &channel->discard, free_channel);
}

void hh__cares_channel_settle(hh_cares_channel *channel)
{
    if (channel->searches != 0 && channel->timer.due_ns == 0 && channel->trouble == HH_OK) {
        struct timeval room;
        struct timeval *wait = ares_timeout(channel->ares, NULL, &room);
        if (wait != NULL) {
            /* c-ares rounds down to a millisecond; come back when it is surely over. */
            int64_t wait_ns =
                (int64_t)wait->tv_sec * 1000000000 + ((int64_t)wait->tv_usec + 1000) * 1000;
            channel->trouble = hh__timer_set(channel->loop, &channel->timer,
                                             hh__loop_refresh(channel->loop) + wait_ns);
        }
    }
    if (channel->trouble != HH_OK) {
        /* A socket or deadline nobody watches would hang its questions for ever. */
        ares_cancel(channel->ares);
        channel->trouble = HH_OK;
    }
    if (channel->searches != 0)
        return;
    hh__timer_unset(&channel->timer);
    if (channel->is_retired)
        hh__cares_channel_destroy(channel);
}

static void on_timer(hh_timer *timer)
{
    hh_cares_channel *one = HH_CONTAINER_OF(timer, hh_cares_channel, timer);
    ares_process_fd(one->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    hh__cares_channel_settle(one);
}

static void on_ready(hh_watch *watch, unsigned ready)
{
    hh_cares_channel *one = HH_CONTAINER_OF(watch, channel_socket, watch)->channel;
    int fd = watch->fd;
    ares_process_fd(one->ares, ready & HH_READY_READ ? fd : ARES_SOCKET_BAD,
                    ready & HH_READY_WRITE ? fd : ARES_SOCKET_BAD);
    hh__cares_channel_settle(one);
}

static channel_socket *find_socket(hh_cares_channel *one, int fd)
{
    for (hh_link *link = hh__list_first(&one->sockets); link != NULL;
         link = hh__list_next(&one->sockets, link)) {
        channel_socket *found = HH_CONTAINER_OF(link, channel_socket, link);
        if (found->watch.fd == fd)
            return found;
    }
    return NULL;
}

static void forget_socket(hh_cares_channel *one, channel_socket *old)
{
    hh__watch_stop(one->loop, &old->watch);
    hh__list_remove(&old->link);
    hh__loop_discard(one->loop, &old->discard, free_socket);
}

static hh_status watch_socket(hh_cares_channel *one, int fd, unsigned interest)
{
    channel_socket *fresh = hh__calloc(1, sizeof(*fresh));
    if (fresh == NULL)
        return HH_ERR_NO_MEMORY;
    fresh->channel = one;
    fresh->watch.on_ready = on_ready;
    hh_status status = hh__watch_start(one->loop, &fresh->watch, fd, interest);
    if (status != HH_OK) {
        hh__free(fresh);
        return status;
    }
    hh__list_push_back(&one->sockets, &fresh->link);
    return HH_OK;
}

/* c-ares tells what it wants of a socket; nothing at all right before it closes it. */
static void on_socket_state(void *data, ares_socket_t fd, int wants_read, int wants_write)
{
    hh_cares_channel *one = data;
    channel_socket *known = find_socket(one, fd);
    unsigned interest = (wants_read ? HH_READY_READ : 0u) | (wants_write ? HH_READY_WRITE : 0u);
    hh_status status = HH_OK;
    if (known == NULL && interest != 0)
        status = watch_socket(one, fd, interest);
    else if (known != NULL && interest != 0)
        status = hh__watch_set(one->loop, &known->watch, interest);
    else if (known != NULL)
        forget_socket(one, known);
    if (status != HH_OK)
        one->trouble = status;
}

static int set_servers(hh_cares_channel *one, const hh_name_servers *servers)
{
    struct ares_addr_port_node nodes[HH_DNS_SERVERS_MAX];
    if (servers == NULL)
        return ARES_SUCCESS;
    memset(nodes, 0, sizeof(nodes));
    for (size_t i = 0; i < servers->count; i++) {
        const hh_address *address = &servers->list[i];
        nodes[i].next = i + 1 < servers->count ? &nodes[i + 1] : NULL;
        nodes[i].family = address->any.sa_family;
        if (address->any.sa_family == AF_INET)
            memcpy(&nodes[i].addr.addr4, &address->v4.sin_addr, sizeof(nodes[i].addr.addr4));
        else
            memcpy(&nodes[i].addr.addr6, &address->v6.sin6_addr, sizeof(nodes[i].addr.addr6));
        /* sin6_port lies where sin_port does. */
        nodes[i].udp_port = nodes[i].tcp_port = ntohs(address->v4.sin_port);
    }
    return ares_set_servers_ports(one->ares, nodes);
}

static int init_ares(hh_cares_channel *one, const hh_name_servers *servers, char *path)
{
    hh_bytes text;
    hh__bytes_init(&text, HH_RESOLV_CONF_MAX_BYTES);
    /* What can't be read leaves the defaults. */
    (void)!hh__file_read(path, &text);
    hh_resolv_conf conf = hh__resolv_conf_parse(hh__bytes_slice(&text));
    hh__bytes_finish(&text);

    struct ares_options wanted = {0};
    wanted.timeout = (int)conf.timeout_ms;
    wanted.tries = (int)conf.attempts;
    wanted.sock_state_cb = on_socket_state;
    wanted.sock_state_cb_data = one;
    wanted.resolvconf_path = path;
    int status = ares_init_options(&one->ares, &wanted,
                                   ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB |
                                       ARES_OPT_RESOLVCONF);
    if (status != ARES_SUCCESS)
        return status;
    ares_set_socket_functions(one->ares, &socket_functions, NULL);
    status = set_servers(one, servers);
    int mask;
    if (status == ARES_SUCCESS)
        status = ares_save_options(one->ares, &one->options, &mask);
    if (status != ARES_SUCCESS) {
        ares_destroy_options(&one->options);
        ares_destroy(one->ares);
    }
    return status;
}

int hh__cares_channel_open(hh_loop *loop, const hh_name_servers *servers, char *resolv_conf_path,
                           hh_cares_channel **out)
{
    hh_cares_channel *fresh = hh__calloc(1, sizeof(*fresh));
    if (fresh == NULL)
        return ARES_ENOMEM;
    fresh->loop = loop;
    fresh->timer.on_due = on_timer;
    hh__list_init(&fresh->sockets);
    int status = init_ares(fresh, servers, resolv_conf_path);
    if (status != ARES_SUCCESS) {
        hh__free(fresh);
        return status;
    }
    *out = fresh;
    return ARES_SUCCESS;
}

void hh__cares_channel_retire(hh_cares_channel *channel)
{
    channel->is_retired = true;
    if (channel->searches == 0)
        hh__cares_channel_destroy(channel);
}
