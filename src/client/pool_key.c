/*
 * pool_key.c - see pool_key.h.
 */
#include "client/pool_key.h"

#include "codec/url.h"

static void append_part(hh_bytes *out, hh_slice part)
{
    hh__bytes_append_unsigned(out, part.length);
    hh__bytes_append_char(out, ':');
    hh__bytes_append_slice(out, part);
}

static void append_number(hh_bytes *out, uint64_t number)
{
    hh__bytes_append_unsigned(out, number);
    hh__bytes_append_char(out, ';');
}

void hh__pool_key_append(hh_bytes *out, const hh_settings *settings, const hh_url *url,
                         unsigned questions)
{
    bool is_secure = hh__url_is_secure(url);
    append_part(out, hh_url_scheme(url));
    append_part(out, hh_url_host(url));
    append_number(out, hh_url_port(url));
    append_part(out, hh_slice_of(settings->unix_socket));
    append_part(out, hh_slice_of(settings->local_address));
    append_number(out, is_secure ? settings->protocols : settings->plain_protocols);
    append_number(out, (questions & HH_ASK_RESOLVE) != 0 ? 1 : 0);
    if (is_secure)
        append_part(out, hh__tls_config_key(settings->tls));
}
