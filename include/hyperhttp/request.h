/*
 * request.h - one request: built, then fixed at its first submit, then sent as often as you like.
 *
 * A request belongs to the client it was created with and is destroyed before or after it. Until
 * the first submit one thread at a time may change it; from then on every setter returns
 * HH_ERR_STATE and the request may be submitted from any thread. hh_submit takes a share of its
 * own, so destroying a request in flight is fine. Nothing of one send leaks into the next. CR, LF
 * and NUL are refused wherever they could inject (RFC 9110 §5.5): HH_ERR_INVALID_ARGUMENT. Unless
 * said otherwise strings are copied.
 */
#ifndef HYPERHTTP_REQUEST_H
#define HYPERHTTP_REQUEST_H

#include <hyperhttp/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hh_client hh_client;
typedef struct hh_request hh_request;

/* Time-outs in milliseconds. In each field 0 means: as the client has it (for a client: the
 * default), and HH_TIMEOUT_NONE: no bound. connect covers resolving, connecting and TLS; read and
 * write bound the time without progress; pool bounds queueing for a connection; total bounds the
 * whole exchange. */
#define HH_TIMEOUT_NONE ((int64_t)-1)
typedef struct hh_timeouts {
    int64_t connect_ms; /* default 10,000 */
    int64_t read_ms;    /* default 30,000 */
    int64_t write_ms;   /* default 30,000 */
    int64_t pool_ms;    /* default none */
    int64_t total_ms;   /* default none */
    int64_t reserved[3];
} hh_timeouts;

/* How an answer reaches the caller of hh_submit. */
typedef enum hh_delivery {
    HH_DELIVER_STREAM = 0, /* HEADERS, then BODY events under credit, then DONE */
    HH_DELIVER_WHOLE,      /* one DONE event, the response holds the body */
    HH_DELIVER_SINK /* as WHOLE, but a body of 64 KiB or more on the wire, or of unknown length, is
                       announced by a HEADERS event and waits for hh_set_sink or the event's release
                     */
} hh_delivery;

typedef enum hh_redirects {
    HH_REDIRECTS_DEFAULT = 0, /* as the client has it */
    HH_REDIRECTS_FOLLOW,
    HH_REDIRECTS_MANUAL /* a 3xx is an answer like any other */
} hh_redirects;

typedef enum hh_decoding {
    HH_DECODING_DEFAULT = 0, /* as the client has it */
    HH_DECODING_AUTO,        /* Accept-Encoding is sent unless set, content codings are undone */
    HH_DECODING_NONE         /* the body comes as it is on the wire */
} hh_decoding;

typedef enum hh_rewind {
    HH_REWIND_IMPOSSIBLE = 0, /* once some of it was taken nothing is sent again by itself, and a
                                 redirect that keeps it is HH_ERR_BODY_NOT_REWINDABLE */
    HH_REWIND_POSSIBLE        /* a second attempt asks for the body again, from its start */
} hh_rewind;

typedef enum hh_switch { HH_DEFAULT = 0, HH_ON, HH_OFF } hh_switch;

/* What the caller wants to be asked (a mask), see hh_answer in event.h. */
enum {
    HH_ASK_REDIRECT = 1 << 0, /* follow this redirect? */
    HH_ASK_RESOLVE = 1 << 1   /* which addresses has this name? Requests that ask share connections
                                 to one host among themselves, whatever the answer */
};

#define HH_LENGTH_UNKNOWN UINT64_MAX

/* Makes a request. `method` is a token ("GET"), `url` absolute, or relative to the client's
 * base_url. Errors: HH_ERR_INVALID_ARGUMENT (method), HH_ERR_INVALID_URL,
 * HH_ERR_UNSUPPORTED_PROTOCOL, HH_ERR_NO_MEMORY. User info in the URL becomes basic authentication
 * and leaves the URL. */
HH_API HH_WARN_UNUSED hh_status hh_request_create(hh_client *client, const char *method,
                                                  const char *url, hh_request **out);
/* The same, with the sentence that says what is wrong in *error (may be NULL), and `url` as a
 * slice. */
HH_API HH_WARN_UNUSED hh_status hh_request_create_slice(hh_client *client, hh_slice method,
                                                        hh_slice url, hh_request **out,
                                                        hh_error *error);
HH_API void hh_request_destroy(hh_request *request);

/* Sets the only field of that name, adds one more, or removes all. Setting a field the engine would
 * send by itself (Host, User-Agent, Accept, Accept-Encoding) replaces it; removing one leaves it
 * out, but for Host. Content-Length and Transfer-Encoding are the engine's own:
 * HH_ERR_INVALID_ARGUMENT. HH_ERR_LIMIT past 256 fields or 64 KiB. */
HH_API HH_WARN_UNUSED hh_status hh_request_set_header(hh_request *request, const char *name,
                                                      const char *value);
HH_API HH_WARN_UNUSED hh_status hh_request_add_header(hh_request *request, hh_slice name,
                                                      hh_slice value);
HH_API HH_WARN_UNUSED hh_status hh_request_remove_header(hh_request *request, const char *name);

/* Basic authentication (RFC 7617): no colon in `username`, else HH_ERR_INVALID_ARGUMENT. Like any
 * Authorization field it is dropped on a redirect to another origin. */
HH_API HH_WARN_UNUSED hh_status hh_request_set_basic_auth(hh_request *request, const char *username,
                                                          const char *password);

/* The body: copied; borrowed until the terminal event of every submit is pulled; or asked for by
 * HH_EVENT_WANT_BODY and given by hh_body_push. `length` in bytes or HH_LENGTH_UNKNOWN (then
 * chunked). */
HH_API HH_WARN_UNUSED hh_status hh_request_set_body_copy(hh_request *request, const void *data,
                                                         size_t length);
HH_API HH_WARN_UNUSED hh_status hh_request_set_body_borrowed(hh_request *request, const void *data,
                                                             size_t length);
HH_API HH_WARN_UNUSED hh_status hh_request_set_body_stream(hh_request *request, uint64_t length,
                                                           hh_rewind rewind);

HH_API HH_WARN_UNUSED hh_status hh_request_set_timeouts(hh_request *request,
                                                        const hh_timeouts *timeouts);
HH_API HH_WARN_UNUSED hh_status hh_request_set_delivery(hh_request *request, hh_delivery delivery);
/* `max_redirects` 0: as the client has it. */
HH_API HH_WARN_UNUSED hh_status hh_request_set_redirects(hh_request *request,
                                                         hh_redirects redirects,
                                                         unsigned max_redirects);
HH_API HH_WARN_UNUSED hh_status hh_request_set_decoding(hh_request *request, hh_decoding decoding);
/* The decoded body may have at most so many bytes; 0: as the client has it. */
HH_API HH_WARN_UNUSED hh_status hh_request_set_max_response_bytes(hh_request *request,
                                                                  uint64_t bytes);
/* Expect: 100-continue (RFC 9110 §10.1.1): the body waits for 100, at most one second. Default off.
 */
HH_API HH_WARN_UNUSED hh_status hh_request_set_expect_continue(hh_request *request,
                                                               hh_switch expect);
/* Sends a Priority field (RFC 9218), unless one is added as a header: `urgency` 0 (first) to 7
 * (last), 3 being what a server assumes; `incremental` HH_ON: the answer is of use piece by piece.
 * HH_ERR_INVALID_ARGUMENT past 7. */
HH_API HH_WARN_UNUSED hh_status hh_request_set_priority(hh_request *request, unsigned urgency,
                                                        hh_switch incremental);
/* HH_ASK_ mask; default 0. Blocking calls refuse a request with a mask: HH_ERR_STATE. */
HH_API HH_WARN_UNUSED hh_status hh_request_set_questions(hh_request *request, unsigned mask);
/* With HH_ON, HH_EVENT_TRACE tells the story line by line. Default off. */
HH_API HH_WARN_UNUSED hh_status hh_request_set_trace(hh_request *request, hh_switch trace);

/* The request's absolute URL, user info removed. Borrowed. */
HH_API hh_slice hh_request_url(const hh_request *request);

#ifdef __cplusplus
}
#endif
#endif
