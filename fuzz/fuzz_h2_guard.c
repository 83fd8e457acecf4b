/*
 * fuzz_h2_guard.c - received frames whole, byte by byte and split in two must get the same verdict
 * and leave the same counts, none of them over its limit.
 *
 * The first byte of the input says how many streams were opened, the second how much time passes
 * halfway, the third where the halves are split. Bytes are scanned in memory of their exact size,
 * so that a read past the end is seen.
 */
#include "conn/h2_guard.h"

#include "base/limits.h"
#include "fuzz_target.h"

#define OPTION_BYTES 3
#define BYTE_BY_BYTE_MAX 4096
#define START_NS INT64_C(1000000000000)
#define TICK_NS INT64_C(50000000)

typedef struct outcome {
    hh_h2_guard guard;
    hh_h2_verdict verdict;
} outcome;

static outcome start(const uint8_t *input)
{
    outcome result = {.verdict = {0, NULL}};
    hh__h2_guard_init(&result.guard);
    for (unsigned i = 0; i < input[0]; i++) {
        hh__h2_guard_opened(&result.guard);
        hh__h2_guard_sent_data(&result.guard, HH_H2_WINDOW_UPDATE_BYTES);
    }
    return result;
}

static void check_counts(const outcome *result)
{
    const hh_h2_guard *guard = &result->guard;
    CHECK((result->verdict.error == 0) == (result->verdict.problem == NULL));
    CHECK(guard->settings.used <= HH_H2_SETTINGS_BURST && guard->pings.used <= HH_H2_PING_BURST);
    CHECK(guard->empty_data.used <= HH_H2_EMPTY_DATA_BURST);
    CHECK(guard->unknown.used <= HH_H2_UNKNOWN_BURST);
    if (result->verdict.error != 0)
        return;
    CHECK(guard->header_length < sizeof(guard->header));
    CHECK(guard->payload_left <= HH_H2_FRAME_MAX_BYTES && guard->pad_left <= 1);
    CHECK(guard->pad_left == 0 || guard->payload_left > 0);
    CHECK(guard->continuations <= HH_H2_CONTINUATIONS_MAX);
    CHECK(guard->block_bytes <= HH_H2_HEADER_BLOCK_MAX_BYTES);
    CHECK(guard->resets <= guard->opened + HH_H2_RESET_SLACK);
    CHECK(guard->priorities <= guard->opened + HH_H2_PRIORITY_SLACK);
    CHECK(guard->window_updates <= 4 * (guard->opened + guard->data_sent) +
                                       guard->data_bytes / HH_H2_WINDOW_UPDATE_BYTES +
                                       HH_H2_WINDOW_UPDATE_SLACK);
}

static void scan(outcome *result, hh_slice data, int64_t now_ns)
{
    if (result->verdict.error != 0)
        return;
    hh_slice copy = exact_copy(data);
    result->verdict = hh__h2_guard_scan(&result->guard, copy, now_ns);
    exact_free(copy);
    check_counts(result);
}

/* In a piece of `first` bytes, then in pieces of `step`. */
static void scan_pieces(outcome *result, hh_slice data, size_t first, size_t step, int64_t now_ns)
{
    size_t length = first;
    while (data.length > 0) {
        length = length < data.length ? length : data.length;
        scan(result, (hh_slice){data.data, length}, now_ns);
        data.data += length;
        data.length -= length;
        length = step;
    }
}

static bool buckets_equal(const hh_h2_bucket *a, const hh_h2_bucket *b)
{
    return a->used == b->used && a->since_ns == b->since_ns;
}

static void check_same(const outcome *a, const outcome *b)
{
    const hh_h2_guard *x = &a->guard;
    const hh_h2_guard *y = &b->guard;
    CHECK(a->verdict.error == b->verdict.error && a->verdict.problem == b->verdict.problem);
    CHECK(buckets_equal(&x->settings, &y->settings) && buckets_equal(&x->pings, &y->pings));
    CHECK(buckets_equal(&x->empty_data, &y->empty_data) && buckets_equal(&x->unknown, &y->unknown));
    CHECK(x->resets == y->resets && x->priorities == y->priorities);
    CHECK(x->window_updates == y->window_updates);
    CHECK(x->continuations == y->continuations && x->block_bytes == y->block_bytes);
    CHECK(x->payload_left == y->payload_left && x->pad_left == y->pad_left);
    CHECK(x->header_length == y->header_length && x->has_begun == y->has_begun);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    if (size <= OPTION_BYTES)
        return 0;
    const char *data = (const char *)input + OPTION_BYTES;
    size_t half = (size - OPTION_BYTES) / 2;
    hh_slice early = {data, half};
    hh_slice late = {data + half, size - OPTION_BYTES - half};
    int64_t later_ns = START_NS + input[1] * TICK_NS;

    outcome whole = start(input);
    scan(&whole, early, START_NS);
    scan(&whole, late, later_ns);

    outcome split = start(input);
    scan_pieces(&split, early, input[2] * early.length / 256, early.length, START_NS);
    scan_pieces(&split, late, input[2] * late.length / 256, late.length, later_ns);
    check_same(&whole, &split);

    if (size <= BYTE_BY_BYTE_MAX) {
        outcome bytes = start(input);
        scan_pieces(&bytes, early, 1, 1, START_NS);
        scan_pieces(&bytes, late, 1, 1, later_ns);
        check_same(&whole, &bytes);
    }
    return 0;
}
