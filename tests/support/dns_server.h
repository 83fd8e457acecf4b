/*
 * dns_server.h - a name server for tests that says what it is told to, on UDP and TCP of one free
 * loopback port, on a thread of its own.
 *
 * What isn't scripted is NXDOMAIN with an SOA record (minimum 60). Names compare without regard to
 * letter case. All calls from the test's thread.
 */
#ifndef HH_TESTS_DNS_SERVER_H
#define HH_TESTS_DNS_SERVER_H

#include <stdint.h>

typedef struct dns_server dns_server;

enum { DNS_BOTH = 0, DNS_A = 1, DNS_AAAA = 28 };

typedef enum dns_reply {
    DNS_ADDRESSES = 0, /* those of the question's family; none: no data, with SOA */
    DNS_NXDOMAIN,
    DNS_SERVFAIL,
    DNS_REFUSED,
    DNS_SILENT,
    DNS_TRUNCATED, /* cut on UDP, whole on TCP */
    DNS_HANGUP,    /* cut on UDP, on TCP hung up on without a word */
    DNS_GARBAGE,   /* the question's id, then nonsense */
    DNS_DAMAGED,   /* a sound header and question, records cut off */
    DNS_WRONG_ID   /* a lie with another id first, then the truth */
} dns_reply;

typedef struct dns_rule {
    const char *name;
    int type; /* DNS_BOTH, DNS_A, DNS_AAAA */
    dns_reply reply;
    const char *addresses; /* "192.0.2.1,2001:db8::1"; NULL: none */
    uint32_t ttl;
    const char *alias;    /* the addresses belong to this name, by a CNAME record */
    uint32_t soa_minimum; /* of a negative answer; its own TTL is 3600 */
    int is_held;          /* answered only when released */
} dns_rule;

dns_server *dns_server_start(void);
void dns_server_stop(dns_server *server);
/* "127.0.0.1:port" */
const char *dns_server_address(const dns_server *server);
/* Rules are copied but for their texts, which must live on; a later rule wins. */
void dns_server_add(dns_server *server, const dns_rule *rule);
/* Sends the answers held so far for this name and type, and holds none any more. */
void dns_server_release(dns_server *server, const char *name, int type);
/* Questions received so far; `name` NULL: all. */
unsigned dns_server_count(dns_server *server, const char *name, int type);
/* Waits until there are that many; fails the test after some seconds. */
void dns_server_wait(dns_server *server, const char *name, int type, unsigned count);
/* Questions that came over TCP. */
unsigned dns_server_tcp_count(dns_server *server);

#endif
