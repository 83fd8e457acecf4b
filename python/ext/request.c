/*
 * request.c - hyperhttp.Request: see request.h.
 *
 * Made by its class without a client, by client.build_request() merged with the client's defaults,
 * and for response.request. Leaves bodies to arguments.c, merging and sending to build.c. Every
 * attribute is checked when it is set, so what lies in a Request can be sent; but for `content`,
 * which may be an iterator, used once.
 */
#include "request.h"

#include <string.h>

#include <structmember.h>

#include "arguments.h"
#include "encode.h"
#include "headers.h"
#include "timeout.h"
#include "url.h"

/* RFC 9110 §9.1: a method is a token; the engine takes 64 bytes. */
#define METHOD_MAX_BYTES 64

static hhpy_state *state_of(const hhpy_request *self)
{
    return PyType_GetModuleState(Py_TYPE(self));
}

/* --- what its attributes may be -------------------------------------------------------------- */

static bool is_token(hh_slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c >= 0x80 || c == '\0' || (!Py_ISALNUM(c) && strchr("!#$%&'*+-.^_`|~", c) == NULL))
            return false;
    }
    return text.length > 0 && text.length <= METHOD_MAX_BYTES;
}

static PyObject *take_method(PyObject *object)
{
    hh_slice text;
    if (!PyUnicode_Check(object)) {
        PyErr_Format(PyExc_TypeError, "method must be a str, not %.200s", Py_TYPE(object)->tp_name);
        return NULL;
    }
    if (hhpy_slice_of_str(object, &text) < 0)
        return NULL;
    if (!is_token(text)) {
        PyErr_Format(PyExc_ValueError, "this isn't a method: %.100R", object);
        return NULL;
    }
    return Py_NewRef(object);
}

static PyObject *take_url(hhpy_state *state, PyObject *object, PyObject *params)
{
    hh_slice slice;
    if (Py_IS_TYPE(object, state->url_type) && params == NULL)
        return Py_NewRef(object);
    PyObject *text = hhpy_url_text(state, object);
    PyObject *url = NULL;
    if (text != NULL && params != NULL)
        Py_SETREF(text, hhpy_url_add_params(state, text, params));
    if (text != NULL && hhpy_slice_of_str(text, &slice) == 0)
        url = hhpy_url_new(state, slice);
    Py_XDECREF(text);
    return url;
}

/* The constructor's None is no bound, as with client.get(); the attribute's is "as the client". */
static PyObject *take_timeout(hhpy_state *state, PyObject *object)
{
    hh_timeouts bounds;
    if (Py_IS_TYPE(object, state->timeout_type))
        return Py_NewRef(object);
    return hhpy_timeouts_convert(state, object, &bounds) < 0 ? NULL
                                                             : hhpy_timeout_new(state, &bounds);
}

int hhpy_follow_redirects_check(PyObject *object)
{
    if (object == Py_None || PyBool_Check(object))
        return 0;
    PyErr_Format(PyExc_TypeError, "follow_redirects must be a bool or None, not %.200s",
                 Py_TYPE(object)->tp_name);
    return -1;
}

static PyObject *take_follow_redirects(PyObject *object)
{
    return hhpy_follow_redirects_check(object) == 0 ? Py_NewRef(object) : NULL;
}

int hhpy_max_response_bytes_check(PyObject *object)
{
    if (object == Py_None)
        return 0;
    if (!PyLong_Check(object) || PyBool_Check(object)) {
        PyErr_Format(PyExc_TypeError, "max_response_bytes must be an int or None, not %.200s",
                     Py_TYPE(object)->tp_name);
        return -1;
    }
    unsigned long long bytes = PyLong_AsUnsignedLongLong(object);
    if (bytes == (unsigned long long)-1 && PyErr_Occurred()) {
        if (PyErr_ExceptionMatches(PyExc_OverflowError))
            PyErr_SetString(PyExc_ValueError, "max_response_bytes must be from 0 to 2**64 - 1");
        return -1;
    }
    return 0;
}

static PyObject *take_max_response_bytes(PyObject *object)
{
    return hhpy_max_response_bytes_check(object) == 0 ? Py_NewRef(object) : NULL;
}

static PyObject *take_extensions(PyObject *object)
{
    PyObject *dict = PyDict_New();
    if (dict != NULL && object != Py_None && PyDict_Update(dict, object) < 0) {
        Py_CLEAR(dict);
        if (PyErr_ExceptionMatches(PyExc_AttributeError))
            PyErr_Format(PyExc_TypeError, "extensions must be a mapping, not %.200s",
                         Py_TYPE(object)->tp_name);
    }
    return dict;
}

/* --- making one ------------------------------------------------------------------------------ */

static hhpy_request *alloc(PyTypeObject *type)
{
    hhpy_request *made = (hhpy_request *)type->tp_alloc(type, 0);
    if (made != NULL) {
        made->timeout = Py_NewRef(Py_None);
        made->follow_redirects = Py_NewRef(Py_None);
        made->max_response_bytes = Py_NewRef(Py_None);
    }
    return made;
}

PyObject *hhpy_request_new(hhpy_state *state, PyObject *method, PyObject *url, PyObject *headers,
                           PyObject *content)
{
    hhpy_request *made = alloc(state->request_type);
    if (made == NULL)
        return NULL;
    made->method = Py_NewRef(method);
    made->content = Py_XNewRef(content);
    made->url = take_url(state, url, NULL);
    if (made->url != NULL) /* a copy: the one that was given may be shared by many requests */
        made->headers = hhpy_headers_convert(state, headers != NULL ? headers : Py_None);
    if (made->headers == NULL)
        Py_CLEAR(made);
    return (PyObject *)made;
}

static int add_auth(hhpy_state *state, PyObject *headers, PyObject *auth)
{
    if (!PyTuple_Check(auth) || PyTuple_GET_SIZE(auth) != 2 ||
        state->layer.basic_auth_field == NULL) {
        PyErr_Format(PyExc_TypeError, "auth= takes a pair (user, password) or None, not %.200s",
                     Py_TYPE(auth)->tp_name);
        return -1;
    }
    PyObject *field = PyObject_CallOneArg(state->layer.basic_auth_field, auth);
    int result = field != NULL ? hhpy_headers_set(headers, "Authorization", field) : -1;
    Py_XDECREF(field);
    return result;
}

static int set_body(hhpy_state *state, hhpy_request *self, const hhpy_arguments *given)
{
    PyObject *type = NULL;
    int result = 0;
    if (hhpy_body_encode(state, given, NULL, &self->content, &type) < 0)
        return -1;
    if (type != NULL && !hhpy_headers_has(self->headers, hh_slice_of("content-type")))
        result = hhpy_headers_set(self->headers, "Content-Type", type);
    Py_XDECREF(type);
    return result;
}

/* A field of the struct becomes `value`, a new reference or NULL for a failure. */
static int put(PyObject **slot, PyObject *value)
{
    if (value == NULL)
        return -1;
    Py_XSETREF(*slot, value);
    return 0;
}

static int fill(hhpy_state *state, hhpy_request *self, const hhpy_arguments *given)
{
    PyObject *const *values = given->values;
    PyObject *headers = values[HHPY_KEYWORD_headers];
    PyObject *auth = values[HHPY_KEYWORD_auth];
    PyObject *timeout = values[HHPY_KEYWORD_timeout];
    PyObject *follow = values[HHPY_KEYWORD_follow_redirects];
    PyObject *bytes = values[HHPY_KEYWORD_max_response_bytes];
    if (put(&self->method, take_method(values[HHPY_KEYWORD_method])) < 0 ||
        put(&self->url, take_url(state, values[HHPY_KEYWORD_url], values[HHPY_KEYWORD_params])) <
            0 ||
        put(&self->headers, hhpy_headers_convert(state, headers != NULL ? headers : Py_None)) < 0 ||
        set_body(state, self, given) < 0)
        return -1;
    if (auth != NULL && auth != Py_None && add_auth(state, self->headers, auth) < 0)
        return -1;
    if (timeout != NULL && put(&self->timeout, take_timeout(state, timeout)) < 0)
        return -1;
    if (follow != NULL && put(&self->follow_redirects, take_follow_redirects(follow)) < 0)
        return -1;
    if (bytes != NULL && put(&self->max_response_bytes, take_max_response_bytes(bytes)) < 0)
        return -1;
    return 0;
}

/* None is as if not given, but for timeout. */
static void drop_unset(const hhpy_state *state, hhpy_arguments *given)
{
    for (int i = 0; i < HHPY_KEYWORD_COUNT; i++) {
        bool says_nothing = given->values[i] == Py_None && i != HHPY_KEYWORD_timeout &&
                            i != HHPY_KEYWORD_method && i != HHPY_KEYWORD_url;
        if (says_nothing || (given->values[i] != NULL && given->values[i] == state->layer.unset))
            given->values[i] = NULL;
    }
}

static PyObject *request_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {
        "method",     "url",  "params", "headers", "content",          "data",
        "files",      "json", "auth",   "timeout", "follow_redirects", "max_response_bytes",
        "extensions", NULL};
    hhpy_state *state = PyType_GetModuleState(type);
    hhpy_arguments given = {0};
    PyObject **v = given.values;
    PyObject *extensions = Py_None;
    if (!PyArg_ParseTupleAndKeywords(
            args, keywords, "OO|$OOOOOOOOOOO:Request", names, &v[HHPY_KEYWORD_method],
            &v[HHPY_KEYWORD_url], &v[HHPY_KEYWORD_params], &v[HHPY_KEYWORD_headers],
            &v[HHPY_KEYWORD_content], &v[HHPY_KEYWORD_data], &v[HHPY_KEYWORD_files],
            &v[HHPY_KEYWORD_json], &v[HHPY_KEYWORD_auth], &v[HHPY_KEYWORD_timeout],
            &v[HHPY_KEYWORD_follow_redirects], &v[HHPY_KEYWORD_max_response_bytes], &extensions))
        return NULL;
    drop_unset(state, &given);
    hhpy_request *made = alloc(type);
    if (made == NULL)
        return NULL;
    if (fill(state, made, &given) < 0 ||
        (extensions != Py_None && put(&made->extensions, take_extensions(extensions)) < 0))
        Py_CLEAR(made);
    return (PyObject *)made;
}

/* --- attributes ------------------------------------------------------------------------------ */

static int refuse_delete(PyObject *value, const char *name)
{
    if (value != NULL)
        return 0;
    PyErr_Format(PyExc_AttributeError, "%s can't be deleted", name);
    return -1;
}

static PyObject *get_method(PyObject *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(((hhpy_request *)self)->method);
}

static int set_method(PyObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    return refuse_delete(value, "method") < 0
               ? -1
               : put(&((hhpy_request *)self)->method, take_method(value));
}

static PyObject *get_url(PyObject *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(((hhpy_request *)self)->url);
}

static int set_url(PyObject *object, PyObject *value, void *Py_UNUSED(closure))
{
    hhpy_request *self = (hhpy_request *)object;
    return refuse_delete(value, "url") < 0 ? -1
                                           : put(&self->url, take_url(state_of(self), value, NULL));
}

static PyObject *get_headers(PyObject *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(((hhpy_request *)self)->headers);
}

static int set_headers(PyObject *object, PyObject *value, void *Py_UNUSED(closure))
{
    hhpy_request *self = (hhpy_request *)object;
    return refuse_delete(value, "headers") < 0
               ? -1
               : put(&self->headers, hhpy_headers_convert(state_of(self), value));
}

static PyObject *get_content(PyObject *object, void *Py_UNUSED(closure))
{
    const hhpy_request *self = (hhpy_request *)object;
    return self->content != NULL ? Py_NewRef(self->content) : PyBytes_FromStringAndSize(NULL, 0);
}

static int set_content(PyObject *object, PyObject *value, void *Py_UNUSED(closure))
{
    hhpy_request *self = (hhpy_request *)object;
    hhpy_arguments given = {0};
    PyObject *content = NULL;
    PyObject *type = NULL;
    if (refuse_delete(value, "content") < 0)
        return -1;
    given.values[HHPY_KEYWORD_content] = value != Py_None ? value : NULL;
    if (hhpy_body_encode(state_of(self), &given, NULL, &content, &type) < 0)
        return -1;
    Py_XDECREF(type);
    Py_XSETREF(self->content, content);
    return 0;
}

static PyObject *get_timeout(PyObject *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(((hhpy_request *)self)->timeout);
}

static int set_timeout(PyObject *object, PyObject *value, void *Py_UNUSED(closure))
{
    hhpy_request *self = (hhpy_request *)object;
    if (refuse_delete(value, "timeout") < 0)
        return -1;
    return put(&self->timeout,
               value == Py_None ? Py_NewRef(value) : take_timeout(state_of(self), value));
}

static PyObject *get_follow_redirects(PyObject *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(((hhpy_request *)self)->follow_redirects);
}

static int set_follow_redirects(PyObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    return refuse_delete(value, "follow_redirects") < 0
               ? -1
               : put(&((hhpy_request *)self)->follow_redirects, take_follow_redirects(value));
}

static PyObject *get_max_response_bytes(PyObject *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(((hhpy_request *)self)->max_response_bytes);
}

static int set_max_response_bytes(PyObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    return refuse_delete(value, "max_response_bytes") < 0
               ? -1
               : put(&((hhpy_request *)self)->max_response_bytes, take_max_response_bytes(value));
}

static PyObject *get_extensions(PyObject *object, void *Py_UNUSED(closure))
{
    hhpy_request *self = (hhpy_request *)object;
    if (self->extensions == NULL)
        self->extensions = PyDict_New();
    return Py_XNewRef(self->extensions);
}

static int set_extensions(PyObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    return refuse_delete(value, "extensions") < 0
               ? -1
               : put(&((hhpy_request *)self)->extensions, take_extensions(value));
}

/* --- as a value ------------------------------------------------------------------------------ */

PyDoc_STRVAR(read_doc, "read($self, /)\n--\n\n"
                       "The body as bytes, the same as `content`. TypeError when it comes from an "
                       "iterator.");

static PyObject *read_content(PyObject *object, PyObject *Py_UNUSED(unused))
{
    const hhpy_request *self = (hhpy_request *)object;
    if (self->content != NULL && !PyBytes_Check(self->content)) {
        PyErr_Format(PyExc_TypeError, "the body comes from an iterator (%.200s): it can't be read",
                     Py_TYPE(self->content)->tp_name);
        return NULL;
    }
    return get_content(object, NULL);
}

static PyObject *represent(PyObject *object)
{
    const hhpy_request *self = (hhpy_request *)object;
    PyObject *url = hhpy_url_shown(self->url);
    PyObject *shown =
        url != NULL ? PyUnicode_FromFormat("<Request(%R, %R)>", self->method, url) : NULL;
    Py_XDECREF(url);
    return shown;
}

/* The keywords that make an equal one. What isn't set stays out. */
static PyObject *keywords_of(hhpy_request *self)
{
    const struct {
        const char *name;
        PyObject *value;
    } values[] = {
        {"headers", self->headers},
        {"content", self->content},
        {"timeout", self->timeout},
        {"follow_redirects", self->follow_redirects},
        {"max_response_bytes", self->max_response_bytes},
        {"extensions", self->extensions},
    };
    PyObject *dict = PyDict_New();
    for (size_t i = 0; dict != NULL && i < sizeof values / sizeof values[0]; i++)
        if (values[i].value != NULL && values[i].value != Py_None &&
            PyDict_SetItemString(dict, values[i].name, values[i].value) < 0)
            Py_CLEAR(dict);
    return dict;
}

static PyObject *reduce(PyObject *object, PyObject *Py_UNUSED(unused))
{
    hhpy_request *self = (hhpy_request *)object;
    if (self->content != NULL && !PyBytes_Check(self->content)) {
        PyErr_SetString(PyExc_TypeError, "a request whose body comes from an iterator can't be "
                                         "pickled or copied");
        return NULL;
    }
    PyObject *copyreg = PyImport_ImportModule("copyreg");
    PyObject *maker = copyreg != NULL ? PyObject_GetAttrString(copyreg, "__newobj_ex__") : NULL;
    PyObject *keywords = maker != NULL ? keywords_of(self) : NULL;
    PyObject *result = NULL;
    if (keywords != NULL)
        result = Py_BuildValue("O(O(OO)O)O", maker, Py_TYPE(self), self->method, self->url,
                               keywords, self->dict != NULL ? self->dict : Py_None);
    Py_XDECREF(copyreg);
    Py_XDECREF(maker);
    Py_XDECREF(keywords);
    return result;
}

/* --- the type -------------------------------------------------------------------------------- */

static int traverse(PyObject *object, visitproc visit, void *arg)
{
    const hhpy_request *self = (hhpy_request *)object;
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->url);
    Py_VISIT(self->headers);
    Py_VISIT(self->content);
    Py_VISIT(self->timeout);
    Py_VISIT(self->extensions);
    Py_VISIT(self->dict);
    return 0;
}

/* Only what can lie in a cycle: the rest is always there. */
static int clear(PyObject *object)
{
    hhpy_request *self = (hhpy_request *)object;
    Py_CLEAR(self->content);
    Py_CLEAR(self->extensions);
    Py_CLEAR(self->dict);
    return 0;
}

static void dealloc(PyObject *object)
{
    hhpy_request *self = (hhpy_request *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    clear(object);
    Py_CLEAR(self->method);
    Py_CLEAR(self->url);
    Py_CLEAR(self->headers);
    Py_CLEAR(self->timeout);
    Py_CLEAR(self->follow_redirects);
    Py_CLEAR(self->max_response_bytes);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"read", read_content, METH_NOARGS, read_doc},
    {"__reduce__", reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(hhpy_request, dict), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef attributes[] = {
    {"method", get_method, set_method, "The method, a str, as it was given.", NULL},
    {"url", get_url, set_url, "The URL, absolute. May be set to a str or a URL.", NULL},
    {"headers", get_headers, set_headers, "The Headers. May be set to whatever headers= takes.",
     NULL},
    {"content", get_content, set_content,
     "The body: bytes; or the iterator it comes from. May be set to bytes, str, None or an "
     "iterator of bytes.",
     NULL},
    {"timeout", get_timeout, set_timeout, "The Timeout; None: as the client has it.", NULL},
    {"follow_redirects", get_follow_redirects, set_follow_redirects,
     "Whether redirects are followed; None: as the client has it.", NULL},
    {"max_response_bytes", get_max_response_bytes, set_max_response_bytes,
     "How many bytes the answer's body may have; None: as the client has it.", NULL},
    {"extensions", get_extensions, set_extensions, "A dict for the user's own use.", NULL},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(
    request_doc,
    "Request(method, url, *, params=None, headers=None, content=None, data=None, "
    "files=None, json=None, auth=None, timeout=<unset>, follow_redirects=None, "
    "max_response_bytes=None, extensions=None)\n--\n\n"
    "A request as data, to look at, change and send: client.send(request). Nothing of a "
    "client is in it;\nclient.build_request() makes one that has the client's headers, "
    "params and auth.\n\n"
    "The arguments are those of client.request(). `url` is absolute. timeout=None is no "
    "bound; without it the\nclient's holds.\n\n"
    "Raises InvalidURL, UnsupportedProtocol, ValueError for a method that is no token or a "
    "header that can't\nbe sent, TypeError.\n\n"
    "    request = Request(\"POST\", \"https://example.org/items\", json={\"name\": "
    "\"x\"})\n"
    "    response = await client.send(request)");

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)request_doc}, {Py_tp_new, request_new},
    {Py_tp_traverse, traverse},       {Py_tp_clear, clear},
    {Py_tp_dealloc, dealloc},         {Py_tp_repr, represent},
    {Py_tp_methods, methods},         {Py_tp_members, members},
    {Py_tp_getset, attributes},       {0, NULL},
};

static PyType_Spec spec = {
    .name = "hyperhttp.Request",
    .basicsize = sizeof(hhpy_request),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

int hhpy_request_ready(PyObject *module, hhpy_state *state)
{
    return hhpy_type_add(module, &spec, NULL, &state->request_type);
}
