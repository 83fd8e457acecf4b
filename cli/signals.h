/*
 * signals.h - Ctrl-C once: stop cleanly. Twice: stop at once.
 *
 * The handler only sets a flag or calls _exit. Loops here never wait longer than CLI_TICK_MS, so a
 * signal that falls between a look at the flag and the wait is seen within a tick.
 */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include "exit_status.h"

#define CLI_TICK_MS 200

/* Installs handlers for SIGINT and SIGTERM, and ignores SIGPIPE and SIGXFSZ: a closed pipe is
 * EPIPE, a file that may not grow EFBIG. */
void cli_signals_init(void);
/* The exit status the signal received asks for; CLI_EXIT_OK when there was none. */
cli_exit cli_signals_received(void);

#endif
