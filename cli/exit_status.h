/*
 * exit_status.h - the command's exit statuses: curl's numbers wherever curl has one.
 */
#ifndef CLI_EXIT_STATUS_H
#define CLI_EXIT_STATUS_H

#include <hyperhttp/hyperhttp.h>

typedef enum cli_exit {
    CLI_EXIT_OK = 0,
    CLI_EXIT_UNSUPPORTED_PROTOCOL = 1,
    CLI_EXIT_USAGE = 2,
    CLI_EXIT_URL = 3,
    CLI_EXIT_RESOLVE = 6,
    CLI_EXIT_CONNECT = 7,
    CLI_EXIT_PROTOCOL = 8,
    CLI_EXIT_PARTIAL = 18,
    CLI_EXIT_STATUS = 22, /* --fail and an answer from 400 on */
    CLI_EXIT_WRITE = 23,
    CLI_EXIT_READ = 26,
    CLI_EXIT_NO_MEMORY = 27,
    CLI_EXIT_TIMEOUT = 28,
    CLI_EXIT_TLS = 35,
    CLI_EXIT_REDIRECTS = 47,
    CLI_EXIT_EMPTY = 52,
    CLI_EXIT_SEND = 55,
    CLI_EXIT_RECEIVE = 56,
    CLI_EXIT_CLIENT_CERTIFICATE = 58,
    CLI_EXIT_VERIFY = 60,
    CLI_EXIT_DECODE = 61,
    CLI_EXIT_TOO_LARGE = 63,
    CLI_EXIT_REWIND = 65,
    CLI_EXIT_CA_FILE = 77,
    CLI_EXIT_STREAM = 92,
    CLI_EXIT_INTERRUPTED = 130, /* Ctrl-C, as shells have it: 128 and the signal's number */
    CLI_EXIT_TERMINATED = 143
} cli_exit;

/* `hyperhttp batch`: some items failed or were invalid. */
#define CLI_EXIT_BATCH_FAILURES ((cli_exit)1)

cli_exit cli_exit_of_status(hh_status status);

#endif
