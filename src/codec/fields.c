/*
 * fields.c - the index over a header block, and the table of well-known names.
 *
 * A name is looked up by its length first, then eight bytes at a time with its letters lowered;
 * most names that aren't known fall at the first letter. The text stays the caller's.
 */
#include "codec/fields.h"

#include <stdbool.h>

#include "base/ascii.h"
#include "base/memory.h"

#define NAME_MAX_BYTES 19

typedef struct known_name {
    char text[NAME_MAX_BYTES + 1];
    uint8_t length;
    uint8_t id;
} known_name;

/* Ordered by length. */
static const known_name known_names[] = {
    {"te", 2, HH_FIELD_TE},
    {"host", 4, HH_FIELD_HOST},
    {"cookie", 6, HH_FIELD_COOKIE},
    {"expect", 6, HH_FIELD_EXPECT},
    {"accept", 6, HH_FIELD_ACCEPT},
    {"upgrade", 7, HH_FIELD_UPGRADE},
    {"trailer", 7, HH_FIELD_TRAILER},
    {"location", 8, HH_FIELD_LOCATION},
    {"connection", 10, HH_FIELD_CONNECTION},
    {"set-cookie", 10, HH_FIELD_SET_COOKIE},
    {"keep-alive", 10, HH_FIELD_KEEP_ALIVE},
    {"user-agent", 10, HH_FIELD_USER_AGENT},
    {"retry-after", 11, HH_FIELD_RETRY_AFTER},
    {"content-type", 12, HH_FIELD_CONTENT_TYPE},
    {"authorization", 13, HH_FIELD_AUTHORIZATION},
    {"content-length", 14, HH_FIELD_CONTENT_LENGTH},
    {"accept-encoding", 15, HH_FIELD_ACCEPT_ENCODING},
    {"content-encoding", 16, HH_FIELD_CONTENT_ENCODING},
    {"content-language", 16, HH_FIELD_CONTENT_LANGUAGE},
    {"content-location", 16, HH_FIELD_CONTENT_LOCATION},
    {"proxy-connection", 16, HH_FIELD_PROXY_CONNECTION},
    {"transfer-encoding", 17, HH_FIELD_TRANSFER_ENCODING},
    {"proxy-authorization", 19, HH_FIELD_PROXY_AUTHORIZATION},
};

/* Where in known_names the names of a length begin; those of length n end where n + 1 begins. */
static const uint8_t first_of_length[NAME_MAX_BYTES + 2] = {
    0, 0, 0, 1, 1, 2, 2, 5, 7, 8, 8, 12, 13, 14, 15, 16, 17, 21, 22, 22, 23,
};

static bool words_equal(const char *text, const char *lowered)
{
    uint64_t word;
    uint64_t wanted;
    memcpy(&word, text, sizeof(word));
    memcpy(&wanted, lowered, sizeof(wanted));
    /* Bit 0x40 tells a letter of the table from its hyphen, which must match as it is. */
    uint64_t case_bits = (wanted & 0x4040404040404040u) >> 1;
    return (word | case_bits) == wanted;
}

static bool name_equal(const char *text, const char *lowered, size_t length)
{
    if (length < sizeof(uint64_t)) {
        for (size_t i = 0; i < length; i++) {
            if (hh__ascii_lower(text[i]) != lowered[i]) {
                return false;
            }
        }
        return true;
    }
    size_t last = length - sizeof(uint64_t);
    for (size_t i = 0; i < last; i += sizeof(uint64_t)) {
        if (!words_equal(text + i, lowered + i)) {
            return false;
        }
    }
    return words_equal(text + last, lowered + last);
}

hh_field_id hh__field_id(hh_slice name)
{
    if (name.length > NAME_MAX_BYTES || name.length == 0) {
        return HH_FIELD_OTHER;
    }
    char initial = hh__ascii_lower(name.data[0]);
    unsigned end = first_of_length[name.length + 1];
    for (unsigned i = first_of_length[name.length]; i < end; i++) {
        const known_name *known = &known_names[i];
        if (known->text[0] == initial && name_equal(name.data, known->text, name.length)) {
            return (hh_field_id)known->id;
        }
    }
    return HH_FIELD_OTHER;
}

void hh__fields_init(hh_fields *fields)
{
    fields->entries = fields->inline_entries;
    fields->count = 0;
    fields->capacity = HH_FIELDS_INLINE;
}

void hh__fields_finish(hh_fields *fields)
{
    if (fields->entries != fields->inline_entries) {
        hh__free(fields->entries);
    }
    hh__fields_init(fields);
}

void hh__fields_clear(hh_fields *fields)
{
    fields->count = 0;
}

static hh_status grow(hh_fields *fields)
{
    bool is_inline = fields->entries == fields->inline_entries;
    size_t capacity = (size_t)fields->capacity * 2;
    if (capacity > UINT32_MAX) {
        return HH_ERR_NO_MEMORY;
    }
    hh_field_entry *entries =
        hh__realloc_array(is_inline ? NULL : fields->entries, capacity, sizeof(*entries));
    if (entries == NULL) {
        return HH_ERR_NO_MEMORY;
    }
    if (is_inline) {
        memcpy(entries, fields->inline_entries, sizeof(fields->inline_entries));
    }
    fields->entries = entries;
    fields->capacity = (uint32_t)capacity;
    return HH_OK;
}

hh_status hh__fields_add(hh_fields *fields, hh_field_entry entry, uint32_t max)
{
    if (fields->count >= max) {
        return HH_ERR_HEADERS_TOO_LARGE;
    }
    if (fields->count == fields->capacity) {
        hh_status status = grow(fields);
        if (status != HH_OK) {
            return status;
        }
    }
    fields->entries[fields->count++] = entry;
    return HH_OK;
}

const hh_field_entry *hh__fields_next_id(const hh_field_entry *entries, uint32_t count,
                                         hh_field_id id, uint32_t *cursor)
{
    for (uint32_t i = *cursor; i < count; i++) {
        if (entries[i].id == (uint16_t)id) {
            *cursor = i + 1;
            return &entries[i];
        }
    }
    *cursor = count;
    return NULL;
}

const hh_field_entry *hh__fields_find(const hh_field_entry *entries, uint32_t count,
                                      const char *base, hh_slice name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (hh__slice_equal_nocase(hh__entry_name(&entries[i], base), name)) {
            return &entries[i];
        }
    }
    return NULL;
}
