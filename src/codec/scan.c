/*
 * scan.c - the choice of a scanner, made once for the process.
 *
 * Threads that choose at the same moment all find the same answer, so no lock is needed.
 */
#include "codec/scan.h"

_Atomic(const hh_scanner *) hh__scanner_chosen;

const hh_scanner *hh__scanner_choose(void)
{
    const hh_scanner *chosen = hh__scanner_variant(0);
    atomic_store_explicit(&hh__scanner_chosen, chosen, memory_order_relaxed);
    return chosen;
}
