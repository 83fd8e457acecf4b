/*
 * decoder_zlib.c - gzip (RFC 1952) and deflate (RFC 9110 §8.4.1.2) through zlib.
 *
 * A gzip body is one member after another; zlib checks each one's CRC and length. What follows the
 * last member must be a member again, so padding and garbage fail there.
 *
 * "deflate" means the zlib wrapper (RFC 1950), but some servers send the bare form (RFC 1951). The
 * first two bytes tell: a zlib header has method 8, a window of at most 32 KiB and a checksum; a
 * bare stream that begins so would need a stored block with non-zero padding, which no encoder
 * writes. The two bytes are held until both are there, then go in like any others.
 */
#include "codec/decoder_layer.h"

#include <stdbool.h>

#define ZLIB_CONST /* next_in points to const */
#include <zlib.h>

#include "base/limits.h"
#include "base/memory.h"

#define HEAD_BYTES 2

/* avail_in and avail_out are narrower than size_t. */
#define STEP_BYTES_MAX ((size_t)1 << 30)

typedef enum zlib_form { FORM_GZIP, FORM_DEFLATE } zlib_form;

typedef struct zlib_layer {
    hh_decoder_layer layer;
    z_stream stream;
    zlib_form form;
    unsigned members;
    unsigned char head[HEAD_BYTES]; /* deflate only */
    unsigned head_length;
    unsigned head_used;
} zlib_layer;

static voidpf take_memory(voidpf opaque, uInt items, uInt size)
{
    (void)opaque;
    return hh__realloc_array(NULL, items, size);
}

static void give_memory(voidpf opaque, voidpf memory)
{
    (void)opaque;
    hh__free(memory);
}

static size_t step_bytes(size_t length)
{
    return length < STEP_BYTES_MAX ? length : STEP_BYTES_MAX;
}

/* One call into zlib, from the held bytes first and then from the input. */
static int inflate_some(zlib_layer *self, hh_layer_io *io)
{
    z_stream *stream = &self->stream;
    bool from_head = self->head_used < self->head_length;
    size_t available = from_head ? self->head_length - self->head_used : io->input_length;
    const void *source = from_head ? (const void *)(self->head + self->head_used) : io->input;
    size_t offered = step_bytes(available);
    size_t room = step_bytes(io->capacity);

    stream->next_in = source;
    stream->avail_in = (uInt)offered;
    stream->next_out = (Bytef *)io->output;
    stream->avail_out = (uInt)room;
    int code = inflate(stream, Z_NO_FLUSH);
    size_t used = offered - stream->avail_in;
    if (from_head)
        self->head_used += (unsigned)used;
    hh__layer_io_advance(io, from_head ? 0 : used, room - stream->avail_out);
    stream->next_in = NULL;
    stream->next_out = NULL;
    return code;
}

static bool has_zlib_header(const unsigned char head[HEAD_BYTES])
{
    /* RFC 1950 §2.2: CM, CINFO, and FCHECK over both bytes. */
    return (head[0] & 0x0f) == 8 && head[0] >> 4 <= 7 && (head[0] * 256u + head[1]) % 31 == 0;
}

/* True once both first bytes are there and zlib knows which form to expect. */
static bool detect_deflate_form(zlib_layer *self, hh_layer_io *io)
{
    while (self->head_length < HEAD_BYTES && io->input_length > 0) {
        self->head[self->head_length++] = (unsigned char)io->input[0];
        hh__layer_io_advance(io, 1, 0);
        if (self->head_length == HEAD_BYTES && !has_zlib_header(self->head))
            (void)inflateReset2(&self->stream, -MAX_WBITS);
    }
    return self->head_length == HEAD_BYTES;
}

static hh_layer_result fail_with_code(zlib_layer *self, int code)
{
    if (code == Z_MEM_ERROR)
        return hh__layer_fail(&self->layer, HH_ERR_NO_MEMORY, "out of memory while decoding");
    if (self->form == FORM_DEFLATE)
        return hh__layer_fail(&self->layer, HH_ERR_DECODE, "deflate data is damaged");
    bool behind_end = self->members > 0 && self->stream.total_out == 0;
    return hh__layer_fail(&self->layer, HH_ERR_DECODE,
                          behind_end ? "gzip data has something else behind its end"
                                     : "gzip data is damaged");
}

/* More input came after an end: the next gzip member, or something that doesn't belong there. */
static hh_status begin_member(zlib_layer *self)
{
    hh_decoder_layer *layer = &self->layer;

    if (self->form == FORM_DEFLATE) {
        (void)hh__layer_fail(layer, HH_ERR_DECODE, "deflate data has something behind its end");
        return layer->status;
    }
    if (self->members >= HH_DECODER_MEMBERS_MAX) {
        (void)hh__layer_fail(layer, HH_ERR_DECODE_LIMIT, "gzip data has too many members");
        return layer->status;
    }
    (void)inflateReset(&self->stream);
    layer->place = HH_LAYER_INSIDE;
    return HH_OK;
}

static hh_layer_result step(hh_decoder_layer *layer, hh_layer_io *io)
{
    zlib_layer *self = HH_CONTAINER_OF(layer, zlib_layer, layer);

    if (layer->place == HH_LAYER_FRESH)
        layer->place = HH_LAYER_INSIDE;
    if (self->form == FORM_DEFLATE && !detect_deflate_form(self, io))
        return HH_LAYER_NEED_INPUT;
    while (io->capacity > 0) {
        if (layer->place == HH_LAYER_AT_END) {
            if (io->input_length == 0 && self->head_used == self->head_length)
                return HH_LAYER_NEED_INPUT;
            if (begin_member(self) != HH_OK)
                return HH_LAYER_FAILED;
        }
        int code = inflate_some(self, io);
        if (code == Z_STREAM_END) {
            layer->place = HH_LAYER_AT_END;
            self->members++;
        } else if (code != Z_OK && code != Z_BUF_ERROR) {
            return fail_with_code(self, code);
        } else if (io->capacity > 0 && io->input_length == 0 &&
                   self->head_used == self->head_length) {
            return HH_LAYER_NEED_INPUT;
        }
    }
    return HH_LAYER_OUTPUT_FULL;
}

static void destroy(hh_decoder_layer *layer)
{
    zlib_layer *self = HH_CONTAINER_OF(layer, zlib_layer, layer);

    (void)inflateEnd(&self->stream);
    hh__free(self);
}

static const hh_layer_ops gzip_ops = {step, destroy, "gzip data ends too early"};
static const hh_layer_ops deflate_ops = {step, destroy, "deflate data ends too early"};

static hh_decoder_layer *create(zlib_form form, const hh_layer_ops *ops)
{
    zlib_layer *self = hh__calloc(1, sizeof(*self));

    if (self == NULL)
        return NULL;
    self->layer.ops = ops;
    self->form = form;
    self->stream.zalloc = take_memory;
    self->stream.zfree = give_memory;
    /* 16 more asks zlib for the gzip wrapper and nothing else. */
    if (inflateInit2(&self->stream, form == FORM_GZIP ? MAX_WBITS + 16 : MAX_WBITS) != Z_OK) {
        hh__free(self);
        return NULL;
    }
    return &self->layer;
}

hh_decoder_layer *hh__layer_create_gzip(void)
{
    return create(FORM_GZIP, &gzip_ops);
}

hh_decoder_layer *hh__layer_create_deflate(void)
{
    return create(FORM_DEFLATE, &deflate_ops);
}
