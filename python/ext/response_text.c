/*
 * response_text.c - an answer's body as text and as JSON.
 *
 * The encoding is, first match wins: the one set by hand; the charset of Content-Type, if Python
 * knows it; what a byte order mark says; the client's default_encoding; UTF-8. A byte order mark
 * also wins over a declared UTF-8. What can't be decoded becomes U+FFFD, so text never fails.
 * Invariant: a charset is the peer's word, so no codec is used that isn't linear in its input.
 * Source: RFC 9110 §5.6.6 and §8.3, RFC 8259 §8.1, WHATWG Encoding §6 (byte order marks).
 */
#include "response.h"

#include <string.h>

/* Longer names are nobody's. */
#define CHARSET_MAX 40

typedef struct charset {
    char name[CHARSET_MAX + 1];
} charset;

/* --- the charset of Content-Type ------------------------------------------------------------- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static hh_slice trim(const char *begin, const char *end)
{
    while (begin < end && is_space(*begin))
        begin++;
    while (begin < end && is_space(end[-1]))
        end--;
    return (hh_slice){begin, (size_t)(end - begin)};
}

/* The end of the parameter that begins at `at`: the next ';' outside of quotes. */
static const char *parameter_end(const char *at, const char *end)
{
    bool is_quoted = false;
    for (; at < end && (is_quoted || *at != ';'); at++) {
        if (*at == '"')
            is_quoted = !is_quoted;
        else if (is_quoted && *at == '\\' && at + 1 < end)
            at++;
    }
    return at;
}

/* Copies a parameter's value without its quotes; false where it can't be a charset's name. */
static bool copy_charset(hh_slice value, charset *out)
{
    size_t length = 0;
    for (size_t i = 0; i < value.length; i++) {
        char c = value.data[i];
        if (c == '"' || c == '\'' || c == '\\')
            continue;
        if (length == CHARSET_MAX || !(Py_ISALNUM((unsigned char)c) || c == '-' || c == '_' ||
                                       c == '.' || c == ':' || c == '+'))
            return false;
        out->name[length++] = c;
    }
    out->name[length] = '\0';
    return length > 0;
}

/* The first charset parameter of the Content-Type. */
static bool find_charset(const hhpy_response *response, charset *out)
{
    hh_slice type = hhpy_response_header(response, "content-type");
    if (type.length == 0)
        return false;
    const char *end = type.data + type.length;
    const char *at = parameter_end(type.data, end);
    while (at < end) {
        const char *begin = at + 1;
        at = parameter_end(begin, end);
        const char *equals = memchr(begin, '=', (size_t)(at - begin));
        if (equals == NULL)
            continue;
        hh_slice name = trim(begin, equals);
        if (name.length == 7 && PyOS_strnicmp(name.data, "charset", 7) == 0)
            return copy_charset(trim(equals + 1, at), out);
    }
    return false;
}

/* --- codecs ---------------------------------------------------------------------------------- */

/* The name in lower case, letters and digits only: as the interpreter compares names, or nearly. */
static charset fold(const char *name)
{
    charset folded = {{0}};
    for (size_t length = 0; *name != '\0' && length < CHARSET_MAX; name++)
        if (Py_ISALNUM((unsigned char)*name))
            folded.name[length++] = (char)Py_TOLOWER((unsigned char)*name);
    return folded;
}

static bool is_utf8(const char *name)
{
    charset folded = fold(name);
    return strcmp(folded.name, "utf8") == 0 || strcmp(folded.name, "utf8sig") == 0;
}

/* Whether the interpreter decodes text by it, in linear time and without failing. */
static bool is_usable(const char *name)
{
    static const char *const refused[] = {"idna", "punycode", "undefined", "unicodeescape",
                                          "rawunicodeescape"};
    charset folded = fold(name);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (strcmp(folded.name, refused[i]) == 0)
            return false;
    if (is_utf8(name))
        return true;
    PyObject *probe = PyUnicode_Decode(" ", 1, name, "replace");
    if (probe == NULL)
        PyErr_Clear(); /* unknown, or no text encoding */
    Py_XDECREF(probe);
    return probe != NULL;
}

/* What the byte order mark says, or NULL. UTF-32 in little-endian order begins as UTF-16 does. */
static const char *find_mark(const char *data, Py_ssize_t length)
{
    if (length >= 4 &&
        (memcmp(data, "\xff\xfe\0\0", 4) == 0 || memcmp(data, "\0\0\xfe\xff", 4) == 0))
        return "utf-32";
    if (length >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0)
        return "utf-8-sig";
    if (length >= 2 && (memcmp(data, "\xff\xfe", 2) == 0 || memcmp(data, "\xfe\xff", 2) == 0))
        return "utf-16";
    return NULL;
}

static PyObject *decode(PyObject *content, const char *encoding)
{
    const char *data = PyBytes_AS_STRING(content);
    Py_ssize_t length = PyBytes_GET_SIZE(content);
    if (is_utf8(encoding)) {
        const char *mark = find_mark(data, length);
        if (mark == NULL)
            return PyUnicode_DecodeUTF8(data, length, "replace");
        encoding = mark;
    }
    return PyUnicode_Decode(data, length, encoding, "replace");
}

/* --- the encoding ---------------------------------------------------------------------------- */

/* What default_encoding, a str or a callable, says about `content`; a str or NULL. */
static PyObject *ask_default(const hhpy_response *response, PyObject *content)
{
    PyObject *answer = response->default_encoding;
    if (answer == NULL)
        return PyUnicode_FromString("utf-8");
    Py_INCREF(answer);
    if (!PyUnicode_Check(answer))
        Py_SETREF(answer, PyObject_CallOneArg(answer, content));
    if (answer == NULL)
        return NULL;
    if (answer != Py_None && !PyUnicode_Check(answer)) {
        PyErr_Format(PyExc_TypeError, "default_encoding must give a str or None, not %.100s",
                     Py_TYPE(answer)->tp_name);
        Py_DECREF(answer);
        return NULL;
    }
    const char *name = answer != Py_None ? PyUnicode_AsUTF8(answer) : "";
    if (name != NULL && is_usable(name))
        return answer;
    Py_DECREF(answer);
    return name != NULL ? PyUnicode_FromString("utf-8") : NULL;
}

/* The encoding for `content`, or, while there is none yet (NULL), as far as the head tells. */
static PyObject *find_encoding(const hhpy_response *response, PyObject *content)
{
    charset declared;
    if (response->encoding != NULL)
        return Py_NewRef(response->encoding);
    if (find_charset(response, &declared) && is_usable(declared.name))
        return PyUnicode_FromString(declared.name);
    if (content == NULL)
        return response->default_encoding != NULL && PyUnicode_Check(response->default_encoding)
                   ? ask_default(response, NULL)
                   : PyUnicode_FromString("utf-8");
    const char *mark = find_mark(PyBytes_AS_STRING(content), PyBytes_GET_SIZE(content));
    return mark != NULL ? PyUnicode_FromString(mark) : ask_default(response, content);
}

PyObject *hhpy_response_get_encoding(PyObject *self, void *closure)
{
    (void)closure;
    hhpy_response *response = (hhpy_response *)self;
    if (response->stream != NULL && response->content == NULL)
        return find_encoding(response, NULL);
    PyObject *content = hhpy_response_content(response);
    PyObject *encoding = content != NULL ? find_encoding(response, content) : NULL;
    Py_XDECREF(content);
    return encoding;
}

int hhpy_response_set_encoding(PyObject *self, PyObject *value, void *closure)
{
    (void)closure;
    hhpy_response *response = (hhpy_response *)self;
    if (value != NULL && value != Py_None) {
        if (!PyUnicode_Check(value)) {
            PyErr_Format(PyExc_TypeError, "encoding must be a str or None, not %.100s",
                         Py_TYPE(value)->tp_name);
            return -1;
        }
        Py_ssize_t length;
        const char *name = PyUnicode_AsUTF8AndSize(value, &length);
        if (name == NULL)
            return -1;
        if (strlen(name) != (size_t)length || !is_usable(name)) {
            PyErr_Format(PyExc_LookupError, "unknown encoding: %R", value);
            return -1;
        }
    }
    Py_XSETREF(response->encoding, value != Py_None ? Py_XNewRef(value) : NULL);
    Py_CLEAR(response->text);
    return 0;
}

PyObject *hhpy_response_get_charset(PyObject *self, void *closure)
{
    (void)closure;
    charset declared;
    if (!find_charset((hhpy_response *)self, &declared))
        Py_RETURN_NONE;
    return PyUnicode_FromString(declared.name);
}

PyObject *hhpy_response_decode_text(hhpy_response *response)
{
    if (response->text != NULL)
        return Py_NewRef(response->text);
    PyObject *content = hhpy_response_content(response);
    if (content == NULL)
        return NULL;
    PyObject *encoding = find_encoding(response, content);
    const char *name = encoding != NULL ? PyUnicode_AsUTF8(encoding) : NULL;
    PyObject *text = name != NULL ? decode(content, name) : NULL;
    if (text != NULL)
        Py_XSETREF(response->text, Py_NewRef(text));
    Py_DECREF(content);
    Py_XDECREF(encoding);
    return text;
}

/* --- JSON ------------------------------------------------------------------------------------ */

/* The form of Unicode that JSON text is in, without a mark: told by where its first two
 * characters, ASCII both, have their zero bytes. */
static const char *detect_json(const char *data, Py_ssize_t length)
{
    const char *mark = find_mark(data, length);
    if (mark != NULL)
        return mark;
    if (length >= 4) {
        if (data[0] == 0)
            return data[1] != 0 ? "utf-16-be" : "utf-32-be";
        if (data[1] == 0)
            return data[2] != 0 || data[3] != 0 ? "utf-16-le" : "utf-32-le";
    } else if (length == 2) {
        if (data[0] == 0)
            return "utf-16-be";
        if (data[1] == 0)
            return "utf-16-le";
    }
    return "utf-8";
}

/* A charset other than UTF-8 that the peer declared: for JSON that isn't Unicode at all. */
static bool find_foreign_charset(const hhpy_response *response, charset *out)
{
    return find_charset(response, out) && !is_utf8(out->name) && is_usable(out->name);
}

/* What the loads gets: bytes where it takes them and they are UTF-8, else str. */
static PyObject *make_json_source(const hhpy_response *response, PyObject *content)
{
    charset foreign;
    const char *data = PyBytes_AS_STRING(content);
    Py_ssize_t length = PyBytes_GET_SIZE(content);
    const char *form = detect_json(data, length);
    if (!is_utf8(form))
        return PyUnicode_Decode(data, length, form, "surrogatepass");
    Py_ssize_t mark = strcmp(form, "utf-8-sig") == 0 ? 3 : 0;
    bool is_foreign = find_foreign_charset(response, &foreign);
    if (response->json_loads != NULL && !is_foreign)
        return mark == 0 ? Py_NewRef(content)
                         : PyBytes_FromStringAndSize(data + mark, length - mark);
    PyObject *text = PyUnicode_DecodeUTF8(data + mark, length - mark, "surrogatepass");
    if (text == NULL && is_foreign && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
        PyErr_Clear();
        text = PyUnicode_Decode(data, length, foreign.name, "strict");
    }
    return text;
}

/* "the answer: 200 OK from https://…, text/html, 12 bytes that begin with b'<html>'" */
static PyObject *describe_answer(hhpy_response *response, PyObject *content)
{
    PyObject *note = NULL;
    PyObject *line = hhpy_response_status_line(response);
    PyObject *url = line != NULL ? PyObject_GetAttrString((PyObject *)response, "url") : NULL;
    if (line != NULL && url == NULL && PyErr_ExceptionMatches(PyExc_RuntimeError)) {
        PyErr_Clear();
        url = PyUnicode_FromString("a response made by hand");
    }
    Py_ssize_t length = PyBytes_GET_SIZE(content);
    PyObject *head = url != NULL ? PyBytes_FromStringAndSize(PyBytes_AS_STRING(content),
                                                             length < 100 ? length : 100)
                                 : NULL;
    hh_slice type = hhpy_response_header(response, "content-type");
    PyObject *type_text = head != NULL ? hhpy_text(type) : NULL;
    if (type_text != NULL && length > 0)
        note = PyUnicode_FromFormat("the answer: %U from %S, content type %R, %zd bytes, first %R",
                                    line, url, type_text, length, head);
    else if (type_text != NULL)
        note = PyUnicode_FromFormat("the answer: %U from %S, with an empty body", line, url);
    Py_XDECREF(line);
    Py_XDECREF(url);
    Py_XDECREF(head);
    Py_XDECREF(type_text);
    return note;
}

/* Adds a note that says whose answer it was to the exception that is set. */
static void add_note(hhpy_response *response, PyObject *content)
{
    PyObject *type;
    PyObject *error;
    PyObject *trace;
    if (!PyErr_ExceptionMatches(PyExc_ValueError))
        return;
    PyErr_Fetch(&type, &error, &trace);
    PyErr_NormalizeException(&type, &error, &trace);
    PyObject *note = describe_answer(response, content);
    PyObject *added = note != NULL ? PyObject_CallMethod(error, "add_note", "O", note) : NULL;
    if (added == NULL)
        PyErr_Clear(); /* the error itself matters more */
    Py_XDECREF(added);
    Py_XDECREF(note);
    PyErr_Restore(type, error, trace);
}

PyObject *hhpy_response_decode_json(hhpy_response *response, PyObject *keywords)
{
    PyObject *loads =
        response->json_loads != NULL ? response->json_loads : response->state->layer.json_loads;
    PyObject *content = hhpy_response_content(response);
    if (content == NULL)
        return NULL;
    Py_INCREF(loads);
    PyObject *value = NULL;
    PyObject *source = make_json_source(response, content);
    if (source != NULL)
        value = PyObject_VectorcallDict(loads, &source, 1, keywords);
    if (value == NULL)
        add_note(response, content);
    Py_XDECREF(source);
    Py_DECREF(content);
    Py_DECREF(loads);
    return value;
}
