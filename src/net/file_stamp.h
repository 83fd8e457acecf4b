/*
 * file_stamp.h - system files that are read again when they change: a stamp to compare, and a
 * bounded read.
 *
 * Leaves to others: how often to look, what the text means.
 */
#ifndef HH_NET_FILE_STAMP_H
#define HH_NET_FILE_STAMP_H

#include <stdbool.h>

#include "base/bytes.h"

/* What tells one state of a file from the next. Zeroed: there is no such file. */
typedef struct hh_file_stamp {
    uint64_t device;
    uint64_t inode;
    int64_t size;
    int64_t modified_ns;
    int64_t changed_ns;
} hh_file_stamp;

/* The stamp of `path` as it is now; a file that can't be seen gives the zeroed one. */
hh_file_stamp hh__file_stamp(const char *path);
bool hh__file_stamp_equal(const hh_file_stamp *a, const hh_file_stamp *b);

/* Appends the file's text to `bytes`, at most to its limit: what is longer is cut there without
 * failing. HH_ERR_FILE when it can't be read or is no regular file, HH_ERR_NO_MEMORY. */
HH_WARN_UNUSED hh_status hh__file_read(const char *path, hh_bytes *bytes);

#endif
