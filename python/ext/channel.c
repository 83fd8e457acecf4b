/*
 * channel.c - `_engine.Channel`: one request for a Session, event by event, in the calling thread.
 *
 * Stands on hh_channel_next with the GIL released. A channel keeps the engine's client alive: a
 * session that is closed meanwhile ends the exchange, and its client goes with the last channel.
 *
 *     OPEN --DONE, ERROR--> ENDED
 *       \------close--------\--close--> CLOSED
 *
 * Invariants: `channel` is closed by one who isn't waiting in it, so a close() from another thread
 * cancels, and who waits closes; one thread waits at a time. Source: hyperhttp/channel.h.
 */
#include "exchange.h"

#include <string.h>

#include "blocking.h"
#include "errors.h"

typedef enum channel_state { OPEN, ENDED, CLOSED } channel_state;

typedef struct hhpy_channel {
    PyObject_HEAD hhpy_subject subject;
    hhpy_engine *engine; /* entered as long as `channel` is open; see hhpy_engine_enter */
    hh_channel *channel; /* NULL: given back */
    PyObject *failure;   /* what take() raises once it has ended, or NULL */
    channel_state state;
    bool is_busy; /* a thread takes or pushes */
} hhpy_channel;

/* --- its end --------------------------------------------------------------------------------- */

static void give_back(hhpy_channel *channel)
{
    hh_channel *old = channel->channel;
    hhpy_engine *engine = channel->engine;
    if (engine == NULL)
        return;
    channel->channel = NULL;
    channel->engine = NULL;
    Py_BEGIN_ALLOW_THREADS;
    hh_channel_close(old);
    Py_END_ALLOW_THREADS;
    Py_CLEAR(channel->subject.content);
    hhpy_engine_leave(engine);
}

static PyObject *channel_close(hhpy_channel *channel, PyObject *Py_UNUSED(none))
{
    channel->state = CLOSED;
    Py_CLEAR(channel->failure); /* its traceback leads back here */
    if (channel->is_busy)
        (void)hh_cancel(channel->engine->client, hh_channel_id(channel->channel));
    else
        give_back(channel);
    Py_RETURN_NONE;
}

/* --- opening --------------------------------------------------------------------------------- */

static int submit(hhpy_channel *channel, hh_request *request)
{
    hhpy_engine *engine = channel->engine;
    hh_error error;
    hh_status status;
    Py_BEGIN_ALLOW_THREADS;
    status = hh_channel_open(engine->client, request, &channel->channel, &error);
    Py_END_ALLOW_THREADS;
    if (status == HH_OK)
        return 0;
    return hhpy_error_raise(channel->subject.client->state, &error, channel->subject.request);
}

static int start(hhpy_channel *channel, PyObject *request, const hhpy_open_options *options)
{
    hhpy_client *client = channel->subject.client;
    hhpy_engine *engine = hhpy_client_engine(client);
    hhpy_subject subject;
    hh_request *built;
    if (engine == NULL)
        return -1;
    hhpy_engine_enter(engine); /* building may run Python, which may close the client */
    if (hhpy_subject_build(client, request, options, &subject, &built) < 0) {
        hhpy_engine_leave(engine);
        return -1;
    }
    hhpy_subject_clear(&channel->subject);
    channel->subject = subject;
    channel->engine = engine;
    int result = submit(channel, built);
    hh_request_destroy(built);
    return result;
}

PyObject *hhpy_channel_open(hhpy_client *client, PyObject *request,
                            const hhpy_open_options *options)
{
    hhpy_channel *channel = PyObject_GC_New(hhpy_channel, client->state->channel_type);
    if (channel == NULL)
        return NULL;
    memset((char *)channel + sizeof(PyObject), 0, sizeof *channel - sizeof(PyObject));
    channel->subject.client = (hhpy_client *)Py_NewRef((PyObject *)client);
    PyObject_GC_Track(channel);
    if (start(channel, request, options) < 0)
        Py_CLEAR(channel);
    return (PyObject *)channel;
}

/* --- taking events --------------------------------------------------------------------------- */

/* What it shows, with the state it leads to; the event is given back. */
static PyObject *show(hhpy_channel *channel, const hh_event *event)
{
    bool is_last = event->type == HH_EVENT_DONE || event->type == HH_EVENT_ERROR;
    bool has_failed = event->type == HH_EVENT_ERROR;
    PyObject *object = hhpy_event_object(&channel->subject, event);
    hhpy_engine_release(channel->engine, event);
    if (is_last && channel->state == OPEN)
        channel->state = ENDED;
    if (!has_failed || object == NULL)
        return object;
    Py_XSETREF(channel->failure, object);
    PyErr_SetObject((PyObject *)Py_TYPE(object), object);
    return NULL;
}

static PyObject *wait_and_show(hhpy_channel *channel)
{
    channel->is_busy = true;
    const hh_event *event = hhpy_channel_wait(channel->subject.client->state, channel->channel);
    PyObject *object = event != NULL ? show(channel, event) : NULL;
    channel->is_busy = false;
    if (channel->state == CLOSED) /* by another thread meanwhile */
        give_back(channel);
    return object;
}

static int refuse_two(const hhpy_channel *channel)
{
    if (!channel->is_busy)
        return 0;
    PyErr_SetString(PyExc_RuntimeError, "another thread is reading this answer already");
    return -1;
}

static PyObject *channel_take(hhpy_channel *channel, PyObject *Py_UNUSED(none))
{
    if (refuse_two(channel) < 0)
        return NULL;
    if (channel->state == CLOSED) {
        PyErr_SetString(PyExc_RuntimeError, "the exchange is closed");
        return NULL;
    }
    if (channel->failure != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(channel->failure), channel->failure);
        return NULL;
    }
    if (channel->state == ENDED)
        Py_RETURN_NONE;
    return wait_and_show(channel);
}

/* --- answering, pushing ---------------------------------------------------------------------- */

static PyObject *channel_answer(hhpy_channel *channel, PyObject *args, PyObject *keywords)
{
    if (channel->channel == NULL)
        Py_RETURN_NONE;
    return hhpy_exchange_answer(channel->engine->client, hh_channel_id(channel->channel), args,
                                keywords);
}

static PyObject *channel_push(hhpy_channel *channel, PyObject *args)
{
    Py_buffer data;
    int last;
    size_t accepted = 0;
    hh_status status = HH_ERR_STATE;
    if (refuse_two(channel) < 0 || !PyArg_ParseTuple(args, "y*p:push", &data, &last))
        return NULL;
    if (channel->channel != NULL)
        status = hhpy_subject_check_push(&channel->subject, data.len);
    if (status == HH_OK) {
        hh_client *client = channel->engine->client;
        hh_id id = hh_channel_id(channel->channel);
        hh_slice bytes = {data.buf, (size_t)data.len};
        channel->is_busy = true;
        Py_BEGIN_ALLOW_THREADS;
        status = hh_body_push(client, id, bytes, last ? HH_BODY_LAST : HH_BODY_MORE, &accepted);
        Py_END_ALLOW_THREADS;
        channel->is_busy = false;
        if (channel->state == CLOSED)
            give_back(channel);
    }
    PyBuffer_Release(&data);
    return hhpy_exchange_pushed(&channel->subject, status, accepted);
}

static PyObject *channel_get_is_ended(hhpy_channel *channel, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(channel->state != OPEN);
}

/* --- the type -------------------------------------------------------------------------------- */

static int channel_traverse(hhpy_channel *channel, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(channel));
    Py_VISIT(channel->engine); /* the reference that hhpy_engine_enter took */
    Py_VISIT(channel->failure);
    return hhpy_subject_visit(&channel->subject, visit, arg);
}

static int channel_clear(hhpy_channel *channel)
{
    channel->state = CLOSED;
    give_back(channel);
    Py_CLEAR(channel->failure);
    return 0;
}

static void channel_dealloc(hhpy_channel *channel)
{
    PyTypeObject *type = Py_TYPE(channel);
    PyObject_GC_UnTrack(channel);
    channel_clear(channel);
    hhpy_subject_clear(&channel->subject);
    type->tp_free(channel);
    Py_DECREF(type);
}

#define METHOD(function) (PyCFunction)(void (*)(void))(function)
static PyMethodDef channel_methods[] = {
    {"take", METHOD(channel_take), METH_NOARGS,
     "take($self, /)\n--\n\n"
     "Waits for the next event: as Exchange.take() gives it, but never PENDING. Raises\n"
     "KeyboardInterrupt, and what else a signal's handler raises, during the wait."},
    {"answer", METHOD(channel_answer), METH_VARARGS | METH_KEYWORDS,
     "answer($self, /, verdict, addresses=())\n--\n\n"
     "Answers a question: \"default\", \"yes\" (to \"resolve\" with addresses), \"no\", \"fail\"."},
    {"push", METHOD(channel_push), METH_VARARGS,
     "push($self, data, last, /)\n--\n\n"
     "Gives bytes of the request's body after WANT_BODY; how many were taken. When not all, go on\n"
     "at the next WANT_BODY."},
    {"close", METHOD(channel_close), METH_NOARGS,
     "close($self, /)\n--\n\n"
     "Ends it; cancels what is under way, in another thread too. Twice is fine."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef channel_getset[] = {
    {"is_ended", (getter)channel_get_is_ended, NULL,
     "True once the last event was taken, or it was closed.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot channel_slots[] = {
    {Py_tp_doc, (void *)"One request, event by event, blocking."},
    {Py_tp_methods, channel_methods},
    {Py_tp_getset, channel_getset},
    {Py_tp_traverse, (void *)channel_traverse},
    {Py_tp_clear, (void *)channel_clear},
    {Py_tp_dealloc, (void *)channel_dealloc},
    {0, NULL},
};

static PyType_Spec channel_spec = {
    .name = "hyperhttp._engine.Channel",
    .basicsize = sizeof(hhpy_channel),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = channel_slots,
};

int hhpy_channel_ready(PyObject *module, hhpy_state *state)
{
    return hhpy_type_add(module, &channel_spec, NULL, &state->channel_type);
}
