/*
 * fields.h - the header block as offsets into bytes that stand elsewhere, with the well-known names
 * interned.
 *
 * A field block owns only its index, never the text: names and values are offsets from a base the
 * caller keeps (receive buffer first, response memory later), so moving the text costs nothing
 * here. RFC 9110 §5.
 */
#ifndef HH_CODEC_FIELDS_H
#define HH_CODEC_FIELDS_H

#include <hyperhttp/base.h>

/* Names that the engine itself looks at. */
typedef enum hh_field_id {
    HH_FIELD_OTHER = 0,
    HH_FIELD_CONNECTION,
    HH_FIELD_CONTENT_ENCODING,
    HH_FIELD_CONTENT_LENGTH,
    HH_FIELD_KEEP_ALIVE,
    HH_FIELD_LOCATION,
    HH_FIELD_TRANSFER_ENCODING,
    HH_FIELD_PROXY_CONNECTION,
    HH_FIELD_UPGRADE,
    HH_FIELD_HOST,
    HH_FIELD_AUTHORIZATION,
    HH_FIELD_COOKIE,
    HH_FIELD_PROXY_AUTHORIZATION,
    HH_FIELD_CONTENT_TYPE,
    HH_FIELD_EXPECT,
    HH_FIELD_USER_AGENT,
    HH_FIELD_ACCEPT,
    HH_FIELD_ACCEPT_ENCODING,
    HH_FIELD_TE,
    HH_FIELD_TRAILER,
    HH_FIELD_SET_COOKIE,
    HH_FIELD_RETRY_AFTER,
    HH_FIELD_CONTENT_LANGUAGE,
    HH_FIELD_CONTENT_LOCATION
} hh_field_id;

/* By length and letters, any case; HH_FIELD_OTHER when not in the table. */
hh_field_id hh__field_id(hh_slice name);

typedef struct hh_field_entry {
    uint32_t name_offset;
    uint32_t value_offset;
    uint32_t value_length;
    uint16_t name_length;
    uint16_t id; /* hh_field_id */
} hh_field_entry;

#define HH_FIELDS_INLINE 24

typedef struct hh_fields {
    hh_field_entry *entries; /* inline_entries, or heap once they don't suffice */
    uint32_t count;
    uint32_t capacity;
    hh_field_entry inline_entries[HH_FIELDS_INLINE];
} hh_fields;

/* The struct must not be moved (memcpy) while in use: entries may point into it. */
void hh__fields_init(hh_fields *fields);
void hh__fields_finish(hh_fields *fields);
void hh__fields_clear(hh_fields *fields);
/* HH_ERR_HEADERS_TOO_LARGE past `max`, HH_ERR_NO_MEMORY. */
HH_WARN_UNUSED hh_status hh__fields_add(hh_fields *fields, hh_field_entry entry, uint32_t max);

static inline hh_slice hh__entry_name(const hh_field_entry *entry, const char *base)
{
    hh_slice slice = {base + entry->name_offset, entry->name_length};
    return slice;
}
static inline hh_slice hh__entry_value(const hh_field_entry *entry, const char *base)
{
    hh_slice slice = {base + entry->value_offset, entry->value_length};
    return slice;
}

/* The first entry with `id` at or after *cursor, which moves behind it; NULL at the end. */
const hh_field_entry *hh__fields_next_id(const hh_field_entry *entries, uint32_t count,
                                         hh_field_id id, uint32_t *cursor);
/* The first entry under `name` (any case), or NULL. */
const hh_field_entry *hh__fields_find(const hh_field_entry *entries, uint32_t count,
                                      const char *base, hh_slice name);

#endif
