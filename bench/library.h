/*
 * library.h - what the benchmark programs that drive the library share. Whatever goes wrong ends
 * the program.
 */
#ifndef HH_BENCH_LIBRARY_H
#define HH_BENCH_LIBRARY_H

#include <hyperhttp/hyperhttp.h>
#include <stdlib.h>

#include "common.h"

static inline void bench_check(hh_status status, const char *what)
{
    if (status != HH_OK)
        bench_die(what, hh_status_name(status));
}

/* One that follows no redirects and trusts $CA_FILE; `http1`: may it speak that? */
static inline hh_client *bench_make_client(long connections, hh_switch http1)
{
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    hh_client *client;
    hh_error error;
    options.http1 = http1;
    options.max_connections = (unsigned)connections;
    options.redirects = HH_REDIRECTS_MANUAL;
    options.tls.ca_file = getenv("CA_FILE");
    if (hh_client_create_error(&options, &client, &error) != HH_OK)
        bench_die("client", error.message);
    return client;
}

#endif
