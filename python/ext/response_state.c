/*
 * response_state.c - answers that don't come from the engine: made by hand, or out of a pickle.
 *
 * What such an answer says lies in the dict `restored`, in the form pickle carries; what is also
 * kept once the engine's has been asked for it (headers, content, URL, history, extensions) lies
 * where that is kept. Invariant: what came from a pickle is checked before C relies on its type.
 */
#include "response.h"

#include <stddef.h>

#include "headers.h"
#include "request.h"
#include "url.h"

/* What a pickle carries, by the names of the attributes. */
static const char *const carried[] = {
    "status_code",
    "reason",
    "http_version",
    "headers",
    "trailers",
    "content",
    "history",
    "timings",
    "remote_address",
    "is_reused",
    "encoding",
    "extensions",
    "url",
    "request",
    "redirect_count",
    "num_bytes_downloaded",
};

PyObject *hhpy_response_restored(const hhpy_response *response, const char *name)
{
    PyObject *value = NULL;
    if (response->restored == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "this response was never initialised");
        return NULL;
    }
    value = PyDict_GetItemString(response->restored, name);
    if (value == NULL)
        PyErr_Format(PyExc_RuntimeError, "this response has no %s", name);
    return Py_XNewRef(value);
}

/* --- made by hand ---------------------------------------------------------------------------- */

typedef struct arguments {
    int status;
    PyObject *headers;
    PyObject *content;
    PyObject *text;
    PyObject *json;
    PyObject *request;
    PyObject *url;
    PyObject *reason;
    PyObject *http_version;
    PyObject *history;
    PyObject *extensions;
    PyObject *default_encoding;
} arguments;

static int parse_arguments(PyObject *args, PyObject *keywords, arguments *out)
{
    static char *names[] = {
        "status_code", "headers", "content",      "text",    "json",       "request",
        "url",         "reason",  "http_version", "history", "extensions", "default_encoding",
        NULL};
    *out = (arguments){.headers = Py_None,
                       .content = Py_None,
                       .text = Py_None,
                       .json = Py_None,
                       .request = Py_None,
                       .url = Py_None,
                       .reason = Py_None,
                       .extensions = Py_None,
                       .default_encoding = Py_None};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "i|$OOOOOOOUOOO:Response", names, &out->status,
                                     &out->headers, &out->content, &out->text, &out->json,
                                     &out->request, &out->url, &out->reason, &out->http_version,
                                     &out->history, &out->extensions, &out->default_encoding))
        return -1;
    if (out->status < 100 || out->status > 999) {
        PyErr_Format(PyExc_ValueError, "a status is from 100 to 999, not %d", out->status);
        return -1;
    }
    if ((out->content != Py_None) + (out->text != Py_None) + (out->json != Py_None) > 1) {
        PyErr_SetString(PyExc_TypeError, "give one of content=, text= and json=");
        return -1;
    }
    return 0;
}

/* str in UTF-8, or what else is bytes. */
static PyObject *to_bytes(PyObject *value)
{
    if (PyUnicode_Check(value))
        return PyUnicode_AsUTF8String(value);
    if (PyBytes_Check(value) || PyByteArray_Check(value) || PyMemoryView_Check(value))
        return PyBytes_FromObject(value);
    PyErr_Format(PyExc_TypeError, "content must be bytes or str, not %.100s",
                 Py_TYPE(value)->tp_name);
    return NULL;
}

/* The body, and what its type is, "" if that isn't known. */
static PyObject *make_content(const hhpy_state *state, const arguments *given, const char **type)
{
    *type = "";
    if (given->json != Py_None) {
        PyObject *json = PyObject_CallOneArg(state->layer.json_dumps, given->json);
        PyObject *content = json != NULL ? to_bytes(json) : NULL;
        Py_XDECREF(json);
        *type = "application/json";
        return content;
    }
    if (given->text != Py_None) {
        if (!PyUnicode_Check(given->text)) {
            PyErr_Format(PyExc_TypeError, "text must be a str, not %.100s",
                         Py_TYPE(given->text)->tp_name);
            return NULL;
        }
        *type = "text/plain; charset=utf-8";
        return PyUnicode_AsUTF8String(given->text);
    }
    return given->content != Py_None ? to_bytes(given->content) : PyBytes_FromString("");
}

/* Sets a field unless there is one. */
static int set_default(PyObject *headers, const char *name, PyObject *value)
{
    if (value == NULL || hhpy_headers_has(headers, hh_slice_of(name)))
        return value == NULL ? -1 : 0;
    return PyMapping_SetItemString(headers, name, value);
}

static int describe_content(PyObject *headers, PyObject *content, const char *type)
{
    int result = 0;
    if (*type != '\0') {
        PyObject *value = PyUnicode_FromString(type);
        result = set_default(headers, "content-type", value);
        Py_XDECREF(value);
    }
    bool is_chunked = hhpy_headers_has(headers, hh_slice_of("transfer-encoding"));
    if (result == 0 && PyBytes_GET_SIZE(content) > 0 && !is_chunked) {
        PyObject *value = PyUnicode_FromFormat("%zd", PyBytes_GET_SIZE(content));
        result = set_default(headers, "content-length", value);
        Py_XDECREF(value);
    }
    return result;
}

/* `url`, or else the URL of the request. */
static int make_url(hhpy_response *self, const arguments *given)
{
    hh_slice slice;
    PyObject *text = NULL;
    if (given->request != Py_None &&
        !PyObject_TypeCheck(given->request, self->state->request_type)) {
        PyErr_Format(PyExc_TypeError, "request must be a Request, not %.100s",
                     Py_TYPE(given->request)->tp_name);
        return -1;
    }
    if (given->url != Py_None)
        text = hhpy_url_text(self->state, given->url);
    else if (given->request != Py_None)
        text = PyObject_Str(((hhpy_request *)given->request)->url);
    else
        return 0;
    PyObject *url = text != NULL && hhpy_slice_of_str(text, &slice) == 0
                        ? hhpy_url_new(self->state, slice)
                        : NULL;
    Py_XDECREF(text);
    Py_XSETREF(self->url, url);
    return url != NULL ? 0 : -1;
}

/* Headers and body, and what each says about the other. */
static int make_message(hhpy_response *self, const arguments *given)
{
    const char *type;
    PyObject *headers =
        given->headers != Py_None
            ? PyObject_CallOneArg((PyObject *)self->state->headers_type, given->headers)
            : PyObject_CallNoArgs((PyObject *)self->state->headers_type);
    PyObject *content = headers != NULL ? make_content(self->state, given, &type) : NULL;
    if (content == NULL || describe_content(headers, content, type) < 0) {
        Py_XDECREF(headers);
        Py_XDECREF(content);
        return -1;
    }
    Py_XSETREF(self->headers, headers);
    Py_XSETREF(self->content, content);
    return 0;
}

static int make_rest(hhpy_response *self, const arguments *given)
{
    PyObject *history = given->history != NULL ? PySequence_Tuple(given->history) : PyTuple_New(0);
    if (history == NULL)
        return -1;
    Py_XSETREF(self->history, history);
    if (given->extensions != Py_None) {
        if (!PyDict_Check(given->extensions)) {
            PyErr_SetString(PyExc_TypeError, "extensions must be a dict");
            return -1;
        }
        Py_XSETREF(self->extensions, Py_NewRef(given->extensions));
    }
    if (given->default_encoding != Py_None) {
        if (!PyUnicode_Check(given->default_encoding) &&
            !PyCallable_Check(given->default_encoding)) {
            PyErr_SetString(PyExc_TypeError, "default_encoding must be a str or a callable");
            return -1;
        }
        Py_XSETREF(self->default_encoding, Py_NewRef(given->default_encoding));
    }
    return 0;
}

static PyObject *make_restored(const hhpy_response *self, const arguments *given)
{
    PyObject *zeros = Py_BuildValue("((ddddddddd))", 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    PyObject *timings =
        zeros != NULL ? PyObject_Call((PyObject *)self->state->timings_type, zeros, NULL) : NULL;
    PyObject *trailers =
        timings != NULL ? PyObject_CallNoArgs((PyObject *)self->state->headers_type) : NULL;
    PyObject *reason = given->reason != Py_None
                           ? Py_NewRef(given->reason)
                           : PyUnicode_FromString(hhpy_reason_phrase(given->status));
    PyObject *version = given->http_version != NULL ? Py_NewRef(given->http_version)
                                                    : PyUnicode_FromString("HTTP/1.1");
    PyObject *restored = NULL;
    if (trailers != NULL && reason != NULL && version != NULL)
        restored =
            Py_BuildValue("{s:i,s:O,s:O,s:O,s:O,s:O,s:O,s:O,s:n,s:n}", "status_code", given->status,
                          "reason", reason, "http_version", version, "trailers", trailers,
                          "timings", timings, "request", given->request, "remote_address", Py_None,
                          "is_reused", Py_False, "redirect_count", PyTuple_GET_SIZE(self->history),
                          "num_bytes_downloaded", PyBytes_GET_SIZE(self->content));
    Py_XDECREF(zeros);
    Py_XDECREF(timings);
    Py_XDECREF(trailers);
    Py_XDECREF(reason);
    Py_XDECREF(version);
    return restored;
}

static int refuse_second(const hhpy_response *self)
{
    if (self->response == NULL && self->restored == NULL)
        return 0;
    PyErr_SetString(PyExc_TypeError, "this response is there already");
    return -1;
}

int hhpy_response_init(PyObject *object, PyObject *args, PyObject *keywords)
{
    arguments given;
    hhpy_response *self = (hhpy_response *)object;
    if (refuse_second(self) < 0 || parse_arguments(args, keywords, &given) < 0)
        return -1;
    if (given.reason != Py_None && !PyUnicode_Check(given.reason)) {
        PyErr_SetString(PyExc_TypeError, "reason must be a str");
        return -1;
    }
    if (make_url(self, &given) < 0 || make_message(self, &given) < 0 || make_rest(self, &given) < 0)
        return -1;
    Py_XSETREF(self->restored, make_restored(self, &given));
    return self->restored != NULL ? 0 : -1;
}

/* --- pickles --------------------------------------------------------------------------------- */

/* An attribute; None where the answer has no such thing. */
static PyObject *carry(PyObject *self, const char *name)
{
    PyObject *value = PyObject_GetAttrString(self, name);
    if (value != NULL || !PyErr_ExceptionMatches(PyExc_RuntimeError) ||
        (strcmp(name, "url") != 0 && strcmp(name, "request") != 0))
        return value;
    PyErr_Clear();
    return Py_NewRef(Py_None);
}

PyObject *hhpy_response_getstate(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    hhpy_response *self = (hhpy_response *)object;
    PyObject *state = PyDict_New();
    for (size_t i = 0; i < sizeof carried / sizeof carried[0] && state != NULL; i++) {
        PyObject *value = carry(object, carried[i]);
        if (value == NULL || PyDict_SetItemString(state, carried[i], value) < 0)
            Py_CLEAR(state);
        Py_XDECREF(value);
    }
    if (state != NULL && self->dict != NULL && PyDict_SetItemString(state, "dict", self->dict) < 0)
        Py_CLEAR(state);
    return state;
}

/* Moves what is under `name` to *slot, if it is of the type; None stays away. */
static int move(PyObject *state, const char *name, PyTypeObject *type, PyObject **slot)
{
    PyObject *value = PyDict_GetItemString(state, name);
    if (value == NULL || value == Py_None)
        return 0;
    if (!PyObject_TypeCheck(value, type)) {
        PyErr_Format(PyExc_TypeError, "a response's %s must be %.100s, not %.100s", name,
                     type->tp_name, Py_TYPE(value)->tp_name);
        return -1;
    }
    Py_XSETREF(*slot, Py_NewRef(value));
    return PyDict_DelItemString(state, name);
}

PyObject *hhpy_response_setstate(PyObject *object, PyObject *state)
{
    hhpy_response *self = (hhpy_response *)object;
    if (refuse_second(self) < 0)
        return NULL;
    if (!PyDict_Check(state)) {
        PyErr_SetString(PyExc_TypeError, "the state of a response is a dict");
        return NULL;
    }
    PyObject *restored = PyDict_Copy(state);
    if (restored == NULL)
        return NULL;
    if (move(restored, "headers", self->state->headers_type, &self->headers) < 0 ||
        move(restored, "content", &PyBytes_Type, &self->content) < 0 ||
        move(restored, "url", self->state->url_type, &self->url) < 0 ||
        move(restored, "history", &PyTuple_Type, &self->history) < 0 ||
        move(restored, "encoding", &PyUnicode_Type, &self->encoding) < 0 ||
        move(restored, "extensions", &PyDict_Type, &self->extensions) < 0 ||
        move(restored, "dict", &PyDict_Type, &self->dict) < 0) {
        Py_DECREF(restored);
        return NULL;
    }
    Py_XSETREF(self->restored, restored);
    Py_RETURN_NONE;
}
