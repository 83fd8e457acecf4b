/*
 * resolve_override.c - reads and searches overrides; see resolve_override.h.
 *
 * They are few and looked at once a dial, so they are a plain array, searched from its end.
 */
#include "net/resolve_override.h"

#include "base/ascii.h"
#include "base/failure.h"
#include "base/limits.h"
#include "base/memory.h"

typedef struct entry {
    hh_slice host; /* owned; "*" for all */
    uint16_t port;
    hh_address *addresses;
    size_t count; /* 0: taken back */
} entry;

struct hh_overrides {
    size_t count;
    entry entries[];
};

/* Takes what is before `stop`, which is taken too. */
static bool take_until(hh_slice *rest, char stop, hh_slice *out)
{
    const char *end = rest->length != 0 ? memchr(rest->data, stop, rest->length) : NULL;
    if (end == NULL)
        return false;
    out->data = rest->data;
    out->length = (size_t)(end - rest->data);
    rest->data = end + 1;
    rest->length -= out->length + 1;
    return true;
}

/* "host:" or "[v6]:", without the colon. */
static bool take_host(hh_slice *rest, hh_slice *host)
{
    if (rest->length == 0 || rest->data[0] != '[')
        return take_until(rest, ':', host) && host->length != 0;
    rest->data++;
    rest->length--;
    if (!take_until(rest, ']', host) || host->length == 0)
        return false;
    hh_slice nothing;
    return take_until(rest, ':', &nothing) && nothing.length == 0;
}

static hh_status parse_addresses(hh_slice text, entry *out)
{
    hh_address found[HH_ADDRESSES_MAX];
    size_t count = 0;
    for (bool more = true; more;) {
        hh_slice one = text;
        more = take_until(&text, ',', &one);
        if (count == HH_COUNT_OF(found) ||
            hh__address_parse(hh__slice_trim(one), out->port, &found[count]) != HH_OK)
            return HH_ERR_INVALID_ARGUMENT;
        count++;
    }
    out->addresses = hh__calloc(count, sizeof(found[0]));
    if (out->addresses == NULL)
        return HH_ERR_NO_MEMORY;
    memcpy(out->addresses, found, count * sizeof(found[0]));
    out->count = count;
    return HH_OK;
}

static hh_slice normal_host(hh_slice host)
{
    if (host.length >= 2 && host.data[0] == '[' && host.data[host.length - 1] == ']') {
        host.data++;
        host.length -= 2;
    }
    if (host.length > 1 && host.data[host.length - 1] == '.')
        host.length--;
    return host;
}

static hh_status parse_entry(hh_slice text, entry *out)
{
    bool is_removal = text.length != 0 && text.data[0] == '-';
    if (is_removal || (text.length != 0 && text.data[0] == '+')) {
        text.data++;
        text.length--;
    }
    hh_slice host;
    hh_slice port_text = text;
    if (!take_host(&text, &host))
        return HH_ERR_INVALID_ARGUMENT;
    if (is_removal)
        port_text = text;
    else if (!take_until(&text, ':', &port_text))
        return HH_ERR_INVALID_ARGUMENT;
    uint64_t port;
    if (hh__parse_unsigned(port_text, UINT16_MAX, &port) != HH_OK || port == 0)
        return HH_ERR_INVALID_ARGUMENT;
    out->port = (uint16_t)port;
    if (!is_removal) {
        hh_status status = parse_addresses(text, out);
        if (status != HH_OK)
            return status;
    }
    host = normal_host(host);
    char *copy = hh__copy_text(host.data, host.length);
    if (copy == NULL)
        return HH_ERR_NO_MEMORY;
    hh__lower_in_place(copy, host.length);
    out->host.data = copy;
    out->host.length = host.length;
    return HH_OK;
}

static void finish_entry(entry *old)
{
    hh__free((void *)(uintptr_t)old->host.data);
    hh__free(old->addresses);
}

hh_status hh__overrides_create(const char *const *texts, size_t count, hh_overrides **out,
                               hh_error *error)
{
    if (count > HH_OVERRIDES_MAX)
        return hh__fail(error, HH_ERR_LIMIT, HH_PHASE_NONE,
                        "more than %d addresses are given by hand", HH_OVERRIDES_MAX);
    hh_overrides *fresh = hh__calloc(1, sizeof(*fresh) + count * sizeof(fresh->entries[0]));
    if (fresh == NULL)
        return hh__fail(error, HH_ERR_NO_MEMORY, HH_PHASE_NONE, "out of memory");
    for (size_t i = 0; i < count; i++) {
        fresh->count = i + 1;
        hh_slice text = hh_slice_of(texts[i]);
        hh_status status = parse_entry(text, &fresh->entries[i]);
        if (status == HH_OK)
            continue;
        hh__overrides_destroy(fresh);
        if (status == HH_ERR_NO_MEMORY)
            return hh__fail(error, status, HH_PHASE_NONE, "out of memory");
        return hh__fail(error, status, HH_PHASE_NONE,
                        "cannot read the override \"%.*s\": expected host:port:address[,address]",
                        (int)(text.length < 200 ? text.length : 200), text.data ? text.data : "");
    }
    *out = fresh;
    return HH_OK;
}

void hh__overrides_destroy(hh_overrides *overrides)
{
    if (overrides == NULL)
        return;
    for (size_t i = 0; i < overrides->count; i++)
        finish_entry(&overrides->entries[i]);
    hh__free(overrides);
}

static const entry *find_last(const hh_overrides *overrides, hh_slice host, uint16_t port)
{
    for (size_t i = overrides->count; i-- > 0;) {
        const entry *one = &overrides->entries[i];
        if (one->port == port && hh__slice_equal_nocase(one->host, host))
            return one->count != 0 ? one : NULL;
    }
    return NULL;
}

size_t hh__overrides_find(const hh_overrides *overrides, hh_slice host, uint16_t port,
                          hh_address *out, size_t capacity)
{
    if (overrides == NULL)
        return 0;
    const entry *found = find_last(overrides, normal_host(host), port);
    if (found == NULL)
        found = find_last(overrides, hh_slice_of("*"), port);
    if (found == NULL)
        return 0;
    size_t count = found->count < capacity ? found->count : capacity;
    memcpy(out, found->addresses, count * sizeof(out[0]));
    return count;
}
