/*
 * dns_message.h - what an answer of a name server says about one name: its addresses along the
 * chain of aliases, and how long that holds (RFC 1035, RFC 3596, RFC 2308).
 *
 * Pure: bytes in, values out. Leaves to c-ares: whether the answer belongs to the question, and the
 * response code. Every offset is checked; a compressed name may only point backwards, so reading
 * one always ends. Records of other names than the chain's are not believed.
 */
#ifndef HH_NET_DNS_MESSAGE_H
#define HH_NET_DNS_MESSAGE_H

#include "base/limits.h"
#include "net/address.h"

typedef enum hh_dns_type { HH_DNS_A = 1, HH_DNS_AAAA = 28 } hh_dns_type;

typedef struct hh_dns_message {
    hh_address addresses[HH_ADDRESSES_MAX]; /* ports 0 */
    size_t count;
    uint32_t ttl_s;          /* the least of the chain and its addresses; with count > 0 */
    bool has_negative_ttl;   /* an SOA record stands in the authority section */
    uint32_t negative_ttl_s; /* RFC 2308 §5 */
} hh_dns_message;

/* HH_ERR_PROTOCOL: damaged, or more than HH_DNS_ALIASES_MAX aliases. More than HH_ADDRESSES_MAX
 * addresses: the first ones. */
HH_WARN_UNUSED hh_status hh__dns_message_parse(const void *data, size_t length, hh_dns_type type,
                                               hh_dns_message *out);

#endif
