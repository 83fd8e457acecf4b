/*
 * resolv_conf.c - reads lists of name servers and resolver options; see resolv_conf.h.
 */
#include "net/resolv_conf.h"

#include "base/ascii.h"

#define TIMEOUT_MAX_S 30 /* RES_MAXRETRANS in <resolv.h> */
#define ATTEMPTS_MAX 5   /* RES_MAXRETRY */
#define DNS_PORT 53

/* Takes what is before the first of `stops`, which is taken too; the rest when there is none. */
static hh_slice take_until(hh_slice *rest, const char *stops)
{
    hh_slice piece = {rest->data, 0};
    while (piece.length < rest->length && strchr(stops, piece.data[piece.length]) == NULL)
        piece.length++;
    size_t taken = piece.length < rest->length ? piece.length + 1 : piece.length;
    rest->data += taken;
    rest->length -= taken;
    return piece;
}

/* The place of the colon before a port, or the length. A bare IPv6 address has colons of its own,
 * so there a port needs brackets. */
static size_t host_length(hh_slice text)
{
    if (text.length != 0 && text.data[0] == '[') {
        const char *close = memchr(text.data, ']', text.length);
        return close != NULL ? (size_t)(close - text.data) + 1 : text.length;
    }
    const char *colon = memchr(text.data, ':', text.length);
    if (colon == NULL)
        return text.length;
    size_t length = (size_t)(colon - text.data);
    return memchr(colon + 1, ':', text.length - length - 1) == NULL ? length : text.length;
}

static hh_status parse_server(hh_slice text, hh_address *out)
{
    if (text.length == 0)
        return HH_ERR_INVALID_ARGUMENT;
    hh_slice host = {text.data, host_length(text)};
    uint64_t port = DNS_PORT;
    if (host.length < text.length) {
        hh_slice port_text = {text.data + host.length + 1, text.length - host.length - 1};
        if (text.data[host.length] != ':' ||
            hh__parse_unsigned(port_text, UINT16_MAX, &port) != HH_OK || port == 0)
            return HH_ERR_INVALID_ARGUMENT;
    }
    /* c-ares has no place for a zone. */
    if (memchr(host.data, '%', host.length) != NULL)
        return HH_ERR_INVALID_ARGUMENT;
    return hh__address_parse(host, (uint16_t)port, out);
}

hh_status hh__name_servers_parse(hh_slice text, hh_name_servers *out)
{
    hh_name_servers found = {.count = 0};
    if (text.length == 0)
        return HH_ERR_INVALID_ARGUMENT;
    bool ends_in_comma = text.data[text.length - 1] == ',';
    while (text.length != 0) {
        hh_slice one = hh__slice_trim(take_until(&text, ","));
        if (found.count == HH_DNS_SERVERS_MAX)
            return HH_ERR_INVALID_ARGUMENT;
        hh_status status = parse_server(one, &found.list[found.count]);
        if (status != HH_OK)
            return status;
        found.count++;
    }
    if (ends_in_comma)
        return HH_ERR_INVALID_ARGUMENT;
    *out = found;
    return HH_OK;
}

static void apply_option(hh_slice option, hh_resolv_conf *conf)
{
    hh_slice value = option;
    hh_slice key = take_until(&value, ":");
    uint64_t number;
    hh_status status = hh__parse_unsigned(value, UINT32_MAX, &number);
    if (status == HH_ERR_LIMIT)
        number = UINT32_MAX;
    else if (status != HH_OK)
        return;
    if (hh__slice_is(key, "timeout") && number != 0)
        conf->timeout_ms = 1000 * (unsigned)(number < TIMEOUT_MAX_S ? number : TIMEOUT_MAX_S);
    else if (hh__slice_is(key, "attempts") && number != 0)
        conf->attempts = (unsigned)(number < ATTEMPTS_MAX ? number : ATTEMPTS_MAX);
}

hh_resolv_conf hh__resolv_conf_parse(hh_slice text)
{
    hh_resolv_conf conf = {HH_DNS_TRY_MS, HH_DNS_TRIES};
    while (text.length != 0) {
        hh_slice line = hh__slice_trim(take_until(&text, "\r\n"));
        if (!hh__slice_is(take_until(&line, " \t"), "options"))
            continue;
        while (line.length != 0)
            apply_option(take_until(&line, " \t"), &conf);
    }
    return conf;
}
