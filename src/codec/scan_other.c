/*
 * scan_other.c - the variants of a CPU that has no vector scanner of ours: the plain one alone.
 */
#include "codec/scan.h"

const hh_scanner *hh__scanner_variant(unsigned index)
{
    return index == 0 ? &hh__scanner_plain : NULL;
}
