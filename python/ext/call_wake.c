/*
 * call_wake.c - who waits for a call, and how they are woken.
 *
 * asyncio's futures hand every callback to loop.call_soon, which makes a Handle for each. A call
 * that ends inside the engine's own turn of the loop needs none: no task runs there, so a waiting
 * task is stepped on the spot, in its own context. Everywhere else call_soon it is.
 */
#include "call.h"

#include <string.h>

/* --- waking ---------------------------------------------------------------------------------- */

void hhpy_call_report(hhpy_call *call, const char *message, PyObject *exception)
{
    PyObject *report = Py_BuildValue("{s:s,s:O,s:O}", "message", message, "exception", exception,
                                     "future", (PyObject *)call);
    PyObject *none =
        report != NULL ? PyObject_CallMethodOneArg(
                             call->loop, call->client->state->names.call_exception_handler, report)
                       : NULL;
    if (none == NULL)
        PyErr_WriteUnraisable((PyObject *)call);
    Py_XDECREF(none);
    Py_XDECREF(report);
}

/* A callback raised: what must end the loop stays set, the rest goes to the loop's handler. */
static void report_callback(hhpy_call *call)
{
    PyObject *type, *value, *traceback;
    if (!PyErr_ExceptionMatches(PyExc_Exception))
        return;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL)
        PyException_SetTraceback(value, traceback);
    hhpy_call_report(call, "Exception in a callback of a hyperhttp call", value);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
}

static int wake_soon(hhpy_call *call, PyObject *callback, PyObject *context)
{
    const hhpy_state *state = call->client->state;
    PyObject *args[] = {call->loop, callback, (PyObject *)call, context};
    PyObject *handle = PyObject_VectorcallMethod(
        state->names.call_soon, args, 3 | PY_VECTORCALL_ARGUMENTS_OFFSET, state->context_keyword);
    Py_XDECREF(handle);
    return handle != NULL ? 0 : -1;
}

/* Whether `callback` is a task's own: the one that steps its coroutine on. */
static bool is_of_task(const hhpy_state *state, PyObject *callback)
{
    if (!PyCFunction_CheckExact(callback))
        return false;
    const PyMethodDef *method = ((PyCFunctionObject *)callback)->m_ml;
    PyObject *task = PyCFunction_GET_SELF(callback);
    return task != NULL && (PyObject *)Py_TYPE(task) == state->layer.Task &&
           method->ml_flags == METH_O && strcmp(method->ml_name, "task_wakeup") == 0;
}

/* What the callback is called with. A task wants to know from it whether to throw something into
 * its coroutine, which then asks the call itself: what a future of asyncio's own tells by a field
 * takes it a method's name as a new str, and a search for that, of any other. */
static PyObject *argument_of(hhpy_call *call, PyObject *callback)
{
    const hhpy_engine *engine = call->client->engine;
    bool is_enough = call->state == HHPY_CALL_ANSWERED && engine != NULL && engine->done != NULL &&
                     is_of_task(call->client->state, callback);
    return is_enough ? engine->done : (PyObject *)call;
}

static void wake_now(hhpy_call *call, PyObject *callback, PyObject *context)
{
    if (PyContext_Enter(context) < 0) { /* somebody is in there: a nested loop */
        PyErr_Clear();
        if (wake_soon(call, callback, context) < 0)
            report_callback(call);
        return;
    }
    PyObject *argument = Py_NewRef(argument_of(call, callback)); /* who is woken may close */
    PyObject *result = PyObject_CallOneArg(callback, argument);
    Py_DECREF(argument);
    if (result == NULL)
        report_callback(call);
    Py_XDECREF(result);
    if (PyErr_Occurred()) {
        PyObject *type, *value, *traceback;
        PyErr_Fetch(&type, &value, &traceback);
        (void)PyContext_Exit(context);
        PyErr_Restore(type, value, traceback);
    } else if (PyContext_Exit(context) < 0) {
        PyErr_WriteUnraisable(callback);
    }
}

static void wake_one(hhpy_call *call, PyObject *callback, PyObject *context, hhpy_wake wake)
{
    if (wake == HHPY_WAKE_NOW && !PyErr_Occurred()) {
        wake_now(call, callback, context);
        return;
    }
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    /* A loop that has closed has nobody left who waits. */
    if (wake_soon(call, callback, context) < 0)
        PyErr_Clear();
    PyErr_Restore(type, value, traceback);
}

void hhpy_call_wake(hhpy_call *call, hhpy_wake wake)
{
    PyObject *callback = call->callback;
    PyObject *context = call->context;
    PyObject *more = call->callbacks;
    call->callback = call->context = call->callbacks = NULL;
    if (callback != NULL)
        wake_one(call, callback, context, wake);
    Py_XDECREF(callback);
    Py_XDECREF(context);
    for (Py_ssize_t i = 0; more != NULL && i < PyList_GET_SIZE(more); i++) {
        PyObject *pair = PyList_GET_ITEM(more, i);
        wake_one(call, PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1), wake);
    }
    Py_XDECREF(more);
}

/* --- adding and removing --------------------------------------------------------------------- */

static int remember(hhpy_call *call, PyObject *callback, PyObject *context)
{
    if (call->callback == NULL && call->callbacks == NULL) {
        call->callback = Py_NewRef(callback);
        call->context = Py_NewRef(context);
        return 0;
    }
    if (call->callbacks == NULL && (call->callbacks = PyList_New(0)) == NULL)
        return -1;
    PyObject *pair = PyTuple_Pack(2, callback, context);
    int result = pair != NULL ? PyList_Append(call->callbacks, pair) : -1;
    Py_XDECREF(pair);
    return result;
}

PyObject *hhpy_call_add_callback(hhpy_call *call, PyObject *const *args, Py_ssize_t nargs,
                                 PyObject *kwnames)
{
    PyObject *context = NULL;
    int result;
    Py_ssize_t keywords = kwnames != NULL ? PyTuple_GET_SIZE(kwnames) : 0;
    if (nargs != 1 || keywords > 1 ||
        (keywords == 1 &&
         PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, 0), "context") != 0)) {
        PyErr_SetString(PyExc_TypeError,
                        "add_done_callback() takes a callable and, by keyword, a context");
        return NULL;
    }
    if (call->state == HHPY_CALL_LAZY) {
        PyErr_SetString(PyExc_RuntimeError, "this call has no event loop yet: await it in one");
        return NULL;
    }
    if (keywords == 1 && args[1] != Py_None)
        context = Py_NewRef(args[1]);
    else
        context = PyContext_CopyCurrent();
    if (context == NULL)
        return NULL;
    if (call->state == HHPY_CALL_FLYING)
        result = remember(call, args[0], context);
    else
        result = wake_soon(call, args[0], context);
    Py_DECREF(context);
    if (result < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* How many of the further callbacks equal `callback`; they are taken out. */
static Py_ssize_t filter(hhpy_call *call, PyObject *callback)
{
    PyObject *all = call->callbacks;
    PyObject *rest = PyList_New(0);
    Py_ssize_t removed = 0;
    if (rest == NULL)
        return -1;
    Py_INCREF(all); /* comparing runs user code */
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(all); i++) {
        PyObject *pair = PyList_GET_ITEM(all, i);
        Py_INCREF(pair);
        int same = PyObject_RichCompareBool(PyTuple_GET_ITEM(pair, 0), callback, Py_EQ);
        if (same < 0 || (!same && PyList_Append(rest, pair) < 0))
            removed = -1;
        else
            removed += same;
        Py_DECREF(pair);
        if (removed < 0)
            break;
    }
    if (removed > 0 && call->callbacks == all)
        Py_SETREF(call->callbacks, Py_NewRef(rest));
    Py_DECREF(all);
    Py_DECREF(rest);
    return removed;
}

PyObject *hhpy_call_remove_callback(hhpy_call *call, PyObject *callback)
{
    Py_ssize_t removed = 0;
    if (call->callback != NULL) {
        PyObject *first = Py_NewRef(call->callback); /* comparing runs user code */
        int same = PyObject_RichCompareBool(first, callback, Py_EQ);
        bool is_there = call->callback == first;
        Py_DECREF(first);
        if (same < 0)
            return NULL;
        if (same && is_there) {
            Py_CLEAR(call->callback);
            Py_CLEAR(call->context);
            removed = 1;
        }
    }
    if (call->callbacks != NULL) {
        Py_ssize_t more = filter(call, callback);
        if (more < 0)
            return NULL;
        removed += more;
    }
    return PyLong_FromSsize_t(removed);
}
