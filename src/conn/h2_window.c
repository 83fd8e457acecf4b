/*
 * h2_window.c - see h2_window.h.
 */
#include "conn/h2_window.h"

#define ROUND_TRIPS 2

void hh__h2_window_init(hh_h2_window *window, uint32_t size, uint32_t size_max, int64_t now_ns)
{
    window->size = size;
    window->size_max = size_max;
    window->epoch_bytes = 0;
    window->epoch_ns = now_ns;
}

uint32_t hh__h2_window_consume(hh_h2_window *window, uint32_t count, int64_t now_ns, int64_t rtt_ns)
{
    window->epoch_bytes += count;
    if (window->epoch_bytes < window->size / 2)
        return 0;
    int64_t spent_ns = now_ns - window->epoch_ns;
    window->epoch_bytes = 0;
    window->epoch_ns = now_ns;
    if (rtt_ns == 0 || spent_ns > ROUND_TRIPS * rtt_ns || window->size >= window->size_max)
        return 0;
    window->size = window->size > window->size_max / 2 ? window->size_max : window->size * 2;
    return window->size;
}
