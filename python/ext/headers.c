/*
 * headers.c - hyperhttp.Headers, its Python face: a MutableMapping that keeps repeats.
 *
 * Fields lie in a store (header_store.h) as they came; strings are made when asked for. Leaves what
 * may become a Headers, and which fields are allowed, to headers_convert.c; comparing, showing and
 * copying to headers_value.c; iteration to headers_iterator.c. Invariant: code of the
 * user runs only before a change, never amid one, so h.update(h) and the like are safe.
 */
#include "headers_object.h"

#include <string.h>

hhpy_state *hhpy_headers_state(const hhpy_headers *self)
{
    return PyType_GetModuleState(Py_TYPE(self));
}

/* --- strings out of fields ------------------------------------------------------------------- */

static PyObject *lower_name(hh_slice name)
{
    unsigned char seen = 0;
    for (size_t i = 0; i < name.length; i++)
        seen |= (unsigned char)name.data[i];
    PyObject *text = PyUnicode_New((Py_ssize_t)name.length, seen < 0x80 ? 0x7f : 0xff);
    if (text == NULL || name.length == 0)
        return text;
    Py_UCS1 *to = PyUnicode_1BYTE_DATA(text);
    for (size_t i = 0; i < name.length; i++) {
        char c = name.data[i];
        to[i] = (Py_UCS1)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }
    return text;
}

PyObject *hhpy_headers_name_at(const hhpy_headers *self, Py_ssize_t index)
{
    return lower_name(hhpy_store_name(&self->store, index));
}

PyObject *hhpy_headers_value_at(const hhpy_headers *self, Py_ssize_t index)
{
    return hhpy_text(hhpy_store_value(&self->store, index));
}

static PyObject *bytes_of(hh_slice slice)
{
    return PyBytes_FromStringAndSize(slice.data, (Py_ssize_t)slice.length);
}

/* A new tuple of two new references, which it takes over. */
PyObject *hhpy_headers_pair(PyObject *first, PyObject *second)
{
    PyObject *pair = first != NULL && second != NULL ? PyTuple_Pack(2, first, second) : NULL;
    Py_XDECREF(first);
    Py_XDECREF(second);
    return pair;
}

int hhpy_headers_append(PyObject *list, PyObject *item)
{
    int result = item != NULL ? PyList_Append(list, item) : -1;
    Py_XDECREF(item);
    return result;
}

/* The values under a name, from the field at `index`, its first, on. */
static PyObject *values_from(const hhpy_headers *self, Py_ssize_t index)
{
    PyObject *list = PyList_New(0);
    while (list != NULL && index >= 0) {
        if (hhpy_headers_append(list, hhpy_headers_value_at(self, index)) < 0)
            Py_CLEAR(list);
        else
            index = hhpy_store_find(&self->store, hhpy_store_name(&self->store, index), index + 1);
    }
    return list;
}

/* Those values joined (RFC 9110 §5.3). */
static PyObject *joined_from(const hhpy_headers *self, Py_ssize_t index)
{
    hh_slice name = hhpy_store_name(&self->store, index);
    if (hhpy_store_find(&self->store, name, index + 1) < 0)
        return hhpy_headers_value_at(self, index);
    PyObject *list = values_from(self, index);
    PyObject *comma = list != NULL ? PyUnicode_FromString(", ") : NULL;
    PyObject *joined = comma != NULL ? PyUnicode_Join(comma, list) : NULL;
    Py_XDECREF(list);
    Py_XDECREF(comma);
    return joined;
}

/* --- look-up --------------------------------------------------------------------------------- */

typedef enum verdict { FOUND = 1, MISSING = 0, FAILED = -1 } verdict;

/* The first field under `key`. What can't be a name is never found; what isn't text is FAILED. */
static verdict look_up(const hhpy_headers *self, PyObject *key, Py_ssize_t *index)
{
    hh_slice name;
    if (PyBytes_Check(key)) {
        name = (hh_slice){PyBytes_AS_STRING(key), (size_t)PyBytes_GET_SIZE(key)};
    } else if (!PyUnicode_Check(key)) {
        PyErr_Format(PyExc_TypeError, "a header name must be str or bytes, not %.200s",
                     Py_TYPE(key)->tp_name);
        return FAILED;
    } else if (hhpy_slice_of_str(key, &name) < 0) {
        if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
            return FAILED;
        PyErr_Clear();
        return MISSING;
    }
    *index = hhpy_store_find(&self->store, name, 0);
    return *index >= 0 ? FOUND : MISSING;
}

static PyObject *subscript(PyObject *object, PyObject *key)
{
    const hhpy_headers *self = (hhpy_headers *)object;
    Py_ssize_t index;
    verdict found = look_up(self, key, &index);
    if (found == MISSING)
        PyErr_SetObject(PyExc_KeyError, key);
    return found == FOUND ? joined_from(self, index) : NULL;
}

static int contains(PyObject *object, PyObject *key)
{
    Py_ssize_t index;
    if (!PyUnicode_Check(key) && !PyBytes_Check(key))
        return 0;
    return (int)look_up((hhpy_headers *)object, key, &index);
}

Py_ssize_t hhpy_headers_length(PyObject *object)
{
    const hhpy_headers *self = (hhpy_headers *)object;
    Py_ssize_t count = 0;
    for (Py_ssize_t i = 0; i < self->store.count; i++)
        count += hhpy_store_is_first(&self->store, i);
    return count;
}

static int check_count(const char *method, Py_ssize_t nargs, Py_ssize_t least, Py_ssize_t most)
{
    if (nargs >= least && nargs <= most)
        return 0;
    PyErr_Format(PyExc_TypeError, "%s() takes %zd to %zd arguments, but %zd were given", method,
                 least, most, nargs);
    return -1;
}

PyDoc_STRVAR(get_doc, "get($self, name, default=None, /)\n--\n\n"
                      "The value under `name`, repeats joined by \", \"; `default` when there is "
                      "none.");

static PyObject *get(PyObject *object, PyObject *const *args, Py_ssize_t nargs)
{
    const hhpy_headers *self = (hhpy_headers *)object;
    Py_ssize_t index;
    if (check_count("get", nargs, 1, 2) < 0)
        return NULL;
    switch (look_up(self, args[0], &index)) {
    case FOUND:
        return joined_from(self, index);
    case MISSING:
        return Py_NewRef(nargs == 2 ? args[1] : Py_None);
    case FAILED:
        return NULL;
    }
    Py_UNREACHABLE();
}

/* Where the element that begins at `start` ends: at a comma outside of a quoted string. */
static Py_ssize_t element_end(PyObject *value, Py_ssize_t start)
{
    Py_ssize_t size = PyUnicode_GET_LENGTH(value);
    bool is_quoted = false;
    for (Py_ssize_t i = start; i < size; i++) {
        Py_UCS4 c = PyUnicode_READ_CHAR(value, i);
        if (c == '"')
            is_quoted = !is_quoted;
        else if (c == '\\' && is_quoted)
            i++;
        else if (c == ',' && !is_quoted)
            return i;
    }
    return size;
}

static bool is_blank(PyObject *text, Py_ssize_t index)
{
    Py_UCS4 c = PyUnicode_READ_CHAR(text, index);
    return c == ' ' || c == '\t';
}

/* Appends the elements of a list-valued field; empty ones count for nothing (RFC 9110 §5.6.1). */
static int split_into(PyObject *list, PyObject *value)
{
    Py_ssize_t size = PyUnicode_GET_LENGTH(value);
    for (Py_ssize_t start = 0, next; start < size; start = next + 1) {
        next = element_end(value, start);
        Py_ssize_t end = next;
        while (start < end && is_blank(value, start))
            start++;
        while (end > start && is_blank(value, end - 1))
            end--;
        if (end > start && hhpy_headers_append(list, PyUnicode_Substring(value, start, end)) < 0)
            return -1;
    }
    return 0;
}

static PyObject *split_all(PyObject *values)
{
    PyObject *list = PyList_New(0);
    for (Py_ssize_t i = 0; list != NULL && i < PyList_GET_SIZE(values); i++)
        if (split_into(list, PyList_GET_ITEM(values, i)) < 0)
            Py_CLEAR(list);
    return list;
}

PyDoc_STRVAR(get_list_doc,
             "get_list($self, name, split_commas=False)\n--\n\n"
             "The values under `name`, in order, as a list of str; empty when there is none. With "
             "`split_commas`\neach value is split at its commas, those in quoted strings left "
             "alone.");

static PyObject *get_list(PyObject *object, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"name", "split_commas", NULL};
    const hhpy_headers *self = (hhpy_headers *)object;
    PyObject *key;
    int splits = 0;
    Py_ssize_t index;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|p:get_list", names, &key, &splits))
        return NULL;
    verdict found = look_up(self, key, &index);
    if (found != FOUND)
        return found == MISSING ? PyList_New(0) : NULL;
    PyObject *values = values_from(self, index);
    if (values == NULL || !splits)
        return values;
    PyObject *elements = split_all(values);
    Py_DECREF(values);
    return elements;
}

/* --- listings -------------------------------------------------------------------------------- */

PyDoc_STRVAR(multi_items_doc, "multi_items($self, /)\n--\n\n"
                              "Every field as a pair (name in lower case, value), in order, "
                              "repeats apart.");

static PyObject *multi_items(PyObject *object, PyObject *Py_UNUSED(unused))
{
    const hhpy_headers *self = (hhpy_headers *)object;
    PyObject *list = PyList_New(0);
    for (Py_ssize_t i = 0; list != NULL && i < self->store.count; i++)
        if (hhpy_headers_append(list, hhpy_headers_pair(hhpy_headers_name_at(self, i),
                                                        hhpy_headers_value_at(self, i))) < 0)
            Py_CLEAR(list);
    return list;
}

PyObject *hhpy_headers_raw(PyObject *object, void *Py_UNUSED(closure))
{
    const hhpy_headers *self = (hhpy_headers *)object;
    PyObject *list = PyList_New(0);
    for (Py_ssize_t i = 0; list != NULL && i < self->store.count; i++)
        if (hhpy_headers_append(list,
                                hhpy_headers_pair(bytes_of(hhpy_store_name(&self->store, i)),
                                                  bytes_of(hhpy_store_value(&self->store, i)))) < 0)
            Py_CLEAR(list);
    return list;
}

/* A view of collections.abc, which asks this object for everything. */
static PyObject *view(PyObject *self, const char *class)
{
    PyObject *module = PyImport_ImportModule("collections.abc");
    PyObject *type = module != NULL ? PyObject_GetAttrString(module, class) : NULL;
    PyObject *made = type != NULL ? PyObject_CallOneArg(type, self) : NULL;
    Py_XDECREF(module);
    Py_XDECREF(type);
    return made;
}

PyDoc_STRVAR(keys_doc, "keys($self, /)\n--\n\nA view of the names, in lower case, each once.");

static PyObject *keys(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return view(self, "KeysView");
}

PyDoc_STRVAR(values_doc, "values($self, /)\n--\n\nA view of the values, repeats joined by \", \".");

static PyObject *values(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return view(self, "ValuesView");
}

PyDoc_STRVAR(items_doc, "items($self, /)\n--\n\n"
                        "A view of the pairs (name in lower case, value), repeats joined by "
                        "\", \".");

static PyObject *items(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return view(self, "ItemsView");
}

/* --- changes --------------------------------------------------------------------------------- */

static int ass_subscript(PyObject *object, PyObject *key, PyObject *value)
{
    hhpy_headers *self = (hhpy_headers *)object;
    hh_slice name, text;
    Py_ssize_t index;
    if (value != NULL) {
        if (hhpy_headers_check_name(key, &name) < 0 ||
            hhpy_headers_check_value(value, name, &text) < 0)
            return -1;
        self->version++;
        return hhpy_store_set(&self->store, name, text);
    }
    verdict found = look_up(self, key, &index);
    if (found == MISSING)
        PyErr_SetObject(PyExc_KeyError, key);
    if (found != FOUND)
        return -1;
    self->version++;
    hhpy_store_remove(&self->store, hhpy_store_name(&self->store, index));
    return 0;
}

PyDoc_STRVAR(add_doc, "add($self, name, value, /)\n--\n\n"
                      "Adds one more field; what is there under `name` stays.\n\n"
                      "Raises ValueError when the name isn't a token or the value has CR, LF or "
                      "NUL.");

static PyObject *add(PyObject *object, PyObject *const *args, Py_ssize_t nargs)
{
    hhpy_headers *self = (hhpy_headers *)object;
    hh_slice name, value;
    if (check_count("add", nargs, 2, 2) < 0 || hhpy_headers_check_name(args[0], &name) < 0 ||
        hhpy_headers_check_value(args[1], name, &value) < 0)
        return NULL;
    self->version++;
    if (hhpy_store_add(&self->store, name, value) < 0)
        return NULL;
    Py_RETURN_NONE;
}

int hhpy_headers_override(PyObject *headers, PyObject *other)
{
    hhpy_headers *self = (hhpy_headers *)headers;
    const hhpy_store *from = &((hhpy_headers *)other)->store;
    if (headers == other)
        return 0;
    self->version++;
    for (Py_ssize_t i = 0; i < from->count; i++) {
        hh_slice name = hhpy_store_name(from, i);
        hh_slice value = hhpy_store_value(from, i);
        int result = hhpy_store_is_first(from, i) ? hhpy_store_set(&self->store, name, value)
                                                  : hhpy_store_add(&self->store, name, value);
        if (result < 0)
            return -1;
    }
    return 0;
}

PyDoc_STRVAR(update_doc,
             "update($self, headers=(), /, **names)\n--\n\n"
             "For each name in `headers` its fields replace those that are here. All or "
             "nothing, when one is wrong.");

static PyObject *update(PyObject *self, PyObject *args, PyObject *keywords)
{
    hhpy_state *state = hhpy_headers_state((hhpy_headers *)self);
    PyObject *given = Py_None;
    PyObject *more = NULL;
    if (!PyArg_ParseTuple(args, "|O:update", &given))
        return NULL;
    PyObject *fields = hhpy_headers_convert(state, given);
    if (fields != NULL)
        more = hhpy_headers_convert(state, keywords != NULL ? keywords : Py_None);
    int result = more != NULL ? hhpy_headers_override(self, fields) : -1;
    if (result == 0)
        result = hhpy_headers_override(self, more);
    Py_XDECREF(fields);
    Py_XDECREF(more);
    return result == 0 ? Py_NewRef(Py_None) : NULL;
}

PyDoc_STRVAR(setdefault_doc, "setdefault($self, name, default, /)\n--\n\n"
                             "The value under `name`; sets it to `default` first when there is "
                             "none.");

static PyObject *setdefault(PyObject *object, PyObject *const *args, Py_ssize_t nargs)
{
    Py_ssize_t index;
    if (check_count("setdefault", nargs, 2, 2) < 0)
        return NULL;
    verdict found = look_up((hhpy_headers *)object, args[0], &index);
    if (found == FAILED || (found == MISSING && ass_subscript(object, args[0], args[1]) < 0))
        return NULL;
    return subscript(object, args[0]);
}

PyDoc_STRVAR(pop_doc, "pop($self, name, default=<unset>, /)\n--\n\n"
                      "Takes every field of that name out and gives the value, repeats joined. "
                      "Without one: `default`,\nor KeyError when that isn't given.");

static PyObject *pop(PyObject *object, PyObject *const *args, Py_ssize_t nargs)
{
    hhpy_headers *self = (hhpy_headers *)object;
    Py_ssize_t index;
    if (check_count("pop", nargs, 1, 2) < 0)
        return NULL;
    verdict found = look_up(self, args[0], &index);
    if (found == MISSING && nargs == 2)
        return Py_NewRef(args[1]);
    if (found == MISSING)
        PyErr_SetObject(PyExc_KeyError, args[0]);
    PyObject *value = found == FOUND ? joined_from(self, index) : NULL;
    if (value != NULL) {
        self->version++;
        hhpy_store_remove(&self->store, hhpy_store_name(&self->store, index));
    }
    return value;
}

PyDoc_STRVAR(popitem_doc, "popitem($self, /)\n--\n\n"
                          "Takes the last name out: a pair (name in lower case, value). KeyError "
                          "when empty.");

static PyObject *popitem(PyObject *object, PyObject *Py_UNUSED(unused))
{
    hhpy_headers *self = (hhpy_headers *)object;
    if (self->store.count == 0) {
        PyErr_SetString(PyExc_KeyError, "popitem(): there are no headers");
        return NULL;
    }
    hh_slice name = hhpy_store_name(&self->store, self->store.count - 1);
    Py_ssize_t first = hhpy_store_find(&self->store, name, 0);
    PyObject *pair = hhpy_headers_pair(lower_name(name), joined_from(self, first));
    if (pair != NULL) {
        self->version++;
        hhpy_store_remove(&self->store, name);
    }
    return pair;
}

PyDoc_STRVAR(clear_doc, "clear($self, /)\n--\n\nTakes every field out.");

static PyObject *clear(PyObject *object, PyObject *Py_UNUSED(unused))
{
    hhpy_headers *self = (hhpy_headers *)object;
    self->version++;
    hhpy_store_clear(&self->store);
    Py_RETURN_NONE;
}

/* --- for the rest of the extension ----------------------------------------------------------- */

hhpy_headers *hhpy_headers_alloc(PyTypeObject *type)
{
    return (hhpy_headers *)type->tp_alloc(type, 0);
}

Py_ssize_t hhpy_headers_count(PyObject *headers)
{
    return ((hhpy_headers *)headers)->store.count;
}

hh_field hhpy_headers_at(PyObject *headers, Py_ssize_t index)
{
    const hhpy_store *store = &((hhpy_headers *)headers)->store;
    return (hh_field){hhpy_store_name(store, index), hhpy_store_value(store, index)};
}

uint64_t hhpy_headers_version(PyObject *headers)
{
    return ((hhpy_headers *)headers)->version;
}

bool hhpy_headers_has(PyObject *headers, hh_slice name)
{
    return hhpy_store_find(&((hhpy_headers *)headers)->store, name, 0) >= 0;
}

int hhpy_headers_set(PyObject *headers, const char *name, PyObject *value)
{
    hhpy_headers *self = (hhpy_headers *)headers;
    hh_slice text;
    if (hhpy_headers_check_value(value, hh_slice_of(name), &text) < 0)
        return -1;
    self->version++;
    return hhpy_store_set(&self->store, hh_slice_of(name), text);
}

/* --- the type -------------------------------------------------------------------------------- */

static PyObject *headers_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"headers", NULL};
    PyObject *given = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|O:Headers", names, &given))
        return NULL;
    return hhpy_headers_convert(PyType_GetModuleState(type), given);
}

static int headers_traverse(PyObject *object, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(object));
    return 0;
}

static void headers_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    hhpy_store_clear(&((hhpy_headers *)object)->store);
    type->tp_free(object);
    Py_DECREF(type);
}

PyDoc_STRVAR(copy_doc, "copy($self, /)\n--\n\nAn independent Headers with the same fields.");

#define FAST(function) (PyCFunction)(void (*)(void))(function)

static PyMethodDef methods[] = {
    {"get", FAST(get), METH_FASTCALL, get_doc},
    {"get_list", FAST(get_list), METH_VARARGS | METH_KEYWORDS, get_list_doc},
    {"multi_items", multi_items, METH_NOARGS, multi_items_doc},
    {"keys", keys, METH_NOARGS, keys_doc},
    {"values", values, METH_NOARGS, values_doc},
    {"items", items, METH_NOARGS, items_doc},
    {"add", FAST(add), METH_FASTCALL, add_doc},
    {"update", FAST(update), METH_VARARGS | METH_KEYWORDS, update_doc},
    {"setdefault", FAST(setdefault), METH_FASTCALL, setdefault_doc},
    {"pop", FAST(pop), METH_FASTCALL, pop_doc},
    {"popitem", popitem, METH_NOARGS, popitem_doc},
    {"clear", clear, METH_NOARGS, clear_doc},
    {"copy", hhpy_headers_copy, METH_NOARGS, copy_doc},
    {"__copy__", hhpy_headers_copy, METH_NOARGS, NULL},
    {"__deepcopy__", hhpy_headers_copy, METH_O, NULL},
    {"__reduce__", hhpy_headers_reduce, METH_NOARGS, NULL},
    {"__sizeof__", hhpy_headers_size_of, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef attributes[] = {
    {"raw", hhpy_headers_raw, NULL,
     "The fields as pairs of bytes, names as they were given or received.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(
    headers_doc,
    "Headers(headers=None)\n--\n\n"
    "Header fields: a mapping of str to str that ignores letter case in names, and keeps "
    "order and repeats.\n\n"
    "Made from a mapping (a list or tuple as value repeats the name), pairs, or another "
    "Headers. Names and\nvalues are str (sent as UTF-8) or bytes. Iteration gives each "
    "name once, in lower case; h[name] joins\nrepeats by \", \"; get_list() and "
    "multi_items() keep them apart. Compares with a mapping or pairs: names\nin any letter "
    "case, the order within a name counting.\n\n"
    "Raises TypeError for what is neither str nor bytes, ValueError for a name that isn't "
    "a token and for a\nvalue with CR, LF or NUL.\n\n"
    "    headers = Headers({\"Accept\": \"text/html\"})\n"
    "    headers.add(\"accept\", \"text/plain\")\n"
    "    headers[\"ACCEPT\"]  # 'text/html, text/plain'");

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)headers_doc},
    {Py_tp_new, headers_new},
    {Py_tp_traverse, headers_traverse},
    {Py_tp_dealloc, headers_dealloc},
    {Py_tp_repr, hhpy_headers_represent},
    {Py_tp_richcompare, hhpy_headers_compare},
    {Py_tp_hash, PyObject_HashNotImplemented},
    {Py_tp_iter, hhpy_headers_iterate},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {Py_mp_length, hhpy_headers_length},
    {Py_mp_subscript, subscript},
    {Py_mp_ass_subscript, ass_subscript},
    {Py_sq_contains, contains},
    {Py_nb_or, hhpy_headers_unite},
    {Py_nb_inplace_or, hhpy_headers_unite_in_place},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "hyperhttp.Headers",
    .basicsize = sizeof(hhpy_headers),
    .flags =
        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_MAPPING,
    .slots = slots,
};

/* isinstance(headers, Mapping) is asked by others' code, and by ours. */
static int register_mapping(PyObject *type)
{
    PyObject *module = PyImport_ImportModule("collections.abc");
    PyObject *base = module != NULL ? PyObject_GetAttrString(module, "MutableMapping") : NULL;
    PyObject *done = base != NULL ? PyObject_CallMethod(base, "register", "O", type) : NULL;
    Py_XDECREF(module);
    Py_XDECREF(base);
    Py_XDECREF(done);
    return done != NULL ? 0 : -1;
}

int hhpy_headers_ready(PyObject *module, hhpy_state *state)
{
    if (hhpy_headers_iterator_ready(module, state) < 0 ||
        hhpy_type_add(module, &spec, NULL, &state->headers_type) < 0)
        return -1;
    return register_mapping((PyObject *)state->headers_type);
}
