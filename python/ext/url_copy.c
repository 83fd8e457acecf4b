/*
 * url_copy.c - URLs made from a URL: copy_with() and the copy_*_param() family.
 *
 * A URL is taken into pieces, as they stand in its text; some are replaced; the result is parsed
 * anew, so whatever comes out is a URL like any other. Invariant: a replaced piece can't reach into
 * its neighbour: what would end it is percent-encoded, or refused where that isn't possible.
 */
#include "url_object.h"

#include <string.h>

#include "encode.h"

typedef enum piece {
    PIECE_SCHEME,
    PIECE_USERNAME,
    PIECE_PASSWORD,
    PIECE_HOST,
    PIECE_PORT,
    PIECE_PATH,
    PIECE_QUERY,
    PIECE_FRAGMENT,
    PIECE_COUNT
} piece;

static void clear_pieces(PyObject **pieces)
{
    for (int i = 0; i < PIECE_COUNT; i++)
        Py_CLEAR(pieces[i]);
}

static PyObject *text_of(hh_slice slice)
{
    return PyUnicode_DecodeUTF8(slice.data, (Py_ssize_t)slice.length, NULL);
}

static int take_apart(const hh_url *url, PyObject **pieces)
{
    const hh_slice slices[PIECE_COUNT] = {
        [PIECE_SCHEME] = hh_url_scheme(url),     [PIECE_USERNAME] = hh_url_username(url),
        [PIECE_PASSWORD] = hh_url_password(url), [PIECE_HOST] = hh_url_host(url),
        [PIECE_PATH] = hh_url_path(url),         [PIECE_QUERY] = hh_url_query(url),
        [PIECE_FRAGMENT] = hh_url_fragment(url),
    };
    for (int i = 0; i < PIECE_COUNT; i++) {
        pieces[i] = i == PIECE_PORT && hhpy_url_has_port(url)
                        ? PyUnicode_FromFormat("%d", hh_url_port(url))
                        : text_of(slices[i]);
        if (pieces[i] == NULL)
            return -1;
    }
    return 0;
}

static bool is_empty(PyObject *text)
{
    return PyUnicode_GET_LENGTH(text) == 0;
}

static PyObject *put_together(hhpy_state *state, PyObject *const *pieces)
{
    bool has_password = !is_empty(pieces[PIECE_PASSWORD]);
    bool has_userinfo = has_password || !is_empty(pieces[PIECE_USERNAME]);
    hh_slice slice;
    PyObject *text = PyUnicode_FromFormat(
        "%U://%U%s%U%s%U%s%U%U%s%U%s%U", pieces[PIECE_SCHEME], pieces[PIECE_USERNAME],
        has_password ? ":" : "", pieces[PIECE_PASSWORD], has_userinfo ? "@" : "",
        pieces[PIECE_HOST], is_empty(pieces[PIECE_PORT]) ? "" : ":", pieces[PIECE_PORT],
        pieces[PIECE_PATH], is_empty(pieces[PIECE_QUERY]) ? "" : "?", pieces[PIECE_QUERY],
        is_empty(pieces[PIECE_FRAGMENT]) ? "" : "#", pieces[PIECE_FRAGMENT]);
    PyObject *made = NULL;
    if (text != NULL && hhpy_slice_of_str(text, &slice) == 0)
        made = hhpy_url_new(state, slice);
    Py_XDECREF(text);
    return made;
}

/* --- pieces from arguments ------------------------------------------------------------------- */

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_escape(hh_slice text, size_t at)
{
    return at + 2 < text.length && is_hex(text.data[at + 1]) && is_hex(text.data[at + 2]);
}

static bool must_escape(piece which, hh_slice text, size_t at)
{
    char c = text.data[at];
    if ((unsigned char)c <= ' ' || c == 0x7f)
        return true;
    if (which == PIECE_PATH)
        return c == '?' || c == '#' || c == '\\' || (c == '%' && !is_escape(text, at));
    if (which == PIECE_QUERY)
        return c == '#';
    if (which == PIECE_USERNAME || which == PIECE_PASSWORD)
        return strchr("%:@/?#[]\\", c) != NULL;
    return false;
}

/* Percent-encodes what would end the piece, or be dropped by the parser. */
static PyObject *escape(piece which, PyObject *str)
{
    static const char digits[] = "0123456789ABCDEF";
    hh_slice text;
    if (hhpy_slice_of_str(str, &text) < 0)
        return NULL;
    if (text.length > PY_SSIZE_T_MAX / 4)
        return PyErr_NoMemory();
    char *data = PyMem_Malloc(text.length * 3 + 1);
    if (data == NULL)
        return PyErr_NoMemory();
    char *to = data;
    if (which == PIECE_PATH && (text.length == 0 || text.data[0] != '/'))
        *to++ = '/';
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (must_escape(which, text, i)) {
            *to++ = '%';
            *to++ = digits[c >> 4];
            *to++ = digits[c & 15];
        } else {
            *to++ = (char)c;
        }
    }
    PyObject *escaped = PyUnicode_DecodeUTF8(data, to - data, NULL);
    PyMem_Free(data);
    return escaped;
}

static PyObject *invalid(hhpy_state *state, const char *sentence)
{
    PyErr_SetString(state->layer.InvalidURL != NULL ? state->layer.InvalidURL : PyExc_ValueError,
                    sentence);
    return NULL;
}

static PyObject *take_host(hhpy_state *state, PyObject *str)
{
    hh_slice text;
    bool has_colon = false;
    if (hhpy_slice_of_str(str, &text) < 0)
        return NULL;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        if ((unsigned char)c <= ' ' || strchr("/?#@\\", c) != NULL)
            return invalid(state, "a host can't have white space or one of / ? # @ \\ in it");
        has_colon = has_colon || c == ':';
    }
    if (text.length == 0)
        return invalid(state, "a host can't be empty");
    return has_colon && text.data[0] != '[' ? PyUnicode_FromFormat("[%U]", str) : Py_NewRef(str);
}

static PyObject *take_scheme(hhpy_state *state, PyObject *str)
{
    for (Py_ssize_t i = 0; i < PyUnicode_GET_LENGTH(str); i++) {
        Py_UCS4 c = PyUnicode_READ_CHAR(str, i);
        if (c >= 0x80 || (!Py_ISALNUM(c) && c != '+' && c != '-' && c != '.'))
            return invalid(state, "a scheme has letters, digits and + - . only");
    }
    return Py_NewRef(str);
}

static PyObject *take_port(hhpy_state *state, PyObject *object)
{
    if (!PyLong_Check(object) || PyBool_Check(object)) {
        PyErr_Format(PyExc_TypeError, "port must be an int or None, not %.200s",
                     Py_TYPE(object)->tp_name);
        return NULL;
    }
    long port = PyLong_AsLong(object);
    if (port == -1 && PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_OverflowError))
            return NULL;
        PyErr_Clear();
    }
    if (port < 0 || port > 65535)
        return invalid(state, "a port is from 0 to 65535");
    return PyUnicode_FromFormat("%ld", port);
}

/* None takes the piece away. */
static PyObject *take_piece(hhpy_state *state, piece which, const char *name, PyObject *object)
{
    if (object == Py_None && which != PIECE_SCHEME && which != PIECE_HOST)
        return PyUnicode_FromString(which == PIECE_PATH ? "/" : "");
    if (which == PIECE_PORT)
        return take_port(state, object);
    if (!PyUnicode_Check(object)) {
        PyErr_Format(PyExc_TypeError, "%s must be a str, not %.200s", name,
                     Py_TYPE(object)->tp_name);
        return NULL;
    }
    if (which == PIECE_SCHEME)
        return take_scheme(state, object);
    return which == PIECE_HOST ? take_host(state, object) : escape(which, object);
}

static PyObject *encode_query(hhpy_state *state, PyObject *params)
{
    PyObject *encoded = hhpy_encode_pairs(state, params);
    PyObject *query = NULL;
    if (encoded != NULL)
        query = PyUnicode_DecodeUTF8(PyBytes_AS_STRING(encoded), PyBytes_GET_SIZE(encoded), NULL);
    Py_XDECREF(encoded);
    if (query != NULL)
        Py_SETREF(query, escape(PIECE_QUERY, query));
    return query;
}

PyObject *hhpy_url_copy_with(PyObject *object, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"scheme", "username", "password", "host",   "port",
                            "path",   "query",    "fragment", "params", NULL};
    const hhpy_url *self = (hhpy_url *)object;
    hhpy_state *state = hhpy_url_state(self);
    PyObject *given[PIECE_COUNT] = {0};
    PyObject *params = NULL;
    PyObject *pieces[PIECE_COUNT] = {0};
    PyObject *made = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|$OOOOOOOOO:copy_with", names, &given[0],
                                     &given[1], &given[2], &given[3], &given[4], &given[5],
                                     &given[6], &given[7], &params))
        return NULL;
    if (params != NULL && given[PIECE_QUERY] != NULL) {
        PyErr_SetString(PyExc_TypeError, "give one of query= and params=");
        return NULL;
    }
    if (take_apart(self->url, pieces) < 0)
        goto done;
    for (int i = 0; i < PIECE_COUNT; i++) {
        if (given[i] == NULL)
            continue;
        Py_SETREF(pieces[i], take_piece(state, (piece)i, names[i], given[i]));
        if (pieces[i] == NULL)
            goto done;
    }
    if (params != NULL)
        Py_SETREF(pieces[PIECE_QUERY], encode_query(state, params));
    if (pieces[PIECE_QUERY] != NULL)
        made = put_together(state, pieces);
done:
    clear_pieces(pieces);
    return made;
}

/* --- parameters ------------------------------------------------------------------------------ */

static PyObject *with_params(const hhpy_url *self, PyObject *params)
{
    hhpy_state *state = hhpy_url_state(self);
    PyObject *pieces[PIECE_COUNT] = {0};
    PyObject *made = NULL;
    if (take_apart(self->url, pieces) == 0) {
        Py_SETREF(pieces[PIECE_QUERY], encode_query(state, params));
        if (pieces[PIECE_QUERY] != NULL)
            made = put_together(state, pieces);
    }
    clear_pieces(pieces);
    return made;
}

static PyObject *pairs_of_params(hhpy_state *state, PyObject *params)
{
    PyObject *encoded = hhpy_encode_pairs(state, params);
    if (encoded == NULL)
        return NULL;
    hh_slice query = {PyBytes_AS_STRING(encoded), (size_t)PyBytes_GET_SIZE(encoded)};
    PyObject *pairs = hhpy_url_pairs(query);
    Py_DECREF(encoded);
    return pairs;
}

static int has_key(PyObject *pairs, PyObject *key)
{
    int found = 0;
    for (Py_ssize_t i = 0; found == 0 && i < PyList_GET_SIZE(pairs); i++)
        found =
            PyObject_RichCompareBool(PyTuple_GET_ITEM(PyList_GET_ITEM(pairs, i), 0), key, Py_EQ);
    return found;
}

/* This URL with the parameters named in `replaced` taken out and `added` put behind. */
static PyObject *replace_params(const hhpy_url *self, PyObject *replaced, PyObject *added)
{
    PyObject *old = hhpy_url_pairs(hh_url_query(self->url));
    PyObject *pairs = old != NULL ? PyList_New(0) : NULL;
    PyObject *made = NULL;
    if (pairs == NULL)
        goto done;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(old); i++) {
        PyObject *pair = PyList_GET_ITEM(old, i);
        int is_replaced = has_key(replaced, PyTuple_GET_ITEM(pair, 0));
        if (is_replaced < 0 || (!is_replaced && PyList_Append(pairs, pair) < 0))
            goto done;
    }
    if (PyList_SetSlice(pairs, PyList_GET_SIZE(pairs), PyList_GET_SIZE(pairs), added) == 0)
        made = with_params(self, pairs);
done:
    Py_XDECREF(old);
    Py_XDECREF(pairs);
    return made;
}

PyObject *hhpy_url_copy_add_param(PyObject *object, PyObject *args)
{
    const hhpy_url *self = (hhpy_url *)object;
    PyObject *key, *value;
    if (!PyArg_ParseTuple(args, "UO:copy_add_param", &key, &value))
        return NULL;
    PyObject *added = Py_BuildValue("[(OO)]", key, value);
    PyObject *text = added != NULL ? hhpy_url_text(hhpy_url_state(self), object) : NULL;
    PyObject *longer = text != NULL ? hhpy_url_add_params(hhpy_url_state(self), text, added) : NULL;
    hh_slice slice;
    PyObject *made = NULL;
    if (longer != NULL && hhpy_slice_of_str(longer, &slice) == 0)
        made = hhpy_url_new(hhpy_url_state(self), slice);
    Py_XDECREF(added);
    Py_XDECREF(text);
    Py_XDECREF(longer);
    return made;
}

PyObject *hhpy_url_copy_set_param(PyObject *object, PyObject *args)
{
    const hhpy_url *self = (hhpy_url *)object;
    PyObject *key, *value;
    if (!PyArg_ParseTuple(args, "UO:copy_set_param", &key, &value))
        return NULL;
    PyObject *added = Py_BuildValue("[(OO)]", key, value);
    PyObject *made = added != NULL ? replace_params(self, added, added) : NULL;
    Py_XDECREF(added);
    return made;
}

PyObject *hhpy_url_copy_remove_param(PyObject *object, PyObject *key)
{
    if (!PyUnicode_Check(key)) {
        PyErr_Format(PyExc_TypeError, "a parameter's name must be a str, not %.200s",
                     Py_TYPE(key)->tp_name);
        return NULL;
    }
    PyObject *replaced = Py_BuildValue("[(O)]", key);
    PyObject *added = replaced != NULL ? PyList_New(0) : NULL;
    PyObject *made = added != NULL ? replace_params((hhpy_url *)object, replaced, added) : NULL;
    Py_XDECREF(replaced);
    Py_XDECREF(added);
    return made;
}

PyObject *hhpy_url_copy_merge_params(PyObject *object, PyObject *params)
{
    const hhpy_url *self = (hhpy_url *)object;
    PyObject *added = pairs_of_params(hhpy_url_state(self), params);
    PyObject *made = added != NULL ? replace_params(self, added, added) : NULL;
    Py_XDECREF(added);
    return made;
}
