/*
 * exchange.h - one request's whole life, from submit to its one terminal event.
 *
 *              ┌──────────────── redirect, replay ───────────────┐
 *              ▼                                                 │
 *   NEW ──► QUEUED ──► ACTIVE ──┬──────────────► COMMITTED ──► FINISHED
 *    │        ▲          │  ▲   └─► ASKING ──────────┘            ▲
 *    └────────┼──────────┘  │         │  ▲                        │
 *             └─────────────┴─────────┘  └── NEW                 any
 *
 *   QUEUED     waits for a place on a connection; no attempt under way
 *   ACTIVE     at least one attempt under way, nothing told to the caller yet
 *   ASKING     parked until the caller answers (hh_answer); deadlines run on
 *   COMMITTED  one attempt's answer is the answer: no redirect, no replay any more
 *   FINISHED   the terminal event is queued or delivered
 *
 * hh__exchange_enter makes every transition and asserts the invariants. The commit point lies
 * between attempts and events: nothing leaves before redirect and replay are decided. An exchange
 * that is queued costs at most 512 bytes.
 *
 * exchange.c: life, waiting, attempts. exchange_deadline.c: how long. exchange_answer.c: heads.
 * exchange_next.c: redirects. exchange_body.c: bodies. questions.c: ASKING.
 */
#ifndef HH_CLIENT_EXCHANGE_H
#define HH_CLIENT_EXCHANGE_H

#include "base/limits.h"
#include "client/attempt.h"
#include "client/events.h"
#include "client/response.h"
#include "codec/decoder.h"

typedef struct hh_mailbox hh_mailbox;
typedef struct hh_channel hh_channel;

typedef enum hh_exchange_state {
    HH_EXCHANGE_NEW = 0,
    HH_EXCHANGE_QUEUED,
    HH_EXCHANGE_ACTIVE,
    HH_EXCHANGE_ASKING,
    HH_EXCHANGE_COMMITTED,
    HH_EXCHANGE_FINISHED
} hh_exchange_state;

#define HH_EXCHANGE_ATTEMPTS_MAX 2 /* under way at once */

struct hh_exchange {
    hh_client *client;
    hh_request *request;
    hh_id id;
    void *tag;
    hh_mailbox *mailbox; /* where its answer goes; NULL: events */
    size_t mailbox_index;
    hh_channel *channel; /* where its events go; NULL: the client's queue */
    hh_wire *wire;       /* of the next attempt */
    hh_waiter waiter;
    hh_attempt *attempts[HH_EXCHANGE_ATTEMPTS_MAX];
    hh_attempt *winner;
    hh_response *response; /* the answer, or the 3xx that is asked about */
    hh_response *history;  /* redirects so far */
    hh_error *error;       /* why it failed */
    hh_wire *next_wire;    /* where a redirect leads, while it is drained or asked about */
    hh_address *addresses; /* the caller's answer to RESOLVE */
    hh_decoder *decoder;
    hh_buf *pending_buf; /* encoded bytes that credit kept from being decoded */
    hh_slice pending;
    char *sink;
    size_t sink_capacity;
    uint64_t window_used;
    uint64_t push_offset; /* from where the caller may push */
    int64_t started_ns;
    int64_t hop_ns;       /* when the present hop began: started_ns, or the last redirect */
    int64_t total_due_ns; /* 0: none */
    int64_t wait_due_ns;  /* of QUEUED: the pool's; of ASKING to resolve: connect's; of a redirect's
                             body being drained; 0: none */
    int64_t connect_check_ns; /* of QUEUED: when to look whether a dial takes too long; 0: never */
    hh_timer timer;
    hh_link ready_link; /* in client->ready: to be resumed; or client->stalled */
    uint8_t state;      /* hh_exchange_state */
    uint8_t attempt_count;
    uint8_t redirects;
    uint8_t replays;
    uint8_t refusals; /* sent again after HH_ERR_REFUSED */
    uint8_t asking;   /* HH_ASK_ bit while ASKING */
    uint8_t address_count;
    uint8_t body_dropped; /* hh_redirect_body of the hops so far */
    uint8_t credentials_dropped;
    uint8_t processed;    /* hh_processed, of the attempts before the present one */
    bool wants_fresh;     /* the next attempt: on a connection that hasn't served yet */
    bool was_misdirected; /* sent once more after 421 */
    bool was_asked_resolve;
    bool waits_for_sink;
    bool is_paused;      /* the connection waits for hh__conn_resume */
    bool is_want_queued; /* a WANT_BODY event is in the queue */
    bool is_push_welcome;
    bool is_pulled; /* the terminal event is in the caller's hands */
    union {
        hh_event_node terminal; /* without a mailbox */
        hh_discard discard;     /* with one */
        hh_exchange *next_free; /* in a store */
    };
};

/* Spare exchanges, so that a request costs no allocation of its own. */
typedef struct hh_exchange_store {
    hh_exchange *free_exchanges;
    size_t count;
} hh_exchange_store;

_Static_assert(sizeof(hh_exchange) <= 512, "a queued exchange costs at most 512 bytes");

/* Begins: looks for a place, or waits for one. May finish at once (with an event). */
void hh__exchange_begin(hh_exchange *exchange);
void hh__exchange_enter(hh_exchange *exchange, hh_exchange_state state);
/* Ends it with `error`, or with its response when NULL: attempts cancelled, one terminal event.
 * After it the exchange may only be looked at by the queue. */
void hh__exchange_finish(hh_exchange *exchange, const hh_error *error);
void hh__exchange_fail(hh_exchange *exchange, hh_status code, hh_phase phase, const char *format,
                       ...) HH_PRINTF(4, 5);
/* A zeroed one, from the client's store or new; NULL when out of memory. */
hh_exchange *hh__exchange_create(hh_client *client);
/* Gives back what is left of a finished one, or of one that never began. */
void hh__exchange_destroy(hh_exchange *exchange);
void hh__exchange_store_finish(hh_exchange_store *store);
/* Looks for a place for `exchange->wire`. */
void hh__exchange_seek(hh_exchange *exchange);
/* One more attempt on a lent connection, which it takes over. Attempts may race: the first final
 * head wins. */
void hh__exchange_launch(hh_exchange *exchange, hh_pooled *pooled);
/* Forgets an attempt, cancelling it if it is under way. */
void hh__exchange_drop_attempt(hh_exchange *exchange, hh_attempt *attempt);

/* The present URL for a sentence: what is too long ends in "...", so the reason has room behind it.
 */
typedef struct hh_shown_url {
    char text[HH_URL_SHOWN_BYTES];
} hh_shown_url;
hh_shown_url hh__exchange_show_url(const hh_exchange *exchange);

const hh_request *hh__exchange_request(const hh_exchange *exchange);
/* The attempt under way that isn't draining, or NULL. */
hh_attempt *hh__exchange_current(const hh_exchange *exchange);

/* From attempt.c. */
void hh__exchange_on_information(hh_exchange *exchange, const hh_head *head);
hh_flow hh__exchange_on_head(hh_exchange *exchange, hh_attempt *attempt, const hh_head *head);
hh_flow hh__exchange_on_body(hh_exchange *exchange, hh_attempt *attempt, hh_slice data,
                             hh_buf *buf);
size_t hh__exchange_place(hh_exchange *exchange, uint64_t remaining, char **place);
hh_flow hh__exchange_on_placed(hh_exchange *exchange, size_t count);
void hh__exchange_on_want_body(hh_exchange *exchange);
void hh__exchange_on_done(hh_exchange *exchange, hh_attempt *attempt, hh_attempt_state was,
                          const hh_fields *trailers, hh_slice trailer_text);
void hh__exchange_on_failed(hh_exchange *exchange, hh_attempt *attempt, hh_attempt_state was,
                            const hh_error *error);

/* questions.c */
void hh__exchange_ask_resolve(hh_exchange *exchange);
void hh__exchange_ask_redirect(hh_exchange *exchange);
HH_WARN_UNUSED hh_status hh__exchange_answer(hh_exchange *exchange, const hh_answer_data *answer);

/* exchange_deadline.c */
hh_timeouts hh__exchange_timeouts(const hh_exchange *exchange);
void hh__exchange_on_due(hh_timer *timer);
/* The timer is what the present deadlines ask for. May fail the exchange. */
void hh__exchange_set_timer(hh_exchange *exchange);
/* Bounds the present wait: for a place, or for a redirect's body to end. Likewise. */
void hh__exchange_bound_wait(hh_exchange *exchange, int64_t wait_ns);

/* exchange_answer.c */
void hh__exchange_fail_no_memory(hh_exchange *exchange);
/* A node for this exchange, or NULL and the exchange has failed. */
hh_event_node *hh__exchange_take_event(hh_exchange *exchange, hh_event_type type);
/* The head is the answer's. */
void hh__exchange_commit(hh_exchange *exchange);

/* exchange_next.c */
/* Decides whether this head leads elsewhere; then next_wire is set. False: the exchange has failed.
 */
bool hh__exchange_decide_next(hh_exchange *exchange);
/* The request itself is sent again: no redirect. */
bool hh__exchange_repeats(const hh_exchange *exchange);
/* The head led elsewhere: remembers it, and reads its body away if that is cheap. */
void hh__exchange_leave(hh_exchange *exchange);
/* What a head led to, now that it is drained. */
void hh__exchange_follow(hh_exchange *exchange);

/* exchange_body.c */
/* A body is to come: how it is decoded. False: that can't be done, or it is too large, and the
 * exchange has failed. */
bool hh__exchange_expect_body(hh_exchange *exchange);
/* Whether the connection shall go on reading. */
hh_flow hh__exchange_flow(hh_exchange *exchange);
/* Credit came back, a sink was set, the queue was drained: go on reading. */
void hh__exchange_resume(hh_exchange *exchange);

/* trace.c: lines of the story, when the request asked for it. */
void hh__exchange_trace(hh_exchange *exchange, const char *format, ...) HH_PRINTF(2, 3);
void hh__exchange_trace_head(hh_exchange *exchange, hh_trace kind, hh_slice head);
void hh__exchange_trace_launch(hh_exchange *exchange, const hh_attempt *attempt);
/* What is known of the stream and the connection once the answer has begun. */
void hh__exchange_trace_stream(hh_exchange *exchange, const hh_attempt *attempt);

#endif
