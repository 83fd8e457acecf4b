/*
 * arguments.h - from a call's arguments to a request: parse, merge with the client, build.
 *
 * The hot path of every request. Nothing is allocated for a keyword that isn't given.
 */
#ifndef HYPERHTTP_EXT_ARGUMENTS_H
#define HYPERHTTP_EXT_ARGUMENTS_H

#include "client.h"

/* The arguments by keyword; borrowed; NULL: not given. None says something for timeout (no bound)
 * and auth (none, whatever the client has); elsewhere it is as if not given, and NULL here. */
typedef struct hhpy_arguments {
    PyObject *values[HHPY_KEYWORD_COUNT];
} hhpy_arguments;

/* What is positional: (url), or (method, url). */
typedef enum hhpy_shape { HHPY_SHAPE_URL, HHPY_SHAPE_METHOD_URL } hhpy_shape;

/* A set of keywords, as bits 1 << hhpy_keyword. */
#define HHPY_ALL_KEYWORDS ((1u << HHPY_KEYWORD_COUNT) - 1)

/* Sorts a vectorcall's arguments, those after self. `allowed` is what the method takes. TypeError:
 * unknown, doubled or missing. */
int hhpy_arguments_parse(const hhpy_state *state, hhpy_shape shape, unsigned allowed,
                         PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                         hhpy_arguments *out);
/* The same arguments as a new dict, method and url left out. */
PyObject *hhpy_arguments_dict(const hhpy_state *state, const hhpy_arguments *arguments);
/* Whether the body is an iterator, sync or async: it needs Python in between. */
bool hhpy_arguments_need_perform(const hhpy_arguments *arguments);

/* The body of content=, json=, data= and files=. *content: bytes, or NULL when there is none, or
 * the iterator itself. *content_type: str, or NULL when there is nothing to say. `json_dumps` may
 * be NULL. New references. TypeError: of the wrong type, or more than one of them. */
int hhpy_body_encode(hhpy_state *state, const hhpy_arguments *arguments, PyObject *json_dumps,
                     PyObject **content, PyObject **content_type);

/* What went out, for response.request and exception.request; references owned, each may be NULL. */
typedef struct hhpy_sent {
    PyObject *method;  /* str */
    PyObject *url;     /* str, absolute */
    PyObject *headers; /* Headers: the request's own and the client's */
    PyObject *content; /* bytes; the engine borrows them until the terminal event */
    PyObject *request; /* Request, when one was given, or once one was asked for */
} hhpy_sent;

void hhpy_sent_clear(hhpy_sent *sent);
int hhpy_sent_visit(const hhpy_sent *sent, visitproc visit, void *arg);
/* The Request that was sent, made when first asked for. New reference. */
PyObject *hhpy_sent_request(hhpy_state *state, hhpy_sent *sent);

/* A request ready to submit. `request` is owned, unless it lies in the client's cache. */
typedef struct hhpy_built {
    hh_request *request;
    bool is_cached;
    hhpy_sent sent;
} hhpy_built;

void hhpy_built_clear(hhpy_built *built);

/* Whether the request may lie in the client's cache (it is then valid until the GIL is next given
 * up or the client used), or must be the caller's own. */
typedef enum hhpy_keeping { HHPY_BUILD_CACHED, HHPY_BUILD_OWN } hhpy_keeping;

/* Builds the request, merged with the client's defaults. Raises InvalidURL, UnsupportedProtocol,
 * TypeError, ValueError; then *out is empty. The engine must be there. */
int hhpy_request_build(hhpy_client *client, const hhpy_arguments *arguments, hhpy_keeping keeping,
                       hhpy_built *out);
/* The same from a Request object, which is merged already. A body that isn't bytes is left out: the
 * caller pushes it. */
int hhpy_request_build_from(hhpy_client *client, PyObject *request, hhpy_built *out);
/* A Request object merged with the client's defaults. New reference. */
PyObject *hhpy_request_merge(hhpy_client *client, const hhpy_arguments *arguments);

#endif
