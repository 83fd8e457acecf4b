/*
 * fuzz_resolver_text.c - the texts the resolver is configured by: hosts, nsswitch.conf,
 * resolv.conf, lists of servers, overrides, host names. Every text is read by all of them.
 */
#include "net/host_name.h"
#include "net/hosts_file.h"
#include "net/nsswitch.h"
#include "net/resolv_conf.h"
#include "net/resolve_override.h"

#include "fuzz_target.h"

static void read_hosts(hh_slice text)
{
    hh_hosts *hosts = NULL;
    hh_address found[2];
    CHECK(hh__hosts_parse(text, &hosts) == HH_OK);
    CHECK(hh__hosts_find(hosts, text, found, 2) <= 2);
    CHECK(hh__hosts_find(hosts, hh_slice_of("a.example"), found, 1) <= 1);
    hh__hosts_destroy(hosts);
}

static void read_override(const char *text)
{
    hh_overrides *overrides = NULL;
    hh_error error;
    hh_address found[HH_ADDRESSES_MAX];
    if (hh__overrides_create(&text, 1, &overrides, &error) != HH_OK) {
        CHECK(error.code == HH_ERR_INVALID_ARGUMENT);
        return;
    }
    CHECK(hh__overrides_find(overrides, hh_slice_of("a.example"), 80, found, HH_ADDRESSES_MAX) <=
          HH_ADDRESSES_MAX);
    hh__overrides_destroy(overrides);
}

static void read_servers(hh_slice text)
{
    hh_name_servers servers = {.count = 0};
    if (hh__name_servers_parse(text, &servers) == HH_OK)
        CHECK(servers.count > 0 && servers.count <= HH_DNS_SERVERS_MAX);
    hh_resolv_conf conf = hh__resolv_conf_parse(text);
    CHECK(conf.timeout_ms > 0 && conf.timeout_ms <= 30000);
    CHECK(conf.attempts > 0 && conf.attempts <= 5);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    /* Exact for the slices; the override wants a NUL behind. */
    hh_slice slice = exact_copy((hh_slice){(const char *)input, size});
    char *text = malloc(size + 1);
    CHECK(text != NULL);
    if (size != 0)
        memcpy(text, input, size);
    text[size] = '\0';
    read_hosts(slice);
    read_servers(slice);
    (void)hh__nsswitch_parse(slice);
    if (hh__host_name_fault(slice) == NULL)
        CHECK(size > 0 && size <= HH_HOST_MAX_BYTES + 1);
    (void)hh__host_name_is_localhost(slice);
    (void)hh__host_name_is_never_asked(slice);
    read_override(text);
    free(text);
    exact_free(slice);
    return 0;
}
