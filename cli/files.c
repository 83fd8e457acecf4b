/*
 * files.c - see files.h.
 */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "signals.h"

ssize_t cli_file_read_some(int descriptor, void *memory, size_t capacity)
{
    struct pollfd wait = {.fd = descriptor, .events = POLLIN};
    for (;;) {
        if (cli_signals_received() != CLI_EXIT_OK) {
            errno = EINTR;
            return -1;
        }
        /* A signal between the look and a blocking read would go unseen, hence the tick. */
        if (poll(&wait, 1, CLI_TICK_MS) <= 0)
            continue;
        ssize_t length = read(descriptor, memory, capacity);
        if (length >= 0 || (errno != EINTR && errno != EAGAIN))
            return length;
    }
}

static hh_status read_all(int descriptor, const char *path, cli_text *out, cli_text *problem)
{
    char block[65536];
    for (;;) {
        ssize_t length = cli_file_read_some(descriptor, block, sizeof(block));
        if (length == 0)
            return cli_text_is_good(out) ? HH_OK : HH_ERR_NO_MEMORY;
        if (length < 0) {
            cli_text_printf(problem, "can't read '%s': %s", path, strerror(errno));
            return HH_ERR_FILE;
        }
        cli_text_add(out, block, (size_t)length);
    }
}

hh_status cli_file_read(const char *path, cli_text *out, cli_text *problem)
{
    if (strcmp(path, "-") == 0)
        return read_all(STDIN_FILENO, "standard input", out, problem);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        cli_text_printf(problem, "can't open '%s': %s", path, strerror(errno));
        return HH_ERR_FILE;
    }
    hh_status status = read_all(descriptor, path, out, problem);
    close(descriptor);
    return status;
}

int cli_file_write(int descriptor, hh_slice data)
{
    while (data.length > 0) {
        ssize_t written = write(descriptor, data.data, data.length);
        if (written >= 0) {
            data.data += written;
            data.length -= (size_t)written;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            struct pollfd wait = {.fd = descriptor, .events = POLLOUT};
            poll(&wait, 1, CLI_TICK_MS);
            if (cli_signals_received() != CLI_EXIT_OK)
                return EINTR;
        } else if (errno != EINTR) {
            return errno;
        } else if (cli_signals_received() != CLI_EXIT_OK) {
            return EINTR;
        }
    }
    return 0;
}

void cli_file_hold_standard(void)
{
    for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; descriptor++) {
        /* open() takes the lowest free number, which is this one; in the wrong direction, so that
         * its use is the error it was. */
        if (fcntl(descriptor, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    }
}

hh_status cli_file_check_readable(const char *path, cli_text *problem)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) {
        cli_text_printf(problem, "can't open '%s': %s", path, strerror(errno));
        return HH_ERR_FILE;
    }
    close(descriptor);
    return HH_OK;
}
