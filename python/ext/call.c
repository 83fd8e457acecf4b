/*
 * call.c - the life of a call: started, answered, failed, cancelled; as a future and as a
 * coroutine.
 *
 * What it tells is in call_future.c, who waits for it in call_wake.c. `settle` is the one place
 * where a call leaves FLYING. Source: asyncio.Future and collections.abc.Coroutine; PEP 492.
 */
#include "call.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>
#include <structmember.h>

#include "call_future.h"
#include "errors.h"
#include "log.h"
#include "ready.h"
#include "response.h"
#include "sink.h"

/* --- ending ---------------------------------------------------------------------------------- */

/* Takes over `outcome`, which may be NULL for a cancelled call. */
static void settle(hhpy_call *call, hhpy_call_state state, PyObject *outcome, hhpy_wake wake)
{
    assert(call->state == HHPY_CALL_FLYING || call->state == HHPY_CALL_LAZY);
    call->state = state;
    Py_XSETREF(call->outcome, outcome);
    call->is_unseen = state == HHPY_CALL_FAILED;
    hhpy_call_wake(call, wake);
}

/* How waiters are woken now; a call of a loop that has closed has none. */
static hhpy_wake how_to_wake(const hhpy_call *call)
{
    const hhpy_engine *engine = call->client->engine;
    return engine != NULL && engine->loop == call->loop ? engine->wake : HHPY_WAKE_SOON;
}

/* The exception being raised becomes the outcome. */
static void fail_with_raised(hhpy_call *call)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    settle(call, HHPY_CALL_FAILED, value, how_to_wake(call));
}

/* Settles it, unless the log's handler has cancelled it. Takes over `outcome`. */
static void end(hhpy_call *call, hhpy_call_state state, PyObject *outcome)
{
    if (call->state == HHPY_CALL_FLYING)
        settle(call, state, outcome, how_to_wake(call));
    else
        Py_DECREF(outcome);
}

static bool is_logged(const hhpy_call *call)
{
    return call->client->engine != NULL && call->client->engine->logs;
}

/* --- what the engine tells ------------------------------------------------------------------- */

static void on_done(hhpy_call *call, const hh_event *event)
{
    PyObject *sink = call->sink;
    call->sink = NULL;
    PyObject *response = hhpy_response_new(call->client, event->response, &call->built.sent, sink,
                                           HHPY_FLAVOUR_ASYNC);
    if (response == NULL) {
        fail_with_raised(call);
        return;
    }
    if (is_logged(call))
        hhpy_log_done(call->client->state, &((hhpy_response *)response)->sent, response);
    end(call, HHPY_CALL_ANSWERED, response);
}

static void on_error(hhpy_call *call, const hh_event *event)
{
    hhpy_state *state = call->client->state;
    if (event->error->code == HH_ERR_CANCELLED) { /* its loop has closed under it */
        settle(call, HHPY_CALL_CANCELLED, NULL, how_to_wake(call));
        return;
    }
    PyObject *request = hhpy_sent_request(state, &call->built.sent);
    PyObject *exception = request != NULL ? hhpy_error_make(state, event->error, request) : NULL;
    Py_XDECREF(request);
    Py_CLEAR(call->sink);
    if (exception == NULL) {
        fail_with_raised(call);
        return;
    }
    if (is_logged(call))
        hhpy_log_done(state, &call->built.sent, exception);
    end(call, HHPY_CALL_FAILED, exception);
}

static hhpy_after on_event(hhpy_receiver *receiver, const hh_event *event)
{
    hhpy_call *call = (hhpy_call *)receiver->owner;
    if (call->state != HHPY_CALL_FLYING)
        return HHPY_EVENT_RELEASE; /* cancelled meanwhile */
    if (event->type == HH_EVENT_DONE)
        on_done(call, event);
    else if (event->type == HH_EVENT_ERROR)
        on_error(call, event);
    else if (event->type == HH_EVENT_HEADERS && call->client->engine != NULL)
        call->sink = hhpy_sink_offer(call->client->engine->client, event->id, event->response);
    return HHPY_EVENT_RELEASE;
}

/* --- starting -------------------------------------------------------------------------------- */

/* The request is in flight, or -1 with an exception. The engine is bound to the loop already: as
 * that may run Python, the cached request that was built could be gone afterwards. */
static int launch(hhpy_call *call)
{
    hhpy_engine *engine = hhpy_client_engine(call->client); /* building may have run Python */
    if (engine == NULL || (engine->loop == NULL && hhpy_engine_bind(engine) < 0))
        return -1;
    Py_XSETREF(call->loop, Py_NewRef(engine->loop));
    hh_status status = hhpy_engine_submit(engine, call->built.request, &call->receiver);
    if (status != HH_OK)
        return hhpy_status_raise(call->client->state, status, "send the request");
    call->state = HHPY_CALL_FLYING;
    if (!call->built.is_cached)
        hh_request_destroy(call->built.request);
    call->built.request = NULL;
    return 0;
}

static hhpy_call *new_call(hhpy_client *client)
{
    hhpy_call *call = PyObject_GC_New(hhpy_call, client->state->call_type);
    if (call == NULL)
        return NULL;
    memset((char *)call + sizeof(PyObject), 0, sizeof *call - sizeof(PyObject));
    call->client = (hhpy_client *)Py_NewRef(client);
    call->receiver.owner = (PyObject *)call;
    call->receiver.on_event = on_event;
    PyObject_GC_Track(call);
    return call;
}

static PyObject *start(hhpy_client *client, const hhpy_arguments *arguments, PyObject *request)
{
    hhpy_engine *engine = hhpy_client_engine(client);
    if (engine == NULL)
        return NULL;
    PyObject *loop = hhpy_engine_running_loop(engine);
    if (loop == NULL ? PyErr_Occurred() != NULL
                     : loop != engine->loop && hhpy_engine_bind(engine) < 0) {
        Py_XDECREF(loop);
        return NULL;
    }
    hhpy_call *call = new_call(client);
    if (call == NULL)
        goto done;
    hhpy_keeping keeping = loop != NULL ? HHPY_BUILD_CACHED : HHPY_BUILD_OWN;
    int result = request != NULL ? hhpy_request_build_from(client, request, &call->built)
                                 : hhpy_request_build(client, arguments, keeping, &call->built);
    if (result == 0 && loop != NULL)
        result = launch(call);
    if (result < 0) {
        call->state = HHPY_CALL_CANCELLED; /* nothing to warn about */
        Py_CLEAR(call);
    }
done:
    Py_XDECREF(loop);
    return (PyObject *)call;
}

PyObject *hhpy_call_start(hhpy_client *client, const hhpy_arguments *arguments)
{
    return start(client, arguments, NULL);
}

PyObject *hhpy_call_start_request(hhpy_client *client, PyObject *request)
{
    return start(client, NULL, request);
}

/* A lazy call is sent to for the first time. */
static int start_lazy(hhpy_call *call)
{
    hhpy_engine *engine = call->client->engine;
    if (engine != NULL && hhpy_engine_is_inherited(engine)) {
        PyErr_SetString(PyExc_RuntimeError,
                        "this call was made before the process forked: make it anew in the child");
        return -1;
    }
    engine = hhpy_client_engine(call->client);
    return engine != NULL && hhpy_engine_bind(engine) == 0 ? launch(call) : -1;
}

/* --- cancelling ------------------------------------------------------------------------------ */

/* True when it could still be cancelled. */
static bool cancel(hhpy_call *call, PyObject *message)
{
    if (call->state != HHPY_CALL_LAZY && call->state != HHPY_CALL_FLYING)
        return false;
    bool flies = call->state == HHPY_CALL_FLYING;
    Py_XSETREF(call->cancel_message, message == Py_None ? NULL : Py_XNewRef(message));
    if (flies && call->client->engine != NULL)
        hhpy_engine_cancel(call->client->engine, &call->receiver);
    settle(call, HHPY_CALL_CANCELLED, NULL, HHPY_WAKE_SOON);
    return true;
}

/* --- as a coroutine -------------------------------------------------------------------------- */

static PySendResult call_send(hhpy_call *call, PyObject *Py_UNUSED(value), PyObject **result)
{
    *result = NULL;
    call->was_sent_to = true;
    if (call->state == HHPY_CALL_LAZY && start_lazy(call) < 0) {
        fail_with_raised(call);
        call->is_unseen = false;
        PyErr_SetObject((PyObject *)Py_TYPE(call->outcome), call->outcome);
        return PYGEN_ERROR;
    }
    if (call->state == HHPY_CALL_FLYING) {
        call->is_blocking = true;
        *result = Py_NewRef(call);
        return PYGEN_NEXT;
    }
    *result = hhpy_call_outcome(call);
    return *result != NULL ? PYGEN_RETURN : PYGEN_ERROR;
}

/* What PYGEN_ says, in the older language of StopIteration. */
static PyObject *step_coroutine(hhpy_call *call)
{
    PyObject *result;
    PySendResult step = call_send(call, Py_None, &result);
    if (step != PYGEN_RETURN)
        return result;
    PyObject *stop = PyObject_CallOneArg(PyExc_StopIteration, result);
    if (stop != NULL)
        PyErr_SetObject(PyExc_StopIteration, stop);
    Py_XDECREF(stop);
    Py_DECREF(result);
    return NULL;
}

static PyObject *call_await(hhpy_call *call)
{
    return Py_NewRef(call);
}

static PyObject *call_send_method(hhpy_call *call, PyObject *Py_UNUSED(value))
{
    return step_coroutine(call);
}

/* throw(exception), and the older throw(type, value, traceback). */
static PyObject *call_throw(hhpy_call *call, PyObject *const *args, Py_ssize_t nargs)
{
    PyObject *type = nargs > 0 ? args[0] : NULL;
    if (nargs < 1 || nargs > 3) {
        PyErr_SetString(PyExc_TypeError, "throw() takes an exception");
        return NULL;
    }
    (void)cancel(call, NULL);
    if (PyExceptionInstance_Check(type)) {
        PyErr_SetObject((PyObject *)Py_TYPE(type), type);
    } else if (PyExceptionClass_Check(type)) {
        if (nargs > 1 && PyExceptionInstance_Check(args[1]))
            PyErr_SetObject((PyObject *)Py_TYPE(args[1]), args[1]);
        else
            PyErr_SetObject(type, nargs > 1 ? args[1] : NULL);
    } else {
        PyErr_SetString(PyExc_TypeError, "throw() takes an exception");
    }
    return NULL;
}

static PyObject *call_close(hhpy_call *call, PyObject *Py_UNUSED(none))
{
    (void)cancel(call, NULL);
    Py_RETURN_NONE;
}

/* --- as a future ----------------------------------------------------------------------------- */

static PyObject *call_cancel(hhpy_call *call, PyObject *const *args, Py_ssize_t nargs,
                             PyObject *kwnames)
{
    Py_ssize_t keywords = kwnames != NULL ? PyTuple_GET_SIZE(kwnames) : 0;
    if (nargs + keywords > 1 || (keywords == 1 && PyUnicode_CompareWithASCIIString(
                                                      PyTuple_GET_ITEM(kwnames, 0), "msg") != 0)) {
        PyErr_SetString(PyExc_TypeError, "cancel() takes one argument, msg");
        return NULL;
    }
    return PyBool_FromLong(cancel(call, nargs + keywords == 1 ? args[0] : NULL));
}

/* --- async with ------------------------------------------------------------------------------ */

static PyObject *call_enter(hhpy_call *call, PyObject *Py_UNUSED(none))
{
    return Py_NewRef(call);
}

static PyObject *call_exit(hhpy_call *call, PyObject *const *Py_UNUSED(args),
                           Py_ssize_t Py_UNUSED(nargs))
{
    return hhpy_ready_new(call->client->state, Py_None);
}

/* --- the type -------------------------------------------------------------------------------- */

/* An answered call has given its request to the answer. */
static PyObject *call_repr(hhpy_call *call)
{
    static const char *const words[] = {"not started", "pending", "answered", "failed",
                                        "cancelled"};
    if (call->built.sent.method == NULL)
        return PyUnicode_FromFormat("<Call %s: %R>", words[call->state], call->outcome);
    return PyUnicode_FromFormat("<Call %s: %U>", words[call->state], call->built.sent.method);
}

static int call_traverse(hhpy_call *call, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(call));
    Py_VISIT(call->client);
    Py_VISIT(call->loop);
    Py_VISIT(call->outcome);
    Py_VISIT(call->callback);
    Py_VISIT(call->context);
    Py_VISIT(call->callbacks);
    Py_VISIT(call->cancel_message);
    return hhpy_sent_visit(&call->built.sent, visit, arg);
}

/* The client stays: what is called at the end needs its state. */
static int call_clear(hhpy_call *call)
{
    hhpy_built_clear(&call->built);
    Py_CLEAR(call->outcome);
    Py_CLEAR(call->callback);
    Py_CLEAR(call->context);
    Py_CLEAR(call->callbacks);
    Py_CLEAR(call->cancel_message);
    return 0;
}

/* Whether there is anything to say at its end that nobody has heard. */
static bool is_unheard(const hhpy_call *call)
{
    return (call->state == HHPY_CALL_FAILED && call->is_unseen && call->loop != NULL) ||
           (call->state == HHPY_CALL_LAZY && !call->was_sent_to);
}

static void call_finalize(hhpy_call *call)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (is_unheard(call) && call->state == HHPY_CALL_FAILED) {
        call->is_unseen = false;
        hhpy_call_report(call, "The failure of a hyperhttp call was never seen", call->outcome);
    } else if (is_unheard(call)) {
        if (PyErr_WarnFormat(PyExc_RuntimeWarning, 1, "the %U call was never awaited",
                             call->built.sent.method) < 0)
            PyErr_WriteUnraisable((PyObject *)call);
    }
    PyErr_Restore(type, value, traceback);
}

static void call_dealloc(hhpy_call *call)
{
    PyTypeObject *type = Py_TYPE(call);
    if (is_unheard(call) && PyObject_CallFinalizerFromDealloc((PyObject *)call) < 0)
        return;
    PyObject_GC_UnTrack(call);
    if (call->weakrefs != NULL)
        PyObject_ClearWeakRefs((PyObject *)call);
    call_clear(call);
    Py_CLEAR(call->sink);
    Py_CLEAR(call->loop);
    Py_CLEAR(call->client);
    type->tp_free(call);
    Py_DECREF(type);
}

#define METHOD(function) (PyCFunction)(void (*)(void))(function)
static PyMethodDef call_methods[] = {
    {"send", METHOD(call_send_method), METH_O, "A coroutine's send()."},
    {"throw", METHOD(call_throw), METH_FASTCALL, "A coroutine's throw(): cancels, then raises."},
    {"close", METHOD(call_close), METH_NOARGS, "A coroutine's close(): cancels."},
    {"cancel", METHOD(call_cancel), METH_FASTCALL | METH_KEYWORDS,
     "cancel($self, msg=None)\n--\n\nEnds the request. False when it is done already."},
    {"cancelled", METHOD(hhpy_call_cancelled), METH_NOARGS, "Whether it was cancelled."},
    {"done", METHOD(hhpy_call_done), METH_NOARGS, "Whether it has ended, one way or another."},
    {"result", METHOD(hhpy_call_result), METH_NOARGS,
     "The Response. Raises what the request failed with, CancelledError, or InvalidStateError."},
    {"exception", METHOD(hhpy_call_exception), METH_NOARGS,
     "What the request failed with, or None. Raises CancelledError or InvalidStateError."},
    {"get_loop", METHOD(hhpy_call_get_loop), METH_NOARGS, "The event loop it belongs to."},
    {"add_done_callback", METHOD(hhpy_call_add_callback), METH_FASTCALL | METH_KEYWORDS,
     "add_done_callback($self, callback, *, context=None)\n--\n\n"
     "Calls callback(call) in the loop once it has ended."},
    {"remove_done_callback", METHOD(hhpy_call_remove_callback), METH_O,
     "Takes a callback out again; how many there were."},
    {"_make_cancelled_error", METHOD(hhpy_call_make_cancelled_error), METH_NOARGS, NULL},
    {"__aenter__", METHOD(call_enter), METH_NOARGS, NULL},
    {"__aexit__", METHOD(call_exit), METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef call_getset[] = {
    {"_asyncio_future_blocking", (getter)hhpy_call_get_blocking, (setter)hhpy_call_set_blocking,
     NULL, NULL},
    {"_cancel_message", (getter)hhpy_call_get_cancel_message, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef call_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(hhpy_call, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(
    call_doc,
    "One request under way: what Client.get() and its siblings return.\n\n"
    "Await it, enter it (async with), or hand it to asyncio's gather, create_task,\n"
    "wait_for, shield, as_completed or a TaskGroup. It is sent at once where an event loop\n"
    "runs, else when it is first awaited. Cancelling it cancels the request.");

static PyType_Slot call_slots[] = {
    {Py_tp_doc, (void *)call_doc},
    {Py_am_await, (void *)call_await},
    {Py_am_send, (void *)call_send},
    {Py_tp_iternext, (void *)step_coroutine},
    {Py_tp_repr, (void *)call_repr},
    {Py_tp_getattro, (void *)hhpy_call_getattr},
    {Py_tp_setattro, (void *)hhpy_call_setattr},
    {Py_tp_methods, call_methods},
    {Py_tp_members, call_members},
    {Py_tp_getset, call_getset},
    {Py_tp_traverse, (void *)call_traverse},
    {Py_tp_clear, (void *)call_clear},
    {Py_tp_finalize, (void *)call_finalize},
    {Py_tp_dealloc, (void *)call_dealloc},
    {0, NULL},
};

static PyType_Spec call_spec = {
    .name = "hyperhttp._engine.Call",
    .basicsize = sizeof(hhpy_call),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = call_slots,
};

int hhpy_call_ready(PyObject *module, hhpy_state *state)
{
    PyObject *name = PyUnicode_InternFromString("context");
    state->context_keyword = name != NULL ? PyTuple_Pack(1, name) : NULL;
    Py_XDECREF(name);
    if (state->context_keyword == NULL)
        return -1;
    return hhpy_type_add(module, &call_spec, NULL, &state->call_type);
}
