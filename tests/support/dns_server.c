/*
 * dns_server.c - a scripted name server for tests; see dns_server.h.
 *
 * One thread polls the sockets; one lock guards script, log and held answers.
 */
#include "dns_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define RULES_MAX 64
#define LOG_MAX 20000
#define HELD_MAX 256
#define TCP_MAX 16
#define MESSAGE_MAX 2048
#define NAME_MAX_TEXT 256
#define WAIT_S 20

typedef struct question {
    unsigned char packet[512];
    size_t length;
    size_t end; /* of the question section */
    char name[NAME_MAX_TEXT];
    int type;
} question;

typedef struct seen {
    char name[NAME_MAX_TEXT];
    int type;
} seen;

typedef struct held {
    int is_used;
    question asked;
    struct sockaddr_in from;
} held;

struct dns_server {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    int udp;
    int tcp;
    int stop;
    int clients[TCP_MAX];
    char address[32];
    dns_rule rules[RULES_MAX];
    size_t rule_count;
    seen *log;
    size_t log_count;
    unsigned tcp_count;
    held held[HELD_MAX];
};

typedef struct message {
    unsigned char bytes[MESSAGE_MAX];
    size_t length;
} message;

static void put16(message *out, unsigned value)
{
    out->bytes[out->length++] = (unsigned char)(value >> 8);
    out->bytes[out->length++] = (unsigned char)value;
}

static void put32(message *out, uint32_t value)
{
    put16(out, value >> 16);
    put16(out, value & 0xffff);
}

static void put_name(message *out, const char *name)
{
    while (*name != '\0') {
        size_t length = strcspn(name, ".");
        out->bytes[out->length++] = (unsigned char)length;
        memcpy(out->bytes + out->length, name, length);
        out->length += length;
        name += length + (name[length] == '.');
    }
    out->bytes[out->length++] = 0;
}

static void put_record_head(message *out, size_t owner, int type, uint32_t ttl)
{
    put16(out, 0xc000u | (unsigned)owner);
    put16(out, (unsigned)type);
    put16(out, 1);
    put32(out, ttl);
}

static void put_alias(message *out, const dns_rule *rule, size_t *owner)
{
    put_record_head(out, *owner, 5, rule->ttl);
    size_t length_at = out->length;
    put16(out, 0);
    *owner = out->length;
    put_name(out, rule->alias);
    size_t length = out->length - *owner;
    out->bytes[length_at] = (unsigned char)(length >> 8);
    out->bytes[length_at + 1] = (unsigned char)length;
}

static void put_soa(message *out, uint32_t minimum)
{
    put_record_head(out, 12, 6, 3600);
    put16(out, 2 + 20);
    out->bytes[out->length++] = 0;
    out->bytes[out->length++] = 0;
    for (int i = 0; i < 4; i++)
        put32(out, 1);
    put32(out, minimum);
}

static unsigned put_addresses(message *out, const dns_rule *rule, int type, size_t owner)
{
    unsigned count = 0;
    char list[1024];
    snprintf(list, sizeof(list), "%s", rule->addresses != NULL ? rule->addresses : "");
    char *rest = list;
    for (char *one; (one = strsep(&rest, ",")) != NULL;) {
        unsigned char raw[16];
        int family = strchr(one, ':') != NULL ? AF_INET6 : AF_INET;
        if (*one == '\0' || (family == AF_INET6) != (type == DNS_AAAA))
            continue;
        unsigned size = family == AF_INET ? 4 : 16;
        assert_int_equal(inet_pton(family, one, raw), 1);
        put_record_head(out, owner, type, rule->ttl);
        put16(out, size);
        memcpy(out->bytes + out->length, raw, size);
        out->length += size;
        count++;
    }
    return count;
}

static int parse_question(question *out)
{
    size_t at = 12;
    size_t length = 0;
    if (out->length < 17)
        return 0;
    while (at < out->length && out->packet[at] != 0) {
        size_t size = out->packet[at];
        if (size > 63 || at + size + 1 >= out->length || length + size + 2 > NAME_MAX_TEXT)
            return 0;
        if (length != 0)
            out->name[length++] = '.';
        memcpy(out->name + length, out->packet + at + 1, size);
        length += size;
        at += size + 1;
    }
    if (at + 5 > out->length)
        return 0;
    out->name[length] = '\0';
    out->type = out->packet[at + 1] << 8 | out->packet[at + 2];
    out->end = at + 5;
    return 1;
}

static dns_rule *find_rule(dns_server *server, const char *name, int type)
{
    for (size_t i = server->rule_count; i-- > 0;) {
        dns_rule *rule = &server->rules[i];
        if (strcasecmp(rule->name, name) == 0 && (rule->type == DNS_BOTH || rule->type == type))
            return rule;
    }
    return NULL;
}

static void build(const question *asked, const dns_rule *rule, message *out)
{
    static const dns_rule none = {.reply = DNS_NXDOMAIN, .soa_minimum = 60};
    if (rule == NULL)
        rule = &none;
    memset(out, 0, sizeof(*out));
    memcpy(out->bytes, asked->packet, asked->end);
    out->length = asked->end;
    memset(out->bytes + 6, 0, 6);
    out->bytes[2] = 0x85; /* response, authoritative, recursion desired */
    out->bytes[3] = 0x80;
    size_t owner = 12;
    unsigned answers = 0;
    unsigned addresses = 0;
    if (rule->reply == DNS_SERVFAIL || rule->reply == DNS_REFUSED) {
        out->bytes[3] |= rule->reply == DNS_SERVFAIL ? 2 : 5;
        return;
    }
    if (rule->reply == DNS_DAMAGED) {
        out->bytes[7] = 3;
        put_record_head(out, 12, asked->type, 60);
        return;
    }
    if (rule->alias != NULL) {
        put_alias(out, rule, &owner);
        answers++;
    }
    if (rule->reply == DNS_NXDOMAIN)
        out->bytes[3] |= 3;
    else
        addresses = put_addresses(out, rule, asked->type, owner);
    out->bytes[7] = (unsigned char)(answers + addresses);
    if (addresses == 0) {
        out->bytes[9] = 1;
        put_soa(out, rule->soa_minimum);
    }
}

static void send_udp(dns_server *server, const question *asked, const struct sockaddr_in *to)
{
    const dns_rule *rule = find_rule(server, asked->name, asked->type);
    dns_reply reply = rule != NULL ? rule->reply : DNS_NXDOMAIN;
    message answer;
    if (reply == DNS_SILENT)
        return;
    build(asked, rule, &answer);
    if (reply == DNS_TRUNCATED || reply == DNS_HANGUP) {
        answer.length = asked->end;
        answer.bytes[2] |= 2;
        memset(answer.bytes + 6, 0, 6);
    } else if (reply == DNS_GARBAGE) {
        memset(answer.bytes + 2, 0xff, 38);
        answer.length = 40;
    } else if (reply == DNS_WRONG_ID) {
        message lie = answer;
        lie.bytes[0] ^= 0x55;
        lie.bytes[lie.length - 1] ^= 0xff;
        sendto(server->udp, lie.bytes, lie.length, 0, (const struct sockaddr *)to, sizeof(*to));
    }
    sendto(server->udp, answer.bytes, answer.length, 0, (const struct sockaddr *)to, sizeof(*to));
}

static void note(dns_server *server, const question *asked)
{
    if (server->log_count < LOG_MAX) {
        seen *entry = &server->log[server->log_count++];
        memcpy(entry->name, asked->name, sizeof(entry->name));
        entry->type = asked->type;
    }
    pthread_cond_broadcast(&server->arrived);
}

static void hold(dns_server *server, const question *asked, const struct sockaddr_in *from)
{
    for (size_t i = 0; i < HELD_MAX; i++) {
        if (server->held[i].is_used)
            continue;
        server->held[i].is_used = 1;
        server->held[i].asked = *asked;
        server->held[i].from = *from;
        return;
    }
}

static void take_udp(dns_server *server)
{
    question asked;
    struct sockaddr_in from;
    socklen_t from_length = sizeof(from);
    ssize_t count = recvfrom(server->udp, asked.packet, sizeof(asked.packet), 0,
                             (struct sockaddr *)&from, &from_length);
    if (count < 0)
        return;
    asked.length = (size_t)count;
    if (!parse_question(&asked))
        return;
    pthread_mutex_lock(&server->lock);
    const dns_rule *rule = find_rule(server, asked.name, asked.type);
    if (rule != NULL && rule->is_held)
        hold(server, &asked, &from);
    else
        send_udp(server, &asked, &from);
    note(server, &asked);
    pthread_mutex_unlock(&server->lock);
}

/* 0: the client is gone. */
static int take_tcp(dns_server *server, int fd)
{
    unsigned char size[2];
    question asked;
    message answer;
    if (recv(fd, size, 2, MSG_WAITALL) != 2)
        return 0;
    asked.length = (size_t)(size[0] << 8 | size[1]);
    if (asked.length > sizeof(asked.packet) ||
        recv(fd, asked.packet, asked.length, MSG_WAITALL) != (ssize_t)asked.length ||
        !parse_question(&asked))
        return 0;
    pthread_mutex_lock(&server->lock);
    const dns_rule *rule = find_rule(server, asked.name, asked.type);
    int hangs_up = rule != NULL && rule->reply == DNS_HANGUP;
    build(&asked, rule, &answer);
    server->tcp_count++;
    note(server, &asked);
    pthread_mutex_unlock(&server->lock);
    if (hangs_up)
        return 0;
    unsigned char out[MESSAGE_MAX + 2];
    out[0] = (unsigned char)(answer.length >> 8);
    out[1] = (unsigned char)answer.length;
    memcpy(out + 2, answer.bytes, answer.length);
    return send(fd, out, answer.length + 2, MSG_NOSIGNAL) == (ssize_t)answer.length + 2;
}

static void take_client(dns_server *server)
{
    int fd = accept4(server->tcp, NULL, NULL, SOCK_CLOEXEC);
    for (int i = 0; fd >= 0 && i < TCP_MAX; i++) {
        if (server->clients[i] < 0) {
            server->clients[i] = fd;
            return;
        }
    }
    if (fd >= 0)
        close(fd);
}

static void *serve(void *data)
{
    dns_server *server = data;
    for (;;) {
        struct pollfd fds[3 + TCP_MAX] = {
            {server->stop, POLLIN, 0}, {server->udp, POLLIN, 0}, {server->tcp, POLLIN, 0}};
        for (int i = 0; i < TCP_MAX; i++) {
            fds[3 + i].fd = server->clients[i];
            fds[3 + i].events = POLLIN;
        }
        if (poll(fds, 3 + TCP_MAX, -1) < 0)
            continue;
        if (fds[0].revents != 0)
            return NULL;
        if (fds[1].revents != 0)
            take_udp(server);
        for (int i = 0; i < TCP_MAX; i++) {
            if (fds[3 + i].revents != 0 && !take_tcp(server, server->clients[i])) {
                close(server->clients[i]);
                server->clients[i] = -1;
            }
        }
        if (fds[2].revents != 0)
            take_client(server);
    }
}

/* UDP and TCP on one port: take a free one of UDP until TCP has it free too. */
static void open_sockets(dns_server *server)
{
    for (int attempt = 0; attempt < 50; attempt++) {
        struct sockaddr_in address = {.sin_family = AF_INET};
        socklen_t length = sizeof(address);
        int one = 1;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        server->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        server->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        setsockopt(server->tcp, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        assert_int_equal(bind(server->udp, (struct sockaddr *)&address, sizeof(address)), 0);
        getsockname(server->udp, (struct sockaddr *)&address, &length);
        if (bind(server->tcp, (struct sockaddr *)&address, sizeof(address)) == 0 &&
            listen(server->tcp, 16) == 0) {
            snprintf(server->address, sizeof(server->address), "127.0.0.1:%u",
                     (unsigned)ntohs(address.sin_port));
            return;
        }
        close(server->udp);
        close(server->tcp);
    }
    fail_msg("no free port");
}

dns_server *dns_server_start(void)
{
    dns_server *server = calloc(1, sizeof(*server));
    assert_non_null(server);
    server->log = calloc(LOG_MAX, sizeof(server->log[0]));
    assert_non_null(server->log);
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->arrived, NULL);
    for (int i = 0; i < TCP_MAX; i++)
        server->clients[i] = -1;
    open_sockets(server);
    server->stop = eventfd(0, EFD_CLOEXEC);
    assert_true(server->stop >= 0);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
    return server;
}

void dns_server_stop(dns_server *server)
{
    uint64_t one = 1;
    assert_int_equal(write(server->stop, &one, sizeof(one)), sizeof(one));
    pthread_join(server->thread, NULL);
    for (int i = 0; i < TCP_MAX; i++) {
        if (server->clients[i] >= 0)
            close(server->clients[i]);
    }
    close(server->stop);
    close(server->udp);
    close(server->tcp);
    pthread_cond_destroy(&server->arrived);
    pthread_mutex_destroy(&server->lock);
    free(server->log);
    free(server);
}

const char *dns_server_address(const dns_server *server)
{
    return server->address;
}

void dns_server_add(dns_server *server, const dns_rule *rule)
{
    pthread_mutex_lock(&server->lock);
    int has_room = server->rule_count < RULES_MAX;
    if (has_room)
        server->rules[server->rule_count++] = *rule;
    pthread_mutex_unlock(&server->lock);
    assert_true(has_room);
}

void dns_server_release(dns_server *server, const char *name, int type)
{
    pthread_mutex_lock(&server->lock);
    for (size_t i = 0; i < server->rule_count; i++) {
        dns_rule *rule = &server->rules[i];
        if (strcasecmp(rule->name, name) == 0 && (rule->type == type || type == DNS_BOTH))
            rule->is_held = 0;
    }
    for (size_t i = 0; i < HELD_MAX; i++) {
        held *one = &server->held[i];
        if (!one->is_used || strcasecmp(one->asked.name, name) != 0 ||
            (type != DNS_BOTH && one->asked.type != type))
            continue;
        one->is_used = 0;
        send_udp(server, &one->asked, &one->from);
    }
    pthread_mutex_unlock(&server->lock);
}

static unsigned count_seen(dns_server *server, const char *name, int type)
{
    unsigned count = 0;
    for (size_t i = 0; i < server->log_count; i++) {
        const seen *entry = &server->log[i];
        count += (name == NULL || strcasecmp(entry->name, name) == 0) &&
                 (type == DNS_BOTH || entry->type == type);
    }
    return count;
}

unsigned dns_server_count(dns_server *server, const char *name, int type)
{
    pthread_mutex_lock(&server->lock);
    unsigned count = count_seen(server, name, type);
    pthread_mutex_unlock(&server->lock);
    return count;
}

void dns_server_wait(dns_server *server, const char *name, int type, unsigned count)
{
    struct timespec until;
    int failed = 0;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    pthread_mutex_lock(&server->lock);
    while (count_seen(server, name, type) < count && failed == 0)
        failed = pthread_cond_timedwait(&server->arrived, &server->lock, &until);
    pthread_mutex_unlock(&server->lock);
    assert_int_equal(failed, 0);
}

unsigned dns_server_tcp_count(dns_server *server)
{
    pthread_mutex_lock(&server->lock);
    unsigned count = server->tcp_count;
    pthread_mutex_unlock(&server->lock);
    return count;
}
