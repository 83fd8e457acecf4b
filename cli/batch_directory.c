/*
 * batch_directory.c - see batch_directory.h.
 */
#include "batch_directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "remote_name.h"

/* ".hyperhttp-<pid>-<n>.part"; the journal starts alike and must stay. */
static int is_leftover(const char *name)
{
    static const char prefix[] = CLI_OUTPUT_TEMPORARY_PREFIX;
    size_t length = strlen(name);
    return length > 5 && strncmp(name, prefix, sizeof(prefix) - 1) == 0 &&
           strcmp(name + length - 5, ".part") == 0;
}

static void remove_leftovers(int directory)
{
    int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = copy >= 0 ? fdopendir(copy) : NULL;
    if (listing == NULL) {
        if (copy >= 0)
            close(copy);
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(listing)) != NULL) {
        if (is_leftover(entry->d_name))
            unlinkat(directory, entry->d_name, 0);
    }
    closedir(listing);
}

hh_status batch_directory_open(const char *path, int *out, cli_text *problem)
{
    cli_text inside = {0};
    cli_text_printf(&inside, "%s/", path);
    hh_status status = cli_output_make_parents(cli_text_string(&inside), problem);
    cli_text_finish(&inside);
    if (status != HH_OK)
        return status;
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0 || faccessat(directory, ".", W_OK | X_OK, 0) != 0) {
        cli_text_printf(problem, "can't write into '%s': %s", path, strerror(errno));
    } else if (flock(directory, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        cli_text_printf(problem, "another run is writing into '%s'", path);
    } else {
        remove_leftovers(directory);
        *out = directory;
        return HH_OK;
    }
    if (directory >= 0)
        close(directory);
    return HH_ERR_FILE;
}

/* Opens `name` inside `parent`, making it first where it is missing. Closes `parent` unless it is
 * `root`. */
static int descend(int root, int parent, const char *name)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int child = openat(parent, name, flags);
    if (child < 0 && errno == ENOENT) {
        if (mkdirat(parent, name, 0777) == 0 || errno == EEXIST)
            child = openat(parent, name, flags);
    }
    int os_error = errno;
    if (parent != root)
        close(parent);
    errno = os_error;
    return child;
}

hh_status batch_directory_place(int directory, cli_output *output, const char *path)
{
    int at = directory;
    const char *slash;
    while ((slash = strchr(path, '/')) != NULL) {
        cli_text name = {0};
        cli_text_add(&name, path, (size_t)(slash - path));
        int is_good = cli_text_is_good(&name);
        at = is_good ? descend(directory, at, cli_text_string(&name)) : -1;
        cli_text_finish(&name);
        if (at < 0) {
            int os_error = is_good ? errno : ENOMEM;
            cli_output_discard(output);
            output->os_error = os_error;
            return HH_ERR_FILE;
        }
        path = slash + 1;
    }
    hh_status status = cli_output_commit_at(output, at, path);
    if (at != directory)
        close(at);
    return status;
}
