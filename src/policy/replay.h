/*
 * replay.h - may an attempt that died on its connection be sent once more, unasked?
 *
 * This is about connections that a server closed while they lay idle, found out only by using them
 * (RFC 9112 §9.3.1); about HTTP/2 connections, which end for reasons that have nothing to do with
 * most of what is under way on them; and about HTTP/2 servers that turned a request away
 * unprocessed (RFC 9113 §8.7). An HTTP/1 connection made for the request that then dies is a
 * failure to report, unless that happens to a replay: then the server is going down or coming up,
 * and one more try is likely to be answered. Retries that the caller asked for are another matter.
 * Pure, no I/O.
 */
#ifndef HH_POLICY_REPLAY_H
#define HH_POLICY_REPLAY_H

#include <stdbool.h>

#include <hyperhttp/base.h>

typedef enum hh_replay_connection {
    HH_REPLAY_CONNECTION_FRESH = 0, /* dialled for this attempt */
    HH_REPLAY_CONNECTION_REUSED,    /* had served another exchange before, or lain idle */
    HH_REPLAY_CONNECTION_SHARED     /* HTTP/2: for whoever comes */
} hh_replay_connection;

typedef enum hh_replay_room {
    HH_REPLAY_ROOM_NONE = 0, /* it takes no more calls now, maybe never again */
    HH_REPLAY_ROOM_FREE      /* it would take this one again */
} hh_replay_room;

typedef enum hh_replay_answer {
    HH_REPLAY_ANSWER_NONE = 0,
    HH_REPLAY_ANSWER_BEGUN /* a byte of it was seen, a 1xx one included */
} hh_replay_answer;

typedef enum hh_replay_body {
    HH_REPLAY_BODY_READY = 0, /* none, in memory, rewindable, or not asked for yet */
    HH_REPLAY_BODY_SPENT      /* bytes were taken from the caller that can't be had again */
} hh_replay_body;

typedef struct hh_replay_input {
    hh_status failure;    /* what the attempt died of */
    uint32_t http2_error; /* what the server said about it in a GOAWAY, RFC 9113 §7; 0: nothing */
    hh_slice method;
    hh_replay_connection connection;
    hh_replay_room room;
    hh_replay_answer answer;
    uint64_t sent_bytes; /* of the request, given to the system; 0: provably unsent */
    hh_replay_body body;
    unsigned replays;  /* of this exchange so far */
    unsigned refusals; /* likewise, those that were sent again */
} hh_replay_input;

typedef enum hh_replay {
    HH_REPLAY_NO = 0,  /* report the failure */
    HH_REPLAY_YES,     /* send again, on a fresh connection */
    HH_REPLAY_ANYWHERE /* send again, wherever there is room */
} hh_replay;

hh_replay hh__decide_replay(const hh_replay_input *input);

/* RFC 9110 §9.2.2: the same effect once or several times. Methods we don't know are not. Letter
 * case counts (§9.1). */
bool hh__is_method_idempotent(hh_slice method);

#endif
