/*
 * blocking.c - hh_get, hh_send, hh_send_all: many threads on one client, one of them driving.
 *
 * Each call has a mailbox on its stack; its exchanges deliver there and never into the event queue.
 * The first thread that has to wait becomes the driver: it waits on the loop, without the lock, and
 * runs it for all. The others sleep on their mailbox's semaphore. A driver whose own exchanges are
 * done hands over to the oldest sleeper. Whoever finishes somebody else's exchange wakes that
 * thread: by its semaphore, or, if it is the driver, by the loop's descriptor.
 */
#include <errno.h>
#include <semaphore.h>
#include <string.h>
#include <time.h>

#include "base/failure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "client/client.h"

struct hh_mailbox {
    hh_link link; /* in client->blocked while asleep */
    sem_t wake;
    size_t pending; /* exchanges under way */
    hh_response **responses;
    hh_error *errors; /* NULL: not wanted */
    hh_status first_failure;
    hh_error first_error;
};

static void wake_owner(hh_client *client, hh_mailbox *mailbox)
{
    if (client->driver != mailbox || !client->is_driver_waiting)
        sem_post(&mailbox->wake);
    else
        hh__loop_wake(client->loop);
}

void hh__mailbox_deliver(hh_client *client, hh_exchange *exchange, hh_response *response,
                         const hh_error *error)
{
    hh_mailbox *mailbox = exchange->mailbox;
    size_t index = exchange->mailbox_index;
    if (error == NULL) {
        mailbox->responses[index] = response;
    } else {
        hh_response_destroy(response); /* half an answer is none for a blocking call */
        if (mailbox->errors != NULL)
            mailbox->errors[index] = *error;
        if (mailbox->first_failure == HH_OK) {
            mailbox->first_failure = error->code;
            mailbox->first_error = *error;
        }
    }
    mailbox->pending--;
    if (mailbox->pending == 0)
        wake_owner(client, mailbox);
    hh__client_retire(client, exchange);
}

/* The driver goes: the oldest sleeper takes over. */
static void hand_over(hh_client *client)
{
    hh_link *link = hh__list_first(&client->blocked);
    client->driver = NULL;
    if (link == NULL)
        return;
    hh_mailbox *next = HH_CONTAINER_OF(link, hh_mailbox, link);
    client->driver = next;
    sem_post(&next->wake);
}

/* Sleeps for HH_DRIVER_NAP_MS at most. */
static hh_status nap(hh_mailbox *mailbox)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += HH_DRIVER_NAP_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    return sem_timedwait(&mailbox->wake, &until) != 0 && errno == EINTR ? HH_INTERRUPTED : HH_OK;
}

/* Waits until the loop may have something to do. While events lie there for others to pull, the
 * descriptor is kept readable, for somebody may sleep on it; so the driver can't. */
static hh_status wait_as_driver(hh_client *client, hh_mailbox *mailbox)
{
    hh_status status;
    bool has_events = client->events.queued > 0;
    if (has_events)
        hh__loop_wake(client->loop);
    client->is_driver_waiting = !has_events;
    pthread_mutex_unlock(&client->mutex);
    status = has_events ? nap(mailbox) : hh__loop_wait(client->loop, -1);
    pthread_mutex_lock(&client->mutex);
    client->is_driver_waiting = false;
    return status;
}

/* Drives the loop until the mailbox is full. The lock is held before and after. */
static hh_status drive(hh_client *client, hh_mailbox *mailbox)
{
    hh_status status = HH_OK;
    while (mailbox->pending > 0 && status == HH_OK) {
        status = wait_as_driver(client, mailbox);
        if (mailbox->pending == 0)
            break;
        if (status == HH_OK)
            status = hh__client_run(client);
    }
    if (client->events.queued > 0)
        hh__loop_wake(client->loop);
    return mailbox->pending == 0 ? HH_OK : status;
}

/* Sleeps until the mailbox is full or this thread has become the driver. */
static hh_status sleep_on(hh_client *client, hh_mailbox *mailbox)
{
    hh_status status = HH_OK;
    hh__list_push_back(&client->blocked, &mailbox->link);
    while (mailbox->pending > 0 && client->driver != mailbox && status == HH_OK) {
        pthread_mutex_unlock(&client->mutex);
        if (sem_wait(&mailbox->wake) != 0 && errno == EINTR)
            status = HH_INTERRUPTED;
        pthread_mutex_lock(&client->mutex);
    }
    hh__list_remove(&mailbox->link);
    return mailbox->pending == 0 ? HH_OK : status;
}

static hh_status wait_for_mail(hh_client *client, hh_mailbox *mailbox)
{
    hh_status status = HH_OK;
    while (mailbox->pending > 0 && status == HH_OK) {
        if (client->driver == NULL)
            client->driver = mailbox;
        status = client->driver == mailbox ? drive(client, mailbox) : sleep_on(client, mailbox);
    }
    if (client->driver == mailbox)
        hand_over(client);
    return status;
}

/* Cancels what still belongs to the mailbox: the thread was interrupted. */
static void cancel_mail(hh_client *client, hh_mailbox *mailbox)
{
    hh__loop_refresh(client->loop); /* others may begin by what these leave */
    for (uint32_t i = 0; i < client->table.capacity && mailbox->pending > 0; i++) {
        hh_exchange *exchange = client->table.slots[i].exchange;
        if (exchange != NULL && exchange->mailbox == mailbox &&
            exchange->state != HH_EXCHANGE_FINISHED)
            hh__exchange_fail(exchange, HH_ERR_CANCELLED, HH_PHASE_NONE,
                              "interrupted by a signal while %s was under way",
                              hh__exchange_show_url(exchange).text);
    }
}

/* Why `request` was refused, as far as the status alone doesn't say. */
static const char *describe_refusal(const hh_client *client, const hh_request *request,
                                    hh_status status)
{
    if (request == NULL)
        return "it is NULL";
    if (status == HH_ERR_STATE)
        return "a blocking call can't ask questions or have a body pushed; hh_submit can";
    if (status == HH_ERR_INVALID_ARGUMENT && request->client_serial != client->serial)
        return "it was made with another client";
    if (status == HH_ERR_CLIENT_CLOSED)
        return "the client is closed";
    if (status == HH_ERR_LIMIT)
        return "its head is too large, or there are too many requests under way";
    return hh_status_name(status);
}

static void note_refusal(hh_mailbox *mailbox, size_t index, hh_status status, const char *why)
{
    hh_error error;
    hh__fail(&error, status, HH_PHASE_NONE, "the request can't be sent: %s", why);
    if (mailbox->errors != NULL)
        mailbox->errors[index] = error;
    if (mailbox->first_failure == HH_OK) {
        mailbox->first_failure = status;
        mailbox->first_error = error;
    }
}

static void post(hh_client *client, hh_mailbox *mailbox, hh_request *request, size_t index)
{
    hh_exchange *exchange;
    hh_status status = HH_ERR_STATE;
    if (request == NULL || (request->questions == 0 && request->body_kind != HH_BODY_PUSHED))
        status = hh__client_admit(client, request, &exchange);
    if (status != HH_OK) {
        note_refusal(mailbox, index, status, describe_refusal(client, request, status));
        return;
    }
    exchange->mailbox = mailbox;
    exchange->mailbox_index = index;
    mailbox->pending++;
    hh__exchange_begin(exchange);
}

static hh_status exchange_mail(hh_client *client, hh_mailbox *mailbox, hh_request *const *requests,
                               size_t count)
{
    if (sem_init(&mailbox->wake, 0, 0) != 0)
        return HH_ERR_SYSTEM;
    pthread_mutex_lock(&client->mutex);
    for (size_t i = 0; i < count; i++)
        post(client, mailbox, requests[i], i);
    hh_status status = wait_for_mail(client, mailbox);
    if (status != HH_OK)
        cancel_mail(client, mailbox);
    pthread_mutex_unlock(&client->mutex);
    sem_destroy(&mailbox->wake);
    return status;
}

hh_status hh_send(hh_client *client, hh_request *request, hh_response **out, hh_error *error)
{
    hh_response *response = NULL;
    hh_mailbox mailbox = {.responses = &response};
    if (client == NULL || out == NULL)
        return hh__fail(error, HH_ERR_INVALID_ARGUMENT, HH_PHASE_NONE, "client or out is NULL");
    hh_status status = exchange_mail(client, &mailbox, &request, 1);
    if (status == HH_OK)
        status = mailbox.first_failure;
    if (status != HH_OK) {
        hh_response_destroy(response);
        if (error != NULL && mailbox.first_failure != HH_OK)
            *error = mailbox.first_error;
        else
            hh__fail(error, status, HH_PHASE_NONE, "the request didn't end: %s",
                     hh_status_name(status));
        return status;
    }
    *out = response;
    return HH_OK;
}

hh_status hh_get(hh_client *client, const char *url, hh_response **out, hh_error *error)
{
    hh_request *request;
    if (client == NULL || url == NULL || out == NULL)
        return hh__fail(error, HH_ERR_INVALID_ARGUMENT, HH_PHASE_NONE, "an argument is NULL");
    hh_status status =
        hh_request_create_slice(client, hh_slice_of("GET"), hh_slice_of(url), &request, error);
    if (status != HH_OK)
        return status;
    status = hh_send(client, request, out, error);
    hh_request_destroy(request);
    return status;
}

hh_status hh_send_all(hh_client *client, hh_request *const *requests, size_t count,
                      hh_response **responses, hh_error *errors)
{
    hh_mailbox mailbox = {.responses = responses, .errors = errors};
    if (client == NULL || responses == NULL || (requests == NULL && count > 0))
        return HH_ERR_INVALID_ARGUMENT;
    if (count > HH_EXCHANGES_MAX)
        return HH_ERR_LIMIT;
    memset(responses, 0, count * sizeof *responses);
    if (errors != NULL)
        memset(errors, 0, count * sizeof *errors);
    hh_status status = exchange_mail(client, &mailbox, requests, count);
    return status != HH_OK ? status : mailbox.first_failure;
}
