/*
 * address.h - IP and Unix socket addresses as values: parse, print, order.
 */
#ifndef HH_NET_ADDRESS_H
#define HH_NET_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <hyperhttp/base.h>

typedef union hh_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} hh_address;

#define HH_ADDRESS_TEXT_BYTES 80 /* "[ipv6%zone]:port" and a NUL */

socklen_t hh__address_length(const hh_address *address);
/* An IP literal, brackets around IPv6 optional, zone ("%eth0", "%2") allowed for IPv6.
 * HH_ERR_INVALID_ARGUMENT. */
HH_WARN_UNUSED hh_status hh__address_parse(hh_slice text, uint16_t port, hh_address *out);
/* "127.0.0.1:80", "[::1]:80"; NUL-terminated; returns its length. */
size_t hh__address_format(const hh_address *address, char out[HH_ADDRESS_TEXT_BYTES]);
bool hh__address_equal(const hh_address *a, const hh_address *b);
void hh__address_set_port(hh_address *address, uint16_t port);
bool hh__address_is_loopback(const hh_address *address);

#endif
