/*
 * host_name.h - which texts are host names that may be asked for, and which names are special.
 *
 * Pure. A trailing dot (the root) is allowed and means: as it stands, no search domains. Names are
 * A-labels already (codec/url); what a server could never answer is refused before anything is
 * sent, and so is what getaddrinfo would take for an address in one of its odd spellings ("127.1",
 * "0x7f.1"). RFC 1035 §2.3.4, RFC 6761, RFC 7686.
 */
#ifndef HH_NET_HOST_NAME_H
#define HH_NET_HOST_NAME_H

#include <stdbool.h>

#include <hyperhttp/base.h>

/* NULL when `name` may be asked for, else what is wrong with it: a static phrase that completes
 * "the host name ... ". */
const char *hh__host_name_fault(hh_slice name);
/* "localhost" and everything under it (RFC 6761 §6.3). */
bool hh__host_name_is_localhost(hh_slice name);
/* Names that never exist in DNS and must not be asked for: "invalid" (RFC 6761 §6.4), "onion" (RFC
 * 7686 §2) and what is under them. */
bool hh__host_name_is_never_asked(hh_slice name);

#endif
