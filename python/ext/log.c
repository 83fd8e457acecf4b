/*
 * log.c - asks and tells the Python layer's logger (hyperhttp/_logging.py), which also hides
 * secrets.
 */
#include "log.h"

bool hhpy_log_is_wanted(const hhpy_state *state)
{
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
