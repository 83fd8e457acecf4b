/*
 * channel.c - hyperhttp/channel.h: one exchange's events in a queue of its own, and a blocking wait
 * for them.
 *
 * The exchange delivers here instead of into the client's queue, so what a slow reader leaves is
 * seen by nobody else; its credit bounds it. Who waits and who drives: driver.h. Invariants, under
 * the client's lock: the sleeper is served while the queue isn't empty or the last event is out; an
 * exchange points to its channel until that is closed; a client's channels are all in its list.
 */
#include "base/failure.h"
#include "base/memory.h"
#include "client/client.h"
#include <hyperhttp/channel.h>

struct hh_channel {
    hh_client *client; /* NULL once it is destroyed */
    hh_id id;
    hh_link link; /* in client->channels */
    hh_sleeper sleeper;
    hh_list events;
    bool is_over;      /* the terminal event is in the caller's hands */
    bool is_abandoned; /* closed in a child after fork, where it goes with its client */
};

void hh__channel_deliver(hh_channel *channel, hh_event_node *node)
{
    hh__list_push_back(&channel->events, &node->link);
    if (!channel->sleeper.is_served)
        hh__sleeper_serve(channel->client, &channel->sleeper);
}

static hh_status create(hh_client *client, hh_channel **out)
{
    hh_channel *channel = hh__calloc(1, sizeof *channel);
    if (channel == NULL)
        return HH_ERR_NO_MEMORY;
    hh_status status = hh__sleeper_init(&channel->sleeper);
    if (status != HH_OK) {
        hh__free(channel);
        return status;
    }
    hh__list_init(&channel->events);
    channel->client = client;
    *out = channel;
    return HH_OK;
}

static void destroy(hh_channel *channel)
{
    hh__sleeper_finish(&channel->sleeper);
    hh__free(channel);
}

hh_status hh_channel_open(hh_client *client, hh_request *request, hh_channel **out, hh_error *error)
{
    hh_channel *channel;
    if (client == NULL || out == NULL)
        return hh__fail(error, HH_ERR_INVALID_ARGUMENT, HH_PHASE_NONE, "client or out is NULL");
    if (!hh__client_lock(client))
        return hh__fail(error, HH_ERR_CLIENT_CLOSED, HH_PHASE_NONE,
                        "the client belongs to the process this one was forked from");
    hh_exchange *exchange;
    hh_status status = create(client, &channel);
    if (status == HH_OK) {
        status = hh__client_admit(client, request, &exchange);
        if (status != HH_OK)
            destroy(channel);
    }
    if (status == HH_OK) {
        exchange->channel = channel;
        channel->id = exchange->id;
        hh__list_push_back(&client->channels, &channel->link);
        hh__exchange_begin(exchange);
        *out = channel;
    } else {
        hh__fail(error, status, HH_PHASE_NONE, "the request can't be sent: %s",
                 hh__client_describe_refusal(client, request, status));
    }
    pthread_mutex_unlock(&client->mutex);
    return status;
}

static bool is_terminal(const hh_event_node *node)
{
    return node->event.type == HH_EVENT_DONE || node->event.type == HH_EVENT_ERROR;
}

/* The oldest event that is still true, into the caller's hands; NULL: there is none. */
static hh_event_node *pull(hh_channel *channel)
{
    hh_events *events = &channel->client->events;
    hh_event_node *node = NULL;
    for (hh_link *link; (link = hh__list_pop_front(&channel->events)) != NULL;) {
        node = HH_CONTAINER_OF(link, hh_event_node, link);
        hh__events_lend(events, node);
        if (hh__client_present(channel->client, node))
            break;
        hh__events_release(events, &channel->client->buffers, node);
        node = NULL;
    }
    channel->is_over = node != NULL && is_terminal(node);
    channel->sleeper.is_served = channel->is_over || !hh__list_is_empty(&channel->events);
    return node;
}

static hh_status next(hh_channel *channel, hh_event_node **node)
{
    hh_status status = HH_OK;
    while (status == HH_OK) {
        if (channel->is_over)
            return HH_ERR_STATE;
        *node = pull(channel);
        if (*node != NULL)
            return HH_OK;
        status = hh__sleeper_wait(channel->client, &channel->sleeper);
    }
    return status;
}

hh_status hh_channel_next(hh_channel *channel, const hh_event **out)
{
    hh_event_node *node = NULL;
    if (channel == NULL || out == NULL)
        return HH_ERR_INVALID_ARGUMENT;
    *out = NULL;
    if (channel->client == NULL || !hh__client_lock(channel->client))
        return HH_ERR_CLIENT_CLOSED;
    hh_status status = next(channel, &node);
    pthread_mutex_unlock(&channel->client->mutex);
    if (node != NULL)
        *out = &node->event;
    return status;
}

hh_id hh_channel_id(const hh_channel *channel)
{
    return channel->id;
}

/* Drops what nobody pulled. Of the exchange nothing is left then, unless its terminal event is in
 * the caller's hands. */
static void drop_events(hh_channel *channel)
{
    hh_client *client = channel->client;
    for (hh_link *link; (link = hh__list_pop_front(&channel->events)) != NULL;) {
        hh_event_node *node = HH_CONTAINER_OF(link, hh_event_node, link);
        bool is_last = is_terminal(node);
        hh__events_release(&client->events, &client->buffers, node);
        if (is_last)
            hh__client_forget(client, HH_CONTAINER_OF(node, hh_exchange, terminal));
    }
}

static void leave_client(hh_channel *channel)
{
    hh_client *client = channel->client;
    hh_exchange *exchange = hh__client_find(client, channel->id);
    if (exchange != NULL && exchange->state != HH_EXCHANGE_FINISHED) {
        hh__loop_refresh(client->loop); /* others may begin by what this one leaves */
        hh__exchange_fail(exchange, HH_ERR_CANCELLED, HH_PHASE_NONE, "%s was given up",
                          hh__exchange_show_url(exchange).text);
    }
    drop_events(channel);
    exchange = hh__client_find(client, channel->id);
    if (exchange != NULL)
        exchange->channel = NULL;
    hh__list_remove(&channel->link);
}

void hh__channel_orphan(hh_link *link)
{
    hh_channel *channel = HH_CONTAINER_OF(link, hh_channel, link);
    drop_events(channel);
    channel->client = NULL;
    if (channel->is_abandoned)
        destroy(channel);
}

void hh_channel_close(hh_channel *channel)
{
    if (channel == NULL)
        return;
    hh_client *client = channel->client;
    if (client != NULL && !hh__client_lock(client)) {
        channel->is_abandoned = true;
        return;
    }
    if (client != NULL) {
        leave_client(channel);
        pthread_mutex_unlock(&client->mutex);
    }
    destroy(channel);
}
