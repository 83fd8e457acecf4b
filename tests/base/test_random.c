/* Random bytes, by the system call, in pieces, and from the device where the call is missing. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/types.h>

#include "base/random.h"

/* What getrandom does, put in at link time. */
static enum { REAL, MISSING, ONE_BYTE, INTERRUPTED_FIRST, ENDS_EARLY } behaviour;
static int calls;

ssize_t __real_getrandom(void *out, size_t length, unsigned flags);
ssize_t __wrap_getrandom(void *out, size_t length, unsigned flags);

ssize_t __wrap_getrandom(void *out, size_t length, unsigned flags)
{
    calls++;
    if (behaviour == MISSING || (behaviour == ENDS_EARLY && calls > 16)) {
        errno = ENOSYS;
        return -1;
    }
    if (behaviour == INTERRUPTED_FIRST && calls == 1) {
        errno = EINTR;
        return -1;
    }
    if (behaviour == ONE_BYTE || behaviour == ENDS_EARLY)
        length = 1;
    return __real_getrandom(out, length, flags);
}

/* 64 bytes come filled in each 8, and nothing beyond them is touched. */
static void check_filled(void)
{
    unsigned char room[80];
    memset(room, 0, sizeof(room));
    calls = 0;
    hh__random_bytes(room, 64);
    for (size_t i = 0; i < 64; i += 8) {
        static const unsigned char nothing[8];
        assert_memory_not_equal(room + i, nothing, 8); /* wrong once in 2^64 */
    }
    for (size_t i = 64; i < sizeof(room); i++)
        assert_int_equal(room[i], 0);
}

static void test_system_call(void **state)
{
    (void)state;
    behaviour = REAL;
    check_filled();
    assert_int_equal(calls, 1);
    hh__random_bytes(NULL, 0);
    assert_true(hh__random_u64() != hh__random_u64());
}

static void test_in_pieces(void **state)
{
    (void)state;
    behaviour = ONE_BYTE;
    check_filled();
    assert_int_equal(calls, 64);
    behaviour = INTERRUPTED_FIRST;
    check_filled();
    assert_int_equal(calls, 2);
}

static void test_device(void **state)
{
    (void)state;
    behaviour = MISSING;
    check_filled();
    behaviour = ENDS_EARLY;
    check_filled();
    behaviour = MISSING;
    assert_true(hh__random_u64() != hh__random_u64());
    behaviour = REAL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_system_call),
        cmocka_unit_test(test_in_pieces),
        cmocka_unit_test(test_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
