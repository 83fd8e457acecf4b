/*
 * text.c - see text.h.
 */
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define DIGITS_MAX 20 /* of 2^64 - 1 */

void cli_text_finish(cli_text *text)
{
    free(text->data);
    memset(text, 0, sizeof(*text));
}

void cli_text_clear(cli_text *text)
{
    text->length = 0;
    text->failed = 0;
    if (text->data != NULL)
        text->data[0] = '\0';
}

int cli_text_is_good(const cli_text *text)
{
    return !text->failed;
}

const char *cli_text_string(const cli_text *text)
{
    return text->data != NULL && !text->failed ? text->data : "";
}

hh_slice cli_text_slice(const cli_text *text)
{
    hh_slice slice = {cli_text_string(text), text->failed ? 0 : text->length};
    return slice;
}

char *cli_text_take(cli_text *text)
{
    cli_text_add(text, "", 0);
    char *data = text->failed ? NULL : text->data;
    if (data == NULL)
        free(text->data);
    memset(text, 0, sizeof(*text));
    return data;
}

static int is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

hh_slice cli_trim(hh_slice slice)
{
    while (slice.length > 0 && is_blank(slice.data[0])) {
        slice.data++;
        slice.length--;
    }
    while (slice.length > 0 && is_blank(slice.data[slice.length - 1]))
        slice.length--;
    return slice;
}

static int has_room(cli_text *text, size_t more)
{
    if (text->failed || more > SIZE_MAX / 4 - text->length) {
        text->failed = 1;
        return 0;
    }
    size_t needed = text->length + more + 1;
    if (needed <= text->capacity)
        return 1;
    size_t capacity = text->capacity < 64 ? 64 : text->capacity;
    while (capacity < needed)
        capacity *= 2;
    char *data = realloc(text->data, capacity);
    if (data == NULL) {
        text->failed = 1;
        return 0;
    }
    text->data = data;
    text->capacity = capacity;
    return 1;
}

void cli_text_add(cli_text *text, const void *data, size_t length)
{
    if (!has_room(text, length))
        return;
    if (length > 0)
        memcpy(text->data + text->length, data, length);
    text->length += length;
    text->data[text->length] = '\0';
}

void cli_text_add_slice(cli_text *text, hh_slice slice)
{
    cli_text_add(text, slice.data, slice.length);
}

void cli_text_add_string(cli_text *text, const char *string)
{
    cli_text_add(text, string, strlen(string));
}

void cli_text_add_char(cli_text *text, char byte)
{
    cli_text_add(text, &byte, 1);
}

void cli_text_printf(cli_text *text, const char *format, ...)
{
    va_list arguments;
    if (!has_room(text, 0))
        return;
    size_t room = text->capacity - text->length;
    va_start(arguments, format);
    int length = vsnprintf(text->data + text->length, room, format, arguments);
    va_end(arguments);
    if (length >= 0 && (size_t)length >= room) {
        if (!has_room(text, (size_t)length))
            return;
        va_start(arguments, format);
        vsnprintf(text->data + text->length, (size_t)length + 1, format, arguments);
        va_end(arguments);
    }
    if (length < 0)
        text->failed = 1;
    else
        text->length += (size_t)length;
}

/* The length of the well-formed UTF-8 sequence at the start of `slice` (Unicode 15, table 3-7), 0
 * when there is none. */
static size_t utf8_length(hh_slice slice)
{
    const unsigned char *at = (const unsigned char *)slice.data;
    size_t length = 0;
    unsigned low = 0x80;
    unsigned high = 0xBF;
    if (at[0] >= 0xC2 && at[0] <= 0xDF) {
        length = 2;
    } else if (at[0] >= 0xE0 && at[0] <= 0xEF) {
        length = 3;
        low = at[0] == 0xE0 ? 0xA0 : 0x80;
        high = at[0] == 0xED ? 0x9F : 0xBF;
    } else if (at[0] >= 0xF0 && at[0] <= 0xF4) {
        length = 4;
        low = at[0] == 0xF0 ? 0x90 : 0x80;
        high = at[0] == 0xF4 ? 0x8F : 0xBF;
    }
    if (length == 0 || length > slice.length || at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++) {
        if (at[i] < 0x80 || at[i] > 0xBF)
            return 0;
    }
    return length;
}

static void add_json_ascii(cli_text *text, unsigned char byte)
{
    switch (byte) {
    case '"':
        cli_text_add(text, "\\\"", 2);
        return;
    case '\\':
        cli_text_add(text, "\\\\", 2);
        return;
    case '\n':
        cli_text_add(text, "\\n", 2);
        return;
    case '\r':
        cli_text_add(text, "\\r", 2);
        return;
    case '\t':
        cli_text_add(text, "\\t", 2);
        return;
    default:
        cli_text_printf(text, "\\u%04x", byte);
    }
}

static int is_plain_json(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\';
}

void cli_text_add_json(cli_text *text, hh_slice slice)
{
    cli_text_add_char(text, '"');
    size_t i = 0;
    while (i < slice.length) {
        size_t start = i;
        while (i < slice.length && is_plain_json((unsigned char)slice.data[i]))
            i++;
        cli_text_add(text, slice.data + start, i - start);
        if (i == slice.length)
            break;
        hh_slice rest = {slice.data + i, slice.length - i};
        size_t length = (unsigned char)slice.data[i] < 0x80 ? 0 : utf8_length(rest);
        if (length > 0) {
            cli_text_add(text, slice.data + i, length);
            i += length;
        } else {
            add_json_ascii(text, (unsigned char)slice.data[i]);
            i++;
        }
    }
    cli_text_add_char(text, '"');
}

void cli_text_add_number(cli_text *text, uint64_t number, unsigned digits)
{
    char reversed[DIGITS_MAX];
    char decimal[DIGITS_MAX];
    unsigned length = 0;
    while (number > 0 || length < digits) {
        reversed[length++] = (char)('0' + number % 10);
        number /= 10;
    }
    for (unsigned i = 0; i < length; i++)
        decimal[i] = reversed[length - 1 - i];
    cli_text_add(text, decimal, length);
}

void cli_text_add_count(cli_text *text, uint64_t count)
{
    char digits[24];
    int length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)count);
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            cli_text_add_char(text, ',');
        cli_text_add_char(text, digits[i]);
    }
}

void cli_text_add_size(cli_text *text, double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t unit = 0;
    while (bytes >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        bytes /= 1024;
        unit++;
    }
    cli_text_printf(text, "%.*f %s", unit == 0 ? 0 : 1, bytes, units[unit]);
}

void cli_text_add_http_version(cli_text *text, int version)
{
    if (version >= 20)
        cli_text_printf(text, "%d", version / 10);
    else if (version > 0)
        cli_text_printf(text, "%d.%d", version / 10, version % 10);
    else
        cli_text_add_char(text, '0');
}
