/*
 * blocking.h - a Session's requests: sent from the calling thread, the GIL released while it waits.
 *
 * Any number of threads at once on one client: the engine lets one of them drive for all. A signal
 * runs Python's handlers; if they raise, the request is cancelled, else the wait goes on (PEP 475).
 */
#ifndef HYPERHTTP_EXT_BLOCKING_H
#define HYPERHTTP_EXT_BLOCKING_H

#include "arguments.h"

/* The answer, or an exception. */
PyObject *hhpy_blocking_send(hhpy_client *client, const hhpy_arguments *arguments);
PyObject *hhpy_blocking_send_request(hhpy_client *client, PyObject *request);

/* The next event of a channel, as hh_channel_next, signals and the GIL seen to. NULL with an
 * exception. */
const hh_event *hhpy_channel_wait(hhpy_state *state, hh_channel *channel);

#endif
