/*
 * sink.h - large bodies received in place: into the very bytes object the user gets.
 */
#ifndef HYPERHTTP_EXT_SINK_H
#define HYPERHTTP_EXT_SINK_H

#include "module.h"

/* At the HEADERS event of exchange `id`: bytes that its body is received into, to be kept until the
 * terminal event. NULL without an exception where the engine had better collect the body itself:
 * no declared length, a content coding, or no memory for the declared length. */
PyObject *hhpy_sink_offer(hh_client *client, hh_id id, const hh_response *response);

#endif
