/*
 * The whole client from a name on: dnsmasq and a scripted name server answer, nginx serves, and
 * addresses in between are dead in every way an address can be.
 */
#include "e2e.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "support/dns_server.h"
#include "support/dnsmasq.h"

#define BACKLOG_FILLERS 4

static const char *const records[] = {
    "--local=/test/",
    "--host-record=one.test,127.0.0.1",
    "--host-record=refused.test,127.0.0.8",
    "--host-record=silent.test,127.0.0.9",
    "--host-record=mixed.test,127.0.0.8",
    "--host-record=mixed.test,127.0.0.9",
    "--host-record=mixed.test,127.0.0.1",
    "--host-record=both.test,127.0.0.1,::1",
    "--host-record=six.test,::1",
    "--txt-record=text.test,nothing",
    "--cname=alias.test,one.test",
    "--address=/wild.test/127.0.0.1",
    "--local-ttl=60",
    NULL,
};

static dnsmasq names;

/* Sockets that listen and never answer: their backlog is full. */
static struct {
    int listener;
    int fillers[BACKLOG_FILLERS];
} holes[2];

static void dig_hole(size_t which, const struct sockaddr *address, socklen_t length)
{
    int on = 1;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    assert_int_equal(bind(fd, address, length), 0);
    assert_int_equal(listen(fd, 0), 0);
    holes[which].listener = fd;
    for (int i = 0; i < BACKLOG_FILLERS; i++) {
        int filler = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(filler, address, length);
        holes[which].fillers[i] = filler;
    }
}

static void fill_holes(void)
{
    for (size_t i = 0; i < 2; i++) {
        if (holes[i].listener == 0)
            continue;
        close(holes[i].listener);
        for (size_t k = 0; k < BACKLOG_FILLERS; k++)
            close(holes[i].fillers[k]);
        holes[i].listener = 0;
    }
}

static void dig_v4(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(servers.nginx.ports[NGINX_PLAIN])};
    inet_pton(AF_INET, "127.0.0.9", &address.sin_addr);
    dig_hole(0, (struct sockaddr *)&address, sizeof address);
}

static void dig_v6(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6,
                                   .sin6_addr = IN6ADDR_LOOPBACK_INIT,
                                   .sin6_port = htons(servers.nginx.ports[NGINX_PLAIN])};
    dig_hole(1, (struct sockaddr *)&address, sizeof address);
}

static int setup(void **state)
{
    if (dnsmasq_start(&names, records) != 0) {
        fprintf(stderr, "dnsmasq isn't installed\n");
        exit(77);
    }
    return e2e_setup(state);
}

static int teardown(void **state)
{
    dnsmasq_stop(&names);
    return e2e_teardown(state);
}

static hh_client_options options_for(const char *dns_servers)
{
    hh_client_options options = e2e_options();
    options.resolver = HH_RESOLVER_BUILTIN;
    options.dns_servers = dns_servers;
    return options;
}

static const char *url_of(const char *host)
{
    return nginx_url_as(&servers.nginx, NGINX_PLAIN, host, "/f100");
}

static void expect_file(const hh_client_options *options, const char *url, const char *remote)
{
    char wanted[64];
    answer got;
    e2e_get(options, url, &got);
    assert_file(&got, NGINX_F100);
    snprintf(wanted, sizeof wanted, "%s:%u", remote, servers.nginx.ports[NGINX_PLAIN]);
    assert_slice(hh_response_remote_address(got.response), wanted);
    answer_clear(&got);
}

static void close_after_get(hh_client *client, const char *url, answer *got)
{
    hh_request *request = whole_request(client, NULL, url);
    assert_int_equal(hh_request_set_header(request, "Connection", "close"), HH_OK);
    memset(got, 0, sizeof *got);
    whole_submit(client, request, got);
    hh_request_destroy(request);
    whole_drain(client);
}

/* --- names that lead somewhere --------------------------------------------------------------- */

static void test_names(void **state)
{
    (void)state;
    static const char *const hosts[] = {"one.test", "ONE.test", "one.test.", "alias.test",
                                        "deep.down.wild.test"};
    hh_client_options options = options_for(names.address);
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
        expect_file(&options, url_of(hosts[i]), "127.0.0.1");
}

static void test_name_over_tls(void **state)
{
    (void)state;
    answer got;
    hh_client_options options = options_for(names.address);
    e2e_get(&options, nginx_url_as(&servers.nginx, NGINX_TLS, "a.wild.test", "/f100"), &got);
    assert_file(&got, NGINX_F100);
    hh_timings timings = hh_response_timings(got.response);
    assert_true(timings.resolve_ns > 0 && timings.connect_ns > 0 && timings.tls_ns > 0);
    assert_true(timings.resolve_ns + timings.connect_ns + timings.tls_ns <= timings.total_ns);
    answer_clear(&got);
    e2e_get(&options, nginx_url_as(&servers.nginx, NGINX_TLS, "one.test", "/f100"), &got);
    assert_failed(&got, HH_ERR_CERTIFICATE, HH_PHASE_TLS, "certificate of one.test is for");
    answer_clear(&got);
}

static void test_many_names(void **state)
{
    (void)state;
    enum { COUNT = 200, HOSTS = 50 };
    hh_client_options options = options_for(names.address);
    hh_client *client = whole_client(&options);
    answer *got = calloc(COUNT, sizeof *got);
    assert_non_null(got);
    for (size_t i = 0; i < COUNT; i++) {
        char host[32];
        snprintf(host, sizeof host, "h%zu.wild.test", i % HOSTS);
        hh_request *request = whole_request(client, NULL, url_of(host));
        whole_submit(client, request, &got[i]);
        hh_request_destroy(request);
    }
    whole_drain(client);
    for (size_t i = 0; i < COUNT; i++) {
        assert_file(&got[i], NGINX_F100);
        answer_clear(&got[i]);
    }
    hh_client_stats stats = whole_stats(client);
    assert_true(stats.dns_queries >= HOSTS && stats.dns_queries <= 2 * HOSTS);
    assert_true(stats.connections_opened <= 100 + stats.connections_evicted);
    assert_at_rest(client);
    free(got);
    hh_client_destroy(client);
}

static void test_cache(void **state)
{
    (void)state;
    hh_client_options options = options_for(names.address);
    hh_client *client = whole_client(&options);
    uint64_t queries = 0;
    for (unsigned i = 0; i < 10; i++) {
        answer got;
        close_after_get(client, url_of("one.test"), &got);
        assert_file(&got, NGINX_F100);
        answer_clear(&got);
        hh_client_stats stats = whole_stats(client);
        if (i == 0)
            queries = stats.dns_queries;
        assert_true(queries > 0);
        assert_int_equal(stats.dns_queries, queries);
        assert_int_equal(stats.dns_cache_hits, i);
        assert_int_equal(stats.connections_opened, i + 1);
    }
    hh_client_destroy(client);
}

/* --- Happy Eyeballs -------------------------------------------------------------------------- */

/* An attempt to connect that is in vain takes longer than a test may. */
static hh_client_options patient(void)
{
    hh_client_options options = options_for(names.address);
    options.timeout.connect_ms = 2 * FAR_MS;
    return options;
}

/* RFC 8305 §5: a dead address costs a quarter of a second, not a time-out. */
static void test_dead_among_living(void **state)
{
    (void)state;
    dig_v4();
    hh_client_options options = patient();
    for (int i = 0; i < 4; i++) {
        int64_t begun = clock_ms();
        expect_file(&options, url_of("mixed.test"), "127.0.0.1");
        assert_true(clock_ms() - begun < FAR_MS);
    }
    fill_holes();
}

static void test_all_dead(void **state)
{
    (void)state;
    answer got;
    dig_v4();
    hh_client_options options = options_for(names.address);
    e2e_get(&options, url_of("refused.test"), &got);
    assert_failed(&got, HH_ERR_CONNECT, HH_PHASE_CONNECT, "127.0.0.8");
    assert_int_equal(got.error.os_error, ECONNREFUSED);
    assert_int_equal(got.error.processed, HH_PROCESSED_NO);
    answer_clear(&got);
    options.timeout.connect_ms = 300;
    e2e_get(&options, url_of("silent.test"), &got);
    assert_failed(&got, HH_ERR_TIMEOUT_CONNECT, HH_PHASE_CONNECT, "300 ms");
    assert_contains(got.error.message, "127.0.0.9");
    assert_int_equal(got.error.category, HH_CATEGORY_TIMEOUT);
    assert_int_equal(got.error.processed, HH_PROCESSED_NO);
    answer_clear(&got);
    fill_holes();
}

static void test_dead_v6(void **state)
{
    (void)state;
    hh_client_options options = patient();
    expect_file(&options, url_of("both.test"), "127.0.0.1"); /* refused */
    dig_v6();
    int64_t begun = clock_ms();
    expect_file(&options, url_of("both.test"), "127.0.0.1"); /* silent */
    assert_true(clock_ms() - begun >= 200 && clock_ms() - begun < FAR_MS);
    fill_holes();
}

static void test_living_v6(void **state)
{
    (void)state;
    answer got;
    hh_client_options options = options_for(names.address);
    e2e_get(&options, nginx_url_as(&servers.nginx, NGINX_PLAIN_V6, "six.test", "/f100"), &got);
    assert_file(&got, NGINX_F100);
    answer_clear(&got);
    /* Of both the first is v6, RFC 8305 §4, where it lives. */
    e2e_get(&options, nginx_url_as(&servers.nginx, NGINX_PLAIN_V6, "both.test", "/f100"), &got);
    assert_file(&got, NGINX_F100);
    hh_slice remote = hh_response_remote_address(got.response);
    assert_true(remote.length > 6 && memcmp(remote.data, "[::1]:", 6) == 0);
    answer_clear(&got);
}

/* A millisecond passes with each step, however long that takes. */
static void get_in_less_than(int64_t ms, const hh_client_options *options, const char *url,
                             answer *to)
{
    hh_client *client = whole_client(options);
    hh_request *request = whole_request(client, NULL, url);
    memset(to, 0, sizeof *to);
    whole_submit(client, request, to);
    hh_request_destroy(request);
    for (int64_t passed = 0; to->terminals == 0; passed++) {
        assert_true(passed < ms);
        whole_pass(client, 1);
        whole_step(client, 20);
    }
    hh_client_destroy(client);
}

/* One family's answer never comes: the other one's addresses serve. */
static void test_half_an_answer(void **state)
{
    (void)state;
    for (int silent = 0; silent < 2; silent++) {
        dns_server *server = dns_server_start();
        int lost = silent == 0 ? DNS_AAAA : DNS_A;
        int found = silent == 0 ? DNS_A : DNS_AAAA;
        const char *address = silent == 0 ? "127.0.0.1" : "::1";
        nginx_site site = silent == 0 ? NGINX_PLAIN : NGINX_PLAIN_V6;
        dns_server_add(server, &(dns_rule){.name = "half.test", .type = lost, .reply = DNS_SILENT});
        dns_server_add(server, &(dns_rule){.name = "half.test",
                                           .type = found,
                                           .reply = DNS_ADDRESSES,
                                           .addresses = address,
                                           .ttl = 60});
        hh_client_options options = options_for(dns_server_address(server));
        answer got;
        get_in_less_than(HH_DNS_TRY_MS, &options,
                         nginx_url_as(&servers.nginx, site, "half.test", "/f100"), &got);
        assert_file(&got, NGINX_F100);
        answer_clear(&got);
        dns_server_stop(server);
    }
}

/* --- names that lead nowhere ----------------------------------------------------------------- */

static void test_no_such_name(void **state)
{
    (void)state;
    hh_client_options options = options_for(names.address);
    hh_client *client = whole_client(&options);
    for (int again = 0; again < 2; again++) {
        answer got = {.id = 0};
        whole_get(client, url_of("missing.test"), &got);
        assert_failed(&got, HH_ERR_RESOLVE, HH_PHASE_RESOLVE, NULL);
        assert_string_equal(got.error.message, "no such host: \"missing.test\" (NXDOMAIN)");
        assert_int_equal(got.error.category, HH_CATEGORY_DNS);
        assert_int_equal(got.error.processed, HH_PROCESSED_NO);
        answer_clear(&got);
    }
    assert_int_equal(whole_stats(client).dns_cache_hits, 1);
    answer got = {.id = 0};
    whole_get(client, url_of("text.test"), &got);
    assert_failed(&got, HH_ERR_RESOLVE, HH_PHASE_RESOLVE, "\"text.test\" has no address");
    answer_clear(&got);
    assert_at_rest(client);
    hh_client_destroy(client);
}

static void test_blocking_failure(void **state)
{
    (void)state;
    hh_client_options options = options_for(names.address);
    hh_client *client = whole_client(&options);
    hh_response *response = NULL;
    hh_error error;
    assert_int_equal(hh_get(client, url_of("missing.test"), &response, &error), HH_ERR_RESOLVE);
    assert_null(response);
    assert_int_equal(error.phase, HH_PHASE_RESOLVE);
    hh_client_destroy(client);
}

static void test_bad_servers(void **state)
{
    (void)state;
    static const struct {
        dns_reply reply;
        hh_status wanted;
    } cases[] = {{DNS_SERVFAIL, HH_ERR_RESOLVE_TEMPORARY}, {DNS_REFUSED, HH_ERR_RESOLVE_TEMPORARY}};
    for (size_t i = 0; i < 2; i++) {
        dns_server *server = dns_server_start();
        dns_server_add(server, &(dns_rule){.name = "bad.test", .reply = cases[i].reply});
        hh_client_options options = options_for(dns_server_address(server));
        answer got;
        e2e_get(&options, url_of("bad.test"), &got);
        assert_failed(&got, cases[i].wanted, HH_PHASE_RESOLVE, "\"bad.test\"");
        answer_clear(&got);
        dns_server_stop(server);
    }
}

static void test_silence(void **state)
{
    (void)state;
    dns_server *server = dns_server_start();
    dns_server_add(server, &(dns_rule){.name = "mute.test", .reply = DNS_SILENT});
    hh_client_options options = options_for(dns_server_address(server));
    options.timeout.connect_ms = 200;
    answer got;
    int64_t begun = clock_ms();
    e2e_get(&options, url_of("mute.test"), &got);
    assert_failed(&got, HH_ERR_TIMEOUT_CONNECT, HH_PHASE_RESOLVE,
                  "resolve mute.test timed out after 200 ms");
    assert_int_equal(got.error.processed, HH_PROCESSED_NO);
    assert_true(clock_ms() - begun >= 200);
    answer_clear(&got);
    options.timeout.connect_ms = 0;
    options.timeout.total_ms = 150;
    e2e_get(&options, url_of("mute.test"), &got);
    assert_failed(&got, HH_ERR_TIMEOUT_TOTAL, HH_PHASE_RESOLVE, NULL);
    answer_clear(&got);
    dns_server_stop(server);
}

/* Ended while the name is being asked for: by cancel, and by the client's own end. */
static void test_ended_while_resolving(void **state)
{
    (void)state;
    dns_server *server = dns_server_start();
    dns_server_add(server, &(dns_rule){.name = "mute.test", .reply = DNS_SILENT});
    hh_client_options options = options_for(dns_server_address(server));
    hh_client *client = whole_client(&options);
    answer got[4] = {{.id = 0}};
    for (size_t i = 0; i < 4; i++) {
        hh_request *request = whole_request(client, NULL, url_of("mute.test"));
        whole_submit(client, request, &got[i]);
        hh_request_destroy(request);
    }
    whole_step(client, 20);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(hh_cancel(client, got[i].id), HH_OK);
    whole_take(client);
    for (size_t i = 0; i < 3; i++)
        assert_failed(&got[i], HH_ERR_CANCELLED, got[i].error.phase, NULL);
    assert_int_equal(got[3].terminals, 0);
    hh_client_destroy(client);
    dns_server_stop(server);
}

/* --- answers of other origin ----------------------------------------------------------------- */

static void test_overrides(void **state)
{
    (void)state;
    dns_server *server = dns_server_start();
    char first[64], second[80], any[64];
    unsigned port = servers.nginx.ports[NGINX_PLAIN];
    unsigned port_v6 = servers.nginx.ports[NGINX_PLAIN_V6];
    snprintf(first, sizeof first, "given.test:%u:127.0.0.1", port);
    snprintf(second, sizeof second, "given.test:%u:[::1]", port_v6);
    snprintf(any, sizeof any, "*:%u:127.0.0.8,127.0.0.1", port);
    const char *const given[] = {first, second};
    const char *const all[] = {any};
    hh_client_options options = options_for(dns_server_address(server));
    options.resolve = given;
    options.resolve_count = 2;
    answer got;
    expect_file(&options, url_of("given.test"), "127.0.0.1");
    e2e_get(&options, nginx_url_as(&servers.nginx, NGINX_PLAIN_V6, "given.test", "/f100"), &got);
    assert_file(&got, NGINX_F100);
    answer_clear(&got);
    assert_int_equal(dns_server_count(server, NULL, DNS_BOTH), 0);
    e2e_get(&options, url_of("other.test"), &got);
    assert_failed(&got, HH_ERR_RESOLVE, HH_PHASE_RESOLVE, "NXDOMAIN");
    answer_clear(&got);
    options.resolve = all;
    options.resolve_count = 1;
    unsigned asked = dns_server_count(server, NULL, DNS_BOTH);
    expect_file(&options, url_of("whatever.example"), "127.0.0.1");
    assert_int_equal(dns_server_count(server, NULL, DNS_BOTH), asked);
    dns_server_stop(server);
}

/* RFC 6761 §6.3: localhost is loopback, whatever a name server would say. */
static void test_localhost(void **state)
{
    (void)state;
    static const hh_resolver_mode modes[] = {HH_RESOLVER_BUILTIN, HH_RESOLVER_SYSTEM,
                                             HH_RESOLVER_AUTO};
    static const char *const hosts[] = {"localhost", "LOCALHOST.", "www.localhost"};
    dns_server *server = dns_server_start();
    dns_server_add(server, &(dns_rule){.name = "localhost", .addresses = "127.0.0.8", .ttl = 60});
    for (size_t m = 0; m < 3; m++) {
        for (size_t i = 0; i < 3; i++) {
            hh_client_options options = options_for(NULL);
            options.resolver = modes[m];
            if (modes[m] != HH_RESOLVER_SYSTEM)
                options.dns_servers = dns_server_address(server);
            expect_file(&options, url_of(hosts[i]), "127.0.0.1");
        }
    }
    assert_int_equal(dns_server_count(server, NULL, DNS_BOTH), 0);
    dns_server_stop(server);
}

/* The first server isn't there. */
static void test_second_server(void **state)
{
    (void)state;
    char list[80];
    snprintf(list, sizeof list, "127.0.0.1:%u,%s", 1u, names.address);
    hh_client_options options = options_for(list);
    options.timeout.connect_ms = FAR_MS;
    expect_file(&options, url_of("one.test"), "127.0.0.1");
}

/* An answer too long for a datagram comes over TCP. */
static void test_truncated_answer(void **state)
{
    (void)state;
    dns_server *server = dns_server_start();
    dns_server_add(server, &(dns_rule){.name = "long.test",
                                       .type = DNS_A,
                                       .reply = DNS_TRUNCATED,
                                       .addresses = "127.0.0.1",
                                       .ttl = 60});
    hh_client_options options = options_for(dns_server_address(server));
    expect_file(&options, url_of("long.test"), "127.0.0.1");
    assert_true(dns_server_tcp_count(server) > 0);
    dns_server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_name_over_tls),
        cmocka_unit_test(test_many_names),
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_dead_among_living),
        cmocka_unit_test(test_all_dead),
        cmocka_unit_test(test_dead_v6),
        cmocka_unit_test(test_living_v6),
        WHOLE_HELD(test_half_an_answer),
        cmocka_unit_test(test_no_such_name),
        cmocka_unit_test(test_blocking_failure),
        cmocka_unit_test(test_bad_servers),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_ended_while_resolving),
        cmocka_unit_test(test_overrides),
        cmocka_unit_test(test_localhost),
        cmocka_unit_test(test_second_server),
        cmocka_unit_test(test_truncated_answer),
    };
    signal(SIGPIPE, SIG_DFL);
    return cmocka_run_group_tests(tests, setup, teardown);
}
