/*
 * chunked.c - chunk sizes, extensions, data and trailers, one state for each place between them.
 *
 * A byte is looked at once; body bytes aren't looked at at all but handed back where they lie.
 * Only the trailer section is kept, since its fields must stay readable. What a peer may add to
 * the body is bounded: digits of a size, extensions of a chunk and of the body, bytes and fields of
 * the trailers. RFC 9112 §7.1.
 */
#include "codec/chunked.h"

#include "base/ascii.h"
#include "base/limits.h"

void hh__chunked_init(hh_chunked *chunked)
{
    static const hh_field_lines start_of_lines;
    chunked->state = HH_CHUNKED_SIZE;
    chunked->size_digits = 0;
    chunked->remaining = 0;
    chunked->extension_bytes = 0;
    chunked->extensions_total = 0;
    chunked->in_quotes = false;
    chunked->is_escaped = false;
    hh__bytes_init(&chunked->trailer_text, HH_TRAILER_MAX_BYTES);
    chunked->trailer_lines = start_of_lines;
    hh__fields_init(&chunked->trailers);
    chunked->failure = HH_OK;
    chunked->problem = NULL;
}

void hh__chunked_finish(hh_chunked *chunked)
{
    hh__bytes_finish(&chunked->trailer_text);
    hh__fields_finish(&chunked->trailers);
}

static void fail(hh_chunked *chunked, hh_status failure, const char *problem)
{
    chunked->state = HH_CHUNKED_FAILED;
    chunked->failure = failure;
    chunked->problem = problem;
}

static void malformed(hh_chunked *chunked, const char *problem)
{
    fail(chunked, HH_ERR_PROTOCOL, problem);
}

static void read_size_byte(hh_chunked *chunked, char c)
{
    int digit = hh__hex_value(c);
    if (digit >= 0) {
        if (++chunked->size_digits > HH_CHUNK_SIZE_MAX_DIGITS) {
            malformed(chunked, "a chunk size of more than 16 digits");
            return;
        }
        /* Four more bits must fit into 63. */
        if (chunked->remaining > (uint64_t)INT64_MAX >> 4) {
            malformed(chunked, "a chunk size over 2^63-1");
            return;
        }
        chunked->remaining = chunked->remaining << 4 | (unsigned)digit;
    } else if (chunked->size_digits == 0) {
        malformed(chunked, "a chunk size that is no hexadecimal number");
    } else if (c == '\r') {
        chunked->state = HH_CHUNKED_SIZE_LF;
    } else if (c == ';') {
        chunked->state = HH_CHUNKED_EXTENSION;
        chunked->extension_bytes = 0;
    } else if (c == '\n') {
        malformed(chunked, hh__line_problem('\n'));
    } else {
        malformed(chunked, "a chunk size that something else than CRLF or ';' follows");
    }
}

/* RFC 9112 §7.1.1: a recipient ignores what it doesn't know, and we know none. */
static void read_extension_byte(hh_chunked *chunked, char c)
{
    if (c == '\r') {
        if (chunked->in_quotes) {
            malformed(chunked, "a quoted string that its chunk extension doesn't end");
            return;
        }
        chunked->state = HH_CHUNKED_SIZE_LF;
        return;
    }
    if (((unsigned char)c < ' ' && c != '\t') || c == 0x7f) {
        malformed(chunked, hh__line_problem(c));
        return;
    }
    if (++chunked->extension_bytes > HH_CHUNK_EXTENSION_MAX_BYTES) {
        malformed(chunked, "a chunk extension over 4096 bytes");
        return;
    }
    if (++chunked->extensions_total > HH_CHUNK_EXTENSIONS_MAX_BYTES) {
        malformed(chunked, "chunk extensions over 65536 bytes in one body");
        return;
    }
    if (chunked->is_escaped) {
        chunked->is_escaped = false;
    } else if (c == '"') {
        chunked->in_quotes = !chunked->in_quotes;
    } else if (c == '\\' && chunked->in_quotes) {
        chunked->is_escaped = true;
    }
}

static void read_size_lf(hh_chunked *chunked, char c)
{
    if (c != '\n') {
        malformed(chunked, hh__line_problem('\r'));
        return;
    }
    chunked->state = chunked->remaining == 0 ? HH_CHUNKED_TRAILER : HH_CHUNKED_DATA;
}

static void read_data_end(hh_chunked *chunked, char c)
{
    if (chunked->state == HH_CHUNKED_DATA_CR && c == '\r') {
        chunked->state = HH_CHUNKED_DATA_LF;
    } else if (chunked->state == HH_CHUNKED_DATA_LF && c == '\n') {
        chunked->state = HH_CHUNKED_SIZE;
        chunked->size_digits = 0;
    } else {
        malformed(chunked, "chunk data that CRLF doesn't follow");
    }
}

static hh_slice take_data(hh_chunked *chunked, hh_slice rest)
{
    hh_slice piece = rest;
    if (piece.length > chunked->remaining) {
        piece.length = (size_t)chunked->remaining;
    }
    chunked->remaining -= piece.length;
    if (chunked->remaining == 0) {
        chunked->state = HH_CHUNKED_DATA_CR;
    }
    return piece;
}

/* Takes trailer bytes; returns how many. */
static size_t take_trailers(hh_chunked *chunked, hh_slice rest)
{
    hh_bytes *text = &chunked->trailer_text;
    if (text->length == 0 && rest.length >= 2 && memcmp(rest.data, "\r\n", 2) == 0) {
        chunked->state = HH_CHUNKED_DONE; /* as nearly always: none, and nothing to allocate */
        return 2;
    }
    size_t before = text->length;
    size_t room = text->limit - before;
    hh_slice taken = {rest.data, rest.length < room ? rest.length : room};
    hh__bytes_append_slice(text, taken);
    if (text->status != HH_OK) {
        fail(chunked, text->status, "out of memory for trailers");
        return 0;
    }
    hh_field_lines *lines = &chunked->trailer_lines;
    switch (hh__field_lines_parse(lines, hh__bytes_slice(text), HH_TRAILER_MAX_FIELDS,
                                  &chunked->trailers)) {
    case HH_LINES_NEED_MORE:
        if (text->length == text->limit) {
            fail(chunked, HH_ERR_HEADERS_TOO_LARGE, "trailers over 16384 bytes");
        }
        return taken.length;
    case HH_LINES_COMPLETE:
        text->length = lines->line_start; /* what follows isn't ours */
        chunked->state = HH_CHUNKED_DONE;
        return text->length - before;
    case HH_LINES_ERROR:
        break;
    }
    fail(chunked, lines->failure, lines->problem);
    return 0;
}

/* One step in any state but DATA, DONE and FAILED; returns how many bytes it took. */
static size_t take_framing(hh_chunked *chunked, hh_slice rest)
{
    switch (chunked->state) {
    case HH_CHUNKED_SIZE:
        read_size_byte(chunked, rest.data[0]);
        return 1;
    case HH_CHUNKED_EXTENSION:
        read_extension_byte(chunked, rest.data[0]);
        return 1;
    case HH_CHUNKED_SIZE_LF:
        read_size_lf(chunked, rest.data[0]);
        return 1;
    case HH_CHUNKED_DATA_CR:
    case HH_CHUNKED_DATA_LF:
        read_data_end(chunked, rest.data[0]);
        return 1;
    case HH_CHUNKED_TRAILER:
        return take_trailers(chunked, rest);
    case HH_CHUNKED_DATA:
    case HH_CHUNKED_DONE:
    case HH_CHUNKED_FAILED:
        break;
    }
    return 0;
}

hh_chunked_result hh__chunked_next(hh_chunked *chunked, hh_slice data, size_t *used, hh_slice *body)
{
    size_t taken = 0;
    while (chunked->state != HH_CHUNKED_DONE && chunked->state != HH_CHUNKED_FAILED &&
           taken < data.length) {
        hh_slice rest = {data.data + taken, data.length - taken};
        if (chunked->state == HH_CHUNKED_DATA) {
            *body = take_data(chunked, rest);
            *used = taken + body->length;
            return HH_CHUNKED_PIECE;
        }
        taken += take_framing(chunked, rest);
    }
    if (chunked->state == HH_CHUNKED_FAILED) {
        return HH_CHUNKED_ERROR;
    }
    *used = taken;
    return chunked->state == HH_CHUNKED_DONE ? HH_CHUNKED_COMPLETE : HH_CHUNKED_NEED_MORE;
}
