/*
 * scratch.h - a directory of a test's own, removed at the end.
 */
#ifndef TESTS_CLI_SCRATCH_H
#define TESTS_CLI_SCRATCH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct scratch {
    char path[64];
    char joined[512];
} scratch;

static inline void scratch_init(scratch *at)
{
    snprintf(at->path, sizeof(at->path), "/tmp/hyperhttp-test-XXXXXX");
    if (mkdtemp(at->path) == NULL)
        abort();
}

static inline void scratch_finish(scratch *at)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", at->path);
    if (system(command) != 0)
        abort();
}

/* "<directory>/name"; valid until the next call. */
static inline const char *scratch_path(scratch *at, const char *name)
{
    snprintf(at->joined, sizeof(at->joined), "%s/%s", at->path, name);
    return at->joined;
}

static inline void scratch_write(scratch *at, const char *name, const char *content)
{
    FILE *file = fopen(scratch_path(at, name), "w");
    if (file == NULL || fputs(content, file) < 0 || fclose(file) != 0)
        abort();
}

/* The file's content, "<none>" when there is no such file; for free(). */
static inline char *scratch_read(scratch *at, const char *name)
{
    char *content = calloc(1, 65536);
    FILE *file = fopen(scratch_path(at, name), "r");
    if (content == NULL)
        abort();
    if (file == NULL) {
        memcpy(content, "<none>", 7);
        return content;
    }
    if (fread(content, 1, 65535, file) == 0 && ferror(file))
        abort();
    fclose(file);
    return content;
}

#endif
