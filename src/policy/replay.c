/*
 * replay.c - the rule of RFC 9112 §9.3.1 and RFC 9110 §9.2.2: again without being asked only what
 * is idempotent, or what provably never left. RFC 9113 §8.7: what was refused unprocessed, whatever
 * the method.
 *
 * An HTTP/2 server that is going down takes connections and closes them: before its SETTINGS came,
 * or behind them, or behind a GOAWAY that leaves nothing out (RFC 9113 §6.8); a reset may take any
 * of these frames along. None of it proves that nothing was processed, for a server may act on what
 * follows the client's preface at once (§3.4). So the rule is that of stale connections. It doesn't
 * hold where the server objects to us, or asks for calm.
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

/* RFC 9113 §7. Codes nobody knows say nothing. */
static bool is_objection(uint32_t http2_error)
{
    switch (http2_error) {
    case 0x1: /* PROTOCOL_ERROR */
    case 0x3: /* FLOW_CONTROL_ERROR */
    case 0x4: /* SETTINGS_TIMEOUT */
    case 0x5: /* STREAM_CLOSED */
    case 0x6: /* FRAME_SIZE_ERROR */
    case 0x9: /* COMPRESSION_ERROR */
    case 0xb: /* ENHANCE_YOUR_CALM */
    case 0xc: /* INADEQUATE_SECURITY */
    case 0xd: /* HTTP_1_1_REQUIRED */
        return true;
    default:
        return false;
    }
}

/* A fresh connection that dies under a request that has reached it speaks against the request. Not
 * under a replay: what killed the connection before has got this one, too. */
static bool speaks_against_request(const hh_replay_input *input)
{
    return input->connection == HH_REPLAY_CONNECTION_FRESH && input->replays == 0;
}

static hh_replay decide_stale(const hh_replay_input *input)
{
    if (!is_sign_of_stale_connection(input->failure) || is_objection(input->http2_error) ||
        input->replays >= HH_REPLAYS_MAX)
        return HH_REPLAY_NO;
    if (input->sent_bytes == 0)
        return HH_REPLAY_YES;
    if (speaks_against_request(input) || !hh__is_method_idempotent(input->method))
        return HH_REPLAY_NO;
    return HH_REPLAY_YES;
}

/* An objection may have been to a neighbour: one more try. A connection that refuses although it
 * has room is to be avoided. One that has none allowed more before its limit was known, or is going
 * away: its own slots, or another's, will do. */
static hh_replay decide_refused(const hh_replay_input *input)
{
    unsigned most = is_objection(input->http2_error) ? 1 : HH_H2_REFUSALS_MAX;
    if (input->refusals >= most)
        return HH_REPLAY_NO;
    return input->room == HH_REPLAY_ROOM_FREE ? HH_REPLAY_YES : HH_REPLAY_ANYWHERE;
}

hh_replay hh__decide_replay(const hh_replay_input *input)
{
    if (input->answer == HH_REPLAY_ANSWER_BEGUN || input->body == HH_REPLAY_BODY_SPENT)
        return HH_REPLAY_NO;
    return input->failure == HH_ERR_REFUSED ? decide_refused(input) : decide_stale(input);
}
