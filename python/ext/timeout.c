/*
 * timeout.c - hyperhttp.Timeout, and what else a `timeout=` argument may be.
 *
 * Held as the engine takes them: whole milliseconds, rounded up, 0 for what wasn't given,
 * HH_TIMEOUT_NONE for no bound. So 0 seconds become one millisecond, never "as the client has it".
 */
#include "timeout.h"

#include <math.h>

/* What the library does where neither request nor client says (request.h of the engine). */
#define DEFAULT_CONNECT_MS 10000
#define DEFAULT_READ_MS 30000
#define DEFAULT_WRITE_MS 30000

/* Longer than this is as good as for ever: some 30,000 years. */
#define LONGEST_MS 1e15

#define BOUND_COUNT 5

typedef struct timeout {
    PyObject_HEAD hh_timeouts bounds;
} timeout;

static const char *const bound_names[BOUND_COUNT] = {"connect", "read", "write", "pool", "total"};

static int64_t *bound_of(hh_timeouts *bounds, int index)
{
    int64_t *const slots[BOUND_COUNT] = {&bounds->connect_ms, &bounds->read_ms, &bounds->write_ms,
                                         &bounds->pool_ms, &bounds->total_ms};
    return slots[index];
}

static int64_t bound_at(const timeout *self, int index)
{
    hh_timeouts bounds = self->bounds;
    return *bound_of(&bounds, index);
}

static int64_t default_at(int index)
{
    static const int64_t defaults[BOUND_COUNT] = {
        DEFAULT_CONNECT_MS, DEFAULT_READ_MS, DEFAULT_WRITE_MS, HH_TIMEOUT_NONE, HH_TIMEOUT_NONE};
    return defaults[index];
}

/* --- from Python ----------------------------------------------------------------------------- */

static bool is_number(PyObject *object)
{
    const PyNumberMethods *number = Py_TYPE(object)->tp_as_number;
    return !PyBool_Check(object) && number != NULL &&
           (number->nb_float != NULL || number->nb_index != NULL);
}

static int convert_seconds(PyObject *object, int64_t *out)
{
    double seconds;
    if (object == Py_None) {
        *out = HH_TIMEOUT_NONE;
        return 0;
    }
    if (PyFloat_CheckExact(object)) {
        seconds = PyFloat_AS_DOUBLE(object);
    } else if (is_number(object)) {
        seconds = PyFloat_AsDouble(object);
        if (seconds == -1.0 && PyErr_Occurred()) {
            if (!PyErr_ExceptionMatches(PyExc_OverflowError))
                return -1;
            PyErr_Clear();
            seconds = INFINITY;
        }
    } else {
        PyErr_Format(PyExc_TypeError, "a timeout must be a number of seconds or None, not %.200s",
                     Py_TYPE(object)->tp_name);
        return -1;
    }
    if (!isfinite(seconds) || seconds < 0) {
        PyErr_Format(PyExc_ValueError,
                     "a timeout must be finite and at least 0 seconds, not %R; None is no bound",
                     object);
        return -1;
    }
    /* What a decimal fraction lost on its way to a double doesn't make another millisecond. */
    double ms = ceil(seconds * 1000 - 1e-6);
    *out = ms < 1 ? 1 : (int64_t)(ms < LONGEST_MS ? ms : LONGEST_MS);
    return 0;
}

static int convert_tuple(PyObject *tuple, hh_timeouts *out)
{
    Py_ssize_t count = PyTuple_GET_SIZE(tuple);
    if (count != 2 && count != 4) {
        PyErr_Format(PyExc_ValueError,
                     "a tuple of timeouts is (connect, read) or (connect, read, write, pool), "
                     "not of %zd",
                     count);
        return -1;
    }
    for (int i = 0; i < count; i++)
        if (convert_seconds(PyTuple_GET_ITEM(tuple, i), bound_of(out, i)) < 0)
            return -1;
    return 0;
}

int hhpy_timeouts_convert(hhpy_state *state, PyObject *object, hh_timeouts *out)
{
    *out = (hh_timeouts){0};
    if (Py_IS_TYPE(object, state->timeout_type)) {
        *out = ((timeout *)object)->bounds;
        return 0;
    }
    if (object == Py_None) {
        for (int i = 0; i < BOUND_COUNT; i++)
            *bound_of(out, i) = HH_TIMEOUT_NONE;
        return 0;
    }
    if (PyTuple_Check(object))
        return convert_tuple(object, out);
    if (!PyFloat_CheckExact(object) && !is_number(object)) {
        PyErr_Format(PyExc_TypeError,
                     "timeout must be a number of seconds, a Timeout, a tuple or None, not %.200s",
                     Py_TYPE(object)->tp_name);
        return -1;
    }
    if (convert_seconds(object, &out->connect_ms) < 0)
        return -1;
    out->read_ms = out->write_ms = out->connect_ms;
    return 0;
}

PyObject *hhpy_timeout_new(hhpy_state *state, const hh_timeouts *timeouts)
{
    timeout *made = (timeout *)state->timeout_type->tp_alloc(state->timeout_type, 0);
    if (made != NULL)
        made->bounds = *timeouts;
    return (PyObject *)made;
}

static PyObject *timeout_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"timeout", "connect", "read", "write", "pool", "total", NULL};
    hhpy_state *state = PyType_GetModuleState(type);
    PyObject *all = NULL;
    PyObject *given[BOUND_COUNT] = {0};
    hh_timeouts bounds = {0};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|O$OOOOO:Timeout", names, &all, &given[0],
                                     &given[1], &given[2], &given[3], &given[4]))
        return NULL;
    if (all != NULL && hhpy_timeouts_convert(state, all, &bounds) < 0)
        return NULL;
    for (int i = 0; i < BOUND_COUNT; i++)
        if (given[i] != NULL && convert_seconds(given[i], bound_of(&bounds, i)) < 0)
            return NULL;
    return hhpy_timeout_new(state, &bounds);
}

/* --- to Python ------------------------------------------------------------------------------- */

static PyObject *seconds_of(int64_t ms)
{
    return ms == HH_TIMEOUT_NONE ? Py_NewRef(Py_None) : PyFloat_FromDouble((double)ms / 1000);
}

static PyObject *get_bound(PyObject *object, void *closure)
{
    int index = (int)((const char *const *)closure - bound_names);
    int64_t ms = bound_at((timeout *)object, index);
    return seconds_of(ms != 0 ? ms : default_at(index));
}

PyDoc_STRVAR(as_dict_doc, "as_dict($self, /)\n--\n\n"
                          "What was given, by name: seconds as float, None for no bound. "
                          "Timeout(**t.as_dict()) == t.");

static PyObject *as_dict(PyObject *object, PyObject *Py_UNUSED(unused))
{
    PyObject *dict = PyDict_New();
    for (int i = 0; dict != NULL && i < BOUND_COUNT; i++) {
        int64_t ms = bound_at((timeout *)object, i);
        if (ms == 0)
            continue;
        PyObject *value = seconds_of(ms);
        if (value == NULL || PyDict_SetItemString(dict, bound_names[i], value) < 0)
            Py_CLEAR(dict);
        Py_XDECREF(value);
    }
    return dict;
}

static PyObject *represent(PyObject *object)
{
    PyObject *parts = PyList_New(0);
    for (int i = 0; parts != NULL && i < BOUND_COUNT; i++) {
        int64_t ms = bound_at((timeout *)object, i);
        if (ms == 0)
            continue;
        PyObject *value = seconds_of(ms);
        PyObject *part =
            value != NULL ? PyUnicode_FromFormat("%s=%R", bound_names[i], value) : NULL;
        if (part == NULL || PyList_Append(parts, part) < 0)
            Py_CLEAR(parts);
        Py_XDECREF(value);
        Py_XDECREF(part);
    }
    PyObject *comma = parts != NULL ? PyUnicode_FromString(", ") : NULL;
    PyObject *joined = comma != NULL ? PyUnicode_Join(comma, parts) : NULL;
    PyObject *text = joined != NULL ? PyUnicode_FromFormat("Timeout(%U)", joined) : NULL;
    Py_XDECREF(parts);
    Py_XDECREF(comma);
    Py_XDECREF(joined);
    return text;
}

static PyObject *compare(PyObject *left, PyObject *right, int operation)
{
    if ((operation != Py_EQ && operation != Py_NE) || !Py_IS_TYPE(right, Py_TYPE(left)))
        Py_RETURN_NOTIMPLEMENTED;
    bool is_equal = true;
    for (int i = 0; i < BOUND_COUNT; i++)
        is_equal = is_equal && bound_at((timeout *)left, i) == bound_at((timeout *)right, i);
    return PyBool_FromLong(is_equal == (operation == Py_EQ));
}

static Py_hash_t hash(PyObject *object)
{
    uint64_t mixed = 14695981039346656037u;
    for (int i = 0; i < BOUND_COUNT; i++)
        mixed = (mixed ^ (uint64_t)bound_at((timeout *)object, i)) * 1099511628211u;
    Py_hash_t result = (Py_hash_t)(mixed ^ (mixed >> 32));
    return result == -1 ? -2 : result;
}

/* Timeout takes its bounds by keyword, which only the newer protocol passes on. */
static PyObject *reduce(PyObject *self, PyObject *Py_UNUSED(unused))
{
    PyObject *copyreg = PyImport_ImportModule("copyreg");
    PyObject *maker = copyreg != NULL ? PyObject_GetAttrString(copyreg, "__newobj_ex__") : NULL;
    PyObject *bounds = maker != NULL ? as_dict(self, NULL) : NULL;
    PyObject *result =
        bounds != NULL ? Py_BuildValue("O(O()O)", maker, Py_TYPE(self), bounds) : NULL;
    Py_XDECREF(copyreg);
    Py_XDECREF(maker);
    Py_XDECREF(bounds);
    return result;
}

static PyObject *copy(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return Py_NewRef(self);
}

/* --- the type -------------------------------------------------------------------------------- */

static int traverse(PyObject *object, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(object));
    return 0;
}

static void dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"as_dict", as_dict, METH_NOARGS, as_dict_doc},
    {"__copy__", copy, METH_NOARGS, NULL},
    {"__deepcopy__", copy, METH_O, NULL},
    {"__reduce__", reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef attributes[] = {
    {"connect", get_bound, NULL, "Resolving, connecting and TLS together, in seconds; or None.",
     (void *)&bound_names[0]},
    {"read", get_bound, NULL, "Waiting for bytes, in seconds; or None.", (void *)&bound_names[1]},
    {"write", get_bound, NULL, "Waiting to send, in seconds; or None.", (void *)&bound_names[2]},
    {"pool", get_bound, NULL, "Queueing for a connection, in seconds; or None.",
     (void *)&bound_names[3]},
    {"total", get_bound, NULL, "The whole call, redirects included, in seconds; or None.",
     (void *)&bound_names[4]},
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(
    timeout_doc,
    "Timeout(timeout=<unset>, *, connect=<unset>, read=<unset>, write=<unset>, "
    "pool=<unset>, total=<unset>)\n--\n\n"
    "Bounds in seconds (int or float); None is no bound.\n\n"
    "The first argument bounds connect, read and write each; it may also be None (no bound "
    "at all), a tuple\n(connect, read) or (connect, read, write, pool), or a Timeout. A "
    "keyword overrides it. What isn't given\nis as the client has it: as an attribute it "
    "shows the library's default (10, 30, 30, None, None), in\nrepr() and as_dict() it is "
    "left out. Immutable; counts in whole milliseconds, rounded up.\n\n"
    "Raises TypeError for what is no number, ValueError for one below 0 or not finite.\n\n"
    "    Timeout(30.0, connect=5.0, total=120.0)");

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)timeout_doc},
    {Py_tp_new, timeout_new},
    {Py_tp_traverse, traverse},
    {Py_tp_dealloc, dealloc},
    {Py_tp_repr, represent},
    {Py_tp_richcompare, compare},
    {Py_tp_hash, hash},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "hyperhttp.Timeout",
    .basicsize = sizeof(timeout),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

int hhpy_timeout_ready(PyObject *module, hhpy_state *state)
{
    return hhpy_type_add(module, &spec, NULL, &state->timeout_type);
}
