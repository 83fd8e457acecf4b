/*
 * h2_peer.c - see h2_peer.h.
 */
#include "support/h2_peer.h"

#include <string.h>

#include "support/body_sum.h"
#include "support/check.h"

#define DEFAULT_WINDOW 65535
#define DATA_SHOWN_BYTES 64
#define NOT_NAMED UINT32_MAX

typedef struct frame {
    unsigned type;
    unsigned flags;
    uint32_t stream;
    const unsigned char *payload;
    size_t length;
} frame;

void h2_peer_forget(h2_peer *peer)
{
    text_log_clear(&peer->written);
}

/* --- Frames ----------------------------------------------------------------------------------- */

static uint32_t number(const unsigned char *data, unsigned bytes)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | data[i];
    return value;
}

static uint32_t id_at(const unsigned char *data)
{
    return number(data, 4) & 0x7fffffff;
}

static frame frame_of(const unsigned char *data)
{
    return (frame){.type = data[3],
                   .flags = data[4],
                   .stream = id_at(data + 5),
                   .payload = data + H2_FRAME_HEADER_BYTES,
                   .length = number(data, 3)};
}

/* --- Streams ---------------------------------------------------------------------------------- */

void h2_peer_init(h2_peer *peer)
{
    memset(peer, 0, sizeof *peer);
    text_log_init(&peer->written, peer->text, sizeof peer->text);
    CHECK(nghttp2_hd_inflate_new(&peer->inflater) == 0);
    peer->base_id = 1;
    peer->credit = peer->allowance = DEFAULT_WINDOW;
    peer->client_window = DEFAULT_WINDOW;
    peer->now = (h2_setting_change){NOT_NAMED, DEFAULT_WINDOW, 16384};
}

void h2_peer_finish(h2_peer *peer)
{
    nghttp2_hd_inflate_del(peer->inflater);
    peer->inflater = NULL;
}

h2_seen *h2_peer_stream(h2_peer *peer, uint32_t id)
{
    static h2_seen spare; /* beyond what is remembered, and even ones */
    if (id % 2 == 0 || id < peer->base_id || (id - peer->base_id) / 2 >= H2_PEER_STREAMS_MAX)
        return &spare;
    return &peer->streams[(id - peer->base_id) / 2];
}

int64_t h2_peer_may_send(h2_peer *peer, uint32_t id)
{
    int64_t stream = h2_peer_stream(peer, id)->allowance + peer->client_window;
    return stream < peer->allowance ? stream : peer->allowance;
}

static void close_if_over(h2_peer *peer, const h2_seen *seen, bool was_open)
{
    bool is_open = seen->is_opened && !seen->is_reset && !(seen->has_ended && seen->have_we_ended);
    if (was_open && !is_open)
        peer->open_count--;
}

static bool is_open(const h2_seen *seen)
{
    return seen->is_opened && !seen->is_reset && !(seen->has_ended && seen->have_we_ended);
}

/* --- Our own bytes ---------------------------------------------------------------------------- */

static void note_settings(h2_peer *peer, const frame *f)
{
    h2_setting_change change = {NOT_NAMED, NOT_NAMED, NOT_NAMED};
    if ((f->flags & H2_ACK) != 0)
        return;
    for (size_t at = 0; at + 6 <= f->length && at + 6 <= sizeof peer->own; at += 6) {
        uint32_t value = number(f->payload + at + 2, 4);
        switch (number(f->payload + at, 2)) {
        case H2_MAX_CONCURRENT_STREAMS:
            change.streams_max = value;
            break;
        case H2_INITIAL_WINDOW_SIZE:
            change.window = value;
            break;
        case H2_MAX_FRAME_SIZE:
            change.frame_max = value;
            break;
        default:
            break;
        }
    }
    if (peer->waiting_count == H2_PEER_SETTINGS_MAX)
        return;
    peer->waiting[(peer->waiting_first + peer->waiting_count++) % H2_PEER_SETTINGS_MAX] = change;
}

static void note_own(h2_peer *peer, const frame *f)
{
    h2_seen *seen = h2_peer_stream(peer, f->stream);
    bool was_open = is_open(seen);
    switch (f->type) {
    case H2_SETTINGS:
        note_settings(peer, f);
        break;
    case H2_WINDOW_UPDATE:
        if (f->length == 4 && f->stream == 0)
            peer->credit += id_at(f->payload);
        else if (f->length == 4)
            seen->credit += id_at(f->payload);
        break;
    case H2_PING:
        if ((f->flags & H2_ACK) == 0)
            peer->pings_open++;
        break;
    case H2_DATA:
        peer->allowance -= (int64_t)f->length;
        seen->allowance -= (int64_t)f->length;
        seen->have_we_ended = seen->have_we_ended || (f->flags & H2_END_STREAM) != 0;
        break;
    case H2_HEADERS:
        seen->have_we_ended = seen->have_we_ended || (f->flags & H2_END_STREAM) != 0;
        break;
    case H2_RST_STREAM:
        seen->have_we_ended = true;
        if (was_open && !seen->has_ended) { /* both sides at once */
            peer->open_count--;
            seen->is_opened = false;
        }
        break;
    default:
        break;
    }
    if (seen->is_opened)
        close_if_over(peer, seen, was_open);
}

void h2_peer_said(h2_peer *peer, const char *data, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (peer->own_skip > 0) {
            peer->own_skip--;
            continue;
        }
        peer->own[peer->own_have++] = (unsigned char)data[i];
        if (peer->own_have < H2_FRAME_HEADER_BYTES)
            continue;
        frame f = frame_of(peer->own);
        size_t kept = sizeof peer->own - H2_FRAME_HEADER_BYTES;
        size_t wanted = f.length < kept ? f.length : kept;
        if (peer->own_have < H2_FRAME_HEADER_BYTES + wanted)
            continue;
        note_own(peer, &f);
        peer->own_have = 0;
        peer->own_skip = (uint32_t)(f.length - wanted);
    }
}

/* --- The client's bytes ----------------------------------------------------------------------- */

static void take_block(h2_peer *peer, const frame *f)
{
    const unsigned char *data = f->payload;
    size_t length = f->length;
    for (;;) {
        nghttp2_nv nv;
        int flags = 0;
        ssize_t used = nghttp2_hd_inflate_hd2(peer->inflater, &nv, &flags, data, length, 1);
        CHECK(used >= 0);
        data += used;
        length -= (size_t)used;
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
            text_log_add_field(&peer->written, (hh_slice){(const char *)nv.name, nv.namelen},
                               (hh_slice){(const char *)nv.value, nv.valuelen});
        }
        if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0)
            break;
    }
    CHECK(length == 0);
    nghttp2_hd_inflate_end_headers(peer->inflater);
}

static void take_headers(h2_peer *peer, const frame *f)
{
    h2_seen *seen = h2_peer_stream(peer, f->stream);
    CHECK(f->stream % 2 == 1 && f->stream > peer->last_id);
    CHECK((f->flags & H2_END_HEADERS) != 0 && (f->flags & ~(H2_END_HEADERS | H2_END_STREAM)) == 0);
    CHECK(peer->open_count < peer->now.streams_max);
    peer->last_id = f->stream;
    peer->open_count++;
    *seen = (h2_seen){.is_opened = true,
                      .data_sum = BODY_SUM_START,
                      .have_we_ended = seen->have_we_ended,
                      .credit = seen->credit,
                      .allowance = seen->allowance};
    seen->has_ended = (f->flags & H2_END_STREAM) != 0;
    close_if_over(peer, seen, true);
    text_log_print(&peer->written, "HEADERS %u%s", f->stream, seen->has_ended ? " end" : "");
    take_block(peer, f);
    text_log_add(&peer->written, ";", 1);
}

static void take_data(h2_peer *peer, const frame *f)
{
    h2_seen *seen = h2_peer_stream(peer, f->stream);
    bool was_open = is_open(seen);
    bool is_last = (f->flags & H2_END_STREAM) != 0;
    CHECK((f->flags & H2_PADDED) == 0);
    CHECK(f->stream % 2 == 1 && f->stream <= peer->last_id && !seen->has_ended && !seen->is_reset);
    CHECK(f->length > 0 || is_last);
    peer->credit -= (int64_t)f->length;
    seen->credit -= (int64_t)f->length;
    CHECK(f->length == 0 || peer->credit >= 0);
    CHECK(f->length == 0 || seen->credit + peer->now.window >= 0);
    seen->data_bytes += f->length;
    seen->data_sum = body_sum(seen->data_sum, (const char *)f->payload, f->length);
    seen->has_ended = is_last;
    close_if_over(peer, seen, was_open);
    text_log_print(&peer->written, "DATA %u %zu%s", f->stream, f->length, is_last ? " end" : "");
    if (f->length > 0 && f->length <= DATA_SHOWN_BYTES) {
        text_log_add(&peer->written, " ", 1);
        text_log_add(&peer->written, (const char *)f->payload, f->length);
    }
    text_log_add(&peer->written, ";", 1);
}

static void take_reset(h2_peer *peer, const frame *f)
{
    h2_seen *seen = h2_peer_stream(peer, f->stream);
    bool was_open = is_open(seen);
    CHECK(f->length == 4 && f->stream != 0);
    CHECK(f->stream % 2 == 0 || f->stream <= peer->last_id);
    CHECK(!seen->is_reset || f->stream % 2 == 0);
    if (f->stream % 2 == 1) {
        seen->is_reset = true;
        seen->reset_code = number(f->payload, 4);
        close_if_over(peer, seen, was_open);
    }
    text_log_print(&peer->written, "RST_STREAM %u %u;", f->stream, number(f->payload, 4));
}

static void apply_settings(h2_peer *peer)
{
    CHECK(peer->waiting_count > 0);
    h2_setting_change change = peer->waiting[peer->waiting_first];
    peer->waiting_first = (peer->waiting_first + 1) % H2_PEER_SETTINGS_MAX;
    peer->waiting_count--;
    if (change.streams_max != NOT_NAMED)
        peer->now.streams_max = change.streams_max;
    if (change.window != NOT_NAMED)
        peer->now.window = change.window;
    if (change.frame_max != NOT_NAMED)
        peer->now.frame_max = change.frame_max;
}

static void take_settings(h2_peer *peer, const frame *f)
{
    CHECK(f->stream == 0 && f->length % 6 == 0);
    peer->has_settings = true;
    if ((f->flags & H2_ACK) != 0) {
        CHECK(f->length == 0);
        peer->acks++;
        apply_settings(peer);
        text_log_print(&peer->written, "SETTINGS ack;");
        return;
    }
    text_log_print(&peer->written, "SETTINGS");
    for (size_t at = 0; at < f->length; at += 6) {
        uint32_t id = number(f->payload + at, 2), value = number(f->payload + at + 2, 4);
        text_log_print(&peer->written, " %u=%u", id, value);
        if (id == H2_INITIAL_WINDOW_SIZE)
            peer->client_window = value;
        if (id == H2_MAX_HEADER_LIST_SIZE)
            peer->client_header_list = value;
    }
    text_log_add(&peer->written, ";", 1);
}

static void take_window_update(h2_peer *peer, const frame *f)
{
    CHECK(f->length == 4);
    uint32_t increment = id_at(f->payload);
    h2_seen *seen = h2_peer_stream(peer, f->stream);
    CHECK(increment > 0 && (f->stream == 0 || f->stream <= peer->last_id) && !seen->is_reset);
    int64_t *allowance = f->stream == 0 ? &peer->allowance : &seen->allowance;
    *allowance += increment;
    CHECK(*allowance + (f->stream == 0 ? 0 : (int64_t)peer->client_window) <= INT32_MAX);
    text_log_print(&peer->written, "WINDOW_UPDATE %u %u;", f->stream, increment);
}

static void take_ping(h2_peer *peer, const frame *f)
{
    CHECK(f->length == 8 && f->stream == 0);
    if ((f->flags & H2_ACK) != 0) {
        CHECK(peer->pings_open > 0);
        peer->pings_open--;
        peer->ping_acks++;
    } else {
        peer->pings++;
    }
    text_log_print(&peer->written, "PING%s;", (f->flags & H2_ACK) != 0 ? " ack" : "");
}

static void take_frame(h2_peer *peer, const frame *f)
{
    CHECK(f->length <= peer->now.frame_max);
    CHECK(peer->has_settings || f->type == H2_SETTINGS);
    peer->frames++;
    switch (f->type) {
    case H2_HEADERS:
        take_headers(peer, f);
        break;
    case H2_DATA:
        take_data(peer, f);
        break;
    case H2_RST_STREAM:
        take_reset(peer, f);
        break;
    case H2_SETTINGS:
        take_settings(peer, f);
        break;
    case H2_WINDOW_UPDATE:
        take_window_update(peer, f);
        break;
    case H2_PING:
        take_ping(peer, f);
        break;
    case H2_GOAWAY:
        CHECK(f->length >= 8 && f->stream == 0);
        peer->has_goaway = true;
        peer->goaway_code = number(f->payload + 4, 4);
        text_log_print(&peer->written, "GOAWAY %u %u;", id_at(f->payload), peer->goaway_code);
        break;
    default:
        CHECK(!"a frame of a kind that no client of ours sends");
    }
}

void h2_peer_look(h2_peer *peer, const char *data, size_t length)
{
    size_t preface = strlen(H2_PREFACE);
    if (!peer->has_preface) {
        size_t there = length < preface ? length : preface;
        CHECK(there == 0 || memcmp(data, H2_PREFACE, there) == 0);
        if (length < preface)
            return;
        peer->has_preface = true;
        peer->looked_at = preface;
        text_log_print(&peer->written, "preface;");
    }
    while (length - peer->looked_at >= H2_FRAME_HEADER_BYTES) {
        frame f = frame_of((const unsigned char *)data + peer->looked_at);
        if (length - peer->looked_at - H2_FRAME_HEADER_BYTES < f.length)
            break;
        take_frame(peer, &f);
        peer->looked_at += H2_FRAME_HEADER_BYTES + f.length;
    }
}
