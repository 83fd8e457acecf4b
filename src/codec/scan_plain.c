/*
 * scan_plain.c - the scanner in plain C: one byte at a time through a table of classes. It is what
 * every vector variant must agree with, what they use behind their last whole block, and the only
 * one on a CPU without a variant of its own.
 */
#include "codec/scan.h"

/* A row for each high half of the byte. HH__SCAN_NAME: RFC 9110 §5.6.2 tchar; HH__SCAN_VALUE: HTAB,
 * SP, VCHAR and obs-text of RFC 9110 §5.5; HH__SCAN_LOWER: tchar without capitals, RFC 9113 §8.2.1.
 */
const uint8_t hh__scan_class[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    2, 7, 2, 7, 7, 7, 7, 7, 2, 2, 7, 7, 2, 7, 7, 2, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 2, 2, 2, 2, 2, 2,
    2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2, 2, 2, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 2, 7, 2, 7, 0,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
};

static const char *plain_name_end(const char *data, const char *end)
{
    return hh__scan_tail(data, end, HH__SCAN_NAME);
}

static const char *plain_value_end(const char *data, const char *end)
{
    return hh__scan_tail(data, end, HH__SCAN_VALUE);
}

static const char *plain_line_end(const char *data, const char *end)
{
    return hh__scan_line_tail(data, end);
}

const hh_scanner hh__scanner_plain = {
    .label = "plain",
    .name_end = plain_name_end,
    .value_end = plain_value_end,
    .line_end = plain_line_end,
};
