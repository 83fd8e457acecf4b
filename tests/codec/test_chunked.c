/*
 * test_chunked.c - chunked bodies: golden cases whole, byte by byte and split in two, limits, and
 * the work that one-byte chunks make.
 */
#include "codec/chunked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/limits.h"
#include "codec/golden.h"
#include "support/alloc_fail.h"

#define SPLIT_EVERYWHERE_BYTES 1024
#define SPLIT_STEP_BYTES 4093
#define DUMPED_BODY_MAX 1000

typedef struct chunked_run {
    hh_chunked chunked;
    hh_bytes body;
    hh_chunked_result result;
    size_t used;
    size_t calls;
} chunked_run;

static void run_open(chunked_run *run)
{
    hh__chunked_init(&run->chunked);
    hh__bytes_init(&run->body, 1u << 22);
    run->result = HH_CHUNKED_NEED_MORE;
    run->used = 0;
    run->calls = 0;
}

static void run_close(chunked_run *run)
{
    hh__chunked_finish(&run->chunked);
    hh__bytes_finish(&run->body);
}

/* Feeds one run of bytes, which stand in memory of their exact size, until all of it is used or the
 * body has ended. */
static void run_feed(chunked_run *run, hh_slice input)
{
    char *exact = malloc(input.length + 1);
    assert_non_null(exact);
    hh_slice rest = {exact + 1, input.length};
    memcpy(exact + 1, input.data, input.length);
    do {
        size_t used = SIZE_MAX;
        hh_slice piece = {NULL, SIZE_MAX};
        run->result = hh__chunked_next(&run->chunked, rest, &used, &piece);
        run->calls++;
        if (run->result == HH_CHUNKED_ERROR) {
            break;
        }
        assert_true(used <= rest.length);
        if (run->result == HH_CHUNKED_PIECE) {
            assert_true(piece.length > 0 && piece.length <= used);
            assert_ptr_equal(piece.data + piece.length, rest.data + used);
            hh__bytes_append_slice(&run->body, piece);
        } else if (run->result == HH_CHUNKED_NEED_MORE) {
            assert_int_equal(used, rest.length);
        }
        run->used += used;
        rest.data += used;
        rest.length -= used;
    } while (run->result == HH_CHUNKED_PIECE);
    free(exact);
}

static void dump(hh_bytes *out, const chunked_run *run)
{
    const hh_chunked *chunked = &run->chunked;
    char line[64];
    if (run->body.length > DUMPED_BODY_MAX) {
        snprintf(line, sizeof(line), "body of %zu\n", run->body.length);
        hh__bytes_append_text(out, line);
    } else {
        hh__bytes_append_char(out, '[');
        golden_dump(out, hh__bytes_slice(&run->body));
        hh__bytes_append_text(out, "]\n");
    }
    if (run->result == HH_CHUNKED_ERROR) {
        hh__bytes_append_text(out, hh_status_name(chunked->failure));
        hh__bytes_append_text(out, ": ");
        hh__bytes_append_text(out, chunked->problem);
        hh__bytes_append_char(out, '\n');
        return;
    }
    if (run->result != HH_CHUNKED_COMPLETE) {
        hh__bytes_append_text(out, "need more\n");
        return;
    }
    bool is_long = chunked->trailer_text.length > DUMPED_BODY_MAX;
    if (is_long) {
        snprintf(line, sizeof(line), "trailers of %zu\n", chunked->trailer_text.length);
        hh__bytes_append_text(out, line);
    }
    snprintf(line, sizeof(line), "complete %zu\n", run->used);
    hh__bytes_append_text(out, line);
    for (uint32_t i = 0; i < chunked->trailers.count && !is_long; i++) {
        const hh_field_entry *entry = &chunked->trailers.entries[i];
        snprintf(line, sizeof(line), "%u [", entry->id);
        hh__bytes_append_text(out, line);
        golden_dump(out, hh__entry_name(entry, chunked->trailer_text.data));
        hh__bytes_append_text(out, "] [");
        golden_dump(out, hh__entry_value(entry, chunked->trailer_text.data));
        hh__bytes_append_text(out, "]\n");
    }
}

/* Feeds `first` bytes, then `step` at a time. */
static void feed(const golden_case *golden, const char *way, size_t first, size_t step)
{
    hh_slice input = hh__bytes_slice(&golden->input);
    chunked_run run;
    run_open(&run);
    for (size_t at = 0, take = first; run.result == HH_CHUNKED_NEED_MORE; take = step) {
        take = take < input.length - at ? take : input.length - at;
        run_feed(&run, (hh_slice){input.data + at, take});
        at += take;
        if (at == input.length) {
            break;
        }
    }
    hh_bytes out;
    hh__bytes_init(&out, 1u << 20);
    dump(&out, &run);
    golden_compare(golden, way, hh__bytes_slice(&out));
    hh__bytes_finish(&out);
    run_close(&run);
}

static void run_case(const golden_case *golden)
{
    size_t length = golden->input.length;
    size_t step = length <= SPLIT_EVERYWHERE_BYTES ? 1 : SPLIT_STEP_BYTES;
    feed(golden, "whole", length, 1);
    feed(golden, "byte by byte", 1, 1);
    for (size_t split = 1; split < length; split += step) {
        feed(golden, "split in two", split, length);
    }
}

static void test_golden_bodies(void **state)
{
    (void)state;
    assert_true(golden_run_file("chunked/bodies.txt", run_case) >= 13);
}

/* security.md: chunk size and syntax. */
static void test_chunk_size_and_syntax_are_strict(void **state)
{
    (void)state;
    assert_true(golden_run_file("chunked/errors.txt", run_case) >= 30);
}

/* security.md: floods of trailers; extensions too. */
static void test_floods_meet_their_limits(void **state)
{
    (void)state;
    assert_true(golden_run_file("chunked/limits.txt", run_case) >= 9);
}

/* security.md: quadratic work. Each byte is used once, and no chunk takes more than two calls. */
static void test_one_byte_chunks_stay_linear(void **state)
{
    (void)state;
    enum { CHUNKS = 20000 };
    hh_bytes input;
    hh__bytes_init(&input, 1u << 20);
    for (int i = 0; i < CHUNKS; i++) {
        hh__bytes_append_text(&input, "1\r\nx\r\n");
    }
    hh__bytes_append_text(&input, "0\r\n\r\n");
    assert_int_equal(input.status, HH_OK);

    chunked_run run;
    run_open(&run);
    alloc_fail_count_start();
    size_t allocations_of_test = 0;
    hh__bytes_reserve(&run.body, CHUNKS + 1);
    allocations_of_test++;
    run_feed(&run, hh__bytes_slice(&input));
    allocations_of_test++;
    assert_int_equal(run.result, HH_CHUNKED_COMPLETE);
    assert_int_equal(run.used, input.length);
    assert_int_equal(run.body.length, CHUNKS);
    assert_true(run.calls <= CHUNKS + 1);
    assert_int_equal(alloc_fail_count(), allocations_of_test);
    run_close(&run);

    run_open(&run);
    for (size_t i = 0; i < input.length; i++) {
        run_feed(&run, (hh_slice){input.data + i, 1});
    }
    assert_int_equal(run.result, HH_CHUNKED_COMPLETE);
    assert_int_equal(run.used, input.length);
    assert_true(run.calls <= input.length + CHUNKS);
    run_close(&run);
    hh__bytes_finish(&input);
}

/* What the decoder scanned of a trailer is overwritten in its own copy: looking at it again would
 * be an error. */
static void test_long_trailers_are_scanned_once(void **state)
{
    (void)state;
    static const char start[] = "0\r\na: x";
    chunked_run run;
    run_open(&run);
    run_feed(&run, hh_slice_of(start));
    for (int i = 0; i < 10000; i++) {
        run_feed(&run, hh_slice_of("v"));
        assert_int_equal(run.result, HH_CHUNKED_NEED_MORE);
        run.chunked.trailer_text.data[run.chunked.trailer_text.length - 1] = '\0';
    }
    run_feed(&run, hh_slice_of("x\r\n\r\n"));
    assert_int_equal(run.result, HH_CHUNKED_COMPLETE);
    assert_int_equal(run.chunked.trailers.count, 1);
    assert_int_equal(run.chunked.trailers.entries[0].value_length, 10002);
    run_close(&run);
}

static void test_body_bytes_are_not_copied(void **state)
{
    (void)state;
    static const char data[] = "5\r\nhello\r\n";
    hh_chunked chunked;
    hh__chunked_init(&chunked);
    size_t used = 0;
    hh_slice body = {NULL, 0};
    assert_int_equal(hh__chunked_next(&chunked, hh_slice_of(data), &used, &body), HH_CHUNKED_PIECE);
    assert_ptr_equal(body.data, data + 3);
    assert_int_equal(body.length, 5);
    assert_int_equal(used, 8);
    hh__chunked_finish(&chunked);
}

static void test_the_end_and_a_failure_stick(void **state)
{
    (void)state;
    chunked_run run;
    run_open(&run);
    run_feed(&run, hh_slice_of("0\r\n\r\n"));
    assert_int_equal(run.result, HH_CHUNKED_COMPLETE);
    run_feed(&run, hh_slice_of("5\r\nhello"));
    assert_int_equal(run.result, HH_CHUNKED_COMPLETE);
    assert_int_equal(run.used, 5);
    run_close(&run);

    run_open(&run);
    run_feed(&run, hh_slice_of("x"));
    assert_int_equal(run.result, HH_CHUNKED_ERROR);
    run_feed(&run, hh_slice_of("5\r\nhello"));
    assert_int_equal(run.result, HH_CHUNKED_ERROR);
    assert_int_equal(run.chunked.failure, HH_ERR_PROTOCOL);
    run_close(&run);
}

static void test_failed_allocations(void **state)
{
    (void)state;
    hh_bytes input;
    hh__bytes_init(&input, 10000);
    hh__bytes_append_text(&input, "0\r\n");
    for (int i = 0; i < 60; i++) {
        hh__bytes_append_text(&input, "a: b\r\n");
    }
    hh__bytes_append_text(&input, "\r\n");
    unsigned failures = 0;
    for (uint64_t nth = 1;; nth++) {
        hh_chunked chunked;
        hh__chunked_init(&chunked);
        size_t used = 0;
        hh_slice body;
        alloc_fail_at(nth);
        hh_chunked_result result =
            hh__chunked_next(&chunked, hh__bytes_slice(&input), &used, &body);
        alloc_fail_off();
        if (alloc_fail_hits() == 0) {
            assert_int_equal(result, HH_CHUNKED_COMPLETE);
            hh__chunked_finish(&chunked);
            break;
        }
        failures++;
        assert_int_equal(result, HH_CHUNKED_ERROR);
        assert_int_equal(chunked.failure, HH_ERR_NO_MEMORY);
        assert_non_null(chunked.problem);
        hh__chunked_finish(&chunked);
    }
    assert_true(failures >= 3);
    hh__bytes_finish(&input);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_bodies),
        cmocka_unit_test(test_chunk_size_and_syntax_are_strict),
        cmocka_unit_test(test_floods_meet_their_limits),
        cmocka_unit_test(test_one_byte_chunks_stay_linear),
        cmocka_unit_test(test_long_trailers_are_scanned_once),
        cmocka_unit_test(test_body_bytes_are_not_copied),
        cmocka_unit_test(test_the_end_and_a_failure_stick),
        cmocka_unit_test(test_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
