/* Tests of the tests' own tool: every wrapped call can fail, is counted, and else works. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "support/sys_fail.h"

static int pair[2]; /* datagram sockets, so that no call waits for more */

/* -1 when there was no descriptor. */
static int close_again(int fd)
{
    return fd < 0 ? -1 : close(fd);
}

static int call_socket(sys_fail_call call)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);
    int value = 1;
    socklen_t value_length = sizeof(value);
    int helper = -1;
    if (call == SYS_FAIL_SOCKET)
        return close_again(socket(AF_INET, SOCK_DGRAM, 0));
    if (call == SYS_FAIL_SETSOCKOPT)
        return setsockopt(pair[0], SOL_SOCKET, SO_REUSEADDR, &value, value_length);
    if (call == SYS_FAIL_GETSOCKOPT)
        return getsockopt(pair[0], SOL_SOCKET, SO_TYPE, &value, &value_length);
    if (call == SYS_FAIL_FCNTL)
        return fcntl(pair[0], F_GETFL);
    if (call == SYS_FAIL_GETSOCKNAME)
        return getsockname(pair[0], (struct sockaddr *)&address, &length);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    helper = socket(AF_INET, SOCK_DGRAM, 0);
    if (call == SYS_FAIL_CONNECT)
        address.sin_port = htons(9); /* a datagram socket sends nothing when it connects */
    int result = call == SYS_FAIL_BIND
                     ? bind(helper, (struct sockaddr *)&address, sizeof(address))
                     : connect(helper, (struct sockaddr *)&address, sizeof(address));
    int error = errno;
    close(helper);
    errno = error;
    return result;
}

static int call_transfer(sys_fail_call call)
{
    char text[] = "x";
    struct iovec part = {text, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (call == SYS_FAIL_SEND)
        return (int)send(pair[0], text, 1, MSG_NOSIGNAL);
    if (call == SYS_FAIL_SENDMSG)
        return (int)sendmsg(pair[0], &message, MSG_NOSIGNAL);
    if (call == SYS_FAIL_WRITE)
        return (int)write(pair[0], text, 1);
    if (call == SYS_FAIL_WRITEV)
        return (int)writev(pair[0], &part, 1);
    if (call == SYS_FAIL_RECV)
        return (int)recv(pair[1], text, 1, 0);
    if (call == SYS_FAIL_RECVMSG)
        return (int)recvmsg(pair[1], &message, 0);
    if (call == SYS_FAIL_READ)
        return (int)read(pair[1], text, 1);
    return (int)readv(pair[1], &part, 1);
}

static int call_wait(sys_fail_call call, int epoll, int timer)
{
    struct epoll_event event = {.events = EPOLLOUT};
    struct itimerspec never = {{0, 0}, {0, 0}};
    struct pollfd one = {pair[0], POLLOUT, 0};
    if (call == SYS_FAIL_EPOLL_CREATE1)
        return close_again(epoll_create1(EPOLL_CLOEXEC));
    if (call == SYS_FAIL_EPOLL_CTL)
        return epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &event);
    if (call == SYS_FAIL_EPOLL_WAIT)
        return epoll_wait(epoll, &event, 1, 0);
    if (call == SYS_FAIL_TIMERFD_CREATE)
        return close_again(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
    if (call == SYS_FAIL_TIMERFD_SETTIME)
        return timerfd_settime(timer, 0, &never, NULL);
    if (call == SYS_FAIL_EVENTFD)
        return close_again(eventfd(0, EFD_CLOEXEC));
    return poll(&one, 1, 0);
}

static int perform(sys_fail_call call, int epoll, int timer)
{
    if (call <= SYS_FAIL_FCNTL)
        return call_socket(call);
    if (call <= SYS_FAIL_READV)
        return call_transfer(call);
    return call_wait(call, epoll, timer);
}

static void each_call(int fails)
{
    sys_fail_off();
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
    int epoll = epoll_create1(0);
    int timer = timerfd_create(CLOCK_MONOTONIC, 0);
    for (int i = 0; i < 4; i++) /* one for each call that receives */
        assert_int_equal(send(pair[0], "y", 1, 0), 1);
    for (int i = SYS_FAIL_SOCKET; i < SYS_FAIL_CALLS; i++) {
        sys_fail_call call = (sys_fail_call)i;
        if (fails)
            sys_fail_at(call, 1, ENOBUFS);
        else
            sys_fail_count_start();
        errno = 0;
        int result = perform(call, epoll, timer);
        int error = errno;
        sys_fail_off();
        if (fails) {
            assert_int_equal(result, -1);
            assert_int_equal(error, ENOBUFS);
            assert_int_equal(sys_fail_hits(), 1);
        } else {
            assert_true(result >= 0);
            assert_int_equal(sys_fail_hits(), 0);
            assert_true(sys_fail_count(call) >= 1);
        }
    }
    close(epoll);
    close(timer);
    close(pair[0]);
    close(pair[1]);
}

static void test_off_by_default(void **state)
{
    (void)state;
    each_call(0);
}

static void test_each_call_fails(void **state)
{
    (void)state;
    each_call(1);
}

static void test_filter_and_nth(void **state)
{
    (void)state;
    sys_fail_at(SYS_FAIL_EVENTFD, 2, EMFILE);
    int epoll = epoll_create1(0);
    int first = eventfd(0, 0);
    int second = eventfd(0, 0);
    int error = errno;
    int third = eventfd(0, 0);
    sys_fail_off();
    assert_true(epoll >= 0);
    assert_true(first >= 0);
    assert_int_equal(second, -1);
    assert_int_equal(error, EMFILE);
    assert_true(third >= 0);
    assert_int_equal(sys_fail_count(SYS_FAIL_EVENTFD), 3);
    assert_int_equal(sys_fail_count(SYS_FAIL_EPOLL_CREATE1), 1);
    assert_int_equal(sys_fail_count(SYS_FAIL_ANY), 4);
    close(epoll);
    close(first);
    close(third);
}

static void test_any_from(void **state)
{
    (void)state;
    sys_fail_from(SYS_FAIL_ANY, 2, ENFILE);
    int first = eventfd(0, 0);
    int second = epoll_create1(0);
    int third = socket(AF_INET, SOCK_STREAM, 0);
    sys_fail_off();
    assert_true(first >= 0);
    assert_int_equal(second, -1);
    assert_int_equal(third, -1);
    assert_int_equal(sys_fail_hits(), 2);
    close(first);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(sys_fail_name(SYS_FAIL_ANY), "any");
    assert_string_equal(sys_fail_name(SYS_FAIL_SOCKET), "socket");
    assert_string_equal(sys_fail_name(SYS_FAIL_READV), "readv");
    assert_string_equal(sys_fail_name(SYS_FAIL_POLL), "poll");
    assert_string_equal(sys_fail_name(SYS_FAIL_CALLS), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_off_by_default), cmocka_unit_test(test_each_call_fails),
        cmocka_unit_test(test_filter_and_nth), cmocka_unit_test(test_any_from),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
