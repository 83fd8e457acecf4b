/*
 * engine.h - one hh_client under one event loop at a time: steps it, and deals its events out.
 *
 * An engine is the callback that the loop's add_reader calls. Each submit names a *receiver*, which
 * gets the events of its exchange, in order, the terminal one last. From submit to terminal event
 * the engine holds a reference to the receiver's owner. Receivers run user code (they wake tasks),
 * so anything may have changed when on_event returns: the client closed, the engine on another
 * loop.
 *
 *     UNBOUND --bind--> BOUND --the loop closed, or idle and another runs--> BOUND to the other
 *                         \--close--> CLOSED
 */
#ifndef HYPERHTTP_EXT_ENGINE_H
#define HYPERHTTP_EXT_ENGINE_H

#include "module.h"

typedef struct hhpy_receiver hhpy_receiver;
typedef struct hhpy_engine hhpy_engine;

typedef enum hhpy_after {
    HHPY_EVENT_RELEASE, /* the engine gives the event back */
    HHPY_EVENT_KEEP     /* the receiver does, by hhpy_engine_release */
} hhpy_after;

struct hhpy_receiver {
    hhpy_receiver *previous; /* in the engine's list while in flight */
    hhpy_receiver *next;
    hh_id id;        /* 0: not in flight */
    PyObject *owner; /* borrowed; the engine holds a reference while in flight */
    /* Takes one event. Errors are its own to report: none leaves it but by PyErr_ being set to
     * something that must end the loop's turn (KeyboardInterrupt, SystemExit). */
    hhpy_after (*on_event)(hhpy_receiver *receiver, const hh_event *event);
};

/* How a receiver wakes who waits for it: at once, where the engine is called by the loop and no
 * task runs; else by the loop's call_soon. */
typedef enum hhpy_wake { HHPY_WAKE_SOON, HHPY_WAKE_NOW } hhpy_wake;

struct hhpy_engine {
    PyObject_HEAD hhpy_state *state;
    hh_client *client;  /* NULL: destroyed */
    PyObject *loop;     /* NULL: unbound */
    PyObject *done;     /* a future of asyncio's that is done: what a woken task is called with */
    PyObject *get_loop; /* the method of every call of this loop */
    const PyThreadState *turn; /* the thread in which the loop has called the engine, or NULL */
    hhpy_receiver *flying;
    size_t flying_count;
    unsigned forks; /* of this process and its ancestors when it was made */
    unsigned busy;  /* calls into the client under way: it can't be destroyed yet */
    hhpy_wake wake;
    bool is_closed;
    bool steps_without_gil; /* the last step was long, so the next lets other threads run */
    bool logs;              /* the logger wants a line for each request; looked at once a step */
};

/* An unbound engine over a client made with `options`. */
hhpy_engine *hhpy_engine_new(hhpy_state *state, const hh_client_options *options);

/* Whether a parent process made it: then it can only be dropped. */
bool hhpy_engine_is_inherited(const hhpy_engine *engine);

/* Around calls that release the GIL: in between the client stays, even if another thread closes it.
 */
void hhpy_engine_enter(hhpy_engine *engine);
void hhpy_engine_leave(hhpy_engine *engine);

/* Binds to the running loop. RuntimeError: none is running, or another living loop has requests
 * here. 0 at once when bound to it already. */
int hhpy_engine_bind(hhpy_engine *engine);
/* The loop that runs in this thread, a new reference; NULL without an exception when none does. */
PyObject *hhpy_running_loop(hhpy_state *state);
/* The same, for who is about to send: without asking asyncio, which makes a system call of it, when
 * the loop has called the engine and the engine woke who asks. Who runs another loop in there all
 * the same gets a call of the outer one, which that other loop refuses to wait for. */
PyObject *hhpy_engine_running_loop(const hhpy_engine *engine);

/* Sends; the engine must be bound. On success the receiver is in flight. Raises nothing. */
hh_status hhpy_engine_submit(hhpy_engine *engine, hh_request *request, hhpy_receiver *receiver);
/* Asks for the end of a receiver's exchange; its terminal event comes as ever. */
void hhpy_engine_cancel(hhpy_engine *engine, const hhpy_receiver *receiver);
void hhpy_engine_release(hhpy_engine *engine, const hh_event *event);

/* Ends what is in flight with HH_ERR_CLIENT_CLOSED, hands out every terminal event, leaves the
 * loop, destroys the client. Events that were kept are void from then on (`client` is NULL). From
 * another thread than that of its running loop, the loop does it soon. Twice is fine. */
int hhpy_engine_close(hhpy_engine *engine);

#endif
