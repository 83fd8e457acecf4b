/*
 * request.h - the request as its setters leave it. Fixed at the first submit: then it never changes
 * again.
 *
 * Counted atomically: the caller has one share, each exchange one. What goes on the wire is made of
 * it by client/wire.c.
 */
#ifndef HH_CLIENT_REQUEST_H
#define HH_CLIENT_REQUEST_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/arena.h"
#include "client/settings.h"
#include "conn/conn.h"

typedef struct hh_wire hh_wire;

typedef enum hh_field_op {
    HH_FIELD_SEND = 0,
    HH_FIELD_LEAVE_OUT /* removed by the caller: no default is sent either */
} hh_field_op;

typedef struct hh_request_field {
    hh_slice name;
    hh_slice value;
    hh_field_op op;
} hh_request_field;

struct hh_request {
    atomic_uint refs;
    atomic_bool is_fixed;
    uint64_t client_serial;      /* whose it is */
    const hh_settings *settings; /* the client's; used until fixed and under its lock */
    hh_arena arena;
    hh_slice method;
    hh_url *url; /* absolute, no user info */
    hh_request_field *fields;
    size_t field_count;
    size_t field_capacity;
    hh_body_kind body_kind;
    char *body_copy; /* owned, when the body was copied */
    hh_slice body;
    uint64_t body_length;
    hh_rewind rewind;
    hh_timeouts timeouts;
    hh_delivery delivery;
    hh_redirects redirects;
    unsigned max_redirects;
    hh_decoding decoding;
    uint64_t max_response_bytes;
    hh_expect expect;
    unsigned questions;
    bool has_trace;
    hh_slice priority; /* the field's value; data NULL: none was set */
    hh_wire *wire;     /* of the first attempt, once fixed */
};

hh_request *hh__request_ref(hh_request *request);
void hh__request_unref(hh_request *request);

#endif
