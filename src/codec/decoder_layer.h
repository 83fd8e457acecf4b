/*
 * decoder_layer.h - one content coding undone, behind a small table of functions.
 *
 * A layer takes bytes and gives bytes; decoder.c strings layers together, counts, and holds the
 * limits that span them. A layer itself holds the limits of its own format (members, window) and
 * decides where its data may end.
 *
 * Each format's struct begins with an hh_decoder_layer. The libraries underneath allocate through
 * base/memory.h.
 */
#ifndef HH_CODEC_DECODER_LAYER_H
#define HH_CODEC_DECODER_LAYER_H

#include <hyperhttp/base.h>

typedef enum hh_layer_place {
    HH_LAYER_FRESH = 0, /* has seen no byte */
    HH_LAYER_INSIDE,    /* the data may not end here */
    HH_LAYER_AT_END     /* it may, and everything was given out */
} hh_layer_place;

/* What a step works on. It moves the pointers and lessens the lengths by what it used. */
typedef struct hh_layer_io {
    const char *input;
    size_t input_length;
    char *output;
    size_t capacity;
} hh_layer_io;

typedef struct hh_decoder_layer {
    const struct hh_layer_ops *ops;
    hh_layer_place place;
    hh_status status;    /* what a failed step came to */
    const char *problem; /* static phrase that goes with it */
} hh_decoder_layer;

typedef enum hh_layer_result {
    HH_LAYER_NEED_INPUT = 0, /* all input used, everything that follows from it given out */
    HH_LAYER_OUTPUT_FULL,    /* no room left; more may be waiting, even without new input */
    HH_LAYER_FAILED
} hh_layer_result;

typedef struct hh_layer_ops {
    /* Goes on until the input is used up, the output full, or the data wrong. Must be called only
     * with some input, or after HH_LAYER_OUTPUT_FULL. */
    hh_layer_result (*step)(hh_decoder_layer *layer, hh_layer_io *io);
    void (*destroy)(hh_decoder_layer *layer);
    const char *truncated; /* the phrase for data that ends too early */
} hh_layer_ops;

/* Makes a layer; NULL when out of memory. */
typedef hh_decoder_layer *hh_layer_create(void);
hh_decoder_layer *hh__layer_create_gzip(void);
hh_decoder_layer *hh__layer_create_deflate(void);
hh_decoder_layer *hh__layer_create_brotli(void);
hh_decoder_layer *hh__layer_create_zstd(void);

static inline hh_layer_result hh__layer_fail(hh_decoder_layer *layer, hh_status status,
                                             const char *problem)
{
    layer->status = status;
    layer->problem = problem;
    return HH_LAYER_FAILED;
}

static inline void hh__layer_io_advance(hh_layer_io *io, size_t used, size_t produced)
{
    if (used > 0) /* no input may mean a NULL pointer */
        io->input += used;
    io->input_length -= used;
    io->output += produced;
    io->capacity -= produced;
}

#endif
