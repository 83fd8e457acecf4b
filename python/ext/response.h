/*
 * response.h - `_engine.ResponseBase`: an answer with its body, and its two flavours AsyncResponse
 * and BlockingResponse, from which the layer's Response and SyncResponse derive.
 *
 * Everything but status and body is built when asked for. An answer stands either on the engine's
 * (`response`) or on a dict of what it says (`restored`): one that was unpickled, or made by hand.
 * While a body is still being streamed, `stream` stands for it: any object whose `content()` gives
 * the bytes once they have all been read, and raises until then.
 */
#ifndef HYPERHTTP_EXT_RESPONSE_H
#define HYPERHTTP_EXT_RESPONSE_H

#include "arguments.h"

typedef struct hhpy_response {
    PyObject_HEAD hhpy_state *state;
    hh_response *response; /* a share of it; NULL: `restored` tells */
    hhpy_sent sent;
    PyObject *content;          /* bytes, once asked for or received in place; NULL before */
    PyObject *text;             /* str, once asked for */
    PyObject *headers;          /* Headers, once asked for */
    PyObject *url;              /* URL, once asked for */
    PyObject *history;          /* tuple, once asked for */
    PyObject *encoding;         /* str set by the user, or NULL */
    PyObject *default_encoding; /* str or callable (bytes) -> str, or NULL: UTF-8 */
    PyObject *json_loads;       /* callable, or NULL: the layer's */
    PyObject *restored;         /* dict of an answer without an engine's, or NULL */
    PyObject *stream;           /* while the body is on its way, or NULL */
    PyObject *extensions;       /* dict, once asked for */
    PyObject *dict;             /* what users hang on it */
    PyObject *weakrefs;
} hhpy_response;

typedef enum hhpy_flavour { HHPY_FLAVOUR_ASYNC, HHPY_FLAVOUR_BLOCKING } hhpy_flavour;

/* An instance of the layer's class for the flavour. Takes a share of `response`, moves *sent into
 * it (on failure it stays the caller's), and takes over `content` (bytes received in place, or
 * NULL: the engine holds the body), also on failure. */
PyObject *hhpy_response_new(hhpy_client *client, hh_response *response, hhpy_sent *sent,
                            PyObject *content, hhpy_flavour flavour);

/* The body as bytes, as text and as JSON (`keywords` may be NULL). New references. */
PyObject *hhpy_response_content(hhpy_response *response);
PyObject *hhpy_response_decode_text(hhpy_response *response);
PyObject *hhpy_response_decode_json(hhpy_response *response, PyObject *keywords);

/* --- between the files of the response ------------------------------------------------------- */

/* What `restored` has under `name`, a new reference; RuntimeError when there is nothing. */
PyObject *hhpy_response_restored(const hhpy_response *response, const char *name);
/* The status, or -1 with an exception. */
int hhpy_response_status(const hhpy_response *response);
/* The standard's phrase for a status, "" for one it doesn't name. Static string. */
const char *hhpy_reason_phrase(int status);
/* The header `name` (lower case), borrowed; data NULL: there is none. */
hh_slice hhpy_response_header(const hhpy_response *response, const char *name);
/* The Headers, a new reference. */
PyObject *hhpy_response_headers(hhpy_response *response);
/* "200 OK", a new reference. */
PyObject *hhpy_response_status_line(hhpy_response *response);

PyObject *hhpy_response_get_encoding(PyObject *self, void *closure);
int hhpy_response_set_encoding(PyObject *self, PyObject *value, void *closure);
PyObject *hhpy_response_get_charset(PyObject *self, void *closure);

/* One of these per question about the status's class. */
typedef enum hhpy_status_class {
    HHPY_STATUS_INFORMATIONAL,
    HHPY_STATUS_SUCCESS,
    HHPY_STATUS_REDIRECT,
    HHPY_STATUS_REDIRECT_LOCATION,
    HHPY_STATUS_CLIENT_ERROR,
    HHPY_STATUS_SERVER_ERROR,
    HHPY_STATUS_ERROR,
    HHPY_STATUS_OK
} hhpy_status_class;
/* A getter; its closure is an hhpy_status_class. */
PyObject *hhpy_response_get_is(PyObject *self, void *closure);
PyObject *hhpy_response_raise_for_status(PyObject *self, PyObject *ignored);

int hhpy_response_init(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *hhpy_response_getstate(PyObject *self, PyObject *ignored);
PyObject *hhpy_response_setstate(PyObject *self, PyObject *state);

/* The types AsyncResponse and BlockingResponse (response_flavours.c). */
int hhpy_response_flavours_ready(PyObject *module, hhpy_state *state);

#endif
