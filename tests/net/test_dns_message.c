/* Answers of name servers, whole, cut and damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "net/dns_message.h"

typedef struct message {
    unsigned char bytes[8192];
    size_t length;
} message;

static void put(message *out, const void *data, size_t length)
{
    assert_true(out->length + length <= sizeof(out->bytes));
    memcpy(out->bytes + out->length, data, length);
    out->length += length;
}

static void put16(message *out, unsigned value)
{
    unsigned char bytes[2] = {(unsigned char)(value >> 8), (unsigned char)value};
    put(out, bytes, 2);
}

static void put32(message *out, uint32_t value)
{
    put16(out, value >> 16);
    put16(out, value & 0xffff);
}

/* Header and the question for "a.ex": it stands at offset 12, "ex" at 14, the answers at 22. */
static void begin(message *out, unsigned answers, unsigned authorities)
{
    static const unsigned char question[] = {1, 'a', 2, 'e', 'x', 0, 0, 1, 0, 1};
    out->length = 0;
    put32(out, 0x12348580);
    put16(out, 1);
    put16(out, answers);
    put16(out, authorities);
    put16(out, 0);
    put(out, question, sizeof(question));
}

static void record(message *out, unsigned owner, unsigned type, uint32_t ttl, const char *data,
                   size_t length)
{
    put16(out, 0xc000 | owner);
    put16(out, type);
    put16(out, 1);
    put32(out, ttl);
    put16(out, (unsigned)length);
    put(out, data, length);
}

static void soa(message *out, uint32_t ttl, uint32_t minimum)
{
    char data[22] = {0};
    data[18] = (char)(minimum >> 24);
    data[19] = (char)(minimum >> 16);
    data[20] = (char)(minimum >> 8);
    data[21] = (char)minimum;
    record(out, 12, 6, ttl, data, sizeof(data));
}

static hh_status parse(const message *in, hh_dns_type type, hh_dns_message *out)
{
    /* Memory of the exact size, so that ASan sees a read behind it. */
    unsigned char *copy = hh__malloc(in->length != 0 ? in->length : 1);
    assert_non_null(copy);
    memcpy(copy, in->bytes, in->length);
    hh_status status = hh__dns_message_parse(copy, in->length, type, out);
    hh__free(copy);
    return status;
}

static void test_addresses(void **state)
{
    (void)state;
    message in;
    hh_dns_message out;
    begin(&in, 4, 0);
    record(&in, 12, 1, 300, "\xc0\0\2\1", 4);
    record(&in, 12, 28, 5, "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
    record(&in, 12, 16, 1, "\1x", 2);
    record(&in, 12, 1, 200, "\xc0\0\2\2", 4);
    assert_int_equal(parse(&in, HH_DNS_A, &out), HH_OK);
    assert_int_equal(out.count, 2);
    assert_int_equal(out.ttl_s, 200);
    assert_int_equal(ntohl(out.addresses[0].v4.sin_addr.s_addr), 0xc0000201);
    assert_int_equal(ntohl(out.addresses[1].v4.sin_addr.s_addr), 0xc0000202);
    assert_int_equal(out.addresses[0].v4.sin_port, 0);
    assert_false(out.has_negative_ttl);
    assert_int_equal(parse(&in, HH_DNS_AAAA, &out), HH_OK);
    assert_int_equal(out.count, 1);
    assert_int_equal(out.ttl_s, 5);
    assert_int_equal(out.addresses[0].v6.sin6_addr.s6_addr[15], 1);
}

/* a.ex -> b.ex -> c.ex, the records in the wrong order, and an address of a stranger. */
static void chain(message *in)
{
    begin(in, 5, 0);
    record(in, 12, 28, 9, "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
    put(in, "\1b\2EX\0\0\5\0\1\0\0\0\x64\0\4\1c\xc0\xe", 20);
    put(in, "\1c\xc0\xe\0\1\0\1\0\0\1\0\0\4\xc0\0\2\3", 18);
    record(in, 12, 5, 50, "\1B\xc0\xe", 4);
    record(in, 14, 1, 1, "\xc0\0\2\x63", 4);
}

static void test_aliases(void **state)
{
    (void)state;
    message in;
    hh_dns_message out;
    chain(&in);
    assert_int_equal(parse(&in, HH_DNS_A, &out), HH_OK);
    assert_int_equal(out.count, 1);
    assert_int_equal(ntohl(out.addresses[0].v4.sin_addr.s_addr), 0xc0000203);
    assert_int_equal(out.ttl_s, 50);
    assert_int_equal(parse(&in, HH_DNS_AAAA, &out), HH_OK);
    assert_int_equal(out.count, 0);
}

static void test_alias_loop(void **state)
{
    (void)state;
    message in;
    hh_dns_message out;
    begin(&in, 2, 0);
    record(&in, 12, 5, 50, "\1b\xc0\xe", 4);
    put(&in, "\1b\2ex\0\0\5\0\1\0\0\0\x64\0\2\xc0\xc", 18);
    assert_int_equal(parse(&in, HH_DNS_A, &out), HH_ERR_PROTOCOL);
    /* A name that is its own alias. */
    begin(&in, 1, 0);
    record(&in, 12, 5, 50, "\xc0\xc", 2);
    assert_int_equal(parse(&in, HH_DNS_A, &out), HH_ERR_PROTOCOL);
}

static void test_negative(void **state)
{
    (void)state;
    static const struct {
        uint32_t ttl, minimum, expected;
    } cases[] = {{60, 30, 30}, {30, 60, 30}, {0, 60, 0}, {0x80000000u, 60, 0}, {900, 0, 0}};
    for (size_t i = 0; i < HH_COUNT_OF(cases); i++) {
        message in;
        hh_dns_message out;
        begin(&in, 0, 1);
        soa(&in, cases[i].ttl, cases[i].minimum);
        assert_int_equal(parse(&in, HH_DNS_A, &out), HH_OK);
        assert_int_equal(out.count, 0);
        assert_true(out.has_negative_ttl);
        assert_int_equal(out.negative_ttl_s, cases[i].expected);
    }
}

static void test_bounds(void **state)
{
    (void)state;
    message in;
    hh_dns_message out;
    begin(&in, 400, 0);
    for (unsigned i = 0; i < 400; i++)
        record(&in, 12, 1, 60, "\xc0\0\2\1", 4);
    assert_int_equal(parse(&in, HH_DNS_A, &out), HH_OK);
    assert_int_equal(out.count, HH_ADDRESSES_MAX);
}

static void test_damaged(void **state)
{
    (void)state;
    message in;
    hh_dns_message out;
    begin(&in, 1, 0);
    record(&in, 12, 1, 60, "\xc0\0\2", 3); /* three bytes are no address */
    assert_int_equal(parse(&in, HH_DNS_A, &out), HH_ERR_PROTOCOL);
    begin(&in, 1, 0);
    record(&in, 22, 1, 60, "\xc0\0\2\1", 4); /* points at itself */
    assert_int_equal(parse(&in, HH_DNS_A, &out), HH_ERR_PROTOCOL);
    begin(&in, 1, 0);
    record(&in, 40, 1, 60, "\xc0\0\2\1", 4); /* points forward */
    assert_int_equal(parse(&in, HH_DNS_A, &out), HH_ERR_PROTOCOL);
    begin(&in, 0, 0);
    in.bytes[12] = 0x41; /* a label type that is none */
    assert_int_equal(parse(&in, HH_DNS_A, &out), HH_ERR_PROTOCOL);
    begin(&in, 0, 0);
    in.bytes[5] = 2; /* two questions */
    assert_int_equal(parse(&in, HH_DNS_A, &out), HH_ERR_PROTOCOL);
    assert_int_equal(hh__dns_message_parse(NULL, 0, HH_DNS_A, &out), HH_ERR_PROTOCOL);
}

/* A name of more than 255 bytes, by labels and by pointers that add up. */
static void test_long_names(void **state)
{
    (void)state;
    message in;
    hh_dns_message out;
    begin(&in, 1, 0);
    for (int i = 0; i < 5; i++) {
        put(&in, "\x3f", 1);
        for (int n = 0; n < 63; n++)
            put(&in, "a", 1);
    }
    put(&in, "\0\0\1\0\1\0\0\0\0\0\4\0\0\0\0", 15);
    assert_int_equal(parse(&in, HH_DNS_A, &out), HH_ERR_PROTOCOL);
}

static void test_cut(void **state)
{
    (void)state;
    message in;
    hh_dns_message out;
    chain(&in);
    size_t length = in.length;
    for (in.length = 0; in.length < length; in.length++)
        assert_int_equal(parse(&in, HH_DNS_A, &out), HH_ERR_PROTOCOL);
    begin(&in, 0, 1);
    soa(&in, 60, 60);
    length = in.length;
    for (in.length = 0; in.length < length; in.length++)
        assert_int_equal(parse(&in, HH_DNS_A, &out), HH_ERR_PROTOCOL);
}

/* Each byte with each value: nothing but an answer or an error may come of it. */
static void test_each_byte_changed(void **state)
{
    (void)state;
    message in;
    hh_dns_message out;
    chain(&in);
    for (size_t at = 0; at < in.length; at++) {
        unsigned char kept = in.bytes[at];
        for (unsigned value = 0; value < 256; value++) {
            in.bytes[at] = (unsigned char)value;
            hh_status status = parse(&in, HH_DNS_A, &out);
            assert_true(status == HH_OK || status == HH_ERR_PROTOCOL);
        }
        in.bytes[at] = kept;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_aliases),
        cmocka_unit_test(test_alias_loop),
        cmocka_unit_test(test_negative),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_each_byte_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
