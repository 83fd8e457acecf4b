/*
 * decoder_zstd.c - the zstd coding (RFC 8878, RFC 9659) through libzstd.
 *
 * A body is one frame after another, skippable ones among them. Each frame's header is held and
 * looked at here before the library gets it, since the library's own answer depends on its build
 * and on the pieces a body comes in:
 * - it may read the formats of its early releases too, which are no content coding;
 * - a frame that gives fewer bytes than it declares passes when it comes in pieces;
 * - a frame that is wholly there is decoded by another path, past the window's limit and with
 *   other ideas of what is damaged. Given the header alone first, it never takes that path.
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
#define HEADER_BYTES_MAX ZSTD_FRAMEHEADERSIZE_MAX

static const char damaged_problem[] = "zstd data is damaged";

typedef enum header_result { HEADER_INCOMPLETE, HEADER_GOOD, HEADER_BAD } header_result;

typedef struct zstd_layer {
    hh_decoder_layer layer;
    ZSTD_DCtx *context;
    unsigned frames;
    bool in_frame; /* the header of this frame was accepted */
    ZSTD_frameHeader frame;
    unsigned long long frame_produced;
    unsigned char held[HEADER_BYTES_MAX]; /* the header, or its first bytes */
    size_t held_length;
    size_t held_used;
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

static header_result fail_header(zstd_layer *self, hh_status status, const char *problem)
{
    (void)hh__layer_fail(&self->layer, status, problem);
    return HEADER_BAD;
}

/* Looks at the header as far as it is held. HEADER_BAD has filled the layer's failure. */
static header_result check_header(zstd_layer *self)
{
    size_t magic_length = self->held_length < MAGIC_BYTES ? self->held_length : MAGIC_BYTES;

    if (!is_magic_prefix(self->held, magic_length))
        return fail_header(self, HH_ERR_DECODE,
                           self->frames > 0 ? "zstd data has something else behind its end"
                                            : damaged_problem);
    if (self->frames >= HH_DECODER_MEMBERS_MAX)
        return fail_header(self, HH_ERR_DECODE_LIMIT, "zstd data has too many frames");
    if (magic_length < MAGIC_BYTES)
        return HEADER_INCOMPLETE;
    size_t code = ZSTD_getFrameHeader(&self->frame, self->held, self->held_length);
    /* No header is longer than the room for it. */
    if (ZSTD_isError(code) || code > HEADER_BYTES_MAX)
        return fail_header(self, HH_ERR_DECODE, damaged_problem);
    if (code > 0)
        return HEADER_INCOMPLETE;
    if (self->frame.frameType == ZSTD_frame &&
        self->frame.windowSize > 1ull << HH_ZSTD_WINDOW_LOG_MAX)
        return fail_header(self, HH_ERR_DECODE_LIMIT, "zstd data needs a window over 8 MiB");
    return HEADER_GOOD;
}

/* At the start of a frame or inside its header: holds bytes until it is complete. */
static header_result begin_frame(zstd_layer *self, hh_layer_io *io)
{
    header_result result = HEADER_INCOMPLETE;

    self->layer.place = HH_LAYER_INSIDE;
    while (result == HEADER_INCOMPLETE && io->input_length > 0) {
        self->held[self->held_length++] = (unsigned char)io->input[0];
        hh__layer_io_advance(io, 1, 0);
        result = check_header(self);
    }
    self->in_frame = result == HEADER_GOOD;
    self->frame_produced = 0;
    return result;
}

static hh_layer_result fail_with_code(zstd_layer *self, size_t code)
{
    if (ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation)
        return hh__layer_fail(&self->layer, HH_ERR_NO_MEMORY, "out of memory while decoding");
    return hh__layer_fail(&self->layer, HH_ERR_DECODE, damaged_problem);
}

/* One call into libzstd, from the held bytes first and then from the input. Its result. */
static size_t decompress_some(zstd_layer *self, hh_layer_io *io)
{
    bool from_held = self->held_used < self->held_length;
    ZSTD_inBuffer in = {io->input, io->input_length, 0};
    ZSTD_outBuffer out = {io->output, io->capacity, 0};

    if (from_held) {
        in.src = self->held + self->held_used;
        in.size = self->held_length - self->held_used;
    }
    size_t code = ZSTD_decompressStream(self->context, &out, &in);
    if (from_held)
        self->held_used += in.pos;
    self->frame_produced += out.pos;
    hh__layer_io_advance(io, from_held ? 0 : in.pos, out.pos);
    return code;
}

/* False when the frame gave another number of bytes than it declared (RFC 8878 §3.1.1.1.4). */
static bool end_frame(zstd_layer *self)
{
    unsigned long long declared = self->frame.frameContentSize;

    self->layer.place = HH_LAYER_AT_END;
    self->in_frame = false;
    self->held_length = 0;
    self->held_used = 0;
    self->frames++;
    return self->frame.frameType == ZSTD_skippableFrame || declared == ZSTD_CONTENTSIZE_UNKNOWN ||
           declared == self->frame_produced;
}

static hh_layer_result step(hh_decoder_layer *layer, hh_layer_io *io)
{
    zstd_layer *self = HH_CONTAINER_OF(layer, zstd_layer, layer);

    while (io->capacity > 0) {
        if (!self->in_frame) {
            if (io->input_length == 0)
                return HH_LAYER_NEED_INPUT;
            header_result header = begin_frame(self, io);
            if (header != HEADER_GOOD)
                return header == HEADER_BAD ? HH_LAYER_FAILED : HH_LAYER_NEED_INPUT;
        }
        size_t code = decompress_some(self, io);
        if (ZSTD_isError(code))
            return fail_with_code(self, code);
        if (code == 0) {
            if (!end_frame(self))
                return hh__layer_fail(layer, HH_ERR_DECODE, damaged_problem);
        } else if (io->capacity > 0 && io->input_length == 0 &&
                   self->held_used == self->held_length) {
            return HH_LAYER_NEED_INPUT;
        }
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
