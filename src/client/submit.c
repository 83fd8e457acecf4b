/*
 * submit.c - the calls of hyperhttp/event.h: submit, cancel, pull, release, answer, push, sink.
 */
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "client/client.h"

hh_status hh_submit(hh_client *client, hh_request *request, void *tag, hh_id *id)
{
    hh_exchange *exchange;
    if (!hh__client_lock(client))
        return HH_ERR_CLIENT_CLOSED;
    hh_status status = hh__client_admit(client, request, &exchange);
    if (status == HH_OK) {
        exchange->tag = tag;
        if (id != NULL)
            *id = exchange->id;
        client->pending++;
        hh__exchange_begin(exchange);
    }
    pthread_mutex_unlock(&client->mutex);
    return status;
}

hh_status hh_cancel(hh_client *client, hh_id id)
{
    hh_status status = HH_ERR_STATE;
    if (!hh__client_lock(client))
        return status;
    hh_exchange *exchange = hh__client_find(client, id);
    if (exchange != NULL && exchange->state != HH_EXCHANGE_FINISHED) {
        hh__loop_refresh(client->loop); /* others may begin by what this one leaves */
        hh__exchange_fail(exchange, HH_ERR_CANCELLED, HH_PHASE_NONE, "%s was cancelled",
                          hh__exchange_show_url(exchange).text);
        status = HH_OK;
    }
    pthread_mutex_unlock(&client->mutex);
    return status;
}

/* The queue has room again: those it held up go on. */
static void release_stalled(hh_client *client)
{
    if (client->events.queued >= HH_STEP_EVENTS_MAX / 2)
        return;
    for (hh_link *link; (link = hh__list_first(&client->stalled)) != NULL;)
        hh__client_make_ready(client, HH_CONTAINER_OF(link, hh_exchange, ready_link));
}

bool hh__client_present(hh_client *client, hh_event_node *node)
{
    hh_event *event = &node->event;
    hh_exchange *exchange;
    if (event->type == HH_EVENT_DONE || event->type == HH_EVENT_ERROR) {
        exchange = HH_CONTAINER_OF(node, hh_exchange, terminal);
        exchange->is_pulled = true;
        client->pending -= exchange->channel == NULL;
        return true;
    }
    if (event->type != HH_EVENT_WANT_BODY)
        return true;
    exchange = hh__client_find(client, event->id);
    if (exchange == NULL)
        return false;
    exchange->is_want_queued = false;
    const hh_attempt *attempt = hh__exchange_current(exchange);
    if (exchange->state == HH_EXCHANGE_FINISHED || attempt == NULL)
        return false;
    exchange->is_push_welcome = true;
    exchange->push_offset = attempt->call.pushed_bytes;
    event->body_offset = exchange->push_offset;
    return true;
}

const hh_event *hh_next_event(hh_client *client)
{
    hh_event_node *node;
    if (!hh__client_lock(client))
        return NULL;
    while ((node = hh__events_pop(&client->events)) != NULL && !hh__client_present(client, node))
        hh__events_release(&client->events, &client->buffers, node);
    release_stalled(client);
    pthread_mutex_unlock(&client->mutex);
    return node != NULL ? &node->event : NULL;
}

static void return_credit(hh_client *client, const hh_event_node *node)
{
    hh_exchange *exchange = hh__client_find(client, node->event.id);
    if (exchange == NULL)
        return;
    exchange->window_used -= node->credit;
    if (exchange->is_paused && exchange->window_used <= client->settings.body_window_bytes / 2)
        hh__client_make_ready(client, exchange);
}

static void end_wait_for_sink(hh_client *client, hh_id id)
{
    hh_exchange *exchange = hh__client_find(client, id);
    if (exchange == NULL || !exchange->waits_for_sink)
        return;
    exchange->waits_for_sink = false;
    hh__client_make_ready(client, exchange);
}

static void release(hh_client *client, hh_event_node *node)
{
    hh_event_type type = node->event.type;
    hh_id id = node->event.id;
    if (type == HH_EVENT_BODY)
        return_credit(client, node);
    hh__events_release(&client->events, &client->buffers, node);
    if (type == HH_EVENT_HEADERS)
        end_wait_for_sink(client, id);
    else if (type == HH_EVENT_DONE || type == HH_EVENT_ERROR)
        hh__client_forget(client, HH_CONTAINER_OF(node, hh_exchange, terminal));
}

void hh_event_release(hh_client *client, const hh_event *event)
{
    union {
        const hh_event *in;
        hh_event_node *out;
    } node = {.in = event}; /* the caller sees it const; it is ours */
    if (event == NULL || !hh__client_lock(client))
        return;
    release(client, node.out);
    pthread_mutex_unlock(&client->mutex);
}

hh_status hh_answer(hh_client *client, hh_id id, const hh_answer_data *answer)
{
    hh_answer_data known = {.size = 0};
    if (answer == NULL || answer->size == 0)
        return HH_ERR_INVALID_ARGUMENT;
    memcpy(&known, answer, answer->size < sizeof known ? answer->size : sizeof known);
    if ((unsigned)known.verdict > HH_ANSWER_FAIL)
        return HH_ERR_INVALID_ARGUMENT;
    if (!hh__client_lock(client))
        return HH_ERR_STATE;
    hh_exchange *exchange = hh__client_find(client, id);
    hh_status status = HH_ERR_STATE;
    if (exchange != NULL) {
        hh__loop_refresh(client->loop);
        status = hh__exchange_answer(exchange, &known);
    }
    pthread_mutex_unlock(&client->mutex);
    return status;
}

static hh_status push(hh_client *client, hh_id id, hh_slice data, hh_push_end end, size_t *accepted)
{
    hh_exchange *exchange = hh__client_find(client, id);
    if (exchange == NULL || exchange->state == HH_EXCHANGE_FINISHED || !exchange->is_push_welcome)
        return HH_ERR_STATE;
    hh_attempt *attempt = hh__exchange_current(exchange);
    /* A body from its middle must not go to an attempt that starts anew. */
    if (attempt == NULL || attempt->call.pushed_bytes != exchange->push_offset)
        return HH_ERR_STATE;
    hh_status status = hh__conn_push(attempt->pooled->conn, &attempt->call, data, end, accepted);
    exchange->push_offset = attempt->call.pushed_bytes;
    if (status == HH_OK && *accepted < data.length)
        exchange->is_push_welcome = false; /* until the next WANT_BODY */
    return status;
}

hh_status hh_body_push(hh_client *client, hh_id id, hh_slice data, hh_body_end end,
                       size_t *accepted)
{
    size_t taken = 0;
    hh_status status = HH_ERR_STATE;
    if (hh__client_lock(client)) {
        hh__loop_refresh(client->loop);
        status = push(client, id, data, end == HH_BODY_LAST ? HH_PUSH_LAST : HH_PUSH_MORE, &taken);
        pthread_mutex_unlock(&client->mutex);
    }
    if (accepted != NULL)
        *accepted = taken;
    return status;
}

hh_status hh_set_sink(hh_client *client, hh_id id, void *memory, size_t capacity)
{
    hh_status status = HH_ERR_STATE;
    if (memory == NULL)
        return HH_ERR_INVALID_ARGUMENT;
    if (!hh__client_lock(client))
        return status;
    hh_exchange *exchange = hh__client_find(client, id);
    if (exchange != NULL && exchange->state == HH_EXCHANGE_COMMITTED && exchange->waits_for_sink &&
        exchange->sink == NULL) {
        exchange->sink = memory;
        exchange->sink_capacity = capacity;
        status = HH_OK;
    }
    pthread_mutex_unlock(&client->mutex);
    return status;
}
