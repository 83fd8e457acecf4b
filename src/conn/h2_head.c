/*
 * h2_head.c - see h2_head.h for the contract.
 *
 * A field costs one copy into the text and an entry in the index. Unequal or unreadable lengths are
 * refused as over HTTP/1 (codec/h1_framing), though the end of a stream can't be mistaken: who
 * translates the answer to HTTP/1 could be misled. Values are looked at together, once the block is
 * complete: the only control characters of its text are the line ends written here.
 *
 * A head mostly begins with the same fields as the one before it on its connection. Their lines
 * still lie in the text, checked and indexed, so a field that is the same costs a comparison; from
 * the first that differs on lines are written anew.
 */
#include "conn/h2_head.h"

#include "base/ascii.h"
#include "base/limits.h"
#include "codec/scan.h"

#define VERSION_TEXT "HTTP/2 "

enum { STATUS_DIGITS = 3, SWITCHING_PROTOCOLS = 101 };

#define STATUS_LINE_BYTES (sizeof(VERSION_TEXT) - 1 + STATUS_DIGITS + 2)

void hh__h2_head_init(hh_h2_head *head)
{
    hh__bytes_init(&head->text, 0);
    hh__fields_init(&head->fields);
    head->is_complete = false;
    hh__h2_head_begin(head, HH_H2_BLOCK_HEAD, 0, 0);
}

void hh__h2_head_finish(hh_h2_head *head)
{
    hh__bytes_finish(&head->text);
    hh__fields_finish(&head->fields);
}

void hh__h2_head_begin(hh_h2_head *head, hh_h2_block block, uint32_t max_bytes, uint32_t max_fields)
{
    if (head->text.capacity > HH_H2_HEAD_KEPT_BYTES)
        hh__bytes_finish(&head->text);
    if (head->fields.capacity > HH_H2_HEAD_KEPT_BYTES / sizeof(hh_field_entry))
        hh__fields_finish(&head->fields);
    bool is_alike = block == HH_H2_BLOCK_HEAD && head->block == HH_H2_BLOCK_HEAD &&
                    head->is_complete && head->text.data != NULL && head->text.length <= max_bytes;
    head->repeatable_status = is_alike ? head->status : 0;
    head->repeatable = is_alike ? head->fields.count : 0;
    head->repeatable_length = head->content_length;
    head->is_complete = false;
    head->checked = 0;
    head->text.length = 0; /* not cleared: that would write into what may be repeated */
    head->text.status = HH_OK;
    hh__fields_clear(&head->fields);
    head->text.limit = max_bytes;
    head->block = block;
    head->max_fields = max_fields;
    head->status = 0;
    head->content_length = UINT64_MAX;
    head->failure = HH_OK;
    head->problem = NULL;
}

static void fail(hh_h2_head *head, hh_status failure, const char *problem)
{
    head->failure = failure;
    head->problem = problem;
}

static void fail_protocol(hh_h2_head *head, const char *problem)
{
    fail(head, HH_ERR_PROTOCOL, problem);
}

/* Room for a line, or NULL, and the block has failed. */
static char *reserve(hh_h2_head *head, size_t length)
{
    size_t end = head->text.length + length;
    if (end < head->text.capacity && end <= head->text.limit)
        return head->text.data + head->text.length; /* as nearly always */
    char *room = hh__bytes_reserve(&head->text, length);
    if (room != NULL)
        return room;
    if (head->text.status == HH_ERR_NO_MEMORY)
        fail(head, HH_ERR_NO_MEMORY, "out of memory for fields");
    else
        fail(head, HH_ERR_HEADERS_TOO_LARGE,
             head->block == HH_H2_BLOCK_HEAD ? "a response head over its size limit"
                                             : "trailers over their size limit");
    return NULL;
}

static char *put(char *at, hh_slice text)
{
    if (text.length != 0)
        memcpy(at, text.data, text.length);
    return at + text.length;
}

static void close_line(hh_h2_head *head, char *at)
{
    *at++ = '\r';
    *at++ = '\n';
    *at = '\0';
    head->text.length = (size_t)(at - head->text.data);
}

/* RFC 9113 §8.3.2: three digits, RFC 9110 §15: from 100 on. */
static int read_status(hh_slice value)
{
    if (value.length != STATUS_DIGITS || value.data[0] == '0')
        return 0;
    int status = 0;
    for (size_t i = 0; i < STATUS_DIGITS; i++) {
        if (!hh__is_digit(value.data[i]))
            return 0;
        status = status * 10 + (value.data[i] - '0');
    }
    return status;
}

/* From here on lines are written. */
static void stop_repeating(hh_h2_head *head)
{
    head->repeatable_status = 0;
    head->repeatable = 0;
}

/* Whether this is the next field of the last head; then its line stands there already. */
static bool repeat(hh_h2_head *head, hh_slice name, hh_slice value)
{
    if (head->fields.count >= head->repeatable || head->fields.count >= head->max_fields)
        return false;
    const hh_field_entry *entry = &head->fields.entries[head->fields.count];
    const char *text = head->text.data;
    if (entry->name_length != name.length || entry->value_length != value.length ||
        memcmp(text + entry->name_offset, name.data, name.length) != 0 ||
        memcmp(text + entry->value_offset, value.data, value.length) != 0)
        return false;
    if (entry->id == HH_FIELD_CONTENT_LENGTH)
        head->content_length = head->repeatable_length;
    head->text.length = entry->value_offset + value.length + 2;
    head->checked = ++head->fields.count;
    return true;
}

static void add_status(hh_h2_head *head, hh_slice value)
{
    int status = read_status(value);
    if (status != 0 && status == head->repeatable_status) {
        head->status = status;
        head->text.length = STATUS_LINE_BYTES;
        return;
    }
    stop_repeating(head);
    if (status == 0) {
        fail_protocol(head, "a :status that isn't three digits from 100 on");
        return;
    }
    if (status == SWITCHING_PROTOCOLS) { /* RFC 9113 §8.6 */
        fail_protocol(head, "status 101, which HTTP/2 doesn't have");
        return;
    }
    char *at = reserve(head, STATUS_LINE_BYTES);
    if (at == NULL)
        return;
    head->status = status;
    at = put(at, (hh_slice){VERSION_TEXT, sizeof(VERSION_TEXT) - 1});
    close_line(head, put(at, value));
}

/* RFC 9113 §8.3: pseudo-fields come before the others, once each, and only those there are. */
static void add_pseudo(hh_h2_head *head, hh_slice name, hh_slice value)
{
    if (head->block == HH_H2_BLOCK_TRAILERS)
        fail_protocol(head, "a pseudo-field in trailers");
    else if (!hh__slice_is(name, ":status"))
        fail_protocol(head, "a pseudo-field other than :status");
    else if (head->status != 0)
        fail_protocol(head, "a second :status");
    else
        add_status(head, value);
}

/* Equal lengths may repeat (RFC 9110 §8.6). */
static void take_length(hh_h2_head *head, hh_slice value)
{
    uint64_t length;
    hh_status status = hh__parse_unsigned(value, INT64_MAX, &length);
    if (status == HH_ERR_LIMIT)
        fail_protocol(head, "a Content-Length over 2^63-1");
    else if (status != HH_OK)
        fail_protocol(head, "a Content-Length that is no number");
    else if (head->content_length != UINT64_MAX && head->content_length != length)
        fail_protocol(head, "Content-Lengths that differ");
    else
        head->content_length = length;
}

/* What the engine must know of a field, by its name. */
static void check(hh_h2_head *head, hh_field_id id, hh_slice value)
{
    if (id == HH_FIELD_CONNECTION || id == HH_FIELD_KEEP_ALIVE || id == HH_FIELD_PROXY_CONNECTION ||
        id == HH_FIELD_TRANSFER_ENCODING || id == HH_FIELD_UPGRADE)
        fail_protocol(head, "a field of HTTP/1 connections"); /* RFC 9113 §8.2.2 */
    else if (id == HH_FIELD_TE && !hh__slice_is_nocase(value, "trailers"))
        fail_protocol(head, "TE with something else than trailers"); /* likewise */
    else if (id == HH_FIELD_CONTENT_LENGTH && head->block == HH_H2_BLOCK_HEAD)
        take_length(head, value);
}

/* RFC 9113 §8.2.1: a token without capitals. */
static bool is_lower_name(hh_slice name)
{
    unsigned classes = HH__SCAN_LOWER;
    for (size_t i = 0; i < name.length; i++)
        classes &= hh__scan_class[(unsigned char)name.data[i]];
    return name.length != 0 && classes != 0;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* RFC 9113 §8.2.1: nothing around it, as whoever reads HTTP/1 would strip it. */
static bool has_space_around(hh_slice value)
{
    return value.length != 0 && (is_space(value.data[0]) || is_space(value.data[value.length - 1]));
}

/* RFC 9113 §8.2.1: CR, LF and NUL could inject; the other controls have no place either. */
static bool has_control(const hh_h2_head *head)
{
    const hh_scanner *scanner = hh__scanner();
    const char *text = head->text.data;
    const char *end = text + head->text.length;
    for (uint32_t i = head->checked; i < head->fields.count; i++) {
        const hh_field_entry *entry = &head->fields.entries[i];
        const char *value_end = text + entry->value_offset + entry->value_length;
        if (scanner->value_end(text + entry->name_offset, end) != value_end)
            return true;
    }
    return false;
}

static void append(hh_h2_head *head, hh_field_id id, hh_slice name, hh_slice value)
{
    if (name.length > UINT16_MAX) {
        fail(head, HH_ERR_HEADERS_TOO_LARGE, "a field name over 65535 bytes");
        return;
    }
    char *at = reserve(head, name.length + 2 + value.length + 2);
    if (at == NULL)
        return;
    uint32_t start = (uint32_t)head->text.length;
    hh_field_entry entry = {
        .name_offset = start,
        .value_offset = start + (uint32_t)name.length + 2,
        .value_length = (uint32_t)value.length,
        .name_length = (uint16_t)name.length,
        .id = (uint16_t)id,
    };
    hh_status status = hh__fields_add(&head->fields, entry, head->max_fields);
    if (status != HH_OK) {
        fail(head, status,
             status == HH_ERR_NO_MEMORY ? "out of memory for fields" : "too many fields");
        return;
    }
    at = put(at, name);
    *at++ = ':';
    *at++ = ' ';
    close_line(head, put(at, value));
}

void hh__h2_head_add(hh_h2_head *head, hh_slice name, hh_slice value)
{
    if (head->failure != HH_OK)
        return;
    if (name.length != 0 && name.data[0] == ':') {
        add_pseudo(head, name, value);
        return;
    }
    if (head->block == HH_H2_BLOCK_HEAD && head->status == 0) {
        fail_protocol(head, "a field before :status");
        return;
    }
    if (repeat(head, name, value))
        return;
    stop_repeating(head);
    if (!is_lower_name(name)) {
        fail_protocol(head, "a field name that isn't one");
        return;
    }
    if (has_space_around(value)) {
        fail_protocol(head, "a field value with white space around it");
        return;
    }
    hh_field_id id = hh__field_id(name);
    check(head, id, value);
    if (head->failure == HH_OK)
        append(head, id, name, value);
}

hh_status hh__h2_head_end(hh_h2_head *head)
{
    if (head->failure == HH_OK && head->block == HH_H2_BLOCK_HEAD && head->status == 0)
        fail_protocol(head, "a head without :status");
    if (head->failure == HH_OK && has_control(head))
        fail_protocol(head, "a control character in a field value");
    if (head->failure != HH_OK)
        return head->failure;
    char *at = reserve(head, 2);
    if (at != NULL)
        close_line(head, at);
    head->is_complete = at != NULL;
    return head->failure;
}
