/*
 * coded.h - content encoded by the original libraries, and a driver that decodes it in pieces of
 * any size, for the tests of codec/decoder.
 */
#ifndef TESTS_CODEC_CODED_H
#define TESTS_CODEC_CODED_H

#include <hyperhttp/base.h>

/* Bytes on the heap; blob_free gives them back. */
typedef struct blob {
    char *data;
    size_t length;
} blob;

typedef enum content_kind {
    CONTENT_TEXT,
    CONTENT_NOISE,
    CONTENT_ZEROS,
    CONTENT_MIXED
} content_kind;

typedef enum coder_kind {
    CODER_GZIP,
    CODER_ZLIB, /* deflate as RFC 9110 means it */
    CODER_RAW,  /* deflate without the wrapper */
    CODER_BROTLI,
    CODER_ZSTD
} coder_kind;
#define CODERS 5

/* The coding's name in Content-Encoding. */
const char *coder_name(coder_kind coder);

blob blob_of(const void *data, size_t length);
blob blob_made(content_kind content, size_t length);
blob blob_joined(blob first, blob second); /* a new one; both stay */
void blob_free(blob one);

blob blob_coded(coder_kind coder, blob plain);
blob blob_deflated(blob plain, int level, int window_bits);
/* A frame that doesn't say its content's size, so that its window counts. */
blob blob_zstd_window(blob plain, int window_log);

#define DECODED_MAX ((size_t)4 << 20)

typedef struct decode_outcome {
    hh_status status;
    const char *problem;
    size_t decoded_bytes; /* in `decoded`, or only counted once over DECODED_MAX */
    int completes;        /* times HH_DECODE_COMPLETE came */
} decode_outcome;

/* What the last decode() gave. */
extern char decoded[DECODED_MAX];

/* Decodes `coded`, `input_step` bytes at a time, with room for `output_step` (at most 64 KiB), and
 * asserts what the contract says of each call. */
decode_outcome decode(const char *codings, blob coded, size_t input_step, size_t output_step);

#define WHOLE ((size_t)-1)
#define OUTPUT_STEP_MAX 65536

#endif
