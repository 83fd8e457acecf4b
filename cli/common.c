/*
 * common.c - see common.h.
 */
#include "common.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <unistd.h>

#include "files.h"
#include "password.h"

/* The library follows no more, whatever is asked for. */
#define REDIRECTS_MAX 60

#define FIELD(name) offsetof(cli_common, name)

static const cli_option request_options[] = {
    {'X', "request", CLI_OPTION_TEXT, FIELD(method), 0, "METHOD", "request method"},
    {'H', "header", CLI_OPTION_LIST, FIELD(header_list), 0, "FIELD",
     "'Name: value'; 'Name;' sends it empty, 'Name:' leaves it out, @FILE reads a file"},
    {'A', "user-agent", CLI_OPTION_TEXT, FIELD(user_agent), 0, "NAME", "User-Agent to send"},
    {'e', "referer", CLI_OPTION_TEXT, FIELD(referer), 0, "URL", "Referer to send"},
    {'u', "user", CLI_OPTION_SECRET, FIELD(user), 0, "USER:PASSWORD", "basic authentication"},
    {'L', "location", CLI_OPTION_FLAG, FIELD(follow), 1, NULL, "follow redirects"},
    {0, "max-redirs", CLI_OPTION_TEXT, FIELD(max_redirects_text), 0, "N",
     "follow at most N redirects (20)"},
    {'f', "fail", CLI_OPTION_FLAG, FIELD(fail), 1, NULL,
     "an answer from 400 on is a failure; its body is dropped"},
};

static const cli_option connection_options[] = {
    {0, "connect-timeout", CLI_OPTION_SECONDS, FIELD(connect_timeout_ms), 0, "SECONDS",
     "time to resolve, connect and shake hands (10)"},
    {'k', "insecure", CLI_OPTION_FLAG, FIELD(insecure), 1, NULL,
     "don't verify the server's certificate"},
    {0, "cacert", CLI_OPTION_TEXT, FIELD(ca_file), 0, "FILE",
     "trust these CAs (PEM) instead of the system's"},
    {0, "capath", CLI_OPTION_TEXT, FIELD(ca_directory), 0, "DIR", "the same, a hashed directory"},
    {'E', "cert", CLI_OPTION_SECRET, FIELD(cert), 0, "FILE[:PASSWORD]", "client certificate, PEM"},
    {0, "key", CLI_OPTION_TEXT, FIELD(key), 0, "FILE", "its private key, PEM"},
    {0, "pass", CLI_OPTION_SECRET, FIELD(key_password), 0, "PHRASE", "the key's password"},
    {0, "tlsv1.2", CLI_OPTION_FLAG, FIELD(min_tls), HH_TLS_1_2, NULL, "TLS 1.2 or later"},
    {0, "tlsv1.3", CLI_OPTION_FLAG, FIELD(min_tls), HH_TLS_1_3, NULL, "TLS 1.3 or later"},
    {0, "http2", CLI_OPTION_FLAG, FIELD(http), CLI_HTTP_2, NULL,
     "speak HTTP/2 where a TLS server offers it (the default)"},
    {0, "http1.1", CLI_OPTION_FLAG, FIELD(http), CLI_HTTP_1_1, NULL, "don't offer HTTP/2"},
    {0, "http2-prior-knowledge", CLI_OPTION_FLAG, FIELD(http), CLI_HTTP_2_PRIOR_KNOWLEDGE, NULL,
     "the same, and without TLS, too, unasked"},
    {0, "resolve", CLI_OPTION_LIST, FIELD(resolve), 0, "HOST:PORT:ADDR",
     "connect there for that host; ADDR may be a list, HOST may be *"},
    {0, "unix-socket", CLI_OPTION_TEXT, FIELD(unix_socket), 0, "PATH", "connect to this socket"},
    {0, "interface", CLI_OPTION_TEXT, FIELD(local_address), 0, "ADDRESS",
     "connect from this IP address"},
    {0, "dns-servers", CLI_OPTION_TEXT, FIELD(dns_servers), 0, "ADDRESSES",
     "ask these name servers"},
};

cli_option_set cli_common_request_set(cli_common *common)
{
    cli_option_set set = {"Request", CLI_OPTION_ROWS(request_options), common};
    return set;
}

cli_option_set cli_common_connection_set(cli_common *common)
{
    cli_option_set set = {"Connection and TLS", CLI_OPTION_ROWS(connection_options), common};
    return set;
}

void cli_common_init(cli_common *common)
{
    memset(common, 0, sizeof(*common));
    common->total_timeout_ms = -1;
}

void cli_common_finish(cli_common *common)
{
    cli_list_finish(&common->header_list);
    cli_list_finish(&common->resolve);
    cli_fields_finish(&common->fields);
    free(common->user_name);
    cli_secret_finish(common->password);
    cli_secret_finish(common->user);
    cli_secret_finish(common->cert);
    cli_secret_finish(common->key_password);
    free(common->cert_file);
    cli_secret_finish(common->cert_password);
    free(common->resolve_texts);
}

static hh_status prepare_fields(cli_common *common, cli_text *problem)
{
    for (size_t i = 0; i < common->header_list.count; i++) {
        hh_status status =
            cli_fields_add_spelled(&common->fields, common->header_list.entries[i].text, problem);
        if (status != HH_OK)
            return status;
    }
    /* A field given by -H wins over the option that sets the same one. */
    if (common->referer != NULL && !cli_fields_has(&common->fields, "referer"))
        return cli_fields_add(&common->fields, hh_slice_of("Referer"), hh_slice_of(common->referer),
                              CLI_FIELD_SEND);
    return HH_OK;
}

static hh_status prepare_user(cli_common *common, cli_text *problem)
{
    if (common->user == NULL)
        return HH_OK;
    size_t length = strcspn(common->user, ":");
    common->user_name = strndup(common->user, length);
    if (common->user_name == NULL)
        return HH_ERR_NO_MEMORY;
    if (common->user[length] == '\0')
        return cli_password_ask(common->user_name, &common->password, problem);
    common->password = strdup(common->user + length + 1);
    return common->password != NULL ? HH_OK : HH_ERR_NO_MEMORY;
}

/* FILE or FILE:PASSWORD; a file of the whole name is taken as it stands. */
static hh_status prepare_certificate(cli_common *common)
{
    if (common->cert == NULL)
        return HH_OK;
    const char *colon = access(common->cert, F_OK) == 0 ? NULL : strrchr(common->cert, ':');
    common->cert_file = colon != NULL ? strndup(common->cert, (size_t)(colon - common->cert))
                                      : strdup(common->cert);
    if (common->cert_file == NULL)
        return HH_ERR_NO_MEMORY;
    if (colon != NULL && common->key_password == NULL) {
        common->cert_password = strdup(colon + 1);
        if (common->cert_password == NULL)
            return HH_ERR_NO_MEMORY;
    }
    return HH_OK;
}

static hh_status check_files(const cli_common *common, cli_exit *exit, cli_text *problem)
{
    const struct {
        const char *path;
        cli_exit exit;
    } files[] = {
        {common->ca_file, CLI_EXIT_CA_FILE},
        {common->ca_directory, CLI_EXIT_CA_FILE},
        {common->cert_file, CLI_EXIT_CLIENT_CERTIFICATE},
        {common->key, CLI_EXIT_CLIENT_CERTIFICATE},
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (files[i].path != NULL && cli_file_check_readable(files[i].path, problem) != HH_OK) {
            *exit = files[i].exit;
            return HH_ERR_FILE;
        }
    }
    return HH_OK;
}

static hh_status prepare_numbers(cli_common *common, cli_text *problem)
{
    struct in6_addr address;
    if (common->local_address != NULL && inet_pton(AF_INET, common->local_address, &address) != 1 &&
        inet_pton(AF_INET6, common->local_address, &address) != 1) {
        cli_text_printf(problem, "option --interface wants an IP address, not '%s'",
                        common->local_address);
        return HH_ERR_INVALID_ARGUMENT;
    }
    const char *text = common->max_redirects_text;
    uint64_t count = 0;
    if (text == NULL)
        return HH_OK;
    if (strcmp(text, "-1") == 0) {
        common->max_redirects = REDIRECTS_MAX;
    } else if (cli_parse_count(text, &count) != HH_OK) {
        cli_text_printf(problem, "option --max-redirs wants a whole number, not '%s'", text);
        return HH_ERR_INVALID_ARGUMENT;
    } else if (count == 0) {
        common->no_redirects = 1;
    } else {
        common->max_redirects = count > REDIRECTS_MAX ? REDIRECTS_MAX : (unsigned)count;
    }
    return HH_OK;
}

static hh_status prepare_resolve(cli_common *common)
{
    common->resolve_texts = calloc(common->resolve.count + 1, sizeof(char *));
    if (common->resolve_texts == NULL)
        return HH_ERR_NO_MEMORY;
    for (size_t i = 0; i < common->resolve.count; i++)
        common->resolve_texts[i] = common->resolve.entries[i].text;
    return HH_OK;
}

hh_status cli_common_prepare(cli_common *common, cli_exit *exit, cli_text *problem)
{
    *exit = CLI_EXIT_USAGE;
    hh_status status = prepare_numbers(common, problem);
    if (status == HH_OK)
        status = prepare_fields(common, problem);
    if (status == HH_OK)
        status = prepare_resolve(common);
    if (status == HH_OK)
        status = prepare_certificate(common);
    if (status == HH_OK)
        status = check_files(common, exit, problem);
    if (status == HH_OK)
        status = prepare_user(common, problem);
    if (status == HH_ERR_NO_MEMORY) {
        *exit = CLI_EXIT_NO_MEMORY;
        cli_text_add_string(problem, "out of memory");
    }
    return status;
}

cli_exit cli_common_exit(const cli_common *common, hh_status status)
{
    /* Every file was readable when we looked; a CA file that holds none is the rarer mistake. */
    if (status == HH_ERR_FILE && common->cert_file != NULL)
        return CLI_EXIT_CLIENT_CERTIFICATE;
    return cli_exit_of_status(status);
}

void cli_common_client_options(const cli_common *common, hh_client_options *out)
{
    out->user_agent = common->user_agent;
    out->timeout.connect_ms = common->connect_timeout_ms;
    if (common->total_timeout_ms >= 0) {
        /* Who says how long the whole may take has said how long a silence may be. */
        out->timeout.read_ms = HH_TIMEOUT_NONE;
        out->timeout.write_ms = HH_TIMEOUT_NONE;
        out->timeout.total_ms =
            common->total_timeout_ms == 0 ? HH_TIMEOUT_NONE : common->total_timeout_ms;
        if (common->connect_timeout_ms == 0)
            out->timeout.connect_ms = HH_TIMEOUT_NONE;
    }
    out->redirects =
        common->follow && !common->no_redirects ? HH_REDIRECTS_FOLLOW : HH_REDIRECTS_MANUAL;
    out->max_redirects = common->max_redirects;
    out->tls.verify = common->insecure ? HH_OFF : HH_ON;
    out->tls.ca_file = common->ca_file;
    out->tls.ca_directory = common->ca_directory;
    out->tls.cert_file = common->cert_file;
    out->tls.key_file = common->key;
    out->tls.key_password =
        common->key_password != NULL ? common->key_password : common->cert_password;
    out->tls.min_version = (hh_tls_version)common->min_tls;
    out->tls.keylog = getenv("SSLKEYLOGFILE") != NULL ? HH_ON : HH_DEFAULT;
    out->http2 = common->http == CLI_HTTP_1_1 ? HH_OFF : HH_ON;
    out->http2_prior_knowledge = common->http == CLI_HTTP_2_PRIOR_KNOWLEDGE ? HH_ON : HH_OFF;
    out->unix_socket = common->unix_socket;
    out->local_address = common->local_address;
    out->dns_servers = common->dns_servers;
    out->resolve = common->resolve_texts;
    out->resolve_count = common->resolve.count;
}

hh_status cli_common_apply(const cli_common *common, hh_request *request, cli_text *problem)
{
    if (common->user_name != NULL && !cli_fields_has(&common->fields, "authorization")) {
        hh_status status = hh_request_set_basic_auth(request, common->user_name, common->password);
        if (status != HH_OK) {
            cli_text_add_string(problem, "the user name or password of -u can't be sent");
            return status;
        }
    }
    return cli_fields_apply(&common->fields, request, problem);
}

hh_status cli_common_check(const cli_common *common, hh_client *client, const char *method,
                           cli_text *problem)
{
    hh_request *request;
    hh_error error;
    hh_status status = hh_request_create_slice(client, hh_slice_of(method),
                                               hh_slice_of("http://localhost/"), &request, &error);
    if (status != HH_OK) {
        cli_text_add_string(problem, error.message);
        return status;
    }
    status = cli_common_apply(common, request, problem);
    hh_request_destroy(request);
    return status;
}

const char cli_common_refusal[] = "more redirects than --max-redirs allows (0)";

int cli_common_refuses(const cli_common *common, const hh_response *response)
{
    int status = hh_response_status(response);
    int is_redirect =
        status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
    return is_redirect && common->follow && common->no_redirects &&
           hh_response_header(response, "location").data != NULL;
}
