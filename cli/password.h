/*
 * password.h - asks the terminal for a password, without showing what is typed.
 */
#ifndef CLI_PASSWORD_H
#define CLI_PASSWORD_H

#include "text.h"

/* Asks at the controlling terminal, never at standard input, which has other uses. On HH_OK *out is
 * for cli_secret_finish. HH_ERR_INVALID_ARGUMENT with a sentence when there is no terminal, nothing
 * was typed, or a signal asked us to stop; HH_ERR_NO_MEMORY. */
hh_status cli_password_ask(const char *user, char **out, cli_text *problem);

#endif
