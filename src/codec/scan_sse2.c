/*
 * scan_sse2.c - the scanner with 16 bytes at a time, by what every x86-64 CPU has.
 *
 * SSE2 can't look up a table, so name_end tests for the letters, digits and hyphens that names are
 * made of, and asks the table only about a byte that is none of those.
 */
#include "codec/scan_x86.h"

#include <emmintrin.h>

#define BLOCK 16

static __m128i load(const char *data)
{
    return _mm_loadu_si128((const __m128i *)(const void *)data);
}

static unsigned bits(__m128i bytes)
{
    return (unsigned)_mm_movemask_epi8(bytes);
}

/* low <= byte <= low + span, unsigned. */
static __m128i within(__m128i bytes, char low, char span)
{
    __m128i distance = _mm_sub_epi8(bytes, _mm_set1_epi8(low));
    return _mm_cmpeq_epi8(_mm_min_epu8(distance, _mm_set1_epi8(span)), distance);
}

static const char *sse2_name_end(const char *data, const char *end)
{
    while (end - data >= BLOCK) {
        __m128i bytes = load(data);
        __m128i letters = within(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 'z' - 'a');
        __m128i digits = within(bytes, '0', 9);
        __m128i hyphens = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-'));
        unsigned odd = bits(_mm_or_si128(_mm_or_si128(letters, digits), hyphens)) ^ 0xffffu;
        if (odd == 0) {
            data += BLOCK;
            continue;
        }
        data += __builtin_ctz(odd);
        if ((hh__scan_class[(unsigned char)*data] & HH__SCAN_NAME) == 0) {
            return data;
        }
        data++;
    }
    return hh__scan_tail(data, end, HH__SCAN_NAME);
}

static const char *sse2_value_end(const char *data, const char *end)
{
    for (; end - data >= BLOCK; data += BLOCK) {
        __m128i bytes = load(data);
        __m128i controls = within(bytes, 0, 0x1f);
        __m128i tabs = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
        __m128i deletes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
        unsigned stop = bits(_mm_or_si128(_mm_andnot_si128(tabs, controls), deletes));
        if (stop != 0) {
            return data + __builtin_ctz(stop);
        }
    }
    return hh__scan_tail(data, end, HH__SCAN_VALUE);
}

static const char *sse2_line_end(const char *data, const char *end)
{
    for (; end - data >= BLOCK; data += BLOCK) {
        __m128i bytes = load(data);
        unsigned stop = bits(_mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\r')),
                                          _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n'))));
        if (stop != 0) {
            return data + __builtin_ctz(stop);
        }
    }
    return hh__scan_line_tail(data, end);
}

const hh_scanner hh__scanner_sse2 = {
    .label = "sse2",
    .name_end = sse2_name_end,
    .value_end = sse2_value_end,
    .line_end = sse2_line_end,
};
