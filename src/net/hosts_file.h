/*
 * hosts_file.h - the hosts(5) file: names to addresses, kept parsed and read again when it changes.
 *
 * Leaves to others: "localhost" (always loopback, net/resolver). Names compare without regard to
 * letter case; all addresses of a name count, in the file's order. At most HH_HOSTS_FILE_MAX_BYTES
 * are looked at; the line cut there is left out. Bad lines are skipped. Belongs to one loop.
 */
#ifndef HH_NET_HOSTS_FILE_H
#define HH_NET_HOSTS_FILE_H

#include "net/address.h"
#include "net/file_stamp.h"

/* A parsed text. */
typedef struct hh_hosts hh_hosts;

/* HH_ERR_NO_MEMORY. */
HH_WARN_UNUSED hh_status hh__hosts_parse(hh_slice text, hh_hosts **out);
void hh__hosts_destroy(hh_hosts *hosts);
/* The first `capacity` addresses of `name`, ports 0; returns how many. */
size_t hh__hosts_find(const hh_hosts *hosts, hh_slice name, hh_address *out, size_t capacity);

/* The file behind it. Zeroed but for path: not read yet. */
typedef struct hh_hosts_file {
    const char *path; /* borrowed */
    hh_file_stamp stamp;
    int64_t checked_ns; /* 0: never */
    hh_hosts *hosts;    /* NULL: no file */
} hh_hosts_file;

/* As hh__hosts_find, after reading the file anew if it has changed; looks for a change at most once
 * in HH_DNS_FILE_CHECK_MS. Out of memory keeps what was known. */
size_t hh__hosts_file_find(hh_hosts_file *file, hh_slice name, int64_t now_ns, hh_address *out,
                           size_t capacity);
void hh__hosts_file_finish(hh_hosts_file *file);

#endif
