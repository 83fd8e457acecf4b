/*
 * sentence.c - see sentence.h.
 */
#include "sentence.h"

#include <ctype.h>

static const struct {
    const char *field;
    const char *option;
} words[] = {
    {"ca_file", "--cacert"},
    {"ca_directory", "--capath"},
    {"cert_file", "--cert"},
    {"key_file", "--key"},
    {"key_password", "--pass"},
    {"max_redirects", "--max-redirs"},
    {"max_response_bytes", "--max-filesize"},
    {"local_address", "--interface"},
    {"unix_socket", "--unix-socket"},
    {"dns_servers", "--dns-servers"},
};

/* The length of the field's name at `at`, and the option for it; 0 when there is none. */
static size_t match(const char *at, const char **option)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t length = strlen(words[i].field);
        unsigned char after =
            strncmp(at, words[i].field, length) == 0 ? (unsigned char)at[length] : '_';
        if (after != '_' && after != '/' && after != '.' && !isalnum(after)) {
            *option = words[i].option;
            return length;
        }
    }
    return 0;
}

static void add_words(cli_text *out, const char *message)
{
    while (*message != '\0') {
        /* A name counts only as a word of its own: URLs and files may hold the same letters. */
        size_t blank = strcspn(message, " ");
        const char *option;
        size_t length = match(message, &option);
        if (length > 0) {
            cli_text_add_string(out, option);
            cli_text_add(out, message + length, blank - length);
        } else {
            cli_text_add(out, message, blank);
        }
        message += blank;
        while (*message == ' ')
            cli_text_add_char(out, *message++);
    }
}

void cli_sentence_add(cli_text *out, const char *message, cli_scheme scheme)
{
    static const char guess[] = "\"" CLI_SCHEME_GUESS;
    if (scheme == CLI_SCHEME_GUESSED && strncmp(message, guess, sizeof(guess) - 1) == 0) {
        cli_text_add_char(out, '"');
        message += sizeof(guess) - 1;
    }
    if (strchr(message, '_') != NULL)
        add_words(out, message);
    else
        cli_text_add_string(out, message);
}
