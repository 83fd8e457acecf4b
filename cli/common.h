/*
 * common.h - the options `hyperhttp` and `hyperhttp batch` share, and the client they make of them.
 */
#ifndef CLI_COMMON_H
#define CLI_COMMON_H

#include "exit_status.h"
#include "fields.h"
#include "options.h"

/* Which protocols may be spoken. */
typedef enum cli_http {
    CLI_HTTP_2 = 0,             /* HTTP/2 where a TLS server offers it: the default */
    CLI_HTTP_1_1,               /* never HTTP/2 */
    CLI_HTTP_2_PRIOR_KNOWLEDGE, /* as CLI_HTTP_2, and without TLS at once */
} cli_http;

typedef struct cli_common {
    const char *method;
    cli_list header_list;
    const char *user_agent;
    const char *referer;
    char *user;
    int follow;
    const char *max_redirects_text;
    int fail;
    int insecure;
    const char *ca_file;
    const char *ca_directory;
    char *cert;
    const char *key;
    char *key_password;
    int min_tls;
    int http; /* cli_http: the last of --http2, --http1.1, --http2-prior-knowledge */
    cli_list resolve;
    const char *unix_socket;
    const char *local_address;
    const char *dns_servers;
    int64_t connect_timeout_ms; /* 0: the engine's */
    int64_t total_timeout_ms;   /* -1: not given; 0: none */

    /* Made by cli_common_prepare; freed by cli_common_finish. */
    cli_fields fields;
    char *user_name;
    char *password;
    char *cert_file;
    char *cert_password;
    unsigned max_redirects; /* 0: the engine's */
    int no_redirects;       /* -L with --max-redirs 0: the first redirect is an error */
    const char **resolve_texts;
} cli_common;

void cli_common_init(cli_common *common);
void cli_common_finish(cli_common *common);

/* The two tables of the help, for `common`. */
cli_option_set cli_common_request_set(cli_common *common);
cli_option_set cli_common_connection_set(cli_common *common);

/* Checks and completes what was parsed; asks the terminal for a password left out of -u. On failure
 * `problem` is the sentence and *exit the status: CLI_EXIT_USAGE for a mistake on the line,
 * CLI_EXIT_CA_FILE and CLI_EXIT_CLIENT_CERTIFICATE for files, CLI_EXIT_NO_MEMORY. */
hh_status cli_common_prepare(cli_common *common, cli_exit *exit, cli_text *problem);

/* The exit status for a failure of the engine under these options. */
cli_exit cli_common_exit(const cli_common *common, hh_status status);

/* Fills `out` as far as these options say; it borrows from `common`. */
void cli_common_client_options(const cli_common *common, hh_client_options *out);

/* Puts fields and user onto `request`. */
hh_status cli_common_apply(const cli_common *common, hh_request *request, cli_text *problem);

/* Whether a request with these options could be sent at all, known before any is: `problem` says
 * why not. */
hh_status cli_common_check(const cli_common *common, hh_client *client, const char *method,
                           cli_text *problem);

/* Whether `response` is a redirect that --max-redirs 0 makes an error. */
int cli_common_refuses(const cli_common *common, const hh_response *response);
extern const char cli_common_refusal[];

#endif
