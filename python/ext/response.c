/*
 * response.c - _engine.ResponseBase: its life, and what it says beside text and status.
 *
 * Leaves to others: encodings, text and JSON (response_text.c), what follows from the status
 * (response_status.c), answers that don't come from the engine, and pickles (response_state.c), the
 * two flavours (response_flavours.c). Invariant: `response` and `restored` are never both set; with
 * neither, the answer was never initialised, and every question raises RuntimeError.
 */
#include "response.h"

#include <structmember.h>

#include "headers.h"
#include "url.h"

static hhpy_response *cast(PyObject *self)
{
    return (hhpy_response *)self;
}

/* Keeps what was made on first access and gives a new reference to it. Making it may run other code
 * (garbage collection, another thread) that was first. */
static PyObject *keep(PyObject **slot, PyObject *made)
{
    if (made == NULL)
        return NULL;
    if (*slot == NULL)
        *slot = made;
    else
        Py_DECREF(made);
    return Py_NewRef(*slot);
}

/* --- life ------------------------------------------------------------------------------------ */

PyObject *hhpy_response_new(hhpy_client *client, hh_response *response, hhpy_sent *sent,
                            PyObject *content, hhpy_flavour flavour)
{
    hhpy_state *state = client->state;
    PyTypeObject *type =
        (PyTypeObject *)(flavour == HHPY_FLAVOUR_ASYNC ? state->layer.Response
                                                       : state->layer.SyncResponse);
    hhpy_response *self = (hhpy_response *)type->tp_alloc(type, 0);
    if (self == NULL) {
        Py_XDECREF(content);
        return NULL;
    }
    self->state = state;
    self->response = hh_response_ref(response);
    self->sent = *sent;
    *sent = (hhpy_sent){0};
    self->content = content;
    self->default_encoding = Py_XNewRef(client->default_encoding);
    self->json_loads = Py_XNewRef(client->json_loads);
    return (PyObject *)self;
}

static PyObject *make(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    (void)args;
    (void)keywords;
    hhpy_state *state = hhpy_state_of(type);
    if (state == NULL)
        return NULL;
    hhpy_response *self = (hhpy_response *)type->tp_alloc(type, 0);
    if (self != NULL)
        self->state = state;
    return (PyObject *)self;
}

static int traverse(PyObject *object, visitproc visit, void *arg)
{
    hhpy_response *self = cast(object);
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->content);
    Py_VISIT(self->headers);
    Py_VISIT(self->url);
    Py_VISIT(self->history);
    Py_VISIT(self->default_encoding);
    Py_VISIT(self->json_loads);
    Py_VISIT(self->restored);
    Py_VISIT(self->stream);
    Py_VISIT(self->extensions);
    Py_VISIT(self->dict);
    return hhpy_sent_visit(&self->sent, visit, arg);
}

static int clear(PyObject *object)
{
    hhpy_response *self = cast(object);
    hhpy_sent_clear(&self->sent);
    Py_CLEAR(self->content);
    Py_CLEAR(self->text);
    Py_CLEAR(self->headers);
    Py_CLEAR(self->url);
    Py_CLEAR(self->history);
    Py_CLEAR(self->encoding);
    Py_CLEAR(self->default_encoding);
    Py_CLEAR(self->json_loads);
    Py_CLEAR(self->restored);
    Py_CLEAR(self->stream);
    Py_CLEAR(self->extensions);
    Py_CLEAR(self->dict);
    return 0;
}

static void dealloc(PyObject *object)
{
    hhpy_response *self = cast(object);
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    if (self->weakrefs != NULL)
        PyObject_ClearWeakRefs(object);
    clear(object);
    hh_response_destroy(self->response);
    type->tp_free(object);
    Py_DECREF(type);
}

/* --- the head -------------------------------------------------------------------------------- */

static PyObject *get_reason(PyObject *object, void *closure)
{
    (void)closure;
    hhpy_response *self = cast(object);
    if (self->response == NULL)
        return hhpy_response_restored(self, "reason");
    hh_slice reason = hh_response_reason(self->response);
    if (reason.length > 0)
        return hhpy_text(reason);
    return PyUnicode_FromString(hhpy_reason_phrase(hh_response_status(self->response)));
}

static PyObject *get_http_version(PyObject *object, void *closure)
{
    (void)closure;
    hhpy_response *self = cast(object);
    if (self->response == NULL)
        return hhpy_response_restored(self, "http_version");
    int version = hh_response_version(self->response);
    if (version >= 20)
        return PyUnicode_FromFormat("HTTP/%d", version / 10);
    return PyUnicode_FromFormat("HTTP/%d.%d", version / 10, version % 10);
}

static PyObject *get_url(PyObject *object, void *closure)
{
    (void)closure;
    hhpy_response *self = cast(object);
    if (self->url == NULL && self->response != NULL)
        return keep(&self->url, hhpy_url_new(self->state, hh_response_url(self->response)));
    if (self->url == NULL)
        PyErr_SetString(PyExc_RuntimeError,
                        "this response has no URL: it was made without request= and url=");
    return Py_XNewRef(self->url);
}

PyObject *hhpy_response_headers(hhpy_response *self)
{
    if (self->headers == NULL && self->response != NULL)
        return keep(&self->headers,
                    hhpy_headers_of_response(self->state, self->response, HHPY_FIELDS_HEADERS));
    if (self->headers == NULL)
        return hhpy_response_restored(self, "headers");
    return Py_NewRef(self->headers);
}

static PyObject *get_headers(PyObject *object, void *closure)
{
    (void)closure;
    return hhpy_response_headers(cast(object));
}

hh_slice hhpy_response_header(const hhpy_response *self, const char *name)
{
    if (self->headers == NULL)
        return self->response != NULL ? hh_response_header(self->response, name) : (hh_slice){0};
    size_t length = strlen(name);
    for (Py_ssize_t i = 0, count = hhpy_headers_count(self->headers); i < count; i++) {
        hh_field field = hhpy_headers_at(self->headers, i);
        if (field.name.length == length &&
            PyOS_strnicmp(field.name.data, name, (Py_ssize_t)length) == 0)
            return field.value;
    }
    return (hh_slice){0};
}

static PyObject *get_trailers(PyObject *object, void *closure)
{
    (void)closure;
    hhpy_response *self = cast(object);
    if (self->response == NULL)
        return hhpy_response_restored(self, "trailers");
    return hhpy_headers_of_response(self->state, self->response, HHPY_FIELDS_TRAILERS);
}

static PyObject *make_extensions(PyObject *object)
{
    PyObject *made = NULL;
    PyObject *version = get_http_version(object, NULL);
    PyObject *reason = version != NULL ? get_reason(object, NULL) : NULL;
    PyObject *version_bytes = reason != NULL ? PyUnicode_AsUTF8String(version) : NULL;
    PyObject *reason_bytes = version_bytes != NULL ? PyUnicode_AsUTF8String(reason) : NULL;
    if (reason_bytes != NULL)
        made = Py_BuildValue("{s:O,s:O}", "http_version", version_bytes, "reason_phrase",
                             reason_bytes);
    Py_XDECREF(version);
    Py_XDECREF(reason);
    Py_XDECREF(version_bytes);
    Py_XDECREF(reason_bytes);
    return made;
}

static PyObject *get_extensions(PyObject *object, void *closure)
{
    (void)closure;
    hhpy_response *self = cast(object);
    if (self->extensions != NULL)
        return Py_NewRef(self->extensions);
    return keep(&self->extensions, make_extensions(object));
}

/* --- the body -------------------------------------------------------------------------------- */

PyObject *hhpy_response_content(hhpy_response *self)
{
    if (self->content != NULL)
        return Py_NewRef(self->content);
    if (self->stream != NULL) {
        PyObject *content = PyObject_CallMethod(self->stream, "content", NULL);
        if (content != NULL && !PyBytes_Check(content)) {
            PyErr_Format(PyExc_TypeError, "content() of a stream must give bytes, not %.100s",
                         Py_TYPE(content)->tp_name);
            Py_CLEAR(content);
        }
        return content;
    }
    if (self->response == NULL)
        return hhpy_response_restored(self, "content");
    hh_slice body = hh_response_body(self->response);
    return keep(&self->content, PyBytes_FromStringAndSize(body.data, (Py_ssize_t)body.length));
}

static PyObject *get_content(PyObject *object, void *closure)
{
    (void)closure;
    return hhpy_response_content(cast(object));
}

PyDoc_STRVAR(fill_doc, "_fill($self, content, /)\n--\n\n"
                       "Sets the body (bytes), and lets go of the stream that stood for it.");

static PyObject *fill(PyObject *object, PyObject *content)
{
    hhpy_response *self = cast(object);
    if (!PyBytes_Check(content)) {
        PyErr_Format(PyExc_TypeError, "content must be bytes, not %.100s",
                     Py_TYPE(content)->tp_name);
        return NULL;
    }
    Py_XSETREF(self->content, Py_NewRef(content));
    Py_CLEAR(self->text);
    Py_CLEAR(self->stream);
    Py_RETURN_NONE;
}

static PyObject *get_stream(PyObject *object, void *closure)
{
    (void)closure;
    hhpy_response *self = cast(object);
    return Py_NewRef(self->stream != NULL ? self->stream : Py_None);
}

static int set_stream(PyObject *object, PyObject *value, void *closure)
{
    (void)closure;
    hhpy_response *self = cast(object);
    Py_XSETREF(self->stream, value != Py_None ? Py_XNewRef(value) : NULL);
    return 0;
}

static PyObject *get_downloaded(PyObject *object, void *closure)
{
    (void)closure;
    hhpy_response *self = cast(object);
    if (self->response == NULL)
        return hhpy_response_restored(self, "num_bytes_downloaded");
    return PyLong_FromUnsignedLongLong(hh_response_wire_bytes(self->response));
}

/* --- how it came ----------------------------------------------------------------------------- */

/* The answer one redirect back: of the same class, sharing what the caller sent. */
static PyObject *make_previous(hhpy_response *self, const hh_response *previous)
{
    PyTypeObject *type = Py_TYPE(self);
    hhpy_response *made = (hhpy_response *)type->tp_alloc(type, 0);
    if (made == NULL)
        return NULL;
    made->state = self->state;
    made->response = hh_response_ref((hh_response *)(uintptr_t)previous);
    made->sent = (hhpy_sent){
        .method = Py_XNewRef(self->sent.method),
        .url = Py_XNewRef(self->sent.url),
        .headers = Py_XNewRef(self->sent.headers),
        .content = Py_XNewRef(self->sent.content),
        .request = Py_XNewRef(self->sent.request),
    };
    made->default_encoding = Py_XNewRef(self->default_encoding);
    made->json_loads = Py_XNewRef(self->json_loads);
    return (PyObject *)made;
}

static PyObject *make_history(hhpy_response *self)
{
    Py_ssize_t count = 0;
    for (const hh_response *at = hh_response_previous(self->response); at != NULL;
         at = hh_response_previous(at))
        count++;
    PyObject *history = PyTuple_New(count);
    for (const hh_response *at = hh_response_previous(self->response);
         at != NULL && history != NULL; at = hh_response_previous(at)) {
        PyObject *made = make_previous(self, at);
        if (made == NULL)
            Py_CLEAR(history);
        else
            PyTuple_SET_ITEM(history, --count, made);
    }
    return history;
}

static PyObject *get_history(PyObject *object, void *closure)
{
    (void)closure;
    hhpy_response *self = cast(object);
    if (self->history != NULL)
        return Py_NewRef(self->history);
    if (self->response == NULL)
        return hhpy_response_restored(self, "history");
    return keep(&self->history, make_history(self));
}

static PyObject *get_request(PyObject *object, void *closure)
{
    (void)closure;
    hhpy_response *self = cast(object);
    PyObject *request = NULL;
    if (self->response == NULL)
        request = hhpy_response_restored(self, "request");
    else if (self->sent.method != NULL || self->sent.request != NULL)
        request = hhpy_sent_request(self->state, &self->sent);
    else
        request = Py_NewRef(Py_None);
    if (request == Py_None) {
        Py_CLEAR(request);
        PyErr_SetString(PyExc_RuntimeError,
                        "this response has no request: it was made without request=");
    }
    return request;
}

static PyObject *get_remote_address(PyObject *object, void *closure)
{
    (void)closure;
    hhpy_response *self = cast(object);
    if (self->response == NULL)
        return hhpy_response_restored(self, "remote_address");
    hh_slice address = hh_response_remote_address(self->response);
    return address.length > 0 ? hhpy_text(address) : Py_NewRef(Py_None);
}

static PyObject *get_is_reused(PyObject *object, void *closure)
{
    (void)closure;
    hhpy_response *self = cast(object);
    if (self->response == NULL)
        return hhpy_response_restored(self, "is_reused");
    return PyBool_FromLong(hh_response_is_reused(self->response));
}

static PyObject *get_redirect_count(PyObject *object, void *closure)
{
    (void)closure;
    hhpy_response *self = cast(object);
    if (self->response == NULL)
        return hhpy_response_restored(self, "redirect_count");
    return PyLong_FromUnsignedLong(hh_response_redirect_count(self->response));
}

/* --- where the time went --------------------------------------------------------------------- */

static PyStructSequence_Field timing_fields[] = {
    {"queue", "waiting for a connection"},
    {"resolve", "resolving the name"},
    {"connect", "connecting"},
    {"tls", "the TLS handshake"},
    {"send", "first byte of the request's head to last byte of its body"},
    {"wait", "request sent to first byte of the final answer"},
    {"receive", "first byte to last byte of the answer"},
    {"total", "submit to last byte"},
    {"redirect", "all hops before the last"},
    {NULL, NULL},
};

static PyStructSequence_Desc timing_description = {
    .name = "hyperhttp._engine.Timings",
    .doc = "Where the time of a request went, in seconds; 0.0 for what didn't happen.",
    .fields = timing_fields,
    .n_in_sequence = sizeof timing_fields / sizeof timing_fields[0] - 1,
};

static PyObject *get_timings(PyObject *object, void *closure)
{
    (void)closure;
    hhpy_response *self = cast(object);
    if (self->response == NULL)
        return hhpy_response_restored(self, "timings");
    hh_timings timings = hh_response_timings(self->response);
    uint64_t values[] = {timings.queue_ns,   timings.resolve_ns, timings.connect_ns,
                         timings.tls_ns,     timings.send_ns,    timings.wait_ns,
                         timings.receive_ns, timings.total_ns,   timings.redirect_ns};
    PyObject *result = PyStructSequence_New(self->state->timings_type);
    for (Py_ssize_t i = 0; i < timing_description.n_in_sequence && result != NULL; i++) {
        PyObject *seconds = PyFloat_FromDouble((double)values[i] / 1e9);
        if (seconds == NULL)
            Py_CLEAR(result);
        else
            PyStructSequence_SetItem(result, i, seconds);
    }
    return result;
}

static PyObject *get_elapsed(PyObject *object, void *closure)
{
    PyObject *timings = get_timings(object, closure);
    PyObject *total = timings != NULL ? PyObject_GetAttrString(timings, "total") : NULL;
    PyObject *module = total != NULL ? PyImport_ImportModule("datetime") : NULL;
    PyObject *elapsed =
        module != NULL ? PyObject_CallMethod(module, "timedelta", "iO", 0, total) : NULL;
    Py_XDECREF(timings);
    Py_XDECREF(total);
    Py_XDECREF(module);
    return elapsed;
}

/* --- the type -------------------------------------------------------------------------------- */

static PyObject *get_status(PyObject *object, void *closure)
{
    (void)closure;
    int status = hhpy_response_status(cast(object));
    return status < 0 ? NULL : PyLong_FromLong(status);
}

static PyObject *represent(PyObject *object)
{
    hhpy_response *self = cast(object);
    if (self->response == NULL && self->restored == NULL)
        return PyUnicode_FromString("<Response, not initialised>");
    PyObject *line = hhpy_response_status_line(self);
    PyObject *text = line != NULL ? PyUnicode_FromFormat("<Response [%U]>", line) : NULL;
    Py_XDECREF(line);
    return text;
}

#define IS(name, status_class, doc)                                                                \
    {                                                                                              \
        name, hhpy_response_get_is, NULL, doc, (void *)(uintptr_t)(status_class)                   \
    }

static PyGetSetDef getset[] = {
    {"status_code", get_status, NULL, "The status code, an int.", NULL},
    {"status", get_status, NULL, "The status code, an int.", NULL},
    {"reason", get_reason, NULL,
     "The reason phrase as received, a str; the standard's where none was.", NULL},
    {"reason_phrase", get_reason, NULL, "The same as `reason`.", NULL},
    {"http_version", get_http_version, NULL, "\"HTTP/2\", \"HTTP/1.1\" or \"HTTP/1.0\".", NULL},
    {"url", get_url, NULL,
     "The URL the answer came from: the last one after redirects, without user and password.",
     NULL},
    {"headers", get_headers, NULL, "The header fields, Headers.", NULL},
    {"trailers", get_trailers, NULL,
     "The trailer fields: those after a chunked body, or after one in HTTP/2. Headers.", NULL},
    {"content", get_content, NULL,
     "The body, bytes, content codings undone. Raises StreamError while it is being streamed.",
     NULL},
    {"history", get_history, NULL, "The redirects that led here, oldest first, a tuple.", NULL},
    {"elapsed", get_elapsed, NULL, "From sending to the last byte, a datetime.timedelta.", NULL},
    {"timings", get_timings, NULL, "Where the time went, Timings: floats in seconds.", NULL},
    {"request", get_request, NULL,
     "What the caller sent, a Request (redirects are in `history`). RuntimeError: there is none.",
     NULL},
    {"encoding", hhpy_response_get_encoding, hhpy_response_set_encoding,
     "The name of the encoding for text: what was set, else the charset of Content-Type, else what "
     "a byte order mark says, else the client's default_encoding, else \"utf-8\". Setting an "
     "unknown one raises LookupError; None goes back to automatic.",
     NULL},
    {"charset_encoding", hhpy_response_get_charset, NULL,
     "The charset of Content-Type as received, a str, or None.", NULL},
    {"num_bytes_downloaded", get_downloaded, NULL,
     "Bytes of the body as they came over the wire, an int.", NULL},
    {"remote_address", get_remote_address, NULL,
     "The peer: \"127.0.0.1:8080\", \"[::1]:443\" or a socket's path; None where it isn't known.",
     NULL},
    {"is_reused", get_is_reused, NULL, "Whether the connection had served before, a bool.", NULL},
    {"redirect_count", get_redirect_count, NULL, "How many redirects were followed, an int.", NULL},
    {"extensions", get_extensions, NULL, "A dict: \"http_version\" and \"reason_phrase\" as bytes.",
     NULL},
    IS("is_informational", HHPY_STATUS_INFORMATIONAL, "Whether the status is 1xx."),
    IS("is_success", HHPY_STATUS_SUCCESS, "Whether the status is 2xx."),
    IS("is_redirect", HHPY_STATUS_REDIRECT, "Whether the status is 3xx."),
    IS("has_redirect_location", HHPY_STATUS_REDIRECT_LOCATION,
       "Whether it is a redirect that can be followed: 301, 302, 303, 307 or 308 with Location."),
    IS("is_client_error", HHPY_STATUS_CLIENT_ERROR, "Whether the status is 4xx."),
    IS("is_server_error", HHPY_STATUS_SERVER_ERROR, "Whether the status is 5xx."),
    IS("is_error", HHPY_STATUS_ERROR, "Whether the status is 4xx or 5xx."),
    IS("ok", HHPY_STATUS_OK, "Whether the status is below 400."),
    {"_stream", get_stream, set_stream, "What stands for a body on its way, or None.", NULL},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(
    raise_for_status_doc,
    "raise_for_status($self, /)\n--\n\n"
    "Raises HTTPStatusError for a status of 4xx or 5xx; returns the response otherwise.\n\n"
    "    data = await response.raise_for_status().json()");

static PyMethodDef methods[] = {
    {"raise_for_status", hhpy_response_raise_for_status, METH_NOARGS, raise_for_status_doc},
    {"_fill", fill, METH_O, fill_doc},
    {"__getstate__", hhpy_response_getstate, METH_NOARGS, NULL},
    {"__setstate__", hhpy_response_setstate, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(hhpy_response, dict), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(hhpy_response, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(
    response_doc,
    "ResponseBase(status_code, *, headers=None, content=None, text=None, json=None, request=None, "
    "url=None, reason=None, http_version='HTTP/1.1', history=(), extensions=None, "
    "default_encoding=None)\n--\n\n"
    "An answer. Made by hand, for tests and mocks, its body is one of content (bytes or str), text "
    "(str) and json (anything json_dumps takes). TypeError, ValueError.");

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)response_doc},
    {Py_tp_new, make},
    {Py_tp_init, hhpy_response_init},
    {Py_tp_traverse, traverse},
    {Py_tp_clear, clear},
    {Py_tp_dealloc, dealloc},
    {Py_tp_repr, represent},
    {Py_tp_getset, getset},
    {Py_tp_methods, methods},
    {Py_tp_members, members},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "hyperhttp._engine.ResponseBase",
    .basicsize = sizeof(hhpy_response),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};

int hhpy_response_ready(PyObject *module, hhpy_state *state)
{
    state->timings_type = PyStructSequence_NewType(&timing_description);
    if (state->timings_type == NULL || PyModule_AddType(module, state->timings_type) < 0)
        return -1;
    if (hhpy_type_add(module, &spec, NULL, &state->response_type) < 0)
        return -1;
    return hhpy_response_flavours_ready(module, state);
}
