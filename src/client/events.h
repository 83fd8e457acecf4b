/*
 * events.h - the queue between engine and caller.
 *
 * Nodes are reused. The terminal event's node lives in its exchange, so the end of an exchange can
 * always be told, also when there is no memory left.
 */
#ifndef HH_CLIENT_EVENTS_H
#define HH_CLIENT_EVENTS_H

#include "base/buf.h"
#include "base/list.h"
#include <hyperhttp/event.h>

typedef enum hh_node_home { HH_NODE_POOLED = 0, HH_NODE_IN_EXCHANGE } hh_node_home;

typedef struct hh_event_node {
    hh_event event; /* first: hh_event_release casts back */
    hh_link link;
    hh_node_home home;
    uint32_t credit; /* BODY: what its release gives back */
    void *extra;     /* freed with the node: a question's block */
} hh_event_node;

typedef struct hh_events {
    hh_list queue;
    hh_list pulled; /* in the caller's hands */
    size_t queued;
    hh_event_node *free_nodes; /* chained by link.next */
    size_t free_count;
} hh_events;

void hh__events_init(hh_events *events);
/* Drops what is queued, what is in the caller's hands, and what is kept. */
void hh__events_finish(hh_events *events, hh_buf_pool *buffers);
/* A zeroed node, or NULL when out of memory. */
hh_event_node *hh__events_take(hh_events *events);
void hh__events_push(hh_events *events, hh_event_node *node);
hh_event_node *hh__events_pop(hh_events *events);
/* Into the caller's hands, from a queue of its own. */
void hh__events_lend(hh_events *events, hh_event_node *node);
/* Gives back what the node holds, and a pooled node itself. */
void hh__events_release(hh_events *events, hh_buf_pool *buffers, hh_event_node *node);

#endif
