/*
 * nginx.h - a real web server for tests: Debian's nginx, in the foreground, on free loopback ports
 * and Unix sockets, out of a temporary directory.
 *
 * One worker. It dies with the test, whatever becomes of that; its error log goes to the test's
 * stderr. A failure to start, where it is installed, fails the test.
 *
 * Every site has these paths:
 *   /f0 /f1 /f100 /f65535 /f65536 /f65537 /f1m /f8m   random bytes; /text some 200 KB of text;
 *                  /alike 8 MiB that nearly vanish when compressed
 *   /gzip/NAME     the same, compressed when asked for; chunked
 *   /slow/NAME     the same, 256 KiB a second after the first 64 KiB
 *   /redirect/301 (302 303 307 308)   to /f100
 *   /close         the connection closes without an answer
 *   /dead          a gateway to nowhere: 502
 *   /up            a gateway to options.upstream_port
 *   /put/NAME      stores what is PUT there, gives it back
 *   /large         headers of some 24 KB
 *   /five          announces Keep-Alive: timeout=5
 *   /pid           the worker's
 *   /from          the client's address
 *   /connection    the connection's number and how many requests it has served: "17 3"
 *   /tls           "reused=r version=TLSv1.3 name=localhost alpn=http/1.1 client=CN=client"
 */
#ifndef TESTS_SUPPORT_NGINX_H
#define TESTS_SUPPORT_NGINX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "support/certificates.h"

typedef enum nginx_site {
    NGINX_PLAIN = 0,
    NGINX_PLAIN_V6,
    NGINX_FEW, /* three requests a connection */
    NGINX_TLS, /* this one and all that follow only with certificates */
    NGINX_TLS_V6,
    NGINX_EXPIRED,
    NGINX_EARLY,
    NGINX_WRONG_NAME,
    NGINX_SELF_SIGNED,
    NGINX_TLS_1_2, /* speaks no other */
    NGINX_TLS_1_3,
    NGINX_MUTUAL, /* answers 400 without a client certificate of ours */
    NGINX_SITES
} nginx_site;

typedef enum nginx_file_name {
    NGINX_F0 = 0,
    NGINX_F1,
    NGINX_F100,
    NGINX_F65535,
    NGINX_F65536,
    NGINX_F65537,
    NGINX_F1M,
    NGINX_F8M,
    NGINX_TEXT,
    NGINX_ALIKE,
    NGINX_FILES
} nginx_file_name;

typedef struct nginx_file {
    const char *name; /* without a slash */
    char *data;
    size_t length;
} nginx_file;

typedef struct nginx_options {
    const certificates *certificates; /* NULL: no TLS */
    uint16_t upstream_port;           /* 0: as dead as /dead */
} nginx_options;

typedef struct nginx {
    pid_t pid; /* 0: not running */
    char directory[96];
    char unix_path[112];
    char unix_tls_path[112]; /* as NGINX_TLS */
    uint16_t ports[NGINX_SITES];
    int twins[NGINX_SITES]; /* hold on 127.0.0.1 what is served on ::1; 0: none */
    nginx_options options;
    nginx_file files[NGINX_FILES];
    int dead_socket; /* bound and not listening */
} nginx;

/* Returns when it answers. -1: not installed. */
int nginx_start(nginx *server, const nginx_options *options);
/* Stops it and removes everything. Harmless when not started. */
void nginx_stop(nginx *server);

/* Ends the process, by SIGQUIT (idle connections close in order) or SIGKILL, and waits for it. */
void nginx_halt(nginx *server, int signal);
/* Starts it again on the same ports after nginx_halt. */
void nginx_resume(nginx *server);
/* Replaces the worker by a new one (SIGHUP); the old one closes its idle connections. Returns
 * at once; /pid tells. */
void nginx_reload(nginx *server);

/* "http://127.0.0.1:PORT/path", "https://localhost:PORT/path", "http://[::1]:..." of that site.
 * Static memory, eight buffers take turns; one thread. */
const char *nginx_url(const nginx *server, nginx_site site, const char *path);
/* The same under another host name. */
const char *nginx_url_as(const nginx *server, nginx_site site, const char *host, const char *path);

#endif
