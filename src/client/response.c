/*
 * response.c - see client/response.h and the public header for the contracts.
 */
#include "client/response.h"

#include <string.h>

#include "base/limits.h"
#include "base/memory.h"

hh_status hh__response_create(const hh_head *head, hh_url *url, const char *remote,
                              size_t body_room, hh_response **out)
{
    size_t index_bytes = head->entry_count * sizeof(hh_field_entry);
    hh_response *response =
        hh__malloc(sizeof *response + index_bytes + head->text.length + body_room);
    if (response == NULL)
        return HH_ERR_NO_MEMORY;
    memset(response, 0, sizeof *response);
    atomic_init(&response->refs, 1);
    char *block = (char *)(response + 1);
    memcpy(block, head->entries, index_bytes);
    memcpy(block + index_bytes, head->text.data, head->text.length);
    response->entries = (const hh_field_entry *)(response + 1);
    response->entry_count = head->entry_count;
    response->head = (hh_slice){block + index_bytes, head->text.length};
    response->status = (uint16_t)head->status;
    response->version = (uint8_t)head->version;
    response->reason_offset = head->reason_offset;
    response->reason_length = head->reason_length;
    response->content_length = head->content_length;
    response->url = hh__url_ref(url);
    if (body_room > 0) {
        response->body = block + index_bytes + head->text.length;
        response->body_capacity = body_room;
        response->is_body_inline = true;
    }
    size_t length = strlen(remote);
    memcpy(response->remote, remote, length < sizeof response->remote ? length + 1 : 0);
    *out = response;
    return HH_OK;
}

hh_response *hh_response_ref(hh_response *response)
{
    atomic_fetch_add_explicit(&response->refs, 1, memory_order_relaxed);
    return response;
}

void hh_response_destroy(hh_response *response)
{
    while (response != NULL &&
           atomic_fetch_sub_explicit(&response->refs, 1, memory_order_acq_rel) == 1) {
        hh_response *previous = response->previous;
        hh_url_destroy(response->url);
        if (!response->is_body_inline)
            hh__free(response->body);
        hh__free(response->trailers);
        hh__free(response->trailer_text);
        hh__free(response);
        response = previous;
    }
}

/* The body's memory with `capacity` bytes; an inline body moves out. False: out of memory,
 * unchanged. */
static bool grow_body(hh_response *response, size_t capacity)
{
    char *body = hh__realloc_array(response->is_body_inline ? NULL : response->body, capacity, 1);
    if (body == NULL)
        return false;
    if (response->is_body_inline)
        memcpy(body, response->body, response->body_length);
    response->body = body;
    response->body_capacity = capacity;
    response->is_body_inline = false;
    return true;
}

size_t hh__response_body_room(hh_response *response, uint64_t wanted, char **place)
{
    size_t room = response->body_capacity - response->body_length;
    if (room == 0) {
        room = wanted < HH_BODY_AHEAD_MAX_BYTES ? (size_t)wanted : HH_BODY_AHEAD_MAX_BYTES;
        if (!grow_body(response, response->body_length + room))
            return 0;
    }
    *place = response->body + response->body_length;
    return room;
}

/* How much to ask for when `needed` bytes come and nobody said how many will: double, within
 * bounds. */
static size_t growth(const hh_response *response, size_t needed)
{
    uint64_t declared = response->content_length;
    size_t growth_bytes = response->body_length > 4096 ? response->body_length : needed;
    if (declared != UINT64_MAX && declared > response->body_length)
        growth_bytes = declared - response->body_length < HH_BODY_AHEAD_MAX_BYTES
                           ? (size_t)(declared - response->body_length)
                           : HH_BODY_AHEAD_MAX_BYTES;
    if (growth_bytes > HH_BODY_AHEAD_MAX_BYTES)
        growth_bytes = HH_BODY_AHEAD_MAX_BYTES;
    return growth_bytes > needed ? growth_bytes : needed;
}

hh_status hh__response_append(hh_response *response, hh_slice data)
{
    while (data.length > 0) {
        char *place;
        size_t room = hh__response_body_room(response, growth(response, data.length), &place);
        if (room == 0)
            return HH_ERR_NO_MEMORY;
        size_t length = room < data.length ? room : data.length;
        memcpy(place, data.data, length);
        response->body_length += length;
        data.data += length;
        data.length -= length;
    }
    return HH_OK;
}

hh_status hh__response_set_trailers(hh_response *response, const hh_fields *trailers, hh_slice text)
{
    if (trailers == NULL || trailers->count == 0)
        return HH_OK;
    hh_field_entry *entries = hh__realloc_array(NULL, trailers->count, sizeof *entries);
    char *copy = hh__copy_text(text.data, text.length);
    if (entries == NULL || copy == NULL) {
        hh__free(entries);
        hh__free(copy);
        return HH_ERR_NO_MEMORY;
    }
    memcpy(entries, trailers->entries, trailers->count * sizeof *entries);
    response->trailers = entries;
    response->trailer_text = copy;
    response->trailer_count = trailers->count;
    return HH_OK;
}

void hh__response_join(const hh_response *response, hh_field_id id, hh_bytes *out)
{
    uint32_t cursor = 0;
    const hh_field_entry *entry;
    while ((entry = hh__fields_next_id(response->entries, response->entry_count, id, &cursor)) !=
           NULL) {
        if (out->length > 0)
            hh__bytes_append_char(out, ',');
        hh__bytes_append_slice(out, hh__entry_value(entry, response->head.data));
    }
}

hh_slice hh__response_value(const hh_response *response, hh_field_id id)
{
    uint32_t cursor = 0;
    const hh_field_entry *entry =
        hh__fields_next_id(response->entries, response->entry_count, id, &cursor);
    return entry != NULL ? hh__entry_value(entry, response->head.data) : (hh_slice){NULL, 0};
}

int hh_response_status(const hh_response *response)
{
    return response->status;
}

int hh_response_version(const hh_response *response)
{
    return response->version;
}

hh_slice hh_response_reason(const hh_response *response)
{
    return (hh_slice){response->head.data + response->reason_offset, response->reason_length};
}

size_t hh_response_field_count(const hh_response *response)
{
    return response->entry_count;
}

static hh_field field_at(const hh_field_entry *entries, uint32_t count, const char *text,
                         size_t index)
{
    hh_field field = {{NULL, 0}, {NULL, 0}};
    if (index < count) {
        field.name = hh__entry_name(&entries[index], text);
        field.value = hh__entry_value(&entries[index], text);
    }
    return field;
}

hh_field hh_response_field_at(const hh_response *response, size_t index)
{
    return field_at(response->entries, response->entry_count, response->head.data, index);
}

hh_slice hh_response_header(const hh_response *response, const char *name)
{
    const hh_field_entry *entry = hh__fields_find(response->entries, response->entry_count,
                                                  response->head.data, hh_slice_of(name));
    return entry != NULL ? hh__entry_value(entry, response->head.data) : (hh_slice){NULL, 0};
}

hh_slice hh_response_head(const hh_response *response)
{
    return response->head;
}

size_t hh_response_trailer_count(const hh_response *response)
{
    return response->trailer_count;
}

hh_field hh_response_trailer_at(const hh_response *response, size_t index)
{
    return field_at(response->trailers, response->trailer_count, response->trailer_text, index);
}

hh_slice hh_response_body(const hh_response *response)
{
    /* With a sink the bytes are the caller's, and only counted here. */
    return (hh_slice){response->body, response->body != NULL ? response->body_length : 0};
}

uint64_t hh_response_wire_bytes(const hh_response *response)
{
    return response->wire_bytes;
}

uint64_t hh_response_body_bytes(const hh_response *response)
{
    return response->body_bytes;
}

uint64_t hh_response_content_length(const hh_response *response)
{
    return response->content_length;
}

hh_slice hh_response_url(const hh_response *response)
{
    return hh_url_text(response->url);
}

const hh_response *hh_response_previous(const hh_response *response)
{
    return response->previous;
}

hh_slice hh_response_remote_address(const hh_response *response)
{
    return hh_slice_of(response->remote);
}

unsigned hh_response_redirect_count(const hh_response *response)
{
    return response->redirect_count;
}

unsigned hh_response_attempt_count(const hh_response *response)
{
    return response->attempt_count;
}

int hh_response_is_reused(const hh_response *response)
{
    return response->is_reused;
}

hh_timings hh_response_timings(const hh_response *response)
{
    return response->timings;
}
