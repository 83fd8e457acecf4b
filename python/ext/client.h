/*
 * client.h - `_engine.ClientBase`: what Client and Session share. Options, defaults, the engine.
 *
 * The options are kept, so that a forked child can open an engine of its own: it never touches its
 * parent's sockets. `perform` is set where requests need Python in between (event hooks, a
 * resolver): then a verb hands over to the method `_perform(method, url, keywords)` of the class.
 */
#ifndef HYPERHTTP_EXT_CLIENT_H
#define HYPERHTTP_EXT_CLIENT_H

#include "engine.h"

/* A plain GET of a URL seen before costs no parsing: the request made for it is sent again. */
#define HHPY_CACHE_SLOTS 64

typedef struct hhpy_cached {
    PyObject *url; /* str, as it was given; NULL: empty */
    PyObject *method;
    uint64_t headers_version; /* of the client's headers, when it was built */
    hh_request *request;
    PyObject *sent_url; /* str, absolute */
    PyObject *headers;  /* Headers that were sent, or NULL: none */
} hhpy_cached;

void hhpy_cached_clear(hhpy_cached *slot);

typedef struct hhpy_client {
    PyObject_HEAD hhpy_state *state;
    hhpy_engine *engine;  /* NULL: closed, or never opened */
    PyObject *options;    /* dict of what the engine was opened with */
    PyObject *headers;    /* Headers, sent with every request unless it sets the name itself */
    PyObject *params;     /* what is appended to every URL, or NULL */
    PyObject *base_url;   /* str ending in '/', or NULL */
    PyObject *auth;       /* (user, password), or NULL */
    PyObject *json_dumps; /* callables, or NULL: the layer's */
    PyObject *json_loads;
    PyObject *default_encoding; /* str or callable, or NULL: for text() without a charset */
    PyObject *weakrefs;
    hhpy_cached *cache; /* HHPY_CACHE_SLOTS; requests belong to the engine's client */
    bool is_blocking;   /* a Session */
    bool needs_perform; /* every request goes through _perform */
    bool is_closed;
} hhpy_client;

/* Each number of hh_client_stats, by name. */
#define HHPY_STATS(X)                                                                              \
    X(exchanges_started)                                                                           \
    X(exchanges_done)                                                                              \
    X(exchanges_failed)                                                                            \
    X(attempts)                                                                                    \
    X(redirects)                                                                                   \
    X(replays)                                                                                     \
    X(connections_opened)                                                                          \
    X(connections_reused)                                                                          \
    X(connections_evicted)                                                                         \
    X(connections_expired)                                                                         \
    X(tls_handshakes)                                                                              \
    X(tls_resumptions)                                                                             \
    X(dns_queries)                                                                                 \
    X(dns_cache_hits)                                                                              \
    X(bytes_sent)                                                                                  \
    X(bytes_received)                                                                              \
    X(connections_open)                                                                            \
    X(connections_idle)                                                                            \
    X(connections_dialling)                                                                        \
    X(exchanges_queued)                                                                            \
    X(exchanges_in_flight)                                                                         \
    X(buffers_in_use)                                                                              \
    X(buffers_in_use_bytes)                                                                        \
    X(buffers_kept_bytes)                                                                          \
    X(collected_bytes)                                                                             \
    X(unreleased_bytes)                                                                            \
    X(unsent_bytes)                                                                                \
    X(exchanges_bytes)                                                                             \
    X(spares_bytes)

/* Opens an engine from the keywords in `options` (options.c). */
hhpy_engine *hhpy_engine_open(hhpy_state *state, PyObject *options);

/* The engine to send with; RuntimeError when the client is closed. In a child of the process that
 * opened it another one is opened: a child never touches its parent's sockets. Borrowed. */
hhpy_engine *hhpy_client_engine(hhpy_client *client);

/* Forgets the cached requests: the engine goes. */
void hhpy_client_forget(hhpy_client *client);

#endif
