/*
 * url.h - hyperhttp.URL: an absolute http or https URL, parsed as browsers do; immutable.
 */
#ifndef HYPERHTTP_EXT_URL_H
#define HYPERHTTP_EXT_URL_H

#include "module.h"

/* A URL from text; raises InvalidURL with the sentence that says which part is wrong. */
PyObject *hhpy_url_new(hhpy_state *state, hh_slice text);

/* The text of a `url=` argument: a str as it is, or a URL's. New reference to a str; TypeError. */
PyObject *hhpy_url_text(hhpy_state *state, PyObject *object);

/* The text of a URL for people to read: "[secure]" stands for a password. New reference. */
PyObject *hhpy_url_shown(PyObject *url);

#endif
