/*
 * resolv_conf.h - which name servers to ask, and how patiently: the caller's list of servers, and
 * the options of resolv.conf(5) that c-ares leaves unread.
 *
 * Pure. Leaves to c-ares: nameserver, search, domain, ndots, rotate.
 */
#ifndef HH_NET_RESOLV_CONF_H
#define HH_NET_RESOLV_CONF_H

#include "base/limits.h"
#include "net/address.h"

typedef struct hh_name_servers {
    hh_address list[HH_DNS_SERVERS_MAX]; /* ports set */
    size_t count;
} hh_name_servers;

/* "10.0.0.1,[::1]:5353": IP literals, port 53 unless given. HH_ERR_INVALID_ARGUMENT. */
HH_WARN_UNUSED hh_status hh__name_servers_parse(hh_slice text, hh_name_servers *out);

typedef struct hh_resolv_conf {
    unsigned timeout_ms; /* for one server's first try */
    unsigned attempts;
} hh_resolv_conf;

/* "options timeout:n attempts:n", clamped as glibc does (30 s, 5 times); what isn't said is
 * HH_DNS_TRY_MS and HH_DNS_TRIES. */
hh_resolv_conf hh__resolv_conf_parse(hh_slice text);

#endif
