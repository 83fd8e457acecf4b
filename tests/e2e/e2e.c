/*
 * e2e.c - see e2e.h.
 */
#include "e2e.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

e2e servers;

int e2e_setup(void **state)
{
    (void)state;
    certificates_make(&servers.certificates);
    snprintf(servers.ca_file, sizeof servers.ca_file, "%s",
             certificates_path(&servers.certificates, "ca.crt"));
    nginx_options options = {.certificates = &servers.certificates};
    if (nginx_start(&servers.nginx, &options) == 0)
        return 0;
    fprintf(stderr, "nginx isn't installed\n");
    certificates_remove(&servers.certificates);
    exit(77);
}

int e2e_teardown(void **state)
{
    (void)state;
    nginx_stop(&servers.nginx);
    certificates_remove(&servers.certificates);
    return 0;
}

hh_client_options e2e_options(void)
{
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.tls.ca_file = servers.ca_file;
    return options;
}

hh_client *e2e_client(void)
{
    hh_client_options options = e2e_options();
    return whole_client(&options);
}

void e2e_get(const hh_client_options *options, const char *url, answer *to)
{
    hh_client *client = whole_client(options);
    memset(to, 0, sizeof *to);
    whole_get(client, url, to);
    assert_at_rest(client);
    hh_client_destroy(client);
}

void assert_bytes(hh_slice got, hh_slice wanted)
{
    if (got.length != wanted.length)
        fail_msg("%zu bytes instead of %zu", got.length, wanted.length);
    if (got.length == 0 || memcmp(got.data, wanted.data, got.length) == 0)
        return;
    for (size_t i = 0; i < got.length; i++) {
        if (got.data[i] != wanted.data[i])
            fail_msg("byte %zu of %zu is wrong", i, got.length);
    }
}

void assert_file(const answer *of, nginx_file_name name)
{
    const nginx_file *file = &servers.nginx.files[name];
    if (of->terminals != 1 || of->error.code != HH_OK)
        fail_msg("%s: %zu terminal events (\"%s\"), error %s: %s", file->name, of->terminals,
                 of->events, hh_status_name(of->error.code), of->error.message);
    assert_non_null(of->response);
    assert_int_equal(hh_response_status(of->response), 200);
    assert_bytes(answer_body(of), (hh_slice){file->data, file->length});
    assert_int_equal(hh_response_body_bytes(of->response), file->length);
}

void e2e_until_idle(hh_client *client, uint64_t count)
{
    int64_t until = clock_ms() + FAR_MS;
    while (whole_stats(client).connections_idle > count) {
        if (clock_ms() > until)
            fail_msg("connections stay idle");
        whole_step(client, 100);
    }
}
