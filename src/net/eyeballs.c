/*
 * eyeballs.c - the order and pace of connection attempts (eyeballs.h), RFC 8305 §3 to §5.
 *
 * next_ns carries all of the pace. Before the first attempt it is the end of the resolution delay;
 * an IPv6 address or the end of the list clears it. After an attempt it is that attempt's start
 * plus the stagger; a failure clears it.
 */
#include "net/eyeballs.h"

#define NS_PER_MS INT64_C(1000000)

void hh__eyeballs_init(hh_eyeballs *eyeballs, int only_family)
{
    memset(eyeballs, 0, sizeof(*eyeballs));
    eyeballs->only_family = only_family;
    eyeballs->last_family = AF_UNSPEC;
}

static bool is_wanted(const hh_eyeballs *eyeballs, const hh_address *address)
{
    int family = address->any.sa_family;

    if (family != AF_INET && family != AF_INET6)
        return false;
    if (eyeballs->only_family != AF_UNSPEC && eyeballs->only_family != family)
        return false;
    for (unsigned i = 0; i < eyeballs->count; i++) {
        if (hh__address_equal(&eyeballs->addresses[i], address))
            return false;
    }
    return true;
}

void hh__eyeballs_add(hh_eyeballs *eyeballs, const hh_address *addresses, size_t count,
                      int64_t now_ns)
{
    for (size_t i = 0; i < count && eyeballs->count < HH_ADDRESSES_MAX; i++) {
        if (!is_wanted(eyeballs, &addresses[i]))
            continue;
        /* RFC 8305 §3: the delay runs from the first positive answer, and only for want of IPv6. */
        if (eyeballs->count == 0 && eyeballs->only_family == AF_UNSPEC && !eyeballs->is_complete)
            eyeballs->next_ns = now_ns + HH_RESOLUTION_DELAY_MS * NS_PER_MS;
        if (eyeballs->taken == 0 && addresses[i].any.sa_family == AF_INET6)
            eyeballs->next_ns = 0;
        eyeballs->addresses[eyeballs->count++] = addresses[i];
    }
}

void hh__eyeballs_complete(hh_eyeballs *eyeballs)
{
    eyeballs->is_complete = true;
    if (eyeballs->taken == 0)
        eyeballs->next_ns = 0;
}

void hh__eyeballs_fail(hh_eyeballs *eyeballs)
{
    eyeballs->next_ns = 0;
}

/* The first one left of the family whose turn it is, else the first one left. */
static unsigned pick(const hh_eyeballs *eyeballs)
{
    int family = eyeballs->last_family == AF_INET6 ? AF_INET : AF_INET6;
    unsigned other = HH_ADDRESSES_MAX;

    for (unsigned i = 0; i < eyeballs->count; i++) {
        if (eyeballs->is_taken[i])
            continue;
        if (eyeballs->addresses[i].any.sa_family == family)
            return i;
        if (other == HH_ADDRESSES_MAX)
            other = i;
    }
    return other;
}

hh_eyeballs_step hh__eyeballs_decide(hh_eyeballs *eyeballs, int64_t now_ns, hh_address *address,
                                     int64_t *until_ns)
{
    unsigned index;

    if (eyeballs->taken == eyeballs->count) {
        *until_ns = 0;
        return eyeballs->is_complete ? HH_EYEBALLS_EXHAUSTED : HH_EYEBALLS_WAIT;
    }
    if (now_ns < eyeballs->next_ns) {
        *until_ns = eyeballs->next_ns;
        return HH_EYEBALLS_WAIT;
    }
    index = pick(eyeballs);
    eyeballs->is_taken[index] = true;
    eyeballs->taken++;
    eyeballs->last_family = eyeballs->addresses[index].any.sa_family;
    eyeballs->next_ns = now_ns + HH_CONNECT_STAGGER_MS * NS_PER_MS;
    *address = eyeballs->addresses[index];
    return HH_EYEBALLS_TRY;
}
