/*
 * typed_url.c - see typed_url.h.
 */
#include "typed_url.h"

static cli_scheme scheme_of(const char *text)
{
    size_t length =
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
    return length > 0 && strncmp(text + length, "://", 3) == 0 ? CLI_SCHEME_GIVEN
                                                               : CLI_SCHEME_GUESSED;
}

hh_status cli_guess_scheme(const char *text, cli_text *out, cli_scheme *scheme)
{
    text += strspn(text, " \t");
    cli_scheme found = scheme_of(text);
    if (found == CLI_SCHEME_GUESSED)
        cli_text_add_string(out, CLI_SCHEME_GUESS);
    cli_text_add_string(out, text);
    if (scheme != NULL)
        *scheme = found;
    return cli_text_is_good(out) ? HH_OK : HH_ERR_NO_MEMORY;
}
