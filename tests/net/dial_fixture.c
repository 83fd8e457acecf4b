/*
 * dial_fixture.c - listeners, names and the dial under test (dial_fixture.h).
 */
#include "dial_fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/memory.h"
#include "support/alloc_fail.h"
#include "support/held_clock.h"
#include "support/sys_fail.h"

#define FD_MAX 1024

/* The stand-in resolver. */

struct names names;

void hh__lookup_start(hh_resolver *resolver, hh_lookup *lookup, hh_slice host, uint16_t port)
{
    (void)resolver;
    snprintf(names.host, sizeof(names.host), "%.*s", HH_SLICE_ARGS(host));
    lookup->port = port;
    if (names.at_once.is_finished) {
        lookup->is_finished = true;
        lookup->count = names.at_once.count;
        lookup->error = names.at_once.error;
        memcpy(lookup->addresses, names.at_once.addresses, sizeof(lookup->addresses));
        return;
    }
    names.lookup = lookup;
}

void hh__lookup_cancel(hh_resolver *resolver, hh_lookup *lookup)
{
    (void)resolver;
    if (names.lookup == lookup) {
        names.lookup = NULL;
        names.cancelled++;
    }
}

void answer(const hh_address *addresses, size_t count, answer_end end)
{
    hh_lookup *lookup = names.lookup;

    assert_non_null(lookup);
    for (size_t i = 0; i < count; i++)
        lookup->addresses[lookup->count++] = addresses[i];
    lookup->is_finished = end == ANSWER_LAST;
    if (lookup->is_finished)
        names.lookup = NULL;
    lookup->on_progress(lookup);
}

/* Sockets. */

unsigned open_descriptors(void)
{
    unsigned count = 0;

    for (int fd = 0; fd < FD_MAX; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

hh_address address_of(const char *text, uint16_t port)
{
    hh_address address;

    assert_int_equal(hh__address_parse(hh_slice_of(text), port, &address), HH_OK);
    return address;
}

/* Bound, not listening: connecting is refused. Its port is a free one. */
place refusing(const char *ip)
{
    place self = {.crowd = {-1, -1, -1, -1, -1, -1, -1, -1}};
    socklen_t length;
    const int on = 1;

    self.address = address_of(ip, 0);
    length = hh__address_length(&self.address);
    self.fd = socket(self.address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(self.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    assert_int_equal(bind(self.fd, &self.address.any, length), 0);
    assert_int_equal(getsockname(self.fd, &self.address.any, &length), 0);
    hh__address_format(&self.address, self.text);
    return self;
}

uint16_t port_of(const place *there)
{
    bool is_v6 = there->address.any.sa_family == AF_INET6;

    return ntohs(is_v6 ? there->address.v6.sin6_port : there->address.v4.sin_port);
}

place alive(const char *ip)
{
    place self = refusing(ip);

    assert_int_equal(listen(self.fd, 64), 0);
    return self;
}

/* On loopback a handshake is over when connect returns, so one that isn't was dropped. */
place silent(const char *ip)
{
    place self = refusing(ip);

    assert_int_equal(listen(self.fd, 0), 0);
    for (size_t i = 0; i < HH_COUNT_OF(self.crowd); i++) {
        struct pollfd one = {-1, POLLOUT, 0};

        one.fd = self.crowd[i] =
            socket(self.address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connect(one.fd, &self.address.any, hh__address_length(&self.address));
        if (poll(&one, 1, 50) == 0)
            return self;
    }
    fail_msg("the backlog never fills");
    return self;
}

void leave(place *self)
{
    close(self->fd);
    for (size_t i = 0; i < HH_COUNT_OF(self->crowd); i++) {
        if (self->crowd[i] >= 0)
            close(self->crowd[i]);
    }
}

/* The dial under test. */

hh_loop *loop;
static unsigned descriptors_before;
hh_dial *dial;
hh_dial_result result;
unsigned done;

int setup(void **state)
{
    (void)state;
    sys_fail_off();
    alloc_fail_off();
    held_clock_let_go();
    descriptors_before = open_descriptors();
    memset(&names, 0, sizeof(names));
    memset(&result, 0, sizeof(result));
    done = 0;
    dial = NULL;
    return hh__loop_create(&loop, NULL) == HH_OK ? 0 : -1;
}

int teardown(void **state)
{
    (void)state;
    hh__loop_destroy(loop);
    assert_int_equal(open_descriptors(), descriptors_before);
    return 0;
}

void on_done(void *owner, hh_dial_result *got)
{
    assert_ptr_equal(owner, &done);
    done++;
    result = *got;
    hh__dial_cancel(dial); /* over already: harmless */
}

void start(const hh_dial_target *target)
{
    done = 0;
    assert_int_equal(hh__dial_start(loop, NULL, target, &done, on_done, &dial), HH_OK);
    assert_int_equal(done, 0); /* never from within */
}

void turn(void)
{
    struct pollfd one = {hh__loop_fd(loop), POLLIN, 0};

    assert_int_equal(poll(&one, 1, FAR_MS), 1);
    assert_int_equal(hh__loop_run(loop), HH_OK);
}

void finish(void)
{
    while (done == 0)
        turn();
    assert_int_equal(done, 1);
}

void dial_addresses(const hh_address *addresses, size_t count)
{
    hh_dial_target target = {
        .host = hh_slice_of("name.test"), .addresses = addresses, .address_count = count};

    start(&target);
    finish();
}

void assert_failed(hh_status code, hh_phase phase, int os_error, const char *message)
{
    assert_null(result.stream);
    assert_string_equal(result.error.message, message);
    assert_int_equal(result.error.code, code);
    assert_int_equal(result.error.phase, phase);
    assert_int_equal(result.error.os_error, os_error);
}

void close_result(void)
{
    hh__stream_close(result.stream, HH_CLOSE_ORDERLY);
    result.stream = NULL;
}

void assert_talks(const place *there)
{
    char byte = 'x', got = 0;
    struct iovec piece = {&byte, 1};
    size_t count;
    int peer = accept(there->fd, NULL, NULL);

    assert_true(peer >= 0);
    assert_non_null(result.stream);
    assert_int_equal(hh__stream_write(result.stream, &piece, 1, &count), HH_IO_OK);
    assert_int_equal(recv(peer, &got, 1, 0), 1);
    assert_int_equal(got, 'x');
    close(peer);
    close_result();
}

void start_with_deadline(hh_dial_target target, int ms)
{
    target.deadline_ns = hh__loop_refresh(loop) + ms * NS_PER_MS;
    start(&target);
}

hh_tls_config *make_tls(void)
{
    hh_tls_settings settings = {.verify = HH_TLS_VERIFY_NONE, .min_version = 12};
    hh_tls_config *config = NULL;

    assert_int_equal(hh__tls_config_create(&settings, &config, NULL), HH_OK);
    return config;
}

void cancel_now(void)
{
    hh__dial_cancel(dial);
    assert_int_equal(hh__loop_run(loop), HH_OK);
    assert_int_equal(hh__loop_run(loop), HH_OK);
    assert_int_equal(done, 0);
}

/* Unix sockets. */

unix_place unix_bound(void)
{
    unix_place self = {.directory = "/tmp/hh-dial-XXXXXX"};
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    assert_non_null(mkdtemp(self.directory));
    snprintf(self.path, sizeof(self.path), "%s/s", self.directory);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", self.path);
    self.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(self.fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return self;
}

void unix_leave(unix_place *self)
{
    close(self->fd);
    unlink(self->path);
    rmdir(self->directory);
}
