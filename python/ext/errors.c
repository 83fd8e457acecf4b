/*
 * errors.c - from hh_error to an exception: see errors.h.
 *
 * Which class a code becomes is decided in Python (make_error in hyperhttp/errors): failing is no
 * hot path, and the tree lives there. Here only what Python itself raises by another way: a lack of
 * memory, and misuse that never became a request.
 */
#include "errors.h"

static const char *processed_name(hh_processed processed)
{
    switch (processed) {
    case HH_PROCESSED_NO:
        return "no";
    case HH_PROCESSED_MAYBE:
        return "maybe";
    case HH_PROCESSED_YES:
        return "yes";
    }
    return "maybe";
}

/* "rate_limit" as "RATE_LIMIT", the way the attribute has it. */
static PyObject *category_text(hh_category category)
{
    char text[32];
    size_t length = 0;
    for (const char *from = hh_category_name(category); *from != '\0'; from++) {
        if (length + 1 < sizeof text)
            text[length++] = Py_TOUPPER(*from);
    }
    return PyUnicode_FromStringAndSize(text, (Py_ssize_t)length);
}

PyObject *hhpy_error_make(hhpy_state *state, const hh_error *error, PyObject *request)
{
    if (error->code == HH_ERR_NO_MEMORY)
        return PyObject_CallNoArgs(PyExc_MemoryError);
    if (state->layer.make_error == NULL) {
        PyErr_SetString(PyExc_SystemError, "hyperhttp._engine is used without hyperhttp");
        return NULL;
    }
    PyObject *category = category_text(error->category);
    PyObject *message = category != NULL ? hhpy_text(hh_slice_of(error->message)) : NULL;
    PyObject *made = NULL;
    if (message != NULL)
        made = PyObject_CallFunction(
            state->layer.make_error, "sOssOOiI", hh_status_name(error->code), category,
            hh_phase_name(error->phase), processed_name(error->processed), message,
            request != NULL ? request : Py_None, error->os_error, (unsigned)error->http2_error);
    Py_XDECREF(category);
    Py_XDECREF(message);
    return made;
}

int hhpy_error_raise(hhpy_state *state, const hh_error *error, PyObject *request)
{
    PyObject *made = hhpy_error_make(state, error, request);
    if (made != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(made), made);
        Py_DECREF(made);
    }
    return -1;
}

int hhpy_status_raise(hhpy_state *state, hh_status status, const char *what)
{
    hh_error error = {.code = status};
    switch ((int)status) {
    case HH_ERR_NO_MEMORY:
        PyErr_NoMemory();
        return -1;
    case HH_ERR_INVALID_ARGUMENT:
        PyErr_Format(PyExc_ValueError, "cannot %s: the value isn't allowed in HTTP", what);
        return -1;
    case HH_ERR_STATE:
        PyErr_Format(PyExc_RuntimeError, "cannot %s at this moment", what);
        return -1;
    case HH_ERR_CLIENT_CLOSED:
        PyErr_Format(PyExc_RuntimeError, "cannot %s: the client is closed", what);
        return -1;
    }
    PyOS_snprintf(error.message, sizeof error.message, "cannot %s: %s", what,
                  hh_status_name(status));
    return hhpy_error_raise(state, &error, NULL);
}
