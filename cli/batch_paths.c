/*
 * batch_paths.c - see batch_paths.h.
 */
#include "batch_paths.h"

#include <stdlib.h>

#include "hash.h"
#include "remote_name.h"

#define FILTER_BITS (1u << 27)
#define FILTER_PROBES 7
#define DEPTH_MAX 32 /* deeper paths end in one hashed name */
#define SUFFIX_TRIES 8

/* What a path is taken as. */
typedef enum use { USE_FILE = 'F', USE_DIRECTORY = 'D' } use;

hh_status batch_paths_init(batch_paths *paths)
{
    paths->bits = calloc(FILTER_BITS / 64, sizeof(uint64_t));
    return paths->bits != NULL ? HH_OK : HH_ERR_NO_MEMORY;
}

void batch_paths_finish(batch_paths *paths)
{
    free(paths->bits);
    paths->bits = NULL;
}

static cli_hash key_of(use as, hh_slice path)
{
    cli_text key = {0};
    cli_text_add_char(&key, (char)as);
    cli_text_add_slice(&key, path);
    cli_hash hash = cli_hash_of(cli_text_slice(&key));
    cli_text_finish(&key);
    return hash;
}

static uint64_t probe(cli_hash hash, unsigned i)
{
    return (hash.low + i * (hash.high | 1)) % FILTER_BITS;
}

static int is_taken(const batch_paths *paths, use as, hh_slice path)
{
    cli_hash hash = key_of(as, path);
    for (unsigned i = 0; i < FILTER_PROBES; i++) {
        uint64_t bit = probe(hash, i);
        if ((paths->bits[bit / 64] >> (bit % 64) & 1) == 0)
            return 0;
    }
    return 1;
}

static void take(batch_paths *paths, use as, hh_slice path)
{
    cli_hash hash = key_of(as, path);
    for (unsigned i = 0; i < FILTER_PROBES; i++) {
        uint64_t bit = probe(hash, i);
        paths->bits[bit / 64] |= (uint64_t)1 << (bit % 64);
    }
}

/* Adds a directory's name, out of the way of a file of that name, and its slash. */
static void add_directory(batch_paths *paths, hh_slice segment, cli_text *out)
{
    cli_safe_component(segment, out);
    for (int i = 0; i < SUFFIX_TRIES && is_taken(paths, USE_FILE, cli_text_slice(out)); i++)
        cli_text_add_string(out, "~d");
    take(paths, USE_DIRECTORY, cli_text_slice(out));
    cli_text_add_char(out, '/');
}

static void add_file(batch_paths *paths, hh_slice name, uint64_t index, cli_text *out)
{
    cli_safe_component(name, out);
    for (int i = 0; i < SUFFIX_TRIES && (is_taken(paths, USE_FILE, cli_text_slice(out)) ||
                                         is_taken(paths, USE_DIRECTORY, cli_text_slice(out)));
         i++)
        cli_text_printf(out, "~%llu", (unsigned long long)index);
    take(paths, USE_FILE, cli_text_slice(out));
}

/* The first component stands beside the journal and temporary files, whose names start with '.'. */
static void add_host(batch_paths *paths, hh_slice host, cli_text *out)
{
    cli_text safe = {0};
    if (host.length > 0 && host.data[0] == '.') {
        cli_text_add_string(&safe, "_");
    }
    cli_text_add_slice(&safe, host);
    add_directory(paths, cli_text_slice(&safe), out);
    cli_text_finish(&safe);
}

hh_status batch_paths_assign_parts(batch_paths *paths, const batch_url_parts *parts, uint64_t index,
                                   cli_text *out)
{
    hh_slice rest = parts->path;
    add_host(paths, parts->host, out);
    if (rest.length > 0 && rest.data[0] == '/') {
        rest.data++;
        rest.length--;
    }
    for (int depth = 0; depth < DEPTH_MAX; depth++) {
        const char *slash = memchr(rest.data, '/', rest.length);
        if (slash == NULL)
            break;
        hh_slice segment = {rest.data, (size_t)(slash - rest.data)};
        add_directory(paths, segment, out);
        rest.data = slash + 1;
        rest.length -= segment.length + 1;
    }
    cli_text name = {0};
    cli_text_add_slice(&name, rest.length > 0 ? rest : hh_slice_of("index"));
    if (parts->query.length > 0) {
        cli_text_add_char(&name, '@');
        cli_text_add_slice(&name, parts->query);
    }
    add_file(paths, cli_text_slice(&name), index, out);
    int is_good = cli_text_is_good(&name) && cli_text_is_good(out);
    cli_text_finish(&name);
    return is_good ? HH_OK : HH_ERR_NO_MEMORY;
}

hh_status batch_paths_assign(batch_paths *paths, const hh_url *url, uint64_t index, cli_text *out)
{
    hh_slice scheme = hh_url_scheme(url);
    uint16_t port = hh_url_port(url);
    int is_https = scheme.length == 5 && memcmp(scheme.data, "https", 5) == 0;
    cli_text host = {0};
    cli_text_add_slice(&host, hh_url_host(url));
    if (port != (is_https ? 443 : 80))
        cli_text_printf(&host, "_%u", port);
    batch_url_parts parts = {cli_text_slice(&host), hh_url_path(url), hh_url_query(url)};
    hh_status status = cli_text_is_good(&host) ? batch_paths_assign_parts(paths, &parts, index, out)
                                               : HH_ERR_NO_MEMORY;
    cli_text_finish(&host);
    return status;
}
