/*
 * engine_loop.c - an engine and the event loops it is bound to, one after another.
 *
 * What the loop then calls is in engine.c. Source: asyncio's documentation of add_reader, and of
 * what must be done in the loop's own thread.
 */
#include "engine_loop.h"

PyObject *hhpy_running_loop(hhpy_state *state)
{
    PyObject *loop = PyObject_CallNoArgs(state->layer.get_running_loop);
    if (loop == Py_None)
        Py_CLEAR(loop);
    return loop;
}

PyObject *hhpy_engine_running_loop(const hhpy_engine *engine)
{
    if (engine->turn != NULL && engine->turn == PyThreadState_Get() && engine->loop != NULL)
        return Py_NewRef(engine->loop);
    return hhpy_running_loop(engine->state);
}

int hhpy_loop_ask(PyObject *loop, PyObject *question)
{
    PyObject *answer = PyObject_CallMethodNoArgs(loop, question);
    if (answer == NULL)
        return -1;
    int truth = PyObject_IsTrue(answer);
    Py_DECREF(answer);
    return truth;
}

/* A method of the loop: itself. */
static PyObject *give_self(PyObject *self, PyObject *Py_UNUSED(none))
{
    return Py_NewRef(self);
}

static PyMethodDef get_loop_method = {"get_loop", give_self, METH_NOARGS,
                                      "The event loop it belongs to."};

/* Loops may have futures of their own, or none: then there is none. */
static int make_done(hhpy_engine *engine, PyObject *loop)
{
    const hhpy_state *state = engine->state;
    PyObject *future = PyObject_CallMethodNoArgs(loop, state->names.create_future);
    if (future == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_Exception))
            return -1;
        PyErr_Clear();
        return 0;
    }
    PyObject *none = PyObject_CallMethodOneArg(future, state->names.set_result, Py_None);
    if (none == NULL) {
        Py_DECREF(future);
        return -1;
    }
    Py_DECREF(none);
    if ((PyObject *)Py_TYPE(future) != state->layer.Future)
        Py_CLEAR(future);
    Py_XSETREF(engine->done, future);
    return 0;
}

void hhpy_loop_forget(hhpy_engine *engine)
{
    Py_CLEAR(engine->done);
    Py_CLEAR(engine->get_loop);
    Py_CLEAR(engine->loop);
}

static PyObject *add_reader(hhpy_engine *engine, PyObject *loop)
{
    PyObject *fd = PyLong_FromLong(hh_client_fd(engine->client));
    if (fd == NULL)
        return NULL;
    PyObject *args[] = {loop, fd, (PyObject *)engine};
    PyObject *none = PyObject_VectorcallMethod(engine->state->names.add_reader, args,
                                               3 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    Py_DECREF(fd);
    return none;
}

static int join_loop(hhpy_engine *engine, PyObject *loop)
{
    Py_XSETREF(engine->get_loop, PyCFunction_New(&get_loop_method, loop));
    PyObject *none =
        engine->get_loop != NULL && make_done(engine, loop) == 0 ? add_reader(engine, loop) : NULL;
    if (none == NULL) {
        hhpy_loop_forget(engine);
        return -1;
    }
    Py_DECREF(none);
    engine->loop = Py_NewRef(loop);
    return 0;
}

int hhpy_loop_leave(hhpy_engine *engine)
{
    PyObject *fd = PyLong_FromLong(hh_client_fd(engine->client));
    if (fd == NULL)
        return -1;
    PyObject *loop = Py_NewRef(engine->loop);
    hhpy_loop_forget(engine);
    PyObject *was = PyObject_CallMethodOneArg(loop, engine->state->names.remove_reader, fd);
    Py_DECREF(fd);
    Py_DECREF(loop);
    Py_XDECREF(was);
    return was != NULL ? 0 : -1;
}

/* The loop has closed: nobody waits any more for what was in flight there. */
static void forsake_loop(hhpy_engine *engine)
{
    for (hhpy_receiver *each = engine->flying; each != NULL; each = each->next)
        hhpy_engine_cancel(engine, each);
    hhpy_loop_forget(engine);
}

/* Leaves the loop that another one is to replace. */
static int change_loop(hhpy_engine *engine)
{
    const hhpy_state *state = engine->state;
    int is_closed = hhpy_loop_ask(engine->loop, state->names.is_closed);
    if (is_closed < 0)
        return -1;
    if (is_closed) {
        forsake_loop(engine);
        return 0;
    }
    int is_running = hhpy_loop_ask(engine->loop, state->names.is_running);
    if (is_running < 0)
        return -1;
    if (is_running || engine->flying_count > 0) {
        PyErr_SetString(PyExc_RuntimeError,
                        "this client is in use by another event loop that is still open; "
                        "make one client for each loop, or close the other loop first");
        return -1;
    }
    return hhpy_loop_leave(engine);
}

static int refuse_no_loop(void)
{
    PyErr_SetString(PyExc_RuntimeError,
                    "no asyncio event loop is running in this thread: await it inside a coroutine "
                    "run by asyncio.run(), or use hyperhttp.Session for blocking calls "
                    "(trio isn't supported)");
    return -1;
}

int hhpy_engine_bind(hhpy_engine *engine)
{
    PyObject *loop = hhpy_running_loop(engine->state);
    int result = -1;
    if (loop == NULL)
        return PyErr_Occurred() ? -1 : refuse_no_loop();
    if (loop == engine->loop)
        result = 0;
    else if (engine->is_closed)
        PyErr_SetString(PyExc_RuntimeError, "the client is closed");
    else if (engine->loop == NULL || change_loop(engine) == 0)
        result = join_loop(engine, loop);
    Py_DECREF(loop);
    return result;
}
