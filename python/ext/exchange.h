/*
 * exchange.h - `_engine.Exchange` and `_engine.Channel`: one request, event by event, for what goes
 * beyond a Call: streams, bodies from iterators, questions. The async one waits by a future of the
 * loop, the blocking one stands on hh_channel_next. Their Python face is one and the same; see
 * _engine.pyi.
 */
#ifndef HYPERHTTP_EXT_EXCHANGE_H
#define HYPERHTTP_EXT_EXCHANGE_H

#include "arguments.h"

/* An event as the Python layer sees it (a new reference): Response at HEADERS, bytes at BODY, the
 * marker WANT_BODY, a tuple at ASK, None at DONE; raises at ERROR. */
PyObject *hhpy_event_object(hhpy_client *client, const hh_event *event, hhpy_sent *sent);

#endif
