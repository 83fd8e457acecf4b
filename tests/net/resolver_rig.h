/*
 * resolver_rig.h - a loop, a resolver and lookups for the resolver's tests, with system files of
 * their own and a clock that can be put forward.
 */
#ifndef HH_TESTS_RESOLVER_RIG_H
#define HH_TESTS_RESOLVER_RIG_H

#include "net/resolver.h"

typedef struct resolver_rig {
    hh_loop *loop;
    hh_resolver *resolver;
    char directory[32];
    char hosts[64];
    char nsswitch[64];
    char resolv_conf[64];
} resolver_rig;

typedef struct rig_lookup {
    hh_lookup lookup;
    unsigned progress; /* calls of on_progress */
    void (*then)(struct rig_lookup *self);
    resolver_rig *rig;
    void *data;
} rig_lookup;

/* Files of its own (an empty hosts file, one try of one second in resolv.conf) and a loop. */
void rig_init(resolver_rig *rig);
/* Servers as in the option; NULL: resolv.conf's. */
void rig_open(resolver_rig *rig, hh_resolve_with with, const char *servers);
/* Both but what is NULL already. */
void rig_close_resolver(resolver_rig *rig);
void rig_finish(resolver_rig *rig);

void rig_write(const char *path, const char *text);
/* How long a name server may take. A test of those that say nothing has to wait that long. */
void rig_give_up_after(resolver_rig *rig, unsigned seconds);
void rig_start(resolver_rig *rig, rig_lookup *one, const char *host, uint16_t port);
/* Runs the loop until the lookup is over, or has `count` addresses; fails the test after 20 s. */
void rig_wait(resolver_rig *rig, rig_lookup *one);
void rig_wait_count(resolver_rig *rig, rig_lookup *one, size_t count);
/* Takes what is ready now. */
void rig_run(resolver_rig *rig);
/* Starts, and waits for the end. */
void rig_resolve(resolver_rig *rig, rig_lookup *one, const char *host);
/* "192.0.2.1:80 [2001:db8::1]:80", good until the next call. */
const char *rig_text(const rig_lookup *one);

/* What the resolver's clock is ahead of the real one. Tests that link with
 * --wrap=hh__loop_refresh and --wrap=hh__loop_now only. */
extern int64_t rig_ahead_ns;

#endif
