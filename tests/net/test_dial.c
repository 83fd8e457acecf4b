/*
 * Dialling on loopback: which address wins, what is said when none does, deadlines and cancelling
 * in every phase.
 */
#include "dial_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/failure.h"
#include "base/memory.h"
#include "support/held_clock.h"
#include "support/sys_fail.h"

/* Connecting. */

static void test_connects(void **state)
{
    static const char *const table[] = {"127.0.0.1", "::1"};

    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(table); i++) {
        place there = alive(table[i]);

        dial_addresses(&there.address, 1);
        assert_string_equal(result.remote, there.text);
        assert_int_equal(result.error.code, HH_OK);
        assert_true(result.connect_ns > 0);
        assert_int_equal(result.tls_ns, 0);
        assert_false(result.is_tls);
        assert_talks(&there);
        leave(&there);
    }
}

static void test_phases_and_host_of_a_lookup(void **state)
{
    place there = alive("::1");
    hh_dial_target target = {.host = hh_slice_of("[::1]"), .port = port_of(&there)};

    (void)state;
    start(&target);
    assert_int_equal(hh__dial_phase(dial), HH_PHASE_RESOLVE);
    assert_string_equal(names.host, "::1");
    assert_int_equal(names.lookup->port, port_of(&there));
    answer(&there.address, 1, ANSWER_LAST);
    assert_int_equal(hh__dial_phase(dial), HH_PHASE_CONNECT);
    finish();
    assert_int_equal(names.cancelled, 0);
    assert_talks(&there);
    leave(&there);
}

static void test_refused(void **state)
{
    place there = refusing("127.0.0.1");
    char message[200];

    (void)state;
    dial_addresses(&there.address, 1);
    snprintf(message, sizeof(message), "connect to %s refused", there.text);
    assert_failed(HH_ERR_CONNECT, HH_PHASE_CONNECT, ECONNREFUSED, message);
    assert_string_equal(result.remote, there.text);
    leave(&there);
}

static void test_all_refused(void **state)
{
    place one = refusing("127.0.0.1"), two = refusing("127.0.0.2");
    hh_address addresses[] = {one.address, two.address};
    char message[200];

    (void)state;
    dial_addresses(addresses, 2);
    snprintf(message, sizeof(message), "connect to %s refused (last of 2 addresses tried)",
             two.text);
    assert_failed(HH_ERR_CONNECT, HH_PHASE_CONNECT, ECONNREFUSED, message);
    leave(&one);
    leave(&two);
}

static void test_unreachable(void **state)
{
    place there = alive("127.0.0.1");
    char message[200];

    (void)state;
    sys_fail_at(SYS_FAIL_CONNECT, 1, ENETUNREACH);
    dial_addresses(&there.address, 1);
    snprintf(message, sizeof(message), "connect to %s: Network is unreachable", there.text);
    assert_failed(HH_ERR_CONNECT, HH_PHASE_CONNECT, ENETUNREACH, message);
    leave(&there);
}

static void test_no_descriptor_left(void **state)
{
    place there = alive("127.0.0.1");

    (void)state;
    sys_fail_at(SYS_FAIL_SOCKET, 1, EMFILE);
    dial_addresses(&there.address, 1);
    assert_int_equal(result.error.code, HH_ERR_SYSTEM);
    assert_int_equal(result.error.os_error, EMFILE);
    leave(&there);
}

static void test_ipv6_is_tried_first(void **state)
{
    place six = alive("::1"), four = alive("127.0.0.1");
    hh_address addresses[] = {four.address, six.address};

    (void)state;
    dial_addresses(addresses, 2);
    assert_string_equal(result.remote, six.text);
    assert_talks(&six);
    leave(&six);
    leave(&four);
}

static void test_refused_one_is_followed_at_once(void **state)
{
    place six = refusing("::1"), four = alive("127.0.0.1");
    hh_address addresses[] = {four.address, six.address};

    (void)state;
    held_clock_hold(); /* the stagger never ends */
    dial_addresses(addresses, 2);
    held_clock_let_go();
    assert_string_equal(result.remote, four.text);
    assert_talks(&four);
    leave(&six);
    leave(&four);
}

static void test_silent_one_is_followed_after_the_stagger(void **state)
{
    place dead = silent("127.0.0.1"), live = alive("127.0.0.2");
    hh_address addresses[] = {dead.address, live.address};
    unsigned before = open_descriptors();

    (void)state;
    dial_addresses(addresses, 2);
    assert_string_equal(result.remote, live.text);
    assert_true(result.connect_ns >= HH_CONNECT_STAGGER_MS * NS_PER_MS);
    assert_int_equal(open_descriptors(), before + 1); /* the loser is closed */
    assert_talks(&live);
    leave(&dead);
    leave(&live);
}

static void test_ipv4_waits_for_ipv6_a_little(void **state)
{
    place there = alive("127.0.0.1");
    hh_dial_target target = {.host = hh_slice_of("name.test")};

    (void)state;
    start(&target);
    answer(&there.address, 1, ANSWER_MORE);
    assert_int_equal(hh__dial_phase(dial), HH_PHASE_RESOLVE);
    finish();
    assert_true(result.resolve_ns >= HH_RESOLUTION_DELAY_MS * NS_PER_MS);
    assert_int_equal(names.cancelled, 1); /* the other answer isn't waited for */
    assert_talks(&there);
    leave(&there);
}

static void test_late_address_helps_after_failures(void **state)
{
    place dead = refusing("::1"), live = alive("127.0.0.1");
    hh_dial_target target = {.host = hh_slice_of("name.test")};

    (void)state;
    start(&target);
    answer(&dead.address, 1, ANSWER_MORE);
    while (result.error.code == HH_OK && done == 0 && hh__dial_phase(dial) == HH_PHASE_RESOLVE)
        turn();
    turn(); /* refused by now */
    assert_int_equal(done, 0);
    answer(&live.address, 1, ANSWER_LAST);
    finish();
    assert_string_equal(result.remote, live.text);
    assert_talks(&live);
    leave(&dead);
    leave(&live);
}

/* Names. */

static void test_lookup_that_fails(void **state)
{
    hh_dial_target target = {.host = hh_slice_of("nowhere.test")};

    (void)state;
    start(&target);
    hh__fail(&names.lookup->error, HH_ERR_RESOLVE, HH_PHASE_RESOLVE, "no such name");
    answer(NULL, 0, ANSWER_LAST);
    assert_int_equal(done, 0);
    finish();
    assert_failed(HH_ERR_RESOLVE, HH_PHASE_RESOLVE, 0, "no such name");
    assert_int_equal(names.cancelled, 0);
}

static void test_lookup_that_ends_within_start(void **state)
{
    place there = alive("127.0.0.1");
    hh_dial_target target = {.host = hh_slice_of("name.test")};

    (void)state;
    names.at_once.is_finished = true;
    hh__fail(&names.at_once.error, HH_ERR_RESOLVE, HH_PHASE_RESOLVE, "no such name");
    start(&target);
    finish();
    assert_failed(HH_ERR_RESOLVE, HH_PHASE_RESOLVE, 0, "no such name");

    names.at_once.addresses[0] = there.address;
    names.at_once.count = 1;
    start(&target);
    assert_int_equal(hh__dial_phase(dial), HH_PHASE_CONNECT); /* alone, IPv4 need not wait */
    finish();
    assert_talks(&there);
    leave(&there);
}

/* Deadlines. */

static void test_deadline_while_resolving(void **state)
{
    hh_dial_target target = {.host = hh_slice_of("slow.test")};

    (void)state;
    start_with_deadline(target, 20);
    finish();
    assert_failed(HH_ERR_TIMEOUT_CONNECT, HH_PHASE_RESOLVE, 0,
                  "resolve slow.test timed out after 20 ms");
    assert_int_equal(result.error.category, HH_CATEGORY_TIMEOUT);
    assert_int_equal(names.cancelled, 1);
    assert_true(result.resolve_ns >= 20 * NS_PER_MS - NS_PER_MS);
}

static void test_deadline_while_connecting(void **state)
{
    place dead = silent("127.0.0.1");
    hh_dial_target target = {
        .host = hh_slice_of("x"), .addresses = &dead.address, .address_count = 1};
    unsigned before = open_descriptors();
    char message[200];

    (void)state;
    start_with_deadline(target, 30);
    finish();
    snprintf(message, sizeof(message), "connect to %s timed out after 30 ms", dead.text);
    assert_failed(HH_ERR_TIMEOUT_CONNECT, HH_PHASE_CONNECT, 0, message);
    assert_int_equal(open_descriptors(), before);
    leave(&dead);
}

static void test_deadline_with_several_addresses(void **state)
{
    place one = silent("127.0.0.1"), two = silent("127.0.0.2");
    hh_address addresses[] = {one.address, two.address};
    hh_dial_target target = {.host = hh_slice_of("x"), .addresses = addresses, .address_count = 2};
    char message[200];

    (void)state;
    start_with_deadline(target, 300);
    finish();
    snprintf(message, sizeof(message),
             "connect to %s timed out after 300 ms (last of 2 addresses tried)", two.text);
    assert_failed(HH_ERR_TIMEOUT_CONNECT, HH_PHASE_CONNECT, 0, message);
    leave(&one);
    leave(&two);
}

/* The listener takes the connection and says nothing. */
static void test_deadline_in_the_handshake(void **state)
{
    place there = alive("127.0.0.1");
    hh_tls_config *tls = make_tls();
    hh_dial_target target = {.host = hh_slice_of("name.test"),
                             .addresses = &there.address,
                             .address_count = 1,
                             .tls = tls};
    unsigned before = open_descriptors();
    char message[200];
    int ms = 50;

    (void)state;
    /* Long enough to get as far as the handshake, however busy the machine is. */
    do {
        ms *= 2;
        start_with_deadline(target, ms);
        finish();
    } while (result.error.phase != HH_PHASE_TLS);
    snprintf(message, sizeof(message), "TLS handshake with name.test at %s timed out after %d ms",
             there.text, ms);
    assert_failed(HH_ERR_TIMEOUT_CONNECT, HH_PHASE_TLS, 0, message);
    assert_int_equal(open_descriptors(), before);
    hh__tls_config_unref(tls);
    leave(&there);
}

static void test_deadline_long_over(void **state)
{
    hh_dial_target target = {.host = hh_slice_of("slow.test"), .deadline_ns = 1};

    (void)state;
    start(&target);
    finish();
    assert_failed(HH_ERR_TIMEOUT_CONNECT, HH_PHASE_RESOLVE, 0,
                  "resolve slow.test timed out after 0 ms");
}

/* Cancelling. */

static void test_cancel_while_resolving(void **state)
{
    hh_dial_target target = {.host = hh_slice_of("slow.test")};

    (void)state;
    start_with_deadline(target, 3600000);
    cancel_now();
    assert_int_equal(names.cancelled, 1);
    hh__dial_cancel(NULL);
}

static void test_cancel_while_connecting(void **state)
{
    place dead = silent("127.0.0.1");
    hh_dial_target target = {.host = hh_slice_of("name.test")};
    unsigned before = open_descriptors();

    (void)state;
    start_with_deadline(target, 3600000);
    answer(&dead.address, 1, ANSWER_MORE);
    while (hh__dial_phase(dial) != HH_PHASE_CONNECT)
        turn();
    assert_int_equal(open_descriptors(), before + 1);
    cancel_now();
    assert_int_equal(names.cancelled, 1);
    assert_int_equal(open_descriptors(), before);
    leave(&dead);
}

static void test_cancel_in_the_handshake(void **state)
{
    place there = alive("127.0.0.1");
    hh_tls_config *tls = make_tls();
    hh_dial_target target = {.host = hh_slice_of("name.test"),
                             .addresses = &there.address,
                             .address_count = 1,
                             .tls = tls};
    unsigned before = open_descriptors();

    (void)state;
    start_with_deadline(target, 3600000);
    while (hh__dial_phase(dial) != HH_PHASE_TLS)
        turn();
    cancel_now();
    assert_int_equal(open_descriptors(), before);
    hh__tls_config_unref(tls);
    leave(&there);
}

static void test_cancel_before_the_report(void **state)
{
    char path[] = "/tmp/hh-dial-XXXXXX", name[64];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    hh_dial_target target = {.unix_path = name};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    unsigned before = open_descriptors();

    (void)state;
    assert_non_null(mkdtemp(path));
    snprintf(name, sizeof(name), "%s/s", path);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", name);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 4), 0);
    start(&target); /* connected within the call */
    assert_int_equal(open_descriptors(), before + 1);
    cancel_now();
    assert_int_equal(open_descriptors(), before);
    close(fd);
    unlink(name);
    rmdir(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_connects),
        TEST(test_phases_and_host_of_a_lookup),
        TEST(test_refused),
        TEST(test_all_refused),
        TEST(test_unreachable),
        TEST(test_no_descriptor_left),
        TEST(test_ipv6_is_tried_first),
        TEST(test_refused_one_is_followed_at_once),
        TEST(test_silent_one_is_followed_after_the_stagger),
        TEST(test_ipv4_waits_for_ipv6_a_little),
        TEST(test_late_address_helps_after_failures),
        TEST(test_lookup_that_fails),
        TEST(test_lookup_that_ends_within_start),
        TEST(test_deadline_while_resolving),
        TEST(test_deadline_while_connecting),
        TEST(test_deadline_with_several_addresses),
        TEST(test_deadline_in_the_handshake),
        TEST(test_deadline_long_over),
        TEST(test_cancel_while_resolving),
        TEST(test_cancel_while_connecting),
        TEST(test_cancel_in_the_handshake),
        TEST(test_cancel_before_the_report),
    };

    return cmocka_run_group_tests_name("dial", tests, NULL, NULL);
}
