/*
 * nsswitch.c - reads the "hosts" line of nsswitch.conf(5); see nsswitch.h.
 *
 * The grammar: a database name, a colon, then services, each perhaps followed by actions in
 * brackets, "[NOTFOUND=return !UNAVAIL=continue]". Names and values are case-insensitive, '#'
 * starts a comment. Of several "hosts" lines the last one counts, as in glibc.
 */
#include "net/nsswitch.h"

#include <stdbool.h>

#include "base/ascii.h"

static hh_slice take_line(hh_slice *rest)
{
    const char *end = rest->length != 0 ? memchr(rest->data, '\n', rest->length) : NULL;
    hh_slice line = *rest;
    if (end == NULL) {
        rest->data += rest->length;
        rest->length = 0;
        return line;
    }
    line.length = (size_t)(end - rest->data);
    rest->data = end + 1;
    rest->length -= line.length + 1;
    return line;
}

static hh_slice without_comment(hh_slice line)
{
    const char *hash = line.length != 0 ? memchr(line.data, '#', line.length) : NULL;
    if (hash != NULL)
        line.length = (size_t)(hash - line.data);
    return line;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static hh_slice take_word(hh_slice *rest)
{
    while (rest->length != 0 && is_space(rest->data[0])) {
        rest->data++;
        rest->length--;
    }
    hh_slice word = {rest->data, 0};
    while (word.length < rest->length && !is_space(word.data[word.length]) &&
           (word.length == 0 || word.data[word.length] != '['))
        word.length++;
    /* An action list may hold spaces: it is one word up to its bracket. */
    if (word.length != 0 && word.data[0] == '[') {
        const char *close = memchr(rest->data, ']', rest->length);
        word.length = close != NULL ? (size_t)(close - rest->data) + 1 : rest->length;
    }
    rest->data += word.length;
    rest->length -= word.length;
    return word;
}

/* True when "STATUS=action" says only what happens anyhow. Behind the last service nothing is left
 * to go on to, so there "return" is harmless for every status. */
static bool is_default_action(hh_slice action, bool is_last)
{
    const char *equals = memchr(action.data, '=', action.length);
    if (equals == NULL)
        return false;
    hh_slice status = {action.data, (size_t)(equals - action.data)};
    hh_slice verb = {equals + 1, action.length - status.length - 1};
    bool is_return = hh__slice_is_nocase(verb, "return");
    if (is_last && is_return)
        return true;
    if (hh__slice_is_nocase(status, "success"))
        return is_return;
    return hh__slice_is_nocase(verb, "continue") &&
           (hh__slice_is_nocase(status, "notfound") || hh__slice_is_nocase(status, "unavail") ||
            hh__slice_is_nocase(status, "tryagain"));
}

static bool are_default_actions(hh_slice list, bool is_last)
{
    if (list.length < 2 || list.data[list.length - 1] != ']')
        return false;
    hh_slice inside = {list.data + 1, list.length - 2};
    for (hh_slice word = take_word(&inside); word.length != 0; word = take_word(&inside)) {
        if (!is_default_action(word, is_last))
            return false;
    }
    return true;
}

static hh_nsswitch parse_services(hh_slice services)
{
    bool has_files = false;
    bool has_dns = false;
    for (hh_slice word = take_word(&services); word.length != 0; word = take_word(&services)) {
        if (word.data[0] == '[') {
            if (!has_files || !are_default_actions(word, has_dns))
                return HH_NSSWITCH_OTHER;
        } else if (hh__slice_is_nocase(word, "files") && !has_files) {
            has_files = true;
        } else if (hh__slice_is_nocase(word, "dns") && has_files && !has_dns) {
            has_dns = true;
        } else {
            return HH_NSSWITCH_OTHER;
        }
    }
    return has_files && has_dns ? HH_NSSWITCH_FILES_DNS : HH_NSSWITCH_OTHER;
}

hh_nsswitch hh__nsswitch_parse(hh_slice text)
{
    hh_nsswitch found = HH_NSSWITCH_FILES_DNS;
    while (text.length != 0) {
        hh_slice line = hh__slice_trim(without_comment(take_line(&text)));
        const char *colon = line.length != 0 ? memchr(line.data, ':', line.length) : NULL;
        if (colon == NULL)
            continue;
        hh_slice database = {line.data, (size_t)(colon - line.data)};
        if (!hh__slice_is_nocase(hh__slice_trim(database), "hosts"))
            continue;
        hh_slice services = {colon + 1, line.length - database.length - 1};
        found = parse_services(services);
    }
    return found;
}
