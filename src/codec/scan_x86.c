/*
 * scan_x86.c - the variants of an x86-64 CPU: AVX2 where it has that, SSE2, plain.
 */
#include "codec/scan_x86.h"

const hh_scanner *hh__scanner_variant(unsigned index)
{
    unsigned first = __builtin_cpu_supports("avx2") ? 0 : 1;
    switch (first + index) {
    case 0:
        return &hh__scanner_avx2;
    case 1:
        return &hh__scanner_sse2;
    case 2:
        return &hh__scanner_plain;
    default:
        return NULL;
    }
}
