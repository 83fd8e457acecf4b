/*
 * h2_frames.h - HTTP/2 frames written by hand (RFC 9113 §4.1, §6), right ones and wrong ones.
 *
 * Each function appends one frame to `out`. Header blocks are literals that are neither indexed nor
 * Huffman-coded (RFC 7541 §6.2.2), so that a block's bytes don't depend on those before it. Fields
 * are written as text: "name: value" lines, joined by "\n".
 */
#ifndef TESTS_SUPPORT_H2_FRAMES_H
#define TESTS_SUPPORT_H2_FRAMES_H

#include "base/bytes.h"

#define H2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define H2_FRAME_HEADER_BYTES 9

enum {
    H2_DATA = 0,
    H2_HEADERS = 1,
    H2_PRIORITY = 2,
    H2_RST_STREAM = 3,
    H2_SETTINGS = 4,
    H2_PUSH_PROMISE = 5,
    H2_PING = 6,
    H2_GOAWAY = 7,
    H2_WINDOW_UPDATE = 8,
    H2_CONTINUATION = 9,
    H2_ALTSVC = 10,
    H2_PRIORITY_UPDATE = 16
};

enum { H2_ACK = 1, H2_END_STREAM = 1, H2_END_HEADERS = 4, H2_PADDED = 8, H2_WITH_PRIORITY = 32 };

enum {
    H2_HEADER_TABLE_SIZE = 1,
    H2_ENABLE_PUSH = 2,
    H2_MAX_CONCURRENT_STREAMS = 3,
    H2_INITIAL_WINDOW_SIZE = 4,
    H2_MAX_FRAME_SIZE = 5,
    H2_MAX_HEADER_LIST_SIZE = 6
};

enum {
    H2_NO_ERROR = 0,
    H2_PROTOCOL_ERROR = 1,
    H2_INTERNAL_ERROR = 2,
    H2_FLOW_CONTROL_ERROR = 3,
    H2_STREAM_CLOSED = 5,
    H2_FRAME_SIZE_ERROR = 6,
    H2_REFUSED_STREAM = 7,
    H2_CANCEL = 8,
    H2_COMPRESSION_ERROR = 9,
    H2_ENHANCE_YOUR_CALM = 11
};

/* The frame header alone; `length` is what it claims. */
void h2_put_frame_header(hh_bytes *out, unsigned type, unsigned flags, uint32_t stream,
                         size_t length);
void h2_put_frame(hh_bytes *out, unsigned type, unsigned flags, uint32_t stream, hh_slice payload);

/* One setting, none for an empty frame; more by h2_put_setting_entry in a frame of one's own. */
void h2_put_settings(hh_bytes *out);
void h2_put_setting(hh_bytes *out, unsigned id, uint32_t value);
void h2_put_setting_entry(hh_bytes *payload, unsigned id, uint32_t value);
void h2_put_settings_ack(hh_bytes *out);

/* Coded fields alone, to be cut into frames. */
void h2_put_field(hh_bytes *block, hh_slice name, hh_slice value);
void h2_put_fields(hh_bytes *block, const char *fields);
/* A whole block in one HEADERS frame; `flags`: H2_END_STREAM or 0. */
void h2_put_headers(hh_bytes *out, uint32_t stream, unsigned flags, const char *fields);

void h2_put_data(hh_bytes *out, uint32_t stream, unsigned flags, const char *text);
/* With `padding` bytes and the byte that counts them. */
void h2_put_padded_data(hh_bytes *out, uint32_t stream, unsigned flags, const char *text,
                        uint8_t padding);
/* `length` bytes of h2_pattern, beginning with number `offset`, in frames of at most 16384. */
void h2_put_pattern(hh_bytes *out, uint32_t stream, unsigned flags, uint64_t offset, size_t length);
void h2_put_reset(hh_bytes *out, uint32_t stream, uint32_t code);
void h2_put_ping(hh_bytes *out, unsigned flags, const char opaque[8]);
void h2_put_goaway(hh_bytes *out, uint32_t last_stream, uint32_t code, const char *debug);
void h2_put_window_update(hh_bytes *out, uint32_t stream, uint32_t increment);
void h2_put_priority(hh_bytes *out, uint32_t stream, uint32_t depends_on, uint8_t weight);
void h2_put_push_promise(hh_bytes *out, uint32_t stream, uint32_t promised, const char *fields);

/* The byte that stands at `offset` in every large test body. */
char h2_pattern(uint64_t offset);

/* The body_sum (support/body_sum.h) of as many as that from the first on. */
uint32_t h2_pattern_sum(uint64_t length);

#endif
