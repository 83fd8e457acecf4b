/*
 * verb.c - a method descriptor that sends a request.
 *
 * A verb shows its template's attributes (__code__, __defaults__, __doc__ ...), which is what
 * inspect looks at; Py_TPFLAGS_METHOD_DESCRIPTOR lets the interpreter call it with self in front.
 */
#include "verb.h"

#include <stddef.h>
#include <structmember.h>

#include "arguments.h"
#include "blocking.h"
#include "call.h"

typedef struct hhpy_verb {
    PyObject_HEAD hhpy_state *state;
    vectorcallfunc vectorcall;
    PyObject *method;   /* interned str; NULL: the first argument */
    PyObject *template; /* the function */
    unsigned allowed;   /* keywords, as bits */
} hhpy_verb;

/* --- calling --------------------------------------------------------------------------------- */

static PyObject *perform(const hhpy_state *state, hhpy_client *client,
                         const hhpy_arguments *arguments)
{
    PyObject *keywords = hhpy_arguments_dict(state, arguments);
    if (keywords == NULL)
        return NULL;
    PyObject *args[] = {(PyObject *)client, arguments->values[HHPY_KEYWORD_method],
                        arguments->values[HHPY_KEYWORD_url], keywords};
    PyObject *result = PyObject_VectorcallMethod(state->names._perform, args,
                                                 4 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    Py_DECREF(keywords);
    return result;
}

/* Puts the name in front of the TypeError being raised: "get() takes ...". */
static PyObject *refuse(const hhpy_verb *verb)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *name = PyObject_GetAttrString(verb->template, "__name__");
    if (name != NULL)
        PyErr_Format(type, "%U() %S", name, value);
    Py_XDECREF(name);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    return NULL;
}

static PyObject *verb_vectorcall(PyObject *callable, PyObject *const *args, size_t nargsf,
                                 PyObject *kwnames)
{
    hhpy_verb *verb = (hhpy_verb *)callable;
    Py_ssize_t nargs = PyVectorcall_NARGS(nargsf);
    hhpy_arguments arguments;
    if (nargs < 1 || !PyObject_TypeCheck(args[0], verb->state->client_type)) {
        PyErr_Format(PyExc_TypeError, "%R must be called on a Client or Session", verb->template);
        return NULL;
    }
    hhpy_client *client = (hhpy_client *)args[0];
    if (hhpy_arguments_parse(verb->state,
                             verb->method != NULL ? HHPY_SHAPE_URL : HHPY_SHAPE_METHOD_URL,
                             verb->allowed, args + 1, nargs - 1, kwnames, &arguments) < 0)
        return refuse(verb);
    if (verb->method != NULL)
        arguments.values[HHPY_KEYWORD_method] = verb->method;
    if (client->needs_perform || hhpy_arguments_need_perform(&arguments))
        return perform(verb->state, client, &arguments);
    return client->is_blocking ? hhpy_blocking_send(client, &arguments)
                               : hhpy_call_start(client, &arguments);
}

static PyObject *verb_get(PyObject *verb, PyObject *object, PyObject *Py_UNUSED(type))
{
    if (object == NULL || object == Py_None)
        return Py_NewRef(verb);
    return PyMethod_New(verb, object);
}

/* --- making one ------------------------------------------------------------------------------ */

/* Which keywords the template names. */
static int read_keywords(hhpy_verb *verb)
{
    PyObject *code = PyObject_GetAttrString(verb->template, "__code__");
    PyObject *names = code != NULL ? PyObject_GetAttrString(code, "co_varnames") : NULL;
    Py_XDECREF(code);
    if (names == NULL)
        return -1;
    for (int i = 0; i < HHPY_KEYWORD_COUNT; i++) {
        int is_named = PySequence_Contains(names, verb->state->keywords[i]);
        if (is_named < 0) {
            Py_DECREF(names);
            return -1;
        }
        if (is_named)
            verb->allowed |= 1u << i;
    }
    Py_DECREF(names);
    return 0;
}

static PyObject *verb_new(hhpy_state *state, PyObject *method, PyObject *template)
{
    hhpy_verb *verb = PyObject_GC_New(hhpy_verb, state->verb_type);
    if (verb == NULL)
        return NULL;
    verb->state = state;
    verb->vectorcall = verb_vectorcall;
    verb->method = method == Py_None ? NULL : Py_NewRef(method);
    verb->template = Py_NewRef(template);
    verb->allowed = 0;
    PyObject_GC_Track(verb);
    if (read_keywords(verb) < 0)
        Py_CLEAR(verb);
    return (PyObject *)verb;
}

/* What a decorator leaves behind until it gets the template. */
static PyObject *decorate(PyObject *self, PyObject *template)
{
    hhpy_state *state = PyModule_GetState(PyTuple_GET_ITEM(self, 0));
    return verb_new(state, PyTuple_GET_ITEM(self, 1), template);
}

static PyMethodDef decorate_method = {"decorate", decorate, METH_O, NULL};

PyObject *hhpy_verb_decorator(PyObject *module, PyObject *method)
{
    if (method != Py_None && !PyUnicode_Check(method)) {
        PyErr_SetString(PyExc_TypeError, "verb() takes a method's name, or None");
        return NULL;
    }
    PyObject *name = Py_NewRef(method);
    if (name != Py_None)
        PyUnicode_InternInPlace(&name);
    PyObject *self = PyTuple_Pack(2, module, name);
    Py_DECREF(name);
    PyObject *decorator = self != NULL ? PyCFunction_New(&decorate_method, self) : NULL;
    Py_XDECREF(self);
    return decorator;
}

/* --- the type -------------------------------------------------------------------------------- */

static PyObject *verb_getattro(PyObject *self, PyObject *name)
{
    PyObject *value = PyObject_GenericGetAttr(self, name);
    if (value != NULL || !PyErr_ExceptionMatches(PyExc_AttributeError))
        return value;
    PyErr_Clear();
    return PyObject_GetAttr(((hhpy_verb *)self)->template, name);
}

static PyObject *verb_get_doc(hhpy_verb *verb, void *Py_UNUSED(closure))
{
    return PyObject_GetAttrString(verb->template, "__doc__");
}

static PyObject *verb_get_module(hhpy_verb *verb, void *Py_UNUSED(closure))
{
    return PyObject_GetAttrString(verb->template, "__module__");
}

static PyObject *verb_repr(hhpy_verb *verb)
{
    return PyObject_Repr(verb->template);
}

static int verb_traverse(hhpy_verb *verb, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(verb));
    Py_VISIT(verb->template);
    return 0;
}

static int verb_clear(hhpy_verb *verb)
{
    Py_CLEAR(verb->template);
    return 0;
}

static void verb_dealloc(hhpy_verb *verb)
{
    PyTypeObject *type = Py_TYPE(verb);
    PyObject_GC_UnTrack(verb);
    verb_clear(verb);
    Py_CLEAR(verb->method);
    type->tp_free(verb);
    Py_DECREF(type);
}

static PyGetSetDef verb_getset[] = {
    {"__doc__", (getter)verb_get_doc, NULL, NULL, NULL},
    {"__module__", (getter)verb_get_module, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef verb_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(hhpy_verb, vectorcall), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot verb_slots[] = {
    {Py_tp_call, (void *)PyVectorcall_Call},
    {Py_tp_descr_get, (void *)verb_get},
    {Py_tp_getattro, (void *)verb_getattro},
    {Py_tp_repr, (void *)verb_repr},
    {Py_tp_getset, verb_getset},
    {Py_tp_members, verb_members},
    {Py_tp_traverse, (void *)verb_traverse},
    {Py_tp_clear, (void *)verb_clear},
    {Py_tp_dealloc, (void *)verb_dealloc},
    {0, NULL},
};

static PyType_Spec verb_spec = {
    .name = "hyperhttp._engine.Verb",
    .basicsize = sizeof(hhpy_verb),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
             Py_TPFLAGS_METHOD_DESCRIPTOR | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = verb_slots,
};

int hhpy_verb_ready(PyObject *module, hhpy_state *state)
{
    return hhpy_type_add(module, &verb_spec, NULL, &state->verb_type);
}
