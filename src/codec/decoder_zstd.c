/*
 * decoder_zstd.c - the zstd coding (RFC 8878, RFC 9659) through libzstd.
 *
 * A body is one frame after another, skippable ones among them. Windows over
 * 2^HH_ZSTD_WINDOW_LOG_MAX bytes are refused, so a frame can't make us allocate more than that.
 *
 * Each frame's magic number is looked at here before the library sees it: libzstd may have been
 * built to read the formats of its own early releases too, which are no content coding. The number
 * is held while it is incomplete; where it is complete in the input the library gets the frame from
 * its start, since it decodes a frame that is wholly there without copying it.
 */
#include "codec/decoder_layer.h"

#include <stdbool.h>

/* For ZSTD_customMem: allocations of the library go through base/memory.h. */
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

#include "base/limits.h"
#include "base/memory.h"

#define MAGIC_BYTES 4

static const char window_problem[] = "zstd data needs a window over 8 MiB";

typedef enum magic_result { MAGIC_INCOMPLETE, MAGIC_GOOD, MAGIC_BAD } magic_result;

typedef struct zstd_layer {
    hh_decoder_layer layer;
    ZSTD_DCtx *context;
    unsigned frames;
    bool in_frame;                    /* the magic number of this frame was accepted */
    unsigned char magic[MAGIC_BYTES]; /* held bytes of one */
    size_t magic_length;
    size_t magic_used;
} zstd_layer;

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

static bool is_magic_prefix(const unsigned char *bytes, size_t length)
{
    /* RFC 8878 §3.1.1 and §3.1.2, little-endian: 0xFD2FB528, and 0x184D2A50 to 0x184D2A5F. */
    static const unsigned char frame[MAGIC_BYTES] = {0x28, 0xb5, 0x2f, 0xfd};
    static const unsigned char skippable[MAGIC_BYTES] = {0x50, 0x2a, 0x4d, 0x18};

    if (memcmp(bytes, frame, length) == 0)
        return true;
    return (bytes[0] & 0xf0) == skippable[0] && memcmp(bytes + 1, skippable + 1, length - 1) == 0;
}

/* The library doesn't hold its window limit against a frame that it gets whole and has room for.
 * Here it counts always, so that the pieces a body comes in don't matter. */
static bool is_window_too_large(hh_layer_io *io)
{
    ZSTD_frameHeader header;

    return ZSTD_getFrameHeader(&header, io->input, io->input_length) == 0 &&
           header.frameType == ZSTD_frame &&
           header.windowSize > (unsigned long long)1 << HH_ZSTD_WINDOW_LOG_MAX;
}

/* Looks at the magic number, in the input where it is complete there, else among the held bytes. */
static magic_result check_magic(zstd_layer *self, hh_layer_io *io)
{
    if (self->magic_length == 0 && io->input_length >= MAGIC_BYTES) {
        bool good = is_magic_prefix((const unsigned char *)io->input, MAGIC_BYTES);
        return good ? MAGIC_GOOD : MAGIC_BAD;
    }
    while (self->magic_length < MAGIC_BYTES && io->input_length > 0) {
        self->magic[self->magic_length++] = (unsigned char)io->input[0];
        hh__layer_io_advance(io, 1, 0);
    }
    if (!is_magic_prefix(self->magic, self->magic_length))
        return MAGIC_BAD;
    return self->magic_length == MAGIC_BYTES ? MAGIC_GOOD : MAGIC_INCOMPLETE;
}

static hh_layer_result fail_with_code(zstd_layer *self, size_t code)
{
    ZSTD_ErrorCode error = ZSTD_getErrorCode(code);

    if (error == ZSTD_error_memory_allocation)
        return hh__layer_fail(&self->layer, HH_ERR_NO_MEMORY, "out of memory while decoding");
    if (error == ZSTD_error_frameParameter_windowTooLarge)
        return hh__layer_fail(&self->layer, HH_ERR_DECODE_LIMIT, window_problem);
    return hh__layer_fail(&self->layer, HH_ERR_DECODE, "zstd data is damaged");
}

/* One call into libzstd, from the held bytes first and then from the input. Its result. */
static size_t decompress_some(zstd_layer *self, hh_layer_io *io)
{
    bool held = self->magic_used < self->magic_length;
    ZSTD_inBuffer in = {io->input, io->input_length, 0};
    ZSTD_outBuffer out = {io->output, io->capacity, 0};

    if (held) {
        in.src = self->magic + self->magic_used;
        in.size = self->magic_length - self->magic_used;
    }
    size_t code = ZSTD_decompressStream(self->context, &out, &in);
    if (held)
        self->magic_used += in.pos;
    hh__layer_io_advance(io, held ? 0 : in.pos, out.pos);
    return code;
}

/* At the start of a frame. MAGIC_BAD has filled the layer's failure. */
static magic_result begin_frame(zstd_layer *self, hh_layer_io *io)
{
    hh_decoder_layer *layer = &self->layer;
    magic_result result = check_magic(self, io);

    layer->place = HH_LAYER_INSIDE;
    if (result == MAGIC_BAD) {
        (void)hh__layer_fail(layer, HH_ERR_DECODE,
                             self->frames > 0 ? "zstd data has something else behind its end"
                                              : "zstd data is damaged");
    } else if (self->frames >= HH_DECODER_MEMBERS_MAX) {
        (void)hh__layer_fail(layer, HH_ERR_DECODE_LIMIT, "zstd data has too many frames");
        return MAGIC_BAD;
    } else if (self->magic_length == 0 && is_window_too_large(io)) {
        (void)hh__layer_fail(layer, HH_ERR_DECODE_LIMIT, window_problem);
        return MAGIC_BAD;
    }
    self->in_frame = result == MAGIC_GOOD;
    return result;
}

static void end_frame(zstd_layer *self)
{
    self->layer.place = HH_LAYER_AT_END;
    self->in_frame = false;
    self->magic_length = 0;
    self->magic_used = 0;
    self->frames++;
}

static hh_layer_result step(hh_decoder_layer *layer, hh_layer_io *io)
{
    zstd_layer *self = HH_CONTAINER_OF(layer, zstd_layer, layer);

    while (io->capacity > 0) {
        if (!self->in_frame) {
            if (io->input_length == 0)
                return HH_LAYER_NEED_INPUT;
            magic_result magic = begin_frame(self, io);
            if (magic != MAGIC_GOOD)
                return magic == MAGIC_BAD ? HH_LAYER_FAILED : HH_LAYER_NEED_INPUT;
        }
        size_t code = decompress_some(self, io);
        if (ZSTD_isError(code))
            return fail_with_code(self, code);
        if (code == 0)
            end_frame(self);
        else if (io->capacity > 0 && io->input_length == 0 &&
                 self->magic_used == self->magic_length)
            return HH_LAYER_NEED_INPUT;
    }
    return HH_LAYER_OUTPUT_FULL;
}

static void destroy(hh_decoder_layer *layer)
{
    zstd_layer *self = HH_CONTAINER_OF(layer, zstd_layer, layer);

    ZSTD_freeDCtx(self->context);
    hh__free(self);
}

static const hh_layer_ops zstd_ops = {step, destroy, "zstd data ends too early"};

hh_decoder_layer *hh__layer_create_zstd(void)
{
    const ZSTD_customMem memory = {take_memory, give_memory, NULL};
    zstd_layer *self = hh__calloc(1, sizeof(*self));

    if (self == NULL)
        return NULL;
    self->layer.ops = &zstd_ops;
    self->context = ZSTD_createDCtx_advanced(memory);
    if (self->context == NULL) {
        hh__free(self);
        return NULL;
    }
    (void)ZSTD_DCtx_setParameter(self->context, ZSTD_d_windowLogMax, HH_ZSTD_WINDOW_LOG_MAX);
    return &self->layer;
}
