/*
 * pool_plan.c - see pool_plan.h. RFC 9112 §9.3 and §9.5 leave all of this to the client.
 */
#include "policy/pool_plan.h"

#include <stdbool.h>

#include "base/limits.h"

#define NS_PER_MS 1000000LL
#define NS_PER_S 1000000000LL

hh_pool_sharing hh__decide_pool_sharing(hh_protocols protocols, hh_spoken spoken)
{
    bool may_be_h2 = (protocols & HH_PROTOCOLS_HTTP2) != 0 && spoken != HH_SPOKEN_HTTP1;
    return may_be_h2 ? HH_POOL_SHARED : HH_POOL_APART;
}

int64_t hh__decide_growth_due(int64_t queued_ns, const hh_last_dial *last)
{
    int64_t since_ns = queued_ns > last->ended_ns ? queued_ns : last->ended_ns;
    int64_t wait_ns = last->outcome == HH_DIALLED_IN_VAIN ? HH_H2_GROWTH_RETRY_MS * NS_PER_MS
                                                          : HH_H2_DIAL_WAIT_MIN_MS * NS_PER_MS;
    return since_ns + (last->took_ns > wait_ns ? last->took_ns : wait_ns);
}

hh_pool_action hh__decide_pool_action(const hh_pool_counts *counts)
{
    if (counts->sharing == HH_POOL_SHARED) {
        if (counts->dialling_here > 0)
            return HH_POOL_WAIT_DIAL;
        if (counts->usable_here > 0 && counts->wish == HH_POOL_ANY &&
            counts->now_ns < counts->growth_due_ns)
            return HH_POOL_WAIT_SLOT;
    }
    if (counts->open_here >= counts->cap_here)
        return HH_POOL_WAIT_HERE;
    if (counts->open_total < counts->cap_total)
        return HH_POOL_DIAL;
    return counts->idle_elsewhere > 0 ? HH_POOL_EVICT_AND_DIAL : HH_POOL_WAIT_TOTAL;
}

hh_pool_turn hh__decide_pool_turn(size_t other_open, int64_t other_waited_ns, int64_t own_waited_ns)
{
    if (other_waited_ns <= own_waited_ns)
        return HH_POOL_KEEP;
    if (other_open == 0 || other_waited_ns > HH_POOL_STARVE_MS * NS_PER_MS)
        return HH_POOL_GIVE_WAY;
    return HH_POOL_KEEP;
}

int64_t hh__decide_idle_expiry(int64_t now_ns, int64_t limit_ns, uint32_t peer_timeout_s)
{
    int64_t life_ns = limit_ns;
    if (peer_timeout_s != UINT32_MAX) {
        int64_t peer_ns = (int64_t)peer_timeout_s * NS_PER_S;
        peer_ns -= peer_ns > 2 * NS_PER_S ? NS_PER_S : peer_ns / 2;
        if (life_ns == 0 || peer_ns < life_ns)
            life_ns = peer_ns > 0 ? peer_ns : 1;
    }
    return life_ns == 0 ? 0 : now_ns + life_ns;
}
