/*
 * remote_name.h - file names taken from URLs: never a way out of the directory they are meant for.
 */
#ifndef CLI_REMOTE_NAME_H
#define CLI_REMOTE_NAME_H

#include "text.h"

/* The longest name made here; every common file system takes 255 bytes. */
#define CLI_NAME_MAX_BYTES 200

/* The last segment of a URL's path as a file name, for -O: control characters, blanks at the ends,
 * slashes and "." or ".." are made harmless, long names are cut. HH_ERR_INVALID_ARGUMENT when the
 * path ends in '/': there is no name. */
hh_status cli_remote_name(hh_slice path, cli_text *out);

/* One component of a path on disk for one segment of a URL: letters, digits and -._~%+=,@ stay,
 * the rest is percent-encoded; ".", "..", device names of other systems and the empty segment never
 * come out; what is too long is cut and marked with a hash of the whole. */
void cli_safe_component(hh_slice segment, cli_text *out);

#endif
