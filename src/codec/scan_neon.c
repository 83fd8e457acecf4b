/*
 * scan_neon.c - the scanner with 16 bytes at a time on aarch64, where NEON is part of every CPU.
 *
 * NEON has no bit for each byte, so a comparison is narrowed to four bits for each and the first
 * one found by counting zeros. The name table is the one of scan_avx2.c.
 */
#include "codec/scan.h"

#include <arm_neon.h>

#define BLOCK 16

/* Row n: bit h is set when the byte (h << 4 | n) is a tchar; none is above 0x7f. */
static const uint8_t tchar_rows[16] = {0xe8, 0xfc, 0xf8, 0xfc, 0xfc, 0xfc, 0xfc, 0xfc,
                                       0xf8, 0xf8, 0xf4, 0x54, 0xd0, 0x54, 0xf4, 0x70};
static const uint8_t high_bits[16] = {1, 2, 4, 8, 16, 32, 64, 128, 0, 0, 0, 0, 0, 0, 0, 0};

static uint8x16_t load(const char *data)
{
    return vld1q_u8((const uint8_t *)(const void *)data);
}

/* Four bits for each byte of a comparison. */
static uint64_t quads(uint8x16_t compared)
{
    uint8x8_t narrowed = vshrn_n_u16(vreinterpretq_u16_u8(compared), 4);
    return vget_lane_u64(vreinterpret_u64_u8(narrowed), 0);
}

static const char *neon_name_end(const char *data, const char *end)
{
    const uint8x16_t row_table = vld1q_u8(tchar_rows);
    const uint8x16_t bit_table = vld1q_u8(high_bits);
    for (; end - data >= BLOCK; data += BLOCK) {
        uint8x16_t bytes = load(data);
        uint8x16_t rows = vqtbl1q_u8(row_table, vandq_u8(bytes, vdupq_n_u8(0x0f)));
        uint8x16_t columns = vqtbl1q_u8(bit_table, vshrq_n_u8(bytes, 4));
        uint64_t stop = quads(vceqq_u8(vandq_u8(rows, columns), vdupq_n_u8(0)));
        if (stop != 0) {
            return data + (__builtin_ctzll(stop) >> 2);
        }
    }
    return hh__scan_tail(data, end, HH__SCAN_NAME);
}

static const char *neon_value_end(const char *data, const char *end)
{
    for (; end - data >= BLOCK; data += BLOCK) {
        uint8x16_t bytes = load(data);
        uint8x16_t controls = vcleq_u8(bytes, vdupq_n_u8(0x1f));
        uint8x16_t tabs = vceqq_u8(bytes, vdupq_n_u8('\t'));
        uint8x16_t deletes = vceqq_u8(bytes, vdupq_n_u8(0x7f));
        uint64_t stop = quads(vorrq_u8(vbicq_u8(controls, tabs), deletes));
        if (stop != 0) {
            return data + (__builtin_ctzll(stop) >> 2);
        }
    }
    return hh__scan_tail(data, end, HH__SCAN_VALUE);
}

static const char *neon_line_end(const char *data, const char *end)
{
    for (; end - data >= BLOCK; data += BLOCK) {
        uint8x16_t bytes = load(data);
        uint64_t stop =
            quads(vorrq_u8(vceqq_u8(bytes, vdupq_n_u8('\r')), vceqq_u8(bytes, vdupq_n_u8('\n'))));
        if (stop != 0) {
            return data + (__builtin_ctzll(stop) >> 2);
        }
    }
    return hh__scan_line_tail(data, end);
}

static const hh_scanner neon = {
    .label = "neon",
    .name_end = neon_name_end,
    .value_end = neon_value_end,
    .line_end = neon_line_end,
};

const hh_scanner *hh__scanner_variant(unsigned index)
{
    switch (index) {
    case 0:
        return &neon;
    case 1:
        return &hh__scanner_plain;
    default:
        return NULL;
    }
}
