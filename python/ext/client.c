/*
 * client.c - `_engine.ClientBase`: the options and defaults of Client and Session, and their
 * engine.
 *
 * Leaves the conversion of options to options.c, building requests to arguments.c, sending to
 * call.c, blocking.c, batch.c, exchange.c. Invariant: `engine` is open as long as the client is.
 */
#include "client.h"

#include <stddef.h>
#include <structmember.h>

#include "arguments.h"
#include "batch.h"
#include "blocking.h"
#include "call.h"
#include "errors.h"
#include "exchange.h"
#include "headers.h"
#include "request.h"

/* --- the engine ------------------------------------------------------------------------------ */

void hhpy_cached_clear(hhpy_cached *slot)
{
    hh_request_destroy(slot->request);
    Py_XDECREF(slot->url);
    Py_XDECREF(slot->method);
    Py_XDECREF(slot->sent_url);
    Py_XDECREF(slot->headers);
}

void hhpy_client_forget(hhpy_client *client)
{
    if (client->cache == NULL)
        return;
    for (size_t i = 0; i < HHPY_CACHE_SLOTS; i++) {
        hhpy_cached old = client->cache[i];
        client->cache[i] = (hhpy_cached){0};
        hhpy_cached_clear(&old);
    }
}

/* What the parent had in flight is the parent's: nobody here waits for it. */
static int reopen(hhpy_client *client)
{
    hhpy_engine *engine = hhpy_engine_open(client->state, client->options);
    if (engine == NULL)
        return -1;
    hhpy_client_forget(client);
    Py_XSETREF(client->engine, engine);
    return 0;
}

hhpy_engine *hhpy_client_engine(hhpy_client *client)
{
    if (client->engine == NULL) {
        PyErr_SetString(PyExc_RuntimeError, client->is_closed
                                                ? "the client is closed; make a new one"
                                                : "__init__ of the client hasn't run");
        return NULL;
    }
    if (hhpy_engine_is_inherited(client->engine) && reopen(client) < 0)
        return NULL;
    return client->engine;
}

static int close_client(hhpy_client *client)
{
    hhpy_engine *engine = client->engine;
    client->is_closed = true;
    client->engine = NULL;
    hhpy_client_forget(client);
    if (engine == NULL)
        return 0;
    int result = hhpy_engine_close(engine);
    Py_DECREF(engine);
    return result;
}

/* --- making one ------------------------------------------------------------------------------ */

/* The value of a default, or NULL when it isn't there or None. A new reference. */
static PyObject *pick(PyObject *defaults, const char *name)
{
    PyObject *value = PyDict_GetItemString(defaults, name);
    return value == NULL || value == Py_None ? NULL : Py_NewRef(value);
}

static bool is_set(PyObject *defaults, const char *name)
{
    PyObject *value = PyDict_GetItemString(defaults, name);
    return value != NULL && PyObject_IsTrue(value) == 1;
}

static int take_base_url(hhpy_client *client, PyObject *defaults)
{
    PyObject *base = PyDict_GetItemString(defaults, "base_url");
    if (base == NULL || base == Py_None || (PyUnicode_Check(base) && !PyUnicode_GET_LENGTH(base)))
        return 0;
    if (!PyUnicode_Check(base)) {
        PyErr_SetString(PyExc_TypeError, "base_url must be a str here");
        return -1;
    }
    Py_ssize_t length = PyUnicode_GET_LENGTH(base);
    if (PyUnicode_READ_CHAR(base, length - 1) == '/')
        client->base_url = Py_NewRef(base);
    else
        client->base_url = PyUnicode_FromFormat("%U/", base);
    return client->base_url != NULL ? 0 : -1;
}

static int take_defaults(hhpy_client *client, PyObject *defaults)
{
    PyObject *headers = PyDict_GetItemString(defaults, "headers");
    client->headers = hhpy_headers_convert(client->state, headers != NULL ? headers : Py_None);
    if (client->headers == NULL || take_base_url(client, defaults) < 0)
        return -1;
    client->params = pick(defaults, "params");
    client->auth = pick(defaults, "auth");
    client->json_dumps = pick(defaults, "json_dumps");
    client->json_loads = pick(defaults, "json_loads");
    client->default_encoding = pick(defaults, "default_encoding");
    client->is_blocking = is_set(defaults, "blocking");
    client->needs_perform = is_set(defaults, "needs_perform");
    return PyErr_Occurred() ? -1 : 0;
}

static int client_clear(hhpy_client *client)
{
    hhpy_client_forget(client);
    Py_CLEAR(client->engine);
    Py_CLEAR(client->options);
    Py_CLEAR(client->headers);
    Py_CLEAR(client->params);
    Py_CLEAR(client->base_url);
    Py_CLEAR(client->auth);
    Py_CLEAR(client->json_dumps);
    Py_CLEAR(client->json_loads);
    Py_CLEAR(client->default_encoding);
    return 0;
}

static int client_init(hhpy_client *client, PyObject *args, PyObject *keywords)
{
    PyObject *options, *defaults;
    if (keywords != NULL && PyDict_GET_SIZE(keywords) > 0) {
        PyErr_SetString(PyExc_TypeError, "ClientBase() takes no keywords");
        return -1;
    }
    if (!PyArg_ParseTuple(args, "O!O!:ClientBase", &PyDict_Type, &options, &PyDict_Type, &defaults))
        return -1;
    if (client->options != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "__init__ of a client can't run twice");
        return -1;
    }
    client->state = hhpy_state_of(Py_TYPE(client));
    if (client->state == NULL)
        return -1;
    client->cache = PyMem_Calloc(HHPY_CACHE_SLOTS, sizeof *client->cache);
    client->options = PyDict_Copy(options);
    if (client->cache == NULL)
        PyErr_NoMemory();
    if (client->cache == NULL || client->options == NULL || take_defaults(client, defaults) < 0)
        return -1;
    client->engine = hhpy_engine_open(client->state, client->options);
    return client->engine != NULL ? 0 : -1;
}

/* --- its end --------------------------------------------------------------------------------- */

static int client_traverse(hhpy_client *client, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(client));
    Py_VISIT(client->engine);
    Py_VISIT(client->options);
    Py_VISIT(client->headers);
    Py_VISIT(client->params);
    Py_VISIT(client->auth);
    Py_VISIT(client->json_dumps);
    Py_VISIT(client->json_loads);
    Py_VISIT(client->default_encoding);
    for (size_t i = 0; client->cache != NULL && i < HHPY_CACHE_SLOTS; i++)
        Py_VISIT(client->cache[i].headers);
    return 0;
}

/* A client that was dropped unclosed: says so, and frees everything. */
static void client_finalize(hhpy_client *client)
{
    PyObject *type, *value, *traceback;
    if (client->engine == NULL)
        return;
    PyErr_Fetch(&type, &value, &traceback);
    if (client->state->layer.warn_unclosed != NULL) {
        PyObject *none =
            PyObject_CallOneArg(client->state->layer.warn_unclosed, (PyObject *)client);
        if (none == NULL)
            PyErr_WriteUnraisable((PyObject *)client);
        Py_XDECREF(none);
    }
    if (close_client(client) < 0)
        PyErr_WriteUnraisable((PyObject *)client);
    PyErr_Restore(type, value, traceback);
}

static void client_dealloc(hhpy_client *client)
{
    PyTypeObject *type = Py_TYPE(client);
    if (PyObject_CallFinalizerFromDealloc((PyObject *)client) < 0)
        return;
    PyObject_GC_UnTrack(client);
    if (client->weakrefs != NULL)
        PyObject_ClearWeakRefs((PyObject *)client);
    client_clear(client);
    PyMem_Free(client->cache);
    type->tp_free(client);
    Py_DECREF(type);
}

/* --- methods --------------------------------------------------------------------------------- */

/* Whether there are defaults to merge with; a closed client has them too. */
static bool was_made(const hhpy_client *client)
{
    if (client->headers == NULL)
        PyErr_SetString(PyExc_RuntimeError, "__init__ of the client hasn't run");
    return client->headers != NULL;
}

static PyObject *client_close(hhpy_client *client, PyObject *Py_UNUSED(none))
{
    if (close_client(client) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static int set_number(PyObject *dict, const char *name, uint64_t value)
{
    PyObject *number = PyLong_FromUnsignedLongLong(value);
    int result = number != NULL ? PyDict_SetItemString(dict, name, number) : -1;
    Py_XDECREF(number);
    return result;
}

static PyObject *client_stats(hhpy_client *client, PyObject *Py_UNUSED(none))
{
    hhpy_engine *engine = hhpy_client_engine(client);
    PyObject *dict = engine != NULL ? PyDict_New() : NULL;
    if (dict == NULL)
        return NULL;
    hh_client_stats stats = {.size = sizeof stats};
    hh_client_get_stats(engine->client, &stats);
#define X(name)                                                                                    \
    if (set_number(dict, #name, stats.name) < 0)                                                   \
        goto failed;
    HHPY_STATS(X)
#undef X
    return dict;

failed:
    Py_DECREF(dict);
    return NULL;
}

static PyObject *client_build_request(hhpy_client *client, PyObject *const *args, Py_ssize_t nargs,
                                      PyObject *kwnames)
{
    hhpy_arguments arguments;
    if (!was_made(client) ||
        hhpy_arguments_parse(client->state, HHPY_SHAPE_METHOD_URL, HHPY_ALL_KEYWORDS, args, nargs,
                             kwnames, &arguments) < 0)
        return NULL;
    return hhpy_request_merge(client, &arguments);
}

static PyObject *client_start(hhpy_client *client, PyObject *request)
{
    if (!was_made(client))
        return NULL;
    if (!PyObject_TypeCheck(request, client->state->request_type)) {
        PyErr_Format(PyExc_TypeError, "send() takes a Request, not %.200s",
                     Py_TYPE(request)->tp_name);
        return NULL;
    }
    return client->is_blocking ? hhpy_blocking_send_request(client, request)
                               : hhpy_call_start_request(client, request);
}

static PyObject *client_open(hhpy_client *client, PyObject *args, PyObject *keywords)
{
    static const char *const names[] = {"request", "trace", "ask", "stream", "decode", NULL};
    PyObject *request;
    int trace = 0;
    int stream = 1;
    int decode = 1;
    unsigned ask = 0;
    if (!was_made(client) ||
        !PyArg_ParseTupleAndKeywords(args, keywords, "O!|pIpp:_open", (char **)names,
                                     client->state->request_type, &request, &trace, &ask, &stream,
                                     &decode))
        return NULL;
    hhpy_open_options options = {
        .trace = trace ? HH_ON : HH_OFF,
        .ask = ask,
        .delivery = stream ? HH_DELIVER_STREAM : HH_DELIVER_WHOLE,
        .decoding = decode ? HH_DECODING_DEFAULT : HH_DECODING_NONE,
    };
    return client->is_blocking ? hhpy_channel_open(client, request, &options)
                               : hhpy_exchange_open(client, request, &options);
}

static PyObject *client_batch(hhpy_client *client, PyObject *args)
{
    PyObject *requests;
    hhpy_batch_options options = {0};
    int returns_exceptions = 0;
    if (!PyArg_ParseTuple(args, "Onp:_batch", &requests, &options.max_concurrent,
                          &returns_exceptions))
        return NULL;
    options.failures = returns_exceptions ? HHPY_FAILURES_RETURNED : HHPY_FAILURES_RAISED;
    return client->is_blocking ? hhpy_batch_send(client, requests, &options)
                               : hhpy_batch_start(client, requests, &options);
}

/* --- attributes ------------------------------------------------------------------------------ */

static PyObject *client_get_headers(hhpy_client *client, void *Py_UNUSED(closure))
{
    return was_made(client) ? Py_NewRef(client->headers) : NULL;
}

static int client_set_headers(hhpy_client *client, PyObject *value, void *Py_UNUSED(closure))
{
    if (!was_made(client))
        return -1;
    PyObject *headers = value != NULL ? hhpy_headers_convert(client->state, value) : NULL;
    if (value == NULL)
        PyErr_SetString(PyExc_AttributeError, "headers can't be deleted; clear() empties them");
    if (headers == NULL)
        return -1;
    hhpy_client_forget(client);
    Py_SETREF(client->headers, headers);
    return 0;
}

static PyObject *client_get_is_closed(hhpy_client *client, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(client->is_closed);
}

static PyObject *client_get_params(hhpy_client *client, void *Py_UNUSED(closure))
{
    return Py_NewRef(client->params != NULL ? client->params : Py_None);
}

static int client_set_params(hhpy_client *client, PyObject *value, void *Py_UNUSED(closure))
{
    Py_XSETREF(client->params, value == Py_None ? NULL : Py_XNewRef(value));
    return 0;
}

static PyGetSetDef client_getset[] = {
    {"headers", (getter)client_get_headers, (setter)client_set_headers,
     "Headers sent with every request unless it sets the name itself. May be changed at any time.",
     NULL},
    {"params", (getter)client_get_params, (setter)client_set_params,
     "What is appended to the query of every URL, or None.", NULL},
    {"is_closed", (getter)client_get_is_closed, NULL, "True once the client was closed.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef client_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(hhpy_client, weakrefs), READONLY, NULL},
    {"_needs_perform", T_BOOL, offsetof(hhpy_client, needs_perform), 0,
     "Whether every request goes through _perform()."},
    {NULL, 0, 0, 0, NULL},
};

#define METHOD(function) (PyCFunction)(void (*)(void))(function)
static PyMethodDef client_methods[] = {
    {"_close", METHOD(client_close), METH_NOARGS,
     "Ends what is in flight and frees the engine. Twice is fine."},
    {"_stats", METHOD(client_stats), METH_NOARGS, "The numbers of hh_client_stats, as a dict."},
    {"build_request", METHOD(client_build_request), METH_FASTCALL | METH_KEYWORDS,
     "build_request($self, method, url, **keywords)\n--\n\n"
     "A Request merged with the client's defaults, not sent yet. Takes what request() takes."},
    {"_start", METHOD(client_start), METH_O, "Sends a Request."},
    {"_open", METHOD(client_open), METH_VARARGS | METH_KEYWORDS,
     "Sends a Request, and gives its events one by one."},
    {"_batch", METHOD(client_batch), METH_VARARGS,
     "Sends all: (requests, max_concurrent or 0, return_exceptions)."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot client_slots[] = {
    {Py_tp_doc, (void *)"What Client and Session share."},
    {Py_tp_init, (void *)client_init},
    {Py_tp_new, (void *)PyType_GenericNew},
    {Py_tp_methods, client_methods},
    {Py_tp_members, client_members},
    {Py_tp_getset, client_getset},
    {Py_tp_traverse, (void *)client_traverse},
    {Py_tp_clear, (void *)client_clear},
    {Py_tp_finalize, (void *)client_finalize},
    {Py_tp_dealloc, (void *)client_dealloc},
    {0, NULL},
};

static PyType_Spec client_spec = {
    .name = "hyperhttp._engine.ClientBase",
    .basicsize = sizeof(hhpy_client),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    .slots = client_slots,
};

int hhpy_client_ready(PyObject *module, hhpy_state *state)
{
    return hhpy_type_add(module, &client_spec, NULL, &state->client_type);
}
