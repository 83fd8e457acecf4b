/*
 * chunked.h - the chunked transfer coding, decoded in place of copying (RFC 9112 §7.1).
 *
 * Feed bytes, get slices of the same bytes back: the decoder never copies body data. Chunk
 * extensions are ignored but bounded; trailers are kept in the decoder, apart from the headers.
 * Strict as h1_parser: CRLF only, no space around sizes, at most 16 hex digits that fit 63 bits.
 *
 *     SIZE ──► EXTENSION ──► SIZE_LF ──► DATA ──► DATA_CR ──► DATA_LF ──► SIZE
 *       └──(no extension)──────►┤
 *                               └─(size 0)─► TRAILER ──► DONE          any ──► FAILED
 */
#ifndef HH_CODEC_CHUNKED_H
#define HH_CODEC_CHUNKED_H

#include <stdbool.h>

#include "base/bytes.h"
#include "codec/field_lines.h"

typedef enum hh_chunked_state {
    HH_CHUNKED_SIZE = 0,
    HH_CHUNKED_EXTENSION,
    HH_CHUNKED_SIZE_LF,
    HH_CHUNKED_DATA,
    HH_CHUNKED_DATA_CR,
    HH_CHUNKED_DATA_LF,
    HH_CHUNKED_TRAILER,
    HH_CHUNKED_DONE,
    HH_CHUNKED_FAILED
} hh_chunked_state;

typedef enum hh_chunked_result {
    HH_CHUNKED_NEED_MORE = 0, /* all input used */
    HH_CHUNKED_PIECE,         /* *body is a piece of the body; call again with the rest */
    HH_CHUNKED_COMPLETE,      /* ended; *used says where */
    HH_CHUNKED_ERROR
} hh_chunked_result;

typedef struct hh_chunked {
    hh_chunked_state state;
    unsigned size_digits;
    uint64_t remaining;         /* of the current chunk */
    size_t extension_bytes;     /* of this chunk */
    size_t extensions_total;    /* of the body */
    bool in_quotes, is_escaped; /* inside an extension's quoted string */
    hh_bytes trailer_text;
    hh_field_lines trailer_lines;
    hh_fields trailers;  /* offsets into trailer_text; complete when DONE */
    hh_status failure;   /* FAILED: HH_ERR_PROTOCOL, HH_ERR_HEADERS_TOO_LARGE, HH_ERR_NO_MEMORY */
    const char *problem; /* FAILED: a static phrase */
} hh_chunked;

void hh__chunked_init(hh_chunked *chunked);
void hh__chunked_finish(hh_chunked *chunked);

/* Reads `data`; *used bytes were consumed (the piece included), *body is set with PIECE and lies
 * within data. Neither is written with ERROR. */
hh_chunked_result hh__chunked_next(hh_chunked *chunked, hh_slice data, size_t *used,
                                   hh_slice *body);

#endif
