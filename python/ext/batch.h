/*
 * batch.h - many requests by one call: client.batch(). One crossing into C, one future for all.
 *
 * Takes an iterable of URLs (str or URL: GET) and Requests, pulled as places become free; gives a
 * list in the same order. Each request runs to its end, whatever becomes of the others. Failures
 * stand in the list as exceptions, or the first in order is raised when all have ended.
 */
#ifndef HYPERHTTP_EXT_BATCH_H
#define HYPERHTTP_EXT_BATCH_H

#include "client.h"

typedef enum hhpy_failures { HHPY_FAILURES_RAISED, HHPY_FAILURES_RETURNED } hhpy_failures;

typedef struct hhpy_batch_options {
    Py_ssize_t max_concurrent; /* 0: as many as there are places */
    hhpy_failures failures;
} hhpy_batch_options;

/* Starts it; an asyncio.Future of the list. Cancelling that ends what is under way. */
PyObject *hhpy_batch_start(hhpy_client *client, PyObject *requests,
                           const hhpy_batch_options *options);

/* The same for a Session: waits, gives the list. */
PyObject *hhpy_batch_send(hhpy_client *client, PyObject *requests,
                          const hhpy_batch_options *options);

#endif
