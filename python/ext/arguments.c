/*
 * arguments.c - a call's arguments: sorting them, and what body they make.
 *
 * Keywords are interned, so that comparing addresses finds nearly all of them. Leaves merging and
 * building to build.c.
 */
#include "arguments.h"

#include <string.h>

#include "encode.h"

/* --- sorting --------------------------------------------------------------------------------- */

static int find_keyword(const hhpy_state *state, PyObject *name)
{
    for (int i = 0; i < HHPY_KEYWORD_COUNT; i++)
        if (state->keywords[i] == name)
            return i;
    for (int i = 0; i < HHPY_KEYWORD_COUNT; i++)
        if (PyUnicode_Compare(state->keywords[i], name) == 0)
            return i;
    return -1;
}

static int take_keywords(const hhpy_state *state, unsigned allowed, PyObject *const *values,
                         PyObject *kwnames, hhpy_arguments *out)
{
    Py_ssize_t count = PyTuple_GET_SIZE(kwnames);
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *name = PyTuple_GET_ITEM(kwnames, i);
        int keyword = find_keyword(state, name);
        if (keyword < 0 || (allowed >> keyword & 1) == 0) {
            PyErr_Format(PyExc_TypeError, "got an unexpected keyword argument %R", name);
            return -1;
        }
        if (out->values[keyword] != NULL) {
            PyErr_Format(PyExc_TypeError, "got %R twice", name);
            return -1;
        }
        out->values[keyword] = values[i];
    }
    return 0;
}

static void drop_unset(const hhpy_state *state, hhpy_arguments *arguments)
{
    for (int i = 0; i < HHPY_KEYWORD_COUNT; i++) {
        bool says_nothing = arguments->values[i] == Py_None && i != HHPY_KEYWORD_timeout &&
                            i != HHPY_KEYWORD_auth && i != HHPY_KEYWORD_url;
        if (says_nothing || arguments->values[i] == state->layer.unset)
            arguments->values[i] = NULL;
    }
}

int hhpy_arguments_parse(const hhpy_state *state, hhpy_shape shape, unsigned allowed,
                         PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                         hhpy_arguments *out)
{
    Py_ssize_t positional = shape == HHPY_SHAPE_URL ? 1 : 2;
    memset(out, 0, sizeof *out);
    if (nargs > positional) {
        PyErr_Format(PyExc_TypeError, "takes %zd positional argument%s, but %zd were given",
                     positional, positional == 1 ? "" : "s", nargs);
        return -1;
    }
    if (shape == HHPY_SHAPE_METHOD_URL && nargs > 0)
        out->values[HHPY_KEYWORD_method] = args[0];
    if (nargs == positional)
        out->values[HHPY_KEYWORD_url] = args[positional - 1];
    if (kwnames != NULL) {
        if (take_keywords(state, allowed, args + nargs, kwnames, out) < 0)
            return -1;
        drop_unset(state, out);
    }
    if (out->values[HHPY_KEYWORD_url] == NULL ||
        (shape == HHPY_SHAPE_METHOD_URL && out->values[HHPY_KEYWORD_method] == NULL)) {
        PyErr_Format(PyExc_TypeError, "is missing the argument %s",
                     out->values[HHPY_KEYWORD_url] == NULL ? "'url'" : "'method'");
        return -1;
    }
    return 0;
}

PyObject *hhpy_arguments_dict(const hhpy_state *state, const hhpy_arguments *arguments)
{
    PyObject *dict = PyDict_New();
    for (int i = 0; dict != NULL && i < HHPY_KEYWORD_COUNT; i++) {
        if (i == HHPY_KEYWORD_method || i == HHPY_KEYWORD_url || arguments->values[i] == NULL)
            continue;
        if (PyDict_SetItem(dict, state->keywords[i], arguments->values[i]) < 0)
            Py_CLEAR(dict);
    }
    return dict;
}

/* --- the body -------------------------------------------------------------------------------- */

typedef struct encoded {
    PyObject *content;
    PyObject *type; /* its media type */
} encoded;

static bool is_iterator(PyObject *object)
{
    if (PyBytes_Check(object) || PyUnicode_Check(object) || PyObject_CheckBuffer(object))
        return false;
    if (PyDict_Check(object) || PyList_Check(object) || PyTuple_Check(object))
        return false;
    PyAsyncMethods *async = Py_TYPE(object)->tp_as_async;
    return Py_TYPE(object)->tp_iter != NULL || (async != NULL && async->am_aiter != NULL);
}

bool hhpy_arguments_need_perform(const hhpy_arguments *arguments)
{
    PyObject *content = arguments->values[HHPY_KEYWORD_content];
    return content != NULL && !PyBytes_CheckExact(content) && is_iterator(content);
}

static PyObject *bytes_of(PyObject *object, const char *keyword)
{
    if (PyBytes_CheckExact(object))
        return Py_NewRef(object);
    if (PyUnicode_Check(object))
        return PyUnicode_AsUTF8String(object);
    if (PyObject_CheckBuffer(object))
        return PyBytes_FromObject(object);
    PyErr_Format(PyExc_TypeError, "%s= takes bytes, str or an iterator of bytes, not %.200s",
                 keyword, Py_TYPE(object)->tp_name);
    return NULL;
}

static int encode_json(hhpy_state *state, PyObject *value, PyObject *dumps, encoded *body)
{
    PyObject *text = PyObject_CallOneArg(dumps != NULL ? dumps : state->layer.json_dumps, value);
    if (text == NULL)
        return -1;
    body->content = bytes_of(text, "json");
    Py_DECREF(text);
    body->type = PyUnicode_FromString("application/json");
    return body->content != NULL && body->type != NULL ? 0 : -1;
}

static int encode_form(hhpy_state *state, PyObject *data, encoded *body)
{
    if (PyBytes_Check(data) || PyUnicode_Check(data) || PyObject_CheckBuffer(data)) {
        body->content = bytes_of(data, "data");
        return body->content != NULL ? 0 : -1;
    }
    body->content = hhpy_encode_pairs(state, data);
    body->type = PyUnicode_FromString("application/x-www-form-urlencoded");
    return body->content != NULL && body->type != NULL ? 0 : -1;
}

static int encode_files(hhpy_state *state, const hhpy_arguments *arguments, encoded *body)
{
    PyObject *data = arguments->values[HHPY_KEYWORD_data];
    PyObject *pair =
        PyObject_CallFunctionObjArgs(state->layer.encode_multipart, data != NULL ? data : Py_None,
                                     arguments->values[HHPY_KEYWORD_files], NULL);
    if (pair == NULL)
        return -1;
    PyObject *type, *content;
    if (!PyArg_ParseTuple(pair, "US;encode_multipart must return (str, bytes)", &type, &content)) {
        Py_DECREF(pair);
        return -1;
    }
    body->type = Py_NewRef(type);
    body->content = Py_NewRef(content);
    Py_DECREF(pair);
    return 0;
}

static int encode_content(PyObject *value, encoded *body)
{
    if (!PyBytes_CheckExact(value) && is_iterator(value))
        body->content = Py_NewRef(value);
    else
        body->content = bytes_of(value, "content");
    return body->content != NULL ? 0 : -1;
}

int hhpy_body_encode(hhpy_state *state, const hhpy_arguments *arguments, PyObject *json_dumps,
                     PyObject **content, PyObject **content_type)
{
    PyObject *raw = arguments->values[HHPY_KEYWORD_content];
    PyObject *json = arguments->values[HHPY_KEYWORD_json];
    PyObject *data = arguments->values[HHPY_KEYWORD_data];
    PyObject *files = arguments->values[HHPY_KEYWORD_files];
    encoded body = {0};
    int result = 0;
    if ((raw != NULL) + (json != NULL) + (data != NULL || files != NULL) > 1) {
        PyErr_SetString(PyExc_TypeError, "give one body: content=, json=, or data= and files=");
        return -1;
    }
    if (raw != NULL)
        result = encode_content(raw, &body);
    else if (json != NULL)
        result = encode_json(state, json, json_dumps, &body);
    else if (files != NULL)
        result = encode_files(state, arguments, &body);
    else if (data != NULL)
        result = encode_form(state, data, &body);
    if (result < 0) {
        Py_XDECREF(body.content);
        Py_XDECREF(body.type);
        return -1;
    }
    *content = body.content;
    *content_type = body.type;
    return 0;
}

/* --- what went out --------------------------------------------------------------------------- */

void hhpy_sent_clear(hhpy_sent *sent)
{
    Py_CLEAR(sent->method);
    Py_CLEAR(sent->url);
    Py_CLEAR(sent->headers);
    Py_CLEAR(sent->content);
    Py_CLEAR(sent->request);
}

int hhpy_sent_visit(const hhpy_sent *sent, visitproc visit, void *arg)
{
    Py_VISIT(sent->headers);
    Py_VISIT(sent->content); /* may be an iterator */
    Py_VISIT(sent->request);
    return 0;
}
