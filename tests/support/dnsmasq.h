/*
 * dnsmasq.h - a real name server for tests: Debian's dnsmasq on a free loopback port.
 *
 * It dies with the test, whatever becomes of that.
 */
#ifndef HH_TESTS_DNSMASQ_H
#define HH_TESTS_DNSMASQ_H

#include <sys/types.h>

typedef struct dnsmasq {
    pid_t pid;
    int log;          /* its stderr */
    char address[32]; /* "127.0.0.1:port" */
} dnsmasq;

/* `options`: further arguments, ended by NULL. Returns when it answers. -1: not installed. */
int dnsmasq_start(dnsmasq *server, const char *const *options);
void dnsmasq_stop(dnsmasq *server);

#endif
