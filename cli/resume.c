/*
 * resume.c - see resume.h.
 */
#include "resume.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "batch_item.h"
#include "lines.h"

#define FIRST_SLOTS 1024

void cli_resume_finish(cli_resume *resume)
{
    free(resume->slots);
    memset(resume, 0, sizeof(*resume));
}

static int is_zero(cli_hash key)
{
    return key.low == 0 && key.high == 0;
}

/* Zero marks an empty slot; the one key in 2^128 that is zero shares a slot with its neighbour. */
static cli_hash normal(cli_hash key)
{
    if (is_zero(key))
        key.low = 1;
    return key;
}

static cli_hash *slot_of(const cli_resume *resume, cli_hash key)
{
    size_t at = (size_t)key.low & (resume->capacity - 1);
    while (!is_zero(resume->slots[at]) &&
           (resume->slots[at].low != key.low || resume->slots[at].high != key.high))
        at = (at + 1) & (resume->capacity - 1);
    return &resume->slots[at];
}

static hh_status grow(cli_resume *resume)
{
    cli_resume larger = {NULL, resume->capacity == 0 ? FIRST_SLOTS : resume->capacity * 2,
                         resume->count};
    larger.slots = calloc(larger.capacity, sizeof(cli_hash));
    if (larger.slots == NULL)
        return HH_ERR_NO_MEMORY;
    for (size_t i = 0; i < resume->capacity; i++) {
        if (!is_zero(resume->slots[i]))
            *slot_of(&larger, resume->slots[i]) = resume->slots[i];
    }
    free(resume->slots);
    *resume = larger;
    return HH_OK;
}

hh_status cli_resume_add(cli_resume *resume, cli_hash key)
{
    key = normal(key);
    if (resume->count >= resume->capacity / 3 * 2) {
        hh_status status = grow(resume);
        if (status != HH_OK)
            return status;
    }
    cli_hash *slot = slot_of(resume, key);
    if (is_zero(*slot)) {
        *slot = key;
        resume->count++;
    }
    return HH_OK;
}

int cli_resume_has(const cli_resume *resume, cli_hash key)
{
    return resume->capacity > 0 && !is_zero(*slot_of(resume, normal(key)));
}

void cli_key_add(cli_text *out, cli_hash key)
{
    cli_text_printf(out, "%016llx%016llx", (unsigned long long)key.high,
                    (unsigned long long)key.low);
}

static int parse_key(const char *text, cli_hash *out)
{
    char half[17] = {0};
    if (strlen(text) != 32 || strspn(text, "0123456789abcdef") != 32)
        return 0;
    memcpy(half, text, 16);
    out->high = strtoull(half, NULL, 16);
    out->low = strtoull(text + 16, NULL, 16);
    return 1;
}

/* Adds the item one result line tells of. Lines that are no results are passed over: a file may
 * hold what other tools wrote. */
static hh_status add_line(cli_resume *resume, hh_slice line)
{
    json_t *root = json_loadb(line.data, line.length, 0, NULL);
    if (root == NULL)
        return HH_OK;
    hh_status status = HH_OK;
    const json_t *key = json_object_get(root, "key");
    const json_t *url = json_object_get(root, "url");
    cli_hash hash;
    cli_text id = {0};
    if (json_is_null(json_object_get(root, "error"))) {
        if (batch_id_text(json_object_get(root, "id"), &id) == HH_OK)
            status = cli_resume_add(resume, batch_key_of_id(cli_text_slice(&id)));
        else if (json_is_string(key) && parse_key(json_string_value(key), &hash))
            status = cli_resume_add(resume, hash);
        else if (json_is_string(url) && key == NULL)
            status = cli_resume_add(resume, batch_key_of_url(hh_slice_of(json_string_value(url))));
    }
    cli_text_finish(&id);
    json_decref(root);
    return status;
}

hh_status cli_resume_read(cli_resume *resume, int descriptor, const char *path, cli_text *problem)
{
    cli_lines lines;
    cli_lines_init(&lines, descriptor);
    hh_status status = HH_OK;
    uint64_t whole = 0;
    hh_slice line;
    cli_lines_result result = CLI_LINES_LINE;
    while (status == HH_OK && result != CLI_LINES_END) {
        result = cli_lines_next(&lines, &line);
        if (result == CLI_LINES_ERROR) {
            cli_text_printf(problem, "can't read '%s': %s", path, strerror(lines.os_error));
            status = HH_ERR_FILE;
        } else if (result == CLI_LINES_LINE && !lines.is_unterminated) {
            status = add_line(resume, line);
            whole = lines.consumed;
        }
    }
    uint64_t length = lines.consumed;
    cli_lines_finish(&lines);
    if (status == HH_OK && whole < length && ftruncate(descriptor, (off_t)whole) != 0) {
        cli_text_printf(problem, "can't repair '%s': %s", path, strerror(errno));
        status = HH_ERR_FILE;
    }
    return status;
}
