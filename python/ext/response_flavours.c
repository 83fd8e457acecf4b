/*
 * response_flavours.c - _engine.AsyncResponse and _engine.BlockingResponse: how a body is asked
 * for.
 *
 * The asynchronous flavour gives awaitables, since a body may still be on its way; here it never
 * is. The blocking one gives values. Both are bases of the layer's classes; what iterates is there.
 */
#include "ready.h"

/* Keywords of a fastcall as a dict, NULL without an exception where there are none. */
static int collect_keywords(PyObject *const *args, Py_ssize_t count, PyObject *names,
                            PyObject **out)
{
    *out = NULL;
    if (count > 0) {
        PyErr_SetString(PyExc_TypeError, "json() takes keywords only: they go to json_loads");
        return -1;
    }
    if (names == NULL || PyTuple_GET_SIZE(names) == 0)
        return 0;
    PyObject *keywords = PyDict_New();
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names) && keywords != NULL; i++)
        if (PyDict_SetItem(keywords, PyTuple_GET_ITEM(names, i), args[i]) < 0)
            Py_CLEAR(keywords);
    *out = keywords;
    return keywords != NULL ? 0 : -1;
}

/* --- asynchronous ---------------------------------------------------------------------------- */

static PyObject *await_text(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return hhpy_ready_reading((hhpy_response *)self, HHPY_READ_TEXT, NULL);
}

static PyObject *await_content(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return hhpy_ready_reading((hhpy_response *)self, HHPY_READ_CONTENT, NULL);
}

static PyObject *await_json(PyObject *self, PyObject *const *args, Py_ssize_t count,
                            PyObject *names)
{
    PyObject *keywords;
    if (collect_keywords(args, count, names, &keywords) < 0)
        return NULL;
    PyObject *ready = hhpy_ready_reading((hhpy_response *)self, HHPY_READ_JSON, keywords);
    Py_XDECREF(keywords);
    return ready;
}

PyDoc_STRVAR(
    await_text_doc,
    "text($self, /)\n--\n\n"
    "Awaitable: the body as str, decoded as `encoding` says; what can't be decoded becomes "
    "U+FFFD.\n\n    text = await response.text()");
PyDoc_STRVAR(await_json_doc,
             "json($self, /, **keywords)\n--\n\n"
             "Awaitable: the body parsed as JSON in UTF-8, UTF-16 or UTF-32, by the client's "
             "json_loads (the standard library's where none was given), which gets the keywords. "
             "Raises what that raises, json.JSONDecodeError or another ValueError, with a note "
             "that shows the answer.\n\n    data = await response.json()");
PyDoc_STRVAR(await_content_doc, "read($self, /)\n--\n\nAwaitable: the body, bytes.");
PyDoc_STRVAR(aread_doc, "aread($self, /)\n--\n\nAwaitable: the body, bytes. The same as read().");

static PyMethodDef async_methods[] = {
    {"text", await_text, METH_NOARGS, await_text_doc},
    {"json", (PyCFunction)(void (*)(void))await_json, METH_FASTCALL | METH_KEYWORDS,
     await_json_doc},
    {"read", await_content, METH_NOARGS, await_content_doc},
    {"aread", await_content, METH_NOARGS, aread_doc},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot async_slots[] = {
    {Py_tp_doc, (void *)"An answer of Client: reading its body is awaited."},
    {Py_tp_methods, async_methods},
    {0, NULL},
};

static PyType_Spec async_spec = {
    .name = "hyperhttp._engine.AsyncResponse",
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = async_slots,
};

/* --- blocking -------------------------------------------------------------------------------- */

static PyObject *get_text(PyObject *self, void *closure)
{
    (void)closure;
    return hhpy_response_decode_text((hhpy_response *)self);
}

static PyObject *read_content(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return hhpy_response_content((hhpy_response *)self);
}

static PyObject *parse_json(PyObject *self, PyObject *const *args, Py_ssize_t count,
                            PyObject *names)
{
    PyObject *keywords;
    if (collect_keywords(args, count, names, &keywords) < 0)
        return NULL;
    PyObject *value = hhpy_response_decode_json((hhpy_response *)self, keywords);
    Py_XDECREF(keywords);
    return value;
}

PyDoc_STRVAR(parse_json_doc,
             "json($self, /, **keywords)\n--\n\n"
             "The body parsed as JSON in UTF-8, UTF-16 or UTF-32, by the session's json_loads (the "
             "standard library's where none was given), which gets the keywords. Raises what that "
             "raises, json.JSONDecodeError or another ValueError, with a note that shows the "
             "answer.");

static PyGetSetDef blocking_getset[] = {
    {"text", get_text, NULL,
     "The body as str, decoded as `encoding` says; what can't be decoded becomes U+FFFD.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef blocking_methods[] = {
    {"json", (PyCFunction)(void (*)(void))parse_json, METH_FASTCALL | METH_KEYWORDS,
     parse_json_doc},
    {"read", read_content, METH_NOARGS, "read($self, /)\n--\n\nThe body, bytes."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot blocking_slots[] = {
    {Py_tp_doc, (void *)"An answer of Session: its body is there."},
    {Py_tp_getset, blocking_getset},
    {Py_tp_methods, blocking_methods},
    {0, NULL},
};

static PyType_Spec blocking_spec = {
    .name = "hyperhttp._engine.BlockingResponse",
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = blocking_slots,
};

int hhpy_response_flavours_ready(PyObject *module, hhpy_state *state)
{
    if (hhpy_type_add(module, &async_spec, state->response_type, &state->async_response_type) < 0)
        return -1;
    return hhpy_type_add(module, &blocking_spec, state->response_type,
                         &state->blocking_response_type);
}
