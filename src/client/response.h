/*
 * response.h - the response as the exchange builds it: head in one block, body beside it.
 *
 * Counted atomically. Until its exchange ends it is written under the client's lock; afterwards
 * never.
 */
#ifndef HH_CLIENT_RESPONSE_H
#define HH_CLIENT_RESPONSE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/bytes.h"
#include "codec/url.h"
#include "conn/conn.h"
#include <hyperhttp/response.h>

struct hh_response {
    atomic_uint refs;
    uint16_t status;
    uint8_t version;
    bool is_reused;
    bool is_body_inline;
    uint16_t redirect_count;
    uint16_t attempt_count;
    uint32_t entry_count;
    uint32_t reason_offset;
    uint32_t reason_length;
    const hh_field_entry *entries; /* behind the struct */
    hh_slice head;                 /* behind the entries */
    uint64_t content_length;
    uint64_t wire_bytes;
    uint64_t body_bytes;
    char *body; /* collected: behind the head while is_body_inline, else on the heap */
    size_t body_length;
    size_t body_capacity;
    hh_url *url;
    hh_response *previous;
    hh_field_entry *trailers;
    uint32_t trailer_count;
    char *trailer_text;
    hh_timings timings;
    char remote[HH_REMOTE_TEXT_BYTES];
};

/* Copies the head. `body_room`: body bytes to make room for in the same block; a small body then
 * costs no allocation of its own. HH_ERR_NO_MEMORY. */
HH_WARN_UNUSED hh_status hh__response_create(const hh_head *head, hh_url *url, const char *remote,
                                             size_t body_room, hh_response **out);
/* Room for at least one and at most `wanted` more body bytes behind body_length; 0: out of memory.
 * Grows by at most HH_BODY_AHEAD_MAX_BYTES at a time, whatever length was declared. */
size_t hh__response_body_room(hh_response *response, uint64_t wanted, char **place);
HH_WARN_UNUSED hh_status hh__response_append(hh_response *response, hh_slice data);
HH_WARN_UNUSED hh_status hh__response_set_trailers(hh_response *response, const hh_fields *trailers,
                                                   hh_slice text);
/* All values under `id`, joined by commas into `out`. */
void hh__response_join(const hh_response *response, hh_field_id id, hh_bytes *out);
/* The first value under `id`; data NULL when there is none. */
hh_slice hh__response_value(const hh_response *response, hh_field_id id);

#endif
