/*
 * random.c - bytes from the kernel's generator. See random.h for the contract.
 *
 * getrandom(2) waits only until the kernel has been seeded once after boot. /dev/urandom serves
 * where a sandbox forbids the call or the kernel lacks it.
 */
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/types.h>
#include <unistd.h>

/* How many bytes came: fewer than `length` when the call can't be used. */
static size_t fill_from_kernel(unsigned char *out, size_t length)
{
    size_t done = 0;
    while (done < length) {
        ssize_t got = getrandom(out + done, length - done, 0);
        if (got > 0)
            done += (size_t)got;
        else if (got == 0 || errno != EINTR)
            break;
    }
    return done;
}

static void fill_from_device(unsigned char *out, size_t length)
{
    int fd = -1;
    do
        fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        abort();
    size_t done = 0;
    while (done < length) {
        ssize_t got = read(fd, out + done, length - done);
        if (got > 0)
            done += (size_t)got;
        else if (got == 0 || errno != EINTR)
            abort();
    }
    close(fd);
}

void hh__random_bytes(void *out, size_t length)
{
    unsigned char *bytes = out;
    size_t done = fill_from_kernel(bytes, length);
    if (done < length)
        fill_from_device(bytes + done, length - done);
}

uint64_t hh__random_u64(void)
{
    uint64_t value = 0;
    hh__random_bytes(&value, sizeof(value));
    return value;
}
