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
 *       \                    |  \---ERROR-> FAILED
 *        \------cancel-------+----cancel--> CANCELLED
 *
 * Cancelling ends the request in the engine. A call nobody awaits runs on; its failure is reported
 * to the loop's exception handler when it is freed unseen.
 */
#ifndef HYPERHTTP_EXT_CALL_H
#define HYPERHTTP_EXT_CALL_H

#include "arguments.h"

typedef enum hhpy_call_state {
    HHPY_CALL_LAZY,
    HHPY_CALL_FLYING,
    HHPY_CALL_ANSWERED,
    HHPY_CALL_FAILED,
    HHPY_CALL_CANCELLED
} hhpy_call_state;

typedef struct hhpy_call {
    PyObject_HEAD hhpy_receiver receiver;
    hhpy_client *client;
    hhpy_built built;         /* the request: while LAZY only; `sent`: until there is an answer */
    PyObject *loop;           /* NULL while LAZY */
    PyObject *outcome;        /* the Response, or the exception */
    PyObject *sink;           /* bytes the body is received into, or NULL */
    PyObject *callback;       /* the first one, */
    PyObject *context;        /* and its context */
    PyObject *callbacks;      /* list of further (callback, context), or NULL */
    PyObject *cancel_message; /* or NULL */
    PyObject *weakrefs;
    hhpy_call_state state;
    bool is_blocking; /* a task waits: what asyncio calls _asyncio_future_blocking */
    bool is_unseen;   /* nobody has asked for the exception yet */
    bool was_sent_to; /* driven as a coroutine */
} hhpy_call;

/* Starts a call, or prepares one when no loop runs. */
PyObject *hhpy_call_start(hhpy_client *client, const hhpy_arguments *arguments);
PyObject *hhpy_call_start_request(hhpy_client *client, PyObject *request);

/* What the loop's waiters see: call_wake.c. `now`: they are woken in place, no task runs. */
void hhpy_call_wake(hhpy_call *call, hhpy_wake wake);
/* Tells the loop's exception handler; never raises. */
void hhpy_call_report(hhpy_call *call, const char *message, PyObject *exception);
/* The methods add_done_callback, remove_done_callback. */
PyObject *hhpy_call_add_callback(hhpy_call *call, PyObject *const *args, Py_ssize_t nargs,
                                 PyObject *kwnames);
PyObject *hhpy_call_remove_callback(hhpy_call *call, PyObject *callback);

#endif
