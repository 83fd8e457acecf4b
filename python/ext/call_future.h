/*
 * call_future.h - the methods of a call as a future; for call.c, which makes the type of them.
 */
#ifndef HYPERHTTP_EXT_CALL_FUTURE_H
#define HYPERHTTP_EXT_CALL_FUTURE_H

#include "call.h"

/* The answer, or what went wrong raised. */
PyObject *hhpy_call_outcome(hhpy_call *call);

/* cancelled(), done(), result(), exception(), get_loop(), _make_cancelled_error(). */
PyObject *hhpy_call_cancelled(hhpy_call *call, PyObject *none);
PyObject *hhpy_call_done(hhpy_call *call, PyObject *none);
PyObject *hhpy_call_result(hhpy_call *call, PyObject *none);
PyObject *hhpy_call_exception(hhpy_call *call, PyObject *none);
PyObject *hhpy_call_get_loop(hhpy_call *call, PyObject *none);
PyObject *hhpy_call_make_cancelled_error(hhpy_call *call, PyObject *none);

/* _asyncio_future_blocking, _cancel_message. */
PyObject *hhpy_call_get_blocking(hhpy_call *call, void *closure);
int hhpy_call_set_blocking(hhpy_call *call, PyObject *value, void *closure);
PyObject *hhpy_call_get_cancel_message(hhpy_call *call, void *closure);

/* Of the type: what tasks look up at each await is found by address. */
PyObject *hhpy_call_getattr(PyObject *self, PyObject *name);
int hhpy_call_setattr(PyObject *self, PyObject *name, PyObject *value);

#endif
