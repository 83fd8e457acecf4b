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

/* Strings and tuples out of fields; new references. */
PyObject *hhpy_headers_name_at(const hhpy_headers *self, Py_ssize_t index); /* in lower case */
PyObject *hhpy_headers_value_at(const hhpy_headers *self, Py_ssize_t index);
/* A tuple of two, which it takes over; NULL when one is. */
PyObject *hhpy_headers_pair(PyObject *first, PyObject *second);
/* Appends `item`, which it takes over; fails when it is NULL. */
int hhpy_headers_append(PyObject *list, PyObject *item);

hhpy_state *hhpy_headers_state(const hhpy_headers *self);

/* Slots and methods of the type. */
PyObject *hhpy_headers_raw(PyObject *object, void *closure);
Py_ssize_t hhpy_headers_length(PyObject *object);
PyObject *hhpy_headers_iterate(PyObject *object);
PyObject *hhpy_headers_represent(PyObject *object);
PyObject *hhpy_headers_compare(PyObject *left, PyObject *right, int operation);
PyObject *hhpy_headers_unite(PyObject *left, PyObject *right);
PyObject *hhpy_headers_unite_in_place(PyObject *self, PyObject *other);
PyObject *hhpy_headers_copy(PyObject *self, PyObject *unused);
PyObject *hhpy_headers_reduce(PyObject *self, PyObject *unused);
PyObject *hhpy_headers_size_of(PyObject *object, PyObject *unused);

int hhpy_headers_iterator_ready(PyObject *module, hhpy_state *state);

/* Whether it is a Headers or has keys(). */
int hhpy_headers_is_mapping(PyTypeObject *type, PyObject *object);

#endif
