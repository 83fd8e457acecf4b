/*
 * h2_describe.c - sentences about an HTTP/2 connection: what its end, or a stream's, means for a
 * call, and what its peer has declared. RFC 9113 §3.4, §6.8, §7.
 */
#include <inttypes.h>
#include <string.h>

#include "base/failure.h"
#include "conn/h2_internal.h"

/* Whether the peer went before it said a word (RFC 9113 §3.4), and not for a fault of TLS's. */
static bool ended_silently(const hh_h2 *h2)
{
    bool is_io = h2->failure == HH_ERR_SEND || h2->failure == HH_ERR_RECEIVE;
    hh_status code = is_io ? h2->io_error.code : h2->failure;
    return !h2->has_settings &&
           (code == HH_ERR_EMPTY_RESPONSE || code == HH_ERR_SEND || code == HH_ERR_RECEIVE);
}

/* Such a peer is going down, or isn't what ALPN or the user said it is. */
static void describe_silent_end(const hh_h2 *h2, hh_phase phase, hh_error *error)
{
    *error = h2->io_error;
    if (h2->failure == HH_ERR_EMPTY_RESPONSE)
        hh__fail(error, h2->failure, phase, "%s closed the connection", h2->conn.remote);
    int os_error = error->os_error;
    hh__fail(error, error->code, phase,
             "%s, before its HTTP/2 SETTINGS came: if it does so every time, turn http2 off "
             "(--http1.1)",
             error->message);
    error->os_error = os_error;
}

static void describe_close(const hh_h2 *h2, hh_status code, hh_phase phase, hh_error *error)
{
    const char *problem = h2->problem != NULL ? h2->problem : "";
    hh__fail(error, code, phase, "%s closed the connection %s%s%s", h2->conn.remote,
             code == HH_ERR_TRUNCATED ? "inside the answer" : "before it answered",
             problem[0] != '\0' ? ": " : "", problem);
}

void hh__h2_describe_end(const hh_h2_stream *s, hh_error *error)
{
    const hh_h2 *h2 = s->h2;
    const char *problem = h2->problem != NULL ? h2->problem : "";
    hh_status code = h2->failure;
    hh_phase phase = !s->is_out                         ? HH_PHASE_SEND
                     : s->receive == HH_H2_RECEIVE_HEAD ? HH_PHASE_HEADERS
                                                        : HH_PHASE_BODY;
    if (code == HH_ERR_EMPTY_RESPONSE && s->call->received_bytes > 0)
        code = HH_ERR_TRUNCATED;
    if (ended_silently(h2)) {
        describe_silent_end(h2, phase, error);
    } else if (code == HH_ERR_SEND || code == HH_ERR_RECEIVE) {
        *error = h2->io_error;
        error->phase = phase;
    } else if (code == HH_ERR_EMPTY_RESPONSE || code == HH_ERR_TRUNCATED) {
        describe_close(h2, code, phase, error);
    } else if (code == HH_ERR_PROTOCOL) {
        hh__fail(error, code, phase, "%s broke the rules of HTTP/2: %s", h2->conn.remote, problem);
    } else {
        hh__fail(error, code, phase, "the connection to %s ended: %s", h2->conn.remote, problem);
    }
    error->http2_error = h2->fault != 0 ? h2->fault : h2->peer_fault;
}

/* Behind a GOAWAY the reason is that one's (RFC 9113 §6.8): nghttp2 gives REFUSED_STREAM to all
 * that it leaves out. */
static uint32_t describe_refusal(const hh_h2 *h2, hh_phase phase, hh_error *error)
{
    if (h2->peer_fault == 0) {
        hh__fail(error, HH_ERR_REFUSED, phase, "%s refused the request unprocessed",
                 h2->conn.remote);
        return NGHTTP2_REFUSED_STREAM;
    }
    hh__fail(error, HH_ERR_REFUSED, phase, "%s went away and left the request unprocessed: %s",
             h2->conn.remote, nghttp2_http2_strerror(h2->peer_fault));
    return h2->peer_fault;
}

void hh__h2_describe_reset(const hh_h2_stream *s, uint32_t code, hh_error *error)
{
    const char *remote = s->h2->conn.remote;
    hh_phase phase = s->receive == HH_H2_RECEIVE_HEAD ? HH_PHASE_HEADERS : HH_PHASE_BODY;
    /* Once an answer has begun nobody can take back that the request was processed. */
    if (!s->is_out)
        hh__fail(error, HH_ERR_REFUSED, HH_PHASE_SEND, "the request to %s could not be sent",
                 remote);
    else if (s->is_reset)
        hh__fail(error, HH_ERR_PROTOCOL, phase, "%s broke the rules of HTTP/2: %s", remote,
                 nghttp2_http2_strerror(code));
    else if (code == NGHTTP2_REFUSED_STREAM && s->call->received_bytes == 0)
        code = describe_refusal(s->h2, phase, error);
    else
        hh__fail(error, HH_ERR_STREAM_RESET, phase, "%s reset the stream: %s", remote,
                 nghttp2_http2_strerror(code));
    error->http2_error = code;
}

size_t hh__h2_describe(const hh_conn *conn, char *text, size_t capacity)
{
    const hh_h2 *h2 = (const hh_h2 *)conn;
    hh_error said;
    if (!h2->has_settings)
        return 0;
    hh__fail(
        &said, HH_OK, HH_PHASE_NONE,
        "HTTP/2 settings of the peer: %" PRIu32 " streams at once, a window of %" PRIu32
        " bytes for each, frames of %" PRIu32 " bytes",
        nghttp2_session_get_remote_settings(h2->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS),
        nghttp2_session_get_remote_settings(h2->session, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE),
        nghttp2_session_get_remote_settings(h2->session, NGHTTP2_SETTINGS_MAX_FRAME_SIZE));
    size_t length = strlen(said.message);
    if (length >= capacity)
        return 0;
    memcpy(text, said.message, length + 1);
    return length;
}
