/*
 * h2_peer.h - the other side's view of an HTTP/2 client: reads what it wrote, frame by frame, as a
 * text, and holds it to RFC 9113.
 *
 * Always checked, by abort: the preface and SETTINGS come first; frames fit into MAX_FRAME_SIZE and
 * into both windows; streams are opened in order, by HEADERS, at most as many at once as allowed;
 * nothing follows the end of a stream's own side but what may; header blocks are in one piece and
 * can be decoded; every ACK answers something. What this side allows is learned from its own bytes
 * (h2_peer_said): settings count from their ACK on. Nothing is allocated after h2_peer_init.
 */
#ifndef TESTS_SUPPORT_H2_PEER_H
#define TESTS_SUPPORT_H2_PEER_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>

#include "support/h2_frames.h"
#include "support/text_log.h"

#define H2_PEER_STREAMS_MAX 4096
#define H2_PEER_TEXT_BYTES 65536
#define H2_PEER_SETTINGS_MAX 1024

/* A stream as this side sees it. */
typedef struct h2_seen {
    bool is_opened;
    bool has_ended;     /* END_STREAM came */
    bool is_reset;      /* RST_STREAM came */
    bool have_we_ended; /* by END_STREAM or RST_STREAM */
    uint32_t reset_code;
    uint64_t data_bytes; /* of DATA, without padding */
    uint32_t data_sum;   /* body_sum of it */
    int64_t credit;      /* for the client, beyond the initial window: updates less DATA */
    int64_t allowance;   /* for us, beyond the client's initial window */
} h2_seen;

/* One SETTINGS frame of ours that waits for its ACK; UINT32_MAX: not named in it. */
typedef struct h2_setting_change {
    uint32_t streams_max;
    uint32_t window;
    uint32_t frame_max;
} h2_setting_change;

typedef struct h2_peer {
    nghttp2_hd_inflater *inflater;
    size_t looked_at; /* bytes of the client's */
    bool has_preface;
    bool has_settings;
    bool has_goaway; /* the client's */
    uint32_t goaway_code;
    uint32_t last_id; /* of the client's streams */
    uint32_t base_id; /* streams are remembered from this one on; 1 at first */
    uint32_t open_count;
    uint32_t frames; /* of the client's */
    unsigned acks;   /* of SETTINGS */
    unsigned ping_acks;
    unsigned pings;
    int64_t credit;    /* of the connection, for the client */
    int64_t allowance; /* of the connection, for us */
    uint32_t client_window;
    uint32_t client_header_list;
    h2_setting_change now; /* as the client has acknowledged */
    h2_setting_change waiting[H2_PEER_SETTINGS_MAX];
    unsigned waiting_first;
    unsigned waiting_count;
    unsigned pings_open; /* of ours, unanswered */
    /* Our own bytes, as far as they make a frame. */
    unsigned char own[64];
    uint32_t own_have;
    uint32_t own_skip;
    h2_seen streams[H2_PEER_STREAMS_MAX];
    text_log written;
    char text[H2_PEER_TEXT_BYTES]; /* emptied by h2_peer_forget */
} h2_peer;

void h2_peer_init(h2_peer *peer);
void h2_peer_finish(h2_peer *peer);
/* These bytes are on their way to the client. */
void h2_peer_said(h2_peer *peer, const char *data, size_t length);
/* Everything the client has written so far; looks at what is new and whole. */
void h2_peer_look(h2_peer *peer, const char *data, size_t length);
/* Empties the text. */
void h2_peer_forget(h2_peer *peer);
h2_seen *h2_peer_stream(h2_peer *peer, uint32_t id);
/* How many bytes of DATA this side may send now on the stream. */
int64_t h2_peer_may_send(h2_peer *peer, uint32_t id);

#endif
