/*
 * bytes.c - the growing run of bytes. See bytes.h for the contract.
 *
 * Invariants: length <= limit; data is NULL or holds capacity bytes with capacity > length, so the
 * closing NUL always has room. Capacity doubles, so appending is linear over all.
 */
#include "base/bytes.h"

#include <assert.h>

#include "base/ascii.h"
#include "base/memory.h"

enum { FIRST_CAPACITY = 64 };

void hh__bytes_init(hh_bytes *bytes, size_t limit)
{
    bytes->data = NULL;
    bytes->length = 0;
    bytes->capacity = 0;
    bytes->limit = limit;
    bytes->status = HH_OK;
}

void hh__bytes_finish(hh_bytes *bytes)
{
    hh__free(bytes->data);
    hh__bytes_init(bytes, bytes->limit);
}

void hh__bytes_clear(hh_bytes *bytes)
{
    bytes->length = 0;
    bytes->status = HH_OK;
    if (bytes->data != NULL)
        bytes->data[0] = '\0';
}

static hh_status reallocate(hh_bytes *bytes, size_t needed)
{
    size_t capacity = bytes->capacity != 0 ? bytes->capacity : FIRST_CAPACITY;
    while (capacity < needed)
        capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
    /* Nothing beyond the limit and its NUL would ever be used. */
    if (bytes->limit < SIZE_MAX && capacity > bytes->limit + 1)
        capacity = bytes->limit + 1;
    char *data = hh__realloc_array(bytes->data, capacity, 1);
    if (data == NULL)
        return HH_ERR_NO_MEMORY;
    bytes->data = data;
    bytes->capacity = capacity;
    return HH_OK;
}

char *hh__bytes_grow(hh_bytes *bytes, size_t more)
{
    if (bytes->status != HH_OK)
        return NULL;
    assert(bytes->length <= bytes->limit);
    if (more > bytes->limit - bytes->length) {
        bytes->status = HH_ERR_LIMIT;
        return NULL;
    }
    if (more >= SIZE_MAX - bytes->length) {
        bytes->status = HH_ERR_NO_MEMORY;
        return NULL;
    }
    size_t needed = bytes->length + more + 1;
    if (needed > bytes->capacity) {
        bytes->status = reallocate(bytes, needed);
        if (bytes->status != HH_OK)
            return NULL;
    }
    return bytes->data + bytes->length;
}

void hh__bytes_append(hh_bytes *bytes, const void *data, size_t length)
{
    char *room = hh__bytes_reserve(bytes, length);
    if (room == NULL)
        return;
    if (length != 0)
        memcpy(room, data, length);
    room[length] = '\0';
    bytes->length += length;
}

void hh__bytes_append_slice(hh_bytes *bytes, hh_slice slice)
{
    hh__bytes_append(bytes, slice.data, slice.length);
}

void hh__bytes_append_text(hh_bytes *bytes, const char *text)
{
    hh__bytes_append(bytes, text, strlen(text));
}

void hh__bytes_append_char(hh_bytes *bytes, char c)
{
    hh__bytes_append(bytes, &c, 1);
}

void hh__bytes_append_unsigned(hh_bytes *bytes, uint64_t value)
{
    char digits[HH_UNSIGNED_TEXT_BYTES];
    hh__bytes_append(bytes, digits, hh__format_unsigned(value, digits));
}

void hh__bytes_consume(hh_bytes *bytes, size_t count)
{
    if (count == 0 || bytes->data == NULL)
        return;
    if (count > bytes->length)
        count = bytes->length;
    bytes->length -= count;
    if (bytes->length != 0)
        memmove(bytes->data, bytes->data + count, bytes->length);
    bytes->data[bytes->length] = '\0';
}

char *hh__bytes_detach(hh_bytes *bytes)
{
    char *data = bytes->data;
    if (data != NULL)
        data[bytes->length] = '\0';
    bytes->data = NULL;
    bytes->length = 0;
    bytes->capacity = 0;
    return data;
}
