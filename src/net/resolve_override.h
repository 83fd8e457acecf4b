/*
 * resolve_override.h - addresses the caller gives for a host and port, as curl's --resolve does.
 *
 * "[+]host:port:addr[,addr]..." sets, "-host:port" takes an earlier one back. "*" as host matches
 * every host that has no entry of its own. IPv6 addresses may stand in brackets. A later entry wins
 * over an earlier one. Read-only once created.
 */
#ifndef HH_NET_RESOLVE_OVERRIDE_H
#define HH_NET_RESOLVE_OVERRIDE_H

#include "net/address.h"
#include <hyperhttp/error.h>

typedef struct hh_overrides hh_overrides;

/* HH_ERR_INVALID_ARGUMENT, the sentence quotes the text that can't be read; HH_ERR_NO_MEMORY. */
HH_WARN_UNUSED hh_status hh__overrides_create(const char *const *texts, size_t count,
                                              hh_overrides **out, hh_error *error);
void hh__overrides_destroy(hh_overrides *overrides);
/* The addresses for `host` (brackets optional) and `port`, with that port set; 0 when nothing
 * matches. */
size_t hh__overrides_find(const hh_overrides *overrides, hh_slice host, uint16_t port,
                          hh_address *out, size_t capacity);

#endif
