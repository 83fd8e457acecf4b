/*
 * request.c - building a request: see hyperhttp/request.h.
 */
#include "client/request.h"

#include <string.h>

#include "base/ascii.h"
#include "base/failure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "client/client.h"
#include "client/wire.h"
#include "codec/url.h"

#define TEXT_MAX_BYTES (HH_REQUEST_HEAD_MAX_BYTES + HH_METHOD_MAX_BYTES + 8192)

hh_request *hh__request_ref(hh_request *request)
{
    atomic_fetch_add_explicit(&request->refs, 1, memory_order_relaxed);
    return request;
}

void hh__request_unref(hh_request *request)
{
    if (request == NULL || atomic_fetch_sub_explicit(&request->refs, 1, memory_order_acq_rel) != 1)
        return;
    hh__wire_unref(request->wire);
    hh_url_destroy(request->url);
    hh__free(request->fields);
    hh__free(request->body_copy);
    hh__arena_finish(&request->arena);
    hh__free(request);
}

void hh_request_destroy(hh_request *request)
{
    hh__request_unref(request);
}

static bool is_changeable(const hh_request *request)
{
    return request != NULL && !atomic_load_explicit(&request->is_fixed, memory_order_acquire);
}

static hh_status add_field(hh_request *request, hh_slice name, hh_slice value, hh_field_op op)
{
    if (request->field_count >= HH_REQUEST_MAX_FIELDS)
        return HH_ERR_LIMIT;
    if (request->field_count == request->field_capacity) {
        size_t capacity = request->field_capacity == 0 ? 8 : request->field_capacity * 2;
        hh_request_field *fields =
            hh__realloc_array(request->fields, capacity, sizeof *request->fields);
        if (fields == NULL)
            return HH_ERR_NO_MEMORY;
        request->fields = fields;
        request->field_capacity = capacity;
    }
    if (request->arena.used + name.length + value.length > TEXT_MAX_BYTES)
        return HH_ERR_LIMIT;
    hh_request_field field = {.op = op};
    field.name = hh__arena_copy(&request->arena, name);
    field.value = hh__arena_copy(&request->arena, value);
    if (field.name.data == NULL || field.value.data == NULL)
        return HH_ERR_NO_MEMORY;
    request->fields[request->field_count++] = field;
    return HH_OK;
}

/* Drops those of that name among the first `count`. */
static void drop_fields(hh_request *request, hh_slice name, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < request->field_count; i++)
        if (i >= count || !hh__slice_equal_nocase(request->fields[i].name, name))
            request->fields[kept++] = request->fields[i];
    request->field_count = kept;
}

/* One field in place of all of that name; on failure they stay. */
static hh_status replace_fields(hh_request *request, hh_slice name, hh_slice value, hh_field_op op)
{
    size_t count = request->field_count;
    hh_status status = add_field(request, name, value, op);
    if (status == HH_OK)
        drop_fields(request, name, count);
    return status;
}

static hh_status check_field(const hh_request *request, hh_slice name, hh_slice value)
{
    if (!is_changeable(request))
        return HH_ERR_STATE;
    hh_field_id id = hh__field_id(name);
    /* Framing is the engine's own: RFC 9112 §6. */
    if (!hh__is_token(name) || !hh__is_field_value(value) || id == HH_FIELD_CONTENT_LENGTH ||
        id == HH_FIELD_TRANSFER_ENCODING)
        return HH_ERR_INVALID_ARGUMENT;
    return HH_OK;
}

hh_status hh_request_add_header(hh_request *request, hh_slice name, hh_slice value)
{
    hh_status status = check_field(request, name, value);
    if (status != HH_OK)
        return status;
    return add_field(request, name, hh__slice_trim(value), HH_FIELD_SEND);
}

hh_status hh_request_set_header(hh_request *request, const char *name, const char *value)
{
    hh_status status = check_field(request, hh_slice_of(name), hh_slice_of(value));
    if (status != HH_OK)
        return status;
    return replace_fields(request, hh_slice_of(name), hh__slice_trim(hh_slice_of(value)),
                          HH_FIELD_SEND);
}

hh_status hh_request_remove_header(hh_request *request, const char *name)
{
    hh_status status = check_field(request, hh_slice_of(name), (hh_slice){"", 0});
    if (status != HH_OK)
        return status;
    if (hh__field_id(hh_slice_of(name)) == HH_FIELD_HOST) {
        drop_fields(request, hh_slice_of(name), request->field_count);
        return HH_OK;
    }
    return replace_fields(request, hh_slice_of(name), (hh_slice){"", 0}, HH_FIELD_LEAVE_OUT);
}

hh_status hh_request_set_basic_auth(hh_request *request, const char *username, const char *password)
{
    if (!is_changeable(request))
        return HH_ERR_STATE;
    if (username == NULL || password == NULL || strchr(username, ':') != NULL)
        return HH_ERR_INVALID_ARGUMENT; /* RFC 7617 §2 */
    size_t pair_length = strlen(username) + 1 + strlen(password);
    if (pair_length > TEXT_MAX_BYTES / 2)
        return HH_ERR_LIMIT;
    size_t value_length = 6 + 4 * ((pair_length + 2) / 3);
    char *pair = hh__malloc(pair_length + 1);
    char *value = hh__malloc(value_length + 1);
    hh_status status = HH_ERR_NO_MEMORY;
    if (pair != NULL && value != NULL) {
        memcpy(pair, username, strlen(username));
        pair[strlen(username)] = ':';
        memcpy(pair + strlen(username) + 1, password, strlen(password));
        memcpy(value, "Basic ", 6);
        value[6 + hh__base64_encode((hh_slice){pair, pair_length}, value + 6)] = '\0';
        status = hh_request_set_header(request, "Authorization", value);
    }
    hh__free(pair);
    hh__free(value);
    return status;
}

static hh_status set_body(hh_request *request, hh_body_kind kind, hh_slice body, uint64_t length)
{
    hh__free(request->body_copy);
    request->body_copy = NULL;
    request->body_kind = kind;
    request->body = body;
    request->body_length = length;
    request->rewind = HH_REWIND_POSSIBLE;
    return HH_OK;
}

hh_status hh_request_set_body_copy(hh_request *request, const void *data, size_t length)
{
    if (!is_changeable(request))
        return HH_ERR_STATE;
    if (data == NULL && length > 0)
        return HH_ERR_INVALID_ARGUMENT;
    char *copy = hh__copy_text(data != NULL ? data : "", length);
    if (copy == NULL)
        return HH_ERR_NO_MEMORY;
    set_body(request, HH_BODY_MEMORY, (hh_slice){copy, length}, length);
    request->body_copy = copy;
    return HH_OK;
}

hh_status hh_request_set_body_borrowed(hh_request *request, const void *data, size_t length)
{
    if (!is_changeable(request))
        return HH_ERR_STATE;
    if (data == NULL && length > 0)
        return HH_ERR_INVALID_ARGUMENT;
    return set_body(request, HH_BODY_MEMORY, (hh_slice){data, length}, length);
}

hh_status hh_request_set_body_stream(hh_request *request, uint64_t length, hh_rewind rewind)
{
    if (!is_changeable(request))
        return HH_ERR_STATE;
    set_body(request, HH_BODY_PUSHED, (hh_slice){NULL, 0}, length);
    request->rewind = rewind;
    return HH_OK;
}

hh_status hh_request_set_timeouts(hh_request *request, const hh_timeouts *timeouts)
{
    if (!is_changeable(request))
        return HH_ERR_STATE;
    if (timeouts == NULL || !hh__timeouts_are_valid(timeouts))
        return HH_ERR_INVALID_ARGUMENT;
    request->timeouts = *timeouts;
    return HH_OK;
}

hh_status hh_request_set_delivery(hh_request *request, hh_delivery delivery)
{
    if (!is_changeable(request))
        return HH_ERR_STATE;
    if ((unsigned)delivery > HH_DELIVER_SINK)
        return HH_ERR_INVALID_ARGUMENT;
    request->delivery = delivery;
    return HH_OK;
}

hh_status hh_request_set_redirects(hh_request *request, hh_redirects redirects,
                                   unsigned max_redirects)
{
    if (!is_changeable(request))
        return HH_ERR_STATE;
    if ((unsigned)redirects > HH_REDIRECTS_MANUAL || max_redirects > HH_MAX_REDIRECTS_MAX)
        return HH_ERR_INVALID_ARGUMENT;
    request->redirects = redirects;
    request->max_redirects = max_redirects;
    return HH_OK;
}

hh_status hh_request_set_decoding(hh_request *request, hh_decoding decoding)
{
    if (!is_changeable(request))
        return HH_ERR_STATE;
    if ((unsigned)decoding > HH_DECODING_NONE)
        return HH_ERR_INVALID_ARGUMENT;
    request->decoding = decoding;
    return HH_OK;
}

hh_status hh_request_set_max_response_bytes(hh_request *request, uint64_t bytes)
{
    if (!is_changeable(request))
        return HH_ERR_STATE;
    request->max_response_bytes = bytes;
    return HH_OK;
}

hh_status hh_request_set_expect_continue(hh_request *request, hh_switch expect)
{
    if (!is_changeable(request))
        return HH_ERR_STATE;
    request->expect = expect == HH_ON ? HH_EXPECT_CONTINUE : HH_EXPECT_NOTHING;
    return HH_OK;
}

/* RFC 9218 §4: a parameter at its default is left out. */
hh_status hh_request_set_priority(hh_request *request, unsigned urgency, hh_switch incremental)
{
    static const char *const values[2][HH_URGENCY_LAST + 1] = {
        {"u=0", "u=1", "u=2", "", "u=4", "u=5", "u=6", "u=7"},
        {"u=0, i", "u=1, i", "u=2, i", "i", "u=4, i", "u=5, i", "u=6, i", "u=7, i"},
    };
    if (!is_changeable(request))
        return HH_ERR_STATE;
    if (urgency > HH_URGENCY_LAST)
        return HH_ERR_INVALID_ARGUMENT;
    request->priority = hh_slice_of(values[incremental == HH_ON][urgency]);
    return HH_OK;
}

hh_status hh_request_set_questions(hh_request *request, unsigned mask)
{
    if (!is_changeable(request))
        return HH_ERR_STATE;
    if ((mask & ~(unsigned)(HH_ASK_REDIRECT | HH_ASK_RESOLVE)) != 0)
        return HH_ERR_INVALID_ARGUMENT;
    request->questions = mask;
    return HH_OK;
}

hh_status hh_request_set_trace(hh_request *request, hh_switch trace)
{
    if (!is_changeable(request))
        return HH_ERR_STATE;
    request->has_trace = trace == HH_ON;
    return HH_OK;
}

hh_slice hh_request_url(const hh_request *request)
{
    return hh_url_text(request->url);
}

/* User info becomes basic authentication and leaves the URL (RFC 9110 §4.2.4). */
static hh_status take_userinfo(hh_request *request)
{
    char *username = NULL, *password = NULL;
    hh_url *bare = NULL;
    if (!hh__url_has_userinfo(request->url))
        return HH_OK;
    hh_status status = hh__url_userinfo_decoded(request->url, &username, &password);
    if (status == HH_OK)
        status = hh_request_set_basic_auth(request, username, password);
    if (status == HH_OK)
        status = hh__url_without_userinfo(request->url, &bare);
    if (status == HH_OK) {
        hh_url_destroy(request->url);
        request->url = bare;
    }
    hh__free(username);
    hh__free(password);
    return status;
}

static hh_status set_target(hh_request *request, hh_slice url, hh_error *error)
{
    hh_status status = hh_url_parse(url, request->settings->base_url, &request->url, error);
    if (status != HH_OK)
        return status;
    hh_slice scheme = hh_url_scheme(request->url);
    if (!hh__slice_is(scheme, "http") && !hh__slice_is(scheme, "https"))
        return hh__fail(error, HH_ERR_UNSUPPORTED_PROTOCOL, HH_PHASE_NONE,
                        "\"%.*s\" URLs aren't supported here: use http or https",
                        HH_SLICE_ARGS(scheme));
    status = take_userinfo(request);
    if (status == HH_ERR_INVALID_ARGUMENT)
        return hh__fail(
            error, HH_ERR_INVALID_URL, HH_PHASE_NONE,
            "the URL's user name has a colon in it, which basic authentication can't carry");
    return status;
}

/* The usual methods stand here, so that a request without fields needs no block of its arena. */
static hh_slice keep_method(hh_request *request, hh_slice method)
{
    static const char *const usual[] = {"GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"};
    for (size_t i = 0; i < HH_COUNT_OF(usual); i++)
        if (hh__slice_is(method, usual[i]))
            return hh_slice_of(usual[i]);
    return hh__arena_copy(&request->arena, method);
}

hh_status hh_request_create_slice(hh_client *client, hh_slice method, hh_slice url,
                                  hh_request **out, hh_error *error)
{
    if (client == NULL)
        return hh__fail(error, HH_ERR_INVALID_ARGUMENT, HH_PHASE_NONE, "client is NULL");
    if (!hh__is_token(method) || method.length > HH_METHOD_MAX_BYTES ||
        hh__slice_is(method, "CONNECT"))
        return hh__fail(error, HH_ERR_INVALID_ARGUMENT, HH_PHASE_NONE,
                        "the method must be a token of at most %d characters, and not CONNECT",
                        HH_METHOD_MAX_BYTES);
    hh_request *request = hh__calloc(1, sizeof *request);
    if (request == NULL)
        return hh__fail(error, HH_ERR_NO_MEMORY, HH_PHASE_NONE, "no memory for a request");
    atomic_init(&request->refs, 1);
    atomic_init(&request->is_fixed, false);
    request->client_serial = client->serial;
    request->settings = hh__client_settings(client);
    request->rewind = HH_REWIND_POSSIBLE;
    hh__arena_init(&request->arena, 2 * TEXT_MAX_BYTES);
    request->method = keep_method(request, method);
    hh_status status = HH_ERR_NO_MEMORY;
    if (request->method.data != NULL)
        status = set_target(request, url, error);
    if (status != HH_OK) {
        if (status == HH_ERR_NO_MEMORY)
            hh__fail(error, status, HH_PHASE_NONE, "no memory for a request");
        hh__request_unref(request);
        return status;
    }
    *out = request;
    return HH_OK;
}

hh_status hh_request_create(hh_client *client, const char *method, const char *url,
                            hh_request **out)
{
    if (method == NULL || url == NULL)
        return HH_ERR_INVALID_ARGUMENT;
    return hh_request_create_slice(client, hh_slice_of(method), hh_slice_of(url), out, NULL);
}
