/*
 * call_future.c - what a call tells as a future, and to the task that awaits it.
 *
 * How it begins, ends and is cancelled is in call.c; who waits for it in call_wake.c. Source:
 * asyncio.Future, and what asyncio's tasks look up of one that isn't asyncio's own.
 */
#include "call_future.h"

static PyObject *cancelled_error(hhpy_call *call)
{
    PyObject *type = call->client->state->layer.CancelledError;
    return call->cancel_message != NULL ? PyObject_CallOneArg(type, call->cancel_message)
                                        : PyObject_CallNoArgs(type);
}

static PyObject *raise_cancelled(hhpy_call *call)
{
    PyObject *exception = cancelled_error(call);
    if (exception != NULL)
        PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    Py_XDECREF(exception);
    return NULL;
}

static PyObject *raise_invalid_state(hhpy_call *call, const char *message)
{
    PyObject *exception =
        PyObject_CallFunction(call->client->state->layer.invalid_state, "s", message);
    if (exception != NULL)
        PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    Py_XDECREF(exception);
    return NULL;
}

PyObject *hhpy_call_outcome(hhpy_call *call)
{
    switch (call->state) {
    case HHPY_CALL_ANSWERED:
        return Py_NewRef(call->outcome);
    case HHPY_CALL_FAILED:
        call->is_unseen = false;
        PyErr_SetObject((PyObject *)Py_TYPE(call->outcome), call->outcome);
        return NULL;
    case HHPY_CALL_CANCELLED:
        return raise_cancelled(call);
    case HHPY_CALL_LAZY:
    case HHPY_CALL_FLYING:
        break;
    }
    return raise_invalid_state(call, "the call isn't done yet");
}

PyObject *hhpy_call_cancelled(hhpy_call *call, PyObject *Py_UNUSED(none))
{
    return PyBool_FromLong(call->state == HHPY_CALL_CANCELLED);
}

static bool is_done(const hhpy_call *call)
{
    return call->state != HHPY_CALL_LAZY && call->state != HHPY_CALL_FLYING;
}

PyObject *hhpy_call_done(hhpy_call *call, PyObject *Py_UNUSED(none))
{
    return PyBool_FromLong(is_done(call));
}

PyObject *hhpy_call_result(hhpy_call *call, PyObject *Py_UNUSED(none))
{
    return hhpy_call_outcome(call);
}

PyObject *hhpy_call_exception(hhpy_call *call, PyObject *Py_UNUSED(none))
{
    if (call->state == HHPY_CALL_CANCELLED)
        return raise_cancelled(call);
    if (!is_done(call))
        return raise_invalid_state(call, "the call isn't done yet");
    call->is_unseen = false;
    return Py_NewRef(call->state == HHPY_CALL_FAILED ? call->outcome : Py_None);
}

PyObject *hhpy_call_get_loop(hhpy_call *call, PyObject *Py_UNUSED(none))
{
    if (call->loop != NULL)
        return Py_NewRef(call->loop);
    PyErr_SetString(PyExc_RuntimeError, "this call has no event loop yet: await it in one");
    return NULL;
}

PyObject *hhpy_call_make_cancelled_error(hhpy_call *call, PyObject *Py_UNUSED(none))
{
    return cancelled_error(call);
}

PyObject *hhpy_call_get_blocking(hhpy_call *call, void *Py_UNUSED(closure))
{
    if (call->state == HHPY_CALL_LAZY)
        Py_RETURN_NONE;
    return PyBool_FromLong(call->is_blocking);
}

int hhpy_call_set_blocking(hhpy_call *call, PyObject *value, void *Py_UNUSED(closure))
{
    int truth = value != NULL ? PyObject_IsTrue(value) : 0;
    if (truth < 0)
        return -1;
    call->is_blocking = truth;
    return 0;
}

PyObject *hhpy_call_get_cancel_message(hhpy_call *call, void *Py_UNUSED(closure))
{
    return Py_NewRef(call->cancel_message != NULL ? call->cancel_message : Py_None);
}

/* A task looks these names up at each await. Here they are found by address, and no method is made
 * where one serves all. */
PyObject *hhpy_call_getattr(PyObject *self, PyObject *name)
{
    hhpy_call *call = (hhpy_call *)self;
    const hhpy_engine *engine = call->client->engine;
    if (name == call->client->state->names._asyncio_future_blocking)
        return hhpy_call_get_blocking(call, NULL);
    if (name == call->client->state->names.get_loop && engine != NULL && call->loop != NULL &&
        call->loop == engine->loop)
        return Py_NewRef(engine->get_loop);
    return PyObject_GenericGetAttr(self, name);
}

int hhpy_call_setattr(PyObject *self, PyObject *name, PyObject *value)
{
    hhpy_call *call = (hhpy_call *)self;
    if (name == call->client->state->names._asyncio_future_blocking)
        return hhpy_call_set_blocking(call, value, NULL);
    return PyObject_GenericSetAttr(self, name, value);
}
