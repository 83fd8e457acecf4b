/*
 * replay.c - the rule of RFC 9112 §9.3.1 and RFC 9110 §9.2.2: again without being asked only what
 * is idempotent, or what provably never left. RFC 9113 §8.7: what was refused unprocessed, whatever
 * the method.
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

static hh_replay decide_stale(const hh_replay_input *input)
{
    if (!is_sign_of_stale_connection(input->failure) ||
        input->connection == HH_REPLAY_CONNECTION_FRESH || input->replays >= HH_REPLAYS_MAX)
        return HH_REPLAY_NO;
    if (input->sent_bytes > 0 && !hh__is_method_idempotent(input->method))
        return HH_REPLAY_NO;
    return HH_REPLAY_YES;
}

/* A connection that refuses although it has room is to be avoided. One that has none allowed more
 * before its limit was known, or is going away: its own slots, or another's, will do. */
static hh_replay decide_refused(const hh_replay_input *input)
{
    if (input->refusals >= HH_H2_REFUSALS_MAX)
        return HH_REPLAY_NO;
    return input->room == HH_REPLAY_ROOM_FREE ? HH_REPLAY_YES : HH_REPLAY_ANYWHERE;
}

hh_replay hh__decide_replay(const hh_replay_input *input)
{
    if (input->answer == HH_REPLAY_ANSWER_BEGUN)
        return HH_REPLAY_NO;
    hh_replay verdict =
        input->failure == HH_ERR_REFUSED ? decide_refused(input) : decide_stale(input);
    return verdict != HH_REPLAY_NO && input->body == HH_REPLAY_BODY_SPENT ? HH_REPLAY_BODY_STUCK
                                                                          : verdict;
}
