/*
 * tls_fixture.c - see tls_fixture.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "tls_fixture.h"

certificates made;
hh_loop *loop;

int tls_set_up(void **state)
{
    hh_error error;
    (void)state;
    certificates_make(&made);
    return hh__loop_create(&loop, &error) == HH_OK ? 0 : -1;
}

int tls_tear_down(void **state)
{
    (void)state;
    hh__loop_destroy(loop);
    certificates_remove(&made);
    return 0;
}

hh_tls_config *make_config(const hh_tls_settings *settings)
{
    hh_tls_config *config = NULL;
    hh_error error;
    if (hh__tls_config_create(settings, &config, &error) != HH_OK)
        fail_msg("%s", error.message);
    return config;
}

hh_tls_settings trusting(const char *ca_file)
{
    static char path[256];
    snprintf(path, sizeof path, "%s", certificates_path(&made, ca_file));
    return (hh_tls_settings){.ca_file = path, .min_version = 12};
}

tls_server *start_server(const char *certificate, tls_server_options options)
{
    char names[2][64];
    snprintf(names[0], sizeof names[0], "%s.crt", certificate);
    snprintf(names[1], sizeof names[1], "%s.key", certificate);
    options.certificate_file = certificates_path(&made, names[0]);
    options.key_file = certificates_path(&made, names[1]);
    return tls_server_start(&options);
}
