/*
 * fuzz_dns_message.c - answers of name servers: both families, in memory of the exact size. What is
 * found must keep its bounds.
 */
#include "net/dns_message.h"

#include "fuzz_target.h"

static void parse(hh_slice answer, hh_dns_type type, sa_family_t family)
{
    hh_dns_message out;
    if (hh__dns_message_parse((const uint8_t *)answer.data, answer.length, type, &out) != HH_OK)
        return;
    CHECK(out.count <= HH_ADDRESSES_MAX);
    CHECK(out.count == 0 || out.ttl_s <= INT32_MAX);
    CHECK(!out.has_negative_ttl || out.negative_ttl_s <= INT32_MAX);
    for (size_t i = 0; i < out.count; i++) {
        CHECK(out.addresses[i].any.sa_family == family);
        CHECK(out.addresses[i].v4.sin_port == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    hh_slice exact = exact_copy((hh_slice){(const char *)input, size});
    parse(exact, HH_DNS_A, AF_INET);
    parse(exact, HH_DNS_AAAA, AF_INET6);
    exact_free(exact);
    return 0;
}
