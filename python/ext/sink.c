/*
 * sink.c - offers a bytes object of the declared length as the place for a body.
 *
 * A hostile length costs address space only: memory that nothing was written to is not there yet.
 */
#include "sink.h"

/* More than this is collected by the engine as it comes. */
#define SINK_MAX_BYTES ((uint64_t)4 << 30)

PyObject *hhpy_sink_offer(hh_client *client, hh_id id, const hh_response *response)
{
    uint64_t length = hh_response_content_length(response);
    if (length == 0 || length > SINK_MAX_BYTES ||
        hh_response_header(response, "content-encoding").data != NULL)
        return NULL;
    PyObject *sink = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)length);
    if (sink == NULL) {
        PyErr_Clear();
        return NULL;
    }
    if (hh_set_sink(client, id, PyBytes_AS_STRING(sink), length) != HH_OK)
        Py_CLEAR(sink);
    return sink;
}
