/*
 * log.h - a line in logging.getLogger("hyperhttp") for each request, if anybody wants one.
 */
#ifndef HYPERHTTP_EXT_LOG_H
#define HYPERHTTP_EXT_LOG_H

#include "arguments.h"

/* Whether the logger wants lines now. Never raises. */
bool hhpy_log_is_wanted(const hhpy_state *state);

/* Tells the logger that a request has ended; `outcome` is the response or the exception. Never
 * raises. */
void hhpy_log_done(const hhpy_state *state, const hhpy_sent *sent, PyObject *outcome);

#endif
