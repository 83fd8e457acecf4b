/*
 * Dialling against listeners of the test's own on loopback: alive, refusing (bound, not listening)
 * and silent (its backlog full, so the kernel drops what comes). The resolver is a stand-in that
 * answers when told; the true one is tested by itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/failure.h"
#include "base/memory.h"
#include "net/dial.h"
#include "support/alloc_fail.h"
#include "support/sys_fail.h"

#define NS_PER_MS INT64_C(1000000)
#define FAR_MS 20000
#define FD_MAX 1024

/* The stand-in resolver. */

static struct {
    hh_lookup *lookup; /* under way */
    char host[256];
    unsigned cancelled;
    hh_lookup at_once; /* copied into a lookup that starts, when finished */
} names;

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

typedef enum answer_end { ANSWER_MORE, ANSWER_LAST } answer_end;

static void answer(const hh_address *addresses, size_t count, answer_end end)
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

static unsigned open_descriptors(void)
{
    unsigned count = 0;

    for (int fd = 0; fd < FD_MAX; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static hh_address address_of(const char *text, uint16_t port)
{
    hh_address address;

    assert_int_equal(hh__address_parse(hh_slice_of(text), port, &address), HH_OK);
    return address;
}

typedef struct place {
    int fd;
    int crowd[8]; /* connections that fill its backlog */
    hh_address address;
    char text[HH_ADDRESS_TEXT_BYTES];
} place;

/* Bound, not listening: connecting is refused. Port 0: a free one. */
static place refusing(const char *ip, uint16_t port)
{
    place self = {.crowd = {-1, -1, -1, -1, -1, -1, -1, -1}};
    socklen_t length;
    const int on = 1;

    self.address = address_of(ip, port);
    length = hh__address_length(&self.address);
    self.fd = socket(self.address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(self.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    assert_int_equal(bind(self.fd, &self.address.any, length), 0);
    assert_int_equal(getsockname(self.fd, &self.address.any, &length), 0);
    hh__address_format(&self.address, self.text);
    return self;
}

static uint16_t port_of(const place *there)
{
    bool is_v6 = there->address.any.sa_family == AF_INET6;

    return ntohs(is_v6 ? there->address.v6.sin6_port : there->address.v4.sin_port);
}

static place alive(const char *ip, uint16_t port)
{
    place self = refusing(ip, port);

    assert_int_equal(listen(self.fd, 64), 0);
    return self;
}

/* On loopback a handshake is over when connect returns, so one that isn't was dropped. */
static place silent(const char *ip, uint16_t port)
{
    place self = refusing(ip, port);

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

static void leave(place *self)
{
    close(self->fd);
    for (size_t i = 0; i < HH_COUNT_OF(self->crowd); i++) {
        if (self->crowd[i] >= 0)
            close(self->crowd[i]);
    }
}

/* The dial under test. */

static hh_loop *loop;
static unsigned descriptors_before;
static hh_dial *dial;
static hh_dial_result result;
static unsigned done;

static int setup(void **state)
{
    (void)state;
    sys_fail_off();
    alloc_fail_off();
    descriptors_before = open_descriptors();
    memset(&names, 0, sizeof(names));
    memset(&result, 0, sizeof(result));
    done = 0;
    dial = NULL;
    return hh__loop_create(&loop, NULL) == HH_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    hh__loop_destroy(loop);
    assert_int_equal(open_descriptors(), descriptors_before);
    return 0;
}

static void on_done(void *owner, hh_dial_result *got)
{
    assert_ptr_equal(owner, &done);
    done++;
    result = *got;
    hh__dial_cancel(dial); /* over already: harmless */
}

static void start(const hh_dial_target *target)
{
    done = 0;
    assert_int_equal(hh__dial_start(loop, NULL, target, &done, on_done, &dial), HH_OK);
    assert_int_equal(done, 0); /* never from within */
}

static void turn(void)
{
    struct pollfd one = {hh__loop_fd(loop), POLLIN, 0};

    assert_int_equal(poll(&one, 1, FAR_MS), 1);
    assert_int_equal(hh__loop_run(loop), HH_OK);
}

static void finish(void)
{
    while (done == 0)
        turn();
    assert_int_equal(done, 1);
}

static void dial_addresses(const hh_address *addresses, size_t count)
{
    hh_dial_target target = {
        .host = hh_slice_of("name.test"), .addresses = addresses, .address_count = count};

    start(&target);
    finish();
}

static void assert_failed(hh_status code, hh_phase phase, int os_error, const char *message)
{
    assert_null(result.stream);
    assert_string_equal(result.error.message, message);
    assert_int_equal(result.error.code, code);
    assert_int_equal(result.error.phase, phase);
    assert_int_equal(result.error.os_error, os_error);
}

static void close_result(void)
{
    hh__stream_close(result.stream, HH_CLOSE_ORDERLY);
    result.stream = NULL;
}

static void assert_talks(const place *there)
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

/* Connecting. */

static void test_connects(void **state)
{
    static const char *const table[] = {"127.0.0.1", "::1"};

    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(table); i++) {
        place there = alive(table[i], 0);

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
    place there = alive("::1", 0);
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
    place there = refusing("127.0.0.1", 0);
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
    place one = refusing("127.0.0.1", 0), two = refusing("127.0.0.2", port_of(&one));
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
    place there = alive("127.0.0.1", 0);
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
    place there = alive("127.0.0.1", 0);

    (void)state;
    sys_fail_at(SYS_FAIL_SOCKET, 1, EMFILE);
    dial_addresses(&there.address, 1);
    assert_int_equal(result.error.code, HH_ERR_SYSTEM);
    assert_int_equal(result.error.os_error, EMFILE);
    leave(&there);
}

static void test_ipv6_is_tried_first(void **state)
{
    place six = alive("::1", 0), four = alive("127.0.0.1", port_of(&six));
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
    place six = refusing("::1", 0), four = alive("127.0.0.1", port_of(&six));
    hh_address addresses[] = {four.address, six.address};

    (void)state;
    dial_addresses(addresses, 2);
    assert_string_equal(result.remote, four.text);
    assert_true(result.connect_ns < HH_CONNECT_STAGGER_MS * NS_PER_MS);
    assert_talks(&four);
    leave(&six);
    leave(&four);
}

static void test_silent_one_is_followed_after_the_stagger(void **state)
{
    place dead = silent("127.0.0.1", 0), live = alive("127.0.0.2", port_of(&dead));
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
    place there = alive("127.0.0.1", 0);
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
    place dead = refusing("::1", 0), live = alive("127.0.0.1", port_of(&dead));
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
    place there = alive("127.0.0.1", 0);
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

static void start_with_deadline(hh_dial_target target, int ms)
{
    target.deadline_ns = hh__loop_refresh(loop) + ms * NS_PER_MS;
    start(&target);
}

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
    place dead = silent("127.0.0.1", 0);
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
    place one = silent("127.0.0.1", 0), two = silent("127.0.0.2", port_of(&one));
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

static hh_tls_config *make_tls(void)
{
    hh_tls_settings settings = {.verify = HH_TLS_VERIFY_NONE, .min_version = 12};
    hh_tls_config *config = NULL;

    assert_int_equal(hh__tls_config_create(&settings, &config, NULL), HH_OK);
    return config;
}

/* The listener takes the connection and says nothing. */
static void test_deadline_in_the_handshake(void **state)
{
    place there = alive("127.0.0.1", 0);
    hh_tls_config *tls = make_tls();
    hh_dial_target target = {.host = hh_slice_of("name.test"),
                             .addresses = &there.address,
                             .address_count = 1,
                             .tls = tls};
    unsigned before = open_descriptors();
    char message[200];

    (void)state;
    start_with_deadline(target, 60);
    finish();
    snprintf(message, sizeof(message), "TLS handshake with name.test at %s timed out after 60 ms",
             there.text);
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

static void cancel_now(void)
{
    hh__dial_cancel(dial);
    assert_int_equal(hh__loop_run(loop), HH_OK);
    assert_int_equal(hh__loop_run(loop), HH_OK);
    assert_int_equal(done, 0);
}

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
    place dead = silent("127.0.0.1", 0);
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
    place there = alive("127.0.0.1", 0);
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

/* Local address. */

static void test_local_address(void **state)
{
    place there = alive("127.0.0.1", 0), six = alive("::1", port_of(&there));
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
    place there = alive("127.0.0.1", 0);
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
    place there = alive("127.0.0.1", 0);
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

typedef struct unix_place {
    char directory[32];
    char path[64];
    int fd;
} unix_place;

static unix_place unix_bound(void)
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

static void unix_leave(unix_place *self)
{
    close(self->fd);
    unlink(self->path);
    rmdir(self->directory);
}

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
    place dead = refusing("::1", 0), live = alive("127.0.0.1", port_of(&dead));
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
    place there = alive("127.0.0.1", 0);
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
    place there = alive("127.0.0.1", 0);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
        TEST(test_local_address),
        TEST(test_local_address_that_is_not_ours),
        TEST(test_local_address_of_the_other_family),
        TEST(test_unix),
        TEST(test_unix_with_a_full_backlog),
        TEST(test_bad_targets),
        TEST(test_each_system_call_fails_in_turn),
        TEST(test_each_allocation_fails_in_turn),
        TEST(test_many_at_once),
    };

    return cmocka_run_group_tests_name("dial", tests, NULL, NULL);
}
