/*
 * blocking.c - hh_get, hh_send, hh_send_all: many threads on one client, one of them driving.
 *
 * Each call has a mailbox on its stack; its exchanges deliver there and never into the event queue.
 * Who waits and who drives: driver.h.
 */
#include <string.h>

#include "base/failure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "client/client.h"

struct hh_mailbox {
    hh_sleeper sleeper;
    size_t pending; /* exchanges under way */
    hh_response **responses;
    hh_error *errors; /* NULL: not wanted */
    hh_status first_failure;
    hh_error first_error;
};

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
        hh__sleeper_serve(client, &mailbox->sleeper);
    hh__client_retire(client, exchange);
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
    if (request != NULL && (request->questions != 0 || request->body_kind == HH_BODY_PUSHED)) {
        note_refusal(mailbox, index, HH_ERR_STATE,
                     "a blocking call can't ask questions or have a body pushed; hh_submit and "
                     "hh_channel_open can");
        return;
    }
    hh_status status = hh__client_admit(client, request, &exchange);
    if (status != HH_OK) {
        note_refusal(mailbox, index, status, hh__client_describe_refusal(client, request, status));
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
    hh_status status = hh__sleeper_init(&mailbox->sleeper);
    if (status != HH_OK)
        return status;
    if (!hh__client_lock(client)) {
        hh__sleeper_finish(&mailbox->sleeper);
        return HH_ERR_CLIENT_CLOSED;
    }
    for (size_t i = 0; i < count; i++)
        post(client, mailbox, requests[i], i);
    mailbox->sleeper.is_served = mailbox->pending == 0;
    status = hh__sleeper_wait(client, &mailbox->sleeper, -1);
    if (status != HH_OK)
        cancel_mail(client, mailbox);
    pthread_mutex_unlock(&client->mutex);
    hh__sleeper_finish(&mailbox->sleeper);
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
