/*
 * pool_key.h - the identity of an origin: every field that affects trust or routing, as one byte
 * string.
 *
 * Two requests share connections exactly when their keys are equal byte for byte. Each part is
 * written with its length before it, so no two different configurations have the same text.
 */
#ifndef HH_CLIENT_POOL_KEY_H
#define HH_CLIENT_POOL_KEY_H

#include "base/bytes.h"
#include "client/settings.h"

/* Appends the key for `url` under `settings`. `questions`: the HH_ASK_ mask; a caller who resolves
 * names himself shares no connection with one who doesn't. Errors stick in `out`. */
void hh__pool_key_append(hh_bytes *out, const hh_settings *settings, const hh_url *url,
                         unsigned questions);

#endif
