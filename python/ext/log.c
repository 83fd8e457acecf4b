/*
 * log.c - asks and tells the Python layer's logger (hyperhttp/_logging.py), which also hides
 * secrets.
 */
#include "log.h"

#define DEBUG 10 /* logging.DEBUG */

/* What the logger itself remembers of its level and its parents' levels: it forgets whenever one is
 * set. Asking it takes two Python calls, as much as a sixth of a small request. */
static bool is_known_silent(const hhpy_state *state)
{
    if (!PyDict_CheckExact(state->layer.known_levels))
        return false;
    PyObject *level = PyLong_FromLong(DEBUG);
    PyObject *known = NULL;
    if (level != NULL)
        known = PyDict_GetItemWithError(state->layer.known_levels, level);
    if (known == NULL)
        PyErr_Clear();
    Py_XDECREF(level);
    return known == Py_False;
}

bool hhpy_log_is_wanted(const hhpy_state *state)
{
    if (is_known_silent(state))
        return false;
    PyObject *answer = PyObject_CallNoArgs(state->layer.logs_requests);
    bool wanted = answer == Py_True;
    if (answer == NULL)
        PyErr_WriteUnraisable(state->layer.logs_requests);
    Py_XDECREF(answer);
    return wanted;
}

void hhpy_log_done(const hhpy_state *state, const hhpy_sent *sent, PyObject *outcome)
{
    PyObject *none =
        PyObject_CallFunctionObjArgs(state->layer.log_done, sent->method, sent->url, outcome, NULL);
    if (none == NULL)
        PyErr_WriteUnraisable(state->layer.log_done);
    Py_XDECREF(none);
}
