/*
 * headers_iterator.c - iteration over a Headers: each name once, in lower case, in order.
 *
 * Notices by the version that the headers have changed: RuntimeError, as with a dict. At its end it
 * lets go of the headers.
 */
#include "headers_object.h"

typedef struct iterator {
    PyObject_HEAD hhpy_headers *headers; /* NULL: at the end */
    uint64_t version;
    Py_ssize_t index;
} iterator;

PyObject *hhpy_headers_iterate(PyObject *object)
{
    hhpy_headers *self = (hhpy_headers *)object;
    iterator *made = PyObject_GC_New(iterator, hhpy_headers_state(self)->headers_iterator_type);
    if (made == NULL)
        return NULL;
    made->headers = (hhpy_headers *)Py_NewRef(object);
    made->version = self->version;
    made->index = 0;
    PyObject_GC_Track(made);
    return (PyObject *)made;
}

static PyObject *iterator_next(PyObject *object)
{
    iterator *self = (iterator *)object;
    const hhpy_headers *headers = self->headers;
    if (headers == NULL)
        return NULL;
    if (headers->version != self->version) {
        PyErr_SetString(PyExc_RuntimeError, "headers changed during iteration");
        return NULL;
    }
    while (self->index < headers->store.count) {
        Py_ssize_t index = self->index++;
        if (hhpy_store_is_first(&headers->store, index))
            return hhpy_headers_name_at(headers, index);
    }
    Py_CLEAR(self->headers);
    return NULL;
}

static int iterator_traverse(PyObject *object, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(((iterator *)object)->headers);
    return 0;
}

static int iterator_clear(PyObject *object)
{
    Py_CLEAR(((iterator *)object)->headers);
    return 0;
}

static void iterator_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    iterator_clear(object);
    PyObject_GC_Del(object);
    Py_DECREF(type);
}

static PyType_Slot iterator_slots[] = {
    {Py_tp_iter, PyObject_SelfIter},     {Py_tp_iternext, iterator_next},
    {Py_tp_traverse, iterator_traverse}, {Py_tp_clear, iterator_clear},
    {Py_tp_dealloc, iterator_dealloc},   {0, NULL},
};

static PyType_Spec iterator_spec = {
    .name = "hyperhttp._engine.HeadersIterator",
    .basicsize = sizeof(iterator),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = iterator_slots,
};

int hhpy_headers_iterator_ready(PyObject *module, hhpy_state *state)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &iterator_spec, NULL);
    state->headers_iterator_type = (PyTypeObject *)type;
    return type != NULL ? 0 : -1;
}
