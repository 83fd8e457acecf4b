/*
 * address.c - IP addresses as values (address.h).
 *
 * Leaves to others: names (resolver), the URL Standard's generous IPv4 forms such as 0x7f.1, which
 * the URL parser has turned into dotted decimals by now. Here only the strict forms count: RFC 4291
 * §2.2, RFC 4007 §11 for zones, four decimal octets without leading zeros for IPv4.
 */
#include "net/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"

socklen_t hh__address_length(const hh_address *address)
{
    if (address->any.sa_family == AF_INET6)
        return sizeof(address->v6);
    if (address->any.sa_family == AF_INET)
        return sizeof(address->v4);
    return sizeof(address->any);
}

/* `text` is NUL-terminated. A zone is the interface's number or its name. */
static bool parse_zone(const char *text, uint32_t *out)
{
    uint64_t number = 0;

    if (hh__parse_unsigned(hh_slice_of(text), UINT32_MAX, &number) != HH_OK)
        number = if_nametoindex(text);
    *out = (uint32_t)number;
    return number != 0;
}

static hh_status parse_v6(char *text, uint16_t port, hh_address *out)
{
    hh_address address;
    char *percent = strchr(text, '%');

    memset(&address, 0, sizeof(address));
    if (percent != NULL) {
        *percent = '\0';
        if (!parse_zone(percent + 1, &address.v6.sin6_scope_id))
            return HH_ERR_INVALID_ARGUMENT;
    }
    if (inet_pton(AF_INET6, text, &address.v6.sin6_addr) != 1)
        return HH_ERR_INVALID_ARGUMENT;
    address.v6.sin6_family = AF_INET6;
    address.v6.sin6_port = htons(port);
    *out = address;
    return HH_OK;
}

static hh_status parse_v4(const char *text, uint16_t port, hh_address *out)
{
    hh_address address;

    memset(&address, 0, sizeof(address));
    if (inet_pton(AF_INET, text, &address.v4.sin_addr) != 1)
        return HH_ERR_INVALID_ARGUMENT;
    address.v4.sin_family = AF_INET;
    address.v4.sin_port = htons(port);
    *out = address;
    return HH_OK;
}

hh_status hh__address_parse(hh_slice text, uint16_t port, hh_address *out)
{
    char copy[INET6_ADDRSTRLEN + 1 + IF_NAMESIZE];
    bool has_brackets = text.length >= 2 && text.data[0] == '[';

    if (has_brackets) {
        if (text.data[text.length - 1] != ']')
            return HH_ERR_INVALID_ARGUMENT;
        text.data++;
        text.length -= 2;
    }
    if (text.length == 0 || text.length >= sizeof(copy) ||
        memchr(text.data, '\0', text.length) != NULL)
        return HH_ERR_INVALID_ARGUMENT;
    memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    if (has_brackets || memchr(text.data, ':', text.length) != NULL)
        return parse_v6(copy, port, out);
    return parse_v4(copy, port, out);
}

size_t hh__address_format(const hh_address *address, char out[HH_ADDRESS_TEXT_BYTES])
{
    char text[INET6_ADDRSTRLEN] = "?";
    char zone[12] = "";
    int length;

    if (address->any.sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = &address->v6;
        inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
        if (v6->sin6_scope_id != 0)
            snprintf(zone, sizeof(zone), "%%%u", (unsigned)v6->sin6_scope_id);
        length = snprintf(out, HH_ADDRESS_TEXT_BYTES, "[%s%s]:%u", text, zone,
                          (unsigned)ntohs(v6->sin6_port));
    } else if (address->any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &address->v4.sin_addr, text, sizeof(text));
        length = snprintf(out, HH_ADDRESS_TEXT_BYTES, "%s:%u", text,
                          (unsigned)ntohs(address->v4.sin_port));
    } else {
        length = snprintf(out, HH_ADDRESS_TEXT_BYTES, "%s", text);
    }
    return (size_t)length;
}

bool hh__address_equal(const hh_address *a, const hh_address *b)
{
    if (a->any.sa_family != b->any.sa_family)
        return false;
    if (a->any.sa_family == AF_INET6)
        return a->v6.sin6_port == b->v6.sin6_port && a->v6.sin6_scope_id == b->v6.sin6_scope_id &&
               memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr)) == 0;
    if (a->any.sa_family == AF_INET)
        return a->v4.sin_port == b->v4.sin_port && a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    return true;
}

void hh__address_set_port(hh_address *address, uint16_t port)
{
    if (address->any.sa_family == AF_INET6)
        address->v6.sin6_port = htons(port);
    else if (address->any.sa_family == AF_INET)
        address->v4.sin_port = htons(port);
}

bool hh__address_is_loopback(const hh_address *address)
{
    if (address->any.sa_family == AF_INET)
        return ntohl(address->v4.sin_addr.s_addr) >> 24 == 127;
    if (address->any.sa_family != AF_INET6)
        return false;
    if (IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr))
        return address->v6.sin6_addr.s6_addr[12] == 127;
    return IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr) != 0;
}
