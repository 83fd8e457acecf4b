/*
 * h2_guard.c - see h2_guard.h for the contract.
 *
 * A frame costs its nine header bytes and a few comparisons; its payload is passed over by
 * arithmetic, but for the pad length of a DATA frame. Everything is judged at a fixed byte, so
 * whole and split input end alike. What a frame contains, and whether it may come now, is for the
 * framing library to say.
 */
#include "conn/h2_guard.h"

#include <nghttp2/nghttp2.h>
#include <stdbool.h>

#include "base/limits.h"

#define HEADER_BYTES sizeof(((hh_h2_guard *)NULL)->header)
#define SETTINGS_ENTRY_BYTES 6
/* RFC 9218 §7.1; older headers of nghttp2 don't name it. */
#define FRAME_PRIORITY_UPDATE 0x10

#define TEXT_OF_TOKENS(tokens) #tokens
#define TEXT_OF(macro) TEXT_OF_TOKENS(macro)

static const hh_h2_verdict go_on = {NGHTTP2_NO_ERROR, NULL};

typedef struct frame_header {
    uint32_t length;
    uint8_t type;
    uint8_t flags;
} frame_header;

void hh__h2_guard_init(hh_h2_guard *guard)
{
    *guard = (hh_h2_guard){.header_length = 0};
}

static hh_h2_verdict too_much(const char *problem)
{
    return (hh_h2_verdict){NGHTTP2_ENHANCE_YOUR_CALM, problem};
}

/* Takes one out of the allowance; false when there is none left. */
static inline bool take(hh_h2_bucket *bucket, uint32_t burst, uint32_t per_s, int64_t now_ns)
{
    int64_t interval_ns = 1000000000 / per_s;
    int64_t passed_ns = now_ns - bucket->since_ns;
    if (bucket->used == 0) {
        bucket->since_ns = now_ns;
    } else if (passed_ns >= interval_ns) {
        int64_t filled = passed_ns / interval_ns;
        bool is_full = filled >= bucket->used;
        bucket->used = is_full ? 0 : bucket->used - (uint32_t)filled;
        bucket->since_ns = is_full ? now_ns : bucket->since_ns + filled * interval_ns;
    }
    if (bucket->used >= burst)
        return false;
    bucket->used++;
    return true;
}

static hh_h2_verdict count_empty_data(hh_h2_guard *guard, int64_t now_ns)
{
    if (take(&guard->empty_data, HH_H2_EMPTY_DATA_BURST, HH_H2_EMPTY_DATA_PER_S, now_ns))
        return go_on;
    return too_much("more than " TEXT_OF(HH_H2_EMPTY_DATA_BURST) " empty DATA frames in no time");
}

static hh_h2_verdict judge_data(hh_h2_guard *guard, frame_header frame, int64_t now_ns)
{
    if ((frame.flags & NGHTTP2_FLAG_END_STREAM) != 0)
        return go_on;
    if (frame.length == 0)
        return count_empty_data(guard, now_ns);
    guard->pad_left = (frame.flags & NGHTTP2_FLAG_PADDED) != 0 ? 1 : 0;
    return go_on;
}

/* RFC 9113 §6.1: the padding, and before it its length, aren't body. Padding over the frame's end
 * is for the framing library to refuse. */
static hh_h2_verdict judge_padding(hh_h2_guard *guard, uint8_t pad_length, int64_t now_ns)
{
    guard->pad_left = 0;
    guard->payload_left--;
    return pad_length >= guard->payload_left ? count_empty_data(guard, now_ns) : go_on;
}

/* RFC 9113 §6.10: a block is HEADERS and the CONTINUATION frames up to the next HEADERS; that none
 * comes after END_HEADERS is for the framing library to see to. */
static hh_h2_verdict judge_block(hh_h2_guard *guard, frame_header frame)
{
    if (frame.type == NGHTTP2_HEADERS) {
        guard->block_bytes = 0;
        guard->continuations = 0;
    } else if (++guard->continuations > HH_H2_CONTINUATIONS_MAX) {
        return too_much(
            "a header block in more than " TEXT_OF(HH_H2_CONTINUATIONS_MAX) " CONTINUATION frames");
    }
    guard->block_bytes += frame.length;
    if (guard->block_bytes > HH_H2_HEADER_BLOCK_MAX_BYTES)
        return too_much(
            "a coded header block over " TEXT_OF(HH_H2_HEADER_BLOCK_MAX_BYTES) " bytes");
    return go_on;
}

static hh_h2_verdict judge_settings(hh_h2_guard *guard, frame_header frame, int64_t now_ns)
{
    if ((frame.flags & NGHTTP2_FLAG_ACK) == 0 &&
        frame.length / SETTINGS_ENTRY_BYTES > HH_H2_SETTINGS_ENTRIES_MAX)
        return too_much(
            "a SETTINGS frame of more than " TEXT_OF(HH_H2_SETTINGS_ENTRIES_MAX) " entries");
    if (!take(&guard->settings, HH_H2_SETTINGS_BURST, HH_H2_SETTINGS_PER_S, now_ns))
        return too_much("more than " TEXT_OF(HH_H2_SETTINGS_BURST) " SETTINGS frames in no time");
    return go_on;
}

static hh_h2_verdict judge_goaway(hh_h2_guard *guard, int64_t now_ns)
{
    if (take(&guard->settings, HH_H2_SETTINGS_BURST, HH_H2_SETTINGS_PER_S, now_ns))
        return go_on;
    return too_much("more than " TEXT_OF(HH_H2_SETTINGS_BURST) " SETTINGS and GOAWAY frames in no "
                                                               "time");
}

/* A peer that measures its path asks about once a round trip while we send it a body. */
static hh_h2_verdict judge_ping(hh_h2_guard *guard, int64_t now_ns)
{
    if (guard->pings_free < guard->data_sent) {
        guard->pings_free++;
        return go_on;
    }
    if (take(&guard->pings, HH_H2_PING_BURST, HH_H2_PING_PER_S, now_ns))
        return go_on;
    return too_much("more than " TEXT_OF(HH_H2_PING_BURST) " PING frames in no time");
}

static hh_h2_verdict judge_reset(hh_h2_guard *guard)
{
    if (++guard->resets > guard->opened + HH_H2_RESET_SLACK)
        return too_much("far more RST_STREAM frames than streams");
    return go_on;
}

static hh_h2_verdict judge_priority(hh_h2_guard *guard)
{
    if (++guard->priorities > guard->opened + HH_H2_PRIORITY_SLACK)
        return too_much("far more PRIORITY frames than streams");
    return go_on;
}

/* Some servers return credit for each piece that their application reads, however small, and that
 * twice: to the stream and to the connection. */
static hh_h2_verdict judge_window_update(hh_h2_guard *guard)
{
    uint64_t allowed = 4 * (guard->opened + guard->data_sent) +
                       guard->data_bytes / HH_H2_WINDOW_UPDATE_BYTES + HH_H2_WINDOW_UPDATE_SLACK;
    if (++guard->window_updates > allowed)
        return too_much("far more WINDOW_UPDATE frames than streams and DATA frames");
    return go_on;
}

static hh_h2_verdict judge_unknown(hh_h2_guard *guard, int64_t now_ns)
{
    if (take(&guard->unknown, HH_H2_UNKNOWN_BURST, HH_H2_UNKNOWN_PER_S, now_ns))
        return go_on;
    return too_much(
        "more than " TEXT_OF(HH_H2_UNKNOWN_BURST) " frames of unknown types in no time");
}

static hh_h2_verdict judge_type(hh_h2_guard *guard, frame_header frame, int64_t now_ns)
{
    switch (frame.type) {
    case NGHTTP2_DATA:
        return judge_data(guard, frame, now_ns);
    case NGHTTP2_HEADERS:
    case NGHTTP2_CONTINUATION:
        return judge_block(guard, frame);
    case NGHTTP2_PRIORITY:
    case FRAME_PRIORITY_UPDATE:
        return judge_priority(guard);
    case NGHTTP2_RST_STREAM:
        return judge_reset(guard);
    case NGHTTP2_SETTINGS:
        return judge_settings(guard, frame, now_ns);
    case NGHTTP2_PUSH_PROMISE: /* RFC 9113 §8.4: SETTINGS_ENABLE_PUSH is 0 */
        return (hh_h2_verdict){NGHTTP2_PROTOCOL_ERROR, "PUSH_PROMISE, though push is off"};
    case NGHTTP2_PING:
        return judge_ping(guard, now_ns);
    case NGHTTP2_GOAWAY:
        return judge_goaway(guard, now_ns);
    case NGHTTP2_WINDOW_UPDATE:
        return judge_window_update(guard);
    default:
        return judge_unknown(guard, now_ns);
    }
}

/* The server's preface is its SETTINGS, never their acknowledgement (RFC 9113 §3.4). */
static hh_h2_verdict judge_first(const unsigned char *bytes, frame_header frame)
{
    static const char http1[] = "HTTP/1.";
    if (memcmp(bytes, http1, sizeof(http1) - 1) == 0)
        return (hh_h2_verdict){NGHTTP2_PROTOCOL_ERROR, "it answered in HTTP/1"};
    if (frame.type != NGHTTP2_SETTINGS || (frame.flags & NGHTTP2_FLAG_ACK) != 0)
        return (hh_h2_verdict){NGHTTP2_PROTOCOL_ERROR,
                               "it began with something else than SETTINGS"};
    return go_on;
}

static hh_h2_verdict judge(hh_h2_guard *guard, const unsigned char *bytes, int64_t now_ns)
{
    frame_header frame = {
        .length = (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 8 | bytes[2],
        .type = bytes[3],
        .flags = bytes[4],
    };
    if (!guard->has_begun) {
        hh_h2_verdict verdict = judge_first(bytes, frame);
        if (verdict.error != NGHTTP2_NO_ERROR)
            return verdict;
        guard->has_begun = true;
    }
    if (frame.length > HH_H2_FRAME_MAX_BYTES)
        return (hh_h2_verdict){NGHTTP2_FRAME_SIZE_ERROR,
                               "a frame over " TEXT_OF(HH_H2_FRAME_MAX_BYTES) " bytes"};
    guard->payload_left = frame.length;
    return judge_type(guard, frame, now_ns);
}

/* The frame header that begins at `at`, or NULL until all of it has come. Moves *at on. */
static const unsigned char *next_header(hh_h2_guard *guard, const unsigned char **at,
                                        const unsigned char *end)
{
    size_t available = (size_t)(end - *at);
    if (guard->header_length == 0 && available >= HEADER_BYTES) {
        const unsigned char *whole = *at;
        *at += HEADER_BYTES;
        return whole;
    }
    size_t missing = HEADER_BYTES - guard->header_length;
    size_t count = available < missing ? available : missing;
    memcpy(guard->header + guard->header_length, *at, count);
    guard->header_length += (uint32_t)count;
    *at += count;
    if (guard->header_length < HEADER_BYTES)
        return NULL;
    guard->header_length = 0;
    return guard->header;
}

hh_h2_verdict hh__h2_guard_scan(hh_h2_guard *guard, hh_slice data, int64_t now_ns)
{
    const unsigned char *at = (const unsigned char *)data.data;
    const unsigned char *end = at + data.length;
    hh_h2_verdict verdict = go_on;
    while (at < end && verdict.error == NGHTTP2_NO_ERROR) {
        size_t available = (size_t)(end - at);
        if (guard->pad_left != 0) {
            verdict = judge_padding(guard, *at++, now_ns);
        } else if (guard->payload_left != 0) {
            uint32_t left = guard->payload_left;
            uint32_t count = available < left ? (uint32_t)available : left;
            guard->payload_left -= count;
            at += count;
        } else {
            const unsigned char *header = next_header(guard, &at, end);
            if (header != NULL)
                verdict = judge(guard, header, now_ns);
        }
    }
    return verdict;
}
