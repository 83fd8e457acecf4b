/*
 * headers_value.c - Headers as values: compared, united, copied, pickled, shown.
 *
 * Two are equal when the fields of each name are the same in order; the order between names is
 * nothing. What is shown never holds a secret: values of fields that carry credentials read
 * "[secure]".
 */
#include "headers_object.h"

#include <string.h>

PyObject *hhpy_headers_copy(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return hhpy_headers_convert(hhpy_headers_state((hhpy_headers *)self), self);
}

PyObject *hhpy_headers_reduce(PyObject *self, PyObject *Py_UNUSED(unused))
{
    PyObject *fields = hhpy_headers_raw(self, NULL);
    return fields != NULL ? Py_BuildValue("O(N)", Py_TYPE(self), fields) : NULL;
}

PyObject *hhpy_headers_size_of(PyObject *object, PyObject *Py_UNUSED(unused))
{
    const hhpy_store *store = &((hhpy_headers *)object)->store;
    size_t bytes =
        sizeof(hhpy_headers) + store->text_size + (size_t)store->entries_size * sizeof(hhpy_entry);
    return PyLong_FromSize_t(bytes);
}

static bool is_secret(hh_slice name)
{
    static const char *const names[] = {"authorization", "proxy-authorization", "cookie",
                                        "set-cookie"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (name.length == strlen(names[i]) &&
            PyOS_mystrnicmp(name.data, names[i], (Py_ssize_t)name.length) == 0)
            return true;
    return false;
}

static PyObject *shown_at(const hhpy_headers *self, Py_ssize_t index)
{
    PyObject *value = is_secret(hhpy_store_name(&self->store, index))
                          ? PyUnicode_FromString("[secure]")
                          : hhpy_headers_value_at(self, index);
    return hhpy_headers_pair(hhpy_headers_name_at(self, index), value);
}

PyObject *hhpy_headers_represent(PyObject *object)
{
    const hhpy_headers *self = (hhpy_headers *)object;
    PyObject *pairs = PyList_New(0);
    PyObject *text = NULL;
    for (Py_ssize_t i = 0; pairs != NULL && i < self->store.count; i++)
        if (hhpy_headers_append(pairs, shown_at(self, i)) < 0)
            Py_CLEAR(pairs);
    if (pairs != NULL && hhpy_headers_length(object) == self->store.count) {
        PyObject *dict = PyDict_New();
        if (dict == NULL || PyDict_MergeFromSeq2(dict, pairs, 1) < 0)
            Py_CLEAR(dict);
        Py_SETREF(pairs, dict);
    }
    if (pairs != NULL)
        text = PyUnicode_FromFormat("Headers(%R)", pairs);
    Py_XDECREF(pairs);
    return text;
}

static bool same_slice(hh_slice left, hh_slice right)
{
    return left.length == right.length &&
           (left.length == 0 || memcmp(left.data, right.data, left.length) == 0);
}

/* Whether the fields of each name are the same, in order; the order between names is nothing. */
static bool equal(const hhpy_store *left, const hhpy_store *right)
{
    if (left->count != right->count)
        return false;
    for (Py_ssize_t i = 0; i < left->count; i++) {
        hh_slice name = hhpy_store_name(left, i);
        if (!hhpy_store_is_first(left, i))
            continue;
        Py_ssize_t mine = i;
        Py_ssize_t other = hhpy_store_find(right, name, 0);
        while (mine >= 0 && other >= 0) {
            if (!same_slice(hhpy_store_value(left, mine), hhpy_store_value(right, other)))
                return false;
            mine = hhpy_store_find(left, name, mine + 1);
            other = hhpy_store_find(right, name, other + 1);
        }
        if (mine >= 0 || other >= 0)
            return false;
    }
    return true;
}

PyObject *hhpy_headers_compare(PyObject *left, PyObject *right, int operation)
{
    hhpy_state *state = hhpy_headers_state((hhpy_headers *)left);
    if (operation != Py_EQ && operation != Py_NE)
        Py_RETURN_NOTIMPLEMENTED;
    int is_mapping = hhpy_headers_is_mapping(state->headers_type, right);
    if (is_mapping < 0)
        return NULL;
    if (!is_mapping && !PyList_Check(right) && !PyTuple_Check(right))
        Py_RETURN_NOTIMPLEMENTED;
    PyObject *other = Py_IS_TYPE(right, state->headers_type) ? Py_NewRef(right)
                                                             : hhpy_headers_convert(state, right);
    if (other == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_TypeError) && !PyErr_ExceptionMatches(PyExc_ValueError))
            return NULL;
        PyErr_Clear();
        Py_RETURN_NOTIMPLEMENTED;
    }
    bool is_equal = equal(&((hhpy_headers *)left)->store, &((hhpy_headers *)other)->store);
    Py_DECREF(other);
    return PyBool_FromLong(is_equal == (operation == Py_EQ));
}

PyObject *hhpy_headers_unite(PyObject *left, PyObject *right)
{
    PyTypeObject *type = Py_TYPE(left);
    if (PyType_GetSlot(type, Py_nb_or) != (void *)hhpy_headers_unite)
        type = Py_TYPE(right);
    hhpy_state *state = PyType_GetModuleState(type);
    int are_mappings = hhpy_headers_is_mapping(type, left);
    if (are_mappings > 0)
        are_mappings = hhpy_headers_is_mapping(type, right);
    if (are_mappings < 0)
        return NULL;
    if (!are_mappings)
        Py_RETURN_NOTIMPLEMENTED;
    PyObject *united = hhpy_headers_convert(state, left);
    PyObject *more = united != NULL ? hhpy_headers_convert(state, right) : NULL;
    if (more == NULL || hhpy_headers_override(united, more) < 0)
        Py_CLEAR(united);
    Py_XDECREF(more);
    return united;
}

PyObject *hhpy_headers_unite_in_place(PyObject *self, PyObject *other)
{
    PyObject *more = hhpy_headers_convert(hhpy_headers_state((hhpy_headers *)self), other);
    int result = more != NULL ? hhpy_headers_override(self, more) : -1;
    Py_XDECREF(more);
    return result == 0 ? Py_NewRef(self) : NULL;
}
