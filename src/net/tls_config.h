/*
 * tls_config.h - what the TLS stream needs of a configuration beyond net/tls.h.
 */
#ifndef HH_NET_TLS_CONFIG_H
#define HH_NET_TLS_CONFIG_H

#include "net/tls_context.h"

/* NULL before hh__tls_config_load has succeeded. Borrowed. */
hh_tls_context *hh__tls_config_context(const hh_tls_config *config);
bool hh__tls_config_is_verifying(const hh_tls_config *config);

#endif
