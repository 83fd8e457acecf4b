/*
 * timeout.h - hyperhttp.Timeout: an immutable set of bounds, in seconds.
 *
 * Timeout(30.0, connect=10.0, pool=5.0, total=60.0): the first argument bounds connect, read and
 * write each; a keyword overrides it; None means unbounded; what isn't given is as the client, or
 * the library, has it. Compares, hashes, pickles, and shows as a call.
 */
#ifndef HYPERHTTP_EXT_TIMEOUT_H
#define HYPERHTTP_EXT_TIMEOUT_H

#include "module.h"

/* What a `timeout=` argument says: a Timeout, a number of seconds (at least 0, finite; 0 is one
 * millisecond) for connect, read and write, None for no bound at all, or a tuple: (connect, read)
 * as requests takes it, (connect, read, write, pool) as httpx does. TypeError or ValueError
 * otherwise.
 */
int hhpy_timeouts_convert(hhpy_state *state, PyObject *object, hh_timeouts *out);

/* A Timeout with these bounds. */
PyObject *hhpy_timeout_new(hhpy_state *state, const hh_timeouts *timeouts);

#endif
