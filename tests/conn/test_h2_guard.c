/*
 * test_h2_guard.c - each limit on what an HTTP/2 peer sends in vain: just below it passes, one more
 * doesn't, and time gives back what it should. However the bytes are split, the verdict is one.
 */
#include "conn/h2_guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include <nghttp2/nghttp2.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/memory.h"

#define SECOND_NS INT64_C(1000000000)
#define START_NS (1000 * SECOND_NS)
#define PRIORITY_UPDATE 0x10
#define GREASE 0x0b /* of no meaning */

typedef struct frame {
    uint8_t type;
    uint8_t flags;
    uint32_t length;
    uint8_t first; /* of the payload; the rest is zeros */
} frame;

static const frame preface = {.type = NGHTTP2_SETTINGS};

static void put_header(hh_bytes *wire, const frame *f)
{
    const unsigned char header[9] = {
        (unsigned char)(f->length >> 16),
        (unsigned char)(f->length >> 8),
        (unsigned char)f->length,
        f->type,
        f->flags,
        0,
        0,
        0,
        1,
    };
    hh__bytes_append(wire, header, sizeof(header));
}

static void put_frame(hh_bytes *wire, const frame *f)
{
    static const char zeros[HH_H2_FRAME_MAX_BYTES];
    put_header(wire, f);
    if (f->length == 0)
        return;
    hh__bytes_append(wire, &f->first, 1);
    hh__bytes_append(wire, zeros, f->length - 1);
}

static hh_h2_verdict receive(hh_h2_guard *guard, const frame *f, int64_t now_ns)
{
    hh_bytes wire;
    hh__bytes_init(&wire, SIZE_MAX);
    put_frame(&wire, f);
    assert_int_equal(wire.status, HH_OK);
    hh_h2_verdict verdict = hh__h2_guard_scan(guard, hh__bytes_slice(&wire), now_ns);
    hh__bytes_finish(&wire);
    return verdict;
}

/* The preface has come so long ago that its place in the bucket is free again. */
static hh_h2_guard begun(void)
{
    hh_h2_guard guard;
    hh__h2_guard_init(&guard);
    assert_int_equal(receive(&guard, &preface, 0).error, 0);
    return guard;
}

static void expect_pass(hh_h2_guard *guard, const frame *f, int64_t now_ns)
{
    hh_h2_verdict verdict = receive(guard, f, now_ns);
    if (verdict.error != NGHTTP2_NO_ERROR || verdict.problem != NULL)
        fail_msg("type %d: %s", f->type, verdict.problem);
}

static void expect_passes(hh_h2_guard *guard, const frame *f, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        expect_pass(guard, f, START_NS);
}

/* A guard that has said no isn't asked again: the copy is. */
static void expect_error(hh_h2_guard guard, const frame *f, uint32_t error, const char *problem)
{
    hh_h2_verdict verdict = receive(&guard, f, START_NS);
    assert_int_equal(verdict.error, error);
    assert_string_equal(verdict.problem, problem);
}

static void expect_calm(hh_h2_guard guard, const frame *f, int64_t now_ns, const char *problem)
{
    hh_h2_verdict verdict = receive(&guard, f, now_ns);
    assert_int_equal(verdict.error, NGHTTP2_ENHANCE_YOUR_CALM);
    assert_string_equal(verdict.problem, problem);
}

typedef struct allowance {
    int64_t burst;
    int64_t per_s;
    const char *problem;
} allowance;

static void check_flood(const frame *f, const allowance *allowed)
{
    int64_t interval_ns = SECOND_NS / allowed->per_s;
    hh_h2_guard full = begun();
    expect_passes(&full, f, (uint64_t)allowed->burst);
    expect_calm(full, f, START_NS, allowed->problem);
    expect_calm(full, f, 0, allowed->problem); /* a clock that goes back gives nothing */
    expect_calm(full, f, START_NS + interval_ns - 1, allowed->problem);

    hh_h2_guard guard = full;
    expect_pass(&guard, f, START_NS + interval_ns);
    expect_calm(guard, f, START_NS + 2 * interval_ns - 1, allowed->problem);
    expect_pass(&guard, f, START_NS + 2 * interval_ns);

    /* Part of an interval isn't lost over those that are full. */
    guard = full;
    expect_pass(&guard, f, START_NS + interval_ns + interval_ns / 2);
    expect_pass(&guard, f, START_NS + 2 * interval_ns);
    expect_calm(guard, f, START_NS + 2 * interval_ns, allowed->problem);

    /* It never holds more than the burst. */
    int64_t later_ns = START_NS + 100 * allowed->burst * interval_ns;
    guard = full;
    for (int64_t i = 0; i < allowed->burst; i++)
        expect_pass(&guard, f, later_ns);
    expect_calm(guard, f, later_ns, allowed->problem);
}

/* As many as the long run allows go on for ever. */
static void check_steady(const frame *f, const allowance *allowed)
{
    hh_h2_guard guard = begun();
    int64_t now_ns = START_NS;
    for (int i = 0; i < 10000; i++) {
        expect_pass(&guard, f, now_ns);
        now_ns += SECOND_NS / allowed->per_s;
    }
}

static void check_bucket(const frame *f, const allowance *allowed)
{
    check_flood(f, allowed);
    check_steady(f, allowed);
}

static const allowance settings_allowance = {
    HH_H2_SETTINGS_BURST,
    HH_H2_SETTINGS_PER_S,
    "more than 32 SETTINGS frames in no time",
};

/* CVE-2019-9515. */
static void test_settings_flood(void **state)
{
    (void)state;
    const frame empty = {.type = NGHTTP2_SETTINGS};
    const frame full = {.type = NGHTTP2_SETTINGS, .length = 6 * HH_H2_SETTINGS_ENTRIES_MAX};
    check_bucket(&empty, &settings_allowance);
    check_bucket(&full, &settings_allowance);
}

static void test_settings_ack_flood(void **state)
{
    (void)state;
    const frame ack = {.type = NGHTTP2_SETTINGS, .flags = NGHTTP2_FLAG_ACK};
    check_bucket(&ack, &settings_allowance);
}

static void test_goaway_flood(void **state)
{
    (void)state;
    const frame goaway = {.type = NGHTTP2_GOAWAY, .length = 8};
    const allowance allowed = {
        HH_H2_SETTINGS_BURST,
        HH_H2_SETTINGS_PER_S,
        "more than 32 SETTINGS and GOAWAY frames in no time",
    };
    check_bucket(&goaway, &allowed);

    hh_h2_guard guard = begun();
    expect_passes(&guard, &goaway, HH_H2_SETTINGS_BURST);
    expect_calm(guard, &preface, START_NS, settings_allowance.problem);
}

static void test_settings_entries(void **state)
{
    (void)state;
    const frame most = {.type = NGHTTP2_SETTINGS, .length = 6 * HH_H2_SETTINGS_ENTRIES_MAX + 5};
    const frame over = {.type = NGHTTP2_SETTINGS, .length = 6 * HH_H2_SETTINGS_ENTRIES_MAX + 6};
    const frame ack = {.type = NGHTTP2_SETTINGS, .flags = NGHTTP2_FLAG_ACK, .length = over.length};
    hh_h2_guard guard = begun();
    expect_pass(&guard, &most, START_NS);
    expect_calm(guard, &over, START_NS, "a SETTINGS frame of more than 64 entries");
    expect_pass(&guard, &ack, START_NS); /* whose length the framing library refuses */
}

/* CVE-2019-9512. */
static void test_ping_flood(void **state)
{
    (void)state;
    const allowance allowed = {
        HH_H2_PING_BURST,
        HH_H2_PING_PER_S,
        "more than 128 PING frames in no time",
    };
    const frame ping = {.type = NGHTTP2_PING, .length = 8};
    const frame ack = {.type = NGHTTP2_PING, .flags = NGHTTP2_FLAG_ACK, .length = 8};
    check_bucket(&ping, &allowed);
    check_bucket(&ack, &allowed);
}

static const allowance empty_data_allowance = {
    HH_H2_EMPTY_DATA_BURST,
    HH_H2_EMPTY_DATA_PER_S,
    "more than 64 empty DATA frames in no time",
};

/* CVE-2019-9518. */
static void test_empty_data_flood(void **state)
{
    (void)state;
    const frame empty = {.type = NGHTTP2_DATA};
    check_bucket(&empty, &empty_data_allowance);
}

static void test_padding_is_no_data(void **state)
{
    (void)state;
    const frame rows[] = {
        {.type = NGHTTP2_DATA, .flags = NGHTTP2_FLAG_PADDED, .length = 0},
        {.type = NGHTTP2_DATA, .flags = NGHTTP2_FLAG_PADDED, .length = 1, .first = 0},
        {.type = NGHTTP2_DATA, .flags = NGHTTP2_FLAG_PADDED, .length = 10, .first = 9},
        {.type = NGHTTP2_DATA, .flags = NGHTTP2_FLAG_PADDED, .length = 10, .first = 10},
        {.type = NGHTTP2_DATA, .flags = NGHTTP2_FLAG_PADDED, .length = 256, .first = 255},
    };
    for (size_t i = 0; i < HH_COUNT_OF(rows); i++)
        check_bucket(&rows[i], &empty_data_allowance);
}

static void test_data_with_a_byte_or_an_end_is_free(void **state)
{
    (void)state;
    const uint8_t padded_end = NGHTTP2_FLAG_PADDED | NGHTTP2_FLAG_END_STREAM;
    const frame rows[] = {
        {.type = NGHTTP2_DATA, .length = 1},
        {.type = NGHTTP2_DATA, .length = HH_H2_FRAME_MAX_BYTES},
        {.type = NGHTTP2_DATA, .flags = NGHTTP2_FLAG_PADDED, .length = 10, .first = 8},
        {.type = NGHTTP2_DATA, .flags = NGHTTP2_FLAG_PADDED, .length = 2, .first = 0},
        {.type = NGHTTP2_DATA, .flags = NGHTTP2_FLAG_END_STREAM, .length = 0},
        {.type = NGHTTP2_DATA, .flags = padded_end, .length = 10, .first = 9},
        {.type = NGHTTP2_DATA, .flags = padded_end, .length = 0},
    };
    hh_h2_guard guard = begun();
    for (size_t i = 0; i < HH_COUNT_OF(rows); i++)
        expect_passes(&guard, &rows[i], 1000);
}

static void test_unknown_flood(void **state)
{
    (void)state;
    const allowance allowed = {
        HH_H2_UNKNOWN_BURST,
        HH_H2_UNKNOWN_PER_S,
        "more than 128 frames of unknown types in no time",
    };
    for (unsigned type = NGHTTP2_CONTINUATION + 1; type <= UINT8_MAX; type++) {
        const frame unknown = {.type = (uint8_t)type, .flags = UINT8_MAX, .length = 3};
        if (type == PRIORITY_UPDATE)
            continue;
        check_flood(&unknown, &allowed);
    }
}

/* CVE-2019-9514, CVE-2023-44487. */
static void test_reset_flood(void **state)
{
    (void)state;
    static const char problem[] = "far more RST_STREAM frames than streams";
    const frame reset = {.type = NGHTTP2_RST_STREAM, .length = 4};
    hh_h2_guard guard = begun();
    expect_passes(&guard, &reset, HH_H2_RESET_SLACK);
    expect_calm(guard, &reset, START_NS, problem);
    expect_calm(guard, &reset, START_NS + 3600 * SECOND_NS, problem); /* time gives nothing */
    for (int i = 0; i < 1000; i++) {
        hh__h2_guard_opened(&guard);
        expect_pass(&guard, &reset, START_NS);
    }
    expect_calm(guard, &reset, START_NS, problem);
}

/* CVE-2019-9513. */
static void test_priority_flood(void **state)
{
    (void)state;
    static const char problem[] = "far more PRIORITY frames than streams";
    const frame priority = {.type = NGHTTP2_PRIORITY, .length = 5};
    const frame update = {.type = PRIORITY_UPDATE, .length = 7};
    hh_h2_guard guard = begun();
    expect_passes(&guard, &priority, HH_H2_PRIORITY_SLACK / 2);
    expect_passes(&guard, &update, HH_H2_PRIORITY_SLACK / 2);
    expect_calm(guard, &priority, START_NS, problem);
    expect_calm(guard, &update, START_NS, problem);
    hh__h2_guard_opened(&guard);
    expect_pass(&guard, &update, START_NS);
    expect_calm(guard, &priority, START_NS, problem);
}

static void test_window_update_flood(void **state)
{
    (void)state;
    static const char problem[] = "far more WINDOW_UPDATE frames than streams and DATA frames";
    const frame update = {.type = NGHTTP2_WINDOW_UPDATE, .length = 4};
    hh_h2_guard guard = begun();
    expect_passes(&guard, &update, HH_H2_WINDOW_UPDATE_SLACK);
    expect_calm(guard, &update, START_NS, problem);
    hh__h2_guard_opened(&guard);
    expect_passes(&guard, &update, 4);
    expect_calm(guard, &update, START_NS, problem);
    for (int i = 0; i < 1000; i++)
        hh__h2_guard_sent_data(&guard, 1);
    expect_passes(&guard, &update, 4000 + 1000 / HH_H2_WINDOW_UPDATE_BYTES);
    expect_calm(guard, &update, START_NS, problem);
    hh__h2_guard_sent_data(&guard, 16000);
    expect_passes(&guard, &update,
                  4 + 17000 / HH_H2_WINDOW_UPDATE_BYTES - 1000 / HH_H2_WINDOW_UPDATE_BYTES);
    expect_calm(guard, &update, START_NS, problem);
}

static const frame headers = {.type = NGHTTP2_HEADERS, .length = 1};
static const frame whole_headers = {
    .type = NGHTTP2_HEADERS,
    .flags = NGHTTP2_FLAG_END_HEADERS,
    .length = HH_H2_FRAME_MAX_BYTES,
};

static void check_continuations(uint32_t length)
{
    static const char problem[] = "a header block in more than 8 CONTINUATION frames";
    const frame more = {.type = NGHTTP2_CONTINUATION, .length = length};
    const frame last = {
        .type = NGHTTP2_CONTINUATION,
        .flags = NGHTTP2_FLAG_END_HEADERS,
        .length = length,
    };
    hh_h2_guard guard = begun();
    for (int block = 0; block < 100; block++) { /* heads, 1xx, trailers: all alike */
        expect_pass(&guard, &headers, START_NS);
        expect_passes(&guard, &more, HH_H2_CONTINUATIONS_MAX - 1);
        hh_h2_guard full = guard;
        expect_pass(&full, &more, START_NS);
        expect_calm(full, &more, START_NS, problem);
        expect_calm(full, &last, START_NS, problem);
        expect_calm(full, &more, START_NS + 3600 * SECOND_NS, problem);
        expect_pass(&guard, &last, START_NS);
    }
}

/* CVE-2024-28182 and its kin. */
static void test_continuation_flood(void **state)
{
    (void)state;
    check_continuations(1);
    check_continuations(100);
}

static void test_empty_continuation_flood(void **state)
{
    (void)state;
    check_continuations(0);
}

static void test_continuation_without_block(void **state)
{
    (void)state;
    const frame stray = {.type = NGHTTP2_CONTINUATION};
    hh_h2_guard guard = begun();
    expect_passes(&guard, &stray, HH_H2_CONTINUATIONS_MAX);
    expect_calm(guard, &stray, START_NS, "a header block in more than 8 CONTINUATION frames");
}

/* A block that is large before it is even decoded. */
static void test_header_block_bytes(void **state)
{
    (void)state;
    static const char problem[] = "a coded header block over 65536 bytes";
    const frame first = {.type = NGHTTP2_HEADERS, .length = HH_H2_FRAME_MAX_BYTES};
    const frame more = {.type = NGHTTP2_CONTINUATION, .length = HH_H2_FRAME_MAX_BYTES};
    const frame byte = {.type = NGHTTP2_CONTINUATION, .length = 1};
    const frame end = {.type = NGHTTP2_CONTINUATION, .flags = NGHTTP2_FLAG_END_HEADERS};
    hh_h2_guard guard = begun();
    for (int block = 0; block < 100; block++) {
        expect_pass(&guard, &first, START_NS);
        expect_passes(&guard, &more, HH_H2_HEADER_BLOCK_MAX_BYTES / HH_H2_FRAME_MAX_BYTES - 1);
        expect_calm(guard, &byte, START_NS, problem);
        expect_pass(&guard, &end, START_NS);
    }
}

static void test_blocks_of_one_frame_are_free(void **state)
{
    (void)state;
    hh_h2_guard guard = begun();
    expect_passes(&guard, &whole_headers, 1000);
}

static void test_push_is_refused(void **state)
{
    (void)state;
    const frame push = {.type = NGHTTP2_PUSH_PROMISE, .length = 10};
    expect_error(begun(), &push, NGHTTP2_PROTOCOL_ERROR, "PUSH_PROMISE, though push is off");
}

static void test_frame_size(void **state)
{
    (void)state;
    const uint32_t sizes[] = {HH_H2_FRAME_MAX_BYTES + 1, 1u << 16, 0xffffff};
    for (unsigned type = 0; type <= UINT8_MAX; type++) {
        for (size_t i = 0; i < HH_COUNT_OF(sizes); i++) {
            const frame f = {.type = (uint8_t)type, .length = sizes[i]};
            hh_bytes wire;
            hh__bytes_init(&wire, SIZE_MAX);
            put_header(&wire, &f);
            hh_h2_guard guard = begun();
            hh_h2_verdict verdict = hh__h2_guard_scan(&guard, hh__bytes_slice(&wire), START_NS);
            assert_int_equal(verdict.error, NGHTTP2_FRAME_SIZE_ERROR);
            assert_string_equal(verdict.problem, "a frame over 16384 bytes");
            hh__bytes_finish(&wire);
        }
    }
    const frame largest = {.type = GREASE, .length = HH_H2_FRAME_MAX_BYTES};
    hh_h2_guard guard = begun();
    expect_pass(&guard, &largest, START_NS);
}

static void test_first_frame(void **state)
{
    (void)state;
    static const char problem[] = "it began with something else than SETTINGS";
    const frame ack = {.type = NGHTTP2_SETTINGS, .flags = NGHTTP2_FLAG_ACK};
    hh_h2_guard guard;
    hh__h2_guard_init(&guard);
    for (unsigned type = 0; type <= UINT8_MAX; type++) {
        const frame f = {.type = (uint8_t)type};
        if (type != NGHTTP2_SETTINGS)
            expect_error(guard, &f, NGHTTP2_PROTOCOL_ERROR, problem);
    }
    expect_error(guard, &ack, NGHTTP2_PROTOCOL_ERROR, problem);
    expect_pass(&guard, &preface, START_NS);
    expect_pass(&guard, &ack, START_NS);
}

static hh_h2_verdict scan_text(hh_h2_guard guard, const char *text)
{
    return hh__h2_guard_scan(&guard, hh_slice_of(text), START_NS);
}

static void test_answer_in_http1(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\n",
        "HTTP/1.1 ",
    };
    hh_h2_guard fresh;
    hh__h2_guard_init(&fresh);
    for (size_t i = 0; i < HH_COUNT_OF(answers); i++) {
        hh_h2_verdict verdict = scan_text(fresh, answers[i]);
        assert_int_equal(verdict.error, NGHTTP2_PROTOCOL_ERROR);
        assert_string_equal(verdict.problem, "it answered in HTTP/1");
    }
    assert_string_equal(scan_text(fresh, "SSH-2.0-nobody\r\n").problem,
                        "it began with something else than SETTINGS");
    assert_string_equal(scan_text(begun(), answers[0]).problem, "a frame over 16384 bytes");
}

/* Something of everything, none of it too much. */
static const frame mixed[] = {
    {.type = NGHTTP2_SETTINGS, .length = 12},
    {.type = NGHTTP2_SETTINGS, .flags = NGHTTP2_FLAG_ACK},
    {.type = NGHTTP2_WINDOW_UPDATE, .length = 4},
    {.type = NGHTTP2_HEADERS, .length = 20},
    {.type = NGHTTP2_CONTINUATION},
    {.type = NGHTTP2_CONTINUATION, .flags = NGHTTP2_FLAG_END_HEADERS, .length = 5},
    {.type = NGHTTP2_DATA, .length = 30, .first = 7},
    {.type = NGHTTP2_DATA},
    {.type = NGHTTP2_DATA, .flags = NGHTTP2_FLAG_PADDED, .length = 10, .first = 9},
    {.type = NGHTTP2_DATA, .flags = NGHTTP2_FLAG_PADDED, .length = 10, .first = 8},
    {.type = NGHTTP2_DATA, .flags = NGHTTP2_FLAG_PADDED, .length = 1},
    {.type = GREASE, .length = 17, .first = 3},
    {.type = NGHTTP2_PING, .length = 8},
    {.type = NGHTTP2_PRIORITY, .length = 5},
    {.type = PRIORITY_UPDATE, .length = 6},
    {.type = NGHTTP2_RST_STREAM, .length = 4},
    {.type = NGHTTP2_DATA, .flags = NGHTTP2_FLAG_END_STREAM, .length = 0},
    {.type = NGHTTP2_GOAWAY, .length = 8},
};

typedef struct outcome {
    hh_h2_guard guard;
    hh_h2_verdict verdict;
} outcome;

/* Scans in pieces that end at `cuts`, each in memory of its exact size. */
static outcome scan_pieces(hh_slice wire, const size_t *cuts, size_t count)
{
    outcome result = {.verdict = {0, NULL}};
    hh__h2_guard_init(&result.guard);
    size_t start = 0;
    for (size_t i = 0; i < count && result.verdict.error == 0; i++) {
        char *exact = hh__malloc(cuts[i] - start + 1);
        assert_non_null(exact);
        if (cuts[i] > start)
            memcpy(exact + 1, wire.data + start, cuts[i] - start);
        hh_slice piece = {exact + 1, cuts[i] - start};
        result.verdict = hh__h2_guard_scan(&result.guard, piece, START_NS);
        hh__free(exact);
        start = cuts[i];
    }
    return result;
}

static void expect_same(const outcome *a, const outcome *b)
{
    const hh_h2_guard *x = &a->guard;
    const hh_h2_guard *y = &b->guard;
    assert_int_equal(a->verdict.error, b->verdict.error);
    assert_ptr_equal(a->verdict.problem, b->verdict.problem);
    assert_int_equal(x->settings.used, y->settings.used);
    assert_int_equal(x->pings.used, y->pings.used);
    assert_int_equal(x->empty_data.used, y->empty_data.used);
    assert_int_equal(x->unknown.used, y->unknown.used);
    assert_int_equal(x->resets, y->resets);
    assert_int_equal(x->priorities, y->priorities);
    assert_int_equal(x->window_updates, y->window_updates);
    assert_int_equal(x->block_bytes, y->block_bytes);
    assert_int_equal(x->continuations, y->continuations);
    if (a->verdict.error == 0) {
        assert_int_equal(x->header_length, y->header_length);
        assert_int_equal(x->payload_left, y->payload_left);
        assert_int_equal(x->pad_left, y->pad_left);
    }
}

static void check_byte_by_byte(hh_slice wire, const outcome *whole)
{
    size_t *cuts = hh__calloc(wire.length, sizeof(*cuts));
    assert_non_null(cuts);
    for (size_t i = 0; i < wire.length; i++)
        cuts[i] = i + 1;
    outcome result = scan_pieces(wire, cuts, wire.length);
    expect_same(whole, &result);
    hh__free(cuts);
}

static void check_splits(hh_slice wire, uint32_t error)
{
    outcome whole = scan_pieces(wire, &wire.length, 1);
    assert_int_equal(whole.verdict.error, error);
    check_byte_by_byte(wire, &whole);
    for (size_t first = 0; first <= wire.length; first++) {
        for (size_t second = first; second <= wire.length && second <= first + 40; second++) {
            const size_t cuts[] = {first, second, wire.length};
            outcome result = scan_pieces(wire, cuts, HH_COUNT_OF(cuts));
            expect_same(&whole, &result);
        }
    }
}

static void put_mixed(hh_bytes *wire)
{
    for (size_t i = 0; i < HH_COUNT_OF(mixed); i++)
        put_frame(wire, &mixed[i]);
}

static void test_every_split_of_what_passes(void **state)
{
    (void)state;
    hh_bytes wire;
    hh__bytes_init(&wire, SIZE_MAX);
    put_mixed(&wire);
    check_splits(hh__bytes_slice(&wire), NGHTTP2_NO_ERROR);
    outcome whole = scan_pieces(hh__bytes_slice(&wire), &wire.length, 1);
    assert_int_equal(whole.guard.settings.used, 3);
    assert_int_equal(whole.guard.empty_data.used, 3);
    assert_int_equal(whole.guard.priorities, 2);
    assert_int_equal(whole.guard.unknown.used, 1);
    hh__bytes_finish(&wire);
}

static void test_every_split_of_what_fails(void **state)
{
    (void)state;
    static const struct {
        frame frame;
        unsigned count;
        uint32_t error;
    } rows[] = {
        {{.type = NGHTTP2_PUSH_PROMISE, .length = 4}, 1, NGHTTP2_PROTOCOL_ERROR},
        {{.type = NGHTTP2_SETTINGS, .length = 6}, HH_H2_SETTINGS_BURST, NGHTTP2_ENHANCE_YOUR_CALM},
        {{.type = NGHTTP2_RST_STREAM, .length = 4}, HH_H2_RESET_SLACK, NGHTTP2_ENHANCE_YOUR_CALM},
        {{.type = NGHTTP2_DATA, .flags = NGHTTP2_FLAG_PADDED, .length = 3, .first = 2},
         HH_H2_EMPTY_DATA_BURST,
         NGHTTP2_ENHANCE_YOUR_CALM},
        {{.type = NGHTTP2_CONTINUATION}, HH_H2_CONTINUATIONS_MAX + 1, NGHTTP2_ENHANCE_YOUR_CALM},
        {{.type = NGHTTP2_DATA, .length = HH_H2_FRAME_MAX_BYTES + 1}, 0, NGHTTP2_FRAME_SIZE_ERROR},
    };
    for (size_t i = 0; i < HH_COUNT_OF(rows); i++) {
        hh_bytes wire;
        hh__bytes_init(&wire, SIZE_MAX);
        put_mixed(&wire);
        for (unsigned n = 0; n < rows[i].count; n++)
            put_frame(&wire, &rows[i].frame);
        if (rows[i].count == 0)
            put_header(&wire, &rows[i].frame);
        check_splits(hh__bytes_slice(&wire), rows[i].error);
        hh__bytes_finish(&wire);
    }
    check_splits(hh_slice_of("HTTP/1.1 505 HTTP Version Not Supported\r\n\r\n"),
                 NGHTTP2_PROTOCOL_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings_flood),
        cmocka_unit_test(test_settings_ack_flood),
        cmocka_unit_test(test_goaway_flood),
        cmocka_unit_test(test_settings_entries),
        cmocka_unit_test(test_ping_flood),
        cmocka_unit_test(test_empty_data_flood),
        cmocka_unit_test(test_padding_is_no_data),
        cmocka_unit_test(test_data_with_a_byte_or_an_end_is_free),
        cmocka_unit_test(test_unknown_flood),
        cmocka_unit_test(test_reset_flood),
        cmocka_unit_test(test_priority_flood),
        cmocka_unit_test(test_window_update_flood),
        cmocka_unit_test(test_continuation_flood),
        cmocka_unit_test(test_empty_continuation_flood),
        cmocka_unit_test(test_continuation_without_block),
        cmocka_unit_test(test_header_block_bytes),
        cmocka_unit_test(test_blocks_of_one_frame_are_free),
        cmocka_unit_test(test_push_is_refused),
        cmocka_unit_test(test_frame_size),
        cmocka_unit_test(test_first_frame),
        cmocka_unit_test(test_answer_in_http1),
        cmocka_unit_test(test_every_split_of_what_passes),
        cmocka_unit_test(test_every_split_of_what_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
