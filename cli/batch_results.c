/*
 * batch_results.c - see batch_results.h.
 */
#include "batch_results.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "batch_directory.h"
#include "clock.h"
#include "files.h"
#include "header_json.h"

void batch_results_init(batch_results *results)
{
    memset(results, 0, sizeof(*results));
    results->results = -1;
    results->journal = -1;
}

void batch_results_finish(batch_results *results)
{
    if (results->results >= 0 && results->results != STDOUT_FILENO)
        close(results->results);
    if (results->journal >= 0)
        close(results->journal);
    cli_text_finish(&results->result_lines);
    cli_text_finish(&results->journal_lines);
    batch_results_init(results);
}

static hh_status open_file(int directory, const char *path, batch_results_mode mode, int *out,
                           cli_text *problem)
{
    int flags = O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | (mode == BATCH_RESULTS_NEW ? O_TRUNC : 0);
    if (directory != AT_FDCWD)
        flags |= O_NOFOLLOW;
    int descriptor = openat(directory, path, flags, 0666);
    struct stat file;
    if (descriptor < 0 || fstat(descriptor, &file) != 0) {
        cli_text_printf(problem, "can't write '%s': %s", path, strerror(errno));
    } else if (mode == BATCH_RESULTS_RESUME && !S_ISREG(file.st_mode)) {
        cli_text_printf(problem, "'%s' is no file a run could be resumed from", path);
    } else {
        *out = descriptor;
        return HH_OK;
    }
    if (descriptor >= 0)
        close(descriptor);
    return HH_ERR_FILE;
}

hh_status batch_results_open(batch_results *results, const char *path, int directory,
                             batch_results_mode mode, cli_resume *resume, cli_text *problem)
{
    int is_piped = path != NULL && strcmp(path, "-") == 0;
    hh_status status = HH_OK;
    if (is_piped)
        results->results = STDOUT_FILENO;
    else if (path != NULL)
        status = open_file(AT_FDCWD, path, mode, &results->results, problem);
    if (status == HH_OK && directory >= 0 && (path == NULL || is_piped))
        status = open_file(directory, BATCH_JOURNAL_NAME, mode, &results->journal, problem);
    if (status != HH_OK || mode != BATCH_RESULTS_RESUME)
        return status;
    if (results->journal >= 0)
        return cli_resume_read(resume, results->journal, BATCH_JOURNAL_NAME, problem);
    return cli_resume_read(resume, results->results, path, problem);
}

static void add_headers(cli_text *out, const hh_response *response)
{
    hh_field fields[CLI_HEADER_FIELDS_MAX];
    size_t count = hh_response_field_count(response);
    if (count > CLI_HEADER_FIELDS_MAX)
        count = CLI_HEADER_FIELDS_MAX;
    for (size_t i = 0; i < count; i++)
        fields[i] = hh_response_field_at(response, i);
    cli_header_json_add(out, fields, count, ",");
}

static void add_ms(cli_text *out, const char *name, uint64_t nanoseconds)
{
    cli_text_add_string(out, name);
    cli_text_add_number(out, nanoseconds / 1000000, 1);
    cli_text_add_char(out, '.');
    cli_text_add_number(out, nanoseconds / 1000 % 1000, 3);
}

static void add_timings(cli_text *out, const batch_item *item, const hh_response *response)
{
    hh_timings timings;
    memset(&timings, 0, sizeof(timings));
    if (response != NULL)
        timings = hh_response_timings(response);
    if (timings.total_ns == 0 && item->start_ns != 0)
        timings.total_ns = cli_clock_ns() - item->start_ns;
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"{\"queue_ms\":", timings.queue_ns},     {",\"resolve_ms\":", timings.resolve_ns},
        {",\"connect_ms\":", timings.connect_ns}, {",\"tls_ms\":", timings.tls_ns},
        {",\"send_ms\":", timings.send_ns},       {",\"wait_ms\":", timings.wait_ns},
        {",\"receive_ms\":", timings.receive_ns}, {",\"total_ms\":", timings.total_ns},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        add_ms(out, rows[i].name, rows[i].value);
    cli_text_add_char(out, '}');
}

static void add_failure(cli_text *out, const batch_failure *failure)
{
    if (failure == NULL || failure->class == NULL) {
        cli_text_add_string(out, "null");
        return;
    }
    cli_text_printf(out, "{\"class\":\"%s\",\"phase\":\"%s\",\"code\":\"%s\",\"message\":",
                    failure->class, failure->phase, failure->code);
    cli_text_add_json(out, hh_slice_of(failure->message));
    cli_text_add_char(out, '}');
}

static void add_string_or_null(cli_text *out, const char *string)
{
    if (string != NULL)
        cli_text_add_json(out, hh_slice_of(string));
    else
        cli_text_add_string(out, "null");
}

/* "id", "url" and, where these don't tell items apart, "key": what --resume reads. */
static void add_identity(cli_text *out, const batch_item *item)
{
    cli_text_add_string(out, "{\"id\":");
    cli_text_add_string(out, item->id != NULL ? item->id : "null");
    cli_text_add_string(out, ",\"url\":");
    add_string_or_null(out, item->is_invalid ? batch_item_typed_url(item) : item->url);
    if (batch_item_is_key_shown(item)) {
        cli_text_add_string(out, ",\"key\":\"");
        cli_key_add(out, batch_item_key(item));
        cli_text_add_char(out, '"');
    }
}

static void add_result(cli_text *out, const batch_item *item, const hh_response *response,
                       const batch_failure *failure)
{
    int is_kept = item->file != NULL && failure->class == NULL;
    add_identity(out, item);
    cli_text_add_string(out, ",\"line\":");
    if (item->line > 0)
        cli_text_add_number(out, item->line, 1);
    else
        cli_text_add_string(out, "null");
    if (response != NULL) {
        cli_text_add_string(out, ",\"status\":");
        cli_text_add_number(out, (uint64_t)hh_response_status(response), 1);
        cli_text_add_string(out, ",\"http_version\":\"");
        cli_text_add_http_version(out, hh_response_version(response));
        cli_text_add_string(out, "\",\"headers\":");
        add_headers(out, response);
    } else {
        cli_text_add_string(out, ",\"status\":null,\"http_version\":null,\"headers\":null");
    }
    cli_text_add_string(out, ",\"bytes\":");
    cli_text_add_number(out, item->bytes, 1);
    cli_text_add_string(out, ",\"file\":");
    add_string_or_null(out, is_kept ? item->file : NULL);
    cli_text_add_string(out, ",\"timings\":");
    add_timings(out, item, response);
    cli_text_add_string(out, ",\"error\":");
    add_failure(out, failure);
    cli_text_add_string(out, "}\n");
}

hh_status batch_results_add(batch_results *results, const batch_item *item,
                            const hh_response *response, const batch_failure *failure)
{
    if (results->results >= 0)
        add_result(&results->result_lines, item, response, failure);
    if (results->journal >= 0) {
        add_identity(&results->journal_lines, item);
        cli_text_add_string(&results->journal_lines, ",\"error\":");
        add_failure(&results->journal_lines, failure);
        cli_text_add_string(&results->journal_lines, "}\n");
    }
    return cli_text_is_good(&results->result_lines) && cli_text_is_good(&results->journal_lines)
               ? HH_OK
               : HH_ERR_NO_MEMORY;
}

static hh_status flush_one(batch_results *results, int descriptor, cli_text *lines)
{
    if (lines->length == 0)
        return HH_OK;
    int os_error = cli_file_write(descriptor, cli_text_slice(lines));
    cli_text_clear(lines);
    if (os_error == 0)
        return HH_OK;
    results->os_error = os_error;
    results->has_standard_failed = descriptor == STDOUT_FILENO;
    return HH_ERR_FILE;
}

hh_status batch_results_flush(batch_results *results)
{
    /* The results first: an item in the journal but not in the results would never be told. */
    hh_status status = flush_one(results, results->results, &results->result_lines);
    if (status == HH_OK)
        status = flush_one(results, results->journal, &results->journal_lines);
    return status;
}
