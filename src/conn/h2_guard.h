/*
 * h2_guard.h - counts what an HTTP/2 peer sends in vain, before the framing library sees it.
 *
 * Reads frame headers only (RFC 9113 §4.1) out of the bytes as they arrive, in any pieces, and
 * holds each kind against a named limit (base/limits.h, HH_H2_): SETTINGS, PING, RST_STREAM,
 * PRIORITY, WINDOW_UPDATE, empty DATA, CONTINUATION and the header block it belongs to,
 * PUSH_PROMISE, unknown types, frame size; and that the first frame is SETTINGS. The framing
 * library has bounds of its own, but older releases lack some. Pure: time comes in as an argument.
 * Errors: RFC 9113 §7 codes; ENHANCE_YOUR_CALM for too much of what is legal, PROTOCOL_ERROR or
 * FRAME_SIZE_ERROR for what never is.
 */
#ifndef HH_CONN_H2_GUARD_H
#define HH_CONN_H2_GUARD_H

#include <stdbool.h>

#include <hyperhttp/base.h>

/* An allowance that fills up again with time. */
typedef struct hh_h2_bucket {
    uint32_t used;
    int64_t since_ns; /* when it last filled up by one or more */
} hh_h2_bucket;

typedef struct hh_h2_guard {
    unsigned char header[9]; /* of the frame that is arriving */
    uint32_t header_length;
    uint32_t payload_left;  /* of the present frame, to be skipped */
    uint8_t pad_left;       /* 1: the next payload byte is a DATA frame's pad length */
    bool has_begun;         /* the first frame has come, and was SETTINGS (RFC 9113 §3.4) */
    uint32_t block_bytes;   /* of the last header block */
    uint32_t continuations; /* likewise */
    uint32_t resets;
    uint32_t priorities;
    uint64_t window_updates;
    uint64_t opened;     /* streams of ours */
    uint64_t data_sent;  /* DATA frames of ours */
    uint64_t data_bytes; /* in those */
    uint64_t pings_free; /* PING frames that those account for */
    hh_h2_bucket settings, pings, empty_data, unknown;
} hh_h2_guard;

typedef struct hh_h2_verdict {
    uint32_t error; /* RFC 9113 §7; 0: go on */
    const char
        *problem; /* "more than 32 SETTINGS frames in no time"; static, NULL when error is 0 */
} hh_h2_verdict;

void hh__h2_guard_init(hh_h2_guard *guard);
/* Looks at the next received bytes. Once it has said no it isn't to be asked again. */
hh_h2_verdict hh__h2_guard_scan(hh_h2_guard *guard, hh_slice data, int64_t now_ns);

static inline void hh__h2_guard_opened(hh_h2_guard *guard)
{
    guard->opened++;
}
static inline void hh__h2_guard_sent_data(hh_h2_guard *guard, size_t bytes)
{
    guard->data_sent++;
    guard->data_bytes += bytes;
}

#endif
