/*
 * options.c - from a dict of options to an engine: hhpy_engine_open of client.h.
 *
 * Keys are the fields of hh_client_options and hh_tls_options under their own names; time is in
 * seconds, None is "no bound"; a text is a str, or bytes for a path in the file system's encoding.
 * A key left out keeps the engine's default. What users write is checked and put into this form by
 * hyperhttp/_config.py. Invariant: every text is borrowed from the dict, which outlives the call.
 */
#include "client.h"

#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "timeout.h"

typedef enum option_kind {
    OPTION_TEXT,      /* const char * */
    OPTION_COUNT,     /* unsigned, at least 1 */
    OPTION_BYTES,     /* uint64_t, at least 1 */
    OPTION_SECONDS,   /* int64_t in milliseconds */
    OPTION_SWITCH,    /* hh_switch, from a bool */
    OPTION_REDIRECTS, /* hh_redirects, from a bool */
    OPTION_VERSION,   /* hh_tls_version: 12 or 13 */
    OPTION_TIMEOUTS   /* hh_timeouts, from a Timeout */
} option_kind;

typedef struct option_spec {
    const char *name;
    option_kind kind;
    size_t offset;
} option_spec;

#define AT(field) offsetof(hh_client_options, field)
static const option_spec known[] = {
    {"user_agent", OPTION_TEXT, AT(user_agent)},
    {"timeout", OPTION_TIMEOUTS, AT(timeout)},
    {"max_connections", OPTION_COUNT, AT(max_connections)},
    {"max_connections_per_origin", OPTION_COUNT, AT(max_connections_per_origin)},
    {"max_idle_connections", OPTION_COUNT, AT(max_idle_connections)},
    {"keepalive_expiry", OPTION_SECONDS, AT(keepalive_expiry_ms)},
    {"follow_redirects", OPTION_REDIRECTS, AT(redirects)},
    {"max_redirects", OPTION_COUNT, AT(max_redirects)},
    {"max_response_bytes", OPTION_BYTES, AT(max_response_bytes)},
    {"unix_socket", OPTION_TEXT, AT(unix_socket)},
    {"local_address", OPTION_TEXT, AT(local_address)},
    {"http1", OPTION_SWITCH, AT(http1)},
    {"http2", OPTION_SWITCH, AT(http2)},
    {"http2_prior_knowledge", OPTION_SWITCH, AT(http2_prior_knowledge)},
    {"http2_keepalive", OPTION_SECONDS, AT(http2_keepalive_ms)},
    {"verify", OPTION_SWITCH, AT(tls.verify)},
    {"ca_file", OPTION_TEXT, AT(tls.ca_file)},
    {"ca_directory", OPTION_TEXT, AT(tls.ca_directory)},
    {"ca_pem", OPTION_TEXT, AT(tls.ca_pem)},
    {"cert_file", OPTION_TEXT, AT(tls.cert_file)},
    {"key_file", OPTION_TEXT, AT(tls.key_file)},
    {"key_password", OPTION_TEXT, AT(tls.key_password)},
    {"min_version", OPTION_VERSION, AT(tls.min_version)},
};
#undef AT

static int take_text(const option_spec *option, PyObject *value, const char **out)
{
    Py_ssize_t length;
    const char *text;
    if (PyUnicode_Check(value)) {
        text = PyUnicode_AsUTF8AndSize(value, &length);
        if (text == NULL)
            return -1;
    } else if (PyBytes_Check(value)) {
        text = PyBytes_AS_STRING(value);
        length = PyBytes_GET_SIZE(value);
    } else {
        PyErr_Format(PyExc_TypeError, "%s must be a str, not %.200s", option->name,
                     Py_TYPE(value)->tp_name);
        return -1;
    }
    if (strlen(text) != (size_t)length) {
        PyErr_Format(PyExc_ValueError, "%s has a NUL character in it", option->name);
        return -1;
    }
    *out = text;
    return 0;
}

static int take_number(const option_spec *option, PyObject *value, uint64_t most, uint64_t *out)
{
    int overflow;
    if (!PyLong_Check(value) || PyBool_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s must be an int, not %.200s", option->name,
                     Py_TYPE(value)->tp_name);
        return -1;
    }
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow == 0 && number < 1) {
        if (PyErr_Occurred())
            return -1;
        PyErr_Format(PyExc_ValueError, "%s must be at least 1, not %lld", option->name, number);
        return -1;
    }
    if (overflow < 0) {
        PyErr_Format(PyExc_ValueError, "%s must be at least 1", option->name);
        return -1;
    }
    *out = overflow > 0 || (uint64_t)number > most ? most : (uint64_t)number;
    return 0;
}

/* The engine's 0 is "the default", so that no time at all becomes a millisecond. */
static int take_seconds(const option_spec *option, PyObject *value, int64_t *out)
{
    if (value == Py_None) {
        *out = HH_TIMEOUT_NONE;
        return 0;
    }
    if (!PyFloat_Check(value) && !PyLong_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s must be a number of seconds or None, not %.200s",
                     option->name, Py_TYPE(value)->tp_name);
        return -1;
    }
    double seconds = PyFloat_AsDouble(value);
    if (seconds == -1.0 && PyErr_Occurred())
        return -1;
    if (!isfinite(seconds) || seconds < 0) {
        PyErr_Format(PyExc_ValueError, "%s must be a finite number of seconds, at least 0",
                     option->name);
        return -1;
    }
    double ms = ceil(seconds * 1000);
    *out = ms < 1 ? 1 : ms > 1e15 ? (int64_t)1e15 : (int64_t)ms;
    return 0;
}

static int take_truth(const option_spec *option, PyObject *value, int *out)
{
    if (!PyBool_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s must be True or False, not %.200s", option->name,
                     Py_TYPE(value)->tp_name);
        return -1;
    }
    *out = value == Py_True;
    return 0;
}

static int take(hhpy_state *state, const option_spec *option, PyObject *value, void *out)
{
    uint64_t number = 0;
    int truth = 0;
    int result = 0;
    switch (option->kind) {
    case OPTION_TEXT:
        return take_text(option, value, out);
    case OPTION_COUNT:
        result = take_number(option, value, UINT_MAX, &number);
        *(unsigned *)out = (unsigned)number;
        return result;
    case OPTION_BYTES:
        result = take_number(option, value, INT64_MAX, &number);
        *(uint64_t *)out = number;
        return result;
    case OPTION_SECONDS:
        return take_seconds(option, value, out);
    case OPTION_SWITCH:
        result = take_truth(option, value, &truth);
        *(hh_switch *)out = truth ? HH_ON : HH_OFF;
        return result;
    case OPTION_REDIRECTS:
        result = take_truth(option, value, &truth);
        *(hh_redirects *)out = truth ? HH_REDIRECTS_FOLLOW : HH_REDIRECTS_MANUAL;
        return result;
    case OPTION_VERSION:
        result = take_number(option, value, HH_TLS_1_3, &number);
        *(hh_tls_version *)out = (hh_tls_version)number;
        return result;
    case OPTION_TIMEOUTS:
        return hhpy_timeouts_convert(state, value, out);
    }
    return -1;
}

static const option_spec *find(PyObject *name)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (PyUnicode_Check(name) && PyUnicode_CompareWithASCIIString(name, known[i].name) == 0)
            return &known[i];
    return NULL;
}

hhpy_engine *hhpy_engine_open(hhpy_state *state, PyObject *options)
{
    hh_client_options built = HH_CLIENT_OPTIONS_INIT;
    PyObject *name, *value;
    Py_ssize_t position = 0;
    while (PyDict_Next(options, &position, &name, &value)) {
        const option_spec *option = find(name);
        if (option == NULL) {
            PyErr_Format(PyExc_TypeError, "the engine has no option %R", name);
            return NULL;
        }
        if (take(state, option, value, (char *)&built + option->offset) < 0)
            return NULL;
    }
    return hhpy_engine_new(state, &built);
}
