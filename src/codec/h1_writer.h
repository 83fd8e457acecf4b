/*
 * h1_writer.h - the head of an HTTP/1 request as bytes (RFC 9112 §3), and chunk framing for request
 * bodies.
 *
 * Refuses what could inject: methods and names that are no tokens, targets that aren't visible
 * ASCII throughout, values with CR, LF or NUL. A line is written whole or not at all.
 */
#ifndef HH_CODEC_H1_WRITER_H
#define HH_CODEC_H1_WRITER_H

#include "base/bytes.h"

/* "METHOD target HTTP/1.1\r\n". HH_ERR_INVALID_ARGUMENT, HH_ERR_NO_MEMORY, HH_ERR_LIMIT. */
HH_WARN_UNUSED hh_status hh__h1_write_request_line(hh_bytes *out, hh_slice method, hh_slice target);
/* "name: value\r\n". */
HH_WARN_UNUSED hh_status hh__h1_write_field(hh_bytes *out, hh_slice name, hh_slice value);
/* The blank line. */
HH_WARN_UNUSED hh_status hh__h1_write_end(hh_bytes *out);

/* "1f40\r\n" into `out`, no NUL; returns its length. `size` > 0. */
#define HH_CHUNK_HEAD_BYTES 18
size_t hh__h1_format_chunk_head(uint64_t size, char out[HH_CHUNK_HEAD_BYTES]);
#define HH_CHUNK_END "\r\n"
#define HH_CHUNK_LAST "0\r\n\r\n"

#endif
