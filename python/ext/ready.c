/*
 * ready.c - _engine.Ready: what it is to await something that is there, and to forget to.
 *
 * A Ready is its own iterator and never yields. The body is decoded at the first await; the answer
 * is kept, so that a second await gives the same object. Where decoding failed it is tried again.
 * It has send, throw and close, so that create_task, gather and asyncio.run take it as a coroutine.
 * Invariant: `value` or `response` is set until the garbage collector clears it. Source: PEP 492.
 */
#include "ready.h"

typedef struct ready {
    PyObject_HEAD hhpy_response *response; /* what to read; NULL: nothing */
    PyObject *keywords;                    /* dict for json(), or NULL */
    PyObject *value;                       /* once it is known */
    hhpy_reading reading;
} ready;

static ready *cast(PyObject *self)
{
    return (ready *)self;
}

static ready *make(hhpy_state *state, hhpy_reading reading)
{
    ready *self = PyObject_GC_New(ready, state->ready_type);
    if (self == NULL)
        return NULL;
    self->response = NULL;
    self->keywords = NULL;
    self->value = NULL;
    self->reading = reading;
    return self;
}

PyObject *hhpy_ready_new(hhpy_state *state, PyObject *value)
{
    ready *self = make(state, HHPY_READ_NOTHING);
    if (self == NULL)
        return NULL;
    self->value = Py_NewRef(value);
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

PyObject *hhpy_ready_reading(hhpy_response *response, hhpy_reading reading, PyObject *keywords)
{
    ready *self = make(response->state, reading);
    if (self == NULL)
        return NULL;
    self->response = (hhpy_response *)Py_NewRef((PyObject *)response);
    self->keywords = Py_XNewRef(keywords);
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

static int traverse(PyObject *object, visitproc visit, void *arg)
{
    ready *self = cast(object);
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->response);
    Py_VISIT(self->keywords);
    Py_VISIT(self->value);
    return 0;
}

static int clear(PyObject *object)
{
    ready *self = cast(object);
    Py_CLEAR(self->response);
    Py_CLEAR(self->keywords);
    Py_CLEAR(self->value);
    return 0;
}

static void dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    clear(object);
    type->tp_free(object);
    Py_DECREF(type);
}

/* --- awaiting -------------------------------------------------------------------------------- */

static PyObject *read_response(ready *self)
{
    switch (self->reading) {
    case HHPY_READ_CONTENT:
        return hhpy_response_content(self->response);
    case HHPY_READ_TEXT:
        return hhpy_response_decode_text(self->response);
    case HHPY_READ_JSON:
        return hhpy_response_decode_json(self->response, self->keywords);
    case HHPY_READ_NOTHING:
        break;
    }
    Py_RETURN_NONE;
}

/* The value, a new reference. */
static PyObject *take(ready *self)
{
    if (self->value == NULL) {
        PyObject *value = self->response != NULL ? read_response(self) : Py_NewRef(Py_None);
        if (value == NULL)
            return NULL;
        Py_XSETREF(self->value, value);
        /* The answer isn't kept alive for what has been read of it; its name is in `reading`. */
        Py_CLEAR(self->response);
        Py_CLEAR(self->keywords);
    }
    return Py_NewRef(self->value);
}

static PySendResult send_any(PyObject *object, PyObject *sent, PyObject **result)
{
    (void)sent;
    *result = take(cast(object));
    return *result != NULL ? PYGEN_RETURN : PYGEN_ERROR;
}

/* Ends an iteration with the value. Not PyErr_SetObject with the value itself: a tuple would be
 * taken for the exception's arguments. */
static PyObject *next(PyObject *object)
{
    PyObject *value = take(cast(object));
    PyObject *stop = value != NULL ? PyObject_CallOneArg(PyExc_StopIteration, value) : NULL;
    if (stop != NULL)
        PyErr_SetObject(PyExc_StopIteration, stop);
    Py_XDECREF(value);
    Py_XDECREF(stop);
    return NULL;
}

static PyObject *send(PyObject *object, PyObject *sent)
{
    (void)sent;
    return next(object);
}

static PyObject *throw_in(PyObject *object, PyObject *const *args, Py_ssize_t count)
{
    (void)object;
    if (count < 1 || count > 3) {
        PyErr_SetString(PyExc_TypeError, "throw() takes from 1 to 3 arguments");
        return NULL;
    }
    PyObject *error = count > 1 && args[1] != Py_None ? args[1] : args[0];
    if (PyExceptionInstance_Check(error))
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    else if (PyExceptionClass_Check(args[0]))
        PyErr_SetObject(args[0], error == args[0] ? NULL : error);
    else
        PyErr_SetString(PyExc_TypeError, "throw() takes an exception");
    return NULL;
}

static PyObject *close_it(PyObject *object, PyObject *ignored)
{
    (void)object;
    (void)ignored;
    Py_RETURN_NONE;
}

static PyObject *await_it(PyObject *object)
{
    return Py_NewRef(object);
}

/* --- any other use --------------------------------------------------------------------------- */

static const char *call_name(const ready *self)
{
    switch (self->reading) {
    case HHPY_READ_CONTENT:
        return "response.read()";
    case HHPY_READ_TEXT:
        return "response.text()";
    case HHPY_READ_JSON:
        return "response.json()";
    case HHPY_READ_NOTHING:
        break;
    }
    return "this call";
}

/* Raises the TypeError that shows how to write it, `use` being what stands behind the value. */
static void refuse(PyObject *object, const char *use)
{
    const char *name = call_name(cast(object));
    const char *written = cast(object)->reading == HHPY_READ_NOTHING ? "..." : name;
    if (*use != '\0')
        PyErr_Format(PyExc_TypeError, "%s gives an awaitable: await it, (await %s)%s", name,
                     written, use);
    else
        PyErr_Format(PyExc_TypeError, "%s gives an awaitable: await it, await %s", name, written);
}

static PyObject *refuse_unary(PyObject *object)
{
    refuse(object, "");
    return NULL;
}

static PyObject *refuse_binary(PyObject *left, PyObject *right)
{
    refuse(PyObject_TypeCheck(left, Py_TYPE(right)) || Py_TYPE(left)->tp_iternext == next ? left
                                                                                          : right,
           "");
    return NULL;
}

static int refuse_bool(PyObject *object)
{
    refuse(object, "");
    return -1;
}

static Py_ssize_t refuse_length(PyObject *object)
{
    refuse(object, "");
    return -1;
}

static int refuse_contains(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    refuse(object, "");
    return -1;
}

static PyObject *refuse_index(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    refuse(object, "[...]");
    return NULL;
}

static PyObject *refuse_order(PyObject *left, PyObject *right, int operation)
{
    if (left == right && (operation == Py_EQ || operation == Py_NE))
        return PyBool_FromLong(operation == Py_EQ);
    refuse(left, "");
    return NULL;
}

/* The interpreter and asyncio look for names with '_' in front and for those of generators; all
 * else is meant for the value. */
static PyObject *get_attribute(PyObject *object, PyObject *name)
{
    PyObject *found = PyObject_GenericGetAttr(object, name);
    if (found != NULL || !PyErr_ExceptionMatches(PyExc_AttributeError))
        return found;
    const char *text = PyUnicode_AsUTF8(name);
    if (text == NULL || text[0] == '_' || strncmp(text, "cr_", 3) == 0 ||
        strncmp(text, "gi_", 3) == 0 || strncmp(text, "ag_", 3) == 0)
        return NULL;
    char use[64];
    PyOS_snprintf(use, sizeof use, ".%s", text);
    PyErr_Clear();
    refuse(object, use);
    return NULL;
}

/* --- the type -------------------------------------------------------------------------------- */

static PyObject *represent(PyObject *object)
{
    ready *self = cast(object);
    if (self->reading == HHPY_READ_NOTHING)
        return PyUnicode_FromString("<Ready: await it>");
    return PyUnicode_FromFormat("<Ready: await %s>", call_name(self));
}

static Py_hash_t hash(PyObject *object)
{
    /* Objects are aligned to 16 bytes. */
    Py_hash_t value = (Py_hash_t)((uintptr_t)object >> 4);
    return value == -1 ? -2 : value;
}

static PyMethodDef methods[] = {
    {"send", send, METH_O, "send($self, value, /)\n--\n\nRaises StopIteration with the value."},
    {"throw", (PyCFunction)(void (*)(void))throw_in, METH_FASTCALL,
     "throw($self, type, value=None, traceback=None, /)\n--\n\nRaises the exception."},
    {"close", close_it, METH_NOARGS, "close($self, /)\n--\n\nDoes nothing."},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)"An awaitable that never waits. Any other use raises TypeError."},
    {Py_tp_traverse, traverse},
    {Py_tp_clear, clear},
    {Py_tp_dealloc, dealloc},
    {Py_tp_repr, represent},
    {Py_tp_hash, hash},
    {Py_tp_methods, methods},
    {Py_am_await, await_it},
    {Py_am_send, send_any},
    {Py_tp_iternext, next},
    {Py_tp_iter, refuse_unary},
    {Py_tp_str, refuse_unary},
    {Py_tp_getattro, get_attribute},
    {Py_tp_richcompare, refuse_order},
    {Py_mp_subscript, refuse_index},
    {Py_mp_length, refuse_length},
    {Py_sq_contains, refuse_contains},
    {Py_nb_bool, refuse_bool},
    {Py_nb_int, refuse_unary},
    {Py_nb_float, refuse_unary},
    {Py_nb_index, refuse_unary},
    {Py_nb_add, refuse_binary},
    {Py_nb_multiply, refuse_binary},
    {Py_nb_remainder, refuse_binary},
    {Py_nb_or, refuse_binary},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "hyperhttp._engine.Ready",
    .basicsize = sizeof(ready),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

int hhpy_ready_ready(PyObject *module, hhpy_state *state)
{
    return hhpy_type_add(module, &spec, NULL, &state->ready_type);
}
