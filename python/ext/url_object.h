/*
 * url_object.h - the struct of a URL, and its changed copies: for url*.c alone.
 */
#ifndef HYPERHTTP_EXT_URL_OBJECT_H
#define HYPERHTTP_EXT_URL_OBJECT_H

#include "url.h"

typedef struct hhpy_url {
    PyObject_HEAD hh_url *url;
    PyObject *text; /* str, once asked for */
} hhpy_url;

hhpy_state *hhpy_url_state(const hhpy_url *self);

/* Whether the port is written: it isn't the scheme's own. */
bool hhpy_url_has_port(const hh_url *url);

/* The query's pairs, undone, as a new list of (str, str). */
PyObject *hhpy_url_pairs(hh_slice query);

/* Methods of URL (url_copy.c). */
PyObject *hhpy_url_copy_with(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *hhpy_url_copy_add_param(PyObject *self, PyObject *args);
PyObject *hhpy_url_copy_set_param(PyObject *self, PyObject *args);
PyObject *hhpy_url_copy_remove_param(PyObject *self, PyObject *key);
PyObject *hhpy_url_copy_merge_params(PyObject *self, PyObject *params);

#endif
