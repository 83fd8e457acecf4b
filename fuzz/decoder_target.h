/*
 * decoder_target.h - what the fuzz targets of the content decoders share: a body is decoded whole
 * and in small pieces, and both must come to the same.
 *
 * Where both fail, only the output they share is compared: how much was given out before the damage
 * was found may differ. In a chain two layers may be damaged, and which is found first may differ.
 */
#ifndef FUZZ_DECODER_TARGET_H
#define FUZZ_DECODER_TARGET_H

#include "codec/decoder.h"
#include "fuzz_target.h"

#define OUTPUT_MAX ((size_t)1 << 18)
#define OUTPUT_STEP_MAX 8192

typedef struct decoded_body {
    hh_status status;
    int is_cut; /* there was more than OUTPUT_MAX */
    size_t length;
    char data[OUTPUT_MAX];
} decoded_body;

/* On the heap, so that the sanitizer sees a byte too many. */
typedef struct output_room {
    char *data;
    size_t length;
} output_room;

/* Gives `piece` until it is used up: false at an error or once there is enough. */
static int decode_piece(hh_decoder *decoder, hh_slice piece, output_room room, decoded_body *body)
{
    for (;;) {
        size_t used;
        size_t produced;
        hh_decode_result result =
            hh__decoder_next(decoder, piece, &used, room.data, room.length, &produced);
        CHECK(used <= piece.length && produced <= room.length);
        body->is_cut = body->length + produced > OUTPUT_MAX;
        if (!body->is_cut && produced > 0) {
            memcpy(body->data + body->length, room.data, produced);
            body->length += produced;
        }
        piece.data += used;
        piece.length -= used;
        if (result == HH_DECODE_ERROR || body->is_cut)
            return 0;
        CHECK(result != HH_DECODE_NEED_INPUT || produced == 0);
        CHECK(result != HH_DECODE_OUTPUT || produced > 0);
        if (result != HH_DECODE_OUTPUT) {
            CHECK(piece.length == 0);
            return 1;
        }
    }
}

static void decode_body(const char *codings, hh_slice input, size_t input_step, size_t output_step,
                        decoded_body *body)
{
    hh_decoder *decoder = NULL;
    const char *problem = NULL;
    int fine = 1;
    output_room room = {malloc(output_step), output_step};

    CHECK(room.data != NULL);
    body->is_cut = 0;
    body->length = 0;
    CHECK(hh__decoder_create(hh_slice_of(codings), &decoder, &problem) == HH_OK);
    while (fine && input.length > 0) {
        hh_slice piece = {input.data, input.length < input_step ? input.length : input_step};
        fine = decode_piece(decoder, piece, room, body);
        input.data += piece.length;
        input.length -= piece.length;
    }
    body->status = body->is_cut ? HH_OK : hh__decoder_end(decoder);
    CHECK(fine || body->is_cut || body->status != HH_OK);
    CHECK(body->is_cut || hh__decoder_failure(decoder, &problem) == body->status);
    CHECK(body->status == HH_OK || problem != NULL);
    hh__decoder_destroy(decoder);
    free(room.data);
}

static void decode_whole_and_split(const char *codings, hh_slice input)
{
    static const struct {
        size_t input_step;
        size_t output_step;
    } ways[] = {{1, 1}, {3, OUTPUT_STEP_MAX}, {1000, 7}};
    static decoded_body whole;
    static decoded_body split;

    decode_body(codings, input, (size_t)-1, OUTPUT_STEP_MAX, &whole);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        decode_body(codings, input, ways[i].input_step, ways[i].output_step, &split);
        size_t shared = whole.length < split.length ? whole.length : split.length;
        CHECK(memcmp(whole.data, split.data, shared) == 0);
        if (whole.is_cut || split.is_cut)
            continue;
        CHECK((whole.status == HH_OK) == (split.status == HH_OK));
        CHECK(whole.status == split.status || strchr(codings, ',') != NULL);
        CHECK(whole.status != HH_OK || whole.length == split.length);
    }
}

#endif
