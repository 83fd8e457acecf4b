/*
 * arguments.h - from a call's arguments to a request: parse, merge with the client, build.
 *
 * The hot path of every request. Nothing is allocated for a keyword that isn't given.
 */
#ifndef HYPERHTTP_EXT_ARGUMENTS_H
#define HYPERHTTP_EXT_ARGUMENTS_H

#include "client.h"

/* The arguments by keyword; borrowed; NULL: not given (None counts as given only where it says
 * something: timeout). */
typedef struct hhpy_arguments {
    PyObject *values[HHPY_KEYWORD_COUNT];
} hhpy_arguments;

/* What is positional: (url), or (method, url). */
typedef enum hhpy_shape { HHPY_SHAPE_URL, HHPY_SHAPE_METHOD_URL } hhpy_shape;

/* Sorts a vectorcall's arguments, those after self. TypeError: unknown, doubled or missing. */
int hhpy_arguments_parse(const hhpy_state *state, hhpy_shape shape, PyObject *const *args,
                         size_t nargsf, PyObject *kwnames, hhpy_arguments *out);

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

/* Whether the arguments need Python in between: a body that is an iterator. */
bool hhpy_arguments_need_perform(const hhpy_arguments *arguments);

/* Builds the request, fully merged with the client's defaults. On success *out is the caller's to
 * destroy and *sent the caller's to clear. Raises InvalidURL, UnsupportedProtocol, TypeError,
 * ValueError. */
int hhpy_request_build(hhpy_client *client, const hhpy_arguments *arguments, hh_request **out,
                       hhpy_sent *sent);
/* The same, from a Request object. */
int hhpy_request_build_from(hhpy_client *client, PyObject *request, hh_request **out,
                            hhpy_sent *sent);

#endif
