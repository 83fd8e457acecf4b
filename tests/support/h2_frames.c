/*
 * h2_frames.c - see h2_frames.h.
 */
#include "support/h2_frames.h"

#include "support/body_sum.h"

#define DATA_MAX 16384

static void put_number(hh_bytes *out, uint32_t value, unsigned bytes)
{
    for (unsigned i = bytes; i-- > 0;)
        hh__bytes_append_char(out, (char)(value >> (8 * i)));
}

void h2_put_frame_header(hh_bytes *out, unsigned type, unsigned flags, uint32_t stream,
                         size_t length)
{
    put_number(out, (uint32_t)length, 3);
    put_number(out, type, 1);
    put_number(out, flags, 1);
    put_number(out, stream, 4);
}

void h2_put_frame(hh_bytes *out, unsigned type, unsigned flags, uint32_t stream, hh_slice payload)
{
    h2_put_frame_header(out, type, flags, stream, payload.length);
    hh__bytes_append_slice(out, payload);
}

void h2_put_settings(hh_bytes *out)
{
    h2_put_frame_header(out, H2_SETTINGS, 0, 0, 0);
}

void h2_put_setting_entry(hh_bytes *payload, unsigned id, uint32_t value)
{
    put_number(payload, id, 2);
    put_number(payload, value, 4);
}

void h2_put_setting(hh_bytes *out, unsigned id, uint32_t value)
{
    h2_put_frame_header(out, H2_SETTINGS, 0, 0, 6);
    h2_put_setting_entry(out, id, value);
}

void h2_put_settings_ack(hh_bytes *out)
{
    h2_put_frame_header(out, H2_SETTINGS, H2_ACK, 0, 0);
}

/* RFC 7541 §5.1 with a prefix of seven bits, the eighth (Huffman) zero. */
static void put_length(hh_bytes *block, size_t length)
{
    if (length < 127) {
        hh__bytes_append_char(block, (char)length);
        return;
    }
    hh__bytes_append_char(block, 127);
    for (length -= 127; length >= 128; length >>= 7)
        hh__bytes_append_char(block, (char)((length & 127) | 128));
    hh__bytes_append_char(block, (char)length);
}

void h2_put_field(hh_bytes *block, hh_slice name, hh_slice value)
{
    hh__bytes_append_char(block, 0);
    put_length(block, name.length);
    hh__bytes_append_slice(block, name);
    put_length(block, value.length);
    hh__bytes_append_slice(block, value);
}

void h2_put_fields(hh_bytes *block, const char *fields)
{
    while (*fields != '\0') {
        size_t length = strcspn(fields, "\n");
        size_t name = 1 + strcspn(fields + 1, ":\n"); /* a pseudo-field begins with a colon */
        size_t value = name < length ? name + 1 : length;
        value += value < length && fields[value] == ' ';
        h2_put_field(block, (hh_slice){fields, name < length ? name : length},
                     (hh_slice){fields + value, length - value});
        fields += length;
        fields += *fields == '\n';
    }
}

static void put_block(hh_bytes *out, unsigned type, unsigned flags, uint32_t stream,
                      const hh_bytes *block)
{
    h2_put_frame(out, type, flags | H2_END_HEADERS, stream, hh__bytes_slice(block));
}

void h2_put_headers(hh_bytes *out, uint32_t stream, unsigned flags, const char *fields)
{
    hh_bytes block;
    hh__bytes_init(&block, SIZE_MAX);
    h2_put_fields(&block, fields);
    put_block(out, H2_HEADERS, flags, stream, &block);
    hh__bytes_finish(&block);
}

void h2_put_data(hh_bytes *out, uint32_t stream, unsigned flags, const char *text)
{
    h2_put_frame(out, H2_DATA, flags, stream, hh_slice_of(text));
}

void h2_put_padded_data(hh_bytes *out, uint32_t stream, unsigned flags, const char *text,
                        uint8_t padding)
{
    h2_put_frame_header(out, H2_DATA, flags | H2_PADDED, stream, strlen(text) + padding + 1u);
    hh__bytes_append_char(out, (char)padding);
    hh__bytes_append_text(out, text);
    for (unsigned i = 0; i < padding; i++)
        hh__bytes_append_char(out, 0);
}

void h2_put_pattern(hh_bytes *out, uint32_t stream, unsigned flags, uint64_t offset, size_t length)
{
    do {
        char data[DATA_MAX];
        size_t part = length < DATA_MAX ? length : DATA_MAX;
        length -= part;
        h2_put_frame_header(out, H2_DATA, length == 0 ? flags : 0, stream, part);
        for (size_t i = 0; i < part; i++)
            data[i] = h2_pattern(offset++);
        hh__bytes_append(out, data, part);
    } while (length > 0);
}

void h2_put_reset(hh_bytes *out, uint32_t stream, uint32_t code)
{
    h2_put_frame_header(out, H2_RST_STREAM, 0, stream, 4);
    put_number(out, code, 4);
}

void h2_put_ping(hh_bytes *out, unsigned flags, const char opaque[8])
{
    h2_put_frame(out, H2_PING, flags, 0, (hh_slice){opaque, 8});
}

void h2_put_goaway(hh_bytes *out, uint32_t last_stream, uint32_t code, const char *debug)
{
    h2_put_frame_header(out, H2_GOAWAY, 0, 0, 8 + strlen(debug));
    put_number(out, last_stream, 4);
    put_number(out, code, 4);
    hh__bytes_append_text(out, debug);
}

void h2_put_window_update(hh_bytes *out, uint32_t stream, uint32_t increment)
{
    h2_put_frame_header(out, H2_WINDOW_UPDATE, 0, stream, 4);
    put_number(out, increment, 4);
}

void h2_put_priority(hh_bytes *out, uint32_t stream, uint32_t depends_on, uint8_t weight)
{
    h2_put_frame_header(out, H2_PRIORITY, 0, stream, 5);
    put_number(out, depends_on, 4);
    put_number(out, weight, 1);
}

void h2_put_push_promise(hh_bytes *out, uint32_t stream, uint32_t promised, const char *fields)
{
    hh_bytes block;
    hh__bytes_init(&block, SIZE_MAX);
    put_number(&block, promised, 4);
    h2_put_fields(&block, fields);
    put_block(out, H2_PUSH_PROMISE, 0, stream, &block);
    hh__bytes_finish(&block);
}

char h2_pattern(uint64_t offset)
{
    return (char)(offset * 31 + offset / 251);
}

uint32_t h2_pattern_sum(uint64_t length)
{
    uint32_t sum = BODY_SUM_START;
    for (uint64_t i = 0; i < length; i++) {
        char c = h2_pattern(i);
        sum = body_sum(sum, &c, 1);
    }
    return sum;
}
