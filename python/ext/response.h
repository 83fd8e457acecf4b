/*
 * response.h - `_engine.ResponseBase`: an answer with its body. The layer's Response and
 * SyncResponse derive from it. Everything but status and body is built when asked for.
 */
#ifndef HYPERHTTP_EXT_RESPONSE_H
#define HYPERHTTP_EXT_RESPONSE_H

#include "arguments.h"

typedef struct hhpy_response {
    PyObject_HEAD hhpy_state *state;
    hh_response
        *response; /* a share of it; NULL in one that was unpickled: then `restored` tells */
    hhpy_sent sent;
    PyObject *content;          /* bytes, once asked for or received in place; NULL before */
    PyObject *headers;          /* Headers, once asked for */
    PyObject *url;              /* URL, once asked for */
    PyObject *history;          /* tuple, once asked for */
    PyObject *encoding;         /* str set by the user, or NULL */
    PyObject *default_encoding; /* str or callable (bytes) -> str, or NULL: UTF-8 */
    PyObject *json_loads;       /* callable, or NULL: the layer's */
    PyObject *restored;         /* dict of an unpickled answer, or NULL */
    PyObject *extensions;       /* dict, once asked for */
    PyObject *weakrefs;
} hhpy_response;

typedef enum hhpy_flavour { HHPY_FLAVOUR_ASYNC, HHPY_FLAVOUR_BLOCKING } hhpy_flavour;

/* An instance of the layer's class for the flavour. Takes a share of `response`, moves *sent into
 * it, and takes over `content` (bytes received in place, or NULL: the engine holds the body), also
 * on failure. */
PyObject *hhpy_response_new(hhpy_client *client, hh_response *response, hhpy_sent *sent,
                            PyObject *content, hhpy_flavour flavour);

/* The body as text and as JSON: for the Ready awaitables. New references. */
PyObject *hhpy_response_decode_text(hhpy_response *response);
PyObject *hhpy_response_decode_json(hhpy_response *response);

#endif
