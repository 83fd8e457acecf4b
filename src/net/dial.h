/*
 * dial.h - from a name to a stream that is ready for a protocol: resolve, connect by Happy Eyeballs
 * v2 (RFC 8305), TLS. Plain and Unix sockets likewise.
 *
 * A dial reports once, through on_done, in hh__loop_run only. It has its own deadline for all three
 * parts together.
 */
#ifndef HH_NET_DIAL_H
#define HH_NET_DIAL_H

#include "net/address.h"
#include "net/resolver.h"
#include "net/stream.h"
#include "net/tls.h"

typedef struct hh_dial hh_dial;

/* Where to. Everything is copied, but for tls and sessions, which are counted or must outlive the
 * dial. */
typedef struct hh_dial_target {
    hh_slice host; /* as in a URL; IPv6 with or without brackets */
    uint16_t port;
    const char *unix_path; /* not NULL: connect there, resolve nothing */
    const char
        *local_address; /* IP literal to bind, or NULL; only addresses of its family are tried */
    const hh_address *addresses; /* not NULL: use these (ports set), resolve nothing */
    size_t address_count;
    hh_tls_config *tls; /* NULL: plain */
    hh_tls_sessions *sessions;
    const unsigned char *alpn;
    size_t alpn_length;
    int64_t deadline_ns; /* 0: none */
} hh_dial_target;

typedef struct hh_dial_result {
    hh_stream *stream; /* NULL: failed, see error. The receiver's to close */
    hh_error
        error; /* phase and sentence of the last failure, e.g. "connect to 127.0.0.1:81 refused" */
    char remote[HH_ADDRESS_TEXT_BYTES > 108 ? HH_ADDRESS_TEXT_BYTES
                                            : 112]; /* address or Unix path */
    int64_t resolve_ns, connect_ns, tls_ns;         /* durations */
    bool is_tls;
    bool is_resumed;
    char tls_version[16];
    char tls_cipher[64];
    char alpn[16]; /* empty: none */
} hh_dial_result;

/* Starts. Never calls on_done from within: a dial that finishes at once posts itself. `result` is
 * valid during on_done; the dial is gone afterwards. HH_ERR_NO_MEMORY, HH_ERR_INVALID_ARGUMENT. */
HH_WARN_UNUSED hh_status hh__dial_start(hh_loop *loop, hh_resolver *resolver,
                                        const hh_dial_target *target, void *owner,
                                        void (*on_done)(void *owner, hh_dial_result *result),
                                        hh_dial **out);
/* Whoever waits for it has changed: a new deadline (0: none), counted from now. Harmless when it
 * has finished. HH_ERR_NO_MEMORY, HH_ERR_LIMIT: the old deadline stays. */
hh_status hh__dial_bound(hh_dial *dial, int64_t deadline_ns);
/* Ends it silently; no on_done. NULL is fine. */
void hh__dial_cancel(hh_dial *dial);
/* What it is doing: HH_PHASE_RESOLVE, _CONNECT or _TLS. */
hh_phase hh__dial_phase(const hh_dial *dial);

#endif
