/*
 * engine.c - one hh_client under an event loop: stepping, dealing out events, closing.
 *
 * The loop's add_reader holds the engine and calls it whenever the client's descriptor is readable.
 * A receiver runs user code, which may submit, cancel, close, and even run another loop; so events
 * are pulled one by one, and the client is destroyed only when no call into it is under way.
 * Source: asyncio's documentation of add_reader and call_soon; hyperhttp/event.h.
 */
#include "engine.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "engine_loop.h"
#include "errors.h"
#include "log.h"

/* A turn that deals out more events than this lets the loop do something else in between. */
#define DISPATCH_MAX 16384
/* A step longer than this is taken without the GIL the next time: handshakes, decompression, large
 * bodies. Shorter ones keep it, for having it back can cost a switch interval (5 ms). */
#define LONG_STEP_NS 1000000

/* --- forks ----------------------------------------------------------------------------------- */

/* Of the process, not of Python: how often this process and its ancestors were forked off. */
static atomic_uint fork_count;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void count_fork(void)
{
    atomic_fetch_add_explicit(&fork_count, 1, memory_order_relaxed);
}

static void watch_forks(void)
{
    (void)pthread_atfork(NULL, NULL, count_fork);
}

bool hhpy_engine_is_inherited(const hhpy_engine *engine)
{
    return engine->forks != atomic_load_explicit(&fork_count, memory_order_relaxed);
}

/* --- time ------------------------------------------------------------------------------------ */

static int64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* --- receivers in flight --------------------------------------------------------------------- */

static void link_receiver(hhpy_engine *engine, hhpy_receiver *receiver)
{
    receiver->previous = NULL;
    receiver->next = engine->flying;
    if (engine->flying != NULL)
        engine->flying->previous = receiver;
    engine->flying = receiver;
    engine->flying_count++;
    Py_INCREF(receiver->owner);
}

/* The reference to its owner goes to the caller. */
static void unlink_receiver(hhpy_engine *engine, hhpy_receiver *receiver)
{
    if (receiver->previous != NULL)
        receiver->previous->next = receiver->next;
    else
        engine->flying = receiver->next;
    if (receiver->next != NULL)
        receiver->next->previous = receiver->previous;
    receiver->previous = receiver->next = NULL;
    receiver->id = 0;
    engine->flying_count--;
}

static void drop_receivers(hhpy_engine *engine)
{
    while (engine->flying != NULL) {
        PyObject *owner = engine->flying->owner;
        unlink_receiver(engine, engine->flying);
        Py_DECREF(owner);
    }
}

hh_status hhpy_engine_submit(hhpy_engine *engine, hh_request *request, hhpy_receiver *receiver)
{
    if (engine->is_closed)
        return HH_ERR_CLIENT_CLOSED;
    hh_status status = hh_submit(engine->client, request, receiver, &receiver->id);
    if (status == HH_OK)
        link_receiver(engine, receiver);
    return status;
}

void hhpy_engine_cancel(hhpy_engine *engine, const hhpy_receiver *receiver)
{
    if (engine->client != NULL && receiver->id != 0)
        (void)hh_cancel(engine->client, receiver->id);
}

void hhpy_engine_release(hhpy_engine *engine, const hh_event *event)
{
    if (engine->client != NULL)
        hh_event_release(engine->client, event);
}

/* --- the client's end ------------------------------------------------------------------------ */

static void destroy_client(hhpy_engine *engine)
{
    hh_client *client = engine->client;
    engine->client = NULL;
    hh_client_destroy(client);
}

void hhpy_engine_enter(hhpy_engine *engine)
{
    Py_INCREF(engine);
    engine->busy++;
}

void hhpy_engine_leave(hhpy_engine *engine)
{
    engine->busy--;
    if (engine->is_closed && engine->busy == 0 && engine->client != NULL)
        destroy_client(engine);
    Py_DECREF(engine);
}

/* --- the step -------------------------------------------------------------------------------- */

static void step(hhpy_engine *engine)
{
    int64_t begun = clock_ns();
    if (engine->steps_without_gil) {
        Py_BEGIN_ALLOW_THREADS;
        (void)hh_client_step(engine->client, 0);
        Py_END_ALLOW_THREADS;
    } else {
        (void)hh_client_step(engine->client, 0);
    }
    engine->steps_without_gil = clock_ns() - begun > LONG_STEP_NS;
}

static void deal_out(hhpy_engine *engine, const hh_event *event)
{
    hhpy_receiver *receiver = event->tag;
    PyObject *owner = NULL;
    if (event->type == HH_EVENT_DONE || event->type == HH_EVENT_ERROR) {
        owner = receiver->owner;
        unlink_receiver(engine, receiver);
    }
    if (receiver->on_event(receiver, event) == HHPY_EVENT_RELEASE)
        hhpy_engine_release(engine, event);
    Py_XDECREF(owner);
}

/* Comes back when there is nothing left, the turn has been long enough, or an exception must end
 * it. True: there may be more. */
static bool deal_out_all(hhpy_engine *engine)
{
    for (int i = 0; i < DISPATCH_MAX; i++) {
        const hh_event *event = hh_next_event(engine->client);
        if (event == NULL)
            return false;
        deal_out(engine, event);
        if (PyErr_Occurred())
            return true;
    }
    return true;
}

/* The descriptor doesn't tell of events that a step has left. */
static int come_again(hhpy_engine *engine)
{
    PyObject *type, *value, *traceback;
    if (engine->loop == NULL) /* closed by who was woken, who may have raised after that */
        return PyErr_Occurred() ? -1 : 0;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *handle =
        PyObject_CallMethodOneArg(engine->loop, engine->state->names.call_soon, (PyObject *)engine);
    if (type != NULL) {
        Py_XDECREF(handle);
        PyErr_Restore(type, value, traceback);
        return -1;
    }
    Py_XDECREF(handle);
    return handle != NULL ? 0 : -1;
}

/* What the loop calls. */
static PyObject *engine_run(hhpy_engine *engine, PyObject *Py_UNUSED(args),
                            PyObject *Py_UNUSED(keywords))
{
    if (engine->is_closed)
        Py_RETURN_NONE;
    int result = 0;
    const PyThreadState *outer = engine->turn;
    hhpy_engine_enter(engine);
    step(engine);
    engine->logs = hhpy_log_is_wanted(engine->state);
    engine->wake = HHPY_WAKE_NOW;
    engine->turn = PyThreadState_Get();
    if (deal_out_all(engine))
        result = come_again(engine);
    engine->turn = outer;
    engine->wake = HHPY_WAKE_SOON;
    hhpy_engine_leave(engine);
    if (result < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* --- closing --------------------------------------------------------------------------------- */

/* Whether closing must be left to the loop's own thread. -1 with an exception. */
static int is_elsewhere(hhpy_engine *engine)
{
    if (engine->loop == NULL)
        return 0;
    int is_running = hhpy_loop_ask(engine->loop, engine->state->names.is_running);
    if (is_running <= 0)
        return is_running;
    PyObject *here = hhpy_running_loop(engine->state);
    int is_other = here != engine->loop;
    Py_XDECREF(here);
    return PyErr_Occurred() ? -1 : is_other;
}

static int close_from_loop(hhpy_engine *engine)
{
    PyObject *close = PyObject_GetAttrString((PyObject *)engine, "close");
    if (close == NULL)
        return -1;
    PyObject *handle =
        PyObject_CallMethodOneArg(engine->loop, engine->state->names.call_soon_threadsafe, close);
    Py_DECREF(close);
    Py_XDECREF(handle);
    return handle != NULL ? 0 : -1;
}

static int close_here(hhpy_engine *engine)
{
    int result = 0;
    hhpy_wake wake = engine->wake;
    hhpy_engine_enter(engine);
    if (engine->loop != NULL) {
        int is_closed = hhpy_loop_ask(engine->loop, engine->state->names.is_closed);
        if (is_closed != 0)
            hhpy_loop_forget(engine);
        else
            result = hhpy_loop_leave(engine);
        if (is_closed < 0)
            result = -1;
    }
    engine->is_closed = true;
    engine->wake = HHPY_WAKE_SOON;
    Py_BEGIN_ALLOW_THREADS;
    hh_client_close(engine->client);
    Py_END_ALLOW_THREADS;
    while (result == 0 && deal_out_all(engine))
        result = PyErr_Occurred() ? -1 : 0;
    engine->wake = wake;
    hhpy_engine_leave(engine);
    return result;
}

int hhpy_engine_close(hhpy_engine *engine)
{
    if (engine->is_closed)
        return 0;
    int elsewhere = is_elsewhere(engine);
    if (elsewhere < 0)
        return -1;
    return elsewhere ? close_from_loop(engine) : close_here(engine);
}

static PyObject *engine_close(hhpy_engine *engine, PyObject *Py_UNUSED(none))
{
    if (hhpy_engine_close(engine) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* --- the type -------------------------------------------------------------------------------- */

hhpy_engine *hhpy_engine_new(hhpy_state *state, const hh_client_options *options)
{
    hhpy_engine *engine = PyObject_GC_New(hhpy_engine, state->engine_type);
    hh_error error;
    if (engine == NULL)
        return NULL;
    memset((char *)engine + sizeof(PyObject), 0, sizeof *engine - sizeof(PyObject));
    engine->state = state;
    pthread_once(&fork_once, watch_forks);
    engine->forks = atomic_load_explicit(&fork_count, memory_order_relaxed);
    if (hh_client_create_error(options, &engine->client, &error) != HH_OK) {
        Py_DECREF(engine);
        hhpy_error_raise(state, &error, NULL);
        return NULL;
    }
    PyObject_GC_Track(engine);
    return engine;
}

static int engine_traverse(hhpy_engine *engine, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(engine));
    Py_VISIT(engine->loop);
    Py_VISIT(engine->done);
    Py_VISIT(engine->get_loop);
    for (hhpy_receiver *each = engine->flying; each != NULL; each = each->next)
        Py_VISIT(each->owner);
    return 0;
}

static int engine_clear(hhpy_engine *engine)
{
    engine->is_closed = true;
    if (engine->client != NULL && engine->busy == 0)
        destroy_client(engine);
    drop_receivers(engine);
    hhpy_loop_forget(engine);
    return 0;
}

static void engine_dealloc(hhpy_engine *engine)
{
    PyTypeObject *type = Py_TYPE(engine);
    PyObject_GC_UnTrack(engine);
    engine_clear(engine);
    type->tp_free(engine);
    Py_DECREF(type);
}

static PyMethodDef engine_methods[] = {
    {"close", (PyCFunction)(void (*)(void))engine_close, METH_NOARGS,
     "Ends what is in flight and frees the engine. Twice is fine."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot engine_slots[] = {
    {Py_tp_doc, (void *)"What the event loop calls when a client's descriptor is readable."},
    {Py_tp_call, (void *)engine_run},
    {Py_tp_methods, engine_methods},
    {Py_tp_traverse, (void *)engine_traverse},
    {Py_tp_clear, (void *)engine_clear},
    {Py_tp_dealloc, (void *)engine_dealloc},
    {0, NULL},
};

static PyType_Spec engine_spec = {
    .name = "hyperhttp._engine.Engine",
    .basicsize = sizeof(hhpy_engine),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = engine_slots,
};

int hhpy_engine_ready(PyObject *module, hhpy_state *state)
{
    return hhpy_type_add(module, &engine_spec, NULL, &state->engine_type);
}
