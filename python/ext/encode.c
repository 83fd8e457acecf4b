/*
 * encode.c - application/x-www-form-urlencoded: see encode.h.
 *
 * Written into one growing run of bytes. What stands for a key or value is looked at as it lies in
 * memory, so that no code of the user runs between two pairs of a dict.
 */
#include "encode.h"

#include <string.h>

#include "pairs.h"

typedef struct output {
    char *data;
    size_t length;
    size_t size;
} output;

static int reserve(output *out, size_t more)
{
    if (out->size - out->length >= more)
        return 0;
    if (more > PY_SSIZE_T_MAX / 4 || out->length > PY_SSIZE_T_MAX / 4) {
        PyErr_NoMemory();
        return -1;
    }
    size_t size = (out->length + more) * 2;
    char *data = PyMem_Realloc(out->data, size);
    if (data == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    out->data = data;
    out->size = size;
    return 0;
}

static int write_plain(output *out, hh_slice text)
{
    if (reserve(out, text.length) < 0)
        return -1;
    if (text.length > 0)
        memcpy(out->data + out->length, text.data, text.length);
    out->length += text.length;
    return 0;
}

/* URL Standard §1.3, the form's percent-encode set turned round. */
static bool stays(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '*' ||
           c == '-' || c == '.' || c == '_';
}

static int write_encoded(output *out, hh_slice text)
{
    static const char digits[] = "0123456789ABCDEF";
    if (text.length > PY_SSIZE_T_MAX / 4) {
        PyErr_NoMemory();
        return -1;
    }
    if (reserve(out, text.length * 3) < 0)
        return -1;
    char *to = out->data + out->length;
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (stays(c)) {
            *to++ = (char)c;
        } else if (c == ' ') {
            *to++ = '+';
        } else {
            *to++ = '%';
            *to++ = digits[c >> 4];
            *to++ = digits[c & 15];
        }
    }
    out->length = (size_t)(to - out->data);
    return 0;
}

/* --- one pair -------------------------------------------------------------------------------- */

/* The text of a number, whatever a subclass of it says of itself. */
static PyObject *number_text(PyObject *object)
{
    if (PyBool_Check(object))
        return PyUnicode_FromString(object == Py_True ? "true" : "false");
    return PyLong_Check(object) ? PyLong_Type.tp_repr(object) : PyFloat_Type.tp_repr(object);
}

static int write_primitive(output *out, PyObject *object, const char *what)
{
    hh_slice text;
    if (PyUnicode_Check(object))
        return hhpy_slice_of_str(object, &text) < 0 ? -1 : write_encoded(out, text);
    if (PyBytes_Check(object))
        return write_encoded(
            out, (hh_slice){PyBytes_AS_STRING(object), (size_t)PyBytes_GET_SIZE(object)});
    if (!PyLong_Check(object) && !PyFloat_Check(object)) {
        PyErr_Format(PyExc_TypeError, "%s must be str, bytes, int, float or bool, not %.200s", what,
                     Py_TYPE(object)->tp_name);
        return -1;
    }
    PyObject *number = number_text(object);
    int result = -1;
    if (number != NULL && hhpy_slice_of_str(number, &text) == 0)
        result = write_encoded(out, text); /* the '+' of 1e+100 */
    Py_XDECREF(number);
    return result;
}

static int write_one(output *out, PyObject *key, PyObject *value)
{
    if (value == Py_None)
        return 0;
    if (out->length > 0 && write_plain(out, hh_slice_of("&")) < 0)
        return -1;
    if (write_primitive(out, key, "a parameter's name") < 0 ||
        write_plain(out, hh_slice_of("=")) < 0)
        return -1;
    return write_primitive(out, value, "a parameter's value");
}

static int write_pair(void *to, PyObject *key, PyObject *value)
{
    output *out = to;
    if (!PyList_Check(value) && !PyTuple_Check(value))
        return write_one(out, key, value);
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(value); i++)
        if (write_one(out, key, PySequence_Fast_GET_ITEM(value, i)) < 0)
            return -1;
    return 0;
}

/* --- many ------------------------------------------------------------------------------------ */

static int write_dict(output *out, PyObject *dict)
{
    PyObject *key;
    PyObject *value;
    Py_ssize_t position = 0;
    while (PyDict_Next(dict, &position, &key, &value))
        if (write_pair(out, key, value) < 0)
            return -1;
    return 0;
}

static int write_pairs(output *out, PyObject *pairs)
{
    if (pairs == Py_None)
        return 0;
    if (PyDict_CheckExact(pairs))
        return write_dict(out, pairs);
    if (Py_TYPE(pairs)->tp_iter == NULL && !PySequence_Check(pairs)) {
        PyErr_Format(PyExc_TypeError,
                     "parameters must be a mapping, pairs (name, value), str or bytes, not %.200s",
                     Py_TYPE(pairs)->tp_name);
        return -1;
    }
    int maps = hhpy_pairs_is_mapping(pairs);
    if (maps < 0)
        return -1;
    return maps ? hhpy_pairs_walk_mapping(pairs, "parameters", write_pair, out)
                : hhpy_pairs_walk(pairs, "parameters", write_pair, out);
}

static PyObject *without_mark(hh_slice text)
{
    if (text.length > 0 && text.data[0] == '?') {
        text.data++;
        text.length--;
    }
    return PyBytes_FromStringAndSize(text.data, (Py_ssize_t)text.length);
}

PyObject *hhpy_encode_pairs(hhpy_state *Py_UNUSED(state), PyObject *pairs)
{
    output out = {0};
    hh_slice text;
    if (PyUnicode_Check(pairs))
        return hhpy_slice_of_str(pairs, &text) < 0 ? NULL : without_mark(text);
    if (PyBytes_Check(pairs))
        return without_mark((hh_slice){PyBytes_AS_STRING(pairs), (size_t)PyBytes_GET_SIZE(pairs)});
    PyObject *encoded = NULL;
    if (write_pairs(&out, pairs) == 0)
        encoded = PyBytes_FromStringAndSize(out.data, (Py_ssize_t)out.length);
    PyMem_Free(out.data);
    return encoded;
}

/* --- onto a URL ------------------------------------------------------------------------------ */

static hh_slice part(hh_slice text, size_t from, size_t to)
{
    return (hh_slice){text.data + from, to - from};
}

/* Parameters that came encoded may have a '#', which would begin the fragment. */
static int write_query(output *out, hh_slice query)
{
    size_t start = 0;
    for (size_t i = 0; i < query.length; i++) {
        if (query.data[i] != '#')
            continue;
        if (write_plain(out, part(query, start, i)) < 0 || write_plain(out, hh_slice_of("%23")) < 0)
            return -1;
        start = i + 1;
    }
    return write_plain(out, part(query, start, query.length));
}

static int write_url(output *out, hh_slice url, hh_slice query)
{
    const char *hash = memchr(url.data, '#', url.length);
    size_t end = hash != NULL ? (size_t)(hash - url.data) : url.length;
    const char *mark = memchr(url.data, '?', end);
    const char *between = "?";
    if (mark != NULL)
        between = mark == url.data + end - 1 || url.data[end - 1] == '&' ? "" : "&";
    if (reserve(out, url.length + query.length + 1) < 0 ||
        write_plain(out, part(url, 0, end)) < 0 || write_plain(out, hh_slice_of(between)) < 0 ||
        write_query(out, query) < 0)
        return -1;
    return write_plain(out, part(url, end, url.length));
}

PyObject *hhpy_url_add_params(hhpy_state *state, PyObject *url, PyObject *params)
{
    output out = {0};
    PyObject *longer = NULL;
    hh_slice text;
    PyObject *encoded = hhpy_encode_pairs(state, params);
    if (encoded == NULL || hhpy_slice_of_str(url, &text) < 0)
        goto done;
    if (PyBytes_GET_SIZE(encoded) == 0) {
        longer = Py_NewRef(url);
        goto done;
    }
    hh_slice query = {PyBytes_AS_STRING(encoded), (size_t)PyBytes_GET_SIZE(encoded)};
    if (write_url(&out, text, query) == 0)
        longer = PyUnicode_DecodeUTF8(out.data, (Py_ssize_t)out.length, NULL);
done:
    PyMem_Free(out.data);
    Py_XDECREF(encoded);
    return longer;
}
