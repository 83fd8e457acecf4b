/*
 * event.h - what comes out of the engine: pulled, never called back.
 *
 * hh_next_event returns the oldest event, borrowed until hh_event_release. Everything an event
 * points at is borrowed with it, but for what carries a count of its own (hh_response_ref,
 * hh_buf_ref). Each submit yields exactly one terminal event, DONE or ERROR, whatever happens:
 * cancel and destroy included. Thread rule: any thread, under the client's lock; an event belongs
 * to who pulled it.
 */
#ifndef HYPERHTTP_EVENT_H
#define HYPERHTTP_EVENT_H

#include <hyperhttp/error.h>
#include <hyperhttp/request.h>
#include <hyperhttp/response.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Names one submit; carries a generation, so an id from the past names nothing. 0 is never one. */
typedef uint64_t hh_id;

/* A counted block of received bytes. Atomic; any thread; may outlive the client. */
typedef struct hh_buf hh_buf;
HH_API hh_buf *hh_buf_ref(hh_buf *buf);
HH_API void hh_buf_unref(hh_buf *buf);

typedef enum hh_event_type {
    HH_EVENT_HEADERS = 1, /* response: the final head. Redirects and replays are behind us */
    HH_EVENT_BODY,        /* body, buf: decoded bytes; releasing the event returns their credit */
    HH_EVENT_DONE,        /* terminal. response: complete */
    HH_EVENT_ERROR,       /* terminal. error; response: as far as it came, or NULL */
    HH_EVENT_WANT_BODY,   /* hh_body_push is welcome; body_offset says from which byte */
    HH_EVENT_INFORMATION, /* response: a 1xx other than 101, only with trace on */
    HH_EVENT_ASK,         /* question: parked until hh_answer */
    HH_EVENT_TRACE        /* trace, body: a line of the story, secrets redacted */
} hh_event_type;

typedef enum hh_trace {
    HH_TRACE_NONE = 0,
    HH_TRACE_INFO,         /* a sentence about resolving, connecting, TLS, reuse */
    HH_TRACE_REQUEST_HEAD, /* the request head, CRLF lines */
    HH_TRACE_RESPONSE_HEAD
} hh_trace;

/* What the engine asks. The slices live as long as the event. */
typedef struct hh_question {
    unsigned ask;          /* one HH_ASK_ bit */
    hh_slice host;         /* RESOLVE: the name */
    uint16_t port;         /* RESOLVE */
    hh_slice location;     /* REDIRECT: the absolute target */
    hh_slice method;       /* REDIRECT: the method of the next attempt */
    hh_response *response; /* REDIRECT: the 3xx */
    uint64_t reserved[4];
} hh_question;

typedef enum hh_verdict {
    HH_ANSWER_DEFAULT = 0, /* do what you would have done unasked */
    HH_ANSWER_YES,         /* REDIRECT: follow. RESOLVE: use `addresses` */
    HH_ANSWER_NO,  /* REDIRECT: hand me the 3xx as the answer. RESOLVE: fail, HH_ERR_RESOLVE */
    HH_ANSWER_FAIL /* give up: the request ends with HH_ERR_CANCELLED */
} hh_verdict;

typedef struct hh_answer_data {
    size_t size; /* sizeof(hh_answer_data) */
    hh_verdict verdict;
    const char *const *addresses; /* RESOLVE, YES: IP literals, copied */
    size_t address_count;         /* 1 to 32 */
} hh_answer_data;

typedef struct hh_event {
    hh_event_type type;
    hh_trace trace;
    hh_id id;
    void *tag; /* as given to hh_submit */
    hh_response *response;
    hh_slice body;
    hh_buf *buf; /* BODY: the block `body` lies in; hh_buf_ref it to keep the bytes */
    const hh_error *error;
    const hh_question *question;
    uint64_t body_offset; /* WANT_BODY */
} hh_event;

/* Sends `request`. On HH_OK *id names the exchange (may be NULL if you never cancel) and one
 * terminal event will come; on failure none will. Never waits; may do I/O at once. Errors:
 * HH_ERR_NO_MEMORY, HH_ERR_INVALID_ARGUMENT, HH_ERR_LIMIT (1,000,000 exchanges in flight),
 * HH_ERR_CLIENT_CLOSED. Everything later is an event. */
HH_API HH_WARN_UNUSED hh_status hh_submit(hh_client *client, hh_request *request, void *tag,
                                          hh_id *id);

/* Ends the exchange: its terminal event is ERROR with HH_ERR_CANCELLED, unless one is out already.
 * A stale id does nothing and returns HH_ERR_STATE. Legal at any moment. */
HH_API hh_status hh_cancel(hh_client *client, hh_id id);

/* The next event, or NULL. Never waits, does no I/O. */
HH_API const hh_event *hh_next_event(hh_client *client);
/* Gives an event back, with the credit it holds. NULL is fine. */
HH_API void hh_event_release(hh_client *client, const hh_event *event);

/* Answers the HH_EVENT_ASK of `id`. HH_ERR_STATE: it asks nothing (any more). */
HH_API HH_WARN_UNUSED hh_status hh_answer(hh_client *client, hh_id id,
                                          const hh_answer_data *answer);

/* Gives body bytes, after WANT_BODY. They are copied as far as they don't go out at once; *accepted
 * says how many were taken, 0 to length. HH_BODY_LAST ends the body once all of `data` is accepted.
 * Errors: HH_ERR_STATE (not wanted, stale), HH_ERR_BODY_LENGTH, HH_ERR_NO_MEMORY. */
typedef enum hh_body_end { HH_BODY_MORE = 0, HH_BODY_LAST } hh_body_end;
HH_API HH_WARN_UNUSED hh_status hh_body_push(hh_client *client, hh_id id, hh_slice data,
                                             hh_body_end end, size_t *accepted);

/* For HH_DELIVER_SINK, between the HEADERS event and its release: receive the decoded body into
 * `memory`, the caller's until the terminal event. More than `capacity` bytes:
 * HH_ERR_RESPONSE_TOO_LARGE. Error: HH_ERR_STATE. hh_response_content_length says how many will
 * come, but for a response with a Content-Encoding that is being undone: there it counts the coded
 * bytes, and how many those decode to is known at the end only. Whoever can't tell gives no sink:
 * then the response collects the body. */
HH_API HH_WARN_UNUSED hh_status hh_set_sink(hh_client *client, hh_id id, void *memory,
                                            size_t capacity);

#ifdef __cplusplus
}
#endif
#endif
