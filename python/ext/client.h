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

typedef struct hhpy_client {
    PyObject_HEAD hhpy_state *state;
    hhpy_engine *engine;  /* NULL: closed */
    PyObject *options;    /* dict of what the engine was opened with */
    PyObject *headers;    /* Headers, sent with every request unless it sets the name itself */
    PyObject *params;     /* what is appended to every URL, or NULL */
    PyObject *base_url;   /* str ending in '/', or NULL */
    PyObject *auth;       /* (user, password), or NULL */
    PyObject *json_dumps; /* callables, or NULL: the layer's */
    PyObject *json_loads;
    PyObject *default_encoding; /* str or callable, or NULL: for text() without a charset */
    PyObject *weakrefs;
    bool is_blocking;   /* a Session */
    bool needs_perform; /* every request goes through _perform */
    bool is_closed;
} hhpy_client;

/* Opens an engine from the keywords in `options` (options.c). */
hhpy_engine *hhpy_engine_open(hhpy_state *state, PyObject *options);

/* The engine to send with; RuntimeError when the client is closed. Borrowed. */
hhpy_engine *hhpy_client_engine(hhpy_client *client);

/* After HH_ERR_CLIENT_CLOSED from an engine that was never closed: this process is a child of the
 * one that opened it. Opens another. */
int hhpy_client_reopen(hhpy_client *client);

#endif
