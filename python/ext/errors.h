/*
 * errors.h - from the engine's errors to Python's exceptions.
 *
 * The tree of exceptions lives in hyperhttp/errors; `make_error` of it chooses the class by the
 * code's name and fills .request, .category, .phase, .retryable.
 */
#ifndef HYPERHTTP_EXT_ERRORS_H
#define HYPERHTTP_EXT_ERRORS_H

#include "module.h"

/* The exception for `error`; `request` (a Request or NULL) goes into its .request. HH_ERR_NO_MEMORY
 * gives MemoryError. New reference. */
PyObject *hhpy_error_make(hhpy_state *state, const hh_error *error, PyObject *request);

/* Raises it. Always returns -1. */
int hhpy_error_raise(hhpy_state *state, const hh_error *error, PyObject *request);

/* Raises for a status that came without an hh_error. `what` says what was tried: "submit", "set the
 * header". Always returns -1. */
int hhpy_status_raise(hhpy_state *state, hh_status status, const char *what);

#endif
