/*
 * url.c - hyperhttp.URL: the engine's URL as Python sees it.
 *
 * One parser decides what a URL is, the engine's (the browsers' rules); here its parts become str.
 * User name, password, path and fragment come with their percent-escapes undone, since that is what
 * one compares; str(url), query and raw_path have them as they are sent. Leaves changed copies to
 * url_copy.c. Invariant: immutable.
 */
#include "url_object.h"

#include <string.h>

#include "encode.h"
#include "errors.h"

hhpy_state *hhpy_url_state(const hhpy_url *self)
{
    return PyType_GetModuleState(Py_TYPE(self));
}

static PyObject *wrap(hhpy_state *state, hh_url *url)
{
    hhpy_url *made = (hhpy_url *)state->url_type->tp_alloc(state->url_type, 0);
    if (made == NULL)
        hh_url_destroy(url);
    else
        made->url = url;
    return (PyObject *)made;
}

static PyObject *parse(hhpy_state *state, hh_slice text, const hh_url *base)
{
    hh_url *url;
    hh_error error;
    if (hh_url_parse(text, base, &url, &error) == HH_OK)
        return wrap(state, url);
    hhpy_error_raise(state, &error, NULL);
    return NULL;
}

PyObject *hhpy_url_new(hhpy_state *state, hh_slice text)
{
    return parse(state, text, NULL);
}

static PyObject *ascii(hh_slice slice)
{
    return PyUnicode_DecodeUTF8(slice.data, (Py_ssize_t)slice.length, "replace");
}

static PyObject *text_of(hhpy_url *self)
{
    if (self->text == NULL)
        self->text = ascii(hh_url_text(self->url));
    return Py_XNewRef(self->text);
}

PyObject *hhpy_url_text(hhpy_state *state, PyObject *object)
{
    if (PyUnicode_Check(object))
        return Py_NewRef(object);
    if (Py_IS_TYPE(object, state->url_type))
        return text_of((hhpy_url *)object);
    PyErr_Format(PyExc_TypeError, "url must be a str or a URL, not %.200s",
                 Py_TYPE(object)->tp_name);
    return NULL;
}

/* --- percent-escapes ------------------------------------------------------------------------- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

typedef enum plus_means { PLUS_IS_PLUS, PLUS_IS_SPACE } plus_means;

static PyObject *undo(hh_slice text, plus_means plus)
{
    if (memchr(text.length > 0 ? text.data : "", '%', text.length) == NULL &&
        (plus == PLUS_IS_PLUS ||
         memchr(text.length > 0 ? text.data : "", '+', text.length) == NULL))
        return ascii(text);
    char *data = PyMem_Malloc(text.length);
    if (data == NULL)
        return PyErr_NoMemory();
    char *to = data;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        int high = c == '%' && i + 2 < text.length ? hex_value(text.data[i + 1]) : -1;
        int low = high >= 0 ? hex_value(text.data[i + 2]) : -1;
        if (low >= 0) {
            *to++ = (char)(high << 4 | low);
            i += 2;
        } else {
            *to++ = c == '+' && plus == PLUS_IS_SPACE ? ' ' : c;
        }
    }
    PyObject *undone = PyUnicode_DecodeUTF8(data, to - data, "replace");
    PyMem_Free(data);
    return undone;
}

static size_t find(hh_slice text, size_t from, char wanted)
{
    const char *at =
        from < text.length ? memchr(text.data + from, wanted, text.length - from) : NULL;
    return at != NULL ? (size_t)(at - text.data) : text.length;
}

static PyObject *pair_at(hh_slice query, size_t start, size_t end)
{
    hh_slice text = {query.data + start, end - start};
    size_t equals = find(text, 0, '=');
    size_t value = equals < text.length ? equals + 1 : text.length;
    PyObject *key = undo((hh_slice){text.data, equals}, PLUS_IS_SPACE);
    PyObject *rest = undo((hh_slice){text.data + value, text.length - value}, PLUS_IS_SPACE);
    PyObject *pair = key != NULL && rest != NULL ? PyTuple_Pack(2, key, rest) : NULL;
    Py_XDECREF(key);
    Py_XDECREF(rest);
    return pair;
}

PyObject *hhpy_url_pairs(hh_slice query)
{
    PyObject *pairs = PyList_New(0);
    for (size_t start = 0, end; pairs != NULL && start < query.length; start = end + 1) {
        end = find(query, start, '&');
        if (end == start)
            continue;
        PyObject *pair = pair_at(query, start, end);
        if (pair == NULL || PyList_Append(pairs, pair) < 0)
            Py_CLEAR(pairs);
        Py_XDECREF(pair);
    }
    return pairs;
}

/* --- parts ----------------------------------------------------------------------------------- */

static bool slice_is(hh_slice slice, const char *text)
{
    return slice.length == strlen(text) && memcmp(slice.data, text, slice.length) == 0;
}

bool hhpy_url_has_port(const hh_url *url)
{
    hh_slice scheme = hh_url_scheme(url);
    bool is_secure = slice_is(scheme, "https") || slice_is(scheme, "wss");
    return hh_url_port(url) != (is_secure ? 443 : 80);
}

static const hh_url *url_of(PyObject *object)
{
    return ((hhpy_url *)object)->url;
}

static PyObject *get_scheme(PyObject *self, void *Py_UNUSED(closure))
{
    return ascii(hh_url_scheme(url_of(self)));
}

static PyObject *get_host(PyObject *self, void *Py_UNUSED(closure))
{
    hh_slice host = hh_url_host(url_of(self));
    if (host.length >= 2 && host.data[0] == '[')
        host = (hh_slice){host.data + 1, host.length - 2};
    return ascii(host);
}

static PyObject *get_port(PyObject *self, void *Py_UNUSED(closure))
{
    if (!hhpy_url_has_port(url_of(self)))
        Py_RETURN_NONE;
    return PyLong_FromLong(hh_url_port(url_of(self)));
}

static PyObject *get_netloc(PyObject *self, void *Py_UNUSED(closure))
{
    PyObject *host = ascii(hh_url_host(url_of(self)));
    if (host != NULL && hhpy_url_has_port(url_of(self)))
        Py_SETREF(host, PyUnicode_FromFormat("%U:%d", host, hh_url_port(url_of(self))));
    return host;
}

static PyObject *get_origin(PyObject *self, void *Py_UNUSED(closure))
{
    PyObject *scheme = get_scheme(self, NULL);
    PyObject *netloc = scheme != NULL ? get_netloc(self, NULL) : NULL;
    PyObject *origin = netloc != NULL ? PyUnicode_FromFormat("%U://%U", scheme, netloc) : NULL;
    Py_XDECREF(scheme);
    Py_XDECREF(netloc);
    return origin;
}

static PyObject *get_path(PyObject *self, void *Py_UNUSED(closure))
{
    return undo(hh_url_path(url_of(self)), PLUS_IS_PLUS);
}

static PyObject *get_raw_path(PyObject *self, void *Py_UNUSED(closure))
{
    hh_slice path = hh_url_path(url_of(self));
    hh_slice query = hh_url_query(url_of(self));
    PyObject *raw = PyBytes_FromStringAndSize(path.data, (Py_ssize_t)path.length);
    if (raw != NULL && query.length > 0) {
        PyObject *mark = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)query.length + 1);
        if (mark != NULL) {
            PyBytes_AS_STRING(mark)[0] = '?';
            memcpy(PyBytes_AS_STRING(mark) + 1, query.data, query.length);
            PyBytes_ConcatAndDel(&raw, mark);
        } else {
            Py_CLEAR(raw);
        }
    }
    return raw;
}

static PyObject *get_query(PyObject *self, void *Py_UNUSED(closure))
{
    return ascii(hh_url_query(url_of(self)));
}

static PyObject *get_params(PyObject *self, void *Py_UNUSED(closure))
{
    PyObject *pairs = hhpy_url_pairs(hh_url_query(url_of(self)));
    PyObject *params = pairs != NULL ? PyList_AsTuple(pairs) : NULL;
    Py_XDECREF(pairs);
    return params;
}

static PyObject *get_fragment(PyObject *self, void *Py_UNUSED(closure))
{
    return undo(hh_url_fragment(url_of(self)), PLUS_IS_PLUS);
}

static PyObject *get_username(PyObject *self, void *Py_UNUSED(closure))
{
    return undo(hh_url_username(url_of(self)), PLUS_IS_PLUS);
}

static PyObject *get_password(PyObject *self, void *Py_UNUSED(closure))
{
    return undo(hh_url_password(url_of(self)), PLUS_IS_PLUS);
}

static PyObject *get_userinfo(PyObject *self, void *Py_UNUSED(closure))
{
    PyObject *user = ascii(hh_url_username(url_of(self)));
    if (user != NULL && hh_url_password(url_of(self)).length > 0) {
        PyObject *password = ascii(hh_url_password(url_of(self)));
        Py_SETREF(user, password != NULL ? PyUnicode_FromFormat("%U:%U", user, password) : NULL);
        Py_XDECREF(password);
    }
    return user;
}

static PyObject *get_true(PyObject *Py_UNUSED(self), void *Py_UNUSED(closure))
{
    Py_RETURN_TRUE;
}

static PyObject *get_false(PyObject *Py_UNUSED(self), void *Py_UNUSED(closure))
{
    Py_RETURN_FALSE;
}

/* --- as a value ------------------------------------------------------------------------------ */

PyDoc_STRVAR(join_doc, "join($self, url, /)\n--\n\n"
                       "The URL that `url` (a str, relative or absolute, or a URL) is when it "
                       "stands on this one's page.\nRaises InvalidURL, UnsupportedProtocol.");

static PyObject *join(PyObject *object, PyObject *other)
{
    hhpy_state *state = hhpy_url_state((hhpy_url *)object);
    PyObject *text = hhpy_url_text(state, other);
    hh_slice slice;
    PyObject *joined = NULL;
    if (text != NULL && hhpy_slice_of_str(text, &slice) == 0)
        joined = parse(state, slice, url_of(object));
    Py_XDECREF(text);
    return joined;
}

static PyObject *show(PyObject *object)
{
    return text_of((hhpy_url *)object);
}

PyObject *hhpy_url_shown(PyObject *object)
{
    hh_slice text = hh_url_text(url_of(object));
    hh_slice password = hh_url_password(url_of(object));
    if (password.length == 0)
        return text_of((hhpy_url *)object);
    /* The password begins after scheme, "://", user name and ':'. */
    size_t start =
        hh_url_scheme(url_of(object)).length + 3 + hh_url_username(url_of(object)).length + 1;
    size_t end = start + password.length;
    PyObject *before = ascii((hh_slice){text.data, start});
    PyObject *after = ascii((hh_slice){text.data + end, text.length - end});
    PyObject *shown = before != NULL && after != NULL
                          ? PyUnicode_FromFormat("%U[secure]%U", before, after)
                          : NULL;
    Py_XDECREF(before);
    Py_XDECREF(after);
    return shown;
}

static PyObject *represent(PyObject *object)
{
    PyObject *text = hhpy_url_shown(object);
    PyObject *shown = text != NULL ? PyUnicode_FromFormat("URL(%R)", text) : NULL;
    Py_XDECREF(text);
    return shown;
}

static bool same_text(const hh_url *left, const hh_url *right)
{
    hh_slice a = hh_url_text(left);
    hh_slice b = hh_url_text(right);
    return a.length == b.length && memcmp(a.data, b.data, a.length) == 0;
}

/* Equal as URLs: "HTTP://EXAMPLE.com" is "http://example.com/". */
static int equals_text(const hh_url *url, PyObject *str)
{
    hh_slice text;
    hh_url *other;
    if (hhpy_slice_of_str(str, &text) < 0) {
        if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
            return -1;
        PyErr_Clear();
        return 0;
    }
    if (hh_url_parse(text, NULL, &other, NULL) != HH_OK)
        return 0;
    bool is_equal = same_text(url, other);
    hh_url_destroy(other);
    return is_equal;
}

static PyObject *compare(PyObject *left, PyObject *right, int operation)
{
    int is_equal;
    if (operation != Py_EQ && operation != Py_NE)
        Py_RETURN_NOTIMPLEMENTED;
    if (Py_IS_TYPE(right, Py_TYPE(left)))
        is_equal = same_text(url_of(left), url_of(right));
    else if (PyUnicode_Check(right))
        is_equal = equals_text(url_of(left), right);
    else
        Py_RETURN_NOTIMPLEMENTED;
    if (is_equal < 0)
        return NULL;
    return PyBool_FromLong(is_equal == (operation == Py_EQ));
}

static Py_hash_t hash(PyObject *object)
{
    PyObject *text = text_of((hhpy_url *)object);
    Py_hash_t result = text != NULL ? PyObject_Hash(text) : -1;
    Py_XDECREF(text);
    return result;
}

static PyObject *reduce(PyObject *object, PyObject *Py_UNUSED(unused))
{
    PyObject *text = text_of((hhpy_url *)object);
    return text != NULL ? Py_BuildValue("O(N)", Py_TYPE(object), text) : NULL;
}

static PyObject *copy(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return Py_NewRef(self);
}

/* --- the type -------------------------------------------------------------------------------- */

static PyObject *url_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"url", "params", NULL};
    hhpy_state *state = PyType_GetModuleState(type);
    PyObject *given;
    PyObject *params = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|$O:URL", names, &given, &params))
        return NULL;
    PyObject *text = hhpy_url_text(state, given);
    if (text != NULL && params != Py_None)
        Py_SETREF(text, hhpy_url_add_params(state, text, params));
    hh_slice slice;
    PyObject *made = NULL;
    if (text != NULL && hhpy_slice_of_str(text, &slice) == 0)
        made = hhpy_url_new(state, slice);
    Py_XDECREF(text);
    return made;
}

static int traverse(PyObject *object, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(object));
    return 0;
}

static void dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    hh_url_destroy(((hhpy_url *)object)->url);
    Py_CLEAR(((hhpy_url *)object)->text);
    type->tp_free(object);
    Py_DECREF(type);
}

PyDoc_STRVAR(copy_with_doc,
             "copy_with($self, /, *, scheme=<unset>, username=<unset>, password=<unset>, "
             "host=<unset>, port=<unset>, path=<unset>, query=<unset>, fragment=<unset>, "
             "params=<unset>)\n--\n\n"
             "A URL with these parts instead. Text is percent-encoded where it must be; None takes "
             "a part away;\n`params` replaces the query. Raises InvalidURL, UnsupportedProtocol, "
             "TypeError.");
PyDoc_STRVAR(add_param_doc, "copy_add_param($self, name, value, /)\n--\n\n"
                            "A URL with one more parameter; those of that name stay.");
PyDoc_STRVAR(set_param_doc, "copy_set_param($self, name, value, /)\n--\n\n"
                            "A URL where `name` has this value only.");
PyDoc_STRVAR(remove_param_doc, "copy_remove_param($self, name, /)\n--\n\n"
                               "A URL without the parameters of that name.");
PyDoc_STRVAR(merge_params_doc, "copy_merge_params($self, params, /)\n--\n\n"
                               "A URL where `params`, as params= of a request takes them, replace "
                               "those of the same names.");

#define FAST(function) (PyCFunction)(void (*)(void))(function)

static PyMethodDef methods[] = {
    {"join", join, METH_O, join_doc},
    {"copy_with", FAST(hhpy_url_copy_with), METH_VARARGS | METH_KEYWORDS, copy_with_doc},
    {"copy_add_param", hhpy_url_copy_add_param, METH_VARARGS, add_param_doc},
    {"copy_set_param", hhpy_url_copy_set_param, METH_VARARGS, set_param_doc},
    {"copy_remove_param", hhpy_url_copy_remove_param, METH_O, remove_param_doc},
    {"copy_merge_params", hhpy_url_copy_merge_params, METH_O, merge_params_doc},
    {"__copy__", copy, METH_NOARGS, NULL},
    {"__deepcopy__", copy, METH_O, NULL},
    {"__reduce__", reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef attributes[] = {
    {"scheme", get_scheme, NULL, "\"https\" or \"http\" (\"wss\", \"ws\").", NULL},
    {"host", get_host, NULL, "The host, in lower case and punycode; IPv6 without brackets.", NULL},
    {"port", get_port, NULL, "The port; None when it is the scheme's own.", NULL},
    {"netloc", get_netloc, NULL, "Host and port as Host: carries them; no user info.", NULL},
    {"origin", get_origin, NULL, "Scheme, host and port: \"https://example.org:8443\".", NULL},
    {"path", get_path, NULL, "The path, its percent-escapes undone.", NULL},
    {"raw_path", get_raw_path, NULL, "Path and query, bytes as they are sent.", NULL},
    {"query", get_query, NULL, "The query as it is sent, without '?'; \"\" when there is none.",
     NULL},
    {"params", get_params, NULL, "The query's pairs (name, value), decoded: a tuple.", NULL},
    {"fragment", get_fragment, NULL, "The fragment, without '#', its percent-escapes undone.",
     NULL},
    {"username", get_username, NULL, "The user name, its percent-escapes undone.", NULL},
    {"password", get_password, NULL, "The password, its percent-escapes undone.", NULL},
    {"userinfo", get_userinfo, NULL, "\"user:password\" as in the URL.", NULL},
    {"is_absolute_url", get_true, NULL, "True: a URL always is.", NULL},
    {"is_relative_url", get_false, NULL, "False.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(
    url_doc,
    "URL(url, *, params=None)\n--\n\n"
    "An absolute URL, parsed as browsers do; immutable. `url` is a str or a URL; `params` "
    "are appended to its\nquery. Compares with a URL or a str.\n\n"
    "Raises InvalidURL with the part that is wrong, UnsupportedProtocol for a scheme other "
    "than http and https\n(and ws, wss), TypeError.\n\n"
    "    URL(\"https://example.org/a/b?q=1\").join(\"../c\").path  # '/c'");

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)url_doc},
    {Py_tp_new, url_new},
    {Py_tp_traverse, traverse},
    {Py_tp_dealloc, dealloc},
    {Py_tp_str, show},
    {Py_tp_repr, represent},
    {Py_tp_richcompare, compare},
    {Py_tp_hash, hash},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "hyperhttp.URL",
    .basicsize = sizeof(hhpy_url),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

int hhpy_url_ready(PyObject *module, hhpy_state *state)
{
    return hhpy_type_add(module, &spec, NULL, &state->url_type);
}
