/* Every way to stop the resolver: cancelling and destroying at each moment, fork, and each
 * allocation and system call failing in turn. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "resolver_fixture.h"
#include "support/alloc_fail.h"
#include "support/sys_fail.h"

static void test_cancel_before_the_answer(void **state)
{
    fixture *all = *state;
    rig_lookup first = {0};
    rig_lookup second = {0};
    script(all, "cancel.example", DNS_BOTH, "192.0.2.1,2001:db8::1", 1);
    rig_start(&all->rig, &first, "cancel.example", 80);
    rig_start(&all->rig, &second, "cancel.example", 80);
    hh__lookup_cancel(all->rig.resolver, &first.lookup);
    hh__lookup_cancel(all->rig.resolver, &first.lookup);
    dns_server_wait(all->server, "cancel.example", DNS_BOTH, 2);
    dns_server_release(all->server, "cancel.example", DNS_BOTH);
    rig_wait(&all->rig, &second);
    assert_int_equal(first.progress, 0);
    assert_false(first.lookup.is_finished);
    hh__lookup_cancel(all->rig.resolver, &second.lookup);
}

static void test_cancel_between_the_answers(void **state)
{
    fixture *all = *state;
    rig_lookup first = {0};
    rig_lookup second = {0};
    script(all, "cancel.example", DNS_A, "192.0.2.1", 1);
    script(all, "cancel.example", DNS_AAAA, "2001:db8::1", 1);
    rig_start(&all->rig, &first, "cancel.example", 80);
    rig_start(&all->rig, &second, "cancel.example", 80);
    dns_server_wait(all->server, "cancel.example", DNS_BOTH, 2);
    dns_server_release(all->server, "cancel.example", DNS_A);
    rig_wait_count(&all->rig, &first, 1);
    hh__lookup_cancel(all->rig.resolver, &first.lookup);
    dns_server_release(all->server, "cancel.example", DNS_AAAA);
    rig_wait(&all->rig, &second);
    assert_int_equal(first.progress, 1);
    assert_int_equal(first.lookup.count, 1);
    assert_int_equal(second.lookup.count, 2);
}

/* What nobody waits for any more fills the cache all the same. */
static void test_cancel_all_fills_the_cache(void **state)
{
    fixture *all = *state;
    rig_lookup one = {0};
    rig_lookup other = {0};
    script(all, "alone.example", DNS_BOTH, "192.0.2.1", 1);
    rig_start(&all->rig, &one, "alone.example", 80);
    hh__lookup_cancel(all->rig.resolver, &one.lookup);
    dns_server_wait(all->server, "alone.example", DNS_BOTH, 2);
    rig_start(&all->rig, &other, "alone.example", 80);
    hh__lookup_cancel(all->rig.resolver, &other.lookup);
    dns_server_release(all->server, "alone.example", DNS_BOTH);
    script(all, "later.example", DNS_BOTH, "192.0.2.2", 0);
    while (!one.lookup.is_finished) {
        rig_resolve(&all->rig, &other, "later.example");
        rig_run(&all->rig);
        memset(&one, 0, sizeof(one));
        rig_start(&all->rig, &one, "alone.example", 80);
        if (!one.lookup.is_finished) {
            hh__lookup_cancel(all->rig.resolver, &one.lookup);
            assert_int_equal(hh__loop_wait(all->rig.loop, 20000), HH_OK);
        }
    }
    assert_string_equal(rig_text(&one), "192.0.2.1:80");
    assert_int_equal(dns_server_count(all->server, "alone.example", DNS_BOTH), 2);
}

static void cancel_the_others(rig_lookup *self)
{
    rig_lookup *all = self->data;
    for (size_t i = 0; i < 3; i++) {
        if (&all[i] != self)
            hh__lookup_cancel(self->rig->resolver, &all[i].lookup);
    }
    hh__lookup_cancel(self->rig->resolver, &self->lookup);
}

static void test_cancel_from_a_handler(void **state)
{
    fixture *all = *state;
    script(all, "cancel.example", DNS_A, "192.0.2.1", 0);
    script(all, "cancel.example", DNS_AAAA, "2001:db8::1", 1);
    rig_lookup three[3] = {{.then = cancel_the_others, .data = three},
                           {.then = cancel_the_others, .data = three},
                           {.then = cancel_the_others, .data = three}};
    for (size_t i = 0; i < 3; i++)
        rig_start(&all->rig, &three[i], "cancel.example", 80);
    rig_wait_count(&all->rig, &three[0], 1);
    dns_server_wait(all->server, "cancel.example", DNS_BOTH, 2);
    dns_server_release(all->server, "cancel.example", DNS_BOTH);
    rig_lookup last;
    rig_resolve(&all->rig, &last, "cancel.example");
    assert_int_equal(last.lookup.count, 2);
    assert_int_equal(three[0].progress + three[1].progress + three[2].progress, 1);
}

static void start_again(rig_lookup *self)
{
    rig_lookup *next = self->data;
    if (self->lookup.is_finished && next != NULL) {
        rig_start(self->rig, next, "again.example", 81);
        self->data = NULL;
    }
}

static void test_start_from_a_handler(void **state)
{
    fixture *all = *state;
    rig_lookup next = {0};
    rig_lookup one = {.then = start_again, .data = &next};
    script_reply(all, "again.example", DNS_BOTH, DNS_SERVFAIL);
    rig_start(&all->rig, &one, "again.example", 80);
    rig_wait(&all->rig, &one);
    rig_wait(&all->rig, &next);
    assert_says(&next, HH_ERR_RESOLVE_TEMPORARY, "SERVFAIL");
    assert_int_equal(dns_server_count(all->server, "again.example", DNS_A), 2);
    /* One that is in the cache by then. */
    script(all, "again.example", DNS_BOTH, "192.0.2.1", 0);
    memset(&next, 0, sizeof(next));
    one.data = &next;
    rig_start(&all->rig, &one, "again.example", 80);
    rig_wait(&all->rig, &one);
    assert_string_equal(rig_text(&next), "192.0.2.1:81");
}

static void test_destroy_at_each_moment(void **state)
{
    fixture *all = *state;
    script(all, "destroy.example", DNS_A, "192.0.2.1", 0);
    script(all, "destroy.example", DNS_AAAA, "2001:db8::1", 1);
    for (int moment = 0; moment < 4; moment++) {
        rig_lookup one = {0};
        rig_start(&all->rig, &one, "destroy.example", 80);
        if (moment >= 1)
            dns_server_wait(all->server, "destroy.example", DNS_BOTH, 2);
        if (moment >= 2)
            rig_wait_count(&all->rig, &one, 1);
        if (moment >= 3) {
            dns_server_release(all->server, "destroy.example", DNS_AAAA);
            rig_wait(&all->rig, &one);
        }
        hh__lookup_cancel(all->rig.resolver, &one.lookup);
        rig_close_resolver(&all->rig);
        rig_run(&all->rig);
        rig_open(&all->rig, HH_RESOLVE_BUILTIN, dns_server_address(all->server));
    }
}

/* News that nobody has heard of when the resolver goes. */
static void test_destroy_with_news(void **state)
{
    fixture *all = *state;
    rig_lookup one = {0};
    sys_fail_from(SYS_FAIL_SOCKET, 1, EMFILE);
    rig_start(&all->rig, &one, "news.example", 80);
    sys_fail_off();
    hh__lookup_cancel(all->rig.resolver, &one.lookup);
    rig_close_resolver(&all->rig);
    rig_run(&all->rig);
    assert_int_equal(one.progress, 0);
}

/* A child destroys what it got; the parent's sockets, watches and answers are as before. */
static void test_fork(void **state)
{
    fixture *all = *state;
    rig_lookup one = {0};
    script(all, "fork.example", DNS_BOTH, "192.0.2.1", 1);
    rig_start(&all->rig, &one, "fork.example", 80);
    dns_server_wait(all->server, "fork.example", DNS_BOTH, 2);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        hh__lookup_cancel(all->rig.resolver, &one.lookup);
        hh__resolver_destroy(all->rig.resolver);
        hh__loop_destroy(all->rig.loop);
        _exit(one.progress == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(dns_server_count(all->server, NULL, DNS_BOTH), 2);
    dns_server_release(all->server, "fork.example", DNS_BOTH);
    rig_wait(&all->rig, &one);
    assert_string_equal(rig_text(&one), "192.0.2.1:80");
}

/* ---- failed allocations and system calls ---- */

static void assert_over(fixture *all, rig_lookup *one)
{
    assert_true(one->lookup.is_finished);
    if (one->lookup.count == 0) {
        assert_true(one->lookup.error.code == HH_ERR_NO_MEMORY ||
                    one->lookup.error.code == HH_ERR_RESOLVE_TEMPORARY);
        assert_true(one->lookup.error.message[0] != '\0');
    }
    hh__lookup_cancel(all->rig.resolver, &one->lookup);
}

static void test_failed_allocations(void **state)
{
    fixture *all = *state;
    unsigned failures = 0;
    script(all, "memory.example", DNS_BOTH, "192.0.2.1,2001:db8::1", 0);
    rig_write(all->rig.hosts, "192.0.2.60 in-file.example other.example\n");
    for (uint64_t nth = 1;; nth++) {
        rig_lookup one = {0};
        hh_error error;
        hh_resolver_options options = {.with = HH_RESOLVE_BUILTIN,
                                       .servers = dns_server_address(all->server),
                                       .hosts_path = all->rig.hosts,
                                       .resolv_conf_path = all->rig.resolv_conf};
        rig_close_resolver(&all->rig);
        rig_run(&all->rig);
        alloc_fail_at(nth);
        hh_status status = hh__resolver_create(all->rig.loop, &options, &all->rig.resolver, &error);
        if (status == HH_OK) {
            rig_start(&all->rig, &one, "memory.example", 80);
            rig_wait(&all->rig, &one);
            assert_over(all, &one);
        } else {
            assert_int_equal(status, HH_ERR_NO_MEMORY);
            assert_int_equal(error.code, HH_ERR_NO_MEMORY);
        }
        alloc_fail_off();
        if (alloc_fail_hits() == 0)
            break;
        failures++;
    }
    assert_true(failures > 10);
}

static void test_failed_calls(void **state)
{
    fixture *all = *state;
    static const sys_fail_call calls[] = {SYS_FAIL_SOCKET, SYS_FAIL_CONNECT, SYS_FAIL_SENDMSG,
                                          SYS_FAIL_EPOLL_CTL};
    script(all, "calls.example", DNS_BOTH, "192.0.2.1,2001:db8::1", 0);
    for (size_t i = 0; i < HH_COUNT_OF(calls); i++) {
        unsigned failures = 0;
        for (uint64_t nth = 1;; nth++) {
            rig_lookup one = {0};
            rig_close_resolver(&all->rig);
            rig_run(&all->rig);
            rig_open(&all->rig, HH_RESOLVE_BUILTIN, dns_server_address(all->server));
            sys_fail_at(calls[i], nth, ENOBUFS);
            rig_start(&all->rig, &one, "calls.example", 80);
            rig_wait(&all->rig, &one);
            assert_over(all, &one);
            sys_fail_off();
            if (sys_fail_hits() == 0)
                break;
            failures++;
        }
        assert_true(failures > 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_cancel_before_the_answer),   TEST(test_cancel_between_the_answers),
        TEST(test_cancel_all_fills_the_cache), TEST(test_cancel_from_a_handler),
        TEST(test_start_from_a_handler),       TEST(test_destroy_at_each_moment),
        TEST(test_destroy_with_news),          TEST(test_fork),
        TEST(test_failed_allocations),         TEST(test_failed_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
