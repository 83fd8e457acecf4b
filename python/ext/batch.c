/*
 * batch.c - many requests by one call, asynchronous or blocking.
 *
 * A batch has a fixed number of *places*, each for one request in flight: it is the receiver of its
 * exchange (async), or the tag of its events (blocking). A place that becomes free takes the next
 * request at once, so a batch of a million holds no more in flight than it has places. Errors while
 * a request is built are that item's own; an error of the iterable itself ends the batch when what
 * is in flight has ended.
 */
#include "batch.h"

#include <stddef.h>
#include <string.h>

#include "arguments.h"
#include "blocking.h"
#include "errors.h"
#include "log.h"
#include "request.h"
#include "response.h"
#include "sink.h"

#define PLACES_MAX 1024

typedef struct hhpy_batch hhpy_batch;

typedef struct hhpy_place {
    hhpy_receiver receiver;
    struct hhpy_place *next_free;
    hhpy_batch *batch;
    Py_ssize_t index; /* of the result */
    hhpy_sent sent;
    PyObject *sink;
} hhpy_place;

struct hhpy_batch {
    PyObject_HEAD hhpy_client *client;
    PyObject *iterator;  /* NULL: nothing more to take */
    PyObject *results;   /* list */
    PyObject *future;    /* async only */
    PyObject *failure;   /* what the iterable raised, or NULL */
    hh_channel *channel; /* blocking only */
    hhpy_place *places;
    hhpy_place *free;
    size_t place_count;
    size_t in_flight;
    hhpy_failures failures;
    bool is_cancelled;
    bool is_taking; /* the iterable runs: it isn't asked again, nor let go, meanwhile */
};

/* --- results --------------------------------------------------------------------------------- */

/* Takes over `result`, or, when it is NULL, the exception being raised. */
static void put_result(hhpy_batch *batch, Py_ssize_t index, PyObject *result)
{
    PyObject *type, *traceback;
    if (result == NULL) {
        PyErr_Fetch(&type, &result, &traceback);
        PyErr_NormalizeException(&type, &result, &traceback);
        Py_XDECREF(type);
        Py_XDECREF(traceback);
    }
    PyObject *old = PyList_GET_ITEM(batch->results, index);
    PyList_SET_ITEM(batch->results, index, result);
    Py_XDECREF(old);
}

static PyObject *make_failure(hhpy_state *state, const hh_event *event, hhpy_sent *sent)
{
    PyObject *request = hhpy_sent_request(state, sent);
    PyObject *exception = request != NULL ? hhpy_error_make(state, event->error, request) : NULL;
    Py_XDECREF(request);
    return exception;
}

static PyObject *make_result(hhpy_place *place, const hh_event *event)
{
    hhpy_client *client = place->batch->client;
    PyObject *sink = place->sink;
    place->sink = NULL;
    if (event->type == HH_EVENT_DONE)
        return hhpy_response_new(client, event->response, &place->sent, sink,
                                 client->is_blocking ? HHPY_FLAVOUR_BLOCKING : HHPY_FLAVOUR_ASYNC);
    Py_XDECREF(sink);
    return make_failure(client->state, event, &place->sent);
}

/* The list, or the first failure raised. */
static PyObject *conclude(hhpy_batch *batch)
{
    if (batch->failure != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(batch->failure), batch->failure);
        return NULL;
    }
    for (Py_ssize_t i = 0;
         batch->failures == HHPY_FAILURES_RAISED && i < PyList_GET_SIZE(batch->results); i++) {
        PyObject *result = PyList_GET_ITEM(batch->results, i);
        if (PyExceptionInstance_Check(result)) {
            PyErr_SetObject((PyObject *)Py_TYPE(result), result);
            return NULL;
        }
    }
    return Py_NewRef(batch->results);
}

/* --- places ---------------------------------------------------------------------------------- */

static void free_place(hhpy_place *place)
{
    hhpy_sent_clear(&place->sent);
    Py_CLEAR(place->sink);
    place->next_free = place->batch->free;
    place->batch->free = place;
    place->batch->in_flight--;
}

static int build_item(hhpy_batch *batch, PyObject *object, hhpy_built *built)
{
    hhpy_state *state = batch->client->state;
    if (PyObject_TypeCheck(object, state->request_type)) {
        PyObject *content = ((hhpy_request *)object)->content;
        if (content != NULL && !PyBytes_Check(content)) {
            PyErr_SetString(PyExc_TypeError,
                            "batch() can't send a body that comes from an iterator: use send()");
            return -1;
        }
        return hhpy_request_build_from(batch->client, object, built);
    }
    hhpy_arguments arguments = {{NULL}};
    arguments.values[HHPY_KEYWORD_method] = state->names.GET;
    arguments.values[HHPY_KEYWORD_url] = object;
    return hhpy_request_build(batch->client, &arguments, HHPY_BUILD_CACHED, built);
}

/* The next item's request goes out, or its failure is in the list. -1 with an exception: the list
 * can't grow. */
static int send_item(hhpy_batch *batch, PyObject *object)
{
    hhpy_built built;
    Py_ssize_t index = PyList_GET_SIZE(batch->results);
    if (PyList_Append(batch->results, Py_None) < 0)
        return -1;
    if (build_item(batch, object, &built) < 0) {
        put_result(batch, index, NULL);
        return 0;
    }
    if (hhpy_client_engine(batch->client) == NULL) { /* building may have run Python */
        hhpy_built_clear(&built);
        put_result(batch, index, NULL);
        return 0;
    }
    hhpy_place *place = batch->free;
    batch->free = place->next_free;
    batch->in_flight++;
    place->index = index;
    place->sent = built.sent;
    hh_status status =
        batch->channel != NULL
            ? hh_channel_add(batch->channel, built.request, place, &place->receiver.id)
            : hhpy_engine_submit(batch->client->engine, built.request, &place->receiver);
    built.sent = (hhpy_sent){0};
    hhpy_built_clear(&built);
    if (status != HH_OK) {
        hhpy_status_raise(batch->client->state, status, "send the request");
        put_result(batch, index, NULL);
        free_place(place);
    }
    return 0;
}

static void stop_taking(hhpy_batch *batch)
{
    PyObject *type, *traceback;
    Py_CLEAR(batch->iterator);
    if (!PyErr_Occurred())
        return;
    PyObject *failure;
    PyErr_Fetch(&type, &failure, &traceback);
    PyErr_NormalizeException(&type, &failure, &traceback);
    if (traceback != NULL)
        PyException_SetTraceback(failure, traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    Py_XSETREF(batch->failure, failure);
}

/* Fills every free place. */
static void send_more(hhpy_batch *batch)
{
    if (batch->is_taking)
        return;
    batch->is_taking = true;
    while (batch->free != NULL && batch->iterator != NULL) {
        PyObject *object = NULL;
        if (hhpy_client_engine(batch->client) != NULL)
            object = PyIter_Next(batch->iterator);
        if (object == NULL || batch->is_cancelled || send_item(batch, object) < 0)
            stop_taking(batch);
        Py_XDECREF(object);
    }
    batch->is_taking = false;
}

/* A place's terminal event. */
static void end_item(hhpy_place *place, const hh_event *event)
{
    hhpy_batch *batch = place->batch;
    PyObject *result = make_result(place, event);
    if (result != NULL && hhpy_log_is_wanted(batch->client->state)) {
        const hhpy_sent *sent =
            event->type == HH_EVENT_DONE ? &((hhpy_response *)result)->sent : &place->sent;
        hhpy_log_done(batch->client->state, sent, result);
    }
    put_result(batch, place->index, result);
    free_place(place);
}

/* --- asynchronous ---------------------------------------------------------------------------- */

static void report_end(hhpy_batch *batch)
{
    PyObject *future = batch->future;
    if (future == NULL || batch->in_flight > 0 || batch->iterator != NULL)
        return;
    batch->future = NULL;
    PyObject *type, *failure, *traceback;
    PyObject *none = NULL;
    if (!batch->is_cancelled) {
        PyObject *results = conclude(batch);
        if (results != NULL) {
            none =
                PyObject_CallMethodOneArg(future, batch->client->state->names.set_result, results);
        } else {
            PyErr_Fetch(&type, &failure, &traceback);
            PyErr_NormalizeException(&type, &failure, &traceback);
            none = PyObject_CallMethod(future, "set_exception", "O", failure);
            Py_XDECREF(type);
            Py_XDECREF(failure);
            Py_XDECREF(traceback);
        }
        Py_XDECREF(results);
        if (none == NULL)
            PyErr_Clear(); /* its loop has closed, or it was cancelled this very moment */
    }
    Py_XDECREF(none);
    Py_DECREF(future);
}

static hhpy_after on_event(hhpy_receiver *receiver, const hh_event *event)
{
    hhpy_place *place = (hhpy_place *)((char *)receiver - offsetof(hhpy_place, receiver));
    hhpy_batch *batch = place->batch;
    if (event->type == HH_EVENT_HEADERS && batch->client->engine != NULL) {
        place->sink = hhpy_sink_offer(batch->client->engine->client, event->id, event->response);
    } else if (event->type == HH_EVENT_DONE || event->type == HH_EVENT_ERROR) {
        end_item(place, event);
        send_more(batch);
        report_end(batch);
    }
    return HHPY_EVENT_RELEASE;
}

/* The future's done callback: a cancelled one ends what is under way. */
static PyObject *batch_call(hhpy_batch *batch, PyObject *args, PyObject *Py_UNUSED(keywords))
{
    PyObject *future;
    if (!PyArg_ParseTuple(args, "O", &future))
        return NULL;
    PyObject *answer = PyObject_CallMethod(future, "cancelled", NULL);
    if (answer == NULL)
        return NULL;
    bool is_cancelled = answer == Py_True;
    Py_DECREF(answer);
    if (is_cancelled) {
        batch->is_cancelled = true;
        if (!batch->is_taking)
            Py_CLEAR(batch->iterator);
        for (size_t i = 0; i < batch->place_count && batch->client->engine != NULL; i++)
            hhpy_engine_cancel(batch->client->engine, &batch->places[i].receiver);
    }
    Py_RETURN_NONE;
}

/* --- making one ------------------------------------------------------------------------------ */

static int make_places(hhpy_batch *batch, PyObject *requests, Py_ssize_t max_concurrent)
{
    Py_ssize_t hint = PyObject_LengthHint(requests, PLACES_MAX);
    if (hint < 0)
        return -1;
    size_t count = hint < PLACES_MAX ? (size_t)hint : PLACES_MAX;
    if (max_concurrent > 0 && (size_t)max_concurrent < count)
        count = (size_t)max_concurrent;
    if (count == 0)
        count = 1;
    batch->places = PyMem_Calloc(count, sizeof *batch->places);
    if (batch->places == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    batch->place_count = count;
    while (count > 0) {
        hhpy_place *place = &batch->places[--count];
        place->batch = batch;
        place->receiver.owner = (PyObject *)batch;
        place->receiver.on_event = on_event;
        place->next_free = batch->free;
        batch->free = place;
    }
    return 0;
}

static hhpy_batch *new_batch(hhpy_client *client, PyObject *requests,
                             const hhpy_batch_options *options)
{
    if (options->max_concurrent < 0) {
        PyErr_SetString(PyExc_ValueError, "max_concurrent must be at least 1, or None");
        return NULL;
    }
    if (PyUnicode_Check(requests) || PyBytes_Check(requests)) {
        PyErr_SetString(PyExc_TypeError,
                        "batch() takes an iterable of URLs and requests; for one URL use get()");
        return NULL;
    }
    hhpy_batch *made = PyObject_GC_New(hhpy_batch, client->state->batch_type);
    if (made == NULL)
        return NULL;
    memset((char *)made + sizeof(PyObject), 0, sizeof *made - sizeof(PyObject));
    made->client = (hhpy_client *)Py_NewRef(client);
    made->failures = options->failures;
    PyObject_GC_Track(made);
    made->results = PyList_New(0);
    made->iterator = PyObject_GetIter(requests);
    if (made->results == NULL || made->iterator == NULL ||
        make_places(made, requests, options->max_concurrent) < 0)
        Py_CLEAR(made);
    return made;
}

PyObject *hhpy_batch_start(hhpy_client *client, PyObject *requests,
                           const hhpy_batch_options *options)
{
    if (hhpy_client_engine(client) == NULL)
        return NULL;
    hhpy_batch *batch = new_batch(client, requests, options);
    if (batch == NULL)
        return NULL;
    hhpy_engine *engine = hhpy_client_engine(client); /* asking the iterable has run Python */
    if (engine == NULL || hhpy_engine_bind(engine) < 0) {
        Py_DECREF(batch);
        return NULL;
    }
    PyObject *future = PyObject_CallMethodNoArgs(engine->loop, client->state->names.create_future);
    PyObject *none =
        future != NULL ? PyObject_CallMethod(future, "add_done_callback", "O", batch) : NULL;
    if (none == NULL) {
        Py_XDECREF(future);
        Py_DECREF(batch);
        return NULL;
    }
    Py_DECREF(none);
    batch->future = Py_NewRef(future);
    send_more(batch);
    report_end(batch);
    Py_DECREF(batch);
    return future;
}

/* --- blocking -------------------------------------------------------------------------------- */

/* Until every item has ended; -1 with an exception (a signal's handler raised). */
static int run_channel(hhpy_batch *batch, hh_client *engine)
{
    send_more(batch);
    while (batch->in_flight > 0) {
        const hh_event *event = hhpy_channel_wait(batch->client->state, batch->channel);
        if (event == NULL)
            return -1;
        hhpy_place *place = event->tag;
        bool is_last = event->type == HH_EVENT_DONE || event->type == HH_EVENT_ERROR;
        if (event->type == HH_EVENT_HEADERS)
            place->sink = hhpy_sink_offer(engine, event->id, event->response);
        else if (is_last)
            end_item(place, event);
        hh_event_release(engine, event);
        if (is_last)
            send_more(batch);
    }
    return 0;
}

PyObject *hhpy_batch_send(hhpy_client *client, PyObject *requests,
                          const hhpy_batch_options *options)
{
    if (hhpy_client_engine(client) == NULL)
        return NULL;
    hhpy_batch *batch = new_batch(client, requests, options);
    if (batch == NULL)
        return NULL;
    PyObject *results = NULL;
    hhpy_engine *engine = hhpy_client_engine(client); /* asking the iterable has run Python */
    if (engine == NULL) {
        Py_DECREF(batch);
        return NULL;
    }
    hhpy_engine_enter(engine);
    hh_status status = engine->is_closed ? HH_ERR_CLIENT_CLOSED
                                         : hh_channel_create(engine->client, &batch->channel);
    if (status != HH_OK)
        hhpy_status_raise(client->state, status, "send the batch");
    else if (run_channel(batch, engine->client) == 0)
        results = conclude(batch);
    /* Before the bytes that the engine still writes to or sends from are freed. */
    hh_channel_close(batch->channel);
    hhpy_engine_leave(engine);
    Py_DECREF(batch);
    return results;
}

/* --- the type -------------------------------------------------------------------------------- */

static int batch_traverse(hhpy_batch *batch, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(batch));
    Py_VISIT(batch->client);
    Py_VISIT(batch->iterator);
    Py_VISIT(batch->results);
    Py_VISIT(batch->future);
    Py_VISIT(batch->failure);
    for (size_t i = 0; i < batch->place_count; i++) {
        int result = hhpy_sent_visit(&batch->places[i].sent, visit, arg);
        if (result != 0)
            return result;
    }
    return 0;
}

static int batch_clear(hhpy_batch *batch)
{
    Py_CLEAR(batch->iterator);
    Py_CLEAR(batch->results);
    Py_CLEAR(batch->future);
    Py_CLEAR(batch->failure);
    return 0;
}

static void batch_dealloc(hhpy_batch *batch)
{
    PyTypeObject *type = Py_TYPE(batch);
    PyObject_GC_UnTrack(batch);
    batch_clear(batch);
    for (size_t i = 0; i < batch->place_count; i++) {
        hhpy_sent_clear(&batch->places[i].sent);
        Py_CLEAR(batch->places[i].sink);
    }
    PyMem_Free(batch->places);
    Py_CLEAR(batch->client);
    type->tp_free(batch);
    Py_DECREF(type);
}

static PyType_Slot batch_slots[] = {
    {Py_tp_doc, (void *)"Many requests under way by one call."},
    {Py_tp_call, (void *)batch_call},
    {Py_tp_traverse, (void *)batch_traverse},
    {Py_tp_clear, (void *)batch_clear},
    {Py_tp_dealloc, (void *)batch_dealloc},
    {0, NULL},
};

static PyType_Spec batch_spec = {
    .name = "hyperhttp._engine.Batch",
    .basicsize = sizeof(hhpy_batch),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = batch_slots,
};

int hhpy_batch_ready(PyObject *module, hhpy_state *state)
{
    return hhpy_type_add(module, &batch_spec, NULL, &state->batch_type);
}
