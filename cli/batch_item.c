/*
 * batch_item.c - see batch_item.h.
 */
#include "batch_item.h"

#include <jansson.h>
#include <stdlib.h>

#include "sentence.h"

void batch_item_destroy(batch_item *item)
{
    if (item == NULL)
        return;
    cli_output_discard(&item->output);
    cli_fields_finish(&item->fields);
    cli_text_finish(&item->body);
    free(item->url);
    free(item->method);
    free(item->id);
    free(item->file);
    free(item->place);
    free(item);
}

int batch_line_is_blank(hh_slice line)
{
    line = cli_trim(line);
    return line.length == 0 || line.data[0] == '#';
}

cli_hash batch_key_of_id(hh_slice id_json)
{
    cli_text text = {0};
    cli_text_add_char(&text, 'i');
    cli_text_add_slice(&text, id_json);
    cli_hash key = cli_hash_of(cli_text_slice(&text));
    cli_text_finish(&text);
    return key;
}

cli_hash batch_key_of_url(hh_slice url)
{
    cli_text text = {0};
    cli_text_add_char(&text, 'u');
    cli_text_add_slice(&text, url);
    cli_hash key = cli_hash_of(cli_text_slice(&text));
    cli_text_finish(&text);
    return key;
}

hh_status batch_id_text(const struct json_t *json, cli_text *out)
{
    if (json_is_string(json)) {
        hh_slice text = {json_string_value(json), json_string_length(json)};
        cli_text_add_json(out, text);
        return HH_OK;
    }
    if (json_is_integer(json)) {
        cli_text_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(json));
        return HH_OK;
    }
    return HH_ERR_INVALID_ARGUMENT;
}

/* Whether a text without a scheme looks like a host at all: a lone word in a list is a mistake. */
static int looks_like_host(const char *text)
{
    size_t length = strcspn(text, "/?#");
    size_t label = strcspn(text, ":/?#");
    return memchr(text, '.', length) != NULL || memchr(text, '[', length) != NULL ||
           (label == strlen("localhost") && strncmp(text, "localhost", label) == 0);
}

/* A lone word. It may still be a URL ("http:host"); if not, the engine says why. */
static hh_status check_word(const char *text, cli_text *problem)
{
    hh_url *url;
    hh_error error;
    hh_status status = hh_url_parse(hh_slice_of(text), NULL, &url, &error);
    if (status == HH_OK)
        hh_url_destroy(url);
    else
        cli_sentence_add(problem, error.message, CLI_SCHEME_GIVEN);
    return status;
}

static hh_status set_url(batch_item *item, const char *text, cli_text *problem)
{
    cli_text url = {0};
    hh_status status = cli_guess_scheme(text, &url, &item->scheme);
    if (status == HH_OK && item->scheme == CLI_SCHEME_GUESSED && !looks_like_host(text)) {
        status = check_word(text, problem);
        cli_text_clear(&url);
        cli_text_add_string(&url, text);
        item->scheme = CLI_SCHEME_GIVEN;
    }
    item->url = cli_text_take(&url);
    return item->url != NULL ? status : HH_ERR_NO_MEMORY;
}

const char *batch_item_typed_url(const batch_item *item)
{
    if (item->url == NULL || item->scheme == CLI_SCHEME_GIVEN)
        return item->url;
    return item->url + strlen(CLI_SCHEME_GUESS);
}

static hh_status wrong(cli_text *problem, const char *sentence)
{
    cli_text_add_string(problem, sentence);
    return HH_ERR_INVALID_ARGUMENT;
}

static hh_status add_value(batch_item *item, const char *name, const json_t *value,
                           cli_text *problem)
{
    if (json_is_null(value))
        return cli_fields_add(&item->fields, hh_slice_of(name), hh_slice_of(""), CLI_FIELD_REMOVE);
    if (!json_is_string(value))
        return wrong(problem, "a value in \"headers\" is no string");
    hh_slice text = {json_string_value(value), json_string_length(value)};
    if (memchr(text.data, '\0', text.length) != NULL)
        return wrong(problem, "a value in \"headers\" holds a NUL");
    return cli_fields_add(&item->fields, hh_slice_of(name), text, CLI_FIELD_SEND);
}

static hh_status set_headers(batch_item *item, json_t *headers, cli_text *problem)
{
    const char *name;
    json_t *value;
    if (headers == NULL || json_is_null(headers))
        return HH_OK;
    if (!json_is_object(headers))
        return wrong(problem, "\"headers\" is no object");
    json_object_foreach(headers, name, value)
    {
        hh_status status = HH_OK;
        if (!json_is_array(value))
            status = add_value(item, name, value, problem);
        for (size_t i = 0; status == HH_OK && json_is_array(value) && i < json_array_size(value);
             i++)
            status = add_value(item, name, json_array_get(value, i), problem);
        if (status != HH_OK)
            return status;
    }
    return HH_OK;
}

/* A string is sent as it is; anything else is sent as the JSON it is. */
static hh_status set_body(batch_item *item, const json_t *body)
{
    if (body == NULL || json_is_null(body))
        return HH_OK;
    item->has_body = 1;
    if (json_is_string(body)) {
        cli_text_add(&item->body, json_string_value(body), json_string_length(body));
    } else {
        char *text = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
        if (text == NULL)
            return HH_ERR_NO_MEMORY;
        cli_text_add_string(&item->body, text);
        free(text);
        if (!cli_fields_has(&item->fields, "content-type"))
            return cli_fields_add(&item->fields, hh_slice_of("Content-Type"),
                                  hh_slice_of("application/json"), CLI_FIELD_SEND);
    }
    return cli_text_is_good(&item->body) ? HH_OK : HH_ERR_NO_MEMORY;
}

static hh_status set_method(batch_item *item, const json_t *method, cli_text *problem)
{
    if (method == NULL || json_is_null(method)) {
        item->method = item->has_body ? strdup("POST") : NULL;
        return item->has_body && item->method == NULL ? HH_ERR_NO_MEMORY : HH_OK;
    }
    if (!json_is_string(method) || json_string_length(method) == 0)
        return wrong(problem, "\"method\" is no string");
    item->method = strdup(json_string_value(method));
    return item->method != NULL ? HH_OK : HH_ERR_NO_MEMORY;
}

static hh_status set_id(batch_item *item, const json_t *id, cli_text *problem)
{
    cli_text text = {0};
    if (id == NULL || json_is_null(id))
        return HH_OK;
    if (batch_id_text(id, &text) != HH_OK)
        return wrong(problem, "\"id\" is neither a string nor a whole number");
    item->id = cli_text_take(&text);
    return item->id != NULL ? HH_OK : HH_ERR_NO_MEMORY;
}

static hh_status parse_json(batch_item *item, hh_slice line, cli_text *problem)
{
    json_error_t error;
    json_t *root = json_loadb(line.data, line.length, 0, &error);
    if (root == NULL) {
        cli_text_printf(problem, "no JSON: %s", error.text);
        return HH_ERR_INVALID_ARGUMENT;
    }
    const json_t *url = json_object_get(root, "url");
    /* The id first: an item that is wrong otherwise is still reported under it. */
    hh_status status = set_id(item, json_object_get(root, "id"), problem);
    if (status == HH_OK)
        status = json_is_string(url) ? set_url(item, json_string_value(url), problem)
                                     : wrong(problem, "\"url\" is missing or no string");
    if (status == HH_OK)
        status = set_headers(item, json_object_get(root, "headers"), problem);
    if (status == HH_OK)
        status = set_body(item, json_object_get(root, "body"));
    if (status == HH_OK)
        status = set_method(item, json_object_get(root, "method"), problem);
    json_decref(root);
    return status;
}

static hh_status parse_text(batch_item *item, hh_slice line, cli_text *problem)
{
    cli_text text = {0};
    if (memchr(line.data, '\0', line.length) != NULL) {
        cli_text_add_string(problem, "the line holds a NUL");
        return HH_ERR_INVALID_URL;
    }
    cli_text_add_slice(&text, line);
    hh_status status =
        cli_text_is_good(&text) ? set_url(item, cli_text_string(&text), problem) : HH_ERR_NO_MEMORY;
    cli_text_finish(&text);
    return status;
}

int batch_item_is_key_shown(const batch_item *item)
{
    int is_plain = item->method == NULL && !item->has_body && item->fields.count == 0;
    return item->url != NULL && item->id == NULL && !is_plain && !item->is_invalid;
}

cli_hash batch_item_key(const batch_item *item)
{
    if (item->id != NULL)
        return batch_key_of_id(hh_slice_of(item->id));
    if (!batch_item_is_key_shown(item))
        return batch_key_of_url(hh_slice_of(item->url));
    cli_text text = {0};
    cli_text_printf(&text, "k%s %s\n", item->method != NULL ? item->method : "", item->url);
    for (size_t i = 0; i < item->fields.count; i++)
        cli_text_printf(&text, "%s:%s\n", item->fields.fields[i].name,
                        item->fields.fields[i].value);
    cli_text_add_char(&text, '\n');
    cli_text_add_slice(&text, cli_text_slice(&item->body));
    cli_hash key = cli_hash_of(cli_text_slice(&text));
    cli_text_finish(&text);
    return key;
}

hh_status batch_item_parse(hh_slice line, batch_item **out, cli_text *problem)
{
    batch_item *item = calloc(1, sizeof(*item));
    if (item == NULL)
        return HH_ERR_NO_MEMORY;
    line = cli_trim(line);
    hh_status status = line.length > 0 && line.data[0] == '{' ? parse_json(item, line, problem)
                                                              : parse_text(item, line, problem);
    if (status == HH_ERR_NO_MEMORY) {
        batch_item_destroy(item);
        return status;
    }
    *out = item;
    return status;
}
