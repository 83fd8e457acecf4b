/*
 * status.c - names for the public numbers, and the library's version.
 *
 * Pure functions over static strings. A number from a newer or broken caller gets a name of its
 * own, never a crash.
 */
#include <hyperhttp/base.h>
#include <hyperhttp/error.h>

#define NAME_CASE(name)                                                                            \
    case name:                                                                                     \
        return #name

const char *hh_status_name(hh_status status)
{
    switch (status) {
        NAME_CASE(HH_OK);
        NAME_CASE(HH_INTERRUPTED);
        NAME_CASE(HH_ERR_NO_MEMORY);
        NAME_CASE(HH_ERR_INVALID_ARGUMENT);
        NAME_CASE(HH_ERR_STATE);
        NAME_CASE(HH_ERR_INVALID_URL);
        NAME_CASE(HH_ERR_UNSUPPORTED_PROTOCOL);
        NAME_CASE(HH_ERR_LIMIT);
        NAME_CASE(HH_ERR_SYSTEM);
        NAME_CASE(HH_ERR_FILE);
        NAME_CASE(HH_ERR_RESOLVE);
        NAME_CASE(HH_ERR_RESOLVE_TEMPORARY);
        NAME_CASE(HH_ERR_CONNECT);
        NAME_CASE(HH_ERR_TLS);
        NAME_CASE(HH_ERR_CERTIFICATE);
        NAME_CASE(HH_ERR_SEND);
        NAME_CASE(HH_ERR_RECEIVE);
        NAME_CASE(HH_ERR_EMPTY_RESPONSE);
        NAME_CASE(HH_ERR_TRUNCATED);
        NAME_CASE(HH_ERR_PROTOCOL);
        NAME_CASE(HH_ERR_HEADERS_TOO_LARGE);
        NAME_CASE(HH_ERR_RESPONSE_TOO_LARGE);
        NAME_CASE(HH_ERR_DECODE);
        NAME_CASE(HH_ERR_DECODE_LIMIT);
        NAME_CASE(HH_ERR_REFUSED);
        NAME_CASE(HH_ERR_STREAM_RESET);
        NAME_CASE(HH_ERR_TOO_MANY_REDIRECTS);
        NAME_CASE(HH_ERR_REDIRECT_REFUSED);
        NAME_CASE(HH_ERR_BODY_NOT_REWINDABLE);
        NAME_CASE(HH_ERR_BODY_LENGTH);
        NAME_CASE(HH_ERR_CANCELLED);
        NAME_CASE(HH_ERR_CLIENT_CLOSED);
        NAME_CASE(HH_ERR_TIMEOUT_CONNECT);
        NAME_CASE(HH_ERR_TIMEOUT_READ);
        NAME_CASE(HH_ERR_TIMEOUT_WRITE);
        NAME_CASE(HH_ERR_TIMEOUT_POOL);
        NAME_CASE(HH_ERR_TIMEOUT_TOTAL);
    }
    return "HH_UNKNOWN";
}

const char *hh_category_name(hh_category category)
{
    switch (category) {
    case HH_CATEGORY_NONE:
        return "none";
    case HH_CATEGORY_TRANSIENT:
        return "transient";
    case HH_CATEGORY_TIMEOUT:
        return "timeout";
    case HH_CATEGORY_CONNECTION:
        return "connection";
    case HH_CATEGORY_DNS:
        return "dns";
    case HH_CATEGORY_TLS:
        return "tls";
    case HH_CATEGORY_PROTOCOL:
        return "protocol";
    case HH_CATEGORY_SERVER:
        return "server";
    case HH_CATEGORY_CLIENT:
        return "client";
    case HH_CATEGORY_RATE_LIMIT:
        return "rate_limit";
    case HH_CATEGORY_FATAL:
        return "fatal";
    }
    return "unknown";
}

const char *hh_phase_name(hh_phase phase)
{
    switch (phase) {
    case HH_PHASE_NONE:
        return "none";
    case HH_PHASE_QUEUE:
        return "queue";
    case HH_PHASE_RESOLVE:
        return "resolve";
    case HH_PHASE_CONNECT:
        return "connect";
    case HH_PHASE_TLS:
        return "tls";
    case HH_PHASE_SEND:
        return "send";
    case HH_PHASE_HEADERS:
        return "headers";
    case HH_PHASE_BODY:
        return "body";
    case HH_PHASE_REDIRECT:
        return "redirect";
    }
    return "unknown";
}

const char *hh_version(void)
{
    return HH_VERSION;
}
