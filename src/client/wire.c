/*
 * wire.c - rendering a request head (RFC 9112 §3, RFC 9110 §7.2): Host first, then the caller's
 * fields in their order, then the client's defaults, then what the engine adds by itself.
 */
#include "client/wire.h"

#include <string.h>

#include "base/ascii.h"
#include "base/limits.h"
#include "base/memory.h"
#include "client/pool_key.h"
#include "codec/decoder.h"
#include "codec/h1_writer.h"
#include "codec/url.h"

/* Room for nearly every head and key: taken at once, not bit by bit. */
#define USUAL_BYTES 768
#define KEY_MAX_BYTES (4 * HH_URL_MAX_BYTES)

typedef struct render {
    const hh_request *request;
    const hh_settings *settings;
    const hh_wire_plan *plan;
    hh_bytes out;
    hh_reuse reuse;
    hh_status status;
} render;

static bool has_element(hh_slice list, const char *wanted)
{
    hh_slice element;
    while (hh__list_element_next(&list, &element))
        if (hh__slice_is_nocase(element, wanted))
            return true;
    return false;
}

static void write_field(render *r, hh_slice name, hh_slice value)
{
    if (r->status == HH_OK)
        r->status = hh__h1_write_field(&r->out, name, value);
    if (hh__field_id(name) == HH_FIELD_CONNECTION && has_element(value, "close"))
        r->reuse = HH_REUSE_REFUSED;
}

static void write_text_field(render *r, const char *name, hh_slice value)
{
    write_field(r, hh_slice_of(name), value);
}

/* The caller's own entry under `name`, whatever its op, or NULL. */
static const hh_request_field *find_field(const hh_request *request, hh_slice name)
{
    for (size_t i = 0; i < request->field_count; i++)
        if (hh__slice_equal_nocase(request->fields[i].name, name))
            return &request->fields[i];
    return NULL;
}

/* The client's default field under `name`, or NULL. */
static const hh_field *find_default(const hh_settings *settings, hh_slice name)
{
    for (size_t i = 0; i < settings->header_count; i++)
        if (hh__slice_equal_nocase(settings->headers[i].name, name))
            return &settings->headers[i];
    return NULL;
}

static bool is_dropped(const render *r, hh_slice name)
{
    return hh__is_field_dropped_on_redirect(name, &r->plan->redirect) ||
           (r->plan->expect == HH_WIRE_EXPECT_DROP && hh__field_id(name) == HH_FIELD_EXPECT);
}

static void write_host(render *r)
{
    hh_slice name = hh_slice_of("host");
    const hh_request_field *own = find_field(r->request, name);
    const hh_field *usual = find_default(r->settings, name);
    hh_slice value = hh__url_authority(r->plan->url);
    if (!is_dropped(r, name) && own != NULL)
        value = own->value;
    else if (!is_dropped(r, name) && usual != NULL)
        value = usual->value;
    write_text_field(r, "Host", value);
}

/* Whether the request has a word of its own in place of the client's default. */
static bool overrides_default(const render *r, hh_slice name)
{
    return find_field(r->request, name) != NULL ||
           (r->request->priority.data != NULL && hh__slice_is_nocase(name, "priority"));
}

static void write_callers_fields(render *r)
{
    for (size_t i = 0; i < r->request->field_count; i++) {
        const hh_request_field *field = &r->request->fields[i];
        if (field->op == HH_FIELD_SEND && hh__field_id(field->name) != HH_FIELD_HOST &&
            !is_dropped(r, field->name))
            write_field(r, field->name, field->value);
    }
    for (size_t i = 0; i < r->settings->header_count; i++) {
        hh_field field = r->settings->headers[i];
        if (hh__field_id(field.name) != HH_FIELD_HOST && !overrides_default(r, field.name) &&
            !is_dropped(r, field.name))
            write_field(r, field.name, field.value);
    }
    if (r->request->priority.length > 0 && find_field(r->request, hh_slice_of("priority")) == NULL)
        write_text_field(r, "Priority", r->request->priority);
}

/* A field the engine sends unless caller or client say otherwise. */
static void write_default(render *r, const char *name, hh_slice value)
{
    if (value.length == 0 || find_field(r->request, hh_slice_of(name)) != NULL ||
        find_default(r->settings, hh_slice_of(name)) != NULL)
        return;
    write_text_field(r, name, value);
}

static bool expects_content(hh_slice method)
{
    return hh__slice_is(method, "POST") || hh__slice_is(method, "PUT") ||
           hh__slice_is(method, "PATCH");
}

/* RFC 9112 §6.2, §6.1: exactly one of the two, or none where there is no body. */
static void write_framing(render *r)
{
    const hh_request *request = r->request;
    uint64_t length = request->body_length;
    bool has_body = request->body_kind != HH_BODY_NONE && r->plan->redirect.body == HH_BODY_KEEP;
    if (has_body && length == HH_LENGTH_UNKNOWN) {
        write_text_field(r, "Transfer-Encoding", hh_slice_of("chunked"));
        return;
    }
    if (!has_body && !expects_content(r->plan->method))
        return;
    char text[HH_UNSIGNED_TEXT_BYTES];
    size_t digits = hh__format_unsigned(has_body ? length : 0, text);
    write_text_field(r, "Content-Length", (hh_slice){text, digits});
}

static hh_expect effective_expect(const render *r)
{
    bool has_body = r->request->body_kind != HH_BODY_NONE &&
                    r->plan->redirect.body == HH_BODY_KEEP && r->request->body_length != 0;
    if (!has_body || r->plan->expect == HH_WIRE_EXPECT_DROP)
        return HH_EXPECT_NOTHING;
    return r->request->expect;
}

static hh_decoding effective_decoding(const render *r)
{
    return r->request->decoding != HH_DECODING_DEFAULT ? r->request->decoding
                                                       : r->settings->decoding;
}

static void write_fields(render *r)
{
    write_callers_fields(r);
    write_default(r, "User-Agent", r->settings->user_agent);
    write_default(r, "Accept", hh_slice_of("*/*"));
    if (effective_decoding(r) == HH_DECODING_AUTO)
        write_default(r, "Accept-Encoding", hh_slice_of(hh__decoder_accept_encoding()));
}

/* Whether the request has those fields that any other of its client has. */
static bool is_usual(const render *r)
{
    const hh_request *request = r->request;
    return r->settings->usual_fields.length != 0 && request->field_count == 0 &&
           request->priority.data == NULL && r->plan->redirect.kind == HH_REDIRECT_NONE &&
           r->plan->expect == HH_WIRE_EXPECT_KEEP && effective_decoding(r) == r->settings->decoding;
}

static void write_usual_fields(render *r)
{
    hh__bytes_append_slice(&r->out, r->settings->usual_fields);
    if (r->status == HH_OK)
        r->status = r->out.status;
    if (r->settings->usual_reuse == HH_REUSE_REFUSED)
        r->reuse = HH_REUSE_REFUSED;
}

static void render_head(render *r)
{
    r->status = hh__h1_write_request_line(&r->out, r->plan->method, hh__url_target(r->plan->url));
    write_host(r);
    if (is_usual(r))
        write_usual_fields(r);
    else
        write_fields(r);
    write_framing(r);
    if (effective_expect(r) == HH_EXPECT_CONTINUE &&
        find_field(r->request, hh_slice_of("expect")) == NULL)
        write_text_field(r, "Expect", hh_slice_of("100-continue"));
    if (r->status == HH_OK)
        r->status = hh__h1_write_end(&r->out);
}

/* One block: struct, method, head, key. The two last stand in r->out, one behind the other. */
static hh_status assemble(const render *r, size_t head_length, hh_wire **out)
{
    hh_slice method = r->plan->method;
    hh_wire *wire = hh__calloc(1, sizeof *wire + method.length + r->out.length);
    if (wire == NULL)
        return HH_ERR_NO_MEMORY;
    char *text = (char *)(wire + 1);
    atomic_init(&wire->refs, 1);
    memcpy(text, method.data, method.length);
    wire->method = (hh_slice){text, method.length};
    text += method.length;
    memcpy(text, r->out.data, r->out.length);
    wire->head = (hh_slice){text, head_length};
    wire->key = (hh_slice){text + head_length, r->out.length - head_length};
    wire->url = hh__url_ref(r->plan->url);
    wire->kind = hh__slice_is(method, "HEAD") ? HH_REQUEST_HEAD : HH_REQUEST_OTHER;
    wire->body_kind = r->plan->redirect.body == HH_BODY_KEEP ? r->request->body_kind : HH_BODY_NONE;
    wire->expect = effective_expect(r);
    wire->reuse = r->reuse;
    *out = wire;
    return HH_OK;
}

hh_status hh__wire_create(const hh_request *request, const hh_settings *settings,
                          const hh_wire_plan *plan, hh_wire **out)
{
    render r = {.request = request, .settings = settings, .plan = plan};
    hh__bytes_init(&r.out, HH_REQUEST_HEAD_MAX_BYTES + HH_URL_MAX_BYTES);
    (void)hh__bytes_reserve(&r.out, USUAL_BYTES);
    render_head(&r);
    size_t head_length = r.out.length;
    r.out.limit += KEY_MAX_BYTES;
    hh__pool_key_append(&r.out, settings, plan->url, request->questions);
    if (r.status == HH_OK)
        r.status = r.out.status;
    if (r.status == HH_OK)
        r.status = assemble(&r, head_length, out);
    hh__bytes_finish(&r.out);
    return r.status;
}

hh_status hh__wire_prepare(hh_settings *settings)
{
    const hh_request bare = {.field_count = 0};
    const hh_wire_plan plan = {.url = NULL};
    render r = {.request = &bare, .settings = settings, .plan = &plan};
    hh__bytes_init(&r.out, HH_REQUEST_HEAD_MAX_BYTES);
    write_fields(&r);
    if (r.status == HH_OK && r.out.length != 0) {
        settings->usual_fields = hh__arena_copy(&settings->arena, hh__bytes_slice(&r.out));
        settings->usual_reuse = r.reuse;
        if (settings->usual_fields.data == NULL)
            r.status = HH_ERR_NO_MEMORY;
    }
    hh__bytes_finish(&r.out);
    return r.status == HH_ERR_NO_MEMORY ? r.status : HH_OK;
}

hh_status hh__wire_prepare_h2(hh_wire *wire)
{
    if (wire->h2 != NULL)
        return HH_OK;
    return hh__h2_request_create(wire->head, hh_url_scheme(wire->url), &wire->h2);
}

hh_wire *hh__wire_ref(hh_wire *wire)
{
    atomic_fetch_add_explicit(&wire->refs, 1, memory_order_relaxed);
    return wire;
}

void hh__wire_unref(hh_wire *wire)
{
    if (wire == NULL || atomic_fetch_sub_explicit(&wire->refs, 1, memory_order_acq_rel) != 1)
        return;
    hh__h2_request_destroy(wire->h2);
    hh_url_destroy(wire->url);
    hh__free(wire);
}

hh_status hh__request_fix(hh_request *request, const hh_settings *settings)
{
    if (request->wire != NULL)
        return HH_OK;
    hh_wire_plan plan = {.url = request->url, .method = request->method};
    hh_status status = hh__wire_create(request, settings, &plan, &request->wire);
    if (status == HH_OK)
        atomic_store_explicit(&request->is_fixed, true, memory_order_release);
    return status;
}
