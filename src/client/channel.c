/*
 * channel.c - hyperhttp/channel.h: the events of one exchange, or of several, in a queue of their
 * own, and a blocking wait for them.
 *
 * Its exchanges deliver here instead of into the client's queue, so what a slow reader leaves is
 * seen by nobody else; their credit bounds it. Who waits and who drives: driver.h. Invariants,
 * under the client's lock: the sleeper is served while the queue isn't empty or the last event is
 * out; an exchange points to its channel until that is closed; a client's channels are all in its
 * list.
 */
#include "base/failure.h"
#include "base/memory.h"
#include "client/client.h"
#include <hyperhttp/channel.h>

struct hh_channel {
    hh_client *client; /* NULL once it is destroyed */
    hh_id id;          /* of the first exchange */
    hh_link link;      /* in client->channels */
    hh_sleeper sleeper;
    hh_list events;
    bool has_several;  /* exchanges were added */
    size_t pending;    /* exchanges whose terminal event isn't in the caller's hands */
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

hh_status hh_channel_create(hh_client *client, hh_channel **out)
{
    hh_channel *channel;
    if (client == NULL || out == NULL)
        return HH_ERR_INVALID_ARGUMENT;
    if (!hh__client_lock(client))
        return HH_ERR_CLIENT_CLOSED;
    hh_status status = create(client, &channel);
    if (status == HH_OK) {
        hh__list_push_back(&client->channels, &channel->link);
        *out = channel;
    }
    pthread_mutex_unlock(&client->mutex);
    return status;
}

static hh_status add(hh_channel *channel, hh_request *request, void *tag, hh_id *id)
{
    hh_exchange *exchange;
    hh_status status = hh__client_admit(channel->client, request, &exchange);
    if (status != HH_OK)
        return status;
    exchange->channel = channel;
    exchange->tag = tag;
    *id = exchange->id;
    channel->has_several = channel->id != 0;
    if (!channel->has_several)
        channel->id = exchange->id;
    channel->pending++;
    channel->sleeper.is_served = !hh__list_is_empty(&channel->events);
    hh__exchange_begin(exchange);
    return HH_OK;
}

hh_status hh_channel_add(hh_channel *channel, hh_request *request, void *tag, hh_id *id)
{
    hh_id made;
    if (channel == NULL)
        return HH_ERR_INVALID_ARGUMENT;
    if (channel->client == NULL || !hh__client_lock(channel->client))
        return HH_ERR_CLIENT_CLOSED;
    hh_status status = add(channel, request, tag, &made);
    pthread_mutex_unlock(&channel->client->mutex);
    if (status == HH_OK && id != NULL)
        *id = made;
    return status;
}

hh_status hh_channel_open(hh_client *client, hh_request *request, hh_channel **out, hh_error *error)
{
    hh_channel *channel;
    if (client == NULL || out == NULL)
        return hh__fail(error, HH_ERR_INVALID_ARGUMENT, HH_PHASE_NONE, "client or out is NULL");
    if (!hh__client_lock(client))
        return hh__fail(error, HH_ERR_CLIENT_CLOSED, HH_PHASE_NONE,
                        "the client belongs to the process this one was forked from");
    hh_id id;
    hh_status status = create(client, &channel);
    if (status == HH_OK) {
        status = add(channel, request, NULL, &id);
        if (status != HH_OK)
            destroy(channel);
    }
    if (status == HH_OK) {
        hh__list_push_back(&client->channels, &channel->link);
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
    if (node != NULL && is_terminal(node))
        channel->pending--;
    channel->sleeper.is_served = channel->pending == 0 || !hh__list_is_empty(&channel->events);
    return node;
}

/* What was served may be true no more when it is pulled: then the wait begins anew. */
static hh_status next(hh_channel *channel, int timeout_ms, hh_event_node **node)
{
    hh_status status = HH_OK;
    while (status == HH_OK) {
        if (channel->pending == 0)
            return HH_ERR_STATE;
        *node = pull(channel);
        if (*node != NULL)
            return HH_OK;
        status = hh__sleeper_wait(channel->client, &channel->sleeper, timeout_ms);
        if (!channel->sleeper.is_served)
            return status; /* time is up, or it went wrong */
    }
    return status;
}

hh_status hh_channel_next(hh_channel *channel, int timeout_ms, const hh_event **out)
{
    hh_event_node *node = NULL;
    if (channel == NULL || out == NULL)
        return HH_ERR_INVALID_ARGUMENT;
    *out = NULL;
    if (channel->client == NULL || !hh__client_lock(channel->client))
        return HH_ERR_CLIENT_CLOSED;
    hh_status status = next(channel, timeout_ms, &node);
    pthread_mutex_unlock(&channel->client->mutex);
    if (node != NULL)
        *out = &node->event;
    return status;
}

hh_id hh_channel_id(const hh_channel *channel)
{
    return channel->id;
}

/* Drops what nobody pulled. Of an exchange nothing is left then, unless its terminal event is in
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

/* The channel's next exchange from slot *index on, or NULL. */
static hh_exchange *find_own(const hh_channel *channel, uint32_t *index)
{
    const hh_exchange_table *table = &channel->client->table;
    while (*index < table->capacity) {
        hh_exchange *exchange = table->slots[(*index)++].exchange;
        if (exchange != NULL && exchange->channel == channel)
            return exchange;
    }
    return NULL;
}

static void give_up(hh_exchange *exchange)
{
    if (exchange->state != HH_EXCHANGE_FINISHED)
        hh__exchange_fail(exchange, HH_ERR_CANCELLED, HH_PHASE_NONE, "%s was given up",
                          hh__exchange_show_url(exchange).text);
}

/* What each exchange still is to the channel: something to end first, and nothing in the end. Those
 * whose terminal event the caller holds stay until it is released. */
static void leave_client(hh_channel *channel)
{
    hh_exchange *exchange;
    uint32_t index = 0;
    hh__loop_refresh(channel->client->loop); /* others may begin by what these leave */
    if (!channel->has_several) {
        exchange = hh__client_find(channel->client, channel->id);
        if (exchange != NULL)
            give_up(exchange);
        drop_events(channel);
        exchange = hh__client_find(channel->client, channel->id);
        if (exchange != NULL)
            exchange->channel = NULL;
    } else {
        while ((exchange = find_own(channel, &index)) != NULL)
            give_up(exchange);
        drop_events(channel);
        for (index = 0; (exchange = find_own(channel, &index)) != NULL;)
            exchange->channel = NULL;
    }
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
