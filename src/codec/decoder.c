/*
 * decoder.c - the chain of content decoders: which layers, in which order, how far they may go.
 *
 * Stage 0 takes the body as received and undoes the coding applied last; the last stage writes into
 * the caller's memory; each of the others writes into a small buffer that the next one empties. A
 * stage runs only when it has input or stopped for want of room, and it is given more input only
 * after it has used up what it had.
 *
 * Invariants: a buffer is refilled only when empty, so nothing grows. Each stage's output is
 * counted against the bytes received, inner ones too: output that the next layer swallows silently
 * costs time as well. A failure sticks; what the last stage wrote
 * before it is handed out first.
 *
 * RFC 9110 §8.4. The formats are in decoder_zlib.c, decoder_brotli.c and decoder_zstd.c.
 */
#include "codec/decoder.h"

#include <assert.h>
#include <stdbool.h>

#include "base/ascii.h"
#include "base/limits.h"
#include "base/memory.h"
#include "codec/decoder_layer.h"

typedef struct stage {
    hh_decoder_layer *layer;
    bool is_full; /* stopped for want of room; may have more without new input */
    uint64_t produced_total;
    char *buffer; /* NULL in the last stage */
    size_t begin; /* what of the buffer the next stage hasn't used yet */
    size_t end;
} stage;

struct hh_decoder {
    hh_status status;
    const char *problem;
    uint64_t received_total;
    unsigned stage_count;
    stage stages[HH_DECODER_MAX_LAYERS];
};

typedef struct coding {
    const char *name;
    hh_layer_create *create;
} coding;

/* RFC 9110 §8.4.1 and its registry; "x-gzip" is an old name of gzip (§8.4.1.3). */
static const coding codings_known[] = {
    {"gzip", hh__layer_create_gzip}, {"x-gzip", hh__layer_create_gzip},
    {"br", hh__layer_create_brotli}, {"deflate", hh__layer_create_deflate},
    {"zstd", hh__layer_create_zstd},
};

static const coding *find_coding(hh_slice name)
{
    for (size_t i = 0; i < HH_COUNT_OF(codings_known); i++) {
        if (hh__slice_is_nocase(name, codings_known[i].name))
            return &codings_known[i];
    }
    return NULL;
}

/* The codings in the order received, "identity" left out. */
static hh_status parse_codings(hh_slice list, const coding *found[HH_DECODER_MAX_LAYERS],
                               unsigned *count, const char **problem)
{
    hh_slice name;

    *count = 0;
    while (hh__list_element_next(&list, &name)) {
        if (hh__slice_is_nocase(name, "identity"))
            continue;
        const coding *known = find_coding(name);
        if (known == NULL) {
            *problem = "the content coding is unknown";
            return HH_ERR_DECODE;
        }
        if (*count == HH_DECODER_MAX_LAYERS) {
            *problem = "too many content codings are applied over one another";
            return HH_ERR_DECODE_LIMIT;
        }
        found[(*count)++] = known;
    }
    return HH_OK;
}

static hh_status add_stage(hh_decoder *decoder, const coding *known, unsigned count)
{
    stage *added = &decoder->stages[decoder->stage_count];

    added->layer = known->create();
    if (added->layer == NULL)
        return HH_ERR_NO_MEMORY;
    decoder->stage_count++;
    if (decoder->stage_count == count)
        return HH_OK;
    added->buffer = hh__malloc(HH_DECODER_BUFFER_BYTES);
    return added->buffer != NULL ? HH_OK : HH_ERR_NO_MEMORY;
}

hh_status hh__decoder_create(hh_slice codings, hh_decoder **out, const char **problem)
{
    const coding *found[HH_DECODER_MAX_LAYERS];
    unsigned count;
    hh_status status = parse_codings(codings, found, &count, problem);

    if (status != HH_OK)
        return status;
    if (count == 0) {
        *out = NULL;
        return HH_OK;
    }
    hh_decoder *decoder = hh__calloc(1, sizeof(*decoder));
    if (decoder == NULL)
        goto no_memory;
    for (unsigned i = count; i > 0; i--) {
        if (add_stage(decoder, found[i - 1], count) != HH_OK)
            goto no_memory;
    }
    *out = decoder;
    return HH_OK;

no_memory:
    hh__decoder_destroy(decoder);
    *problem = "out of memory while decoding";
    return HH_ERR_NO_MEMORY;
}

void hh__decoder_destroy(hh_decoder *decoder)
{
    if (decoder == NULL)
        return;
    for (unsigned i = 0; i < decoder->stage_count; i++) {
        stage *one = &decoder->stages[i];
        one->layer->ops->destroy(one->layer);
        hh__free(one->buffer);
    }
    hh__free(decoder);
}

static hh_status fail(hh_decoder *decoder, hh_status status, const char *problem)
{
    decoder->status = status;
    decoder->problem = problem;
    return status;
}

/* One step of stage `index` from io's input into io's output. */
static hh_status run_stage(hh_decoder *decoder, unsigned index, hh_layer_io *io)
{
    stage *one = &decoder->stages[index];
    size_t input_before = io->input_length;
    size_t capacity_before = io->capacity;

    if (input_before == 0 && !one->is_full)
        return HH_OK;
    hh_layer_result result = one->layer->ops->step(one->layer, io);
    one->is_full = result == HH_LAYER_OUTPUT_FULL;
    one->produced_total += capacity_before - io->capacity;
    if (index == 0)
        decoder->received_total += input_before - io->input_length;
    if (result == HH_LAYER_FAILED)
        return fail(decoder, one->layer->status, one->layer->problem);
    return HH_OK;
}

static bool is_over_ratio(const hh_decoder *decoder, const stage *one)
{
    return one->produced_total > HH_DECODER_RATIO_FREE_BYTES &&
           one->produced_total > decoder->received_total * HH_DECODER_RATIO_MAX;
}

/* Runs stage `index` with whatever is before and behind it. `ends` has the caller's input and
 * output. */
static hh_status drive_stage(hh_decoder *decoder, unsigned index, hh_layer_io *ends)
{
    stage *one = &decoder->stages[index];
    stage *source = index > 0 ? one - 1 : NULL;
    bool is_last = index + 1 == decoder->stage_count;
    hh_layer_io io = *ends;

    if (source != NULL) {
        io.input = source->buffer + source->begin;
        io.input_length = source->end - source->begin;
    }
    if (!is_last) {
        io.output = one->buffer;
        io.capacity = HH_DECODER_BUFFER_BYTES;
    }
    hh_status status = run_stage(decoder, index, &io);
    if (source != NULL) {
        source->begin = source->end - io.input_length;
    } else {
        ends->input = io.input;
        ends->input_length = io.input_length;
    }
    if (is_last) {
        ends->output = io.output;
        ends->capacity = io.capacity;
    } else {
        one->begin = 0;
        one->end = HH_DECODER_BUFFER_BYTES - io.capacity;
    }
    return status;
}

static bool is_complete(const hh_decoder *decoder)
{
    for (unsigned i = 0; i < decoder->stage_count; i++) {
        const stage *one = &decoder->stages[i];
        if (one->layer->place != HH_LAYER_AT_END || one->begin != one->end)
            return false;
    }
    return true;
}

/* Until the output is full, the input used up and everything given out that follows from it, or a
 * stage fails. */
static void pump(hh_decoder *decoder, hh_layer_io *ends)
{
    unsigned last = decoder->stage_count - 1;
    unsigned index = last;

    for (;;) {
        stage *one = &decoder->stages[index];
        hh_status status = drive_stage(decoder, index, ends);
        if (is_over_ratio(decoder, one)) {
            (void)fail(decoder, HH_ERR_DECODE_LIMIT, "the body decodes to suspiciously many bytes");
            return;
        }
        if (status != HH_OK || (index == last && ends->capacity == 0))
            return;
        if (index < last && one->end > one->begin)
            index++;
        else if (index > 0)
            index--;
        else
            return;
    }
}

hh_decode_result hh__decoder_next(hh_decoder *decoder, hh_slice input, size_t *used, char *output,
                                  size_t capacity, size_t *produced)
{
    hh_layer_io ends = {input.data, input.length, output, capacity};

    assert(capacity > 0);
    *used = 0;
    *produced = 0;
    if (decoder->status != HH_OK)
        return HH_DECODE_ERROR;
    pump(decoder, &ends);
    *used = input.length - ends.input_length;
    *produced = capacity - ends.capacity;
    if (decoder->status == HH_ERR_DECODE_LIMIT)
        *produced = 0;
    if (decoder->status == HH_OK && ends.input_length == 0 && is_complete(decoder))
        return HH_DECODE_COMPLETE;
    if (*produced > 0)
        return HH_DECODE_OUTPUT;
    return decoder->status == HH_OK ? HH_DECODE_NEED_INPUT : HH_DECODE_ERROR;
}

hh_status hh__decoder_end(hh_decoder *decoder)
{
    if (decoder->status != HH_OK)
        return decoder->status;
    if (decoder->received_total == 0)
        return HH_OK;
    /* The outermost coding that isn't complete: the ones inside it only follow. */
    for (unsigned i = 0; i < decoder->stage_count; i++) {
        const hh_decoder_layer *layer = decoder->stages[i].layer;
        if (layer->place != HH_LAYER_AT_END)
            return fail(decoder, HH_ERR_DECODE, layer->ops->truncated);
    }
    return HH_OK;
}

hh_status hh__decoder_failure(const hh_decoder *decoder, const char **problem)
{
    *problem = decoder->problem;
    return decoder->status;
}

const char *hh__decoder_accept_encoding(void)
{
    return "gzip, deflate, br, zstd";
}
