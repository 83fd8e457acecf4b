/*
 * scan_avx2.c - the scanner with 32 bytes at a time, and one block of 16 behind them.
 *
 * Compiled for AVX2 function by function, so the rest of the library stays runnable everywhere;
 * scan_x86.c hands it out only where the CPU has it. name_end looks each byte up by its two halves:
 * the low half picks a row of bits, one for each high half that makes a tchar with it.
 */
#include "codec/scan_x86.h"

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))
#define BLOCK 32
#define HALF_BLOCK 16

/* Row n: bit h is set when the byte (h << 4 | n) is a tchar; none is above 0x7f. */
#define TCHAR_ROWS                                                                                 \
    (char)0xe8, (char)0xfc, (char)0xf8, (char)0xfc, (char)0xfc, (char)0xfc, (char)0xfc,            \
        (char)0xfc, (char)0xf8, (char)0xf8, (char)0xf4, 0x54, (char)0xd0, 0x54, (char)0xf4, 0x70
#define HIGH_BITS 1, 2, 4, 8, 16, 32, 64, (char)0x80, 0, 0, 0, 0, 0, 0, 0, 0

AVX2 static inline __m256i load(const char *data)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)data);
}

AVX2 static inline __m128i load_half(const char *data)
{
    return _mm_loadu_si128((const __m128i *)(const void *)data);
}

AVX2 static inline unsigned not_names(__m256i bytes)
{
    __m256i low = _mm256_and_si256(bytes, _mm256_set1_epi8(0x0f));
    __m256i high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(0x0f));
    __m256i rows = _mm256_shuffle_epi8(_mm256_setr_epi8(TCHAR_ROWS, TCHAR_ROWS), low);
    __m256i columns = _mm256_shuffle_epi8(_mm256_setr_epi8(HIGH_BITS, HIGH_BITS), high);
    __m256i misses = _mm256_cmpeq_epi8(_mm256_and_si256(rows, columns), _mm256_setzero_si256());
    return (unsigned)_mm256_movemask_epi8(misses);
}

AVX2 static inline unsigned not_names_half(__m128i bytes)
{
    __m128i low = _mm_and_si128(bytes, _mm_set1_epi8(0x0f));
    __m128i high = _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(0x0f));
    __m128i rows = _mm_shuffle_epi8(_mm_setr_epi8(TCHAR_ROWS), low);
    __m128i columns = _mm_shuffle_epi8(_mm_setr_epi8(HIGH_BITS), high);
    __m128i misses = _mm_cmpeq_epi8(_mm_and_si128(rows, columns), _mm_setzero_si128());
    return (unsigned)_mm_movemask_epi8(misses);
}

AVX2 static inline unsigned not_values(__m256i bytes)
{
    __m256i controls = _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, _mm256_set1_epi8(0x1f)), bytes);
    __m256i tabs = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\t'));
    __m256i deletes = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(0x7f));
    return (unsigned)_mm256_movemask_epi8(
        _mm256_or_si256(_mm256_andnot_si256(tabs, controls), deletes));
}

AVX2 static inline unsigned not_values_half(__m128i bytes)
{
    __m128i controls = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    __m128i tabs = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
    __m128i deletes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tabs, controls), deletes));
}

AVX2 static const char *avx2_name_end(const char *data, const char *end)
{
    /* Nearly every name ends within 16 bytes. */
    if (end - data >= HALF_BLOCK) {
        unsigned stop = not_names_half(load_half(data));
        if (stop != 0) {
            return data + __builtin_ctz(stop);
        }
        data += HALF_BLOCK;
    }
    for (; end - data >= BLOCK; data += BLOCK) {
        unsigned stop = not_names(load(data));
        if (stop != 0) {
            return data + __builtin_ctz(stop);
        }
    }
    if (end - data >= HALF_BLOCK) {
        unsigned stop = not_names_half(load_half(data));
        if (stop != 0) {
            return data + __builtin_ctz(stop);
        }
        data += HALF_BLOCK;
    }
    return hh__scan_tail(data, end, HH__SCAN_NAME);
}

AVX2 static const char *avx2_value_end(const char *data, const char *end)
{
    for (; end - data >= BLOCK; data += BLOCK) {
        unsigned stop = not_values(load(data));
        if (stop != 0) {
            return data + __builtin_ctz(stop);
        }
    }
    if (end - data >= HALF_BLOCK) {
        unsigned stop = not_values_half(load_half(data));
        if (stop != 0) {
            return data + __builtin_ctz(stop);
        }
        data += HALF_BLOCK;
    }
    return hh__scan_tail(data, end, HH__SCAN_VALUE);
}

AVX2 static const char *avx2_line_end(const char *data, const char *end)
{
    for (; end - data >= BLOCK; data += BLOCK) {
        __m256i bytes = load(data);
        __m256i returns = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\r'));
        __m256i feeds = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\n'));
        unsigned stop = (unsigned)_mm256_movemask_epi8(_mm256_or_si256(returns, feeds));
        if (stop != 0) {
            return data + __builtin_ctz(stop);
        }
    }
    return hh__scan_line_tail(data, end);
}

const hh_scanner hh__scanner_avx2 = {
    .label = "avx2",
    .name_end = avx2_name_end,
    .value_end = avx2_value_end,
    .line_end = avx2_line_end,
};
