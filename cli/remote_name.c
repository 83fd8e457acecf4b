/*
 * remote_name.c - see remote_name.h.
 */
#include "remote_name.h"

#include <strings.h>

#include "hash.h"

hh_status cli_remote_name(hh_slice path, cli_text *out)
{
    size_t start = path.length;
    while (start > 0 && path.data[start - 1] != '/' && path.data[start - 1] != '\\')
        start--;
    hh_slice name = {path.data + start, path.length - start};
    if (name.length == 0)
        return HH_ERR_INVALID_ARGUMENT;
    if (name.length > CLI_NAME_MAX_BYTES)
        name.length = CLI_NAME_MAX_BYTES;
    int is_dots = name.length <= 2 && name.data[0] == '.' && name.data[name.length - 1] == '.';
    for (size_t i = 0; i < name.length; i++) {
        unsigned char byte = (unsigned char)name.data[i];
        int is_edge = i == 0 || i + 1 == name.length;
        if (is_dots || byte < 0x20 || byte == 0x7F || (byte == ' ' && is_edge))
            byte = '_';
        cli_text_add_char(out, (char)byte);
    }
    return cli_text_is_good(out) ? HH_OK : HH_ERR_NO_MEMORY;
}

/* CON, PRN, AUX, NUL, COM0-9, LPT0-9, with any extension: devices on other systems. */
static int is_device(hh_slice name)
{
    static const char *const devices[] = {"con", "prn", "aux", "nul", "com", "lpt"};
    size_t stem = 0;
    while (stem < name.length && name.data[stem] != '.')
        stem++;
    for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
        size_t wanted = i < 4 ? 3 : 4;
        if (stem == wanted && strncasecmp(name.data, devices[i], 3) == 0 &&
            (i < 4 || (name.data[3] >= '0' && name.data[3] <= '9')))
            return 1;
    }
    return 0;
}

static int is_plain(unsigned char byte)
{
    int is_letter = (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
    return is_letter || (byte >= '0' && byte <= '9') ||
           (byte != '\0' && strchr("-._~%+=,@", byte) != NULL);
}

void cli_safe_component(hh_slice segment, cli_text *out)
{
    size_t start = out->length;
    int is_dots = segment.length > 0 && segment.length <= 2 && segment.data[0] == '.' &&
                  segment.data[segment.length - 1] == '.';
    int is_odd = is_dots || is_device(segment);
    for (size_t i = 0; i < segment.length; i++) {
        unsigned char byte = (unsigned char)segment.data[i];
        if (is_plain(byte) && !(is_odd && (i == 0 || is_dots)))
            cli_text_add_char(out, (char)byte);
        else
            cli_text_printf(out, "%%%02X", byte);
    }
    if (segment.length == 0)
        cli_text_add_char(out, '_');
    if (!cli_text_is_good(out) || out->length - start <= CLI_NAME_MAX_BYTES)
        return;
    cli_hash hash = cli_hash_of(segment);
    out->length = start + CLI_NAME_MAX_BYTES - 17;
    cli_text_printf(out, "~%016llx", (unsigned long long)hash.low);
}
