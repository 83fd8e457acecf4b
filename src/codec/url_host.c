/*
 * url_host.c - hosts of URLs. See url_host.h for the contract.
 *
 * URL Standard, "Host parsing". The order matters for safety and is the Standard's: percent-decode,
 * map to ASCII, look for forbidden code points in the result, and only then ask whether it is an
 * IPv4 address, so that no spelling of an address or a delimiter slips past. One rule is added:
 * what DNS can't carry (over 253 bytes, RFC 1035 §2.3.4) is no host.
 */
#include "codec/url_host.h"

#include "base/ascii.h"
#include "codec/idna.h"
#include "codec/ip_text.h"
#include "codec/url_encode.h"

static const char TOO_LONG[] = "is over 253 bytes long";
static const char FORBIDDEN[] = "has a character that no host may have";
static const char NO_DOMAIN[] = "is not a valid internationalized domain name";

static hh_status refuse(const char *why, const char **reason)
{
    *reason = why;
    return HH_ERR_INVALID_URL;
}

static hh_status parse_bracketed(hh_slice raw, hh_host_text *out, const char **reason)
{
    if (raw.data[raw.length - 1] != ']')
        return refuse("has a '[' in front and no ']' at the end", reason);
    uint16_t pieces[8];
    if (hh__ipv6_parse((hh_slice){raw.data + 1, raw.length - 2}, pieces) != HH_OK)
        return refuse("is not a valid IPv6 address", reason);
    out->data[0] = '[';
    size_t length = 1 + hh__ipv6_format(pieces, out->data + 1);
    out->data[length] = ']';
    out->length = length + 1;
    return HH_OK;
}

static bool has_forbidden(hh_slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte < 128 && (hh__url_class(text.data[i]) & HH_URL_FORBIDDEN) != 0)
            return true;
    }
    return false;
}

static hh_status take_ipv4(hh_slice domain, hh_host_text *out, const char **reason)
{
    uint32_t address;
    if (hh__ipv4_parse(domain, &address) != HH_OK)
        return refuse("ends in a number but is not a valid IPv4 address", reason);
    out->length = hh__ipv4_format(address, out->data);
    return HH_OK;
}

/* The general way's first half: `raw` decoded into `decoded` and mapped into `ascii`. */
static hh_status map_domain(hh_slice raw, hh_bytes *decoded, hh_bytes *ascii, const char **reason)
{
    if (raw.length > decoded->limit)
        return refuse(TOO_LONG, reason);
    char *room = hh__bytes_reserve(decoded, raw.length);
    if (room == NULL)
        return decoded->status;
    decoded->length = hh__url_percent_decode(raw, room);
    /* Mapping leaves ASCII as it is but for letter case, so a NUL or '%' is refused here already.
     */
    if (has_forbidden(hh__bytes_slice(decoded)))
        return refuse(FORBIDDEN, reason);
    hh_status status = hh__domain_to_ascii(hh__bytes_slice(decoded), ascii);
    if (status == HH_ERR_LIMIT)
        return refuse(TOO_LONG, reason);
    return status == HH_ERR_INVALID_URL ? refuse(NO_DOMAIN, reason) : status;
}

/* The second half: what the ASCII form is. */
static hh_status take_ascii(hh_slice ascii, hh_host_text *out, const char **reason)
{
    if (ascii.length == 0)
        return refuse("is empty once it is mapped to ASCII", reason);
    if (has_forbidden(ascii))
        return refuse(FORBIDDEN, reason);
    if (hh__host_ends_in_number(ascii))
        return take_ipv4(ascii, out, reason);
    size_t root = ascii.data[ascii.length - 1] == '.' ? 1 : 0;
    if (ascii.length > HH_HOST_MAX_BYTES + root)
        return refuse(TOO_LONG, reason);
    memcpy(out->data, ascii.data, ascii.length);
    out->length = ascii.length;
    return HH_OK;
}

static hh_status parse_domain(hh_slice raw, hh_host_text *out, const char **reason)
{
    hh_bytes decoded;
    hh_bytes ascii;
    hh__bytes_init(&decoded, 3 * HH_HOST_INPUT_MAX_BYTES);
    hh__bytes_init(&ascii, HH_HOST_INPUT_MAX_BYTES);
    hh_status status = map_domain(raw, &decoded, &ascii, reason);
    if (status == HH_OK)
        status = take_ascii(hh__bytes_slice(&ascii), out, reason);
    hh__bytes_finish(&ascii);
    hh__bytes_finish(&decoded);
    return status;
}

hh_status hh__host_parse(hh_slice raw, hh_host_text *out, const char **reason)
{
    if (raw.length == 0)
        return refuse("is empty", reason);
    if (raw.data[0] == '[')
        return parse_bracketed(raw, out, reason);
    /* Nearly every host is plain ASCII: no memory, no mapping. */
    bool is_plain = raw.length <= HH_HOST_MAX_BYTES;
    bool has_hyphen = false;
    for (size_t i = 0; is_plain && i < raw.length; i++) {
        is_plain = (hh__url_class(raw.data[i]) & HH_URL_FORBIDDEN) == 0;
        out->data[i] = hh__ascii_lower(raw.data[i]);
        has_hyphen = has_hyphen || raw.data[i] == '-';
    }
    if (!is_plain || (has_hyphen && hh__domain_has_alabel(raw)))
        return parse_domain(raw, out, reason);
    if (!hh__ipv4_is_plain(raw) && hh__host_ends_in_number(raw))
        return take_ipv4((hh_slice){out->data, raw.length}, out, reason);
    out->length = raw.length;
    return HH_OK;
}
