/*
 * tls_session.c - a few tickets of one peer, newest first.
 *
 * A resumed handshake shows no certificate: the ticket stands for the check made when it was
 * issued. So a store belongs to one server name under one context, and although its owner keys it,
 * it checks that for itself: with another name or context it gives and takes nothing. A TLS 1.3
 * ticket is used once, so that connections can't be linked by it (RFC 8446 §C.4); a TLS 1.2 session
 * stays until it expires.
 */
#include "net/tls_session.h"

#include <time.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/memory.h"

struct hh_tls_sessions {
    unsigned refs; /* the owner's and one for each stream */
    bool is_destroyed;
    bool is_bound;
    size_t count;
    SSL_SESSION *items[HH_TLS_SESSIONS_MAX]; /* newest first */
    size_t context_length;                   /* of bound_to, where the name begins */
    hh_bytes bound_to;
};

hh_status hh__tls_sessions_create(hh_tls_sessions **out)
{
    hh_tls_sessions *sessions = hh__calloc(1, sizeof(*sessions));
    if (sessions == NULL)
        return HH_ERR_NO_MEMORY;
    sessions->refs = 1;
    hh__bytes_init(&sessions->bound_to, 2 * (size_t)HH_TLS_KEY_MAX_BYTES);
    *out = sessions;
    return HH_OK;
}

void hh__tls_sessions_destroy(hh_tls_sessions *sessions)
{
    if (sessions == NULL)
        return;
    for (size_t i = 0; i < sessions->count; i++)
        SSL_SESSION_free(sessions->items[i]);
    sessions->count = 0;
    sessions->is_destroyed = true;
    hh__tls_sessions_unref(sessions);
}

hh_tls_sessions *hh__tls_sessions_ref(hh_tls_sessions *sessions)
{
    if (sessions != NULL)
        sessions->refs++;
    return sessions;
}

void hh__tls_sessions_unref(hh_tls_sessions *sessions)
{
    if (sessions == NULL || --sessions->refs != 0)
        return;
    hh__bytes_finish(&sessions->bound_to);
    hh__free(sessions);
}

bool hh__tls_sessions_fit(hh_tls_sessions *sessions, hh_slice context_identity, hh_slice name)
{
    hh_bytes *bound = &sessions->bound_to;
    if (!sessions->is_bound) {
        hh__bytes_clear(bound);
        hh__bytes_append_slice(bound, context_identity);
        hh__bytes_append_slice(bound, name);
        sessions->context_length = context_identity.length;
        sessions->is_bound = bound->status == HH_OK;
        return sessions->is_bound;
    }
    return sessions->context_length == context_identity.length &&
           bound->length == context_identity.length + name.length &&
           memcmp(bound->data, context_identity.data, context_identity.length) == 0 &&
           memcmp(bound->data + context_identity.length, name.data, name.length) == 0;
}

static void remove_at(hh_tls_sessions *sessions, size_t place)
{
    sessions->count--;
    for (size_t i = place; i < sessions->count; i++)
        sessions->items[i] = sessions->items[i + 1];
}

static bool is_usable(const SSL_SESSION *session)
{
    int64_t expires =
        (int64_t)SSL_SESSION_get_time(session) + (int64_t)SSL_SESSION_get_timeout(session);
    return SSL_SESSION_is_resumable(session) == 1 && expires > (int64_t)time(NULL);
}

SSL_SESSION *hh__tls_sessions_take(hh_tls_sessions *sessions)
{
    while (sessions->count > 0) {
        SSL_SESSION *session = sessions->items[0];
        if (!is_usable(session)) {
            remove_at(sessions, 0);
            SSL_SESSION_free(session);
            continue;
        }
        if (SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION)
            remove_at(sessions, 0);
        else
            SSL_SESSION_up_ref(session);
        return session;
    }
    return NULL;
}

void hh__tls_sessions_add(hh_tls_sessions *sessions, SSL_SESSION *session)
{
    if (sessions->is_destroyed) {
        SSL_SESSION_free(session);
        return;
    }
    if (sessions->count == HH_TLS_SESSIONS_MAX)
        SSL_SESSION_free(sessions->items[--sessions->count]);
    for (size_t i = sessions->count; i > 0; i--)
        sessions->items[i] = sessions->items[i - 1];
    sessions->items[0] = session;
    sessions->count++;
}
