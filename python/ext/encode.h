/*
 * encode.h - application/x-www-form-urlencoded (URL Standard §5), for `params=` and `data=`.
 *
 * Takes a mapping (a list or tuple as a value repeats the key), an iterable of pairs, a str or
 * bytes that is encoded already. Keys and values are str, bytes, int, float, bool ("true",
 * "false"); a value None leaves the pair out. TypeError names what else came.
 */
#ifndef HYPERHTTP_EXT_ENCODE_H
#define HYPERHTTP_EXT_ENCODE_H

#include "module.h"

/* The encoded pairs, as a bytes object without '?'. */
PyObject *hhpy_encode_pairs(hhpy_state *state, PyObject *pairs);

/* `url` with `params` appended to its query, before its fragment; what the query had stays. Both
 * str results are new references. */
PyObject *hhpy_url_add_params(hhpy_state *state, PyObject *url, PyObject *params);

#endif
