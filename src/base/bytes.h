/*
 * bytes.h - a growing run of bytes that checks every bound and never exceeds its limit.
 *
 * Errors stick: after one append has failed all later ones do nothing, so a writer may check once
 * at the end. The content is always followed by a NUL that length doesn't count, once anything was
 * appended; who writes into reserved room writes it too (there is room) or leaves it to the next
 * append or detach.
 */
#ifndef HH_BASE_BYTES_H
#define HH_BASE_BYTES_H

#include <hyperhttp/base.h>

typedef struct hh_bytes {
    char *data;
    size_t length;
    size_t capacity;
    size_t limit;     /* length never exceeds it */
    hh_status status; /* HH_OK, HH_ERR_NO_MEMORY or HH_ERR_LIMIT: the first failure */
} hh_bytes;

void hh__bytes_init(hh_bytes *bytes, size_t limit);
void hh__bytes_finish(hh_bytes *bytes);
/* Empties it, keeps the memory, clears the status. */
void hh__bytes_clear(hh_bytes *bytes);
/* The same as hh__bytes_reserve, which comes here for what doesn't fit. */
char *hh__bytes_grow(hh_bytes *bytes, size_t more);
/* Room for `more` bytes behind length; NULL on failure. The caller adds to length what it wrote. */
static inline char *hh__bytes_reserve(hh_bytes *bytes, size_t more)
{
    if (bytes->status == HH_OK && more < bytes->capacity - bytes->length &&
        more <= bytes->limit - bytes->length)
        return bytes->data + bytes->length;
    return hh__bytes_grow(bytes, more);
}
void hh__bytes_append(hh_bytes *bytes, const void *data, size_t length);
void hh__bytes_append_slice(hh_bytes *bytes, hh_slice slice);
void hh__bytes_append_text(hh_bytes *bytes, const char *text);
void hh__bytes_append_char(hh_bytes *bytes, char c);
void hh__bytes_append_unsigned(hh_bytes *bytes, uint64_t value);
/* Removes the first `count` bytes (at most length). */
void hh__bytes_consume(hh_bytes *bytes, size_t count);
static inline hh_slice hh__bytes_slice(const hh_bytes *bytes)
{
    hh_slice slice = {bytes->data, bytes->length};
    return slice;
}
/* The memory becomes the caller's (hh__free), the bytes empty. NULL when nothing was ever appended.
 */
char *hh__bytes_detach(hh_bytes *bytes);

#endif
