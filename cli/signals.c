/*
 * signals.c - see signals.h.
 */
#include "signals.h"

#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t received;

static void on_signal(int number)
{
    if (received != 0)
        _exit(128 + number);
    received = number;
}

void cli_signals_init(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    sigemptyset(&action.sa_mask);
    /* Without SA_RESTART: a wait must end, and a blocked write must get the chance to notice. */
    action.sa_handler = on_signal;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    sigaction(SIGXFSZ, &action, NULL);
}

cli_exit cli_signals_received(void)
{
    if (received == 0)
        return CLI_EXIT_OK;
    return received == SIGTERM ? CLI_EXIT_TERMINATED : CLI_EXIT_INTERRUPTED;
}
