/* Tests of codec/decoder: every coding and chain, in pieces of any size, whole, cut and damaged. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/ascii.h"
#include "base/memory.h"
#include "codec/decoder.h"
#include "coded.h"
#include "support/alloc_fail.h"

static void assert_decodes(const char *codings, blob coded, blob plain, size_t input_step,
                           size_t output_step)
{
    decode_outcome outcome = decode(codings, coded, input_step, output_step);
    assert_int_equal(outcome.status, HH_OK);
    assert_int_equal(outcome.decoded_bytes, plain.length);
    assert_memory_equal(decoded, plain.data, plain.length);
    if (coded.length > 0)
        assert_true(outcome.completes > 0);
}

static void assert_decodes_in_pieces(const char *codings, blob coded, blob plain)
{
    static const size_t input_steps[] = {WHOLE, 1, 2, 3, 7, 1000};
    static const size_t output_steps[] = {OUTPUT_STEP_MAX, 1, 3, 4096};

    for (size_t i = 0; i < HH_COUNT_OF(input_steps); i++) {
        for (size_t j = 0; j < HH_COUNT_OF(output_steps); j++)
            assert_decodes(codings, coded, plain, input_steps[i], output_steps[j]);
    }
}

static void assert_fails(const char *codings, blob coded, hh_status status, const char *problem)
{
    static const size_t steps[] = {WHOLE, 1, 3};

    for (size_t i = 0; i < HH_COUNT_OF(steps); i++) {
        decode_outcome outcome = decode(codings, coded, steps[i], i == 1 ? 1 : OUTPUT_STEP_MAX);
        assert_int_equal(outcome.status, status);
        assert_non_null(strstr(outcome.problem, problem));
    }
}

static void test_round_trips(void **state)
{
    static const size_t lengths[] = {0, 1, 2, 100, 20000};
    (void)state;
    for (int coder = 0; coder < CODERS; coder++) {
        for (int content = CONTENT_TEXT; content <= CONTENT_ZEROS; content++) {
            for (size_t i = 0; i < HH_COUNT_OF(lengths); i++) {
                blob plain = blob_made(content, lengths[i]);
                blob coded = blob_coded(coder, plain);
                assert_decodes_in_pieces(coder_name(coder), coded, plain);
                blob_free(coded);
                blob_free(plain);
            }
        }
    }
}

static void test_large_bodies(void **state)
{
    (void)state;
    for (int coder = 0; coder < CODERS; coder++) {
        for (int content = CONTENT_TEXT; content <= CONTENT_MIXED; content++) {
            blob plain = blob_made(content, DECODED_MAX);
            blob coded = blob_coded(coder, plain);
            assert_decodes(coder_name(coder), coded, plain, WHOLE, OUTPUT_STEP_MAX);
            assert_decodes(coder_name(coder), coded, plain, 1460, 16384);
            assert_decodes(coder_name(coder), coded, plain, 16384, 1000);
            blob_free(coded);
            blob_free(plain);
        }
    }
}

/* Applies the coders in the order given and names them so. The caller frees the result. */
static blob code_chain(const coder_kind *coders, size_t count, blob plain, char *codings)
{
    blob coded = blob_of(plain.data, plain.length);
    codings[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        blob next = blob_coded(coders[i], coded);
        blob_free(coded);
        coded = next;
        strcat(codings, i > 0 ? ", " : "");
        strcat(codings, coder_name(coders[i]));
    }
    return coded;
}

static const coder_kind chains[][5] = {
    {CODER_GZIP, CODER_BROTLI, CODER_ZSTD, CODER_ZLIB, CODER_RAW},
    {CODER_ZSTD, CODER_ZSTD, CODER_GZIP, CODER_GZIP, CODER_GZIP},
    {CODER_RAW, CODER_ZLIB, CODER_BROTLI, CODER_BROTLI, CODER_ZSTD},
    {CODER_BROTLI, CODER_RAW, CODER_ZSTD, CODER_GZIP, CODER_BROTLI},
};

static void test_chains(void **state)
{
    static const size_t lengths[] = {0, 5, 30000};
    char codings[64];
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(chains); i++) {
        for (size_t count = 2; count <= 5; count++) {
            for (size_t j = 0; j < HH_COUNT_OF(lengths); j++) {
                blob plain = blob_made(CONTENT_TEXT, lengths[j]);
                blob coded = code_chain(chains[i], count, plain, codings);
                assert_decodes_in_pieces(codings, coded, plain);
                blob_free(coded);
                blob_free(plain);
            }
        }
    }
}

static void test_chain_is_undone_in_reverse(void **state)
{
    static const coder_kind gzip_then_br[] = {CODER_GZIP, CODER_BROTLI};
    char codings[64];
    blob plain = blob_made(CONTENT_TEXT, 500);
    blob coded = code_chain(gzip_then_br, 2, plain, codings);
    (void)state;
    assert_string_equal(codings, "gzip, br");
    assert_decodes("gzip, br", coded, plain, WHOLE, 4096);
    assert_int_equal(decode("br, gzip", coded, WHOLE, 4096).status, HH_ERR_DECODE);
    blob_free(coded);
    blob_free(plain);
}

static void test_large_chain(void **state)
{
    char codings[64];
    blob plain = blob_made(CONTENT_MIXED, DECODED_MAX);
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(chains); i++) {
        blob coded = code_chain(chains[i], 5, plain, codings);
        assert_decodes(codings, coded, plain, WHOLE, OUTPUT_STEP_MAX);
        assert_decodes(codings, coded, plain, 1460, 1000);
        blob_free(coded);
    }
    blob_free(plain);
}

static void test_names(void **state)
{
    static const char *const names[] = {"gzip",     "GZIP",      "x-gzip",        "X-GZip",
                                        "  gzip\t", ",, gzip ,", "gzip,identity", "Identity, gzip"};
    blob plain = blob_made(CONTENT_TEXT, 300);
    blob coded = blob_coded(CODER_GZIP, plain);
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(names); i++)
        assert_decodes(names[i], coded, plain, WHOLE, 4096);
    blob_free(coded);
    blob_free(plain);
}

static void test_nothing_to_undo(void **state)
{
    static const char *const lists[] = {
        "",         ",",         " , ,",
        "identity", "IDENTITY,", "identity,identity,identity,identity,identity,identity"};
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(lists); i++) {
        hh_decoder *decoder = (hh_decoder *)state;
        const char *problem = NULL;
        assert_int_equal(hh__decoder_create(hh_slice_of(lists[i]), &decoder, &problem), HH_OK);
        assert_null(decoder);
    }
    hh__decoder_destroy(NULL);
}

static void assert_refused(const char *codings, hh_status status)
{
    hh_decoder *decoder = NULL;
    const char *problem = NULL;
    assert_int_equal(hh__decoder_create(hh_slice_of(codings), &decoder, &problem), status);
    assert_null(decoder);
    assert_non_null(problem);
}

static void test_unknown_codings(void **state)
{
    static const char *const lists[] = {"compress", "gzip;q=1", "gzip br", "*",       "\"gzip\"",
                                        "gzi",      "gzipp",    "br, exi", "exi, br", "x-br",
                                        "none",     "gzip\x01", "chunked", "\xc3\xa9"};
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(lists); i++)
        assert_refused(lists[i], HH_ERR_DECODE);
}

static void test_layer_limit(void **state)
{
    static const coder_kind coders[] = {CODER_GZIP, CODER_GZIP, CODER_GZIP, CODER_GZIP, CODER_GZIP};
    char codings[64];
    blob plain = blob_made(CONTENT_TEXT, 50);
    blob coded = code_chain(coders, 5, plain, codings);
    (void)state;
    assert_decodes("gzip, x-gzip, gzip, gzip, identity, gzip", coded, plain, 1, 1);
    assert_refused("gzip, gzip, gzip, gzip, gzip, gzip", HH_ERR_DECODE_LIMIT);
    assert_refused("identity, br, br, br, br, br, deflate", HH_ERR_DECODE_LIMIT);
    assert_refused("br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br", HH_ERR_DECODE_LIMIT);
    blob_free(coded);
    blob_free(plain);
}

static void test_accept_encoding_is_true(void **state)
{
    hh_slice rest = hh_slice_of(hh__decoder_accept_encoding());
    hh_slice name;
    int count = 0;
    (void)state;
    while (hh__list_element_next(&rest, &name)) {
        hh_decoder *decoder = NULL;
        const char *problem = NULL;
        assert_int_equal(hh__decoder_create(name, &decoder, &problem), HH_OK);
        assert_non_null(decoder);
        hh__decoder_destroy(decoder);
        count++;
    }
    assert_int_equal(count, 4);
}

/* first, nothing, second: as three members or frames. */
static void check_members(coder_kind coder, blob between)
{
    blob first = blob_made(CONTENT_TEXT, 700);
    blob second = blob_made(CONTENT_NOISE, 300);
    blob plain = blob_joined(first, second);
    blob first_coded = blob_coded(coder, first);
    blob second_coded = blob_coded(coder, second);
    blob start = blob_joined(first_coded, between);
    blob coded = blob_joined(start, second_coded);
    blob ended = blob_joined(coded, between);

    assert_decodes_in_pieces(coder_name(coder), coded, plain);
    assert_decodes_in_pieces(coder_name(coder), ended, plain);
    /* An end that is none: the decoder says so and goes on. */
    decode_outcome outcome = decode(coder_name(coder), coded, first_coded.length, OUTPUT_STEP_MAX);
    assert_int_equal(outcome.status, HH_OK);
    assert_true(outcome.completes >= 2);
    assert_int_equal(outcome.decoded_bytes, plain.length);

    const struct blob all[] = {first,        second, plain, first_coded,
                               second_coded, start,  coded, ended};
    for (size_t i = 0; i < HH_COUNT_OF(all); i++)
        blob_free(all[i]);
}

static void test_gzip_members(void **state)
{
    blob nothing = blob_made(CONTENT_ZEROS, 0);
    blob empty = blob_coded(CODER_GZIP, nothing);
    (void)state;
    check_members(CODER_GZIP, empty);
    check_members(CODER_GZIP, nothing);
    blob_free(empty);
    blob_free(nothing);
}

static const char skippable[] = "\x5a\x2a\x4d\x18\x03\0\0\0abc";
static const char skippable_empty[] = "\x50\x2a\x4d\x18\0\0\0\0";

static void test_zstd_frames(void **state)
{
    blob nothing = blob_made(CONTENT_ZEROS, 0);
    blob between[] = {nothing, blob_coded(CODER_ZSTD, nothing),
                      blob_of(skippable, sizeof(skippable) - 1),
                      blob_of(skippable_empty, sizeof(skippable_empty) - 1)};
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(between); i++)
        check_members(CODER_ZSTD, between[i]);
    for (size_t i = 2; i < HH_COUNT_OF(between); i++)
        assert_decodes_in_pieces("zstd", between[i], nothing);
    for (size_t i = 0; i < HH_COUNT_OF(between); i++)
        blob_free(between[i]);
}

static void test_gzip_header_fields(void **state)
{
    /* FEXTRA, FNAME, FCOMMENT and FHCRC left out; then a stored block "hi". */
    static const char bytes[] = "\x1f\x8b\x08\x1c\0\0\0\0\0\x03"
                                "\x04\0abcd"
                                "name\0"
                                "comment\0"
                                "\x01\x02\0\xfd\xffhi"
                                "\xac\x2a\x93\xd8\x02\0\0\0";
    blob coded = blob_of(bytes, sizeof(bytes) - 1);
    blob plain = blob_of("hi", 2);
    (void)state;
    assert_decodes_in_pieces("gzip", coded, plain);
    blob_free(coded);
    blob_free(plain);
}

static void test_deflate_forms(void **state)
{
    static const size_t lengths[] = {0, 1, 60, 70000};
    (void)state;
    for (int level = 0; level <= 9; level += 3) {
        for (int bits = 9; bits <= 15; bits++) {
            for (size_t i = 0; i < HH_COUNT_OF(lengths); i++) {
                blob plain = blob_made(i % 2 ? CONTENT_NOISE : CONTENT_TEXT, lengths[i]);
                blob wrapped = blob_deflated(plain, level, bits);
                blob bare = blob_deflated(plain, level, -bits);
                assert_decodes("deflate", wrapped, plain, WHOLE, OUTPUT_STEP_MAX);
                assert_decodes("deflate", wrapped, plain, 1, 1000);
                assert_decodes("deflate", bare, plain, WHOLE, OUTPUT_STEP_MAX);
                assert_decodes("deflate", bare, plain, 1, 1000);
                blob_free(bare);
                blob_free(wrapped);
                blob_free(plain);
            }
        }
    }
}

static void test_bare_deflate_that_looks_wrapped(void **state)
{
    /* A stored block with odd padding, as in a zlib header but for the checksum; then an empty one.
     */
    blob coded = blob_of("\x08\x02\0\xfd\xffhi\x03\0", 9);
    blob plain = blob_of("hi", 2);
    (void)state;
    assert_decodes_in_pieces("deflate", coded, plain);
    blob_free(coded);
    blob_free(plain);
}

static void test_empty_body(void **state)
{
    static const char *const lists[] = {"gzip", "deflate", "br", "zstd", "gzip, br, zstd"};
    blob nothing = blob_made(CONTENT_ZEROS, 0);
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(lists); i++) {
        decode_outcome outcome = decode(lists[i], nothing, WHOLE, 1);
        assert_int_equal(outcome.status, HH_OK);
        assert_int_equal(outcome.decoded_bytes, 0);
    }
    /* Empty inside is another matter: the inner coding has begun and never ended. */
    blob coded = blob_coded(CODER_GZIP, nothing);
    assert_fails("br, gzip", coded, HH_ERR_DECODE, "br data ends too early");
    blob_free(coded);
    blob_free(nothing);
}

static void test_no_input_yet(void **state)
{
    hh_decoder *decoder = NULL;
    const char *problem = NULL;
    hh_slice nothing = {NULL, 0};
    char output[4];
    size_t used;
    size_t produced;
    (void)state;
    assert_int_equal(hh__decoder_create(hh_slice_of("gzip, zstd, br"), &decoder, &problem), HH_OK);
    for (int i = 0; i < 50; i++)
        assert_int_equal(hh__decoder_next(decoder, nothing, &used, output, 4, &produced),
                         HH_DECODE_NEED_INPUT);
    hh__decoder_destroy(decoder);
}

/* A caller may ask again and again while nothing has come. */
static void test_no_more_input_yet(void **state)
{
    static char output[OUTPUT_STEP_MAX];
    blob plain = blob_made(CONTENT_TEXT, 5000);
    (void)state;
    for (int coder = 0; coder < CODERS; coder++) {
        blob coded = blob_coded(coder, plain);
        hh_slice parts[] = {{coded.data, coded.length / 2},
                            {coded.data + coded.length / 2, coded.length - coded.length / 2}};
        hh_decoder *decoder = NULL;
        const char *problem = NULL;
        size_t used;
        size_t first;
        size_t second;
        hh_slice codings = hh_slice_of(coder_name(coder));
        assert_int_equal(hh__decoder_create(codings, &decoder, &problem), HH_OK);
        (void)hh__decoder_next(decoder, parts[0], &used, output, OUTPUT_STEP_MAX, &first);
        assert_int_equal(used, parts[0].length);
        for (int i = 0; i < 50; i++) {
            assert_int_equal(hh__decoder_next(decoder, (hh_slice){NULL, 0}, &used, output,
                                              OUTPUT_STEP_MAX, &second),
                             HH_DECODE_NEED_INPUT);
            assert_int_equal(second, 0);
        }
        assert_int_equal(
            hh__decoder_next(decoder, parts[1], &used, output, OUTPUT_STEP_MAX, &second),
            HH_DECODE_COMPLETE);
        assert_int_equal(first + second, plain.length);
        hh__decoder_destroy(decoder);
        blob_free(coded);
    }
    blob_free(plain);
}

static void check_truncation(const char *codings, blob coded, blob plain)
{
    for (size_t length = 1; length < coded.length; length++) {
        for (int way = 0; way < 2; way++) {
            blob start = {coded.data, length};
            decode_outcome outcome = decode(codings, start, way ? 1 : WHOLE, way ? 1 : 4096);
            assert_int_equal(outcome.status, HH_ERR_DECODE);
            assert_non_null(strstr(outcome.problem, "ends too early"));
            assert_true(outcome.decoded_bytes <= plain.length);
            assert_memory_equal(decoded, plain.data, outcome.decoded_bytes);
        }
    }
}

static void test_every_truncation(void **state)
{
    char codings[64];
    (void)state;
    for (int content = CONTENT_TEXT; content <= CONTENT_ZEROS; content++) {
        blob plain = blob_made(content, 1000);
        for (int coder = 0; coder < CODERS; coder++) {
            blob coded = blob_coded(coder, plain);
            check_truncation(coder_name(coder), coded, plain);
            blob_free(coded);
        }
        for (size_t i = 0; i < HH_COUNT_OF(chains); i++) {
            blob coded = code_chain(chains[i], 3, plain, codings);
            check_truncation(codings, coded, plain);
            blob_free(coded);
        }
        blob_free(plain);
    }
    blob part = blob_of(skippable, sizeof(skippable) - 1);
    check_truncation("zstd", part, part);
    blob_free(part);
}

static void test_garbage_behind_the_end(void **state)
{
    static const char *const tails[] = {"x", "\r\n", "garbage that goes on for a while"};
    static const char zeros[8];
    blob plain = blob_made(CONTENT_TEXT, 400);
    (void)state;
    for (int coder = 0; coder < CODERS; coder++) {
        blob coded = blob_coded(coder, plain);
        for (size_t i = 0; i < HH_COUNT_OF(tails) + 2; i++) {
            blob tail = i < HH_COUNT_OF(tails) ? blob_of(tails[i], strlen(tails[i]))
                                               : blob_of(zeros, i == HH_COUNT_OF(tails) ? 1 : 8);
            blob spoilt = blob_joined(coded, tail);
            /* One byte may be the start of another gzip member; then it ends too early. */
            const char *problem =
                coder == CODER_GZIP && tail.length == 1 ? "ends too early" : "behind its end";
            assert_fails(coder_name(coder), spoilt, HH_ERR_DECODE, problem);
            blob outer = blob_coded(CODER_ZSTD, spoilt);
            char codings[32] = "";
            strcat(strcat(codings, coder_name(coder)), ", zstd");
            assert_fails(codings, outer, HH_ERR_DECODE, problem);
            blob_free(outer);
            blob_free(spoilt);
            blob_free(tail);
        }
        blob_free(coded);
    }
    blob_free(plain);
}

static void test_foreign_data(void **state)
{
    static const struct {
        const char *codings;
        const char *bytes;
        size_t length;
        const char *problem;
    } cases[] = {
        {"gzip", "<html></html>", 13, "gzip data is damaged"},
        {"gzip", "\x1f\x9d\x90\0\0\0\0\0\0\0\0\0", 12, "gzip data is damaged"}, /* compress */
        {"gzip", "\x78\x9c\x03\0\0\0\0\x01", 8, "gzip data is damaged"},        /* zlib */
        {"deflate", "\xff\xff\xff\xff", 4, "deflate data is damaged"},
        {"deflate", "<html></html>", 13, "deflate data is damaged"},
        {"deflate", "\x78\xbb\x12\x34\x56\x78\0\0", 8, "deflate data is damaged"}, /* dictionary */
        {"br", "\xff\xff\xff\xff\xff\xff\xff\xff", 8, "br data is damaged"},
        {"zstd", "<html></html>", 13, "zstd data is damaged"},
        {"zstd", "\x27\xb5\x2f\xfd\x04\x00\x01\x00\x00", 9, "zstd data is damaged"}, /* v0.7 */
        {"zstd", "\x25\xb5\x2f\xfd\x04\x00\x01\x00\x00", 9, "zstd data is damaged"}, /* v0.5 */
        {"zstd", "\x28\xb5\x2f\xfd\x20\x87\x01\x00\x00", 9, "zstd data is damaged"}, /* too short */
        {"zstd", "\x60\x2a\x4d\x18\0\0\0\0", 8, "zstd data is damaged"},
        {"zstd", "\x28\xb5\x2f\xfd\x08\0\0\0\0\0", 10, "zstd data is damaged"}, /* reserved bit */
    };
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(cases); i++) {
        blob coded = blob_of(cases[i].bytes, cases[i].length);
        assert_fails(cases[i].codings, coded, HH_ERR_DECODE, cases[i].problem);
        blob_free(coded);
    }
}

static void test_checksums_count(void **state)
{
    blob plain = blob_made(CONTENT_TEXT, 200);
    blob coded[] = {blob_coded(CODER_GZIP, plain), blob_coded(CODER_GZIP, plain),
                    blob_coded(CODER_ZLIB, plain), blob_zstd_window(plain, 20)};
    static const char *const names[] = {"gzip", "gzip", "deflate", "zstd"};
    static const size_t from_end[] = {8, 4, 1, 1}; /* gzip: its CRC, then its length */
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(coded); i++) {
        assert_decodes_in_pieces(names[i], coded[i], plain);
        coded[i].data[coded[i].length - from_end[i]] ^= 1;
        assert_fails(names[i], coded[i], HH_ERR_DECODE, "is damaged");
        blob_free(coded[i]);
    }
    blob_free(plain);
}

/* Whatever the damage: no crash, and the pieces it comes in don't change the answer. */
static void check_flips(const char *codings, blob coded)
{
    static char whole[DECODED_MAX];

    for (size_t i = 0; i < coded.length * 8; i++) {
        coded.data[i / 8] ^= (char)(1 << i % 8);
        decode_outcome first = decode(codings, coded, WHOLE, 4096);
        assert_true(first.decoded_bytes <= DECODED_MAX);
        memcpy(whole, decoded, first.decoded_bytes);
        decode_outcome second = decode(codings, coded, 1, 7);
        assert_int_equal(first.status, second.status);
        if (first.status == HH_OK) {
            assert_int_equal(first.decoded_bytes, second.decoded_bytes);
            assert_memory_equal(whole, decoded, first.decoded_bytes);
        }
        coded.data[i / 8] ^= (char)(1 << i % 8);
    }
}

static void test_every_flipped_bit(void **state)
{
    char codings[64];
    blob plain = blob_made(CONTENT_TEXT, 300);
    (void)state;
    for (int coder = 0; coder < CODERS; coder++) {
        blob coded = blob_coded(coder, plain);
        check_flips(coder_name(coder), coded);
        blob_free(coded);
    }
    for (size_t i = 0; i < HH_COUNT_OF(chains); i++) {
        blob coded = code_chain(chains[i], 2, plain, codings);
        check_flips(codings, coded);
        blob_free(coded);
    }
    blob_free(plain);
}

static void test_output_before_damage_is_given(void **state)
{
    blob plain = blob_made(CONTENT_NOISE, 40000);
    (void)state;
    for (int coder = CODER_GZIP; coder <= CODER_RAW; coder++) {
        blob coded = blob_coded(coder, plain);
        coded.data[coded.length - 1] ^= 1;
        if (coder != CODER_RAW) {
            decode_outcome outcome = decode(coder_name(coder), coded, WHOLE, OUTPUT_STEP_MAX);
            assert_int_equal(outcome.status, HH_ERR_DECODE);
            assert_int_equal(outcome.decoded_bytes, plain.length);
            assert_memory_equal(decoded, plain.data, plain.length);
        }
        blob_free(coded);
    }
    blob_free(plain);
}

static void test_failed_allocations(void **state)
{
    char codings[64];
    blob plain = blob_made(CONTENT_TEXT, 200000);
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(chains); i++) {
        for (size_t count = 1; count <= 5; count++) {
            blob coded = code_chain(chains[i], count, plain, codings);
            uint64_t nth = 1;
            for (;; nth++) {
                alloc_fail_at(nth);
                decode_outcome outcome = decode(codings, coded, 5000, 4096);
                alloc_fail_off();
                if (alloc_fail_hits() == 0) {
                    assert_int_equal(outcome.status, HH_OK);
                    assert_int_equal(outcome.decoded_bytes, plain.length);
                    break;
                }
                assert_int_equal(outcome.status, HH_ERR_NO_MEMORY);
                assert_non_null(strstr(outcome.problem, "out of memory"));
            }
            assert_true(nth > 3);
            blob_free(coded);
        }
    }
    blob_free(plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_large_bodies),
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_chain_is_undone_in_reverse),
        cmocka_unit_test(test_large_chain),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_nothing_to_undo),
        cmocka_unit_test(test_unknown_codings),
        cmocka_unit_test(test_layer_limit),
        cmocka_unit_test(test_accept_encoding_is_true),
        cmocka_unit_test(test_gzip_members),
        cmocka_unit_test(test_zstd_frames),
        cmocka_unit_test(test_gzip_header_fields),
        cmocka_unit_test(test_deflate_forms),
        cmocka_unit_test(test_bare_deflate_that_looks_wrapped),
        cmocka_unit_test(test_empty_body),
        cmocka_unit_test(test_no_input_yet),
        cmocka_unit_test(test_no_more_input_yet),
        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_garbage_behind_the_end),
        cmocka_unit_test(test_foreign_data),
        cmocka_unit_test(test_checksums_count),
        cmocka_unit_test(test_every_flipped_bit),
        cmocka_unit_test(test_output_before_damage_is_given),
        cmocka_unit_test(test_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
