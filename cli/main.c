/*
 * main.c - `hyperhttp`: a first word that is exactly a sub-command runs it; all else is a fetch.
 */
#include <stddef.h>
#include <string.h>

#include "batch.h"
#include "fetch.h"
#include "files.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"batch", cli_batch},
};

int main(int argc, char **argv)
{
    cli_file_hold_standard();
    for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 2, argv + 2);
    }
    return cli_fetch(argc > 0 ? argc - 1 : 0, argv + (argc > 0));
}
