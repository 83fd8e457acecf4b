/*
 * sys_fail.h - failed system calls for tests, put in at link time.
 *
 * A test that links sys_fail_dep has the calls below replaced in every object linked statically;
 * shared libraries keep theirs. A call made to fail isn't carried out: it returns -1 with the errno
 * asked for. Off until asked for: then everything passes through and is counted only. Any thread; a
 * thread of a test's own (a scripted peer) takes itself out by sys_fail_exempt_thread.
 *
 * How to fail each system call of an operation in turn:
 *
 *     for (uint64_t nth = 1;; nth++) {
 *         sys_fail_at(SYS_FAIL_ANY, nth, EMFILE);
 *         hh_status status = operation();
 *         sys_fail_off();
 *         if (sys_fail_hits() == 0)
 *             break; // it has fewer calls than that
 *         assert_int_not_equal(status, HH_OK);
 *     }
 */
#ifndef TESTS_SUPPORT_SYS_FAIL_H
#define TESTS_SUPPORT_SYS_FAIL_H

#include <stdint.h>

typedef enum sys_fail_call {
    SYS_FAIL_ANY = 0, /* every call below */
    SYS_FAIL_SOCKET,
    SYS_FAIL_BIND,
    SYS_FAIL_CONNECT,
    SYS_FAIL_GETSOCKNAME,
    SYS_FAIL_SETSOCKOPT,
    SYS_FAIL_GETSOCKOPT,
    SYS_FAIL_FCNTL,
    SYS_FAIL_SEND,
    SYS_FAIL_SENDMSG,
    SYS_FAIL_WRITE,
    SYS_FAIL_WRITEV,
    SYS_FAIL_RECV,
    SYS_FAIL_RECVMSG,
    SYS_FAIL_READ,
    SYS_FAIL_READV,
    SYS_FAIL_EPOLL_CREATE1,
    SYS_FAIL_EPOLL_CTL,
    SYS_FAIL_EPOLL_WAIT,
    SYS_FAIL_TIMERFD_CREATE,
    SYS_FAIL_TIMERFD_SETTIME,
    SYS_FAIL_EVENTFD,
    SYS_FAIL_POLL,
    SYS_FAIL_CALLS /* how many there are; no call */
} sys_fail_call;

/* The call's name, "socket"; "any" for SYS_FAIL_ANY. Static string. */
const char *sys_fail_name(sys_fail_call call);

/* The `nth` call of this kind from now (1: the next one) fails with errno `error`, once. Sets all
 * counts to 0. One order stands at a time: a new one replaces it. */
void sys_fail_at(sys_fail_call call, uint64_t nth, int error);
/* The `nth` and all of this kind that follow fail. Sets all counts to 0. */
void sys_fail_from(sys_fail_call call, uint64_t nth, int error);
/* Nothing fails any more; the counts stay. */
void sys_fail_off(void);
/* Sets all counts to 0, leaves the rest. */
void sys_fail_count_start(void);
/* Calls of this kind since the counts were last set to 0. */
uint64_t sys_fail_count(sys_fail_call call);
/* How many calls were made to fail. */
uint64_t sys_fail_hits(void);
/* From now on the calling thread's calls are neither counted nor failed. */
void sys_fail_exempt_thread(void);

#endif
