/*
 * failure.c - writes hh_error values. See failure.h for the contract.
 *
 * Nothing here allocates: failing must work when memory is what has run out. The sentence is built
 * on the stack first, so an argument may point into the very error that is being replaced. Text in
 * it may come from a peer or from the locale's strerror, so it is made clean UTF-8 before it is
 * stored.
 */
#include "base/failure.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

hh_category hh__status_category(hh_status status)
{
    switch (status) {
    case HH_OK:
    case HH_INTERRUPTED:
        return HH_CATEGORY_NONE;
    case HH_ERR_NO_MEMORY:
    case HH_ERR_SYSTEM:
    case HH_ERR_CANCELLED:
    case HH_ERR_CLIENT_CLOSED:
        return HH_CATEGORY_FATAL;
    case HH_ERR_INVALID_ARGUMENT:
    case HH_ERR_STATE:
    case HH_ERR_INVALID_URL:
    case HH_ERR_UNSUPPORTED_PROTOCOL:
    case HH_ERR_LIMIT:
    case HH_ERR_FILE:
    case HH_ERR_BODY_NOT_REWINDABLE:
    case HH_ERR_BODY_LENGTH:
        return HH_CATEGORY_CLIENT;
    case HH_ERR_RESOLVE:
        return HH_CATEGORY_DNS;
    case HH_ERR_RESOLVE_TEMPORARY:
        return HH_CATEGORY_TRANSIENT;
    case HH_ERR_CONNECT:
    case HH_ERR_SEND:
    case HH_ERR_RECEIVE:
    case HH_ERR_EMPTY_RESPONSE:
    case HH_ERR_TRUNCATED:
    case HH_ERR_REFUSED:
        return HH_CATEGORY_CONNECTION;
    case HH_ERR_TLS:
    case HH_ERR_CERTIFICATE:
        return HH_CATEGORY_TLS;
    case HH_ERR_PROTOCOL:
    case HH_ERR_STREAM_RESET:
    case HH_ERR_HEADERS_TOO_LARGE:
    case HH_ERR_RESPONSE_TOO_LARGE:
    case HH_ERR_DECODE:
    case HH_ERR_DECODE_LIMIT:
    case HH_ERR_TOO_MANY_REDIRECTS:
    case HH_ERR_REDIRECT_REFUSED:
        return HH_CATEGORY_PROTOCOL;
    case HH_ERR_TIMEOUT_CONNECT:
    case HH_ERR_TIMEOUT_READ:
    case HH_ERR_TIMEOUT_WRITE:
    case HH_ERR_TIMEOUT_POOL:
    case HH_ERR_TIMEOUT_TOTAL:
        return HH_CATEGORY_TIMEOUT;
    }
    return HH_CATEGORY_FATAL;
}

/* How many bytes the UTF-8 character at `text` has, 0 when it isn't one (RFC 3629 §4). The NUL at
 * the end of the text is no continuation byte, so nothing behind it is read. */
static size_t utf8_length(const unsigned char *text)
{
    size_t length = 0;
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    if (text[0] < 0x80)
        return 1;
    if (text[0] >= 0xc2 && text[0] <= 0xdf) {
        length = 2;
    } else if (text[0] >= 0xe0 && text[0] <= 0xef) {
        length = 3;
        if (text[0] == 0xe0)
            low = 0xa0; /* shorter forms exist */
        else if (text[0] == 0xed)
            high = 0x9f; /* surrogates */
    } else if (text[0] >= 0xf0 && text[0] <= 0xf4) {
        length = 4;
        if (text[0] == 0xf0)
            low = 0x90;
        else if (text[0] == 0xf4)
            high = 0x8f; /* past U+10FFFF */
    } else {
        return 0;
    }
    if (text[1] < low || text[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++) {
        if (text[i] < 0x80 || text[i] > 0xbf)
            return 0;
    }
    return length;
}

/* C0, DEL, and C1 in its two-byte form: some terminals obey them all. */
static bool is_control(const unsigned char *text, size_t length)
{
    if (length == 1)
        return text[0] < 0x20 || text[0] == 0x7f;
    return length == 2 && text[0] == 0xc2 && text[1] < 0xa0;
}

/* Puts '?' for control characters and for bytes that aren't UTF-8, in place; never grows. */
static void clean(char *text)
{
    const unsigned char *from = (const unsigned char *)text;
    char *to = text;
    while (*from != '\0') {
        size_t length = utf8_length(from);
        if (length == 0 || is_control(from, length)) {
            *to++ = '?';
            from += length != 0 ? length : 1;
            continue;
        }
        for (size_t i = 0; i < length; i++)
            *to++ = (char)*from++;
    }
    *to = '\0';
}

/* Ends a text that fills its room at the last whole character, so that a cut leaves no '?'. */
static void cut_at_character(char *text, size_t length)
{
    size_t start = length;
    while (start > 0 && length - start < 4) {
        start--;
        unsigned char c = (unsigned char)text[start];
        if (c >= 0xc0) {
            size_t whole = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
            if (length - start < whole)
                text[start] = '\0';
            return;
        }
        if (c < 0x80)
            return;
    }
}

/* GNU's strerror_r returns the text and may leave the buffer alone; POSIX's fills the buffer and
 * returns a number. */
static const char *text_from_gnu(const char *result, const char *buffer)
{
    (void)buffer;
    return result;
}

static const char *text_from_posix(int result, const char *buffer)
{
    (void)result;
    return buffer;
}

#define STRERROR_TEXT(result, buffer)                                                              \
    _Generic((result), int : text_from_posix, default : text_from_gnu)(result, buffer)

/* Appends printf-like text to `text`, which holds `used` bytes; returns the new length. */
HH_PRINTF(3, 0)
static size_t append_format(char *text, size_t used, const char *format, va_list arguments)
{
    size_t room = HH_ERROR_MESSAGE_BYTES - used;
    int wanted = vsnprintf(text + used, room, format, arguments);
    if (wanted < 0) {
        text[used] = '\0';
        return used;
    }
    if ((size_t)wanted < room)
        return used + (size_t)wanted;
    cut_at_character(text, HH_ERROR_MESSAGE_BYTES - 1);
    return strlen(text);
}

HH_PRINTF(3, 4)
static size_t append(char *text, size_t used, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t length = append_format(text, used, format, arguments);
    va_end(arguments);
    return length;
}

static void store(hh_error *error, hh_status code, hh_phase phase, char *text)
{
    clean(text);
    memset(error, 0, sizeof(*error));
    error->code = code;
    error->category = hh__status_category(code);
    error->phase = phase;
    memcpy(error->message, text, strlen(text) + 1);
}

hh_status hh__fail(hh_error *error, hh_status code, hh_phase phase, const char *format, ...)
{
    if (error == NULL)
        return code;
    char text[HH_ERROR_MESSAGE_BYTES] = "";
    va_list arguments;
    va_start(arguments, format);
    append_format(text, 0, format, arguments);
    va_end(arguments);
    store(error, code, phase, text);
    return code;
}

hh_status hh__fail_os(hh_error *error, hh_status code, hh_phase phase, int os_error,
                      const char *format, ...)
{
    if (error == NULL)
        return code;
    char text[HH_ERROR_MESSAGE_BYTES] = "";
    va_list arguments;
    va_start(arguments, format);
    size_t used = append_format(text, 0, format, arguments);
    va_end(arguments);
    char buffer[128] = "";
    append(text, used, ": %s", STRERROR_TEXT(strerror_r(os_error, buffer, sizeof(buffer)), buffer));
    store(error, code, phase, text);
    error->os_error = os_error;
    return code;
}
