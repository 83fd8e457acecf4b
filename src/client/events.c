/*
 * events.c - see events.h.
 */
#include "client/events.h"

#include <string.h>

#include "base/memory.h"

#define FREE_NODES_MAX 1024

void hh__events_init(hh_events *events)
{
    hh__list_init(&events->queue);
    hh__list_init(&events->pulled);
    events->queued = 0;
    events->free_nodes = NULL;
    events->free_count = 0;
}

void hh__events_finish(hh_events *events, hh_buf_pool *buffers)
{
    while (hh__events_pop(events) != NULL)
        ;
    for (hh_link *link; (link = hh__list_first(&events->pulled)) != NULL;)
        hh__events_release(events, buffers, HH_CONTAINER_OF(link, hh_event_node, link));
    while (events->free_nodes != NULL) {
        hh_event_node *node = events->free_nodes;
        hh_link *next = node->link.next;
        events->free_nodes = next != NULL ? HH_CONTAINER_OF(next, hh_event_node, link) : NULL;
        hh__free(node);
    }
}

hh_event_node *hh__events_take(hh_events *events)
{
    hh_event_node *node = events->free_nodes;
    if (node == NULL)
        return hh__calloc(1, sizeof *node);
    hh_link *next = node->link.next;
    events->free_nodes = next != NULL ? HH_CONTAINER_OF(next, hh_event_node, link) : NULL;
    events->free_count--;
    memset(node, 0, sizeof *node);
    return node;
}

void hh__events_push(hh_events *events, hh_event_node *node)
{
    hh__list_push_back(&events->queue, &node->link);
    events->queued++;
}

hh_event_node *hh__events_pop(hh_events *events)
{
    hh_link *link = hh__list_pop_front(&events->queue);
    if (link == NULL)
        return NULL;
    events->queued--;
    hh__list_push_back(&events->pulled, link);
    return HH_CONTAINER_OF(link, hh_event_node, link);
}

void hh__events_lend(hh_events *events, hh_event_node *node)
{
    hh__list_push_back(&events->pulled, &node->link);
}

void hh__events_release(hh_events *events, hh_buf_pool *buffers, hh_event_node *node)
{
    hh__list_remove(&node->link);
    hh__buf_release(buffers, node->event.buf);
    node->event.buf = NULL;
    hh_response_destroy(node->event.response);
    node->event.response = NULL;
    hh__free(node->extra);
    node->extra = NULL;
    if (node->home == HH_NODE_IN_EXCHANGE)
        return;
    if (events->free_count >= FREE_NODES_MAX) {
        hh__free(node);
        return;
    }
    node->link.next = events->free_nodes != NULL ? &events->free_nodes->link : NULL;
    node->link.previous = NULL;
    events->free_nodes = node;
    events->free_count++;
}
