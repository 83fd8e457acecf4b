/*
 * ready.h - `_engine.Ready`: an awaitable that never waits. What text(), json(), read() and
 * __aexit__ return: `await` gives the value at once, any other use says "await it" (TypeError). May
 * be awaited any number of times, and gives the same answer.
 */
#ifndef HYPERHTTP_EXT_READY_H
#define HYPERHTTP_EXT_READY_H

#include "response.h"

/* Awaited, gives `value`. */
PyObject *hhpy_ready_new(hhpy_state *state, PyObject *value);

typedef enum hhpy_reading {
    HHPY_READ_NOTHING, /* the value is there already */
    HHPY_READ_CONTENT,
    HHPY_READ_TEXT,
    HHPY_READ_JSON
} hhpy_reading;

/* Awaited, decodes the answer's body. `keywords` (may be NULL): for json(), passed to the loads. */
PyObject *hhpy_ready_reading(hhpy_response *response, hhpy_reading reading, PyObject *keywords);

#endif
