/* Tests of policy/replay: RFC 9112 §9.3.1, RFC 9110 §9.2.2 and RFC 9113 §8.7, every combination of
 * the inputs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/limits.h"
#include "base/memory.h"
#include "policy/replay.h"

static const struct {
    const char *name;
    bool idempotent;
} methods[] = {
    {"GET", true},       {"HEAD", true},  {"PUT", true},    {"DELETE", true},   {"OPTIONS", true},
    {"TRACE", true},     {"POST", false}, {"PATCH", false}, {"CONNECT", false}, {"get", false},
    {"PROPFIND", false}, {"GETX", false}, {"GE", false},    {"", false},
};

static const hh_status stale[] = {HH_ERR_SEND, HH_ERR_RECEIVE, HH_ERR_EMPTY_RESPONSE};

static void test_idempotent_methods(void **state)
{
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(methods); i++)
        assert_int_equal(hh__is_method_idempotent(hh_slice_of(methods[i].name)),
                         methods[i].idempotent);
}

/* A stale connection under a request: what replays are for. */
static hh_replay_input stale_input(const char *method)
{
    hh_replay_input input = {.failure = HH_ERR_EMPTY_RESPONSE,
                             .method = hh_slice_of(method),
                             .connection = HH_REPLAY_CONNECTION_REUSED,
                             .answer = HH_REPLAY_ANSWER_NONE,
                             .sent_bytes = 100,
                             .body = HH_REPLAY_BODY_READY,
                             .replays = 0};
    return input;
}

static void test_sent_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(methods); i++) {
        for (size_t j = 0; j < HH_COUNT_OF(stale); j++) {
            hh_replay_input input = stale_input(methods[i].name);
            input.failure = stale[j];
            assert_int_equal(hh__decide_replay(&input),
                             methods[i].idempotent ? HH_REPLAY_YES : HH_REPLAY_NO);
            input.sent_bytes = 1;
            assert_int_equal(hh__decide_replay(&input),
                             methods[i].idempotent ? HH_REPLAY_YES : HH_REPLAY_NO);
        }
    }
}

static void test_unsent_requests_whatever_the_method(void **state)
{
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(methods); i++) {
        hh_replay_input input = stale_input(methods[i].name);
        input.sent_bytes = 0;
        assert_int_equal(hh__decide_replay(&input), HH_REPLAY_YES);
    }
}

static void test_other_failures(void **state)
{
    static const hh_status failures[] = {
        HH_OK,
        HH_INTERRUPTED,
        HH_ERR_NO_MEMORY,
        HH_ERR_STATE,
        HH_ERR_SYSTEM,
        HH_ERR_RESOLVE,
        HH_ERR_RESOLVE_TEMPORARY,
        HH_ERR_CONNECT,
        HH_ERR_TLS,
        HH_ERR_CERTIFICATE,
        HH_ERR_TRUNCATED,
        HH_ERR_PROTOCOL,
        HH_ERR_HEADERS_TOO_LARGE,
        HH_ERR_RESPONSE_TOO_LARGE,
        HH_ERR_DECODE,
        HH_ERR_DECODE_LIMIT,
        HH_ERR_CANCELLED,
        HH_ERR_CLIENT_CLOSED,
        HH_ERR_BODY_LENGTH,
        HH_ERR_TIMEOUT_CONNECT,
        HH_ERR_TIMEOUT_READ,
        HH_ERR_TIMEOUT_WRITE,
        HH_ERR_TIMEOUT_POOL,
        HH_ERR_TIMEOUT_TOTAL,
        HH_ERR_STREAM_RESET,
    };
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(failures); i++) {
        hh_replay_input input = stale_input("GET");
        input.failure = failures[i];
        assert_int_equal(hh__decide_replay(&input), HH_REPLAY_NO);
        input.sent_bytes = 0;
        assert_int_equal(hh__decide_replay(&input), HH_REPLAY_NO);
    }
}

/* On a reused or shared connection each of these alone forbids it, sent or not, body or not. */
static void test_every_combination(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 64; bits++) {
        hh_replay_input input = stale_input(bits & 1 ? "POST" : "GET");
        input.connection = bits & 2 ? HH_REPLAY_CONNECTION_SHARED : HH_REPLAY_CONNECTION_REUSED;
        input.answer = bits & 4 ? HH_REPLAY_ANSWER_BEGUN : HH_REPLAY_ANSWER_NONE;
        input.replays = bits & 8 ? HH_REPLAYS_MAX : HH_REPLAYS_MAX - 1;
        input.sent_bytes = bits & 16 ? 0 : UINT64_MAX;
        input.body = bits & 32 ? HH_REPLAY_BODY_SPENT : HH_REPLAY_BODY_READY;

        bool forbidden = (bits & (4 | 8 | 32)) != 0 || (bits & 17) == 1;
        assert_int_equal(hh__decide_replay(&input), forbidden ? HH_REPLAY_NO : HH_REPLAY_YES);
    }
}

/* A connection made for the request that dies speaks against the request, if that has reached it;
 * under a replay it doesn't, and then the method decides. */
static void test_fresh_connections(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 32; bits++) {
        hh_replay_input input = stale_input(bits & 1 ? "POST" : "GET");
        input.connection = HH_REPLAY_CONNECTION_FRESH;
        input.sent_bytes = bits & 2 ? 0 : 1;
        input.replays = bits & 4 ? 1 : 0;
        input.answer = bits & 8 ? HH_REPLAY_ANSWER_BEGUN : HH_REPLAY_ANSWER_NONE;
        input.body = bits & 16 ? HH_REPLAY_BODY_SPENT : HH_REPLAY_BODY_READY;

        bool is_unsent = (bits & 2) != 0;
        bool is_allowed = (bits & (8 | 16)) == 0 && (is_unsent || (bits & 5) == 4);
        assert_int_equal(hh__decide_replay(&input), is_allowed ? HH_REPLAY_YES : HH_REPLAY_NO);
    }
}

static void test_only_twice(void **state)
{
    static const hh_replay_connection connections[] = {
        HH_REPLAY_CONNECTION_FRESH, HH_REPLAY_CONNECTION_REUSED, HH_REPLAY_CONNECTION_SHARED};
    (void)state;
    assert_int_equal(HH_REPLAYS_MAX, 2);
    for (size_t i = 0; i < HH_COUNT_OF(connections); i++) {
        hh_replay_input input = stale_input("GET");
        input.connection = connections[i];
        for (input.replays = 1; input.replays < 5; input.replays++) {
            hh_replay wanted = input.replays < 2 ? HH_REPLAY_YES : HH_REPLAY_NO;
            for (input.sent_bytes = 0; input.sent_bytes < 2; input.sent_bytes++)
                assert_int_equal(hh__decide_replay(&input), wanted);
        }
    }
}

/* RFC 9113 §7: what the server said in a GOAWAY. What it objects to it would object to again, and
 * who asks for calm gets it. Its own troubles, and codes nobody knows, say nothing. */
static void test_objections(void **state)
{
    static const struct {
        uint32_t code;
        hh_replay wanted;
    } codes[] = {
        {0x0, HH_REPLAY_YES},  {0x1, HH_REPLAY_NO},    {0x2, HH_REPLAY_YES},
        {0x3, HH_REPLAY_NO},   {0x4, HH_REPLAY_NO},    {0x5, HH_REPLAY_NO},
        {0x6, HH_REPLAY_NO},   {0x7, HH_REPLAY_YES},   {0x8, HH_REPLAY_YES},
        {0x9, HH_REPLAY_NO},   {0xa, HH_REPLAY_YES},   {0xb, HH_REPLAY_NO},
        {0xc, HH_REPLAY_NO},   {0xd, HH_REPLAY_NO},    {0xe, HH_REPLAY_YES},
        {0x7a, HH_REPLAY_YES}, {0x10b, HH_REPLAY_YES}, {UINT32_MAX, HH_REPLAY_YES},
    };
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(codes); i++) {
        for (size_t j = 0; j < HH_COUNT_OF(stale); j++) {
            hh_replay_input input = stale_input("GET");
            input.connection = HH_REPLAY_CONNECTION_SHARED;
            input.failure = stale[j];
            input.http2_error = codes[i].code;
            assert_int_equal(hh__decide_replay(&input), codes[i].wanted);
        }
        /* Left out by it and unprocessed: the objection may have been to a neighbour. Once more. */
        hh_replay_input input = stale_input("POST");
        input.connection = HH_REPLAY_CONNECTION_SHARED;
        input.failure = HH_ERR_REFUSED;
        input.http2_error = codes[i].code;
        assert_int_equal(hh__decide_replay(&input), HH_REPLAY_ANYWHERE);
        input.refusals = 1;
        assert_int_equal(hh__decide_replay(&input),
                         codes[i].wanted == HH_REPLAY_NO ? HH_REPLAY_NO : HH_REPLAY_ANYWHERE);
    }
}

/* Turned away unprocessed: again, whatever the method and however often the connection served, but
 * neither for ever nor once an answer has begun. */
static void test_every_refusal(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 128; bits++) {
        hh_replay_input input = stale_input(bits & 1 ? "POST" : "GET");
        input.failure = HH_ERR_REFUSED;
        input.connection = bits & 2 ? HH_REPLAY_CONNECTION_FRESH : HH_REPLAY_CONNECTION_REUSED;
        input.answer = bits & 4 ? HH_REPLAY_ANSWER_BEGUN : HH_REPLAY_ANSWER_NONE;
        input.refusals = bits & 8 ? HH_H2_REFUSALS_MAX : HH_H2_REFUSALS_MAX - 1;
        input.replays = bits & 16 ? HH_REPLAYS_MAX : 0;
        input.body = bits & 32 ? HH_REPLAY_BODY_SPENT : HH_REPLAY_BODY_READY;
        input.room = bits & 64 ? HH_REPLAY_ROOM_FREE : HH_REPLAY_ROOM_NONE;

        hh_replay wanted = (bits & (4 | 8 | 32)) != 0 ? HH_REPLAY_NO
                           : bits & 64                ? HH_REPLAY_YES
                                                      : HH_REPLAY_ANYWHERE;
        assert_int_equal(hh__decide_replay(&input), wanted);
    }
}

/* A stale connection is told by how it died, not by whether it has room. */
static void test_room_matters_to_refusals_only(void **state)
{
    hh_replay_input input = stale_input("GET");
    (void)state;
    input.room = HH_REPLAY_ROOM_FREE;
    input.refusals = HH_H2_REFUSALS_MAX;
    assert_int_equal(hh__decide_replay(&input), HH_REPLAY_YES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idempotent_methods),
        cmocka_unit_test(test_sent_requests),
        cmocka_unit_test(test_unsent_requests_whatever_the_method),
        cmocka_unit_test(test_other_failures),
        cmocka_unit_test(test_every_combination),
        cmocka_unit_test(test_fresh_connections),
        cmocka_unit_test(test_only_twice),
        cmocka_unit_test(test_objections),
        cmocka_unit_test(test_every_refusal),
        cmocka_unit_test(test_room_matters_to_refusals_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
