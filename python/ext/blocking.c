/*
 * blocking.c - one request of a Session, from the calling thread.
 *
 * Stands on the engine's channels: they go on across signals, and let a large body be received in
 * place. The engine is entered for as long as the channel is open, so that another thread's close()
 * ends the request, but frees nothing under it.
 */
#include "blocking.h"

#include "errors.h"
#include "log.h"
#include "response.h"
#include "sink.h"

/* A signal just before the wait, or while another thread drives, cuts nothing short: it is seen
 * after so long. */
enum { LOOK_FOR_SIGNALS_MS = 500 };

const hh_event *hhpy_channel_wait(hhpy_state *state, hh_channel *channel)
{
    const hh_event *event;
    hh_status status;
    for (;;) {
        if (PyErr_CheckSignals() < 0) /* one that came while nothing waited interrupts no wait */
            return NULL;
        Py_BEGIN_ALLOW_THREADS;
        status = hh_channel_next(channel, LOOK_FOR_SIGNALS_MS, &event);
        Py_END_ALLOW_THREADS;
        if (event != NULL)
            return event;
        if (status != HH_OK && status != HH_INTERRUPTED) {
            hhpy_status_raise(state, status, "wait for the answer");
            return NULL;
        }
    }
}

static void raise_event_error(hhpy_state *state, const hh_event *event, hhpy_sent *sent)
{
    bool is_logged = hhpy_log_is_wanted(state); /* runs Python: before anything is raised */
    PyObject *request = hhpy_sent_request(state, sent);
    if (request == NULL)
        return;
    hhpy_error_raise(state, event->error, request);
    Py_DECREF(request);
    if (!is_logged)
        return;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    hhpy_log_done(state, sent, value);
    PyErr_Restore(type, value, traceback);
}

static PyObject *make_response(hhpy_client *client, const hh_event *event, hhpy_sent *sent,
                               PyObject *sink)
{
    PyObject *response =
        hhpy_response_new(client, event->response, sent, sink, HHPY_FLAVOUR_BLOCKING);
    if (response != NULL && hhpy_log_is_wanted(client->state))
        hhpy_log_done(client->state, &((hhpy_response *)response)->sent, response);
    return response;
}

/* Until the terminal event. */
static PyObject *collect(hhpy_client *client, hh_client *engine, hh_channel *channel,
                         hhpy_sent *sent)
{
    PyObject *sink = NULL;
    PyObject *response = NULL;
    for (;;) {
        const hh_event *event = hhpy_channel_wait(client->state, channel);
        if (event == NULL)
            break;
        hh_event_type type = event->type;
        if (type == HH_EVENT_HEADERS)
            sink = hhpy_sink_offer(engine, event->id, event->response);
        else if (type == HH_EVENT_ERROR)
            raise_event_error(client->state, event, sent);
        else if (type == HH_EVENT_DONE)
            response = make_response(client, event, sent, sink);
        hh_event_release(engine, event);
        if (type == HH_EVENT_DONE)
            return response; /* the sink went into it */
        if (type == HH_EVENT_ERROR)
            break;
    }
    /* After it the engine writes nothing more into the sink. */
    hh_cancel(engine, hh_channel_id(channel));
    Py_XDECREF(sink);
    return NULL;
}

static PyObject *send_built(hhpy_client *client, hhpy_built *built)
{
    hhpy_engine *engine = hhpy_client_engine(client); /* building may have run Python */
    hh_channel *channel;
    hh_error error;
    PyObject *response = NULL;
    if (engine == NULL) {
        hhpy_built_clear(built);
        return NULL;
    }
    hhpy_engine_enter(engine);
    if (engine->is_closed)
        PyErr_SetString(PyExc_RuntimeError, "the client is closed; make a new one");
    else if (hh_channel_open(engine->client, built->request, &channel, &error) != HH_OK)
        hhpy_error_raise(client->state, &error, NULL);
    else {
        response = collect(client, engine->client, channel, &built->sent);
        hh_channel_close(channel);
    }
    hhpy_engine_leave(engine);
    hhpy_built_clear(built);
    return response;
}

PyObject *hhpy_blocking_send(hhpy_client *client, const hhpy_arguments *arguments)
{
    hhpy_built built;
    if (hhpy_request_build(client, arguments, HHPY_BUILD_CACHED, &built) < 0)
        return NULL;
    return send_built(client, &built);
}

PyObject *hhpy_blocking_send_request(hhpy_client *client, PyObject *request)
{
    hhpy_built built;
    if (hhpy_client_engine(client) == NULL || hhpy_request_build_from(client, request, &built) < 0)
        return NULL;
    return send_built(client, &built);
}
