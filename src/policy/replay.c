/*
 * replay.c - the rule of RFC 9112 §9.3.1 and RFC 9110 §9.2.2: again without being asked only what
 * is idempotent, or what provably never left.
 *
 * A time-out, a broken answer and a failed handshake are no sign of a stale connection, so they
 * never lead to a replay.
 */
#include "policy/replay.h"

#include "base/ascii.h"
#include "base/limits.h"
#include "base/memory.h"

bool hh__is_method_idempotent(hh_slice method)
{
    static const char *const methods[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"};

    for (size_t i = 0; i < HH_COUNT_OF(methods); i++) {
        if (hh__slice_is(method, methods[i]))
            return true;
    }
    return false;
}

static bool is_sign_of_stale_connection(hh_status failure)
{
    return failure == HH_ERR_SEND || failure == HH_ERR_RECEIVE || failure == HH_ERR_EMPTY_RESPONSE;
}

hh_replay hh__decide_replay(const hh_replay_input *input)
{
    if (!is_sign_of_stale_connection(input->failure))
        return HH_REPLAY_NO;
    if (input->connection == HH_REPLAY_CONNECTION_FRESH ||
        input->answer == HH_REPLAY_ANSWER_BEGUN || input->replays >= HH_REPLAYS_MAX)
        return HH_REPLAY_NO;
    if (input->sent_bytes > 0 && !hh__is_method_idempotent(input->method))
        return HH_REPLAY_NO;
    return input->body == HH_REPLAY_BODY_READY ? HH_REPLAY_YES : HH_REPLAY_BODY_STUCK;
}
