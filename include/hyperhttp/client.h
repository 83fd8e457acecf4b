/*
 * client.h - the client: configuration, connections, the step, and the blocking calls.
 *
 * A client has one mutex, held by every call on it and released while a step or a blocking call
 * waits. So any thread may make any call, except that hh_client_destroy must be the last. Nothing
 * here is global: any number of clients may live at once. After fork() the child may only call
 * hh_client_destroy, which closes descriptors and says nothing to any peer; any other call returns
 * at once and does nothing, with HH_ERR_CLIENT_CLOSED or HH_ERR_STATE where it has a status.
 */
#ifndef HYPERHTTP_CLIENT_H
#define HYPERHTTP_CLIENT_H

#include <hyperhttp/event.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum hh_tls_version { HH_TLS_DEFAULT = 0, HH_TLS_1_2 = 12, HH_TLS_1_3 = 13 } hh_tls_version;

/* Trust and identity. Strings are copied by hh_client_create, files are read there or at the first
 * use. */
typedef struct hh_tls_options {
    hh_switch verify;         /* default on: chain, name and dates */
    const char *ca_file;      /* PEM; instead of the system's trust store */
    const char *ca_directory; /* hashed directory; instead of the system's trust store */
    const char *cert_file;    /* client certificate chain, PEM */
    const char *key_file;     /* its key, PEM; NULL: in cert_file */
    const char *key_password;
    hh_tls_version min_version; /* default 1.2 */
    hh_switch keylog;           /* default off; on: append to the file SSLKEYLOGFILE names */
    const char *ca_pem; /* PEM text, at most 16 MiB; instead of the system's trust store. Several
                           of the ca_ options add up */
    uint64_t reserved[7];
} hh_tls_options;

typedef enum hh_resolver_mode {
    HH_RESOLVER_AUTO =
        0, /* in the loop where nsswitch asks only for files and DNS, else the system's */
    HH_RESOLVER_BUILTIN,
    HH_RESOLVER_SYSTEM /* getaddrinfo on a thread */
} hh_resolver_mode;

typedef enum hh_downgrade {
    HH_DOWNGRADE_REFUSE = 0, /* a redirect from https to http is an error */
    HH_DOWNGRADE_ALLOW
} hh_downgrade;

/* Everything zero is a good client. Numbers: 0 means the default. */
typedef struct hh_client_options {
    size_t size;             /* sizeof(hh_client_options): grows without breaking the ABI */
    const char *base_url;    /* relative URLs of requests are joined to it */
    const char *user_agent;  /* default "hyperhttp/<version>"; "" sends none */
    const hh_field *headers; /* sent with every request unless it sets the name itself */
    size_t header_count;
    hh_timeouts timeout;

    unsigned max_connections;            /* default 100 */
    unsigned max_connections_per_origin; /* default: max_connections */
    unsigned max_idle_connections;       /* default: max_connections */
    int64_t keepalive_expiry_ms;         /* default 45,000; HH_TIMEOUT_NONE: for ever */

    hh_redirects redirects;      /* default follow */
    unsigned max_redirects;      /* default 20 */
    hh_downgrade downgrade;      /* default refuse */
    hh_decoding decoding;        /* default auto */
    uint64_t max_response_bytes; /* default none */
    size_t body_window_bytes;    /* credit of one exchange: default 1 MiB */

    hh_tls_options tls;
    const char *unix_socket;   /* path; every connection goes there */
    const char *local_address; /* IP literal to connect from */
    hh_resolver_mode resolver;
    const char *dns_servers;    /* "10.0.0.1,[::1]:5353"; default resolv.conf */
    const char *const *resolve; /* overrides "host:port:addr[,addr]...", "*" as host matches all */
    size_t resolve_count;

    hh_switch http1;                 /* default on; off: HTTP/2 or an error */
    hh_switch http2;                 /* default on: where the server offers it (ALPN) */
    hh_switch http2_prior_knowledge; /* default off; on: plain connections speak HTTP/2 at once. So
                                        they do with http1 off */
    int64_t http2_keepalive_ms;      /* a connection silent for so long is asked by PING whether it
                                        lives, and closed when it doesn't answer within the same
                                        time; default never */
    uint64_t reserved[13];
} hh_client_options;

/* Initialiser of an options struct; in C a static one too. */
#ifdef __cplusplus
static inline hh_client_options hh_client_options_initial(void)
{
    hh_client_options options = hh_client_options();
    options.size = sizeof(hh_client_options);
    return options;
}
#define HH_CLIENT_OPTIONS_INIT hh_client_options_initial()
#else
#define HH_CLIENT_OPTIONS_INIT                                                                     \
    {                                                                                              \
        .size = sizeof(hh_client_options)                                                          \
    }
#endif

/* Makes a client; `options` may be NULL. On success *out is the caller's to destroy. On failure
 * `error` (may be NULL) says what is wrong. Errors: HH_ERR_INVALID_ARGUMENT, HH_ERR_INVALID_URL,
 * HH_ERR_UNSUPPORTED_PROTOCOL (base_url), HH_ERR_FILE, HH_ERR_SYSTEM, HH_ERR_NO_MEMORY. No I/O but
 * descriptors; certificates load at first use. */
HH_API HH_WARN_UNUSED hh_status hh_client_create(const hh_client_options *options, hh_client **out);
HH_API HH_WARN_UNUSED hh_status hh_client_create_error(const hh_client_options *options,
                                                       hh_client **out, hh_error *error);

/* Ends what is in flight, closes every connection, frees the client. Events not yet pulled are
 * lost, events not yet released become invalid. NULL is fine. No other call may be under way or
 * follow. In a child after fork, if another thread of the parent was inside a call at that moment,
 * nothing is freed or closed: what that thread was changing can't be trusted. */
HH_API void hh_client_destroy(hh_client *client);

/* Cancels everything in flight: each gets its ERROR event (HH_ERR_CLIENT_CLOSED), to be pulled as
 * ever. New submits return HH_ERR_CLIENT_CLOSED. */
HH_API void hh_client_close(hh_client *client);

/* One descriptor to poll for reading in a loop of your own: readable whenever a step has something
 * to do, deadlines included. Owned by the client; only poll it. Pull until hh_next_event gives NULL
 * before you sleep on it: events that a step has left there don't make it readable. */
HH_API int hh_client_fd(const hh_client *client);

/* Moves everything forward. Waits at most `timeout_ms` (0: not at all, negative: without bound) for
 * something to do; returns at once when events are waiting to be pulled. HH_OK, also when the time
 * is up; HH_INTERRUPTED when a signal cut the wait short; HH_ERR_SYSTEM. */
HH_API hh_status hh_client_step(hh_client *client, int timeout_ms);

/* How many submits haven't had their terminal event pulled. Blocking calls don't count. */
HH_API size_t hh_client_pending(hh_client *client);

/* Blocking: sends, waits, and gives the answer with its body, the caller's to destroy. Any number
 * of threads at once on one client. Any status is an answer, 404 too. On failure *out is untouched
 * and *error (may be NULL) is filled. A signal during the wait returns HH_INTERRUPTED and cancels
 * the request; while another thread drives the loop, only if its handler was installed without
 * SA_RESTART. */
HH_API HH_WARN_UNUSED hh_status hh_get(hh_client *client, const char *url, hh_response **out,
                                       hh_error *error);
HH_API HH_WARN_UNUSED hh_status hh_send(hh_client *client, hh_request *request, hh_response **out,
                                        hh_error *error);

/* Blocking: sends all, `count` at most 1,000,000, as many at once as the pool allows. responses[i]
 * is the answer to requests[i] or NULL; errors[i] (the array may be NULL) says why. HH_OK when
 * every request has an answer, else the first failure's code. One failed item never takes its
 * neighbours along. */
HH_API HH_WARN_UNUSED hh_status hh_send_all(hh_client *client, hh_request *const *requests,
                                            size_t count, hh_response **responses,
                                            hh_error *errors);

/* A snapshot of the pool's and the client's books. */
typedef struct hh_client_stats {
    size_t size; /* sizeof(hh_client_stats) */
    uint64_t exchanges_started;
    uint64_t exchanges_done;
    uint64_t exchanges_failed;
    uint64_t attempts;
    uint64_t redirects;
    uint64_t replays;
    uint64_t connections_opened;
    uint64_t connections_reused; /* times a slot was lent on a connection that had served before */
    uint64_t connections_evicted;
    uint64_t connections_expired;
    uint64_t tls_handshakes;
    uint64_t tls_resumptions;
    uint64_t dns_queries;
    uint64_t dns_cache_hits;
    uint64_t bytes_sent;
    uint64_t bytes_received;
    uint64_t connections_open; /* now: idle, lent and being dialled */
    uint64_t connections_idle;
    uint64_t connections_dialling;
    uint64_t exchanges_queued;
    uint64_t exchanges_in_flight;
    uint64_t buffers_in_use; /* receive buffers lent to connections, or in shares of yours */
    /* Memory in bytes, now. What OpenSSL and the resolver hold isn't counted. */
    uint64_t buffers_in_use_bytes;
    uint64_t buffers_kept_bytes; /* free ones, for the next use */
    uint64_t collected_bytes;    /* response bodies of requests under way, room ahead included */
    uint64_t unreleased_bytes;   /* credit of BODY events that wait, or that you hold; most of it
                                    lies in buffers_in_use */
    uint64_t unsent_bytes;       /* pushed and not yet on the wire */
    uint64_t exchanges_bytes;    /* requests under way: the engine's own notes about them */
    uint64_t spares_bytes;       /* such notes kept, so that the next requests allocate nothing */
    uint64_t reserved[1];
} hh_client_stats;
/* Fills as much of `stats` as its `size`, set by you, has room for. Looks at each request under
 * way. */
HH_API void hh_client_get_stats(hh_client *client, hh_client_stats *stats);

#ifdef __cplusplus
}
#endif
#endif
