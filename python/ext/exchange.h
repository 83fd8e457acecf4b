/*
 * exchange.h - `_engine.Exchange` and `_engine.Channel`: one request, event by event, for what goes
 * beyond a Call: streams, bodies from iterators, questions.
 *
 * The async one (exchange.c) is dealt its events by the engine and waits by a future of the loop;
 * the blocking one (channel.c) stands on hh_channel_next. Their Python face is one and the same,
 * see _engine.pyi; what they share is in exchange_event.c.
 */
#ifndef HYPERHTTP_EXT_EXCHANGE_H
#define HYPERHTTP_EXT_EXCHANGE_H

#include "response.h"

typedef struct hhpy_open_options {
    hh_switch trace;
    unsigned ask; /* HH_ASK_ mask */
    hh_delivery delivery;
    hh_decoding decoding;
} hhpy_open_options;

/* Sends a Request: an Exchange (a loop must be running), or a Channel. */
PyObject *hhpy_exchange_open(hhpy_client *client, PyObject *request,
                             const hhpy_open_options *options);
PyObject *hhpy_channel_open(hhpy_client *client, PyObject *request,
                            const hhpy_open_options *options);

/* --- between exchange.c and channel.c -------------------------------------------------------- */

/* What an exchange is about. References owned. */
typedef struct hhpy_subject {
    hhpy_client *client;
    PyObject *request;  /* Request; for the exceptions */
    PyObject *content;  /* bytes that the engine borrows until the terminal event, or NULL */
    hhpy_sent sent;     /* until the answer takes it */
    uint64_t body_left; /* of the body that is pushed; HH_LENGTH_UNKNOWN: chunked, or none */
    hhpy_flavour flavour;
    bool is_whole; /* the answer comes at DONE, with its body */
} hhpy_subject;

void hhpy_subject_clear(hhpy_subject *subject);
int hhpy_subject_visit(const hhpy_subject *subject, visitproc visit, void *arg);

/* The hh_request to send, and what it is about. On success *out is the caller's to destroy. */
int hhpy_subject_build(hhpy_client *client, PyObject *request, const hhpy_open_options *options,
                       hhpy_subject *subject, hh_request **out);

/* How take() shows an event (a new reference): an answer at HEADERS (and at DONE where it is
 * whole), bytes at BODY, a marker at WANT_BODY, a tuple at ASK, INFORMATION and TRACE, None at
 * DONE. An ERROR gives the exception itself, not raised. */
PyObject *hhpy_event_object(hhpy_subject *subject, const hh_event *event);

/* The body of an answer()'s call, arguments (verdict, addresses=()). */
PyObject *hhpy_exchange_answer(hh_client *client, hh_id id, PyObject *args, PyObject *keywords);
/* HH_OK, or HH_ERR_BODY_LENGTH: more bytes than declared, though the engine has what it wanted. */
hh_status hhpy_subject_check_push(const hhpy_subject *subject, Py_ssize_t length);
/* What push() says to a status and the bytes that were taken. */
PyObject *hhpy_exchange_pushed(hhpy_subject *subject, hh_status status, size_t accepted);

#endif
