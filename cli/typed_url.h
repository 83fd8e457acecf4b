/*
 * typed_url.h - URLs as people type them: "example.org/x" means http://example.org/x, as curl has
 * it. Whether the rest is a URL is the engine's to say.
 */
#ifndef CLI_TYPED_URL_H
#define CLI_TYPED_URL_H

#include "text.h"

typedef enum cli_scheme { CLI_SCHEME_GIVEN = 0, CLI_SCHEME_GUESSED } cli_scheme;

/* What stands in front of a URL whose scheme was guessed. */
#define CLI_SCHEME_GUESS "http://"

/* `text` without blanks in front, after CLI_SCHEME_GUESS when it has no scheme. *scheme, which may
 * be NULL, says which. HH_ERR_NO_MEMORY. */
hh_status cli_guess_scheme(const char *text, cli_text *out, cli_scheme *scheme);

#endif
