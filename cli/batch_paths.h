/*
 * batch_paths.h - where in the output directory the answer to a URL goes.
 *
 * host[_port]/path, "index" for a directory, "@query" after the name. Never absolute, never "..",
 * never the journal's name. Names are given in the order of the list, so the same list gives the
 * same names: a name already taken gets "~" and the item's number, a directory that would stand
 * where a file does gets "~d".
 *
 * What is taken is remembered in a Bloom filter of fixed size (16 MiB of address space, touched as
 * it fills): with ten million items about one in five hundred gets a suffix it didn't need, and
 * none lacks one it did. Pure but for that memory.
 */
#ifndef CLI_BATCH_PATHS_H
#define CLI_BATCH_PATHS_H

#include "text.h"

typedef struct batch_paths {
    uint64_t *bits;
} batch_paths;

hh_status batch_paths_init(batch_paths *paths);
void batch_paths_finish(batch_paths *paths);
/* Appends the relative path for item number `index` to `out`. HH_ERR_NO_MEMORY. */
hh_status batch_paths_assign(batch_paths *paths, const hh_url *url, uint64_t index, cli_text *out);

/* The same from the parts, for tests: `host` as "host" or "host_port". */
typedef struct batch_url_parts {
    hh_slice host;
    hh_slice path; /* starts with '/' */
    hh_slice query;
} batch_url_parts;
hh_status batch_paths_assign_parts(batch_paths *paths, const batch_url_parts *parts, uint64_t index,
                                   cli_text *out);

#endif
