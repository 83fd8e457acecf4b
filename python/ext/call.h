/*
 * call.h - `_engine.Call`: one request under way, what client.get() returns. Future and coroutine.
 *
 * With a loop running it is submitted at once and is a Future of that loop: await, gather,
 * wait_for, shield, as_completed take it without a Task. With none it is a coroutine only
 * (`_asyncio_future_blocking` reads None), submitted when first sent to: asyncio.run and
 * run_coroutine_threadsafe take it. create_task and TaskGroup take it either way. asyncio.wait
 * refuses it, as it refuses coroutines.
 *
 *     LAZY --first send--> FLYING --DONE--> ANSWERED
 *       \                     \----ERROR--> FAILED
 *        \-----cancel----------\--cancel--> CANCELLED
 */
#ifndef HYPERHTTP_EXT_CALL_H
#define HYPERHTTP_EXT_CALL_H

#include "arguments.h"

/* Starts a call, or prepares one when no loop runs. */
PyObject *hhpy_call_start(hhpy_client *client, const hhpy_arguments *arguments);
PyObject *hhpy_call_start_request(hhpy_client *client, PyObject *request);

/* Sends `arguments` and waits, the GIL released: the answer, or an exception. */
PyObject *hhpy_blocking_send(hhpy_client *client, const hhpy_arguments *arguments);
PyObject *hhpy_blocking_send_request(hhpy_client *client, PyObject *request);

#endif
