/*
 * idna.c - UTS #46 by way of libidn2, a label at a time. See idna.h for the contract.
 *
 * libidn2's lookup is stricter than the URL Standard in two ways, and both are undone here. It
 * refuses what STD3 and DNS dislike in ASCII labels: those never reach it unless they begin with
 * "xn--". And it adds IDNA2008's table to UTS #46's, so symbols ("☃.net") fail: such a label is
 * mapped a second time with IDN2_TRANSITIONAL, which leaves that table out, and which differs from
 * the non-transitional mapping only in the four deviation characters. Labels with one of those, or
 * with right-to-left text (whose Bidi rule that mode skips), get no second chance.
 *
 * Invariant: every A-label that comes out was decoded, checked and encoded again to itself, so the
 * result is stable. Known to be stricter than the Standard: a label that isn't ASCII may not begin
 * or end with '-', may hold no ASCII punctuation but '-' and '_', and may not be over 63 bytes.
 */
#include "codec/idna.h"

#include <idn2.h>

#include "base/ascii.h"
#include "base/limits.h"
#include "codec/url_encode.h"

enum { ALABEL_PREFIX_BYTES = 4 };

static bool is_ascii(hh_slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        if ((unsigned char)text.data[i] >= 0x80)
            return false;
    }
    return true;
}

static bool begins_alabel(hh_slice label)
{
    return label.length >= ALABEL_PREFIX_BYTES &&
           hh__slice_is_nocase((hh_slice){label.data, ALABEL_PREFIX_BYTES}, "xn--");
}

/* Takes the label before the next full stop, which UTS #46 has in four forms, off *rest.
 * `separator` is how many bytes stood between; 0 at the end. */
static hh_slice take_label(hh_slice *rest, size_t *separator)
{
    hh_slice label = {rest->data, rest->length};
    *separator = 0;
    for (size_t i = 0; i < rest->length && *separator == 0; i++) {
        const char *at = rest->data + i;
        bool has_three = rest->length - i >= 3;
        if (*at == '.')
            *separator = 1;
        else if (has_three &&
                 (memcmp(at, "\xE3\x80\x82", 3) == 0 || memcmp(at, "\xEF\xBC\x8E", 3) == 0 ||
                  memcmp(at, "\xEF\xBD\xA1", 3) == 0))
            *separator = 3;
        if (*separator != 0)
            label.length = i;
    }
    size_t taken = label.length + *separator;
    rest->data += taken;
    rest->length -= taken;
    return label;
}

bool hh__domain_has_alabel(hh_slice domain)
{
    size_t separator = 1;
    while (separator != 0) {
        if (begins_alabel(take_label(&domain, &separator)))
            return true;
    }
    return false;
}

static uint32_t code_point_of(const unsigned char *bytes, size_t length)
{
    static const unsigned char lead_mask[5] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t point = bytes[0] & lead_mask[length];
    for (size_t i = 1; i < length; i++)
        point = point << 6 | (bytes[i] & 0x3Fu);
    return point;
}

/* The deviation characters, capital sharp s (one of them by way of its mapping), and the blocks of
 * right-to-left scripts. */
static bool needs_strict_checks(uint32_t point)
{
    return point == 0xDF || point == 0x3C2 || point == 0x200C || point == 0x200D ||
           point == 0x1E9E || (point >= 0x590 && point <= 0x8FF) ||
           (point >= 0xFB1D && point <= 0xFDFF) || (point >= 0xFE70 && point <= 0xFEFF) ||
           (point >= 0x10800 && point <= 0x10FFF) || (point >= 0x1E800 && point <= 0x1EFFF);
}

static bool may_map_again(hh_slice label)
{
    while (label.length != 0) {
        bool valid;
        size_t step = hh__utf8_step(label, &valid);
        if (!valid || needs_strict_checks(code_point_of((const unsigned char *)label.data, step)))
            return false;
        label.data += step;
        label.length -= step;
    }
    return true;
}

static hh_status status_of(int code)
{
    if (code == IDN2_OK)
        return HH_OK;
    return code == IDN2_MALLOC ? HH_ERR_NO_MEMORY : HH_ERR_INVALID_URL;
}

/* A label with code points outside of ASCII, NUL-terminated, mapped and encoded; *ascii is
 * idn2_free's. */
static hh_status map_label(const char *label, char **ascii)
{
    uint8_t *mapped = NULL;
    int code = idn2_lookup_u8((const uint8_t *)label, &mapped, IDN2_NONTRANSITIONAL);
    bool refused_by_table = code == IDN2_DISALLOWED || code == IDN2_UNASSIGNED ||
                            code == IDN2_CONTEXTO || code == IDN2_CONTEXTO_NO_RULE;
    if (refused_by_table && may_map_again(hh_slice_of(label)))
        code = idn2_lookup_u8((const uint8_t *)label, &mapped, IDN2_TRANSITIONAL);
    if (code == IDN2_OK)
        *ascii = (char *)mapped;
    return status_of(code);
}

/* An A-label, lower case, NUL-terminated, is what its own U-label encodes to. */
static hh_status check_alabel(const char *label)
{
    char *unicode = NULL;
    char *again = NULL;
    hh_status status = status_of(idn2_to_unicode_8z8z(label, &unicode, 0));
    if (status == HH_OK)
        status = is_ascii(hh_slice_of(unicode)) ? HH_ERR_INVALID_URL : map_label(unicode, &again);
    if (status == HH_OK && strcmp(label, again) != 0)
        status = HH_ERR_INVALID_URL;
    idn2_free(again);
    idn2_free(unicode);
    return status;
}

/* Checks each A-label of `domain`, which is ASCII in lower case. */
static hh_status check_alabels(hh_slice domain)
{
    hh_status status = HH_OK;
    size_t separator = 1;
    while (separator != 0 && status == HH_OK) {
        hh_slice label = take_label(&domain, &separator);
        if (!begins_alabel(label))
            continue;
        char text[IDN2_LABEL_MAX_LENGTH + 1];
        if (label.length > IDN2_LABEL_MAX_LENGTH)
            return HH_ERR_INVALID_URL;
        memcpy(text, label.data, label.length);
        text[label.length] = '\0';
        status = check_alabel(text);
    }
    return status;
}

static hh_status append_label(hh_slice label, hh_bytes *out)
{
    size_t start = out->length;
    char text[HH_HOST_INPUT_MAX_BYTES + 1];
    if (is_ascii(label)) {
        hh__bytes_append_slice(out, label);
        if (out->status == HH_OK)
            hh__lower_in_place(out->data + start, out->length - start);
        return out->status;
    }
    if (label.length > HH_HOST_INPUT_MAX_BYTES)
        return HH_ERR_LIMIT;
    memcpy(text, label.data, label.length);
    text[label.length] = '\0';
    char *ascii = NULL;
    hh_status status = map_label(text, &ascii);
    if (status != HH_OK)
        return status;
    hh__bytes_append_text(out, ascii);
    idn2_free(ascii);
    return out->status;
}

hh_status hh__domain_to_ascii(hh_slice domain, hh_bytes *out)
{
    size_t start = out->length;
    size_t separator = 1;
    while (separator != 0) {
        hh_slice label = take_label(&domain, &separator);
        hh_status status = append_label(label, out);
        if (status != HH_OK)
            return status;
        if (separator != 0)
            hh__bytes_append_char(out, '.');
    }
    if (out->status != HH_OK)
        return out->status;
    return check_alabels((hh_slice){out->data + start, out->length - start});
}
