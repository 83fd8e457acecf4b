/*
 * pairs.c - see pairs.h.
 */
#include "pairs.h"

int hhpy_pairs_is_mapping(PyObject *object)
{
    if (PyDict_Check(object))
        return 1;
    if (PyList_Check(object) || PyTuple_Check(object))
        return 0;
    PyObject *keys = PyObject_GetAttrString(object, "keys");
    if (keys == NULL && !PyErr_ExceptionMatches(PyExc_AttributeError))
        return -1;
    PyErr_Clear();
    Py_XDECREF(keys);
    return keys != NULL;
}

static int take_item(PyObject *item, const char *what, hhpy_pair_taker take, void *taker)
{
    PyObject *pair = NULL;
    if (!PyUnicode_Check(item) && !PyBytes_Check(item))
        pair = PySequence_Tuple(item);
    if (pair == NULL && PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_TypeError))
        return -1;
    if (pair == NULL || PyTuple_GET_SIZE(pair) != 2) {
        Py_XDECREF(pair);
        PyErr_Format(PyExc_TypeError, "%s must be pairs (name, value); one of them is %.200s", what,
                     Py_TYPE(item)->tp_name);
        return -1;
    }
    int result = take(taker, PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1));
    Py_DECREF(pair);
    return result;
}

int hhpy_pairs_walk(PyObject *iterable, const char *what, hhpy_pair_taker take, void *taker)
{
    PyObject *iterator = PyObject_GetIter(iterable);
    PyObject *item;
    int result = 0;
    if (iterator == NULL)
        return -1;
    while (result == 0 && (item = PyIter_Next(iterator)) != NULL) {
        result = take_item(item, what, take, taker);
        Py_DECREF(item);
    }
    Py_DECREF(iterator);
    return result < 0 || PyErr_Occurred() ? -1 : 0;
}

int hhpy_pairs_walk_mapping(PyObject *mapping, const char *what, hhpy_pair_taker take, void *taker)
{
    PyObject *items = PyMapping_Items(mapping);
    int result = items != NULL ? hhpy_pairs_walk(items, what, take, taker) : -1;
    Py_XDECREF(items);
    return result;
}
