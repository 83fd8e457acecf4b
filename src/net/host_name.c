/*
 * host_name.c - checks host names; see host_name.h.
 */
#include "net/host_name.h"

#include "base/ascii.h"
#include "base/limits.h"

#define LABEL_MAX_BYTES 63 /* RFC 1035 §2.3.4 */

static hh_slice without_root(hh_slice name)
{
    if (name.length != 0 && name.data[name.length - 1] == '.')
        name.length--;
    return name;
}

static bool is_name_char(char c)
{
    return hh__is_alpha(c) || hh__is_digit(c) || c == '-' || c == '_';
}

/* All digits, or hexadecimal with its prefix: no top-level domain looks so, but inet_aton(3) reads
 * it as a number. */
static bool is_number(hh_slice label)
{
    size_t i = 0;
    if (label.length >= 2 && label.data[0] == '0' && hh__ascii_lower(label.data[1]) == 'x') {
        for (i = 2; i < label.length && hh__hex_value(label.data[i]) >= 0;)
            i++;
        return i == label.length;
    }
    while (i < label.length && hh__is_digit(label.data[i]))
        i++;
    return i == label.length;
}

const char *hh__host_name_fault(hh_slice name)
{
    name = without_root(name);
    if (name.length == 0)
        return "is empty";
    if (name.length > HH_HOST_MAX_BYTES)
        return "is longer than 253 bytes";
    hh_slice label = {name.data, 0};
    for (size_t i = 0; i < name.length; i++) {
        char c = name.data[i];
        if (c != '.' && !is_name_char(c))
            return "holds a character that no host name has";
        if (c != '.') {
            label.length++;
            continue;
        }
        if (label.length == 0)
            return "has an empty label";
        if (label.length > LABEL_MAX_BYTES)
            return "has a label longer than 63 bytes";
        label.data = name.data + i + 1;
        label.length = 0;
    }
    if (label.length == 0)
        return "has an empty label";
    if (label.length > LABEL_MAX_BYTES)
        return "has a label longer than 63 bytes";
    return is_number(label) ? "ends in a number but is no IP address" : NULL;
}

/* True for `domain` itself and every name under it. */
static bool is_under(hh_slice name, const char *domain)
{
    hh_slice end = hh_slice_of(domain);
    name = without_root(name);
    if (name.length < end.length)
        return false;
    hh_slice tail = {name.data + name.length - end.length, end.length};
    if (!hh__slice_equal_nocase(tail, end))
        return false;
    return name.length == end.length || name.data[name.length - end.length - 1] == '.';
}

bool hh__host_name_is_localhost(hh_slice name)
{
    return is_under(name, "localhost");
}

bool hh__host_name_is_never_asked(hh_slice name)
{
    return is_under(name, "invalid") || is_under(name, "onion");
}
