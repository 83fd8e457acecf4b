/*
 * resolver_rig.c - what the resolver's tests stand on; see resolver_rig.h.
 */
#include "resolver_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_S 120

int64_t rig_ahead_ns;

int64_t __real_hh__loop_refresh(hh_loop *loop);
int64_t __wrap_hh__loop_refresh(hh_loop *loop);
int64_t __real_hh__loop_now(const hh_loop *loop);
int64_t __wrap_hh__loop_now(const hh_loop *loop);

int64_t __wrap_hh__loop_refresh(hh_loop *loop)
{
    return __real_hh__loop_refresh(loop) + rig_ahead_ns;
}

int64_t __wrap_hh__loop_now(const hh_loop *loop)
{
    return __real_hh__loop_now(loop) + rig_ahead_ns;
}

void rig_write(const char *path, const char *text)
{
    /* A new file each time, as the tools that write resolv.conf do: then the stamp surely differs.
     */
    char fresh[80];
    snprintf(fresh, sizeof(fresh), "%s.new", path);
    FILE *file = fopen(fresh, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(fresh, path), 0);
}

void rig_give_up_after(resolver_rig *rig, unsigned seconds)
{
    char text[64];
    snprintf(text, sizeof(text), "search .\noptions timeout:%u attempts:1\n", seconds);
    rig_write(rig->resolv_conf, text);
    rig_ahead_ns += 1000000000; /* it is looked at once a second */
}

void rig_init(resolver_rig *rig)
{
    hh_error error;
    memset(rig, 0, sizeof(*rig));
    rig_ahead_ns = 0;
    strcpy(rig->directory, "/tmp/hh-resolver-XXXXXX");
    assert_non_null(mkdtemp(rig->directory));
    snprintf(rig->hosts, sizeof(rig->hosts), "%s/hosts", rig->directory);
    snprintf(rig->nsswitch, sizeof(rig->nsswitch), "%s/nsswitch.conf", rig->directory);
    snprintf(rig->resolv_conf, sizeof(rig->resolv_conf), "%s/resolv.conf", rig->directory);
    rig_write(rig->hosts, "");
    rig_write(rig->nsswitch, "hosts: files dns\n");
    rig_give_up_after(rig, 30); /* a machine may be busy */
    assert_int_equal(hh__loop_create(&rig->loop, &error), HH_OK);
}

void rig_open(resolver_rig *rig, hh_resolve_with with, const char *servers)
{
    hh_error error;
    hh_resolver_options options = {
        .with = with,
        .servers = servers,
        .hosts_path = rig->hosts,
        .nsswitch_path = rig->nsswitch,
        .resolv_conf_path = rig->resolv_conf,
    };
    assert_int_equal(hh__resolver_create(rig->loop, &options, &rig->resolver, &error), HH_OK);
}

void rig_close_resolver(resolver_rig *rig)
{
    hh__resolver_destroy(rig->resolver);
    rig->resolver = NULL;
}

void rig_finish(resolver_rig *rig)
{
    hh__resolver_destroy(rig->resolver);
    hh__loop_destroy(rig->loop);
    unlink(rig->hosts);
    unlink(rig->nsswitch);
    unlink(rig->resolv_conf);
    rmdir(rig->directory);
}

static void on_progress(hh_lookup *lookup)
{
    rig_lookup *one = lookup->owner;
    one->progress++;
    if (one->then != NULL)
        one->then(one);
}

void rig_start(resolver_rig *rig, rig_lookup *one, const char *host, uint16_t port)
{
    one->rig = rig;
    one->lookup.owner = one;
    one->lookup.on_progress = on_progress;
    unsigned before = one->progress;
    hh__lookup_start(rig->resolver, &one->lookup, hh_slice_of(host), port);
    assert_int_equal(one->progress, before);
}

void rig_run(resolver_rig *rig)
{
    assert_int_equal(hh__loop_run(rig->loop), HH_OK);
}

void rig_wait_count(resolver_rig *rig, rig_lookup *one, size_t count)
{
    time_t until = time(NULL) + PATIENCE_S;
    while (!one->lookup.is_finished && one->lookup.count < count) {
        assert_int_equal(hh__loop_wait(rig->loop, 1000 * PATIENCE_S), HH_OK);
        rig_run(rig);
        assert_true(time(NULL) < until);
    }
}

void rig_wait(resolver_rig *rig, rig_lookup *one)
{
    rig_wait_count(rig, one, SIZE_MAX);
    assert_true(one->lookup.is_finished);
}

void rig_resolve(resolver_rig *rig, rig_lookup *one, const char *host)
{
    memset(one, 0, sizeof(*one));
    rig_start(rig, one, host, 80);
    rig_wait(rig, one);
}

const char *rig_text(const rig_lookup *one)
{
    static char joined[HH_ADDRESSES_MAX * HH_ADDRESS_TEXT_BYTES];
    joined[0] = '\0';
    for (size_t i = 0; i < one->lookup.count; i++) {
        char text[HH_ADDRESS_TEXT_BYTES];
        hh__address_format(&one->lookup.addresses[i], text);
        strcat(joined, i != 0 ? " " : "");
        strcat(joined, text);
    }
    return joined;
}
