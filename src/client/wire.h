/*
 * wire.h - what one attempt sends: target, rendered head, and the pool key it goes by. Immutable,
 * counted, but for what it remembers.
 *
 * A request renders its wire once, at its first submit; a redirect makes a new one of request and
 * plan. So the head costs nothing per send, and nothing of one send can leak into the next.
 */
#ifndef HH_CLIENT_WIRE_H
#define HH_CLIENT_WIRE_H

#include "client/pool.h"
#include "client/request.h"
#include "conn/h2_request.h"
#include "policy/redirect.h"

struct hh_wire {
    atomic_uint refs;
    hh_url *url;
    hh_slice method;
    hh_request_kind kind;
    hh_body_kind body_kind;
    hh_expect expect;
    hh_reuse reuse;
    hh_slice head; /* behind the struct */
    hh_slice key;  /* likewise */
    /* Under the client's lock: */
    hh_origin_hint hint;
    hh_h2_request *h2; /* the head as HTTP/2 has it; NULL until an attempt speaks that */
};

/* How an attempt differs from the request as the caller made it. */
typedef enum hh_wire_expect { HH_WIRE_EXPECT_KEEP = 0, HH_WIRE_EXPECT_DROP } hh_wire_expect;
typedef struct hh_wire_plan {
    hh_url *url;
    hh_slice method;
    hh_redirect_plan redirect; /* which fields and whether the body stay; zeroed: all of it */
    hh_wire_expect expect;
} hh_wire_plan;

/* Renders what stands behind Host in every request that has no fields of its own, once for the
 * client: settings->usual_fields. They stay empty where they can't be sent; each request says so
 * then. HH_ERR_NO_MEMORY. */
HH_WARN_UNUSED hh_status hh__wire_prepare(hh_settings *settings);
/* HH_ERR_NO_MEMORY, HH_ERR_LIMIT (head over HH_REQUEST_HEAD_MAX_BYTES), HH_ERR_INVALID_ARGUMENT.
 * Takes shares of its own of whatever it needs. */
HH_WARN_UNUSED hh_status hh__wire_create(const hh_request *request, const hh_settings *settings,
                                         const hh_wire_plan *plan, hh_wire **out);
/* Makes wire->h2, if that hasn't happened. HH_ERR_NO_MEMORY. */
HH_WARN_UNUSED hh_status hh__wire_prepare_h2(hh_wire *wire);
hh_wire *hh__wire_ref(hh_wire *wire);
void hh__wire_unref(hh_wire *wire);

/* Fixes the request: renders its wire if that hasn't happened. Under the client's lock. */
HH_WARN_UNUSED hh_status hh__request_fix(hh_request *request, const hh_settings *settings);

#endif
