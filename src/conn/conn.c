/*
 * conn.c - what the connections of all protocols share, see conn.h.
 */
#include "conn/conn.h"

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
