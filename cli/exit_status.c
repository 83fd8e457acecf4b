/*
 * exit_status.c - see exit_status.h.
 */
#include "exit_status.h"

cli_exit cli_exit_of_status(hh_status status)
{
    switch (status) {
    case HH_OK:
        return CLI_EXIT_OK;
    case HH_INTERRUPTED:
    case HH_ERR_CANCELLED:
    case HH_ERR_CLIENT_CLOSED:
        return CLI_EXIT_INTERRUPTED;
    case HH_ERR_NO_MEMORY:
        return CLI_EXIT_NO_MEMORY;
    case HH_ERR_INVALID_ARGUMENT:
    case HH_ERR_STATE:
    case HH_ERR_LIMIT:
    case HH_ERR_SYSTEM:
        return CLI_EXIT_USAGE; /* curl's 2 is also "failed to initialise" */
    case HH_ERR_INVALID_URL:
        return CLI_EXIT_URL;
    case HH_ERR_UNSUPPORTED_PROTOCOL:
    case HH_ERR_REDIRECT_REFUSED:
        return CLI_EXIT_UNSUPPORTED_PROTOCOL;
    case HH_ERR_FILE:
        return CLI_EXIT_CA_FILE;
    case HH_ERR_RESOLVE:
    case HH_ERR_RESOLVE_TEMPORARY:
        return CLI_EXIT_RESOLVE;
    case HH_ERR_CONNECT:
        return CLI_EXIT_CONNECT;
    case HH_ERR_TLS:
        return CLI_EXIT_TLS;
    case HH_ERR_CERTIFICATE:
        return CLI_EXIT_VERIFY;
    case HH_ERR_SEND:
        return CLI_EXIT_SEND;
    case HH_ERR_RECEIVE:
    case HH_ERR_HEADERS_TOO_LARGE:
        return CLI_EXIT_RECEIVE;
    case HH_ERR_EMPTY_RESPONSE:
        return CLI_EXIT_EMPTY;
    case HH_ERR_TRUNCATED:
        return CLI_EXIT_PARTIAL;
    case HH_ERR_PROTOCOL:
        return CLI_EXIT_PROTOCOL;
    case HH_ERR_REFUSED:
    case HH_ERR_STREAM_RESET:
        return CLI_EXIT_STREAM;
    case HH_ERR_RESPONSE_TOO_LARGE:
        return CLI_EXIT_TOO_LARGE;
    case HH_ERR_DECODE:
    case HH_ERR_DECODE_LIMIT:
        return CLI_EXIT_DECODE;
    case HH_ERR_TOO_MANY_REDIRECTS:
        return CLI_EXIT_REDIRECTS;
    case HH_ERR_BODY_NOT_REWINDABLE:
        return CLI_EXIT_REWIND;
    case HH_ERR_BODY_LENGTH:
        return CLI_EXIT_READ;
    case HH_ERR_TIMEOUT_CONNECT:
    case HH_ERR_TIMEOUT_READ:
    case HH_ERR_TIMEOUT_WRITE:
    case HH_ERR_TIMEOUT_POOL:
    case HH_ERR_TIMEOUT_TOTAL:
        return CLI_EXIT_TIMEOUT;
    }
    return CLI_EXIT_USAGE;
}
