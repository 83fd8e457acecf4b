/*
 * headers_convert.c - what a `headers=` argument may be, made into a Headers; and an answer's
 * fields.
 *
 * Here stands the check that no field can carry a second one: a name is a token (RFC 9110 §5.6.2),
 * a value has neither CR, LF nor NUL (§5.5). Messages never show a value, which may be a secret.
 * User code may run while an iterable is walked, so fields go into a Headers nobody else knows.
 */
#include "headers_object.h"

#include <string.h>

#include "pairs.h"

/* --- one field ------------------------------------------------------------------------------- */

static bool is_token_byte(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static int slice_of(PyObject *object, const char *what, hh_slice *out)
{
    if (PyUnicode_Check(object))
        return hhpy_slice_of_str(object, out);
    if (PyBytes_Check(object)) {
        *out = (hh_slice){PyBytes_AS_STRING(object), (size_t)PyBytes_GET_SIZE(object)};
        return 0;
    }
    PyErr_Format(PyExc_TypeError, "%s must be str or bytes, not %.200s", what,
                 Py_TYPE(object)->tp_name);
    return -1;
}

int hhpy_headers_check_name(PyObject *object, hh_slice *out)
{
    if (slice_of(object, "a header name", out) < 0)
        return -1;
    bool is_token = out->length > 0;
    for (size_t i = 0; is_token && i < out->length; i++)
        is_token = is_token_byte((unsigned char)out->data[i]);
    if (!is_token) {
        PyErr_Format(PyExc_ValueError, "this isn't a header name: %.100R", object);
        return -1;
    }
    return 0;
}

static hh_slice trim(hh_slice text)
{
    while (text.length > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.length--;
    }
    while (text.length > 0 &&
           (text.data[text.length - 1] == ' ' || text.data[text.length - 1] == '\t'))
        text.length--;
    return text;
}

static PyObject *name_text(hh_slice name)
{
    return PyUnicode_DecodeLatin1(name.data, (Py_ssize_t)name.length, NULL);
}

int hhpy_headers_check_value(PyObject *object, hh_slice name, hh_slice *out)
{
    if (!PyUnicode_Check(object) && !PyBytes_Check(object)) {
        PyObject *text = name_text(name);
        if (text != NULL)
            PyErr_Format(PyExc_TypeError, "the value of header %R must be str or bytes, not %.200s",
                         text, Py_TYPE(object)->tp_name);
        Py_XDECREF(text);
        return -1;
    }
    if (slice_of(object, "a header value", out) < 0)
        return -1;
    for (size_t i = 0; i < out->length; i++) {
        char c = out->data[i];
        if (c == '\r' || c == '\n' || c == '\0') {
            PyObject *text = name_text(name);
            if (text != NULL)
                PyErr_Format(PyExc_ValueError, "the value of header %R has a line break or NUL",
                             text);
            Py_XDECREF(text);
            return -1;
        }
    }
    *out = trim(*out);
    return 0;
}

/* --- many ------------------------------------------------------------------------------------ */

static int add_one(hhpy_store *store, hh_slice name, PyObject *object)
{
    hh_slice value;
    return hhpy_headers_check_value(object, name, &value) < 0 ? -1
                                                              : hhpy_store_add(store, name, value);
}

/* A list or tuple as value repeats the name. */
static int add_item(void *to, PyObject *key, PyObject *object)
{
    hhpy_store *store = to;
    hh_slice name;
    if (hhpy_headers_check_name(key, &name) < 0)
        return -1;
    if (!PyList_Check(object) && !PyTuple_Check(object))
        return add_one(store, name, object);
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(object); i++)
        if (add_one(store, name, PySequence_Fast_GET_ITEM(object, i)) < 0)
            return -1;
    return 0;
}

/* No user code runs in between: names and values are looked at as they lie there. */
static int add_dict(hhpy_store *store, PyObject *dict)
{
    PyObject *key;
    PyObject *value;
    Py_ssize_t position = 0;
    if (hhpy_store_reserve(store, PyDict_GET_SIZE(dict), 0) < 0)
        return -1;
    while (PyDict_Next(dict, &position, &key, &value))
        if (add_item(store, key, value) < 0)
            return -1;
    return 0;
}

int hhpy_headers_is_mapping(PyTypeObject *type, PyObject *object)
{
    return Py_IS_TYPE(object, type) ? 1 : hhpy_pairs_is_mapping(object);
}

static int fill(PyTypeObject *type, hhpy_store *store, PyObject *object)
{
    if (object == Py_None)
        return 0;
    if (Py_IS_TYPE(object, type))
        return hhpy_store_copy(store, &((hhpy_headers *)object)->store);
    if (PyDict_CheckExact(object))
        return add_dict(store, object);
    bool is_text = PyUnicode_Check(object) || PyBytes_Check(object) || PyObject_CheckBuffer(object);
    if (is_text || (Py_TYPE(object)->tp_iter == NULL && !PySequence_Check(object))) {
        PyErr_Format(PyExc_TypeError,
                     "headers must be a mapping or pairs (name, value), not %.200s",
                     Py_TYPE(object)->tp_name);
        return -1;
    }
    int is_mapping = hhpy_headers_is_mapping(type, object);
    if (is_mapping < 0)
        return -1;
    return is_mapping ? hhpy_pairs_walk_mapping(object, "headers", add_item, store)
                      : hhpy_pairs_walk(object, "headers", add_item, store);
}

PyObject *hhpy_headers_convert(hhpy_state *state, PyObject *object)
{
    hhpy_headers *headers = hhpy_headers_alloc(state->headers_type);
    if (headers != NULL && fill(state->headers_type, &headers->store, object) < 0)
        Py_CLEAR(headers);
    return (PyObject *)headers;
}

/* --- an answer's fields ---------------------------------------------------------------------- */

static size_t count_of(const hh_response *response, hhpy_fields which)
{
    return which == HHPY_FIELDS_HEADERS ? hh_response_field_count(response)
                                        : hh_response_trailer_count(response);
}

static hh_field field_at(const hh_response *response, hhpy_fields which, size_t index)
{
    return which == HHPY_FIELDS_HEADERS ? hh_response_field_at(response, index)
                                        : hh_response_trailer_at(response, index);
}

PyObject *hhpy_headers_of_response(hhpy_state *state, const hh_response *response,
                                   hhpy_fields which)
{
    hhpy_headers *headers = hhpy_headers_alloc(state->headers_type);
    size_t count = count_of(response, which);
    size_t bytes = 0;
    if (headers == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        hh_field field = field_at(response, which, i);
        bytes += field.name.length + field.value.length;
    }
    if (hhpy_store_reserve(&headers->store, (Py_ssize_t)count, bytes) < 0)
        goto failed;
    for (size_t i = 0; i < count; i++) {
        hh_field field = field_at(response, which, i);
        if (hhpy_store_add(&headers->store, field.name, field.value) < 0)
            goto failed;
    }
    return (PyObject *)headers;

failed:
    Py_DECREF(headers);
    return NULL;
}
