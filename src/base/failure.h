/*
 * failure.h - fills hh_error values, and the table that gives each status its category.
 */
#ifndef HH_BASE_FAILURE_H
#define HH_BASE_FAILURE_H

#include <hyperhttp/error.h>

/* The category that belongs to a status by itself. */
hh_category hh__status_category(hh_status status);

/* Sets every field anew: code, its category, phase, and the sentence (cut at the room there is, at
 * a UTF-8 boundary; control characters become '?'). `error` may be NULL, then nothing happens.
 * Returns `code`, so that `return hh__fail(...)` reads well. */
hh_status hh__fail(hh_error *error, hh_status code, hh_phase phase, const char *format, ...)
    HH_PRINTF(4, 5);

/* The same with errno's number kept in os_error; the sentence gets ": " and strerror's text. Uses
 * no static buffer. */
hh_status hh__fail_os(hh_error *error, hh_status code, hh_phase phase, int os_error,
                      const char *format, ...) HH_PRINTF(5, 6);

#endif
