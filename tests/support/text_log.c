/*
 * text_log.c - see text_log.h.
 */
#include "support/text_log.h"

#include <stdarg.h>
#include <string.h>

#include "support/check.h"

void text_log_init(text_log *log, char *text, size_t capacity)
{
    *log = (text_log){.text = text, .capacity = capacity};
    text_log_clear(log);
}

void text_log_clear(text_log *log)
{
    log->length = 0;
    log->text[0] = '\0';
}

void text_log_add(text_log *log, const char *data, size_t length)
{
    if (length == 0 || length >= log->capacity - log->length)
        return;
    memcpy(log->text + log->length, data, length);
    log->length += length;
    log->text[log->length] = '\0';
}

void text_log_print(text_log *log, const char *format, ...)
{
    char text[1024];
    va_list list;
    va_start(list, format);
    int length = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    CHECK(length >= 0 && (size_t)length < sizeof text);
    text_log_add(log, text, (size_t)length);
}

void text_log_add_field(text_log *log, hh_slice name, hh_slice value)
{
    text_log_add(log, " ", 1);
    text_log_add(log, name.data, name.length);
    text_log_add(log, "=", 1);
    text_log_add(log, value.data, value.length);
}

void text_log_add_fields(text_log *log, const hh_field_entry *entries, uint32_t count,
                         const char *base)
{
    for (uint32_t i = 0; i < count; i++)
        text_log_add_field(log, hh__entry_name(&entries[i], base),
                           hh__entry_value(&entries[i], base));
}
