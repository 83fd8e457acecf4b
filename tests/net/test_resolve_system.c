/* Resolving by the system on threads. getaddrinfo is the test's own, put in at link time: it
 * answers as told, and waits where told. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
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
#include "resolver_rig.h"
#include "support/alloc_fail.h"
#include "support/sys_fail.h"

int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out);
int __real_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out);

/* ThreadSanitizer lets no child of several threads start new ones. */
#if defined(__SANITIZE_THREAD__)
enum { MAY_START_THREADS_IN_CHILD = 0 };
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
enum { MAY_START_THREADS_IN_CHILD = 0 };
#else
enum { MAY_START_THREADS_IN_CHILD = 1 };
#endif
#else
enum { MAY_START_THREADS_IN_CHILD = 1 };
#endif

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned calls;   /* begun, of any name */
static unsigned returns; /* and ended */
static int is_open;      /* names that begin with "slow" wait for it */

static int answer(const char *node, struct addrinfo **out)
{
    static const struct {
        const char *name;
        int status;
    } failures[] = {
        {"none.example", EAI_NONAME}, {"nodata.example", EAI_NODATA},
        {"again.example", EAI_AGAIN}, {"memory.example", EAI_MEMORY},
        {"fail.example", EAI_FAIL},
    };
    for (size_t i = 0; i < HH_COUNT_OF(failures); i++) {
        if (strcmp(node, failures[i].name) == 0)
            return failures[i].status;
    }
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    struct addrinfo *first = NULL;
    int status = __real_getaddrinfo("192.0.2.1", NULL, &hints, &first);
    if (status == 0) {
        status = __real_getaddrinfo("2001:db8::1", NULL, &hints, &first->ai_next);
        *out = first;
    }
    return status;
}

int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out)
{
    assert_null(service);
    assert_int_equal(hints->ai_family, AF_UNSPEC);
    alloc_fail_exempt_thread();
    pthread_mutex_lock(&lock);
    calls++;
    pthread_cond_broadcast(&changed);
    while (strncmp(node, "slow", 4) == 0 && !is_open)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    int status = answer(node, out);
    pthread_mutex_lock(&lock);
    returns++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return status;
}

static void wait_for(const unsigned *counter, unsigned count)
{
    pthread_mutex_lock(&lock);
    while (*counter < count)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void set_open(int value)
{
    pthread_mutex_lock(&lock);
    is_open = value;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static unsigned calls_now(void)
{
    pthread_mutex_lock(&lock);
    unsigned count = calls;
    pthread_mutex_unlock(&lock);
    return count;
}

static int set_up(void **state)
{
    resolver_rig *rig = calloc(1, sizeof(*rig));
    assert_non_null(rig);
    rig_init(rig);
    rig_open(rig, HH_RESOLVE_SYSTEM, NULL);
    set_open(0);
    *state = rig;
    return 0;
}

/* Leaves no thread inside getaddrinfo. */
static int tear_down(void **state)
{
    rig_finish(*state);
    set_open(1);
    pthread_mutex_lock(&lock);
    while (returns < calls)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    free(*state);
    return 0;
}

static void test_addresses(void **state)
{
    resolver_rig *rig = *state;
    rig_lookup one;
    rig_resolve(rig, &one, "www.example");
    assert_string_equal(rig_text(&one), "192.0.2.1:80 [2001:db8::1]:80");
    assert_int_equal(one.progress, 1);
    assert_false(one.lookup.from_cache);
    unsigned before = calls_now();
    rig_resolve(rig, &one, "www.example");
    assert_true(one.lookup.from_cache);
    assert_int_equal(calls_now(), before);
    rig_ahead_ns += 1000000LL * (HH_DNS_SYSTEM_TTL_MS + 1000);
    rig_resolve(rig, &one, "www.example");
    assert_false(one.lookup.from_cache);
    assert_int_equal(hh__resolver_stats(rig->resolver).queries, 2);
}

/* "localhost" and literals need no thread; the hosts file is the system's to read. */
static void test_no_thread(void **state)
{
    resolver_rig *rig = *state;
    rig_lookup one;
    unsigned before = calls_now();
    rig_resolve(rig, &one, "localhost");
    assert_string_equal(rig_text(&one), "[::1]:80 127.0.0.1:80");
    rig_resolve(rig, &one, "127.1");
    assert_int_equal(one.lookup.error.code, HH_ERR_RESOLVE);
    assert_int_equal(calls_now(), before);
    rig_write(rig->hosts, "192.0.2.77 www.example\n");
    rig_resolve(rig, &one, "www.example");
    assert_string_equal(rig_text(&one), "192.0.2.1:80 [2001:db8::1]:80");
}

static const struct {
    const char *name;
    hh_status code;
    const char *part;
    bool is_kept;
} failures[] = {
    {"none.example", HH_ERR_RESOLVE, "no such host: \"none.example\"", true},
    {"nodata.example", HH_ERR_RESOLVE, "no address", true},
    {"again.example", HH_ERR_RESOLVE_TEMPORARY, "did not answer for \"again.example\"", false},
    {"fail.example", HH_ERR_RESOLVE_TEMPORARY, "fail.example", false},
    {"memory.example", HH_ERR_NO_MEMORY, "memory.example", false},
};

static void test_failures(void **state)
{
    resolver_rig *rig = *state;
    for (size_t i = 0; i < HH_COUNT_OF(failures); i++) {
        rig_lookup one;
        for (int round = 0; round < 2; round++) {
            rig_resolve(rig, &one, failures[i].name);
            assert_int_equal(one.lookup.error.code, failures[i].code);
            assert_non_null(strstr(one.lookup.error.message, failures[i].part));
            assert_int_equal(one.lookup.from_cache, failures[i].is_kept && round == 1);
        }
    }
}

static void test_equal_lookups_share(void **state)
{
    resolver_rig *rig = *state;
    static rig_lookup many[100];
    memset(many, 0, sizeof(many));
    unsigned before = calls_now();
    for (size_t i = 0; i < 100; i++)
        rig_start(rig, &many[i], "slow.example", 80);
    hh__lookup_cancel(rig->resolver, &many[50].lookup);
    set_open(1);
    for (size_t i = 0; i < 100; i++) {
        if (i != 50)
            rig_wait(rig, &many[i]);
    }
    assert_int_equal(many[50].progress, 0);
    assert_int_equal(calls_now(), before + 1);
}

/* More names than threads; all are answered. */
static void test_more_names_than_threads(void **state)
{
    resolver_rig *rig = *state;
    static rig_lookup many[64];
    memset(many, 0, sizeof(many));
    for (size_t i = 0; i < HH_COUNT_OF(many); i++) {
        char name[32];
        snprintf(name, sizeof(name), "host-%zu.example", i);
        rig_start(rig, &many[i], name, 80);
    }
    for (size_t i = 0; i < HH_COUNT_OF(many); i++) {
        rig_wait(rig, &many[i]);
        assert_int_equal(many[i].lookup.count, 2);
    }
}

/* The resolver goes while threads sit in getaddrinfo and jobs wait: that takes no time, and what
 * they find goes nowhere. Those that wait are not even asked. */
static void test_destroy_does_not_wait(void **state)
{
    resolver_rig *rig = *state;
    rig_lookup many[HH_WORKERS_MAX + 3];
    unsigned before = calls_now();
    memset(many, 0, sizeof(many));
    for (size_t i = 0; i < HH_COUNT_OF(many); i++) {
        char name[32];
        snprintf(name, sizeof(name), "slow-%zu.example", i);
        rig_start(rig, &many[i], name, 80);
    }
    wait_for(&calls, before + HH_WORKERS_MAX);
    for (size_t i = 0; i < HH_COUNT_OF(many); i++)
        hh__lookup_cancel(rig->resolver, &many[i].lookup);
    rig_close_resolver(rig);
    set_open(1);
    wait_for(&returns, before + HH_WORKERS_MAX);
    /* A new resolver's job comes behind those of the old one. */
    rig_lookup one;
    rig_open(rig, HH_RESOLVE_SYSTEM, NULL);
    rig_resolve(rig, &one, "www.example");
    assert_int_equal(one.lookup.count, 2);
    assert_int_equal(calls_now(), before + HH_WORKERS_MAX + 1);
}

/* The result is there, and nobody has fetched it. */
static void test_destroy_with_results(void **state)
{
    resolver_rig *rig = *state;
    for (int i = 0; i < 50; i++) {
        rig_lookup one = {0};
        unsigned before = calls_now();
        rig_start(rig, &one, "www.example", 80);
        wait_for(&returns, before + 1);
        hh__lookup_cancel(rig->resolver, &one.lookup);
        rig_close_resolver(rig);
        rig_run(rig);
        assert_int_equal(one.progress, 0);
        rig_open(rig, HH_RESOLVE_SYSTEM, NULL);
    }
}

static void test_nsswitch_decides(void **state)
{
    resolver_rig *rig = *state;
    rig_lookup one;
    rig_close_resolver(rig);
    rig_write(rig->nsswitch, "hosts: files mdns4_minimal [NOTFOUND=return] dns\n");
    rig_open(rig, HH_RESOLVE_AUTO, NULL);
    unsigned before = calls_now();
    rig_resolve(rig, &one, "www.example");
    assert_int_equal(calls_now(), before + 1);
    rig_close_resolver(rig);
    rig_write(rig->nsswitch, "hosts: files dns\n");
    rig_write(rig->hosts, "192.0.2.77 www.example\n");
    rig_open(rig, HH_RESOLVE_AUTO, NULL);
    rig_resolve(rig, &one, "www.example");
    assert_string_equal(rig_text(&one), "192.0.2.77:80");
    assert_int_equal(calls_now(), before + 1);
}

static int count_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* A child has threads of its own, and can throw away what it got with work under way. */
static void test_fork(void **state)
{
    resolver_rig *rig = *state;
    rig_lookup slow = {0};
    rig_lookup one;
    unsigned before = calls_now();
    rig_start(rig, &slow, "slow.example", 80);
    wait_for(&calls, before + 1);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        resolver_rig own;
        int open_before = count_descriptors();
        hh__lookup_cancel(rig->resolver, &slow.lookup);
        hh__resolver_destroy(rig->resolver);
        /* The eventfd goes, though a thread of the parent has a share in it. */
        if (count_descriptors() != open_before - 1)
            _exit(2);
        hh__loop_destroy(rig->loop);
        if (!MAY_START_THREADS_IN_CHILD)
            _exit(0);
        rig_init(&own);
        rig_open(&own, HH_RESOLVE_SYSTEM, NULL);
        rig_resolve(&own, &one, "www.example");
        rig_finish(&own);
        _exit(one.lookup.count == 2 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    set_open(1);
    rig_wait(rig, &slow);
    assert_int_equal(slow.lookup.count, 2);
}

/* Two loops on two threads use the same workers. */
static void *use_another_loop(void *data)
{
    resolver_rig *rig = data;
    for (int i = 0; i < 200; i++) {
        rig_lookup one;
        char name[32];
        snprintf(name, sizeof(name), "host-%d.example", i);
        rig_resolve(rig, &one, name);
        assert_int_equal(one.lookup.count, 2);
    }
    return NULL;
}

static void test_two_loops(void **state)
{
    resolver_rig *rig = *state;
    resolver_rig other;
    pthread_t thread;
    rig_init(&other);
    rig_open(&other, HH_RESOLVE_SYSTEM, NULL);
    assert_int_equal(pthread_create(&thread, NULL, use_another_loop, &other), 0);
    use_another_loop(rig);
    assert_int_equal(pthread_join(thread, NULL), 0);
    rig_finish(&other);
}

static void test_failed_allocations(void **state)
{
    resolver_rig *rig = *state;
    unsigned hits = 0;
    for (uint64_t nth = 1;; nth++) {
        rig_lookup one = {0};
        rig_close_resolver(rig);
        rig_run(rig);
        rig_open(rig, HH_RESOLVE_SYSTEM, NULL);
        alloc_fail_at(nth);
        rig_start(rig, &one, "www.example", 80);
        rig_wait(rig, &one);
        alloc_fail_off();
        if (one.lookup.count == 0)
            assert_int_equal(one.lookup.error.code, HH_ERR_NO_MEMORY);
        if (alloc_fail_hits() == 0)
            break;
        hits++;
    }
    assert_true(hits >= 3);
    rig_lookup one = {0};
    rig_close_resolver(rig);
    rig_open(rig, HH_RESOLVE_SYSTEM, NULL);
    sys_fail_at(SYS_FAIL_EVENTFD, 1, EMFILE);
    rig_start(rig, &one, "www.example", 80);
    sys_fail_off();
    rig_wait(rig, &one);
    assert_int_equal(one.lookup.count, 0);
    rig_resolve(rig, &one, "www.example");
    assert_int_equal(one.lookup.count, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_addresses),
        TEST(test_no_thread),
        TEST(test_failures),
        TEST(test_equal_lookups_share),
        TEST(test_more_names_than_threads),
        TEST(test_destroy_does_not_wait),
        TEST(test_destroy_with_results),
        TEST(test_nsswitch_decides),
        TEST(test_fork),
        TEST(test_two_loops),
        TEST(test_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
