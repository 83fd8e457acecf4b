/*
 * A stream over a socket: what is read and written, which readiness is asked for when, and how it
 * ends. The peer is a plain descriptor of the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "net/socket_stream.h"
#include "support/alloc_fail.h"
#include "support/sys_fail.h"

#define FAR_MS 60000

typedef struct fixture {
    hh_loop *loop;
    hh_stream *stream;
    int peer;
    unsigned reports;
    unsigned last_ready;
    void (*then)(struct fixture *fixture);
} fixture;

static unsigned open_descriptors(void)
{
    unsigned count = 0;

    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void on_ready(hh_stream *stream, unsigned ready)
{
    fixture *self = stream->owner;

    self->reports++;
    self->last_ready = ready;
    if (self->then != NULL)
        self->then(self);
}

/* Two connected TCP sockets; ours is non-blocking, the peer blocks. */
static void tcp_pair(int *ours, int *peer)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    *ours = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(*ours, (struct sockaddr *)&address, length), 0);
    *peer = accept(listener, NULL, NULL);
    assert_true(*peer >= 0);
    assert_int_equal(fcntl(*ours, F_SETFL, O_NONBLOCK), 0);
    close(listener);
}

static fixture *open_fixture(hh_socket_kind kind)
{
    fixture *self = calloc(1, sizeof(*self));
    int ends[2];

    sys_fail_off();
    alloc_fail_off();
    assert_int_equal(hh__loop_create(&self->loop, NULL), HH_OK);
    if (kind == HH_SOCKET_TCP) {
        tcp_pair(&ends[0], &ends[1]);
    } else {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    }
    self->peer = ends[1];
    assert_int_equal(hh__socket_stream_create(self->loop, ends[0], kind, NULL, &self->stream),
                     HH_OK);
    self->stream->owner = self;
    self->stream->on_ready = on_ready;
    sys_fail_count_start();
    return self;
}

static int open_tcp(void **state)
{
    *state = open_fixture(HH_SOCKET_TCP);
    return 0;
}

static int open_unix(void **state)
{
    *state = open_fixture(HH_SOCKET_UNIX);
    return 0;
}

static int close_fixture(void **state)
{
    fixture *self = *state;

    hh__stream_close(self->stream, HH_CLOSE_ABORT);
    if (self->peer >= 0)
        close(self->peer);
    hh__loop_destroy(self->loop);
    free(self);
    return 0;
}

static bool is_readable(const fixture *self, int timeout_ms)
{
    struct pollfd one = {hh__loop_fd(self->loop), POLLIN, 0};

    return poll(&one, 1, timeout_ms) == 1;
}

static void turn(fixture *self)
{
    assert_true(is_readable(self, FAR_MS));
    assert_int_equal(hh__loop_run(self->loop), HH_OK);
}

static hh_io write_text(fixture *self, const char *text, size_t *written)
{
    char copy[64];
    struct iovec piece = {copy, strlen(text)};

    memcpy(copy, text, piece.iov_len);
    return hh__stream_write(self->stream, &piece, 1, written);
}

/* Writes until the kernel takes no more; returns how much it took. */
static size_t fill(fixture *self)
{
    static char block[65536];
    struct iovec piece = {block, sizeof(block)};
    size_t total = 0, written;

    for (;;) {
        hh_io io = hh__stream_write(self->stream, &piece, 1, &written);

        if (io == HH_IO_WAIT)
            return total;
        assert_int_equal(io, HH_IO_OK);
        total += written;
    }
}

static void drain_peer(const fixture *self, size_t count)
{
    static char block[65536];

    while (count > 0) {
        ssize_t got = recv(self->peer, block, count < sizeof(block) ? count : sizeof(block), 0);

        assert_true(got > 0);
        count -= (size_t)got;
    }
}

static void reset_peer(fixture *self)
{
    struct linger abort = {1, 0};

    setsockopt(self->peer, SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
    close(self->peer);
    self->peer = -1;
}

static void test_reads(void **state)
{
    fixture *self = *state;
    char data[8];
    size_t count = 0;

    assert_true(self->stream->short_read_is_last);
    assert_int_equal(hh__stream_read(self->stream, data, sizeof(data), &count), HH_IO_WAIT);
    assert_false(is_readable(self, 0));
    assert_int_equal(send(self->peer, "0123456789", 10, 0), 10);
    turn(self);
    assert_int_equal(self->reports, 1);
    assert_int_equal(self->last_ready, HH_READY_READ);
    assert_int_equal(hh__stream_read(self->stream, data, sizeof(data), &count), HH_IO_OK);
    assert_int_equal(count, 8);
    assert_memory_equal(data, "01234567", 8);
    sys_fail_at(SYS_FAIL_RECV, 1, EINTR);
    assert_int_equal(hh__stream_read(self->stream, data, sizeof(data), &count), HH_IO_OK);
    assert_int_equal(count, 2);
    shutdown(self->peer, SHUT_WR);
    turn(self);
    assert_int_equal(hh__stream_read(self->stream, data, sizeof(data), &count), HH_IO_EOF);
}

static void test_writes_pieces_in_order(void **state)
{
    fixture *self = *state;
    char text[] = "abcdefgh", got[16] = "";
    struct iovec pieces[8];
    size_t written = 0;

    for (size_t i = 0; i < 8; i++)
        pieces[i] = (struct iovec){text + i, 1};
    assert_int_equal(hh__stream_write(self->stream, pieces, 8, &written), HH_IO_OK);
    assert_int_equal(written, 8);
    assert_int_equal(sys_fail_count(SYS_FAIL_SENDMSG), 1);
    sys_fail_at(SYS_FAIL_SEND, 1, EINTR);
    assert_int_equal(write_text(self, "!", &written), HH_IO_OK);
    assert_int_equal(recv(self->peer, got, sizeof(got), 0), 9);
    assert_string_equal(got, "abcdefgh!");
    /* Nothing was asked of the loop for it. */
    assert_int_equal(sys_fail_count(SYS_FAIL_EPOLL_CTL), 0);
    assert_false(is_readable(self, 0));
}

static void test_full_kernel_asks_the_loop_once(void **state)
{
    fixture *self = *state;
    size_t total = fill(self), written, sends;

    assert_int_equal(sys_fail_count(SYS_FAIL_EPOLL_CTL), 1);
    sends = sys_fail_count(SYS_FAIL_SEND);
    assert_int_equal(write_text(self, "x", &written), HH_IO_WAIT);
    assert_int_equal(sys_fail_count(SYS_FAIL_SEND), sends); /* known to be of no use */
    assert_false(is_readable(self, 0));
    drain_peer(self, total);
    turn(self);
    assert_int_equal(self->last_ready, HH_READY_WRITE);
    /* Nothing more to write: the interest is gone, an idle stream doesn't spin. */
    assert_int_equal(sys_fail_count(SYS_FAIL_EPOLL_CTL), 2);
    assert_false(is_readable(self, 0));
    assert_int_equal(write_text(self, "x", &written), HH_IO_OK);
    assert_int_equal(sys_fail_count(SYS_FAIL_EPOLL_CTL), 2);
}

static void fill_again(fixture *self)
{
    if ((self->last_ready & HH_READY_WRITE) != 0)
        fill(self);
}

static void test_blocked_again_keeps_the_interest(void **state)
{
    fixture *self = *state;
    size_t total = fill(self);

    self->then = fill_again;
    drain_peer(self, total);
    turn(self);
    assert_int_equal(sys_fail_count(SYS_FAIL_EPOLL_CTL), 1);
    assert_false(is_readable(self, 0));
}

static void test_paused_stream_is_silent(void **state)
{
    fixture *self = *state;
    char data[4];
    size_t count;

    assert_int_equal(hh__stream_listen(self->stream, 0), HH_OK);
    assert_int_equal(send(self->peer, "abc", 3, 0), 3);
    assert_false(is_readable(self, 0));
    close(self->peer);
    self->peer = -1;
    while (is_readable(self, 0)) /* once at most, or it spins for ever */
        assert_int_equal(hh__loop_run(self->loop), HH_OK);
    assert_int_equal(self->reports, 0);
    assert_int_equal(hh__stream_listen(self->stream, HH_READY_READ), HH_OK);
    turn(self);
    assert_int_equal(self->reports, 1);
    assert_int_equal(hh__stream_read(self->stream, data, sizeof(data), &count), HH_IO_OK);
    assert_int_equal(count, 3);
    assert_int_equal(hh__stream_read(self->stream, data, sizeof(data), &count), HH_IO_EOF);
}

static void test_read_of_a_paused_stream_listens_again(void **state)
{
    fixture *self = *state;
    char data[4];
    size_t count;

    assert_int_equal(hh__stream_listen(self->stream, 0), HH_OK);
    assert_int_equal(hh__stream_read(self->stream, data, sizeof(data), &count), HH_IO_WAIT);
    assert_int_equal(send(self->peer, "abc", 3, 0), 3);
    turn(self);
    assert_int_equal(self->reports, 1);
}

static void test_pause_while_writing_waits(void **state)
{
    fixture *self = *state;
    size_t total = fill(self);

    assert_int_equal(hh__stream_listen(self->stream, 0), HH_OK);
    assert_int_equal(send(self->peer, "abc", 3, 0), 3);
    drain_peer(self, total);
    turn(self);
    assert_int_equal(self->last_ready, HH_READY_WRITE);
    assert_false(is_readable(self, 0));
}

static void test_probe(void **state)
{
    fixture *self = *state;
    char data[4];
    size_t count;

    assert_int_equal(hh__stream_probe(self->stream), HH_IO_WAIT);
    assert_int_equal(send(self->peer, "a", 1, 0), 1);
    assert_int_equal(hh__stream_probe(self->stream), HH_IO_OK);
    sys_fail_at(SYS_FAIL_RECV, 1, EINTR);
    assert_int_equal(hh__stream_probe(self->stream), HH_IO_OK);
    assert_int_equal(hh__stream_read(self->stream, data, sizeof(data), &count), HH_IO_OK);
    assert_int_equal(count, 1); /* it was only looked at */
    shutdown(self->peer, SHUT_WR);
    assert_int_equal(hh__stream_probe(self->stream), HH_IO_EOF);
}

static void test_reset_while_reading(void **state)
{
    fixture *self = *state;
    char data[4];
    size_t count;
    hh_error error;

    reset_peer(self);
    turn(self);
    assert_true((self->last_ready & HH_READY_READ) != 0);
    assert_int_equal(hh__stream_read(self->stream, data, sizeof(data), &count), HH_IO_ERROR);
    hh__stream_describe(self->stream, HH_PHASE_HEADERS, "1.2.3.4:80", &error);
    assert_int_equal(error.code, HH_ERR_RECEIVE);
    assert_int_equal(error.phase, HH_PHASE_HEADERS);
    assert_int_equal(error.os_error, ECONNRESET);
    assert_string_equal(error.message,
                        "receiving from 1.2.3.4:80 failed: Connection reset by peer");
}

static void test_reset_shows_in_a_probe(void **state)
{
    fixture *self = *state;

    reset_peer(self);
    assert_int_equal(hh__stream_probe(self->stream), HH_IO_ERROR);
}

/* SIGPIPE would end this program. */
static void test_broken_pipe_is_an_error(void **state)
{
    fixture *self = *state;
    struct iovec pieces[2] = {{(char[]){"a"}, 1}, {(char[]){"b"}, 1}};
    size_t written;
    hh_error error;

    close(self->peer);
    self->peer = -1;
    hh__stream_describe(self->stream, HH_PHASE_SEND, "/run/x", &error);
    assert_string_equal(error.message, "/run/x closed the connection");
    assert_int_equal(write_text(self, "x", &written), HH_IO_ERROR);
    assert_int_equal(hh__stream_write(self->stream, pieces, 2, &written), HH_IO_ERROR);
    hh__stream_describe(self->stream, HH_PHASE_SEND, "/run/x", &error);
    assert_int_equal(error.code, HH_ERR_SEND);
    assert_int_equal(error.os_error, EPIPE);
    assert_string_equal(error.message, "sending to /run/x failed: Broken pipe");
}

static void test_failed_arming_is_an_error(void **state)
{
    fixture *self = *state;
    static char block[65536];
    struct iovec piece = {block, sizeof(block)};
    size_t written;
    hh_io io;
    hh_error error;

    sys_fail_from(SYS_FAIL_EPOLL_CTL, 1, ENOMEM);
    do {
        io = hh__stream_write(self->stream, &piece, 1, &written);
    } while (io == HH_IO_OK);
    sys_fail_off();
    assert_int_equal(io, HH_IO_ERROR);
    hh__stream_describe(self->stream, HH_PHASE_BODY, "peer", &error);
    assert_int_equal(error.os_error, ENOMEM);
}

static void close_in_handler(fixture *self)
{
    hh_stream *stream = self->stream;

    self->stream = NULL;
    hh__stream_close(stream, HH_CLOSE_ORDERLY);
    assert_true(stream->short_read_is_last); /* still there, until the end of the run */
}

static void test_close_in_its_own_handler(void **state)
{
    fixture *self = *state;
    size_t total = fill(self);
    unsigned before = open_descriptors();
    char byte;

    self->then = close_in_handler;
    drain_peer(self, total);
    assert_int_equal(send(self->peer, "abc", 3, 0), 3);
    turn(self);
    assert_null(self->stream);
    assert_int_equal(self->reports, 1);
    assert_int_equal(open_descriptors(), before - 1);
    assert_true(recv(self->peer, &byte, 1, 0) <= 0);
    hh__stream_close(NULL, HH_CLOSE_ABORT);
}

static int option_of(int fd, int level, int name)
{
    int value = -1;
    socklen_t length = sizeof(value);

    assert_int_equal(getsockopt(fd, level, name, &value, &length), 0);
    return value;
}

static void test_options(void **state)
{
    hh_loop *loop = NULL;
    hh_stream *stream;
    int ours, peer;

    (void)state;
    assert_int_equal(hh__loop_create(&loop, NULL), HH_OK);
    tcp_pair(&ours, &peer);
    assert_int_equal(hh__socket_stream_create(loop, ours, HH_SOCKET_TCP, NULL, &stream), HH_OK);
    assert_int_equal(option_of(ours, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option_of(ours, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(option_of(ours, IPPROTO_TCP, TCP_KEEPIDLE), HH_TCP_KEEPALIVE_IDLE_S);
    assert_int_equal(option_of(ours, IPPROTO_TCP, TCP_KEEPINTVL), HH_TCP_KEEPALIVE_INTERVAL_S);
    hh__stream_close(stream, HH_CLOSE_ABORT);
    hh__loop_destroy(loop);
    close(peer);
}

static void on_old_watch(hh_watch *watch, unsigned ready)
{
    (void)watch;
    (void)ready;
    fail();
}

static void test_takes_over_a_watch_or_leaves_all_as_it_was(void **state)
{
    hh_loop *loop = NULL;
    hh_stream *stream = NULL;
    hh_watch watch = {.on_ready = on_old_watch};
    fixture self = {.peer = -1};
    unsigned before;
    int ours;

    (void)state;
    assert_int_equal(hh__loop_create(&loop, NULL), HH_OK);
    tcp_pair(&ours, &self.peer);
    assert_int_equal(hh__watch_start(loop, &watch, ours, HH_READY_WRITE), HH_OK);
    before = open_descriptors();
    alloc_fail_at(1);
    assert_int_equal(hh__socket_stream_create(loop, ours, HH_SOCKET_TCP, &watch, &stream),
                     HH_ERR_NO_MEMORY);
    alloc_fail_off();
    sys_fail_at(SYS_FAIL_EPOLL_CTL, 1, ENOSPC);
    assert_int_equal(hh__socket_stream_create(loop, ours, HH_SOCKET_TCP, &watch, &stream),
                     HH_ERR_SYSTEM);
    sys_fail_off();
    assert_int_equal(errno, ENOSPC);
    assert_null(stream);
    assert_true(watch.is_watched);
    assert_int_equal(open_descriptors(), before);

    assert_int_equal(hh__socket_stream_create(loop, ours, HH_SOCKET_TCP, &watch, &stream), HH_OK);
    assert_false(watch.is_watched);
    stream->owner = &self;
    stream->on_ready = on_ready;
    self.loop = loop;
    assert_int_equal(send(self.peer, "a", 1, 0), 1);
    turn(&self);
    assert_int_equal(self.reports, 1);
    hh__stream_close(stream, HH_CLOSE_ABORT);
    hh__loop_destroy(loop);
    close(self.peer);
}

#define BOTH(test)                                                                                 \
    cmocka_unit_test_setup_teardown(test, open_tcp, close_fixture),                                \
        cmocka_unit_test_setup_teardown(test, open_unix, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_reads),
        BOTH(test_writes_pieces_in_order),
        BOTH(test_full_kernel_asks_the_loop_once),
        BOTH(test_blocked_again_keeps_the_interest),
        BOTH(test_paused_stream_is_silent),
        BOTH(test_read_of_a_paused_stream_listens_again),
        BOTH(test_pause_while_writing_waits),
        BOTH(test_probe),
        BOTH(test_failed_arming_is_an_error),
        BOTH(test_close_in_its_own_handler),
        cmocka_unit_test_setup_teardown(test_reset_while_reading, open_tcp, close_fixture),
        cmocka_unit_test_setup_teardown(test_reset_shows_in_a_probe, open_tcp, close_fixture),
        cmocka_unit_test_setup_teardown(test_broken_pipe_is_an_error, open_unix, close_fixture),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_takes_over_a_watch_or_leaves_all_as_it_was),
    };

    return cmocka_run_group_tests_name("socket_stream", tests, NULL, NULL);
}
