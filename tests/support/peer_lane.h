/*
 * peer_lane.h - what peer.c and peer_h2.c share: a lane is one play of a script over a socket pair.
 *
 * Where the client speaks HTTP/2, peer.c accepts a connection and peer_h2.c serves it; each request
 * is written to a lane as HTTP/1, and what the script answers there is read back. So a lane is to a
 * script what a connection is where the client speaks HTTP/1.
 */
#ifndef TEST_PEER_LANE_H
#define TEST_PEER_LANE_H

#include <stdbool.h>

#include "support/peer.h"

typedef enum peer_lane_state {
    PEER_LANE_RESTS, /* the script reads, or waits */
    PEER_LANE_ENDED, /* the script is over: the server closed */
    PEER_LANE_RESET  /* likewise, by PEER_RESET */
} peer_lane_state;

/* Plays the next script. Returns our end of its socket pair, without blocking, ours to close. */
int peer__lane_open(peer *p, size_t *index);
/* How the lane's script stands, once it has sent what it has to send: for a lane whose answer has
 * been read in full. */
peer_lane_state peer__lane_look(peer *p, size_t index);
/* MAX_CONCURRENT_STREAMS */
uint32_t peer__streams(const peer *p);
/* How the connection that begins now is to be left. */
peer_leaving peer__leaving(peer *p);
/* Readable when the peer is being stopped. */
int peer__stop_fd(const peer *p);

/* Serves HTTP/2 on `fd`, which it takes over, until either side ends it. */
void peer__h2_serve(peer *p, int fd);

#endif
