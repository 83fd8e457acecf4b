/*
 * pool_key.c - see pool_key.h.
 */
#include "client/pool_key.h"

#include <string.h>

#include "codec/url.h"

/* Lengths and numbers stand as they are in memory: a key never leaves the process. */
enum { NUMBER_BYTES = sizeof(uint32_t), MOST_PARTS = 5 };

static char *put_number(char *at, size_t number)
{
    uint32_t value = (uint32_t)number;
    memcpy(at, &value, NUMBER_BYTES);
    return at + NUMBER_BYTES;
}

static char *put_part(char *at, hh_slice part)
{
    at = put_number(at, part.length);
    if (part.length != 0)
        memcpy(at, part.data, part.length);
    return at + part.length;
}

void hh__pool_key_append(hh_bytes *out, const hh_settings *settings, const hh_url *url,
                         unsigned questions)
{
    bool is_secure = hh__url_is_secure(url);
    const hh_slice parts[MOST_PARTS] = {
        hh_url_scheme(url),
        hh_url_host(url),
        hh_slice_of(settings->unix_socket),
        hh_slice_of(settings->local_address),
        is_secure ? hh__tls_config_key(settings->tls) : (hh_slice){NULL, 0},
    };
    const size_t numbers[] = {
        hh_url_port(url),
        is_secure ? settings->protocols : settings->plain_protocols,
        (questions & HH_ASK_RESOLVE) != 0 ? 1 : 0,
    };
    size_t room = sizeof numbers / sizeof numbers[0] * NUMBER_BYTES;
    for (size_t i = 0; i < MOST_PARTS; i++)
        room += NUMBER_BYTES + parts[i].length;
    char *at = hh__bytes_reserve(out, room);
    if (at == NULL)
        return;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        at = put_number(at, numbers[i]);
    for (size_t i = 0; i < MOST_PARTS; i++)
        at = put_part(at, parts[i]);
    out->length += room;
    *at = '\0';
}
