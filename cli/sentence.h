/*
 * sentence.h - the engine's sentences in the words of the command line.
 *
 * The engine names the fields of its options and the URL it was given; who typed a command knows
 * its options, and the URL as it was typed.
 */
#ifndef CLI_SENTENCE_H
#define CLI_SENTENCE_H

#include "typed_url.h"

/* Adds `message` to `out`. With CLI_SCHEME_GUESSED the scheme in front of a URL quoted first is
 * left out: nobody typed it. */
void cli_sentence_add(cli_text *out, const char *message, cli_scheme scheme);

#endif
