/*
 * dns_message.c - reads DNS answers; see dns_message.h.
 */
#include "net/dns_message.h"

#define HEADER_BYTES 12
#define NAME_MAX_BYTES 255 /* on the wire, RFC 1035 §2.3.4 */
#define CLASS_IN 1
#define TYPE_CNAME 5
#define TYPE_SOA 6

typedef struct reader {
    const unsigned char *data;
    size_t length;
    size_t at;
} reader;

/* A name without compression, in lower case: comparable byte by byte. */
typedef struct name {
    unsigned char bytes[NAME_MAX_BYTES];
    size_t length;
} name;

typedef struct record {
    name owner;
    uint16_t type;
    uint16_t class;
    uint32_t ttl;
    size_t data; /* offset */
    size_t length;
} record;

static bool read_u16(reader *in, uint16_t *out)
{
    if (in->length - in->at < 2)
        return false;
    *out = (uint16_t)(in->data[in->at] << 8 | in->data[in->at + 1]);
    in->at += 2;
    return true;
}

static bool read_u32(reader *in, uint32_t *out)
{
    uint16_t high;
    uint16_t low;
    if (!read_u16(in, &high) || !read_u16(in, &low))
        return false;
    *out = (uint32_t)high << 16 | low;
    return true;
}

static bool add_label(name *out, const unsigned char *label, size_t length)
{
    if (NAME_MAX_BYTES - out->length < length + 1)
        return false;
    out->bytes[out->length++] = (unsigned char)length;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = label[i];
        out->bytes[out->length++] = c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c;
    }
    return true;
}

/* RFC 1035 §4.1.4. */
static bool read_name(reader *in, name *out)
{
    size_t at = in->at;
    size_t barrier = in->at; /* pointers must lead to before it */
    bool has_jumped = false;
    out->length = 0;
    for (;;) {
        if (at >= in->length)
            return false;
        unsigned char size = in->data[at];
        if ((size & 0xc0) == 0xc0) {
            if (in->length - at < 2)
                return false;
            size_t target = (size_t)(size & 0x3f) << 8 | in->data[at + 1];
            if (target >= barrier)
                return false;
            if (!has_jumped)
                in->at = at + 2;
            has_jumped = true;
            at = barrier = target;
            continue;
        }
        if ((size & 0xc0) != 0 || in->length - at < (size_t)size + 1 ||
            !add_label(out, in->data + at + 1, size))
            return false;
        at += (size_t)size + 1;
        if (size == 0)
            break;
    }
    if (!has_jumped)
        in->at = at;
    return true;
}

static bool equal(const name *a, const name *b)
{
    return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}

static bool read_record(reader *in, record *out)
{
    uint16_t length;
    if (!read_name(in, &out->owner) || !read_u16(in, &out->type) || !read_u16(in, &out->class) ||
        !read_u32(in, &out->ttl) || !read_u16(in, &length) || in->length - in->at < length)
        return false;
    if (out->ttl > INT32_MAX) /* RFC 2181 §8 */
        out->ttl = 0;
    out->data = in->at;
    out->length = length;
    in->at += length;
    return true;
}

/* The counts of the header, and the reader behind the one question. */
static bool read_question(reader *in, uint16_t counts[4], name *asked)
{
    if (in->length < HEADER_BYTES)
        return false;
    in->at = 4;
    for (int i = 0; i < 4; i++) {
        if (!read_u16(in, &counts[i]))
            return false;
    }
    uint16_t ignored;
    return counts[0] == 1 && read_name(in, asked) && read_u16(in, &ignored) &&
           read_u16(in, &ignored);
}

/* Goes once through the answers and follows the aliases that come in order. */
static bool follow_aliases(reader in, uint16_t count, name *current, unsigned *hops,
                           uint32_t *ttl_s)
{
    record one;
    for (uint16_t i = 0; i < count; i++) {
        if (!read_record(&in, &one))
            return false;
        if (one.type != TYPE_CNAME || one.class != CLASS_IN || !equal(&one.owner, current))
            continue;
        reader target = {in.data, one.data + one.length, one.data};
        if (++*hops > HH_DNS_ALIASES_MAX || !read_name(&target, current))
            return false;
        if (one.ttl < *ttl_s)
            *ttl_s = one.ttl;
    }
    return true;
}

static void add_address(const unsigned char *data, hh_dns_type type, hh_address *out)
{
    memset(out, 0, sizeof(*out));
    if (type == HH_DNS_A) {
        out->v4.sin_family = AF_INET;
        memcpy(&out->v4.sin_addr, data, sizeof(out->v4.sin_addr));
    } else {
        out->v6.sin6_family = AF_INET6;
        memcpy(&out->v6.sin6_addr, data, sizeof(out->v6.sin6_addr));
    }
}

static bool collect_addresses(reader *in, uint16_t count, const name *owner, hh_dns_type type,
                              hh_dns_message *out)
{
    size_t size = type == HH_DNS_A ? sizeof(struct in_addr) : sizeof(struct in6_addr);
    record one;
    for (uint16_t i = 0; i < count; i++) {
        if (!read_record(in, &one))
            return false;
        if (one.type != (uint16_t)type || one.class != CLASS_IN || !equal(&one.owner, owner))
            continue;
        if (one.length != size)
            return false;
        if (out->count == HH_ADDRESSES_MAX)
            continue;
        add_address(in->data + one.data, type, &out->addresses[out->count++]);
        if (one.ttl < out->ttl_s)
            out->ttl_s = one.ttl;
    }
    return true;
}

/* RFC 2308 §5: the lesser of the SOA record's own time and its MINIMUM field. */
static bool find_negative_ttl(reader *in, uint16_t count, hh_dns_message *out)
{
    record one;
    for (uint16_t i = 0; i < count; i++) {
        if (!read_record(in, &one))
            return false;
        if (one.type != TYPE_SOA || one.class != CLASS_IN)
            continue;
        name ignored;
        uint32_t minimum = 0;
        reader soa = {in->data, one.data + one.length, one.data};
        if (!read_name(&soa, &ignored) || !read_name(&soa, &ignored))
            return false;
        for (int field = 0; field < 5; field++) {
            if (!read_u32(&soa, &minimum))
                return false;
        }
        out->has_negative_ttl = true;
        out->negative_ttl_s = one.ttl < minimum ? one.ttl : minimum;
        return true;
    }
    return true;
}

hh_status hh__dns_message_parse(const void *data, size_t length, hh_dns_type type,
                                hh_dns_message *out)
{
    reader in = {data, length, 0};
    uint16_t counts[4];
    name current;
    hh_dns_message found = {.ttl_s = UINT32_MAX};
    if (data == NULL || !read_question(&in, counts, &current))
        return HH_ERR_PROTOCOL;
    /* Aliases may stand in any order, so the answers are gone through until nothing is new. */
    unsigned hops = 0;
    for (unsigned before = UINT32_MAX; before != hops;) {
        before = hops;
        if (!follow_aliases(in, counts[1], &current, &hops, &found.ttl_s))
            return HH_ERR_PROTOCOL;
    }
    if (!collect_addresses(&in, counts[1], &current, type, &found) ||
        !find_negative_ttl(&in, counts[2], &found))
        return HH_ERR_PROTOCOL;
    *out = found;
    return HH_OK;
}
