/*
 * resolve_cares.c - a c-ares channel in the loop; see resolve_cares.h.
 *
 * Two kinds of things live here. A channel is c-ares' state with its sockets, each a watch of the
 * loop, and one timer. A search is one query on its way through the candidate names that search
 * domains make of it; for each candidate it has an A and an AAAA question out. Every entry into
 * c-ares from the loop ends in settle(), which sets the timer anew, and buries a channel that is no
 * longer current once its last search is over. c-ares calls back at any moment, also from within
 * ares_query(); nothing here depends on when.
 */
#include "net/resolve_cares.h"

#define CARES_NO_DEPRECATED 1 /* newer releases deprecate what older ones have only */
#include <ares.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/memory.h"
#include "net/dns_message.h"
#include "net/file_stamp.h"

#define CLASS_INTERNET 1 /* RFC 1035 §3.2.4 */

typedef struct channel {
    hh_cares *cares;
    hh_link link; /* in cares->channels */
    hh_discard discard;
    ares_channel ares;
    struct ares_options options; /* as c-ares read them: domains, ndots */
    hh_list sockets;
    hh_timer timer;
    size_t searches;
    hh_status trouble; /* a watch or timer could not be set */
} channel;

typedef struct channel_socket {
    hh_watch watch;
    hh_link link;
    hh_discard discard;
    channel *channel;
} channel_socket;

struct hh_cares {
    hh_loop *loop;
    const hh_name_servers *servers;
    char *path;
    hh_file_stamp stamp;
    int64_t checked_ns;
    channel *current; /* NULL: the next query makes one */
    hh_list channels;
    bool is_closing;
};

/* One of a search's two questions. */
typedef struct question {
    struct search *search;
    hh_dns_type type;
} question;

typedef struct search {
    channel *channel;
    hh_resolve_query *query;
    question questions[2];
    unsigned outstanding;
    int next;        /* the candidate that comes next */
    int failure;     /* c-ares' status of the first failure, ARES_SUCCESS: none */
    bool is_stopped; /* further candidates would fail as this one did */
    bool has_name;   /* some candidate exists, without an address */
    int64_t ttl_ms;
    int64_t negative_ttl_ms;
} search;

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

/* ---- channel ---- */

static void free_channel(hh_discard *discard)
{
    hh__free(HH_CONTAINER_OF(discard, channel, discard));
}

static void free_socket(hh_discard *discard)
{
    hh__free(HH_CONTAINER_OF(discard, channel_socket, discard));
}

static void destroy_channel(channel *dead)
{
    hh_cares *cares = dead->cares;
    if (cares->current == dead)
        cares->current = NULL;
    /* Closes the sockets and ends every question with ARES_EDESTRUCTION. */
    ares_destroy(dead->ares);
    ares_destroy_options(&dead->options);
    hh__timer_stop(cares->loop, &dead->timer);
    hh__list_remove(&dead->link);
    hh__loop_discard(cares->loop, &dead->discard, free_channel);
}

/* After each visit to c-ares. The channel may be gone afterwards. */
static void settle(channel *one)
{
    hh_cares *cares = one->cares;
    if (one->searches != 0 && one->timer.due_ns == 0 && one->trouble == HH_OK) {
        struct timeval room;
        struct timeval *wait = ares_timeout(one->ares, NULL, &room);
        if (wait != NULL) {
            /* c-ares rounds down to a millisecond; come back when it is surely over. */
            int64_t wait_ns =
                (int64_t)wait->tv_sec * 1000000000 + ((int64_t)wait->tv_usec + 1000) * 1000;
            one->trouble =
                hh__timer_set(cares->loop, &one->timer, hh__loop_refresh(cares->loop) + wait_ns);
        }
    }
    if (one->trouble != HH_OK) {
        /* A socket or deadline nobody watches would hang its questions for ever. */
        ares_cancel(one->ares);
        one->trouble = HH_OK;
    }
    if (one->searches != 0)
        return;
    hh__timer_unset(&one->timer);
    if (one != cares->current)
        destroy_channel(one);
}

static void on_timer(hh_timer *timer)
{
    channel *one = HH_CONTAINER_OF(timer, channel, timer);
    ares_process_fd(one->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    settle(one);
}

static void on_ready(hh_watch *watch, unsigned ready)
{
    channel *one = HH_CONTAINER_OF(watch, channel_socket, watch)->channel;
    int fd = watch->fd;
    ares_process_fd(one->ares, ready & HH_READY_READ ? fd : ARES_SOCKET_BAD,
                    ready & HH_READY_WRITE ? fd : ARES_SOCKET_BAD);
    settle(one);
}

static channel_socket *find_socket(channel *one, int fd)
{
    for (hh_link *link = hh__list_first(&one->sockets); link != NULL;
         link = hh__list_next(&one->sockets, link)) {
        channel_socket *found = HH_CONTAINER_OF(link, channel_socket, link);
        if (found->watch.fd == fd)
            return found;
    }
    return NULL;
}

static void forget_socket(channel *one, channel_socket *old)
{
    hh__watch_stop(one->cares->loop, &old->watch);
    hh__list_remove(&old->link);
    hh__loop_discard(one->cares->loop, &old->discard, free_socket);
}

static hh_status watch_socket(channel *one, int fd, unsigned interest)
{
    channel_socket *fresh = hh__calloc(1, sizeof(*fresh));
    if (fresh == NULL)
        return HH_ERR_NO_MEMORY;
    fresh->channel = one;
    fresh->watch.on_ready = on_ready;
    hh_status status = hh__watch_start(one->cares->loop, &fresh->watch, fd, interest);
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
    channel *one = data;
    channel_socket *known = find_socket(one, fd);
    unsigned interest = (wants_read ? HH_READY_READ : 0u) | (wants_write ? HH_READY_WRITE : 0u);
    hh_status status = HH_OK;
    if (known == NULL && interest != 0)
        status = watch_socket(one, fd, interest);
    else if (known != NULL && interest != 0)
        status = hh__watch_set(one->cares->loop, &known->watch, interest);
    else if (known != NULL)
        forget_socket(one, known);
    if (status != HH_OK)
        one->trouble = status;
}

static int set_servers(channel *one)
{
    const hh_name_servers *servers = one->cares->servers;
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

static int init_ares(channel *one)
{
    hh_bytes text;
    hh__bytes_init(&text, HH_RESOLV_CONF_MAX_BYTES);
    /* What can't be read leaves the defaults. */
    (void)!hh__file_read(one->cares->path, &text);
    hh_resolv_conf conf = hh__resolv_conf_parse(hh__bytes_slice(&text));
    hh__bytes_finish(&text);

    struct ares_options wanted = {0};
    wanted.timeout = (int)conf.timeout_ms;
    wanted.tries = (int)conf.attempts;
    wanted.sock_state_cb = on_socket_state;
    wanted.sock_state_cb_data = one;
    wanted.resolvconf_path = one->cares->path;
    int status = ares_init_options(&one->ares, &wanted,
                                   ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB |
                                       ARES_OPT_RESOLVCONF);
    if (status != ARES_SUCCESS)
        return status;
    ares_set_socket_functions(one->ares, &socket_functions, NULL);
    status = set_servers(one);
    int mask;
    if (status == ARES_SUCCESS)
        status = ares_save_options(one->ares, &one->options, &mask);
    if (status != ARES_SUCCESS) {
        ares_destroy_options(&one->options);
        ares_destroy(one->ares);
    }
    return status;
}

/* ARES_SUCCESS, then cares->current is set. */
static int open_channel(hh_cares *cares)
{
    if (cares->current != NULL)
        return ARES_SUCCESS;
    channel *fresh = hh__calloc(1, sizeof(*fresh));
    if (fresh == NULL)
        return ARES_ENOMEM;
    fresh->cares = cares;
    fresh->timer.on_due = on_timer;
    hh__list_init(&fresh->sockets);
    int status = init_ares(fresh);
    if (status != ARES_SUCCESS) {
        hh__free(fresh);
        return status;
    }
    hh__list_push_back(&cares->channels, &fresh->link);
    cares->current = fresh;
    return ARES_SUCCESS;
}

/* ---- search ---- */

static const char *describe(int status)
{
    switch (status) {
    case ARES_ESERVFAIL:
        return "they failed (SERVFAIL)";
    case ARES_EREFUSED:
        return "they refused (REFUSED)";
    case ARES_ETIMEOUT:
        return "no answer in time";
    case ARES_ECONNREFUSED:
        /* What c-ares before 1.20 also says when every server has failed or refused. */
        return "they failed (SERVFAIL), refused (REFUSED) or could not be reached";
    case ARES_EBADRESP:
        return "the answer is damaged";
    default:
        return ares_strerror(status);
    }
}

/* Ends the search; a closing resolver wants to hear nothing. */
static void finish(search *one, hh_resolve_outcome outcome)
{
    hh_resolve_end end = {outcome, 0, 0, NULL};
    if (outcome == HH_RESOLVE_FOUND) {
        end.ttl_ms = one->ttl_ms;
    } else if (outcome == HH_RESOLVE_NO_NAME || outcome == HH_RESOLVE_NO_ADDRESS) {
        end.ttl_ms = one->negative_ttl_ms;
        end.dns_error = outcome == HH_RESOLVE_NO_NAME ? ARES_ENOTFOUND : ARES_ENODATA;
    } else {
        end.dns_error = (uint32_t)one->failure;
        end.detail = describe(one->failure);
    }
    one->channel->searches--;
    if (!one->channel->cares->is_closing)
        hh__query_finish(one->query, &end);
    hh__free(one);
}

static unsigned count_dots(hh_slice name)
{
    unsigned dots = 0;
    for (size_t i = 0; i < name.length; i++)
        dots += name.data[i] == '.';
    return dots;
}

/* Writes the search's next candidate; false: there is none. res_search(3): a name with enough dots
 * is tried as it stands first, another one last; a trailing dot forbids the search domains. */
static bool next_candidate(search *one, char out[HH_HOST_MAX_BYTES + 1])
{
    const struct ares_options *options = &one->channel->options;
    hh_slice name = one->query->name;
    int domains = options->ndomains < HH_DNS_SEARCH_MAX ? options->ndomains : HH_DNS_SEARCH_MAX;
    if (name.data[name.length - 1] == '.') {
        name.length--;
        domains = 0;
    }
    int bare_place = count_dots(name) >= (unsigned)options->ndots ? 0 : domains;
    while (one->next <= domains) {
        int place = one->next++;
        hh_slice domain = {"", 0};
        if (place != bare_place)
            domain = hh_slice_of(options->domains[place < bare_place ? place : place - 1]);
        while (domain.length != 0 && domain.data[domain.length - 1] == '.')
            domain.length--;
        if (place != bare_place &&
            (domain.length == 0 || name.length + 1 + domain.length > HH_HOST_MAX_BYTES))
            continue;
        memcpy(out, name.data, name.length);
        out[name.length] = domain.length != 0 ? '.' : '\0';
        if (domain.length != 0) {
            memcpy(out + name.length + 1, domain.data, domain.length);
            out[name.length + 1 + domain.length] = '\0';
        }
        return true;
    }
    return false;
}

static void on_answer(void *data, int status, int timeouts, unsigned char *text, int length);

static void ask(search *one, const char *candidate)
{
    /* RFC 8305 §3: AAAA first, A right behind it. The answers may come, and the search may go,
     * within the second call. */
    ares_channel ares = one->channel->ares;
    question *first = &one->questions[0];
    question *second = &one->questions[1];
    one->outstanding = 2;
    ares_query(ares, candidate, CLASS_INTERNET, first->type, on_answer, first);
    ares_query(ares, candidate, CLASS_INTERNET, second->type, on_answer, second);
}

static void note_failure(search *one, int status)
{
    if (one->failure == ARES_SUCCESS || status == ARES_ENOMEM)
        one->failure = status;
    /* As res_search(3): a server that fails for one name may know the next; silence won't end. */
    if (status != ARES_ESERVFAIL && status != ARES_ECONNREFUSED)
        one->is_stopped = true;
}

static void note_negative(search *one, const hh_dns_message *message)
{
    int64_t ttl_ms = HH_DNS_NEGATIVE_TTL_DEFAULT_MS;
    if (message != NULL && message->has_negative_ttl)
        ttl_ms = (int64_t)message->negative_ttl_s * 1000;
    if (ttl_ms < HH_DNS_TTL_MIN_MS)
        ttl_ms = HH_DNS_TTL_MIN_MS;
    if (one->negative_ttl_ms == 0 || ttl_ms < one->negative_ttl_ms)
        one->negative_ttl_ms = ttl_ms;
}

static void note_addresses(search *one, const hh_dns_message *message)
{
    int64_t ttl_ms = (int64_t)message->ttl_s * 1000;
    if (ttl_ms < HH_DNS_TTL_MIN_MS)
        ttl_ms = HH_DNS_TTL_MIN_MS;
    if (one->ttl_ms == 0 || ttl_ms < one->ttl_ms)
        one->ttl_ms = ttl_ms;
    hh__query_add(one->query, message->addresses, message->count);
}

static void note_answer(question *asked, int status, const unsigned char *text, int length)
{
    search *one = asked->search;
    hh_dns_message message;
    hh_status parsed =
        hh__dns_message_parse(text, text != NULL ? (size_t)length : 0, asked->type, &message);
    switch (status) {
    case ARES_SUCCESS:
        if (parsed != HH_OK)
            note_failure(one, ARES_EBADRESP);
        else if (message.count != 0)
            note_addresses(one, &message);
        else
            note_negative(one, &message);
        one->has_name = true;
        break;
    case ARES_ENODATA:
        one->has_name = true;
        note_negative(one, parsed == HH_OK ? &message : NULL);
        break;
    case ARES_ENOTFOUND:
        note_negative(one, parsed == HH_OK ? &message : NULL);
        break;
    default:
        note_failure(one, status);
        break;
    }
}

/* Both questions about the candidate are answered. */
static void conclude(search *one)
{
    char candidate[HH_HOST_MAX_BYTES + 1];
    if (one->query->count != 0) {
        if (one->failure != ARES_SUCCESS && one->ttl_ms > HH_DNS_PARTIAL_TTL_MAX_MS)
            one->ttl_ms = HH_DNS_PARTIAL_TTL_MAX_MS;
        finish(one, HH_RESOLVE_FOUND);
    } else if (!one->is_stopped && next_candidate(one, candidate)) {
        ask(one, candidate);
    } else if (one->failure == ARES_ENOMEM || one->failure == ARES_ECANCELLED) {
        finish(one, HH_RESOLVE_NO_MEMORY);
    } else if (one->failure != ARES_SUCCESS) {
        finish(one, HH_RESOLVE_NO_ANSWER);
    } else {
        finish(one, one->has_name ? HH_RESOLVE_NO_ADDRESS : HH_RESOLVE_NO_NAME);
    }
}

static void on_answer(void *data, int status, int timeouts, unsigned char *text, int length)
{
    question *asked = data;
    search *one = asked->search;
    (void)timeouts;
    one->outstanding--;
    if (status == ARES_EDESTRUCTION) {
        one->is_stopped = true;
        one->failure = status;
    } else {
        note_answer(asked, status, text, length);
    }
    if (one->outstanding == 0)
        conclude(one);
}

/* ---- the resolver's side ---- */

hh_status hh__cares_create(hh_loop *loop, const hh_name_servers *servers, char *resolv_conf_path,
                           hh_cares **out)
{
    hh_cares *cares = hh__calloc(1, sizeof(*cares));
    if (cares == NULL)
        return HH_ERR_NO_MEMORY;
    cares->loop = loop;
    cares->servers = servers;
    cares->path = resolv_conf_path;
    hh__list_init(&cares->channels);
    *out = cares;
    return HH_OK;
}

void hh__cares_destroy(hh_cares *cares)
{
    if (cares == NULL)
        return;
    cares->is_closing = true;
    for (hh_link *link; (link = hh__list_first(&cares->channels)) != NULL;)
        destroy_channel(HH_CONTAINER_OF(link, channel, link));
    hh__free(cares);
}

hh_cares_change hh__cares_refresh(hh_cares *cares, int64_t now_ns)
{
    if (cares->checked_ns != 0 &&
        now_ns - cares->checked_ns < (int64_t)HH_DNS_FILE_CHECK_MS * 1000000)
        return HH_CARES_SAME;
    bool is_first = cares->checked_ns == 0;
    cares->checked_ns = now_ns;
    hh_file_stamp stamp = hh__file_stamp(cares->path);
    if (!is_first && hh__file_stamp_equal(&stamp, &cares->stamp))
        return HH_CARES_SAME;
    cares->stamp = stamp;
    channel *old = cares->current;
    cares->current = NULL;
    if (old != NULL && old->searches == 0)
        destroy_channel(old);
    return is_first ? HH_CARES_SAME : HH_CARES_CHANGED;
}

void hh__cares_start(hh_cares *cares, hh_resolve_query *query)
{
    search *fresh = hh__calloc(1, sizeof(*fresh));
    int status = fresh != NULL ? open_channel(cares) : ARES_ENOMEM;
    if (status != ARES_SUCCESS) {
        hh_resolve_end end = {HH_RESOLVE_NO_ANSWER, 0, (uint32_t)status, describe(status)};
        if (status == ARES_ENOMEM)
            end.outcome = HH_RESOLVE_NO_MEMORY;
        hh__free(fresh);
        hh__query_finish(query, &end);
        return;
    }
    channel *on = cares->current;
    fresh->channel = on;
    fresh->query = query;
    fresh->questions[0] = (question){fresh, HH_DNS_AAAA};
    fresh->questions[1] = (question){fresh, HH_DNS_A};
    on->searches++;
    /* The first candidate is one like the others: none of their answers stands in its way. */
    conclude(fresh);
    settle(on);
}
