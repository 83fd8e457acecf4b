/*
 * resolver.c - the resolver's front: what needs no asking, sharing, the cache, reports to lookups.
 *
 * A name to be asked for becomes a query (resolve_query.h), which all lookups of that name share. A
 * query is in `running` until it is finished, then in `news` until its lookups have heard of it,
 * then gone. It outlives its lookups: what was asked for fills the cache even when nobody waits any
 * more.
 *
 * Invariants:
 *  - a lookup is in the list of exactly one query while it is neither finished nor cancelled;
 *  - lookups hold a prefix of their query's addresses, which are only added to;
 *  - on_progress is called by report() only, from the loop; there anything may be started or
 *    cancelled, so report() holds no pointer that this could take away.
 */
#include "net/resolver.h"

#include <stdio.h>

#include "base/ascii.h"
#include "base/failure.h"
#include "base/map.h"
#include "base/memory.h"
#include "net/dns_cache.h"
#include "net/host_name.h"
#include "net/hosts_file.h"
#include "net/nsswitch.h"
#include "net/resolve_cares.h"
#include "net/resolve_override.h"
#include "net/resolve_query.h"
#include "net/resolve_system.h"

#define NSSWITCH_MAX_BYTES 65536

struct hh_resolver {
    hh_loop *loop;
    hh_resolve_with with;    /* AUTO: not decided yet */
    hh_name_servers servers; /* count 0: resolv.conf's */
    char *hosts_path;
    char *nsswitch_path;
    char *resolv_conf_path;
    hh_overrides *overrides;
    hh_hosts_file hosts;
    hh_dns_cache *cache;
    hh_cares *cares;            /* NULL until needed */
    hh_system_resolver *system; /* NULL until needed */
    hh_map running;
    hh_list news;
    hh_task task;
    hh_resolver_stats stats;
};

/* ---- reports ---- */

static void post(hh_resolve_query *query)
{
    hh_resolver *resolver = query->resolver;
    if (!hh__link_is_listed(&query->ready))
        hh__list_push_back(&resolver->news, &query->ready);
    hh__task_post(resolver->loop, &resolver->task);
}

static hh_status explain(hh_error *error, hh_slice name, const hh_resolve_end *end)
{
    hh_status status = HH_ERR_RESOLVE;
    switch (end->outcome) {
    case HH_RESOLVE_FOUND:
        return HH_OK;
    case HH_RESOLVE_NO_NAME:
        hh__fail(error, status, HH_PHASE_RESOLVE, "no such host: \"%.*s\" (NXDOMAIN)",
                 HH_SLICE_ARGS(name));
        break;
    case HH_RESOLVE_NO_ADDRESS:
        hh__fail(error, status, HH_PHASE_RESOLVE,
                 "the host \"%.*s\" has no address (neither A nor AAAA records)",
                 HH_SLICE_ARGS(name));
        break;
    case HH_RESOLVE_NO_ANSWER:
        status = HH_ERR_RESOLVE_TEMPORARY;
        hh__fail(error, status, HH_PHASE_RESOLVE, "name servers did not answer for \"%.*s\": %s",
                 HH_SLICE_ARGS(name), end->detail != NULL ? end->detail : "no reason known");
        break;
    case HH_RESOLVE_NO_MEMORY:
        status = HH_ERR_NO_MEMORY;
        hh__fail(error, status, HH_PHASE_RESOLVE, "out of memory while resolving \"%.*s\"",
                 HH_SLICE_ARGS(name));
        break;
    }
    error->dns_error = end->dns_error;
    return status;
}

static void copy_addresses(hh_lookup *lookup, const hh_address *addresses, size_t count)
{
    while (lookup->count < count) {
        lookup->addresses[lookup->count] = addresses[lookup->count];
        hh__address_set_port(&lookup->addresses[lookup->count], lookup->port);
        lookup->count++;
    }
}

/* Tells each lookup of the query once what is new, and frees the query when it is over. */
static void report(hh_resolve_query *query)
{
    hh_list waiting;
    bool is_over = query->is_finished;
    hh__list_init(&waiting);
    for (hh_link *link; (link = hh__list_pop_front(&query->lookups)) != NULL;)
        hh__list_push_back(&waiting, link);
    for (hh_link *link; (link = hh__list_pop_front(&waiting)) != NULL;) {
        hh_lookup *lookup = HH_CONTAINER_OF(link, hh_lookup, link);
        size_t before = lookup->count;
        copy_addresses(lookup, query->addresses, query->count);
        if (is_over) {
            lookup->query = NULL;
            lookup->is_finished = true;
            if (lookup->count == 0)
                explain(&lookup->error, query->name, &query->end);
        } else {
            hh__list_push_back(&query->lookups, link);
        }
        if (is_over || lookup->count != before)
            lookup->on_progress(lookup);
    }
    if (is_over)
        hh__free(query);
}

static void report_news(hh_task *task)
{
    hh_resolver *resolver = HH_CONTAINER_OF(task, hh_resolver, task);
    hh_list batch;
    hh__list_init(&batch);
    for (hh_link *link; (link = hh__list_pop_front(&resolver->news)) != NULL;)
        hh__list_push_back(&batch, link);
    for (hh_link *link; (link = hh__list_pop_front(&batch)) != NULL;)
        report(HH_CONTAINER_OF(link, hh_resolve_query, ready));
}

/* ---- what those who ask tell ---- */

static bool is_known(const hh_resolve_query *query, const hh_address *address)
{
    for (size_t i = 0; i < query->count; i++) {
        if (hh__address_equal(&query->addresses[i], address))
            return true;
    }
    return false;
}

void hh__query_add(hh_resolve_query *query, const hh_address *addresses, size_t count)
{
    size_t before = query->count;
    for (size_t i = 0; i < count && query->count < HH_ADDRESSES_MAX; i++) {
        if (!is_known(query, &addresses[i]))
            query->addresses[query->count++] = addresses[i];
    }
    if (query->count != before)
        post(query);
}

void hh__query_finish(hh_resolve_query *query, const hh_resolve_end *end)
{
    hh_resolver *resolver = query->resolver;
    query->end = *end;
    query->is_finished = true;
    hh__map_remove(&resolver->running, query->name);
    if (end->ttl_ms > 0) {
        hh_dns_answer answer = {query->addresses, query->count, end->outcome, end->ttl_ms,
                                end->dns_error};
        /* Without memory for it the name is asked for again: slower, not wrong. */
        (void)!hh__dns_cache_put(resolver->cache, query->name, &answer,
                                 hh__loop_now(resolver->loop));
    }
    post(query);
}

/* ---- lookups ---- */

static hh_status fail_lookup(hh_lookup *lookup, hh_status status, const char *phrase, hh_slice host)
{
    lookup->is_finished = true;
    /* What was refused may hold anything and be long. */
    if (host.length > HH_HOST_MAX_BYTES)
        host.length = HH_HOST_MAX_BYTES;
    return hh__fail(&lookup->error, status, HH_PHASE_RESOLVE, "%s: \"%.*s\"", phrase,
                    HH_SLICE_ARGS(host));
}

static void settle_at_once(hh_lookup *lookup, const hh_address *addresses, size_t count)
{
    copy_addresses(lookup, addresses, count);
    lookup->from_cache = true;
    lookup->is_finished = true;
}

static size_t loopback(hh_address out[2])
{
    memset(out, 0, 2 * sizeof(out[0]));
    out[0].v6.sin6_family = AF_INET6;
    out[0].v6.sin6_addr = in6addr_loopback;
    out[1].v4.sin_family = AF_INET;
    out[1].v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return 2;
}

/* Decides once, at the first question, who is asked. */
static hh_resolve_with decide_with(hh_resolver *resolver)
{
    if (resolver->with != HH_RESOLVE_AUTO)
        return resolver->with;
    resolver->with = HH_RESOLVE_BUILTIN;
    if (resolver->servers.count != 0)
        return resolver->with;
    hh_bytes text;
    hh__bytes_init(&text, NSSWITCH_MAX_BYTES);
    if (hh__file_read(resolver->nsswitch_path, &text) == HH_OK &&
        hh__nsswitch_parse(hh__bytes_slice(&text)) == HH_NSSWITCH_OTHER)
        resolver->with = HH_RESOLVE_SYSTEM;
    hh__bytes_finish(&text);
    return resolver->with;
}

/* True when the lookup is finished with no server or thread asked. `name` is `host` without
 * brackets. */
static bool answer_from_here(hh_resolver *resolver, hh_lookup *lookup, hh_slice host)
{
    hh_address found[HH_ADDRESSES_MAX];
    size_t count =
        hh__overrides_find(resolver->overrides, host, lookup->port, found, HH_COUNT_OF(found));
    if (count == 0 && hh__address_parse(host, lookup->port, &found[0]) == HH_OK)
        count = 1;
    if (count == 0 && hh__host_name_is_localhost(host))
        count = loopback(found);
    if (count != 0) {
        settle_at_once(lookup, found, count);
        return true;
    }
    const char *fault = hh__host_name_fault(host);
    if (fault != NULL) {
        char phrase[96];
        snprintf(phrase, sizeof(phrase), "the host name %s", fault);
        fail_lookup(lookup, HH_ERR_RESOLVE, phrase, host);
        return true;
    }
    return false;
}

/* True when hosts file or cache have the answer. */
static bool answer_from_memory(hh_resolver *resolver, hh_lookup *lookup, hh_slice name,
                               int64_t now_ns)
{
    hh_address found[HH_ADDRESSES_MAX];
    size_t count = 0;
    /* The system's own resolver looks there itself, in nsswitch's order. */
    if (decide_with(resolver) == HH_RESOLVE_BUILTIN)
        count = hh__hosts_file_find(&resolver->hosts, name, now_ns, found, HH_COUNT_OF(found));
    if (count != 0) {
        settle_at_once(lookup, found, count);
        return true;
    }
    if (hh__host_name_is_never_asked(name)) {
        fail_lookup(lookup, HH_ERR_RESOLVE, "no such host (its domain is never in DNS)", name);
        return true;
    }
    if (resolver->cares != NULL && hh__cares_refresh(resolver->cares, now_ns) == HH_CARES_CHANGED)
        hh__dns_cache_clear(resolver->cache);
    hh_dns_answer answer;
    if (!hh__dns_cache_get(resolver->cache, name, now_ns, &answer))
        return false;
    resolver->stats.cache_hits++;
    settle_at_once(lookup, answer.addresses, answer.count);
    if (answer.count == 0) {
        hh_resolve_end end = {(hh_resolve_outcome)answer.outcome, 0, answer.dns_error, NULL};
        explain(&lookup->error, name, &end);
    }
    return true;
}

static hh_status open_backend(hh_resolver *resolver)
{
    if (decide_with(resolver) == HH_RESOLVE_SYSTEM) {
        if (resolver->system != NULL)
            return HH_OK;
        return hh__system_resolver_create(resolver->loop, &resolver->system);
    }
    if (resolver->cares != NULL)
        return HH_OK;
    hh_status status =
        hh__cares_create(resolver->loop, resolver->servers.count != 0 ? &resolver->servers : NULL,
                         resolver->resolv_conf_path, &resolver->cares);
    if (status == HH_OK)
        hh__cares_refresh(resolver->cares, hh__loop_now(resolver->loop));
    return status;
}

static hh_resolve_query *create_query(hh_resolver *resolver, hh_slice name)
{
    hh_resolve_query *query = hh__calloc(1, sizeof(*query) + name.length + 1);
    if (query == NULL)
        return NULL;
    memcpy(query->text, name.data, name.length);
    query->name.data = query->text;
    query->name.length = name.length;
    query->resolver = resolver;
    hh__list_init(&query->lookups);
    if (hh__map_set(&resolver->running, query->name, query) != HH_OK) {
        hh__free(query);
        return NULL;
    }
    return query;
}

static void join(hh_resolve_query *query, hh_lookup *lookup)
{
    lookup->query = query;
    hh__list_push_back(&query->lookups, &lookup->link);
    copy_addresses(lookup, query->addresses, query->count);
}

static void ask(hh_resolver *resolver, hh_lookup *lookup, hh_slice name)
{
    hh_resolve_query *query = hh__map_get(&resolver->running, name);
    if (query != NULL) {
        join(query, lookup);
        return;
    }
    if (resolver->running.count >= HH_DNS_QUERIES_MAX) {
        fail_lookup(lookup, HH_ERR_LIMIT, "too many names are being resolved already", name);
        return;
    }
    if (open_backend(resolver) == HH_OK)
        query = create_query(resolver, name);
    if (query == NULL) {
        fail_lookup(lookup, HH_ERR_NO_MEMORY, "out of memory while resolving", name);
        return;
    }
    join(query, lookup);
    resolver->stats.queries++;
    if (resolver->with == HH_RESOLVE_SYSTEM)
        hh__system_resolver_start(resolver->system, query);
    else
        hh__cares_start(resolver->cares, query);
}

void hh__lookup_start(hh_resolver *resolver, hh_lookup *lookup, hh_slice host, uint16_t port)
{
    char lower[HH_HOST_MAX_BYTES + 1];
    lookup->count = 0;
    lookup->is_finished = false;
    lookup->from_cache = false;
    lookup->port = port;
    lookup->query = NULL;
    memset(&lookup->link, 0, sizeof(lookup->link));
    memset(&lookup->error, 0, sizeof(lookup->error));
    if (answer_from_here(resolver, lookup, host))
        return;
    memcpy(lower, host.data, host.length);
    hh__lower_in_place(lower, host.length);
    hh_slice name = {lower, host.length};
    /* The run may have begun long ago, and an idle client's even longer. */
    if (!answer_from_memory(resolver, lookup, name, hh__loop_refresh(resolver->loop)))
        ask(resolver, lookup, name);
}

void hh__lookup_cancel(hh_resolver *resolver, hh_lookup *lookup)
{
    (void)resolver;
    hh__list_remove(&lookup->link);
    lookup->query = NULL;
}

/* ---- life ---- */

static hh_status set_path(const char *given, const char *usual, char **out)
{
    hh_slice path = hh_slice_of(given != NULL ? given : usual);
    *out = hh__copy_text(path.data, path.length);
    return *out != NULL ? HH_OK : HH_ERR_NO_MEMORY;
}

static hh_status read_options(hh_resolver *resolver, const hh_resolver_options *options,
                              hh_error *error)
{
    if (set_path(options->hosts_path, "/etc/hosts", &resolver->hosts_path) != HH_OK ||
        set_path(options->nsswitch_path, "/etc/nsswitch.conf", &resolver->nsswitch_path) != HH_OK ||
        set_path(options->resolv_conf_path, "/etc/resolv.conf", &resolver->resolv_conf_path) !=
            HH_OK ||
        hh__dns_cache_create(HH_DNS_CACHE_MAX_ENTRIES, &resolver->cache) != HH_OK)
        return hh__fail(error, HH_ERR_NO_MEMORY, HH_PHASE_NONE, "out of memory");
    resolver->hosts.path = resolver->hosts_path;
    resolver->with = options->with;
    if (options->servers != NULL &&
        hh__name_servers_parse(hh_slice_of(options->servers), &resolver->servers) != HH_OK)
        return hh__fail(error, HH_ERR_INVALID_ARGUMENT, HH_PHASE_NONE,
                        "cannot read the name servers \"%.200s\": expected up to %d addresses as "
                        "in \"10.0.0.1,[::1]:5353\"",
                        options->servers, HH_DNS_SERVERS_MAX);
    if (options->servers != NULL && options->with == HH_RESOLVE_SYSTEM)
        return hh__fail(error, HH_ERR_INVALID_ARGUMENT, HH_PHASE_NONE,
                        "the system's resolver can't be told which name servers to ask");
    return hh__overrides_create(options->overrides, options->override_count, &resolver->overrides,
                                error);
}

hh_status hh__resolver_create(hh_loop *loop, const hh_resolver_options *options, hh_resolver **out,
                              hh_error *error)
{
    hh_resolver *resolver = hh__calloc(1, sizeof(*resolver));
    if (resolver == NULL)
        return hh__fail(error, HH_ERR_NO_MEMORY, HH_PHASE_NONE, "out of memory");
    resolver->loop = loop;
    resolver->task.run = report_news;
    hh__map_init(&resolver->running);
    hh__list_init(&resolver->news);
    hh_status status = read_options(resolver, options, error);
    if (status != HH_OK) {
        hh__resolver_destroy(resolver);
        return status;
    }
    *out = resolver;
    return HH_OK;
}

static void free_queries(hh_resolver *resolver)
{
    for (hh_link *link; (link = hh__list_pop_front(&resolver->news)) != NULL;) {
        hh_resolve_query *query = HH_CONTAINER_OF(link, hh_resolve_query, ready);
        if (query->is_finished)
            hh__free(query);
    }
    size_t cursor = 0;
    for (void *query; (query = hh__map_next(&resolver->running, &cursor)) != NULL;)
        hh__free(query);
    hh__map_finish(&resolver->running);
}

void hh__resolver_destroy(hh_resolver *resolver)
{
    if (resolver == NULL)
        return;
    /* First those who ask: they still know the queries. */
    hh__cares_destroy(resolver->cares);
    hh__system_resolver_destroy(resolver->system);
    hh__task_cancel(&resolver->task);
    free_queries(resolver);
    hh__hosts_file_finish(&resolver->hosts);
    hh__dns_cache_destroy(resolver->cache);
    hh__overrides_destroy(resolver->overrides);
    hh__free(resolver->hosts_path);
    hh__free(resolver->nsswitch_path);
    hh__free(resolver->resolv_conf_path);
    hh__free(resolver);
}

hh_resolver_stats hh__resolver_stats(const hh_resolver *resolver)
{
    return resolver->stats;
}
