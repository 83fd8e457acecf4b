/*
 * field_lines.h - field lines up to and with the blank line that ends them (RFC 9112 §5), strict
 * and incremental: what a response head and a trailer section have in common.
 *
 * The caller keeps the bytes contiguous and feeds them again as they grow. A byte is scanned once,
 * and what is wrong is found at the byte that makes it wrong, so the answer doesn't depend on how
 * the bytes were split. h1_parser.h lists what is refused.
 */
#ifndef HH_CODEC_FIELD_LINES_H
#define HH_CODEC_FIELD_LINES_H

#include "codec/fields.h"

typedef enum hh_lines_result {
    HH_LINES_NEED_MORE = 0,
    HH_LINES_COMPLETE,
    HH_LINES_ERROR
} hh_lines_result;

/* Zeroed to begin at offset 0; to begin elsewhere set line_start and scanned. */
typedef struct hh_field_lines {
    uint32_t line_start; /* offset of the line being looked at; COMPLETE: behind the blank line */
    uint32_t scanned;    /* nothing before this offset is scanned again */
    uint32_t colon;      /* offset of the line's colon, 0 as long as it isn't seen */
    hh_status failure;   /* ERROR: HH_ERR_PROTOCOL, HH_ERR_HEADERS_TOO_LARGE, HH_ERR_NO_MEMORY */
    const char *problem; /* ERROR: a static phrase */
} hh_field_lines;

/* `data`: all bytes so far, at most UINT32_MAX. Adds an entry to `fields` for each whole line.
 * After an ERROR it must not be called again. */
hh_lines_result hh__field_lines_parse(hh_field_lines *lines, hh_slice data, uint32_t max_fields,
                                      hh_fields *fields);

/* What is wrong with a byte that ended a field value or reason phrase, other than a CR with its LF:
 * a static phrase. */
const char *hh__line_problem(char stopped_at);

#endif
