/*
 * connector.h - from addresses to one connected stream: several attempts at a time, one winner.
 *
 * Addresses come in pieces, as the resolver finds them; eyeballs.h decides on order and pace. The
 * first socket to connect becomes the stream, the others are closed. A Unix path is one attempt.
 *
 * Leaves to others: names, TLS, the deadline (dial). Belongs to one loop and lives inside its
 * owner's memory, which must last until the end of the run in which it ended or was cancelled.
 */
#ifndef HH_NET_CONNECTOR_H
#define HH_NET_CONNECTOR_H

#include "net/eyeballs.h"
#include "net/stream.h"

typedef struct hh_connector hh_connector;

typedef struct hh_attempt {
    hh_watch watch; /* watched: under way, the attempt owns the descriptor */
    hh_connector *connector;
    hh_address address;
} hh_attempt;

typedef enum hh_connect_call {
    HH_CONNECT_NONE = 0, /* nothing has failed */
    HH_CONNECT_SOCKET,
    HH_CONNECT_BIND,
    HH_CONNECT_CONNECT,
    HH_CONNECT_STREAM /* connected, but no memory or kernel room for the rest */
} hh_connect_call;

#define HH_REMOTE_BYTES 112 /* an address as text, or a Unix path, and a NUL */

struct hh_connector {
    hh_loop *loop;
    void *owner;
    /* The first attempt starts. Like on_end it may be called from any function below but init and
     * cancel. */
    void (*on_begin)(hh_connector *connector);
    /* Over: `stream` is the receiver's, or NULL and describe tells why. Called once. */
    void (*on_end)(hh_connector *connector);

    hh_stream *stream;
    char remote[HH_REMOTE_BYTES]; /* the winner; before, and without one, the last one tried */

    hh_eyeballs eyeballs;
    hh_attempt attempts[HH_ADDRESSES_MAX];
    unsigned started;
    unsigned under_way;
    bool is_over;
    hh_timer timer;
    const char *unix_path;
    hh_address local; /* family AF_UNSPEC: none */
    hh_connect_call failed_call;
    int os_error;
    char failed_remote[HH_REMOTE_BYTES];
};

/* Zeroed memory with loop, owner, on_begin and on_end set. `local`: bind to it and leave out other
 * families, or NULL. */
void hh__connector_init(hh_connector *connector, const hh_address *local);
/* Takes up those of `addresses` it doesn't have yet. */
void hh__connector_add(hh_connector *connector, const hh_address *addresses, size_t count);
/* No more will come. */
void hh__connector_complete(hh_connector *connector);
/* Connects to a Unix socket instead; `path` is borrowed and fits a sockaddr_un. A listener whose
 * backlog is full is asked again every HH_UNIX_RETRY_MS, without end. */
void hh__connector_start_unix(hh_connector *connector, const char *path);
/* Closes every attempt; no on_end afterwards. Harmless when over. */
void hh__connector_cancel(hh_connector *connector);

/* Why there is no stream. */
void hh__connector_describe(const hh_connector *connector, hh_error *error);
/* The same, when the deadline of `after_ms` ended it. */
void hh__connector_describe_timeout(const hh_connector *connector, int64_t after_ms,
                                    hh_error *error);

#endif
