/*
 * h2.h - an HTTP/2 connection (RFC 9113) behind conn.h: many calls at once, a stream each.
 *
 * nghttp2 does the framing; what to read and write when, credit, limits and life are ours. Answers
 * are reported as of an HTTP/1 connection. `capacity` is the peer's MAX_CONCURRENT_STREAMS, up to
 * HH_H2_STREAMS_MAX; 0 once the peer has said GOAWAY, or has failed to answer.
 */
#ifndef HH_CONN_H2_H
#define HH_CONN_H2_H

#include "conn/conn.h"

/* A connection over `stream`, on which nothing has been sent, and which it owns from HH_OK on. The
 * preface goes out with the first call, or in the next run of the loop. HH_ERR_NO_MEMORY. `remote`
 * is cut at HH_REMOTE_TEXT_BYTES - 1. */
HH_WARN_UNUSED hh_status hh__h2_create(hh_conn_env *env, hh_stream *stream, const char *remote,
                                       const hh_keeper_ops *keeper_ops, void *keeper,
                                       hh_conn **out);
/* HTTP/2's part of hh__conn_env_finish and hh__conn_env_spare_bytes. */
void hh__h2_env_finish(hh_conn_env *env);
size_t hh__h2_env_spare_bytes(const hh_conn_env *env);
/* Counts everything anew and compares; false when the flow-control books don't balance. For tests
 * and the soak. */
bool hh__h2_check(const hh_conn *conn);

#endif
