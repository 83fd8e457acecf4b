/*
 * h2_head.h - collects an HTTP/2 header block, field by field, as the head or the trailers that
 * conn.h reports.
 *
 * The head's text is written as HTTP/1 would have it, for printing and for offsets: "HTTP/2 200",
 * then "name: value" lines, CRLF each, then a blank line. Trailers have no status line. Checks all
 * that RFC 9113 §8 demands of the fields, since the framing library is told not to: lower-case
 * tokens as names, values without control characters and white space around them, :status first,
 * once and 100 to 999 but never 101, no other pseudo-field, none in trailers, no
 * connection-specific field (§8.2.2), one Content-Length at most, or equal ones. Bounded by
 * max_bytes of text and max_fields. After a failure further fields are ignored, so the block can be
 * read to its end.
 */
#ifndef HH_CONN_H2_HEAD_H
#define HH_CONN_H2_HEAD_H

#include <stdbool.h>

#include "base/bytes.h"
#include "codec/fields.h"

typedef enum hh_h2_block { HH_H2_BLOCK_HEAD = 0, HH_H2_BLOCK_TRAILERS } hh_h2_block;

typedef struct hh_h2_head {
    hh_bytes text;
    hh_fields fields;
    hh_h2_block block;
    uint32_t max_fields;
    int status;              /* 0: not seen yet */
    uint64_t content_length; /* UINT64_MAX: not declared */
    hh_status failure;   /* HH_OK, HH_ERR_PROTOCOL, HH_ERR_HEADERS_TOO_LARGE, HH_ERR_NO_MEMORY */
    const char *problem; /* static; with failure */
    /* Answers of one server are much alike: what the last head began with still lies in place. */
    bool is_complete;           /* the block has come to its end, without failure */
    uint32_t checked;           /* fields of this block that are the last one's, byte for byte */
    uint32_t repeatable;        /* fields of the last head that may still turn out to be repeated */
    int repeatable_status;      /* of the last head; 0: not repeatable any more */
    uint64_t repeatable_length; /* its content_length */
} hh_h2_head;

void hh__h2_head_init(hh_h2_head *head);
void hh__h2_head_finish(hh_h2_head *head);
/* Forgets the last block; keeps its memory when that is small. */
void hh__h2_head_begin(hh_h2_head *head, hh_h2_block block, uint32_t max_bytes,
                       uint32_t max_fields);
void hh__h2_head_add(hh_h2_head *head, hh_slice name, hh_slice value);
/* The block is complete. The same as head->failure. */
hh_status hh__h2_head_end(hh_h2_head *head);

#endif
