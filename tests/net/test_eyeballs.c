/*
 * Happy Eyeballs as tables: what is known when, what fails when, and what must be tried when. Time
 * is a number here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>

#include "base/memory.h"
#include "net/eyeballs.h"

#define NS_PER_MS INT64_C(1000000)

/* A scenario is a string of steps, each "time what":
 *   "+4a" addresses come: '4' or '6' and a letter each; "." the list is complete; "!" an attempt
 *   fails. The expectation has "time address" for each attempt and ends in "end", when the list is
 *   exhausted, or "wait". */
typedef struct moment {
    int ms;
    const char *what;
} moment;

typedef struct scenario_row {
    const char *name;
    int only_family;
    moment steps[8];
    const char *expected;
} scenario_row;

static hh_address address_of(char family, char letter)
{
    hh_address address;

    memset(&address, 0, sizeof(address));
    if (family == '6') {
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_addr.s6_addr[15] = (uint8_t)letter;
    } else {
        address.v4.sin_family = AF_INET;
        address.v4.sin_addr.s_addr = htonl(0x7f000000u + (unsigned char)letter);
    }
    return address;
}

static void name_of(const hh_address *address, char out[3])
{
    bool is_v6 = address->any.sa_family == AF_INET6;

    out[0] = is_v6 ? '6' : '4';
    out[1] = (char)(is_v6 ? address->v6.sin6_addr.s6_addr[15]
                          : ntohl(address->v4.sin_addr.s_addr) & 0xff);
    out[2] = '\0';
}

static void apply(hh_eyeballs *eyeballs, const moment *step)
{
    hh_address addresses[HH_ADDRESSES_MAX + 8];
    size_t count = 0;

    switch (step->what[0]) {
    case '+':
        for (const char *at = step->what + 1; at[0] != '\0'; at += 2)
            addresses[count++] = address_of(at[0], at[1]);
        hh__eyeballs_add(eyeballs, addresses, count, (1 + step->ms) * NS_PER_MS);
        break;
    case '.':
        hh__eyeballs_complete(eyeballs);
        break;
    case '!':
        hh__eyeballs_fail(eyeballs);
        break;
    default:
        fail();
    }
}

/* Plays the loop: at each moment that matters asks until told to wait. */
static void play(const scenario_row *scenario)
{
    hh_eyeballs eyeballs;
    char story[256] = "";
    int64_t now_ns = NS_PER_MS; /* never 0 */
    size_t next = 0;

    hh__eyeballs_init(&eyeballs, scenario->only_family);
    for (;;) {
        hh_address address;
        int64_t until_ns = -1;
        hh_eyeballs_step told;
        size_t length;
        char name[3];

        while (next < HH_COUNT_OF(scenario->steps) && scenario->steps[next].what != NULL &&
               (1 + scenario->steps[next].ms) * NS_PER_MS <= now_ns)
            apply(&eyeballs, &scenario->steps[next++]);
        told = hh__eyeballs_decide(&eyeballs, now_ns, &address, &until_ns);
        length = strlen(story);
        if (told == HH_EYEBALLS_TRY) {
            name_of(&address, name);
            snprintf(story + length, sizeof(story) - length, "%d:%s ",
                     (int)(now_ns / NS_PER_MS - 1), name);
            continue;
        }
        if (told == HH_EYEBALLS_WAIT && until_ns != 0)
            assert_true(until_ns > now_ns);
        if (next < HH_COUNT_OF(scenario->steps) && scenario->steps[next].what != NULL) {
            int64_t step_ns = (1 + scenario->steps[next].ms) * NS_PER_MS;
            bool timer_first = told == HH_EYEBALLS_WAIT && until_ns != 0 && until_ns < step_ns;
            now_ns = timer_first ? until_ns : step_ns;
        } else if (told == HH_EYEBALLS_WAIT && until_ns != 0) {
            now_ns = until_ns;
        } else {
            snprintf(story + length, sizeof(story) - length, "%s",
                     told == HH_EYEBALLS_WAIT ? "wait" : "end");
            break;
        }
    }
    if (strcmp(story, scenario->expected) != 0)
        fail_msg("%s: expected '%s', got '%s'", scenario->name, scenario->expected, story);
}

static const scenario_row scenarios[] = {
    {"nothing", AF_UNSPEC, {{0, "."}}, "end"},
    {"nothing yet", AF_UNSPEC, {{0, "+"}}, "wait"},
    {"one", AF_UNSPEC, {{0, "."}, {0, "+4a"}}, "0:4a end"},
    {"IPv6 first", AF_UNSPEC, {{0, "."}, {0, "+4a6b"}}, "0:6b 250:4a end"},
    {"families take turns",
     AF_UNSPEC,
     {{0, "."}, {0, "+4a4b4c6d6e6f"}},
     "0:6d 250:4a 500:6e 750:4b 1000:6f 1250:4c end"},
    {"more of one family",
     AF_UNSPEC,
     {{0, "."}, {0, "+6a6b6c4d"}},
     "0:6a 250:4d 500:6b 750:6c end"},
    {"only IPv4 there", AF_UNSPEC, {{0, "."}, {0, "+4a4b"}}, "0:4a 250:4b end"},
    {"a failure hurries the next",
     AF_UNSPEC,
     {{0, "."}, {0, "+6a4b6c"}, {10, "!"}},
     "0:6a 10:4b 260:6c end"},
    {"failures in a row",
     AF_UNSPEC,
     {{0, "."}, {0, "+6a4b6c"}, {10, "!"}, {11, "!"}},
     "0:6a 10:4b 11:6c end"},
    {"a failure after the last", AF_UNSPEC, {{0, "."}, {0, "+6a"}, {10, "!"}}, "0:6a end"},
    {"IPv6 comes first", AF_UNSPEC, {{20, "+6a"}, {30, "+6a4b"}, {30, "."}}, "20:6a 270:4b end"},
    {"IPv4 waits for IPv6", AF_UNSPEC, {{20, "+4a"}, {60, "+4a6b"}, {60, "."}}, "60:6b 310:4a end"},
    {"IPv4 waits 50 ms, not for ever",
     AF_UNSPEC,
     {{20, "+4a"}, {200, "+4a6b"}, {200, "."}},
     "70:4a 320:6b end"},
    {"more IPv4 doesn't prolong the delay",
     AF_UNSPEC,
     {{20, "+4a"}, {40, "+4b"}},
     "70:4a 320:4b wait"},
    {"no IPv6 exists", AF_UNSPEC, {{20, "+4a"}, {35, "."}}, "35:4a end"},
    {"a late IPv6 goes before the rest of IPv4",
     AF_UNSPEC,
     {{0, "+4a4b4c"}, {100, "+6d"}, {100, "."}},
     "50:4a 300:6d 550:4b 800:4c end"},
    {"a late address after all have failed",
     AF_UNSPEC,
     {{0, "+6a"}, {5, "!"}, {900, "+4b"}, {901, "."}},
     "0:6a 900:4b end"},
    {"a late address while one is under way",
     AF_UNSPEC,
     {{0, "+6a"}, {100, "+4b"}, {100, "."}},
     "0:6a 250:4b end"},
    {"one family only", AF_INET, {{0, "+6a4b6c4d"}, {0, "."}}, "0:4b 250:4d end"},
    {"one family only, no delay for the other", AF_INET, {{7, "+4b"}}, "7:4b wait"},
    {"one family only, none of it", AF_INET6, {{0, "+4a4b"}, {0, "."}}, "end"},
    {"the same twice", AF_UNSPEC, {{0, "."}, {0, "+4a4a6b6b4a"}}, "0:6b 250:4a end"},
};

static void test_scenarios(void **state)
{
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(scenarios); i++)
        play(&scenarios[i]);
}

static void test_bound(void **state)
{
    hh_eyeballs eyeballs;
    hh_address addresses[HH_ADDRESSES_MAX + 8], address;
    int64_t until_ns;
    unsigned tried = 0;

    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(addresses); i++)
        addresses[i] = address_of(i % 3 == 0 ? '6' : '4', (char)(i + 1));
    hh__eyeballs_init(&eyeballs, AF_UNSPEC);
    hh__eyeballs_add(&eyeballs, addresses, HH_COUNT_OF(addresses), 1);
    hh__eyeballs_add(&eyeballs, addresses, HH_COUNT_OF(addresses), 1);
    hh__eyeballs_complete(&eyeballs);
    while (hh__eyeballs_decide(&eyeballs, 1, &address, &until_ns) == HH_EYEBALLS_TRY) {
        hh__eyeballs_fail(&eyeballs);
        tried++;
    }
    assert_int_equal(tried, HH_ADDRESSES_MAX);
}

static void test_unknown_family_is_left_out(void **state)
{
    hh_eyeballs eyeballs;
    hh_address address;
    int64_t until_ns;

    (void)state;
    memset(&address, 0, sizeof(address));
    address.any.sa_family = AF_UNIX;
    hh__eyeballs_init(&eyeballs, AF_UNSPEC);
    hh__eyeballs_add(&eyeballs, &address, 1, 1);
    hh__eyeballs_complete(&eyeballs);
    assert_int_equal(hh__eyeballs_decide(&eyeballs, 1, &address, &until_ns), HH_EYEBALLS_EXHAUSTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scenarios),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_unknown_family_is_left_out),
    };

    return cmocka_run_group_tests_name("eyeballs", tests, NULL, NULL);
}
