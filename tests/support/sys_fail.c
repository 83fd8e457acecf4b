/*
 * sys_fail.c - the wrapped system calls. See sys_fail.h for the contract.
 *
 * The linker (--wrap) turns each call of X into __wrap_X and each __real_X into X. `left` counts
 * down on every matching call while armed; the one that takes it from 1 to 0 fails, and with the
 * sticky mode all behind it.
 */
#include "support/sys_fail.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

enum mode { OFF, ONCE, STICKY };

static atomic_int mode = OFF;
static atomic_int chosen_call;
static atomic_int chosen_error;
static atomic_llong left;
static atomic_ullong counts[SYS_FAIL_CALLS];
static atomic_ullong hits;
static _Thread_local bool is_exempt;

const char *sys_fail_name(sys_fail_call call)
{
    static const char *const names[SYS_FAIL_CALLS] = {
        "any",        "socket",         "bind",
        "connect",    "getsockname",    "setsockopt",
        "getsockopt", "fcntl",          "send",
        "sendmsg",    "write",          "writev",
        "recv",       "recvmsg",        "read",
        "readv",      "epoll_create1",  "epoll_ctl",
        "epoll_wait", "timerfd_create", "timerfd_settime",
        "eventfd",    "poll",
    };
    return (unsigned)call < SYS_FAIL_CALLS ? names[call] : "unknown";
}

static void arm(enum mode wanted, sys_fail_call call, uint64_t nth, int error)
{
    atomic_store(&mode, OFF);
    sys_fail_count_start();
    atomic_store(&chosen_call, (int)call);
    atomic_store(&chosen_error, error);
    atomic_store(&left, (long long)nth);
    if (nth != 0)
        atomic_store(&mode, (int)wanted);
}

void sys_fail_at(sys_fail_call call, uint64_t nth, int error)
{
    arm(ONCE, call, nth, error);
}

void sys_fail_from(sys_fail_call call, uint64_t nth, int error)
{
    arm(STICKY, call, nth, error);
}

void sys_fail_off(void)
{
    atomic_store(&mode, OFF);
}

void sys_fail_count_start(void)
{
    for (size_t i = 0; i < SYS_FAIL_CALLS; i++)
        atomic_store(&counts[i], 0);
    atomic_store(&hits, 0);
}

uint64_t sys_fail_count(sys_fail_call call)
{
    return atomic_load(&counts[call]);
}

uint64_t sys_fail_hits(void)
{
    return atomic_load(&hits);
}

void sys_fail_exempt_thread(void)
{
    is_exempt = true;
}

static bool must_fail(sys_fail_call call)
{
    if (is_exempt)
        return false;
    atomic_fetch_add(&counts[SYS_FAIL_ANY], 1);
    atomic_fetch_add(&counts[call], 1);
    int now = atomic_load(&mode);
    if (now == OFF)
        return false;
    int wanted = atomic_load(&chosen_call);
    if (wanted != SYS_FAIL_ANY && wanted != (int)call)
        return false;
    long long before = atomic_fetch_sub(&left, 1);
    if (before != 1 && (now == ONCE || before > 1))
        return false;
    atomic_fetch_add(&hits, 1);
    errno = atomic_load(&chosen_error);
    return true;
}

/* A declaration of the real call, one of the replacement, and the replacement. */
#define WRAP(result, name, call, parameters, arguments)                                            \
    result __real_##name parameters;                                                               \
    result __wrap_##name parameters;                                                               \
    result __wrap_##name parameters                                                                \
    {                                                                                              \
        return must_fail(call) ? -1 : __real_##name arguments;                                     \
    }

WRAP(int, socket, SYS_FAIL_SOCKET, (int domain, int type, int protocol), (domain, type, protocol))
WRAP(int, bind, SYS_FAIL_BIND, (int fd, const struct sockaddr *address, socklen_t length),
     (fd, address, length))
WRAP(int, connect, SYS_FAIL_CONNECT, (int fd, const struct sockaddr *address, socklen_t length),
     (fd, address, length))
WRAP(int, getsockname, SYS_FAIL_GETSOCKNAME, (int fd, struct sockaddr *address, socklen_t *length),
     (fd, address, length))
WRAP(int, setsockopt, SYS_FAIL_SETSOCKOPT,
     (int fd, int level, int option, const void *value, socklen_t length),
     (fd, level, option, value, length))
WRAP(int, getsockopt, SYS_FAIL_GETSOCKOPT,
     (int fd, int level, int option, void *value, socklen_t *length),
     (fd, level, option, value, length))
WRAP(ssize_t, send, SYS_FAIL_SEND, (int fd, const void *data, size_t length, int flags),
     (fd, data, length, flags))
WRAP(ssize_t, sendmsg, SYS_FAIL_SENDMSG, (int fd, const struct msghdr *message, int flags),
     (fd, message, flags))
WRAP(ssize_t, write, SYS_FAIL_WRITE, (int fd, const void *data, size_t length), (fd, data, length))
WRAP(ssize_t, writev, SYS_FAIL_WRITEV, (int fd, const struct iovec *parts, int count),
     (fd, parts, count))
WRAP(ssize_t, recv, SYS_FAIL_RECV, (int fd, void *room, size_t length, int flags),
     (fd, room, length, flags))
WRAP(ssize_t, recvmsg, SYS_FAIL_RECVMSG, (int fd, struct msghdr *message, int flags),
     (fd, message, flags))
WRAP(ssize_t, read, SYS_FAIL_READ, (int fd, void *room, size_t length), (fd, room, length))
WRAP(ssize_t, readv, SYS_FAIL_READV, (int fd, const struct iovec *parts, int count),
     (fd, parts, count))
WRAP(int, epoll_create1, SYS_FAIL_EPOLL_CREATE1, (int flags), (flags))
WRAP(int, epoll_ctl, SYS_FAIL_EPOLL_CTL,
     (int epoll, int operation, int fd, struct epoll_event *event), (epoll, operation, fd, event))
WRAP(int, epoll_wait, SYS_FAIL_EPOLL_WAIT,
     (int epoll, struct epoll_event *events, int events_max, int timeout_ms),
     (epoll, events, events_max, timeout_ms))
WRAP(int, timerfd_create, SYS_FAIL_TIMERFD_CREATE, (int clock, int flags), (clock, flags))
WRAP(int, timerfd_settime, SYS_FAIL_TIMERFD_SETTIME,
     (int fd, int flags, const struct itimerspec *value, struct itimerspec *old),
     (fd, flags, value, old))
WRAP(int, eventfd, SYS_FAIL_EVENTFD, (unsigned count, int flags), (count, flags))
WRAP(int, poll, SYS_FAIL_POLL, (struct pollfd * fds, nfds_t count, int timeout_ms),
     (fds, count, timeout_ms))

/* Where file offsets have 64 bits the C library may call it fcntl64. What stands for the third
 * argument is a number or a pointer; one read as a pointer passes both on. */
int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...);

int __wrap_fcntl(int fd, int command, ...)
{
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return must_fail(SYS_FAIL_FCNTL) ? -1 : __real_fcntl(fd, command, argument);
}

int __wrap_fcntl64(int fd, int command, ...)
{
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return must_fail(SYS_FAIL_FCNTL) ? -1 : __real_fcntl(fd, command, argument);
}
