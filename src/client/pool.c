/*
 * pool.c - lending, parking, giving way: see pool.h for the rules and policy/pool_plan.h for the
 * decisions.
 */
#include "client/pool.h"

#include <assert.h>
#include <string.h>

#include "base/failure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "client/pool_internal.h"
#include "policy/pool_plan.h"

void hh__pool_init(hh_pool *pool, hh_conn_env *env, hh_resolver *resolver, hh_tls_config *tls,
                   const hh_pool_limits *limits)
{
    *pool = (hh_pool){.env = env, .resolver = resolver, .tls = tls, .limits = *limits, .epoch = 1};
    hh__map_init(&pool->origins);
    hh__list_init(&pool->lru);
    hh__list_init(&pool->starved);
    hh__list_init(&pool->spares);
    hh__list_init(&pool->unused);
}

static void destroy_origin(hh_origin *origin)
{
    hh_pool *pool = origin->pool;
    assert(origin->open == 0 && hh__list_is_empty(&origin->bound) &&
           hh__list_is_empty(&origin->unbound));
    hh__map_remove(&pool->origins, origin->key);
    if (hh__link_is_listed(&origin->unused_link)) {
        hh__list_remove(&origin->unused_link);
        pool->unused_count--;
    }
    hh__list_remove(&origin->starved_link);
    hh__timer_stop(pool->env->loop, &origin->growth);
    hh__tls_sessions_destroy(origin->sessions);
    pool->epoch++;
    hh__free(origin);
}

static hh_origin *create_origin(hh_pool *pool, const hh_pool_target *target)
{
    hh_origin *origin = hh__calloc(1, sizeof *origin + target->key.length + target->host.length);
    if (origin == NULL)
        return NULL;
    char *text = (char *)(origin + 1);
    memcpy(text, target->key.data, target->key.length);
    memcpy(text + target->key.length, target->host.data, target->host.length);
    origin->pool = pool;
    origin->key = (hh_slice){text, target->key.length};
    origin->host = (hh_slice){text + target->key.length, target->host.length};
    origin->port = target->port;
    origin->is_secure = target->is_secure;
    origin->protocols = target->is_secure ? pool->limits.protocols : pool->limits.plain_protocols;
    hh__list_init(&origin->roomy);
    hh__list_init(&origin->idle);
    hh__list_init(&origin->bound);
    hh__list_init(&origin->unbound);
    hh__list_init(&origin->spare);
    origin->growth.on_due = hh__pool_on_growth;
    if (origin->is_secure && hh__tls_sessions_create(&origin->sessions) != HH_OK) {
        hh__free(origin);
        return NULL;
    }
    return origin;
}

hh_status hh__pool_origin(hh_pool *pool, const hh_pool_target *target, hh_origin_hint *hint,
                          hh_origin **out)
{
    if (hint->epoch == pool->epoch) {
        *out = hint->origin;
        return HH_OK;
    }
    hh_origin *origin = hh__map_get(&pool->origins, target->key);
    if (origin == NULL) {
        origin = create_origin(pool, target);
        if (origin == NULL)
            return HH_ERR_NO_MEMORY;
        if (hh__map_set(&pool->origins, origin->key, origin) != HH_OK) {
            hh__tls_sessions_destroy(origin->sessions);
            hh__free(origin);
            return HH_ERR_NO_MEMORY;
        }
        hh__pool_rest(origin);
    }
    hint->origin = origin;
    hint->epoch = pool->epoch;
    *out = origin;
    return HH_OK;
}

/* An origin nobody uses is remembered for its TLS sessions, up to a limit. */
void hh__pool_rest(hh_origin *origin)
{
    hh_pool *pool = origin->pool;
    bool is_unused = origin->open == 0 && hh__list_is_empty(&origin->bound) &&
                     hh__list_is_empty(&origin->unbound);
    bool is_listed = hh__link_is_listed(&origin->unused_link);
    if (is_unused && !is_listed) {
        hh__list_push_back(&pool->unused, &origin->unused_link);
        pool->unused_count++;
        if (pool->unused_count > HH_POOL_ORIGINS_KEPT_MAX)
            destroy_origin(HH_CONTAINER_OF(hh__list_first(&pool->unused), hh_origin, unused_link));
    } else if (!is_unused && is_listed) {
        hh__list_remove(&origin->unused_link);
        pool->unused_count--;
    }
}

static void destroy_pooled(hh_discard *discard)
{
    hh__free(HH_CONTAINER_OF(discard, hh_pooled, discard));
}

/* Takes it out of whatever lists its state put it in. */
static void unlist(hh_pooled *pooled)
{
    if (pooled->state == HH_POOLED_IDLE) {
        hh__list_remove(&pooled->lru_link);
        pooled->origin->idle_count--;
        pooled->pool->idle--;
    }
    if (pooled->state == HH_POOLED_DRAINING)
        pooled->origin->draining--;
    hh__list_remove(&pooled->origin_link);
}

/* Closes a connection, lent or idle, and takes it off the books. Doesn't pump. */
static void close_pooled(hh_pooled *pooled, hh_close how)
{
    hh_pool *pool = pooled->pool;
    if (pooled->state == HH_POOLED_CLOSED)
        return;
    unlist(pooled);
    pooled->state = HH_POOLED_CLOSED;
    pool->leaving -= pooled->is_leaving ? 1 : 0;
    pool->open--;
    pooled->origin->open--;
    hh__conn_close(pooled->conn, how);
    pooled->conn = NULL;
    hh__pool_rest(pooled->origin);
    hh__loop_discard(pool->env->loop, &pooled->discard, destroy_pooled);
}

static void park(hh_pooled *pooled)
{
    hh_pool *pool = pooled->pool;
    pooled->expires_ns =
        hh__decide_idle_expiry(hh__loop_now(pool->env->loop), pool->limits.idle_limit_ns,
                               pooled->conn->keep_alive_timeout_s);
    hh__list_push_front(&pooled->origin->idle, &pooled->origin_link);
    hh__list_push_back(&pool->lru, &pooled->lru_link);
    pooled->origin->idle_count++;
    pooled->has_idled = true;
    pool->idle++;
    hh__conn_park(pooled->conn, pooled->expires_ns);
}

static bool takes_calls(const hh_pooled *pooled)
{
    return pooled->conn->capacity > 0 && !pooled->is_leaving;
}

/* The state that follows from the books. */
static hh_pooled_state state_of(const hh_pooled *pooled)
{
    if (!takes_calls(pooled))
        return HH_POOLED_DRAINING;
    if (pooled->lent == 0)
        return HH_POOLED_IDLE;
    return pooled->lent < pooled->conn->capacity ? HH_POOLED_ROOMY : HH_POOLED_FULL;
}

/* Makes every transition but the one to CLOSED: moves it to the list where it now belongs. */
static void settle(hh_pooled *pooled)
{
    hh_pooled_state state = state_of(pooled);
    if (state == pooled->state)
        return;
    unlist(pooled);
    pooled->state = state;
    if (state == HH_POOLED_IDLE)
        park(pooled);
    else if (state == HH_POOLED_ROOMY)
        hh__list_push_front(&pooled->origin->roomy, &pooled->origin_link);
    else if (state == HH_POOLED_DRAINING)
        pooled->origin->draining++;
}

/* The oldest waiter of an origin, or NULL. */
static hh_waiter *first_waiter(const hh_origin *origin)
{
    hh_link *link = hh__list_first(&origin->bound);
    if (link == NULL)
        link = hh__list_first(&origin->unbound);
    return link != NULL ? HH_CONTAINER_OF(link, hh_waiter, link) : NULL;
}

/* The oldest waiter that `pooled` may be lent to. Who prefers a fresh one and has a dial to wait
 * for is passed over. */
static hh_waiter *taker(const hh_pooled *pooled)
{
    const hh_origin *origin = pooled->origin;
    bool has_dial = hh__origin_shares(origin) && origin->dialling > 0;
    for (hh_link *link = hh__list_first(&origin->bound); link != NULL;
         link = hh__list_next(&origin->bound, link)) {
        hh_waiter *waiter = HH_CONTAINER_OF(link, hh_waiter, link);
        if (!waiter->prefers_fresh || pooled->conn->served == 0)
            return waiter;
    }
    for (hh_link *link = hh__list_first(&origin->unbound); link != NULL;
         link = hh__list_next(&origin->unbound, link)) {
        hh_waiter *waiter = HH_CONTAINER_OF(link, hh_waiter, link);
        if (!waiter->prefers_fresh || pooled->conn->served == 0 || !has_dial)
            return waiter;
    }
    return NULL;
}

/* The starved origin that has waited longest, `origin` itself left out; or NULL. */
static hh_origin *first_starved(const hh_pool *pool, const hh_origin *origin)
{
    hh_link *link = hh__list_first(&pool->starved);
    if (link == &origin->starved_link)
        link = hh__list_next(&pool->starved, link);
    return link != NULL ? HH_CONTAINER_OF(link, hh_origin, starved_link) : NULL;
}

/* Whether a free connection of `origin` must be closed so that `other` gets its turn. */
static bool must_give_way(const hh_pool *pool, const hh_origin *origin, const hh_origin *other)
{
    if (other == NULL || pool->open < pool->limits.max_total)
        return false;
    const hh_waiter *own = first_waiter(origin);
    const hh_waiter *theirs =
        HH_CONTAINER_OF(hh__list_first(&other->unbound), const hh_waiter, link);
    if (own == NULL)
        return true;
    int64_t now = hh__loop_now(pool->env->loop);
    return hh__decide_pool_turn(other->open, now - theirs->queued_ns, now - own->queued_ns) ==
           HH_POOL_GIVE_WAY;
}

/* Lends what is free to whoever waits, then puts the connection where it belongs. */
static void serve(hh_pooled *pooled)
{
    hh_pool *pool = pooled->pool;
    hh_waiter *waiter;
    while (pooled->state != HH_POOLED_CLOSED && takes_calls(pooled) &&
           pooled->lent < pooled->conn->capacity && (waiter = taker(pooled)) != NULL) {
        hh__pool_unbind(waiter);
        hh__pool_rest(pooled->origin);
        if (pooled->conn->served > 0)
            pool->stats.reused++;
        pooled->lent++;
        waiter->on_lent(waiter, pooled);
    }
    if (pooled->state == HH_POOLED_CLOSED)
        return;
    settle(pooled);
    if (pool->idle > pool->limits.max_idle) {
        hh_pooled *oldest = HH_CONTAINER_OF(hh__list_first(&pool->lru), hh_pooled, lru_link);
        close_pooled(oldest, HH_CLOSE_ORDERLY);
    }
}

void hh__pool_offer(hh_pooled *pooled)
{
    hh_pool *pool = pooled->pool;
    hh_origin *origin = pooled->origin;
    hh_origin *starved = first_starved(pool, origin);
    assert(pooled->lent > 0);
    pooled->lent--;
    bool gives_way = must_give_way(pool, origin, starved);
    if (gives_way && pooled->lent > 0 && pool->leaving == 0) {
        pooled->is_leaving = true;
        pool->leaving++;
    }
    if (pooled->lent == 0 && (pool->is_closed || gives_way || !takes_calls(pooled))) {
        if (starved != NULL) { /* what comes free is for this one */
            hh__list_remove(&starved->starved_link);
            hh__list_push_front(&pool->starved, &starved->starved_link);
        }
        pool->stats.evicted += !pool->is_closed && (gives_way || pooled->is_leaving) ? 1 : 0;
        close_pooled(pooled, HH_CLOSE_ORDERLY);
        hh__pool_pump_starved(pool);
        hh__pool_pump(pool, origin);
        return;
    }
    serve(pooled);
    if (pooled->state == HH_POOLED_DRAINING)
        hh__pool_pump(pool, origin);
}

void hh__pool_give_back(hh_pooled *pooled)
{
    hh__pool_offer(pooled);
}

static void on_free(hh_conn *conn)
{
    hh__pool_offer(conn->keeper);
}

/* A connection without a call that takes none any more says by itself that it is spent. */
static void on_capacity(hh_conn *conn)
{
    hh_pooled *pooled = conn->keeper;
    if (pooled->state == HH_POOLED_CLOSED)
        return;
    if (conn->capacity > 0)
        pooled->origin->streams = conn->capacity;
    serve(pooled);
    hh__pool_pump(pooled->pool, pooled->origin); /* who waited for its slots needs another */
}

static void on_spent(hh_conn *conn, hh_status why)
{
    hh_pooled *pooled = conn->keeper;
    hh_pool *pool = pooled->pool;
    hh_origin *origin = pooled->origin;
    if (pooled->state == HH_POOLED_CLOSED)
        return;
    if (pooled->state == HH_POOLED_IDLE && why == HH_OK)
        pool->stats.expired++;
    close_pooled(pooled, why == HH_OK ? HH_CLOSE_ORDERLY : HH_CLOSE_ABORT);
    hh__pool_pump_starved(pool);
    hh__pool_pump(pool, origin);
}

const hh_keeper_ops hh__pool_keeper = {
    .on_free = on_free, .on_capacity = on_capacity, .on_spent = on_spent};

static hh_pooled *lend(hh_pooled *pooled)
{
    pooled->lent++;
    settle(pooled);
    pooled->pool->stats.reused += pooled->conn->served > 0 ? 1 : 0;
    return pooled;
}

hh_pooled *hh__pool_take(hh_pool *pool, hh_origin *origin)
{
    hh_link *roomy = hh__list_first(&origin->roomy);
    if (roomy != NULL)
        return lend(HH_CONTAINER_OF(roomy, hh_pooled, origin_link));
    int64_t now = hh__loop_now(pool->env->loop);
    bool is_unseen = now - pool->last_step_ns > (int64_t)HH_POOL_CHECK_AFTER_MS * 1000000;
    for (hh_link *link; (link = hh__list_first(&origin->idle)) != NULL;) {
        hh_pooled *pooled = HH_CONTAINER_OF(link, hh_pooled, origin_link);
        if ((pooled->expires_ns != 0 && pooled->expires_ns <= now) ||
            (is_unseen && hh__conn_probe(pooled->conn) != HH_IO_WAIT)) {
            pool->stats.expired++;
            close_pooled(pooled, HH_CLOSE_ORDERLY);
            continue;
        }
        return lend(pooled);
    }
    return NULL;
}

bool hh__pool_lend_free(hh_pool *pool, hh_origin *origin)
{
    hh_link *link = hh__list_first(&origin->roomy);
    if (link == NULL)
        link = hh__list_first(&origin->idle);
    if (link == NULL)
        return false;
    hh_waiter *waiter = taker(HH_CONTAINER_OF(link, hh_pooled, origin_link));
    hh_pooled *pooled = waiter != NULL ? hh__pool_take(pool, origin) : NULL;
    if (pooled == NULL)
        return false;
    hh__pool_unbind(waiter);
    waiter->on_lent(waiter, pooled);
    return true;
}

bool hh__pool_evict_idle(hh_pool *pool, const hh_origin *origin)
{
    for (hh_link *link = hh__list_first(&pool->lru); link != NULL;
         link = hh__list_next(&pool->lru, link)) {
        hh_pooled *pooled = HH_CONTAINER_OF(link, hh_pooled, lru_link);
        if (pooled->origin == origin)
            continue;
        pool->stats.evicted++;
        close_pooled(pooled, HH_CLOSE_ORDERLY);
        return true;
    }
    return false;
}

void hh__pool_distrust(hh_pool *pool, hh_origin *origin)
{
    hh_link *link = hh__list_last(&origin->idle);
    if (link != NULL)
        close_pooled(HH_CONTAINER_OF(link, hh_pooled, origin_link), HH_CLOSE_ORDERLY);
    pool->last_step_ns = 0; /* whoever takes an idle one now looks at it first */
}

void hh__pool_finish(hh_pool *pool)
{
    pool->is_closed = true;
    for (hh_link *link; (link = hh__list_first(&pool->lru)) != NULL;)
        close_pooled(HH_CONTAINER_OF(link, hh_pooled, lru_link), HH_CLOSE_ORDERLY);
    size_t cursor = 0;
    for (hh_origin *origin; (origin = hh__map_next(&pool->origins, &cursor)) != NULL;) {
        for (hh_link *link; (link = hh__list_first(&origin->spare)) != NULL;)
            hh__pool_drop_dial(HH_CONTAINER_OF(link, hh_pool_dial, link));
    }
    for (;;) {
        cursor = 0;
        hh_origin *origin = hh__map_next(&pool->origins, &cursor);
        if (origin == NULL)
            break;
        destroy_origin(origin);
    }
    hh__map_finish(&pool->origins);
}

static size_t list_length(const hh_list *list)
{
    size_t length = 0;
    for (const hh_link *link = hh__list_first(list); link != NULL; link = hh__list_next(list, link))
        length++;
    return length;
}

/* Who waits unbound beside a free slot may only wait for the dial of a fresh one. */
static bool is_patient_for_a_reason(const hh_origin *origin)
{
    for (hh_link *link = hh__list_first(&origin->unbound); link != NULL;
         link = hh__list_next(&origin->unbound, link))
        if (!HH_CONTAINER_OF(link, hh_waiter, link)->prefers_fresh)
            return false;
    return origin->dialling > 0;
}

static bool check_connections(const hh_origin *origin)
{
    for (hh_link *link = hh__list_first(&origin->roomy); link != NULL;
         link = hh__list_next(&origin->roomy, link)) {
        const hh_pooled *pooled = HH_CONTAINER_OF(link, hh_pooled, origin_link);
        if (pooled->lent == 0 || pooled->lent >= pooled->conn->capacity)
            return false;
    }
    for (hh_link *link = hh__list_first(&origin->idle); link != NULL;
         link = hh__list_next(&origin->idle, link))
        if (HH_CONTAINER_OF(link, hh_pooled, origin_link)->lent != 0)
            return false;
    return list_length(&origin->idle) == origin->idle_count &&
           origin->open >= origin->dialling + origin->draining + origin->idle_count;
}

static bool check_waiters(const hh_pool *pool, const hh_origin *origin)
{
    bool has_unbound = !hh__list_is_empty(&origin->unbound);
    bool is_starved = hh__link_is_listed(&origin->starved_link);
    bool has_free = origin->idle_count > 0 || !hh__list_is_empty(&origin->roomy);
    if (has_unbound && has_free && !is_patient_for_a_reason(origin))
        return false;
    if (has_unbound && !is_starved && origin->dialling == 0 && hh__origin_usable(origin) == 0 &&
        origin->open < pool->limits.max_per_origin && !pool->is_closed)
        return false;
    return !is_starved || has_unbound;
}

bool hh__pool_check(const hh_pool *pool)
{
    size_t cursor = 0, open = 0, idle = 0, waiting = 0, dialling = 0, spare = 0;
    for (const hh_origin *origin; (origin = hh__map_next(&pool->origins, &cursor)) != NULL;) {
        size_t bound = list_length(&origin->bound), spares = list_length(&origin->spare);
        if (!check_connections(origin) || !check_waiters(pool, origin) ||
            origin->dialling != bound + spares || origin->open > pool->limits.max_per_origin)
            return false;
        open += origin->open;
        idle += origin->idle_count;
        waiting += bound + list_length(&origin->unbound);
        dialling += origin->dialling;
        spare += spares;
    }
    return open == pool->open && idle == pool->idle && waiting == pool->waiting &&
           dialling == pool->dialling && spare == pool->spare_count && pool->leaving <= 1 &&
           list_length(&pool->lru) == idle && pool->open <= pool->limits.max_total;
}
