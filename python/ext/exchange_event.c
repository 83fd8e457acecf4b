/*
 * exchange_event.c - what Exchange and Channel share: from a Request to what is sent, from events
 * to Python objects, from the answers to questions to the engine's.
 *
 * Leaves waiting and the order of events to them. Source: hyperhttp/event.h.
 */
#include "exchange.h"

#include <string.h>

#include "errors.h"
#include "headers.h"
#include "log.h"
#include "request.h"

#define ADDRESSES_MAX 32 /* of one answer; hyperhttp/event.h */

/* --- what it is about ------------------------------------------------------------------------ */

void hhpy_subject_clear(hhpy_subject *subject)
{
    Py_CLEAR(subject->client);
    Py_CLEAR(subject->request);
    Py_CLEAR(subject->content);
    hhpy_sent_clear(&subject->sent);
}

int hhpy_subject_visit(const hhpy_subject *subject, visitproc visit, void *arg)
{
    Py_VISIT(subject->client);
    Py_VISIT(subject->request);
    return hhpy_sent_visit(&subject->sent, visit, arg);
}

/* The declared length of a body that is yet to be pushed. -1 with ValueError. */
static int find_length(PyObject *headers, uint64_t *out)
{
    static const char name[] = "content-length";
    *out = HH_LENGTH_UNKNOWN;
    for (Py_ssize_t i = 0; i < hhpy_headers_count(headers); i++) {
        hh_field field = hhpy_headers_at(headers, i);
        if (field.name.length != sizeof name - 1 ||
            PyOS_mystrnicmp(field.name.data, name, sizeof name - 1) != 0)
            continue;
        uint64_t length = 0;
        bool is_number = field.value.length > 0 && field.value.length <= 18;
        for (size_t at = 0; is_number && at < field.value.length; at++) {
            is_number = field.value.data[at] >= '0' && field.value.data[at] <= '9';
            length = length * 10 + (uint64_t)(field.value.data[at] - '0');
        }
        if (!is_number || (*out != HH_LENGTH_UNKNOWN && *out != length)) {
            PyErr_SetString(PyExc_ValueError, "Content-Length must be one decimal number");
            return -1;
        }
        *out = length;
    }
    return 0;
}

/* *length is that of a body to be pushed. */
static int apply(hh_request *request, const hhpy_request *given, const hhpy_open_options *options,
                 uint64_t *length)
{
    *length = HH_LENGTH_UNKNOWN;
    hh_status status = hh_request_set_delivery(request, options->delivery);
    if (status == HH_OK && options->ask != 0)
        status = hh_request_set_questions(request, options->ask);
    if (status == HH_OK)
        status = hh_request_set_decoding(request, options->decoding);
    if (status == HH_OK && options->trace == HH_ON)
        status = hh_request_set_trace(request, HH_ON);
    if (status == HH_OK && given->content != NULL && given->content != Py_None &&
        !PyBytes_Check(given->content)) {
        if (find_length(given->headers, length) < 0)
            return -1;
        status = hh_request_set_body_stream(request, *length, HH_REWIND_IMPOSSIBLE);
    }
    if (status == HH_OK)
        return 0;
    PyErr_Format(PyExc_ValueError, "the request can't be sent so: %s", hh_status_name(status));
    return -1;
}

int hhpy_subject_build(hhpy_client *client, PyObject *request, const hhpy_open_options *options,
                       hhpy_subject *subject, hh_request **out)
{
    hhpy_built built;
    if (hhpy_request_build_from(client, request, &built) < 0)
        return -1;
    uint64_t length;
    if (apply(built.request, (hhpy_request *)request, options, &length) < 0) {
        hhpy_built_clear(&built);
        return -1;
    }
    if (built.sent.content != NULL &&
        !PyBytes_Check(built.sent.content)) /* an iterator: the Request has it */
        Py_CLEAR(built.sent.content);
    *subject = (hhpy_subject){
        .client = (hhpy_client *)Py_NewRef((PyObject *)client),
        .request = Py_NewRef(request),
        .content = Py_XNewRef(built.sent.content),
        .sent = built.sent,
        .body_left = length,
        .flavour = client->is_blocking ? HHPY_FLAVOUR_BLOCKING : HHPY_FLAVOUR_ASYNC,
        .is_whole = options->delivery != HH_DELIVER_STREAM,
    };
    *out = built.request;
    return 0;
}

/* --- events as objects ----------------------------------------------------------------------- */

/* The answer; `sent` is moved into it. */
static PyObject *make_answer(hhpy_subject *subject, hh_response *response)
{
    PyObject *answer =
        hhpy_response_new(subject->client, response, &subject->sent, NULL, subject->flavour);
    if (answer != NULL && hhpy_log_is_wanted(subject->client->state))
        hhpy_log_done(subject->client->state, &((hhpy_response *)answer)->sent, answer);
    return answer;
}

/* An answer on the way to the final one. */
static PyObject *make_interim(const hhpy_subject *subject, hh_response *response)
{
    hhpy_sent copy = {
        .method = Py_XNewRef(subject->sent.method),
        .url = Py_XNewRef(subject->sent.url),
        .headers = Py_XNewRef(subject->sent.headers),
        .content = Py_XNewRef(subject->sent.content),
        .request = Py_XNewRef(subject->sent.request),
    };
    PyObject *answer = hhpy_response_new(subject->client, response, &copy, NULL, subject->flavour);
    if (answer == NULL)
        hhpy_sent_clear(&copy);
    return answer;
}

static PyObject *make_question(const hhpy_subject *subject, const hh_question *question)
{
    if (question->ask == HH_ASK_RESOLVE) {
        PyObject *host = hhpy_text(question->host);
        return host != NULL ? Py_BuildValue("(sNi)", "resolve", host, (int)question->port) : NULL;
    }
    PyObject *location = hhpy_text(question->location);
    PyObject *method = hhpy_text(question->method);
    PyObject *answer = make_interim(subject, question->response);
    if (location != NULL && method != NULL && answer != NULL)
        return Py_BuildValue("(sNNN)", "redirect", location, method, answer);
    Py_XDECREF(location);
    Py_XDECREF(method);
    Py_XDECREF(answer);
    return NULL;
}

static PyObject *make_trace(const hh_event *event)
{
    static const char *const kinds[] = {"none", "info", "request", "response"};
    size_t kind = (size_t)event->trace;
    PyObject *text = hhpy_text(event->body);
    if (text == NULL)
        return NULL;
    return Py_BuildValue("(ssN)", "trace", kinds[kind < 4 ? kind : 0], text);
}

static PyObject *make_failure(hhpy_subject *subject, const hh_error *error)
{
    PyObject *exception = hhpy_error_make(subject->client->state, error, subject->request);
    /* Once there is an answer, it has told the log. */
    if (exception != NULL && subject->sent.method != NULL && error->code != HH_ERR_CANCELLED &&
        hhpy_log_is_wanted(subject->client->state))
        hhpy_log_done(subject->client->state, &subject->sent, exception);
    return exception;
}

PyObject *hhpy_event_object(hhpy_subject *subject, const hh_event *event)
{
    switch (event->type) {
    case HH_EVENT_HEADERS:
        return make_answer(subject, event->response);
    case HH_EVENT_BODY:
        return PyBytes_FromStringAndSize(event->body.data, (Py_ssize_t)event->body.length);
    case HH_EVENT_DONE:
        return subject->is_whole ? make_answer(subject, event->response) : Py_NewRef(Py_None);
    case HH_EVENT_ERROR:
        return make_failure(subject, event->error);
    case HH_EVENT_WANT_BODY:
        return Py_NewRef(subject->client->state->names.want_body);
    case HH_EVENT_INFORMATION: {
        PyObject *answer = make_interim(subject, event->response);
        return answer != NULL ? Py_BuildValue("(sN)", "information", answer) : NULL;
    }
    case HH_EVENT_ASK:
        return make_question(subject, event->question);
    case HH_EVENT_TRACE:
        return make_trace(event);
    }
    PyErr_Format(PyExc_SystemError, "an event of the unknown type %d", (int)event->type);
    return NULL;
}

/* --- answering, pushing ---------------------------------------------------------------------- */

static int parse_verdict(const char *text, hh_verdict *out)
{
    static const char *const names[] = {"default", "yes", "no", "fail"};
    for (int i = 0; i < 4; i++)
        if (strcmp(text, names[i]) == 0) {
            *out = (hh_verdict)i;
            return 0;
        }
    PyErr_Format(PyExc_ValueError, "the verdict is default, yes, no or fail, not %s", text);
    return -1;
}

/* Borrows the texts from `sequence`, a list or tuple. */
static int collect_addresses(PyObject *sequence, const char **addresses, hh_answer_data *answer)
{
    Py_ssize_t count = PySequence_Fast_GET_SIZE(sequence);
    if (count > ADDRESSES_MAX) {
        PyErr_Format(PyExc_ValueError, "%zd addresses: %d at most", count, ADDRESSES_MAX);
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *item = PySequence_Fast_GET_ITEM(sequence, i);
        if (!PyUnicode_Check(item)) {
            PyErr_Format(PyExc_TypeError, "an address must be a str, not %.200s",
                         Py_TYPE(item)->tp_name);
            return -1;
        }
        Py_ssize_t length;
        addresses[i] = PyUnicode_AsUTF8AndSize(item, &length);
        if (addresses[i] == NULL)
            return -1;
        if (strlen(addresses[i]) != (size_t)length) {
            PyErr_SetString(PyExc_ValueError, "an address can't have a NUL in it");
            return -1;
        }
    }
    answer->addresses = addresses;
    answer->address_count = (size_t)count;
    return 0;
}

PyObject *hhpy_exchange_answer(hh_client *client, hh_id id, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"verdict", "addresses", NULL};
    const char *addresses[ADDRESSES_MAX];
    const char *verdict;
    PyObject *given = NULL;
    hh_answer_data answer = {.size = sizeof answer};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "s|O:answer", names, &verdict, &given) ||
        parse_verdict(verdict, &answer.verdict) < 0)
        return NULL;
    PyObject *sequence =
        given != NULL ? PySequence_Fast(given, "addresses must be a sequence of str") : NULL;
    if (given != NULL && sequence == NULL)
        return NULL;
    hh_status status = HH_ERR_INVALID_ARGUMENT;
    if (sequence == NULL || collect_addresses(sequence, addresses, &answer) == 0)
        status = hh_answer(client, id, &answer);
    Py_XDECREF(sequence);
    if (PyErr_Occurred())
        return NULL;
    if (status == HH_ERR_INVALID_ARGUMENT) {
        PyErr_SetString(PyExc_ValueError, "addresses must be IP addresses, at least one");
        return NULL;
    }
    /* HH_ERR_STATE: it has ended meanwhile, as take() will tell. */
    Py_RETURN_NONE;
}

hh_status hhpy_subject_check_push(const hhpy_subject *subject, Py_ssize_t length)
{
    return (uint64_t)length <= subject->body_left ? HH_OK : HH_ERR_BODY_LENGTH;
}

PyObject *hhpy_exchange_pushed(hhpy_subject *subject, hh_status status, size_t accepted)
{
    hh_error error = {
        .code = status,
        .category = HH_CATEGORY_CLIENT,
        .phase = HH_PHASE_SEND,
        .processed = HH_PROCESSED_MAYBE,
    };
    if (status == HH_OK) {
        if (subject->body_left != HH_LENGTH_UNKNOWN)
            subject->body_left -= accepted;
        return PyLong_FromSize_t(accepted);
    }
    if (status == HH_ERR_STATE) /* nobody wants it any more, as take() will tell */
        return PyLong_FromLong(0);
    const char *message = status == HH_ERR_BODY_LENGTH
                              ? "the body has more or fewer bytes than its Content-Length says"
                              : "the body can't be sent";
    memcpy(error.message, message, strlen(message) + 1);
    hhpy_error_raise(subject->client->state, &error, subject->request);
    return NULL;
}
