/*
 * module.h - the extension `hyperhttp._engine`: its state, and what every file of it shares.
 *
 * The extension has no state outside `hhpy_state`, one for each module object, so several
 * interpreters may load it side by side. Objects keep a borrowed pointer to it: their types belong
 * to the module, so it outlives them. Everything here needs the GIL unless said otherwise. A
 * function that returns int gives 0, or -1 with a Python exception set; one that returns PyObject *
 * gives a new reference, or NULL with an exception set.
 */
#ifndef HYPERHTTP_EXT_MODULE_H
#define HYPERHTTP_EXT_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>

#include <hyperhttp/hyperhttp.h>

/* Keywords of a request, in the order of hhpy_keyword; interned, so that most are found by address.
 */
#define HHPY_KEYWORDS(X)                                                                           \
    X(url)                                                                                         \
    X(params)                                                                                      \
    X(headers)                                                                                     \
    X(content)                                                                                     \
    X(data)                                                                                        \
    X(files)                                                                                       \
    X(json)                                                                                        \
    X(auth)                                                                                        \
    X(timeout)                                                                                     \
    X(follow_redirects)                                                                            \
    X(max_response_bytes)                                                                          \
    X(method)

/* Other names looked up while requests run. */
#define HHPY_NAMES(X)                                                                              \
    X(add_reader)                                                                                  \
    X(remove_reader)                                                                               \
    X(call_soon)                                                                                   \
    X(call_soon_threadsafe)                                                                        \
    X(call_exception_handler)                                                                      \
    X(is_closed)                                                                                   \
    X(is_running)                                                                                  \
    X(create_future)                                                                               \
    X(get_loop)                                                                                    \
    X(_asyncio_future_blocking)                                                                    \
    X(set_result)                                                                                  \
    X(GET)                                                                                         \
    X(done)                                                                                        \
    X(pending)                                                                                     \
    X(want_body)                                                                                   \
    X(_perform)

typedef enum hhpy_keyword {
#define X(name) HHPY_KEYWORD_##name,
    HHPY_KEYWORDS(X)
#undef X
        HHPY_KEYWORD_COUNT
} hhpy_keyword;

/* What the Python layer gives the extension, once, by `_engine.register(name=value, ...)`. */
#define HHPY_REGISTERED(X)                                                                         \
    X(Response)         /* class, a subclass of ResponseBase: answers of Client */                 \
    X(SyncResponse)     /* class, a subclass of ResponseBase: answers of Session */                \
    X(make_error)       /* (code, category, phase, processed, message, request) -> exception */    \
    X(HTTPStatusError)  /* class (message, *, request, response) */                                \
    X(InvalidURL)       /* class (message) */                                                      \
    X(basic_auth_field) /* ((user, password)) -> str: the value of Authorization */                \
    X(encode_multipart) /* (data, files) -> (content_type: str, body: bytes) */                    \
    X(json_dumps)       /* (object) -> str or bytes; the default */                                \
    X(json_loads)       /* (str or bytes) -> object; the default */                                \
    X(get_running_loop) /* () -> loop or None: asyncio's own */                                    \
    X(Task)             /* class: asyncio's own */                                                 \
    X(Future)           /* class: asyncio's own */                                                 \
    X(CancelledError)   /* class: asyncio's own */                                                 \
    X(logs_requests)    /* () -> bool: whether log_done wants to be called */                      \
    X(known_levels)     /* dict {level: whether it is logged}, asked before; or None */            \
    X(log_done)         /* (method, url, response or exception) -> None: one line in the log */    \
    X(invalid_state)    /* (message) -> exception: asyncio.InvalidStateError */                    \
    X(unset)            /* object: as an argument, the same as none; USE_CLIENT_DEFAULT */         \
    X(warn_unclosed)    /* (object) -> None: issues the ResourceWarning */

/* The types the module makes. */
#define HHPY_TYPES(X)                                                                              \
    X(engine_type)                                                                                 \
    X(client_type)                                                                                 \
    X(verb_type)                                                                                   \
    X(call_type)                                                                                   \
    X(ready_type)                                                                                  \
    X(exchange_type)                                                                               \
    X(channel_type)                                                                                \
    X(batch_type)                                                                                  \
    X(request_type)                                                                                \
    X(response_type)                                                                               \
    X(headers_type)                                                                                \
    X(headers_iterator_type)                                                                       \
    X(url_type)                                                                                    \
    X(timeout_type)                                                                                \
    X(async_response_type)                                                                         \
    X(blocking_response_type)                                                                      \
    X(timings_type)

typedef struct hhpy_state {
#define X(type) PyTypeObject *type;
    HHPY_TYPES(X)
#undef X
    PyObject *keywords[HHPY_KEYWORD_COUNT]; /* interned */
    struct {
#define X(name) PyObject *name;
        HHPY_NAMES(X)
#undef X
    } names;                   /* interned */
    PyObject *context_keyword; /* ("context",), for call_soon */
    struct {
#define X(name) PyObject *name;
        HHPY_REGISTERED(X)
#undef X
    } layer; /* NULL until registered */
} hhpy_state;

extern struct PyModuleDef hhpy_module;

/* The state of the module `type` (or a base of it) belongs to. Borrowed, never NULL for a type of
 * ours. For set-up and cold paths: it walks the bases. */
hhpy_state *hhpy_state_of(PyTypeObject *type);

/* Each file that has a type makes it by one of these; called once by the module's exec slot. */
int hhpy_engine_ready(PyObject *module, hhpy_state *state);
int hhpy_client_ready(PyObject *module, hhpy_state *state);
int hhpy_verb_ready(PyObject *module, hhpy_state *state);
int hhpy_call_ready(PyObject *module, hhpy_state *state);
int hhpy_ready_ready(PyObject *module, hhpy_state *state);
int hhpy_exchange_ready(PyObject *module, hhpy_state *state);
int hhpy_channel_ready(PyObject *module, hhpy_state *state);
int hhpy_batch_ready(PyObject *module, hhpy_state *state);
int hhpy_request_ready(PyObject *module, hhpy_state *state);
int hhpy_response_ready(PyObject *module, hhpy_state *state);
int hhpy_headers_ready(PyObject *module, hhpy_state *state);
int hhpy_url_ready(PyObject *module, hhpy_state *state);
int hhpy_timeout_ready(PyObject *module, hhpy_state *state);

/* Makes the type of `spec`, adds it to the module under its own name, and stores it in *slot.
 * `base` may be NULL. */
int hhpy_type_add(PyObject *module, PyType_Spec *spec, PyTypeObject *base, PyTypeObject **slot);

/* Text from the wire: UTF-8 where it is, else Latin-1. */
PyObject *hhpy_text(hh_slice slice);

/* The UTF-8 of a str, borrowed from it. */
int hhpy_slice_of_str(PyObject *str, hh_slice *out);

#endif
