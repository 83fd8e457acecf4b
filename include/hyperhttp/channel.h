/*
 * channel.h - exchanges event by event, blocking: streams, pushed bodies, questions, and many
 * requests at once for callers without a loop.
 *
 * A channel is a queue of its own for the events of one exchange, or of several: they come out of
 * the channel, never out of hh_next_event, and don't make hh_client_fd readable. While a thread
 * waits in hh_channel_next it may drive the client for every other blocking call, like hh_send. A
 * channel that nobody waits on holds nobody else up. Thread rule: a channel belongs to one thread
 * at a time; any number of them, and all other calls, may be under way on one client at once. A
 * channel may outlive its client: hh_channel_next then returns HH_ERR_CLIENT_CLOSED, and it is
 * still to be closed.
 */
#ifndef HYPERHTTP_CHANNEL_H
#define HYPERHTTP_CHANNEL_H

#include <hyperhttp/event.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hh_channel hh_channel;

/* Sends `request` as hh_submit does: every delivery, question and kind of body is legal. Never
 * waits; may do I/O at once. On success *out is the caller's to close. Errors: HH_ERR_NO_MEMORY,
 * HH_ERR_SYSTEM, HH_ERR_INVALID_ARGUMENT, HH_ERR_LIMIT, HH_ERR_CLIENT_CLOSED; `error` (may be NULL)
 * says why. */
HH_API HH_WARN_UNUSED hh_status hh_channel_open(hh_client *client, hh_request *request,
                                                hh_channel **out, hh_error *error);

/* A channel without an exchange, for hh_channel_add. The caller's to close. Errors: as above. */
HH_API HH_WARN_UNUSED hh_status hh_channel_create(hh_client *client, hh_channel **out);

/* Sends one more request; its events come out among the others', with `tag` in them. *id (may be
 * NULL) names the exchange. Errors: as hh_submit's. */
HH_API HH_WARN_UNUSED hh_status hh_channel_add(hh_channel *channel, hh_request *request, void *tag,
                                               hh_id *id);

/* Waits for the next event, to be given back by hh_event_release. Whichever way an exchange ends,
 * one DONE or ERROR comes last for it. Credit works as ever: BODY events that are kept hold
 * up the connection in the end. After about `timeout_ms` without one (negative: no bound) it is
 * HH_OK with *out NULL. HH_INTERRUPTED: a signal cut the wait short, the exchange goes on, call
 * again. A signal that comes just before the wait begins, or while another thread drives and the
 * handler was installed with SA_RESTART, cuts nothing short: who looks at flags that handlers set
 * gives a bound. HH_ERR_STATE: the last event of every exchange is out already.
 * HH_ERR_CLIENT_CLOSED: in a child after fork. HH_ERR_SYSTEM. On failure *out is NULL. */
HH_API HH_WARN_UNUSED hh_status hh_channel_next(hh_channel *channel, int timeout_ms,
                                                const hh_event **out);

/* The first exchange's id, 0 while there is none: for hh_answer, hh_body_push, hh_set_sink and
 * hh_cancel, which may come from other threads too. */
HH_API hh_id hh_channel_id(const hh_channel *channel);

/* Gives the channel up: cancels what hasn't ended, drops the events not yet pulled.
 * Those that were pulled stay valid until they are released. NULL is fine. */
HH_API void hh_channel_close(hh_channel *channel);

#ifdef __cplusplus
}
#endif
#endif
