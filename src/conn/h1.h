/*
 * h1.h - an HTTP/1.1 or 1.0 connection: one call at a time, kept alive between them (RFC 9112).
 */
#ifndef HH_CONN_H1_H
#define HH_CONN_H1_H

#include "conn/conn.h"

/* A connection over `stream`, which it owns from HH_OK on. HH_ERR_NO_MEMORY. `remote` is cut at
 * HH_REMOTE_TEXT_BYTES - 1. */
HH_WARN_UNUSED hh_status hh__h1_create(hh_conn_env *env, hh_stream *stream, const char *remote,
                                       const hh_keeper_ops *keeper_ops, void *keeper,
                                       hh_conn **out);
/* HTTP/1's part of hh__conn_env_finish and hh__conn_env_spare_bytes. */
void hh__h1_env_finish(hh_conn_env *env);
size_t hh__h1_env_spare_bytes(const hh_conn_env *env);

#endif
