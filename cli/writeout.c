/*
 * writeout.c - see writeout.h.
 *
 * The engine times each phase of the last hop, and all hops before it as one; -w tells points in
 * time, from the start of the transfer, as curl does.
 */
#include "writeout.h"

#include <stdlib.h>

#include "header_json.h"

typedef enum variable {
    VAR_CONTENT_TYPE,
    VAR_ERRORMSG,
    VAR_EXITCODE,
    VAR_FILENAME_EFFECTIVE,
    VAR_HTTP_CODE,
    VAR_HTTP_VERSION,
    VAR_METHOD,
    VAR_NUM_CONNECTS,
    VAR_NUM_HEADERS,
    VAR_NUM_REDIRECTS,
    VAR_NUM_RETRIES,
    VAR_REDIRECT_URL,
    VAR_REMOTE_IP,
    VAR_REMOTE_PORT,
    VAR_RESPONSE_CODE,
    VAR_SCHEME,
    VAR_SIZE_DOWNLOAD,
    VAR_SIZE_HEADER,
    VAR_SIZE_UPLOAD,
    VAR_SPEED_DOWNLOAD,
    VAR_SPEED_UPLOAD,
    VAR_TIME_APPCONNECT,
    VAR_TIME_CONNECT,
    VAR_TIME_NAMELOOKUP,
    VAR_TIME_PRETRANSFER,
    VAR_TIME_REDIRECT,
    VAR_TIME_STARTTRANSFER,
    VAR_TIME_TOTAL,
    VAR_URL,
    VAR_URL_EFFECTIVE,
    VAR_URLNUM,
    VAR_COUNT
} variable;

static const char *const names[VAR_COUNT] = {
    [VAR_CONTENT_TYPE] = "content_type",
    [VAR_ERRORMSG] = "errormsg",
    [VAR_EXITCODE] = "exitcode",
    [VAR_FILENAME_EFFECTIVE] = "filename_effective",
    [VAR_HTTP_CODE] = "http_code",
    [VAR_HTTP_VERSION] = "http_version",
    [VAR_METHOD] = "method",
    [VAR_NUM_CONNECTS] = "num_connects",
    [VAR_NUM_HEADERS] = "num_headers",
    [VAR_NUM_REDIRECTS] = "num_redirects",
    [VAR_NUM_RETRIES] = "num_retries",
    [VAR_REDIRECT_URL] = "redirect_url",
    [VAR_REMOTE_IP] = "remote_ip",
    [VAR_REMOTE_PORT] = "remote_port",
    [VAR_RESPONSE_CODE] = "response_code",
    [VAR_SCHEME] = "scheme",
    [VAR_SIZE_DOWNLOAD] = "size_download",
    [VAR_SIZE_HEADER] = "size_header",
    [VAR_SIZE_UPLOAD] = "size_upload",
    [VAR_SPEED_DOWNLOAD] = "speed_download",
    [VAR_SPEED_UPLOAD] = "speed_upload",
    [VAR_TIME_APPCONNECT] = "time_appconnect",
    [VAR_TIME_CONNECT] = "time_connect",
    [VAR_TIME_NAMELOOKUP] = "time_namelookup",
    [VAR_TIME_PRETRANSFER] = "time_pretransfer",
    [VAR_TIME_REDIRECT] = "time_redirect",
    [VAR_TIME_STARTTRANSFER] = "time_starttransfer",
    [VAR_TIME_TOTAL] = "time_total",
    [VAR_URL] = "url",
    [VAR_URL_EFFECTIVE] = "url_effective",
    [VAR_URLNUM] = "urlnum",
};

/* Points in time, in nanoseconds from the start of the transfer. */
typedef struct points {
    uint64_t redirect;
    uint64_t namelookup;
    uint64_t connect;
    uint64_t appconnect;
    uint64_t pretransfer;
    uint64_t starttransfer;
    uint64_t total;
} points;

static points reckon(const cli_writeout_facts *facts)
{
    const hh_timings *timings = &facts->timings;
    points at;
    memset(&at, 0, sizeof(at));
    at.total = timings->total_ns;
    if (facts->status == 0)
        return at;
    at.redirect = timings->redirect_ns;
    at.namelookup = at.redirect + timings->queue_ns + timings->resolve_ns;
    at.connect = at.namelookup + timings->connect_ns;
    at.pretransfer = at.connect + timings->tls_ns;
    at.appconnect = timings->tls_ns > 0 ? at.pretransfer : 0;
    at.starttransfer = at.pretransfer + timings->send_ns + timings->wait_ns;
    return at;
}

static void add_seconds(cli_text *out, uint64_t nanoseconds)
{
    uint64_t micros = nanoseconds / 1000;
    cli_text_add_number(out, micros / 1000000, 1);
    cli_text_add_char(out, '.');
    cli_text_add_number(out, micros % 1000000, 6);
}

static void add_speed(cli_text *out, uint64_t bytes, uint64_t nanoseconds)
{
    double seconds = (double)nanoseconds / 1e9;
    cli_text_printf(out, "%.0f", seconds > 0 ? (double)bytes / seconds : 0.0);
}

/* "[::1]:443" and "127.0.0.1:80" split at the last colon; a Unix socket's path has no port. */
static void split_address(hh_slice address, hh_slice *ip, hh_slice *port)
{
    ip->data = "";
    ip->length = 0;
    *port = *ip;
    if (address.length == 0 || address.data[0] == '/' || address.data[0] == '@')
        return;
    size_t colon = address.length;
    while (colon > 0 && address.data[colon - 1] != ':')
        colon--;
    if (colon == 0)
        return;
    ip->data = address.data;
    ip->length = colon - 1;
    port->data = address.data + colon;
    port->length = address.length - colon;
    if (ip->length >= 2 && ip->data[0] == '[') {
        ip->data++;
        ip->length -= 2;
    }
}

static hh_slice scheme_of(hh_slice url)
{
    const char *colon = memchr(url.data, ':', url.length);
    hh_slice scheme = {url.data, colon != NULL ? (size_t)(colon - url.data) : 0};
    return scheme;
}

/* The text value of a variable; 0 when it is a number. */
static int text_value(variable which, const cli_writeout_facts *facts, hh_slice *out)
{
    hh_slice ip;
    hh_slice port;
    split_address(facts->remote_address, &ip, &port);
    /* clang-format off */
    if (which == VAR_CONTENT_TYPE) *out = facts->content_type;
    else if (which == VAR_ERRORMSG) *out = hh_slice_of(facts->error_message);
    else if (which == VAR_FILENAME_EFFECTIVE) *out = hh_slice_of(facts->filename);
    else if (which == VAR_METHOD) *out = facts->method;
    else if (which == VAR_REDIRECT_URL) *out = facts->redirect_url;
    else if (which == VAR_REMOTE_IP) *out = ip;
    else if (which == VAR_SCHEME) *out = scheme_of(facts->effective_url);
    else if (which == VAR_URL) *out = hh_slice_of(facts->url);
    else if (which == VAR_URL_EFFECTIVE) *out = facts->effective_url;
    else return 0;
    /* clang-format on */
    return 1;
}

static void add_point(variable which, const cli_writeout_facts *facts, cli_text *out)
{
    points at = reckon(facts);
    const uint64_t value[VAR_COUNT] = {
        [VAR_TIME_APPCONNECT] = at.appconnect, [VAR_TIME_CONNECT] = at.connect,
        [VAR_TIME_NAMELOOKUP] = at.namelookup, [VAR_TIME_PRETRANSFER] = at.pretransfer,
        [VAR_TIME_REDIRECT] = at.redirect,     [VAR_TIME_STARTTRANSFER] = at.starttransfer,
        [VAR_TIME_TOTAL] = at.total,
    };
    add_seconds(out, value[which]);
}

static void add_count(variable which, const cli_writeout_facts *facts, cli_text *out)
{
    const uint64_t value[VAR_COUNT] = {
        [VAR_EXITCODE] = (uint64_t)facts->exit,  [VAR_NUM_CONNECTS] = facts->connect_count,
        [VAR_NUM_HEADERS] = facts->header_count, [VAR_NUM_REDIRECTS] = facts->redirect_count,
        [VAR_NUM_RETRIES] = facts->retry_count,  [VAR_SIZE_DOWNLOAD] = facts->download_bytes,
        [VAR_SIZE_HEADER] = facts->header_bytes, [VAR_SIZE_UPLOAD] = facts->upload_bytes,
        [VAR_URLNUM] = facts->url_number,
    };
    cli_text_add_number(out, value[which], 1);
}

static int is_point(variable which)
{
    return which >= VAR_TIME_APPCONNECT && which <= VAR_TIME_TOTAL;
}

/* The two codes print as three digits in text; in JSON they are numbers like the rest. */
static void add_variable(variable which, const cli_writeout_facts *facts, cli_text *out)
{
    hh_slice text;
    hh_slice ip;
    if (text_value(which, facts, &text)) {
        cli_text_add_slice(out, text);
    } else if (which == VAR_HTTP_CODE || which == VAR_RESPONSE_CODE) {
        cli_text_printf(out, "%03d", facts->status);
    } else if (which == VAR_HTTP_VERSION) {
        cli_text_add_http_version(out, facts->version);
    } else if (which == VAR_REMOTE_PORT) {
        split_address(facts->remote_address, &ip, &text);
        cli_text_add_slice(out, text.length > 0 ? text : hh_slice_of("0"));
    } else if (which == VAR_SPEED_DOWNLOAD) {
        add_speed(out, facts->download_bytes, facts->timings.total_ns);
    } else if (which == VAR_SPEED_UPLOAD) {
        add_speed(out, facts->upload_bytes, facts->timings.total_ns);
    } else if (is_point(which)) {
        add_point(which, facts, out);
    } else {
        add_count(which, facts, out);
    }
}

static void add_json(const cli_writeout_facts *facts, cli_text *out)
{
    cli_text_add_char(out, '{');
    for (int i = 0; i < VAR_COUNT; i++) {
        variable which = (variable)i;
        hh_slice text;
        cli_text_printf(out, "\"%s\":", names[which]);
        if (text_value(which, facts, &text)) {
            if (text.length > 0)
                cli_text_add_json(out, text);
            else
                cli_text_add_string(out, "null");
        } else if (which == VAR_HTTP_CODE || which == VAR_RESPONSE_CODE) {
            cli_text_printf(out, "%d", facts->status);
        } else if (which == VAR_HTTP_VERSION) {
            cli_text_add_char(out, '"');
            cli_text_add_http_version(out, facts->version);
            cli_text_add_char(out, '"');
        } else {
            add_variable(which, facts, out);
        }
        cli_text_add_char(out, ',');
    }
    cli_text_add_string(out, "\"hyperhttp_version\":");
    cli_text_add_json(out, hh_slice_of(hh_version()));
    cli_text_add_char(out, '}');
}

static int is_name(hh_slice name, const char *wanted)
{
    return name.length == strlen(wanted) && memcmp(name.data, wanted, name.length) == 0;
}

/* What stands between the braces, other than what switches the stream. */
static void add_named(hh_slice name, const cli_writeout_facts *facts, cli_text *out, cli_text *err)
{
    if (is_name(name, "json")) {
        add_json(facts, out);
        return;
    }
    if (is_name(name, "header_json")) {
        cli_header_json_add(out, facts->headers, facts->header_count, ",\n");
        return;
    }
    for (int i = 0; i < VAR_COUNT; i++) {
        if (is_name(name, names[i])) {
            add_variable((variable)i, facts, out);
            return;
        }
    }
    cli_text_printf(err, "hyperhttp: unknown --write-out variable: '%.*s'\n", HH_SLICE_ARGS(name));
}

/* %header{name}: the first value of that name. Returns where the text goes on, NULL when `at` is no
 * such thing. */
static const char *add_header(const char *at, const cli_writeout_facts *facts, cli_text *out)
{
    static const char opening[] = "%header{";
    const char *end = strchr(at, '}');
    if (strncmp(at, opening, sizeof(opening) - 1) != 0 || end == NULL)
        return NULL;
    hh_slice name = {at + sizeof(opening) - 1, (size_t)(end - at) - sizeof(opening) + 1};
    for (size_t i = 0; i < facts->header_count; i++) {
        if (cli_is_same_field(facts->headers[i].name, name)) {
            cli_text_add_slice(out, facts->headers[i].value);
            break;
        }
    }
    return end + 1;
}

static void add_escape(char letter, cli_text *out)
{
    if (letter == 'n') {
        cli_text_add_char(out, '\n');
    } else if (letter == 'r') {
        cli_text_add_char(out, '\r');
    } else if (letter == 't') {
        cli_text_add_char(out, '\t');
    } else {
        cli_text_add_char(out, '\\');
        cli_text_add_char(out, letter);
    }
}

void cli_writeout_format(const char *format, const cli_writeout_facts *facts, cli_text *out,
                         cli_text *err)
{
    cli_text *to = out;
    const char *at = format;
    while (*at != '\0') {
        const char *end = at[0] == '%' && at[1] == '{' ? strchr(at, '}') : NULL;
        const char *after = at[0] == '%' ? add_header(at, facts, to) : NULL;
        if (after != NULL) {
            at = after;
        } else if (end != NULL) {
            hh_slice name = {at + 2, (size_t)(end - at) - 2};
            at = end + 1;
            if (is_name(name, "stderr"))
                to = err;
            else if (is_name(name, "stdout"))
                to = out;
            else if (is_name(name, "onerror") && facts->exit == 0)
                return;
            else if (!is_name(name, "onerror"))
                add_named(name, facts, to, err);
        } else if (at[0] == '%' && at[1] == '%') {
            cli_text_add_char(to, '%');
            at += 2;
        } else if (at[0] == '\\' && at[1] != '\0') {
            add_escape(at[1], to);
            at += 2;
        } else {
            cli_text_add_char(to, *at++);
        }
    }
}
