/* Tests of codec/decoder's limits: bombs by ratio, in one layer and in several, members, windows.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/limits.h"
#include "base/memory.h"
#include "codec/decoder.h"
#include "coded.h"

#define MIB ((size_t)1 << 20)

static void assert_status(const char *codings, blob coded, hh_status status, size_t decoded_max)
{
    static const size_t steps[] = {WHOLE, 100};

    for (size_t i = 0; i < HH_COUNT_OF(steps); i++) {
        decode_outcome outcome = decode(codings, coded, steps[i], OUTPUT_STEP_MAX);
        assert_int_equal(outcome.status, status);
        if (status == HH_OK)
            assert_int_equal(outcome.decoded_bytes, decoded_max);
        else
            assert_true(outcome.decoded_bytes <= decoded_max);
    }
}

static void test_ratio(void **state)
{
    blob below = blob_made(CONTENT_ZEROS, HH_DECODER_RATIO_FREE_BYTES);
    blob above = blob_made(CONTENT_ZEROS, HH_DECODER_RATIO_FREE_BYTES + 1);
    (void)state;
    for (int coder = 0; coder < CODERS; coder++) {
        blob coded = blob_coded(coder, below);
        assert_true(coded.length * HH_DECODER_RATIO_MAX < below.length);
        assert_status(coder_name(coder), coded, HH_OK, below.length);
        blob_free(coded);

        coded = blob_coded(coder, above);
        assert_status(coder_name(coder), coded, HH_ERR_DECODE_LIMIT, HH_DECODER_RATIO_FREE_BYTES);
        decode_outcome outcome = decode(coder_name(coder), coded, WHOLE, OUTPUT_STEP_MAX);
        assert_non_null(strstr(outcome.problem, "suspiciously many"));
        blob_free(coded);
    }
    blob_free(below);
    blob_free(above);
}

static void test_large_but_honest(void **state)
{
    blob plain = blob_made(CONTENT_MIXED, HH_DECODER_RATIO_FREE_BYTES + 3 * MIB);
    (void)state;
    for (int coder = 0; coder < CODERS; coder++) {
        blob coded = blob_coded(coder, plain);
        assert_true(coded.length * 50 < plain.length);
        assert_true(coded.length * HH_DECODER_RATIO_MAX > plain.length);
        assert_status(coder_name(coder), coded, HH_OK, plain.length);
        blob_free(coded);
    }
    blob_free(plain);
}

static void test_nested_bomb(void **state)
{
    blob plain = blob_made(CONTENT_ZEROS, HH_DECODER_RATIO_FREE_BYTES + 30 * MIB);
    blob coded = blob_coded(CODER_GZIP, plain);
    char codings[64] = "gzip";
    (void)state;
    for (int layers = 2; layers <= HH_DECODER_MAX_LAYERS; layers++) {
        blob next = blob_coded(CODER_GZIP, coded);
        blob_free(coded);
        coded = next;
        strcat(codings, ", gzip");
        assert_true(coded.length < 1000);
        assert_status(codings, coded, HH_ERR_DECODE_LIMIT, HH_DECODER_RATIO_FREE_BYTES);
    }
    blob_free(coded);
    blob_free(plain);
}

static void test_bomb_that_the_inner_layer_swallows(void **state)
{
    /* A skippable frame, zstd gives nothing for it; but it has to be unpacked first. */
    size_t length = HH_DECODER_RATIO_FREE_BYTES + 3 * MIB;
    blob plain = blob_made(CONTENT_ZEROS, length);
    size_t content = length - 8;
    (void)state;
    memcpy(plain.data, "\x50\x2a\x4d\x18", 4);
    for (int i = 0; i < 4; i++)
        plain.data[4 + i] = (char)(content >> (8 * i));
    assert_int_equal(decode("zstd", plain, WHOLE, 1).status, HH_OK);
    blob coded = blob_coded(CODER_BROTLI, plain);
    assert_status("zstd, br", coded, HH_ERR_DECODE_LIMIT, 0);
    blob_free(coded);
    blob_free(plain);
}

static blob repeated(const char *bytes, size_t length, size_t times)
{
    blob made = blob_made(CONTENT_ZEROS, length * times);
    for (size_t i = 0; i < times; i++)
        memcpy(made.data + i * length, bytes, length);
    return made;
}

static void check_members(const char *coding, const char *bytes, size_t length)
{
    blob coded = repeated(bytes, length, HH_DECODER_MEMBERS_MAX + 1);
    blob allowed = {coded.data, coded.length - length};
    blob begun = {coded.data, coded.length - length + 1};
    assert_status(coding, allowed, HH_OK, 0);
    assert_status(coding, begun, HH_ERR_DECODE_LIMIT, 0);
    assert_status(coding, coded, HH_ERR_DECODE_LIMIT, 0);
    blob_free(coded);
}

static void test_members(void **state)
{
    blob nothing = blob_made(CONTENT_ZEROS, 0);
    blob gzip = blob_coded(CODER_GZIP, nothing);
    blob zstd = blob_coded(CODER_ZSTD, nothing);
    (void)state;
    check_members("gzip", gzip.data, gzip.length);
    check_members("zstd", zstd.data, zstd.length);
    check_members("zstd", "\x53\x2a\x4d\x18\0\0\0\0", 8);
    blob_free(nothing);
    blob_free(gzip);
    blob_free(zstd);
}

static void test_zstd_window(void **state)
{
    blob plain = blob_made(CONTENT_TEXT, 1000);
    blob fits = blob_zstd_window(plain, HH_ZSTD_WINDOW_LOG_MAX);
    blob wide = blob_zstd_window(plain, HH_ZSTD_WINDOW_LOG_MAX + 1);
    (void)state;
    assert_status("zstd", fits, HH_OK, plain.length);
    assert_status("zstd", wide, HH_ERR_DECODE_LIMIT, 0);
    assert_non_null(strstr(decode("zstd", wide, 1, 1).problem, "window"));
    /* With its size declared the library could decode it in one go and never looks. */
    static const char bytes[] = "\x28\xb5\x2f\xfd\x40\x70\x01\x00\x09\x00\x00x";
    blob one = blob_of(bytes, sizeof(bytes) - 1);
    assert_status("zstd", one, HH_ERR_DECODE_LIMIT, 0);
    assert_int_equal(decode("zstd", one, 1, 1).status, HH_ERR_DECODE_LIMIT);
    blob_free(one);
    blob_free(plain);
    blob_free(fits);
    blob_free(wide);
}

static void test_declared_size_allocates_nothing(void **state)
{
    /* One segment of 2^62 bytes: as large a window. */
    static const char bytes[] = "\x28\xb5\x2f\xfd\xe0\0\0\0\0\0\0\0\x40\x01\0\0";
    blob coded = blob_of(bytes, sizeof(bytes) - 1);
    (void)state;
    assert_status("zstd", coded, HH_ERR_DECODE_LIMIT, 0);
    blob_free(coded);
}

static void test_brotli_large_window(void **state)
{
    /* WBITS 0x11: the large-window extension, no part of RFC 7932. */
    blob coded = blob_of("\x11\x1e\x03", 3);
    (void)state;
    assert_status("br", coded, HH_ERR_DECODE, 0);
    blob_free(coded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ratio),
        cmocka_unit_test(test_large_but_honest),
        cmocka_unit_test(test_nested_bomb),
        cmocka_unit_test(test_bomb_that_the_inner_layer_swallows),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_zstd_window),
        cmocka_unit_test(test_declared_size_allocates_nothing),
        cmocka_unit_test(test_brotli_large_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
