/*
 * h1_parser.h - the head of an HTTP/1 response: status line and fields (RFC 9112 §4, §5), strict
 * and incremental.
 *
 * The caller keeps the bytes of one head contiguous, from its first byte, and feeds the parser
 * again whenever more have come; the parser remembers how far it got, so any split gives the same
 * answer in linear time. It allocates nothing but the index of many fields. No socket, no clock.
 *
 *     START ──► STATUS_LINE ──► FIELDS ──► DONE          any ──► FAILED
 *
 * Strict: CRLF line ends only; no bare CR, no NUL, no control characters but HTAB in values; no
 * obs-fold; no space before the colon; names are tokens; status exactly three digits, 100 to 999;
 * HTTP/1.0 and HTTP/1.1 only (higher 1.x minor read as 1.1, RFC 9112 §2.3).
 */
#ifndef HH_CODEC_H1_PARSER_H
#define HH_CODEC_H1_PARSER_H

#include <stdbool.h>

#include "base/limits.h"
#include "codec/field_lines.h"

typedef enum hh_h1_state {
    HH_H1_START = 0,
    HH_H1_STATUS_LINE,
    HH_H1_FIELDS,
    HH_H1_DONE,
    HH_H1_FAILED
} hh_h1_state;

typedef enum hh_h1_result { HH_H1_NEED_MORE = 0, HH_H1_COMPLETE, HH_H1_ERROR } hh_h1_result;

typedef struct hh_h1_parser {
    hh_h1_state state;
    hh_field_lines lines; /* how far the bytes are read, the status line's included */
    uint32_t head_length; /* DONE: bytes of the head, blank line included */
    uint32_t max_bytes;   /* HH_HEAD_MAX_BYTES unless set lower */
    uint32_t max_fields;  /* HH_HEAD_MAX_FIELDS likewise */
    uint16_t status;
    uint8_t version; /* 10 or 11 */
    uint32_t reason_offset;
    uint32_t reason_length;
    hh_fields fields;
    hh_status failure; /* FAILED: HH_ERR_PROTOCOL, HH_ERR_HEADERS_TOO_LARGE or HH_ERR_NO_MEMORY */
    const char
        *problem; /* FAILED: what is wrong, a static phrase: "space before the colon of a field" */
} hh_h1_parser;

void hh__h1_parser_init(hh_h1_parser *parser);
void hh__h1_parser_finish(hh_h1_parser *parser);
/* Ready for the next head; keeps limits and memory. */
void hh__h1_parser_reset(hh_h1_parser *parser);

/* `data`: all bytes since the head's first (surplus behind the head is fine). COMPLETE: status,
 * version, reason, fields and head_length are set, offsets count from data. */
hh_h1_result hh__h1_parse(hh_h1_parser *parser, hh_slice data);

/* How the body is delimited, RFC 9112 §6.3. */
typedef enum hh_framing_kind {
    HH_FRAMING_NONE = 0, /* no body */
    HH_FRAMING_LENGTH,
    HH_FRAMING_CHUNKED,
    HH_FRAMING_CLOSE, /* until the connection ends */
    HH_FRAMING_TUNNEL /* 101, or a 2xx to CONNECT: no HTTP any more */
} hh_framing_kind;

typedef enum hh_request_kind {
    HH_REQUEST_OTHER = 0,
    HH_REQUEST_HEAD,
    HH_REQUEST_CONNECT
} hh_request_kind;

typedef struct hh_framing {
    hh_framing_kind kind;
    uint64_t length;  /* LENGTH: bytes to come. Else the declared length or UINT64_MAX */
    bool keeps_alive; /* the connection may serve again after this answer (RFC 9112 §9.3) */
    uint32_t keep_alive_timeout_s; /* Keep-Alive: timeout=N; UINT32_MAX when not given */
    const char *problem;           /* set on HH_ERR_PROTOCOL */
} hh_framing;

/* Reads Content-Length, Transfer-Encoding, Connection and Keep-Alive of a complete head.
 * HH_ERR_PROTOCOL: differing or malformed lengths, both length and coding, chunked not last or
 * twice, an unknown transfer coding, Transfer-Encoding in a 1.0 answer. */
HH_WARN_UNUSED hh_status hh__h1_framing(const hh_h1_parser *parser, const char *data,
                                        hh_request_kind request, hh_framing *out);

#endif
