/*
 * build.c - a request, merged from a call's arguments and the client's defaults.
 *
 * A *draft* is the merge: method, absolute URL, fields, body, bounds. It becomes an hh_request, or
 * a Request object for the user to look at and change. Plain GETs of URLs that come again are kept
 * in the client's cache, since a fixed request may be sent many times.
 */
#include "arguments.h"

#include <string.h>

#include "encode.h"
#include "errors.h"
#include "headers.h"
#include "request.h"
#include "timeout.h"
#include "url.h"

typedef struct hhpy_draft {
    PyObject *method;       /* str */
    PyObject *url;          /* str, absolute */
    PyObject *own;          /* Headers of the call, or NULL */
    PyObject *content;      /* bytes, an iterator, or NULL */
    PyObject *content_type; /* str, or NULL */
} hhpy_draft;

static void draft_clear(hhpy_draft *draft)
{
    Py_CLEAR(draft->method);
    Py_CLEAR(draft->url);
    Py_CLEAR(draft->own);
    Py_CLEAR(draft->content);
    Py_CLEAR(draft->content_type);
}

/* --- the URL --------------------------------------------------------------------------------- */

static bool is_absolute(PyObject *url)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(url);
    for (Py_ssize_t i = 0; i + 2 < length; i++) {
        Py_UCS4 c = PyUnicode_READ_CHAR(url, i);
        if (c == '/' || c == '?' || c == '#')
            return false;
        if (c == ':' && PyUnicode_READ_CHAR(url, i + 1) == '/' &&
            PyUnicode_READ_CHAR(url, i + 2) == '/')
            return true;
    }
    return false;
}

/* As httpx joins: the base's path goes before, whether or not `url` begins with a slash. */
static PyObject *join_base(const hhpy_client *client, PyObject *url)
{
    Py_ssize_t slashes = 0;
    if (client->base_url == NULL || is_absolute(url))
        return Py_NewRef(url);
    while (slashes < PyUnicode_GET_LENGTH(url) && PyUnicode_READ_CHAR(url, slashes) == '/')
        slashes++;
    if (slashes == 0)
        return PyUnicode_Concat(client->base_url, url);
    PyObject *rest = PyUnicode_Substring(url, slashes, PyUnicode_GET_LENGTH(url));
    PyObject *joined = rest != NULL ? PyUnicode_Concat(client->base_url, rest) : NULL;
    Py_XDECREF(rest);
    return joined;
}

static PyObject *add_params(hhpy_state *state, PyObject *url, PyObject *params)
{
    if (url == NULL || params == NULL)
        return url;
    PyObject *longer = hhpy_url_add_params(state, url, params);
    Py_DECREF(url);
    return longer;
}

static PyObject *merge_url(hhpy_client *client, const hhpy_arguments *arguments)
{
    PyObject *text = hhpy_url_text(client->state, arguments->values[HHPY_KEYWORD_url]);
    if (text == NULL)
        return NULL;
    PyObject *url = join_base(client, text);
    Py_DECREF(text);
    PyObject *params = Py_XNewRef(client->params); /* reading them may replace them */
    url = add_params(client->state, url, params);
    Py_XDECREF(params);
    return add_params(client->state, url, arguments->values[HHPY_KEYWORD_params]);
}

/* --- the draft ------------------------------------------------------------------------------- */

static int draft_make(hhpy_client *client, const hhpy_arguments *arguments, hhpy_draft *out)
{
    PyObject *method = arguments->values[HHPY_KEYWORD_method];
    PyObject *headers = arguments->values[HHPY_KEYWORD_headers];
    hhpy_draft made = {0};
    if (!PyUnicode_Check(method)) {
        PyErr_Format(PyExc_TypeError, "method must be a str, not %.200s", Py_TYPE(method)->tp_name);
        return -1;
    }
    made.method = Py_NewRef(method);
    made.url = merge_url(client, arguments);
    if (made.url == NULL)
        goto failed;
    if (headers != NULL) {
        made.own = hhpy_headers_convert(client->state, headers);
        if (made.own == NULL)
            goto failed;
    }
    if (hhpy_body_encode(client->state, arguments, client->json_dumps, &made.content,
                         &made.content_type) < 0)
        goto failed;
    *out = made;
    return 0;

failed:
    draft_clear(&made);
    return -1;
}

/* --- fields ---------------------------------------------------------------------------------- */

static bool has_own(const hhpy_draft *draft, hh_slice name)
{
    return draft->own != NULL && hhpy_headers_has(draft->own, name);
}

static int add_field(hh_request *request, hh_field field)
{
    hh_status status = hh_request_add_header(request, field.name, field.value);
    if (status == HH_OK)
        return 0;
    if (status == HH_ERR_LIMIT)
        PyErr_SetString(PyExc_ValueError, "too many header fields: 256 or 64 KiB at most");
    else if (status == HH_ERR_NO_MEMORY)
        PyErr_NoMemory();
    else
        PyErr_Format(PyExc_ValueError, "the header field \"%.*s\" can't be set: %s",
                     (int)field.name.length, field.name.data,
                     "its name is no token, its value has a line break or NUL, or the engine "
                     "itself sets it (Content-Length, Transfer-Encoding)");
    return -1;
}

/* The length of a body that is yet to be pushed: who opens the exchange declares it. */
static bool is_length_of_stream(const hhpy_draft *draft, hh_slice name)
{
    static const char length[] = "content-length";
    return draft->content != NULL && !PyBytes_Check(draft->content) &&
           name.length == sizeof length - 1 &&
           PyOS_mystrnicmp(name.data, length, sizeof length - 1) == 0;
}

static int add_own(hh_request *request, const hhpy_draft *draft)
{
    Py_ssize_t count = draft->own != NULL ? hhpy_headers_count(draft->own) : 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        hh_field field = hhpy_headers_at(draft->own, i);
        if (!is_length_of_stream(draft, field.name) && add_field(request, field) < 0)
            return -1;
    }
    return 0;
}

static int add_defaults(hhpy_client *client, hh_request *request, const hhpy_draft *draft)
{
    Py_ssize_t count = hhpy_headers_count(client->headers);
    for (Py_ssize_t i = 0; i < count; i++) {
        hh_field field = hhpy_headers_at(client->headers, i);
        if (!has_own(draft, field.name) && add_field(request, field) < 0)
            return -1;
    }
    return 0;
}

static int add_content_type(hhpy_client *client, hh_request *request, const hhpy_draft *draft)
{
    static const hh_slice name = {"content-type", 12};
    hh_slice value;
    if (draft->content_type == NULL || has_own(draft, name) ||
        hhpy_headers_has(client->headers, name))
        return 0;
    if (hhpy_slice_of_str(draft->content_type, &value) < 0)
        return -1;
    return add_field(request, (hh_field){name, value});
}

/* --- bounds and the rest --------------------------------------------------------------------- */

/* A C string out of a str without NUL, borrowed. */
static const char *plain_text(PyObject *object, const char *what)
{
    Py_ssize_t length;
    if (!PyUnicode_Check(object)) {
        PyErr_Format(PyExc_TypeError, "%s must be a str, not %.200s", what,
                     Py_TYPE(object)->tp_name);
        return NULL;
    }
    const char *text = PyUnicode_AsUTF8AndSize(object, &length);
    if (text != NULL && strlen(text) != (size_t)length) {
        PyErr_Format(PyExc_ValueError, "%s has a NUL in it", what);
        return NULL;
    }
    return text;
}

static int set_auth(hh_request *request, PyObject *auth)
{
    if (!PyTuple_Check(auth) || PyTuple_GET_SIZE(auth) != 2) {
        PyErr_Format(PyExc_TypeError, "auth= takes a pair (user, password) or None, not %.200s",
                     Py_TYPE(auth)->tp_name);
        return -1;
    }
    const char *user = plain_text(PyTuple_GET_ITEM(auth, 0), "the user name");
    const char *password =
        user != NULL ? plain_text(PyTuple_GET_ITEM(auth, 1), "the password") : NULL;
    if (password == NULL)
        return -1;
    hh_status status = hh_request_set_basic_auth(request, user, password);
    if (status == HH_ERR_INVALID_ARGUMENT) {
        PyErr_SetString(PyExc_ValueError,
                        "this user name can't be sent: it has a colon or a control character");
        return -1;
    }
    if (status != HH_OK) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

static int merge_auth(hhpy_client *client, const hhpy_arguments *arguments, const hhpy_draft *draft,
                      hh_request *request)
{
    static const hh_slice name = {"authorization", 13};
    PyObject *auth = arguments->values[HHPY_KEYWORD_auth];
    if (auth == Py_None)
        return 0;
    if (auth == NULL)
        auth = has_own(draft, name) ? NULL : client->auth;
    return auth != NULL ? set_auth(request, auth) : 0;
}

static int set_bounds(hhpy_state *state, const hhpy_arguments *arguments, hh_request *request)
{
    PyObject *timeout = arguments->values[HHPY_KEYWORD_timeout];
    PyObject *follow = arguments->values[HHPY_KEYWORD_follow_redirects];
    PyObject *bytes = arguments->values[HHPY_KEYWORD_max_response_bytes];
    hh_status status = HH_OK;
    if (timeout != NULL) {
        hh_timeouts timeouts;
        if (hhpy_timeouts_convert(state, timeout, &timeouts) < 0)
            return -1;
        status = hh_request_set_timeouts(request, &timeouts);
    }
    if (status == HH_OK && follow != NULL) {
        if (hhpy_follow_redirects_check(follow) < 0)
            return -1;
        status = hh_request_set_redirects(
            request, follow == Py_True ? HH_REDIRECTS_FOLLOW : HH_REDIRECTS_MANUAL, 0);
    }
    if (status == HH_OK && bytes != NULL) {
        if (hhpy_max_response_bytes_check(bytes) < 0)
            return -1;
        status = hh_request_set_max_response_bytes(request, PyLong_AsUnsignedLongLong(bytes));
    }
    return status == HH_OK ? 0 : hhpy_status_raise(state, status, "set up the request");
}

static int set_body(hhpy_state *state, hh_request *request, PyObject *content)
{
    if (content == NULL || !PyBytes_Check(content))
        return 0;
    hh_status status = hh_request_set_body_borrowed(request, PyBytes_AS_STRING(content),
                                                    (size_t)PyBytes_GET_SIZE(content));
    return status == HH_OK ? 0 : hhpy_status_raise(state, status, "set the body");
}

/* --- building -------------------------------------------------------------------------------- */

static hh_request *create(hhpy_client *client, PyObject *method, PyObject *url)
{
    hhpy_engine *engine = hhpy_client_engine(client);
    hh_slice name, text;
    hh_request *request;
    hh_error error;
    if (engine == NULL || hhpy_slice_of_str(method, &name) < 0 || hhpy_slice_of_str(url, &text) < 0)
        return NULL;
    if (hh_request_create_slice(engine->client, name, text, &request, &error) == HH_OK)
        return request;
    hhpy_error_raise(client->state, &error, NULL);
    return NULL;
}

static hh_request *build(hhpy_client *client, const hhpy_arguments *arguments,
                         const hhpy_draft *draft)
{
    hh_request *request = create(client, draft->method, draft->url);
    if (request == NULL)
        return NULL;
    if (add_defaults(client, request, draft) < 0 || add_own(request, draft) < 0 ||
        add_content_type(client, request, draft) < 0 ||
        merge_auth(client, arguments, draft, request) < 0 ||
        set_bounds(client->state, arguments, request) < 0 ||
        set_body(client->state, request, draft->content) < 0 ||
        hh_request_set_delivery(request, HH_DELIVER_SINK) != HH_OK) {
        hh_request_destroy(request);
        return NULL;
    }
    return request;
}

/* The fields of client and call as they were merged. */
static PyObject *merge_headers(hhpy_client *client, const hhpy_draft *draft)
{
    PyObject *merged = hhpy_headers_convert(client->state, client->headers);
    if (merged == NULL)
        return NULL;
    Py_ssize_t count = draft->own != NULL ? hhpy_headers_count(draft->own) : 0;
    if (count > 0 && hhpy_headers_override(merged, draft->own) < 0)
        goto failed;
    if (draft->content_type != NULL && !hhpy_headers_has(merged, hh_slice_of("content-type")) &&
        hhpy_headers_set(merged, "Content-Type", draft->content_type) < 0)
        goto failed;
    return merged;

failed:
    Py_DECREF(merged);
    return NULL;
}

void hhpy_built_clear(hhpy_built *built)
{
    if (!built->is_cached)
        hh_request_destroy(built->request);
    built->request = NULL;
    hhpy_sent_clear(&built->sent);
}

static int build_new(hhpy_client *client, const hhpy_arguments *arguments, hhpy_built *out)
{
    hhpy_draft draft;
    if (draft_make(client, arguments, &draft) < 0)
        return -1;
    hhpy_built built = {.request = build(client, arguments, &draft)};
    if (built.request == NULL) {
        draft_clear(&draft);
        return -1;
    }
    if (draft.own != NULL || draft.content_type != NULL ||
        hhpy_headers_count(client->headers) > 0) {
        built.sent.headers = merge_headers(client, &draft);
        if (built.sent.headers == NULL) {
            hhpy_built_clear(&built);
            draft_clear(&draft);
            return -1;
        }
    }
    built.sent.method = Py_NewRef(draft.method);
    built.sent.url = Py_NewRef(draft.url);
    built.sent.content = Py_XNewRef(draft.content);
    draft_clear(&draft);
    *out = built;
    return 0;
}

/* --- the cache ------------------------------------------------------------------------------- */

/* Whether only method and URL are given, and the URL is a str that its hash can be asked of. */
static bool is_plain(const hhpy_client *client, const hhpy_arguments *arguments)
{
    for (int i = 0; i < HHPY_KEYWORD_COUNT; i++)
        if (arguments->values[i] != NULL && i != HHPY_KEYWORD_url && i != HHPY_KEYWORD_method)
            return false;
    return client->params == NULL && PyUnicode_CheckExact(arguments->values[HHPY_KEYWORD_url]);
}

static bool same_text(PyObject *left, PyObject *right)
{
    return left == right || (PyUnicode_GET_LENGTH(left) == PyUnicode_GET_LENGTH(right) &&
                             PyUnicode_Compare(left, right) == 0);
}

static bool slot_holds(const hhpy_client *client, const hhpy_cached *slot, PyObject *method,
                       PyObject *url)
{
    return slot->url != NULL && slot->method == method &&
           slot->headers_version == hhpy_headers_version(client->headers) &&
           same_text(slot->url, url);
}

static int fill_slot(hhpy_client *client, const hhpy_arguments *arguments, hhpy_cached *slot)
{
    hhpy_built built;
    if (build_new(client, arguments, &built) < 0)
        return -1;
    hhpy_cached old = *slot;
    *slot = (hhpy_cached){
        .url = Py_NewRef(arguments->values[HHPY_KEYWORD_url]),
        .method = Py_NewRef(arguments->values[HHPY_KEYWORD_method]),
        .sent_url = built.sent.url,
        .headers = built.sent.headers,
        .headers_version = hhpy_headers_version(client->headers),
        .request = built.request,
    };
    Py_DECREF(built.sent.method);
    hhpy_cached_clear(&old);
    return 0;
}

static int build_cached(hhpy_client *client, const hhpy_arguments *arguments, hhpy_built *out)
{
    PyObject *url = arguments->values[HHPY_KEYWORD_url];
    PyObject *method = arguments->values[HHPY_KEYWORD_method];
    Py_hash_t hash = PyObject_Hash(url);
    if (hash == -1)
        return -1;
    hhpy_cached *slot = &client->cache[(size_t)hash % HHPY_CACHE_SLOTS];
    if (!slot_holds(client, slot, method, url) && fill_slot(client, arguments, slot) < 0)
        return -1;
    *out = (hhpy_built){
        .request = slot->request,
        .is_cached = true,
        .sent = {.method = Py_NewRef(slot->method),
                 .url = Py_NewRef(slot->sent_url),
                 .headers = Py_XNewRef(slot->headers)},
    };
    return 0;
}

int hhpy_request_build(hhpy_client *client, const hhpy_arguments *arguments, hhpy_keeping keeping,
                       hhpy_built *out)
{
    if (hhpy_client_engine(client) == NULL)
        return -1;
    return keeping == HHPY_BUILD_CACHED && is_plain(client, arguments)
               ? build_cached(client, arguments, out)
               : build_new(client, arguments, out);
}

/* --- Request objects ------------------------------------------------------------------------- */

PyObject *hhpy_sent_request(hhpy_state *state, hhpy_sent *sent)
{
    if (sent->request == NULL && sent->method != NULL)
        sent->request =
            hhpy_request_new(state, sent->method, sent->url, sent->headers, sent->content);
    else if (sent->request == NULL)
        PyErr_SetString(PyExc_RuntimeError, "this has no request");
    return Py_XNewRef(sent->request);
}

static int copy_bounds(hhpy_state *state, const hhpy_arguments *arguments, hhpy_request *request)
{
    PyObject *timeout = arguments->values[HHPY_KEYWORD_timeout];
    PyObject *follow = arguments->values[HHPY_KEYWORD_follow_redirects];
    PyObject *bytes = arguments->values[HHPY_KEYWORD_max_response_bytes];
    if (timeout != NULL) {
        hh_timeouts timeouts;
        if (hhpy_timeouts_convert(state, timeout, &timeouts) < 0)
            return -1;
        PyObject *object = hhpy_timeout_new(state, &timeouts);
        if (object == NULL)
            return -1;
        Py_XSETREF(request->timeout, object);
    }
    if ((follow != NULL && hhpy_follow_redirects_check(follow) < 0) ||
        (bytes != NULL && hhpy_max_response_bytes_check(bytes) < 0))
        return -1;
    if (follow != NULL)
        Py_XSETREF(request->follow_redirects, Py_NewRef(follow));
    if (bytes != NULL)
        Py_XSETREF(request->max_response_bytes, Py_NewRef(bytes));
    return 0;
}

/* Basic authentication as a field (RFC 7617), for the user to see and to take away. */
static int add_auth_field(hhpy_client *client, const hhpy_arguments *arguments,
                          const hhpy_draft *draft, PyObject *headers)
{
    PyObject *auth = arguments->values[HHPY_KEYWORD_auth];
    if (auth == NULL && !has_own(draft, hh_slice_of("authorization")))
        auth = client->auth;
    if (auth == NULL || auth == Py_None)
        return 0;
    PyObject *field = PyObject_CallOneArg(client->state->layer.basic_auth_field, auth);
    int result = field != NULL ? hhpy_headers_set(headers, "Authorization", field) : -1;
    Py_XDECREF(field);
    return result;
}

PyObject *hhpy_request_merge(hhpy_client *client, const hhpy_arguments *arguments)
{
    hhpy_draft draft;
    PyObject *request = NULL;
    if (draft_make(client, arguments, &draft) < 0)
        return NULL;
    PyObject *headers = merge_headers(client, &draft);
    if (headers == NULL || add_auth_field(client, arguments, &draft, headers) < 0)
        goto done;
    request = hhpy_request_new(client->state, draft.method, draft.url, headers, draft.content);
    if (request != NULL && copy_bounds(client->state, arguments, (hhpy_request *)request) < 0)
        Py_CLEAR(request);
done:
    Py_XDECREF(headers);
    draft_clear(&draft);
    return request;
}

int hhpy_request_build_from(hhpy_client *client, PyObject *object, hhpy_built *out)
{
    const hhpy_request *given = (hhpy_request *)object;
    hhpy_arguments bounds = {0};
    if (given->timeout != Py_None)
        bounds.values[HHPY_KEYWORD_timeout] = given->timeout;
    if (given->follow_redirects != Py_None)
        bounds.values[HHPY_KEYWORD_follow_redirects] = given->follow_redirects;
    if (given->max_response_bytes != Py_None)
        bounds.values[HHPY_KEYWORD_max_response_bytes] = given->max_response_bytes;
    PyObject *url = hhpy_url_text(client->state, given->url);
    if (url == NULL)
        return -1;
    hhpy_draft draft = {.own = given->headers, .content = given->content};
    hhpy_built built = {.request = create(client, given->method, url)};
    if (built.request == NULL || add_own(built.request, &draft) < 0 ||
        set_bounds(client->state, &bounds, built.request) < 0 ||
        set_body(client->state, built.request, given->content) < 0 ||
        hh_request_set_delivery(built.request, HH_DELIVER_SINK) != HH_OK) {
        hhpy_built_clear(&built);
        Py_DECREF(url);
        return -1;
    }
    built.sent.method = Py_NewRef(given->method);
    built.sent.url = url;
    built.sent.content = Py_XNewRef(given->content);
    built.sent.request = Py_NewRef(object);
    *out = built;
    return 0;
}
