/*
 * client.h - the client's inside: what its parts share. Everything here is under the client's lock.
 *
 * client.c: life, step, statistics. submit.c: the calls of hyperhttp/event.h. blocking.c: hh_get,
 * hh_send, hh_send_all. channel.c: hyperhttp/channel.h. driver.c: how the last two wait.
 */
#ifndef HH_CLIENT_CLIENT_H
#define HH_CLIENT_CLIENT_H

#include <pthread.h>

#include "client/driver.h"
#include "client/exchange.h"

/* Exchanges by id: index and generation, so that a stale id finds nothing. */
typedef struct hh_exchange_slot {
    hh_exchange *exchange;
    uint32_t generation;
    uint32_t next_free;
} hh_exchange_slot;

typedef struct hh_exchange_table {
    hh_exchange_slot *slots;
    uint32_t capacity;
    uint32_t free_head; /* index + 1; 0: none */
    uint32_t count;
} hh_exchange_table;

struct hh_client {
    pthread_mutex_t mutex;
    hh_settings settings;
    hh_loop *loop;
    hh_resolver *resolver;
    hh_buf_pool buffers;
    hh_conn_env env;
    hh_pool pool;
    hh_events events;
    hh_exchange_table table;
    hh_attempt_store attempts;
    hh_exchange_store exchanges;
    hh_list ready;   /* exchanges to be resumed, by the task */
    hh_list stalled; /* exchanges the full event queue holds up */
    hh_task ready_task;
    hh_list channels;   /* all that aren't closed */
    hh_list blocked;    /* hh_sleeper: threads in blocking calls, not driving */
    hh_sleeper *driver; /* the one that waits on the loop for all, or NULL */
    size_t pending;     /* submits whose terminal event isn't pulled */
    size_t in_flight;
    unsigned waiting_steps; /* threads that wait in hh_client_step */
    uint64_t serial;        /* of all clients this process ever made: tells one from the next at the
                               same address */
    bool is_stepping;       /* events queued now need no wake */
    bool is_closed;
    hh_client_stats stats; /* the counters; the rest is filled in on request */
};

const hh_settings *hh__client_settings(const hh_client *client);
/* Takes the lock. False, and it isn't taken, in a child after fork: it may never come free there.
 */
HH_WARN_UNUSED bool hh__client_lock(hh_client *client);

/* Makes an exchange with an id; fixes the request. `mailbox` NULL: events. HH_ERR_NO_MEMORY,
 * HH_ERR_LIMIT, HH_ERR_INVALID_ARGUMENT, HH_ERR_CLIENT_CLOSED. */
HH_WARN_UNUSED hh_status hh__client_admit(hh_client *client, hh_request *request,
                                          hh_exchange **out);
/* Why hh__client_admit refused `request` by `status`, as far as the status alone doesn't say. */
const char *hh__client_describe_refusal(const hh_client *client, const hh_request *request,
                                        hh_status status);
/* The exchange of a living id, or NULL. */
hh_exchange *hh__client_find(const hh_client *client, hh_id id);
/* Frees an exchange that is over, and its id. */
void hh__client_forget(hh_client *client, hh_exchange *exchange);
/* The same at the end of the run, since somebody up the stack may still look at it. */
void hh__client_retire(hh_client *client, hh_exchange *exchange);
/* Queues an event of the exchange: in its channel, or with the client, whose descriptor it makes
 * readable unless a step is under way. */
void hh__client_emit(hh_exchange *exchange, hh_event_node *node);
/* Brings a pulled event up to date for its reader. False: it isn't true any more, to be skipped. */
bool hh__client_present(hh_client *client, hh_event_node *node);
/* Runs the loop once, without waiting. */
hh_status hh__client_run(hh_client *client);
/* The client's lists: to be resumed in the next run; or when the queue has drained. */
void hh__client_make_ready(hh_client *client, hh_exchange *exchange);

/* blocking.c: an exchange with a mailbox is over. Takes `response` (may be NULL), copies `error`.
 */
void hh__mailbox_deliver(hh_client *client, hh_exchange *exchange, hh_response *response,
                         const hh_error *error);

/* channel.c: takes an event. */
void hh__channel_deliver(hh_channel *channel, hh_event_node *node);
/* The client is about to be destroyed: the channel keeps nothing of it. */
void hh__channel_orphan(hh_link *link);

#endif
