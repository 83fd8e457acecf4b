/*
 * h2_memory.h - memory for nghttp2: small blocks are kept for the next stream.
 *
 * nghttp2 allocates a few small blocks for each stream and frees them when it ends. They go from
 * one stream to the next through lists by size, without the general allocator in between. Belongs
 * to one client, under its lock; at most HH_H2_BLOCKS_KEPT_MAX of each size are kept.
 */
#ifndef HH_CONN_H2_MEMORY_H
#define HH_CONN_H2_MEMORY_H

#include <nghttp2/nghttp2.h>

#include "conn/conn.h"

/* For nghttp2_session_client_new3; `memory` stays valid as long as `env`, and may be used after
 * hh__h2_memory_finish. */
nghttp2_mem hh__h2_memory(hh_conn_env *env);
/* Frees what is kept, and keeps nothing from now on. */
void hh__h2_memory_finish(hh_conn_env *env);
size_t hh__h2_memory_spare_bytes(const hh_conn_env *env);

#endif
