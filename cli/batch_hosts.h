/*
 * batch_hosts.h - at most so many requests to one host at a time; the others wait in line.
 *
 * Remembers only hosts with something in flight or waiting.
 */
#ifndef CLI_BATCH_HOSTS_H
#define CLI_BATCH_HOSTS_H

#include "batch_item.h"

typedef struct batch_host batch_host;

typedef struct batch_hosts {
    uint64_t limit; /* for each host; 0: none, and nothing is remembered */
    batch_host **buckets;
    size_t waiting;    /* items in line */
    batch_item *ready; /* items whose turn has come, and their count is taken */
    batch_item *ready_last;
} batch_hosts;

hh_status batch_hosts_init(batch_hosts *hosts, uint64_t limit);
/* Destroys items still waiting, too. */
void batch_hosts_finish(batch_hosts *hosts);

/* Asks to start `item` (by item->place): it joins those ready, or waits. Takes ownership on HH_OK.
 */
hh_status batch_hosts_admit(batch_hosts *hosts, batch_item *item);
/* The next item that may start, now the caller's; NULL when none may. */
batch_item *batch_hosts_next(batch_hosts *hosts);
/* An item of that place has ended: the next in its line becomes ready. */
void batch_hosts_release(batch_hosts *hosts, const char *place);

#endif
