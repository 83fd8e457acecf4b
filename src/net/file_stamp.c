/*
 * file_stamp.c - stamps and bounded reads of small system files; see file_stamp.h.
 */
#include "net/file_stamp.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_STEP_BYTES 16384

static int64_t time_ns(const struct timespec *time)
{
    return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

hh_file_stamp hh__file_stamp(const char *path)
{
    hh_file_stamp stamp = {0};
    struct stat about;
    if (stat(path, &about) != 0)
        return stamp;
    stamp.device = (uint64_t)about.st_dev;
    stamp.inode = (uint64_t)about.st_ino;
    stamp.size = (int64_t)about.st_size;
    stamp.modified_ns = time_ns(&about.st_mtim);
    stamp.changed_ns = time_ns(&about.st_ctim);
    return stamp;
}

bool hh__file_stamp_equal(const hh_file_stamp *a, const hh_file_stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->modified_ns == b->modified_ns && a->changed_ns == b->changed_ns;
}

static hh_status read_all(int fd, hh_bytes *bytes)
{
    while (bytes->length < bytes->limit) {
        size_t room = bytes->limit - bytes->length;
        if (room > READ_STEP_BYTES)
            room = READ_STEP_BYTES;
        char *data = hh__bytes_reserve(bytes, room);
        if (data == NULL)
            return bytes->status;
        ssize_t count = read(fd, data, room);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return HH_ERR_FILE;
        if (count == 0)
            return HH_OK;
        bytes->length += (size_t)count;
    }
    return HH_OK;
}

hh_status hh__file_read(const char *path, hh_bytes *bytes)
{
    /* Non-blocking, so that a pipe put in the file's place can't stop the loop. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return HH_ERR_FILE;
    struct stat about;
    hh_status status = HH_ERR_FILE;
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode))
        status = read_all(fd, bytes);
    close(fd);
    return status;
}
