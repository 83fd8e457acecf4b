/*
 * h2_window.h - when a flow-control window is too small for its path (RFC 9113 §6.9, RFC 9002-like
 * reasoning): pure, time and round trip come in as arguments.
 *
 * A sender that is held up by the window uses half of it up within half a round trip; one that the
 * path holds up takes longer. So a window of which half was consumed within two round trips
 * doubles, up to its limit: it ends at some four times bandwidth × delay.
 */
#ifndef HH_CONN_H2_WINDOW_H
#define HH_CONN_H2_WINDOW_H

#include <stdint.h>

typedef struct hh_h2_window {
    uint32_t size; /* bytes the peer may have under way once everything is consumed */
    uint32_t size_max;
    uint32_t epoch_bytes; /* consumed since */
    int64_t epoch_ns;
} hh_h2_window;

void hh__h2_window_init(hh_h2_window *window, uint32_t size, uint32_t size_max, int64_t now_ns);
/* So much more was consumed. Returns the new size when it has grown, else 0. `rtt_ns` 0: unknown,
 * then it doesn't grow. */
uint32_t hh__h2_window_consume(hh_h2_window *window, uint32_t count, int64_t now_ns,
                               int64_t rtt_ns);

#endif
