/*
 * response_status.c - what follows from an answer's status: its class, its phrase,
 * raise_for_status.
 *
 * Invariant: a status below 400 or above 599 never raises. Source: RFC 9110 §15, RFC 6585, RFC
 * 7725, RFC 8470, and the IANA registry of status codes for what other documents define.
 */
#include "response.h"

const char *hhpy_reason_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {102, "Processing"},
        {103, "Early Hints"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {203, "Non-Authoritative Information"},
        {204, "No Content"},
        {205, "Reset Content"},
        {206, "Partial Content"},
        {207, "Multi-Status"},
        {208, "Already Reported"},
        {226, "IM Used"},
        {300, "Multiple Choices"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {305, "Use Proxy"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {407, "Proxy Authentication Required"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {418, "I'm a teapot"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {423, "Locked"},
        {424, "Failed Dependency"},
        {425, "Too Early"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {451, "Unavailable For Legal Reasons"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {506, "Variant Also Negotiates"},
        {507, "Insufficient Storage"},
        {508, "Loop Detected"},
        {511, "Network Authentication Required"},
    };
    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "";
}

int hhpy_response_status(const hhpy_response *response)
{
    if (response->response != NULL)
        return hh_response_status(response->response);
    PyObject *status = hhpy_response_restored(response, "status_code");
    if (status == NULL)
        return -1;
    long value = PyLong_AsLong(status);
    Py_DECREF(status);
    if (value == -1 && PyErr_Occurred())
        return -1;
    if (value >= 100 && value <= 999)
        return (int)value;
    PyErr_Format(PyExc_ValueError, "a status is from 100 to 999, not %ld", value);
    return -1;
}

PyObject *hhpy_response_status_line(hhpy_response *response)
{
    int status = hhpy_response_status(response);
    PyObject *reason = status >= 0 ? PyObject_GetAttrString((PyObject *)response, "reason") : NULL;
    if (reason == NULL)
        return NULL;
    PyObject *line = PyObject_IsTrue(reason) ? PyUnicode_FromFormat("%d %S", status, reason)
                                             : PyUnicode_FromFormat("%d", status);
    Py_DECREF(reason);
    return line;
}

static bool is_location_status(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

PyObject *hhpy_response_get_is(PyObject *self, void *closure)
{
    hhpy_response *response = (hhpy_response *)self;
    int status = hhpy_response_status(response);
    if (status < 0)
        return NULL;
    switch ((hhpy_status_class)(uintptr_t)closure) {
    case HHPY_STATUS_INFORMATIONAL:
        return PyBool_FromLong(status < 200);
    case HHPY_STATUS_SUCCESS:
        return PyBool_FromLong(status >= 200 && status < 300);
    case HHPY_STATUS_REDIRECT:
        return PyBool_FromLong(status >= 300 && status < 400);
    case HHPY_STATUS_REDIRECT_LOCATION:
        return PyBool_FromLong(is_location_status(status) &&
                               hhpy_response_header(response, "location").data != NULL);
    case HHPY_STATUS_CLIENT_ERROR:
        return PyBool_FromLong(status >= 400 && status < 500);
    case HHPY_STATUS_SERVER_ERROR:
        return PyBool_FromLong(status >= 500 && status < 600);
    case HHPY_STATUS_ERROR:
        return PyBool_FromLong(status >= 400 && status < 600);
    case HHPY_STATUS_OK:
        return PyBool_FromLong(status < 400);
    }
    Py_UNREACHABLE();
}

/* --- raise_for_status ------------------------------------------------------------------------ */

/* What to do about a status; "" where the status says it all. */
static const char *advice(int status)
{
    switch (status) {
    case 401:
        return ": give valid credentials (auth= or an Authorization header)";
    case 403:
        return ": the server knows who asks, and refuses";
    case 405:
        return ": see the Allow header for the methods it takes";
    case 407:
        return ": the proxy wants credentials";
    case 413:
        return ": send a smaller body";
    case 415:
        return ": check the request's Content-Type";
    case 429:
        return ": send fewer requests, and honour Retry-After where it is given";
    case 502:
    case 503:
    case 504:
        return ": may well be temporary, try again later";
    default:
        return status >= 500 ? ": the server failed to answer a request that may be valid" : "";
    }
}

/* " for GET https://…", with where redirects led to; or where the answer came from; or nothing.
 * The engine's URLs are without user and password. */
static PyObject *describe_request(PyObject *self, PyObject *request)
{
    const hh_response *first = ((hhpy_response *)self)->response;
    PyObject *url = PyObject_GetAttrString(self, "url");
    if (url == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_RuntimeError))
            return NULL;
        PyErr_Clear();
        return PyUnicode_FromString("");
    }
    while (first != NULL && hh_response_previous(first) != NULL)
        first = hh_response_previous(first);
    PyObject *text = NULL;
    PyObject *begun = NULL;
    PyObject *method = request != Py_None ? PyObject_GetAttrString(request, "method") : NULL;
    if (request == Py_None)
        text = PyUnicode_FromFormat(" for %S", url);
    else if (method != NULL && (first == NULL || first == ((hhpy_response *)self)->response))
        text = PyUnicode_FromFormat(" for %S %S", method, url);
    else if (method != NULL && (begun = hhpy_text(hh_response_url(first))) != NULL)
        text = PyUnicode_FromFormat(" for %S %U, redirected to %S", method, begun, url);
    Py_DECREF(url);
    Py_XDECREF(begun);
    Py_XDECREF(method);
    return text;
}

/* The request, or None where the answer has none. */
static PyObject *find_request(PyObject *self)
{
    PyObject *request = PyObject_GetAttrString(self, "request");
    if (request != NULL || !PyErr_ExceptionMatches(PyExc_RuntimeError))
        return request;
    PyErr_Clear();
    return Py_NewRef(Py_None);
}

static PyObject *make_status_error(PyObject *self, int status)
{
    hhpy_response *response = (hhpy_response *)self;
    PyObject *error = NULL;
    PyObject *message = NULL;
    PyObject *arguments = NULL;
    PyObject *keywords = NULL;
    PyObject *request = find_request(self);
    PyObject *line = request != NULL ? hhpy_response_status_line(response) : NULL;
    PyObject *target = line != NULL ? describe_request(self, request) : NULL;
    if (target != NULL)
        message = PyUnicode_FromFormat("%U%U%s", line, target, advice(status));
    if (message != NULL)
        arguments = PyTuple_Pack(1, message);
    if (arguments != NULL)
        keywords = Py_BuildValue("{s:O,s:O}", "request", request, "response", self);
    if (keywords != NULL)
        error = PyObject_Call(response->state->layer.HTTPStatusError, arguments, keywords);
    Py_XDECREF(request);
    Py_XDECREF(line);
    Py_XDECREF(target);
    Py_XDECREF(message);
    Py_XDECREF(arguments);
    Py_XDECREF(keywords);
    return error;
}

PyObject *hhpy_response_raise_for_status(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    int status = hhpy_response_status((hhpy_response *)self);
    if (status < 0)
        return NULL;
    if (status < 400 || status > 599)
        return Py_NewRef(self);
    PyObject *error = make_status_error(self, status);
    if (error != NULL)
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    Py_XDECREF(error);
    return NULL;
}
