/*
 * resolve_system.h - asks the system by getaddrinfo(3), on a thread.
 *
 * The threads are the process's (HH_WORKERS_MAX of them), not a resolver's: getaddrinfo can't be
 * stopped, and a client that is destroyed must not wait for a slow one. A job owns all it touches
 * and outlives the resolver; its result is then dropped. A child after fork gets threads of its
 * own.
 */
#ifndef HH_NET_RESOLVE_SYSTEM_H
#define HH_NET_RESOLVE_SYSTEM_H

#include "net/resolve_query.h"

typedef struct hh_system_resolver hh_system_resolver;

/* Opens nothing yet. HH_ERR_NO_MEMORY. */
HH_WARN_UNUSED hh_status hh__system_resolver_create(hh_loop *loop, hh_system_resolver **out);
/* Queries under way are forgotten, not finished. Never waits. */
void hh__system_resolver_destroy(hh_system_resolver *system);
/* Asks. Ends in hh__query_finish, maybe before it returns. */
void hh__system_resolver_start(hh_system_resolver *system, hh_resolve_query *query);

#endif
