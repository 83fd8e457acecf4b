/*
 * decoder.h - content codings undone as a stream: gzip, x-gzip, deflate (with the zlib wrapper or
 * bare), br, zstd, in a chain of at most HH_DECODER_MAX_LAYERS (RFC 9110 §8.4, applied in reverse
 * order).
 *
 * Push input, pull output into the caller's memory; the chain keeps small buffers between its
 * layers and nothing else. Several gzip members and several zstd frames are one stream; trailing
 * zero padding or garbage after the end is an error, as is input that ends early. Limits: layers,
 * members, zstd window, and ratio: output over HH_DECODER_RATIO_FREE_BYTES may be at most
 * HH_DECODER_RATIO_MAX times the input so far.
 */
#ifndef HH_CODEC_DECODER_H
#define HH_CODEC_DECODER_H

#include <hyperhttp/base.h>

typedef struct hh_decoder hh_decoder;

typedef enum hh_decode_result {
    HH_DECODE_NEED_INPUT = 0, /* all input used and all output given */
    HH_DECODE_OUTPUT,         /* *produced > 0 bytes written; call again */
    HH_DECODE_COMPLETE,       /* all input used, every layer may end here; *produced may be > 0.
                               * Input that still comes is one more member, or an error. */
    HH_DECODE_ERROR
} hh_decode_result;

/* Builds the chain for the values of all Content-Encoding fields joined by commas, in the order
 * received. "identity" and an empty list give *out = NULL: nothing to do. HH_ERR_DECODE: an unknown
 * coding; HH_ERR_DECODE_LIMIT: too many layers; HH_ERR_NO_MEMORY. *problem gets a static phrase on
 * failure. */
HH_WARN_UNUSED hh_status hh__decoder_create(hh_slice codings, hh_decoder **out,
                                            const char **problem);
void hh__decoder_destroy(hh_decoder *decoder);

/* *used of `input` were consumed, *produced bytes written to `output` (capacity > 0). */
hh_decode_result hh__decoder_next(hh_decoder *decoder, hh_slice input, size_t *used, char *output,
                                  size_t capacity, size_t *produced);
/* No more input will come: HH_OK when every layer is complete (a body of zero bytes is fine too),
 * else HH_ERR_DECODE. */
HH_WARN_UNUSED hh_status hh__decoder_end(hh_decoder *decoder);
/* After an error: HH_ERR_DECODE, HH_ERR_DECODE_LIMIT or HH_ERR_NO_MEMORY, and a static phrase
 * ("gzip data is damaged"). */
hh_status hh__decoder_failure(const hh_decoder *decoder, const char **problem);

/* What to send as Accept-Encoding: "gzip, deflate, br, zstd". Static. */
const char *hh__decoder_accept_encoding(void);

#endif
