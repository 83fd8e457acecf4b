/*
 * Dialling on loopback: local addresses, Unix sockets, bad arguments, and every system call and
 * allocation failed in turn.
 */
#include "dial_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/memory.h"
#include "support/alloc_fail.h"
#include "support/sys_fail.h"

/* Local address. */

static void test_local_address(void **state)
{
    place there = alive("127.0.0.1"), six = alive("::1");
    hh_address addresses[] = {six.address, there.address}, peer;
    hh_dial_target target = {.host = hh_slice_of("x"),
                             .addresses = addresses,
                             .address_count = 2,
                             .local_address = "127.0.0.9"};
    socklen_t length = sizeof(peer);
    int fd;

    (void)state;
    start(&target);
    finish();
    assert_string_equal(result.remote, there.text); /* the other family was left out */
    fd = accept(there.fd, &peer.any, &length);
    assert_int_equal(ntohl(peer.v4.sin_addr.s_addr), 0x7f000009);
    close(fd);
    close_result();
    leave(&there);
    leave(&six);
}

static void test_local_address_that_is_not_ours(void **state)
{
    place there = alive("127.0.0.1");
    hh_dial_target target = {.host = hh_slice_of("x"),
                             .addresses = &there.address,
                             .address_count = 1,
                             .local_address = "203.0.113.9"};

    (void)state;
    start(&target);
    finish();
    assert_failed(HH_ERR_CONNECT, HH_PHASE_CONNECT, EADDRNOTAVAIL,
                  "bind to local address 203.0.113.9: Cannot assign requested address");
    leave(&there);
}

static void test_local_address_of_the_other_family(void **state)
{
    place there = alive("127.0.0.1");
    hh_dial_target target = {.host = hh_slice_of("x"),
                             .addresses = &there.address,
                             .address_count = 1,
                             .local_address = "::1"};

    (void)state;
    start(&target);
    finish();
    assert_failed(HH_ERR_CONNECT, HH_PHASE_CONNECT, 0,
                  "no IPv6 address to connect to, as the local address asks for");
    leave(&there);
}

/* Unix sockets. */

static void test_unix(void **state)
{
    unix_place there = unix_bound();
    place as_place = {.fd = there.fd};
    hh_dial_target target = {.unix_path = there.path};
    char message[200];

    (void)state;
    start(&target);
    finish();
    snprintf(message, sizeof(message), "connect to unix socket %s refused", there.path);
    assert_failed(HH_ERR_CONNECT, HH_PHASE_CONNECT, ECONNREFUSED, message);

    assert_int_equal(listen(there.fd, 4), 0);
    start(&target);
    finish();
    assert_string_equal(result.remote, there.path);
    assert_talks(&as_place);
    unix_leave(&there);

    start(&target);
    finish();
    snprintf(message, sizeof(message), "connect to unix socket %s: No such file or directory",
             there.path);
    assert_failed(HH_ERR_CONNECT, HH_PHASE_CONNECT, ENOENT, message);
}

/* A listener whose backlog is full has no descriptor to wait for; it is asked again. */
static void test_unix_with_a_full_backlog(void **state)
{
    unix_place there = unix_bound();
    hh_dial_target target = {.unix_path = there.path};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char message[200];
    int crowd[2], fd;

    (void)state;
    memcpy(address.sun_path, there.path, sizeof(there.path));
    assert_int_equal(listen(there.fd, 0), 0);
    for (size_t i = 0; i < 2; i++) {
        crowd[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(crowd[i], (struct sockaddr *)&address, sizeof(address));
    }
    start_with_deadline(target, 45);
    finish();
    snprintf(message, sizeof(message), "connect to unix socket %s timed out after 45 ms",
             there.path);
    assert_failed(HH_ERR_TIMEOUT_CONNECT, HH_PHASE_CONNECT, 0, message);

    start(&target);
    turn();
    assert_int_equal(done, 0);
    fd = accept(there.fd, NULL, NULL);
    finish();
    assert_non_null(result.stream);
    close_result();
    close(fd);
    close(crowd[0]);
    close(crowd[1]);
    unix_leave(&there);
}

/* Arguments. */

static void test_bad_targets(void **state)
{
    static const char long_path[] =
        "/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxx";
    static char long_host[300];
    hh_address address = address_of("127.0.0.1", 1);
    hh_tls_config *tls = make_tls();
    const hh_dial_target table[] = {
        {.port = 80},
        {.host = {"a\0b", 3}},
        {.host = {long_host, 255}},
        {.host = hh_slice_of("[]")},
        {.unix_path = ""},
        {.unix_path = long_path},
        {.unix_path = "/tmp/x", .tls = tls},
        {.host = hh_slice_of("a"), .local_address = "nonsense"},
        {.host = hh_slice_of("a"), .local_address = ""},
        {.host = hh_slice_of("a"), .addresses = &address},
    };

    (void)state;
    memset(long_host, 'a', sizeof(long_host));
    assert_true(strlen(long_path) >= sizeof(((struct sockaddr_un *)0)->sun_path));
    for (size_t i = 0; i < HH_COUNT_OF(table); i++) {
        hh_dial *none = NULL;

        assert_int_equal(hh__dial_start(loop, NULL, &table[i], &done, on_done, &none),
                         HH_ERR_INVALID_ARGUMENT);
        assert_null(none);
    }
    hh__tls_config_unref(tls);
}

/* Failures of each call in turn. */

static void run_through_failures(void)
{
    /* The loop's own calls fail, too; then the next run goes on. */
    for (int rounds = 0; done == 0 && rounds < 1000; rounds++) {
        struct pollfd one = {hh__loop_fd(loop), POLLIN, 0};
        hh_status status;

        poll(&one, 1, 500);
        status = hh__loop_run(loop);
        assert_true(status == HH_OK || status == HH_ERR_SYSTEM);
    }
    assert_int_equal(done, 1);
}

static void empty_backlog(const place *there)
{
    struct pollfd one = {there->fd, POLLIN, 0};

    while (poll(&one, 1, 0) == 1)
        close(accept(there->fd, NULL, NULL));
}

static void test_each_system_call_fails_in_turn(void **state)
{
    place dead = refusing("::1"), live = alive("127.0.0.1");
    hh_address addresses[] = {dead.address, live.address};
    hh_dial_target target = {.host = hh_slice_of("x"), .addresses = addresses, .address_count = 2};
    unsigned before = open_descriptors(), failed = 0;

    (void)state;
    for (uint64_t nth = 1;; nth++) {
        hh_status status;
        uint64_t hits;

        target.deadline_ns = hh__loop_refresh(loop) + 5000 * NS_PER_MS;
        done = 0;
        sys_fail_at(SYS_FAIL_ANY, nth, EMFILE);
        status = hh__dial_start(loop, NULL, &target, &done, on_done, &dial);
        if (status == HH_OK)
            run_through_failures();
        hits = sys_fail_hits();
        sys_fail_off();
        if (status == HH_OK) {
            failed += result.stream == NULL;
            if (result.stream == NULL)
                assert_int_not_equal(result.error.code, HH_OK);
            close_result();
        }
        assert_int_equal(hh__loop_run(loop), HH_OK);
        assert_int_equal(open_descriptors(), before);
        empty_backlog(&live);
        if (hits == 0)
            break;
    }
    assert_true(failed > 0);
    leave(&dead);
    leave(&live);
}

static void test_each_allocation_fails_in_turn(void **state)
{
    place there = alive("127.0.0.1");
    hh_dial_target target = {.host = hh_slice_of("name.test")};
    unsigned before = open_descriptors(), failed = 0;

    (void)state;
    names.at_once.is_finished = true;
    names.at_once.addresses[0] = there.address;
    names.at_once.count = 1;
    for (uint64_t nth = 1;; nth++) {
        hh_status status;
        uint64_t hits;

        target.deadline_ns = hh__loop_refresh(loop) + 5000 * NS_PER_MS;
        done = 0;
        alloc_fail_at(nth);
        status = hh__dial_start(loop, NULL, &target, &done, on_done, &dial);
        if (status == HH_OK)
            run_through_failures();
        hits = alloc_fail_hits();
        alloc_fail_off();
        if (hits == 0) {
            assert_non_null(result.stream);
            close_result();
            break;
        }
        failed++;
        if (status == HH_OK)
            assert_int_equal(result.error.code, HH_ERR_NO_MEMORY);
        else
            assert_int_equal(status, HH_ERR_NO_MEMORY);
        assert_int_equal(open_descriptors(), before);
    }
    assert_true(failed >= 2);
    leave(&there);
}

static void test_each_allocation_of_a_unix_dial_fails_in_turn(void **state)
{
    unix_place there = unix_bound();
    hh_dial_target target = {.unix_path = there.path};
    unsigned before = open_descriptors(), failed = 0;

    (void)state;
    assert_int_equal(listen(there.fd, 8), 0);
    for (uint64_t nth = 1;; nth++) {
        hh_status status;
        uint64_t hits;

        done = 0;
        alloc_fail_at(nth);
        status = hh__dial_start(loop, NULL, &target, &done, on_done, &dial);
        if (status == HH_OK)
            run_through_failures();
        hits = alloc_fail_hits();
        alloc_fail_off();
        if (hits == 0)
            break;
        failed++;
        assert_int_equal(status == HH_OK ? result.error.code : status, HH_ERR_NO_MEMORY);
        assert_int_equal(open_descriptors(), before);
    }
    assert_int_equal(failed, 2);
    assert_int_equal(result.error.code, HH_OK);
    close_result();
    unix_leave(&there);
}

/* Its timer goes with it: the time comes, and the memory is gone. */
static void test_deadline_ends_with_the_dial(void **state)
{
    place there = alive("127.0.0.1");
    hh_dial_target quick = {
        .host = hh_slice_of("x"), .addresses = &there.address, .address_count = 1};
    hh_dial_target slow = {.host = hh_slice_of("slow.test")};

    (void)state;
    start_with_deadline(quick, 5000);
    finish();
    assert_talks(&there);
    start_with_deadline(slow, 5000);
    hh__dial_cancel(dial);
    start_with_deadline(slow, 10);
    finish();
    assert_int_equal(result.error.code, HH_ERR_TIMEOUT_CONNECT);
    /* No deadline is left that would wake anybody. */
    for (int i = 0; i < 3; i++)
        assert_int_equal(hh__loop_run(loop), HH_OK);
    assert_int_equal(hh__loop_timer_count(loop), 0);
    leave(&there);
}

/* Many at once. */

static void count_and_close(void *owner, hh_dial_result *got)
{
    unsigned *count = owner;

    assert_non_null(got->stream);
    hh__stream_close(got->stream, HH_CLOSE_ABORT);
    (*count)++;
}

static void test_many_at_once(void **state)
{
    enum { COUNT = 100 };
    place there = alive("127.0.0.1");
    hh_dial_target target = {
        .host = hh_slice_of("x"), .addresses = &there.address, .address_count = 1};
    unsigned expected = 0, count = 0;

    (void)state;
    assert_int_equal(listen(there.fd, COUNT), 0);
    for (int i = 0; i < COUNT; i++) {
        hh_dial *one = NULL;

        assert_int_equal(hh__dial_start(loop, NULL, &target, &count, count_and_close, &one), HH_OK);
        if (i % 3 == 0)
            hh__dial_cancel(one);
        else
            expected++;
    }
    while (count < expected)
        turn();
    assert_int_equal(hh__loop_run(loop), HH_OK);
    assert_int_equal(count, expected);
    leave(&there);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_local_address),
        TEST(test_local_address_that_is_not_ours),
        TEST(test_local_address_of_the_other_family),
        TEST(test_unix),
        TEST(test_unix_with_a_full_backlog),
        TEST(test_bad_targets),
        TEST(test_each_system_call_fails_in_turn),
        TEST(test_each_allocation_fails_in_turn),
        TEST(test_each_allocation_of_a_unix_dial_fails_in_turn),
        TEST(test_deadline_ends_with_the_dial),
        TEST(test_many_at_once),
    };

    return cmocka_run_group_tests_name("dial edges", tests, NULL, NULL);
}
