/*
 * text_log.h - what has happened, as a text for tests to compare; in memory of its owner's, so that
 * writing it down never allocates. An entry that has no room is left out whole.
 */
#ifndef TESTS_SUPPORT_TEXT_LOG_H
#define TESTS_SUPPORT_TEXT_LOG_H

#include "codec/fields.h"

typedef struct text_log {
    char *text; /* ended by NUL */
    size_t length;
    size_t capacity;
} text_log;

void text_log_init(text_log *log, char *text, size_t capacity);
void text_log_clear(text_log *log);
void text_log_add(text_log *log, const char *data, size_t length);
/* At most a kibibyte. */
void text_log_print(text_log *log, const char *format, ...) HH_PRINTF(2, 3);
/* " name=value" */
void text_log_add_field(text_log *log, hh_slice name, hh_slice value);
/* The same for each; offsets count from `base`. */
void text_log_add_fields(text_log *log, const hh_field_entry *entries, uint32_t count,
                         const char *base);

#endif
