/*
 * fuzz_chunked.c - a chunked body whole, byte by byte and split in two must give the same body,
 * trailers, end and failure.
 */
#include "codec/chunked.h"

#include "base/ascii.h"
#include "base/limits.h"
#include "fuzz_target.h"

#define BYTE_BY_BYTE_MAX 2048

typedef struct chunked_run {
    hh_chunked chunked;
    hh_bytes body;
    hh_chunked_result result;
    size_t used;
} chunked_run;

static void run_feed(chunked_run *run, hh_slice data)
{
    hh_slice exact = exact_copy(data);
    hh_slice rest = exact;
    do {
        size_t used = 0;
        hh_slice piece = {NULL, 0};
        run->result = hh__chunked_next(&run->chunked, rest, &used, &piece);
        CHECK(used <= rest.length);
        if (run->result == HH_CHUNKED_PIECE) {
            CHECK(piece.length > 0 && piece.data + piece.length == rest.data + used);
            hh__bytes_append_slice(&run->body, piece);
        }
        CHECK(run->result != HH_CHUNKED_NEED_MORE || used == rest.length);
        run->used += used;
        rest.data += used;
        rest.length -= used;
    } while (run->result == HH_CHUNKED_PIECE);
    exact_free(exact);
}

static void run_steps(chunked_run *run, hh_slice data, size_t first, size_t step)
{
    hh__chunked_init(&run->chunked);
    hh__bytes_init(&run->body, SIZE_MAX);
    run->result = HH_CHUNKED_NEED_MORE;
    run->used = 0;
    for (size_t at = 0, take = first; run->result == HH_CHUNKED_NEED_MORE; take = step) {
        take = take < data.length - at ? take : data.length - at;
        run_feed(run, (hh_slice){data.data + at, take});
        at += take;
        if (at == data.length) {
            break;
        }
    }
}

static void run_close(chunked_run *run)
{
    hh__chunked_finish(&run->chunked);
    hh__bytes_finish(&run->body);
}

static void check_same(const chunked_run *whole, hh_slice data, size_t first, size_t step)
{
    chunked_run other;
    run_steps(&other, data, first, step);
    const hh_chunked *a = &whole->chunked;
    const hh_chunked *b = &other.chunked;
    CHECK(whole->result == other.result && a->state == b->state);
    CHECK(a->failure == b->failure && a->problem == b->problem);
    CHECK(hh__slice_equal(hh__bytes_slice(&whole->body), hh__bytes_slice(&other.body)));
    if (whole->result == HH_CHUNKED_COMPLETE) {
        CHECK(whole->used == other.used);
        CHECK(a->trailers.count == b->trailers.count);
        CHECK(a->trailers.count <= HH_TRAILER_MAX_FIELDS);
        CHECK(memcmp(a->trailers.entries, b->trailers.entries,
                     a->trailers.count * sizeof(a->trailers.entries[0])) == 0);
    }
    run_close(&other);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    if (size < 2) {
        return 0;
    }
    hh_slice data = {(const char *)input + 1, size - 1};
    chunked_run whole;
    run_steps(&whole, data, data.length, 1);
    CHECK((whole.result == HH_CHUNKED_ERROR) == (whole.chunked.problem != NULL));
    check_same(&whole, data, input[0] * data.length / 256, data.length);
    if (data.length <= BYTE_BY_BYTE_MAX) {
        check_same(&whole, data, 1, 1);
    }
    run_close(&whole);
    return 0;
}
