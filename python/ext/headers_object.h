/*
 * headers_object.h - the struct of a Headers, and how fields get into one: for headers*.c alone.
 */
#ifndef HYPERHTTP_EXT_HEADERS_OBJECT_H
#define HYPERHTTP_EXT_HEADERS_OBJECT_H

#include "header_store.h"
#include "headers.h"

typedef struct hhpy_headers {
    PyObject_HEAD hhpy_store store;
    uint64_t version; /* one more at each change */
} hhpy_headers;

/* An empty one. */
hhpy_headers *hhpy_headers_alloc(PyTypeObject *type);

/* A name or value as bytes, borrowed from `object`, checked; white space around a value is left
 * out. TypeError, ValueError. */
int hhpy_headers_check_name(PyObject *object, hh_slice *out);
int hhpy_headers_check_value(PyObject *object, hh_slice name, hh_slice *out);

/* Whether it is a Headers or has keys(). */
int hhpy_headers_is_mapping(PyTypeObject *type, PyObject *object);

#endif
