/*
 * request.h - hyperhttp.Request: a request as data, before or after it was sent.
 *
 * Fields: method (str, upper case as given), url (URL; settable by str), headers (Headers), content
 * (bytes), timeout (Timeout or None: as the client has it), follow_redirects (bool or None),
 * max_response_bytes (int or None), extensions (dict). Pickles; shows as <Request('GET',
 * 'https://...')>.
 */
#ifndef HYPERHTTP_EXT_REQUEST_H
#define HYPERHTTP_EXT_REQUEST_H

#include "module.h"

typedef struct hhpy_request {
    PyObject_HEAD PyObject *method; /* str */
    PyObject *url;                  /* URL */
    PyObject *headers;              /* Headers */
    PyObject *content;              /* bytes; or an iterator of bytes, sync or async, used once */
    PyObject *timeout;              /* Timeout or None */
    PyObject *follow_redirects;     /* True, False or None */
    PyObject *max_response_bytes;   /* int or None */
    PyObject *extensions;           /* dict, or NULL until asked for */
    PyObject *dict;                 /* users hang things on it in hooks */
} hhpy_request;

/* A Request of these fields; references taken, not stolen. `url` a str, `headers` a Headers or NULL
 * (empty), `content` bytes or NULL (empty). */
PyObject *hhpy_request_new(hhpy_state *state, PyObject *method, PyObject *url, PyObject *headers,
                           PyObject *content);

/* Whether these arguments, of requests and of calls, are what they may be; -1 with an exception. */
int hhpy_follow_redirects_check(PyObject *object);
int hhpy_max_response_bytes_check(PyObject *object);

#endif
