/*
 * settings.h - a client's options, checked, copied and with every default filled in. Immutable once
 * made.
 */
#ifndef HH_CLIENT_SETTINGS_H
#define HH_CLIENT_SETTINGS_H

#include <stdbool.h>

#include "base/arena.h"
#include "conn/conn.h"
#include "net/resolver.h"
#include "net/tls.h"
#include "policy/pool_plan.h"
#include <hyperhttp/client.h>
#include <hyperhttp/url.h>

typedef struct hh_settings {
    hh_arena arena;      /* all text lies here */
    hh_url *base_url;    /* NULL: none */
    hh_slice user_agent; /* empty: send none */
    hh_field *headers;
    size_t header_count;
    hh_slice usual_fields; /* see hh__wire_prepare; empty: written anew for each request */
    hh_reuse usual_reuse;
    hh_timeouts timeouts;         /* milliseconds; HH_TIMEOUT_NONE where there is no bound */
    hh_protocols protocols;       /* over TLS, where ALPN chooses (RFC 7301) */
    hh_protocols plain_protocols; /* one of them: nothing chooses there (RFC 9113 §3.3) */
    int64_t h2_keepalive_ns;      /* 0: never */
    size_t max_connections;
    size_t max_per_origin;
    size_t max_idle;
    int64_t idle_limit_ns; /* 0: none */
    hh_redirects redirects;
    unsigned max_redirects;
    hh_downgrade downgrade;
    hh_decoding decoding;
    uint64_t max_response_bytes; /* UINT64_MAX: no bound */
    uint64_t body_window_bytes;
    const char *unix_socket;
    const char *local_address;
    hh_resolver_options resolver;
    hh_tls_config *tls;
} hh_settings;

/* `options` may be NULL. HH_ERR_INVALID_ARGUMENT, HH_ERR_INVALID_URL, HH_ERR_UNSUPPORTED_PROTOCOL,
 * HH_ERR_NO_MEMORY; the sentence names the option. On failure there is nothing to finish. */
HH_WARN_UNUSED hh_status hh__settings_init(hh_settings *settings, const hh_client_options *options,
                                           hh_error *error);
void hh__settings_finish(hh_settings *settings);

/* No value below HH_TIMEOUT_NONE. */
bool hh__timeouts_are_valid(const hh_timeouts *timeouts);
/* One level of time-outs over another: 0 takes the value below. */
hh_timeouts hh__timeouts_merge(hh_timeouts over, hh_timeouts under);
/* Milliseconds as nanoseconds; HH_TIMEOUT_NONE becomes 0. */
int64_t hh__timeout_ns(int64_t timeout_ms);

#endif
