/*
 * dial_fixture.h - what the tests of dialling share: listeners on loopback, a stand-in resolver
 * that answers when told, and one dial under test at a time.
 */
#ifndef TESTS_NET_DIAL_FIXTURE_H
#define TESTS_NET_DIAL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/dial.h"

#define NS_PER_MS INT64_C(1000000)
#define FAR_MS 60000 /* a bound that is only met when something hangs */

/* The stand-in for net/resolver, found by the linker before the true one. */
struct names {
    hh_lookup *lookup; /* under way */
    char host[256];
    unsigned cancelled;
    hh_lookup at_once; /* copied into a lookup that starts, when finished */
};
extern struct names names;

typedef enum answer_end { ANSWER_MORE, ANSWER_LAST } answer_end;
void answer(const hh_address *addresses, size_t count, answer_end end);

unsigned open_descriptors(void);
hh_address address_of(const char *text, uint16_t port);

/* A port of our own: alive, refusing (bound, not listening) or silent (its backlog is full, so the
 * kernel drops what comes). */
typedef struct place {
    int fd;
    int crowd[8]; /* connections that fill its backlog */
    hh_address address;
    char text[HH_ADDRESS_TEXT_BYTES];
} place;

place refusing(const char *ip);
place alive(const char *ip);
place silent(const char *ip);
void leave(place *self);
uint16_t port_of(const place *there);

typedef struct unix_place {
    char directory[32];
    char path[64];
    int fd;
} unix_place;

unix_place unix_bound(void);
void unix_leave(unix_place *self);

/* The dial under test. */
extern hh_loop *loop;
extern hh_dial *dial;
extern hh_dial_result result;
extern unsigned done;

int setup(void **state);
/* Fails when a descriptor is missing or left. */
int teardown(void **state);

void on_done(void *owner, hh_dial_result *got);
void start(const hh_dial_target *target);
void start_with_deadline(hh_dial_target target, int ms);
/* Waits for the loop and runs it once. */
void turn(void);
/* Until the dial is over. */
void finish(void);
void dial_addresses(const hh_address *addresses, size_t count);
/* Cancels, and sees that nothing is reported. */
void cancel_now(void);
void close_result(void);

void assert_failed(hh_status code, hh_phase phase, int os_error, const char *message);
/* A byte goes through; closes the result. */
void assert_talks(const place *there);

/* Verifies nothing. */
hh_tls_config *make_tls(void);

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
