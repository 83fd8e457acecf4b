/*
 * conn.c - what the connections of all protocols share, see conn.h.
 */
#include "conn/conn.h"

#include <inttypes.h>
#include <string.h>

#include "base/failure.h"
#include "conn/h1.h"
#include "conn/h2.h"

void hh__conn_env_finish(hh_conn_env *env)
{
    hh__h1_env_finish(env);
    hh__h2_env_finish(env);
}

size_t hh__conn_env_spare_bytes(const hh_conn_env *env)
{
    return hh__h1_env_spare_bytes(env) + hh__h2_env_spare_bytes(env);
}

void hh__conn_init(hh_conn *conn, hh_conn_env *env, const char *remote,
                   const hh_keeper_ops *keeper_ops, void *keeper)
{
    size_t length = strlen(remote);
    conn->env = env;
    conn->keeper_ops = keeper_ops;
    conn->keeper = keeper;
    conn->keep_alive_timeout_s = UINT32_MAX;
    memcpy(conn->remote, remote, length < sizeof conn->remote ? length : sizeof conn->remote - 1);
}

hh_status hh__call_check_length(const hh_call *call, hh_slice data, hh_push_end end)
{
    if (call->body_length == UINT64_MAX)
        return HH_OK;
    uint64_t left = call->body_length - call->pushed_bytes;
    if (data.length > left || (end == HH_PUSH_LAST && data.length < left))
        return HH_ERR_BODY_LENGTH;
    return HH_OK;
}

void hh__conn_describe_delay(const hh_conn *conn, const hh_call *call, hh_delay delay,
                             hh_error *error)
{
    int64_t read_ms = call->read_timeout_ns / 1000000;
    int64_t write_ms = call->write_timeout_ns / 1000000;
    switch (delay) {
    case HH_DELAY_SENDING:
        hh__fail(error, HH_ERR_TIMEOUT_WRITE, HH_PHASE_SEND,
                 "%s took nothing for %" PRId64 " ms while the request was sent", conn->remote,
                 write_ms);
        break;
    case HH_DELAY_HEAD:
        hh__fail(error, HH_ERR_TIMEOUT_READ, HH_PHASE_HEADERS,
                 "%s sent nothing for %" PRId64 " ms before the response headers were complete",
                 conn->remote, read_ms);
        break;
    case HH_DELAY_BODY:
        hh__fail(error, HH_ERR_TIMEOUT_READ, HH_PHASE_BODY,
                 "%s sent nothing for %" PRId64 " ms after %" PRIu64 " body bytes", conn->remote,
                 read_ms, call->body_bytes);
        break;
    }
}
