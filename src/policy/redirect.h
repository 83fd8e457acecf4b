/*
 * redirect.h - what to do with a 3xx answer: nothing, follow it and how, or refuse it.
 *
 * Pure decisions, no I/O. The caller sends the next request and carries what is asked of it from
 * hop to hop: the plan's method, body and credentials are the next decision's input, so that what
 * was dropped once stays dropped however many hops follow, back to the first origin too. RFC 9110
 * §15.4 and §10.2.2.
 */
#ifndef HH_POLICY_REDIRECT_H
#define HH_POLICY_REDIRECT_H

#include <stdbool.h>

#include <hyperhttp/error.h>
#include <hyperhttp/url.h>

typedef enum hh_redirect_downgrade {
    HH_REDIRECT_DOWNGRADE_REFUSE = 0, /* from https to http is an error */
    HH_REDIRECT_DOWNGRADE_ALLOW
} hh_redirect_downgrade;

typedef enum hh_redirect_kind {
    HH_REDIRECT_NONE = 0, /* an answer like any other */
    HH_REDIRECT_FOLLOW
} hh_redirect_kind;

typedef enum hh_redirect_method { HH_METHOD_KEEP = 0, HH_METHOD_GET } hh_redirect_method;

typedef enum hh_redirect_body { HH_BODY_KEEP = 0, HH_BODY_DROP } hh_redirect_body;

typedef enum hh_redirect_credentials {
    HH_CREDENTIALS_KEEP = 0,
    HH_CREDENTIALS_DROP /* scheme, host or port changed, at this hop or before */
} hh_redirect_credentials;

typedef struct hh_redirect_input {
    int status;
    hh_slice method;   /* of the request that was answered, earlier hops' change included */
    const hh_url *url; /* its URL */
    hh_slice location; /* as received; data NULL: no such field */
    unsigned followed; /* redirects already followed */
    unsigned max;      /* how many may be; 0: none */
    hh_redirect_downgrade downgrade;
    hh_redirect_body body;               /* the earlier hops' plan; KEEP at first */
    hh_redirect_credentials credentials; /* likewise */
} hh_redirect_input;

typedef struct hh_redirect_plan {
    hh_redirect_kind kind;
    hh_url *url; /* FOLLOW: without user info, the receiver's to destroy; else NULL */
    hh_redirect_method method;
    hh_redirect_body body;
    hh_redirect_credentials credentials;
} hh_redirect_plan;

/* Writes *out only on HH_OK. HH_ERR_PROTOCOL: Location is no URL; HH_ERR_REDIRECT_REFUSED: it leads
 * to another scheme than http and https, or from https to http and that isn't allowed;
 * HH_ERR_TOO_MANY_REDIRECTS; HH_ERR_NO_MEMORY. `error` may be NULL; its sentence names origins
 * only, never user info, path or query. */
HH_WARN_UNUSED hh_status hh__decide_redirect(const hh_redirect_input *input, hh_redirect_plan *out,
                                             hh_error *error);

/* Whether a field that the caller gave to the first request must not go along to the next hop.
 * Asked of the fields as first given, at each hop. `name` in any letter case. */
bool hh__is_field_dropped_on_redirect(hh_slice name, const hh_redirect_plan *plan);

#endif
