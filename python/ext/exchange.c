/*
 * exchange.c - `_engine.Exchange`: one request under asyncio, event by event.
 *
 * The engine deals events to a *flight*, which lives until the terminal event is dealt; the
 * exchange that Python holds may go before it: then the flight is given up, the request cancelled,
 * and what still comes is dropped. Pieces of a body stay with their events until take(), so that
 * the engine's credit bounds what waits here; everything else is made a Python object at once.
 *
 *     OPEN --DONE, ERROR--> ENDED          take() gives what waits, then None or the failure
 *       \------close--------\--close--> CLOSED
 *
 * Invariants: an event is kept only with a count of its block, since closing the client voids the
 * events; `flight->exchange` is this one or NULL; the waiter is set only where nothing waits.
 */
#include "exchange.h"

#include <string.h>

#include "errors.h"

typedef struct hhpy_exchange hhpy_exchange;

typedef struct exchange_flight {
    hhpy_receiver receiver;
    hhpy_exchange *exchange; /* borrowed; NULL: given up */
    PyObject *content;       /* bytes the engine borrows, or NULL */
} exchange_flight;

/* What waits to be taken: an object, or a piece of the body. */
typedef struct item {
    PyObject *object;
    const hh_event *event;
    hh_buf *buf;
    hh_slice body;
} item;

typedef enum exchange_state { OPEN, ENDED, CLOSED } exchange_state;

struct hhpy_exchange {
    PyObject_HEAD hhpy_subject subject;
    hhpy_engine *engine;
    PyObject *capsule; /* of the flight; NULL: none was begun, or it was given up */
    item *items;       /* a ring */
    size_t first;
    size_t count;
    size_t capacity;
    PyObject *failure; /* what take() raises once the items are gone, or NULL */
    PyObject *waiter;  /* a future, or NULL */
    bool waits_for_end;
    exchange_state state;
};

static const char flight_name[] = "hyperhttp flight";

static exchange_flight *flight_of(const hhpy_exchange *exchange)
{
    return exchange->capsule != NULL ? PyCapsule_GetPointer(exchange->capsule, flight_name) : NULL;
}

/* --- what waits to be taken ------------------------------------------------------------------ */

static int grow(hhpy_exchange *exchange)
{
    size_t capacity = exchange->capacity != 0 ? exchange->capacity * 2 : 4;
    item *items = PyMem_New(item, capacity);
    if (items == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < exchange->count; i++)
        items[i] = exchange->items[(exchange->first + i) % exchange->capacity];
    PyMem_Free(exchange->items);
    exchange->items = items;
    exchange->first = 0;
    exchange->capacity = capacity;
    return 0;
}

static int add_item(hhpy_exchange *exchange, const item *new)
{
    if (exchange->count == exchange->capacity && grow(exchange) < 0)
        return -1;
    exchange->items[(exchange->first + exchange->count++) % exchange->capacity] = *new;
    return 0;
}

static item pop_item(hhpy_exchange *exchange)
{
    item oldest = exchange->items[exchange->first];
    exchange->first = (exchange->first + 1) % exchange->capacity;
    exchange->count--;
    return oldest;
}

static void drop_item(hhpy_exchange *exchange, const item *old)
{
    if (old->buf != NULL)
        hh_buf_unref(old->buf);
    if (old->event != NULL && exchange->engine != NULL)
        hhpy_engine_release(exchange->engine, old->event);
    Py_XDECREF(old->object);
}

static void drop_items(hhpy_exchange *exchange)
{
    while (exchange->count > 0) {
        item old = pop_item(exchange);
        drop_item(exchange, &old);
    }
}

/* --- waking ---------------------------------------------------------------------------------- */

static bool is_ready(const hhpy_exchange *exchange)
{
    return exchange->state != OPEN || (exchange->count > 0 && !exchange->waits_for_end);
}

/* 1 when the future is done or was cancelled, -1 with an exception. */
static int is_done(const hhpy_exchange *exchange, PyObject *future)
{
    PyObject *answer =
        PyObject_CallMethodNoArgs(future, exchange->subject.client->state->names.done);
    int truth = answer != NULL ? PyObject_IsTrue(answer) : -1;
    Py_XDECREF(answer);
    return truth;
}

static int set_done(const hhpy_exchange *exchange, PyObject *future)
{
    int done = is_done(exchange, future);
    if (done != 0)
        return done < 0 ? -1 : 0;
    PyObject *none = PyObject_CallMethodOneArg(
        future, exchange->subject.client->state->names.set_result, Py_None);
    Py_XDECREF(none);
    return none != NULL ? 0 : -1;
}

/* A loop that has closed has nobody left to wake. Another exception is told, not raised: nobody
 * here could mend it. */
static void wake(hhpy_exchange *exchange)
{
    PyObject *waiter = exchange->waiter;
    if (waiter == NULL || !is_ready(exchange))
        return;
    exchange->waiter = NULL;
    if (set_done(exchange, waiter) < 0) {
        if (PyErr_ExceptionMatches(PyExc_RuntimeError))
            PyErr_Clear();
        else
            PyErr_WriteUnraisable((PyObject *)exchange);
    }
    Py_DECREF(waiter);
}

/* --- events ---------------------------------------------------------------------------------- */

/* Ends it by the exception being raised. */
static void fail_with_raised(hhpy_exchange *exchange)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    Py_XSETREF(exchange->failure, value);
    exchange->state = ENDED;
    exchange_flight *flight = flight_of(exchange);
    if (flight != NULL)
        hhpy_engine_cancel(exchange->engine, &flight->receiver);
}

static hhpy_after keep_body(hhpy_exchange *exchange, const hh_event *event)
{
    item new = {.event = event, .buf = event->buf, .body = event->body};
    if (event->buf == NULL || add_item(exchange, &new) < 0) {
        if (event->buf == NULL)
            PyErr_SetString(PyExc_SystemError, "a piece of a body without its block");
        fail_with_raised(exchange);
        return HHPY_EVENT_RELEASE;
    }
    hh_buf_ref(event->buf);
    return HHPY_EVENT_KEEP;
}

static void take_in(hhpy_exchange *exchange, const hh_event *event)
{
    bool is_closed = event->type == HH_EVENT_ERROR && event->error->code == HH_ERR_CLIENT_CLOSED;
    item new = {.object = hhpy_event_object(&exchange->subject, event)};
    if (new.object == NULL) {
        fail_with_raised(exchange);
        return;
    }
    if (event->type == HH_EVENT_DONE || event->type == HH_EVENT_ERROR)
        exchange->state = ENDED;
    if (event->type == HH_EVENT_ERROR)
        Py_XSETREF(exchange->failure, Py_NewRef(new.object));
    if (is_closed)
        drop_items(exchange);
    if (event->type == HH_EVENT_ERROR || new.object == Py_None)
        Py_DECREF(new.object);
    else if (add_item(exchange, &new) < 0) {
        Py_DECREF(new.object);
        fail_with_raised(exchange);
    }
}

static hhpy_after on_event(hhpy_receiver *receiver, const hh_event *event)
{
    exchange_flight *flight = (exchange_flight *)receiver;
    hhpy_exchange *exchange = flight->exchange;
    hhpy_after after = HHPY_EVENT_RELEASE;
    if (event->type == HH_EVENT_DONE || event->type == HH_EVENT_ERROR)
        Py_CLEAR(flight->content);
    if (exchange == NULL || exchange->state != OPEN)
        return after;
    Py_INCREF(exchange);
    if (event->type == HH_EVENT_BODY)
        after = keep_body(exchange, event);
    else
        take_in(exchange, event);
    wake(exchange);
    Py_DECREF(exchange);
    return after;
}

/* --- the flight ------------------------------------------------------------------------------ */

static void destroy_flight(PyObject *capsule)
{
    exchange_flight *flight = PyCapsule_GetPointer(capsule, flight_name);
    Py_XDECREF(flight->content);
    PyMem_Free(flight);
}

static exchange_flight *create_flight(hhpy_exchange *exchange)
{
    exchange_flight *flight = PyMem_Calloc(1, sizeof *flight);
    if (flight == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    exchange->capsule = PyCapsule_New(flight, flight_name, destroy_flight);
    if (exchange->capsule == NULL) {
        PyMem_Free(flight);
        return NULL;
    }
    flight->receiver.owner = exchange->capsule;
    flight->receiver.on_event = on_event;
    flight->exchange = exchange;
    return flight;
}

/* Nobody will take what comes: ends the request, lets go of what waits. */
static void give_up(hhpy_exchange *exchange)
{
    exchange_flight *flight = flight_of(exchange);
    if (flight != NULL) {
        flight->exchange = NULL;
        if (exchange->engine != NULL)
            hhpy_engine_cancel(exchange->engine, &flight->receiver);
    }
    drop_items(exchange);
    Py_CLEAR(exchange->capsule);
}

/* --- opening --------------------------------------------------------------------------------- */

static int submit(hhpy_exchange *exchange, PyObject *request, const hhpy_open_options *options)
{
    hhpy_client *client = exchange->subject.client;
    hh_request *built;
    hhpy_subject subject;
    hhpy_engine *engine = hhpy_client_engine(client);
    if (engine == NULL)
        return -1;
    exchange->engine = (hhpy_engine *)Py_NewRef((PyObject *)engine); /* building may run Python */
    if (hhpy_engine_bind(engine) < 0 ||
        hhpy_subject_build(client, request, options, &subject, &built) < 0)
        return -1;
    hhpy_subject_clear(&exchange->subject);
    exchange->subject = subject;
    exchange_flight *flight = flight_of(exchange);
    flight->content = Py_XNewRef(subject.content);
    hh_status status = hhpy_engine_submit(engine, built, &flight->receiver);
    hh_request_destroy(built);
    return status == HH_OK ? 0 : hhpy_status_raise(client->state, status, "send the request");
}

PyObject *hhpy_exchange_open(hhpy_client *client, PyObject *request,
                             const hhpy_open_options *options)
{
    hhpy_exchange *exchange = PyObject_GC_New(hhpy_exchange, client->state->exchange_type);
    if (exchange == NULL)
        return NULL;
    memset((char *)exchange + sizeof(PyObject), 0, sizeof *exchange - sizeof(PyObject));
    exchange->subject.client = (hhpy_client *)Py_NewRef((PyObject *)client);
    PyObject_GC_Track(exchange);
    if (create_flight(exchange) == NULL || submit(exchange, request, options) < 0)
        Py_CLEAR(exchange);
    return (PyObject *)exchange;
}

/* --- methods --------------------------------------------------------------------------------- */

static PyObject *take_item(hhpy_exchange *exchange)
{
    item oldest = pop_item(exchange);
    if (oldest.event == NULL)
        return oldest.object;
    PyObject *piece = PyBytes_FromStringAndSize(oldest.body.data, (Py_ssize_t)oldest.body.length);
    drop_item(exchange, &oldest);
    return piece;
}

static PyObject *exchange_take(hhpy_exchange *exchange, PyObject *Py_UNUSED(none))
{
    if (exchange->state == CLOSED) {
        PyErr_SetString(PyExc_RuntimeError, "the exchange is closed");
        return NULL;
    }
    if (exchange->count > 0)
        return take_item(exchange);
    if (exchange->failure != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(exchange->failure), exchange->failure);
        return NULL;
    }
    if (exchange->state == ENDED)
        Py_RETURN_NONE;
    return Py_NewRef(exchange->subject.client->state->names.pending);
}

static PyObject *create_future(const hhpy_exchange *exchange)
{
    hhpy_state *state = exchange->subject.client->state;
    PyObject *loop = exchange->engine->loop;
    if (loop != NULL)
        return PyObject_CallMethodNoArgs(loop, state->names.create_future);
    loop = hhpy_running_loop(state);
    if (loop == NULL) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_RuntimeError, "no asyncio event loop is running in this thread");
        return NULL;
    }
    PyObject *future = PyObject_CallMethodNoArgs(loop, state->names.create_future);
    Py_DECREF(loop);
    return future;
}

static PyObject *exchange_wait(hhpy_exchange *exchange, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"for_end", NULL};
    int for_end = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|p:wait", names, &for_end))
        return NULL;
    if (exchange->waiter != NULL) {
        int done = is_done(exchange, exchange->waiter);
        if (done < 0)
            return NULL;
        if (!done) {
            PyErr_SetString(PyExc_RuntimeError, "another task is reading this answer already");
            return NULL;
        }
        Py_CLEAR(exchange->waiter);
    }
    PyObject *future = create_future(exchange);
    if (future == NULL)
        return NULL;
    exchange->waits_for_end = for_end;
    if (!is_ready(exchange)) {
        Py_XSETREF(exchange->waiter, Py_NewRef(future));
    } else if (set_done(exchange, future) < 0) {
        Py_CLEAR(future);
    }
    return future;
}

static hh_client *client_of(const hhpy_exchange *exchange)
{
    return exchange->engine != NULL ? exchange->engine->client : NULL;
}

static PyObject *exchange_answer(hhpy_exchange *exchange, PyObject *args, PyObject *keywords)
{
    const exchange_flight *flight = flight_of(exchange);
    if (flight == NULL || client_of(exchange) == NULL)
        Py_RETURN_NONE;
    return hhpy_exchange_answer(client_of(exchange), flight->receiver.id, args, keywords);
}

static PyObject *exchange_push(hhpy_exchange *exchange, PyObject *args)
{
    Py_buffer data;
    int last;
    if (!PyArg_ParseTuple(args, "y*p:push", &data, &last))
        return NULL;
    const exchange_flight *flight = flight_of(exchange);
    size_t accepted = 0;
    hh_status status = hhpy_subject_check_push(&exchange->subject, data.len);
    if (flight == NULL || client_of(exchange) == NULL)
        status = HH_ERR_STATE;
    if (status == HH_OK)
        status = hh_body_push(client_of(exchange), flight->receiver.id,
                              (hh_slice){data.buf, (size_t)data.len},
                              last ? HH_BODY_LAST : HH_BODY_MORE, &accepted);
    PyBuffer_Release(&data);
    return hhpy_exchange_pushed(&exchange->subject, status, accepted);
}

static PyObject *exchange_close(hhpy_exchange *exchange, PyObject *Py_UNUSED(none))
{
    give_up(exchange);
    exchange->state = CLOSED;
    Py_CLEAR(exchange->failure); /* its traceback leads back here */
    wake(exchange);
    Py_RETURN_NONE;
}

static PyObject *exchange_get_is_ended(hhpy_exchange *exchange, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(exchange->state != OPEN);
}

/* --- the type -------------------------------------------------------------------------------- */

static int exchange_traverse(hhpy_exchange *exchange, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(exchange));
    Py_VISIT(exchange->engine);
    Py_VISIT(exchange->failure);
    Py_VISIT(exchange->waiter);
    for (size_t i = 0; i < exchange->count; i++)
        Py_VISIT(exchange->items[(exchange->first + i) % exchange->capacity].object);
    return hhpy_subject_visit(&exchange->subject, visit, arg);
}

static int exchange_clear(hhpy_exchange *exchange)
{
    give_up(exchange);
    exchange->state = CLOSED;
    Py_CLEAR(exchange->failure);
    Py_CLEAR(exchange->waiter);
    return 0;
}

static void exchange_dealloc(hhpy_exchange *exchange)
{
    PyTypeObject *type = Py_TYPE(exchange);
    PyObject_GC_UnTrack(exchange);
    exchange_clear(exchange);
    hhpy_subject_clear(&exchange->subject);
    Py_CLEAR(exchange->engine);
    PyMem_Free(exchange->items);
    type->tp_free(exchange);
    Py_DECREF(type);
}

#define METHOD(function) (PyCFunction)(void (*)(void))(function)
static PyMethodDef exchange_methods[] = {
    {"take", METHOD(exchange_take), METH_NOARGS,
     "take($self, /)\n--\n\n"
     "The next event without waiting: PENDING; an answer; bytes of the body; WANT_BODY;\n"
     "(\"redirect\", location, method, response); (\"resolve\", host, port); None at the end.\n"
     "Raises what the request failed with, RuntimeError once closed."},
    {"wait", METHOD(exchange_wait), METH_VARARGS | METH_KEYWORDS,
     "wait($self, /, for_end=False)\n--\n\n"
     "A future of the loop, done as soon as take() has something, or with for_end=True only when\n"
     "the exchange has ended. Raises RuntimeError while another one waits."},
    {"answer", METHOD(exchange_answer), METH_VARARGS | METH_KEYWORDS,
     "answer($self, /, verdict, addresses=())\n--\n\n"
     "Answers a question: \"default\", \"yes\" (to \"resolve\" with addresses), \"no\", \"fail\"."},
    {"push", METHOD(exchange_push), METH_VARARGS,
     "push($self, data, last, /)\n--\n\n"
     "Gives bytes of the request's body after WANT_BODY; how many were taken. When not all, go on\n"
     "at the next WANT_BODY."},
    {"close", METHOD(exchange_close), METH_NOARGS,
     "close($self, /)\n--\n\nEnds it; cancels what is under way. Twice is fine."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef exchange_getset[] = {
    {"is_ended", (getter)exchange_get_is_ended, NULL,
     "True once the last event has come, taken or not, or it was closed.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot exchange_slots[] = {
    {Py_tp_doc, (void *)"One request, event by event, under asyncio."},
    {Py_tp_methods, exchange_methods},
    {Py_tp_getset, exchange_getset},
    {Py_tp_traverse, (void *)exchange_traverse},
    {Py_tp_clear, (void *)exchange_clear},
    {Py_tp_dealloc, (void *)exchange_dealloc},
    {0, NULL},
};

static PyType_Spec exchange_spec = {
    .name = "hyperhttp._engine.Exchange",
    .basicsize = sizeof(hhpy_exchange),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = exchange_slots,
};

int hhpy_exchange_ready(PyObject *module, hhpy_state *state)
{
    if (PyModule_AddObjectRef(module, "PENDING", state->names.pending) < 0 ||
        PyModule_AddObjectRef(module, "WANT_BODY", state->names.want_body) < 0)
        return -1;
    return hhpy_type_add(module, &exchange_spec, NULL, &state->exchange_type);
}
