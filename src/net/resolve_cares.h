/*
 * resolve_cares.h - asks name servers through c-ares, in the loop.
 *
 * A and AAAA are two questions whose answers are reported as they come. Search domains are tried as
 * resolv.conf says (res_search(3)). A change of resolv.conf makes a new channel for new queries;
 * those under way end on the old one. Leaves to others: caching, sharing, everything that needs no
 * server. Belongs to one loop.
 */
#ifndef HH_NET_RESOLVE_CARES_H
#define HH_NET_RESOLVE_CARES_H

#include "net/resolv_conf.h"
#include "net/resolve_query.h"

typedef struct hh_cares hh_cares;

/* `servers` (NULL: resolv.conf's) and the path are borrowed and must outlive it. Opens nothing yet.
 * HH_ERR_NO_MEMORY. */
HH_WARN_UNUSED hh_status hh__cares_create(hh_loop *loop, const hh_name_servers *servers,
                                          char *resolv_conf_path, hh_cares **out);
/* Queries under way are forgotten, not finished. Sends nothing. */
void hh__cares_destroy(hh_cares *cares);

typedef enum hh_cares_change { HH_CARES_SAME = 0, HH_CARES_CHANGED } hh_cares_change;

/* Looks, at most once in HH_DNS_FILE_CHECK_MS, whether resolv.conf has changed. If so, answers
 * known so far may be those of another network. */
hh_cares_change hh__cares_refresh(hh_cares *cares, int64_t now_ns);
/* Asks. Ends in hh__query_finish, maybe before it returns. */
void hh__cares_start(hh_cares *cares, hh_resolve_query *query);

#endif
