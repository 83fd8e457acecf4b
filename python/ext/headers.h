/*
 * headers.h - hyperhttp.Headers: a case-insensitive multi-mapping that keeps order and repeats.
 *
 * Made from a mapping, an iterable of pairs, another Headers or an answer's fields. Look-up ignores
 * letter case; iteration gives names in lower case, each once; `raw` gives pairs of bytes as they
 * were given. h[name] joins repeats by ", "; get_list(name) and multi_items() keep them apart.
 * CR, LF and NUL are refused where a field is set (RFC 9110 §5.5): ValueError. A name must be a
 * token.
 */
#ifndef HYPERHTTP_EXT_HEADERS_H
#define HYPERHTTP_EXT_HEADERS_H

#include "module.h"

/* Headers from whatever a `headers=` argument may be: Headers, mapping str or bytes to str or bytes
 * (a list or tuple as a value: repeats), iterable of pairs, None (empty). TypeError, ValueError. */
PyObject *hhpy_headers_convert(hhpy_state *state, PyObject *object);

/* The header fields of an answer, or its trailers. */
typedef enum hhpy_fields { HHPY_FIELDS_HEADERS, HHPY_FIELDS_TRAILERS } hhpy_fields;
PyObject *hhpy_headers_of_response(hhpy_state *state, const hh_response *response,
                                   hhpy_fields which);

/* For the hot path. `headers` must be a Headers. `index` below the count; the slices are borrowed
 * until it next changes. The version grows with each change. */
Py_ssize_t hhpy_headers_count(PyObject *headers);
hh_field hhpy_headers_at(PyObject *headers, Py_ssize_t index);
uint64_t hhpy_headers_version(PyObject *headers);
/* Whether there is a field of that name, in any letter case. */
bool hhpy_headers_has(PyObject *headers, hh_slice name);

/* Replaces every field of that name by one; appends it when there is none. `value` a str. */
int hhpy_headers_set(PyObject *headers, const char *name, PyObject *value);
/* For each name in `other`, its fields replace those of `headers`. Both must be Headers. */
int hhpy_headers_override(PyObject *headers, PyObject *other);

#endif
