/* Content encoded by the original libraries. See coded.h. */
#include "coded.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <brotli/encode.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "codec/decoder.h"

char decoded[DECODED_MAX];

const char *coder_name(coder_kind coder)
{
    switch (coder) {
    case CODER_GZIP:
        return "gzip";
    case CODER_ZLIB:
    case CODER_RAW:
        return "deflate";
    case CODER_BROTLI:
        return "br";
    case CODER_ZSTD:
        return "zstd";
    }
    return NULL;
}

static blob blob_room(size_t length)
{
    blob made = {malloc(length + 1), length};
    assert_non_null(made.data);
    return made;
}

blob blob_of(const void *data, size_t length)
{
    blob made = blob_room(length);
    if (length > 0)
        memcpy(made.data, data, length);
    return made;
}

blob blob_made(content_kind content, size_t length)
{
    static const char text[] = "{\"name\": \"example\", \"numbers\": [1, 2, 3, 5, 8, 13]}\n";
    blob made = blob_room(length);
    uint32_t noise = 12345;

    for (size_t i = 0; i < length; i++) {
        noise = noise * 1664525 + 1013904223;
        switch (content) {
        case CONTENT_TEXT:
            made.data[i] = noise >> 24 < 8 ? (char)(noise >> 16) : text[i % (sizeof(text) - 1)];
            break;
        case CONTENT_NOISE:
            made.data[i] = (char)(noise >> 24);
            break;
        case CONTENT_ZEROS:
            made.data[i] = 0;
            break;
        case CONTENT_MIXED: /* a compressor makes about a hundredth of it */
            made.data[i] = (char)(i % 100000 < 800 ? noise >> 24 : 0);
            break;
        }
    }
    return made;
}

blob blob_joined(blob first, blob second)
{
    blob made = blob_room(first.length + second.length);
    if (first.length > 0)
        memcpy(made.data, first.data, first.length);
    if (second.length > 0)
        memcpy(made.data + first.length, second.data, second.length);
    return made;
}

void blob_free(blob one)
{
    free(one.data);
}

blob blob_deflated(blob plain, int level, int window_bits)
{
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, level, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY),
                     Z_OK);
    /* deflateBound is too low for some levels and small windows. */
    blob made = blob_room(plain.length + plain.length / 8 + 1024);
    stream.next_in = (Bytef *)plain.data;
    stream.avail_in = (uInt)plain.length;
    stream.next_out = (Bytef *)made.data;
    stream.avail_out = (uInt)made.length;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    made.length = stream.total_out;
    assert_int_equal(deflateEnd(&stream), Z_OK);
    return made;
}

static blob blob_brotli(blob plain)
{
    blob made = blob_room(plain.length + plain.length / 8 + 1024);
    assert_true(BrotliEncoderCompress(5, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_GENERIC, plain.length,
                                      (const uint8_t *)plain.data, &made.length,
                                      (uint8_t *)made.data));
    return made;
}

static blob blob_zstd(blob plain)
{
    blob made = blob_room(ZSTD_compressBound(plain.length));
    made.length = ZSTD_compress(made.data, made.length, plain.data, plain.length, 3);
    assert_false(ZSTD_isError(made.length));
    return made;
}

blob blob_zstd_window(blob plain, int window_log)
{
    blob made = blob_room(ZSTD_compressBound(plain.length));
    ZSTD_CCtx *context = ZSTD_createCCtx();
    ZSTD_inBuffer in = {plain.data, plain.length, 0};
    ZSTD_inBuffer nothing = {NULL, 0, 0};
    ZSTD_outBuffer out = {made.data, made.length, 0};

    assert_non_null(context);
    assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log)));
    assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)));
    assert_false(ZSTD_isError(ZSTD_compressStream2(context, &out, &in, ZSTD_e_continue)));
    assert_int_equal(ZSTD_compressStream2(context, &out, &nothing, ZSTD_e_end), 0);
    ZSTD_freeCCtx(context);
    made.length = out.pos;
    return made;
}

blob blob_coded(coder_kind coder, blob plain)
{
    switch (coder) {
    case CODER_GZIP:
        return blob_deflated(plain, 6, MAX_WBITS + 16);
    case CODER_ZLIB:
        return blob_deflated(plain, 6, MAX_WBITS);
    case CODER_RAW:
        return blob_deflated(plain, 6, -MAX_WBITS);
    case CODER_BROTLI:
        return blob_brotli(plain);
    case CODER_ZSTD:
        return blob_zstd(plain);
    }
    return blob_room(0);
}

static void keep(decode_outcome *outcome, const char *output, size_t length)
{
    if (outcome->decoded_bytes + length <= DECODED_MAX && length > 0)
        memcpy(decoded + outcome->decoded_bytes, output, length);
    outcome->decoded_bytes += length;
}

/* Gives one piece of input until it is used up. False after an error. */
static int decode_piece(hh_decoder *decoder, hh_slice piece, size_t output_step,
                        decode_outcome *outcome)
{
    static char output[OUTPUT_STEP_MAX + 1];

    assert_in_range(output_step, 1, OUTPUT_STEP_MAX);
    for (;;) {
        size_t used = 99;
        size_t produced = 99;
        output[output_step] = '!';
        hh_decode_result result =
            hh__decoder_next(decoder, piece, &used, output, output_step, &produced);
        assert_int_equal(output[output_step], '!');
        assert_true(used <= piece.length);
        assert_true(produced <= output_step);
        keep(outcome, output, produced);
        piece.data += used;
        piece.length -= used;
        switch (result) {
        case HH_DECODE_OUTPUT:
            assert_true(produced > 0);
            continue;
        case HH_DECODE_COMPLETE:
            outcome->completes++;
            assert_int_equal(piece.length, 0);
            return 1;
        case HH_DECODE_NEED_INPUT:
            assert_int_equal(produced, 0);
            assert_int_equal(piece.length, 0);
            return 1;
        case HH_DECODE_ERROR:
            assert_int_equal(produced, 0);
            return 0;
        }
    }
}

static void check_failure_sticks(hh_decoder *decoder, decode_outcome *outcome)
{
    const char *problem = NULL;
    size_t used;
    size_t produced;
    char output;
    hh_slice input = {"x", 1};

    outcome->status = hh__decoder_failure(decoder, &outcome->problem);
    assert_int_not_equal(outcome->status, HH_OK);
    assert_non_null(outcome->problem);
    assert_int_equal(hh__decoder_next(decoder, input, &used, &output, 1, &produced),
                     HH_DECODE_ERROR);
    assert_int_equal(used, 0);
    assert_int_equal(produced, 0);
    assert_int_equal(hh__decoder_end(decoder), outcome->status);
    assert_int_equal(hh__decoder_failure(decoder, &problem), outcome->status);
    assert_string_equal(problem, outcome->problem);
}

decode_outcome decode(const char *codings, blob coded, size_t input_step, size_t output_step)
{
    decode_outcome outcome = {HH_OK, NULL, 0, 0};
    hh_decoder *decoder = NULL;
    int fine = 1;

    outcome.status = hh__decoder_create(hh_slice_of(codings), &decoder, &outcome.problem);
    if (outcome.status != HH_OK) {
        assert_null(decoder);
        assert_non_null(outcome.problem);
        return outcome;
    }
    assert_non_null(decoder);
    for (size_t at = 0; fine && at < coded.length;) {
        size_t length = coded.length - at < input_step ? coded.length - at : input_step;
        hh_slice piece = {coded.data + at, length};
        fine = decode_piece(decoder, piece, output_step, &outcome);
        at += length;
    }
    if (fine && hh__decoder_end(decoder) == HH_OK)
        assert_int_equal(hh__decoder_failure(decoder, &outcome.problem), HH_OK);
    else
        check_failure_sticks(decoder, &outcome);
    hh__decoder_destroy(decoder);
    return outcome;
}
