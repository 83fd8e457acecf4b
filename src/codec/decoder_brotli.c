/*
 * decoder_brotli.c - the br coding (RFC 7932) through libbrotlidec.
 *
 * A body is exactly one stream: whatever follows its last block is an error. Windows are those of
 * RFC 7932, 16 MiB at most; the library's larger ones stay off.
 */
#include "codec/decoder_layer.h"

#include <stdbool.h>

#include <brotli/decode.h>

#include "base/memory.h"

typedef struct brotli_layer {
    hh_decoder_layer layer;
    BrotliDecoderState *state;
} brotli_layer;

static void *take_memory(void *opaque, size_t size)
{
    (void)opaque;
    return hh__malloc(size);
}

static void give_memory(void *opaque, void *memory)
{
    (void)opaque;
    hh__free(memory);
}

static bool is_memory_error(BrotliDecoderErrorCode code)
{
    return code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
           code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES;
}

static hh_layer_result step(hh_decoder_layer *layer, hh_layer_io *io)
{
    brotli_layer *self = HH_CONTAINER_OF(layer, brotli_layer, layer);

    if (layer->place == HH_LAYER_AT_END) {
        if (io->input_length == 0)
            return HH_LAYER_NEED_INPUT;
        return hh__layer_fail(layer, HH_ERR_DECODE, "br data has something behind its end");
    }
    layer->place = HH_LAYER_INSIDE;

    const uint8_t *next_in = (const uint8_t *)io->input;
    size_t left_in = io->input_length;
    uint8_t *next_out = (uint8_t *)io->output;
    size_t left_out = io->capacity;
    BrotliDecoderResult result =
        BrotliDecoderDecompressStream(self->state, &left_in, &next_in, &left_out, &next_out, NULL);
    hh__layer_io_advance(io, io->input_length - left_in, io->capacity - left_out);
    switch (result) {
    case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT:
        return HH_LAYER_NEED_INPUT;
    case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT:
        return HH_LAYER_OUTPUT_FULL;
    case BROTLI_DECODER_RESULT_SUCCESS:
        layer->place = HH_LAYER_AT_END;
        if (io->input_length > 0)
            return hh__layer_fail(layer, HH_ERR_DECODE, "br data has something behind its end");
        return HH_LAYER_NEED_INPUT;
    case BROTLI_DECODER_RESULT_ERROR:
        break;
    }
    if (is_memory_error(BrotliDecoderGetErrorCode(self->state)))
        return hh__layer_fail(layer, HH_ERR_NO_MEMORY, "out of memory while decoding");
    return hh__layer_fail(layer, HH_ERR_DECODE, "br data is damaged");
}

static void destroy(hh_decoder_layer *layer)
{
    brotli_layer *self = HH_CONTAINER_OF(layer, brotli_layer, layer);

    BrotliDecoderDestroyInstance(self->state);
    hh__free(self);
}

static const hh_layer_ops brotli_ops = {step, destroy, "br data ends too early"};

hh_decoder_layer *hh__layer_create_brotli(void)
{
    brotli_layer *self = hh__calloc(1, sizeof(*self));

    if (self == NULL)
        return NULL;
    self->layer.ops = &brotli_ops;
    self->state = BrotliDecoderCreateInstance(take_memory, give_memory, NULL);
    if (self->state == NULL) {
        hh__free(self);
        return NULL;
    }
    return &self->layer;
}
