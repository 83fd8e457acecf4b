/*
 * pool_queue.c - waiting for a slot: who gets a dial, who waits for what, and for how long. The
 * rules are in pool.h, the decisions in policy/pool_plan.h.
 */
#include <assert.h>

#include "base/limits.h"
#include "base/memory.h"
#include "client/pool_internal.h"

static int64_t now_of(const hh_origin *origin)
{
    return hh__loop_now(origin->pool->env->loop);
}

static hh_waiter *first_unbound(const hh_origin *origin)
{
    hh_link *link = hh__list_first(&origin->unbound);
    return link != NULL ? HH_CONTAINER_OF(link, hh_waiter, link) : NULL;
}

/* --- how long -------------------------------------------------------------------------------- */

/* From when on `waiter` has depended on a dial that isn't its own. */
static int64_t dependent_since(const hh_waiter *waiter)
{
    int64_t lone_ns = waiter->origin->lone_since_ns;
    return waiter->queued_ns > lone_ns ? waiter->queued_ns : lone_ns;
}

/* Whether the unbound waiters have nothing to hope for but a dial. */
static bool is_lone(const hh_origin *origin)
{
    return hh__origin_shares(origin) && hh__origin_usable(origin) == 0 && origin->dialling > 0;
}

int64_t hh__waiter_connect_due(const hh_waiter *waiter)
{
    if (!hh__link_is_listed(&waiter->link) || waiter->dial != NULL ||
        waiter->connect_timeout_ns == 0 || !is_lone(waiter->origin))
        return 0;
    return dependent_since(waiter) + waiter->connect_timeout_ns;
}

bool hh__waiter_may_share(const hh_waiter *waiter)
{
    return hh__origin_shares(waiter->origin);
}

/* The time spent on a dial for all counts. */
int64_t hh__waiter_dial_deadline(const hh_waiter *waiter)
{
    hh_origin *origin = waiter->origin;
    bool depends = hh__origin_shares(origin) && hh__origin_usable(origin) == 0;
    if (depends && origin->lone_since_ns == 0)
        origin->lone_since_ns = now_of(origin);
    if (waiter->connect_timeout_ns == 0)
        return 0;
    return (depends ? dependent_since(waiter) : now_of(origin)) + waiter->connect_timeout_ns;
}

hh_phase hh__waiter_phase(const hh_waiter *waiter)
{
    const hh_pool_dial *dial = waiter->dial;
    if (dial == NULL && hh__link_is_listed(&waiter->link) && is_lone(waiter->origin)) {
        hh_link *bound = hh__list_first(&waiter->origin->bound);
        dial = bound != NULL ? HH_CONTAINER_OF(bound, hh_waiter, link)->dial : NULL;
    }
    return dial != NULL ? hh__dial_phase(dial->dial) : HH_PHASE_QUEUE;
}

/* Whose time is up, or as good as up: it wouldn't do for a dial of one's own. */
static bool is_late(const hh_waiter *waiter)
{
    int64_t left_ns = dependent_since(waiter) + waiter->connect_timeout_ns - now_of(waiter->origin);
    return waiter->connect_timeout_ns != 0 && left_ns < (int64_t)HH_H2_DIAL_WAIT_MIN_MS * 1000000;
}

void hh__pool_fail_late(hh_origin *origin, const hh_error *error)
{
    hh_list late;
    hh__list_init(&late);
    for (hh_link *link = hh__list_first(&origin->unbound), *next; link != NULL; link = next) {
        next = hh__list_next(&origin->unbound, link);
        if (!is_late(HH_CONTAINER_OF(link, hh_waiter, link)))
            continue;
        hh__list_remove(link);
        hh__list_push_back(&late, link);
        origin->pool->waiting--;
    }
    if (hh__list_is_empty(&origin->unbound))
        hh__list_remove(&origin->starved_link);
    for (hh_link *link; (link = hh__list_pop_front(&late)) != NULL;) {
        hh_waiter *waiter = HH_CONTAINER_OF(link, hh_waiter, link);
        waiter->on_failed(waiter, error);
    }
}

/* --- what for -------------------------------------------------------------------------------- */

static hh_pool_counts count(const hh_pool *pool, const hh_origin *origin, const hh_waiter *waiter)
{
    size_t usable = hh__origin_usable(origin);
    bool is_shared = hh__origin_shares(origin) && !(origin->is_fanned && usable == 0);
    size_t own_spares = 0;
    for (const hh_link *link = hh__list_first(&origin->spare); link != NULL;
         link = hh__list_next(&origin->spare, link))
        own_spares++;
    hh_pool_counts counts = {
        .open_here = origin->open,
        .cap_here = pool->limits.max_per_origin,
        .open_total = pool->open,
        .cap_total = pool->limits.max_total,
        .idle_elsewhere = pool->idle - origin->idle_count + pool->spare_count - own_spares,
        .sharing = is_shared ? HH_POOL_SHARED : HH_POOL_APART,
        .dialling_here = origin->dialling,
        .usable_here = usable,
        .wish = waiter->prefers_fresh ? HH_POOL_FRESH : HH_POOL_ANY,
        .now_ns = now_of(origin),
        .growth_due_ns = hh__decide_growth_due(waiter->queued_ns, &origin->last_dial),
    };
    return counts;
}

/* Without memory for the timer the next waiter sets it; slots come free meanwhile. */
static void expect_growth(hh_origin *origin, int64_t due_ns)
{
    if (hh__timer_set(origin->pool->env->loop, &origin->growth, due_ns) != HH_OK)
        hh__timer_unset(&origin->growth);
}

void hh__pool_on_growth(hh_timer *timer)
{
    hh_origin *origin = HH_CONTAINER_OF(timer, hh_origin, growth);
    hh__pool_pump(origin->pool, origin);
}

/* Makes room by ending what another origin doesn't use. */
static void evict_stranger(hh_pool *pool, const hh_origin *origin)
{
    if (hh__pool_evict_idle(pool, origin))
        return;
    for (hh_link *link = hh__list_first(&pool->spares); link != NULL;
         link = hh__list_next(&pool->spares, link)) {
        hh_pool_dial *dial = HH_CONTAINER_OF(link, hh_pool_dial, pool_link);
        hh_origin *stranger = dial->origin;
        if (stranger == origin)
            continue;
        hh__pool_drop_dial(dial);
        hh__pool_rest(stranger);
        if (!hh__list_is_empty(&stranger->unbound)) /* it was to be one more connection */
            expect_growth(stranger, now_of(stranger) + HH_H2_GROWTH_RETRY_MS * INT64_C(1000000));
        return;
    }
}

static void dial(hh_pool *pool, hh_waiter *waiter)
{
    if (hh__waiter_inherits(waiter))
        hh__pool_dial_for(pool, waiter);
    else
        hh__pool_dial_more(pool, waiter);
}

/* Dials for an unbound waiter if the plan says so; false: nothing more can be done now. */
static bool provide(hh_pool *pool, hh_origin *origin, hh_waiter *waiter)
{
    hh_link *spare = hh__list_first(&origin->spare);
    if (spare != NULL && hh__waiter_inherits(waiter)) {
        hh__pool_inherit(HH_CONTAINER_OF(spare, hh_pool_dial, link), waiter);
        return true;
    }
    hh_pool_counts counts = count(pool, origin, waiter);
    hh_pool_action action = hh__decide_pool_action(&counts);
    switch (action) {
    case HH_POOL_EVICT_AND_DIAL:
        evict_stranger(pool, origin);
        dial(pool, waiter);
        return true;
    case HH_POOL_DIAL:
        dial(pool, waiter);
        return true;
    case HH_POOL_WAIT_TOTAL:
        if (!hh__link_is_listed(&origin->starved_link))
            hh__list_push_back(&pool->starved, &origin->starved_link);
        return false;
    case HH_POOL_WAIT_SLOT:
        expect_growth(origin, counts.growth_due_ns);
        hh__list_remove(&origin->starved_link);
        return false;
    case HH_POOL_WAIT_DIAL:
    case HH_POOL_WAIT_HERE:
        hh__list_remove(&origin->starved_link);
        return false;
    }
    return false;
}

/* Does for the first unbound waiter what can be done; false: nothing more. */
static bool pump_once(hh_pool *pool, hh_origin *origin)
{
    hh_waiter *waiter = first_unbound(origin);
    if (waiter == NULL || pool->is_closed) {
        hh__list_remove(&origin->starved_link);
        hh__timer_unset(&origin->growth);
        return false;
    }
    if (waiter->prefers_fresh)
        return provide(pool, origin, waiter) || hh__pool_lend_free(pool, origin);
    return hh__pool_lend_free(pool, origin) || provide(pool, origin, waiter);
}

void hh__pool_pump(hh_pool *pool, hh_origin *origin)
{
    while (pump_once(pool, origin))
        ;
}

void hh__pool_pump_starved(hh_pool *pool)
{
    while (!hh__list_is_empty(&pool->starved) &&
           (pool->open < pool->limits.max_total || pool->spare_count > 0)) {
        hh_link *first = hh__list_pop_front(&pool->starved);
        hh_origin *origin = HH_CONTAINER_OF(first, hh_origin, starved_link);
        if (pump_once(pool, origin) && !hh__list_is_empty(&origin->unbound) &&
            !hh__link_is_listed(&origin->starved_link))
            hh__list_push_back(&pool->starved, &origin->starved_link); /* one each, in turn */
    }
}

/* --- coming and going ------------------------------------------------------------------------ */

/* Before the first that came later. Short: only those that came back too stand in front of it. */
static void enqueue_by_age(hh_origin *origin, hh_waiter *waiter)
{
    hh_link *link = hh__list_first(&origin->unbound);
    for (; link != NULL; link = hh__list_next(&origin->unbound, link)) {
        const hh_waiter *other = HH_CONTAINER_OF(link, hh_waiter, link);
        int64_t came_ns = other->came_ns != 0 ? other->came_ns : other->queued_ns;
        if (came_ns > waiter->came_ns)
            break;
    }
    if (link != NULL)
        hh__list_insert_after(link->previous, &waiter->link);
    else
        hh__list_push_back(&origin->unbound, &waiter->link);
}

void hh__pool_wait(hh_pool *pool, hh_origin *origin, hh_waiter *waiter)
{
    if (origin->dialling == 0 && hh__list_is_empty(&origin->unbound)) {
        origin->is_fanned = false;
        origin->lone_since_ns = 0;
    }
    waiter->origin = origin;
    waiter->dial = NULL;
    waiter->queued_ns = now_of(origin);
    if (waiter->came_ns != 0)
        enqueue_by_age(origin, waiter);
    else
        hh__list_push_back(&origin->unbound, &waiter->link);
    pool->waiting++;
    hh__pool_rest(origin);
    if (waiter->prefers_fresh && hh__origin_shares(origin)) /* past those who wait for slots */
        (void)provide(pool, origin, waiter);
    hh__pool_pump(pool, origin);
}

void hh__pool_abandon(hh_pool *pool, hh_waiter *waiter)
{
    if (!hh__link_is_listed(&waiter->link))
        return;
    hh_origin *origin = waiter->origin;
    hh__pool_unbind(waiter);
    hh__pool_rest(origin);
    hh__pool_pump_starved(pool);
}
