/*
 * output.c - see output.h.
 */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"

#define TEMPORARY_TRIES 1000

static hh_status fail(cli_output *output, int os_error)
{
    cli_output_discard(output);
    output->os_error = os_error;
    return os_error == ENOMEM ? HH_ERR_NO_MEMORY : HH_ERR_FILE;
}

static void init(cli_output *output)
{
    memset(output, 0, sizeof(*output));
    output->descriptor = -1;
    output->directory = AT_FDCWD;
}

hh_status cli_output_open_standard(cli_output *output)
{
    init(output);
    output->kind = CLI_OUTPUT_DIRECT;
    output->descriptor = STDOUT_FILENO;
    return HH_OK;
}

/* Creates "<prefix>.hyperhttp-<pid>-<n>.part"; O_EXCL never follows a link planted there. */
static hh_status create_temporary(cli_output *output, hh_slice prefix, mode_t mode)
{
    static unsigned counter;
    for (int tries = 0; tries < TEMPORARY_TRIES; tries++) {
        cli_text name = {0};
        cli_text_add_slice(&name, prefix);
        cli_text_printf(&name, "%s%ld-%u.part", CLI_OUTPUT_TEMPORARY_PREFIX, (long)getpid(),
                        ++counter);
        output->temporary = cli_text_take(&name);
        if (output->temporary == NULL)
            return fail(output, ENOMEM);
        output->descriptor = openat(output->directory, output->temporary,
                                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
        if (output->descriptor >= 0) {
            output->kind = CLI_OUTPUT_FILE;
            return HH_OK;
        }
        int os_error = errno;
        free(output->temporary);
        output->temporary = NULL;
        if (os_error != EEXIST)
            return fail(output, os_error);
    }
    return fail(output, EEXIST);
}

hh_status cli_output_open_temporary(cli_output *output, int directory)
{
    init(output);
    output->directory = directory;
    return create_temporary(output, hh_slice_of(""), 0666);
}

static hh_slice directory_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    hh_slice part = {path, slash != NULL ? (size_t)(slash - path) + 1 : 0};
    return part;
}

hh_status cli_output_open_path(cli_output *output, const char *path)
{
    init(output);
    struct stat there;
    int exists = stat(path, &there) == 0;
    if (exists && S_ISDIR(there.st_mode))
        return fail(output, EISDIR);
    if (exists && !S_ISREG(there.st_mode)) {
        output->descriptor = open(path, O_WRONLY | O_CLOEXEC);
        if (output->descriptor < 0)
            return fail(output, errno);
        output->kind = CLI_OUTPUT_DIRECT;
        return HH_OK;
    }
    /* A link to a file stays a link: what it points to is replaced. */
    output->final = exists ? realpath(path, NULL) : strdup(path);
    if (output->final == NULL)
        return fail(output, errno);
    if (exists && access(output->final, W_OK) != 0)
        return fail(output, errno);
    hh_status status = create_temporary(output, directory_part(output->final), 0666);
    if (status == HH_OK && exists)
        (void)!fchmod(output->descriptor, there.st_mode & 07777);
    return status;
}

hh_status cli_output_write(cli_output *output, hh_slice data)
{
    if (output->kind == CLI_OUTPUT_CLOSED)
        return HH_ERR_STATE;
    int os_error = cli_file_write(output->descriptor, data);
    if (os_error != 0) {
        output->os_error = os_error;
        return HH_ERR_FILE;
    }
    output->written += data.length;
    return HH_OK;
}

hh_status cli_output_rewind(cli_output *output)
{
    if (output->written == 0)
        return HH_OK;
    if (output->kind != CLI_OUTPUT_FILE)
        return HH_ERR_STATE;
    if (ftruncate(output->descriptor, 0) != 0 || lseek(output->descriptor, 0, SEEK_SET) != 0) {
        output->os_error = errno;
        return HH_ERR_FILE;
    }
    output->written = 0;
    return HH_OK;
}

hh_status cli_output_commit_at(cli_output *output, int directory, const char *name)
{
    if (output->kind != CLI_OUTPUT_FILE)
        return HH_ERR_STATE;
    int descriptor = output->descriptor;
    output->descriptor = -1;
    /* close() is where some file systems first say that the disk was full. */
    if (close(descriptor) != 0)
        return fail(output, errno);
    if (renameat(output->directory, output->temporary, directory, name) != 0)
        return fail(output, errno);
    free(output->temporary);
    output->temporary = NULL;
    cli_output_discard(output);
    return HH_OK;
}

hh_status cli_output_commit(cli_output *output)
{
    if (output->kind == CLI_OUTPUT_FILE)
        return cli_output_commit_at(output, output->directory, output->final);
    int owned = output->kind == CLI_OUTPUT_DIRECT && output->descriptor != STDOUT_FILENO;
    int descriptor = output->descriptor;
    output->kind = CLI_OUTPUT_CLOSED;
    output->descriptor = -1;
    if (owned && close(descriptor) != 0)
        return fail(output, errno);
    return HH_OK;
}

void cli_output_discard(cli_output *output)
{
    /* Zeroed memory is a closed output, and its descriptor is nobody's. */
    if (output->kind != CLI_OUTPUT_CLOSED && output->descriptor >= 0 &&
        output->descriptor != STDOUT_FILENO)
        close(output->descriptor);
    if (output->temporary != NULL) {
        unlinkat(output->directory, output->temporary, 0);
        free(output->temporary);
    }
    free(output->final);
    output->temporary = NULL;
    output->final = NULL;
    output->descriptor = -1;
    output->kind = CLI_OUTPUT_CLOSED;
}

hh_status cli_output_check_path(const char *path, cli_text *problem)
{
    struct stat there;
    int os_error = 0;
    if (stat(path, &there) == 0) {
        if (S_ISDIR(there.st_mode))
            os_error = EISDIR;
        else if (access(path, W_OK) != 0)
            os_error = errno;
    }
    if (os_error == 0 && (stat(path, &there) != 0 || S_ISREG(there.st_mode))) {
        hh_slice part = directory_part(path);
        char *directory = part.length > 0 ? strndup(part.data, part.length) : strdup(".");
        if (directory == NULL)
            return HH_ERR_NO_MEMORY;
        if (stat(directory, &there) != 0 || access(directory, W_OK | X_OK) != 0)
            os_error = errno;
        free(directory);
    }
    if (os_error == 0)
        return HH_OK;
    cli_text_printf(problem, "can't write '%s': %s", path, strerror(os_error));
    return HH_ERR_FILE;
}

hh_status cli_output_make_parents(const char *path, cli_text *problem)
{
    char *copy = strdup(path);
    if (copy == NULL)
        return HH_ERR_NO_MEMORY;
    hh_status status = HH_OK;
    for (char *slash = strchr(copy + (copy[0] == '/'), '/'); slash != NULL && status == HH_OK;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST) {
            cli_text_printf(problem, "can't make the directory '%s': %s", copy, strerror(errno));
            status = HH_ERR_FILE;
        }
        *slash = '/';
    }
    free(copy);
    return status;
}
