/*
 * scan.h - where a run of allowed bytes ends, looked for 16 or 32 bytes at a time.
 *
 * A scanner is a table of functions, one for each set of CPU instructions; hh__scanner gives the
 * best this CPU has, found out once. All variants give the same answer for the same bytes and read
 * no byte outside of [data, end), whatever its alignment and length. Thread rule: any thread.
 *
 * Which variants exist is decided by the build's choice of files: scan_x86.c (with scan_sse2.c and
 * scan_avx2.c), scan_neon.c, or scan_other.c.
 */
#ifndef HH_CODEC_SCAN_H
#define HH_CODEC_SCAN_H

#include <stdatomic.h>
#include <stdint.h>

#include <hyperhttp/base.h>

/* Each function returns the first byte in [data, end) that stops it, or `end`. */
typedef struct hh_scanner {
    const char *label;
    /* Stops at what is no tchar (RFC 9110 §5.6.2), so at a field name's colon. */
    const char *(*name_end)(const char *data, const char *end);
    /* Stops at what no field value may hold (RFC 9110 §5.5): controls but HTAB, and DEL. */
    const char *(*value_end)(const char *data, const char *end);
    /* Stops at CR and LF. */
    const char *(*line_end)(const char *data, const char *end);
} hh_scanner;

/* The variants this CPU can run, best first; NULL past the last. The plain one is always there. */
const hh_scanner *hh__scanner_variant(unsigned index);

extern _Atomic(const hh_scanner *) hh__scanner_chosen;
const hh_scanner *hh__scanner_choose(void);

static inline const hh_scanner *hh__scanner(void)
{
    /* Relaxed will do: what it points to is constant, and choosing twice gives the same. */
    const hh_scanner *chosen = atomic_load_explicit(&hh__scanner_chosen, memory_order_relaxed);
    return chosen != NULL ? chosen : hh__scanner_choose();
}

/* For the variants themselves. */
#define HH__SCAN_NAME 1u
#define HH__SCAN_VALUE 2u
#define HH__SCAN_LOWER 4u
extern const uint8_t hh__scan_class[256];
extern const hh_scanner hh__scanner_plain;

static inline const char *hh__scan_tail(const char *data, const char *end, unsigned class_bit)
{
    while (data != end && (hh__scan_class[(unsigned char)*data] & class_bit) != 0) {
        data++;
    }
    return data;
}

static inline const char *hh__scan_line_tail(const char *data, const char *end)
{
    while (data != end && *data != '\r' && *data != '\n') {
        data++;
    }
    return data;
}

#endif
