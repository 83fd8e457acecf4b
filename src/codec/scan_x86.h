/*
 * scan_x86.h - the x86-64 variants of scan.h, shared between their files only.
 */
#ifndef HH_CODEC_SCAN_X86_H
#define HH_CODEC_SCAN_X86_H

#include "codec/scan.h"

extern const hh_scanner hh__scanner_sse2; /* part of x86-64 itself */
extern const hh_scanner hh__scanner_avx2; /* only where the CPU has AVX2 */

#endif
