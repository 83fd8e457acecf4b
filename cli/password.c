/*
 * password.c - see password.h.
 *
 * Not getpass: it reads on through Ctrl-C, and falls back to standard input.
 */
#include "password.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include "files.h"

#define PASSWORD_MAX_BYTES 1024

/* Reads a line without its end; its length, or -1 when it didn't come whole. */
static ssize_t read_line(int terminal, char *line, size_t capacity)
{
    size_t length = 0;
    while (length < capacity) {
        if (cli_file_read_some(terminal, line + length, 1) <= 0)
            return -1;
        if (line[length] == '\n')
            return (ssize_t)length;
        length++;
    }
    return -1;
}

static ssize_t read_hidden(int terminal, const char *user, char *line, size_t capacity)
{
    struct termios shown;
    if (tcgetattr(terminal, &shown) != 0)
        return -1;
    struct termios hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    cli_text prompt = {0};
    cli_text_printf(&prompt, "Password of '%s': ", user);
    tcsetattr(terminal, TCSAFLUSH, &hidden);
    cli_file_write(terminal, cli_text_slice(&prompt));
    ssize_t length = read_line(terminal, line, capacity);
    tcsetattr(terminal, TCSAFLUSH, &shown);
    cli_file_write(terminal, hh_slice_of("\n"));
    cli_text_finish(&prompt);
    return length;
}

hh_status cli_password_ask(const char *user, char **out, cli_text *problem)
{
    char line[PASSWORD_MAX_BYTES];
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (terminal < 0) {
        cli_text_printf(problem, "option -u has no password for '%s', and no terminal to ask at",
                        user);
        return HH_ERR_INVALID_ARGUMENT;
    }
    ssize_t length = read_hidden(terminal, user, line, sizeof(line));
    close(terminal);
    if (length < 0) {
        cli_text_printf(problem, "the password of '%s' can't be read", user);
        return HH_ERR_INVALID_ARGUMENT;
    }
    char *password = strndup(line, (size_t)length);
    explicit_bzero(line, sizeof(line));
    if (password == NULL)
        return HH_ERR_NO_MEMORY;
    *out = password;
    return HH_OK;
}
