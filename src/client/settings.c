/*
 * settings.c - from hh_client_options to hh_settings: see settings.h.
 */
#include "client/settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/failure.h"
#include "base/limits.h"
#include "client/wire.h"
#include "codec/fields.h"
#include "net/address.h"

#define TEXT_MAX_BYTES (4u << 20)

bool hh__timeouts_are_valid(const hh_timeouts *timeouts)
{
    return timeouts->connect_ms >= HH_TIMEOUT_NONE && timeouts->read_ms >= HH_TIMEOUT_NONE &&
           timeouts->write_ms >= HH_TIMEOUT_NONE && timeouts->pool_ms >= HH_TIMEOUT_NONE &&
           timeouts->total_ms >= HH_TIMEOUT_NONE;
}

hh_timeouts hh__timeouts_merge(hh_timeouts over, hh_timeouts under)
{
    hh_timeouts merged = {
        .connect_ms = over.connect_ms != 0 ? over.connect_ms : under.connect_ms,
        .read_ms = over.read_ms != 0 ? over.read_ms : under.read_ms,
        .write_ms = over.write_ms != 0 ? over.write_ms : under.write_ms,
        .pool_ms = over.pool_ms != 0 ? over.pool_ms : under.pool_ms,
        .total_ms = over.total_ms != 0 ? over.total_ms : under.total_ms,
    };
    return merged;
}

int64_t hh__timeout_ns(int64_t timeout_ms)
{
    if (timeout_ms < 0)
        return 0;
    return timeout_ms > INT64_MAX / 4000000 ? INT64_MAX / 4 : timeout_ms * 1000000;
}

static size_t count_or(unsigned value, size_t fallback)
{
    size_t count = value != 0 ? value : fallback;
    return count < HH_MAX_CONNECTIONS_MAX ? count : HH_MAX_CONNECTIONS_MAX;
}

/* A copy in the arena; NULL stays NULL. */
static hh_status copy_text(hh_settings *settings, const char *text, const char **out)
{
    *out = NULL;
    if (text == NULL)
        return HH_OK;
    *out = hh__arena_copy(&settings->arena, hh_slice_of(text)).data;
    return *out != NULL ? HH_OK : HH_ERR_NO_MEMORY;
}

static hh_status copy_base_url(hh_settings *settings, const char *text, hh_error *error)
{
    if (text == NULL || *text == '\0')
        return HH_OK;
    hh_status status = hh_url_parse(hh_slice_of(text), NULL, &settings->base_url, error);
    if (status == HH_OK && !hh__slice_is(hh_url_scheme(settings->base_url), "http") &&
        !hh__slice_is(hh_url_scheme(settings->base_url), "https"))
        return hh__fail(error, HH_ERR_UNSUPPORTED_PROTOCOL, HH_PHASE_NONE,
                        "base_url must be http or https, not %.*s",
                        HH_SLICE_ARGS(hh_url_scheme(settings->base_url)));
    return status;
}

static hh_status copy_headers(hh_settings *settings, const hh_client_options *options,
                              hh_error *error)
{
    if (options->header_count == 0)
        return HH_OK;
    if (options->headers == NULL)
        return hh__fail(error, HH_ERR_INVALID_ARGUMENT, HH_PHASE_NONE,
                        "header_count is %zu, but headers is NULL", options->header_count);
    if (options->header_count > HH_REQUEST_MAX_FIELDS)
        return hh__fail(error, HH_ERR_INVALID_ARGUMENT, HH_PHASE_NONE,
                        "more than %d default headers", HH_REQUEST_MAX_FIELDS);
    settings->headers =
        hh__arena_alloc(&settings->arena, options->header_count * sizeof *settings->headers);
    if (settings->headers == NULL)
        return HH_ERR_NO_MEMORY;
    for (size_t i = 0; i < options->header_count; i++) {
        hh_field field = options->headers[i];
        hh_field_id id = hh__field_id(field.name);
        if (id == HH_FIELD_CONTENT_LENGTH || id == HH_FIELD_TRANSFER_ENCODING)
            return hh__fail(error, HH_ERR_INVALID_ARGUMENT, HH_PHASE_NONE,
                            "default header number %zu would say how long a body is, which only "
                            "the engine knows",
                            i + 1);
        if (!hh__is_token(field.name) || !hh__is_field_value(field.value))
            return hh__fail(
                error, HH_ERR_INVALID_ARGUMENT, HH_PHASE_NONE,
                "default header number %zu has a name that is no token, or CR, LF or NUL "
                "in its value",
                i + 1);
        hh_field *copy = &settings->headers[i];
        copy->name = hh__arena_copy(&settings->arena, field.name);
        copy->value = hh__arena_copy(&settings->arena, hh__slice_trim(field.value));
        if (copy->name.data == NULL || copy->value.data == NULL)
            return HH_ERR_NO_MEMORY;
    }
    settings->header_count = options->header_count;
    return HH_OK;
}

static hh_status copy_user_agent(hh_settings *settings, const char *text, hh_error *error)
{
    hh_slice value = text != NULL ? hh_slice_of(text) : hh_slice_of("hyperhttp/" HH_VERSION);
    if (!hh__is_field_value(value))
        return hh__fail(error, HH_ERR_INVALID_ARGUMENT, HH_PHASE_NONE,
                        "user_agent has CR or LF in it");
    settings->user_agent = hh__arena_copy(&settings->arena, value);
    return settings->user_agent.data != NULL ? HH_OK : HH_ERR_NO_MEMORY;
}

static hh_status copy_routes(hh_settings *settings, const hh_client_options *options,
                             hh_error *error)
{
    hh_address address;
    if (options->local_address != NULL &&
        hh__address_parse(hh_slice_of(options->local_address), 0, &address) != HH_OK)
        return hh__fail(error, HH_ERR_INVALID_ARGUMENT, HH_PHASE_NONE,
                        "local_address \"%s\" is no IP address", options->local_address);
    if (options->unix_socket != NULL &&
        strlen(options->unix_socket) >= sizeof((struct sockaddr_un *)NULL)->sun_path)
        return hh__fail(error, HH_ERR_INVALID_ARGUMENT, HH_PHASE_NONE,
                        "unix_socket: the path is longer than %zu bytes",
                        sizeof((struct sockaddr_un *)NULL)->sun_path - 1);
    hh_status status = copy_text(settings, options->unix_socket, &settings->unix_socket);
    if (status == HH_OK)
        status = copy_text(settings, options->local_address, &settings->local_address);
    if (status == HH_OK)
        status = copy_text(settings, options->dns_servers, &settings->resolver.servers);
    settings->resolver.with = (hh_resolve_with)options->resolver;
    return status;
}

static hh_status copy_overrides(hh_settings *settings, const hh_client_options *options,
                                hh_error *error)
{
    if (options->resolve_count == 0)
        return HH_OK;
    if (options->resolve == NULL)
        return hh__fail(error, HH_ERR_INVALID_ARGUMENT, HH_PHASE_NONE,
                        "resolve_count is %zu, but resolve is NULL", options->resolve_count);
    const char **copies =
        hh__arena_alloc(&settings->arena, options->resolve_count * sizeof *copies);
    if (copies == NULL)
        return HH_ERR_NO_MEMORY;
    for (size_t i = 0; i < options->resolve_count; i++) {
        if (options->resolve[i] == NULL)
            return hh__fail(error, HH_ERR_INVALID_ARGUMENT, HH_PHASE_NONE,
                            "number %zu of resolve is NULL", i + 1);
        hh_status status = copy_text(settings, options->resolve[i], &copies[i]);
        if (status != HH_OK)
            return status;
    }
    settings->resolver.overrides = copies;
    settings->resolver.override_count = options->resolve_count;
    return HH_OK;
}

static hh_status make_tls(hh_settings *settings, const hh_tls_options *options, hh_error *error)
{
    hh_tls_settings tls = {
        .verify = options->verify == HH_OFF ? HH_TLS_VERIFY_NONE : HH_TLS_VERIFY_PEER,
        .ca_file = options->ca_file,
        .ca_directory = options->ca_directory,
        .ca_pem = options->ca_pem,
        .cert_file = options->cert_file,
        .key_file = options->key_file,
        .key_password = options->key_password,
        .min_version = options->min_version != HH_TLS_DEFAULT ? (int)options->min_version : 12,
        .keylog_file = options->keylog == HH_ON ? getenv("SSLKEYLOGFILE") : NULL,
    };
    return hh__tls_config_create(&tls, &settings->tls, error);
}

/* Which versions are on, and whether that makes sense. */
static hh_status check_protocols(const hh_client_options *options, hh_error *error)
{
    if (options->http1 == HH_OFF && options->http2 == HH_OFF)
        return hh__fail(error, HH_ERR_INVALID_ARGUMENT, HH_PHASE_NONE,
                        "http1 and http2 are both off: leave one of them on");
    if (options->http2 == HH_OFF && options->http2_prior_knowledge == HH_ON)
        return hh__fail(error, HH_ERR_INVALID_ARGUMENT, HH_PHASE_NONE,
                        "http2_prior_knowledge is on, but http2 is off");
    if (options->http2_keepalive_ms < HH_TIMEOUT_NONE)
        return hh__fail(error, HH_ERR_INVALID_ARGUMENT, HH_PHASE_NONE,
                        "http2_keepalive_ms is below -1: HH_TIMEOUT_NONE is -1, 0 is the default");
    return HH_OK;
}

static void copy_protocols(hh_settings *settings, const hh_client_options *options)
{
    bool has_prior_knowledge = options->http2_prior_knowledge == HH_ON || options->http1 == HH_OFF;
    settings->protocols = options->http2 == HH_OFF   ? HH_PROTOCOLS_HTTP1
                          : options->http1 == HH_OFF ? HH_PROTOCOLS_HTTP2
                                                     : HH_PROTOCOLS_BOTH;
    settings->plain_protocols = has_prior_knowledge ? HH_PROTOCOLS_HTTP2 : HH_PROTOCOLS_HTTP1;
    settings->h2_keepalive_ns = hh__timeout_ns(options->http2_keepalive_ms);
}

static hh_status check_numbers(const hh_client_options *options, hh_error *error)
{
    if (options->max_redirects > HH_MAX_REDIRECTS_MAX)
        return hh__fail(error, HH_ERR_INVALID_ARGUMENT, HH_PHASE_NONE, "max_redirects is over %d",
                        HH_MAX_REDIRECTS_MAX);
    if (!hh__timeouts_are_valid(&options->timeout))
        return hh__fail(error, HH_ERR_INVALID_ARGUMENT, HH_PHASE_NONE,
                        "a time-out is below -1: HH_TIMEOUT_NONE is -1, 0 is the default");
    if ((unsigned)options->resolver > HH_RESOLVER_SYSTEM ||
        (unsigned)options->redirects > HH_REDIRECTS_MANUAL ||
        (unsigned)options->decoding > HH_DECODING_NONE ||
        (unsigned)options->downgrade > HH_DOWNGRADE_ALLOW)
        return hh__fail(error, HH_ERR_INVALID_ARGUMENT, HH_PHASE_NONE,
                        "an option has a value outside of its enum");
    return HH_OK;
}

static void copy_numbers(hh_settings *settings, const hh_client_options *options)
{
    static const hh_timeouts defaults = {
        .connect_ms = HH_DEFAULT_CONNECT_MS,
        .read_ms = HH_DEFAULT_READ_MS,
        .write_ms = HH_DEFAULT_WRITE_MS,
        .pool_ms = HH_TIMEOUT_NONE,
        .total_ms = HH_TIMEOUT_NONE,
    };
    settings->timeouts = hh__timeouts_merge(options->timeout, defaults);
    settings->max_connections = count_or(options->max_connections, HH_DEFAULT_MAX_CONNECTIONS);
    settings->max_per_origin =
        count_or(options->max_connections_per_origin, settings->max_connections);
    settings->max_idle = count_or(options->max_idle_connections, settings->max_connections);
    settings->idle_limit_ns =
        hh__timeout_ns(options->keepalive_expiry_ms != 0 ? options->keepalive_expiry_ms
                                                         : HH_DEFAULT_KEEPALIVE_EXPIRY_MS);
    settings->redirects =
        options->redirects == HH_REDIRECTS_DEFAULT ? HH_REDIRECTS_FOLLOW : options->redirects;
    settings->max_redirects =
        options->max_redirects != 0 ? options->max_redirects : HH_DEFAULT_MAX_REDIRECTS;
    settings->downgrade = options->downgrade;
    settings->decoding =
        options->decoding == HH_DECODING_DEFAULT ? HH_DECODING_AUTO : options->decoding;
    settings->max_response_bytes =
        options->max_response_bytes != 0 ? options->max_response_bytes : UINT64_MAX;
    settings->body_window_bytes =
        options->body_window_bytes != 0 ? options->body_window_bytes : HH_BODY_WINDOW_BYTES;
}

hh_status hh__settings_init(hh_settings *settings, const hh_client_options *options,
                            hh_error *error)
{
    static const hh_client_options nothing = HH_CLIENT_OPTIONS_INIT;
    hh_client_options known = HH_CLIENT_OPTIONS_INIT;
    if (options == NULL)
        options = &nothing;
    if (options->size == 0 || options->size > 65536)
        return hh__fail(error, HH_ERR_INVALID_ARGUMENT, HH_PHASE_NONE,
                        "options.size isn't set: start from HH_CLIENT_OPTIONS_INIT");
    /* A caller built against an older header gave a shorter struct: the rest is zero, i.e. default.
     */
    memcpy(&known, options, options->size < sizeof known ? options->size : sizeof known);

    *settings = (hh_settings){.base_url = NULL};
    hh__arena_init(&settings->arena, TEXT_MAX_BYTES);
    hh_status status = check_numbers(&known, error);
    if (status == HH_OK)
        status = check_protocols(&known, error);
    if (status == HH_OK) {
        copy_numbers(settings, &known);
        copy_protocols(settings, &known);
        status = copy_base_url(settings, known.base_url, error);
    }
    if (status == HH_OK)
        status = copy_user_agent(settings, known.user_agent, error);
    if (status == HH_OK)
        status = copy_headers(settings, &known, error);
    if (status == HH_OK)
        status = copy_routes(settings, &known, error);
    if (status == HH_OK)
        status = copy_overrides(settings, &known, error);
    if (status == HH_OK)
        status = make_tls(settings, &known.tls, error);
    if (status == HH_OK)
        status = hh__wire_prepare(settings);
    if (status != HH_OK) {
        if (status == HH_ERR_NO_MEMORY)
            hh__fail(error, status, HH_PHASE_NONE, "no memory for the client's options");
        hh__settings_finish(settings);
    }
    return status;
}

void hh__settings_finish(hh_settings *settings)
{
    hh__tls_config_unref(settings->tls);
    settings->tls = NULL;
    hh_url_destroy(settings->base_url);
    settings->base_url = NULL;
    hh__arena_finish(&settings->arena);
}
